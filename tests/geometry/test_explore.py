"""The explorable partition: its numbers against autograd, its page in a browser."""

import html
import json
import re

import pytest
import torch
from torch import nn

from ssl_lib.errors import InputError
from ssl_lib.geometry import box, decision_boundary, explore, partition

SQUARE = box(-1, 1, -1, 1)


@pytest.fixture(scope="module")
def regions(mlp):
    return partition(mlp(2, 7, 6, 3, scale=3.0), SQUARE)


@pytest.fixture(scope="module")
def page(regions):
    names = ("a </script> b", "b & c", "c")
    return explore(regions, twin="fig-a-b", boundary=decision_boundary(regions), outputs=names).html


def data_of(page):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])


def test_maps_are_those_of_automatic_differentiation(regions, page):
    told = data_of(page)["regions"]
    assert len(told) == len(regions)
    model = regions.program.model
    for region in told:
        center = torch.tensor(region["center"], dtype=torch.float64)
        slope = torch.autograd.functional.jacobian(model, center)
        found = torch.tensor(region["map"], dtype=torch.float64)
        torch.testing.assert_close(found[:, :2], slope, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(
            found[:, :2] @ center + found[:, 2], model(center), rtol=1e-4, atol=1e-5
        )


def test_units_and_areas_are_the_network_s(regions, page):
    told = data_of(page)["regions"]
    linear = [layer for layer in regions.program.model if isinstance(layer, nn.Linear)]
    for region in told:
        first = linear[0](torch.tensor([region["center"]], dtype=torch.float64))
        second = linear[1](first.relu())
        expected = ["".join(str(int(h > 0)) for h in layer[0]) for layer in (first, second)]
        assert region["codes"] == expected
    assert sum(region["area"] for region in told) == pytest.approx(4, rel=1e-5)
    assert told[data_of(page)["first"]]["area"] == max(region["area"] for region in told)


def test_outlines_are_the_polygons(regions, page):
    outlines = re.findall(r'<path data-region="(\d+)" fill="#[0-9a-f]{6}" d="M(.*?)Z"/>', page)
    assert [int(number) for number, _ in outlines] == list(range(len(regions)))
    for number, outline in outlines:
        drawn = torch.tensor([[float(x) for x in p.split()] for p in outline.split("L")])
        corners = regions[int(number)].vertices
        expected = torch.stack([corners[:, 0] + 1, 1 - corners[:, 1]], 1) * 500
        torch.testing.assert_close(drawn.double(), expected, rtol=0, atol=0.051)


def test_page_fetches_nothing_and_is_hidden_without_a_script(page):
    assert not re.search(r"\b(src|href)=|url\(|@import|https?:|\bimport\b|fetch\(", page)
    assert re.match(r'<div class="ssl-explore" id="fig-a-b-regions" hidden>', page)
    assert page.count("<script") == page.count("</script>") == 2
    assert len(page) < 200_000


def test_more_regions_than_can_be_pointed_at_are_refused(mlp):
    many = partition(mlp(2, 64, 64, 1), SQUARE)
    with pytest.raises(InputError, match=r"at most 1,000 regions can be explored, got 2,943"):
        explore(many, twin="fig-a-b")


def test_names_must_fit_the_outputs(regions):
    with pytest.raises(InputError, match="2 names for 3 outputs"):
        explore(regions, twin="fig-a-b", outputs=("one", "two"))


def test_network_without_kinks_has_one_region_and_no_units():
    told = data_of(explore(partition(nn.Linear(2, 1).eval(), SQUARE), twin="fig-a-b").html)
    assert [region["codes"] for region in told["regions"]] == [[]]


ACT = """
<script>
const svg = document.querySelector(".ssl-explore svg");
const seen = [];
function note() {
  seen.push([document.querySelector(".about").textContent,
    Array.from(document.querySelectorAll("tbody td"), (cell) => cell.textContent),
    svg.querySelector(".chosen").getAttribute("d")]);
}
note();
svg.querySelector("[data-region='4']").dispatchEvent(
  new PointerEvent("pointermove", { bubbles: true }));
note();
svg.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
note();
svg.dispatchEvent(new KeyboardEvent("keydown", { key: "Home" }));
note();
document.title = JSON.stringify(seen);
</script>
"""


def test_pointing_and_arrow_keys_tell_the_region(regions, page, rendered):
    twin = '<figure id="fig-a-b"><img alt="still"></figure><div class="output">'
    dom = rendered(f"<!doctype html>{twin}{page}</div>{ACT}")
    seen = json.loads(html.unescape(re.search(r"<title>(.*?)</title>", dom, re.DOTALL)[1]))
    data = data_of(page)
    assert seen[0][0].startswith(f"Region {data['first'] + 1} of {len(regions)}, area")
    assert seen[1][0].startswith("Region 5 of")
    shown = [float(text.replace("−", "-")) for text in seen[1][1]]
    told = torch.tensor(data["regions"][4]["map"]).flatten().tolist()
    assert shown == pytest.approx(told, rel=6e-3)
    number = int(re.match(r"Region (\d+)", seen[2][0])[1]) - 1
    assert data["regions"][number]["center"][0] > data["regions"][4]["center"][0]
    assert seen[3] == seen[0]
    figure = re.search(r'<figure id="fig-a-b">(.*)</figure>', dom, re.DOTALL)[1]
    assert 'class="ssl-explore"' in figure
    assert 'class="ssl-explore-twin"' in figure
