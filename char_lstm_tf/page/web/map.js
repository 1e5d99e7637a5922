// Map: the vectors of the tokens in two dimensions, and the nearest ones to a chosen one.

{
  const { ids, points, nearest } = facts.map;
  const picture = $("map-picture");

  function pick(place) {
    $("map-token").value = place;
    const near = new Set(nearest[place].map(([id]) => id));
    picture.querySelectorAll(".token").forEach((text, other) => {
      text.classList.toggle("picked", other === place);
      text.classList.toggle("near", near.has(ids[other]));
    });
    $("nearest-title").textContent = `Nearest to ${visible(facts.tokens[ids[place]])}`;
    $("nearest").replaceChildren(
      ...nearest[place].map(([id, cosine]) => element("li", {}, `${visible(facts.tokens[id])} (cosine ${cosine.toFixed(2)})`)),
    );
  }

  ids.forEach((id, place) => {
    const [x, y] = points[place];
    const text = element("text", { x: 30 + 940 * x, y: 675 - 650 * y, class: "token", "text-anchor": "middle" });
    text.append(visible(facts.tokens[id]));
    text.onclick = () => pick(place);
    picture.append(text);
    $("map-token").append(new Option(visible(facts.tokens[id]), place));
  });
  $("map-token").onchange = () => pick(Number($("map-token").value));
  $("map-hint").textContent = facts.map.about;
  const letter = ids.findIndex((id) => /^ ?\p{L}/u.test(facts.tokens[id])); // says more than a blank or a digit
  if (ids.length) pick(Math.max(letter, 0));
}
