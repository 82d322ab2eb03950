"""Who runs a command, as the registry keeps it."""

from __future__ import annotations

import getpass
import os

from transforms.settings import command_settings


def operator() -> str:
    """COMPASS_USER, or the user of the operating system; a number where that has no name."""
    configured = command_settings().COMPASS_USER.strip()
    if configured:
        return configured
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
