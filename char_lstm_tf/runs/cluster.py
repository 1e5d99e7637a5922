"""The machines that train a model together, as `TF_CONFIG` names them."""

import json
import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines import UserError

EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, "task": {"type": "worker", "index": 0}}'
SECONDS_TO_SAY = 20  # from one line about absent workers to the next
SECONDS_TO_WAIT = 3600  # for absent workers: a cluster with a queue may start them one after the other


@dataclass(frozen=True)
class Cluster:
    """The workers of a run, and which of them this process is.

    Attributes:
        addresses: `host:port` of each worker. The first is that of the chief.
        index: the number of this one.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def chief(self) -> bool:
        """Whether this worker is the one that writes files."""
        return self.index == 0

    def meet(self) -> None:
        """Waits until all workers are there, and says for whom.

        TensorFlow waits for them too, but silently, without answering signals, and for an hour. So every worker listens
        at its port until it could connect to all others, and then leaves the port to TensorFlow.

        Raises:
            UserError: another process has the port of this worker, or a worker didn't come within an hour.
        """
        number, count = self.index, len(self.addresses)
        role = "the chief" if self.chief else "worker 0 shows how it goes and writes the files"
        _say(f"worker {number} of {count} at {self.addresses[number]}, {role}")
        own_port = int(self.addresses[number].rpartition(":")[2])
        try:
            listening = socket.create_server(("", own_port))
        except OSError as error:
            raise UserError(f"TF_CONFIG: worker {number} can't listen at port {own_port} ({error.strerror})") from error
        absent = dict.fromkeys(range(count), "")
        del absent[number]
        began = time.monotonic()
        said = began - SECONDS_TO_SAY + 1
        with listening:
            while absent:
                for other in list(absent):
                    host, _, port = self.addresses[other].rpartition(":")
                    try:
                        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
                        del absent[other]
                    except OSError as error:
                        absent[other] = error.strerror or str(error)
                if not absent:
                    break
                others = ", ".join(f"{other} at {self.addresses[other]} ({why})" for other, why in absent.items())
                if time.monotonic() - began >= SECONDS_TO_WAIT:
                    raise UserError(
                        f"worker {number}: waited {SECONDS_TO_WAIT // 60} minutes for worker {others}; start all of "
                        "them again"
                    )
                if time.monotonic() - said >= SECONDS_TO_SAY:
                    said = time.monotonic()
                    _say(f"worker {number}: waiting for worker {others}")
                time.sleep(0.2)
        _say(f"worker {number}: all {count} are there")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Cluster | None":
        """Returns what `TF_CONFIG` says, or None if it isn't set or names this process alone.

        It is what TensorFlow, Kubernetes operators and Ray agree on: JSON with the addresses by the kind of their task,
        and the kind and number of this one. A `chief` is the first worker.

        Raises:
            UserError: it isn't JSON, lacks something, or has tasks of other kinds.
        """
        given = environment.get("TF_CONFIG", "").strip()
        if not given:
            return None
        try:
            parsed = json.loads(given)
            jobs = {kind: list(addresses) for kind, addresses in parsed.get("cluster", {}).items()}
            task = parsed.get("task", {})
            kind, number = task.get("type", "worker"), int(task.get("index", 0))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(f"TF_CONFIG: not what was expected ({error}); it looks like {EXAMPLE}") from error
        if not jobs:
            return None
        if others := sorted(jobs.keys() - {"chief", "worker"}):
            raise UserError(
                f"TF_CONFIG: tasks of the kind {others[0]!r} aren't supported; give a chief and workers only"
            )
        addresses = [*jobs.get("chief", []), *jobs.get("worker", [])]
        if len(jobs.get("chief", [])) > 1:
            raise UserError("TF_CONFIG: names more than one chief")
        if kind not in jobs or not 0 <= number < len(jobs[kind]):
            raise UserError(f"TF_CONFIG: the cluster has no {kind} with the index {number}")
        for address in addresses:
            if not (isinstance(address, str) and address.rpartition(":")[0] and address.rpartition(":")[2].isdecimal()):
                raise UserError(f"TF_CONFIG: {address!r} isn't host:port")
        if len(set(addresses)) < len(addresses):
            raise UserError("TF_CONFIG: names an address twice")
        if len(addresses) == 1:
            return None
        return cls(tuple(addresses), number + (len(jobs.get("chief", [])) if kind == "worker" else 0))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
