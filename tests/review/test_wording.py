"""What reports say in plain words, as radiologists write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.claims import Outcome
from node.classify.catalogue import Catalogue
from node.errors import PluginError
from node.review.wording import FILE, LONGEST, read_vocabulary, said

TERMS = ("pneumonia", "consolidation", "airspace opacit*", "infiltrat*", "pneumonie")

SENTENCES = {
    Outcome.PRESENT: [
        "Right lower lobe consolidation consistent with pneumonia.",
        "No pneumothorax but consolidation in the left base.",
        "No evidence of pneumothorax. Airspace opacities bilaterally",
        "No pneumothorax; pneumonia on the left.",
        "The findings do not change: no effusion.\nPNEUMONIA of the right middle lobe",
        "Kein Erguss. Infiltrat im rechten Unterlappen.",
        "No consolidation on the right. Consolidation on the left.",
    ],
    Outcome.ABSENT: [
        "No focal consolidation, pleural effusion or pneumothorax.",
        "Without evidence of pneumonia.",
        "Pneumonia is not seen.",
        "The previously seen pneumonia has resolved.",
        "Kein Nachweis eines Infiltrats. Keine Pneumonie.",
        "Infiltrate nicht abgrenzbar.",
    ],
    Outcome.UNDETERMINED: [
        "Findings suspicious for pneumonia.",
        "Pneumonia cannot be excluded.",
        "Atelectasis versus consolidation.",
        "Verdacht auf Pneumonie rechts.",
        "V.a. Pneumonie",
        "Fragliches Infiltrat links.",
        "Infiltrat nicht sicher auszuschließen.",
    ],
    None: ["The lungs are clear.", "History of pneumonia. Lungs clear.", "Z.n. Pneumonie.", "", "No pneumonectomy."],
}


@pytest.mark.parametrize(("outcome", "text"), [(key, one) for key, texts in SENTENCES.items() for one in texts])
def test_a_sentence_says(outcome: Outcome | None, text: str) -> None:
    assert said(text, TERMS) is outcome


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (None, "CLINICAL HISTORY: cough, pneumonia?\nFINDINGS: The lungs are clear."),
        (None, "Indication:\n\npneumonia\n\nThe lungs are clear."),
        (None, "Fragestellung: Pneumonie?\nBefund: Lungen frei."),
        (None, "Comparison: film with pneumonia.\n\nThe lungs are clear."),
        (Outcome.ABSENT, "History: pneumonia last year\nImpression: No pneumonia."),
        (Outcome.PRESENT, "Reason for exam: cough\n\nConsolidation in the left base."),
        (Outcome.PRESENT, "Klinische Angaben: Husten\nBeurteilung: Infiltrat links."),
        (Outcome.PRESENT, "FINDINGS:\n\nPneumonia."),
        (Outcome.PRESENT, "Lungs: pneumonia."),
    ],
)
def test_why_the_images_were_made_says_nothing_of_them(outcome: Outcome | None, text: str) -> None:
    assert said(text, TERMS) is outcome


def test_a_text_without_end_is_read_to_an_end() -> None:
    assert said("no " * LONGEST, TERMS) is None
    assert said("pneumonia " * LONGEST, TERMS) is Outcome.PRESENT


def test_terms_are_words_and_no_patterns() -> None:
    assert said("pneumonia (.*", ("(.*",)) is None
    assert said("a.b", ("a.b",)) is Outcome.PRESENT
    assert said("axb", ("a.b",)) is None


def test_the_shipped_plugins_name_findings_that_they_claim() -> None:
    found = {name: (read_vocabulary(one.folder), one) for name, one in Catalogue().manifests.items()}
    assert "pneumonia" in found["chest-radiograph"][0]
    for vocabulary, manifest in found.values():
        assert set(vocabulary) <= {spec.name for spec in manifest.findings}


@pytest.mark.parametrize("text", ["pneumonia = 1", "pneumonia = [1]", "[", "\x00"])
def test_words_that_are_none_are_named(tmp_path: Path, text: str) -> None:
    assert read_vocabulary(tmp_path) == {}
    (tmp_path / FILE).write_text(text)
    with pytest.raises(PluginError, match="words"):
        read_vocabulary(tmp_path)
