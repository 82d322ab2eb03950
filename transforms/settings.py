"""Settings of the command line alone, read like those of the service; ``.env.example`` lists them all."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from backend.config import Settings


class CommandSettings(BaseSettings):
    """What can be set from outside for the compass command, besides what the service knows."""

    model_config = Settings.model_config

    COMPASS_HOME: str = Field(
        default="", description="Folder of the embedded database; empty = the user's folder for data."
    )
    COMPASS_USER: str = Field(
        default="",
        description=(
            "Name that the registry keeps for who loads and publishes; empty = the operating system's."
        ),
    )


def command_settings() -> CommandSettings:
    """The settings as they are now; read anew at every call, so that a changed variable counts."""
    return CommandSettings()
