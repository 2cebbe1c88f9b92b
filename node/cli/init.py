"""`radnode init`: a few questions, a commented configuration file, and what to enter at the archive."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from node.cli.output import DEFAULT_CONFIG

if TYPE_CHECKING:
    from node.config import Destination, Wishes

T = TypeVar("T")

#: Profile -> kinds of destination, the usual one first -> where such an archive usually is.
PROFILES: Mapping[str, Mapping[str, str]] = {
    "plain": {
        "folder": "results",
        "dicom": "127.0.0.1:104/PACS",
        "orthanc": "http://127.0.0.1:8042",
        "stow": "http://127.0.0.1:8080/dicom-web",
    },
    "orthanc": {
        "orthanc": "http://127.0.0.1:8042",
        "dicom": "127.0.0.1:4242/ORTHANC",
        "stow": "http://127.0.0.1:8042/dicom-web",
    },
    "dcm4chee": {
        "dicom": "127.0.0.1:11112/DCM4CHEE",
        "stow": "http://127.0.0.1:8080/dcm4chee-arc/aets/DCM4CHEE/rs",
    },
}
_LOCAL = ("127.0.0.1", "localhost", "::1")
_PORT = 11112

_FROM_ORTHANC = """\
Nothing has to be entered in Orthanc: the node takes every series that becomes stable there, and puts results beside it.
In orthanc.json, if you may change it:
  "StableAge": 5,                               a series counts as whole after 5 s without a new image, not after 60
  "RemoteAccessAllowed": true,                  where the node is on another machine,
  "RegisteredUsers": { "radnode": "PASSWORD" }  and who it is there (--user radnode)"""
_TO_ORTHANC = """\
Enter in orthanc.json, with the script of deploy/orthanc/:
  "LuaScripts": ["/etc/orthanc/radnode.lua"],
  "DicomModalities": {{ "radnode": ["{ae_title}", "{address}", {port}] }}"""
_AT_DCM4CHEE = """\
Enter in dcm4chee-arc a device with the network AE {ae_title} at {address}, port {port}: studies are forwarded
there, and what it says of Storage Commitment comes there."""
_AT_A_PACS = "Enter at the PACS and at each sender: AE title {ae_title}, address {address}, port {port}."
_HERE_ALONE = 'The node listens on {host} alone: for senders on other machines set node.host = "0.0.0.0".'
_THIS_MACHINE = "(of this machine)"


def init(  # noqa: PLR0913  a parameter for each option
    folder: Annotated[Path, typer.Argument(help="Folder of radnode.toml, or a .toml file itself.")] = Path(),
    profile: Annotated[str, typer.Option(help="The archive: orthanc, dcm4chee, or plain.")] = "plain",
    kind: Annotated[str, typer.Option(help="How results go there: dicom, orthanc (REST), stow, or folder.")] = "",
    to: Annotated[str, typer.Option(help="Where results go: HOST:PORT/AET, URL, or folder, as the kind has it.")] = "",
    user: Annotated[str, typer.Option(help="orthanc, stow: user name; the password is read from a file.")] = "",
    ae_title: Annotated[str, typer.Option(help="AE title of the node.")] = "RADNODE",
    port: Annotated[int | None, typer.Option(help="DICOM port; 11112, or the next where the archive has it.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    calling: Annotated[list[str] | None, typer.Option(help="AE title that may send; may be repeated.")] = None,
    data_dir: Annotated[str, typer.Option(help="Folder of all data, relative to the file.")] = "radnode-data",
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: options and defaults.")] = False,
) -> None:
    """Ask a few questions, and write a commented configuration file; never over another.

    Without a terminal, or with --yes, options and defaults are taken. At the end it says what to enter at the archive.
    """
    from node.config import Wishes

    path = folder if folder.suffix == ".toml" and not folder.is_dir() else folder / DEFAULT_CONFIG
    if path.exists():
        raise _unwritten(path, "there is one already")
    asks = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    profile, destination = _archive(profile, kind, to, user, asks=asks)
    free = _PORT + (destination.get("port") == _PORT and destination["host"] in _LOCAL)
    wishes = Wishes(ae_title, host, port or free, tuple(calling or ()), data_dir, destination)
    wishes = _asked(wishes) if asks else wishes
    _write(path, wishes)
    shown = shlex.quote(str(path))
    typer.echo(f"wrote {path}; next: radnode config check -c {shown} && radnode serve -c {shown}")
    typer.echo(_to_enter(profile, wishes))
    if asks and destination["kind"] != "folder" and typer.confirm("Call the archive now?", default=True):
        _call(path)


def _unwritten(path: Path, why: str | None) -> typer.Exit:
    typer.echo(f"radnode: cannot write {path}: {why}", err=True)
    return typer.Exit(os.EX_CANTCREAT)


# Where results go


def _archive(profile: str, kind: str, to: str, user: str, *, asks: bool) -> tuple[str, dict[str, Any]]:
    """Profile, and the keys of its destination. Args: asks: whether somebody is there to answer."""
    if asks:
        profile = _ask(f"What is the archive ({', '.join(PROFILES)})?", profile, _one_of(PROFILES))
    usual = PROFILES[_one_of(PROFILES)(profile)]
    kind = kind or next(iter(usual))
    if asks:
        kind = _ask(f"How do results go there ({', '.join(usual)})?", kind, _one_of(usual))
    to = to or usual[_one_of(usual)(kind)]
    table: dict[str, Any] = {"name": kind if kind == "folder" else "pacs" if profile == "plain" else profile}
    table |= {"kind": kind, **_address(kind, to, asks=asks)}
    if kind in ("orthanc", "stow"):
        user = _ask("User name there (empty: none)?", user, str) if asks else user
        table |= {"user": user, "password_file": f"{profile}.password"} if user else {}
    if profile == "orthanc" and kind == "orthanc":
        table["follow"] = True
    if profile == "dcm4chee" and kind == "dicom":
        table["storage_commitment"] = True
    return profile, table


def _address(kind: str, to: str, *, asks: bool) -> dict[str, Any]:
    from node import deliver
    from node.config import Destination

    if kind == "folder":
        return {"path": _ask("Folder of results?", to, str) if asks else to}
    if kind != "dicom":
        return {"url": _ask("Its URL?", to, _url) if asks else _url(to)}
    found: Destination = deliver.destination_for(to)
    table = {"ae_title": found.ae_title, "host": found.host, "port": found.port}
    if asks:
        for key, question in (("host", "Its address?"), ("port", "Its port?"), ("ae_title", "Its AE title?")):
            table[key] = _ask(question, str(table[key]), _right(Destination, key, name="pacs", kind="dicom"))
    return table


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{text!r} is no URL: it begins with http:// or https://")
    return text


# Who the node is


def _asked(wishes: Wishes) -> Wishes:
    from dataclasses import replace

    from node.config import NodeSettings

    right = {key: _right(NodeSettings, key) for key in ("ae_title", "host", "port", "allowed_calling", "data_dir")}
    return replace(
        wishes,
        ae_title=_ask("AE title of this node?", wishes.ae_title, right["ae_title"]),
        port=_ask("Its DICOM port?", str(wishes.port), right["port"]),
        host=_ask("Address to listen on (0.0.0.0: other machines reach it)?", wishes.host, right["host"]),
        allowed_calling=_ask(
            "AE titles that may send, with commas (empty: any)?",
            ", ".join(wishes.allowed_calling),
            lambda text: right["allowed_calling"]([one.strip() for one in text.split(",") if one.strip()]),
        ),
        data_dir=str(_ask("Folder of all data?", wishes.data_dir, right["data_dir"])),
    )


def _ask(question: str, usual: str, right: Callable[[str], T]) -> T:
    """The answer, once it is right. Args: right: the value of an answer; raises ValueError."""
    while True:
        answer = typer.prompt(question, default=usual, show_default=bool(usual), prompt_suffix=" ")
        try:
            return right(answer)
        except (ValueError, typer.BadParameter) as error:
            typer.echo(f"  {_reason(error)}")


def _reason(error: Exception) -> str:
    from pydantic import ValidationError

    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)


def _one_of(names: Sequence[str] | Mapping[str, object]) -> Callable[[str], str]:
    def right(text: str) -> str:
        if text not in names:
            raise typer.BadParameter(f"{text!r} is none of {', '.join(names)}")
        return text

    return right


def _right(model: Any, key: str, **others: object) -> Callable[[Any], Any]:  # Any: of any table and type
    needed = {"ae_title": "PACS"} if others else {}
    return lambda text: getattr(model.model_validate({**others, **needed, key: text}), key)


# The end


def _write(path: Path, wishes: Wishes) -> None:
    """The file, if its values are right; whole or not at all."""
    import tomllib

    from pydantic import ValidationError

    from node.config import Settings, sample

    text = sample(wishes)
    try:
        Settings.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise _unwritten(path, error.strerror) from error


def _to_enter(profile: str, wishes: Wishes) -> str:
    """What somebody has to do at the archive, with the snippet where there is one."""
    local = wishes.host in _LOCAL
    values = {"ae_title": wishes.ae_title, "port": wishes.port, "host": wishes.host}
    values["address"] = wishes.host if local else _THIS_MACHINE
    lines = {"dcm4chee": [_AT_DCM4CHEE], "orthanc": [_TO_ORTHANC], "plain": [_AT_A_PACS]}[profile]
    if wishes.destination.get("follow"):
        lines = [_FROM_ORTHANC]
    elif local:
        lines = [*lines, _HERE_ALONE]
    text = "\n".join(line if line is _FROM_ORTHANC else line.format(**values) for line in lines)
    if password := wishes.destination.get("password_file"):
        text += (
            f"\nWrite the password of {wishes.destination['user']} into the first line of {password}, beside the file."
        )
    return text


def _call(path: Path) -> None:
    """Whether the archive answers; a file that was written stays, whatever it says."""
    from node import config, deliver
    from node.errors import RadnodeError

    settings = config.load(path)
    (destination,) = settings.destinations
    try:
        deliver.sender_for(destination, settings.node.ae_title).echo()
    except RadnodeError as error:
        again = f"radnode echo {destination.name} -c {shlex.quote(str(path))}"
        typer.echo(f"It does not answer: {error}\nOnce that is put right: {again}")
    else:
        typer.echo(f"{destination.name} answers")
