import numpy as np
import pandas as pd
import pytest

from ndsc.evaluation.figures.photo_sheets import (
    MAX_GROUP_PHOTOS,
    MAX_GROUPS,
    MAX_MISTAKES,
    MAX_TEST_PHOTOS,
    confident_mistakes,
    duplicate_sheet,
    photo_probabilities,
    view_sheet,
)

DOMAINS = ("beauty", "fashion", "mobile")


def images_in(figure):
    return [image for axes in figure.axes for image in axes.images]


def positions(figure, *contents):
    """Return the positions of texts, in inches from the left and from the top."""
    texts = {text.get_text(): text.get_position() for axes in figure.axes for text in axes.texts}
    return [texts[content] for content in contents]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_sheet_of_views_has_a_row_per_photo_and_a_column_per_view(dtype, figure_text):
    views = np.random.default_rng(0).integers(0, 256, (3, 4, 20, 30, 3)).astype(dtype)
    figure = view_sheet(views, ["beauty\n0.jpg", "fashion\n1.jpg", "mobile\nbeauty_image/" + "f" * 32 + ".jpg"])
    text = figure_text(figure)
    assert "Original photos and 3 augmented views" in text
    assert {"original", "view 1", "view 2", "view 3", "beauty 0.jpg"} <= set(text.splitlines())
    assert "beauty_im…ffffff.jpg" in text
    images = images_in(figure)
    assert len(images) == 12
    np.testing.assert_array_equal(images[5].get_array(), views[1, 1].astype(np.uint8))


def test_the_sheet_of_views_states_that_a_policy_does_not_augment(figure_text):
    text = figure_text(view_sheet(np.zeros((2, 1, 8, 8, 3), dtype=np.uint8), ["a", "b"]))
    assert "This policy does not augment" in text
    assert "view 1" not in text


def test_test_photos_are_sorted_by_class_and_then_from_easy_to_hard(predictions, photo, figure_text):
    classes = ("b", "a")  # sorted in the order of the classes, not of the alphabet
    difficulties = ["hard", "hard", "easy", "medium", "medium", "easy"]
    test = predictions(np.tile([0.3, 0.7], (6, 1)), [1, 0, 1, 0, 1, 0], classes, difficulty=difficulties)
    figure = photo_probabilities(test, lambda row: photo(20 + int(row["image_path"].removesuffix(".jpg")), 30))
    assert "3 of 6 test photos right" in figure_text(figure)
    assert [len(image.get_array()) - 20 for image in images_in(figure)] == [5, 3, 1, 2, 4, 0]


def test_a_card_shows_truth_prediction_and_their_probabilities(predictions, photo, figure_text):
    test = predictions([[0.125, 0.8, 0.075], [0, 1, 0]], [0, 1], DOMAINS, difficulty=["hard", None])
    figure = photo_probabilities(test, lambda row: photo())
    lines = figure_text(figure).splitlines()
    assert "1 of 2 test photos right" in lines
    assert {"hard", "12.5 %", "80.0 %", "7.5 %", *DOMAINS} <= set(lines)
    (left, _), (also_left, _) = positions(figure, "12.5 %", "80.0 %")
    assert left == also_left


def test_a_card_shows_three_of_58_classes_including_the_true_one(predictions, photo, figure_text):
    classes = tuple(f"category {n}" for n in range(58))
    probabilities = np.full((1, 58), 0.001)
    probabilities[0, [7, 30, 50]] = 0.2, 0.5, 0.1
    test = predictions(probabilities, [3], classes, difficulty="easy")
    lines = figure_text(photo_probabilities(test, lambda row: photo())).splitlines()
    assert [line for line in lines if line.startswith("category")] == [
        "category 3",
        "category 3",
        "category 7",
        "category 30",
    ]


@pytest.mark.parametrize("classes", [("only",), ("one", "two")])
def test_few_classes_and_photos_of_any_aspect_ratio_are_drawn(classes, predictions, photo, figure_text):
    photos = {"0.jpg": photo(5, 400), "1.jpg": photo(400, 5), "2.jpg": photo(1, 1)}
    test = predictions(np.eye(len(classes))[[0, 0, 0]], [0, 0, 0], classes, difficulty=["easy", "", "unknown"])
    figure = photo_probabilities(test, lambda row: photos[row["image_path"]])
    assert "All 3 test photos right" in figure_text(figure)


def test_the_first_of_many_test_photos_have_cards_inside_the_page(predictions, photo, figure_text):
    test = predictions(np.tile([1, 0, 0], (90, 1)), [0] * 90, DOMAINS, difficulty="easy")
    figure = photo_probabilities(test, lambda row: photo(4, 4))
    assert f"All 90 test photos right, {MAX_TEST_PHOTOS} of them shown" in figure_text(figure)
    width, height = figure.get_size_inches()
    edges = np.array([image.get_extent() for image in images_in(figure)])  # left, right, bottom, top
    assert len(edges) == MAX_TEST_PHOTOS
    assert edges.min() >= 0
    assert edges[:, 1].max() <= width
    assert edges[:, 2].max() <= height


def test_mistakes_name_prediction_label_and_path(predictions, photo, figure_text):
    paths = ["right.jpg", "a_$b$_c.jpg", "beauty_image/" + "0" * 32 + ".jpg"]
    probabilities = [[0.9, 0.1, 0], [0.6, 0.3, 0.1], [0.002, 0.998, 0]]
    made = predictions(probabilities, [0, 2, 0], DOMAINS, image_path=paths)
    figure = confident_mistakes(made, lambda row: photo(10, 300) if row["image_path"] == paths[1] else photo())
    lines = figure_text(figure).splitlines()
    assert "2 mistakes among 3 photos" in lines
    assert {"fashion 99.8 %", "label: beauty", "beauty 60.0 %", "label: mobile", "a_$b$_c.jpg"} <= set(lines)
    assert "beauty_image/0…00000000000.jpg" in lines
    assert [image.get_array().shape[1] for image in images_in(figure)] == [30, 300]  # the most confident first


def test_the_most_confident_of_many_mistakes_are_shown(predictions, photo, figure_text):
    confidences = np.linspace(0.6, 0.9, 30)
    made = predictions(np.stack([confidences, 1 - confidences], axis=1), [1] * 30, ("a", "b"))
    shown = []
    figure = confident_mistakes(made, lambda row: shown.append(row["image_path"]) or photo())
    assert f"30 mistakes among 30 photos, the {MAX_MISTAKES} most confident" in figure_text(figure)
    assert shown == [f"{number}.jpg" for number in range(29, 29 - MAX_MISTAKES, -1)]


def test_a_single_mistake_has_a_singular_title(predictions, photo, figure_text):
    lines = figure_text(confident_mistakes(predictions([[1, 0, 0]], [1]), lambda row: photo())).splitlines()
    assert "1 mistake among 1 photo" in lines


def test_the_sheet_of_mistakes_states_that_there_are_none(predictions, photo, figure_text):
    assert "No mistakes: all 2 photos right" in figure_text(
        confident_mistakes(predictions(np.eye(3)[[0, 1]], [0, 1]), lambda row: photo())
    )


def members_of(groups: dict[str, list[str]]) -> pd.DataFrame:
    """Return photos by group, with these labels."""
    rows = [(group, label, f"{group}/{n}.jpg") for group, labels in groups.items() for n, label in enumerate(labels)]
    return pd.DataFrame(rows, columns=["group", "label", "image_path"])


def pairs_of(inliers: dict[str, int]) -> pd.DataFrame:
    return pd.DataFrame({"group": list(inliers), "inliers": list(inliers.values()), "joined": True})


def test_groups_with_two_labels_are_first_then_those_with_the_fewest_inliers(photo, figure_text):
    members = members_of({"bytes": ["a", "a"], "strong": ["a"] * 3, "weak": ["b", "b"], "two": ["a", "b"]})
    drawn = []
    figure = duplicate_sheet(
        members, pairs_of({"strong": 200, "weak": 21, "two": 90}), lambda row: drawn.append(row["group"]) or photo()
    )
    assert list(dict.fromkeys(drawn)) == ["two", "weak", "strong", "bytes"]
    text = figure_text(figure)
    assert "4 duplicate groups" in text
    assert {"3 photos", "at least 21 inliers", "same bytes"} <= set(text.splitlines())


def test_the_first_of_many_large_groups_are_shown(photo, figure_text):
    members = members_of({f"group {n}": ["a"] * 10 for n in range(30)})
    figure = duplicate_sheet(members, pairs_of({}), lambda row: photo())
    assert f"30 duplicate groups, {MAX_GROUPS} of them shown" in figure_text(figure)
    assert len([image for axes in figure.axes for image in axes.images]) == MAX_GROUPS * MAX_GROUP_PHOTOS
