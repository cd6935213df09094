"""Extraction leaves the model as it was, however it is called."""

import copy
import functools

import pytest
import torch
from torch import nn

from ssl_lib.errors import InputError
from ssl_lib.evaluation.features import extract


class Net(nn.Module):
    """A method that encodes, with statistics that training moves and noise that it adds."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm2d(1), nn.Dropout(0.5)
        self.head = nn.BatchNorm1d(4, affine=False)

    def encode(self, x, scale=1.0):
        """Return features."""
        return scale * self.drop(self.norm(x)).flatten(1)


def as_method(net):
    return net.encode


def as_partial(net):
    return functools.partial(net.encode, scale=1.0)


def as_function(net):
    return lambda x: net.drop(net.norm(x)).flatten(1)


class Held:
    def __init__(self, net):
        self.parts = {"net": net}

    def __call__(self, x):
        return as_function(self.parts["net"])(x)


@pytest.mark.parametrize("wrap", [as_method, as_partial, as_function, Held])
def test_whatever_calls_a_module_leaves_it_as_it_was(wrap):
    torch.manual_seed(0)
    images = torch.rand(6, 1, 2, 2)
    net = Net().train()
    net.head.eval()  # a mode of its own, to be kept
    before = copy.deepcopy(net.state_dict())
    features = extract(wrap(net), images, batch_size=4)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [m.training for m in (net, net.norm, net.drop, net.head)] == [True, True, True, False]
    # In evaluation mode a fresh batch norm divides by sqrt(1 + eps), and nothing is dropped.
    torch.testing.assert_close(features, images.flatten(1) / (1 + 1e-5) ** 0.5)


def test_no_hook_stays_behind():
    from torch.nn.modules import module

    net = Net().train()

    def broken(x):
        net.norm(x)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        extract(broken, torch.rand(2, 1, 2, 2))
    assert net.norm.training
    assert not module._global_forward_pre_hooks


def test_images_of_another_type_are_refused():
    with pytest.raises(InputError, match=r"uint8 or floating-point, got torch\.int64"):
        extract(nn.Flatten(), torch.ones(2, 1, 2, 2, dtype=torch.int64))
    whole = extract(nn.Flatten(), torch.full((2, 1, 2, 2), 51, dtype=torch.uint8).numpy())
    assert whole.tolist() == [[pytest.approx(0.2)] * 4] * 2
