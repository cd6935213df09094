"""The chapter's figures: each takes tables or settings and returns a figure."""

from ssl_lib.papers.ssl_interplay.figures.curves import (
    crops,
    digits,
    pairs,
    rates,
    sizes,
    steps,
    stopping,
    tradeoff,
    width,
)
from ssl_lib.papers.ssl_interplay.figures.envelopes import POSITIONS, explore, lines, parities
from ssl_lib.papers.ssl_interplay.figures.maps import capacity, level, moons, spectra, sphere

__all__ = [
    "POSITIONS", "capacity", "crops", "digits", "explore", "level", "lines", "moons", "pairs",
    "parities", "rates", "sizes", "spectra", "sphere", "steps", "stopping", "tradeoff", "width",
]  # fmt: skip
