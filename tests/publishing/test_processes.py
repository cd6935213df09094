"""What becomes of kernels when things go wrong around them."""

import os
import signal
import subprocess
import time

import pytest

from ssl_lib.profiles import cores
from ssl_lib.publishing import notebooks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="needs process groups"),
]

# The kernel and a process it started tell their ids, then wait for ever.
WAITS = """
import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "600"])
place = pathlib.Path(os.environ["PIDS"])
place.with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
place.with_suffix(".new").rename(place)
time.sleep(600)
"""


def alive(pid):
    """Say whether a process runs; one that only waits to be collected does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(happened, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happened():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def waiting(kit, tmp_path):
    """A running ``ssl-lib book`` whose kernel waits; its process, kernel and kernel's child."""
    book = kit.write_book(tmp_path / "book", "slow")
    kit.write_notebook(book, "slow", kit.cell("code", "wait", WAITS))
    place = tmp_path / "pids"
    started = kit.command(
        "book", "--root", str(book.root), cache=tmp_path / "cache", PIDS=str(place)
    )
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        **started, stdout=pipe, stderr=pipe, text=True, start_new_session=True,
        # As at a terminal: what a shell starts in the background ignores interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert until(place.is_file), process.communicate()
    pids = [int(pid) for pid in place.read_text().split()]
    yield process, pids
    for pid in [process.pid, *pids]:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("to_group", [True, False], ids=["keyboard", "parent alone"])
def test_an_interrupt_leaves_no_kernel(waiting, to_group):
    process, pids = waiting
    assert all(map(alive, pids))
    # A terminal sends the interrupt to the whole group, workers included.
    (os.killpg if to_group else os.kill)(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.strip() == "interrupted", "one line, no traceback of workers"
    assert until(lambda: not any(map(alive, pids)), 10), "a kernel or its child is still running"


def test_termination_leaves_no_kernel(waiting):
    process, pids = waiting
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert until(lambda: not any(map(alive, pids)), 10)


def test_a_killed_parent_leaves_no_kernel(waiting):
    process, pids = waiting
    process.kill()
    process.communicate(timeout=60)
    assert until(lambda: not any(map(alive, pids)), 20)


def test_a_kernel_that_dies_is_reported_with_its_cell(kit, tmp_path):
    book = kit.write_book(tmp_path / "book", "dies")
    die = kit.cell("code", "die", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    kit.write_notebook(book, "dies", die)
    done = kit.call("run", "dies", "--root", str(book.root), cache=tmp_path / "cache")
    assert done.returncode == 1
    assert "dies failed in code cell 3" in done.stdout
    assert "DeadKernelError" in done.stdout


SITE = """
import pathlib, sys
if "ipykernel_launcher" in sys.orig_argv:
    place = pathlib.Path({place!r})
    count = len(list(place.iterdir()))
    (place / str(count)).touch()
    if count < {failures}:
        sys.exit(3)
"""


@pytest.mark.parametrize(("failures", "status"), [(1, 0), (9, 1)], ids=["once", "always"])
def test_only_a_start_is_tried_again_and_only_once(kit, tmp_path, failures, status):
    book = kit.write_book(tmp_path / "book", "good")
    kit.write_notebook(book, "good", kit.cell("code", "one", "print('ran')"))
    starts, site = tmp_path / "starts", tmp_path / "site"
    starts.mkdir()
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE.format(place=str(starts), failures=failures))
    arguments = ["run", "good", "--root", str(book.root)]
    done = kit.call(*arguments, cache=tmp_path / "cache", PYTHONPATH=str(site))
    assert done.returncode == status, done.stdout + done.stderr
    assert len(list(starts.iterdir())) == 2
    if status:
        assert "good failed outside its cells" in done.stdout


def test_threads_and_jobs_share_the_cores(kit, tmp_path):

    book = kit.write_book(tmp_path / "book", "one", "two")
    say = "import os\nprint(os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])"
    for slug in ("one", "two"):
        kit.write_notebook(book, slug, kit.cell("code", "say", say))
    cache = tmp_path / "cache"
    kit.call("book", "--root", str(book.root), cache=cache)
    executed = notebooks.read(cache / "notebooks" / "one" / "quick" / "good.ipynb")
    threads = executed["cells"][-1]["outputs"][0]["text"].split()
    jobs = min(2, cores())
    assert {int(n) * jobs <= cores() or n == "1" for n in threads} == {True}
