"""A real sandbox process to test against: one for all tests of a worker, or one of one's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.running import Sandbox, unique


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The sandbox that the tests of this worker share; never reset it, and leave its settings as they were."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"), "--visibility-seconds", "1")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def slow_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Another one for all tests of a worker: what is shared is seen late, OAuth tokens end soon, and a third workspace
    stands beside dev."""
    manners = ("--visibility-seconds", "3", "--oauth-token-seconds", "3", "--beside-dev", "staging")
    running = Sandbox(tmp_path_factory.mktemp("slow-sandbox"), *manners)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def pliable_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One whose settings tests may switch for a while; what is shared is seen at once, `test` stands beside dev."""
    running = Sandbox(tmp_path_factory.mktemp("pliable"), "--visibility-seconds", "0", "--beside-dev", "test")
    yield running
    running.stop()


@pytest.fixture
def start_sandbox(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """Start a sandbox for this test alone: to kill, reset, throttle or configure."""
    started: list[Sandbox] = []

    def start(*arguments: str) -> Sandbox:
        started.append(Sandbox(tmp_path / f"sandbox-{len(started)}", *arguments))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(name="unique")
def unique_fixture() -> Callable[[str], str]:
    """Makes names that no other test uses."""
    return unique
