"""``ssl-lib run``: execute one notebook with parameters of one's own."""

import argparse
from pathlib import Path

from ssl_lib.publishing import layout, parameters, runner, shelf
from ssl_lib.publishing.pages import seconds, where

HELP = "execute one notebook with parameters of your own"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("slug", metavar="SLUG", help="the notebook, e.g. imagenet_x")
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter; values are JSON or Python literals, or text",
    )
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    parser.add_argument("--root", type=Path, help="the book's folder (this checkout)")


def run(args: argparse.Namespace) -> int:
    """Run the command; 1 when the notebook failed."""
    book = layout.find(args.root)
    (slug,) = book.select([args.slug])
    wanted = shelf.slot(book, slug, parameters.parse(args.parameter))
    (outcome,) = runner.run(book, [wanted], jobs=1, force=args.force)
    error = outcome.run.error
    if error:
        print(f"\n{slug} failed {where(error)}:\n\n{error['source']}\n\n{error['traceback']}\n")
        print(f"kernel log: {outcome.slot.log}")
    elif outcome.status == "fresh":
        print(f"nothing has changed since {outcome.run.finished} (--force runs it again)")
    else:
        print(f"ran in {seconds(outcome.run.seconds)}")
    print(f"notebook: {outcome.notebook}")
    return 1 if error else 0
