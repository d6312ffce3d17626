from collections.abc import Callable

import pytest

from ndsc.config.checks import check
from ndsc.config.instantiate import HAS_WHITELIST, build
from ndsc.config.schema import Config
from ndsc.errors import UserError

REFUSED = {
    # choices
    "data.source=web": "data.source must be one of sample, ndsc, folder, table. Received: data.source=web.",
    "data.labels=brand": "data.labels must be one of",
    "split.kind=odd": "split.kind must be one of",
    "split.duplicates=maybe": "split.duplicates must be one of",
    "backbone.batch_norm=on": "backbone.batch_norm must be one of",
    "backbone.resize=squeeze": "backbone.resize must be one of stretch, crop, pad",
    "backbone.engine=onnx": "backbone.engine must be one of",
    "backbone.precision=int4": "backbone.precision must be one of",
    "backbone.freeze=conv5_block1": "backbone.freeze must be all, none or before:",
    "backbone.freeze='before:'": "backbone.freeze must be all, none or before:",
    "training=finetune training.finetune.freeze=top": "training.finetune.freeze must be all, none or before:",
    "training.class_weights=some": "training.class_weights must be one of",
    "tracking.kind=cloud": "tracking.kind must be one of",
    "tracking.model=half": "tracking.model must be one of",
    "cache.dtype=int8": "cache.dtype must be one of",
    # ranges
    "sampling.per_class=-1": "sampling.per_class must be at least 2. Received: sampling.per_class=-1.",
    "sampling.per_class=1": "sampling.per_class must be at least 2",
    "sampling.test.per_class=-1": "sampling.test.per_class must be at least 0",
    "sampling.test.per_class=40": "sampling.test.pool must be at least 40",
    "augmentation.views=0": "augmentation.views must be at least 1",
    "backbone.image_size=16": "backbone.image_size must be at least 32",
    "head.units=0": "head.units must be at least 1",
    "training.epochs=0": "training.epochs must be at least 1",
    "training.batch_size=0": "training.batch_size must be at least 1",
    "training=finetune training.finetune.epochs=0": "training.finetune.epochs must be at least 1",
    "seed=-1": "seed must be at least 0",
    "threads=0": "threads must be at least 1",
    "sampling.fraction=0": "sampling.fraction must be above 0 and at most 1",
    "sampling.fraction=1.1": "sampling.fraction must be above 0 and at most 1",
    "sampling.fraction=nan": "sampling.fraction must be above 0 and at most 1",
    "split.validation=0": "split.validation must be above 0 and below 1",
    "split.validation=1": "split.validation must be above 0 and below 1",
    "sampling.max_rejected=1": "sampling.max_rejected must be at least 0 and below 1",
    "head.dropout=1": "head.dropout must be at least 0 and below 1",
    "head.dropout=-0.1": "head.dropout must be at least 0 and below 1",
    "training.label_smoothing=1": "training.label_smoothing must be at least 0 and below 1",
    "optimizer.learning_rate=0": "optimizer.learning_rate must be a finite number above 0",
    "optimizer.learning_rate=inf": "optimizer.learning_rate must be a finite number above 0",
    "optimizer.learning_rate=nan": "optimizer.learning_rate must be a finite number above 0",
    "optimizer.learning_rate=fast": "optimizer.learning_rate must be a finite number above 0",
    "optimizer.learning_rate=true": "optimizer.learning_rate must be a finite number above 0",
    "~optimizer.learning_rate": "optimizer.learning_rate must be a finite number above 0. Received: .*=null",
    "training=finetune training.finetune.learning_rate=-1e-5": "training.finetune.learning_rate must be",
    "tracking.system_metrics_interval=0": "tracking.system_metrics_interval must be a finite number above 0",
    # empty text, which as a path would be the current folder
    "data=folder data.root=": "data.root must not be empty. Received: data.root=''. Set it, or the shell",
    "cache.root=": "cache.root must not be empty",
    "tracking.root=": "tracking.root must not be empty",
    "backbone.weights=": "backbone.weights must not be empty",
    "sampling.test.list=": "sampling.test.list must not be empty",
    # combinations
    "data=ndsc": "data=ndsc needs the folder of the photos: data.root=<folder>",
    "data=folder": "data=folder needs the folder of the photos: data.root=<folder>",
    "data=table": "data=table needs a CSV or Parquet file: data.table=<file>",
    "data.root=/photos": "data=sample is rendered; use data=ndsc or data=folder",
    "data=folder data.root=/photos data.table=x.csv": "data.table is read with data=table only",
    "data=table data.table=x.csv data.labels=category": "data.labels=category is for data in NDSC's layout",
    "split=group": "split=group needs the column to split by: split.by=<column>",
    "split=column": "split=column needs the column to split by: split.by=<column>",
    "split.by=shop": "split.by is used with split=group and split=column",
    "augmentation=none augmentation.views=2": "augmentation.views above 1 needs layers",
    "backbone.precision=int8 backbone.engine=tensorflow": "backbone.precision=int8 needs OpenVINO",
    "backbone.precision=int8 backbone.freeze=none": "backbone.precision=int8 quantizes the frozen part",
    "backbone.precision=int8 training=finetune training.finetune.freeze=none": "backbone.precision=int8 quantizes",
    "training=finetune backbone.freeze=none": "training=finetune lowers the freeze line",
    "training=finetune training.finetune.freeze=all": "training=finetune lowers the freeze line",
    # settings that do not exist
    "+sampling.perclass=5": "There is no setting sampling.perclass; expected one of exclude, .*per_class",
    "+sampling.test.size=5": "There is no setting sampling.test.size",
    "+colour=red": "There is no setting colour",
    # targets
    "optimizer._target_=os.system": "optimizer: a _target_ must be a class of keras.optimizers or .*: os.system",
    "~optimizer._target_": "optimizer: optimizer must be a dictionary with a _target_",
    "backbone.build._target_=keras.models.load_model": "backbone.build: a _target_ must be",
    "backbone.preprocess=os.system": "backbone.preprocess must be keras.applications.<network>.preprocess_input",
    "backbone.preprocess=keras.applications.resnet50.os.system": "backbone.preprocess must be",
    "callbacks.early_stopping._target_=keras.callbacks.os.system": "callbacks: a _target_ must be a class of",
    "callbacks.early_stopping._target_=keras.callbacks": "callbacks: a _target_ must be a class of",
    "callbacks.early_stopping._target_=ndsc.training.callbacks.keras.utils.get_file": "callbacks: a _target_ must be",
    "callbacks.early_stopping._target_=keras.callbacksX": "callbacks: a _target_ must be a class of",
    "+callbacks.mine=7": "callbacks: mine must be a dictionary with a _target_. Received: 7",
    "augmentation.layers.flip._target_=keras.layers.deserialize": "augmentation.layers: a _target_ must be a class of",
    "+augmentation.layers.flip.seed={_target_:builtins.eval}": "augmentation.layers: .* Received: builtins.eval",
    "+augmentation.layers.flip.seed=[1,{deep:[{_target_:builtins.eval}]}]": "Received: builtins.eval",
}

ACCEPTED = [
    "sampling.per_class=2",
    "sampling=all sampling.test.per_class=0 sampling.test.pool=0",
    "sampling.fraction=1",
    "sampling.max_rejected=0",
    "sampling.test.per_class=30",
    "head=mlp head.units=1",
    "backbone.freeze=none",
    "backbone.freeze=before:conv5",
    "backbone.precision=int8 backbone.engine=openvino training=finetune",
    "training=finetune backbone.freeze=before:conv5_block1 training.finetune.freeze=none",
    "augmentation=none",
    "split.duplicates=off",
    "split.duplicates=near",
    "data=table data.table=photos.csv data.root=/photos",
    "data=ndsc data.root=s3://bucket/folder",
    "data=ndsc data.root=https://host:8000/folder",
    "optimizer.learning_rate=1",
    "+callbacks.tidy._target_=ndsc.training.callbacks.KeepBest",
    "optimizer.learning_rate={_target_:keras.optimizers.schedules.CosineDecay,initial_learning_rate:0.1,decay_steps:9}",
]


@pytest.mark.parametrize(("overrides", "expected"), REFUSED.items(), ids=REFUSED)
def test_a_wrong_configuration_is_refused_with_a_sentence(
    configured: Callable[..., Config], overrides: str, expected: str
):
    with pytest.raises(UserError, match=expected) as refused:
        configured(*overrides.split())
    assert "Received: " in str(refused.value)


@pytest.mark.parametrize("overrides", ACCEPTED)
def test_a_legal_configuration_passes(configured: Callable[..., Config], overrides: str):
    check(configured(*overrides.split()))


def test_all_faults_are_reported_at_once(configured: Callable[..., Config]):
    with pytest.raises(UserError) as refused:
        configured("seed=-1", "training.epochs=0", "backbone.resize=squeeze")
    for key in ("seed", "training.epochs", "backbone.resize"):
        assert f"{key} must be" in str(refused.value)


@pytest.mark.skipif(not HAS_WHITELIST, reason="Hydra has a whitelist since 1.4 (make hydra14)")
@pytest.mark.parametrize("target", ["shutil.rmtree", "keras.utils.get_file", "ndsc.terminal.print_table"])
def test_hydra_s_own_whitelist_refuses_what_the_checks_refuse(target: str):
    with pytest.raises(UserError, match="is not in the Hydra execution whitelist"):
        build({"_target_": target}, "callbacks.mine")
