"""The syslog header (RFC 5424) and its frame (RFC 5425)."""

from __future__ import annotations

import os
import re

import pytest

from node.audit import syslog
from tests.audit.listener import parsed

_XML = "<AuditMessage>é</AuditMessage>"


def test_the_header_is_that_of_the_transaction() -> None:
    told = syslog.record(_XML, 1_700_000_000.5)
    assert told.startswith(b"<85>1 2023-11-14T22:13:20.500000Z ")
    assert f" radnode {os.getpid()} IHE+RFC-3881 - ".encode() in told
    assert told.endswith(b"\xef\xbb\xbf" + _XML.encode())


def test_an_alert_is_a_warning() -> None:
    assert syslog.record(_XML, 0, syslog.WARNING).startswith(b"<84>1 ")


def test_a_frame_counts_bytes_not_letters() -> None:
    assert syslog.framed("é".encode()) == b"2 \xc3\xa9"


@pytest.mark.parametrize(("name", "shown"), [("host-1", b"host-1"), ("", b"-"), ("ho st\n", b"host"), ("é", b"-")])
def test_any_host_name_makes_a_header(monkeypatch: pytest.MonkeyPatch, name: str, shown: bytes) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: name)
    assert re.match(rb"<85>1 \S+ " + shown + rb" radnode ", syslog.record(_XML, 0))


def test_the_reader_of_the_tests_refuses_what_is_no_message() -> None:
    with pytest.raises(AssertionError):
        parsed(b"Jan 1 00:00:00 host old style")
