"""What is proposed for the objects of a study that is to come back over an association of ours (PS3.4 C.5.3).

There is room for 128 presentation contexts (PS3.8 9.3.2.2), each of one SOP class in one transfer syntax, so that an
archive can send each object as it lies there. With the SOP classes of the study known, that is room for every usual
transfer syntax of seven of them, or for 63 without compression; else the commonest classes are proposed.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.uid import ExplicitVRLittleEndian

from node.deliver.contexts import MOST_CONTEXTS

#: Explicit VR Little Endian, for which Implicit is proposed as well, is before all of them.
_PLAIN = str(ExplicitVRLittleEndian)
#: Compressed objects, the commonest first: JPEG, JPEG-LS, JPEG 2000, RLE, HTJ2K, deflated, JPEG XL, MPEG.
_COMPRESSED = (
    *("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"),
    *("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.57"),
    *("1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"),
    *("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112"),
    *("1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.103", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.2"),
)
_STORAGE = "1.2.840.10008.5.1.4.1.1"
#: The SOP classes of archives that do not tell them, by what follows the root of Storage: images, then the rest.
_COMMON = tuple(
    f"{_STORAGE}.{end}"
    for end in (
        *(
            "1",
            "1.1",
            "1.1.1",
            "1.2",
            "1.2.1",
            "1.3",
            "1.3.1",
            "2",
            "2.1",
            "2.2",
            "3.1",
            "4",
            "4.1",
            "4.2",
            "4.3",
            "4.4",
        ),
        *("6.1", "6.2", "7", "7.1", "7.2", "7.3", "7.4", "12.1", "12.1.1", "12.2", "12.2.1", "13.1.1", "13.1.2"),
        *("13.1.3", "14.1", "14.2", "20", "30", "66", "66.4", "77.1.1", "77.1.1.1", "77.1.2", "77.1.3", "77.1.4"),
        *("77.1.4.1", "77.1.5.1", "77.1.5.2", "77.1.5.4", "77.1.6", "128", "130", "11.1", "11.2", "88.11", "88.22"),
        *("88.33", "88.34", "88.50", "88.59", "88.65", "88.67", "104.1", "481.1", "481.2", "481.3", "481.5"),
    )
)


def contexts_of(classes: Sequence[str]) -> list[tuple[str, str]]:
    """(SOP class, transfer syntax) to be proposed beside the service itself. Args: classes: known; none: the usual."""
    room = MOST_CONTEXTS - 2
    plain = [(one, _PLAIN) for one in (classes or _COMMON)[: room // 2]]
    compressed = [(one, syntax) for syntax in _COMPRESSED for one, _ in plain]
    return [*plain, *compressed[: room - 2 * len(plain)]]
