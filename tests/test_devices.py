"Which device is each tensor on? Answered without it, by tensors that have a shape, a type and a place, but no numbers."
from dataclasses import replace

import pytest, torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from dl_ops_bench.data import DeviceBatches, load, loaders, split_for
from dl_ops_bench.step import evaluate
from dl_ops_bench.train import Training
from dl_ops_bench.trial import Trial

pytestmark = pytest.mark.filterwarnings('ignore')      # autocast says that there is no CUDA
TRIAL = Trial(dataset='digits', image_size=16, channels=1, batch_size=32, data_fraction=0.1, device='cuda',
              recipe='fast')


@pytest.fixture(params=['torch', 'device'])
def made(request, monkeypatch):
    "A training on a GPU that isn't there, its first training batch and its first validation batch."
    trial, digits = replace(TRIAL, loader=request.param), load('digits')
    rows = split_for(trial, digits)
    host = loaders(replace(TRIAL, device='cpu'), digits, rows)
    batches = [[next(iter(b))] for b in (host.train, host.valid)]                   # to draw an order takes numbers
    monkeypatch.setattr(DeviceBatches, 'order', lambda self: torch.arange(len(self.dataset)))
    monkeypatch.setattr(torch.nn.Module, 'to', lambda self, *args, **kwargs: self)  # such weights can't be moved ...
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, torch.no_grad():       # a backward pass asks the driver
        there = loaders(trial, digits, rows)
        with torch.device('cuda'): training = Training(trial, there)                # ... so they are made there
        training.step = training.loss_of                                            # without the backward pass
        batches = ([[next(iter(b))] for b in (there.train, there.valid)] if request.param == 'device' else
                   [[tuple(map(mode.from_tensor, b)) for b in bs] for bs in batches])
        yield training, *batches


def test_a_step(made):
    "Images, labels, augmentation and model are in one place."
    training, batches, _ = made
    assert training.augment.on
    (loss, n), = training.steps(training.augmented(batches))
    assert (loss.device.type, n) == ('cuda', 32)


def test_evaluation(made):
    "So are the logits and labels of an evaluation, up to the number that these tensors can't give."
    training, _, batches = made
    with pytest.raises(DataDependentOutputException): evaluate(training.model, batches, training.trial)


def test_a_mistake_is_seen(made):
    "These tensors would notice."
    with pytest.raises(Exception, match='same device'): made[0].model(torch.zeros(1, 1, 16, 16))
