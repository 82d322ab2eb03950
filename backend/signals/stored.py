"""Documents as they stand in the database, checked before they leave.

One bad document must not cost a page of good ones: it is left out, and the log says where. Text that
has just the shape that runs give it leaves as it is: msgspec tells so in a fraction of the time that
it takes to make values of it and text again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson
import structlog
from pydantic import BaseModel, TypeAdapter, ValidationError

from backend.schemas.signals import Signal
from backend.schemas.technical import TechnicalDetails

logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

DOCUMENTS: Final = (
    "entity_dimensions",
    "metric_trend_timeline",
    "metadata",
    "metadata_per_period",
    "peer_percentile_trends",
)


def _adapters(model: type[BaseModel], names: tuple[str, ...] | None = None) -> dict[str, TypeAdapter[Any]]:
    annotations: dict[str, Any] = {
        name: model.model_fields[name].annotation for name in names or tuple(model.model_fields)
    }
    return {name: TypeAdapter(annotation) for name, annotation in annotations.items()}


_OF_SIGNALS: Final = _adapters(Signal, DOCUMENTS)
_OF_DETAILS: Final = _adapters(TechnicalDetails)
_OBJECT: Final = TypeAdapter(dict[str, Any])
# What the mart holds as JSON in text; details of a signal that left long ago hold the value itself.
_JSON_DETAILS: Final = frozenset(
    ("monthly_z_scores", "simplified_inputs", "simplified_indicators", "simplified_severity_calculation")
)


class _Point(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    period: str
    value: float | None
    encounters: int | None


class _PeriodValue(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    period: str
    value: float | str | bool | None


class _Trends(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    periods: list[str]
    p10: list[float | None]
    p25: list[float | None]
    p50: list[float | None]
    p75: list[float | None]
    p90: list[float | None]
    sample_sizes: list[int]
    suppression_applied: dict[str, list[bool]] | None


_Decode = Callable[[str], Any]
_AS_EXPECTED: Final[dict[str, _Decode]] = {
    "metric_trend_timeline": msgspec.json.Decoder(list[_Point]).decode,
    "metadata": msgspec.json.Decoder(dict[str, Any]).decode,
    "metadata_per_period": msgspec.json.Decoder(dict[str, list[_PeriodValue]]).decode,
    "peer_percentile_trends": msgspec.json.Decoder(_Trends).decode,
}


def shown(name: str, stored: Any, signal_id: str) -> Any:
    """Document ``name`` of a signal to be rendered as JSON, None if it is malformed.

    Other shapes than the expected one are brought into shape, or left out, by ``document``.
    """
    if isinstance(stored, str) and name in _AS_EXPECTED and _as_expected(name, stored):
        return orjson.Fragment(stored)
    return document(name, stored, signal_id)


# Peers' percentiles are the same for all signals of a node, and first pages are asked for most.
@lru_cache(maxsize=4096)
def _as_expected(name: str, text: str) -> bool:
    try:
        value = _AS_EXPECTED[name](text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return not isinstance(value, _Trends) or _parallel(msgspec.structs.asdict(value))


def document(name: str, stored: Any, signal_id: str) -> Any:
    """Document ``name`` of a signal: JSON text or its value in, value out, None if it is malformed."""
    if stored is None:
        return None
    adapter = _OF_SIGNALS[name]
    try:
        value = _parsed(adapter, stored) if isinstance(stored, str) else adapter.validate_python(stored)
    except ValidationError as error:
        _left_out(name, signal_id, error)
        return None
    if name == "peer_percentile_trends" and value is not None and not _parallel(value):
        logger.warning(
            "stored value left out", signal_id=signal_id, field=name, reason="arrays differ in length"
        )
        return None
    return value


def details(stored: str | None, signal_id: str) -> dict[str, Any]:
    """The technical details that are stored of a signal, JSON text, field by field."""
    found: dict[str, Any] = {}
    values = _object(stored, signal_id)
    for name, adapter in _OF_DETAILS.items():
        value: Any = values.get(name)
        try:
            in_text = isinstance(value, str) and name in _JSON_DETAILS
            found[name] = _parsed(adapter, value) if in_text else adapter.validate_python(value)
        except ValidationError as error:
            if name in values:
                _left_out(name, signal_id, error)
            found[name] = None
    return found


def _object(stored: str | None, signal_id: str) -> dict[str, Any]:
    if stored is None:
        return {}
    try:
        values: dict[str, Any] = _parsed(_OBJECT, stored)
    except ValidationError as error:
        _left_out("technical_details", signal_id, error)
        return {}
    return values


def _parsed(adapter: TypeAdapter[Any], text: str) -> Any:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        # Slower, but it takes NaN and Infinity, and says where the text ends to be JSON.
        return adapter.validate_json(text)
    return adapter.validate_python(value)


def _parallel(trends: Mapping[str, Any]) -> bool:
    arrays = [value for value in trends.values() if isinstance(value, list)]
    hidden = trends["suppression_applied"] or {}
    return len({len(array) for array in (*arrays, *hidden.values())}) == 1


def _left_out(name: str, signal_id: str, error: ValidationError) -> None:
    reason = error.errors(include_input=False, include_url=False, include_context=False)[0]
    logger.warning(
        "stored value left out",
        signal_id=signal_id,
        field=name,
        reason=f"{'.'.join(map(str, reason['loc']))}: {reason['msg']}",
    )
