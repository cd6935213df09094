"""FAIR-Ensemble (arXiv 2303.00586): whom averaging identical models helps.

``settings``      what the chapter can be run with, and which sources of randomness an arm varies
``recipes``       what each profile trains on each data set
``training``      the images of a training set, its members, and what they predict
``statistics``    what ensembles of the members do for groups of test images, and how members differ
``experiments``   what a cell is and how one is computed; the tables of a run
``measures``      the same over training sets, with intervals
``table_1``       the paper's Table 1, beside a run
``estimates``     what decides the claims
``figures``       the figures
``own``           the same on the predictions of your own models

The measures themselves are in :mod:`ssl_lib.evaluation.fairness`.
"""

from ssl_lib.papers.fair_ensemble.experiments import load, real
from ssl_lib.papers.fair_ensemble.settings import Settings

__all__ = ["Settings", "load", "real"]
