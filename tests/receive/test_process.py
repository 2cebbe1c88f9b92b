"""`python -m node.receive`: a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.ledger import Ledger
from tests.receive.material import film
from tests.receive.peer import P_DATA, Peer, fragment, pdu, store_command

Launch = Callable[..., tuple["subprocess.Popen[str]", int]]


@pytest.fixture
def launch(folder: Path) -> Iterator[Launch]:
    """Starts the process; returns it and its port."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, stdin: int = subprocess.DEVNULL) -> tuple[subprocess.Popen[str], int]:
        config = folder / "radnode.toml"
        config.write_text(f'[node]\nport = {_free_port()}\ndata_dir = "data"\n')
        command = [sys.executable, "-m", "node.receive", str(config), *arguments]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=log, text=True)
        running.append(process)
        assert process.stdout is not None
        word, host, port = process.stdout.readline().split()
        assert (word, host) == ("listening", "127.0.0.1")
        return process, int(port)

    yield begin
    for process in running:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_it_receives_and_ends_at_sigterm(launch: Launch, folder: Path) -> None:
    process, port = launch()
    with Peer(port).associate() as peer:
        assert peer.store(film()) == 0x0000
        peer.release()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    ledger = Ledger(folder / "data" / "ledger.db")
    [series] = ledger.studies.series("1.2.3")
    assert (folder / "data" / "spool" / series.instances[0].path).read_bytes().endswith(film())
    ledger.close()
    entries = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    assert [entry["action"] for entry in entries] == ["listening", "association accepted", "association ended"]


def test_sigterm_waits_for_an_association_that_sends(launch: Launch) -> None:
    process, port = launch()
    with Peer(port).associate() as peer:
        peer.send(store_command())
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        peer.send(pdu(P_DATA, fragment(3, film())))
        assert peer.status() == 0x0000
        peer.release()
    assert process.wait(60) == 0


def test_it_ends_with_its_lifeline(launch: Launch) -> None:
    process, _ = launch("--lifeline", stdin=subprocess.PIPE)
    assert process.poll() is None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(60) == 0


def test_without_a_lifeline_standard_input_means_nothing(launch: Launch) -> None:
    process, port = launch()
    with Peer(port).associate() as peer:
        assert peer.echo() == 0x0000
    assert process.poll() is None


def test_what_was_acknowledged_survives_a_kill(launch: Launch, folder: Path) -> None:
    process, port = launch()
    acknowledged = []
    with Peer(port).associate() as peer:
        for number in range(10):
            uid = f"1.2.3.4.{number}"
            if peer.store(film(instance=uid), uid) == 0x0000:
                acknowledged.append(uid)
        peer.send(store_command("1.2.3.4.99") + pdu(P_DATA, fragment(3, film()[:100], last=False)))
        process.kill()
        process.wait()
    ledger = Ledger(folder / "data" / "ledger.db")
    [series] = ledger.studies.series("1.2.3")
    found = {instance.sop_instance_uid: instance.path for instance in series.instances}
    ledger.close()
    assert sorted(found) == acknowledged
    assert all((folder / "data" / "spool" / path).is_file() for path in found.values())


def test_a_wrong_configuration_is_said_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "radnode.toml"
    config.write_text("[node]\nport = 0\n")
    done = subprocess.run(
        [sys.executable, "-m", "node.receive", str(config)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "radnode.toml:2" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_loads_neither_torch_nor_a_codec_and_stays_small(launch: Launch) -> None:
    process, _ = launch()
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    assert not [name for name in ("torch", "_gdcm", "_imaging", "openjpeg", "onnxruntime") if name in maps]
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":" in line
    )
    assert int(status["VmRSS"].split()[0]) < 90 * 1024


def test_the_log_of_the_process_holds_no_value_of_a_dataset_and_no_forged_line(launch: Launch, folder: Path) -> None:
    _, port = launch()
    with Peer(port).associate() as peer:
        peer.store(film({0x00100010: "CANARY^NAME"})[:-3])
        peer.store(film(instance="1.2\n{}"), "1.2\n{}")
        peer.release()
    deadline = time.monotonic() + 5
    while "association ended" not in (folder / "log").read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    text = (folder / "log").read_text()
    assert "CANARY" not in text
    assert len([json.loads(line) for line in text.splitlines()]) == 5
    assert os.linesep + "{}" not in text
