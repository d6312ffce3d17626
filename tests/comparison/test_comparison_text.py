import pytest

from ndsc.comparison.comparison_table import compare_runs
from ndsc.comparison.comparison_text import appendix, data_table, markdown_table, summary
from ndsc.comparison.mcnemar import McNemar
from ndsc.comparison.significance import TopTwoTest
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
    """The cells of the nth line of the first table in a text."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [cell.strip() for cell in lines[row].strip("|").split("|")]


def test_the_table_says_what_differs_what_was_reached_and_what_it_cost():
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
    assert "The same in all: `head=linear`" in text


def test_what_was_left_out_is_counted_and_the_first_are_named():
    shown = ", ".join(run.id[:8] for run in KILLED[:5])
    assert f"Left out: 7 KILLED ({shown}, …)." in " ".join(summary("ndsc", COMPARISON, None).split())


@pytest.mark.parametrize(
    ("p_value", "verdict"), [(0.031, "p = 0.031: more than chance explains"), (0.25, "chance alone can explain it")]
)
def test_the_test_of_the_best_two_is_told_with_what_it_rests_on(p_value: float, verdict: str):
    pairs = ((STRONG[0], PLAIN), (STRONG[1], PLAIN))
    text = " ".join(summary("ndsc", COMPARISON, TopTwoTest(pairs, 1_300, McNemar(9, 2, p_value))).split())
    assert "over 2 pairs of runs with the same validation photos (seed 0, 1/0; 1,300 different photos)" in text
    assert "a photo counts once" in text
    assert "9 for row 1 alone, 2 for row 2 alone" in text
    assert verdict in text
    single = " ".join(summary("ndsc", COMPARISON, TopTwoTest(pairs[:1], 10, McNemar(1, 1, 1.0))).split())
    assert "1 pair of runs" in single
    assert "a photo counts once" not in single


def test_why_there_is_no_test_is_told():
    text = summary("ndsc", COMPARISON, TopTwoTest((), 0, None, "nothing was logged"))
    assert "McNemar's test of rows 1 and 2 cannot be done: nothing was logged." in text


def test_the_appendix_names_every_run_and_the_command_of_every_row():
    text = appendix(COMPARISON)
    assert cells(text, 2) == ["1", "0", "96.00", "99.00", "75.00", "`manifest0`", "`76e4434`", f"`{STRONG[0].id}`"]
    assert cells(text, 4)[-2:] == ["`76e4434`+", f"`{PLAIN.id}`"]
    assert "Row 1:\n\n    its runs did not log their command" in text
    assert "Row 2:\n\n    python -m ndsc.train seed=0\n" in text


def test_code_outside_a_checkout_has_no_commit():
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


def test_a_bar_in_a_cell_does_not_end_the_cell():
    assert markdown_table(["a", "b"], [["x|y", "1"]]).splitlines() == ["| a    | b |", "| ---- | - |", "| x\\|y | 1 |"]
