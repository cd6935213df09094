"""Tables about the annotations alone; the ``imagenet-x`` wheel suffices for all of them."""

import numpy as np
import pandas as pd

from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.papers.imagenet_x.measures.crossed import crossed
from ssl_lib.papers.imagenet_x.measures.intervals import wilson

__all__ = [
    "MEANINGS",
    "active_factors",
    "associations",
    "class_shift",
    "equal_splits",
    "glossary",
    "label_errors",
    "prevalence",
    "similarity",
]

SPLITS = ("train", "val")
CHOICES = ("multi", "top")

#: How an image differs from the prototypes of its class when an annotator ticks a factor.
MEANINGS = {
    "pose": "other pose, position or angle",
    "background": "other background",
    "pattern": "other markings, such as stripes or prints",
    "color": "other colours",
    "smaller": "takes up less of the picture",
    "shape": "other outline or build",
    "partial_view": "partly outside the picture",
    "subcategory": "other breed, brand or model",
    "texture": "other surface",
    "larger": "takes up more of the picture",
    "darker": "darker light",
    "object_blocking": "partly hidden by another object",
    "person_blocking": "partly hidden by a person",
    "style": "other medium: drawing, sepia, rendering",
    "brighter": "brighter light",
    "multiple_objects": "another object in the picture",
}


def prevalence() -> pd.DataFrame:
    """Return how many images carry each factor, by split and selection (dossier 4.1).

    Returns
    -------
    pandas.DataFrame
        Columns split, selection, factor, images, total, percent, low, high; prototypes removed;
        low and high are a 95 % Wilson interval in percent.

    Examples
    --------
    >>> table = prevalence().set_index(["split", "selection", "factor"])
    >>> float(table.loc[("val", "multi", "pose"), "percent"].round(2))
    86.69
    """
    parts = [_prevalence(split, selection) for selection in CHOICES for split in SPLITS]
    return pd.concat(parts, ignore_index=True)


def _prevalence(split: str, selection: str) -> pd.DataFrame:
    table = ix.load_annotations(split=split, selection=selection)
    images = table.factors.sum(axis=0)
    low, high = wilson(images, len(table))
    return pd.DataFrame(
        {
            "split": split,
            "selection": selection,
            "factor": ix.FACTORS,
            "images": images,
            "total": len(table),
            "percent": 100 * ix.prevalence(table),
            "low": 100 * low,
            "high": 100 * high,
        }
    )


def glossary(table: pd.DataFrame) -> pd.DataFrame:
    """Return what each factor means and on how many validation images it was found.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`prevalence`.

    Returns
    -------
    pandas.DataFrame
        Columns factor, compared with the prototypes, ticked, top factor; most often ticked first.
    """
    val = table[table.split == "val"]
    images = val.pivot(index="factor", columns="selection", values="images")
    images = images.sort_values("multi", ascending=False)
    return pd.DataFrame(
        {
            "factor": images.index,
            "compared with the prototypes": images.index.map(MEANINGS),
            "ticked": images.multi.to_numpy(),
            "top factor": images.top.to_numpy(),
        }
    )


def similarity(table: pd.DataFrame) -> pd.DataFrame:
    """Compare the prevalence profiles of train and val.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`prevalence`.

    Returns
    -------
    pandas.DataFrame
        One row a selection: pearson, spearman, total_variation (half the summed absolute
        difference of the shares among ticks) and ticks an image on train and val.

    Examples
    --------
    >>> similarity(prevalence()).set_index("selection").loc["top"].round(3).to_dict()["pearson"]
    0.961
    """
    rows = [_similarity(table, selection) for selection in CHOICES]
    return pd.DataFrame(rows)


def _similarity(table: pd.DataFrame, selection: str) -> dict[str, object]:
    chosen = table[table.selection == selection]
    wide = chosen.pivot(index="factor", columns="split", values="percent")
    shares = wide / wide.sum()
    return {
        "selection": selection,
        "pearson": wide.corr(method="pearson").loc["train", "val"],
        "spearman": wide.corr(method="spearman").loc["train", "val"],
        "total_variation": (shares.train - shares.val).abs().sum() / 2,
        "ticks_train": wide.train.sum() / 100,
        "ticks_val": wide.val.sum() / 100,
    }


def equal_splits() -> tuple[float, int, float]:
    """Test whether train and val have the same distribution of top factors.

    Returns
    -------
    statistic, freedom, p_value : float, int, float
        Of Pearson's chi-square test, as the paper reports one.

    Examples
    --------
    >>> statistic, freedom, p_value = equal_splits()
    >>> round(statistic), freedom, p_value < 1e-100
    (776, 15, True)
    """
    from scipy import stats

    counts = [ix.load_annotations(split=split).factors.sum(axis=0) for split in SPLITS]
    found = stats.chi2_contingency(counts)
    return float(found.statistic), int(found.dof), float(found.pvalue)


def label_errors() -> pd.DataFrame:
    """Return how many original labels a second look (ReaL) confirms, by top factor.

    Returns
    -------
    pandas.DataFrame
        Columns factor, images, confirmed (a share; images without any reassessed label count as not
        confirmed, as in the released tables), low, high: a 95 % Wilson interval.

    Examples
    --------
    >>> table = label_errors().set_index("factor")
    >>> table.confirmed[["texture", "subcategory"]].round(3).tolist()
    [0.638, 0.622]
    """
    table = ix.load_annotations()
    counts = ix.score(ix.human(table), table, scoring="real").counts()
    low, high = wilson(counts.factor_correct[0], counts.factor_images[0])
    return pd.DataFrame(
        {
            "factor": ix.FACTORS,
            "images": counts.factor_images[0],
            "confirmed": counts.factor_accuracy[0],
            "low": low,
            "high": high,
        }
    )


def active_factors() -> pd.DataFrame:
    """Return the number of images by number of ticked factors (dossier 4.2).

    Returns
    -------
    pandas.DataFrame
        Columns split, ticks, images, percent; only numbers of ticks that occur.

    Examples
    --------
    >>> table = active_factors()
    >>> table[table.split == "train"].images.to_list()
    [6, 596, 2737, 4082, 2815, 820, 148, 26, 3]
    """
    parts = []
    for split in SPLITS:
        counts = ix.active_factor_counts(ix.load_annotations(split=split, selection="multi"))
        part = pd.DataFrame({"split": split, "ticks": np.arange(len(counts)), "images": counts})
        parts.append(part.assign(percent=100 * part.images / part.images.sum()))
    table = pd.concat(parts, ignore_index=True)
    return table[table.images > 0].reset_index(drop=True)


def associations() -> pd.DataFrame:
    """Return phi coefficients between factors, and of factors with metaclasses (dossier 4.3).

    Returns
    -------
    pandas.DataFrame
        Columns factor, other, split, kind ("factor" or "metaclass"), phi, p_value; all ticks,
        prototypes removed. Of factor pairs each comes once.

    Examples
    --------
    >>> table = associations().set_index(["split", "factor", "other"])
    >>> float(table.loc[("val", "color", "pattern"), "phi"].round(3))
    0.213
    """
    parts = []
    for split in SPLITS:
        table = ix.load_annotations(split=split, selection="multi")
        pairs, groups = ix.factor_association(table), ix.metaclass_association(table)
        parts += [
            _long(pairs.phi, pairs.p_value, ix.FACTORS, split=split, kind="factor"),
            _long(groups.phi, groups.p_value, ix.METACLASSES, split=split, kind="metaclass"),
        ]
    return pd.concat(parts, ignore_index=True)


def _long(
    phi: np.ndarray, p_value: np.ndarray, others: tuple[str, ...], *, split: str, kind: str
) -> pd.DataFrame:
    names = {"factor": ix.FACTORS, "other": others}
    table = crossed(names, split=split, kind=kind, phi=phi, p_value=p_value)
    once = np.tril(np.ones_like(phi, np.bool_), -1).ravel()
    return table[once] if kind == "factor" else table


def class_shift(*, selection: str = "top") -> pd.DataFrame:
    """Return how much more often a metaclass varies in each factor than all images do.

    Parameters
    ----------
    selection : {"top", "multi"}, default="top"

    Returns
    -------
    pandas.DataFrame
        Columns metaclass, factor, images (of the metaclass with the factor), shift, low, high: a
        95 % Wilson interval of the share in the metaclass, against the overall share as it is.

    Examples
    --------
    >>> table = class_shift().set_index(["metaclass", "factor"])
    >>> float(table.loc[("food", "texture"), "shift"].round(2))
    4.29
    """
    table = ix.load_annotations(selection=selection)
    groups = table.metaclasses[:, None] == np.arange(len(ix.METACLASSES))
    images = groups.T.astype(np.int64) @ table.factors
    total = images.sum(axis=1, keepdims=True)
    overall = images.sum(axis=0) / images.sum()
    low, high = wilson(images, np.broadcast_to(total, images.shape))
    return crossed(
        {"metaclass": ix.METACLASSES, "factor": ix.FACTORS},
        images=images,
        shift=ix.prevalence_shift(table),
        low=low / overall - 1,
        high=high / overall - 1,
    )
