"""What mixes the predictions of models and contexts for one text after the other."""

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from char_lstm_tf.inference.scoring.protocol import KnownText, progress_bar
from pipelines.vocabulary import Vocabulary

AT_ONCE = 1 << 14  # tokens between two steps of a progress bar
FEWEST_SLOTS, MOST_SLOTS = 1 << 18, 1 << 22  # of each context; 8 bytes each


class Mixing:
    """Predicts texts from what models predict, and learns from each token. `mixture` says how.

    Args:
        vocabulary: of the models.
        models: K.
        known: what the contexts have read; None: there are no contexts.

    Attributes:
        bits: B.
    """

    def __init__(self, vocabulary: Vocabulary, *, models: int, known: KnownText | None) -> None:
        # Numba takes half a second to import, and nobody else needs it.
        from char_lstm_tf.inference.mixing import contexts, matches, mixture

        slots = FEWEST_SLOTS
        while known and slots < min(4 * known.tokens, MOST_SLOTS):
            slots *= 2
        counting = contexts.new_contexts(vocabulary, slots=0 if known is None else slots)
        self._mix, self._models, self._ranks, self.bits = mixture.read, models, vocabulary.ranks, vocabulary.bits
        self._predictors = mixture.Predictors(
            counting,
            matches.new_matches(places=slots if known else 1),
            mixture.new_mixture(models=models, contexts=len(counting.slots), known=bool(known and known.tokens)),
            np.zeros(1, np.int64),
            -1 if vocabulary.end is None else int(self._ranks[vocabulary.end]),
            len(vocabulary),
        )
        self._history, self._count = np.zeros(AT_ONCE, np.int64), 0
        if known and known.tokens:
            self._read_known(known)

    @property
    def powers(self) -> list[float]:
        """The power to which the probabilities of each model are raised, in the set of weights for all situations."""
        return self._predictors.mixture.weights[-1, 0, -1 - self._models : -1].tolist()

    def _read_known(self, known: KnownText) -> None:
        label = "reading the training text"
        with tqdm(total=known.tokens, desc=label, unit=" tokens", delay=2, leave=False, disable=None) as progress:
            for ids in known.pieces():
                if not self._count:
                    self._start(ids[:1])
                    ids = ids[1:]
                self._go_on(ids, np.zeros((len(ids), self._models, self.bits), np.float32), progress)
        self._predictors.mixture.tokens[1] = 0  # the models have predicted nothing yet

    def read_all(
        self, texts: Sequence[np.ndarray], given: Sequence[Sequence[np.ndarray]], *, quiet: bool = False
    ) -> list[np.ndarray]:
        """Returns the loss of each token but the first, float32 `[N - 1]`, in nats, of several texts, and learns.

        Args:
            texts: ids, `[N]` each.
            given: what each model says of each text: `TokenScorer.bits_of_each`, `[K][texts]`.
            quiet: show no progress.
        """
        losses = []
        with progress_bar(sum(map(len, texts)), disable=True if quiet else None) as progress:
            for number, ids in enumerate(texts):
                none = np.zeros((max(len(ids) - 1, 0), 0, self.bits), np.float32)
                logits = np.stack([of_texts[number] for of_texts in given], axis=1) if given else none
                self._start(ids[:1])
                losses.append(self._go_on(ids[1:], logits, progress))
        return losses

    def _start(self, ids: np.ndarray) -> None:
        """Begins a text with a token that isn't predicted, if it has one."""
        self._predictors.contexts.words[:] = 0
        self._predictors.matches.lengths[:] = 0
        self._predictors.begin[0] = self._count
        self._append(ids)

    def _go_on(self, ids: np.ndarray, logits: np.ndarray, progress: tqdm) -> np.ndarray:
        losses = []
        for start in range(0, len(ids), AT_ONCE):
            piece = ids[start : start + AT_ONCE]
            self._append(piece)
            given = np.ascontiguousarray(logits[start : start + AT_ONCE])
            losses.append(self._mix(self._predictors, self._history, self._count - len(piece), given))
            progress.update(len(piece))
        return np.concatenate([np.empty(0), *losses]).astype(np.float32)

    def _append(self, ids: np.ndarray) -> None:
        """Adds tokens to the history, which doubles when it is full."""
        while self._count + len(ids) > len(self._history):
            self._history = np.concatenate([self._history, np.zeros_like(self._history)])
        self._history[self._count : self._count + len(ids)] = self._ranks[ids]
        self._count += len(ids)
