"""A policy: which operations make each view of an image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ssl_lib.data.views.operation import Operation, Parameters, Shape, to_float
from ssl_lib.errors import InputError

__all__ = ["Policy", "take"]

_CHUNK_BYTES = 1 << 25


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The recipe of all views of an image.

    Attributes
    ----------
    name : str
        For logs and captions.
    recipes : tuple of tuple of Operation
        One recipe for each view, in the order of the views.
    n_global : int
        The first views, of full size, that two-view losses and teachers see; the rest are local.

    Examples
    --------
    >>> from ssl_lib.data.views import HorizontalFlip, Noise
    >>> policy = Policy(name="mine", recipes=((HorizontalFlip(),), (Noise(std=0.1),)), n_global=2)
    >>> generator = torch.Generator().manual_seed(0)
    >>> [view.shape[0] for view in policy(torch.rand(5, 3, 8, 8), generator)]
    [5, 5]
    """

    name: str
    recipes: tuple[tuple[Operation, ...], ...]
    n_global: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.n_global <= len(self.recipes):
            raise InputError(
                f"n_global must be between 1 and the {len(self.recipes)} views; got {self.n_global}"
            )

    def __call__(self, images: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Make all views of a batch; see :func:`ssl_lib.data.views.views`."""
        shape = (images.shape[0], images.shape[1], images.shape[2], images.shape[3])
        return self.apply(images, self.sample(shape, generator))

    def then(self, *operations: Operation) -> "Policy":
        """Return this policy with more operations at the end of every recipe.

        Examples
        --------
        >>> from ssl_lib.data.views import Normalise, policy
        >>> plain = policy("simclr", size=32)
        >>> normalised = plain.then(Normalise(mean=(0.5,), std=(0.25,)))
        >>> len(normalised.recipes[0]) - len(plain.recipes[0])
        1
        """
        return replace(self, recipes=tuple((*recipe, *operations) for recipe in self.recipes))

    def sample(self, shape: Shape, generator: torch.Generator) -> list[list[Parameters]]:
        """Draw the parameters of every operation of every view.

        Draw once for a whole data set and :func:`take` the rows of each batch, and an image gets
        the same views whatever the order of the batches.

        Parameters
        ----------
        shape : tuple of int
            (n, c, h, w).
        generator : torch.Generator
            A CPU generator.

        Returns
        -------
        list of list of dict
            By view, then by operation; host tensors with first axis n.
        """
        drawn = []
        for recipe in self.recipes:
            current, parameters = shape, []
            for operation in recipe:
                parameters.append(operation.sample_parameters(current, generator))
                current = operation.output_shape(current)
            drawn.append(parameters)
        return drawn

    def apply(self, images: Tensor, parameters: Sequence[Sequence[Parameters]]) -> list[Tensor]:
        """Make all views at these parameters; pure, and nothing waits for the device.

        Parameters
        ----------
        images : Tensor
            (n, c, h, w) uint8, or floating in [0, 1], on any device.
        parameters : sequence of sequence of dict
            What :meth:`sample` returned for n images.

        Returns
        -------
        list of Tensor
            One floating tensor (n, c, h', w') for each view, on the images' device.
        """
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            return [
                _apply_recipe(images, recipe, drawn)
                for recipe, drawn in zip(self.recipes, parameters, strict=True)
            ]


def take(parameters: Sequence[Sequence[Parameters]], index: Tensor) -> list[list[Parameters]]:
    """Return the parameters of some images, in the order of `index`.

    Parameters
    ----------
    parameters : sequence of sequence of dict
        From :meth:`Policy.sample`.
    index : Tensor
        (m,) int64 on the host.

    Returns
    -------
    list of list of dict

    Examples
    --------
    >>> from ssl_lib.data.views import policy
    >>> recipe = policy("weak", size=8)
    >>> drawn = recipe.sample((100, 3, 8, 8), torch.Generator().manual_seed(0))
    >>> images, index = torch.rand(100, 3, 8, 8), torch.tensor([7, 3])
    >>> some = recipe.apply(images[index], take(drawn, index))[0]
    >>> bool((some == recipe.apply(images, drawn)[0][index]).all())
    True
    """
    return [
        [{name: values[index] for name, values in step.items()} for step in view]
        for view in parameters
    ]


def _apply_recipe(
    images: Tensor, recipe: Sequence[Operation], drawn: Sequence[Parameters]
) -> Tensor:
    rows = _chunk_rows(images)
    if len(images) <= rows:
        return _run(images, recipe, drawn)
    parts = [
        _run(images[at : at + rows], recipe, _rows(drawn, slice(at, at + rows)))
        for at in range(0, len(images), rows)
    ]
    return torch.cat(parts)


def _run(images: Tensor, recipe: Sequence[Operation], drawn: Sequence[Parameters]) -> Tensor:
    result = to_float(images)
    for operation, parameters in zip(recipe, drawn, strict=True):
        result = operation.apply(result, parameters)
    return result


def _rows(drawn: Sequence[Parameters], rows: slice) -> list[Parameters]:
    return [{name: values[rows] for name, values in step.items()} for step in drawn]


def _chunk_rows(images: Tensor) -> int:
    """Images a pass: on a CPU few enough that intermediate results stay small, elsewhere all."""
    if images.device.type != "cpu":
        return len(images)
    return max(16, _CHUNK_BYTES // max(1, 4 * images[:1].numel()))
