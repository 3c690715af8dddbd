"""How does a test steer the sandbox? The /__sandbox calls: reset, faults, settings, journal, requests; admins only."""

from dataclasses import asdict
from typing import Any

from app.sandbox import apis, settings
from app.sandbox.faults import Fault, Faults, Kind
from app.sandbox.journal import Requests
from app.sandbox.wire import Call, Routes
from app.sandbox.world import World


def make_routes(world: World, faults: Faults, requests: Requests) -> Routes:
    """The calls, over what one running sandbox holds."""
    routes = Routes()

    @routes.post("/__sandbox/reset", admin=True, locked=False)
    def reset(call: Call) -> None:
        apis.reset(world)
        faults.clear()
        requests.clear()

    @routes.post("/__sandbox/faults", admin=True, body={**Fault.__annotations__, "kind!": Kind, "retry_after": int})
    def add_fault(call: Call) -> None:
        faults.add(Fault(**{**call.body, "kind": Kind(call.body["kind"])}))

    @routes.delete("/__sandbox/faults", admin=True)
    def clear_faults(call: Call) -> None:
        faults.clear()

    @routes.get("/__sandbox/settings", admin=True)
    def get_settings(call: Call) -> dict[str, Any]:
        return asdict(world.settings)

    @routes.add(
        "PATCH", "/__sandbox/settings", admin=True, body=dict.fromkeys(settings.Settings.__annotations__, object)
    )
    def change_settings(call: Call) -> dict[str, Any]:
        return asdict(settings.change(world.state, call.body))

    @routes.get("/__sandbox/journal", admin=True, query={"kind": str, "offset": int})
    def list_effects(call: Call) -> dict[str, Any]:
        return {"effects": world.state.list_effects(**call.query)}

    @routes.get("/__sandbox/requests", admin=True, query={"path": str, "method": str, "workspace": str, "since": int})
    def list_requests(call: Call) -> dict[str, Any]:
        seen = requests.list_all(**call.query)
        return {"count": len(seen), "requests": seen}

    return routes
