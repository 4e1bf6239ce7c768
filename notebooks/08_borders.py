# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 08 · Borders break the symmetry
#
# **You will** find the border in noise, split the dictionary of the local machine by what each window sees of the
# border, and draw from the same noise with and without borders.
#
# **You will learn** how zeros at the border tell a machine where it is, what machine and network draw without them, and
# when the border matters.
#
# **You need** lesson 07 (the equivariant local machine, ELS) and lesson 06 (equivariance).
#
# **Time** 66 minutes. If time is short: sections 1, 3, 4 and 6. (Run all cells first: a section needs the cells above
# it.)

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown] tags=["slide"]
# ## 1. One small difference (5 minutes)
#
# Two networks were trained on the same 2,000 images, with the same plan. They differ in what their convolutions find
# beyond the border of the image: one finds the opposite side (`circular`); the other, like most convolutional networks
# in use, finds 0 (`zeros`).
#
# **Predict.** Let both draw from the same noise. What difference can a rim of zeros make? And if you average 100
# drawings of each, what will the two mean pictures look like?

# %%
lab = els.lab("laptop", verbose=False)  # the laptop's in every lab
names = {padding: f"fashion-mnist-16-resnet-{padding}" for padding in ("circular", "zeros")}
stored = {padding: els.load_results(name) for padding, name in names.items()}
drawn = {padding: results["network-150"] for padding, results in stored.items()}  # 100 seeds, 150 steps
noise = stored["zeros"]["noise"]

# %% tags=["slide", "hide-input"]
assert torch.equal(noise, stored["circular"]["noise"])
torch.testing.assert_close(noise[:5], els.seeded_noise(range(5), lab.shape))

# draw two of them again: the stored ones are what they claim to be
assert els.compare(els.sample(lab.network, noise[:2], steps=150), drawn["zeros"][:2]).r2.min() > 0.99

fig = plotting.image_rows({f"network, {padding}": images[:10] for padding, images in drawn.items()})
show(fig, alt="Ten seeds. The circular network draws patches of cloth that run over the border and lie anywhere; two "
     "are nearly empty. "
     "The zero-padded network draws in the middle, on a black frame; most of it looks like garments.")  # fmt: skip

# %%
mean = {f"network, {padding}": images.mean(0) for padding, images in drawn.items()}
mean["training images"] = lab.data.images.mean(0)
contrast = {name: float(m.std()) for name, m in mean.items()}

# %% tags=["slide", "hide-input"]
fig = plotting.image_rows({"mean": torch.stack([*mean.values()])}, notes=[name.replace(", ", ",\n") for name in mean])
show(fig, alt="Three mean pictures: of 100 samples of the circular network, one even dark grey; of the "
     "zero-padded network, a bright blur in the middle of a black frame, nearly the same as the mean of "
     "the training images.")  # fmt: skip
print(", ".join(f"{name}: {value:.3f}" for name, value in contrast.items()), "(standard deviation over pixels)")
assert contrast["network, circular"] < 0.1 and contrast["network, zeros"] > 0.3
assert els.compare(mean["network, zeros"][None], mean["training images"][None]).r2 > 0.95

# %% [markdown] tags=["slide"]
# The circular network's drawings average to a single grey. The zero-padded network draws in the **middle**, within a
# black frame. It was never told where the middle is, and its convolutions are the same at every place. **So how can it
# know?**
#
# ## 2. What can be seen of the border (6 minutes)
#
# A noised image is $x_t = \alpha x_0 + \sigma \epsilon$: the image $x_0$ dimmed by $\alpha$, plus noise $\epsilon$ of
# strength $\sigma$. Black is $-1$ and white $+1$, so 0 is an ordinary mid-grey.
#
# **Predict.** We add noise to the half million pixels of our 2,000 training images. How many are then within 0.05 of 0?
# And how many are exactly 0?

# %%
t, x_0 = 0.5, lab.data.images
x_t = els.add_noise(x_0, torch.randn(x_0.shape, generator=torch.Generator().manual_seed(0)), t)
exact, near = int((x_t == 0).sum()), int((x_t.abs() < 0.05).sum())

# %% tags=["slide", "hide-input"]
print(f"{exact} of {x_t.numel():,} pixels are exactly 0; {near:,} are within 0.05 of it")
assert exact == 0 and near > 10_000

# %% [markdown] tags=["slide"]
# None is exactly 0. A Gaussian number is often *near* 0, but *exactly* 0 with probability zero. So an exact 0 must be
# padding. Now move a 5 x 5 window over a zero-padded noised image and count the exact zeros in it.
#
# **Predict.** Draw the map of the counts before you look. Which pixels have the same count? Can you tell the top from
# the bottom by the count? And by the window itself?

# %%
P, r = 5, 2
(C, H, W), F = lab.shape, torch.nn.functional


def windows(images, patch_size, mode="constant"):
    """images (N, C, H, W) -> (N, H, W, C, P, P): the window around every pixel, zeros (or the other side) beyond."""
    r = patch_size // 2
    padded = F.pad(images, (r, r, r, r), mode=mode)
    return padded.unfold(2, patch_size, 1).unfold(3, patch_size, 1).permute(0, 2, 3, 1, 4, 5)


one = x_t[:1]
zeros_seen = (windows(one, P) == 0).sum((-3, -2, -1))[0]

# %% tags=["slide", "hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.6), layout="constrained")
plotting.show_image(axes[0], one[0] / 2)
axes[0].set_title("the noised image, t = 0.5")
picture = axes[1].imshow(zeros_seen, cmap="cividis", vmin=0, vmax=16)
for y, x in torch.cartesian_prod(torch.arange(4), torch.arange(4)).tolist():
    ink = "black" if zeros_seen[y, x] > 8 else "white"
    axes[1].text(x, y, int(zeros_seen[y, x]), ha="center", va="center", fontsize=8, color=ink)
axes[1].set(title="zeros in the window", xlabel="column", ylabel="row")
fig.colorbar(picture, ax=axes[1])
show(fig, alt="Left a noised garment that can hardly be recognised. Right the count of exact zeros in the window of "
     "each pixel: it draws the frame of the image perfectly, two pixels deep and alike on all four sides: 16 in each "
     "corner, 10 along the border, 5 in the next row, 0 inside.")  # fmt: skip
assert zeros_seen[r:-r, r:-r].max() == 0 and zeros_seen[0, :4].tolist() == [16, 13, 10, 10]
assert (windows(one, P, "circular") != 0).all()  # the opposite side beyond the border: no zero anywhere

# %% [markdown] tags=["slide"]
# You can barely see the garment (left), but the frame perfectly (right). The counts at the top and at the bottom are
# the same, but the **pattern** of the zeros is not: it says on which side the border is, and how far away.


# %% [markdown]
# ### Exercise 1: Read the border off a window (6 minutes, ★☆☆)
#
# Given one P x P window of a zero-padded noised image, say how many of its rows lie above the image and how many below,
# how many of its columns to the left and how many to the right. The centre of the window is in the image.


# %%
def window_overhang(window):
    """window (P, P) -> four whole numbers: rows above, rows below, columns left, columns right of the image."""
    ...


check.window_overhang(window_overhang)

# %% [markdown]
# Stuck? `check.hint("window_overhang")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def window_overhang(window):
#     r = window.shape[0] // 2
#     rows = (window == 0).all(dim=1)  # a whole row of zeros
#     columns = (window == 0).all(dim=0)
#     return int(rows[:r].sum()), int(rows[r + 1 :].sum()), int(columns[:r].sum()), int(columns[r + 1 :].sum())
# ```
#
# These four numbers are all that the padding can tell a window about its place. If all four are 0, it says only that no
# border is near.
# </details>

# %% [markdown] tags=["slide"]
# A network has only smooth filters, no exact comparison. And it pads in each of its eight convolutions: at its input
# the zeros stand among noised pixels, in the seven later layers among features. Does it need the zeros at its input?
# Keep the trained weights, but **put the opposite side of the picture there instead**. (For comparison we do the same
# in each of the other layers, and in all but the first and the last at once.)


# %%
def median_r2(first, second):
    return float(els.compare(first, second).r2.quantile(0.5))


network = els.load_network(names["zeros"])
layers = [m for m in network.module.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3)]
thirty, own = els.seeded_noise(range(30), lab.shape), stored["zeros"]["network-20"][:30]
experiments = [[layer] for layer in layers] + [layers[1:-1]]  # without zeros: one layer alone; all but first and last
kept = []  # r2 with the network's own drawings
for without in experiments:
    for layer in layers:
        layer.padding_mode = "circular" if layer in without else "zeros"
    kept.append(median_r2(els.sample(network, thirty, steps=20), own))
for mode in ("reflect", "replicate", "zeros"):  # beyond the border of the last layer; then all as before
    for layer in layers:
        layer.padding_mode = mode if layer is layers[-1] else "zeros"
    kept.append(median_r2(els.sample(network, thirty, steps=20), own))

# %% tags=["slide", "hide-input"]
assert layers[0].in_channels == 1 and len(layers) == 8
print("median r2 with its own drawings, without zeros in one layer, 1 to 8:", *(f"{value:.2f}" for value in kept[:8]))
print(f"zeros at the input and in the last layer alone: {kept[8]:.2f}")
print(f"in the last layer the mirrored rows and columns: {kept[9]:.2f}, the outermost ones repeated: {kept[10]:.2f}")
said = (0.93, 0.73, 0.70, 0.94, 0.93, 0.83, 0.95, 0.06, 0.22, 0.61, 0.73, 1)
assert all(abs(value - s) < 0.006 for value, s in zip(kept, said, strict=True))

# %% [markdown] tags=["slide"]
# **Hardly.** Without them it draws nearly the same (median r2 0.93); with *only* them and the last layer's it does not
# (0.22). So it reads the border among its **features**, about which our argument says nothing, because no noise is
# added to features. (Some other layers can spare their zeros as well. For the last it depends on what stands there
# instead: with the opposite side r2 is 0.06, with the outermost row or column repeated 0.73.)
#
# The theory does not ask which layer sees the zeros. It lets every pixel see the border perfectly: **the answer at a
# pixel depends on its window and on which places of the window lie outside, and on nothing else.** Section 6 measures
# how well this predicts the network.

# %% [markdown] tags=["slide"]
# ## 3. One dictionary becomes many (6 minutes)
#
# At each pixel $x$ the machine of lesson 07 asks about the window $\Omega_x$: *which patch, of any training image at
# any place, could I be looking at?* With padding, patches have zeros too. Take a patch whose zeros do not stand where
# those of my window stand. Either my window has a noised pixel where the patch has padding, but no noise is added to
# padding. Or my window has an exact 0 where the patch has a pixel of the image, but noise never makes one. So I cannot
# be looking at this patch. **Its weight is 0**, and not just small.
#
# So a pixel's dictionary holds only patches with **the same padding pattern** as its own window. The places that share
# a pattern form a **boundary class**.

# %% [markdown] tags=["slide"]
# **Predict.** Windows of 5 x 5 on 16 x 16 pixels: how many different padding patterns are there? Which class has the
# most places, which the fewest?


# %%
def padding_pattern(row, column, patch_size):
    """Which of the P x P places of the window at (row, column) lie in the image: a tuple of True and False."""
    inside = windows(torch.ones(1, 1, H, W), patch_size)[0, row, column, 0] == 1
    return tuple(inside.flatten().tolist())


def boundary_classes(patch_size):
    """pattern -> list of the places (row, column) that have it, in reading order."""
    classes = {}
    for row in range(H):
        for column in range(W):
            classes.setdefault(padding_pattern(row, column, patch_size), []).append((row, column))
    return classes


classes = boundary_classes(P)
place_counts = sorted(map(len, classes.values()), reverse=True)
print(f"{len(classes)} classes with {place_counts} places")

# %% tags=["slide", "hide-input"]
interior, edges, corners = (H - 2 * r) * (W - 2 * r), 4 * r, 4 * r**2
assert place_counts == [interior] + [H - 2 * r] * edges + [1] * corners and sum(place_counts) == H * W
assert 1 + edges + corners == P**2
fig, axes = plt.subplots(P, P, figsize=(4, 4.5), layout="constrained")
for axis, (pattern, places) in zip(axes.flat, classes.items(), strict=True):
    axis.imshow(torch.tensor(pattern).view(P, P), cmap="Greys_r", vmin=-0.6, vmax=1.2)
    axis.plot(r, r, "o", color=plotting.ORANGE, ms=5)
    axis.spines[:].set_visible(True)
    axis.set(xticks=[], yticks=[], xlabel=f"{len(places)}")
fig.suptitle("dark: outside the image; below: places with this pattern", fontsize=9)
show(fig, alt="The 25 padding patterns as a 5 by 5 table, dark where the window leaves the image, with the number "
     "of places below each: 144 in the middle cell, without padding; 12 in the eight other cells of the middle row and "
     "column, cut by one border; 1 in the sixteen others, cut by two.")  # fmt: skip

# %% [markdown]
# The dot marks the pixel that asks. From the first row of the figure to the last, the window hangs over by two pixels
# above, by one, not at all, by one below, by two; columns likewise. Places are counted per training image.
#
# With $r = (P-1)/2$, the reach of a window, and $H = W$:
#
# | class | how many | places in each | what its pixels know |
# |---|---|---|---|
# | interior | $1$ | $(H - 2r)^2$ | only that no border is near |
# | edge | $4r$ | $H - 2r$ | the distance to one border; along it, only that no corner is near |
# | corner | $4r^2$ | $1$ | **exactly where they are** |
#
# Together $1 + 4r + 4r^2 = (2r + 1)^2 = P^2$ dictionaries, as long as an interior is left ($P \le H$). With larger
# windows every pixel has its own dictionary, so there are $H W$.
#
# ### Exercise 2: Who may vote for a pixel? (9 minutes, ★★☆)
#
# For the pixel (`row`, `column`) of images of `height` x `width` (any size, not only ours), mark all places whose
# patches are in its dictionary.


# %%
def may_vote(row, column, height, width, patch_size):
    """-> bool tensor (height, width): True at the places with the same padding pattern as (row, column)."""
    ...


check.may_vote(may_vote)

# %% [markdown]
# Stuck? `check.hint("may_vote")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def may_vote(row, column, height, width, patch_size):
#     r = patch_size // 2
#
#     def alike(mine, side):
#         places = torch.arange(side)
#         interior = (places >= r) & (places < side - r)
#         return (places == mine) | (interior & interior[mine])
#
#     return alike(row, height)[:, None] & alike(column, width)[None]
# ```
#
# Rows and columns are judged separately, and both must agree. Near the border a row matches only itself.
# </details>

# %% [markdown] tags=["slide"]
# ## 4. The boundary-broken machine (5 minutes)
#
# The rest is lesson 07 once more. For pixel $x$, let $\mathcal{P}_x$ be its dictionary: the patches of all training
# images at the places of its class. Both $x_t$ and the images are padded with zeros:
#
# $$ D(x_t)(x) = \sum_{p \in \mathcal{P}_x} w_p\, p(0), \qquad
#    w_p \propto \exp\Big( -\frac{\|x_t[\Omega_x] - \alpha\, p\|^2}{2\sigma^2} \Big), $$
#
# with $p(0)$ the centre pixel of patch $p$, and weights $w_p$ that sum to one. This is **boundary-broken ELS**; from
# here on, *ELS with zeros*. (Inside a class, padding meets padding, which adds nothing to the distance.) In code it is
# one loop over the classes.


# %%
def naive_els_zeros(x_t, images, t, patch_size, schedule):
    """x_t (B, 1, H, W), images (N, 1, H, W) -> the boundary-broken machine's answer, class by class."""
    alpha, sigma, r = schedule.alpha(t), schedule.sigma(t), patch_size // 2
    seen, training, out = windows(x_t, patch_size), windows(images, patch_size), torch.empty_like(x_t)
    for places in boundary_classes(patch_size).values():
        rows, columns = torch.tensor(places).T
        queries = seen[:, rows, columns]  # (B, m, 1, P, P)
        patches = training[:, rows, columns].flatten(0, 1)  # (N * m, 1, P, P)
        squared = torch.cdist(queries.flatten(2), alpha * patches.flatten(1)).square()
        weights = torch.softmax(-squared / (2 * sigma**2), dim=-1)  # (B, m, N * m)
        out[:, 0, rows, columns] = weights @ patches[:, 0, r, r]
    return out


few, noisy = x_0[:40].double(), x_t[100:103].double()
naive = naive_els_zeros(noisy, few, t, P, lab.schedule)
machine = els.EquivariantLocalScoreMachine(few, lab.schedule, patch_size=P, padding="zeros")
torch.testing.assert_close(naive, machine(noisy, t), rtol=0, atol=1e-5)

# %% [markdown] tags=["slide"]
# Is this machine still equivariant?
#
# We let the machine have, at each $t$, the window with which it is most like the network: its **calibrated size**
# $P(t)$, which lesson 09 measures.
#
# **Predict.** Shift the input by one row, and shift the answer back (nearly the test of lesson 03). In which rows will
# the machine's answer have changed: only near the border, or in the middle as well? And the answer of the network with
# zeros?


# %%
def changed(denoiser, x, t):
    """Root mean square change in each row of the answer, if the input is shifted by one row and the answer back."""
    return (denoiser(x.roll(-1, -2), t).roll(1, -2) - denoiser(x, t)).square().mean((0, 1, 3)).sqrt()


eps, with_zeros = els.seeded_noise(range(64), lab.shape), lab.machine("els-zeros")
three = {"machine": with_zeros, "network": lab.network, "best linear denoiser": lab.machine("wiener")}
changes = {}
for s in (0.5, 0.9):
    x = els.add_noise(lab.data.images[:64], eps, s)
    changes |= {(name, s): changed(denoiser, x, s) for name, denoiser in three.items()}

# %% tags=["slide", "hide-input"]
part, (fig, axes) = {}, plt.subplots(1, 2, figsize=(8.2, 3.4), layout="constrained", sharex=True)
for axis, s in zip(axes, (0.5, 0.9), strict=True):
    size = with_zeros.size_at(s)
    silent = slice(size // 2 + 1, H - size // 2)  # rows whose windows see no border, before and after
    for name, style in zip(three, ("o-", "s--", ":"), strict=True):
        change = changes[name, s]
        axis.plot(change, range(H), style, label=name, ms=4)
        part[name, s] = float(change[silent].square().sum() / change.square().sum())
    axis.axhspan(-0.5, silent.start - 0.5, color="0.92", label="window reaches the border")
    axis.axhspan(silent.stop - 0.5, H - 0.5, color="0.92")
    axis.set(title=f"t = {s}, P = {size}", ylim=(H - 0.5, -0.5), ylabel="row", xlabel="change in the answer (rms)")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
show(fig, alt="Change in the answer by row when the input is shifted by one row, at t = 0.5 and at t = 0.9. Machine "
     "and network change in the grey rows near the upper and the lower border (the machine not in row 0); in the "
     "middle the machine does not, the network hardly does, the best linear denoiser does by about 0.1. Near the "
     f"border the network's change reaches {max(changes['network', s].max() for s in (0.5, 0.9)):.2f}.")  # fmt: skip

# %% tags=["hide-input"]
print("share of the squared change in the white rows:", {key: f"{share:.1%}" for key, share in part.items()})
said = [0, 0.019, 0.140, 0, 0.015, 0.087]
assert (torch.tensor([*part.values()]) - torch.tensor(said)).abs().max() < 0.0006

# %% [markdown] tags=["slide"]
# Only in the middle is it equivariant: there its windows see no border, before or after, and it does not notice the
# shift. In the grey rows they do. (Row 0 of its answer does not change: the shift makes it the last row, and both are
# black.)
#
# The network could see the border from everywhere. Yet its answer, too, changes almost only near it: at $t = 0.5$ only
# 1.9 % of its squared change lies in the white rows. The best linear denoiser (lesson 01), which looks at the whole
# picture, has 14.0 % of its own there. (At $t = 0.9$ the network has 1.5 %, the linear denoiser 8.7 %.)

# %% [markdown] tags=["slide"]
# ## 5. Who knows where they are? (8 minutes)
#
# LS, the **local score machine** of lesson 04, compares a window only with patches from the same place. In a corner ELS
# with zeros does the same.
#
# **Predict.** At how many of the 16 x 16 pixels do the two machines give the same answer, for $P = 5$? And for $P =
# 17$?

# %% [markdown]
# ### Exercise 3: Which pixels know exactly where they are? (4 minutes, ★★☆)
#
# Mark all pixels whose dictionary holds patches from one place only, their own. Do it without `may_vote` and without a
# loop over pixels.


# %%
def alone_in_the_dictionary(height, width, patch_size):
    """-> bool tensor (height, width): True where the boundary class is this one pixel."""
    ...


check.alone_in_the_dictionary(alone_in_the_dictionary)

# %% [markdown]
# Stuck? `check.hint("alone_in_the_dictionary")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def alone_in_the_dictionary(height, width, patch_size):
#     r = patch_size // 2
#
#     def alone(side):
#         places = torch.arange(side)
#         return (places < r) | (places >= side - r) | torch.tensor(side - 2 * r == 1)
#
#     return alone(height)[:, None] & alone(width)[None]
# ```
#
# If only one interior row is left, its pixels know their row, too. That is why $P \ge H$ is enough for ELS with zeros
# to be LS.
# </details>

# %%
# images of random pixels, so that nothing agrees by accident: in garments the outermost ring is black for every machine
random = torch.rand(40, C, H, W, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
same = {}
for size in (5, 9, 13, H + 1):
    ls = els.LocalScoreMachine(random, lab.schedule, patch_size=size)(noisy, t)
    broken = els.EquivariantLocalScoreMachine(random, lab.schedule, patch_size=size, padding="zeros")(noisy, t)
    same[size] = (ls - broken).abs().amax((0, 1)) < 1e-9

# %% tags=["slide", "hide-input"]
fig, axes = plt.subplots(1, 4, figsize=(9.6, 2.8), layout="constrained")
for axis, (size, agree) in zip(axes, same.items(), strict=True):
    axis.imshow(agree, cmap="Oranges", vmin=0, vmax=1.5)
    axis.spines[:].set_visible(True)
    axis.set(title=f"P = {size}: the same at {agree.double().mean():.0%}", xticks=[], yticks=[])
    alone = {places[0] for places in boundary_classes(size).values() if len(places) == 1}
    assert alone == {(y, x) for y, x in agree.nonzero().tolist()}
    assert len(alone) == min(4 * (size // 2) ** 2, H * W)
show(fig, alt="Four maps, orange where LS and ELS with zeros agree: for P = 5 squares of 2 by 2 pixels in the "
     "four corners, growing with P, until at P = 17 the whole image is orange.")  # fmt: skip

# %% [markdown] tags=["slide"]
# They agree on exactly the corner squares of side $r$, $4 r^2$ pixels, and for $P = 17$ everywhere: **with a large
# window, the machine that must not know where it is knows it everywhere.**
#
# **Predict.** The calibrated sizes begin with $P = 15$ in pure noise and end with $P = 3$. What share of the pixels
# know exactly where they are, at first and in the end?

# %%
steps = lab.patch_sizes("els-zeros")
times, reach = [t for t, _ in steps], torch.tensor([p // 2 for _, p in steps])
corner, middle = (2 * reach / H) ** 2, (1 - 2 * reach / H) ** 2  # 4 r^2 and (H - 2 r)^2 of the H^2 pixels

# %% tags=["slide", "hide-input"]
fig, axis = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
axis.stackplot(times, corner, 1 - corner - middle, middle, step="mid",
               colors=[plotting.ORANGE, "#e8c8a8", plotting.BLUE])  # fmt: skip
for place, text in (
    ((0.88, 0.18), "corner: know\nexactly"),
    ((0.72, 0.62), "edge: know\nrow or column"),
    ((0.2, 0.75), "interior"),
):
    axis.text(*place, text, ha="center", va="center", color=plotting.INK if "edge" in text else "white")
axis.set(xlabel="time t", ylabel="share of the pixels", xlim=(1, 0.05), ylim=(0, 1))
show(fig, alt="Share of corner, edge and interior pixels against time, noise on the left. At t = 1 three quarters "
     "are corner pixels and hardly any interior; at the end three quarters are interior and hardly any "
     "corner.")  # fmt: skip

for k in (0, 1, 2, -1):
    print(f"t = {times[k]:.2f}: P = {steps[k][1]}, {corner[k]:.0%} corner, {middle[k]:.1%} interior")
shares = torch.stack([corner[[0, 1, 2, -1]], middle[[0, 1, 2, -1]]])
said = torch.tensor([[0.77, 0.56, 0.39, 0.02], [0.016, 0.06, 0.14, 0.77]])
assert (shares - said).abs().max() < 0.005 and H - 2 * reach[0] == 2

# %% [markdown] tags=["slide"]
# At $t = 1$, 77 % of the pixels know exactly where they are; in the end only 2 % do. By then most know only that they
# are not on the rim, so details are taken from nearly anywhere.
#
# At $t = 1$ there is nothing but noise, and all patches of a dictionary weigh nearly the same.
#
# **Predict.** What do the first answers look like: of IS (the ideal machine, lesson 02), of ELS with zeros and of ELS
# with circular padding (both with $P = 15$)?

# %%
first = {
    "IS": lab.machine("is"),
    "ELS, zeros": lab.patch_machine("els-zeros", 15),
    "ELS, circular": lab.patch_machine("els-circular", 15),
}
guess = {name: machine(noise[:1], 1.0) for name, machine in first.items()}
agreement = els.compare(guess["ELS, zeros"], guess["IS"]).r2.item()

# %% tags=["slide", "hide-input"]
fig = plotting.image_rows({"first answer": torch.cat([*guess.values()])}, notes=[*guess])
show(fig, alt="Three answers to pure noise: IS shows the mean garment, ELS with zeros nearly the same, a bright blur "
     "in a black frame; circular ELS one even grey.")  # fmt: skip
print(f"r2 of ELS with zeros and IS: {agreement:.3f}; contrast of circular ELS: {guess['ELS, circular'].std():.3f}")
assert abs(agreement - 0.999) < 0.0006 and guess["ELS, circular"].std() < 0.1

# %% [markdown] tags=["slide"]
# With borders the first guess is one mean *per boundary class*. Together these means show a middle and a frame, nearly
# the mean training picture (r2 0.999 with the answer of IS). On the torus everything is one grey, so where an object
# begins is up to the noise.
#
# ## 6. The same noise, with and without borders (9 minutes)
#
# First let ELS remember only three painted pictures, as in lesson 07, and look through windows of 9 x 9: once with
# zeros beyond the border, once on the torus. (Each picture has a colour; a pixel gets those of its voters.)
#
# **Predict.** The house and the tree stand on a ground, a line in the last row but one. (We call it a ground if at
# least nine of a row's 16 pixels are white.) From the same noise, where will the two machines draw a ground?

# %%
painted, coloured, ends = els.load("painted").images, {}, {}
hundred = els.seeded_noise(range(100), painted.shape[1:])
for padding in ("zeros", "circular"):
    machine = els.EquivariantLocalScoreMachine(painted, patch_size=9, padding=padding)
    way = list(els.trajectory(machine, hundred, steps=20))  # (t, x_t, guess) at each step; the last x_t is the sample
    (t_last, x_last, _), (_, ends[padding], _) = way[-2:]
    votes = machine.posterior(x_last[:8], t_last, top=100)
    coloured[f"ELS, {padding}"] = plotting.coloured_by_voters(ends[padding][:8], votes)

# %% tags=["slide", "hide-input"]
in_memory = plotting.coloured_by_voters(painted, els.IdealScoreMachine(painted).posterior(painted, 0.01))
show(
    plotting.image_rows({"in memory": in_memory} | coloured),
    alt="In the first row a face, a house and a tree, each in a colour of its own. With zeros ELS draws heads, crowns "
    "and walls of parts of two or three colours, each on a line in the last row but one. On the torus it "
    "draws pieces of lines anywhere.",
)
found = {}
for padding, x in ends.items():
    astray = (x[:, None] - painted).abs().amin(1) > 0.2  # the pixel is as none of the three has it there
    ground = (x[:, 0] > 0).sum(-1) >= 9  # (100, rows)
    found[padding] = astray.sum().item() / len(x), int(ground[:, -2].sum()), int(ground.any(1).sum())
    print("{}: {:.1f} pixels per drawing are as none of the three has them there; of 100 drawings {} have a ground in "
          "the last row but one, {} in some row".format(padding, *found[padding]))  # fmt: skip
for padding, (pixels, *counts) in {"zeros": (8.15, 93, 93), "circular": (32.1, 5, 67)}.items():
    assert abs(found[padding][0] - pixels) < 0.2
    assert all(abs(a - b) <= 1 for a, b in zip(found[padding][1:], counts, strict=True))

# %% [markdown] tags=["slide"]
# With zeros 93 of 100 drawings have a ground in the last row but one. On the torus 67 have one, but at any height, 5 in
# that row. **The border says how high a pixel is**, so the ground lies where it belongs, although the parts of a
# drawing are from different pictures. Parts away from the border are free to move: 8 pixels of a drawing are as none of
# the three has them there (on the torus 32).
#
# Now the garments. The two networks of section 1 began with the same noise. So do their two formulas, ELS with zeros
# and circular ELS, each with the window sizes of its own network.
#
# **Predict.** Four rows of drawings from the same ten noises: two networks, two formulas. Which rows will be alike?
# Does the formula with zeros say anything about the circular network?

# %%
formulas = {padding: stored[padding][f"els-{padding}"] for padding in names}  # 100 seeds, 20 steps
for padding, name in names.items():  # draw two of them again
    machine = els.lab("laptop", network=name, verbose=False).machine(f"els-{padding}")
    assert els.compare(els.sample(machine, noise[:2], steps=20), formulas[padding][:2]).r2.min() > 0.99

# %% tags=["slide", "hide-input"]
rows = {}
for padding in ("zeros", "circular"):
    rows |= {f"network, {padding}": drawn[padding][:10], f"ELS, {padding}": formulas[padding][:10]}
fig = plotting.image_rows(rows)
fig.set_facecolor("0.85")  # so that black pictures can be seen
show(fig, alt="Ten seeds. Network and ELS with zeros draw nearly the same centred things on black. Network and ELS "
     "with circular padding draw much the same pieces of cloth, which run over the borders; two are nearly "
     "empty.")  # fmt: skip

# %%
bent = els.load_results("15_bent")  # the bent filter (lesson 04) with ELS's windows, 8 bits per pixel
foretold = {f"ELS, {padding}": formulas[padding] for padding in ("zeros", "circular")}
foretold |= {f"bent filter, {p}": bent[f"equivariant, {names[p]}"] / 127.5 - 1 for p in ("zeros", "circular")}
mean_picture = lab.data.images.mean(0)
foretold["mean training picture"] = mean_picture.repeat(100, 1, 1, 1)
table = {name: [median_r2(x, drawn[p]) for p in ("zeros", "circular")] for name, x in foretold.items()}

# %% tags=["hide-input"]
for name, values in table.items():
    print(f"{name}: network with zeros {values[0]:.2f}, circular {values[1]:.2f}")
across = int((els.compare(formulas["zeros"], drawn["circular"]).r2 > 0.5).sum())
print(f"ELS with zeros and the circular network: r2 above 0.5 for {across} of 100")
assert across == 17
said = [[0.91, 0.12], [0.12, 0.83], [0.86, 0.11], [0.11, 0.71], [0.54, 0.09]]
assert (torch.tensor([*table.values()]) - torch.tensor(said)).abs().max() < 0.006


# %% tags=["hide-input"]
def best_shift(images, others):
    """r2 of each pair, at the best of all 256 shifts."""
    every = torch.cartesian_prod(torch.arange(H), torch.arange(W)).tolist()
    return torch.stack([els.compare(images.roll(d, (-2, -1)), others).r2 for d in every]).amax(0)


here, there = drawn["circular"], drawn["zeros"]
moved = float(best_shift(here, there).quantile(0.5))
chance = float(torch.cat([best_shift(here.roll(k, 0), there) for k in range(1, 6)]).quantile(0.5))
print(f"r2 of one network's drawings moved onto the other's: {moved:.2f}, onto those of other seeds: {chance:.2f}")
assert abs(moved - 0.38) < 0.006 and abs(chance - 0.32) < 0.006

# %% [markdown] tags=["slide"]
# Each formula predicts the network **with its own border**, and hardly the other one. Median r2 on 100 seeds (the
# networks take 150 steps, all others 20):
#
# | prediction | network, zeros | network, circular |
# |---|---|---|
# | ELS, zeros | **0.91** | 0.12 |
# | ELS, circular | 0.12 | **0.83** |
# | bent filter, zeros | 0.86 | 0.11 |
# | bent filter, circular | 0.11 | 0.71 |
# | mean training picture | 0.54 | 0.09 |
#
# The bent filter (lesson 04) has the same windows and boundary classes, but no votes. It, too, predicts only the
# network with its own border. The mean training picture never looks at the noise: its r2 comes from *place* alone.
# (Medians hide some seeds, as the third above: for 17 of 100, ELS with zeros and the *circular* network have r2 above
# 0.5.)
#
# Nor do the two networks usually draw the same things in different places: at the best of all 256 shifts their drawings
# have r2 0.38, but those of different seeds also have 0.32.

# %% [markdown] tags=["slide"]
# ## 7. When does the border matter? (8 minutes)
#
# Now let ELS switch on the way: *borders first* has borders only in the first 8 of 20 steps, *borders last* only in the
# other 12. The machines are those of lesson 00's network **with class**, which was trained on 10,000 garments and told
# the class of each. The drawings of 30 seeds are stored.
#
# **Predict.** Which of the two draws more like the machine that always has borders? After how many steps must they
# switch for a tie? Then switch something else: the *network* is told the right class first and a wrong one last, or the
# reverse. Does the tie come earlier, later, or at the same step?


# %%
def above(switch, early, late):
    """A denoiser that is `early` while t > switch, and `late` from there on."""
    return lambda x_t, t, labels=None: (early if t > switch + 1e-9 else late)(x_t, t, labels=labels)


garments = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional", verbose=False)
results, reference = els.load_results("08_borders"), els.load_results(garments.network.name)
labels, sizes = garments.labels_for(range(30)), garments.patch_sizes("els-zeros")
# eight of the 20 steps are at t > 0.6
half = above(0.6, *(garments.patch_machine(f"els-{padding}", sizes) for padding in ("zeros", "circular")))
again = els.sample(half, thirty[2:3], steps=20, labels=labels[2:3])
assert els.compare(again, results["zeros-first"][2:3]).r2.min() > 0.99
always = reference["els-zeros"][:30]

# %% tags=["slide", "hide-input"]
assert len(garments.data.images) == 10_000 and results["seeds"].tolist() == [*range(30)]
rows = {"borders always": always, "borders first": results["zeros-first"], "borders last": results["circular-first"]}
fig = plotting.image_rows(
    {name: x[:10] for name, x in rows.items()}, notes=[name.split("/")[0] for name in garments.data.class_names]
)
fig.set_facecolor("0.85")
show(fig, alt="Ten seeds, borders always, only first, only last. With borders first the garments are the same as "
     "always, with some cloth on the rim; with borders last most are dim pieces cut off by a black frame; one is a "
     "nearly whole pullover, one all black.")  # fmt: skip


# %%
def wrong(x_t, t, labels):
    return garments.network(x_t, t, labels=(labels + 1) % 10)


switches = [round(float(t), 2) for t in results["switches"]]
# (switches, seeds)
stored_r2 = {"borders first": results["r2-zeros-first"], "borders last": results["r2-circular-first"]}
curves = {name: values.double().quantile(0.5, dim=1).tolist() for name, values in stored_r2.items()}
for name, order in {"first": (garments.network, wrong), "last": (wrong, garments.network)}.items():
    switched = [els.sample(above(s, *order), thirty, steps=20, labels=labels) for s in switches[:4]]
    curves[f"right class {name}"] = [median_r2(x, reference["network-20"][:30]) for x in switched]

# %% tags=["hide-input"]
after = [sum(t > switch + 1e-9 for t in times) for switch in switches]  # steps before the switch
never = median_r2(results["circular"], always)
never_class = median_r2(els.sample(wrong, thirty, steps=20, labels=labels), reference["network-20"][:30])
by_class = [garments.data.images[garments.data.labels == k].mean(0) for k in labels]
class_mean, for_network = (median_r2(torch.stack(by_class), x) for x in (always, reference["network-20"][:30]))
for k in range(4):
    print(f"switched after {after[k]} steps: " + ", ".join(f"{name} {c[k]:.2f}" for name, c in curves.items()))
print(f"never: borders {never:.2f}, right class {never_class:.2f}")
print(f"r2 of the mean picture of the class: with borders always {class_mean:.2f}, with the network {for_network:.2f}")
said = [[0.43, 0.66, 0.85, 0.92], [0.94, 0.78, 0.63, 0.50], [0.55, 0.63, 0.71, 0.83], [0.86, 0.74, 0.68, 0.60]]
assert after == [2, 4, 6, 8, 10, 12, 14]
floors = torch.tensor([never, never_class, class_mean, for_network])
assert (floors - torch.tensor([0.12, 0.40, 0.69, 0.80])).abs().max() < 0.006
assert (torch.tensor([c[:4] for c in curves.values()]) - torch.tensor(said)).abs().max() < 0.006

# %% tags=["slide", "hide-input"]
fig, axis = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for (name, curve), style in zip(curves.items(), ("o-", "s--", "^-", "v--"), strict=True):
    color = plotting.BLUE if "border" in name else plotting.ORANGE
    axis.plot(after[: len(curve)], curve, style, color=color, label=name)
for value, color, of in ((class_mean, plotting.BLUE, "borders"), (for_network, plotting.ORANGE, "network")):
    axis.axhline(value, color=color, ls="-.", lw=1, label=f"mean of the class ({of})")
for value, color, name in ((never, plotting.BLUE, "borders"), (never_class, plotting.ORANGE, "right class")):
    axis.axhline(value, color=color, ls=":", lw=1, label=f"never {name}")
axis.set(xlabel="steps before the switch, of 20", ylabel="r2 with the drawing never switched", ylim=(0, 1.02))
fig.legend(loc="outside upper center", ncols=3)
show(fig, alt="Median r2 with the drawings that are never switched, against the step of the switch. Borders "
     "first rises from 0.43 to 0.99, borders last falls from 0.94 to 0.17; they cross between 4 and 6 steps. The two "
     "curves of the class, up to 8 steps, are less steep, and cross there, too. The mean of the class is a line at "
     "0.69 for the border, 0.80 for the class; never borders one at 0.12, never the right class at 0.40.")  # fmt: skip

# %% [markdown] tags=["slide"]
# If we switch ELS after 8 steps, **borders first** has a median r2 of 0.92 with borders always, borders last has 0.50.
# (The mean picture of the class, which looks at no noise, has 0.69 with the same drawings of ELS.) The two curves cross
# between 4 and 6 of 20 steps.
#
# **But the curves of the class cross there, too.** After 8 steps they are at 0.83 and 0.60. (Here everything is
# compared with the network's own drawings, with which the mean picture of the class has 0.80.) So early steps count for
# more than late ones, and this is not special to the border.
#
# What must the first steps know about the border? Let section 1's two networks draw, but replace the first 8 of their
# 20 answers: by those of the other network, by plain grey, or by the mean training picture.

# %%
# section 1's networks; own (section 2): what the one with zeros draws alone, in 20 steps
pair = [els.load_network(names[padding]) for padding in ("zeros", "circular")]
grey = torch.full_like(mean_picture, mean_picture.mean())


def always_answers(picture):
    return lambda x_t, t, labels=None: picture.expand_as(x_t)  # whatever the noise


tried = {
    "zeros, then circular": pair,
    "circular, then zeros": pair[::-1],
    "grey, then zeros": (always_answers(grey), pair[0]),
    "grey, then circular": (always_answers(grey), pair[1]),
    "mean training picture, then circular": (always_answers(mean_picture), pair[1]),
    "mean training picture, then zeros": (always_answers(mean_picture), pair[0]),
}
each = {name: els.compare(els.sample(above(0.6, *order), thirty, steps=20), own).r2 for name, order in tried.items()}

# %% tags=["hide-input"]
found = {name: float(values.quantile(0.5)) for name, values in each.items()}
better = int((each["grey, then zeros"] > each["circular, then zeros"]).sum())
print(f"grey better than the circular network's steps for {better} of 30")
assert better == 25
found["mean training picture itself"] = median_r2(mean_picture.repeat(30, 1, 1, 1), own)
print("\n".join(f"{value:.2f} {name}" for name, value in found.items()))
less = found["mean training picture, then zeros"] - found["mean training picture, then circular"]
print(f"{less:.2f} less without a border after the mean training picture")
assert abs(less - 0.05) < 0.006
said = (0.95, 0.45, 0.63, 0.09, 0.81, 0.87, 0.59)
assert (torch.tensor([*found.values()]) - torch.tensor(said)).abs().max() < 0.006

# %% [markdown] tags=["slide"]
# *Borders last* also suffers because things already stand in wrong places when the borders come. Let section 1's
# circular network make the first 8 of 20 steps, and the network with zeros the rest: r2 with what the network with
# zeros draws alone is 0.45. If the first 8 answers are plain grey instead, r2 is **0.63**, and higher for 25 of the 30
# seeds.
#
# So the first steps must know of a bright middle and a black frame, it seems. Let the first 8 answers be the mean
# training picture, *whatever the noise*. Then r2 with the drawings of the network with zeros is **0.87** if that
# network goes on, and **0.81** if the circular one does. So **what is missing to 1 comes mostly from ignoring the noise
# in these steps**; having no border after them costs little more, about 0.05 (before rounding).
#
# (The mean picture itself has r2 0.59 with these 30 drawings. If the circular network goes on after 8 steps of the
# network with zeros, r2 is 0.95.)

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * A zero-padded window shows which of its places lie outside the image, because after noising no pixel is exactly 0.
#   Our network hardly needs the zeros at its input: it has zeros in every layer.
# * A pixel's dictionary holds the patches with the same padding pattern as its window: $P^2$ dictionaries (for $P > H$,
#   one for each pixel).
# * In the corners the machine is LS, and for $P \ge H$ everywhere. At $t = 1$ most pixels know where they are; later
#   few do.
# * Borders anchor the picture: with them things stand in the middle, without them anywhere. Each formula predicts the
#   network with its own border, and the other one only now and then.
# * Early steps count for more than late ones, for the border as for the class.

# %% [markdown] tags=["slide"]
# ## What is still unexplained
#
# (From here on *ELS* is the machine with the network's own padding. With its calibrated windows it is the formula of
# lesson 00.)
#
# We took the sizes $P(t)$ as given: 15 pixels in noise, 3 at the end. The theory leaves them free. **Can we measure
# them on a network?** Lesson 09. (Or can we do without them? Lesson 14.)
#
# ## References
#
# * M. Kamb, S. Ganguli. An analytic theory of creativity in convolutional diffusion models. ICML 2025.
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292). The boundary-broken machine and its dictionaries.
# * O. S. Kayhan, J. C. van Gemert. On translation invariance in CNNs: convolutional layers can exploit absolute spatial
#   location. CVPR 2020. [arXiv:2003.07064](https://arxiv.org/abs/2003.07064). Borders as a source of position.
# * M. A. Islam, M. Kowal, S. Jia, K. G. Derpanis, N. D. B. Bruce. Position, padding and predictions: a deeper look at
#   position information in CNNs. 2021. [arXiv:2101.12322](https://arxiv.org/abs/2101.12322). Networks read their place
#   off the padding.
# * H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST. 2017. [arXiv:1708.07747](https://arxiv.org/abs/1708.07747).
