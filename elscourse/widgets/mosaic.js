async function render({ model, el }) {
  if (tooOld(el)) return;
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

  const options = Array.from({ length: count }, (_, i) => [i, thumbnail(shape, samples, i), `generated image ${i}`]);
  const chooser = choice("Generated image", options, (picked) => store(model, { picked }));
  const large = touchable(shape, "els-large", (pixel) => store(model, { pixel }));
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
    count > 1 ? chooser.line : "",
    element("div", { class: "els-columns" }, element("div", { class: "els-row" }, large.figure, seen.figure), list),
    said,
    help,
  );

  return follow(model, ["picked", "pixel"], () => {
    const picked = model.get("picked");
    const [row, column] = model.get("pixel");
    const at = (picked * height + row) * width + column;
    const outlines = [...windowAround(row, column, side, shape, circular), [row, column, 1, 1]];
    chooser.check(picked);
    large.cursor = [row, column];
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
