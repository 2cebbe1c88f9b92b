"""`radnode demo`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import JsonOption, print_json, print_table

if TYPE_CHECKING:
    from node.demo import Answer


def demo(
    folder: Annotated[Path, typer.Option(help="Where to work; emptied first.")] = Path("radnode-demo"),
    orthanc: Annotated[bool, typer.Option("--orthanc", help="Use the installed Orthanc as archive.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send real samples through a node on this machine and show what it answers."""
    import pydicom

    from node.cli.progress import counted
    from node.demo import Demo, orthanc_program
    from node.errors import PermanentError
    from node.samples import sample_paths

    program = orthanc_program() if orthanc else None
    if orthanc and program is None:
        raise PermanentError("Orthanc is not installed", hint="apt-get install orthanc, or leave --orthanc out")
    begun = time.monotonic()
    samples = sample_paths()
    names = {
        str(pydicom.dcmread(path, specific_tags=["StudyInstanceUID"]).StudyInstanceUID): path.parent.name
        for path in samples
    }
    show = Demo(folder, program)
    typer.echo(f"starting a node on port {show.port} and an archive on port {show.archive_port} ...", err=True)
    with show.running():
        with counted("sending samples", len(samples)) as advance:
            show.send(samples, advance)
        with counted("answered studies", len(names)) as advance:
            show.await_studies(len(names), advance)
        answers = show.answers(names)
    if as_json:
        print_json([vars(answer) for answer in answers])
    else:
        _print(answers, folder, show.web_port, time.monotonic() - begun)
    if any(answer.objects == 0 or answer.objects != answer.delivered for answer in answers):
        raise typer.Exit(1)


def _print(answers: list[Answer], folder: Path, web_port: int, seconds: float) -> None:
    rows = [
        (
            a.sample,
            a.analysis.summary if a.analysis else a.study.reason,
            f"{a.delivered}/{a.objects}",
            f"{a.seconds:.1f}",
        )
        for a in answers
    ]
    print_table(("study", "finding, probability, against the operating point", "returned", "seconds"), rows, "nothing")
    typer.echo(f"\nheatmaps: {folder}/*.png")
    typer.echo(f"reports:  radnode studies list -c {folder}/radnode.toml; in the archive: -c {folder}/archive.toml")
    config = f"-c {folder}/radnode.toml"
    typer.echo(f"dashboard: http://127.0.0.1:{web_port}/ while `radnode serve {config}` runs;")
    typer.echo(f"          `radnode tokens add me --role operate {config}` makes the token to sign in with")
    typer.echo(f"done in {seconds:.0f} s. Research use only: not verified by a person, not for diagnosis.")
