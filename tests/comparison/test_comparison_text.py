import os
import shlex
import subprocess

import pytest

from ndsc.comparison.comparison_table import Configuration, compare_runs
from ndsc.comparison.comparison_text import appendix, command_to_repeat, data_table, markdown_table, summary
from ndsc.comparison.significance import McNemar, TopTwoTest
from tests.comparison.runs import recorded

COST = {"time/total_seconds": 100.0, "cache/misses": 1200.0}
STRONG = [
    recorded(0.96, seed="0", augmentation="strong", head="linear", metrics=COST | {"test/accuracy": 0.75}),
    recorded(0.94, seed="1", augmentation="strong", head="linear", metrics=COST | {"test/accuracy": 0.75}),
]
PLAIN = recorded(0.9, augmentation="none", head="linear", tags={"git.dirty": "true", "command": "python -m ndsc.train"})
KILLED = [recorded(status="KILLED") for _ in range(7)]
COMPARISON = compare_runs([PLAIN, *STRONG, *KILLED])


def cells(text: str, row: int) -> list[str]:
    """Return the cells of one line of the first table in a text."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [cell.strip() for cell in lines[row].strip("|").split("|")]


def test_the_table_shows_what_differs_the_accuracies_and_the_costs():
    text = summary("ndsc", COMPARISON, None)
    assert text.startswith("## ndsc: 2 configurations, 3 runs\n")
    assert cells(text, 0) == [
        *("row", "augmentation", "seeds", "validation", "training", "test", "seconds", "views computed"),
        *("manifest", "commit"),
    ]
    assert cells(text, 2) == [
        *("1", "strong", "2", "95.00 ± 1.41", "99.00 ± 0.00", "75.00 ± 0.00", "100.0", "1,200"),
        *("2, by run", "`76e4434`"),
    ]
    assert cells(text, 3) == ["2", "none", "1", "90.00", "99.00", "–", "–", "–", "`manifest0`", "`76e4434`+"]
    assert "The same in all rows: `head=linear`" in text


def test_the_main_shared_params_are_shown_and_the_others_are_in_the_csv():
    settings = {"augmentation_views": "4", "cache_dtype": "float16", "split_seed": "null"}
    comparison = compare_runs([recorded(head=head, backbone="xception", **settings) for head in ("linear", "mlp")])
    text = " ".join(summary("ndsc", comparison, None).split())
    assert (
        "The same in all rows: `augmentation.views=4 backbone=xception` and 2 other settings (comparison.csv)" in text
    )
    assert data_table(comparison)["cache.dtype"].tolist() == ["float16", "float16"]


def test_excluded_runs_are_counted_and_the_first_are_named():
    shown = ", ".join(run.id[:8] for run in KILLED[:5])
    assert f"Excluded: 7 KILLED ({shown}, …)." in " ".join(summary("ndsc", COMPARISON, None).split())


@pytest.mark.parametrize(
    ("p_value", "conclusion"), [(0.031, "p = 0.031: more than chance explains"), (0.25, "chance alone can explain it")]
)
def test_the_result_of_mcnemars_test_is_explained(p_value: float, conclusion: str):
    pairs = ((STRONG[0], PLAIN), (STRONG[1], PLAIN))
    text = " ".join(summary("ndsc", COMPARISON, TopTwoTest(pairs, 1_300, McNemar(9, 2, p_value))).split())
    assert "over 2 pairs of runs with the same validation photos (seed 0, 1/0; 1,300 different photos)" in text
    assert "a photo counts once" in text
    assert "9 for row 1 alone, 2 for row 2 alone" in text
    assert conclusion in text
    single = " ".join(summary("ndsc", COMPARISON, TopTwoTest(pairs[:1], 10, McNemar(1, 1, 1.0))).split())
    assert "1 pair of runs" in single
    assert "a photo counts once" not in single


def test_the_reason_for_no_test_is_given():
    text = summary("ndsc", COMPARISON, TopTwoTest((), 0, None, "nothing was logged"))
    assert "McNemar's test of rows 1 and 2 is not possible: nothing was logged." in text


def test_the_appendix_lists_every_run_and_the_command_of_every_row():
    text = appendix(COMPARISON)
    assert cells(text, 2) == ["1", "0", "96.00", "99.00", "75.00", "`manifest0`", "`76e4434`", f"`{STRONG[0].id}`"]
    assert cells(text, 4)[-2:] == ["`76e4434`+", f"`{PLAIN.id}`"]
    assert "Row 1:\n\n    its runs did not log their command" in text
    assert "Row 2:\n\n    python -m ndsc.train seed=0\n" in text


def test_the_commit_of_a_run_outside_a_checkout_is_a_dash():
    comparison = compare_runs([recorded(tags={"git.commit": "git is not installed"})])
    assert cells(summary("ndsc", comparison, None), 2)[-1] == "–"


def test_the_data_table_has_plain_numbers_and_whole_ids():
    table = data_table(COMPARISON)
    assert table["augmentation"].tolist() == ["strong", "none"]
    assert table["head"].tolist() == ["linear", "linear"]
    assert table["best/val_accuracy"].tolist() == pytest.approx([0.95, 0.9])
    assert table["best/val_accuracy_deviation"].isna().tolist() == [False, True]
    assert table["run_ids"].tolist() == [f"{STRONG[0].id} {STRONG[1].id}", PLAIN.id]
    assert table["manifests"].tolist() == ["manifest0 manifest1", "manifest0"]
    assert table["commits"].tolist() == ["76e4434", "76e4434+"]


def test_a_bar_in_a_cell_is_escaped():
    assert markdown_table(["a", "b"], [["x|y", "1"]]).splitlines() == ["| a    | b |", "| ---- | - |", "| x\\|y | 1 |"]


def repeated(overrides: str, *seeds: str, root: str = "/data/photos", weights: str = "imagenet") -> str | None:
    tags = {"command": f"python -m ndsc.train {overrides}", "data.root": root, "weights": weights}
    return command_to_repeat(Configuration({}, tuple(recorded(seed=seed, tags=tags) for seed in seeds or ("0",))))


def test_several_seeds_become_a_sweep():
    assert repeated("+experiment=baseline seed=3", "3", "7") == "python -m ndsc.train -m +experiment=baseline seed=3,7"
    assert repeated("+experiment=baseline") == "python -m ndsc.train +experiment=baseline seed=0"


def test_no_path_of_the_machine_is_shown():
    overrides = (
        "data=ndsc data.root=/data/photos data.metadata=/data/photos/sub/x.csv backbone.weights=/weights/w.keras"
    )
    assert repeated(overrides) == (
        "python -m ndsc.train data=ndsc data.root=$NDSC_ROOT data.metadata=$NDSC_ROOT/sub/x.csv "
        "'backbone.weights=…/w.keras' seed=0"
    )


@pytest.mark.parametrize("root", [".", "photos"])
def test_a_relative_folder_is_replaced_and_other_words_are_not(root: str):
    overrides = f"data.root={root} sampling.test.list={root}/test.csv backbone=xception"
    expected = "data.root=$NDSC_ROOT sampling.test.list=$NDSC_ROOT/test.csv backbone=xception"
    assert repeated(overrides, root=root) == f"python -m ndsc.train {expected} seed=0"


def test_store_and_cache_are_dropped_but_not_the_type_of_cached_features():
    recording = "tracking=server tracking.root=/x cache.root=/y hydra.run.dir=/z hydra/launcher=joblib threads=1"
    assert repeated(f"{recording} cache.dtype=float32") == "python -m ndsc.train cache.dtype=float32 seed=0"


def test_a_shell_parses_the_command_correctly():
    command = repeated(
        "'data.root=/data/my photos' '~augmentation.layers.flip' 'a.b=[1, 2]' 'data.metadata=/data/my photos/a b.csv'"
    )
    assert command is not None
    shown = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {command}"],
        env=os.environ | {"NDSC_ROOT": "/mine"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines()[3:] == [
        "data.root=/mine",
        "~augmentation.layers.flip",
        "a.b=[1, 2]",
        "data.metadata=…/a b.csv",
        "seed=0",
    ]
    again = repeated(shlex.join(["data.metadata=/data/photos/a b.csv"]))
    assert again == "python -m ndsc.train 'data.metadata='\"$NDSC_ROOT\"'/a b.csv' seed=0"


def test_random_weights_in_place_of_imagenets_are_requested():
    command = repeated(
        "+experiment=baseline backbone.weights=imagenet", weights="random (ImageNet weights unavailable)"
    )
    assert command == "python -m ndsc.train +experiment=baseline backbone.weights=random seed=0"


def test_a_run_that_did_not_log_its_command_has_none():
    assert command_to_repeat(Configuration({}, (recorded(),))) is None
