"""Trains on a Ray cluster, a worker in each actor.

    python examples/workers/on_ray.py 4 --text=/shared/book.txt --name=book --output_dir=/shared/saved_models --resume

The first argument is the number of workers; the others are those of `python -m char_lstm_tf.train`. The files must be
at the same place on all machines of the cluster. Ray Train isn't needed; its workers set TF_USE_LEGACY_KERAS, which
must not be set when TensorFlow is imported.
"""

import json
import os
import socket
import subprocess
import sys

import ray


@ray.remote(num_cpus=1)
class Worker:
    """A process on some machine of the cluster, which starts the command there."""

    def address(self) -> str:
        """Returns an address of this machine with a port that is free now."""
        with socket.create_server(("", 0)) as listening:
            return f"{ray.util.get_node_ip_address()}:{listening.getsockname()[1]}"

    def train(self, addresses: list[str], index: int, flags: list[str]) -> int:
        """Trains, and returns the exit status."""
        task = {"type": "worker", "index": index}
        environment = os.environ | {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task})}
        environment.pop("TF_USE_LEGACY_KERAS", None)
        return subprocess.run([sys.executable, "-m", "char_lstm_tf.train", *flags], env=environment).returncode


def main(count: int, flags: list[str]) -> int:
    """Starts the workers, and returns the chief's exit status."""
    ray.init()
    workers = [Worker.remote() for _ in range(count)]
    addresses = ray.get([worker.address.remote() for worker in workers])
    statuses = ray.get([worker.train.remote(addresses, index, flags) for index, worker in enumerate(workers)])
    return statuses[0]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
