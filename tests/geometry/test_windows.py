"""Windows of maxima against torch's own pooling."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.geometry.maxima import split_by_winner
from ssl_lib.geometry.polygons import Polygons
from ssl_lib.geometry.slices import box
from ssl_lib.geometry.windows import AxisWindows, PoolWindows, elementwise_windows


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "ceil"),
    list(itertools.product([2, 3], [1, 2, 3], [0, 1], [1, 2], [False, True])),
)
def test_pooling_windows(kernel, stride, padding, dilation, ceil):
    x = torch.randn(2, 7, 8, generator=torch.Generator().manual_seed(0))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil}
    expected = F.max_pool2d(x[None], kernel, **options)[0]
    pair = tuple((value,) * 2 for value in (kernel, stride, padding, dilation))
    index, shape = PoolWindows(*pair, ceil)([x.shape])
    assert shape == expected.shape
    torch.testing.assert_close(x.flatten()[index].amax(1).reshape(shape), expected)


def test_rectangular_windows_of_three_axes():
    x = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    kernel, stride, padding = (1, 2, 3), (1, 2, 2), (0, 1, 1)
    expected = F.max_pool3d(x[None], kernel, stride, padding)[0]
    index, shape = PoolWindows(kernel, stride, padding, (1, 1, 1), False)([x.shape])
    torch.testing.assert_close(x.flatten()[index].amax(1).reshape(shape), expected)


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2, -3])
@pytest.mark.parametrize("keepdim", [False, True])
def test_axis_windows(axis, keepdim):
    x = torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    index, shape = AxisWindows(axis, keepdim)([x.shape[1:]])
    expected = x.amax(axis, keepdim=keepdim)[0]
    torch.testing.assert_close(x.flatten()[index].amax(1).reshape(shape), expected)


def test_maximum_over_the_batch_is_refused():
    with pytest.raises(InputError, match="batch axis"):
        AxisWindows(0)([torch.Size([3])])


def test_elementwise_windows_broadcast():
    a, b = torch.randn(4, 1, 3), torch.randn(2, 1)
    index, shape = elementwise_windows([a.shape, b.shape])
    flat = torch.cat([a.flatten(), b.flatten()])
    torch.testing.assert_close(flat[index].amax(1).reshape(shape), torch.maximum(a, b))


def planes(*rows):
    """Candidates on one region: images (1, 3, k) from slopes and offsets."""
    return torch.tensor(rows, dtype=torch.float64).T[None]


def cells_of(images, groups=None):
    groups = torch.arange(images.shape[2])[None] if groups is None else torch.tensor(groups)
    square = Polygons.single(box(-1, 1, -1, 1))
    return split_by_winner(square, images, groups, tolerance=1e-12, label=1).polygons


def test_tie_lines_are_cut_only_where_they_bound_a_cell():
    third = 2 * torch.pi / 3
    angles = torch.arange(3) * third
    rows = [(a.cos().item(), a.sin().item(), 0.0) for a in angles]
    cells = cells_of(planes(*rows))
    # Three half-lines from the middle; whole tie lines would make six cells.
    assert len(cells) == 3
    assert cells.areas.sum().item() == pytest.approx(4, rel=1e-14)


def test_equal_and_beaten_candidates_make_no_cell():
    assert len(cells_of(planes((1, 0, 0), (1, 0, 0), (1, 0, -1e-3), (1, 0, 0)))) == 1
    assert len(cells_of(planes((0, 0, 0), (0, 0, 0)))) == 1
    assert len(cells_of(planes((1, 0, 0), (-1, 0, 0), (0, 0, -0.5), (0, 0, 0)))) == 2
    # The third one beats each other one somewhere, but never both.
    assert len(cells_of(planes((1, 0, 0), (-1, 0, 0), (0.5, 0, 0)))) == 2


def test_tie_line_through_the_border_only():
    assert len(cells_of(planes((1, 0, 0), (0, 0, 1)))) == 1


def test_many_groups_overlay():
    """Winner maps of independent groups cross each other like lines do."""
    images = planes((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0))
    assert len(cells_of(images, [[0, 1], [2, 3], [1, 0]])) == 4
