"""The store: what is read, what is computed again, and what it says about it."""

import json
import threading
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.errors import InputError, MissingData
from ssl_lib.profiles import Settings
from ssl_lib.results import Result, Store, provenance, tables
from ssl_lib.results.keys.canonical import canonical, to_json
from ssl_lib.results.manifest import Manifest, describe_run, make_key
from ssl_lib.results.wording import summary

CALLS: list[object] = []


@dataclass(frozen=True, kw_only=True)
class Sweep(Settings):
    epochs: int = 5
    widths: tuple[int, ...] = (8, 16)


def curve(config: Sweep) -> pd.DataFrame:
    CALLS.append(config)
    return pd.DataFrame({"epoch": range(config.epochs), "loss": np.linspace(1, 0, config.epochs)})


def missing(config: object) -> pd.DataFrame:
    raise MissingData("the file is not there")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    CALLS.clear()
    return Store(tmp_path / "cache", published=tmp_path / "results")


def entry(store: Store, result: Result) -> Path:
    return store.root / "tables" / result.manifest.name / result.manifest.digest


def test_computed_once_then_read(store: Store) -> None:
    first = store.table("curve", curve, Sweep())
    second = store.table("curve", curve, Sweep())
    assert (first.origin, second.origin, len(CALLS)) == ("computed", "cache", 1)
    pd.testing.assert_frame_equal(first.table, second.table)
    assert first.manifest == second.manifest


def test_manifest_says_how_the_table_came_about(store: Store) -> None:
    made = store.table("curve", curve, Sweep(seed=3, profile="smoke")).manifest
    assert (made.rows, made.seeds, made.profile) == (5, [3], "smoke")
    assert made.columns == {"epoch": "int64", "loss": "float64"}
    assert made.key["config"]["device"] == "cpu"
    assert {"numpy", "torch", "pandas"} == {*made.key["versions"]}
    assert f"{__name__}:curve" in made.key["source"]
    assert made.created == time.strftime("%Y-%m-%d", time.gmtime())
    assert 0 <= made.seconds < 60
    assert made.device["threads"] >= 1
    assert made.reasons == ["nothing is stored under the name 'curve'"]


def test_manifest_names_no_path_and_no_host(store: Store) -> None:
    import platform

    text = store.table("curve", curve, Sweep()).manifest.to_json()
    assert str(store.root) not in text
    assert str(Path.home()) not in text
    assert json.dumps(platform.node()) not in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"epochs": 6}, "config epochs: 5 -> 6"),
        ({"widths": (8,)}, "config widths: [8,16] -> [8]"),
        ({"seed": 1}, "config seed: 0 -> 1"),
        ({"profile": "paper"}, 'config profile: "quick" -> "paper"'),
    ],
)
def test_another_configuration_is_a_miss_that_says_why(
    store: Store, change: dict[str, Any], reason: str
) -> None:
    store.table("curve", curve, Sweep())
    assert store.explain("curve", curve, Sweep()) == []
    changed = replace(Sweep(), **change)
    assert store.explain("curve", curve, changed) == [reason]
    assert store.table("curve", curve, changed).manifest.reasons == [reason]


def test_explain_compares_with_the_nearest_entry(store: Store) -> None:
    store.table("curve", curve, Sweep(epochs=7, seed=1))
    store.table("curve", curve, Sweep(epochs=3, seed=9, profile="smoke"))
    assert store.explain("curve", curve, Sweep(epochs=7)) == ["config seed: 1 -> 0"]


def test_data_and_versions_are_part_of_the_key(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.table("curve", curve, Sweep(), data={"digits": "aa", "gone": "b"})
    reasons = store.explain("curve", curve, Sweep(), data={"digits": "ab", "new": "c"})
    assert reasons == ["data digits changed", "data gone is gone", "data new is new"]
    monkeypatch.setattr("ssl_lib.results.manifest._version", lambda name: f"{name}-99")
    reasons = store.explain("curve", curve, Sweep(), data={"digits": "aa", "gone": "b"})
    assert [reason.split(":")[0] for reason in reasons] == [
        f"version of {name}" for name in ("numpy", "pandas", "torch")
    ]


@pytest.mark.parametrize(
    ("edit", "reasons"),
    [
        (("x + 1", "x + 2"), ["source PKG.helper:step changed"]),
        (("def step", "def other(): ...\n\ndef step"), []),
        (("x + 1", "x + 1  # one more"), []),
        (("x + 1", "(x\n        + 1)"), []),
        (("def step(x):", "def step(x):\n    'One more.'"), []),
    ],
)
def test_source_is_part_of_the_key_and_comments_are_not(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    edit: tuple[str, str],
    reasons: list[str],
) -> None:
    name = f"lib_{tmp_path.name}"
    helper = tmp_path / name / "helper.py"
    helper.parent.mkdir()
    (tmp_path / name / "__init__.py").touch()
    helper.write_text("def step(x):\n    return x + 1\n")
    text = "import pandas as pd\nfrom .helper import step\n\ndef compute(config):\n"
    (tmp_path / name / "main.py").write_text(f"{text}    return pd.DataFrame({{'x': [step(1)]}})\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    compute = __import__(f"{name}.main", fromlist=["compute"]).compute
    store.table("steps", compute, {})
    helper.write_text(helper.read_text().replace(*edit))
    found = store.explain("steps", compute, {})
    assert found == [reason.replace("PKG", name) for reason in reasons]


def test_uses_adds_source(store: Store) -> None:
    store.table("curve", curve, Sweep())
    found = store.explain("curve", curve, Sweep(), uses=[missing])
    assert found == [
        "source ssl_lib.errors:MissingData is new",
        f"source {__name__}:missing is new",
    ]


def test_same_table_on_a_miss_and_on_a_hit_whatever_the_types(store: Store) -> None:
    first = store.table("types", every_type, {}).table
    second = store.table("types", every_type, {}).table
    pd.testing.assert_frame_equal(first, second)
    assert first["category"].dtype == "category"
    assert first["small"].dtype == np.float32
    assert first["text"].isna().tolist() == [False, True, False]


def every_type(config: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "count": [1, 2, 2**62],
            "value": [0.1 + 0.2, np.nan, np.inf],
            "small": np.array([1, 2, 3], dtype=np.float32),
            "flag": [True, False, True],
            "text": ["a", None, ""],
            "category": pd.Categorical(["u", "v", "u"]),
        }
    )


@pytest.mark.parametrize("where", ["table.parquet", "manifest.json"])
def test_any_flipped_byte_is_noticed_and_the_table_computed_again(store: Store, where: str) -> None:
    result = store.table("curve", curve, Sweep())
    file = entry(store, result) / where
    whole = file.read_bytes()
    for position in np.linspace(0, len(whole) - 3, 12).astype(int):
        broken = bytearray(whole)
        broken[position] ^= 4
        file.write_bytes(bytes(broken))
        assert store.explain("curve", curve, Sweep())
        with pytest.warns(UserWarning, match="'curve' is damaged"):
            again = store.table("curve", curve, Sweep())
        assert again.origin == "computed"
        pd.testing.assert_frame_equal(again.table, result.table)
        whole = file.read_bytes()
        assert store.table("curve", curve, Sweep()).origin == "cache"


def test_missing_half_of_an_entry_is_noticed(store: Store) -> None:
    result = store.table("curve", curve, Sweep())
    (entry(store, result) / "table.parquet").unlink()
    with pytest.warns(UserWarning, match="a file is missing"):
        assert store.table("curve", curve, Sweep()).origin == "computed"


def test_entry_moved_to_another_key_is_not_believed(store: Store) -> None:
    one, two = (store.table("curve", curve, Sweep(epochs=n)) for n in (2, 3))
    for file in entry(store, one).iterdir():
        (entry(store, two) / file.name).write_bytes(file.read_bytes())
    with pytest.warns(UserWarning, match="damaged"):
        assert len(store.table("curve", curve, Sweep(epochs=3)).table) == 3


def test_failed_computation_stores_nothing_and_keeps_its_checkpoints(store: Store) -> None:
    with pytest.raises(RuntimeError, match="interrupted"):
        store.table("resumes", resumes, {"steps": 3})
    assert store.entries() == []
    result = store.table("resumes", resumes, {"steps": 3})
    assert result.table["resumed"].tolist() == [True]
    assert not list(store.root.rglob("checkpoint"))


def resumes(config: dict[str, int], workdir: Path) -> pd.DataFrame:
    checkpoint = workdir / "checkpoint"
    if not checkpoint.exists():
        checkpoint.write_text("half way")
        raise RuntimeError("interrupted")
    return pd.DataFrame({"resumed": [checkpoint.read_text() == "half way"]})


def test_two_threads_do_the_work_once(store: Store) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(store.table("slow", slow, {}).origin))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["cache", "cache", "cache", "computed"]
    assert len(CALLS) == 1


def slow(config: object) -> pd.DataFrame:
    CALLS.append(config)
    time.sleep(0.2)
    return pd.DataFrame({"x": [1]})


def test_no_locks_or_temporary_files_stay(store: Store) -> None:
    result = store.table("curve", curve, Sweep())
    assert [path.name for path in entry(store, result).parent.iterdir()] == [result.manifest.digest]


# Listing and pruning


def test_entries_and_prune(store: Store) -> None:
    for epochs in (1, 2, 3):
        store.table("curve", curve, Sweep(epochs=epochs))
        time.sleep(0.01)
    store.table("types", every_type, {})
    assert [made.rows for made in store.entries("curve")] == [3, 2, 1]
    assert len(store.entries()) == 4
    assert [made.rows for made in store.prune(keep=1)] == [2, 1]
    assert store.table("curve", curve, Sweep(epochs=3)).origin == "cache"
    assert store.table("curve", curve, Sweep(epochs=2)).origin == "computed"
    assert len(store.prune(keep=0)) == 3
    assert store.entries() == []
    with pytest.raises(InputError, match="at least 0"):
        store.prune(keep=-1)


# Committed tables


def test_published_table_is_read_back_to_the_last_bit(store: Store) -> None:
    result = store.table("curve", curve, Sweep(epochs=50))
    path = store.publish(result)
    found = store.published("curve")
    assert (path.name, found.origin, found.changes) == ("curve.csv", "published", ())
    pd.testing.assert_frame_equal(found.table, result.table, check_exact=True)


def test_csv_gives_way_to_parquet_where_it_would_lose_something(store: Store) -> None:
    result = store.table("types", every_type, {})
    assert store.publish(result, name="kinds").name == "kinds.parquet"
    pd.testing.assert_frame_equal(store.published("kinds").table, result.table)
    store.publish(store.table("curve", curve, Sweep()), name="kinds")
    assert not (store.published_root / "kinds.parquet").exists()
    assert len(store.published("kinds").table) == 5


def test_committed_table_says_when_the_code_has_changed(store: Store, tmp_path: Path) -> None:
    result = store.table("curve", curve, Sweep())
    assert "changed" not in store.published(publish(store, result)).provenance
    source = {**result.manifest.key["source"], f"{__name__}:curve": "0", "ssl_lib.gone:f": "0"}
    older = replace(result.manifest, key={**result.manifest.key, "source": source})
    found = store.published(publish(store, replace(result, manifest=older)))
    assert found.changes == ("source ssl_lib.gone:f is gone", f"source {__name__}:curve changed")
    day = result.manifest.created
    assert found.provenance.startswith(f"published {day}, not verified since; measured in ")
    assert "the code has since changed (source ssl_lib.gone:f is gone" in found.provenance


def publish(store: Store, result: Result) -> str:
    return store.publish(result).stem


def test_a_published_table_that_is_not_there_or_not_whole(store: Store) -> None:
    with pytest.raises(InputError, match="no published table 'curve'"):
        store.published("curve")
    path = store.publish(store.table("curve", curve, Sweep()))
    with pytest.raises(InputError, match="Did you mean 'curve'"):
        store.published("curv")
    path.write_text(path.read_text().replace("1.0", "0.9"))
    with pytest.raises(InputError, match=r"curve\.csv is not the table"):
        store.published("curve")
    path.unlink()
    with pytest.raises(InputError, match="no table beside it"):
        store.published("curve")
    (store.published_root / "curve.json").write_text("{}")
    with pytest.raises(InputError, match=r"curve\.json is not the manifest"):
        store.published("curve")


@given(st.lists(st.floats(allow_nan=True), min_size=1, max_size=20), st.data())
@settings(max_examples=50, deadline=None)
def test_csv_keeps_every_float(values: list[float], data: st.DataObject) -> None:
    table = pd.DataFrame({"n": range(len(values)), "x": values})
    back = tables.from_csv(tables.to_csv(table), tables.dtypes(table))
    pd.testing.assert_frame_equal(back, table, check_exact=True)


# Refusals


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1, 2], "must be a pandas DataFrame, got list"),
        (pd.DataFrame({"x": [1]}, index=["a"]), "reset_index"),
        (pd.DataFrame({"x": [1]}, index=pd.Index([0], name="k")), "reset_index"),
        (pd.DataFrame([[1, 2]]), "text column names"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "unique"),
        (pd.DataFrame({"x": [object()]}), "cannot be stored"),
    ],
)
def test_tables_that_are_not_tidy(store: Store, table: Any, message: str) -> None:
    TABLES[:] = [table]
    with pytest.raises(InputError, match=message):
        store.table("wrong", _give, {})
    assert store.entries() == []


TABLES: list[Any] = []


def _give(config: object) -> Any:
    return TABLES[0]


def test_filtered_table_is_stored_without_its_old_row_numbers(store: Store) -> None:
    TABLES[:] = [pd.DataFrame({"x": [1, 2, 3]}).query("x > 1")]
    assert store.table("filtered", _give, {}).table.index.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b"])
def test_names_that_are_no_file_names(store: Store, name: str) -> None:
    with pytest.raises(InputError, match="a result's name"):
        store.table(name, curve, Sweep())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"a": {"b": [1, object()]}}, r"config\.a\.b\[1\] is a object"),
        ({1: 2}, "keys must be text"),
        ([1], "a dataclass or a mapping"),
        ({"x": Path("a")}, "PosixPath"),
        ({"x": np.zeros(2)}, "ndarray"),
    ],
)
def test_configurations_that_make_no_key(store: Store, config: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        store.table("curve", curve, config)


def test_data_hashes_are_text(store: Store) -> None:
    with pytest.raises(InputError, match="hash as text"):
        store.table("curve", curve, Sweep(), data={"digits": ""})


# Keys


@given(st.permutations(["a", "b", "c", "d"]))
def test_order_of_a_mapping_does_not_matter(order: list[str]) -> None:
    assert to_json(canonical(dict.fromkeys(order, 1))) == '{"a":1,"b":1,"c":1,"d":1}'


def test_values_that_differ_have_keys_that_differ() -> None:
    values = [1, 1.0, True, "1", None, [1], {"a": 1}, np.inf, -np.inf, np.nan, "float inf "]
    assert len({to_json(canonical({"x": value})) for value in values}) == len(values)
    assert canonical(np.float32(0.5)) == 0.5
    assert canonical((1, 2)) == canonical([1, 2])


def test_device_counts_by_kind() -> None:
    keys = [make_key(curve, {"device": d}, {}, ())["config"] for d in ("cuda:0", "cuda:1", "cuda")]
    assert keys == [{"device": "cuda"}] * 3


def test_outside_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ssl_lib.results.manifest.repository", lambda: tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert describe_run({})["commit"] is None
    assert describe_run({})["dirty"] is None


def test_commit_and_local_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import subprocess

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(["git", *identity, "-C", str(tmp_path), *arguments], check=True)

    git("init", "-q")
    (tmp_path / "results").mkdir()
    for name in ("file", "results/table.csv"):
        (tmp_path / name).write_text("1")
        git("add", name)
    git("commit", "-qm", "first")
    (tmp_path / "results/table.csv").write_text("2")  # as a run does that writes its tables
    monkeypatch.setattr("ssl_lib.results.manifest.repository", lambda: tmp_path)
    run = describe_run({"seeds": [1, 2]})
    assert (len(run["commit"]), run["dirty"], run["seeds"]) == (40, False, [1, 2])
    (tmp_path / "file").write_text("2")
    assert describe_run({})["dirty"] is True


def test_manifest_survives_json(store: Store) -> None:
    made = store.table("curve", curve, Sweep()).manifest
    assert Manifest.from_json(made.to_json()) == made
    with pytest.raises(ValueError, match="checksum"):
        Manifest.from_json(made.to_json().replace('"rows": 5', '"rows": 6'))
    with pytest.raises(ValueError, match="checksum"):
        Manifest.from_json("[]")


# Provenance


def test_definitions_of_a_script_are_not_called_gone(store: Store, tmp_path: Path) -> None:
    result = store.table("curve", curve, Sweep())
    key = result.manifest.key | {"source": result.manifest.key["source"] | {"__main__:run": "0"}}
    publish(store, replace(result, manifest=replace(result.manifest, key=key)))
    assert store.published("curve").changes == ()


def test_provenance_sentence(store: Store) -> None:
    computed = store.table("curve", curve, Sweep(profile="smoke"))
    read = store.table("curve", curve, Sweep(profile="smoke"))
    assert computed.provenance.startswith("computed in ")
    assert "profile smoke, seed 0" in computed.provenance
    assert f"key {computed.manifest.digest[:8]}" in computed.provenance
    assert read.provenance.endswith("; read from the cache")


def test_summary_puts_tables_of_one_kind_of_run_together(store: Store) -> None:
    made = [store.table("curve", curve, Sweep(seed=seed)) for seed in range(4)]
    text = summary([*made, made[0]])
    assert text.startswith("4 tables computed in ")
    assert text.endswith(f" on {made[0].manifest.hardware}, profile quick")
    seconds = [replace(r, manifest=replace(r.manifest, seconds=20.0)) for r in made]
    assert "computed in 80 s on" in summary(seconds)
    other = replace(made[0], origin="published", changes=("x",))
    assert summary([other, *made[1:]]).split("; ")[-1].startswith("3 tables computed in ")
    assert summary(made[:1]) == made[0].provenance.partition(", commit")[0]


def test_provenance_table_has_one_row_a_result(store: Store) -> None:
    one = store.table("curve", curve, Sweep())
    two = store.table("types", every_type, {})
    shown = provenance(one, one, two)
    html = shown._repr_mimebundle_()["text/html"]
    assert html.count("<tr>") == 3
    assert html.count("<li>") == 2
    assert html.count('scope="row"') == 2
    assert len(str(shown).splitlines()) == 2


def test_provenance_escapes_html(store: Store) -> None:
    result = store.table("curve", curve, Sweep())
    odd = replace(result, changes=("config x: 1 -> <b>",), origin="published")
    assert "&lt;b&gt;" in provenance(odd).html


def test_hit_touches_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.table("curve", curve, Sweep())
    for name in ("write_folder", "lock", "describe_run"):
        monkeypatch.setattr(f"ssl_lib.results.store.{name}", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.table("curve", curve, Sweep()).origin == "cache"


def test_default_root_is_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_LIB_CACHE", str(tmp_path))
    Store().table("curve", curve, Sweep())
    assert (tmp_path / "tables" / "curve").is_dir()
    assert Store().published_root.name == "results"
