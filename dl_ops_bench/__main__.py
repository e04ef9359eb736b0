"`python -m dl_ops_bench` is `dl-ops-bench`."
import sys

if __name__ == '__main__':
    # python -m looks in the current folder first, where a user may keep a seaborn.py; the command doesn't look there
    if not sys.flags.safe_path and not __file__.startswith(sys.path[0]): del sys.path[0]
    from .cli import main
    main()
