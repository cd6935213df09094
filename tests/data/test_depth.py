"""Pixels of more than eight bits: sixteen are scaled, others refused by name."""

import io
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ssl_lib.data import load
from ssl_lib.errors import InputError

DEEP = np.linspace(0, 65535, 256).reshape(16, 16).astype(np.uint16)
SHALLOW = np.rint(DEEP / 257).astype(np.uint8)


def png(array):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format="png")
    return stream.getvalue()


def pgm(array, largest=65535):
    kind = ">u2" if largest > 255 else "u1"
    return f"P5 16 16 {largest}\n".encode() + array.astype(kind).tobytes()


def tiff(array):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format="tiff")
    return stream.getvalue()


def raw_tiff(data, order, *, photometric=1, bits=16):
    """Write a TIFF by hand: PIL writes neither all byte orders nor other meanings of black."""
    entries = [
        (256, 16), (257, 16), (258, bits), (259, 1), (262, photometric),
        (273, 8), (277, 1), (278, 16), (279, len(data)),
    ]  # fmt: skip
    table = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in entries)
    mark = b"II" if order == "<" else b"MM"
    header = mark + struct.pack(f"{order}HI", 42, 8 + len(data))
    return header + data + struct.pack(f"{order}H", len(entries)) + table + bytes(4)


SIXTEEN = {
    "png": png(DEEP),
    "pgm": pgm(DEEP),
    "tif": tiff(DEEP),
    "tiff": raw_tiff(DEEP.astype(">u2").tobytes(), ">"),
    "TIF": raw_tiff((65535 - DEEP).astype("<u2").tobytes(), "<", photometric=0),
}


@pytest.mark.parametrize("ending", SIXTEEN)
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_scale_to_eight(tmp_path, ending, channels):
    (tmp_path / f"a.{ending}").write_bytes(SIXTEEN[ending])
    data = load(tmp_path, channels=channels)
    for channel in data.images[0].numpy():
        np.testing.assert_array_equal(channel, SHALLOW)


def test_sixteen_bits_in_parquet(tmp_path):
    cells = [{"bytes": SIXTEEN[kind], "path": None} for kind in ("png", "pgm", "tif")]
    pq.write_table(pa.table({"image": cells, "label": [0, 1, 0]}), tmp_path / "a.parquet")
    images = load(tmp_path / "a.parquet", channels=1).images.numpy()
    np.testing.assert_array_equal(images[:, 0], np.stack([SHALLOW] * 3))


def test_eight_bits_written_as_sixteen_come_back(tmp_path):
    exact = np.arange(256).reshape(16, 16)
    (tmp_path / "a.png").write_bytes(png((exact * 257).astype(np.uint16)))
    np.testing.assert_array_equal(load(tmp_path, channels=1).images[0, 0], exact)


def test_a_pgm_of_ten_bits_is_scaled_by_its_own_largest_value(tmp_path):
    (tmp_path / "a.pgm").write_bytes(pgm(DEEP // 64, largest=1023))
    found = load(tmp_path, channels=1).images[0, 0].numpy().astype(int)
    assert np.abs(found - (DEEP // 64) / 1023 * 255).max() <= 0.51


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tiff(DEEP.astype(np.int32)), "pixels of 32 or signed bits"),
        (tiff((DEEP / 65535).astype(np.float32)), "floating-point pixels"),
        (raw_tiff(bytes(16 * 16 * 12 // 8), "<", bits=12), "pixels of 12 bits"),
    ],
)
def test_what_has_no_known_white_is_refused_by_name(tmp_path, content, said):
    (tmp_path / "scan.tif").write_bytes(content)
    with pytest.raises(InputError, match=rf"scan\.tif: {said}.*8 or 16 bits a channel"):
        load(tmp_path)


def test_orientation_tags_are_not_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    wide = np.zeros((8, 16, 3), np.uint8)
    Image.fromarray(wide).save(tmp_path / "a.jpg", exif=exif)
    assert load(tmp_path).shape == (3, 8, 16)
