"""A training run of a network: from batches to its best weights."""

import dataclasses
import math
import sys
import time

import keras

from char_lstm_tf.inference.writing import Writer
from char_lstm_tf.models import recurrent
from char_lstm_tf.models.build import build
from char_lstm_tf.models.stack import carried_states
from char_lstm_tf.runs.metrics import TrainingStats
from char_lstm_tf.runs.plan import Plan
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training import fine_tuning
from char_lstm_tf.training.callbacks import epochs, stopping
from char_lstm_tf.training.callbacks.clock import Clock
from char_lstm_tf.training.callbacks.epochs import DivergedError
from char_lstm_tf.training.callbacks.gradients import LogGradients
from char_lstm_tf.training.checkpoints import Checkpoints
from char_lstm_tf.training.compiling import averaged_weights, compile_model
from char_lstm_tf.training.fitting import fit
from char_lstm_tf.training.objective import AnswerLabels, Objective, PredictText
from char_lstm_tf.training.workers import ALONE, OwnVariables, Workers
from pipelines.corpus import Corpus
from pipelines.files import written_aside


class Run:
    """A network in training. Making one writes nothing.

    Args:
        plan: the run.
        text: what to learn.
        workers: who trains together.

    Attributes:
        best: the model with the best weights so far, without carried state.
        model: the model in training.
        measured: the model with the weights at the end of an epoch, or their average with --average.
        progress: where the run stands.
        state: what training changes besides the weights.
        checkpoints: of the run.
        objective: what it learns, and its batches.

    Raises:
        UserError: the text is too short for the sizes, or layers don't fit those of the run to start from.
    """

    def __init__(self, plan: Plan, text: Corpus, workers: Workers = ALONE) -> None:
        config, rows = plan.config, workers.rows(plan.config.batch_size)
        self._workers = workers
        keras.utils.set_random_seed(config.seed)
        self._config, self._folder = config, plan.folder
        self._log = sys.stderr if workers.chief and not config.quiet else None
        objective = AnswerLabels if config.target == "label" else PredictText
        self.objective: Objective = objective(config, text, shuffled=plan.folder.shuffled, rows=rows)
        self.batches, self._held_out = self.objective.batches, text.held_out()
        steps = min(self.batches.steps_per_epoch * config.epochs, config.max_steps or math.inf)
        self.progress = Progress(text.folder.name, steps, self.batches.steps_per_epoch)
        self.model = self._build(plan, text)
        self.best, measured = build(config, text.vocabulary), build(config, text.vocabulary)
        self.measured, self._scorer = measured.keras_model, self.objective.scorer(measured)
        self._writer = Writer(measured, text.vocabulary)
        self.state = compile_model(
            self.model, config, steps=steps, sparse=self.objective.sparse, samples=config.sampled_softmax
        )
        self._follow = stopping.FollowChief(self.progress, self.state.scale, workers)
        carried = carried_states(self.model)
        self.checkpoints = Checkpoints(
            plan.folder,
            {
                "model": self.model.variables,
                "carried": carried,
                "training": self.state.variables,
                "sums": self.state.sums,
                "best": self.best.keras_model.weights,
            },
            self.progress,
            keep=config.keep,
            own=None if workers.alone else OwnVariables(self.model, carried, workers),
            workers=workers,
        )
        self._started, self._spent_before = time.monotonic(), 0.0

    def _build(self, plan: Plan, text: Corpus) -> keras.Model:
        """Returns the model to train: with the weights of the run to start from, unless a checkpoint follows."""
        config = plan.config
        model = build(
            dataclasses.replace(config, batch_size=config.batch_size // self._workers.replicas),
            text.vocabulary,
            stream=config.batch_order == "stream",
            trains=recurrent.worth_compiling(self.progress.steps, config.window),
            packed=True,
        ).keras_model
        if plan.origin and not (config.resume and plan.folder.newest_progress()):
            fine_tuning.give_weights(plan.origin, model, text.vocabulary)
        if config.vectors and not (config.resume and plan.folder.newest_progress()):
            print(fine_tuning.give_vectors(config, model, text.vocabulary), file=sys.stderr)
        fine_tuning.freeze(model, config.freeze)
        if config.freeze_vectors:
            model.get_layer("embedding").trainable = False
        return model

    def fit(self) -> None:
        """Trains to the last step, from the newest checkpoint if the run is resumed.

        Raises:
            DivergedError: the loss became NaN or infinite. The newest checkpoint is older.
            StoppedError: a signal asked the process to stop, and a checkpoint was saved.
            UserError: the checkpoint belongs to another text, or the disk is full.
        """
        progress = self.progress
        if self._config.resume:
            found = self.checkpoints.restore()
            self._say(f"resuming after step {progress.step:,}" if found else "no checkpoint: starting from step 0")
        else:
            self.checkpoints.share()
        self._spent_before = progress.seconds
        self.checkpoints.save()  # a run that diverges before the next one needs it too
        self._say(f"{progress.steps:,} steps of {self._config.batch_size} {self.objective.rows}")
        self.best.keras_model.summary(line_length=80, print_fn=self._say)
        while not progress.finished:
            signals = stopping.Signals()
            try:
                with signals.noted():
                    batches = self.batches.dataset(progress.step, progress.steps)
                    chosen = self._callbacks(signals)
                    try:
                        how = {"chars_per_loss": self.objective.chars_per_loss, "workers": self._workers}
                        fit(self.model, batches, chosen, progress=progress, state=self.state, **how)
                    except stopping.StopAtOnce as stop:
                        if self._workers.chief and self._workers.count > 1:
                            self._follow.tell(stop.number)
                        self.checkpoints.save_marked()
                        raise stopping.StoppedError(stop.number, progress.step) from None
            except DivergedError as error:
                self._roll_back(error)
        if self._workers.chief:
            self._save_best()  # after a rollback, the file may hold weights that were given up

    def _roll_back(self, error: DivergedError) -> None:
        """Goes back to the newest checkpoint with half the learning rate, if the run may."""
        config, progress = self._config, self.progress
        rollbacks, scale = progress.rollbacks + 1, float(self.state.scale) / 2
        if config.on_divergence != "rollback" or rollbacks > config.max_rollbacks:
            if self._workers.chief:
                self._folder.diverged.write_text(f"{error}\n", encoding="utf-8")
            raise error
        self.checkpoints.restore()
        progress.rollbacks = rollbacks
        self.state.scale.assign(scale)
        print(f"{error}\nback to step {progress.step:,}, learning rate times {scale:g}", file=sys.stderr)

    def measure(self) -> dict[str, dict]:
        """Returns the scores of the best weights on the held-out parts of the text."""
        self.measured.set_weights(self.best.keras_model.get_weights())  # its scorer is compiled already
        return {name: self._scorer.score(part).report() for name, part in self._held_out.items()}

    def stats(self) -> TrainingStats:
        """Returns what the training took."""
        seen = self.batches.characters(self.progress.step)
        return TrainingStats(
            parameters=self.best.keras_model.count_params(),
            replicas=self._workers.replicas,
            characters_seen=seen,
            epoch=self.progress.best_epoch,
            seconds=round(self._spent_before + time.monotonic() - self._started, 1),
            chars_per_second=round(seen / self.progress.seconds),
        )

    def _say(self, line: str) -> None:
        """Tells the user, unless --quiet."""
        if self._log is not None:
            print(line, file=self._log, flush=True)

    def _save_best(self) -> None:
        with written_aside(self._folder.model) as path:
            self.best.keras_model.save(path)

    def _keep_weights(self) -> None:
        self.best.keras_model.set_weights(self.measured.get_weights())
        self._save_best()

    def _take_weights(self) -> None:
        self.measured.set_weights(averaged_weights(self.model))

    def _callbacks(self, signals: stopping.Signals) -> list[keras.callbacks.Callback]:
        """Returns what happens around the steps, in its order."""
        config, progress = self._config, self.progress
        return [
            epochs.CheckLoss(progress),
            epochs.ResetStates(progress),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self.checkpoints.mark()),
            *(self._records(signals) if self._workers.chief else []),
            *([self._follow] if self._workers.count > 1 else []),
            stopping.SaveCheckpoint(
                self.checkpoints.save,
                progress,
                every_steps=config.checkpoint_steps,
                every_seconds=config.checkpoint_seconds,
                asked_to_stop=signals.came,
                workers=self._workers,
            ),
        ]

    def _records(self, signals: stopping.Signals) -> list[keras.callbacks.Callback]:
        """Returns what measures, shows and writes, in its order."""
        folder, progress = self._folder, self.progress
        chars_per_step = self.batches.characters(progress.steps_per_epoch) / progress.steps_per_epoch
        return [
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self._take_weights()),
            stopping.Interruptible(
                epochs.Measure(self.objective, self._scorer, self._held_out.get("validation")), signals.at_once
            ),
            epochs.KeepBest(progress, self._keep_weights),
            keras.callbacks.CSVLogger(folder.training_log, append=True),
            Clock(
                progress,
                chars_per_step=chars_per_step,
                log=folder.speed_log,
                out=self._log,
                describe=self.objective.describe,
            ),
            keras.callbacks.TensorBoard(folder.logs, write_graph=False),
            epochs.DrawCurves(folder.training_log, folder.curves),
            *self._reports(signals),
            *self._early_ends(),  # below what a signal may interrupt, since they can't be done twice
        ]

    def _early_ends(self) -> list[keras.callbacks.Callback]:
        """Returns what reacts to epochs without a lower loss, as far as it was asked for."""
        config, chosen = self._config, []
        if config.plateau_patience:
            options = {"patience": config.plateau_patience, "factor": config.plateau_factor}
            chosen.append(epochs.LowerLearningRate(self.progress, self.state.scale, **options))
        if config.patience:
            chosen.append(epochs.StopEarly(self.progress, patience=config.patience))
        return chosen

    def _reports(self, signals: stopping.Signals) -> list[keras.callbacks.Callback]:
        """Returns what writes samples and gradients, as far as it was asked for."""
        config, folder, chosen = self._config, self._folder, []
        if config.sample_chars and config.target != "label":
            samples = epochs.SampleText(self._writer, config, path=folder.samples)
            chosen.append(stopping.Interruptible(samples, signals.at_once))
        if config.gradient_steps:
            chosen.append(
                LogGradients(
                    self.batches.batch,
                    every=config.gradient_steps,
                    csv_path=folder.gradients,
                    picture=folder.gradients_picture,
                    logs=folder.logs / "gradients",
                )
            )
        return chosen
