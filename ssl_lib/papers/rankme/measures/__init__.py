"""Tables to numbers.

``sweeps``      a row a trained encoder; curves, correlations within sweeps, other classes
``spectra``     what the spectrum of an embedding says: samples, epsilon, classical rank, bound
``selection``   which setting each rule picks, beside the paper's table
``statistics``  correlations, and means over seeds with intervals
"""

from ssl_lib.papers.rankme.experiments import KEYS
from ssl_lib.papers.rankme.measures.selection import (
    COMPARED,
    PAPER,
    by_seed_and_rule,
    gaps,
    paper_gaps,
    pick,
    selections,
    summary,
    verdicts,
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
    RANK,
    READOUTS,
    SHOWN,
    correlations,
    curves,
    encoders,
    pooled,
    readouts,
    spans,
    swept,
    transfer,
    trends,
    within,
)

__all__ = [
    "COMPARED", "KEYS", "PAPER", "PREDICTORS", "RANK", "READOUTS", "SHOWN", "agreement", "by_seed",
    "by_seed_and_rule", "classical", "correlation", "correlations", "curves", "encoders", "gaps",
    "mean_estimate", "noise", "order_kept", "paper_gaps", "path", "pick", "pooled", "readouts",
    "samples", "scaled_count", "selections", "spans", "spectra", "summary", "swept", "transfer",
    "trends", "verdicts", "within",
]  # fmt: skip
