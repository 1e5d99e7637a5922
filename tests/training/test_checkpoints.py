import math
import resource

import keras
import numpy as np
import pytest

from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.checkpoints import Changing, Checkpoints
from pipelines import UserError


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


@pytest.fixture
def weights():
    return keras.Variable(np.arange(1000, dtype="float32"))


@pytest.fixture
def checkpoints(folder, weights):
    return Checkpoints(folder, Changing(model=[weights]), keep=2)


def saved(checkpoints, weights, *, step, **known):
    weights.assign(np.full(1000, step, "float32"))
    checkpoints.save(Progress("c", steps=100, steps_per_epoch=10, step=step, **known))


def names(folder):
    return [path.name for path in folder.checkpoint_folders()]


def test_tensors_and_progress_come_back(checkpoints, weights):
    saved(checkpoints, weights, step=7, best_loss=1.25, rollbacks=3)
    weights.assign(np.zeros(1000))
    found = checkpoints.restore("c")
    assert weights.numpy().tolist() == [7.0] * 1000
    assert (found.step, found.best_loss, found.rollbacks) == (7, 1.25, 3)


def test_the_newest_stay_and_nothing_else(folder, checkpoints, weights):
    for step in (5, 50, 500, 5000):
        saved(checkpoints, weights, step=step)
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
def test_a_damaged_checkpoint_is_skipped_in_favour_of_the_previous_one(folder, checkpoints, weights, capsys, file, how):
    saved(checkpoints, weights, step=1)
    saved(checkpoints, weights, step=2)
    damage(folder.checkpoints / "step-000000002" / file, how)
    assert checkpoints.restore("c").step == 1
    assert weights.numpy()[0] == 1
    assert "step-000000002: damaged and removed" in capsys.readouterr().err
    saved(checkpoints, weights, step=2)  # its place is free again
    assert names(folder) == ["step-000000001", "step-000000002"]


def test_without_a_readable_checkpoint_nothing_is_restored(folder, checkpoints, weights):
    assert not checkpoints.restore("c")
    saved(checkpoints, weights, step=1)
    damage(folder.checkpoints / "step-000000001" / "progress.json", "truncated")
    folder.training_log.write_text("epoch\n0\n")
    assert not checkpoints.restore("c")
    assert not folder.training_log.exists()  # the run starts again, and must not repeat its rows


def test_a_disk_that_takes_no_more_leaves_the_checkpoint_before_it(folder, checkpoints, weights):
    saved(checkpoints, weights, step=1)
    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, most))  # bytes per file; the tensors need 4,000
    try:
        with pytest.raises(UserError, match=r"step-000000002: .*; the previous checkpoint is kept; make room"):
            saved(checkpoints, weights, step=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    assert [path.name for path in folder.checkpoints.iterdir()] == ["step-000000001"]
    assert checkpoints.restore("c")
    assert weights.numpy()[0] == 1


def test_what_was_appended_after_the_checkpoint_is_removed(folder, checkpoints, weights):
    folder.path.mkdir()
    folder.training_log.write_text("epoch\n0\n")
    saved(checkpoints, weights, step=1)
    folder.training_log.write_text("epoch\n0\n1\n")
    folder.samples.write_text("after epoch 1")
    checkpoints.restore("c")
    assert folder.training_log.read_text() == "epoch\n0\n"
    assert not folder.samples.exists()
    folder.training_log.write_text("epoch\n")
    with pytest.raises(UserError, match=r"training.csv: shorter than .*6 of 8 bytes"):
        checkpoints.restore("c")


def test_a_checkpoint_of_another_text_is_refused_before_anything_changes(folder, checkpoints, weights):
    saved(checkpoints, weights, step=1)
    weights.assign(np.zeros(1000))
    with pytest.raises(UserError, match="the text has changed since the run started"):
        checkpoints.restore("d")
    assert not weights.numpy().any()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_weight_that_is_not_finite_is_never_saved(folder, checkpoints, weights, value):
    weights.assign(np.full(1000, value))
    with pytest.raises(FloatingPointError):
        checkpoints.save(Progress("c", steps=100))
    assert names(folder) == []


def test_sums_of_the_logs_may_overflow(folder, weights):
    norm = keras.Variable(math.inf)
    Checkpoints(folder, Changing(model=[weights], sums=[norm]), keep=2).save(Progress("c", steps=100))
    assert names(folder) == ["step-000000000"]


def test_a_checkpoint_of_other_variables_is_refused(folder, checkpoints, weights):
    saved(checkpoints, weights, step=1)
    other = Checkpoints(folder, Changing(model=[weights, keras.Variable(1.0)]), keep=2)
    with pytest.raises(UserError, match="has other variables than this version"):
        other.restore("c")
