"""Agreement with the official package on predictions that it has never seen."""

import numpy as np
import pytest

from ssl_lib.evaluation import imagenet_x as ix

official = pytest.importorskip("imagenet_x", reason="the official package is a dev dependency")
aggregate = pytest.importorskip("imagenet_x.aggregate")
prevalence = pytest.importorskip("imagenet_x.prevalence")

# What the official package makes pandas say.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Constructing a DataFrame"),
    pytest.mark.filterwarnings("ignore:DataFrameGroupBy.apply operated"),
]

COLUMN = {"class": "is_correct", "real": "is_correct_real", "metaclass": "is_metaclass_correct"}
SELECTIONS = ("top", "multi")
SCORINGS = tuple(COLUMN)


@pytest.fixture(scope="module", params=SELECTIONS)
def selection(request):
    return request.param


@pytest.fixture(scope="module")
def augmented(model_folder, selection):
    """Return the official long table: model x image with factors and correctness."""
    annotations = official.load_annotations(which_factor=selection)
    models, _ = official.load_model_predictions(str(model_folder))
    return official.augment_model_predictions(annotations, models, add_human_performance=True)


@pytest.fixture(scope="module")
def ours(model_folder, selection):
    table = ix.load_annotations(selection=selection)
    files = sorted(model_folder.iterdir())
    read = [ix.load_predictions(file, probabilities=True) for file in files]
    models = [*read, ix.human(table)]
    return {scoring: ix.score(models, table, scoring=scoring) for scoring in SCORINGS}


@pytest.mark.parametrize("scoring", SCORINGS)
def test_accuracies_and_error_ratios(augmented, ours, scoring):
    theirs = official.compute_factor_accuracies(augmented, official.FACTORS, COLUMN[scoring])
    counts = ours[scoring].counts()
    frame = counts.accuracy_frame()
    theirs = theirs.loc[frame.index, frame.columns]
    assert (frame.to_numpy() == theirs.to_numpy()).all()
    if scoring == "real":
        expected = official.error_ratio(theirs).to_numpy()
        np.testing.assert_array_equal(counts.error_ratio_frame().to_numpy(), expected)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_within_metaclasses(augmented, ours, scoring):
    theirs = aggregate.compute_factor_metaclass_accuracies(
        augmented, official.FACTORS, COLUMN[scoring], official.METACLASSES
    )
    counts = ix.metaclass_counts(ours[scoring])
    for row, model in enumerate(counts.models):
        expected = theirs.loc[model].loc[list(ix.METACLASSES)]
        factors = expected[list(ix.FACTORS)].to_numpy()
        np.testing.assert_array_equal(counts.factor_accuracy[row], factors)
        np.testing.assert_array_equal(counts.accuracy[row], expected["average"].to_numpy())


def test_calibration(augmented, ours):
    theirs = aggregate.compute_factor_calibration_errors(
        augmented, official.FACTORS, COLUMN["class"]
    )
    scored = ours["class"]
    result = ix.calibration_error(scored)
    theirs = theirs.loc[list(scored.models)]
    np.testing.assert_allclose(result.average, theirs["average"], rtol=0, atol=1e-12)
    expected = theirs[list(ix.FACTORS)].to_numpy()
    np.testing.assert_allclose(result.factors, expected, rtol=0, atol=1e-12)


def test_prevalence_shifts(augmented, ours, selection):
    theirs = prevalence.Prevalence.__new__(prevalence.Prevalence)
    theirs.df = theirs.annotations = augmented[augmented.model == "human"]
    theirs.all_df, theirs.factors, theirs.group = augmented, official.FACTORS, "metaclass"
    expected = theirs.compute_metaclass_prevalence_shift().loc[list(ix.METACLASSES)]
    result = ix.prevalence_shift(ours["class"].table)
    np.testing.assert_allclose(result, expected.to_numpy(), rtol=0, atol=1e-12)
    shifts = ix.misclassification_shift(ours["class"].counts())
    for row, model in enumerate(ours["class"].models[:2]):
        expected = theirs.compute_misclassification_shift(model).set_index("factor")["shift"]
        np.testing.assert_allclose(shifts[row], expected[list(ix.FACTORS)], rtol=0, atol=1e-12)


def test_prototypes_kept(model_folder, models):
    annotations = official.load_annotations(filter_prototypes=False)
    theirs = official.augment_model_predictions(
        annotations, official.load_model_predictions(str(model_folder))[0]
    )
    theirs = official.compute_factor_accuracies(theirs, official.FACTORS)
    scored = ix.score(models, ix.load_annotations(prototypes="keep"))
    frame = scored.counts().accuracy_frame()
    assert (frame.to_numpy() == theirs.loc[frame.index, frame.columns].to_numpy()).all()


def test_worst_classes_without_ties(augmented, ours):
    """Where k does not cut through classes of equal accuracy, which classes are worst is clear."""
    scored = ours["class"].select(["first"])
    own = augmented[augmented.model == "first"]
    by_class = own.groupby("class")["is_correct"].mean().sort_values()
    edges = np.flatnonzero(np.diff(by_class.to_numpy()) > 0) + 1
    k = int(edges[np.argmin(np.abs(edges - 100))])
    expected = aggregate.worst_k_class_acc(own, k=k)
    assert ix.worst_class_accuracy(scored, k=k)[0] == expected["first"]
