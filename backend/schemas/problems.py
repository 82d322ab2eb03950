"""What an error looks like (RFC 9457, application/problem+json)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """An error. ``detail`` is for people, ``type`` for programs."""

    type: str = Field(
        description="Kind of problem, as a URI that does not change.",
        examples=["urn:quality-compass:problem:signal-not-found"],
    )
    title: str = Field(description="Kind of problem, in words.", examples=["Signal not found"])
    status: int = Field(description="HTTP status.", examples=[404])
    detail: str = Field(description="What went wrong, and where there is a way out, which.")
    instance: str = Field(description="Path of the request.")
    request_id: str = Field(description="Id of the request, also in the X-Request-ID header and in the logs.")


class InvalidField(BaseModel):
    """One thing that is wrong with a request."""

    location: str = Field(description="path, query, header or body.", examples=["query"])
    field: str = Field(description="Name, or path within the body.", examples=["limit"])
    code: str = Field(description="Kind of mistake.", examples=["less_than_equal"])
    message: str = Field(examples=["Input should be less than or equal to 100"])


class ValidationProblem(BaseModel):
    """A request that does not say something that can be answered."""

    type: str = Field(examples=["urn:quality-compass:problem:invalid-request"])
    title: str = Field(examples=["Invalid request"])
    status: int = Field(examples=[422])
    detail: list[dict[str, Any]] = Field(description="Each mistake as `{type, loc, msg, input, ...}`.")
    errors: list[InvalidField] = Field(description="The same, shorter.")
    instance: str
    request_id: str
