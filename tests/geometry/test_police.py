"""Exact affinity of constrained networks: at initialisation, in training, after merging."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.geometry import Maxout, Slice, box, constrain, partition
from ssl_lib.geometry.shifts import kink_shift

ROOT = math.sqrt(2)
TRIANGLE = torch.tensor([[-ROOT, -ROOT], [0.0, 2.0], [ROOT, -ROOT]], dtype=torch.float64)
SQUARE = torch.tensor([[0.0, 0.0], [1.5, 0.0], [1.5, 1.5], [0.0, 1.5]], dtype=torch.float64)
ANGLE = 2 * torch.pi * torch.arange(50, dtype=torch.float64) / 50
CIRCLE = 2 * torch.stack([ANGLE.cos(), ANGLE.sin()], 1)


def convex_combinations(vertices, n=300, seed=0):
    """Weights (n, n_vertices) in float64, even over the simplex."""
    generator = torch.Generator().manual_seed(seed)
    weights = -torch.rand(n, len(vertices), dtype=torch.float64, generator=generator).log()
    return weights / weights.sum(1, keepdim=True)


def affine_error(network, vertices, seed=0):
    """Largest error of f(sum w v) = sum w f(v), relative to the largest |f(v)|."""
    weights = convex_combinations(vertices, seed=seed)
    points = torch.tensordot(weights, vertices.double(), 1).to(vertices.dtype)
    with torch.no_grad():
        at_vertices = network(vertices).double()
        error = network(points).double() - torch.tensordot(weights, at_vertices, 1)
    return (error.abs().max() / at_vertices.abs().max()).item()


def he_network(mlp, *widths, seed=0, activation="leaky"):
    """A network that is far from affine."""
    model = mlp(*widths, seed=seed, activation=activation)
    generator = torch.Generator().manual_seed(seed)
    for layer in model[::2]:
        nn.init.kaiming_normal_(layer.weight, generator=generator)
    return model.double()


@pytest.mark.parametrize("region", [TRIANGLE, SQUARE, CIRCLE])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("activation", ["relu", "leaky", "abs"])
def test_affine_at_initialisation(mlp, region, depth, activation):
    model = he_network(mlp, 2, *[48] * depth, 1, seed=depth, activation=activation)
    assert affine_error(model, region) > 1e-3
    assert affine_error(constrain(model, region), region) < 1e-12


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=16),
    st.integers(2, 6),
    st.sampled_from(["relu", "leaky", "abs"]),
    st.sampled_from(["majority", "smallest"]),
    st.integers(0, 1000),
)
def test_affine_for_random_networks_and_polytopes(mlp, widths, dimension, activation, sign, seed):
    model = he_network(mlp, dimension, *widths, 2, seed=seed, activation=activation)
    generator = torch.Generator().manual_seed(seed)
    vertices = torch.randn(dimension + 3, dimension, dtype=torch.float64, generator=generator)
    constrained = constrain(model, vertices, sign=sign)
    scale = constrained(vertices).abs().max().item()
    weights = convex_combinations(vertices)
    error = constrained(weights @ vertices) - weights @ constrained(vertices)
    assert error.abs().max().item() <= 1e-12 * max(scale, 1.0)


def test_gradient_is_constant_inside(mlp):
    constrained = constrain(he_network(mlp, 2, 64, 64, 64, 1), CIRCLE)
    points = (convex_combinations(CIRCLE) @ CIRCLE).requires_grad_()
    (gradient,) = torch.autograd.grad(constrained(points).sum(), points)
    assert (gradient - gradient[0]).abs().max() <= 1e-13 * gradient.norm(dim=1).max()


def test_float32_is_affine_to_its_rounding(mlp):
    model = he_network(mlp, 2, 64, 64, 64, 1).float()
    assert affine_error(constrain(model, CIRCLE), CIRCLE.float()) < 1e-5


def target(points):
    t = torch.cos(3 * points[:, :1]) * torch.cos(points[:, 1:])
    return t - t.mean()


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_affine_at_every_step_of_training(mlp, optimizer):
    model = mlp(2, 32, 32, 1, activation="leaky").double().train()
    constrained = constrain(model, TRIANGLE)
    axis = torch.linspace(-4, 4, 20, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    steps, losses = optimizer(constrained.parameters(), lr=1e-2), []
    for _ in range(60):
        assert affine_error(constrained, TRIANGLE) < 1e-12
        steps.zero_grad()
        loss = F.mse_loss(constrained(points), target(points))
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert affine_error(constrained, TRIANGLE) < 1e-12


def test_error_inside_is_at_least_that_of_the_best_affine_function(mlp):
    model = mlp(2, 32, 32, 1, activation="leaky").double()
    constrained = constrain(model, TRIANGLE)
    points = convex_combinations(TRIANGLE, 500) @ TRIANGLE
    wanted = target(points)
    steps = torch.optim.Adam(constrained.parameters(), lr=1e-2)
    for _ in range(100):
        steps.zero_grad()
        loss = F.mse_loss(constrained(points), wanted)
        loss.backward()
        steps.step()
    columns = torch.cat([points, torch.ones(len(points), 1)], 1)
    fit = columns @ torch.linalg.lstsq(columns, wanted).solution
    floor = F.mse_loss(fit, wanted).item()
    assert floor - 1e-12 <= loss.item() < 1.2 * floor


@pytest.mark.parametrize("region", [TRIANGLE, SQUARE, CIRCLE])
def test_merged_network_is_plain_and_equal(mlp, region):
    model = he_network(mlp, 2, 32, 32, 32, 2)
    constrained = constrain(model, region)
    merged = constrained.merge()
    points = 4 * torch.rand(1_000, 2, dtype=torch.float64) - 2
    assert [type(layer) for layer in merged] == [type(layer) for layer in model]
    scale = constrained(points).abs().max()
    assert (merged(points) - constrained(points)).abs().max() <= 1e-14 * scale
    # It is a copy: the constrained network trains on without it.
    assert merged[0].weight.data_ptr() != model[0].weight.data_ptr()


def test_constraining_a_merged_network_changes_nothing(mlp):
    merged = constrain(he_network(mlp, 2, 32, 32, 1), CIRCLE).merge()
    for shift in constrain(merged, CIRCLE).shifts().values():
        assert shift.abs().max() < 1e-13


def test_units_whose_vertices_agree_are_untouched(mlp):
    model = he_network(mlp, 2, 200, 1)
    shift = next(iter(constrain(model, SQUARE).shifts().values()))
    before = model[0](SQUARE)
    agree = (before >= 0).all(0) | (before <= 0).all(0)
    assert 0 < agree.sum() < 200
    assert (shift[agree] == 0).all()
    after = before - shift
    assert (((after >= -1e-15).all(0)) | ((after <= 1e-15).all(0))).all()
    assert (after[:, ~agree].abs().amin(0) < 1e-15).all()


def test_affine_network_and_single_points_stay_as_they_are(mlp):
    linear = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).double()
    points = torch.randn(50, 2, dtype=torch.float64)
    assert torch.equal(constrain(linear, TRIANGLE)(points), linear(points))
    model = he_network(mlp, 2, 32, 1)
    assert torch.equal(constrain(model, SQUARE[:1], full_dimensional=False)(points), model(points))


def test_ties_are_broken_by_counting_integers():
    """A symmetric region and odd units: half of the vertices are on either side of each kink."""
    model = nn.Sequential(nn.Linear(2, 64, bias=False), nn.ReLU(), nn.Linear(64, 1)).double()
    half = torch.linspace(0.1, 3.0, 24, dtype=torch.float64)
    half = torch.stack([half.cos(), half.sin()], 1)
    region = torch.cat([half, -half])
    above = (model[0](region) > 0).sum(0)
    assert (above == 24).all()
    assert affine_error(model, region) > 1e-2
    assert affine_error(constrain(model, region), region) < 1e-12


def test_majority_and_smallest_shift():
    heights = torch.tensor([[-3.0, -1.0, 2.0], [1.0, 1.0, 1.0], [1.0, -1.0, 3.0]])
    assert kink_shift(heights, [3]).tolist() == [-3.0, 1.0, 0.0]
    assert kink_shift(heights, [3], "smallest").tolist() == [1.0, -1.0, 0.0]


def test_vertex_order_and_repetition_do_not_matter(mlp):
    model = he_network(mlp, 2, 48, 48, 1)
    points = torch.randn(200, 2, dtype=torch.float64)
    usual = constrain(model, SQUARE)(points)
    repeated = torch.cat([SQUARE.flip(0), SQUARE[:2], SQUARE[:1]])
    torch.testing.assert_close(constrain(model, repeated)(points), usual, rtol=0, atol=1e-14)


def test_loss_gradient_by_finite_differences(mlp):
    model = he_network(mlp, 2, 6, 5, 1)
    constrained = constrain(model, TRIANGLE)
    points = torch.randn(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    parameters = list(constrained.parameters())
    value = constrained(points).square().mean()
    gradients = torch.autograd.grad(value, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        numeric = torch.zeros_like(gradient)
        for index in range(parameter.numel()):
            sides = []
            for step in (1e-6, -1e-6):
                parameter.data.view(-1)[index] += step
                sides.append(constrained(points).square().mean().item())
                parameter.data.view(-1)[index] -= step
            numeric.view(-1)[index] = (sides[0] - sides[1]) / 2e-6
        torch.testing.assert_close(gradient, numeric, rtol=1e-5, atol=1e-7)


def test_bias_of_a_shifted_unit_has_no_gradient(mlp):
    model = he_network(mlp, 2, 64, 1)
    constrained = constrain(model, TRIANGLE)
    constrained(torch.randn(100, 2, dtype=torch.float64)).square().mean().backward()
    shifted = next(iter(constrained.shifts().values())) != 0
    assert 0 < shifted.sum() < 64
    gradient = model[0].bias.grad
    assert gradient[shifted].abs().max() < 1e-12 * gradient.abs().max()
    assert (gradient[~shifted] != 0).any()


def test_input_gradient_exists(mlp):
    constrained = constrain(he_network(mlp, 2, 16, 1), TRIANGLE)
    points = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(constrained(points).sum(), points, create_graph=True)
    gradient.square().sum().backward()
    assert constrained.model[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("region", "free", "area", "around"),
    [(TRIANGLE, 8258, 6.054, 10848), (CIRCLE, 14295, 12.558, 12401)],
)
def test_exact_partition_has_one_region_inside(mlp, region, free, area, around):
    model = mlp(2, *[64] * 4, 1)
    for layer in range(1, 8, 2):
        model[layer] = nn.LeakyReLU(0.01)
    constrained = constrain(model.double(), region).eval()
    assert len(partition(model, region)) == free
    assert len(partition(constrained, region)) == 1
    everywhere = partition(constrained, box(-4, 4, -4, 4))
    assert len(everywhere) == around
    cell = everywhere.locate([[0.0, 0.0]])
    assert everywhere.areas[cell].item() == pytest.approx(area, abs=1e-3)


def several():
    turn = torch.tensor([[0.8, 0.6], [-0.6, 0.8]], dtype=torch.float64)
    return [SQUARE - 2, 0.6 * SQUARE + 1, (SQUARE - 0.75) @ turn + torch.tensor([-1.5, 2.0])]


@pytest.mark.parametrize("sign", ["majority", "smallest"])
@pytest.mark.parametrize("depth", [1, 3, 8])
def test_several_polytopes_each_have_their_own_affine_map(mlp, sign, depth):
    model = he_network(mlp, 2, *[64] * depth, 1)
    constrained = constrain(model, several(), sign=sign)
    for polytope in several():
        assert affine_error(model, polytope) > 1e-3
        assert affine_error(constrained, polytope) < 1e-12
        assert len(partition(constrained.eval(), polytope)) == 1
    slopes = [partition(constrained, polytope).slopes[0] for polytope in several()]
    assert (slopes[0] - slopes[1]).norm() > 1e-3 * slopes[0].norm()
    # Not the hull of all: that would be one map for all.
    assert affine_error(constrained, torch.cat(several())) > 1e-6


def test_several_polytopes_overlap_or_touch(mlp):
    parts = [SQUARE, SQUARE + 0.5, SQUARE + torch.tensor([1.5, 0.0])]
    constrained = constrain(he_network(mlp, 2, 48, 48, 1), parts)
    for polytope in parts:
        assert affine_error(constrained, polytope) < 1e-12


def test_shift_of_several_intervals_is_the_nearest_gap():
    """Intervals (-1, 2) and (1, 4) overlap round the kink; (5, 6) and (-3, -2) do not."""
    ends = torch.tensor([-1.0, 2.0, 1.0, 4.0, 5.0, 6.0, -3.0, -2.0])[:, None]
    assert kink_shift(ends, [2, 2, 2, 2], "smallest").tolist() == [-1.0]
    assert kink_shift(ends, [2, 2, 2, 2], "majority").tolist() == [-1.0]
    chain = torch.tensor([-1.0, 2.0, 1.0, 4.0, 3.0, 5.0, -3.0, -0.5])[:, None]
    assert kink_shift(chain, [2, 2, 2, 2], "smallest").tolist() == [-3.0]


class Residual(nn.Module):
    def __init__(self, absolute):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, 5, 3, padding=1)
        self.norm, self.fold = nn.BatchNorm2d(5), absolute()
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)
        self.dense, self.head = nn.Linear(10, 6), nn.Linear(12, 2)
        self.maxout = Maxout(2)

    def forward(self, x):
        x = F.relu(self.first(x))
        y = F.leaky_relu(x + self.second(self.fold(self.norm(x))), 0.2)
        both = torch.cat([x.mean((2, 3)), F.max_pool2d(y, 2).mean((2, 3))], 1)
        h = self.dense(both)
        h = torch.cat([torch.maximum(h, 0.1 - h), h.clamp(-0.1, 0.1)], 1)
        return self.head(torch.cat([self.maxout(h), h.relu()[:, :6]], 1))


def convolutional(pool):
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), pool, nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(36, 12), nn.PReLU(12), nn.Linear(12, 3),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["average", "max", "overlapping", "residual"])
def test_convolutions_pools_and_skips(kind, absolute):
    torch.manual_seed(0)
    model = {
        "average": lambda: convolutional(nn.AvgPool2d(2)),
        "max": lambda: convolutional(nn.MaxPool2d(2)),
        "overlapping": lambda: convolutional(nn.MaxPool2d(2, 2, 0)),
        "residual": lambda: Residual(absolute),
    }[kind]()
    model = model.double().eval()
    vertices = torch.randn(4, 3, 8, 8, dtype=torch.float64) * (0.1 if kind == "residual" else 1)
    constrained = constrain(model, vertices, full_dimensional=False)
    assert affine_error(model, vertices) > 1e-3
    assert affine_error(constrained, vertices) < 1e-12
    merged, data = constrained.merge(), torch.randn(20, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(merged(data), constrained(data), rtol=1e-13, atol=1e-14)
    assert affine_error(merged, vertices) < 1e-12
    triangle = vertices[:3] - vertices[0]
    first = triangle[1] / triangle[1].norm()
    second = triangle[2] - (triangle[2] * first).sum() * first
    basis = torch.stack([first, second / second.norm()])
    corners = triangle.flatten(1) @ basis.flatten(1).T
    where = Slice(vertices[0], basis, corners, corners)
    assert len(partition(model, where)) > 100
    assert len(partition(constrained, where)) == 1


def test_batch_statistics_come_from_the_data_alone():
    """In training mode the network, with its present batch, is affine on the region."""
    torch.manual_seed(0)
    layers = [nn.Linear(2, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1)]
    model = nn.Sequential(*layers).double().train()
    plain = copy.deepcopy(model)
    constrained = constrain(model, TRIANGLE)
    data = 3 * torch.randn(64, 2, dtype=torch.float64)
    constrained(data)
    plain(data)
    torch.testing.assert_close(model[1].running_mean, plain[1].running_mean)
    inside = convex_combinations(TRIANGLE, 64) @ TRIANGLE
    outputs = constrained(inside)
    columns = torch.cat([inside, torch.ones(64, 1)], 1)
    fit = columns @ torch.linalg.lstsq(columns, outputs).solution
    assert (fit - outputs).abs().max() < 1e-12
    assert affine_error(constrained.eval(), TRIANGLE) < 1e-12


def test_parameters_are_shared_and_listed_once(mlp):
    model = mlp(2, 8, 8, 1)
    constrained = constrain(model, TRIANGLE)
    assert [id(p) for p in constrained.parameters()] == [id(p) for p in model.parameters()]
    own = {"vertices", "_extra_state"}
    assert set(constrained.state_dict()) == {f"model.{k}" for k in model.state_dict()} | own
    restored = constrain(mlp(2, 8, 8, 1, seed=5), TRIANGLE)
    restored.load_state_dict(constrained.state_dict())
    points = torch.randn(9, 2)
    assert torch.equal(restored(points), constrained(points))


def test_moves_and_copies_with_its_layers(mlp):
    class Scaled(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner
            self.register_buffer("factor", torch.tensor(2.0))

        def forward(self, x):
            return self.inner(x * self.factor)

    constrained = constrain(Scaled(mlp(2, 16, 16, 1, activation="leaky")), SQUARE).double()
    assert affine_error(constrained, SQUARE) < 1e-12
    twin = copy.deepcopy(constrained)
    points = torch.randn(9, 2, dtype=torch.float64)
    assert torch.equal(twin(points), constrained(points))
    twin.model.inner[0].weight.data += 1
    assert not torch.equal(twin(points), constrained(points))
    constrained.model.factor.fill_(3.0)
    assert affine_error(constrained, SQUARE) < 1e-12


def test_one_layer_used_twice_is_constrained_at_each_use(mlp):
    shared = nn.Linear(6, 6)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(2, 6), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(6, 1)
    ).double()
    constrained = constrain(model, CIRCLE)
    assert affine_error(constrained, CIRCLE) < 1e-12
    points = torch.randn(30, 2, dtype=torch.float64)
    torch.testing.assert_close(constrained.merge()(points), constrained(points))


@pytest.mark.parametrize(
    ("vertices", "message"),
    [
        (torch.rand(4, 3), r"shape \(n, 3\), but the model fails"),
        (TRIANGLE[:2], "span 1 of 2 dimensions"),
        (TRIANGLE[:1], "span 0 of 2"),
        (torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), "span 1 of 2"),
        (torch.tensor([[0.0, 0.0], [1.0, float("nan")], [2.0, 0.0]]), "finite"),
        (torch.zeros(3), r"shape \(n, \*input_shape\)"),
        ([TRIANGLE, TRIANGLE[:2]], "polytope 1 has no interior"),
        ([TRIANGLE, torch.rand(5, 3)], "one shape"),
        ("triangle", "numbers"),
    ],
)
def test_bad_vertices(mlp, vertices, message):
    with pytest.raises(InputError, match=message):
        constrain(mlp(2, 4, 1), vertices)


def test_unsupported_activation_is_named():
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    with pytest.raises(InputError, match="layer '1' is Tanh"):
        constrain(model, TRIANGLE)
    with pytest.raises(InputError, match="sign"):
        constrain(nn.Linear(2, 1), TRIANGLE, sign="biggest")


def test_lists_of_numbers_are_vertices_too(mlp):
    model = he_network(mlp, 2, 16, 1)
    points = torch.randn(9, 2, dtype=torch.float64)
    listed = constrain(model, SQUARE.tolist())
    assert torch.equal(listed(points), constrain(model, SQUARE)(points))
