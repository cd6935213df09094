"""RankMe and its relatives: how many directions an embedding uses, without labels.

RankMe (Garrido et al., 2023, Eq. 1) is the exponential of the entropy of the normalised singular
values. All routes here go through the Gram matrix in float64, which costs a fraction of a singular
value decomposition of a tall matrix, and refine what squaring loses (see :func:`singular_values`).
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_tensor, check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_features

__all__ = [
    "RankMeter",
    "alpha_req",
    "classical_rank",
    "entropic_rank",
    "rankme",
    "ranks",
    "select_by_rank",
    "singular_values",
]

# Below this share of the largest eigenvalue a float64 Gram matrix has lost half of its digits.
_TAIL = 1e-9

_SMALL = 1e-100

# Columns of a Gram matrix computed at a time: symmetry then saves nearly half of the products.
_COLUMNS = 256

# From this width on BLAS's own routine for half a product is worth its call.
_WIDE = 256


def rankme(
    features: ArrayLike, *, eps: float = 1e-7, centre: bool = False, chunk: int = 4096
) -> float:
    """Compute RankMe, the smooth rank of an embedding.

    ``exp(-sum_k p_k ln p_k)`` with ``p_k = sigma_k / sum_j sigma_j + eps`` (Eq. 1): singular
    values, not their squares, of the matrix as it is, not centred.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample: the projector's output on un-augmented pretraining images, network in
        evaluation mode. The paper uses 25,600 of them.
    eps : float, default=1e-7
        Added to each of the ``min(n, d)`` shares after the division. 0 gives the effective rank of
        Roy and Vetterli (2007). Larger values inflate: 1e-5 adds 14 % at d = 2048.
    centre : bool, default=False
        Subtract the mean row first; a different statistic from the paper's.
    chunk : int, default=4096
        Rows that are cast to float64 at a time.

    Returns
    -------
    float
        Between 1 and ``min(n, d)`` for ``eps=0``.

    Warns
    -----
    UserWarning
        When ``n < 2 d``: the value is then limited by the number of samples and comparable only
        with values from as many samples.

    Raises
    ------
    InputError
        When the features are not a finite matrix, or all zero (no share is defined).

    Notes
    -----
    RankMe compares runs of one method on one data set. It is blind to scale: a run that shrinks
    all directions together keeps its rank, so look at
    :func:`ssl_lib.evaluation.spread.embedding_std` beside it.

    Examples
    --------
    >>> z = torch.tensor([[2.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    >>> round(rankme(z, eps=0), 6)
    2.828427
    """
    features = check_features(features)
    sigma = singular_values(features, centre=centre, chunk=chunk)
    _warn_of_few(features)
    return entropic_rank(sigma, eps=eps)


def _warn_of_few(features: Tensor) -> None:
    n, d = features.shape
    if n < 2 * d:
        warnings.warn(
            f"RankMe of {n} samples in {d} dimensions is limited by the number of samples: "
            f"compare it only with values from as many samples, or use at least {2 * d}.",
            stacklevel=3,
        )


def ranks(features: ArrayLike, *, eps: float = 1e-7, centre: bool = False) -> dict[str, float]:
    """Compute RankMe, the classical rank and alpha-ReQ, sharing what they have in common.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample.
    eps : float, default=1e-7
        See :func:`rankme` and :func:`classical_rank`.
    centre : bool, default=False
        Subtract the mean row before the first two; alpha-ReQ always does.

    Returns
    -------
    dict of str to float
        ``rankme``, ``classical_rank``, ``alpha_req``.

    Warns
    -----
    UserWarning
        See :func:`rankme`.

    Examples
    --------
    >>> ranks(torch.eye(3).repeat(4, 1), eps=0)["classical_rank"]
    3
    """
    features = check_features(features)
    sigma = singular_values(features, centre=centre)
    _warn_of_few(features)
    return {
        "rankme": entropic_rank(sigma, eps=eps),
        "classical_rank": _count(sigma, features, eps),
        "alpha_req": alpha_req(features),
    }


def entropic_rank(singular: ArrayLike, *, eps: float = 1e-7) -> float:
    """Compute the exponential of the entropy of a spectrum (RankMe, Eq. 1).

    Parameters
    ----------
    singular : torch.Tensor of shape (m,)
        Non-negative singular values, in any order.
    eps : float, default=1e-7
        Added to each share after the division.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When the spectrum is all zero, negative somewhere or not finite, or ``eps`` is negative.

    Examples
    --------
    >>> round(entropic_rank(torch.ones(5), eps=0), 6)
    5.0
    """
    check_between("eps", eps)
    singular = as_tensor(singular, name="singular values").to(torch.float64)
    if not bool(((singular >= 0) & (singular < math.inf)).all()):
        raise InputError("singular values must be at least 0 and finite.")
    total = float(singular.sum())
    if total <= 0:
        raise InputError("the features are all zero: no rank is defined.")
    shares = singular / total + eps
    return float(torch.exp(-torch.xlogy(shares, shares).sum()))


def classical_rank(features: ArrayLike, *, eps: float = 1e-7, centre: bool = False) -> int:
    """Count the singular values above the paper's threshold.

    ``sigma_k > max_i sigma_i * max(n, d) * eps``.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample.
    eps : float, default=1e-7
        The relative precision of the features, 1e-7 for float32.
    centre : bool, default=False
        Subtract the mean row first.

    Returns
    -------
    int

    Examples
    --------
    >>> classical_rank(torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]))
    1
    """
    features = check_features(features)
    return _count(singular_values(features, centre=centre), features, eps)


def _count(sigma: Tensor, features: Tensor, eps: float) -> int:
    check_between("eps", eps)
    return int((sigma > sigma.max() * max(features.shape) * eps).sum())


def singular_values(features: ArrayLike, *, centre: bool = False, chunk: int = 4096) -> Tensor:
    """Compute all singular values of a tall or wide matrix through its Gram matrix.

    Squaring loses what lies below about 1e-8 of the largest singular value. Those directions are
    few or many; either way the rows are projected on them and their own, small Gram matrix is
    decomposed, which gives the digits back at the cost of one more product.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample.
    centre : bool, default=False
        Subtract the mean row first.
    chunk : int, default=4096
        Rows that are cast to float64 at a time.

    Returns
    -------
    torch.Tensor of shape (min(n, d),), float64
        In descending order.

    Examples
    --------
    >>> singular_values(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.], dtype=torch.float64)
    """
    features, chunk = check_features(features), check_whole("chunk", chunk)
    size = float(torch.linalg.vector_norm(features, math.inf))
    if size > 0 and not _SMALL < size < 1 / _SMALL:  # squares would leave the range of a double
        return singular_values(features.double() / size, centre=centre, chunk=chunk) * size
    mean = features.to(torch.float64).mean(0) if centre else None
    if features.shape[0] < features.shape[1]:
        rows = features.to(torch.float64) if mean is None else features - mean
        return _spectrum(rows.T.contiguous(), None, chunk)
    return _spectrum(features, mean, chunk)


def _spectrum(rows: Tensor, mean: Tensor | None, chunk: int) -> Tensor:
    gram = _gram(rows, mean, None, chunk)
    eigenvalues = torch.linalg.eigvalsh(gram, UPLO="U")
    tail = eigenvalues < _TAIL * eigenvalues[-1]
    sigma = eigenvalues.clamp_min(0).sqrt()
    if eigenvalues[-1] > 0 and bool(tail.any()):
        vectors = torch.linalg.eigh(gram, UPLO="U").eigenvectors[:, tail]
        small = torch.linalg.eigvalsh(_gram(rows, mean, vectors, chunk), UPLO="U")
        sigma = torch.cat([small.clamp_min(0).sqrt(), sigma[~tail]])
    return torch.sort(sigma, descending=True)[0]


def _gram(rows: Tensor, mean: Tensor | None, basis: Tensor | None, chunk: int) -> Tensor:
    width = rows.shape[1] if basis is None else basis.shape[1]
    gram = torch.zeros(width, width, dtype=torch.float64, device=rows.device)
    # One buffer for all parts: fresh memory costs as much as the conversion.
    buffer = rows.new_empty(min(chunk, len(rows)), rows.shape[1], dtype=torch.float64)
    for part in rows.split(chunk):
        part = buffer[: len(part)].copy_(part)
        part = part if mean is None else part.sub_(mean)
        _add_gram(gram, part if basis is None else part @ basis)
    return gram


def _add_gram(gram: Tensor, rows: Tensor) -> None:
    """Add ``rows^T rows`` to the upper triangle; what lies below the diagonal means nothing."""
    if gram.device.type == "cpu" and len(gram) >= _WIDE:
        return _syrk(gram, rows)
    for at in range(0, len(gram), _COLUMNS):
        gram[at : at + _COLUMNS, at:].addmm_(rows[:, at : at + _COLUMNS].T, rows[:, at:])
    return None


def _syrk(gram: Tensor, rows: Tensor) -> None:
    from scipy.linalg import blas

    # The transpose of a matrix in C's order is one in Fortran's: nothing is copied, and its
    # lower triangle is our upper one.
    with _threads().limit(limits=torch.get_num_threads(), user_api="blas"):
        blas.dsyrk(1.0, rows.numpy().T, 1.0, gram.numpy().T, lower=1, overwrite_c=1)


@functools.cache
def _threads() -> Any:
    # Called when scipy's BLAS is loaded: the controller finds what is.
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,unused-ignore]

    return ThreadpoolController()


class RankMeter:
    """RankMe of more samples than fit in memory, or that are spread over processes.

    Holds the number of rows, their sum and (the upper half of) their Gram matrix in float64:
    ``8 d (d + 1)`` bytes.

    Parameters
    ----------
    dim : int
        Width d of the features.
    device : str or torch.device, default="cpu"
        Where the sums live.

    Notes
    -----
    In one pass the refinement of :func:`singular_values` is not possible: singular values below
    about 1e-8 of the largest are rounding noise. The two agree to 1e-9 for spectra above that.

    Examples
    --------
    >>> meter = RankMeter(2)
    >>> for part in torch.eye(2).repeat(3, 1).split(2):
    ...     meter.update(part)
    >>> meter.n, round(meter.compute(eps=0), 6)
    (6, 2.0)
    """

    def __init__(self, dim: int, *, device: str | torch.device = "cpu") -> None:
        dim = check_whole("dim", dim)
        self.n = 0
        self.total = torch.zeros(dim, dtype=torch.float64, device=device)
        self.gram = torch.zeros(dim, dim, dtype=torch.float64, device=device)

    def update(self, features: ArrayLike) -> None:
        """Add rows.

        Parameters
        ----------
        features : torch.Tensor of shape (n, d)
            On any device, of any floating-point type.
        """
        features = check_features(features).to(self.gram)
        if features.shape[1] != self.gram.shape[0]:
            raise InputError(
                f"features must have {self.gram.shape[0]} columns, got {features.shape[1]}."
            )
        self.n += len(features)
        self.total += features.sum(0)
        _add_gram(self.gram, features)

    def merge(self, other: RankMeter) -> None:
        """Add the rows that another meter has seen.

        Parameters
        ----------
        other : RankMeter
            Of the same width.

        Raises
        ------
        InputError
            When the widths differ.
        """
        if other.gram.shape != self.gram.shape:
            raise InputError(
                f"meters must have one width, got {len(self.gram)} and {len(other.gram)}."
            )
        self.n += other.n
        self.total += other.total.to(self.total)
        self.gram += other.gram.to(self.gram)

    def compute(self, *, eps: float = 1e-7, centre: bool = False) -> float:
        """Compute RankMe of all rows so far.

        Parameters
        ----------
        eps : float, default=1e-7
            See :func:`rankme`.
        centre : bool, default=False
            See :func:`rankme`.

        Returns
        -------
        float

        Raises
        ------
        InputError
            When no row was added, or all rows are zero.
        """
        if self.n == 0:
            raise InputError("no features were added: call update first.")
        gram = self.gram - torch.outer(self.total, self.total) / self.n if centre else self.gram
        eigenvalues = torch.linalg.eigvalsh(gram, UPLO="U").flip(0)[: self.n]
        return entropic_rank(eigenvalues.clamp_min(0).sqrt(), eps=eps)


def alpha_req(features: ArrayLike, *, first: int = 11, last: int = 100) -> float:
    """Fit the power law of the covariance spectrum (alpha-ReQ, Agrawal et al., 2022).

    Weighted least squares of ``ln lambda_i`` on ``-ln i`` with weights ``1 / i`` over the ranks
    ``first`` to ``last`` of the centred features' covariance. The run whose exponent is nearest
    to 1 is preferred.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample.
    first, last : int, default=11, 100
        Ranks that the fit uses, counted from 1. Where there are fewer than ``last`` non-zero
        eigenvalues the fit ends at the last of them, and starts at rank 3.

    Returns
    -------
    float
        The exponent alpha; ``nan`` where fewer than two eigenvalues remain.

    Examples
    --------
    >>> scale = torch.arange(1, 41, dtype=torch.float64) ** -0.75
    >>> basis = torch.linalg.qr(torch.linspace(0, 1, 200 * 41, dtype=torch.float64).sin()
    ...     .reshape(200, 41).index_fill(1, torch.tensor([0]), 1.0)
    ...     + torch.eye(200, 41, dtype=torch.float64)).Q
    >>> round(alpha_req(basis[:, 1:] * scale), 3)
    1.5
    """
    if not 1 <= check_whole("first", first) < check_whole("last", last):
        raise InputError(f"ranks must satisfy 1 <= first < last, got {first} and {last}.")
    eigenvalues = singular_values(features, centre=True).square()
    count = int((eigenvalues > eigenvalues[0] * 1e-15).sum()) if eigenvalues[0] > 0 else 0
    if count < last:
        first, last = min(first, 3), count
    if last - first < 1:
        return float("nan")
    rank = torch.arange(first, last + 1, dtype=torch.float64, device=eigenvalues.device)
    return _weighted_slope(-rank.log(), eigenvalues[first - 1 : last].log(), 1 / rank)


def _weighted_slope(x: Tensor, y: Tensor, weight: Tensor) -> float:
    weight = weight / weight.sum()
    x, y = x - (weight * x).sum(), y - (weight * y).sum()
    return float((weight * x * y).sum() / (weight * x * x).sum())


def select_by_rank(
    values: Sequence[float], *, tolerance: float = 0.01, prefer: str = "first"
) -> int:
    """Pick the setting of a sweep that RankMe prefers (Fig. 4).

    The largest value wins. Where an ordered hyper-parameter reaches a plateau, the first setting
    on it is returned: the first whose value is within ``tolerance`` of the largest.

    Parameters
    ----------
    values : sequence of float
        RankMe of each setting, in the order of the hyper-parameter. NaN is never picked.
    tolerance : float, default=0.01
        Share of the maximum that counts as the same rank, from 0 to 1; our choice, the paper
        states none.
    prefer : {"first", "last"}, default="first"
        The side from which the plateau is reached.

    Returns
    -------
    int
        Index of the setting.

    Raises
    ------
    InputError
        When no value is finite, or ``tolerance`` is out of range.

    Examples
    --------
    >>> select_by_rank([3.0, 9.95, 10.0, float("nan")])
    1
    """
    check_between("tolerance", tolerance, most=1)
    if prefer not in ("first", "last"):
        raise InputError(f"prefer must be 'first' or 'last', got {prefer!r}.")
    scores = as_tensor(values, name="values").double()
    if scores.ndim != 1:
        raise InputError(f"values must be one rank a setting, got shape {tuple(scores.shape)}.")
    finite = torch.isfinite(scores)
    if not bool(finite.any()):
        raise InputError("no setting has a finite rank to select from.")
    best = scores[finite].max()
    plateau = torch.nonzero(finite & (scores >= best - tolerance * best.abs())).flatten()
    return int(plateau[0 if prefer == "first" else -1])
