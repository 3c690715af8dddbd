"""The process's own environment variables: where the configuration, the databases and the door are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

POSTGRESQL = "postgresql://"


class Settings(BaseSettings):
    """Read from `CAUSEWAY_…`; everything about workspaces and projects is in the configuration file instead."""

    # A database's address holds a password: a mistake in it is told without repeating it.
    model_config = SettingsConfigDict(
        env_prefix="CAUSEWAY_", env_ignore_empty=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )

    config: Path = Path("causeway.yaml")
    """The configuration file: workspaces, links, projects."""
    data: Path = Path(".causeway")
    """The folder of the SQLite databases, used when no database URL is given."""
    database: SecretStr | None = Field(default=None, validation_alias="CAUSEWAY_DATABASE_URL")
    """`postgresql://user:password@host:port/name`: any number of `causeway serve` and `causeway worker` share it.

    Without it there is one process, `causeway serve`, and its SQLite databases in the data folder.
    """
    host: str = "127.0.0.1"
    """The address that `causeway serve` binds."""
    port: int = 8800
    """The port that `causeway serve` binds."""
    log_level: str = "INFO"
    """The least severe log line that is written."""
    worker_concurrency: int = Field(default=2500, ge=1)
    """How many operations one process works on at a time; one that waits for upstream counts, and costs about 25 KB."""
    lease_seconds: float = Field(default=30, ge=1)
    """How long a worker is taken for alive after its last sign; then another one takes over what it was doing."""
    drain_seconds: float = Field(default=10, ge=0)
    """How long a worker that is told to stop lets the steps under way end; what is cut off runs again elsewhere."""
    retention_days: int = Field(default=30, ge=1)
    """How long a finished operation is kept; from then on its idempotency key is refused as expired."""
    sweep_seconds: float = Field(default=60, gt=0)
    """How often what died inside the engine is ended, and what is past its time is removed."""
    inventory_seconds: float = Field(default=300, ge=0)
    """How often each workspace is looked at for the inventory, from end to end; 0: never."""
    seal_seconds: float = Field(default=10, gt=0)
    """How often what is new in the audit trail is sealed."""
    audit_heads: Path | None = None
    """A folder outside the database, where the heads of the sealed trail go beside the log; files there only grow.

    A cut tail is found by nothing else: best it is on a disk that the database's keepers cannot write.
    """
    reconcile_seconds: float = Field(default=6 * 3600, ge=0)
    """How often each project is reconciled unasked: what was promised is held against the workspaces; 0 is never."""
    watch_seconds: float = Field(default=300, ge=0)
    """How often an accepted catalog is looked into for versions that came or went; 0 for never."""

    @field_validator("database")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(POSTGRESQL):
            raise ValueError(f"it must begin with {POSTGRESQL}; leave it out to use SQLite")
        return value

    @property
    def is_shared(self) -> bool:
        """Whether several processes may use the database, which only PostgreSQL allows."""
        return self.database is not None

    @property
    def database_url(self) -> str:
        """Causeway's own tables, as SQLAlchemy addresses them. It holds the password: it goes into no log."""
        if self.database is None:
            return f"sqlite:///{(self.data / 'causeway.sqlite').absolute()}"
        return self.database.get_secret_value().replace(POSTGRESQL, "postgresql+psycopg://", 1)

    @property
    def engine_url(self) -> str:
        """The workflow engine's tables: a schema of the same PostgreSQL database.

        SQLite has a file of their own for them, so that the engine's writes never wait for ours.
        """
        if self.database is None:
            return f"sqlite:///{(self.data / 'engine.sqlite').absolute()}"
        return self.database_url


@lru_cache
def current() -> Settings:
    """The settings of this process, read once."""
    return Settings()
