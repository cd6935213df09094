"""ImageNet-X (arXiv 2211.01866): which factors of variation go with the mistakes of models.

What the chapter shows, as functions of a few tables of exact counts:

``settings``      what the chapter can be run with
``experiments``   the exact counts behind everything: what is published and verified
``sources``       the counts of one run, as rows that statistics take
``annotations``   tables about the annotations alone
``base_models``   tables about the four models with published predictions
``comparison``    tables about 209 models of four families
``augmentation``  tables about the sweeps over crops, colour jitter and blur
``own``           measuring a model of one's own
``estimates``     what decides the claims
``figures``       the figures, each from one or two of these tables

The statistics themselves are in :mod:`ssl_lib.evaluation.imagenet_x`.
"""

from ssl_lib.papers.imagenet_x.settings import Settings
from ssl_lib.papers.imagenet_x.sources import Sources, load

__all__ = ["Settings", "Sources", "load"]
