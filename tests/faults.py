"A study and the ways to hurt it: run in child processes that the tests kill."
import os, signal
from pathlib import Path

import torch

from dl_ops_bench import presets, run as runs, store, study, train


MODELS = ('resnet18', 'dummy', 'linear', 'svm_rbf', 'svm_poly')


def trials():
    small = dict(model=MODELS, deterministic=(True,), train_fraction=(0.2,), epochs=(2,))
    return presets.trials_of('quick', settings=small)


def few():
    return [next(t for t in trials() if t.model == m) for m in ('resnet18', 'svm_rbf')]


def log_runs(path):
    "Leave a line in `path` for each trial that this process runs."
    run_trial = runs.run_trial

    def logged(trial, *args):
        with open(path, 'a') as f: f.write(f'{trial.id}\n')
        return run_trial(trial, *args)
    runs.run_trial = logged


def run(out, which=trials, log=None, prepare=None):
    "Run the study, with a checkpoint after every epoch."
    train._SAVE_EVERY_S = 0
    torch.set_num_threads(1)              # two workers at once then stay out of each other's way
    if log: log_runs(log)
    if prepare: prepare()
    study.run_study(which(), out, say=lambda line: None, poll_s=0.2)


class Fault:
    "Kills the process in the `n`-th write of a file: in the middle of it, before the rename, or after it."
    def __init__(self, n, where): self.n, self.where = n, where

    def __call__(self):
        count, replace = [0], os.replace

        def torn(path, *args, **kwargs):
            f = open(path, *args, **kwargs)
            write = f.write

            def half(data):
                write(data[:len(data)//2])
                f.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            if args[:1] == ('xb',):                   # as `write_atomic` opens its temporary file
                count[0] += 1
                if count[0] == self.n and self.where == 'middle': return Half(f, half)
            return f

        def killing(a, b):
            if count[0] == self.n and self.where == 'before': os.kill(os.getpid(), signal.SIGKILL)
            replace(a, b)
            if count[0] == self.n and self.where == 'after': os.kill(os.getpid(), signal.SIGKILL)
        store.open, store.os.replace = torn, killing          # found before the built-in one


class Half:
    "A file whose first write is its last."
    def __init__(self, f, write): self.f, self.write = f, write
    def __enter__(self): return self
    def __exit__(self, *_): self.f.close()


class SmallFiles:
    "No file of this process may grow beyond some bytes: the operating system's own refusal."
    def __init__(self, n_bytes): self.n_bytes = n_bytes

    def __call__(self):
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.n_bytes, self.n_bytes))


def debris(out):
    return sorted(p.name for p in Path(out).iterdir() if 'claim' in p.name or p.suffix in ('.checkpoint', '.unused'))
