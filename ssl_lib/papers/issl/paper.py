"""Numbers of the paper for TinyImageNet, from its authors' repository, for marks and tables.

Table 1 stands in the repository's README (one seed). The values of Fig. 7a and 7c are read off its
plots, to about 0.002 and 0.001. The paper's own means and standard deviations could not be checked.
"""

import pandas as pd

__all__ = ["figure_7a", "figure_7c", "gains_7c", "table_1"]


def table_1() -> pd.DataFrame:
    """Return linear-probe accuracy in percent (README; rows are cumulative).

    Returns
    -------
    pandas.DataFrame
        ``row``, ``contrastive``, ``distillation``.

    Examples
    --------
    >>> table_1().contrastive.tolist()
    [45.2, 45.8, 47.6, 48.7, 51.2]
    """
    rows = [
        ("baseline: SimCLR, DINO", 45.2, 43.3),
        ("CISSL, DISSL (300 epochs, d = 512)", 45.8, 45.1),
        ("+ dimension (d = 2048)", 47.6, 48.0),
        ("+ epochs (1000)", 48.7, 49.0),
        ("+ augmentation (coarse)", 51.2, 50.7),
    ]
    return pd.DataFrame(rows, columns=["row", "contrastive", "distillation"])


def figure_7a() -> pd.DataFrame:
    """Return DISSL's accuracy by augmentation strength and number of labels.

    Returns
    -------
    pandas.DataFrame
        ``strength``, ``labels``, ``accuracy``.
    """
    read = {
        0.25: (0.025, 0.046, 0.125, 0.202),
        0.5: (0.059, 0.139, 0.281, 0.391),
        1.0: (0.075, 0.178, 0.330, 0.441),
    }
    rows = [
        (strength, labels, accuracy)
        for strength, values in read.items()
        for labels, accuracy in zip((200, 1000, 10_000, 100_000), values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["strength", "labels", "accuracy"])


def figure_7c() -> pd.DataFrame:
    """Return CISSL's accuracy by dimension, with linear and with MLP heads and probes.

    Returns
    -------
    pandas.DataFrame
        ``dim``, ``linear``, ``mlp``.
    """
    return pd.DataFrame(
        {
            "dim": [128, 512, 2048, 8192],
            "linear": [0.403, 0.470, 0.484, 0.488],
            "mlp": [0.430, 0.477, 0.491, 0.490],
        }
    )


def gains_7c() -> pd.DataFrame:
    """Return CISSL's gain over d = 512, as many dimensions as ResNet-18 has channels.

    Returns
    -------
    pandas.DataFrame
        ``ratio`` (d / 512), ``gain`` (percentage points, linear heads and probes).

    Examples
    --------
    >>> gains_7c().gain.round(1).tolist()
    [-6.7, 0.0, 1.4, 1.8]
    """
    read = figure_7c()
    base = read.linear[read.dim == 512].iloc[0]
    return pd.DataFrame({"ratio": read.dim / 512, "gain": 100 * (read.linear - base)})
