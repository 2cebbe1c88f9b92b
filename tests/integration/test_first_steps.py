"""What the README says of an Orthanc that is connected both ways, done at a terminal with a real one."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.config import load
from tests.peers import Hospital, RealOrthanc, RunningNode, until
from tests.peers.ports import free_port

pytestmark = pytest.mark.integration

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
DIALOGUE = re.search(r"```console\n\$ (radnode init .*)\n((?:.*\n)*?)\$ radnode serve\n```", README)


class Terminal:
    """A command at a terminal, and what is on its screen.

    Args: answers: (beginning of a question, answer), each given once; all else is answered with Enter.
    """

    def __init__(self, *command: str, folder: Path, answers: Sequence[tuple[str, str]]) -> None:
        self.screen = ""
        own, its = pty.openpty()
        process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, cwd=folder, start_new_session=True)
        os.close(its)
        try:
            self._talk(own, list(answers))
        finally:
            os.close(own)
            self.status = process.wait(30)

    def _talk(self, own: int, answers: list[tuple[str, str]]) -> None:
        while True:
            try:
                seen = os.read(own, 4096)
            except OSError:  # EIO: the other side has ended
                return
            if not seen:
                return
            self.screen += seen.decode().replace("\r\n", "\n")
            question = self.screen.rpartition("\n")[2]
            if re.search(r"\?( \[.*\])?:? $", question):
                mine = next((one for one in answers if question.startswith(one[0])), None)
                if mine:
                    answers.remove(mine)
                os.write(own, f"{mine[1] if mine else ''}\n".encode())

    def questions(self) -> list[str]:
        return [line.partition("?")[0] for line in self.screen.splitlines() if "?" in line]


@pytest.fixture
def node(tmp_path: Path) -> RunningNode:
    """One that has no configuration yet."""
    node = RunningNode(tmp_path / "site")
    node.config.unlink()
    return node


def test_an_orthanc_is_connected_both_ways_as_the_readme_says(
    node: RunningNode, orthanc: RealOrthanc, hospital: Hospital
) -> None:
    assert DIALOGUE is not None
    answers = [("Its URL", orthanc.url), ("Its DICOM port", str(node.port)), ("Folder of all data", "data")]
    command = [sys.executable, "-m", "node", *DIALOGUE[1].split()[1:]]
    terminal = Terminal(*command, folder=node.folder, answers=answers)
    assert terminal.status == 0, terminal.screen
    assert terminal.questions() == [line.partition("?")[0] for line in DIALOGUE[2].splitlines() if "?" in line]
    assert "orthanc answers" in terminal.screen
    assert "is right: 2 routes" in node.run_cli("config", "check").stdout
    with node.config.open("a") as more:
        more.write('[worker]\nengine = "onnxruntime"\n')  # which engine is the fastest is not measured here
    with node:
        until(lambda: node.ledger.facts.position("changes of orthanc") is not None, "it has begun to follow")
        orthanc.upload(hospital.film(1))
        node.await_ended([hospital.study_uid(1)])
        assert {one["Tags"]["Modality"] for one in orthanc.results(hospital.study_uid(1))} >= {"SR"}


def test_a_wrong_answer_is_asked_for_again_and_an_archive_that_is_away_is_named(node: RunningNode) -> None:
    answers = [
        ("What is the archive", "pacs"),
        ("How do results go", "dicom"),
        ("Its port", str(free_port())),
        ("Its DICOM port", "0"),
        ("Its DICOM port", "1104"),
        ("AE titles that may", "CT1, MR1"),
    ]
    terminal = Terminal(sys.executable, "-m", "node", "init", folder=node.folder, answers=answers)
    assert terminal.status == 0, terminal.screen
    assert "'pacs' is none of plain, orthanc, dcm4chee" in terminal.screen
    assert "Input should be greater than or equal to 1" in terminal.screen
    assert "It does not answer: it cannot be reached, or does not answer" in terminal.screen
    settings = load(node.config)
    assert (settings.node.port, settings.node.allowed_calling) == (1104, ("CT1", "MR1"))
