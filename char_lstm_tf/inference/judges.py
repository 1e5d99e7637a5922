"""One or several trained runs: the probability of each label, or of each token of a text."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from char_lstm_tf.inference import measures
from char_lstm_tf.inference.adaptive import LEARNING, LearntWeights
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.inference.scoring import Score
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.process_state import needs_tensorflow


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What runs say of texts.

    Attributes:
        nats: losses under each label, float64 `[D, L]`; of several runs with labels, those of the first.
        characters: how many were scored, `[D]`.
        probabilities: float64 `[D, L]`.
        quantiles: of the loss under the likeliest label among the losses of held-out texts of that label, `[D]`, see
            `TypicalLosses`; None where no losses are known to compare with.
    """

    nats: np.ndarray
    characters: np.ndarray
    probabilities: np.ndarray
    quantiles: list[float] | None = None


class Judge:
    """Gives texts the probabilities of labels.

    Attributes:
        labels: in the order of the probabilities.
        notes: what the user should know of the probabilities.
        left_out: characters that weren't compared so far, because not all of the runs know them.
        predicts_text: whether the first run predicts text, so that `judge` returns losses of it. One that answers
            labels has none, and what stands in their place means nothing by itself.
        compares_losses: whether the first run knows how large losses of held-out texts are.
    """

    def __init__(self, models: Sequence[LanguageModel], labels: tuple[str, ...], notes: Sequence[str] = ()) -> None:
        self.labels, self.notes, self.left_out = labels, list(notes), 0
        self._models = list(models)
        self.predicts_text = not models[0].answers_labels
        self.compares_losses = models[0].calibration.typical_losses is not None

    @classmethod
    def of_labels(cls, runs: Sequence[TrainedRun]) -> "Judge":
        """Returns the judge that one run with labels is, or several with the same labels.

        Raises:
            UserError: a run knows no labels, or others than the first.
        """
        folders, models, notes = [run.folder.path for run in runs], list(map(LanguageModel.of, runs)), []
        labels = models[0].vocabulary.labels
        for folder, model in zip(folders, models, strict=True):
            if not model.vocabulary.labels:
                raise UserError(
                    f"--model={folder}: was trained without labels; train it with --labels, or compare several runs, "
                    "one for each label, with --models"
                )
            if set(model.vocabulary.labels) != set(labels):
                raise UserError(
                    f"--mix={folder}: knows the labels {', '.join(model.vocabulary.labels)}, and the first run "
                    f"{', '.join(labels)}; they must be the same"
                )
            if not model.calibration.passages:
                notes.append(f"{folder}: had no held-out texts to calibrate its probabilities on; they are extreme")
            report = model.calibration.report
            if report and not measures.beats_shares(report):
                notes.append(f"{folder}: {measures.verdict(report)}")
        return cls(models, labels, notes)

    @classmethod
    def of_runs(cls, runs: Sequence[TrainedRun]) -> "Judge":
        """Returns the judge that several runs are, one for each label, which is named like its folder.

        Raises:
            UserError: there are fewer than two, two have the same name, or they can't be compared.
        """
        folders = [run.folder.path for run in runs]
        names = tuple(folder.resolve().name for folder in folders)
        if len(set(names)) != len(names) or len(names) < 2:
            raise UserError(f"--models={','.join(map(str, folders))}: give at least two runs, with different names")
        models = list(map(LanguageModel.of, runs))
        for folder, model in zip(folders, models, strict=True):
            if model.vocabulary.labels:
                raise UserError(f"--models: {folder} knows labels itself; give it as --model")
            if model.knows_documents != models[0].knows_documents or model.reader != models[0].reader:
                raise UserError(
                    f"--models: {folder} and {folders[0]} read texts in different ways (--documents, --normalize, "
                    "--clean or --text_encoding), so their losses can't be compared; train them alike"
                )
        if any(model.vocabulary.words for model in models):
            characters = [set(model.vocabulary.characters) for model in models]
            if any(known != characters[0] for known in characters):
                raise UserError(
                    "--models: with words as tokens, all runs must know the same characters; train them with "
                    "--tokens=chars, or from one run (--init_from)"
                )
        return cls(models, names, ["--models: the probabilities aren't calibrated; those of long texts are extreme"])

    def judge(self, texts: Sequence[str], *, whole: bool = True, priors: str = "training") -> Judgement:
        """Returns what the runs say. Of several runs with labels, the evidence is the mean of theirs.

        Args:
            texts: in the form of the training text.
            whole: whether each ends where a document ends.
            priors: see `Calibration.prior`.
        """
        if not self._models[0].vocabulary.labels:
            nats, characters = self._losses_of_each_run(texts, whole=whole)
            return Judgement(nats, characters, measures.softmax(-nats))
        losses = [model.losses_per_label(texts, whole=whole) for model in self._models]
        logits = np.zeros((len(texts), len(self.labels)))
        for model, (nats, characters) in zip(self._models, losses, strict=True):
            places = [model.vocabulary.labels.index(label) for label in self.labels]
            calibration = model.calibration
            logits += calibration.logits(nats, characters, priors=priors)[:, places]
        (nats, characters), probabilities = losses[0], measures.softmax(logits / len(self._models))
        quantiles, typical = None, self._models[0].calibration.typical_losses
        if typical:
            chosen = probabilities.argmax(axis=1)
            rows = zip(nats[np.arange(len(texts)), chosen], characters, chosen, strict=True)
            quantiles = [typical.quantile(*row) for row in rows]
        return Judgement(nats, characters, probabilities, quantiles)

    def _losses_of_each_run(self, texts: Sequence[str], *, whole: bool) -> tuple[np.ndarray, np.ndarray]:
        known = set.intersection(*(set(model.vocabulary.characters[1:]) for model in self._models))
        ends = self._models[0].knows_documents
        nats: list[list[np.floating]] = []
        characters = np.zeros(len(texts), int)
        for model in self._models:
            nats.append([])
            for place, (text, (_, losses)) in enumerate(zip(texts, model.losses(texts), strict=True)):
                pieces = model.pieces(text)[0 if ends else 1 :]
                kept = [*map(known.issuperset, pieces), *([whole] if ends else [])]
                nats[-1].append(losses[kept].sum(dtype=np.float64))
                characters[place] = sum(len(piece) for piece in pieces if known.issuperset(piece)) + (ends and whole)
        self.left_out += sum(len(text) - (not ends and len(text) > 0) + (ends and whole) for text in texts)
        self.left_out -= int(characters.sum())
        return np.array(nats).T, characters


class Mixture:
    """Several models that predict together: the probability of a token is the mean of theirs, with a weight for each.

    `LearntWeights` learns them from what has been predicted.

    Args:
        models: with the same tokens, and running text or documents alike.

    Raises:
        UserError: the models can't be mixed.
    """

    def __init__(self, models: Sequence[LanguageModel]) -> None:
        first = models[0]
        for model in models:
            if set(model.vocabulary.tokens) != set(first.vocabulary.tokens):
                raise UserError(
                    "--mix: the models must have the same tokens: train them on the same text with the same --tokens, "
                    "--max_words and --documents"
                )
            if model.reader != first.reader:
                raise UserError("--mix: the models read texts in different ways (--normalize, --clean)")
        self._models, self._weights = list(models), LearntWeights(len(models))
        self.vocabulary, self.knows_documents, self.pieces = first.vocabulary, first.knows_documents, first.pieces

    @needs_tensorflow
    def losses(self, texts: Sequence[str], *, window: int = 0, label: str = "") -> list[tuple[Score, np.ndarray]]:
        """Returns what `LanguageModel.losses` does. A label is for the models that know labels."""
        with LEARNING:
            found = [
                model.losses(texts, window=window, label=label if model.vocabulary.labels else "")
                for model in self._models
            ]
            return [self._mixed(rows) for rows in zip(*found, strict=True)]

    @property
    def weights(self) -> list[float]:
        """The weights as they are now."""
        return self._weights[0]

    def _mixed(self, rows: Sequence[tuple[Score, np.ndarray]]) -> tuple[Score, np.ndarray]:
        """Returns the score of a text and its losses, from those of each model."""
        nats = self._weights.mixed(np.stack([losses for _, losses in rows], axis=1))
        return dataclasses.replace(rows[0][0], nats=float(nats.sum())), nats.astype(np.float32)
