"""One tracked run, from archives to a saved classifier: `python -m ndsc.train +experiment=baseline`."""

import logging
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from ndsc.config.checks import typed
from ndsc.config.command_line import hydra_command
from ndsc.config.hydra_job import HydraJob
from ndsc.config.schema import Config
from ndsc.errors import report_errors
from ndsc.startup import start_tensorflow

if TYPE_CHECKING:
    from ndsc.experiment import RunResult

log = logging.getLogger(__name__)


def main(config: Config, job: HydraJob, in_sweep: bool = False) -> "RunResult":
    """Check the configuration, then run it.

    Args:
        in_sweep: record a run also for weights and freeze lines that are wrong: the others go on. A single run that
            cannot start leaves no trace.

    Raises:
        UserError: something that only the user can fix.
    """
    # Importing what checks need takes a third of a second, which --help and a mistake in the configuration do without.
    from ndsc import preflight

    preflight.check(config, in_sweep)
    key = preflight.run_key(config)
    start_tensorflow(config.threads)
    # TensorFlow and MLflow take seconds to import: after everything that can be checked without them.
    from ndsc.experiment import check_backbone, run_experiment

    return run_experiment(config, job, key, None if in_sweep else check_backbone(config))


@hydra_command("train")
def command(composed: DictConfig) -> float:
    """Run the job that Hydra composed; return the best validation accuracy, for a sweeper."""
    in_sweep = HydraConfig.get().mode is RunMode.MULTIRUN
    with report_errors(in_sweep):
        result = main(typed(composed), HydraJob.of(composed), in_sweep)
    accuracy = result.metrics["best/val_accuracy"]
    if in_sweep:
        log.info("validation accuracy %.2f %%", 100 * accuracy)
    else:
        from ndsc.terminal import print_table  # a wrong configuration does without it

        print_table(result.summary)
    return accuracy


if __name__ == "__main__":
    command()
