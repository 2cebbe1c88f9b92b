"""Rows 35 and 37: UIDs and texts that want to be a path, a command, a query, a page or a log line; character sets."""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults.bad_files import (
    CHARSET,
    PATIENT_ID,
    PATIENT_NAME,
    SERIES,
    SOP_INSTANCE,
    STUDY,
    BadFile,
    Maker,
    P,
    Q,
    R,
    uid_element,
)
from tests.peers import Hospital
from tests.receive.material import element

SCRIPT = "<script>alert(1)</script>"
#: What a forged line of a log would begin with.
FORGED = "FORGED-LINE"
_TEXTS = (
    f"{SCRIPT}",
    "F1'; DROP TABLE studies;--",
    "%s%n{0.__class__}${jndi:ldap://x}",
    f"F1\n{FORGED} everything is fine",
    "F1\x1b[2J\x1b]0;own\x07",
)
_SHOWN = (0x00080070, 0x0008103E, 0x00081030, 0x00081090, 0x00181030)  # what a page may show of a study


def injections(hospital: Hospital, escape: str) -> list[BadFile]:
    """35. Args: escape: the name of a file that must never come to be, relative to any folder."""
    maker = Maker(hospital)
    uids = (
        f"../../../../../../../../tmp/{escape}",
        f"/tmp/{escape}",  # noqa: S108  # where it would be seen
        f"..\\..\\{escape}",
        f"1.2.3\0../{escape}",
        f"1.2.3\n{FORGED}",
        f"1.2.3;touch /tmp/{escape};`touch {escape}`",
        f"$(touch /tmp/{escape})",
        "1.2.3' OR '1'='1",
        "1.2.*",
        SCRIPT,
        "\x1b[2J1.2.3",
    )
    for uid in uids:
        raw = {SOP_INSTANCE: uid_element(SOP_INSTANCE, uid)}
        maker.add(f"SOP Instance UID {uid!r}", Q | R, raw=raw, instance=uid)
    for tag, word in ((STUDY, "Study"), (SERIES, "Series")):
        for uid in (f"../../{escape}", f"/etc/{escape}", SCRIPT):
            maker.add(f"{word} Instance UID {uid!r}", Q | R, raw={tag: uid_element(tag, uid)}, study="")
    for text in _TEXTS:
        raw = {tag: element(tag, "LO", text.encode()) for tag in (PATIENT_ID, *_SHOWN)}
        maker.add(f"text {text!r}", P | Q, raw=raw)
    return maker.files


@dataclass(frozen=True)
class Name:
    """A Patient's Name in a character set. `read`: what it means; empty: nobody can say."""

    charset: str
    encoded: bytes
    read: str = ""


_JIS, _ASCII = b"\x1b$B", b"\x1b(B"
NAMES = {
    "Latin-1": Name("ISO_IR 100", "Müller^Jörg".encode("latin-1"), "Müller^Jörg"),
    "Cyrillic": Name("ISO_IR 144", "Люкceмбypг^Иван".encode("iso8859-5"), "Люкceмбypг^Иван"),
    "GB18030": Name("GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
    "UTF-8": Name("ISO_IR 192", "Wang^XiaoDong=王^小東".encode(), "Wang^XiaoDong=王^小東"),
    "ISO 2022 IR 87": Name(
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou="
        + b"^".join(_JIS + text.encode("iso2022_jp")[3:-3] + _ASCII for text in ("山田", "太郎"))
        + b"="
        + b"^".join(_JIS + text.encode("iso2022_jp")[3:-3] + _ASCII for text in ("やまだ", "たろう")),
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "ISO 2022 IR 149": Name(
        "\\ISO 2022 IR 149",
        b"Hong^Gildong="
        + b"^".join(b"\x1b$)C" + text.encode("euc_kr") for text in ("洪", "吉洞"))
        + b"="
        + b"^".join(b"\x1b$)C" + text.encode("euc_kr") for text in ("홍", "길동")),
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "one that does not exist": Name("ISO_IR 999", b"Fault^Test", "Fault^Test"),
    "bytes that are not UTF-8": Name("ISO_IR 192", b"F\xff\xfe\x80t^Te\xc3\x28"),
    "an escape sequence of nobody": Name("\\ISO 2022 IR 87", b"Fault\x1b$Zabc^Test"),
}


def names(hospital: Hospital) -> dict[str, tuple[BadFile, Name]]:
    """37: by what is special of each; all may be processed, those that cannot be read may be set aside."""
    maker, found = Maker(hospital), {}
    for word, name in NAMES.items():
        raw = {CHARSET: element(CHARSET, "CS", name.charset), PATIENT_NAME: element(PATIENT_NAME, "PN", name.encoded)}
        maker.add(word, P if name.read else P | Q, raw=raw)
        found[word] = (maker.files[-1], name)
    return found
