"""What the strength of a training augmentation does to each error ratio."""

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssl_lib.arguments import check_whole
from ssl_lib.errors import InputError

__all__ = ["Effect", "Strength", "augmentation_effect", "drop_rare_strengths", "parse_strength"]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_DEGREE = 3
_NUMBER = r"(\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
_NAME = re.compile(
    rf"^eval_resnet50_crop{_NUMBER}_wd{_NUMBER}(?:_color{_NUMBER})?(?:_smoothing{_NUMBER})?_id\d+$"
)


class Strength(NamedTuple):
    """Augmentation of a released ResNet-50, each strength from 0 to 100."""

    crop: float
    color: float
    smoothing: float
    weight_decay: float


def parse_strength(name: str) -> Strength | None:
    """Read augmentation strengths from the name of a released model; None for other names.

    The name gives the smallest area a random crop may have, in percent; the crop's strength is
    100 minus that, so that 0 means no crop and 92 is torchvision's default.

    Examples
    --------
    >>> parse_strength("eval_resnet50_crop8.0_wd1e-05_color100.0_id1662124509")
    Strength(crop=92.0, color=100.0, smoothing=0.0, weight_decay=1e-05)
    """
    match = _NAME.match(name)
    if match is None:
        return None
    area, decay, color, smoothing = (float(part or 0) for part in match.groups())
    return Strength(100 - area, color, smoothing, decay)


def drop_rare_strengths(strength: Array, *, fewest: int = 5) -> npt.NDArray[np.bool_]:
    """Return the mask (m,) of models whose strength occurs at least ``fewest`` times.

    Examples
    --------
    >>> drop_rare_strengths(np.array([1.0, 1.0, 2.0]), fewest=2)
    array([ True,  True, False])
    """
    _, index, number = np.unique(strength, return_inverse=True, return_counts=True)
    return np.asarray(number[index] >= check_whole("fewest", fewest))


class Effect(NamedTuple):
    """How values move from the lower to the higher extreme of their cubic fit; arrays (k,).

    ``t`` is positive when the value falls as strength rises. ``low`` and ``high`` are the two
    strengths compared; ``coefficients`` (4, k) are the cubic's, highest power first.
    """

    t: Floats
    p_value: Floats
    low: Floats
    high: Floats
    coefficients: Floats

    def predict(self, strength: Array) -> Floats:
        """Return the fitted values (s, k) at strengths (s,)."""
        powers = np.asarray(strength, np.float64)[:, None] ** np.arange(_DEGREE, -1, -1)
        return powers @ self.coefficients

    def panels(self, *, most: int = 3, level: float = 0.05) -> tuple[list[int], list[int]]:
        """Return the columns that improve most and that suffer most, of significant ones.

        Sorted by falling t: the first ``most`` and the last ``most``, which may include a
        positive t when few are negative.
        """
        check_whole("most", most)
        significant = np.flatnonzero(self.p_value < level)
        order = significant[np.argsort(-self.t[significant], kind="stable")].tolist()
        return order[:most], order[-most:]


def augmentation_effect(strength: Array, values: Array) -> Effect:
    """Compare models at the two strengths where a cubic fit is lowest and highest.

    Parameters
    ----------
    strength : float array (m,)
        Of each model; see :func:`drop_rare_strengths` for those that too few models share.
    values : float array (m, k)
        For example error ratios by factor.

    Returns
    -------
    Effect
        Welch's t between the models at the two strengths, the lower strength first.

    Raises
    ------
    InputError
        With fewer than four different strengths, through which no one cubic goes.

    Examples
    --------
    >>> strength = np.repeat([0.0, 1.0, 2.0, 3.0], 3)
    >>> noise = np.tile([-0.1, 0.0, 0.1], 4)
    >>> effect = augmentation_effect(strength, (noise - strength)[:, None])
    >>> effect.t.round(2), effect.low, effect.high
    (array([36.74]), array([0.]), array([3.]))
    """
    strength, values = np.asarray(strength, np.float64), np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[:1] != strength.shape:
        raise InputError(f"values must have shape ({len(strength)}, k); got {values.shape}")
    grid = np.unique(strength)
    if len(grid) <= _DEGREE:
        raise InputError(f"a cubic fit needs at least four strengths; got {len(grid)}")
    coefficients = np.polyfit(strength, values, _DEGREE)
    fit = grid[:, None] ** np.arange(_DEGREE, -1, -1) @ coefficients
    extremes = np.sort([fit.argmin(axis=0), fit.argmax(axis=0)], axis=0)
    low, high = grid[extremes]
    tests = [_welch(strength, *column) for column in zip(values.T, low, high, strict=True)]
    t, p_value = np.array(tests).T
    return Effect(t, p_value, low, high, coefficients)


def _welch(strength: Floats, values: Floats, low: float, high: float) -> tuple[float, float]:
    from scipy import stats

    test = stats.ttest_ind(values[strength == low], values[strength == high], equal_var=False)
    return float(test.statistic), float(test.pvalue)
