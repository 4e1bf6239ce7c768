// The course's machines in a browser, exact and without a library. A picture is an array of side * side numbers in
// [-1, 1], row by row; outside of it there are zeros. The same formulas as elscourse/reference.py, which tests compare.

/** How far a pixel can look so that it sees the whole picture. */
const EVERYTHING = Infinity;

/** Exponents that differ by less are equal but for rounding. */
const EQUAL = 1e-6;

/** Image and noise in x_t: alpha = cos, sigma = sin of an angle that grows evenly with t in [0, 1]. */
function angle(t) {
  return (Math.PI / 2) * (t / 1.008);
}

/** [shift, the rows that may be compared with the row that lies so far below them, around the end], for all shifts. */
function moves(side, radius, place) {
  const rows = Array.from({ length: side }, (_, i) => i);
  const inner = (i) => i >= radius && i < side - radius; // its window does not reach the border
  const may = (i, d) => d === 0 || place === "nothing" || (place === "border" && inner(i) && inner((i + d) % side));
  return rows.map((d) => [d, rows.filter((i) => may(i, d))]).filter(([, those]) => those.length);
}

/** The sums over all windows of values on a side x side grid, in place; `around`: opposite sides meet. */
function windowSums(side, radius, around) {
  const all = around && 2 * radius >= side; // on a torus nothing is seen twice
  const line = new Float64Array(side + 1); // the last entry, 0, is what lies outside
  const inside = (i) => (around ? (i + side) % side : i >= 0 && i < side ? i : side);
  const places = Array.from({ length: side }, (_, i) => i);
  const enters = Uint8Array.from(places, (i) => inside(i + radius + 1));
  const leaves = Uint8Array.from(places, (i) => inside(i - radius));
  const first = Array.from({ length: 2 * radius + 1 }, (_, i) => inside(i - radius));
  const slide = (values, from, step) => {
    for (let i = 0, p = from; i < side; i++, p += step) line[i] = values[p];
    let sum = 0;
    for (const i of first) sum += line[i];
    for (let i = 0, p = from; i < side; i++, p += step) {
      values[p] = sum;
      sum += line[enters[i]] - line[leaves[i]];
    }
  };
  return (values) => {
    if (all) return values.fill(values.reduce((a, b) => a + b));
    for (let i = 0; i < side; i++) slide(values, i * side, 1);
    for (let i = 0; i < side; i++) slide(values, i, side);
  };
}

/** A picture four times, two by two: what lies `dy` down and `dx` right of a pixel is there without going around. */
function tiled(picture, side) {
  const wide = 2 * side;
  return Float64Array.from({ length: wide * wide }, (_, p) => {
    return picture[(Math.floor(p / wide) % side) * side + (p % side)];
  });
}

/**
 * E[x_0 | x_t] of a machine that looks `size` x `size` and knows of its place "exactly" where it is (LS; with all in
 * sight the ideal denoiser), how far the "border" is (ELS, zeros), or "nothing" (ELS on a torus):
 *
 *   D(x)[p] = sum_q w_q k[q],  w_q ~ exp(-|window of x at p - alpha window of k at q|^2 / (2 sigma^2)),
 *
 * over all training pictures k and all places q that p may be compared with. Also how the votes of each pixel are
 * shared among the pictures, votes[n][p], and who has most of them, `voter`: of equal ones the first, that at the
 * pixel's own place before all others.
 */
function denoise(x, t, pictures, side, size, place) {
  const [alpha, sigma] = [Math.cos(angle(t)), Math.sin(angle(t))];
  const radius = Math.min((size - 1) / 2, side - 1);
  const area = side * side;
  const zeros = () => new Float64Array(area);
  const best = zeros().fill(-Infinity); // the largest exponent so far: exp must not overflow
  const [total, mean, far] = [zeros(), zeros(), zeros()];
  const votes = pictures.map(zeros);
  const voter = { picture: new Uint16Array(area), place: new Uint16Array(area) };
  const sum = windowSums(side, radius, place === "nothing");
  const tiles = pictures.map((picture) => tiled(picture, side));
  const ways = moves(side, radius, place);

  function vote(p, exponent, n, value, q) {
    if (exponent < best[p] - 40) return; // less than 1e-17 of the heaviest
    if (exponent > best[p] + EQUAL) {
      const shrink = Math.exp(best[p] - exponent);
      for (const sums of [total, mean, ...votes]) sums[p] *= shrink;
      best[p] = exponent;
      voter.picture[p] = n;
      voter.place[p] = q;
    }
    const weight = Math.exp(exponent - best[p]);
    total[p] += weight;
    mean[p] += weight * value;
    votes[n][p] += weight;
  }

  for (const [down, rows] of ways)
    for (const [right, columns] of ways)
      tiles.forEach((tile, n) => {
        const from = 2 * side * down + right; // what pixel (0, 0) is compared with
        for (let i = 0, p = 0; i < side; i++)
          for (let j = 0, q = from + 2 * side * i; j < side; j++, p++, q++) {
            const difference = x[p] - alpha * tile[q];
            far[p] = difference * difference;
          }
        sum(far);
        for (const i of rows)
          for (const j of columns) {
            const p = side * i + j;
            const q = ((i + down) % side) * side + ((j + right) % side);
            vote(p, -far[p] / (2 * sigma * sigma), n, pictures[n][q], q);
          }
      });
  for (const sums of [mean, ...votes]) for (let p = 0; p < area; p++) sums[p] /= total[p];
  return { mean, votes, voter };
}

/** One step of the deterministic sampler, from t to `next`: x <- alpha' D + sigma' (x - alpha D) / sigma. */
function stepped(x, mean, t, next) {
  const turn = Math.sin(angle(next)) / Math.sin(angle(t));
  const kept = Math.cos(angle(next)) - turn * Math.cos(angle(t));
  return x.map((value, p) => kept * mean[p] + turn * value);
}

/** Standard normal noise, the same for the same seed: mulberry32, then Box and Muller. */
function noise(seed, count) {
  let state = seed * 0x9e3779b9;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float64Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
