"""FAIR-Ensemble (arXiv 2303.00586): whom averaging identical models helps.

``settings``      what the chapter can be run with, and the runs of each profile
``members``       training, prediction, and what is kept of each test image
``samples``       a run's images with their groups; statistics with intervals
``tables``        the tables behind the figures
``published``     the paper's Table 1
``pictures``      the run on CIFAR-10 and TinyImageNet in small tables
``publish``       writes those into ``results/fair_ensemble``
``learning``      accuracy of the groups by epoch, one source of randomness at a time
``estimates``     what decides the claims
``figures``       the figures

The measures themselves are in :mod:`ssl_lib.evaluation.fairness`.
"""

from ssl_lib.papers.fair_ensemble.members import Chapter, load
from ssl_lib.papers.fair_ensemble.settings import Run, Settings

__all__ = ["Chapter", "Run", "Settings", "load"]
