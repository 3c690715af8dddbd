"""Does every call answer as the document says, to whatever a fuzzer makes of the document, valid or not?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

import tests.http.schemathesis_hooks  # noqa: F401 (registers the hooks)
from app.main import create_app
from tests.http.conftest import ALICE
from tests.service_process import Service

CONFIG = SchemathesisConfig.from_path(Path(__file__).with_name("schemathesis.toml"))


@pytest.fixture
def document() -> Any:
    """Read by the worker that runs the test alone: the fuzzer takes seconds to think of what to send."""
    return schemathesis.openapi.from_dict(create_app().openapi(), config=CONFIG)


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
def test_answers_conform_to_the_document(case: Case[Any], service: Service) -> None:
    case.call_and_validate(base_url=service.url, headers={"Authorization": f"Bearer {service.key(ALICE)}"})
