// The playground: pictures that the visitor paints, a machine that knows nothing else, and what it draws from noise.
// The machine is machine.js; what this draws with is elscourse/widgets/shared.js; both are put in front of this text
// when the site is built, and with them pictures and the windows of a trained network (_ext/scripts.py).

const SIDE = 16;
const AREA = SIDE * SIDE;
const SHAPE = [3, SIDE, SIDE];
const STEPS = 20;
const SEEDS = 8;
const MOST = 10; // training pictures: with more, drawing is too slow to watch, and colours are too much alike
const SIZES = [3, 5, 7, 9, 11, 13, 15, EVERYTHING];
const PLACES = { exactly: "where it is", border: "how far the border is", nothing: "nothing" };
const PRESETS = { // the story in three steps; what comes of each is not told before it is seen
  "It sees everything": { size: EVERYTHING, farther: false, place: "exactly" },
  "It sees only what is near": { size: 7, farther: false, place: "exactly" },
  "It knows its place only by the border; its windows shrink": { size: 3, farther: true, place: "border" },
};
// one for each picture; those of the first seven also in elscourse/plotting.py, VOTERS
const COLOURS = "e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7 ffffff a6761d b3de69"
  .split(" ")
  .map((hex) => [0, 2, 4].map((from) => parseInt(hex.slice(from, from + 2), 16)));

/** Pictures that were stored as bytes in base64. */
function unpacked(text) {
  const all = bytes(text);
  return Array.from({ length: all.length / AREA }, (_, n) =>
    Float64Array.from(all.subarray(n * AREA, (n + 1) * AREA), (byte) => byte / 127.5 - 1),
  );
}

/** What the visitor had painted before this page was loaded anew; null if nothing, or if the browser keeps nothing. */
function kept() {
  try {
    return JSON.parse(sessionStorage.getItem("els-painted")).map((one) => Float64Array.from(one));
  } catch {
    return null;
  }
}

function keep(pictures) {
  try {
    sessionStorage.setItem("els-painted", JSON.stringify(pictures.map((one) => Array.from(one))));
  } catch {} // without it all works, until the page is left
}

/** Bytes, three channels last: grey, or the pictures' colours mixed as their votes, and lighter, to be seen. */
function coloured(x, votes) {
  const shown = new Uint8Array(3 * AREA);
  x.forEach((value, p) => {
    const light = Math.min(1, Math.max(0, (value + 1) / 2)) ** (votes ? 0.5 : 1);
    for (let c = 0; c < 3; c++) {
      const ink = votes ? votes.reduce((sum, share, n) => sum + share[p] * COLOURS[n][c], 0) : 255;
      shown[3 * p + c] = light * ink;
    }
  });
  return shown;
}

/** The votes for a picture's own pixels. */
function ownVotes(n) {
  return COLOURS.map((_, other) => new Float64Array(AREA).fill(other === n ? 1 : 0));
}

/** What to say of a finished drawing: the training picture that it repeats (moved, if the machine forgot its place). */
function verdict(x, pictures, place) {
  const moved = place === "nothing" ? Array.from({ length: SIDE }, (_, d) => d) : [0];
  for (const [n, picture] of pictures.entries())
    for (const down of moved)
      for (const right of moved) {
        const at = (p) => ((rowOf(p) + down) % SIDE) * SIDE + ((columnOf(p) + right) % SIDE);
        if (x.every((value, p) => Math.abs(value - picture[at(p)]) < 0.2))
          return { copy: true, told: `copy of picture ${n + 1}${down || right ? ", moved" : ""}` };
      }
  return { copy: false, told: "new" };
}

const rowOf = (p) => Math.floor(p / SIDE);
const columnOf = (p) => p % SIDE;
const flat = (pixel) => pixel && SIDE * pixel[0] + pixel[1];
const pixelAt = (p) => [rowOf(p), columnOf(p), 1, 1];
const words = (p) => `row ${rowOf(p)}, column ${columnOf(p)}`;

/** The training pictures, one of them large, to be painted; `changed()` when the machine has others to learn from. */
function trainingSet(changed) {
  const thumbs = element("div");
  const past = []; // what Undo brings back, the latest last
  let pictures = kept() ?? unpacked(PAINTED);
  let picked = 0;
  let ink = 1;
  let tinted = false;
  const editor = touchable(SHAPE, "els-large", (reached, how, before) => {
    const [edited, pixel] = [pictures[picked], flat(reached)];
    if (how === "press") {
      remember();
      ink = edited[pixel] > 0 ? -1 : 1;
    }
    if (how !== "move") for (const p of how === "drag" ? stroke(before, reached).map(flat) : [pixel]) edited[p] = ink;
    show();
    editor.outline([pixelAt(pixel)]);
    editor.text.textContent = `${words(pixel)}: ${edited[pixel] > 0 ? "light" : "dark"}`;
    if (how !== "move") learn();
  });
  editor.text.setAttribute("aria-live", "polite");
  const remember = () => past.push([pictures.map((one) => one.slice()), picked]);
  const learn = () => {
    keep(pictures);
    changed();
  };
  const put = (others, at) => {
    [pictures, picked] = [others, at];
    show();
    learn();
  };
  const replace = (others, at) => {
    remember();
    put(others, at);
  };
  const empty = () => new Float64Array(AREA).fill(-1);
  const undo = button("Undo", () => put(...past.pop()));
  const add = button("Add an empty one", () => replace([...pictures, empty()], pictures.length));
  const clear = button("Clear this one", () => {
    replace(pictures.map((one, n) => (n === picked ? empty() : one)), picked);
  });
  const remove = button("Remove this one", () => {
    const rest = pictures.filter((_, n) => n !== picked);
    replace(rest, Math.min(picked, rest.length - 1));
  });
  const shapes = button("Begin with face, house, tree", () => replace(unpacked(PAINTED), 0));
  const garments = button("Begin with ten clothes", () => replace(unpacked(CLOTHES), 0));

  const seen = (n) => coloured(pictures[n], tinted && ownVotes(n));

  function show() {
    const options = pictures.map((_, n) => [n, thumbnail(SHAPE, seen(n), 0), `training picture ${n + 1}`]);
    const hadFocus = thumbs.contains(document.activeElement);
    const chooser = choice("Training pictures", options, (n) => {
      picked = n;
      show();
    });
    chooser.check(picked);
    thumbs.replaceChildren(chooser.line);
    if (hadFocus) thumbs.querySelectorAll("input")[picked].focus();
    editor.draw(seen(picked), 0, `Training picture ${picked + 1}; paint by hand, or with arrow keys and space`);
    editor.text.textContent = `picture ${picked + 1}: paint in it`;
    editor.outline([]);
    undo.setAttribute("aria-disabled", !past.length);
    add.setAttribute("aria-disabled", pictures.length >= MOST);
    remove.setAttribute("aria-disabled", pictures.length <= 1);
  }

  show();
  const buttons = element("div", { class: "els-buttons" }, undo, add, clear, remove, shapes, garments);
  const row = element("div", { class: "els-row" }, editor.figure, buttons);
  return {
    parts: [thumbs, row],
    row,
    buttons,
    pictures: () => pictures,
    seen,
    tint(on) {
      tinted = on;
      show();
    },
  };
}

/** What the machine may: `now` has size, farther and place; `change` sets them, as the visitor does. */
function rules(changed) {
  const now = { size: EVERYTHING, farther: false, place: "exactly" };
  const looks = slider(
    "It looks",
    SIZES.length - 1,
    (i) => (SIZES[i] === EVERYTHING ? "everywhere" : `${SIZES[i]} × ${SIZES[i]} pixels`),
    (i) => change({ size: SIZES[i] }),
  );
  const farther = tick("and farther while there is much noise, as a trained network does", (on) => {
    change({ farther: on });
  });
  const options = Object.entries(PLACES);
  const knows = choice("It knows of its place", options, (place) => change({ place }));

  const pressed = (preset) => {
    change(preset);
    document.querySelector("#playground .els-drawing").scrollIntoView({ block: "nearest" });
  };
  const presets = Object.entries(PRESETS).map(([label, preset]) => [button(label, () => pressed(preset)), preset]);

  function show() {
    for (const [made, preset] of presets) {
      made.setAttribute("aria-pressed", Object.keys(preset).every((key) => preset[key] === now[key]));
    }
    looks.set(SIZES.indexOf(now.size));
    farther.input.checked = now.farther;
    farther.input.disabled = now.size === EVERYTHING;
    knows.check(now.place);
  }

  function change(some) {
    Object.assign(now, some);
    show();
    changed();
  }

  show();
  const steps = element("div", { class: "els-line els-presets" }, ...presets.map(([made]) => made));
  return { parts: [steps, looks.line, farther.line, knows.line], now, change };
}

/** Where a pixel is from: the drawing and the training picture, side by side, each with the window that was compared.
 * `asked(pixel)` of another pixel of that drawing: a finger hits those of the small one badly. */
function answer(asked) {
  const drawing = touchable(SHAPE, "els-large", (pixel) => asked(flat(pixel)));
  const source = picture(SHAPE, { kind: "els-large" });
  const line = element("div", { class: "els-row", hidden: true }, drawing.figure, source.figure);
  const outline = (p, { patch, place }) => [
    ...windowAround(rowOf(p), columnOf(p), Math.min(patch, 2 * SIDE - 1), SHAPE, place === "nothing"),
    pixelAt(p),
  ];
  return {
    line,
    show(one, shown, pixel, seen) {
      const [from, place] = [one.voter.picture[pixel], one.voter.place[pixel]];
      drawing.draw(shown, 0, `The drawing, ${words(pixel)}; arrow keys ask where a pixel is from`);
      drawing.cursor = [rowOf(pixel), columnOf(pixel)];
      drawing.text.textContent = words(pixel);
      drawing.outline(outline(pixel, one));
      source.draw(seen(from), 0, `Training picture ${from + 1}, ${words(place)}`);
      source.text.textContent = `picture ${from + 1}, ${words(place)}`;
      source.outline(outline(place, one));
      line.hidden = false;
      return `picture ${from + 1}, ${words(place)}${pixel === place ? " (the same place)" : ""}`;
    },
  };
}

function playground(root) {
  let drawings = []; // of each its x, the votes and voters of the last step, what the machine was, and what to say
  let finished = false;
  let asked = null; // the drawing and its pixel that the visitor last asked about
  let seed = 1;
  let tinted = false;
  let run = 0; // a drawing that is under way stops when it is no longer the latest
  let waiting = 0;

  const training = trainingSet(redrawSoon);
  const may = rules(redrawSoon);
  const wall = Array.from({ length: SEEDS }, (_, i) => touchable(SHAPE, "", (pixel) => ask(i, flat(pixel))));
  const found = answer((pixel) => asked && ask(asked[0], pixel));
  const said = element("p", { class: "els-said" });
  const again = button("Other noise", () => {
    seed += SEEDS;
    redrawSoon();
  });
  const first = button("First noise", () => {
    seed = 1;
    redrawSoon();
  });
  const tint = tick("Colour the pixels by the pictures that they are from", (on) => {
    tinted = on;
    training.tint(on);
    show();
    if (asked) ask(...asked);
  });
  let question = null; // whose button was pressed, further down on the page
  const back = button("Back to the question", () => {
    question.scrollIntoView({ block: "center" });
    question.focus({ preventScroll: true });
  });
  back.hidden = true;
  const title = (label) => element("h2", { class: "els-title" }, label);
  const ruling = element("div", { class: "els-ruling" }, title("What it may"), ...may.parts);
  const drawing = element(
    "div",
    { class: "els-drawing" },
    title("What it draws"),
    element("div", { class: "els-row els-wall" }, ...wall.map((one) => one.figure)),
    said,
    found.line,
    element("div", { class: "els-line" }, again, first, back, tint.line),
  );
  const parts = [title("All that it has seen"), ...training.parts, ruling, drawing];
  const whole = explorer(root, "Playground: your own training pictures", ...parts);

  /** On a phone whoever paints, or says what the machine may, sees what it changes: the drawings follow the canvas at once,
   * then come the rules, and last what to do with a picture. */
  function arrange() {
    const focused = document.activeElement; // what is moved loses it
    if (narrow.matches) whole.append(drawing, ruling, training.buttons);
    else {
      training.row.append(training.buttons);
      whole.append(ruling, drawing);
    }
    if (whole.contains(focused)) focused.focus({ preventScroll: true });
  }
  const narrow = matchMedia("(max-width: 40rem)");
  narrow.addEventListener("change", arrange);
  arrange();

  function say(live, text) {
    said.setAttribute("aria-live", live);
    said.textContent = text;
  }

  const seen = (one) => coloured(one.x, tinted && one.votes);

  function show() {
    drawings.forEach((one, i) => {
      wall[i].draw(seen(one), 0, `Drawing ${i + 1}: ${one.told}; arrow keys ask where a pixel is from`);
      wall[i].text.textContent = one.told;
      wall[i].outline([]);
    });
    found.line.hidden = true;
  }

  function ask(i, pixel) {
    if (!finished) return;
    asked = [i, pixel];
    const one = drawings[i];
    wall.forEach((other, k) => other.outline(k === i ? [pixelAt(pixel)] : []));
    wall[i].cursor = [rowOf(pixel), columnOf(pixel)];
    const source = found.show(one, seen(one), pixel, training.seen);
    said.textContent = `Drawing ${i + 1}, ${words(pixel)}: the heaviest voter of the last step was ${source}.`;
  }

  async function redraw() {
    const mine = ++run;
    const [pictures, { size, farther, place }] = [training.pictures(), may.now];
    drawings = Array.from({ length: SEEDS }, (_, i) => ({ x: noise(seed + i, AREA), told: "\u00a0", place }));
    for (let step = 0; step < STEPS; step++) {
      say("off", `It draws: step ${step + 1} of ${STEPS}.`); // a screen reader need not count along
      const [t, next] = [1 - step / STEPS, 1 - (step + 1) / STEPS];
      const patch = Math.max(size, farther ? WINDOWS[step] : 0);
      for (const one of drawings) {
        await new Promise((resolve) => setTimeout(resolve)); // the visitor may paint meanwhile
        if (mine !== run) return;
        const { mean, votes, voter } = denoise(one.x, t, pictures, SIDE, patch, place);
        Object.assign(one, { x: stepped(one.x, mean, t, next), votes, voter, patch });
      }
      show();
    }
    for (const one of drawings) Object.assign(one, verdict(one.x, pictures, place));
    finished = true;
    show();
    const copies = drawings.filter(({ copy }) => copy).length;
    const counted = `${copies || "None"} of ${SEEDS} ${copies > 1 ? "are copies" : "is a copy"}`;
    say("polite", `${counted}. Click a pixel to see where it is from.`);
  }

  function redrawSoon() {
    run++;
    finished = false;
    asked = null;
    say("off", "It draws.");
    show();
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 200);
  }

  for (const chosen of document.querySelectorAll("[data-els-try]"))
    chosen.addEventListener("click", () => {
      question = chosen;
      back.hidden = false;
      may.change({ size: EVERYTHING, farther: false, ...JSON.parse(chosen.dataset.elsTry) });
      drawing.scrollIntoView({ block: "center" });
    });
  redraw();
}

playground(document.getElementById("playground"));
