"ResNets against SVMs, CPU against GPU: a benchmark that teaches how each of its numbers is made."
__version__ = "0.1.0"

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .data import split
    from .flops import count_flops
    from .presets import vary
    from .report import render
    from .store import read_records
    from .study import run_study
    from .timer import measure
    from .trial import SVMTrial, Trial

# name -> module, imported when it is used
_OFFERED = dict(Trial='trial', SVMTrial='trial', vary='presets', run_study='study', read_records='store',
                render='report', measure='timer', count_flops='flops', split='data')

__all__ = ['Trial', 'SVMTrial', 'vary', 'run_study', 'read_records', 'render', 'measure', 'count_flops', 'split']


def __getattr__(name):
    if name not in _OFFERED: raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'.{_OFFERED[name]}', __name__), name)


def __dir__(): return sorted([*globals(), *_OFFERED])
