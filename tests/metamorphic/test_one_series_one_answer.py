"""A series has one answer however its slices are encoded, numbered and sent, through the whole node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.metamorphic.answers import Score, scores
from tests.metamorphic.film import EXACT
from tests.metamorphic.slices import FORMS, SCATTERED, Sending, SeriesForm, assessable_slices
from tests.peers import RunningNode
from tests.peers.dcmtk import acknowledged, start_storescu

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(1800)]

REFERENCE = SeriesForm("the reference")


@dataclass(frozen=True)
class Answers:
    """What came back. Args: sent: by the name of the form; reports: by study."""

    sent: dict[str, Sending]
    reports: dict[str, list[Score]]

    def of(self, form: SeriesForm) -> dict[tuple[str, str, str], float]:
        """Probability of each finding."""
        found = self.reports[self.sent[form.name].study_instance_uid]
        assert all(score.probability is not None for score in found), f"{form.name} was not assessed"
        return {score.code: score.probability for score in found if score.probability is not None}

    def key_slices(self, form: SeriesForm) -> dict[tuple[str, str, str], int]:
        """Place in space of the slice that shows each finding best."""
        sending = self.sent[form.name]
        return {score.code: sending.places[score.image] for score in self.reports[sending.study_instance_uid]}


def send(node: RunningNode, sending: Sending) -> None:
    processes = [start_storescu(node.port, paths) for paths in sending.associations]
    for process, paths in zip(processes, sending.associations, strict=True):
        output, _ = process.communicate(timeout=300)
        told = acknowledged(process.returncode, output.decode(errors="replace"))
        assert told.taken == list(paths), told.output


@pytest.fixture(scope="module")
def answers(running_node: RunningNode, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    folder, stack = tmp_path_factory.mktemp("series"), assessable_slices()
    assert len(stack) >= 8, "too few slices of the sample are known to the plugin"
    sent = {form.name: form.write(stack, folder) for form in (REFERENCE, SCATTERED, *FORMS)}
    for sending in sent.values():
        send(running_node, sending)
    running_node.await_ended([sending.study_instance_uid for sending in sent.values()], 1200)
    return Answers(sent, scores(archive))


@pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])
def test_a_series_has_one_answer_however_it_is_written_and_sent(answers: Answers, form: SeriesForm) -> None:
    assert answers.of(form) == pytest.approx(answers.of(REFERENCE), rel=0, abs=form.within)


@pytest.mark.parametrize("form", [form for form in FORMS if form.within == EXACT], ids=lambda form: form.name)
def test_the_key_slice_is_the_same_slice_in_every_form(answers: Answers, form: SeriesForm) -> None:
    assert answers.key_slices(form) == answers.key_slices(REFERENCE)


def test_slices_in_another_order_without_a_place_are_another_series(answers: Answers) -> None:
    reference, other = answers.of(REFERENCE), answers.of(SCATTERED)
    assert max(abs(other[code] - reference[code]) for code in reference) > EXACT
