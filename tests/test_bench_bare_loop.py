"""The bare loop keeps what it acknowledges: else it would be no measuring stick."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pydicom
import pytest

from tests.bench.bare_loop import BareLoop
from tests.peers import Hospital
from tests.peers.dcmtk import storescu


@pytest.mark.integration
def test_the_bare_loop_keeps_every_dataset_and_its_row(tmp_path: Path) -> None:
    sent = {}
    for image, size in enumerate((64, 1200, 7, 65), start=1):  # one is longer than its buffer and many PDUs
        ds = Hospital(tmp_path / "hospital").image(1, image=image, modality="CT", size=size)
        path = tmp_path / f"{image}.dcm"
        ds.save_as(path, enforce_file_format=True)
        sent[path] = ds
    with BareLoop(tmp_path / "received") as loop:
        for _ in range(2):  # associations, one after the other
            done = storescu(loop.port, list(sent), called=loop.ae_title)
            assert done.taken == list(sent), done.output
    received = [pydicom.dcmread(path, force=True) for path in (tmp_path / "received").glob("*.dataset")]
    pixels = {ds.SOPInstanceUID: ds.PixelData for ds in received}
    assert pixels == {ds.SOPInstanceUID: ds.PixelData for ds in sent.values()}
    rows = sqlite3.connect(tmp_path / "received" / "rows.db").execute("SELECT sop_instance_uid FROM instance")
    assert sorted(uid for (uid,) in rows) == sorted(2 * list(pixels))
