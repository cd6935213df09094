"""Decision boundaries and level sets."""

import math

import pytest
import torch
from scipy.spatial import cKDTree
from torch import nn

from ssl_lib.errors import InputError
from ssl_lib.geometry import box, decision_boundary, level_set, partition, slice_through

SQUARE = box(-3, 3, -3, 3)


@pytest.fixture(scope="module")
def classifier(mlp):
    """A network with several outputs that all win somewhere."""

    def make(n_classes, seed=0):
        model = mlp(2, 24, 24, n_classes, seed=seed, scale=1.5)
        model[-1].bias.data -= model(torch.zeros(1, 2))[0].detach()
        return model.double()

    return make


def ends_at(boundary, merge=1e-9):
    """How many segments end where each segment ends, and whether that is on the domain's border."""
    ends = boundary.segments.reshape(-1, 2).numpy()
    degree = [len(near) for near in cKDTree(ends).query_ball_point(ends, merge)]
    border = abs(abs(ends).max(1) - 3) < 1e-9
    return torch.tensor(degree), torch.from_numpy(border)


@pytest.mark.parametrize("seed", range(3))
def test_binary_boundary_is_a_zero_set_without_ends(classifier, seed):
    model = classifier(1, seed)
    border = decision_boundary(partition(model, SQUARE))
    inputs = border.slice.embed(border.sample(2_000))
    assert model(inputs).abs().max() < 1e-13
    degree, at_border = ends_at(border)
    assert (degree[at_border] == 1).all()
    assert (degree[~at_border] == 2).all()


def test_binary_boundary_separates_the_signs(classifier, spread):
    """Between points of different sign the straight way crosses the boundary."""
    model = classifier(1)
    border = decision_boundary(partition(model, SQUARE))
    points = spread(SQUARE, 2_000)
    sign = model(points)[:, 0] > 0
    _, distance = border.nearest(points)
    gap = torch.cdist(points, points) + torch.where(sign[:, None] == sign, torch.inf, 0.0)
    # Were there a hole in the boundary, two near points of different sign could both be far off.
    assert (distance <= gap.amin(1) + 1e-12).all()


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_argmax_boundary(classifier, n_classes):
    model = classifier(n_classes)
    border = decision_boundary(partition(model, SQUARE))
    logits = model(border.slice.embed(border.sample(2_000)))
    best = logits.topk(2, dim=1).values
    assert (best[:, 0] - best[:, 1]).abs().max() < 1e-13
    degree, at_border = ends_at(border)
    assert (degree[at_border] == 1).all()
    assert set(degree[~at_border].tolist()) <= {2, 3}
    # At a point just beside a segment one of its two classes wins, across it the other.
    middle, along = border.segments.mean(1), border.segments.diff(dim=1)[:, 0]
    normal = torch.stack([-along[:, 1], along[:, 0]], 1) / along.norm(dim=1, keepdim=True)
    long = border.lengths > 1e-3
    sides = [model(middle + s * 1e-7 * normal).argmax(1) for s in (1, -1)]
    found = torch.stack(sides, 1).sort(1).values
    assert torch.equal(found[long], border.classes.sort(1).values[long])


def test_two_classes_agree_with_the_argmax_of_two_outputs(classifier):
    regions = partition(classifier(2), SQUARE)
    pair, largest = decision_boundary(regions, (0, 1)), decision_boundary(regions)
    assert len(pair) == len(largest)
    torch.testing.assert_close(pair.lengths.sum(), largest.lengths.sum())


def test_ties_of_losing_classes_are_in_the_pair_but_not_in_the_argmax(classifier):
    model = classifier(3)
    regions = partition(model, SQUARE)
    pair = decision_boundary(regions, (0, 2))
    logits = model(pair.slice.embed(pair.sample(500)))
    assert (logits[:, 0] - logits[:, 2]).abs().max() < 1e-13
    assert set(map(tuple, pair.classes.tolist())) == {(0, 2)}


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3])
def test_level_sets(classifier, value):
    model = classifier(2)
    level = level_set(partition(model, SQUARE), value, output=1)
    assert len(level) > 0
    found = model(level.slice.embed(level.sample(500)))[:, 1]
    assert (found - value).abs().max() < 1e-13


def test_signed_distance_of_a_diamond_has_exact_length():
    class Diamond(nn.Module):
        def forward(self, x):
            return x.abs().sum(1, keepdim=True) - 1

    regions = partition(Diamond().eval(), SQUARE)
    border = decision_boundary(regions)
    assert border.lengths.sum().item() == pytest.approx(4 * math.sqrt(2), rel=1e-14)
    for radius in (0.5, 2.0):
        level = level_set(regions, radius - 1)
        assert level.lengths.sum().item() == pytest.approx(4 * radius * math.sqrt(2), rel=1e-14)


class Kinked(nn.Module):
    """relu(x) - slope * relu(-x): its zero set is its kink."""

    def __init__(self, slope):
        super().__init__()
        self.slope = slope

    def forward(self, x):
        return (torch.relu(x) - self.slope * torch.relu(-x))[:, :1]


@pytest.mark.parametrize("slope", [1.0, 0.5, 0.0])
def test_boundary_along_a_kink(slope):
    border = decision_boundary(partition(Kinked(slope).eval(), SQUARE))
    assert border.lengths.sum().item() == pytest.approx(6, rel=1e-14)
    assert (border.segments[..., 0] == 0).all()


def test_zero_touched_from_above_is_a_level_set_but_no_boundary():
    regions = partition(Kinked(-1.0).eval(), SQUARE)
    assert len(decision_boundary(regions)) == 0
    assert level_set(regions).lengths.sum().item() == pytest.approx(6, rel=1e-14)


def test_argmax_boundary_along_a_kink():
    class Two(nn.Module):
        def forward(self, x):
            f = (torch.relu(x) - torch.relu(-x))[:, :1]
            return torch.cat([f, -f, 0 * f - 1], 1)

    border = decision_boundary(partition(Two().eval(), SQUARE))
    assert border.lengths.sum().item() == pytest.approx(6, rel=1e-14)
    assert set(map(tuple, border.classes.sort(1).values.tolist())) == {(0, 1)}


def test_nearest_point_and_margin(classifier, spread):
    border = decision_boundary(partition(classifier(1), SQUARE))
    points = spread(SQUARE, 100)
    nearest, distance = border.nearest(points)
    torch.testing.assert_close((nearest - points).norm(dim=1), distance)
    dense = border.sample(50_000)
    sampled = torch.cdist(points, dense).amin(1)
    assert (sampled >= distance - 1e-12).all()
    assert (sampled - distance).max() < 0.05
    _, zero = border.nearest(border.sample(100))
    assert zero.max() < 1e-13


def test_margin_of_a_linear_classifier_is_its_formula():
    model = nn.Linear(5, 1).double().eval()
    where = slice_through(torch.zeros(5), half_side=50.0)
    border = decision_boundary(partition(model, where))
    points = torch.tensor([[0.5, -1.0], [3.0, 2.0]], dtype=torch.float64)
    on_slice = (model.weight.detach() @ where.basis.T).norm()
    expected = model(where.embed(points))[:, 0].abs() / on_slice
    torch.testing.assert_close(border.nearest(points)[1], expected.detach())


def test_samples_are_uniform_in_length_and_follow_the_seed(classifier):
    border = decision_boundary(partition(classifier(1), SQUARE))
    first, again, other = (border.sample(20_000, seed=s) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    lengths = border.lengths
    middles = border.segments.mean(1)
    expected = (lengths[:, None] * middles).sum(0) / lengths.sum()
    assert (first.mean(0) - expected).abs().max() < 0.05


def test_no_boundary_is_said(mlp):
    model = mlp(2, 5, 1)
    model[-1].bias.data += 1000
    border = decision_boundary(partition(model, SQUARE))
    assert len(border) == 0
    with pytest.raises(InputError, match="no boundary"):
        border.sample(1)
    with pytest.raises(InputError, match="no boundary"):
        border.nearest([[0.0, 0.0]])


@pytest.mark.parametrize("classes", [(0, 0), (0, 5), (0, 1, 2)])
def test_bad_classes(classifier, classes):
    with pytest.raises(InputError, match=r"output|classes"):
        decision_boundary(partition(classifier(3), SQUARE), classes)


def test_bad_output(classifier):
    with pytest.raises(InputError, match="output 3 of a network with 3"):
        level_set(partition(classifier(3), SQUARE), output=3)
