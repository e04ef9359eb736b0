"Every notebook is a test: it runs from first cell to last without an error, on the real data where that is at hand."
import json, re

import pytest
from nbdev.config import get_config
from nbdev.doclinks import nbglob
from nbdev.test import test_nb as run_notebook

import exercises
from conftest import TOP, has_data, realdata
from dl_ops_bench import registry, trial

cfg = get_config(path=TOP)
notebooks = sorted(nbglob(cfg.nbs_path, as_path=True))
needs_data = lambda path: '#| realdata' in path.read_text(encoding='utf-8')
flags = [f for f in cfg.tst_flags.split() if not (f == 'realdata' and has_data())]  # test_colab.py runs them without it


def skipped(code):
    "Whether a cell isn't run here: nbdev's own rule."
    return re.search(rf'^#\|\s*(eval:\s*false|{"|".join(flags)})\s*$', code, re.M)


@pytest.fixture(autouse=True)
def a_kernel_of_its_own():
    "What one notebook adds to registries is not there for the next, as with a kernel for each."
    kept = [(r, dict(r)) for r in vars(trial).values() if isinstance(r, registry.Registry)]
    for r, entries in kept: r.data = {name: e for name, e in entries.items() if name in r.ours}
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


EXERCISE = """#| exercise
def half(x): ...
with check('Half'): assert half(4) == {wanted}, 'Not half.'
<details><summary>Solution</summary>

```python
def half(x): return x/2
```

A mistake that looks right:

```python
def half(x): return {mistake}
```

</details>""".replace('\nwith', '\n\nwith').replace('\n<', '\n\n<', 1)


@pytest.mark.parametrize('wanted, mistake, wrong', [
    ('2', 'x', None), ('2', 'x - 2', 'passes as a solution'), ('3', 'x', 'not yet. Not half.'),
    ('half(4)', 'x', 'an empty cell')])
def test_a_check_tells_right_from_wrong(tmp_path, wanted, mistake, wrong):
    stub, check, folded = EXERCISE.format(wanted=wanted, mistake=mistake).split('\n\n', 2)
    sources = 'from dl_ops_bench.exercise import check', stub, check, folded
    cells = [dict(cell_type='markdown' if s is folded else 'code', id=f'c{i}', metadata={}, source=s)
             | ({} if s is folded else dict(outputs=[], execution_count=None)) for i, s in enumerate(sources)]
    path = tmp_path/'lesson.ipynb'
    path.write_text(json.dumps(dict(nbformat=4, nbformat_minor=5, metadata={}, cells=cells)))
    if not wrong: return exercises.run(path, skipped)
    with pytest.raises(AssertionError, match=wrong): exercises.run(path, skipped)


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_notebook(path):
    if '#| exercise' in path.read_text(encoding='utf-8'): exercises.run(path, skipped)
    else: assert run_notebook(path, skip_flags=flags, basepath=cfg.config_path)[0]


@realdata
@pytest.mark.parametrize('path', list(filter(needs_data, notebooks)), ids=lambda p: p.stem)
def test_real_data_was_there(path): assert 'realdata' not in flags
