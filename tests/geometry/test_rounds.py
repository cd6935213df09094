"""The rounds of splitting on numpy arrays and on tensors, and the tests that come before them."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from ssl_lib.geometry import box, partition, splitting
from ssl_lib.geometry.chords import candidates, find_chords
from ssl_lib.geometry.graphs import _Tracer, trace_graph
from ssl_lib.geometry.polygons import Polygons
from ssl_lib.geometry.rounds import Lines, Pieces, Shapes, from_center, longest_first, split_all

SQUARE = box(-1, 1, -1, 1)


@pytest.mark.parametrize("rule", ["centroid", "longest", "random"])
def test_tensors_and_numpy_arrays_give_the_same_cells(mlp, monkeypatch, rule):
    model = mlp(2, 24, 24, 1)
    on_numpy = partition(model, SQUARE, pivot=rule)
    used = []

    def on_tensors(*parts, **options):
        turned = [type(part)(*map(torch.from_numpy, part)) for part in parts]
        used.append(True)
        return split_all(*turned, **options)

    monkeypatch.setattr(splitting, "split_all", on_tensors)
    found = partition(model, SQUARE, pivot=rule)
    assert used
    assert [layer.n_regions for layer in found.layers] == [
        layer.n_regions for layer in on_numpy.layers
    ]
    torch.testing.assert_close(
        found.areas.sort().values, on_numpy.areas.sort().values, rtol=0, atol=1e-14
    )


def as_arrays(kind, *parts):
    return tuple(kind(part) for part in parts)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize("score", [from_center, longest_first])
def test_pivot_that_misses_its_polygon_leaves_the_other_pieces(kind, score):
    """A piece far outside the square is chosen at some time; the true chord must still cut."""
    square = np.array([-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j])
    zeros = np.zeros(4, np.int64)
    shapes = Shapes(
        *as_arrays(kind, square, zeros.astype(np.int16), zeros, np.array([4]), zeros[:1])
    )
    normal, offset = np.array([1.0 + 0j, 1.0 + 0j, -1j]), np.array([-5.0, 0.0, 0.25])
    ends = np.array([[5 - 9j, -1j, -1 - 0.25j], [5 + 9j, 1j, 1 - 0.25j]])
    pieces = Pieces(*as_arrays(kind, np.zeros(3, np.int64), np.arange(3), ends))
    lines = Lines(*as_arrays(kind, normal, offset))
    cells = split_all(shapes, pieces, lines, tolerance=1e-12, label=7, score=score)
    counts = np.concatenate([np.asarray(part.counts) for part in cells])
    assert counts.tolist() == [4, 4, 4, 4]
    edges = np.concatenate([np.asarray(part.edge) for part in cells])
    assert (edges == 7).sum() == 8  # two lines, each cut in two by the other, seen from both sides


def test_no_line_that_cuts_is_ruled_out_by_the_box(mlp):
    """Brute force over all vertices finds the same cutting pairs, far from the origin, too."""
    torch.manual_seed(0)
    domain = box(999, 1001, -1001, -999)
    cells = partition(mlp(2, 12, 1), domain - torch.tensor([1000.0, -1000.0])).polygons
    cells = Polygons(cells.vertices + torch.tensor([1000.0, -1000.0]), cells.start, cells.edge)
    images = torch.randn(len(cells), 3, 200, dtype=torch.float64)
    through = cells.means
    images[:, 2] = -(images[:, 0] * through[:, :1] + images[:, 1] * through[:, 1:])
    images[:, 2] += 0.3 * torch.randn(len(cells), 200)
    value = (images[:, :2].transpose(1, 2)[cells.owner] * cells.vertices[:, None]).sum(2)
    value += images[cells.owner, 2]
    positive, negative = cells.sum((value > 0).double()) > 0, cells.sum((value < 0).double()) > 0
    expected = set(map(tuple, (positive & negative).nonzero().tolist()))
    chords, _, unit = find_chords(cells, images, tolerance=1e-12, diameter=3.0)
    assert set(zip(chords.polygon.tolist(), unit.tolist(), strict=True)) == expected
    considered = len(candidates(cells, images)[0])
    assert len(expected) <= considered < 0.9 * images[:, 0].numel()


def nested():
    shared = nn.ReLU()
    inner = nn.Sequential(nn.Linear(4, 4), shared, nn.Dropout())
    return nn.Sequential(nn.Linear(2, 4), shared, inner, nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_sequentials_are_read_as_the_tracer_reads_them():
    model = nested().eval()
    found, traced = trace_graph(model), _Tracer().trace(model)
    assert [(n.op, n.target) for n in found.nodes if n.op == "call_module"] == [
        (n.op, n.target) for n in traced.nodes if n.op == "call_module"
    ]


def test_layers_that_are_used_twice_are_followed_twice():
    torch.manual_seed(0)
    layer = nn.Linear(2, 2)
    twice = nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(2, 1)).eval()
    apart = copy.deepcopy(twice)
    apart[2] = copy.deepcopy(apart[0])
    areas = [partition(model, SQUARE).areas.sort().values for model in (twice, apart)]
    torch.testing.assert_close(*areas, rtol=0, atol=0)
