"""`radnode reviews`: what readers say of our findings, and what that comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, print_table, when
from node.cli.studies import CountOption, UidArgument

if TYPE_CHECKING:
    from node.ledger import ReportRow, ReviewRow
    from node.reviews import Share, Statement, Tally

app = typer.Typer(help="Readers' reviews of our findings: list, tally, add; reports.", invoke_without_command=True)
FindingArgument = Annotated[str, typer.Argument(help="Its name, as `radnode plugins show` has it.")]
WordArgument = Annotated[
    str, typer.Argument(metavar="WORD", help="accepted, rejected, or what is right: present, absent, undetermined.")
]
OfPluginOption = Annotated[str, typer.Option("--plugin", help="Whose answer, where several plugins have the finding.")]
_ReportTextOption = Annotated[
    bool, typer.Option("--report-text", help="Instead: what rules make of the words of signed reports.")
]
_UnmatchedOption = Annotated[bool, typer.Option("--unmatched", help="Only those of no study that is here.")]
SideOption = Annotated[str, typer.Option("--laterality", help="L, R or B, where both sides were assessed.")]


@app.callback()
def _default(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_reviews(config, as_json, 50)


@app.command("list")
def list_reviews(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False, count: CountOption = 50) -> None:
    """List the newest reviews."""
    _, ledger = open_ledger(config)
    found = ledger.reviews.latest(count)
    if as_json:
        print_json(found)
        return
    columns = ("when", "study", "plugin", "finding", "answer", "review", "reader")
    print_table(columns, [_row(one) for one in found], "nobody has reviewed a finding yet")


def _row(one: ReviewRow) -> tuple[object, ...]:
    side, right = f" {one.laterality}" if one.laterality else "", f": {one.stated}" if one.stated else ""
    plugin, finding = f"{one.plugin} {one.plugin_version}", f"{one.finding}{side}"
    gone = ", the report was corrected" if one.replaced else ""
    review = f"{one.judgement}{right}{gone}"
    return when(one.at), one.study_instance_uid, plugin, finding, one.outcome, review, one.reader


@app.command()
def reports(
    config: ConfigOption = DEFAULT_CONFIG,
    unmatched: _UnmatchedOption = False,
    as_json: JsonOption = False,
    count: CountOption = 50,
) -> None:
    """List the newest signed reports that came as HL7 messages: of which study each is, and whether it was read."""
    _, ledger = open_ledger(config)
    found = ledger.reports.latest(count, unmatched=unmatched)
    if as_json:
        print_json(found)
        return
    columns = ("when", "from", "message", "status", "study", "what became of it")
    print_table(columns, [_report(one) for one in found], "no report has come")


def _report(one: ReportRow) -> tuple[object, ...]:
    fate = one.reason or ("replaced" if one.replaced else "read" if one.read_at else "about to be read")
    return when(one.received_at), one.source, one.control_id, one.status.lower(), one.study_instance_uid or "-", fate


@app.command()
def tally(
    config: ConfigOption = DEFAULT_CONFIG, report_text: _ReportTextOption = False, as_json: JsonOption = False
) -> None:
    """Count the last words: how many of what was called present, and absent, are; by plugin, version and sender.

    Only reviewed answers count. If readers review what they disagree with more often, the figures are too low.
    """
    from node.reviews import tallies, tally_table

    _, ledger = open_ledger(config)
    found = tallies(ledger.reviews.counted(by_text=report_text))
    if as_json:
        print_json([tally_table(one) for one in found])
        return
    columns = ("plugin", "finding", "sender", "said by", "reviewed", "PPV (95 %)", "NPV (95 %)", "unclear")
    rows = [(*_about(t), t.source or "readers", t.reviewed, _share(t.ppv), _share(t.npv), t.unclear) for t in found]
    print_table(columns, rows, "nobody has reviewed a finding yet")


def _about(t: Tally) -> tuple[str, str, str]:
    return f"{t.plugin} {t.plugin_version}", t.finding, t.sender


def _share(share: Share) -> str:
    if share.figure is None:
        return "-"
    low, high = share.interval
    return f"{share.figure:.2f} ({low:.2f}-{high:.2f}), {share.hits} of {share.total}"


@app.command()
def add(
    uid: UidArgument,
    finding: FindingArgument,
    word: WordArgument,
    plugin: OfPluginOption = "",
    laterality: SideOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take a reader's word on a finding; the trail of its study says which account typed it."""
    from node.cli.operator import operator
    from node.review import take_statements
    from node.spool import Spool

    settings, ledger = open_ledger(config)
    study = ledger.studies.find(uid).study_instance_uid
    statement = _statement(finding, word, plugin, laterality)
    spool = Spool(settings.node.data_dir / "spool")
    taken = take_statements(ledger, spool, study, [statement], reader=operator(), origin="typed")
    for one in taken:
        typer.echo(f"{one.answer.plugin}: {one.answer.finding}, called {one.answer.outcome}, is {one.judgement}")
    if not taken:
        typer.echo("that was said before: nothing was changed")


def _statement(finding: str, word: str, plugin: str, laterality: str) -> Statement:
    from node.claims import Outcome
    from node.errors import PermanentError
    from node.reviews import Judgement, Statement

    judgements = [one for one in Judgement if one is not Judgement.CORRECTED]
    if word not in (*judgements, *Outcome):
        raise PermanentError(f"allowed are {', '.join([*judgements, *Outcome])}", about=ascii(word))
    return Statement(
        judgement=Judgement(word) if word in judgements else None,
        outcome=Outcome(word) if word in list(Outcome) else None,
        finding=finding,
        plugin=plugin,
        laterality=laterality,
    )
