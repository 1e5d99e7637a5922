"""Matches: the longest run of tokens that stood before an earlier token too, which is then likely to come again.

The functions are compiled by Numba. They change the arrays that they are given.
"""

from typing import NamedTuple

import numpy as np

from char_lstm_tf.inference.mixing.compiling import compiled
from char_lstm_tf.inference.mixing.contexts import hashed, logit

SHORTEST = (5, 10)  # tokens of a match; two, since the newest match of five often isn't the longest
LONGEST = 63  # that are told apart
SLOWEST = 400  # trials that are averaged


class Matches(NamedTuple):
    """The two matches.

    Attributes:
        places: the newest place after each run of tokens, by its hash, int32 `[2, P]`; -1: none.
        next: where the token after the match is, int64 `[2]`.
        lengths: tokens that match, int64 `[2]`; 0: there is no match.
        worth: how often the bit of the token after a match of this length came, float32 `[2, LONGEST + 1]`.
        trials: how often there was one, int64, of the same shape.
    """

    places: np.ndarray
    next: np.ndarray
    lengths: np.ndarray
    worth: np.ndarray
    trials: np.ndarray


def new_matches(*, places: int) -> Matches:
    """Returns matches that have seen nothing, with so many places, a power of two."""
    count = len(SHORTEST)
    return Matches(
        np.full((count, places), -1, np.int32),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.full((count, LONGEST + 1), 0.5, np.float32),
        np.zeros((count, LONGEST + 1), np.int64),
    )


@compiled()
def find_expected(matches: Matches, history: np.ndarray, bits: int, expected: np.ndarray) -> None:
    """Puts the last node of the token after each match into `expected`, int64 `[2]`; -1: there is no match."""
    for match in range(len(expected)):
        expected[match] = 1 << bits | history[matches.next[match]] if matches.lengths[match] else -1


@compiled()
def ask(matches: Matches, expected: np.ndarray, node: int, shift: int, bit_of: np.ndarray, inputs: np.ndarray) -> None:
    """Says what the matches expect of a bit.

    Args:
        matches: two.
        expected: of `find_expected`.
        node: the node of the bit.
        shift: bits of the token that come after it.
        bit_of: int64 `[2]`, where the bits go; -1: a match has expected other bits before.
        inputs: float32 `[4]`, where two logits of each match go; 0 where it expects nothing.
    """
    for match in range(len(expected)):
        bit_of[match] = -1
        inputs[2 * match] = inputs[2 * match + 1] = 0
        if expected[match] >= 0 and expected[match] >> shift + 1 == node:
            bit_of[match] = expected[match] >> shift & 1
            length = min(matches.lengths[match], LONGEST)
            sign = np.float32(2 * bit_of[match] - 1)
            inputs[2 * match] = sign * logit(matches.worth[match, length])
            inputs[2 * match + 1] = sign * np.float32(min(length, 32) / 32)


@compiled()
def learn_bit(matches: Matches, match: int, came: bool) -> None:
    """Counts whether the bit came that a match had."""
    length = min(matches.lengths[match], LONGEST)
    trials, worth = matches.trials[match, length], matches.worth[match, length]
    worth += (came - worth) / (trials + 2)
    matches.worth[match, length] = min(max(worth, 0.01), 0.9998)
    matches.trials[match, length] = min(trials + 1, SLOWEST)


@compiled()
def learn_token(matches: Matches, history: np.ndarray, place: int) -> None:
    """Follows the matches with the token at a place, or looks for new ones."""
    for match in range(len(matches.lengths)):
        if matches.lengths[match] and history[matches.next[match]] == history[place]:
            matches.next[match] += 1
            matches.lengths[match] += 1
        else:
            matches.lengths[match] = 0
        shortest = SHORTEST[match]
        if place + 1 < shortest:
            continue
        key = np.int64(0)
        for back in range(shortest):
            key = hashed(key, history[place - back])
        key &= matches.places.shape[1] - 1
        earlier = int(matches.places[match, key])
        matches.places[match, key] = place + 1
        if matches.lengths[match] == 0 and earlier >= 0:
            length = 0
            while length < min(LONGEST, earlier) and history[earlier - 1 - length] == history[place - length]:
                length += 1
            if length >= shortest:
                matches.next[match], matches.lengths[match] = earlier, length
