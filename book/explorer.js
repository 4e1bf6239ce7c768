// The explorer of the landing page: a generated image, a time, a patch size, a pixel, and who voted for it.
// What it draws with comes from elscourse/widgets/shared.js, put in front of this text when the site is built; what it
// shows from explorer-data.js (the layout of its bytes is described in make_explorer.py).

window.elsExplorer = async function (header, text) {
  if (tooOld(document.getElementById("explorer"))) return;
  const { names, r2, seeds, side, times, sizes, calibrated, top } = header;
  const shape = [1, side, side];
  const area = side * side;
  const all = await inflated(text);
  let read = 0;
  const take = (count, Type = Uint8Array) => {
    const bytes = all.slice(read, (read += count * Type.BYTES_PER_ELEMENT));
    return new Type(bytes.buffer);
  };
  const count = seeds.length;
  const votes = count * times.length * sizes.length * area;
  const pictures = take(count * times.length * area);
  const answers = take(votes);
  const final = take(count * area);
  const network = take(count * area);
  const atlas = take(header.atlas * area);
  const weight = take(top * votes);
  const place = take(top * votes);
  const low = take(top * votes);
  const high = take(top * votes);
  const number = take(header.atlas, Uint16Array);

  const at = { image: 7, time: 7, size: 1, row: 9, column: 6 };
  const options = seeds.map((seed, i) => [i, thumbnail(shape, final, i), `${names[i]}, seed ${seed}`]);
  const chooser = choice("Image", options, (image) => go({ image }));
  const time = slider(
    "Time",
    times.length - 1,
    (i) => `t = ${times[i].toFixed(2)}, ${i < 2 ? "nearly pure noise" : i > 7 ? "nearly done" : "on the way"}`,
    (i) => go({ time: i }),
  );
  const size = slider(
    "Patch size",
    sizes.length - 1,
    (i) => `${sizes[i]} × ${sizes[i]} pixels (most like the network now: ${calibrated[at.time]} × ${calibrated[at.time]})`,
    (i) => go({ size: i }),
  );
  const asked = () => touchable(shape, "els-large", ([row, column]) => go({ row, column }));
  const [seen, answer] = [asked(), asked()];
  const [drawn, trained] = [picture(shape, { kind: "els-large" }), picture(shape, { kind: "els-large" })];
  const list = element("ol", { class: "els-patches", "aria-label": "The four heaviest voters" });
  const rows = Array.from({ length: top }, () => {
    const shown = picture(shape);
    const share = bar();
    shown.text.before(share.track);
    list.append(element("li", {}, shown.figure));
    return { shown, share };
  });
  const said = element("p", { class: "els-said", "aria-live": "polite" });
  explorer(
    document.getElementById("explorer"),
    "Explorer: who drew this pixel?",
    chooser.line,
    time.line,
    size.line,
    element("div", { class: "els-row els-four" }, seen.figure, answer.figure, drawn.figure, trained.figure),
    said,
    list,
  );

  function go(change) {
    Object.assign(at, change);
    const { image, row, column } = at;
    const moment = image * times.length + at.time;
    const block = moment * sizes.length + at.size;
    const pixel = block * area + row * side + column;
    const patch = sizes[at.size];
    const t = times[at.time].toFixed(2);
    const marks = [...windowAround(row, column, patch, shape, false), [row, column, 1, 1]];

    chooser.check(image);
    seen.cursor = answer.cursor = [row, column];
    time.set(at.time);
    size.set(at.size);
    const position = `pixel row ${row}, column ${column}; click, or move with the arrow keys`;
    seen.draw(pictures, moment, `What the formula sees at t = ${t}; ${position}`);
    seen.text.textContent = "what it sees: click a pixel";
    seen.outline(marks);
    answer.draw(answers, block, `The formula's guess of the clean image; ${position}`);
    answer.text.textContent = "its guess now";
    answer.outline([[row, column, 1, 1]]);
    drawn.draw(final, image, `${names[image]} drawn by the formula`);
    drawn.text.textContent = "the formula drew in the end";
    trained.draw(network, image, `${names[image]} drawn by the trained network from the same noise`);
    trained.text.textContent = `the network drew in the end (r²\u00a0=\u00a0${r2[image].toFixed(2)})`;

    // Eight bits of a weight's logarithm are off by up to 4 %: what sums to more than all votes is scaled down to them.
    const stored = rows.map((_, k) => Math.exp((weight[k * votes + pixel] - 255) / 12));
    const sum = stored.reduce((a, b) => a + b);
    let elsewhere = 0;
    rows.forEach(({ shown, share }, k) => {
      const vote = k * votes + pixel;
      const w = stored[k] / Math.max(1, sum);
      const [r, c] = [Math.floor(place[vote] / side), place[vote] % side];
      const voter = header.first[image] + low[vote] + 256 * high[vote];
      const who = number[voter];
      elsewhere += r !== row || c !== column;
      shown.draw(atlas, voter, `Training image ${who}, voting patch around row ${r}, column ${c}`);
      shown.outline(windowAround(r, c, patch, shape, false));
      shown.text.textContent = `image ${who}, row ${r}, column ${c}: ${percent(w)}`;
      share.set(w);
    });
    said.textContent =
      `Pixel in row ${row}, column ${column}: the four heaviest voters hold ${percent(Math.min(1, sum))} of the votes` +
      (sum < 0.01 ? "; so many vote alike that no four of them matter. " : ". ") +
      `${["None", "One", "Two", "Three", "All four"][elsewhere]} of them ${elsewhere === 1 ? "comes" : "come"} ` +
      "from another place in the picture than this pixel's.";
  }
  go({});
};

// Last of all: deferred scripts wait for each other, and the page's menu would wait for these 2.8 MB, too.
const shows = document.currentScript.dataset.shows;
window.addEventListener("load", () => document.head.append(element("script", { src: shows })));
