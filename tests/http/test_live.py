"""The line in front of a workspace: so many wait, who gives up makes room, and each workspace has a line of its own."""

import asyncio
import threading
import time
from pathlib import Path

import pytest
import yaml

from app import configuration
from app.errors import WorkspaceNotFound, WorkspaceUnavailable
from app.http.conventions.live import PLACES, THREADS, look
from tests.http.conftest import make_configuration


@pytest.fixture(autouse=True)
def _configured(tmp_path: Path) -> None:
    path = tmp_path / "causeway.yaml"
    path.write_text(yaml.safe_dump(make_configuration()))
    configuration.use(path)


async def test_a_full_line_refuses_at_once_and_whoever_gives_up_makes_room() -> None:
    answered, begun = threading.Event(), threading.Semaphore(0)

    def hang() -> str:
        begun.release()
        answered.wait(30)
        return "late"

    waiting = [asyncio.create_task(look("dev", "looking", hang)) for _ in range(PLACES)]
    try:
        for _ in range(THREADS):
            assert await asyncio.to_thread(begun.acquire, timeout=20)
        with pytest.raises(WorkspaceUnavailable) as raised:
            await asyncio.wait_for(look("dev", "looking", hang), 1)
        assert raised.value.retry_after_seconds
        assert await look("prod", "looking", lambda: "at once") == "at once"

        for one in waiting[THREADS:]:
            one.cancel()
        await asyncio.gather(*waiting[THREADS:], return_exceptions=True)
        late = asyncio.create_task(look("dev", "looking", time.monotonic))
        await asyncio.sleep(0)
        assert not late.done()
    finally:
        answered.set()
    assert await asyncio.gather(*waiting[:THREADS]) == ["late"] * THREADS
    assert await late > 0
    # Those that were cancelled never began.
    assert not begun.acquire(blocking=False)


async def test_a_name_that_is_not_configured_gets_no_thread() -> None:
    with pytest.raises(WorkspaceNotFound):
        await look("mars", "looking", lambda: None)
