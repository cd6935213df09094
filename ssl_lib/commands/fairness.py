"""``ssl-lib fairness``: whom an ensemble of saved predictions helps."""

import argparse
from pathlib import Path

HELP = "measure group by group what an ensemble of models gains"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        type=Path,
        metavar="PREDICTIONS",
        help="PRED.npz with 'labels' and 'probabilities' or 'logits' of one or more members, or a "
        "CSV file a member: header label,CLASS,..., a row an image; the label is the name of a "
        "class, or its position from 0",
    )
    add("--logits", action="store_true", help="CSV files hold logits")
    add("--groups", type=Path, metavar="GROUPS.csv", help="groups of images, a 0/1 column each")
    add("--k", type=int, help="classes in the top and bottom groups (10, or a third of them)")
    add("--base", type=int, default=0, help="base model of the paper's protocol (0, the first)")
    add(
        "--aggregate",
        choices=("prob", "logit", "vote"),
        default="prob",
        help="what an ensemble averages (prob)",
    )
    add("--draws", type=int, default=200, help="ensembles drawn of each size (200)")
    add("--splits", type=int, default=20, help="halves of the images for unbiased groups (20)")
    add("--bootstrap", type=int, default=200, metavar="N", help="resamplings for intervals (200)")
    add("--seed", type=int, default=0, help="of draws, halves and resamplings (0)")
    add("--format", choices=("table", "csv", "json"), default="table", help="(table)")


def run(args: argparse.Namespace) -> int:
    """Print the report of the files given."""
    # Here, so that the other commands need not load numpy.
    from ssl_lib.evaluation.fairness.files import load_groups, load_predictions
    from ssl_lib.evaluation.fairness.report import evaluate

    given = load_predictions(args.files, logits=args.logits)
    groups = None if args.groups is None else load_groups(args.groups, len(given.labels))
    report = evaluate(
        given.probabilities,
        given.labels,
        k=args.k,
        groups=groups,
        base=args.base,
        draws=args.draws,
        splits=args.splits,
        aggregate=args.aggregate,
        bootstrap=args.bootstrap,
        seed=args.seed,
    )
    if args.format == "csv":
        print(report.to_csv(), end="")
    else:
        print(report.to_json() if args.format == "json" else report)
    return 0
