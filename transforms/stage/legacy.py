"""What older engines left out of their entities and tables cannot do without: ids of anomaly rules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import msgspec

from contracts.json_values import JsonObject, number_at, objects_at, text_at
from contracts.names import STATISTIC_OF_RULE, method_name

_ID = "anomaly_method"


def with_rule_ids(entity: bytes) -> bytes:
    """The entity with an id for each anomaly rule that has none. Raises msgspec.DecodeError."""
    document = msgspec.json.decode(entity)
    for method in objects_at(document, "statistical_methods"):
        rules = [
            rule for profile in objects_at(method, "anomalies") for rule in objects_at(profile, "methods")
        ]
        taken = {text_at(rule, _ID) for rule in rules}
        for rule in rules:
            if isinstance(rule, dict) and rule.get(_ID) is None:
                rule[_ID] = named = next(each for each in _ids(method, rule) if each not in taken)
                taken.add(named)
    return msgspec.json.encode(document)


def _ids(method: JsonObject, rule: JsonObject) -> Iterator[str]:
    """Ids that the rule of a method may have had, the likeliest first."""
    method_id = text_at(method, "statistical_method") or ""
    name, scope = method_name(method_id), method_id.split("__")[2:]
    said, value = text_at(rule, "applies_to"), number_at(rule, "statistic_value")

    def unlikely(known: tuple[str, str]) -> tuple[bool, bool]:
        _, statistic = known
        return statistic != said, value is None or number_at(method, "statistics", statistic) != value

    # Rules that nothing tells apart are in the order that engines write them in.
    known = [(each, statistic) for (of, each), statistic in STATISTIC_OF_RULE.items() if of == name]
    for each, _ in sorted(known, key=unlikely):
        yield "__".join((_ID, name, each, *scope))
    for number in count(1):
        yield "__".join((_ID, name, f"rule_{number}", *scope))
