"Every notebook runs from top to bottom; those with cells on real data run once more with them."
import pytest
from nbdev.config import get_config
from nbdev.doclinks import nbglob
from nbdev.test import test_nb as run_notebook

from conftest import TOP, realdata

cfg = get_config(path=TOP)
notebooks = sorted(nbglob(cfg.nbs_path, as_path=True))
on_real_data = [p for p in notebooks if '#| realdata' in p.read_text(encoding='utf-8')]


def passes(path, skip): return run_notebook(path, skip_flags=skip, basepath=cfg.config_path)[0]


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_notebook(path): assert passes(path, cfg.tst_flags.split())


@realdata
@pytest.mark.parametrize('path', on_real_data, ids=lambda p: p.stem)
def test_notebook_on_real_data(path): assert passes(path, [f for f in cfg.tst_flags.split() if f != 'realdata'])
