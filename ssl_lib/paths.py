"""Where things are: the checkout, what the package ships, the user's caches and data."""

import os
from pathlib import Path

from ssl_lib.errors import InputError, closest

__all__ = ["cache_root", "data_root", "repository", "share"]

_PACKAGE = Path(__file__).resolve().parent
_SHARED = {"results": "results"}
_SHARED |= {name: f"book/{name}" for name in ("claims.yml", "chapters.yml")}


def repository() -> Path | None:
    """Return the root of the checkout that the package runs from.

    Returns
    -------
    pathlib.Path or None
        None when the package was installed from a wheel.

    Examples
    --------
    >>> root = repository()
    >>> root is None or (root / "pyproject.toml").is_file()
    True
    """
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() else None


def share(name: str) -> Path:
    """Return the place of what the project ships beside its code.

    Parameters
    ----------
    name : {"results", "claims.yml", "chapters.yml"}
        The folder of published result tables, the file of claims, or the list of chapters.

    Returns
    -------
    pathlib.Path
        In the checkout where there is one, else inside the installed package.

    Raises
    ------
    InputError
        When the name is not one of these.

    Examples
    --------
    >>> share("claims.yml").name
    'claims.yml'
    """
    if name not in _SHARED:
        raise InputError(f"the package ships no {name!r}.{closest(name, _SHARED)}")
    root = repository()
    return root / _SHARED[name] if root else _PACKAGE / "_share" / name


def cache_root() -> Path:
    """Return the folder of everything that can be computed again.

    Returns
    -------
    pathlib.Path
        ``SSL_LIB_CACHE`` when set, else ``ssl_lib`` in ``XDG_CACHE_HOME`` or ``~/.cache``.
        Absolute, and not created here.

    Examples
    --------
    >>> cache_root().is_absolute()
    True
    """
    return _from_environment("SSL_LIB_CACHE") or _user_cache() / "ssl_lib"


def data_root() -> Path:
    """Return the folder of data sets.

    Returns
    -------
    pathlib.Path
        ``SSL_LIB_DATA`` when set, else ``ssl_lib/data`` in the user's cache folder.
        Absolute, and not created here.

    Examples
    --------
    >>> data_root().is_absolute()
    True
    """
    return _from_environment("SSL_LIB_DATA") or _user_cache() / "ssl_lib" / "data"


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable, "")
    return Path(value).expanduser().absolute() if value else None


def _user_cache() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification has relative values ignored.
    return base if base.is_absolute() else Path.home() / ".cache"
