"""ImageNet-X: which factors of variation a model's mistakes go with (arXiv 2211.01866).

Annotations come from the ``imagenet-x`` wheel; every statistic is a function of them and of which
images a model gets right. Names are loaded when first used, so that scoring a file needs neither
torch nor pandas.

Examples
--------
>>> from ssl_lib.evaluation import imagenet_x as ix
>>> table = ix.load_annotations()
>>> scored = ix.score(ix.human(table), table, scoring="real")
>>> scored.counts().error_ratio[0, :3].round(3)
array([0.746, 1.032, 0.967])
"""

import importlib
from typing import Any

_HOME = {
    "annotations": (
        "Association",
        "FactorTable",
        "active_factor_counts",
        "class_metaclasses",
        "class_names",
        "factor_association",
        "folder_image_ids",
        "load_annotations",
        "metaclass_association",
        "prevalence",
        "prevalence_shift",
        "real_labels",
    ),
    "augmentation": (
        "Effect",
        "Strength",
        "augmentation_effect",
        "drop_rare_strengths",
        "parse_strength",
    ),
    "bootstrap": ("Intervals", "bootstrap_error_ratio", "error_ratio_sd"),
    "comparison": ("PairedDifference", "benjamini_hochberg", "holm", "paired_difference"),
    "counts": ("FactorCounts", "error_ratio", "factor_counts", "misclassification_shift"),
    "families": (),
    "groups": (
        "MetaclassCounts",
        "class_adjusted_error_ratio",
        "metaclass_counts",
        "worst_class_accuracy",
    ),
    "meter": ("FactorMeter",),
    "mistakes": (
        "Calibration",
        "ErrorByTicks",
        "SharedMistakes",
        "calibration_error",
        "error_by_active_factors",
        "linear_probability_model",
        "shared_mistakes",
    ),
    "predictions": ("Predictions", "human", "load_predictions"),
    "published": (),
    "report": ("FactorReport", "evaluate"),
    "robustness": (
        "Consistency",
        "LogitLine",
        "OnTheLine",
        "accuracy_on_the_line",
        "alexander_govern",
        "effective_robustness",
        "logit_line",
        "pairwise_spearman",
        "partial_correlation",
        "rank_consistency",
    ),
    "scoring": ("Scored", "score"),
    "wheel": ("FACTORS", "METACLASSES", "annotation_sources"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_HOME])
