// History: the losses of each epoch as curves, and what the model wrote after each.

{
  const { epochs, samples } = facts.history;

  function curves() {
    const names = ["loss", "val_loss"].filter((name) => epochs.some((row) => Number.isFinite(row[name])));
    const values = names.flatMap((name) => epochs.map((row) => row[name])).filter(Number.isFinite);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const x = (place) => 90 + (880 * place) / Math.max(epochs.length - 1, 1);
    const y = (value) => 310 - (280 * (value - low)) / (high - low || 1);
    for (const value of [low, (low + high) / 2, high]) {
      $("curves").append(
        element("line", { x1: 90, x2: 970, y1: y(value), y2: y(value), class: "rule" }),
        element("text", { x: 80, y: y(value) + 6, "text-anchor": "end" }, value.toFixed(2)),
      );
    }
    names.forEach((name, which) => {
      const style = which ? "second" : "first";
      const places = epochs.map((row, place) => [x(place), y(row[name])]).filter(([, height]) => Number.isFinite(height));
      const path = places.length > 1 ? places : [...places, ...places.map(([at, height]) => [at + 8, height])];
      const title = which ? "validation" : "training";
      $("curves").append(
        element("path", { class: style, d: `M${path.map((point) => point.join(" ")).join("L")}` }),
        element("text", { class: style, x: 560 + 200 * which, y: 378 }, `${which ? "╌ " : "─ "}${title}`),
      );
    });
    $("curves").append(element("line", { id: "now", class: "rule", y1: 20, y2: 320 }), element("text", { x: 90, y: 378 }, "nats per character, by epoch"));
    const every = Math.ceil(epochs.length / 12); // so that numbers don't touch
    epochs.forEach(({ epoch }, place) => {
      if (place % every) return;
      $("curves").append(
        element("line", { x1: x(place), x2: x(place), y1: 320, y2: 326, class: "rule" }),
        element("text", { x: x(place), y: 344, "text-anchor": "middle" }, epoch),
      );
    });
    const last = epochs.at(-1);
    $("curves").setAttribute("aria-label", `Losses by epoch, at the end ${names.map((name) => `${name} ${last[name]}`).join(", ")}`);
    return x;
  }

  function pick(place, x) {
    const row = epochs[place];
    const losses = ["loss", "val_loss"].filter((name) => Number.isFinite(row[name])).map((name) => `${name} ${row[name].toFixed(4)}`);
    $("epoch-shown").textContent = `${row.epoch}: ${losses.join(", ")}`;
    $("now").setAttribute("x1", x(place));
    $("now").setAttribute("x2", x(place));
    $("samples").replaceChildren(
      ...samples
        .filter((sample) => sample.epoch === row.epoch)
        .flatMap(({ heading, text }) => [element("h2", {}, heading), element("pre", { class: "text", tabindex: 0 }, text)]),
    );
  }

  if (epochs.length) {
    const x = curves();
    $("epoch").max = epochs.length - 1;
    $("epoch").value = epochs.length - 1;
    $("epoch").oninput = () => pick(Number($("epoch").value), x);
    pick(epochs.length - 1, x);
  }
}

show(views.find((tab) => `#${tab.dataset.view}` === location.hash)?.dataset.view ?? "write");
