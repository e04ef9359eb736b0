"Every notebook is a test: it runs from first cell to last without an error, on the real data where that is at hand."
import json

import pytest
from nbdev.config import get_config
from nbdev.doclinks import nbglob
from nbdev.test import test_nb as run_notebook

from conftest import TOP, has_data, realdata
from dl_ops_bench import registry, trial

cfg = get_config(path=TOP)
notebooks = sorted(nbglob(cfg.nbs_path, as_path=True))
needs_data = lambda path: '#| realdata' in path.read_text(encoding='utf-8')
flags = [f for f in cfg.tst_flags.split() if not (f == 'realdata' and has_data())]  # test_colab.py runs them without it


@pytest.fixture(autouse=True)
def a_kernel_of_its_own():
    "What one notebook adds to registries is not there for the next, as with a kernel for each."
    kept = [(r, dict(r)) for r in vars(trial).values() if isinstance(r, registry.Registry)]
    yield
    for r, entries in kept: r.data = entries
    registry.FILES.clear()


def test_a_notebook_leaves_no_entry_to_the_next(tmp_path):
    path = tmp_path/'adds.ipynb'
    path.write_text(json.dumps(dict(nbformat=4, nbformat_minor=5, metadata={}, cells=[dict(
        cell_type='code', id='a', metadata={}, outputs=[], execution_count=None,
        source="from dl_ops_bench.registry import Entry\nfrom dl_ops_bench.trial import MODELS\n"
               "MODELS['tiny'] = Entry('Tiny', make='torchvision.models:resnet18')\n"
               "assert list(MODELS)[-1] == 'tiny'")])))
    for _ in range(2):
        assert 'tiny' not in trial.MODELS
        left = a_kernel_of_its_own.__wrapped__()
        next(left)
        assert run_notebook(path, skip_flags=[], basepath=cfg.config_path)[0] and 'tiny' in trial.MODELS
        assert next(left, 'restored') == 'restored'


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_notebook(path): assert run_notebook(path, skip_flags=flags, basepath=cfg.config_path)[0]


@realdata
@pytest.mark.parametrize('path', list(filter(needs_data, notebooks)), ids=lambda p: p.stem)
def test_real_data_was_there(path): assert 'realdata' not in flags
