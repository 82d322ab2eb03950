"""Traces of requests for OpenTelemetry, where OTEL_ENABLED asks for them.

The packages belong to the extra ``tracing``; where spans go, and under which name, is said by the
usual OTEL_* variables, e.g. OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_SERVICE_NAME.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from backend.errors import DomainError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

# Asked every few seconds by whoever watches, and worth no trace.
_NOT_TRACED = "/(health|ready|metrics)$"


class TracingUnavailable(DomainError):
    """OTEL_ENABLED is set, and the packages are not installed."""

    slug = "tracing-unavailable"
    title = "Tracing unavailable"
    status = 500
    exit_code = 2

    def __init__(self, missing: str) -> None:
        self.missing = missing
        super().__init__(
            f"OTEL_ENABLED is set, but {missing} is not installed", "install quality-compass[tracing]"
        )


def install(app: FastAPI, provider: TracerProvider | None = None) -> None:
    """Trace every request of ``app``; spans go to ``provider``, by default to an OTLP collector over HTTP.

    Must be the last middleware that is added: spans then hold all of a request. Raises
    TracingUnavailable.
    """
    try:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
        from opentelemetry.util.http import ExcludeList
    except ModuleNotFoundError as error:
        raise TracingUnavailable(str(error.name)) from error
    app.add_middleware(
        OpenTelemetryMiddleware,
        excluded_urls=ExcludeList([_NOT_TRACED]),
        tracer_provider=provider or _exporting(),
        exclude_spans=["receive", "send"],
    )


def _exporting() -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource.create({SERVICE_NAME: "quality-compass"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=named)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
