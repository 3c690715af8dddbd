"""Are these tags that Unity Catalog takes? At most fifty an object, short, with keys of plain characters [DOC]."""

import re

from app.sandbox import errors

LIMIT, LENGTH = 50, 256
_FORBIDDEN = re.compile(r"[.,\-=/:]")


def check(tags: dict[str, str]) -> dict[str, str]:
    """The tags of one object, if the platform takes them; else 400."""
    if len(tags) > LIMIT:
        raise errors.invalid(f"At most {LIMIT} tags can be assigned to an object.")
    for key, value in tags.items():
        if not key or len(key) > LENGTH or len(value) > LENGTH:
            raise errors.invalid(f"Keys and values of tags have at most {LENGTH} characters: '{key[:LENGTH]}'.")
        if _FORBIDDEN.search(key):
            raise errors.invalid(f"Tag key '{key}' must not contain any of . , - = / :")
    return tags
