"""Bytes at an offset: out of plain files and out of gzip files, whole and broken."""

import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ndsc.storage.byte_sources import ForwardStream, GzipStream, PlainFile, SeekableGzip

DATA = np.random.default_rng(0).bytes(3_000_000)
FIRST = gzip.compress(DATA[:2_500_000], 1)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "x.gz"
    # Two gzip files in a row, as concatenated archives are.
    path.write_bytes(FIRST + gzip.compress(DATA[2_500_000:], 1))
    return path


def test_a_plain_file_gives_the_bytes_at_the_offset_and_fewer_at_its_end(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(DATA)
    with closing(PlainFile(path)) as source:
        assert source.read_at(1000, 50) == DATA[1000:1050]
        assert source.read_at(len(DATA) - 3, 50) == DATA[-3:]
        assert source.read_at(1 << 80, 50) == b""


def test_chunks_are_read_forward_at_any_offset():
    data = DATA[:25_500]
    stream = ForwardStream(data[start : start + 1000] for start in range(0, len(data), 1000))
    for offset, size in ((0, 10), (5, 990), (990, 20), (1000, 1000), (2500, 9000), (20_000, 1), (25_400, 900)):
        assert stream.read_at(offset, size) == data[offset : offset + size]
    assert stream.read_at(25_500, 1) == stream.read_at(1 << 62, 5) == b""
    assert stream.end == len(data)


def test_a_gzip_stream_reads_forward_and_knows_its_end_after_the_last_byte(packed: Path):
    with closing(GzipStream(packed)) as source:
        assert source.read_at(0, 10) == DATA[:10]
        assert source.read_at(5, 700_000) == DATA[5:700_005]
        assert source.read_at(1_999_990, 20) == DATA[1_999_990:2_000_010]
        assert source.read_at(len(DATA) - 3, 50) == DATA[-3:]
        assert source.read_at(1 << 40, 50) == b""
        assert (source.end, source.whole) == (len(DATA), True)
        assert source.compressed_position == packed.stat().st_size


@pytest.mark.parametrize("damage", ["cut", "garbage after", "checksum"])
def test_a_broken_stream_gives_the_bytes_before_the_damage(packed: Path, damage: str):
    broken = {
        "cut": lambda b: b[:-500_000],
        "garbage after": lambda b: b + b"x" * 99,
        "checksum": lambda b: b[:-1] + b"x",
    }
    packed.write_bytes(broken[damage](packed.read_bytes()))
    with closing(GzipStream(packed)) as source:
        assert source.read_at(1_200_000, 9) == DATA[1_200_000:1_200_009]
        assert source.read_at(1 << 40, 1) == b""
        assert not source.whole
        assert source.end == len(DATA) if damage != "cut" else 1_200_009 < source.end < len(DATA)


def test_an_indexed_gzip_file_is_read_in_any_order_by_many_threads(packed: Path, tmp_path: Path):
    seek_index = tmp_path / "seek_index"
    with closing(SeekableGzip(packed, len(DATA))) as source:
        assert source.extend_seek_index(len(DATA))
        source.save_seek_index(seek_index)
    offsets = np.random.default_rng(1).permutation(np.arange(0, len(DATA) - 100, 29_989)).tolist()
    with closing(SeekableGzip(packed, len(DATA), seek_index)) as source, ThreadPoolExecutor(4) as threads:
        read = list(threads.map(lambda offset: source.read_at(offset, 100), offsets))
    assert read == [DATA[offset : offset + 100] for offset in offsets]


def test_damage_ends_the_index_and_the_bytes_before_it_are_read(packed: Path):
    # The header of a second gzip file, then a block of a type that does not exist.
    packed.write_bytes(FIRST + FIRST[:10] + b"\xff" * 100_000)
    with closing(SeekableGzip(packed, len(DATA))) as source:
        assert source.extend_seek_index(500_000)
        assert not source.extend_seek_index(len(DATA))
        assert source.read_at(900_000, 9) == DATA[900_000:900_009]
        with pytest.raises(OSError, match="zran"):
            source.read_at(2_900_000, 9)


def test_closing_releases_the_descriptors(packed: Path):
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        PlainFile(packed).close()
        GzipStream(packed).close()
        SeekableGzip(packed, len(DATA)).close()
    assert len(os.listdir("/dev/fd")) == before
