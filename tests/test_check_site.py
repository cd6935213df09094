"""The checks on the built site notice what they are there for."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

GOOD = """<html><head>
<link rel="stylesheet" href="_static/a.css"><link rel="canonical" href="https://example.org/">
<script src="_static/a.js"></script><script>var url = "https://example.org/page"</script>
</head><body><a href="https://example.org/x.js">elsewhere</a>
<figure><img src="_images/a.png" alt="Error ratio by factor"></figure>
<img src="data:image/png;base64,AA" alt="a dot">
<div class="cell_output"><div class="output text_html">1</div></div></body></html>"""


@pytest.fixture(scope="module")
def tool(repository: Path, load_script: Callable[[Path], ModuleType]) -> ModuleType:
    return load_script(repository / "tools/check_site.py")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("_static/a.css", "_static/a.js", "_images/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "index.html").write_text(GOOD)
    return tmp_path


def test_accepts_a_good_site(tool: ModuleType, site: Path) -> None:
    assert tool.check(site, ["index"]) == []
    assert tool.Page(GOOD).figures == 1


def test_reads_every_entry_of_the_table_of_contents(tool: ModuleType) -> None:
    toc = {
        "root": "book/index",
        "parts": [{"caption": "A", "chapters": [{"file": "a", "sections": [{"file": "b"}]}]}],
    }
    assert list(tool.toc_entries(toc)) == ["book/index", "a", "b"]


def test_notices_a_page_that_was_not_built(tool: ModuleType, site: Path) -> None:
    faults = tool.check(site, ["index", "notebooks/rankme.ipynb"])
    assert faults == ["notebooks/rankme.html is missing, which the table of contents names"]
    (site / "index.html").unlink()
    assert "index.html is missing" in tool.check(site, [])


@pytest.mark.parametrize(
    ("fragment", "fault"),
    [
        ('<img src="_images/a.png">', "says nothing: None"),
        ('<img src="_images/a.png" alt=" ">', "says nothing"),
        (f'<img src="_images/a.png" alt="../_images/{"0f" * 32}.svg">', "says nothing"),
        ('<img src="_images/a.png" alt="&lt;Figure size 640x480&gt;">', "says nothing"),
        ('<img src="_images/b.png" alt="curve">', "needs _images/b.png, which is not there"),
        ('<img src="https://x.org/a.png" alt="curve">', "fetches https://x.org/a.png"),
        ('<script src="//cdn.org/a"></script>', "fetches //cdn.org/a"),
        ('<link rel="preconnect" href="https://x.org">', "fetches https://x.org"),
        ("<style>@import 'https://x.org/a.css'</style>", "fetches https://x.org/a.css"),
        ('<p style="background: url(https://x.org/b)">', "fetches https://x.org/b"),
        ('<script>load("https://x.org/vega@5.js")</script>', "could fetch https://x.org/vega@5.js"),
        ('<div class="output traceback"></div>', "shows an error"),
        ('<div class="output stderr"></div>', "shows a warning"),
    ],
)
def test_notices_each_fault(tool: ModuleType, site: Path, fragment: str, fault: str) -> None:
    (site / "index.html").write_text(GOOD.replace("</body>", fragment + "</body>"))
    faults = tool.check(site, ["index"])
    assert len(faults) == 1
    assert fault in faults[0]


def test_looks_into_styles_and_scripts(tool: ModuleType, site: Path) -> None:
    (site / "_static/a.css").write_text("@font-face { src: url('https://x.org/f.woff2') }")
    (site / "_static/a.js").write_text('import("https://x.org/lib.mjs")')
    assert tool.check(site, []) == [
        "_static/a.css fetches https://x.org/f.woff2",
        "_static/a.js could fetch https://x.org/lib.mjs",
    ]
