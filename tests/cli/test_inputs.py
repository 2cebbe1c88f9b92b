"""What doctor says of watched folders."""

from __future__ import annotations

from pathlib import Path

from node.cli import doctor
from node.config import Settings, WatchedFolder


def test_the_doctor_says_whether_a_watched_folder_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    names = {"HERE": tmp_path, "GONE": tmp_path / "gone", "FILE": tmp_path / "file"}
    settings = Settings(inputs=tuple(WatchedFolder(name=name, path=path) for name, path in names.items()))
    assert list(doctor._inputs(settings)) == [
        ("input HERE", True, f"{tmp_path} is watched"),
        ("input GONE", False, f"{tmp_path}/gone is no folder"),
        ("input FILE", False, f"{tmp_path}/file is no folder"),
    ]
