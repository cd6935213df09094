"""What all chapters share.

A chapter's module ``experiments`` has ``experiments(settings)``, which returns its experiments by
the names of their tables; each says where its table is published.
"""

from collections.abc import Mapping

from ssl_lib.profiles import Settings
from ssl_lib.results import Result, Store
from ssl_lib.results.evidence import show
from ssl_lib.results.experiments import Experiment

__all__ = ["fetch", "place"]


def place(slug: str, table: str, settings: Settings, *, data: str, usual: str) -> str:
    """Return where a table is published, below ``results``.

    Parameters
    ----------
    slug : str
        The chapter.
    table : str
        The table's name.
    settings : Settings
        Their profile; ``smoke`` publishes nothing.
    data : str
        The data set that is used.
    usual : str
        The profile's own data set.

    Returns
    -------
    str

    Examples
    --------
    >>> place("rankme", "temperature", Settings(), data="digits", usual="digits")
    'rankme/temperature.quick'
    >>> place("rankme", "temperature", Settings(), data="cifar10", usual="digits")
    'rankme/temperature.quick.cifar10'
    >>> place("rankme", "temperature", Settings(profile="smoke"), data="digits", usual="digits")
    ''
    """
    if settings.profile == "smoke" or "/" in data:
        return ""
    return f"{slug}/{table}.{settings.profile}" + (f".{data}" if data != usual else "")


def fetch(
    experiments: Mapping[str, Experiment],
    settings: Settings,
    *,
    store: Store | None = None,
    count: int = 0,
    fresh: bool = False,
    seconds: float = 30.0,
) -> dict[str, Result]:
    """Return a chapter's tables: published ones with a sample computed again, or all of its own.

    Parameters
    ----------
    experiments : mapping of str to Experiment
    settings : Settings
        Another ``seed`` than 0 uses no published table.
    store : Store, optional
        Default: the user's.
    count : int, default=0
        How many seeds to show; 0 shows all that are published, or the profile's.
    fresh : bool, default=False
        Compute the same cells all anew.
    seconds : float, default=30
        Of a core, for the sample.

    Returns
    -------
    dict of str to Result
    """
    return show(
        experiments, store=store or Store(), use_published=settings.seed == 0, fresh=fresh,
        count=count, seconds=seconds,
    )  # fmt: skip
