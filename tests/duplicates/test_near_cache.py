import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest

from ndsc.duplicates import near_cache
from ndsc.duplicates.image_signatures import compute_signature
from ndsc.duplicates.near_cache import MatchCache, SignatureCache
from ndsc.duplicates.verification import NO_MATCH, Match
from tests.duplicates.pictures import picture

CONTENTS = [hashlib.blake2b(bytes([number]), digest_size=16).hexdigest() for number in range(6)]
SIGNATURES = [compute_signature(np.asarray(picture(seed, (120 + 10 * seed, 100)))) for seed in range(5)]
SIGNATURES.append(compute_signature(np.full((40, 30, 3), 7, np.uint8)))


def test_signatures_are_found_unchanged(tmp_path: Path):
    store = SignatureCache(tmp_path)
    assert store.find(CONTENTS) == [None] * 6
    store.add(CONTENTS[:2], SIGNATURES[:2])
    store.add(CONTENTS[3:], SIGNATURES[3:])
    found = SignatureCache(tmp_path).find([CONTENTS[5], CONTENTS[2], CONTENTS[0]])
    assert found[1] is None
    for one, other in ((found[0], SIGNATURES[5]), (found[2], SIGNATURES[0])):
        assert one is not None
        assert one.hash == other.hash
        for name in ("points", "descriptors", "small"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype


def test_matches_are_found_unchanged_and_others_are_missing(tmp_path: Path):
    pairs = np.array([[0, 1], [2, 5], [1, 4]])
    MatchCache(tmp_path).add(CONTENTS, pairs[:2], [Match(77, 0.5, 0.25), NO_MATCH])
    found = MatchCache(tmp_path).find(CONTENTS, pairs)
    assert found[:2].tolist() == [[77, 0.5, 0.25], [0, 0, 0]]
    assert np.isnan(found[2]).all()


def test_two_writers_may_add_the_same_rows(tmp_path: Path):
    for _ in range(2):
        MatchCache(tmp_path).add(CONTENTS, np.array([[0, 1]]), [Match(30, 0.5, 0.75)])
    assert MatchCache(tmp_path).find(CONTENTS, np.array([[0, 1], [0, 1]])).tolist() == [[30, 0.5, 0.75]] * 2


def test_a_damaged_table_is_ignored(tmp_path: Path):
    store = SignatureCache(tmp_path)
    store.add(CONTENTS[:1], SIGNATURES[:1])
    store.add(CONTENTS[1:2], SIGNATURES[1:2])
    for number, path in enumerate(sorted(tmp_path.rglob("*.arrow"))):
        if number == 0:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    assert sum(one is not None for one in store.find(CONTENTS[:2])) == 1


def test_signatures_by_other_rules_are_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    SignatureCache(tmp_path).add(CONTENTS[:1], SIGNATURES[:1])
    monkeypatch.setattr(near_cache, "SIGNATURE_RULES", "others")
    assert SignatureCache(tmp_path).find(CONTENTS[:1]) == [None]


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "duplicates").write_text("a file where a folder should be")
    with caplog.at_level(logging.WARNING):
        SignatureCache(tmp_path).add(CONTENTS[:1], SIGNATURES[:1])
    assert "could not be cached" in caplog.text
