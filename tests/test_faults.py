"Killed anywhere, short of disk, or with company: the same study again ends in the same table."
import multiprocessing, os, random, signal, subprocess, sys, time

import faults
import numpy as np
import psutil
import pytest

from dl_ops_bench.store import read_records

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='kill: this system has no fork')


@pytest.fixture(scope='module')
def start():
    "Start a function in a child that has everything imported."
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['dl_ops_bench.study', 'faults'])

    def go(*args, **kwargs):
        p = context.Process(target=faults.run, args=args, kwargs=kwargs)
        p.start()
        return p
    return go


def undisturbed(start, folder, which):
    p = start(folder, which)
    p.join()
    assert p.exitcode == 0
    return folder


@pytest.fixture(scope='module')
def whole(start, tmp_path_factory): return undisturbed(start, tmp_path_factory.mktemp('whole'), faults.trials)


@pytest.fixture(scope='module')
def small(start, tmp_path_factory): return undisturbed(start, tmp_path_factory.mktemp('small'), faults.few)


def answer(record):
    "All of a record that must not depend on when it was made, or how often it was begun."
    losses = [(e.epoch, e.train_loss, e.valid_loss) for e in record.history]
    return record.trial, record.status, record.metrics, record.confusion, record.data, losses


def assert_same(a, b):
    "Two directories hold the same answers, to the last bit, and no debris."
    x, y = (read_records(d) for d in (a, b))
    assert not x.refused and not y.refused
    assert list(map(answer, x)) == list(map(answer, y))
    for r, s in zip(x, y):
        assert r.arrays.keys() == s.arrays.keys() and 'pred' in r.arrays
        for name in r.arrays: np.testing.assert_array_equal(r.arrays[name], s.arrays[name])
    assert not faults.debris(a)


def test_killed_at_twenty_moments(start, whole, tmp_path):
    moments, killed = random.Random(0), 0
    for _ in range(20):
        p = start(tmp_path)
        time.sleep(moments.uniform(0.2, 1.))
        killed += p.is_alive()
        p.kill()
        p.join()
    assert killed >= 15                                   # the study was still at it nearly every time
    p = start(tmp_path)
    p.join()
    assert p.exitcode == 0
    assert_same(tmp_path, whole)


@pytest.mark.parametrize('where', ['middle', 'before', 'after'])
def test_killed_in_every_write(start, small, tmp_path, where):
    for n in range(1, 100):
        out = tmp_path/str(n)
        p = start(out, faults.few, prepare=faults.Fault(n, where))
        p.join()
        if p.exitcode == 0: break                         # there is no n-th write: all of them were tried
        assert p.exitcode == -signal.SIGKILL
        p = start(out, faults.few)
        p.join()
        assert p.exitcode == 0
        assert_same(out, small)
    assert n > 6                                   # study.json, two checkpoints, two records with their predictions


def test_disk_full(start, small, tmp_path):
    p = start(tmp_path, faults.few, prepare=faults.SmallFiles(3000))      # study.json fits or not, a record never
    p.join()
    assert p.exitcode == 1
    p = start(tmp_path, faults.few)
    p.join()
    assert p.exitcode == 0
    assert_same(tmp_path, small)


def test_two_processes_on_one_directory(start, whole, tmp_path):
    out, logs = tmp_path/'out', [tmp_path/'a', tmp_path/'b']
    workers = [start(out, log=log) for log in logs]
    for p in workers: p.join()
    assert [p.exitcode for p in workers] == [0, 0]
    ran = [log.read_text().split() if log.exists() else [] for log in logs]
    assert sorted(ran[0] + ran[1]) == sorted(t.id for t in faults.trials())     # each once, none lost
    assert min(map(len, ran)) > 0                                               # both had a share
    assert_same(out, whole)


def test_one_worker_dies_and_the_other_takes_over(start, whole, tmp_path):
    a, b = start(tmp_path), start(tmp_path)
    time.sleep(1.5)
    a.kill()
    for p in (a, b): p.join()
    assert b.exitcode == 0
    assert_same(tmp_path, whole)


def test_a_killed_parent_leaves_no_child_behind(tmp_path):
    "The child notices, and gives the device back."
    script = tmp_path/'parent.py'
    script.write_text("import os, time\nfrom dl_ops_bench.workers import ChildProcess\n"
                      "if __name__ == '__main__':\n    print(ChildProcess().submit(os.getpid).result(), flush=True)\n"
                      '    time.sleep(600)\n')
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    end = time.monotonic() + 60
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < end: time.sleep(0.1)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
