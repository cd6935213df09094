"""``ssl-lib probe``: judge a pretrained encoder by probes on frozen features."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ssl_lib.commands.lines import warnings_as_lines
from ssl_lib.errors import InputError

if TYPE_CHECKING:
    from ssl_lib.data import ImageData
    from ssl_lib.training.config import RunSpec

HELP = "judge a checkpoint's features by probes, neighbours and ranks"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("checkpoint", type=Path, metavar="CHECKPOINT", help="the file, or the run's folder")
    add("--data", required=True, help="fashion-mnist, cifar10, tiny-imagenet, ..., or a path")
    add(
        "--test",
        help="path of the test images, where --data is a path; by default a fifth is held out",
    )
    add("--limit", type=int, metavar="N", help="use N training images, drawn at random")
    add("--seed", type=int, default=0, help="of that draw, and of the fifth held out (0)")
    add("--device", default="auto", help="auto, cpu, cuda or mps (auto)")
    add("--no-logistic", action="store_true", help="leave out the logistic probe, the slowest")
    add("--format", choices=("table", "json"), default="table", help="(table)")


def run(args: argparse.Namespace) -> int:
    """Print the measures."""
    from ssl_lib import profiles
    from ssl_lib.evaluation.features import evaluate_encoder, subsample
    from ssl_lib.training.runs import load_encoder, normalisation

    encoder, spec = load_encoder(args.checkpoint)
    with warnings_as_lines():
        train, test = _images(args, spec)
    if args.limit is not None:
        train = subsample(train, args.limit, seed=args.seed)
    with warnings_as_lines():
        measures = evaluate_encoder(
            encoder.to(profiles.device(args.device)),
            train,
            test,
            transform=normalisation(spec),
            logistic=not args.no_logistic,
        )
    if args.format == "json":
        finite = {k: v if math.isfinite(v) else None for k, v in measures.items()}
        print(json.dumps({"method": spec.method, "train": train.name, "test": test.name} | finite))
        return 0
    print(f"{spec.method}, {spec.encoder}: {len(train)} training and {len(test)} test images")
    for name, value in measures.items():
        print(f"{name:12s} {value:10.4f}")
    return 0


def _images(args: argparse.Namespace, spec: "RunSpec") -> tuple["ImageData", "ImageData"]:
    from ssl_lib import data
    from ssl_lib.training.runs import images_for

    if args.data in data.NAMES:
        if args.test:
            raise InputError(f"--test is for paths: {args.data} has test images of its own.")
        held_out = "valid" if args.data == "tiny-imagenet" else "test"
        train, test = (images_for(spec, args.data, split=s) for s in ("train", held_out))
    elif args.test is None:
        train, test = _held_out(images_for(spec, args.data), args.seed)
    else:
        train, test = (images_for(spec, path) for path in (args.data, args.test))
        for part in (train, test):
            part.labels_for("a probe")
        if train.class_names != test.class_names:
            raise InputError(f"{args.data} and {args.test} must have the same classes.")
    return train, test


def _held_out(images: "ImageData", seed: int) -> tuple["ImageData", "ImageData"]:
    """Hold out a fifth of each class, and say so."""
    from ssl_lib.data import stratified_split
    from ssl_lib.randomness import torch_generator

    labels, n_test = images.labels_for("a probe"), len(images) // 5
    if n_test < 1:
        raise InputError(f"{images.name} has {len(images)} images, too few to hold out a fifth.")
    generator = torch_generator(seed, "probe", "held out")
    train, test = stratified_split(labels, generator=generator, n_test=n_test)
    print(
        f"{images.name}: a fifth is held out as test images, {n_test:,} of {len(images):,}, "
        f"stratified by class, seed {seed} (--test gives others)",
        file=sys.stderr,
    )
    return (
        images.subset(train, name=f"{images.name} without the fifth held out"),
        images.subset(test, name=f"a fifth of {images.name}"),
    )
