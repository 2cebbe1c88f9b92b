"""Every setting of the node, once: name, type, default and help; README and `config show` come from here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from node.config.audit import AuditSettings
from node.config.critical import CriticalRule
from node.config.destination import Destination
from node.config.fetching import FetchRule
from node.config.go_live import GoLiveSettings
from node.config.hl7 import Hl7Settings
from node.config.peer import PeerRule
from node.config.queue import QueueSettings
from node.config.routing import Route
from node.config.section import AETitle, Port, Seconds, Section
from node.config.study import StudySettings
from node.config.telemetry import TelemetrySettings
from node.config.tls import TlsSettings
from node.config.watched import WatchedFolder
from node.config.watching import WatchSettings
from node.config.web import WebSettings
from node.config.worker import WorkerSettings
from node.config.worklist import Worklist
from node.device import Device, Wishes
from node.window import time_zone, window

#: In a route's destinations: the destination whose AE title is the calling AE title of the study's sender.
SENDER = "@sender"
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")


class Misfit(ValueError):
    """A value that does not fit to others. Args: message: what is wrong; location: the keys that lead to the value."""

    def __init__(self, message: str, *location: int | str) -> None:
        super().__init__(message)
        self.location = location


class NodeSettings(Section):
    """Who the node is and where it keeps its data."""

    ae_title: AETitle = Field("RADNODE", description="AE title of the node, as receiver and as sender.")
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 must be asked for.")
    port: Port = Field(11112, description="DICOM port.")
    data_dir: Path = Field(
        Path("radnode-data"), description="Folder of spool and ledger; relative to the configuration file."
    )
    allowed_calling: tuple[AETitle, ...] = Field((), description="Calling AE titles that may associate; empty: any.")
    check_called: bool = Field(True, description="Refuse associations that call another AE title.")
    station_name: str = Field("", max_length=16, description="Station Name in result objects.")
    edge: bool = Field(
        False,
        description="For a small machine: one receiver, one worker, one plugin, an engine without torch, whatever "
        "`receive` and `worker` say; as `radnode serve --edge`.",
    )


class ReceiveSettings(Section):
    """Limits of the listener."""

    max_associations: int = Field(512, ge=1, le=10000, description="Associations at one time; more are refused.")
    max_per_peer: int = Field(
        0, ge=0, le=10000, description="Associations at one time from one address; 0: all but an eighth of them."
    )
    max_pdu: int = Field(131072, ge=4096, le=1 << 24, description="Longest PDU we announce and read, bytes.")
    max_object_mb: int = Field(4096, ge=1, le=1 << 20, description="Longest dataset taken, MiB.")
    max_study_objects: int = Field(
        50000, ge=0, description="Objects in one study; more are kept, set aside and shown. 0: no limit."
    )
    max_study_mb: int = Field(
        65536, ge=0, description="Files of one study, MiB; more are kept, set aside and shown. 0: no limit."
    )
    associate_seconds: Seconds = Field(5, description="ARTIM: from the connection to the association request.")
    network_seconds: Seconds = Field(30, description="Silence inside a message before the connection is cut.")
    message_seconds: Seconds = Field(
        3600, description="Longest time for one object to come, however slowly; then the connection is cut."
    )
    idle_seconds: Seconds = Field(60, description="Silence between messages before the association is aborted.")
    unknown_sop_classes: bool = Field(
        False, description="Take SOP classes that are not in the dictionary, if they look like storage classes."
    )
    promise_storage: bool = Field(
        False,
        description="Answer Storage Commitment. Files are kept for storage.keep_days only: not for a modality that "
        "deletes its own before the archive has them.",
    )
    processes: int = Field(1, ge=1, le=64, description="Receiver processes sharing the port.")


class StorageSettings(Section):
    """Disk space and retention."""

    min_free_mb: int = Field(512, ge=0, description="Below this much free space C-STORE is answered A700, MiB.")
    keep_days: float = Field(30, ge=0, description="Files of closed studies are purged after so many days; 0: never.")
    keep_rows_days: float = Field(
        0,
        ge=0,
        description="Rows of studies that are over, and lines of the trail, are removed after so many days; 0: never.",
    )
    purge_below_mb: int = Field(
        2048,
        ge=0,
        description="Below this much free space files of the oldest delivered studies are purged early, MiB; 0: never.",
    )
    busy_seconds: Seconds = Field(10, description="How long to wait for a locked ledger before A700.")

    @model_validator(mode="after")
    def _rows_outlive_files(self) -> Self:
        if self.keep_rows_days and not 0 < self.keep_days <= self.keep_rows_days:
            raise ValueError("keep_rows_days must be no less than keep_days, which must not be 0 then")
        return self


class ReportSettings(Section):
    """How results look."""

    layout: Literal["side-by-side", "overlay"] = Field(
        "side-by-side", description="Heatmaps: the untouched image beside the evidence, or the evidence alone, larger."
    )


class RetrySettings(Section):
    """How often and when a failed step is tried again."""

    max_attempts: int = Field(3, ge=1, le=1000, description="Attempts at classifying or reporting.")
    delivery_attempts: int = Field(40, ge=1, le=10000, description="Attempts at delivering one object.")
    first_seconds: Seconds = Field(2, description="Wait after the first failure; doubled after each further one.")
    longest_seconds: Seconds = Field(300, description="Longest wait between two attempts.")


class Settings(Section):
    """The whole configuration; a table that is left out has its defaults, which nothing has to check."""

    node: NodeSettings = NodeSettings.model_construct()
    tls: TlsSettings = TlsSettings.model_construct()
    receive: ReceiveSettings = ReceiveSettings.model_construct()
    study: StudySettings = StudySettings.model_construct()
    storage: StorageSettings = StorageSettings.model_construct()
    worker: WorkerSettings = WorkerSettings.model_construct()
    report: ReportSettings = ReportSettings.model_construct()
    queue: QueueSettings = QueueSettings.model_construct()
    retry: RetrySettings = RetrySettings.model_construct()
    web: WebSettings = WebSettings.model_construct()
    hl7: Hl7Settings = Hl7Settings.model_construct()
    watch: WatchSettings = WatchSettings.model_construct()
    audit: AuditSettings = AuditSettings.model_construct()
    go_live: GoLiveSettings = GoLiveSettings.model_construct()
    telemetry: TelemetrySettings = TelemetrySettings.model_construct()
    match: Literal["all", "first"] = Field(
        "all", description="Whether all routes or only the first match takes a series."
    )
    peers: tuple[PeerRule, ...] = ()
    inputs: tuple[WatchedFolder, ...] = ()
    destinations: tuple[Destination, ...] = ()
    routes: tuple[Route, ...] = ()
    critical: tuple[CriticalRule, ...] = ()
    fetch: tuple[FetchRule, ...] = ()
    worklists: tuple[Worklist, ...] = ()

    @model_validator(mode="after")
    def _names_fit(self) -> Settings:
        names = [destination.name for destination in self.destinations]
        _refuse_doubles("destinations", names)
        _refuse_doubles("routes", [route.name for route in self.routes])
        for number, route in enumerate(self.routes):
            for name in route.destinations:
                if name not in names and name != SENDER:
                    what = f"route '{route.name}' names the unknown destination '{name}'"
                    raise Misfit(f"{what}; allowed: {', '.join([*names, SENDER])}", "routes", number, "destinations")
        return self

    @model_validator(mode="after")
    def _priors_fit(self) -> Settings:
        names = self._archives
        for number, route in enumerate(self.routes):
            if route.prior_archive and route.prior_archive not in names:
                what = f"route '{route.name}' names '{route.prior_archive}', which is no destination of kind dicom"
                raise Misfit(f"{what}; allowed: {', '.join(names) or 'none'}", "routes", number, "prior_archive")
        return self

    @model_validator(mode="after")
    def _peers_fit(self) -> Settings:
        _refuse_doubles("peers", [peer.name for peer in self.peers])
        _refuse_doubles("inputs", [folder.name for folder in self.inputs])
        if self.tls.enabled and self.tls.allow_plain and self.tls.port == self.node.port:
            raise Misfit("it is that of node.port, which tls.allow_plain keeps open", "tls", "port")
        for number, peer in enumerate(self.peers):
            if peer.needs_certificate and not self.tls.enabled:
                what = f"peer '{peer.name}' is known by its certificate, which only TLS shows: set tls.enabled"
                raise Misfit(what, "peers", number)
        return self

    @model_validator(mode="after")
    def _doors_are_shut(self) -> Settings:
        web, hl7 = self.web, self.hl7
        if web.enabled and not (web.tls or web.behind_proxy) and web.host not in _THIS_MACHINE:
            what = "tokens would go over the network for all to read: set web.tls, or web.behind_proxy"
            raise Misfit(what, "web", "host")
        if hl7.enabled and not (hl7.tls or hl7.addresses) and hl7.host not in _THIS_MACHINE:
            raise Misfit("anybody could send reports: set hl7.addresses, or hl7.tls", "hl7", "host")
        return self

    @model_validator(mode="after")
    def _critical_fits(self) -> Settings:
        names = [destination.name for destination in self.destinations if destination.kind in ("hl7", "webhook")]
        _refuse_doubles("critical", [rule.name for rule in self.critical])
        for number, rule in enumerate(self.critical):
            for key in ("destinations", "escalate_to"):
                for name in getattr(rule, key):
                    if name not in names:
                        what = f"critical '{rule.name}' names '{name}', which is no destination of kind hl7 or webhook"
                        raise Misfit(f"{what}; allowed: {', '.join(names) or 'none'}", "critical", number, key)
        return self

    @model_validator(mode="after")
    def _archives_fit(self) -> Settings:
        names = self._archives
        tables: dict[str, tuple[FetchRule | Worklist, ...]] = {"fetch": self.fetch, "worklists": self.worklists}
        for section, rules in tables.items():
            _refuse_doubles(section, [rule.name for rule in rules])
            for number, rule in enumerate(rules):
                if rule.archive not in names and (rule.archive or section == "fetch"):
                    what = f"{section} '{rule.name}' names '{rule.archive}', which is no destination of kind dicom"
                    raise Misfit(f"{what}; allowed: {', '.join(names) or 'none'}", section, number, "archive")
        return self

    @model_validator(mode="after")
    def _worklists_fit(self) -> Settings:
        routed = {route.plugin for route in self.routes}
        for number, worklist in enumerate(self.worklists):
            for plugin in set(worklist.codes.values()) - routed:
                what = f"worklists '{worklist.name}' names the plugin '{plugin}', to which no route leads"
                raise Misfit(what, "worklists", number, "codes")
        return self

    @property
    def _archives(self) -> list[str]:
        """Names of the destinations that may be asked for studies."""
        return [destination.name for destination in self.destinations if destination.kind == "dicom"]

    @property
    def ports(self) -> dict[str, int]:
        """The ports for DICOM, by the setting that names each."""
        plain = {} if self.tls.enabled and not self.tls.allow_plain else {"node.port": self.node.port}
        return {**plain, "tls.port": self.tls.port} if self.tls.enabled else plain

    @property
    def asks_archives(self) -> bool:
        """Whether a destination is asked to keep what it took."""
        return any(one.storage_commitment for one in self.destinations)

    @property
    def device(self) -> Device:
        """What plugins are loaded for; which engine was the fastest is remembered beside spool and ledger."""
        memory = self.cache_dir / "engines.json"
        return Device(self.worker.device, Wishes(self.worker.engine, self.worker.threads, memory))

    @property
    def serving_path(self) -> Path:
        """Where the node that runs keeps the settings that it serves with, for its processes."""
        return self.node.data_dir / "serving.json"

    @property
    def cache_dir(self) -> Path:
        """Where workers remember what they can find out again."""
        return self.node.data_dir / "cache"

    @property
    def web_tokens(self) -> Path:
        """The file of tokens for HTTP."""
        return self.web.tokens_file or self.node.data_dir / "tokens"

    @property
    def followed(self) -> tuple[Destination, ...]:
        """The Orthancs whose changes are followed."""
        return tuple(one for one in self.destinations if one.follow)

    def shut(self, now: float) -> dict[str, float]:
        """Route -> when its window opens, epoch seconds; only those whose window is not open now."""
        zone, found = time_zone(self.queue.time_zone), {}
        for route in self.routes:
            if route.window and not window(route.window).is_open(now, zone):
                found[route.name] = window(route.window).opens_at(now, zone)
        return found

    def destination(self, name: str) -> Destination | None:
        """The destination of that name."""
        return next((d for d in self.destinations if d.name == name), None)


def _refuse_doubles(what: str, names: list[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise Misfit(f"the name '{name}' is used twice", what, number, "name")
