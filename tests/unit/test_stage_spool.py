"""Frames that lie on disk are the frames that lay in memory, and need none while nobody looks at them."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import polars as pl
import pytest

from contracts.check import check
from tests.support.disk import small_disk
from transforms.run import open_run
from transforms.sample import sample_run
from transforms.stage import spool, stage_run
from transforms.stage.spool import Spool

ROWS = 400_000
FRAME = pl.DataFrame(
    {
        "number": pl.int_range(ROWS, eager=True),
        "text": pl.Series(["a text that is told once", None, "another"]).gather([0, 1, 2, 0] * (ROWS // 4)),
        "list": pl.Series([[1.5, None], [], None, [2.5]] * (ROWS // 4)),
        "truth": pl.Series([True, False, None, True] * (ROWS // 4)),
    }
)


def resident(kind: str) -> int:
    """Bytes of this process in memory: of files (``RssFile``) or its own (``RssAnon``)."""
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found.group(1)) * 1024


def test_the_rules_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(sample_run())
    in_memory = stage_run(run)
    monkeypatch.setattr(spool, "WORTH_SPOOLING_BYTES", 0)
    monkeypatch.setattr(spool, "_WORTH_A_FILE_BYTES", 0)
    on_disk = stage_run(run)
    for name, frame in (in_memory.frames | in_memory.auxiliary).items():
        assert (on_disk.frames | on_disk.auxiliary)[name].equals(frame), name
    assert on_disk.frames["raw_entity_results"].n_chunks() > 1
    assert check(on_disk) == check(in_memory)


@pytest.mark.parametrize("frame", [FRAME, FRAME.slice(7, 1_000), FRAME.clear()], ids=["all", "part", "none"])
def test_what_is_kept_is_equal(frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_WORTH_A_FILE_BYTES", 0)
    kept = Spool(on_disk=True)
    frames = [kept.keep(frame), kept.keep(frame)]
    kept.release()
    assert kept.together(frames).equals(pl.concat([frame, frame]))


def test_no_file_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = Spool(on_disk=True).keep(FRAME)
    assert list(tmp_path.iterdir()) == []
    assert kept.equals(FRAME)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to know what is in memory")
def test_memory_is_freed_until_somebody_looks() -> None:
    kept = Spool(on_disk=True)
    frame = kept.keep(FRAME)
    kept.release()
    before = resident("RssFile")
    total = frame["number"].sum()
    assert resident("RssFile") - before > ROWS * 4
    kept.release()
    assert resident("RssFile") - before < ROWS * 4
    assert frame["number"].sum() == total == sum(range(ROWS))


def test_without_room_on_disk_frames_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(tmp_path / "disk", os.getuid()) as resize:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "disk"))
        assert Spool(on_disk=True).keep(FRAME) is not FRAME
        resize("1m")
        assert Spool(on_disk=True).keep(FRAME) is FRAME
        assert os.listdir(tmp_path / "disk") == []


def test_small_runs_stay_in_memory() -> None:
    small, large = Spool.of(spool.WORTH_SPOOLING_BYTES - 1), Spool.of(spool.WORTH_SPOOLING_BYTES)
    assert small.keep(FRAME) is FRAME
    assert large.keep(FRAME) is not FRAME
    assert large.keep(FRAME.head(3)).height == 3
