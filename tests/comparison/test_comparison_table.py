import math
import statistics
from dataclasses import replace

import pytest

from ndsc.comparison.comparison_table import compare_runs
from tests.comparison.runs import recorded


def test_runs_that_differ_only_in_their_seed_are_one_row_and_the_best_row_comes_first():
    plain = [recorded(value, seed=str(seed), augmentation="none") for seed, value in enumerate([0.90, 0.92, 0.94])]
    strong = [recorded(value, seed=str(seed), augmentation="strong") for seed, value in enumerate([0.95, 0.93])]
    comparison = compare_runs([*plain, *strong])
    best, second = comparison.configurations
    assert [run.id for run in best.runs] == [run.id for run in strong]
    assert (second.params, second.seeds) == ({"augmentation": "none"}, ("0", "1", "2"))
    spread = second.spread("best/val_accuracy")
    assert spread is not None
    assert spread.mean == pytest.approx(0.92)
    assert spread.deviation == pytest.approx(statistics.stdev([0.90, 0.92, 0.94]))  # 0.02: of a sample, not of all
    assert comparison.left_out == {}


def test_seeds_are_in_the_order_of_numbers_whenever_they_ran():
    comparison = compare_runs([recorded(seed=seed) for seed in ("10", "2", "0")])
    assert comparison.configurations[0].seeds == ("0", "2", "10")


def test_params_that_differ_are_told_from_those_that_do_not():
    comparison = compare_runs(
        [recorded(head="linear", backbone="xception"), recorded(head="mlp", backbone="xception", head_units="64")]
    )
    assert comparison.varying == ("head", "head.units")
    assert comparison.fixed == {"backbone": "xception"}


def test_one_run_has_no_deviation_and_a_metric_that_a_run_lacks_has_no_mean():
    first, second = recorded(seed="0", metrics={"test/accuracy": 0.8}), recorded(seed="1")
    (one,) = compare_runs([first]).configurations
    assert one.spread("test/accuracy") == (0.8, None)
    (both,) = compare_runs([first, second]).configurations
    assert both.spread("test/accuracy") is None


@pytest.mark.parametrize(
    ("flawed", "reason"),
    [
        ({"status": "FAILED"}, "FAILED"),
        ({"status": "RUNNING"}, "RUNNING"),
        ({"validation": math.nan}, "an accuracy or loss that is not a finite number (NaN)"),
        ({"metrics": {"train/loss": math.nan}}, "an accuracy or loss that is not a finite number (NaN)"),
        ({"metrics": {"test/accuracy": math.inf}}, "an accuracy or loss that is not a finite number (NaN)"),
    ],
)
def test_a_run_that_does_not_count_is_left_out_with_the_reason(flawed: dict, reason: str):
    out, sound = recorded(**flawed), recorded(seed="1")
    comparison = compare_runs([out, sound])
    assert comparison.left_out == {reason: (out,)}
    assert [run.id for run in comparison.configurations[0].runs] == [sound.id]


def test_a_finished_run_of_another_kind_is_left_out():
    foreign = replace(recorded(), metrics={"auc": 0.9})
    assert compare_runs([foreign]).left_out == {"without best/val_accuracy": (foreign,)}


def test_a_seed_that_was_run_twice_counts_once_and_the_newest_counts():
    older, newer, other = recorded(0.8, seed="0"), recorded(0.9, seed="0"), recorded(0.9, seed="1")
    comparison = compare_runs([other, newer, older])
    assert [run.id for run in comparison.configurations[0].runs] == [newer.id, other.id]
    assert comparison.left_out == {"repeated later with the same seed and photos": (older,)}


def test_a_run_counts_before_its_repetitions_which_may_have_come_out_otherwise():
    first = recorded(0.8)
    again, later = (recorded(value, tags={"ndsc.reproduces": first.id}) for value in (0.9, 0.7))
    comparison = compare_runs([first, again, later])
    assert [run.id for run in comparison.configurations[0].runs] == [first.id]
    assert comparison.left_out == {
        "a repetition (ndsc.reproduce) of a run that counts": (later,),
        "repeated later with the same seed and photos": (again,),
    }


def test_one_seed_on_different_photos_is_told():
    runs = [recorded(tags={"manifest": "one"}), recorded(tags={"manifest": "two"})]
    (remark,) = compare_runs(runs).remarks
    assert remark.startswith("Row 1 mixes data: its seed 0 was run on different photos (manifests one, two)")


def test_a_sweeps_own_run_is_no_configuration_and_not_worth_a_word():
    comparison = compare_runs([recorded(tags={"ndsc.kind": "sweep"}), recorded(tags={"ndsc.kind": "child"})])
    assert len(comparison.configurations) == 1
    assert comparison.left_out == {}


def test_random_weights_for_want_of_imagenets_are_a_configuration_of_their_own():
    real = recorded(backbone_weights="imagenet", tags={"weights": "imagenet, from a package"})
    makeshift = recorded(0.3, backbone_weights="imagenet", seed="1", tags={"weights": "random, for want of imagenet"})
    comparison = compare_runs([real, makeshift])
    assert comparison.varying == ("backbone.weights",)
    assert [one.params["backbone.weights"] for one in comparison.configurations] == ["imagenet", "random"]


def test_without_a_run_that_counts_there_is_no_configuration():
    comparison = compare_runs([recorded(status="KILLED")])
    assert (comparison.configurations, comparison.varying, comparison.fixed) == ((), (), {})


def test_a_label_is_short_where_it_is_clear():
    run = recorded(split_by="null", head_units="64", other_units="32", optimizer_rate="0.1")
    (one,) = compare_runs([run]).configurations
    assert one.label(["split.by", "head.units", "optimizer.rate"]) == "units=64 rate=0.1"
    assert one.label(["head.units", "other.units"]) == "head.units=64 other.units=32"
    assert one.label(["split.by"]) == "by=null"
    assert one.label([]) == "all runs"
