"""If-Match: a change that is wanted only while the assignment is at a version (RFC 9110, section 13.1.1)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

IfMatch = Annotated[
    str | None,
    Header(
        max_length=1000,
        description="ETag of the assignment that the change is meant for, or `*`; 412 at another version.",
        examples=['"3"'],
    ),
]


def etag(version: int) -> str:
    """The entity tag of an assignment at ``version``."""
    return f'"{version}"'


def holds(condition: str | None, version: int) -> bool:
    """Whether If-Match allows a change of the assignment at ``version``; 0 = there is none.

    The comparison is strong, so that a weak tag never matches.
    """
    if condition is None:
        return True
    if version == 0:
        return False
    return any(tag.strip() in ("*", etag(version)) for tag in condition.split(","))
