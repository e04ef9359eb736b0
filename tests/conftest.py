"What several test files need: the command as a user's shell runs it, and whether the real data is here."
import os, subprocess, sys, tempfile
from pathlib import Path

import pytest

os.environ['XDG_CACHE_HOME'] = tempfile.mkdtemp(prefix='dl_ops_bench-tests-')    # for peaks measured beside other tests
os.environ.setdefault('OMP_NUM_THREADS', '1')      # two test processes at once, each on a core of its own

TOP = Path(__file__).resolve().parent.parent


def has_data():
    "Whether DL_OPS_BENCH_DATA names a directory with both data sets."
    root = os.environ.get('DL_OPS_BENCH_DATA')
    return bool(root) and all((Path(root)/n/'raw').is_dir() for n in ('MNIST', 'FashionMNIST'))


realdata = pytest.mark.skipif(not has_data(), reason='real data: DL_OPS_BENCH_DATA names no directory with MNIST '
                                                     'and FashionMNIST')


@pytest.fixture
def cli(tmp_path):
    "Runs `dl-ops-bench` in an empty folder: exit code and both streams as text."
    def run(*args, env=(), **kwargs):
        r = subprocess.run([sys.executable, '-c', 'from dl_ops_bench.cli import main; main()', *map(str, args)],
                           cwd=tmp_path, capture_output=True, text=True, env={**os.environ, **dict(env)}, timeout=600,
                           **kwargs)
        return r.returncode, r.stdout + r.stderr
    return run
