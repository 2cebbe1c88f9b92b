"""`radnode certs`: a private authority for TLS, the node's certificate, and those of its peers."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, when

if TYPE_CHECKING:
    from node.certificates import Description
    from node.config import Settings, TlsSettings

app = typer.Typer(help="Certificates for TLS: init, issue, show, renew, revoke.", no_args_is_help=True)
NamesOption = Annotated[
    list[str] | None, typer.Option("--name", help="Host name or address that callers use; again for more.")
]
DaysOption = Annotated[int, typer.Option(min=1, max=398, help="How long it lasts.")]
_DAYS = 398
_FILE_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)


@app.command()
def init(config: ConfigOption = DEFAULT_CONFIG, name: NamesOption = None, days: DaysOption = _DAYS) -> None:
    """Make an authority and a certificate for this node, where the table `tls` says. Nothing is ever written over."""
    from node import certificates
    from node.certificates.files import refuse_existing

    settings = _settings(config)
    tls = settings.tls
    refuse_existing(tls.certificate, tls.key, tls.ca, certificates.key_beside(tls.ca))
    authority = certificates.create(
        tls.ca, f"{settings.node.ae_title.strip()} authority at {socket.gethostname()}"[:64]
    )
    authority.issue(tls.certificate, tls.key, name or _own_names(settings), days)
    _tell(certificates.describe(tls.certificate) + certificates.describe(tls.ca))
    typer.echo(
        f"callers need {tls.ca}; whoever has {certificates.key_beside(tls.ca)} can let anybody in: keep it apart"
    )


@app.command()
def issue(
    peer: Annotated[str, typer.Argument(help="Name of the certificate and its files, e.g. ct-1.")],
    config: ConfigOption = DEFAULT_CONFIG,
    name: NamesOption = None,
    days: DaysOption = _DAYS,
) -> None:
    """Make a certificate for a peer, beside that of the authority; hand both of its files to the peer."""
    from node import certificates

    if not _FILE_NAME.fullmatch(peer):
        raise typer.BadParameter(f"{peer!a}: 1 to 64 letters, digits, or any of . _ -")
    tls = _settings(config).tls
    path = tls.ca.with_name(f"{peer}.pem")
    key = tls.ca.with_name(f"{peer}.key")
    certificates.Authority.read(tls.ca).issue(path, key, [peer, *(name or ())], days)
    _tell(certificates.describe(path))
    typer.echo(f"for the peer: {path} and {key}")


@app.command()
def show(
    files: Annotated[list[Path] | None, typer.Argument(help="PEM files; else those of the configuration.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Print subject, names, end and fingerprint of certificates."""
    from node import certificates

    paths = files or _paths(_settings(config).tls)
    found = [one for path in paths for one in certificates.describe(path)]
    if as_json:
        print_json(found)
    else:
        _tell(found)


@app.command()
def renew(
    certificate: Annotated[Path | None, typer.Argument(help="The certificate; else that of this node.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    days: DaysOption = _DAYS,
) -> None:
    """Replace a certificate by one of the same authority that lasts longer; a node that runs takes it by itself."""
    from node import certificates

    tls = _settings(config).tls
    path = certificate or tls.certificate
    key = tls.key if certificate is None else certificates.key_beside(certificate)
    certificates.Authority.read(tls.ca).renew(path, key, days)
    _tell(certificates.describe(path))
    typer.echo("its fingerprint is another one now: tell those who have written it down")


@app.command()
def revoke(
    certificate: Annotated[Path, typer.Argument(help="The certificate of the peer, e.g. certs/ct-1.pem.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put a peer's certificate on the authority's revocation list: with `tls.crl` the node refuses it from then on."""
    from node import certificates

    tls = _settings(config).tls
    crl = tls.crl or tls.ca.with_name("crl.pem")
    new = certificates.Authority.read(tls.ca).revoke(certificate, crl)
    typer.echo(f"{certificate} {'is revoked' if new else 'was revoked already'}: {crl}")
    if tls.crl is None:
        typer.echo(f'the node does not read it yet: under [tls] set crl = "{crl}", and start it again')
    else:
        typer.echo("a node that runs takes it from the next connection on; open associations stay")


def _settings(config: Path) -> Settings:
    from node import config as configuration

    return configuration.load(config)


def _own_names(settings: Settings) -> list[str]:
    """What callers may call this machine."""
    host = settings.node.host
    own = [] if host in ("0.0.0.0", "::", "127.0.0.1") else [host]  # noqa: S104  compared, not listened on
    return list(dict.fromkeys([socket.gethostname(), *own, "localhost", "127.0.0.1"]))


def _paths(tls: TlsSettings) -> list[Path]:
    return [tls.certificate, tls.ca]


def _tell(found: list[Description]) -> None:
    for one in found:
        typer.echo(one.file)
        for label, value in (
            ("subject", one.subject),
            ("issuer", one.issuer),
            ("names", ", ".join(one.names)),
            ("ends", when(one.ends)),
            ("sha256", one.fingerprint),
        ):
            typer.echo(f"  {label:<8} {value}")
