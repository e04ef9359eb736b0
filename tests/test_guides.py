"""The guides' commands, tried. A block of commands says above it what it needs: `<!-- ci -->`, nothing, and it is run here as it stands;
`<!-- needs: ... -->`, something that isn't here, and its options are held against --help; `<!-- ci: extended -->`, the guide's edits, which
are made on a copy of the notebooks first."""
import hashlib, json, os, re, shlex, shutil, struct, subprocess, sys
from pathlib import Path

import numpy as np, pytest

from conftest import TOP

BLOCK = re.compile(r'(?:<!-- (ci(?:: \w+)?|needs: .+?) -->\n *)?```bash\n(.*?)```', re.S)
guides = sorted((TOP/'nbs/guides').glob('*.qmd'))
pages = [*guides, TOP/'README.md', TOP/'CONTRIBUTING.md']
blocks = {p: BLOCK.findall(p.read_text(encoding='utf-8')) for p in pages}


@pytest.fixture
def shell(tmp_path):
    "Runs lines of a shell in an empty folder where `dl-ops-bench` and `python` are this interpreter's."
    (tmp_path/'bin').mkdir()
    for name, does in (('dl-ops-bench', "-c 'from dl_ops_bench.cli import main; main()'"), ('python', '')):
        (tmp_path/'bin'/name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {does} "$@"\n')
        (tmp_path/'bin'/name).chmod(0o755)
    (tmp_path/'here').mkdir()
    def run(lines, **env):
        r = subprocess.run(['bash', '-euo', 'pipefail', '-c', lines], cwd=tmp_path/'here', capture_output=True, text=True, timeout=600,
                           env={**os.environ, 'PATH': f"{tmp_path/'bin'}:{os.environ['PATH']}", **env})
        assert r.returncode == 0, f'{lines}\n{r.stdout[-2000:]}{r.stderr[-2000:]}'
        return r.stdout
    return run


@pytest.mark.parametrize('page', pages, ids=lambda p: p.stem)
def test_every_block_says_what_it_needs(page):
    text = page.read_text(encoding='utf-8')
    assert blocks[page] and text.count('```bash') == len(blocks[page])
    assert not [body for mark, body in blocks[page] if not mark], 'put <!-- ci --> or <!-- needs: what --> above it'


def commands(page):
    "Every command line for dl-ops-bench on a page, in blocks and in running text."
    text = page.read_text(encoding='utf-8').replace('\\\n', ' ')
    found = [line for _, body in BLOCK.findall(text) for line in re.split(r'\n|&&|;', body)] + re.findall(r'`([^`\n]+)`', text)
    return sorted({line.strip() for line in found if line.strip().startswith('dl-ops-bench ')})


@pytest.mark.parametrize('page', pages, ids=lambda p: p.stem)
def test_options_are_those_of_the_command(page, shell):
    helps = {}
    def help(*words):
        if words not in helps: helps[words] = shell(shlex.join(['dl-ops-bench', *words, '--help']))
        return helps[words]
    for line in commands(page):
        words = shlex.split(line)[1:]
        if words[0].startswith('--'): continue
        sub = words[:2] if words[0] == 'data' else words[:1]
        known = help(*sub)
        for w in words:
            if w.startswith('--'): assert re.search(rf'(?<![\w-]){w}(?![\w-])', known), f'{line}: {w} is not an option'
        if sub == ['run'] and len(words) > 1: assert re.search(rf'\b{words[1]}\b', known) or words[1] == 'PRESET', f'{line}: no such preset'


@pytest.mark.parametrize('page', [p for p in guides if any(m == 'ci' for m, _ in blocks[p])], ids=lambda p: p.stem)
def test_guide_as_it_stands(page, shell):
    for mark, body in blocks[page]:
        if mark == 'ci': shell(body)


def test_first_command_is_the_readmes():
    body = next(b for m, b in blocks[TOP/'nbs/guides/first_study.qmd'] if m.endswith("README's command"))
    assert body.strip() in next(b for m, b in blocks[TOP/'README.md'] if m == 'ci: quick')


def edit(folder, notebook, old, new):
    "Replace `old` by `new` in the one cell of the copied notebook that has it."
    path = folder/notebook
    nb = json.loads(path.read_text(encoding='utf-8'))
    cells = [c for c in nb['cells'] if c['cell_type'] == 'code' and old in ''.join(c['source'])]
    assert len(cells) == 1, f'{notebook} has {len(cells)} cells with what the guide replaces:\n{old}'
    cells[0]['source'] = ''.join(cells[0]['source']).replace(old, new).splitlines(True)
    path.write_text(json.dumps(nb), encoding='utf-8')


def kmnist_like(folder):
    "Four files of MNIST's format with little in them; their digests by name."
    folder.mkdir(parents=True)
    rng, digests = np.random.default_rng(0), {}
    for part, n in (('train', 3000), ('t10k', 500)):
        y = np.arange(n, dtype=np.uint8) % 10
        x = rng.integers(0, 255, (n, 28, 28), np.uint8)
        files = {f'{part}-images-idx3-ubyte': struct.pack('>4i', 2051, n, 28, 28) + x.tobytes(),
                 f'{part}-labels-idx1-ubyte': struct.pack('>2i', 2049, n) + y.tobytes()}
        for name, content in files.items():
            (folder/name).write_bytes(content)
            digests[name] = hashlib.sha256(content).hexdigest()
    return digests


def test_additions_of_the_guide_work(shell, tmp_path):
    "The edits of the guide, all of them, made on a copy; then its commands."
    page, copy = TOP/'nbs/guides/extend.qmd', tmp_path/'copy'
    left_out = shutil.ignore_patterns('.*', '__pycache__', 'dl-ops-results')
    for folder in ('nbs', 'dl_ops_bench'): shutil.copytree(TOP/folder, copy/folder, symlinks=True, ignore=left_out)
    for file in ('settings.ini', '_quarto.yml', 'README.md', 'setup.py'): shutil.copy(TOP/file, copy)
    digests = kmnist_like(tmp_path/'here/data/KMNIST/raw')
    edits = re.findall(r'```diff\n--- (\S+)\n(.*?)```', page.read_text(encoding='utf-8'), re.S)
    assert len(edits) >= 5
    for notebook, lines in edits:
        part = lambda sign: '\n'.join(l[1:] for l in lines.splitlines() if l.startswith(sign))
        edit(copy, notebook, part('-'), re.sub(r'DIGEST OF ([\w-]+)', lambda m: digests[m[1]], part('+')))
    env = {'PYTHONPATH': str(copy)}
    shell(f'cd {copy} && python -c "from nbdev.doclinks import nbdev_export; nbdev_export()"', **env)
    assert str(copy) in shell('python -c "import dl_ops_bench; print(dl_ops_bench.__file__)"', **env)
    for mark, body in blocks[page]:
        if mark == 'ci: extended': shell(body, **env)
    for out in ('mine', 'kmnist'):
        records = [json.loads(p.read_text()) for p in (tmp_path/'here'/out).glob('?'*16 + '.json')]
        assert records and all(r['status'] == 'ok' for r in records), out
