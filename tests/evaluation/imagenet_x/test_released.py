"""The released predictions and tables give the published numbers to the last printed digit."""

import numpy as np
import pytest

from ssl_lib.errors import InputError, MissingData
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x import families, published, wheel
from ssl_lib.evaluation.imagenet_x.predictions import image_number
from ssl_lib.evaluation.imagenet_x.published import MODELS

SCORINGS = ("class", "real", "metaclass")
SELECTIONS = ("top", "multi")
DIGIT = 5e-4  # half a unit of the third decimal


def column(name):
    return ix.FACTORS.index(name)


def columns(text):
    """Read rows "factor a b c" in any order into an array (16, ...) in the order of FACTORS."""
    rows = named_rows(text)
    assert set(rows) == set(ix.FACTORS)
    return np.array([rows[name] for name in ix.FACTORS], dtype=float)


def named_rows(text):
    """Read rows "factor a b c"; a factor may go on in a second row."""
    rows = {}
    for line in text.strip().splitlines():
        name, *numbers = line.split()
        rows.setdefault(name, []).extend(map(float, numbers))
    return rows


# Images with the factor; accuracies, then error ratios of ViT, ResNet50, SimCLR, DINO.
BASE = """
pose 15064 .8279 .8240 .7400 .8216 .741 .695 .774 .726
background 14751 .7465 .7108 .6349 .7376 1.091 1.142 1.087 1.068
pattern 5972 .7996 .8046 .6939 .7721 .862 .771 .911 .927
color 6150 .7324 .6989 .6239 .7106 1.152 1.189 1.120 1.178
smaller 1450 .6179 .6207 .4821 .6207 1.644 1.497 1.542 1.544
shape 679 .6421 .5582 .5052 .5965 1.540 1.744 1.473 1.642
partial_view 638 .7868 .7132 .6599 .7226 .917 1.132 1.012 1.129
subcategory 585 .5316 .4667 .4564 .5197 2.015 2.105 1.618 1.955
texture 282 .5248 .3936 .3085 .4716 2.045 2.394 2.058 2.150
larger 150 .7000 .6667 .6600 .6933 1.291 1.316 1.012 1.248
darker 122 .5738 .5656 .6230 .6393 1.834 1.715 1.122 1.468
object_blocking 78 .5385 .5128 .4103 .5256 1.986 1.923 1.756 1.931
person_blocking 60 .5500 .4500 .3167 .5000 1.936 2.171 2.034 2.035
style 43 .6279 .5116 .6047 .5814 1.601 1.928 1.177 1.704
brighter 44 .8182 .7045 .7045 .7727 .782 1.166 .879 .925
multiple_objects 40 .6250 .5000 .6000 .6500 1.614 1.974 1.191 1.424
"""

# Error ratios under (top real, top metaclass, multi class, multi real, multi metaclass), four each.
OTHER = """
pose .781 .741 .805 .770 .649 .619 .693 .633 .973 .936 .981 .958
pose .979 .962 .989 .972 .929 .892 .948 .917
background 1.020 1.081 1.048 1.026 1.042 1.106 1.017 1.015 1.034 1.010 1.049 1.033
background 1.026 1.020 1.044 1.028 1.036 1.023 1.054 1.042
pattern .970 .899 .952 .987 1.042 .863 1.098 1.099 .939 .835 .981 .995
pattern 1.026 .974 1.025 1.044 1.019 .867 1.048 1.049
color 1.184 1.180 1.108 1.162 1.102 1.184 1.081 1.147 1.284 1.338 1.226 1.318
color 1.284 1.316 1.206 1.302 1.283 1.353 1.263 1.346
smaller 1.378 1.360 1.463 1.391 2.220 2.002 2.082 2.115 1.573 1.391 1.474 1.516
smaller 1.302 1.252 1.393 1.326 2.183 1.886 1.966 2.078
shape 1.684 1.743 1.550 1.712 1.724 1.852 1.642 1.793 1.752 1.910 1.598 1.808
shape 1.769 1.804 1.606 1.764 2.094 2.246 1.895 2.127
partial_view 1.151 1.257 1.144 1.133 .994 1.256 1.030 1.216 1.110 1.171 1.157 1.213
partial_view 1.231 1.270 1.234 1.229 1.177 1.194 1.155 1.214
subcategory 1.772 1.791 1.543 1.828 2.268 2.209 1.951 2.220 2.248 2.542 1.915 2.254
subcategory 1.964 2.032 1.711 1.965 1.989 2.170 1.794 2.009
texture 1.957 2.106 1.941 2.114 2.006 2.566 2.424 2.430 1.860 2.241 1.846 2.037
texture 1.893 1.998 1.757 1.952 2.120 2.499 2.144 2.319
larger 1.187 1.358 1.151 1.381 1.496 1.608 1.195 1.323 1.203 1.245 1.038 1.148
larger 1.266 1.262 1.128 1.214 1.301 1.369 1.208 1.364
darker 1.860 1.391 1.122 1.386 2.559 2.118 1.306 1.848 1.916 1.750 1.442 1.677
darker 1.877 1.541 1.387 1.519 2.496 2.069 1.620 2.061
object_blocking 1.312 1.577 1.295 1.572 2.126 1.436 1.872 1.619 1.646 1.874 1.578 1.669
object_blocking 1.579 1.759 1.547 1.578 1.798 1.667 1.713 1.662
person_blocking 1.928 2.050 1.955 1.902 2.601 3.015 2.765 2.705 1.967 2.030 1.814 2.093
person_blocking 1.653 1.616 1.614 1.691 2.601 2.461 2.275 2.577
style 1.345 1.875 1.440 1.573 1.361 2.805 2.006 2.517 1.190 .990 1.077 1.146
style 1.344 1.187 1.212 1.277 1.432 1.396 1.370 1.400
brighter .708 .868 .741 .865 .887 .783 .754 .410 1.511 1.890 1.330 1.429
brighter 1.041 1.354 1.109 1.259 1.868 1.741 1.059 1.247
multiple_objects .890 1.167 .978 .951 2.195 2.800 1.825 2.255 1.977 2.086 1.728 1.912
multiple_objects 1.568 1.634 1.501 1.549 2.375 2.375 2.149 2.343
"""

# Pearson r, Spearman, slope, intercept, share above the diagonal, over 209 models.
ON_THE_LINE = """
pose .995 .999 .916 .129 1.000
pattern .996 .995 .995 .030 1.000
brighter .899 .864 .968 .036 .627
partial_view .986 .974 1.094 -.085 .163
background .999 .999 1.005 -.024 0
color .996 .997 1.080 -.102 0
larger .939 .928 .946 -.008 .053
darker .927 .935 1.191 -.250 0
person_blocking .916 .950 1.848 -.837 .005
smaller .979 .987 1.359 -.410 0
style .828 .852 1.119 -.239 0
shape .970 .982 1.141 -.257 0
multiple_objects .895 .899 1.056 -.194 0
object_blocking .909 .919 1.193 -.349 0
texture .937 .970 1.266 -.486 0
subcategory .953 .969 .816 -.096 0
"""

# Mean error ratio of the families more data, ImageNet-1k, self-supervised, robustness, and of all.
FAMILIES = """
pose .722 .726 .769 .740 .732
pattern .888 .893 .906 .895 .893
brighter .922 .970 .890 .951 .949
partial_view 1.061 1.052 1.057 1.061 1.057
background 1.088 1.081 1.078 1.077 1.081
color 1.181 1.177 1.118 1.171 1.172
larger 1.201 1.220 1.099 1.209 1.205
darker 1.355 1.471 1.289 1.454 1.430
smaller 1.532 1.584 1.598 1.556 1.565
style 1.570 1.674 1.408 1.584 1.606
shape 1.630 1.641 1.516 1.599 1.617
multiple_objects 1.659 1.606 1.540 1.636 1.623
person_blocking 1.609 1.809 1.883 1.850 1.786
object_blocking 1.824 1.868 1.701 1.825 1.834
subcategory 2.134 1.988 1.751 1.896 1.973
texture 2.152 2.212 1.993 2.156 2.167
"""

# Mean error ratio at the strengths below; a factor's numbers go on in its second row.
SWEEPS = """
pose .780 .767 .750 .734 .718 .716 .779 .785 .796 .803 .810 .780 .783 .810 .826 .912 .930
background 1.038 1.048 1.068 1.082 1.095 1.096 1.041 1.044 1.046 1.045 1.047
background 1.039 1.037 1.039 1.039 1.042 1.041
pattern .957 .939 .904 .877 .865 .865 .953 .948 .943 .951 .943 .947 .954 .945 .942 .918 .917
color 1.172 1.170 1.164 1.162 1.172 1.176 1.156 1.125 1.104 1.090 1.077
color 1.163 1.165 1.139 1.129 1.042 1.028
smaller 1.259 1.310 1.402 1.486 1.542 1.563 1.434 1.475 1.486 1.478 1.490
smaller 1.433 1.394 1.349 1.332 1.234 1.200
shape 1.573 1.587 1.633 1.674 1.678 1.672 1.528 1.535 1.516 1.506 1.510
shape 1.508 1.513 1.470 1.425 1.217 1.170
partial_view 1.330 1.341 1.288 1.225 1.163 1.130 1.230 1.256 1.250 1.238 1.242
partial_view 1.259 1.253 1.247 1.228 1.169 1.146
subcategory 1.745 1.811 1.887 1.988 2.007 2.024 1.663 1.688 1.666 1.653 1.624
subcategory 1.662 1.649 1.538 1.471 1.196 1.150
texture 1.994 2.053 2.118 2.237 2.265 2.248 1.987 1.956 1.921 1.921 1.906
texture 1.977 1.966 1.845 1.766 1.417 1.366
larger 1.381 1.424 1.383 1.324 1.286 1.220 1.318 1.302 1.306 1.272 1.208
larger 1.271 1.316 1.268 1.198 1.053 1.043
darker 1.448 1.470 1.515 1.523 1.562 1.527 1.456 1.370 1.356 1.263 1.285
darker 1.501 1.465 1.373 1.334 1.169 1.126
brighter .919 1.037 1.016 .986 1.012 1.030 .904 .904 .841 .848 .873 .941 .918 .877 .910 .985 .994
"""
SWEEP_STRENGTHS = {
    "crop": (1, 20, 40, 60, 80, 92),
    "colorjitter": (1, 25, 49, 73, 97),
    "gaussian_blur": (1, 19, 37, 46, 82, 91),
}
SWEEP_MODELS = (8, 13, 15, 12, 21, 16, 21, 21, 21, 20, 21, 18, 18, 21, 21, 21, 21)
STRENGTH = {"crop": "crop", "colorjitter": "color", "gaussian_blur": "smoothing"}

# Mean error ratio of crop 92, colour 97, full colour + crop, per-class colour + crop.
AUGMENTED = """
pose .716 .810 .737 .731
pattern .865 .943 .896 .914
brighter 1.030 .873 .839 .939
background 1.096 1.047 1.087 1.071
color 1.176 1.077 1.128 1.177
partial_view 1.130 1.242 1.096 1.082
larger 1.220 1.208 1.164 1.252
darker 1.527 1.285 1.345 1.578
multiple_objects 1.651 1.353 1.705 1.501
smaller 1.563 1.490 1.607 1.537
style 1.701 1.392 1.693 1.765
shape 1.672 1.510 1.623 1.668
object_blocking 1.901 1.708 1.875 1.841
subcategory 2.024 1.624 1.948 1.890
person_blocking 1.940 1.907 2.174 2.001
texture 2.248 1.906 2.191 2.210
"""


@pytest.fixture(scope="module")
def scored(released, table):
    return ix.score(released, table)


@pytest.fixture(scope="module")
def comparison(tables):
    return tables.comparison()


class TestPredictions:
    def test_exact_values(self, scored):
        counts = scored.counts()
        assert scored.models == MODELS
        averages = [0.7675992193, 0.7466926914, 0.6640641943, 0.7542832357]
        assert counts.accuracy.round(10).tolist() == averages
        ratios = counts.error_ratio_frame()
        for model, factor, expected in (
            ("DINO", "pose", 0.726197),
            ("DINO", "texture", 2.150316),
            ("ResNet50", "pose", 0.694739),
            ("ResNet50", "texture", 2.393863),
            ("ResNet50", "style", 1.927983),
            ("SimCLR", "background", 1.086696),
            ("ViT", "smaller", 1.644009),
            ("ViT", "multiple_objects", 1.613592),
        ):
            assert round(float(ratios.loc[model, factor]), 6) == expected

    def test_table_of_top_factors(self, scored):
        expected = columns(BASE)
        counts = scored.counts()
        assert (counts.factor_images == expected[:, 0]).all()
        np.testing.assert_allclose(counts.factor_accuracy.T, expected[:, 1:5], atol=DIGIT / 10)
        np.testing.assert_allclose(counts.error_ratio.T, expected[:, 5:], atol=DIGIT)
        worst = [0.525, 0.394, 0.309, 0.472]
        np.testing.assert_allclose(counts.worst_factor, worst, atol=DIGIT)
        worst = [0.419, 0.382, 0.283, 0.374]
        np.testing.assert_allclose(ix.worst_class_accuracy(scored), worst, atol=DIGIT)

    @pytest.mark.parametrize(
        ("place", "selection", "scoring"),
        [
            (0, "top", "real"),
            (1, "top", "metaclass"),
            (2, "multi", "class"),
            (3, "multi", "real"),
            (4, "multi", "metaclass"),
        ],
    )
    def test_other_selections_and_scorings(self, released, place, selection, scoring):
        expected = columns(OTHER)[:, 4 * place : 4 * place + 4]
        counts = ix.evaluate(released, selection=selection, scoring=scoring).counts
        np.testing.assert_allclose(counts.error_ratio.T, expected, atol=DIGIT)

    @pytest.mark.parametrize("scoring", SCORINGS)
    @pytest.mark.parametrize("selection", SELECTIONS)
    def test_equal_to_the_released_tables(self, released, tables, selection, scoring):
        table = ix.load_annotations(selection=selection)
        models = [*released, ix.human(table)] if scoring == "real" else released
        scored = ix.score(models, table, scoring=scoring)
        expected = tables.counts("base", selection=selection, scoring=scoring)
        expected = expected.select(list(scored.models))
        counts = scored.counts()
        assert (counts.correct == expected.correct).all()
        assert (counts.factor_correct == expected.factor_correct).all()
        assert (ix.worst_class_accuracy(scored) == expected.worst_classes).all()

    def test_averages_of_other_scorings(self, released, table):
        for scoring, expected in (
            ("real", [0.7753, 0.7643, 0.6931, 0.7634]),
            ("metaclass", [0.8975, 0.8839, 0.8493, 0.8891]),
        ):
            accuracy = ix.score(released, table, scoring=scoring).counts().accuracy
            assert accuracy.round(4).tolist() == expected
        real = ix.score(released, table, scoring="real").counts().accuracy
        assert round(float(real[1]), 10) == 0.7642810670

    def test_real_scoring_without_empty_lists(self, released, table):
        counts = ix.score(released, table, scoring="real", empty="exclude").counts()
        assert counts.accuracy.round(4).tolist() == [0.8308, 0.8191, 0.7428, 0.8182]
        for factor, expected in (
            ("texture", [1.920, 2.173, 1.994, 2.186]),
            ("person_blocking", [2.190, 2.354, 2.160, 2.139]),
            ("darker", [2.096, 1.407, 1.060, 1.400]),
        ):
            assert counts.error_ratio[:, column(factor)].round(3).tolist() == expected
        vit = dict(zip(ix.FACTORS, counts.error_ratio[0], strict=True))
        for factor, expected in (("style", 0.99), ("larger", 0.95), ("object_blocking", 1.69)):
            assert round(float(vit[factor]), 2) == expected

    def test_all_50000_images_and_prototypes(self, released):
        labels = np.empty(50_001, dtype=int)
        labels[ix.folder_image_ids()] = np.repeat(np.arange(1000), 50)
        top1 = [(model.classes == labels[model.image_ids]).mean() for model in released]
        assert top1 == [0.78006, 0.7613, 0.68142, 0.76754]
        file = wheel.find_annotations() / "prototypical_paths.csv"
        ids = [image_number(name) for name in file.read_text().split()[1:]]
        assert len(set(ids)) == 3000
        right = [
            (model.classes == labels[model.image_ids])[np.isin(model.image_ids, ids)].mean()
            for model in released
        ]
        assert [round(100 * share, 1) for share in right] == [98.8, 100.0, 96.4, 98.9]
        kept, dropped = (ix.load_annotations(prototypes=how) for how in ("keep", "drop"))
        change = (
            ix.score(released, kept).counts().accuracy
            - ix.score(released, dropped).counts().accuracy
        )
        assert (100 * change).round(2).tolist() == [1.25, 1.43, 1.69, 1.33]

    def test_metaclasses_with_prototypes(self, released):
        table = ix.load_annotations(prototypes="keep")
        accuracy = ix.metaclass_counts(ix.score(released, table)).accuracy[0]
        for group, expected in (
            ("vessel", 0.6716),
            ("snake", 0.7240),
            ("commodity", 0.7298),
            ("dog", 0.7569),
        ):
            assert round(float(accuracy[ix.METACLASSES.index(group)]), 4) == expected

    def test_metaclasses(self, scored, tables):
        counts = ix.metaclass_counts(scored)
        released = tables.metaclass_counts()
        order = [released.models.index(model) for model in counts.models]
        assert (counts.correct == released.correct[order]).all()
        assert (counts.factor_correct == released.factor_correct[order]).all()
        assert (counts.factor_images == released.factor_images[order]).all()
        images = counts.factor_images[0]
        assert [(images == 0).sum(), (images < 10).sum(), (images < 30).sum()] == [21, 129, 167]
        vit = counts.error_ratio[0]
        for group, factor, expected in (
            ("vessel", "object_blocking", 2.88),
            ("snake", "darker", 3.44),
            ("commodity", "style", 3.51),
            ("dog", "multiple_objects", 3.90),
        ):
            assert round(vit[ix.METACLASSES.index(group), column(factor)], 2) == expected

    def test_class_adjusted_ratios(self, scored):
        ratios = ix.class_adjusted_error_ratio(scored)
        for factor, expected in (
            ("pose", [0.82, 0.79, 0.85, 0.83]),
            ("texture", [1.48, 1.69, 1.53, 1.54]),
            ("color", [1.045, 1.046, 1.020, 1.043]),
            ("smaller", [1.61, 1.48, 1.50, 1.51]),
            ("object_blocking", [2.003, 1.745, 1.647, 1.735]),
        ):
            np.testing.assert_allclose(ratios[:, column(factor)], expected, atol=0.005)
        leaving = ix.class_adjusted_error_ratio(scored, leave_one_out=True)[:, column("texture")]
        assert leaving.round(2).tolist()[:2] == [1.50, 1.71]

    def test_calibration(self, scored):
        result = ix.calibration_error(scored)
        assert result.average.round(3).tolist() == [0.016, 0.040, 0.055, 0.031]
        texture, subcategory = (result.factors[:, column(f)] for f in ("texture", "subcategory"))
        np.testing.assert_allclose(texture, [0.136, 0.247, 0.255, 0.159], atol=DIGIT)
        np.testing.assert_allclose(subcategory, [0.139, 0.224, 0.172, 0.154], atol=DIGIT)

    def test_error_by_number_of_factors(self, released, all_ticks):
        result = ix.error_by_active_factors(ix.score(released, all_ticks)).error.round(3).T
        assert result.tolist() == [
            [0.159, 0.204, 0.238, 0.173],
            [0.190, 0.208, 0.282, 0.193],
            [0.257, 0.272, 0.374, 0.273],
            [0.306, 0.311, 0.428, 0.336],
            [0.411, 0.450, 0.549, 0.436],
            [0.584, 0.668, 0.743, 0.628],
        ]

    def test_linear_probability_model(self, released, all_ticks):
        fit = ix.linear_probability_model(ix.score(released, all_ticks))[:, 1:]
        for factor, expected in (
            ("subcategory", [0.29, 0.39, 0.30, 0.30]),
            ("multiple_objects", [0.21, 0.25, 0.22, 0.20]),
            ("darker", [0.20, 0.18, 0.14, 0.16]),
            ("person_blocking", [0.19, 0.21, 0.23, 0.23]),
            ("texture", [0.13, 0.22, 0.21, 0.17]),
            ("smaller", [0.14, 0.10, 0.16, 0.13]),
            ("pose", [-0.03, -0.10, -0.03, -0.05]),
        ):
            assert fit[:, column(factor)].round(2).tolist() == expected

    def test_shared_mistakes(self, scored):
        result = ix.shared_mistakes(scored)
        assert round(100 * result.all_wrong, 1) == 12.3
        assert round(100 * result.all_right, 1) == 55.6
        pairs = result.phi[np.triu_indices(4, 1)]
        assert [round(pairs.min(), 2), round(pairs.max(), 2)] == [0.49, 0.61]

    def test_intervals(self, scored):
        """The published ends come from one draw of 1,000: they agree within their own noise."""
        result = ix.bootstrap_error_ratio(scored, replicates=4000)
        for factor, vit, resnet in (
            ("pose", (0.72, 0.76), (0.67, 0.72)),
            ("background", (1.07, 1.11), (1.12, 1.16)),
            ("color", (1.11, 1.20), (1.15, 1.23)),
            ("smaller", (1.54, 1.75), (1.40, 1.60)),
            ("texture", (1.80, 2.31), (2.16, 2.62)),
            ("darker", (1.42, 2.17), (1.37, 2.05)),
            ("multiple_objects", (0.97, 2.27), (1.33, 2.57)),
        ):
            for row, (low, high) in enumerate((vit, resnet)):
                noise = 0.006 + 0.3 * result.sd[row, column(factor)]
                assert result.low[row, column(factor)] == pytest.approx(low, abs=noise)
                assert result.high[row, column(factor)] == pytest.approx(high, abs=noise)


class TestTables:
    def test_every_table_is_whole_numbers(self, tables):
        rows = 0
        for group in tables.GROUPS:
            for selection in SELECTIONS:
                for scoring in SCORINGS:
                    counts = tables.counts(group, selection=selection, scoring=scoring)
                    assert (counts.factor_correct <= counts.factor_images).all()
                    rows += len(counts) - (scoring == "real")
        assert rows == 6 * 2510

    def test_human_rows_are_one(self, tables):
        for selection in SELECTIONS:
            rows = [
                tables.counts(group, selection=selection, scoring="real").select(["human"])
                for group in tables.GROUPS
            ]
            for row in rows:
                assert (row.factor_correct == rows[0].factor_correct).all()
                assert row.worst_classes.round(6).tolist() == [0.512362]

    def test_families(self, comparison):
        assert len(comparison.counts) == 209
        sizes = [int(comparison.of(name).sum()) for name in families.COMPARED]
        assert sizes == [43, 83, 13, 70]
        ratios = comparison.counts.error_ratio
        means = [ratios[comparison.of(name)].mean(axis=0) for name in families.COMPARED]
        expected = columns(FAMILIES)
        np.testing.assert_allclose(np.array([*means, ratios.mean(axis=0)]).T, expected, atol=DIGIT)
        top1 = [
            comparison.counts.accuracy[comparison.of(name)].mean() for name in families.COMPARED
        ]
        np.testing.assert_allclose(top1, [0.789, 0.744, 0.692, 0.718], atol=DIGIT)

    def test_corrected_families(self, tables):
        corrected = tables.comparison(corrected=True)
        sizes = [int(corrected.of(name).sum()) for name in families.COMPARED]
        assert sizes == [41, 81, 13, 70]

    def test_families_equal_the_released_list(self, tables):
        official = pytest.importorskip("imagenet_x.model_types")
        names = {
            "MORE_DATA": families.MORE_DATA,
            "STANDARD": families.IMAGENET,
            "SELFSUPERVISED": families.SELF_SUPERVISED,
            "ROBUST_INTV": families.ROBUSTNESS,
            "LP_ADV": families.ADVERSARIAL,
            "LOW_ACCURACY_CNN": families.LOW_ACCURACY,
        }
        for model in tables.counts("imagenet_testbed").models:
            expected = names.get(official.model_types_map[model].name, families.NOT_DEEP)
            assert families.family("imagenet_testbed", model) == expected, model

    def test_group_tests(self, comparison):
        p = ix.alexander_govern(comparison.counts.error_ratio, comparison.families)
        for factor, expected in (
            ("pattern", 0.17),
            ("partial_view", 0.75),
            ("background", 0.029),
            ("object_blocking", 0.024),
            ("brighter", 0.11),
            ("multiple_objects", 0.13),
        ):
            assert p[column(factor)] == pytest.approx(expected, abs=0.006)
        assert {ix.FACTORS[f] for f in np.flatnonzero(p >= 0.05)} == {
            "pattern",
            "brighter",
            "partial_view",
            "multiple_objects",
        }

    def test_consistency(self, tables, comparison):
        top = ix.rank_consistency(comparison.counts.error_ratio)
        assert [round(v, 3) for v in top[:3]] == [0.910, 0.921, 0.812]
        multi = ix.rank_consistency(tables.comparison(selection="multi").counts.error_ratio)
        assert [round(multi.mean, 3), round(multi.low, 3)] == [0.956, 0.897]
        ratios = comparison.counts.error_ratio
        assert (ratios.argmax(axis=1) == column("texture")).sum() == 154
        assert (ratios.argmin(axis=1) == column("pose")).sum() == 197
        by_family = [top.to_mean[comparison.of(name)].mean() for name in families.COMPARED]
        assert all(0.93 <= value <= 0.955 for value in by_family)

    def test_transformers_rank_factors_as_others_do(self, comparison):
        counts, names = comparison.counts, comparison.counts.models
        vit = np.array([families.is_transformer(name) and "clip" not in name for name in names])
        assert vit.sum() == 7
        others = ~vit & (counts.accuracy >= counts.accuracy[vit].min() - 0.01)
        assert others.sum() == 96
        means = [counts.error_ratio[mask].mean(axis=0) for mask in (vit, others)]
        assert round(ix.pairwise_spearman(np.array(means))[0, 1], 3) == 0.988

    def test_accuracy_on_the_line(self, comparison):
        line = np.array(ix.accuracy_on_the_line(comparison.counts)).T
        np.testing.assert_allclose(line, columns(ON_THE_LINE), atol=DIGIT)
        best = np.argsort(comparison.counts.accuracy)[-20:]
        assert round(float(comparison.counts.accuracy[best].mean()), 3) == 0.841
        beat = comparison.counts.correct > 0.7466926914 * 46_110 + 0.5
        assert beat.sum() == 116

    def test_effective_robustness(self, comparison):
        result = 100 * ix.effective_robustness(
            comparison.counts, reference=comparison.of(families.IMAGENET)
        )
        for family, factor, expected in (
            (families.MORE_DATA, "texture", 4.1),
            (families.MORE_DATA, "style", 3.6),
            (families.MORE_DATA, "object_blocking", 3.2),
            (families.MORE_DATA, "darker", 3.2),
            (families.MORE_DATA, "person_blocking", 1.9),
            (families.MORE_DATA, "subcategory", 1.7),
            (families.SELF_SUPERVISED, "style", 5.3),
            (families.SELF_SUPERVISED, "darker", 3.6),
            (families.SELF_SUPERVISED, "color", 1.6),
            (families.SELF_SUPERVISED, "texture", 1.4),
            (families.ROBUSTNESS, "multiple_objects", -1.8),
        ):
            mean = result[comparison.of(family), column(factor)].mean()
            assert mean == pytest.approx(expected, abs=0.05)

    def strengths(self, counts, group):
        return np.array(
            [getattr(ix.parse_strength(name), STRENGTH[group]) for name in counts.models]
        )

    def test_sweeps(self, tables):
        rows, sizes = [], []
        for group, wanted in SWEEP_STRENGTHS.items():
            counts = tables.counts(group)
            strength = self.strengths(counts, group)
            rows += [counts.error_ratio[strength == value].mean(axis=0) for value in wanted]
            sizes += [int((strength == value).sum()) for value in wanted]
        assert tuple(sizes) == SWEEP_MODELS
        expected = named_rows(SWEEPS)
        measured = np.array(rows)[:, [column(name) for name in expected]].T
        np.testing.assert_allclose(measured, list(expected.values()), atol=DIGIT)

    @pytest.mark.parametrize(
        ("group", "models", "improved", "hurt"),
        [
            (
                "crop",
                1271,
                {"pose": 33.7, "pattern": 20.0, "partial_view": 11.1},
                {"subcategory": -15.0, "background": -21.3, "smaller": -31.6},
            ),
            (
                "colorjitter",
                664,
                {"color": 26.7, "darker": 7.9, "larger": 6.4},
                {"background": -3.4, "smaller": -8.5, "pose": -18.1},
            ),
            (
                "gaussian_blur",
                161,
                {"subcategory": 19.9, "color": 15.1, "texture": 15.1},
                {"brighter": -2.5, "background": -2.6, "pose": -15.7},
            ),
        ],
    )
    def test_effects(self, tables, group, models, improved, hurt):
        counts = tables.counts(group)
        strength = self.strengths(counts, group)
        keep = ix.drop_rare_strengths(strength)
        assert keep.sum() == models
        effect = ix.augmentation_effect(strength[keep], counts.error_ratio[keep])
        for places, expected in zip(effect.panels(), (improved, hurt), strict=True):
            found = {ix.FACTORS[place]: round(float(effect.t[place]), 1) for place in places}
            assert found == expected
            assert list(found) == list(expected)
        if group == "colorjitter":
            assert round(float(effect.p_value[column("brighter")]), 3) == 0.356

    def test_effects_with_all_factors(self, tables):
        panels = {}
        for group in SWEEP_STRENGTHS:
            counts = tables.counts(group, selection="multi")
            strength = self.strengths(counts, group)
            keep = ix.drop_rare_strengths(strength)
            effect = ix.augmentation_effect(strength[keep], counts.error_ratio[keep])
            panels[group] = [{ix.FACTORS[place] for place in places} for places in effect.panels()]
        assert panels == {
            "crop": [
                {"pattern", "partial_view", "pose"},
                {"multiple_objects", "smaller", "subcategory"},
            ],
            "colorjitter": [{"color", "subcategory", "style"}, {"background", "pose", "smaller"}],
            "gaussian_blur": [
                {"subcategory", "shape", "texture"},
                {"brighter", "background", "pose"},
            ],
        }

    def test_effect_survives_an_accuracy_control(self, tables):
        counts = tables.counts("crop")
        counts = counts.select(ix.drop_rare_strengths(self.strengths(counts, "crop")))
        strength = self.strengths(counts, "crop")
        alike = (counts.accuracy >= 0.750) & (counts.accuracy <= 0.756)
        assert alike.sum() == 499
        for factor, expected in (("smaller", 0.72), ("pose", -0.68), ("partial_view", -0.70)):
            ratios = counts.error_ratio[:, column(factor)]
            assert round(np.corrcoef(strength[alike], ratios[alike])[0, 1], 2) == expected
        controls = np.column_stack([counts.accuracy, counts.accuracy**2])
        for factor, expected in (("smaller", 0.53), ("partial_view", -0.53), ("pose", -0.47)):
            ratios = counts.error_ratio[:, column(factor)]
            assert round(ix.partial_correlation(strength, ratios, controls), 2) == expected

    def test_augmentation_groups(self, tables):
        crop, color = tables.counts("crop"), tables.counts("colorjitter")
        groups = [
            crop.select(self.strengths(crop, "crop") == 92),
            color.select(self.strengths(color, "colorjitter") == 97),
            tables.counts("colorjitter_crop"),
            tables.counts("adaptive_colorjitter"),
        ]
        assert [len(group) for group in groups] == [16, 21, 12, 8]
        averages = [round(float(group.accuracy.mean()), 4) for group in groups]
        assert averages == [0.7530, 0.6541, 0.7470, 0.7397]
        means = np.array([group.error_ratio.mean(axis=0) for group in groups]).T
        np.testing.assert_allclose(means, columns(AUGMENTED), atol=DIGIT)
        values = np.concatenate([group.error_ratio for group in groups])
        p = ix.alexander_govern(values, np.repeat(range(4), [16, 21, 12, 8]))
        assert [ix.FACTORS[place] for place in np.flatnonzero(p >= 0.05)] == ["larger"]
        assert round(p[column("larger")], 2) == 0.24


def test_unknown_tables():
    with pytest.raises(InputError, match="Did you mean 'crop'"):
        published.counts("crops")
    with pytest.raises(InputError, match="scoring must be one of"):
        published.counts("crop", scoring="real_class")
    with pytest.raises(InputError, match="no released files"):
        published.remotes("weights")


def test_absent_files_say_where_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path))
    with pytest.raises(MissingData, match=r"ViT.csv is needed.*githubusercontent.*sha256 a9487b"):
        published.predictions()


def test_a_table_that_does_not_fit_is_refused(monkeypatch, tmp_path):
    file = tmp_path / "table.csv"
    names = ",".join(["model", *ix.FACTORS, "worst_factor", "average", "worst_100_classes"])
    file.write_text(names + "\nmade-up" + ",0.12345" * 19 + "\n")
    monkeypatch.setattr(published, "fetch", lambda remote: file)
    with pytest.raises(InputError, match="does not fit the installed annotations"):
        published.counts("crop")


def test_registry_names_the_pinned_commit():
    assert len(published.REMOTES) == 55
    for path, remote in published.REMOTES.items():
        assert remote.url.endswith(f"{published.COMMIT}/{path}")
        assert remote.path == f"imagenetx/{path}"
        assert len(remote.sha256) == 64
        assert int(remote.sha256, 16)
    assert len({remote.sha256 for remote in published.REMOTES.values()}) == 55
