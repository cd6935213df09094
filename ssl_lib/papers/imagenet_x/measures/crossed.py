"""Tables with a row for each pair of names."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["crossed"]


def crossed(names: Mapping[str, Any], **values: Any) -> pd.DataFrame:
    """Return a row for each pair of names, the second running faster.

    Parameters
    ----------
    names : mapping of str to sequence
        Two columns, of m and of k names.
    **values : array_like
        Further columns, broadcast to shape (m, k).

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> print(crossed({"model": ["a", "b"], "factor": ["pose"]}, top1=[[0.5], [0.75]]))
      model factor  top1
    0     a   pose  0.50
    1     b   pose  0.75
    """
    shape = tuple(len(some) for some in names.values())
    places = np.indices(shape).reshape(len(shape), -1)
    both = {
        name: np.array(some)[place]
        for (name, some), place in zip(names.items(), places, strict=True)
    }
    columns = {name: np.broadcast_to(value, shape).ravel() for name, value in values.items()}
    return pd.DataFrame({**both, **columns})
