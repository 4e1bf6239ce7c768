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
# # 07 · Locality and equivariance together invent
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
# **Predict.** How many different *images* could come out, if every pixel chose on its own? And of LS?

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
# wrap around the border, and what will they show in a picture of a garment on black?

# %% tags=["slide"]
P, r = 5, 2
picture = images[7:8]
places = [(0, 0), (0, 8), (3, 5), (6, 3), (8, 8), (9, 12), (12, 6), (15, 15)]
some = torch.cat([picture.roll((r - y, r - x), (-2, -1))[..., :P, :P] for y, x in places])

fig, axes = plt.subplots(1, 9, figsize=(10, 2.1), width_ratios=[2.1] + [1] * 8, layout="constrained")
for axis, pixels in zip(axes, [picture, *some], strict=True):
    axis.imshow(pixels.squeeze(), vmin=-1, vmax=1)
    axis.set(xticks=[], yticks=[])
for number, (y, x) in enumerate(places, 1):
    plotting.patch_outline(axes[0], y, x, P)
    axes[0].text(x, y, number, ha="center", va="center", fontsize=8, bbox={"fc": "white", "ec": "none", "pad": 1})
    axes[number].set_title(number)
show(
    fig,
    alt="A training image with the outlines of eight 5 by 5 windows, numbered at their centres, and beside it the "
    "eight patches: pieces of sleeve and body; those at the corners and at the upper edge wrap around.",
)

# %%
inside = (H - 2 * r) * (W - 2 * r)
print(f"{H * W} patches: {inside} lie inside, {H * W - inside} wrap around")
wraps = torch.ones(H, W, dtype=torch.bool)
wraps[r:-r, r:-r] = False
black = F.avg_pool2d(F.pad((picture < -0.9).float(), [r] * 4, mode="circular"), P, stride=1)[0, 0]  # of each patch
print(f"black pixels: {black[wraps].mean():.0%} of a patch that wraps, {black[~wraps].mean():.0%} of one inside")
assert (inside, H * W - inside) == (144, 112)
assert round(100 * float(black[wraps].mean())) == 74 and round(100 * float(black[~wraps].mean())) == 21

# %% [markdown]
# 112 of 256 wrap: at this size a border is not a small matter. They show mostly background, and join opposite sides of
# the picture. On the torus we accept it; lesson 08 will not. And this is the whole dictionary:


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
# **Predict.** With all 2,000 images, how many megabytes would the table take? The package's machine streams through the
# dictionary and keeps a running sum instead (lesson 13). Do both agree?

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
# $P \times P$). **Predict:** which machine is which combination?


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
# Four machines, one function. (One small thing changes along: without displacements a window ends at the border, as in
# lesson 04; with them it wraps around. Section 6 checks what that does.)
#
# ## 5. Four machines, one noise (7 minutes)
#
# Now the experiment of the lesson: four seeds, four machines, the same sampler. The windows of LS and ELS shrink as the
# noise falls, from 15 to 3 pixels, as measured on the network (lesson 09 shows how).
#
# **Predict.** Two switches make a table of two by two: the window (whole image, or $P \times P$) and the displacements
# (none, or all). In which of its four squares do you expect training images? Shifted ones? And which machine ends
# furthest from all of them?

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
    distances = [torch.cdist(samples.roll(d, (-2, -1)).flatten(1), images.flatten(1)).amin(1) for d in every]
    return torch.stack(distances).amin(0)


plain = {name: els.nearest_training_image(stored[name][:20], images)[1] for name in drawn}
shifted = {name: nearest_shifted(stored[name][:20], images) for name in drawn}
new = els.load("fashion-mnist", size=16, n=2100).images[2000:]  # nobody in this lesson has seen these
plain["new garments"], shifted["new garments"] = (
    els.nearest_training_image(new, images)[1],
    nearest_shifted(new, images),
)
print("medians of 20 seeds, and of 100 new garments:")
print("                     to a training image   to a shifted one")
for name in plain:
    print(f"{name:12s} {plain[name].median():20.2f} {shifted[name].median():18.2f}")

# %%
assert plain["is"].max() < 0.05 and shifted["es"].max() < 0.05
assert abs(plain["ls"].median() - 3.91) < 0.02 and abs(shifted["els-circular"].median() - 5.04) < 0.02
assert abs(shifted["new garments"].median() - 2.83) < 0.01 and shifted["els-circular"].min() > 1
assert all(max(d, key=lambda name: d[name].median()) == "els-circular" for d in (plain, shifted))
halves = torch.cat([new[:50, ..., : W // 2], new[50:, ..., W // 2 :]], dim=-1)
beside = {"halves of two new garments": halves, "network, the same 20 seeds": stored["network-150"][:20]}
for (name, samples), said in zip(beside.items(), (5.23, 4.85), strict=True):
    distance = nearest_shifted(samples, images).median()
    print(f"{name}: {distance:.2f} to a shifted training image")
    assert abs(distance - said) < 0.02

# %% [markdown]
# IS: every sample *is* a training image. ES: every sample is one, displaced. LS: new pictures, 3.9 away, each still in
# the middle of the canvas. ELS: 5.0 away even from the nearest of 512,000 shifted images, where a new real garment is
# 2.8. Of the four, with **both** switches on, it ends furthest.
#
# Far is not yet good: halves of two garments, pasted together, lie 5.2 away. But a trained network draws nearly as far
# away (4.85). Section 6 compares the pictures one by one.
#
# And since all places are alike, such a machine *cannot* put a shoe's sole at the lower edge of the canvas. It knows up
# from down, but no place.

# %% [markdown] tags=["slide"]
# ## 6. Which of the four is the network? (6 minutes)
#
# A network with circular convolutions was trained on these 2,000 images. It drew from the same 100 seeds, in 150 steps
# (why not 20: lesson 11). You know IS and LS (below 0.1) and ES (0.57) from lesson 06. **Predict** ELS.

# %% tags=["slide"]
target = stored["network-150"]
r2 = {name: els.compare(stored[name], target).r2 for name in drawn}
for name, values in r2.items():
    low, middle, high = values.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=values.dtype))
    print(f"{name:12s} median r2 {middle:.2f}   quartiles {low:.2f} to {high:.2f}")

# %% tags=["slide"]
fig = plotting.image_rows(
    {
        "IS": stored["is"][:8],
        "ES": stored["es"][:8],
        "LS": stored["ls"][:8],
        "ELS": stored["els-circular"][:8],
        "network": target[:8],
    },
    notes=[f"ELS: r2 {value:.2f}" for value in r2["els-circular"][:8]],
)
show(
    fig,
    alt="Five rows of eight samples from the same noise. The last two rows, ELS and the trained network, show the "
    "same shapes; IS, ES and LS show other pictures.",
)

# %% tags=["slide"]
middle = {name: values.median().item() for name, values in r2.items()}
others = torch.stack([r2["is"], r2["es"], r2["ls"]]).amax(0)
behind = r2["els-circular"] <= others
print(f"ELS predicts better than each of the other three: {100 - behind.sum()} of 100 seeds; else it is ES")
assert behind.sum() <= 10 and (r2["es"] >= r2["els-circular"])[behind].all()
assert abs(middle["els-circular"] - 0.83) < 0.01 and abs(middle["es"] - 0.57) < 0.01
assert abs(middle["is"] - 0.04) < 0.006 and abs(middle["ls"] - 0.09) < 0.006 and r2["els-circular"][7] < 0.01
wrapped, cut = results["ls_torus"], stored["ls"][:20]  # LS with windows that wrap around, and that end at the border
same = els.compare(wrapped, cut).r2.median().item()
apart = [els.compare(ls, target[:20]).r2.median().item() for ls in (wrapped, cut)]
print(f"LS, wrapped or cut, 20 seeds: r2 {same:.2f}; with the network {apart[0]:.2f} and {apart[1]:.2f}")
assert abs(same - 0.95) < 0.01 and max(apart) < 0.1
padded = els.load_results("fashion-mnist-16-resnet-zeros")  # the other network, which pads with zeros
for name, said in (("ls", 0.85), ("els-zeros", 0.91)):
    there = els.compare(padded[name], padded["network-150"]).r2.median()
    print(f"with the zero-padded network, {name}: median r2 {there:.2f}")
    assert abs(there - said) < 0.006

# %% [markdown] tags=["slide"]
# ELS draws what the network draws, seed by seed; even seed 7, where both leave the canvas almost empty (r2 divides the
# contrast out, and says 0). Displacements matter more here: without them a window gets from 0.04 to 0.09 only, with
# them from 0.57 to 0.83. ES finds the same large shapes at the same places of the torus, and fills them with a memory.
# (The memory earns nothing: the best *linear* filter that knows no place has 0.57 as well, lesson 06.) IS and LS insist
# on garments in the middle of the canvas, where this network knows no middle; LS no less if its windows wrap around.
#
# (In lesson 04 LS reached 0.85: that network pads with zeros and knows its place. Which machine a network is like
# depends on what it is blind to. With zeros ELS, too, learns its place, and has 0.91 there: lesson 08.)

# %% [markdown] tags=["slide"]
# ## 7. Where does a pixel come from? (9 minutes)
#
# A weighted mean can name its sources. At the last evaluation, $t = 0.05$, take the heaviest voter of each pixel, and
# colour the pixel by the training image the voter belongs to. Background is left out: thousands of patches are the same
# black square, so its source is an accident of counting.
#
# **Predict** the four maps, for IS, ES, LS and ELS.


# %%
def sources(machine, x_t, pictures, t=0.05):
    """Per pixel of each picture, the training image of the heaviest voter, (B, H, W); -1 on background."""
    winner = machine.posterior(x_t, t, top=1).image[..., 0]  # (B, H, W), or (B,) for whole images
    winner = winner if winner.ndim == 3 else winner[:, None, None].expand(-1, H, W)
    return winner.where(pictures[:, 0] > -0.9, -1)


pictures = torch.cat([samples[:1] for samples in drawn.values()])
last = {name: path[-2][1][:1] for name, path in paths.items()}  # x_t at t = 0.05
maps = torch.cat([sources(machines[name], last[name], drawn[name][:1]) for name in drawn])

# %% tags=["slide"]
counts = [len(source[source >= 0].unique()) for source in maps]
fig = plotting.provenance_map(
    pictures,
    maps,
    titles=[f"{n}: {c} source{'s' * (c > 1)}" for n, c in zip(("IS", "ES", "LS", "ELS"), counts, strict=True)],
)
show(
    fig,
    alt="Samples of the four machines from one noise, and below each the map of its sources: one colour for IS and "
    "for ES, many pieces for LS, and for ELS almost every pixel from another training image.",
)

# %%
pixels = int((maps[3] >= 0).sum())
print(f"{counts[3]} sources for the {pixels} pixels of the ELS sample that are not background")
formula = machines["els-circular"]
voter, lit = formula.posterior(last["els-circular"], 0.05, top=1), maps[3] >= 0
first_weight = voter.weight[0][lit].median()
print(f"weight of the heaviest voter there, median: {first_weight:.2f}")
assert 0.3 < first_weight < 0.4
assert counts[:2] == [1, 1] and abs(counts[2] - 80) <= 2 and abs(counts[3] - 121) <= 2 and abs(pixels - 139) <= 2
assert abs(int((maps[2] >= 0).sum()) - 128) <= 2


# %%
def read(x_t, pictures):
    """Of pictures that ELS reads: sources per pixel, and how many neighbours are of one image and one displacement."""
    vote, lit = formula.posterior(x_t, 0.05, top=1), pictures[:, 0] > -0.9
    image, place = vote.image[..., 0], vote.location[..., 0, :]
    piece = torch.cat([(place - torch.tensor(every).view(H, W, 2)) % H, image[..., None]], dim=-1)
    pairs = [(lit & lit.roll(1, axis), (piece == piece.roll(1, axis)).all(-1)) for axis in (1, 2)]
    of_one = sum(int((both & same).sum()) for both, same in pairs) / sum(int(both.sum()) for both, _ in pairs)
    return sum(len(m[on].unique()) / int(on.sum()) for m, on in zip(image, lit, strict=True)) / len(lit), of_one


eps = els.seeded_noise(range(6), circular.shape)
for who, x_t, shown, said in (
    ("the sample", last["els-circular"], pictures[3:], (0.87, 0.03)),
    ("new garments", els.add_noise(new[:6], eps, 0.05), new[:6], (0.83, 0.04)),
    ("training images", els.add_noise(images[:6], eps, 0.05), images[:6], (0.50, 0.31)),
):
    per_pixel, of_one = read(x_t, shown)
    print(f"{who}: {per_pixel:.2f} sources for each pixel; neighbours of one image at one displacement: {of_one:.1%}")
    assert abs(per_pixel - said[0]) < 0.02 and abs(of_one - said[1]) < 0.012

# %% [markdown]
# One source, one source, 80 for 128 pixels, and 121 for 139. (Look at the lines: there are more sources than colours.
# LS, too, ends with windows of 3 pixels, so its pieces are small; but each still lies where it lay in its own image.)
#
# The paper calls such a picture a **patch mosaic**: what stands at a pixel comes from the centres of training patches
# that fit its surroundings. Pieces are small: in the map of ELS 3 % of neighbouring pixels come from one image at one
# displacement, in a *new real* garment, read by the same machine, 4 %, in a *training image* 31 %.
#
# Mind what is counted. A window of 3 pixels fits many images: the new garment has nearly as many sources, the training
# image one for every second pixel, and the heaviest voter has only a third of the weight. That pieces come from
# everywhere is how this machine works; that the picture is not a copy is what the distances of section 5 say.

# %% [markdown] tags=["slide"]
# Now point at a pixel yourself. The explorer of section 7 shows its window at $t = 0.25$ (there $P = 5$), the four
# patches that voted most for it, where in their images they lie, and their weights. **Before you click:** how often are
# two of the four of one class? And how many of the voters lie at the pixel's own place?

# %%
t_early, x_early, _ = paths["els-circular"][15]
widgets.MosaicExplorer.of(formula, x_early, drawn["els-circular"][:2], t_early, top=4)

# %%
post = formula.posterior(x_early, t_early, top=4)
lit = drawn["els-circular"][:2, 0] > -0.9  # the pixels that are not background
classes = circular.data.labels[post.image[lit]]  # (pixels, 4)
one_class = ((classes[:, :, None] == classes[:, None]).sum((1, 2)) - 4).double().mean().item() / 12  # 12 pairs
same_place = (post.location[lit] == lit.nonzero()[:, None, 1:]).all(-1).float().mean().item()
by_chance = (circular.data.labels.bincount() / N).square().sum().item()
print(f"two voters of one pixel are of one class: {one_class:.0%} of the pairs, by chance {by_chance:.0%}")
print(f"voters that lie at the pixel's own place: {same_place:.1%}, by chance {1 / (H * W):.1%}")
assert abs(one_class - 0.29) < 0.015 and abs(by_chance - 0.1) < 5e-3 and abs(same_place - 0.006) < 0.003

# %% [markdown]
# 29 % of the pairs are of one class, by chance it would be 10 %: the class matters, but most pairs cross it. A piece of
# an edge is a piece of an edge, on a shoe or on a sleeve. And fewer than one voter in a hundred lies where the pixel
# lies: this machine knows no place.

# %% [markdown]
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
# </details>

# %% [markdown] tags=["slide"]
# ## 8. How wide should a pixel look? (9 minutes)
#
# One and the same noisy picture ($t = 0.25$, on the way to our samples), seen through windows of different size. For
# every pixel the machine weighs 512,000 patches; the **posterior entropy** $-\sum_p w_p \ln w_p$ says among how many it
# hesitates (about $e^{\text{entropy}}$). The **provenance entropy** of exercise 3 says how mixed the winners are.
#
# **Predict.** When the window shrinks from 15 to 3, does a pixel hesitate more or less? And do the winners of different
# pixels come from more or from fewer images?

# %%
sizes = results["sizes"].tolist()
shown = stored["els-circular"][0, 0] > -0.9  # the pixels that are not background
mixed = []
for size, stored_entropy in zip(sizes, results["entropy"][:, 0], strict=True):
    post = formula.with_patch_size(size).posterior(x_early[:1], t_early, top=1)
    entropy = post.entropy[0][shown].mean()
    counts = post.image[0, ..., 0][shown].unique(return_counts=True)[1]  # pixels won by each training image
    mixed.append(torch.distributions.Categorical(counts / counts.sum()).entropy().item())
    print(
        f"P = {size:2d}: posterior entropy {entropy:4.2f} (about {entropy.exp():8,.1f} patches per pixel), "
        f"provenance entropy {mixed[-1]:.2f}"
    )
    assert (entropy - stored_entropy).abs() < 0.02
assert mixed == sorted(mixed, reverse=True) and mixed[0] - mixed[-1] > 1.5

# %% [markdown]
# Left, the same for seven seeds (the eighth, seed 7, draws an empty canvas). Right, the error of ELS on 100 new
# garments (stored: lesson 14). **Predict:** does a pixel that sees more guess better?

# %% tags=["slide"]
seven = {name: results[name][:, :7].double().mean(1) for name in ("entropy", "images")}
guess = els.load_results("14_guess")["losses on new pictures, fashion-mnist-16-resnet-circular"]  # of eps, t by P
error = {t: guess[round(20 * t) - 1] * (schedule.sigma(t) / schedule.alpha(t)) ** 2 for t in (0.5, 0.3, 0.15)}
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
left.plot(sizes, seven["entropy"], "o-")
left.set(xlabel="patch size P", ylabel="posterior entropy (nats)", xticks=sizes, title="how undecided is a pixel?")
for t, of_size in error.items():
    (line,) = right.semilogy(sizes, of_size, "o-", label=f"t = {t}")
    right.plot(sizes[of_size.argmin()], of_size.min(), "o", ms=11, mfc="none", mec=line.get_color())
right.set(xlabel="patch size P", ylabel="mean squared error", xticks=sizes, title="how wrong, on new garments?")
right.legend()
show(
    fig,
    alt="Two panels against the patch size. Left, the posterior entropy of a pixel falls. Right, the error on new "
    "garments at three times: at 0.5 it falls, at 0.3 it is least at 7 pixels, at 0.15 it rises from 5 on.",
)

# %%
pixels = (stored["els-circular"][:7, 0] > -0.9).sum((1, 2)).double()
blind = (N * (1 - (1 - 1 / N) ** pixels)).mean()
for name, ends in {"entropy": (9.43, 0.40), "images": (102, 9.3)}.items():  # with P = 3, and with P = 15
    mean = seven[name]
    print(f"{name:8s}", "  ".join(f"P={size}: {value:.3g}" for size, value in zip(sizes, mean, strict=True)))
    assert (mean.diff() < 0).all() and all(abs(a / b - 1) < 0.02 for a, b in zip(mean[[0, -1]], ends, strict=True))
print(f"images, if each winner were drawn blindly: {blind:.0f}")
best = {t: (sizes[of_size.argmin()], round(of_size.min().item(), 4)) for t, of_size in error.items()}
print("t: (best P on new garments, its error)", best)
assert abs(blind - 111) < 1 and (best[0.5][0], best[0.3][0]) == (15, 7)
assert (error[0.15][1] / error[0.15][0] - 1).abs() < 0.01  # 3 and 5 pixels

# %% [markdown] tags=["slide"]
# A pixel that sees 15 pixels across finds one patch that fits, and so does its neighbour, in the same image: nine
# images make a picture. One that sees 3 hesitates among some ten thousand patches, and which one wins says little: the
# winners come from 102 images, drawn blindly it would be 111.
#
# No size is best at every noise: on new garments it is 15, the widest tried, at $t = 0.5$, 7 at 0.3, and 3 or 5 alike
# at 0.15, where no memory fits a wide window.
#
# And the picture? Drag the slider of section 8: ELS with one fixed size from beginning to end, same eight seeds.
# **Predict** what 3 pixels give, and 15.

# %%
widgets.PatchSizeExplorer.of({size: results["mosaics"][i] for i, size in enumerate(sizes)})

# %%
print("distance to the nearest shifted training image, median of eight seeds; how many are one:")
copies = []
for size, samples in zip(sizes, results["mosaics"], strict=True):
    distance = nearest_shifted(samples, images)
    copies.append(int((distance < 0.01).sum()))
    print(f"P = {size:2d}: {distance.quantile(0.5):.2f}, {copies[-1]} of 8")

# %%
alike = els.compare(results["mosaics"][sizes.index(15)], stored["es"][:8]).r2.median().item()
print(f"median r2 of ELS with P = 15 and ES: {alike:.2f}")
assert copies == [0, 0, 0, 0, 0, 4, 8] and alike > 0.8

# %% [markdown] tags=["slide"]
# With 3 pixels: texture without form, as nothing agrees further than that. With 13 of 16, four of the eight are a
# shifted training image, exactly. With 15, all eight are. The *same* machine remembers or invents, depending on what a
# pixel can see. The windows measured on the network start wide, which settles the layout, and end at 3, which settles
# the pixels.
#
# ## 9. Who copes with new garments? (8 minutes)
#
# So far the machines were compared by what they draw. And the loss that the network was trained with? Here it is, at
# four times, as the error of the clean image, on 100 training images and on 100 images that nobody was trained on.
# Beside them stands the best linear filter, which sees the whole image and recognises none.
#
# **Predict:** who has the lowest on the training images? Where is the network? And who is best on the new ones?

# %% tags=["slide"]
times, losses, apart = results["times"].tolist(), results["losses"], results["apart"]  # (times, denoisers, 2)
names = ["IS", "ES", "LS", "ELS", "network", "linear"]
panels = {"error, training images": losses[..., 0], "error, new images": losses[..., 1],
          "distance from the network's answers, new": apart[..., 1]}  # fmt: skip
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3), sharey=True, layout="constrained")
for axis, (title, table) in zip(axes, panels.items(), strict=True):
    for row, name in enumerate(names):
        if table[:, row].any():
            style = {"network": "ko--", "linear": "s:"}.get(name, "o-")
            axis.semilogy(times, table[:, row], style, ms=4, label=name)
    axis.set(xlim=(0.95, 0.1), ylim=(0.002, 0.6), xlabel="time t (noise on the left)")
    axis.set_title(title, fontsize=10)
axes[0].set_ylabel("mean square")
axes[1].legend(ncols=2, fontsize=8)
show(fig, alt="Three panels against time. On training images IS and ES fall out of the picture. On new images they "
     "stop at 0.04, and below t = 0.4 LS, ELS, the linear filter and the network are lower. In the third panel ELS is "
     "lowest at all four times.")  # fmt: skip

# %%
x_0, eps = images[:100], els.seeded_noise(range(1000, 1100), circular.shape)
for row, denoiser in ((0, machines["is"]), (4, circular.network), (5, els.WienerFilter(images, schedule))):
    today = (denoiser(els.add_noise(x_0, eps, 0.5), 0.5) - x_0).square().mean()  # three of the six again, at t = 0.5
    assert (today / losses[1, row, 0] - 1).abs() < 0.01
for what, table in (("error", losses), ("from the network", apart)):
    for t, both in zip(times, table, strict=True):
        pairs = (f"{n} {e[0]:.3f} / {e[1]:.3f}" for n, e in zip(names, both, strict=True))
        print(f"{what}, t = {t}, training / new: ", *pairs)
# The numbers in the text, checked: nothing to learn here. Thousandths; rows IS, ES, LS, ELS, network, linear filter
(first, first_new), (half, half_new), (third, third_new), (low, low_new) = (1000 * losses).round().mT.tolist()
assert (first, first_new) == ([164, 312, 182, 322, 326, 174], [171, 321, 186, 331, 336, 179])
assert (half, half_new) == ([12, 19, 40, 58, 58, 61], [47, 48, 44, 56, 53, 59])
assert (third, third_new) == ([0, 0, 19, 27, 22, 34], [42, 41, 24, 27, 21, 33])
assert (low[:5], low_new[:5]) == ([0, 0, 8, 10, 8], [42, 40, 11, 10, 8]) and losses[3, 5].sub(0.0155).abs().max() < 2e-4
assert (apart[:, [0, 1, 2, 3, 5]].argmin(1) == 3).all() and abs(apart[1, 3, 1] - 0.0107) < 2e-4
assert all(best[t][1] > 1.15 * losses[i, 4, 1] for i, t in ((2, 0.3), (3, 0.15)))  # whatever the window

# %% [markdown]
# The constraints cost: at $t = 0.5$ ELS errs five times as much as IS on the training images. The network pays as much
# (both 0.058). Equal losses need not be equal answers: but of the five, ELS is the one whose answers lie nearest to the
# network's, at each of the four times, on both sets (at $t = 0.9$ narrowly before ES). Near is not equal: at $t = 0.5$
# they are 0.011 apart, a fifth of the loss.
#
# As the noise falls the network gets ahead of ELS: 0.022 against 0.027 at $t = 0.3$, 0.008 against 0.010 at $t = 0.15$.
# By section 2 no equivariant denoiser that sees only *these windows* errs less than ELS on the training images. So the
# network sees more (lesson 14). Nor is that all: on new garments no window from 3 to 15 takes ELS as far (0.025 and
# 0.011 at best, section 8; the network 0.021 and 0.008).

# %% [markdown]
# IS is good on the training images because it recognises them. On new ones its error stays at 0.04, however little
# noise there is. A small window keeps a denoiser from recognising: ELS errs alike on both, and at $t = 0.15$ has 0.010,
# a quarter of that. (It is not the only way: the linear filter sees all, cannot recognise, and has 0.015.) With more
# noise it is the other way round: at $t = 0.5$ and 0.9 IS and ES, which see the whole image, err less than ELS on new
# garments, too.

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * The best denoiser that is local **and** equivariant is a regression from noisy patches to their centres: a softmax
#   over all patches of all images at all places.
# * All four machines are one formula with two switches: which displacements, which window.
# * IS draws a training image, ES a shifted one. Locality alone already draws new pictures, but every piece stays in its
#   place; with equivariance each pixel may come from anywhere: patch mosaics.
# * The network with circular convolutions draws what ELS draws (median r2 0.83). Its training loss stays with the local
#   machines', where the ideal denoiser's goes to zero, and its answers are nearest to those of ELS.
# * Smaller windows: more hesitation, more sources. A small window keeps a denoiser from recognising, which serves new
#   garments where there is little noise; where there is much, the whole picture serves better.
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
