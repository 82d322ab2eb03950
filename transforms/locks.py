"""Ids of the PostgreSQL advisory locks that this package takes, in one place so that none clash.

Each goes with its connection at the latest, so a killed process leaves none behind.
"""

from __future__ import annotations

from typing import Final

BUILD: Final = 0x51C0_0001
"""Held for a whole build of models, by either engine: two builds of one database take turns."""

RUN_CLASS: Final = 0x51C1
"""First half of the two-part lock of one run; the second is the hash of its key. Held from
before a load to after the publish, so that two commands never work on the same run."""

RAW_TABLE_DDL: Final = 0x51C0_0002
"""Held, by a transaction, while missing raw tables are created."""

WATCH: Final = 0x51C0_0003
"""Held by the watcher whose turn it is: of several, one brings runs in."""

EMBEDDED_DATABASE: Final = 0x51C0_0004
"""Held while the embedded server is asked for its database, and makes it."""
