"""The weight gradient of each kind of convolution in a ResNet: the library's way and as a matrix product, in turns, as a rate."""
import argparse, json
from pathlib import Path

import pandas as pd, torch
from side_by_side import header, in_turns, machine

from dl_ops_bench.fast import patches
from dl_ops_bench.hardware import resolve_device, supports_bf16
from dl_ops_bench.timer import Stopwatch

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--device', default='auto')
parser.add_argument('--batch-size', type=int, default=16)
parser.add_argument('--rounds', type=int, default=15)
parser.add_argument('--json', type=Path, help='write the rows to this file')
args = parser.parse_args()
device = resolve_device(args.device)
dtype = torch.bfloat16 if supports_bf16(device) else torch.float32
header(f'weight gradients of 3 x 3 convolutions, batches of {args.batch_size}, {dtype} on {device}')
like = dict(device=device, dtype=dtype)
rows = []
for stage, (channels, size) in enumerate(((64, 16), (128, 8), (256, 4), (512, 2)), 1):        # of 64 x 64 images
    x, g = (torch.randn(args.batch_size, channels, size, size, **like).to(memory_format=torch.channels_last) for _ in range(2))
    w = torch.randn(channels, channels, 3, 3, **like).to(memory_format=torch.channels_last)
    library = lambda: torch.ops.aten.convolution_backward(g, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [False, True, False])[1]
    product = lambda: (g.permute(0, 2, 3, 1).reshape(-1, channels).T @ patches(x, 3, 1, 1)).view(channels, 3, 3, channels).permute(0, 3, 1, 2)
    a, b = library().float(), product().float()
    assert (a - b).norm() < 0.02*a.norm(), 'the two ways disagree'

    def seconds(fn):
        with Stopwatch(device) as clock: fn()
        return clock.elapsed_s
    found = in_turns(dict(library=lambda: seconds(library), product=lambda: seconds(product)), args.rounds)
    flops = 2*args.batch_size*size**2*9*channels**2
    rows += [dict(stage=stage, channels=channels, map_size=size, way=name, n=s.n, gflops_per_s=flops/s.median/1e9,
                  times_faster=found['library'].median/s.median) for name, s in found.items()]
print(pd.DataFrame(rows).to_string(index=False, float_format='%.3g'))
if args.json: args.json.write_text(json.dumps(dict(benchmark='wgrad', machine=machine(), rows=rows), indent=1))
