"""Stages of a plugin: SILENT, its results are kept; CANARY, those of some studies are delivered; LIVE, all are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

_WHOLE = 100.0
_AT = "@"


class Stage(StrEnum):
    """Whether readers see the results of a plugin."""

    SILENT = "SILENT"  # they are made and kept
    CANARY = "CANARY"  # those of a share of the studies are delivered
    LIVE = "LIVE"  # they are delivered


@dataclass(frozen=True)
class Staged:
    """The stage of a plugin in one version.

    Attributes:
        plugin, version: which.
        stage: where it stands.
        percent: in CANARY, the share of studies that is delivered, 0 to 100.
        senders: in CANARY, calling AE titles of the studies that may be delivered; empty: of all.
        digest: of the model, hex, as its manifest has it.
        at: since when, seconds since the epoch.
        operator: who said so.
        reason: why.
        evaluation: sha256 of the record that it was taken live on; empty: of none.
        present: this version was installed when the node started last.
    """

    plugin: str
    version: str
    stage: Stage
    percent: float = _WHOLE
    senders: tuple[str, ...] = ()
    digest: str = ""
    at: float = 0.0
    operator: str = ""
    reason: str = ""
    evaluation: str = ""
    present: bool = True

    @property
    def delivered_percent(self) -> float:
        """The share of studies whose results are delivered."""
        return {Stage.SILENT: 0.0, Stage.CANARY: self.percent, Stage.LIVE: _WHOLE}[self.stage]

    @property
    def told(self) -> str:
        """For a person: `SILENT`, `LIVE`, `CANARY: 10 % of the studies of CT1, CT2`."""
        if self.stage is not Stage.CANARY:
            return str(self.stage)
        whose = f" of {', '.join(self.senders)}" if self.senders else ""
        return f"{self.stage}: {self.percent:g} % of the studies{whose}"

    def silent_because(self, study_instance_uid: str, sender: str) -> str:
        """Why the results of a study are kept; empty: they are delivered.

        The same study gets the same answer on every retry and in every revision, and keeps its delivery when the share
        is raised.
        """
        if self.stage is Stage.LIVE:
            return ""
        if self.stage is Stage.SILENT:
            return "its plugin is silent: results are kept, not delivered"
        chosen = place(self.plugin, study_instance_uid) < self.percent
        if chosen and (not self.senders or sender in self.senders):
            return ""
        return f"its plugin is a canary ({self.told}), and this study is none of them: results are kept, not delivered"


def place(plugin: str, study_instance_uid: str) -> float:
    """Where a study lies between 0 and 100, evenly and for good; another plugin puts it elsewhere."""
    digest = sha256(f"canary {plugin} {study_instance_uid}".encode()).digest()
    return _WHOLE * int.from_bytes(digest[:8], "big") / 2**64


def plain_name(plugin: str) -> str:
    """A further version of the plugin `chest` is installed beside it as `chest@1.1`: the name of both."""
    return plugin.partition(_AT)[0]


def is_beside(plugin: str) -> bool:
    """Whether it is installed as a further version, beside one of its plain name or another."""
    return _AT in plugin


def covers(setting: bool | tuple[str, ...], plugin: str) -> bool:
    """Whether `worker.silent` speaks of a plugin."""
    return setting if isinstance(setting, bool) else plugin in setting
