"""How fast the trail is sealed and verified, in how much memory: `python -m bench.trail [events] [database URL]`."""

from __future__ import annotations

import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from app import configuration, settings
from app.domain import audit
from app.domain.audit import exports, keys, seals, verification
from app.store import connection, migrations
from app.store.audit_events import AuditEvent
from app.store.database import transaction

PAGE = 10_000


def main() -> None:
    """Write events, seal, verify and export them, and print events a second and the peak of memory."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "causeway.yaml"
        os.system(f"openssl genpkey -algorithm ed25519 -out {folder}/key.pem")
        path.write_text(f"audit: {{signing_key: {{file: {folder}/key.pem}}}}\n")
        os.environ.update(CAUSEWAY_AUDIT_HEADS=f"{folder}/heads", CAUSEWAY_DATA=folder)
        if len(sys.argv) > 2:
            os.environ["CAUSEWAY_DATABASE_URL"] = sys.argv[2]
        settings.current.cache_clear()
        configuration.use(path)
        url = settings.current().database_url
        migrations.upgrade(url)
        connection.connect(url)
        measure("written", many, lambda: write(many))
        measure("sealed", many, seal)
        trusted = keys.list_trusted()
        measure("verified", many, lambda: print(verification.verify(trusted, None).is_sound, end=" "))
        measure("exported", many, lambda: sum(map(len, exports.export(None, "ndjson", None, None, datetime.now(UTC)))))
        connection.disconnect()


def measure(what: str, many: int, work: Callable[[], Any]) -> None:
    """Print how many events a second the work took, and the most memory so far."""
    began, used = time.perf_counter(), time.process_time()
    work()
    seconds, used = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what}: {many / seconds:,.0f} events/s ({seconds:.1f} s, {used:.1f} s of a processor), peak {peak:.0f} MB")


def write(many: int) -> None:
    """Events as operations write them, without the operations."""
    at = datetime.now(UTC) - timedelta(days=1)
    for first in range(0, many, PAGE):
        made = []
        for number in range(first, min(first + PAGE, many)):
            event = audit.event("service:bikes-ci", "publish SUCCEEDED", "bikes", f"pub_{number}", f"op_{number}")
            made.append({**event.model_dump(), "created_at": at + timedelta(milliseconds=number)})
        with transaction() as session:
            session.connection().execute(AuditEvent.__table__.insert(), made)  # type: ignore[attr-defined]


def seal() -> None:
    """As a worker does."""
    while seals.seal():
        pass
    seals.publish()


if __name__ == "__main__":
    main()
