"""``ssl-lib verify``: compute cells of published tables again and compare."""

import argparse
import time
from collections.abc import Sequence

from ssl_lib.commands.lines import warnings_as_lines
from ssl_lib.errors import InputError, closest
from ssl_lib.papers import catalogue
from ssl_lib.papers.catalogue import Entry
from ssl_lib.publishing.pages import seconds
from ssl_lib.results import Result, Store, evidence
from ssl_lib.results.kept import other_settings

HELP = "compute cells of published tables again with the code as it is, and compare"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("slug", nargs="?", metavar="SLUG", help="one chapter (all)")
    parser.add_argument("--table", metavar="NAME", help="one table of each chapter and profile")
    parser.add_argument("--cells", type=int, metavar="N", help="of each table, at most")
    parser.add_argument("--seconds", type=float, metavar="S", help="in all, by what cells took")
    parser.add_argument("--device", default="auto", metavar="D", help="where to compute (auto)")
    parser.add_argument("--write", action="store_true", help="keep what is found in results/")


def run(args: argparse.Namespace) -> int:
    """Print what is found; 1 when a published table does not hold."""
    for name in ("cells", "seconds"):
        value = getattr(args, name)
        if value is not None and not value > 0:
            raise InputError(f"--{name} must be positive; got {value}")
    store = Store()
    entries = _entries(store, args)
    ours = {entry.place: entry.experiment for entry in entries if entry.experiment is not None}
    began = time.monotonic()
    with warnings_as_lines():
        found = evidence.gather(
            ours, store=store, cells=args.cells, seconds=args.seconds, write=args.write, tell=_tell
        )
    others = [entry for entry in entries if entry.place not in found]
    for entry in others:
        differ = other_settings(store, entry.experiment) if entry.experiment is not None else []
        why = f" ({'; '.join(differ)})" if differ else ""
        print(f"{entry.place}: made by another configuration{why}", flush=True)
    return _conclude(found, others, time.monotonic() - began)


def _entries(store: Store, args: argparse.Namespace) -> list[Entry]:
    if args.slug is not None:
        catalogue.experiments(args.slug)  # which refuses a chapter that is none
    entries = catalogue.listed(store.published_root, args.slug, device=args.device)
    if args.table is None:
        return entries
    known = sorted({entry.table for entry in entries})
    if args.table not in known:
        raise InputError(f"no table {args.table!r} is published.{closest(args.table, known)}")
    return [entry for entry in entries if entry.table == args.table]


def _tell(place: str, result: Result) -> None:
    if result.finding is None or result.fresh is None:
        print(f"{place}: {result.status}; not reached: {result.missed}", flush=True)
        return
    took = seconds(result.fresh.manifest.seconds)
    print(f"{place}: {result.status}; {result.finding} ({took})", flush=True)
    for look in result.finding.looks:
        if not look.holds:
            print(f"    {look}", flush=True)
    for note in result.finding.notes:
        print(f"    {note}", flush=True)


def _conclude(found: dict[str, Result], others: Sequence[Entry], took: float) -> int:
    looked = [result.finding for result in found.values() if result.finding is not None]
    failed = sum(finding.outcome == "does not hold" for finding in looked)
    missed = len(found) - len(looked)
    print(
        f"{len(found) + len(others)} published tables in {seconds(took)}: {len(looked)} looked at, "
        f"{failed} of them do not hold, {missed} not reached, "
        f"{len(others)} made by another configuration"
    )
    return int(failed > 0)
