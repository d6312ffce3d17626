"""Keys of the configuration: flattened values, keys that are not compared, and keys of earlier versions."""

from collections.abc import Mapping

# Keys that version 0.2 renamed, and their new names: for errors, and for runs that an earlier version stored.
RENAMED_KEYS = {
    "backbone.float32": "backbone.float32_until",
    "data.extra": "data.metadata",
    "rerun": "rerun_finished",
    "tracking.into": "tracking.resume_run_id",
    "tracking.parent": "tracking.parent_run_id",
    "tracking.sampling_seconds": "tracking.system_metrics_interval",
}
# Keys that shape no number: they are no params of a run and not part of its key.
UNCOMPARED_KEYS = (
    # Paths: the content of these files is in the digest of the data and in the manifest.
    "data.root",
    "data.metadata",
    "data.table",
    "data.archive",
    "sampling.test.list",
    # Where a run is recorded and cached, and how many cores it uses. `cache.dtype` does shape numbers.
    "tracking",
    "cache.root",
    "threads",
    # Of a sweep: which runs it starts, and which of them it stops early.
    "rerun_finished",
    "callbacks.pruning",
)
# Where Keras' callbacks write (ModelCheckpoint, CSVLogger, TensorBoard, BackupAndRestore): usually below Hydra's output
# folder, which is named by the time of the start.
CALLBACK_PATHS = ("filepath", "filename", "log_dir", "backup_dir")


def is_compared(key: str) -> bool:
    """Return whether the value of this key can make a difference between the numbers of two runs."""
    if key.startswith("callbacks.") and key.rpartition(".")[2] in CALLBACK_PATHS:
        return False
    return not any(key == uncompared or key.startswith(f"{uncompared}.") for uncompared in UNCOMPARED_KEYS)


def flatten(settings: Mapping, prefix: str = "") -> dict[str, object]:
    """Return all values that are no mappings, keyed like their override (`head.dropout`). Lists stay whole."""
    flat: dict[str, object] = {}
    for name, value in settings.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat
