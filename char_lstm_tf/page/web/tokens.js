// Text to tokens, as pipelines/vocabulary and pipelines/sources do it in Python.

/** Returns a text in the form of the training text: line ends, accents, and typography. */
function normalized(text, { compose, typography }) {
  text = text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n");
  if (compose) text = text.normalize("NFC");
  if (!typography) return text;
  text = Array.from(text, (character) => typography[character] ?? character).join("");
  return text
    .replace(/(?<![\p{L}\p{N}_])_([^_\s](?:[^_]*[^_\s])?)_(?![\p{L}\p{N}_])/gu, "$1")
    .replace(/\s+/g, " ");
}

class Tokens {
  /** @param {object} facts { tokens, end, letters }: `letters` are those of words; "" where tokens are characters. */
  constructor({ tokens, end, letters }) {
    this.end = end;
    this.ids = new Map(tokens.map((token, id) => [token, id]));
    const escaped = Array.from(letters, (letter) => `\\u{${letter.codePointAt(0).toString(16)}}`).join("");
    const blank = this.ids.has(" ") ? " ?" : "";
    this.piece = letters ? new RegExp(`${blank}[${escaped}]+|.`, "gsu") : null;
    this.start = !this.ids.has("\n") && this.ids.has(" ") ? " " : "\n"; // what a running text continues
  }

  /**
   * Returns a text with curly quotes in place of straight ones that the model doesn't know, if it knows the curly ones:
   * keyboards have the straight ones alone.
   */
  withKnownQuotes(text) {
    for (const [straight, opening, closing] of [['"', "“", "”"], ["'", "‘", "’"]]) {
      if (this.ids.has(straight) || !this.ids.has(closing)) continue;
      const opens = new RegExp(`(?<=^|[\\s([—–-])${straight}`, "gu");
      if (this.ids.has(opening)) text = text.replace(opens, opening);
      text = text.replaceAll(straight, closing);
    }
    return text;
  }

  /** Returns the tokens of a text: [{ id, piece }]. Id 0 is the unknown character. */
  encode(text) {
    text = this.withKnownQuotes(text);
    const spelled = (piece) => Array.from(piece, (character) => ({ id: this.ids.get(character) ?? 0, piece: character }));
    if (!this.piece) return spelled(text);
    return (text.match(this.piece) ?? []).flatMap((piece) => {
      const id = this.ids.get(piece);
      return id === undefined ? spelled(piece) : [{ id, piece }];
    });
  }

  /** Returns the ids that the model reads before it continues a prompt; at least one. */
  prompt(text) {
    const ids = this.encode(text || this.end !== null ? text : this.start).map(({ id }) => id);
    return this.end === null ? ids : [this.end, ...ids];
  }
}
