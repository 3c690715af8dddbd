"""What the whole run says at its end: how far the matrices went, and what that took."""

import os
from collections import Counter

import pytest

BUDGET_SECONDS = 240
COUNTED = ("crashes", "lost answers", "refusals", "operations", "duplicates", "losses")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The tally of the crash matrix and of the lost-answer matrix, if any of them ran."""
    tally, spans = Counter[str](), []
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, counted in getattr(report, "user_properties", []):
                if name == "matrix" and report.when == "teardown":
                    spans.append(counted["span"])
                    tally.update({what: number for what, number in counted.items() if what in COUNTED})
    if tally:
        done = ", ".join(f"{tally[what]:.0f} {what}" for what in COUNTED)
        terminalreporter.write_sep("=", "crashes and lost answers")
        budget = "" if "CHAOS" in os.environ else f" of a budget of {BUDGET_SECONDS} s"
        terminalreporter.write_line(f"{done}; {_cover(spans):.0f} s{budget}")


def _cover(spans: list[list[float]]) -> float:
    """The seconds during which any of them was under way."""
    covered, until = 0.0, 0.0
    for began, ended in sorted(spans):
        covered += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return covered
