"Every notebook is a test: it runs from first cell to last without an error, on the real data where that is at hand."
import pytest
from nbdev.config import get_config
from nbdev.doclinks import nbglob
from nbdev.test import test_nb as run_notebook

from conftest import TOP, has_data, realdata

cfg = get_config(path=TOP)
notebooks = sorted(nbglob(cfg.nbs_path, as_path=True))
needs_data = lambda path: '#| realdata' in path.read_text(encoding='utf-8')
flags = [f for f in cfg.tst_flags.split() if not (f == 'realdata' and has_data())]  # test_colab.py runs them without it


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_notebook(path): assert run_notebook(path, skip_flags=flags, basepath=cfg.config_path)[0]


@realdata
@pytest.mark.parametrize('path', filter(needs_data, notebooks), ids=lambda p: p.stem)
def test_real_data_was_there(path): assert 'realdata' not in flags
