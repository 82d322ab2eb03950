"""Ids of the PostgreSQL advisory locks that the service takes, in one place so that none clash."""

from __future__ import annotations

from typing import Final

MIGRATION: Final = 0x51C0_0010
"""Session lock: processes that migrate one database take turns."""

HYDRATION: Final = 0x51C0_0011
"""Transaction lock: whoever publishes or hydrates signals does so alone."""

EVENTS: Final = 0x51C0_0012
"""Transaction lock: whoever writes events of the feed does so alone; a trigger takes it."""
