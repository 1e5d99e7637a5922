"""Several processes, or several GPUs, that train one model together.

A worker is a process. It has a copy of the weights on its machine, and reads its rows of each batch. The gradients of
all workers are added up by the collective operations of TensorFlow's `MultiWorkerMirroredStrategy`; then each worker
clips the sum and takes the same step, so the copies stay equal. Only worker 0, the chief, writes files.

All other communication between workers goes through `Workers.sum`. All of them must call it equally often, in the same
order.

A replica is a copy of the model's graph on one device. A worker has one, or one for each of its GPUs; these share the
worker's weights, which are copied to the other devices in each step.
"""

from char_lstm_tf.training.workers.joining import joined, of_this_machine
from char_lstm_tf.training.workers.per_replica import ReplicaVariables
from char_lstm_tf.training.workers.workers import ALONE, LostWorkerError, Workers

__all__ = ["ALONE", "LostWorkerError", "ReplicaVariables", "Workers", "joined", "of_this_machine"]
