"What measuring costs: training steps with the phase timer on, over the same steps without, and the monitor's own work."
import time
from functools import partial
from itertools import cycle

from side_by_side import header, parser, times_faster

from dl_ops_bench.data import load, loaders, split_for
from dl_ops_bench.hardware import Monitor, resolve_device
from dl_ops_bench.timer import Measurement, PhaseTimer, in_turns, time_once
from dl_ops_bench.train import Training
from dl_ops_bench.trial import Trial

options = parser(__doc__, rounds=8)
options.add_argument('--model', default='resnet18')
options.add_argument('--image-size', type=int, default=16)
args = options.parse_args()
IDLE_S = 10


def steps(phases):
    "A function that times one step on the next batch, with `phases` as its timer."
    batches_again = cycle(batches)

    def step():
        training.phases = phases
        list(training.steps([next(batches_again)]))
    return partial(time_once, step, device)


def overhead(enabled):
    "What a phase timer adds to a step, from neighbouring steps on the same batch."
    arms = dict(without=steps(PhaseTimer(device, enabled=False)), with_it=steps(PhaseTimer(device, enabled=enabled)))
    seconds = in_turns(arms, args.rounds*len(batches), warmup=10)
    without, with_it = Measurement(tuple(seconds['without'])), Measurement(tuple(seconds['with_it']))
    r = times_faster(with_it, without)
    return (f'{100*(r.value - 1):.2f} % (95 % interval {100*(r.low - 1):.2f} to {100*(r.high - 1):.2f}) '
            f'of a step of {1000*without.median:.1f} ms, n={r.n}')


device = resolve_device(args.device)
trial = Trial(dataset='digits', model=args.model, image_size=args.image_size, channels=1, batch_size=16, device=device)
images = load('digits')
training = Training(trial, loaders(trial, images, split_for(trial, images)))
batches = [(x.to(device), y.to(device)) for x, y in training.loaders.epoch(0, 1)]     # no loader: overhead weighs most
header(f'{trial.model}, steps of 16 images of {trial.image_size} x {trial.image_size} on {device}')
print('phase timer:', overhead(enabled=True))
print('nothing (the noise of this comparison):', overhead(enabled=False))

with Monitor(device):
    before = time.process_time()
    time.sleep(IDLE_S)
    used = time.process_time() - before
print(f'monitor, twice a second: {100*used/IDLE_S:.3f} % of one core')
