"""The cells that every notebook opens with."""

import tomllib

from ssl_lib.publishing.layout import Book

__all__ = ["PICTURE", "WORDS", "badge", "install_cell", "repository_url"]

#: The badge as GitHub and Jupyter show it, and the words that stand for it on the book's pages,
#: which load nothing from elsewhere.
PICTURE = "![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)"
WORDS = "Open in Colab"
_BRANCH = "main"


def repository_url(book: Book) -> str:
    """Return the repository's address, which ``pyproject.toml`` alone decides."""
    project = tomllib.loads((book.root / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["urls"]["Repository"]).rstrip("/")


def badge(url: str, slug: str) -> str:
    """Return the link that opens a notebook in Colab.

    Examples
    --------
    >>> print(badge("https://github.com/owner/name", "rankme"))
    [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/owner/name/blob/main/notebooks/rankme.ipynb)
    """
    name = url.removeprefix("https://github.com/")
    target = (
        f"https://colab.research.google.com/github/{name}/blob/{_BRANCH}/notebooks/{slug}.ipynb"
    )
    return f"[{PICTURE}]({target})"


def install_cell(url: str) -> str:
    """Return the code that installs the library where it is missing, as on Colab.

    Examples
    --------
    >>> print(install_cell("https://github.com/owner/name"))
    # Installs the library where it is missing, for example on Colab.
    import importlib.util
    <BLANKLINE>
    if importlib.util.find_spec("ssl_lib") is None:
        %pip install -q "ssl_lib @ git+https://github.com/owner/name"
    """
    return (
        "# Installs the library where it is missing, for example on Colab.\n"
        "import importlib.util\n"
        "\n"
        'if importlib.util.find_spec("ssl_lib") is None:\n'
        f'    %pip install -q "ssl_lib @ git+{url}"'
    )
