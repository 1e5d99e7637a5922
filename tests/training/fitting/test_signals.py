import os
import signal
import threading

import pytest

from char_lstm_tf.training.fitting.loop import SaveRule
from char_lstm_tf.training.fitting.signals import SIGNALS, Signals, StopAtOnce


def steps_saved(*, steps=20, every_steps=0, every_seconds=0.0):
    """Goes through a run, and returns the steps at which a checkpoint was due."""
    rule = SaveRule(0, every_steps=every_steps, every_seconds=every_seconds, signals=Signals())
    return [step for step in range(1, steps + 1) if rule.after_step(step, last=step == steps)[0]]


def test_checkpoints_come_when_due_and_at_the_end():
    assert steps_saved(every_steps=6) == [6, 12, 18, 20]
    assert steps_saved(every_steps=4, steps=16) == [4, 8, 12, 16]
    assert steps_saved(every_seconds=1000) == [20]
    assert steps_saved(every_seconds=1e-9, steps=3) == [1, 2, 3]


@pytest.fixture
def heeded():
    """Signals may come ignored to tests, as in the background or under nohup."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_makes_a_checkpoint_due(heeded, number):
    signals = Signals(*SIGNALS)
    rule = SaveRule(0, every_steps=0, every_seconds=0, signals=signals)
    with signals.deferred():
        assert rule.after_step(1, last=False) == (False, None)
        os.kill(os.getpid(), number)
        assert rule.after_step(2, last=False) == (True, number)


def test_under_nohup_a_closed_terminal_ends_nothing(heeded):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals = Signals(*SIGNALS)
    with signals.deferred():
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.received is None


def test_a_second_signal_ends_the_process_at_once():
    # Where tests run in the background, SIGINT comes ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Signals(*SIGNALS).deferred():
            os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_may_be_given_up_ends_at_once(heeded):
    signals, done = Signals(*SIGNALS), []

    def work():
        with signals.at_once():
            done.append("begun")
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("ended")

    with signals.deferred(), pytest.raises(StopAtOnce):
        work()
    assert signals.received == signal.SIGTERM
    assert done == ["begun"]


def test_what_may_be_given_up_does_not_begin_after_a_signal(heeded):
    signals = Signals(*SIGNALS)
    with signals.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopAtOnce), signals.at_once():
            pytest.fail("begun")


def test_elsewhere_a_signal_interrupts_nothing(heeded):
    signals = Signals(*SIGNALS)
    with signals.deferred():
        with signals.at_once():
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received == signal.SIGTERM


def test_a_handler_that_is_not_of_python_is_left_alone(heeded, monkeypatch):
    """A program in C that embeds Python may have one. Python then says None of it, and can't put it back."""
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    with Signals(*SIGNALS).deferred():
        monkeypatch.undo()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_without_numbers_any_thread_may_use_it(heeded):
    signals, errors = Signals(), []

    def use():
        try:
            with signals.deferred(), signals.at_once():
                pass
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert not errors
    assert signals.received is None
