"""The chapter's figures: each takes a tidy table and returns a matplotlib figure."""

from ssl_lib.papers.splinecam.figures.curves import (
    attacks,
    augmentation,
    boundary_lengths,
    evolution_curves,
    growth,
    surface_density,
    training,
)
from ssl_lib.papers.splinecam.figures.pictures import (
    architectures,
    attack,
    boundary_evolution,
    evolution,
    explored,
    photo,
    samples,
    surface,
    training_pictures,
)

__all__ = [
    "architectures",
    "attack",
    "attacks",
    "augmentation",
    "boundary_evolution",
    "boundary_lengths",
    "evolution",
    "evolution_curves",
    "explored",
    "growth",
    "photo",
    "samples",
    "surface",
    "surface_density",
    "training",
    "training_pictures",
]
