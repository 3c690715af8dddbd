"""Is a forked process as real as one that was started by its command, and does that command still start?"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.http.conftest import make_configuration
from tests.service_process import Service


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, make_configuration(), {"TEST_TOKEN": "nothing"})
    yield service
    service.stop()


def test_a_forked_service_is_a_process_of_its_own(own: Service) -> None:
    pid = own.process.pid

    assert os.getpgid(pid) == pid != os.getpgid(0)
    os.kill(pid, signal.SIGSTOP)
    assert own.process.poll() is None
    os.kill(pid, signal.SIGCONT)
    own.kill()
    assert (own.process.poll(), psutil.pid_exists(pid)) == (-signal.SIGKILL, False)
    own.start()
    assert own.process.pid != pid
    own.stop()
    assert own.process.poll() == -signal.SIGTERM
    assert "Application startup complete." in own.output()


def test_the_command_itself_starts_the_service(own: Service) -> None:
    own.stop()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(own.port)]
    with (own.folder / "output.txt").open("a") as output:
        running = subprocess.Popen(command, env=own.environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while not _is_ready(own.url):
            assert running.poll() is None, own.output()
            assert time.monotonic() < deadline, own.output()
            time.sleep(0.05)
    finally:
        running.terminate()
        running.wait(timeout=20)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
