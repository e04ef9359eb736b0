"Whatever lies in a folder of records, the parts of a report are made or say what is missing; nothing in them is alive."
import copy, json, re, shutil, subprocess, sys, time
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from dl_ops_bench import costs, figures, report
from dl_ops_bench.compare import made_up, settings
from dl_ops_bench.costs import FIGURES
from dl_ops_bench.errors import InputError
from dl_ops_bench.plot import Plot, look
from dl_ops_bench.record import record_of
from dl_ops_bench.registry import Entry
from dl_ops_bench.report import SECTIONS, Page, render, sections, write_tables
from dl_ops_bench.store import Records, read_records
from dl_ops_bench.svg import STYLE
from dl_ops_bench.tables import TABLES, Table, sample_dir
from dl_ops_bench.trial import MODELS, SVMTrial, Trial
from studies import STATES, own, own_trials, registries

FILES = sorted(p for p in sample_dir().glob('*.json') if p.name != 'study.json')
RECORDS = [json.loads(p.read_text()) for p in FILES]
READ = read_records(sample_dir())
FAILED = 'This part could not be made'
ATTACK = '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>'
HOSTILE = st.sampled_from([ATTACK, None, float('nan'), float('inf'), 1e300, -1, 0, '', [], {}, True, [ATTACK],
                           {'x': ATTACK}, '\x00\ud800$x_1$'])
few = hypothesis_settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def page_of(records, own=False):
    "All sections of the page of some records, as one text."
    html = ''.join(s['html'] for s in sections(Page(settings(records), own)))
    return html.encode().decode()                       # as it is written


def failures(html): return re.findall(f'{FAILED}[^<]*', html)


def paths(record, top=()):
    "Every place in a record, its trial included."
    for k, v in record.items():
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


def at_the_door(records):
    "Those of some dicts that fit, as a folder of them would be read; the others are named with the reason."
    there, refused = [], []
    for i, r in enumerate(records):
        try: there.append(record_of(r, file=FILES[0].with_name(f'{i}.json')))
        except InputError as e: refused.append((f'{i}.json', str(e)))
    return Records(there, refused)


@few
@given(st.sets(st.integers(0, len(READ) - 1)))
def test_any_subset(chosen):
    assert failures(page_of(Records([READ[i] for i in chosen], []))) == []


@few
@given(st.lists(st.tuples(st.integers(0, len(RECORDS) - 1), st.sampled_from(PATHS), HOSTILE), min_size=1, max_size=12))
def test_hostile_records(spoils):
    records = {i: RECORDS[i] for i in range(len(RECORDS))}
    for i, path, value in spoils: records[i] = spoilt(records[i], path, value)
    read = at_the_door(records.values())
    assert len(read) + len(read.refused) == len(RECORDS) and len(read) >= len(RECORDS) - len(spoils)
    html = page_of(read)
    assert failures(html) == [] and '<script' not in html and '<img' not in html


@pytest.mark.parametrize('field, value', [
    ('id', ATTACK), ('unknown', ATTACK), ('status', 7), ('classes', ATTACK), ('history', [ATTACK]), ('confusion', 'x'),
    ('machine', ATTACK), ('metrics', [1]), ('phases', ATTACK), ('peaks', [1]), ('message', ATTACK),
    ('machine', dict(id=ATTACK)), ('trial', dict(model=ATTACK))])
def test_one_field_of_every_record(field, value):
    read = at_the_door([dict(r, **{field: value}) for r in RECORDS])
    assert len(read) + len(read.refused) == len(RECORDS)
    html = page_of(read)
    assert failures(html) == [] and '<script' not in html and '<img' not in html


def test_shares_of_the_rows_alone():
    assert failures(page_of(at_the_door([dict(r, trial=dict(r['trial'], train_fraction=0.5)) for r in RECORDS]))) == []


UNKNOWN = dict(n_train=lambda r: dict(metrics=dict(r['metrics'], n_train=None)),
               machine=lambda r: dict(machine=dict(r['machine'], id=None)),
               classes=lambda r: dict(classes=[], confusion=None))


@pytest.mark.parametrize('fact', UNKNOWN)
def test_a_fact_that_nobody_knows(fact):
    read = at_the_door([r | UNKNOWN[fact](r) for r in RECORDS])
    html = page_of(read)
    assert len(read) == len(RECORDS) and failures(html) == []
    assert not re.search(r'\bNone\b(?! of)', re.sub('<[^>]*>', '', html))         # "None of them was checked" may be


def test_nothing_at_all(tmp_path):
    html = render([tmp_path], tmp_path/'report.html').read_text()
    assert failures(html) == [] and 'Not measured' in html and '<figure' not in html


def test_a_refused_file_stops_nothing_and_is_listed(tmp_path):
    shutil.copytree(sample_dir(), tmp_path/'some')
    (tmp_path/'some'/'0123456789abcdef.json').write_text('{"id": 7}')
    read = read_records(tmp_path/'some')
    assert len(read) == len(READ) and [p for p, _ in read.refused if '0123456789abcdef' in str(p)]
    html = page_of(read)
    assert failures(html) == [] and '0123456789abcdef.json' in html and 'refused' in html


def broken(found, *scale): raise ZeroDivisionError('a fault of its own')


def test_one_failing_part_costs_its_own_place(monkeypatch):
    whole = page_of(READ)
    figure = Plot('Broken figure', lambda study: {'one': 1}, broken, broken, 'nothing', one_scale=False)
    monkeypatch.setattr(report, 'heatmap_figure', figure)
    monkeypatch.setattr(report, 'table1', broken)
    monkeypatch.setattr(report, 'judge', broken)
    monkeypatch.setattr(report, 'SECTIONS', [*SECTIONS, ('mine', 'A section of mine', broken)])
    html = page_of(READ)
    told = failures(html)
    assert all('ZeroDivisionError: a fault of its own' in t for t in told) and 'Broken figure' in ' '.join(told)
    assert 'A section of mine' in ' '.join(told)
    for other in ('Test accuracy after 2 and 3 epochs', 'Images trained on per second', 'Machines and versions'):
        assert other in whole and other in html, other
    assert html.count('<figure') >= whole.count('<figure') - 1


def my_table(found):
    cells = [dict(model='resnet18', n=len(found), ids=['x'])]
    return Table('mine', 'A table of mine', ('model',), cells, {}, dict(n='Settings'))


def my_section(page): return report.part('box', ['A section of mine.'])


def test_what_a_user_adds_is_on_the_page(monkeypatch, tmp_path):
    mine = Plot('A figure of mine', lambda study: {'One panel': 1}, lambda ax, shown: ax.plot([0, 1], [0, 1]),
                lambda title, shown: 'it shows a line', 'nothing', one_scale=False)
    FIGURES.append(mine)
    TABLES.append(my_table)
    SECTIONS.append(('mine', 'My heading', my_section))
    try:
        page = Page(settings(READ))
        made = sections(page)
        html = ''.join(s['html'] for s in made)
        assert 'A figure of mine.</b> It shows a line.' in html
        assert re.search(r'<caption><b>Table \d+\. A table of mine\.', html)
        assert made[-1] == dict(id='mine', title='My heading', html=my_section(page))
        assert any(p.name == 'mine.csv' for p in write_tables(settings(READ), tmp_path, 'csv'))
    finally: FIGURES.pop(), TABLES.pop(), SECTIONS.pop()


def test_everything_of_ones_own(tmp_path):
    "A user's model, optimizer and data set are in every figure that can hold them, and take nothing away."
    with registries():
        found = settings(read_records(*own(tmp_path)))
        drawn = {plot.title: plot.panels(found) for plot in FIGURES}
        html = page_of(found.records, own=True)
        own_trials()                                        # defined once more, as in the notebook that made them
        assert failures(html) == [] and all(w in html for w in ('Small CNN', 'AdamW', 'My shapes'))
    shown = {title for title, (panels, _) in drawn.items() if panels}
    for plot in ('accuracy', 'heatmap', 'pareto', 'convergence', 'confusion', 'curves', 'phases', 'energy'):
        module = costs if plot in ('phases', 'energy') else figures
        title = getattr(module, f'{plot}_figure').title
        assert title in shown, title
    for title, (panels, sentence) in drawn.items():
        assert '_' not in ' '.join([title, sentence, *(name for name, _ in panels)])


def drawn_texts(fig):
    "Box of each text that a figure shows level or upright, in a font as wide as any, pixels."
    FigureCanvasAgg(fig).draw()
    hidden = set()
    for ax in fig.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low - 1e-9 <= tick.get_loc() <= high + 1e-9: hidden |= {tick.label1, tick.label2}
    shown = {t for t in fig.findobj(Text) if t.get_text().strip() and t.get_visible() and t.get_rotation() in (0, 90)}
    return [(t.get_text(), t.get_window_extent(fig.canvas.get_renderer())) for t in shown - hidden]


@pytest.mark.filterwarnings('error::UserWarning')
@pytest.mark.parametrize('state', STATES)
def test_no_text_of_a_figure_lies_on_another_or_is_cut_off(state, tmp_path):
    with registries():
        found = settings(read_records(*STATES[state](tmp_path/'study')))
        drawn = [(plot.title, *plot.panels(found)) for plot in FIGURES]
    faults = []
    for title, panels, sentence in drawn:
        if re.search(r'(?<![\d.,])1 (epochs|seeds|runs|images|settings|points|ideas|differences)\b', sentence):
            faults.append((title, sentence))
        for name, fig in panels:
            with rc_context(STYLE): texts = drawn_texts(fig)
            width, height = fig.get_size_inches()*fig.dpi
            for text, b in texts:
                if min(b.x0, b.y0, width - b.x1, height - b.y1) < -1: faults.append((title, name, text))
            for (text, a), (other, b) in combinations(texts, 2):
                across, up = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
                if min(across, up) > 1: faults.append((title, name, text, other))
    assert faults == []


def test_thirty_models_can_be_told_apart():
    names = [f'mine{i}' for i in range(30)]
    with registries():
        for name in names: MODELS[name] = Entry(f'My model {name}', make='torch.nn:Identity')
        records = [made_up(Trial(model=name), accuracy_pct=60. + i) for i, name in enumerate(names)]
        html = page_of(Records(records, []))
        assert len({tuple(look(Trial(model=name)).values()) for name in names}) == 30
    assert failures(html) == [] and '89.00' in html and all(f'My model {name}' in html for name in names)


@pytest.mark.parametrize('format', ['csv', 'md', 'latex'])
def test_tables_as_files(tmp_path, format):
    written = write_tables(settings(READ), tmp_path, format)
    assert len(written) >= 5 and all(p.stat().st_size for p in written)


def test_a_whole_page_needs_no_torch(tmp_path):
    code = f"""
import sys
from dl_ops_bench.report import render
from dl_ops_bench.tables import sample_dir
render([sample_dir()], {str(tmp_path/'report.html')!r})
print(sorted({{'torch', 'torchvision', 'nbconvert', 'nbclient', 'IPython', 'seaborn'}} & set(sys.modules)))"""
    nowhere = {'PATH': '', 'HOME': str(tmp_path)}               # no data set is at hand
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=nowhere)
    assert r.stdout.strip() == '[]', r.stdout + r.stderr


def test_the_users_own_matplotlib_settings_change_nothing_and_come_back(tmp_path):
    import matplotlib
    plain = page_of(READ)
    theirs = {'font.size': 30, 'axes.facecolor': 'red', 'lines.linewidth': 9, 'svg.fonttype': 'path'}
    with matplotlib.rc_context(theirs):
        backend = matplotlib.rcParams['backend']
        assert page_of(READ) == plain                           # and two pages of the same records are the same
        assert {k: matplotlib.rcParams[k] for k in theirs} == theirs and matplotlib.rcParams['backend'] == backend


def by_rate(i, question): return Trial(lr=0.001*(1 + i/1000), **question)


def by_scale(i, question): return Trial(split_seed=i, **question)


def by_recipe(i, question): return Trial(recipe='fast', lr=0.001*(1 + i/1000), **question)


def by_kernel(i, question): return SVMTrial(dataset=question['dataset'], C=1 + i/100)


def by_seed(i, question): return Trial(seed=i, **question)


def by_batch(i, question): return Trial(batch_size=1 + i, **question)


def many(n, kinds):
    "Records that differ in every way that a study can grow."
    made = []
    for i in range(n):
        question = dict(dataset=('mnist', 'fashion_mnist')[i % 2], model=('resnet18', 'resnet50')[i//2 % 2])
        made.append(made_up(kinds[i//4 % len(kinds)](i, question), 80 + i % 10, 60 + i % 7, n_test=50))
    return Records(made, [])


@pytest.mark.parametrize('kind', [by_rate, by_batch, by_scale, by_recipe, by_kernel, by_seed])
def test_a_page_stays_a_page(kind):
    html = page_of(many(300, [kind]))
    assert failures(html) == [] and len(html) < 5e5
    assert max(t.count('<tr') for t in re.findall('<table.*?</table>', html, re.S)) < 100
    ids = set(re.findall(r' id="([^"]*)"', html))
    assert set(re.findall(r'href="#([^"]*)"', html)) <= ids


def test_the_page_of_two_thousand_records():
    "Below a megabyte, and linear: from 1,000 to 2,000 takes what 0 to 1,000 takes, and luck."
    seconds = {}
    for n in (20, 1000, 2000):
        records, start = many(n, [by_rate, by_batch, by_kernel]), time.process_time()
        html = page_of(records)
        seconds[n] = time.process_time() - start
    assert failures(html) == [] and len(html) < 1e6
    assert seconds[2000] - seconds[20] < 2.8*(seconds[1000] - seconds[20]), seconds
