"""The RankMe chapter: settings, training, measures against closed forms, selection, claims."""

import itertools
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from ssl_lib import claims, data, plotting
from ssl_lib.errors import InputError
from ssl_lib.evaluation.lidar import lidar, view_features
from ssl_lib.evaluation.rank import rankme
from ssl_lib.papers import chapter
from ssl_lib.papers.rankme import (
    SWEEPS,
    Settings,
    Tables,
    dimensions,
    estimates,
    experiments,
    figures,
    load,
    own,
    photographs,
    probing,
    recipes,
    theory,
    training,
)
from ssl_lib.papers.rankme.measures import selection, spectra, statistics, sweeps
from ssl_lib.papers.rankme.settings import Recipe
from ssl_lib.paths import share
from ssl_lib.results import Store
from ssl_lib.results.evidence import find, publish


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    return Store(folder, published=folder)


@pytest.fixture(scope="module")
def trained(store: Store) -> Tables:
    """Train everything at the smoke profile, once."""
    return load(Settings(profile="smoke"), store=store)


@pytest.fixture(scope="module")
def encoders(trained: Tables) -> pd.DataFrame:
    return sweeps.encoders(trained)


# Settings and plan


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": -1}, "seeds must be 0 (the profile's number) or from 1 to 100, got -1"),
        ({"seeds": True}, "seeds must be an integer"),
        ({"seeds": 2.0}, "seeds must be an integer"),
        ({"tolerance": -0.1}, "tolerance must be from 0 to 0.5, got -0.1"),
        ({"tolerance": "no"}, "tolerance must be a number"),
        ({"data": "cifar"}, "name of a data set, got 'cifar'. Did you mean 'cifar10'"),
        ({"data": 3}, "data must be text"),
        ({"model": ""}, "model must not be empty"),
        ({"profile": "fast"}, "Unknown profile 'fast'"),
    ],
)
def test_senseless_settings_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Settings(**given)


def test_quick_is_the_setting_that_was_measured() -> None:
    base = recipes(Settings())["covariance"]
    assert base.values == (0, 0.01, 0.1, 0.3, 1, 3, 10, 30)
    assert Settings().every_seed == chapter.seeds("rankme", 0, 23)[3:]  # three chose rules
    assert Settings(profile="standard").every_seed == chapter.seeds("rankme", 0, 3)
    assert (base.steps, base.warmup, base.batch_size, base.learning_rate) == (300, 20, 128, 1e-3)
    train, _ = training.split(base, 0)
    how = training._how(base, len(train), 0)
    assert (how.epochs, how.warmup_epochs, how.betas) == (30, 2.0, (0.9, 0.99))
    assert how.clip_norm is None


@pytest.mark.parametrize("profile", ["smoke", "quick", "standard", "paper"])
def test_every_profile_has_the_three_sweeps(profile: str) -> None:
    made = recipes(Settings(profile=profile))
    assert set(SWEEPS) | {"transfer"} <= set(made)
    assert all(set(made[name].values) <= set(SWEEPS[name].values) for name in SWEEPS)
    assert made["transfer"].half


def test_encoders_without_stacking_take_the_same_way(tmp_path: Any) -> None:
    base = recipes(Settings(profile="smoke"))["invariance"]
    fields = {**vars(base), "values": (1.0, 25.0), "steps": 4, "warmup": 1}
    together, alone = Recipe(**fields), Recipe(**{**fields, "together": False})
    train, _ = training.split(together, 0)
    first = training.train(together, train, 0, workdir=tmp_path)
    second = training.train(alone, train, 0, workdir=tmp_path)
    assert (tmp_path / "invariance-0-1").is_dir()
    for (a, early), (b, alone_early) in zip(first, second, strict=True):
        assert early == pytest.approx(alone_early, rel=1e-5)
        for x, y in zip(a.parameters(), b.parameters(), strict=True):
            torch.testing.assert_close(x, y, rtol=1e-3, atol=1e-5)


def test_members_of_a_sweep_share_weights_and_seeds_do_not() -> None:
    base = recipes(Settings(profile="smoke"))["temperature"]
    train, _ = training.split(base, 0)
    made = [training.method(base, train, *pair) for pair in ((0.1, 0), (10.0, 0), (0.1, 1))]
    weights = [torch.cat([p.flatten() for p in m.parameters()]) for m in made]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    layer = made[0].encoder.layers[0]
    assert float(layer.weight.detach().std()) == pytest.approx((2 / 64) ** 0.5, rel=0.03)
    assert float(layer.bias.detach().abs().max()) == 0


def test_images_of_natural_size_are_cropped_and_normalised() -> None:
    shapes = data.load("shapes", n=64, size=32)
    recipe, normalise = training.views(recipes(Settings())["temperature"], shapes)
    assert recipe.name.startswith("byol")
    assert normalise is not None
    out = normalise(shapes.floats())
    assert out.mean((0, 2, 3)).abs().max() < 1e-4


# Measures


def gaussian(n: int, d: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def features(n: int, seed: int = 0) -> probing.Features:
    labels = torch.arange(n) % 4
    z = gaussian(n, 6, seed) * 0.3 + torch.nn.functional.one_hot(labels, 6)
    return probing.Features(z, torch.cat([z, z], 1), labels)


def test_measures_of_features_with_known_rank() -> None:
    found = list(probing.measure(features(400), features(200, 1), seed=0, noise=True))
    single = {name: value for name, at, value in found if at == 0}
    # The embedding repeats the representation: half of its directions are empty.
    assert single["classical rank"] == 6
    assert single["rankme"] == pytest.approx(single["rankme, representation"], rel=1e-4)
    assert single["accuracy"] > 0.9
    assert single["accuracy"] == pytest.approx(
        (single["accuracy, even"] + single["accuracy, odd"]) / 2
    )
    noise = {at: value for name, at, value in found if name == "rankme with noise"}
    right = {at: value for name, at, value in found if name == "accuracy with noise"}
    assert noise[100.0] > 11.5
    assert right[100.0] < 0.4 < right[0.0]


def test_labels_without_images_are_left_out() -> None:
    digits = data.load("digits")
    high = digits.subset(digits.labels >= 7)
    found = probing.Features.of(lambda x: x.flatten(1).float(), torch.nn.Identity(), high)
    assert found.labels.unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_no_rank_leaves_less_than_the_bound(classes: int) -> None:
    labels = torch.arange(60) % classes
    targets = torch.nn.functional.one_hot(labels).double()
    residual, bound, accuracy = theory.rank_path(gaussian(60, 20, classes), targets)
    assert all(r >= b - 1e-12 for r, b in zip(residual, bound, strict=True))
    assert bound[classes - 1] == pytest.approx(0, abs=1e-12)
    assert bound[classes - 2] > 0.01
    assert residual == sorted(residual, reverse=True)
    # All components: ordinary least squares with an intercept.
    x = torch.cat([gaussian(60, 20, classes), torch.ones(60, 1, dtype=torch.float64)], 1)
    fit = x @ torch.linalg.lstsq(x, targets).solution
    total = (targets - targets.mean(0)).square().sum()
    assert residual[-1] == pytest.approx(float((targets - fit).square().sum() / total))
    assert accuracy[-1] == pytest.approx(float((fit.argmax(1) == labels).double().mean()))


def test_inflation_follows_the_closed_forms() -> None:
    table = theory.inflation([64, 2048], [1e-7]).set_index(["spectrum", "width"]).ratio
    for width in (64, 2048):
        full = np.exp(width * 1e-7 * (np.log(width) - 1))
        one = np.exp(-(width - 1) * 1e-7 * np.log(1e-7))
        assert table["full rank", width] == pytest.approx(full, rel=1e-5)
        assert table["rank one", width] == pytest.approx(one, rel=1e-5)
    assert theory.inflation([8192], [1e-5]).ratio[0] == pytest.approx(1.92, abs=0.005)


# Statistics and selection


def test_correlation_allows_for_ties_and_gaps() -> None:
    x, y = [1, 2, 2, 3, np.nan], [1, 3, 2, 4, 0]
    assert statistics.correlation(x, y) == pytest.approx(stats.kendalltau(x[:4], y[:4]).statistic)
    assert np.isnan(statistics.correlation([1, 1, 1], [1, 2, 3]))


def test_interval_over_seeds_is_scipys() -> None:
    values = [0.84, 0.86, 0.79]
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = statistics.mean_estimate(values)
    assert found.bounds == pytest.approx((interval.low, interval.high))
    assert statistics.mean_estimate(values, limits=(0, 0.9)).bounds[1] == 0.9
    assert statistics.mean_estimate([0.5]).low is None


def planted(rank: list[float], accuracy: list[float]) -> pd.DataFrame:
    n = len(rank)
    score = {f"alpha score, {what}": np.arange(n) for what in ("embedding", "representation")}
    score["lidar"] = np.arange(n)[::-1]
    halves = {f"accuracy, {half}": accuracy for half in ("even", "odd")}
    table = {"setting": range(n), "rankme": rank, "accuracy": accuracy, **score, **halves}
    return pd.DataFrame({"experiment": "x", "seed": 0, **table})


def test_plateau_is_entered_from_the_side_of_low_rank() -> None:
    rising = planted([1, 9.95, 10, 9.99], [0.1, 0.2, 0.3, 0.4])
    assert selection.pick(rising, "RankMe") == 1
    falling = planted([10, 9.95, 9.99, 1], [0.1, 0.2, 0.3, 0.4])
    assert selection.pick(falling, "RankMe") == 2
    assert selection.pick(falling, "RankMe", tolerance=0) == 0
    with pytest.raises(InputError, match="rule must be one of"):
        selection.pick(falling, "rankme")


def test_gaps_are_points_behind_labels_held_out() -> None:
    table = planted([1, 2, 10, 3], [0.5, 0.9, 0.8, 0.6])
    lost = selection.gaps(selection.selections(table)).set_index("rule").gap
    assert lost["RankMe"] == pytest.approx(10)
    assert lost["alpha-ReQ"] == pytest.approx(30)
    assert lost["LiDAR"] == pytest.approx(40)
    assert lost["labelled oracle"] == pytest.approx(0)
    assert lost["mean of the sweep"] == pytest.approx(20)
    assert lost["worst"] == pytest.approx(40)


def test_the_oracle_profits_from_the_noise_of_the_images_that_judge_it() -> None:
    table = planted([1, 2], [0.6, 0.5]).assign(**{"accuracy, even": [0.7, 0.5]})
    table["accuracy, odd"] = [0.4, 0.5]
    table["accuracy"] = (table["accuracy, even"] + table["accuracy, odd"]) / 2
    # Even images pick the first, which odd ones give 0.4; odd ones pick the second, worth 0.5.
    assert selection.held_out(table) == pytest.approx(0.45)
    lost = selection.gaps(selection.selections(table)).set_index("rule").gap
    assert lost["labelled oracle"] == pytest.approx(-10)
    older = selection.selections(table.drop(columns="lidar"))
    assert "LiDAR" not in set(older.rule)


def test_the_largest_of_several_means_has_an_interval_that_allows_for_all_of_them() -> None:
    cases = {"clear": pd.Series([4.0, 5.0, 6.0]), "wide": pd.Series([1.0, -9.0, 30.0])}
    found = estimates._strongest(cases)
    clear, wide = (stats.ttest_1samp(v, 0).confidence_interval(0.975) for v in cases.values())
    assert found.bounds == pytest.approx((clear.low, wide.high))
    assert found.value == pytest.approx(22 / 3)
    assert "of 2 cases, clearest: clear" in found.note
    assert estimates._strongest({"one": pd.Series([1.0])}).bounds == (-100, 100)


def test_equal_correlations_are_known_to_a_swap_of_neighbours() -> None:
    found = statistics.mean_estimate([0.6, 0.6, 0.6], resolution=0.2)
    half = stats.t.ppf(0.975, 2) * 0.2 / np.sqrt(12) / np.sqrt(3)
    assert found.bounds == pytest.approx((0.6 - half, 0.6 + half))


def test_paper_table_holds_what_the_digests_say() -> None:
    table = selection.PAPER.set_index("sweep")
    assert len(table) == 9
    assert table.loc["SimCLR, weight decay", "alpha-ReQ"] == 32.3
    assert table["read in"].str.contains("digest").all()
    assert (table["oracle"] >= table[["alpha-ReQ", "RankMe"]].max(axis=1)).all()


# What the smoke runs give


def test_second_load_reads_the_store(trained: Tables, store: Store) -> None:
    again = load(trained.settings, store=store)
    assert {result.origin for result in again.all} == {"cache"}
    for name, result in again.tables.items():
        pd.testing.assert_frame_equal(result.table, trained.tables[name].table)


def test_one_row_an_encoder(encoders: pd.DataFrame) -> None:
    assert len(encoders) == 5 * 2 * 3
    assert encoders.loc[encoders.experiment == "transfer", "target accuracy"].notna().all()
    measured = encoders.drop(columns=["target accuracy", "target rankme"])
    assert measured.notna().all().all()


def test_lidar_is_of_the_views_that_train(trained: Tables, tmp_path: Path) -> None:
    made = experiments.experiments(Settings(profile="smoke"))["covariance"].config
    seed = Settings(profile="smoke").every_seed[1]
    source, _ = training.split(made, seed)
    member, _ = training.train(made, source, seed, workdir=tmp_path)[2]
    policy, _ = training.views(made, source)
    rows = training.measured(made, source, 0, 1000).images
    both = torch.nn.Sequential(member.encoder, member.head)
    expected = lidar(view_features(both, rows, policy, count=10))
    table = trained["covariance"].query("measure == 'lidar' and seed == 1")
    assert table.value.iloc[2] == pytest.approx(expected, rel=1e-6)
    assert 1 <= expected <= 64.01


def test_spectra_give_back_rankme(trained: Tables, encoders: pd.DataFrame) -> None:
    table = spectra.spectra(trained)
    keys = ["experiment", "seed", "setting"]
    ours = table[table.eps == 1e-7].set_index(keys).rankme
    stored = encoders.set_index(keys).rankme.loc[ours.index]
    assert ours.to_numpy() == pytest.approx(stored.to_numpy(), rel=1e-9)


def test_orders_of_ranks_that_are_all_equal_have_no_correlation(trained: Tables) -> None:
    table = spectra.classical(trained)
    found = spectra.agreement(table)
    assert np.isnan(found["the paper's"]) == (table["rank"][::3].nunique() == 1)
    assert found["1% of the largest"] > 0.9


def test_all_images_give_the_whole_rank(trained: Tables) -> None:
    table = spectra.samples(trained)
    last = table.groupby(["experiment", "seed", "setting"]).last()
    assert (last.ratio == 1).all()
    assert (last.images == 1297).all()
    assert spectra.scaled_count(trained) == 512


def test_every_claim_has_an_estimate_or_a_reason(trained: Tables) -> None:
    found = estimates.estimates(trained)
    stated = {claim.id: claim for claim in claims.load() if claim.paper == "rankme"}
    assert {*found, *claims.not_tested(estimates.NOT_TESTED, found)} == set(stated)
    verdicts = {name: claims.decide(stated[name].rules, given) for name, given in found.items()}
    # Two seeds decide nothing but what is exact.
    assert verdicts.pop("C7") == "reproduced"
    assert "reproduced" not in verdicts.values()


def test_claims_say_where_their_numbers_were_read() -> None:
    for claim in claims.load():
        if claim.paper == "rankme" and re.search(r"\d\.\d", claim.paper_value):
            assert "digest" in claim.where, claim.id


def test_figures_have_names_and_sizes(trained: Tables, encoders: pd.DataFrame) -> None:
    swept = sweeps.swept(encoders)
    chosen = selection.selections(encoders)
    mine = chosen[chosen.experiment.isin(SWEEPS)]
    wide = pd.DataFrame({"method": "a", "dimension": [4, 8], "rankme": [2, 3], "accuracy": 0.5})
    lines = sweeps.curves(swept)
    drawn = {
        "picks": (6, lambda: figures.picks(lines, swept, chosen)),
        "scatter": (2, lambda: figures.scatter(swept)),
        "correlations": (1, lambda: figures.correlations(sweeps.correlations(swept))),
        "gaps": (1, lambda: figures.gaps(selection.gaps(mine), selection.paper_gaps())),
        "samples": (1, lambda: figures.samples(spectra.samples(trained))),
        "epsilon": (2, lambda: figures.epsilon(theory.inflation())),
        "classical": (1, lambda: figures.classical(spectra.classical(trained))),
        "links": (3, lambda: figures.links(encoders)),
        "transfer": (2, lambda: figures.transfer(sweeps.transfer(trained))),
        "bound": (2, lambda: figures.bound(spectra.path(trained), classes=10)),
        "degenerate": (3, lambda: figures.degenerate(encoders, spectra.noise(trained))),
        "readouts": (1, lambda: figures.readouts(sweeps.readouts(swept))),
        "dimensions": (2, lambda: figures.dimensions(wide)),
        "own": (1, lambda: figures.own(torch.tensor([3.0, 2.0, 1.0]), rank=2.8)),
    }  # fmt: skip
    for name, (panels, draw) in drawn.items():
        fig = draw()
        assert len(fig.axes) == panels, name
        assert fig.get_figwidth() in (plotting.WIDTH, plotting.WIDE), name
        sizes = [text.get_fontsize() for text in fig.findobj(plt.Text) if text.get_text()]
        assert min(sizes) >= 10, name
        plt.close(fig)


# Real images


def test_standard_trains_five_settings_of_a_small_network() -> None:
    made = recipes(Settings(profile="standard"))
    for name in SWEEPS:
        assert len(made[name].values) == 5
        assert made[name].values[0] == SWEEPS[name].values[0]
    base = made["temperature"]
    assert (base.encoder, base.encoder_options, base.images) == ("resnet9", {"width": 8}, 5000)
    assert base.precision == "bfloat16"
    # Twice as many images as dimensions at least, or their number limits the rank.
    assert base.images >= 2 * base.head[-1]
    assert recipes(Settings(profile="paper"))["temperature"].head == (2048, 2048, 2048)


def test_published_sweeps_are_shown_where_the_run_had_digits(
    tmp_path: Path, trained: Tables
) -> None:
    shutil.copytree(share("results") / "rankme", tmp_path / "rankme")
    store = Store(tmp_path, published=tmp_path)
    every = photographs(trained, store=store)
    found = every["CIFAR-10"]
    assert list(found.tables) == ["temperature", "invariance", "covariance", "transfer"]
    assert {result.origin for result in found.all} == {"published"}
    assert found.seeds == (0, 1, 2)
    nets = sweeps.encoders(found)
    side = selection.side_by_side(nets, selection.selections(nets))
    first = nets[(nets.experiment == "temperature") & (nets.seed == 0)]
    assert side["sweep"].nunique() == len(found.tables)
    assert selection.verdicts(side).count("seeds.") == side["sweep"].nunique()
    own = Tables(settings=Settings(profile="standard"), tables=found.tables)
    assert photographs(own) == {"CIFAR-10": own}
    assert list(sweeps.transfer(trained, found).data.unique()) == ["digits", "cifar10"]
    row = side[side["sweep"] == "SimCLR, temperature"].iloc[0]
    assert row.Kendall == pytest.approx(statistics.correlation(first.rankme, first.accuracy))
    assert row.p == pytest.approx(stats.kendalltau(first.rankme, first.accuracy, method="exact")[1])
    assert list(selection.over_seeds({"CIFAR-10": side}).seeds) == [3, 3, 3, 3]
    decided = estimates.estimates(trained, {"CIFAR-10": found})
    assert "of 7 cases" in decided["C5"]["not sufficient"].note  # type: ignore[index]
    assert "of 2 cases" in decided["C4"].note
    assert row["labelled oracle"] == pytest.approx(100 * first.accuracy.max())
    assert photographs(trained, store=Store(tmp_path, published=tmp_path / "nowhere")) == {}
    path = tmp_path / "rankme" / "temperature.standard.csv"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="is not the table that"):
        photographs(trained, store=store)


def test_published_tables_hold_the_configuration_of_the_code() -> None:
    for profile in ("quick", "standard"):
        for name, made in experiments.experiments(Settings(profile=profile)).items():
            if (share("results") / f"{made.place}.json").is_file():
                assert find(Store(), made) is not None, f"{made.place}: {name}"


def test_a_page_shows_published_cells_and_computes_one_again(tmp_path: Path) -> None:
    settings = Settings(profile="quick", seeds=2)
    base = experiments.experiments(settings)["covariance"]
    small = replace(base.config, values=(0.0, 1.0), steps=20, warmup=2)
    made = replace(base, config=small, cells=base.cells)
    store = Store(tmp_path / "cache", published=tmp_path / "results")
    publish(made, store=store)
    kept = chapter.fetch({"covariance": made}, settings, slug="rankme", store=store)["covariance"]
    assert (kept.origin, kept.status, str(kept.finding)[:5]) == ("published", "current", "equal")
    assert kept.fresh is not None
    assert Tables(settings, {"covariance": kept}).again is not None
    other = chapter.fetch({"covariance": made}, Settings(seed=1), slug="rankme", store=store)[
        "covariance"
    ]
    assert other.origin == "cache"


# The dimension sweep of another chapter


def test_dimension_sweep_is_the_published_one(tmp_path: Any) -> None:
    store = Store(tmp_path, published=tmp_path / "results")
    assert dimensions.find(store) is None
    rows = {"variant": ["cissl", "pixels"], "dim": [8, 3072], "rankme": [2.0, 9.0]}
    made = store.table("anything", pd.DataFrame, {**rows, "full": [0.4, 0.3]})
    path = store.publish(made, tmp_path / "results" / "issl", name="dimensions.standard")
    found = dimensions.find(store)
    assert found is not None
    assert found.origin == "published"
    tidy = dimensions.sweep(found)
    assert list(tidy.columns) == ["method", "dimension", "rankme", "accuracy"]
    assert tidy.to_numpy().tolist() == [["CISSL", 8, 2.0, 0.4]]
    path.write_bytes(b"dim,rankme\n8,3.0\n")
    with pytest.raises(InputError, match="is not the table that"):
        dimensions.find(store)


def test_labels_of_the_dimension_sweep_do_not_overlap() -> None:
    rows = [
        (name, dim, rank * dim**0.6, 0.4 + 0.01 * rank)
        for name, rank in (("CISSL", 1.1), ("DISSL", 1.0), ("random encoder", 0.9))
        for dim in (16, 64, 256, 1024)
    ]
    columns = ["method", "dimension", "rankme", "accuracy"]
    fig = figures.dimensions(pd.DataFrame(rows, columns=columns))
    fig.draw_without_rendering()
    for ax in fig.axes:
        boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
        assert len(boxes) == 3
        assert all(low.y1 <= high.y0 for low, high in itertools.pairwise(boxes))


# A reader's own encoder


def test_lines_of_the_page_measure_a_small_encoder(repository: Any) -> None:
    notebook = nbformat.read(repository / "notebooks" / "rankme.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "own"]
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 8))
    names = {"encoder": encoder, "pictures": data.load("shapes", n=64, size=16), "transform": None}
    exec(cell.source, names)  # the very lines that readers are told to copy
    with torch.no_grad():
        expected = rankme(encoder(names["pictures"].floats()))
    assert names["measured"]["rankme"] == pytest.approx(expected, rel=1e-6)
    assert names["measured"]["classical_rank"] == 8


def test_pictures_of_a_folder_are_read(tmp_path: Any) -> None:
    from PIL import Image

    for number in range(3):
        folder = tmp_path / f"class-{number}"
        folder.mkdir()
        Image.new("RGB", (40, 30), (number, 2, 3)).save(folder / "picture.png")
    found = own.pictures(Settings(profile="smoke", images=str(tmp_path)))
    assert found.images.shape == (3, 3, 224, 224)


def test_unknown_model_is_named() -> None:
    with pytest.raises(InputError, match=r"no model 'resnet19'\. Did you mean 'resnet1"):
        own.encoder(Settings(model="resnet19"))


# The notebook


def test_notebook_shows_every_figure_and_says_what_is_missing(repository: Any) -> None:
    notebook = nbformat.read(repository / "notebooks" / "rankme.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    labels = re.findall(r'label="(fig-rankme-[a-z_]+)"', text)
    assert len(labels) == len(set(labels)) == 17
    for honest in (
        "has not been measured",
        "could not read",
        "not the paper's ImageNet",
        "Not here",
    ):
        assert honest in text, honest
