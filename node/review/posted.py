"""A review as JSON, as it is posted to the node.

::

    {"reader": "reader-7",
     "reviews": [{"finding": "pneumonia", "judgement": "accepted"},
                 {"finding": "glioma", "plugin": "brain-tumour-mr", "outcome": "absent",
                  "report_sop_instance_uid": "2.25.1"}]}

Each item names a `finding` (as `radnode plugins show` has it) or its `tracking_uid`, and says either a `judgement`,
`accepted` or `rejected`, or the `outcome` that is right: `present`, `absent` or `undetermined`. `plugin`, `laterality`
(L, R, B) and `report_sop_instance_uid` say more closely which answer is meant. `reader` is who says it; without it, it
is whoever holds the token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.claims import Outcome
from node.errors import PermanentError
from node.reviews import Judgement, Statement

#: Most reviews in one message: no study has so many findings.
MOST = 200
_LONGEST = 64
_TEXTS = ("finding", "tracking_uid", "plugin", "laterality", "report_sop_instance_uid")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "judgement": (Judgement.ACCEPTED, Judgement.REJECTED),
    "outcome": tuple(Outcome),
}


@dataclass(frozen=True)
class Posted:
    """What was posted; `reader` is empty when it does not say."""

    reader: str
    statements: tuple[Statement, ...]


def read_posted(data: bytes) -> Posted:
    """Read a message; raises :class:`~node.errors.PermanentError`, which says what is wrong where."""
    try:
        table = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PermanentError("the message is no JSON") from error
    if not isinstance(table, dict) or not isinstance(table.get("reviews"), list):
        raise PermanentError("the message is no object with a list 'reviews'")
    _refuse_unknown(table, ("reader", "reviews"), "the message")
    items = table["reviews"]
    if not 1 <= len(items) <= MOST:
        raise PermanentError(f"'reviews' holds {len(items)} items; 1 to {MOST} are taken at once")
    reader = _text(table, "reader", "the message")
    return Posted(reader, tuple(_statement(item, f"reviews[{number}]") for number, item in enumerate(items)))


def _statement(item: Any, where: str) -> Statement:  # Any: JSON's edge
    if not isinstance(item, dict):
        raise PermanentError("it is no object", about=where)
    _refuse_unknown(item, (*_TEXTS, *_CHOICES), where)
    texts = {name: _text(item, name, where) for name in _TEXTS}
    said = {name: _choice(item, name, where) for name in _CHOICES if name in item}
    if len(said) != 1:
        raise PermanentError("it says either a 'judgement' or the right 'outcome'", about=where)
    if not (texts["finding"] or texts["tracking_uid"]):
        raise PermanentError("it names no finding: 'finding' or 'tracking_uid' is missing", about=where)
    report = texts["report_sop_instance_uid"]
    return Statement(
        judgement=Judgement(said["judgement"]) if "judgement" in said else None,
        outcome=Outcome(said["outcome"]) if "outcome" in said else None,
        tracking_uid=texts["tracking_uid"],
        finding=texts["finding"],
        plugin=texts["plugin"],
        laterality=texts["laterality"],
        references=frozenset({report} if report else ()),
    )


def _refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise PermanentError(f"unknown key; allowed: {', '.join(known)}", about=f"{where}: {unknown[0][:_LONGEST]!a}")


def _text(table: Mapping[str, Any], name: str, where: str) -> str:
    value = table.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        raise PermanentError(f"'{name}' is no text of at most {_LONGEST} characters", about=where)
    return value.strip()


def _choice(table: Mapping[str, Any], name: str, where: str) -> str:
    if table[name] not in _CHOICES[name]:
        raise PermanentError(f"'{name}' is one of {', '.join(_CHOICES[name])}", about=where)
    return str(table[name])
