"""The loop over batches. Keras' `fit` can't start in the middle of an epoch, so this replaces it."""

import dataclasses
import signal
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

import keras
import tensorflow as tf

from char_lstm_tf.config.settings import Training
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.callbacks.user import UserCallbacks
from char_lstm_tf.training.checkpoints import Checkpoints
from char_lstm_tf.training.fitting.compiling import TrainingState
from char_lstm_tf.training.fitting.divergence import DivergedError, LossCheck
from char_lstm_tf.training.fitting.evaluation import Evaluation
from char_lstm_tf.training.fitting.objective import Objective
from char_lstm_tf.training.fitting.signals import SIGNALS, Signals, StopAtOnce, StoppedError
from char_lstm_tf.training.fitting.step import in_characters, reset_carried_state, train_function
from char_lstm_tf.training.fitting.teachers import NOBODY, Teachers
from char_lstm_tf.training.workers import ALONE, Workers


class SaveRule:
    """When a checkpoint is due: every few steps or seconds, after the last step, and when the process is asked to stop.

    All workers save and stop at the same step. With each step, a worker posts which signal it has received, and the
    chief posts whether it is time. `step` is where the run starts. `every_steps` and `every_seconds` are the largest
    distances between checkpoints; 0: no limit.
    """

    def __init__(
        self, step: int, *, every_steps: int, every_seconds: float, signals: Signals, workers: Workers = ALONE
    ) -> None:
        self._every_steps, self._every_seconds = every_steps, every_seconds
        self._signals, self._workers = signals, workers
        self._saved_step, self._saved_at = step, time.monotonic()

    def before_step(self) -> None:
        """Posts the signal that this worker has received, and whether it is time."""
        if self._workers.count > 1:
            received = self._signals.received
            self._workers.post([*(received == number for number in SIGNALS), self._workers.chief and self._is_time()])

    def after_step(self, step: int, *, last: bool) -> tuple[bool, signal.Signals | None]:
        """Returns whether a checkpoint is due after a step, and the signal to stop that any worker has received."""
        received, is_time = self._signals.received, self._is_time()
        if self._workers.count > 1:
            *came, is_time = self._workers.collected() > 0
            received = next((number for number, any_came in zip(SIGNALS, came, strict=True) if any_came), None)
        due = bool(last or received or is_time or 0 < self._every_steps <= step - self._saved_step)
        if due:
            self._saved_step, self._saved_at = step, time.monotonic()
        return due, received

    def _is_time(self) -> bool:
        return bool(self._every_seconds) and time.monotonic() - self._saved_at >= self._every_seconds


class Fitting:
    """The training steps of a run, epoch by epoch. Only this class advances its progress.

    A checkpoint is saved after a step, if one is due. That of the last step of an epoch is saved before what happens at
    the end of the epoch, and a run that is resumed from it begins with that.

    `compile_model` compiled the model and returned `state`, whose means are reset with each epoch. `progress` is that
    of a new run and, as an attribute, the current one. `training` has the patience, and how often to save.
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        state: TrainingState,
        checkpoints: Checkpoints,
        *,
        progress: Progress,
        training: Training,
        workers: Workers = ALONE,
        signals: Signals | None = None,
        teachers: Teachers = NOBODY,
    ) -> None:
        self.progress = progress
        self._model, self._objective, self._state, self._checkpoints = model, objective, state, checkpoints
        self._training, self._workers, self._signals = training, workers, signals or Signals()
        self._teachers = teachers
        self._lower_scale: float | None = None  # of the learning rate, from the next step on

    def restore(self) -> bool:
        """Restores the newest checkpoint, and returns whether there is one. Raises as `Checkpoints.restore`."""
        found = self._checkpoints.restore(self.progress.corpus, steps_per_epoch=self.progress.steps_per_epoch)
        self.progress = found or self.progress
        return found is not None

    def save(self) -> None:
        """Writes a checkpoint.

        Raises:
            DivergedError: a weight is NaN or infinite.
            UserError: the disk is full, for instance.
        """
        try:
            self._checkpoints.save(self.progress)
        except FloatingPointError as error:
            raise DivergedError(f"diverged after step {self.progress.step:,}: {error}") from None

    def go_back(self) -> float:
        """Restores the newest checkpoint, halves the learning rate, and returns its new factor.

        It returns 0 and does nothing if there were too many rollbacks.
        """
        rollbacks, scale = self.progress.rollbacks + 1, float(self._state.scale) / 2
        if self._training.max_rollbacks is None or rollbacks > self._training.max_rollbacks:
            return 0.0
        self.restore()
        self.progress = dataclasses.replace(self.progress, rollbacks=rollbacks)
        self._lower_scale = scale
        return scale

    def train(
        self, callbacks: Sequence[keras.callbacks.Callback], evaluation: Evaluation, theirs: UserCallbacks
    ) -> None:
        """Trains to the last step, and calls the callbacks as Keras' `fit` does.

        Args:
            callbacks: called as Keras does.
            evaluation: measures the model at the end of each epoch; that of the chief counts.
            theirs: of the user. The begin and the end of training aren't reported here, as this may be called again.

        Raises:
            DivergedError: the loss or a weight became NaN or infinite. The newest checkpoint is older.
            StoppedError: a worker has received a signal, and a checkpoint was saved.
            UserError: the disk is full, for instance.
        """
        step = train_function(
            self._model,
            self._state,
            chars_per_loss=self._objective.chars_per_loss,
            workers=self._workers,
            teachers=self._teachers,
        )
        chosen = keras.callbacks.CallbackList(
            callbacks, model=self._model, epochs=self.progress.epochs, steps=self.progress.steps_per_epoch
        )
        batches = iter(self._objective.batches.dataset(self.progress.step, self.progress.steps))
        rule = SaveRule(
            self.progress.step,
            every_steps=self._training.checkpoint_steps,
            every_seconds=self._training.checkpoint_seconds,
            signals=self._signals,
            workers=self._workers,
        )
        self._started = time.monotonic() - self.progress.seconds
        chosen.on_train_begin()
        try:
            while not self.progress.finished:
                chosen.on_epoch_begin(self.progress.ended)
                theirs.call("on_epoch_begin", self.progress.ended)
                self._take_steps(lambda: step(batches), chosen, theirs, rule)
                self._end_epoch(chosen, theirs, evaluation)
            if received := self._workers.of_chief(self._signals.received):  # since the last step
                self._stop(signal.Signals(received))
        finally:
            chosen.on_train_end()  # closes files

    def _take_steps(
        self,
        step: Callable[[], dict[str, tf.Tensor]],
        chosen: keras.callbacks.CallbackList,
        theirs: UserCallbacks,
        rule: SaveRule,
    ) -> None:
        """Takes the remaining steps of an epoch."""
        if not self.progress.step_of_epoch:
            for mean in self._state.means.values():
                mean.reset_state()
            for model in (self._model, *self._teachers.models):
                reset_carried_state(model)
        if self._lower_scale is not None and not self.progress.batches_done:
            self._state.scale.assign(self._lower_scale)
            self._lower_scale = None
        check = LossCheck(self._model)
        while not self.progress.batches_done:
            batch = self.progress.step_of_epoch
            rule.before_step()
            chosen.on_train_batch_begin(batch)
            theirs.call("on_train_batch_begin", batch)
            logs = {name: float(value) for name, value in step().items()}
            self.progress = self.progress.after_step(time.monotonic() - self._started)
            check.loss(logs, step=self.progress.step)
            if self.progress.batches_done:
                check.weights(step=self.progress.step)
            chosen.on_train_batch_end(batch, logs)
            theirs.call("on_train_batch_end", batch, logs)
            if theirs.ask_to_stop and self._workers.count == 1:  # several workers take the epoch's steps together
                self.progress = dataclasses.replace(self.progress, steps=self.progress.step)
            due, received = rule.after_step(self.progress.step, last=self.progress.step >= self.progress.steps)
            if received:
                self._stop(received)
            if due:
                self.save()

    def _end_epoch(self, chosen: keras.callbacks.CallbackList, theirs: UserCallbacks, evaluation: Evaluation) -> None:
        """Measures the model, then updates the progress, the best weights and the learning rate."""
        epoch, logs, received = self.progress.ended, {}, None
        if self._workers.chief:
            means = in_characters(self._state.logs(), self._objective.chars_per_loss)
            theirs.call("on_test_begin")
            try:
                with self._signals.at_once():
                    logs = evaluation.measure(epoch, {name: float(value) for name, value in means.items()})
            except StopAtOnce as stop:
                received = stop.number
        if received := self._workers.of_chief(received):
            self._stop(signal.Signals(received))
        if self._workers.chief:
            theirs.call("on_test_end", {name[4:]: value for name, value in logs.items() if name.startswith("val_")})
            self.progress = self.progress.after_epoch(
                logs.get("val_loss"), patience=self._training.patience, plateau_patience=self._training.plateau_patience
            )
            if self.progress.improved:
                evaluation.keep_weights()
            chosen.on_epoch_end(epoch, logs)
            if self.progress.on_plateau:
                self._state.scale.assign(self._state.scale * self._training.plateau_factor)
            theirs.call("on_epoch_end", epoch, logs)
            if theirs.ask_to_stop:
                self.progress = dataclasses.replace(self.progress, stopped=True)
        self.progress = Progress(**self._workers.of_chief(dataclasses.asdict(self.progress)))
        self._state.scale.assign(self._workers.of_chief(float(self._state.scale)))

    def _stop(self, received: signal.Signals) -> NoReturn:
        """Saves a checkpoint, and raises StoppedError."""
        self.save()
        raise StoppedError(received, self.progress.step, self._checkpoints.folder.resume_command)
