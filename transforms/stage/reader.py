"""Read artifact files line by line or whole, reporting what cannot be read with its place."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from contracts.findings import Finding
from contracts.rules.files import PATH_ESCAPES_RUN
from contracts.rules.gather import Findings
from contracts.rules.parsing import (
    BLANK_LINE,
    EMPTY_FILE,
    TOO_LARGE,
    UNREADABLE,
)
from transforms.run import UTF8_BOM, PathEscapesRun, Run
from transforms.stage.diagnosis import duplicate_key, invalid_json, invalid_utf8, wrong_value

DecodingError = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are not what they should be."""

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Longest line that is read: entity lines are about 10 kB, headers of large nodes a few MB."""
MAX_DOCUMENT_BYTES = 1024 * 1024 * 1024
"""Largest file that is read whole: legacy node documents hold all entities of a node."""
MAX_CHECKED_DOCUMENT_BYTES = 8 * 1024 * 1024
"""Largest document whose every key is looked at for repetitions."""
_CHUNK = 1024 * 1024
_BUFFER = 128 * 1024
"""A line of an entity is about as long as what Python reads at a time by default."""
_COLON = b":"
_KEY_END = b'":'


@dataclass(slots=True)
class Source:
    """The run being staged and the findings of reading it."""

    run: Run
    findings: Findings = field(default_factory=Findings)
    """Where findings are added; equal ones of a file are folded."""
    on_bytes: Callable[[int], None] = lambda count: None
    max_line_bytes: int = MAX_LINE_BYTES
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    refused: set[str] = field(default_factory=set)
    """Artifacts that exist but may not or cannot be read; a finding says why."""
    single: set[str] = field(default_factory=set)
    """Documents that hold one object where others hold a list of them."""

    def open(self, relative: str) -> Path | None:
        """Path of the artifact, or None: absent, or refused with a finding.

        Refused are paths that leave the run and names that belong to a folder or a device.
        """
        try:
            path = self.run.resolve(relative)
            mode = path.stat().st_mode
        except PathEscapesRun as error:
            self.refused.add(relative)
            self.findings.append(PATH_ESCAPES_RUN.finding(str(error), file=error.place))
            return None
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.unreadable(relative, error.strerror or str(error))
            return None
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            self.unreadable(relative, f"it is {kind}")
            return None
        return path

    def size(self, relative: str) -> int:
        """Bytes of an artifact that may be absent or refused, which then has none."""
        path = self.open(relative)
        return 0 if path is None else path.stat().st_size

    def missing(self, relative: str) -> bool:
        """Whether there is no such artifact; one that was refused is not missing."""
        return self.open(relative) is None and relative not in self.refused

    def glob(self, pattern: str) -> list[str]:
        """Artifacts matching ``pattern``, sorted, relative to the run; links out are refused."""
        names = sorted(name for name in map(self.run.relative, self.run.path.glob(pattern)) if is_text(name))
        return [name for name in names if self.open(name) is not None]

    def lines(self, relative: str) -> LineReader:
        """The lines of an artifact that hold text; none where it is absent or refused."""
        return LineReader(self, relative, self.open(relative))

    def content(self, relative: str) -> bytes | None:
        """The file's UTF-8 bytes without byte order mark; None (reported) where it has none."""
        path = self.open(relative)
        if path is None:
            return None
        try:
            size = path.stat().st_size
            if size > self.max_document_bytes:
                self.findings.append(
                    TOO_LARGE.finding(f"the document has {size / 2**20:,.0f} MiB", file=relative)
                )
                return None
            content = path.read_bytes()
        except OSError as error:
            self.unreadable(relative, error.strerror or str(error))
            return None
        self.on_bytes(len(content))
        content = content.removeprefix(UTF8_BOM)
        if not content.strip():
            self.findings.append(EMPTY_FILE.finding("the file is empty", file=relative))
            return None
        finding = None if content.isascii() else invalid_utf8(relative, None, content)
        if finding is not None:
            self.findings.append(finding)
            return None
        return content

    def text(self, relative: str) -> str | None:
        """The file's text; None where it is absent, refused, empty or not UTF-8."""
        content = self.content(relative)
        return None if content is None else content.decode()

    def document(self, relative: str, type_: Any = Any) -> Any | None:
        """The JSON document decoded as ``type_``; None with a finding when it cannot be."""
        content = self.content(relative)
        if content is None:
            return None
        try:
            document = msgspec.json.decode(content, type=type_)
        except DecodingError as error:
            self.report(relative, None, content, error)
            return None
        self.check_keys(relative, content)
        return document

    def check_json(self, relative: str, text: str, type_: Any = Any) -> None:
        """Report ``text`` where it is not JSON of that type, or an object of it has a key twice."""
        content = text.encode()
        try:
            msgspec.json.decode(content, type=type_)
        except DecodingError as error:
            self.report(relative, None, content, error)
        else:
            self.check_keys(relative, content)

    def check_keys(self, relative: str, content: bytes) -> None:
        """Report an object of a JSON document that has a key twice."""
        if len(content) <= MAX_CHECKED_DOCUMENT_BYTES:
            self.findings.add(duplicate_key(relative, None, content))

    def report(
        self, relative: str, line: int | None, content: bytes, error: Exception, within: str = ""
    ) -> None:
        """Add the finding for bytes that did not decode.

        Where ``content`` is part of a document, ``within`` is the JSON pointer to it.
        """
        member = ""
        if isinstance(error, MemberError):
            member, error = error.pointer, error.reason
        if isinstance(error, msgspec.ValidationError):
            finding: Finding | None = wrong_value(relative, line, content, error, member, within)
        else:
            finding = invalid_utf8(relative, line, content) or invalid_json(relative, line, content, error)
        self.findings.add(finding)

    def unreadable(self, relative: str, reason: str) -> None:
        """Add the finding for a file that cannot be opened, or that failed while it was read."""
        self.refused.add(relative)
        self.findings.append(UNREADABLE.finding(f"cannot be read: {reason}", file=relative))


def is_text(name: str) -> bool:
    """Whether a file name is UTF-8; the walk over the run reports those that are not."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


class MemberError(msgspec.ValidationError):
    """A member kept as raw JSON does not decode; ``pointer`` leads to it."""

    def __init__(self, pointer: str, reason: Exception) -> None:
        self.pointer = pointer
        self.reason = reason
        super().__init__(str(reason))


def decode_member(decode: Callable[[bytes], Any], raw: bytes, pointer: str) -> Any:
    """``decode(raw)``; an error says where in the line the member stands."""
    try:
        return decode(raw)
    except DecodingError as error:
        raise MemberError(pointer, error) from error


class LineReader:
    """Iterates over the number (from 1) and bytes of each line that can be decoded.

    A byte order mark is dropped, blank lines are skipped, lines that are too long or not UTF-8
    are reported and skipped. ``lines`` counts what is not blank so far, ``first`` is the number
    of the first such line.
    """

    def __init__(self, source: Source, relative: str, path: Path | None) -> None:
        self._source = source
        self._path = path
        self._shapes: set[tuple[int, ...]] = set()
        self._counted = _COLON
        self.relative = relative
        self.lines = 0
        self.first = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        if self._path is None:
            return
        try:
            with self._path.open("rb", buffering=_BUFFER) as stream:
                yield from self._read(stream)
        except OSError as error:
            self._source.unreadable(self.relative, error.strerror or str(error))

    def _read(self, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
        limit = self._source.max_line_bytes
        findings = self._source.findings
        number = start = read = 0
        blank: int | None = None
        while line := stream.readline(limit):
            number += 1
            start, read = read, read + len(line)
            if len(line) == limit and not line.endswith(b"\n"):
                read += self._skip_rest(stream)
                findings.append(
                    TOO_LARGE.finding(
                        f"the line has {(read - start) / 2**20:,.1f} MiB; the most is {limit / 2**20:g} MiB",
                        file=self.relative,
                        line=number,
                    )
                )
                self.lines += 1
                self.first = self.first or number
                continue
            if number == 1:
                line = line.removeprefix(UTF8_BOM)
            if not line or line.isspace():
                blank = blank or number
                continue
            if blank is not None:
                findings.append(BLANK_LINE.finding("the line is blank", file=self.relative, line=blank))
                blank = None
            self.lines += 1
            self.first = self.first or number
            finding = None if line.isascii() else invalid_utf8(self.relative, number, line, start)
            if finding is not None:
                findings.append(finding)
                continue
            yield number, line
        self._source.on_bytes(read)
        if not self.lines:
            findings.append(EMPTY_FILE.finding("the file is empty", file=self.relative))

    def _skip_rest(self, stream: BinaryIO) -> int:
        """Read on to the end of the line without keeping it; returns how many bytes that were."""
        skipped = 0
        while part := stream.readline(_CHUNK):
            skipped += len(part)
            if part.endswith(b"\n"):
                break
        return skipped

    def check_keys(self, number: int, line: bytes, size: int = 0) -> None:
        """Report a key that an object of the line has twice.

        Lines of a file repeat few shapes: with as many points (``size``) as a line already
        looked at and as many keys, a line has no repeated key either, so most need one scan.
        Colons are keys as long as no text has one, and are counted in half the time.
        """
        if not self._shapes and line.count(_COLON) != line.count(_KEY_END):
            self._counted = _KEY_END
        shape: tuple[int, ...] = (size, count := line.count(self._counted))
        if shape in self._shapes:
            return
        keys = line.count(_KEY_END)
        if keys != count:
            shape = (size, count, keys)
            if shape in self._shapes:
                return
        finding = duplicate_key(self.relative, number, line)
        if finding is None:
            self._shapes.add(shape)
        else:
            self._source.findings.append(finding)
