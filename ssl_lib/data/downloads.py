"""Files that a chapter reads: from the data folder when there, else downloaded and verified."""

import dataclasses
import hashlib
import os
import urllib.parse
from pathlib import Path

from ssl_lib.errors import MissingData
from ssl_lib.paths import cache_root, data_root

__all__ = ["Remote", "fetch", "offline"]

_TIMEOUT = (5, 30)  # seconds to connect, and between two bytes
_unreachable: dict[str, str] = {}  # host -> why, for this process


@dataclasses.dataclass(frozen=True)
class Remote:
    """A file that is known by its content.

    Parameters
    ----------
    path : str
        Where it lies below ``data_root()``, with forward slashes.
    url : str
    sha256 : str
        Sixty-four hexadecimal digits.
    profile : str
        The profile that does without it, for the error message.

    Examples
    --------
    >>> Remote("a/b.csv", "https://example.org/b.csv", "0" * 64).path
    'a/b.csv'
    """

    path: str
    url: str
    sha256: str
    profile: str = "quick"

    @property
    def local(self) -> Path:
        """Where the file belongs."""
        return data_root() / self.path


def offline() -> bool:
    """Return whether ``SSL_LIB_OFFLINE`` forbids the network.

    Examples
    --------
    >>> offline() in (True, False)
    True
    """
    return os.environ.get("SSL_LIB_OFFLINE", "0").lower() not in ("", "0", "false", "no")


def fetch(remote: Remote) -> Path:
    """Return the place of a file, downloaded when it is not there yet.

    Its sha256 is verified once; a stamp in ``cache_root()`` remembers size and time of what was
    verified. A host that does not answer is not asked again in the same process.

    Parameters
    ----------
    remote : Remote

    Returns
    -------
    pathlib.Path

    Raises
    ------
    MissingData
        When the file is neither there nor to be had, or has another content than expected. The
        message names file, URL, hash, where to put it, and a profile that needs no download.
    """
    local = remote.local
    if local.is_file():
        if not _verified(local, remote):
            raise _missing(remote, f"{local} has another content than expected")
        return local
    host = urllib.parse.urlsplit(remote.url).netloc
    if offline():
        raise _missing(remote, "SSL_LIB_OFFLINE forbids to download it")
    if host in _unreachable:
        raise _missing(remote, f"{host} cannot be reached ({_unreachable[host]})")
    _download(remote, local, host)
    return local


def _download(remote: Remote, local: Path, host: str) -> None:
    import warnings

    import requests

    with warnings.catch_warnings():
        # pooch loads tqdm's notebook bar, which we never show and which warns without ipywidgets.
        warnings.simplefilter("ignore")
        import pooch

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(timeout=_TIMEOUT, progressbar=False)
    try:
        local.parent.mkdir(parents=True, exist_ok=True)
        # pooch writes to a temporary file, checks the hash and only then moves it into place.
        pooch.retrieve(
            url=remote.url,
            known_hash=f"sha256:{remote.sha256}",
            fname=local.name,
            path=local.parent,
            downloader=downloader,
        )
    except (requests.ConnectionError, requests.Timeout) as error:
        _unreachable[host] = type(error).__name__
        raise _missing(remote, f"{host} cannot be reached ({type(error).__name__})") from None
    except (requests.RequestException, ValueError, OSError) as error:
        raise _missing(remote, f"the download failed ({error})") from None


def _verified(local: Path, remote: Remote) -> bool:
    stat = local.stat()
    state = f"{remote.sha256} {stat.st_size} {stat.st_mtime_ns}"
    place = hashlib.sha256(str(local.resolve()).encode()).hexdigest()[:32]
    stamp = cache_root() / "verified" / place
    if stamp.is_file() and stamp.read_text() == state:
        return True
    with local.open("rb") as file:
        good = hashlib.file_digest(file, "sha256").hexdigest() == remote.sha256
    if good:
        _write_stamp(stamp, state)
    return good


def _write_stamp(stamp: Path, state: str) -> None:
    try:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        temporary = stamp.with_suffix(f".{os.getpid()}")
        temporary.write_text(state)
        temporary.replace(stamp)
    except OSError:
        return  # a cache that cannot be written only means hashing again next time


def _missing(remote: Remote, why: str) -> MissingData:
    return MissingData(
        f"{Path(remote.path).name} is needed: {why}. Get {remote.url} (sha256 {remote.sha256}) and "
        f"put it at {remote.local}, or use profile {remote.profile!r}, which needs no download"
    )
