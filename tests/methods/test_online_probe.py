"""The online probe: it learns from a method's features and changes nothing of the method."""

from copy import deepcopy

import pytest
import torch

from ssl_lib import data
from ssl_lib.data.views import policy
from ssl_lib.errors import InputError
from ssl_lib.methods import OnlineProbe, ViewBatch, build_method
from ssl_lib.models import MLP, build_encoder
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.runs import one_view

OPTIONS = {
    "diet": {},
    "barlow_twins": {"head": (16, 16), "bias_lr_scale": 0.1},
    "byol": {"head": (16, 8), "predictor": (16,)},
    "swav": {"head": (16, 8), "n_prototypes": 12, "freeze": 0.1},
    "dino": {"head": (16, 8), "n_prototypes": 12},
}


@pytest.fixture(scope="module")
def images():
    return data.load("digits").subset(torch.arange(256))


def make(name, images):
    encoder = build_encoder("mlp", in_channels=1, image_size=8, hidden=(32,), out_dim=16, seed=1)
    return build_method(name, encoder, n_data=len(images), seed=1, **OPTIONS[name])


def train(method, images, **about):
    views = policy("digits", size=8)
    views = one_view(views) if method.min_views == 1 else views
    config = TrainingConfig(epochs=3, batch_size=64, learning_rate=1e-2, seed=1)
    return pretrain(method, images, policy=views, config=config, progress=False, **about)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_method_trains_to_the_same_bits_with_and_without(images, name):
    alone = train(make(name, images), images)
    probed = train(OnlineProbe(make(name, images), n_classes=10), images)
    other = probed.method.method.state_dict()
    for key, value in alone.method.state_dict().items():
        assert torch.equal(value, other[key]), key
    assert [e["loss"] for e in alone.history] == [e["loss"] for e in probed.history]
    assert probed.history[-1]["probe_loss"] < probed.history[0]["probe_loss"]


def test_gradients_of_either_side_do_not_know_the_other():
    """Check 5 of DIET: the encoder's without and with the probe, the probe's at two W."""
    generator = torch.Generator().manual_seed(0)
    batch = ViewBatch(
        views=(torch.rand(8, 1, 4, 4, generator=generator),),
        indices=torch.arange(8),
        labels=torch.arange(8) % 3,
    )
    encoder, gradients = MLP(16, 6), {}
    for scale in (1.0, 5.0):
        alone = build_method("diet", deepcopy(encoder), n_data=8)
        alone.classifier.weight.data.mul_(scale)
        probed = OnlineProbe(deepcopy(alone), n_classes=3)
        for method in (alone, probed):
            method(batch).loss.backward()
        for ours, theirs in zip(alone.parameters(), probed.method.parameters(), strict=True):
            assert torch.equal(ours.grad, theirs.grad)
        gradients[scale] = probed.probe.weight.grad
    assert gradients[1.0].abs().max() > 0
    assert torch.equal(gradients[1.0], gradients[5.0])


def test_the_probe_learns_softmax_regression_of_the_features(images):
    """Its gradient is that of cross-entropy: (softmax - one-hot)^T h / n."""
    probed = OnlineProbe(build_method("diet", MLP(64, 6), n_data=256), n_classes=10).double()
    views = images.images[:32].double() / 255
    batch = ViewBatch(views=(views,), indices=torch.arange(32), labels=images.labels[:32])
    output = probed(batch)
    output.loss.backward()
    h = output.features[0].detach()
    p = (h @ probed.probe.weight.T + probed.probe.bias).softmax(1)
    p[torch.arange(32), batch.labels] -= 1
    torch.testing.assert_close(probed.probe.weight.grad, p.T @ h / 32)


def test_a_stopped_run_continues_with_its_probe(images, tmp_path):
    whole = train(OnlineProbe(make("diet", images), n_classes=10), images, out=tmp_path / "a")
    again = train(OnlineProbe(make("diet", images), n_classes=10), images, out=tmp_path / "a")
    assert again.history == whole.history
    assert torch.equal(again.method.probe.weight, whole.method.probe.weight)
    with pytest.raises(InputError, match="online_probe"):
        train(OnlineProbe(make("diet", images), n_classes=11), images, out=tmp_path / "a")


def test_wrong_input_is_named():
    method = build_method("diet", MLP(16, 6), n_data=8)
    batch = ViewBatch(views=(torch.rand(8, 1, 4, 4),), indices=torch.arange(8))
    with pytest.raises(InputError, match=r"diet needs batch\.labels"):
        OnlineProbe(method, n_classes=3)(batch)
    with pytest.raises(InputError, match="n_classes must be at least 2, got 1"):
        OnlineProbe(method, n_classes=1)
