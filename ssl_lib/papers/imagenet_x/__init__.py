"""ImageNet-X (arXiv 2211.01866): which factors of variation go with the mistakes of models.

``settings``     what the chapter can be run with
``experiments``  the exact counts behind everything: what is published and verified
``rows``         counted kinds of images back to the rows that statistics take
``measures``     counts to numbers: annotations, base models, comparison, augmentation
``figures``      numbers to pictures
``estimates``    what decides the claims
``own``          measuring a model of one's own

The statistics themselves are in :mod:`ssl_lib.evaluation.imagenet_x`.
"""

from ssl_lib.papers.imagenet_x.experiments import Tables, load
from ssl_lib.papers.imagenet_x.settings import Settings

__all__ = ["Settings", "Tables", "load"]
