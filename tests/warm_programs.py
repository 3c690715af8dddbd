"""Programs run to their end in processes that have imported what they need, mlflow unless said otherwise: a cold start
takes seconds.
"""

import runpy
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.forked_programs import Forked

DEADLINE_SECONDS = 300
PRELOADED = (
    "mlflow.pyfunc.scoring_server",
    "mlflow.sklearn",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "lightgbm",
    "flaml.automl",
    "databricks.sdk",
)


@dataclass(frozen=True)
class Ended:
    """How a program ended, and everything that it printed."""

    code: int
    output: str


def run(target: str, *arguments: str, preload: tuple[str, ...] = PRELOADED, environment: dict[str, str]) -> Ended:
    """Run `target` ("module:function") as a program of its own, in that environment and no other."""
    with tempfile.NamedTemporaryFile() as output:
        place = Path(output.name)
        program = Forked(target, *arguments, preload=preload, environment=environment, output=place)
        try:
            return Ended(program.wait(DEADLINE_SECONDS), place.read_text())
        finally:
            program.kill()


def script() -> None:
    """Be `python script.py …` for the script that is the first argument."""
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")
