"Kernel machines by training size: seconds to fit and to predict with each engine, equal predictions, exponents."
import json
from functools import partial
from types import SimpleNamespace

import numpy as np, pandas as pd
from side_by_side import header, machine, parser

from dl_ops_bench.data import load, split_for
from dl_ops_bench.hardware import versions
from dl_ops_bench.svm import KERNELS, Votes, about_engine, capture_log, pipeline
from dl_ops_bench.timer import Measurement, Stopwatch, in_turns, time_once
from dl_ops_bench.trial import ENGINES, SVMTrial, change

SIZE, TIMES = ['dataset', 'model', 'n_train'], ['fit_s', 'predict_s', 'library_predict_s']
SHARES = [0.02, 0.05, 0.1, 0.2, 0.5, 1.]
options = parser(__doc__, rounds=4)
options.add_argument('--dataset', default='fashion_mnist')
options.add_argument('--models', nargs='+', default=list(KERNELS), choices=KERNELS)
options.add_argument('--shares', nargs='*', type=float, default=SHARES, help='of the training rows; none: the file')
options.add_argument('--engines', nargs='+', default=['sklearn', 'intel'], choices=ENGINES, help='first: the base')
options.add_argument('--once-above', type=float, default=40., metavar='S', help='seconds of a round that is enough')
args = options.parse_args()


def once(trial, images, rows):
    "One fit and its predictions: seconds of each, scaling included as in a trial, and what came out."
    model, x_test = pipeline(trial, len(rows.train)), images.x[rows.test]
    with capture_log('sklearnex') as messages:
        with Stopwatch() as fit: model.fit(images.x[rows.train], images.y[rows.train])
        with Stopwatch() as predict: pred = model.predict(x_test)
    seconds = dict(fit_s=fit.elapsed_s, predict_s=predict.elapsed_s)
    if isinstance(model[-1], Votes):        # what the library's own prediction takes
        scaled = model[0].transform(x_test)
        seconds['library_predict_s'] = time_once(partial(model[-1].svc.predict, scaled))
    return SimpleNamespace(seconds=seconds, pred=pred, model=model, about=about_engine(trial, model, messages))


def taken(arms):
    "All arms in turns, fewer rounds where one takes long."
    with Stopwatch() as clock: found = in_turns(arms, 1)
    if args.rounds == 1 or clock.elapsed_s > args.once_above: return found
    more = in_turns(dict(reversed(arms.items())), args.rounds - 1)      # as if it had been one: A B, then B A, A B
    return {engine: found[engine] + more[engine] for engine in arms}


def measured(trial, images):
    "A row for each engine on the same rows."
    rows = split_for(trial, images)
    found = taken({e: partial(once, change(trial, dict(engine=e)), images, rows) for e in args.engines})
    reference, truth = found[args.engines[0]][0].pred, images.y[rows.test]
    for runs in found.values():
        first = runs[0]
        times = {t: [r.seconds[t] for r in runs if t in r.seconds] for t in TIMES}
        yield dict(dataset=trial.dataset, model=trial.model, n_train=len(rows.train), n_test=len(rows.test),
                   **first.about, **times, n_support=int(len(np.unique(first.model[-1].support_))),
                   accuracy_pct=100*float(np.mean(first.pred == truth)),
                   equal_pct=100*float(np.mean(first.pred == reference)))


def warm_up(images):
    "Pays for loading the libraries and starting their threads."
    for engine in args.engines:
        trial = SVMTrial(dataset=args.dataset, engine=engine, train_fraction=min(args.shares))
        once(trial, images, split_for(trial, images))


def line(r, first):
    "A row of the table: median, spread, and how many times faster than the first engine."
    found = dict(dataset=r.dataset, model=r.model, n_train=r.n_train, engine=r.asked, n=len(r.fit_s))
    for t in TIMES:
        if not getattr(r, t): continue          # only some engines predict in two ways
        m = Measurement(tuple(getattr(r, t)))
        base = getattr(first, t) or first.predict_s
        iqr = np.nan if m.iqr is None else m.iqr
        found |= {t: m.median, t[:-2] + '_iqr': iqr, t[:-2] + '_times': np.median(base)/m.median}
    return found | dict(equal_pct=r.equal_pct, n_support=r.n_support, accuracy_pct=r.accuracy_pct,
                        fallback=r.fallback or 'none')


def shown(rows):
    "The figures side by side as text, one engine a line."
    lines = []
    for _, some in pd.DataFrame(rows).sort_values(SIZE, kind='stable').groupby(SIZE):
        engines = list(some.itertuples())
        lines += [line(r, engines[0]) for r in engines]
    table = pd.DataFrame(lines)
    table.columns = table.columns.str.replace('library_predict', 'library')
    digits = dict(equal_pct='{:.3f}'.format, accuracy_pct='{:.2f}'.format)
    return table.to_string(index=False, na_rep='', formatters=digits, float_format='%.3g')


def exponents(rows):
    "Slope of log seconds against log rows, by least squares, for each engine with at least three sizes."
    for (dataset, model, engine), some in pd.DataFrame(rows).groupby(['dataset', 'model', 'asked'], sort=False):
        if len(some) < 3: continue
        slope = {t: np.polyfit(np.log(some.n_train), np.log(some[t].map(np.median)), 1)[0] for t in TIMES[:2]}
        yield dict(dataset=dataset, model=model, engine=engine, rows=f'{some.n_train.min()} to {some.n_train.max()}',
                   fit=float(slope['fit_s']), predict=float(slope['predict_s']))


def kept(file, about):
    "Rows that `file` has already, all made by the same machine and versions as this run's."
    if not file or not file.exists(): return []
    old = json.loads(file.read_text())
    if {k: old[k] for k in about} != about:
        raise SystemExit(f'{file} was made on another machine or with other versions: name a new file.')
    return old['rows']


def size(row): return [row[k] for k in SIZE]


about = dict(machine=machine(), versions=versions())
rows, images = kept(args.json, about), load(args.dataset)
header(f'kernel machines on {args.dataset}: {", ".join(args.engines)}. times: over {args.engines[0]}; '
       'library: prediction by the library itself')
if args.shares: warm_up(images)
for model in args.models:
    for share in args.shares:
        new = list(measured(SVMTrial(dataset=args.dataset, model=model, train_fraction=share), images))
        rows = [r for r in rows if size(r) != size(new[0])] + new
        print(shown(new), flush=True)
        found = dict(about, rows=rows, exponents=list(exponents(rows)))
        if args.json: args.json.write_text(json.dumps(found, indent=1))
print('\nall sizes\n' + shown(rows))
print('\nseconds grow with this power of the rows')
print(pd.DataFrame(exponents(rows)).to_string(index=False, float_format='%.2f'))
