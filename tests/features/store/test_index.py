"""Looking up keys, against a dictionary that does the same."""

import numpy as np

from ndsc.features.store.index import Entries
from ndsc.features.store.layout import KEY, RECORD


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
    entries, expected = Entries(), {}
    for start in range(0, 200, 50):
        entries.add([(start, 0, records(contents[start : start + 50], views[start : start + 50]))])
    for number in range(200):
        expected[contents[number], views[number]] = number  # The last one wins.
    keys = records(contents, views)["key"]
    wanted = [expected.get(key, -1) for key in zip(contents, views, strict=True)]
    assert entries.search(keys).tolist() == wanted
    assert -1 in wanted
    np.testing.assert_array_equal(entries.table["segment"], np.repeat([0, 50, 100, 150], 50))
    np.testing.assert_array_equal(entries.table["row"], np.tile(np.arange(50), 4))


def test_a_dropped_entry_uncovers_an_earlier_one_of_the_same_key() -> None:
    entries = Entries()
    one = records([b"a" * 16], [3])
    entries.add([(0, 0, one), (1, 0, one)])
    assert entries.search(one["key"]).tolist() == [1]
    entries.drop(np.array([1]))
    assert entries.search(one["key"]).tolist() == [0]
    entries.drop(np.array([0]))
    assert entries.search(one["key"]).tolist() == [-1]


def test_nothing_is_found_in_nothing() -> None:
    assert Entries().search(np.zeros(2, KEY)).tolist() == [-1, -1]
    assert Entries().search(np.zeros(0, KEY)).tolist() == []
