"""The tables and the page of invented findings."""

import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ndsc.auditing.findings import Findings, duplicate_table
from ndsc.auditing.issues import COLUMNS, add_excluded, issue_table
from ndsc.auditing.report import FILES, check_folder, render_page, tables, write_report
from ndsc.errors import UserError

# 2 to 4 show the same picture; 2 and 3 have the same bytes.
GROUPS = pd.Series(["same", "same", *["copy"] * 3, *(f"alone {number}" for number in range(5, 12))])
EVIL = '<img src=x onerror="alert(1)">&.jpg'


@pytest.fixture
def findings() -> Findings:
    """Return findings of twelve photos: 0 and 1 are duplicates with two labels, 2 to 4 are duplicates, 5 has a wrong
    label, 6 a doubtful one, 7 is an outlier, 8 dark, 9 blank and 10 nearly blank; 11 has a wrong label, but is a test
    photo. One more file is broken."""
    photos = pd.DataFrame(
        {
            "image_path": [f"photo {number}.jpg" for number in range(11)] + [EVIL],
            "content": ["same", "same", "copy", "copy", "near", *(f"hash {number}" for number in range(5, 12))],
            "label": ["cat", "dog", "cat", "cat", "cat", "dog", "cat", "dog", "cat", "dog", "cat", "dog"],
            "role": ["sample"] * 11 + ["test"],
            "width": 300,
            "height": 100 * np.arange(1, 13),
            "format": ["jpeg"] * 11 + ["png"],
        }
    )
    sure = {"quality": 0.9, "doubtful": False, "wrong": False, "likelier": 0, "given": 0.9, "other": 0.1, "fitted": 500}
    labels = pd.DataFrame(sure, range(12))
    labels.loc[[5, 6, 11], ["quality", "given", "other"]] = [[0.01, 0.01, 0.98], [0.4, 0.4, 0.6], [0.02, 0.02, 0.97]]
    labels.loc[[5, 6, 11], "doubtful"] = True
    labels.loc[6, "likelier"] = 1
    labels.loc[[5, 11], "wrong"] = True
    deviations = np.zeros(12)
    deviations[7] = 6.0
    appearance = pd.DataFrame(np.nan, range(12), ["dark", "blurred", "nearly blank"])
    appearance.loc[8, "dark"], appearance.loc[[9, 10], "nearly blank"] = 0.2, [0.01, 0.25]
    rejected = pd.DataFrame({"image_path": ["broken.jpg"], "label": ["dog"], "reason": ["cut off or damaged"]})
    duplicates = duplicate_table(photos, GROUPS)
    return Findings(photos, rejected, ("cat", "dog"), duplicates, labels, deviations, appearance)


def test_each_suspicious_photo_has_one_row_with_issue_and_exclude(findings: Findings):
    issues = issue_table(findings)
    assert issues.columns.tolist() == COLUMNS
    found = {row.image_path: (row.issue, row.exclude) for row in issues.itertuples()}
    assert found == {
        "broken.jpg": ("broken", "yes"),
        "photo 0.jpg": ("two labels", "yes"),
        "photo 1.jpg": ("two labels", "yes"),
        "photo 2.jpg": ("duplicate", "no"),
        "photo 3.jpg": ("duplicate", "no"),
        "photo 4.jpg": ("duplicate", "no"),
        "photo 5.jpg": ("likely wrong label", "yes"),
        EVIL: ("likely wrong label", "no"),  # test photos are never excluded
        "photo 6.jpg": ("doubtful label", "no"),
        "photo 7.jpg": ("outlier", "no"),
        "photo 8.jpg": ("dark", "no"),
        "photo 9.jpg": ("nearly blank", "yes"),
        "photo 10.jpg": ("nearly blank", "no"),
    }
    assert issues["image_path"].tolist()[:4] == ["broken.jpg", "photo 0.jpg", "photo 1.jpg", "photo 5.jpg"]
    notes = issues.set_index("image_path")["note"]
    assert notes["broken.jpg"] == "cut off or damaged"
    assert notes["photo 5.jpg"] == "looks like cat (98%; as labelled 1%)"


def test_a_photo_with_several_issues_is_ranked_by_the_worst(findings: Findings):
    findings.appearance.loc[5, "blurred"] = 0.1
    findings.deviations[5] = 9.0
    row = issue_table(findings).set_index("image_path").loc["photo 5.jpg"]
    assert (row["issue"], row["exclude"], row["score"]) == ("likely wrong label; blurred; outlier", "yes", 0.01)


def test_the_table_of_photos_without_issues_is_empty(findings: Findings):
    fine = findings.photos.iloc[5:11].reset_index(drop=True)
    clean = Findings(
        fine,
        findings.rejected.iloc[:0],
        ("cat", "dog"),
        duplicate_table(fine, fine["content"]),
        pd.concat([findings.labels.iloc[[0]]] * 6, ignore_index=True),
        np.zeros(6),
        findings.appearance.iloc[:6] * np.nan,
    )
    issues = issue_table(clean)
    assert issues.columns.tolist() == COLUMNS
    assert len(issues) == 0
    assert "0 proposed for exclusion" in written_page(clean, issues)


def test_duplicate_groups_with_two_labels_come_first(findings: Findings):
    assert findings.duplicates["group"].tolist() == [1, 1, 2, 2, 2]
    assert findings.duplicates["labels"].tolist() == [2, 2, 1, 1, 1]
    assert findings.duplicates["match"].tolist() == ["same bytes"] * 2 + ["same picture"] * 3


class Reader(HTMLParser):
    """Collect the images, links and sections of a page; fail if a tag is not closed."""

    VOID = ("meta", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(named)
        if tag == "section":
            self.ids.append(named["id"])
        if tag == "a":
            self.links.append(named["href"])
        assert "onerror" not in named

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def written_page(findings: Findings, issues: pd.DataFrame, shown: int = 36) -> str:
    return render_page(
        findings,
        issues,
        lambda position: f"data:image/jpeg;base64,{position}",
        shown,
        source="the <data>",
        made="Made today.",
        command="python -m ndsc.train sampling.exclude='a & b.csv'",
    )


def test_the_page_is_valid_self_contained_and_escaped(findings: Findings):
    text = written_page(findings, issue_table(findings))
    reader = Reader()
    reader.feed(text)
    assert not reader.open
    facts, issues = ["next", "classes", "sizes"], ["broken", "duplicates", "labels", "outliers"]
    assert reader.ids == [*facts, *issues, "dark", "blurred", "nearly_blank"]
    assert set(reader.links) <= {f"#{name}" for name in reader.ids}
    assert all(image["src"].startswith("data:") for image in reader.images)
    shown = {image["src"].rpartition(",")[2] for image in reader.images}
    assert shown == set(map(str, range(12)))
    assert "http" not in text
    assert "13 photos examined, 5 proposed for exclusion" in text
    assert EVIL not in text
    assert "the &lt;data&gt;" in text
    assert "a &amp; b.csv" in text


def test_hostile_labels_reasons_and_paths_are_escaped(findings: Findings):
    photos = findings.photos.assign(label=EVIL)
    duplicates = findings.duplicates.assign(label=EVIL, image_path=EVIL)
    rejected = findings.rejected.assign(image_path=EVIL, label=EVIL, reason=EVIL)
    hostile = replace(findings, photos=photos, rejected=rejected, duplicates=duplicates, classes=(EVIL, EVIL))
    text = written_page(hostile, issue_table(hostile))
    assert EVIL not in text
    assert "<img src=x" not in text
    assert text.count("&lt;img src=x onerror=&#34;alert(1)&#34;&gt;&amp;.jpg") > 12
    Reader().feed(text)


def test_a_section_shows_the_first_photos_and_names_the_table_of_the_rest(findings: Findings):
    text = written_page(findings, issue_table(findings), shown=1)
    assert "1 more photo in <code>appearance.csv</code>" in text
    assert "2 more photos in <code>labels.csv</code>" in text


def test_each_section_has_a_table(findings: Findings):
    found = tables(findings)
    assert found["classes.csv"].to_numpy().tolist() == [["cat", 7, 0], ["dog", 5, 1]]
    assert found["sizes.csv"]["photos"].sum() == 12
    assert found["broken.csv"]["reason"].tolist() == ["cut off or damaged"]
    assert found["labels.csv"]["image_path"].tolist()[:3] == ["photo 5.jpg", EVIL, "photo 6.jpg"]
    assert found["labels.csv"]["likelier"].tolist() == ["cat", "cat", "dog"]
    assert found["outliers.csv"]["deviations"].tolist() == [6.0]
    assert found["appearance.csv"]["image_path"].tolist() == ["photo 8.jpg", "photo 9.jpg", "photo 10.jpg"]
    assert found["duplicates.csv"]["group"].nunique() == 2


def test_an_earlier_audit_is_never_overwritten(findings: Findings, tmp_path: Path):
    folder = tmp_path / "new" / "audit"
    write_report(folder, "<p>page", {"audit.csv": issue_table(findings), **tables(findings)})
    assert {path.name for path in folder.iterdir()} == set(FILES)
    read = pd.read_csv(io.BytesIO((folder / "audit.csv").read_bytes()))
    assert EVIL in read["image_path"].tolist()
    for again in (check_folder, lambda folder: write_report(folder, "other", {})):
        with pytest.raises(UserError, match=r"which has audit.html, audit.csv, .*Nothing was changed"):
            again(folder)
    assert (folder / "audit.html").read_text() == "<p>page"


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_user_is_never_overwritten(findings: Findings, tmp_path: Path, name: str):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=rf"which has {name}\. Nothing was changed"):
        write_report(tmp_path, "page", {"audit.csv": issue_table(findings), **tables(findings)})
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_a_folder_that_cannot_be_created_is_reported(findings: Findings, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"audit.output must name a folder that can be written. Received: .*file/audit"):
        write_report(tmp_path / "file" / "audit", "page", {})


def test_no_photo_is_excluded_for_its_label_if_too_many_labels_look_wrong(findings: Findings):
    findings.labels.loc[[5, 6, 7, 11], "wrong"] = True
    issues = issue_table(findings)
    assert (issues.loc[issues["issue"] == "likely wrong label", "exclude"] == "no").all()
    assert "none is excluded unless you set exclude to yes" in written_page(findings, issues)


def test_no_photo_of_a_class_with_few_training_photos_is_excluded_for_its_label(findings: Findings):
    findings.labels.loc[5, "fitted"] = 19
    row = issue_table(findings).set_index("image_path").loc["photo 5.jpg"]
    assert (row["issue"], row["exclude"]) == ("likely wrong label", "no")
    assert row["note"] == "looks like cat (98%; as labelled 1%), learned from only 19 photos with its label"
    findings.labels.loc[5, "fitted"] = 20
    assert issue_table(findings).set_index("image_path").loc["photo 5.jpg", "exclude"] == "yes"


def test_photos_excluded_earlier_stay_excluded_with_their_earlier_issue(findings: Findings):
    excluded = pd.DataFrame({"image_path": ["x.jpg", "y.jpg"], "label": ["cat", "dog"], "issue": ["broken", ""]})
    issues = issue_table(findings)
    table = add_excluded(issues, excluded)
    pd.testing.assert_frame_equal(table.iloc[:-2], issues)
    assert table.columns.tolist() == COLUMNS
    assert table.iloc[-2:][["image_path", "label", "issue", "exclude"]].to_numpy().tolist() == [
        ["x.jpg", "cat", "broken", "yes"],
        ["y.jpg", "dog", "excluded earlier", "yes"],
    ]
    assert add_excluded(issues.iloc[:0], excluded.iloc[:0]).columns.tolist() == COLUMNS
