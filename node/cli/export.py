"""`radnode export-result`: the results of a study for programs that read no DICOM."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, open_ledger, printable
from node.cli.studies import UidArgument

if TYPE_CHECKING:
    from node.export import ExportedStudy


class Format(StrEnum):
    """The formats of an export."""

    FHIR = "fhir"
    HL7 = "hl7"
    JSON = "json"
    CSV = "csv"


FormatOption = Annotated[
    Format,
    typer.Option("--format", help="fhir: R4 Bundle; hl7: v2.5.1 ORU^R01; json: everything; csv: a line per finding."),
]
OutOption = Annotated[Path | None, typer.Option("--out", help="File to write, instead of the standard output.")]
IdentifiedOption = Annotated[
    bool, typer.Option("--phi", help="With patient, order and dates of the study; else under a pseudonym.")
]


def export_result(
    uid: UidArgument,
    form: FormatOption,
    out: OutOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    phi: IdentifiedOption = False,
) -> None:
    """Write the newest results of a study, of all plugins, as FHIR, HL7 v2, JSON or CSV.

    What is not there, failed or was withdrawn is told on the standard error, and in the export itself.
    """
    from node.cli.operator import acted
    from node.export import FORMATS
    from node.export.collect import exported_study
    from node.spool import Spool

    settings, ledger = open_ledger(config)
    study = exported_study(ledger, Spool(settings.node.data_dir / "spool"), uid, identified=phi)
    data = FORMATS[form](study).encode()
    acted(ledger, f"export-result --format {form}", study.study_instance_uid, identified=phi)
    if out is None:
        typer.echo(data, nl=False)
    else:
        _write(out, data)
        typer.echo(f"wrote {out}")
    _tell(study)


def _write(out: Path, data: bytes) -> None:
    """For its owner only, if it is new: it may name a patient."""
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(data)
    except OSError as error:
        typer.echo(f"radnode: cannot write {out}: {error.strerror}", err=True)
        raise typer.Exit(os.EX_CANTCREAT) from error


def _tell(study: ExportedStudy) -> None:
    from node.export.exported import Standing

    for analysis in study.analyses:
        if analysis.standing is not Standing.GIVEN or analysis.reason:
            told = f"{analysis.algorithm.name}: {analysis.standing}. {analysis.reason}".strip()
            typer.echo(printable(told), err=True)
