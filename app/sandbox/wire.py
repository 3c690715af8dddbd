"""How does an API file declare its calls, and how strict is the wire? For everybody who adds a Databricks API.

To add an API, write a file with `routes = Routes()` and functions such as

    @routes.post("/api/2.1/unity-catalog/schemas", body={"name!": str, "catalog_name!": str, "comment": str})
    def create_schema(call: Call) -> SchemaInfo: ...

and name its routes in apis.py. Then:

- A declared name that ends in `!` is required. A type is str, int, float, bool, dict (a free map), object (anything),
  an Enum, an SDK dataclass (checked field by field, with its enums), a map of names like the outer one, or [type] for
  a list. What is not declared is refused with the platform's 400. A path's parameters may come again in query or body.
- The handler gets a Call and returns a dict, an SDK dataclass (its `as_dict()` goes out), None (`{}`) or a Response.
- It runs in a thread, in one transaction of the state: what it wrote is undone when it raises. `locked=False` leaves
  the transaction to the handler (for slow work); an `async def` handler runs in the event loop, reads `call.request`
  by itself and does its blocking work through `call.run(function, …)`: in a thread and a transaction again.
- Raise what errors.py makes. Ask `call.require("USE_CATALOG", "catalog", name)` first; note what was done with
  `call.record("catalog-created", name)`. `public=True` asks for no bearer; `admin=True` lets only the admin pass;
  `unchecked=True` leaves query and body (`call.raw`) to the handler.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import compile_path

from app.sandbox import errors, grants, journal
from app.sandbox.fields import Declared, check_fields, check_query
from app.sandbox.state import State
from app.sandbox.world import Workspace, World

Handler = Callable[["Call"], Any]
HandlerT = TypeVar("HandlerT", bound=Handler)
Returned = TypeVar("Returned")


@dataclass
class Call:
    """One request: who asks (`principal`), where (`workspace`), and what was said, checked against the declaration."""

    world: World
    workspace: Workspace
    principal: str
    request: Request
    params: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""

    @property
    def state(self) -> State:
        """The world's memory."""
        return self.world.state

    @property
    def metastore(self) -> str:
        """Key of the workspace's metastore: the scope of what Unity Catalog keeps."""
        return self.workspace.metastore.key

    @property
    def is_admin(self) -> bool:
        """Whether the caller is admin of workspace and metastore."""
        return grants.is_metastore_admin(self.state, self.metastore, self.principal)

    def require(self, privilege: str, kind: str, name: str) -> None:
        """Raise 403 unless the caller holds the privilege there (kind "metastore": `name` is its id)."""
        grants.require(self.state, self.metastore, self.principal, privilege, kind, name)

    def holds(self, privilege: str, kind: str, name: str) -> bool:
        """Whether the caller holds the privilege there and the USE privileges on all parents."""
        try:
            self.require(privilege, kind, name)
        except errors.PlatformError:
            return False
        return True

    def require_on_metastore(self, privilege: str) -> None:
        """Raise 403 unless the caller holds the privilege on the metastore itself."""
        self.require(privilege, "metastore", self.workspace.metastore.id)

    def require_use(self, name: str) -> None:
        """Raise 403 unless the caller may use every parent of the object."""
        grants.require_use(self.state, self.metastore, self.principal, name)

    def require_owner(self, kind: str, name: str, *, or_parent: bool = False) -> None:
        """Raise 403 unless the caller owns the object (or its parent) or may manage it."""
        grants.require_owner(self.state, self.metastore, self.principal, kind, name, or_parent=or_parent)

    def owns(self, kind: str, name: str) -> bool:
        """Whether the object belongs to the caller, or to a group that the caller is in."""
        return grants.owns(self.state, self.metastore, self.principal, kind, name)

    def require_admin(self) -> None:
        """Raise 403 unless the caller is the admin."""
        if not self.is_admin:
            raise errors.denied("Only administrators can do this.")

    def record(self, kind: str, name: str, **details: Any) -> None:
        """Note an effect in the journal."""
        journal.record(self.world, kind, name, workspace=self.workspace.name, principal=self.principal, **details)

    async def run(self, function: Callable[..., Returned], *values: Any) -> Returned:
        """The function in a thread and in one transaction; for async handlers."""

        def in_transaction() -> Returned:
            with self.state.transaction():
                return function(*values)

        return await run_in_threadpool(in_transaction)


@dataclass(frozen=True)
class Route:
    """One declared call."""

    method: str
    path: str
    handler: Handler
    body: Declared | None
    query: Declared
    public: bool
    admin: bool
    locked: bool
    unchecked: bool
    pattern: re.Pattern[str]

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path's parameters when the call is this one."""
        found = self.pattern.match(path) if method == self.method else None
        return found.groupdict() if found else None

    def read(self, call: Call) -> None:
        """Check the query and the JSON body of the call and put their values in their places."""
        if self.unchecked:
            return
        given = call.request.query_params.multi_items()
        call.query = check_query({**self._repeated(call), **self.query}, given)
        if self.body is not None:
            call.body = check_fields({**self._repeated(call), **self.body}, parse_object(call.raw))
        elif call.raw and self.method != "GET" and "json" in call.request.headers.get("content-type", ""):
            check_fields(self._repeated(call), parse_object(call.raw))

    def _repeated(self, call: Call) -> dict[str, Any]:
        return dict.fromkeys(call.params, object)


class Routes:
    """The calls that one file answers."""

    def __init__(self) -> None:
        self.declared: list[Route] = []

    def get(self, path: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Declare a GET; options as in `add`."""
        return self.add("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Declare a POST."""
        return self.add("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Declare a PUT."""
        return self.add("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Declare a PATCH."""
        return self.add("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Declare a DELETE."""
        return self.add("DELETE", path, **options)

    def add(
        self,
        method: str,
        path: str,
        *,
        body: Declared | None = None,
        query: Declared | None = None,
        public: bool = False,
        admin: bool = False,
        locked: bool = True,
        unchecked: bool = False,
    ) -> Callable[[HandlerT], HandlerT]:
        """Declare any call; see the top of this file."""

        def declare(handler: HandlerT) -> HandlerT:
            pattern = compile_path(path)[0]
            self.declared.append(
                Route(method, path, handler, body, query or {}, public, admin, locked, unchecked, pattern)
            )
            return handler

        return declare


def find_route(routes: list[Route], method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The call's route and path parameters; 501 that names the call when there is none."""
    for route in routes:
        params = route.match(method, path)
        if params is not None:
            return route, params
    raise errors.unimplemented(method, path)


def parse_object(raw: bytes) -> Mapping[str, Any]:
    """The JSON object in a body; an empty body is an empty one."""
    try:
        parsed = json.loads(raw or b"{}")
    except ValueError as problem:
        raise errors.PlatformError(400, "MALFORMED_REQUEST", f"Could not parse request object: {problem}") from None
    if not isinstance(parsed, dict):
        raise errors.PlatformError(400, "MALFORMED_REQUEST", "Could not parse request object: not a JSON object")
    return parsed
