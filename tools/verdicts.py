"""Keep verdicts of a profile that CI cannot run: ``python tools/verdicts.py standard issl rankme``.

Copies what the notebooks recorded in the cache to ``results/verdicts``, where the scorecard finds
it. Run the notebooks before, from a clean checkout: ``ssl-lib book --profile standard``.
"""

import argparse
import json
import shutil
from pathlib import Path

from ssl_lib import claims
from ssl_lib.errors import InputError
from ssl_lib.paths import cache_root, share
from ssl_lib.profiles import PROFILES


def keep(slug: str, profile: str, *, cache: Path | None = None, folder: Path | None = None) -> Path:
    """Copy the record of one chapter; refuse one of no run, or of a run with local changes."""
    known = {claim.paper for claim in claims.load()}
    if slug not in known:
        raise InputError(
            f"there is no chapter {slug!r} with claims, only {', '.join(sorted(known))}."
        )
    record = (cache or cache_root()) / "verdicts" / f"{slug}.{profile}.json"
    if not record.exists():
        raise InputError(f"{slug} has not run at the profile {profile!r} here.")
    dirty = [run for run in json.loads(record.read_text())["results"] if "local changes" in run]
    if dirty:
        raise InputError(f"{slug}: commit first; there were local changes in: {dirty[0]}")
    folder = folder or share("results") / "verdicts"
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(record, folder))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("profile", choices=PROFILES)
    parser.add_argument("slugs", nargs="+", help="chapters")
    given = parser.parse_args()
    try:
        for slug in given.slugs:
            print(keep(slug, given.profile).name)
    except InputError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
