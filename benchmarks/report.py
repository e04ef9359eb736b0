"What a report costs: seconds and bytes of the page of `quick`'s records and of more than 500 made-up ones of many settings."
import argparse, json, tempfile
from os import times
from dataclasses import replace
from pathlib import Path

import numpy as np
from side_by_side import header

from dl_ops_bench.report import render
from dl_ops_bench.store import Store, read_frame
from dl_ops_bench.presets import quick_trials, vary
from dl_ops_bench.tables import sample_dir
from dl_ops_bench.timer import Stopwatch
from dl_ops_bench.trial import OFF, RECIPES, SVMTrial, Trial

N_TRAIN, N_VALID, N_TEST = 49_000, 7_000, 14_000
MACHINES = {'made-up-cpu': ('cpu', 'off', 20.), 'made-up-gpu': ('cuda', 'fp16', 1.), 'made-up-other-gpu': ('cuda', 'fp16', 1.6)}


def asked(device, amp):
    "Trials of one machine: the reference's grid with three seeds, its other tables, a recipe's ideas, ways to run, kernels."
    base, seeds = Trial(device=device, amp=amp), (0, 1, 2)
    both = dict(dataset=('mnist', 'fashion_mnist'))
    found = vary(base, **both, model=('resnet18', 'resnet50'), optimizer=('sgd', 'adam'), lr=(0.001, 0.0001), batch_size=(16, 32), seed=seeds)
    found += vary(base, dataset=('fashion_mnist',), model=('resnet18', 'resnet34', 'resnet50'), optimizer=('sgd', 'adam'), epochs=(10,), seed=seeds)
    found += vary(base, **both, model=('resnet18', 'resnet50'), optimizer=('adam',), pin_memory=(False,), seed=seeds)
    fast = Trial(device=device, amp=amp, recipe='fast', lr=None, epochs=8, image_size=32, loader='device')
    ideas = [{}] + [{k: OFF[k]} for k in RECIPES['fast'] if k != 'lr']
    found += [replace(fast, **idea, seed=s) for idea in ideas for s in seeds]
    found += [Trial(device=device, amp=amp, epochs=8, image_size=32, loader='device', seed=s) for s in seeds]
    found += [replace(base, **way) for way in (dict(loader='device'), dict(step='compile'), dict(fused=True), dict(channels_last=True))]
    kernels = vary(SVMTrial(), **both, model=('svm_rbf', 'svm_poly'), train_fraction=(0.02, 0.1, 0.3, 1.)) + vary(SVMTrial(), **both, model=('linear', 'dummy'))
    return list(dict.fromkeys(found + kernels + [replace(k, engine='intel') for k in kernels if k.model == 'svm_rbf']))


def made_up(trial, machine, slow, sample, rng):
    "A record and predictions of `trial` in the shape of a sample's record."
    r = json.loads(json.dumps(sample))
    epochs, n_train = getattr(trial, 'epochs', 1), int(N_TRAIN*trial.train_fraction)
    y = np.random.default_rng(len(trial.dataset)).integers(0, 10, N_TEST).astype(np.uint8)      # the same for all of a data set
    right = rng.random(N_TEST) < {'dummy': 0.1, 'linear': 0.84}.get(trial.model, 0.9) + rng.uniform(-0.02, 0.05)
    pred = np.where(right, y, (y + rng.integers(1, 10, N_TEST)) % 10).astype(np.uint8)
    accuracy, epoch_s = 100*float((pred == y).mean()), slow*n_train/2000*rng.uniform(0.9, 1.1)*{'resnet34': 1.5, 'resnet50': 2}.get(trial.model, 1)
    valid = accuracy + rng.normal(0, 0.4)
    history = [dict(epoch=e + 1, train_loss=1/(e + 1), train_s=epoch_s*rng.uniform(0.97, 1.03), valid_loss=0.5,
                    valid_accuracy_pct=valid - 5/(e + 1) + 5/epochs, eval_s=0.3) for e in range(epochs)]
    r.update(id=trial.id, trial=vars(trial), machine=dict(r['machine'], id=machine), code=1, data={}, history=history if trial.kind == 'resnet' else None,
             metrics=dict(r['metrics'], n_train=n_train, n_valid=N_VALID, n_test=N_TEST, accuracy_pct=accuracy, valid_accuracy_pct=valid),
             confusion=np.histogram2d(y, pred, bins=10)[0].astype(int).tolist(),
             times=dict(train_s=epoch_s*epochs, fit_s=(n_train/3000)**2*rng.uniform(0.9, 1.1), predict_s=9., total_s=epoch_s*epochs + 5),
             energy=dict(energy_j=epoch_s*epochs*200., energy_source='made up') if machine != 'made-up-cpu' else r.get('energy'),
             phases=dict(n_batches=8, seconds=dict(data=1., copy=.5, forward=2., backward=4., optimizer=1.)),
             peaks={'matmul_fp32': dict(median=5e12), 'matmul_fp16': dict(median=5e13), 'copy_on_device': dict(median=1e12)})
    return r, dict(pred=pred, y=y, index=np.arange(N_TEST))


def write_made_up(out):
    "More than 500 records, a directory for each machine; returns the directories."
    samples = {r['trial']['model']: r for r in Store(sample_dir()).records()}
    rng = np.random.default_rng(0)
    for machine, (device, amp, slow) in MACHINES.items():
        for trial in asked(device, amp):
            Store(out/machine).write(*made_up(trial, machine, slow, samples[trial.model], rng))
    return [out/m for m in MACHINES]


def write_quick(out):
    "The records that `run quick` would leave, made up."
    samples, rng = {r['trial']['model']: r for r in Store(sample_dir()).records()}, np.random.default_rng(0)
    for trial in quick_trials('cpu'):
        r, p = made_up(trial, 'made-up-cpu', 0.01, samples[trial.model], rng)
        Store(out).write(dict(r, metrics=dict(r['metrics'], n_train=1257, n_valid=180, n_test=360)), {k: v[:360] for k, v in p.items()})
    return [out]


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--keep', type=Path, help='a directory for records and pages, instead of a temporary one')
    args = parser.parse_args()
    header('rendering the report')
    with tempfile.TemporaryDirectory() as d:
        top = args.keep or Path(d)
        for name, directories in (('quick', write_quick(top/'quick')), ('many', write_made_up(top/'many'))):
            n, page = len(read_frame(directories)), top/f'{name}.html'
            before = sum(times()[:4])                   # of this process and the kernels that it started
            with Stopwatch('cpu') as clock: render(directories, page)
            print(f'{name}: {n} records in {clock.elapsed_s:.1f} s ({sum(times()[:4]) - before:.1f} s of processor time), {page.stat().st_size/1e6:.2f} MB', flush=True)
