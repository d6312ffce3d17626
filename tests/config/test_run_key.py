import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ndsc.config import run_key as module
from ndsc.config.schema import Config
from ndsc.data.catalogue import check_data
from ndsc.data.data_digest import data_digest
from ndsc.sample import render_sample
from tests.storage.servers import web_server


def run_key(config: Config) -> str:
    """The key of a run on the configured data."""
    return module.run_key(config, data_digest(config.data, config.sampling, Path(config.cache.root)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_sample(tmp_path_factory.mktemp("data"), photos_per_class=10)


@pytest.mark.parametrize(
    "override",
    ["seed=1", "augmentation=strong", "optimizer.learning_rate=0.1", "cache.dtype=float32", "callbacks=none"],
)
def test_what_shapes_the_numbers_is_in_the_key(configured: Callable[..., Config], override: str):
    assert run_key(configured(override)) != run_key(configured())


def test_the_order_of_augmentation_s_layers_is_in_the_key(configured: Callable[..., Config]):
    config = configured("augmentation=strong")
    turned = dict(reversed(config.augmentation.layers.items()))
    assert turned == config.augmentation.layers
    assert run_key(replace(config, augmentation=replace(config.augmentation, layers=turned))) != run_key(config)


@pytest.mark.parametrize(
    "override",
    ["tracking=off", "tracking.run_name=mine", "cache.root=elsewhere", "threads=1", "rerun_finished=true"],
)
def test_places_and_tracking_are_not(configured: Callable[..., Config], override: str):
    assert run_key(configured(override)) == run_key(configured())


def test_where_a_callback_writes_is_not(configured: Callable[..., Config]):
    written = ("callbacks=checkpoint", "callbacks.checkpoint.filepath=elsewhere.weights.h5")
    assert run_key(configured(*written)) == run_key(configured("callbacks=checkpoint"))


def test_the_data_counts_and_not_where_it_lies(configured: Callable[..., Config], data: Path, tmp_path: Path):
    moved = Path(shutil.copytree(data, tmp_path / "moved", copy_function=shutil.copy))
    key = run_key(configured("data=ndsc", f"data.root={data}"))
    assert run_key(configured("data=ndsc", f"data.root={moved}")) == key
    with (moved / "train.csv").open("a") as listings:
        listings.write("1,title,3,beauty_image/none.jpg\n")
    assert run_key(configured("data=ndsc", f"data.root={moved}")) != key


def test_data_on_a_server_is_the_data_that_lies_on_the_disk(
    configured: Callable[..., Config], data: Path, tmp_path: Path
):
    with web_server(data) as server:
        there = configured("data=ndsc", f"data.root={server.address}", f"cache.root={tmp_path}")
        check_data(there.data, there.sampling, there.split, Path(there.cache.root))
        assert run_key(there) == run_key(configured("data=ndsc", f"data.root={data}"))


def test_a_photo_that_changed_in_a_folder_counts(configured: Callable[..., Config], tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "a.jpg").write_bytes(b"photo")
    config = configured("data=folder", f"data.root={tmp_path / 'data'}", f"cache.root={tmp_path / 'cache'}")
    key = run_key(config)
    assert run_key(config) == key
    (tmp_path / "data" / "two" / "a.jpg").write_bytes(b"other")
    assert run_key(config) != key


def test_a_list_of_test_photos_counts_by_its_content(configured: Callable[..., Config], tmp_path: Path):
    keys = []
    for name, content in {"a.csv": "x", "b.csv": "x", "c.csv": "y"}.items():
        (tmp_path / name).write_text(content)
        keys.append(run_key(configured(f"sampling.test.list={tmp_path / name}")))
    assert keys[0] == keys[1] != keys[2]


def test_verdicts_count_by_every_byte_of_their_file_and_not_by_its_place(
    configured: Callable[..., Config], tmp_path: Path
):
    lines = [f"beauty_image/{number:032x}.jpg,no" for number in range(20_000)]
    keys = [run_key(configured())]
    for name, turned in {"a.csv": None, "b.csv": None, "c.csv": 777}.items():
        said = [line.replace(",no", ",NO") if at == turned else line for at, line in enumerate(lines)]
        (tmp_path / name).write_text("\n".join(["image_path,exclude", *said]))
        keys.append(run_key(configured(f"sampling.exclude={tmp_path / name}")))
    assert keys[1] == keys[2]
    assert len(set(keys)) == 3


def test_weights_in_a_file_count_by_their_content(configured: Callable[..., Config], tmp_path: Path):
    keys = []
    for name, content in {"a.weights.h5": "x", "b.weights.h5": "x", "c.weights.h5": "y"}.items():
        (tmp_path / name).write_text(content)
        keys.append(run_key(configured(f"backbone.weights={tmp_path / name}")))
    assert keys[0] == keys[1] != keys[2]


def test_the_packages_own_source_counts_as_it_was_at_the_start(
    configured: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = configured()
    copied = Path(shutil.copytree(module.PACKAGE, tmp_path / "ndsc"))
    key = run_key(config)
    monkeypatch.setattr(module, "PACKAGE", copied)
    module.source_digest.cache_clear()
    assert run_key(config) == key
    with (copied / "seeds.py").open("a") as source:
        source.write("# changed\n")
    assert run_key(config) == key
    module.source_digest.cache_clear()  # as in a process that starts now
    assert run_key(config) != key
    module.source_digest.cache_clear()
