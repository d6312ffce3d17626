import math
import statistics
from dataclasses import replace

import pytest

from ndsc.comparison.comparison_table import compare_runs
from tests.comparison.runs import recorded


def test_seeds_of_a_configuration_are_one_row_and_the_best_row_is_first():
    plain = [recorded(value, seed=str(seed), augmentation="none") for seed, value in enumerate([0.90, 0.92, 0.94])]
    strong = [recorded(value, seed=str(seed), augmentation="strong") for seed, value in enumerate([0.95, 0.93])]
    comparison = compare_runs([*plain, *strong])
    best, second = comparison.configurations
    assert [run.id for run in best.runs] == [run.id for run in strong]
    assert (second.params, second.seeds) == ({"augmentation": "none"}, ("0", "1", "2"))
    found = second.statistics("best/val_accuracy")
    assert found is not None
    assert found.mean == pytest.approx(0.92)
    assert found.deviation == pytest.approx(statistics.stdev([0.90, 0.92, 0.94]))  # 0.02: of a sample, not of all
    assert comparison.excluded == {}


def test_seeds_are_sorted_as_numbers():
    comparison = compare_runs([recorded(seed=seed) for seed in ("10", "2", "0")])
    assert comparison.configurations[0].seeds == ("0", "2", "10")


def test_varying_and_fixed_params_are_separated():
    comparison = compare_runs(
        [
            recorded(head="linear", backbone="xception", epochs="9"),
            recorded(head="mlp", backbone="xception", epochs="8"),
        ]
    )
    assert comparison.varying == ("epochs", "head")
    assert comparison.fixed == {"backbone": "xception"}


def test_a_param_that_the_choice_of_its_group_determines_is_not_varying():
    linear, mlp = recorded(head="linear", head_units="null"), recorded(head="mlp", head_units="64")
    assert compare_runs([linear, mlp]).varying == ("head",)
    assert compare_runs([linear, mlp, recorded(head="mlp", head_units="32")]).varying == ("head", "head.units")
    assert compare_runs([mlp, recorded(head="mlp", head_units="32")]).varying == ("head.units",)


def test_a_single_run_has_no_deviation_and_a_missing_metric_has_no_mean():
    first, second = recorded(seed="0", metrics={"test/accuracy": 0.8}), recorded(seed="1")
    (one,) = compare_runs([first]).configurations
    assert one.statistics("test/accuracy") == (0.8, None)
    (both,) = compare_runs([first, second]).configurations
    assert both.statistics("test/accuracy") is None


@pytest.mark.parametrize(
    ("flawed", "reason"),
    [
        ({"status": "FAILED"}, "FAILED"),
        ({"status": "RUNNING"}, "RUNNING"),
        ({"validation": math.nan}, "with an accuracy or loss that is not finite (NaN)"),
        ({"metrics": {"train/loss": math.nan}}, "with an accuracy or loss that is not finite (NaN)"),
        ({"metrics": {"test/accuracy": math.inf}}, "with an accuracy or loss that is not finite (NaN)"),
    ],
)
def test_a_flawed_run_is_excluded_with_the_reason(flawed: dict, reason: str):
    out, sound = recorded(**flawed), recorded(seed="1")
    comparison = compare_runs([out, sound])
    assert comparison.excluded == {reason: (out,)}
    assert [run.id for run in comparison.configurations[0].runs] == [sound.id]


def test_a_finished_run_without_accuracy_is_excluded():
    foreign = replace(recorded(), metrics={"auc": 0.9})
    assert compare_runs([foreign]).excluded == {"without best/val_accuracy": (foreign,)}


def test_only_the_newest_run_of_a_seed_is_compared():
    older, newer, other = recorded(0.8, seed="0"), recorded(0.9, seed="0"), recorded(0.9, seed="1")
    comparison = compare_runs([other, newer, older])
    assert [run.id for run in comparison.configurations[0].runs] == [newer.id, other.id]
    assert comparison.excluded == {"repeated later with the same seed and photos": (older,)}


def test_repetitions_of_a_compared_run_are_excluded():
    first = recorded(0.8)
    again, later = (recorded(value, tags={"ndsc.reproduces": first.id}) for value in (0.9, 0.7))
    comparison = compare_runs([first, again, later])
    assert [run.id for run in comparison.configurations[0].runs] == [first.id]
    assert comparison.excluded == {
        "repeating a compared run (ndsc.reproduce)": (later,),
        "repeated later with the same seed and photos": (again,),
    }


def test_one_seed_on_different_photos_is_a_warning():
    runs = [recorded(tags={"manifest": "one"}), recorded(tags={"manifest": "two"})]
    (warning,) = compare_runs(runs).warnings
    assert warning.startswith("Row 1 mixes data: its seed 0 was run on different photos (manifests one, two)")


def test_the_own_run_of_a_sweep_is_skipped():
    comparison = compare_runs([recorded(tags={"ndsc.kind": "sweep"}), recorded(tags={"ndsc.kind": "child"})])
    assert len(comparison.configurations) == 1
    assert comparison.excluded == {}


def test_random_weights_in_place_of_imagenets_are_another_configuration():
    real = recorded(backbone_weights="imagenet", tags={"weights": "imagenet, from a package"})
    random = recorded(
        0.3, backbone_weights="imagenet", seed="1", tags={"weights": "random (ImageNet weights unavailable)"}
    )
    comparison = compare_runs([real, random])
    assert comparison.varying == ("backbone.weights",)
    assert [one.params["backbone.weights"] for one in comparison.configurations] == ["imagenet", "random"]


def test_without_a_run_to_compare_there_is_no_configuration():
    comparison = compare_runs([recorded(status="KILLED")])
    assert (comparison.configurations, comparison.varying, comparison.fixed) == ((), (), {})


def test_a_label_uses_short_names_unless_ambiguous():
    run = recorded(split_by="null", head_units="64", other_units="32", optimizer_rate="0.1")
    (one,) = compare_runs([run]).configurations
    assert one.label(["split.by", "head.units", "optimizer.rate"]) == "units=64 rate=0.1"
    assert one.label(["head.units", "other.units"]) == "head.units=64 other.units=32"
    assert one.label(["split.by"]) == "by=null"
    assert one.label([]) == "all runs"
