"""How a run stops when its process receives a signal."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines import UserError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last one: the terminal was closed


class StoppedError(UserError):
    """The process received a signal, and has saved a checkpoint."""

    def __init__(self, number: signal.Signals, step: int, command: str) -> None:
        super().__init__(f"{number.name}: stopped after step {step:,}; continue with {command}")
        self.status = 128 + number  # as a shell reports it


class StopAtOnce(BaseException):
    """The process received a signal while it did something that can be interrupted."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number)
        self.number = number


class Signals:
    """Signals that stop a run after its next step, with a checkpoint, instead of ending the process.

    A second signal ends the process at once. Under nohup, SIGHUP stays ignored.

    Args:
        *numbers: the signals. A command handles them. A function doesn't: they belong to the program that calls it, and
            Python allows handlers only in the main thread.

    Attributes:
        received: the signal that came, or None.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers
        self._raises = False
        self.received: signal.Signals | None = None

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Records signals instead of ending the process."""
        before = {number: signal.getsignal(number) for number in self._numbers}
        # A handler that isn't Python's is None here, and couldn't be restored.
        kept = {signal.SIGHUP: (signal.SIG_IGN, None)}
        before = {number: handler for number, handler in before.items() if handler not in kept.get(number, (None,))}

        def note(number: int, frame: object) -> None:
            self.received = signal.Signals(number)
            signal.signal(number, before[self.received])
            print("\nstopping, with a checkpoint; press again to stop at once", file=sys.stderr)
            if self._raises:
                raise StopAtOnce(self.received)

        for number in before:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Raises StopAtOnce when a signal comes, or if one has come already."""
        self._raises = True
        try:
            if self.received:
                raise StopAtOnce(self.received)
            yield
        finally:
            self._raises = False
