"""One who knows one chapter knows all: the same rooms, and a figure is found from its label."""

import ast
import dataclasses
import importlib
import pkgutil

import pytest

from ssl_lib import papers
from ssl_lib.papers import chapter
from ssl_lib.paths import repository
from ssl_lib.publishing import cells, notebooks

SLUGS = sorted(found.name for found in pkgutil.iter_modules(papers.__path__) if found.ispkg)
ROOMS = ("settings", "experiments", "measures", "figures", "estimates", "own")


def module(slug, name):
    return importlib.import_module(f"ssl_lib.papers.{slug}.{name}")


@pytest.mark.parametrize("slug", SLUGS)
def test_a_chapter_has_the_rooms_of_all_chapters(slug):
    package = importlib.import_module(f"ssl_lib.papers.{slug}")
    for room in ROOMS:
        module(slug, room)
        assert f"``{room}``" in package.__doc__, f"{room} is not on the map of {slug}"
    there = {found.name for found in pkgutil.iter_modules(package.__path__)}
    assert not there & {"publish", "published", "tables", "results"}
    assert issubclass(package.Settings, chapter.Settings)
    assert dataclasses.fields(package.Settings)[3].name == "fresh"


@pytest.mark.parametrize("slug", SLUGS)
def test_experiments_and_estimates_have_one_form(slug):
    rooms = module(slug, "experiments"), module(slug, "estimates")
    assert callable(rooms[0].experiments)
    assert callable(rooms[0].load)
    assert callable(rooms[1].estimates)
    made = rooms[0].experiments(module(slug, "settings").Settings(profile="smoke"))
    assert made
    assert all(isinstance(name, str) for name in made)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_figure_is_drawn_by_the_function_of_its_label(slug):
    path = repository() / "notebooks" / f"{slug}.ipynb"
    figures = module(slug, "figures")
    for cell in notebooks.code_cells(notebooks.read(path)):
        for call in cells.calls(notebooks.source(cell), "show"):
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            label = given["label"].value
            name = label.removeprefix(f"fig-{slug}-").replace("-", "_")
            drawn = {name, name.removeprefix("real_"), name.removeprefix("own_")}
            function = ast.unparse(call.args[0].func)
            assert function.removeprefix("figures.") in drawn, f"{label} is drawn by {function}"
            assert callable(getattr(figures, function.removeprefix("figures.")))
