"""Commands in processes that are forked from one that has imported TensorFlow.

The import takes five CPU seconds, more than most commands under test do.
"""

import faulthandler
import multiprocessing
import os
import runpy
import subprocess
import sys
from multiprocessing import forkserver
from pathlib import Path

TIMEOUT = 200  # seconds
CONTEXT = multiprocessing.get_context("forkserver")
FOLDER = Path(__file__).parent


def start_server() -> None:
    """Starts the process that is forked, unless it is there."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{FOLDER.parent}{os.pathsep}{FOLDER}{os.pathsep}{before or ''}"
    try:
        CONTEXT.set_forkserver_preload(["import_once"])
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


class Forked:
    """`python -m …` in a forked process, with what tests need of `subprocess.Popen`.

    Args:
        words: the module and its arguments.
        cwd: folder to run in.
        environment: added to ours.
    """

    def __init__(self, *words: str, cwd: Path, environment: dict[str, str] | None = None) -> None:
        start_server()
        self.words = words
        # Files in memory. The forked process opens them by their place in ours, since it inherits none of them.
        self._files = os.memfd_create("stdout"), os.memfd_create("stderr")
        self._printed = [Path(f"/proc/{os.getpid()}/fd/{file}") for file in self._files]
        arguments = (words, cwd, self._printed, os.environ | (environment or {}))
        self._process = CONTEXT.Process(target=_run, args=arguments)
        self._process.start()

    def __del__(self) -> None:
        for file in self._files:
            os.close(file)

    @property
    def returncode(self) -> int | None:
        """The exit status, negative after a signal; None as long as it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Returns `returncode`."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Ends it."""
        self._process.kill()

    def wait(self, timeout: float = TIMEOUT) -> int:
        """Returns its exit status; raises `subprocess.TimeoutExpired` after so many seconds."""
        self._process.join(timeout)
        if self.returncode is None:
            error = subprocess.TimeoutExpired(self.words, timeout)
            error.add_note(self._printed[1].read_text(encoding="utf-8")[-8000:])
            raise error
        return self.returncode

    def communicate(self, timeout: float = TIMEOUT) -> tuple[str, str]:
        """Waits, and returns what it has printed to stdout and stderr."""
        self.wait(timeout)
        out, err = (path.read_text(encoding="utf-8") for path in self._printed)
        return out, err


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess:
    """Runs `python -m …`, and returns what it printed and its exit status."""
    process = Forked(*words, cwd=cwd)
    try:
        printed = process.communicate()
    finally:
        process.kill()
    return subprocess.CompletedProcess(words, process.returncode, *printed)


def _run(words: tuple[str, ...], cwd: Path, paths: list[Path], environment: dict[str, str]) -> None:
    assert "tensorflow" in sys.modules  # a mistake in the import would be silent
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for number, path in enumerate(paths, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)
    faulthandler.dump_traceback_later(TIMEOUT - 10)  # where it hangs, which its timeout shows
    sys.argv = list(words)
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
