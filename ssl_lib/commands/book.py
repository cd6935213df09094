"""``ssl-lib book``: bring every notebook up to date and build the site."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from ssl_lib import atomic
from ssl_lib.errors import InputError
from ssl_lib.publishing import build, keys, layout, notebooks, runner, stage, verdicts
from ssl_lib.publishing.layout import Book
from ssl_lib.publishing.pages import Page, Status, seconds, where
from ssl_lib.publishing.runner import Outcome
from ssl_lib.publishing.shelf import Slot

HELP = "run what is out of date and build the HTML book"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--profile", default="quick", help="how large the runs are (quick)")
    parser.add_argument("--jobs", type=int, metavar="N", help="notebooks at a time (cores)")
    parser.add_argument("--only", nargs="+", metavar="SLUG", help="run only these notebooks")
    parser.add_argument("--force", action="store_true", help="run also what is up to date")
    parser.add_argument("--fresh", action="store_true", help="compute published cells all anew")
    parser.add_argument("--html-only", action="store_true", help="run nothing, build the pages")
    parser.add_argument("--root", type=Path, help="the book's folder (this checkout)")


def run(args: argparse.Namespace) -> int:
    """Run the command; 1 when a notebook failed or a page has a warning."""
    if args.jobs is not None and args.jobs < 1:
        raise InputError(f"--jobs must be at least 1; got {args.jobs}")
    if args.html_only and args.only:
        raise InputError("--only names notebooks to run, and --html-only runs none: give one.")
    book = layout.find(args.root)
    # First of all: what notebooks depend on takes seconds to find out.
    chosen = [] if args.html_only else book.select(args.only)
    given = {"profile": args.profile, **({"fresh": True} if args.fresh else {})}
    slots = runner.slots(book, book.slugs(), given)
    began = time.perf_counter()
    outcomes = runner.run(
        book, [s for s in slots if s.slug in chosen], jobs=args.jobs, force=args.force
    )
    shown = [_page(slot, outcomes) for slot in slots]
    with atomic.lock(book.build / "book.lock"):
        built = build.build(book, stage.stage(book, shown))
    _report(book, args.profile, outcomes, shown)
    return _conclude(book, built, outcomes, time.perf_counter() - began)


def _page(slot: Slot, outcomes: Sequence[Outcome]) -> Page:
    """Return a notebook as the book shows it: as just run, else as last kept."""
    for outcome in outcomes:
        if outcome.slot.slug == slot.slug:
            executed = notebooks.read(outcome.notebook)
            return Page(
                slug=slot.slug,
                source=slot.source,
                executed=executed,
                run=outcome.run,
                status=outcome.status,
            )
    return _kept_page(slot)


def _kept_page(slot: Slot) -> Page:
    reasons, run, path = slot.stale(), slot.good, slot.notebook
    status: Status = "never run" if run is None else "stale" if reasons else "fresh"
    if reasons and slot.failed and not keys.changes(slot.failed.depends, slot.depends):
        run, path, status = slot.failed, slot.failed_notebook, "failed"
    return Page(
        slug=slot.slug,
        source=slot.source,
        executed=notebooks.read(path) if run else None,
        run=run,
        status=status,
        reasons=reasons,
    )


def _report(book: Book, profile: str, outcomes: Sequence[Outcome], shown: Sequence[Page]) -> None:
    for outcome in outcomes:
        if outcome.status == "failed" and outcome.run.error:
            _explain(outcome)
    width = max([len(page.slug) for page in shown], default=0)
    print("\nnotebooks")
    for page in shown:
        took = seconds(page.run.seconds) if page.run else ""
        print(f"  {page.slug:<{width}}  {page.status:<9}  {took}")
    counts = verdicts.counts(book, profile)
    if counts:
        print("claims: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items()))


def _explain(outcome: Outcome) -> None:
    error = outcome.run.error or {}
    print(f"\n{outcome.slot.slug} failed {where(error)}:\n")
    for line in error["source"].splitlines():
        print(f"    {line}")
    print(f"\n{error['traceback']}\n\nkept in {outcome.notebook}; kernel log {outcome.slot.log}")


def _conclude(book: Book, built: build.Built, outcomes: Sequence[Outcome], took: float) -> int:
    failed = [outcome.slot.slug for outcome in outcomes if outcome.status == "failed"]
    if not built.ok:
        print(f"\nthe pages did not build cleanly:\n{built.messages}")
    if failed:
        print(f"\nfailed: {', '.join(failed)}; their pages are marked")
    state = "already up to date" if built.skipped else "built"
    print(f"\nbook {state} in {seconds(took)}: {built.index}")
    return 0 if built.ok and not failed else 1
