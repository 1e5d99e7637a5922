"""A training run of a network: from batches to its best weights."""

import dataclasses
import sys
import time
from collections.abc import Sequence
from typing import Any

import keras

from char_lstm_tf.models import recurrent
from char_lstm_tf.models.build import build
from char_lstm_tf.models.seeding import seeded
from char_lstm_tf.models.stack import carried_states
from char_lstm_tf.runs.metrics import TrainingStats
from char_lstm_tf.runs.plan import Plan
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training import fine_tuning
from char_lstm_tf.training.callbacks.clock import Clock
from char_lstm_tf.training.callbacks.gradients import LogGradients
from char_lstm_tf.training.callbacks.samples import show_samples
from char_lstm_tf.training.callbacks.steps import Steps
from char_lstm_tf.training.callbacks.user import UserCallbacks, require_callbacks
from char_lstm_tf.training.checkpoints import Changing, Checkpoints
from char_lstm_tf.training.fitting.compiling import compile_model
from char_lstm_tf.training.fitting.divergence import DivergedError
from char_lstm_tf.training.fitting.evaluation import Evaluation
from char_lstm_tf.training.fitting.loop import Fitting
from char_lstm_tf.training.fitting.objective import objective_of
from char_lstm_tf.training.fitting.signals import Signals
from char_lstm_tf.training.fitting.teachers import Teachers
from char_lstm_tf.training.pictures import draw_curves
from char_lstm_tf.training.workers import ALONE, ReplicaVariables, Workers
from pipelines.corpus import Corpus


class Run:
    """A network in training. Nothing is written until `fit`. A signal stops it after the next step.

    `best` has the best weights so far, without carried state; `state` is what training changes besides the weights of
    `model`; `teachers` are what it learns from besides the text; `fitting` has the progress.

    Raises:
        UserError: the text is too short, or layers don't fit those of the run to start from.
    """

    left_out = None  # only counts can leave a document out

    def __init__(
        self,
        plan: Plan,
        text: Corpus,
        workers: Workers = ALONE,
        signals: Signals | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        config, self._folder, self._workers = plan.config, plan.folder, workers
        self._config, self._signals = config, signals or Signals()
        self._log = sys.stderr if workers.chief and not config.quiet else None
        kind = config.settings.network()
        self.objective = objective_of(
            kind, text, seed=config.seed, shuffled=plan.folder.shuffled, rows=workers.rows(config.batch_size)
        )
        per_epoch = self.objective.batches.steps_per_epoch
        steps = min(per_epoch * config.epochs, config.max_steps or sys.maxsize)
        with seeded(config.seed):
            self.model = self._build(plan, text, steps=steps)
            self.best, measured = build(config, text.vocabulary), build(config, text.vocabulary)
        self.evaluation = Evaluation(
            self.model,
            measured,
            self.best,
            objective=self.objective,
            held_out=text.held_out(),
            config=config,
            folder=plan.folder,
        )
        self.teachers = self._teachers(plan, text, steps=steps)
        sparse, samples = self.objective.sparse, config.sampled_softmax
        self.state = compile_model(self.model, config, steps=steps, sparse=sparse, samples=samples)
        carried = [state for model in (self.model, *self.teachers.models) for state in carried_states(model)]
        self.checkpoints = Checkpoints(
            plan.folder,
            Changing(
                model=self.model.variables,
                carried=carried,
                training=self.state.variables,
                sums=self.state.sums,
                best=self.best.keras_model.weights,
                teachers=[weight for model in self.teachers.models for weight in model.weights],
            ),
            keep=config.keep,
            own=None if workers.alone else ReplicaVariables(self.model, carried, workers),
            workers=workers,
        )
        self.fitting = Fitting(
            self.model,
            self.objective,
            self.state,
            self.checkpoints,
            progress=Progress(text.folder.name, steps, per_epoch),
            training=kind.training,
            workers=workers,
            signals=self._signals,
            teachers=self.teachers,
        )
        self._callbacks = require_callbacks(callbacks) if workers.chief else []
        self._started, self._spent_before = time.monotonic(), 0.0

    def _build(self, plan: Plan, text: Corpus, *, steps: int) -> keras.Model:
        """Returns the model to train: with the weights of the run to start from, unless a checkpoint follows."""
        config = plan.config
        network = build(
            dataclasses.replace(config, batch_size=config.batch_size // self._workers.replicas),
            text.vocabulary,
            stream=self.objective.batches.carries_state,
            trains=recurrent.worth_compiling(steps, config.window),
            packed=True,
        )
        model = network.keras_model
        if not (config.resume and plan.folder.newest_progress()):
            if plan.origin:
                fine_tuning.give_weights(plan.origin, network, text.vocabulary)
            if config.vectors:
                print(fine_tuning.give_vectors(config, model, text.vocabulary), file=sys.stderr)
            self.objective.fit_first(network, quiet=self._log is None)
        fine_tuning.freeze(model, config.freeze)
        if config.freeze_vectors:
            model.get_layer("embedding").trainable = False
        return model

    def _teachers(self, plan: Plan, text: Corpus, *, steps: int) -> Teachers:
        """Returns what the model learns from besides the text."""
        config = plan.config
        return Teachers.of(
            plan.teachers,
            dataclasses.replace(config, batch_size=config.batch_size // self._workers.replicas),
            text.vocabulary,
            stream=self.objective.batches.carries_state,
            trains=recurrent.worth_compiling(steps, config.window),
        )

    def fit(self) -> None:
        """Trains to the last step, from the newest checkpoint if the run is resumed.

        Raises:
            DivergedError: the loss became NaN or infinite. The newest checkpoint is older.
            StoppedError: a signal asked the process to stop, and a checkpoint was saved.
            UserError: the checkpoint belongs to another text, or the disk is full.
        """
        fitting = self.fitting
        if self._config.resume:
            found = fitting.restore()
            step = f"{fitting.progress.step:,}"
            self._say(f"resuming after step {step}" if found else "no checkpoint: starting from step 0")
        else:
            self.checkpoints.share()
        self._spent_before = fitting.progress.seconds
        fitting.save()  # so that a run that diverges early has a checkpoint to go back to
        self._say(f"{fitting.progress.steps:,} steps of {self._config.batch_size} {self.objective.rows}")
        self.best.keras_model.summary(line_length=80, print_fn=self._say)
        save = fitting.save if self._workers.alone else lambda: None  # all workers save together
        theirs = UserCallbacks(self._callbacks, self.model, progress=fitting.progress, save=save)
        with self._signals.deferred():
            theirs.call("on_train_begin")
            while not fitting.progress.finished:
                try:
                    fitting.train(self._records() if self._workers.chief else [], self.evaluation, theirs)
                except DivergedError as error:
                    self._go_back(error)
            theirs.call("on_train_end")
        if self._workers.chief:
            self.evaluation.save_best()  # after a rollback, the file may hold weights that were given up

    def _go_back(self, error: DivergedError) -> None:
        """Goes back to the newest checkpoint with half the learning rate, if that is allowed."""
        if not (scale := self.fitting.go_back()):
            if self._workers.chief:
                self._folder.diverged.write_text(f"{error}\n", encoding="utf-8")
            raise error
        print(f"{error}\nback to step {self.fitting.progress.step:,}, learning rate times {scale:g}", file=sys.stderr)

    def measure(self) -> dict[str, dict[str, Any]]:
        """Returns the scores of the best weights on the held-out parts of the text."""
        return self.evaluation.scores()

    def stats(self) -> TrainingStats:
        """Returns what training took."""
        progress = self.fitting.progress
        seen = self.objective.batches.characters(progress.step)
        return TrainingStats(
            parameters=self.best.keras_model.count_params(),
            replicas=self._workers.replicas,
            characters_seen=seen,
            epoch=progress.best_epoch,
            seconds=round(self._spent_before + time.monotonic() - self._started, 1),
            chars_per_second=round(seen / progress.seconds),
        )

    def _say(self, line: str) -> None:
        """Prints a line, unless --quiet."""
        if self._log is not None:
            print(line, file=self._log, flush=True)

    def _records(self) -> list[keras.callbacks.Callback]:
        """Returns the callbacks that print and write the progress. Their order matters: each adds to the logs."""
        config, folder, batches = self._config, self._folder, self.objective.batches

        def draw(epoch: int, logs: dict[str, Any]) -> None:
            draw_curves(folder.training_log, folder.steps_log, folder.curves, epoch=batches.steps_per_epoch)

        records = [
            keras.callbacks.CSVLogger(folder.training_log, append=True),
            Clock(
                lambda: self.fitting.progress,
                chars_per_step=batches.characters(batches.steps_per_epoch) / batches.steps_per_epoch,
                log=folder.speed_log,
                out=self._log,
                describe=self.objective.describe,
            ),
            keras.callbacks.TensorBoard(folder.logs, write_graph=False),
            Steps(
                lambda: self.fitting.progress,
                log=folder.steps_log,
                board=folder.logs / "steps",
                samples=lambda: self.evaluation.samples,
            ),
            keras.callbacks.LambdaCallback(on_epoch_end=draw),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda *_: show_samples(self.evaluation.samples, folder.samples, quiet=config.quiet)
            ),
        ]
        if config.gradient_steps:
            gradients = LogGradients(
                batches.batch,
                every=config.gradient_steps,
                csv_path=folder.gradients,
                picture=folder.gradients_picture,
                logs=folder.logs / "gradients",
            )
            records.append(gradients)
        return records
