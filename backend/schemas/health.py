"""Bodies of the health endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """The process answers."""

    status: Literal["healthy"]
    version: str = Field(description="Version of the API.")


class PublishedRunInfo(BaseModel):
    """The run that a graph serves."""

    graph_name: str
    run_id: str
    published_at: datetime | None


class Readiness(BaseModel):
    """The process can answer requests that need the database."""

    status: Literal["ready"]
    schema_revision: str = Field(description="Revision of the database's schema; it is the one needed.")
    writable: bool = Field(description="Whether the database takes writes now; reads are served either way.")
    published_runs: list[PublishedRunInfo]
