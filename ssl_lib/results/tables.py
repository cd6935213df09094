"""Tables as files that give back the same table: parquet, and CSV where git should show lines."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ssl_lib.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_tidy", "dtypes", "from_csv", "from_parquet", "to_csv", "to_parquet"]


_FEW = 10  # rows for each different value, from which a column of numbers has few


def check_tidy(table: object, what: str = "the table") -> None:
    """Refuse what is not a tidy table: a DataFrame with named columns and no named index.

    Raises
    ------
    InputError
        Saying what to change.
    """
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{what} must be a pandas DataFrame, got {type(table).__name__}.")
    if not all(isinstance(name, str) for name in table.columns) or not table.columns.is_unique:
        raise InputError(f"{what} needs unique text column names, got {list(table.columns)}.")
    # The integers that filtering and sorting leave behind say nothing; anything else would be lost.
    plain = table.index.nlevels == 1 and pd.api.types.is_integer_dtype(table.index.dtype)
    if not plain or table.index.name is not None:
        raise InputError(f"{what} keeps data in its index; call reset_index() first.")


def to_parquet(table: pd.DataFrame, what: str = "the table") -> bytes:
    """Write a tidy table as parquet.

    Raises
    ------
    InputError
        When a column holds what parquet cannot.

    Examples
    --------
    >>> import pandas as pd
    >>> from_parquet(to_parquet(pd.DataFrame({"n": [1, 2]})))["n"].tolist()
    [1, 2]
    """
    check_tidy(table, what)
    import pyarrow as pa

    buffer = io.BytesIO()
    try:
        table.to_parquet(buffer, index=False, **_packing(table))
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"{what} cannot be stored: {error}") from error
    return buffer.getvalue()


def _packing(table: pd.DataFrame) -> dict[str, Any]:
    """Return how a table takes up least room: measured numbers byte by byte, the rest by value.

    Of numbers with many different values the first bytes are alike and the last are noise; those
    with few, such as rounded coordinates, are best kept as a list of the values that occur.
    """
    floats = table.select_dtypes("float").columns
    many = [name for name in floats if table[name].nunique() > len(table) / _FEW]
    by_value = [name for name in table.columns if name not in many]
    split = {"use_byte_stream_split": many, "use_dictionary": by_value}
    return {"compression": "zstd", "compression_level": 12, **split}


def from_parquet(content: bytes) -> pd.DataFrame:
    """Read a table that :func:`to_parquet` wrote."""
    import pandas as pd

    return pd.read_parquet(io.BytesIO(content))


def to_csv(table: pd.DataFrame, what: str = "the table") -> bytes:
    r"""Write a tidy table as CSV; floats keep every bit.

    Examples
    --------
    >>> import pandas as pd
    >>> to_csv(pd.DataFrame({"x": [0.1 + 0.2]}))
    b'x\n0.30000000000000004\n'
    """
    check_tidy(table, what)
    return table.to_csv(index=False, lineterminator="\n").encode()


def from_csv(content: bytes, columns: dict[str, str]) -> pd.DataFrame:
    r"""Read a table that :func:`to_csv` wrote.

    Parameters
    ----------
    content : bytes
        The file.
    columns : dict of str to str
        Column to dtype, as the manifest records them.

    Examples
    --------
    >>> from_csv(b"x\n0.30000000000000004\n", {"x": "float64"})["x"].tolist()
    [0.30000000000000004]
    """
    import pandas as pd

    table: pd.DataFrame = pd.read_csv(
        io.BytesIO(content),
        dtype=columns,
        keep_default_na=False,
        na_values=[""],
        **_exact_floats(),
    )
    return table


def _exact_floats() -> dict[str, Any]:
    """Have older versions of pandas read floats to the last bit, as newer ones always do."""
    import pandas as pd

    version = tuple(int(part) for part in pd.__version__.split(".")[:2])
    return {"float_precision": "round_trip"} if version < (3, 1) else {}


def dtypes(table: pd.DataFrame) -> dict[str, str]:
    """Return column to dtype name."""
    return {str(name): str(kind) for name, kind in table.dtypes.items()}
