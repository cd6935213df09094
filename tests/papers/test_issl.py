"""The ISSL chapter: settings, known classes, runs, tables, figures, claims, notebook."""

import re
from dataclasses import replace
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
from ssl_lib.papers.issl import (
    Settings,
    estimates,
    experiments,
    figures,
    images,
    own,
    paper,
    pretraining,
    publish,
    real,
    summary,
    theory,
)
from ssl_lib.papers.issl.exact import ExactISSL, partners
from ssl_lib.results import Result, Store

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
    assert len({*settings.run_seeds}) == 5
    assert settings.run_seeds[:2] == Settings(seed=7, seeds=2).run_seeds
    assert settings.run_seeds != Settings(seed=8, seeds=5).run_seeds
    assert Settings(data="cifar10", profile="standard").recipe.encoder == "resnet9"


def test_paper_profile_has_the_official_settings() -> None:
    settings = Settings(profile="paper")
    recipe = settings.recipe
    assert settings.sweep == (128, 512, 2048, 8192)
    assert (settings.data_name, recipe.encoder, recipe.size) == ("tiny-imagenet", "resnet18", 64)
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (300, 512, 2e-3)
    assert (recipe.weight_decay, recipe.warmup_epochs) == (1e-6, 10)
    assert (recipe.temperature, recipe.hidden, recipe.embedding) == (0.07, 1024, 128)
    assert (recipe.latents, recipe.rank, recipe.dissl_temperatures) == (16_384, 512, (0.5, 1.0))


def test_standard_is_the_papers_figure_eight_times_smaller() -> None:
    settings = Settings(profile="standard")
    recipe = settings.recipe
    encoder = models.build_encoder(
        recipe.encoder, in_channels=3, image_size=32, out_dim=settings.sweep[0],
        **recipe.encoder_options,
    )  # fmt: skip
    assert encoder.expansion.first.in_channels == settings.channels == settings.reference == 64
    official = Settings(profile="paper")
    ratios = [d / settings.channels for d in settings.sweep]
    assert ratios == [d / official.channels for d in official.sweep] == [0.25, 1, 4, 16]
    assert (recipe.images, recipe.precision, recipe.probe) == (8000, "bfloat16", "ridge")
    assert recipe.hidden / official.recipe.hidden == 1 / 4
    assert recipe.latents == recipe.batch_size
    assert len(settings.run_seeds) == 3


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
    settings = Settings(profile="smoke", seed=2)
    linear, mlp = theory.worst_tasks(settings), theory.head_family(settings)
    for name in ("seeds", "epochs"):
        assert linear.manifest.key["config"][name] == mlp.manifest.key["config"][name]
    both = theory.both_heads(linear.table, mlp.table)
    assert set(both.dim) == {9}
    assert both.groupby("head").run.apply(list).to_dict() == {"linear": [0, 1], "mlp": [0, 1]}


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
    config = theory.Exact(dims=(3, 9), heads=("linear",), seeds=(0,), epochs=100, profile="quick")
    table = theory.measure(config)
    mean = table.groupby("dim")[["predictability", "worst_task", "worst_mlp"]].mean()
    assert (mean.predictability > 0.999).all()
    assert mean.worst_task[9] >= 0.98
    assert mean.worst_task[3] <= 0.75
    assert mean.worst_mlp[3] >= 0.99


# Runs


@pytest.mark.parametrize("variant", pretraining.VARIANTS)
def test_every_variant_is_a_method_with_the_same_heads(variant: str) -> None:
    recipe = Settings().recipe
    name, options = pretraining.variant_options(variant, recipe)
    encoder = models.build_encoder("mlp", in_channels=1, image_size=8, out_dim=8)
    method = build_method(name, encoder, **options)
    widths = {m.out_features for m in method.modules() if isinstance(m, torch.nn.Linear)}
    assert widths <= {8, 64, recipe.hidden, recipe.embedding, recipe.latents}
    assert method.min_views == 2


def test_unknown_variant_is_named() -> None:
    with pytest.raises(InputError, match="Did you mean 'CISSL'"):
        pretraining.variant_options("CISL", Settings().recipe)


@pytest.fixture(scope="module")
def store_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Compute all tables of the smoke profile once."""
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        patch.setenv("SSL_LIB_CACHE", str(cache))
        settings = Settings(profile="smoke", dims=(2, 8))
        sweep = experiments.dimensions(settings)
        again = experiments.dimensions(settings)
        rivals = experiments.rivals(settings)
        found: dict[str, Any] = {
            "cache": cache,
            "settings": settings,
            "sweep": sweep,
            "again": again,
            "stored": [made.name for made in Store().entries()],
            "mlp": experiments.mlp_heads(settings),
            "rivals": experiments.with_reference(
                sweep.table, rivals.table, ["CISSL", "DISSL"], dim=settings.reference
            ),
        }
        for name in ("strengths", "epochs"):
            result = getattr(experiments, name)(settings)
            variant = "DISSL" if name == "strengths" else "CISSL"
            found[name] = experiments.with_reference(
                sweep.table, result.table, [variant], dim=settings.reference
            )
    return found


def test_sweep_is_stored_under_its_public_name(store_results: dict[str, Any]) -> None:
    sweep: Result = store_results["sweep"]
    assert "issl-dimension-sweep" in store_results["stored"]
    assert store_results["again"].origin == "cache"
    pd.testing.assert_frame_equal(sweep.table, store_results["again"].table)
    wanted = {"variant", "dim", "run", "parameters", "full", "few", "augmented", "rankme"}
    assert wanted <= {*sweep.table}
    groups = sweep.table.groupby(["variant", "dim"]).size()
    assert (groups == 2).all()
    assert len(groups) == 3 * 2 + 1


def test_sweep_measures_what_it_says(store_results: dict[str, Any]) -> None:
    table = store_results["sweep"].table
    wide = table[(table.dim == 8) & (table.variant != "raw pixels")]
    sizes = {d: 64 * 128 + 128 * 128 + 128 * d + 2 * (128 + 128 + d) for d in (2, 8)}
    assert (table[table.variant == "CISSL"].parameters == table.dim.map(sizes)[:4]).all()
    assert table[table.variant == "raw pixels"].parameters.eq(0).all()
    assert table.images.eq(1200).all()
    assert wide.rankme.between(1, 8.001).all()
    assert wide.full.gt(0.3).all()
    random = table[table.variant == "random encoder"]
    assert random.loss.isna().all()
    trained = table[table.variant == "CISSL"].groupby("dim").full.mean()
    assert trained[8] > random.groupby("dim").full.mean()[8] > random.groupby("dim").full.mean()[2]


def test_seeds_differ_and_pixels_only_in_drawn_labels(store_results: dict[str, Any]) -> None:
    table = store_results["sweep"].table
    for variant in ("CISSL", "DISSL"):
        part = table[(table.variant == variant) & (table.dim == 8)]
        assert part.loss.nunique() == 2
    pixels = table[table.variant == "raw pixels"]
    assert pixels.full.nunique() == 1
    assert pixels.dim.eq(64).all()
    assert pixels.full.iloc[0] == pytest.approx(0.972, abs=0.02)


def test_one_code_path_trains_convolutional_networks(tmp_path: Path) -> None:
    settings = Settings(profile="smoke", data="shapes", dims=(8, 16))
    recipe = settings.recipe
    small = {**vars(recipe), "batch_size": 256, "latents": 32, "rank": 16, "hidden": 16, "size": 8}
    small |= {"encoder_options": {"width": 4, "expansion_hidden": 8}, "shots": (1,), "few": 1}
    cell = pretraining.Cell(variant="DISSL", dim=32, strength=1.0, epochs=1)
    sweep = pretraining.Sweep(
        cells=(cell,), recipe=type(recipe)(**small), data="shapes", seeds=(3,), profile="smoke",
        device="cpu",
    )  # fmt: skip
    first = pretraining.run(sweep, tmp_path)
    assert (tmp_path / "cell-0" / "0").is_dir()
    pd.testing.assert_frame_equal(pretraining.run(sweep, tmp_path), first)
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
    recipe = Settings(profile="smoke", data="shapes").recipe
    sweep = pretraining.Sweep(
        cells=(), recipe=type(recipe)(**{**vars(recipe), "images": 200, "size": 8}),
        data="shapes", seeds=(1,), profile="smoke", device="cpu",
    )  # fmt: skip
    train, test = pretraining.load(sweep)
    counts = train.counts()
    assert abs(len(train) - 200) <= len(counts)
    assert int(counts.max() - counts.min()) <= 3
    assert train.fingerprint == pretraining.load(sweep)[0].fingerprint
    assert len(test) > 200


# Real images


@pytest.fixture
def published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_results: dict[str, Any]
) -> Path:
    """Publish the smallest sweep as the module's command does, from the store that has it."""
    monkeypatch.setenv("SSL_LIB_CACHE", str(store_results["cache"]))
    settings, folder = store_results["settings"], tmp_path / "issl"
    written = publish.publish(settings, only=["dimensions", "rivals"], directory=folder)
    for path, name in zip(written, ("issl-dimension-sweep", "issl-rivals"), strict=True):
        # The committed names of CIFAR-10's tables are those without a suffix.
        assert path.name == f"{name}-digits.csv"
        for file in (path, path.with_suffix(".json")):
            file.rename(folder / file.name.replace("-digits", ""))
    return folder


def test_published_sweep_is_read_where_the_run_had_digits(
    published: Path, store_results: dict[str, Any]
) -> None:
    own = store_results["sweep"]
    found = real.load(Settings(), own, committed=published)
    assert found is not None
    assert found.result.origin == "committed"
    assert found.result.changes == ()
    pd.testing.assert_frame_equal(found.table, own.table)
    assert real.load(Settings(), own, committed=published / "nowhere") is None
    assert [*found.others] == ["issl-rivals"]
    rivals = found.beside("issl-rivals", variants=["CISSL"])
    assert rivals is not None
    assert set(rivals.variant) == {"CISSL", "SimCLR", "VICReg", "SwAV", "DINO"}
    assert rivals.dim.eq(8).all()
    assert found.beside("issl-heads", variants=["CISSL"]) is None
    kept = real.load(Settings(profile="standard"), own, committed=published)
    assert kept is not None
    assert kept.result is own


def test_damaged_table_is_an_error_and_an_absent_one_is_not(
    published: Path, store_results: dict[str, Any]
) -> None:
    table = published / "issl-dimension-sweep.csv"
    table.write_bytes(table.read_bytes()[:-40])
    with pytest.raises(InputError, match="is not the table that"):
        real.load(Settings(), store_results["sweep"], committed=published)


def test_tables_of_other_runs_do_not_stand_beside_the_sweep(
    published: Path, store_results: dict[str, Any]
) -> None:
    rivals = Store(committed=published).committed("issl-rivals")
    config = {**rivals.manifest.key["config"], "seeds": [5, 6]}
    made = replace(rivals.manifest, key={**rivals.manifest.key, "config": config})
    Store().publish(replace(rivals, manifest=made), published)
    found = real.load(Settings(), store_results["sweep"], committed=published)
    assert found is not None
    assert found.others == {}


def test_unknown_table_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'rivals'"):
        publish.publish(only=["rival"], directory=tmp_path)


def test_sweep_of_the_project_is_of_real_images() -> None:
    found = real.load(Settings(), None)  # type: ignore[arg-type]
    assert found is not None
    assert set(found.table.variant) == {"CISSL", "DISSL", "random encoder", "raw pixels"}
    trained = found.table[found.table.variant != "raw pixels"]
    assert len(set(trained.dim)) >= 4
    assert found.base == found.channels == 64
    assert found.data == "cifar10"
    assert trained.groupby(["variant", "dim"]).run.nunique().eq(3).all()
    assert found.few == 100
    for name in ("issl-rivals", "issl-heads"):
        assert found.others[name].table.groupby("variant").run.nunique().eq(3).all()
    sizes = trained.groupby("dim").parameters.unique()
    for dim, size in sizes.items():
        encoder = models.build_encoder(
            "resnet9", in_channels=3, image_size=32, out_dim=dim,
            **found.recipe["encoder_options"],
        )  # fmt: skip
        assert size.tolist() == [sum(p.numel() for p in encoder.parameters())]


def test_gains_are_paired_differences_and_costs_are_means(store_results: dict[str, Any]) -> None:
    table = store_results["sweep"].table
    gained = real.gains(table, base=2)
    assert gained[gained.dim == 2].gain.eq(0).all()
    one = gained[(gained.variant == "DISSL") & (gained.run == 1) & (gained.dim == 8)]
    runs = table[(table.variant == "DISSL") & (table.run == 1)].set_index("dim").full
    assert one.gain.item() == pytest.approx(100 * (runs[8] - runs[2]))
    assert one.ratio.item() == 4
    cost = real.costs(table).set_index(["variant", "d"])
    wide = table[(table.variant == "CISSL") & (table.dim == 8)]
    assert cost["all labels"]["CISSL", 8] == pytest.approx(100 * wide.full.mean())
    assert cost.parameters["raw pixels", 64] == 0


def test_verdicts_are_intervals_of_paired_gains() -> None:
    def runs(variant: str, *gained: float) -> list[dict[str, Any]]:
        ends = [(8, [0.4] * 3), (64, [0.4 + g for g in gained])]
        return [
            {
                "variant": variant,
                "run": run,
                "dim": dim,
                "full": value,
                "few": 0.4,
                "augmented": 0.4,
            }
            for dim, values in ends
            for run, value in enumerate(values)
        ]

    table = [*runs("CISSL", 0.05, 0.06, 0.05), *runs("DISSL", 0.02, -0.03, 0.01)]
    table += runs("random encoder", 0.04, 0.05, 0.04)
    said = real.verdicts(pd.DataFrame(table), base=8).set_index(["method", "probe"])
    assert said.gain["CISSL", "all labels"] == pytest.approx(16 / 3)
    assert said.gains["CISSL", "all labels"] == said.more["CISSL", "all labels"] == "yes"
    assert said["beyond untrained"]["CISSL", "all labels"] == pytest.approx(1.0)
    assert said.gains["DISSL", "all labels"] == "cannot tell"
    assert said.more["DISSL", "few labels"] == "cannot tell"


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

    values, others = [0.3, 0.9, 0.7, 0.4], [0.1, 0.5, 0.6, 0.1]
    gap = summary.difference(values, others, scale=100)
    paired = stats.ttest_rel(values, others).confidence_interval(0.95)
    assert gap.bounds == pytest.approx((100 * paired.low, 100 * paired.high))


# Figures and claims


@pytest.fixture(scope="module")
def exact() -> pd.DataFrame:
    config = theory.Exact(
        dims=(2, 9), heads=("linear", "mlp"), seeds=(0, 1), epochs=5, profile="smoke"
    )
    return theory.measure(config)


def test_figures_are_drawn(store_results: dict[str, Any], exact: pd.DataFrame) -> None:
    sweep = store_results["sweep"].table
    linear = exact[exact["head"] == "linear"]
    drawn = [
        figures.dichotomies(theory.dichotomies(Settings())),
        figures.worst_tasks(linear),
        figures.head_family(exact[exact.dim == 9]),
        figures.dimensions(sweep),
        figures.ranks(sweep),
        figures.gains(real.gains(sweep, base=2), paper=paper.gains_7c()),
        figures.probe_family(sweep, store_results["mlp"].table, paper=paper.figure_7c()),
        figures.strengths(store_results["strengths"], paper=paper.figure_7a()),
        figures.comparison(store_results["rivals"]),
        figures.epochs(store_results["epochs"]),
    ]
    for fig in drawn:
        assert fig.get_figwidth() == plotting.WIDTH
        assert all(text.get_fontsize() >= 10 for ax in fig.axes for text in ax.texts)
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


def test_label_curve_holds_every_number_of_labels(store_results: dict[str, Any]) -> None:
    curve = figures.label_curve(store_results["strengths"])
    assert sorted(curve["labels"].unique()) == [10, 20, 50, 100, 300, 1200]
    assert len(curve) == 6 * len(store_results["strengths"])


def test_every_claim_gets_its_estimates(store_results: dict[str, Any], exact: pd.DataFrame) -> None:
    given = estimates.estimates(
        store_results["settings"],
        dichotomies=theory.dichotomies(Settings()),
        worst=exact[exact["head"] == "linear"],
        heads=exact[exact.dim == 9],
        sweep=store_results["sweep"].table,
        mlp=store_results["mlp"].table,
        strengths=store_results["strengths"],
        rivals=store_results["rivals"],
        epochs=store_results["epochs"],
    )
    own_claims = {claim.id: claim for claim in claims.load() if claim.paper == "issl"}
    assert set(given) == set(own_claims)
    for name, claim in own_claims.items():
        assert claims.decide(claim.rules, given[name]) in claims.VERDICTS
    theorem = given["C1"]
    assert isinstance(theorem, dict)
    assert theorem["error against the formula"].value == 0
    sweep = store_results["sweep"].table
    both = sweep[sweep.variant.isin(["CISSL", "DISSL"])].groupby("dim").full.mean()
    gain = given["C2b"]
    assert isinstance(gain, Estimate)
    assert gain.value == pytest.approx(100 * (both[8] - both[2]))
    assert gain.n == 2


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
