"""Library objects (layers, optimizers, callbacks) as the configuration names them."""

from collections.abc import Mapping
from typing import Any

import hydra.utils
from hydra.errors import InstantiationException

from ndsc.errors import UserError


def build(described: Mapping[str, Any], place: str) -> Any:
    """The object that `_target_` and its arguments describe; arguments that are null are left to the library's default.

    Args:
        described: checked against the whitelist by `ndsc.config.schema.check`.
        place: where it stands in the configuration, for the error.

    Raises:
        UserError: the library refuses the arguments.
    """
    given = {key: value for key, value in described.items() if value is not None}
    try:
        return hydra.utils.instantiate(given, _convert_="all")
    except InstantiationException as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise UserError(f"{place} cannot be built: {reason} Received: {dict(described)}.") from error
