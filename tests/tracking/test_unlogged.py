import pytest

from ndsc.tracking.unlogged import differing

COMMON = {
    "seed": 0,
    "training": {"label_smoothing": 0.0},
    "augmentation": {"layers": {"zoom": {"_target_": "RandomZoom", "height_factor": [-0.1, 0.1]}}},
    "callbacks": {"checkpoint": {"filepath": "outputs/1/best.weights.h5", "monitor": "val_loss"}},
    "tracking": {"root": "mlruns"},
}


@pytest.mark.parametrize(
    ("other", "keys"),
    [
        ({"training": {"label_smoothing": 0.1}}, {"training.label_smoothing"}),
        (
            {"augmentation": {"layers": {"zoom": {"_target_": "RandomZoom", "height_factor": [-0.2, 0.1]}}}},
            {"augmentation.layers.zoom.height_factor.0"},
        ),
        (
            {"augmentation": {"layers": {}}},
            {f"augmentation.layers.zoom.{key}" for key in ("_target_", "height_factor.0", "height_factor.1")},
        ),
        ({"callbacks": {"checkpoint": {"filepath": "outputs/2/best.weights.h5", "monitor": "val_loss"}}}, set()),
        ({"seed": 1, "tracking": {"root": "elsewhere"}}, set()),
        # An older version had no such setting yet.
        ({"training": {}}, set()),
    ],
)
def test_a_value_that_differs_is_found_unless_it_shapes_nothing(other: dict, keys: set[str]):
    assert differing([COMMON, COMMON, COMMON | other]) == keys
