"""``ssl-lib check``: read the book's sources and list every problem, running nothing."""

import argparse
from pathlib import Path

from ssl_lib.publishing import layout

HELP = "read notebooks, pages and claims and list every problem"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--root", type=Path, help="the book's folder (this checkout)")


def run(args: argparse.Namespace) -> int:
    """Run the command; 1 when there is a problem."""
    from ssl_lib.publishing import checks

    book = layout.find(args.root)
    problems = checks.problems(book)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems in {len(book.slugs())} notebooks" if problems else "all well")
    return 1 if problems else 0
