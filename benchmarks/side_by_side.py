"Two paths timed in turns, A B A B, so that a machine that warms up or slows down treats both alike."
from dl_ops_bench.hardware import fingerprint, versions
from dl_ops_bench.timer import Measurement, Stopwatch


def ratio(a, b, device='cpu', rounds=7, warmup=1):
    "Seconds of `a`, seconds of `b`, and b over a, each a `Measurement` with one sample a round."
    for _ in range(warmup): a(), b()
    seconds = {a: [], b: []}
    for i in range(rounds):
        for fn in (a, b) if i % 2 == 0 else (b, a):
            with Stopwatch(device) as clock: fn()
            seconds[fn].append(clock.elapsed_s)
    return (Measurement(tuple(seconds[a])), Measurement(tuple(seconds[b])),
            Measurement(tuple(y/x for x, y in zip(seconds[a], seconds[b])), 'times'))


def in_turns(arms, rounds):
    "Each arm's own measurements, as `Measurement`s: A B C, then C B A, after a round that isn't counted."
    found = {name: [] for name in arms}
    for i in range(rounds + 1):
        for name in list(arms)[::1 if i % 2 == 0 else -1]:
            value = arms[name]()
            if i: found[name].append(value)
    return {name: Measurement(tuple(v)) for name, v in found.items()}


def header(what):
    "What is measured, and on which machine."
    f, v = fingerprint(), versions()
    print(f"{what}\n{f['cpu_model']}, {f['usable_cores']} cores, {[g['name'] for g in f['gpus']] or 'no GPU'}, {f['id']}; "
          f"torch {v['torch']}, {f['torch_threads']} threads, Python {v['python']}\n")


def machine():
    "What a table of figures says of where they were measured."
    f, v = fingerprint(), versions()
    return dict(id=f['id'], cpu=f['cpu_model'], cores=f['usable_cores'], gpus=[g['name'] for g in f['gpus']], torch=v['torch'], python=v['python'],
                threads=f['torch_threads'])
