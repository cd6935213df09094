"""Results that somebody typed into a text."""

import pytest

from ssl_lib.publishing import typed

SHOW = 'plotting.show(f, label="fig-a-b", caption={caption}, alt={alt}, data=d)'


def in_code(code):
    return list(typed.in_cell({"cell_type": "code", "source": code}))


def in_markdown(text):
    return list(typed.in_cell({"cell_type": "markdown", "source": text}))


@pytest.mark.parametrize(
    "text",
    [
        "Accuracy is 0.63 here.",
        "It rises by 12 %.",
        "It rises by 12.5% over all.",
        "Some 30 percent are lost.",
        "The paper has 0.5. Here it is 0.6.",
        "First.\n\nThen 1,024.5 of them.",
    ],
)
def test_a_typed_result_is_found(text):
    (problem,) = in_markdown(text)
    assert problem.startswith("a typed result: ")
    assert list(in_code(f"plotting.text(f'''{text}''')")) == [problem]


@pytest.mark.parametrize(
    "text",
    [
        "A 95 % t interval over 20 seeds.",
        "The paper reports 76.3 % (Table 2).",
        r"With $\epsilon = 10^{-7.5}$ and `0.5` of [it](http://a.b/1.5).",
        "```\n0.5\n```",
        "See section 4.2, Figure 3.1 and equation A.2.5.",
        "Half of them at a rate of 0.5. <!-- setting -->",
        "Python 3.11, CC BY-NC 4.0, 1,000 images.",
    ],
)
def test_what_is_no_result_is_left(text):
    assert in_markdown(text) == []


def test_computed_numbers_pass_and_typed_ones_beside_them_do_not():
    assert in_code('plotting.text(f"Lost: {lost:.1%} of 20.")') == []
    assert len(in_code('plotting.text(f"Lost: {lost:.1%} instead of 3.5.")')) == 1
    assert len(in_code('claims.brief("a", {}, profile=p, says="", here="So 3.5.", use="")')) == 1
    caption = '"Mean " + f"{x:.2f}" + ("; above 0.9" if x else ".")'
    assert len(in_code(SHOW.format(caption=caption, alt='"Bars."'))) == 1


def test_braces_that_nothing_computes_are_found():
    assert in_code('plotting.text(f"Lost: {lost:.1%}, in `{braces}`, $x_{i}$, {{0}}.")') == []
    (problem,) = in_code(SHOW.format(caption='"Lost: {lost}."', alt='"Bars."'))
    assert problem.startswith("{lost} is printed as it stands")
    joined = SHOW.format(caption='"A."', alt='f"Of {n}, " "ratio {words.spread(x, form)}."')
    assert "{words.spread(x, form)} is printed" in in_code(joined)[0]


@pytest.mark.parametrize(
    ("alt", "count"),
    [
        ('"Points near 3."', 1),
        ('"Two panels, 5 rows" if a else "None."', 1),
        ('f"{n} points on ResNet-18 and CIFAR-10, with 95 % intervals."', 0),
        ('"A curve that " + words.trend(values) + "."', 0),
    ],
)
def test_alternative_texts_hold_no_typed_digit(alt, count):
    assert len(in_code(SHOW.format(caption='"C."', alt=alt))) == count
