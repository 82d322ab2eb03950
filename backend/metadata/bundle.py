"""Metadata bundles: the vocabulary of a run, in the shape that the API promises whatever was written."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from backend.schemas.metadata import (
    BundleMetric,
    ComparisonMode,
    EdgeType,
    GroupBySet,
    GroupByType,
    TagType,
)

LISTS: Mapping[str, type[BaseModel]] = {
    "metrics": BundleMetric,
    "edge_types": EdgeType,
    "tag_types": TagType,
    "comparison_modes": ComparisonMode,
    "group_by_types": GroupByType,
    "group_by_sets": GroupBySet,
}
"""Lists of a bundle, and what they hold."""

_VERSION = "1.0.0"


def bundle(written: Mapping[str, Any]) -> dict[str, Any]:
    """A bundle as the API gives it: no other keys, texts for texts, lists sorted by id."""
    return {
        "version": text(written.get("version")) or _VERSION,
        "generated_at": text(written.get("generated_at")),
        "taxonomy_hash": text(written.get("taxonomy_hash")),
        **{name: _entries(model, written.get(name)) for name, model in LISTS.items()},
    }


def text(value: Any) -> str:
    """``value`` as text: numbers and flags as JSON spells them, nothing for null, lists and objects."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else ""


def _entries(model: type[BaseModel], written: Any) -> list[dict[str, Any]]:
    identity = next(iter(model.model_fields))
    entries = [_entry(model, each) for each in _list(written) if isinstance(each, Mapping)]
    return sorted((each for each in entries if each[identity]), key=lambda each: str(each[identity]))


def _entry(model: type[BaseModel], written: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(field.annotation, written.get(name)) for name, field in model.model_fields.items()}


def _value(kind: Any, written: Any) -> Any:
    if typing.get_origin(kind) is list:
        (item,) = typing.get_args(kind)
        if isinstance(item, type) and issubclass(item, BaseModel):
            return [_entry(item, each) for each in _list(written) if isinstance(each, Mapping)]
        return [_value(item, each) for each in _list(written) if each is not None]
    return text(written)


def _list(written: Any) -> list[Any]:
    return written if isinstance(written, list) else []
