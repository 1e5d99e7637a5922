"""How workers find each other before TensorFlow starts, and notice that their settings differ.

TensorFlow waits for absent workers too, but silently, for an hour, and without reacting to signals. If workers have
different lists of addresses, it waits for ever or crashes. So each worker first exchanges a line of JSON with every
other one, in both directions, at the addresses that TensorFlow will use.
"""

import json
import math
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pipelines import UserError

SECONDS_TO_SAY = 20  # from one line about absent workers to the next
SECONDS_TO_WAIT = 3600  # for absent workers: a cluster with a queue may start them one after the other
SECONDS_TO_NAME = 20  # until an unknown name counts as a mistake
SECONDS_TO_LEAVE = 60  # until another program at an address counts as a mistake; it may be a run that is just ending
SECONDS_TO_TELL = 10  # for telling the others why this worker ends; they may not have started yet
SECONDS_TO_ANSWER = 2  # for a process that listens
MOST = 1 << 20  # bytes of a line


def host_and_port(address: str) -> tuple[str, int]:
    """Before: `[::1]:12`; after: `("::1", 12)`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


class Meeting:
    """The workers of a run, as one of them meets the others.

    Each listens at its port and calls all others. Two workers have met when each has called the other. So nobody needs
    its port any more when TensorFlow takes it over. A worker that was restarted is called again.

    Args:
        addresses: of all workers.
        index: of this one.
    """

    def __init__(self, addresses: Sequence[str], index: int) -> None:
        self._addresses, self._index, self._id = list(addresses), index, secrets.token_hex(8)
        others = [number for number in range(len(addresses)) if number != index]
        self._called: dict[int, str] = dict.fromkeys(others, "")  # the id of each worker when this one called it
        self._heard: dict[int, str] = dict.fromkeys(others, "")  # and when it called this one
        self._why: dict[int, str] = dict.fromkeys(others, "")  # the reason why the last call failed
        self._since: dict[int, float] = {}  # when that began
        self._told: set[int] = set()  # who knows why this worker ends
        self._error = ""
        self._changed, self._over = threading.Condition(), False

    def hold(self) -> None:
        """Waits for all workers, and prints for which.

        Raises:
            UserError: the workers don't agree, another process has the port, or a worker hasn't started.
        """
        number, count = self._index, len(self._addresses)
        role = "the chief" if number == 0 else "worker 0 shows how it goes and writes the files"
        _say(f"worker {number} of {count} at {self._addresses[number]}, {role}")
        port = host_and_port(self._addresses[number])[1]
        try:
            listening = _listen(port)
        except OSError as error:
            self._error = (
                f"TF_CONFIG: worker {number} can't listen at port {port} ({os.strerror(error.errno or 0)}); choose "
                "another port, or another task.index if a process has it already"
            )
            tell(self._addresses, self._error)
            raise UserError(self._error) from error
        with listening:
            listening.settimeout(0.1)
            answering = threading.Thread(target=self._answer_all, args=(listening,), daemon=True)
            callers = [
                threading.Thread(target=self._call_again_and_again, args=(other,), daemon=True)
                for other in self._called
            ]
            for thread in (answering, *callers):
                thread.start()
            try:
                self._wait()
            finally:
                self._over = True
                answering.join()  # the port is free only after this thread has ended
        for caller in callers:
            caller.join()
        _say(f"worker {number}: all {count} are there")

    def _wait(self) -> None:
        began = time.monotonic()
        said = began - SECONDS_TO_SAY + 1
        with self._changed:
            while not self._error and self._absent():
                now = time.monotonic()
                if now - began >= SECONDS_TO_WAIT:
                    self._error = (
                        f"worker {self._index}: waited {SECONDS_TO_WAIT // 60} minutes for worker {self._listed()}; "
                        "start all of them again"
                    )
                elif now - said >= SECONDS_TO_SAY:
                    said = now
                    _say(f"worker {self._index}: waiting for worker {self._listed()}")
                self._changed.wait(0.2)
            if not self._error:
                return
            ends = time.monotonic() + SECONDS_TO_TELL
            while len(self._told) < len(self._called) and time.monotonic() < ends:
                self._changed.wait(0.1)
        raise UserError(self._error)

    def _absent(self) -> list[int]:
        return [other for other, called in self._called.items() if not called or called != self._heard[other]]

    def _listed(self) -> str:
        """Returns the absent workers, and why each is absent."""
        here = f"it can't reach {self._addresses[self._index]}"
        return ", ".join(
            f"{other} at {self._addresses[other]} ({self._why[other] or here})" for other in self._absent()
        )

    def _answer_all(self, listening: socket.socket) -> None:
        while not self._over:
            with suppress(OSError):
                connection, _ = listening.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        """Answers a call."""
        with suppress(OSError, ValueError, KeyError, TypeError), connection:
            connection.settimeout(SECONDS_TO_ANSWER)
            caller = _receive(connection)
            _send(connection, self._own_line())
            if _receive(connection) == {"seen": self._id}:
                self._take(caller, None)

    def _call_again_and_again(self, other: int) -> None:
        while not self._over:
            if not self._called[other] or self._called[other] != self._heard[other] or self._error:
                self._call(other)
            time.sleep(0.2)

    def _call(self, other: int) -> None:
        began, connected = time.monotonic(), False
        seconds: float
        try:
            with socket.create_connection(host_and_port(self._addresses[other]), SECONDS_TO_ANSWER) as connection:
                connected = True
                connection.settimeout(SECONDS_TO_ANSWER)
                _send(connection, self._own_line())
                answer = _receive(connection)
                _send(connection, {"seen": answer["id"]})
            self._take(answer, other)
        except socket.gaierror as error:
            self._cannot_call(other, f"the name isn't known here: {error.strerror}", began, SECONDS_TO_NAME)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if connected:
                why, seconds = "what listens there is no worker that waits for the others", SECONDS_TO_LEAVE
            else:
                why, seconds = getattr(error, "strerror", None) or str(error), math.inf
            self._cannot_call(other, why, began, seconds)

    def _cannot_call(self, other: int, why: str, began: float, seconds: float) -> None:
        """Records why a call failed. If it has failed for this reason for `seconds`, the meeting fails."""
        with self._changed:
            if why != self._why[other]:
                self._why[other], self._since[other] = why, began
            elif time.monotonic() - self._since[other] > seconds:
                self._fail(f"TF_CONFIG: cluster: worker {other} at {self._addresses[other]}: {why}")

    def _own_line(self) -> dict[str, Any]:
        return {"addresses": self._addresses, "index": self._index, "id": self._id, "error": self._error}

    def _take(self, said: dict[str, Any], called: int | None) -> None:
        """Handles the line of another worker.

        Args:
            said: the line.
            called: the worker that was called; None: it called this one.
        """
        with self._changed:
            index, theirs, id = said["index"], said["addresses"], said["id"]
            if self._error:
                self._told.add(index)
            elif said["error"]:
                self._told.add(index)
                self._fail(said["error"])
            elif theirs != self._addresses:
                self._fail(f"TF_CONFIG: cluster: {self._difference(index, theirs)}")
            elif called is not None and called != index:
                self._fail(
                    f"TF_CONFIG: cluster says that worker {called} is at {self._addresses[called]}, but worker {index} "
                    "answers there; check task.index of both, and that no two addresses are the same"
                )
            elif index == self._index and id != self._id:
                self._fail(f"TF_CONFIG: two processes are worker {index}; check task.index of each worker")
            elif index != self._index:
                (self._heard if called is None else self._called)[index] = id
                if called is not None:
                    self._why[index] = ""
            self._changed.notify_all()

    def _fail(self, error: str) -> None:
        """Records why this worker ends, if no reason is known yet. The lock must be held."""
        self._error = self._error or error
        self._changed.notify_all()

    def _difference(self, index: int, theirs: list[str]) -> str:
        """Returns how the cluster of another worker differs. Both workers print the same, the smaller number first."""
        ours, (one, other) = self._addresses, sorted((self._index, index))
        first, second = (ours, theirs) if one == self._index else (theirs, ours)
        if len(first) != len(second):
            return f"worker {one} has {len(first)} workers and worker {other} has {len(second)}; all need the same list"
        place = next(place for place in range(len(ours)) if first[place] != second[place])
        return (
            f"worker {place} is at {first[place]} for worker {one} and at {second[place]} for worker {other}; all need "
            "the same list"
        )


def tell(addresses: Sequence[str], error: str) -> None:
    """Tells the workers that wait for this one why it won't join them, if they can be reached soon."""
    ends = time.monotonic() + SECONDS_TO_TELL
    line = {"addresses": list(addresses), "index": -1, "id": secrets.token_hex(8), "error": error}

    def call(address: str) -> None:
        while time.monotonic() < ends:
            with (
                suppress(OSError, ValueError, KeyError, TypeError),
                socket.create_connection(host_and_port(address), SECONDS_TO_ANSWER) as connection,
            ):
                connection.settimeout(SECONDS_TO_ANSWER)
                _send(connection, line)
                _send(connection, {"seen": _receive(connection)["id"]})
                return
            time.sleep(0.2)

    callers = [threading.Thread(target=call, args=(address,), daemon=True) for address in addresses]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(max(ends - time.monotonic(), 0))


def _listen(port: int) -> socket.socket:
    """Returns a socket that listens at a port, for IPv6 and IPv4, as TensorFlow's does."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
    return socket.create_server(("", port), backlog=128)


def _send(connection: socket.socket, line: dict[str, Any]) -> None:
    connection.sendall(json.dumps(line).encode() + b"\n")


def _receive(connection: socket.socket) -> Any:
    """Returns the next line. Raises OSError or ValueError if there is none."""
    with connection.makefile("rb") as file:
        return json.loads(file.readline(MOST))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
