"""examples/text_generation.ipynb, and training in the kernel of a notebook."""

import time

import nbformat
import pytest
from conftest import ROOT, verse
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

NOTEBOOK = nbformat.read(ROOT / "examples" / "text_generation.ipynb", 4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
SILENT = ("import os", "model = keras.Sequential")  # cells that may have nothing to show


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """Variables for the kernel: encoded texts and settings stay in the folder of the test."""
    for name, value in {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}.items():
        monkeypatch.setenv(name, value)


def kinds_of_outputs(cells):
    return [{name for output in cell.outputs for name in output.get("data", {output.get("name"): 0})} for cell in cells]


def test_the_notebook_was_executed_from_its_first_cell_to_its_last_without_an_error():
    assert [cell.execution_count for cell in CODE] == list(range(1, len(CODE) + 1))
    assert not [output for cell in CODE for output in cell.outputs if output.output_type == "error"]
    assert all(cell.outputs for cell in CODE if not cell.source.startswith(SILENT))
    assert max(len(cell.source.splitlines()) for cell in CODE) <= 13
    assert str(ROOT) not in nbformat.writes(NOTEBOOK)


@pytest.mark.slow
def test_the_notebook_runs_in_a_clean_kernel_and_shows_what_it_showed(tmp_path, own_home):
    fresh = nbformat.from_dict(NOTEBOOK)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(fresh, timeout=600, kernel_name="python3", resources=resources, coalesce_streams=True).execute()
    executed = [cell for cell in fresh.cells if cell.cell_type == "code"]
    for before, after in zip(kinds_of_outputs(CODE), kinds_of_outputs(executed), strict=True):
        assert before - {"stderr"} == after - {"stderr"}


TRAIN = """
import time, keras, char_lstm_tf
slow = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(SECONDS))
config = char_lstm_tf.Config(
    name=NAME, text=("verse.txt",), data_dir="data", output_dir="runs", units=(8,), batch_size=4, window=16, epochs=2,
    sample_chars=0, checkpoint_steps=2, quiet=True, resume=RESUME,
)
metrics = char_lstm_tf.train(config, callbacks=[slow])
open(NAME + ".loss", "w").write(repr(metrics["validation"]["nats_per_char"]))
"""


@pytest.mark.slow
def test_a_run_whose_kernel_was_interrupted_goes_on_to_the_result_of_one_that_was_not(tmp_path, own_home):
    (tmp_path / "verse.txt").write_text(verse(60))
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))

    def start(name, *, resume=False, seconds=0.0):
        values = {"NAME": name, "RESUME": resume, "SECONDS": seconds}
        return client.execute("\n".join(f"{key} = {value!r}" for key, value in values.items()) + TRAIN)

    def reply(request):
        while (message := client.get_shell_msg(timeout=300))["parent_header"]["msg_id"] != request:
            pass  # of the start of the kernel
        return message["content"]

    try:
        assert reply(start("whole"))["status"] == "ok"
        request = start("stopped", seconds=0.2)
        checkpoints, waited = tmp_path / "runs" / "stopped" / "checkpoints", time.monotonic()
        while len(list(checkpoints.glob("*"))) < 2:
            assert time.monotonic() - waited < 200
            time.sleep(0.1)
        manager.interrupt_kernel()
        assert reply(request)["ename"] == "KeyboardInterrupt"
        assert reply(start("stopped", resume=True))["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert (tmp_path / "stopped.loss").read_text() == (tmp_path / "whole.loss").read_text()
