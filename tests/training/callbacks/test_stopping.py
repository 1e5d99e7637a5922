import os
import signal

import keras
import pytest

from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.callbacks.stopping import Interruptible, SaveCheckpoint, Signals, StopAtOnce, StoppedError


@pytest.fixture
def progress():
    return Progress(corpus="c", steps=100, steps_per_epoch=10)


def steps_saved(progress, *, steps=20, steps_per_epoch=8, **options):
    """Goes through a run as `fit` does, and returns the steps at which a checkpoint was asked for."""
    found, progress.step, progress.steps, progress.steps_per_epoch = [], 0, steps, steps_per_epoch
    save = SaveCheckpoint(
        lambda: found.append(progress.step),
        progress,
        **{"every_steps": 0, "every_seconds": 0, "asked_to_stop": lambda: None} | options,
    )
    for step in range(1, steps + 1):
        progress.step = step
        save.on_train_batch_end(step)
        if step % steps_per_epoch == 0 or step == steps:
            save.on_epoch_end(0)
    return found


def test_checkpoints_come_when_due_and_at_the_end(progress):
    assert steps_saved(progress, every_steps=6) == [6, 12, 18, 20]
    assert steps_saved(progress, every_steps=4, steps=16) == [4, 8, 12, 16]
    assert steps_saved(progress, every_seconds=1000) == [20]
    assert steps_saved(progress, every_seconds=1e-9, steps=3) == [1, 2, 3]


@pytest.fixture
def heeded():
    """Signals may come ignored to tests, as in the background or under nohup."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_saves_and_ends_the_run_with_its_status(progress, heeded, number, status):
    found = []
    signals = Signals()
    with signals.noted():
        assert signals.came() is None
        save = SaveCheckpoint(
            lambda: found.append(progress.step),
            progress,
            every_steps=0,
            every_seconds=0,
            asked_to_stop=signals.came,
        )
        os.kill(os.getpid(), number)
        progress.step = 3
        with pytest.raises(StoppedError, match=f"{number.name}: stopped after step 3") as caught:
            save.on_train_batch_end(2)
    assert caught.value.status == status
    assert found == [3]


def test_under_nohup_a_closed_terminal_ends_nothing(heeded):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals = Signals()
    with signals.noted():
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.came() is None


def test_a_second_signal_ends_the_process_at_once():
    # Where tests run in the background, SIGINT comes ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Signals().noted():
            os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


class Slow(keras.callbacks.Callback):
    """Asks the process to stop in the middle of its work."""

    ended = False

    def on_epoch_end(self, epoch, logs=None):
        os.kill(os.getpid(), signal.SIGTERM)
        self.ended = True


def test_what_may_be_given_up_ends_at_once(heeded):
    signals, slow = Signals(), Slow()
    with signals.noted(), pytest.raises(StopAtOnce):
        Interruptible(slow, signals.at_once).on_epoch_end(0, {})
    assert signals.came() == signal.SIGTERM
    assert not slow.ended


def test_what_may_be_given_up_does_not_begin_after_a_signal(heeded):
    signals, slow = Signals(), Slow()
    with signals.noted():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopAtOnce):
            Interruptible(slow, signals.at_once).on_epoch_end(0, {})


def test_elsewhere_a_signal_interrupts_nothing(heeded):
    signals, slow = Signals(), Slow()
    with signals.noted():
        with signals.at_once():
            pass
        slow.on_epoch_end(0, {})
    assert slow.ended
