"""Baselines: files of findings already known, which a later check leaves out of its verdict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from contracts.findings import Finding
from transforms.errors import UsageError
from transforms.reports.wording import encodable

_VERSION = 1
_IDENTITY = ("code", "file", "entity", "json_path")


class BaselineUnreadable(UsageError):
    """The baseline file is missing, or not one that `--write-baseline` wrote."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"{path} is not a readable baseline: {reason}", "write one: compass preflight --write-baseline"
        )


def fingerprint(finding: Finding) -> str:
    """32 hex digits that stay the same while lines move: of code, file, entity and JSON path."""
    identity = json.dumps([getattr(finding, name) for name in _IDENTITY])
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Known findings: fingerprint to the number of occurrences that are known."""

    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def knows(self, finding: Finding) -> bool:
        """Whether ``finding`` was known, in at least as many places."""
        return finding.count <= self.counts.get(fingerprint(finding), 0)


def read_baseline(path: Path) -> Baseline:
    """The baseline at ``path``; raises BaselineUnreadable."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != _VERSION:
            raise BaselineUnreadable(path, f"version {document['version']!r} is not {_VERSION}")
        return Baseline({entry["fingerprint"]: int(entry["count"]) for entry in document["findings"]})
    except OSError as error:
        raise BaselineUnreadable(path, error.strerror or str(error)) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BaselineUnreadable(path, "it is not a JSON document of fingerprints") from error


def as_baseline(findings: Iterable[Finding]) -> str:
    """The text of a baseline that knows ``findings``, one line each, in a stable order."""
    entries: dict[str, dict[str, Any]] = {}
    for finding in findings:
        key = fingerprint(finding)
        count = max(finding.count, entries.get(key, {}).get("count", 0))
        shown = {name: _text(getattr(finding, name)) for name in _IDENTITY}
        entries[key] = {"fingerprint": key, "count": count, **shown}
    ordered = sorted(
        entries.values(), key=lambda entry: (entry["code"], entry["file"] or "", entry["fingerprint"])
    )
    lines = ",\n".join(f"    {json.dumps(entry, ensure_ascii=False)}" for entry in ordered)
    return f'{{\n  "version": {_VERSION},\n  "findings": [\n{lines}\n  ]\n}}\n'


def _text(value: str | None) -> str | None:
    return None if value is None else encodable(value)
