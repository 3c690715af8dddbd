"""By which token does Causeway speak to a workspace? Fetched when needed, renewed ahead, dropped when refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

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
            return _SecretToken(self._workspace, auth)
        return _ClientToken(self._workspace, self._configured.host, auth)


class _TokenSource(Refreshable):
    held: Token | None = None

    def __init__(self) -> None:
        # Renewal of a token that is still valid happens beside the calls that use it [SDK].
        super().__init__(disable_async=False)

    def refresh(self) -> Token:
        self.held = self._fetch()
        return self.held

    def _fetch(self) -> Token:
        raise NotImplementedError


class _SecretToken(_TokenSource):
    def __init__(self, workspace: str, auth: AccessToken) -> None:
        super().__init__()
        self._workspace, self._auth = workspace, auth

    def _fetch(self) -> Token:
        return Token(_read(self._workspace, self._auth.token), "Bearer")


class _ClientToken(_TokenSource):
    """OAuth M2M; the SDK's own token call has no time-out, and finds its address by two more requests [SDK]."""

    def __init__(self, workspace: str, host: str, auth: OAuthClient) -> None:
        super().__init__()
        self._workspace, self._host, self._auth = workspace, host, auth

    def _fetch(self) -> Token:
        secret = _read(self._workspace, self._auth.client_secret)
        asked_at = datetime.now(UTC)
        try:
            answer = requests.post(
                f"{self._host}/oidc/v1/token",
                data={"grant_type": "client_credentials", "scope": "all-apis"},
                auth=(self._auth.client_id, secret),
                timeout=SIGN_IN_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
            if answer.status_code != 200:
                raise faults.as_sign_in_problem(answer.status_code, answer.headers, self._workspace)
            content = answer.json()
            expiry = asked_at + timedelta(seconds=int(content["expires_in"]))
            return Token(str(content["access_token"]), "Bearer", expiry=expiry)
        except (requests.RequestException, KeyError, TypeError, ValueError) as error:
            raise faults.as_problem(error, self._workspace, "signing in") from error


def _as_headers(token: Token) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.access_token}"}


def _read(workspace: str, secret: Secret) -> str:
    try:
        return secret.read()
    except SecretUnreadable as error:
        raise CredentialsUnreadable(workspace=workspace) from error
