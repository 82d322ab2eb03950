"""Read members of decoded JSON without trusting their types: what does not fit is absent."""

from __future__ import annotations

from collections.abc import Mapping

JsonObject = Mapping[str, object]


def text_at(value: object, *path: str) -> str | None:
    """The text at ``path``, or None."""
    found = value_at(value, *path)
    return found if isinstance(found, str) else None


def number_at(value: object, *path: str) -> int | float | None:
    """The number at ``path``, or None; true and false are no numbers."""
    found = value_at(value, *path)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def value_at(value: object, *path: str) -> object:
    """The value at ``path``, or None."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def objects_at(value: object, *path: str) -> list[JsonObject]:
    """The objects of the list at ``path``, in order; an empty list where there is none."""
    found = value_at(value, *path)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def texts_at(value: object, *path: str) -> list[str]:
    """The texts of the list at ``path``, in order; an empty list where there is none."""
    found = value_at(value, *path)
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []
