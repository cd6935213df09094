"""Whom an ensemble helps: accuracy by group and ensemble size (FAIR-Ensemble, arXiv 2303.00586).

Everything starts from the members' class probabilities on test images, an array (m, n, c), and the
labels (n,). A group is a set of weights over images, so that every statistic of a group, from the
accuracy of an ensemble to the disagreement of its members, is one product of matrices.

Examples
--------
>>> import numpy as np
>>> from ssl_lib.evaluation import fairness
>>> random = np.random.default_rng(0)
>>> labels = np.arange(400) % 4
>>> logits = random.normal(size=(6, 400, 4)) + (2 - labels[:, None] / 2) * np.eye(4)[labels]
>>> probabilities = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
>>> groups = fairness.held_out_class_groups(probabilities, labels, k=1)
>>> curve = fairness.ensemble_curve(probabilities, labels)
>>> groups.mean(curve.right)[[0, -1]].round(2)  # one member, all six; all, top, bottom class
array([[0.62, 0.83, 0.4 ],
       [0.87, 1.  , 0.63]])
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl_lib.evaluation.fairness.curves import EnsembleCurve, ensemble_curve
    from ssl_lib.evaluation.fairness.disagreement import (
        VoteBound,
        churn,
        diversity,
        pairwise_disagreement,
        vote_bound,
        votes,
    )
    from ssl_lib.evaluation.fairness.ensembles import (
        AGGREGATES,
        ensemble_predictions,
        member_scores,
        softmax,
    )
    from ssl_lib.evaluation.fairness.files import Predictions, load_groups, load_predictions
    from ssl_lib.evaluation.fairness.groups import (
        Groups,
        class_accuracy,
        class_groups,
        extreme_classes,
        held_out_class_groups,
        subgroups,
    )
    from ssl_lib.evaluation.fairness.protocols import (
        GroupCurve,
        base_protocol,
        group_curve,
        held_out_protocol,
    )
    from ssl_lib.evaluation.fairness.report import FairnessReport, evaluate

_HOME = {
    "curves": ("EnsembleCurve", "ensemble_curve"),
    "disagreement": (
        "VoteBound",
        "churn",
        "diversity",
        "pairwise_disagreement",
        "vote_bound",
        "votes",
    ),
    "ensembles": ("AGGREGATES", "ensemble_predictions", "member_scores", "softmax"),
    "files": ("Predictions", "load_groups", "load_predictions"),
    "groups": (
        "Groups",
        "class_accuracy",
        "class_groups",
        "extreme_classes",
        "held_out_class_groups",
        "subgroups",
    ),
    "protocols": ("GroupCurve", "base_protocol", "group_curve", "held_out_protocol"),
    "report": ("FairnessReport", "evaluate"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AGGREGATES",
    "EnsembleCurve",
    "FairnessReport",
    "GroupCurve",
    "Groups",
    "Predictions",
    "VoteBound",
    "base_protocol",
    "churn",
    "class_accuracy",
    "class_groups",
    "diversity",
    "ensemble_curve",
    "ensemble_predictions",
    "evaluate",
    "extreme_classes",
    "group_curve",
    "held_out_class_groups",
    "held_out_protocol",
    "load_groups",
    "load_predictions",
    "member_scores",
    "pairwise_disagreement",
    "softmax",
    "subgroups",
    "vote_bound",
    "votes",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
