"""Whether every network of the quick study learnt: `python tests/check_quick.py dl-ops-results/quick`.

The best setting of each ResNet gets more than 90 % of the test images right; less than half gets only a training at the
badly chosen learning rate, which is there to be seen."""
import sys
from collections import defaultdict

from dl_ops_bench.presets import quick_trials
from dl_ops_bench.store import read_records

BAD = max(t.lr for t in quick_trials('cpu') if t.kind == 'resnet')


def faults(records):
    "What is wrong with a quick study, a sentence each."
    best, found = defaultdict(float), [f'left out: {why}' for _, why in getattr(records, 'refused', ())]
    for r in records:
        t = r.trial
        if r.status != 'ok': found.append(f'{r.id} ended as {r.status}: {r.message}')
        elif r.kind == 'resnet':
            pct = r.metrics.accuracy_pct
            best[t.model] = max(best[t.model], pct)
            if pct < 50 and t.lr != BAD: found.append(f'{t.model}, {t.optimizer}, learning rate {t.lr:g}: {pct:.1f} %')
    for model in ('resnet18', 'resnet34', 'resnet50'):
        if best[model] <= 90: found.append(f'the best {model} has {best[model]:.1f} %, not more than 90')
    return found


if __name__ == '__main__':
    wrong = faults(read_records(sys.argv[1]))
    print('\n'.join(wrong) or 'quick: every network learnt')
    sys.exit(bool(wrong))
