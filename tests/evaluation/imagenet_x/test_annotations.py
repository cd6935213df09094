import json

import numpy as np
import pytest
from scipy import stats

from ssl_lib.errors import InputError, MissingData
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x import wheel

# Per cent of images: train all, val all, train top, val top; then n val top, n val all.
PREVALENCE = {
    "pose": (92.11, 86.69, 29.02, 32.67, 15064, 39974),
    "background": (85.61, 77.07, 25.94, 31.99, 14751, 35537),
    "pattern": (61.15, 33.57, 22.48, 12.95, 5972, 15478),
    "color": (33.37, 28.27, 12.85, 13.34, 6150, 13034),
    "subcategory": (6.38, 7.82, 1.15, 1.27, 585, 3604),
    "smaller": (10.61, 6.23, 4.41, 3.14, 1450, 2873),
    "shape": (4.58, 4.10, 1.13, 1.47, 679, 1891),
    "multiple_objects": (4.11, 3.96, 0.04, 0.09, 40, 1828),
    "partial_view": (3.22, 3.25, 1.05, 1.38, 638, 1500),
    "texture": (2.61, 1.91, 0.85, 0.61, 282, 879),
    "style": (3.18, 1.27, 0.15, 0.09, 43, 586),
    "darker": (0.88, 1.11, 0.23, 0.26, 122, 512),
    "larger": (0.73, 0.85, 0.31, 0.33, 150, 390),
    "object_blocking": (0.61, 0.47, 0.16, 0.17, 78, 217),
    "person_blocking": (0.30, 0.23, 0.14, 0.13, 60, 105),
    "brighter": (0.06, 0.20, 0.04, 0.10, 44, 94),
}


def column(name):
    return ix.FACTORS.index(name)


def test_sizes():
    assert len(ix.FACTORS) == 16
    assert len(ix.METACLASSES) == 17
    assert len(ix.load_annotations(prototypes="keep")) == 48_868
    assert len(ix.load_annotations()) == 46_110
    assert len(ix.load_annotations(split="train")) == 11_233


@pytest.mark.parametrize("split", ["val", "train"])
def test_top_factors_are_ticked_factors(split):
    top, multi = (ix.load_annotations(split=split, selection=s) for s in ("top", "multi"))
    assert (top.image_ids == multi.image_ids).all()
    assert (top.factors <= multi.factors).all()
    assert set(top.factors.sum(axis=1)) == {0, 1}
    one = multi.factors.sum(axis=1) == 1
    assert (top.factors[one] == multi.factors[one]).all()
    assert (~top.factors.any(axis=1)).sum() == {"val": 2, "train": 6}[split]


def test_prevalence_equals_the_published_figure():
    by_setting = [
        ix.load_annotations(split=split, selection=selection)
        for selection in ("multi", "top")
        for split in ("train", "val")
    ]
    for name, expected in PREVALENCE.items():
        shares = [round(100 * float(ix.prevalence(t)[column(name)]), 2) for t in by_setting]
        assert shares == list(expected[:4])
        assert by_setting[3].factors[:, column(name)].sum() == expected[4]
        assert by_setting[1].factors[:, column(name)].sum() == expected[5]


def test_number_of_ticks():
    val = ix.active_factor_counts(ix.load_annotations(selection="multi"))
    train = ix.active_factor_counts(ix.load_annotations(split="train", selection="multi"))
    assert val[:12].tolist() == [2, 6382, 18179, 13091, 6331, 1692, 358, 56, 11, 4, 3, 1]
    assert train[:9].tolist() == [6, 596, 2737, 4082, 2815, 820, 148, 26, 3]


def test_train_and_val_prevalence_agree():
    for selection, pearson, spearman, distance in (
        ("top", 0.961, 0.974, 0.11),
        ("multi", 0.981, 0.994, 0.08),
    ):
        train, val = (
            ix.prevalence(ix.load_annotations(split=split, selection=selection))
            for split in ("train", "val")
        )
        assert np.corrcoef(train, val)[0, 1] == pytest.approx(pearson, abs=6e-4)
        assert round(stats.spearmanr(train, val).statistic, 3) == spearman
        assert abs(train / train.sum() - val / val.sum()).sum() / 2 == pytest.approx(
            distance, abs=0.005
        )


def test_prototypes_are_three_a_class():
    packed = wheel.packed()
    assert int(packed.val.prototype.sum()) == 2758
    kept = ix.load_annotations(prototypes="keep")
    dropped = ix.load_annotations()
    assert set(kept.image_ids[packed.val.prototype]).isdisjoint(dropped.image_ids)


def test_class_899_has_no_annotation():
    assert 899 not in ix.load_annotations(prototypes="keep").labels
    assert set(ix.load_annotations(prototypes="keep").labels) == set(range(1000)) - {899}


def test_metaclass_sizes(table):
    sizes = dict(zip(ix.METACLASSES, np.bincount(table.metaclasses), strict=True))
    assert sizes["other"] == 12_928
    assert sizes["dog"] == 5_496
    assert sizes["natural_object"] == 793
    assert np.bincount(ix.class_metaclasses())[-1] == 278


def test_labels_and_ids_match_the_wheels_rows():
    folder = wheel.find_annotations()
    with (folder / "imagenet_x_train_multi_factor.jsonl").open() as file:
        rows = {row["file_name"]: row for row in map(json.loads, file)}
    table = ix.load_annotations(split="train", selection="multi")
    assert table.file_names == sorted(rows, key=wheel.train_id)
    for place in range(0, len(table), 500):
        row = rows[table.file_names[place]]
        assert row["class"] == table.labels[place]
        assert [row[name] for name in ix.FACTORS] == table.factors[place].astype(int).tolist()


def test_associations(all_ticks):
    phi = ix.factor_association(all_ticks).phi
    for a, b, expected in (
        ("color", "pattern", 0.213),
        ("larger", "partial_view", 0.177),
        ("subcategory", "shape", 0.133),
        ("color", "pose", -0.085),
        ("partial_view", "background", -0.048),
    ):
        assert round(phi[column(a), column(b)], 3) == expected
    by_group = ix.metaclass_association(all_ticks).phi
    for factor, group, expected in (
        ("color", "commodity", 0.129),
        ("pattern", "covering", 0.113),
        ("pattern", "dog", -0.169),
        ("color", "bird", -0.099),
    ):
        assert round(by_group[column(factor), ix.METACLASSES.index(group)], 3) == expected


def test_association_is_spearmans(all_ticks):
    few = all_ticks.subset(np.arange(0, len(all_ticks), 40))
    result = ix.factor_association(few)
    for a, b in ((0, 1), (2, 3), (7, 9)):
        expected = stats.spearmanr(few.factors[:, a], few.factors[:, b])
        assert result.phi[a, b] == pytest.approx(expected.statistic, abs=1e-12)
        assert result.p_value[a, b] == pytest.approx(expected.pvalue, rel=1e-9)


def test_association_of_a_constant_factor_is_undefined(table):
    none = table.subset(~table.factors[:, 0])
    assert np.isnan(ix.factor_association(none).phi[0]).all()


def test_prevalence_shift(table):
    shift = ix.prevalence_shift(table)
    for group, factor, expected in (
        ("dog", "pose", 0.36),
        ("dog", "pattern", -0.84),
        ("food", "texture", 4.29),
        ("food", "shape", 2.62),
        ("equipment", "subcategory", 2.35),
    ):
        assert round(shift[ix.METACLASSES.index(group), column(factor)], 2) == expected


def test_subsets_of_classes():
    dogs = np.flatnonzero(ix.class_metaclasses() == ix.METACLASSES.index("dog"))
    table = ix.load_annotations(classes=dogs.tolist())
    assert len(table) == 5_496
    shift = ix.prevalence_shift(table)
    assert np.isnan(shift[ix.METACLASSES.index("bird")]).all()
    assert np.nanmax(np.abs(shift[ix.METACLASSES.index("dog")])) < 1e-12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "test"}, "split must be one of val, train; got 'test'"),
        ({"selection": "all"}, "selection must be one of top, multi"),
        ({"prototypes": "no"}, "prototypes must be one of drop, keep"),
        ({"classes": [1000]}, "0 to 999"),
        ({"classes": [0.5]}, "whole numbers"),
        ({"classes": []}, "at least one"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        ix.load_annotations(**arguments)


class TestCache:
    @pytest.fixture(autouse=True)
    def own_cache(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SSL_LIB_CACHE", str(tmp_path))
        self.folder = tmp_path / "imagenet_x"
        wheel._packed.cache_clear()
        yield
        wheel._packed.cache_clear()

    def stored(self):
        (file,) = self.folder.iterdir()
        return file

    def test_second_load_reads_the_cache(self, monkeypatch):
        first = wheel.packed()
        wheel._packed.cache_clear()
        monkeypatch.setattr(wheel, "_parse", lambda folder: pytest.fail("parsed again"))
        second = wheel.packed()
        for split in ("val", "train"):
            for a, b in zip(getattr(first, split), getattr(second, split), strict=True):
                assert a.dtype == b.dtype
                assert (a == b).all()
        assert first.class_names == second.class_names
        assert first.sources == second.sources

    def test_damage_is_noticed_and_repaired(self):
        wheel.packed()
        good = self.stored().read_bytes()
        for damaged in (
            b"",
            good[: len(good) // 2],
            good[:1000] + bytes([good[1000] ^ 1]) + good[1001:],
            good[:-1] + bytes([good[-1] ^ 1]),
        ):
            self.stored().write_bytes(damaged)
            wheel._packed.cache_clear()
            with pytest.warns(UserWarning, match="is damaged"):
                assert len(wheel.packed().val.ids) == 48_868
            assert self.stored().read_bytes() == good

    def test_a_changed_wheel_is_parsed_anew(self, tmp_path):
        before = wheel._key(wheel.find_annotations())
        copy = tmp_path / "annotations"
        copy.mkdir()
        for name in wheel._FILES:
            (copy / name).write_text("")
        assert wheel._key(copy) != before

    def test_an_unwritable_cache_only_warns(self, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("SSL_LIB_CACHE", str(tmp_path / "file"))
        with pytest.warns(UserWarning, match="not kept"):
            assert len(wheel.packed().train.ids) == 11_233

    def test_contradicting_files_are_refused(self, tmp_path):
        row = {"file_name": "n03633091_15528.JPEG", "class": 1, **dict.fromkeys(ix.FACTORS, 0)}
        (tmp_path / "imagenet_x_train_multi_factor.jsonl").write_text(json.dumps(row))
        (tmp_path / "imagenet_x_train_top_factor.jsonl").write_text(json.dumps(row | {"pose": 1}))
        with pytest.raises(MissingData, match="contradict"):
            wheel._parse_split(tmp_path, "train", np.array([]))


def test_missing_wheel(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingData, match="pip install 'imagenet-x"):
        ix.load_annotations()


def test_the_wheels_code_is_not_imported():
    import subprocess
    import sys

    code = (
        "import sys; from ssl_lib.evaluation import imagenet_x as ix; ix.load_annotations();"
        "print([m for m in ('imagenet_x', 'torch', 'pandas', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
