"""Running the service: whether it lives, whether it is ready, its metrics, and what each problem means."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app import configuration
from app.domain import health
from app.errors import RouteNotFound, catalogue

router = APIRouter(include_in_schema=False)
CIRCUIT_OPEN = Gauge("causeway_workspace_circuit_open", "1 while a workspace does not answer.", ["workspace"])


@router.get("/livez")
async def show_liveness() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
async def show_readiness() -> JSONResponse:
    """Whether requests can be served now, the configuration on disk is in force, and who does not answer us.

    `audit` says whether the trail's heads are signed, and leave the database.

    A workspace that does not answer leaves the service ready: its own calls fail fast, and no others. So does a
    database without a worker: work is accepted, and begins when one comes.
    """
    is_ready = await run_in_threadpool(health.is_ready)
    mistakes = configuration.list_pending_mistakes()
    audit = await run_in_threadpool(health.describe_seals)
    waiting = await run_in_threadpool(health.count_waiting_heads) if is_ready else None
    body = {
        "ready": is_ready,
        "configuration": {"in_force": not mistakes, "mistakes": mistakes},
        "workspaces": {"circuit_open": health.list_unanswering()},
        "audit": {**audit, "heads_waiting": waiting},
        "workers": await run_in_threadpool(health.count_workers) if is_ready else None,
    }
    return JSONResponse(body, status_code=200 if is_ready else 503)


@router.get("/metrics")
async def show_metrics() -> Response:
    """Counters, histograms and gauges as Prometheus reads them."""
    silent = health.list_unanswering()
    for workspace in configuration.current().workspaces:
        CIRCUIT_OPEN.labels(workspace).set(workspace in silent)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/problems/{code:id}")
async def show_problem(code: str) -> HTMLResponse:
    """What a problem means, for people who follow its `type`."""
    kind = catalogue().get(code)
    if kind is None:
        raise RouteNotFound(path=f"/problems/{code}")
    meaning = escape(" ".join((kind.__doc__ or "").split()))
    page = PROBLEM_PAGE.format(
        code=kind.code,
        title=escape(kind.title),
        status=kind.status,
        meaning=meaning,
        text=escape(kind.template),
        retry="yes" if kind.retryable else "no",
    )
    return HTMLResponse(page)


def install_docs(app: FastAPI) -> None:
    """Serve `/docs` from our own disk: the framework's page asks a host on the internet."""
    assets = files("fastapi_offline") / "static"
    app.mount("/docs/assets", StaticFiles(directory=str(assets)), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def show_docs() -> HTMLResponse:
        parameters: dict[str, Any] = {"validatorUrl": None, "tryItOutEnabled": True}
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Causeway",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="data:,",
            oauth2_redirect_url=None,
            swagger_ui_parameters=parameters,
        )


PROBLEM_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{code}</title>
<style>body{{font:16px/1.5 system-ui;max-width:42em;margin:3em auto;padding:0 1em}}code{{background:#eee}}</style>
<h1>{title}</h1><p><code>{code}</code> · status {status} · worth repeating unchanged: {retry}</p>
<p>{meaning}</p><p>Its text: <q>{text}</q></p></html>
"""
