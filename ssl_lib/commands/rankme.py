"""``ssl-lib rankme``: the rank of an encoder's features, without labels."""

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from ssl_lib.commands.lines import warnings_as_lines
from ssl_lib.errors import InputError, MissingData

if TYPE_CHECKING:
    from torch import Tensor

HELP = "compute RankMe and alpha-ReQ of features or of a checkpoint"

_SAMPLES = 25_600


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("source", type=Path, metavar="FEATURES.npy|CHECKPOINT", help="(n, d) array, or a run")
    add("--data", help="images for a checkpoint, by default those it was trained on")
    add(
        "--samples", type=int, default=_SAMPLES, help=f"rows at most, images at random ({_SAMPLES})"
    )
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
    features = check_features(_features(args)[: args.samples], least=2)
    with warnings_as_lines():
        measures: dict[str, float] = ranks(features, eps=args.eps, centre=args.centre)
    measures |= {"samples": features.shape[0], "dimensions": features.shape[1]}
    if args.format == "json":
        print(json.dumps({k: v if math.isfinite(v) else None for k, v in measures.items()}))
        return 0
    for name, value in measures.items():
        print(
            f"{name:15s} {value:12.4f}" if isinstance(value, float) else f"{name:15s} {value:12d}"
        )
    return 0


def _features(args: argparse.Namespace) -> "Tensor":
    if args.source.suffix == ".npy":
        return _array(args.source)
    from ssl_lib import profiles
    from ssl_lib.evaluation.features import extract, subsample
    from ssl_lib.training.runs import images_for, load_encoder, normalisation

    encoder, spec = load_encoder(args.source)
    encoder.to(profiles.device(args.device))
    images = subsample(images_for(spec, args.data or spec.data.split("/")[0]), args.samples)
    return extract(encoder, images.images, transform=normalisation(spec))


def _array(path: Path) -> "Tensor":
    import numpy as np
    import torch

    if not path.is_file():
        raise MissingData(f"no such file: {path}.")
    try:
        array = np.load(path, allow_pickle=False)
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
    # Torch has neither other byte orders nor wider floats.
    narrow = array.dtype.type if array.dtype.itemsize <= 8 else np.float64
    return torch.from_numpy(np.ascontiguousarray(array, dtype=narrow))
