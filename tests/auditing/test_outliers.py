import numpy as np

from ndsc.auditing.outliers import FAR, measure_outliers


def bunched(photos: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of two classes, their labels, and a group of its own for each photo."""
    random = np.random.default_rng(0)
    labels = np.array(["cat", "dog"], dtype=object)[np.arange(photos) % 2]
    centres = random.normal(0, 1, (2, 32))
    vectors = centres[np.arange(photos) % 2] * 4 + random.normal(0, 1, (photos, 32))
    return vectors.astype(np.float16), labels, np.arange(photos).astype(str).astype(object)


def test_a_photo_of_another_thing_is_odd_and_the_others_are_not():
    vectors, labels, groups = bunched()
    vectors[7] = np.random.default_rng(1).normal(0, 4, 32)
    oddity = measure_outliers(vectors, labels, groups, seed=0)
    assert oddity.argmax() == 7
    assert oddity[7] > 2 * FAR
    assert (oddity > FAR).sum() <= 3


def test_copies_do_not_keep_each_other_company():
    vectors, labels, groups = bunched()
    odd = np.random.default_rng(1).normal(0, 4, 32)
    vectors[1:31:2], groups[1:31:2] = odd, "reposted"
    oddity = measure_outliers(vectors, labels, groups, seed=0)
    assert (oddity[1:31:2] > FAR).all()


def test_a_photo_is_measured_by_its_own_class_only():
    vectors, labels, groups = bunched()
    vectors[2] = vectors[3]  # a cat that is just like a dog
    oddity = measure_outliers(vectors, labels, groups, seed=0)
    assert oddity[2] > FAR > oddity[3]


def test_large_classes_are_compared_with_a_part_of_themselves(monkeypatch):
    vectors, labels, groups = bunched()
    vectors[7] = np.random.default_rng(1).normal(0, 4, 32)
    monkeypatch.setattr("ndsc.auditing.outliers.MOST_COMPARED", 30)
    monkeypatch.setattr("ndsc.auditing.outliers.AT_ONCE", 16)
    oddity = measure_outliers(vectors, labels, groups, seed=0)
    assert oddity.argmax() == 7
    np.testing.assert_array_equal(oddity, measure_outliers(vectors, labels, groups, seed=0))


def test_of_two_photos_neither_is_odd():
    assert np.isnan(measure_outliers(np.eye(2), np.array(["a", "a"]), np.array(["1", "2"]), seed=0)).all()
    # Nor where all are the same.
    assert (measure_outliers(np.ones((5, 3)), np.array(["a"] * 5), np.arange(5).astype(str), seed=0) == 0).all()
