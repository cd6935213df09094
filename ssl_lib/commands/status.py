"""``ssl-lib status``: which notebooks and published tables are up to date, and why not."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssl_lib.errors import InputError
from ssl_lib.papers import catalogue
from ssl_lib.papers.catalogue import Entry
from ssl_lib.publishing import layout, runner
from ssl_lib.publishing.layout import Book
from ssl_lib.publishing.pages import seconds, where
from ssl_lib.publishing.shelf import Slot
from ssl_lib.results import Store
from ssl_lib.results.kept import find, other_settings, record

HELP = "say of each notebook whether it is fresh, and of each published table what is known"
_OTHER = "made by another configuration"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--profile", default="quick", help="which runs to look at (quick)")
    parser.add_argument("--json", action="store_true", help="print JSON, with all reasons")
    parser.add_argument("--root", type=Path, help="the book's folder (this checkout)")


def run(args: argparse.Namespace) -> int:
    """Run the command; always 0, since a stale notebook is no error."""
    book = layout.find(args.root)
    rows = [_row(s) for s in runner.slots(book, book.slugs(), {"profile": args.profile})]
    tables = [_table(entry, book) for entry in catalogue.listed(book.results)]
    if args.json:
        print(json.dumps([*rows, *tables], indent=1))
        return 0
    _print_notebooks(rows)
    _print_tables(tables)
    return 0


def _print_notebooks(rows: Sequence[Mapping[str, Any]]) -> None:
    width = max([len(row["notebook"]) for row in rows], default=0)
    for row in rows:
        took = seconds(row["seconds"]) if row["seconds"] is not None else ""
        print(f"{row['notebook']:<{width}}  {row['state']:<6}  {row['last run']:<10}  {took:>10}")
        for reason in row["reasons"][:5]:
            print(f"{'':<{width}}    {reason}")
        if len(row["reasons"]) > 5:
            print(f"{'':<{width}}    and {len(row['reasons']) - 5} more")


def _print_tables(rows: Sequence[Mapping[str, Any]]) -> None:
    width = max([len(row["table"]) for row in rows], default=0)
    for row in rows:
        print(f"{row['table']:<{width}}  {row['status']:<18}  {row['said']}".rstrip())


def _table(entry: Entry, book: Book) -> dict[str, Any]:
    """Say what is known of a published table: its status, what changed, and the last look."""
    store = Store(published=book.results)
    try:
        kept = find(store, entry.experiment) if entry.experiment is not None else None
    except InputError as error:
        return {"table": entry.place, "status": "damaged", "changes": [], "said": str(error)}
    if entry.experiment is None:
        return {"table": entry.place, "status": _OTHER, "changes": [], "said": ""}
    if kept is None:
        differ = other_settings(store, entry.experiment)
        said = "; ".join(differ)
        return {"table": entry.place, "status": _OTHER, "changes": differ, "said": said}
    known = record(store, entry.experiment)
    said = known.said if known is not None else f"{len(kept.manifest.cells)} cells"
    return {
        "table": entry.place, "status": kept.status, "changes": list(kept.changes), "said": said
    }  # fmt: skip


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
