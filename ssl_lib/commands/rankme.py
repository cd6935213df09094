"""``ssl-lib rankme``: the rank of an encoder's features, without labels."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssl_lib.commands.lines import warnings_as_lines
from ssl_lib.errors import InputError, MissingData

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

HELP = "compute RankMe and alpha-ReQ of features or of a checkpoint"

_SAMPLES = 25_600
_CHECKPOINT = ".safetensors"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("source", type=Path, metavar="FEATURES.npy|CHECKPOINT", help="(n, d) array, or a run")
    add("--data", help="images for a checkpoint, by default those it was trained on")
    add("--samples", type=int, default=_SAMPLES, help=f"rows at most, at random ({_SAMPLES})")
    add("--seed", type=int, default=0, help="of that draw (0)")
    add("--eps", type=float, default=1e-7, help="the paper's epsilon (1e-7)")
    add("--centre", action="store_true", help="subtract the mean first (not the paper's)")
    add("--device", default="auto", help="auto, cpu, cuda or mps (auto)")
    add("--format", choices=("table", "json"), default="table", help="(table)")


def run(args: argparse.Namespace) -> int:
    """Print the measures."""
    from ssl_lib.evaluation.checks import check_features
    from ssl_lib.evaluation.rank import ranks

    if args.samples < 2:
        raise InputError(f"--samples must be at least 2, got {args.samples}.")
    features, n = _array(args) if args.source.suffix == ".npy" else _encoded(args)
    features = check_features(features, least=2)
    with warnings_as_lines():
        measures: dict[str, float] = ranks(features, eps=args.eps, centre=args.centre)
    measures |= {"samples": features.shape[0], "dimensions": features.shape[1]}
    if len(features) < n:
        drawn = f"{len(features):,} of {n:,} rows, drawn at random (seed {args.seed})"
        print(f"note: {drawn}", file=sys.stderr)
    if args.format == "json":
        print(json.dumps({k: v if math.isfinite(v) else None for k, v in measures.items()}))
        return 0
    for name, value in measures.items():
        print(
            f"{name:15s} {value:12.4f}" if isinstance(value, float) else f"{name:15s} {value:12d}"
        )
    return 0


def _encoded(args: argparse.Namespace) -> tuple["Tensor", int]:
    """Return a checkpoint's features of images, and how many images there are."""
    from ssl_lib import profiles
    from ssl_lib.evaluation.features import extract, subsample
    from ssl_lib.training import runs

    if args.source.is_file() and args.source.suffix != _CHECKPOINT:
        raise InputError(
            f"{args.source}: features are read from .npy files (numpy.save), checkpoints from "
            f"{_CHECKPOINT} files or a run's folder."
        )
    encoder, spec = runs.load_encoder(args.source)
    encoder.to(profiles.device(args.device))
    images = runs.images_for(spec, args.data) if args.data else runs.training_images(spec)
    some = subsample(images, args.samples, seed=args.seed)
    return extract(encoder, some.images, transform=runs.normalisation(spec)), len(images)


def _array(args: argparse.Namespace) -> tuple["Tensor", int]:
    """Return rows of a saved array, drawn at random: files are often sorted by class."""
    import torch

    from ssl_lib.arguments import as_tensor
    from ssl_lib.randomness import torch_generator

    if args.data:
        raise InputError("--data is for checkpoints: an array holds the features themselves.")
    array = _read(args.source)
    n = len(array)
    if n > args.samples:
        generator = torch_generator(args.seed, "subsample")
        rows = torch.randperm(n, generator=generator)[: args.samples]
        array = array[rows.sort().values.numpy()]
    return as_tensor(array, name="features"), n


def _read(path: Path) -> "np.ndarray[Any, Any]":
    import numpy as np

    if not path.is_file():
        raise MissingData(f"no such file: {path}.")
    try:
        # Mapped: only the rows that are drawn are read.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        # numpy's own message advises to unpickle the file.
        raise InputError(
            f"{path} is not a whole .npy file of numbers (pickled objects are not read)."
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        found = array.dtype if isinstance(array, np.ndarray) else "an archive of arrays"
        raise InputError(f"{path} must hold one array of numbers, got {found}.")
    if array.ndim != 2:
        raise InputError(f"{path} must hold an array of shape (n, d), got {array.shape}.")
    return array
