"""The chapter's figures: each takes tidy tables and returns a matplotlib figure."""

from ssl_lib.papers.issl.figures.pretraining import (
    ablation,
    dimensions,
    epochs,
    gains,
    probe_family,
    ranks,
    rivals,
    strengths,
)
from ssl_lib.papers.issl.figures.theory import codes, dichotomies, head_family, worst_tasks

__all__ = [
    "ablation", "codes", "dichotomies", "dimensions", "epochs", "gains", "head_family",
    "probe_family", "ranks", "rivals", "strengths", "worst_tasks",
]  # fmt: skip
