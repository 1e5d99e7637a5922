// The model of the page: its weights, and one step of reading. Every matrix product of the page is in `addProduct`.
//
// `facts` is what packing.py writes: { tokens, end, labels, layers: [{ kind, units }], skips, embedding, tied, weights }.
// Shapes: V tokens, H units of a layer, G the sums of its gates (4H of an LSTM), E the width of the embedding.

/** Returns the number that the 16 bits of a float16 stand for (IEEE 754; there are no infinities here). */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}

/**
 * Returns matrices by name: { rows, columns, values }, values row after row.
 *
 * @param {Uint8Array} bytes all matrices, one after the other, each row after row. float32 and float16 are little
 *   endian. int8 has a float32 scale for each row first.
 * @param {{name: string, rows: number, columns: number, form: string}[]} list what they are, in this order.
 */
function unpack(bytes, list) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const matrices = {};
  let at = 0;
  for (const { name, rows, columns, form } of list) {
    const size = rows * columns;
    const values = new Float32Array(size);
    if (form === "float32") {
      for (let i = 0; i < size; i++, at += 4) values[i] = view.getFloat32(at, true);
    } else if (form === "float16") {
      for (let i = 0; i < size; i++, at += 2) values[i] = half(view.getUint16(at, true));
    } else {
      const numbers = at + 4 * rows;
      for (let i = 0; i < size; i++) {
        values[i] = view.getInt8(numbers + i) * view.getFloat32(at + 4 * Math.floor(i / columns), true);
      }
      at = numbers + size;
    }
    matrices[name] = { rows, columns, values };
  }
  return matrices;
}

/**
 * Returns a matrix as `addProduct` reads it: eight rows interleaved, column after column, with rows of zeros at the
 * end. Eight sums at once take four fifths of the time of four sums for one row after the other.
 */
function interleaved({ rows, columns, values }) {
  const turned = new Float32Array(padded(rows).length * columns);
  for (let row = 0; row < rows; row++) {
    const start = (row - (row & 7)) * columns + (row & 7);
    for (let column = 0; column < columns; column++) turned[start + 8 * column] = values[row * columns + column];
  }
  return { rows, columns, values: turned };
}

/** Returns zeros, with room for a multiple of eight. */
const padded = (size) => new Float64Array(size + (-size & 7));

/** Adds a matrix, which is `interleaved`, times a vector to `sums`, which is `padded`. */
function addProduct({ rows, columns, values }, vector, sums) {
  let at = 0;
  for (let row = 0; row < rows; row += 8) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let e = 0;
    let f = 0;
    let g = 0;
    let h = 0;
    for (let column = 0; column < columns; column++, at += 8) {
      const factor = vector[column];
      a += values[at] * factor;
      b += values[at + 1] * factor;
      c += values[at + 2] * factor;
      d += values[at + 3] * factor;
      e += values[at + 4] * factor;
      f += values[at + 5] * factor;
      g += values[at + 6] * factor;
      h += values[at + 7] * factor;
    }
    sums[row] += a;
    sums[row + 1] += b;
    sums[row + 2] += c;
    sums[row + 3] += d;
    sums[row + 4] += e;
    sums[row + 5] += f;
    sums[row + 6] += g;
    sums[row + 7] += h;
  }
}

/** Adds a row of a matrix to `sums`: the product with a one-hot vector. */
function addRow({ columns, values }, row, sums) {
  for (let column = 0, at = row * columns; column < columns; column++, at++) sums[column] += values[at];
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const tanh = (x) => 2 / (1 + Math.exp(-2 * x)) - 1;

// A step of each cell, from the sums of its gates in the order of Keras and of cells.py. It sets h and c in place.
const CELLS = {
  lstm({ units, sums }, { h, c }) {
    for (let u = 0; u < units; u++) {
      c[u] = sigmoid(sums[units + u]) * c[u] + sigmoid(sums[u]) * tanh(sums[2 * units + u]);
      h[u] = sigmoid(sums[3 * units + u]) * tanh(c[u]);
    }
  },
  peephole({ units, sums, peepholes: { values: p } }, { h, c }) {
    for (let u = 0; u < units; u++) {
      const input = sigmoid(sums[u] + p[u] * c[u]);
      const forget = sigmoid(sums[units + u] + p[units + u] * c[u]);
      c[u] = forget * c[u] + input * tanh(sums[2 * units + u]);
      h[u] = sigmoid(sums[3 * units + u] + p[2 * units + u] * c[u]) * tanh(c[u]);
    }
  },
  coupled({ units, sums }, { h, c }) {
    for (let u = 0; u < units; u++) {
      const forget = sigmoid(sums[u]);
      c[u] = forget * c[u] + (1 - forget) * tanh(sums[units + u]);
      h[u] = sigmoid(sums[2 * units + u]) * tanh(c[u]);
    }
  },
  gru({ units, sums, fromState }, { h }) {
    for (let u = 0; u < units; u++) {
      const update = sigmoid(sums[u] + fromState[u]);
      const reset = sigmoid(sums[units + u] + fromState[units + u]);
      const candidate = tanh(sums[2 * units + u] + reset * fromState[2 * units + u]);
      h[u] = update * h[u] + (1 - update) * candidate;
    }
  },
  rnn({ units, sums }, { h }) {
    for (let u = 0; u < units; u++) h[u] = tanh(sums[u]);
  },
};

class Model {
  /**
   * @param {object} facts see the top of this file.
   * @param {Uint8Array} bytes the weights.
   */
  constructor(facts, bytes) {
    this.facts = facts;
    const weights = unpack(bytes, facts.weights);
    this.embedding = weights.embedding;
    this.layers = facts.layers.map(({ kind, units }, number) => ({
      kind,
      units,
      // Rows of the first kernel are looked up where it reads one-hot vectors.
      table: number === 0 && !facts.embedding ? weights["kernel 0"] : null,
      kernel: number === 0 && !facts.embedding ? null : interleaved(weights[`kernel ${number}`]),
      recurrent: interleaved(weights[`recurrent ${number}`]),
      bias: weights[`bias ${number}`].values,
      stateBias: weights[`state bias ${number}`]?.values, // of a GRU
      peepholes: weights[`peepholes ${number}`],
      sums: padded(weights[`bias ${number}`].values.length),
      fromState: padded(weights[`bias ${number}`].values.length),
    }));
    this.output = {
      matrix: interleaved(weights.logits),
      bias: weights["logits bias"].values,
      tied: facts.tied ? interleaved(weights.embedding) : null,
      ofLabels: facts.labels.map((_, label) => interleaved(weights[`logits ${label}`])),
      labelBiases: weights["label biases"],
    };
    this.units = facts.layers.reduce((sum, { units }) => sum + units, 0);
    this.vector = new Float64Array(facts.embedding);
    this.joined = new Float64Array(this.units);
    this.projected = padded(facts.embedding);
    this.sums = padded(facts.tokens.length);
    this.logits = this.sums.subarray(0, facts.tokens.length);
  }

  /** Returns the state at the start of a text: h and c of each layer. */
  fresh() {
    return this.layers.map(({ units }) => ({ h: new Float64Array(units), c: new Float64Array(units) }));
  }

  /** Reads a token: changes `state`, and returns the logits of the next one. They stay until the next call. */
  step(id, state, label = 0) {
    const width = this.vector.length;
    for (let i = 0; i < width; i++) this.vector[i] = this.embedding.values[id * width + i];
    let below = this.vector;
    for (let number = 0; number < this.layers.length; number++) {
      const layer = this.layers[number];
      const { h } = state[number];
      layer.sums.set(layer.bias);
      if (layer.table) addRow(layer.table, id, layer.sums);
      else addProduct(layer.kernel, below, layer.sums);
      if (layer.stateBias) {
        layer.fromState.set(layer.stateBias);
        addProduct(layer.recurrent, h, layer.fromState);
      } else {
        addProduct(layer.recurrent, h, layer.sums);
      }
      CELLS[layer.kind](layer, state[number]);
      below = h;
    }
    return this.#logits(this.facts.skips ? this.#join(state) : below, label);
  }

  #join(state) {
    let at = 0;
    for (const { h } of state) {
      this.joined.set(h, at);
      at += h.length;
    }
    return this.joined;
  }

  #logits(hidden, label) {
    const { matrix, bias, tied, ofLabels, labelBiases } = this.output;
    this.sums.set(bias);
    if (tied) {
      this.projected.fill(0);
      addProduct(matrix, hidden, this.projected);
      addProduct(tied, this.projected, this.sums);
    } else {
      addProduct(matrix, hidden, this.sums);
    }
    if (ofLabels.length) {
      addProduct(ofLabels[label], hidden, this.sums);
      addRow(labelBiases, label, this.sums);
    }
    return this.logits;
  }

  /** Writes the value of each cell, -1 to 1, to `values` from `at` on: tanh of c, or h if there is no c. */
  cells(state, values, at) {
    this.layers.forEach(({ kind, units }, number) => {
      const { h, c } = state[number];
      const plain = kind === "gru" || kind === "rnn";
      for (let u = 0; u < units; u++) values[at++] = plain ? h[u] : tanh(c[u]);
    });
  }
}

/** Returns ln of the sum of e to the power of each number, without overflow. */
function logSumExp(numbers) {
  let largest = -Infinity;
  for (const number of numbers) if (number > largest) largest = number;
  let sum = 0;
  for (const number of numbers) sum += Math.exp(number - largest);
  return largest + Math.log(sum);
}
