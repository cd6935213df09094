"""The ISSL chapter: settings, known classes, runs, tables, figures, claims, notebook."""

import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch

from ssl_lib import claims, data, models, plotting
from ssl_lib.claims import Estimate
from ssl_lib.errors import InputError
from ssl_lib.methods import ViewBatch, build_method
from ssl_lib.papers import chapter
from ssl_lib.papers.issl import (
    Settings,
    estimates,
    experiments,
    figures,
    images,
    measures,
    own,
    paper,
    theory,
)
from ssl_lib.papers.issl.exact import ExactISSL, partners
from ssl_lib.papers.issl.recipes import recipe
from ssl_lib.papers.issl.variants import VARIANTS
from ssl_lib.results import Store
from ssl_lib.training.checkpoints import FILE

# Settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dims": [8]}, "dims must be two or more different numbers in increasing order"),
        ({"dims": [8, 8]}, "in increasing order, got [8, 8]"),
        ({"dims": [64, 8]}, "in increasing order"),
        ({"dims": [0, 8]}, "dims must be integers from 1"),
        ({"dims": [8, 16.0]}, "dims must be integers from 1"),
        ({"dims": "8"}, "dims must be a list of integers, got '8'"),
        ({"dims": 8}, "dims must be a list of integers, got 8"),
        ({"data": "cifar10", "dims": [64, 100]}, "multiples of 64, got 100"),
        ({"profile": "paper", "dims": [512, 600]}, "multiples of 512, got 600"),
        ({"data": "digit"}, "Did you mean 'digits'?"),
        ({"data": 3}, "data must be empty or one of"),
        ({"images": 3}, "images must be text, got 3"),
        ({"images": "nowhere"}, "images must be a folder, got 'nowhere': there is none"),
        ({"encoder_name": None}, "encoder_name must be text, got None"),
        ({"fresh": "yes"}, "fresh must be true or false, got 'yes'"),
        ({"seeds": 1}, "seeds must be 0 (the profile's number) or from 2"),
        ({"seeds": -3}, "seeds must be 0"),
        ({"seeds": True}, "seeds must be an integer"),
        ({"profile": "fast"}, "Unknown profile 'fast'"),
        ({"seed": -1}, "seed must be between 0"),
    ],
)
def test_senseless_settings_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Settings(**given)


def test_parameters_reach_the_runs() -> None:
    settings = Settings(dims=(4, 32, 128), seeds=5, seed=7)
    assert settings.sweep == (4, 32, 128)
    assert settings.reference == 32
    assert len({*settings.every_seed}) == 5
    assert settings.every_seed[:2] == Settings(seed=7, seeds=2).every_seed
    assert settings.every_seed != Settings(seed=8, seeds=5).every_seed
    assert recipe(Settings(data="cifar10", profile="standard")).encoder == "resnet9"


def test_paper_profile_has_the_official_settings() -> None:
    settings = Settings(profile="paper")
    made = recipe(settings)
    assert settings.sweep == (128, 512, 2048, 8192)
    assert (made.data, made.encoder, made.size) == ("tiny-imagenet", "resnet18", 64)
    assert (made.epochs, made.batch_size, made.learning_rate) == (300, 512, 2e-3)
    assert (made.weight_decay, made.warmup_epochs) == (1e-6, 10)
    assert (made.temperature, made.hidden, made.embedding) == (0.07, 1024, 128)
    assert (made.latents, made.rank, made.dissl_temperatures) == (16_384, 512, (0.5, 1.0))


def test_standard_is_the_papers_figure_eight_times_smaller() -> None:
    settings = Settings(profile="standard")
    made = recipe(settings)
    encoder = models.build_encoder(
        made.encoder, in_channels=3, image_size=32, out_dim=settings.sweep[0],
        **made.encoder_options,
    )  # fmt: skip
    assert encoder.expansion.first.in_channels == settings.channels == settings.reference == 64
    official = Settings(profile="paper")
    ratios = [d / settings.channels for d in settings.sweep]
    assert ratios == [d / official.channels for d in official.sweep] == [0.25, 1, 4, 16]
    assert (made.images, made.precision, made.probe) == (8000, "bfloat16", "ridge")
    assert made.hidden / recipe(official).hidden == 1 / 4
    assert made.latents == made.batch_size
    assert len(settings.every_seed) == 3


# Known classes


def test_partners_go_once_around_each_class() -> None:
    labels = torch.randint(4, (60,), generator=torch.Generator().manual_seed(0))
    found = partners(labels)
    assert torch.equal(labels[found], labels)
    assert found.unique().numel() == 60
    assert (found != torch.arange(60)).all()
    for place in range(60):
        later = [k for k in [*range(place + 1, 60), *range(place)] if labels[k] == labels[place]]
        assert found[place] == later[0]
    together = torch.stack([labels, torch.zeros_like(labels), torch.arange(60)])
    for row, mapped in zip(together, torch.func.vmap(partners)(together), strict=True):
        assert torch.equal(partners(row), mapped)
    assert torch.equal(partners(torch.arange(60)), torch.arange(60))


def test_heads_of_both_families_are_compared_with_the_same_seeds() -> None:
    cells = pd.DataFrame(experiments.experiments(Settings(profile="smoke", seed=2))["exact"].cells)
    seeds = cells[cells.dim == 9].groupby("head").seed.apply(list)
    assert seeds["linear"] == seeds["mlp"] == list(chapter.seeds("issl", 2, 2))


def test_pairs_of_heads_are_left_out_where_digits_would_show_nothing() -> None:
    assert not Settings().all_heads
    assert Settings(profile="standard", data="digits").all_heads
    assert Settings(data="cifar10").all_heads


def test_exact_loss_is_cross_entropy_plus_the_pull() -> None:
    encoder = models.build_encoder("mlp", in_channels=1, image_size=8, out_dim=5)
    images, labels = torch.rand(40, 1, 8, 8), torch.arange(40) % 4
    batch = ViewBatch(views=(images,), labels=labels)
    plain, pulled = (ExactISSL(encoder, n_classes=4, pull=p, seed=1).eval() for p in (0.0, 10.0))
    output = pulled(batch)
    z = encoder(images)
    ce = torch.nn.functional.cross_entropy(plain.head(z), labels)
    assert torch.allclose(plain(batch).loss, ce)
    gap = (z - z.view(10, 4, 5).roll(-1, 0).reshape(40, 5)).abs()
    huber = torch.where(gap < 1, gap.square() / 2, gap - 0.5).mean()
    assert torch.allclose(output.loss, ce + 10 * huber)
    with pytest.raises(InputError, match="n_classes must be at least 2"):
        ExactISSL(encoder, n_classes=1)


def test_dichotomies_are_covers_count() -> None:
    table = theory.dichotomies(Settings(seed=3))
    assert (table.measured == table.formula).all()
    assert set(table.points) == {6, 8, 10}


def test_worst_task_needs_k_minus_1_dimensions() -> None:
    config = theory.recipe(Settings())
    at = {d: theory.measure(config, {"head": "linear", "dim": d, "seed": 0}) for d in (3, 9)}
    found = pd.concat(at).droplevel(1)
    assert (found.predictability > 0.999).all()
    assert found.worst_task[9] >= 0.98
    assert found.worst_task[3] <= 0.75
    assert found.worst_mlp[3] >= 0.99
    assert (found.needed_dimension == 9).all()


def test_codes_are_the_test_digits_and_one_task() -> None:
    config = theory.recipe(Settings(profile="smoke"))
    found = theory.codes(config, {"seed": 1})
    assert len(found) == 597
    assert found.groupby("digit").side.nunique().eq(1).all()
    row = theory.measure(config, {"head": "linear", "dim": 2, "seed": 1}).iloc[0]
    assert found.accuracy.unique().tolist() == [row.worst_task]
    assert found.predictability.unique().tolist() == [row.predictability]


# Runs


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_a_method_with_the_same_heads(name: str) -> None:
    made, variant = recipe(Settings()), VARIANTS[name]
    encoder = models.build_encoder("mlp", in_channels=1, image_size=8, out_dim=8)
    method = build_method(variant.method, encoder, **variant.options(made))
    widths = {m.out_features for m in method.modules() if isinstance(m, torch.nn.Linear)}
    assert widths <= {8, 64, made.hidden, made.embedding, made.latents}
    assert method.min_views == 2


@pytest.mark.parametrize(
    ("name", "student", "teacher"),
    [
        ("cissl", 0, 1), ("cissl-mlp-heads", 2, 2), ("cissl-linear-heads", 0, 0),
        ("dissl", 0, 1), ("dissl-mlp-heads", 2, 2), ("dissl-linear-heads", 0, 0),
    ],
)  # fmt: skip
def test_heads_have_the_layers_that_their_variant_says(
    name: str, student: int, teacher: int
) -> None:
    options = VARIANTS[name].options(recipe(Settings()))
    assert options["student_hidden"] == (128,) * student
    assert options["teacher_hidden"] == (128,) * teacher


def test_cells_are_variants_dimensions_strengths_lengths_and_seeds() -> None:
    settings = Settings(dims=(4, 32, 128), seeds=2, seed=3)
    made = experiments.experiments(settings)
    sweep = pd.DataFrame(made["dimensions"].cells)
    assert tuple(sweep) == experiments.CELL
    assert {*sweep.seed} == {*settings.every_seed}
    encoders = sweep[sweep.variant != "pixels"]
    assert (encoders.groupby(["variant", "dim"]).size() == 2).all()
    assert {*sweep.variant} == {"cissl", "dissl", "untrained", "pixels"}
    assert sweep[sweep.variant == "pixels"].dim.eq(64).all()
    strengths = pd.DataFrame(made["strengths"].cells)
    assert {*strengths.strength} == {0.125, 0.25, 1.0}
    assert strengths.dim.eq(32).all()
    assert {cell["epochs"] for cell in made["epochs"].cells} == {1, 3, 9}
    # No cell twice: the others take the sweep's runs.
    runs = [cell for name, table in made.items() for cell in table.cells if "variant" in cell]
    assert len(pd.DataFrame(runs).drop_duplicates()) == len(runs)


def test_only_the_profiles_own_sweep_is_published() -> None:
    def places(**given: Any) -> list[str]:
        made = experiments.experiments(Settings(**given))
        return [made[name].place for name in ("dimensions", "exact")]

    assert places() == ["issl/dimensions.quick", "issl/exact.quick"]
    assert places(dims=[8, 64]) == ["", "issl/exact.quick"]
    assert places(profile="standard", data="tiny-imagenet") == [
        "issl/dimensions.standard.tiny-imagenet", "issl/exact.standard",
    ]  # fmt: skip
    assert places(profile="smoke") == ["", ""]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> chapter.Tables:
    """Compute all tables of the smoke profile once."""
    settings = Settings(profile="smoke", dims=(2, 8))
    return experiments.load(settings, store=Store(tmp_path_factory.mktemp("cache")))


def test_sweep_measures_what_it_says(tables: chapter.Tables) -> None:
    table = tables["dimensions"]
    assert (table.groupby(["variant", "dim"]).seed.apply(list) == [[0, 1]] * 7).all()
    wide = table[(table.dim == 8) & (table.variant != "pixels")]
    sizes = {d: 64 * 128 + 128 * 128 + 128 * d + 2 * (128 + 128 + d) for d in (2, 8)}
    assert (table[table.variant == "cissl"].parameters == table.dim.map(sizes)[:4]).all()
    assert table[table.variant == "pixels"].parameters.eq(0).all()
    assert table.images.eq(1200).all()
    assert wide.rankme.between(1, 8.001).all()
    assert wide.full.gt(0.3).all()
    random = table[table.variant == "untrained"]
    assert random.loss.isna().all()
    assert random.seconds.eq(0).all()
    trained = table[table.variant == "cissl"].groupby("dim").full.mean()
    assert trained[8] > random.groupby("dim").full.mean()[8] > random.groupby("dim").full.mean()[2]
    assert table.mlp.notna().eq(table.variant == "cissl").all()


def test_seeds_differ_and_pixels_in_what_is_drawn(tables: chapter.Tables) -> None:
    table = tables["dimensions"]
    for variant in ("cissl", "dissl"):
        part = table[(table.variant == variant) & (table.dim == 8)]
        assert part.loss.nunique() == part.seconds.nunique() == 2
    pixels = table[table.variant == "pixels"]
    assert pixels.full.nunique() == 1
    assert pixels.augmented.nunique() == pixels.few.nunique() == 2
    assert pixels.full.iloc[0] == pytest.approx(0.972, abs=0.02)


def test_a_cell_alone_has_the_rows_that_it_has_in_its_table(
    tables: chapter.Tables, tmp_path: Path
) -> None:
    made = experiments.experiments(Settings(profile="smoke", dims=(2, 8)))["rivals"]
    alone = made.run(made.cells[-1], tmp_path).iloc[0]
    beside = tables["rivals"].iloc[-1]
    same = [c for c in alone.index if c not in ("seed", "seconds", "mlp", "variant")]
    assert alone[same].tolist() == beside[same].tolist()
    assert (alone.variant, beside.variant, beside.seed) == ("dino", "dino", 1)


def test_one_code_path_trains_convolutional_networks(tmp_path: Path) -> None:
    base = recipe(Settings(profile="smoke", data="shapes", dims=(8, 16)))
    small = {**vars(base), "batch_size": 256, "latents": 32, "rank": 16, "hidden": 16, "size": 8}
    small |= {"encoder_options": {"width": 4, "expansion_hidden": 8}, "shots": (1,), "few": 1}
    cell = {"variant": "dissl", "dim": 32, "strength": 1.0, "epochs": 1, "seed": 3}
    config = type(base)(**small)
    first = experiments.cell_table(config, cell, tmp_path)
    assert (tmp_path / FILE).is_file()
    pd.testing.assert_frame_equal(experiments.cell_table(config, cell, tmp_path), first)
    assert 0 < first.full[0] <= 1
    assert np.isfinite(first.loss[0])


def test_digits_are_two_thirds_and_one_class_by_class() -> None:
    train, test = images.digits()
    every = data.load("digits", split="all")
    assert len(train) + len(test) == len(every)
    share = train.counts() / every.counts()
    assert float((share - 1200 / 1797).abs().max()) < 0.01
    rows = torch.cat([train.images, test.images]).flatten(1)
    assert torch.equal(rows.sum(0), every.images.flatten(1).sum(0))
    assert train.fingerprint == images.load("digits")[0].fingerprint


def test_training_images_are_a_balanced_subset_the_same_for_all() -> None:
    train, test = images.load("shapes", size=8, most=200)
    counts = train.counts()
    assert abs(len(train) - 200) <= len(counts)
    assert int(counts.max() - counts.min()) <= 3
    images.load.cache_clear()
    assert train.fingerprint == images.load("shapes", size=8, most=200)[0].fingerprint
    assert len(test) > 200


# Published tables


@pytest.mark.parametrize(
    ("name", "shots", "few"), [("CIFAR-10", 10, 100), ("TinyImageNet", 5, 1000)]
)
def test_sweeps_of_real_images_come_with_the_project(name: str, shots: int, few: int) -> None:
    found = experiments.pictures()[name]
    table, settings = found["dimensions"], found.settings
    trained = measures.trained(table)
    assert settings.reference == settings.channels == 64
    assert (trained.groupby(["variant", "dim"]).seed.apply(list) == [[0, 1, 2]] * 12).all()
    assert recipe(settings).few == shots
    assert measures.few_labels(table, settings) == few
    for dim, sizes in trained.groupby("dim").parameters.unique().items():
        encoder = models.build_encoder(
            "resnet9", in_channels=3, image_size=32, out_dim=dim,
            **recipe(settings).encoder_options,
        )  # fmt: skip
        assert sizes.tolist() == [sum(p.numel() for p in encoder.parameters())]


def test_every_table_of_cifar10_is_there() -> None:
    found = experiments.pictures()["CIFAR-10"]
    names = ["dimensions", "mlp-heads", "strengths", "rivals", "epochs", "heads"]
    assert [*found.tables] == names
    for name in names[1:]:
        keys = ["variant", "dim", "strength", "epochs"]
        assert found[name].groupby(keys).seed.nunique().eq(3).all()


def test_digits_are_published_whole() -> None:
    count = chapter.published(experiments.experiments(Settings()), slug="issl")["rivals"]
    made = experiments.experiments(Settings(seeds=len(count.manifest.seeds)))
    found = chapter.published(made, slug="issl")
    assert [*found] == [*made]
    for name, experiment in made.items():
        there, wanted = found[name].manifest.cells, list(experiment.cells)
        assert len(there) == len(wanted)
        assert all(cell in there for cell in wanted)


# Measures


def test_gains_are_paired_differences_and_costs_are_means(tables: chapter.Tables) -> None:
    table = tables["dimensions"]
    gained = measures.gains(table, base=2)
    assert gained[gained.dim == 2].gain.eq(0).all()
    one = gained[(gained.variant == "dissl") & (gained.seed == 1) & (gained.dim == 8)]
    runs = table[(table.variant == "dissl") & (table.seed == 1)].set_index("dim").full
    assert one.gain.item() == pytest.approx(100 * (runs[8] - runs[2]))
    assert one.ratio.item() == 4
    both = gained[(gained.variant == "dissl") & (gained.dim == 8)].gain
    assert measures.top_gains(gained)["DISSL"] == pytest.approx(both.mean())
    cost = measures.costs(table).set_index("encoder")
    wide = table[(table.variant == "cissl") & (table.dim == 8)]
    assert cost["all labels, %"]["CISSL, d = 8"] == pytest.approx(100 * wide.full.mean())
    assert cost["seconds a run"]["CISSL, d = 8"] == pytest.approx(wide.seconds.mean())
    assert cost.parameters["raw pixels, d = 64"] == 0


def test_verdicts_are_intervals_of_paired_gains() -> None:
    def runs(variant: str, *gained: float) -> list[dict[str, Any]]:
        ends = [(8, [0.4] * 3), (64, [0.4 + g for g in gained])]
        same = {"variant": variant, "few": 0.4, "augmented": 0.4}
        return [
            {**same, "seed": seed, "dim": dim, "full": value}
            for dim, values in ends
            for seed, value in enumerate(values)
        ]

    rows = [*runs("cissl", 0.05, 0.06, 0.05), *runs("dissl", 0.02, -0.03, 0.01)]
    rows += runs("untrained", 0.04, 0.05, 0.04)
    table = pd.DataFrame(rows)
    found = measures.verdicts({"toys": table}, base=8).set_index(["images, method", "probe"])
    # Student's t with two degrees of freedom: 4.303 standard errors.
    half = 4.302653 * np.std([5, 6, 5], ddof=1) / 3**0.5
    said = f"+5.3 ({16 / 3 - half:.1f} to {16 / 3 + half:.1f})"
    assert found["gain, points"]["toys, CISSL", "all labels"] == said
    assert found["beyond untrained"]["toys, CISSL", "all labels"] == "+1.0 (1.0 to 1.0)"
    assert found["more?"]["toys, CISSL", "all labels"] == "yes"
    assert found["more?"]["toys, DISSL", "few labels"] == "cannot tell"
    assert measures.ahead_of_untrained(table, 64)["all labels"] == pytest.approx(-13 / 3)


# The block


def test_parameters_of_the_block() -> None:
    table = own.expansions()
    assert table.parameters.iloc[0] == 11_168_832
    millions = (table.parameters[1:] / 1e6).round(2).tolist()
    assert millions == [13.86, 14.06, 14.84, 18.00, 22.21]
    dims = np.array([128, 512, 2048, 8192, 16_384])
    assert (table.block[1:] == 2_623_488 + 514 * dims).all()


# Intervals


def test_interval_of_a_difference_is_scipys_paired_t_test() -> None:
    from scipy import stats

    values, others = pd.Series([0.3, 0.9, 0.7, 0.4]), pd.Series([0.1, 0.5, 0.6, 0.1])
    gap = estimates.difference(values, others[::-1], scale=100)
    paired = stats.ttest_rel(values, others).confidence_interval(0.95)
    assert gap.bounds == pytest.approx((100 * paired.low, 100 * paired.high))


def test_images_are_drawn_again_where_they_are_known() -> None:
    """Of 400 images a seed's twins differ on 20, the same ones for all seeds."""
    draw = np.random.default_rng(0)
    base = draw.random((6, 400)) < 0.8
    better = base.copy()
    better[:, :20] = True
    base[:, :20] = False
    rows = [
        {"seed": seed, "variant": name, "full": right.mean(), "full_right": packed(right)}
        for name, all_seeds in (("a", better), ("b", base))
        for seed, right in enumerate(all_seeds)
    ]
    table = pd.DataFrame(rows)
    terms = (1, {"variant": "a"}), (-1, {"variant": "b"})
    found = estimates.contrast(table, "full", *terms)
    fixed = estimates.contrast(table.drop(columns="full_right"), "full", *terms)
    assert found.value == pytest.approx(5) == pytest.approx(fixed.value)
    assert fixed.bounds == pytest.approx((5, 5))
    half = 196 * np.sqrt(0.05 * 0.95 / 400)
    assert found.bounds == pytest.approx((5 - half, 5 + half), abs=0.4)
    assert np.isnan(estimates.contrast(table, "full", (1, {"variant": "c"})).value)


def packed(right: np.ndarray) -> str:
    return f"{len(right)}:{np.packbits(right).tobytes().hex()}"


def test_accuracies_are_those_of_the_images_that_are_kept(tables: chapter.Tables) -> None:
    for name in ("dimensions", "rivals"):
        table = tables[name]
        for column in ("full", "few", "augmented"):
            right = measures.runs(table.assign(seed=range(len(table))), column)
            assert right.shape == (len(table), 597)
            assert right.mean(axis=1).tolist() == pytest.approx(table[column].tolist())
    assert not {*measures.shown(tables["rivals"])} & {"seconds", "full_right", "few_right"}


def test_a_correlation_over_lengths_is_not_one_within_a_length() -> None:
    """Accuracy follows the length alone: of seeds, those of smaller loss are worse."""
    rows = [
        {"seed": seed, "epochs": length, "loss": 9.0 - length + 0.01 * seed,
         "full": length / 10 + 0.001 * seed}
        for seed in range(8) for length in (1, 3, 5, 7)
    ]  # fmt: skip
    found = estimates._loss_and_accuracy(pd.DataFrame(rows))
    assert found["smaller loss, better probe"].value == pytest.approx(1)
    assert found["the same within a length"].value == pytest.approx(-1)
    few = estimates._loss_and_accuracy(pd.DataFrame(rows[:20]))["the same within a length"]
    assert few.n == 5
    assert few.bounds == pytest.approx((-1, -1))  # though some draws are of one seed alone


def test_an_existing_failure_is_the_lowest_whose_twin_does_not_fail() -> None:
    worst = {"linear": [1.0, 0.7, 0.98], "mlp": [0.99, 0.6, 0.95]}
    exact = pd.concat(
        pd.DataFrame({"head": head, "dim": 9, "seed": range(3), "worst_task": values})
        for head, values in worst.items()
    )
    found = estimates._lowest(estimates._beside_twins(exact))
    assert (found.value, found.n, found.low) == (0.95, 2, None)
    assert np.isnan(estimates._lowest(pd.Series([], dtype=float)).value)


# Figures and claims


def test_figures_are_drawn(tables: chapter.Tables) -> None:
    exact, sweep = tables["exact"], tables["dimensions"]
    strengths = measures.at_dimension(8, sweep, ["dissl"], tables["strengths"])
    rivals = measures.at_dimension(8, sweep, ["cissl", "dissl"], tables["rivals"])
    gained = measures.gains(sweep, base=2)
    drawn = [
        figures.dichotomies(theory.dichotomies(Settings())),
        figures.codes(tables["codes"]),
        figures.worst_tasks(exact[exact["head"] == "linear"]),
        figures.head_family(exact[exact.dim == 9]),
        figures.dimensions({"digits": sweep}),
        figures.dimensions({"one": sweep, "two": sweep}, again=sweep[sweep.seed == 0]),
        figures.ranks(sweep),
        figures.gains({"one": gained, "two": gained}, paper=paper.gains_7c()),
        figures.probe_family({"one": (sweep, tables["mlp-heads"])}, paper=paper.figure_7c()),
        figures.probe_family(dict.fromkeys(("one", "two"), (sweep, tables["mlp-heads"]))),
        figures.strengths(strengths, paper=paper.figure_7a()),
        figures.rivals({"one": rivals}),
        figures.rivals({"one": rivals, "two": rivals}),
        figures.ablation({"one": rivals}),
        figures.epochs(measures.at_dimension(8, sweep, ["cissl"], tables["epochs"])),
    ]
    for fig in drawn:
        assert fig.get_figwidth() == plotting.WIDTH
        assert all(text.get_fontsize() >= 10 for ax in fig.axes for text in ax.texts)
        plt.close(fig)


def test_pairs_of_heads_are_named_by_student_and_teacher_in_one_order() -> None:
    names = ["dino", "dissl", "simclr", "cissl"]
    table = pd.DataFrame({"variant": names * 2, "full": 0.5, "few": 0.4, "augmented": 0.3})
    fig = figures.ablation({"one": table, "two": table})
    shown = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert shown == ["CISSL: linear, MLP", "SimCLR: one MLP", "DISSL: linear, MLP"]
    assert {label.get_text() for label in fig.axes[1].get_yticklabels()} == {""}
    plt.close(fig)


def test_what_some_images_lack_stays_empty_there() -> None:
    table = pd.DataFrame(
        {"variant": ["cissl", "dissl"] * 2, "full": 0.5, "few": 0.4, "augmented": 0.3}
    )
    for draw in (figures.ablation, figures.rivals):
        fig = draw({"one": table[table.variant == "cissl"], "two": table})
        assert len(fig.axes[0].get_yticklabels()) == 2
        for ax, rows in zip(fig.axes, (1, 2), strict=False):
            (dots,) = (line for line in ax.lines if line.get_marker() == "o")
            assert np.isfinite(dots.get_xdata()).sum() == rows
        plt.close(fig)


def test_label_of_a_level_goes_where_no_curve_is() -> None:
    from ssl_lib.papers.issl.figures.pretraining import _freest_place

    def table(*curves: list[float]) -> pd.DataFrame:
        rows = [
            {"variant": str(place), "dim": 2**k, "full": value}
            for place, curve in enumerate(curves)
            for k, value in enumerate(curve)
        ]
        return pd.DataFrame(rows)

    # All curves cross on the left and end above: below, on the right.
    crossing = table([0.1, 0.4, 0.5, 0.6], [0.0, 0.35, 0.4, 0.5])
    assert _freest_place(crossing, "full", 0.3, (0.0, 0.7)) == (-1, "top")
    # They start far below and end just below, under a ceiling: below, on the left.
    ceiling = table([0.1, 0.3, 0.9, 0.94], [0.0, 0.2, 0.8, 0.93])
    assert _freest_place(ceiling, "full", 0.95, (0.0, 1.0)) == (0, "top")


def test_label_curve_holds_every_number_of_labels(tables: chapter.Tables) -> None:
    curve = measures.label_curve(tables["strengths"])
    assert sorted(curve["labels"].unique()) == [10, 20, 50, 100, 300, 1200]
    assert len(curve) == 6 * len(tables["strengths"])


def test_every_claim_gets_its_estimates(tables: chapter.Tables) -> None:
    settings = Settings(profile="smoke", dims=(2, 8))
    photos = experiments.pictures()
    own = chapter.Tables(settings=settings, tables=tables.tables)
    none = estimates.estimates(settings, tables, theory.dichotomies(Settings()))
    given = estimates.estimates(
        settings, tables, theory.dichotomies(Settings()), {"the run": own, **photos}
    )
    own_claims = {claim.id: claim for claim in claims.load() if claim.paper == "issl"}
    assert set(given) == set(own_claims)
    assert set(none) | set(estimates.NOT_TESTED) == set(own_claims)
    for name, claim in own_claims.items():
        assert claims.decide(claim.rules, given[name]) in claims.VERDICTS
    theorem = given["C1"]
    assert isinstance(theorem, dict)
    assert theorem["error against the formula"].value == 0
    sweep = tables["dimensions"]
    of = sweep.groupby(["variant", "dim"]).full.mean()
    grown = {name: of[name, 8] - of[name, 2] for name in ("cissl", "dissl", "untrained")}
    gain = given["C2b"]
    assert isinstance(gain, Estimate)
    expected = 100 * ((grown["cissl"] + grown["dissl"]) / 2 - grown["untrained"])
    alone = estimates._real_gains({"the run": own})
    assert alone is not None
    assert (alone.value, alone.n) == (pytest.approx(expected), 2)
    others = [estimates._real_gain(kept).value for kept in photos.values()]
    assert gain.value == pytest.approx(min(expected, *others))
    full = tables["rivals"].groupby("variant").full.mean()
    rival = given["C4"]
    assert isinstance(rival, dict)
    dissl = sweep[(sweep.variant == "dissl") & (sweep.dim == 8)].full.mean()
    assert rival["above SwAV"].value == pytest.approx(100 * (dissl - full.swav))


def test_losses_are_one_loss() -> None:
    assert estimates.largest_identity_error(5) < 1e-12


# A reader's own encoder, and the page


def test_own_images_are_split_in_halves(tmp_path: Path) -> None:
    train, test = own.folder_or_shapes("", most=60)
    assert len(train) == len(test) == 30
    encoder = own.model("convnet", train, seed=0)
    assert encoder(torch.zeros(2, 3, 32, 32)).shape == (2, 128)
    with pytest.raises(InputError):
        own.folder_or_shapes(str(tmp_path / "nowhere"), most=60)


def test_papers_numbers_are_the_dossiers() -> None:
    assert paper.figure_7c().linear.tolist() == [0.403, 0.470, 0.484, 0.488]
    assert paper.figure_7a().accuracy.max() == 0.441
    assert paper.table_1().distillation.tolist() == [43.3, 45.1, 48.0, 49.0, 50.7]


def test_notebook_shows_every_figure(repository: Path) -> None:
    notebook = nbformat.read(repository / "notebooks" / "issl.ipynb", as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    for name in figures.__all__:
        assert f"figures.{name}(" in code
    assert "encoder_ideality(encoder, train, test)" in code
