"""Figures: colours, the dark variant, what a figure must come with, helpers, tables."""

import base64
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from ssl_lib import plotting
from ssl_lib.errors import InputError
from ssl_lib.plotting import CAPTION_MIME, HUES, MARKERS, MIME, PALETTE, bundle, show, table
from ssl_lib.plotting.charts import spread
from ssl_lib.plotting.darkmode import (
    BACKGROUND,
    FOREGROUND,
    StandIns,
    always_dark,
    dark_colour,
    recoloured,
)
from ssl_lib.plotting.theme import contrast, text_on
from ssl_lib.results import Store
from ssl_lib.results.tables import from_csv
from ssl_lib.results.wording import summary

DATA = pd.DataFrame({"x": [0, 1], "y": [0.1 + 0.2, 2.0]})
WORDS = {"label": "fig-rankme-curve", "caption": "Loss by epoch.", "alt": "A falling line."}


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with plotting.style():
        yield
    plt.close("all")


def drawn() -> Figure:
    fig, ax = plt.subplots()
    ax.plot([0, 1], [1, 0], label="loss")
    ax.bar([0], [1], color="white", edgecolor="black")
    ax.scatter([0, 1], [0, 1], color=["black", PALETTE[1]])
    ax.scatter([0, 1], [0, 1], c=[0.0, 1.0], cmap="gray")
    ax.annotate("note", (0, 0), (1, 1), arrowprops={"color": "black"}, bbox={"facecolor": "white"})
    ax.fill_between([0, 1], [0, 0], [1, 1], color="0.5", alpha=0.25)
    ax.legend()
    ax.set(xlabel="epoch", ylabel="loss", title="Loss")
    return fig


# Colours


@pytest.mark.parametrize("background", ["white", "#121212", BACKGROUND])
@pytest.mark.parametrize("name", HUES)
def test_every_colour_stands_out_on_light_and_on_dark(name: str, background: str) -> None:
    assert contrast(HUES[name], background) >= 3


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISION = {
    "full": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
}  # fmt: skip


def lab(colour: str, vision: np.ndarray) -> np.ndarray:
    srgb = np.array(to_rgb(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(vision @ linear, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_colours_stay_apart_for_colour_blind_readers(vision: str) -> None:
    seen = [lab(colour, VISION[vision]) for colour in PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 18


def test_markers_differ_as_well_as_colours() -> None:
    assert len({*MARKERS}) == len({*PALETTE}) == len(MARKERS) == len(PALETTE)
    _, ax = plt.subplots()
    lines = [ax.plot([0, k])[0] for k in range(7)]
    assert [to_hex(line.get_color()).upper() for line in lines] == [*PALETTE]
    assert [line.get_marker() for line in lines] == [*MARKERS]


def test_known_contrasts() -> None:
    assert contrast("white", "black") == pytest.approx(21)
    # From the definition in WCAG 2.2: the lightest grey with 4.5 to 1 on white.
    assert contrast("#767676", "white") == pytest.approx(4.54, abs=0.005)


@given(st.tuples(*[st.floats(0, 1)] * 3))
@settings(max_examples=100)
def test_text_can_be_read_on_any_cell(background: tuple[float, float, float]) -> None:
    assert contrast(text_on(background), background) >= 3.8


def test_text_is_large_enough_and_figures_fit_a_phone() -> None:
    sizes = ["font.size", "axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize"]
    assert all(mpl.rcParams[name] >= 10 for name in [*sizes, "legend.fontsize"])
    assert mpl.rcParams["figure.figsize"][0] == plotting.WIDTH == 5.2


def test_style_ends_with_its_block_and_use_stays() -> None:
    with mpl.rc_context():
        mpl.rcdefaults()
        with plotting.style():
            assert mpl.rcParams["axes.spines.top"] is False
        assert mpl.rcParams["axes.spines.top"] is True
        plotting.use()
        assert mpl.rcParams["axes.spines.top"] is False


# The dark variant


@given(st.tuples(*[st.floats(0, 1)] * 4))
@settings(max_examples=100)
def test_dark_colours_keep_hues_and_alpha(colour: tuple[float, float, float, float]) -> None:
    result = dark_colour(colour)
    assert result[3] == colour[3]
    if max(colour[:3]) - min(colour[:3]) > 0.12:
        assert result == colour
    else:
        low, high = np.array(to_rgb(BACKGROUND)), np.array(to_rgb(FOREGROUND))
        assert (low - 1e-9 <= result[:3]).all()
        assert (result[:3] <= high + 1e-9).all()


def test_grey_order_is_turned_around() -> None:
    greys = np.linspace(0, 1, 9)
    lightness = [dark_colour(str(grey))[0] for grey in greys]
    assert lightness == sorted(lightness, reverse=True)
    assert contrast(dark_colour("black"), dark_colour("white")) > 7


def colours(fig: Figure) -> dict[str, Any]:
    ax = fig.axes[0]
    white_bar, arrow = ax.patches[0], ax.texts[0]
    return {
        "figure": fig.get_facecolor(),
        "label": ax.xaxis.label.get_color(),
        "tick": ax.get_xticklabels()[0].get_color(),
        "grid": ax.get_xgridlines()[0].get_color(),
        "spine": ax.spines["left"].get_edgecolor(),
        "bar": white_bar.get_facecolor(),
        "edge": white_bar.get_edgecolor(),
        "points": ax.collections[0].get_facecolor().tolist(),
        "area": ax.collections[2].get_facecolor().tolist(),
        "arrow": arrow.arrow_patch.get_facecolor(),
        "box": arrow.get_bbox_patch().get_facecolor(),
        "legend": ax.get_legend().get_texts()[0].get_color(),
        "line": ax.lines[0].get_color(),
    }


def test_dark_variant_turns_greys_and_keeps_hues_then_restores() -> None:
    fig = drawn()
    fig.draw_without_rendering()
    before = {
        name: to_rgba(c) if not isinstance(c, list) else c for name, c in colours(fig).items()
    }
    with recoloured(fig, dark_colour):
        during = colours(fig)
        for name in ("figure", "bar", "box"):
            assert to_hex(during[name]).upper() == BACKGROUND
        for name in ("edge", "arrow"):
            assert to_hex(during[name]).upper() == FOREGROUND
        for name in ("label", "tick", "spine", "legend"):
            assert contrast(during[name], BACKGROUND) > 7
        assert 1.2 < contrast(during["grid"], BACKGROUND) < 3
        assert during["line"] == PALETTE[0]
        black, hue = during["points"]
        assert to_hex(black).upper() == FOREGROUND
        assert to_hex(hue).upper() == PALETTE[1]
        assert during["area"][0][3] == 0.25
    after = {name: to_rgba(c) if not isinstance(c, list) else c for name, c in colours(fig).items()}
    assert after == before


def test_dark_variant_is_undone_after_an_error() -> None:
    fig = drawn()
    with pytest.raises(RuntimeError), recoloured(fig, dark_colour):
        raise RuntimeError
    assert to_hex(fig.get_facecolor()) == "#ffffff"


def test_colour_maps_and_kept_texts_stay() -> None:
    fig, ax = plt.subplots()
    mesh = plotting.heatmap(ax, pd.DataFrame([[-1.0, 0.0, 1.0]]), centre=0)
    inks = [text.get_color() for text in ax.texts]
    faces = mesh.get_facecolor().copy()
    with recoloured(fig, dark_colour):
        assert [text.get_color() for text in ax.texts] == inks
        assert np.array_equal(mesh.get_facecolor(), faces)
        assert contrast(ax.get_xticklabels()[0].get_color(), BACKGROUND) > 7


def saved(fig: Figure, ground: str) -> str:
    """Draw as matplotlib does by itself, layout and all."""
    buffer = io.StringIO()
    metadata = {"Date": None, "Creator": None}
    fig.savefig(buffer, format="svg", facecolor=ground, metadata=metadata)
    return buffer.getvalue()


DEFAULTS = {"fill": "#000000", "stroke": "none"}


def paints(svg: str, values: dict[str, str] | None = None) -> list[tuple[str, ...]]:
    """List tag, fill and stroke of all elements, by their classes where properties have values."""
    listed = []
    for element in ElementTree.fromstring(svg).iter():
        style = {prop: element.get(prop, default) for prop, default in DEFAULTS.items()}
        style |= dict(re.findall(r"(fill|stroke): ([^;(]+)", element.get("style", "")))
        for kind in element.get("class", "").split() if values is not None else ():
            prop, _, number = kind.partition("-")
            style[prop] = (values or {})[f"--{number}"]
        listed.append((element.tag.rpartition("}")[2], style["fill"], style["stroke"]))
    return [paint for paint in listed if paint[0] != "style"]


def properties(svg: str, selector: str) -> dict[str, str]:
    rules = re.findall(rf"{re.escape(selector)}{{(.*?)}}", svg)
    return dict(rule.split(":") for rule in rules[0].split(";"))


def kept_and_hatched() -> Figure:
    fig = drawn()
    ax = fig.axes[0]
    ax.plot([0, 1], [0, 1], "o", color="black", markerfacecolor="none", alpha=0.5)
    plotting.keep_colours(ax.text(0.5, 0.5, "kept", color=mpl.rcParams["text.color"]))
    plotting.keep_colours(ax.plot([0, 1], [0, 0], "D", color="black")[0])
    ax.plot([0, 1], [1, 1], "s", color="black")
    ax.bar([1], [1], color="white", edgecolor="0.3", hatch="//")
    return fig


def test_each_colour_is_the_one_of_a_drawing_in_light_and_of_one_in_dark() -> None:
    svg = bundle(kept_and_hatched(), data=DATA, **WORDS)["image/svg+xml"]
    fig = kept_and_hatched()
    day = saved(fig, "white")
    with recoloured(fig, dark_colour):
        night = saved(fig, "none")
    assert paints(svg) == paints(svg, properties(svg, "#fig-rankme-curve-dark")) == paints(day)
    assert paints(svg, properties(svg, "#fig-rankme-curve-dark:target")) == paints(night)
    assert paints(svg, properties(always_dark(svg), "#fig-rankme-curve-dark")) == paints(day)
    assert ":target" not in always_dark(svg)
    assert "#fe01" not in svg


def test_what_is_drawn_is_what_matplotlib_draws() -> None:
    shapes = [
        re.findall(r' (?:d|x|y|transform|width|height)="[^"]*"', svg)
        for svg in (
            bundle(drawn(), data=DATA, **WORDS)["image/svg+xml"],
            saved(drawn(), "white"),
        )
    ]
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) > 100


def test_a_figure_is_laid_out_once_and_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    def count(kind: type, name: str) -> None:
        real = getattr(kind, name)
        monkeypatch.setattr(kind, name, lambda *args: counted.append(name) or real(*args))

    count(ConstrainedLayoutEngine, "execute")
    count(RendererSVG, "finalize")
    count(RendererAgg, "draw_path")
    content = bundle(drawn(), data=DATA, **WORDS)
    assert counted == ["execute", "finalize"]
    assert "image/png" not in content


def test_a_figure_is_afterwards_as_it_was() -> None:
    fig = drawn()
    fig.draw_without_rendering()
    parts = fig.canvas, fig.get_dpi(), fig.get_layout_engine(), fig.get_facecolor()
    positions = [ax.get_position().bounds for ax in fig.axes]
    bundle(fig, data=DATA, png=True, **WORDS)
    kept = fig.canvas, fig.get_dpi()
    assert kept == parts[:2]
    assert fig.get_facecolor() == parts[3]
    assert type(fig.get_layout_engine()) is type(parts[2])
    assert positions[0] == pytest.approx(fig.axes[0].get_position().bounds, abs=0.02)


def test_pixels_inside_a_figure_keep_their_colours() -> None:
    fig, ax = plt.subplots()
    (line,) = ax.plot([0, 1], color="black", rasterized=True)
    with recoloured(fig, StandIns()):
        assert line.get_color() == "black"


def test_what_has_no_colour_stays_without() -> None:
    _, ax = plt.subplots()
    (line,) = ax.plot([0, 1], "o", color="black", markerfacecolor="none", alpha=0.5)
    with recoloured(ax.figure, StandIns()):
        assert line.get_markerfacecolor() == "none"
        assert to_hex(line.get_color()).startswith("#fe01")


# What a figure comes with


def test_bundle_has_every_form() -> None:
    found = bundle(drawn(), data=DATA, wide=True, png=True, **WORDS)
    assert {*found} == {"image/svg+xml", "image/png", "text/plain", MIME}
    details = found[MIME]
    assert {*details} == {"label", "caption", "alt", "csv", "provenance", "wide", "dark"}
    assert (details["label"], details["wide"]) == ("fig-rankme-curve", True)
    assert found["text/plain"] == details["alt"] == "A falling line."
    assert base64.b64decode(found["image/png"]).startswith(b"\x89PNG")
    root = ElementTree.fromstring(found["image/svg+xml"])
    assert root.tag.endswith("svg")
    assert root.attrib["id"] == details["dark"] == "fig-rankme-curve-dark"
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(5.2 * 72)


def test_csv_gives_back_the_data() -> None:
    csv = bundle(drawn(), data=DATA, **WORDS)[MIME]["csv"]
    back = from_csv(csv.encode(), {"x": "int64", "y": "float64"})
    pd.testing.assert_frame_equal(back, DATA, check_exact=True)


def test_svg_bytes_are_the_same_every_time() -> None:
    one, two = (bundle(drawn(), data=DATA, **WORDS) for _ in range(2))
    assert one == two
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", one["image/svg+xml"])


def test_a_figure_says_which_run_it_is_from(tmp_path: Path) -> None:
    result = Store(tmp_path).table("points", lambda config: DATA, {"seed": 3})
    found = bundle(drawn(), data=DATA, results=[result, result], **WORDS)
    assert found[MIME]["provenance"] == summary([result])
    assert found[MIME]["provenance"].endswith(", seed 3")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "rankme-curve"}, "'fig-SLUG-name'"),
        ({"label": "fig-rankme"}, "'fig-SLUG-name'"),
        ({"label": "fig-RankMe-curve"}, "lower case"),
        ({"label": "fig-rankme-a curve"}, "'fig-SLUG-name'"),
        ({"alt": ""}, "needs a alt text|needs an alt text"),
        ({"alt": "  "}, "alt text"),
        ({"alt": "a\n\nb"}, "one paragraph"),
        ({"alt": "Loss by epoch."}, "not its caption"),
        ({"caption": ""}, "needs a caption"),
        ({"caption": "a\n\nb"}, "one paragraph"),
        ({"data": None}, "as a DataFrame, got NoneType"),
        ({"data": DATA.iloc[:0]}, "an empty one"),
        ({"data": {"x": [1]}}, "as a DataFrame, got dict"),
        ({"data": DATA.set_index("x")}, "reset_index"),
    ],
)
def test_figures_that_lack_something(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bundle(drawn(), **({"data": DATA} | WORDS | change))


def test_only_figures_are_shown() -> None:
    with pytest.raises(InputError, match="a matplotlib Figure, got Axes"):
        bundle(drawn().axes[0], data=DATA, **WORDS)  # type: ignore[arg-type]


def test_show_closes_the_figure_outside_notebooks(capsys: pytest.CaptureFixture[str]) -> None:
    fig = drawn()
    show(fig, data=DATA, **WORDS)
    assert not plt.fignum_exists(fig.number)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("in_book", [True, False])
def test_show_displays_figure_then_caption_in_a_notebook(
    monkeypatch: pytest.MonkeyPatch, in_book: bool
) -> None:
    import IPython.display

    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("ssl_lib.plotting.showing._in_notebook", lambda: True)
    monkeypatch.delenv(plotting.IN_BOOK, raising=False)
    if in_book:
        monkeypatch.setenv(plotting.IN_BOOK, "1")
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append(data))
    show(drawn(), data=DATA, **WORDS)
    figure, caption = shown
    assert MIME in figure
    assert ("image/png" in figure) is not in_book
    # HTML or Markdown beside the picture would be preferred to it.
    assert not {"text/html", "text/markdown"} & {*figure}
    assert caption["text/markdown"] == "Loss by epoch."
    assert caption[CAPTION_MIME] == "fig-rankme-curve"


# Helpers


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=9), st.floats(0.1, 20))
@settings(max_examples=200)
def test_spread_keeps_order_and_distance_and_moves_least(wanted: list[float], gap: float) -> None:
    placed = np.array(spread(wanted, gap))
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(placed[order]) >= gap - 1e-9).all()
    if (np.diff(np.array(wanted)[order]) >= gap).all():
        assert placed == pytest.approx(wanted)
    # Least squares: a shift of everything, and a step towards any feasible layout, cost more.
    assert np.mean(placed) == pytest.approx(np.mean(wanted), abs=1e-6)
    feasible = np.empty(len(wanted))
    feasible[order] = np.maximum.accumulate(np.array(wanted)[order] - gap * np.arange(len(wanted)))
    feasible[order] += gap * np.arange(len(wanted))
    cost = [float(((layout - wanted) ** 2).sum()) for layout in (placed, feasible)]
    assert cost[0] <= cost[1] + 1e-6


def test_direct_labels_do_not_overlap() -> None:
    fig, ax = plt.subplots()
    for k in range(6):
        ax.plot([0, 1], [0, 1 + k / 1000], label=f"line {k}")
    ax.plot([0, 1], [0, 0.5])
    ax.plot([], [], label="empty")
    plotting.direct_labels(ax)
    fig.draw_without_rendering()
    # An annotation's own extent would count its leader line too.
    boxes = [Text.get_window_extent(text) for text in ax.texts]
    assert [text.get_text() for text in ax.texts] == [f"line {k}" for k in range(6)]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(box.x1 <= fig.bbox.x1 for box in boxes)


def test_intervals_draws_what_it_is_given() -> None:
    _, ax = plt.subplots()
    names, values = ["pose", "blur"], [1.0, 2.0]
    plotting.intervals(ax, names, values, [0.5, 1.5], [2.0, 4.0], of=2, reference=1.0, label="a")
    plotting.intervals(ax, names, values, series=1, of=2, label="b")
    segments = ax.collections[0].get_segments()
    assert [segment[:, 0].tolist() for segment in segments] == [[0.5, 2.0], [1.5, 4.0]]
    assert [label.get_text() for label in ax.get_yticklabels()] == names
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    dots = [line for line in ax.lines if line.get_marker() in MARKERS]
    assert {line.get_marker() for line in dots} == {"o", "s"}
    assert not {*dots[0].get_ydata()} & {*dots[1].get_ydata()}
    with pytest.raises(InputError, match="both low and high"):
        plotting.intervals(ax, names, values, low=[0, 0])


def test_heatmap_shows_numbers_and_leaves_gaps() -> None:
    _, ax = plt.subplots()
    values = pd.DataFrame([[-1.0, np.nan], [0.25, 3.0]], index=["a", "b"], columns=["u", "v"])
    mesh = plotting.heatmap(ax, values, centre=1)
    assert [text.get_text() for text in ax.texts] == ["−1.00", "0.25", "3.00"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["u", "v"]
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-1, 3)
    for text, value in zip(ax.texts, (-1.0, 0.25, 3.0), strict=True):
        assert contrast(text.get_color(), mesh.cmap(mesh.norm(value))) >= 3.8
    top = ax.transData.transform((0.5, 0.5))[1]
    assert top > ax.transData.transform((0.5, 1.5))[1]


@pytest.mark.parametrize(
    ("n", "columns", "shape"), [(1, 2, (1, 1)), (3, 2, (2, 2)), (4, 4, (1, 4))]
)
def test_small_multiples(n: int, columns: int, shape: tuple[int, int]) -> None:
    fig, axes = plotting.small_multiples(n, columns=columns)
    assert len(axes) == len(fig.axes) == n
    assert fig.get_figwidth() == 5.2
    spec = axes[0].get_subplotspec()
    assert spec is not None
    assert spec.get_gridspec().get_geometry() == shape
    fig.draw_without_rendering()
    shown = [ax.xaxis.get_major_ticks()[0].label1.get_visible() for ax in axes]
    assert shown == [place + shape[1] >= n for place in range(n)]


def test_small_multiples_needs_a_panel() -> None:
    with pytest.raises(InputError, match="at least 1"):
        plotting.small_multiples(0)


# Tables


def test_table_is_accessible_and_readable() -> None:
    frame = pd.DataFrame(
        {"model": ["a<b", "c"], "count": [46110, 3], "share": [0.5, None], "ratio": [0.1 + 0.2, 2]}
    )
    shown = table(frame, caption="Models & counts.", label="tab-x", formats={"share": ".0%"})
    assert "<caption><span>Models &amp; counts.</span></caption>" in shown.html
    assert 'id="tab-x"' in shown.html
    assert "a&lt;b" in shown.html
    assert shown.html.count('scope="col"') == 4
    assert shown.html.count('scope="row"') == 2
    assert ">46,110<" in shown.html
    assert ">0.3<" in shown.html
    assert "overflow-x:auto" in shown.html
    assert "46,110" in str(shown)


def test_table_formats() -> None:
    frame = pd.DataFrame({"x": [-0.5, np.nan], "y": [1.23456, 2.0]})
    shown = table(frame, caption="c", formats={"x": ".1f", "y": lambda v: f"{v:.1f} s"})
    assert ">−0.5<" in shown.html
    assert ">–<" in shown.html
    assert ">1.2 s<" in shown.html
    with pytest.raises(InputError, match="no column 'z' to format"):
        table(frame, caption="c", formats={"z": ".1f"})


@pytest.mark.parametrize(
    ("frame", "caption", "message"),
    [
        (DATA, " ", "needs a caption"),
        (DATA.set_index("x"), "c", "reset_index"),
        ([1], "c", "must be a pandas DataFrame"),
    ],
)
def test_tables_that_lack_something(frame: Any, caption: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        table(frame, caption=caption)
