"What a user waits for before anything happens: the command's help and the bare import, each a process of its own."
import subprocess, sys
from functools import partial

from side_by_side import header, measured, parser, show, write

from dl_ops_bench.timer import time_once

args = parser(__doc__, rounds=10).parse_args()
COMMANDS = {'python -c pass': ['-c', 'pass'], 'import dl_ops_bench': ['-c', 'import dl_ops_bench'],
            'dl-ops-bench --help': ['-c', 'from dl_ops_bench.cli import main; main()', '--help'],
            'import torch': ['-c', 'import torch']}


def start(words): subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)


header('starting up')
found = measured({name: partial(time_once, partial(start, words)) for name, words in COMMANDS.items()}, args.rounds)
python_s, rows = found['python -c pass'].median, []
for name, s in found.items():
    rows.append(dict(command=name, n=s.n, seconds=s.median, iqr_s=s.iqr, over_python_s=s.median - python_s))
show(rows)
write(args.json, 'startup', rows)
