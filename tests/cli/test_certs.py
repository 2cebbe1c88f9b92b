"""`radnode certs`, and what doctor says of certificates."""

from __future__ import annotations

import json
import os
import shutil
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner, Result

from node import config
from node.certificates import describe, problems
from node.cli.app import app
from node.errors import ConfigError, RadnodeError
from node.tls import server_context
from tests.peers import Pki


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> RadnodeError:
    error = run(*arguments).exception
    assert isinstance(error, RadnodeError), error
    return error


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration after `certs init` and `certs issue`: made once, since keys take their time."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "radnode.toml").write_text("[tls]\nenabled = true\n")
    done = run("certs", "init", "--name", "node.example", "--name", "127.0.0.1", "-c", folder / "radnode.toml")
    assert done.exit_code == 0, done.output
    assert "keep it apart" in done.output
    done = run("certs", "issue", "ct-1", "-c", folder / "radnode.toml")
    assert done.exit_code == 0, done.output
    assert f"for the peer: {folder}/certs/ct-1.pem and {folder}/certs/ct-1.key" in done.output
    return folder


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Path:
    """A configuration with certificates that a test may change."""
    shutil.copytree(made, tmp_path / "site")
    return tmp_path / "site" / "radnode.toml"


def test_init_makes_what_tls_needs_where_the_configuration_says(made: Path) -> None:
    tls = config.load(made / "radnode.toml").tls
    assert problems(tls.certificate, tls.key, tls.ca) == []
    server_context(tls.certificate, tls.key, tls.ca, require_client_certificate=True)
    found = sorted((one.name, oct(one.stat().st_mode & 0o777)) for one in (made / "certs").iterdir())
    private, public = "0o600", "0o644"
    names = ["ca.key", "ca.pem", "ct-1.key", "ct-1.pem", "node.key", "node.pem"]
    assert found == [(name, private if name.endswith("key") else public) for name in names]
    assert (made / "certs").stat().st_mode & 0o777 == 0o700
    assert describe(tls.certificate)[0].names == ("node.example", "127.0.0.1")


def test_without_names_it_is_this_machine(tmp_path: Path) -> None:
    (tmp_path / "radnode.toml").write_text('[node]\nhost = "192.0.2.7"\n')
    assert run("certs", "init", "--days", 10, "-c", tmp_path / "radnode.toml").exit_code == 0
    names = describe(tmp_path / "certs" / "node.pem")[0].names
    assert names[-3:] == ("192.0.2.7", "localhost", "127.0.0.1")


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "node.pem", "node.key"])
def test_init_writes_over_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "radnode.toml").write_text("")
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / name).write_text("mine")
    error = refusal("certs", "init", "-c", tmp_path / "radnode.toml")
    assert isinstance(error, ConfigError)
    assert error.about == str(tmp_path / "certs" / name)
    assert [(one.name, one.read_text()) for one in (tmp_path / "certs").iterdir()] == [(name, "mine")]


def test_a_peer_with_an_issued_certificate_is_let_in(site: Path) -> None:
    tls = config.load(site).tls
    peer = site.parent / "certs" / "ct-1.pem"
    caller = ssl.create_default_context(cafile=str(tls.ca))
    caller.load_cert_chain(peer, peer.with_suffix(".key"))
    assert describe(peer)[0].subject == "CN=ct-1"


@pytest.mark.parametrize("name", ["../ct", "", "a/b", ".hidden", "x" * 65])
def test_a_peer_is_named_like_a_file(site: Path, name: str) -> None:
    assert run("certs", "issue", name, "-c", site).exit_code != 0
    assert len(list((site.parent / "certs").iterdir())) == 6


def test_a_peer_is_issued_one_certificate(site: Path) -> None:
    assert "there is a file already" in str(refusal("certs", "issue", "ct-1", "-c", site))


def test_show_prints_what_a_configuration_needs(site: Path) -> None:
    text, (node, ca) = run("certs", "show", "-c", site).output, describe_all(site)
    for words in (node.subject, ", ".join(node.names), node.fingerprint, ca.fingerprint):
        assert words in text
    found = json.loads(run("certs", "show", site.parent / "certs" / "ct-1.pem", "--json", "-c", site).output)
    assert [one["subject"] for one in found] == ["CN=ct-1"]
    assert len(found[0]["fingerprint"]) == 64


def describe_all(site: Path) -> list[object]:
    folder = site.parent / "certs"
    return [*describe(folder / "node.pem"), *describe(folder / "ca.pem")]


@pytest.mark.parametrize("which", ["node", "ct-1"])
def test_renew_replaces_a_certificate_and_nothing_else(site: Path, which: str) -> None:
    folder = site.parent / "certs"
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    certificate = folder / f"{which}.pem"
    arguments = [] if which == "node" else [certificate]
    done = run("certs", "renew", *arguments, "--days", 30, "-c", site)
    assert "its fingerprint is another one now" in done.output
    after = {one.name: one.read_bytes() for one in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {certificate.name}
    assert before.keys() == after.keys()
    assert problems(certificate, certificate.with_suffix(".key"), folder / "ca.pem") != [], "it ends within a month"


def test_a_revoked_peer_is_refused_and_others_are_not(site: Path) -> None:
    folder = site.parent / "certs"
    run("certs", "issue", "ct-2", "-c", site)
    done = run("certs", "revoke", folder / "ct-1.pem", "-c", site)
    assert f'set crl = "{folder / "crl.pem"}"' in done.output
    site.write_text(site.read_text() + '\ncrl = "certs/crl.pem"\n')
    assert "was revoked already" in run("certs", "revoke", folder / "ct-1.pem", "-c", site).output
    run("certs", "revoke", folder / "node.pem", "-c", site)
    tls = config.load(site).tls
    assert tls.crl == folder / "crl.pem"
    assert problems(None, None, tls.ca, crl=tls.crl) == []
    found = x509.load_pem_x509_crl(tls.crl.read_bytes())
    serials = {
        name: x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes()).serial_number
        for name in ("ct-1", "ct-2", "node")
    }
    assert [one.serial_number for one in found] == [serials["ct-1"], serials["node"]]
    assert found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2


def test_only_its_own_authority_revokes_a_certificate(site: Path, pki: Pki) -> None:
    said = str(refusal("certs", "revoke", pki.modality.certificate, "-c", site))
    assert "comes from another authority" in said
    assert not (site.parent / "certs" / "crl.pem").exists()


def test_without_the_authoritys_key_nothing_is_issued_or_renewed(site: Path) -> None:
    (site.parent / "certs" / "ca.key").unlink()
    for command in (("renew",), ("issue", "mr-1")):
        assert "ca.key" in str(refusal("certs", *command, "-c", site))


# Doctor and config check


def checks(site: Path) -> dict[str, tuple[bool, str]]:
    found = json.loads(run("doctor", "--json", "-c", site).output)
    return {one["check"]: (one["ok"], one["found"]) for one in found}


def test_doctor_finds_certificates_that_fit_and_the_port(site: Path) -> None:
    found = checks(site)
    assert found["certificate of the node"] == (True, "they fit, and last")
    assert "port 127.0.0.1:2762" in found
    assert "port 127.0.0.1:11112" not in found, "the plain port is closed"


def test_doctor_looks_at_the_port_for_reports(site: Path) -> None:
    with site.open("a", encoding="utf-8") as stream:
        stream.write("\n[hl7]\nenabled = true\nport = 2599\n")
    assert checks(site)["port 127.0.0.1:2599"] == (True, "free")


def test_doctor_warns_a_month_before_the_end(site: Path) -> None:
    run("certs", "renew", "--days", 29, "-c", site)
    done = run("doctor", "-c", site)
    assert done.exit_code == os.EX_UNAVAILABLE
    assert "BAD certificate of the node" in done.output
    assert "days left: 29" in done.output


def test_doctor_and_config_check_say_what_does_not_fit(site: Path) -> None:
    folder = site.parent / "certs"
    shutil.copy(folder / "ct-1.key", folder / "node.key")
    assert checks(site)["certificate of the node"] == (False, "node.key is not the key of the certificate")
    assert "the key is not that of the certificate" in str(refusal("config", "check", "-c", site))


def test_without_tls_no_certificate_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "radnode.toml"
    path.write_text("")
    assert not [name for name in checks(path) if name.startswith("certificate")]
    assert run("config", "check", "-c", path).exit_code == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_doctor_looks_at_the_files_of_destinations(tmp_path: Path, pki: Pki) -> None:
    path = tmp_path / "radnode.toml"
    path.write_text(
        f'[[destinations]]\nname = "pacs"\nkind = "dicom"\nae_title = "PACS"\nport = 1\ntls = true\n'
        f'ca_file = "{pki.ca}"\ncertificate_file = "{pki.expired.certificate}"\nkey_file = "{pki.expired.key}"\n'
    )
    ok, said = checks(path)["certificates pacs"]
    assert (ok, said.partition(" on ")[0]) == (False, "old.pem ended")
