"""What the ImageNet-X chapter can be run with."""

from dataclasses import dataclass

from ssl_lib import profiles
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.imagenet_x.annotations import Selection
from ssl_lib.evaluation.imagenet_x.scoring import SCORINGS, Scoring
from ssl_lib.papers import chapter

__all__ = ["ALIKE", "CHANCE", "SCORINGS", "SELECTIONS", "Settings"]

SELECTIONS: tuple[Selection, ...] = ("top", "multi")
FEWEST_REPLICATES = 100  # fewer give no 95 % interval worth drawing
MOST_REPLICATES = 1_000_000
#: p above which a cell of a heat map stays blank, as in the released figure.
CHANCE = 0.01
#: p from which groups of models do not differ.
ALIKE = 0.05


@dataclass(frozen=True, kw_only=True)
class Settings(chapter.Settings):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile : {"smoke", "quick", "standard", "paper"}, default="quick"
        Decides only how often intervals are resampled: the data are the same at every profile.
    seed : int, default=0
        Seed of every resampling.
    device : str, default="auto"
        Where a model of yours runs (``images``); nothing else needs more than a processor.
    selection : {"top", "multi"}, default="top"
        The one factor a mistake is attributed to, or all factors an annotator ticked.
    scoring : {"class", "real", "metaclass"}, default="class"
        When a prediction counts as right: the original label, any reassessed (ReaL) label, or any
        class of the right group.
    replicates : int, default=0
        Bootstrap replicates; 0 takes the profile's number.
    images : str, default=""
        Folder with the ImageNet validation images, in class folders or flat, to measure ``model``
        on. Empty: a pretend model with known error ratios is measured instead.
    model : str, default="resnet18"
        Name of a torchvision classifier with pretrained weights, used when ``images`` is given.
    fresh : bool, default=False
        Count everything again rather than show what is published, where its files can be had.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> Settings(profile="smoke").draws
    200
    >>> Settings(profile="smoke", replicates=5000).draws
    5000
    >>> Settings(selection="tops")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: selection must be 'top' or 'multi', got 'tops'. Did you mean 'top'?
    """

    selection: Selection = "top"
    scoring: Scoring = "class"
    replicates: int = 0
    images: str = ""
    model: str = "resnet18"

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        _check_choice("selection", self.selection, SELECTIONS)
        _check_choice("scoring", self.scoring, SCORINGS)
        profiles.check_count(
            "replicates", self.replicates, least=FEWEST_REPLICATES, most=MOST_REPLICATES
        )
        chapter.check_texts(self, "images", "model")
        if not self.model:
            raise InputError("model must not be empty; give a name such as 'resnet18'.")

    @property
    def draws(self) -> int:
        """Bootstrap replicates of this run."""
        chosen = profiles.choose(self.profile, smoke=200, quick=1000, standard=2000, paper=10_000)
        return self.replicates or chosen

    @property
    def scope(self) -> str:
        """What the numbers are about, in words for captions.

        Examples
        --------
        >>> Settings(scoring="metaclass").scope
        'top factors, scored by metaclass'
        """
        factors = {"top": "top factors", "multi": "all ticked factors"}[self.selection]
        how = {"class": "class", "real": "reassessed (ReaL) labels", "metaclass": "metaclass"}
        return f"{factors}, scored by {how[self.scoring]}"


def _check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        options = " or ".join([", ".join(map(repr, known[:-1])), repr(known[-1])])
        raise InputError(f"{name} must be {options}, got {value!r}.{closest(value, known)}")
