"""The pipeline that decodes, resizes and augments photos."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from ndsc.errors import UserError
from tests.components import Setup
from tests.storage.archives import add, tarfile
from tests.storage.servers import web_server


def on_a_server(photos: pd.DataFrame, folder: Path, address: str) -> pd.DataFrame:
    """The same photos in an archive on a server."""
    offsets = []
    with tarfile.open(folder / "photos.tar", "w") as archive:
        for path in photos["archive"]:
            add(archive, Path(path).name, Path(path).read_bytes())
    with tarfile.open(folder / "photos.tar") as archive:
        offsets = [member.offset_data for member in archive]
    return photos.assign(archive=f"{address}/photos.tar", offset=offsets)


def test_views_are_the_same_from_a_server_and_its_failure_is_a_user_error(
    photos: Callable[[int], pd.DataFrame],
    setup: Callable[..., Setup],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("ndsc.storage.remote.FIRST_PAUSE", 0.01)
    pipeline = setup("backbone.engine=tensorflow", "augmentation=none").components.features.pipeline
    here = photos(8)
    with web_server(tmp_path) as server:
        there = on_a_server(here, tmp_path, server.address)
        np.testing.assert_array_equal(pipeline.all_views(there), pipeline.all_views(here))
        server.failing = 10_000
        with pytest.raises(UserError, match=r"server of http.*photos\.tar was expected to answer"):
            pipeline.all_views(there)


def test_the_pipeline_runs_without_the_tuning_thread(
    photos: Callable[[int], pd.DataFrame], setup: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch
):
    tuned = []
    iterator = tf.data.Dataset.as_numpy_iterator

    def recording(dataset: tf.data.Dataset) -> object:
        tuned.append(dataset.options().autotune.enabled)
        return iterator(dataset)

    # The wait itself is a race, which occurs once in four times and takes seconds: the benchmarks measure it.
    monkeypatch.setattr(tf.data.Dataset, "as_numpy_iterator", recording)
    setup("backbone.engine=tensorflow", "augmentation=none").components.features.pipeline.all_views(photos(2))
    assert tuned == [False]
