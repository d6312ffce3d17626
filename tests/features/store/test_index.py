"""The index finds the same entries as a dictionary."""

import numpy as np

from ndsc.features.store.index import Index
from ndsc.features.store.segments import KEY, RECORD


def records(contents: list[bytes], views: list[int]) -> np.ndarray:
    made = np.zeros(len(contents), RECORD)
    made["key"]["content"] = np.frombuffer(b"".join(contents), "V16")
    made["key"]["view"] = views
    return made


def test_search_agrees_with_a_dictionary() -> None:
    random = np.random.default_rng(0)
    # Few different bytes, zeros at the end among them: many keys that differ only there.
    contents = [bytes(12) + bytes(random.integers(0, 2, 4).tolist()) for _ in range(300)]
    views = random.choice([0, 1, 256, 2**32 - 1], 300).tolist()
    index, expected = Index(), {}
    for start in range(0, 200, 50):
        index.add([(start, 0, records(contents[start : start + 50], views[start : start + 50]))])
    for number in range(200):
        expected[contents[number], views[number]] = number  # The last one wins.
    keys = records(contents, views)["key"]
    wanted = [expected.get(key, -1) for key in zip(contents, views, strict=True)]
    positions = index.search(keys)
    found = index.entries[positions]
    assert np.where(positions < 0, -1, found["segment"] + found["row"]).tolist() == wanted
    assert -1 in wanted


def test_an_earlier_entry_of_the_same_key_is_found_after_the_later_one_is_discarded() -> None:
    index = Index()
    one = records([b"a" * 16], [3])
    index.add([(0, 0, one), (1, 0, one)])
    for segment in (1, 0):
        positions = index.search(one["key"])
        assert index.entries["segment"][positions].tolist() == [segment]
        index.discard(positions)
    assert index.search(one["key"]).tolist() == [-1]


def test_an_empty_index_finds_nothing() -> None:
    assert Index().search(np.zeros(2, KEY)).tolist() == [-1, -1]
    assert Index().search(np.zeros(0, KEY)).tolist() == []
