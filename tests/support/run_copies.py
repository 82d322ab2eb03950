"""Copies of a valid run that a test breaks in one place, and what the rules then say."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Self

import polars as pl

from contracts.check import check_schemas
from contracts.findings import Finding, Severity
from contracts.rules.registry import CHECKS, Check
from contracts.run_data import RunData
from transforms.run import open_run
from transforms.stage import stage_run
from transforms.synth.corruptions.edit import RunEditor


class _Frames(dict[str, pl.DataFrame]):
    """Frames by name that note which of them are looked at: in the last set of ``reading``."""

    def __init__(self, frames: dict[str, pl.DataFrame], reading: list[set[str]]) -> None:
        super().__init__(frames)
        self._reading = reading

    def __getitem__(self, name: str) -> pl.DataFrame:
        self._reading[-1].add(name)
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError("a check that walks over all frames cannot be watched")

    items = values = keys = get = __iter__  # type: ignore[assignment]


class _Derived(dict[str, pl.DataFrame]):
    """Derived frames that note what they are made of, as ``contracts.derived`` asks for and keeps them."""

    def __init__(self, reading: list[set[str]]) -> None:
        super().__init__()
        self._reading = reading
        self.reads: dict[str, frozenset[str]] = {}

    def __contains__(self, name: object) -> bool:
        if super().__contains__(name):
            self._reading[-1] |= self.reads[str(name)]
            return True
        self._reading.append(set())
        return False

    def __setitem__(self, name: str, frame: pl.DataFrame) -> None:
        self.reads[name] = frozenset(self._reading.pop())
        self._reading[-1] |= self.reads[name]
        super().__setitem__(name, frame)


class _Unkept(dict[str, Any]):
    """Documents that are read anew, and so from their frame, each time somebody asks for them."""

    def __contains__(self, name: object) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class ValidRun:
    """A run without findings, and which of its frames each check and each derived frame is made of.

    A check says the same of a copy if all it looks at is the same; there it need not run again.
    """

    data: RunData
    checks: dict[Check, frozenset[str]]
    derived: dict[str, frozenset[str]]

    @classmethod
    def of(cls, staged: RunData) -> Self:
        """Run every check over ``staged`` and watch it."""
        assert staged.findings == []
        reading: list[set[str]] = []
        derived = _Derived(reading)
        data = replace(
            staged,
            frames=_Frames(staged.frames, reading),
            auxiliary=_Frames(staged.auxiliary, reading),
            derived=derived,
            _documents=_Unkept(),
        )
        checks = {}
        for check in CHECKS:
            reading[:] = [set()]
            assert [finding for finding in check(data) if finding.severity is not Severity.NOTE] == []
            checks[check] = frozenset(reading[0])
        return cls(replace(staged, derived=dict(derived), _documents={}), checks, derived.reads)

    def affected(self, data: RunData) -> list[Check]:
        """The checks that may say something else of ``data``, which gets what it shares with this run."""
        if data.findings or _surroundings(data) != _surroundings(self.data):
            return list(CHECKS)
        own, other = self.data.frames | self.data.auxiliary, data.frames | data.auxiliary
        changed = {name for name, frame in other.items() if not frame.equals(own[name])}
        data.derived.update(
            {name: self.data.derived[name] for name, read in self.derived.items() if not read & changed}
        )
        return [check for check, read in self.checks.items() if read & changed]


def _surroundings(data: RunData) -> tuple[object, ...]:
    """What checks look at beside frames and findings; of the path they know the last two names."""
    return data.run_key, data.graph_name, data.run_id, data.files, data.single, PurePath(data.path).parts[-2:]


@dataclass(slots=True)
class RunCopy(RunEditor):
    """A run directory that may be changed and checked."""

    original: ValidRun | None = None
    """What it is a copy of, where that is known: spares checks that cannot say anything new."""

    def stage(self) -> RunData:
        """The run as staging reads it."""
        return stage_run(open_run(self.path))

    def every_finding(self) -> list[Finding]:
        """What parsing, schemas and rules find, notes included; those of checks that may have changed."""
        data = self.stage()
        found = check_schemas(data)
        for check in CHECKS if self.original is None else self.original.affected(data):
            found.extend(check(data))
        return found

    def findings(self) -> list[Finding]:
        """Errors and warnings."""
        return [finding for finding in self.every_finding() if finding.severity is not Severity.NOTE]


@dataclass(frozen=True, slots=True)
class Case:
    """A defect: how to make it, and the rule that must find it, where.

    ``also`` are codes of rules that the same defect breaks inevitably.
    """

    code: str
    name: str
    change: Callable[[RunEditor], object]
    file: str | None = None
    line: int | None = None
    json_path: str | None = None
    also: frozenset[str] = field(default_factory=frozenset)
    says: str = ""

    def __str__(self) -> str:
        return f"{self.code}-{self.name}"

    def assert_found(self, run: RunCopy) -> None:
        """Break ``run``; the rule fires once, in its place, and nothing fires that should not."""
        self.change(run)
        findings = run.findings()
        codes = {finding.code for finding in findings}
        assert codes - self.also == {self.code}, findings
        first = next(finding for finding in findings if finding.code == self.code)
        assert first.file == self.file, first
        assert first.line == self.line, first
        if self.json_path is not None:
            assert first.json_path == self.json_path, first
        assert self.says in f"{first.message} {first.actual}", first


def copy_run(source: Path, folder: Path, original: ValidRun | None = None) -> RunCopy:
    """A copy of the run below ``folder``, under the names of its graph and run id."""
    target = folder / source.parent.name / source.name
    shutil.copytree(source, target)
    return RunCopy(target, original)
