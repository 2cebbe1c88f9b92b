"""Who may associate, and for what: the `[[peers]]` of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from node.config import OPERATIONS, PeerRule
from node.tls import Certificate


@dataclass(frozen=True)
class Visitor:
    """Somebody who asks for an association. `certificate`: verified; None: none was shown, or there is no TLS."""

    calling_ae: str
    address: str
    certificate: Certificate | None = None


@dataclass(frozen=True)
class Permit:
    """What somebody may do. `peer`: the name of the rule that says so."""

    peer: str
    may: frozenset[str]


ANYBODY = Permit("", frozenset(OPERATIONS))


class Admission:
    """Decides by rules, in their order. Args: rules: none: anybody may do everything."""

    def __init__(self, rules: Sequence[PeerRule]) -> None:
        self._rules = [(rule, _Test(rule), Permit(rule.name, frozenset(rule.may))) for rule in rules]

    def admit(self, visitor: Visitor) -> Permit | None:
        """What this visitor may do; None: it is not known here."""
        if not self._rules:
            return ANYBODY
        return next((permit for _, test, permit in self._rules if test.fits(visitor)), None)


class _Test:
    """Whether a visitor is the peer of a rule."""

    def __init__(self, rule: PeerRule) -> None:
        self._rule = rule
        self._title = rule.ae_title.strip()
        self._networks = [ip_network(text, strict=False) for text in rule.addresses]

    def fits(self, visitor: Visitor) -> bool:
        """Every condition that is given holds."""
        if not fnmatchcase(visitor.calling_ae, self._title):
            return False
        return self._is_from_there(visitor.address) and self._has_shown(visitor.certificate)

    def _is_from_there(self, text: str) -> bool:
        if not self._networks:
            return True
        address = _plain(text)
        return any(address.version == network.version and address in network for network in self._networks)

    def _has_shown(self, certificate: Certificate | None) -> bool:
        rule = self._rule
        if not rule.needs_certificate:
            return True
        if certificate is None:
            return False
        if rule.certificate_fingerprints and certificate.fingerprint not in rule.certificate_fingerprints:
            return False
        return not rule.certificate_subjects or certificate.subject in rule.certificate_subjects


def _plain(text: str) -> IPv4Address | IPv6Address:
    """An address; an IPv4 one that came over an IPv6 socket (::ffff:10.0.0.1) as itself."""
    address = ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address
