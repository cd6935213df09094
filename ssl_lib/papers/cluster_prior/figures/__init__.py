"""The chapter's figures: each takes tidy tables and returns a matplotlib figure."""

from ssl_lib.papers.cluster_prior.figures.clusters import (
    factors,
    fixed,
    gaussians,
    identities,
    kmeans,
    prior,
)
from ssl_lib.papers.cluster_prior.figures.encoders import (
    attributes,
    batches,
    crossing,
    duplicates,
    panels,
    photographs,
    remedies,
)
from ssl_lib.papers.cluster_prior.figures.galleries import galleries, own, usage

__all__ = [
    "attributes",
    "batches",
    "crossing",
    "duplicates",
    "factors",
    "fixed",
    "galleries",
    "gaussians",
    "identities",
    "kmeans",
    "own",
    "panels",
    "photographs",
    "prior",
    "remedies",
    "usage",
]
