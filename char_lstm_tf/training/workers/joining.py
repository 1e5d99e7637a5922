"""How the workers of a run find each other."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.models import cores
from char_lstm_tf.runs.cluster import Cluster
from char_lstm_tf.training.workers.starting import started
from char_lstm_tf.training.workers.workers import ALONE, Workers
from pipelines.process_state import environment

PROXIES, NO_PROXY = ("grpc_proxy", "https_proxy", "http_proxy"), "no_grpc_proxy"  # of gRPC


def of_this_machine() -> Workers:
    """Returns this process alone, with all its GPUs. CUDA_VISIBLE_DEVICES hides some."""
    if len(tf.config.list_logical_devices("GPU")) < 2:
        return ALONE
    return Workers(strategy=tf.distribute.MirroredStrategy())


@contextmanager
def joined(cluster: Cluster, config: Config) -> Iterator[Workers]:
    """Gives the workers of a cluster that have met. It must be entered before TensorFlow is used.

    Raises:
        UserError: TensorFlow can't reach the others, or the batch can't be divided.
    """
    # The text isn't read yet, so only the number of words is known.
    words = config.settings.text.max_words or 0
    cores.set_up_tensorflow(config, config.batch_size // len(cluster.addresses), words)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.index,
        rpc_layer="grpc",
    )

    def start() -> Workers:
        workers = Workers(cluster, tf.distribute.MultiWorkerMirroredStrategy(resolver))
        workers.rows(config.batch_size)
        workers.wait()
        return workers

    with connected_directly(cluster.hosts):
        yield started(start, cluster.index)


@contextmanager
def connected_directly(hosts: list[str]) -> Iterator[None]:
    """Makes TensorFlow's channels bypass a proxy of the environment, which gRPC would otherwise use for the workers."""
    if set_here := [name for name in PROXIES if os.environ.get(name)]:
        print(f"{set_here[0]} is set, but the workers connect to each other directly", file=sys.stderr)
    given = os.environ.pop(NO_PROXY, None)
    try:
        with environment(**{NO_PROXY: ",".join([*filter(None, [given]), *hosts])}):
            yield
    finally:
        if given is not None:
            os.environ[NO_PROXY] = given
