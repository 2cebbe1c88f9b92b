"""What doctor says of certificates: before they end, and when files do not fit each other."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from node.certificates import lists_end, problems
from tests.peers import Pki
from tests.peers.certificates import DAY, Registry

NOW = dt.datetime.now(dt.UTC)


def test_of_files_that_fit_and_last_there_is_nothing_to_say(pki: Pki) -> None:
    assert problems(pki.node.certificate, pki.node.key, pki.ca) == []
    assert problems(None, None, pki.ca) == []
    assert problems(None, None) == []


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (59, []),
        (61, ["node.pem ends on {end}, days left: 29"]),
        (89.9, ["node.pem ends on {end}, days left: 0"]),
        (91, ["node.pem ended on {end}"]),
        (-1001, ["node.pem does not count before {begin}"]),
    ],
)
def test_an_end_is_told_a_month_before(pki: Pki, days: float, said: list[str]) -> None:
    made = pki.node.made
    dates = {"end": made.not_valid_after_utc.date(), "begin": made.not_valid_before_utc.date()}
    found = problems(pki.node.certificate, pki.node.key, now=NOW + days * DAY)
    assert found == [text.format(**dates) for text in said]


def test_the_end_of_the_authority_is_told_too(pki: Pki) -> None:
    found = problems(None, None, pki.ca, NOW + 3640 * DAY)
    assert [one.partition(" on ")[0] for one in found] == ["ca.pem ends"]


def test_of_a_bundle_the_one_that_lasts_longest_counts(pki: Pki, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(pki.expired.certificate.read_bytes() + pki.ca.read_bytes())
    assert problems(None, None, bundle) == []


def test_another_key_is_noticed(pki: Pki) -> None:
    assert problems(pki.node.certificate, pki.modality.key) == ["ct-1.key is not the key of the certificate"]


def test_a_key_that_others_can_read_is_noticed(pki: Pki, tmp_path: Path) -> None:
    key = Path(shutil.copy(pki.node.key, tmp_path / "node.key"))
    key.chmod(0o640)
    (said,) = problems(pki.node.certificate, key)
    assert said == f"node.key can be read by others: chmod 600 {key}"


def test_an_authority_of_the_same_name_that_did_not_sign_is_noticed(pki: Pki, tmp_path: Path) -> None:
    again = Registry(tmp_path)
    found = problems(pki.node.certificate, pki.node.key, again.ca)
    assert found == ["the certificate names the authority in ca, but does not come from it"]


def test_an_authority_for_clients_alone_may_be_another_one(pki: Pki) -> None:
    assert problems(pki.node.certificate, pki.node.key, pki.other.ca) == []


@pytest.mark.parametrize("number", [0, 1, 2])
def test_files_that_are_missing_or_broken_are_told_each(pki: Pki, tmp_path: Path, number: int) -> None:
    files = [pki.node.certificate, pki.node.key, pki.ca]
    files[number] = tmp_path / "gone"
    (said,) = problems(*files)
    assert "gone" in said
    (tmp_path / "gone").write_text("nonsense")
    (said,) = problems(*files)
    assert "this is no" in said


def test_a_key_of_a_kind_that_no_suite_uses_is_noticed(pki: Pki, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = tmp_path / "odd.key"
    made = Ed25519PrivateKey.generate()
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (said,) = problems(pki.node.certificate, key)
    assert "neither an RSA nor an elliptic curve key" in said


@pytest.mark.parametrize(
    ("days", "said"),
    [(30, ""), (1, "put its successor there"), (-1, "ended on"), (None, "this is no revocation list as PEM")],
)
def test_a_revocation_list_that_ends_or_cannot_be_read_is_told(tmp_path: Path, days: float | None, said: str) -> None:
    registry = Registry(tmp_path)
    crl = registry.ca if days is None else registry.revoked(days=days)
    found = problems(None, None, registry.ca, crl=crl)
    assert len(found) == bool(said)
    assert said in "".join(found)
    assert lists_end(crl) == pytest.approx(
        0 if days is None else (dt.datetime.now(dt.UTC) + days * DAY).timestamp(), abs=60
    )


def test_an_authority_without_a_list_is_named(pki: Pki, tmp_path: Path) -> None:
    (said,) = problems(None, None, pki.ca, crl=Registry(tmp_path, "Elsewhere").revoked())
    assert said.startswith("crl.pem has no revocation list of CN=")
