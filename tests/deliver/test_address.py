"""Destinations as typed on the command line."""

from __future__ import annotations

import pytest

from node.config import Destination
from node.deliver import destination_for
from node.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "host", "port", "ae_title"),
    [
        ("127.0.0.1:4242/ORTHANC", "127.0.0.1", 4242, "ORTHANC"),
        ("pacs.example.org:104/MY PACS", "pacs.example.org", 104, "MY PACS"),
        ("[::1]:104/A", "::1", 104, "A"),
        ("h:104/A/B", "h", 104, "A/B"),
    ],
)
def test_an_address_names_host_port_and_ae_title(text: str, host: str, port: int, ae_title: str) -> None:
    destination = destination_for(text)
    assert (destination.kind, destination.host, destination.port, destination.ae_title) == (
        "dicom",
        host,
        port,
        ae_title,
    )


def test_a_configured_name_goes_first() -> None:
    pacs = Destination(name="pacs", kind="dicom", ae_title="PACS")
    assert destination_for("pacs", [pacs]) is pacs


@pytest.mark.parametrize("text", ["", "pacs", "host:104", "host/AE", "host:x/AE", ":104/AE", "host:104/"])
def test_what_is_no_address_is_answered_with_an_example(text: str) -> None:
    pacs = Destination(name="ward", kind="dicom", ae_title="PACS")
    with pytest.raises(ConfigError, match=r"this is no destination.* 127\.0\.0\.1:4242/ORTHANC or one of ward"):
        destination_for(text, [pacs])


@pytest.mark.parametrize(
    ("text", "key"), [("host:99999/AE", "port"), ("host:0/AE", "port"), ("host:104/" + "A" * 17, "ae_title")]
)
def test_an_address_out_of_range_names_what_is_wrong(text: str, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        destination_for(text)
