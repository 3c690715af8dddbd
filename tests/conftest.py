"""What the whole run says at its end: how far the matrices went, and what that took."""

import os
from collections import Counter

import pytest

BUDGET_SECONDS = 240
COUNTED = ("crashes", "lost answers", "refusals", "operations", "duplicates", "losses")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The tally of the crash matrix and of the lost-answer matrix, if any of them ran."""
    tally = Counter[str]()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, counted in getattr(report, "user_properties", []):
                if name == "matrix" and report.when == "teardown":
                    tally.update(counted)
    if tally:
        done = ", ".join(f"{tally[what]:.0f} {what}" for what in COUNTED)
        terminalreporter.write_sep("=", "crashes and lost answers")
        budget = "" if "CHAOS" in os.environ else f" of a budget of {BUDGET_SECONDS} s"
        terminalreporter.write_line(f"{done}; {tally['seconds']:.0f} s{budget}")
