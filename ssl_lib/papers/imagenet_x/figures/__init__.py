"""The chapter's figures: each takes a tidy table and returns a matplotlib figure."""

from ssl_lib.papers.imagenet_x.figures._marks import signed
from ssl_lib.papers.imagenet_x.figures.annotations import (
    active_factors,
    association_train,
    association_val,
    class_shift,
    label_errors,
    prevalence,
)
from ssl_lib.papers.imagenet_x.figures.augmentation import (
    accuracy_control,
    augmentation_accuracy,
    augmentation_groups,
    sweep_blur,
    sweep_colour,
    sweep_crop,
)
from ssl_lib.papers.imagenet_x.figures.base_models import (
    class_adjusted,
    empties,
    four_models,
    linear_model,
    metaclasses,
    own_model,
    prototypes,
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
    "association_train",
    "association_val",
    "augmentation_accuracy",
    "augmentation_groups",
    "class_adjusted",
    "class_shift",
    "consistency",
    "effective_robustness",
    "empties",
    "families",
    "four_models",
    "label_errors",
    "line",
    "linear_model",
    "metaclasses",
    "own_model",
    "prevalence",
    "prototypes",
    "scorings",
    "shared_mistakes",
    "signed",
    "sweep_blur",
    "sweep_colour",
    "sweep_crop",
]
