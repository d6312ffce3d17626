"""Archives: indexed once, read by offset, indexed again when they or their index have changed."""

import gzip
import logging
import os
import random
import shutil
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import pytest

from ndsc.errors import UserError
from ndsc.storage.archive import Archive, ShortRead, is_archive, open_archive, open_source, read_exactly
from tests.storage.archives import (
    FORMATS,
    LINKS,
    add,
    by_tarfile,
    content,
    linked_tar_bytes,
    mutated,
    odd_tar_bytes,
    tar_bytes,
)

NAMES = [f"beauty_image/{number}.jpg" for number in range(40)]
PACKED = {".tar": lambda data: data, ".tar.gz": lambda data: gzip.compress(data, 1), ".tgz": gzip.compress}


@pytest.fixture(params=[".tar", ".tar.gz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "data" / f"beauty_image{request.param}"
    path.parent.mkdir()
    path.write_bytes(PACKED[request.param](tar_bytes(NAMES)))
    return path


@pytest.fixture
def indexed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The archives that were indexed, one entry each time."""
    from ndsc.storage import archive

    build, calls = archive.build_index, []

    def counting(path: Path, index: Path, signature: str) -> None:
        calls.append(path)
        build(path, index, signature)

    monkeypatch.setattr(archive, "build_index", counting)
    return calls


def contents(archive: Archive) -> dict[str, bytes]:
    rows = archive.members.to_pylist()
    return {row["name"]: read_exactly(archive.source, row["offset"], row["size"]) for row in rows}


def test_every_photo_is_read_in_place(path: Path, tmp_path: Path):
    with open_archive(path, tmp_path / "cache") as archive:
        assert contents(archive) == {name: content(name) for name in NAMES}
        assert (archive.skipped, archive.truncated) == ({}, False)


def test_the_kind_is_recognized_by_the_bytes_not_by_the_name(tmp_path: Path):
    misnamed = tmp_path / "x.tar"
    misnamed.write_bytes(gzip.compress(tar_bytes(NAMES)))
    with open_archive(misnamed, tmp_path / "cache") as archive:
        assert archive.members.num_rows == len(NAMES)


def test_many_threads_read_at_once(path: Path, tmp_path: Path):
    with open_archive(path, tmp_path / "cache") as archive, ThreadPoolExecutor(8) as threads:
        rows = archive.members.to_pylist() * 20
        random.Random(0).shuffle(rows)
        read = list(threads.map(lambda row: read_exactly(archive.source, row["offset"], row["size"]), rows))
    assert read == [content(row["name"]) for row in rows]


def test_an_archive_is_indexed_once_and_indexing_is_logged(
    path: Path, tmp_path: Path, indexed: list[Path], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    for _ in range(3):
        with open_archive(path, tmp_path / "cache") as archive:
            assert contents(archive)[NAMES[7]] == content(NAMES[7])
    assert indexed == [path]
    assert f"indexing {path}" in caplog.text
    assert "40 photos" in caplog.text


def test_nothing_is_written_beside_the_data(path: Path, tmp_path: Path):
    status = path.stat()
    path.parent.chmod(0o500)
    open_archive(path, tmp_path / "cache").close()
    path.parent.chmod(0o700)
    assert os.listdir(path.parent) == [path.name]
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (status.st_mtime_ns, status.st_size)


def test_a_changed_archive_is_indexed_again(path: Path, tmp_path: Path, indexed: list[Path]):
    open_archive(path, tmp_path / "cache").close()
    pack = PACKED["".join(path.suffixes)]
    path.write_bytes(pack(tar_bytes(["beauty_image/other.jpg"])))
    with open_archive(path, tmp_path / "cache") as archive:
        assert contents(archive) == {"beauty_image/other.jpg": content("beauty_image/other.jpg")}
    assert len(indexed) == 2


def test_an_archive_that_changes_while_it_is_indexed_is_an_error(path: Path, tmp_path: Path, monkeypatch):
    from ndsc.storage import archive

    scan = archive.scan_members

    def scan_and_append(source, reached):
        found = scan(source, reached)
        with path.open("ab") as file:
            file.write(b"more")
        return found

    monkeypatch.setattr(archive, "scan_members", scan_and_append)
    with pytest.raises(UserError, match="changed while it was being indexed"):
        open_archive(path, tmp_path / "cache")


def test_a_damaged_index_is_built_again(path: Path, tmp_path: Path, indexed: list[Path]):
    open_archive(path, tmp_path / "cache").close()
    cached = sorted((tmp_path / "cache" / "archives").iterdir())
    damages: list[Callable[[bytes], bytes]] = [
        lambda good: good[: len(good) // 2],
        lambda good: good[:-9] + bytes([good[-9] ^ 1]) + good[-8:],
        lambda _: b"",
    ]
    for file in cached:
        for damage in damages:
            file.write_bytes(damage(file.read_bytes()))
            with open_archive(path, tmp_path / "cache") as archive:
                assert contents(archive)[NAMES[-1]] == content(NAMES[-1])
    assert len(indexed) == 1 + len(cached) * len(damages)


def test_reading_beyond_the_archive_raises_and_allocates_nothing(path: Path, tmp_path: Path):
    with open_archive(path, tmp_path / "cache") as archive:
        for offset, size in ((-1, 5), (0, -1), (0, 1 << 60), (1 << 62, 1), (10**12, 10)):
            with pytest.raises(ShortRead, match="cut off"):
                read_exactly(archive.source, offset, size)


def test_an_archive_that_shrinks_after_it_was_opened_gives_a_reason(tmp_path: Path):
    path = tmp_path / "x.tar"
    path.write_bytes(tar_bytes(NAMES))
    with open_archive(path, tmp_path / "cache") as archive:
        row = archive.members.to_pylist()[-1]
        os.truncate(path, row["offset"] + 10)
        with pytest.raises(ShortRead, match="shorter"):
            read_exactly(archive.source, row["offset"], row["size"])


def test_complete_photos_of_a_truncated_archive_are_read(path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    os.truncate(path, path.stat().st_size // 2)
    with open_archive(path, tmp_path / "cache") as archive:
        found = contents(archive)
        assert archive.truncated
    assert 15 <= len(found) <= 25
    assert found == {name: content(name) for name in NAMES[: len(found)]}
    assert "cut off or damaged" in caplog.text


def test_a_plain_archive_is_read_without_its_cache(path: Path, tmp_path: Path):
    with open_archive(path, tmp_path / "cache") as archive:
        row = archive.members.to_pylist()[3]
    source = open_source(path, tmp_path / "another cache")
    assert read_exactly(source, row["offset"], row["size"]) == content(row["name"])
    assert (tmp_path / "another cache").exists() == path.name.endswith("gz")
    source.close()


def test_a_gzip_archive_damaged_after_indexing_gives_a_reason(tmp_path: Path):
    path = tmp_path / "x.tgz"
    packed = gzip.compress(tar_bytes(NAMES, size=100_000), 1)
    path.write_bytes(packed)
    with open_archive(path, tmp_path / "cache") as archive:
        row = archive.members.to_pylist()[-1]
        with path.open("r+b") as file:
            file.seek(len(packed) // 2)
            file.write(b"\xff" * (len(packed) // 2))
        with pytest.raises(ShortRead, match=r"cannot be read there|shorter"):
            read_exactly(archive.source, row["offset"], row["size"])


@pytest.mark.parametrize(
    "data", [b"", b"<!DOCTYPE html>", bytes(10240), b"\x1f\x8b", gzip.compress(b"no tar", mtime=0), b"BZh91AY&SY" * 99]
)
def test_a_file_that_is_no_tar_is_an_error_with_its_first_bytes(tmp_path: Path, data: bytes):
    path = tmp_path / "beauty_image.tar"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"tar file.* was expected\. Received: .*beauty_image\.tar, [\d,]+ bytes"):
        open_archive(path, tmp_path / "cache")


def test_a_missing_archive_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match="does not exist"):
        open_archive(tmp_path / "missing.tar", tmp_path / "cache")
    with pytest.raises(UserError, match="No such file"):
        open_source(tmp_path / "missing.tar", tmp_path / "cache")


def test_archives_are_recognized_by_their_names():
    assert [is_archive(name) for name in ("a.tar", "a.TAR.GZ", "b.tgz", "a.jpg", "tar", "x.gz")] == [True] * 3 + [
        False
    ] * 3


def _count_members(path: Path, cache: Path) -> int:
    with open_archive(path, cache) as archive:
        return len(contents(archive))


def test_processes_that_index_at_once_all_read_correctly(path: Path, tmp_path: Path):
    with get_context("spawn").Pool(3) as pool:
        counts = pool.starmap(_count_members, [(path, tmp_path / "cache")] * 6)
    assert counts == [len(NAMES)] * 6


@pytest.mark.parametrize("tar_format", ["gnu", "pax"])
@pytest.mark.parametrize("suffix", PACKED)
def test_links_have_the_bytes_of_their_photos_and_links_to_nothing_are_found_without(
    tmp_path: Path, suffix: str, tar_format: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    path = tmp_path / f"x{suffix}"
    data = linked_tar_bytes(FORMATS[tar_format])
    path.write_bytes(PACKED[suffix](data))
    dangling = ("soft/nothing.jpg", "soft/outside.jpg", "soft/itself.jpg")
    names = ["./a/1.jpg", "a/2.jpg", "n" * 150 + "/3.jpg", *LINKS, "a/4.jpg"]
    names.remove("soft/folder")
    with open_archive(path, tmp_path / "cache") as archive, tarfile.open(path) as theirs:
        found = {row["name"]: (row["offset"], row["size"]) for row in archive.members.to_pylist()}
        assert list(found) == names
        for name, (offset, size) in found.items():
            if name in dangling:
                assert (offset, size) == (None, None)
            else:
                # `tarfile` does not find a/1.jpg under the name ./a/1.jpg.
                file = theirs.extractfile("./a/1.jpg" if name == "hard/1.jpg" else name)
                assert read_exactly(archive.source, offset, size) == file.read()
        assert archive.skipped == {"links to folders": 1, "links to nothing in the archive": 3}
    assert "1 links to folders skipped, 3 links to nothing in the archive" in caplog.text


def test_a_chain_of_links_longer_than_linux_follows_leads_to_nothing(tmp_path: Path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        add(tar, "0", b"photo")
        for number in range(1, 60):
            add(tar, str(number), type=tarfile.SYMTYPE, linkname=str(number - 1))
    with open_archive(tmp_path / "x.tar", tmp_path / "cache") as archive:
        sizes = archive.members["size"].to_pylist()
    assert (sizes[:41], sizes[42:]) == ([5] * 41, [None] * 18)


def test_an_index_that_was_made_by_other_rules_is_made_again(
    path: Path, tmp_path: Path, indexed: list[Path], monkeypatch: pytest.MonkeyPatch
):
    open_archive(path, tmp_path / "cache").close()
    open_archive(path, tmp_path / "cache").close()
    assert len(indexed) == 1
    monkeypatch.setattr("ndsc.storage.archive.RULES", -1)
    open_archive(path, tmp_path / "cache").close()
    assert len(indexed) == 2


@pytest.mark.parametrize("seed", range(3))
def test_mutated_archives_are_read_as_tarfile_reads_them(tmp_path: Path, seed: int):
    assert survive_mutations(tmp_path, random.Random(seed), rounds=60) > 5


@pytest.mark.soak
def test_mutated_archives_are_read_for_minutes_without_a_crash(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    seconds = float(os.environ.get("NDSC_SOAK_SECONDS", "600"))
    caplog.set_level(logging.ERROR)
    dice, stop = random.Random(0), time.monotonic() + seconds
    rounds = compared = 0
    while time.monotonic() < stop:
        compared += survive_mutations(tmp_path, dice, rounds=100)
        rounds += 100
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    print(f"\n{rounds:,} archives in {seconds:.0f} s, {compared:,} of them compared with tarfile")


def survive_mutations(folder: Path, dice: random.Random, rounds: int) -> int:
    """Cut, flip and splice archives, before and after they are gzipped: each gives its photos, a reason or an error
    that a user can read. Returns how many were held against what `tarfile` makes of them."""
    compared = 0
    for _ in range(rounds):
        tar_format = dice.choice(list(FORMATS.values()))
        pack = dice.choice(list(PACKED.values()))
        path = folder / "x.tar"
        good = odd_tar_bytes(tar_format)
        path.write_bytes(pack(mutated(good, dice)) if dice.random() < 0.5 else mutated(pack(good), dice))
        found: list[tuple[str, int, int]] = []
        try:
            with open_archive(path, folder / "cache") as archive:
                found = [(row["name"], row["offset"], row["size"]) for row in archive.members.to_pylist()]
                read_or_reason(archive, found)
        except UserError:
            pass
        # Versions of Python differ in what they make of damaged PAX records.
        if tar_format != tarfile.PAX_FORMAT and not path.read_bytes().startswith(b"\x1f\x8b"):
            with suppress(tarfile.ReadError):
                with tarfile.open(path, "r:", ignore_zeros=True) as theirs:
                    links = {member.name for member in theirs if member.issym() or member.islnk()}
                assert by_tarfile(path) == [member for member in found if member[0] not in links]
                compared += 1
    return compared


def read_or_reason(archive: Archive, rows: list[tuple[str, int, int]]) -> None:
    for _, offset, size in rows:
        if size is None:  # a link to nothing
            continue
        assert 0 <= offset <= offset + size <= archive.source.end
        try:
            assert len(read_exactly(archive.source, offset, size)) == size
        except ShortRead:
            continue


def test_names_in_an_archive_cannot_cause_files_to_be_written(tmp_path: Path):
    outside, inside = tmp_path / "outside.jpg", tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    with tarfile.open(inside / "x.tar", "w") as archive:
        for name in (str(outside), "../../up.jpg", "/etc/absolute.jpg", "x.jpg"):
            add(archive, name, b"photo")
        add(archive, "cache", type=tarfile.SYMTYPE, linkname=str(tmp_path))
        add(archive, "cache/through.jpg", b"photo")
    with open_archive(inside / "x.tar", inside / "cache") as opened:
        assert set(contents(opened).values()) == {b"photo"}
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith("a/b/cache/archives/")} == {"a/b/x.tar"}
