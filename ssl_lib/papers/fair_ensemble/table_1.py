"""Table 1 of the paper (20 members against one, K = 10, test accuracy in percent) beside a run."""

from collections.abc import Iterable

import pandas as pd

from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.fair_ensemble import measures
from ssl_lib.papers.fair_ensemble.recipes import recipe
from ssl_lib.plotting import words

__all__ = ["beside", "settings_beside", "table_1"]

NETWORKS = {"mlp": "MLP 16-16", "resnet9": "ResNet9"}

# Data set, architecture, then ensemble mean, top, bottom and single mean, top, bottom.
_TABLE_1 = """
CIFAR-100,ResNet9,77.01,92.18,58.43,72.21,90.80,51.30
CIFAR-100,ResNet18,78.15,94.19,59.13,73.57,92.00,49.70
CIFAR-100,ResNet34,78.68,93.84,58.89,74.26,92.10,50.30
CIFAR-100,ResNet50,77.94,93.53,58.34,74.88,92.40,50.70
CIFAR-100,VGG16,76.95,92.88,57.32,71.24,91.50,44.40
CIFAR-100,MLP-Mixer,66.69,87.95,40.93,60.25,84.50,33.00
TinyImageNet,ResNet9,58.29,86.66,23.60,50.71,82.80,15.20
TinyImageNet,ResNet18,56.50,86.64,24.82,49.29,84.20,16.60
TinyImageNet,ResNet34,58.89,87.44,27.25,52.18,84.60,20.60
TinyImageNet,ResNet50,60.35,87.38,28.09,55.00,86.20,22.00
TinyImageNet,VGG16,67.04,90.27,38.71,60.36,89.20,26.20
TinyImageNet,ViT,56.97,85.60,22.42,51.23,84.20,17.20
"""


def table_1() -> pd.DataFrame:
    """Return the paper's Table 1 with the gains that follow from it.

    Returns
    -------
    pandas.DataFrame
        One row a data set, architecture and group ("all", "top", "bottom"): one, ensemble (accuracy
        in percent), gain (points) and relative (percent).

    Examples
    --------
    >>> table = table_1().set_index(["data", "network", "group"])
    >>> table.loc[("CIFAR-100", "ResNet18", "bottom")].round(1).tolist()
    [49.7, 59.1, 9.4, 19.0]
    """
    rows = []
    for line in _TABLE_1.split():
        data, network, *numbers = line.split(",")
        ensemble, one = (list(map(float, numbers[at : at + 3])) for at in (0, 3))
        for group, after, before in zip(("all", "top", "bottom"), ensemble, one, strict=True):
            rows.append((data, network, group, before, after))
    table = pd.DataFrame(rows, columns=["data", "network", "group", "one", "ensemble"])
    gain = table.ensemble - table.one
    return table.assign(gain=gain, relative=100 * gain / table.one)


def beside(runs: Iterable[Tables]) -> pd.DataFrame:
    """Return the paper's Table 1 above the same of some runs, by both protocols.

    Parameters
    ----------
    runs : iterable of Tables
        With the table "curves".

    Returns
    -------
    pandas.DataFrame
        Columns data, network, group, one, ensemble, gain, relative, source ("paper", or the
        protocol here).
    """
    return pd.concat([table_1().assign(source="paper"), *map(_ends, runs)], ignore_index=True)


def _ends(run: Tables) -> pd.DataFrame:
    made, keys = recipe(run.settings), ["protocol", "group"]  # type: ignore[arg-type]
    found = measures.curves(run["curves"])
    one, last = (found[found.members == end] for end in (1, found.members.max()))
    both = last.merge(one[[*keys, "accuracy"]], on=keys, suffixes=("", "_one"))
    return pd.DataFrame(
        {
            "data": words.images(made.data), "network": NETWORKS[made.encoder], "group": both.group,
            "one": both.accuracy_one, "ensemble": both.accuracy, "gain": both.gain,
            "relative": both.relative, "source": "here, " + both.protocol + " protocol",
        }
    )  # fmt: skip


def settings_beside(runs: Iterable[Tables]) -> pd.DataFrame:
    """Return what differs between the paper's Table 1 and some runs, a row a data set.

    Parameters
    ----------
    runs : iterable of Tables
        With the table "curves".

    Returns
    -------
    pandas.DataFrame
        Columns where, data, network, training images, test images, epochs, members, K, and for
        each group one model to ensemble by the paper's protocol, in percent.
    """
    theirs = table_1().query("network == 'ResNet9'")
    rows = [
        {
            "where": "paper", "data": data, "network": "ResNet9", "training images": train,
            "test images": 10_000, "epochs": epochs, "members": 20, "K": 10,
            **_arrows(theirs[theirs.data == data]),
        }
        for data, train, epochs in (("CIFAR-100", 50_000, 24), ("TinyImageNet", 100_000, 100))
    ]  # fmt: skip
    return pd.DataFrame([*rows, *map(_settings, runs)])


def _settings(run: Tables) -> dict[str, object]:
    made, table = recipe(run.settings), run["curves"]  # type: ignore[arg-type]
    counts = table[table.measure == "images"].groupby("group").value.first().astype(int)
    own = _ends(run).query("source == 'here, paper protocol'")
    return {
        "where": "here", "data": words.images(made.data), "network": NETWORKS[made.encoder],
        "training images": counts["training"], "test images": counts["test"],
        "epochs": made.epochs, "members": made.members, "K": made.k, **_arrows(own),
    }  # fmt: skip


def _arrows(table: pd.DataFrame) -> dict[str, str]:
    own = table.set_index("group")
    return {f"{g}, %": f"{own.one[g]:.1f} -> {own.ensemble[g]:.1f}" for g in measures.GROUPS}
