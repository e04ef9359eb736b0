"Whatever lies in a folder of records, what is read from it has the declared shape, or is refused by name."
import copy, json, math, os, shutil, subprocess, sys, time
from dataclasses import is_dataclass, replace
from typing import get_args, get_origin
from unittest.mock import patch

import numpy as np
import pytest
from conftest import TOP
from jsonschema import Draft202012Validator

from dl_ops_bench.errors import KINDS, InputError
from dl_ops_bench.record import (Definition, Peak, Record, facts, new_record, plain, read_predictions,
                                 read_record, record_of, schema, stale)
from dl_ops_bench.registry import Entry
from dl_ops_bench.store import Lease, Store, columns, countable, frame, left_out, read_records, write_atomic
from dl_ops_bench.trial import (DATASETS, DEVICES, ENGINES, MODELS, OPTIMIZERS, RECIPES, STEPS, SVM_MODELS, Options,
                                SVMTrial, Trial, describe, options)

FOLDERS = [*sorted(p for p in (TOP/'results').iterdir() if p.is_dir()), TOP/'dl_ops_bench'/'sample']
SCHEMA = TOP/'dl_ops_bench'/'record.schema.json'
check = Draft202012Validator(schema())
SCALAR = bool | int | float | str          # what an option's value may be


@pytest.fixture(autouse=True)
def fresh_registries(monkeypatch):
    "Registries whose changes end with the test: a record brings its user's entries along."
    for registry in (DATASETS, DEVICES, ENGINES, MODELS, OPTIMIZERS, RECIPES, STEPS, SVM_MODELS):
        monkeypatch.setattr(registry, 'data', dict(registry.data))


@pytest.mark.parametrize('folder', FOLDERS, ids=lambda p: p.name)
def test_every_committed_record_is_read(folder):
    records = read_records(folder)
    assert records.refused == [] and len(records) == len(list(folder.glob('[0-9a-f]'*16 + '.json')))
    for r in records:
        assert (stale(r), r.trial.id, r.file.stem) == (None, r.id, r.id)
        assert (r.arrays['pred'] == r.arrays['y']).mean()*100 == pytest.approx(r.metrics.accuracy_pct, abs=1e-9)
        assert record_of(json.loads(json.dumps(plain(r)))) == r
        text = json.loads(r.file.read_text())
        assert list(check.iter_errors(text)) == []
        parts = {k: v for k, v in text.items() if k not in ('id', 'kind', 'trial', 'code', 'status')}
        assert new_record(r.trial, r.status, **parts).id == r.id           # nothing in it that no fact declares
    assert countable(records) == records


def test_schema_is_up_to_date():
    fresh = 'python -c "import json; from dl_ops_bench.record import schema; print(json.dumps(schema(), indent=1))"'
    assert json.loads(SCHEMA.read_text()) == schema(), f'make it anew: {fresh} > dl_ops_bench/record.schema.json'
    Draft202012Validator.check_schema(schema())


def test_the_schema_does_not_change_with_what_a_user_registers(monkeypatch):
    before = schema()
    monkeypatch.setitem(MODELS.data, 'tiny', Entry('Tiny', digest='12345678'))
    assert schema() == before


def example(kind, among=None):
    "A value of a type that facts are declared with, every part of it known."
    if kind is Options: return vars(Trial())
    if is_dataclass(kind): return {name: example(f.type, f.metadata['among']) for name, f in facts(kind).items()}
    if get_origin(kind) is list: return [example(*get_args(kind), among)]
    if get_origin(kind) is dict: return dict(a=example(get_args(kind)[1], among))
    if isinstance(among, tuple): return among[0]
    if kind == SCALAR: return 0.01
    return {bool: True, int: 1, float: 1.5, str: 'word'}[kind]


FULL = example(Record) | dict(id=Trial().id)
FULL['trial'] |= dict(definition='model tiny 12345678')
FULL['entries'] = [dict(option='model', name='tiny', words='Tiny', digest='12345678', takes=['stem'],
                        settles=dict(lr=0.01), source='a.py')]
SVM = plain(new_record(SVMTrial(), 'ok', metrics=dict(accuracy_pct=91.), times=dict(fit_s=2.)))
NAN, INF, HALF = math.nan, math.inf, '\ud800'
deep = []
for _ in range(500): deep = [deep]
VALUES = [None, NAN, INF, -INF, 1e300, 10**400, -1, 0, 2**63, True, '', 'x'*10**5, HALF, '\0', '../../x', [], {}, [NAN],
          [[]], [None], {'a': None}, {'a': NAN}, {'a': HALF}, {HALF: 'a'}, {HALF: 1}, deep]


def places(value, path=()):
    "Every place in a nesting of dicts and lists."
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, v in inner: yield from places(v, (*path, key))


def put(record, path, value):
    "A copy of `record` with `value` at `path`."
    if not path: return value
    whole = at = copy.deepcopy(record)
    for key in path[:-1]: at = at[key]
    at[path[-1]] = value
    return whole


def dotted(path):
    "A place as messages name it."
    text = ''
    for key in path: text += f'[{key}]' if isinstance(key, int) else f'.{key}'
    return text.lstrip('.')


def is_named(path, message):
    "Whether a message says which field is wrong: itself, or what it lacks, or the rule of several that it breaks."
    whole, above = dotted(path) or 'the record', dotted(path[:-1]) or 'the record'
    lacking = path and f'{above} lacks {path[-1]}' in message
    return whole in message or lacking or 'confusion has' in message or 'entries' in message


def is_right(kind, value, among=None, known=True):
    "Whether a value that came through the door is what was declared; None only where a fact may be unknown."
    if value is None: return not known
    if kind is Options: return all(v is None or type(v) is options(value)[k].type for k, v in vars(value).items())
    if is_dataclass(kind):
        return all(is_right(f.type, getattr(value, k), f.metadata['among'], False) for k, f in facts(kind).items())
    if get_origin(kind) is list: return type(value) is list and all(is_right(*get_args(kind), v, among) for v in value)
    if get_origin(kind) is dict:
        return all(is_right(str, k) and is_right(get_args(kind)[1], v, among) for k, v in value.items())
    if kind == SCALAR: kind = type(value) if type(value) in KINDS else None
    if kind is str and value.encode(errors='ignore').decode() != value: return False        # half a character
    return type(value) is kind and (among is None or value in among) and (kind is not float or math.isfinite(value))


def test_the_full_example_is_full():
    r = record_of(FULL)
    assert is_right(Record, r) and plain(r) == FULL
    assert list(check.iter_errors(FULL)) == []


@pytest.mark.parametrize('record', [FULL, SVM], ids=['full', 'svm'])
def test_any_value_in_any_place(record, tmp_path):
    file, refused = tmp_path/'0123456789abcdef.json', 0
    for path in places(record):
        for value in VALUES:
            file.write_text(json.dumps(put(record, path, value)))
            try: r = read_record(file)
            except InputError as e:
                refused += 1
                assert str(file) in str(e) and 'move it away or delete it' in str(e)
                assert is_named(path, str(e)), (path, value, str(e))
                continue
            assert is_right(Record, r), (path, value)
            text = json.dumps(plain(r), allow_nan=False).encode()          # nothing that strict JSON or UTF-8 hasn't
            assert record_of(json.loads(text)) == r
            assert describe(r.trial) and (stale(r) is None or isinstance(stale(r), str))
    assert refused > 1000


def test_what_follows_from_odd_records_does_not_fail(tmp_path):
    odd = []
    for path in places(FULL):
        for value in (None, 0, -1, '', '../../x', [], {}):
            try: odd.append(record_of(put(FULL, path, value), tmp_path/'a.json'))
            except InputError: pass
    assert len(frame(odd)) == len(odd) > 100
    assert len(countable(odd)) + len(left_out(odd)) == len(odd)
    for r in odd: assert r.arrays is None and r.gpu in (None, '', 'word', '../../x')


def test_the_schema_agrees_with_the_door():
    failed = FULL | dict(status='oom', confusion=None, entries=[])
    for path in places(failed):
        if path[:1] in ((), ('entries',), ('confusion',), ('classes',), ('status',)): continue   # rules over several
        for value in (None, 1e300, -1, 0, True, 'a', 1.5, [], {}, [1.5], ['a'], {'a': 'b'}, {'a': 1.5}):
            odd = put(failed, path, value)
            try: fits = bool(record_of(odd))
            except InputError: fits = False
            assert fits == check.is_valid(odd), (path, value, [e.message for e in check.iter_errors(odd)])


def test_a_fact_may_be_missing():
    must = {n for n, f in facts(Record).items() if n in ('id', 'kind', 'status', 'trial')}
    for name in facts(Record):
        less = {k: v for k, v in FULL.items() if k != name}
        if name in must:
            with pytest.raises(InputError, match=f'lacks {name}'): record_of(less)
        elif name == 'metrics':
            with pytest.raises(InputError, match='metrics.accuracy_pct is not there'): record_of(less)
        elif name == 'classes':
            with pytest.raises(InputError, match='confusion has not 0 rows'): record_of(less)
        else: assert is_right(Record, record_of(less))


@pytest.mark.parametrize('bytes_', [b'', b'null', b'7', b'"x"', b'{', b'\xff\xfe', b'[' * 10**6, b'{"a":' * 10**6,
                                    b'NaN', b'1e999', b'9'*5000, '\ufeff{}'.encode(), b'\0'*100])
def test_files_that_are_no_records(bytes_, tmp_path):
    (tmp_path/'0123456789abcdef.json').write_bytes(bytes_)
    (tmp_path/'1123456789abcdef.json').mkdir()
    Store(tmp_path).write(record_of(SVM))
    found = read_records(tmp_path)
    assert [r.id for r in found] == [SVMTrial().id]                 # a refused file stops none of the others
    assert [p.name for p, _ in found.refused] == ['0123456789abcdef.json', '1123456789abcdef.json']
    assert all(str(p) in why for p, why in found.refused)
    assert countable(found).refused == found.refused


def test_rates_of_tomorrow_are_believed():
    assert record_of(FULL | dict(peaks=dict(x=dict(median=1e18)))).peaks == dict(x=Peak(1e18))
    odd = FULL | dict(peaks=dict(x=dict(median=1e19)))
    with pytest.raises(InputError, match='peaks.x.median 1e.19 is out of range'): record_of(odd)


def test_null_is_unknown_and_zero_is_not():
    r = record_of(put(put(FULL, ('metrics', 'loss'), None), ('times', 'train_s'), 0))
    assert (r.metrics.loss, r.train_s) == (None, 0.)
    assert record_of(FULL | dict(flops=None)).gflops is None


def theirs(digest, **parts):
    "The record of a model that only somebody else has defined."
    trial = vars(Trial()) | dict(model='tiny9', stem=None, definition=f'model tiny9 {digest}')
    entry = dict(option='model', name='tiny9', words='Tiny-9', digest=digest, source='study.py')
    metrics = dict(accuracy_pct=50.)
    return dict(kind='resnet', status='ok', trial=trial, entries=[entry], metrics=metrics, id='?') | parts


def identified(record):
    "With the id of its own trial."
    return replace(record, id=record.trial.id)


def test_a_model_that_is_not_registered_here():
    r = identified(record_of(theirs('aaaaaaaa')))
    assert (MODELS['tiny9'].words, MODELS['tiny9'].make, stale(r)) == ('Tiny-9', None, None)
    assert 'Tiny-9' in describe(r.trial) and countable([r]) == [r]
    assert Trial(model='tiny9').definition == 'model tiny9 aaaaaaaa'
    assert record_of(json.loads(json.dumps(plain(r)))) == r


def test_what_an_entry_settles_is_remembered():
    decay = dict(weight_decay=0.01)
    OPTIMIZERS['adamw9'] = Entry('AdamW-9', make='torch.optim:AdamW', takes=('weight_decay',), settles=decay)
    trial = Trial(optimizer='adamw9')
    text = json.dumps(plain(new_record(trial, 'oom')))
    del OPTIMIZERS['adamw9']                                  # another process, which knows it from records alone
    r = record_of(json.loads(text))
    assert stale(r) is None and Trial(optimizer='adamw9') == r.trial and r.trial.weight_decay == 0.01


def test_two_definitions_of_one_name_stay_apart():
    one, two = (identified(record_of(theirs(d))) for d in ('aaaaaaaa', 'bbbbbbbb'))
    assert one.id != two.id and one.trial != two.trial and countable([one, two]) == [one, two]
    assert [stale(one), stale(two)] == [None, None]


def test_a_name_that_is_defined_here_keeps_its_definition():
    MODELS['tiny9'] = Entry('Mine', make=example)
    mine = Trial(model='tiny9')
    r = record_of(theirs('aaaaaaaa'))
    assert (MODELS['tiny9'].make, mine.entry('model').words) == (example, 'Mine') and r.trial.id != mine.id
    digest, source = MODELS['tiny9'].digest, 'a notebook or script'
    assert new_record(mine, 'oom').entries == [Definition('model', 'tiny9', 'Mine', digest, [], {}, source)]
    MODELS['tiny9'] = Entry('Mine', make=dotted)                       # its cell was run again, with another body
    assert new_record(mine, 'oom').entries[0].digest == digest != MODELS['tiny9'].digest


def test_two_names_in_the_same_words():
    MODELS['mine'] = Entry('Tiny-9', make=example)
    assert record_of(theirs('aaaaaaaa')).trial.entry('model').words == 'Tiny-9 (tiny9)'


@pytest.mark.parametrize('entry, why', [(dict(option='lr'), "option 'lr', which takes no entry"),
                                        (dict(option='colour'), "option 'colour', which takes no entry"),
                                        (dict(digest=''), 'definition of another one'),
                                        (dict(name='resnet18'), 'definition of another one')])
def test_entries_that_are_none(entry, why):
    odd = theirs('aaaaaaaa')
    with pytest.raises(InputError, match=why): record_of(odd | dict(entries=[odd['entries'][0] | entry]))


def test_a_name_that_is_none():
    odd = theirs('aaaaaaaa')
    odd['trial'] |= dict(definition='model No-Name aaaaaaaa')
    odd['entries'][0] |= dict(name='No-Name')
    with pytest.raises(InputError, match="entries: model 'No-Name' is not a name"): record_of(odd)


def test_a_record_cannot_redefine_what_comes_with_the_package():
    before = MODELS['resnet18']
    odd = theirs('aaaaaaaa')
    odd['trial'] |= dict(model='resnet18', definition='model resnet18 aaaaaaaa')
    odd['entries'][0] |= dict(name='resnet18', words='x')
    assert 'do not belong together' in stale(identified(record_of(odd))) and MODELS['resnet18'] is before


def test_an_unknown_model_without_its_entry_is_stale():
    r = record_of(theirs('aaaaaaaa', entries=[], trial=vars(Trial()) | dict(model='unheard_of')))
    assert "model 'unheard_of' is not known" in stale(r) and 'unheard_of' in describe(r.trial)


def test_damaged_predictions(tmp_path):
    arrays = dict(index=np.arange(9), y=np.zeros(9, np.uint8), pred=np.ones(9, np.uint8))
    r = Store(tmp_path).write(record_of(SVM), arrays)
    file, data = tmp_path/r.predictions, (tmp_path/r.predictions).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        odd = bytearray(data)
        odd[rng.integers(len(data))] ^= 1 << rng.integers(8)
        file.write_bytes(odd[:rng.integers(len(data))] if rng.random() < .3 else odd)
        found = replace(r, started='again').arrays                 # a new object: arrays are kept
        assert found is None or all(found[k].shape == (9,) for k in arrays)
    np.save(tmp_path/'x.npy', np.arange(9))
    os.replace(tmp_path/'x.npy', file)
    with pytest.raises(InputError, match="can't be read"): read_predictions(file)


def test_what_is_written_passes_the_door(tmp_path):
    bad = replace(record_of(SVM), status='fine')
    with pytest.raises(InputError, match="status 'fine' is not known"): Store(tmp_path).write(bad)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != 'posix', reason='umask is of POSIX')
def test_files_have_the_rights_that_the_umask_allows(tmp_path):
    for umask, mode in ((0o022, 0o644), (0o002, 0o664), (0o077, 0o600)):
        was = os.umask(umask)
        try: write_atomic(tmp_path/'x', b'x')
        finally: os.umask(was)
        assert (tmp_path/'x').stat().st_mode & 0o777 == mode


def test_a_file_system_without_rights(tmp_path):
    with patch.object(os, 'chmod', side_effect=PermissionError(1, 'Operation not permitted')):
        write_atomic(tmp_path/'x', b'x')
    assert [p.name for p in tmp_path.iterdir()] == ['x']


def test_a_copied_folder_makes_no_second_run(tmp_path):
    for name in 'ab': shutil.copytree(FOLDERS[-1], tmp_path/name)
    both = read_records(tmp_path/'a', tmp_path/'b')
    assert len(countable(both)) == len(both)/2
    first = both[:len(both)//2]
    assert [why for _, why in left_out(both)] == [f'the same run as {str(r.file)!r}' for r in first]


def test_no_record_is_lost_between_the_two():
    records = read_records(FOLDERS[-1])
    other = replace(records[0], data=replace(records[0].data, split_sha256='f'*64), started='2026-11-26')
    every = [*records, other, replace(records[1], status='oom'), records[2]]
    assert sorted(map(id, [*countable(every), *(r for r, _ in left_out(every))])) == sorted(map(id, every))


def test_data_sets_of_one_name():
    def run(seed, digest, sha):
        DATASETS['mine'] = Entry('mine', make='a:b', digest=digest)
        trial = Trial(dataset='mine', seed=seed)
        return new_record(trial, 'ok', metrics=dict(accuracy_pct=50.), data=dict(sha256=sha, split_sha256=sha))

    usual = [run(0, 'aaaaaaaa', '1'), run(1, 'aaaaaaaa', '1')]
    other = run(2, 'aaaaaaaa', '2')                        # the same definition reads a file that has changed
    again = run(3, 'bbbbbbbb', '2')                        # another definition is another data set, and has no rival
    assert countable([*usual, other, again]) == [*usual, again]
    assert left_out([*usual, other, again]) == [(other, 'made from other data of the same name')]


def test_columns_are_those_of_the_facts():
    assert frame([]).columns.tolist() == [*columns(), 'stale', 'directory']
    assert {'train_s', 'accuracy_pct', 'gflops', 'machine', 'C', 'lr', 'device'} <= columns().keys()


def test_other_files_beside_a_lease(tmp_path):
    for name in ('claim-1~', 'claim-', 'claim-1 (copy)', 'claim-x'): (tmp_path/f'0123456789abcdef.{name}').touch()
    lease = Lease(tmp_path, '0123456789abcdef')
    assert lease.holder() is None and lease.take() and lease.file.name.endswith('.claim-1')
    lease.release()
    assert len(list(tmp_path.iterdir())) == 4


def test_the_process_of_a_lease_that_was_killed(tmp_path):
    take = f"Lease({str(tmp_path)!r}, 'a').take()"
    code = f"import time; from dl_ops_bench.store import Lease; {take}; print('taken', flush=True); time.sleep(60)"
    p = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == 'taken\n'
    lease = Lease(tmp_path, 'a')
    assert lease.holder()['pid'] == p.pid and not lease.take()
    p.kill()
    p.wait()
    assert lease.holder() is None and lease.take()
    lease.release()


def test_reading_records_needs_no_torch():
    code = "import sys, dl_ops_bench.store; print({'torch', 'pandas', 'sklearn', 'matplotlib'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout == 'set()\n'


def test_a_thousand_records_are_read_in_a_moment(tmp_path):
    texts = [r.file.read_text() for r in read_records(FOLDERS[-1])]
    for i in range(1000): (tmp_path/f'{i:016x}.json').write_text(texts[i % len(texts)])
    start = time.perf_counter()
    assert len(read_records(tmp_path)) == 1000
    assert time.perf_counter() - start < 10          # about one second: only what is not linear fails
