"""Where the photos of a run come from while its features are made."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from ndsc.errors import UserError
from ndsc.training.finetuning import Study
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


def test_views_are_the_same_out_of_an_archive_on_a_server_and_its_silence_is_told_in_words(
    photos: Callable[[int], pd.DataFrame],
    study: Callable[..., Study],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("ndsc.storage.remote.FIRST_PAUSE", 0.01)
    part = study("backbone.engine=tensorflow", "augmentation=none").frozen_part("all")
    here = photos(8)
    with web_server(tmp_path) as server:
        there = on_a_server(here, tmp_path, server.address)
        np.testing.assert_array_equal(part.pixels(there), part.pixels(here))
        server.failing = 10_000
        with pytest.raises(UserError, match=r"server of http.*photos\.tar was expected to answer"):
            part.pixels(there)


def test_nothing_tunes_the_pipeline_for_whose_thread_its_end_would_wait(
    photos: Callable[[int], pd.DataFrame], study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
):
    tuned = []
    iterator = tf.data.Dataset.as_numpy_iterator

    def noting(dataset: tf.data.Dataset) -> object:
        tuned.append(dataset.options().autotune.enabled)
        return iterator(dataset)

    # The wait itself is a race that TensorFlow loses once in four times, for seconds: the benchmarks see it.
    monkeypatch.setattr(tf.data.Dataset, "as_numpy_iterator", noting)
    study("backbone.engine=tensorflow", "augmentation=none").frozen_part("all").pixels(photos(2))
    assert tuned == [False]
