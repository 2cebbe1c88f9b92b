"""OTLP/HTTP: a request of traces as JSON, and what the answer means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import requests

from node import __version__
from node.config import TelemetrySettings
from node.deliver.http import Deadline
from node.errors import DeliveryError, DeliveryRefused
from node.telemetry.spans import Span

_INTERNAL, _ERROR = 1, 2  # SPAN_KIND_INTERNAL, STATUS_CODE_ERROR
#: What a collector may be asked again for (https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes).
_LATER = (429, 502, 503, 504)
_OK = 200

Attributes = Mapping[str, str | bool]


def body(traces: Iterable[tuple[Iterable[Span], Attributes]], ae_title: str) -> bytes:
    """An ExportTraceServiceRequest. Args: traces: spans, and what is said of each of them."""
    resource = {"service.name": "radnode", "service.version": __version__, "service.instance.id": ae_title}
    spans = [_span(span, said) for found, said in traces for span in found]
    scope = {"scope": {"name": "radnode", "version": __version__}, "spans": spans}
    request = {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}]}
    return json.dumps(request).encode()


def check(settings: TelemetrySettings) -> None:
    """Whether the collector takes traces: it is sent a request with none. Raises as :func:`post`."""
    post(settings, json.dumps({"resourceSpans": []}).encode())


def post(settings: TelemetrySettings, data: bytes) -> None:
    """Raises DeliveryError when the collector does not take it now, DeliveryRefused when it never will."""
    address = f"{settings.url.rstrip('/')}/v1/traces"
    try:
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, Deadline(settings.timeout_seconds))
            answer = session.post(
                address,
                data=data,
                headers={"Content-Type": "application/json"},
                verify=str(settings.ca_file) if settings.ca_file else True,
                allow_redirects=False,
            )
    except (requests.RequestException, OSError) as error:
        hint = "is it running, and is telemetry.url right?"
        raise DeliveryError(f"it cannot be reached: {type(error).__name__}", about=settings.url, hint=hint) from error
    if answer.status_code in _LATER:
        raise DeliveryError(f"it takes no traces for now: HTTP {answer.status_code}", about=settings.url)
    if answer.status_code != _OK:
        hint = "telemetry.url is that of a collector for OTLP over HTTP, without /v1/traces"
        raise DeliveryRefused(f"it refuses traces: HTTP {answer.status_code}", about=settings.url, hint=hint)
    if rejected := _rejected(answer.content):
        raise DeliveryRefused(
            f"it refuses traces: {rejected} spans of a request", about=settings.url, hint="see its log"
        )


def _rejected(body: bytes) -> int:
    """So many spans were refused, though the status is 200; what cannot be read says of none that it was.

    https://opentelemetry.io/docs/specs/otlp/#partial-success-1: the same is not to be sent again.
    """
    try:
        return int(json.loads(body)["partialSuccess"]["rejectedSpans"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return 0


def _span(span: Span, said: Attributes) -> dict[str, Any]:  # Any: JSON's edge
    parent = {"parentSpanId": span.parent_id} if span.parent_id else {}
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **parent,
        "name": span.name,
        "kind": _INTERNAL,
        "startTimeUnixNano": _nanoseconds(span.begin),
        "endTimeUnixNano": _nanoseconds(span.end),
        "attributes": _attributes(said),
        **({"status": {"code": _ERROR, "message": span.error}} if span.error else {}),
    }


def _nanoseconds(at: float) -> str:
    """64-bit integers are decimal strings in the JSON of protobuf."""
    return str(round(at * 1e6) * 1000)


def _attributes(said: Attributes) -> list[dict[str, Any]]:  # Any: JSON's edge
    return [
        {"key": key, "value": {"boolValue" if isinstance(value, bool) else "stringValue": value}}
        for key, value in said.items()
    ]
