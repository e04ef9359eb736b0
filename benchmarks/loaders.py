"""Feeding alone: images a second that each way of making batches delivers, in turns, with nothing trained."""
import argparse, json
from itertools import islice
from pathlib import Path

import pandas as pd
from side_by_side import header, in_turns, machine

from dl_ops_bench.data import load, loaders, split_for
from dl_ops_bench.hardware import resolve_device, usable_cores
from dl_ops_bench.timer import Stopwatch
from dl_ops_bench.trial import Trial

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--device', default='auto')
parser.add_argument('--dataset', default='fashion_mnist')
parser.add_argument('--batch-sizes', nargs='+', type=int, default=[16, 128])
parser.add_argument('--image-size', type=int, default=64)
parser.add_argument('--batches', type=int, default=40, help='batches of each turn')
parser.add_argument('--rounds', type=int, default=7)
parser.add_argument('--json', type=Path, help='write the rows to this file')
args = parser.parse_args()

device, images, rows = resolve_device(args.device), load(args.dataset), []
header(f'batches of {args.dataset} on {device}, {args.image_size} x {args.image_size}')


def feed(loader):
    "Seconds a batch, the first one, which starts the workers, not counted."
    batches = iter(loader)
    next(batches)
    with Stopwatch(device) as clock: n = sum(1 for xb, yb in islice(batches, args.batches) if len(xb.to(device)))
    return clock.elapsed_s/n


for batch_size in args.batch_sizes:
    base = Trial(dataset=args.dataset, batch_size=batch_size, image_size=args.image_size, device=device)
    ways = {f'torch, {w} workers': dict(workers=w) for w in dict.fromkeys((0, 1, min(4, usable_cores())))} | {'device': dict(loader='device')}
    fed = {name: loaders(t, images, split_for(t, images)).train for name, s in ways.items() for t in [Trial(**{**vars(base), **s})]}
    seconds = in_turns({name: lambda ls=ls: feed(ls) for name, ls in fed.items()}, args.rounds)
    first = next(iter(seconds))
    new = [dict(batch_size=batch_size, way=name, n=s.n, ms_per_batch=1000*s.median, iqr_ms=1000*s.iqr, images_per_s=batch_size/s.median,
                times_faster=seconds[first].median/s.median) for name, s in seconds.items()]
    print(pd.DataFrame(new).to_string(index=False, float_format='%.3g'), '\n', flush=True)
    rows += new
if args.json: args.json.write_text(json.dumps(dict(benchmark='loaders', machine=machine(), rows=rows), indent=1))
