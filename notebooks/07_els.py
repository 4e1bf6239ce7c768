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
# # 07 · Locality and equivariance together draw what a network draws
#
# **You will** derive the equivariant local score machine (ELS), write all four machines as one formula with two
# switches, draw from the same noise with each of them, and trace every pixel of a new image to the training image that
# votes most for it.
#
# **You will learn** what each of the two constraints does alone, what they do together, and which of the four machines
# a network is like.
#
# **You need** lessons 02 (ideal), 04 (local) and 06 (equivariant denoisers).
#
# **Time** 90 minutes

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown]
# ## 1. Two clues, one question (5 minutes)
#
# Lesson 03 found two habits of trained convolutional networks: a pixel depends on its **surroundings**, narrow ones
# once there is little noise, and all **places** are treated alike. Lessons 04 and 06 gave the exact denoiser one each:
#
# * **local** (LS): a pixel judges by a window, and may only use what lies at its own place;
# * **equivariant** (ES): the whole image is judged, and may be used at any shift.
#
# This lesson works on the torus, where a window that leaves an image on the left comes back on the right: there "all
# places alike" is exact. So we also take the network whose convolutions wrap around.

# %%
import math
from itertools import product

from torch.nn import functional as F

circular = els.lab(network="fashion-mnist-16-resnet-circular", device="cpu")
images, schedule, (C, H, W) = circular.data.images, circular.schedule, circular.shape
if lab.profile == "laptop":
    assert torch.equal(images, lab.data.images)

# %% [markdown] tags=["slide"]
# A pixel of LS chooses among $N$ values, one of each training image. ES as a whole chooses among $N H W$ shifted
# images. With both clues *each pixel* chooses among $N H W$ patches: it looks through a window, and may use what it
# finds at any place.
#
# **Predict.** If every pixel chose on its own, how many different *pictures* could come out, in LS and with both clues?
# (A bound will do: the next cell counts equal greys once.)

# %% tags=["slide"]
N = len(images)
print(f"IS: the image chooses among {N:,}   LS: each pixel among {N:,}")
print(f"ES: the image chooses among {N * H * W:,}   both: each pixel among {N * H * W:,}")
values = len(images.unique())
print(f"the centres of these {N * H * W:,} patches have {values:,} different values")
local = sum(math.log10(len(column.unique())) for column in images.flatten(1).T)  # a place has its own values
print(f"images, if every pixel chose on its own: LS 10^{local:.0f}, both 10^{H * W * math.log10(values):.1f}")
assert lab.profile != "laptop" or (values, round(local)) == (3010, 537)

# %% [markdown] tags=["slide"]
# Up to $3010^{256}$, a number of 891 digits. Locality alone has room for more images than could ever be drawn;
# equivariance widens it. Most of them make no sense, since neighbouring windows overlap and must agree. So we need the
# rule by which a pixel chooses.
#
# ## 2. The best denoiser that is local and equivariant (8 minutes)
#
# As always, $x_t = \alpha x_0 + \sigma\epsilon$, and a denoiser $D$ is trained to make this small, over training images
# $x_0$ and noise $\epsilon$:
#
# $$ L(D) = \mathbb{E} \sum_x \big( D(x_t)(x) - x_0(x) \big)^2 . $$
#
# **Locality**: the answer at pixel $x$ is a function of the window $\Omega_x$ of $P \times P$ pixels around it,
# $D(x_t)(x) = g_x(x_t[\Omega_x])$. **Equivariance**: the function is the same everywhere, $g_x = g$. So
#
# $$ L(D) = \sum_x \mathbb{E} \big( g(x_t[\Omega_x]) - x_0(x) \big)^2 . $$

# %% [markdown] tags=["slide"]
# Look at this sum once more. It no longer speaks of images. It is an ordinary regression problem for one small function
# $g$: **given a noisy patch, guess the clean pixel at its centre**. Its examples are all patches of all images.
#
# The best guess, in the sense of squared errors, is the mean of what it could be: the centre $p(0)$ of every patch $p$,
# weighted by how well $p$ explains the noisy window $q = x_t[\Omega_x]$. Each patch is an equally frequent example, and
# noise is Gaussian, so
#
# $$ D(x_t)(x) = \sum_p w_p\, p(0), \qquad w_p = \frac{e^{-\|q - \alpha p\|^2 / 2\sigma^2}}
# {\sum_{p'} e^{-\|q - \alpha p'\|^2 / 2\sigma^2}} . $$
#
# That is all. $p$ runs over **all patches of all training images at all places**. At a single noise level this is old:
# image processing calls it *non-local means* (Buades and others 2005), here with a dictionary of clean pictures, and
# Levin and Nadler (2011) derived it, as we do, as the best guess from a patch. New is the use: run from noise down, it
# is to say what a trained network will draw.

# %% [markdown] tags=["slide"]
# What are these patches? Here are one training image and some of its 256, for $P = 5$. **Predict:** how many of the 256
# wrap around the border?

# %% tags=["slide"]
P, r = 5, 2
picture = images[7:8]
places = [(0, 6), (3, 5), (4, 12), (6, 3), (9, 12), (12, 6), (14, 5), (15, 15)]
some = torch.cat([picture.roll((r - y, r - x), (-2, -1))[..., :P, :P] for y, x in places])

fig, axes = plt.subplots(1, 9, figsize=(10, 2.1), width_ratios=[2.1] + [1] * 8, layout="constrained")
for axis, pixels in zip(axes, [picture, *some], strict=True):
    axis.imshow(pixels.squeeze(), vmin=-1, vmax=1)
    axis.set(xticks=[], yticks=[])
for number, (y, x) in enumerate(places, 1):
    for dy, dx in product((0, H, -H), (0, W, -W)):  # dotted: what left on one side comes back on the other
        plotting.patch_outline(axes[0], y + dy, x + dx, P)
        axes[0].patches[-1].set_linestyle(":" if dy or dx else "-")
    axes[0].text(x, y, number, ha="center", va="center", fontsize=8, bbox={"fc": "white", "ec": "none", "pad": 1})
    axes[number].set_title(number)
show(
    fig,
    alt="A training image with the outlines of eight 5 by 5 windows, numbered at their centres, and beside it the "
    "eight patches: pieces of sleeve and body. 1, 7 and 8 wrap around: dotted, their parts on the other side.",
)

# %%
wrapping = H * W - (H - 2 * r) * (W - 2 * r)
print(f"{wrapping} of {H * W} patches wrap around")
assert wrapping == 112

# %% [markdown]
# 112 of 256 wrap, and join opposite sides of the picture: at this size a border is not a small matter. On the torus we
# accept it; lesson 08 will not. And this is the whole dictionary:


# %%
def all_patches(images, P):
    """images (N, C, H, W) -> every patch of every image, wrapped around the borders: (N H W, C, P, P)."""
    wrapped = F.pad(images, [P // 2] * 4, mode="circular")
    windows = wrapped.unfold(2, P, 1).unfold(3, P, 1)  # (N, C, H, W, P, P), the same memory
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)  # only here are they copied


assert torch.equal(all_patches(picture, P)[[y * W + x for y, x in places]], some)

# %% [markdown]
# ### Exercise 1: One pixel of the machine (10 minutes, ★★☆)
#
# The formula for one pixel: `query` (C, P, P) is its window of $x_t$, `dictionary` (M, C, P, P) the patches. Return the
# clean pixel (C,). It must survive small $\sigma$, where every $e^{-\dots}$ is zero in floating point.


# %%
def els_pixel(query, dictionary, alpha, sigma):
    """query (C, P, P), dictionary (M, C, P, P) -> the posterior mean of the centre pixel, (C,)."""
    ...


check.els_pixel(els_pixel)

# %% [markdown]
# Stuck? `check.hint("els_pixel")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def els_pixel(query, dictionary, alpha, sigma):
#     distance = (query - alpha * dictionary).square().sum((-3, -2, -1))
#     weights = torch.softmax(-distance / (2 * sigma**2), dim=0)
#     r = query.shape[-1] // 2
#     return weights @ dictionary[:, :, r, r]
# ```
#
# `softmax` subtracts the largest logit first. What is compared is the dimmed patch $\alpha p$; what is returned is the
# clean centre $p(0)$.
# </details>

# %% [markdown] tags=["slide"]
# ## 3. All pixels at once (5 minutes)
#
# Every window of $x_t$ is a query, every patch an entry: a table of weights with a row for each pixel and a column for
# each patch. With 20 training images it fits into memory, and the **whole machine** into three lines.
#
# **Predict.** With all 2,000 images, how many megabytes would the table take, at 4 bytes a number? (The package's
# machine does without it: lesson 13.)

# %% tags=["slide"]
few, t, P = images[:20], 0.5, 5
alpha, sigma = schedule.alpha(t), schedule.sigma(t)
x_t = els.add_noise(images[7:8], els.seeded_noise([0], circular.shape), t)

queries, patches = all_patches(x_t, P), all_patches(few, P)
distance = torch.cdist(queries.flatten(1), alpha * patches.flatten(1)).square()
weights = torch.softmax(-distance / (2 * sigma**2), dim=1)  # (256 pixels, 5,120 patches)
naive = (weights @ patches[..., P // 2, P // 2]).T.reshape(x_t.shape)
# Yours: els_pixel(queries[8 * W + 8], patches, alpha, sigma) should be naive[0, :, 8, 8]

machine = els.EquivariantLocalScoreMachine(few, schedule, patch_size=P, padding="circular")
gap = (naive - machine(x_t, t)).abs().max().item()
megabytes = H * W * N * H * W * 4 / 1e6
print(f"largest difference {gap:.0e}; the table of weights for {N:,} images: {megabytes:.0f} MB")
assert gap < 1e-4 and round(megabytes) == 524

# %% [markdown] tags=["slide"]
# ## 4. One formula, two switches (6 minutes)
#
# There is another way to do the same sum, and it shows all four machines at once. Instead of cutting patches, **slide**
# a whole training image $v$ by a displacement $d$ and compare it with $x_t$ at every pixel:
#
# 1. slide: $v(\cdot + d)$;
# 2. square the difference: $(x_t - \alpha v(\cdot + d))^2$;
# 3. blur with a window $K$ (all ones on $P \times P$): the squared distance of two patches, at every pixel;
# 4. exponentiate: a weight at every pixel;
# 5. average the pixels $v(x + d)$ with these weights.
#
# $$ D(x_t)(x) = \frac{\sum_{v,d} v(x+d)\, e^{-[K * (x_t - \alpha v(\cdot+d))^2](x) / 2\sigma^2}}
# {\sum_{v,d} e^{-[K * (x_t - \alpha v(\cdot+d))^2](x) / 2\sigma^2}} $$


# %% [markdown]
# ### Exercise 2: One formula (10 minutes, ★★☆)
#
# Write it as one function. `shifts` lists the displacements $d$ as (rows, columns), on the torus: $v(\cdot + d)$ has
# the pixel $v(x + d)$ at $x$. `blur` is step 3, a function: `blur(f)` holds, at every pixel of `f` (..., H, W), the sum
# of `f` over the window around it. Everything else is yours.


# %%
def one_formula(x_t, images, alpha, sigma, shifts, blur):
    """x_t (1, C, H, W), images (N, C, H, W), shifts: pairs (dy, dx), blur: f (..., H, W) -> K * f; returns D(x_t)."""
    ...


check.one_formula(one_formula)

# %% [markdown]
# Stuck? `check.hint("one_formula")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def one_formula(x_t, images, alpha, sigma, shifts, blur):
#     slid = torch.stack([images.roll((-dy, -dx), (-2, -1)) for dy, dx in shifts])  # (d, N, C, H, W)
#     energy = blur((x_t - alpha * slid).square().sum(2))  # (d, N, H, W)
#     logits = -energy.flatten(0, 1) / (2 * sigma**2)
#     weights = torch.softmax(logits, dim=0)  # over all images and displacements, at every pixel
#     return (weights[:, None] * slid.flatten(0, 1)).sum(0, keepdim=True)
# ```
#
# `els.reference.one_formula` does the same in float64; it is told the displacements by name ("none", "all") and the
# window by its weights (`None`: the whole image).
# </details>

# %% [markdown] tags=["slide"]
# Two switches: **which displacements** (only 0, or all $H W$ of the torus), and **which window** (the whole image, or
# $P \times P$). Do the four combinations give the four machines of the package?


# %%
def blur(f):
    """The sum of f (..., H, W) over the window around every pixel, on the torus: to try your function with."""
    wrapped = F.pad(f.reshape(-1, 1, H, W), [P // 2] * 4, mode="circular")
    return (P**2 * F.avg_pool2d(wrapped, P, stride=1)).reshape(f.shape)


every, square = [(dy, dx) for dy in range(H) for dx in range(W)], torch.ones(P, P)
# Yours: one_formula(x_t, few, alpha, sigma, every, blur) should be naive
switches = {
    "IS": ("none", None, els.IdealScoreMachine(few)),
    "ES": ("all", None, els.EquivariantScoreMachine(few)),
    "LS": ("none", square, els.LocalScoreMachine(few, patch_size=P)),
    "ELS": ("all", square, machine),
}
for name, (shifts, window, fast) in switches.items():
    gap = (els.reference.one_formula(x_t, few, alpha, sigma, shifts, window) - fast(x_t, t)).abs().max().item()
    side = "whole image" if window is None else f"{P} x {P}"
    print(f"{name:4s} displacements {shifts:4s}  window {side:12s} differs from the package's by {gap:.0e}")
    assert gap < 1e-4

# %% [markdown] tags=["slide"]
# Four machines, one function. (Without displacements a window ends at the border, as in lesson 04.)
#
# ## 5. Four machines, one noise (7 minutes)
#
# Now the experiment of the lesson: four seeds, four machines, the same sampler. The windows of LS and ELS shrink as the
# noise falls, from 15 to 3 pixels, as measured on the network (lesson 09 shows how).
#
# **Predict.** IS and ES draw memories (lessons 02 and 06). Of LS and ELS, which ends nearer to a training image, if you
# may shift that image as you like? Why?

# %%
seeds = range(4)
noise = els.seeded_noise(seeds, circular.shape)
stored = els.load_results("fashion-mnist-16-resnet-circular")
results = els.load_results("07_els")  # made by data/lessons/make_07_els.py
stored |= {"es": results["es"]}
windows = [size for _, size in circular.patch_sizes("els-circular")]  # from t = 1 down
print("windows of LS and ELS:", *windows)
assert windows[0] == max(windows) == 15 and windows[-1] == min(windows) == 3
machines = {name: circular.machine(name) for name in ("is", "es", "ls", "els-circular")}
live = {name: 2 if name == "els-circular" else 4 for name in machines}  # seeds drawn now: ELS is the expensive one
paths = {name: list(els.trajectory(m, noise[: live[name]], steps=20)) for name, m in machines.items()}
drawn = {name: torch.cat([path[-1][1], stored[name][live[name] : 4]]) for name, path in paths.items()}

# %%
for name, samples in drawn.items():
    gap = (samples - stored[name][:4]).abs().max().item()
    print(f"{name:12s} today's samples and the stored ones differ by at most {gap:.0e}")
    assert gap < 1e-2


# %%
def montage(samples):
    """(B, 1, H, W) -> the images side by side with a gap of one grey column, (H, B * (W + 1) - 1)."""
    return torch.cat([F.pad(image[0], (0, 1), value=0.3) for image in samples], dim=1)[:, :-1]


# %% tags=["slide"]
fig, axes = plt.subplots(2, 2, figsize=(9.6, 3.3))
table = [
    ("is", "IS: remembers"),
    ("es", "ES: remembers up to a shift"),
    ("ls", "LS: a mosaic, each piece in its place"),
    ("els-circular", "ELS: a mosaic, each pixel from anywhere"),
]
for axis, (name, title) in zip(axes.flat, table, strict=True):
    axis.imshow(montage(drawn[name]), vmin=-1, vmax=1)
    axis.set(title=title, xticks=[], yticks=[])
axes[0, 0].set_ylabel("whole image")
axes[1, 0].set_ylabel("P x P window")
axes[1, 0].set_xlabel("no displacement")
axes[1, 1].set_xlabel("all displacements")
show(
    fig,
    alt="Two by two panels, each with four samples from the same noise. IS: four clean garments. ES: garments "
    "displaced and wrapped around the border. LS: garments glued from pieces. ELS: shapes that belong to no garment.",
)

# %% [markdown]
# Is it what it looks like? Measure the distance of every sample to the nearest training image, and, as ES is allowed to
# shift, to the nearest *shifted* one. For comparison: 100 real garments that are not in the training set.


# %%
def nearest_shifted(samples, images):
    """Distance of each sample to the nearest training image under any torus shift: (B,)."""
    # We shift the samples: fewer than the images, and the same distances.
    distances = [torch.cdist(samples.roll(d, (-2, -1)).flatten(1), images.flatten(1)).amin(1) for d in every]
    return torch.stack(distances).amin(0)


new = circular.held_out(100).images  # nobody in this lesson has seen these
compared = {name: stored[name] for name in (*drawn, "network-150", "equivariant-filter")}
compared |= {"new garments": new, "halves of two": torch.cat([new[:50, ..., : W // 2], new[50:, ..., W // 2 :]], -1)}
far = {}
print("medians             to a training image   to a shifted one")
for name, samples in compared.items():
    distances = torch.stack([els.nearest_training_image(samples, images)[1], nearest_shifted(samples, images)])
    far[name] = distances.quantile(0.5, dim=1).tolist()
    print(f"{name:18s} {far[name][0]:20.2f} {far[name][1]:18.2f}")
    assert distances[1].max() < 0.05 if name in ("is", "es") else distances[1].min() > 1

# %%
said = {"is": (0, 0), "es": (7.79, 0), "ls": (4.67, 4.20), "els-circular": (8.18, 5.24), "network-150": (8.16, 4.65)}
said |= {"equivariant-filter": (7.92, 6.21), "new garments": (2.85, 2.84), "halves of two": (5.85, 5.33)}
assert all(abs(a - b) < 0.01 for name in said for a, b in zip(far[name], said[name], strict=True))

# %% [markdown]
# IS: every sample *is* a training image. ES: every sample is one, displaced. LS: new pictures, 4.2 away. ELS: 5.2 away
# even from the nearest of 512,000 shifted images, where a new real garment is 2.8. LS ends nearer, as its pieces stay
# in their places, and a sleeve hangs where sleeves hang. So a small window alone makes new pictures, displacements
# alone do not.
#
# Far is not yet good: halves of two garments, pasted together, lie 5.3 away, and grainy blotches, drawn by a linear
# filter (section 6), 6.2. A trained network lies 4.65 away. Section 6 compares the pictures one by one.
#
# And since all places are alike, ELS *cannot* put a shoe's sole at the lower edge of the canvas. It knows up from down,
# but no place.

# %% [markdown] tags=["slide"]
# ## 6. Which of the four is the network? (6 minutes)
#
# A network with circular convolutions was trained on these 2,000 images. It drew from the same 100 seeds, in 150 steps
# (why not 20: lesson 11). Its own 20 steps have r2 0.95 with these. You know IS and LS (below 0.1) and ES (0.57).
#
# A rival: the best *linear* filter that has ELS's windows and is the same everywhere. It has both clues, but no image
# that could vote. **Predict** the r2 of ELS and of this filter.

# %% tags=["slide"]
target = stored["network-150"]
r2 = {name: els.compare(stored[name], target).r2 for name in (*drawn, "equivariant-filter", "network-20")}
for name, values in r2.items():
    low, middle, high = values.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=values.dtype))
    print(f"{name:18s} median r2 {middle:.2f}   quartiles {low:.2f} to {high:.2f}")

# %%
black = {name: (stored[name] > -0.5).double().mean((1, 2, 3)) < 0.05 for name in (*r2, "network-150")}
empty = {name: dark.nonzero().flatten().tolist() for name, dark in black.items()}
for name, found in empty.items():
    print(f"{name:18s} almost empty: seeds {found}")
assert empty["network-150"] == empty["els-circular"] == [7, 9, 10, 54, 94] and empty["es"] == [7, 54, 66]
assert empty["equivariant-filter"] == [] and len(empty["network-20"]) == 9

# %% tags=["slide"]
rows = {"ES": "es", "LS": "ls", "filter": "equivariant-filter", "ELS": "els-circular", "network": "network-150"}
fig = plotting.image_rows(
    {name: stored[file][:8] for name, file in rows.items()},
    notes=[
        "both empty" if seed in empty["network-150"] else f"ELS: r2 {value:.2f}"
        for seed, value in enumerate(r2["els-circular"][:8])
    ],
)
show(
    fig,
    alt="Five rows of eight samples from the same noise. The last two rows, ELS and the trained network, show the "
    "same shapes; the filter shows grainy blotches at the same places, ES and LS other pictures.",
)

# %%
middle = {name: values.quantile(0.5).item() for name, values in r2.items()}
said = {"is": 0.04, "es": 0.57, "ls": 0.09, "els-circular": 0.83, "equivariant-filter": 0.62, "network-20": 0.95}
assert all(abs(middle[name] - number) < 0.006 for name, number in said.items())
ours, linear = r2["els-circular"], r2["equivariant-filter"]
first = torch.stack([ours > r2[name] for name in ("is", "es", "ls")]).all(0)
ahead = [int(seeds.sum()) for seeds in (first, ours > linear, first & (ours > linear))]
print("seeds of 100 for which ELS is ahead: of the other three {}, of the filter {}, of all four {}".format(*ahead))
next_seed = els.compare(stored["els-circular"].roll(1, 0), target).r2.quantile(0.5)
wrapped = els.compare(results["ls_torus"], target[:20]).r2.quantile(0.5)
print(f"median r2: ELS with the network's next drawing {next_seed:.2f}; LS whose windows wrap around {wrapped:.2f}")
assert ahead == [92, 93, 86] and abs(next_seed - 0.03) < 0.006 and abs(wrapped - 0.08) < 0.006

# %% [markdown] tags=["slide"]
# ELS draws what the network draws, seed by seed: r2 0.83 (with the drawing of the next seed 0.03). It is ahead of the
# other three for 92 of 100 seeds. Five drawings of the network are almost empty (less than 5 % of their pixels are
# above -0.5): **ELS leaves the same five empty, and no other**. ES leaves three, the filter none; the network in 20
# steps nine.
#
# Are window and symmetry enough, without votes? The filter has 0.62, and ELS is ahead of it for 93 seeds. (Smoothed
# noise has 0.50: lesson 06.) To the filter the window is a loss: seeing all, it has 0.66 (also there). **To votes it is
# a gain: from 0.57, ES, to 0.83, ELS.**

# %% [markdown]
# IS and LS insist on garments in the middle of the canvas, where this network knows no middle; LS even if its windows
# wrap around. (In lesson 04 LS reached 0.85: that network pads with zeros and knows its place. With zeros ELS, too,
# learns its place, and has 0.91 there: lesson 08.)
#
# The windows were fitted to this network. But $P = 15t$, fitted to nothing, has 0.81 (lesson 14).

# %% [markdown] tags=["slide"]
# ## 7. Where does a pixel come from? (9 minutes)
#
# A weighted mean can name its sources. At the last evaluation, $t = 0.05$, take the heaviest voter of each pixel, and
# colour the pixel by the training image the voter belongs to. Background is left out: thousands of patches are the same
# black square, so its source is an accident of counting.
#
# **Predict** the maps of IS, ES, LS and ELS. Beside them ELS reads a new garment, and the same pixels, shuffled. How
# many sources have these?


# %%
def sources(machine, x_t, pictures, t=0.05):
    """Per pixel of each picture, the training image of the heaviest voter, (B, H, W); -1 on background."""
    winner = machine.posterior(x_t, t, top=1).image[..., 0]  # (B, H, W), or (B,) for whole images
    winner = winner if winner.ndim == 3 else winner[:, None, None].expand(-1, H, W)
    return winner.where(pictures[:, 0] > -0.9, -1)


formula = machines["els-circular"]
heap = new[:1].flatten(1)[:, torch.randperm(H * W, generator=torch.Generator().manual_seed(0))].view(1, C, H, W)
pictures = torch.cat([*(samples[:1] for samples in drawn.values()), new[:1], heap])
last = {name: path[-2][1][:1] for name, path in paths.items()}  # x_t at t = 0.05
maps = [sources(machines[name], last[name], drawn[name][:1]) for name in drawn]
noisy = els.add_noise(pictures[4:], els.seeded_noise([0, 0], circular.shape), 0.05)
maps = torch.cat([*maps, sources(formula, noisy, pictures[4:])])

# %% tags=["slide"]
counts = [len(source[source >= 0].unique()) for source in maps]
names = ("IS", "ES", "LS", "ELS", "new", "shuffled")
titles = [f"{name}: {c} source{'s' * (c > 1)}" for name, c in zip(names, counts, strict=True)]
fig = plotting.provenance_map(pictures, maps, titles=titles)
show(
    fig,
    alt="Samples of the four machines from one noise, a new garment and its pixels shuffled, and below each the map of "
    "its sources: one colour for IS and for ES, many pieces for LS, and for the other three almost every pixel from "
    "another training image.",
)

# %%
pixels = (maps >= 0).sum((1, 2)).tolist()
for name, c, of in zip(names, counts, pixels, strict=True):
    print(f"{name:8s} {c:4d} sources for {of} pixels that are not background")
assert counts[:2] == [1, 1] and all(abs(a - b) <= 2 for a, b in zip(counts, (1, 1, 80, 121, 98, 98), strict=True))
assert all(abs(a - b) <= 2 for a, b in zip(pixels[2:], (128, 139, 125, 125), strict=True))

# %% [markdown]
# One source, one source, 80 for 128 pixels, 121 for 139. (Look at the lines: there are more sources than colours.) The
# paper calls such a picture a **patch mosaic**: what stands at a pixel comes from the centres of training patches that
# fit its surroundings.
#
# Mind what is counted. A real garment that nobody holds has 98 sources for 125 pixels, and its pixels, shuffled, again
# 98. The map tells copies from everything else, not mosaics from other pictures.

# %% [markdown] tags=["slide"]
# Now point at a pixel yourself: you see its window at $t = 0.25$ (there $P = 5$) and the four patches
# that voted most for it. **Before you click:** where in their images will they lie?

# %%
t_early, x_early, _ = paths["els-circular"][15]
widgets.MosaicExplorer.of(formula, x_early, drawn["els-circular"][:2], t_early, top=4)

# %% [markdown]
# Anywhere: hardly ever at the pixel's own place. A piece of an edge is a piece of an edge, on a shoe or on a sleeve.
#
# ### Exercise 3: Provenance entropy (7 minutes, ★☆☆)
#
# How mixed is a picture? Take its map of sources and leave out the background, $-1$. Of the other pixels, let $f_v$ be
# the fraction that comes from training image $v$. The **provenance entropy** is $-\sum_v f_v \ln f_v$ (natural
# logarithm; the unit is called nat): 0 if all come from one image, $\ln n$ if each of $n$ pixels has an image of its
# own.


# %%
def provenance_entropy(source):
    """source (H, W), whole numbers: the training image of each pixel, or -1 -> the entropy of their shares, in nats."""
    ...


check.provenance_entropy(provenance_entropy)

# %% [markdown]
# Stuck? `check.hint("provenance_entropy")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def provenance_entropy(source):
#     counts = source[source >= 0].unique(return_counts=True)[1]
#     f = counts / counts.sum()
#     return -(f * f.log()).sum()
# ```
#
# Only images that occur are counted, so no $0 \ln 0$ appears. $e^{\text{entropy}}$ is an effective number of sources.
# Try it on `maps[2]` and `maps[3]`, those of LS and ELS.
# </details>

# %% [markdown] tags=["slide"]
# ## 8. How wide should a pixel look? (9 minutes)
#
# One and the same noisy picture ($t = 0.25$, on the way to the ELS sample above, which nobody holds), seen through
# windows of different size. The **posterior entropy** $-\sum_p w_p \ln w_p$ of a pixel says among how many of the
# 512,000 patches it hesitates (about $e^{\text{entropy}}$). The **provenance entropy** of exercise 3 says how mixed the
# winners are: for 139 pixels at most $\ln 139 = 4.93$.
#
# **Predict.** When the window shrinks from 15 to 3, does a pixel hesitate more or less? And do the winners of different
# pixels come from more images or from fewer?

# %%
sizes = results["sizes"].tolist()
shown = stored["els-circular"][0, 0] > -0.9  # the pixels that are not background
entropies = []
for size, stored_entropy in zip(sizes, results["entropy"][:, 0], strict=True):
    post = formula.with_patch_size(size).posterior(x_early[:1], t_early, top=1)
    undecided = post.entropy[0][shown].mean().item()
    counts = post.image[0, ..., 0][shown].unique(return_counts=True)[1]  # pixels won by each training image
    mixed = torch.distributions.Categorical(counts / counts.sum()).entropy().item()
    print(f"P = {size:2d}: posterior entropy {undecided:4.2f} (about {math.exp(undecided):8,.1f} patches per pixel), "
          f"provenance entropy {mixed:.2f} (about {math.exp(mixed):5.1f} images)")  # fmt: skip
    entropies.append((undecided, mixed))
    assert abs(undecided - stored_entropy) < 0.02
assert entropies == sorted(entropies, reverse=True) and shown.sum() == 139
for found, said in ((entropies[0], (9.56, 4.77)), (entropies[-1], (0.32, 1.41))):
    assert all(abs(a - b) < 0.02 for a, b in zip(found, said, strict=True))

# %% [markdown] tags=["slide"]
# A pixel that sees 15 pixels across decides for one patch: none fits, but one misfits less than the others, and there
# is little noise to excuse the difference. Its neighbour mostly decides for the same image: the winners are as mixed as
# those of four images in equal shares. A pixel that sees 3 hesitates among some fourteen thousand patches, and the
# winners are nearly as mixed as can be.
#
# And the picture? Drag the slider below: ELS with one size from beginning to end, eight seeds.
# **Predict** what 3 pixels give, and 15. Which size draws most like the network?

# %%
widgets.PatchSizeExplorer.of({size: results["mosaics"][i] for i, size in enumerate(sizes)})

# %%
seven = slice(7)  # seed 7 is one of the empty ones: r2 says nothing there
copies, foretold = [], []
for size, samples in zip(sizes, results["mosaics"], strict=True):
    copies.append(int((nearest_shifted(samples, images) < 0.01).sum()))
    foretold.append(els.compare(samples[seven], target[seven]).r2.quantile(0.5).item())
    print(f"P = {size:2d}: {copies[-1]} of 8 are a shifted training image; r2 with the network {foretold[-1]:.2f}")
shrinking = r2["els-circular"][seven].quantile(0.5).item()
print(f"windows that shrink: r2 {shrinking:.2f}")
said = (0.47, 0.57, 0.67, 0.72, 0.73, 0.70, 0.66, 0.87)
assert copies == [0, 0, 0, 0, 0, 4, 8]
assert all(abs(a - b) < 0.006 for a, b in zip((*foretold, shrinking), said, strict=True))

# %% [markdown]
# Left, these numbers. Right, the error of ELS on 100 new garments (stored: lesson 14). **Predict:** does a pixel that
# sees more guess better?

# %% tags=["slide"]
guess = els.load_results("14_guess")["losses on new pictures, fashion-mnist-16-resnet-circular"]  # of eps, t by P
error = {t: guess[round(20 * t) - 1] * (schedule.sigma(t) / schedule.alpha(t)) ** 2 for t in (0.5, 0.3, 0.15)}
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.plot(sizes, foretold, "o-", label="one size throughout")
left.axhline(shrinking, ls="--", color="k", label="shrinking, 15 to 3")
for size, of_size, found in zip(sizes, foretold, copies, strict=True):
    left.annotate(f"{found}", (size, of_size), (0, -14), textcoords="offset points", ha="center", fontsize=8)
left.set(xlabel="patch size P (below: copies among 8)", ylabel="r2 with the network", xticks=sizes, ylim=(0.38, 0.95))
left.legend(loc="lower right", fontsize=8)
for t, of_size in error.items():
    (line,) = right.semilogy(sizes, of_size, "o-", label=f"t = {t}")
    right.plot(sizes[of_size.argmin()], of_size.min(), "o", ms=11, mfc="none", mec=line.get_color())
right.set(xlabel="patch size P", ylabel="mean squared error", xticks=sizes, title="how wrong, on new garments?")
left.set_title("how much of the network's drawing?")
right.legend()
show(
    fig,
    alt="Two panels against the patch size. Left, r2 rises to 11 pixels and falls again, far below the line of the "
    "shrinking windows. Right, the error on new garments at three times: at 0.5 it falls, at 0.3 it is least at 7 "
    "pixels, at 0.15 it rises from 5 on.",
)

# %%
best = {t: (sizes[of_size.argmin()], round(of_size.min().item(), 4)) for t, of_size in error.items()}
print("t: (best P on new garments, its error)", best)
assert (best[0.5][0], best[0.3][0]) == (15, 7) and abs(error[0.15][1] / error[0.15][0] - 1) < 0.01  # 3 and 5 pixels

# %% [markdown] tags=["slide"]
# With 3 pixels: texture without form, as nothing agrees further than that. With 13 of 16, four of the eight are a
# shifted training image, exactly; with 15, all eight. The *same* machine remembers or invents, depending on what a
# pixel can see.
#
# No single size draws as the network does: r2 0.73 at best, with shrinking windows 0.87 (the first seven seeds; all
# hundred 0.83). They start wide, which settles the layout, and end at 3, which settles the pixels.
#
# On new garments, too, the best size falls with the noise: 15, the widest tried, at $t = 0.5$, 7 at 0.3, and 3 or 5
# alike at 0.15, where no memory fits a wide window.

# %% [markdown] tags=["slide"]
# ## 9. Who copes with new garments? (8 minutes)
#
# So far the machines were compared by what they draw. And the loss that the network was trained with? Here it is, at
# four times, as the error of the clean image, on 100 training images and on 100 images that nobody was trained on.
# Beside them, on the new ones, stands the filter of section 6, which looks through the same windows as ELS and
# recognises nothing. A third panel shows how far all their answers, and those of another network, the zero-padded one,
# are from this network's.
#
# **Predict:** who errs least on the training images? Where is the network? And who errs least on the new ones?

# %%
times, losses, apart = results["times"].tolist(), results["losses"], results["apart"]  # (times, denoisers, 2)
eps, blotches = els.seeded_noise(range(1000, 1100), circular.shape), circular.machine("equivariant-filter")
other = els.load_network("fashion-mnist-16-resnet-zeros")
rivals = []
for t in times:
    x_t = els.add_noise(new, eps, t)
    answer, filtered, others = circular.network(x_t, t), blotches(x_t, t).clamp(-1, 1), other(x_t, t)
    pairs = (filtered, new), (filtered, answer), (others, answer), (answer, new)
    rivals.append([(a - b).square().mean() for a, b in pairs])
rivals = torch.tensor(rivals)  # (times, 4): the filter's error, its distance, the other network's, the network's error
assert (rivals[:, 3] / losses[:, 4, 1] - 1).abs().max() < 0.01  # as stored

# %% tags=["slide"]
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3), sharey=True, layout="constrained")
panels = {"error, training images": losses[..., 0], "error, new images": losses[..., 1],
          "distance from the network's answers, new": apart[..., 1]}  # fmt: skip
for axis, (title, table) in zip(axes, panels.items(), strict=True):
    for row, name in enumerate(("IS", "ES", "LS", "ELS", "network")):
        if table[:, row].any():
            axis.semilogy(times, table[:, row], "ko--" if name == "network" else "o-", ms=4, label=name)
    axis.set(xlim=(0.95, 0.1), ylim=(5e-4, 0.6), xlabel="time t (noise on the left)")
    axis.set_title(title, fontsize=10)
for axis, row in ((axes[1], 0), (axes[2], 1)):
    axis.semilogy(times, rivals[:, row], "s:", color="0.4", ms=4, label="filter")
axes[2].semilogy(times, rivals[:, 2], "^-.", color="tab:brown", ms=4, label="other network")
axes[0].set_ylabel("mean square")
lines = {name: line for axis in axes for line, name in zip(*axis.get_legend_handles_labels(), strict=True)}
fig.legend(lines.values(), lines, loc="outside right center", fontsize=8)
show(fig, alt="Three panels against time. On training images IS and ES fall out of the picture. On new images they "
     "stop at 0.04, and at times 0.3 and 0.15 LS, ELS and the network are lower. In the third panel ELS is lowest of "
     "machines and filter; the other network is beside IS and LS at 0.9, and lowest at 0.3 and 0.15.")  # fmt: skip

# %%
names = ["IS", "ES", "LS", "ELS", "network"]
print("error, training images / new images")
for t, both, (error_of_filter, *_) in zip(times, losses, rivals, strict=True):
    print(f"t = {t:<4}", *(f"{n} {a:.3f} / {b:.3f}  " for n, (a, b) in zip(names, both, strict=False)), end="")
    print(f"filter {error_of_filter:.3f}")
print("distance from the network's answers, new images")
for t, distances, (_, of_filter, of_other, _) in zip(times, apart[..., 1], rivals, strict=True):
    print(f"t = {t:<4}", *(f"{n} {d:.4f}  " for n, d in zip(names[:4], distances, strict=False)), end="")
    print(f"filter {of_filter:.4f}   other network {of_other:.4f}")

# %%
# In thousandths: training and new images of each time; IS, ES, LS, ELS, network
table = [[[164, 312, 182, 322, 326], [171, 321, 186, 331, 336]], [[12, 19, 40, 58, 58], [47, 48, 44, 56, 53]],
         [[0, 0, 19, 27, 22], [42, 41, 24, 27, 21]], [[0, 0, 8, 10, 8], [42, 40, 11, 10, 8]]]  # fmt: skip
assert (1000 * losses[:, :5].mT - torch.tensor(table)).abs().max() < 0.6
assert (apart[:, :4].argmin(1) == 3).all() and (apart[:, 3, 1] < rivals[:, 1]).all()
said = torch.tensor([[0.013, 0.017, 0.138], [0.011, 0.047, 0.011], [0.007, 0.032, 0.003], [0.003, 0.014, 0.001]])
assert (torch.column_stack([apart[:, 3, 1], rivals[:, 1:3]]) - said).abs().max() < 6e-4
assert abs(rivals[3, 0] - 0.022) < 6e-4 and (apart[0, [1, 3], 1] - torch.tensor([0.0137, 0.0128])).abs().max() < 6e-5

x_t = els.add_noise(images[:20], eps[:20], 0.15)
ours, theirs = ((d(x_t, 0.15) - images[:20]).square().mean((1, 2, 3)) for d in (formula, circular.network))
print(f"t = 0.15: the network errs less than ELS on {(theirs < ours).sum()} of the first 20 training images")
assert (theirs < ours).all()
for t, number in ((0.3, 0.021), (0.15, 0.008)):  # the network, with the noise of section 8
    x_t = els.add_noise(new, els.seeded_noise(range(100), circular.shape), t)
    there = (circular.network(x_t, t) - new).square().mean()
    print(f"t = {t}: the best window of ELS {best[t][1]:.3f}, the network on the same noise {there:.3f}")
    assert abs(there - number) < 6e-4 and best[t][1] > 1.15 * there
padded = els.load_results("fashion-mnist-16-resnet-zeros")["network-150"]
alike = els.compare(padded, target).r2.quantile(0.5)
print(f"what the two networks draw: median r2 {alike:.2f}")
assert abs(alike - 0.12) < 0.006 and abs(best[0.3][1] - 0.025) < 6e-4 and abs(best[0.15][1] - 0.011) < 6e-4

# %% [markdown]
# The constraints cost: at $t = 0.5$ ELS errs five times as much as IS on the training images, and so does the network
# (0.012, 0.058, 0.058). And ELS's answers are nearer to the network's than those of the other machines and of the
# filter, at each time, at 0.9 narrowly (0.0128; ES 0.0137).
#
# That is weak evidence. Another network, the zero-padded one, *draws* other pictures (r2 0.12). It is 0.138 away at
# $t = 0.9$, but as near as ELS at 0.5 (0.011), and nearer at 0.3 (0.003; ELS 0.007). Where there is little noise, good
# denoisers agree.
#
# As the noise falls the network gets ahead of ELS on the training images: 0.022 against 0.027 at $t = 0.3$, 0.008
# against 0.010 at 0.15 (there on each of the first 20). By section 2 no equivariant denoiser that sees only *these
# windows* can, on average over all of them. So the network sees more (lesson 14). Nor is that all: on new garments no
# window from 3 to 15 takes ELS as far (0.025 and 0.011 at best, the network on the same noise 0.021 and 0.008).

# %% [markdown]
# On new images the error of IS stays at 0.04, however little noise there is: it recognises. A small window keeps a
# denoiser from recognising: ELS errs alike on both. But that alone is not enough: at $t = 0.15$ the filter has 0.022,
# the vote 0.010. With much noise a wide window serves better, on new garments, too: at $t = 0.9$ IS errs less than LS
# (0.171, 0.186) and ES less than ELS (0.321, 0.331).

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * The best denoiser that is local **and** equivariant is a regression from noisy patches to their centres: a softmax
#   over all patches of all images at all places.
# * All four machines are one formula with two switches: which displacements, which window.
# * Displacements alone (ES) invent nothing. A window alone (LS) makes new pictures, but every piece stays in its place;
#   with both each pixel may come from anywhere: patch mosaics.
# * Both, and votes: ELS draws what the network with circular convolutions draws (median r2 0.83), and leaves empty what
#   it leaves empty. A linear filter with the same windows, which has both but no votes, has 0.62.
# * A small window keeps a denoiser from recognising, which serves new garments where there is little noise. Where there
#   is much, a wide one serves better.
#
# ## What is still unexplained
#
# These mosaics float: nothing tells them where they are. Most networks pad with zeros, and in lesson 06 such a one did
# not move along with a shifted picture. What do the zeros tell it? Lesson 08.
#
# ## References
#
# * M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the machines, the derivation and the name "patch mosaic". The
#   arrangement by displacement and window is this course's.
# * A. Buades, B. Coll and J.-M. Morel, *A non-local algorithm for image denoising*, CVPR 2005,
#   [doi:10.1109/CVPR.2005.38](https://doi.org/10.1109/CVPR.2005.38): a pixel is the mean of the pixels whose patches
#   look like its own.
# * A. Levin and B. Nadler, *Natural image denoising: optimality and inherent bounds*, CVPR 2011: the best guess from a
#   patch, computed with a very large dictionary of clean ones.
# * A. A. Efros and T. K. Leung, *Texture synthesis by non-parametric sampling*, ICCV 1999,
#   [doi:10.1109/ICCV.1999.790383](https://doi.org/10.1109/ICCV.1999.790383): to draw new texture, pixel by pixel, from
#   patches that fit.
# * H. Xiao, K. Rasul, R. Vollgraf, *Fashion-MNIST*, 2017, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747): the
#   images.
