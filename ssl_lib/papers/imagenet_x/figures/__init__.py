"""The chapter's figures: each takes a tidy table and returns a matplotlib figure."""

from ssl_lib.papers.imagenet_x.figures._marks import signed
from ssl_lib.papers.imagenet_x.figures.annotations import (
    active_factors,
    associations,
    class_shift,
    prevalence,
)
from ssl_lib.papers.imagenet_x.figures.augmentation import accuracy_control, groups, sweep
from ssl_lib.papers.imagenet_x.figures.base_models import (
    class_adjusted,
    empties,
    error_ratios,
    linear_model,
    metaclasses,
    own_model,
    prototype_effect,
    scorings,
    shared_mistakes,
)
from ssl_lib.papers.imagenet_x.figures.comparison import (
    accuracy_dependence,
    consistency,
    effective_robustness,
    families,
    line,
)

__all__ = [
    "accuracy_control",
    "accuracy_dependence",
    "active_factors",
    "associations",
    "class_adjusted",
    "class_shift",
    "consistency",
    "effective_robustness",
    "empties",
    "error_ratios",
    "families",
    "groups",
    "line",
    "linear_model",
    "metaclasses",
    "own_model",
    "prevalence",
    "prototype_effect",
    "scorings",
    "shared_mistakes",
    "signed",
    "sweep",
]
