"""The wheel is the same bytes each time, and what it asks for is what the lock says."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version as installed
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
JOBS = REPOSITORY / "jobs"
# What scoring needs is the model's to say.
PINNED = ("train", "copy", "verify", "digests")
REQUIREMENTS = JOBS / "causeway_jobs/requirements"


def build(folder: Path) -> Path:
    """As the Makefile does."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1735689600"}
    subprocess.run(command, cwd=JOBS, env=environment, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def test_two_builds_are_the_same_bytes_and_hold_the_pins(tmp_path: Path) -> None:
    first, second = build(tmp_path / "a"), build(tmp_path / "b")
    assert first.name == "causeway_jobs-0.1.0-py3-none-any.whl"
    assert first.read_bytes() == second.read_bytes()
    held = set(zipfile.ZipFile(first).namelist())
    assert {f"causeway_jobs/requirements/{job}.txt" for job in PINNED} <= held
    assert not [name for name in held if "__pycache__" in name or name.startswith("app/")]


def test_the_wheel_itself_requires_nothing_and_has_an_entry_point_for_each_job() -> None:
    project = tomllib.loads((JOBS / "pyproject.toml").read_text())["project"]
    assert project.get("dependencies", []) == []
    assert set(project["scripts"]) == {*(f"causeway-{job}" for job in PINNED), "causeway-score"}


@pytest.mark.parametrize("job", PINNED)
def test_the_pins_of_a_job_are_lines_of_the_lock_for_this_python_and_others(job: str) -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    locked = {line.rstrip(" \\") for line in lock.splitlines() if re.match(r"[a-z0-9]", line)}
    pins = (REQUIREMENTS / f"{job}.txt").read_text().splitlines()
    assert pins == sorted(pins)
    assert set(pins) <= locked
    for name in {Requirement(pin).name for pin in pins}:
        assert {pin for pin in locked if Requirement(pin).name == name} <= set(pins), f"{name} on another Python"
    here = [Requirement(pin) for pin in pins if not (marker := Requirement(pin).marker) or marker.evaluate()]
    assert all(pin.specifier.contains(installed(pin.name)) for pin in here)


def test_scoring_imports_nothing_but_what_every_mlflow_model_brings_along() -> None:
    program = (
        "import sys\n"
        "for name in ('sklearn', 'lightgbm', 'flaml', 'xgboost', 'matplotlib', 'threadpoolctl', 'picklescan'):\n"
        "    sys.modules[name] = None\n"
        "import causeway_jobs.score\n"
        "print(sorted(name for name in sys.modules if name.startswith('causeway_jobs.')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(JOBS)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str([f"causeway_jobs.{name}" for name in ("folders", "manifest", "score")]), (
        done.stderr
    )
