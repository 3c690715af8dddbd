"""Is the committed OpenAPI document the one that this code serves, and is it fit to be a product?"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
import yaml

from app.main import create_app
from tests.http import openapi_ruleset
from tests.http.openapi_compatibility import breaks, undeclared

ROOT = Path(__file__).resolve().parents[2]
DELIBERATE = Path(__file__).with_name("deliberate_breaks.yaml")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app().openapi()


def test_the_committed_document_is_the_one_that_is_served(document: dict[str, Any]) -> None:
    committed = json.loads((ROOT / "openapi.json").read_text())
    assert committed == document, "run `.venv/bin/causeway openapi --output openapi.json`"


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    openapi_spec_validator.validate(document)


@pytest.mark.parametrize("rule", openapi_ruleset.RULES, ids=lambda rule: rule.__name__)
def test_the_document_keeps_the_ruleset(document: dict[str, Any], rule: openapi_ruleset.Rule) -> None:
    assert list(rule(document)) == []


def test_clients_of_the_last_release_keep_working(document: dict[str, Any]) -> None:
    described = git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*")
    if described.returncode:
        pytest.skip("nothing has been released yet")
    released = json.loads(git("show", f"{described.stdout.strip()}:openapi.json").stdout)
    assert undeclared(breaks(released, document), yaml.safe_load(DELIBERATE.read_text())) == []


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
