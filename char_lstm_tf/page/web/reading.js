// Reading a text: the loss of each token, the likeliest next ones, and what each cell follows.

const LIKELIEST = 5;
const MOST_CELLS = 64e6; // values that are kept, a byte each

/** What a cell may follow. Each gives a number for each character of a text, after reading it. */
const TRAITS = {
  "inside quotes": (was, { character, paragraph }) => {
    if (paragraph) return 0;
    if ("“«„".includes(character)) return 1;
    if ("”»".includes(character)) return 0;
    return character === '"' ? 1 - was : was;
  },
  "inside brackets": (was, { character, paragraph }) => {
    if (paragraph) return 0;
    if ("([{".includes(character)) return was + 1;
    return ")]}".includes(character) ? Math.max(was - 1, 0) : was;
  },
  "position in the line": (was, { character }) => (character === "\n" ? 0 : was + 1),
  "line ends": (_, { character }) => Number(character === "\n"),
  "word starts": (_, { character, before }) => Number(/[\p{L}\p{N}]/u.test(character) && !/[\p{L}\p{N}]/u.test(before)),
  "capital letters": (_, { character }) => Number(/\p{Lu}/u.test(character)),
  digits: (_, { character }) => Number(/\p{N}/u.test(character)),
};

/** Counts the correlation (Pearson's) of each cell with each trait while a text is read. */
class Correlations {
  constructor(cells) {
    this.count = 0;
    this.sum = new Float64Array(cells);
    this.squares = new Float64Array(cells);
    this.state = { before: "\n", traits: {} };
    this.traits = Object.keys(TRAITS).map((name) => ({ name, sum: 0, squares: 0, products: new Float64Array(cells) }));
  }

  /** Takes the characters of a token, and the values of the cells after it. */
  add(piece, values) {
    const { state } = this;
    for (const character of piece) {
      const paragraph = character === "\n" && state.before === "\n";
      for (const { name } of this.traits) {
        state.traits[name] = TRAITS[name](state.traits[name] ?? 0, { character, before: state.before, paragraph });
      }
      state.before = character;
    }
    this.count++;
    for (let cell = 0; cell < values.length; cell++) {
      this.sum[cell] += values[cell];
      this.squares[cell] += values[cell] * values[cell];
    }
    for (const trait of this.traits) {
      const value = state.traits[trait.name] ?? 0;
      trait.sum += value;
      trait.squares += value * value;
      if (value) for (let cell = 0; cell < values.length; cell++) trait.products[cell] += value * values[cell];
    }
  }

  /** Returns for each trait that occurs the cells that follow it most: [{ name, cells: [{ cell, correlation }] }]. */
  best(count) {
    const spread = (sum, squares) => Math.sqrt(Math.max(squares / this.count - (sum / this.count) ** 2, 0));
    return this.traits
      .filter(({ sum, squares }) => spread(sum, squares) > 0)
      .map(({ name, sum, squares, products }) => {
        const found = Array.from(products, (product, cell) => {
          const covariance = product / this.count - (sum / this.count) * (this.sum[cell] / this.count);
          const size = spread(sum, squares) * spread(this.sum[cell], this.squares[cell]);
          return { cell, correlation: size > 1e-12 ? covariance / size : 0 };
        });
        found.sort((a, b) => Math.abs(b.correlation) - Math.abs(a.correlation));
        return { name, cells: found.slice(0, count) };
      });
  }
}

/** Returns the ids of the largest logits, the largest first. */
function largest(logits, count) {
  const ids = [];
  for (let id = 0; id < logits.length; id++) {
    if (ids.length === count && logits[id] <= logits[ids[count - 1]]) continue;
    let place = ids.length;
    while (place > 0 && logits[ids[place - 1]] < logits[id]) place--;
    ids.splice(place, 0, id);
    if (ids.length > count) ids.pop();
  }
  return ids;
}

/**
 * Reads texts, each from a fresh state, and yields the number of tokens read so far; returns what it found.
 *
 * @param {Model} model
 * @param {{id: number, piece: string}[][]} texts documents, or one running text.
 * @param {number} label id of the label of all texts, if the model has labels.
 * @returns {{pieces: string[], nats: Float32Array, likeliest: Uint32Array, chances: Float32Array, cells: Int8Array,
 *   unknown: number, traits: object[]}} for each of N tokens, the end of a document ("") included: what it cost (NaN: it isn't scored);
 *   the ids and probabilities of the `LIKELIEST` next tokens after it, [N × 5]; the cells after it, times 127,
 *   [N × C], but no more than `MOST_CELLS`.
 */
function* reading(model, texts, label = 0) {
  const { end } = model.facts;
  const rows = texts.map((tokens) => (end === null ? tokens : [...tokens, { id: end, piece: "" }]));
  const count = rows.reduce((sum, row) => sum + row.length, 0);
  const likeliest = Math.min(LIKELIEST, model.facts.tokens.length);
  const found = {
    pieces: rows.flatMap((row) => row.map(({ piece }) => piece)),
    unknown: rows.reduce((sum, row) => sum + row.filter(({ id }) => id === 0).length, 0),
    nats: new Float32Array(count),
    likeliest: new Uint32Array(count * LIKELIEST),
    chances: new Float32Array(count * LIKELIEST),
    cells: new Int8Array(Math.min(count, Math.floor(MOST_CELLS / model.units)) * model.units),
  };
  const values = new Float64Array(model.units);
  const correlations = new Correlations(model.units);
  let at = 0;
  for (const row of rows) {
    const state = model.fresh();
    let cost = NaN; // of the next token
    if (end !== null) {
      const logits = model.step(end, state, label);
      cost = logSumExp(logits) - logits[row[0].id];
    }
    for (let place = 0; place < row.length; place++) {
      const { id, piece } = row[place];
      found.nats[at] = cost;
      if (piece) {
        // The logits are used up here, as another job may take a step before this one goes on.
        const logits = model.step(id, state, label);
        const total = logSumExp(logits);
        if (place + 1 < row.length) cost = total - logits[row[place + 1].id];
        largest(logits, likeliest).forEach((next, place) => {
          found.likeliest[at * LIKELIEST + place] = next;
          found.chances[at * LIKELIEST + place] = Math.exp(logits[next] - total);
        });
        model.cells(state, values, 0);
        correlations.add(piece, values);
        const start = at * model.units; // what is beyond the end of the array isn't kept
        for (let cell = 0; cell < values.length; cell++) found.cells[start + cell] = 127 * values[cell];
      }
      at++;
      yield at;
    }
  }
  return { ...found, traits: correlations.best(1) };
}

/** Returns the loss of a whole text: { characters, sum }, in nats. The end of a document counts as a character. */
function summary({ pieces, nats }) {
  let characters = 0;
  let sum = 0;
  pieces.forEach((piece, at) => {
    if (Number.isNaN(nats[at])) return;
    characters += Math.max(Array.from(piece).length, 1);
    sum += nats[at];
  });
  return { characters, sum };
}
