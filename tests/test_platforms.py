"""The platforms on which ndsc runs."""

import subprocess
import sys

import pytest

from tests.test_house import COMMANDS

# On Windows, Python has no module fcntl.
WITHOUT_FCNTL = "import runpy, sys; sys.modules['fcntl'] = None; runpy.run_module('ndsc.{}', run_name='__main__')"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_names_the_platforms_where_files_cannot_be_locked(command: str):
    done = subprocess.run([sys.executable, "-c", WITHOUT_FCNTL.format(command)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        f"ndsc: Linux, macOS or WSL (on Windows: wsl --install) was expected. Received: {sys.platform}.\n"
    )
