"""RankMe (arXiv 2210.02885): how well an embedding's effective rank tells its accuracy.

``settings``     what the chapter can be run with, the three sweeps, and what each profile trains
``experiments``  what a cell is and how one is computed: a row a number measured on an encoder
``training``     the encoders of one cell, trained side by side
``probing``      every number measured on one trained encoder
``theory``       spectra without a network: epsilon, and the bound that rank sets
``dimensions``   the dimension sweep of another chapter
``measures``     tables to numbers: correlations, selections, spectra
``figures``      numbers to pictures
``estimates``    what decides the claims
``own``          pictures and an encoder of one's own

RankMe itself is in :mod:`ssl_lib.evaluation.rank`.
"""

from ssl_lib.papers.rankme.experiments import Tables, load, photographs
from ssl_lib.papers.rankme.settings import SWEEPS, Settings, Sweep, recipes

__all__ = ["SWEEPS", "Settings", "Sweep", "Tables", "load", "photographs", "recipes"]
