"""The SplineCam chapter: settings, networks, tables against known values, figures, claims."""

import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from torch import nn

from ssl_lib import claims, plotting
from ssl_lib.data import load
from ssl_lib.errors import InputError
from ssl_lib.geometry import box, decision_boundary, edge_segments, partition, slice_through
from ssl_lib.papers.splinecam import (
    Settings,
    attacks,
    augmentation,
    boundaries,
    classifiers,
    estimates,
    exactness,
    figures,
    growth,
    images,
    implicit,
    interactive,
    networks,
    real,
    shapes,
    toy,
    training,
)
from ssl_lib.results import Result, Store

SMOKE = Settings(profile="smoke")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Return all tables that claims are decided by, at the smallest profile."""
    store = Store(tmp_path_factory.mktemp("store"))
    makers = {
        "toy": toy.curves,
        "exactness": exactness.checks,
        "counts": growth.counts,
        "times": growth.times,
        "augmentation": augmentation.density,
        "evolution": boundaries.evolution,
        "samples": boundaries.boundary_samples,
        "attacks": attacks.attacks,
        "surface": implicit.surface_density,
    }
    return {name: make(SMOKE, store) for name, make in makers.items()}


# Settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"runs": 1}, "runs must be 0 (the profile's number) or from 2 to 100, got 1"),
        ({"runs": 101}, "from 2 to 100, got 101"),
        ({"runs": 2.0}, "runs must be an integer"),
        ({"runs": True}, "runs must be an integer"),
        ({"profile": "fast"}, "Unknown profile 'fast'"),
    ],
)
def test_senseless_settings_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Settings(**given)


# Networks


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("16x3", (1, 8)),
        ("small-cnn", (1, 8)),
        ("convnet", (1, 8)),
        ("cnn2", (3, 32)),
        ("patch3", (3, 32)),
        ("vgg11-1", (3, 64)),
        ("vgg16-1", (3, 64)),
    ],
)
def test_every_network_has_an_exact_partition(name: str, shape: tuple[int, int]) -> None:
    data = load("digits" if shape[0] == 1 else "shapes", **({} if shape[0] == 1 else {"n": 64}))
    data = data.resized(shape[1]) if data.images.shape[-1] != shape[1] else data
    model = networks.classifier(classifiers.build_classifier(name, data, seed=0))
    place = slice_through(training.pixels(data.images[:1])[0], half_side=0.01)
    found = partition(model, place)
    assert found.areas.sum().item() == pytest.approx(4e-4, rel=1e-12)
    assert found.outputs.shape[2] == len(data.class_names)


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(InputError, match=r"a network is named like .*, got 'mlp'"):
        classifiers.build_classifier("mlp", load("digits"), seed=0)


def test_snapshots_are_independent_copies_in_evaluation_mode() -> None:
    kept = networks.train_classifier("16x2", load("digits"), keep=(0, 1, 3))
    assert sorted(kept) == [0, 1, 3]
    weights = [next(model.parameters()) for model in kept.values()]
    assert all(not one.training for one in kept.values())
    assert all(not torch.equal(weights[0], other) for other in weights[1:])


def test_training_side_by_side_differs_only_by_seed() -> None:
    digits = load("digits")
    first = networks.train_classifiers("16x2", digits, epochs=2, seeds=(0, 1, 0))
    images = training.pixels(digits.images[:50]).float()
    one, two, again = (model(images) for model in first)
    assert torch.allclose(one, again, atol=1e-5)
    assert not torch.allclose(one, two, atol=1e-2)


@given(st.integers(0, 6), st.floats(-1, 1))
@hypothesis_settings(max_examples=30, deadline=None)
def test_triangle_waves_double_in_frequency(fold: int, x: float) -> None:
    waves = networks.TriangleWaves(fold)(torch.tensor([[x]], dtype=torch.float64))
    # A triangle wave is the arc cosine of a cosine; its sign is left out, as the folds flip it.
    angle = np.pi * (x + 1) / 2
    expected = [x] + [1 - 2 * np.arccos(np.cos(2**k * angle)) / np.pi for k in range(1, fold + 1)]
    expected[1:] = [abs(value) for value in expected[1:]]
    assert np.allclose(np.abs(waves[0].numpy())[1:], expected[1:], atol=1e-9)
    assert waves[0, 0] == x


# Tables of shapes


def test_shapes_keep_the_partition() -> None:
    model = networks.relu_network((2, 16, 16, 1), seed=0).eval()
    found = partition(model, box(-1, 1, -1, 1))
    table = shapes.regions(found, "here")
    polygons, slope = shapes.polygons(table)
    assert len(polygons) == len(found) == len(slope)
    turned = [np.roll(p, -1, 0) for p in polygons]
    area = [
        (p[:, 0] @ q[:, 1] - q[:, 0] @ p[:, 1]) / 2 for p, q in zip(polygons, turned, strict=True)
    ]
    assert np.allclose(area, found.areas.numpy(), atol=1e-14)
    own, layers = shapes.edges(table)
    expected, expected_layers = edge_segments(found)
    assert np.array_equal(own, expected)
    assert np.array_equal(layers, expected_layers)


def test_lines_keep_the_boundary() -> None:
    found = partition(networks.relu_network((2, 16, 3), seed=1).eval(), box(-9, 9, -9, 9))
    border = decision_boundary(found)
    table = shapes.lines(border, "here")
    ends = table[["x", "y"]].to_numpy().reshape(-1, 2, 2)
    assert np.array_equal(ends, border.segments.numpy())
    assert table.value[::2].sum() == pytest.approx(border.lengths.sum().item())


# Growth


@pytest.mark.parametrize("seed", range(4))
def test_formula_agrees_with_the_partition(seed: int) -> None:
    for dimension in (2, 30):
        layer, place = growth._random_layer(40, dimension, seed)
        model = nn.Sequential(layer, nn.ReLU()).eval()
        assert growth.by_formula(layer, place) == len(partition(model, place))


def test_times_find_what_the_formula_counts(tables: dict[str, Result]) -> None:
    times = tables["times"].table
    assert (times.regions == times.by_formula).all()
    assert (times.seconds > 0).all()


# Exactness


def test_no_region_is_missed(tables: dict[str, Result]) -> None:
    checks = tables["exactness"].table
    assert checks.network.tolist() == list(exactness.NETWORKS)
    assert exactness.failed(checks).empty


@pytest.mark.parametrize(
    ("column", "value"),
    [("area_error", 1e-9), ("repeated_codes", 1), ("patterns_missed", 1), ("map_error", 1e-9)],
)
def test_a_failing_check_is_found(tables: dict[str, Result], column: str, value: float) -> None:
    checks = tables["exactness"].table.copy()
    checks[column] = checks[column].astype(float)
    checks.loc[2, column] = value
    assert exactness.failed(checks).index.tolist() == [2]


def test_a_grid_that_is_too_coarse_misses_regions(tables: dict[str, Result]) -> None:
    checks = tables["exactness"].table.set_index("network")
    assert checks.seen["ReLU, 64 x 4"] < 0.9


# Boundaries


def test_samples_tie(tables: dict[str, Result]) -> None:
    drawn = tables["samples"].table
    assert drawn.tie.max() < 1e-12
    assert (drawn["first"] < drawn["second"]).all()


def test_attacks_cross_the_boundary(tables: dict[str, Result]) -> None:
    attacked = tables["attacks"].table
    assert attacked.crossing.between(0, 1).all()
    assert (attacked.label != attacked.to).all()
    # The boundary between image and attack is met at the crossing, so it is no farther than that.
    assert (attacked.margin <= attacked.crossing * attacked.moved + 1e-9).all()
    assert (attacked.beyond <= (1 - attacked.crossing) * attacked.moved + 1e-9).all()


def test_planes_hold_the_nearest_images_of_the_other_class() -> None:
    data = boundaries.two_classes(load("digits"), (3, 8))
    assert data.class_names == ("3", "8")
    (place, labels), *_ = boundaries.cross_class_planes(data, 2)
    images = training.pixels(data.images).flatten(1)
    closest = torch.cdist(images[data.labels == 0], images[data.labels == 1]).min()
    gap = (place.anchors[0] - place.anchors[1]).norm()
    assert labels.tolist() == [0, 1, 1]
    assert gap.item() == pytest.approx(closest.item())


# Surfaces


def test_surface_distance_is_a_distance() -> None:
    generator = torch.Generator().manual_seed(0)
    points = (torch.rand(500, 3, generator=generator).double() * 2 - 1).requires_grad_()
    distance = implicit.surface_distance(points)
    (gradient,) = torch.autograd.grad(distance.sum(), points)
    assert torch.allclose(gradient.norm(dim=1), torch.ones(500).double())
    foot = points - distance[:, None] * gradient
    outside = distance > 0
    assert implicit.surface_distance(foot)[outside].abs().max() < 1e-12


def test_density_covers_the_domain(tables: dict[str, Result]) -> None:
    density = tables["surface"].table
    assert density.groupby(["seed", "plane"]).area.sum().between(3, 4).all()
    assert set(density.plane) == set(implicit.PLANES)


# On photographs


def test_a_part_of_a_data_set_is_the_first_of_it() -> None:
    part = images.load("digits", classes=3, most=50)
    whole = load("digits")
    rows = (whole.labels < 3).nonzero()[:50, 0]
    assert part.class_names == ("0", "1", "2")
    assert torch.equal(part.images, whole.images[rows])
    assert part.fingerprint != whole.fingerprint


def test_a_training_is_remembered_but_not_shared() -> None:
    part = images.load("digits", most=128)
    first = networks.train_classifier("16x2", part, keep=(1,))[1]
    with torch.no_grad():
        next(first.parameters()).zero_()
    again = networks.train_classifier("16x2", part, keep=(1,))[1]
    other = networks.train_classifier("16x2", part, keep=(1,), seed=1)[1]
    weights = [next(model.parameters()) for model in (again, other)]
    assert all(bool(weight.abs().max() > 0) for weight in weights)
    assert not torch.equal(*weights)


def test_packed_shapes_draw_the_same(tmp_path: Path) -> None:
    table = boundaries.evolution_shapes(SMOKE, Store(tmp_path)).table
    small = real.packed(table)
    back = real.unpacked(small)
    assert len(small) < len(table) / 3
    assert list(back.columns) == list(table.columns)
    words, numbers = ["panel", "kind"], ["slice", "shape", "layer"]
    assert back[words + numbers].equals(table[words + numbers])
    assert np.allclose(back[["x", "y", "value"]], table[["x", "y", "value"]], atol=6e-4, rtol=1e-6)


def test_packed_images_keep_what_is_seen(tables: dict[str, Result]) -> None:
    drawn = tables["samples"].table
    back = real.unpacked(real.packed(drawn))
    pixels = drawn.filter(regex=r"^p\d+$").columns
    assert np.allclose(back[pixels], drawn[pixels].clip(0, 1), atol=0.5 / 255, equal_nan=True)
    assert back.tie.equals(drawn.tie)


def test_committed_tables_are_shown_where_they_are(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", committed=tmp_path / "kept")
    assert real.measured(SMOKE, store) == {}
    result = attacks.attacks(SMOKE, store)
    store.publish(result, name="splinecam-real-attacks")
    found = real.measured(SMOKE, store)
    assert list(found) == ["attacks"]
    assert found["attacks"].origin == "committed"
    pd.testing.assert_frame_equal(found["attacks"].table, result.table)
    costs = real.costs(found)
    assert costs.table.tolist() == ["attacks"]
    assert costs.seconds[0] == pytest.approx(result.manifest.seconds)


class _Asked(Exception):
    """What a table would be computed from."""


class _Asking(Store):
    """A store that says what it is asked for."""

    def table(self, name: str, compute: Any, config: Any, **_: Any) -> Result:
        raise _Asked(config)


@pytest.mark.parametrize("name", real.TRAINED)
def test_the_page_says_what_was_trained(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (training, boundaries, attacks, augmentation):
        monkeypatch.setattr(module, "load", lambda *_, **__: load("digits"))
    with pytest.raises(_Asked) as asked:
        real.PARTS[name](Settings(profile="standard"), _Asking())
    config = asked.value.args[0]
    data, _, networks_named, epochs, runs = real.TRAINED[name]
    assert {"cifar10": "CIFAR-10", "tiny-imagenet": "TinyImageNet"}[config.data] in data
    own = config.networks if hasattr(config, "networks") else (config.network,)
    assert networks_named == ", ".join(own)
    assert epochs == (max(config.epochs) if isinstance(config.epochs, tuple) else config.epochs)
    assert runs == len(getattr(config, "seeds", (0,)))


# Claims and figures


def test_every_claim_gets_an_estimate(tables: dict[str, Result]) -> None:
    known = {claim.id for claim in claims.load() if claim.paper == "splinecam"}
    found = estimates.estimates(tables)
    assert set(found) == known
    report = claims.report("splinecam", found, profile="smoke", results=list(tables.values()))
    assert "reproduced" in str(report)


def test_curves_are_drawn(tables: dict[str, Result]) -> None:
    table = {name: result.table for name, result in tables.items()}
    drawn = [
        figures.evolution_curves(table["toy"]),
        figures.growth(table["counts"], table["times"]),
        figures.augmentation(table["augmentation"]),
        figures.boundary_lengths(table["evolution"]),
        figures.samples(table["samples"], names=dict.fromkeys(table["samples"].network, "name")),
        figures.attacks(table["attacks"]),
        figures.surface_density(table["surface"]),
    ]
    for fig in drawn:
        assert all(ax.has_data() or not ax.axison for ax in fig.axes)
        plt.close(fig)


def test_pictures_show_every_region(tmp_path: Path) -> None:
    table = toy.evolution(SMOKE, Store(tmp_path)).table
    fig = figures.evolution(table, task="two moons")
    own = table[(table.task == "two moons") & (table.kind == "region")]
    counts = own.groupby("panel", sort=False)["shape"].nunique()
    filled = [ax.collections[0].get_paths() for ax in fig.axes]
    assert [len(paths) for paths in filled] == counts.tolist()
    data = shapes.compact(table)
    content = plotting.bundle(fig, label="fig-splinecam-moons", caption="c", alt="a", data=data)
    assert len(content["image/svg+xml"]) < 3_000_000
    plt.close(fig)


def test_a_boundary_is_drawn_whole(tmp_path: Path) -> None:
    table = toy.evolution(SMOKE, Store(tmp_path)).table
    fig = figures.evolution(table, task="two moons")
    own = table[(table.task == "two moons") & (table.kind == "line")]
    for ax, (_, drawn) in zip(fig.axes, own.groupby("panel", sort=False), strict=True):
        (rim, core) = ax.patches
        for patch in (rim, core):
            np.testing.assert_array_equal(patch.get_path().vertices, drawn[["x", "y"]])
        ends = patch.get_path().codes.reshape(-1, 2)
        assert (ends == [Outline.MOVETO, Outline.LINETO]).all()
    plt.close(fig)


def test_explored_network_has_learned_and_tells_its_maps() -> None:
    explored = interactive.trained(SMOKE)
    right = explored.model(explored.points).argmax(1) == explored.labels
    assert right.float().mean() > 0.95
    maps = explored.maps()
    assert len(maps) == len(explored.regions)
    assert len(interactive.page(explored, twin="fig-splinecam-explore").html) < 200_000
    centers = torch.tensor(maps[["center_x", "center_y"]].to_numpy())
    told = torch.tensor(maps[["arm 2, times x", "arm 2, times y", "arm 2, plus"]].to_numpy())
    expected = explored.model.double()(centers)[:, 1]
    torch.testing.assert_close((told[:, :2] * centers).sum(1) + told[:, 2], expected)
    fig = figures.explored(explored.table())
    assert len(fig.axes[0].collections[0].get_paths()) == len(explored.regions)
    plt.close(fig)


def test_notebook_uses_what_the_chapter_offers(repository: Path) -> None:
    notebook = nbformat.read(repository / "notebooks" / "splinecam.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    missing = [name for name in figures.__all__ if f"figures.{name}(" not in text]
    assert not missing
    assert pd.Series(re.findall(r'label="(fig-[^"]+)"', text)).is_unique
