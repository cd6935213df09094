"""Check a built book: pages, figures, errors, and that a page fetches nothing from elsewhere.

Usage: python tools/check_site.py _build/html
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[1]
EXTERNAL = re.compile(r"(?:https?:)?//", re.IGNORECASE)
# Relations of <link> that make a browser fetch or connect; rel=canonical and the like do not.
FETCHED_LINKS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect"}
FETCHED_LINKS |= {"dns-prefetch", "manifest", "apple-touch-icon", "shortcut"}
FETCHED = {
    **dict.fromkeys(("img", "script", "iframe", "embed", "audio", "track", "input"), ("src",)),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "object": ("data",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
# Addresses of code or styles inside scripts: what a script could load when it runs.
LOADABLE = re.compile(r"https?://[^\s\"'`\\)<>]+\.(?:m?js|css|woff2?|json|wasm)\b[^\s\"'`\\)<>]*")
CSS_URL = re.compile(r"(?:url\(|@import\s)\s*[\"']?((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)
# Named in others' scripts and never fetched: the button for live code is off, and MathJax wants its
# own only in browsers without XPath. The browser run counts requests and so holds this list true.
NEVER_FETCHED = (
    "https://unpkg.com/thebe",
    "https://cdn.jsdelivr.net/npm/wicked-good-xpath",
)
BAD_ALT = re.compile(r"^$|^\s*$|[0-9a-f]{32}|^<Figure|\.(?:png|svg|jpe?g)$")
ERROR_OUTPUTS = {"traceback": "an error", "stderr": "a warning or message on stderr"}


class Page(HTMLParser):
    """What one page fetches, shows and says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.alts: list[str | None] = []
        self.figures = 0
        self.outputs: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag fetches and what kind of output it holds."""
        values = dict(attrs)
        self._inside = tag if tag in ("script", "style") else ""
        self.fetched += [url for url in _fetched(tag, values) if url]
        self.styles.append(values.get("style") or "")
        classes = (values.get("class") or "").split()
        if tag == "img":
            self.alts.append(values.get("alt"))
        self.figures += tag == "figure"
        if "output" in classes:
            self.outputs += [kind for kind in ERROR_OUTPUTS if kind in classes]

    def handle_data(self, data: str) -> None:
        """Keep the text of scripts and styles."""
        if self._inside:
            (self.scripts if self._inside == "script" else self.styles).append(data)


def _fetched(tag: str, values: dict[str, str | None]) -> list[str | None]:
    if tag == "link":
        relations = set((values.get("rel") or "").lower().split())
        return [values.get("href")] if relations & FETCHED_LINKS else []
    return [values.get(name) for name in FETCHED.get(tag, ())]


def toc_entries(toc: object) -> Iterator[str]:
    """Return every page that a table of contents names, the root first."""
    if isinstance(toc, dict):
        yield from (str(toc[key]) for key in ("root", "file") if key in toc)
        toc = list(toc.values())
    if isinstance(toc, list):
        for part in toc:
            yield from toc_entries(part)


def check_pages(site: Path, entries: list[str]) -> Iterator[str]:
    """Yield a line for each page of the table of contents that was not built."""
    if not (site / "index.html").is_file():
        yield "index.html is missing"
    for entry in entries:
        name = re.sub(r"\.(md|ipynb|rst)$", "", entry) + ".html"
        if not (site / name).is_file():
            yield f"{name} is missing, which the table of contents names"


def check_page(site: Path, path: Path) -> Iterator[str]:
    """Yield a line for each fault of one page."""
    text = path.read_text("utf-8")
    page = Page(text)
    for kind in page.outputs:
        yield f"shows {ERROR_OUTPUTS[kind]}"
    for alt in page.alts:
        if alt is None or BAD_ALT.search(alt):
            yield f"has an image whose alternative text says nothing: {alt!r}"
    for url in page.fetched:
        yield from _check_fetched(site, path, url)
    yield from (f"fetches {url}" for url in _external_in_css("\n".join(page.styles)))
    yield from (f"could fetch {url}" for url in _external_in_script("\n".join(page.scripts)))


def _check_fetched(site: Path, path: Path, url: str) -> Iterator[str]:
    if EXTERNAL.match(url):
        yield f"fetches {url}"
    elif not url.startswith(("data:", "#", "blob:")):
        relative = unquote(urlsplit(url).path)
        target = site / relative.lstrip("/") if relative.startswith("/") else path.parent / relative
        if not target.exists():
            yield f"needs {url}, which is not there"


def _external_in_css(text: str) -> list[str]:
    return CSS_URL.findall(text)


def _external_in_script(text: str) -> list[str]:
    return [url for url in LOADABLE.findall(text) if not url.startswith(NEVER_FETCHED)]


def check(site: Path, entries: list[str]) -> list[str]:
    """Return every fault of a site, one a line; none when it is as it should be."""
    faults = list(check_pages(site, entries))
    for path in sorted(site.rglob("*.html")):
        if "_static" not in path.relative_to(site).parts:
            name = path.relative_to(site)
            faults += [f"{name} {fault}" for fault in dict.fromkeys(check_page(site, path))]
    for path in sorted(site.rglob("*.css")):
        text = path.read_text("utf-8")
        faults += [f"{path.relative_to(site)} fetches {url}" for url in _external_in_css(text)]
    for path in sorted(site.rglob("*.js")):
        text = path.read_text("utf-8")
        urls = _external_in_script(text)
        faults += [f"{path.relative_to(site)} could fetch {url}" for url in dict.fromkeys(urls)]
    return faults


def main(arguments: list[str]) -> int:
    """Check the site that the command line names against _toc.yml."""
    site = Path(arguments[0])
    entries = list(toc_entries(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))))
    faults = check(site, entries)
    print("\n".join(f"error: {fault}" for fault in faults))
    pages = [Page(path.read_text("utf-8")) for path in site.rglob("*.html")]
    figures = sum(page.figures for page in pages)
    print(f"{len(entries)} pages, {figures} figures, {len(faults)} faults in {site}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
