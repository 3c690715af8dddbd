"""How ids and names in paths are read: `{publication_id:id}`."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class Segment(Convertor[str]):
    """An id in a path: without colon and slash, so that `/{id}` never swallows `/{id}:verb`."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        """The text itself."""
        return value

    def to_string(self, value: str) -> str:
        """The text itself."""
        return value


register_url_convertor("id", Segment())
