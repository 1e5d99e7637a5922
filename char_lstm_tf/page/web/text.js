// Read and Cells: a text coloured by the loss of each character, or by the value of one cell after it.

{
  const BLOCK = 400; // tokens that are added at once when somebody scrolls to them
  const levels = facts.bits;
  const known = new Set(facts.tokens);
  let found = null; // what the worker made of the text
  let view = "read";
  let chosen = -1;
  const sentinel = element("div");
  const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && addBlock());

  const units = facts.layers.map((layer) => layer.units);
  const perToken = units.reduce((sum, count) => sum + count, 0);
  const firstOf = (layer) => units.slice(0, layer).reduce((sum, count) => sum + count, 0);
  const cellChosen = () => firstOf(Number($("layer").value)) + Number($("cell").value);
  const cellValue = (at) => found.cells[at * perToken + cellChosen()] / 127;
  const bits = (at) => found.nats[at] / Math.LN2;

  function colour(at) {
    if (view === "cells") {
      const level = Math.round(5 * cellValue(at)); // NaN: not kept
      return level ? `${level < 0 ? "m" : "p"}${Math.abs(level)}` : "";
    }
    if (Number.isNaN(found.nats[at])) return "";
    return `c${levels.findLastIndex((least) => least <= Math.max(bits(at), 0))}`;
  }

  /** Returns the element of a token: its text, and under it the likeliest next ones if they are asked for. */
  function tokenElement(at, columns) {
    const piece = found.pieces[at];
    const seen = piece === "" || piece === "\n" ? visible(piece) : piece;
    const unknown = piece === "" || known.has(piece) ? "" : " unknown";
    const made = element("i", { class: colour(at) + unknown, "data-at": at });
    if (!columns) {
      made.append(seen);
    } else {
      const list = element("small");
      for (let place = 0; place < 5 && piece; place++) {
        const chance = found.chances[at * 5 + place];
        const level = Math.round(5 * Math.sqrt(chance));
        list.append(element("b", level ? { class: `p${level}` } : {}, visible(facts.tokens[found.likeliest[at * 5 + place]])));
      }
      made.append(element("b", {}, seen === " " ? "\u00a0" : seen), list);
    }
    return made;
  }

  function addBlock() {
    const columns = view === "read" && $("likeliest").checked;
    const start = Number(sentinel.dataset.next);
    const block = document.createDocumentFragment();
    let end = Math.min(start + BLOCK, found.pieces.length);
    while (columns && end < found.pieces.length && end < start + 2 * BLOCK && /\S/.test(found.pieces[end - 1])) end++;
    let word = null; // columns are boxes, between which a line could end
    for (let at = start; at < end; at++) {
      if (columns && /\S/.test(found.pieces[at])) {
        word ??= block.appendChild(element("span", { class: "word" }));
      } else {
        word = null;
      }
      (word ?? block).append(tokenElement(at, columns));
      if (found.pieces[at] === "\n" || (found.pieces[at] === "" && at + 1 < found.pieces.length)) block.append("\n");
    }
    sentinel.dataset.next = end;
    sentinel.before(block);
    if (end === found.pieces.length) observer.unobserve(sentinel);
    else requestAnimationFrame(() => { // an observer tells of changes alone
      observer.unobserve(sentinel);
      observer.observe(sentinel);
    });
  }

  function draw() {
    if (!found || view === "write") return;
    sentinel.dataset.next = 0;
    chosen = -1;
    $("shown").classList.toggle("columns", view === "read" && $("likeliest").checked);
    $("shown").replaceChildren(sentinel);
    $("detail").textContent = "Point at a character or tap it, or go to it with the arrow keys.";
    if (found.pieces.length) addBlock();
  }

  function pick(at) {
    $("shown").querySelector(".chosen")?.classList.remove("chosen");
    while (at >= Number(sentinel.dataset.next) && Number(sentinel.dataset.next) < found.pieces.length) addBlock();
    chosen = at;
    const picked = $("shown").querySelector(`[data-at="${at}"]`);
    picked.classList.add("chosen");
    const nats = found.nats[at];
    const cost = Number.isNaN(nats)
      ? "not scored: nothing is before it"
      : `${nats.toFixed(3)} nats, ${bits(at).toFixed(3)} bits, probability ${percent(Math.exp(-nats))}`;
    const next = Array.from({ length: 5 }, (_, place) => at * 5 + place)
      .filter((place) => found.chances[place] > 0)
      .map((place) => `“${visible(facts.tokens[found.likeliest[place]])}” ${percent(found.chances[place])}`);
    $("detail").textContent =
      view === "cells"
        ? `“${visible(found.pieces[at])}”: cell ${$("cell").value} of layer ${Number($("layer").value) + 1} is ${cellValue(at).toFixed(2)}`
        : `“${visible(found.pieces[at])}”: ${cost}${next.length ? `. Next: ${next.join(", ")}` : ""}`;
    return picked;
  }

  const percent = (share) => `${(100 * share).toFixed(share < 0.01 ? 2 : 0)}%`;

  function describe() {
    const { characters, sum, unknown } = found;
    if (!characters) {
      $("read-status").textContent = "Nothing to read: the first character isn't predicted, and there is no other.";
      return;
    }
    const mean = sum / characters;
    const parts = [
      `${number(characters)} characters scored`,
      `${number(sum, 2)} nats`,
      `${mean.toFixed(4)} nats per character`,
      `${(mean / Math.LN2).toFixed(4)} bits per character`,
      `perplexity ${Math.exp(mean).toFixed(2)}`,
    ];
    const kept = found.cells.length / perToken;
    if (kept < found.pieces.length) parts.push(`cells of the first ${number(kept)}`);
    if (unknown) {
      const which = [...new Set(found.pieces.filter((piece) => piece && !known.has(piece)))].map(visible);
      const more = which.length > 5 ? " …" : "";
      parts.push(`${number(unknown)} of them unknown to the model: ${which.slice(0, 5).join(" ")}${more}`);
    }
    $("read-status").textContent = `${parts.join(" · ")} · read at ${number(found.speed)} characters per second`;
  }

  function showTraits() {
    const chips = found.traits.map(({ name, cells: [best] }) => ({ name, ...best }));
    $("traits").replaceChildren(
      ...chips.map(({ name, cell, correlation }) => {
        const layer = units.findIndex((_, place) => cell < firstOf(place + 1));
        const sign = correlation < 0 ? "−" : "+";
        const chip = element("button", { type: "button", "aria-pressed": "false", "data-cell": cell });
        chip.append(`${name} ${sign}${Math.abs(correlation).toFixed(2)}`);
        chip.title = `layer ${layer + 1}, cell ${cell - firstOf(layer)}`;
        chip.onclick = () => {
          $("layer").value = layer;
          $("cell").value = cell - firstOf(layer);
          chooseCell();
        };
        return chip;
      }),
    );
    const first = $("traits").querySelector("button");
    if (first) first.click(); // draws
    else draw();
  }

  function chooseCell() {
    const count = units[Number($("layer").value)];
    $("cell").max = count - 1;
    $("cell").value = Math.min(Math.max(Math.floor(Number($("cell").value)), 0), count - 1);
    for (const chip of $("traits").children) chip.setAttribute("aria-pressed", Number(chip.dataset.cell) === cellChosen());
    draw();
  }

  function read() {
    const message = { text: $("given").value, label: Number($("read-label").value || 0) };
    let milliseconds = 0;
    $("progress").hidden = false;
    $("progress").value = 0;
    $("shown").dataset.done = false;
    ask("read", message, ({ done, share, result, milliseconds: spent }) => {
      milliseconds += spent;
      if (!done) {
        $("progress").value = share ?? 0;
        return;
      }
      $("progress").hidden = true;
      found = result;
      found.speed = (1000 * found.pieces.length) / milliseconds;
      describe();
      showTraits();
      $("shown").dataset.done = true;
    });
  }

  $("read-form").onsubmit = (event) => {
    event.preventDefault();
    read();
    $("read-status").scrollIntoView({ block: "nearest" });
  };
  $("likeliest").onchange = draw;
  $("layer").onchange = chooseCell;
  $("cell").onchange = chooseCell;
  facts.layers.forEach((layer, place) => $("layer").append(new Option(`${place + 1} (${layer.units} cells)`, place)));
  $("shown").onmouseover = ({ target }) => {
    const at = target.closest("[data-at]")?.dataset.at;
    if (at !== undefined) pick(Number(at));
  };
  $("shown").onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 50, ArrowUp: -50 }[event.key];
    if (!step || !found?.pieces.length) return;
    event.preventDefault();
    pick(Math.min(Math.max(chosen + step, 0), found.pieces.length - 1)).scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("view", ({ detail }) => {
    if (detail !== "read" && detail !== "cells") return;
    view = detail;
    draw();
  });
  $("legend").append(...levels.map((least, level) => element("i", { class: `c${level}` }, `${least}+`)));
  $("given").value = facts.text;
  read();
}
