"""SIGReg (LeJEPA, Balestriero and LeCun 2025): embeddings that pass for isotropic normal ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssl_lib.arguments import check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.methods.base import Logs, Method, ViewBatch, embedding_std
from ssl_lib.methods.gather import gather
from ssl_lib.methods.precision import full_precision
from ssl_lib.models.heads import projection_head
from ssl_lib.models.seeding import seeded
from ssl_lib.randomness import torch_generator


@full_precision
def epps_pulley(x: Tensor, *, knots: int | None = 17, upper: float = 3.0) -> Tensor:
    r"""Return the Epps-Pulley statistic of each column: how far it is from standard normal.

    .. math:: T = n \int \Big| \frac1n \sum_j e^{i t x_j} - e^{-t^2/2} \Big|^2 e^{-t^2/2} dt

    Balestriero and LeCun (2025), section 4.2. With the distance of characteristic functions all
    moments count, and the gradient is bounded however far out a sample lies.

    Parameters
    ----------
    x : torch.Tensor
        (n, k), n samples of k projections. Mean and variance are tested too: do not standardise.
    knots : int or None
        Points of the trapezoidal rule on [0, `upper`], by symmetry half of the range; 17 in the
        authors' code. None is the integral over the whole line in closed form, in O(n^2 k).
    upper : float
        Where the rule ends; 3 in the authors' code. Beyond it the weight is below 0.012.

    Returns
    -------
    torch.Tensor
        (k,), without unit, at least 0.

    Raises
    ------
    InputError
        When x is no matrix with rows.

    Notes
    -----
    The mean over standard normal samples is :math:`\sqrt{2\pi} - \sqrt{2\pi/3} = 1.0594` for any
    n. Collapse to 0 costs 0.4089 n (with 17 knots 0.4020 n).

    Examples
    --------
    >>> x = torch.zeros(10, 1, dtype=torch.float64)
    >>> round(epps_pulley(x, knots=None).item(), 4), round(epps_pulley(x).item(), 4)
    (4.0892, 4.0205)
    """
    if x.ndim != 2 or not len(x):
        raise InputError(f"x must be (n, k) with n >= 1, got {tuple(x.shape)}")
    if knots is None:
        return _in_closed_form(x)
    check_whole("knots", knots, least=2)
    check_between("upper", upper, open=True)
    t = torch.linspace(0, upper, knots, dtype=x.dtype, device=x.device)
    normal = (-t.square() / 2).exp()
    angle = x[..., None] * t
    gap = (angle.cos().mean(0) - normal).square() + angle.sin().mean(0).square()
    return 2 * len(x) * torch.trapezoid(gap * normal, dx=upper / (knots - 1))


def _in_closed_form(x: Tensor) -> Tensor:
    """Integrate cos(t x) against exp(-c t^2): sqrt(pi / c) exp(-x^2 / 4 c)."""
    n = len(x)
    pairs = (-(x[:, None] - x).square() / 2).exp().sum((0, 1)) / n
    single = (-x.square() / 4).exp().sum(0)
    tau = 2 * math.pi
    return math.sqrt(tau) * (pairs - math.sqrt(2) * single + n / math.sqrt(3))


def random_directions(d: int, count: int, *, step: int = 0, seed: int = 0) -> Tensor:
    """Draw unit vectors, uniform on the sphere.

    Parameters
    ----------
    d, count : int
        Dimensions, and how many vectors.
    step, seed : int
        Each pair of both has vectors of its own.

    Returns
    -------
    torch.Tensor
        (d, count) float32 on the CPU.

    Examples
    --------
    >>> random_directions(3, 5).norm(dim=0).allclose(torch.ones(5))
    True
    """
    check_whole("d", d)
    check_whole("count", count)
    generator = torch_generator(seed, "sigreg", "directions", step)
    return nn.functional.normalize(torch.randn(d, count, generator=generator), dim=0)


class SIGRegTerms(NamedTuple):
    """The two unweighted terms of :func:`sigreg_loss`, each 0-d.

    Attributes
    ----------
    invariance, normality : torch.Tensor
        Mean squared distance from the views' centre, and mean statistic.

    Examples
    --------
    >>> views, axes = [torch.zeros(4, 2), torch.ones(4, 2)], torch.eye(2)
    >>> sigreg_terms(views, axes).invariance
    tensor(0.2500)
    """

    invariance: Tensor
    normality: Tensor


@full_precision
def sigreg_terms(
    views: Sequence[Tensor], directions: Tensor, *, knots: int | None = 17, n_global: int = 0
) -> SIGRegTerms:
    """Return invariance and normality of :func:`sigreg_loss`; its parameters.

    Parameters
    ----------
    views, directions, knots, n_global
        See :func:`sigreg_loss`.

    Returns
    -------
    SIGRegTerms

    Raises
    ------
    InputError
        When there are fewer than two views, or shapes do not fit.

    Examples
    --------
    >>> both = [torch.zeros(10, 2), torch.zeros(10, 2)]
    >>> sigreg_terms(both, torch.eye(2)).normality
    tensor(4.0205)
    """
    shapes = [tuple(z.shape) for z in views]
    if len(views) < 2 or len(shapes[0]) != 2 or len({*shapes}) > 1:
        raise InputError(f"views must be at least two embeddings of one shape (n, d), got {shapes}")
    if directions.ndim != 2 or len(directions) != shapes[0][1]:
        raise InputError(
            f"directions must be (d, k) with d = {shapes[0][1]}, got {tuple(directions.shape)}"
        )
    stacked = torch.stack([*views])
    center = stacked[: n_global or len(views)].mean(0)
    axes = directions.to(stacked)
    statistics = torch.stack([epps_pulley(z @ axes, knots=knots) for z in views])
    return SIGRegTerms((stacked - center).square().mean(), statistics.mean())


@full_precision
def sigreg_loss(
    views: Sequence[Tensor],
    directions: Tensor,
    *,
    weight: float = 0.02,
    knots: int | None = 17,
    n_global: int = 0,
) -> Tensor:
    r"""Return LeJEPA's loss: views that agree, and embeddings that are isotropic normal.

    .. math:: L = \frac{1 - \lambda}{V N D} \sum_{v,i} \|z_{vi} - \bar z_i\|^2
       + \frac{\lambda}{V K} \sum_{v,k} T(\{a_k^\top z_{vi}\}_i)

    Balestriero and LeCun (2025) with the factors of the authors' code. By the theorem of Cramér and
    Wold a distribution is normal iff all its projections are, so that K random ones, new in each
    step, test the whole distribution: VICReg's hinge and covariance test its second moments.

    Parameters
    ----------
    views : sequence of torch.Tensor
        V embeddings (n, d) of the same images, at least two.
    directions : torch.Tensor
        (d, K) unit vectors, see :func:`random_directions`.
    weight : float
        :math:`\lambda`; 0.02 in the authors' minimal example.
    knots : int or None
        See :func:`epps_pulley`.
    n_global : int
        The centre :math:`\bar z_i` is the mean of so many first views; 0 for all.

    Returns
    -------
    torch.Tensor
        0-d loss, without unit.

    Notes
    -----
    Two views: the first term is a quarter of VICReg's invariance. Collapse to 0 costs
    :math:`0.402\,\lambda n`; normal embeddings on which the views agree :math:`1.06\,\lambda`.

    Examples
    --------
    >>> both = [torch.zeros(10, 2), torch.zeros(10, 2)]
    >>> sigreg_loss(both, torch.eye(2), weight=0.5)
    tensor(2.0102)
    """
    terms = sigreg_terms(views, directions, knots=knots, n_global=n_global)
    return (1 - weight) * terms.invariance + weight * terms.normality


class SIGReg(Method):
    """LeJEPA: projector and :func:`sigreg_loss` of all views, along new directions in each step.

    The directions depend on how much of the training is done, not on the seed: runs side by side
    and processes of one run share them, and a resumed run goes on with them.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    head : sequence of int
        Widths of the projector; the last is 16 or more in the authors' examples.
    head_norm : {"batch", "layer", "none"}
        Normalisation of the hidden layers.
    weight : float
        Of SIGReg, from 0 to 1; the invariance has the rest.
    n_directions : int
        Projections that are tested in each step; 256 to 1024 in the authors' examples.
    knots : int
        See :func:`epps_pulley`.
    concatenate_views : bool
        See :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the projector's weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = SIGReg(MLP(64, 16), head=(16, 8))
    >>> views = (torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8))
    >>> sorted(method(ViewBatch(views=views)).logs)
    ['embedding_std', 'feature_std', 'invariance', 'normality']
    """

    name = "sigreg"
    sweepable = ("weight",)

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Sequence[int] = (2048, 2048, 128),
        head_norm: str = "batch",
        weight: float = 0.02,
        n_directions: int = 256,
        knots: int = 17,
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        self.weight = check_between("weight", weight, most=1.0)
        self.n_directions = check_whole("n_directions", n_directions)
        self.knots = check_whole("knots", knots, least=2)
        self.width = [self.encoder_dim, *head][-1]
        with seeded(seed, "head"):
            self.head = projection_head(self.encoder_dim, head, norm=head_norm)
        self.before_step(0.0)

    def before_step(self, progress: float) -> None:
        """Draw the step's directions."""
        step = round(progress * 2**40)
        self.directions = random_directions(self.width, self.n_directions, step=step)

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss of the global batch, of all views at once."""
        z = [gather(z) for z in self.map_views(self.head, features)]
        terms = sigreg_terms(z, self.directions, knots=self.knots, n_global=batch.globals_)
        loss = (1 - self.weight) * terms.invariance + self.weight * terms.normality
        return loss, {"embedding_std": embedding_std(z[0]), **terms._asdict()}
