"""C-FIND, Study Root (PS3.4 C.4.1 and C.6.2): which studies an archive has of what is wanted, and how much of each.

Few archives know every key. What an archive does not tell of a study is asked of its series: modalities, body parts,
and the number of instances, which is counted one by one where it tells no number at all.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import structlog
from pydicom.dataset import Dataset

from node import logs
from node.config import Destination
from node.deliver.line import name_of
from node.deliver.messages import C_FIND, PENDING
from node.errors import DeliveryError, DeliveryRefused
from node.fetch.dialogue import Dialogue, Service, dialogue
from node.fetch.status import SUCCESS, reason_of
from node.fetch.wanted import Wanted, class_keys, image_keys, is_uid, modalities_of, series_keys, text_of

log = structlog.get_logger()

FIND = Service("Study Root Query/Retrieve - FIND", "1.2.840.10008.5.1.4.1.2.2.1", C_FIND, 1800.0)
#: Most answers to one question, and most studies whose series are asked for.
_MOST_ANSWERS, _MOST_STUDIES = 10_000, 1000
_MOST_INSTANCES = 1_000_000
#: Most SOP classes of one answer.
_MOST_CLASSES = 200


@dataclass(frozen=True)
class Match:
    """A study that an archive has. `instances`: that it counts (0020,1208); None: it does not say."""

    study_instance_uid: str
    date: str
    modalities: tuple[str, ...]
    instances: int | None


@dataclass(frozen=True)
class Found:
    """What an archive answered.

    Attributes:
        matches: the studies, in its order.
        has_more: it has more of them.
        unfit: answers that were left out: they do not fit what was asked, or cannot be read.
        untold: studies that were left out, since it does not say what their series show.
    """

    matches: tuple[Match, ...]
    has_more: bool = False
    unfit: int = 0
    untold: int = 0


@dataclass(frozen=True)
class SeriesMatch:
    """A series that an archive has; empty, or None, is what it does not say."""

    series_instance_uid: str
    modality: str
    body_part: str
    instances: int | None


def find(archive: Destination, calling_ae: str, wanted: Wanted, limit: int) -> Found:
    """The studies that are wanted, `limit` at most; raises DeliveryError or DeliveryRefused."""
    with logs.pydicom_silent():
        with dialogue(archive, calling_ae, FIND) as asked:
            found = _studies(archive, asked, wanted, _MOST_STUDIES if wanted.may_need_series else limit)
        if not any(one.instances is None or wanted.needs_series(one.modalities) for one in found.matches):
            return replace(found, matches=found.matches[:limit], has_more=found.has_more or len(found.matches) > limit)
        with dialogue(archive, calling_ae, FIND) as asked:
            return _by_series(archive, asked, wanted, found, limit)


def _by_series(archive: Destination, asked: Dialogue, wanted: Wanted, found: Found, limit: int) -> Found:
    """The same, with what only the series of the studies can say."""
    matches: list[Match] = []
    untold = 0
    for match in found.matches:
        needed = wanted.needs_series(match.modalities)
        series = _series(archive, asked, match) if needed or match.instances is None else []
        if needed and not any(wanted.fits_series(one.modality, one.body_part) for one in series):
            untold += not any(one.body_part if wanted.body_part else one.modality for one in series)
        elif len(matches) == limit:
            return Found(tuple(matches), True, found.unfit, untold)
        elif match.instances is None:
            matches.append(replace(match, instances=_counted(archive, asked, match, series)))
        else:
            matches.append(match)
    return Found(tuple(matches), found.has_more, found.unfit, untold)


def _studies(archive: Destination, asked: Dialogue, wanted: Wanted, most: int) -> Found:
    known: dict[str, Match] = {}
    unfit = 0
    with closing(_answers(archive, asked, wanted.keys())) as answers:
        for ds in answers:
            match = _match(ds, wanted)
            if match is None:
                unfit += 1
            elif len(known) == most and match.study_instance_uid not in known:
                return Found(tuple(known.values()), True, unfit)
            else:
                known[match.study_instance_uid] = match
    return Found(tuple(known.values()), False, unfit)


def _series(archive: Destination, asked: Dialogue, match: Match) -> list[SeriesMatch]:
    study = match.study_instance_uid
    answers = [_series_match(ds, study) for ds in _answers(archive, asked, series_keys(study))]
    return list({one.series_instance_uid: one for one in answers if one is not None}.values())


def classes_of(archive: Destination, calling_ae: str, study_instance_uid: str) -> tuple[str, ...]:
    """The SOP classes of a study, as far as an archive tells them; empty: it does not."""
    found: dict[str, None] = {}
    with logs.pydicom_silent():
        try:
            with dialogue(archive, calling_ae, FIND) as asked:
                found |= dict.fromkeys(_classes(archive, asked, class_keys(study_instance_uid), "SOPClassesInStudy"))
                match = Match(study_instance_uid, "", (), None)
                for one in [] if found else _series(archive, asked, match):
                    keys = class_keys(study_instance_uid, one.series_instance_uid)
                    found |= dict.fromkeys(_classes(archive, asked, keys, "SOPClassUID"))
        except (DeliveryError, DeliveryRefused) as error:  # it can be fetched without
            log.info("SOP classes not told", archive=archive.name, error=str(error))
    return tuple(found)


def series_of(
    archive: Destination, calling_ae: str, study_instance_uid: str, uids: Iterable[str]
) -> dict[str, list[str]]:
    """Series Instance UID -> those of these instances that are in it, as far as the archive tells.

    Raises DeliveryError or DeliveryRefused.
    """
    left, found = set(uids), dict[str, list[str]]()
    with logs.pydicom_silent(), dialogue(archive, calling_ae, FIND) as asked:
        for one in _series(archive, asked, Match(study_instance_uid, "", (), None)):
            keys = image_keys(study_instance_uid, one.series_instance_uid)
            here = sorted({_instance_of(ds, keys) for ds in _answers(archive, asked, keys)} & left) if left else []
            left -= set(here)
            found |= {one.series_instance_uid: here} if here else {}
    return found


def _classes(archive: Destination, asked: Dialogue, keys: Dataset, keyword: str) -> Iterator[str]:
    """Of each answer. Args: keyword: of the element that holds them."""
    for ds in _answers(archive, asked, keys):
        yield from _uids(ds, keyword)


def _uids(ds: Dataset | None, keyword: str) -> list[str]:
    """The values of an element that are UIDs."""
    try:
        value = ds.get(keyword) if ds is not None else None
        words = [value] if isinstance(value, str) else list(value or ())
    except Exception:  # as above
        return []
    return [str(word) for word in words[:_MOST_CLASSES] if is_uid(str(word))]


def _counted(archive: Destination, asked: Dialogue, match: Match, series: list[SeriesMatch]) -> int | None:
    """How many instances a study has: by series where the archive counts those, else one by one; None: unknown."""
    total = 0
    for one in series:
        keys = image_keys(match.study_instance_uid, one.series_instance_uid)
        total += one.instances or len({_instance_of(ds, keys) for ds in _answers(archive, asked, keys)} - {""})
    return total or None


def _answers(archive: Destination, asked: Dialogue, keys: Dataset) -> Generator[Dataset | None, None, None]:
    """Every match; raises :class:`DeliveryError` when the archive does not come to a good end."""
    for number, (answer, ds) in enumerate(asked.ask(keys, archive.timeout_seconds)):
        if answer.Status in PENDING:
            if number >= _MOST_ANSWERS:
                raise DeliveryError(f"it has more than {_MOST_ANSWERS} answers", about=name_of(archive), hint=_NARROWER)
            yield ds
        elif answer.Status != SUCCESS:
            what = f"the query (C-FIND) was answered with {reason_of(answer.Status)}"
            raise DeliveryError(what, about=name_of(archive), hint="see its log; does it know all of these keys?")


_NARROWER = "ask for fewer studies at once"


def _match(ds: Dataset | None, wanted: Wanted) -> Match | None:
    """An answer; None when it does not fit, or cannot be read."""
    try:
        if ds is None or not wanted.fits(ds):
            return None
        day = text_of(ds, "StudyDate")
        date = day if day.isdigit() and len(day) == 8 else ""
        return Match(text_of(ds, "StudyInstanceUID"), date, modalities_of(ds), _number(ds, "Study"))
    except Exception:  # the library raises anything on a value that is none
        return None


def _series_match(ds: Dataset | None, study_instance_uid: str) -> SeriesMatch | None:
    try:
        if ds is None or text_of(ds, "StudyInstanceUID") != study_instance_uid:
            return None
        uid = text_of(ds, "SeriesInstanceUID")
        told = text_of(ds, "Modality"), text_of(ds, "BodyPartExamined").upper(), _number(ds, "Series")
        return SeriesMatch(uid, *told) if is_uid(uid) else None
    except Exception:  # as above
        return None


def _instance_of(ds: Dataset | None, keys: Dataset) -> str:
    """SOP Instance UID of an answer; empty when it does not fit."""
    try:
        uid = "" if ds is None else text_of(ds, "SOPInstanceUID")
        fits = ds is not None and text_of(ds, "SeriesInstanceUID") == keys.SeriesInstanceUID
    except Exception:  # as above
        return ""
    return uid if fits and is_uid(uid) else ""


def _number(ds: Dataset, level: str) -> int | None:
    """Number of Study, or Series, Related Instances (0020,1208), (0020,1209)."""
    counted = int(text_of(ds, f"NumberOf{level}RelatedInstances") or 0)
    return counted if 0 < counted <= _MOST_INSTANCES else None
