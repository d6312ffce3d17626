import os
from pathlib import Path

import pytest

from ndsc.caching.openvino_cache import cached_network
from ndsc.errors import UserError


def test_making_a_network_tells_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    telemetry = pytest.importorskip(
        "openvino.tools.ovc.telemetry_utils", reason="no wheels of OpenVINO for this machine"
    )
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("NNCF_CI", "mine")
    consents = []

    def make(path: Path) -> None:
        consents.append(telemetry.init_ovc_telemetry("a test of ndsc").consent)
        path.write_text("network")
        path.with_suffix(".bin").write_bytes(b"weights")

    cached_network({"name": "a"}, tmp_path, make)
    assert consents == [False]
    assert "CI" not in os.environ
    assert os.environ["NNCF_CI"] == "mine"


def test_a_network_that_cannot_be_put_anywhere_is_told_in_words(tmp_path: Path):
    (tmp_path / "cache").write_text("a file, where a folder should be")
    with pytest.raises(UserError, match=r"The cache must be writable.* Received: Not a directory at .*networks"):
        cached_network({"name": "a"}, tmp_path / "cache", lambda path: None)
