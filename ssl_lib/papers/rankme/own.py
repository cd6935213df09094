"""Pictures and an encoder for the section on an encoder of one's own."""

from collections.abc import Callable

from torch import Tensor, nn

from ssl_lib import data, profiles
from ssl_lib.data import ImageData
from ssl_lib.evaluation.features import subsample
from ssl_lib.models import build_encoder
from ssl_lib.papers.rankme.settings import Settings
from ssl_lib.vision import torchvision

__all__ = ["encoder", "pictures"]

SIZE, DRAWN = 224, 32  # pixels of pictures from a folder, and of drawn shapes


def pictures(settings: Settings) -> ImageData:
    """Return the pictures that an encoder is measured on, in random order.

    Parameters
    ----------
    settings : Settings
        ``images`` names a folder with class folders; without one, shapes are drawn.

    Returns
    -------
    ImageData

    Examples
    --------
    >>> pictures(Settings(profile="smoke"))
    ImageData('shapes/train', 1,024 images of 3 x 32 x 32, 8 classes, cpu)
    """
    count = profiles.choose(settings.profile, smoke=1024, quick=1536, standard=25_600, paper=25_600)
    if settings.images:
        found = data.load(settings.images, size=SIZE)
    else:
        found = data.load("shapes", n=count, size=DRAWN, seed=settings.seed)
    return subsample(found, count, seed=settings.seed)


def encoder(settings: Settings) -> tuple[nn.Module, Callable[[Tensor], Tensor] | None]:
    """Return a torchvision encoder without its classifier, and what its images go through first.

    Parameters
    ----------
    settings : Settings
        With ``images``, the ``model`` comes with pretrained weights and ImageNet's normalisation;
        without, it is random: nothing is downloaded to look at shapes.

    Returns
    -------
    module : torch.nn.Module
    transform : callable or None

    Examples
    --------
    >>> encoder(Settings(profile="smoke"))[0].out_dim
    512
    """
    size = SIZE if settings.images else DRAWN
    name = f"torchvision:{settings.model}"
    made = build_encoder(name, in_channels=3, image_size=size, seed=settings.seed)
    if not settings.images:
        return made, None
    models = torchvision("models")
    weights = models.get_model_weights(settings.model).DEFAULT
    state = weights.get_state_dict(progress=False)
    made.load_state_dict(state, strict=False)
    from ssl_lib.data.views import Normalise

    normalise = Normalise(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    return made, lambda batch: normalise.apply(batch, {})
