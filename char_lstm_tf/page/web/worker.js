// Runs the model beside the page, so that the page never waits for it. It receives the messages `open`, `write`, `read`
// and `stop`. One job of each kind runs at a time; a new one replaces it. Jobs take turns of `SLICE` milliseconds.

const SLICE = 25;
const jobs = new Map();
const turn = new MessageChannel(); // quicker than setTimeout, which waits for four milliseconds
let model;
let tokens;
let scheduled = false;

function schedule() {
  if (scheduled || !jobs.size) return;
  scheduled = true;
  turn.port2.postMessage(null);
}

/** Yields while it writes, and sends the page the new characters. Several texts have consecutive seeds, one per line. */
function* writing({ texts, seed, ...options }) {
  for (let number = 0; number < texts; number++) {
    if (number) yield { text: `\n${options.prompt}` };
    yield* writingOne({ ...options, seed: BigInt(seed) + BigInt(number) });
  }
}

function* writingOne({ prompt, label, characters, seed, ...how }) {
  const ids = tokens.prompt(normalized(prompt, model.facts));
  const state = model.fresh();
  const last = ids.pop();
  for (const id of ids) {
    model.step(id, state, label);
    yield { text: "" };
  }
  for (let position = 0, left = characters, id = last; left > 0; position++) {
    id = choose(model.step(id, state, label), uniformNoise(seed, position), how);
    if (id === tokens.end) return;
    const text = Array.from(model.facts.tokens[id]).slice(0, left).join("");
    left -= Array.from(text).length;
    yield { text };
  }
}

/** Yields while it reads, and returns what it found. */
function* readingOf({ text, label }) {
  const normal = normalized(text, model.facts);
  const parts = model.facts.eachLine ? normal.split("\n").filter(Boolean) : [normal];
  const texts = parts.map((part) => tokens.encode(part));
  const ends = tokens.end === null ? 0 : 1; // of a document is read too
  const count = texts.reduce((sum, part) => sum + part.length + ends, 0);
  for (const steps = reading(model, texts, label); ; ) {
    const { value, done } = steps.next();
    if (done) return { ...value, ...summary(value) };
    yield { share: value / count };
  }
}

const KINDS = { write: writing, read: readingOf };

/** Runs a slice of each job, and sends what it has done since. */
function run() {
  scheduled = false;
  for (const [kind, job] of jobs) {
    const started = performance.now();
    const message = { kind, number: job.number, text: "" };
    do {
      const { value, done } = job.steps.next();
      if (done) {
        jobs.delete(kind);
        Object.assign(message, { done: true, result: value });
        break;
      }
      if (value.text) message.text += value.text;
      if (value.share) message.share = value.share;
    } while (performance.now() - started < SLICE);
    message.milliseconds = performance.now() - started;
    postMessage(message);
  }
  schedule();
}

turn.port1.onmessage = run;
onmessage = ({ data: { kind, ...message } }) => {
  if (kind === "open") {
    model = new Model(message.facts, Uint8Array.from(atob(message.weights), (character) => character.charCodeAt(0)));
    tokens = new Tokens(message.facts);
  } else if (kind === "stop") {
    jobs.delete(message.job);
  } else {
    jobs.set(kind, { number: message.number, steps: KINDS[kind](message) });
    schedule();
  }
};
