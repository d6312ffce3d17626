import numpy as np
import pytest

from ndsc.evaluation.figures.photo_sheets import confident_mistakes, photo_probabilities, view_sheet

DOMAINS = ["beauty", "fashion", "mobile"]


def images_in(figure):
    return [image for axes in figure.axes for image in axes.images]


def places(figure, *contents):
    """Where texts stand on the page, in inches from the left and from the top."""
    texts = {text.get_text(): text.get_position() for axes in figure.axes for text in axes.texts}
    return [texts[content] for content in contents]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_sheet_of_views_has_a_row_a_photo_and_a_column_a_view(dtype, figure_text):
    views = np.random.default_rng(0).integers(0, 256, (3, 4, 20, 30, 3)).astype(dtype)
    figure = view_sheet(views, ["beauty\n0.jpg", "fashion\n1.jpg", "mobile\nbeauty_image/" + "f" * 32 + ".jpg"])
    text = figure_text(figure)
    assert "Each photo plain and in 3 augmented views" in text
    assert {"plain", "view 1", "view 2", "view 3", "beauty 0.jpg"} <= set(text.splitlines())
    assert "beauty_im…ffffff.jpg" in text
    images = images_in(figure)
    assert len(images) == 12
    np.testing.assert_array_equal(images[5].get_array(), views[1, 1].astype(np.uint8))


def test_a_policy_without_augmentation_says_so(figure_text):
    text = figure_text(view_sheet(np.zeros((2, 1, 8, 8, 3), dtype=np.uint8), ["a", "b"]))
    assert "this policy augments nothing" in text
    assert "view 1" not in text


def test_test_photos_are_sorted_by_class_and_then_from_easy_to_hard(photo, figure_text):
    classes = ["b", "a"]  # the order of the classes counts, not the alphabet
    true = ["a", "b", "a", "b", "a", "b"]
    difficulties = ["hard", "hard", "easy", "medium", "medium", "easy"]
    photos = [photo(20 + n, 30) for n in range(6)]
    figure = photo_probabilities(photos, np.tile([0.3, 0.7], (6, 1)), classes, true, difficulties)
    assert "3 of 6 test photos right" in figure_text(figure)
    assert [len(image.get_array()) - 20 for image in images_in(figure)] == [5, 3, 1, 2, 4, 0]


def test_a_card_shows_truth_prediction_and_their_probabilities(photo, figure_text):
    figure = photo_probabilities([photo()], np.array([[0.125, 0.8, 0.075]]), DOMAINS, ["beauty"], ["hard"])
    lines = figure_text(figure).splitlines()
    assert "0 of 1 test photo right" in lines
    assert {"hard", "12.5 %", "80.0 %", "7.5 %", *DOMAINS} <= set(lines)
    (left, _), (also_left, _) = places(figure, "12.5 %", "80.0 %")
    assert left == also_left


def test_of_58_classes_a_card_shows_three_and_always_the_true_one(photo, figure_text):
    classes = [f"category {n}" for n in range(58)]
    probabilities = np.full((1, 58), 0.001)
    probabilities[0, [7, 30, 50]] = 0.2, 0.5, 0.1
    lines = figure_text(photo_probabilities([photo()], probabilities, classes, ["category 3"], ["easy"])).splitlines()
    assert [line for line in lines if line.startswith("category")] == [
        "category 3",
        "category 3",
        "category 7",
        "category 30",
    ]


@pytest.mark.parametrize("classes", [["only"], ["one", "two"]])
def test_few_classes_all_right_and_photos_of_any_aspect_are_drawn(classes, photo, figure_text):
    photos = [photo(5, 400), photo(400, 5), photo(1, 1)]
    probabilities = np.eye(len(classes))[[0, 0, 0]]
    figure = photo_probabilities(photos, probabilities, classes, [classes[0]] * 3, ["easy", "", "unheard of"])
    assert "All 3 test photos right" in figure_text(figure)


def test_many_test_photos_all_get_a_card_inside_the_page(photo):
    figure = photo_probabilities(
        [photo(4, 4)] * 90, np.tile([1, 0, 0], (90, 1)), DOMAINS, ["beauty"] * 90, ["easy"] * 90
    )
    width, height = figure.get_size_inches()
    edges = np.array([image.get_extent() for image in images_in(figure)])  # left, right, bottom, top
    assert len(edges) == 90
    assert edges.min() >= 0
    assert edges[:, 1].max() <= width
    assert edges[:, 2].max() <= height


def test_mistakes_name_prediction_label_and_path(photo, figure_text):
    photos = [photo(), photo(10, 300)]
    paths = ["beauty_image/" + "0" * 32 + ".jpg", "a_$b$_c.jpg"]
    figure = confident_mistakes(photos, ["beauty", "mobile"], ["fashion", "beauty"], [0.998, 0.6], paths, 7, 690)
    lines = figure_text(figure).splitlines()
    assert "7 mistakes among 690 photos, the 2 most confident" in lines
    assert {"fashion 99.8 %", "label: beauty", "beauty 60.0 %", "label: mobile", "a_$b$_c.jpg"} <= set(lines)
    assert "beauty_image/0…00000000000.jpg" in lines
    assert len(images_in(figure)) == 2


def test_a_single_mistake_is_not_called_one_of_many(photo, figure_text):
    lines = figure_text(confident_mistakes([photo()], ["a"], ["b"], [0.9], ["x.jpg"], 1, 9)).splitlines()
    assert "1 mistake among 9 photos" in lines


def test_no_mistake_makes_a_friendly_sheet(figure_text):
    text = figure_text(confident_mistakes([], [], [], [], [], 0, 690))
    assert "No mistakes: all 690 photos right" in text
