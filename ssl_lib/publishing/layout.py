"""Where a book's sources, staged pages and HTML are."""

from dataclasses import dataclass
from pathlib import Path

from ssl_lib.errors import InputError, closest
from ssl_lib.paths import repository

__all__ = ["Book", "find"]


@dataclass(frozen=True, kw_only=True)
class Book:
    """The folders of one book.

    Parameters
    ----------
    root : pathlib.Path
        The folder that holds ``_config.yml``, ``_toc.yml``, ``book/`` and ``notebooks/``.

    Examples
    --------
    >>> Book(root=Path("here")).notebook("rankme").as_posix()
    'here/notebooks/rankme.ipynb'
    """

    root: Path

    @property
    def notebooks(self) -> Path:
        """The folder of the notebooks' sources."""
        return self.root / "notebooks"

    @property
    def pages(self) -> Path:
        """The folder of the prose."""
        return self.root / "book"

    @property
    def claims(self) -> Path:
        """The file of claims; a small book may have none."""
        return self.pages / "claims.yml"

    @property
    def results(self) -> Path:
        """The folder of published result tables."""
        return self.root / "results"

    @property
    def build(self) -> Path:
        """The folder that everything generated goes to."""
        return self.root / "_build"

    @property
    def stage(self) -> Path:
        """The tree that Sphinx reads: sources with executed notebooks in their places."""
        return self.build / "stage"

    @property
    def html(self) -> Path:
        """The folder of the built site."""
        return self.build / "html"

    def notebook(self, slug: str) -> Path:
        """Return the path of one notebook's source."""
        return self.notebooks / f"{slug}.ipynb"

    def slugs(self) -> list[str]:
        """Return the names of all notebooks, sorted."""
        return sorted(path.stem for path in self.notebooks.glob("*.ipynb"))

    def select(self, names: list[str] | None) -> list[str]:
        """Return the named notebooks, or all; refuse a name that is not a notebook's."""
        known = self.slugs()
        for name in names or []:
            if name not in known:
                raise InputError(f"there is no notebook {name!r}.{closest(name, known)}")
        return sorted(set(names)) if names else known


def find(root: Path | str | None = None) -> Book:
    """Return the book at `root`, by default that of the checkout the package runs from.

    Raises
    ------
    InputError
        When there is no book: the notebooks are not part of an installed package.
    """
    folder = Path(root) if root else repository() or Path.cwd()
    if not (folder / "_toc.yml").is_file():
        raise InputError(
            f"there is no book in {folder}: run this in a checkout of the repository, "
            "or name one with --root"
        )
    return Book(root=folder.resolve())
