import hashlib
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from ndsc.data import validation_cache as module
from ndsc.data.validation_cache import ValidationCache, ValidationResult
from tests.encoded import encoded, jpeg, picture, with_orientation

TURNED = encoded(picture(size=(64, 48)), "JPEG", exif=with_orientation(6))
PHOTOS = [TURNED, encoded(picture().convert("LA"), "PNG"), b"", b"<html>", jpeg()[:300]]
# Says when it is ready, and then does what `write` does in the test's own process.
WRITER = """
import sys
from pathlib import Path
from tests.data.test_validation_cache import write
print("ready", flush=True)
write(Path(sys.argv[1]), range(10, 30))
"""


def named(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def write(cache: Path, numbers: range) -> None:
    """Validate photos, and save after each."""
    for number in numbers:
        validated(cache, [jpeg(number)])


def validated(cache: Path, photos: list[bytes]) -> list[ValidationResult]:
    results = ValidationCache(cache)
    found = [results.validate(named(data), data) for data in photos]
    results.save()
    return found


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every photo that is decoded from now on."""
    seen: list[bytes] = []
    validate_photo = module.validate_photo
    monkeypatch.setattr(module, "validate_photo", lambda data: (seen.append(data), validate_photo(data))[1])
    return seen


def cached_files(cache: Path) -> list[Path]:
    return [path for path in (cache / "validation").rglob("*") if path.is_file()]


def test_a_result_is_the_header_or_the_reason(tmp_path: Path):
    turned, grey, empty, page, cut = validated(tmp_path, PHOTOS)
    assert turned == ValidationResult(named(TURNED), "", "jpeg", 48, 64, 6, alpha=False, animated=False)
    assert grey.alpha
    reasons = [result.reason for result in (empty, page, cut)]
    assert reasons == ["empty file", "a web page, not supported", "damaged header"]


def test_the_next_run_finds_the_results_and_decodes_nothing(tmp_path: Path, decoded: list[bytes]):
    first = validated(tmp_path, PHOTOS)
    assert len(decoded) == len(PHOTOS)
    assert validated(tmp_path, PHOTOS) == first
    assert len(decoded) == len(PHOTOS)
    assert len(cached_files(tmp_path)) == 1


@pytest.mark.parametrize("part", [0, 10, 0.5, 0.99], ids=["empty", "ten bytes", "half", "nearly all"])
def test_a_truncated_file_is_discarded_and_not_fatal(
    tmp_path: Path, decoded: list[bytes], caplog: pytest.LogCaptureFixture, part: float
):
    first = validated(tmp_path, PHOTOS)
    (path,) = cached_files(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data)) if part < 1 else int(part)])
    with caplog.at_level(logging.WARNING):
        assert validated(tmp_path, PHOTOS) == first
    assert str(path) in caplog.text
    assert len(decoded) == 2 * len(PHOTOS)


def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path, decoded: list[bytes]):
    first = validated(tmp_path, PHOTOS)
    (path,) = cached_files(tmp_path)
    data = path.read_bytes()
    for at in range(0, len(data), 97):
        flipped = bytearray(data)
        flipped[at] ^= 0x10
        path.write_bytes(flipped)
        assert ValidationCache(tmp_path).validate(named(TURNED), TURNED) == first[0]
    assert len(decoded) == len(PHOTOS) + len(range(0, len(data), 97))


def test_results_of_other_rules_are_not_found(tmp_path: Path, decoded: list[bytes], monkeypatch: pytest.MonkeyPatch):
    validated(tmp_path, PHOTOS)
    monkeypatch.setattr(module, "DECODER", "another")
    validated(tmp_path, PHOTOS)
    assert len(decoded) == 2 * len(PHOTOS)


def test_the_temporary_file_of_a_killed_writer_is_ignored(tmp_path: Path):
    validated(tmp_path, PHOTOS)
    (path,) = cached_files(tmp_path)
    path.rename(path.with_name(f".{path.name}.0123.tmp"))
    assert validated(tmp_path, PHOTOS[:1])[0].orientation == 6


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "validation").write_text("a file where a folder should be")
    with caplog.at_level(logging.WARNING):
        assert validated(tmp_path, PHOTOS)[0].reason == ""
    assert "could not be cached" in caplog.text


def test_two_processes_write_at_once_and_nothing_is_missing(tmp_path: Path, decoded: list[bytes]):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        write(tmp_path, range(20))
    assert other.returncode == 0
    decoded.clear()
    validated(tmp_path, [jpeg(number) for number in range(30)])
    assert decoded == []
