"""Commands in processes that are forked from one that has imported TensorFlow.

The import takes five CPU seconds, more than most commands under test do.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
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


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess:
    """Runs `python -m …`, and returns what it printed and its exit status, which is negative after a signal."""
    start_server()
    with tempfile.TemporaryFile("w+b") as out, tempfile.TemporaryFile("w+b") as err:
        # The forked process opens these files by their place in ours, since it inherits none of them.
        paths = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
        process = CONTEXT.Process(target=_run, args=(words, cwd, paths, dict(os.environ)))
        process.start()
        process.join(TIMEOUT)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, TIMEOUT)
        shown = [file.read().decode() for file in (out, err)]
    return subprocess.CompletedProcess(words, process.exitcode, *shown)


def _run(words: tuple[str, ...], cwd: Path, paths: list[str], environment: dict[str, str]) -> None:
    assert "tensorflow" in sys.modules  # a mistake in the import would be silent
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for number, path in enumerate(paths, start=1):
        os.dup2(os.open(path, os.O_WRONLY), number)
    sys.argv = list(words)
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
