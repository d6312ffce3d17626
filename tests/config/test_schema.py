import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from ndsc.config.checks import typed
from ndsc.config.schema import CONFIG_FOLDER, Config
from ndsc.errors import UserError
from tests.conftest import composing

GROUPS = sorted(
    (folder.name, file.stem)
    for folder in CONFIG_FOLDER.iterdir()
    if folder.is_dir() and folder.name not in ("hydra", "experiment")
    for file in folder.glob("*.yaml")
)
EXPERIMENTS = sorted(file.stem for file in (CONFIG_FOLDER / "experiment").glob("*.yaml"))
# Overrides that a choice needs.
NEEDS = {
    ("data", "ndsc"): ["data.root=/photos"],
    ("data", "folder"): ["data.root=/photos"],
    ("data", "table"): ["data.table=photos.csv"],
    ("split", "group"): ["split.by=shop"],
    ("split", "column"): ["split.by=side"],
}
LIGHT = """
import sys
from hydra import compose, initialize_config_dir
from ndsc.config.checks import typed
from ndsc.config.command_line import VERSION_BASE
from ndsc.config.schema import CONFIG_FOLDER
with initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
    typed(compose("train", overrides=["+experiment=baseline"]))
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize(("group", "choice"), GROUPS)
def test_every_choice_of_every_group_composes_and_passes_the_check(configured, group: str, choice: str):
    config = configured(f"{group}={choice}", *NEEDS.get((group, choice), []))
    assert isinstance(config, Config)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes_and_passes_the_check(configured, experiment: str):
    assert isinstance(configured(f"+experiment={experiment}"), Config)


def rounds() -> list[dict[str, str]]:
    """Return choices of all groups at once, until every choice of every group has been in one of them."""
    options: dict[str, list[str]] = {}
    for group, choice in GROUPS:
        options.setdefault(group, []).append(choice)
    longest = max(map(len, options.values()))
    return [{group: one[number % len(one)] for group, one in options.items()} for number in range(longest)]


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., DictConfig]]:
    """Composes these choices of groups, each combination once."""
    with composing(tmp_path_factory.mktemp("chosen")) as composed:
        yield cache(lambda *overrides: composed(*overrides))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_overrides_nothing_that_a_choice_of_a_group_sets(
    chosen: Callable[..., DictConfig], experiment: str
):
    for choices in rounds():
        typed = [f"{group}={choice}" for group, choice in choices.items()]
        without, within = chosen(*typed), chosen(*typed, f"+experiment={experiment}")
        assert {group: within[group] for group in choices} == {group: without[group] for group in choices}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_backbone_s_own_settings_win_over_every_experiment(
    composed: Callable[..., DictConfig], tmp_path: Path, experiment: str
):
    own = {"image_size": 299, "resize": "pad", "freeze": "before:block5", "weights": "own.weights.h5"}
    (tmp_path / "backbone").mkdir()
    (tmp_path / "backbone" / "own.yaml").write_text(yaml.safe_dump({"defaults": ["xception"], "name": "own", **own}))
    config = composed(f"hydra.searchpath=[file://{tmp_path}]", f"+experiment={experiment}", "backbone=own")
    assert {key: config.backbone[key] for key in own} == own


def test_the_baseline_is_what_the_original_study_did(configured: Callable[..., Config]):
    config = configured("+experiment=baseline")
    assert (config.seed, config.data.labels, config.split.kind, config.split.validation) == (0, "domain", "random", 0.2)
    assert (config.sampling.per_class, config.sampling.test.per_class, config.split.duplicates) == (1150, 3, "exact")
    assert (config.backbone.image_size, config.backbone.resize, config.cache.dtype) == (224, "stretch", "float16")
    assert (config.backbone.name, config.backbone.weights, config.backbone.freeze) == ("resnet50", "imagenet", "all")
    assert (config.head.units, config.head.dropout) == (None, 0.0)
    assert (config.training.epochs, config.training.batch_size, config.training.label_smoothing) == (30, 32, 0.0)
    assert (config.optimizer["_target_"], config.optimizer["learning_rate"]) == ("keras.optimizers.Adam", 1e-3)
    assert config.callbacks["early_stopping"]["patience"] == 5
    layers = config.augmentation.layers
    assert (config.augmentation.views, list(layers)) == (4, ["flip", "rotate", "shift"])
    assert (layers["rotate"]["factor"], layers["shift"]["width_factor"]) == (0.05, 0.1)


def test_a_library_object_is_changed_extended_and_removed_from_the_command_line(configured: Callable[..., Config]):
    config = configured(
        "augmentation.layers.rotate.factor=0.1",
        "~augmentation.layers.flip",
        "+augmentation.layers.zoom._target_=keras.layers.RandomZoom",
        "+augmentation.layers.zoom.height_factor=0.2",
        "callbacks.early_stopping.patience=7",
    )
    assert list(config.augmentation.layers) == ["rotate", "shift", "zoom"]
    assert config.augmentation.layers["rotate"]["factor"] == 0.1
    assert config.callbacks["early_stopping"]["patience"] == 7


def test_a_choice_changes_nothing_that_it_does_not_name(composed: Callable[..., DictConfig]):
    default, group = composed(), composed("split=group", "split.by=shop")
    group.split.kind, group.split.by = default.split.kind, default.split.by
    assert OmegaConf.to_container(default) == OmegaConf.to_container(group)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("data.source=???", "data.source"),
        ("~optimizer", "optimizer"),
        ("data.root=${oc.env:NDSC_NO_SUCH_VARIABLE}", "NDSC_NO_SUCH_VARIABLE"),
    ],
)
def test_missing_values_are_reported(composed: Callable[..., DictConfig], override: str, expected: str):
    with pytest.raises(UserError, match=expected):
        typed(composed(override))


def test_typing_and_checking_import_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert not {"tensorflow", "keras", "mlflow", "pandas", "pyarrow"} & set(done.stdout.split())
