"""The mixture of what models and contexts predict.

Every predictor gives the logit of a bit, ln(p / (1 - p)), and the sum of all logits, each times a weight, is the logit
of a mixture. So probabilities are multiplied, each to a power, and a predictor that is sure of itself counts for more
than in a mean. The weights are learnt by gradient descent on the loss of each bit after it was predicted:

    x = Σ wᵢ · xᵢ,  p = σ(x),  wᵢ ← wᵢ + rate · (bit - p) · xᵢ

Who is right depends on the situation, so there are several sets of weights, each chosen by something else, and a second
mixture mixes theirs. At last, p is corrected by how often a 1 came where something close to p was predicted after the
same tokens. Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression" (2005), has the mixture, and
his program PAQ8 (2006 and later) two layers and such a correction.

The functions are compiled by Numba. They change the arrays that they are given.
"""

from typing import Any, NamedTuple

import numpy as np

from char_lstm_tf.inference.mixing import contexts as counting
from char_lstm_tf.inference.mixing import matches as matching
from char_lstm_tf.inference.mixing.compiling import compiled
from char_lstm_tf.inference.mixing.contexts import Contexts, hashed
from char_lstm_tf.inference.mixing.matches import Matches

FIRST_RATE, LAST_RATE, SLOWING = 0.02, 0.0015, 3000  # of the weights: FIRST_RATE / √(1 + n / SLOWING) after n tokens
SECOND_RATE = 0.0005  # of the weights of the second mixture
CLIPPED = 12.0  # the largest logit of a mixture
LEAST = 1e-5  # the smallest probability of a bit
BIAS = 0.3  # an input that is always the same
SETS = 7
SITUATIONS = 1 << 12  # that a set tells apart
NODES = 256  # that the second mixture tells apart
KNOTS, FARTHEST = 33, 8  # a correction is interpolated between so many logits, from -8 to 8
CORRECTIONS = 1 << 16
CORRECTION_RATE = 0.02


class Mixture(NamedTuple):
    """What the mixture has learnt, for I inputs: two of each context and of each match, one of each model, the bias.

    Attributes:
        weights: float32 `[SETS, SITUATIONS, I]`.
        second: the weights of the second mixture, float32 `[NODES, SETS]`.
        corrections: probabilities, float32 `[2, CORRECTIONS, KNOTS]`.
        tokens: how many the contexts have learnt from, and how many the models have predicted, int64 `[2]`.
    """

    weights: np.ndarray
    second: np.ndarray
    corrections: np.ndarray
    tokens: np.ndarray


class Predictors(NamedTuple):
    """All that predicts and learns, and what it has to know of the text.

    Attributes:
        contexts: C of them, or none. Without any, the matches aren't asked either.
        matches: two.
        mixture: of these and of K models.
        begin: where in the history the text or document at hand begins, int64 `[1]`.
        end: the end symbol, at which a document begins; -1: none.
        size: V. A bit isn't predicted where only a 0 is possible.
    """

    contexts: Contexts
    matches: Matches
    mixture: Mixture
    begin: np.ndarray
    end: int
    size: int


class Scratch(NamedTuple):
    """Arrays that are used for one bit, and again for the next.

    Attributes:
        keys: of the contexts, int64 `[COUNT]`.
        places: of their slots, int64 `[C]`.
        expected: the last node of the token after each match, int64 `[2]`; -1: there is no match.
        bit_of: the bit of it, int64 `[2]`; -1: it has begun with other bits.
        inputs: of the mixture, float32 `[I]`.
        situations: of each set, int64 `[SETS]`.
        logits: of each set, float32 `[SETS]`.
        corrected: which corrections there are, int64 `[2]`.
    """

    keys: np.ndarray
    places: np.ndarray
    expected: np.ndarray
    bit_of: np.ndarray
    inputs: np.ndarray
    situations: np.ndarray
    logits: np.ndarray
    corrected: np.ndarray


def new_mixture(*, models: int, contexts: int, known: bool) -> Mixture:
    """Returns a mixture that has learnt nothing.

    Args:
        models: K.
        contexts: C.
        known: whether the contexts read a text before they predict. If not, the models alone predict at first.
    """
    counted = 2 * contexts + 2 * len(matching.SHORTEST)
    weights = np.array([0.1] * counted + [0.3 if known else 1 / max(models, 1)] * models + [0.1], np.float32)
    knots = 1 / (1 + np.exp(-np.linspace(-FARTHEST, FARTHEST, KNOTS)))
    return Mixture(
        np.tile(weights, (SETS, SITUATIONS, 1)),
        np.full((NODES, SETS), 1 / SETS, np.float32),
        np.tile(knots.astype(np.float32), (2, CORRECTIONS, 1)),
        np.zeros(2, np.int64),
    )


@compiled(inline="always")
def _chance(logit: Any) -> Any:
    return np.float32(1) / (np.float32(1) + np.exp(-logit))


@compiled(inline="always")
def _clipped(value: Any, most: float) -> Any:
    return min(max(value, np.float32(-most)), np.float32(most))


@compiled()
def _rate(tokens: int) -> Any:
    return np.float32(max(LAST_RATE, FIRST_RATE / np.sqrt(1 + tokens / SLOWING)))


@compiled()
def choose(scratch: Scratch, one: int, two: int, node: int, word: int, matched: int, known: int) -> None:
    """Puts the situation of each set into `scratch`.

    Args:
        one: the token before, plus 1; 0 at the beginning.
        two: the token before that.
        node: which bit it is.
        word: tokens of the word so far.
        matched: tokens of the match that expects a bit, plus 1; 0: there is none.
        known: three times the tokens of the longest run that is known, and how sure it is.
    """
    low, word, matched = node & 255, min(word, 19), min(matched, 15)
    situations = scratch.situations
    situations[0] = one
    situations[1] = low * 16 + known // 3
    situations[2] = (two & 127) * 32 + min(word, 9) * 3 + known % 3
    situations[3] = known * 20 + word
    situations[4] = low * 16 + matched
    situations[5] = hashed(one, two)
    situations[6] = 0
    for number in range(SETS):
        situations[number] &= SITUATIONS - 1
    scratch.corrected[0] = hashed(one, node) & CORRECTIONS - 1
    scratch.corrected[1] = hashed(hashed(one, two), node) & CORRECTIONS - 1


@compiled(fastmath=True)
def mix(mixture: Mixture, scratch: Scratch, node: int) -> Any:
    """Returns the logit of the mixture, and puts those of the sets into `scratch`."""
    total = np.float32(0)
    for number in range(SETS):
        weights = mixture.weights[number, scratch.situations[number]]
        logit = np.float32(0)
        for place in range(len(scratch.inputs)):
            logit += weights[place] * scratch.inputs[place]
        scratch.logits[number] = _clipped(logit, CLIPPED)
        total += mixture.second[node & NODES - 1, number] * scratch.logits[number]
    return _clipped(total, CLIPPED)


@compiled(fastmath=True)
def learn_weights(mixture: Mixture, scratch: Scratch, models_at: int, node: int, logit: Any, bit: int) -> None:
    """Moves the weights so that the logits come closer to a bit. Those of models begin at input `models_at`."""
    rates = (_rate(mixture.tokens[0]), _rate(mixture.tokens[1]))
    second_step = np.float32(SECOND_RATE) * (np.float32(bit) - _chance(logit))
    for number in range(SETS):
        error = np.float32(bit) - _chance(scratch.logits[number])
        mixture.second[node & NODES - 1, number] += second_step * scratch.logits[number]
        weights = mixture.weights[number, scratch.situations[number]]
        for place in range(models_at):
            weights[place] += rates[0] * error * scratch.inputs[place]
        for place in range(models_at, len(scratch.inputs)):
            weights[place] += rates[1] * error * scratch.inputs[place]


@compiled()
def correct(mixture: Mixture, scratch: Scratch, logit: Any, bit: int) -> Any:
    """Returns the probability of a 1 after both corrections, and lets them learn the bit."""
    place = (_clipped(logit, 0.9999 * FARTHEST) + np.float32(FARTHEST)) * np.float32((KNOTS - 1) / (2 * FARTHEST))
    knot = np.int64(place)
    upper = place - np.float32(knot)
    chance = _chance(logit) / 3
    for number in range(2):
        knots = mixture.corrections[number, scratch.corrected[number]]
        chance += (knots[knot] * (1 - upper) + knots[knot + 1] * upper) / 3
        knots[knot] += (bit - knots[knot]) * np.float32(CORRECTION_RATE) * (1 - upper)
        knots[knot + 1] += (bit - knots[knot + 1]) * np.float32(CORRECTION_RATE) * upper
    return min(max(chance, np.float32(LEAST)), np.float32(1 - LEAST))


@compiled()
def read_token(predictors: Predictors, scratch: Scratch, history: np.ndarray, place: int, given: np.ndarray) -> float:
    """Returns the loss of a token, and learns from each of its bits. `given` is float32 `[K, B]`."""
    contexts, matches, mixture = predictors.contexts, predictors.matches, predictors.mixture
    token, begin, bits = history[place], predictors.begin[0], given.shape[1]
    one = history[place - 1] + 1 if place > begin else 0
    two = history[place - 2] + 1 if place > begin + 1 else 0
    matches_at, models_at = 2 * len(contexts.slots), len(scratch.inputs) - 1 - len(given)
    loss, node, known = 0.0, 1, 0
    for level in range(bits):
        shift = bits - 1 - level
        bit = token >> shift & 1
        if (token >> shift | 1) << shift >= predictors.size:  # no token goes on with a 1
            node *= 2
            continue
        sure = counting.ask(contexts, scratch.keys, node, scratch.places, scratch.inputs)
        matching.ask(matches, scratch.expected, node, shift, scratch.bit_of, scratch.inputs[matches_at:models_at])
        for model in range(len(given)):
            scratch.inputs[models_at + model] = given[model, level]
        if level == 0:
            known = counting.longest_known(contexts, scratch.places)
        matched = matches.lengths[0] + 1 if scratch.bit_of[0] >= 0 else 0
        choose(scratch, one, two, node, contexts.words[3], matched, 3 * known + sure)
        logit = mix(mixture, scratch, node)
        chance = correct(mixture, scratch, logit, bit)
        loss -= np.log(chance if bit else 1 - chance)
        learn_weights(mixture, scratch, models_at, node, logit, bit)
        for context in range(len(contexts.slots)):
            counting.learn_bit(contexts, context, contexts.slots[context, scratch.places[context]], bit)
        for match in range(2):
            if scratch.bit_of[match] >= 0:
                matching.learn_bit(matches, match, scratch.bit_of[match] == bit)
        node = 2 * node + bit
    return loss


@compiled()
def read(predictors: Predictors, history: np.ndarray, first: int, given: np.ndarray) -> np.ndarray:
    """Predicts tokens of the history one after the other, and learns from each.

    Args:
        predictors: which predict.
        history: ranks of tokens, int64.
        first: the place of the first token to predict.
        given: the logits that models have of the bits of each, float32 `[N, K, B]`.

    Returns:
        The losses, float64 `[N]`, in nats.
    """
    contexts, matches, mixture, begin, end, _ = predictors
    scratch = Scratch(
        np.zeros(counting.COUNT, np.int64),
        np.zeros(len(contexts.slots), np.int64),
        np.full(2, -1),
        np.full(2, -1),
        np.zeros(mixture.weights.shape[2], np.float32),
        np.zeros(SETS, np.int64),
        np.zeros(SETS, np.float32),
        np.zeros(2, np.int64),
    )
    scratch.inputs[-1] = BIAS
    losses = np.zeros(len(given))
    for place in range(first, first + len(given)):
        if len(contexts.slots):
            counting.find_keys(contexts, history, place, begin[0], scratch.keys)
            matching.find_expected(matches, history, given.shape[2], scratch.expected)
        losses[place - first] = read_token(predictors, scratch, history, place, given[place - first])
        mixture.tokens[:] += 1
        if len(contexts.slots):
            counting.learn_follower(contexts, history, place, begin[0])
            counting.learn_word(contexts, history[place])
            matching.learn_token(matches, history, place)
        if history[place] == end:
            begin[0] = place
            contexts.words[:] = 0
    return losses
