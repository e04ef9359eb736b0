"Kernel machines by training size: seconds to fit and to predict with each engine, ratios, equal predictions, exponents."
import argparse, json
from pathlib import Path

import numpy as np
import pandas as pd
from side_by_side import header, machine

from dl_ops_bench.data import load, split_for
from dl_ops_bench.hardware import versions
from dl_ops_bench.svm import KERNELS, Votes, about_engine, heard, pipeline
from dl_ops_bench.timer import Measurement, Stopwatch
from dl_ops_bench.trial import CHOICES, SVMTrial, change

TIMES = ('fit_s', 'predict_s', 'library_predict_s')
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--dataset', default='fashion_mnist')
parser.add_argument('--models', nargs='+', default=list(KERNELS), choices=KERNELS)
parser.add_argument('--shares', nargs='*', type=float, default=[0.02, 0.05, 0.1, 0.2, 0.5, 1.], help='of the training rows; none: only show the file')
parser.add_argument('--engines', nargs='+', default=['sklearn', 'intel'], choices=CHOICES['engine'],
                    help='the first one is what the others are compared with')
parser.add_argument('--rounds', type=int, default=3)
parser.add_argument('--once-above', type=float, default=40., metavar='S', help='one round is enough if the first one takes longer')
parser.add_argument('--json', type=Path, help='add the figures to this file, in the place of those of the same sizes')
args = parser.parse_args()


def once(trial, images, rows):
    "One fit and its predictions: seconds of each, scaling included as in a trial, and what came out."
    model = pipeline(trial, len(rows.train))
    x, y, x_test = images.x[rows.train], images.y[rows.train], images.x[rows.test]
    with heard('sklearnex') as said:
        with Stopwatch('cpu') as fit: model.fit(x, y)
        with Stopwatch('cpu') as predict: pred = model.predict(x_test)
    found = dict(fit_s=fit.elapsed_s, predict_s=predict.elapsed_s)
    if isinstance(model[-1], Votes):        # what the library's own prediction takes
        with Stopwatch('cpu') as clock: model[-1].svc.predict(model[0].transform(x_test))
        found['library_predict_s'] = clock.elapsed_s
    return found, pred, model, about_engine(trial, model[-1], said)


def size(trial, images):
    "A row for each engine: all engines in turns A B, B A on the same rows."
    rows, found = split_for(trial, images), {e: [] for e in args.engines}
    for i in range(args.rounds):
        with Stopwatch('cpu') as clock:
            for engine in args.engines[::1 if i % 2 == 0 else -1]: found[engine].append(once(change(trial, dict(engine=engine)), images, rows))
        if clock.elapsed_s > args.once_above: break
    first = found[args.engines[0]][0][1]
    for engine, runs in found.items():
        _, pred, model, about = runs[0]
        yield dict(dataset=trial.dataset, model=trial.model, n_train=len(rows.train), n_test=len(rows.test), **about,
                   **{t: [r[0][t] for r in runs if t in r[0]] for t in TIMES}, n_support=int(len(np.unique(model[-1].support_))),
                   accuracy_pct=100*float(np.mean(pred == images.y[rows.test])), equal_pct=100*float(np.mean(pred == first)))


def warm_up(images):
    "Pays for loading the libraries and starting their threads."
    for engine in args.engines:
        trial = SVMTrial(dataset=args.dataset, engine=engine, train_fraction=0.005)
        once(trial, images, split_for(trial, images))


def table(rows):
    "The figures side by side: median and interquartile range of n rounds, and how many times faster than the first engine of that size."
    lines = []
    size = ['dataset', 'model', 'n_train']
    for (dataset, model, n_train), of in pd.DataFrame(rows).sort_values(size, kind='stable').groupby(size):
        for r in of.itertuples():
            line = dict(dataset=dataset, model=model, n_train=n_train, engine=r.asked, n=len(r.fit_s))
            for t in TIMES:
                m, base = Measurement(tuple(getattr(r, t) or [np.nan])), of.iloc[0][t] or of.iloc[0].predict_s
                line |= {t: m.median, t[:-2] + '_iqr': m.iqr, t[:-2] + '_times': np.median(base)/m.median}
            lines.append(line | dict(equal_pct=r.equal_pct, n_support=r.n_support, accuracy_pct=r.accuracy_pct, fallback=r.fallback or 'none'))
    return pd.DataFrame(lines)


def shown(rows):
    "The table as text, one engine a line."
    return table(rows).rename(columns=lambda c: c.replace('library_predict', 'library')).to_string(index=False, na_rep='', formatters=dict(
        equal_pct='{:.3f}'.format, accuracy_pct='{:.2f}'.format), float_format='%.3g')


def exponents(rows):
    "Slope of log seconds against log rows, by least squares, for each engine with at least three sizes."
    for (dataset, model, engine), of in pd.DataFrame(rows).groupby(['dataset', 'model', 'asked'], sort=False):
        if len(of) < 3: continue
        slope = lambda t: np.polyfit(np.log(of.n_train), np.log(of[t].map(np.median)), 1)[0]
        yield dict(dataset=dataset, model=model, engine=engine, rows=f'{of.n_train.min()} to {of.n_train.max()}',
                   fit=float(slope('fit_s')), predict=float(slope('predict_s')))


def kept(file, about):
    "Rows that `file` has already, all made by the same machine and versions as this run's."
    if not file or not file.exists(): return []
    old = json.loads(file.read_text())
    if {k: old[k] for k in about} != about: raise SystemExit(f'{file} was made on another machine or with other versions: name a new file.')
    return old['rows']


about = dict(machine=machine(), versions=versions())
rows, images = kept(args.json, about), load(args.dataset)
header(f'kernel machines on {args.dataset}: {", ".join(args.engines)}. times: over {args.engines[0]}; library: prediction by the library itself')
if args.shares: warm_up(images)
for model in args.models:
    for share in args.shares:
        new = list(size(SVMTrial(dataset=args.dataset, model=model, train_fraction=share), images))
        key = lambda r: (r['dataset'], r['model'], r['n_train'])
        rows = [r for r in rows if key(r) != key(new[0])] + new
        print(shown(new), flush=True)
        if args.json: args.json.write_text(json.dumps(dict(about, rows=rows, exponents=list(exponents(rows))), indent=1))
print('\nall sizes\n' + shown(rows))
print('\nseconds grow with this power of the rows\n' + pd.DataFrame(exponents(rows)).to_string(index=False, float_format='%.2f'))
