"""Classifications: one line a classified entity."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from contracts.tables.analysis import CLASSIFICATIONS
from contracts.tables.auxiliary import ROW_RUN_IDS
from transforms.stage.frames import FrameBuilder
from transforms.stage.keys import FACILITY, KeyRing
from transforms.stage.reader import DecodingError, Source, decode_member
from transforms.stage.run_ids import RunIds
from transforms.stage.shards import Shard
from transforms.stage.structs import EMPTY, Count, json_text

CLASSIFICATION_DIRECTORY = "analysis/classification"
CLASSIFICATIONS_FILE = f"{CLASSIFICATION_DIRECTORY}/classifications.jsonl"
CLASSIFICATION_INDEX = f"{CLASSIFICATION_DIRECTORY}/index.json"
CLASSIFICATION_MANIFEST = f"{CLASSIFICATION_DIRECTORY}/manifest.json"


class ClassificationManifest(Struct):
    """analysis/classification/manifest.json: what the classifications add up to."""

    total_entities: Count
    signal_type_distribution: dict[str, Count]
    run_id: str | None = None


class SeverityStatistics(Struct):
    """Least, greatest and mean severity."""

    min: Count
    max: Count
    mean: float


class ClassificationIndex(Struct):
    """analysis/classification/index.json: the same, and the spread of severities."""

    total_entities: Count
    signal_type_distribution: dict[str, Count]
    severity_stats: SeverityStatistics
    run_id: str | None = None


class Inputs(Struct, gc=False):
    """Numbers the classification starts from."""

    aggregate_zscore: float | None = None
    slope_percentile: float | None = None
    acceleration: float | None = None
    zscore_std: float | None = None
    max_abs_deviation: float | None = None


class Indicators(Struct, gc=False):
    """What the numbers say."""

    position: str | None = None
    trend: str | None = None
    momentum: str | None = None
    consistency: str | None = None
    has_spike: bool | None = None


class Classification(Struct, gc=False):
    """One line of classifications.jsonl."""

    node_id: str
    entity_key: Raw
    metric_id: str
    signal_type: str
    severity: Count
    severity_range: tuple[Count, Count] | None = None
    inputs: Raw = EMPTY
    derived_indicators: Raw = EMPTY
    classification_reasoning: str | None = None
    severity_calculation: Raw = EMPTY
    suppressed: bool = False
    period_count: Count | None = None
    magnitude_tier: str | None = None
    trajectory_tier: str | None = None
    consistency_tier: str | None = None
    coefficient_of_variation: float | None = None
    timestamp: str | None = None
    run_id: str | None = None


_decode = msgspec.json.Decoder(Classification).decode
_decode_inputs = msgspec.json.Decoder(Inputs | None).decode
_decode_indicators = msgspec.json.Decoder(Indicators | None).decode

_COLUMNS = tuple(
    name for name in CLASSIFICATIONS.column_names if name not in ("run_key", "run_id", "source_file")
)


def stage_classifications(source: Source, keys: KeyRing) -> Shard:
    """Rows of classifications.jsonl; empty where the run was not classified."""
    builder = FrameBuilder(CLASSIFICATIONS, _COLUMNS, source.findings.append)
    run_ids = RunIds()
    reader = source.lines(CLASSIFICATIONS_FILE)
    for number, line in reader:
        try:
            item = _decode(line)
            builder.add(_row(item, keys, number))
            run_ids.add(item.run_id, number)
        except DecodingError as error:
            source.report(CLASSIFICATIONS_FILE, number, line, error)
        else:
            reader.check_keys(number, line)
    builder.flush(run_key=source.run.run_key, run_id=source.run.run_id, source_file=CLASSIFICATIONS_FILE)
    return Shard(
        {CLASSIFICATIONS.name: builder.frame(), ROW_RUN_IDS.name: run_ids.frame(CLASSIFICATIONS_FILE)}
    )


def _row(item: Classification, keys: KeyRing, line: int) -> tuple[object, ...]:
    entity = decode_member(keys.entity, bytes(item.entity_key), "/entity_key")
    facility_id, dimensions = entity.facility_id, entity.dimensions
    if facility_id is None:
        raise msgspec.ValidationError(f"Object missing required field `{FACILITY}` - at `$.entity_key`")
    inputs = indicators = None
    if item.inputs:
        inputs = decode_member(_decode_inputs, item.inputs, "/inputs")
    if item.derived_indicators:
        indicators = decode_member(_decode_indicators, item.derived_indicators, "/derived_indicators")
    inputs, indicators = inputs or Inputs(), indicators or Indicators()
    low, high = item.severity_range or (None, None)
    return (
        keys.entity_key(item.metric_id, item.node_id, facility_id, dimensions.hash),
        item.node_id,
        item.metric_id,
        facility_id,
        dimensions.text,
        dimensions.hash,
        item.signal_type,
        item.severity,
        low,
        high,
        *msgspec.structs.astuple(inputs),
        *msgspec.structs.astuple(indicators),
        item.suppressed,
        item.period_count,
        item.classification_reasoning,
        json_text(item.inputs),
        json_text(item.derived_indicators),
        json_text(item.severity_calculation),
        item.magnitude_tier,
        item.trajectory_tier,
        item.consistency_tier,
        item.coefficient_of_variation,
        item.timestamp,
        line,
    )
