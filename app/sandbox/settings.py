"""Which manners of the platform can be switched? Defaults, kept in the state and changed over /__sandbox/settings."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from app.sandbox import errors
from app.sandbox.state import State


@dataclass(frozen=True)
class Settings:
    """`visibility_seconds`: how late a consumer sees what was added to a share. `empty_first_page`: whether a paged
    list begins with an empty page. `page_size`: entries on a page when the caller leaves it to the server.
    `limit_concurrency`: whether a served entity refuses requests beyond its size with 429. Then the quotas [DOC], to be
    lowered by tests. What follows nobody could verify; README.md says of each what it means.
    """

    visibility_seconds: float = 2.0
    oauth_token_seconds: int = 3600
    empty_first_page: bool = True
    page_size: int = 100
    external_sharing: bool = True
    limit_concurrency: bool = True

    shares_per_metastore: int = 1000
    recipients_per_metastore: int = 5000
    objects_per_share: int = 1000
    endpoints_per_workspace: int = 1000

    already_exists_status: int = 400
    does_not_exist_status: int = 404
    refused_token_status: int = 403
    quota_code: str = "RESOURCE_LIMIT_EXCEEDED"
    quota_status: int = 400
    model_securable_type: str = "FUNCTION"
    model_entity_type: str = "models"
    unknown_share_code: str = "SHARE_DOES_NOT_EXIST"
    mount_once: bool = False
    shared_write_status: int = 403
    aliases_travel: bool = True
    version_tags_travel: bool = True
    assets_list_models: bool = True
    block_shared_deletes: bool = False
    bar_after_cascade: bool = True
    endpoint_exists_status: int = 409
    update_conflict_code: str = "RESOURCE_CONFLICT"
    not_ready_status: int = 503
    too_large_status: int = 400
    retry_after_seconds: int = 0
    complete_routes: bool = True
    serve_withdrawn: bool = True
    lineage_into_shared: bool = False


# What each manner that nobody could verify may be; the first is the default.
VARIANTS: dict[str, tuple[Any, ...]] = {
    "already_exists_status": (400, 409),
    "does_not_exist_status": (404, 400),
    "refused_token_status": (403, 401),
    "quota_code": ("RESOURCE_LIMIT_EXCEEDED", "QUOTA_EXCEEDED"),
    "quota_status": (400, 403, 429),
    "model_securable_type": ("FUNCTION", "MODEL"),
    "model_entity_type": ("models", "functions"),
    "unknown_share_code": ("SHARE_DOES_NOT_EXIST", "PROVIDER_SHARE_NOT_ACCESSIBLE"),
    "mount_once": (False, True),
    "shared_write_status": (403, 400),
    "aliases_travel": (True, False),
    "version_tags_travel": (True, False),
    "assets_list_models": (True, False),
    "block_shared_deletes": (False, True),
    "bar_after_cascade": (True, False),
    "endpoint_exists_status": (409, 400),
    "update_conflict_code": ("RESOURCE_CONFLICT", "INVALID_STATE", "ABORTED"),
    "not_ready_status": (503, 504, 408),
    "too_large_status": (400, 413),
    "retry_after_seconds": (0, 1),
    "complete_routes": (True, False),
    "serve_withdrawn": (True, False),
    "lineage_into_shared": (False, True),
}


def get(state: State) -> Settings:
    """The settings as they are now."""
    return Settings(**(state.find("settings", "", "") or {}))


def change(state: State, changes: dict[str, Any]) -> Settings:
    """Set the named ones; an unknown name, a wrong type, or what no variant knows is refused."""
    types = {field.name: type(field.default) for field in fields(Settings)}
    for name, value in changes.items():
        if name not in types:
            raise errors.invalid(f"Unknown setting '{name}'. There are: {', '.join(types)}")
        if type(value) is not types[name] and not (types[name] is float and type(value) is int):
            raise errors.invalid(f"Setting '{name}' must be {types[name].__name__}")
        if value not in VARIANTS.get(name, (value,)):
            raise errors.invalid(f"Setting '{name}' must be one of {', '.join(map(str, VARIANTS[name]))}")
    with state.transaction():
        settings = Settings(**{**asdict(get(state)), **changes})
        state.put("settings", "", "", asdict(settings))
    return settings
