import pandas as pd

from ndsc.evaluation.figures.duplicate_sheet import MOST_GROUPS, MOST_PHOTOS, duplicate_sheet


def members_of(groups: dict[str, list[str]]) -> pd.DataFrame:
    """Photos by group, with these labels."""
    rows = [(group, label, f"{group}/{n}.jpg") for group, labels in groups.items() for n, label in enumerate(labels)]
    return pd.DataFrame(rows, columns=["group", "label", "image_path"])


def pairs_of(inliers: dict[str, int]) -> pd.DataFrame:
    return pd.DataFrame({"group": list(inliers), "inliers": list(inliers.values()), "joined": True})


def test_groups_under_two_labels_come_first_then_the_weakest(photo, figure_text):
    members = members_of({"bytes": ["a", "a"], "strong": ["a"] * 3, "weak": ["b", "b"], "two": ["a", "b"]})
    drawn = []
    figure = duplicate_sheet(
        members, pairs_of({"strong": 200, "weak": 21, "two": 90}), lambda row: drawn.append(row["group"]) or photo()
    )
    assert list(dict.fromkeys(drawn)) == ["two", "weak", "strong", "bytes"]
    text = figure_text(figure)
    assert "4 duplicate groups" in text
    assert {"3 photos", "at least 21 inliers", "the same bytes"} <= set(text.splitlines())


def test_of_many_large_groups_some_are_shown(photo, figure_text):
    members = members_of({f"group {n}": ["a"] * 10 for n in range(30)})
    figure = duplicate_sheet(members, pairs_of({}), lambda row: photo())
    assert f"30 duplicate groups, {MOST_GROUPS} of them here" in figure_text(figure)
    assert len([image for axes in figure.axes for image in axes.images]) == MOST_GROUPS * MOST_PHOTOS
