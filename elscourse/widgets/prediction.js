/** One row of dots for each name, from r2 = 0 on the left to 1 on the right; `chosen(i)`: dot i of a row was clicked. */
function dotPlot(names, r2, chosen) {
  const [left, right, high] = [80, 540, 30];
  const bottom = high * names.length;
  const count = r2[0].length;
  const x = (value) => left + (right - left) * value;
  const y = (row, i) => high * (row + 0.5) + (((7 * i) % 11) - 5) * 1.6; // dots of like r2 lie beside each other
  const svg = vector("svg", { viewBox: `0 0 ${right + 20} ${bottom + 24}`, class: "els-plot els-dots", role: "img" });
  names.forEach((name, row) => {
    const label = vector("text", { x: left - 12, y: high * (row + 0.5) + 5, "text-anchor": "end" });
    label.textContent = name;
    svg.append(label, vector("path", { d: `M${left} ${high * (row + 1)}H${right}`, class: "els-rule" }));
  });
  for (const value of [0, 0.5, 1]) {
    const label = vector("text", { x: x(value), y: bottom + 18, "text-anchor": "middle" });
    label.textContent = value ? `${value}` : "r2 0";
    svg.append(label);
  }
  const places = r2.flatMap((values, row) => Array.from(values, (value, i) => [x(value), y(row, i), i]));
  const seen = places.filter(([at]) => Number.isFinite(at));
  for (const [cx, cy] of seen) svg.append(vector("circle", { cx, cy, r: 3.5 }));
  const marks = vector("g");
  svg.append(marks);
  svg.addEventListener("click", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const away = seen.map(([cx, cy]) => Math.hypot(cx - at.x, cy - at.y));
    if (seen.length) chosen(seen[away.indexOf(Math.min(...away))][2]);
  });
  return {
    svg,
    mark(i, summary) {
      const here = names.map((_, row) => places[row * count + i]).filter(([at]) => Number.isFinite(at));
      marks.replaceChildren(...here.map(([cx, cy]) => vector("circle", { cx, cy, r: 6, class: "els-marked" })));
      svg.setAttribute("aria-label", summary);
    },
  };
}

async function render({ model, el }) {
  if (tooOld(el)) return;
  const shape = model.get("shape");
  const count = model.get("count");
  const names = model.get("names");
  const drawings = await inflated(model.get("drawings"));
  const all = numbers(model.get("r2"), Float32Array);
  const r2 = names.map((_, k) => all.subarray(k * count, (k + 1) * count));

  const byNumber = Array.from({ length: count }, (_, i) => i);
  const value = (k, i) => (Number.isFinite(r2[k][i]) ? r2[k][i] : -1);
  const orders = [byNumber, ...names.map((_, k) => [...byNumber].sort((a, b) => value(k, a) - value(k, b)))];
  const say = (position) => `seed ${orders[model.get("order")][position]}`;
  const control = slider("noise", count - 1, say, (position) =>
    store(model, { picked: orders[model.get("order")][position] }),
  );
  const options = ["seed", ...names.map((name) => `r2 of ${name}`)].map((words, k) => [k, words]);
  const sorted = choice("in the order of", options, (order) => store(model, { order }));
  const shown = ["noise", "network", ...names].map((name) => ({ name, ...picture(shape) }));
  const [noise, network, ...predicted] = shown;
  const ask = tick("Show what the network drew", (told) => store(model, { told }));
  const dots = dotPlot(names, r2, (picked) => store(model, { picked }));
  const said = element("p", { class: "els-said", "aria-live": "polite" });
  const help = element("p", { class: "els-help" }, "Each dot is a prediction. Click one, or move the slider.");
  explorer(
    el,
    "Predictions of a network's drawings",
    control.line,
    sorted.line,
    element("div", { class: "els-row els-predicted" }, ...[noise, ...predicted, network].map((one) => one.figure)),
    ask.line,
    element("figure", { class: "els-chart" }, dots.svg),
    said,
    help,
  );

  return follow(model, ["picked", "order", "told"], () => {
    const picked = model.get("picked");
    const order = model.get("order");
    const told = model.get("told");
    const known = names.map((_, k) => k).filter((k) => Number.isFinite(r2[k][picked]));
    const words = (k) => (known.includes(k) ? `r2 ${r2[k][picked].toFixed(2)}` : "no r2");
    sorted.check(order);
    control.set(orders[order].indexOf(picked));
    ask.input.checked = told;
    shown.forEach((one, k) => {
      one.draw(drawings, k * count + picked, `${one.name}, seed ${picked}`);
      one.text.textContent = k < 2 ? one.name : `${one.name}\n${words(k - 2)}`;
    });
    network.figure.hidden = !told;
    dots.mark(picked, `r2 of ${count} predictions each by ${names.join(", ")}; seed ${picked} is marked`);
    const best = known.reduce((a, b) => (r2[b][picked] > r2[a][picked] ? b : a), known[0]);
    said.textContent = known.length
      ? `Seed ${picked}: ${names[best]} is most like the network's drawing, ${words(best)}.`
      : `Seed ${picked}: a picture without contrast has no r2.`;
  });
}

export default { render };
