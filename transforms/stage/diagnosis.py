"""Say what is wrong with bytes that did not decode: which rule, which byte, which value.

Only failing text comes here, so this reads it a second time, value by value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from contracts.findings import Finding
from contracts.rules.parsing import (
    DUPLICATE_JSON_KEY,
    INVALID_JSON,
    INVALID_UTF8,
    NOT_JSON_NUMBER,
    NUL_CHARACTER,
    TOO_DEEP,
)
from contracts.rules.schema import OUT_OF_RANGE, WRONG_TYPE

MAX_DIGITS = 4000
"""Digits of an integer literal that Python still converts; no quantity has as many."""

_BYTE_POSITION = re.compile(r" \(byte (\d+)\)")
_JSON_PATH = re.compile(r" - at `(?:key in )?\$?([^`]*)`$")
_PATH_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_NOT_A_NUMBER = re.compile(rb"(?<![\w\"])(-?Infinity|-?NaN|-?inf|nan)(?![\w\"])")
_HALF_SURROGATE = re.compile(
    r"(?<!\\)(?:\\\\)*(\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|[c-fC-F][0-9a-fA-F]{2}))"
)
_EXCERPT = 60
_CONSTANTS = {
    "NaN": "NaN (not a number)",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity (minus infinity)",
}
_TYPE_NAMES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


class _Constant(str):
    """A literal like NaN that JSON does not have."""

    __slots__ = ()


def wrong_value(
    relative: str, line: int | None, content: bytes, error: Exception, member: str, within: str
) -> Finding:
    """The finding of a value of the wrong type.

    ``member`` points at the part of ``content`` that was decoded, ``within`` at ``content`` in
    its document; both are empty for the whole.
    """
    message, steps = split_path(str(error))
    got = re.search(r"got `(\w+)`", message)
    document = _tolerant(content)
    base = _follow(document, [step for step in member.split("/") if step])
    steps, value = _locate(base, steps, got.group(1) if got else None)
    pointer = within + member + "".join(f"/{_escape(step)}" for step in steps)
    missing = re.search(r"missing required field `([^`]+)`", message)
    rule = OUT_OF_RANGE if "out of range" in message else WRONG_TYPE
    return rule.finding(
        message[0].lower() + message[1:],
        file=relative,
        line=line,
        json_path=pointer or None,
        actual=None if missing or value is _ABSENT else _shown(value),
    )


def split_path(message: str) -> tuple[str, list[str]]:
    """The message of a validation error without its path, and the steps of that path."""
    found = _JSON_PATH.search(message)
    if found is None:
        return message, []
    steps = [name or index for name, index in _PATH_STEP.findall(found.group(1))]
    return message[: found.start()], steps


def invalid_utf8(relative: str, line: int | None, content: bytes, offset: int = 0) -> Finding | None:
    """The finding of text that is not UTF-8; ``offset`` is where ``content`` starts in the file."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        if line is None:
            line = content.count(b"\n", 0, error.start) + 1
        place = f"byte {error.start} of the line" if offset else f"byte {error.start}"
        if offset:
            place += f" (byte {offset + error.start} of the file)"
        around = content[max(0, error.start - _EXCERPT // 2) : error.start + _EXCERPT // 2]
        return INVALID_UTF8.finding(
            f"{place}, 0x{content[error.start]:02x}, is not UTF-8: {error.reason}",
            file=relative,
            line=line,
            actual=around.decode(errors="backslashreplace").strip(),
        )
    return None


def invalid_json(relative: str, line: int | None, content: bytes, error: Exception) -> Finding:
    """The finding of text that is UTF-8 but not the JSON it should be."""
    if isinstance(error, RecursionError):
        return TOO_DEEP.finding(
            f"values are nested deeper than can be read ({_depth(content):,} levels)",
            file=relative,
            line=line,
        )
    text = str(error)
    position = _BYTE_POSITION.search(text)
    offset = int(position.group(1)) if position is not None else len(content)
    if content[offset : offset + 1] == b"\x00" or (position is None and b"\x00" in content):
        offset = content.find(b"\x00")
        return NUL_CHARACTER.finding(
            f"byte {offset} is a NUL character", file=relative, line=_line(line, content, offset)
        )
    literal = _NOT_A_NUMBER.match(content, max(0, offset - 1)) or _NOT_A_NUMBER.match(content, offset)
    if literal is not None:
        return _not_a_number(relative, line, content, literal.group(1).decode(), literal.start())
    surrogate = _HALF_SURROGATE.search(content.decode(errors="replace"))
    if surrogate is not None and ("truncated" in text or "hex escape" in text):
        message = f"{surrogate.group(1)} is half of a surrogate pair: it stands for no character"
    elif "truncated" in text:
        message = f"the text ends in the middle of a value, after byte {len(content.rstrip())}"
    else:
        message = text.replace("JSON is malformed: ", "")
    around = content[max(0, offset - _EXCERPT // 2) : offset + _EXCERPT // 2]
    return INVALID_JSON.finding(
        message,
        file=relative,
        line=_line(line, content, offset),
        actual=around.decode(errors="replace").strip() or None,
    )


def duplicate_key(relative: str, line: int | None, content: bytes) -> Finding | None:
    """The finding of the first key that an object of the JSON text has twice; None if none has."""
    try:
        document = json.loads(content, object_pairs_hook=_Pairs, parse_int=len, parse_float=len)
    except (ValueError, RecursionError):
        return None
    repeated = next(_repeated_keys(document, ""), None)
    if repeated is None:
        return None
    pointer, first, last = repeated
    return DUPLICATE_JSON_KEY.finding(
        f"the object has the key {pointer.rsplit('/', 1)[1]!r} twice",
        file=relative,
        line=line,
        json_path=pointer,
        actual=None if first == last else "two different values",
    )


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object as written, repetitions included."""


def _repeated_keys(value: Any, pointer: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(value, _Pairs):
        seen: dict[str, Any] = {}
        for name, member in value:
            place = f"{pointer}/{_escape(name)}"
            if name in seen:
                yield place, seen[name], member
            seen[name] = member
            yield from _repeated_keys(member, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _repeated_keys(item, f"{pointer}/{index}")


def _not_a_number(relative: str, line: int | None, content: bytes, literal: str, offset: int) -> Finding:
    pointer = None
    document = _tolerant(content)
    if document is not _ABSENT:
        pointer = next((place for place, value in _walk(document, "") if isinstance(value, _Constant)), None)
    return NOT_JSON_NUMBER.finding(
        f"{_CONSTANTS.get(literal, literal)} is not JSON: a missing number is null",
        file=relative,
        line=_line(line, content, offset),
        json_path=pointer,
        actual=literal,
    )


_ABSENT: Any = object()


def _tolerant(content: bytes) -> Any:
    """The document, also where it holds NaN or infinities; _ABSENT where it cannot be read."""
    try:
        return json.loads(content, parse_constant=_Constant, parse_int=_integer)
    except (ValueError, RecursionError):
        return _ABSENT


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < MAX_DIGITS else math.inf


def _walk(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    yield pointer, value
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _walk(member, f"{pointer}/{_escape(name)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{pointer}/{index}")


def _follow(value: Any, steps: list[str]) -> Any:
    for step in steps:
        value = _child(value, step)
    return value


def _child(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step.replace("~1", "/").replace("~0", "~"), _ABSENT)
    if isinstance(value, list) and step.isdigit() and int(step) < len(value):
        return value[int(step)]
    return _ABSENT


def _locate(value: Any, steps: list[str], got: str | None) -> tuple[list[str], Any]:
    """Follow ``steps``; ``...`` stands for a member not named: the first of the type ``got``."""
    placed: list[str] = []
    for number, step in enumerate(steps):
        if step == "..." and isinstance(value, dict):
            wanted = _TYPE_NAMES.get(got or "", ()) if number == len(steps) - 1 else dict
            step = next((name for name, member in value.items() if type(member) is wanted), "*")
        placed.append(step)
        value = _child(value, _escape(step))
    return placed, value


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _shown(value: Any) -> str:
    if isinstance(value, _Constant):
        return value
    if isinstance(value, float) and math.isinf(value):
        return "a number beyond double precision"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def _line(line: int | None, content: bytes, offset: int) -> int:
    return line if line is not None else content.count(b"\n", 0, offset) + 1


def _depth(content: bytes) -> int:
    deepest = depth = 0
    for opening in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', content):
        token = opening.group()
        if token in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in b"]}":
            depth -= 1
    return deepest
