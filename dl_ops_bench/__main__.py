"`python -m dl_ops_bench` is `dl-ops-bench`."
from .cli import main

if __name__ == '__main__': main()
