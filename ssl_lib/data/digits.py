"""scikit-learn's 1,797 handwritten digits of 8 x 8 pixels: embedded, no download."""

import torch

from ssl_lib.data.images import ImageData
from ssl_lib.data.subsets import stratified_split
from ssl_lib.errors import InputError, closest

__all__ = ["load_digits"]

_SPLITS = ("train", "test", "all")
_N_TEST = 500


def load_digits(*, split: str = "train") -> ImageData:
    """Return the digits.

    Values 0 to 16 become 0 to 255, rounded, so that ``round(images * 16 / 255)`` gives them back.

    Parameters
    ----------
    split : {"train", "test", "all"}, default="train"
        1,297, 500 (a fixed stratified draw) or all 1,797 images, in scikit-learn's order.

    Returns
    -------
    ImageData
        Images (n, 1, 8, 8).

    Examples
    --------
    >>> load_digits(split="test")
    ImageData('digits/test', 500 images of 1 x 8 x 8, 10 classes, cpu)
    """
    from sklearn import datasets

    if split not in _SPLITS:
        raise InputError(f"digits has no split {split!r}.{closest(split, _SPLITS)}")
    bunch = datasets.load_digits()
    labels = torch.from_numpy(bunch.target).long()
    images = torch.from_numpy(bunch.images * (255 / 16)).round().to(torch.uint8)[:, None]
    generator = torch.Generator().manual_seed(0)
    train, test = stratified_split(labels, generator=generator, n_test=_N_TEST)
    rows = {"train": train, "test": test, "all": torch.arange(len(labels))}[split]
    return ImageData(
        images[rows],
        labels[rows],
        tuple("0123456789"),
        name=f"digits/{split}",
        source="scikit-learn's digits, 8 x 8",
    )
