"""``ssl-lib rankme``: the rank of an encoder's features, without labels."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

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
    add("--samples", type=int, default=_SAMPLES, help=f"rows at most ({_SAMPLES})")
    add("--eps", type=float, default=1e-7, help="the paper's epsilon (1e-7)")
    add("--centre", action="store_true", help="subtract the mean first (not the paper's)")
    add("--device", default="auto", help="auto, cpu, cuda or mps (auto)")
    add("--format", choices=("table", "json"), default="table", help="(table)")


def run(args: argparse.Namespace) -> int:
    """Print the measures."""
    from ssl_lib.evaluation.rank import alpha_req, classical_rank, rankme

    if args.samples < 2:
        raise InputError(f"--samples must be at least 2, got {args.samples}.")
    features = _features(args)[: args.samples]
    measures = {
        "rankme": rankme(features, eps=args.eps, centre=args.centre),
        "classical_rank": classical_rank(features, centre=args.centre),
        "alpha_req": alpha_req(features),
        "samples": features.shape[0],
        "dimensions": features.shape[1],
    }
    if args.format == "json":
        print(json.dumps(measures))
        return 0
    for name, value in measures.items():
        print(
            f"{name:15s} {value:12.4f}" if isinstance(value, float) else f"{name:15s} {value:12d}"
        )
    return 0


def _features(args: argparse.Namespace) -> "Tensor":
    if args.source.suffix == ".npy":
        return _array(args.source)
    from ssl_lib import data, profiles
    from ssl_lib.evaluation.features import extract
    from ssl_lib.training.runs import load_encoder, normalisation

    encoder, spec = load_encoder(args.source)
    name = args.data or spec.data.split("/")[0]
    images = data.load(name, size=spec.image_size).images[: args.samples]
    encoder.to(profiles.device(args.device))
    return extract(encoder, images, transform=normalisation(spec))


def _array(path: Path) -> "Tensor":
    import numpy as np
    import torch

    if not path.is_file():
        raise MissingData(f"no such file: {path}.")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} is not a plain numpy array: {error}.") from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"{path} must hold numbers, got {array.dtype}.")
    return torch.from_numpy(np.ascontiguousarray(array))
