"The five states of a report: trial run, laboratory study, committed records, complete study on a GPU, own study."
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from conftest import TOP
from dl_ops_bench.compare import made_up, setting_of
from dl_ops_bench.presets import paper_trials, quick_trials, record_trials, unique, vary, ways_trials
from dl_ops_bench.record import Gpu, Machine
from dl_ops_bench.registry import Entry
from dl_ops_bench.store import Store
from dl_ops_bench.study import keep_list
from dl_ops_bench.tables import reference, sample_dir
from dl_ops_bench.trial import DATASETS, MODELS, OPTIMIZERS, Trial

LAPTOP = Machine(id='a-laptop-with-a-host-name-of-many-parts-2c-0a1b2c3d', cpu_model='a processor', usable_cores=2)
SERVER = Machine(id='server-16c-4e5f6a7b', cpu_model='a processor', usable_cores=16, gpus=[Gpu(name='a GPU')])
CLASSES = ['T-shirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'ankle boot']
GFLOPS = dict(resnet18=0.2961, resnet34=0.5981, resnet50=0.6673)      # of the reference's table 4
PEAKS = dict(cpu=dict(matmul_fp32=8e11, matmul_bf16=2e12, copy_on_device=5e10),
             cuda=dict(matmul_fp32=6e13, matmul_fp16=6e14, matmul_bf16=6e14, copy_on_device=1.5e12))
KERNELS = dict(svm_rbf=(88.5, 400), svm_poly=(86.5, 300), linear=(82., 4), dummy=(10., 0.01))


def accuracy(trial, rng):
    "What the reference found, or what is likely; per cent."
    if trial.model in KERNELS: return min(99.5, KERNELS[trial.model][0] - 4*(trial.train_fraction < 0.5))
    known = reference().get(setting_of(trial))
    likely = 98.5 if trial.dataset == 'mnist' else 90. + 3*(trial.recipe != 'plain') - 6*(trial.data_fraction < 0.5)
    return min(99.8, (known.accuracy.value if known else likely) + rng.normal(0, 0.2))


def seconds(trial, rng):
    "What the training takes, to about a hundredth."
    rows = trial.data_fraction*trial.train_fraction
    if trial.model in KERNELS: return KERNELS[trial.model][1]*rows**1.8*rng.lognormal(0, 0.01)
    slow = 20 if trial.device == 'cpu' else 1
    slow *= (1 if trial.pin_memory else 1.4)*(0.5 if trial.loader == 'device' else 1)
    return 40*slow*rows*trial.epochs*GFLOPS.get(trial.model, 0.1)*rng.lognormal(0, 0.01)


def record(trial, machine, rng, **facts):
    "A record of `trial` with all that a figure can show."
    n_test = min(2000, round(20_000*trial.data_fraction))
    facts = dict(classes=CLASSES, peaks={k: dict(median=v) for k, v in PEAKS[trial.device].items()},
                 versions=dict(torch='2.9.0'), package=dict(version='1.0.0', commit='0123456789ab')) | facts
    if trial.kind == 'svm': facts['engine'] = dict(library='scikit-learn', version='1.7', device='cpu')
    else:
        flops = round(1e9*GFLOPS.get(trial.model, 0.1))
        facts['flops'] = dict(forward=flops, training_step=3*flops, parameters=11_000_000)
        facts['phases'] = dict(n_batches=8, seconds=dict(data=1., copy=.5, forward=2., backward=4., optimizer=1.))
        facts['energy'] = dict(energy_j=1e4*rng.lognormal(), energy_source='made up')
    pct, time_s = facts.pop('accuracy_pct', accuracy(trial, rng)), seconds(trial, rng)
    made = made_up(trial, pct, time_s, n_test=n_test, finished=f'2026-11-{rng.integers(10, 25)}T12:00:00', **facts)
    arrays = {name: a.astype(np.min_scalar_type(a.max())) for name, a in made.arrays.items()}
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (arrays['y'], arrays['pred']), 1)
    metrics = replace(made.metrics, n_train=max(1, round(3.5*n_test*trial.train_fraction)))
    return replace(made, machine=machine, metrics=metrics, confusion=confusion.tolist(), unsaved=arrays)


def write(trials, machine, out, facts_of=lambda trial: {}, **about):
    "Records of some trials, and the list that a study keeps of them; the folder."
    rng, out = np.random.default_rng(0), Store(out).path
    for trial in trials:
        r = record(trial, machine, rng, **facts_of(trial))
        Store(out).write(r, r.arrays)
    keep_list(out, trials, **about)
    return out


def seeded(trials, n): return unique([replace(t, seed=s) for s in range(n) for t in trials if s == 0 or t.draws])


def quick(top): return [write(quick_trials('cpu'), LAPTOP, top, preset='quick')]


def lab(top): return [sample_dir()]


def committed(top): return sorted({f.parent for f in TOP.glob('results/*/*.json')})


def complete(top):
    "All of the reference's tables at its scale, faster execution and an ablation, on a GPU and its CPU."
    trials = seeded(paper_trials('cuda') + ways_trials('cuda') + record_trials('cuda'), 3)
    return [write(trials, SERVER, top, preset='paper')]


def pixels():
    "Images that differ in nothing that matters."
    return np.arange(64_000).reshape(1000, 8, 8).astype(np.uint8), np.arange(1000) % 10, CLASSES


@contextmanager
def registries():
    "Whatever is added to the registries, by a cell or by reading records, is gone afterwards."
    before = [(registry, set(registry)) for registry in (DATASETS, MODELS, OPTIMIZERS)]
    try: yield
    finally:
        for registry, names in before:
            for name in set(registry) - names: del registry[name]


def own_trials():
    "Which of two models and two optimizers is best on the user's images?"
    MODELS['small_cnn'] = Entry('Small CNN', make='torch.nn:Identity')
    OPTIMIZERS['adamw'] = Entry('AdamW', make='torch.optim:AdamW', takes=('weight_decay',),
                                settles=dict(weight_decay=0.01))
    DATASETS['my_shapes'] = Entry('My shapes', make=pixels)
    base = Trial(dataset='my_shapes', image_size=32, epochs=3)
    asked = dict(model=('small_cnn', 'resnet18'), optimizer=('adamw', 'sgd'), lr=(0.001, 0.01), seed=(0, 1, 2))
    return vary(base, **asked)


def own(top):
    "A user's model, optimizer and images; the preset isn't ours. The report knows them from the records alone."
    def facts(t):
        pct = 80 + 6*(t.model == 'small_cnn') + 2*(t.optimizer == 'adamw') - 3*(t.lr == 0.01) + 0.2*t.seed
        return dict(accuracy_pct=pct)
    with registries(): return [write(own_trials(), LAPTOP, top, facts)]


STATES = dict(quick=quick, lab=lab, committed=committed, complete=complete, own=own)
