"""``ssl-lib probe``: judge a pretrained encoder by probes on frozen features."""

import argparse
import json
from pathlib import Path

HELP = "judge a checkpoint's features by probes, neighbours and ranks"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("checkpoint", type=Path, metavar="CHECKPOINT", help="the file, or the run's folder")
    add("--data", required=True, help="digits, cifar10, tiny-imagenet, or a path")
    add("--test", help="path of the test images, where --data is a path")
    add("--limit", type=int, help="use only the first N training images")
    add("--device", default="auto", help="auto, cpu, cuda or mps (auto)")
    add("--no-logistic", action="store_true", help="leave out the logistic probe, the slowest")
    add("--format", choices=("table", "json"), default="table", help="(table)")


def run(args: argparse.Namespace) -> int:
    """Print the measures."""
    from ssl_lib import data, profiles
    from ssl_lib.errors import InputError
    from ssl_lib.evaluation.features import evaluate, extract
    from ssl_lib.training.runs import load_encoder, normalisation

    encoder, spec = load_encoder(args.checkpoint)
    named = args.data in data.NAMES
    if not named and not args.test:
        raise InputError("--test must give the path of the test images, as --data is a path.")
    held_out = "valid" if args.data == "tiny-imagenet" else "test"
    train = data.load(args.data, split="train" if named else None, size=spec.image_size)
    test = data.load(
        args.data if named else args.test, split=held_out if named else None, size=spec.image_size
    )
    if train.shape[0] != spec.in_channels:
        raise InputError(
            f"the encoder takes {spec.in_channels} channel(s), {train.name} has {train.shape[0]}."
        )
    if args.limit:
        train = train.subset(slice(0, args.limit))
    encoder.to(profiles.device(args.device))
    features = [
        extract(encoder, part.images, transform=normalisation(spec)) for part in (train, test)
    ]
    measures = evaluate(
        features[0],
        train.labels,
        features[1],
        test.labels,
        logistic=not args.no_logistic,
        k=min(20, len(train)),
    )
    if args.format == "json":
        print(
            json.dumps({"method": spec.method, "train": train.name, "test": test.name} | measures)
        )
        return 0
    print(f"{spec.method}, {spec.encoder}: {len(train)} training and {len(test)} test images")
    for name, value in measures.items():
        print(f"{name:12s} {value:10.4f}")
    return 0
