"""The page on a reader's own model does what it shows."""

import doctest
import re

from ssl_lib.paths import repository


def test_examples_of_the_page() -> None:
    folder = repository()
    assert folder is not None
    page = folder / "book" / "own.md"
    blocks = re.findall(
        r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    source = "\n\n".join(blocks)
    test = doctest.DocTestParser().get_doctest(source, {}, page.name, str(page), 0)
    assert len(test.examples) > 30
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    said: list[str] = []
    outcome = runner.run(test, out=said.append)
    assert outcome.failed == 0, "".join(said)
