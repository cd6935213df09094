"""What a run does unless told otherwise, where a method's own recipe is not the common one."""

from __future__ import annotations

import warnings
from typing import Any

from ssl_lib.training.config import TrainingConfig

__all__ = ["FEW_SHOWINGS", "showings", "usual_training", "warn_of_few_showings"]

#: Below so many showings of each image DIET's features are those of a network hardly trained.
FEW_SHOWINGS = 100
_DIET_EPOCHS = 1000  # of the public script on CIFAR-100
_BATCH = 256


def usual_training(method: str, n_data: int, **given: Any) -> TrainingConfig:
    """Return how a method is trained by default.

    DIET's public scripts take AdamW with a rate of 1e-3 at a batch of 256 and in proportion to it,
    a decay of 0.05, ten epochs of warm-up and 1,000 epochs: each row of its classifier meets its
    own image once an epoch. A set smaller than a batch halves the batch until it fits.

    Parameters
    ----------
    method : str
        Its name.
    n_data : int
        Training images.
    **given
        What the user chose, of :class:`TrainingConfig`.

    Returns
    -------
    TrainingConfig

    Examples
    --------
    >>> usual_training("diet", 1297, batch_size=128).learning_rate
    0.0005
    >>> usual_training("simclr", 1297).epochs
    100
    """
    if method != "diet":
        return TrainingConfig(**given)
    batch = _BATCH
    while batch > max(n_data, 2):
        batch //= 2
    chosen = {"batch_size": batch, "epochs": _DIET_EPOCHS, "weight_decay": 0.05} | given
    chosen.setdefault("learning_rate", 1e-3 * chosen["batch_size"] / _BATCH)
    chosen.setdefault("warmup_epochs", min(10, chosen["epochs"] // 10))
    return TrainingConfig(**chosen)


def showings(config: TrainingConfig, n_data: int) -> float:
    """Return how often an image is shown on average; the last, partial batch is left out.

    Examples
    --------
    >>> showings(TrainingConfig(epochs=10, batch_size=100), 150)
    6.666666666666667
    """
    return config.epochs * (n_data // config.batch_size) * config.batch_size / n_data


def warn_of_few_showings(method: str, config: TrainingConfig, n_data: int) -> None:
    """Warn where DIET would see each image too rarely to learn from it.

    Examples
    --------
    >>> warn_of_few_showings("simclr", TrainingConfig(epochs=1), 1000)
    """
    shown = showings(config, n_data)
    if method == "diet" and shown < FEW_SHOWINGS:
        warnings.warn(
            f"DIET will see each image {shown:.0f} times. Each image is a class of its own and "
            f"meets its row once an epoch, however many steps that is: public scripts take "
            f"{_DIET_EPOCHS} epochs, and below {FEW_SHOWINGS} showings the features are hardly "
            "trained unless the learning rate is raised.",
            stacklevel=2,
        )
