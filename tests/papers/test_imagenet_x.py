"""The ImageNet-X chapter: settings, tables against known values, figures, claims, fallback."""

import dataclasses
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch

from ssl_lib import claims, plotting
from ssl_lib.errors import InputError, MissingData
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x import published
from ssl_lib.papers import chapter
from ssl_lib.papers.imagenet_x import Settings, Tables, estimates, figures, load, own
from ssl_lib.papers.imagenet_x.experiments import experiments
from ssl_lib.papers.imagenet_x.measures import (
    annotations,
    augmentation,
    base_models,
    comparison,
    robustness,
    shared,
)
from ssl_lib.papers.imagenet_x.measures.intervals import wilson
from ssl_lib.papers.imagenet_x.rows import BASE
from ssl_lib.paths import share
from ssl_lib.results import Store
from ssl_lib.results.evidence import find, gather, publish
from ssl_lib.results.published import write

HAS_DATA = bool(os.environ.get("SSL_LIB_DATA"))
needs_data = pytest.mark.skipif(not HAS_DATA, reason="needs the published files: set SSL_LIB_DATA")


@pytest.fixture(scope="module")
def kept() -> Tables:
    """Return the published counts, which need neither data nor network."""
    settings = Settings(profile="smoke")
    tables = chapter.published(experiments(settings), slug="imagenet_x")
    return Tables(settings=settings, tables=tables)


@pytest.fixture(scope="module")
def models(kept: Tables) -> comparison.Comparison:
    return comparison.compare(kept)


def by(table: pd.DataFrame, *keys: str) -> pd.DataFrame:
    return table.set_index(list(keys))


# Settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"selection": "all"}, "selection must be 'top' or 'multi', got 'all'"),
        ({"scoring": "clas"}, "scoring must be 'class', 'real' or 'metaclass', got 'clas'. Did"),
        ({"replicates": 10}, "replicates must be 0 (the profile's number) or from 100"),
        ({"replicates": -100}, "replicates must be 0"),
        ({"replicates": 10**9}, "replicates must be 0"),
        ({"replicates": True}, "replicates must be an integer"),
        ({"replicates": 200.0}, "replicates must be an integer"),
        ({"images": 3}, "images must be text"),
        ({"model": ""}, "model must not be empty"),
        ({"fresh": "yes"}, "fresh must be true or false, got 'yes'"),
        ({"profile": "fast"}, "Unknown profile 'fast'"),
        ({"seed": -1}, "seed must be between 0"),
    ],
)
def test_senseless_settings_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Settings(**given)


def test_profiles_change_only_the_number_of_replicates() -> None:
    draws = [Settings(profile=p).draws for p in ("smoke", "quick", "standard", "paper")]
    assert draws == sorted(set(draws))
    assert Settings(profile="paper", replicates=300).draws == 300


# Annotations (dossier 4.1 to 4.3); the wheel alone


def test_prevalence_to_the_printed_digits() -> None:
    percent = by(annotations.prevalence(), "factor", "selection", "split").percent.round(2)
    assert percent["pose"].tolist() == [92.11, 86.69, 29.02, 32.67]
    assert percent["pattern"].tolist() == [61.15, 33.57, 22.48, 12.95]
    assert percent["brighter"].tolist() == [0.06, 0.20, 0.04, 0.10]
    images = by(annotations.prevalence(), "split", "selection", "factor").images.sort_index()
    assert images["val", "top"].sum() == 46_108
    assert images["val", "multi", "style"] == 586


def test_splits_are_alike_but_not_the_same() -> None:
    like = by(annotations.similarity(annotations.prevalence()), "selection").round(3)
    assert like.loc["multi", ["pearson", "spearman", "total_variation"]].tolist() == [
        0.980,
        0.994,
        0.084,
    ]
    assert like.loc["multi", ["ticks_train", "ticks_val"]].round(2).tolist() == [3.10, 2.57]


def test_every_factor_has_a_meaning() -> None:
    assert list(annotations.MEANINGS) == list(ix.FACTORS)
    shown = annotations.glossary(annotations.prevalence())
    assert shown.notna().all().all()
    assert shown.factor.iloc[0] == "pose"


def test_active_factors_of_val() -> None:
    table = annotations.active_factors().query("split == 'val'")
    expected = [2, 6382, 18179, 13091, 6331, 1692, 358, 56, 11, 4, 3, 1]
    assert table.images.tolist() == expected


def test_associations_to_the_printed_digits() -> None:
    phi = 100 * by(annotations.associations(), "split", "factor", "other").phi
    assert phi["val", "larger", "partial_view"].round(1) == 17.7
    assert phi["val", "color", "pose"].round(1) == -8.5
    assert phi["val", "pattern", "dog"].round(1) == -16.9
    assert phi["train", "style", "color"].round(1) == 19.1
    pairs = annotations.associations().query("kind == 'factor' and split == 'val'")
    assert len(pairs) == 16 * 15 / 2


def test_class_shift_to_the_printed_digits() -> None:
    shift = by(annotations.class_shift(), "metaclass", "factor")["shift"].round(2)
    assert shift["dog", "pose"] == 0.36
    assert shift["dog", "pattern"] == -0.84
    assert shift["food", "shape"] == 2.62
    assert shift["equipment", "subcategory"] == 2.35


# Four base models (4.2, 4.6, 4.9, 4.10), from the committed counts


def test_kinds_of_images_sum_to_the_annotated_images(kept: Tables) -> None:
    counts = kept["images"]
    assert counts.images.sum() == 48_868
    assert counts.images[~counts.prototype].sum() == 46_110
    assert counts.images[~counts.prototype & counts["empty"]].sum() == 3_085
    assert not counts.duplicated(list(counts.columns[:-1])).any()


def test_expanded_counts_equal_the_annotations(kept: Tables) -> None:
    for selection in ("top", "multi"):
        table = kept.scored(selection=selection).table
        expected = ix.load_annotations(selection=selection)
        assert len(table) == len(expected)
        assert (table.factors.sum(axis=0) == expected.factors.sum(axis=0)).all()
        assert (np.bincount(table.labels) == np.bincount(expected.labels)).all()


def test_error_ratios_of_the_base_models(kept: Tables) -> None:
    table = by(base_models.error_ratios(kept), "model", "factor")
    ratio = table.error_ratio.round(6)
    assert ratio["DINO", "pose"] == 0.726197
    assert ratio["DINO", "texture"] == 2.150316
    assert ratio["ResNet50", "pose"] == 0.694739
    assert ratio["ResNet50", "style"] == 1.927983
    assert ratio["SimCLR", "background"] == 1.086696
    assert ratio["ViT", "multiple_objects"] == 1.613592
    assert ((table.low <= table.error_ratio) & (table.error_ratio <= table.high)).all()


@pytest.mark.parametrize(
    ("options", "averages", "texture"),
    [
        ({"scoring": "class"}, [0.7676, 0.7467, 0.6641, 0.7543], [2.045, 2.394, 2.058, 2.150]),
        ({"scoring": "real"}, [0.7753, 0.7643, 0.6931, 0.7634], [1.957, 2.106, 1.941, 2.114]),
        ({"scoring": "metaclass"}, [0.8975, 0.8839, 0.8493, 0.8891], [2.006, 2.566, 2.424, 2.430]),
        (
            {"scoring": "real", "empty": "exclude"},
            [0.8308, 0.8191, 0.7428, 0.8182],
            [1.920, 2.173, 1.994, 2.186],
        ),
        (
            {"selection": "multi", "scoring": "metaclass"},
            [0.8975, 0.8839, 0.8493, 0.8891],
            [2.120, 2.499, 2.144, 2.319],
        ),
    ],
)
def test_scorings(
    kept: Tables, options: dict[str, str], averages: list[float], texture: list[float]
) -> None:
    counts = kept.scored(**options).counts()
    assert counts.accuracy.round(4).tolist() == averages
    assert counts.error_ratio[:, ix.FACTORS.index("texture")].round(3).tolist() == texture


def test_tables_of_scorings(kept: Tables) -> None:
    table = base_models.scorings(kept)
    assert len(table) == 2 * 4 * 4 * 16
    shown = base_models.side_by_side(table)
    assert len(shown) == 2 * 4 * 16
    first = shown.iloc[0]
    assert first.factor == "pose"
    assert first.ViT.startswith("0.74 (")


def test_averages_and_calibration(kept: Tables) -> None:
    table = by(base_models.averages(kept), "model")
    assert table.worst_100_classes.round(3).tolist() == [0.419, 0.382, 0.283, 0.374]
    assert table.worst_factor.unique().tolist() == ["texture"]
    assert table.calibration_error.round(3).tolist() == [0.016, 0.040, 0.055, 0.031]
    errors = by(base_models.calibration(kept), "factor").round(3)
    assert errors.loc["subcategory", list(BASE)].tolist() == [
        0.139,
        0.224,
        0.172,
        0.154,
    ]


def test_error_by_ticks(kept: Tables) -> None:
    wide = base_models.error_by_ticks(kept).pivot(index="ticks", columns="model", values="error")
    assert wide.loc[6, list(BASE)].round(3).tolist() == [0.584, 0.668, 0.743, 0.628]


def test_classes_as_clusters_widen_common_factors_most(kept: Tables) -> None:
    table = base_models.class_clusters(kept)
    assert table.by_image.to_numpy() == pytest.approx(ix.error_ratio_sd(kept.scored()).ravel())
    means = table.groupby("factor").inflation.mean()
    assert means["pose"] > 1.05
    assert means["brighter"] == pytest.approx(1, abs=0.1)


def test_empty_labels_move_ratios_both_ways(kept: Tables) -> None:
    vit = by(base_models.empties(kept).query("model == 'ViT'"), "factor")
    assert vit.percent[["texture", "style", "object_blocking"]].round(1).tolist() == [
        17.0,
        16.3,
        1.3,
    ]
    moved = vit.loc[["style", "larger", "object_blocking"], ["wrong", "exclude"]].round(2)
    assert moved.to_numpy().tolist() == [[1.35, 0.99], [1.19, 0.95], [1.31, 1.69]]


def test_prototypes_cost_what_the_dossier_says(kept: Tables) -> None:
    table = base_models.prototype_effect(kept).groupby("model").first()
    cost = 100 * (table.average_keep - table.average_drop)
    assert cost[list(BASE)].round(2).tolist() == [1.25, 1.43, 1.69, 1.33]
    assert table.on_prototypes["ResNet50"] == 1


def test_metaclass_weaknesses_of_vit(kept: Tables) -> None:
    table = by(base_models.metaclass_ratios(kept), "metaclass", "factor")
    ratio = table.error_ratio.round(2)
    assert ratio["vessel", "object_blocking"] == 2.88
    assert table.images["vessel", "object_blocking"] == 1
    assert ratio["commodity", "style"] == 3.51
    assert ratio["dog", "subcategory"] == 3.39
    assert (table.sort_index().images.drop("all images") == 0).sum() == 21
    named = base_models.strengths_and_weaknesses(table.reset_index())
    dogs = by(named, "metaclass").loc["dog"]
    assert dogs.robust.startswith("partial view 0.64 (n = 61), pose 0.82 (n = 2,435)")
    assert base_models.strengths_and_weaknesses(table.reset_index(), fewest=10).shape == (18, 4)


def test_class_adjusted_ratios(kept: Tables) -> None:
    wide = (
        base_models.class_adjusted(kept)
        .pivot(index="factor", columns="model", values="adjusted")[list(BASE)]
        .round(2)
    )
    assert wide.loc["texture"].tolist() == [1.48, 1.69, 1.53, 1.54]
    assert wide.loc["smaller"].tolist() == [1.61, 1.48, 1.50, 1.51]
    assert wide.loc["object_blocking"].tolist() == [2.00, 1.75, 1.65, 1.73]


def test_shared_mistakes(kept: Tables) -> None:
    table = base_models.shared_mistakes(kept)
    assert table.percent.iloc[[0, 4]].round(1).tolist() == [55.6, 12.3]
    assert table.independent.sum() == pytest.approx(100)
    errors = 1 - kept.scored().counts().accuracy
    assert table.independent.iloc[4] == pytest.approx(100 * errors.prod())


def test_linear_model_and_its_intervals(kept: Tables) -> None:
    table = by(base_models.linear_model(kept), "model", "factor")
    assert table.points["ResNet50", "subcategory"].round() == 39
    assert table.points["ViT", "smaller"].round() == 14
    # The interval against image resampling, on one coefficient.
    rows = kept.scored(selection="multi").select(["ViT"])
    generator = np.random.default_rng(0)
    subset = generator.choice(len(rows.table), 4000, replace=False)
    few = dataclasses.replace(
        rows,
        table=rows.table.subset(np.sort(subset)),
        correct=rows.correct[:, np.sort(subset)],
        predicted=np.array([4000]),
    )
    fits = ix.linear_probability_model(few)
    robust = base_models.robust_errors(few.table.factors, few.correct, fits)[0, 1:3]
    design, wrong = few.table.factors.astype(float), 1.0 - few.correct[0]
    draws = []
    for _ in range(200):
        pick = generator.integers(0, 4000, 4000)
        x = np.column_stack([np.ones(4000), design[pick]])
        draws.append(np.linalg.lstsq(x, wrong[pick], rcond=None)[0][1:3])
    assert robust == pytest.approx(np.std(draws, axis=0), rel=0.2)


# The main comparison (4.4, 4.5, 4.10)


def test_comparison_has_209_models_of_four_families(models: comparison.Comparison) -> None:
    names, sizes = np.unique(models.families, return_counts=True)
    found = dict(zip(names.tolist(), sizes.tolist(), strict=True))
    assert [found[name] for name in comparison.FAMILIES] == [43, 83, 13, 70]


@pytest.mark.parametrize(
    ("factor", "by_family", "p_value", "overall"),
    [
        ("pose", [0.722, 0.726, 0.769, 0.740], 5e-4, 0.732),
        ("pattern", [0.888, 0.893, 0.906, 0.895], 0.17, 0.893),
        ("color", [1.181, 1.177, 1.118, 1.171], 4e-6, 1.172),
        ("darker", [1.355, 1.471, 1.289, 1.454], 5e-7, 1.430),
        ("person_blocking", [1.609, 1.809, 1.883, 1.850], 3e-5, 1.786),
        ("subcategory", [2.134, 1.988, 1.751, 1.896], 6e-6, 1.973),
        ("texture", [2.152, 2.212, 1.993, 2.156], 1e-3, 2.167),
    ],
)
def test_family_table(
    models: comparison.Comparison,
    factor: str,
    by_family: list[float],
    p_value: float,
    overall: float,
) -> None:
    part = by(comparison.family_ratios(models).query("factor == @factor"), "family")
    assert part.error_ratio[list(comparison.FAMILIES)].round(3).tolist() == by_family
    assert float(f"{part.p_value.iloc[0]:.1g}") == pytest.approx(p_value, rel=0.2)
    means = by(comparison.mean_ratios(models), "factor")
    assert means.error_ratio[factor].round(3) == overall


def test_families_that_do_not_differ(models: comparison.Comparison) -> None:
    table = comparison.family_ratios(models)
    alike = sorted(table[~table.differs].factor.unique())
    assert alike == ["brighter", "multiple_objects", "partial_view", "pattern"]


def test_consistency(models: comparison.Comparison, kept: Tables) -> None:
    top = comparison.consistency(models).iloc[0]
    ticked = comparison.consistency(comparison.compare(kept, selection="multi")).iloc[0]
    assert top[["mean", "median", "low_5"]].astype(float).round(3).tolist() == [0.910, 0.921, 0.812]
    assert ticked[["mean", "low_5"]].astype(float).round(3).tolist() == [0.956, 0.897]
    assert top.low < top["mean"] < top.high
    assert top.pairs == 209 * 208 // 2


def test_interval_over_pairs_equals_brute_force(models: comparison.Comparison) -> None:
    few = comparison.Comparison(
        counts=models.counts.select(np.arange(12)), families=models.families[:12],
        images=models.images, draws=2, seed=0,
    )  # fmt: skip
    matrix = ix.pairwise_spearman(few.counts.error_ratio)
    seen: list[float] = []

    def brute(rows: np.ndarray) -> float:
        pairs = [matrix[a, b] for i, a in enumerate(rows) for b in rows[:i] if a != b]
        seen.append(float(np.mean(pairs)))
        return seen[-1]

    expected = few.interval(brute, 12)
    assert len(seen) == 2
    assert comparison.pairs_interval(few) == pytest.approx(expected)


def test_line_fits(models: comparison.Comparison) -> None:
    table = by(comparison.line_fits(models), "factor")
    assert table.index[0] == "pose"
    assert table.index[-1] == "subcategory"
    style = table.loc["style", ["pearson", "spearman", "slope", "intercept", "best"]]
    assert style.astype(float).round(3).tolist() == [0.828, 0.852, 1.119, -0.239, 0.757]
    assert table.above["brighter"].round(3) == 0.627
    assert ((table.low <= table.corrected) & (table.corrected <= table.high)).all()
    assert (table.corrected >= table.pearson).all()
    # With many images there is hardly any noise, with few it is most of the scatter.
    assert table.corrected["pose"] == pytest.approx(table.pearson["pose"], abs=1e-3)
    assert table.corrected["style"] > table.pearson["style"] + 0.05


def test_noise_is_taken_out_of_a_correlation(models: comparison.Comparison) -> None:
    # Models on a line, each seen on images of its own: what is left without noise is a correlation
    # of one, as long as the whole noise is the models' own.
    draw, counts = np.random.default_rng(0), models.counts
    images = np.full_like(counts.factor_images, 60)
    right = draw.binomial(images, counts.accuracy[:, None])
    drawn = dataclasses.replace(counts, factor_images=images, factor_correct=right)
    rows = np.arange(len(counts))
    assert comparison.pearson(drawn, rows).max() < 0.9
    assert comparison.corrected(drawn, rows, luck=1.0).mean() == pytest.approx(1, abs=0.03)


def test_what_images_do_to_mean_ratios_equals_brute_force(models: comparison.Comparison) -> None:
    scored = models.images
    change = shared.change_of_ratios(scored)
    assert change(np.arange(len(scored.table))) == pytest.approx(np.ones(16))
    drawn = np.random.default_rng(0).integers(0, len(scored.table), len(scored.table))
    again = ix.factor_counts(scored.correct[:, drawn], scored.table.factors[drawn])
    expected = again.error_ratio.mean(0) / scored.counts().error_ratio.mean(0)
    assert change(drawn) == pytest.approx(expected)


def test_models_share_much_of_their_luck(models: comparison.Comparison) -> None:
    assert 0.4 < shared.own_luck(models.images) < 0.51  # dossier: phi from .49 to .61
    twice = dataclasses.replace(models.images, correct=models.images.correct[[0, 0, 0, 0]])
    assert shared.own_luck(twice) == pytest.approx(0)


def test_intervals_over_images_are_wide_for_rare_factors(models: comparison.Comparison) -> None:
    table = by(comparison.mean_ratios(models), "factor")
    width = table.high - table.low
    assert width["multiple_objects"] > 5 * width["smaller"] > 5 * width["background"]
    expected = ix.bootstrap_error_ratio(models.images, replicates=200).sd[:, 0]
    assert width["pose"] / 3.92 == pytest.approx(expected.mean(), rel=0.4)


def test_error_ratio_depends_on_accuracy(models: comparison.Comparison) -> None:
    r = by(comparison.accuracy_dependence(models), "factor").correlation.round(2)
    assert r[["pose", "subcategory", "shape", "texture", "background"]].tolist() == [
        -0.95,
        0.95,
        0.84,
        0.84,
        0.81,
    ]


def test_effective_robustness(models: comparison.Comparison) -> None:
    gains = 100 * ix.effective_robustness(
        models.counts, reference=models.families == "ImageNet-1k"
    )  # fmt: skip
    own = {name: gains[models.families == name].mean(0) for name in comparison.FAMILIES}
    known = [("more data", "texture"), ("self-supervised", "style")]
    known.append(("robustness intervention", "multiple_objects"))
    found = [own[family][ix.FACTORS.index(factor)] for family, factor in known]
    assert np.round(found, 1).tolist() == [4.1, 5.3, -1.8]
    table = by(robustness.effective_robustness(models), "family", "factor")
    means = table.xs("mean of factors", level="factor")
    assert means.recipes["more data"] == 13
    assert means.gain["ImageNet-1k"] == pytest.approx(0, abs=0.2)
    assert ((means.low < means.gain) & (means.gain < means.high)).all()


def test_corrected_families(kept: Tables) -> None:
    found = comparison.compare(kept, corrected=True).families
    sizes = [int((found == name).sum()) for name in comparison.FAMILIES]
    assert sizes == [41, 81, 13, 70]


def test_models_of_one_recipe_count_once(models: comparison.Comparison) -> None:
    # A family of copies of two models: its interval is that of two, not of forty.
    names = ("resnet18_lpf2", "resnet50_cutmix")
    copies = [models.counts.models.index(name) for name in names for _ in range(20)]
    others = np.flatnonzero(models.families != "robustness intervention")

    def only(rows: np.ndarray) -> np.ndarray:
        few = dataclasses.replace(
            models, counts=models.counts.select(rows), families=models.families[rows]
        )
        return robustness.recipes(few)["robustness intervention"]

    many, two = only(np.concatenate([others, copies])), only(np.concatenate([others, copies[::20]]))
    assert many.shape == (2, 17)
    assert many == pytest.approx(two)


# The sweeps (4.7, 4.8)


@pytest.fixture(scope="module")
def sweeps(kept: Tables) -> dict[str, augmentation.Sweep]:
    return {name: augmentation.sweep(kept, name) for name in augmentation.SWEEPS}


@pytest.mark.parametrize(
    ("name", "models", "improved", "hurt"),
    [
        (
            "random crop",
            1271,
            {"pose": 33.7, "pattern": 20.0, "partial_view": 11.1},
            {"subcategory": -15.0, "background": -21.3, "smaller": -31.6},
        ),
        (
            "colour jitter",
            664,
            {"color": 26.7, "darker": 7.9, "larger": 6.4},
            {"background": -3.4, "smaller": -8.5, "pose": -18.1},
        ),
        (
            "Gaussian blur",
            161,
            {"subcategory": 19.9, "color": 15.1, "texture": 15.1},
            {"brighter": -2.5, "background": -2.6, "pose": -15.7},
        ),
    ],
)
def test_panels_of_the_sweeps(
    sweeps: dict[str, augmentation.Sweep],
    name: str,
    models: int,
    improved: dict[str, float],
    hurt: dict[str, float],
) -> None:
    one = sweeps[name]
    t = by(augmentation.effects(one), "factor").t.round(1)
    assert len(one.counts) == models
    table = augmentation.effects(one)
    shown = [list(table.factor[table.shown == side]) for side in ("improved", "hurt")]
    assert shown == [list(improved), list(hurt)]
    caption, alt = augmentation.described(one, augmentation.strengths(one), table)
    assert f"of {name}, {models:,} models" in caption
    assert f"hurt: {', '.join(hurt)}.".replace("_", " ") in alt
    assert {factor: t[factor] for factor in {**improved, **hurt}} == {**improved, **hurt}


def test_brighter_is_not_significant_under_jitter(sweeps: dict[str, augmentation.Sweep]) -> None:
    row = by(augmentation.effects(sweeps["colour jitter"]), "factor").loc["brighter"]
    assert row.p_value == pytest.approx(0.356, abs=5e-4)
    assert row.images == 44


@pytest.mark.parametrize(
    ("name", "strengths", "values"),
    [
        ("random crop", [1, 20, 40, 60, 80, 92], {"smaller": [1.259, 1.310, 1.402, 1.486, 1.542,
         1.563], "partial_view": [1.330, 1.341, 1.288, 1.225, 1.163, 1.130]}),
        ("colour jitter", [1, 25, 49, 73, 97], {"color": [1.156, 1.125, 1.104, 1.090, 1.077],
         "pose": [0.779, 0.785, 0.796, 0.803, 0.810]}),
        ("Gaussian blur", [1, 19, 37, 46, 82, 91], {"pose": [0.780, 0.783, 0.810, 0.826, 0.912,
         0.930]}),
    ],
)  # fmt: skip
def test_means_at_given_strengths(
    sweeps: dict[str, augmentation.Sweep],
    name: str,
    strengths: list[int],
    values: dict[str, list[float]],
) -> None:
    table = augmentation.strengths(sweeps[name])
    wide = table.pivot(index="factor", columns="strength", values="error_ratio")
    for factor, expected in values.items():
        assert wide.loc[factor, strengths].round(3).tolist() == expected


def test_accuracy_control(sweeps: dict[str, augmentation.Sweep]) -> None:
    crop = by(augmentation.accuracy_control(sweeps["random crop"]), "kind", "factor")
    jitter = by(augmentation.accuracy_control(sweeps["colour jitter"]), "kind", "factor")
    r, s = crop.correlation.round(2), jitter.correlation.round(2)
    assert r["equal accuracy"][["smaller", "pose", "partial_view"]].tolist() == [0.72, -0.68, -0.70]
    assert r["partial"][["smaller", "partial_view", "pose"]].tolist() == [0.53, -0.53, -0.47]
    assert s["equal accuracy"][["color", "pose", "smaller"]].tolist() == [-0.85, 0.74, 0.56]
    assert s["partial"][["color", "pose", "smaller"]].tolist() == [-0.70, 0.51, 0.40]
    assert crop.models["equal accuracy"].iloc[0] == 499
    assert jitter.models["equal accuracy"].iloc[0] == 225
    blur = augmentation.accuracy_control(sweeps["Gaussian blur"])
    assert set(blur.kind) == {"plain", "partial"}


def test_extremes_hold_their_means(sweeps: dict[str, augmentation.Sweep]) -> None:
    row = by(augmentation.extremes(sweeps["random crop"]), "factor").loc["smaller"]
    assert [round(row.before, 3), round(row.after, 3)] == [1.259, 1.563]
    assert row.low < row.change < row.high
    assert row.models == 8 + 16


@pytest.mark.parametrize(
    ("factor", "values"),
    [
        ("pose", [0.716, 0.810, 0.737, 0.731]),
        ("larger", [1.220, 1.208, 1.164, 1.252]),
        ("darker", [1.527, 1.285, 1.345, 1.578]),
        ("texture", [2.248, 1.906, 2.191, 2.210]),
    ],
)
def test_groups(kept: Tables, factor: str, values: list[float]) -> None:
    table = augmentation.group_comparison(kept)
    part = table[table.factor == factor]
    assert part.error_ratio.round(3).tolist() == values
    assert part.models.tolist() == [16, 21, 12, 8]
    assert part.average.round(4).tolist() == [0.7530, 0.6541, 0.7470, 0.7397]
    same = sorted(table[table.p_value >= 0.05].factor.unique())
    assert same == ["larger"]


# Intervals


def test_wilson_solves_its_equation() -> None:
    k, n = np.array([0, 3, 10, 43]), np.array([7, 20, 10, 58])
    low, high = wilson(k, n)
    for bound in (low, high):
        inside = (bound > 1e-9) & (bound < 1 - 1e-9)
        score = (k / n - bound) / np.sqrt(bound * (1 - bound) / n, where=inside, out=np.ones(4))
        assert np.abs(score[inside]) == pytest.approx(1.959964, abs=1e-5)
    assert low[0] == pytest.approx(0, abs=1e-12)
    assert high[2] == pytest.approx(1)
    assert [float(end) for end in wilson(0, 0)] == [0, 1]


# A model of one's own


def test_pretend_model_has_the_ratios_it_claims() -> None:
    settings = Settings(profile="smoke", seed=3)
    meter = ix.FactorMeter(name="pretend")
    for outputs, names in own.batches(settings):
        meter.update(outputs, names)
    table = own.summary(meter.compute(bootstrap=400, seed=3), settings)
    assert len(table) == 16
    inside = (table.low <= table.truth) & (table.truth <= table.high)
    assert inside.sum() >= 13
    exact = by(table, "factor")
    assert exact.error_ratio["texture"] == pytest.approx(exact.truth["texture"], rel=0.15)


def test_pretend_batches_depend_on_the_seed_alone() -> None:
    one, two, other = (
        torch.cat([outputs for outputs, _ in own.batches(Settings(seed=seed))])
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_truth_by_every_tick_averages_the_errors() -> None:
    ratios = own.truth(selection="multi")
    assert ratios["texture"] > ratios["background"] > ratios["pose"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    from PIL import Image

    for number in (1, 5, 293, 2138):
        folder = tmp_path / f"n0000000{number % 2}"
        folder.mkdir(exist_ok=True)
        name = folder / f"ILSVRC2012_val_{number:08d}.JPEG"
        Image.new("L", (300, 240), number % 255).save(name)
    (tmp_path / "notes.JPEG").write_bytes(b"not a picture of the validation set")
    return tmp_path


def test_pictures_of_a_folder_are_measured(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ssl_lib.vision import torchvision

    def untrained(name: str) -> tuple[Any, Callable[[Any], torch.Tensor]]:
        assert name == "resnet18"
        crop = torchvision("transforms.v2").functional
        return torch.nn.Identity(), lambda p: crop.pil_to_tensor(p.resize((32, 32))).float()

    def classifier(batch: torch.Tensor) -> torch.Tensor:
        assert batch.shape[1:] == (3, 32, 32)
        return torch.eye(1000)[batch[:, 0, 0, 0].long()]

    monkeypatch.setattr(own, "load_classifier", untrained)
    settings = Settings(profile="smoke", images=str(pictures), device="cpu")
    meter = ix.FactorMeter(name="mine")
    for outputs, names in own.batches(settings, classifier=classifier):
        meter.update(outputs, names)
    assert meter.seen == 4
    assert dict(zip(*(a.tolist() for a in (meter.predictions().image_ids,
                                           meter.predictions().classes)), strict=True)) == {
        1: 1, 5: 5, 293: 38, 2138: 98,
    }  # fmt: skip
    assert "truth" not in own.summary(meter.compute(bootstrap=100), settings)


def test_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"images: .* holds no file like ILSVRC2012_val_00000001"):
        next(own.batches(Settings(images=str(tmp_path))))


def test_unknown_classifier_is_named() -> None:
    with pytest.raises(InputError, match=r"no classifier 'resnet19'\. Did you mean 'resnet1"):
        own.load_classifier("resnet19")


def test_written_predictions_are_read_back(tmp_path: Path) -> None:
    given = ix.Predictions(name="m", image_ids=np.array([5, 1]), classes=np.array([7, 999]))
    read = ix.load_predictions(own.write_predictions(given, tmp_path / "p.csv"))
    assert read.image_ids.tolist() == [1, 5]
    assert read.classes.tolist() == [999, 7]


# Figures


def drawn(kept: Tables, models: comparison.Comparison) -> dict[str, Callable[[], plt.Figure]]:
    one = augmentation.sweep(kept, "colour jitter")
    phi, recipes = annotations.associations(), augmentation.group_comparison(kept)
    kinds = base_models.metaclass_ratios(kept)
    shown = by(base_models.error_ratios(kept).query("model == 'ViT'"), "factor").reset_index()
    return {
        "prevalence": lambda: figures.prevalence(annotations.prevalence()),
        "active": lambda: figures.active_factors(
            annotations.active_factors(), base_models.error_by_ticks(kept)
        ),
        "association": lambda: figures.association_val(phi),
        "shift": lambda: figures.class_shift(annotations.class_shift()),
        "four": lambda: figures.four_models(base_models.error_ratios(kept)),
        "scorings": lambda: figures.scorings(base_models.scorings(kept)),
        "empties": lambda: figures.empties(base_models.empties(kept)),
        "prototypes": lambda: figures.prototypes(base_models.prototype_effect(kept)),
        "metaclasses": lambda: figures.metaclasses(kinds, chosen=["dog", "all images"]),
        "adjusted": lambda: figures.class_adjusted(base_models.class_adjusted(kept)),
        "shared": lambda: figures.shared_mistakes(base_models.shared_mistakes(kept)),
        "linear": lambda: figures.linear_model(base_models.linear_model(kept)),
        "own": lambda: figures.own_model(shown),
        "line": lambda: figures.line(comparison.line(models), comparison.line_fits(models)),
        "families": lambda: figures.families(comparison.family_ratios(models)),
        "consistency": lambda: figures.consistency(comparison.error_ratios(models)),
        "dependence": lambda: figures.accuracy_dependence(comparison.accuracy_dependence(models)),
        "robustness": lambda: figures.effective_robustness(robustness.effective_robustness(models)),
        "labels": lambda: figures.label_errors(
            annotations.label_errors(), by(comparison.line_fits(models), "factor").best
        ),
        "sweep": lambda: figures.sweep_colour(
            augmentation.strengths(one), augmentation.effects(one)
        ),
        "control": lambda: figures.accuracy_control(augmentation.accuracy_control(one)),
        "groups": lambda: figures.augmentation_groups(recipes),
        "accuracy": lambda: figures.augmentation_accuracy(recipes),
    }


PANELS = {
    "active": 2, "association": 3, "shift": 2, "scorings": 2, "prevalence": 2, "empties": 2,
    "prototypes": 2, "metaclasses": 2, "adjusted": 4, "line": 18, "consistency": 2, "sweep": 6,
}  # fmt: skip


def test_figures_have_their_panels_names_and_sizes(
    kept: Tables, models: comparison.Comparison
) -> None:
    for name, draw in drawn(kept, models).items():
        fig = draw()
        assert len(fig.axes) == PANELS.get(name, 1), name
        assert fig.get_figwidth() in (plotting.WIDTH, plotting.WIDE), name
        sizes = [text.get_fontsize() for text in fig.findobj(plt.Text) if text.get_text()]
        assert min(sizes) >= 10, name
        plt.close(fig)


def test_every_factor_is_named_once_on_the_dot_plots(kept: Tables) -> None:
    fig = figures.four_models(base_models.error_ratios(kept))
    labels = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert sorted(labels) == sorted(name.replace("_", " ") for name in ix.FACTORS)
    plt.close(fig)


def test_consistency_columns_are_models_by_accuracy(models: comparison.Comparison) -> None:
    table = comparison.error_ratios(models)
    fig = figures.consistency(table)
    cells = np.asarray(fig.axes[0].images[0].get_array())
    assert cells.shape == (16, 209)
    best = models.counts.select([int(models.counts.accuracy.argmax())])
    label = fig.axes[0].get_yticklabels()[0].get_text().replace(" ", "_")
    order = (-best.error_ratio[0]).argsort().argsort() + 1
    assert cells[0, -1] == order[ix.FACTORS.index(label)]
    plt.close(fig)


# Claims

VERDICTS = {
    "C1": "not reproduced",
    "C2": "not reproduced",
    "C3": "reproduced",
    "C4a": "reproduced",
    "C4b": "not reproduced",
    "C5": "inconclusive",
    "C6": "not reproduced",
    "C7": "reproduced",
    "C8a": "reproduced",
    "C8b": "inconclusive",
    "C9": "reproduced",
    "C10": "inconclusive",
}


def own_claims() -> dict[str, claims.Claim]:
    return {claim.id: claim for claim in claims.load() if claim.paper == "imagenet_x"}


def test_verdicts_follow_from_the_counts(kept: Tables) -> None:
    found = estimates.estimates(kept)
    stated = own_claims()
    assert list(found) == list(stated)
    verdicts = {name: claims.decide(stated[name].rules, found[name]) for name in stated}
    assert verdicts == VERDICTS


def test_failing_claims_carry_a_reason() -> None:
    for name, claim in own_claims().items():
        assert bool(claim.reason) == (VERDICTS[name] != "reproduced"), name


def test_claims_do_not_follow_the_parameters_of_the_page(kept: Tables) -> None:
    settings = Settings(profile="smoke", selection="multi", scoring="metaclass")
    other = dataclasses.replace(kept, settings=settings)
    assert estimates.estimates(other) == estimates.estimates(kept)


def test_transformers_and_comparable_networks(kept: Tables) -> None:
    found = estimates.estimates(kept)["C3"]
    part = found["transformers and convolutional networks"]
    assert part.note == "7 transformers, 96 other networks; over models, images fixed"
    assert round(part.value, 3) == 0.988


# Published tables, with and without the files they were counted from


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path))


@pytest.fixture
def private(tmp_path: Path) -> Store:
    """Return a store of its own, with copies of the published tables."""
    shutil.copytree(share("results") / "imagenet_x", tmp_path / "results" / "imagenet_x")
    return Store(tmp_path / "cache", published=tmp_path / "results")


def test_every_profile_and_seed_has_the_same_tables() -> None:
    every = [Settings(profile=p, seed=s) for p in ("smoke", "quick", "paper") for s in (0, 1)]
    places = {name: made.place for name, made in experiments(Settings()).items()}
    assert places == {name: f"imagenet_x/{name}.paper" for name in places}
    assert len(places) == 4
    for settings in every:
        assert {name: made.place for name, made in experiments(settings).items()} == places


@pytest.mark.usefixtures("no_files")
def test_without_the_files_the_published_counts_are_shown_alone(kept: Tables) -> None:
    found = load(Settings(profile="smoke", seed=7))
    assert [result.origin for result in found.all] == ["published"] * 4
    assert [result.fresh for result in found.all] == [None] * 4
    pd.testing.assert_frame_equal(found["images"], kept["images"])


@pytest.mark.usefixtures("no_files")
def test_without_the_files_nothing_is_counted_afresh(private: Store) -> None:
    for result in load(Settings(fresh=True), store=private).all:
        assert result.origin == "published"
        assert "; not computed again: its data are not here; " in result.provenance
    for made in experiments(Settings()).values():
        with pytest.raises(MissingData, match=r"imagenetx/"):
            publish(made, store=Store(private.root, published=private.root))


def test_published_tables_hold_what_they_were_counted_from(kept: Tables) -> None:
    for result in kept.all:
        made = result.manifest
        assert (made.cells, made.seeds, made.profile) == ([{}], [], None)
        base = "model_predictions/base/ViT.csv"
        assert made.key["data"][base] == published.REMOTES[base].sha256


@needs_data
def test_published_tables_are_equal_to_a_second_count(private: Store) -> None:
    found = gather(experiments(Settings()), store=private, write=True)
    assert list(found) == ["images", "calibration", "models-top", "models-multi"]
    for result in found.values():
        assert result.fresh is not None
        assert (result.fresh.origin, str(result.finding)[:15]) == ("computed", "equal in 1 cell")
    again = load(Settings(fresh=True), store=private)
    assert [result.origin for result in again.all] == ["computed"] * 4
    for shown, result in zip(load(Settings(), store=private).all, again.all, strict=True):
        assert (shown.origin, shown.finding.outcome) == ("published", "equal")
        pd.testing.assert_frame_equal(shown.table, result.table)


@needs_data
def test_one_count_that_is_off_is_noticed(private: Store) -> None:
    made = experiments(Settings())["models-top"]
    path = private.published_root / f"{made.place}.json"
    kept = find(private, made)
    assert kept is not None
    table = kept.table.copy()
    table.loc[7, "pose_correct"] += 1
    write(path.parent, made.place.split("/")[1], table, kept.manifest)
    finding = gather({"top": made}, store=private)["top"].finding
    assert finding is not None
    assert finding.outcome == "does not hold"
    assert "pose_correct" in finding.broken[-1].note


@needs_data
def test_expanded_counts_give_every_statistic_of_the_predictions(kept: Tables) -> None:
    predictions = published.predictions()
    for scoring, empty in (("class", "wrong"), ("real", "exclude"), ("metaclass", "wrong")):
        for selection in ("top", "multi"):
            table = ix.load_annotations(selection=selection)
            direct = ix.score(predictions, table, scoring=scoring, empty=empty)
            counted = kept.scored(selection=selection, scoring=scoring, empty=empty)
            assert counted.models == direct.models
            assert (counted.counts().factor_correct == direct.counts().factor_correct).all()
            assert (counted.counts().factor_images == direct.counts().factor_images).all()
    direct = ix.score(predictions, ix.load_annotations())
    counted = kept.scored()
    for statistic in (ix.class_adjusted_error_ratio, ix.worst_class_accuracy):
        assert statistic(counted) == pytest.approx(statistic(direct), abs=1e-12)
    a, b = (ix.bootstrap_error_ratio(rows, replicates=100) for rows in (counted, direct))
    assert a.low == pytest.approx(b.low, abs=1e-12)


def test_committed_tables_are_small(repository: Path) -> None:
    files = list((repository / "results" / "imagenet_x").iterdir())
    assert sum(file.stat().st_size for file in files) < 1_500_000
    assert max(file.stat().st_size for file in files) < 500_000
    readme = (repository / "results" / "imagenet_x" / "README.md").read_text()
    assert "CC BY-NC 4.0" in readme
    assert "facebookresearch/imagenetx" in readme


# The notebook


def test_notebook_states_licence_and_shows_every_figure(repository: Path) -> None:
    notebook = nbformat.read(repository / "notebooks" / "imagenet_x.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "CC BY-NC 4.0" in notebook.cells[0].source
    labels = re.findall(r'label="(fig-imagenet_x-[a-z_]+)"', text)
    assert len(labels) == len(set(labels)) == 26
    for output in (
        "factor_distribution_comparison", "active_factor_distribution_comparison",
        "spearman_{val,train}_correlation_heatmap", "highlevel_scatter_plot",
        "supervision_comparison_prevalence", "model_comparison", "augment_effect",
        "augment_comparison_prevalence", "augment_comparison_accuracy", "vit_example",
        "accuracies_per_factor_metaclass.tex",
    ):  # fmt: skip
        assert output in text, output
