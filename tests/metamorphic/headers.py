"""The same pixels of other people: what is no image must not move a score."""

from __future__ import annotations

from pydicom.dataset import Dataset

from tests.metamorphic.film import Film, Form

_LONG = "Wolfeschlegelsteinhausenbergerdorff" * 2


def _named(charsets: list[str], name: str) -> Form:
    def write(film: Film) -> Dataset:
        return film.written(SpecificCharacterSet=charsets, PatientName=name, StudyDescription=name.split("=")[-1])

    return Form(f"name in {charsets[-1]}", write)


def _private(film: Film) -> Dataset:
    """Private elements of several makers, one of them a sequence, one of them long (PS3.5 7.8)."""
    ds = film.written(Manufacturer="Other maker", ManufacturerModelName="Model 7", SoftwareVersions=["1", "2"])
    inner = Dataset()
    inner.private_block(0x0019, "OTHER MAKER", create=True).add_new(0x01, "LO", "window 40 80")
    block = ds.private_block(0x0029, "OTHER MAKER HEADER", create=True)
    block.add_new(0x08, "CS", "IMAGE NUM 4")
    block.add_new(0x10, "OB", bytes(range(256)) * 64)
    block.add_new(0x20, "SQ", [inner])
    ds.private_block(0x0009, "SECOND MAKER", create=True).add_new(0x02, "DS", ["1", "2"])
    return ds


def _long_texts(film: Film) -> Dataset:
    return film.written(
        PatientName=f"{_LONG[:40]}^{_LONG[:9]}^^Prof. Dr.^MD",
        PatientID=_LONG[:64],
        StudyDescription=_LONG[:64],
        SeriesDescription=_LONG[:64],
        PatientComments=_LONG * 100,
        OtherPatientNames=[f"{_LONG[:60]}^{number}" for number in range(20)],
    )


def _another_patient(film: Film) -> Dataset:
    return film.written(
        PatientID="0815", PatientBirthDate="19010101", PatientSex="O", StudyDate="19991231", AccessionNumber="A-1"
    )


FORMS: tuple[Form, ...] = (
    Form("private elements", _private),
    Form("long texts", _long_texts),
    Form("another patient", _another_patient),
    _named(["ISO_IR 192"], "Müller^Žofie^^=山田^太郎=やまだ^たろう"),
    _named(["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    _named(["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    _named(["ISO_IR 144"], "Люкceмбypг"),
    _named(["GB18030"], "Wang^XiaoDong=王^小东="),
    _named(["ISO_IR 6"], "Plain^Name"),
)
