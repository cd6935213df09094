"""``ssl-lib publish``: write tables of a chapter where the project keeps published ones."""

import argparse
import os
import sys

from ssl_lib.commands.lines import warnings_as_lines
from ssl_lib.errors import InputError, MissingData, closest
from ssl_lib.papers import catalogue
from ssl_lib.paths import repository
from ssl_lib.profiles import PROFILES
from ssl_lib.publishing.pages import seconds
from ssl_lib.results import Result, Store, evidence
from ssl_lib.results.experiments import Cell, Experiment
from ssl_lib.results.manifest import describe_run

HELP = "compute a chapter's tables and write them to results/"
_ORIGINS = {"published": "published", "cache": "stored", "computed": "computed"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("slug", metavar="SLUG", help="the chapter, e.g. rankme")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="some of its tables (all)")
    parser.add_argument("--profile", default="quick", choices=PROFILES[1:], help="(quick)")
    parser.add_argument("--data", default="", metavar="NAME", help="other data than the profile's")
    parser.add_argument("--seeds", type=int, default=0, metavar="N", help="(the profile's number)")
    parser.add_argument("--device", default="auto", metavar="D", help="where to compute (auto)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cells at a time (1)")


def run(args: argparse.Namespace) -> int:
    """Compute the cells that are missing and write each table when it is done."""
    if args.jobs < 1:
        raise InputError(f"--jobs must be at least 1; got {args.jobs}")
    store = _store()
    chosen = _chosen(args)
    for name, experiment in chosen.items():
        print(f"{name}: {experiment.place or 'not published at these settings'}", flush=True)
        try:
            with warnings_as_lines():
                path = evidence.publish(experiment, store=store, jobs=args.jobs, tell=_tell)
        except MissingData as error:
            raise InputError(f"{name}: {error}") from error
        print(f"{path.relative_to(store.published_root)}: {path.stat().st_size:,} bytes")
    return 0


def _store() -> Store:
    """Return the store, where the published tables can be written."""
    store, root = Store(), repository()
    if root is None or not os.access(store.published_root, os.W_OK):
        raise InputError(
            "ssl-lib publish writes into the folder results of a checkout of the repository; "
            "this is an installed package, or its folder cannot be written"
        )
    if describe_run({})["dirty"]:
        print("warning: there are local changes; the manifests will say so", file=sys.stderr)
    return store


def _chosen(args: argparse.Namespace) -> dict[str, Experiment]:
    known = catalogue.experiments(
        args.slug, profile=args.profile, data=args.data, seeds=args.seeds, device=args.device
    )
    for name in args.tables:
        if name not in known:
            raise InputError(f"{args.slug} has no table {name!r}.{closest(name, known)}")
    placed = [name for name in known if known[name].place]  # others are measured where one runs
    return {name: known[name] for name in args.tables or placed or known}


def _tell(cell: Cell, result: Result) -> None:
    named = ", ".join(f"{name} {value}" for name, value in cell.items()) or "all"
    took = seconds(result.manifest.seconds)
    print(f"  {named}: {took}, {_ORIGINS[result.origin]}", flush=True)
