"""Traces of requests, collected in memory."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from backend import tracing
from backend.config import Settings
from backend.main import create_app
from tests.api.conftest import running


async def test_requests_are_traced_and_probes_are_not(settings: Settings) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    app = create_app(settings)
    tracing.install(app, provider)
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with running(app) as client:
        await client.get("/api/signals", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
        await client.get("/health")
        await client.get("/ready")
    (span,) = spans.get_finished_spans()
    assert format(span.context.trace_id, "032x") == trace
    assert 200 in (span.attributes or {}).values()


def test_missing_packages_are_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.asgi", None)
    with pytest.raises(tracing.TracingUnavailable, match="tracing"):
        create_app(settings.model_copy(update={"OTEL_ENABLED": True}))


def test_the_setting_installs_it(settings: Settings) -> None:
    def names(enabled: bool) -> list[str]:
        app = create_app(settings.model_copy(update={"OTEL_ENABLED": enabled}))
        return [getattr(each.cls, "__name__", "") for each in app.user_middleware]

    assert "OpenTelemetryMiddleware" in names(True)
    assert "OpenTelemetryMiddleware" not in names(False)
