"""Contexts: what may stand before a token. Each counts by itself what has followed it, bit by bit.

A token is a number of B bits, the highest first. A *node* is a 1 and the bits of the token that are known, so a context
and a node together have one question: is the next bit a 1? A *slot* has the answers so far. Two predictions come of it:
the mean of the bits, of which newer ones count for more, and what bits have followed slots in the same state, whatever
their contexts. The state is how many zeros and ones there were of late, and which was last. Mahoney, "Adaptive Weighing
of Context Models for Lossless Data Compression" (2005), has both.

The functions are compiled by Numba. They change the arrays that they are given.
"""

from typing import Any, NamedTuple

import numpy as np

from char_lstm_tf.inference.mixing.compiling import compiled
from pipelines.vocabulary import Vocabulary

ORDERS = 8  # contexts of the last 0 to 7 tokens
COUNT = ORDERS + 10  # and of words, of tokens with gaps between them, and of what followed before
SLOT = np.dtype(
    [
        ("check", np.uint16),  # of the context and the node; 0: the slot is free
        ("zeros", np.uint8),
        ("ones", np.uint8),
        ("mean", np.uint16),  # of the bits, times 65,535
        ("count", np.uint8),
        ("last", np.uint8),
    ]
)
PROBES = 4  # slots in which an answer may lie
MOST = 40  # zeros or ones of a state
FOLLOWERS = 1 << 16  # tokens, and pairs of them, whose followers are remembered
KEPT = 4  # zeros that a 1 leaves as they are, and the other way round; half of the others are forgotten
SLOWEST = 250  # the weight of a new bit in the mean is 1 / (n + 1.6), and n stays below this
SLOWEST_WORTH = 400  # as much for what has followed a state
LETTER, WORD, OTHER = 0, 1, 2  # what a token is: part of a word, a whole word, or between words


class Contexts(NamedTuple):
    """What the contexts know: C contexts with S slots each.

    Attributes:
        slots: `[C, S]`.
        worth: the probability of a 1 after a slot with this state, float32 `[C, states]`.
        trials: how often a state was seen, int64 `[C, states]`.
        words: hashes of the word so far, and of the two before it, and how many tokens the word has, int64 `[4]`.
        followers: the two tokens that followed a token, or a pair of them, the last two times, by its hash, int64
            `[2, FOLLOWERS]`.
        kinds: LETTER, WORD or OTHER of each token, int8 `[V]`.
        folded: a number of each token that is the same for upper and lower case, int64 `[V]`.
    """

    slots: np.ndarray
    worth: np.ndarray
    trials: np.ndarray
    words: np.ndarray
    followers: np.ndarray
    kinds: np.ndarray
    folded: np.ndarray


def new_contexts(vocabulary: Vocabulary, *, slots: int) -> Contexts:
    """Returns contexts that have seen nothing.

    Args:
        vocabulary: whose tokens they count, by their ranks.
        slots: of each context, a power of two; 0: there are no contexts.
    """
    tokens = [vocabulary.tokens[id] for id in np.argsort(vocabulary.ranks).tolist()]
    in_words = [token[-1:].isalnum() or token[-1:] in {"'", "’"} for token in tokens]
    kinds = [
        (LETTER if len(token) == 1 else WORD) if word else OTHER for token, word in zip(tokens, in_words, strict=True)
    ]
    numbers: dict[str, int] = {}
    folded = [numbers.setdefault(token.lower(), len(numbers)) for token in tokens]
    zeros, ones = np.mgrid[: MOST + 1, : MOST + 1]
    worth = np.repeat(((ones + 0.4) / (zeros + ones + 0.8)).astype(np.float32).ravel(), 2)
    count = COUNT if slots else 0
    return Contexts(
        np.zeros((count, max(slots, 1)), SLOT),
        np.tile(worth, (count, 1)),
        np.zeros((count, len(worth)), np.int64),
        np.zeros(4, np.int64),
        np.zeros((2, FOLLOWERS), np.int64),
        np.array(kinds, np.int8),
        np.array(folded, np.int64),
    )


@compiled(inline="always")
def hashed(one: int, other: int) -> int:
    """Returns a hash of two int64, one after the other."""
    mixed = (one * 0x1E3779B97F4A7C15 + other + 0x632BE59BD9B4E019) * 0x2545F4914F6CDD1D
    return mixed ^ (mixed >> 31)


@compiled()
def find_keys(contexts: Contexts, history: np.ndarray, place: int, begin: int, keys: np.ndarray) -> None:
    """Hashes what stands before a place, as each context sees it.

    Args:
        contexts: for their words.
        history: all tokens so far.
        place: of the token to predict.
        begin: what is before it isn't seen: the beginning of the text or document.
        keys: int64 `[C]`, where the hashes go.
    """

    def back(count: int) -> int:
        return history[place - count] + 1 if place - count >= begin else 0

    run = np.int64(0)
    for order in range(ORDERS):
        run = hashed(run, back(order)) if order else run
        keys[order] = hashed(run, order)
    word, first, second, length = contexts.words
    keys[ORDERS + 0] = hashed(word, 100)
    keys[ORDERS + 1] = hashed(hashed(word, first), 101)
    keys[ORDERS + 2] = hashed(hashed(hashed(word, first), second), 102)
    keys[ORDERS + 3] = hashed(hashed(word, second), 103)  # whatever the last word was
    keys[ORDERS + 4] = hashed(hashed(first, back(1)), 104)
    keys[ORDERS + 5] = hashed(hashed(hashed(back(1), back(2)), length), 105)
    keys[ORDERS + 6] = hashed(hashed(back(2), back(3)), 106)  # whatever the last token was
    keys[ORDERS + 7] = hashed(hashed(hashed(back(1), back(3)), back(4)), 107)
    one, pair = back(1), hashed(back(1), back(2))
    keys[ORDERS + 8] = hashed(hashed(one, contexts.followers[0, one & FOLLOWERS - 1]), 108)
    keys[ORDERS + 9] = hashed(hashed(pair, contexts.followers[1, pair & FOLLOWERS - 1]), 109)


@compiled()
def find_slot(slots: Any, key: int) -> int:
    """Returns the place of a key's slot. If there is none and none is free, the one that was used least is given up."""
    check = (key >> 40) & 0xFFFF | 1
    least = -1
    for probe in range(PROBES):
        place = (key + probe) & (len(slots) - 1)
        slot = slots[place]
        if slot.check == check:
            return place
        if slot.check == 0:
            least = place
            break
        if least < 0 or slot.count < slots[least].count:
            least = place
    slot = slots[least]
    slot.check, slot.mean = check, 32768
    slot.zeros = slot.ones = slot.count = slot.last = 0
    return least


@compiled(inline="always")
def logit(chance: Any) -> Any:
    """Returns ln(p / (1 - p)) of a float32."""
    return np.log(chance / (np.float32(1) - chance))


@compiled(inline="always")
def state_of(slot: Any) -> int:
    """Returns the number of the state of a slot that has seen a bit."""
    return (min(slot.zeros, MOST) * (MOST + 1) + min(slot.ones, MOST)) * 2 + slot.last


@compiled()
def ask(contexts: Contexts, keys: np.ndarray, node: int, places: np.ndarray, inputs: np.ndarray) -> int:
    """Looks a node up in each context.

    Args:
        contexts: C of them.
        keys: of `find_keys`.
        node: the node.
        places: int64 `[C]`, where the places of the slots go.
        inputs: float32 `[2 C, …]`, where two logits of each context go; 0 where it knows nothing.

    Returns:
        How sure the longest known run of tokens is: 2 if only one bit ever followed it, else 1; 0: none is known.
    """
    sure = 0
    for context in range(len(contexts.slots)):
        places[context] = find_slot(contexts.slots[context], hashed(keys[context], node))
        slot = contexts.slots[context, places[context]]
        of_state = of_mean = np.float32(0)
        if slot.count:
            of_state = logit(contexts.worth[context, state_of(slot)])
            of_mean = logit(min(max(np.float32(slot.mean) / np.float32(65535), np.float32(5e-4)), np.float32(0.9995)))
            if 1 <= context < ORDERS:
                sure = 2 if slot.zeros == 0 or slot.ones == 0 else 1
        inputs[2 * context], inputs[2 * context + 1] = of_state, of_mean
    return sure


@compiled()
def longest_known(contexts: Contexts, places: np.ndarray) -> int:
    """Returns the most tokens of a context that knows a node. Arguments as for `ask`, which was called before."""
    known = 0
    for order in range(min(ORDERS, len(places))):
        if contexts.slots[order, places[order]].count:
            known = order
    return known


@compiled()
def learn_bit(contexts: Contexts, context: int, slot: Any, bit: int) -> None:
    """Counts a bit in a slot, and what has followed its state."""
    if slot.count:
        state = state_of(slot)
        trials = contexts.trials[context, state]
        worth = contexts.worth[context, state]
        worth += (bit - worth) / (trials + 6)
        contexts.worth[context, state] = min(max(worth, 0.0002), 0.9998)
        contexts.trials[context, state] = min(trials + 1, SLOWEST_WORTH)
        slot.mean = np.uint16(slot.mean + (65535 * bit - slot.mean) / (slot.count + 1.6))
    else:
        slot.mean = 45875 if bit else 19660  # 0.7 and 0.3
    slot.count = min(slot.count + 1, SLOWEST)
    same, other = (slot.ones, slot.zeros) if bit else (slot.zeros, slot.ones)
    same = min(same + 1, 255)
    other = (other + KEPT) // 2 if other > KEPT else other
    slot.zeros, slot.ones = (other, same) if bit else (same, other)
    slot.last = bit


@compiled()
def learn_follower(contexts: Contexts, history: np.ndarray, place: int, begin: int) -> None:
    """Remembers that the token at a place followed those before it."""
    one = history[place - 1] + 1 if place > begin else 0
    two = history[place - 2] + 1 if place > begin + 1 else 0
    for number, key in ((0, one), (1, hashed(one, two))):
        row = contexts.followers[number]
        row[key & FOLLOWERS - 1] = (row[key & FOLLOWERS - 1] << 32 | history[place] + 1) & (1 << 62) - 1


@compiled()
def learn_word(contexts: Contexts, token: int) -> None:
    """Adds a token to the words so far."""
    words, kind = contexts.words, contexts.kinds[token]
    if kind == LETTER:
        words[0] = hashed(words[0], contexts.folded[token])
        words[3] += 1
        return
    if words[3]:
        words[2], words[1], words[0], words[3] = words[1], words[0], 0, 0
    if kind == WORD:
        words[0], words[3] = hashed(0, contexts.folded[token]), 1
