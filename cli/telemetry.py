"""Traces, where somebody collects them (`cli/spans.py`). Nothing of it is loaded where nobody does."""

import os

from overheard.errors import OverheardError

_WHERE_TO = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's own variables."""


def trace_if_asked() -> None:
    """Send this process's spans, if a collector is named in the environment. Once a process."""
    if not any(map(os.environ.get, _WHERE_TO)) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    try:
        from cli.spans import send
    except ModuleNotFoundError as error:
        message = (
            "Traces are asked for (OTEL_EXPORTER_OTLP_ENDPOINT), and OpenTelemetry is not installed: "
            "pip install -c constraints.txt -e '.[telemetry]', or unset the variable."
        )
        raise OverheardError(message) from error
    send()
