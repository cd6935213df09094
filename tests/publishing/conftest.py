"""A book small enough to be run and built in a test."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ssl_lib.publishing import headers
from ssl_lib.publishing.layout import Book

URL = "https://github.com/tests/mini"
PYPROJECT = f'[project]\nname = "mini"\n[project.urls]\nRepository = "{URL}"\n'
CONFIG = f"""
title: Mini
author: tests
logo: ""
execute: {{execute_notebooks: "off"}}
only_build_toc_files: true
repository: {{url: {URL}, branch: main}}
launch_buttons: {{colab_url: https://colab.research.google.com}}
sphinx:
  config:
    html_context: {{default_mode: auto}}
    html_static_path: [book/_static]
    html_js_files: [figures.js]
    mathjax_path: mathjax/tex-chtml.js
"""
PARAMETERS = 'profile = "quick"  # how large\nseed = 0\ndevice = "auto"\nrate = 0.5'
FIGURE = """
from IPython.display import display
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="{}"/></svg>'
figure = {"label": "fig-good-bars", "caption": "Two *bars*.", "alt": "two bars", "wide": False,
          "csv": "a,b\\n1,2\\n", "provenance": "computed here", "dark": "bars-dark"}
display({"image/svg+xml": SVG.format(seed), "text/plain": "two bars",
         "application/vnd.ssl-lib.figure+json": figure}, raw=True)
"""


def cell(kind: str, name: str, source: str, *tags: str) -> dict[str, Any]:
    made: dict[str, Any] = {"cell_type": kind, "id": name, "source": source, "metadata": {}}
    if tags:
        made["metadata"] = {"tags": list(tags)}
    if kind == "code":
        made |= {"outputs": [], "execution_count": None}
    return made


def notebook(slug: str, *cells: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    opening = [
        cell("markdown", "title", f"# The {slug} chapter\n\nBy us. {headers.badge(URL, slug)}"),
        cell("code", "install", headers.install_cell(URL), "remove-cell"),
        cell("code", "parameters", PARAMETERS, "parameters"),
    ]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": metadata,
        "cells": [*opening, *cells],
    }


def write_notebook(book: Book, slug: str, *cells: dict[str, Any]) -> dict[str, Any]:
    book.notebooks.mkdir(parents=True, exist_ok=True)
    made = notebook(slug, *cells)
    book.notebook(slug).write_text(json.dumps(made))
    return made


def write_book(root: Path, *slugs: str) -> Book:
    """Write all of a book but its notebooks."""
    book = Book(root=root)
    (book.pages / "_static").mkdir(parents=True)
    (book.pages / "_static" / "figures.js").write_text("// nothing\n")
    (book.pages / "index.md").write_text("# Mini\n\nSee {numref}`fig-good-bars`: $x^2$.\n")
    (book.pages / "status.md").write_text(
        "# Status\n\n<!-- ssl_lib:runs -->\n\n<!-- ssl_lib:versions -->\n"
    )
    (root / "_config.yml").write_text(CONFIG)
    (root / "pyproject.toml").write_text(PYPROJECT)
    chapters = [{"file": "book/status"}, *({"file": f"notebooks/{slug}"} for slug in slugs)]
    toc = {"format": "jb-book", "root": "book/index", "chapters": chapters}
    (root / "_toc.yml").write_text(json.dumps(toc))
    return book


def command(*arguments: str, cache: Path, **variables: str) -> dict[str, Any]:
    """Return what starts ``ssl-lib`` as a process with a cache of its own."""
    environment = {**os.environ, "SSL_LIB_CACHE": str(cache), **variables}
    environment["SSL_LIB_DATA"] = str(cache / "data")
    return {"args": [sys.executable, "-m", "ssl_lib.cli", *arguments], "env": environment}


def call(*arguments: str, cache: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    started = command(*arguments, cache=cache, **variables)
    return subprocess.run(**started, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """What makes small books and runs the command line on them."""
    return SimpleNamespace(
        cell=cell,
        notebook=notebook,
        write_notebook=write_notebook,
        write_book=write_book,
        command=command,
        call=call,
        figure=FIGURE,
        parameters=PARAMETERS,
    )


@pytest.fixture
def figure_cell(kit: SimpleNamespace) -> Callable[..., dict[str, Any]]:
    """Return a maker of executed cells that show a figure."""

    def make(label: str = "fig-good-bars", **changes: Any) -> dict[str, Any]:
        description = {
            "label": label,
            "caption": "Two bars.",
            "alt": "two bars",
            "csv": "a,b\n1,2\n",
            "provenance": "computed here",
            "wide": False,
            "dark": f"{label}-dark",
        } | changes
        bundle = {
            "application/vnd.ssl-lib.figure+json": description,
            "image/svg+xml": "<svg>#a:target{--c1:#fff}</svg>",
            "image/png": "AAAA",
            "text/plain": "two bars",
        }
        shown = {"output_type": "display_data", "data": bundle, "metadata": {}}
        text = {"text/markdown": "Two bars.", "application/vnd.ssl-lib.caption+json": label}
        caption = {"output_type": "display_data", "data": text, "metadata": {}}
        source = f"plotting.show(fig, label='{label}', caption='c', alt='a', data=table)"
        return kit.cell("code", "bars", source, "thumb") | {"outputs": [shown, caption]}

    return make
