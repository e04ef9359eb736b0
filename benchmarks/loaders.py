"Feeding alone: images a second that each way of making batches delivers, in turns, with nothing trained."
from dataclasses import replace
from functools import partial
from itertools import islice

from side_by_side import header, measured, parser, show, write

from dl_ops_bench.data import load, loaders, split_for
from dl_ops_bench.hardware import resolve_device, usable_cores
from dl_ops_bench.timer import Stopwatch
from dl_ops_bench.trial import Trial

options = parser(__doc__, rounds=8)
options.add_argument('--dataset', default='fashion_mnist')
options.add_argument('--batch-sizes', nargs='+', type=int, default=[16, 128])
options.add_argument('--image-size', type=int, default=64)
options.add_argument('--batches', type=int, default=40, help='batches of each turn')
args = options.parse_args()


def feed(batches):
    "Seconds a batch, the first one, which starts the workers, not counted."
    batches, n = iter(batches), 0
    next(batches)
    with Stopwatch(device) as clock:
        for xb, _ in islice(batches, args.batches): n += len(xb.to(device)) > 0
    return clock.elapsed_s/n


def fed(trial, images):
    "A row for each way to make the batches of `trial`."
    arms = {}
    for workers in dict.fromkeys((0, 1, min(4, usable_cores()))):
        arms[f'torch, {workers} workers'] = replace(trial, workers=workers)
    arms['device'] = replace(trial, loader='device')
    for name, t in arms.items(): arms[name] = partial(feed, loaders(t, images, split_for(t, images)).train)
    seconds = measured(arms, args.rounds)
    first = seconds['torch, 0 workers'].median
    for name, s in seconds.items():
        yield dict(batch_size=trial.batch_size, way=name, n=s.n, ms_per_batch=1000*s.median, iqr_ms=1000*(s.iqr or 0),
                   images_per_s=trial.batch_size/s.median, times_faster=first/s.median)


device, images, rows = resolve_device(args.device), load(args.dataset), []
header(f'batches of {args.dataset} on {device}, {args.image_size} x {args.image_size}')
for batch_size in args.batch_sizes:
    trial = Trial(dataset=args.dataset, batch_size=batch_size, image_size=args.image_size, device=device)
    new = list(fed(trial, images))
    show(new)
    rows += new
write(args.json, 'loaders', rows)
