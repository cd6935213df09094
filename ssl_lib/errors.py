"""Errors that tell a user what was wrong and what would be right."""

import difflib
from collections.abc import Iterable

__all__ = ["InputError", "MissingData", "closest"]


class InputError(ValueError):
    """What a user got wrong: a name, a number, a file.

    The command line prints its message as one line, ``error: ...``, and exits with status 2.

    Examples
    --------
    >>> raise InputError("profile must be one of smoke, quick; got 'fast'")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: profile must be one of smoke, quick; got 'fast'
    """


class MissingData(InputError):
    """A file that has to be there is neither on disk nor to be had from the network.

    Examples
    --------
    >>> issubclass(MissingData, InputError)
    True
    """


def closest(name: object, known: Iterable[object]) -> str:
    """Return the end of an error message about an unknown name.

    Parameters
    ----------
    name : object
        What the user wrote.
    known : iterable of object
        The names that would have been right.

    Returns
    -------
    str
        A sentence with a leading space: the nearest known name, or all of them when none is near.

    Examples
    --------
    >>> closest("quik", ["smoke", "quick"])
    " Did you mean 'quick'?"
    >>> closest("x", ["smoke", "quick"])
    ' Known: quick, smoke.'
    >>> closest("x", [])
    ' There are none.'
    """
    names = sorted({str(candidate) for candidate in known})
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return f" Did you mean {near[0]!r}?"
    return f" Known: {', '.join(names)}." if names else " There are none."
