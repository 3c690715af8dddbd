"""By which token does Causeway speak to a workspace? Fetched when needed, renewed ahead, dropped when refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import requests
from databricks.sdk.config import Config
from databricks.sdk.credentials_provider import CredentialsStrategy
from databricks.sdk.oauth import Refreshable, Token

from app.configuration import AccessToken, OAuthClient, Secret, SecretUnreadable, Workspace
from app.errors import CredentialsUnreadable
from app.workspaces import faults

SIGN_IN_TIMEOUT_SECONDS = 10
RENEWED_AHEAD = timedelta(minutes=5)


class Credentials(CredentialsStrategy):
    """One workspace's identity as headers; safe for many threads."""

    def __init__(self, workspace: str, configured: Workspace) -> None:
        self._workspace = workspace
        self._configured = configured
        self._source = self._make_source()

    def auth_type(self) -> str:
        """The name of the method, which the SDK puts into its User-Agent."""
        return self._configured.auth.type

    def __call__(self, cfg: Config) -> Callable[[], dict[str, str]]:
        """What the SDK asks before each request."""
        return self.get_headers

    def get_headers(self) -> dict[str, str]:
        """The headers of a request now; blocks for one token request when there is no valid token.

        Raises `WorkspaceRefused`, `WorkspaceUnavailable`, `CredentialsUnreadable` and their like.
        """
        return _as_headers(self._source.token())

    def find_headers(self) -> dict[str, str] | None:
        """The headers if a token is at hand that stays valid for a while; never blocks."""
        token = self._source.held
        if token is None or (token.expiry and token.expiry - datetime.now(UTC) < RENEWED_AHEAD):
            return None
        return _as_headers(token)

    def forget(self) -> None:
        """Drop the token: the platform may refuse one before its time, with 401 or 403."""
        self._source = self._make_source()

    def _make_source(self) -> _TokenSource:
        auth = self._configured.auth
        if isinstance(auth, AccessToken):
            return _TokenSource(partial(_read_token, self._workspace, auth))
        return _TokenSource(partial(_fetch_token, self._workspace, self._configured.host, auth))


class _TokenSource(Refreshable):
    """The SDK's keeper of a token, which renews one that is still valid beside the calls that use it [SDK]."""

    def __init__(self, fetch: Callable[[], Token]) -> None:
        super().__init__(disable_async=False)
        self._fetch = fetch
        self.held: Token | None = None

    def refresh(self) -> Token:
        self.held = self._fetch()
        return self.held


def _read_token(workspace: str, auth: AccessToken) -> Token:
    return Token(_read(workspace, auth.token), "Bearer")


def _fetch_token(workspace: str, host: str, auth: OAuthClient) -> Token:
    # OAuth M2M. The SDK's own call has no time-out, and finds its address by two more requests [SDK].
    secret = _read(workspace, auth.client_secret)
    asked_at = datetime.now(UTC)
    try:
        answer = requests.post(
            f"{host}/oidc/v1/token",
            data={"grant_type": "client_credentials", "scope": "all-apis"},
            auth=(auth.client_id, secret),
            timeout=SIGN_IN_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        if answer.status_code != 200:
            raise faults.as_sign_in_problem(answer.status_code, answer.headers, workspace)
        content = answer.json()
        expiry = asked_at + timedelta(seconds=int(content["expires_in"]))
        return Token(str(content["access_token"]), "Bearer", expiry=expiry)
    except (requests.RequestException, KeyError, TypeError, ValueError) as error:
        raise faults.as_problem(error, workspace, "signing in") from error


def _as_headers(token: Token) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.access_token}"}


def _read(workspace: str, secret: Secret) -> str:
    try:
        return secret.read()
    except SecretUnreadable as error:
        raise CredentialsUnreadable(workspace=workspace) from error
