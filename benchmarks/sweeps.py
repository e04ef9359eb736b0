"Accuracy-only trials an hour: one after the other with all threads, or several at once with their share, in turns."
import tempfile
from dataclasses import replace
from functools import partial

import numpy as np
from side_by_side import header, measured, parser, show, write

from dl_ops_bench.data import load
from dl_ops_bench.hardware import resolve_device, supports_bf16, usable_cores
from dl_ops_bench.stats import estimate, scatter
from dl_ops_bench.store import read_records
from dl_ops_bench.study import run_study
from dl_ops_bench.timer import Stopwatch
from dl_ops_bench.trial import Trial
from dl_ops_bench.workers import ChildProcess


def say_nothing(line): pass


def study(trials, at_once, accuracies):
    "Seconds a trial of a study in a fresh directory; its accuracies, in the order of the trials, go into `accuracies`."
    with tempfile.TemporaryDirectory() as out, ChildProcess() as executor:
        with Stopwatch() as clock: run_study(trials, out, executor=executor, per_device=at_once, say=say_nothing)
        found = {r.id: r.metrics.accuracy_pct for r in read_records(out)}
    accuracies.setdefault(at_once, np.array([found[t.id] for t in trials]))
    return clock.elapsed_s/len(trials)


def difference(pct, base_pct):
    "By equal seeds: fewer threads add in another order, so single accuracies move and their mean shouldn't."
    variance, df = scatter(pct - base_pct)
    return estimate((pct - base_pct).mean(), [(variance/len(pct), df)], len(pct), 'seeds', 'points')


if __name__ == '__main__':
    options = parser(__doc__, rounds=4)
    options.add_argument('--dataset', default='fashion_mnist')
    options.add_argument('--trials', type=int, default=4)
    options.add_argument('--at-once', nargs='+', type=int, default=[1, 2])
    options.add_argument('--data-fraction', type=float, default=0.05)
    options.add_argument('--image-size', type=int, default=32)
    options.add_argument('--batch-size', type=int, default=32)
    args = options.parse_args()
    device, accuracies, rows = resolve_device(args.device), {}, []
    trial = Trial(dataset=args.dataset, device=device, loader='device', amp='bf16' if supports_bf16(device) else 'off',
                  channels_last=True, epochs=1, channels=1, data_fraction=args.data_fraction,
                  image_size=args.image_size, batch_size=args.batch_size)
    trials = [replace(trial, seed=s) for s in range(args.trials)]
    load(args.dataset)
    header(f'{args.trials} trainings of ResNet-18 on {device}, {usable_cores()} cores, several at once')
    found = measured({k: partial(study, trials, k, accuracies) for k in args.at_once}, args.rounds)
    base = args.at_once[0]
    for k, s in found.items():
        row = dict(at_once=k, n=s.n, s_per_trial=s.median, iqr_s=s.iqr, trials_per_hour=3600/s.median,
                   times_more=found[base].median/s.median, seeds=len(trials),
                   accuracy_pct=float(accuracies[k].mean()), accuracy_sd_pct=float(accuracies[k].std(ddof=1)))
        apart = difference(accuracies[k], accuracies[base])
        ends = (apart.low, apart.high) if k != base else (None, None)
        rows.append(row | dict(difference_pct=apart.value, difference_low_pct=ends[0], difference_high_pct=ends[1]))
    show(rows)
    write(args.json, 'sweeps', rows)
