"What the benchmarks share: arms in turns, the machine above the figures, and files that the site's page reads."
import argparse, json, math
from pathlib import Path

import numpy as np, pandas as pd

from dl_ops_bench.errors import counted
from dl_ops_bench.hardware import fingerprint, versions
from dl_ops_bench.stats import estimate, scatter
from dl_ops_bench.timer import Measurement, in_turns


def parser(description, rounds):
    "Options of every benchmark."
    p = argparse.ArgumentParser(description=description)
    p.add_argument('--device', default='auto')
    p.add_argument('--rounds', type=int, default=rounds, help='turns of each arm')
    p.add_argument('--json', type=Path, help='write the rows to this file')
    return p


def measured(arms, rounds):
    "A `Measurement` of each arm, from functions that measure once: in turns, after a round that isn't counted."
    return {name: Measurement(tuple(s)) for name, s in in_turns(arms, rounds, warmup=1).items()}


def times_faster(base, other):
    "How many times faster `other` is than `base`, an `Estimate` over the rounds that both had."
    logs = np.log(base.samples) - np.log(other.samples)
    variance, df = scatter(logs)
    return estimate(math.exp(logs.mean()), [(variance/len(logs), df)], len(logs), f'{len(logs)} rounds', 'times')


def machine():
    "What a table of figures says of where they were measured."
    f, v = fingerprint(), versions()
    return dict(id=f['id'], cpu=f['cpu_model'], cores=f['usable_cores'], gpus=[g['name'] for g in f['gpus']],
                torch=v['torch'], python=v['python'], threads=f['torch_threads'])


def header(what):
    "What is measured, and on which machine."
    m = machine()
    print(f"{what}\n{m['cpu']}, {counted(m['cores'], 'core')}, {m['gpus'] or 'no GPU'}, {m['id']}; "
          f"torch {m['torch']}, {counted(m['threads'], 'thread')}, Python {m['python']}\n")


def show(rows):
    "Rows as text."
    print(pd.DataFrame(rows).to_string(index=False, float_format='%.3g'), '\n', flush=True)


def write(file, benchmark, rows):
    "Rows as a file, if one was asked for."
    if file: file.write_text(json.dumps(dict(benchmark=benchmark, machine=machine(), rows=rows), indent=1))
