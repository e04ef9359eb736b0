"""The guides' commands, tried. A block of commands says above it what it needs: `<!-- ci -->`, nothing, and it is run
here as it stands; `<!-- needs: ... -->`, something that isn't here, and its options are held against --help. In a guide
that is a notebook the blocks are cells of `! ` lines, and a cell that begins with `%%writefile` makes their file."""
import json, os, re, shlex, subprocess, sys

import pytest
from conftest import TOP

BLOCK = re.compile(r'(?:<!-- (ci(?:: \w+)?|needs: .+?) -->\n *)?```bash\n(.*?)```', re.S)
extend = TOP/'nbs/guides/extend.ipynb'
guides = sorted((TOP/'nbs/guides').glob('*.qmd'))
pages = [*guides, extend, TOP/'README.md', TOP/'CONTRIBUTING.md']


def cells(notebook):
    "The sources of the code cells that a reader sees."
    nb = json.loads(notebook.read_text(encoding='utf-8'))
    sources = [''.join(c['source']) for c in nb['cells'] if c['cell_type'] == 'code']
    return [s for s in sources if '#| hide' not in s]


def text_of(page):
    "A page as Markdown; of a notebook, its commands alone."
    if page.suffix != '.ipynb': return page.read_text(encoding='utf-8')
    lines = [re.findall(r'^! (.+)$', source, re.M) for source in cells(page)]
    return '\n'.join('<!-- ci -->\n```bash\n' + '\n'.join(found) + '\n```' for found in lines if found)


blocks = {p: BLOCK.findall(text_of(p)) for p in pages}


@pytest.fixture
def shell(tmp_path):
    "Runs lines of a shell in an empty folder where `dl-ops-bench` and `python` are this interpreter's."
    (tmp_path/'bin').mkdir()
    for name, does in (('dl-ops-bench', '-m dl_ops_bench'), ('python', '')):
        (tmp_path/'bin'/name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {does} "$@"\n')
        (tmp_path/'bin'/name).chmod(0o755)
    (tmp_path/'here').mkdir()
    path = f"{tmp_path/'bin'}:{os.environ['PATH']}"
    def run(lines):
        r = subprocess.run(['bash', '-euo', 'pipefail', '-c', lines], cwd=tmp_path/'here', capture_output=True,
                           text=True, timeout=600, env={**os.environ, 'PATH': path})
        assert r.returncode == 0, f'{lines}\n{r.stdout[-2000:]}{r.stderr[-2000:]}'
        return r.stdout
    return run


@pytest.mark.parametrize('page', pages, ids=lambda p: p.stem)
def test_every_block_says_what_it_needs(page):
    assert blocks[page] and text_of(page).count('```bash') == len(blocks[page])
    assert not [body for mark, body in blocks[page] if not mark], 'put <!-- ci --> or <!-- needs: what --> above it'


def commands(page):
    "Every command line for dl-ops-bench on a page, in blocks and in running text."
    text = text_of(page).replace('\\\n', ' ')
    found = re.findall(r'`([^`\n]+)`', text)
    for _, body in BLOCK.findall(text): found += re.split(r'\n|&&|;', body)
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
        if sub == ['run'] and len(words) > 1 and words[1] != 'PRESET' and not words[1].endswith('.py'):
            assert re.search(rf'\b{words[1]}\b', known), f'{line}: no such preset'


@pytest.mark.parametrize('page', [p for p in guides if any(m == 'ci' for m, _ in blocks[p])], ids=lambda p: p.stem)
def test_guide_as_it_stands(page, shell):
    for mark, body in blocks[page]:
        if mark == 'ci': shell(body)


def test_first_command_is_the_readmes():
    body = next(b for m, b in blocks[TOP/'nbs/guides/first_study.qmd'] if m.endswith("README's command"))
    assert body.strip() in next(b for m, b in blocks[TOP/'README.md'] if m == 'ci: quick')


def test_a_file_of_ones_own(shell, tmp_path):
    "The guide's file: trainings in processes of their own, records, and a report that needs the file no more."
    for source in cells(extend):
        head, _, body = source.partition('\n')
        if head.startswith('%%writefile '): (tmp_path/'here'/head.split()[1]).write_text(body)
    for _, body in blocks[extend]: shell(body)
    records = [json.loads(p.read_text()) for p in (tmp_path/'here/mine').glob('?'*16 + '.json')]
    assert len(records) == 3 + 4 and {r['status'] for r in records} == {'ok'}
    assert {e['source'] for r in records for e in r['entries']} == {'mystudy.py'}
    assert {r['trial']['weight_decay'] for r in records if r['trial'].get('optimizer') == 'adamw'} == {0.01}
    page = (tmp_path/'here/mine/report.html').read_text(encoding='utf-8')
    assert all(words in page for words in ('even or odd', 'small CNN', 'AdamW'))
    shown = """
from dl_ops_bench import read_records
from dl_ops_bench.compare import scales, settings
found = settings(read_records('mine'))
for scale in scales(found):
    for s in found.at(scale).where(kind='resnet'): print(s.trial.optimizer, s.trial.epochs)"""
    lines = shell(f'python -c {shlex.quote(shown)}').splitlines()
    assert sorted(lines) == ['adam 1', 'adam 1', 'adam 8', 'adamw 1', 'adamw 1', 'adamw 8']
