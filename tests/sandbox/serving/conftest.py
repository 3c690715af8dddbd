"""A model to serve, and an endpoint to serve it."""

from collections.abc import Iterator

import pytest

from tests.sandbox.running import Sandbox, unique
from tests.sandbox.serving.endpoints import make_model


@pytest.fixture(scope="session")
def model(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of B to serve: version 1 answers twice the x, 2 three times; 3 and 4 cannot be deployed."""
    return make_model(sandbox, tmp_path_factory.mktemp("models"))


@pytest.fixture
def endpoint(sandbox: Sandbox) -> Iterator[str]:
    """The name of an endpoint that is gone after the test."""
    name = unique("endpoint")
    yield name
    sandbox.call("prod", "DELETE", f"/api/2.0/serving-endpoints/{name}")
