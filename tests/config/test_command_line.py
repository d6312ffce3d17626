import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from ndsc.config.command_line import validate_keys, validate_values
from ndsc.config.keys import RENAMED_KEYS
from ndsc.config.schema import CONFIG_FOLDER
from ndsc.errors import UserError
from tests.conftest import refusal


@pytest.mark.parametrize("old", RENAMED_KEYS)
@pytest.mark.parametrize("override", ["{}=1", "+{}=1", "++{}=1", "~{}", "{}=a,b"])
def test_an_error_gives_the_new_name_of_a_renamed_key(old: str, override: str):
    received, fixed = override.format(old), override.format(RENAMED_KEYS[old])
    with pytest.raises(UserError) as refused:
        validate_keys(["seed=1", received])
    assert str(refused.value) == (
        f"{old} has been renamed to {RENAMED_KEYS[old]}. Received: {received}. Write {fixed}."
    )


def test_renamed_keys_exist_under_their_new_names_only():
    config = OmegaConf.load(CONFIG_FOLDER / "train.yaml")
    missing = object()
    assert all(OmegaConf.select(config, key, default=missing) is missing for key in RENAMED_KEYS)
    assert all(OmegaConf.select(config, key, default=missing) is not missing for key in RENAMED_KEYS.values())


def test_other_keys_and_options_pass():
    validate_keys(["--config-name", "rerun", "-m", "tracking.root=rerun", "data.metadata='rerun=1'", "tracking=off"])


@pytest.mark.parametrize("command", ["train", "reproduce", "predict", "audit"])
def test_every_command_reports_a_renamed_key(command: str):
    code, lines = refusal("-m", f"ndsc.{command}", "rerun=true")
    assert code == 1
    assert lines == ["ndsc: rerun has been renamed to rerun_finished. Received: rerun=true. Write rerun_finished=true."]


@pytest.mark.parametrize("sweeper", ["grid", "optuna"])
def test_a_sweep_of_a_renamed_key_is_refused(sweeper: str):
    params = "+hydra.sweeper.params={tracking.into:'1,2'}"
    code, lines = refusal("-m", "ndsc.train", "-m", f"hydra/sweeper={sweeper}", params)
    assert code == 1
    assert " ".join(lines).startswith("ndsc: tracking.into has been renamed to tracking.resume_run_id. Received: ")


@pytest.mark.parametrize(
    "value",
    [
        "photo (1).jpg",
        "a,b.jpg",
        "it's.jpg",
        "a=b.jpg",
        "[1].jpg",
        "{x}.jpg",
        "caf\u00e9.jpg",
        'a"b.jpg',
        "a&b#c;d!.jpg",
    ],
)
@pytest.mark.parametrize("key", ["images", "data.root"])
def test_a_path_that_hydra_does_not_read_as_it_is_gets_its_quoted_form(key: str, value: str):
    with pytest.raises(UserError, match=r"must be quoted twice, for the shell and for Hydra\. Received: ") as refused:
        validate_values(["seed=1", f"{key}={value}"])
    (quoted,) = shlex.split(
        str(refused.value)
        .split(". Write ")[1]
        .removesuffix("'images=[<one>,<another>]'.")
        .split(" For several")[0]
        .removesuffix(".")
    )
    validate_values([quoted])
    parsed = OverridesParser.create().parse_override(quoted)
    assert (parsed.key_or_group, parsed.value()) == (key, value)


def test_lists_and_sweeps_pass():
    validate_values(["images=[a.jpg,b c.jpg]", "optimizer.learning_rate=1e-3,1e-4", "+experiment=views,head", "~x"])
    validate_values(["-m", "data.root=a,b", "--config-dir", "/x (1)"])


def test_a_command_reports_how_to_quote_a_path():
    code, lines = refusal("-m", "ndsc.predict", "run=0", "images=photo (1).jpg")
    assert code == 1
    assert """Write 'images="photo (1).jpg"'.""" in " ".join(lines)
