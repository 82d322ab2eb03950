"""Addresses in the documentation of the dbt project."""

from __future__ import annotations

from urllib.parse import quote

PROJECT_NAME = "quality_compass"


def docs_url(base: str, resource_type: str, name: str, source_name: str | None = None) -> str:
    """Address of a model, seed or source; the overview for anything else, or a source of no known name."""
    root = f"{base.rstrip('/')}/#!"
    name = quote(name, safe="")
    if resource_type in ("model", "seed"):
        return f"{root}/{resource_type}/{resource_type}.{PROJECT_NAME}.{name}"
    if resource_type == "source" and source_name is not None:
        return f"{root}/source/source.{PROJECT_NAME}.{quote(source_name, safe='')}.{name}"
    return f"{root}/overview"
