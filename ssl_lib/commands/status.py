"""``ssl-lib status``: which notebooks are up to date, and why the others are not."""

import argparse
import json
from pathlib import Path
from typing import Any

from ssl_lib.publishing import layout, runner
from ssl_lib.publishing.pages import seconds, where
from ssl_lib.publishing.shelf import Slot

HELP = "say of each notebook whether it is fresh, or stale and why"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--profile", default="quick", help="which runs to look at (quick)")
    parser.add_argument("--json", action="store_true", help="print JSON, with all reasons")
    parser.add_argument("--root", type=Path, help="the book's folder (this checkout)")


def run(args: argparse.Namespace) -> int:
    """Run the command; always 0, since a stale notebook is no error."""
    book = layout.find(args.root)
    rows = [_row(s) for s in runner.slots(book, book.slugs(), {"profile": args.profile})]
    if args.json:
        print(json.dumps(rows, indent=1))
        return 0
    width = max([len(row["notebook"]) for row in rows], default=0)
    for row in rows:
        took = seconds(row["seconds"]) if row["seconds"] is not None else ""
        print(f"{row['notebook']:<{width}}  {row['state']:<6}  {row['last run']:<10}  {took:>10}")
        for reason in row["reasons"][:5]:
            print(f"{'':<{width}}    {reason}")
        if len(row["reasons"]) > 5:
            print(f"{'':<{width}}    and {len(row['reasons']) - 5} more")
    return 0


def _row(slot: Slot) -> dict[str, Any]:
    good, failed, reasons = slot.good, slot.failed, slot.stale()
    state = "stale" if reasons else "fresh"
    if failed and failed.error and reasons:
        state = "failed"
        reasons = [f"{failed.error['name']} {where(failed.error)}", *reasons]
    last = failed or good if state == "failed" else good
    return {
        "notebook": slot.slug,
        "state": state,
        "last run": last.finished if last else "",
        "seconds": last.seconds if last else None,
        "reasons": reasons,
    }
