"""What an archive was asked for, as an audit message holds it: a dataset (PS3.15 A.5.3.10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from node.audit.codes import SOP_CLASS_UID
from node.audit.message import Thing

#: Study Root Query/Retrieve Information Model - FIND; Explicit VR Little Endian.
_FIND, _SYNTAX = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.1.2.1"


def query(keys: Mapping[str, str], withheld: Sequence[str]) -> Thing:
    """As participant object (role 3: report).

    Args:
        keys: values that were asked for, by keyword.
        withheld: keywords of those that are not known here, since they are of a patient.
    """
    details = {"TransferSyntax": _SYNTAX} | ({"WithheldKeys": ", ".join(withheld)} if withheld else {})
    return Thing(_FIND, SOP_CLASS_UID, role="3", details=details, query=_encoded(keys))


def _encoded(keys: Mapping[str, str]) -> bytes:
    from pydicom.dataset import Dataset  # here: a node that sends no such message needs none of it for this
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_dataset(stream, ds)
    return bytes(stream.getvalue())
