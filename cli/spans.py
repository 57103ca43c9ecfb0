"""Spans of `overheard.tracing` and of FastAPI go out by OTLP over HTTP.

OpenTelemetry's SDK reads its variables itself (where to, headers, sampling). What is not on the list here does not
leave: addresses asked for can carry what somebody searched, and messages of errors what somebody wrote.
"""

import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanContext, Status

from overheard import tracing

_PATIENCE = "3"  # seconds: a process whose collector does not answer ends nearly as soon as any other
_SCOPES = ("overheard", "fastapi")
_TOLD = {"http.request.method", "http.route", "http.response.status_code", "code.function.name", "error.type"}


def send() -> None:
    """From now on, what this process does is told to the collector."""
    name = os.environ.get("OTEL_SERVICE_NAME") or "overheard"
    about = Resource.create({"service.name": name, "service.version": version("overheard"), "process.pid": os.getpid()})
    os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", _PATIENCE)
    provider = TracerProvider(resource=about)
    provider.add_span_processor(BatchSpanProcessor(_Plain()))
    trace.set_tracer_provider(provider)  # FastAPI finds it there
    tracing.use(provider.get_tracer("overheard"))
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())  # a process that is killed sends nothing more


class _Plain(OTLPSpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return super().export([_plain(span) for span in spans if _is_ours(span)])


def _is_ours(span: ReadableSpan) -> bool:
    return span.instrumentation_scope is not None and span.instrumentation_scope.name in _SCOPES


def _plain(span: ReadableSpan) -> ReadableSpan:
    """Without what strangers or people here wrote: events, words of errors, what came along with a request."""
    attributes = span.attributes or {}
    told = {name: told for name, told in attributes.items() if name in _TOLD or name.startswith(tracing.PREFIX)}
    return ReadableSpan(
        name=span.name,
        context=_bare(span.context),
        parent=_bare(span.parent),
        resource=span.resource,
        attributes=told,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _bare(context: SpanContext | None) -> SpanContext | None:
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
