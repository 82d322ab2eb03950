"""Users as the API gives and takes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.enums import UserRole

Email = Annotated[
    str, StringConstraints(to_lower=True, max_length=255, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")
]
# One line, not blank.
Name = Annotated[
    str,
    StringConstraints(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"),
]


class User(BaseModel):
    """Somebody who works with signals."""

    id: str
    name: str
    email: str
    role: UserRole | None
    is_active: bool = Field(description="False for somebody who has left: neither signs in nor is assigned.")


class NewUser(BaseModel):
    """A user to be. There are no passwords: users sign in with API keys or tokens."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ann@example.org", "name": "Ann Lee", "role": "nursing_leadership"}]
        }
    )

    email: Email = Field(description="Unique; kept in small letters.")
    name: Name
    role: UserRole = UserRole.VIEWER


class UserUpdate(BaseModel):
    """What can be changed of a user; keys that are left out change nothing."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "clinical_leadership"}]})

    name: Name = ""
    role: UserRole = UserRole.VIEWER
    is_active: bool = Field(default=True, strict=True, description="True lets somebody come back.")
