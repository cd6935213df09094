"""Statistics, files and pictures of partitions."""

import csv
import json
import math

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection, PolyCollection
from torch import nn

from ssl_lib.errors import InputError
from ssl_lib.geometry import (
    box,
    decision_boundary,
    draw_boundary,
    draw_edges,
    draw_regions,
    edge_segments,
    geojson,
    level_set,
    partition,
    region_table,
    save,
    statistics,
    table,
)


@pytest.fixture(scope="module")
def regions(mlp):
    return partition(mlp(2, 16, 16, 1), box(-2, 2, -2, 2))


@pytest.fixture(scope="module")
def halves():
    """Two rectangles, 1 x 2 and 3 x 2, with slopes 0 and 5."""
    model = nn.Sequential(nn.Linear(2, 1), nn.ReLU()).eval()
    model[0].weight.data = torch.tensor([[5.0, 0.0]])
    model[0].bias.data = torch.tensor([5.0])
    return partition(model, box(-2, 2, -1, 1))


def test_statistics_of_two_rectangles(halves):
    found = statistics(halves)
    assert found["regions"] == 2
    assert found["vertices"] == 8
    assert found["vertices_per_region"] == 4
    assert found["area_mean"] == pytest.approx(4)
    assert found["area_std"] == pytest.approx(2)
    eccentricities = [math.sqrt(5), math.sqrt(13) / 2]
    assert found["eccentricity_mean"] == pytest.approx(np.mean(eccentricities))
    assert found["eccentricity_std"] == pytest.approx(np.std(eccentricities))
    # Vertices at x = -2 (twice), -1 (four times), 2 (twice); y = +-1: the mean is (-0.5, 0).
    distances = np.sqrt(1 + np.array([1.5, 0.5, 0.5, 2.5]) ** 2)
    assert found["centrality_mean"] == pytest.approx(distances.mean())
    assert found["centrality_std"] == pytest.approx(distances.std())


def test_table_of_two_rectangles(halves):
    rows = region_table(halves).sort_values("area")
    assert rows["area"].tolist() == pytest.approx([2, 6])
    assert rows["slope_norm"].tolist() == pytest.approx([0, 5])
    assert rows["center_x"].tolist() == pytest.approx([-1.5, 0.5])


def test_slope_norm_of_several_outputs_is_the_spectral_norm():
    model = nn.Linear(2, 3).eval()
    found = partition(model, box(-1, 1, -1, 1)).slope_norms.item()
    assert found == pytest.approx(np.linalg.norm(model.weight.detach().double().numpy(), 2))


def test_csv_has_the_polygons(regions, tmp_path):
    with save(regions, tmp_path / "regions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(regions)
    assert sum(float(row["area"]) for row in rows) == pytest.approx(16)
    numbers = rows[3]["polygon"].removeprefix("POLYGON ((").removesuffix("))").split(", ")
    corners = [[float(x) for x in pair.split()] for pair in numbers]
    assert corners[:-1] == regions[3].vertices.tolist()
    assert corners[-1] == corners[0]


def test_geojson_has_closed_rings(regions, tmp_path):
    read = json.loads(save(regions, tmp_path / "regions.geojson").read_text())
    assert read == json.loads(json.dumps(geojson(regions)))
    assert len(read["features"]) == len(regions)
    (ring,) = read["features"][5]["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert ring[:-1] == regions[5].vertices.tolist()
    assert read["features"][5]["properties"]["area"] == regions.areas[5].item()


def test_npz_loses_nothing(regions, tmp_path):
    read = np.load(save(regions, tmp_path / "regions.npz"))
    for name in ("vertices", "start", "edge"):
        np.testing.assert_array_equal(read[name], getattr(regions.polygons, name).numpy())
    np.testing.assert_array_equal(read["outputs"], regions.outputs.numpy())
    np.testing.assert_array_equal(read["domain"], regions.slice.domain.numpy())


def test_boundaries_can_be_saved(regions, tmp_path):
    border = level_set(regions, regions.intercepts.median().item())
    assert len(border) > 10
    frame = table(border)
    length = np.hypot(frame.x_last - frame.x_first, frame.y_last - frame.y_first)
    assert length.sum() == pytest.approx(border.lengths.sum().item())
    read = np.load(save(border, tmp_path / "border.npz"))
    np.testing.assert_array_equal(read["segments"], border.segments.numpy())
    lines = json.loads(save(border, tmp_path / "border.geojson").read_text())["features"]
    assert [line["geometry"]["coordinates"] for line in lines] == border.segments.tolist()


def test_unknown_suffix(regions, tmp_path):
    with pytest.raises(InputError, match=r"\.csv, \.geojson, \.npz"):
        save(regions, tmp_path / "regions.xlsx")


def test_each_edge_is_drawn_once_with_its_layer(regions, mesh):
    segments, layer = edge_segments(regions)
    _, edges, _, border = mesh(regions)
    assert len(segments) == (~border).sum()
    assert len(edges) == len(segments) + border.sum()
    assert set(layer.tolist()) == {1, 2}


def test_edges_lie_on_the_kinks_of_their_layer(mlp):
    model = mlp(2, 16, 16, 1)
    segments, layer = edge_segments(partition(model, box(-2, 2, -2, 2)))
    model = model.double()
    middles = torch.from_numpy(segments.mean(1))
    before = model[0](middles)
    assert before[layer == 1].abs().amin(1).max() < 1e-12
    assert model[:3](middles)[layer == 2].abs().amin(1).max() < 1e-12
    assert before[layer == 2].abs().amin(1).max() > 1e-3


def test_pictures_are_one_collection_each(regions):
    fig, ax = plt.subplots()
    filled = draw_regions(regions, ax, color="slope")
    lines = draw_edges(regions, ax)
    draw_edges(regions, ax, color="white")
    border = draw_boundary(decision_boundary(regions), ax)
    assert isinstance(filled, PolyCollection)
    assert isinstance(lines, LineCollection)
    assert len(filled.get_paths()) == len(regions)
    assert len(ax.collections) == 4
    np.testing.assert_allclose(filled.get_array(), regions.slope_norms.numpy())
    assert ax.get_xlim() == (-2, 2)
    assert len(border.get_segments()) == len(decision_boundary(regions))
    fig.canvas.draw()
    plt.close(fig)


def test_colours(regions):
    fig, ax = plt.subplots()
    values = torch.arange(len(regions))
    drawn = draw_regions(regions, ax, color=values, clip=0.0)
    assert drawn.get_clim() == (0, len(regions) - 1)
    area = draw_regions(regions, ax, color="area").get_array()
    np.testing.assert_allclose(10 ** np.asarray(area), regions.areas.numpy())
    with pytest.raises(InputError, match="Did you mean 'slope'"):
        draw_regions(regions, ax, color="slop")
    with pytest.raises(InputError, match="shape"):
        draw_regions(regions, ax, color=values[:-1])
    plt.close(fig)


def test_importing_the_geometry_imports_no_plotting(python):
    done = python(
        "import sys, ssl_lib.geometry\n"
        "print([m for m in ('matplotlib', 'pandas', 'scipy', 'torchvision') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr
