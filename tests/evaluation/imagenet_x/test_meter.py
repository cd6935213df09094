import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.errors import InputError
from ssl_lib.evaluation import imagenet_x as ix


@pytest.fixture(scope="module")
def folder_ids():
    return ix.folder_image_ids()


@pytest.fixture(scope="module")
def model(models):
    return models[0]


@pytest.fixture(scope="module")
def in_folder_order(model, folder_ids):
    """Predicted classes at the 50,000 positions of an ImageFolder."""
    return torch.from_numpy(model.classes[folder_ids - 1].astype(np.int64))


def feed(meter, predicted, order, sizes):
    """Feed positions of the ImageFolder order in batches of the given sizes, then the rest."""
    start = 0
    for size in [*sizes, len(order)]:
        part = order[start : start + size]
        if len(part):
            meter.update(predicted[part], part)
        start += size


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 20_000), max_size=6), st.integers(0, 2**31))
def test_streaming_is_batch_for_any_split_and_order(in_folder_order, model, sizes, seed):
    meter = ix.FactorMeter(name=model.name)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(50_000))
    feed(meter, in_folder_order, order, sizes)
    expected = ix.evaluate(model)
    result = meter.compute()
    assert (result.counts.factor_correct == expected.counts.factor_correct).all()
    assert str(result) == str(expected)


@pytest.mark.parametrize("scoring", ["class", "real", "metaclass"])
@pytest.mark.parametrize("selection", ["top", "multi"])
def test_settings(in_folder_order, model, selection, scoring):
    choice = {"selection": selection, "scoring": scoring, "prototypes": "keep", "empty": "exclude"}
    meter = ix.FactorMeter(**choice)
    meter.update(in_folder_order, torch.arange(50_000))
    expected = ix.evaluate(model, **choice)
    assert (meter.compute().counts.error_ratio == expected.counts.error_ratio).all()


def test_file_names_numbers_and_positions_mean_the_same(model, folder_ids):
    positions = torch.arange(1000, 1200)
    numbers = folder_ids[1000:1200]
    names = [f"/data/val/n0/ILSVRC2012_val_{number:08d}.JPEG" for number in numbers]
    classes = torch.from_numpy(model.classes[numbers - 1])
    meters = [
        ix.FactorMeter(),
        ix.FactorMeter(),
        ix.FactorMeter(index_order="number"),
        ix.FactorMeter(),
    ]
    for meter, images in zip(meters, (positions, names, numbers, positions.tolist()), strict=True):
        meter.update(classes, images)
        assert (meter.predictions().image_ids == np.sort(numbers)).all()
        assert (meter.predictions().classes == meters[0].predictions().classes).all()


def test_torchvision_folder_order(tmp_path, folder_ids):
    """Positions are those of torchvision's ImageFolder, on a part of its tree with empty files."""
    from ssl_lib.evaluation.imagenet_x import wheel
    from ssl_lib.vision import torchvision

    lines = (wheel.find_annotations() / "imagenet_labels.txt").read_text().splitlines()
    synsets = [line.partition(",")[0] for line in lines]
    assert synsets == sorted(synsets)
    chosen = (0, 1, 246, 999)
    for k in reversed(chosen):
        folder = tmp_path / synsets[k]
        folder.mkdir()
        for number in reversed(folder_ids[50 * k : 50 * k + 50]):
            (folder / f"ILSVRC2012_val_{number:08d}.JPEG").write_bytes(b"")
    samples = torchvision().datasets.ImageFolder(str(tmp_path)).samples
    expected = [folder_ids[50 * k + place] for k in chosen for place in range(50)]
    assert [int(path[-13:-5]) for path, _ in samples] == expected


def test_any_torch_model(folder_ids):
    """A linear probe on frozen features through an ordinary loader that yields indices."""
    torch.manual_seed(0)
    features = torch.randn(400, 8)
    images = torch.from_numpy(np.random.default_rng(0).choice(50_000, 400, replace=False))
    probe = torch.nn.Linear(8, 1000)
    data = torch.utils.data.TensorDataset(features, images)
    meter = ix.FactorMeter(name="probe")
    with torch.no_grad():
        for x, index in torch.utils.data.DataLoader(data, batch_size=64, shuffle=True):
            meter.update(probe(x), index)
        expected = probe(features).argmax(dim=1)
    assert meter.seen == 400
    assert meter.repeats == 0
    collected = meter.predictions()
    by_image = dict(zip(folder_ids[images.numpy()].tolist(), expected.tolist(), strict=True))
    assert (
        dict(zip(collected.image_ids.tolist(), collected.classes.tolist(), strict=True)) == by_image
    )
    report = meter.compute(bootstrap=20)
    assert report.intervals is not None
    annotated = int(np.isin(ix.load_annotations().image_ids, collected.image_ids).sum())
    assert report.counts.images.tolist() == [annotated]
    assert f"probe: predictions for {annotated:,} of them only" in str(report)


def test_models_of_a_part_of_imagenet(model, in_folder_order):
    classes = [207, 3, 950, 11]
    meter = ix.FactorMeter(classes=classes)
    positions = torch.cat([torch.arange(50 * k, 50 * k + 50) for k in classes])
    outputs = torch.eye(4)[torch.arange(4).repeat_interleave(50)]
    meter.update(outputs, positions)
    report = meter.compute()
    assert report.counts.accuracy.tolist() == [1.0]
    assert len(report.table) == len(ix.load_annotations(classes=classes))
    with pytest.raises(InputError, match="from 0 to 3"):
        meter.update(torch.tensor([4]), [0])
    with pytest.raises(InputError, match="1000 classes where 4 are expected"):
        meter.update(torch.zeros(1, 1000), [0])


def test_repeats_and_conflicts(in_folder_order):
    meter = ix.FactorMeter()
    meter.update(in_folder_order[:100], torch.arange(100))
    meter.update(in_folder_order[90:110], torch.arange(90, 110))
    assert (meter.seen, meter.repeats) == (110, 10)
    before = meter.state_dict()
    other = (in_folder_order[:1] + 1) % 1000
    with pytest.raises(InputError, match="1 images came twice with different predictions"):
        meter.update(torch.cat([in_folder_order[200:201], other]), torch.tensor([200, 0]))
    with pytest.raises(InputError, match="came twice"):
        meter.update(torch.tensor([1, 2]), torch.tensor([300, 300]))
    assert (meter.state_dict()["classes"] == before["classes"]).all()
    lenient = ix.FactorMeter(conflicts="count")
    lenient.load_state_dict(before)
    lenient.update(other, torch.tensor([0]))
    assert (lenient.seen, lenient.repeats, lenient.conflicts) == (110, 11, 1)
    assert (lenient.predictions().classes == meter.predictions().classes).all()


def test_merging_is_one_meter(in_folder_order):
    whole = ix.FactorMeter()
    whole.update(in_folder_order, torch.arange(50_000))
    parts = [ix.FactorMeter(), ix.FactorMeter()]
    for rank, part in enumerate(parts):
        part.update(in_folder_order[rank::2], torch.arange(rank, 50_000, 2))
    parts[0].merge(parts[1])
    assert (parts[0].state_dict()["classes"] == whole.state_dict()["classes"]).all()
    assert parts[0].repeats == 0
    assert str(parts[0].compute()) == str(whole.compute())
    parts[0].merge(parts[1])
    assert parts[0].repeats == 25_000


WORKER = """
import sys
import torch
from ssl_lib.errors import InputError
from ssl_lib.evaluation.imagenet_x import FactorMeter

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group(
    "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
)
predicted = torch.load(f"{folder}/predicted.pt")
sampler = torch.utils.data.DistributedSampler(range(999), 2, rank, shuffle=True, seed=5)
positions = torch.tensor(list(sampler))
meter, odd = FactorMeter(), FactorMeter()
meter.update(predicted[positions], positions)
meter.all_reduce()
odd.update((predicted[:9] + rank) % 1000, torch.arange(9))
lenient = FactorMeter(conflicts="count")
lenient.load_state_dict(odd.state_dict())
lenient.all_reduce()
try:
    odd.all_reduce()
    error = ""
except InputError as raised:
    error = str(raised)
outcome = meter.state_dict(), str(meter.compute()), error, lenient.state_dict()
torch.save(outcome, f"{folder}/{rank}.pt")
torch.distributed.destroy_process_group()
"""


def test_two_processes(tmp_path, in_folder_order):
    """A DistributedSampler pads 999 images to 2 x 500, so one image comes twice."""
    torch.save(in_folder_order, tmp_path / "predicted.pt")
    command = [sys.executable, "-c", WORKER]
    workers = [subprocess.Popen([*command, str(rank), str(tmp_path)]) for rank in range(2)]
    assert [process.wait(timeout=120) for process in workers] == [0, 0]
    alone = ix.FactorMeter()
    alone.update(in_folder_order[:999], torch.arange(999))
    larger = torch.maximum(in_folder_order[:9], (in_folder_order[:9] + 1) % 1000)
    for rank in range(2):
        state, text, error, lenient = torch.load(tmp_path / f"{rank}.pt")
        assert (state["classes"] == alone.state_dict()["classes"]).all()
        assert state["repeats"] == 1
        assert text == str(alone.compute())
        assert "9 images came twice with different predictions" in error
        assert lenient["conflicts"] == 9
        kept = ix.FactorMeter()
        kept.update(larger, torch.arange(9))
        assert (lenient["classes"] == kept.state_dict()["classes"]).all()


@pytest.mark.parametrize(
    ("outputs", "images", "message"),
    [
        (torch.zeros(2, 1000), [1], "2 outputs but 1 images"),
        (torch.zeros(1, 10), [1], "10 classes where 1000 are expected"),
        (torch.tensor([1000]), [1], "whole number from 0 to 999"),
        (torch.tensor([-1]), [1], "whole number from 0 to 999"),
        (torch.tensor([0.5]), [1], "scores .* or whole-number classes"),
        (torch.zeros(1, 2, 3), [1], "scores .* or whole-number classes"),
        (torch.full((1, 1000), float("nan")), [1], "contain NaN"),
        (torch.tensor([1]), [50_000], "from 0 to 49999"),
        (torch.tensor([1]), [-1], "from 0 to 49999"),
        (torch.tensor([1]), [0.5], "file names or one dimension of integers"),
        (torch.tensor([1]), ["cat.jpg"], "unknown file name 'cat.jpg'"),
    ],
)
def test_wrong_batches(outputs, images, message):
    meter = ix.FactorMeter()
    with pytest.raises(InputError, match=message):
        meter.update(outputs, images)
    assert meter.seen == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"index_order": "random"},
        {"conflicts": "ignore"},
        {"selection": "best"},
        {"scoring": "top5"},
        {"empty": "keep"},
        {"classes": [1000]},
    ],
)
def test_wrong_settings_are_refused_at_once(arguments):
    with pytest.raises(InputError):
        ix.FactorMeter(**arguments)


def test_before_the_first_batch():
    meter = ix.FactorMeter()
    with pytest.raises(InputError, match="no image seen yet"):
        meter.compute()
    meter.update(torch.empty(0, 1000), [])
    assert meter.seen == 0
    meter.update(torch.tensor([1]), [0])
    meter.reset()
    assert meter.seen == 0


def test_a_state_of_other_classes_is_refused(in_folder_order):
    meter = ix.FactorMeter()
    meter.update(in_folder_order[:100], np.arange(100))
    state = meter.state_dict()
    few = ix.FactorMeter(classes=[3, 5, 7])
    with pytest.raises(InputError, match="classes that this meter does not know"):
        few.load_state_dict(state)
    with pytest.raises(InputError, match=r"knows other classes \(1000; this one's 3\)"):
        few.load_state_dict(ix.FactorMeter().state_dict())
    with pytest.raises(InputError, match=r"knows other classes \(3; this one's 1000\)"):
        meter.merge(few)
    assert (few.seen, meter.seen) == (0, 100)
    old = {name: value for name, value in state.items() if name != "outputs"}
    again = ix.FactorMeter()
    again.load_state_dict(old)  # as it was written before classes were kept
    assert again.seen == 100
    assert torch.equal(again.state_dict()["classes"], state["classes"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": torch.zeros(10, dtype=torch.int16)}, "must be 50000 whole numbers"),
        ({"classes": torch.zeros(50_000)}, "got torch.float32"),
        ({"classes": torch.full((50_000,), 1000)}, "does not know"),
        ({"classes": torch.full((50_000,), -2)}, "does not know"),
        ({"repeats": -1}, "repeats must be at least 0"),
        ({"conflicts": 0.5}, "conflicts must be a whole number"),
    ],
)
def test_a_state_that_is_none_is_refused(change, message):
    meter = ix.FactorMeter()
    with pytest.raises(InputError, match=message):
        meter.load_state_dict(meter.state_dict() | change)
    with pytest.raises(InputError, match="must hold classes, conflicts, repeats"):
        meter.load_state_dict({})
    assert meter.seen == 0


def test_infinite_scores_choose_no_class_unless_one_is_finite():
    meter = ix.FactorMeter(classes=[10, 20, 30])
    scores = torch.full((2, 3), -torch.inf)
    scores[:, 2] = 0.0
    meter.update(scores, [0, 1])
    assert meter.predictions().classes.tolist() == [30, 30]
    for value in (torch.inf, -torch.inf):
        with pytest.raises(InputError, match="outputs of row 0 choose no class"):
            meter.update(torch.full((1, 3), value), [2])
    assert meter.seen == 2


def test_a_meter_takes_arrays_and_lists():
    scores = np.eye(1000)[[4, 7]]
    seen = []
    for outputs in (scores, scores.tolist(), [4, 7], np.array([4, 7], np.uint16)):
        meter = ix.FactorMeter()
        meter.update(outputs, [0, 1])
        seen.append(meter.state_dict()["classes"])
    assert all(torch.equal(one, seen[0]) for one in seen)
    with pytest.raises(InputError, match="whole-number classes"):
        ix.FactorMeter().update(torch.tensor([True, False]), [0, 1])


def test_predictions_right_as_by_chance_hint_at_the_order_of_classes(model, table):
    turned = ix.Predictions(
        name="turned", image_ids=model.image_ids, classes=(model.classes + 500) % 1000
    )
    (hint,) = ix.score([model, turned], table).hints()
    assert hint.startswith("turned: 0.")
    assert "of 46,110 images are right, as by chance" in hint
    report = str(ix.evaluate([model, turned]))
    assert "as by chance" in report
    assert max(map(len, report.splitlines())) <= 120
    assert ix.score(model, table).hints() == []
    assert ix.score(turned, table.subset(np.arange(len(table)) < 900), partial=True).hints() == []
