"""Operations that change colours and leave pixels where they are.

Images are floats in [0, 1]. torchvision's counterparts round to 8 bits after each step when they
are given uint8 or PIL images: differences from those are up to 1/255 a step, from its float
versions as each class says.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_lib.data.views.operation import (
    Operation,
    Parameters,
    Shape,
    constant,
    grey,
    on_rows,
    uniform,
    upload,
)
from ssl_lib.errors import InputError

__all__ = ["ColourJitter", "Grayscale", "Intensity", "Normalise", "Solarise", "shift_hue"]

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


def shift_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turn the hue of each image, keeping value and saturation in HSV.

    Without branches: with p >= q the larger and smaller of green and blue, the hue is
    ``|(min(p, r) - q) / chroma + offset|`` sixths of a turn, and each channel of the result is
    ``min + chroma * weight`` with a weight that is piecewise linear in the hue.

    Parameters
    ----------
    images : Tensor
        (n, 3, h, w) in [0, 1].
    turns : Tensor
        (n,) on the same device, in whole turns: 1/3 makes red green.

    Returns
    -------
    Tensor
        (n, 3, h, w).

    Examples
    --------
    >>> red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    >>> shift_hue(red, torch.tensor([1 / 3])).flatten().round().tolist()
    [0.0, 1.0, 0.0]
    """
    red, green, blue = images.unbind(1)
    larger, smaller = torch.maximum(green, blue), torch.minimum(green, blue)
    darkest = torch.minimum(smaller, red)
    chroma = torch.maximum(larger, red).sub_(darkest)
    # Heaviside steps: comparisons followed by torch.where cost ten times as much.
    blue_leads = (blue - green).mul_(1e30).clamp_(0, 1)
    not_red = (larger - red).mul_(1e30).clamp_(0, 1)
    offset = (blue_leads * 12).sub_(2).mul_(not_red).sub_(blue_leads, alpha=6)
    sixths = torch.minimum(larger, red).sub_(smaller).div_(chroma.clamp(min=1e-20))
    sixths.add_(offset).abs_().add_(6 * turns[:, None, None])
    sixths.sub_((sixths / 6).floor_(), alpha=6)
    turned = torch.empty_like(images)
    for channel, (centre, sign, base) in enumerate(((3, 1, -1), (2, -1, 2), (4, -1, 2))):
        weight = (sixths - centre).abs_()
        weight = (weight if sign > 0 else weight.neg_()).add_(base).clamp_(0, 1)
        turned[:, channel] = weight.mul_(chroma).add_(darkest)
    return turned


@dataclass(frozen=True, kw_only=True)
class ColourJitter(Operation):
    """Change brightness, contrast, saturation and hue, in an order drawn for each image.

    Factors are uniform in [max(0, 1 - strength), 1 + strength], hue shifts in [-hue, hue] turns, as
    in torchvision; the four steps come in an order that is uniform among the 24. Each step agrees
    with torchvision's float ``adjust_*`` to 1e-5. Grey images (one channel) have neither
    saturation nor hue to change: those two steps do nothing.

    Parameters
    ----------
    brightness, contrast, saturation : float, default=0.0
        Strengths.
    hue : float, default=0.0
        Largest shift, in turns, at most 0.5.
    p : float, default=1.0
        Probability that an image is changed at all.

    Examples
    --------
    >>> jitter = ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, p=0.8)
    >>> drawn = jitter.sample_parameters((4, 3, 8, 8), torch.Generator().manual_seed(0))
    >>> drawn["order"].sort().values[0].tolist(), drawn["brightness"].shape
    ([0, 1, 2, 3], torch.Size([4]))
    >>> jitter.apply(torch.rand(4, 3, 8, 8), drawn).shape
    torch.Size([4, 3, 8, 8])
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    p: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        strengths = (self.brightness, self.contrast, self.saturation)
        if min(strengths) < 0 or not 0 <= self.hue <= 0.5:
            raise InputError(f"strengths must be >= 0 and hue in [0, 0.5]; got {self}")

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw the factors, ``hue``, ``chosen`` (bool), each (n,), and ``order`` (n, 4)."""
        n = shape[0]
        parameters = {
            name: uniform(max(0.0, 1 - strength), 1 + strength, (n,), generator)
            for name, strength in (
                ("brightness", self.brightness),
                ("contrast", self.contrast),
                ("saturation", self.saturation),
            )
        }
        parameters["hue"] = uniform(-self.hue, self.hue, (n,), generator)
        parameters["order"] = uniform(0, 1, (n, 4), generator).argsort(1)
        parameters["chosen"] = uniform(0, 1, (n,), generator) < self.p
        return parameters

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Change the chosen images, grouped by the step at which their hue turns."""
        group = (parameters["order"] == HUE).int().argmax(1).masked_fill(~parameters["chosen"], 4)
        rows = group.argsort(stable=True)
        sizes = group.bincount(minlength=5).tolist()
        changed = images.index_select(0, upload(rows, images))
        parts = zip(changed.split(sizes), rows.split(sizes), strict=True)
        for hue_step, (part, where) in enumerate(parts):
            if hue_step < 4 and len(where):
                self._change(part, {k: v[where] for k, v in parameters.items()}, hue_step)
        return changed.index_select(0, upload(rows.argsort(), images))

    def _change(self, images: Tensor, parameters: Mapping[str, Tensor], hue_step: int) -> None:
        """Run the four steps on images, in place, whose hue turns at the same one."""
        factors = torch.stack([parameters[k] for k in ("brightness", "contrast", "saturation")], 1)
        for step in range(4):
            if step != hue_step:
                _blend_(images, parameters["order"][:, step], factors)
            elif images.shape[1] == 3 and self.hue > 0:
                images.copy_(shift_hue(images, upload(parameters["hue"], images)))


def _blend_(images: Tensor, kinds: Tensor, factors: Tensor) -> None:
    """Apply one step of brightness, contrast or saturation to each image, in place.

    All three are ``factor * image + (1 - factor) * base``: the base is black, the mean grey or
    the grey image, so one formula serves a batch whose images are at different steps. (An image
    of one channel is its own grey: saturation leaves it as it is.)
    """
    factor = factors.gather(1, kinds[:, None]).squeeze(1)
    rest = torch.stack([(1 - factor) * (kinds == kind) for kind in (CONTRAST, SATURATION)])
    scale, to_mean, to_grey = upload(torch.cat((factor[None], rest)), images)[..., None, None, None]
    luma = grey(images) if images.shape[1] == 3 else images.clone()
    mean = luma.mean((1, 2, 3), keepdim=True).mul_(to_mean)
    images.mul_(scale).add_(luma.mul_(to_grey).add_(mean)).clamp_(0, 1)


@dataclass(frozen=True, kw_only=True)
class Grayscale(Operation):
    """Make images grey with a probability, keeping three channels.

    Weights 0.2989, 0.587, 0.114; agrees with torchvision's ``rgb_to_grayscale`` to 1e-6. Images of
    one channel stay as they are.

    Examples
    --------
    >>> red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    >>> Grayscale().apply(red, {"chosen": torch.tensor([True])}).flatten()
    tensor([0.2989, 0.2989, 0.2989])
    """

    p: float = 0.2

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``chosen`` (n,) bool."""
        return {"chosen": uniform(0, 1, shape[:1], generator) < self.p}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Make the chosen images grey."""
        if images.shape[1] != 3:
            return images
        return on_rows(
            images, parameters["chosen"], lambda part, _: grey(part).expand(-1, 3, -1, -1)
        )


@dataclass(frozen=True, kw_only=True)
class Solarise(Operation):
    """Invert the pixels at or above a threshold, with a probability.

    Equals torchvision's ``solarize`` to 1e-6.

    Examples
    --------
    >>> pair = torch.tensor([[[[0.25, 0.75]]]])
    >>> Solarise().apply(pair, {"chosen": torch.tensor([True])})
    tensor([[[[0.2500, 0.2500]]]])
    """

    p: float = 0.2
    threshold: float = 128 / 255

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``chosen`` (n,) bool."""
        return {"chosen": uniform(0, 1, shape[:1], generator) < self.p}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Solarise the chosen images."""

        def solarise(part: Tensor, _: Tensor) -> Tensor:
            return torch.where(part >= self.threshold, 1 - part, part)

        return on_rows(images, parameters["chosen"], solarise)


@dataclass(frozen=True, kw_only=True)
class Intensity(Operation):
    """Gain, contrast about the image's mean, and offset, drawn for each image; not clamped.

    ``gain * (mean + contrast * (image - mean)) + offset``. For grey images such as digits, where
    the dossiers' recipes scale and shift values freely.

    Examples
    --------
    >>> change = Intensity(gain=(0.7, 1.3))
    >>> drawn = change.sample_parameters((2, 1, 8, 8), torch.Generator().manual_seed(0))
    >>> bool(((drawn["gain"] >= 0.7) & (drawn["gain"] < 1.3)).all())
    True
    """

    gain: tuple[float, float] = (1.0, 1.0)
    contrast: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``gain``, ``contrast`` and ``offset``, each (n,)."""
        return {
            name: uniform(*span, shape[:1], generator)
            for name, span in (
                ("gain", self.gain),
                ("contrast", self.contrast),
                ("offset", self.offset),
            )
        }

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Change each image."""
        gain, contrast, offset = (
            upload(parameters[name], images)[:, None, None, None]
            for name in ("gain", "contrast", "offset")
        )
        mean = images.mean((1, 2, 3), keepdim=True)
        return gain * (mean + contrast * (images - mean)) + offset


@dataclass(frozen=True, kw_only=True)
class Normalise(Operation):
    """Subtract a mean and divide by a standard deviation for each channel; draws nothing.

    Examples
    --------
    >>> half = torch.full((1, 3, 1, 1), 0.5)
    >>> Normalise(mean=(0.5, 0.0, 1.0), std=(0.25, 0.25, 0.25)).apply(half, {}).flatten()
    tensor([ 0.,  2., -2.])
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.mean) != len(self.std) or not all(math.isfinite(s) and s > 0 for s in self.std):
            raise InputError(f"mean and std need one value a channel, std > 0; got {self}")

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Return an empty dict."""
        return {}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return ``(images - mean) / std``."""
        return (images - constant(self.mean, images)) / constant(self.std, images)
