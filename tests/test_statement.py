"""The Conformance Statement says what the program does, and the page is what the program says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from node.cli.app import app
from node.config import Settings
from node.intake import Reason
from node.kinds import KINDS, SOP_CLASSES
from node.report import build
from node.statement import conformance_statement
from tests.report import stack
from tests.report.material import analysis, built, by_uid, header, manifest, picture, region, spec

PAGE = Path(__file__).parents[1] / "deploy" / "CONFORMANCE.md"


def test_the_page_is_what_the_program_says() -> None:
    said = CliRunner().invoke(app, ["conformance"])
    assert said.exit_code == 0
    assert PAGE.read_text(encoding="utf-8") == said.output, "write it anew: radnode conformance > deploy/CONFORMANCE.md"


def _made_of(source: Dataset) -> list[tuple[str, Dataset]]:
    told = analysis(source, manifest=manifest(findings=(spec("opacity"),)))
    return built(told, by_uid(source), [region(source)], [picture(source)], tuple(KINDS))


def test_every_kind_is_of_the_classes_that_it_is_said_to_be_of() -> None:
    slices = stack.stack()
    made = [*_made_of(header("DX")), *_made_of(header("XC"))]
    made += build(stack.series(*slices), by_uid(*slices), stack.evidence(*slices), tuple(KINDS))
    found: dict[str, set[str]] = {}
    for kind, ds in made:
        found.setdefault(kind, set()).add(ds.SOPClassUID)
    assert found == {kind: set(classes) for kind, classes in SOP_CLASSES.items()}


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        (
            '[node]\nae_title = "AI-1"\nport = 104\ncheck_called = false',
            ("`AI-1`; the Called AE Title may be any", "104"),
        ),
        ('[node]\nallowed_calling = ["CT1", "CT2"]', ("`CT1`, `CT2`",)),
        ("[receive]\npromise_storage = true\nmax_pdu = 65536", ("`1.2.840.10008.1.20.1` | yes |", "65536 bytes")),
        ("[receive]\nunknown_sop_classes = true", ("taken as well",)),
    ],
)
def test_a_node_is_described_as_it_is_configured(toml: str, told: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "radnode.toml"
    path.write_text(toml, encoding="utf-8")
    said = CliRunner().invoke(app, ["conformance", "--config", str(path)]).output
    assert all(words in said for words in told)
    assert not any(words in conformance_statement(Settings()) for words in told[:1])


def test_each_failure_reason_of_stow_stands_in_the_statement_and_in_the_readme() -> None:
    readme = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    ways_in = readme.partition("## Ways in")[2].partition("\n## ")[0]
    for reason in Reason:
        assert f"| {reason.failure:04X} | {reason.what} |" in PAGE.read_text(encoding="utf-8")
        assert f"{reason.failure:04X}" in ways_in
