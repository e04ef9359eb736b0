"""Keep what is written in order: `run` executes notebooks and stores clean outputs, `account` writes the project's
addresses, `headline` the README's answers, `runs` the commands behind the records."""
import argparse, json, os, re, subprocess, sys, tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SKIP = re.compile(r'^#\|\s*(eval:\s*false|slow|cuda)\b', re.M)


def cfg():
    "The settings of settings.ini."
    from nbdev.config import get_config
    return get_config(cfg_name='settings.ini', path=TOP)


def notebooks():
    "All notebooks of the project, sorted."
    return sorted(p for p in (TOP/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)


def execute(path):
    "Run one notebook with nbdev's own executor and save its outputs, in this process."
    from execnb.nbio import read_nb, write_nb
    from execnb.shell import CaptureShell
    os.chdir(path.parent)
    os.environ['IN_TEST'] = '1'
    os.environ['XDG_CACHE_HOME'] = tempfile.mkdtemp()     # peaks measured beside other work are nobody's
    if path.name in ('index.ipynb', 'report.ipynb'):      # their stored outputs are about the real runs
        from dl_ops_bench._docs import results_environment
        os.environ.update(results_environment(TOP))
    no_data = not os.environ.get('DL_OPS_BENCH_DATA')
    skip = lambda c: c.cell_type != 'code' or SKIP.search(c.source) or (no_data and '#| realdata' in c.source)
    nb = read_nb(path)
    for cell in nb.cells:
        if cell.cell_type == "code" and not (no_data and '#| realdata' in cell.source): cell.outputs = []
    shell = CaptureShell(path)
    try: shell.run_all(nb, exc_stop=True, preproc=skip)
    except Exception: sys.exit(shell.prettytb(fname=path))
    write_nb(nb, path)


def run(paths):
    "Execute notebooks, each in a fresh process, and clean them."
    for path in paths or notebooks():
        print(path.name, flush=True)
        subprocess.run([sys.executable, __file__, '_execute', str(path.resolve())], check=True, cwd=TOP)
        subprocess.run(['nbdev_clean', '--fname', str(path.resolve())], check=True, cwd=TOP)


def addresses(text, user, repo):
    "`text` with the project's GitHub, Pages and Colab addresses for this account."
    text = re.sub(rf'github\.com/[\w-]+/{repo}\b', f'github.com/{user}/{repo}', text)
    text = re.sub(rf'raw\.githubusercontent\.com/[\w-]+/{repo}\b', f'raw.githubusercontent.com/{user}/{repo}', text)
    text = re.sub(rf'research\.google\.com/github/[\w-]+/{repo}\b', f'research.google.com/github/{user}/{repo}', text)
    return re.sub(rf'[\w-]+\.github\.io/{repo}\b', f'{user}.github.io/{repo}', text)


def installing(text, what):
    "`text` with Colab's first cell installing `what`. Git asks nobody for a password there: it fails instead."
    line = f'! [ -e /content ] && GIT_TERMINAL_PROMPT=0 pip install -qq {what}'
    return re.sub(r'! \[ -e /content \] && [^"\n]*pip install -[^"\n]*', line, text)


def account(check):
    "Write the account and the package to install of settings.ini everywhere, or with `check` fail where others stand."
    c, wrong = cfg(), []
    for p in [TOP/'README.md', TOP/'CONTRIBUTING.md', TOP/'_quarto.yml', *(TOP/'nbs').rglob('*.qmd'), *notebooks()]:
        old = p.read_text(encoding='utf-8')
        if (new := installing(addresses(old, c.user, c.repo), c.d['install'])) != old:
            wrong.append(str(p.relative_to(TOP)))
            if not check: p.write_text(new, encoding='utf-8')
    if check and wrong:
        sys.exit(f"another account than {c.user!r}, or another package to install, stands in {', '.join(wrong)}: "
                 f"run python tools/notebooks.py account")
    print(f"{'would change' if check else 'changed'}: {', '.join(wrong) or 'nothing'}")


def headline():
    "Write the report's answers, and where the records in results/ come from, into the README."
    from dl_ops_bench._docs import result_folders
    from dl_ops_bench.answers import findings
    from dl_ops_bench.compare import settings
    from dl_ops_bench.store import read_records
    from dl_ops_bench.tables import machine_table
    found = settings(read_records(*result_folders(TOP)))
    lines = [f'- **{answer.says}** {answer.numbers}' for answer in findings(found)[:3]]
    made_by = {}                        # where and with what -> versions of PyTorch
    for c in machine_table(found).cells:
        made_by.setdefault((c['gpu'] or c['cpu'], c['machine'], c['version']), {})[c['torch']] = None
    where = '; '.join(f"{on}, {machine}, with dl_ops_bench {version} and torch {' and '.join(torch)}"
                      for (on, machine, version), torch in made_by.items())
    results = '[results](https://github.com/dl-ops-bench/dl_ops_bench/tree/main/results)'
    lines += ['', f'Measured on {where}; the records are in {results}.']
    path, text = TOP/'README.md', (TOP/'README.md').read_text(encoding='utf-8')
    block = re.compile(r'(<!-- headline:.*?-->\n).*?(<!-- /headline -->)', re.S)
    new = block.sub(lambda m: m[1] + '\n'.join(lines) + '\n' + m[2], text)
    path.write_text(addresses(new, cfg().user, cfg().repo), encoding='utf-8')


def runs():
    "Write a README into each folder of results: which command made its records, from which commit, when, for how long."
    import pandas as pd
    for folder in sorted(p for p in (TOP/'results').iterdir() if p.is_dir()):
        records = [json.loads(p.read_text(encoding='utf-8')) for p in sorted(folder.glob('*.json'))]
        rows = [dict(command=r.get('command') or 'not recorded', commit=(r['package']['commit'] or 'unknown')[:12],
                     start=r['started'], end=r['finished'], trial_s=r['times'].get('total_s', 0.))
                for r in records if 'trial' in r]
        t = pd.DataFrame(rows).groupby(['command', 'commit'], sort=False).agg(
            records=('start', 'size'), first=('start', 'min'), last=('end', 'max'),
            trial_minutes=('trial_s', lambda s: round(s.sum()/60, 1))).reset_index()
        t['minutes'] = ((pd.to_datetime(t['last']) - pd.to_datetime(t['first'])).dt.total_seconds()/60).round(1)
        text = (f'# {folder.name}\n\nA record a trial, with its predictions beside it. '
                'This page is written by `python tools/notebooks.py runs`.\n\n'
                '`minutes` is the time from the first start to the last end, `trial_minutes` the sum over trials, '
                'which is larger where trials ran at once.\n\n')
        (folder/'README.md').write_text(text + t.sort_values('first').to_markdown(index=False) + '\n', encoding='utf-8')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    sub = parser.add_subparsers(dest='command', required=True)
    for name, help in (('run', 'execute, store outputs, clean'), ('_execute', argparse.SUPPRESS)):
        sub.add_parser(name, help=help).add_argument('paths', nargs='*', type=Path)
    account_parser = sub.add_parser('account', help="rewrite addresses and Colab's first cell by settings.ini")
    account_parser.add_argument('--check', action='store_true')
    sub.add_parser('headline', help="write the README's answers from results/")
    sub.add_parser('runs', help='write the commands behind the records into each folder of results')
    args = parser.parse_args()
    if args.command == 'run': run(args.paths)
    elif args.command == '_execute': execute(args.paths[0])
    elif args.command == 'headline': headline()
    elif args.command == 'runs': runs()
    else: account(args.check)


if __name__ == '__main__': main()
