"""The unit under systemd itself: installed as it says, started, killed, stopped, told to reload, brought up to date."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.deployment.machine import NEIGHBOURS, SOURCE, Machine, booted
from tests.deployment.wheelhouse import ROOT, house
from tests.peers import Hospital, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

UNIT = ROOT / "deploy" / "radnode.service"
CONFIG = "/etc/radnode/radnode.toml"
INSTALL = f"{SOURCE}/deploy/install.sh"
#: Those that the routes of `radnode init` name.
PLUGINS = ("chest-radiograph", "brain-tumour-mr", "ct-contrast-phase", "skin-lesion")
ROLLBACK = (("rollback", "/opt/radnode", CONFIG), "1.0")
#: A step of the ledger that only the later version knows.
LATER = ("node/ledger/steps.py", "", "\nVERSION += 1\nSTEPS[VERSION] = 'CREATE TABLE tomorrow (x TEXT)'\n")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """With version 1.0, installed and started as the unit says; tests of this file follow one another on it."""
    folder = tmp_path_factory.mktemp("systemd")
    with booted(folder / "machine") as machine:
        for version, changes in (("1.0", ()), ("1.1", (LATER,))):
            house(machine.root / "srv" / version, version, *changes, plugins=PLUGINS, neighbours=NEIGHBOURS)
        machine.run(INSTALL, "install", "/srv/1.0", "/opt/radnode")
        machine.run("bash", "-euc", f"cd {SOURCE}\n" + "\n".join(_steps()))
        yield machine


def _steps() -> list[str]:
    """What the head of the unit says to do."""
    steps = re.findall(r"^#   (.+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(steps) == 3
    return steps


def main(machine: Machine) -> int:
    return int(machine.shows("radnode", "MainPID"))


def answers(machine: Machine) -> bool:
    return "Received Echo Response (Success)" in machine.run(
        "echoscu", "-v", "-to", "2", "-aec", "RADNODE", "127.0.0.1", "11112", status=None
    )


def is_back(machine: Machine, other_than: int) -> bool:
    """Whether it serves, as another process."""
    state = machine.run("systemctl", "is-active", "radnode", status=None).strip()
    return state == "active" and main(machine) not in (0, other_than)


def test_it_is_ready_when_systemd_says_so(machine: Machine) -> None:
    assert (machine.shows("radnode", "ActiveState"), machine.shows("radnode", "StatusText")) == ("active", "serving")
    assert answers(machine)
    assert machine.run("ps", "-o", "user=", "-p", str(main(machine))).strip() == "radnode"


def test_a_study_is_answered_within_what_the_unit_allows(machine: Machine) -> None:
    film = Hospital(machine.root / "srv" / "images").film()
    machine.run("storescu", "-aec", "RADNODE", "127.0.0.1", "11112", f"/srv/images/{film.name}")
    results = machine.root / "var/lib/radnode/results"
    until(lambda: list(results.rglob("*.dcm")), lambda: machine.run("journalctl", "--no-pager", "-u", "radnode"), 60)


def test_who_is_killed_is_started_again(machine: Machine) -> None:
    killed = main(machine)
    machine.run("kill", "-KILL", str(killed))
    until(lambda: is_back(machine, killed), "it is started again")
    assert machine.shows("radnode", "NRestarts") == "1"
    assert answers(machine)


def test_who_hangs_is_ended_and_started_again(machine: Machine) -> None:
    """With a shorter time than the unit's, not to wait for a minute."""
    shorter = "mkdir -p $0 && printf '[Service]\\nWatchdogSec=4\\n' > $0/shorter.conf"
    machine.run("bash", "-c", shorter, "/run/systemd/system/radnode.service.d")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "radnode")
    hung = main(machine)
    machine.run("kill", "-STOP", str(hung))
    until(lambda: is_back(machine, hung), "it is started again")
    assert "Watchdog timeout" in machine.run("journalctl", "--no-pager", "-u", "radnode")
    assert answers(machine)


def test_it_takes_what_was_changed_and_stays_as_it_is_when_that_is_wrong(machine: Machine) -> None:
    served, path = main(machine), machine.root / CONFIG[1:]
    written = path.read_text(encoding="utf-8")
    path.write_text(written + "\nnonsense = true\n", encoding="utf-8")
    machine.run("systemctl", "reload", "radnode", status=1)
    path.write_text(written + "\n[storage]\nkeep_days = 7\n", encoding="utf-8")
    machine.run("systemctl", "reload", "radnode")
    said = machine.run("journalctl", "--no-pager", "-u", "radnode")
    assert "nonsense: unknown key" in said
    assert '"live": ["storage.keep_days"]' in said
    assert (main(machine), answers(machine)) == (served, True)


def test_it_is_brought_up_to_date_and_back(machine: Machine) -> None:
    for arguments, version in ((("upgrade", "/srv/1.1", "/opt/radnode", CONFIG), "1.1"), ROLLBACK):
        before = main(machine)
        said = machine.run(INSTALL, *arguments)
        assert f"current is {version}-" in said
        assert "starting radnode" in said
        assert is_back(machine, before)
        assert answers(machine)


def test_it_ends_in_order_and_leaves_nothing(machine: Machine) -> None:
    machine.run("systemctl", "stop", "radnode")
    assert (machine.shows("radnode", "ActiveState"), machine.shows("radnode", "Result")) == ("inactive", "success")
    assert machine.run("ps", "-u", "radnode", "-o", "pid=", status=1).strip() == ""
