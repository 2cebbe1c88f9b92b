"""The report of the models, for a person: what each look said, plots, rates of subgroups, predictive values.

Comes in: the ledger's measures and the newest observations. Goes out: a page of HTML without a script or a link, or a
PDF. Nothing of a patient is in it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from node.alarms import problems
from node.config import Settings, WatchSettings
from node.errors import PermanentError
from node.ledger import Ledger, MeasureRow, Verdict, Watched, told
from node.reviews import Share
from node.spool import write_once
from node.watch.answers import answers_from, answers_of
from node.watch.drawing import Drawing, curves, histogram, intervals, svg
from node.watch.round import newest

#: How far back the plots look.
_WEEKS = 13
_WEEK_SECONDS = 7 * 86400.0
COLUMNS = ("measure", "of", "compared with", "answers", "value", "limit", "says")
#: One figure far beyond its limit would flatten all others.
_HIGHEST = 3.0
#: Intervals in one plot.
_MOST_ROWS = 30
#: Name of the time of the last weekly report among the ledger's facts.
LAST = "watch report"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;font-size:13px}td,th{padding:.15em .8em .15em 0;text-align:left;"
    "border-bottom:1px solid #e5e7eb}svg{max-width:44em;width:100%;display:block;margin:1em 0;"
    "font-family:system-ui,sans-serif}.alarm{color:#c0392b;font-weight:600}.differs{color:#b9770e}"
)


@dataclass(frozen=True)
class Chapter:
    """What is said of one plugin."""

    title: str
    sentences: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True)
class Report:
    """Chapters under a title."""

    title: str
    chapters: tuple[Chapter, ...]


def written(settings: Settings, ledger: Ledger, path: Path) -> Path:
    """Write the report as it is now, as HTML or PDF by the name; raises :class:`PermanentError` for another one."""
    report = made(settings.watch, ledger, settings.node.ae_title)
    if path.suffix.lower() == ".pdf":
        from node.watch.pdf import pdf

        data = pdf(report)
    elif path.suffix.lower() in (".html", ".htm"):
        data = html(report).encode()
    else:
        raise PermanentError("a report is .html or .pdf", about=path.name)
    write_once(path, data)
    return path


def write_weekly(settings: Settings, ledger: Ledger) -> Path | None:
    """Write this week's report unless it is there, and remove those beyond `watch.reports`; None: none was due."""
    watch, now, folder = settings.watch, time.time(), settings.node.data_dir / "reports"
    last = ledger.facts.time_of(LAST)
    if not watch.reports or last <= now < last + _WEEK_SECONDS:
        return None
    folder.mkdir(exist_ok=True, mode=0o700)
    name = time.strftime("watch-%Y-%m-%d", time.gmtime(now))
    path = written(settings, ledger, folder / f"{name}.{watch.report_format}")
    for old in sorted(folder.glob("watch-????-??-??.*"))[: -watch.reports]:
        old.unlink()
    ledger.facts.note_time(LAST, now)
    return path


def made(settings: WatchSettings, ledger: Ledger, ae_title: str) -> Report:
    """The report as it is now."""
    chapters = tuple(_chapter(settings, ledger, of) for of in ledger.observations.watched())
    return Report(f"Models of {ae_title}, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}", chapters)


def _chapter(settings: WatchSettings, ledger: Ledger, of: Watched) -> Chapter:
    history = ledger.measures.history(of.plugin, time.time() - _WEEKS * _WEEK_SECONDS)
    latest = [row for row in history if row.at == history[-1].at]
    rows = tuple(_row(one) for one in latest if not one.is_detail)
    drawings = [*_histograms(settings, ledger, of), *_over_time(history), *_shares(latest)]
    said = [*_paused(ledger, of), *_sentences(of, latest)]
    return Chapter(f"{of.plugin} {of.plugin_version}", tuple(said), rows, tuple(drawings))


def _paused(ledger: Ledger, of: Watched) -> list[str]:
    reason = ledger.pauses.paused().get(of.plugin)
    if reason is None:
        return []
    return [f"Paused: {reason}. Analyses that wait: {ledger.pauses.waiting(of.plugin)}, for `radnode plugins resume`."]


def _sentences(of: Watched, latest: Sequence[MeasureRow]) -> list[str]:
    if not latest:
        return ["It has not been looked at yet."]
    alarms = [one for one in latest if one.verdict is Verdict.ALARM]
    differing = [one for one in latest if one.verdict is Verdict.DIFFERS]
    few = any(one.verdict is Verdict.TOO_FEW for one in latest)
    said = [f"Alarm: {one}." for one in problems(of.plugin, alarms)]
    if differing:
        said.append(f"Unlike the data the model was tested on: {', '.join(told(one) for one in differing)}.")
    if few:
        said.append("Of some things there are too few answers to say.")
    return said or ["Nothing is beyond its limit."]


def _row(one: MeasureRow) -> tuple[str, ...]:
    return (
        one.metric,
        one.subject or "all",
        f"{one.reference} ({one.reference_answers})" if one.reference else "",
        str(one.answers),
        "" if one.value is None else f"{one.value:.3g}",
        "" if one.threshold is None else f"{one.threshold:.3g}",
        str(one.verdict),
    )


def _histograms(settings: WatchSettings, ledger: Ledger, of: Watched) -> list[Drawing]:
    """Probabilities and brightness, the baseline's and the newest."""
    kept, new = ledger.measures.baseline(of), answers_of(newest(settings, ledger, of))
    if kept is None or not len(new):
        return []
    old = answers_from(kept.answers)
    columns = [
        *((f"Probability: {name}", values, new.scores.get(name)) for name, values in old.scores.items()),
        ("Mean brightness of the images", old.inputs["mean"], new.inputs["mean"]),
    ]
    return [
        histogram(title, before[~np.isnan(before)], now[~np.isnan(now)], "baseline")
        for title, before, now in columns
        if now is not None
    ]


def _over_time(history: Sequence[MeasureRow]) -> list[Drawing]:
    """Every figure with a limit, as a share of it; and how often the model abstained."""
    if not history:
        return []
    ends = (_day(history[0].at), _day(history[-1].at))
    found: dict[str, list[tuple[float, float]]] = {}
    abstained: dict[str, list[tuple[float, float]]] = {}
    for one in history:
        if one.reference == "site" and not one.subject and one.value is not None and one.threshold:
            found.setdefault(one.metric, []).append((one.at, min(_HIGHEST, one.value / one.threshold)))
        if one.kind == "rates" and one.metric == "abstained" and not one.subject and one.value is not None:
            abstained.setdefault("abstained", []).append((one.at, one.value))
    drawn = (
        [curves(f"Share of the limit ({_HIGHEST:g} at most), against the site's baseline", found, ends, 1.0)]
        if found
        else []
    )
    return drawn + ([curves("Abstentions", abstained, ends)] if abstained else [])


def _shares(latest: Sequence[MeasureRow]) -> list[Drawing]:
    titles = {"rates": "Rates, with 95 % intervals", "predictive values": "What readers' verdicts come to, by month"}
    drawn = []
    for kind, title in titles.items():
        rows = [_interval(one) for one in latest if one.kind == kind and one.value is not None and one.answers]
        drawn += [intervals(title, rows[start : start + _MOST_ROWS]) for start in range(0, len(rows), _MOST_ROWS)]
    return drawn


def _interval(one: MeasureRow) -> tuple[str, float, float, float]:
    share = Share(round((one.value or 0.0) * one.answers), one.answers)
    words = f"{one.metric}{f', {one.subject}' if one.subject else ''} ({share.hits} of {share.total})"
    return words, one.value or 0.0, *share.interval


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def html(report: Report) -> str:
    """As a page."""
    title = escape(report.title)
    body = "".join(_chapter_html(one) for one in report.chapters) or "<p>No model has answered yet.</p>"
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f"{head}<h1>{title}</h1>{body}</html>\n"


def _chapter_html(chapter: Chapter) -> str:
    sentences = "".join(f"<p>{escape(one)}</p>" for one in chapter.sentences)
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    rows = "".join(
        f'<tr class="{row[-1].split()[0]}">{"".join(f"<td>{escape(cell)}</td>" for cell in row)}</tr>'
        for row in chapter.rows
    )
    table = f"<table><tr>{head}</tr>{rows}</table>" if rows else ""
    return f"<h2>{escape(chapter.title)}</h2>{sentences}{table}{''.join(svg(one) for one in chapter.drawings)}"
