import math
import resource

import keras
import numpy as np
import pytest

from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.callbacks.epochs import DivergedError
from char_lstm_tf.training.callbacks.stopping import SaveCheckpoint
from char_lstm_tf.training.checkpoints import Checkpoints
from pipelines import UserError


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


@pytest.fixture
def weights():
    return keras.Variable(np.arange(1000, dtype="float32"))


@pytest.fixture
def progress():
    return Progress(corpus="c", steps=100, steps_per_epoch=10)


@pytest.fixture
def checkpoints(folder, weights, progress):
    return Checkpoints(folder, {"model": [weights]}, progress, keep=2)


def saved(checkpoints, weights, progress, *, step):
    progress.step = step
    weights.assign(np.full(1000, step, "float32"))
    checkpoints.save()


def names(folder):
    return [path.name for path in folder.checkpoint_folders()]


def test_tensors_and_progress_come_back(checkpoints, weights, progress):
    progress.best_loss, progress.rollbacks = 1.25, 3
    saved(checkpoints, weights, progress, step=7)
    weights.assign(np.zeros(1000))
    progress.step, progress.best_loss, progress.rollbacks = 9, math.inf, 0
    assert checkpoints.restore()
    assert weights.numpy().tolist() == [7.0] * 1000
    assert (progress.step, progress.best_loss, progress.rollbacks) == (7, 1.25, 3)


def test_the_newest_stay_and_nothing_else(folder, checkpoints, weights, progress):
    for step in (5, 50, 500, 5000):
        saved(checkpoints, weights, progress, step=step)
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == ["step-000000500", "step-000005000"]


def damage(path, how):
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "missing":
        path.unlink()
    else:
        place = len(content) // 2
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


@pytest.mark.parametrize("how", ["truncated", "missing", "a bit flipped"])
@pytest.mark.parametrize("file", ["tensors.index", "tensors.data-00000-of-00001", "progress.json", "SHA256SUMS"])
def test_a_damaged_checkpoint_is_skipped_in_favour_of_the_previous_one(
    folder, checkpoints, weights, progress, capsys, file, how
):
    saved(checkpoints, weights, progress, step=1)
    saved(checkpoints, weights, progress, step=2)
    damage(folder.checkpoints / "step-000000002" / file, how)
    assert checkpoints.restore()
    assert progress.step == 1
    assert weights.numpy()[0] == 1
    assert "step-000000002: damaged and removed" in capsys.readouterr().err
    saved(checkpoints, weights, progress, step=2)  # its place is free again
    assert names(folder) == ["step-000000001", "step-000000002"]


def test_without_a_readable_checkpoint_nothing_is_restored(folder, checkpoints, weights, progress):
    assert not checkpoints.restore()
    saved(checkpoints, weights, progress, step=1)
    damage(folder.checkpoints / "step-000000001" / "progress.json", "truncated")
    progress.step = 0
    folder.training_log.write_text("epoch\n0\n")
    assert not checkpoints.restore()
    assert progress.step == 0
    assert not folder.training_log.exists()  # the run starts again, and must not repeat its rows


def test_a_disk_that_takes_no_more_leaves_the_checkpoint_before_it(folder, checkpoints, weights, progress):
    saved(checkpoints, weights, progress, step=1)
    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, most))  # bytes a file; the tensors need 4,000
    try:
        with pytest.raises(UserError, match=r"step-000000002: .*; the previous checkpoint is kept; make room"):
            saved(checkpoints, weights, progress, step=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    assert [path.name for path in folder.checkpoints.iterdir()] == ["step-000000001"]
    assert checkpoints.restore()
    assert weights.numpy()[0] == 1


def test_what_was_appended_after_the_checkpoint_is_removed(folder, checkpoints, weights, progress):
    folder.path.mkdir()
    folder.training_log.write_text("epoch\n0\n")
    saved(checkpoints, weights, progress, step=1)
    folder.training_log.write_text("epoch\n0\n1\n")
    folder.samples.write_text("after epoch 1")
    checkpoints.restore()
    assert folder.training_log.read_text() == "epoch\n0\n"
    assert not folder.samples.exists()
    folder.training_log.write_text("epoch\n")
    with pytest.raises(UserError, match=r"training.csv: shorter than .*6 of 8 bytes"):
        checkpoints.restore()


def test_a_checkpoint_of_another_text_is_refused_before_anything_changes(folder, checkpoints, weights, progress):
    saved(checkpoints, weights, progress, step=1)
    weights.assign(np.zeros(1000))
    other = Checkpoints(folder, {"model": [weights]}, Progress(corpus="d", steps=100), keep=2)
    with pytest.raises(UserError, match="the text has changed since the run started"):
        other.restore()
    assert not weights.numpy().any()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_weight_that_is_not_finite_is_never_saved(folder, checkpoints, weights, progress, value):
    weights.assign(np.full(1000, value))
    with pytest.raises(FloatingPointError):
        checkpoints.save()
    assert names(folder) == []
    save = SaveCheckpoint(
        checkpoints.save,
        progress,
        every_steps=1,
        every_seconds=0,
        asked_to_stop=lambda: None,
    )
    progress.step = 1
    with pytest.raises(DivergedError, match="after step 1"):
        save.on_train_batch_end(0)


def test_sums_of_the_logs_may_overflow(folder, weights, progress):
    norm = keras.Variable(math.inf)
    Checkpoints(folder, {"model": [weights], "sums": [norm]}, progress, keep=2).save()
    assert names(folder) == ["step-000000000"]
