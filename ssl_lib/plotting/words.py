"""Sentences with computed numbers: no result is typed into a text.

>>> import pandas as pd
>>> lost = pd.Series({"RankMe": 0.5, "alpha-ReQ": 2.25})
>>> print(text(f"On average {listed(lost, '.1f')} points are lost; RankMe {trend([3, 5, 9])}."))
On average RankMe 0.5, alpha-ReQ 2.2 points are lost; RankMe rises.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ssl_lib.errors import InputError

__all__ = ["Text", "count", "images", "listed", "spread", "text", "trend"]

_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_IMAGES = {
    "fashion-mnist": "Fashion-MNIST", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100",
    "tiny-imagenet": "TinyImageNet",
}  # fmt: skip


@dataclass(frozen=True)
class Text:
    """Markdown that a notebook shows when it is a cell's last expression."""

    markdown: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/markdown": self.markdown, "text/plain": self.markdown}

    def __str__(self) -> str:
        return self.markdown


def text(markdown: str) -> Text:
    """Show Markdown with computed numbers.

    Parameters
    ----------
    markdown : str
        An f-string, whose common indentation goes.

    Returns
    -------
    Text
        For a cell's last expression.

    Raises
    ------
    InputError
        When it is empty or holds a number that is none ("nan").

    Examples
    --------
    >>> print(text(f"Accuracy falls by {0.125:.1%}."))
    Accuracy falls by 12.5%.
    """
    cleaned = inspect.cleandoc(markdown)
    if not cleaned:
        raise InputError("a text must not be empty.")
    if "nan" in cleaned.replace("%", " ").split():
        raise InputError(f"a number in the text is undefined: {cleaned!r}.")
    return Text(cleaned)


def images(name: str) -> str:
    """Write the name of a data set, or of a folder, as readers know it.

    Examples
    --------
    >>> images("cifar10"), images("digits"), images("/data/birds")
    ('CIFAR-10', 'digits', 'birds')
    """
    return _IMAGES.get(name, PurePath(name).name)


def listed(values: Mapping[str, float], form: str) -> str:
    """Write names with their numbers.

    Parameters
    ----------
    values : mapping of str to float
        Or a series with names in its index.
    form : str
        As of :func:`format`.

    Examples
    --------
    >>> listed({"bottom": 0.125, "top": -0.5}, "+.1%")
    'bottom +12.5%, top −50.0%'

    Names that hold a comma themselves are parted by semicolons.

    >>> listed({"pairwise, raw": 0.7, "LogDet": -1.1}, "+.1f")
    'pairwise, raw +0.7; LogDet −1.1'
    """
    between = "; " if any("," in str(name) for name in values.keys()) else ", "  # noqa: SIM118
    return between.join(f"{name} {_number(value, form)}" for name, value in values.items())


def spread(values: Iterable[float], form: str) -> str:
    """Write the least and the largest of some numbers.

    Examples
    --------
    >>> spread([0.86, 0.04, 0.5], ".2f"), spread([1.0, 1.0], ".2f")
    ('0.04 to 0.86', '1.00')
    """
    numbers = list(values)
    least, most = (_number(value, form) for value in (min(numbers), max(numbers)))
    return least if least == most else f"{least} to {most}"


def count(number: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun, small ones as words.

    Examples
    --------
    >>> count(1, "seed"), count(3, "seed"), count(2, "class", "classes"), count(1200, "image")
    ('one seed', 'three seeds', 'two classes', '1,200 images')
    """
    said = _SMALL[number] if 0 <= number < len(_SMALL) else f"{number:,}"
    return f"{said} {noun if number == 1 else plural or noun + 's'}"


def trend(values: Sequence[float], *, tolerance: float = 0.05) -> str:
    """Say in words how numbers go from the first to the last.

    Parameters
    ----------
    values : sequence of float
        In the order in which a reader meets them, at least two.
    tolerance : float, default=0.05
        Turns smaller than this share of the range do not count; a range smaller than this share of
        the largest value is level.

    Returns
    -------
    str
        A verb in the third person.

    Examples
    --------
    >>> trend([1, 2, 3]), trend([3, 1.0, 1.02]), trend([1, 5, 2]), trend([4, 1, 3])
    ('rises', 'falls', 'rises and then falls', 'falls and then rises')
    >>> trend([1.0, 1.01, 1.0]), trend([1, 4, 1, 4])
    ('stays level', 'goes up and down')
    """
    numbers = [float(value) for value in values]
    if len(numbers) < 2:
        raise InputError(f"a trend needs two numbers, got {len(numbers)}.")
    reach = max(numbers) - min(numbers)
    if reach <= tolerance * max(map(abs, numbers)):
        return "stays level"
    turns = _turns(numbers, tolerance * reach)
    if len(turns) > 2:
        return "goes up and down"
    return " and then ".join("rises" if up else "falls" for up in turns)


def _turns(numbers: Sequence[float], least: float) -> list[bool]:
    """Return the directions of successive moves that are larger than `least`."""
    turns: list[bool] = []
    low = high = numbers[0]
    for value in numbers[1:]:
        low, high = min(low, value), max(high, value)
        up = value - low > least
        if (up or high - value > least) and (not turns or turns[-1] != up):
            turns.append(up)
        if up or high - value > least:
            low = high = value
    return turns


def _number(value: float, form: str) -> str:
    return format(value, form).replace("-", "−")
