"""The room as others use it: pure functions of a value, which load nothing large."""

from __future__ import annotations

import subprocess
import sys

import pytest

from node.export import FORMATS
from tests.export.material import STUDIES


def test_writing_a_text_loads_neither_dicom_nor_anything_of_fhir_or_hl7() -> None:
    code = "import sys, node.export; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pydicom", "numpy", "fhir", "hl7", "hl7apy", "pydantic", "sqlite3"} & set(done.stdout.split())


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", STUDIES)
def test_every_format_can_say_how_every_study_stands(form: str, name: str) -> None:
    text = FORMATS[form](STUDIES[name])
    assert text == FORMATS[form](STUDIES[name])
    assert "No person has verified it." in text
    assert STUDIES[name].study_instance_uid in text
