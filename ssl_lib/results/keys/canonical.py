"""One text for one value: the JSON that keys and checksums are made from."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from ssl_lib.errors import InputError

__all__ = ["canonical", "digest", "to_json"]


def canonical(value: object, where: str = "config") -> Any:
    """Reduce a value to what JSON can hold, the same for equal configurations.

    Parameters
    ----------
    value : object
        None, bool, number (numpy's scalars too), text, enum, or a dataclass, mapping (text
        keys), list or tuple of such values.
    where : str, default="config"
        How error messages name the value.

    Returns
    -------
    object
        Nested dicts, lists, text, numbers, bools and None. Numbers keep their type: 1 and 1.0
        differ. Not-a-number and infinities become text.

    Raises
    ------
    InputError
        When a value has no such form; the message says which one.

    Examples
    --------
    >>> canonical({"widths": (64, 128), "rate": float("inf")})
    {'widths': [64, 128], 'rate': 'float inf'}
    """
    if isinstance(value, enum.Enum):
        return canonical(value.value, where)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else f"float {value}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _mapping({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, where)
    if isinstance(value, Mapping):
        return _mapping(value, where)
    if isinstance(value, list | tuple):
        return [canonical(item, f"{where}[{place}]") for place, item in enumerate(value)]
    return _numpy_scalar(value, where)


def _mapping(value: Mapping[Any, object], where: str) -> dict[str, Any]:
    wrong = next((key for key in value if not isinstance(key, str)), None)
    if wrong is not None:
        raise InputError(f"{where} has the key {wrong!r}; its keys must be text.")
    return {key: canonical(item, f"{where}.{key}") for key, item in value.items()}


def _numpy_scalar(value: object, where: str) -> Any:
    import numpy as np

    if isinstance(value, np.generic):
        return canonical(value.item(), where)
    raise InputError(
        f"{where} is a {type(value).__name__}, which cannot be part of a key. Use numbers, text, "
        "bools, None, and lists, mappings or dataclasses of them; give data by its hash."
    )


def to_json(value: object) -> str:
    """Write a canonical value as JSON with sorted keys and no spaces.

    Examples
    --------
    >>> to_json({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1.0}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object, length: int = 16) -> str:
    """Hash a canonical value.

    Parameters
    ----------
    value : object
        What JSON can hold, see :func:`canonical`.
    length : int, default=16
        How many hexadecimal digits of the SHA-256 to keep.

    Examples
    --------
    >>> digest({"epochs": 10}) == digest({"epochs": 10}), digest({"epochs": 11})
    (True, '832e65b146aac1d3')
    """
    return hashlib.sha256(to_json(value).encode()).hexdigest()[:length]
