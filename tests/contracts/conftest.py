"""A small valid run that tests copy and break."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.run_copies import RunCopy, ValidRun, copy_run
from transforms.synth import generate_run


@pytest.fixture(scope="session")
def valid_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic run with every artifact family; read it only."""
    return generate_run(tmp_path_factory.mktemp("valid"), facilities=16, seed=1)


@pytest.fixture(scope="session")
def watched_run(valid_run: Path) -> ValidRun:
    """The valid run, staged and checked; read it only."""
    return ValidRun.of(RunCopy(valid_run).stage())


@pytest.fixture
def run(valid_run: Path, watched_run: ValidRun, tmp_path: Path) -> RunCopy:
    """A copy of the valid run, for one test to change."""
    return copy_run(valid_run, tmp_path, watched_run)
