"""How many are too many? The platform's limits on metastores, shares and workspaces [DOC "Resource limits"]."""

from app.sandbox import errors
from app.sandbox.wire import Call


def check(call: Call, kind: str, held: int, limit: int) -> None:
    """Refuse one more when `held` are there already; code and status are variants, because nobody could verify them."""
    if held >= limit:
        settings = call.world.settings
        message = f"Cannot create more than {limit} {kind}: the limit is reached."
        raise errors.PlatformError(settings.quota_status, settings.quota_code, message)
