"""A backbone that nothing trains in is kept for the next run of the same process: a sweep builds it once."""

import gc
import json
from dataclasses import asdict, replace
from functools import lru_cache

import keras

from ndsc.config.schema import BackboneConfig, Config
from ndsc.model.backbone import Backbone, build_backbone
from ndsc.model.weights import Weights
from ndsc.seeds import derive


def obtain_backbone(config: Config, weights: Weights) -> Backbone:
    """The backbone of a run: built now, or the one of the run before if it would be the same to the bit.

    Raises:
        UserError: the weights do not fit the network.
    """
    if config.backbone.freeze != "all" or config.training.finetune is not None:
        return build_backbone(config.backbone, weights, config.seed)
    # How it is cut, run and fed is not the network's business.
    network = replace(
        config.backbone, freeze="all", engine="auto", precision="auto", resize="stretch", float32_until="none"
    )
    file = weights.path.stat() if weights.path is not None else None
    state = (file.st_size, file.st_mtime_ns) if file else None
    backbone = _build_once(json.dumps(asdict(network)), weights, state, config.seed if weights.kind == "random" else 0)
    # As after building: what follows starts from the same state, however the backbone was come by.
    keras.backend.clear_session()
    keras.utils.set_random_seed(derive(config.seed, "initial weights"))
    return backbone


@lru_cache(maxsize=1)
def _build_once(network: str, weights: Weights, _state: tuple[int, int] | None, seed: int) -> Backbone:
    # Keras looks for garbage at each `clear_session`: in what is kept, and in the libraries, there is none, and to look
    # takes half a second.
    gc.unfreeze()
    backbone = build_backbone(BackboneConfig(**json.loads(network)), weights, seed)
    gc.freeze()
    return backbone
