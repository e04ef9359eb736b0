"What measuring costs: training steps with the phase timer on, over the same steps without, and the monitor's own work."
import argparse, time

import numpy as np
from side_by_side import header

from dl_ops_bench.data import load, loaders, split_for
from dl_ops_bench.hardware import Monitor, resolve_device
from dl_ops_bench.stats import ratio_interval
from dl_ops_bench.timer import PhaseTimer, Stopwatch
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


def step_s(batch, phases):
    with Stopwatch(device) as clock: train_epoch(training.model, [batch], training.opt, trial, training.scaler, phases)
    return clock.elapsed_s


def overhead(phases):
    "Pairs of neighbouring steps, in turns A B, B A; the quotient of their medians, with its interval."
    plain, measured = [], []
    for i, batch in enumerate(batches*args.rounds):
        for p in (off, phases) if i % 2 == 0 else (phases, off): (plain if p is off else measured).append(step_s(batch, p))
    low, high = (100*(x - 1) for x in ratio_interval(measured, plain))
    return f'{100*(np.median(measured)/np.median(plain) - 1):.2f} % (95 % interval {low:.2f} to {high:.2f}) of a step of {1000*np.median(plain):.1f} ms, n={len(plain)}'


header(f'{trial.model}, steps of 16 images of {trial.image_size} x {trial.image_size} on {device}')
for batch in batches[:10]: step_s(batch, on)
print('phase timer:', overhead(on))
print('nothing (the noise of this comparison):', overhead(PhaseTimer(device, enabled=False)))

idle_s = 10
with Stopwatch('cpu'), Monitor(device):
    before = time.process_time()
    time.sleep(idle_s)
    used = time.process_time() - before
print(f'monitor, twice a second: {100*used/idle_s:.3f} % of one core')
