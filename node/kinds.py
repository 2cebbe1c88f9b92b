"""The kinds of result: objects and messages, which simpler one stands in for one that is refused, and profiles.

A kind is the word by which settings, ledger, file names and trail speak of an object; ``node.report`` makes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

#: Kind -> what it is, in the order in which the objects of one analysis are sent.
KINDS: Mapping[str, str] = {
    "sc": "heatmap, Secondary Capture",
    "sr": "complete report, Comprehensive 3D SR",
    "comprehensive-sr": "the same report as Comprehensive SR",
    "viewer-sr": "report that viewers draw, Comprehensive 3D SR",
    "gsps": "contours, arrows and words over the untouched image, Softcopy Presentation State",
    "seg": "places of a volume, Segmentation",
    "pm": "evidence over a volume, Parametric Map",
    "pdf": "report of one page, Encapsulated PDF",
    "ko": "list of the whole set, Key Object Selection",
}

#: Kind -> its SOP class (PS3.4 B.5); of presentation states two, for images in grey and in colour.
SOP_CLASSES: Mapping[str, tuple[str, ...]] = {
    "sc": ("1.2.840.10008.5.1.4.1.1.7",),
    "sr": ("1.2.840.10008.5.1.4.1.1.88.34",),
    "comprehensive-sr": ("1.2.840.10008.5.1.4.1.1.88.33",),
    "viewer-sr": ("1.2.840.10008.5.1.4.1.1.88.34",),
    "gsps": ("1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.11.2"),
    "seg": ("1.2.840.10008.5.1.4.1.1.66.4",),
    "pm": ("1.2.840.10008.5.1.4.1.1.30",),
    "pdf": ("1.2.840.10008.5.1.4.1.1.104.1",),
    "ko": ("1.2.840.10008.5.1.4.1.1.88.59",),
}

#: Kinds of message. They say what the report says to those who read no DICOM, and have neither series nor SOP class.
ORU, EVENT, IDENTIFIED_EVENT = "oru", "event", "identified-event"

#: Kind of message -> the kind of a notification: the same, of one critical finding alone.
CRITICAL: Mapping[str, str] = {kind: f"critical-{kind}" for kind in (ORU, EVENT, IDENTIFIED_EVENT)}

#: Kind of message -> what it is; ``node.export`` writes them.
MESSAGES: Mapping[str, str] = {
    ORU: "result message ORU^R01, HL7 v2.5.1",
    EVENT: "result as JSON, under a pseudonym",
    IDENTIFIED_EVENT: "result as JSON, with patient and order",
    **dict.fromkeys(CRITICAL.values(), "the same of one critical finding"),
}

#: What is sent in place of a kind that a destination refuses for good; the last of a chain has none.
INSTEAD: Mapping[str, str] = {
    "sr": "comprehensive-sr",
    "comprehensive-sr": "sc",
    "viewer-sr": "sc",
    "gsps": "sc",
    "seg": "sc",
    "pm": "sc",
    "pdf": "sc",
}

#: Made for every analysis, whether or not a destination asks for them.
ALWAYS = ("sc", "sr")

#: The kinds that a destination of that profile takes.
PROFILES: Mapping[str, tuple[str, ...]] = {
    "sc+sr": ("sc", "sr"),
    "sr": ("sr",),
    "ohif": ("sc", "viewer-sr", "seg", "pm"),
    "gsps": ("sc", "sr", "gsps", "ko"),
    "all": ("sc", "sr", "viewer-sr", "gsps", "seg", "pm", "pdf", "ko"),
}


def base_of(kind: str) -> str:
    """The kind of message that a notification is; else the kind itself."""
    return next((base for base, notification in CRITICAL.items() if notification == kind), kind)


def with_stand_ins(kinds: Iterable[str]) -> tuple[str, ...]:
    """These kinds and all that may have to stand in for them, in the order of :data:`KINDS`."""
    wanted = set(kinds)
    for kind in tuple(wanted):
        while (kind := INSTEAD.get(kind, "")) and kind not in wanted:
            wanted.add(kind)
    return in_order(wanted)


def in_order(kinds: Collection[str]) -> tuple[str, ...]:
    """These kinds in the order of :data:`KINDS`."""
    return tuple(kind for kind in KINDS if kind in kinds)
