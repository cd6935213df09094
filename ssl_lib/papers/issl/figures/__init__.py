"""The chapter's figures: each takes a tidy table and returns a matplotlib figure."""

from ssl_lib.papers.issl.figures.pretraining import (
    comparison,
    dimensions,
    epochs,
    gains,
    head_pairs,
    label_curve,
    probe_family,
    ranks,
    strengths,
)
from ssl_lib.papers.issl.figures.theory import codes, dichotomies, head_family, worst_tasks

__all__ = [
    "codes",
    "comparison",
    "dichotomies",
    "dimensions",
    "epochs",
    "gains",
    "head_family",
    "head_pairs",
    "label_curve",
    "probe_family",
    "ranks",
    "strengths",
    "worst_tasks",
]
