"""RankMe (arXiv 2210.02885): how well an embedding's effective rank tells its accuracy.

What the chapter shows, from tables with a row for each number measured on each trained model:

``settings``     what the chapter can be run with, and the three sweeps
``recipes``      what each profile trains
``training``     the encoders of a sweep, trained side by side
``probing``      every number measured on one trained encoder
``experiments``  what a cell is and how one is computed; the tables of a run
``runs``         one row a trained encoder, and its correlations
``selection``    which setting each rule picks, beside the paper's table
``theory``       spectra without a network: epsilon, and the bound that rank sets
``dimensions``   the dimension sweep of another chapter
``real``         the sweeps on real images, published ones where this run trained digits
``estimates``    what decides the claims
``figures``      the figures, each from one or two of these tables

The measures themselves are in :mod:`ssl_lib.evaluation.rank`.
"""

from ssl_lib.papers.rankme.experiments import Tables, load
from ssl_lib.papers.rankme.settings import SWEEPS, Settings, Sweep

__all__ = ["SWEEPS", "Settings", "Sweep", "Tables", "load"]
