"Host-to-device copies: seconds for each batch size and way, and training on pageable, pinned and resident batches."
from functools import partial
from itertools import islice

from side_by_side import header, measured, parser, show, write

from dl_ops_bench.data import load, loaders, split_for
from dl_ops_bench.hardware import copy_table, resolve_device
from dl_ops_bench.timer import time_once
from dl_ops_bench.train import Training
from dl_ops_bench.trial import Trial

options = parser(__doc__, rounds=6)
options.add_argument('--dataset', default='fashion_mnist')
options.add_argument('--batch-sizes', nargs='+', type=int, default=[16, 128, 1024])
options.add_argument('--batches', type=int, default=50, help='of 16 images, or as many images in larger ones')
args = options.parse_args()


def prepared(training, n_batches):
    "The same batches in each place that this device has."
    device = training.trial.device
    host = list(islice(training.loaders.epoch(0, 1), n_batches))
    found = dict(pageable=host, resident=[(x.to(device), y.to(device)) for x, y in host])
    if device == 'cuda': found['pinned'] = [(x.pin_memory(), y.pin_memory()) for x, y in host]
    return found


def trained(trial, images):
    "A row for each place that batches come from."
    training = Training(trial, loaders(trial, images, split_for(trial, images)), len(images.classes))
    training.warm_up()
    batches = prepared(training, max(4, args.batches*16//trial.batch_size))
    arms = {place: partial(time_once, partial(training.epoch, b), trial.device) for place, b in batches.items()}
    for place, s in measured(arms, args.rounds).items():
        n = len(batches[place])
        yield dict(batch_size=trial.batch_size, place=place, n=s.n, ms_per_batch=1000*s.median/n,
                   iqr_ms=1000*(s.iqr or 0)/n)


device = resolve_device(args.device)
header(f'copies to {device}')
show(copy_table(device, (16, 32, 64, 128, 256, 512, 1024)).dropna(axis=1))
images, rows = load(args.dataset), []
for batch_size in args.batch_sizes:
    amp = 'fp16' if device == 'cuda' else 'off'
    rows += trained(Trial(dataset=args.dataset, batch_size=batch_size, device=device, amp=amp), images)
show(rows)
write(args.json, 'copies', rows)
