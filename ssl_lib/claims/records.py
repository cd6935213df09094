"""What a run leaves of its claims: estimates and where they are from, as JSON in the cache."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssl_lib.atomic import write_file
from ssl_lib.claims.rules import Estimate
from ssl_lib.errors import InputError
from ssl_lib.paths import cache_root
from ssl_lib.profiles import check

__all__ = ["MIME", "Given", "from_json", "read", "restore", "to_json"]

#: The mime type under which a notebook's output carries its record.
MIME = "application/vnd.ssl-lib.claims+json"

#: What a chapter hands over for a claim: one estimate, or one by statistic.
Given = Estimate | Mapping[str, Estimate]


def restore(record: Mapping[str, Any]) -> Path:
    """Write a chapter's record, such as one found in a cached notebook, to the cache.

    Parameters
    ----------
    record : mapping
        What :func:`ssl_lib.claims.report` puts under the mime type ``MIME``.

    Returns
    -------
    pathlib.Path
        The record's file.
    """
    slug = str(record["slug"])
    if not slug.isidentifier():
        raise InputError(f"a chapter's slug is letters, digits and '_', got {slug!r}.")
    path = cache_root() / "verdicts" / f"{slug}.{check(record['profile'])}.json"
    write_file(path, json.dumps(record, indent=1, sort_keys=True).encode())
    return path


def read(folder: Path, origin: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the records in a folder by chapter and profile, each with its origin."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        found[record["slug"], record["profile"]] = {**record, "origin": origin}
    return found


def to_json(given: Given) -> dict[str, Any]:
    """Return an estimate, or several by name, as JSON has them."""
    if isinstance(given, Mapping):
        return {name: to_json(part) for name, part in given.items()}
    fields = dataclasses.asdict(given)
    numbers = {name: _plain_number(fields[name]) for name in ("value", "low", "high", "n")}
    return {**fields, **numbers}


def _plain_number(value: Any) -> float | int | str | None:
    """Turn numpy's scalars into Python's, and what JSON lacks into None ("inf" without an end)."""
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return str(float(value))
    return int(value) if float(value).is_integer() and hasattr(value, "__index__") else float(value)


def from_json(given: Mapping[str, Any]) -> Given:
    """Return what :func:`to_json` was given."""
    if isinstance(given.get("note"), str):
        value = math.nan if given["value"] is None else float(given["value"])
        ends = {end: given[end] and float(given[end]) for end in ("low", "high")}
        return Estimate(**{**given, "value": value, **ends})
    return {name: from_json(part) for name, part in given.items()}  # type: ignore[misc]
