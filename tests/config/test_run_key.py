import re
import shutil
from collections.abc import Callable, Iterable, Iterator
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
    """Return the key of a run on the configured data."""
    return module.run_key(config, data_digest(config.data, config.sampling, Path(config.cache.root)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_sample(tmp_path_factory.mktemp("data"), photos_per_class=10)


@pytest.mark.parametrize(
    "override",
    ["seed=1", "augmentation=strong", "optimizer.learning_rate=0.1", "cache.dtype=float32", "callbacks=none"],
)
def test_settings_that_shape_numbers_change_the_key(configured: Callable[..., Config], override: str):
    assert run_key(configured(override)) != run_key(configured())


def test_the_order_of_augmentation_layers_changes_the_key(configured: Callable[..., Config]):
    config = configured("augmentation=strong")
    turned = dict(reversed(config.augmentation.layers.items()))
    assert turned == config.augmentation.layers
    assert run_key(replace(config, augmentation=replace(config.augmentation, layers=turned))) != run_key(config)


@pytest.mark.parametrize(
    "override",
    ["tracking=off", "tracking.run_name=mine", "cache.root=elsewhere", "threads=1", "rerun_finished=true"],
)
def test_locations_and_tracking_do_not_change_the_key(configured: Callable[..., Config], override: str):
    assert run_key(configured(override)) == run_key(configured())


@pytest.mark.parametrize(
    ("variable", "counts"),
    [
        ("TF_ENABLE_ONEDNN_OPTS", True),
        ("TF_SOME_NEW_FLAG", True),
        ("XLA_FLAGS", True),
        ("ONEDNN_DEFAULT_FPMATH_MODE", True),
        ("NVIDIA_TF32_OVERRIDE", True),
        ("OPENBLAS_CORETYPE", True),
        ("TF_CPP_MIN_LOG_LEVEL", False),
        ("TF_NUM_INTRAOP_THREADS", False),
        ("TF_FORCE_GPU_ALLOW_GROWTH", False),
        ("ONEDNN_VERBOSE", False),
        ("OPENBLAS_NUM_THREADS", False),
        ("MKL_DYNAMIC", False),
        ("CUDA_VISIBLE_DEVICES", False),
        ("MY_TF_FLAG", False),
    ],
)
def test_environment_variables_that_change_numbers_change_the_key(
    configured: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, variable: str, counts: bool
):
    monkeypatch.delenv(variable, raising=False)
    key = run_key(configured())
    monkeypatch.setenv(variable, "1")
    assert (run_key(configured()) != key) is counts


def test_where_a_callback_writes_does_not_change_the_key(configured: Callable[..., Config]):
    written = ("callbacks=checkpoint", "callbacks.checkpoint.filepath=elsewhere.weights.h5")
    assert run_key(configured(*written)) == run_key(configured("callbacks=checkpoint"))


def test_the_content_of_the_data_changes_the_key_and_its_location_does_not(
    configured: Callable[..., Config], data: Path, tmp_path: Path
):
    moved = Path(shutil.copytree(data, tmp_path / "moved", copy_function=shutil.copy))
    key = run_key(configured("data=ndsc", f"data.root={data}"))
    assert run_key(configured("data=ndsc", f"data.root={moved}")) == key
    with (moved / "train.csv").open("a") as listings:
        listings.write("1,title,3,beauty_image/none.jpg\n")
    assert run_key(configured("data=ndsc", f"data.root={moved}")) != key


def test_data_on_a_server_has_the_key_of_the_same_data_on_disk(
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


def test_excluded_photos_count_by_every_byte_of_their_file_and_not_by_its_location(
    configured: Callable[..., Config], tmp_path: Path
):
    lines = [f"beauty_image/{number:032x}.jpg,no" for number in range(20_000)]
    keys = [run_key(configured())]
    for name, turned in {"a.csv": None, "b.csv": None, "c.csv": 777}.items():
        changed = [line.replace(",no", ",NO") if at == turned else line for at, line in enumerate(lines)]
        (tmp_path / name).write_text("\n".join(["image_path,exclude", *changed]))
        keys.append(run_key(configured(f"sampling.exclude={tmp_path / name}")))
    assert keys[1] == keys[2]
    assert len(set(keys)) == 3


def test_weights_in_a_file_count_by_their_content(configured: Callable[..., Config], tmp_path: Path):
    keys = []
    for name, content in {"a.weights.h5": "x", "b.weights.h5": "x", "c.weights.h5": "y"}.items():
        (tmp_path / name).write_text(content)
        keys.append(run_key(configured(f"backbone.weights={tmp_path / name}")))
    assert keys[0] == keys[1] != keys[2]


# One decision for each room and module at the top of the package.
SHAPE_NUMBERS = {
    *("caching", "data", "duplicates", "features", "model", "sample", "storage", "training"),
    *("evaluation/calibration.py", "evaluation/intervals.py", "evaluation/predictions.py", "evaluation/report.py"),
    *("config/instantiate.py", "experiment.py", "seeds.py", "__init__.py"),
}
MIXED = {"config", "evaluation"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package, whose source is in the key instead."""
    copied = tmp_path / "ndsc"
    shutil.copytree(module.PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "PACKAGE", copied)
    yield copied
    module.source_digest.cache_clear()


@pytest.fixture(scope="module")
def unchanged() -> str:
    """The digest of the package as it is."""
    return digest_now()


def digest_now() -> str:
    """Return the digest that a new process would compute."""
    module.source_digest.cache_clear()
    return module.source_digest()


def modules_of(package: Path, rooms: Iterable[str]) -> list[Path]:
    """Return all modules of these rooms."""
    paths = [package / room for room in rooms]
    return [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*.py")))]


def test_every_room_shapes_numbers_or_does_not(package: Path):
    rooms = {path.name for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    others = {entry.rstrip("/") for entry in module.SHAPE_NO_NUMBERS}
    assert all((package / entry).exists() for entry in SHAPE_NUMBERS | others)
    assert rooms - MIXED == {entry for entry in SHAPE_NUMBERS | others if "/" not in entry}
    assert not SHAPE_NUMBERS & others


@pytest.mark.parametrize("room", sorted(SHAPE_NUMBERS))
def test_a_changed_statement_that_shapes_numbers_is_a_miss(package: Path, unchanged: str, room: str):
    path = modules_of(package, [room])[-1]
    path.write_text(path.read_text() + "\nCHANGED = 1\n")
    assert digest_now() != unchanged


def test_changed_docstrings_comments_and_formats_are_hits(package: Path, unchanged: str):
    for path in modules_of(package, SHAPE_NUMBERS - {"__init__.py"}):
        text = re.sub(r'^( *)"""(?=\w)', r'\1"""Edited. ', path.read_text(), flags=re.MULTILINE)
        path.write_text(text.replace("\n\n\n", "\n\n\n\n# edited\n"))
    assert digest_now() == unchanged


def test_changed_statements_that_shape_no_numbers_are_hits(package: Path, unchanged: str):
    for path in modules_of(package, module.SHAPE_NO_NUMBERS):
        path.write_text(path.read_text() + "\nCHANGED = 1\n")
    assert digest_now() == unchanged


def test_a_new_module_is_a_miss_and_so_is_one_that_moves(package: Path, unchanged: str):
    (package / "new.py").write_text("X = 1\n")
    added = digest_now()
    (package / "new.py").rename(package / "newer.py")
    assert len({unchanged, added, digest_now()}) == 3


def test_the_source_counts_as_it_was_when_the_process_started(configured: Callable[..., Config], package: Path):
    config = configured()
    module.source_digest.cache_clear()
    key = run_key(config)
    with (package / "seeds.py").open("a") as source:
        source.write("CHANGED = 1\n")
    assert run_key(config) == key
    module.source_digest.cache_clear()  # as in a new process
    assert run_key(config) != key
