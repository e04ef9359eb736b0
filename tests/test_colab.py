"""Every notebook as Colab runs it: the wheel and its run-time dependencies alone, an empty folder, no checkout,
Colab's kernel. And what pip would do there when the first cell asks for the package: numpy and torch stay as they
are."""
import json, os, re, shutil, subprocess, sys, venv, zipfile
from importlib.metadata import distribution, packages_distributions, requires
from pathlib import Path

import nbformat, pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conftest import TOP
from nbdev.config import get_config

sys.path.insert(0, str(TOP/'tools'))
from notebooks import installing

notebooks = sorted(p for p in (TOP/'nbs').rglob('*.ipynb')
                   if p.name != 'index.ipynb' and '.ipynb_checkpoints' not in p.parts)
FLAGGED = re.compile(r'^#\|\s*(eval:\s*false|slow|cuda|realdata)\b', re.M)
INSTALL = re.compile(r'! \[ -e /content \] && .*pip install (-\S+) \S+$', re.M)
PRESENT = ('numpy', 'torch', 'torchvision')          # what Colab has and a lesson must not touch
source = lambda cell: ''.join(cell['source'])

BLOCK = """import sys
from importlib.machinery import PathFinder
blocked = {blocked}
class Installed:
    "What isn't installed in Colab isn't found here either."
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition('.')[0] not in blocked: return PathFinder.find_spec(name, path, target)
    invalidate_caches, find_distributions = PathFinder.invalidate_caches, PathFinder.find_distributions
sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
"""


def closure(requirements):
    "The installed distributions that these requirements bring with them."
    found, todo = set(), [(Requirement(r), {''}) for r in requirements]
    while todo:
        r, asked = todo.pop()                            # a requirement, and the extras that its owner was asked for
        key = canonicalize_name(r.name), frozenset(r.extras)
        if key in found or r.marker and not any(r.marker.evaluate(dict(extra=e)) for e in asked): continue
        found.add(key)
        todo += [(Requirement(q), {'', *r.extras}) for q in requires(r.name) or ()]
    return {name for name, _ in found}


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')       # built in a copy, because another test builds one at the same time
    shutil.copytree(TOP/'dl_ops_bench', folder/'copy/dl_ops_bench', ignore=shutil.ignore_patterns('__pycache__'))
    for file in ('setup.py', 'settings.ini', 'MANIFEST.in', 'README.md', 'CONTRIBUTING.md', 'LICENSE'):
        shutil.copy(TOP/file, folder/'copy')
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '-w', folder, folder/'copy'], check=True)
    return next(folder.glob('*.whl'))


def needs(wheel):
    "Requires-Dist of the wheel, extras left out."
    with zipfile.ZipFile(wheel) as z:
        text = z.read(next(n for n in z.namelist() if n.endswith('.dist-info/METADATA'))).decode()
    return [r for r in re.findall(r'^Requires-Dist: (.+)$', text, re.M) if 'extra ==' not in r]


@pytest.fixture(scope='module')
def colab(wheel, tmp_path_factory):
    "The environment of a kernel that has itself, the wheel, its run-time dependencies, pip, and nothing else."
    lib = tmp_path_factory.mktemp('lib')
    pip = [sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--no-index']
    subprocess.run([*pip, '--target', lib, wheel], check=True)
    allowed = closure([*needs(wheel), 'ipykernel']) | {'dl-ops-bench', 'pip', 'setuptools'}
    blocked = {m for m, dists in packages_distributions().items() if allowed.isdisjoint(map(canonicalize_name, dists))}
    assert {'nbdev', 'execnb', 'pytest', 'hypothesis', 'selenium'} <= blocked
    assert not {'torch', 'ipykernel', 'fastcore'} & blocked
    (lib/'sitecustomize.py').write_text(BLOCK.format(blocked=sorted(blocked)))
    ours = 'DL_OPS_BENCH_DATA', 'IN_TEST', 'PYTEST'
    env = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return lib, {**env, 'PYTHONPATH': str(lib), 'XDG_CACHE_HOME': str(lib/'cache')}


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_notebook_as_in_colab(path, colab, tmp_path):
    lib, env = colab
    nb = nbformat.read(path, as_version=4)
    nb.cells = [c for c in nb.cells if c.cell_type == 'code' and not FLAGGED.search(c.source)]
    first = f"import dl_ops_bench; assert dl_ops_bench.__file__.startswith({str(lib)!r}), dl_ops_bench.__file__"
    nb.cells.insert(0, nbformat.v4.new_code_cell(first))
    kernel = KernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))    # of this interpreter, not a user's
    client = NotebookClient(nb, km=kernel, timeout=600, resources={'metadata': {'path': str(tmp_path)}})
    try: client.execute(env=env)
    finally: kernel.shutdown_kernel(now=True)


def test_the_package_brings_no_kernel(wheel):
    "A report is a template over tables and figures; what runs notebooks is for those who open them."
    there = closure(needs(wheel))
    assert 'jinja2' in there and not {'ipykernel', 'ipython', 'nbclient', 'nbconvert', 'nbformat'} & there


def test_dev_packages_are_out_of_reach(colab, tmp_path):
    r = subprocess.run([sys.executable, '-c', 'import nbdev'], cwd=tmp_path, env=colab[1], capture_output=True,
                       text=True)
    assert r.returncode and "No module named 'nbdev'" in r.stderr


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_first_code_installs_only_in_colab(path):
    cells = [source(c) for c in json.loads(path.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == 'code']
    first = next(c for c in cells if 'default_exp' not in c)
    what = get_config(path=TOP).d['install']
    assert first == f'#| hide\n#| eval: false\n! [ -e /content ] && GIT_TERMINAL_PROMPT=0 pip install -qq {what}'


def test_colab_installs_what_can_be_had():
    "The repository until there is a release, then the package: both stand in settings.ini alone."
    c = get_config(path=TOP)
    assert c.d['install'] in (f'git+{c.git_url}', c.repo)
    cell = '"! [ -e /content ] && pip install -Uqq dl_ops_bench"\n"pip install other"'
    new = '"! [ -e /content ] && GIT_TERMINAL_PROMPT=0 pip install -qq x"\n"pip install other"'
    assert installing(cell, 'x') == new


def stub(name, version, metadata, folder, wheel=True):
    "A package without content, as a wheel or as an installed one, that says of itself what the real one says."
    text = f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
    text += ''.join(f'Requires-Dist: {r}\n' for r in metadata)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {f'{info}/METADATA': text, f'{info}/INSTALLER': 'pip\n',
             f'{info}/WHEEL': 'Wheel-Version: 1.0\nGenerator: stub\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
             f'{info}/RECORD': ''.join(f'{info}/{f},,\n' for f in ('METADATA', 'WHEEL', 'RECORD'))}
    if wheel:
        with zipfile.ZipFile(folder/f"{name.replace('-', '_')}-{version}-py3-none-any.whl", 'w') as z:
            for f, t in files.items(): z.writestr(f, t)
    else:
        (folder/info).mkdir()
        for f, t in files.items(): (folder/f).write_text(t)


@pytest.fixture(scope='module')
def plan(wheel, tmp_path_factory):
    """What pip would install beside the numpy and torch that are there, though newer ones are to be had. An index of
    stubs stands in for PyPI: each has the real package's name and requirements; those of `PRESENT` are newer there than
    the installed ones."""
    index, env = tmp_path_factory.mktemp('index'), tmp_path_factory.mktemp('env')
    venv.create(env, with_pip=False)
    python = env/('Scripts/python.exe' if os.name == 'nt' else 'bin/python')
    where = [python, '-c', "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip())
    there = closure(PRESENT)
    for name in closure(needs(wheel)):
        d = distribution(name)
        if name in there: stub(name, d.version, d.requires or (), site, wheel=False)
        newer = name in PRESENT
        stub(name, d.version.partition('+')[0] + '.post1'*newer, [] if newer else d.requires or (), index)
    def ask(flags):
        pip = [sys.executable, '-m', 'pip', '--isolated', '--disable-pip-version-check', '--python', python, 'install']
        dry = '--dry-run', '--no-index', '--find-links', index, '--report', index/'plan.json'
        r = subprocess.run([*pip, *flags, *dry, wheel], capture_output=True, text=True,
                           env={**os.environ, 'PIP_CONFIG_FILE': os.devnull})
        assert r.returncode == 0, r.stdout + r.stderr
        planned = json.loads((index/'plan.json').read_text())['install']
        return {canonicalize_name(i['metadata']['name']) for i in planned}
    return ask


def test_install_leaves_numpy_and_torch_alone(plan):
    flags = {INSTALL.search(p.read_text(encoding='utf-8').replace('\\n', '\n').replace('"', ''))[1] for p in notebooks}
    assert len(flags) == 1
    planned = plan(flags.pop().split())
    assert {'dl-ops-bench', 'pandas', 'typer'} <= planned and not planned & closure(PRESENT)


def test_an_eager_install_would_not(plan):
    assert {'numpy', 'torch'} <= plan(['-U', '--upgrade-strategy', 'eager'])
