"""Images in folders, one folder a class."""

from pathlib import Path

import torch

from ssl_lib.data.decode import pixels
from ssl_lib.data.images import ImageData, fingerprint, joined
from ssl_lib.errors import InputError

__all__ = ["SUFFIXES", "load_folder"]

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""Endings of the files that are read, in lower case."""


def load_folder(
    folder: Path,
    *,
    size: int | None = None,
    channels: int = 3,
    name: str | None = None,
    progress: bool | None = None,
) -> ImageData:
    """Read a folder of class folders, as torchvision's ``ImageFolder`` lays them out.

    Parameters
    ----------
    folder : pathlib.Path
        Its sub-folders, sorted by name, are the classes; images lie in them at any depth.
    size : int, optional
        Resize the shorter side to this and cut out the central square. Needed when sizes differ.
    channels : {3, 1}, default=3
        RGB or grey.
    name : str, optional
        See :class:`ssl_lib.data.ImageData`.
    progress : bool, optional
        Show a bar; by default when standard error is a terminal.

    Returns
    -------
    ImageData

    Raises
    ------
    InputError
        When there are no class folders or no images, an image cannot be decoded, or sizes differ.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as scratch:
    ...     for name in ("cat", "dog"):
    ...         (Path(scratch) / name).mkdir()
    ...         Image.new("RGB", (16, 16)).save(Path(scratch) / name / "0.png")
    ...     pets = load_folder(Path(scratch), name="pets")
    >>> pets, pets.class_names
    (ImageData('pets', 2 images of 3 x 16 x 16, 2 classes, cpu), ('cat', 'dog'))
    """
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    classes = [path for path in classes if not path.name.startswith(".")]
    images = [
        sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        for folder in classes
    ]
    paths = [path for group in images for path in group]
    if not paths:
        raise InputError(
            f"{folder} holds no images: expected a folder for each class, with "
            f"{', '.join(sorted(SUFFIXES))} files in it"
        )
    empty = [path.name for path, group in zip(classes, images, strict=True) if not group]
    if empty:
        raise InputError(f"{folder}: class folder {empty[0]!r} holds no images")
    array, key = pixels(
        [{"paths": [str(path) for path in paths]}],
        paths,
        size=size,
        channels=channels,
        progress=progress,
    )
    labels = torch.repeat_interleave(torch.tensor([len(group) for group in images]))
    return ImageData(
        torch.from_numpy(array),
        labels,
        tuple(path.name for path in classes),
        name=name or folder.name,
        fingerprint=joined(key, fingerprint(labels)),
        source=f"{len(array):,} images in {len(classes)} folders of {folder.name}",
    )
