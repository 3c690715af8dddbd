"""What callers see: a file for each collection, its routes and bodies together."""

from app.http.conventions import segments

__all__ = ["segments"]
