"""The configuration: read once, frozen, and passed in.

In comes a TOML file; out goes :class:`Settings`, or a :class:`~node.errors.ConfigError` that names file, line, key,
what was found and what is allowed. Nothing else of the node reads the environment: `RADNODE_<TABLE>__<KEY>` overrides
a key.
"""

from node.config.audit import AuditSettings
from node.config.change import LIVE, Change, change
from node.config.critical import CriticalRule
from node.config.destination import Destination
from node.config.fetching import FetchRule
from node.config.go_live import GoLiveSettings
from node.config.hl7 import Hl7Settings
from node.config.load import frozen, load
from node.config.peer import OPERATIONS, PeerRule
from node.config.queue import QueueSettings
from node.config.routing import Route, with_window
from node.config.sample import Wishes, sample
from node.config.section import at
from node.config.serving import Serving, in_force
from node.config.settings import (
    SENDER,
    NodeSettings,
    ReceiveSettings,
    ReportSettings,
    RetrySettings,
    Settings,
    StorageSettings,
)
from node.config.study import StudySettings
from node.config.table import settings_table
from node.config.telemetry import TelemetrySettings
from node.config.tls import TlsSettings
from node.config.watched import WatchedFolder
from node.config.watching import AlarmKind, WatchSettings
from node.config.web import WebSettings
from node.config.worker import WorkerSettings
from node.config.worklist import Worklist

__all__ = [
    "LIVE",
    "OPERATIONS",
    "SENDER",
    "AlarmKind",
    "AuditSettings",
    "Change",
    "CriticalRule",
    "Destination",
    "FetchRule",
    "GoLiveSettings",
    "Hl7Settings",
    "NodeSettings",
    "PeerRule",
    "QueueSettings",
    "ReceiveSettings",
    "ReportSettings",
    "RetrySettings",
    "Route",
    "Serving",
    "Settings",
    "StorageSettings",
    "StudySettings",
    "TelemetrySettings",
    "TlsSettings",
    "WatchSettings",
    "WatchedFolder",
    "WebSettings",
    "Wishes",
    "WorkerSettings",
    "Worklist",
    "at",
    "change",
    "frozen",
    "in_force",
    "load",
    "sample",
    "settings_table",
    "with_window",
]
