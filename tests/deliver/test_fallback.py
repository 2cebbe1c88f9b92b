"""From the ledger to peers that refuse a kind of object for good, each in its own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from node.config import Destination, RetrySettings, Settings
from node.deliver import Courier
from node.ledger import Ledger
from node.spool import Spool
from node.states import AnalysisState
from node.study import ResultObject
from tests.deliver.material import SC, SR, SR_3D, dicom_file
from tests.deliver.peers import DICOMWEB_PLUGIN, EvilPacs, dicom, orthanc, storescp
from tests.ledger.material import classified
from tests.peers.archive import folder_objects

STUDY = "1.2"
CLASSES = {"sc": SC, "sr": SR_3D, "comprehensive-sr": SR}
RETRY = RetrySettings(first_seconds=0, longest_seconds=0, delivery_attempts=12)
#: Orthanc's way to take only some objects.
NO_3D_REPORTS = f'function ReceivedInstanceFilter(ds) return ds["SOPClassUID"] ~= "{SR_3D}" end'


class Ward:
    """An analysis with two heatmaps, a report and its stand-in, for one destination."""

    def __init__(self, root: Path) -> None:
        self.ledger, self.spool = Ledger(root / "ledger.db"), Spool(root / "spool")
        self.spool.prepare()
        self._root = root

    def deliver(self, destination: Destination, *kinds: str) -> None:
        """Report what the destination takes, and step until it has answered everything."""
        analysis, made = classified(self.ledger, STUDY), []
        for number, kind in enumerate(("sc", "sc", "sr", "comprehensive-sr")):
            outgoing = dicom_file(self._root, CLASSES[kind])
            path = self.spool.write(f"work/{number}.dcm", outgoing.path.read_bytes())
            made.append(ResultObject(outgoing.sop_instance_uid, outgoing.sop_class_uid, "1.2.7", kind, path))
        self.ledger.analyses.reported(analysis.id, made, {destination.name: kinds or ("sc", "sr")})
        courier = Courier(destination, self.ledger, self.spool, Settings(retry=RETRY))
        while courier.step():
            pass
        courier.rest()

    def states(self) -> list[tuple[str, str]]:
        return [(row.kind, row.state) for row in self.ledger.deliveries.of_study(STUDY)]

    def errors(self) -> Mapping[str, str]:
        return {row.kind: row.error for row in self.ledger.deliveries.of_study(STUDY)}

    def end(self) -> AnalysisState:
        (analysis,) = self.ledger.analyses.of_study(STUDY)
        return analysis.state

    def sent(self, kind: str) -> list[str]:
        """SOP Instance UIDs of a kind that count as delivered."""
        rows = self.ledger.deliveries.of_study(STUDY)
        return [row.sop_instance_uid for row in rows if (row.kind, row.state) == (kind, "DONE")]


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    one = Ward(tmp_path)
    yield one
    one.ledger.close()


REPLACED = [("sc", "DONE"), ("sc", "DONE"), ("sr", "REPLACED"), ("comprehensive-sr", "DONE")]


@pytest.mark.parametrize(
    ("answer", "tries", "reason"),
    [
        (0x0122, 1, "status 0122: SOP Class not supported"),
        (0xA801, 1, "status A801: Refused: SOP Class not supported"),
        (0xA900, 1, "status A900: Error: the dataset does not match the SOP Class"),
        (0xC000, 8, "status C000: Error: cannot understand; given up after 8 attempts"),
        (0x0110, 12, "status 0110: Processing failure; given up after 12 attempts"),
    ],
)
def test_a_status_that_refuses_the_report_sends_its_stand_in(ward: Ward, answer: int, tries: int, reason: str) -> None:
    with EvilPacs(always={SR_3D: answer}) as pacs:
        ward.deliver(dicom(pacs.port))
    assert ward.states() == REPLACED
    assert ward.errors()["sr"] == f"replaced by comprehensive-sr: {reason}"
    assert len(pacs.asked) - len(pacs.stored) == tries
    assert pacs.stored == [*ward.sent("sc"), *ward.sent("comprehensive-sr")]
    assert ward.end() is AnalysisState.DELIVERED
    assert ward.ledger.deliveries.refused() == []


def test_a_pacs_that_aborts_whenever_it_sees_the_report_gets_its_stand_in(ward: Ward) -> None:
    with EvilPacs(always={SR_3D: "abort"}) as pacs:
        ward.deliver(dicom(pacs.port))
    assert ward.states() == REPLACED
    assert set(pacs.stored) == {*ward.sent("sc"), *ward.sent("comprehensive-sr")}


def test_a_refused_presentation_context_sends_the_stand_in_over_the_next_association(ward: Ward) -> None:
    with EvilPacs(takes=[SC, SR]) as pacs:
        ward.deliver(dicom(pacs.port))
    assert ward.states() == REPLACED
    assert ward.errors()["sr"].endswith(f"the destination does not take SOP class {SR_3D}")
    proposed = [sorted({abstract for abstract, _ in contexts}) for contexts in pacs.proposed]
    assert proposed == [[SC, SR_3D], [SC, SR, SR_3D]]  # and what was needed before


def test_a_pacs_that_takes_no_report_at_all_gets_every_heatmap_instead(ward: Ward) -> None:
    with EvilPacs(always={SR_3D: 0x0122, SR: 0xA900}) as pacs:
        ward.deliver(dicom(pacs.port), "sr")
    assert ward.states() == [("sr", "REPLACED"), ("comprehensive-sr", "REPLACED"), ("sc", "DONE"), ("sc", "DONE")]
    assert pacs.stored == ward.sent("sc")
    assert ward.end() is AnalysisState.DELIVERED


def test_a_pacs_that_takes_nothing_leaves_it_all_to_the_operator(ward: Ward) -> None:
    with EvilPacs(takes=[]) as pacs:
        ward.deliver(dicom(pacs.port), "sr")
    assert {state for _, state in ward.states()} == {"REFUSED"}
    assert len(ward.ledger.deliveries.refused()) == 4
    assert ward.end() is AnalysisState.FAILED


def test_a_pacs_that_does_not_know_us_is_sent_nothing_simpler(ward: Ward) -> None:
    with EvilPacs(reject=[(1, 1, 3)] * 3) as pacs:
        ward.deliver(dicom(pacs.port), "sr")
    assert ward.states() == [("sr", "REFUSED")]
    assert len(pacs.calling) == 1


def test_a_report_that_is_lost_is_not_passed_over_in_silence(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    write = ward.spool.write
    monkeypatch.setattr(ward.spool, "write", lambda path, data: write(path, data if path != "work/2.dcm" else b"lost"))
    with EvilPacs() as pacs:
        ward.deliver(dicom(pacs.port))
    assert ward.states() == [("sc", "DONE"), ("sc", "DONE"), ("sr", "REFUSED")]
    assert ward.end() is AnalysisState.FAILED


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["orthanc", "stow"])
def test_orthanc_that_filters_reports_out_gets_the_stand_in_where_it_says_so(
    ward: Ward, tmp_path: Path, kind: str
) -> None:
    if kind == "stow" and not DICOMWEB_PLUGIN.exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed (Debian: orthanc-dicomweb)")
    script = tmp_path / "filter.lua"
    script.write_text(NO_3D_REPORTS)
    with orthanc(tmp_path, LuaScripts=[str(script)]) as destinations:
        ward.deliver(destinations[kind])
    # Over STOW-RS its plugin answers that it has stored what it has filtered out: nobody can tell.
    assert ward.states() == (REPLACED if kind == "orthanc" else [("sc", "DONE"), ("sc", "DONE"), ("sr", "DONE")])
    assert ward.end() is AnalysisState.DELIVERED


@pytest.mark.integration
def test_storescp_with_a_profile_of_its_own_gets_the_report_that_it_takes(ward: Ward, tmp_path: Path) -> None:
    with storescp(tmp_path / "in", takes=[SC, SR]) as destination:
        ward.deliver(destination)
    assert ward.states() == REPLACED
    arrived = {one.uid for one in folder_objects(tmp_path / "in")}
    assert arrived == {*ward.sent("sc"), *ward.sent("comprehensive-sr")}
