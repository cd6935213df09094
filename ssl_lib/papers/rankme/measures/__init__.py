"""Tables to numbers.

``sweeps``      a row a trained encoder; curves, correlations within sweeps, other classes
``spectra``     what the spectrum of an embedding says: samples, epsilon, classical rank, bound
``selection``   which setting each rule picks, beside the paper's table
``statistics``  correlations, and means over seeds with intervals
"""

from ssl_lib.papers.rankme.measures import selection, spectra, statistics, sweeps

__all__ = ["selection", "spectra", "statistics", "sweeps"]
