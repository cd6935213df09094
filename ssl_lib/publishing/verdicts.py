"""The verdicts on claims that executed notebooks carry in their outputs."""

from typing import Any

from ssl_lib import claims
from ssl_lib.publishing.layout import Book
from ssl_lib.publishing.notebooks import Notebook, outputs

__all__ = ["carried", "counts", "restore"]


def carried(notebook: Notebook) -> list[dict[str, Any]]:
    """Return the records of claims in a notebook's outputs."""
    bundles = (output.get("data", {}) for _, output in outputs(notebook))
    return [dict(bundle[claims.MIME]) for bundle in bundles if claims.MIME in bundle]


def restore(notebook: Notebook) -> None:
    """Write the records a kept notebook carries to where the scorecard reads them."""
    for record in carried(notebook):
        claims.restore(record)


def counts(book: Book, profile: str) -> dict[str, int]:
    """Count the verdicts of a book's claims at one profile.

    Returns
    -------
    dict of str to int
        By verdict; claims without a run at this profile count as ``"not run"``. Empty for a book
        without claims.
    """
    if not book.claims.is_file():
        return {}
    score = claims.scoreboard(claims=book.claims, published=book.results / "verdicts")
    here = score[score["profile"] == profile]
    missing = score.groupby(["paper", "id"]).ngroups - here.groupby(["paper", "id"]).ngroups
    found = {str(verdict): int(n) for verdict, n in here["verdict"].value_counts().items()}
    return {**found, "not run": missing} if missing else found
