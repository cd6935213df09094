import os
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.errors import InputError
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x import predictions as module

HEADER = "file_name,predicted_class,predicted_probability"
ROWS = [
    "ILSVRC2012_val_00000293.JPEG,394,0.5196555853",
    "ILSVRC2012_val_00002138.JPEG,0,0.9796582460000001",
    "ILSVRC2012_val_00000007.JPEG,12,1.0",
]


def write(tmp_path, text, name="mine.csv"):
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def text(*rows, header=HEADER):
    return "\n".join([header, *rows]) + "\n"


def careful(file, probabilities=True):
    """Read with the row-by-row reader alone."""
    columns = module._read_any(file, file.read_bytes(), probabilities)
    return ix.Predictions(
        name="careful",
        image_ids=columns.ids,
        classes=columns.classes,
        probabilities=columns.probabilities,
    )


def assert_same(a, b):
    assert (a.image_ids == b.image_ids).all()
    assert (a.classes == b.classes).all()
    assert (a.probabilities is None) == (b.probabilities is None)
    if a.probabilities is not None:
        assert (a.probabilities == b.probabilities).all()


def test_values(tmp_path):
    read = ix.load_predictions(write(tmp_path, text(*ROWS)), probabilities=True)
    assert read.name == "mine"
    assert read.image_ids.tolist() == [7, 293, 2138]
    assert read.classes.tolist() == [12, 394, 0]
    assert read.probabilities.tolist() == [1.0, 0.5196555853, 0.9796582460000001]


@pytest.mark.parametrize(
    "content",
    [
        text(*ROWS),
        text(*ROWS)[:-1],
        text(*ROWS).replace("\n", "\r\n"),
        "\ufeff" + text(*ROWS),
        text(*(row.replace("ILS", "val/n01/ILS") for row in ROWS)),
        text(*(row.replace("ILS", "val\\n01\\ILS") for row in ROWS)),
        text(*(f'"{row.replace(",", chr(34) + "," + chr(34))}"' for row in ROWS)),
        text(*ROWS, ""),
        text(*(row.replace(",", ", ") for row in ROWS)),
        text(*(row + ",x" for row in ROWS), header=HEADER + ",note"),
    ],
    ids=[
        "plain",
        "no-end",
        "crlf",
        "bom",
        "paths",
        "windows",
        "quoted",
        "blank",
        "spaces",
        "extra",
    ],
)
def test_layouts_that_mean_the_same(tmp_path, content):
    expected = ix.load_predictions(write(tmp_path, text(*ROWS)), probabilities=True)
    file = write(tmp_path, content, "other.csv")
    assert_same(ix.load_predictions(file, probabilities=True), expected)


def test_other_order_of_columns(tmp_path):
    file = write(tmp_path, "predicted_class,id,file_name\n5,9,ILSVRC2012_val_00000001.JPEG\n")
    assert ix.load_predictions(file).classes.tolist() == [5]


def test_rows_in_any_order(tmp_path, models, model_folder):
    lines = (model_folder / "first.csv").read_text().splitlines()
    np.random.default_rng(0).shuffle(body := lines[1:])
    shuffled = write(tmp_path, "\n".join([lines[0], *body]))
    assert_same(ix.load_predictions(shuffled), ix.load_predictions(model_folder / "first.csv"))
    assert (ix.load_predictions(shuffled).classes == models[0].classes).all()


def test_fast_reader_is_used_and_equals_the_careful_one(model_folder):
    file = model_folder / "first.csv"
    buffer, size = module._read_bytes(file)
    fast = module._read_plain(buffer, size, True)
    assert fast is not None
    expected = careful(file)
    assert (fast.ids == expected.image_ids).all()
    assert (fast.classes == expected.classes).all()
    assert (fast.probabilities == expected.probabilities).all()


GOOD = text(*ROWS).encode()


@settings(max_examples=300, deadline=None)
@given(
    place=st.integers(0, len(GOOD) - 1),
    byte=st.one_of(st.sampled_from(b'0123456789,.\n"-+eE xJG_'), st.integers(0, 255)),
    cut=st.integers(0, 2),
    probabilities=st.booleans(),
)
def test_fast_reader_never_disagrees(tmp_path_factory, place, byte, cut, probabilities):
    """Change, drop or insert one byte anywhere: same predictions, or the careful reader decides."""
    content = GOOD[:place] + bytes([byte]) * (cut > 0) + GOOD[place + (cut < 2) :]
    file = write(tmp_path_factory.mktemp("changed"), content)
    fast = module._read_plain(*module._read_bytes(file), probabilities)
    if fast is not None:
        expected = careful(file, probabilities)
        assert (fast.ids == expected.image_ids).all()
        assert (fast.classes == expected.classes).all()
        if probabilities:
            assert (fast.probabilities == expected.probabilities).all()


WRONG = {
    "empty": ("", "the file is empty; the first line must be file_name,predicted_class"),
    "blank": ("\n\n", "the file is empty"),
    "header-only": (HEADER + "\n", "no rows after the header"),
    "no-header": (
        text(*ROWS[1:], header=ROWS[0]),
        "line 1: the header .* has no column 'file_name'",
    ),
    "wrong-header": (text(*ROWS, header="name,class,p"), "has no column 'file_name'"),
    "twice-header": (text(*ROWS, header="file_name,predicted_class,file_name"), "more than one"),
    "unknown": (text(ROWS[0], "cat.jpg,3,0.5"), "line 3: unknown file name 'cat.jpg'"),
    "train": (text("n01440764_10026.JPEG,3,0.5"), "line 2: unknown file name"),
    "number-0": (text("ILSVRC2012_val_00000000.JPEG,3,0.5"), "line 2: unknown .* 1 to 50000"),
    "number-50001": (text(*ROWS, "ILSVRC2012_val_00050001.JPEG,3,0.5"), "line 5: unknown"),
    "twice": (text(*ROWS, ROWS[1]), "line 5: ILSVRC2012_val_00002138.JPEG is already on line 3"),
    "class-1000": (
        text(ROWS[0].replace("394", "1000")),
        "line 2: predicted_class '1000' must be a",
    ),
    "class-negative": (text(ROWS[0].replace("394", "-1")), "line 2: predicted_class '-1'"),
    "class-fraction": (text(ROWS[0].replace("394", "3.0")), "line 2: predicted_class '3.0'"),
    "class-empty": (text(ROWS[0].replace("394", "")), "line 2: predicted_class ''"),
    "class-name": (text(ROWS[0].replace("394", "tench")), "whole number from 0 to 999"),
    "class-arabic": (text(ROWS[0].replace("394", "٣")), "whole number from 0 to 999"),
    "short-row": (
        text(ROWS[0], "ILSVRC2012_val_00000001.JPEG,3"),
        "line 3: 2 cells, but the header",
    ),
    "long-row": (text(ROWS[0] + ",4"), "line 2: 4 cells, but the header has 3"),
    "not-text": (b"\x89PNG\r\n\x1a\n\xff\xfe", "not a text file"),
    "nul": (text(ROWS[0], "\0"), "line 3"),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_wrong_files(tmp_path, content, message):
    file = write(tmp_path, content)
    with pytest.raises(InputError, match=message) as caught:
        ix.load_predictions(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["1.1", "-0.1", "nan", "", "high", "inf"])
def test_wrong_probabilities(tmp_path, value):
    file = write(tmp_path, text(ROWS[0], f"ILSVRC2012_val_00000001.JPEG,3,{value}"))
    with pytest.raises(InputError, match=r"line 3: predicted_probability .* from 0 to 1"):
        ix.load_predictions(file, probabilities=True)
    assert len(ix.load_predictions(file)) == 2


def test_probabilities_need_their_column(tmp_path):
    file = write(tmp_path, "file_name,predicted_class\nILSVRC2012_val_00000001.JPEG,3\n")
    with pytest.raises(InputError, match="has no column 'predicted_probability'"):
        ix.load_predictions(file, probabilities=True)


def test_absent_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        ix.load_predictions(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="directory"):
        ix.load_predictions(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe(tmp_path, model_folder):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = (model_folder / "second.csv").read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    read = ix.load_predictions(pipe)
    writer.join()
    assert_same(read, ix.load_predictions(model_folder / "second.csv"))


@pytest.mark.parametrize(
    ("ids", "classes", "message"),
    [
        ([1, 1], [0, 0], "image 1 occurs twice"),
        ([1, 2], [0], "equally long"),
        ([1.0], [0], "image_ids must be integers"),
        ([1], [0.5], "classes must be integers"),
        ([1], [1000], "0 to 999"),
    ],
)
def test_wrong_arrays(ids, classes, message):
    with pytest.raises(InputError, match=message):
        ix.Predictions(name="a", image_ids=np.array(ids), classes=np.array(classes))


def test_names_of_the_copies_on_hugging_face(tmp_path):
    rows = ("val/ILSVRC2012_val_00000293_n01440764.JPEG,0", "ILSVRC2012_val_00002138_n01443537,1")
    file = write(tmp_path, "\n".join(["file_name,predicted_class", *rows, ""]))
    found = ix.load_predictions(file)
    assert (found.image_ids.tolist(), found.classes.tolist()) == ([293, 2138], [0, 1])
    for name in (
        "ILSVRC2012_val_00000293_01440764.JPEG",
        "ILSVRC2012_val_00000293_n0144076.JPEG",
        "ILSVRC2012_val_00000293_n01440764_1.JPEG",
        "ILSVRC2012_val_٠٠٠٠٠٢٩٣.JPEG",
        "xILSVRC2012_val_00000293.JPEG",
    ):
        assert ix.predictions.image_number(name) is None


def test_predictions_take_lists_and_refuse_odd_probabilities():
    one = ix.Predictions(name="m", image_ids=[3, 1], classes=[5, 6], probabilities=[0.1, 0.9])
    assert (one.image_ids.tolist(), one.classes.tolist()) == ([1, 3], [6, 5])
    assert one.probabilities.tolist() == [0.9, 0.1]
    assert len(ix.Predictions(name="m", image_ids=[], classes=[])) == 0
    for values, message in (([0.5], "2 classes but prob"), ([0.5, 1.1], "from 0 to 1")):
        with pytest.raises(InputError, match=message):
            ix.Predictions(name="m", image_ids=[1, 2], classes=[5, 6], probabilities=values)
