"""Accuracy-only trials an hour: one after the other with all threads, or several at once with their share, in turns; and the mean and
spread of their accuracies, which are not the same to the digit, since fewer threads add in another order: hence their difference by equal
seeds, with its interval."""
import argparse, json, tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np, pandas as pd
from side_by_side import header, in_turns, machine

from dl_ops_bench.data import load
from dl_ops_bench.hardware import resolve_device, supports_bf16, usable_cores
from dl_ops_bench.stats import mean_interval
from dl_ops_bench.store import read_frame
from dl_ops_bench.study import Child, run_study
from dl_ops_bench.timer import Stopwatch
from dl_ops_bench.trial import Trial


def study(trials, per_device):
    "Seconds a trial of a study in a fresh directory, and what came out."
    with tempfile.TemporaryDirectory() as out:
        engine = Child()
        with Stopwatch() as clock: run_study(trials, out, say=lambda line: None, engine=engine, per_device=per_device)
        engine.shutdown()
        accuracies.setdefault(per_device, read_frame(out).set_index('id').accuracy_pct)
    return clock.elapsed_s/len(trials)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--device', default='auto')
    parser.add_argument('--dataset', default='fashion_mnist')
    parser.add_argument('--trials', type=int, default=4)
    parser.add_argument('--at-once', nargs='+', type=int, default=[1, 2])
    parser.add_argument('--data-fraction', type=float, default=0.05)
    parser.add_argument('--image-size', type=int, default=32)
    parser.add_argument('--batch-size', type=int, default=32)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--json', type=Path, help='write the rows to this file')
    args = parser.parse_args()
    device, accuracies = resolve_device(args.device), {}
    trial = Trial(dataset=args.dataset, device=device, loader='device', amp='bf16' if supports_bf16(device) else 'off', channels_last=True, epochs=1,
                  data_fraction=args.data_fraction, image_size=args.image_size, batch_size=args.batch_size, channels=1)
    trials = [replace(trial, seed=s) for s in range(args.trials)]
    load(args.dataset)
    header(f'{args.trials} trainings of ResNet-18 on {device}, {usable_cores()} cores, several at once')
    found = in_turns({k: lambda k=k: study(trials, k) for k in args.at_once}, args.rounds)
    base = args.at_once[0]
    apart = {k: (accuracies[k] - accuracies[base]).tolist() for k in found}               # by the trial's id: equal seeds
    ends = {k: mean_interval(d) if len(d) > 1 and k != base else (None, None) for k, d in apart.items()}
    rows = [dict(at_once=k, n=s.n, s_per_trial=s.median, iqr_s=s.iqr, trials_per_hour=3600/s.median, times_more=found[base].median/s.median,
                 seeds=len(apart[k]), accuracy_pct=float(accuracies[k].mean()), accuracy_sd_pct=float(accuracies[k].std()),
                 difference_pct=float(np.mean(apart[k])), difference_low_pct=ends[k][0], difference_high_pct=ends[k][1]) for k, s in found.items()]
    print(pd.DataFrame(rows).to_string(index=False, float_format='%.3g'))
    if args.json: args.json.write_text(json.dumps(dict(benchmark='sweeps', machine=machine(), rows=rows), indent=1))
