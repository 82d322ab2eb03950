"""Read artifact files line by line or whole, reporting what cannot be read with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from contracts.findings import Finding
from contracts.rules.files import PATH_ESCAPES_RUN
from contracts.rules.parsing import EMPTY_FILE, INVALID_JSON, INVALID_UTF8
from contracts.rules.schema import WRONG_TYPE
from transforms.run import PathEscapesRun, Run

UTF8_BOM = b"\xef\xbb\xbf"
_BYTE_POSITION = re.compile(r"byte (\d+)")
_JSON_PATH = re.compile(r" - at `\$?([^`]*)`$")
_EXCERPT = 60


@dataclass(slots=True)
class Source:
    """The run being staged and the findings of reading it."""

    run: Run
    findings: list[Finding] = field(default_factory=list)
    on_bytes: Callable[[int], None] = lambda count: None

    def open(self, relative: str) -> Path | None:
        """Path of the artifact, or None (with a finding when the path leaves the run)."""
        try:
            path = self.run.resolve(relative)
        except PathEscapesRun:
            self.findings.append(
                PATH_ESCAPES_RUN.finding(f"{relative!r} leads out of the run directory", file=relative)
            )
            return None
        return path if path.is_file() else None

    def glob(self, pattern: str) -> list[str]:
        """Artifacts matching ``pattern``, sorted, relative to the run; links out are refused."""
        names = sorted(self.run.relative(path) for path in self.run.path.glob(pattern))
        return [name for name in names if self.open(name) is not None]

    def lines(self, relative: str) -> Iterator[tuple[int, bytes]]:
        """Number (from 1) and bytes of each non-blank line; a byte order mark is dropped."""
        path = self.open(relative)
        if path is None:
            return
        read = 0
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                read += len(line)
                if number == 1 and line.startswith(UTF8_BOM):
                    line = line[len(UTF8_BOM) :]
                if line.strip():
                    yield number, line
        self.on_bytes(read)

    def text(self, relative: str) -> str | None:
        """The file's text, or None with a finding when it is absent, empty or not UTF-8."""
        path = self.open(relative)
        if path is None:
            return None
        content = path.read_bytes().removeprefix(UTF8_BOM)
        self.on_bytes(len(content))
        if not content.strip():
            self.findings.append(EMPTY_FILE.finding(f"{relative} is empty", file=relative))
            return None
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            self._bad_utf8(relative, content, error)
            return None

    def document(self, relative: str, type_: Any = Any) -> Any | None:
        """The JSON document decoded as ``type_``; None with a finding when it cannot be."""
        text = self.text(relative)
        if text is None:
            return None
        content = text.encode()
        try:
            return msgspec.json.decode(content, type=type_)
        except (msgspec.DecodeError, RecursionError) as error:
            self.report(relative, None, content, error)
            return None

    def report(self, relative: str, line: int | None, content: bytes, error: Exception) -> None:
        """Add the finding for bytes that did not decode."""
        if isinstance(error, msgspec.ValidationError):
            self.findings.append(_wrong_type(relative, line, str(error)))
            return
        try:
            content.decode()
        except UnicodeDecodeError as unicode_error:
            self._bad_utf8(relative, content, unicode_error, line)
            return
        self.findings.append(_invalid_json(relative, line, content, str(error)))

    def report_value(self, relative: str, pointer: str, error: msgspec.ValidationError) -> None:
        """Add the finding for a decoded value of the wrong shape at ``pointer``."""
        finding = _wrong_type(relative, None, str(error))
        place = pointer + (finding.json_path or "")
        self.findings.append(WRONG_TYPE.finding(finding.message, file=relative, json_path=place))

    def _bad_utf8(
        self, relative: str, content: bytes, error: UnicodeDecodeError, line: int | None = None
    ) -> None:
        if line is None:
            line = content.count(b"\n", 0, error.start) + 1
        self.findings.append(
            INVALID_UTF8.finding(
                f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8: {error.reason}",
                file=relative,
                line=line,
            )
        )


def _wrong_type(relative: str, line: int | None, text: str) -> Finding:
    path = _JSON_PATH.search(text)
    pointer = None
    if path is not None:
        pointer = path.group(1).replace("[", "/").replace("]", "").replace(".", "/")
        text = text[: path.start()]
    return WRONG_TYPE.finding(text, file=relative, line=line, json_path=pointer)


def _invalid_json(relative: str, line: int | None, content: bytes, text: str) -> Finding:
    position = _BYTE_POSITION.search(text)
    offset = int(position.group(1)) if position is not None else len(content)
    if line is None:
        line = content.count(b"\n", 0, offset) + 1
    around = content[max(0, offset - _EXCERPT // 2) : offset + _EXCERPT // 2]
    if "truncated" in text:
        message = f"the text ends in the middle of a value (byte {len(content.rstrip())})"
    else:
        message = text[0].lower() + text[1:]
    return INVALID_JSON.finding(
        message, file=relative, line=line, actual=around.decode(errors="replace").strip() or None
    )
