"Our FLOP counts beside fvcore's (`pip install fvcore`), which counts multiply-adds: totals, and each operator that differs."
from collections import Counter

import torch
from fvcore.nn import FlopCountAnalysis

from dl_ops_bench.flops import count_flops, layer_table
from dl_ops_bench.models import build
from dl_ops_bench.trial import MODELS

worst = 0.
for name in MODELS:
    for size, channels, stem in ((64, 3, 'imagenet'), (28, 1, 'small'), (224, 3, 'imagenet')):
        model, shape = build(name, channels=channels, stem=stem).eval(), (1, channels, size, size)
        theirs = FlopCountAnalysis(model, torch.zeros(shape)).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        by_operator = Counter({k: int(v) for k, v in theirs.by_operator().items()})
        table = layer_table(model, shape)
        ours = Counter(conv=int(table[table.type == 'Conv2d'].macs.sum()), linear=int(table[table.type == 'Linear'].macs.sum()))
        total, same = count_flops(model, shape)/2, sum(by_operator[k] for k in ours)
        worst = max(worst, abs(total/same - 1))
        print(f'{name}, {channels} x {size} x {size}, {stem} stem: ours {total/1e9:.6f} GMACs, fvcore {same/1e9:.6f} on the same operators')
        for op in sorted(set(by_operator) | set(ours)):
            if ours[op] != by_operator[op]: print(f'    {op}: ours {ours[op]:,}, fvcore {by_operator[op]:,}'
                                                  + ('  (no formula in PyTorch: named by uncounted_ops)' if op not in ours else ''))
print(f'\nlargest difference on convolutions and matrix products, MACs against MACs: {100*worst:.4f} %')
assert worst < 0.01
