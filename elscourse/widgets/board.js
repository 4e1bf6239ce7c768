function render({ model, el }) {
  const shape = model.get("shape");
  const [, height, width] = shape;
  const area = height * width;
  const names = model.get("names");
  const starts = bytes(model.get("starts"));
  const past = []; // what Undo brings back, the latest last
  let ink = 1;

  const flat = ([row, column]) => row * width + column;
  const pixelAt = (p) => [Math.floor(p / width), p % width];
  /** Which pixels differ from the majority of the nine around them, on the torus. */
  const outvoted = (board) =>
    board.map((colour, pixel) => {
      const [row, column] = pixelAt(pixel);
      let sum = 0;
      for (const dy of [-1, 0, 1])
        for (const dx of [-1, 0, 1])
          sum += board[((row + dy + height) % height) * width + ((column + dx + width) % width)];
      return Math.sign(sum) !== colour;
    });
  const put = (board) => {
    past.push(model.get("board"));
    store(model, { board });
  };

  const options = names.map((name, i) => [i, thumbnail(shape, starts, i), name]);
  const chooser = choice("Begin with", options, (i) => {
    put(Array.from(starts.subarray(i * area, (i + 1) * area), (byte) => (byte ? 1 : -1)));
  });
  const large = touchable(shape, "els-large els-paint", (reached, how, before) => {
    const board = [...model.get("board")];
    if (how === "press") {
      past.push(model.get("board"));
      ink = -board[flat(reached)]; // a stroke paints as its first pixel
    }
    if (how !== "move") for (const p of how === "drag" ? stroke(before, reached) : [reached]) board[flat(p)] = ink;
    store(model, { board });
    show(); // a move changes no pixel, but what is said of it
  });
  const vote = button("All vote once", () => {
    const board = model.get("board");
    const wrong = outvoted(board);
    put(board.map((colour, pixel) => (wrong[pixel] ? -colour : colour)));
  });
  const clear = button("All black", () => put(Array(area).fill(-1)));
  const undo = button("Undo", () => store(model, { board: past.pop() }));
  const said = element("p", { class: "els-said", "aria-live": "polite" });
  const help = element(
    "p",
    { class: "els-help" },
    "Click or drag to paint, or move with the arrow keys and press space. What leaves on one side comes back on the other.",
  );
  explorer(
    el,
    "A board that votes",
    names.length > 1 ? chooser.line : "",
    element(
      "div",
      { class: "els-row" },
      large.figure,
      element("div", { class: "els-buttons" }, vote, undo, clear),
    ),
    said,
    help,
  );

  function show() {
    const board = model.get("board");
    const wrong = outvoted(board);
    const [row, column] = large.cursor;
    const pixel = flat(large.cursor);
    const many = wrong.filter(Boolean).length;
    const same = names.findIndex((_, i) => board.every((colour, p) => colour > 0 === starts[i * area + p] > 0));
    large.draw(
      Uint8Array.from(board, (colour) => (colour > 0 ? 255 : 0)),
      0,
      `Board, row ${row} column ${column} ${board[pixel] > 0 ? "white" : "black"}${wrong[pixel] ? ", outvoted" : ""}. ` +
        "Arrow keys move, space paints.",
    );
    large.text.textContent = `${height} × ${width} pixels`;
    large.outline([[row, column, 1, 1]]);
    large.cross(wrong.flatMap((is, p) => (is ? [pixelAt(p)] : [])));
    chooser.check(same);
    undo.setAttribute("aria-disabled", !past.length);
    vote.setAttribute("aria-disabled", !many);
    said.textContent = many
      ? `${many} ${many > 1 ? "pixels are" : "pixel is"} outvoted (crossed): not consistent.`
      : "Every pixel has the colour of the majority of its window: locally consistent.";
  }
  return follow(model, ["board"], show);
}

export default { render };
