function render({ model, el }) {
  const shape = model.get("shape");
  const sizes = model.get("sizes");
  const samples = bytes(model.get("samples"));
  const count = samples.length / (sizes.length * shape[0] * shape[1] * shape[2]);
  const pictures = Array.from({ length: count }, () => picture(shape));
  const row = element("div", { class: "els-row" }, ...pictures.map((p) => p.figure));
  const control = slider(
    "patch size P",
    sizes.length - 1,
    (i) => `${sizes[i]} × ${sizes[i]} pixels`,
    (index) => store(model, { index }),
  );
  explorer(el, "Samples by patch size", control.line, row);
  return follow(model, ["index"], () => {
    const index = model.get("index");
    control.set(index);
    pictures.forEach((p, i) => {
      p.draw(samples, index * count + i, `Sample ${i} drawn with patch size ${sizes[index]}`);
      p.text.textContent = `${i}`;
    });
  });
}

export default { render };
