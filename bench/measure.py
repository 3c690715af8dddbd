"""`make bench`: how soon the service is ready, what it weighs at rest, and how long the story takes.

Times depend on the machine and on what else it does: read the spread, not the digits.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

STARTS = 5
REST_SECONDS = 5
CONFIGURATION = "workspaces: {}\nprojects: {}\n"
console = Console()


def main() -> None:
    """Measure and print two tables."""
    with tempfile.TemporaryDirectory() as folder:
        starts = [measure_start(Path(folder, str(number))) for number in range(STARTS)]
        plain = [measure_imports() for _ in range(STARTS)]
    table = Table("figure", "min", "median", "max", "goal", title=f"The service, {STARTS} starts")
    add(table, "seconds to ready", [seconds for seconds, _, _ in starts], "under 5")
    add(table, "seconds of Python importing its four largest parts alone", plain, "")
    add(table, "MB resident at rest", [megabytes for _, megabytes, _ in starts], "under 250")
    add(table, "threads at rest", [float(threads) for _, _, threads in starts], "")
    console.print(table)
    started = time.perf_counter()
    done = subprocess.run([*causeway(), "demo"], check=False)
    seconds = time.perf_counter() - started
    verdict = "equal answers" if done.returncode == 0 else "FAILED"
    console.print(f"The story: {seconds:.0f} s from command to cleaned up, {verdict}; the goal is under 180 s.")
    sys.exit(done.returncode)


def measure_start(folder: Path) -> tuple[float, float, int]:
    """Seconds until `/readyz` says so, then megabytes and threads after a rest."""
    folder.mkdir()
    (folder / "causeway.yaml").write_text(CONFIGURATION)
    port = free_port()
    environment = {**os.environ, "CAUSEWAY_CONFIG": str(folder / "causeway.yaml"), "CAUSEWAY_DATA": str(folder)}
    started = time.perf_counter()
    process = subprocess.Popen(
        [*causeway(), "serve", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not is_ready(port):
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        time.sleep(REST_SECONDS)
        running = psutil.Process(process.pid)
        return seconds, running.memory_info().rss / 1e6, running.num_threads()
    finally:
        process.terminate()
        process.wait()


def measure_imports() -> float:
    """Seconds of an interpreter that imports databricks-sdk, dbos, sqlmodel and fastapi, and nothing of ours."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import databricks.sdk, dbos, sqlmodel, fastapi"], check=True)
    return time.perf_counter() - started


def add(table: Table, name: str, figures: list[float], goal: str) -> None:
    """One row: the least, the middle and the most."""
    shown = [f"{figure:.2f}" for figure in (min(figures), statistics.median(figures), max(figures))]
    table.add_row(name, *shown, goal)


def is_ready(port: int) -> bool:
    """Whether the service on `port` says that it is."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(json.load(answer)["ready"])
    except OSError:
        return False


def causeway() -> list[str]:
    """The program, in this same interpreter."""
    return [sys.executable, "-m", "app.cli"]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
