from omegaconf import DictConfig, OmegaConf

from ndsc.model.weights import RANDOM_FALLBACK
from ndsc.tracking.earlier_versions import rename_config, rename_metrics, rename_overrides, rename_params, rename_tags


def test_params_and_metrics_get_their_new_names():
    assert rename_params({"backbone.float32": "none", "seed": "0"}) == {"backbone.float32_until": "none", "seed": "0"}
    assert rename_metrics({"test/scaled_calibration_error": 0.1, "val/loss": 1.0}) == {
        "test/ece_temperature_scaled": 0.1,
        "val/loss": 1.0,
    }


def test_tags_get_their_new_values():
    tags = rename_tags({"weights": "random, for want of imagenet", "command": "python -m ndsc.train rerun=true seed=1"})
    assert tags == {"weights": RANDOM_FALLBACK, "command": "python -m ndsc.train rerun_finished=true seed=1"}
    assert rename_tags({"weights": "imagenet"}) == {"weights": "imagenet"}


def test_only_whole_keys_of_overrides_are_renamed():
    for old, new in (
        ("backbone.float32='before:conv_pw_1'", "backbone.float32_until='before:conv_pw_1'"),
        ("++data.extra=a.csv", "++data.metadata=a.csv"),
        ("tracking.into=abc", "tracking.resume_run_id=abc"),
        ("tracking.parent_run_id=abc", "tracking.parent_run_id=abc"),
        ("rerun_finished=true", "rerun_finished=true"),
        ("my.rerun=1", "my.rerun=1"),
        ("tracking.run_name='rerun'", "tracking.run_name='rerun'"),
    ):
        assert rename_overrides(old) == new


def test_a_configuration_gets_its_new_keys_with_the_same_values():
    config = OmegaConf.create(
        {"backbone": {"float32": "none", "name": "a"}, "rerun": False, "tracking": {"into": None}}
    )
    assert isinstance(config, DictConfig)
    assert rename_config(config) == {
        "backbone": {"float32_until": "none", "name": "a"},
        "rerun_finished": False,
        "tracking": {"resume_run_id": None},
    }
