"""What a user waits for before anything happens: the command's help and the bare import, each a process of its own, in turns."""
import argparse, json, subprocess, sys
from pathlib import Path

import pandas as pd
from side_by_side import header, in_turns, machine

from dl_ops_bench.timer import Stopwatch

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--rounds', type=int, default=9)
parser.add_argument('--json', type=Path, help='write the rows to this file')
args = parser.parse_args()
COMMANDS = {'python -c pass': ['-c', 'pass'], 'import dl_ops_bench': ['-c', 'import dl_ops_bench'],
            'dl-ops-bench --help': ['-c', 'from dl_ops_bench.cli import main; main()', '--help'], 'import torch': ['-c', 'import torch']}


def seconds(words):
    with Stopwatch() as clock: subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return clock.elapsed_s


header('starting up')
found = in_turns({name: lambda words=words: seconds(words) for name, words in COMMANDS.items()}, args.rounds)
rows = [dict(command=name, n=s.n, seconds=s.median, iqr_s=s.iqr, over_python_s=s.median - found['python -c pass'].median) for name, s in found.items()]
print(pd.DataFrame(rows).to_string(index=False, float_format='%.3f'))
if args.json: args.json.write_text(json.dumps(dict(benchmark='startup', machine=machine(), rows=rows), indent=1))
