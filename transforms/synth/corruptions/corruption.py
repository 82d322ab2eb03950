"""A defect of its own: what it is, how it is made, and what else it breaks inevitably."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.synth.corruptions.edit import Apply


@dataclass(frozen=True, slots=True)
class Corruption:
    """How to break the rule ``code`` in a generated run.

    ``also`` are codes of rules that the same defect breaks inevitably, ``because`` of something.
    """

    code: str
    description: str
    """What is wrong afterwards, in one sentence without its full stop."""
    apply: Apply
    also: tuple[str, ...] = ()
    because: str = ""
