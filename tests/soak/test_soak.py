"""A minute of the soak; `make soak` does it for a quarter of an hour."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.soak.soak import soak

pytestmark = pytest.mark.thorough

SECONDS = float(os.environ.get("COMPASS_SOAK_SECONDS", "60"))


@pytest.mark.timeout(SECONDS + 300)
def test_the_service_stands_a_minute_of_everything(tmp_path: Path) -> None:
    assert [str(verdict) for verdict in soak(tmp_path, SECONDS) if not verdict.good] == []
