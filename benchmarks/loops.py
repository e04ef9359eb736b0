"""The plain loop against faster ways to run the same training, in turns (A B, B A), one improvement more in each row: images a
second, ratio with spread, share of the measured peak (MFU) and where the time of a step goes."""
import argparse, json
from dataclasses import replace
from pathlib import Path

import pandas as pd
from side_by_side import header, machine

from dl_ops_bench.data import load
from dl_ops_bench.fast import check_step, improvements, ready, seconds_a_step
from dl_ops_bench.flops import mfu_pct, model_flops
from dl_ops_bench.hardware import peak_flops, peaks, resolve_device
from dl_ops_bench.stats import ratio_interval
from dl_ops_bench.presets import loader_workers
from dl_ops_bench.timer import Measurement
from dl_ops_bench.trial import MODELS, Trial


def ladder(plain, with_compile):
    "Name and trial of each way, each with one improvement more than the one before."
    found = [('plain', plain)]
    for name, settings in improvements(plain):
        if name == 'torch.compile':
            if not with_compile: continue
            name, settings = 'torch.compile instead', settings | dict(matmul_wgrad=False)
        found.append((name, replace(found[-1][1], **settings)))
    return found


def measured(plain, images, n_images, rounds, with_compile):
    "A row for each way to run `plain`."
    n_batches = max(1, n_images//plain.batch_size)
    names, trials = zip(*ladder(plain, with_compile))
    for t in trials: check_step(t)
    trainings = [ready(t, images) for t in trials]
    seconds, peak = seconds_a_step(trainings, n_batches, rounds), peaks(plain.device)
    rows = []
    for name, t, tr, s in zip(names, trials, trainings, seconds):
        step_s, faster = Measurement(tuple(s)), Measurement(tuple(a/b for a, b in zip(seconds[0], s)), 'times')
        low, high = ratio_interval(seconds[0], s)
        phases = tr.phase_breakdown(min(max(n_batches, 3), 10))['seconds']
        rows.append(dict(model=t.model, optimizer=t.optimizer, batch_size=t.batch_size, image_size=t.image_size, way=name, n=faster.n,
                         ms_per_step=1000*step_s.median, iqr_ms=1000*(step_s.iqr or 0),
                         images_per_s=t.batch_size/step_s.median, times_faster=faster.median, low=low, high=high,
                         mfu_pct=mfu_pct(model_flops(t)['training_step'], t.batch_size, step_s.median, peak_flops(peak, t.amp)),
                         **{f'{k}_pct': 100*v/sum(phases.values()) for k, v in phases.items()}))
    return rows


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--device', default='auto')
parser.add_argument('--dataset', default='fashion_mnist')
parser.add_argument('--models', nargs='+', default=list(MODELS))
parser.add_argument('--batch-sizes', nargs='+', type=int, default=[16, 32, 128, 512])
parser.add_argument('--optimizer', default='sgd')
parser.add_argument('--image-size', type=int, default=64)
parser.add_argument('--images', type=int, default=320, help='images of each turn, at least one step')
parser.add_argument('--rounds', type=int, default=9, help='turns of each way')
parser.add_argument('--amp', default=None, help='precision of the plain loop [default: fp16 on a GPU, as the reference; off on a CPU]')
parser.add_argument('--compile', action='store_true', help='measure torch.compile too, on a GPU')
parser.add_argument('--json', type=Path, help='add the rows to this file')
args = parser.parse_args()

device, rows = resolve_device(args.device), []
header(f'one training step on {device}, the plain loop first')
images = load(args.dataset)
for model in args.models:
    for batch_size in args.batch_sizes:
        plain = Trial(dataset=args.dataset, model=model, optimizer=args.optimizer, batch_size=batch_size, image_size=args.image_size, device=device,
                      amp=args.amp or ('fp16' if device == 'cuda' else 'off'), workers=loader_workers(device))
        new = measured(plain, images, args.images, args.rounds, args.compile)
        print(pd.DataFrame(new).to_string(index=False, float_format='%.3g'), '\n', flush=True)
        rows += new
if args.json: args.json.write_text(json.dumps(dict(benchmark='loops', machine=machine(), rows=rows), indent=1))
