// Write: text from the model, as it comes.

{
  const shown = document.createTextNode("");

  function write() {
    const prompt = $("prompt").value;
    const options = {
      prompt,
      label: Number($("write-label").value || 0),
      temperature: Number($("temperature").value),
      topK: Number($("top-k").value),
      topP: Number($("top-p").value),
      texts: Number($("texts").value),
      characters: Number($("characters").value),
      seed: $("seed").value.trim(),
    };
    shown.data = "";
    $("written").replaceChildren(element("span", { class: "given" }, prompt), shown);
    $("stop").disabled = false;
    let count = 0;
    let milliseconds = 0;
    ask("write", options, ({ text, done, milliseconds: spent }) => {
      shown.appendData(text);
      if (text) $("written").dataset.first ??= performance.now(); // milliseconds after the page was opened
      count += Array.from(text).length;
      milliseconds += spent;
      $("written").dataset.done = Boolean(done);
      if (done) {
        $("stop").disabled = true;
        $("write-status").textContent = `${number(count)} characters, ${number((1000 * count) / milliseconds)} a second`;
      } else if (count) {
        $("write-status").textContent = `${number(count)} characters …`;
      }
    });
  }

  $("write-form").onsubmit = (event) => {
    event.preventDefault();
    write();
  };
  $("again").onclick = () => {
    $("seed").value = Math.floor(Math.random() * 2 ** 31);
    write();
  };
  $("stop").onclick = () => {
    cancel("write");
    $("stop").disabled = true;
    $("write-status").textContent += " stopped";
  };
  $("copy").onclick = async () => {
    const selection = getSelection();
    selection.selectAllChildren($("written"));
    try {
      await navigator.clipboard.writeText($("written").textContent);
      $("write-status").textContent = "copied";
    } catch {
      $("write-status").textContent = "the text is selected; copy it with Ctrl C"; // no clipboard for files here
    }
  };
  $("prompt").value = facts.prompt;
  if (facts.end !== null) {
    $("characters").value = 10000; // a document ends by itself
    $("texts").value = facts.eachLine ? 20 : 1;
    $("texts-label").hidden = false;
  }
  write();
}
