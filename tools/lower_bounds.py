"""The oldest versions that settings.ini admits, as constraints for pip. To run the tests with exactly them:

    python tools/lower_bounds.py > lower.txt && PIP_CONSTRAINT="$PWD/lower.txt" bash .ci/run tests
"""
import re
from configparser import ConfigParser
from pathlib import Path

BOUND = re.compile(r'([\w.-]+)>=([\w.]+)')      # settings.ini writes nothing else for what a user installs
FOR_USERS = ('requirements', 'intel_requirements', 'slurm_requirements', 'track_requirements')


def requirements():
    "What users install, as settings.ini writes it."
    parser = ConfigParser(delimiters=['='])
    parser.read(Path(__file__).resolve().parent.parent/'settings.ini', encoding='utf-8')
    return [r for key in FOR_USERS for r in parser['DEFAULT'][key].split()]


def constraints():
    "`name==version` for each requirement; a `ValueError` for one without a lower bound."
    found = []
    for r in requirements():
        m = BOUND.fullmatch(r)
        if not m: raise ValueError(f'settings.ini: {r!r} is not of the form name>=version')
        found.append(f'{m[1]}=={m[2]}')
    return found


if __name__ == '__main__': print('\n'.join(constraints()))
