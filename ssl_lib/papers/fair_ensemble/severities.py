"""Which corruptions each profile evaluates, and how the page names them."""

from ssl_lib import profiles
from ssl_lib.evaluation.fairness import corruptions

__all__ = ["STRONG_NOISE", "severity", "strengths"]

#: Gaussian noise far beyond CIFAR-C's, to see where the benefit ends.
STRONG_NOISE = (0.1, 0.2, 0.3, 0.4, 0.5)


def strengths(profile: str) -> tuple[tuple[str, float], ...]:
    """Return name and strength of each corrupted copy of the test images.

    Examples
    --------
    >>> [len(strengths(profile)) for profile in ("smoke", "quick", "standard")]
    [4, 49, 15]
    """
    full = tuple((name, s) for name, each in corruptions.CORRUPTIONS.items() for s in each)
    strong = tuple(("gaussian noise", s) for s in STRONG_NOISE)
    few = (("contrast", 0.75), ("contrast", 0.15), ("gaussian noise", 0.1), ("gaussian noise", 0.5))
    every = tuple(dict.fromkeys(full + strong))
    kinds = ("gaussian noise", "gaussian blur", "contrast")
    some = tuple(each for each in full if each[0] in kinds)
    return profiles.choose(profile, smoke=few, quick=every, standard=some, paper=every)


def severity(name: str, strength: float) -> int:
    """Return the severity from 1 to 5 of a strength of CIFAR-C, 0 for others.

    Examples
    --------
    >>> severity("contrast", 0.15), severity("gaussian noise", 0.5)
    (5, 0)
    """
    known = corruptions.CORRUPTIONS[name]
    return known.index(strength) + 1 if strength in known else 0
