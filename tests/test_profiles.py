"""Profiles, settings and devices."""

from dataclasses import dataclass, replace

import pytest

from ssl_lib import profiles
from ssl_lib.errors import InputError
from ssl_lib.profiles import PROFILES, Settings


@pytest.mark.parametrize("name", PROFILES)
def test_choose_takes_the_value_of_the_profile(name: str) -> None:
    values = {"smoke": 1, "quick": 2, "standard": 3, "paper": 4}
    assert profiles.choose(name, **values) == values[name]


def test_choose_needs_all_four() -> None:
    with pytest.raises(TypeError, match="paper"):
        profiles.choose("smoke", smoke=1, quick=2, standard=3)  # type: ignore[call-arg]


def test_unknown_profile_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"Did you mean 'standard'\?"):
        profiles.check("standart")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"profile": "fast"}, "profile 'fast'"),
        ({"seed": -1}, "between 0"),
        ({"seed": 2**63}, "between 0"),
        ({"seed": 1.0}, "an integer"),
        ({"seed": True}, "an integer"),
        ({"seed": "0"}, "an integer"),
        ({"device": ""}, "device"),
        ({"device": 0}, "device"),
    ],
)
def test_settings_refuse_what_no_run_can_use(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**wrong)  # type: ignore[arg-type]


def test_settings_are_frozen_and_keyword_only() -> None:
    with pytest.raises(AttributeError):
        Settings().seed = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        Settings("quick")  # type: ignore[misc]


@dataclass(frozen=True, kw_only=True)
class Chapter(Settings):
    epochs: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs < 1:
            raise InputError("epochs must be at least 1.")


def test_chapters_extend_settings_and_keep_their_checks() -> None:
    assert replace(Chapter(profile="smoke"), epochs=2) == Chapter(profile="smoke", epochs=2)
    with pytest.raises(InputError, match="profile"):
        Chapter(profile="fast")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="epochs"):
        Chapter(epochs=0)


def test_auto_is_a_device_that_works() -> None:
    import torch

    assert torch.ones(2, device=profiles.device("auto")).sum().item() == 2


@pytest.mark.parametrize("name", ["gpu", "cuda:99", ""])
def test_device_that_is_not_there(name: str) -> None:
    with pytest.raises(InputError, match="device"):
        profiles.device(name)


@pytest.mark.parametrize("value", [0, 2, 100])
def test_a_count_is_zero_or_in_range(value: int) -> None:
    profiles.check_count("runs", value, least=2, most=100)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1, "runs must be 0 (the profile's number) or from 2 to 1,000, got 1."),
        (-1, "or from 2 to 1,000, got -1."),
        (1001, "or from 2 to 1,000, got 1001."),
        (True, "runs must be an integer, got True."),
        (3.0, "runs must be an integer, got 3.0."),
        ("3", "runs must be an integer, got '3'."),
    ],
)
def test_other_counts_are_refused(value: object, said: str) -> None:
    with pytest.raises(InputError) as caught:
        profiles.check_count("runs", value, least=2, most=1000)
    assert said in str(caught.value)
