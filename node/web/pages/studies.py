"""The list of studies: which are wanted, and a row for each."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from node.ledger import Ledger, StudyRow, Wanted
from node.ledger.overview import END_OF_TIME
from node.spool import Spool
from node.states import StudyState
from node.web.pages.pictures import Heatmap, heatmaps

#: Studies on a page.
MANY = 20
_DAY_SECONDS = 86400
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_MODALITY = re.compile(r"[A-Za-z0-9_ ]{1,16}", re.ASCII)
_BEFORE = re.compile(r"(\d{1,12}(?:\.\d{1,9})?):([0-9.]{1,64})", re.ASCII)

Query = Mapping[str, str]


@dataclass(frozen=True)
class Filter:
    """What the form says, as far as it can be understood. `problem`: what cannot; `uid`: other than `wanted`."""

    wanted: Wanted
    uid: str = ""
    day: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Row:
    """A study in the list. `result`: what was found, or why nothing was; `picture`: the first heatmap, if any."""

    study: StudyRow
    modalities: tuple[str, ...]
    result: str
    picture: Heatmap | None


@dataclass(frozen=True)
class Listed:
    """A page of the list. `more`: query of the next one; empty: there is none."""

    rows: tuple[Row, ...]
    more: str


def filter_of(query: Query) -> Filter:
    """What is asked for."""
    given = {name: query.get(name, "").strip() for name in ("state", "modality", "day", "uid", "before")}
    wanted, problem = Wanted(), ""
    if given["state"] in list(StudyState):
        wanted = replace(wanted, state=StudyState(given["state"]))
    if _MODALITY.fullmatch(given["modality"]):
        wanted = replace(wanted, modality=given["modality"].upper())
    if given["day"]:
        begin = _day(given["day"])
        problem = "" if begin is not None else "The day is to be written as 2026-01-31."
        wanted = replace(wanted, begin=begin or 0.0, end=END_OF_TIME if begin is None else begin + _DAY_SECONDS)
    if match := _BEFORE.fullmatch(given["before"]):
        wanted = replace(wanted, before=(float(match[1]), match[2]))
    uid = given["uid"] if _UID.fullmatch(given["uid"]) else ""
    if given["uid"] and not uid:
        problem = "A UID, or its beginning, has digits and dots; an analysis has a number."
    return Filter(wanted, uid, given["day"] if not problem else "", problem)


def _day(text: str) -> float | None:
    """When a day begins here."""
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%d"))
    except (ValueError, OverflowError):
        return None


def listed(ledger: Ledger, spool: Spool, asked: Filter) -> Listed:
    """The page that is asked for."""
    if asked.uid:
        found = ledger.inquiries.subject(asked.uid)
        studies = ledger.overview.beginning_so(found.study_instance_uid if found else asked.uid, MANY).studies
        return Listed(tuple(_row(ledger, spool, one) for one in studies), "")
    page = ledger.overview.page(asked.wanted, MANY)
    return Listed(tuple(_row(ledger, spool, one) for one in page.studies), _more(asked, page.after))


def _more(asked: Filter, after: tuple[float, str] | None) -> str:
    if after is None:
        return ""
    wanted = asked.wanted
    given = {"state": wanted.state or "", "modality": wanted.modality, "day": asked.day}
    return urlencode({name: value for name, value in given.items() if value} | {"before": f"{after[0]:.9f}:{after[1]}"})


def _row(ledger: Ledger, spool: Spool, study: StudyRow) -> Row:
    uid = study.study_instance_uid
    analyses = [one for one in ledger.analyses.of_study(uid) if one.revision == study.revision]
    told = [one.error or one.summary or f"{one.plugin}: {one.state}" for one in analyses]
    pictures = (found for one in analyses for found in heatmaps(ledger, spool, one.id))
    return Row(study, ledger.overview.modalities(uid), "; ".join(told) or study.reason, next(pictures, None))
