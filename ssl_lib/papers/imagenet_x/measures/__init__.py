"""Tables to numbers.

``annotations``   about the annotations alone
``base_models``   about the four models with published predictions
``comparison``    about 209 models of four families
``augmentation``  about the sweeps over crops, colour jitter and blur
``intervals``     what several of them share

The statistics themselves are in :mod:`ssl_lib.evaluation.imagenet_x`.
"""

from ssl_lib.papers.imagenet_x.measures import (
    annotations,
    augmentation,
    base_models,
    comparison,
    intervals,
)

__all__ = ["annotations", "augmentation", "base_models", "comparison", "intervals"]
