"""What is recorded beside a table: how it came about, and what its key was made of."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ssl_lib.errors import InputError
from ssl_lib.paths import repository
from ssl_lib.results.keys.canonical import canonical, digest, to_json
from ssl_lib.results.keys.fingerprint import placeless, trace, without_moved
from ssl_lib.results.keys.growth import without_grown

__all__ = [
    "SCHEMA", "Manifest", "code_changes", "describe_run", "differences", "key_digest", "make_key",
    "sha256",
]  # fmt: skip

#: Raised when the layout of keys or tables changes, which makes all older entries misses.
SCHEMA = 1

_ALWAYS = ("numpy", "torch")
# Where these are imported by the code in question, their versions can change its numbers.
_NUMERICAL = {"pandas": "pandas", "scipy": "scipy", "sklearn": "scikit-learn", "PIL": "pillow"}
_NUMERICAL |= {"torchvision": "torchvision"}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """How a table came about. It names no host, user or path.

    Attributes
    ----------
    name : str
        The experiment's name.
    digest : str
        Hash of the key.
    key : dict
        ``schema``, ``config``, ``source`` (definition to hash), ``data`` and ``versions``.
    sha256 : str
        Of the table's file.
    rows : int
        Rows of the table.
    columns : dict of str to str
        Column to dtype.
    seconds : float
        Wall time of the computation.
    device : dict
        ``type``, ``name``, ``cpu`` and ``threads``.
    commit : str or None
        The checkout's commit; None outside git.
    dirty : bool or None
        Whether tracked files differed from that commit.
    seeds : list of int
        Those of the cells, or the configuration's ``seed`` or ``seeds``.
    profile : str or None
        Taken from the configuration.
    created : str
        Date in UTC, ``YYYY-MM-DD``.
    reasons : list of str
        Why nothing stored could serve instead, see :meth:`ssl_lib.results.Store.explain`.
    cells : list of dict
        The cells of an experiment that the table holds; empty for a table without cells.
    """

    name: str
    digest: str
    key: dict[str, Any]
    sha256: str
    rows: int
    columns: dict[str, str]
    seconds: float
    device: dict[str, Any]
    commit: str | None
    dirty: bool | None
    seeds: list[int]
    profile: str | None
    created: str
    reasons: list[str]
    cells: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def to_json(self) -> str:
        """Write the manifest as JSON that carries its own checksum."""
        content = dataclasses.asdict(self)
        return json.dumps({**content, "check": digest(content)}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read a manifest.

        Raises
        ------
        ValueError
            When the text is not a manifest or was altered.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or content.pop("check", None) != digest(content):
            raise ValueError("the manifest does not match its checksum")
        try:
            return cls(**content)
        except TypeError as error:
            raise ValueError(f"the manifest has other fields: {error}") from error

    @property
    def hardware(self) -> str:
        """The device in words, such as ``"NVIDIA H200"`` or ``"Intel Xeon, 1 thread"``."""
        if self.device["type"] != "cpu":
            return str(self.device["name"])
        threads = self.device["threads"]
        return f"{self.device['cpu']}, {threads} thread{'s' if threads != 1 else ''}"


def make_key(
    compute: object, config: object, data: Mapping[str, str], uses: Sequence[object]
) -> dict[str, Any]:
    """Put together what a result depends on.

    Parameters
    ----------
    compute : callable
        What computes the table.
    config : dataclass or mapping
        What it is called with. A ``device`` of ``"auto"`` counts as the device found.
    data : mapping of str to str
        Data set to hash.
    uses : sequence of object
        Further objects whose source matters.

    Returns
    -------
    dict
        ``schema``, ``config``, ``source``, ``data``, ``versions``.
    """
    settings = canonical(config)
    if not isinstance(settings, dict):
        raise InputError(f"config must be a dataclass or a mapping, got {type(config).__name__}.")
    classes = [type(config)] if dataclasses.is_dataclass(config) else []
    found = trace(compute, *classes, *uses, apart=("ssl_lib.results",))
    return {
        "schema": SCHEMA,
        "config": _with_device(settings),
        "source": found.sources,
        "data": _checked_data(data),
        "versions": _versions(found.packages),
    }


def key_digest(name: str, key: Mapping[str, Any]) -> str:
    """Hash a key together with the experiment's name; in which module a definition lies is no part.

    Examples
    --------
    >>> len(key_digest("diet", {"config": {}}))
    32
    """
    return digest([name, {**key, "source": placeless(key.get("source", {}))}], length=32)


def sha256(content: bytes) -> str:
    """Hash the content of a file.

    Examples
    --------
    >>> sha256(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say which parts of a key differ, one line each; a definition that only moved does not.

    Parameters
    ----------
    old, new : mapping
        Keys made by :func:`make_key`.

    Returns
    -------
    list of str
        Empty when the keys are equal.

    Examples
    --------
    >>> old = {"config": {"epochs": 5}, "source": {"a:f": "1", "a:g": "1"}}
    >>> differences(old, {"config": {"epochs": 9}, "source": {"a:f": "2", "a:h": "3"}})
    ['config epochs: 5 -> 9', 'source a:f changed', 'source a:g is gone', 'source a:h is new']
    """
    lines = []
    for part, say in _PARTS.items():
        before, after = old.get(part, {}), new.get(part, {})
        if not isinstance(before, Mapping):
            before, after = {part: before}, {part: after}
        if part == "source":
            before, after = without_moved(before, after)
        names = sorted({*before, *after}, key=str)
        lines += [
            say(name, before.get(name, _ABSENT), after.get(name, _ABSENT))
            for name in names
            if to_json(before.get(name, _ABSENT)) != to_json(after.get(name, _ABSENT))
        ]
    return lines


_ABSENT = "(absent)"


def code_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name the code that differs between two keys, the second being that of the code as it is.

    In which module it lies makes no difference, nor does one more method by name
    (:mod:`ssl_lib.results.keys.growth`).
    """
    source = without_grown(old["source"], new["source"])
    return differences({"source": old["source"]}, {"source": source})


def _changed_value(what: str, name: str, old: object, new: object) -> str:
    return f"{what} {name}: {_value(old)} -> {_value(new)}"


def _changed_hash(what: str, name: str, old: object, new: object) -> str:
    verb = "is new" if old == _ABSENT else "is gone" if new == _ABSENT else "changed"
    return f"{what} {name} {verb}"


def _value(value: object) -> str:
    return str(value) if value == _ABSENT else to_json(value)


_PARTS = {
    "schema": functools.partial(_changed_value, "the store's"),
    "config": functools.partial(_changed_value, "config"),
    "cell": functools.partial(_changed_value, "cell"),
    "source": functools.partial(_changed_hash, "source"),
    "data": functools.partial(_changed_hash, "data"),
    "versions": functools.partial(_changed_value, "version of"),
}


def describe_run(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what a manifest says about the run itself: device, commit, seeds, profile, date."""
    commit, dirty = _commit()
    seeds = settings.get("seeds", settings.get("seed", []))
    return {
        "device": _device(str(settings.get("device", "cpu"))),
        "commit": commit,
        "dirty": dirty,
        "seeds": seeds if isinstance(seeds, list) else [seeds],
        "profile": settings.get("profile"),
        "created": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _with_device(settings: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(name := settings.get("device"), str):
        return settings
    if name == "auto":
        from ssl_lib.profiles import device

        name = device("auto").type
    # The numbers depend on the kind of device, not on which of several it was.
    return {**settings, "device": name.partition(":")[0]}


def _checked_data(data: Mapping[str, str]) -> dict[str, str]:
    for name, value in data.items():
        if not isinstance(value, str) or not value:
            raise InputError(f"data[{name!r}] must be a hash as text, got {value!r}.")
    return dict(data)


def _versions(packages: frozenset[str]) -> dict[str, str]:
    used = {_NUMERICAL[package] for package in packages & _NUMERICAL.keys()}
    return {name: _version(name) for name in sorted({*_ALWAYS, *used})}


@functools.cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return _ABSENT


def _device(kind: str) -> dict[str, Any]:
    # A run that never imported torch ran on the CPU, and importing it takes seconds.
    torch = sys.modules.get("torch")
    name = torch.cuda.get_device_name() if torch and kind == "cuda" else kind
    threads = torch.get_num_threads() if torch else os.environ.get("OMP_NUM_THREADS", 1)
    return {"type": kind, "name": name, "cpu": _cpu_model(), "threads": int(threads)}


@functools.cache
def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _commit() -> tuple[str | None, bool | None]:
    root = repository()
    commit = _git("rev-parse", "HEAD", root=root)
    if commit is None:
        return None, None
    # A run that writes table after table into results/ is still a run of that commit.
    where = ("--", ".", ":(exclude)results")
    changes = _git("status", "--porcelain", "--untracked-files=no", *where, root=root)
    return commit.strip(), bool(changes)


def _git(*arguments: str, root: Path | None) -> str | None:
    if root is None:
        return None
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
