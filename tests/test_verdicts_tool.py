"""Verdicts of large profiles are kept as they were recorded, and only those of clean runs."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ssl_lib import claims
from ssl_lib.errors import InputError


@pytest.fixture(scope="module")
def tool(repository: Path, load_script: Callable[[Path], ModuleType]) -> ModuleType:
    return load_script(repository / "tools/verdicts.py")


def _recorded(cache: Path, **changed: Any) -> Path:
    estimate = {"value": 0.9, "low": 0.8, "high": 1.0, "n": 5, "note": ""}
    record = {
        "slug": "rankme", "profile": "standard", "estimates": {"C2": estimate},
        "not_tested": {}, "results": ["computed 2026-11-21, commit 0123456"],
    }  # fmt: skip
    path = cache / "verdicts" / "rankme.standard.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**record, **changed}))
    return path


def test_a_clean_record_reaches_the_scoreboard(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = _recorded(tmp_path / "cache")
    kept = tool.keep("rankme", "standard", cache=tmp_path / "cache", folder=tmp_path / "verdicts")
    assert kept.read_bytes() == recorded.read_bytes()
    monkeypatch.setenv("SSL_LIB_CACHE", str(tmp_path / "empty"))
    score = claims.scoreboard(published=tmp_path / "verdicts")
    row = score[(score.paper == "rankme") & (score.id == "C2")].iloc[0]
    assert (row.profile, row.origin) == ("standard", "published")
    assert "0.9" in row.estimate


def test_other_records_are_refused(tool: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no chapter 'rankmee'"):
        tool.keep("rankmee", "standard", cache=tmp_path)
    with pytest.raises(InputError, match="rankme has not run at the profile 'standard' here"):
        tool.keep("rankme", "standard", cache=tmp_path)
    _recorded(tmp_path, results=["computed 2026-11-21, commit 0123456 with local changes"])
    with pytest.raises(InputError, match="rankme: commit first"):
        tool.keep("rankme", "standard", cache=tmp_path, folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_kept_records_are_of_claims_that_exist(repository: Path) -> None:
    known = {(claim.paper, claim.id) for claim in claims.load()}
    for path in (repository / "results" / "verdicts").glob("*.json"):
        record = json.loads(path.read_text())
        assert path.stem == f"{record['slug']}.{record['profile']}"
        for name in (*record["estimates"], *record["not_tested"]):
            assert (record["slug"], name) in known
