"""The variables that each replica has for itself, and how a checkpoint holds them."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.training.workers.workers import Workers

SEED = "seed_generator_state"  # the end of the path of the Keras variables that dropout is drawn from


class ReplicaVariables:
    """The variables that each replica has for itself: the carried states of its rows, and the seeds of its dropout.

    A checkpoint holds the states of the whole batch and the chief's seeds, so that another number of workers can resume
    from it. Replica r adds r to the first number of a seed; dropout increments the second. A carried state is `[B, H]`
    for the rows of a replica.
    """

    def __init__(self, model: keras.Model, states: Sequence[keras.Variable], workers: Workers) -> None:
        self._workers = workers
        seeds = [variable for variable in model.non_trainable_variables if variable.path.endswith(SEED)]
        self._states = [(state, tf.Variable(tf.repeat(state, workers.replicas, axis=0))) for state in states]
        self._seeds = [(seed, tf.Variable(seed.value)) for seed in seeds]
        for variable in [*states, *seeds]:
            workers.separate(variable)

    def saved(self, variables: Sequence[keras.Variable]) -> list[tf.Variable]:
        """Returns the variables that a checkpoint holds instead of these."""
        instead = {id(own): saved for own, saved in [*self._states, *self._seeds]}
        return [instead.get(id(variable), variable.value) for variable in variables]

    def collect(self) -> None:
        """Updates what a checkpoint holds. All workers must call it."""
        workers = self._workers
        for state, saved in self._states:
            rows = np.zeros(saved.shape)
            for replica, value in workers.values_here(state):
                size = value.shape[0]
                rows[replica * size : (replica + 1) * size] = value
            saved.assign(workers.sum(rows.ravel()).reshape(saved.shape).astype(np.float32))
        for seed, saved in self._seeds:
            _, value = workers.values_here(seed)[0]
            saved.assign(value - np.array([workers.first_replica, 0], value.dtype))

    def take(self) -> None:
        """Gives each replica its part of a restored checkpoint."""
        workers = self._workers
        for state, saved in self._states:
            parts = tf.split(saved, workers.replicas)
            workers.assign_here(state, parts.__getitem__)
        for seed, saved in self._seeds:
            seeds = [saved + tf.constant([replica, 0], saved.dtype) for replica in range(workers.replicas)]
            workers.assign_here(seed, seeds.__getitem__)
