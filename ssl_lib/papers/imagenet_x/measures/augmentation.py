"""Tables about the released sweeps over random crops, colour jitter and Gaussian blur."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x.augmentation import Effect, augmentation_effect
from ssl_lib.papers.imagenet_x.experiments import Tables
from ssl_lib.papers.imagenet_x.measures.crossed import crossed
from ssl_lib.papers.imagenet_x.measures.intervals import Resampled

__all__ = [
    "SWEEPS",
    "Sweep",
    "accuracy_control",
    "described",
    "effects",
    "extremes",
    "group_comparison",
    "strengths",
    "sweep",
]

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One released sweep: its group, which number of the name varies, and a band of accuracy."""

    group: str
    parameter: str
    band: tuple[float, float] | None = None


#: The bands hold accuracy almost fixed while the strength still varies (dossier 4.7).
SWEEPS = {
    "random crop": Kind("crop", "crop", (0.750, 0.756)),
    "colour jitter": Kind("colorjitter", "color", (0.664, 0.672)),
    "Gaussian blur": Kind("gaussian_blur", "smoothing"),
}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Sweep(Resampled):
    """Models of one sweep.

    Attributes
    ----------
    name : str
        Key of ``SWEEPS``.
    strength : float64 array (m,)
        0 to 100, as the model's name says; for crops, 100 minus the smallest area in percent.
    counts : FactorCounts
        Of the m models, strengths with fewer than five models left out.
    """

    name: str
    strength: Floats
    counts: ix.FactorCounts


def sweep(tables: Tables, name: str) -> Sweep:
    """Return the models of one sweep.

    Parameters
    ----------
    tables : Tables
    name : str
        A key of ``SWEEPS``.

    Returns
    -------
    Sweep
    """
    kind = SWEEPS[name]
    counts = tables.counts(kind.group)
    strength = np.array([_strength(model, kind.parameter) for model in counts.models])
    keep = ix.drop_rare_strengths(strength)
    settings = tables.settings
    return Sweep(
        name=name, strength=strength[keep], counts=counts.select(keep), draws=settings.draws,
        seed=settings.seed,
    )  # fmt: skip


def _strength(model: str, parameter: str) -> float:
    parsed = ix.parse_strength(model)
    return float("nan") if parsed is None else float(getattr(parsed, parameter))


def strengths(models: Sweep) -> pd.DataFrame:
    """Return mean error ratio by strength and factor, with the spread over models (4.7).

    Returns
    -------
    pandas.DataFrame
        Columns strength, factor, augmentation, models, average (accuracy on all images), accuracy
        (on the factor), error_ratio, sd, fit (cubic polynomial through all models).
    """
    grid = np.unique(models.strength)
    each = [models.counts.select(models.strength == strength) for strength in grid]
    return crossed(
        {"strength": grid, "factor": ix.FACTORS},
        augmentation=models.name,
        models=[[len(here)] for here in each],
        average=[[here.accuracy.mean()] for here in each],
        accuracy=[here.factor_accuracy.mean(axis=0) for here in each],
        error_ratio=[here.error_ratio.mean(axis=0) for here in each],
        sd=[here.error_ratio.std(axis=0, ddof=1) for here in each],
        fit=_effect(models).predict(grid),
    )


def _effect(models: Sweep) -> Effect:
    return augmentation_effect(models.strength, models.counts.error_ratio)


def effects(models: Sweep) -> pd.DataFrame:
    """Return the released code's test of each factor: Welch t between the fit's extremes (2.7).

    Returns
    -------
    pandas.DataFrame
        Columns augmentation, factor, images, low_strength, high_strength (where the fit is
        smallest and largest, in order of strength), t (positive: the error ratio falls as strength
        rises), p_value, shown; in decreasing order of t. By the released figure's own rule it shows
        as "improved" and as "hurt" the three largest and the three smallest significant t, these
        even when they are positive.
    """
    effect = _effect(models)
    sides = dict(zip(("improved", "hurt"), effect.panels(), strict=True))
    shown = {ix.FACTORS[f]: side for side, chosen in sides.items() for f in chosen}
    table = pd.DataFrame(
        {
            "augmentation": models.name,
            "factor": ix.FACTORS,
            "images": models.counts.factor_images[0],
            "low_strength": effect.low,
            "high_strength": effect.high,
            "t": effect.t,
            "p_value": effect.p_value,
        }
    )
    table["shown"] = table.factor.map(shown).fillna("")
    return table.sort_values("t", ascending=False, ignore_index=True)


def described(models: Sweep, table: pd.DataFrame, effects: pd.DataFrame) -> tuple[str, str]:
    """Write caption and description of a sweep's figure.

    Parameters
    ----------
    models : Sweep
    table, effects : pandas.DataFrame
        From :func:`strengths` and :func:`effects`.

    Returns
    -------
    caption, alt : str
    """
    average = table.groupby("strength").average.first()
    caption = (
        f"Error ratio against strength of {models.name}, {len(models.counts):,} models; points are "
        "means, bands one standard deviation over models, lines cubic fits. Left: most improved, "
        f"right: most hurt. Accuracy goes from {average.iloc[0]:.3f} over {average.max():.3f} to "
        f"{average.iloc[-1]:.3f}."
    )
    improved, hurt = (
        ", ".join(effects.factor[effects.shown == side].str.replace("_", " "))
        for side in ("improved", "hurt")
    )
    alt = (
        "Panels of points on smooth curves with bands, strength on the horizontal axis. Left, the "
        f"most improved factors: {improved}; right, those most hurt: {hurt}."
    )
    return caption, alt


def extremes(models: Sweep) -> pd.DataFrame:
    """Return the change of the error ratio from the weakest to the strongest augmentation.

    Returns
    -------
    pandas.DataFrame
        Columns augmentation, factor, images, weakest, strongest (strengths), before, after (mean
        error ratios), change, low, high (95 % bootstrap over models within each strength,
        images fixed), models.
    """
    weakest, strongest = models.strength.min(), models.strength.max()
    ratios = models.counts.error_ratio
    ends = np.isin(models.strength, [weakest, strongest])
    values, strong = ratios[ends], models.strength[ends] == strongest

    def change(rows: npt.NDArray[np.int64]) -> Floats:
        mask = strong[rows]
        return np.asarray(values[rows][mask].mean(axis=0) - values[rows][~mask].mean(axis=0))

    low, high = models.interval(change, strong)
    return pd.DataFrame(
        {
            "augmentation": models.name,
            "factor": ix.FACTORS,
            "images": models.counts.factor_images[0],
            "weakest": weakest,
            "strongest": strongest,
            "before": values[~strong].mean(axis=0),
            "after": values[strong].mean(axis=0),
            "change": change(np.arange(len(values))),
            "low": low,
            "high": high,
            "models": len(values),
        }
    )


def accuracy_control(models: Sweep) -> pd.DataFrame:
    """Return correlations of strength and error ratio: plain, and with accuracy held (4.7).

    Returns
    -------
    pandas.DataFrame
        Columns augmentation, kind, factor, models, correlation, low, high (95 % Fisher interval).
        kind is "plain", "partial" (given accuracy and its square), and, where the sweep has a band
        of almost equal accuracy, "equal accuracy" (models in the band only).
    """
    average = models.counts.accuracy
    parts = [_correlations(models, "plain", np.ones(len(average), np.bool_))]
    band = SWEEPS[models.name].band
    if band is not None:
        inside = (average >= band[0]) & (average <= band[1])
        parts.append(_correlations(models, "equal accuracy", inside))
    parts.append(_correlations(models, "partial", np.ones(len(average), np.bool_)))
    return pd.concat(parts, ignore_index=True)


def _correlations(models: Sweep, kind: str, keep: npt.NDArray[np.bool_]) -> pd.DataFrame:
    x, average = models.strength[keep], models.counts.accuracy[keep]
    controls = np.column_stack([average, average**2])[:, : 2 if kind == "partial" else 0]
    values = np.array(
        [ix.partial_correlation(x, y, controls) for y in models.counts.error_ratio[keep].T]
    )
    half = 1.959964 / np.sqrt(len(x) - controls.shape[1] - 3)
    return pd.DataFrame(
        {
            "augmentation": models.name,
            "kind": kind,
            "factor": ix.FACTORS,
            "models": len(x),
            "correlation": values,
            "low": np.tanh(np.arctanh(values) - half),
            "high": np.tanh(np.arctanh(values) + half),
        }
    )


def group_comparison(tables: Tables) -> pd.DataFrame:
    """Return error ratio and accuracy of four ways to augment (dossier 4.8).

    Returns
    -------
    pandas.DataFrame
        Columns group, factor, models, average, error_ratio, sd, low, high, accuracy, accuracy_sd,
        accuracy_low, accuracy_high (mean minus and plus one standard deviation over models),
        p_value and accuracy_p_value (Alexander-Govern across the groups).
    """
    groups = _groups(tables)
    labels = np.concatenate([[name] * len(counts) for name, counts in groups.items()])
    ratios = np.concatenate([counts.error_ratio for counts in groups.values()])
    accuracies = np.concatenate([counts.factor_accuracy for counts in groups.values()])
    p_value, accuracy_p = (ix.alexander_govern(v, labels) for v in (ratios, accuracies))
    return crossed(
        {"group": list(groups), "factor": ix.FACTORS},
        models=[[len(counts)] for counts in groups.values()],
        average=[[counts.accuracy.mean()] for counts in groups.values()],
        **_spread("error_ratio", [counts.error_ratio for counts in groups.values()]),
        **_spread("accuracy", [counts.factor_accuracy for counts in groups.values()], "accuracy_"),
        p_value=p_value,
        accuracy_p_value=accuracy_p,
    )


def _groups(tables: Tables) -> dict[str, ix.FactorCounts]:
    crop, colour = sweep(tables, "random crop"), sweep(tables, "colour jitter")
    return {
        "crop": crop.counts.select(crop.strength == crop.strength.max()),
        "colour": colour.counts.select(colour.strength == colour.strength.max()),
        "colour + crop": tables.counts("colorjitter_crop"),
        "per-class colour + crop": tables.counts("adaptive_colorjitter"),
    }


def _spread(name: str, values: list[Floats], prefix: str = "") -> dict[str, Floats]:
    mean = np.array([some.mean(axis=0) for some in values])
    sd = np.array([some.std(axis=0, ddof=1) for some in values])
    return {name: mean, f"{prefix}sd": sd, f"{prefix}low": mean - sd, f"{prefix}high": mean + sd}
