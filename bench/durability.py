"""`make bench-durability`: what durable operations cost, and how soon a dead worker's are taken over.

Everything runs side by side on one machine: compare the rows, not the digits.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import yaml
from rich.console import Console
from rich.table import Table

from app import configuration, durable
from app.durable import steps
from app.store import operations as store
from app.store import steps as told
from bench import bare_steps, waiting_worker
from tests.replica_program import CONFIGURATION, STEPS, start
from tests.replicas import Replicas

OPERATIONS = 300
WAITING = 2000
WINDOW_SECONDS = 60
TAKEOVERS = 5
LEASE_SECONDS = 4.0
DEPLOYMENT_SECONDS = 600
console = Console()


def main() -> None:
    """Measure and print a table for each figure."""
    measure_rates()
    measure_steps()
    measure_takeover()
    count_polls()
    measure_waiting()


def measure_rates() -> None:
    """Accepted with no worker running, then completed with one or two."""
    table = Table(
        "database", "workers", "accepted/s", "completed/s", title=f"{OPERATIONS} operations, {len(STEPS)} steps"
    )
    for database, workers in (("sqlite", 1), ("postgresql", 1), ("postgresql", 2)) * 2:
        with tempfile.TemporaryDirectory() as folder:
            replicas = Replicas(Path(folder), database, lease_seconds=30)
            began = time.perf_counter()
            accepted = [start("steps", number, replicas.folder) for number in range(OPERATIONS)]
            accepting = time.perf_counter() - began
            for _ in range(workers):
                replicas.worker()
            began = time.perf_counter()
            replicas.end(*accepted)
            completing = time.perf_counter() - began
            replicas.close()
        table.add_row(database, str(workers), f"{OPERATIONS / accepting:.0f}", f"{OPERATIONS / completing:.0f}")
    console.print(table)


def measure_steps() -> None:
    """A step of ours against the engine's own, in turns, in one process."""
    table = Table("database", "bare ms", "ours ms", "ratio", title=f"One durable step, of {bare_steps.STEPS} in a row")
    for database in ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory() as folder:
            replicas = Replicas(Path(folder), database)
            durable.listen(told.record)
            durable.launch(replicas.engine_url, "bench" if replicas.is_shared else None, 10)
            bare, ours = zip(*[(measure(replicas, "bare"), measure(replicas, "ours")) for _ in range(5)], strict=True)
            durable.shutdown(1)
            replicas.close()
        table.add_row(database, f"{median(bare):.2f}", f"{median(ours):.2f}", f"{median(ours) / median(bare):.1f}")
    console.print(table)


def measure(replicas: Replicas, kind: str) -> float:
    """Milliseconds a step."""
    operation = start(kind, random.randrange(10**9), replicas.folder)
    replicas.end(operation)
    ended = store.get(operation.id)
    assert ended.started_at is not None
    assert ended.finished_at is not None
    return (ended.finished_at - ended.started_at).total_seconds() * 1000 / bare_steps.STEPS


def measure_takeover() -> None:
    """From SIGKILL to the next step's beginning in another worker, in leases."""
    found = sorted(take_over() / LEASE_SECONDS for _ in range(TAKEOVERS))
    told = ", ".join(f"{one:.2f}" for one in found)
    console.print(f"From kill to takeover, in leases of {LEASE_SECONDS:.0f} s: {told}")


def take_over() -> float:
    """Seconds that one takeover took, from a kill at any moment of the lease."""
    with tempfile.TemporaryDirectory() as folder:
        replicas = Replicas(Path(folder), "postgresql", lease_seconds=LEASE_SECONDS)
        first = replicas.worker()
        operation = start("gate", 1, replicas.folder)
        replicas.eventually(lambda: replicas.tried(operation, "before"))
        replicas.worker()
        time.sleep(random.uniform(0, LEASE_SECONDS))
        replicas.open_gate()
        first.kill()
        began = time.perf_counter()
        replicas.eventually(lambda: replicas.tried(operation, "after"))
        seconds = time.perf_counter() - began
        replicas.close()
    return seconds


def count_polls() -> None:
    """Looks at an endpoint during one deployment of ten minutes, by the pauses that waits make."""
    waited, polls = 0.0, 0
    while waited < DEPLOYMENT_SECONDS:
        polls += 1
        waited += steps.pause_after(waited, every_seconds=1)
    late = waited - DEPLOYMENT_SECONDS
    console.print(f"Polls of one deployment of {DEPLOYMENT_SECONDS} s: {polls}, the end noticed {late:.0f} s late")


def measure_waiting() -> None:
    """The worker while many operations wait for job runs that do not end."""
    table = Table(
        "age of the waits", "CPU % of a core", "MB", "threads", "polls/s", title=f"{WAITING} operations waiting"
    )
    for age in (600, 1200):
        table.add_row(f"{age // 60} minutes", *measure_waits(age))
    console.print(table)


def measure_waits(age: int) -> list[str]:
    """CPU, memory and threads once every operation has begun to wait."""
    upstream = subprocess.Popen([sys.executable, "-m", "bench.endless_runs"], stdout=subprocess.PIPE, text=True)
    assert upstream.stdout is not None
    port = upstream.stdout.readline().strip()
    with tempfile.TemporaryDirectory() as folder:
        replicas = Replicas(Path(folder), "postgresql", lease_seconds=30)
        replicas.environment |= {"BENCH_AGE_SECONDS": str(age), "BENCH_TOKEN": "x", "CAUSEWAY_SWEEP_SECONDS": "60"}
        place = {"host": f"http://127.0.0.1:{port}", "cloud": "aws", "volume": "a.b.c"}
        place["auth"] = {"type": "pat", "token": {"env": "BENCH_TOKEN"}}  # type: ignore[assignment]
        configured: dict[str, Any] = {**CONFIGURATION, "workspaces": {"dev": place}}
        (Path(folder) / "causeway.yaml").write_text(yaml.safe_dump(configured))
        configuration.use(Path(folder) / "causeway.yaml")
        worker = psutil.Process(replicas.worker(waiting_worker.__name__).pid)
        accepted = [start(waiting_worker.KIND, number, replicas.folder) for number in range(WAITING)]
        replicas.eventually(lambda: all(store.get(accepted[n].id).state == "RUNNING" for n in (0, -1)))
        time.sleep(2.5 * min(age * 0.1, 120))
        spent, began = sum(worker.cpu_times()[:2]), time.perf_counter()
        time.sleep(WINDOW_SECONDS)
        share = (sum(worker.cpu_times()[:2]) - spent) / (time.perf_counter() - began)
        memory, threads = worker.memory_info().rss / 1e6, worker.num_threads()
        replicas.close()
    upstream.kill()
    return [f"{share * 100:.1f}", f"{memory:.0f}", str(threads), f"{WAITING / min(age * 0.1, 120):.0f}"]


if __name__ == "__main__":
    main()
