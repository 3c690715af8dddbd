"""Which manners of the platform can be switched? Defaults, kept in the state and changed over /__sandbox/settings."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from app.sandbox import errors
from app.sandbox.state import State


@dataclass(frozen=True)
class Settings:
    """`visibility_seconds`: how late a consumer sees what was added to a share. `empty_first_page`: whether a paged
    list begins with an empty page. `page_size`: entries on a page when the caller leaves it to the server.
    `external_sharing`: whether recipients may belong to another account. `serve_withdrawn`: whether a running model
    server goes on when its version is not to be had any more. `limit_concurrency`: whether a served entity refuses
    requests beyond its size with 429.
    """

    visibility_seconds: float = 2.0
    oauth_token_seconds: int = 3600
    empty_first_page: bool = True
    page_size: int = 100
    already_exists_status: int = 400
    external_sharing: bool = True
    serve_withdrawn: bool = True
    limit_concurrency: bool = True


def get(state: State) -> Settings:
    """The settings as they are now."""
    return Settings(**(state.find("settings", "", "") or {}))


def change(state: State, changes: dict[str, Any]) -> Settings:
    """Set the named ones; an unknown name or a wrong type is refused."""
    types = {field.name: type(field.default) for field in fields(Settings)}
    for name, value in changes.items():
        if name not in types:
            raise errors.invalid(f"Unknown setting '{name}'. There are: {', '.join(types)}")
        if type(value) is not types[name] and not (types[name] is float and type(value) is int):
            raise errors.invalid(f"Setting '{name}' must be {types[name].__name__}")
    with state.transaction():
        settings = Settings(**{**asdict(get(state)), **changes})
        state.put("settings", "", "", asdict(settings))
    return settings
