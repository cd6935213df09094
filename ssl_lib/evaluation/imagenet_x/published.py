"""The predictions and tables released with the paper, at one pinned commit, verified by sha256.

They are licensed CC BY-NC 4.0 by Meta Platforms, Inc. and affiliates; nothing of them is kept in
this package. All their accuracies are ratios of whole numbers of images, so the tables are turned
into counts without loss.
"""

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ssl_lib.data.downloads import Remote, fetch
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.imagenet_x import families
from ssl_lib.evaluation.imagenet_x import predictions as predictions_module
from ssl_lib.evaluation.imagenet_x.annotations import Selection, load_annotations
from ssl_lib.evaluation.imagenet_x.counts import FactorCounts
from ssl_lib.evaluation.imagenet_x.groups import MetaclassCounts
from ssl_lib.evaluation.imagenet_x.predictions import Predictions
from ssl_lib.evaluation.imagenet_x.scoring import SCORINGS, Scoring
from ssl_lib.evaluation.imagenet_x.wheel import FACTORS, METACLASSES

__all__ = [
    "COMMIT",
    "GROUPS",
    "LICENCE",
    "MODELS",
    "REMOTES",
    "Comparison",
    "comparison",
    "counts",
    "metaclass_counts",
    "predictions",
    "remotes",
]

Array = npt.NDArray[Any]

COMMIT = "6403d41a5cc435543a63060e336bc2452e3ad223"
LICENCE = (
    "ImageNet-X predictions and tables (c) Meta Platforms, Inc. and affiliates, "
    f"facebookresearch/imagenetx at commit {COMMIT[:7]}, CC BY-NC 4.0"
)
#: The four models whose per-image predictions are released.
MODELS: tuple[str, ...] = ("ViT", "ResNet50", "SimCLR", "DINO")

_SELECTIONS: tuple[Selection, ...] = ("top", "multi")
_FOLDERS: Mapping[Scoring, str] = {"class": "class", "real": "real_class", "metaclass": "metaclass"}
_TOLERANCE = 1e-6  # how far a published ratio times its denominator may be from a whole number

_PREDICTIONS = {
    "ViT": "a9487bc285348f298c389057d039da7a626337a68f9e91f083267dad16e256e4",
    "ResNet50": "313b702ffb5c7dc3a97b1d5caf23c7190d1633039ba0cf5c0399c256e7a35f15",
    "SimCLR": "f028b8beb17de3d643e82ff6bdce324a485b05fa5cf9f4cbf1a569c2f993cd19",
    "DINO": "e46713518b13144daebaadd63a67a0466cb9efc91370b1408c8cb8f38c7bdef4",
}
# By group: top factors scored by class, ReaL, metaclass; then all factors likewise.
_TABLES = {
    "base": (
        "702bc254ac83c83f476faa19d05858094e90fa689ccfd89f93c804fd627dec2d",
        "bc19b8aad26f84196fddc0b66947b11e7e076dabc156f9f385a8e94c491a11f0",
        "5879eab1f8c00b14956cd09a8ebe685075ce8416bac2a2eabe6f88c434a6055f",
        "d6153e5534f23088c12d5f597c0df7b2a8ad1245d1181fa1add2d5ccff88b2a0",
        "0a650af236902ca94ca35f1327ece4a32589b5fbe361575f357787e73a17920b",
        "513d526311f7dce411adbf0e381c3bb34aeff899c94b139dfa7148f76dc6ce6c",
    ),
    "imagenet_testbed": (
        "00c1db514ad0c8514424c13a2fea1ad0d20ec0ea0c830b5c40430c25a53732fb",
        "a3a6faaa2624b561b284365aec06b1f3b7ba32af9666598fd95cfa5eb35a6e08",
        "c05621eb2a52902f9a037c42fde296f5134484508e43997ecf9c533aa49fa8a0",
        "8b328ee604bc8bc2315ac67ce5a1e7537c55bed0b054d2be33b8d583aa740977",
        "c66ebf823d66c01221dccc8809702a8c20b89e43ffe42bcb0266dd171032b61b",
        "9fea5eeab4e292ae48ceea7f9a123ffc80ed251141a3c42d51e6c27fc5a76d15",
    ),
    "modelvshuman": (
        "4b4a2ac385af2465b0c4531f3a4eaa933037f9d5d1c01aa435c95fb16ea968af",
        "033264fc03c76b5ffbb6e51b15383adbb9ff216697740cd04b9e79e04c608508",
        "63d722a3007fdf4265f26e713fd45adf9c4f58fc65944470b8ccf1566ec6b287",
        "b7b261978ca29f76da2ea226b24d985fab201de3649c5eb29942425f1c74528a",
        "f771fe47b07a315a152101aa7590d5285091a149c1621a88ddb8eac7c7bc01e2",
        "40af9ec05902682d295e941198f5e3417ad5594969606f87a743f2266db33344",
    ),
    "crop": (
        "38e4880fec473e9ea1aa433a0d9eefeaec7390dc3886539b0923eb543650a044",
        "ce6ffae32be1eb4ce8e3b5d7a3c0af1ca4c99ba3805bc26b8348ef38b83c8cd6",
        "72d571d20b0463c50a73859bb5bc779c328a00c5a94fa53fc089512084586a50",
        "2a1bbc5dc16e73cc4e29764691474d5bb5e21ce14dfb7f00282a71fa073fcdd5",
        "0160fa8344a45f3e5d1020de427f439d65478fac917d0a1e6b61f08466b1638e",
        "c65d0f7c79c88498b4fe827e39371eef0ea5b4867aeb758d424d4ae3df448318",
    ),
    "colorjitter": (
        "32c422d286dbc57c755ed5e2371287a832ceb9447f82b8492c786a4fb27c5c0d",
        "7fe537ab9bb6c7b79f3c20335a45e1cc27bd7697f7a1e2e4b279dcb6aaa0f238",
        "8dec725636f753349b200321bf433df1e2c1db812f31b979e915eb23bbb8379e",
        "438dce277012ff58c5b997efabbd4835105eac1588f7894cda42f3c33997d0ba",
        "f05af4fca56b414623bbaa9b047aee8c41198c387eabce9eec20c623f70e555a",
        "33d90638eba3711920318a28f19480ebff2a61a5bab7f2935fc3d277566a83c6",
    ),
    "gaussian_blur": (
        "3e9d6353675b5aa39e91b4cbe1227b0d02f25113f8d102185b602850ee21c404",
        "4c2c1e42b7fcce5494290931d7288405cac33023126f92b2bd114ecec67eed2d",
        "efc7e436ea5455259a1c588d7fb9274c8117242712a28f2b8e6ac7741cbf7a59",
        "b111e7e100e32386d7aeb8ddfaca4c5d36d77f8fd2d4bc5ecbdf8f23206e2f5d",
        "650cc18fd04c08e8bd56256e2c481f297552016c521fcefc129cced746af3648",
        "2f697e91163b08ffd4855edc55bc5c48388c4064f5249a4623d171cce8695c7f",
    ),
    "colorjitter_crop": (
        "719000074bea0cf4b9913195ed2ffc308c6053bf3b938090880402d2ba69c495",
        "83ebfffe0162c038afb0e7b8f0f9becc224b7ca4cc8c1817cb403983a13efa69",
        "eeea2edb83b54312eba1590816757a037a972fbce40ece855eb63a8d7018d588",
        "b6024f25f53bed0926e7fdb3505cb94479b6c402744c49b9c519d5ce34a42de7",
        "66fb1752068ede9de61f777eab8ee5b8b8ee01875d59fffa666cea4a19827916",
        "406a1c677287855edfec49122bd54b7d28c27db2c63d7ff801216e87b601aefa",
    ),
    "adaptive_colorjitter": (
        "6dbba37895f9774db2d505d9cb203ce25104da42c4354de2420e521b81cc7761",
        "139a654c3f5820563089e9a3ddbe961a8527712301c44c35c59611aaeaf86db0",
        "797ab08b7ca40d3083a12282812f9b79e5c280e4217739971f38a7426b24f817",
        "19d6ae574bee8d274333480ad8201d569f119dcc03813fabe2399d4387873fb5",
        "11c6d077a2f8c091777d397aecf399cb2d1ca90310e16e8cc5b57be101bb6b0b",
        "5dd655f2a5c1a86dfc6afca9014fb088ffc60875a86dea2d24f508e6504c60bd",
    ),
}
_METACLASS_TABLES = (
    "30a5dc1552886f9d602aecf0c5a0469a4b3df15c6fee007f8f50057367c5fe49",
    "bf951a2fddb71c1eace849e8b62d78a60faee60b15a87a5029eadbab9c05878e",
    "2201166127eec404c88b71968fb659971ed3a8614a5f91c9e378f9690ced3d33",
)
#: Groups of models with published tables.
GROUPS: tuple[str, ...] = tuple(_TABLES)


def _remote(path: str, sha256: str) -> Remote:
    url = f"https://raw.githubusercontent.com/facebookresearch/imagenetx/{COMMIT}/{path}"
    return Remote(f"imagenetx/{path}", url, sha256)


def _prediction_path(model: str) -> str:
    return f"model_predictions/base/{model}.csv"


def _table_path(group: str, selection: Selection, scoring: Scoring, ending: str = "") -> str:
    folder = f"results/val/{selection}_factor/{group}/{_FOLDERS[scoring]}"
    return f"{folder}/accuracies_per_factor{ending}.csv"


def _registry() -> dict[str, Remote]:
    hashes = {_prediction_path(model): digest for model, digest in _PREDICTIONS.items()}
    settings = [(selection, scoring) for selection in _SELECTIONS for scoring in SCORINGS]
    for group, digests in _TABLES.items():
        for setting, digest in zip(settings, digests, strict=True):
            hashes[_table_path(group, *setting)] = digest
    for scoring, digest in zip(SCORINGS, _METACLASS_TABLES, strict=True):
        hashes[_table_path("base", "top", scoring, "_metaclass")] = digest
    return {path: _remote(path, digest) for path, digest in hashes.items()}


#: Every released file that is used, by its path in the repository.
REMOTES: Mapping[str, Remote] = MappingProxyType(_registry())


def remotes(kind: str = "all") -> list[Remote]:
    """Return the released files: "predictions", "tables" or "all".

    Examples
    --------
    >>> len(remotes("predictions")), len(remotes("tables")), len(remotes())
    (4, 51, 55)
    """
    starts = {"predictions": "model_predictions/", "tables": "results/", "all": ""}
    if kind not in starts:
        raise InputError(f"no released files are called {kind!r}.{closest(kind, starts)}")
    return [remote for path, remote in REMOTES.items() if path.startswith(starts[kind])]


def predictions(*, probabilities: bool = False) -> list[Predictions]:
    """Return the released predictions of ViT, ResNet50, SimCLR and DINO, in that order.

    Parameters
    ----------
    probabilities : bool
        Read the probability of the predicted class as well.

    Raises
    ------
    MissingData
        When a file is neither in the data folder nor to be downloaded.
    """
    read = predictions_module.load_predictions
    files = [fetch(REMOTES[_prediction_path(model)]) for model in MODELS]
    return [read(file, probabilities=probabilities) for file in files]


def counts(group: str, *, selection: Selection = "top", scoring: Scoring = "class") -> FactorCounts:
    """Return a published table of accuracies as exact counts.

    Parameters
    ----------
    group : str
        One of ``GROUPS``, for example "imagenet_testbed" (335 models) or "crop" (1,272).
    selection : {"top", "multi"}
    scoring : {"class", "real", "metaclass"}
        The ReaL tables end with one more row, "human".

    Returns
    -------
    FactorCounts
        With ``worst_classes``.

    Raises
    ------
    InputError
        For an unknown name, or a table that is not made of whole numbers of images.
    MissingData
        When the file is neither in the data folder nor to be downloaded.
    """
    rows = _rows(fetch(_remote_table(group, selection, scoring)))
    table = load_annotations(selection=selection)
    images = np.full(len(rows), len(table))
    factor_images = np.tile(table.factors.sum(axis=0), (len(rows), 1))
    values = _floats(rows, [*FACTORS, "average", "worst_100_classes"])
    return FactorCounts(
        models=tuple(row["model"] for row in rows),
        images=images,
        correct=_whole(values[:, -2] * images, group),
        factor_images=factor_images,
        factor_correct=_whole(values[:, : len(FACTORS)] * factor_images, group),
        worst_classes=values[:, -1],
    )


def _remote_table(group: str, selection: Selection, scoring: Scoring, ending: str = "") -> Remote:
    path = _table_path(group, selection, _known_scoring(scoring), ending)
    if path not in REMOTES:
        raise InputError(f"no released table for {group!r}, {selection!r}.{closest(group, GROUPS)}")
    return REMOTES[path]


def _known_scoring(scoring: Scoring) -> Scoring:
    if scoring not in SCORINGS:
        raise InputError(f"scoring must be one of {', '.join(SCORINGS)}; got {scoring!r}")
    return scoring


def metaclass_counts(*, scoring: Scoring = "class") -> MetaclassCounts:
    """Return the published accuracies of the four base models by metaclass, as exact counts.

    Top factors. Raises as :func:`counts` does.
    """
    rows = _rows(fetch(_remote_table("base", "top", scoring, "_metaclass")))
    table = load_annotations()
    groups = table.metaclasses[:, None] == np.arange(len(METACLASSES))
    per_group = groups.T.astype(np.int64) @ table.factors
    models = tuple(dict.fromkeys(row["model"] for row in rows))
    values = np.full((len(models), len(METACLASSES), len(FACTORS) + 1), np.nan)
    for row, numbers in zip(rows, _floats(rows, [*FACTORS, "average"]), strict=True):
        values[models.index(row["model"]), METACLASSES.index(row["metaclass"])] = numbers
    images = np.tile(groups.sum(axis=0), (len(models), 1))
    factor_images = np.tile(per_group, (len(models), 1, 1))
    return MetaclassCounts(
        models=models,
        images=images,
        correct=_whole(values[..., -1] * images, "base"),
        factor_images=factor_images,
        factor_correct=_whole(np.nan_to_num(values[..., :-1]) * factor_images, "base"),
    )


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _floats(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> Array:
    return np.array([[float(row[column] or "nan") for column in columns] for row in rows])


def _whole(values: Array, group: str) -> npt.NDArray[np.int64]:
    rounded = np.rint(values)
    if not np.allclose(values, rounded, rtol=0, atol=_TOLERANCE):
        raise InputError(f"the table of {group!r} does not fit the installed annotations")
    return rounded.astype(np.int64)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Models of several groups with the family of each.

    Names repeat across groups, with other weights: ``groups`` tells them apart.
    """

    counts: FactorCounts
    groups: tuple[str, ...]
    families: tuple[str, ...]

    def of(self, family: str) -> npt.NDArray[np.bool_]:
        """Return the mask (m,) of one family."""
        return np.array([name == family for name in self.families], dtype=np.bool_)


def comparison(
    *, selection: Selection = "top", scoring: Scoring = "class", corrected: bool = False
) -> Comparison:
    """Return the models of the paper's main comparison, with their families.

    ImageNet-Testbed's models of four families, the self-supervised ones of model-vs-human, and
    DINO: 209 models.

    Parameters
    ----------
    selection, scoring
        As in :func:`counts`.
    corrected : bool
        File SwAV and SimSiam under self-supervised, where the released code does not.

    Returns
    -------
    Comparison
        The human row of ReaL tables is left out.
    """
    parts, groups, kinds = [], [], []
    for group in ("imagenet_testbed", "modelvshuman", "base"):
        table = counts(group, selection=selection, scoring=scoring)
        found = [families.family(group, model, corrected=corrected) for model in table.models]
        keep = np.array([name in families.COMPARED for name in found])
        parts.append(table.select(keep))
        kinds += [name for name in found if name in families.COMPARED]
        groups += [group] * int(keep.sum())
    return Comparison(
        counts=FactorCounts.concatenate(parts), groups=tuple(groups), families=tuple(kinds)
    )
