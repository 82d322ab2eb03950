"""Tokens of the DOT language, as Graphviz reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto


class DotError(Exception):
    """The text is not DOT. ``line`` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"line {line}: {reason}")


class Kind(Enum):
    """What a token is."""

    ID = auto()
    HTML = auto()
    KEYWORD = auto()
    SIGN = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its text without quotes, and the line it starts on."""

    kind: Kind
    text: str
    line: int


KEYWORDS = frozenset({"strict", "graph", "digraph", "subgraph", "node", "edge"})

_TOKEN = re.compile(
    r"""
      (?P<skipped> [\s\ufeff]+ | //[^\n]* | /\*.*?\*/ | (?m:^)\#[^\n]* )
    | (?P<sign> -> | -- | [{}\[\]=;,:+] )
    | (?P<name> [A-Za-z_\u0080-\U0010ffff][A-Za-z_0-9\u0080-\U0010ffff]* )
    | (?P<number> -?(?: \.[0-9]+ | [0-9]+(?:\.[0-9]*)? ) )
    | "(?P<quoted> (?: [^"\\] | \\. )* )"
    """,
    re.VERBOSE | re.DOTALL,
)
_ANGLE = re.compile(r"<!--.*?-->|[<>]", re.DOTALL)
# Of escapes, only these two end in the lexer; the others belong to whoever reads the string.
_ESCAPE = re.compile(r"\\(\r?\n|.)", re.DOTALL)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of ``text``, the last one of kind END. Raises DotError."""
    position, line = 0, 1
    while position < len(text):
        if text[position] == "<":
            end = _html_end(text, position, line)
            yield Token(Kind.HTML, text[position + 1 : end - 1], line)
        else:
            match = _TOKEN.match(text, position)
            if match is None:
                raise DotError(line, _unreadable(text, position))
            end = match.end()
            token = _token(match, line)
            if token is not None:
                yield token
        line += text.count("\n", position, end)
        position = end
    yield Token(Kind.END, "", line)


def _token(match: re.Match[str], line: int) -> Token | None:
    found = match[0]
    match match.lastgroup:
        case "skipped":
            return None
        case "sign":
            return Token(Kind.SIGN, found, line)
        case "quoted":
            return Token(Kind.ID, _ESCAPE.sub(_unescaped, match["quoted"]), line)
        case "name" if found.lower() in KEYWORDS:
            return Token(Kind.KEYWORD, found.lower(), line)
        case _:
            return Token(Kind.ID, found, line)


def _unescaped(match: re.Match[str]) -> str:
    if match[1] == '"':
        return '"'
    return "" if match[1].endswith("\n") else match[0]


def _html_end(text: str, start: int, line: int) -> int:
    """Position after the bracket that closes the one at ``start``."""
    depth = 0
    for match in _ANGLE.finditer(text, start):
        if match[0] == "<":
            depth += 1
        elif match[0] == ">":
            depth -= 1
            if depth == 0:
                return match.end()
    raise DotError(line, "an HTML string does not end")


def _unreadable(text: str, position: int) -> str:
    if text[position] == '"':
        return "a quoted string does not end"
    if text.startswith("/*", position):
        return "a comment does not end"
    return f"unexpected {text[position]!r}"
