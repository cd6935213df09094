"""Tables to numbers.

``annotations``   about the annotations alone
``base_models``   about the four models with published predictions
``comparison``    about 209 models of four families
``robustness``    about how far these families lie above the line
``augmentation``  about the sweeps over crops, colour jitter and blur
``shared``        what the images that all models share do to intervals
``intervals``     what several of them use

The statistics themselves are in :mod:`ssl_lib.evaluation.imagenet_x`.
"""

from ssl_lib.papers.imagenet_x.measures import (
    annotations,
    augmentation,
    base_models,
    comparison,
    intervals,
    robustness,
    shared,
)

__all__ = [
    "annotations", "augmentation", "base_models", "comparison", "intervals", "robustness", "shared",
]  # fmt: skip
