"""Plays analyses again, a few studies at a time, by the way that `radnode run` takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from node.config import Destination, Route
from node.errors import RadnodeError
from node.offline import Bench, StudyResult, bench
from node.replay.comparison import Comparison, compare
from node.replay.originals import PREDICTION, Original, model_of

#: So many studies are copied and played together: a worker is started for each such batch.
_TOGETHER = 8


class Player:
    """Plays analyses with their own plugins, or all with another.

    Args:
        config: file of the node whose settings and engine count.
        plugin: that answers instead; empty: the one that did.
        pinned: whether it must have the digest that the node demands of it.
        out: folder for what is made; None: nothing is kept.
    """

    def __init__(self, config: Path, plugin: str = "", out: Path | None = None, *, pinned: bool = True) -> None:
        self._config, self._plugin, self._out, self._pinned = config, plugin, out, pinned

    def play(self, originals: Sequence[Original]) -> Iterator[Comparison]:
        """A comparison for each, as they are done."""
        by_plugin: dict[str, list[Original]] = {}
        for one in originals:
            by_plugin.setdefault(self._plugin or one.row.plugin, []).append(one)
        for plugin, waiting in by_plugin.items():
            for batch in _batches(waiting):
                yield from self._together(plugin, batch)

    def _together(self, plugin: str, batch: Sequence[Original]) -> Iterator[Comparison]:
        """Studies of one batch, each once."""
        files = Destination(name="files", kind="folder", path=Path("."))
        rule = Route(name="replay", plugin=plugin, accept_missing=True, include_excluded=True, destinations=("files",))
        with bench([rule], self._config, [plugin], [files], as_served=True, pinned=self._pinned) as played:
            try:
                played.catalogue.get(plugin)
                refused = {str(one.path): one.reason for one in played.take(p for one in batch for p in one.paths)}
                results = played.analyse(self._out or played.folder / "out")
            except RadnodeError as error:
                yield from (_failed(one, plugin, str(error)) for one in batch)
                return
            by_study = {one.study_instance_uid: one for one in results}
            for original in batch:
                reason = next((why for path in original.paths if (why := refused.get(str(path)))), "")
                result = by_study.get(original.row.study_instance_uid)
                if reason or result is None:
                    yield _failed(original, plugin, reason or "none of its files could be taken")
                else:
                    yield self._compared(played, original, plugin, result)

    def _compared(self, played: Bench, original: Original, plugin: str, result: StudyResult) -> Comparison:
        if result.error or result.account is None:
            why = "; ".join(dict.fromkeys([result.error or "there is no answer", *result.reasons]))
            return _failed(original, plugin, why)
        (row, *_) = played.ledger.analyses.of_study(result.study_instance_uid)
        data = played.spool.path(f"work/{row.id}/{PREDICTION}").read_bytes()
        if self._out is not None:
            self._out.mkdir(parents=True, exist_ok=True)
            (self._out / f"{original.row.id}-{PREDICTION}").write_bytes(data)
        pairs, remarks = compare(original.account, result.account, (original.prediction, data))
        return Comparison(
            study_instance_uid=original.row.study_instance_uid,
            analysis=original.row.id,
            plugin=f"{original.row.plugin} {original.row.plugin_version}",
            other=f"{result.account.plugin} {result.account.version}",
            models=(original.model, model_of(result.files)),
            is_identical=data == original.prediction,
            pairs=pairs,
            remarks=tuple(remarks),
        )


def _batches(waiting: Sequence[Original]) -> Iterator[list[Original]]:
    """A few at a time, no study twice in one of them."""
    while waiting:
        batch: dict[str, Original] = {}
        for one in waiting:
            if len(batch) < _TOGETHER:
                batch.setdefault(one.row.study_instance_uid, one)
        yield list(batch.values())
        chosen = {one.row.id for one in batch.values()}
        waiting = [one for one in waiting if one.row.id not in chosen]


def _failed(original: Original, plugin: str, reason: str) -> Comparison:
    row = original.row
    return Comparison(row.study_instance_uid, row.id, f"{row.plugin} {row.plugin_version}", plugin, error=reason)
