"""Body parts that have more than one word."""

from __future__ import annotations

#: Words found in the field for a defined term of PS3.16 Annex L, where both mean the very same part. Neighbours stay
#: apart (CHEST and LUNG, BRAIN and HEAD and SKULL): whether a plugin for one suits the other is for the route to say.
SAME_PART: dict[str, str] = {
    "THORAX": "CHEST",
    "TORAX": "CHEST",
    "CRANIUM": "SKULL",
    "SCHAEDEL": "SKULL",
    "KOPF": "HEAD",
    "CAPUT": "HEAD",
    "CEREBRUM": "BRAIN",
    "GEHIRN": "BRAIN",
}


def normal_body_part(value: str) -> str:
    """The defined term for a body part; upper case."""
    word = value.strip().upper()
    return SAME_PART.get(word, word)
