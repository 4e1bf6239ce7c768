async function render({ model, el }) {
  const shape = model.get("shape");
  const [, height, width] = shape;
  const count = model.get("count");
  const top = model.get("top");
  const t = model.get("t").toFixed(2);
  const side = model.get("window");
  const circular = model.get("circular");
  const samples = bytes(model.get("samples"));
  const noisy = bytes(model.get("noisy"));
  const image = numbers(model.get("image"), Int32Array);
  const place = numbers(model.get("place"), Uint16Array);
  const weight = numbers(model.get("weight"), Float32Array);
  const entropy = numbers(model.get("entropy"), Float32Array);
  const atlas = await inflated(model.get("atlas"));
  const inAtlas = new Map(Array.from(numbers(model.get("atlas_index"), Int32Array), (index, i) => [index, i]));

  const group = `els-${Math.random().toString(36).slice(2)}`;
  const choices = Array.from({ length: count }, (_, i) => {
    const input = element("input", { type: "radio", name: group, value: i, "aria-label": `generated image ${i}` });
    input.addEventListener("change", () => store(model, { picked: i }));
    const small = picture(shape, { caption: false, kind: "els-small" });
    small.draw(samples, i, "");
    small.frame.setAttribute("role", "presentation");
    return { input, label: element("label", {}, input, small.figure, element("span", {}, `${i}`)) };
  });
  const chooser = element("fieldset", {}, element("legend", {}, "Generated image"), ...choices.map((c) => c.label));

  const large = picture(shape, { role: "application", kind: "els-large" });
  large.frame.classList.add("els-pick");
  large.frame.tabIndex = 0;
  const seen = picture(shape, { kind: "els-large" });
  const list = element("ol", { class: "els-patches", "aria-label": "Heaviest voters" });
  const rows = Array.from({ length: top }, () => {
    const shown = picture(shape);
    const share = bar();
    const item = element("li", {}, shown.figure);
    shown.text.before(share.track);
    list.append(item);
    return { shown, share, item };
  });
  const said = element("p", { class: "els-said", "aria-live": "polite" });
  const help = element("p", { class: "els-help" }, "Click a pixel, or move with the arrow keys.");
  explorer(
    el,
    "Who voted for a pixel",
    count > 1 ? chooser : "",
    element("div", { class: "els-columns" }, element("div", { class: "els-row" }, large.figure, seen.figure), list),
    said,
    help,
  );

  const go = (row, column) => {
    const within = (value, length) => Math.min(length - 1, Math.max(0, value));
    store(model, { pixel: [within(row, height), within(column, width)] });
  };
  large.frame.addEventListener("click", (event) => {
    const box = large.frame.getBoundingClientRect();
    go(
      Math.floor(((event.clientY - box.top) / box.height) * height),
      Math.floor(((event.clientX - box.left) / box.width) * width),
    );
  });
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  large.frame.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [row, column] = model.get("pixel");
    go(row + step[0], column + step[1]);
  });

  return follow(model, ["picked", "pixel"], () => {
    const picked = model.get("picked");
    const [row, column] = model.get("pixel");
    const at = (picked * height + row) * width + column;
    const outlines = [...windowAround(row, column, side, shape, circular), [row, column, 1, 1]];
    choices.forEach(({ input }, i) => (input.checked = i === picked));
    large.draw(samples, picked, `Generated image ${picked}, pixel row ${row} column ${column}. Arrow keys move.`);
    large.text.textContent = `generated image ${picked}`;
    large.outline(outlines);
    seen.draw(noisy, picked, `What the machine looked at: image ${picked} at t = ${t}`);
    seen.text.textContent = `x_t at t = ${t}`;
    seen.outline(outlines);

    const told = [];
    let sum = 0;
    rows.forEach(({ shown, share, item }, k) => {
      const vote = at * top + k;
      const who = image[vote];
      item.hidden = who < 0;
      if (who < 0) return;
      const [r, c] = [Math.floor(place[vote] / width), place[vote] % width];
      const words = `image ${who} at (${r},\u00a0${c}): ${percent(weight[vote])}`;
      const known = inAtlas.has(who);
      shown.frame.classList.toggle("els-absent", !known);
      if (known) shown.draw(atlas, inAtlas.get(who), `Training image ${who}, voting patch around (${r}, ${c})`);
      else shown.frame.setAttribute("aria-label", `Training image ${who}, whose picture is not stored here`);
      shown.outline(windowAround(r, c, side, shape, circular));
      shown.text.textContent = known ? words : `${words} (picture not stored)`;
      share.set(weight[vote]);
      told.push(words);
      sum += weight[vote];
    });
    said.textContent =
      `Pixel (${row}, ${column}) of image ${picked}, window ${side} × ${side}. Voters: ${told.join("; ")}${others(sum)}. ` +
      spread(entropy[at]);
  });
}

export default { render };
