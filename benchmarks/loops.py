"The plain loop against faster executions of the same training, in turns, one improvement more in each row."
from dataclasses import replace

from side_by_side import header, parser, show, times_faster, write

from dl_ops_bench.data import load
from dl_ops_bench.fast import improvements, seconds_per_step, warmed_up
from dl_ops_bench.hardware import peaks, resolve_device
from dl_ops_bench.models import model_flops
from dl_ops_bench.presets import loader_workers
from dl_ops_bench.roofline import mfu_pct, peak_flops
from dl_ops_bench.timer import Measurement
from dl_ops_bench.trial import MODELS, Trial


def ladder(plain, with_compile):
    "Name -> trial of each way, each with one improvement more than the one before."
    found, last = dict(plain=plain), plain
    for name, changes in improvements(plain):
        if changes.get('step') == 'compile':
            if not with_compile: continue
            name, changes = f'{name} instead', changes | dict(matmul_wgrad=False)
        found[name] = last = replace(last, **changes)
    return found


def phases(training, n_batches):
    "Share of each phase of a step, in percent."
    seconds = training.phase_breakdown(min(max(n_batches, 3), 10))['seconds']
    total = sum(seconds.values())
    return {f'{name}_pct': 100*s/total for name, s in seconds.items()}


def measured(plain, images, n_images, rounds, with_compile):
    "A row for each way to run `plain`: images a second, ratio with its interval, share of the peak, phases."
    n_batches, peak = max(1, n_images//plain.batch_size), peaks(plain.device)
    rates = {name: m['median'] for name, m in peak.items()}
    trainings = {name: warmed_up(t, images) for name, t in ladder(plain, with_compile).items()}
    seconds = {name: Measurement(tuple(s)) for name, s in seconds_per_step(trainings, n_batches, rounds).items()}
    for name, training in trainings.items():
        t, s, faster = training.trial, seconds[name], times_faster(seconds['plain'], seconds[name])
        mfu = mfu_pct(model_flops(t)['training_step'], t.batch_size, s.median, peak_flops(rates, t.amp))
        yield dict(model=t.model, optimizer=t.optimizer, batch_size=t.batch_size, image_size=t.image_size, way=name,
                   n=s.n, ms_per_step=1000*s.median, iqr_ms=1000*(s.iqr or 0), images_per_s=t.batch_size/s.median,
                   times_faster=faster.value, low=faster.low, high=faster.high, mfu_pct=mfu,
                   **phases(training, n_batches))


options = parser(__doc__, rounds=10)
options.add_argument('--dataset', default='fashion_mnist')
options.add_argument('--models', nargs='+', default=list(MODELS))
options.add_argument('--batch-sizes', nargs='+', type=int, default=[16, 32, 128, 512])
options.add_argument('--optimizer', default='sgd')
options.add_argument('--image-size', type=int, default=64)
options.add_argument('--images', type=int, default=320, help='images of each turn, at least one step')
options.add_argument('--amp', help='precision of the plain loop [default: fp16 on a GPU, as the reference, else off]')
options.add_argument('--compile', action='store_true', help='measure torch.compile too, on a GPU')
args = options.parse_args()

device, rows = resolve_device(args.device), []
header(f'one training step on {device}, the plain loop first')
images, amp = load(args.dataset), args.amp or ('fp16' if device == 'cuda' else 'off')
common = Trial(dataset=args.dataset, optimizer=args.optimizer, image_size=args.image_size, device=device, amp=amp,
               workers=loader_workers(device))
for model in args.models:
    for batch_size in args.batch_sizes:
        plain = replace(common, model=model, batch_size=batch_size)
        new = list(measured(plain, images, args.images, args.rounds, args.compile))
        show(new)
        rows += new
write(args.json, 'loops', rows)
