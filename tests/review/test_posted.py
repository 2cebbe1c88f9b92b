"""A review as JSON: what is taken, and what is said of what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.claims import Outcome
from node.errors import PermanentError
from node.review import read_posted
from node.review.posted import MOST
from node.reviews import Judgement, Statement

ITEM = {"finding": "pneumonia", "judgement": "accepted"}


def posted(*items: Any, **more: Any) -> bytes:
    return json.dumps({"reviews": list(items), **more}).encode()


def test_a_message_is_read() -> None:
    more = {"finding": "effusion", "plugin": "chest", "outcome": "absent", "report_sop_instance_uid": "2.25.1"}
    found = read_posted(posted(ITEM, more | {"laterality": "L"}, reader=" reader-7 "))
    assert found.reader == "reader-7"
    assert found.statements == (
        Statement(judgement=Judgement.ACCEPTED, finding="pneumonia"),
        Statement(
            outcome=Outcome.ABSENT,
            finding="effusion",
            plugin="chest",
            laterality="L",
            references=frozenset({"2.25.1"}),
        ),
    )


def test_a_tracking_uid_is_enough() -> None:
    (one,) = read_posted(posted({"tracking_uid": "2.25.9", "judgement": "rejected"})).statements
    assert (one.tracking_uid, one.finding, one.judgement) == ("2.25.9", "", Judgement.REJECTED)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no object with a list 'reviews'"),
        (b'{"reviews": {}}', "no object with a list 'reviews'"),
        (posted(), "'reviews' holds 0 items"),
        (posted(*[ITEM] * (MOST + 1)), f"holds {MOST + 1} items; 1 to {MOST}"),
        (posted(ITEM, reader=7), "'reader' is no text of at most 64 characters [the message]"),
        (posted(ITEM, reader="a\nb"), "'reader' is no text"),
        (posted(ITEM, who="me"), "unknown key; allowed: reader, reviews [the message: 'who']"),
        (posted("accepted"), "it is no object [reviews[0]]"),
        (posted(ITEM, ITEM | {"verdict": 1}), "unknown key; allowed: finding,"),
        (posted({"finding": "x"}), "either a 'judgement' or the right 'outcome' [reviews[0]]"),
        (posted(ITEM | {"outcome": "absent"}), "either a 'judgement' or the right 'outcome'"),
        (posted({"judgement": "accepted"}), "names no finding"),
        (posted(ITEM | {"judgement": "corrected"}), "'judgement' is one of accepted, rejected [reviews[0]]"),
        (posted({"finding": "x", "outcome": ["present"]}), "'outcome' is one of present, absent, undetermined"),
        (posted(ITEM | {"finding": "x" * 65}), "'finding' is no text of at most 64 characters"),
        (posted(ITEM | {"plugin": None}), "'plugin' is no text"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(data: bytes, what: str) -> None:
    with pytest.raises(PermanentError) as caught:
        read_posted(data)
    assert what in str(caught.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["finding", "judgement", "outcome", "plugin", "x"]), _JSON))
def test_nothing_else_is_raised(item: dict[str, Any]) -> None:
    try:
        read_posted(posted(item))
    except PermanentError:
        return
    assert item["finding"].strip()
