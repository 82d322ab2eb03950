"""Items of lists and bars of narratives: segments may hold colons, commas, bars and parentheses."""

from __future__ import annotations

import re
from typing import Any

from contracts.narratives.markdown import (
    MISSING,
    NUMBER,
    Line,
    Problem,
    is_missing,
    number,
    plain,
    unbulleted,
)

Json = dict[str, Any]

# A number, or a sign that there is none, between a colon and the end or the comma before the trend.
_EXCESS = re.compile(rf":[ \t]*+({NUMBER}|{'|'.join(MISSING)}|)[ \t]*+(?=,|$)", re.IGNORECASE)
_INSIGHT = re.compile(r":[ \t]*excess[ \t]", re.IGNORECASE)
_ZSCORE = re.compile(r"[ \t]*z[ \t]*=[ \t]*([^\s(]*)", re.IGNORECASE)
_TOP = re.compile(r"\[Top[ \t]+[0-9]+[ \t]*=([^%\]]*)%")
_BAR_DRAWING = re.compile(r"[^0-9.+-]*")


def contributors(lines: list[Line], flags: dict[str, list[str]], problems: list[Problem]) -> list[Json]:
    """Items `[dimension] segment: excess, trend`, the trend optional."""
    found = []
    for place, line in lines:
        text = unbulleted(line) or ""
        item = _contributor(text, flags)
        if item is not None:
            found.append(item)
        elif states(text):
            problems.append(Problem(place, "the item is no segment with its excess", line))
    return found


def _contributor(text: str, flags: dict[str, list[str]]) -> Json | None:
    dimension, bracket, rest = text.partition("]")
    excesses = list(_EXCESS.finditer(rest))
    if not dimension.startswith("[") or not bracket or not excesses:
        return None
    # Colons may stand in the segment and in the trend: the last number with a sign is the excess.
    signed = [each for each in excesses if number(each[1]) is not None and not each[1][0].isdigit()]
    excess = (signed or excesses)[-1]
    segment = plain(rest[: excess.start()])
    return {
        "dimension": dimension[1:].strip(),
        "segment": segment,
        "excess": number(excess[1]),
        "trend": rest[excess.end() + 1 :].strip() or None,
        "flags": flags.get(segment, []),
    }


def states(text: str) -> bool:
    """Whether an item means to give a value, as `None found` does not."""
    return ":" in text


def bars(lines: list[Line], problems: list[Problem]) -> list[Json]:
    """Lines `<drawing> cumulative% | segment (excess)`."""
    found = []
    for place, line in lines:
        left, bar, right = line.partition("|")
        if not bar:
            continue
        segment, bracket, excess = right.rpartition("(")
        share = left[_BAR_DRAWING.match(left).end() :].strip()  # type: ignore[union-attr]
        excess = excess.removesuffix(")").strip()
        if not bracket or not right.endswith(")") or not _is_number(excess) or not _is_number(share):
            problems.append(Problem(place, "the bar is no segment with its share and excess", line))
            continue
        found.append(
            {"segment_name": segment.strip(), "excess": number(excess), "cumulative_pct": number(share)}
        )
    return found


def _is_number(text: str) -> bool:
    return is_missing(text) or number(text) is not None


def top_share(lines: list[Line], problems: list[Problem]) -> float:
    """The percentage of `[Top n = percentage% of ...]`, 0 where there is none."""
    for place, line in lines:
        start = line.find("[Top ")
        if start < 0:
            continue
        found = _TOP.match(line, start)
        share = number(found[1]) if found else None
        if share is not None:
            return share
        problems.append(Problem(place, "the share of the top segments cannot be read", line))
    return 0.0


def insight(text: str) -> Json | None:
    """An item `segment: excess x, z=y (status)`, the status optional; None where it is no such item."""
    starts = list(_INSIGHT.finditer(text))
    if not starts:
        return None
    excess, comma, rest = text[starts[-1].end() :].partition(",")
    zscore = _ZSCORE.match(rest) if comma else None
    if zscore is None or not _is_number(excess.strip()) or not _is_number(zscore[1]):
        return None
    status = plain(rest[zscore.end() :])
    return {
        "segment": plain(text[: starts[-1].start()]),
        "excess": number(excess),
        "z_score": number(zscore[1]),
        "peer_status": status[1:-1].strip() if status.startswith("(") and status.endswith(")") else status,
    }
