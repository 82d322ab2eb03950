"""What is measured: values and metadata of every entity, and where values are missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.synth.population import Entities, Population
from transforms.synth.statistics import left_aligned
from transforms.synth.streams import BoolArray, FloatArray, IntArray, Stream
from transforms.synth.taxonomy import Metric

MIN_PEERS_AGGREGATE = 15
"""Facets with fewer entities are suppressed; nulls must not push a larger one below."""

_FACET_WIDENING = 1.5
_OUTLIER_SHARE = 0.02
_PERSISTENCE = 0.45
"""How much of an entity's distance from the metric's level shows in each month."""
_FAR, _STEEPENING = 4.0, 4.0
"""Entities this many spreads from the metric's level move faster: every signal type occurs."""
_NULL_AGGREGATE_SHARE = 0.012
_NULL_MONTH_SHARE = 0.01
_NULL_MONTH_MIN_LENGTH = 4
_ENCOUNTERS: dict[int, tuple[int, int]] = {1: (700, 4800), 2: (30, 900), 3: (12, 400)}
"""Least and most encounters of a month, by the number of dimensions."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Values of one metric in one scope; matrices are entities x months, as in the timelines.

    ``monthly`` is NaN both after the end of a timeline and for a null month within it.
    """

    aggregate: FloatArray
    monthly: FloatArray
    encounters: IntArray
    unique_patients: IntArray
    outliers: IntArray
    observed_days: FloatArray
    expected_days: FloatArray
    variance_days: FloatArray
    aggregate_observed_days: FloatArray
    aggregate_expected_days: FloatArray


def build_measures(seed: int, metric: Metric, population: Population, entities: Entities) -> Measures:
    """Made-up values of ``metric`` for ``entities``.

    A level per entity (facility, facet and own effects, a few outliers), a line through the
    months with noise around it, and an aggregate near the level.
    """
    name = entities.scope.group_by_set
    stream = Stream(seed, "values", metric.metric_id, name)
    count, months = entities.present.shape
    level = _level(seed, stream, metric, population, entities)
    far = np.abs(level - metric.level) > _FAR * metric.spread
    trend = stream.normal(count) * (metric.noise / 12) * np.where(far, _STEEPENING, 1.0)
    middle = (months - 1) / 2
    usual = metric.level + _PERSISTENCE * (level - metric.level)
    line = usual[:, None] + trend[:, None] * (np.arange(months) - middle)
    by_month = _above(metric, line + metric.noise * stream.normal((count, months)))
    aggregate = _above(metric, level + 0.35 * metric.noise * stream.normal(count))
    nulls = Stream(seed, "nulls", metric.metric_id, name)
    monthly = left_aligned(by_month, entities.present)
    if entities.scope.parent is not None:
        aggregate = np.where(_null_aggregates(nulls, entities), np.nan, aggregate)
        monthly = np.where(_null_months(nulls, entities, months), np.nan, monthly)
    return _with_metadata(seed, metric, entities, aggregate, monthly)


def _level(
    seed: int, stream: Stream, metric: Metric, population: Population, entities: Entities
) -> FloatArray:
    facility = Stream(seed, "facility effects", metric.metric_id).normal(len(population.facilities))
    facet = stream.normal(len(entities.facets))
    own = stream.normal(len(entities))
    outlier = stream.chance(len(entities), _OUTLIER_SHARE) * stream.uniform(len(entities), 2.0, 4.0)
    sign = np.where(stream.chance(len(entities), 0.5), 1.0, -1.0)
    effect = 0.7 * facility[entities.facility] + 0.7 * own + sign * outlier
    if entities.scope.parent is None:
        return metric.level + metric.spread * effect
    return metric.level + metric.spread * _FACET_WIDENING * (effect + 0.4 * facet[entities.facet])


def _above(metric: Metric, values: FloatArray) -> FloatArray:
    """``values`` mirrored at the metric's minimum: nothing lies below, and nothing piles up on it."""
    return values if metric.minimum is None else metric.minimum + np.abs(values - metric.minimum)


def _null_aggregates(stream: Stream, entities: Entities) -> BoolArray:
    """A few entities without a value, in facets that keep enough peers."""
    null = stream.chance(len(entities), _NULL_AGGREGATE_SHARE)
    sizes = np.bincount(entities.facet, minlength=len(entities.facets))
    spare = np.where(sizes >= MIN_PEERS_AGGREGATE, sizes - MIN_PEERS_AGGREGATE, 0)
    for index in np.flatnonzero(null).tolist():
        facet = entities.facet[index]
        if spare[facet] > 0:
            spare[facet] -= 1
        else:
            null[index] = False
    return null


def _null_months(stream: Stream, entities: Entities, months: int) -> BoolArray:
    """At most one null point in a timeline, and none in short ones."""
    chosen = stream.chance(len(entities), _NULL_MONTH_SHARE) & (entities.lengths >= _NULL_MONTH_MIN_LENGTH)
    position = np.floor(stream.uniform(len(entities)) * entities.lengths).astype(np.int64)
    null: BoolArray = chosen[:, None] & (position[:, None] == np.arange(months))
    return null


def _with_metadata(
    seed: int, metric: Metric, entities: Entities, aggregate: FloatArray, monthly: FloatArray
) -> Measures:
    """Volumes are those of the scope, whatever the metric; days of stay fit a losIndex."""
    shape = monthly.shape
    stream = Stream(seed, "volumes", entities.scope.group_by_set)
    low, high = _ENCOUNTERS[len(entities.scope.dimensions)]
    size = stream.uniform((len(entities), 1), 0.4, 1.0)
    inside = np.arange(shape[1]) < entities.lengths[:, None]
    volume = np.floor(low + (high - low) * size * stream.uniform(shape, 0.3, 1.0))
    encounters = np.where(inside, volume, 0).astype(np.int64)
    unique = encounters - np.floor(encounters * stream.uniform(shape, 0.0, 0.12)).astype(np.int64)
    outliers = np.where(inside, np.floor(stream.uniform(shape, 0.0, 1.02) ** 2 * 1.2), 0).astype(np.int64)
    expected = np.round(stream.uniform(shape, 3.8, 8.2), 2)
    expected_total = np.round(stream.uniform(len(entities), 4.4, 7.6), 2)
    noise = stream.uniform(shape, 0.8, 1.3)
    ratio, ratio_total = noise, noise[:, 0]
    if metric.metric_id == "losIndex":
        ratio = np.where(np.isnan(monthly), noise, monthly)
        ratio_total = np.where(np.isnan(aggregate), ratio_total, aggregate)
    observed = np.round(expected * ratio, 2)
    return Measures(
        aggregate=aggregate,
        monthly=monthly,
        encounters=encounters,
        unique_patients=unique,
        outliers=outliers,
        observed_days=observed,
        expected_days=expected,
        variance_days=np.round(encounters * (observed - expected), 1),
        aggregate_observed_days=np.round(expected_total * ratio_total, 2),
        aggregate_expected_days=expected_total,
    )
