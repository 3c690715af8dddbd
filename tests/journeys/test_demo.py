"""The demo as somebody runs it: a program that plays the whole story, and leaves nothing behind."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

REPOSITORY = Path(__file__).parents[2]
PLAYED_SECONDS = 420
ENDED_SECONDS = 40
# One worker for all of it: the demo takes a sandbox, a service, and a minute.
pytestmark = pytest.mark.xdist_group("demo")


@dataclass
class Played:
    """A demo that has ended with `--keep`, and what it printed."""

    folder: Path
    code: int
    text: str

    def printed(self, pattern: str) -> str:
        found = re.search(pattern, self.text)
        assert found, f"no {pattern} in:\n{self.text}"
        return found[1]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("demo")
    running = start(folder, "--trials", "2", "--keep")
    try:
        text, _ = running.communicate(timeout=PLAYED_SECONDS)
        yield Played(folder, running.returncode, text)
    finally:
        for process in processes_in(folder):
            process.kill()


def test_the_story_ends_with_equal_answers_from_endpoint_and_ad_hoc_scoring(played: Played) -> None:
    assert played.code == 0, played.text
    last_table = played.text[played.text.rindex("ad hoc (scoring job)") :]
    rows = re.findall(r"^ +\d+ +([\d.]+) +([\d.]+) +\S+ +✓ yes", last_table, re.MULTILINE)
    assert len(rows) == 24
    assert all(ad_hoc == served for ad_hoc, served in rows)
    assert "NO" not in last_table
    assert "All 24 answers are equal." in last_table


def test_the_model_beats_the_linear_baseline_and_takes_nothing_that_gives_the_target_away(played: Played) -> None:
    assert float(played.printed(r"ratio +([\d.]+)")) <= 0.8
    takes = played.printed(r"takes +(?s:(.*?))\n *gives")
    assert "hr: " in takes
    assert "casual" not in takes
    assert "registered" not in takes


def test_every_stage_shows_what_came_of_it(played: Played) -> None:
    for shown in (
        "registered + casual sum to bikers (excluded by request)",
        "main.bikes.demand version 1 in dev",
        "causeway_shareable.causeway_bikes_azure.demand version 1",
        "causeway_bikes_azure.bikes.demand version 1 READY",
        "served by endpoint bikes-demand",
        "deploy succeeded",
    ):
        assert shown in played.text


def test_the_tour_of_the_readme_can_be_followed_on_what_the_demo_kept(played: Played, tmp_path: Path) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    tour = "".join(re.findall(r"```bash\n(.*?)```", readme, re.DOTALL)).replace(".venv/bin/python", sys.executable)
    environment = {**os.environ, **{name: played.printed(rf"export .*{name}=(\S+)") for name in ("CAUSEWAY", "KEY")}}
    command = ["bash", "-euo", "pipefail", "-c", tour]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PLAYED_SECONDS
    )
    said = done.stdout
    assert done.returncode == 0, said + done.stderr
    assert '"state":"FAILED"' not in said, said
    assert "idempotent-replayed: true" in said.lower()
    assert "move the traffic to the new version" in said
    assert '"name":"demand-v2"' in said
    assert said.count('"code":"not-in-project"') == 1
    ad_hoc, through_curl, through_sdk = re.findall(r"\[(\d+\.\d+)\]", said)
    assert ad_hoc == through_curl == through_sdk


def test_kept_programs_answer_with_the_printed_key_and_end_as_printed(played: Played) -> None:
    url, key = (played.printed(rf"export .*{name}=(\S+)") for name in ("CAUSEWAY", "KEY"))
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        assert client.get("/v1/me").json()["principal"] == "service:bikes-ci"
    ending = shlex.split(played.printed(r"\n  kill ([\d ]+);"))
    for number in ending:
        os.kill(int(number), signal.SIGTERM)
    wait_until(lambda: not processes_in(played.folder), ENDED_SECONDS)


def test_an_interrupt_ends_every_process_and_leaves_no_file(tmp_path: Path) -> None:
    running = start(tmp_path, "--trials", "50")
    assert running.stdout
    try:
        for line in running.stdout:
            if "start the train job" in line:
                break
        # The job itself runs by now: it is two processes below the sandbox.
        wait_until(lambda: len(processes_in(tmp_path)) > 4, ENDED_SECONDS)
        running.send_signal(signal.SIGINT)
        text, _ = running.communicate(timeout=ENDED_SECONDS)
        assert running.returncode == 130, text
        wait_until(lambda: not processes_in(tmp_path), ENDED_SECONDS)
        assert list(tmp_path.iterdir()) == []
    finally:
        for process in processes_in(tmp_path):
            process.kill()


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A demo whose temporary files, and those of all that it starts, are in the folder."""
    command = [sys.executable, "-m", "app.cli", "demo", *arguments]
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        # Whatever a shell starts in the background ignores an interrupt, and so would its children.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def processes_in(folder: Path) -> list[psutil.Process]:
    """Whatever works in the folder, or was told of it; the demo itself does neither."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join([process.cwd(), *process.cmdline()]):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue
    return found


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
