"Situations of people who did not write this: other folders, systems, networks, clocks and habits than its authors'."
import asyncio, gzip, hashlib, http.server, json, os, re, socket, subprocess, sys, threading, time
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import MNIST

from conftest import TOP
from dl_ops_bench import cli, data, registry, report, store, study
from dl_ops_bench.errors import InputError, cache_dir, path_of
from dl_ops_bench.record import new_record, read_predictions, read_record
from dl_ops_bench.run import run_trial
from dl_ops_bench.store import Checkpoint, Lease, Store, read_records
from dl_ops_bench.trial import SVMTrial, Trial

sys.path.insert(0, str(TOP/'tools'))
import lower_bounds

DUMMY = SVMTrial(dataset='digits', model='dummy')
TINY = 'from dl_ops_bench import SVMTrial\ntrials = [SVMTrial(dataset="digits", model="dummy")]\n'
COMMAND = 'from dl_ops_bench.cli import main; main()'


@pytest.fixture
def home(tmp_path, monkeypatch):
    "An empty home, and an empty current folder beside it."
    for name in ('home', 'here'): (tmp_path/name).mkdir()
    monkeypatch.setenv('HOME', str(tmp_path/'home'))
    monkeypatch.chdir(tmp_path/'here')
    return tmp_path/'home'


@pytest.fixture
def python(tmp_path):
    """Runs Python in an empty folder that holds tiny.py, after `first` was executed in it and in its children; gives
    exit code and both streams."""
    (tmp_path/'tiny.py').write_text(TINY)

    def run(*args, first='', env=(), **kwargs):
        folder = tmp_path/'sitecustomize'
        folder.mkdir(exist_ok=True)
        (folder/'sitecustomize.py').write_text(first)
        paths = os.pathsep.join([str(folder), str(TOP), *filter(None, [os.environ.get('PYTHONPATH')])])
        env = {**os.environ, 'PYTHONPATH': paths, **dict(env)}
        words, env = [sys.executable, *map(str, args)], {k: v for k, v in env.items() if v is not None}
        r = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, timeout=300, **kwargs)
        return r.returncode, (r.stdout + r.stderr).decode(errors='replace')
    return run


@pytest.fixture
def command(capfd, monkeypatch):
    "Runs `dl-ops-bench` in this process: exit code and both streams. What needs a process of its own takes `python`."
    monkeypatch.setenv('DL_OPS_BENCH_COMMAND', '')

    def run(*args):
        code = 0
        try: cli.main(list(map(str, args)))
        except SystemExit as e: code = e.code or 0
        return code, ''.join(capfd.readouterr())
    return run


def recorded(folder, n=1):
    "The records in a folder, none of them refused."
    found = read_records(folder)
    assert len(found) == n and not found.refused
    return found


# Paths


def put_record(folder):
    return Store(folder).write(new_record(DUMMY, 'ok', metrics=dict(accuracy_pct=10., n_test=359)))


WAYS_IN = dict(
    store=put_record,
    read_records=lambda p: read_records(p),
    study=lambda p: study.run_study([DUMMY], p, say=lambda line: None),
    status=lambda p: study.status(p),
    lease=lambda p: (lease := Lease(p, 'a')).take() and lease.release(),
    checkpoint=lambda p: Checkpoint(p, 'a').save(b'x'),
    atomic=lambda p: store.write_atomic(f'{p}/file', b'x'),
    record=lambda p: read_record(f'{p}/{DUMMY.id}.json'),
    predictions=lambda p: read_predictions(f'{p}/some.npz'),
    report=lambda p: report.render([p], f'{p}/report.html'),
    load=lambda p: data.load('digits', p),
    own_file=lambda p: registry.load_file(f'{p}/tiny.py'))


@pytest.mark.parametrize('way', WAYS_IN)
def test_a_home_is_found_wherever_a_path_comes_in(way, home):
    put_record(home/'study')
    study.keep_list(home/'study', [DUMMY])
    (home/'study/tiny.py').write_text(TINY)
    np.savez(home/'study/some.npz', index=[0], y=[0], pred=[0])
    WAYS_IN[way]('~/study')
    assert os.listdir() == []                             # no folder named ~


def test_the_command_finds_a_home_in_every_option(command, home, monkeypatch):
    (home/'tiny.py').write_text(TINY)
    code, text = command('run', '~/tiny.py', '--out=~/study', '--data=~/data', '--engine=here')
    assert code == 0 and (home/'study/report.html').exists(), text
    assert command('report', '~/study', '--html=~/page.html')[0] == 0 and (home/'page.html').exists()
    assert command('report', '~/study', '--format=csv', '--to=~/tables')[0] == 0 and list((home/'tables').glob('*.csv'))
    assert 'finished' in command('status', '~/study')[1]
    assert f'{home}/data/MNIST' in command('data', 'verify', 'mnist', '--data=~/data')[1]
    monkeypatch.setenv('DL_OPS_BENCH_DATA', '~/lake')
    assert f'{home}/lake/MNIST' in command('data', 'verify', 'mnist')[1]
    assert os.listdir() == []


def test_what_is_no_path_is_said(command, home):
    for wrong in ('', None, 3, 'a\0b'):
        with pytest.raises(InputError, match='give the name of a file or a folder'): path_of(wrong)
    code, text = command('run', 'quick', '--out=~nobody-of-this-name/x')
    assert code == 2 and 'write the folder out' in text


# Scripts


def test_a_script_without_a_main_guard_is_told_so(python, tmp_path):
    (tmp_path/'script.py').write_text(
        'from dl_ops_bench import SVMTrial, run_study\nfrom dl_ops_bench.workers import ChildProcess\n'
        'run_study([SVMTrial(dataset="digits", model="dummy")], "out", executor=ChildProcess())\n')
    code, text = python('script.py')
    assert code == 1 and "under `if __name__ == '__main__':`" in text.splitlines()[-1]
    assert 'memory' not in text and text.count('Traceback') == 2              # the parent's, with its cause; no child's
    assert not list((tmp_path/'out').glob('[0-9a-f]*.json'))                  # nothing is recorded of what wasn't run


@pytest.mark.parametrize('call', ['process_pool(2)', 'ChildProcess().submit(max, 1, 2).result()'])
def test_every_way_to_a_child_tells_of_the_main_guard(call, python, tmp_path):
    (tmp_path/'script.py').write_text(f'from dl_ops_bench.workers import *\n{call}\n')
    code, text = python('script.py')
    assert code == 1 and "under `if __name__ == '__main__':`" in text.splitlines()[-1] and 'memory' not in text


def test_a_main_program_that_is_no_file(python):
    code, text = python('-', input=b'from dl_ops_bench.workers import *\nChildProcess().submit(max, 1, 2).result()\n')
    assert code == 1 and 'has to be a file that can be imported' in text.splitlines()[-1]


def test_a_running_event_loop(tmp_path):
    async def cell():
        study.run_study([DUMMY], tmp_path, say=lambda line: None)
        return report.render([tmp_path], tmp_path/'page.html')
    assert asyncio.run(cell()).exists()


def test_warnings_as_errors(python, tmp_path):
    "Those of other libraries when they are imported are theirs; none of ours ends a study."
    (tmp_path/'net.py').write_text(
        'from dl_ops_bench import SVMTrial, Trial\nsmall = dict(dataset="digits", image_size=8, train_fraction=0.1)\n'
        'trials = [SVMTrial(dataset="digits"), Trial(stem="small", epochs=1, **small)]\n')
    first = 'import sys\nif "dl_ops_bench" in str(sys.argv): import torch, pandas, sklearn, matplotlib'
    code, text = python('-W', 'error', '-c', COMMAND, 'run', 'net.py', '--out=out', '--engine=here', first=first)
    assert code == 0, text
    recorded(tmp_path/'out', 2)


def test_another_default_dtype(home):
    import torch
    torch.set_default_dtype(torch.float64)
    try: record, _ = run_trial(Trial(dataset='digits', image_size=8, train_fraction=0.1, epochs=1, seed=3))
    finally: torch.set_default_dtype(torch.float32)
    usual, _ = run_trial(record.trial)
    assert (record.status, record.metrics) == ('ok', usual.metrics)


@pytest.mark.parametrize('args', [['status', 'out'], ['report', 'out']], ids=' '.join)
def test_a_pipe_that_closes_early(args, tmp_path):
    put_record(tmp_path/'out')
    study.keep_list(tmp_path/'out', [DUMMY])
    p = subprocess.Popen([sys.executable, '-c', COMMAND, *args], cwd=tmp_path, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    p.stdout.close()
    error = p.stderr.read().decode()
    assert p.wait(120) in (0, 1) and 'Traceback' not in error and 'Exception ignored' not in error, error


# Systems

NO_HOME = """import os, pwd
def nobody(*_): raise KeyError('getpwuid(): uid not found: 12345')
pwd.getpwuid = pwd.getpwnam = nobody
"""


CHMOD = """
def refused(*_, **__): raise PermissionError(1, 'Operation not permitted')
os.chmod = os.fchmod = os.lchmod = refused
"""
SOCKETS = """
import socket
bind = socket.socket.bind
def refused(self, address):
    if self.family == socket.AF_UNIX: raise OSError(95, 'Operation not supported')
    return bind(self, address)
socket.socket.bind = refused
"""


def test_nobody_at_home_on_a_poor_file_system(python, tmp_path):
    "A user without an entry in the password file and without HOME; chmod and UNIX sockets are refused."
    nobody = dict(HOME=None, USER=None, LOGNAME=None, LNAME=None, USERNAME=None, XDG_CACHE_HOME=None,
                  DL_OPS_BENCH_DATA=None, MPLCONFIGDIR=str(tmp_path), TMPDIR=str(tmp_path))
    code, text = python('-c', COMMAND, 'run', 'tiny.py', '--out=out', first=NO_HOME + CHMOD + SOCKETS, env=nobody)
    assert code == 0 and 'Traceback' not in text, text
    recorded(tmp_path/'out')
    code, text = python('-c', 'from dl_ops_bench import data, hardware; print(data.data_dir()); hardware.peaks("cpu")',
                        first=NO_HOME, env=nobody)
    assert (code, text.splitlines()[-1]) == (0, f'{tmp_path}/dl_ops_bench'), text


def test_the_cache_that_was_named_counts_without_a_home(monkeypatch):
    def no_home(): raise RuntimeError('Could not determine home directory.')
    monkeypatch.setattr(Path, 'home', no_home)
    monkeypatch.setenv('XDG_CACHE_HOME', '/var/cache')
    assert cache_dir() == Path('/var/cache/dl_ops_bench')


def test_status_writes_nothing(tmp_path):
    "Not even for a moment, and not for a worker elsewhere, whose silence has to be timed."
    study.keep_list(tmp_path, [DUMMY])
    (tmp_path/f'{DUMMY.id}.claim-1').write_text(json.dumps(dict(host='elsewhere', pid=1, born=1, token='x')))
    before = tmp_path.stat().st_mtime_ns
    assert len(study.status(tmp_path).running) == 1
    assert tmp_path.stat().st_mtime_ns == before


def test_a_folder_where_no_socket_can_be_made(monkeypatch, tmp_path):
    "Loader processes would be waited for, for ever."
    bind = socket.socket.bind

    def refused(self, address):
        if self.family == socket.AF_UNIX: raise OSError(95, 'Operation not supported')
        return bind(self, address)
    monkeypatch.setattr(socket.socket, 'bind', refused)
    with pytest.raises(InputError, match='name another one with TMPDIR, or set workers=0'):
        study.run_study([Trial(dataset='digits', image_size=16, workers=1)], tmp_path)


NAMED = 'seaborn', 'pandas', 'torch', 'matplotlib', 'numpy', 'random', 'queue', 'psutil'


def test_files_that_are_named_like_libraries(python, tmp_path):
    "The command doesn't look in the current folder, nor do its children."
    for name in NAMED: (tmp_path/f'{name}.py').write_text(f'raise SystemExit("the user\'s {name}.py")')
    code, text = python('-m', 'dl_ops_bench', 'run', 'tiny.py', '--out=out')
    assert code == 0 and (tmp_path/'out/report.html').exists(), text
    recorded(tmp_path/'out')
    code, text = python('-c', "import sys; sys.path.remove(''); from dl_ops_bench.workers import ChildProcess\n"
                              'print(ChildProcess().submit(max, 1, 2).result())')
    assert (code, text) == (0, '2\n')


def test_the_users_matplotlib(python, tmp_path):
    (tmp_path/'matplotlibrc').write_text('text.usetex: True\nfont.size: 40\nfigure.facecolor: black\n')
    env = dict(MATPLOTLIBRC=str(tmp_path/'matplotlibrc'), MPLBACKEND='module://nowhere')
    sample = TOP/'dl_ops_bench/sample'
    code, text = python('-c', COMMAND, 'report', sample, f'--html={tmp_path}/theirs.html', env=env)
    assert code == 0, text
    assert (tmp_path/'theirs.html').read_text() == report.render([sample], tmp_path/'ours.html').read_text()


def test_a_package_outside_of_the_installation_is_not_the_users_own(tmp_path, monkeypatch):
    "As pip install --target leaves one, or a cluster's modules on PYTHONPATH; an editable one is the user's own."
    target, mine = tmp_path/'target', tmp_path/'mine'
    for folder, name in ((target, 'theirnet'), (mine, 'mynet')):
        folder.mkdir()
        (folder/f'{name}.py').write_text('def net(n_classes, channels): return n_classes\n')
        monkeypatch.syspath_prepend(folder)
    info = target/'theirnet-1.0.dist-info'
    info.mkdir()
    (info/'METADATA').write_text('Metadata-Version: 2.1\nName: theirnet\nVersion: 1.0\n')
    (info/'RECORD').write_text('theirnet.py,,\ntheirnet-1.0.dist-info/METADATA,,\n')
    import mynet
    import theirnet
    def build(n_classes, channels): return theirnet.net(n_classes, channels)
    def build_mine(n_classes, channels): return mynet.net(n_classes, channels)
    monkeypatch.setitem(build.__globals__, 'theirnet', theirnet)
    assert (registry._is_own(theirnet.net), registry._is_own(mynet.net)) == (False, True)


@pytest.mark.parametrize('mask', [0o002, 0o077, 0o022])
def test_files_have_the_rights_that_the_user_asks_for(mask, tmp_path):
    before = os.umask(mask)
    try:
        study.run_study([DUMMY], tmp_path, say=lambda line: None)
        report.render([tmp_path], tmp_path/'page.html')
        assert Lease(tmp_path, 'a').take()
    finally: os.umask(before)
    for p in tmp_path.iterdir(): assert p.stat().st_mode & 0o777 == 0o666 & ~mask, p


def test_an_ascii_locale(python, tmp_path):
    "A folder whose name the locale can't spell, in output and in the report."
    ascii = dict(LC_ALL='C', PYTHONUTF8='0', PYTHONIOENCODING='ascii', PYTHONCOERCECLOCALE='0')
    folder = tmp_path/'é'
    folder.mkdir()
    (folder/'tiny.py').write_text(TINY)
    for line in ('run é/tiny.py --out=é/out --engine=here', 'status é/out', 'run é/none.py'):
        args = line.split()
        code, text = python('-c', COMMAND, *args, env=ascii)
        assert code == (2 if 'none' in args[1] else 0) and 'Traceback' not in text, text
    assert (folder/'out/report.html').exists()
    recorded(folder/'out')


def test_the_module_is_the_command(python):
    assert python('-m', 'dl_ops_bench', '--version') == python('-c', COMMAND, '--version')


# Data


def idx(a): return bytes([0, 0, 8, a.ndim]) + b''.join(n.to_bytes(4, 'big') for n in a.shape) + a.tobytes()


def toy(level=1):
    "The four raw files of a small data set by name."
    files = {}
    for part, n in dict(t10k=1, train=2).items():
        files[f'{part}-images-idx3-ubyte'] = idx(np.full((n, 28, 28), level*(3 - n), np.uint8))
        files[f'{part}-labels-idx1-ubyte'] = idx(np.arange(n, dtype=np.uint8))
    return files


def digests(files): return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def write_toy(root, name='mnist', files=None):
    raw = data.raw_dir(name, root)
    raw.mkdir(parents=True, exist_ok=True)
    for file, content in (files or toy()).items(): (raw/file).write_bytes(content)
    return raw


@pytest.fixture(params=['mnist', 'fashion_mnist'])
def small(request, monkeypatch, tmp_path):
    "The name of a data set of which three images are known, and its folder with the right files."
    monkeypatch.setitem(data._SHA256, request.param, digests(toy()))
    two = type(data._TORCHVISION[request.param].__name__, (MNIST,), dict(classes=['0 - a', '1 - b']))
    monkeypatch.setitem(data._TORCHVISION, request.param, two)
    write_toy(tmp_path, request.param)
    data._load.cache_clear()
    return request.param, tmp_path


def test_noise_in_processed_is_not_read(small):
    import torch
    name, root = small
    old = data.raw_dir(name, root).with_name('processed')
    old.mkdir()
    for file in ('training.pt', 'test.pt'): torch.save((torch.full((1, 28, 28), 99), torch.zeros(1)), old/file)
    assert data.verify(name, root) == [] and data.load(name, root).x.max() == 2
    (old/'training.pt').write_bytes(b'broken')
    data._load.cache_clear()
    assert data.load(name, root).x.max() == 2


LATE = dict(same=idx(np.full((2, 28, 28), 9, np.uint8)), empty=b'', cut=b'half', gone=None)


@pytest.mark.parametrize('late', LATE.values(), ids=LATE)
def test_files_swapped_between_check_and_use(small, late, monkeypatch):
    name, root = small
    file, prepare = data.raw_dir(name, root)/'train-images-idx3-ubyte', data.prepare

    def then_swap(*args):
        prepare(*args)
        file.unlink() if late is None else file.write_bytes(late)
    monkeypatch.setattr(data, 'prepare', then_swap)
    with pytest.raises(InputError, match='was changed while it was read'): data.load(name, root)


def test_a_digest_follows_the_content():
    digits = data.load('digits')
    other = replace(digits, y=np.roll(digits.y, 1))
    assert other.sha256 != digits.sha256
    with pytest.raises(ValueError, match='read-only'): digits.x[0] = 0
    x, y = np.arange(48, dtype=np.uint8).reshape(3, 4, 4), np.array([0, 1, 1])
    mine = data.Images('mine', x, y)
    x[:], y[:] = 0, 0
    assert mine.x.max() == 47 and mine.y.max() == 1


ODD = [([1, 2], 'pixels'), ([[1], [2, 3]], 'no array'), (np.zeros((3, 4, 4)), 'float64'), (np.zeros((3, 4)), 'float64'),
       (np.ma.zeros((3, 4, 4)), 'masked'), (None, 'object'), ('cat', 'U3')]


@pytest.mark.parametrize('x, says', ODD, ids=[says for _, says in ODD])
def test_odd_pixels_are_refused(x, says):
    with pytest.raises(InputError, match=says): data.Images('mine', x, [0, 1, 1])


@pytest.mark.parametrize('y', [[0, 1, 10**12], [0, 1, 2**63], [0., 1, 1], [0, 1, np.nan], [[0], [1], [1]], [0, 1], None,
                               [[0], [1, 1], 2], [True, False, True], [0, 0, 0], [-1, 0, 1]], ids=str)
def test_odd_labels_are_refused(y):
    x = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    with pytest.raises(InputError, match='labels of data set'): data.Images('mine', x, y)


@pytest.mark.parametrize('given', [None, 3, [], (), (1,), 'images', (1, 2, 3, 4)], ids=str)
def test_an_odd_builder_is_named(given, monkeypatch):
    monkeypatch.setattr(data.DATASETS, 'data', dict(data.DATASETS.data))
    data.DATASETS['odd'] = registry.Entry('odd', make=lambda: given)
    data._load.cache_clear()
    with pytest.raises(InputError, match="data set 'odd'"): data.load('odd')


# Network


class Server(http.server.BaseHTTPRequestHandler):
    "Sends the toy's archives, or breaks off."
    protocol_version = 'HTTP/1.1'
    fault, asked = None, []

    def do_HEAD(self): self.do_GET()

    def do_GET(self):
        self.asked.append(self.path)
        content = ARCHIVES[self.path.strip('/')]
        self.send_response(200)
        if self.fault == 'chunked': self.send_header('Transfer-Encoding', 'chunked')
        else: self.send_header('Content-Length', str(len(content)))
        self.send_header('Connection', 'close')
        self.end_headers()
        if self.command == 'HEAD': return
        if self.fault == 'chunked': self.wfile.write(f'{len(content):x}\r\n'.encode() + content[:20])
        elif self.fault == 'short': self.wfile.write(content[:20])
        elif self.fault == 'silent': time.sleep(3)
        elif self.fault == 'slow':
            for byte in content: self.wfile.write(bytes([byte])), time.sleep(0.002)
        else: self.wfile.write(content)
        self.close_connection = True

    def log_message(self, *_): pass


ARCHIVES = {f'{name}.gz': gzip.compress(content, mtime=0) for name, content in toy().items()}
MD5 = [(name, hashlib.md5(content).hexdigest()) for name, content in ARCHIVES.items()]


@contextmanager
def serving(fault=None):
    "The address of a server on this machine."
    handler = type('Handler', (Server,), dict(fault=fault, asked=[]))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try: yield f'http://127.0.0.1:{server.server_address[1]}/'
    finally:
        server.shutdown()
        server.server_close()


def use(monkeypatch, address):
    "Let torchvision's class ask that server, for the toy's archives."
    toys = type('MNIST', (MNIST,), dict(mirrors=[address], resources=MD5, classes=['0 - a', '1 - b']))
    monkeypatch.setitem(data._TORCHVISION, 'mnist', toys)
    monkeypatch.setitem(data._SHA256, 'mnist', digests(toy()))


@pytest.mark.parametrize('fault', ['chunked', 'short', 'silent'])
def test_a_download_that_breaks_off(fault, monkeypatch, tmp_path):
    monkeypatch.setattr(data, '_SILENCE_S', 0.5)
    with serving(fault) as address:
        use(monkeypatch, address)
        start = time.monotonic()
        with pytest.raises(InputError, match="data set 'mnist' is not in .* and could not be fetched"):
            data.prepare('mnist', tmp_path)
        assert time.monotonic() - start < (2.5 if fault == 'silent' else 60)
    assert not [p for p in tmp_path.rglob('*') if p.is_file()]                 # nothing that looks like data
    with serving() as address:
        use(monkeypatch, address)
        data.prepare('mnist', tmp_path)                                        # and the same command goes on
    assert data.verify('mnist', tmp_path) == []


FETCH = """import hashlib, json, sys
from torchvision.datasets import MNIST
from dl_ops_bench import data
address, md5, known, root = json.loads(sys.argv[1])
data._TORCHVISION['mnist'] = type('MNIST', (MNIST,), dict(mirrors=[address], resources=md5))
data._SHA256['mnist'] = known
data.prepare('mnist', root)
print(data.verify('mnist', root))
"""


def test_two_processes_fetch_at_once(tmp_path):
    sizes, raw = {name: len(content) for name, content in toy().items()}, data.raw_dir('mnist', tmp_path)
    with serving('slow') as address:
        told = json.dumps([address, MD5, digests(toy()), str(tmp_path)])
        both = [subprocess.Popen([sys.executable, '-c', FETCH, told], stdout=subprocess.PIPE, text=True, cwd=TOP)
                for _ in range(2)]
        while any(p.poll() is None for p in both):
            for file in raw.glob('*ubyte'): assert file.stat().st_size == sizes[file.name]       # never half a file
            time.sleep(0.002)
        assert [p.communicate()[0] for p in both] == ['[]\n', '[]\n']
    assert sorted(p.name for p in tmp_path.iterdir()) == ['MNIST']
    assert sorted(p.name for p in raw.iterdir()) == sorted(sizes)


# Clocks and containers


def lease(folder, **kwargs): return Lease(folder, 'a', **dict(renew_s=0.02, expires_s=0.3) | kwargs)


def test_a_stepped_clock_kills_no_worker(tmp_path, monkeypatch):
    "After the clock was set by 5 s a process seems to have begun at another time."
    import psutil
    mine = lease(tmp_path)
    assert mine.take()
    began = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, 'create_time', lambda self: began(self) + 5)
    assert not lease(tmp_path).take() and lease(tmp_path).holder()['pid'] == os.getpid() and mine.held()
    mine.release()


def test_the_same_number_in_another_container(tmp_path):
    "Same host name, same process number, which is dead or another process here: its heartbeat counts."
    other = lease(tmp_path)
    assert other.take()
    for owner in (dict(pid=2**22 + 1), dict(born=1), {}):
        other.owner |= owner | dict(place='another container with this host name')
        other.file.write_text(json.dumps(other.owner))
        assert not lease(tmp_path).take() and other.held()
    other.release()


@pytest.mark.parametrize('hours', [-5, 5])
def test_two_clocks_that_differ_by_hours(tmp_path, monkeypatch, hours):
    "The file server's clock is not ours, so a live worker's renewals look old, or are still to come."
    renew = os.utime
    monkeypatch.setattr(os, 'utime', lambda file: renew(file, (time.time() + 3600*hours,)*2))
    other = lease(tmp_path)
    assert other.take()
    other.owner |= dict(place='elsewhere', host='elsewhere')
    other.file.write_text(json.dumps(other.owner))
    time.sleep(0.1)                                                            # until its first renewal
    assert not lease(tmp_path, expires_s=20).take() and other.held()           # heard at once, so it doesn't take 20 s
    other.done.set()
    assert lease(tmp_path).take()                                              # a dead one is outbid all the same


@pytest.mark.skipif(not Path('/proc/self/stat').exists(), reason='kill: this system has no /proc')
def test_a_process_that_its_parent_has_not_buried(tmp_path):
    code = f'from dl_ops_bench.store import Lease; import os; Lease({str(tmp_path)!r}, "a").take(); os._exit(0)'
    dead = subprocess.Popen([sys.executable, '-c', code], cwd=TOP)
    while not Path(f'/proc/{dead.pid}/stat').read_text().rpartition(')')[2].split()[0] == 'Z': time.sleep(0.05)
    mine = lease(tmp_path)
    assert mine.holder() is None and mine.take()
    mine.release()
    dead.wait()


def test_a_process_that_is_hidden_is_not_dead(tmp_path, monkeypatch):
    "Some systems hide other users' processes (hidepid)."
    import psutil
    other = lease(tmp_path)
    assert other.take()
    monkeypatch.setattr(psutil, 'Process', lambda pid: (_ for _ in ()).throw(psutil.NoSuchProcess(pid)))
    assert lease(tmp_path).holder() is not None and not lease(tmp_path).take()
    monkeypatch.undo()
    other.release()


# Odd records


def test_one_odd_record_stops_no_study(tmp_path):
    both = [DUMMY, replace(DUMMY, train_fraction=0.5)]
    (tmp_path/f'{DUMMY.id}.json').write_text('{"id": 3}')
    said = []
    outcome = study.run_study(both, tmp_path, say=said.append)
    assert (outcome.n_run, len(outcome.failed), len(outcome.refused)) == (1, 0, 1)
    assert 'move it away or delete it' in ''.join(said)
    assert (tmp_path/f'{DUMMY.id}.json').read_text() == '{"id": 3}'
    assert 'unreadable' in str(study.status(tmp_path))


def test_an_odd_record_is_said_by_the_command(command, home):
    Path('out').mkdir()
    Path(f'out/{DUMMY.id}.json').write_text('{}')
    Path('tiny.py').write_text(TINY)
    code, text = command('run', 'tiny.py', '--out=out', '--engine=here')
    assert code == 1 and 'move it away or delete it' in text


ODD_VALUES = [None, True, -1, 1e300, float('nan'), '', 'x', '../../x', '\ud800', [], {}, [[]], {'a': None}, 10**400]


@pytest.mark.parametrize('value', ODD_VALUES, ids=lambda v: repr(v)[:12])
def test_an_odd_list_of_trials(value, tmp_path):
    "Each value of study.json and executions.json made another: an answer or an InputError, never a crash."
    study.keep_list(tmp_path, [DUMMY, Trial(dataset='digits')], preset='quick', seeds=1)
    put_record(tmp_path)
    file = tmp_path/'study.json'
    whole = json.loads(file.read_text())
    for path in [(), *((k,) for k in whole), ('trials', 0), *(('trials', 0, k) for k in whole['trials'][0])]:
        odd = json.loads(json.dumps(whole))
        at = odd
        for k in path[:-1]: at = at[k]
        if path: at[path[-1]] = value
        file.write_text(json.dumps(odd if path else value))
        for ask in (study.status, study.read_list, lambda folder: report.is_own([folder])):
            try: ask(tmp_path)
            except InputError: pass


def test_a_loss_beyond_all_bounds_is_recorded():
    "Finite, and larger than anything that a training should meet: it is an answer, and its history stays."
    trial = Trial(dataset='digits', image_size=16, channels=1, epochs=3, lr=10, batch_size=64, train_fraction=0.3)
    record, _ = run_trial(trial)
    assert record.status in ('ok', 'diverged') and len(record.history) >= 2, record.message
    for loss in (1e19, 3e38):
        made = new_record(trial, 'ok', metrics=dict(accuracy_pct=10., loss=loss, valid_loss=loss),
                          history=[dict(epoch=1, train_loss=loss, valid_loss=loss)])
        assert made.metrics.loss == made.history[0].valid_loss == loss


# Requirements


def sources(): return [p.read_text() for p in (TOP/'dl_ops_bench').glob('*.py')]


def test_every_requirement_has_a_lower_bound_that_can_be_a_constraint():
    for line in lower_bounds.constraints(): assert re.fullmatch(r'[\w.-]+==[\d.]+', line)
    named = [line.partition('==')[0] for line in lower_bounds.constraints()]
    assert len(named) == len(set(named)) and {'torch', 'numpy', 'typer', 'submitit'} <= set(named)
    workflow = (TOP/'.github/workflows/test.yml').read_text()
    assert 'tools/lower_bounds.py' in workflow


BY_ANOTHER_NAME = {'pillow': 'PIL', 'scikit-learn': 'sklearn', 'nvidia-ml-py': 'pynvml',
                   'scikit-learn-intelex': 'sklearnex'}
THROUGH = dict(tabulate='to_markdown(', tensorboard='torch.utils.tensorboard')      # imported by pandas, by torch


@pytest.mark.parametrize('requirement', [line.partition('==')[0] for line in lower_bounds.constraints()])
def test_every_requirement_is_used(requirement):
    module = BY_ANOTHER_NAME.get(requirement, requirement)
    pattern = rf'(import|from|,) {module}\b|{module}\.svm:'
    if requirement in THROUGH: pattern = re.escape(THROUGH[requirement])
    assert any(re.search(pattern, text) for text in sources())


def test_every_import_is_required():
    "What a module imports comes with Python, with a requirement, or with an extra."
    import ast
    required = [line.partition('==')[0] for line in lower_bounds.constraints()]
    named = {BY_ANOTHER_NAME.get(name, name) for name in required}
    dev = {'nbdev', 'execnb'}                       # of _docs, which makes the site
    for text in sources():
        for node in ast.walk(ast.parse(text)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level: names = [node.module]
            for name in (n.partition('.')[0] for n in names):
                known = name in sys.stdlib_module_names or name in named | dev | {'dl_ops_bench'}
                assert known, f'{name} is imported and not required ({packages_distributions().get(name)})'


def test_python_is_what_the_workflow_runs():
    text = (TOP/'.github/workflows/test.yml').read_text()
    versions = re.findall(r'"(3\.\d+)"', re.search(r'matrix: \{python: \[(.*)\]', text)[1])
    lowest = re.search(r'^min_python = (\S+)', (TOP/'settings.ini').read_text(), re.M)[1]
    assert versions == ['3.11', '3.12', '3.13', '3.14'] and versions[0] == lowest
