"""Headers: numbers and names in every notation that writers use, and nothing believed that has a wrong checksum."""

import tarfile

import pytest

from ndsc.storage.tar_headers import LARGEST, DamagedHeader, padded, parse_header, parse_number, parse_pax, parse_text
from tests.storage.archives import with_checksum


def header_of(name: str, size: int = 0, kind: bytes = b"0", tar_format: int = tarfile.USTAR_FORMAT) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tar_format)[:512]


def test_a_header_gives_name_size_and_kind():
    assert parse_header(header_of("beauty_image/a.jpg", 80_000)) == ("beauty_image/a.jpg", 80_000, b"0")


def test_a_posix_prefix_is_added_before_the_name():
    name = "/".join(["folder" * 5] * 6) + "/a.jpg"
    assert len(name) > 100
    assert parse_header(header_of(name)).name == name


def test_a_wrong_checksum_is_damage():
    block = bytearray(header_of("a.jpg", 5))
    block[3] ^= 1
    with pytest.raises(DamagedHeader):
        parse_header(bytes(block))


def test_checksums_of_headers_with_other_than_ascii_bytes_are_checked():
    good = header_of("é" * 40, 5)
    assert parse_header(good).name == "é" * 40
    with pytest.raises(DamagedHeader):
        parse_header(good.replace("é".encode(), "è".encode(), 1))


def test_a_checksum_of_signed_bytes_as_by_old_writers_is_accepted():
    block = header_of("é" * 9, 5)
    blanked = block[:148] + b" " * 8 + block[156:]
    signed = sum(byte - 256 if byte > 127 else byte for byte in blanked)
    old = block[:148] + b"%06o\0 " % signed + block[156:]
    assert parse_header(old).name == "é" * 9


def test_noise_with_the_checksum_of_zeros_is_no_header():
    block = bytearray(512)
    block[303] = block[460] = 128
    with pytest.raises(DamagedHeader):
        parse_header(bytes(block))


@pytest.mark.parametrize("at", [100, 108, 116, 136, 329, 337])
@pytest.mark.parametrize(
    ("number", "believed"),
    [
        (b"1 2", False),
        (b"0000000\x10", False),
        (b"\x80\0\0\0\0\0\1\0", True),
        (b"\xff" * 8, True),  # a time before 1970
        (b"  644 \0\0", True),
        (b"\0anything", True),
    ],
)
def test_a_header_is_accepted_where_tarfile_accepts_its_other_numbers(at: int, number: bytes, believed: bool):
    block = header_of("a.jpg")
    block = with_checksum(block[:at] + number[:8].ljust(8, b"\0") + block[at + 8 :])
    if believed:
        assert tarfile.TarInfo.frombuf(block, "utf-8", "strict").name == parse_header(block).name
    else:
        with pytest.raises(tarfile.HeaderError):
            tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        with pytest.raises(DamagedHeader):
            parse_header(block)


def test_a_file_whose_name_ends_in_a_slash_is_a_folder_in_the_oldest_format():
    block = header_of("folder/x")
    block = with_checksum(b"folder/\0".ljust(100, b"\0") + block[100:156] + b"\0" + block[157:])
    assert parse_header(block).kind == b"5"


@pytest.mark.parametrize(
    ("field", "number"),
    [
        (b"00000000144\0", 100),
        (b"        144 ", 100),
        (b"144\0" + b"\xff" * 8, 100),
        (b"\0" * 12, 0),
        (b" " * 12, 0),
        (b"\x80" + (10**10).to_bytes(11), 10**10),
    ],
)
def test_numbers_are_parsed_in_every_notation(field: bytes, number: int):
    assert parse_number(field) == number


@pytest.mark.parametrize(
    "field", [b"0000000099x\0", b"-0000000144\0", b"\xff" * 12, b"\x80" + b"\xff" * 11, "１２".encode()]
)
def test_invalid_numbers_are_damage(field: bytes):
    with pytest.raises(DamagedHeader):
        parse_number(field)


def test_the_largest_number_is_accepted():
    assert parse_number(b"\x80" + LARGEST.to_bytes(11)) == LARGEST


def test_names_that_are_not_utf_8_can_be_stored():
    assert parse_text(b"caf\xe9.jpg\0rest") == "caf\\xe9.jpg"


def test_pax_records_are_read_up_to_the_first_malformed_one():
    records = b"13 path=a/b.c\n"[:14]
    assert parse_pax(b"14 path=a/b.c\n" + b"12 size=123\n" + b"99 size=5\n") == {"path": "a/b.c", "size": "123"}
    assert parse_pax(records.replace(b"13", b"03")) == {}
    assert parse_pax(b"\0" * 512) == {}


def test_sizes_are_rounded_up_to_blocks():
    assert [padded(size) for size in (0, 1, 512, 513)] == [0, 512, 512, 1024]
