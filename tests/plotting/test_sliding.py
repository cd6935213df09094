"""The figure with a slider, and its page in a browser."""

import html
import json
import re

import matplotlib.pyplot as plt
import pytest

from ssl_lib import plotting
from ssl_lib.errors import InputError

SAYS = ["One </script> line.", "Two lines & more.", "Three lines."]


def frames():
    made = {}
    for count in ("1", "2", "3"):
        figure, axes = plt.subplots(figsize=(2, 1))
        axes.plot(range(int(count) + 1))
        made[count] = figure
    return made


@pytest.fixture(scope="module")
def page():
    return plotting.slider(frames(), twin="fig-a_b-c", name="lines", says=SAYS, start=1).html


def data_of(page):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])


def test_each_value_has_a_picture_of_its_own_for_both_schemes(page):
    data = data_of(page)
    assert [frame["value"] for frame in data["frames"]] == ["1", "2", "3"]
    assert [frame["says"] for frame in data["frames"]] == SAYS
    pictures = {frame["picture"] for frame in data["frames"]}
    assert len(pictures) == 3
    assert all(picture.startswith("data:image/svg+xml;base64,") for picture in pictures)
    assert data["dark"] == "fig-a_b-c-dark"


def test_pictures_are_closed():
    made = frames()
    plotting.slider(made, twin="fig-a-b", name="n", says=SAYS)
    assert not [figure for figure in made.values() if plt.fignum_exists(figure.number)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"says": ["a"]}, "3 figures need as many sentences, got 1"),
        ({"start": 3}, "start must be from 0 to 2, got 3"),
        ({"frames": {}, "says": []}, "a slider needs 2 to 40 figures, got 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, said):
    given = {"frames": frames(), "says": SAYS, "start": 0} | change
    with pytest.raises(InputError, match=said):
        plotting.slider(given.pop("frames"), twin="fig-a-b", name="n", **given)
    plt.close("all")


ACT = """
<script>
const root = document.querySelector(".ssl-slider"), input = root.querySelector("input");
const seen = [];
function note() {
  seen.push([root.querySelector("output").textContent, root.querySelector("img").alt,
    root.querySelector("img").src.endsWith("#fig-a_b-c-dark")]);
}
note();
input.value = 2;
input.dispatchEvent(new Event("input"));
note();
document.documentElement.dataset.theme = "dark";
setTimeout(function () { note(); document.title = JSON.stringify(seen); }, 100);
</script>
"""


def test_the_slider_chooses_the_picture_in_the_place_of_the_still_one(page, rendered):
    twin = '<figure id="fig-a-b-c"><img alt="still"></figure><div class="output">'
    dom = rendered(f"<!doctype html><html>{twin}{page}</div>{ACT}")
    seen = json.loads(html.unescape(re.search(r"<title>(.*?)</title>", dom, re.DOTALL)[1]))
    assert seen == [["2", SAYS[1], False], ["3", SAYS[2], False], ["3", SAYS[2], True]]
    figure = re.search(r'<figure id="fig-a-b-c">(.*)</figure>', dom, re.DOTALL)[1]
    assert 'class="ssl-slider"' in figure
    assert 'class="ssl-slider-twin"' in figure
