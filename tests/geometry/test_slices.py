"""Planes through anchors, and what is refused."""

import math

import pytest
import torch

from ssl_lib.errors import InputError
from ssl_lib.geometry import Slice, box, slice_through
from ssl_lib.geometry.slices import convex_polygon


def anchors(n, *shape, seed=0):
    return list(torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("shape", [(7,), (3, 4, 5)])
def test_anchors_lie_in_the_plane_and_the_domain(n, shape):
    points = anchors(n, *shape)
    where = slice_through(*points)
    stacked = torch.stack(points).double()
    torch.testing.assert_close(where.project(stacked), where.anchors)
    torch.testing.assert_close(where.embed(where.anchors), stacked)
    assert (where.anchors.abs() < where.domain.max()).all()
    flat = where.basis.flatten(1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(2, dtype=torch.float64), atol=1e-15, rtol=0)
    torch.testing.assert_close(where.origin, stacked.mean(0))


def test_lengths_are_those_of_input_space():
    where = slice_through(*anchors(3, 50))
    u = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    first, second = where.embed(u)
    assert (second - first).norm().item() == pytest.approx(5, rel=1e-14)


def test_nearly_collinear_anchors_still_give_an_orthonormal_basis():
    first, second, bump = anchors(3, 100)
    third = 2 * second - first + 1e-6 * bump
    flat = slice_through(first, second, third).basis.flatten(1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(2, dtype=torch.float64), atol=1e-14, rtol=0)


def test_square_by_half_side_and_polygon_by_vertices():
    (point,) = anchors(1, 5)
    assert slice_through(point).diameter() == pytest.approx(2 * math.sqrt(2))
    assert slice_through(point, half_side=3.0).diameter() == pytest.approx(6 * math.sqrt(2))
    triangle = [[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]
    assert slice_through(point, domain=triangle).domain.tolist() == triangle


def test_random_directions_follow_the_seed_and_leave_the_global_state_alone():
    (point,) = anchors(1, 20)
    state = torch.get_rng_state()
    first, again, other = (slice_through(point, seed=s).basis for s in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([], "one, two or three"),
        (anchors(4, 5), "one, two or three"),
        ([torch.zeros(3), torch.zeros(4)], "one shape"),
        ([torch.zeros(1)], "fewer than 2"),
        ([torch.full((3,), float("nan"))], "finite"),
        ([torch.ones(5), torch.ones(5)], "coincide"),
        ([torch.ones(5)] * 3, "coincide or lie on one line"),
        ([torch.zeros(5), torch.ones(5), 3 * torch.ones(5)], "coincide or lie on one line"),
        ([torch.zeros(5), torch.ones(5), -torch.ones(5)], "coincide or lie on one line"),
    ],
)
def test_degenerate_anchors(points, message):
    with pytest.raises(InputError, match=message):
        slice_through(*points)


@pytest.mark.parametrize("half_side", [0.0, -1.0, float("nan"), float("inf")])
def test_half_side_must_be_positive(half_side):
    with pytest.raises(InputError, match="half_side"):
        slice_through(torch.ones(3), half_side=half_side)


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        ([[0, 0], [1, 0]], "at least 3"),
        ([[0, 0], [1, 0], [1, 0], [0, 0]], "at least 3"),
        ([[0, 0], [1, 1], [2, 2]], "no area"),
        ([[0, 0], [2, 0], [0.5, 0.5], [0, 2]], "convex"),
        ([[0, 0], [1, 1], [1, 0], [0, 1]], "convex"),
        ([[math.cos(4 * k * math.pi / 5), math.sin(4 * k * math.pi / 5)] for k in range(5)],
         "convex"),
        ([[0, 0], [1, 0], [float("nan"), 1]], "finite"),
        ([0, 1, 2], r"shape \(n, 2\)"),
        ([[0, 0, 0], [1, 0, 0], [0, 1, 0]], r"shape \(n, 2\)"),
        ("square", "numbers"),
    ],
)  # fmt: skip
def test_bad_domains(polygon, message):
    with pytest.raises(InputError, match=message):
        convex_polygon(polygon)


def test_orientation_and_closing_vertex_do_not_matter():
    square = box(0, 1, 0, 1)
    assert convex_polygon(square).tolist() == square.tolist()
    assert sorted(convex_polygon(square.flip(0)).tolist()) == sorted(square.tolist())
    assert len(convex_polygon(torch.cat([square, square[:1]]))) == 4


def test_slice_moves_and_projects_far_points_orthogonally():
    where = slice_through(*anchors(2, 6))
    u = torch.tensor([[0.3, -0.7]], dtype=torch.float64)
    noise = torch.randn(1, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    flat = where.basis.flatten(1)
    noise -= noise @ flat.T @ flat
    torch.testing.assert_close(where.project(where.embed(u) + noise), u)
    assert Slice.plane(box(0, 1, 0, 1)).embed(u).tolist() == u.tolist()
