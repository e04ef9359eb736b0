"The command as a user's shell runs it: what is refused and how, and what survives."
import ast, json, os, re, signal, subprocess, sys, time
from pathlib import Path

import pytest
import typer

import dl_ops_bench
from check_quick import BAD, faults
from conftest import realdata
from dl_ops_bench.cli import app
from dl_ops_bench.compare import made_up
from dl_ops_bench.presets import quick_trials
from dl_ops_bench.store import read_records

# a study of seconds: one depth, one epoch, a tenth of the rows
TINY = ['run', 'quick', '--set', 'model=resnet18,dummy,svm_rbf', '--set', 'epochs=1', '--set', 'train_fraction=0.1']


def refused(result, *says):
    "Code 2, one error line that says all of `says`, and no traceback."
    code, text = result
    assert code == 2 and 'Traceback' not in text, text
    for words in says: assert words in text, text


@pytest.mark.parametrize('args, says', [
    (['run', 'quik'], ["preset 'quik'", 'quick, lab, paper', "Did you mean 'quick'?"]),
    (['run', 'quick', '--set', 'dataset=cifar'], ["dataset 'cifar'", 'digits, mnist, fashion_mnist']),
    (['run', 'quick', '--set', 'model=resnet19'], ["model 'resnet19'", 'resnet18, resnet34, resnet50']),
    (['run', 'quick', '--set', 'optimizer=lion'], ["optimizer 'lion'", 'sgd, adam']),
    (['run', 'quick', '--set', 'epoch=1'], ["setting 'epoch'", "Did you mean 'epochs'?"]),
    (['run', 'quick', '--set', 'epochs'], ["'epochs' has no '='", 'key=value']),
    (['run', 'quick', '--set', 'lr=0.1', '--set', 'lr=0.01'], ["setting 'lr' is given twice", 'separated by commas']),
    (['run', 'quick', '--set', 'lr=0.1,often'], ["lr 'often' is not a number"]),
    (['run', 'quick', '--only', 'svm', '--set', 'model=resnet18'],
     ['setting model=resnet18 has no meaning for any of the trials']),
    (['run', 'mystudy.py'], ["mystudy.py' can't be read"]),
    (['run', 'quick', '--set', 'lr=-1'], ['lr -1.0 is out of range', 'from 1e-08 to 10']),
    (['run', 'quick', '--set', 'lr=nan'], ['lr nan is out of range']),
    (['run', 'quick', '--set', 'batch_size=100000000'], ['batch_size 100000000 is out of range']),
    (['run', 'quick', '--set', 'image_size=4'], ['image_size 4 is out of range', 'from 8 to 224']),
    (['run', 'quick', '--set', 'amp=fp16', '--device', 'cpu'],
     ["amp 'fp16' does not work with device 'cpu'", 'off, bf16']),
    (['run', 'quick', '--seeds', '-3'], ['seeds -3 is out of range']),
    (['run', 'quick', '--device', 'tpu'], ["device 'tpu'", 'auto, cpu, cuda, mps']),
    (['run', 'quick', '--retry', 'everything'], ["retry 'everything'", 'oom, error, diverged, timeout, stale']),
    (['report', 'nowhere'], ["'nowhere' is not there"]),
    (['flops', 'vgg16'], ["model 'vgg16'", 'resnet18, resnet34, resnet50']),
    (['data', 'verify', 'imagenet'], ["dataset 'imagenet'", 'digits, mnist, fashion_mnist']),
], ids=lambda v: ' '.join(v[1:]) if isinstance(v, list) and v[0] in ('run', 'report', 'flops', 'data') else '')
def test_bad_input_is_refused(cli, args, says, tmp_path):
    refused(cli(*args), 'error: ', *says)
    assert not (tmp_path/'dl-ops-results').exists()      # nothing was begun


def test_cuda_without_cuda(cli):
    r = cli('run', 'quick', '--device', 'cuda', env={'CUDA_VISIBLE_DEVICES': ''})
    refused(r, "device 'cuda' is not available here", 'cpu')


def options(command):
    "What a command and its subcommands take."
    found = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    for sub in getattr(command, 'commands', {}).values(): found |= options(sub)
    return found


OPTION = re.compile(r'(?:^|[\s`(,])(--[a-z][a-z-]*)')      # as a sentence names it


def messages(module):
    "Every text of several words in a module that isn't a docstring."
    nodes = list(ast.walk(ast.parse(module.read_text())))
    docs = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        text = isinstance(node, ast.Constant) and isinstance(node.value, str) and ' ' in node.value
        if text and node not in docs: yield node


def test_messages_name_only_options_that_the_command_has():
    named = {}
    for module in Path(dl_ops_bench.__file__).parent.glob('*.py'):
        for text in messages(module):
            for option in OPTION.findall(text.value): named.setdefault(option, f'{module.name}, line {text.lineno}')
    known = options(typer.main.get_command(app)) | {'--help'}
    assert len(named) > 10 and {option: at for option, at in named.items() if option not in known} == {}


def test_unknown_option(cli): refused(cli('run', 'quick', '--quick'), 'No such option: --quick')


def test_out_is_a_file(cli, tmp_path):
    (tmp_path/'taken').write_text('mine')
    refused(cli('run', 'quick', '--out', 'taken'), "directory 'taken' can't be written", 'name another one with --out')
    assert (tmp_path/'taken').read_text() == 'mine'


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write and read everything')
def test_directories_without_permission(cli, tmp_path):
    (tmp_path/'locked').mkdir(mode=0o500)
    refused(cli('run', 'quick', '--out', 'locked/deeper'), "can't be written")
    (tmp_path/'locked').chmod(0)
    refused(cli('report', 'locked'))


def test_no_data_and_no_network(cli, tmp_path):
    nowhere = dict.fromkeys(('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'), 'http://127.0.0.1:9')
    r = cli('run', 'lab', '--data', 'empty', env=nowhere)
    refused(r, "data set 'mnist' is not in empty", 'dl-ops-bench data prepare', '--data')


@realdata
def test_other_data_under_the_wrong_name(cli, tmp_path):
    (tmp_path/'d').mkdir()
    (tmp_path/'d/MNIST').symlink_to(os.path.abspath(os.environ['DL_OPS_BENCH_DATA']) + '/FashionMNIST')
    refused(cli('data', 'verify', 'mnist', '--data', 'd'), 'has SHA-256')
    refused(cli('run', 'lab', '--data', 'd'), "data set 'mnist' is damaged or another one")


@realdata
def test_real_data_is_complete(cli): assert cli('data', 'verify')[0] == 0


def test_help_is_light(cli):
    for command in ([], ['run'], ['report'], ['flops'], ['env'], ['data', 'verify'], ['data', 'prepare']):
        code, text = cli(*command, '--help')
        assert code == 0 and 'Usage: dl-ops-bench' in text


def test_a_quick_study_in_which_a_network_learns_nothing_is_found():
    "What CI asks of the quick study, and what it asked of the one whose ResNet-50 stood at chance."
    def pct(t, bad, deep): return bad if getattr(t, 'lr', 0) == BAD else deep if t.model == 'resnet50' else 97

    def study(*those): return [made_up(t, pct(t, *those)) for t in quick_trials('cpu')]
    assert faults(study(20, 93)) == [] and faults(study(97, 93)) == []
    assert faults(study(20, 89)) == ['the best resnet50 has 89.0 %, not more than 90']
    chance = faults(study(20, 10))
    assert any(f.startswith('resnet50, adam, learning rate 0.001: 10.0 %') for f in chance), chance


def ids(folder): return sorted(p.stem for p in folder.glob('?' * 16 + '.json'))


def test_run_again_runs_only_what_is_missing(cli, tmp_path):
    out = tmp_path/'dl-ops-results/quick'
    code, text = cli(*TINY)
    assert code == 0 and (out/'report.html').stat().st_size > 10_000, text
    *told, last = text[text.index('writing the report ...'):].splitlines()[1:]
    assert last.startswith('report: ') and 1 <= len(told) <= 3 and all(line.startswith('- ') for line in told), text
    assert 'digits' in told[0] and 'None of' not in text and 'not measured' not in text, text    # what was measured
    before = {i: (out/f'{i}.json').stat().st_mtime_ns for i in ids(out)}
    lost = next(iter(before))
    (out/f'{lost}.json').unlink()
    code, text = cli(*TINY)
    after = {i: (out/f'{i}.json').stat().st_mtime_ns for i in ids(out)}
    assert code == 0 and f'{len(before) - 1} of {len(before)} trials have a record already' in text
    assert {i for i in before if before[i] != after[i]} == {lost}
    records = read_records(out)
    assert {r.status for r in records} == {'ok'} and {r.trial.epochs for r in records if r.kind == 'resnet'} == {1}

    damaged = out/f'{lost}.json'                         # a record that was cut off in the middle
    whole = damaged.read_text()
    damaged.write_text(whole[:len(whole)//2])
    says = str(damaged.relative_to(tmp_path)), 'move it away or delete it'
    for command, ends_with in ((TINY, 1), (['report', out.relative_to(tmp_path)], 0)):     # go on, and name this one
        code, text = cli(*command)
        assert code == ends_with and all(words in text for words in says) and 'report: ' in text, text
    assert damaged.read_text() == whole[:len(whole)//2] and ids(out) == sorted(before)


@pytest.mark.parametrize('sent, code', [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGUSR2, 75)], ids=str)
def test_stopped_run_keeps_its_records(cli, tmp_path, sent, code):
    out = tmp_path/'dl-ops-results/quick'
    p = subprocess.Popen([sys.executable, '-c', 'from dl_ops_bench.cli import main; main()', *TINY], cwd=tmp_path,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # background shells ignore it
    while not (out.exists() and ids(out)) and p.poll() is None: time.sleep(0.05)
    p.send_signal(sent)
    text, _ = p.communicate(timeout=120)
    assert p.returncode == code and 'give the same command again' in text and 'Traceback' not in text, text
    assert 'leaked' not in text and 'Warning' not in text, text
    kept = ids(out)
    says = cli('status', out)[1]
    assert 'running, ' in says and ' 0 running' in says      # nobody is at it any more
    assert kept and all(json.loads((out/f'{i}.json').read_text())['status'] == 'ok' for i in kept)
    if sent == signal.SIGINT:
        code, text = cli(*TINY)
        assert code == 0 and f'{len(kept)} of' in text


OWN = """from torch import nn
from dl_ops_bench.registry import Entry
from dl_ops_bench.trial import MODELS, SVMTrial, Trial

class Tiny(nn.Sequential):
    def __init__(self, n_classes, channels): super().__init__(nn.Flatten(), nn.Linear(channels*16*16, n_classes))

MODELS['tiny'] = Entry('tiny network', make=Tiny)

def trials(device):
    return [Trial(dataset='digits', model='tiny', image_size=16, channels=1, epochs=1, device=device),
            SVMTrial(dataset='digits')]
"""


def test_a_file_with_a_model_and_trials_of_its_own(cli, tmp_path):
    (tmp_path/'mystudy.py').write_text(OWN)
    code, text = cli('run', 'mystudy.py', '--set', 'lr=0.1,0.01', '--device', 'cpu')
    assert code == 0 and 'mystudy.py: 3 trials on cpu' in text and 'tiny network' in text, text
    records = read_records(tmp_path/'dl-ops-results/mystudy')
    assert sorted(r.trial.lr for r in records if r.kind == 'resnet') == [0.01, 0.1]
    tiny = next(r for r in records if r.kind == 'resnet')
    d, = tiny.entries
    assert tiny.status == 'ok' and (d.option, d.name, d.source) == ('model', 'tiny', 'mystudy.py')
    assert tiny.command == 'dl-ops-bench run mystudy.py --set lr=0.1,0.01 --device cpu'

    (tmp_path/'mystudy.py').write_text(OWN.replace("'digits', model", "'digits', seed=1, model"))      # a second list
    code, text = cli('run', 'mystudy.py', '--device', 'cpu', '--set', 'model=tiny')
    assert code == 0 and '1 trial on cpu' in text, text
    code, text = cli('status', 'dl-ops-results/mystudy')       # by a process that has never seen the file
    assert code == 0 and '4 trials: 4 recorded (4 ok), 0 running, 0 waiting; finished' in text, text
    code, text = cli('flops', 'mystudy.py', 'tiny', '--image-size', '16', '--channels', '1')
    assert code == 0 and f'tiny: {2*256*10/1e9:.9f} GFLOPs' in text and 'resnet' not in text, text


def test_as_a_module_and_its_version(tmp_path):
    from dl_ops_bench import __version__
    r = subprocess.run([sys.executable, '-m', 'dl_ops_bench', '--version'], cwd=tmp_path, capture_output=True,
                       text=True)
    assert (r.returncode, r.stdout) == (0, f'dl_ops_bench {__version__}\n'), r.stderr


def test_help_names_every_setting(cli):
    text = cli('run', '--help')[1]
    for name in ('batch_size', 'gamma', 'image_size', 'matmul_wgrad'): assert f'\n    {name} ' in text
