"Our FLOP counts beside fvcore's (`pip install fvcore`), which counts multiply-adds: totals, and operators that differ."
from collections import Counter

import torch
from fvcore.nn import FlopCountAnalysis

from dl_ops_bench.flops import count_flops, layer_table
from dl_ops_bench.models import build
from dl_ops_bench.trial import MODELS

LAYERS = dict(conv='Conv2d', linear='Linear')    # fvcore's operator -> type of layer


def theirs(model, shape):
    "Multiply-adds by operator, as fvcore counts them."
    analysis = FlopCountAnalysis(model, torch.zeros(shape))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return Counter({operator: int(n) for operator, n in analysis.by_operator().items()})


def ours(model, shape):
    "Multiply-adds by operator, as our table of layers has them."
    by_type = layer_table(model, shape).groupby('type').macs.sum()
    return Counter({operator: int(by_type[kind]) for operator, kind in LAYERS.items()})


def difference(name, model, shape):
    "Prints the counts side by side; relative difference on the operators that both count."
    we, they = ours(model, shape), theirs(model, shape)
    total, same = count_flops(model, shape)/2, sum(they[operator] for operator in LAYERS)
    print(f'{name}, {shape[1:]}: ours {total/1e9:.6f} GMACs, fvcore {same/1e9:.6f} on the same operators')
    for operator in sorted(we.keys() | they.keys()):
        if we[operator] == they[operator]: continue
        why = '' if operator in LAYERS else ' (no formula in PyTorch: named by uncounted_ops)'
        print(f'    {operator}: ours {we[operator]:,}, fvcore {they[operator]:,}{why}')
    return abs(total/same - 1)


worst = 0.
for name in MODELS:
    for size, channels, stem in ((64, 3, 'imagenet'), (28, 1, 'small'), (224, 3, 'imagenet')):
        model = build(name, channels=channels, stem=stem).eval()
        worst = max(worst, difference(f'{name}, {stem} stem', model, (1, channels, size, size)))
print(f'\nlargest difference on convolutions and matrix products, MACs against MACs: {100*worst:.4f} %')
assert worst < 0.01
