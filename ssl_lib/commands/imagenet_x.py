"""``ssl-lib imagenet-x``: score prediction files by ImageNet-X factor."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ssl_lib.errors import InputError

HELP = "score a model's ImageNet predictions by factor of variation"


# Option, its values with the default first, and what it decides.
_CHOICES = (
    ("selection", ("top", "multi"), "one factor an image, as in the paper, or all ticked ones"),
    (
        "scoring",
        ("class", "real", "metaclass"),
        "what is correct: the label, its reassessed labels, or its group of classes",
    ),
    (
        "empty",
        ("wrong", "exclude"),
        "under real scoring, images without any reassessed label are mistakes, as in the paper, "
        "or left out",
    ),
    ("prototypes", ("drop", "keep"), "the three prototypical images of each class"),
    ("format", ("table", "csv", "json"), "what to print"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="PREDICTIONS.csv",
        help="a file a model: header file_name,predicted_class, then a row an image, in any order",
    )
    for name, values, text in _CHOICES:
        note = f"{text} ({values[0]})"
        parser.add_argument(f"--{name}", choices=values, default=values[0], help=note)
    parser.add_argument("--partial", action="store_true", help="allow files that lack some images")
    parser.add_argument(
        "--bootstrap",
        type=_count,
        default=0,
        metavar="N",
        help="add 95 %% intervals of the error ratios from N resampled data sets (0)",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="compare the first model with each other one; with csv, print only that",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the resampling (0)")


def run(args: argparse.Namespace) -> int:
    """Print the report of the files given."""
    # Here, so that the other commands need not load numpy.
    from ssl_lib.evaluation.imagenet_x.predictions import load_predictions
    from ssl_lib.evaluation.imagenet_x.report import evaluate

    if args.compare and len(args.files) < 2:
        raise InputError("--compare needs two files at least")
    names = _names(args.files)
    report = evaluate(
        [load_predictions(file, name=name) for file, name in zip(args.files, names, strict=True)],
        selection=args.selection,
        scoring=args.scoring,
        empty=args.empty,
        prototypes=args.prototypes,
        partial=args.partial,
        bootstrap=args.bootstrap,
        compare=args.compare,
        seed=args.seed,
    )
    for hint in report.scored.hints() if args.format != "table" else ():
        print(f"warning: {hint}", file=sys.stderr)
    if args.format == "csv":
        print(report.comparisons_to_csv() if args.compare else report.to_csv(), end="")
    else:
        print(report.to_json() if args.format == "json" else report)
    return 0


def _names(files: Sequence[Path]) -> list[str]:
    """Return the files' names without ending; whole paths where those are not distinct."""
    stems = [file.stem for file in files]
    return stems if len(set(stems)) == len(stems) else [str(file) for file in files]


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) == 1:
        raise argparse.ArgumentTypeError(f"{value!r} must be 0, or a whole number from 2")
    return int(value)
