// Logits → the next token, as in char_lstm_tf/inference/writing/drawing.py: the same seed writes the same text.

const MASK = (1n << 64n) - 1n;

function mix(bits) {
  bits = ((bits ^ (bits >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  bits = ((bits ^ (bits >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return bits ^ (bits >> 31n);
}

/** Returns a number in [0, 1) that depends on a seed and a position alone (SplitMix64). */
function uniformNoise(seed, position) {
  const counter = (mix(BigInt.asUintN(64, BigInt(seed))) + BigInt(position + 1) * 0x9e3779b97f4a7c15n) & MASK;
  return Number(mix(counter) >> 40n) / 2 ** 24;
}

/** Returns the index at which the running sum of `weights` exceeds that share of the whole. */
function draw(weights, noise) {
  let total = 0;
  for (const weight of weights) total += weight;
  let sum = 0;
  let last = 0;
  for (let index = 0; index < weights.length; index++) {
    sum += weights[index];
    if (weights[index] > 0) last = index;
    if (sum > noise * total) return index;
  }
  return last;
}

/**
 * Returns the id of the next token, never 0, the unknown character.
 *
 * @param {Float64Array} logits of all tokens.
 * @param {number} noise uniform in [0, 1).
 * @param {{temperature: number, topK: number, topP: number}} how temperature 0 takes the likeliest; `topK` 0 and `topP`
 *   1 mean off.
 */
function choose(logits, noise, { temperature, topK, topP }) {
  let best = 1;
  for (let id = 2; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  if (!(temperature > 0)) return best;
  const scale = Math.max(temperature, 1e-6);
  const weights = Float64Array.from(logits, (logit, id) => (id ? Math.exp((logit - logits[best]) / scale) : 0));
  if (!(topK > 0 && topK < logits.length) && topP >= 1) return draw(weights, noise);
  const order = Array.from(weights.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  const kept = order.filter((id) => id > 0).slice(0, topK > 0 ? topK : undefined);
  const total = kept.reduce((sum, id) => sum + weights[id], 0);
  const limited = [];
  for (let before = 0, index = 0; index < kept.length && (before < topP || topP >= 1); index++) {
    limited.push(weights[kept[index]]);
    before += weights[kept[index]] / total;
  }
  return kept[draw(limited, noise)];
}
