"""The linear region around an input, against brute force that never touches the geometry."""

import math

import pytest
import torch
from torch import nn

from ssl_lib.errors import InputError
from ssl_lib.geometry import Maxout, activation_codes, linear_region, partition, slice_through


def noise(n, shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, generator=generator, dtype=torch.float64)


def conv():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        layers = [
            nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(12, 8), Maxout(2), nn.Linear(4, 3),
        ]  # fmt: skip
        return nn.Sequential(*layers).eval()


SHAPES = {"relu": (5,), "leaky": (4,), "abs": (3,), "pooled": (1, 4, 4)}


@pytest.fixture(params=SHAPES)
def case(request, mlp):
    """Return a network of each kind, and an input."""
    shape = SHAPES[request.param]
    models = {
        "relu": lambda: mlp(5, 9, 7, 3, seed=1),
        "leaky": lambda: mlp(4, 8, 8, 2, seed=2, activation="leaky"),
        "abs": lambda: mlp(3, 6, 2, seed=3, activation="abs"),
        "pooled": conv,
    }
    return models[request.param]().double(), noise(1, shape)[0]


def test_inside_means_the_same_pattern(case, patterns):
    model, anchor = case
    region = linear_region(model, anchor)
    outcomes = set()
    for scale in (0.02, 0.2, 1.0):
        offsets = scale * noise(300, anchor.shape, seed=1)
        first, *others = patterns(model, torch.cat([anchor[None], anchor + offsets]))
        expected = [pattern == first for pattern in others]
        assert region.contains(offsets.flatten(1)).tolist() == expected
        codes = activation_codes(model, torch.cat([anchor[None], anchor + offsets]), batch_size=64)
        assert (codes[1:] == codes[0]).all(1).tolist() == expected
        outcomes |= {*expected}
    assert outcomes == {True, False}


def test_inside_the_network_is_the_affine_map(case):
    model, anchor = case
    region = linear_region(model, anchor)
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x[None])[0], anchor)
    torch.testing.assert_close(region.jacobian, jacobian.flatten(1))
    offsets = 0.9 * region.radius * nn.functional.normalize(noise(50, (anchor.numel(),)), dim=1)
    assert region.contains(offsets).all()
    expected = model(anchor + offsets.unflatten(1, anchor.shape))
    torch.testing.assert_close(region.value + offsets @ region.jacobian.T, expected.detach())


def test_the_nearest_border_is_at_the_radius(case, patterns):
    model, anchor = case
    region = linear_region(model, anchor)
    towards = -region.normals[region.distances.argmin()].reshape(anchor.shape)
    steps = [anchor + share * region.radius * towards for share in (0.0, 0.999, 1.001)]
    start, before, behind = patterns(model, torch.stack(steps))
    assert start == before != behind


def test_a_triangle_has_its_incircle():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).eval().double()
    # x > 0, y > 0, 3 x + 4 y < 12: the triangle of sides 3, 4, 5 has an incircle of radius 1.
    model[0].weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-3.0, -4.0]]).double()
    model[0].bias.data = torch.tensor([0.0, 0.0, 12.0]).double()
    region = linear_region(model, [0.5, 0.25])
    assert region.inradius() == pytest.approx(1.0)
    assert region.radius == pytest.approx(0.25)
    outside = linear_region(model, [-1.0, 1.0])
    assert outside.inradius() == math.inf
    # Left of the triangle, below its third side: the square [-2, 0] x [0, 2] within the box.
    assert outside.inradius(low=-2.0, high=2.0) == pytest.approx(1.0)


def test_in_a_plane_it_is_the_region_of_the_partition(mlp):
    model = mlp(5, 8, 6, 2, seed=4).double()
    anchors = noise(3, (5,), seed=5)
    place = slice_through(*anchors)
    found = partition(model, place)
    region = linear_region(model, anchors[0])
    here = place.anchors[0]
    polygon = found[int(found.locate(here[None])[0])].vertices
    middle = polygon.mean(0)
    for share, inside in ((0.999, True), (1.001, False)):
        plane = middle + share * (polygon - middle)
        offsets = place.embed(plane) - anchors[0]
        # Vertices on the border of the domain bound the slice, not the region.
        border = found.slice.domain
        free = [not _on_border(corner, border) for corner in polygon]
        assert region.contains(offsets)[torch.tensor(free)].tolist() == [inside] * sum(free)


def _on_border(point, domain):
    edges = domain.roll(-1, 0) - domain
    towards = point - domain
    area = edges[:, 0] * towards[:, 1] - edges[:, 1] * towards[:, 0]
    return bool((area.abs() < 1e-9 * edges.norm(dim=1).max()).any())


def test_without_a_kink_there_is_no_border():
    region = linear_region(nn.Linear(3, 2).eval(), torch.zeros(3))
    assert (region.radius, region.inradius()) == (math.inf, math.inf)
    assert region.contains(torch.full((1, 3), 1e9)).all()


def test_wrong_arguments_are_named(mlp):
    model = mlp(2, 3, 1)
    with pytest.raises(InputError, match="anchor must be finite"):
        linear_region(model, [math.nan, 0.0])
    with pytest.raises(InputError, match=r"offsets must have shape \(n, 2\)"):
        linear_region(model, [0.0, 0.0]).contains([[1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="GELU"):
        linear_region(nn.Sequential(nn.Linear(2, 2), nn.GELU()).eval(), [0.0, 0.0])
