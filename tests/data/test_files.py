"""Parquet files, class folders and the cache of decoded pixels."""

import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from ssl_lib.data import decode, load
from ssl_lib.errors import InputError, MissingData
from ssl_lib.results import Store


def png(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format="png")
    return stream.getvalue()


def random_images(n, size=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def write_parquet(path, images, labels, *, names=None, columns=("image", "label"), **options):
    cells = [
        {"bytes": cell if isinstance(cell, bytes | None) else png(cell), "path": f"{k}.png"}
        for k, cell in enumerate(images)
    ]
    image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({columns[0]: pa.array(cells, image_type), columns[1]: pa.array(labels)})
    if names:
        features = {columns[1]: {"names": list(names), "_type": "ClassLabel"}}
        note = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": note})
    pq.write_table(table, path, **options)
    return path


@pytest.fixture
def shard(tmp_path):
    return write_parquet(
        tmp_path / "train.parquet", random_images(30), [k % 3 for k in range(30)], names="abc"
    )


def test_parquet_comes_back_pixel_by_pixel(shard):
    data = load(shard)
    expected = torch.from_numpy(random_images(30)).permute(0, 3, 1, 2)
    assert torch.equal(data.images, expected)
    assert data.labels.tolist() == [k % 3 for k in range(30)]
    assert data.class_names == ("a", "b", "c")
    assert data.source == "30 images in train.parquet"


def test_shards_columns_and_names_of_ones_own(tmp_path):
    columns = ("img", "fine_label")
    for k in range(2):
        write_parquet(
            tmp_path / f"train-{k}.parquet", random_images(5, seed=k), [k] * 5, columns=columns
        )
    write_parquet(tmp_path / "test.parquet", random_images(4), [0] * 4, columns=columns)
    train = load(tmp_path, split="train")
    assert train.labels.tolist() == [0] * 5 + [1] * 5
    assert train.class_names == ("0", "1")
    assert len(load(tmp_path)) == 14
    named = load(tmp_path, split="train", class_names=["yes", "no"])
    assert named.class_names == ("yes", "no")
    with pytest.raises(InputError, match=r"starts with 'valid': test\.parquet"):
        load(tmp_path, split="valid")


def test_binary_columns_and_grey_images(tmp_path):
    image = random_images(1)[0, ..., 0]
    table = pa.table({"image": pa.array([png(image)], pa.binary()), "label": [0]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert load(tmp_path / "a.parquet").images.shape == (1, 3, 8, 8)
    grey = load(tmp_path / "a.parquet", channels=1)
    assert torch.equal(grey.images[0, 0], torch.from_numpy(image))


def damaged(path, change):
    path.write_bytes(change(path.read_bytes()))
    return path


def test_a_truncated_file_is_named(shard):
    with pytest.raises(InputError, match=r"train\.parquet is truncated, or is no parquet file"):
        load(damaged(shard, lambda content: content[:-20]))


def test_a_foreign_file_is_named(tmp_path):
    (tmp_path / "cats.parquet").write_text("image,label\n1,2\n")
    with pytest.raises(InputError, match=r"cats\.parquet is truncated, or is no parquet file"):
        load(tmp_path / "cats.parquet")


def test_a_file_that_lost_its_middle_is_one_clear_error(shard):
    def wipe(content):
        return content[:60] + bytes(len(content) - 1100) + content[60 + len(content) - 1100 :]

    with pytest.raises(InputError, match=r"train\.parquet"):
        load(damaged(shard, wipe))


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (("picture", "label"), {}, "no column 'image' or 'img'; its columns are picture, label"),
        (("image", "class"), {"label_column": "label"}, "choose one by label_column="),
        (("image", "label"), {"image_column": "photo"}, "no column 'photo'"),
        (("image", "label"), {"label_column": "image"}, "not integer labels"),
    ],
)
def test_a_missing_column_is_named_with_what_is_there(tmp_path, columns, options, message):
    path = write_parquet(tmp_path / "a.parquet", random_images(2), [0, 1], columns=columns)
    with pytest.raises(InputError, match=message):
        load(path, **options)


@pytest.mark.parametrize("bad", [b"no image at all", None, png(random_images(1)[0])[:80]])
def test_an_image_that_cannot_be_decoded_is_named_by_its_row(tmp_path, bad):
    images = [*random_images(7), bad, *random_images(2)]
    path = write_parquet(tmp_path / "a.parquet", images, [0] * 10, row_group_size=3)
    with pytest.raises(InputError, match=r"row 7 of .*a\.parquet: (no image|the image cannot)"):
        load(path)


@pytest.mark.parametrize(("label", "says"), [(3, "label 3"), (-1, "label -1")])
def test_a_label_out_of_range_is_named_by_its_row(tmp_path, label, says):
    path = write_parquet(tmp_path / "a.parquet", random_images(3), [0, label, 1], names="abc")
    with pytest.raises(InputError, match=f"row 1 of .* {says}; labels go from 0 to 2"):
        load(path)


def test_a_missing_label_is_named_by_its_row(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", random_images(3), [0, None, 1])
    with pytest.raises(InputError, match=r"row 1 of .* has no label"):
        load(path)


def test_shards_that_name_other_classes_are_refused(tmp_path):
    write_parquet(tmp_path / "a.parquet", random_images(2), [0, 1], names="ab")
    write_parquet(tmp_path / "b.parquet", random_images(2), [0, 1], names="ba")
    with pytest.raises(InputError, match="names other classes"):
        load(tmp_path)


def test_mixed_sizes_need_a_size(tmp_path):
    images = [random_images(1, size)[0] for size in (8, 8, 12)]
    path = write_parquet(tmp_path / "a.parquet", images, [0, 0, 0])
    with pytest.raises(InputError, match=r"row 2 .*12 x 12 pixels, .* 8 x 8: give size="):
        load(path)
    assert load(path, size=10).shape == (3, 10, 10)


def test_resizing_cuts_out_the_centre(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    data = load(write_parquet(tmp_path / "a.parquet", [wide], [0]), size=10)
    assert torch.equal(data.images, torch.full((1, 3, 10, 10), 200, dtype=torch.uint8))


def write_folders(root, sizes):
    for name, size in sizes.items():
        (root / name / "deep").mkdir(parents=True)
        for k in range(size):
            place = root / name / ("deep" if k % 2 else "") / f"{k}.png"
            place.write_bytes(png(random_images(1, seed=hash_of(name, k))[0]))


def hash_of(name, k):
    return sum(map(ord, name)) * 100 + k


def test_class_folders(tmp_path):
    write_folders(tmp_path / "train", {"cat": 3, "dog": 2})
    (tmp_path / "train" / "cat" / "notes.txt").write_text("not an image")
    data = load(tmp_path, split="train")
    assert data.class_names == ("cat", "dog")
    assert data.labels.tolist() == [0, 0, 0, 1, 1]
    assert torch.equal(data.images, load(tmp_path / "train").images)
    first = torch.from_numpy(random_images(1, seed=hash_of("cat", 0))[0]).permute(2, 0, 1)
    assert torch.equal(data.images[0], first)


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "val", "Testing")])
@pytest.mark.parametrize("inside", ["cat", "."])
def test_splits_are_no_classes(tmp_path, names, inside):
    for name in names:
        folder = tmp_path / name / inside
        folder.mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(folder / "0.png")
    (tmp_path / ".cache").mkdir()
    with pytest.raises(InputError, match=rf"holds splits .*, not classes: .*{names[0]}"):
        load(tmp_path)
    assert load(tmp_path, split=names[0]).class_names == (("cat",) if inside == "cat" else ())
    for name in names[1:]:
        (tmp_path / name).rename(tmp_path / f"a {name}")
    renamed = [f"a {name}" for name in names[1:]]
    assert load(tmp_path).class_names == tuple(sorted([names[0], *renamed]))


def test_folders_without_images(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images: expected a folder for each class"):
        load(tmp_path / "empty")
    write_folders(tmp_path / "one", {"cat": 2, "dog": 0})
    with pytest.raises(InputError, match="class folder 'dog' holds no images"):
        load(tmp_path / "one")
    with pytest.raises(InputError, match="has no sub-folder 'train'"):
        load(tmp_path / "one", split="train")


def test_what_is_hidden_is_no_part_of_the_data(tmp_path):
    write_folders(tmp_path, {"cat": 3, "dog": 2})
    expected = load(tmp_path)
    checkpoints = tmp_path / "cat" / ".ipynb_checkpoints"
    checkpoints.mkdir()
    (checkpoints / "0-checkpoint.png").write_bytes(png(random_images(1)[0]))
    (tmp_path / "dog" / "._0.png").write_bytes(b"a resource fork")
    (tmp_path / ".cache").mkdir()
    data = load(tmp_path)
    assert data.labels.tolist() == [0, 0, 0, 1, 1]
    assert data.fingerprint == expected.fingerprint


def test_links_are_followed_once(tmp_path):
    write_folders(tmp_path / "here", {"cat": 2})
    write_folders(tmp_path / "there", {"dog": 3, "more": 4})
    (tmp_path / "here" / "dog").symlink_to(tmp_path / "there" / "dog")
    (tmp_path / "here" / "cat" / "more").symlink_to(tmp_path / "there" / "more")
    (tmp_path / "here" / "cat" / "loop").symlink_to(tmp_path / "here")
    (tmp_path / "here" / "cat" / "a.png").symlink_to(tmp_path / "there" / "dog" / "0.png")
    data = load(tmp_path / "here")
    # The loop leads to the other class once, and no further.
    assert data.counts().tolist() == [2 + 4 + 1 + 3, 3]


def test_what_only_looks_like_an_image(tmp_path):
    write_folders(tmp_path, {"cat": 2})
    (tmp_path / "cat" / "x.png").mkdir()
    assert len(load(tmp_path)) == 2
    (tmp_path / "cat" / "y.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(InputError, match=r"cat/y\.png is a link that leads nowhere"):
        load(tmp_path)


def test_a_damaged_page_is_one_clear_error(tmp_path):
    path = write_parquet(
        tmp_path / "a.parquet", random_images(300), [0] * 300, compression="snappy"
    )
    content = bytearray(path.read_bytes())
    content[20_000:22_000] = b"\xff" * 2000
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.parquet: row group 0 of column 'image' cannot be"):
        load(path)
    pieces = [{"file": str(path), "column": "image", "start": 0, "stop": 300}]
    with pytest.raises(InputError, match="row group 0 of column 'image' cannot be read"):
        decode.decode_images(pieces, tmp_path / "o.npy", size=8, channels=3, workers=2)


@pytest.mark.parametrize(
    ("key", "options", "message"),
    [
        ("", {}, "a data set is a name or a path; got ''"),
        ("digits/", {}, "unknown data set 'digits/', and no such file. Did you mean 'digits'"),
        ("digits", {"size": 8.5}, "size must be positive, a whole number of pixels; got 8.5"),
    ],
)
def test_names_and_sizes_that_cannot_be(key, options, message):
    with pytest.raises(InputError, match=message):
        load(key, **options)


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_images_have_one_or_three_channels(shard, channels):
    with pytest.raises(InputError, match=rf"channels must be 1 .* or 3 .*; got {channels}"):
        load(shard, channels=channels)


def test_a_cache_that_cannot_be_used_is_one_clear_error(shard, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SSL_LIB_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot write to .*images \(Not a directory\): set SSL"):
        load(shard)
    with pytest.raises(InputError, match=r"cannot write to .* \(Not a directory\): set SSL_LIB_CA"):
        Store().table("x", lambda config: None, {})


def test_pixels_of_an_older_decoder_are_made_again(shard, monkeypatch, tmp_path):
    folder = images_folder(monkeypatch, tmp_path)
    expected = load(shard).images.clone()
    (npy,), (note,) = folder.glob("*.npy"), folder.glob("*.json")
    np.load(npy, mmap_mode="r+")[:] = 255
    note.write_text(json.dumps({"crc32": decode._checksum(npy), "images": 30}))
    assert torch.equal(load(shard).images, expected)


def test_unknown_names():
    with pytest.raises(InputError, match="Did you mean 'tiny-imagenet'"):
        load("tinyimagenet")
    with pytest.raises(InputError, match="unexpected keyword argument 'colour'"):
        load("digits", colour=True)
    with pytest.raises(InputError, match=r"digits has no split 'tset'\. Did you mean 'test'"):
        load("digits", split="tset")
    with pytest.raises(InputError, match="size must be positive"):
        load("digits", size=0)


def images_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_LIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


def test_pixels_are_decoded_once(shard, monkeypatch, tmp_path):
    folder = images_folder(monkeypatch, tmp_path)
    first = load(shard)
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".npy"]
    monkeypatch.setattr(decode, "decode_images", lambda *args, **kwargs: pytest.fail("decoded"))
    again = load(shard)
    assert torch.equal(first.images, again.images)
    assert again.fingerprint == first.fingerprint
    again.images.zero_()  # a mapped copy: the cache keeps its pixels
    assert torch.equal(load(shard).images, first.images)


def test_other_bytes_other_size_other_entry(shard, monkeypatch, tmp_path):
    folder = images_folder(monkeypatch, tmp_path)
    prints = {load(shard).fingerprint, load(shard, size=4).fingerprint}
    write_parquet(shard, random_images(30, seed=1), [k % 3 for k in range(30)], names="abc")
    prints.add(load(shard).fingerprint)
    write_parquet(shard, random_images(30, seed=1), [0] * 30, names="abc")
    prints.add(load(shard).fingerprint)
    assert len(prints) == 4
    assert len(list(folder.glob("*.npy"))) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda npy, note: npy.write_bytes(npy.read_bytes()[:-5]),
        lambda npy, note: npy.write_bytes(npy.read_bytes()[:-1] + b"?"),
        lambda npy, note: npy.write_bytes(b""),
        lambda npy, note: note.write_text("{"),
        lambda npy, note: note.write_text("[]"),
    ],
)
def test_a_damaged_entry_is_made_again(shard, monkeypatch, tmp_path, damage):
    folder = images_folder(monkeypatch, tmp_path)
    expected = load(shard).images.clone()
    (npy,), (note,) = folder.glob("*.npy"), folder.glob("*.json")
    damage(npy, note)
    with pytest.warns(UserWarning, match="damaged: decoding the images again"):
        data = load(shard)
    assert torch.equal(data.images, expected)
    assert torch.equal(load(shard).images, expected)


def test_an_entry_without_its_note_is_made_again(shard, monkeypatch, tmp_path):
    folder = images_folder(monkeypatch, tmp_path)
    expected = load(shard).images.clone()
    next(iter(folder.glob("*.json"))).unlink()
    assert torch.equal(load(shard).images, expected)


def test_a_failed_decoding_leaves_nothing_behind(tmp_path, monkeypatch):
    folder = images_folder(monkeypatch, tmp_path)
    path = write_parquet(tmp_path / "a.parquet", [*random_images(3), b"broken"], [0] * 4)
    with pytest.raises(InputError, match="row 3"):
        load(path)
    assert list(folder.iterdir()) == []


def test_threads_that_want_the_same_pixels_decode_them_once(shard, monkeypatch, tmp_path):
    images_folder(monkeypatch, tmp_path)
    calls, decode_images = [], decode.decode_images

    def counted(*args, **kwargs):
        calls.append(1)
        decode_images(*args, **kwargs)

    monkeypatch.setattr(decode, "decode_images", counted)
    threads = [threading.Thread(target=load, args=(shard,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def pieces_of(tmp_path, images, row_group_size):
    path = write_parquet(
        tmp_path / "a.parquet", images, [0] * len(images), row_group_size=row_group_size
    )
    half = len(images) // 2
    paths = []
    for k, image in enumerate(images[:5]):
        paths.append(str(tmp_path / f"{k}.png"))
        Path(paths[-1]).write_bytes(image if isinstance(image, bytes) else png(image))
    return [
        {"file": str(path), "column": "image", "start": 0, "stop": half},
        {"paths": paths},
        {"file": str(path), "column": "image", "start": half, "stop": len(images)},
    ]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_processes_decode_what_one_would(tmp_path, workers):
    images = random_images(23)
    pieces = pieces_of(tmp_path, images, row_group_size=4)
    output = tmp_path / "out.npy"
    decode.decode_images(pieces, output, size=None, channels=3, workers=workers)
    expected = np.concatenate((images[:11], images[:5], images[11:])).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(np.load(output), expected)


def test_an_error_in_a_process_is_the_same_error(tmp_path):
    images = [*random_images(20), b"broken", *random_images(3)]
    pieces = pieces_of(tmp_path, images, row_group_size=4)
    with pytest.raises(InputError, match=r"row 20 of .*a\.parquet: the image cannot be decoded"):
        decode.decode_images(pieces, tmp_path / "o.npy", size=None, channels=3, workers=2)


def test_a_process_that_dies_is_reported(tmp_path, monkeypatch):
    pieces = pieces_of(tmp_path, random_images(20), row_group_size=4)

    def start(job):
        job.with_suffix(".stderr").write_bytes(b"out of luck")
        return subprocess.Popen(
            [sys.executable, "-c", "raise SystemExit(7)"], stdout=subprocess.PIPE, text=True
        )

    monkeypatch.setattr(decode, "_start", start)
    with pytest.raises(InputError, match="ended early: out of luck"):
        decode.decode_images(pieces, tmp_path / "o.npy", size=None, channels=3, workers=2)


def test_a_process_may_complain_as_much_as_it_likes(tmp_path, monkeypatch):
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import json, sys\n"
        "sys.stderr.buffer.write(b'\\xffwarning\\n' * 100_000)\n"
        "print(json.load(open(sys.argv[1]))['n'])\n"
    )
    monkeypatch.setattr(decode.decode_worker, "__file__", str(worker))
    pieces = pieces_of(tmp_path, random_images(20), row_group_size=4)
    decode.decode_images(pieces, tmp_path / "o.npy", size=None, channels=3, workers=2)
    assert np.load(tmp_path / "o.npy").shape == (25, 3, 8, 8)


def test_what_a_decoder_prints_is_no_report(tmp_path):
    pieces = pieces_of(tmp_path, random_images(10), row_group_size=4)[:1]
    output = tmp_path / "o.npy"
    np.save(output, np.zeros((5, 3, 8, 8), np.uint8))
    job = {"pieces": pieces, "output": str(output), "offset": 0, "n": 5, "size": None}
    (tmp_path / "job.json").write_text(json.dumps(job))
    program = (
        "import os, runpy, sys; from PIL import Image; opened = Image.open\n"
        "def noisy(*a): os.write(1, b'{noise'); return opened(*a)\n"
        f"Image.open = noisy; sys.argv = ['worker', {str(tmp_path / 'job.json')!r}]\n"
        f"runpy.run_path({decode.decode_worker.__file__!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr.count("{noise")) == ("5\n", 5)


def test_progress_counts_every_image(tmp_path, capsys):
    path = write_parquet(tmp_path / "a.parquet", random_images(450), [0] * 450)
    load(path, progress=True)
    assert "450/450" in capsys.readouterr().err
    load(path, size=4)
    assert capsys.readouterr().err == ""


def test_named_sets_that_are_not_there_say_where_to_put_them(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path))
    with pytest.raises(MissingData, match=r"train\*\.parquet in .*tiny-imagenet"):
        load("tiny-imagenet")
    with pytest.raises(MissingData, match=r"CIFAR-100 .*cifar-100-python\.tar\.gz \(MD5"):
        load("cifar100", split="test")
    with pytest.raises(InputError, match="has no split 'valid'"):
        load("cifar10", split="valid")
