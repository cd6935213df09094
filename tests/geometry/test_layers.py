"""Each supported layer gives the model's own outputs; each other one is named."""

import operator

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.geometry import Maxout, box, partition, slice_through

SQUARE = box(-1, 1, -1, 1)


class Forward(nn.Module):
    """A convolution, then whatever a function does with its output."""

    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(2, 4, 2)
        self.constant = nn.Parameter(torch.randn(4, 1, 1))
        self.matrix = nn.Parameter(torch.randn(3, 3))
        self.function = function

    def forward(self, x):
        return self.function(self, self.conv(x))


FORWARDS = {
    "relu method": lambda m, x: x.relu(),
    "abs builtin": lambda m, x: abs(x),
    "in place": lambda m, x: F.relu(x, inplace=True),
    "prelu": lambda m, x: F.relu(x) - 0.25 * F.relu(-x),
    "clamp": lambda m, x: x.clamp(-0.2, 0.3),
    "clamp below": lambda m, x: torch.clamp(x, min=-0.1),
    "clamp above": lambda m, x: torch.clamp(x, max=0.1),
    "clamp_min": lambda m, x: x.clamp_min(0.05),
    "clamp_max": lambda m, x: x.clamp_max(0.05),
    "relu6": lambda m, x: F.relu6(20 * x),
    "hardtanh": lambda m, x: F.hardtanh(5 * x, -0.5, 2.0),
    "maximum": lambda m, x: torch.maximum(x[:, :2], x[:, 2:]),
    "minimum": lambda m, x: torch.minimum(x[:, :2], x[:, 2:] + 0.1),
    "max of two": lambda m, x: torch.max(x, 0.5 * x + 0.1),
    "max over channels": lambda m, x: x.max(dim=1).values,
    "max over an axis": lambda m, x: x.max(2)[0],
    "amax": lambda m, x: x.amax(dim=-1, keepdim=True),
    "amin": lambda m, x: torch.amin(x, 1),
    "broadcast maximum": lambda m, x: torch.maximum(x, x.mean(1, keepdim=True)),
    "constants": lambda m, x: (2 * x + m.constant - 1) / 3 * m.constant,
    "right minus": lambda m, x: torch.relu(0.1 - x),
    "matmul": lambda m, x: torch.relu(x @ m.matrix),
    "sizes": lambda m, x: torch.relu(x).view(x.size(0), x.shape[1], -1).mean(-1),
    "shapes": lambda m, x: x.permute(0, 2, 3, 1).relu().flatten(1).unsqueeze(1).transpose(1, 2),
    "chunks": lambda m, x: torch.cat([x.relu().chunk(2, 1)[1], x[:, 1:2]], 1),
    "stack": lambda m, x: torch.stack([x.relu(), x], 2).sum((2, 3)),
    "pad": lambda m, x: F.pad(x.relu(), (1, 0, 0, 1), value=0.7),
    "pool": lambda m, x: F.avg_pool2d(F.max_pool2d(x, 2, 1), 2),
    "ceil pool": lambda m, x: F.max_pool2d(x, 2, 2, ceil_mode=True),
    "dilated pool": lambda m, x: F.max_pool2d(x, 2, 1, dilation=2),
    "interpolate": lambda m, x: F.interpolate(x.relu(), scale_factor=2, mode="bilinear"),
    "in-place sum": lambda m, x: operator.iadd(x.relu(), x),
    "skip": lambda m, x: x + m.conv(F.pad(x.relu()[:, :2], (0, 1, 0, 1))),
}


@pytest.mark.parametrize("name", FORWARDS)
def test_functions_in_a_forward(name, check_exact):
    model = Forward(FORWARDS[name]).eval()
    generator = torch.Generator().manual_seed(0)
    where = slice_through(*torch.randn(3, 2, 4, 4, generator=generator), half_side=1.0)
    regions = partition(model, where)
    inputs = where.embed(regions.centers)
    expected = model.double()(inputs).flatten(1)
    found = regions.values(torch.arange(len(regions)), regions.centers)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
    # One region has one slope: a kink that was not cut would show at the vertices.
    owner = regions.polygons.owner
    points = 0.9 * regions.polygons.vertices + 0.1 * regions.centers[owner]
    expected = model(where.embed(points)).flatten(1)
    torch.testing.assert_close(regions.values(owner, points), expected, rtol=1e-12, atol=1e-13)
    assert len(regions) > 1 or name == "constants"


@pytest.mark.parametrize(
    "layer",
    [
        nn.PReLU(), nn.PReLU(6), nn.RReLU(), nn.ReLU6(), nn.Hardtanh(-0.1, 0.2), nn.LeakyReLU(-0.5),
        nn.LeakyReLU(1.0), Maxout(3), nn.Unflatten(1, (2, 3)), nn.Identity(),
    ],
)  # fmt: skip
def test_layers_after_a_linear_one(layer):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 6), layer, nn.Flatten()).eval()
    regions = partition(model, SQUARE)
    owner = regions.polygons.owner
    points = 0.9 * regions.polygons.vertices + 0.1 * regions.centers[owner]
    expected = model.double()(points)
    torch.testing.assert_close(regions.values(owner, points), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("features", "shape"),
    [
        (nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.MaxPool1d(3, 2, 1)), (2, 9)),
        (nn.Sequential(nn.Conv3d(1, 2, 2), nn.ReLU(), nn.MaxPool3d(2)), (1, 4, 4, 4)),
        (nn.Sequential(nn.ConvTranspose2d(2, 2, 2), nn.BatchNorm2d(2), nn.ReLU()), (2, 3, 3)),
        (nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.BatchNorm1d(5), nn.ReLU()), (1, 3, 3)),
        (nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(1, 2, 3, groups=1), nn.ReLU()), (1, 3, 3)),
    ],
)
def test_other_dimensions(features, shape):
    torch.manual_seed(0)
    model = nn.Sequential(features, nn.Flatten(), nn.LazyLinear(2))
    model(torch.randn(3, *shape))
    model.eval()
    generator = torch.Generator().manual_seed(1)
    regions = partition(model, slice_through(*torch.randn(3, *shape, generator=generator)))
    assert len(regions) > 4
    owner = regions.polygons.owner
    points = 0.9 * regions.polygons.vertices + 0.1 * regions.centers[owner]
    expected = model.double()(regions.slice.embed(points))
    torch.testing.assert_close(regions.values(owner, points), expected, rtol=1e-12, atol=1e-13)


def test_float32_slopes_do_not_enter(mlp):
    """0.01 rounded to float32 would shift every output by 2e-8 of itself."""
    model = mlp(2, 20, 20, 1, activation="leaky")
    regions = partition(model, SQUARE)
    expected = model.double()(regions.centers)
    found = regions.values(torch.arange(len(regions)), regions.centers)
    assert (found - expected).abs().max() < 1e-15


@pytest.mark.parametrize(
    ("layer", "name"),
    [(nn.GELU(), "GELU"), (nn.Softmax(1), "Softmax"), (nn.LayerNorm(4), "LayerNorm")],
)
def test_unsupported_layer_is_named_with_its_path(layer, name):
    inner = nn.Sequential(nn.Linear(4, 4), layer)
    model = nn.Sequential(nn.Linear(2, 4), inner).eval()
    with pytest.raises(InputError, match=rf"'1\.1' is {name}.*supported are Linear, Conv"):
        partition(model, SQUARE)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda m, x: torch.sin(x), "'sin' in the forward of the model is not supported"),
        (lambda m, x: x * x, "multiplies or divides two activations"),
        (lambda m, x: 1 / x, "multiplies or divides two activations"),
        (lambda m, x: x.tanh(), "'tanh'"),
        (lambda m, x: x.max(1), "tuple|place of the maximum|not supported"),
        (lambda m, x: (x, x), "one tensor"),
        (lambda m, x: m.constant, "does not depend"),
        (lambda m, x: x if x.sum() > 0 else -x, "cannot be traced"),
        (lambda m, x: x.relu() - x.relu().mean(0, keepdim=True), "batch"),
    ],
)
def test_unsupported_forward_is_named(function, message):
    with pytest.raises(InputError, match=message):
        partition(Forward(function).eval(), slice_through(torch.randn(2, 4, 4)))


def test_activation_changed_in_place_and_read_again_is_refused():
    def forward(module, x):
        return x + F.relu(x, inplace=True)

    with pytest.raises(InputError, match="in place"):
        partition(Forward(forward).eval(), slice_through(torch.randn(2, 4, 4)))


def test_training_mode_is_refused(mlp):
    with pytest.raises(InputError, match=r"training mode; call model.eval\(\)"):
        partition(mlp(2, 4, 1).train(), SQUARE)
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU()).eval()
    model[1].train()
    with pytest.raises(InputError, match="'1' is in training mode"):
        partition(model, SQUARE)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_bad_parameters_are_named(mlp, bad):
    model = mlp(2, 4, 1)
    model[0].bias.data[2] = bad
    with pytest.raises(InputError, match=r"'0.bias' has values that are NaN or infinite"):
        partition(model, SQUARE)


def test_inputs_of_another_shape(mlp):
    with pytest.raises(InputError, match=r"fails on inputs of shape \(2,\)"):
        partition(mlp(3, 4, 1), SQUARE)
    with pytest.raises(InputError, match=r"fails on inputs of shape \(1, 4, 4\)"):
        partition(mlp(3, 4, 1), slice_through(torch.randn(1, 4, 4)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 0}, "between 1 and 1"),
        ({"layers": 2}, "between 1 and 1"),
        ({"memory": 0}, "memory"),
        ({"pivot": "middle"}, "pivot"),
        ({"tolerance": 0.0}, "tolerance"),
    ],
)
def test_bad_options(mlp, options, message):
    with pytest.raises(InputError, match=message):
        partition(mlp(2, 4, 1), SQUARE, **options)


def test_two_inputs_are_refused():
    class Two(nn.Module):
        def forward(self, x, y):
            return x + y

    with pytest.raises(InputError, match="one input, but also takes 'y'"):
        partition(Two().eval(), SQUARE)


def test_optional_argument_keeps_its_default():
    class Scaled(nn.Module):
        def forward(self, x, scale=3.0):
            return torch.relu(scale * x)

    regions = partition(Scaled().eval(), SQUARE)
    assert len(regions) == 4
    assert regions.slopes.abs().amax().item() == 3.0


def test_affine_model_has_one_region():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)).eval()
    assert len(partition(model, SQUARE)) == 1


def test_maxout_needs_pieces():
    with pytest.raises(InputError, match="at least 1"):
        Maxout(0)
