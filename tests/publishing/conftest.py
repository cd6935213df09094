"""A book small enough to be run and built in a test."""

import json
from pathlib import Path

import pytest

from ssl_lib.publishing.layout import Book

CONFIG = """
title: Mini
author: tests
logo: ""
execute: {execute_notebooks: "off"}
only_build_toc_files: true
repository: {url: https://github.com/tests/mini, branch: main}
sphinx:
  config:
    html_static_path: [book/_static]
    html_js_files: [figures.js]
    mathjax_path: mathjax/tex-chtml.js
"""

FIGURE = '''
from IPython.display import display
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="{}" height="5"/></svg>'
figure = {"label": "fig-good-bars", "caption": "Bars.", "alt": "two bars", "csv": "a,b\\n1,2\\n",
          "provenance": "computed here", "wide": False, "dark_svg": SVG.format(6)}
display({"image/svg+xml": SVG.format(seed), "text/plain": "two bars",
         "application/vnd.ssl-lib.figure+json": figure}, raw=True)
'''


def cell(kind: str, name: str, source: str, *tags: str) -> dict:
    made = {"cell_type": kind, "id": name, "source": source, "metadata": {"tags": list(tags)}}
    if kind == "code":
        made |= {"outputs": [], "execution_count": None}
    return made


def notebook(*cells: dict) -> dict:
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}


PARAMETERS = 'profile = "quick"  # how large\nseed = 5\nrate = 0.5\n'


def write_notebook(book: Book, slug: str, *cells: dict) -> None:
    book.notebooks.mkdir(parents=True, exist_ok=True)
    made = notebook(
        cell("markdown", "title", f"# The {slug} chapter\n\nBy us."),
        cell("code", "parameters", PARAMETERS, "parameters"),
        *cells,
    )
    book.notebook(slug).write_text(json.dumps(made))


def write_book(root: Path, *slugs: str) -> Book:
    book = Book(root=root)
    (book.pages / "_static").mkdir(parents=True)
    (book.pages / "_static" / "figures.js").write_text("// nothing\n")
    (book.pages / "index.md").write_text("# Mini\n\nSee {numref}`fig-good-bars`.\n\n$x^2$\n")
    (book.pages / "status.md").write_text(
        "# Status\n\n<!-- ssl_lib:runs -->\n\n<!-- ssl_lib:versions -->\n"
    )
    (root / "_config.yml").write_text(CONFIG)
    toc = {"format": "jb-book", "root": "book/index", "chapters": [{"file": "book/status"}]}
    toc["chapters"] += [{"file": f"notebooks/{slug}"} for slug in slugs]
    (root / "_toc.yml").write_text(json.dumps(toc))
    return book


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Caches and data of the test's own."""
    monkeypatch.setenv("SSL_LIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path / "data"))
    return tmp_path / "cache"
