function render({ model, el }) {
  const shape = model.get("shape");
  const times = model.get("times");
  const top = model.get("top");
  const noisy = bytes(model.get("noisy"));
  const denoised = bytes(model.get("denoised"));
  const voters = bytes(model.get("voters"));
  const voter = numbers(model.get("voter"), Int32Array);
  const image = numbers(model.get("image"), Int32Array);
  const shift = numbers(model.get("shift"), Int32Array);
  const weight = numbers(model.get("weight"), Float32Array);
  const entropy = numbers(model.get("entropy"), Float32Array);

  const left = picture(shape, { kind: "els-large" });
  const right = picture(shape, { kind: "els-large" });
  const list = element("ol", { class: "els-voters", "aria-label": "Heaviest voters" });
  const rows = Array.from({ length: top }, () => {
    const shown = picture(shape, { caption: false });
    const share = bar();
    const words = element("span", { class: "els-words" });
    const item = element("li", {}, shown.figure, element("div", {}, words, share.track));
    list.append(item);
    return { shown, share, words, item };
  });
  const said = element("p", { class: "els-said", "aria-live": "polite" });
  const control = slider(
    "time t",
    times.length - 1,
    (i) => `t = ${times[i].toFixed(2)}`,
    (index) => store(model, { index }),
  );
  const pair = element("div", { class: "els-row" }, left.figure, right.figure);
  explorer(el, "Who votes at each time", control.line, element("div", { class: "els-columns" }, pair, list), said);

  return follow(model, ["index"], () => {
    const index = model.get("index");
    const t = times[index].toFixed(2);
    control.set(index);
    left.draw(noisy, index, `The noised image at t = ${t}`);
    left.text.textContent = `x_t at t = ${t}`;
    right.draw(denoised, index, `The denoiser's answer at t = ${t}`);
    right.text.textContent = "D(x_t, t)";
    let sum = 0;
    let listed = 0;
    let first = "";
    rows.forEach(({ shown, share, words, item }, k) => {
      const who = voter[index * top + k];
      item.hidden = who < 0;
      if (who < 0) return;
      const w = weight[index * top + k];
      const moved =
        shift[2 * who] || shift[2 * who + 1] ? ` shifted by (${shift[2 * who]}, ${shift[2 * who + 1]})` : "";
      const name = `training image ${image[who]}${moved}`;
      shown.draw(voters, who, name);
      share.set(w);
      words.textContent = `${name}: ${percent(w)}`;
      sum += w;
      listed += 1;
      first = first || `${name} holds ${percent(w)} of the weight`;
    });
    said.textContent = `At t = ${t} ${first}; the ${listed} listed hold ${percent(Math.min(1, sum))}. ${spread(entropy[index])}`;
  });
}

export default { render };
