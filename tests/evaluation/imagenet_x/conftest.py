import os
from pathlib import Path

import numpy as np
import pytest

from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x import published


@pytest.fixture(scope="session")
def table():
    return ix.load_annotations()


@pytest.fixture(scope="session")
def all_ticks():
    return ix.load_annotations(selection="multi")


def need_published(*remotes):
    """Skip where the released files are not on disk: no test may download."""
    folder = os.environ.get("SSL_LIB_DATA")
    absent = [r.path for r in remotes if not folder or not (Path(folder) / r.path).is_file()]
    if absent:
        pytest.skip(f"needs SSL_LIB_DATA with {absent[0]} and {len(absent) - 1} more files")


@pytest.fixture(scope="session")
def released():
    need_published(*published.remotes("predictions"))
    return published.predictions(probabilities=True)


@pytest.fixture(scope="session")
def tables():
    need_published(*published.remotes("tables"))
    return published


def make_predictions(name, *, seed=0, accuracy=0.6, images=None):
    """Predict like a model: often the label, sometimes one of its ReaL labels or its neighbours."""
    rng = np.random.default_rng(seed)
    ids = np.arange(1, 50_001) if images is None else np.asarray(images)
    labels = np.empty(50_001, dtype=np.int64)
    labels[ix.folder_image_ids()] = np.repeat(np.arange(1000), 50)
    guess = rng.choice([0, 1, -1, 7, 401], size=len(ids))
    wrong = rng.random(len(ids)) > accuracy * rng.uniform(0.5, 1.3, 1000)[labels[ids]]
    classes = np.where(wrong, (labels[ids] + guess) % 1000, labels[ids])
    return ix.Predictions(
        name=name, image_ids=ids, classes=classes, probabilities=rng.random(len(ids))
    )


def write_csv(folder: Path, predictions, *, order=None, probabilities=True) -> Path:
    """Write predictions in the released layout, by default in ImageFolder order."""
    order = ix.folder_image_ids() if order is None else order
    rows = np.searchsorted(predictions.image_ids, order)
    lines = ["file_name,predicted_class" + (",predicted_probability" if probabilities else "")]
    for row in rows.tolist():
        line = f"ILSVRC2012_val_{predictions.image_ids[row]:08d}.JPEG,{predictions.classes[row]}"
        lines.append(line + f",{predictions.probabilities[row]:.10f}" * probabilities)
    file = folder / f"{predictions.name}.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture(scope="session")
def models():
    """Two made-up models with all 50,000 predictions."""
    return [make_predictions("first", seed=1), make_predictions("second", seed=2, accuracy=0.8)]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("predictions")
    for model in models:
        write_csv(folder, model)
    return folder
