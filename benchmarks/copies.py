"Host-to-device copies: seconds for each batch size and way, and training on prepared batches, pageable, pinned and resident."
import argparse
from itertools import islice

import pandas as pd
from side_by_side import header

from dl_ops_bench.data import load, loaders, split_for
from dl_ops_bench.hardware import copy_table, resolve_device
from dl_ops_bench.timer import Stopwatch
from dl_ops_bench.train import Training, train_epoch
from dl_ops_bench.trial import Trial

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--device', default='auto')
parser.add_argument('--dataset', default='fashion_mnist')
parser.add_argument('--batches', type=int, default=50)
parser.add_argument('--rounds', type=int, default=5)
args = parser.parse_args()

device = resolve_device(args.device)
header(f'copies to {device}')
print(copy_table(device, (16, 32, 64, 128, 256, 512, 1024)).to_string(index=False, float_format='%.3g'), '\n')

images, found = load(args.dataset), []
for batch_size in (16, 128, 1024):
    trial = Trial(dataset=args.dataset, batch_size=batch_size, device=device, amp='fp16' if device == 'cuda' else 'off')
    ls = loaders(trial, images, split_for(trial, images))
    host = list(islice(ls.epoch(0, 1), max(4, args.batches*16//batch_size)))
    arms = dict(pageable=host, resident=[(x.to(device), y.to(device)) for x, y in host])
    if device == 'cuda': arms['pinned'] = [(x.pin_memory(), y.pin_memory()) for x, y in host]
    training = Training(trial, ls)
    training.warm_up()
    for i in range(args.rounds + 1):
        for name, batches in arms.items():
            with Stopwatch(device) as clock: train_epoch(training.model, batches, training.opt, trial, training.scaler, training.phases)
            if i: found.append(dict(batch_size=batch_size, arm=name, ms_per_batch=1000*clock.elapsed_s/len(batches)))   # 0 warms up
print(pd.DataFrame(found).groupby(['batch_size', 'arm']).ms_per_batch.describe()[['count', '25%', '50%', '75%']].to_string(float_format='%.3g'))
