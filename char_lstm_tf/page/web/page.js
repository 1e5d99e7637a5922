// The page: its tabs, and the messages to and from the worker. The views are in files of their own.

const $ = (id) => document.getElementById(id);
const facts = JSON.parse($("facts").textContent);
const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });

/** Returns a token as it can be seen: a blank as ␣, a line end as ↵, the end of a document as ■. */
const visible = (token) => (token === "" ? "■" : token.replaceAll(" ", "␣").replaceAll("\n", "↵").replaceAll("\t", "⇥"));

/** Returns a new element with attributes and children. Text is only ever set as text, never as markup. */
function element(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "text", "line", "g", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// The worker's jobs. A message of a job that another one has replaced is dropped.
const worker = new Worker(URL.createObjectURL(new Blob([$("worker").textContent], { type: "text/javascript" })));
const listeners = {};
let jobs = 0;
worker.onmessage = ({ data }) => {
  if (listeners[data.kind]?.number === data.number) listeners[data.kind].heard(data);
};
worker.onerror = (event) => {
  $("about").textContent = `The model can't be run here: ${event.message}`;
};
worker.postMessage({ kind: "open", facts, weights: $("weights").textContent });
$("weights").remove(); // the worker has them

function ask(kind, message, heard) {
  listeners[kind] = { number: ++jobs, heard };
  worker.postMessage({ ...message, kind, number: jobs });
}

function cancel(kind) {
  delete listeners[kind];
  worker.postMessage({ kind: "stop", job: kind });
}

// Tabs, as https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ describes them: arrow keys go from one to the next.
const views = Array.from(document.querySelectorAll("#tabs [data-view]")).filter(({ dataset }) => {
  const there = dataset.view !== "history" || facts.history.epochs.length > 0;
  $(`tab-${dataset.view}`).hidden = !there;
  return there;
});

function show(view) {
  for (const tab of views) {
    const chosen = tab.dataset.view === view;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    if (chosen) $(tab.getAttribute("aria-controls")).setAttribute("aria-labelledby", tab.id);
  }
  const panel = $(`tab-${view}`).getAttribute("aria-controls");
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== panel;
  for (const part of document.querySelectorAll("[data-only]")) part.hidden = part.dataset.only !== view;
  document.dispatchEvent(new CustomEvent("view", { detail: view }));
}

function choose(view) {
  history.replaceState(null, "", `#${view}`);
  show(view);
}

views.forEach((tab, place) => {
  tab.onclick = () => choose(tab.dataset.view);
  tab.onkeydown = ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = views[(place + step + views.length) % views.length];
    next.focus();
    choose(next.dataset.view);
  };
});

for (const label of document.querySelectorAll("[data-labels]")) {
  label.hidden = !facts.labels.length;
  facts.labels.forEach((name, id) => label.querySelector("select").append(new Option(name, id)));
}
$("about").textContent = facts.about;
