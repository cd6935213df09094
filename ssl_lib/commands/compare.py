"""``ssl-lib compare``: which figures, tables and verdicts moved between two built books."""

import argparse
import json
import math
from pathlib import Path

from ssl_lib.errors import InputError
from ssl_lib.publishing import compare, site
from ssl_lib.publishing.compare import Comparison, Difference

HELP = "compare two built books: figures, tables and verdicts that moved, are new or gone"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    text = "a built book: _build/html, or a folder that holds it"
    parser.add_argument("old", type=Path, metavar="OLD", help=text)
    parser.add_argument("new", type=Path, metavar="NEW", help="the one to compare with it")
    parser.add_argument("--json", metavar="FILE", help="write JSON as well; - prints it alone")
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="T",
        help="exit with status 1 when a number moved by more than this share, when something is "
        "gone, or when a verdict changed",
    )


def run(args: argparse.Namespace) -> int:
    """Print what moved; 1 when that is more than the tolerance."""
    if args.tolerance is not None and not 0 <= args.tolerance < math.inf:
        raise InputError(
            f"--tolerance must be a share from 0 on, such as 1e-9; got {args.tolerance}"
        )
    found = compare.compare(site.read(args.old), site.read(args.new))
    text = json.dumps(found.as_json(), indent=1, allow_nan=False)
    if args.json == "-":
        print(text)
    else:
        _show(found)
        if args.json:
            _write(Path(args.json), text + "\n")
    return int(args.tolerance is not None and found.exceeds(args.tolerance))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _show(found: Comparison) -> None:
    moved = [table for table in found.tables if table.state != "equal"]
    width = max((len(table.label) for table in moved), default=0)
    for table in moved:
        print(f"{table.label:<{width}}  {table.state:<5}  {_words(table)}".rstrip())
    for verdict in found.verdicts:
        old, new = (name or "no such claim" for name in (verdict.old, verdict.new))
        print(f"{verdict.chapter} {verdict.claim}: {old} -> {new}")
    counts = ", ".join(f"{count} {state}" for state, count in found.counts().items())
    print(f"figures and tables: {counts}; verdicts: {len(found.verdicts)} changed")


def _words(table: Difference) -> str:
    parts = []
    if table.column:
        where = {True: ", within its interval", False: ", outside its interval", None: ""}
        size = f"{table.absolute:.3g} ({table.relative:.2g} relative)"
        parts.append(f"{table.column} by up to {size}{where[table.within]}")
    counted = {
        "other cells of text or without a number": table.replaced,
        "rows added": table.rows_added,
        "rows gone": table.rows_gone,
    }
    parts += [f"{what}: {count}" for what, count in counted.items() if count]
    for what, names in (("added", table.columns_added), ("gone", table.columns_gone)):
        parts += [f"columns {what}: {', '.join(names)}"] if names else []
    return "; ".join(parts)
