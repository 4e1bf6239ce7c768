/** A number for an axis, at least as large as `value`: 1, 2 or 5 times a power of ten. */
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 2, 5, 10].find((m) => m * unit >= value * 0.999999);
}

/** The axes of a density, its curve, and the points under it. */
function densityPlot(span, label) {
  const [width, height, left, right, top, bottom] = [560, 210, 58, 8, 10, 38];
  const [low, high] = span;
  const x = (value) => left + ((value - low) / (high - low)) * (width - left - right);
  const y = (share) => height - bottom - share * (height - top - bottom);
  const svg = vector("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "els-plot" });
  const words = (text, at, anchor = "middle") => {
    const made = vector("text", { x: at[0], y: at[1], "text-anchor": anchor });
    made.textContent = text;
    return made;
  };
  svg.append(vector("path", { class: "els-axis", d: `M${left} ${top}V${height - bottom}H${width - right}` }));
  const step = Math.max(1, roundUp((high - low) / 10));
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    svg.append(vector("path", { class: "els-axis", d: `M${x(tick)} ${height - bottom}v4` }));
    svg.append(words(tick, [x(tick), height - bottom + 16]));
  }
  svg.append(words("x", [(left + width - right) / 2, height - 4]));
  const ylabel = words(label, [12, (top + height - bottom) / 2]);
  ylabel.setAttribute("transform", `rotate(-90 12 ${(top + height - bottom) / 2})`);
  const [end, data, curve] = ["els-end", "els-data", "els-curve"].map((name) => vector("path", { class: name }));
  const ticks = vector("g");
  svg.append(ylabel, ticks, end, data, curve);
  const line = (heights, most) =>
    heights.reduce((path, p, i) => {
      const at = low + ((high - low) * i) / (heights.length - 1);
      return `${path}${i ? "L" : "M"}${x(at).toFixed(1)} ${y(p / most).toFixed(1)}`;
    }, "");
  return {
    svg,
    draw(heights, points, spread, summary) {
      const normal = heights.map((_, i) => {
        const at = low + ((high - low) * i) / (heights.length - 1);
        return Math.exp((-at * at) / 2) / Math.sqrt(2 * Math.PI);
      });
      const most = roundUp(Math.max(...heights, ...normal));
      ticks.replaceChildren();
      for (const share of [0, 0.5, 1]) {
        ticks.append(vector("path", { class: "els-axis", d: `M${left - 4} ${y(share)}h4` }));
        ticks.append(words(+(share * most).toPrecision(3), [left - 7, y(share) + 4], "end"));
      }
      end.setAttribute("d", line(normal, most));
      curve.setAttribute("d", spread ? line(heights, most) : "");
      const tall = spread ? 0.06 : 1; // without noise each point is a spike
      data.setAttribute("d", points.map((p) => `M${x(p).toFixed(1)} ${y(0)}V${y(tall)}`).join(""));
      svg.setAttribute("aria-label", summary);
    },
  };
}

function render({ model, el }) {
  const shape = model.get("shape");
  const [times, alphas, sigmas] = ["times", "alphas", "sigmas"].map((name) => model.get(name));
  const clean = numbers(model.get("clean"), Float32Array);
  const noise = numbers(model.get("noise"), Float32Array);
  const count = clean.length / (shape[0] * shape[1] * shape[2]);
  const noised = new Uint8ClampedArray(clean.length);
  const pictures = Array.from({ length: count }, () => picture(shape));
  const row = element("div", { class: "els-row" }, ...pictures.map((p) => p.figure));

  const say = (i) => `t = ${times[i].toFixed(2)}, α = ${alphas[i].toFixed(3)}, σ = ${sigmas[i].toFixed(3)}`;
  const control = slider("time t", times.length - 1, say, (index) => store(model, { index }));
  const root = explorer(el, "Noise added to images", control.line, row);

  const points = model.get("points");
  const density = points.length ? numbers(model.get("density"), Float32Array) : null;
  const plot = density && densityPlot(model.get("span"), "density");
  if (plot) {
    root.append(
      element(
        "figure",
        { class: "els-chart" },
        plot.svg,
        element(
          "figcaption",
          {},
          "Solid line: density of x_t = α x_0 + σ ε. Dashed line: standard normal. Strokes: the points times α.",
        ),
      ),
    );
  }

  return follow(model, ["index"], () => {
    const index = model.get("index");
    const [t, alpha, sigma] = [times[index].toFixed(2), alphas[index], sigmas[index]];
    control.set(index);
    for (let i = 0; i < clean.length; i++) noised[i] = (alpha * clean[i] + sigma * noise[i] + 1) * 127.5;
    pictures.forEach((p, i) => {
      p.draw(
        noised,
        i,
        `Image ${i} at t = ${t}: ${alpha.toFixed(2)} times the image plus ${sigma.toFixed(2)} times noise`,
      );
      p.text.textContent = `${i}`;
    });
    if (plot) {
      const grid = density.length / times.length;
      const heights = Array.from(density.subarray(index * grid, (index + 1) * grid));
      const highest = Math.max(...heights);
      const summary = sigma
        ? `Density of x_t at t = ${t}; its highest value is ${highest.toPrecision(2)}`
        : `At t = ${t} there is no noise: the density is a spike on each of the ${points.length} points`;
      plot.draw(
        heights,
        points.map((p) => alpha * p),
        sigma > 0,
        summary,
      );
    }
  });
}

export default { render };
