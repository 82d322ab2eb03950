"""From the text of an expression or a condition to tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<dimension>\{\{\s*Dimension\(\s*(?P<quote>['"])(?P<reference>[A-Za-z_]\w*)(?P=quote)\s*\)\s*\}\})
    | (?P<text>'(?:[^']|'')*')
    | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<name>[A-Za-z_]\w*)
    | (?P<operator><=|>=|<>|!=|[=<>+*/(),-])
    """,
    re.VERBOSE | re.ASCII,
)


class Kind(Enum):
    """What a token is."""

    DIMENSION = auto()
    """``{{ Dimension('entity__name') }}``; its value is what stands between the quotes."""
    TEXT = auto()
    NUMBER = auto()
    NAME = auto()
    OPERATOR = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token; texts come unquoted. ``position`` is where it starts, from 0."""

    kind: Kind
    value: str
    position: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these key words, in any case."""
        return self.kind is Kind.NAME and self.value.upper() in words

    def is_operator(self, *operators: str) -> bool:
        """Whether it is one of these signs."""
        return self.kind is Kind.OPERATOR and self.value in operators


class SyntaxFault(Exception):
    """The text is not of the grammar; whoever knows what the text is turns it into a DomainError."""

    def __init__(self, position: int, reason: str) -> None:
        self.position = position
        self.reason = reason
        super().__init__(reason)


class Tokens:
    """The tokens of a text, one after the other; the last one is END and stays."""

    def __init__(self, source: str) -> None:
        self._tokens = _split(source)
        self._next = 0

    @property
    def current(self) -> Token:
        """The token that is up."""
        return self._tokens[self._next]

    def take(self) -> Token:
        """The token that is up; the one after it is up from now on."""
        token = self.current
        if token.kind is not Kind.END:
            self._next += 1
        return token

    def take_word(self, *words: str) -> bool:
        """Take the token if it is one of these key words."""
        if self.current.is_word(*words):
            self._next += 1
            return True
        return False

    def take_operator(self, *operators: str) -> Token | None:
        """Take the token if it is one of these signs."""
        return self.take() if self.current.is_operator(*operators) else None

    def expect_word(self, word: str) -> None:
        """Take this key word. Raises SyntaxFault."""
        if not self.take_word(word):
            raise self.unexpected(word)

    def expect_operator(self, operator: str) -> None:
        """Take this sign. Raises SyntaxFault."""
        if self.take_operator(operator) is None:
            raise self.unexpected(f"{operator!r}")

    def unexpected(self, wanted: str) -> SyntaxFault:
        """The fault that the token that is up is not what was wanted."""
        token = self.current
        found = "the end" if token.kind is Kind.END else repr(token.value)
        return SyntaxFault(token.position, f"expected {wanted}, found {found}")


def _split(source: str) -> list[Token]:
    tokens = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise SyntaxFault(position, f"unexpected {source[position]!r}")
        token = _token(match)
        if token is not None:
            tokens.append(token)
        position = match.end()
    return [*tokens, Token(Kind.END, "", len(source))]


def _token(match: re.Match[str]) -> Token | None:
    if match["space"] is not None:
        return None
    if match["dimension"] is not None:
        return Token(Kind.DIMENSION, match["reference"], match.start())
    if match["text"] is not None:
        return Token(Kind.TEXT, match["text"][1:-1].replace("''", "'"), match.start())
    for kind in (Kind.NUMBER, Kind.NAME, Kind.OPERATOR):
        value = match[kind.name.lower()]
        if value is not None:
            return Token(kind, value, match.start())
    raise AssertionError("the pattern has no other group")
