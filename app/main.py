"""The application: every room wired together, and what happens at start-up and shutdown."""

from __future__ import annotations

import gc
import logging
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from types import ModuleType

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import start_http_server
from starlette.concurrency import run_in_threadpool

from app import configuration, durable, settings
from app.domain import executors, invocations
from app.domain.workspaces import list_needs
from app.http import (
    acceptance_impacts,
    acceptances,
    adoptions,
    approvals,
    audience_changes,
    audit_events,
    catalogs,
    deployments,
    drifts,
    health,
    inventory,
    lineage,
    models,
    projects,
    provider_shares,
    providers,
    publication_documents,
    publication_plans,
    publications,
    recipients,
    reconciliations,
    scoring_runs,
    serving_endpoints,
    shares,
    training_runs,
    withdrawals,
    workspaces,
)
from app.http import invocations as invocation_routes
from app.http import operations as operation_routes
from app.http.conventions import document, problems
from app.http.conventions.requests import RequestFrame
from app.store import connection, migrations

VERSION = "0.1.0"
COLLECTIONS = (
    projects,
    workspaces,
    models,
    shares,
    recipients,
    providers,
    provider_shares,
    catalogs,
    serving_endpoints,
    invocation_routes,
    training_runs,
    publications,
    publication_plans,
    publication_documents,
    withdrawals,
    approvals,
    audience_changes,
    adoptions,
    acceptances,
    acceptance_impacts,
    scoring_runs,
    deployments,
    lineage,
    inventory,
    reconciliations,
    drifts,
    operation_routes,
    audit_events,
)
DESCRIPTION = "Carries machine-learning models from the workspace where they are made to where they serve."


@cache
def create_app() -> FastAPI:
    """The application, one for the process. Making it touches no file, no database and no network; starting it does."""
    app = FastAPI(
        title="Causeway",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        openapi_tags=[_tag(collection) for collection in COLLECTIONS],
    )
    for collection in COLLECTIONS:
        app.include_router(collection.router)
    app.include_router(health.router)
    health.install_docs(app)
    problems.install(app)
    app.add_middleware(RequestFrame)
    app.openapi = lambda: document.build(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    process = settings.current()
    write_logs_as_json(process.log_level)
    configuration.use(process.config)
    await run_in_threadpool(open_stores)
    # On a shared database the workers run the workflows, and this process only hands work in.
    executor = None if process.is_shared else await run_in_threadpool(executors.start)
    # Everything made so far lives as long as the process: out of the collector's sight, it costs no pauses later.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    yield
    await invocations.close()
    if executor is not None:
        await run_in_threadpool(executors.stop, executor)
    close_stores()


def run_worker(metrics_port: int | None) -> None:
    """Run workflows until SIGTERM or SIGINT, then let running steps end; the API is other processes' part."""
    process = settings.current()
    write_logs_as_json(process.log_level)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: over.set())
    configuration.use(process.config)
    open_stores()
    executor = executors.start()
    if metrics_port is not None:
        start_http_server(metrics_port, process.host)
    gc.freeze()
    over.wait()
    executors.stop(executor)
    close_stores()


def open_stores() -> None:
    """Bring both databases to this release, and connect to them."""
    process = settings.current()
    migrations.upgrade(process.database_url)
    connection.connect(process.database_url)
    configuration.guard(list_needs)
    durable.connect(process.engine_url)


def close_stores() -> None:
    """Close every connection of this process."""
    durable.disconnect()
    connection.disconnect()


def _operation_id(route: APIRoute) -> str:
    return route.name


def _tag(collection: ModuleType) -> dict[str, str]:
    return {"name": collection.__name__.rpartition(".")[2], "description": (collection.__doc__ or "").strip()}


def write_logs_as_json(level: str) -> None:
    """One JSON object a line on standard error, for our own lines and for the libraries'."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    renderer = structlog.processors.JSONRenderer()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
