from pathlib import Path

import numpy as np
import pytest

from ndsc.data.photo_lists import find_excluded
from ndsc.data.sampling import draw
from ndsc.errors import UserError
from tests.data.listings import catalogue_of, sampling, split

LISTINGS = [(f"{label}/{number}.jpg", label) for label in ("cat", "dog") for number in range(20)]


@pytest.fixture
def written(tmp_path: Path):
    """Writes a CSV of these lines, with a header unless they bring their own; gives its path."""

    def write(*lines: str, header: str = "image_path,exclude,issue") -> str:
        path = tmp_path / "audit.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8-sig")
        return str(path)

    return write


def test_photos_marked_yes_are_excluded_with_their_issue_and_those_marked_no_are_not(written):
    rows = catalogue_of(LISTINGS).rows
    path = written(
        "cat/3.jpg,yes,blurred", "dog/4.jpg,no,odd", "dog/5.jpg, YES ,", "dog/6.jpg,,", "cat/7.jpg,TRUE,dark"
    )
    found = find_excluded(rows, path)
    assert np.flatnonzero(found.mask).tolist() == [3, 7, 25]
    assert found.listings.to_numpy().tolist() == [
        ["cat/3.jpg", "cat", "blurred"],
        ["cat/7.jpg", "cat", "dark"],
        ["dog/5.jpg", "dog", ""],
    ]
    assert found.unmatched == 0


def test_the_column_issue_is_optional_and_paths_without_jpg_are_repaired(written):
    found = find_excluded(catalogue_of(LISTINGS).rows, written("cat/3,yes", header="image_path,exclude"))
    assert np.flatnonzero(found.mask).tolist() == [3]


def test_every_listing_of_an_excluded_photo_is_excluded(written):
    rows = catalogue_of([*LISTINGS, ("cat/3.jpg", "dog")]).rows
    assert np.flatnonzero(find_excluded(rows, written("cat/3.jpg,yes,")).mask).tolist() == [3, 40]


def test_unknown_photos_are_counted_and_a_file_with_only_unknown_photos_is_an_error(written):
    rows = catalogue_of(LISTINGS).rows
    assert find_excluded(rows, written("cat/3.jpg,yes,", "bird/1.jpg,yes,", "bird/2.jpg,no,")).unmatched == 1
    with pytest.raises(UserError, match=r"names bird/1.jpg and no photo of this data"):
        find_excluded(rows, written("bird/1.jpg,yes,"))
    assert not find_excluded(rows, written()).mask.any()


def test_a_value_other_than_yes_and_no_is_an_error_with_its_line(written):
    with pytest.raises(UserError, match=r"must contain yes or no. Received: .*'perhaps' in line 3"):
        find_excluded(catalogue_of(LISTINGS).rows, written("cat/3.jpg,yes,", "cat/4.jpg,perhaps,"))


def test_a_file_without_the_column_exclude_is_an_error(written):
    with pytest.raises(UserError, match=r"sampling.exclude must have the column exclude. Received: image_path, out"):
        find_excluded(catalogue_of(LISTINGS).rows, written("cat/3.jpg,yes", header="image_path,out"))


@pytest.mark.parametrize("kind", ["random", "group"])
def test_excluded_photos_are_in_no_queue_and_the_order_of_the_others_is_unchanged(written, kind: str):
    catalogue = catalogue_of(LISTINGS, shop=[f"shop {number % 7}" for number in range(40)])
    sides = split(kind, None if kind == "random" else "shop")
    wanted = sampling(per_class=8, test=1, pool=2)
    everything = draw(catalogue, wanted, sides, seed=0)
    wanted.exclude = written(*(f"cat/{number}.jpg,yes," for number in range(0, 20, 3)))
    less = draw(catalogue, wanted, sides, seed=0)
    gone = set(range(0, 20, 3))
    assert [queue.order.tolist() for queue in less.queues] == [
        [at for at in queue.order.tolist() if at not in gone] for queue in everything.queues
    ]
    assert less.excluded is not None
    assert less.excluded.listings["image_path"].tolist() == [f"cat/{number}.jpg" for number in sorted(gone)]
    assert everything.excluded is None


def test_excluding_a_photo_of_the_test_list_is_an_error(written, tmp_path: Path):
    (tmp_path / "test.csv").write_text("image_path,difficulty\ncat/3.jpg,easy\ndog/3.jpg,hard\n")
    wanted = sampling(list=str(tmp_path / "test.csv"))
    wanted.exclude = written("dog/3.jpg,yes,", "dog/4.jpg,yes,")
    with pytest.raises(UserError, match=r"Received: 1 that are, first dog/3.jpg"):
        draw(catalogue_of(LISTINGS), wanted, split(), seed=0)
    wanted.exclude = written("dog/3.jpg,no,", "dog/4.jpg,yes,")
    assert draw(catalogue_of(LISTINGS), wanted, split(), seed=0).difficulty == {3: "easy", 23: "hard"}
