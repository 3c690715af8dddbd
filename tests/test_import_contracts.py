"""Do the import contracts bite? Each is broken on purpose in a copy of the tree, and must name the import."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# The contract, the module that is added to the copy, what it imports, and how the contract names the offence.
OFFENCES = [
    ("layers", "app/domain/offence.py", "import app.http", "app.domain.offence -> app.http"),
    ("layers", "app/http/offence.py", "import app.main", "app.http.offence -> app.main"),
    ("layers", "app/store/offence.py", "import app.domain", "app.store.offence -> app.domain"),
    ("layers", "app/store/offence.py", "import app.workspaces", "app.store.offence -> app.workspaces"),
    ("layers", "app/workspaces/offence.py", "import app.durable", "app.workspaces.offence -> app.durable"),
    ("layers", "app/errors/offence.py", "import app.store", "app.errors.offence -> app.store"),
    ("layers", "app/extras.py", "", "- app.extras"),
    ("http-stops-at-domain", "app/http/offence.py", "import app.store", "app.http.offence -> app.store"),
    ("transactions", "app/domain/offence.py", "import app.store.database", "app.domain.offence -> app.store.database"),
    ("sandbox-knows-nobody", "app/sandbox/offence.py", "import app.settings", "app.sandbox.offence -> app.settings"),
    ("nobody-knows-sandbox", "app/domain/offence.py", "import app.sandbox", "app.domain.offence -> app.sandbox"),
    ("demo-is-a-client", "app/demo/offence.py", "import app.domain", "app.demo.offence -> app.domain"),
    ("demo-is-started-by-cli", "app/domain/offence.py", "import app.demo", "app.domain.offence -> app.demo"),
    ("jobs", "jobs/causeway_jobs/offence.py", "import app.settings", "causeway_jobs.offence -> app.settings"),
    ("databricks", "app/domain/offence.py", "import databricks.sdk", "app.domain.offence -> databricks"),
    ("aiohttp", "app/http/offence.py", "import aiohttp", "app.http.offence -> aiohttp"),
    ("dbos", "app/domain/offence.py", "import dbos", "app.domain.offence -> dbos"),
    ("sql", "app/domain/offence.py", "from sqlmodel import Session", "app.domain.offence -> sqlmodel"),
    ("web", "app/domain/offence.py", "import starlette.requests", "app.domain.offence -> starlette"),
    ("models", "app/domain/offence.py", "import mlflow", "app.domain.offence -> mlflow"),
    ("models", "app/workspaces/offence.py", "import pandas", "app.workspaces.offence -> pandas"),
]


def test_the_tree_keeps_every_contract() -> None:
    exit_code, output = lint_imports(ROOT)
    assert exit_code == 0, output


def test_every_contract_has_an_offence_that_breaks_it() -> None:
    broken_by_a_test = {contract for contract, *_ in OFFENCES} | {"circles"}
    assert set(contracts()) == broken_by_a_test


@pytest.mark.parametrize(
    ("contract", "file", "line", "named"), OFFENCES, ids=[f"{offence[0]}: {offence[3]}" for offence in OFFENCES]
)
def test_an_offending_import_breaks_its_contract(
    tmp_path: Path, contract: str, file: str, line: str, named: str
) -> None:
    tree = copy_of_the_tree(tmp_path)
    (tree / file).write_text(f"{line}\n")
    exit_code, output = lint_imports(tree, contract)
    assert exit_code == 1
    assert f"{contracts()[contract]} BROKEN" in output
    assert named in output


def test_an_import_inside_a_function_breaks_its_contract_too(tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    (tree / "app/domain/offence.py").write_text("def offend():\n    import mlflow\n")
    exit_code, output = lint_imports(tree, "models")
    assert exit_code == 1
    assert "app.domain.offence -> mlflow" in output


def test_two_modules_that_import_each_other_are_a_circle(tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    (tree / "app/domain/chicken.py").write_text("import app.domain.egg\n")
    (tree / "app/domain/egg.py").write_text("import app.domain.chicken\n")
    exit_code, output = lint_imports(tree, "circles")
    assert exit_code == 1
    assert "No cycles are allowed in app.domain." in output


def contracts() -> dict[str, str]:
    """The name of each contract by its identifier."""
    configuration = configparser.ConfigParser()
    configuration.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {
        section.removeprefix(prefix): configuration[section]["name"]
        for section in configuration.sections()
        if section.startswith(prefix)
    }


def copy_of_the_tree(folder: Path) -> Path:
    """The packages' Python files and the contracts, to be spoiled."""
    for package in ("app", "jobs/causeway_jobs"):
        shutil.copytree(ROOT / package, folder / package, ignore=only_python)
    shutil.copy(ROOT / ".importlinter", folder)
    return folder


def only_python(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".py") and not (Path(folder) / name).is_dir()]


def lint_imports(tree: Path, contract: str | None = None) -> tuple[int, str]:
    """The exit code of lint-imports in `tree`, for one contract or for all, and what it printed."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    if contract:
        command += ["--contract", contract]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tree), str(tree / "jobs")]), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr
