"""Images in folders: one folder a class, or images without labels."""

import warnings
from collections.abc import Iterator, Sequence
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
    """Read a folder of class folders, as torchvision's ``ImageFolder`` has them, or of images.

    Parameters
    ----------
    folder : pathlib.Path
        Its sub-folders, sorted by name, are the classes; images lie in them at any depth. Where
        images lie in the folder itself, it is a data set without labels, of all images at any
        depth (with a warning where there are sub-folders of images too). Links are followed;
        files and folders whose name starts with a dot are left out. Orientation tags are not
        applied, as in torchvision's reader.
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
        When there are no images, a class folder is empty, sizes differ, or an image cannot be
        read: a link that leads nowhere, a damaged file, 32-bit or floating-point pixels.

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
    here = _listed(folder)
    beside = [_checked(path) for path in here if _is_image(path)]
    groups = {path.name: sorted(_images(path)) for path in here if path.is_dir()}
    if beside:
        _warn_of_mixture(folder, beside, groups)
        groups = {"": sorted(beside + [path for group in groups.values() for path in group])}
    _check_groups(folder, groups)
    paths = [path for group in groups.values() for path in group]
    array, key = pixels(
        [{"paths": [str(path) for path in paths]}],
        paths,
        size=size,
        channels=channels,
        progress=progress,
    )
    images, name = torch.from_numpy(array), name or folder.name
    if beside:
        source = f"{len(array):,} images without labels in {folder.name}"
        return ImageData(images, name=name, fingerprint=joined(key, "no labels"), source=source)
    labels = torch.repeat_interleave(torch.tensor([len(group) for group in groups.values()]))
    return ImageData(
        images,
        labels,
        tuple(groups),
        name=name,
        fingerprint=joined(key, fingerprint(labels)),
        source=f"{len(array):,} images in {len(groups)} folders of {folder.name}",
    )


def _listed(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted, without what is hidden (as .ipynb_checkpoints)."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror or error})") from error


def _images(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield the images of a folder at any depth, through links too."""
    here = folder.resolve()
    if here in above:  # a link back to where it lies
        return
    for path in _listed(folder):
        if path.is_dir():
            yield from _images(path, (*above, here))
        elif _is_image(path):
            yield _checked(path)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def _checked(path: Path) -> Path:
    if not path.is_file():
        kind = "a link that leads nowhere" if path.is_symlink() else "not a regular file"
        raise InputError(f"{path} is {kind}")
    return path


def _warn_of_mixture(folder: Path, beside: Sequence[Path], groups: dict[str, list[Path]]) -> None:
    inside = [name for name, group in groups.items() if group]
    if inside:
        warnings.warn(
            f"{folder}: {beside[0].name!r} (one of {len(beside):,}) lies beside folders of images "
            f"such as {inside[0]!r}: all are read, as images without labels",
            stacklevel=3,
        )


def _check_groups(folder: Path, groups: dict[str, list[Path]]) -> None:
    if not any(groups.values()):
        raise InputError(
            f"{folder} holds no images: expected a folder for each class, or images themselves, as "
            f"{', '.join(sorted(SUFFIXES))} files"
        )
    empty = [name for name, group in groups.items() if not group]
    if empty:
        raise InputError(f"{folder}: class folder {empty[0]!r} holds no images")
