"""The scan finds what `tarfile` finds, in good, unusual and damaged archives."""

import io
import random
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ndsc.storage.byte_sources import PlainFile
from ndsc.storage.tar_scan import Scan, scan_members
from tests.storage.archives import FORMATS, add, by_tarfile, mutated, tar_bytes, with_checksum

NAMES = ("beauty_image/1.jpg", "n" * 300, "d/" * 90 + "x.jpg", "/absolute/ä€.jpg", "../../up.jpg", "beauty_image/1.jpg")


@pytest.fixture
def scan(tmp_path: Path) -> Callable[[bytes], Scan]:
    """Scans bytes and checks that the members found are those that `tarfile` finds."""

    def scan_bytes(data: bytes, same_as_tarfile: bool = True) -> Scan:
        path = tmp_path / "x.tar"
        path.write_bytes(data)
        with closing(PlainFile(path)) as source:
            found = scan_members(source, lambda _: None)
        assert not same_as_tarfile or rows(found) == by_tarfile(path)
        return found

    return scan_bytes


def rows(scan: Scan) -> list[tuple[str, int, int]]:
    return [(row["name"], row["offset"], row["size"]) for row in scan.members.to_pylist()]


def names(scan: Scan) -> list[str]:
    return scan.members.column("name").to_pylist()


@pytest.mark.parametrize("tar_format", ["gnu", "pax"])
def test_long_absolute_and_repeated_names_are_read_unchanged(scan: Callable[..., Scan], tar_format: str):
    found = scan(tar_bytes(NAMES, FORMATS[tar_format]))
    assert names(found) == list(NAMES)
    assert (found.skipped, found.truncated) == ({}, False)


def test_a_posix_prefix_is_part_of_the_name(scan: Callable[..., Scan]):
    name = "/".join(["folder" * 5] * 6) + "/a.jpg"
    assert names(scan(tar_bytes([name], tarfile.USTAR_FORMAT))) == [name]


def test_more_members_than_fit_into_one_part_are_found(scan: Callable[..., Scan], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ndsc.storage.tar_scan.PAUSE_EVERY", 7)
    wanted = [f"{number}.jpg" for number in range(21)]
    assert names(scan(tar_bytes(wanted))) == wanted


def test_members_that_are_no_regular_files_are_counted(scan: Callable[..., Scan]):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        add(archive, "folder", type=tarfile.DIRTYPE)
        add(archive, "folder/link", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(archive, "hard", type=tarfile.LNKTYPE, linkname="folder/a.jpg")
        add(archive, "null", type=tarfile.CHRTYPE)
        add(archive, "pipe", type=tarfile.FIFOTYPE)
        add(archive, "volume", b"label", type=b"V")
        add(archive, "folder/a.jpg", b"photo")
    found = scan(buffer.getvalue())
    assert names(found) == ["folder/a.jpg"]
    assert found.skipped == {"folders": 1, "devices": 1, "pipes": 1, "members of unknown kind": 1}


def test_sparse_members_are_skipped_with_their_maps(scan: Callable[..., Scan]):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        add(archive, "new.jpg", b"0\n" + bytes(510), pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})
        add(archive, "after.jpg", b"photo")
    old = bytearray(tarfile.TarInfo("old.jpg").tobuf(tarfile.GNU_FORMAT))
    old[124:136], old[156:157], old[482:483] = b"%011o\0" % 512, b"S", b"\1"
    map_blocks = bytes(504) + b"\1" + bytes(7) + bytes(512)
    found = scan(with_checksum(bytes(old)) + map_blocks + b"x" * 512 + buffer.getvalue())
    assert names(found) == ["after.jpg"]
    assert found.skipped == {"sparse files": 2}


def test_pax_records_override_name_and_size_and_global_ones_come_last(scan: Callable[..., Scan]):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "for/all"}) as archive:
        add(archive, "plain.jpg", b"1")
        add(archive, "other.jpg", b"22", pax_headers={"path": "its/own.jpg", "size": "2", "comment": "x"})
    assert names(scan(buffer.getvalue())) == ["for/all", "its/own.jpg"]


def test_sizes_beyond_eight_gigabytes_do_not_fit_into_a_short_file(scan: Callable[..., Scan]):
    huge = tarfile.TarInfo("huge.jpg")
    huge.size = 9 << 30
    for tar_format in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        found = scan(tar_bytes(["a.jpg"])[:3072] + huge.tobuf(tar_format), same_as_tarfile=False)
        assert names(found) == ["a.jpg"]
        assert (found.skipped, found.truncated) == ({"cut off": 1}, True)


def test_concatenated_archives_count_as_one(scan: Callable[..., Scan]):
    found = scan(tar_bytes(["a.jpg"]) + bytes(1 << 17) + tar_bytes(["b.jpg"]))
    assert names(found) == ["a.jpg", "b.jpg"]
    assert (found.skipped, found.truncated) == ({}, False)


def test_a_header_behind_zeros_is_found_though_its_checksum_ends_in_another_byte(scan: Callable[..., Scan]):
    second = bytearray(tar_bytes(["b.jpg"]))
    assert second[154:156] == b"\0 "
    second[155] = ord("(")
    assert names(scan(tar_bytes(["a.jpg"]) + bytes(second))) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("cut", [0, 1, 511, 512, 513, 2000, 2559, 2560])
def test_complete_members_of_a_truncated_archive_are_found(scan: Callable[..., Scan], cut: int):
    # Two members of 512 + 2048 bytes each, of which 2000 are data.
    found = scan(tar_bytes(["a.jpg", "b.jpg"])[: 2560 + cut], same_as_tarfile=False)
    assert names(found) == (["a.jpg", "b.jpg"] if cut >= 2512 else ["a.jpg"])
    assert found.truncated


def test_only_damaged_members_are_missing(scan: Callable[..., Scan]):
    data = bytearray(tar_bytes(["a.jpg", "b.jpg", "c.jpg"]))
    data[2560:2570] = b"overwritten"[:10]
    found = scan(bytes(data))
    assert names(found) == ["a.jpg", "c.jpg"]
    assert (found.skipped, found.truncated) == ({"damaged headers": 1}, False)


def test_an_extension_without_its_member_means_a_truncated_archive(scan: Callable[..., Scan]):
    data = tar_bytes(["a.jpg"])[:2560] + tar_bytes(["n" * 200])[:1024]
    found = scan(data, same_as_tarfile=False)
    assert names(found) == ["a.jpg"]
    assert found.truncated


def test_an_extension_that_claims_gigabytes_is_damage_and_allocates_nothing(scan: Callable[..., Scan]):
    evil = bytearray(tarfile.TarInfo("././@LongLink").tobuf(tarfile.GNU_FORMAT))
    evil[124:136], evil[156:157] = b"77777777777\0", b"L"
    found = scan(with_checksum(bytes(evil)) + tar_bytes(["a.jpg"]), same_as_tarfile=False)
    assert names(found) == ["a.jpg"]
    assert found.skipped == {"damaged headers": 1}


@pytest.mark.parametrize("seed", range(4))
def test_mutated_archives_are_scanned_as_tarfile_reads_them(tmp_path: Path, seed: int):
    dice = random.Random(seed)
    # Without PAX: versions of Python differ in what they make of damaged records.
    good = tar_bytes(NAMES, size=700) * 2
    path = tmp_path / "x.tar"
    compared = 0
    for _ in range(150):
        path.write_bytes(mutated(good, dice))
        with closing(PlainFile(path)) as source:
            found = scan_members(source, lambda _: None)
            for _, offset, size in rows(found):
                assert 0 <= offset <= offset + size <= source.end
        try:
            expected = by_tarfile(path)
        except tarfile.ReadError:
            continue
        assert rows(found) == expected
        compared += 1
    assert compared > 50
