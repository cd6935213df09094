"""What every test can rely on: its own caches, no network, one thread."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

# Before torch is imported: with one worker a core, more threads only wait for each other.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("MPLBACKEND", "agg")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give each test an empty cache and no network, whatever the user's environment says."""
    monkeypatch.setenv("SSL_LIB_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("SSL_LIB_OFFLINE", "1")
    given = os.environ.get("SSL_LIB_DATA")
    folder = Path(given).absolute() if given else tmp_path_factory.mktemp("data")
    monkeypatch.setenv("SSL_LIB_DATA", str(folder))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Run a test that compares bits with the one thread for which they are promised."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def load_script() -> Callable[[Path], ModuleType]:
    """Return a function that imports a file which no package holds."""

    def load(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def python(repository: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs code in a fresh interpreter and hands back what it said."""

    def run(code: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *options, "-c", code]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def rendered(tmp_path: Path) -> Callable[[str], str]:
    """Return what a browser makes of a page: its document after the scripts have run."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("needs the browser chromium")

    def render(content: str) -> str:
        page = tmp_path / "page.html"
        page.write_text(content)
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000"]
        done = subprocess.run(
            [*command, page.as_uri()], capture_output=True, text=True, timeout=120
        )
        return done.stdout

    return render
