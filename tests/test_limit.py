"A limit of time ends a trial whatever it is doing, and its record keeps what was measured until then."
import signal, time

import pytest
from torch import nn

from dl_ops_bench import run, study, train
from dl_ops_bench.errors import InputError
from dl_ops_bench.registry import Entry, load_file
from dl_ops_bench.run import run_once
from dl_ops_bench.store import Checkpoint, read_records
from dl_ops_bench.study import run_study
from dl_ops_bench.trial import MODELS, SVMTrial, Trial
from dl_ops_bench.workers import ChildProcess, InProcess

pytestmark = pytest.mark.skipif(not hasattr(signal, 'setitimer'), reason='alarm: this system has none')


def flat(n_classes, channels): return nn.Sequential(nn.Flatten(), nn.Linear(256*channels, n_classes))


MODELS['flat_in_time'] = FLAT = Entry('flat network', make=flat)
DIGITS = Trial(dataset='digits', model='flat_in_time', image_size=16, channels=1, train_fraction=0.1, epochs=2)
del MODELS['flat_in_time']                      # other tests are collected in this process


@pytest.fixture(autouse=True)
def flat_network():
    "The network is known while a test of this file runs."
    MODELS['flat_in_time'] = FLAT
    yield
    del MODELS['flat_in_time']


def ring(*args, **kwargs):
    "The alarm rings in the middle of this."
    signal.setitimer(signal.ITIMER_REAL, 1e-3)
    time.sleep(60)


@pytest.mark.parametrize(('where', 'epochs', 'warmed_up'), [
    ((run, 'peaks'), 0, False), ((train.Training, 'warm_up'), 0, False), ((train.Training, 'steps'), 0, True),
    ((train.Training, 'score'), 1, True), ((train.Training, 'phase_breakdown'), 2, True),
    ((train, '_test_once'), 2, True)], ids=['peaks', 'warm-up', 'training', 'validation', 'phases', 'test'])
def test_a_network(tmp_path, monkeypatch, where, epochs, warmed_up):
    if where != (run, 'peaks'): monkeypatch.setattr(run, 'peaks', lambda device: {})
    monkeypatch.setattr(*where, ring)
    run_once(DIGITS, tmp_path, limit_s=600)
    record, = read_records(tmp_path)
    assert (record.status, record.message) == ('timeout', 'the time limit of 600 s was reached')
    assert (len(record.history), record.metrics.accuracy_pct) == (epochs, None)
    assert (record.times.warmup_s is not None) == warmed_up
    assert record.machine.id and record.package.version
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_it_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(train, '_SAVE_EVERY_S', 0)
    monkeypatch.setattr(run, 'peaks', lambda device: {})
    with monkeypatch.context() as m:
        m.setattr(train, '_test_once', ring)
        late = run_once(DIGITS, tmp_path, limit_s=600)
    assert late.status == 'timeout' and Checkpoint(tmp_path, DIGITS.id).load()
    with monkeypatch.context() as m:
        m.setattr(train, 'run_epoch', lambda *_: pytest.fail('no epoch was left'))
        done = run_once(DIGITS, tmp_path, replaces=late.finished)
    assert (done.status, done.history) == ('ok', late.history)


def test_an_error_keeps_what_was_measured(tmp_path, monkeypatch):
    def full(*_): raise MemoryError('full')
    monkeypatch.setattr(run, 'peaks', lambda device: {})
    monkeypatch.setattr(train, '_test_once', full)
    record = run_once(DIGITS, tmp_path)
    assert (record.status, len(record.history), record.metrics.accuracy_pct) == ('oom', 2, None)
    assert record.flops.forward and record.times.train_s > 0


STUCK = """import hashlib
from sklearn.dummy import DummyClassifier
from dl_ops_bench.registry import Entry
from dl_ops_bench.trial import SVM_MODELS, SVMTrial

class Stuck(DummyClassifier):
    def fit(self, x, y):
        hashlib.pbkdf2_hmac('sha256', b'', b'', 400_000_000)       # some minutes without a word of Python, as libsvm's
        return super().fit(x, y)

SVM_MODELS['stuck'] = Entry('stuck in C', make=Stuck)
trials = [SVMTrial(dataset='digits', model=m) for m in ('stuck', 'dummy')]
"""


@pytest.mark.parametrize('per_device', [1, 2])
def test_a_fit_that_python_cannot_interrupt(tmp_path, monkeypatch, per_device):
    "The parent ends the child, and the next trial has a new one; several at once have a child each."
    monkeypatch.setattr(study, 'must_run_alone', lambda trials: set())
    path = tmp_path/'stuck.py'
    path.write_text(STUCK)
    trials, out = load_file(path).trials, tmp_path/'out'
    with ChildProcess() as child:
        run_study(trials, out, say=lambda line: None, executor=child, limit_s=8, per_device=per_device)
    records = {r.trial.model: r for r in read_records(out)}
    stuck = records['stuck']
    assert (stuck.status, stuck.message) == ('timeout', 'the time limit of 8 s was reached')
    assert stuck.times.fit_s is None and records['dummy'].status == 'ok'


def test_what_cannot_be_ended_is_refused(tmp_path):
    with pytest.raises(InputError, match='engine local'):
        run_study([SVMTrial(dataset='digits')], tmp_path, executor=InProcess(), limit_s=1)
    with pytest.raises(InputError, match='limit_s nan is out of range'):
        run_once(DIGITS, tmp_path, limit_s=float('nan'))
