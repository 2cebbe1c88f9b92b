"""`radnode studies` and `radnode trail`: what came, where it stands, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    PhiOption,
    open_ledger,
    print_json,
    print_table,
    printable,
    uncut,
    when,
)
from node.states import ENDED, AnalysisState, Reason, StudyMove

if TYPE_CHECKING:
    from node.config import Settings
    from node.ledger import AnalysisRow, Ledger, StudyRow

app = typer.Typer(help="Studies: list, show, complete, withdraw, set-aside.", invoke_without_command=True)
UidArgument = Annotated[str, typer.Argument(help="Study Instance UID, or the beginning or end of one.", callback=uncut)]
PluginOption = Annotated[str, typer.Option("--plugin", help="Only what this plugin said.")]
ReasonOption = Annotated[Reason, typer.Option("--reason", help="quality: no use to anybody; incorrect: may do harm.")]
CommentOption = Annotated[str, typer.Option("--comment", help="Words for the rejection note; they are not logged.")]
CountOption = Annotated[int, typer.Option("-n", "--count", help="How many, the newest first.")]
_AS_PRIOR = "a prior, to be compared with: nothing of it is delivered"


@app.callback()
def _default(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
    phi: PhiOption = False,
    count: CountOption = 50,
) -> None:
    if context.invoked_subcommand is None:
        list_studies(config, as_json, phi, count)


@app.command("list")
def list_studies(
    config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False, phi: PhiOption = False, count: CountOption = 50
) -> None:
    """List the newest studies."""
    settings, ledger = open_ledger(config)
    found = ledger.studies.latest(count)
    if as_json:
        print_json([_with_patient(settings, ledger, vars(s) | {"result": _result(ledger, s)}, phi) for s in found])
        return
    columns = ("study", "state", "rev", "images", "sender", "last image", *(("patient",) if phi else ()), "result")
    rows = [
        (
            study.study_instance_uid,
            study.state,
            study.revision,
            study.images,
            study.sender,
            when(study.last_at),
            *((_patient(settings, ledger, study.study_instance_uid),) if phi else ()),
            _result(ledger, study),
        )
        for study in found
    ]
    print_table(columns, rows, "no study has come yet")


def _result(ledger: Ledger, study: StudyRow) -> str:
    """What the newest revision says, or why it says nothing, in a line."""
    rows = [row for row in ledger.analyses.of_study(study.study_instance_uid) if row.revision == study.revision]
    told = [_told_of(row) for row in rows]
    prior = f" ({_AS_PRIOR})" if told and ledger.priors.has(study.study_instance_uid) else ""
    return f"{'; '.join(told)}{prior}" if told else study.reason


def _told_of(row: AnalysisRow) -> str:
    if row.state is AnalysisState.SILENT:
        return f"{row.summary} ({row.error})"
    return row.error or row.summary or f"{row.plugin}: {row.state}"


@app.command()
def show(
    uid: UidArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False, phi: PhiOption = False
) -> None:
    """Show one study: its series, analyses, results, deliveries, and what was set aside."""
    settings, ledger = open_ledger(config)
    study = ledger.studies.find(uid)
    facts = _with_patient(settings, ledger, vars(study), phi) | _details(ledger, study.study_instance_uid)
    if as_json:
        print_json(facts)
        return
    for name in _LINES:
        if facts.get(name) is not None:
            typer.echo(f"{name:<19}{printable(facts[name])}")
    _print_details(facts)


@app.command("set-aside")
def list_set_aside(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False, count: CountOption = 50) -> None:
    """List objects that are kept and not analysed, with the reason; of studies that have nothing else as well."""
    _, ledger = open_ledger(config)
    found = ledger.studies.set_aside(count=count)
    if as_json:
        print_json(found)
        return
    columns = ("received_at", "study_instance_uid", "sop_instance_uid", "reason")
    rows = [
        (
            when(float(str(one["received_at"]))),
            *(one[name] or "-" for name in columns[1:]),
            "purged" if one["gone"] else "here",
        )
        for one in found
    ]
    print_table(("received", "study", "object", "reason", "file"), rows, "nothing was set aside")


@app.command()
def complete(uid: UidArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Close a study now, or release one that was quarantined or ignored."""
    from node.cli.operator import acted

    _, ledger = open_ledger(config)
    study = ledger.studies.find(uid)
    ledger.studies.ask(study.study_instance_uid)
    acted(ledger, "studies complete", study.study_instance_uid)
    typer.echo(f"{study.study_instance_uid} will be completed at the next tick")


@app.command()
def withdraw(
    uid: UidArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    plugin: PluginOption = "",
    reason: ReasonOption = Reason.QUALITY,
    comment: CommentOption = "",
) -> None:
    """Take delivered results back: every destination that may have some gets a rejection note, or a message."""
    from node.cli.operator import operator
    from node.cli.withdrawal import notices
    from node.spool import Spool

    settings, ledger = open_ledger(config)
    study = ledger.studies.find(uid).study_instance_uid
    spool = Spool(settings.node.data_dir / "spool")
    planned = ledger.withdrawals.planned(study, plugin)
    ae_title, words = settings.node.ae_title, printable(comment)
    told = [(one, notices(ledger, spool, ae_title, one, reason, words)) for one in planned]
    ledger.withdrawals.record(told, reason, operator())
    for one, made in told:
        typer.echo(f"{one.plugin}: {len(one.listed)} objects are withdrawn ({reason})")
        for notice in made:
            word = "rejection note" if notice.result.sop_class_uid else "message"
            typer.echo(f"  {word} {notice.result.sop_instance_uid} goes to {', '.join(notice.destinations)}")
    if not planned:
        again = ledger.withdrawals.send_again(study, plugin)
        more = f"{again} refused rejection notes are sent again" if again else "nothing was changed"
        typer.echo(f"all that was delivered is withdrawn already: {more}")
    _tell_what_still_comes(ledger, study, plugin)


def _tell_what_still_comes(ledger: Ledger, uid: str, plugin: str) -> None:
    for row in ledger.analyses.of_study(uid):
        if row.state not in ENDED and plugin in ("", row.plugin):
            typer.echo(f"! analysis {row.id} by {row.plugin} is {row.state}: `radnode queue drop {row.id}` stops it")


def trail(uid: UidArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Tell what happened to a study, in order."""
    _, ledger = open_ledger(config)
    # of a study that was asked for and never came there are events, too
    events = ledger.events.of_study(uid) or ledger.events.of_study(ledger.studies.find(uid).study_instance_uid)
    if as_json:
        print_json(events)
        return
    for event in events:
        typer.echo(printable(f"{when(event.at)}  {event.action:<28} {event.told}").rstrip())


def _details(ledger: Ledger, uid: str) -> dict[str, Any]:
    analyses = ledger.analyses.of_study(uid)
    purpose = {"purpose": _AS_PRIOR} if ledger.priors.has(uid) else {}
    return purpose | {
        "completed": _completed(ledger, uid),
        "series": [
            {
                "series_instance_uid": series.series_instance_uid,
                "modality": series.attributes.modality,
                "description": series.attributes.series_description,
                "images": len(series.instances),
            }
            for series in ledger.studies.series(uid)
        ],
        "analyses": [vars(analysis) for analysis in analyses],
        "comparisons": [told for one in analyses if (told := _compared(ledger, one.id))],
        "results": [vars(r) | {"analysis": a.id} for a in analyses for r in ledger.analyses.results(a.id)],
        "deliveries": [vars(delivery) for delivery in ledger.deliveries.of_study(uid)],
        "reviews": [vars(review) for review in ledger.reviews.of_study(uid)],
        "set_aside": ledger.studies.set_aside(uid),
    }


def _compared(ledger: Ledger, analysis_id: int) -> dict[str, Any]:
    """What an analysis is compared with, and what became of its findings; empty when it is not to be."""
    row = ledger.comparisons.of_analysis(analysis_id)
    if row is None:
        return {}
    settled = row.comparison
    return {
        "analysis": analysis_id,
        "prior": settled.prior.study_instance_uid if settled and settled.prior else "",
        "comparison": settled.sentence if settled else "The prior is looked for.",
        "earlier": [one.study_instance_uid for one in settled.earlier] if settled else [],
        "changes": "; ".join(row.told),
        "passed": "; ".join(row.passed),
    }


def _completed(ledger: Ledger, uid: str) -> str:
    """Which signal closed the newest revision."""
    action = f"study {StudyMove.COMPLETED}"
    found = [event.detail.get("reason", "") for event in ledger.events.of_study(uid) if event.action == action]
    return str(found[-1]) if found else "not yet"


#: What `show` begins with.
_LINES = (
    "study_instance_uid",
    "state",
    "revision",
    "reason",
    "purpose",
    "completed",
    "sender",
    "images",
    "expected",
    "patient",
)
#: Section -> the columns of its table.
_SECTIONS = {
    "series": ("series_instance_uid", "modality", "description", "images"),
    "analyses": ("id", "revision", "plugin", "state", "priority", "summary", "error"),
    "comparisons": ("analysis", "prior", "comparison", "changes"),
    "results": ("analysis", "kind", "sop_instance_uid"),
    "deliveries": ("destination", "kind", "state", "kept", "attempts", "error"),
    "reviews": ("plugin", "finding", "outcome", "judgement", "stated", "reader"),
    "set_aside": ("sop_instance_uid", "reason"),
}


def _print_details(facts: dict[str, Any]) -> None:
    for section, columns in _SECTIONS.items():
        if facts[section]:
            typer.echo(f"\n{section.replace('_', ' ')}")
            print_table(columns, [[row[column] for column in columns] for row in facts[section]], "")


def _with_patient(settings: Settings, ledger: Ledger, facts: dict[str, Any], phi: bool) -> dict[str, Any]:
    return facts | ({"patient": _patient(settings, ledger, facts["study_instance_uid"])} if phi else {})


def _patient(settings: Settings, ledger: Ledger, uid: str) -> str:
    """Name and id, read from a file of the study: the ledger holds neither. The trail says who looked."""
    import pydicom

    from node.cli.operator import acted

    acted(ledger, "patient shown", uid)
    paths = ledger.studies.paths(uid)
    try:
        ds = pydicom.dcmread(
            settings.node.data_dir / "spool" / paths[0], specific_tags=["PatientName", "PatientID"], force=True
        )
    except (OSError, IndexError, pydicom.errors.InvalidDicomError):
        return "(file purged)"
    return f"{ds.get('PatientName', '')} ({ds.get('PatientID', '')})"
