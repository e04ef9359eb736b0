"The weight gradient of each stage's convolutions in a ResNet: the library's way and as a matrix product, in turns."
from functools import partial

import torch
from side_by_side import header, measured, parser, show, write

from dl_ops_bench.fast import patches
from dl_ops_bench.hardware import resolve_device, supports_bf16
from dl_ops_bench.timer import time_once

options = parser(__doc__, rounds=16)
options.add_argument('--batch-size', type=int, default=16)
args = options.parse_args()
STAGES = ((64, 16), (128, 8), (256, 4), (512, 2))       # channels and size of the maps, of images of 64 x 64


def library(x, w, g):
    "As PyTorch's own backward pass computes it."
    only_weights = [False, True, False]
    return torch.ops.aten.convolution_backward(g, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, only_weights)[1]


def product(x, w, g):
    "As one matrix product over all places of all images."
    n = w.shape[0]
    flat = g.permute(0, 2, 3, 1).reshape(-1, n).T @ patches(x, 3, 1, 1)
    return flat.view(n, 3, 3, n).permute(0, 3, 1, 2)


def randoms(*shape): return torch.randn(*shape, device=device, dtype=dtype).to(memory_format=torch.channels_last)


device = resolve_device(args.device)
dtype = torch.bfloat16 if supports_bf16(device) else torch.float32
header(f'weight gradients of 3 x 3 convolutions, batches of {args.batch_size}, {dtype} on {device}')
rows = []
for stage, (channels, size) in enumerate(STAGES, 1):
    x, g = randoms(args.batch_size, channels, size, size), randoms(args.batch_size, channels, size, size)
    w = randoms(channels, channels, 3, 3)
    a, b = library(x, w, g).float(), product(x, w, g).float()
    assert (a - b).norm() < 0.02*a.norm(), 'the two ways disagree'
    arms = {way.__name__: partial(time_once, partial(way, x, w, g), device) for way in (library, product)}
    seconds, flops = measured(arms, args.rounds), 2*args.batch_size*size**2*9*channels**2
    for way, s in seconds.items():
        rows.append(dict(stage=stage, channels=channels, map_size=size, way=way, n=s.n, gflops_per_s=flops/s.median/1e9,
                         times_faster=seconds['library'].median/s.median))
show(rows)
write(args.json, 'wgrad', rows)
