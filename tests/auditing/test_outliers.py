import numpy as np

from ndsc.auditing.outliers import MAX_DEVIATION, measure_deviations


def bunched(photos: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features of two classes, their labels, and a separate duplicate group for each photo."""
    random = np.random.default_rng(0)
    labels = np.array(["cat", "dog"], dtype=object)[np.arange(photos) % 2]
    centres = random.normal(0, 1, (2, 32))
    vectors = centres[np.arange(photos) % 2] * 4 + random.normal(0, 1, (photos, 32))
    return vectors.astype(np.float16), labels, np.arange(photos).astype(str).astype(object)


def test_a_photo_unlike_all_others_is_an_outlier():
    vectors, labels, groups = bunched()
    vectors[7] = np.random.default_rng(1).normal(0, 4, 32)
    deviations = measure_deviations(vectors, labels, groups, seed=0)
    assert deviations.argmax() == 7
    assert deviations[7] > 2 * MAX_DEVIATION
    assert (deviations > MAX_DEVIATION).sum() <= 3


def test_duplicates_of_an_outlier_are_outliers():
    vectors, labels, groups = bunched()
    odd = np.random.default_rng(1).normal(0, 4, 32)
    vectors[1:31:2], groups[1:31:2] = odd, "reposted"
    deviations = measure_deviations(vectors, labels, groups, seed=0)
    assert (deviations[1:31:2] > MAX_DEVIATION).all()


def test_a_photo_is_measured_by_its_own_class_only():
    vectors, labels, groups = bunched()
    vectors[2] = vectors[3]  # a cat with the features of a dog
    deviations = measure_deviations(vectors, labels, groups, seed=0)
    assert deviations[2] > MAX_DEVIATION > deviations[3]


def test_outliers_of_large_classes_are_found_with_a_sample(monkeypatch):
    vectors, labels, groups = bunched()
    vectors[7] = np.random.default_rng(1).normal(0, 4, 32)
    monkeypatch.setattr("ndsc.auditing.outliers.MAX_COMPARED", 30)
    monkeypatch.setattr("ndsc.auditing.outliers.BATCH", 16)
    deviations = measure_deviations(vectors, labels, groups, seed=0)
    assert deviations.argmax() == 7
    np.testing.assert_array_equal(deviations, measure_deviations(vectors, labels, groups, seed=0))


def test_a_class_of_two_photos_has_no_deviations():
    assert np.isnan(measure_deviations(np.eye(2), np.array(["a", "a"]), np.array(["1", "2"]), seed=0)).all()


def test_the_deviation_of_equal_photos_is_zero():
    assert (measure_deviations(np.ones((5, 3)), np.array(["a"] * 5), np.arange(5).astype(str), seed=0) == 0).all()
