"""The process's own environment variables: where the configuration, the databases and the door are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from `CAUSEWAY_…`; everything about workspaces and projects is in the configuration file instead."""

    model_config = SettingsConfigDict(env_prefix="CAUSEWAY_", use_attribute_docstrings=True)

    config: Path = Path("causeway.yaml")
    """The configuration file: workspaces, links, projects."""
    data: Path = Path(".causeway")
    """The folder of the SQLite databases, used when no database URL is given."""
    host: str = "127.0.0.1"
    """The address that `causeway serve` binds."""
    port: int = 8800
    """The port that `causeway serve` binds."""
    log_level: str = "INFO"
    """The least severe log line that is written."""

    @property
    def database_url(self) -> str:
        """Causeway's own tables."""
        return f"sqlite:///{(self.data / 'causeway.sqlite').absolute()}"

    @property
    def engine_url(self) -> str:
        """The workflow engine's tables: a file of their own, so that their writes never wait for ours."""
        return f"sqlite:///{(self.data / 'engine.sqlite').absolute()}"


@lru_cache
def current() -> Settings:
    """The settings of this process, read once."""
    return Settings()
