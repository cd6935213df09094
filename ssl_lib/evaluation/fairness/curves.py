"""The accuracy of ensembles of every size, over many draws of their members, without a loop.

Which class an ensemble predicts depends on sums of scores over its members. An image that every
member gets right by itself is right in every ensemble; a class to which every member prefers the
label never wins. What is left are a few rivals of the label on a few contested images. For those,
one product of matrices gives the margins of all ensembles at once.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ssl_lib.arguments import check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.fairness.ensembles import Aggregate, member_scores
from ssl_lib.evaluation.fairness.groups import Groups
from ssl_lib.evaluation.fairness.inputs import Bools, Floats, Ints, checked_members
from ssl_lib.randomness import numpy_generator

__all__ = ["EnsembleCurve", "draw_ensembles", "ensemble_curve"]

_PAIRS_A_TIME = 1 << 22  # margins held at once: 16 MB in single precision
_SCORES_A_TIME = 1 << 23  # scores looked at once when rivals are sought
_STRONGEST = 3  # rivals that the others are compared with


@dataclass(frozen=True, eq=False)
class EnsembleCurve:
    """How often ensembles of each size are right on each image.

    Attributes
    ----------
    sizes : int64 array (k,)
        Numbers of members.
    right : float64 array (k, n)
        Share of the drawn ensembles of that size that are right on the image.
    draws : int64 array (k,)
        How many ensembles of that size were drawn; all there are, where that is no more.
    by_draw : tuple of float64 arrays (draws, g), or empty
        For each size, each drawn ensemble's accuracy on each group, where groups were given.
    base : int or None
        The member that all ensembles contain.
    """

    sizes: Ints
    right: Floats
    draws: Ints
    by_draw: tuple[Floats, ...] = ()
    base: int | None = None

    def at(self, size: int) -> Floats:
        """Return the share of right ensembles of one size on each image, (n,).

        Examples
        --------
        >>> ensemble_curve([[[0.2, 0.8]], [[0.9, 0.1]]], [0]).at(1)
        array([0.5])
        """
        found = np.flatnonzero(self.sizes == size)
        if not len(found):
            raise InputError(f"the curve has sizes {self.sizes.tolist()}, not {size}.")
        row: Floats = self.right[found[0]]
        return row


def ensemble_curve(
    probabilities: object,
    labels: object,
    *,
    sizes: Sequence[int] | None = None,
    draws: int = 200,
    aggregate: Aggregate = "prob",
    base: int | None = None,
    groups: Groups | None = None,
    seed: int = 0,
) -> EnsembleCurve:
    """Draw ensembles of each size and find on which images they are right.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
        The members' class probabilities.
    labels : array-like (n,)
        True classes.
    sizes : sequence of int, optional
        Increasing numbers of members; by default 1 to m.
    draws : int, default=200
        Ensembles of each size, each of different members. Where there are no more than that, every
        ensemble of the size is used, once; so is every single member.
    aggregate : {"prob", "logit", "vote"}, default="prob"
        See :func:`~ssl_lib.evaluation.fairness.ensembles.member_scores`.
    base : int, optional
        A member that every ensemble contains, as in the paper's curves: size 1 is this member.
    groups : Groups, optional
        Also keep each draw's accuracy on these groups, for intervals over draws.
    seed : int, default=0
        Of the draws.

    Returns
    -------
    EnsembleCurve

    Raises
    ------
    InputError
        When an argument is not what it should be; one member alone is no ensemble.

    Examples
    --------
    >>> members = [[[0.9, 0.1]], [[0.4, 0.6]], [[0.3, 0.7]]]
    >>> ensemble_curve(members, [0]).right.round(3).tolist()
    [[0.333], [0.667], [1.0]]
    """
    values, classes = checked_members(probabilities, labels, fewest=2)
    wanted = _checked_sizes(sizes, len(values))
    check_whole("draws", draws)
    if base is not None and not 0 <= check_whole("base", base, least=0) < len(values):
        raise InputError(f"base must be a member from 0 to {len(values) - 1}, got {base}.")
    rivals = _Rivals.of(member_scores(values, aggregate=aggregate), classes)
    masks = [
        draw_ensembles(len(values), size, draws=draws, base=base, seed=seed) for size in wanted
    ]
    parts = [_evaluate(rivals, mask, groups) for mask in masks]
    return EnsembleCurve(
        sizes=np.array(wanted, dtype=np.int64),
        right=np.stack([right for right, _ in parts]),
        draws=np.array([len(mask) for mask in masks], dtype=np.int64),
        by_draw=tuple(accuracy for _, accuracy in parts if accuracy is not None),
        base=base,
    )


def draw_ensembles(m: int, size: int, *, draws: int, base: int | None = None, seed: int) -> Bools:
    """Draw the members of ensembles of one size.

    Parameters
    ----------
    m, size : int
        Members to choose from and to choose.
    draws : int
        How many ensembles; all there are, each once, where that is no more than this, or where
        one member is to be chosen.
    base : int, optional
        A member that each contains.
    seed : int

    Returns
    -------
    bool array (draws, m)

    Examples
    --------
    >>> draw_ensembles(3, 2, draws=5, seed=0).astype(int).tolist()
    [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    free = [member for member in range(m) if member != base]
    extra = size - (base is not None)
    if extra <= 1 or math.comb(len(free), extra) <= draws:
        chosen = np.array(list(itertools.combinations(free, extra)), dtype=np.int64)
    else:
        generator = numpy_generator(seed, "ensembles", m, size, -1 if base is None else base)
        keys = generator.random((draws, len(free)))
        chosen = np.array(free)[np.argpartition(keys, extra - 1, axis=1)[:, :extra]]
    masks = np.zeros((len(chosen), m), dtype=np.bool_)
    np.put_along_axis(masks, chosen.reshape(len(chosen), extra), True, axis=1)
    if base is not None:
        masks[:, base] = True
    return masks


def _checked_sizes(sizes: Sequence[int] | None, m: int) -> list[int]:
    wanted = (
        list(range(1, m + 1))
        if sizes is None
        else [check_whole("sizes", n, least=0) for n in sizes]
    )
    if not wanted or wanted != sorted(set(wanted)) or not 1 <= wanted[0] <= wanted[-1] <= m:
        raise InputError(f"sizes must increase within 1 to {m}, the members there are; got {sizes}")
    return wanted


@dataclass(frozen=True, eq=False)
class _Rivals:
    """Margins of the label over the classes that can beat it, image by image.

    ``margins`` (m, p) holds, for each pair of a contested image and a rival class, by how much each
    member prefers the label; an ensemble whose sum exceeds ``least`` prefers it. The pairs of a
    contested image stand together, from ``starts``. ``settled`` (n,) is what holds elsewhere.
    """

    margins: Floats
    least: Floats
    starts: Ints
    contested: Ints
    settled: Bools

    @classmethod
    def of(cls, scores: Floats, labels: Ints) -> "_Rivals":
        _, n, c = scores.shape
        rows = max(1, _SCORES_A_TIME // (len(scores) * c))
        found = [
            _pairs(scores[:, at : at + rows], labels[at : at + rows]) for at in range(0, n, rows)
        ]
        images = np.concatenate(
            [image + at for at, (image, *_) in zip(range(0, n, rows), found, strict=True)]
        )
        contested, starts = np.unique(images, return_index=True)
        return cls(
            margins=np.concatenate([margins for _, margins, _, _ in found], axis=1),
            least=np.concatenate([least for _, _, least, _ in found]),
            starts=starts,
            contested=contested,
            settled=np.concatenate([settled for *_, settled in found]),
        )


def _pairs(scores: Floats, labels: Ints) -> tuple[Ints, Floats, Floats, Bools]:
    """Return image (p,), margins (m, p), least margin (p,) and what is settled (n,)."""
    image = np.arange(len(labels))
    own = scores[:, image, labels]
    margins = own[:, :, None] - scores
    # Of equal sums the first class is predicted, so a later rival must be strictly ahead.
    later = np.arange(scores.shape[2]) > labels[:, None]
    least, most = margins.min(axis=0), margins.max(axis=0)
    always = (least > 0) | (later & (least >= 0))
    always[image, labels] = True
    never = (most < 0) | (~later & (most <= 0))
    never[image, labels] = False
    open_ = ~never.any(axis=1) & ~always.all(axis=1)
    rival = ~always & open_[:, None]
    _drop_dominated(rival, scores)
    images, classes = np.nonzero(rival)
    threshold = np.where(later[images, classes], -np.finfo(scores.dtype).tiny, 0)
    return images, margins[:, images, classes], threshold.astype(scores.dtype), always.all(axis=1)


def _drop_dominated(rival: Bools, scores: Floats) -> None:
    """Forget, in place, rivals that every member ranks below the same other rival."""
    if not rival.any():
        return
    rows = np.flatnonzero(rival.any(axis=1))
    means = np.where(rival[rows], scores[:, rows].mean(axis=0), -np.inf)
    strongest = np.argsort(-means, axis=1)[:, :_STRONGEST]
    for place in strongest.T:
        ahead = scores[:, rows, place][:, :, None] > scores[:, rows]
        # A rival that was itself forgotten may still speak: whoever beats it beats the rest.
        rival[rows] &= ~(
            ahead.all(axis=0) & np.isfinite(means[np.arange(len(rows)), place])[:, None]
        )


def _evaluate(rivals: _Rivals, masks: Bools, groups: Groups | None) -> tuple[Floats, Floats | None]:
    """Return the share of right draws (n,), and each draw's accuracy on groups (draws, g)."""
    right = rivals.settled.astype(np.float64)
    total = np.zeros(len(rivals.contested))
    parts: list[Floats] = []
    for correct in _contested(rivals, masks):
        total += correct.sum(axis=0)
        if groups is not None:
            parts.append(correct.astype(np.float64) @ groups.weights.T[rivals.contested])
    by_draw = groups.mean(right) + np.concatenate(parts) if groups is not None else None
    right[rivals.contested] = total / len(masks)
    return right, by_draw


def _contested(rivals: _Rivals, masks: Bools) -> Iterator[Bools]:
    """Yield, draws after draws, whether ensembles are right on the contested images (s, i)."""
    rows = max(1, _PAIRS_A_TIME // max(1, rivals.margins.shape[1]))
    members = masks.astype(rivals.margins.dtype)
    for at in range(0, len(masks), rows):
        ahead = members[at : at + rows] @ rivals.margins > rivals.least
        if not len(rivals.contested):
            yield np.zeros((len(ahead), 0), dtype=np.bool_)
        else:
            yield np.logical_and.reduceat(ahead, rivals.starts, axis=1)
