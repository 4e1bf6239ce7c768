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
# # 07 · The best local and equivariant denoiser draws what a network draws
#
# **You will** derive the equivariant local score machine (ELS), write all four machines as one formula with two
# switches, draw from the same noise with each of them, and trace every pixel of a picture to a training image.
#
# **You will learn** what each of the two constraints does alone, what they do together, and which of the four machines
# a network is like.
#
# **You need** lessons 02 (ideal), 04 (local) and 06 (equivariant denoisers).
#
# **Time** 85 minutes

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

# %% tags=["slide"]
N = len(images)
print(f"IS: the image chooses among {N:,}   LS: each pixel among {N:,}")
print(f"ES: the image chooses among {N * H * W:,}   both: each pixel among {N * H * W:,}")
local, both = (H * W * math.log10(choices) for choices in (N, N * H * W))
print(f"pictures, if every pixel chose on its own: LS 10^{local:.0f}, both 10^{both:.0f}")
assert lab.profile != "laptop" or (round(local), round(both)) == (845, 1462)

# %% [markdown] tags=["slide"]
# At most: equal greys are counted as different. Locality alone has room for more images than could ever be drawn;
# equivariance widens it. Most of them make no sense, since neighbouring windows overlap and must agree. So we need the
# rule by which a pixel chooses.
#
# ## 2. The best denoiser that is local and equivariant (8 minutes)
#
# As always, $x_t = \alpha x_0 + \sigma\epsilon$, and a denoiser $D$ is trained to make this small, over training images
# $x_0$ and noise $\epsilon$ ($x$ alone is a pixel; $x_0$ and $x_t$ are pictures):
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
# What are these patches? Here are one training image and some of its 256, for $P = 5$. Those near a border wrap around
# it, and join opposite sides. On the torus we accept that; lesson 08 will not.

# %% tags=["slide"]
P, r, colours = 5, 2, {1: "tab:cyan", 7: "tab:pink", 8: "tab:green"}  # those that wrap
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
        axes[0].patches[-1].set(ls=":" if dy or dx else "-", ec=colours.get(number, plotting.ORANGE))
    axes[0].text(x, y, number, ha="center", va="center", fontsize=8, bbox={"fc": "white", "ec": "none", "pad": 1})
    axes[number].set_title(number)
show(
    fig,
    alt="A training image with the outlines of eight 5 by 5 windows, numbered at their centres, and beside it the "
    "eight patches: pieces of sleeve and body. 1, 7 and 8 wrap around, each in its colour: dotted, their parts on the "
    "other side.",
)

# %% [markdown]
# And this is the whole dictionary:


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
# ## 3. All pixels at once (4 minutes)
#
# Every window of $x_t$ is a query, every patch an entry: a table of weights with a row for each pixel and a column for
# each patch. With 20 training images it fits into memory, and the **whole machine** into three lines. (With all 2,000
# the table would take 524 MB, at 4 bytes a number. The package's machine does without it: lesson 13.)

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
# may shift that image as you like?

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
    "displaced and wrapped around the border. LS: garments glued from pieces. ELS: shapes "
    "that lie anywhere.",
)

# %% [markdown]
# Is it what it looks like? Measure the distance of every sample to the nearest training image, and, as ES is allowed to
# shift, to the nearest *shifted* one. For comparison: 100 real garments that are not in the training set, halves of two
# of them pasted together, and what a network and a linear filter drew (section 6).


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
# even from the nearest of 512,000 shifted images, where a new real garment is 2.8. (LS ends nearer, perhaps as its
# pieces stay in their places.) So a small window alone makes new pictures, displacements alone do not.
#
# Far is not yet good: halves of two garments, pasted together, lie 5.3 away. Section 6 compares picture by picture.
#
# And since all places are alike, ELS *cannot* put a shoe's sole at the lower edge of the canvas. It knows up from down,
# but no place.

# %% [markdown] tags=["slide"]
# ## 6. Which of the four is the network? (8 minutes)
#
# A network with circular convolutions was trained on these 2,000 images. It drew from the same 100 seeds, in 150 steps
# (why not 20: lesson 11). Its own 20 steps have r2 0.95 with these. From lesson 06 you know IS (0.04) and ES (0.57).
#
# But perhaps *any* local and equivariant denoiser draws so. A rival: the best **linear filter** that has ELS's windows
# and is the same everywhere, its drawings cut at black and white. And one that is not linear: the same filter,
# **bent**. At each step each of its answers is replaced by the mean of the clean pixels, of 400 training images, for
# which it gives this answer. (We also bend a filter with windows of 15 x 15 pixels at all times.)
#
# **Predict** the r2 of LS, of ELS, of the linear filter and of the bent one.


# %%
def bent(linear, bins=200):
    """The filter `linear`, each answer replaced by the mean clean pixel of 400 training images with such an answer."""
    clean, eps = images[:400], els.seeded_noise(range(5000, 5400), circular.shape)

    def denoise(x_t, t, labels=None):
        answer = linear(els.add_noise(clean, eps, t), t).flatten()
        edges = answer.quantile(torch.linspace(0, 1, bins + 1)[1:-1])  # between bins with equally many answers
        which = torch.bucketize(answer, edges)
        mean = torch.bincount(which, clean.flatten(), bins) / torch.bincount(which, minlength=bins)
        return mean[torch.bucketize(linear(x_t, t), edges)]

    return denoise


wide = els.LocalFilter(images, schedule, patch_size=15, padding="circular", equivariant=True)
every_noise = els.seeded_noise(range(100), circular.shape)
stored["bent filter"] = els.sample(bent(circular.machine("equivariant-filter")), every_noise, steps=20)
stored["bent, P = 15"] = els.sample(bent(wide), every_noise, steps=20)  # 15 x 15 at each time

# %% tags=["slide"]
target = stored["network-150"]
rivals = ("equivariant-filter", "bent filter", "bent, P = 15")
r2 = {name: els.compare(stored[name], target).r2 for name in (*drawn, *rivals, "network-20")}
for name, values in r2.items():
    low, middle, high = values.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=values.dtype))
    print(f"{name:18s} median r2 {middle:.2f}   quartiles {low:.2f} to {high:.2f}")

# %%
black = {name: (stored[name] > -0.5).double().mean((1, 2, 3)) < 0.05 for name in (*r2, "network-150")}
empty = {name: dark.nonzero().flatten().tolist() for name, dark in black.items()}
for name, found in empty.items():
    print(f"{name:18s} almost empty: seeds {found}")
assert empty["network-150"] == empty["els-circular"] == [7, 9, 10, 54, 94]
assert {*empty["network-150"]} < {*empty["bent filter"]} and len(empty["bent filter"]) == 6

# %% tags=["slide"]
rows = {"ES": "es", "LS": "ls", "bent filter": "bent filter", "ELS": "els-circular", "network": "network-150"}
some = [0, 1, 2, 3, 4, 68, 44, 7]  # 68 and 44: where ELS is worst, but for three of the empty ones
fig = plotting.image_rows(
    {name: stored[file][some] for name, file in rows.items()},
    notes=[
        "both empty" if seed in empty["network-150"] else f"ELS: r2 {r2['els-circular'][seed]:.2f}" for seed in some
    ],
)
show(
    fig,
    alt="Five rows of eight samples from the same noise. The last two rows, ELS and the trained network, show nearly "
    "the same shapes, less so in two columns. The bent filter shows grainier ones at the same places; ES shows "
    "garments, in part at these places, LS other pictures in the middle.",
)

# %%
middle = {name: values.quantile(0.5).item() for name, values in r2.items()}
said = {"is": 0.04, "es": 0.57, "ls": 0.09, "els-circular": 0.83, "network-20": 0.95}
said |= dict(zip(rivals, (0.62, 0.71, 0.75), strict=True))
assert all(abs(middle[name] - number) < 0.006 for name, number in said.items())
ours = r2["els-circular"]
first = torch.stack([ours > r2[name] for name in ("is", "es", "ls")]).all(0)
ahead = [int(first.sum()), *(int((ours > r2[name]).sum()) for name in rivals)]
print("seeds of 100 for which ELS is ahead, of the other three machines:", ahead[0])
print("of the filters:", ", ".join(f"{name} {n}" for name, n in zip(rivals, ahead[1:], strict=True)))
next_seed = els.compare(stored["els-circular"].roll(1, 0), target).r2.quantile(0.5)
wrapped = els.compare(results["ls_torus"], target[:20]).r2.quantile(0.5)
quick = els.compare(stored["els-circular"], stored["network-20"]).r2.quantile(0.5)
print(f"median r2 of ELS with the network's next drawing {next_seed:.2f}, with its 20 steps {quick:.2f}")
print(f"median r2 of LS whose windows wrap around {wrapped:.2f}")
assert (ahead[0], ahead[1]) == (92, 93) and abs(ahead[2] - 91) <= 1 and abs(ahead[3] - 71) <= 1
assert abs(next_seed - 0.03) < 0.006 and abs(wrapped - 0.08) < 0.006 and abs(quick - 0.76) < 0.006
assert ours.argsort()[:5].tolist() == [7, 9, 54, 68, 44]

# %% [markdown] tags=["slide"]
# ELS draws what the network draws, seed by seed: r2 0.83, with the drawing of the next seed 0.03. It is ahead of the
# other three machines for 92 of 100 seeds. (If the network, too, takes 20 steps: 0.76.)
#
# Window and symmetry alone do a good part of it: the linear filter has 0.62, bent 0.71, and bent with 15 x 15 pixels
# throughout (of 16 x 16, so hardly a limit) 0.75. But **the best denoiser with both does more**: ELS is ahead of the
# strongest of these for 71 seeds.
#
# To the bent filter shrinking windows are a loss, from 0.75 to 0.71. To ES they are a gain: with them it is ELS, with
# 0.83 in place of 0.57. Perhaps because ES, which sees all, copies.

# %% [markdown]
# Five drawings of the network are almost empty (less than 5 % of their pixels above -0.5). ELS leaves the same five
# empty, and no other. That alone proves little: the bent filter leaves them empty, too, and one more.
#
# IS and LS insist on garments in the middle of the canvas, where this network knows no middle; LS even if its windows
# wrap around. (In lesson 04 LS reached 0.85: that network pads with zeros and knows its place. With zeros ELS, too,
# learns its place, and has 0.91 there: lesson 08.)
#
# The windows were fitted to this network. But $P = 15t$, fitted to nothing, has 0.81 (lesson 14).

# %% [markdown] tags=["slide"]
# ## 7. Where does a pixel come from? (9 minutes)
#
# A weighted mean can name its sources. The less noise, the more weight has the patch nearest to the window; in the end
# it decides alone. So we can ask of any finished picture: which training image has the nearest patch, for each pixel?
# Background is left out: thousands of patches are the same black square.
#
# One ruler, windows of 5 x 5 pixels, reads ten pictures of each of six kinds: drawings of ES, LS, ELS and the network
# (from seeds that the network does not leave empty), new garments, and these with their pixels shuffled.
#
# **Predict:** how many sources has each kind?


# %%
def sources(pictures, P=5):
    """Per pixel of each picture, the training image with the patch nearest to its window; -1 on background."""
    shown = pictures[:, 0] > -0.9
    queries = all_patches(pictures, P).flatten(1)[shown.flatten()]
    least, winner = torch.full((len(queries),), torch.inf), torch.zeros(len(queries), dtype=torch.long)
    for start in range(0, N, 20):
        found = torch.cdist(queries, all_patches(images[start : start + 20], P).flatten(1)).min(1)
        nearer = found.values < least - 1e-3  # of equals the first
        least = torch.where(nearer, found.values, least)
        winner = torch.where(nearer, start + found.indices // (H * W), winner)
    return torch.full(shown.shape, -1).masked_scatter(shown, winner)


ten = [seed for seed in range(20) if seed not in empty["network-150"]][:10]
shuffle = torch.randperm(H * W, generator=torch.Generator().manual_seed(0))
heaps = new[:10].flatten(1)[:, shuffle].view(-1, C, H, W)
files = {"ES": "es", "LS": "ls", "ELS": "els-circular", "network": "network-150"}
read = {name: stored[file][ten] for name, file in files.items()} | {"new": new[:10], "shuffled": heaps}
maps = sources(torch.cat(list(read.values()))).unflatten(0, (-1, 10))  # (6 kinds, 10, H, W)

# %% tags=["slide"]
counts = torch.tensor([[len(source[source >= 0].unique()) for source in kind] for kind in maps])  # (6, 10)
pixels = (maps >= 0).sum((2, 3))
titles = [f"{name}: {c} of {p}" for name, c, p in zip(read, counts[:, 0], pixels[:, 0], strict=True)]
fig = plotting.provenance_map(torch.stack([kind[0] for kind in read.values()]), maps[:, 0], titles=titles)
show(
    fig,
    alt="A picture of each of six kinds, with its number of sources and of pixels shown, and below it the map of its "
    "sources. ES has one colour. The others have many pieces: the new garment the fewest, its shuffled pixels the "
    "most.",
)

# %%
share = (counts / pixels).quantile(0.5, dim=1).tolist()
for name, of, each in zip(read, share, counts.tolist(), strict=True):
    print(f"{name:8s} sources per pixel, median {of:.2f}; sources {each}")
assert counts[0].tolist() == [1] * 10 and abs(counts[1:].min() - 22) <= 2
assert all(abs(a - b) < 0.02 for a, b in zip(share[1:], (0.57, 0.66, 0.56, 0.46, 0.76), strict=True))

# %% [markdown]
# (The 18 largest sources have strong colours, the others share pale ones; lines run between sources.)
#
# A copy has one source, every other picture here at least 22: the map tells copies from the rest. The rest differ by
# degree. Per pixel a new garment has 0.46 sources, a drawing of the network 0.56, one of ELS 0.66, shuffled pixels 0.76
# (medians of ten). The paper calls what ELS draws a **patch mosaic**: what stands at a pixel comes from the centres of
# training patches that fit its surroundings.
#
# Other garments would do: ELS of 2,000 others draws nearly the same (lesson 15, with zeros at the border). So a source
# explains the machine's pixel, not the network's.

# %% [markdown] tags=["slide"]
# Now point at a pixel yourself: you see its window at $t = 0.25$ (there $P = 5$) and the four patches
# that voted most for it. **Before you click:** where in their images will they lie?

# %%
formula, (t_early, x_early, _) = machines["els-circular"], paths["els-circular"][15]
widgets.MosaicExplorer.of(formula, x_early, drawn["els-circular"][:2], t_early, top=4)

# %% [markdown]
# Anywhere: the dictionary knows no place. A piece of an edge is a piece of an edge, on a shoe or on a sleeve.
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
# Try it on `maps[2, 0]` and `maps[4, 0]`: ELS and a new garment.
# </details>

# %% [markdown] tags=["slide"]
# ## 8. How wide should a pixel look? (6 minutes)
#
# We look at seven noisy pictures ($t = 0.25$, each on the way to an ELS sample; stored) through windows of different
# size. The **posterior entropy** $-\sum_p w_p \ln w_p$ of a pixel says among how many of the 512,000 patches it
# hesitates (about $e^{\text{entropy}}$). The heaviest voter of a pixel is its **winner**: from how many training images
# are the winners of a picture?
#
# **Predict.** When the window shrinks from 15 to 3, does a pixel hesitate more or less? And do the winners of different
# pixels come from more images or from fewer?

# %%
sizes, seven = results["sizes"].tolist(), slice(7)  # seed 7 is empty
undecided = results["entropy"][:, seven].mean(1).tolist()
winners = results["images"][:, seven].double()
for size, entropy, of in zip(sizes, undecided, winners, strict=True):
    print(f"P = {size:2d}: posterior entropy {entropy:4.2f} (about {math.exp(entropy):8,.1f} patches per pixel), "
          f"winners of {of.quantile(0.5):3.0f} images ({of.min():.0f} to {of.max():.0f})")  # fmt: skip
assert undecided == sorted(undecided, reverse=True) and abs(undecided[0] - 9.43) < 0.02 > abs(undecided[-1] - 0.4)
assert (winners[0].quantile(0.5), winners[-1].quantile(0.5), winners[-1].max()) == (112, 8, 19)

shown = stored["els-circular"][0, 0] > -0.9  # the pixels that are not background
for row in (0, -1):  # today, the first picture, the smallest and the largest window
    post = formula.with_patch_size(sizes[row]).posterior(x_early[:1], t_early, top=1)
    assert abs(post.entropy[0][shown].mean() - results["entropy"][row, 0]) < 0.02
    assert abs(len(post.image[0, ..., 0][shown].unique()) - results["images"][row, 0]) <= 2

# %% [markdown] tags=["slide"]
# A pixel that sees 15 pixels across decides for one patch: none fits, but one misfits less than the others, and there
# is little noise to excuse the difference. Its neighbour mostly decides for the same image: the winners in a picture
# come from 8 images (median). A pixel that sees 3 hesitates among some twelve thousand patches, and the winners come
# from 112 images.
#
# And the picture? Drag the slider below: ELS with one size from beginning to end, eight seeds.
# **Predict** what 3 pixels give, and 15.

# %%
widgets.PatchSizeExplorer.of({size: results["mosaics"][i] for i, size in enumerate(sizes)})

# %%
copies, foretold = [], []
for size, samples in zip(sizes, results["mosaics"], strict=True):
    copies.append(int((nearest_shifted(samples, images) < 0.01).sum()))
    foretold.append(els.compare(samples[seven], target[seven]).r2.quantile(0.5).item())
    print(f"P = {size:2d}: {copies[-1]} of 8 are a shifted training image; r2 with the network {foretold[-1]:.2f}")
beside = {name: r2[name][seven].quantile(0.5).item() for name in ("els-circular", "bent, P = 15", "es")}
print("r2 of the same seven seeds:", "; ".join(f"{name} {number:.2f}" for name, number in beside.items()))
said = (0.47, 0.57, 0.67, 0.72, 0.73, 0.70, 0.66, 0.87, 0.80, 0.64)
assert copies == [0, 0, 0, 0, 0, 4, 8]
assert all(abs(a - b) < 0.006 for a, b in zip((*foretold, *beside.values()), said, strict=True))

# %% tags=["slide"]
fig, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
axis.plot(sizes, foretold, "o-", label="ELS, one size throughout")
for size, of_size, found in zip(sizes, foretold, copies, strict=True):
    axis.annotate(f"{found} of 8", (size, of_size), (0, 7), textcoords="offset points", ha="center", fontsize=8)
styles = {"ELS, shrinking, 15 to 3": ("k", "--"), "bent filter, P = 15": ("0.5", ":"), "ES": ("tab:brown", "-.")}
for (label, (colour, style)), height in zip(styles.items(), beside.values(), strict=True):
    axis.axhline(height, ls=style, color=colour, label=label)
axis.set(xlabel="patch size P", ylabel="r2 with the network", xticks=sizes, ylim=(0.38, 0.95))
axis.set_title("medians of seven seeds; below each size, how many of eight samples are copies", fontsize=10)
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
show(
    fig,
    alt="r2 with the network against the patch size: it rises up to 9 and 11 pixels, falls a little, and stays far "
    "below the line of the shrinking windows, and below that of the bent filter. At 15 it is near the line of ES.",
)

# %% [markdown] tags=["slide"]
# With 3 pixels: texture without form, as nothing agrees further than that. With 13 of 16, four of the eight are a
# shifted training image, exactly; with 15, all eight. The *same* machine remembers or invents, depending on what a
# pixel can see.
#
# No single size draws as the network does: r2 0.73 at best (9 and 11 are alike), less than the bent filter with 15
# throughout, 0.80. Shrinking windows have 0.87 (all for the same seven seeds). They start wide, which settles the
# layout, and end at 3, which settles the pixels.

# %% [markdown] tags=["slide"]
# ## 9. Who copes with new garments? (5 minutes)
#
# So far the machines were compared by what they draw. And the loss that the network was trained with? Here it is, at
# four times, as the error of the clean image, on 100 training images and on 100 images that nobody was trained on.
# Beside them, on the new ones, stands the bent filter of section 6, with ELS's windows.
#
# **Predict:** who errs least on the training images? Where is the network? And who errs least on the new ones?

# %%
times, losses = results["times"].tolist(), results["losses"]  # (times, denoisers, 2)
eps, curved = els.seeded_noise(range(1000, 1100), circular.shape), bent(circular.machine("equivariant-filter"))
of_bent = []
for t in times:
    x_t = els.add_noise(new, eps, t)
    of_bent.append((curved(x_t, t) - new).square().mean().item())
    assert abs((circular.network(x_t, t) - new).square().mean() / losses[times.index(t), 4, 1] - 1) < 0.01  # as stored

# %% tags=["slide"]
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.1), sharey=True, layout="constrained")
names = ("IS", "ES", "LS", "ELS", "network")
for axis, title, table in zip(axes, ("training images", "new images"), losses[:, :5].unbind(2), strict=True):
    for row, name in enumerate(names):
        axis.semilogy(times, table[:, row], "ko--" if name == "network" else "o-", ms=4, label=name)
    axis.set(xlim=(0.95, 0.1), ylim=(5e-3, 0.6), xlabel="time t (noise on the left)", title=title)
axes[1].semilogy(times, of_bent, "s:", color="0.4", ms=4, label="bent filter")
axes[0].set_ylabel("mean squared error")
axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
show(fig, alt="Two panels against time. On training images IS and ES fall out of the picture, and ELS and the network "
     "stay near each other. On new images IS and ES stop at 0.04; at times 0.3 and 0.15 the network, ELS and LS "
     "are lower, and the bent filter lies between; at 0.5 it errs most.")  # fmt: skip

# %%
print("error, training images / new images")
for t, both, error in zip(times, losses, of_bent, strict=True):
    print(f"t = {t:<4}", *(f"{n} {a:.3f} / {b:.3f}  " for n, (a, b) in zip(names, both, strict=False)), end="")
    print(f"bent filter {error:.3f}")
# In thousandths: training and new images of each time; IS, ES, LS, ELS, network
table = [[[164, 312, 182, 322, 326], [171, 321, 186, 331, 336]], [[12, 19, 40, 58, 58], [47, 48, 44, 56, 53]],
         [[0, 0, 19, 27, 22], [42, 41, 24, 27, 21]], [[0, 0, 8, 10, 8], [42, 40, 11, 10, 8]]]  # fmt: skip
assert (1000 * losses[:, :5].mT - torch.tensor(table)).abs().max() < 0.6 and abs(of_bent[3] - 0.015) < 6e-4

# %% [markdown] tags=["slide"]
# The constraints cost: at $t = 0.5$ ELS errs five times as much as IS on the training images, and so does the network
# (0.012, 0.058, 0.058).
#
# On new images IS errs least at $t = 0.9$, LS at 0.5, the network at 0.3 and 0.15. The error of IS stays at 0.04,
# however little noise there is: in each new image it recognises a training image. A small window keeps a denoiser from
# recognising: ELS errs alike on training and new images. But that alone is not enough: at $t = 0.15$ the bent filter
# has 0.015, ELS 0.010.
#
# With much noise a wide window serves better, on new garments, too: at $t = 0.9$ IS errs less than LS (0.171, 0.186).
#
# As the noise falls the network gets ahead of ELS on the training images, too: 0.022 against 0.027 at $t = 0.3$. By
# section 2 no equivariant denoiser that sees only *these windows* can do that, on average over all 2,000 images (here
# are 100). So the network seems to see more: lesson 14.

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * The best denoiser that is local **and** equivariant is a regression from noisy patches to their centres: a softmax
#   over all patches of all images at all places.
# * All four machines are one formula with two switches: which displacements, which window.
# * Displacements alone (ES) invent nothing. A window alone (LS) makes new pictures, but every piece stays in its place;
#   with both each pixel may come from anywhere: patch mosaics.
# * ELS draws what the network with circular convolutions draws (median r2 0.83). Being local and equivariant is not all
#   of it: a bent linear filter with the same windows has 0.71, with 15 x 15 pixels throughout 0.75.
# * A small window keeps a denoiser from recognising, which serves new garments where there is little noise. Where there
#   is much, a wide one serves better.
#
# ## What is still unexplained
#
# These mosaics float: nothing tells them where they are. Most networks pad with zeros, and in lesson 03 such a one did
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
