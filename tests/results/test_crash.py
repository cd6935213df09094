"""The store under force: processes killed at any moment, and processes that race."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from ssl_lib.results import Store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")

# Forks a child that replaces one folder by ever newer versions, and kills it at a random moment.
KILL_WRITER = """
import os, random, signal, sys, time
from pathlib import Path
from ssl_lib.atomic import write_folder

folder, whole, seen = Path(sys.argv[1]) / "entry", 0, set()
size = 2_000_000

def write(version):
    content = (b"%08d" % version) * (size // 8)
    write_folder(folder, {"a": content, "b": content[:1000]})

start = time.perf_counter()
write(0)
once = time.perf_counter() - start
for trial in range(60):
    child = os.fork()
    if child == 0:
        version = trial * 1000
        while True:
            version += 1
            write(version)
    time.sleep(random.Random(trial).uniform(0, 3 * once))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if folder.exists():
        a, b = (folder / "a").read_bytes(), (folder / "b").read_bytes()
        assert len(a) == size and len(b) == 1000, (trial, len(a), len(b))
        assert a == a[:8] * (size // 8) and b == a[:1000], trial
        whole += 1
        seen.add(a[:8])
print(whole, len(seen))
write_folder(folder, {"a": b"1"})
print(sorted(path.name for path in folder.parent.iterdir()))
"""

# Forks a child that stores a table, and kills it at a random moment of the call or of its write.
KILL_STORE = """
import hashlib, json, os, random, signal, sys, time
from pathlib import Path
import numpy as np
import pandas as pd
from ssl_lib.results.manifest import Manifest
from ssl_lib.results import Store

def table(config):
    rng = np.random.default_rng(config["n"])
    return pd.DataFrame({f"c{k}": rng.random(40_000) for k in range(8)})

root = Path(sys.argv[1])
store = Store(root)
start, pid = time.perf_counter(), os.fork()
if pid == 0:
    store.table("big", table, {"n": 99})
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
whole_call = time.perf_counter() - start
stored = partial = 0
for trial in range(16):
    child = os.fork()
    if child == 0:
        store.table("big", table, {"n": trial})
        os._exit(0)
    ended = 0
    if trial % 2:
        time.sleep(random.Random(trial).uniform(0, 1.2 * whole_call))
    else:  # kill it as soon as it writes
        while not ended and not any(root.glob("tables/big/.*.part")):
            ended = os.waitpid(child, os.WNOHANG)[0]
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    partial += len(list(root.glob("tables/big/.*.part")))
for folder in root.glob("tables/big/[0-9a-f]*"):
    made = Manifest.from_json((folder / "manifest.json").read_text())
    content = (folder / "table.parquet").read_bytes()
    assert hashlib.sha256(content).hexdigest() == made.sha256
    assert made.rows == 40_000
    stored += 1
print(stored, partial)
"""

COUNTING = """
import os, sys, time
import pandas as pd
from pathlib import Path
from ssl_lib.results import Store

def compute(config, workdir):
    with Path(config["log"]).open("a") as log:
        log.write(f"{os.getpid()}\\n")
    (workdir / "begun").touch()
    while not Path(config["log"]).with_name("go").exists():
        time.sleep(0.01)
    with (workdir / "steps").open("a") as steps:
        steps.write("x")
    if config["stall"] and (workdir / "steps").stat().st_size == 1:
        time.sleep(60)
    return pd.DataFrame({"steps": [(workdir / "steps").stat().st_size]})

if __name__ == "__main__":
    root, stall = sys.argv[1:]
    config = {"log": f"{root}/log", "stall": stall == "stall"}
    print(Store(root).table("counted", compute, config).origin, flush=True)
"""


def start(script: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    file = folder / "script.py"
    file.write_text(script)
    command = [sys.executable, str(file), str(folder), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def wait_for(path: Path, pattern: str) -> None:
    deadline = time.monotonic() + 60
    while not list(path.glob(pattern)):
        assert time.monotonic() < deadline, f"{pattern} did not appear"
        time.sleep(0.01)


def test_killed_writer_leaves_whole_folders_only(tmp_path: Path) -> None:
    out = start(KILL_WRITER, tmp_path).communicate(timeout=120)[0].splitlines()
    whole, versions = (int(word) for word in out[0].split())
    assert whole > 10
    assert versions > 3
    assert "'entry'" in out[1]
    assert ".part" not in out[1]


def test_killed_store_leaves_no_half_entry(tmp_path: Path) -> None:
    process = start(KILL_STORE, tmp_path)
    stored, partial = (int(word) for word in process.communicate(timeout=120)[0].split())
    assert process.returncode == 0
    assert 0 < stored < 17
    # Else no trial was killed in the middle of a write, and the test has shown nothing.
    assert partial > 0


def test_two_processes_compute_once(tmp_path: Path) -> None:
    racers = [start(COUNTING, tmp_path, "run") for _ in range(2)]
    wait_for(tmp_path, "work/*/*/begun")
    time.sleep(0.5)
    (tmp_path / "go").touch()
    origins = sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)
    assert origins == ["cache", "computed"]
    assert len((tmp_path / "log").read_text().split()) == 1


def test_killed_run_frees_its_lock_and_its_checkpoint_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    killed = start(COUNTING, tmp_path, "stall")
    wait_for(tmp_path, "work/*/*/steps")
    waiting = start(COUNTING, tmp_path, "stall")
    time.sleep(0.5)
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=60)
    assert waiting.communicate(timeout=60)[0].strip() == "computed"
    (made,) = Store(tmp_path).entries("counted")
    table = pd.read_parquet(tmp_path / "tables" / "counted" / made.digest / "table.parquet")
    assert table["steps"].tolist() == [2]
    assert not list(tmp_path.glob("work/counted/*"))
    assert not list(tmp_path.glob("tables/counted/.*"))
