import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from ndsc.evaluation.calibration import at_temperature, expected_calibration_error, fit_temperature, reliability

PHOTOS = 20_000


@pytest.fixture
def with_factor(predictions):
    """Return a function that makes predictions with logits `factor` times those that the labels are drawn from."""

    def make(factor, **options):
        random = np.random.default_rng(3)
        logits = random.normal(0, 2, (PHOTOS, 3))
        draws = random.random((PHOTOS, 1))
        labels = (draws > softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1).clip(0, 2)
        return predictions(softmax(factor * logits, axis=1), labels, **options)

    return make


def test_the_error_of_a_few_photos_follows_the_definition(predictions):
    # One bin has a wrong photo of confidence 0.62: an error of 0.62. Another has two photos of confidence 0.9, one of
    # which is right: an error of 0.4.
    made = predictions([[0.62, 0.38, 0], [0.9, 0.1, 0], [0.1, 0.9, 0]], [1, 0, 0])
    assert expected_calibration_error(made) == pytest.approx((1 * 0.62 + 2 * 0.4) / 3)
    bins = reliability(made)
    np.testing.assert_allclose(bins["from"], [9 / 15, 13 / 15])
    np.testing.assert_allclose(bins["to"], [10 / 15, 14 / 15])
    assert list(bins["photos"]) == [1, 2]
    wilson = binomtest(1, 2).proportion_ci(method="wilson")
    np.testing.assert_allclose(bins.loc[1, ["low", "high"]].astype(float), [wilson.low, wilson.high])


def test_a_confidence_on_an_edge_belongs_to_the_bin_below(predictions):
    bins = reliability(predictions([[1.0, 0], [0.5, 0.5]], [0, 0], classes=("a", "b")))
    np.testing.assert_allclose(bins["to"], [8 / 15, 1])
    assert list(reliability(predictions([[0.75, 0.25]], [0], classes=("a", "b")))["photos"]) == [1]


def test_the_bins_agree_with_scikit_learn(with_factor):
    made = with_factor(2.0)
    accuracy, confidence = calibration_curve(made.correct, made.confidence, n_bins=15)
    bins = reliability(made)
    np.testing.assert_allclose(bins["accuracy"], accuracy)
    np.testing.assert_allclose(bins["confidence"], confidence, rtol=1e-6)


def test_a_calibrated_classifier_has_almost_no_error(with_factor):
    assert expected_calibration_error(with_factor(1.0)) < 0.01
    assert expected_calibration_error(with_factor(3.0)) > 0.1


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_corrects_over_and_underconfidence(with_factor, factor):
    made = with_factor(factor)
    temperature = fit_temperature(made)
    assert temperature == pytest.approx(factor, rel=0.03)
    scaled = at_temperature(made, temperature)
    assert expected_calibration_error(scaled) < 0.01
    assert (scaled.predicted == made.predicted).all()
    np.testing.assert_allclose(scaled.probabilities.sum(axis=1), 1)


def test_temperature_one_changes_nothing(with_factor):
    made = with_factor(1.0)
    np.testing.assert_allclose(at_temperature(made, 1.0).probabilities, made.probabilities, atol=1e-6)


def test_probabilities_of_zero_are_handled(predictions):
    made = predictions([[1, 0, 0], [1, 0, 0], [0.6, 0.4, 0]], [0, 1, 0])
    temperature = fit_temperature(made)
    assert 1 < temperature <= 10
    assert np.isfinite(at_temperature(made, temperature).probabilities).all()


def test_a_split_without_mistakes_gets_the_lowest_temperature(predictions):
    assert fit_temperature(predictions([[0.9, 0.1, 0], [0.2, 0.8, 0]], [0, 1])) == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("split", ["train", "test", ["validation"] * (PHOTOS - 1) + ["test"]])
def test_photos_of_other_splits_are_rejected(with_factor, split):
    with pytest.raises(ValueError, match="Expected validation photos only"):
        fit_temperature(with_factor(3.0, split=split))
