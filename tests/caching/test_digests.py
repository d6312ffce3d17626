import os
from pathlib import Path

import pytest

from ndsc.caching.digests import combined_hash, content_hash, file_digest, file_signature
from ndsc.errors import UserError


def test_the_hash_of_bytes_equals_that_of_their_text_and_of_their_parts():
    assert content_hash(b"photo") == "42bc7252ed9d80afd43e4573d5391af1"
    assert content_hash("ph\u00f6to") == content_hash("ph\u00f6to".encode())
    assert combined_hash(["ph", b"oto"]) == content_hash("photo")


def test_the_signature_changes_with_size_time_and_content(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(bytes(100_000))
    os.utime(path, ns=(1, 1))
    first = file_signature(path)
    assert file_signature(path) == first
    os.utime(path, ns=(1, 2))
    assert file_signature(path) != first
    with path.open("r+b") as file:
        file.seek(99_999)
        file.write(b"x")
    os.utime(path, ns=(1, 1))
    assert file_signature(path) != first
    path.write_bytes(bytes(99_999))
    os.utime(path, ns=(1, 1))
    assert file_signature(path) != first


def test_small_and_empty_files_have_signatures_and_missing_files_are_errors(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(b"")
    empty = file_signature(path)
    path.write_bytes(b"a")
    assert len({empty, file_signature(path)}) == 2
    assert file_digest(path) == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    with pytest.raises(UserError, match="does not exist"):
        file_signature(tmp_path / "missing")
    with pytest.raises(UserError, match="does not exist or is not a file"):
        file_signature(tmp_path)
