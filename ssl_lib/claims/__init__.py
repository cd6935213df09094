"""What each paper claims, the rule that decides it, and the verdict that a run gives.

``reporting``  claims.yml, reports of a chapter and the scoreboard
``rules``      estimates, rules, verdicts
``intervals``  intervals of means over seeds
"""

from ssl_lib.claims.reporting import MIME, SYMBOLS, Claim, load, report, restore, scoreboard
from ssl_lib.claims.rules import VERDICTS, Estimate, Rule, Verdict, decide

__all__ = [
    "MIME", "SYMBOLS", "VERDICTS", "Claim", "Estimate", "Rule", "Verdict", "decide", "load",
    "report", "restore", "scoreboard",
]  # fmt: skip
