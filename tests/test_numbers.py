"""Ten numbers of the tables, computed again from the files of the records by other code.

The first half knows JSON, npz, numpy and the t distribution, and nothing of the package."""
import json, math
from pathlib import Path

import numpy as np, pytest
from scipy.stats import t

FILES = sorted(Path(__file__).parents[1].glob(f"results/*/{'?'*16}.json"))
RECORDS = [json.loads(f.read_text()) | dict(file=f) for f in FILES]
pytestmark = pytest.mark.skipif(not RECORDS, reason='no records of real runs beside these tests')

EXECUTION = ('loader', 'pin_memory', 'workers', 'amp', 'channels_last', 'deterministic', 'fused', 'step', 'threads',
             'matmul_wgrad', 'engine', 'device', 'seed', 'definition')
OFF = dict(recipe='plain', schedule='constant', label_smoothing=0, weight_decay=0, nesterov=False, crop=0, flip=False,
           erase=0, averaging=0, tta=False, train_fraction=1, data_fraction=1, split='pooled', split_seed=0)

def question(r):
    "What a record's trial asks, with what older files leave out."
    asked = {k: OFF.get(k, v) if v is None and k in OFF else v for k, v in (OFF | r['trial']).items()}
    return {k: v for k, v in asked.items() if k not in EXECUTION}

def runs(**wanted):
    "Finished records whose trial asks this, and nothing that isn't plain besides."
    found = []
    for r in RECORDS:
        asked = OFF | wanted
        if r['status'] == 'ok' and all(question(r)[k] == v for k, v in asked.items() if k in question(r)):
            found.append(r | dict(arrays=dict(np.load(r['file'].with_suffix('.npz')))))
    return found

def right_by_seed(records):
    "Array (seeds, images) of the share of a seed's distinct trainings that were right."
    seeds = {}
    for r in records:
        y, pred = r['arrays']['y'], r['arrays']['pred']
        seeds.setdefault(r['trial']['seed'], {})[pred.tobytes()] = pred == y
    return np.array([np.mean(list(distinct.values()), axis=0) for distinct in seeds.values()])

def interval(value, sources):
    "95 % by Satterthwaite, from (variance, degrees of freedom) of independent sources."
    total = sum(v for v, _ in sources)
    df = total**2/sum(v**2/d for v, d in sources)
    return value - t.ppf(0.975, df)*math.sqrt(total), value + t.ppf(0.975, df)*math.sqrt(total)

def seconds(r): return r['times'].get('train_s') or r['times'].get('fit_s')

def geometric(values): return math.exp(np.mean(np.log(values)))

def alone(records, **setup):
    "Those that had the machine to themselves and were run so."
    return [r for r in records if r.get('shared', 1) == 1 and all(r['trial'].get(k) == v for k, v in setup.items())]

TABLE1 = dict(dataset='fashion_mnist', model='resnet18', optimizer='sgd', lr=0.001, batch_size=16, image_size=64,
              channels=3)
TENTH = dict(TABLE1, data_fraction=0.1, epochs=2)
ROW4 = dict(model='resnet50', optimizer='sgd', dataset='fashion_mnist', image_size=64, data_fraction=0.02, epochs=2)
RECIPE = dict(dataset='fashion_mnist', model='resnet18', image_size=32, channels=1, epochs=8, data_fraction=0.1)

@pytest.fixture(scope='module')
def found():
    from dl_ops_bench.compare import settings
    from dl_ops_bench.store import read_records
    return settings(read_records(*sorted({f.parent for f in FILES})))

def cell(table, **where):
    "The one cell that stands there."
    there = [c for c in table.cells if all(c.get(k) == v for k, v in where.items())]
    assert len(there) == 1, (len(there), where)
    return there[0]

def at(table, records, **more):
    "The one cell of a record's setting."
    return cell(table, **{k: v for k, v in question(records[0]).items() if k in table.rows}, **more)

def test_accuracy_of_table_1(found):
    from dl_ops_bench.tables import table1
    ours = cell(table1(found), **{k: TABLE1[k] for k in ('dataset', 'model', 'optimizer', 'lr', 'batch_size')})
    right = right_by_seed(runs(**TABLE1, epochs=4))
    assert ours['accuracy_pct'].value == pytest.approx(100*right.mean(), rel=1e-12)                # 1
    assert ours['difference_pct'].value == pytest.approx(100*right.mean() - 91.22, rel=1e-9)       # 2
    assert ours['accuracy_pct'].n == len(right)

def test_interval_of_several_seeds(found):
    from dl_ops_bench.tables import setting_table
    records = runs(**TENTH)
    right = right_by_seed(records)
    k, n = right.shape
    sources = [(100**2*right.mean(axis=0).var(ddof=1)/n, n - 1), (100**2*right.mean(axis=1).var(ddof=1)/k, k - 1)]
    ours = at(setting_table(found), records)['accuracy_pct']
    assert k > 1 and (ours.low, ours.high) == pytest.approx(interval(100*right.mean(), sources), rel=1e-9)      # 3

def test_times_of_classical_models(found):
    from dl_ops_bench.tables import svm_table
    records = alone(runs(dataset='mnist', model='svm_rbf', C=1), engine='sklearn')
    ours = cell(svm_table(found), dataset='mnist', model='svm_rbf', C=1, engine='sklearn')
    assert ours['train_s'].value == pytest.approx(geometric(list(map(seconds, records))), rel=1e-12)            # 4

def test_difference_of_kernels_on_the_same_images(found):
    from dl_ops_bench.claims import judge
    rbf, poly = (right_by_seed(runs(dataset='mnist', model=model, C=1)) for model in ('svm_rbf', 'svm_poly'))
    apart = 100*(rbf.mean(axis=0) - poly.mean(axis=0))
    [verdict] = [v for v in judge(found) if v.claim.name == 'rbf_beats_poly']
    [ours] = [f.estimate for f in verdict.findings if f.what == 'MNIST, C = 1']
    ends = interval(apart.mean(), [(apart.var(ddof=1)/len(apart), len(apart) - 1)])
    assert ours.value == pytest.approx(apart.mean(), rel=1e-9)                                                   # 5
    assert (ours.low, ours.high) == pytest.approx(ends, rel=1e-6)

def test_engines(found):
    from dl_ops_bench.tables import engine_table
    records = runs(dataset='mnist', model='svm_poly', C=1)
    plain, intel = (alone(records, engine=engine) for engine in ('sklearn', 'intel'))
    ours = cell(engine_table(found), dataset='mnist', model='svm_poly', C=1, engine='intel')
    times = [geometric(list(map(seconds, some))) for some in (plain, intel)]
    same = plain[0]['arrays']['pred'] == intel[0]['arrays']['pred']
    assert ours['train_speedup'].value == pytest.approx(times[0]/times[1], rel=1e-12)                            # 6
    assert ours['equal_pct'].value == pytest.approx(100*same.mean(), rel=1e-12)

def test_images_per_second_of_table_4(found):
    from dl_ops_bench.tables import table4
    records = alone(runs(**ROW4), device='cpu')
    rate = records[0]['metrics']['n_train']*ROW4['epochs']/geometric(list(map(seconds, records)))
    ours = cell(table4(found), device='cpu', model='resnet50', optimizer='sgd')
    assert ours['images_per_s'].value == pytest.approx(rate, rel=1e-12)                                         # 7
    assert ours['reference_images_per_s'].value == pytest.approx(49_000*10/6284.05, rel=1e-12)

def test_speed_of_executions(found):
    from dl_ops_bench.tables import execution_table
    records = runs(**TENTH)
    plain, fast = (alone(records, loader=loader, amp=amp) for loader, amp in (('torch', 'off'), ('device', 'bf16')))
    logs = [np.log(list(map(seconds, some))) for some in (plain, fast)]
    ours = at(execution_table(found), records, over='plain')['speedup']
    value = logs[0].mean() - logs[1].mean()
    ends = interval(value, [(x.var(ddof=1)/len(x), len(x) - 1) for x in logs])
    assert ours.value == pytest.approx(math.exp(value), rel=1e-12)                                               # 8
    assert (ours.low, ours.high) == pytest.approx(np.exp(ends), rel=1e-9)

def test_gain_by_one_idea_of_the_recipe(found):
    from dl_ops_bench.tables import ablation_table
    ideas = dict(recipe='fast', lr=0.03, schedule='one_cycle', label_smoothing=0.1, weight_decay=5e-4, nesterov=True,
                 crop=1, flip=True, erase=4, averaging=0.99, tta=True)
    whole = right_by_seed(runs(**RECIPE | ideas))
    without = right_by_seed(runs(**RECIPE | ideas | dict(schedule='constant')))
    ours = cell(ablation_table(found), left_out='without one-cycle schedule')['gain_pct']
    per_image = 100*(whole.mean(axis=0) - without.mean(axis=0))
    sources = [(per_image.var(ddof=1)/len(per_image), len(per_image) - 1)]
    for right in (whole, without): sources.append((100**2*right.mean(axis=1).var(ddof=1)/len(right), len(right) - 1))
    assert ours.value == pytest.approx(100*(whole.mean() - without.mean()), rel=1e-9)                            # 9
    assert (ours.low, ours.high) == pytest.approx(interval(ours.value, sources), rel=1e-9)

def test_utilisation(found):
    from dl_ops_bench.tables import utilisation_table
    records = alone(runs(**ROW4), device='cpu')
    peaks, amp, machine = [], records[0]['trial']['amp'], records[0]['machine']['id']
    for r in RECORDS:
        there = r['machine']['id'] == machine and r['trial'].get('device', 'cpu') == 'cpu'
        rates = there and r.get('peaks') or {}
        peaks += [rate['median'] for name, rate in rates.items() if name in (f'matmul_{amp}', f'conv_{amp}')]
    flops = records[0]['flops']['training_step']*records[0]['metrics']['n_train']*ROW4['epochs']
    ours = cell(utilisation_table(found), model='resnet50', optimizer='sgd', image_size=64, batch_size=16)
    share = 100*flops/geometric(list(map(seconds, records)))/max(peaks)
    assert ours['mfu_pct'].value == pytest.approx(share, rel=1e-9)                                              # 10
