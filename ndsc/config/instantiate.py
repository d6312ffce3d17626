"""Library objects (layers, optimizers, callbacks, backbones), which the configuration names by their `_target_`."""

import re
from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any

import hydra
import hydra.utils
from hydra.errors import InstantiationException

from ndsc.errors import UserError

# The modules that a `_target_` may name a class of, by section of the configuration. A config can come from someone
# else's run, so it must not be able to call whatever is importable, nor what these modules import.
ALLOWED_TARGETS = {
    "augmentation.layers": ("keras.layers", "keras_hub.layers"),
    "backbone.build": ("keras.applications",),
    "callbacks": ("keras.callbacks", "ndsc.training.callbacks"),
    "optimizer": ("keras.optimizers", "keras.optimizers.schedules"),
}
# The same as Hydra's execution whitelist, which checks the module that defines a class: keras.src.layers.
WHITELIST = [
    pattern
    for modules in ALLOWED_TARGETS.values()
    for module in modules
    for pattern in (f"{module}.*", f"{module.replace('.', '.src.', 1)}.*")
]
# Hydra has a whitelist since version 1.4. Before, only `target_faults` checks what a configuration names.
HAS_WHITELIST = "execution_whitelist" in signature(hydra.main).parameters


def target_faults(section: str, objects: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for every object without a `_target_`, and for every `_target_` that is not allowed here.

    Args:
        section: a key of `ALLOWED_TARGETS`.
        objects: descriptions of library objects, by name.
    """
    modules = ALLOWED_TARGETS[section]
    allowed = re.compile(f"({'|'.join(map(re.escape, modules))})" + r"\.[A-Z]\w*")
    for name, described in objects.items():
        if not isinstance(described, Mapping) or "_target_" not in described:
            yield f"{section}: {name} must be a dictionary with a _target_. Received: {described!r}."
        for target in _targets(described):
            if not allowed.fullmatch(str(target)):
                yield f"{section}: a _target_ must be a class of {' or '.join(modules)}. Received: {target}."


def _targets(described: Any) -> Iterator[Any]:
    """Yield every `_target_` in a nested description."""
    if isinstance(described, Mapping):
        for key, value in described.items():
            yield from [value] if key == "_target_" else _targets(value)
    elif isinstance(described, list):
        for value in described:
            yield from _targets(value)


def build(described: Mapping[str, Any], key: str) -> Any:
    """Build the object that a `_target_` and its arguments describe. A null argument keeps the default of the library.

    Args:
        described: checked by `target_faults`.
        key: of the description in the configuration, for the error.

    Raises:
        UserError: the library refuses the arguments.
    """
    given = {name: value for name, value in described.items() if value is not None}
    try:
        return hydra.utils.instantiate(
            given, _convert_="all", **({"_execution_whitelist_": WHITELIST} if HAS_WHITELIST else {})
        )
    except InstantiationException as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise UserError(f"{key} cannot be built: {reason} Received: {dict(described)}.") from error


def keras_function(path: str) -> Callable[..., Any]:
    """Return the function or class of Keras that a dotted path names.

    Raises:
        UserError: there is none.
    """
    try:
        return hydra.utils.get_method(path)
    except (ImportError, ValueError) as error:
        raise UserError(
            f"backbone.build and backbone.preprocess must name functions of keras.applications. Received: {path}: "
            f"{str(error).splitlines()[0]}"
        ) from error
