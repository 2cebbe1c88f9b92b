"""What is wrong with the files of a certificate, or soon will be, before a peer finds out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes

from node.certificates.description import days_left
from node.certificates.files import read_certificates, read_key, read_lists
from node.errors import ConfigError

#: Time enough to get another one from whoever makes them.
WARNING_DAYS = 30
#: Lists last a week or a month; their successors come by themselves where somebody has seen to it.
LIST_DAYS = 2
_OTHERS = 0o077


def problems(
    certificate: Path | None,
    key: Path | None,
    ca: Path | None = None,
    now: dt.datetime | None = None,
    *,
    crl: Path | None = None,
) -> list[str]:
    """What to do something about, one sentence each; none: all is well. Files that are not given are not looked at."""
    moment = now or dt.datetime.now(dt.UTC)
    found: list[str] = []
    own = _certificates(certificate, found)
    authorities = _certificates(ca, found)
    if certificate is not None and own:
        found += _of_time(certificate, own[0], moment)
    if key is not None:
        found += _of_key(key, own)
    if ca is not None and authorities:  # of a bundle some have always ended
        found += _of_time(ca, max(authorities, key=lambda one: one.not_valid_after_utc), moment)
    if own and authorities:
        found += _of_issuer(own, authorities)
    if crl is not None and authorities:
        found += _of_lists(crl, authorities, moment)
    return found


def _certificates(path: Path | None, found: list[str]) -> list[x509.Certificate]:
    """Of a file; what cannot be read becomes a problem."""
    try:
        return [] if path is None else read_certificates(path)
    except ConfigError as error:
        found.append(str(error))
        return []


def _of_time(path: Path, certificate: x509.Certificate, now: dt.datetime) -> Iterator[str]:
    left = days_left(certificate, now)
    ends = certificate.not_valid_after_utc.date()
    if certificate.not_valid_before_utc > now:
        yield f"{path.name} does not count before {certificate.not_valid_before_utc.date()}"
    if left < 0:
        yield f"{path.name} ended on {ends}"
    elif left < WARNING_DAYS:
        yield f"{path.name} ends on {ends}, days left: {left:.0f}"


def _of_key(path: Path, own: list[x509.Certificate]) -> Iterator[str]:
    try:
        key = read_key(path)
    except ConfigError as error:
        yield str(error)
        return
    if own and own[0].public_key() != key.public_key():
        yield f"{path.name} is not the key of the certificate"
    if path.stat().st_mode & _OTHERS:
        yield f"{path.name} can be read by others: chmod 600 {path}"


def _of_issuer(own: list[x509.Certificate], authorities: list[x509.Certificate]) -> Iterator[str]:
    """Only where the authority is named: the node's certificate may come from another one than its clients'."""
    last = own[-1]
    named = [authority for authority in authorities if authority.subject == last.issuer]
    if named and not any(_is_issued_by(last, authority) for authority in named):
        yield "the certificate names the authority in ca, but does not come from it"


def _of_lists(path: Path, authorities: list[x509.Certificate], now: dt.datetime) -> Iterator[str]:
    """While a list is missing, or none of its authority's is in force, nobody gets in."""
    try:
        lists = read_lists(path)
    except ConfigError as error:
        yield str(error)
        return
    for authority in authorities:
        who = authority.subject.rfc4514_string()
        ends = [one.next_update_utc for one in lists if _is_of(one, authority)]
        if not ends:
            yield f"{path.name} has no revocation list of {who}: nobody with a certificate of that one gets in"
            continue
        last = max((one for one in ends if one is not None), default=now + dt.timedelta(days=LIST_DAYS))
        left = (last - now) / dt.timedelta(days=1)
        if left < 0:
            yield f"{path.name}: the revocation list of {who} ended on {last.date()}, and nobody of that one gets in"
        elif left < LIST_DAYS:
            yield f"{path.name}: the revocation list of {who} ends on {last.date()}: put its successor there"


def _is_of(one: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return one.is_signature_valid(cast(CertificateIssuerPublicKeyTypes, authority.public_key()))
    except (TypeError, ValueError):  # a key that signs no lists
        return False


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
