"""Alarms of collapsed prototypes: counts by brute force, and what every prototype method logs."""

import math

import pytest
import torch

from ssl_lib import data
from ssl_lib.data.views import policy
from ssl_lib.errors import InputError
from ssl_lib.methods import (
    METHODS,
    build_method,
    collapse,
    collapse_alarms,
    distinct_prototypes,
    merged_usage,
    method_class,
    prototype_logs,
)
from ssl_lib.models import build_encoder
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain

WITH_PROTOTYPES = [name for name in METHODS if method_class(name).uses_prototypes]


def close(prototypes, bound):
    """Return by loops which pairs of different prototypes are copies."""
    rows = [row / row.norm() for row in prototypes]
    return {
        (i, j)
        for i, a in enumerate(rows)
        for j, b in enumerate(rows)
        if i != j and float(a @ b) >= bound
    }


@pytest.mark.parametrize("bound", [0.3, 0.9])
def test_distinct_prototypes_against_loops(small, monkeypatch, bound):
    prototypes = torch.cat([small(9, 3), 2 * small(9, 3)])
    prototypes[4] = 3 * prototypes[11]
    expected = len(prototypes) - len({i for i, _ in close(prototypes, bound)})
    assert distinct_prototypes(prototypes, cosine=bound).item() == expected
    monkeypatch.setattr(collapse, "_ROWS", 5)  # in blocks, as for many prototypes
    assert distinct_prototypes(prototypes, cosine=bound).item() == expected


def test_distinct_prototypes_at_the_ends(small):
    assert distinct_prototypes(torch.eye(7)).item() == 7
    assert distinct_prototypes(torch.ones(7, 2)).item() == 0
    assert distinct_prototypes(torch.ones(1, 2)).item() == 1


def test_merged_usage_against_growing_groups(small):
    prototypes, usage = small(14, 3), small(14).abs()
    pairs = close(prototypes, 0.8)
    groups = [{k} for k in range(14)]
    for i, j in pairs:
        joined = [group for group in groups if i in group or j in group]
        groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    expected = sorted((sum(usage[k].item() for k in group) for group in groups), reverse=True)
    assert 1 < len(groups) < 14
    assert merged_usage(usage, prototypes, cosine=0.8).tolist() == pytest.approx(expected)
    with pytest.raises(InputError, match="one share per prototype"):
        merged_usage(usage[1:], prototypes)


def test_copies_make_a_large_cluster_look_uniform():
    """Three copies share the largest cluster: usage is uniform, merged usage is not."""
    prototypes = torch.eye(4)[[0, 0, 0, 1, 2]]
    usage = torch.full((5,), 0.2)
    assert merged_usage(usage, prototypes).tolist() == pytest.approx([0.6, 0.2, 0.2])
    assert distinct_prototypes(prototypes).item() == 2


def test_logs_at_collapse_and_at_balance():
    flat = prototype_logs(torch.full((8, 4), 0.25), torch.eye(4), torch.tensor(math.log(4)))
    assert flat["flatness"].item() == pytest.approx(1)
    assert flat["non_uniformity"].item() == pytest.approx(0, abs=1e-6)
    one = prototype_logs(torch.eye(4)[[0] * 8], torch.eye(4), torch.tensor(0.0))
    assert one["non_uniformity"].item() == pytest.approx(math.log(4))
    assert (one["used_prototypes"].item(), one["largest_share"].item()) == (1, 1)
    single = prototype_logs(torch.ones(8, 1), torch.ones(1, 3), torch.tensor(0.0))
    assert all(bool(value.isfinite()) for value in single.values())


@pytest.mark.parametrize("name", WITH_PROTOTYPES)
def test_every_prototype_method_logs_them_once_an_epoch(name):
    encoder = build_encoder("mlp", in_channels=1, image_size=8, hidden=(16,), out_dim=8)
    method = build_method(name, encoder, head=(16, 8), n_prototypes=12)
    digits = data.load("digits").subset(slice(0, 128))
    run = pretrain(
        method,
        digits,
        policy=policy("digits", size=8),
        config=TrainingConfig(epochs=2, batch_size=64),
        progress=False,
    )
    weight = method.head.last.weight if name == "dino" else method.prototypes.weight
    # Once an epoch: the last step's, before its update.
    assert run.history[-1]["distinct_prototypes"] == pytest.approx(
        distinct_prototypes(weight).item(), abs=2
    )
    for entry in run.history:
        assert 1 <= entry["used_prototypes"] <= 12
        assert 1 / 12 <= entry["largest_share"] <= 1
        assert -1e-6 <= entry["non_uniformity"] <= math.log(12)
        assert entry["flatness"] > 0
    assert isinstance(collapse_alarms(run.history, n_prototypes=12), tuple)


GOOD = {
    "used_prototypes": 20.0,
    "distinct_prototypes": 60.0,
    "flatness": 0.5,
    "non_uniformity": 0.5,
    "regulariser": 0.01,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"used_prototypes": 4.0}, ("few prototypes are used",)),
        ({"used_prototypes": 5.0}, ()),
        ({"distinct_prototypes": 31.0}, ("prototypes are copies",)),
        ({"flatness": 1.009}, ("predictions are flat",)),
        ({"flatness": 0.989}, ()),
        ({"flatness": 1.3}, ()),
        ({"regulariser": 0.11}, ("usage is far from the prior",)),
    ],
)
def test_alarms_follow_their_bounds(changes, expected):
    history = [GOOD | changes] * 10
    assert collapse_alarms(history, n_prototypes=64, n_classes=10) == expected


def test_a_flat_start_is_no_alarm_and_a_method_without_a_prior_is_compared_with_the_uniform_one():
    flat = GOOD | {"flatness": 1.0}
    assert collapse_alarms([flat] * 9 + [GOOD], n_prototypes=64, n_classes=10) == ()
    assert collapse_alarms([GOOD] * 3 + [flat] * 7, n_prototypes=64, n_classes=10) != ()
    without = {key: value for key, value in GOOD.items() if key != "regulariser"}
    assert collapse_alarms([without], n_prototypes=64, n_classes=10) == (
        "usage is far from the prior",
    )
    # Without classes a quarter of all prototypes is asked for.
    assert collapse_alarms([GOOD | {"used_prototypes": 15.0}], n_prototypes=64) == (
        "few prototypes are used",
    )
    with pytest.raises(InputError, match="no entry with logs of prototypes"):
        collapse_alarms([{"loss": 1.0}], n_prototypes=64)


def test_a_run_that_diverged_raises_no_false_all_clear():
    with pytest.raises(InputError, match="flatness is nan in the last entry: the run has diverged"):
        collapse_alarms([GOOD, GOOD | {"flatness": math.nan}], n_prototypes=64)
    with pytest.raises(InputError, match="n_classes must be at least 1, got 0"):
        collapse_alarms([GOOD], n_prototypes=64, n_classes=0)
