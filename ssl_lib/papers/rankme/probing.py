"""Every number that is measured on one trained encoder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.data import ImageData
from ssl_lib.evaluation.few_shot import sample_shots
from ssl_lib.evaluation.knn import knn_accuracy
from ssl_lib.evaluation.linear import ProbeResult, ridge_probe
from ssl_lib.evaluation.rank import alpha_req, classical_rank, entropic_rank, singular_values
from ssl_lib.evaluation.spread import embedding_std
from ssl_lib.papers.rankme.theory import rank_path
from ssl_lib.randomness import torch_generator

__all__ = ["COUNTS", "NOISE", "PENALTY", "Features", "Row", "measure"]

#: A measure, what it was measured at (a number of images, a rank, ...), and its value.
Row = tuple[str, float, float]

PENALTY = 1e-3  # of the ridge probe, per image, on standardised features
SHOTS = 10  # labels a class of the probe with few labels
COUNTS = tuple(32 * 2**power for power in range(12))
NOISE = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)


@dataclass(frozen=True)
class Features:
    """What an encoder makes of one set of images.

    Attributes
    ----------
    representation : torch.Tensor of shape (n, d)
        The backbone's output.
    embedding : torch.Tensor of shape (n, k)
        The projector's output.
    labels : torch.Tensor of shape (n,)
        From 0, without gaps.
    """

    representation: Tensor
    embedding: Tensor
    labels: Tensor

    @classmethod
    def of(
        cls,
        encode: Callable[[Tensor], Tensor],
        head: Callable[[Tensor], Tensor],
        images: ImageData,
    ) -> "Features":
        """Encode images; classes that none of them has are left out of the labels."""
        representation = encode(images.images)
        with torch.no_grad():
            embedding = torch.cat([head(part) for part in representation.split(4096)])
        labels = torch.unique(images.labels, return_inverse=True)[1].to(representation.device)
        if representation.device.type == "mps":  # which has no float64
            representation, embedding, labels = representation.cpu(), embedding.cpu(), labels.cpu()
        return cls(representation.double(), embedding.double(), labels)


def measure(
    source: Features,
    test: Features,
    *,
    target: tuple[Features, Features] | None = None,
    seed: int,
    noise: bool = False,
) -> Iterator[Row]:
    """Measure a trained encoder on images in random order.

    Parameters
    ----------
    source, test : Features
        Of the images it was pretrained on and of test images of the same classes.
    target : tuple of Features, optional
        The same two for classes it has never seen.
    seed : int
        Draws the labels of the probe that has few.
    noise : bool, default=False
        Add noise to the embedding too, at each strength of ``NOISE``.

    Yields
    ------
    tuple
        Name, at, value.
    """
    yield from _ranks(source)
    yield from _accuracies(source, test)
    yield from _readouts(source, test, seed)
    yield from _path(source)
    if noise:
        yield from _noise(source, test, seed)
    if target is not None:
        for name, _, value in (*_ranks(target[0]), *_accuracies(*target)):
            if name in ("rankme", "accuracy"):
                yield f"target {name}", 0, value


def _ranks(source: Features) -> Iterator[Row]:
    z, h = source.embedding, source.representation
    sigma = singular_values(z)
    yield "rankme", 0, entropic_rank(sigma)
    yield "rankme, centred", 0, entropic_rank(singular_values(z, centre=True))
    yield "rankme, representation", 0, entropic_rank(singular_values(h))
    yield "classical rank", 0, classical_rank(z)
    yield "alpha, embedding", 0, alpha_req(z)
    yield "alpha, representation", 0, alpha_req(h)
    yield "std, embedding", 0, embedding_std(z, normalise=False)
    yield from (("sigma", k, float(value)) for k, value in enumerate(sigma, start=1))
    for n in (*(n for n in COUNTS if n < len(z)), len(z)):
        yield "rankme of n", n, entropic_rank(singular_values(z[:n]))


def probe(train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor) -> ProbeResult:
    """Fit the chapter's linear probe: ridge regression with one fixed penalty."""
    return ridge_probe(train, labels, test, test_labels, penalties=(PENALTY,))


def _accuracies(source: Features, test: Features) -> Iterator[Row]:
    found = probe(source.representation, source.labels, test.representation, test.labels)
    right = found.scores.argmax(1) == test.labels.to(found.scores.device)
    yield "accuracy", 0, found.accuracy
    yield "accuracy, even", 0, float(right[::2].double().mean())
    yield "accuracy, odd", 0, float(right[1::2].double().mean())
    yield "train accuracy", 0, found.train_accuracy
    embedding = probe(source.embedding, source.labels, test.embedding, test.labels)
    yield "embedding accuracy", 0, embedding.accuracy


def _readouts(source: Features, test: Features, seed: int) -> Iterator[Row]:
    h, labels, held = source.representation, source.labels, test.representation
    yield "kNN", 0, knn_accuracy(h, labels, held, test.labels)
    generator = torch_generator(seed, "rankme", "few labels")
    fewest = int(torch.bincount(labels).min())
    rows = sample_shots(labels, shots=min(SHOTS, fewest), generator=generator)
    yield "few labels", 0, probe(h[rows], labels[rows], held, test.labels).accuracy


def _path(source: Features) -> Iterator[Row]:
    targets = functional.one_hot(source.labels).double()
    path = rank_path(source.representation, targets)
    for rank, (residual, bound, accuracy) in enumerate(zip(*path, strict=True)):
        yield "residual", rank, residual
        yield "bound", rank, bound
        yield "train accuracy at rank", rank, accuracy


def _noise(source: Features, test: Features, seed: int) -> Iterator[Row]:
    generator = torch_generator(seed, "rankme", "noise")
    scale = source.embedding.std(0).mean()
    drawn = [
        torch.randn(part.embedding.shape, generator=generator).to(part.embedding)
        for part in (source, test)
    ]
    for strength in NOISE:
        z, held = (
            part.embedding + strength * scale * noise
            for part, noise in zip((source, test), drawn, strict=True)
        )
        yield "rankme with noise", strength, entropic_rank(singular_values(z))
        yield "accuracy with noise", strength, probe(z, source.labels, held, test.labels).accuracy
