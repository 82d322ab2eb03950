"""Copies of a valid run that a test breaks in one place, and what the rules then say."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.check import check_schemas
from contracts.findings import Finding, Severity
from contracts.rules import (
    classification,
    contributions,
    documents,
    files,
    graph,
    references,
    statistics,
    values,
)
from contracts.run_data import RunData
from transforms.run import open_run
from transforms.stage import stage_run

FAMILIES = (files, values, references, graph, statistics, classification, contributions, documents)

METRIC = "losIndex"
FACILITY_AGGREGATE = f"results/nodes/{METRIC}__medicareId__aggregate_time_period.jsonl"
FACILITY_MONTHLY = f"results/nodes/{METRIC}__medicareId__dischargeMonth.jsonl"
FACETED_AGGREGATE = f"results/nodes/{METRIC}__medicareId_vizientServiceLine__aggregate_time_period.jsonl"
CLASSIFICATIONS = "analysis/classification/classifications.jsonl"
NODE_YAML = "nodes/losIndex/base/facility_base/losIndex__medicareId__aggregate_time_period.yaml"
SUMMARY = "analysis/classification/classification_summary.csv"

Json = dict[str, Any]


@dataclass(slots=True)
class RunCopy:
    """A run directory that may be changed; paths are relative to it."""

    path: Path

    def file(self, relative: str) -> Path:
        """Path of an artifact."""
        return self.path / relative

    def one(self, pattern: str) -> str:
        """The first artifact that matches."""
        return sorted(found.relative_to(self.path).as_posix() for found in self.path.glob(pattern))[0]

    def read(self, relative: str) -> bytes:
        """Bytes of an artifact."""
        return self.file(relative).read_bytes()

    def write(self, relative: str, content: bytes) -> None:
        """Put bytes in the place of an artifact."""
        self.file(relative).parent.mkdir(parents=True, exist_ok=True)
        self.file(relative).write_bytes(content)

    def replace(self, relative: str, old: bytes, new: bytes, count: int = 1) -> None:
        """Replace the first bytes that equal ``old``; there must be some."""
        content = self.read(relative)
        assert old in content, (relative, old)
        self.write(relative, content.replace(old, new, count))

    def edit(self, relative: str, change: Callable[[Any], Any]) -> None:
        """Change a JSON document in place, or by what ``change`` returns."""
        document = json.loads(self.read(relative))
        changed = change(document)
        self.write(relative, json.dumps(document if changed is None else changed).encode())

    def edit_line(self, relative: str, number: int, change: Callable[[Json], Any]) -> None:
        """Change the JSON object on line ``number``, from 1."""
        lines = self.read(relative).splitlines()
        document = json.loads(lines[number - 1])
        changed = change(document)
        lines[number - 1] = json.dumps(
            document if changed is None else changed, separators=(",", ":")
        ).encode()
        self.write(relative, b"\n".join(lines) + b"\n")

    def edit_lines(self, relative: str, change: Callable[[list[bytes]], Iterable[bytes]]) -> None:
        """Change the list of raw lines, line ends included."""
        self.write(relative, b"".join(change(self.read(relative).splitlines(keepends=True))))

    def stage(self) -> RunData:
        """The run as staging reads it."""
        return stage_run(open_run(self.path))

    def findings(self) -> list[Finding]:
        """What parsing, schemas and the rules over files, values and references find, but notes."""
        data = self.stage()
        found = check_schemas(data)
        for family in FAMILIES:
            for check in family.CHECKS:
                found.extend(check(data))
        return [finding for finding in found if finding.severity is not Severity.NOTE]


@dataclass(frozen=True, slots=True)
class Case:
    """A defect: how to make it, and the rule that must find it, where.

    ``also`` are codes of rules that the same defect breaks inevitably.
    """

    code: str
    name: str
    change: Callable[[RunCopy], None]
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


def copy_run(source: Path, folder: Path) -> RunCopy:
    """A copy of the run below ``folder``, under the names of its graph and run id."""
    target = folder / source.parent.name / source.name
    shutil.copytree(source, target)
    return RunCopy(target)


def put(line: int, relative: str, change: Callable[[bytes], bytes]) -> Callable[[RunCopy], None]:
    """Change the raw bytes of one line."""

    def apply(run: RunCopy) -> None:
        def edit(lines: list[bytes]) -> list[bytes]:
            before = lines[line - 1]
            lines[line - 1] = change(before)
            assert lines[line - 1] != before, "the line did not change"
            return lines

        run.edit_lines(relative, edit)

    return apply


def swap(pattern: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Replace the first match of a regular expression."""
    return lambda line: re.sub(pattern, lambda match: match.expand(new), line, count=1)


def cut(line: bytes) -> bytes:
    """The first half of a line, without its end."""
    return line[: len(line) // 2]


def cut_line(line: bytes) -> bytes:
    """The first half of a line and its end."""
    return cut(line) + b"\n"


def whole(relative: str, content: bytes) -> Callable[[RunCopy], None]:
    """Put other bytes in the place of a file."""
    return lambda run: run.write(relative, content)
