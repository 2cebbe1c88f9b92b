"""Who may associate, and for what: by AE title, address and certificate."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.config import OPERATIONS, PeerRule
from node.receive.admission import ANYBODY, Admission, Permit, Visitor
from node.tls import Certificate

CT = Certificate("CN=ct-1,O=Hospital", "ab" * 32)


def rule(name: str = "one", **conditions: Any) -> PeerRule:
    return PeerRule(name=name, **conditions)


def visitor(calling_ae: str = "CT1", address: str = "10.1.2.3", certificate: Certificate | None = None) -> Visitor:
    return Visitor(calling_ae, address, certificate)


def admits(conditions: dict[str, Any], who: Visitor) -> bool:
    return Admission([rule(**conditions)]).admit(who) is not None


@given(st.text(max_size=16), st.ip_addresses())
def test_without_rules_anybody_may_do_everything(calling_ae: str, address: object) -> None:
    assert Admission([]).admit(visitor(calling_ae, str(address))) == ANYBODY
    assert frozenset(OPERATIONS) == ANYBODY.may


@pytest.mark.parametrize(
    ("pattern", "calling_ae", "fits"),
    [
        ("*", "ANYTHING", True),
        ("CT1", "CT1", True),
        ("CT1", "CT11", False),
        ("CT1", "ct1", False),  # PS3.5 6.2: AE titles are case-sensitive
        ("CT?", "CT1", True),
        ("CT?", "CT12", False),
        ("CT*", "CT_EAST_2", True),
        (" CT1 ", "CT1", True),  # PS3.5 6.2: leading and trailing spaces mean nothing
        ("CT[12]", "CT1", True),
    ],
)
def test_ae_titles(pattern: str, calling_ae: str, fits: bool) -> None:
    assert admits({"ae_title": pattern}, visitor(calling_ae)) is fits


@pytest.mark.parametrize(
    ("addresses", "address", "fits"),
    [
        ((), "203.0.113.9", True),
        (("10.1.2.3",), "10.1.2.3", True),
        (("10.1.2.3",), "10.1.2.4", False),
        (("10.1.0.0/16",), "10.1.255.255", True),
        (("10.1.0.0/16",), "10.2.0.0", False),
        (("10.1.2.3/16",), "10.1.9.9", True),  # the host bits are passed over
        (("192.0.2.1", "10.0.0.0/8"), "10.9.9.9", True),
        (("fd00::/8",), "fd12::1", True),
        (("fd00::/8",), "10.1.2.3", False),
        (("10.1.0.0/16",), "::ffff:10.1.2.3", True),  # IPv4 over an IPv6 socket
        (("10.1.0.0/16",), "fd12::1", False),
        (("fe80::/10",), "fe80::1%eth0", True),
    ],
)
def test_addresses(addresses: tuple[str, ...], address: str, fits: bool) -> None:
    assert admits({"addresses": addresses}, visitor(address=address)) is fits


@pytest.mark.parametrize(
    ("conditions", "shown", "fits"),
    [
        ({"certificate_fingerprints": ("ab" * 32,)}, CT, True),
        ({"certificate_fingerprints": (":".join(["AB"] * 32),)}, CT, True),
        ({"certificate_fingerprints": ("cd" * 32, "ab" * 32)}, CT, True),
        ({"certificate_fingerprints": ("cd" * 32,)}, CT, False),
        ({"certificate_fingerprints": ("ab" * 32,)}, None, False),
        ({"certificate_subjects": ("CN=ct-1,O=Hospital",)}, CT, True),
        ({"certificate_subjects": ("CN=ct-1",)}, CT, False),
        ({"certificate_subjects": ("CN=ct-1,O=Hospital",)}, None, False),
        ({"certificate_subjects": ("CN=ct-1,O=Hospital",), "certificate_fingerprints": ("cd" * 32,)}, CT, False),
        ({}, CT, True),
    ],
)
def test_certificates(conditions: dict[str, Any], shown: Certificate | None, fits: bool) -> None:
    assert admits(conditions, visitor(certificate=shown)) is fits


def test_every_condition_that_is_given_must_hold() -> None:
    conditions = {"ae_title": "CT1", "addresses": ("10.1.0.0/16",), "certificate_subjects": (CT.subject,)}
    assert admits(conditions, visitor("CT1", "10.1.2.3", CT))
    assert not admits(conditions, visitor("CT2", "10.1.2.3", CT))
    assert not admits(conditions, visitor("CT1", "10.2.2.3", CT))
    assert not admits(conditions, visitor("CT1", "10.1.2.3", None))


def test_the_first_that_fits_counts() -> None:
    rules = [rule("monitor", ae_title="PING", may=("echo",)), rule("all", may=("store", "echo"))]
    admission = Admission(rules)
    assert admission.admit(visitor("PING")) == Permit("monitor", frozenset({"echo"}))
    assert admission.admit(visitor("CT1")) == Permit("all", frozenset({"store", "echo"}))


def test_who_fits_none_is_not_known() -> None:
    assert Admission([rule(ae_title="CT1"), rule("two", ae_title="MR1")]).admit(visitor("XA1")) is None
