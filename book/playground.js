// The playground: pictures that the visitor paints, a machine that knows nothing else, and what it draws from noise.
// The machine is machine.js; what this draws with is elscourse/widgets/shared.js; both are put in front of this text
// when the site is built, and with them the clothes and the windows of a trained network (_ext/scripts.py).

const SIDE = 16;
const AREA = SIDE * SIDE;
const SHAPE = [3, SIDE, SIDE];
const STEPS = 20;
const SEEDS = 8;
const MOST = 10; // training pictures: with more, drawing is too slow to watch, and colours are too much alike
const SIZES = [3, 5, 7, 9, 11, 13, 15, EVERYTHING];
const PLACES = { exactly: "where it is", border: "how far the border is", nothing: "nothing" };
const COLOURS = "e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7 ffffff a6761d b3de69".split(" "); // one a picture

const PAINTED = [
  `................
   .....######.....
   ...##......##...
   ..#..........#..
   ..#..........#..
   .#...#....#...#.
   .#...#....#...#.
   .#............#.
   .#.....#......#.
   .#.....##.....#.
   .#............#.
   ..#..#....#..#..
   ..#...####...#..
   ...##......##...
   .....######.....
   ................`,
  `................
   .......##.......
   ......#..#......
   .....#....#.....
   ....#......#....
   ...#........#...
   ..############..
   ..#..........#..
   ..#.###..###.#..
   ..#.#.#..#.#.#..
   ..#.###..#.#.#..
   ..#......#.#.#..
   ..#......#.#.#..
   ..#......#.#.#..
   ..############..
   ................`,
  `................
   ......####......
   ....##....##....
   ...#........#...
   ..#..........#..
   ..#....##....#..
   ..#..........#..
   ...#..##..##.#..
   ....##....###...
   ......#..#......
   ......#..#......
   ......#..#......
   ......#..#......
   .....#....#.....
   ################
   ................`,
];

/** Pictures from marks: # is white, all else black. */
function painted() {
  return PAINTED.map((text) => Float64Array.from(text.replace(/\s/g, ""), (mark) => (mark === "#" ? 1 : -1)));
}

function clothes() {
  const stored = bytes(CLOTHES);
  return Array.from({ length: stored.length / AREA }, (_, n) =>
    Float64Array.from(stored.subarray(n * AREA, (n + 1) * AREA), (byte) => byte / 127.5 - 1),
  );
}

/** Bytes, three channels last: grey, or each pixel in the colour of the picture that it is from, lighter to be seen. */
function coloured(x, from) {
  const shown = new Uint8Array(3 * AREA);
  x.forEach((value, p) => {
    const light = Math.min(1, Math.max(0, (value + 1) / 2)) ** (from ? 0.5 : 1);
    const ink = from ? COLOURS[from[p]] : "ffffff";
    for (let c = 0; c < 3; c++) shown[3 * p + c] = light * parseInt(ink.slice(2 * c, 2 * c + 2), 16);
  });
  return shown;
}

/** [picture, down, right] of the training picture that x repeats, moved only if the machine does not know its place. */
function copied(x, pictures, place) {
  const moved = place === "nothing" ? Array.from({ length: SIDE }, (_, d) => d) : [0];
  for (const [n, picture] of pictures.entries())
    for (const down of moved)
      for (const right of moved) {
        const at = (p) => ((Math.floor(p / SIDE) + down) % SIDE) * SIDE + ((p + right) % SIDE);
        if (x.every((value, p) => Math.abs(value - picture[at(p)]) < 0.2)) return [n, down, right];
      }
  return null;
}

/** What to say of a finished drawing: what it copies, or how many pictures gave its pixels, the black ones aside. */
function verdict({ x, voter }, pictures, place) {
  const copy = copied(x, pictures, place);
  if (copy) return `copy of picture ${copy[0] + 1}${copy[1] || copy[2] ? ", moved" : ""}`;
  const count = new Set(voter.picture.filter((_, p) => x[p] > -0.9)).size;
  return `new, from ${count === 1 ? "one picture" : `${count} pictures`}`;
}

const rowOf = (p) => Math.floor(p / SIDE);
const columnOf = (p) => p % SIDE;
const pixelAt = (p) => [rowOf(p), columnOf(p), 1, 1];

/** A picture whose pixels can be pressed, dragged over, or reached with arrow keys and space: `act(pixel, how)`. */
function touchable(kind, act) {
  const made = picture(SHAPE, { role: "application", kind });
  const { frame } = made;
  const within = (value) => Math.min(SIDE - 1, Math.max(0, Math.floor(value)));
  let [row, column] = [SIDE / 2, SIDE / 2];
  const point = (event, how) => {
    const box = frame.getBoundingClientRect();
    row = within(((event.clientY - box.top) / box.height) * SIDE);
    column = within(((event.clientX - box.left) / box.width) * SIDE);
    act(row * SIDE + column, how);
  };
  frame.classList.add("els-pick");
  frame.tabIndex = 0;
  frame.addEventListener("pointerdown", (event) => {
    frame.setPointerCapture(event.pointerId);
    point(event, "press");
  });
  frame.addEventListener("pointermove", (event) => event.buttons && point(event, "drag"));
  frame.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], " ": [0, 0] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    [row, column] = [within(row + step[0]), within(column + step[1])];
    act(row * SIDE + column, event.key === " " ? "press" : "move");
  });
  return made;
}

function button(words, pressed) {
  const made = element("button", { type: "button", class: "els-button" }, words);
  made.addEventListener("click", pressed);
  return made;
}

/** A box to tick. */
function tick(words, changed) {
  const input = element("input", { type: "checkbox" });
  input.addEventListener("change", () => changed(input.checked));
  return { input, line: element("label", { class: "els-tick" }, input, words) };
}

/** One among several pictures or words: options are [value, what is seen, its name if that is no text]. */
function choice(legend, group, options, chosen) {
  const inputs = options.map(([value, , name]) => {
    const input = element("input", { type: "radio", name: group, value, "aria-label": name });
    input.addEventListener("change", () => chosen(value));
    return input;
  });
  const labels = options.map(([, seen, name], i) => element("label", { class: name && "els-choice" }, inputs[i], seen));
  const line = element("fieldset", {}, element("legend", {}, legend), ...labels);
  return { line, set: (value) => inputs.forEach((input) => (input.checked = input.value === String(value))) };
}

/** The training pictures, one of them large, to be painted; `changed()` when the machine has others to learn from. */
function trainingSet(changed) {
  const thumbs = element("div");
  let pictures = painted();
  let picked = 0;
  let ink = 1;
  let tinted = false;
  const editor = touchable("els-large", (pixel, how) => {
    if (how === "press") ink = pictures[picked][pixel] > 0 ? -1 : 1;
    if (how !== "move") pictures[picked][pixel] = ink;
    show([pixelAt(pixel)], `row ${rowOf(pixel)}, column ${columnOf(pixel)}; `);
    if (how !== "move") changed();
  });
  const replace = (others, at) => {
    [pictures, picked] = [others, at];
    show();
    changed();
  };
  const add = button("Add an empty one", () => {
    replace([...pictures, new Float64Array(AREA).fill(-1)], pictures.length);
  });
  const remove = button("Remove this one", () => {
    const others = pictures.filter((_, n) => n !== picked);
    replace(others, Math.min(picked, others.length - 1));
  });
  const drawings = button("Begin with face, house, tree", () => replace(painted(), 0));
  const garments = button("Begin with ten clothes", () => replace(clothes(), 0));

  const seen = (n) => coloured(pictures[n], tinted && new Uint8Array(AREA).fill(n));

  function show(outline = [], where = "") {
    const options = pictures.map((_, n) => {
      const small = picture(SHAPE, { caption: false, kind: "els-small" });
      small.draw(seen(n), 0, "");
      small.frame.setAttribute("role", "presentation");
      return [n, small.figure, `training picture ${n + 1}`];
    });
    const hadFocus = thumbs.contains(document.activeElement);
    const chooser = choice("Training pictures", "els-training", options, (n) => {
      picked = n;
      show();
    });
    chooser.set(picked);
    thumbs.replaceChildren(chooser.line);
    if (hadFocus) thumbs.querySelectorAll("input")[picked].focus();
    editor.draw(seen(picked), 0, `Training picture ${picked + 1}, ${where}paint by hand, or with arrow keys and space`);
    editor.text.textContent = `picture ${picked + 1}: paint in it`;
    editor.outline(outline);
    add.disabled = pictures.length >= MOST;
    remove.disabled = pictures.length <= 1;
  }

  show();
  return {
    parts: [
      thumbs,
      element(
        "div",
        { class: "els-row" },
        editor.figure,
        element("div", { class: "els-buttons" }, add, remove, drawings, garments),
      ),
    ],
    pictures: () => pictures,
    tint(on) {
      tinted = on;
      show();
    },
    /** Shows picture `n` large, with outlines. */
    point(n, outline) {
      picked = n;
      show(outline);
    },
  };
}

/** What the machine may: `now` has size, farther and place, `set` changes them, as the visitor does. */
function rules(changed) {
  const now = {};
  const looks = slider(
    "It looks",
    SIZES.length - 1,
    (i) => (SIZES[i] === EVERYTHING ? "everywhere" : `${SIZES[i]} × ${SIZES[i]} pixels`),
    (i) => set({ size: SIZES[i] }),
  );
  const farther = tick("and farther while there is much noise, as a trained network does", (on) => set({ farther: on }));
  const knows = choice("It knows of its place", "els-place", Object.entries(PLACES), (place) => set({ place }));

  function set(change) {
    Object.assign(now, change);
    looks.set(SIZES.indexOf(now.size));
    farther.input.checked = now.farther;
    farther.input.disabled = now.size === EVERYTHING;
    knows.set(now.place);
    changed();
  }

  return { parts: [looks.line, farther.line, knows.line], now, set };
}

function playground(root) {
  let drawings = []; // of each its x, who voted last, and what to say of it
  let seed = 1;
  let tinted = false;
  let run = 0; // a drawing that is under way stops when it is no longer the latest
  let waiting = 0;

  const set = trainingSet(redrawSoon);
  const may = rules(redrawSoon);
  const wall = Array.from({ length: SEEDS }, (_, i) => touchable("", (pixel) => ask(i, pixel)));
  const said = element("p", { class: "els-said", "aria-live": "polite" });
  const again = button("Other noise", () => {
    seed += SEEDS;
    redrawSoon();
  });
  const tint = tick("Colour each pixel by the picture that it is from", (on) => {
    tinted = on;
    set.tint(on);
    show();
  });
  const title = (words) => element("h2", { class: "els-title" }, words);
  const middle = title("What it may");
  explorer(
    root,
    "Playground: your own training pictures",
    title("All that it has seen"),
    ...set.parts,
    middle,
    ...may.parts,
    title("What it draws"),
    element("div", { class: "els-row els-wall" }, ...wall.map((one) => one.figure)),
    said,
    element("div", { class: "els-line" }, again, tint.line),
  );

  function show() {
    drawings.forEach(({ x, voter, told }, i) => {
      const label = `Drawing ${i + 1}: ${told}; arrow keys ask where a pixel is from`;
      wall[i].draw(coloured(x, tinted && voter?.picture), 0, label);
      wall[i].text.textContent = told;
      wall[i].outline([]);
    });
  }

  /** Where a pixel is from: outlined in the drawing, and in the training picture. */
  function ask(i, pixel) {
    const { voter } = drawings[i];
    if (!voter) return;
    const [from, place] = [voter.picture[pixel], voter.place[pixel]];
    const side = Math.min(patchAt(STEPS - 1), 2 * SIDE - 1);
    const outline = (p) => [
      ...windowAround(rowOf(p), columnOf(p), side, SHAPE, may.now.place === "nothing"),
      pixelAt(p),
    ];
    wall.forEach((one, k) => one.outline(k === i ? outline(pixel) : []));
    set.point(from, outline(place));
    said.textContent =
      `Drawing ${i + 1}, row ${rowOf(pixel)}, column ${columnOf(pixel)}: in the last step its heaviest voter was ` +
      `picture ${from + 1}, row ${rowOf(place)}, column ${columnOf(place)}${pixel === place ? ", the same place" : ""}.`;
  }

  /** How far the machine looks at this step. */
  function patchAt(step) {
    return Math.max(may.now.size, may.now.farther ? WINDOWS[step] : 0);
  }

  async function redraw() {
    const mine = ++run;
    const pictures = set.pictures();
    drawings = Array.from({ length: SEEDS }, (_, i) => ({ x: noise(seed + i, AREA), told: "noise" }));
    said.textContent = "Drawing.";
    for (let step = 0; step < STEPS; step++) {
      const [t, next] = [1 - step / STEPS, 1 - (step + 1) / STEPS];
      for (const one of drawings) {
        await new Promise((resolve) => setTimeout(resolve)); // the visitor may paint meanwhile
        if (mine !== run) return;
        const { mean, voter } = denoise(one.x, t, pictures, SIDE, patchAt(step), may.now.place);
        Object.assign(one, { x: stepped(one.x, mean, t, next), voter, told: `t = ${next.toFixed(2)}` });
      }
      show();
    }
    for (const one of drawings) one.told = verdict(one, pictures, may.now.place);
    show();
    const copies = drawings.filter(({ told }) => told.startsWith("copy")).length;
    said.textContent = `${copies} of ${SEEDS} are copies. Click a pixel to see where it is from.`;
  }

  function redrawSoon() {
    run++;
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 200);
  }

  for (const chosen of document.querySelectorAll("[data-els-try]"))
    chosen.addEventListener("click", () => {
      may.set({ size: EVERYTHING, farther: false, ...JSON.parse(chosen.dataset.elsTry) });
      middle.scrollIntoView();
    });
  may.set({ size: EVERYTHING, farther: false, place: "exactly" });
}

playground(document.getElementById("playground"));
