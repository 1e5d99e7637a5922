"""The machines that train a model together, as `TF_CONFIG` names them."""

import ipaddress
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from char_lstm_tf.runs import meeting
from pipelines import UserError

EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, "task": {"type": "worker", "index": 0}}'
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)  # a part of a host's name


@dataclass(frozen=True)
class Cluster:
    """The workers of a run, and the number of this one.

    Attributes:
        addresses: `host:port` of each worker, or `[IPv6]:port`. The first is that of the chief.
        index: the number of this one.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def chief(self) -> bool:
        """Whether this worker writes the files."""
        return self.index == 0

    @property
    def hosts(self) -> list[str]:
        """The names or IP addresses of the workers, without brackets."""
        return [meeting.host_and_port(address)[0] for address in self.addresses]

    def meet(self) -> None:
        """Waits until all workers have started and agree on their addresses, see `meeting.Meeting`.

        Raises:
            UserError: they don't agree, or a worker has failed or hasn't started.
        """
        meeting.Meeting(self.addresses, self.index).hold()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Cluster | None":
        """Returns what `TF_CONFIG` says, or None if it isn't set or names this process alone.

        TensorFlow, Kubernetes operators and Ray all use it: JSON with the addresses by the kind of their task, and the
        kind and number of this one. A `chief` is the first worker. If only the task is wrong, the other workers get the
        error too.

        Raises:
            UserError: it isn't JSON, or something in it is missing or invalid.
        """
        given = environment.get("TF_CONFIG", "").strip()
        if not given:
            return None
        try:
            parsed = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise UserError(f"TF_CONFIG: not JSON ({error}); it looks like {EXAMPLE}") from error
        jobs = _part(_object("TF_CONFIG", parsed), "cluster")
        task = _part(parsed, "task")
        for kind, listed in jobs.items():
            if kind not in ("chief", "worker"):
                raise UserError(f"TF_CONFIG: cluster.{kind} isn't supported; give a chief and workers only")
            if not isinstance(listed, list):
                raise UserError(f"TF_CONFIG: cluster.{kind} must be a list of addresses; it looks like {EXAMPLE}")
        chiefs = [_address(f"cluster.chief[{place}]", given) for place, given in enumerate(jobs.get("chief", []))]
        workers = [_address(f"cluster.worker[{place}]", given) for place, given in enumerate(jobs.get("worker", []))]
        addresses = (*chiefs, *workers)
        if len(chiefs) > 1:
            raise UserError("TF_CONFIG: cluster.chief names more than one chief")
        if twice := [address for address in addresses if addresses.count(address) > 1]:
            raise UserError(f"TF_CONFIG: cluster has the address {twice[0]} twice; each worker needs its own")
        if len(addresses) < 2 and not task:
            return None
        try:
            index = _index(task, {"chief": chiefs, "worker": workers})
        except UserError as error:
            meeting.tell(addresses, str(error))
            raise
        return cls(addresses, index) if len(addresses) > 1 else None


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"TF_CONFIG: {name} must be an object of JSON; it looks like {EXAMPLE}")
    return value


def _part(parsed: dict[str, Any], name: str) -> dict[str, Any]:
    return _object(name, parsed.get(name, {}))


def _index(task: dict[str, Any], jobs: Mapping[str, Sequence[str]]) -> int:
    """Returns the number of this process among all workers. Raises UserError if `task` is wrong."""
    kind, given = task.get("type", "worker"), task.get("index")
    if kind not in ("chief", "worker"):
        raise UserError(f"TF_CONFIG: task.type={kind!r} isn't supported; it must be chief or worker")
    if not jobs[kind]:
        if not any(jobs.values()):
            return 0
        raise UserError(f"TF_CONFIG: task.type={kind!r}, but the cluster has no {kind}")
    if given is None and kind == "worker" and len(jobs[kind]) > 1:
        raise UserError(f"TF_CONFIG: task.index is missing; it says which of the {len(jobs[kind])} workers this one is")
    number = 0 if given is None else given
    if isinstance(number, str) and re.fullmatch(r"\s*-?[0-9]+\s*", number):
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int):
        raise UserError(f"TF_CONFIG: task.index={given!r} must be a whole number")
    if not 0 <= number < len(jobs[kind]):
        raise UserError(
            f"TF_CONFIG: task.index={given!r}: cluster.{kind} has {len(jobs[kind])}, and the first one is 0"
        )
    return number + (len(jobs["chief"]) if kind == "worker" else 0)


def _address(name: str, given: Any) -> str:
    """Returns an address without blanks around it. Raises UserError if it isn't valid."""
    shown = f"TF_CONFIG: {name}={given!r}"
    if not isinstance(given, str):
        raise UserError(f"{shown} must be host:port in quotes")
    address = given.strip()
    if "://" in address or "/" in address:
        raise UserError(f"{shown}: leave out what isn't host:port, such as http://")
    host, colon, port = address.rpartition(":")
    if not (colon and host and port):
        raise UserError(f"{shown} isn't host:port")
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:9]) < 1 << 16):
        raise UserError(f"{shown}: the port must be a number from 1 to 65535")
    if problem := _problem_of_host(host):
        raise UserError(f"{shown}: {problem}")
    return f"{host}:{int(port)}"


def _problem_of_host(host: str) -> str:
    """Returns what is wrong with a host, or ""."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        number = ipaddress.ip_address(bare)
    except ValueError:
        if ":" in bare or bare != host:
            return "the host isn't an IPv6 address"
        if not bare.isascii():
            return "the host must be in ASCII; write its form with xn--"
        labels = bare.removesuffix(".").split(".")
        return "" if len(bare) < 254 and all(map(LABEL.fullmatch, labels)) else "the host isn't a valid name"
    if (number.version == 6) != (bare != host):
        return f"write [{bare}]:port" if number.version == 6 else f"write {bare}:port"
    if number.is_unspecified or number.is_multicast:
        return "others can't connect to this host; name the machine"
    return ""
