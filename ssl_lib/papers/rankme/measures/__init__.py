"""Tables to numbers.

``sweeps``      a row a trained encoder; curves, correlations within sweeps, other classes
``spectra``     what the spectrum of an embedding says: samples, epsilon, classical rank, bound
``selection``   which setting each rule picks, beside the paper's table
``statistics``  correlations, and means over seeds with intervals
"""

from ssl_lib.papers.rankme.measures.selection import (
    PAPER,
    by_seed_and_rule,
    gaps,
    paper_gaps,
    pick,
    selections,
    summary,
)
from ssl_lib.papers.rankme.measures.spectra import (
    agreement,
    classical,
    noise,
    order_kept,
    path,
    samples,
    scaled_count,
    spectra,
)
from ssl_lib.papers.rankme.measures.statistics import by_seed, correlation, mean_estimate
from ssl_lib.papers.rankme.measures.sweeps import (
    PREDICTORS,
    READOUTS,
    correlations,
    curves,
    encoders,
    pooled,
    readouts,
    swept,
    transfer,
    within,
)

__all__ = [
    "PAPER", "PREDICTORS", "READOUTS", "agreement", "by_seed", "by_seed_and_rule", "classical",
    "correlation", "correlations", "curves", "encoders", "gaps", "mean_estimate", "noise",
    "order_kept", "paper_gaps", "path", "pick", "pooled", "readouts", "samples", "scaled_count",
    "selections", "spectra", "summary", "swept", "transfer", "within",
]  # fmt: skip
