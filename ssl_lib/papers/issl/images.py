"""The images of the chapter: digits by a split of its own, pictures as they come."""

from functools import lru_cache

import torch

from ssl_lib.data import ImageData
from ssl_lib.data import load as load_images
from ssl_lib.data.subsets import stratified_fraction
from ssl_lib.randomness import torch_generator

__all__ = ["N_TRAIN", "digits", "load"]

#: Digits to train on, of 1,797: two thirds, as in the trials that the thresholds come from.
N_TRAIN = 1200


def digits() -> tuple[ImageData, ImageData]:
    """Split scikit-learn's digits class by class, the same way in every run.

    Returns
    -------
    train, test : ImageData
        1,200 and 597 images.

    Examples
    --------
    >>> [len(part) for part in digits()]
    [1200, 597]
    """
    from sklearn.model_selection import train_test_split

    every = load_images("digits", split="all")
    rows = train_test_split(
        torch.arange(len(every)).numpy(),
        train_size=N_TRAIN,
        stratify=every.labels.numpy(),
        random_state=0,
    )
    train, test = (
        every.subset(torch.from_numpy(part), name=f"digits/{name} of two thirds and one")
        for part, name in zip(rows, ("train", "test"), strict=True)
    )
    return train, test


@lru_cache(maxsize=2)
def load(
    name: str, *, size: int = 0, most: int = 0, device: str = "cpu"
) -> tuple[ImageData, ImageData]:
    """Load training and test images.

    Parameters
    ----------
    name : str
        A named data set.
    size : int, default=0
        Pixels of a side; 0 keeps the data's.
    most : int, default=0
        Training images, drawn class by class, the same in every run; 0 takes all.
    device : str, default="cpu"
        Where the images go.

    Returns
    -------
    train, test : ImageData
        TinyImageNet is judged by its validation images: its test images have no public labels.

    Examples
    --------
    >>> train, test = load("shapes", size=8)
    >>> train.shape == test.shape
    True
    """
    if name == "digits":
        train, test = digits()
        return train.to(device), test.to(device)
    splits = ("train", "valid" if name == "tiny-imagenet" else "test")
    train, test = (
        load_images(name, split=split, size=size or None, device=device) for split in splits
    )
    if 0 < most < len(train):
        generator = torch_generator(0, "issl", "images")
        rows = stratified_fraction(train.labels, most / len(train), generator=generator)
        train = train.subset(rows)
    return train, test
