"""How the workers of a run find each other."""

import signal
import threading

import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.models import cores
from char_lstm_tf.runs.cluster import Cluster
from char_lstm_tf.training.workers.workers import ALONE, Workers
from pipelines import UserError


def of_this_machine() -> Workers:
    """Returns this process alone, with all its GPUs. CUDA_VISIBLE_DEVICES hides some."""
    if len(tf.config.list_logical_devices("GPU")) < 2:
        return ALONE
    return Workers(strategy=tf.distribute.MirroredStrategy())


def join(cluster: Cluster, config: Config) -> Workers:
    """Returns the workers of a cluster, as soon as all of them are there. Must be called before TensorFlow's first use.

    Raises:
        UserError: the port of this worker is in use, or the batch can't be divided.
    """
    cluster.meet()
    # The text isn't read yet, so the number of characters is taken for a small one.
    words = config.settings.text.max_words or 0
    cores.set_up_tensorflow(config, config.batch_size // len(cluster.addresses), words)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        reason = " ".join(str(error.message).split())[:200]
        raise UserError(f"TF_CONFIG: worker {cluster.index} can't join the others ({reason})") from error
    # TensorFlow has put a handler in place that only takes note of SIGTERM, so that it would end nothing.
    before = signal.getsignal(signal.SIGTERM)  # None: not Python's
    if before is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)
    workers = Workers(cluster, strategy)
    workers.rows(config.batch_size)
    workers.wait()
    return workers
