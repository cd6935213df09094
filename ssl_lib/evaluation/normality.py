"""Whether outputs are normal: around one image, where noise is put on it, and over all images.

Shwartz-Ziv et al. (2023), Theorem 1 and figure 1: a piecewise affine network maps Gaussian noise
on its input to Gaussian noise on its output as long as the noise stays in one linear region.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from ssl_lib.arguments import ArrayLike, as_tensor, check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_features
from ssl_lib.evaluation.features import extract
from ssl_lib.geometry import activation_codes
from ssl_lib.geometry.trace import Program, trace
from ssl_lib.randomness import torch_generator

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "NOISES", "Normality", "input_noise_normality", "normality", "normality_control",
    "sliced_epps_pulley",
]  # fmt: skip

NOISES = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)

_FEWEST = 20  # the test's own approximation asks for it
_ROUNDING = 1e3 * torch.finfo(torch.float64).eps


class Normality(NamedTuple):
    """What D'Agostino and Pearson's test says of the coordinates of a sample.

    Attributes
    ----------
    share : float
        Share of tested coordinates that it does not reject; NaN where none was tested.
    mean_p : float
        Their mean p-value, about one half for normal ones.
    tested, constant : int
        Coordinates that were tested, and that have no spread beyond rounding and were not: units
        that never fire.

    Examples
    --------
    >>> x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    >>> normality(torch.cat([x, torch.zeros(200, 1)], 1)).constant
    1
    """

    share: float
    mean_p: float
    tested: int
    constant: int


def normality(samples: ArrayLike, *, level: float = 0.01) -> Normality:
    """Test each coordinate for being normal, of whatever mean and variance.

    The test of D'Agostino and Pearson (1973) on skewness and kurtosis. It says nothing of how
    coordinates depend on each other: for that test random projections, ``samples @ directions``.

    Parameters
    ----------
    samples : torch.Tensor of shape (n, d)
        At least 20 rows: embeddings of many images, or of one with noise.
    level : float, default=0.01
        A coordinate passes when its p-value is above this.

    Returns
    -------
    Normality

    Raises
    ------
    InputError
        When samples are too few or not finite.

    Examples
    --------
    >>> draw = torch.Generator().manual_seed(0)
    >>> gaussian = torch.randn(512, 100, generator=draw)
    >>> normality(gaussian).share, normality(gaussian.relu()).share
    (1.0, 0.0)
    """
    x = check_features(samples, name="samples", least=_FEWEST).double()
    check_between("level", level, most=1.0)
    varies = x.std(0) > _ROUNDING * x.abs().amax(0)
    tested, constant = int(varies.sum()), int((~varies).sum())
    if not tested:
        return Normality(math.nan, math.nan, 0, constant)
    p = _p_values(x[:, varies])
    return Normality(float((p > level).double().mean()), float(p.mean()), tested, constant)


def _p_values(x: Tensor) -> Tensor:
    from scipy.stats import normaltest

    # Centred and scaled before: moments of a small spread around a large mean lose digits.
    scaled = (x - x.mean(0)) / x.std(0)
    return torch.from_numpy(normaltest(scaled.cpu().numpy(), axis=0).pvalue)


def normality_control(
    draws: int = 512, *, coordinates: int = 10_000, level: float = 0.01, seed: int = 0
) -> Normality:
    """Test exactly normal numbers: the line to compare with.

    The test's p-values are approximate. Of normal coordinates 0.987 pass at 512 draws and level
    0.01, not 0.990.

    Parameters
    ----------
    draws : int, default=512
        Numbers a coordinate, at least 20.
    coordinates : int, default=10,000
        How many are tested; the standard error of the share is about 0.12 over their square root.
    level, seed
        See :func:`input_noise_normality`.

    Returns
    -------
    Normality

    Examples
    --------
    >>> round(normality_control(512, coordinates=4000).mean_p, 2)
    0.5
    """
    check_whole("draws", draws, least=_FEWEST)
    check_whole("coordinates", coordinates)
    generator = torch_generator(seed, "normality", "control")
    left, found = coordinates, list[Normality]()
    while left:
        part = min(left, 4096)
        x = torch.randn(draws, part, dtype=torch.float64, generator=generator)
        found.append(normality(x, level=level))
        left -= part
    share, mean = (
        sum(part.tested * part[which] for part in found) / coordinates for which in (0, 1)
    )
    return Normality(share, mean, coordinates, 0)


def input_noise_normality(
    encoder: Callable[[Tensor], Tensor],
    images: ArrayLike,
    *,
    noises: Sequence[float] = NOISES,
    draws: int = 512,
    level: float = 0.01,
    regions: bool = True,
    seed: int = 0,
    batch_size: int = 512,
) -> pd.DataFrame:
    """Test whether an encoder's outputs are normal when Gaussian noise is put on its input.

    Parameters
    ----------
    encoder : callable
        Maps (b, c, h, w) images to (b, d). A module runs as a copy in float64, in evaluation mode;
        a function has to compute in float64 itself. Test linear outputs: after a ReLU half of a
        normal distribution is a heap at 0.
    images : torch.Tensor of shape (n, c, h, w)
        uint8 images are scaled to [0, 1]. Each is tested by itself, the others change nothing.
    noises : sequence of float
        Standard deviations of the noise on each pixel.
    draws : int, default=512
        Noisy copies of each image; the same noise, scaled, at each level.
    level : float, default=0.01
        See :func:`normality`.
    regions : bool, default=True
        Whether to tell the share of draws in the image's own linear region; needs a module that
        :mod:`ssl_lib.geometry` can trace.
    seed : int, default=0
        Draws the noise.
    batch_size : int, default=512
        Noisy copies encoded at a time.

    Returns
    -------
    pandas.DataFrame
        A row for each image and noise: ``image``, ``noise``, ``share``, ``mean p``, ``tested`` and
        ``constant`` (see :class:`Normality`), ``same region`` (share of draws; NaN without
        ``regions``). Compare ``share`` with :func:`normality_control`.

    Raises
    ------
    InputError
        When the outputs are not finite or not float64, or the regions cannot be traced.

    Examples
    --------
    An affine network has one region, and passes as often as normal numbers do.

    >>> table = input_noise_normality(nn.Flatten(), torch.rand(2, 1, 8, 8), noises=[0.1])
    >>> table[["image", "noise", "tested", "constant", "same region"]]
       image  noise  tested  constant  same region
    0      0    0.1      64         0          1.0
    1      1    0.1      64         0          1.0
    """
    import pandas as pd

    check_whole("draws", draws, least=_FEWEST)
    scales = [check_between("noise", noise, open=True) for noise in noises]
    if not scales:
        raise InputError("noises must hold at least one standard deviation.")
    pixels = _in_double(images)
    double = copy.deepcopy(encoder).double().eval() if isinstance(encoder, nn.Module) else encoder
    program = _program(double) if regions else None
    rows: list[dict[str, float]] = []
    for number, image in enumerate(pixels):
        generator = torch_generator(seed, "input noise", number)
        noise = torch.randn(draws, *image.shape, dtype=torch.float64, generator=generator)
        for scale in scales:
            noisy = image + scale * noise.to(image)
            found = normality(_outputs(double, noisy, batch_size, scale), level=level)
            inside = _share_of_region(program, image, noisy, batch_size)
            row = dict(zip(("share", "mean p", "tested", "constant"), found, strict=True))
            rows.append({"image": number, "noise": scale, **row, "same region": inside})
    return pd.DataFrame(rows)


def _in_double(images: ArrayLike) -> Tensor:
    pixels = as_tensor(images, name="images")
    if pixels.ndim != 4 or not len(pixels):
        raise InputError(
            f"images must have shape (n, c, h, w) with n > 0, got {tuple(pixels.shape)}."
        )
    if pixels.dtype != torch.uint8 and not pixels.is_floating_point():
        raise InputError(f"images must be uint8 or floating-point, got {pixels.dtype}.")
    return pixels.double() / (255 if pixels.dtype == torch.uint8 else 1)


def _program(encoder: object) -> Program:
    if not isinstance(encoder, nn.Module):
        raise InputError("regions need a torch module: pass regions=False for a function.")
    try:
        return trace(encoder)
    except InputError as error:
        raise InputError(f"no linear regions: {error}; pass regions=False to do without.") from None


def _outputs(
    encoder: Callable[[Tensor], Tensor], noisy: Tensor, batch_size: int, scale: float
) -> Tensor:
    try:
        z = extract(encoder, noisy, batch_size=batch_size)
    except RuntimeError as error:
        if "type" not in str(error):
            raise
        raise InputError(
            f"the encoder does not take float64 images: {error}. A module runs as a copy in "
            "float64 and must not cast its input."
        ) from error
    if z.dtype != torch.float64:
        raise InputError(
            "the encoder must compute in float64, where small noise keeps its digits: pass a "
            "module, or a function of float64 images."
        )
    return check_features(z, name=f"the encoder's outputs at noise {scale:g}")


def _share_of_region(
    program: Program | None, image: Tensor, noisy: Tensor, batch_size: int
) -> float:
    if program is None:
        return math.nan
    codes = activation_codes(program, torch.cat([image[None], noisy]), batch_size=batch_size)
    return float((codes[1:] == codes[0]).all(1).double().mean())


def sliced_epps_pulley(features: ArrayLike) -> float:
    r"""Compute SIGReg's statistic for all directions at once: how far from isotropic normal.

    .. math:: T = \sqrt{2\pi} \Big[ \frac1n \sum_{ij} \Phi\big(\tfrac12 \|z_i - z_j\|^2\big)
       - \sqrt2 \sum_i \Phi\big(\tfrac14 \|z_i\|^2\big) + \frac{n}{\sqrt3} \Big], \qquad
       \Phi(s) = {}_1F_1\big(\tfrac12; \tfrac d2; -s\big)

    The mean over the sphere of :func:`ssl_lib.methods.epps_pulley` in closed form: what SIGReg
    estimates with a few random directions in each step.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        Not standardised: mean and covariance are tested, too. O(n^2) memory.

    Returns
    -------
    float
        Without unit; 1.0594 on average for standard normal features, of any n and d.

    Examples
    --------
    >>> z = torch.randn(500, 16, generator=torch.Generator().manual_seed(0))
    >>> [round(sliced_epps_pulley(scale * z), 2) for scale in (1, 0.5, 0)]
    [1.22, 75.92, 204.46]
    """
    z = check_features(features).double()
    n, d = z.shape
    gaps = torch.pdist(z).square() / 2
    pairs = (n + 2 * float(_mean_kernel(gaps, d).sum())) / n
    single = float(_mean_kernel(z.square().sum(1) / 4, d).sum())
    return math.sqrt(2 * math.pi) * (pairs - math.sqrt(2) * single + n / math.sqrt(3))


def _mean_kernel(s: Tensor, d: int) -> Tensor:
    """Average exp(-s a^2) over the first coordinate a of unit vectors in d dimensions."""
    from scipy.special import hyp1f1

    return torch.from_numpy(hyp1f1(0.5, d / 2, -s.cpu().numpy()))
