"""`python -m ndsc.cache`: what is kept under cache.root, whether it is whole, and how to make room."""

import argparse
import math
import os
import re
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ndsc.errors import UserError
from ndsc.features.store.maintenance import CachedFeatures, Damage, damage, forget, remove, size, survey
from ndsc.terminal import progress

DAY = 24 * 3600


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 1 where something is damaged or could not be done."""
    chosen = _parser().parse_args(arguments)
    try:
        if not chosen.root.is_dir():
            raise UserError(
                f"--root should be the folder that cache.root names. Received: {chosen.root}, which is none. "
                "Name it by --root or by the environment variable NDSC_CACHE; a first run makes it."
            )
        return chosen.run(chosen)
    except (UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ndsc.cache", description="List, verify and prune the cache.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--root",
        type=Path,
        default=Path(os.environ.get("NDSC_CACHE", "cache")),
        help="the folder that cache.root names (default: $NDSC_CACHE, or else cache)",
    )
    commands = parser.add_subparsers(required=True)
    listing = commands.add_parser("list", parents=[shared], help="what is kept, for what, and how large it is")
    listing.set_defaults(run=_list)
    verify = commands.add_parser("verify", parents=[shared], help="check every row; exit code 1 where one is damaged")
    verify.set_defaults(run=_verify)
    prune = commands.add_parser("prune", parents=[shared], help="delete features; those in use stay")
    prune.set_defaults(run=_prune)
    prune.add_argument("--older-than", type=_amount, metavar="DAYS", help="what was not used for so many days")
    prune.add_argument(
        "--keep-gigabytes", type=_amount, metavar="N", help="what was not used for longest, down to N GB"
    )
    prune.add_argument("--damaged", action="store_true", help="damaged rows, which are computed again when needed")
    prune.add_argument("--dry-run", action="store_true", help="only say what would go")
    return parser


def _amount(text: str) -> float:
    value = float(text)
    if not value >= 0:
        raise ValueError  # argparse turns it into a message and exit code 2.
    return value


def _list(chosen: argparse.Namespace) -> int:
    found, foreign = survey(chosen.root)
    for features in found:
        print(f"{features.folder.relative_to(chosen.root)}  {_sentence(features)}")
        print(textwrap.fill(" · ".join(_words(features.fingerprint)), 110, initial_indent="  ", subsequent_indent="  "))
    for path in foreign:
        print(f"{path.relative_to(chosen.root)}  not what the cache writes: left alone")
    for path in sorted(chosen.root.iterdir()):
        print(f"{path.name:<12} {_bytes(size(path)):>10}")
    print(f"{'total':<12} {_bytes(size(chosen.root)):>10}")
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    found, foreign = survey(chosen.root)
    damages = list(_damages(found))
    for item in damages:
        print(f"damaged: {_place(item, chosen.root)}")
    for path in foreign:
        print(f"not what the cache writes: {path.relative_to(chosen.root)}")
    print(f"{sum(features.rows for features in found)} rows read, {sum(len(item.rows) for item in damages)} damaged.")
    return 1 if damages or foreign else 0


def _prune(chosen: argparse.Namespace) -> int:
    if chosen.older_than is None and chosen.keep_gigabytes is None and not chosen.damaged:
        raise UserError(
            "prune should be told what may go, by --older-than, --keep-gigabytes or --damaged. Received: none of them. "
            "--dry-run shows what would go."
        )
    stay = _remove_unused(survey(chosen.root)[0], chosen)
    for item in _damages(stay) if chosen.damaged else ():
        gone = chosen.dry_run or forget(item)
        print(f"{_outcome(gone, chosen)}: damaged {_place(item, chosen.root)}")
    return 0


def _remove_unused(found: list[CachedFeatures], chosen: argparse.Namespace) -> list[CachedFeatures]:
    limit = math.inf if chosen.keep_gigabytes is None else chosen.keep_gigabytes * 1e9
    earliest = -math.inf if chosen.older_than is None else time.time() - chosen.older_than * DAY
    stay, total = [], sum(features.bytes for features in found)
    for features in reversed(found):  # What was not used for longest comes first.
        if features.used >= earliest and total <= limit:
            stay.append(features)
            continue
        gone = remove(features, chosen.dry_run)
        print(f"{_outcome(gone, chosen)}: {features.folder.relative_to(chosen.root)}  {_sentence(features)}")
        total -= features.bytes if gone else 0
    return stay


def _damages(found: list[CachedFeatures]) -> list[Damage]:
    with progress("Verifying", sum(features.rows for features in found), "rows") as advance:
        return [item for features in found for item in damage(features, advance)]


def _outcome(gone: bool, chosen: argparse.Namespace) -> str:
    if not gone:
        return "left alone, as a process uses it or its disk has no locks to tell"
    return "would go" if chosen.dry_run else "gone"


def _sentence(features: CachedFeatures) -> str:
    row = "x".join(map(str, (*features.layout.shape, features.layout.dtype.name)))
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(features.used))
    return (
        f"{features.photos} photos in {features.views} views, {features.rows} rows of {row}, "
        f"{_bytes(features.bytes)}, last used {used}"
    )


def _words(fingerprint: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    for key, value in fingerprint.items():
        if isinstance(value, Mapping):
            yield from _words(value, f"{prefix}{key}.")
        else:
            # Of a digest the first digits tell enough.
            yield f"{prefix}{key} {re.sub('[0-9a-f]{32,}', lambda digest: digest[0][:12], str(value))}"


def _place(item: Damage, root: Path) -> str:
    first = ", ".join(map(str, item.rows[:5].tolist())) + (", …" if len(item.rows) > 5 else "")
    return f"{item.index.relative_to(root)}: {len(item.rows)} of {item.total} rows (number {first})"


def _bytes(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


if __name__ == "__main__":
    sys.exit(main())
