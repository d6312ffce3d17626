from collections.abc import Callable
from pathlib import Path

from omegaconf import DictConfig

from ndsc.config.hydra_job import HydraJob


def test_the_command_of_a_run_of_a_search_does_this_run_alone(composed: Callable[..., DictConfig], tmp_path: Path):
    said = ("head=mlp", "optimizer.learning_rate=0.003")
    pruning = "+callbacks.pruning={_target_:ndsc.training.callbacks.PruneTrial,storage:'s',study:'s',trial:3}"
    by_the_sweep = (pruning, "tracking.parent_run_id=abc", "tracking.run_name='learning_rate=0.003'")
    invocation = HydraJob((*said, *by_the_sweep), {}, composed(), tmp_path, in_sweep=True)
    assert invocation.command == "python -m ndsc.train head=mlp optimizer.learning_rate=0.003"
