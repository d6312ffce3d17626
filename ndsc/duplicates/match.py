"""How well two photos fit on each other, and what is enough. Needs nothing but Python."""

from dataclasses import dataclass, fields

LEAST_INLIERS = 20
# Set on real photos, by eye (experiments/LOG.md): below them most pairs are two photos of one model or one template.
LEAST_SUPPORT = 0.2
LEAST_AGREEMENT = 0.5


@dataclass(frozen=True, slots=True)
class Match:
    """How well two photos fit on each other.

    `inliers`: local features that agree on one transform. `support`: their share of all features that the photo with
    more of them has where both overlap, 0 to 1. `agreement`: the share of blocks that look alike there, 0 to 1.
    """

    inliers: int
    support: float
    agreement: float

    @property
    def same_picture(self) -> bool:
        """Whether one is the other, changed."""
        return self.inliers >= LEAST_INLIERS and self.support >= LEAST_SUPPORT and self.agreement >= LEAST_AGREEMENT


NO_MATCH = Match(0, 0.0, 0.0)
FIELDS = tuple(field.name for field in fields(Match))
