"""A film in any encoding has the score of that film, through the whole node: C-STORE in, report out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.metamorphic import encodings, grey_values, headers, pixel_shapes
from tests.metamorphic.answers import Score, scores
from tests.metamorphic.film import LOSSLESS, Film, Form, sample
from tests.peers import RunningNode, storescu
from tests.peers.dcmtk import transfer_syntax
from tests.peers.hospital import study_uids

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(1800)]

ADULT, PNEUMONIA, CHILD, CHILDS_PNEUMONIA = (
    "1-adult-no-finding",
    "2-adult-pneumonia",
    "3-child-normal",
    "4-child-pneumonia",
)
NARROW = "narrow film"
#: Every form of one film; of the others what depends on the picture.
FORMS: dict[str, tuple[Form, ...]] = {
    ADULT: (*grey_values.FORMS, *encodings.FORMS, *headers.FORMS, *pixel_shapes.FORMS),
    PNEUMONIA: (*encodings.LOSSY_FORMS, *pixel_shapes.FORMS),
    CHILD: (*grey_values.FORMS, *encodings.LOSSY_FORMS),
    CHILDS_PNEUMONIA: encodings.LOSSY_FORMS,
    NARROW: grey_values.NARROW_FORMS,
}
CASES = [(film, form) for film, forms in FORMS.items() for form in forms]
#: Not the same picture: what shows that a score here can move at all.
OTHER = Form("a dark window", lambda film: film.written(WindowCenter=160, WindowWidth=190))
REFERENCE = Form("the reference", lambda film: film.written())


def films() -> dict[str, Film]:
    made = {name: sample(name) for name in FORMS if name != NARROW}
    narrow = made[ADULT].grey[:, 64:-64].copy()
    narrow[:, :8] = narrow[:, -8:] = 0  # a collimator's edge: scaling mixes no picture into what lies around it
    return {**made, NARROW: Film(NARROW, made[ADULT].header, narrow)}


@dataclass(frozen=True)
class Answers:
    """What came back. Args: studies: (film, name of the form) -> Study Instance UID; reports: by study."""

    studies: dict[tuple[str, str], str]
    reports: dict[str, list[Score]]

    def of(self, film: str, form: Form) -> dict[tuple[str, str, str], float]:
        """Probability of each finding."""
        found = self.reports[self.studies[film, form.name]]
        refused = [score.code for score in found if score.probability is None]
        assert refused == [], f"{film} as {form.name} was not assessed"
        return {score.code: score.probability for score in found if score.probability is not None}


def send(node: RunningNode, paths: list[Path]) -> None:
    """By DCMTK; what it cannot propose, by the node's own sender."""
    odd = [path for path in paths if transfer_syntax(path) in encodings.NOT_OF_STORESCU]
    plain = [path for path in paths if path not in odd]
    sent = storescu(node.port, plain, seconds=600)
    assert set(sent.taken) == set(plain), sent.output
    told = node.json("send", *map(str, odd), "--to", f"127.0.0.1:{node.port}/{node.ae_title}")
    assert [one["verdict"] for one in told] == ["delivered"] * len(odd)


@pytest.fixture(scope="module")
def answers(running_node: RunningNode, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    folder, made = tmp_path_factory.mktemp("films"), films()
    cases = [*CASES, *((name, REFERENCE) for name in made), (ADULT, OTHER)]
    paths = [form.write(made[name], folder) for name, form in cases]
    studies = study_uids(paths)
    send(running_node, paths)
    running_node.await_ended(studies, 1200)
    names = [(name, form.name) for name, form in cases]
    return Answers(dict(zip(names, studies, strict=True)), scores(archive))


def test_the_films_are_assessed_with_a_score_for_every_finding(answers: Answers) -> None:
    for film in FORMS:
        assert answers.of(film, REFERENCE)


@pytest.mark.parametrize(("film", "form"), [pytest.param(*case, id=f"{case[0]}: {case[1].name}") for case in CASES])
def test_a_film_has_one_score_in_every_encoding(answers: Answers, film: str, form: Form) -> None:
    assert answers.of(film, form) == pytest.approx(answers.of(film, REFERENCE), rel=0, abs=form.within)


def test_another_picture_has_another_score(answers: Answers) -> None:
    reference, other = answers.of(ADULT, REFERENCE), answers.of(ADULT, OTHER)
    assert max(abs(other[code] - reference[code]) for code in reference) > LOSSLESS
