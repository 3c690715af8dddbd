"""`causeway.yaml`, typed: the one file that says what exists. It is read again whenever it changes."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import yaml
from pydantic import ValidationError

from app.configuration.checks import list_mistakes, share_name
from app.configuration.leaving import ListNeeds, Need, is_leaving, list_unmet, retire
from app.configuration.partners import list_catalogs, partner_catalog
from app.configuration.schema import (
    RETIRING,
    AccessToken,
    Audience,
    Compute,
    Configuration,
    Link,
    OAuthClient,
    Partner,
    Policy,
    Project,
    Recipient,
    Workspace,
)
from app.configuration.secrets import Secret, SecretUnreadable

__all__ = [
    "RETIRING",
    "AccessToken",
    "Audience",
    "Compute",
    "Configuration",
    "ConfigurationInvalid",
    "Link",
    "Need",
    "OAuthClient",
    "Partner",
    "Policy",
    "Project",
    "Recipient",
    "Secret",
    "SecretUnreadable",
    "Workspace",
    "current",
    "guard",
    "list_catalogs",
    "load",
    "partner_catalog",
    "schema",
    "share_name",
    "use",
]


log = structlog.get_logger(__name__)
# What was accepted before its workspace began to leave is stored by then.
LOOK_EVERY_SECONDS = 1.0


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
    list_needs: ListNeeds | None = None


_loaded: list[_Loaded] = []
_changing = threading.Lock()


def load(path: Path) -> Configuration:
    """Read and check one file; raises `ConfigurationInvalid` with every mistake found."""
    try:
        # The safe reader in C: a hundred workspaces are read in a tenth of the time.
        content = yaml.load(path.read_text(), yaml.CSafeLoader)
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


def guard(list_needs: ListNeeds) -> None:
    """From now on, whatever operations under way need stays in force, whatever a new file leaves out.

    Raises `ConfigurationInvalid` when the file in force does not declare what is needed already.
    """
    loaded = _loaded[0]
    if unmet := list_unmet(loaded.configuration, list_needs()):
        raise ConfigurationInvalid(unmet)
    loaded.list_needs = list_needs


def current() -> Configuration:
    """The configuration as the file says now; one that is invalid, or leaves out what is needed, is not in force."""
    loaded = _loaded[0]
    try:
        changed_at = loaded.path.stat().st_mtime
    except OSError:
        return loaded.configuration
    if changed_at != loaded.changed_at:
        with _changing:
            if changed_at != loaded.changed_at:
                _read_again(loaded, changed_at)
    return loaded.configuration


def list_pending_mistakes() -> list[str]:
    """Why the file on disk is not in force; empty when it is."""
    current()
    return _loaded[0].mistakes


def schema() -> str:
    """The JSON Schema of the file, for editors and for `causeway.schema.json`."""
    return json.dumps(Configuration.model_json_schema(by_alias=True), indent=2) + "\n"


def _read_again(loaded: _Loaded, changed_at: float) -> None:
    try:
        _take(loaded, changed_at)
    finally:
        # Last: until then, whoever else asks waits for the new one and is not told the old.
        loaded.changed_at = changed_at


def _take(loaded: _Loaded, changed_at: float) -> None:
    try:
        new = load(loaded.path)
    except ConfigurationInvalid as invalid:
        loaded.mistakes = invalid.mistakes
        return
    if loaded.list_needs is None or not is_leaving(loaded.configuration, new):
        loaded.configuration, loaded.mistakes = new, []
        return
    loaded.configuration = retire(loaded.configuration, new)
    loaded.mistakes = ["what the file leaves out leaves as soon as it is known that no operation needs it"]
    # Not here: this may be the event loop, and the answer is the database's.
    threading.Thread(target=_let_go, args=(loaded, changed_at, new, loaded.list_needs), daemon=True).start()


def _let_go(loaded: _Loaded, changed_at: float, new: Configuration, list_needs: ListNeeds) -> None:
    """Put `new` in force once no operation needs what it leaves out, unless the file has changed again."""
    while True:
        time.sleep(LOOK_EVERY_SECONDS)
        try:
            unmet = list_unmet(new, list_needs())
        except Exception:
            # A database that is away answers later; until then, everything stays.
            log.warning("cannot look up what operations need", exc_info=True)
            continue
        with _changing:
            if _loaded[0] is not loaded or loaded.changed_at != changed_at:
                return
            loaded.mistakes = unmet
            if not unmet:
                loaded.configuration = new
                return


def _sentence(error: dict[str, Any]) -> str:
    place = ".".join(str(step) for step in error["loc"])
    return f"{place}: {error['msg']}"
