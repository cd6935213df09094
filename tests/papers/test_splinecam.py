"""The SplineCam chapter: settings, networks, cells against known values, figures, claims."""

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
from ssl_lib.data import load as load_data
from ssl_lib.errors import InputError
from ssl_lib.geometry import (
    box,
    completeness,
    decision_boundary,
    edge_segments,
    partition,
    slice_through,
)
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.splinecam import (
    Settings,
    attacks,
    classifiers,
    estimates,
    exactness,
    figures,
    growth,
    images,
    implicit,
    load,
    measures,
    networks,
    on_photographs,
    own,
    shapes,
    toy,
)
from ssl_lib.papers.splinecam.classifiers import Network
from ssl_lib.papers.splinecam.experiments import TABLES, experiments
from ssl_lib.papers.splinecam.images import Part
from ssl_lib.papers.splinecam.recipes import recipes
from ssl_lib.results import Store

SMOKE = Settings(profile="smoke")
SMALL = Network("16x2", "mlp", 16, 2)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Return all tables of the smallest profile."""
    return load(SMOKE, store=Store(tmp_path_factory.mktemp("store")))


# Settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": 1}, "seeds must be 0 (the profile's number) or from 2 to 100, got 1"),
        ({"seeds": 101}, "from 2 to 100, got 101"),
        ({"seeds": 2.0}, "seeds must be an integer"),
        ({"seeds": True}, "seeds must be an integer"),
        ({"fresh": 1}, "fresh must be true or false"),
        ({"profile": "fast"}, "Unknown profile 'fast'"),
    ],
)
def test_senseless_settings_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Settings(**given)


# Networks


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (SMALL, (1, 8)),
        (Network("small-cnn", "small", 4), (1, 8)),
        (Network("convnet", "norm", 2), (1, 8)),
        (Network("cnn2", "cnn", 2), (3, 32)),
        (Network("patch3", "patches", 3), (3, 32)),
        (Network("vgg11-1", "vgg11", 1), (3, 64)),
        (Network("vgg16-1", "vgg16", 1), (3, 64)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_network_has_an_exact_partition(network: Network, shape: tuple[int, int]) -> None:
    grey = shape[0] == 1
    data = load_data("digits") if grey else load_data("shapes", n=64)
    data = data if data.images.shape[-1] == shape[1] else data.resized(shape[1])
    method = classifiers.build(network, data, seed=0)
    model = nn.Sequential(method.encoder, method.classifier).eval()
    place = slice_through(images.pixels(data.images[:1])[0], half_side=0.01)
    found = partition(model, place)
    assert found.areas.sum().item() == pytest.approx(4e-4, rel=1e-12)
    assert found.outputs.shape[2] == len(data.class_names)


def test_snapshots_are_independent_copies_in_evaluation_mode() -> None:
    kept = classifiers.train(SMALL, Part("digits"), (0, 1, 3), 0)
    assert sorted(kept.at) == [0, 1, 3]
    weights = [next(model.parameters()) for model in kept.at.values()]
    assert all(not one.training for one in kept.at.values())
    assert all(not torch.equal(weights[0], other) for other in weights[1:])
    assert 2 < kept.early < 2.6  # near the logarithm of ten classes


def test_a_training_is_remembered_but_not_shared() -> None:
    part = Part("digits", most=128)
    first, again, other = (classifiers.train(SMALL, part, (1,), seed).at[1] for seed in (0, 0, 1))
    with torch.no_grad():
        next(first.parameters()).zero_()
    weights = [next(model.parameters()) for model in (again, other)]
    assert all(bool(weight.abs().max() > 0) for weight in weights)
    assert not torch.equal(*weights)


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


def test_a_table_of_shapes_is_rounded_and_keeps_every_edge(tables: Tables) -> None:
    table = tables["training-shapes"]
    assert np.allclose(table.x, table.x.round(shapes.DIGITS))
    for _, drawn in table[table.kind == "region"].groupby("panel"):
        ends, _ = shapes.edges(drawn)
        inner = (drawn.layer > 0).sum() / 2  # each edge belongs to two regions
        assert len(ends) == pytest.approx(inner, abs=0.02 * inner)


# Cells


def test_cells_stand_on_their_own(tmp_path: Path) -> None:
    # Alone, in a run of other seeds, or after them: the same rows.
    store, made = Store(tmp_path), experiments(SMOKE)
    for name in ("toy", "training", "squares", "augmentation", "evolution", "attacks", "surface"):
        whole = made[name]
        cell = whole.cells[-1]
        alone = store.cell(whole, cell, fresh=True).table
        other = experiments(Settings(profile="smoke", seeds=3))[name]
        assert cell in other.cells
        assert store.cell(other, cell, fresh=True).table.equals(alone), name


def test_two_runs_share_no_seed() -> None:
    one, two = (experiments(Settings(profile="quick", seed=seed)) for seed in (0, 1))
    for name in TABLES:
        seeds = [{cell["seed"] for cell in made[name].cells} for made in (one, two)]
        assert not seeds[0] & seeds[1], name


def test_what_the_clock_says_and_photographs_pixels_are_not_published() -> None:
    hidden = {}
    for profile in ("quick", "standard"):
        made = experiments(Settings(profile=profile))
        hidden[profile] = [name for name, experiment in made.items() if not experiment.place]
    assert hidden == {"quick": ["growth-times"], "standard": ["growth-times", "samples"]}


def test_pictures_are_one_cell_whatever_seeds_says() -> None:
    made = experiments(Settings(profile="smoke", seeds=4))
    count = {name: len({cell["seed"] for cell in made[name].cells}) for name in made}
    pictures = {name for name, number in count.items() if number == 1}
    assert pictures == {n for n in TABLES if n.endswith("-shapes")} | {
        "exactness",
        "architectures",
        "samples",
        "photo",
    }
    assert set(count.values()) == {1, 4}


# Growth


@pytest.mark.parametrize("seed", range(4))
def test_formula_agrees_with_the_partition(seed: int) -> None:
    made = growth.Growth(widths=(40,), dimensions=(2, 30))
    for _, _, layer, place in made.layers(seed):
        model = nn.Sequential(layer, nn.ReLU()).eval()
        assert growth.by_formula(layer, place) == len(partition(model, place))


def test_times_find_what_the_formula_counts(tables: Tables) -> None:
    times = tables["growth-times"]
    assert (times.regions == times.by_formula).all()
    assert (times.seconds > 0).all()


# Exactness


def test_no_region_is_missed(tables: Tables) -> None:
    checks = tables["exactness"]
    assert checks.network.tolist() == list(exactness.NETWORKS)
    assert measures.failed(checks).empty


@pytest.mark.parametrize(
    ("column", "value"),
    [("area_error", 1e-9), ("repeated_codes", 1), ("patterns_missed", 1), ("map_error", 1e-9)],
)
def test_a_failing_check_is_found(tables: Tables, column: str, value: float) -> None:
    checks = tables["exactness"].copy()
    checks[column] = checks[column].astype(float)
    checks.loc[2, column] = value
    assert measures.failed(checks).index.tolist() == [2]


def test_a_grid_that_is_too_coarse_misses_regions(tables: Tables) -> None:
    assert tables["exactness"].set_index("network").seen["ReLU, 64 x 4"] < 0.9


def test_a_grid_has_points() -> None:
    found = partition(networks.relu_network((2, 4, 1), seed=0).eval(), box(-1, 1, -1, 1))
    with pytest.raises(InputError, match="grid must be"):
        completeness(found, grid=0)


# Boundaries


def test_samples_tie(tables: Tables) -> None:
    drawn = tables["samples"]
    assert drawn.tie.max() < 1e-12
    assert (drawn["first"] < drawn["second"]).all()


def test_attacks_cross_the_boundary(tables: Tables) -> None:
    attacked = tables["attacks"]
    assert attacked.groupby(["seed", "image"]).stop.agg(tuple).isin([attacks.STOPS]).all()
    first, last = (attacked[attacked.stop == stop].reset_index() for stop in attacks.STOPS)
    step = recipes(SMOKE)["attacks"].step * 8  # of all 64 pixels
    assert (first.beyond <= step).all()
    assert (last.moved >= first.moved - step).all()
    assert attacked.crossing.between(0, 1).all()
    assert (attacked.label != attacked.to).all()
    # The boundary between image and attack is met at the crossing, so it is no farther than that.
    assert (attacked.margin <= attacked.crossing * attacked.moved + 1e-9).all()
    assert (attacked.beyond <= (1 - attacked.crossing) * attacked.moved + 1e-9).all()


def test_an_attack_goes_on_after_the_class_has_changed() -> None:
    # Of one layer the gradient's sign never changes: every step goes the same way, to the corner.
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, -1, 1, -1], [-1.0, 1, -1, 1]]))
        model[1].bias.zero_()
    config = attacks.Attacks(
        part=Part("digits"), network=SMALL, epochs=1, images=1, radius=0.3, step=0.1
    )
    image = torch.tensor([0.6, 0.4, 0.6, 0.4], dtype=torch.float64).reshape(1, 2, 2)
    path = torch.stack(list(attacks._steps(model, image, 0, config)))
    assert len(path) == 6
    moved = torch.tensor([-1.0, 1, -1, 1], dtype=torch.float64).reshape(1, 2, 2)
    torch.testing.assert_close(path[0], image + 0.1 * moved)
    torch.testing.assert_close(path[-1], image + 0.3 * moved)


def test_planes_hold_the_nearest_images_of_the_other_class() -> None:
    data = Part("digits", classes=(3, 8)).load()
    assert data.class_names == ("3", "8")
    (place, labels), *_ = images.cross_class_planes(data, 2)
    flat = images.pixels(data.images).flatten(1)
    closest = torch.cdist(flat[data.labels == 0], flat[data.labels == 1]).min()
    gap = (place.anchors[0] - place.anchors[1]).norm()
    assert labels.tolist() == [0, 1, 1]
    assert gap.item() == pytest.approx(closest.item())


def test_a_part_of_a_data_set_is_the_first_of_it() -> None:
    part, whole = Part("digits", classes=(2, 0), most=50).load(), load_data("digits")
    rows = torch.isin(whole.labels, torch.tensor([0, 2])).nonzero()[:50, 0]
    assert part.class_names == ("2", "0")
    assert torch.equal(part.images, whole.images[rows])
    assert torch.equal(part.labels, (whole.labels[rows] == 0).long())
    assert part.fingerprint != whole.fingerprint


# Surfaces


def test_surface_distance_is_a_distance() -> None:
    generator = torch.Generator().manual_seed(0)
    points = (torch.rand(500, 3, generator=generator).double() * 2 - 1).requires_grad_()
    distance = implicit.distance(points)
    (gradient,) = torch.autograd.grad(distance.sum(), points)
    assert torch.allclose(gradient.norm(dim=1), torch.ones(500).double())
    foot = points - distance[:, None] * gradient
    assert implicit.distance(foot)[distance > 0].abs().max() < 1e-12


def test_density_covers_the_domain(tables: Tables) -> None:
    density = tables["surface"]
    assert density.groupby(["seed", "step", "plane"]).area.sum().between(3, 4).all()
    assert sorted(density.step.unique()) == [0, recipes(SMOKE)["surface"].steps]
    assert set(density.plane) == {plane.name for plane in implicit.PLANES}


# On photographs


def test_published_tables_of_photographs_are_shown_beside_digits(tables: Tables) -> None:
    found = on_photographs(tables)
    known = {name for name, table in TABLES.items() if table.photographs and not table.images}
    assert set(found.tables) == known
    assert {made.origin for made in found.all} == {"published"}
    costs = measures.costs(dict(found.tables))
    assert (costs.seconds > 0).all()
    assert costs.networks.str.len().gt(0).all()


def test_a_run_on_photographs_shows_its_own() -> None:
    own_tables = Tables(Settings(profile="standard"), dict.fromkeys(TABLES))
    assert all(made is None for made in on_photographs(own_tables).tables.values())
    assert on_photographs(own_tables).settings is own_tables.settings


# Claims and figures


def test_every_claim_gets_an_estimate(tables: Tables) -> None:
    known = {claim.id for claim in claims.load() if claim.paper == "splinecam"}
    found = estimates.estimates(tables)
    assert set(found) | set(estimates.NOT_TESTED) == known
    report = claims.report("splinecam", found, profile="smoke", results=tables.all)
    assert "reproduced" in str(report)


def test_a_boundary_that_leaves_and_returns_is_told_from_one_that_comes_late() -> None:
    rows = [
        (n, e, v)
        for n, line in enumerate([(0, 1, 2), (1, 0, 2), (2, 1, 0)])
        for e, v in enumerate(line)
    ]
    lengths = pd.DataFrame(rows, columns=["slice", "epoch", "length"]).assign(seed=0)
    assert measures.returns(lengths).returns.tolist() == [False, True, False]


def test_the_claim_that_some_slice_is_met_again_counts_networks() -> None:
    lines = {(0, 0): (1, 0, 2), (0, 1): (1, 0, 2), (1, 0): (0, 1, 2), (2, 0): (2, 1, 0)}
    rows = [(*names, e, v) for names, line in lines.items() for e, v in enumerate(line)]
    lengths = pd.DataFrame(rows, columns=["seed", "slice", "epoch", "length"])
    found = estimates._returns(lengths)
    assert (found.value, found.low, found.high, found.n) == (1, 1, 3, 3)
    none = estimates._returns(lengths[lengths.seed > 0])
    assert claims.decide({"at_least": 1}, found) == "reproduced"
    assert claims.decide({"at_least": 1}, none) == "inconclusive"


def test_times_that_grow_as_the_regions_have_the_power_one() -> None:
    regions = np.array([3.0, 2000, 8000, 30_000])
    times = pd.DataFrame({"seed": 0, "width": [10, 110, 210, 410], "regions": regions})
    both = pd.concat([
        times.assign(dimension=2, seconds=1e-4 * regions),
        times.assign(dimension=9, seconds=1e-4 * regions**1.5),
    ])  # fmt: skip
    assert measures.exponents(both).exponent.to_numpy() == pytest.approx([1, 1.5])


def test_factors_of_augmentation_hold_the_noise_of_networks_and_of_images() -> None:
    def found(images: float) -> pd.DataFrame:
        """Two networks, two trainings, eight seeds, thirty images of this effect on a training."""
        draw, size = np.random.default_rng(0), (2, 2, 8, 30)
        names = ["network", "training", "seed", "image"]
        levels = [("a", "b"), ("plain", "augmented"), range(8), range(30)]
        truth = np.log([[10.0, 20.0], [30.0, 30.0]])[:, :, None, None]
        noise = draw.normal(0, 0.1, size[:3])[..., None] + draw.normal(0, images, (2, 2, 1, 30))
        index = pd.MultiIndex.from_product(levels, names=names)
        counts = np.broadcast_to(np.exp(truth + noise), size)
        table = pd.DataFrame({"regions": counts.ravel()}, index=index).reset_index()
        return measures.factors(table).set_index("what")

    alike, uneven = found(0.0), found(0.6)
    assert alike.index.tolist() == ["a", "b", "larger over smaller", "difference"]
    assert alike.factor.to_numpy() == pytest.approx([2, 1, 3, 1], rel=0.2)
    assert ((alike.low < alike.factor) & (alike.factor < alike.high)).all()
    assert (uneven.high - uneven.low > 2 * (alike.high - alike.low)).all()
    assert (alike.n == 8).all()


def test_few_seeds_widen_the_interval_of_a_factor_as_t_does() -> None:
    seeds = np.exp([0.5, 0.7, 0.9])  # augmented over plain, by seed, at one image
    rows = [
        {"network": net, "training": how, "seed": seed, "image": 0, "regions": regions}
        for net in ("a", "b")
        for seed, gain in enumerate(seeds)
        for how, regions in (("plain", 100.0), ("augmented", 100.0 * gain))
    ]
    found = measures.factors(pd.DataFrame(rows)).set_index("what")
    half = 4.302653 * 0.2 / np.sqrt(3)
    ends = found.loc["a", ["factor", "low", "high"]].to_numpy(float)
    assert np.log(ends) == pytest.approx([0.7, 0.7 - half, 0.7 + half], abs=1e-6)


def test_planes_that_are_the_same_by_symmetry_count_once() -> None:
    near = {"x = 0": 30, "y = 0": 30, "z = 0": 10}
    rows = [
        {"plane": plane, "seed": 0, "step": step, "distance": distance, "area": 1.0,
         "regions": regions if step and distance < 0.1 else 10}
        for plane, regions in near.items() for step in (0, 9) for distance in (0.05, 0.2)
    ]  # fmt: skip
    density = pd.DataFrame(rows)
    assert measures.surface_factor(density).loc[0].tolist() == [1.0, 2.0]
    assert measures.surface_factors(density).trained.tolist() == [1.0, 3.0]


def test_curves_are_drawn(tables: Tables) -> None:
    compared = recipes(SMOKE)["architectures"]
    names = {network.name: network.title for network in compared.networks}
    drawn = [
        figures.toy_curves(tables["toy"]),
        figures.growth(tables["growth"], tables["growth-times"]),
        figures.training(tables["training"]),
        figures.squares(tables["squares"]),
        figures.augmentation(tables["augmentation"]),
        figures.boundary_lengths(tables["evolution"]),
        figures.samples(tables["samples"], names=names, data="digits"),
        figures.attacks(tables["attacks"]),
        figures.surface_density(tables["surface"]),
    ]
    for fig in drawn:
        assert all(ax.has_data() or not ax.axison for ax in fig.axes)
        plt.close(fig)


def test_pictures_show_every_region(tables: Tables) -> None:
    table = tables["toy-shapes"]
    moons = table[table.task == "two moons"]
    fig = figures.moons(table)
    filled = [ax.collections[0].get_paths() for ax in fig.axes]
    assert [len(paths) for paths in filled] == shapes.count(moons).tolist()
    for ax, panel in zip(fig.axes, shapes.count(moons).index, strict=True):
        drawn = moons[(moons.kind == "line") & (moons.panel == panel)]
        for patch in ax.patches:  # the boundary and its rim, whole
            np.testing.assert_array_equal(patch.get_path().vertices, drawn[["x", "y"]])
            ends = patch.get_path().codes.reshape(-1, 2)
            assert (ends == [Outline.MOVETO, Outline.LINETO]).all()
    data = shapes.compact(moons)
    content = plotting.bundle(fig, label="fig-splinecam-moons", caption="c", alt="a", data=data)
    assert len(content["image/svg+xml"]) < 3_000_000
    plt.close(fig)


def test_a_look_at_a_network_of_ones_own_tells_its_maps() -> None:
    model = toy.learned_pinwheel(0)
    points, labels = toy.pinwheel(450, 0)
    assert (model(points).argmax(1) == labels).float().mean() > 0.95
    seen = own.look(model, box(*toy.DOMAIN), outputs=toy.ARMS)
    maps = seen.maps()
    assert len(maps) == len(seen.regions) == seen.numbers()["regions"]
    assert len(seen.page(twin="fig-splinecam-explore").html) < 200_000
    centers = torch.tensor(maps[["center_x", "center_y"]].to_numpy())
    told = torch.tensor(maps[["arm 2, times x", "arm 2, times y", "arm 2, plus"]].to_numpy())
    expected = model.double()(centers)[:, 1]
    torch.testing.assert_close((told[:, :2] * centers).sum(1) + told[:, 2], expected)
    fig = figures.explore(seen.shapes())
    assert len(fig.axes[0].collections[0].get_paths()) == len(seen.regions)
    plt.close(fig)


def test_a_figure_is_drawn_by_the_function_of_its_name(repository: Path) -> None:
    notebook = nbformat.read(repository / "notebooks" / "splinecam.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    pairs = re.findall(r'figures\.(\w+)\((?:(?!label=)[\s\S])*label="fig-splinecam-(\w+)"', text)
    assert pairs
    assert all(label.removeprefix("real_") == name for name, label in pairs)
    assert {name for name, _ in pairs} == set(figures.__all__) - {"CLASSES"}
