"""`python -m ndsc.cache`: list the content of cache.root, verify it, and delete from it."""

import argparse
import math
import os
import re
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.filesize import decimal

from ndsc.errors import UserError
from ndsc.features.store.maintenance import CachedFeatures, Damage, discard, find_damage, remove, size, survey
from ndsc.terminal import progress, standard_streams

DAY = 24 * 3600


@standard_streams()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, or 1 if something is damaged or failed."""
    chosen = _parser().parse_args(arguments)
    try:
        if not chosen.root.is_dir():
            raise UserError(
                f"--root should be the folder of cache.root. Received: {chosen.root}, which is no folder. Set --root "
                "or the environment variable NDSC_CACHE. The first run creates the folder."
            )
        return chosen.run(chosen)
    except BrokenPipeError:
        raise
    except (UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ndsc.cache", description="List, verify and prune the cache.")
    shared = argparse.ArgumentParser(add_help=False)
    root = Path(os.environ.get("NDSC_CACHE") or "cache")
    shared.add_argument("--root", type=Path, default=root, help="folder of cache.root (default: $NDSC_CACHE or cache)")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("list", parents=[shared], help="show what is cached, and its size").set_defaults(run=_list)
    verify = commands.add_parser("verify", parents=[shared], help="check every row; exit code 1 if one is damaged")
    verify.set_defaults(run=_verify)
    prune = commands.add_parser("prune", parents=[shared], help="delete features that no process uses")
    prune.set_defaults(run=_prune)
    prune.add_argument("--older-than", type=_amount, metavar="DAYS", help="delete features not used for this many days")
    prune.add_argument("--keep-gigabytes", type=_amount, metavar="N", help="delete the least recently used above N GB")
    prune.add_argument("--damaged", action="store_true", help="delete damaged rows; they are computed again if needed")
    prune.add_argument("--dry-run", action="store_true", help="only show what would be deleted")
    return parser


def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"a number of at least 0 was expected. Received: {text}")
    return value


def _list(chosen: argparse.Namespace) -> int:
    found, unknown = survey(chosen.root)
    for features in found:
        print(f"{features.folder.relative_to(chosen.root)}  {_summary(features)}")
        words = " · ".join(_flattened(features.fingerprint))
        print(textwrap.fill(words, 110, initial_indent="  ", subsequent_indent="  "))
    for path in unknown:
        print(f"{path.relative_to(chosen.root)}  not written by this version of the cache: left alone")
    for path in sorted(chosen.root.iterdir()):
        print(f"{path.name:<12} {decimal(size(path)):>10}")
    print(f"{'total':<12} {decimal(size(chosen.root)):>10}")
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    found, unknown = survey(chosen.root)
    damages = _find_damages(found)
    for damage in damages:
        print(f"damaged: {_rows(damage, chosen.root)}")
    for path in unknown:
        print(f"not written by this version of the cache: {path.relative_to(chosen.root)}")
    rows, damaged = sum(features.rows for features in found), sum(len(damage.rows) for damage in damages)
    print(f"{rows} rows read, {damaged} damaged.")
    return 1 if damages or unknown else 0


def _prune(chosen: argparse.Namespace) -> int:
    if chosen.older_than is None and chosen.keep_gigabytes is None and not chosen.damaged:
        raise UserError(
            "prune needs at least one of --older-than, --keep-gigabytes and --damaged. Received: none of them. "
            "--dry-run shows what would be deleted."
        )
    found = survey(chosen.root)[0]
    remaining = _remove_unused(found, chosen)
    damages = _find_damages(remaining) if chosen.damaged else []
    for damage in damages:
        deleted = chosen.dry_run or discard(damage)
        print(f"{_result(deleted, chosen.dry_run)}: damaged {_rows(damage, chosen.root)}")
    if len(remaining) == len(found) and not damages:
        print(f"nothing to delete: {chosen.root} holds {len(found)} folders of features, and all of them stay")
    return 0


def _remove_unused(found: list[CachedFeatures], chosen: argparse.Namespace) -> list[CachedFeatures]:
    """Delete what is too old or too much, the least recently used first; return what remains."""
    limit = math.inf if chosen.keep_gigabytes is None else chosen.keep_gigabytes * 1e9
    earliest = -math.inf if chosen.older_than is None else time.time() - chosen.older_than * DAY
    remaining, total = [], sum(features.bytes for features in found)
    for features in reversed(found):
        if features.used >= earliest and total <= limit:
            remaining.append(features)
            continue
        deleted = remove(features, chosen.dry_run)
        name = features.folder.relative_to(chosen.root)
        print(f"{_result(deleted, chosen.dry_run)}: {name}  {_summary(features)}")
        total -= features.bytes if deleted else 0
    return remaining


def _find_damages(found: list[CachedFeatures]) -> list[Damage]:
    with progress("Verifying", sum(features.rows for features in found), "rows") as advance:
        return [damage for features in found for damage in find_damage(features, advance)]


def _result(deleted: bool, dry_run: bool) -> str:
    if not deleted:
        return "left alone, because a process uses it or its disk has no locks"
    return "would be deleted" if dry_run else "deleted"


def _summary(features: CachedFeatures) -> str:
    row = "x".join(map(str, (*features.row_type.shape, features.row_type.base.name)))
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(features.used))
    return (
        f"{features.photos} photos in {features.views} views, {features.rows} rows of {row}, "
        f"{decimal(features.bytes)}, last used {used}"
    )


def _flattened(fingerprint: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    for key, value in fingerprint.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            # The first digits of a digest are enough.
            yield f"{prefix}{key} {re.sub('[0-9a-f]{32,}', lambda digest: digest[0][:12], str(value))}"


def _rows(damage: Damage, root: Path) -> str:
    first = ", ".join(map(str, damage.rows[:5].tolist())) + (", …" if len(damage.rows) > 5 else "")
    return f"{damage.index.relative_to(root)}: {len(damage.rows)} of {damage.total} rows (number {first})"


if __name__ == "__main__":
    sys.exit(main())
