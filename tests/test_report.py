"Whatever lies in the records, the parts of a report are made or say what is missing, and nothing in them is alive."
import copy

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from dl_ops_bench.claims import claims_table, findings
from dl_ops_bench.report import FIGURES, TABLES, records_html, table_html
from dl_ops_bench.store import Store, frame
from dl_ops_bench.tables import NotMeasured, sample_dir

RECORDS = sorted(Store(sample_dir()).records(), key=lambda r: r['id'])
ATTACK = '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>'
HOSTILE = st.sampled_from([ATTACK, None, float('nan'), float('inf'), 1e300, -1, 0, '', [], {}, True, [ATTACK], {'x': ATTACK}])
quick = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def paths(record, top=()):
    "Every place in a record, apart from what makes it a record: its trial."
    for k, v in record.items():
        if not top and k in ('trial', 'kind'): continue
        yield (*top, k)
        if isinstance(v, dict): yield from paths(v, (*top, k))


PATHS = sorted({p for r in RECORDS for p in paths(r)})


def spoilt(record, path, value):
    "A copy of `record` with `value` at `path`, if the record has such a place."
    r = copy.deepcopy(record)
    at = r
    for k in path[:-1]:
        at = at.get(k)
        if not isinstance(at, dict): return r
    at[path[-1]] = value
    return r


def made(records):
    "All parts of a report as text; whatever else than NotMeasured they raise is a fault."
    df, text = frame([(r, sample_dir()) for r in records]), []
    for part in (*TABLES, claims_table, findings, *FIGURES, records_html):
        try: x = part(df)
        except NotMeasured as e: x = str(e)
        text.append(table_html(x) if isinstance(x, pd.DataFrame) else x if isinstance(x, str) else x.get_label())
        plt.close('all')
    return text


@quick
@given(st.sets(st.integers(0, len(RECORDS) - 1)))
def test_any_subset(chosen):
    assert all(made([RECORDS[i] for i in chosen]))


@quick
@given(st.lists(st.tuples(st.integers(0, len(RECORDS) - 1), st.sampled_from(PATHS), HOSTILE), min_size=1, max_size=12))
def test_hostile_records(spoils):
    records = {i: RECORDS[i] for i in range(len(RECORDS))}
    for i, path, value in spoils: records[i] = spoilt(records[i], path, value)
    html = [t for t in made(records.values()) if t.startswith(('<div', '<ul'))]
    assert html and not any('<script>' in t or '<img' in t for t in html)


def test_shares_of_the_rows_alone():
    assert all(made([dict(r, trial=dict(r['trial'], train_fraction=0.5)) for r in RECORDS]))


@pytest.mark.parametrize('field, value', [('id', ATTACK), ('unknown', ATTACK), ('status', 7), ('classes', ATTACK), ('history', [ATTACK]),
                                          ('confusion', 'x'), ('machine', ATTACK), ('metrics', [1]), ('phases', ATTACK), ('peaks', [1])])
def test_one_field_of_every_record(field, value):
    assert all(made([dict(r, **{field: value}) for r in RECORDS]))
