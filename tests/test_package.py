"What a stranger gets: documented names, a wheel that has everything, notebooks that read well."
import ast, importlib, inspect, json, pkgutil, re, subprocess, sys, zipfile

import pytest
from fastcore.docments import docments

import dl_ops_bench
from conftest import TOP

modules = sorted(m.name for m in pkgutil.iter_modules(dl_ops_bench.__path__) if not m.name.startswith('_'))
lessons = sorted(p for p in (TOP/'nbs').glob('[0-9][0-9]_*.ipynb'))
others = [TOP/'nbs/report.ipynb', *sorted((TOP/'nbs/tutorials').glob('*.ipynb'))]
source = lambda cell: ''.join(cell['source'])


def public(module):
    "Functions and classes that a module exports and defines itself."
    m = importlib.import_module(f'dl_ops_bench.{module}')
    return {n: o for n in m.__all__ if callable(o := getattr(m, n)) and getattr(o, '__module__', '') == m.__name__}


@pytest.mark.parametrize('module', modules)
def test_public_names_are_documented(module):
    lacking = []
    for name, obj in public(module).items():
        if not inspect.getdoc(obj): lacking.append(f'{name}: docstring')
        if not inspect.isfunction(obj): continue
        sig, described = inspect.signature(obj), docments(obj)
        if 'typer' in str(sig): continue                # its help is in the annotation
        named = [p.name for p in sig.parameters.values() if p.kind != p.VAR_KEYWORD]
        lacking += [f'{name}: {n}' for n in named if described.get(n) is None]
    assert not lacking


def test_version_stands_in_settings_alone():
    stated = re.search(r'^version = (\S+)', (TOP/'settings.ini').read_text(), re.M)[1]
    assert dl_ops_bench.__version__ == stated
    r = subprocess.run([sys.executable, 'setup.py', '--version'], cwd=TOP, capture_output=True, text=True)
    asked = r.stdout.split()
    assert not asked or asked[-1] == stated


@pytest.mark.parametrize('heavy', ['torch', 'pandas', 'sklearn', 'matplotlib'])
def test_import_is_light(heavy):
    code = f'import sys, dl_ops_bench, dl_ops_bench.cli; sys.exit({heavy!r} in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], cwd=TOP).returncode == 0


def imported(source):
    "Names of the package's modules that a module's text imports, relative as nbdev writes it or absolute."
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {a.name.split('.')[1] for a in node.names if a.name.startswith('dl_ops_bench.')}
        if not isinstance(node, ast.ImportFrom): continue
        full = '.'.join(filter(None, ('dl_ops_bench' if node.level else '', node.module)))
        if full == 'dl_ops_bench': found |= {a.name for a in node.names}
        elif full.startswith('dl_ops_bench.'): found.add(full.split('.')[1])
    return found & set(modules)


def upward(sources, # module -> its text, in the order of the notebooks
          ):
    "Imports of a module that comes later, or of itself."
    order = list(sources)
    return {m: later for i, m in enumerate(order) if (later := imported(sources[m]) & set(order[i:]))}


ORDER = [p.stem[3:] for p in lessons]


def test_modules_import_only_from_above():
    assert not upward({m: (TOP/f'dl_ops_bench/{m}.py').read_text() for m in ORDER})


@pytest.mark.parametrize('line', ['from .report import render', 'from . import report',
                                  'from dl_ops_bench.report import render', 'import dl_ops_bench.report',
                                  'def f():\n    from .report import render'])
def test_an_upward_import_is_noticed(line):
    sources = {m: (TOP/f'dl_ops_bench/{m}.py').read_text() for m in ORDER}
    assert upward(sources | {'timer': sources['timer'] + '\n' + line}) == {'timer': {'report'}}


def reached(module):
    "All modules of the package that importing one brings in."
    found, todo = set(), [module]
    while todo:
        new = imported((TOP/f'dl_ops_bench/{todo.pop()}.py').read_text()) - found
        found |= new
        todo += new
    return found


def test_instruments_know_nothing_of_trials():
    trials = {p.stem[3:] for p in lessons if p.stem[0] != '0'}
    for p in lessons:
        if p.stem[0] == '0': assert not reached(p.stem[3:]) & trials


def test_what_is_said_needs_no_torch():
    said = ', '.join(f'dl_ops_bench.{p.stem[3:]}' for p in lessons if p.stem[0] == '3')
    code = f"import sys, {said}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, '-c', code], cwd=TOP).returncode == 0


def test_a_name_is_bound_once():
    bound = {}
    for m in modules:
        for n in importlib.import_module(f'dl_ops_bench.{m}').__all__: bound.setdefault(n, []).append(m)
    assert not {n: where for n, where in bound.items() if len(where) > 1}


def test_no_private_name_is_taken_from_elsewhere():
    for m in ORDER:
        for node in ast.walk(ast.parse((TOP/f'dl_ops_bench/{m}.py').read_text())):
            if isinstance(node, ast.ImportFrom) and (node.level or (node.module or '').startswith('dl_ops_bench')):
                private = [a.name for a in node.names if a.name.startswith('_') and not a.name.startswith('__')]
                assert not private, f'{m} takes {private} from {node.module}'


def test_the_package_offers_its_best():
    assert [n for n in dl_ops_bench.__all__ if not callable(getattr(dl_ops_bench, n))] == []
    with pytest.raises(AttributeError, match='no attribute'): _ = dl_ops_bench.nothing


@pytest.mark.parametrize('path', lessons, ids=lambda p: p.stem)
def test_lesson_opens_as_the_others_do(path):
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    name = path.stem[3:]
    assert source(cells[0]) == f'#| default_exp {name}'
    assert re.fullmatch(rf'# {name}\n\n> [^\n]+', source(cells[1]))
    notebook = rf'https://colab\.research\.google\.com/github/\S+/nbs/{path.name}'
    assert re.fullmatch(rf'\[!\[Open In Colab\]\(\S+\)\]\({notebook}\)', source(cells[2]))
    assert 'pip install' in source(cells[3]) and '#| eval: false' in source(cells[3])


@pytest.mark.parametrize('path', lessons + others, ids=lambda p: p.stem)
def test_outputs_are_stored_and_small(path):
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    shown = [o for c in cells if c['cell_type'] == 'code' for o in c['outputs']]
    assert shown and not [o for o in shown if o['output_type'] == 'error']
    assert path.stat().st_size < (1_000_000 if path.stem == 'report' else 300_000)  # the report lists every record


def test_addresses_follow_the_account():
    r = subprocess.run([sys.executable, 'tools/notebooks.py', 'account', '--check'], cwd=TOP, capture_output=True,
                       text=True)
    assert r.returncode == 0, r.stderr


def test_account_can_be_changed():
    sys.path.insert(0, str(TOP/'tools'))
    from notebooks import addresses
    text = (TOP/'README.md').read_text()
    moved = addresses(text, 'somebody', 'dl_ops_bench')
    assert 'somebody.github.io/dl_ops_bench' in moved and 'dl-ops-bench.github.io' not in moved
    assert addresses(moved, 'dl-ops-bench', 'dl_ops_bench') == text


def test_wheel_has_everything(tmp_path):
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '-w', tmp_path, TOP], check=True)
    wheel, = tmp_path.glob('*.whl')
    names = zipfile.ZipFile(wheel).namelist()
    for f in ['py.typed', 'page/page.html.j2', 'page/parts.html.j2', 'page/page.css', 'page/report.css',
              'paper/grid.csv', 'paper/epochs.csv', 'paper/pin_memory.csv', 'paper/hardware.csv',
              *(f'{m}.py' for m in modules)]:
        assert f'dl_ops_bench/{f}' in names
    assert any(re.fullmatch(r'dl_ops_bench/sample/[0-9a-f]{16}\.json', n) for n in names)
    assert not [n for n in names if n.startswith(('tests', 'nbs', 'tools'))] and wheel.stat().st_size < 3e6


def test_readme_commands_can_be_found_by_ci():
    text = (TOP/'README.md').read_text()
    for name in ('quick', 'test'): assert len(re.findall(rf'<!-- ci: {name} -->\n```bash\n[^`]+```', text)) == 1
