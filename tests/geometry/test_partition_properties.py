"""Random architectures against brute force: patterns, areas, Euler's formula, affine maps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from ssl_lib.geometry import Maxout, Slice, box, partition, slice_through


@st.composite
def plain_networks(draw):
    """Widths, activation, biases and seed of a random network."""
    depth = draw(st.integers(1, 5))
    widths = [draw(st.integers(1, 14)) for _ in range(depth)]
    return {
        "widths": [2, *widths, draw(st.integers(1, 3))],
        "activation": draw(st.sampled_from(["relu", "leaky", "abs"])),
        "bias": draw(st.booleans()),
        "seed": draw(st.integers(0, 10_000)),
        "scale": draw(st.sampled_from([1.0, 3.0])),
    }


@settings(max_examples=25, deadline=None, derandomize=True)
@given(plain_networks(), st.integers(3, 7))
def test_random_networks_on_random_polygons(mlp, check_exact, network, corners):
    model = mlp(*network.pop("widths"), **network)
    angle = 2 * torch.pi * torch.arange(corners, dtype=torch.float64) / corners
    domain = torch.stack([0.3 + 1.5 * angle.cos(), 1.1 * angle.sin() - 0.1], 1)
    regions = partition(model, domain)
    check_exact(model, regions, samples=5_000)


class Block(nn.Module):
    """A residual block whose sum is cut, and a concatenation of what went in and came out."""

    def __init__(self, width, activation):
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.inner, self.outer = activation(), activation()

    def forward(self, x):
        return torch.cat([self.outer(x + self.second(self.inner(self.first(x)))), x[:, :2]], 1)


@pytest.mark.parametrize("activation", [nn.ReLU, lambda: nn.LeakyReLU(0.2)])
def test_residual_sums_and_concatenation(check_exact, activation):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(5, 8), Block(8, activation), Block(10, activation), nn.Linear(12, 2)
    ).eval()
    regions = partition(model, slice_through(torch.zeros(5), half_side=3.0))
    assert len(regions) > 50
    check_exact(model, regions)


def images(n, *shape):
    return list(torch.randn(n, *shape, generator=torch.Generator().manual_seed(0)))


def randomise_norms(model):
    """Give batch normalisation statistics that matter."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias, std=0.2)
    return model.eval()


@pytest.mark.parametrize(
    ("pool", "first"),
    [
        (nn.AvgPool2d(2), "kink"),
        (nn.MaxPool2d(2), "kink"),
        (nn.MaxPool2d(2), "pool"),
        (nn.MaxPool2d(3, 2, 1), "kink"),
        (nn.MaxPool2d(2, 1), "pool"),
        (nn.AdaptiveAvgPool2d(3), "kink"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_convolutional_networks(check_exact, pool, first, channels):
    torch.manual_seed(1)
    middle = [nn.ReLU(), pool] if first == "kink" else [pool, nn.ReLU()]
    features = nn.Sequential(
        nn.Conv2d(channels, 3, 3, padding=1), nn.BatchNorm2d(3), *middle, nn.Dropout2d(0.3),
        nn.Conv2d(3, 4, 2, bias=False), nn.LeakyReLU(0.1), nn.Flatten(),
    )  # fmt: skip
    width = features.eval()(torch.zeros(1, channels, 7, 7)).shape[1]
    model = nn.Sequential(features, nn.Linear(width, 10), nn.ReLU(), nn.Linear(10, 4))
    model = randomise_norms(model)
    regions = partition(model, slice_through(*images(3, channels, 7, 7), half_side=2.5))
    assert len(regions) > 100
    check_exact(model, regions)


@pytest.mark.parametrize("pieces", [2, 3, 5])
def test_maxout(check_exact, pieces):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 6 * pieces), Maxout(pieces), nn.Linear(6, 4 * pieces), Maxout(pieces),
        nn.Linear(4, 2),
    ).eval()  # fmt: skip
    regions = partition(model, slice_through(torch.zeros(4), half_side=4.0))
    assert len(regions) > 20
    check_exact(model, regions)


def test_deep_and_narrow(mlp, check_exact):
    model = mlp(2, *[6] * 24, 1, activation="leaky", scale=1.9, seed=5)
    regions = partition(model, box(-2, 2, -2, 2))
    assert len(regions.layers) == 24
    assert len(regions) > 50
    check_exact(model, regions)


def test_width_one_and_dead_networks(mlp, check_exact):
    for seed in range(8):
        model = mlp(2, *[1] * 6, 1, seed=seed)
        check_exact(model, partition(model, box(-3, 3, -3, 3)), samples=500)


def test_bias_free_networks_match_brute_force(mlp, check_exact):
    model = mlp(2, 24, 24, 24, 1, bias=False, seed=2)
    # Many lines end in the origin, where sampled patterns are decided by rounding.
    regions = partition(model, box(-1, 1, -1, 1))
    check_exact(model, regions, samples=5_000)


def test_he_initialised_deep_network_by_its_area_and_patterns(mlp, check_exact):
    model = mlp(2, *[24] * 10, 1)
    for layer in model[::2]:
        nn.init.kaiming_normal_(layer.weight, generator=torch.Generator().manual_seed(1))
    regions = partition(model, box(-1, 1, -1, 1))
    assert len(regions) > 3_000
    check_exact(model, regions, euler=False)


@pytest.mark.parametrize("anchors", [1, 2, 3])
def test_affine_maps_are_those_of_automatic_differentiation(anchors):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 5)
    ).eval()
    where = slice_through(*images(anchors, 3, 6, 6), half_side=2.0)
    regions = partition(model, where)
    index = torch.arange(0, len(regions), max(1, len(regions) // 40))
    inputs = where.embed(regions.centers[index]).requires_grad_()
    outputs = model.double()(inputs)
    for output in range(5):
        (gradient,) = torch.autograd.grad(outputs[:, output].sum(), inputs, retain_graph=True)
        slope = gradient.flatten(1) @ where.basis.flatten(1).T
        torch.testing.assert_close(slope, regions.slopes[index, output], rtol=1e-11, atol=1e-13)
    jacobian, offset = regions.input_maps(index)
    again = torch.einsum("nof,nf->no", jacobian.flatten(2), inputs.detach().flatten(1)) + offset
    torch.testing.assert_close(again, outputs.detach(), rtol=1e-12, atol=1e-12)


def test_gradient_is_one_vector_all_over_a_region(mlp):
    model = mlp(2, 20, 20, 1).double()
    regions = partition(model, box(-2, 2, -2, 2))
    owner = regions.polygons.owner
    points = 0.95 * regions.polygons.vertices + 0.05 * regions.centers[owner]
    points.requires_grad_()
    (gradient,) = torch.autograd.grad(model(points).sum(), points)
    torch.testing.assert_close(gradient, regions.slopes[owner, 0], rtol=1e-12, atol=1e-14)


def test_functional_network_equals_the_same_network_of_modules():
    torch.manual_seed(0)
    modules = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 6),
        nn.LeakyReLU(0.3), nn.Linear(6, 2),
    ).eval()  # fmt: skip

    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = modules

        def forward(self, x):
            x = F.max_pool2d(torch.relu(self.layers[0](x)), 2)
            x = self.layers[4](x.view(x.size(0), -1))
            return self.layers[6](F.leaky_relu(x, 0.3))

    where = slice_through(*images(3, 1, 6, 6), half_side=2.0)
    first, second = partition(modules, where), partition(Functional().eval(), where)
    assert [a.n_regions for a in first.layers] == [b.n_regions for b in second.layers]
    torch.testing.assert_close(first.areas, second.areas)


def test_caller_keeps_its_model_and_random_state(mlp):
    model = mlp(2, 10, 10, 1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    partition(model, box(-1, 1, -1, 1), pivot="random")
    assert torch.equal(state, torch.get_rng_state())
    for name, value in model.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[name])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_same_bits_twice(mlp):
    model = mlp(2, 30, 30, 1)
    first, second = (partition(model, box(-1, 1, -1, 1)) for _ in range(2))
    assert torch.equal(first.polygons.vertices, second.polygons.vertices)
    assert torch.equal(first.outputs, second.outputs)


def test_locate_finds_the_region_with_the_point_s_pattern(mlp, patterns, spread):
    model = mlp(2, 20, 20, 1).double()
    regions = partition(model, box(-1, 1, -1, 1))
    points = spread(regions.slice.domain, 500)
    found = regions.locate(points)
    assert patterns(model, points) == patterns(model, regions.centers[found])
    assert regions.locate([[1.5, 0.0]]).tolist() == [-1]


def test_a_region_s_own_map_and_polygon(mlp):
    model = mlp(2, 5, 2).double()
    regions = partition(model, box(-1, 1, -1, 1))
    region = regions[-1]
    expected = model(region.vertices)
    torch.testing.assert_close(region.vertices @ region.slope.T + region.intercept, expected)
    with pytest.raises(IndexError, match="of"):
        regions[len(regions)]


def test_codes_are_the_patterns(mlp, patterns):
    model = mlp(2, 12, 9, 1).double()
    regions = partition(model, box(-1, 1, -1, 1))
    codes = torch.cat(regions.codes(), 1).short().numpy()
    assert [row.tobytes() for row in codes] == patterns(model, regions.centers)
    some = torch.tensor([3, 1])
    assert torch.equal(torch.cat(regions.codes(some), 1), torch.cat(regions.codes(), 1)[some])


def test_slice_of_the_plane_is_the_plane(mlp):
    model = mlp(2, 15, 1)
    domain = box(-1, 1, -1, 1)
    assert len(partition(model, Slice.plane(domain))) == len(partition(model, domain))
