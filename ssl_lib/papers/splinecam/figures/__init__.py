"""The chapter's figures: each takes a tidy table and returns a matplotlib figure."""

from ssl_lib.papers.splinecam.figures.curves import (
    attacks,
    augmentation,
    boundary_lengths,
    growth,
    squares,
    surface_density,
    toy_curves,
    training,
)  # fmt: skip
from ssl_lib.papers.splinecam.figures.pictures import (
    CLASSES,
    architectures,
    attack,
    circles,
    evolution,
    explore,
    moons,
    photo,
    samples,
    surface,
    training_pictures,
)  # fmt: skip

__all__ = [
    "CLASSES", "architectures", "attack", "attacks", "augmentation", "boundary_lengths",
    "circles", "evolution", "explore", "growth", "moons", "photo", "samples", "squares",
    "surface", "surface_density", "toy_curves", "training", "training_pictures",
]  # fmt: skip
