from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import PluginError
from radnode_kit.sources import READERS, age_band, read_sources

TABLES = {
    "cxr_nih": "file,patient,finding_labels,age,sex,view\nimages/a.jpg,nih-1,Pneumonia|Edema,71,F,AP\n"
    "images/b.jpg,nih-2,No Finding,,M,PA\n",
    "cxr_pediatric_kermany": "file,patient,label,pneumonia\nimages/c.jpg,kermany-p1,virus,1\n",
    "mr_brain_tumor": "file,neardup_group,label,kaggle_part\nimages/d.jpg,g1,glioma,Training\n",
    "skin_isic2017": "file,part,label,age,sex\nimages/e.jpg,train,melanoma,55,female\n"
    "images/f.jpg,val,nevus,unknown,\nimages/g.jpg,val,seborrheic_keratosis,70,male\n",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, table in TABLES.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.csv").write_text(table, encoding="utf-8")
    return tmp_path


def test_every_set_has_a_reader_and_a_test() -> None:
    assert set(READERS) == set(TABLES)


def test_labels_and_patients_are_read(data: Path) -> None:
    first, healthy, child, brain, skin, mole, wart = read_sources(data, list(TABLES))
    assert first.labels == {"pneumonia", "edema"}
    assert healthy.labels == frozenset()
    assert (child.labels, child.known) == ({"pneumonia"}, {"pneumonia"})
    assert (brain.labels, brain.group) == ({"glioma"}, "g1")
    assert [each.labels for each in (skin, mole, wart)] == [{"melanoma"}, frozenset(), {"seborrheic_keratosis"}]


def test_the_publishers_own_validation_images_stay_validation(data: Path) -> None:
    train, *validation = read_sources(data, ["skin_isic2017"])
    assert train.part == ""
    assert [each.part for each in validation] == ["validation", "validation"]
    assert {each.part for each in read_sources(data, ["cxr_nih", "mr_brain_tumor"])} == {""}


def test_a_case_is_named_by_its_set_and_file(data: Path) -> None:
    assert read_sources(data, ["cxr_nih"])[0].case == "cxr_nih/a"


def test_paths_lie_in_the_folder_of_the_set(data: Path) -> None:
    assert read_sources(data, ["cxr_nih"])[0].path == data / "cxr_nih" / "images" / "a.jpg"


@pytest.mark.parametrize(
    ("age", "band"), [("", "unknown"), ("39", "under 40"), ("40", "40 to 59"), ("60", "60 and over")]
)
def test_ages_fall_into_bands(age: str, band: str) -> None:
    assert age_band(age) == band


def test_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="cxr_nih"):
        read_sources(tmp_path, ["cxr_nih"])


def test_ones_own_set_has_a_column_for_each_label(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    text = "file,patient,view,age,opacity,nodule\na.png,p1,AP,71,1,\nb.png,,PA,,0,1\n"
    (tmp_path / "mine" / "labels.csv").write_text(text, encoding="utf-8")
    first, second = read_sources(tmp_path, ["mine"])
    assert (first.labels, first.known, first.group) == ({"opacity"}, {"opacity"}, "p1")
    assert (second.labels, second.known, second.group) == ({"nodule"}, {"opacity", "nodule"}, "b.png")
    assert first.strata == {"view": "AP", "age": "60 and over"}


def test_a_label_that_is_neither_yes_nor_no_is_refused_by_file_and_column(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "labels.csv").write_text("file,opacity\na.png,maybe\n", encoding="utf-8")
    with pytest.raises(PluginError, match=r"maybe.*\n?.*") as caught:
        read_sources(tmp_path, ["mine"])
    assert "a.png" in str(caught.value)
