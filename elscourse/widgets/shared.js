// What the explorers share. Nothing is imported and nothing is fetched: each explorer's script follows this text.

/** A bytes traitlet as bytes, whether it came over a comm, from notebook metadata or from a static page. */
function bytes(value) {
  if (typeof value === "string") return Uint8Array.from(atob(value), (c) => c.charCodeAt(0));
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** A bytes traitlet as numbers; copied, since a typed array must start at a multiple of its item size. */
function numbers(value, Type) {
  return new Type(bytes(value).slice().buffer);
}

/** Whether a browser lacks what an explorer needs; if so, its place says that. */
function tooOld(place) {
  if (globalThis.DecompressionStream) return false;
  place.textContent = "This explorer needs a newer browser: Chrome 80, Firefox 113, Safari 16.4, or later.";
  return true;
}

/** A bytes traitlet that was compressed with zlib. */
async function inflated(value) {
  const stream = new Blob([bytes(value)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** An element with attributes and children. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function vector(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A picture of C x H x W pixels with room for outlines above it and a caption below. */
function picture([channels, height, width], { role = "img", caption = true, kind = "" } = {}) {
  const canvas = element("canvas", { width, height, "aria-hidden": "true" });
  const [outlines, crosses] = [vector("g"), vector("g")];
  const viewBox = `0 0 ${width} ${height}`;
  const marks = vector("svg", { viewBox, "aria-hidden": "true", focusable: "false" }, crosses, outlines);
  const frame = element("div", { class: "els-frame", role }, canvas, marks);
  frame.style.aspectRatio = `${width} / ${height}`;
  const text = element("figcaption");
  const figure = element("figure", { class: `els-figure ${kind}` }, frame, ...(caption ? [text] : []));
  const context = canvas.getContext("2d");
  const data = context.createImageData(width, height);
  const size = channels * height * width;
  return {
    figure,
    frame,
    text,
    /** Draws picture number `which` of the stack (bytes, channels last) and says what it is. */
    draw(stack, which, label) {
      const from = which * size;
      for (let i = 0; i < width * height; i++) {
        for (let c = 0; c < 3; c++) data.data[4 * i + c] = stack[from + i * channels + (channels === 3 ? c : 0)];
        data.data[4 * i + 3] = 255;
      }
      context.putImageData(data, 0, 0);
      frame.setAttribute("aria-label", label);
    },
    /** Outlines rectangles [row, column, rows, columns]: a light line on a dark one, visible on every pixel. */
    outline(rectangles) {
      outlines.replaceChildren();
      for (const layer of ["els-under", "els-over"]) {
        for (const [y, x, h, w] of rectangles)
          outlines.append(vector("rect", { x, y, width: w, height: h, class: layer }));
      }
    },
    /** Crosses out pixels [row, column]. */
    cross(pixels) {
      const lines = ([y, x]) => `M${x + 0.3} ${y + 0.3}l.4 .4m-.4 0l.4 -.4`;
      crosses.replaceChildren(...pixels.map((pixel) => vector("path", { d: lines(pixel), class: "els-cross" })));
    },
  };
}

/** The window of `side` pixels around a pixel as rectangles: cut off at the border, or wrapped around it. */
function windowAround(row, column, side, [, height, width], circular) {
  const pieces = (centre, length) => {
    const from = centre - (side - 1) / 2;
    const shifts = circular ? [-length, 0, length] : [0];
    return shifts
      .map((shift) => [Math.max(0, from + shift), Math.min(length, from + side + shift)])
      .filter(([start, end]) => end > start);
  };
  return pieces(row, height).flatMap(([top, bottom]) =>
    pieces(column, width).map(([left, right]) => [top, left, bottom - top, right - left]),
  );
}

/** A small picture to choose by. */
function thumbnail(shape, stack, which) {
  const small = picture(shape, { caption: false });
  small.draw(stack, which, "");
  small.frame.setAttribute("role", "presentation");
  small.figure.setAttribute("role", "presentation");
  return small.figure;
}

/** One among several pictures or words: options are [value, what is seen, its name if that is no text]. */
function choice(legend, options, chosen) {
  const group = `els-${Math.random().toString(36).slice(2)}`; // a page may have several
  const inputs = options.map(([value, , name]) => {
    const input = element("input", { type: "radio", name: group, value, "aria-label": name });
    input.addEventListener("change", () => chosen(value));
    return input;
  });
  const labels = options.map(([, seen, name], i) => element("label", { class: name && "els-choice" }, inputs[i], seen));
  const line = element("fieldset", { "aria-label": legend }, element("legend", {}, legend), ...labels);
  return { line, check: (value) => inputs.forEach((input) => (input.checked = input.value === String(value))) };
}

/** A box to tick. */
function tick(label, changed) {
  const input = element("input", { type: "checkbox" });
  input.addEventListener("change", () => changed(input.checked));
  return { input, line: element("label", { class: "els-tick" }, input, label) };
}

/** A button that keeps the focus when it can do nothing more. */
function button(label, pressed) {
  const made = element("button", { type: "button", class: "els-button" }, label);
  made.addEventListener("click", () => made.getAttribute("aria-disabled") === "true" || pressed());
  return made;
}

/** The pixels on the way from one, [row, column], to another. */
function stroke([y, x], [row, column]) {
  const [down, right] = [row - y, column - x];
  const length = Math.max(1, Math.abs(down), Math.abs(right));
  const part = (whole, k) => Math.round((whole * k) / length);
  return Array.from({ length: length + 1 }, (_, k) => [y + part(down, k), x + part(right, k)]);
}

/**
 * A picture whose pixels can be pressed, dragged over, or reached with arrow keys and space: `act([row, column], how,
 * before)`, how: "press", "drag" (from the pixel `before`) or "move". Keys go on from `cursor`, which may be set.
 */
function touchable(shape, kind, act) {
  const [, height, width] = shape;
  const made = Object.assign(picture(shape, { role: "application", kind }), { cursor: [height >> 1, width >> 1] });
  const { frame } = made;
  const within = (value, length) => Math.min(length - 1, Math.max(0, value));
  let held = null; // the pixel that was last dragged over, if the press began here
  let waits = false; // a finger may be about to scroll the page: it acts when it is lifted
  let left = false; // it is outside, and comes back anywhere
  let begins = false; // marked is only where the keys begin
  const under = (event) => {
    const box = frame.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * height);
    const column = Math.floor(((event.clientX - box.left) / box.width) * width);
    return row === within(row, height) && column === within(column, width) ? [row, column] : null;
  };
  const reach = (pixel, how, before) => {
    made.cursor = held = pixel;
    left = begins = false;
    act(pixel, how, before);
  };
  frame.classList.add("els-pick");
  frame.tabIndex = 0;
  frame.addEventListener("pointerdown", (event) => {
    const pixel = under(event);
    if (!event.isPrimary || event.button !== 0 || !pixel) return;
    frame.setPointerCapture(event.pointerId);
    held = pixel;
    waits = event.pointerType === "touch" && getComputedStyle(frame).touchAction !== "none";
    if (!waits) reach(pixel, "press");
  });
  frame.addEventListener("pointermove", (event) => {
    if (!event.isPrimary || !held || waits) return;
    const pixel = under(event);
    if (!pixel) left = true;
    else if (left || `${pixel}` !== `${held}`) reach(pixel, "drag", left ? pixel : held);
  });
  frame.addEventListener("pointerup", (event) => {
    if (!event.isPrimary) return;
    if (waits && held) reach(held, "press");
    held = null;
  });
  frame.addEventListener("pointercancel", (event) => event.isPrimary && (held = null));
  frame.addEventListener("focus", () => {
    begins = !frame.querySelector("rect") && frame.matches(":focus-visible");
    if (begins) made.outline([[...made.cursor, 1, 1]]);
  });
  frame.addEventListener("blur", () => begins && made.outline([]));
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], " ": [0, 0] };
  frame.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    begins = false;
    made.cursor = [within(made.cursor[0] + step[0], height), within(made.cursor[1] + step[1], width)];
    act(made.cursor, event.key === " " ? "press" : "move");
  });
  return made;
}

/** A labelled slider over 0..last; `say` turns its position into the words beside it. */
function slider(name, last, say, moved) {
  const input = element("input", { type: "range", min: 0, max: last, step: 1, "aria-label": name });
  const words = element("output", { class: "els-words", "aria-live": "off" }); // the slider says it
  input.addEventListener("input", () => moved(Number(input.value)));
  return {
    line: element("div", { class: "els-slider" }, element("label", {}, element("span", {}, name), input), words),
    set(position) {
      input.value = position;
      words.textContent = say(position);
      input.setAttribute("aria-valuetext", say(position));
    },
  };
}

/** A weight as a bar and as words. */
function bar() {
  const filled = element("div", { class: "els-filled" });
  return {
    track: element("div", { class: "els-track", "aria-hidden": "true" }, filled),
    set(weight) {
      filled.style.width = `${100 * weight}%`;
    },
  };
}

function percent(weight) {
  const share = 100 * weight;
  if (share >= 0.1) return `${share.toFixed(1)}\u00a0%`;
  return share < 0.0001 ? "under 0.0001\u00a0%" : `${Number(share.toPrecision(1))}\u00a0%`;
}

/** An entropy in words: the number of equal voters that would have it. */
function spread(entropy) {
  const count = Math.exp(entropy);
  if (count < 1.05) return "One voter decides alone.";
  const many = count < 10 ? count.toFixed(1) : Math.round(count).toLocaleString("en");
  return `The weights are spread as over ${many} equal voters.`;
}

/** "a; b; and all others 3.0 %", or nothing about others that are not there. */
function others(sum) {
  return sum > 0.99995 ? "" : `; all others together ${percent(1 - sum)}`;
}

/** The frame of an explorer. A notebook must not take its keys for commands (arrows change the cell, d d deletes it). */
function explorer(el, name, ...children) {
  const root = element("div", {
    class: "els",
    role: "group",
    "aria-label": name,
    "data-lm-suppress-shortcuts": "true",
  });
  root.addEventListener("keydown", (event) => {
    const forNotebook =
      event.ctrlKey || event.metaKey || event.altKey || ["Enter", "Escape", "Tab"].includes(event.key);
    if (!forNotebook) event.stopPropagation();
  });
  root.append(...children);
  el.replaceChildren(root);
  return root;
}

/** Redraws now and whenever one of the traits changes; returns what undoes it. */
function follow(model, traits, redraw) {
  for (const trait of traits) model.on(`change:${trait}`, redraw);
  redraw();
  return () => {
    for (const trait of traits) model.off(`change:${trait}`, redraw);
  };
}

function store(model, values) {
  for (const [trait, value] of Object.entries(values)) model.set(trait, value);
  model.save_changes();
}
