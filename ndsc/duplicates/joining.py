"""From pairs of photos to groups: connected components that are kept from growing without end."""

import numpy as np

# One picture comes back in dozens of versions at most; beyond that a chain of look-alikes is swallowing the data.
MOST_IN_GROUP = 50


def join_pairs(photos: int, pairs: np.ndarray, strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Join the strongest pairs first, and refuse what would make a group of more than MOST_IN_GROUP photos.

    A chain (one picture's crop shows a second one, whose repost shows a third one) hangs by its weakest pairs. Those
    come last, and find the groups that they would join already large.

    Args:
        photos: how many there are.
        pairs: (m, 2) positions; of equally strong ones the first comes first.
        strength: (m,) numbers.

    Returns:
        (photos,) int64: each photo's group, named by its first photo; and (m,) booleans: which pairs ended up in
        two groups because their join was refused.
    """
    group = list(range(photos))
    size = [1] * photos
    for one, other in pairs[np.argsort(-strength, kind="stable")].tolist():
        first, second = sorted((_root(group, one), _root(group, other)))
        if first != second and size[first] + size[second] <= MOST_IN_GROUP:
            group[second] = first
            size[first] += size[second]
    groups = np.array([_root(group, photo) for photo in range(photos)], np.int64)
    return groups, groups[pairs[:, 0]] != groups[pairs[:, 1]]


def _root(group: list[int], photo: int) -> int:
    """The first photo of a photo's group; the way there is shortened for those who come after."""
    while group[photo] != photo:
        group[photo] = group[group[photo]]
        photo = group[photo]
    return photo
