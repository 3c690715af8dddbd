"""Which tests share a worker by their folder; what the run says at its end of the matrices, and what those took."""

import gc
import os
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Theirs are sandboxes that last: every worker would start all of them, and the jobs' imports with each.
TOGETHER = ("sandbox", "workspaces")
BUDGET_SECONDS = 240
COUNTED = ("crashes", "lost answers", "refusals", "operations", "duplicates", "losses")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a folder that share a sandbox on one worker, unless they say otherwise themselves."""
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        if folder in TOGETHER and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(folder))


def pytest_collection_finish() -> None:
    """What was imported stays: out of the collector's sight, as in the service, it costs nothing later."""
    gc.freeze()


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
