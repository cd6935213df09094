from types import SimpleNamespace

import pytest

from ssl_lib.publishing import references


def resolve(target, objects, domain="py"):
    """Return what a reference resolves to when these names are documented."""
    node = {"refdomain": domain, "reftarget": target, "refdoc": "page"}
    env = SimpleNamespace(get_domain=lambda name: SimpleNamespace(objects=objects))
    builder = SimpleNamespace(get_relative_uri=lambda a, b: f"{b}.html")
    from docutils import nodes

    text = nodes.literal(text="text")
    found = references.resolve(SimpleNamespace(builder=builder), env, node, text)
    return "plain" if found is text else found and found["refuri"]


def entry(name):
    return SimpleNamespace(docname="api", node_id=name)


def test_a_name_documented_where_it_is_defined_is_found_by_its_import_path():
    name = "ssl_lib.results.origin.Result"
    target = "ssl_lib.results.Result"
    assert resolve(target, {name: entry(name)}) == f"api.html#{name}"


def test_a_name_documented_by_its_import_path_is_found_where_it_is_defined():
    alias = "ssl_lib.results.Result"
    assert resolve("ssl_lib.results.origin.Result", {alias: entry(alias)}) == f"api.html#{alias}"


def test_another_thing_of_the_same_name_is_not_taken_for_it():
    other = "ssl_lib.publishing.shelf.Run"
    assert resolve("ssl_lib.results.Store", {other: entry(other)}) == "plain"


def test_what_exists_undocumented_is_plain_and_what_does_not_is_broken():
    assert resolve("ssl_lib.errors.InputError", {}) == "plain"
    assert resolve("ssl_lib.errors.Nothing", {}) is None
    assert resolve("torch.Tensor", {}) is None
    assert resolve("ssl_lib.errors.InputError", {}, domain="std") is None


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("an array (n, *shape)", r"an array (n, \*shape)"),
        ("an *emphasis* stays", "an *emphasis* stays"),
        ("a literal ``(*batch, d)`` stays", "a literal ``(*batch, d)`` stays"),
        (">>> f(*args)", ">>> f(*args)"),
        ("sum of |1[y = n] - m| over", r"sum of \|1[y = n] - m| over"),
        ("a role :math:`|x|` stays", "a role :math:`|x|` stays"),
        ("int | None or a | b", "int | None or a | b"),
        ("    |a - b| <= 1", r"    \|a - b| <= 1"),
        ("| a line block", "| a line block"),
        ("    .. math:: |x| x^*y", "    .. math:: |x| x^*y"),
        (".. [2] A paper.", ".. [#name-2] A paper."),
        ("see [2]_ there", "see [#name-2]_ there"),
        ("x[2] is an index", "x[2] is an index"),
    ],
)
def test_docstrings_are_made_safe_for_a_page_of_many(line, wanted):
    lines = [line]
    references.prepare(None, "function", "name", None, None, lines)
    assert lines == [wanted]


def test_formulas_are_left_alone():
    lines = [".. math::", "", "   |x|^*y", "", "Then |x| and [1]_."]
    references.prepare(None, "function", "name", None, None, lines)
    assert lines == [".. math::", "", "   |x|^*y", "", r"Then \|x| and [#name-1]_."]
