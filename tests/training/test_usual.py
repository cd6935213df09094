"""DIET's defaults, and the warning of too few showings."""

import pytest

from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.usual import showings, usual_training, warn_of_few_showings


def test_diet_is_trained_as_its_scripts_do():
    config = usual_training("diet", 50_000)
    assert (config.optimiser, config.batch_size, config.epochs) == ("adamw", 256, 1000)
    assert (config.learning_rate, config.weight_decay, config.warmup_epochs) == (1e-3, 0.05, 10)


@pytest.mark.parametrize(("batch", "rate"), [(64, 2.5e-4), (512, 2e-3)])
def test_the_rate_follows_the_batch(batch, rate):
    assert usual_training("diet", 50_000, batch_size=batch).learning_rate == rate
    assert usual_training("diet", 50_000, batch_size=batch, learning_rate=3.0).learning_rate == 3


def test_a_small_set_halves_the_batch_and_a_short_run_its_warmup():
    assert usual_training("diet", 100).batch_size == 64
    assert usual_training("diet", 100, epochs=50).warmup_epochs == 5


def test_other_methods_keep_the_common_recipe():
    assert usual_training("simclr", 100) == TrainingConfig()


def test_showings_count_images_and_not_steps():
    assert showings(TrainingConfig(epochs=30, batch_size=128), 1297) == pytest.approx(29.6, abs=0.1)
    with pytest.warns(UserWarning, match="see each image 30 times"):
        warn_of_few_showings("diet", TrainingConfig(epochs=30, batch_size=128), 1297)
