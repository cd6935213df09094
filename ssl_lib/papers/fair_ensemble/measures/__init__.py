"""Tables to numbers; percent and points.

``means``  over training sets, with intervals: what figures and tables show
``sets``   of each training set: what decides claims
"""

from ssl_lib.papers.fair_ensemble.measures.means import (
    GROUPS,
    PROTOCOLS,
    aggregates,
    another_member,
    apart,
    classes,
    corruption,
    corruption_curves,
    curves,
    disagreement,
    imbalance,
    interval,
    side_by_side,
    sources,
    stacked,
    strong_noise,
)
from ssl_lib.papers.fair_ensemble.measures.sets import (
    by_set,
    disagreement_allowed,
    harmed,
    late_gain,
)

__all__ = [
    "GROUPS", "PROTOCOLS", "aggregates", "another_member", "apart", "by_set", "classes",
    "corruption", "corruption_curves", "curves", "disagreement", "disagreement_allowed", "harmed",
    "imbalance", "interval", "late_gain", "side_by_side", "sources", "stacked", "strong_noise",
]  # fmt: skip
