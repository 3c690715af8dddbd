"""Is this a name that Unity Catalog takes, and what are its parts?"""

import re

from app.sandbox import errors, grants
from app.sandbox.wire import Call

# Neither spaces, periods, slashes nor control characters [FAKE].
_FORBIDDEN = re.compile(r"[\s./\x00-\x1f\x7f]")


def check(name: str, operation: str, kind: str) -> str:
    """The name (one part, no periods), if the platform takes it [FAKE]; else 400."""
    if not name or len(name) > 255 or _FORBIDDEN.search(name):
        raise errors.invalid(
            f'Invalid input: RPC {operation} Field managedcatalog.{kind.capitalize()}Info.name: name "{name}" is not '
            "a valid name. Valid names cannot contain spaces, periods, forward slashes, or control characters."
        )
    return name


def check_principal(call: Call, principal: str) -> str:
    """The principal, if there is one of that name; else 404."""
    grants.check_principal(call.state, call.metastore, principal)
    return principal


def split(full_name: str, parts: int) -> list[str]:
    """The parts of a full name with exactly so many, in lower case, as Unity Catalog keeps them [DOC]; else 400."""
    found = full_name.lower().split(".")
    if len(found) != parts or not all(found):
        raise errors.invalid(f'"{full_name}" is not a full name of {parts} parts.')
    return found


def full(full_name: str, parts: int) -> str:
    """The full name as it is kept."""
    return ".".join(split(full_name, parts))
