"""A run is taken for one that is finished only where its data is the same, to the last letter of its tables."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ndsc.caching.digests import SAMPLE_BYTES, sampled_offsets
from ndsc.config.schema import Config
from ndsc.data import data_digest as module
from tests.storage.servers import web_server

ROWS = 8000


def data_digest(config: Config) -> str:
    return module.data_digest(config.data, config.sampling, Path(config.cache.root))


def write_table(path: Path, header: str = "image_path,label") -> None:
    path.write_text(f"{header}\n" + "".join(f"beauty_image/{number:07}.jpg,train\n" for number in range(ROWS)))


def change_a_letter_between_samples(path: Path) -> None:
    """As a person corrects one label; neither the size nor a sampled block changes."""
    text, before = bytearray(path.read_bytes()), path.stat()
    first, second = sampled_offsets(len(text))[:2]
    at = text.index(b"train", first + SAMPLE_BYTES)
    assert at + 5 < second
    text[at : at + 5] = b"tests"
    path.write_bytes(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What a digest looks at of NDSC's layout, and one photo beside it."""
    root = tmp_path / "root"
    root.mkdir()
    for name in ("train.csv", "extra.csv", "test.csv", "exclude.csv", "categories.json", "photos.csv"):
        write_table(root / name, "image_path,label,split" if name == "photos.csv" else "image_path,label")
    (root / "beauty_image.tar").write_bytes(b"an archive")
    photo = root / "beauty_image" / "0000000.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"photo")
    return root


@pytest.mark.parametrize("name", ["train.csv", "categories.json", "extra.csv", "test.csv", "exclude.csv"])
def test_one_changed_letter_in_any_table_of_listings_changes_the_digest(
    configured: Callable[..., Config], root: Path, name: str
):
    tables = (f"data.metadata={root}/extra.csv", f"sampling.test.list={root}/test.csv")
    config = configured("data=ndsc", f"data.root={root}", *tables, f"sampling.exclude={root}/exclude.csv")
    before = data_digest(config)
    change_a_letter_between_samples(root / name)
    assert data_digest(config) != before


def test_one_changed_letter_in_a_further_column_changes_the_digest(
    configured: Callable[..., Config], root: Path, tmp_path: Path
):
    table = root / "photos.csv"
    table.write_text(table.read_text().replace(",train\n", ",beauty,train\n"))
    config = configured("data=table", f"data.table={table}", f"cache.root={tmp_path / 'cache'}")
    before = data_digest(config)
    assert data_digest(config) == before
    change_a_letter_between_samples(table)
    assert data_digest(config) != before


def test_one_changed_letter_in_a_table_on_a_server_changes_the_digest(
    configured: Callable[..., Config], root: Path, tmp_path: Path
):
    (root / "categories.json").unlink()
    with web_server(root) as server:
        config = configured("data=ndsc", f"data.root={server.address}", f"cache.root={tmp_path / 'cache'}")
        before = data_digest(config)
        assert before == data_digest(configured("data=ndsc", f"data.root={root}"))
        change_a_letter_between_samples(root / "train.csv")
        os.utime(root / "train.csv", (1, 1))  # its server distinguishes versions by their time
        assert data_digest(config) != before
