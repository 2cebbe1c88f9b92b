"""`radnode doctor`: each thing that can be wrong with the machine, broken one after the other."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from node.cli import doctor
from node.cli.clocks import clock_there, own_clock
from node.config import Destination, Settings, at, frozen, load
from node.deliver import Sender, sender_for
from tests.cli.conftest import Site
from tests.peers import RealOrthanc


class Elsewhen(Sender):
    """An archive whose clock is wrong; no real one lets a test set its."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def time(self) -> float:
        return time.time() + self._ahead


def settings(folder: Path, text: str) -> Settings:
    path = folder / "radnode.toml"
    path.write_text(text)
    return load(path)


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_port_that_another_program_has_is_found_whatever_it_is_for(
    tmp_path: Path, host: str, family: socket.AddressFamily
) -> None:
    with socket.create_server((host, 0), family=family) as other:
        port = other.getsockname()[1]
        web = f"[web]\nenabled = true\nhost = '{host}'\nport = {port}\n"
        checks = list(doctor._ports(settings(tmp_path, f"[node]\nhost = '{host}'\nport = {port}\n{web}")))
    assert [(name, ok) for name, ok, _ in checks] == [(f"port {at(host, port)}", False)] * 2
    assert ["another node.port?" in checks[0][2], "another web.port?" in checks[1][2]] == [True, True]


def test_a_port_that_another_program_has_is_not_taken_for_that_of_the_node(site: Site) -> None:
    settings_ = load(site.config)
    settings_.serving_path.write_bytes(frozen(settings_))
    site.ledger.facts.beat(os.getpid())
    with socket.create_server(("127.0.0.1", settings_.node.port), reuse_port=True):
        assert [ok for _, ok, _ in doctor._ports(settings_)] == [True], "it is its own"
        site.ledger.facts.set_trouble("receiver", "it ended with exit status 1: see the log")
        assert [ok for _, ok, _ in doctor._ports(settings_)] == [False], "its receiver does not get it"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (check,) = doctor._ports(settings(site.config.parent, f"[node]\ndata_dir = '.'\nport = {port}\n"))
    assert check[1:] == (False, "cannot be used: Address already in use; another node.port?")


def test_an_address_of_another_machine_and_a_route_that_leads_nowhere_are_named(tmp_path: Path) -> None:
    text = "[node]\nhost = '192.0.2.1'\n[[routes]]\nname = 'films'\nplugin = 'no-such'\n"
    (check,) = doctor._ports(settings(tmp_path, text))
    assert check[2].endswith("another node.host?")
    name, ok, words = list(doctor._plugins(settings(tmp_path, text)))[-1]
    assert (name, ok) == ("routes", False)
    assert words.startswith("without a usable plugin: films; usable are: ")


def test_a_free_port_is_free_over_ipv6_too(tmp_path: Path) -> None:
    (check,) = doctor._ports(settings(tmp_path, "[node]\nhost = '::1'\nport = 48231\n"))
    assert check == ("port [::1]:48231", True, "free")


def test_a_damaged_ledger_is_named(site: Site) -> None:
    assert ("ledger", True) in [(name, ok) for name, ok, _ in doctor._ledger(load(site.config))]
    path = site.config.with_name("ledger.db")
    site.ledger.close()
    for ending in ("-wal", "-shm"):
        path.with_name(f"ledger.db{ending}").unlink(missing_ok=True)
    path.write_bytes(b"no ledger" * 1000)
    found = {name: (ok, words) for name, ok, words in doctor._ledger(load(site.config))}
    assert not found["ledger"][0]
    assert "damaged" in found["ledger"][1]
    assert found["clock"][0]


def test_a_clock_that_stands_before_what_is_written_already_is_wrong(tmp_path: Path) -> None:
    now = time.time()
    assert own_clock(now - 5, now)[1]
    assert own_clock(0.0, now)[2].startswith(time.strftime("%Y-%m-%d"))
    _, ok, words = own_clock(now + 7200, now)
    assert (ok, "the trail is 2 h ahead of it" in words) == (False, True)


def test_the_clock_of_an_archive_is_compared_with_ours(orthanc: RealOrthanc, tmp_path: Path) -> None:
    destination = Destination.model_validate(orthanc.destination("orthanc"))
    assert clock_there("pacs", sender_for(destination, "RADNODE")) == ("clock pacs", True, "as ours")
    assert clock_there("pacs", Elsewhen(-300)) == ("clock pacs", False, "5 min behind ours: NTP on both?")
    assert clock_there("pacs", Elsewhen(86400 * 3)) == ("clock pacs", False, "3 d ahead of ours: NTP on both?")
    assert clock_there("disk", sender_for(Destination(name="disk", kind="folder", path=tmp_path), "RADNODE")) is None


def test_what_models_run_on_is_told_and_a_gpu_that_is_not_there_is_named(tmp_path: Path) -> None:
    name, ok, words = doctor._device(settings(tmp_path, "[worker]\nprocesses = 2\nthreads = 1\n").worker)
    assert (name, ok) == ("device cpu", True)
    assert words.endswith("for 2 workers of 1 threads; engine auto")
    name, ok, words = doctor._device(settings(tmp_path, '[worker]\ndevice = "cuda:7"\n').worker)
    assert (name, ok) == ("device cuda:7", False)
    assert words.startswith("cannot be used: ")
