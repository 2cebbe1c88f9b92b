"""The page: complete, self-contained, and safe from what others wrote."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from node.plugin import Interval, Manifest
from radnode_kit.acceptance.figures import Estimate
from radnode_kit.acceptance.page import figure, html_text, number
from radnode_kit.acceptance.plots import (
    confusion_plot,
    forest_plot,
    precision_plot,
    reliability_plot,
    risk_plot,
    roc_plot,
)
from radnode_kit.acceptance.result import Evaluation
from radnode_kit.acceptance.run import Options, evaluate
from radnode_kit.acceptance.svg import Drawing, Frame, ticks
from tests.plugins.acceptance.site import NAME, colours, picture, write_csv

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def evaluation(tmp_path: Path, colour: Manifest) -> Evaluation:
    return evaluate(NAME, colours(tmp_path), Options(rounds=100))


class Tags(HTMLParser):
    """The tags of a page with their attributes, and whether they close."""

    void = ("meta", "line", "rect", "circle", "polyline", "polygon", "br", "link", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_asks_for_nothing_from_outside(evaluation: Evaluation) -> None:
    text = html_text(evaluation, phi=False)
    page = Tags(text)
    assert page.open == []
    names = {tag for tag, _ in page.found}
    assert not names & {"script", "link", "img", "iframe", "object", "a", "form"}
    assert not any(key in ("src", "href") or key.startswith("on") for _, attributes in page.found for key in attributes)
    assert "http" not in text
    assert not re.search(r"url\(|@import", text)


def test_the_page_shows_every_figure(evaluation: Evaluation) -> None:
    text = html_text(evaluation, phi=False)
    red = evaluation.findings[0]
    for found in (red.discrimination.auroc, red.operation.sensitivity, red.operation.ppv, red.certainty.missed):
        assert f"{found.value:.3f}" in text
    assert "Confusion matrix" in text
    assert text.count("<svg") == 2 + 2 * 5  # both findings with subgroups
    assert evaluation.provenance.digest in text
    assert evaluation.provenance.csv_sha256 in text
    assert ("Not accepted" in text) is not evaluation.accepted


def test_what_the_manifest_never_measured_is_no_figure_and_no_point(evaluation: Evaluation) -> None:
    nothing = Interval(0.0, 0.0, 1.0)
    assert 'class="stated"' in roc_plot(evaluation.findings[0])
    findings = tuple(
        replace(each, operation=replace(each.operation, stated_sensitivity=nothing, stated_specificity=nothing))
        for each in evaluation.findings
    )
    text = html_text(replace(evaluation, findings=findings), phi=False)
    assert text.count("<td>not measured</td>") == 2 * len(findings)
    assert 'class="stated"' not in text
    assert "as stated in the manifest" not in text


def test_texts_of_others_are_escaped(tmp_path: Path, colour: Manifest) -> None:
    rows = [
        {"file": picture(tmp_path / f"{n}.png", 0.8, 0.1).name, "label": SCRIPT, "source": (SCRIPT, "b")[n % 2]}
        for n in range(4)
    ]
    rows.append({"file": SCRIPT.replace("/", "") + ".png", "label": "red", "source": SCRIPT})
    found = evaluate(NAME, write_csv(tmp_path / "<b>.csv", rows), Options(keep_going=True, rounds=50))
    text = html_text(found, phi=True)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "&lt;b&gt;.csv" in text
    assert "Colour &lt;of&gt; pictures" in text
    assert "Red &amp; hot" in text


def test_files_are_named_only_when_asked_for(tmp_path: Path, colour: Manifest) -> None:
    rows = [{"file": "DOE^JOHN.png", "label": "red"}, {"file": picture(tmp_path / "a.png", 1, 0).name, "label": "red"}]
    found = evaluate(NAME, write_csv(tmp_path / "site.csv", rows), Options(keep_going=True, rounds=50))
    assert "DOE^JOHN" not in html_text(found, phi=False)
    assert "DOE^JOHN" in html_text(found, phi=True)


def test_a_plugin_that_answered_nothing_still_has_a_page(tmp_path: Path, colour: Manifest) -> None:
    rows = [{"file": picture(tmp_path / "a.png", 0, 0, 0).name, "label": "red"}]
    found = evaluate(NAME, write_csv(tmp_path / "site.csv", rows), Options(rounds=50))
    text = html_text(found, phi=False)
    assert "Not accepted" in text
    assert "was not tested" in text
    assert "=black" in text
    assert not re.search(r"\bnan\b", text)


def test_every_picture_is_well_formed_and_inside_its_frame(evaluation: Evaluation) -> None:
    red = evaluation.findings[0]
    assert evaluation.classes is not None
    drawn = [plot(red) for plot in (roc_plot, precision_plot, reliability_plot, forest_plot)]
    for markup in (*drawn, risk_plot(red.certainty, red.label), confusion_plot(evaluation.classes)):
        root = ElementTree.fromstring(markup)  # noqa: S314  our own
        _, _, width, height = (float(side) for side in root.attrib["viewBox"].split())
        assert "nan" not in markup
        for item in root.iter():
            for key, most in (("cx", width), ("cy", height), ("x1", width), ("x2", width), ("y1", height)):
                assert 0 <= float(item.attrib.get(key, 0)) <= most


def test_the_roc_curve_runs_from_corner_to_corner(evaluation: Evaluation) -> None:
    root = ElementTree.fromstring(roc_plot(evaluation.findings[0]))  # noqa: S314  our own
    (curve,) = [item for item in root.iter() if item.attrib.get("class") == "curve"]
    points = [tuple(float(part) for part in pair.split(",")) for pair in curve.attrib["points"].split()]
    assert points[0] == (54.0, 356.0)
    assert points[-1] == (386.0, 14.0)


def test_words_in_pictures_are_escaped() -> None:
    drawing = Drawing(10, 10)
    drawing.text((0, 0), SCRIPT, "label")
    markup = drawing.markup('"' + SCRIPT)
    assert "<script" not in markup
    assert ElementTree.fromstring(markup).attrib["aria-label"] == '"' + SCRIPT  # noqa: S314  our own


def test_values_beyond_the_axes_lie_on_their_ends() -> None:
    frame = Frame(Drawing(100, 100), (0.0, 1.0), (0.0, 0.5), ("", ""))
    assert frame.at((0.5, 0.9)) == frame.at((0.5, 0.5))


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ((0.0, 0.12), ["0.000", "0.025", "0.050", "0.075", "0.100"]),
        ((0.5, 1.0), ["0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]),
        ((0.0, 0.013), ["0.0000", "0.0025", "0.0050", "0.0075", "0.0100", "0.0125"]),
    ],
)
def test_ticks_are_round(ends: tuple[float, float], words: list[str]) -> None:
    assert [text for _, text in ticks(*ends)] == words


def test_what_is_no_number_is_a_dash() -> None:
    assert number(float("nan")) == "–"
    assert figure(Estimate(float("nan"), 0.0, 1.0, "")) == "–"
    assert figure(Estimate(0.5, 0.25, 0.75, "")) == "0.500 (0.250 to 0.750)"
