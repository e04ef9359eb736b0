"""What the preset `quick` could be: trainings on digits, what they learn and what they cost the processor, a row each.

python benchmarks/quick.py --json FILE 'model=resnet50 epochs=3,4 seed=0,1,2' adds such rows to the file's, or replaces
them; without settings the file's own rows are measured again."""
import json, time

import torch
from side_by_side import header, parser, show, write

from dl_ops_bench.data import load
from dl_ops_bench.fast import make_step
from dl_ops_bench.presets import unique, vary
from dl_ops_bench.train import train_network
from dl_ops_bench.trial import Trial, change, parse_settings

options = parser(__doc__, rounds=1)
options.add_argument('settings', nargs='*', help="as --set takes them, for example 'model=resnet50 lr=0.1,0.01'")
args = options.parse_args()
BASE = Trial(dataset='digits', image_size=16, channels=1, batch_size=32, epochs=3, optimizer='adam', threads=1,
             loader='device', fused=True, matmul_wgrad=True)
NAMES = ('model', 'optimizer', 'lr', 'batch_size', 'image_size', 'stem', 'epochs', 'seed')


def trial_of(row): return change(BASE, {name: row[name] for name in NAMES})


def measured(trial):
    "A training's setting, what it learnt and what it cost."
    began = time.process_time()
    parts, _ = train_network(trial, images, make_step=make_step)
    m = parts['metrics']
    return {name: getattr(trial, name) for name in NAMES} | dict(
        accuracy_pct=m['accuracy_pct'], n_test=m['n_test'], cpu_s=time.process_time() - began,
        valid_accuracy_pct=[epoch['valid_accuracy_pct'] for epoch in parts['history']])


torch.set_num_threads(1)
there = args.json and args.json.exists()
rows = {trial_of(row): row for row in (json.loads(args.json.read_text())['rows'] if there else ())}
wanted = [t for text in args.settings for t in vary(BASE, **parse_settings(text.split()))] or list(rows)
images = load('digits')
header('digits')
for trial in unique(wanted): rows[trial] = measured(trial)
show([rows[trial] for trial in unique(wanted)])
write(args.json, 'quick', list(rows.values()))
