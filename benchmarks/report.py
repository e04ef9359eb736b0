"""What a report costs: seconds, memory, bytes of the page; a process each, in turns, over the committed records.

The package's sample, the committed records, 1,000 and 10,000 more of the same settings, and 10,000 settings. Those
made up are the committed records with other seeds or other learning rates (or C), without predictions."""
import json, subprocess, sys, tempfile
from dataclasses import replace
from functools import partial
from itertools import count, cycle, islice
from pathlib import Path

from side_by_side import header, parser, show, times_faster, write

from dl_ops_bench.record import plain
from dl_ops_bench.store import countable, read_records
from dl_ops_bench.tables import sample_dir
from dl_ops_bench.timer import Measurement, in_turns, time_once

COMMITTED = sorted({f.parent for f in Path(__file__).parents[1].glob('results/*/*.json')})
RENDER = """
import json, re, resource, sys
from pathlib import Path
from dl_ops_bench.report import render
page = render(sys.argv[2:], sys.argv[1])
kb, status = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, Path('/proc/self/status')
if status.exists(): kb = int(re.search(r'VmHWM:\\s+(\\d+)', status.read_text())[1])  # ru_maxrss begins at the parent's
print(json.dumps(dict(memory_mb=kb/1024, page_kb=page.stat().st_size/1000)))"""


def another_seed(trial, n): return replace(trial, seed=n)


def another_setting(trial, n):
    "The same with a learning rate or a C that no other record has."
    name = 'lr' if trial.kind == 'resnet' else 'C' if trial.C else 'seed'
    return replace(trial, **{name: n if name == 'seed' else getattr(trial, name)*(1 + n/1e6)})


def grown(records, n, changed, out):
    "A folder of `n` records, each like one of those that are there and yet its own."
    out.mkdir()
    for i, r in zip(count(1), islice(cycle(records), n)):
        trial = changed(r.trial, i)
        new = replace(r, trial=trial, id=trial.id, predictions=None, started=f'{i} {r.started}', finished=r.finished)
        (out/f'{trial.id}.json').write_text(json.dumps(plain(new)))
    return [out]


def rendered(folders, page):
    "One page made by a process of its own: seconds with its start, peak memory, size."
    told = []
    words = [sys.executable, '-c', RENDER, page, *folders]
    def run(): told.append(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    seconds = time_once(run)
    return dict(json.loads(told[0]), seconds=seconds)


if __name__ == '__main__':
    options = parser(__doc__, rounds=3)
    options.add_argument('--sizes', nargs=2, type=int, default=[1000, 10_000], help='of the made-up studies')
    args = options.parse_args()
    header('rendering the report')
    with tempfile.TemporaryDirectory() as d:
        top, base, (some, many) = Path(d), countable(read_records(*COMMITTED)), args.sizes
        studies = {'sample': [sample_dir()], 'committed': COMMITTED,
                   f'{some:,} more of the same settings': grown(base, some, another_seed, top/'some'),
                   f'{many:,} more of the same settings': grown(base, many, another_seed, top/'many'),
                   f'{many:,} settings': grown(base, many, another_setting, top/'settings')}
        arms = {name: partial(rendered, folders, top/'page.html') for name, folders in studies.items()}
        found, rows = in_turns(arms, args.rounds), []
        seconds = {name: Measurement(tuple(r['seconds'] for r in runs)) for name, runs in found.items()}
        for name, runs in found.items():
            s, n = seconds[name], sum(len(list(Path(f).glob('[0-9a-f]*.json'))) for f in studies[name])
            ratio = times_faster(s, seconds['committed']) if name != 'committed' and args.rounds > 1 else None
            rows.append(dict(study=name, records=n, n=s.n, seconds=s.median, iqr_s=s.iqr,
                             times_committed=s.median/seconds['committed'].median,
                             low=ratio and ratio.low, high=ratio and ratio.high,
                             memory_mb=max(r['memory_mb'] for r in runs), page_kb=runs[0]['page_kb']))
        show(rows)
        write(args.json, 'report', rows)
