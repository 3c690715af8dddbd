"""A prediction whose token is refused before its time: it is sent again by a fresh one, when that can be done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.errors import TokenRefused
from app.workspaces import invocations
from tests.workspaces.conftest import Answer, Asked, Configure, Stub
from tests.workspaces.test_invocations import PATH, ROWS, invoke


@pytest.fixture(autouse=True)
async def _closing() -> AsyncIterator[None]:
    yield
    await invocations.close()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_refused_before_its_time_is_dropped_and_a_short_body_sent_again_with_a_fresh_one(
    stub: Stub, configure: Configure, oauth: dict[str, Any], status: int
) -> None:
    configure(prod={"host": stub.host, "auth": oauth})
    given = iter(range(1, 9))
    refused = {"Bearer token-1", "Bearer token-2", "Bearer token-3", "Bearer token-4"}

    def say(asked: Asked) -> Answer:
        if asked.path == "/oidc/v1/token":
            return Answer(200, {"access_token": f"token-{next(given)}", "expires_in": 3600})
        known = asked.headers["Authorization"] not in refused
        return Answer(200, {"predictions": [1]}) if known else Answer(status, {"message": "Invalid access token."})

    async def long() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * invocations.RESENT_BYTES

    stub.script = say
    # Twice refused is refused: something else is the matter.
    with pytest.raises(TokenRefused) as raised:
        await invoke()
    assert raised.value.retryable
    assert stub.count("/oidc") == 2
    # A long body has passed and is gone.
    with pytest.raises(TokenRefused):
        await invoke(body=long(), headers={"content-length": str(5 * invocations.RESENT_BYTES)})
    assert stub.count("/oidc") == 3
    answer, _ = await invoke(body=short(), headers={"content-length": str(len(ROWS))})
    await invoke()
    assert answer.status == 200
    assert [asked.body for asked in stub.asked[-3:] if asked.path == PATH] == [ROWS, ROWS]
    assert stub.count("/oidc") == 5


async def short() -> AsyncIterator[bytes]:
    """A body as it comes from a caller."""
    yield ROWS[:20]
    yield ROWS[20:]
