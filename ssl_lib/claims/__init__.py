"""What each paper claims, the rule that decides it, and the verdict that a run gives.

``stated``     claims.yml
``rules``      estimates, rules, verdicts
``reporting``  reports of a chapter, the scoreboard and the scorecard
``entries``    a claim as readers see it; ``pictures`` its estimates against the rule
``records``    what a run leaves for the scorecard
``intervals``  intervals of means over seeds; ``resampling`` where units are crossed or noisy
"""

from ssl_lib.claims.records import MIME, restore
from ssl_lib.claims.reporting import brief, not_tested, report, scoreboard, scorecard
from ssl_lib.claims.rules import SYMBOLS, VERDICTS, Estimate, Rule, Verdict, decide
from ssl_lib.claims.stated import Choice, Claim, Revision, load

__all__ = [
    "MIME", "SYMBOLS", "VERDICTS", "Choice", "Claim", "Estimate", "Revision", "Rule", "Verdict",
    "brief", "decide", "load", "not_tested", "report", "restore", "scoreboard", "scorecard",
]  # fmt: skip
