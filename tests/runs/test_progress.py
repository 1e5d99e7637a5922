import json
import math

import pytest

from char_lstm_tf.runs.progress import Progress
from pipelines import UserError


def after_epochs(losses, *, patience=0, plateau_patience=0):
    """Returns where a run stands after each epoch."""
    found = [Progress("c", steps=1000, steps_per_epoch=10)]
    for loss in losses:
        found.append(found[-1].after_epoch(loss, patience=patience, plateau_patience=plateau_patience))
    return found[1:]


def test_the_best_epoch_is_known():
    epochs = after_epochs([3.0, 2.0, 2.5, 2.0, math.nan, 1.9, 2.0])
    assert [epoch.improved for epoch in epochs] == [True, True, False, False, False, True, False]
    assert (epochs[-1].best_loss, epochs[-1].best_epoch, epochs[-1].epochs_since_best) == (1.9, 6, 1)


def test_without_validation_the_last_epoch_is_the_best():
    epochs = after_epochs([None, None, None])
    assert [epoch.improved for epoch in epochs] == [True] * 3
    assert epochs[-1].best_epoch == 3


def test_the_learning_rate_falls_on_a_plateau_and_the_run_ends_on_a_longer_one():
    epochs = after_epochs([3.0, 2.0, 2.1, 2.2, 1.9, 2.0, 2.0, 2.0, 2.0], patience=4, plateau_patience=2)
    assert [number for number, epoch in enumerate(epochs) if epoch.on_plateau] == [3, 6, 8]
    assert [epoch.stopped for epoch in epochs] == [epoch.finished for epoch in epochs] == [False] * 8 + [True]


def test_without_patience_nothing_ends_early():
    assert not any(epoch.stopped or epoch.on_plateau for epoch in after_epochs([1.0] + [2.0] * 50))


def test_an_epoch_ends_after_its_batches_and_a_run_after_the_end_of_its_last_epoch():
    progress, seen = Progress("c", steps=5, steps_per_epoch=3), []
    while not progress.finished:
        if progress.batches_done:
            progress = progress.after_epoch(1.0, patience=0, plateau_patience=0)
            seen.append("end")
        else:
            seen.append(progress.step_of_epoch)
            progress = progress.after_step(0.0)
    assert seen == [0, 1, 2, "end", 0, 1, "end"]
    assert progress.epochs == 2


def test_it_comes_back_from_its_file(tmp_path):
    progress = Progress("c", steps=9, steps_per_epoch=3, step=4, ended=1, best_loss=1.5, lengths={"a.csv": 3})
    progress.save(tmp_path / "progress.json")
    assert Progress.load(tmp_path / "progress.json") == progress


@pytest.mark.parametrize(
    ("saved", "ended"),
    [
        ({"step": 2}, 0),
        ({"step": 3}, 1),
        ({"step": 3, "ending": {"loss": 2.0}}, 0),
        ({"step": 4, "ending": {}}, 1),
        ({"step": 8}, 3),
        ({"step": 8, "ending": {"loss": 2.0}}, 2),
    ],
)
def test_what_earlier_versions_wrote_tells_which_epochs_have_ended(tmp_path, saved, ended):
    file = tmp_path / "progress.json"
    file.write_text(json.dumps({"corpus": "c", "steps": 8, "steps_per_epoch": 3} | saved))
    assert Progress.load(file).ended == ended


@pytest.mark.parametrize("content", ["", "[]", '{"corpus": "c", "steps": 3, "new": 1}', '{"steps": 3}'])
def test_what_it_can_not_read_is_named(tmp_path, content):
    file = tmp_path / "progress.json"
    file.write_text(content)
    with pytest.raises(UserError, match=r"progress\.json: damaged, or of a newer version"):
        Progress.load(file)


def test_the_earliest_versions_left_the_length_of_an_epoch_out(tmp_path):
    file = tmp_path / "progress.json"
    file.write_text(json.dumps({"corpus": "c", "steps": 114, "step": 30}))
    assert Progress.load(file, steps_per_epoch=57) == Progress("c", 114, 57, step=30)
