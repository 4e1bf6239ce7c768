function render({ model, el }) {
  const shape = model.get("shape");
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const count = model.get("count");
  const side = model.get("side");
  const corners = model.get("corners");
  const [noise, other, before, after, change] = ["noise", "other", "before", "after", "change"].map((name) =>
    bytes(model.get(name)),
  );
  const foretold = numbers(model.get("foretold"), Float32Array);

  const middle = ([y, x]) => [y + (side >> 1), x + (side >> 1)];
  const least = (costs) => costs.indexOf(Math.min(...costs));
  /** The block whose middle is nearest to a pixel. */
  const nearest = ([row, column]) => least(corners.map(middle).map(([y, x]) => Math.hypot(y - row, x - column)));
  /** The next block in the direction of a step, rather straight ahead than near; if there is none, the same. */
  const next = (place, [down, right]) => {
    const ways = corners.map(([y, x]) => [y - corners[place][0], x - corners[place][1]]);
    const ahead = ways.map(([dy, dx]) => [dy * down + dx * right, Math.abs(dy * right) + Math.abs(dx * down)]);
    const costs = ahead.map(([along, aside]) => (along > 0 ? along + 2 * aside : Infinity));
    return Math.min(...costs) < Infinity ? least(costs) : place;
  };
  /** The picked noise with the block from the other one. */
  const exchanged = (picked, [y, x]) => {
    const mixed = noise.slice(picked * size, (picked + 1) * size);
    for (let row = y; row < y + side; row++) {
      const from = (row * width + x) * channels;
      mixed.set(other.subarray(picked * size + from, picked * size + from + side * channels), from);
    }
    return mixed;
  };

  const options = Array.from({ length: count }, (_, i) => [
    i,
    thumbnail(shape, before, count + i),
    `drawing ${i} of the network`,
  ]);
  const chooser = choice("The network's drawing", options, (picked) => store(model, { picked, told: false }));
  const large = touchable(shape, "els-large", (pixel, how) => {
    const from = model.get("place");
    const [y, x] = middle(corners[from]);
    const place = how === "move" ? next(from, [pixel[0] - y, pixel[1] - x]) : nearest(pixel);
    store(model, place === from ? { place } : { place, told: false });
    large.cursor = middle(corners[place]); // the keys go from block to block
  });
  const who = ["formula", "network"].map((name) => {
    const shown = ["before", "after", "change"].map(() => picture(shape));
    const row = element("div", { class: "els-row", role: "group", "aria-label": name }, ...shown.map((one) => one.figure));
    return { name, shown, row };
  });
  const ask = tick("I have decided: show what the network draws", (told) => store(model, { told }));
  const said = element("p", { class: "els-said", "aria-live": "polite" });
  const help = element("p", { class: "els-help" }, "Click into the noise, or move with the arrow keys.");
  explorer(
    el,
    "Exchange a block of the noise",
    count > 1 ? chooser.line : "",
    element(
      "div",
      { class: "els-columns" },
      large.figure,
      element("div", { class: "els-column" }, ...who.map(({ row }) => row), ask.line),
    ),
    said,
    help,
  );

  return follow(model, ["picked", "place", "told"], () => {
    const picked = model.get("picked");
    const place = model.get("place");
    const told = model.get("told");
    const [y, x] = corners[place];
    const block = [[y, x, side, side]];
    const where = `rows ${y} to ${y + side - 1}, columns ${x} to ${x + side - 1}`;
    chooser.check(picked);
    ask.input.checked = told;
    large.draw(exchanged(picked, [y, x]), 0, `Noise ${picked}; other noise in ${where}. Arrow keys move.`);
    large.outline(block);
    large.cursor = middle(corners[place]);
    large.text.textContent = "noise, one block exchanged";
    who.forEach(({ name, shown: [first, second, difference] }, k) => {
      const at = k * count + picked;
      const hidden = name === "network" && !told;
      first.draw(before, at, `${name}, before`);
      first.text.textContent = `${name}, before`;
      for (const [one, stack, words] of [
        [second, after, "after"],
        [difference, change, "change"],
      ]) {
        one.draw(stack, at * corners.length + place, `${name}, ${words}`);
        one.text.textContent = words;
        one.outline(block);
        one.figure.hidden = hidden;
      }
    });
    const part = foretold[picked * corners.length + place];
    const found = Number.isFinite(part)
      ? `The formula foretold ${part.toFixed(2)} of the network's change (1 is all, 0 what "nothing changes" gets).`
      : "The network's drawing did not change.";
    said.textContent = `Exchanged: ${where}. ${told ? found : "What will the network change?"}`;
  });
}

export default { render };
