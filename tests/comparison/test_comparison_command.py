import os
import shlex
import subprocess

import pytest

from ndsc.comparison.comparison_command import command_to_repeat
from ndsc.comparison.comparison_table import Configuration
from tests.comparison.runs import recorded


def repeated(overrides: str, *seeds: str, root: str = "/data/photos", weights: str = "imagenet") -> str | None:
    tags = {"command": f"python -m ndsc.train {overrides}", "data.root": root, "weights": weights}
    return command_to_repeat(Configuration({}, tuple(recorded(seed=seed, tags=tags) for seed in seeds or ("0",))))


def test_seeds_are_joined_to_a_sweep():
    assert repeated("+experiment=baseline seed=3", "3", "7") == "python -m ndsc.train -m +experiment=baseline seed=3,7"
    assert repeated("+experiment=baseline") == "python -m ndsc.train +experiment=baseline seed=0"


def test_no_path_of_the_machine_is_told():
    overrides = (
        "data=ndsc data.root=/data/photos data.metadata=/data/photos/sub/x.csv backbone.weights=/weights/w.keras"
    )
    assert repeated(overrides) == (
        "python -m ndsc.train data=ndsc data.root=$NDSC_ROOT data.metadata=$NDSC_ROOT/sub/x.csv "
        "'backbone.weights=…/w.keras' seed=0"
    )


@pytest.mark.parametrize("root", [".", "photos"])
def test_a_relative_folder_is_replaced_too_and_words_that_are_no_paths_stay(root: str):
    overrides = f"data.root={root} sampling.test.list={root}/test.csv backbone=xception"
    expected = "data.root=$NDSC_ROOT sampling.test.list=$NDSC_ROOT/test.csv backbone=xception"
    assert repeated(overrides, root=root) == f"python -m ndsc.train {expected} seed=0"


def test_where_it_was_recorded_is_left_out_but_not_what_features_are_cached_in():
    places = "tracking=server tracking.root=/x cache.root=/y hydra.run.dir=/z hydra/launcher=joblib threads=1"
    assert repeated(f"{places} cache.dtype=float32") == "python -m ndsc.train cache.dtype=float32 seed=0"


def test_a_shell_reads_the_command_as_it_is_meant():
    command = repeated(
        "'data.root=/data/my photos' '~augmentation.layers.flip' 'a.b=[1, 2]' 'data.metadata=/data/my photos/a b.csv'"
    )
    assert command is not None
    shown = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {command}"],
        env=os.environ | {"NDSC_ROOT": "/mine"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines()[3:] == [
        "data.root=/mine",
        "~augmentation.layers.flip",
        "a.b=[1, 2]",
        "data.metadata=…/a b.csv",
        "seed=0",
    ]
    again = repeated(shlex.join(["data.metadata=/data/photos/a b.csv"]))
    assert again == "python -m ndsc.train 'data.metadata='\"$NDSC_ROOT\"'/a b.csv' seed=0"


def test_random_weights_for_want_of_imagenets_are_asked_for():
    command = repeated("+experiment=baseline backbone.weights=imagenet", weights="random, for want of imagenet")
    assert command == "python -m ndsc.train +experiment=baseline backbone.weights=random seed=0"


def test_a_run_that_did_not_log_its_command_has_none():
    assert command_to_repeat(Configuration({}, (recorded(),))) is None
