"""The verdicts on claims that an executed notebook carries in its outputs."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ssl_lib.paths import cache_root
from ssl_lib.publishing.notebooks import Notebook, outputs, write_text

__all__ = ["carried", "counts", "restore"]

CLAIMS_MIME = "application/vnd.ssl-lib.claims+json"


def carried(notebook: Notebook) -> list[dict[str, Any]]:
    """Return the verdict records in a notebook's outputs."""
    bundles = (output.get("data", {}) for _, output in outputs(notebook))
    return [bundle[CLAIMS_MIME] for bundle in bundles if CLAIMS_MIME in bundle]


def restore(notebook: Notebook) -> None:
    """Write the records a kept notebook carries to where the scorecard reads them."""
    for record in carried(notebook):
        path = cache_root() / "verdicts" / f"{record['paper']}.{record['profile']}.json"
        write_text(path, json.dumps(record, indent=1, sort_keys=True) + "\n")


def counts(executed: Iterable[Notebook]) -> dict[str, int]:
    """Count the verdicts in several notebooks."""
    records = [record for notebook in executed for record in carried(notebook)]
    return dict(Counter(row["verdict"] for record in records for row in record["claims"]))
