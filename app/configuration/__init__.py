"""`causeway.yaml`, typed: the one file that says what exists. It is read again whenever it changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from app.configuration.checks import list_mistakes, share_name
from app.configuration.schema import (
    AccessToken,
    Audience,
    Compute,
    Configuration,
    Link,
    OAuthClient,
    Project,
    Recipient,
    Workspace,
)
from app.configuration.secrets import Secret, SecretUnreadable

__all__ = [
    "AccessToken",
    "Audience",
    "Compute",
    "Configuration",
    "ConfigurationInvalid",
    "Link",
    "OAuthClient",
    "Project",
    "Recipient",
    "Secret",
    "SecretUnreadable",
    "Workspace",
    "current",
    "load",
    "schema",
    "share_name",
    "use",
]


class ConfigurationInvalid(Exception):
    """The file cannot be used; `mistakes` says why, a sentence each."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(mistakes))


@dataclass
class _Loaded:
    path: Path
    changed_at: float
    configuration: Configuration
    mistakes: list[str]


_loaded: list[_Loaded] = []


def load(path: Path) -> Configuration:
    """Read and check one file; raises `ConfigurationInvalid` with every mistake found."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationInvalid([f"{path.name} cannot be read: {error}"]) from error
    try:
        configuration = Configuration.model_validate(content or {})
    except ValidationError as error:
        raise ConfigurationInvalid([_sentence(dict(item)) for item in error.errors()]) from error
    if mistakes := list_mistakes(configuration):
        raise ConfigurationInvalid(mistakes)
    return configuration


def use(path: Path) -> Configuration:
    """Make `path` this process's configuration; raises `ConfigurationInvalid` when it cannot be used at all."""
    configuration = load(path)
    _loaded[:] = [_Loaded(path, path.stat().st_mtime, configuration, [])]
    return configuration


def current() -> Configuration:
    """The configuration as the file says now; an invalid new file keeps the old one in force."""
    loaded = _loaded[0]
    try:
        changed_at = loaded.path.stat().st_mtime
    except OSError:
        return loaded.configuration
    if changed_at != loaded.changed_at:
        try:
            loaded.configuration, loaded.mistakes = load(loaded.path), []
        except ConfigurationInvalid as invalid:
            loaded.mistakes = invalid.mistakes
        loaded.changed_at = changed_at
    return loaded.configuration


def list_pending_mistakes() -> list[str]:
    """Why the file on disk is not in force; empty when it is."""
    current()
    return _loaded[0].mistakes


def schema() -> str:
    """The JSON Schema of the file, for editors and for `causeway.schema.json`."""
    return json.dumps(Configuration.model_json_schema(by_alias=True), indent=2) + "\n"


def _sentence(error: dict[str, Any]) -> str:
    place = ".".join(str(step) for step in error["loc"])
    return f"{place}: {error['msg']}"
