"""What Prometheus scrapes: counts of the ledger, room, pauses, when certificates end. Nothing of patients."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from node.certificates import describe, lists_end
from node.config import Settings
from node.errors import ConfigError
from node.ledger import Ledger
from node.web.durations import Durations

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(settings: Settings, ledger: Ledger, durations: Durations | None = None) -> bytes:
    """The metrics as they are now, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Now(settings, ledger))
    if durations is None:
        return generate_latest(registry)
    durations.look()
    return generate_latest(registry) + generate_latest(durations.registry)


class _Now(Collector):
    """Looks at everything anew with each scrape."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger

    def collect(self) -> Iterator[Metric]:
        """All families."""
        ledger, data = self._ledger, self._settings.node.data_dir
        yield _one("radnode_up", "1: a main process serves", float(ledger.facts.serving_pid() is not None))
        studies = ledger.studies.count_by_state().items()
        yield _family("radnode_studies", "Studies by state", ("state",), (((s,), n) for s, n in studies))
        analyses = ledger.analyses.count_by_state().items()
        yield _family("radnode_analyses", "Analyses by state", ("state",), (((s,), n) for s, n in analyses))
        waiting = ledger.analyses.waiting(self._settings.shut(time.time()))
        due = sum(count for _, until, count in waiting if until is None)
        yield _one("radnode_analyses_due", "Analyses that wait for a worker, and for no window", due)
        deliveries = ledger.deliveries.count_by_state().items()
        yield _family(
            "radnode_deliveries", "Result objects by destination and state", ("destination", "state"), deliveries
        )
        yield _one("radnode_set_aside_objects", "Objects in quarantine", ledger.studies.count_set_aside())
        yield _one("radnode_disk_free_bytes", "Room where spool and ledger lie", shutil.disk_usage(data).free)
        paused = ((name,) for name in ledger.pauses.paused())
        yield _family("radnode_plugin_paused", "1: nothing is given to it", ("plugin",), ((one, 1) for one in paused))
        shares = (((one.plugin, one.version), one.delivered_percent) for one in ledger.stages.present())
        about = "Share of studies whose results are delivered; 0: it is silent"
        yield _family("radnode_plugin_delivered_percent", about, ("plugin", "version"), shares)
        parts = ((part,) for part in ledger.facts.troubles())
        yield _family(
            "radnode_trouble", "1: `radnode status` says what is wrong", ("part",), ((one, 1) for one in parts)
        )
        alarms = [(plugin, one) for plugin, found in ledger.measures.alarms().items() for one in found]
        about = "1: the model sees or answers something else than it did; kind latency: its results come late"
        told = (((plugin, one.kind, one.metric, one.subject), 1) for plugin, one in alarms)
        yield _family("radnode_watch_alarm", about, ("plugin", "kind", "metric", "subject"), told)
        looks = {one.plugin: one.at for one in ledger.measures.latest() if self._settings.watch.enabled}
        about = "When a model was looked at last, seconds since the epoch"
        yield _family(
            "radnode_watch_look_timestamp_seconds", about, ("plugin",), (((p,), at) for p, at in looks.items())
        )
        ends = (((path.name,), at) for path, at in _ends(self._settings))
        if (crl := self._settings.tls.crl) is not None:
            about = "When the first of the revocation lists ends, and its authority's clients are refused, epoch"
            yield _one("radnode_revocation_list_expiry_timestamp_seconds", about, lists_end(crl))
        about = "When a certificate ends, seconds since the epoch"
        yield _family("radnode_certificate_expiry_timestamp_seconds", about, ("file",), ends)


def _ends(settings: Settings) -> Iterator[tuple[Path, float]]:
    """Of each file of certificates in use, the first one's end; what cannot be read is `radnode doctor`'s to tell."""
    own = [settings.tls.certificate, settings.tls.ca] if settings.tls.enabled else []
    own += [settings.tls.certificate] if settings.web.tls and not own else []
    of_destinations = [one.certificate_file for one in settings.destinations if one.certificate_file]
    for path in dict.fromkeys([*own, *of_destinations]):
        try:
            yield path, describe(path)[0].ends
        except (ConfigError, IndexError):
            yield path, 0.0


def _family(
    name: str, about: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in values:
        family.add_metric([str(part) for part in key], float(value))
    return family


def _one(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=float(value))
