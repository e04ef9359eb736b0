"What measuring costs: a training epoch with the phase timer and with the monitor on, over the same epoch without."
import argparse

from side_by_side import header, ratio

from dl_ops_bench.data import load, loaders, split_for
from dl_ops_bench.hardware import Monitor, resolve_device
from dl_ops_bench.timer import PhaseTimer
from dl_ops_bench.train import Training, train_epoch
from dl_ops_bench.trial import Trial

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--device', default='auto')
parser.add_argument('--model', default='resnet18')
parser.add_argument('--image-size', type=int, default=16)
parser.add_argument('--rounds', type=int, default=7)
args = parser.parse_args()

device = resolve_device(args.device)
trial = Trial(dataset='digits', model=args.model, image_size=args.image_size, channels=1, batch_size=16, device=device)
images = load('digits')
training = Training(trial, loaders(trial, images, split_for(trial, images)))
batches = [(x.to(device), y.to(device)) for x, y in training.loaders.epoch(0, 1)]     # no loader: overhead weighs most
off, on = PhaseTimer(device, enabled=False), PhaseTimer(device)


def epoch(phases): return train_epoch(training.model, batches, training.opt, trial, training.scaler, phases)


def watched():
    with Monitor(device): epoch(off)


header(f'{trial.model}, {len(batches)} steps of 16 images of {trial.image_size} x {trial.image_size} on {device}')
for name, fn in (('phase timer', lambda: (epoch(on), on.spans.clear())), ('monitor, twice a second', watched),
                 ('nothing (the noise of this comparison)', lambda: epoch(off))):
    plain, measured, times = ratio(lambda: epoch(off), fn, device, args.rounds)
    print(f'{name}: plain epoch {plain}; measured {measured}; overhead {100*(times.median - 1):.2f} %, IQR {100*times.iqr:.2f} points')
