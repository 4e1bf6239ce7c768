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
# # 03 · A trained network does something else
#
# **You will** train a small network to remove noise, start it from the same noise as the ideal denoiser, and measure
# how new its pictures are. Then you will question the network: how far does it look, and does it know where it is?
#
# **You will learn** how a network with the same goal as the ideal denoiser differs from it: in its loss, on new
# pictures, and in what it draws. You will find two clues to the reason, and ask whether a linear denoiser shows them,
# too.
#
# **You need** lessons 01 and 02, and what a convolution is.
#
# **Time** 80 minutes. If time is short: sections 1, 3, 5, 6 and 7. (Run all cells first: a section needs the cells
# above it.)

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown] tags=["slide"]
# ## 1. What the network is asked (6 minutes)
#
# Lesson 02 found the function that minimises the training loss: a formula that can only remember. In practice nobody
# draws with it. People train a **network** on that same loss.
#
# Ours is plain: eight convolutions of $3 \times 3$. Around each of the middle six, a shortcut adds that layer's input
# to its output. Such a network is called a **ResNet**. A nonlinear function, applied to each number by itself, precedes
# every convolution except the first. The network sees $x_t$ and $t$, and returns $\hat\epsilon$, **its estimate of the
# noise** inside $x_t$. (The time enters as numbers that the middle six layers add, the same at every pixel. In the
# network below, 2,176 weights make them.)

# %%
torch.manual_seed(0)
network = els.ResNet(width=16)
print(network.up, *network.convs[:1], "... (six of this kind in all) ...", network.down, sep="\n")
print(f"{sum(p.numel() for p in network.parameters()):,} parameters")
for_t = [*network.condition.parameters(), *network.shifts.parameters()]  # the weights that work on t
assert len(network.convs) == 6 and sum(p.numel() for p in for_t) == 2176

# %% [markdown] tags=["slide"]
# The loss, for a picture $x_0$, noise $\epsilon$ and a time $t$, is the mean over all pixels of
#
# $$\big(\epsilon - \hat\epsilon(x_t, t)\big)^2, \qquad x_t = \alpha\, x_0 + \sigma\, \epsilon .$$
#
# As in lesson 01, $\alpha$ dims the picture and $\sigma$ scales the noise. In training, $x_0$, $\epsilon$ and $t$ are
# drawn anew at every step. A network that always answers 0 has a loss of about 1, the variance of the noise.

# %% [markdown]
# ### Exercise 1: The loss of a denoiser (8 minutes, ★☆☆)
#
# The ideal denoiser returns a clean picture, $D(x_t, t)$, not the noise. To put it on the same scale as a network, we
# first have to turn its guess into a noise estimate (lesson 01). Write the loss of *any* denoiser, at one $t$, for
# given pictures and noise. `alpha` and `sigma` are the values of $\alpha$ and $\sigma$ at that $t$.


# %%
def loss_at(denoiser, x_0, eps, t, alpha, sigma):
    """denoiser(x_t, t) -> x0_hat; x_0 and eps of shape (B, C, H, W) -> the mean of (eps - eps_hat)^2, one number."""
    ...


check.loss_at(loss_at)

# %% [markdown]
# Stuck? `check.hint("loss_at")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def loss_at(denoiser, x_0, eps, t, alpha, sigma):
#     x_t = alpha * x_0 + sigma * eps
#     eps_hat = (x_t - alpha * denoiser(x_t, t)) / sigma
#     return (eps - eps_hat).square().mean()
# ```
#
# The error of the noise estimate is $\alpha/\sigma$ times the error of the picture. So a loss on the noise forgives a
# bad picture where there is much noise, and is strict where there is little.
# </details>

# %% [markdown] tags=["slide"]
# ## 2. Train one (8 minutes)
#
# Your network has 16 channels and takes 1,000 steps with 64 pictures each: a minute or so on a laptop. Read on
# meanwhile. We shall plot its loss beside two others: that of the network that comes with the course (64 channels,
# 8,000 steps of 128 pictures), and the **lowest that is possible** on these training pictures, the loss of the ideal
# denoiser.
#
# **Predict.** At the end of lesson 02 you guessed how far the big network stays above the ideal denoiser. With four
# times the channels and sixteen times as many pictures seen, how far below yours will its loss end?

# %%
# ema: what we keep is a moving average of the weights, over the last hundred steps or so
plan = els.TrainingPlan(steps=1000, batch=64, learning_rate=3e-3, ema=0.99, precision="float32")
tiny_module, tiny_curve = els.train(network, lab.data, plan, device=lab.device, progress=False)
tiny = els.NetworkDenoiser(tiny_module.eval().requires_grad_(False))

# %% [markdown]
# The next cell measures the loss of *any* denoiser at 20 values of $t$. The figure needs their mean for the ideal
# denoiser.

# %%
ideal = lab.machine("is")
times = [(i + 0.5) / 20 for i in range(20)]


@torch.no_grad()
def losses(denoiser, images, seed=1000):
    """The mean of (eps - eps_hat)^2 over the pixels, at each of the 20 times for another quarter of 2,000 images."""
    result = []
    for i, t in enumerate(times):
        x_0 = images[i % 4 : 2000 : 4]  # so each image is used at five of the times
        eps = torch.randn(x_0.shape, generator=torch.Generator().manual_seed(seed + i)).to(images)
        x_t = els.add_noise(x_0, eps, t)
        result.append((eps - els.noise_from_denoiser(denoiser(x_t, t), x_t, t)).square().mean((1, 2, 3)).cpu())
    return torch.stack(result)


lowest = losses(ideal, lab.data.images).mean().item()

# %% tags=["slide", "hide-input"]
big_curve = lab.network.card["loss_curve"]["values"]  # one point per 100 steps
big_width = lab.network.module.up.out_channels

fig, ax = plt.subplots(figsize=(7, 3.2))
ax.plot(range(100, 1100, 100), tiny_curve, label="yours: 16 channels")
ax.plot(range(100, 100 * len(big_curve) + 1, 100), big_curve, label=f"the course's: {big_width} channels")
ax.axhline(lowest, color=plotting.INK, ls=":", label="ideal denoiser")
ax.set(xscale="log", yscale="log", xlabel="training steps", ylabel="loss")
ax.set_xticks((100, 1000, 8000), ("100", "1,000", "8,000"))
ax.set_yticks((0.007, 0.01, 0.03, 0.1, 0.3), ("0.007", "0.01", "0.03", "0.1", "0.3"))
ax.minorticks_off()
ax.legend(loc="center right", bbox_to_anchor=(1, 0.4))
show(
    fig,
    alt="Training loss against steps, both axes logarithmic: both networks fall ever more slowly, yours to about "
    "0.11 after 1,000 steps, the course's to below 0.08 after 8,000, far above the dotted line of the ideal denoiser, "
    "at 0.007.",
)

# %% tags=["hide-input"]
print(f"loss at the end: yours {tiny_curve[-1]:.3f}, the course's {big_curve[-1]:.3f}, lowest possible {lowest:.4f}")
print(f"the course's loss from 4,000 to 8,000 steps: {big_curve[79] / big_curve[39] - 1:+.1%}")
if lab.profile == "laptop":  # the numbers in the text are those of the laptop lab
    assert 0.105 < tiny_curve[-1] < 0.125 and 0.6 < big_curve[-1] / tiny_curve[-1] < 0.73
    assert 0.075 < big_curve[-1] < 0.08 and 0.0065 < lowest < 0.0075
    assert tiny_curve[2] < big_curve[2] and big_curve[-1] > 10 * lowest
    assert abs(big_curve[79] / big_curve[39] - 0.93) < 0.005

# %% [markdown] tags=["slide"]
# The big network's loss is a third lower than yours, yet more than ten times the lowest possible. It still falls, but
# slowly: by 7 % in the last doubling of the steps. (Yours leads at first.)
#
# Is such a network any good? Let it draw.
#
# **Predict.** The two networks differ in size and in training. From the same noise, will they draw similar pictures?
# And the best **linear denoiser** (lesson 01; in code `lab.machine("wiener")`), which answers with a constant plus one
# weighted sum of all noisy pixels?

# %%
seeds = range(10)
noise = els.seeded_noise(seeds, lab.shape).to(lab.device)
network_drew = els.sample(lab.network, noise, steps=150)
tiny_drew = els.sample(tiny, noise, steps=150)

stored = els.load_results(lab.network.name)  # drawn before, from the noise of 100 seeds
others = {"yours": tiny_drew, "linear denoiser": stored["wiener"][:10].to(lab.device)}
alike = {name: els.compare(drew, network_drew).r2.quantile(0.5).item() for name, drew in others.items()}

# %% tags=["slide", "hide-input"]
rows = {"yours": tiny_drew, "the course's": network_drew, "linear denoiser": others["linear denoiser"]}
fig = plotting.image_rows(rows, titles=[f"seed {s}" for s in seeds])
show(fig, alt="Three rows of ten drawings from the same noise. Most columns show the same rough shape three times; the "
     "tiny network's drawings are coarser and more contrasted, the linear denoiser's grainy.")  # fmt: skip

# %% tags=["hide-input"]
print("median r2 with the course's network:", ", ".join(f"{name} {v:.2f}" for name, v in alike.items()))
if lab.profile == "laptop":
    assert 0.6 < alike["yours"] < 0.8 and abs(alike["linear denoiser"] - 0.76) < 0.006

# %% [markdown] tags=["slide"]
# Roughly, yes: from the same noise, all three draw similar shapes. The median of r2 with the course's network (the
# squared correlation of the pixels) is about 0.7 for yours, and 0.76 for the linear denoiser.

# %% [markdown] tags=["slide"]
# ## 3. Same noise, same goal (5 minutes)
#
# From now on, "the network" is the one that comes with the course: 64 channels, our 2,000 pictures. Unlike the network
# of lesson 00 it is told no class, so what it draws is not always a garment with a name. The ideal denoiser starts from
# the same ten pictures of noise.
#
# **Predict.** Below each of the network's drawings stands the training picture *nearest* to it, with the (Euclidean)
# distance between them. A copy has distance 0. From a training picture to the nearest other, the median is 3.0 (lesson
# 02). Will most of the network's drawings be nearer than that to a training picture, or further away?

# %%
ideal_drew = els.sample(ideal, noise, steps=20)
place, distance = els.nearest_training_image(network_drew, lab.data.images)

# %% tags=["slide", "hide-input"]
rows = {"ideal denoiser": ideal_drew, "network": network_drew, "nearest to it,\ndistance": lab.data.images[place]}
fig = plotting.image_rows(rows, notes=[f"{d:.1f}" for d in distance])
show(
    fig,
    alt="Ten columns: the ideal denoiser draws clean garments, the network other and often torn shapes. The training "
    "picture nearest to the network's drawing is a whole garment, at best of roughly the same outline; its distance, "
    f"below, is {distance.min():.1f} to {distance.max():.1f}, in the middle {distance.quantile(0.5):.1f}.",
)

# %% tags=["hide-input"]
_, distance_ideal = els.nearest_training_image(ideal_drew, lab.data.images)
print("distance to the nearest training picture:")
print(f"ideal denoiser at most {distance_ideal.max():.4f}, network at least {distance.min():.1f}")
if lab.profile == "laptop":
    assert distance_ideal.max() < 0.01 and distance.min() > 2 and (distance > 3).sum() == 9

# %% [markdown]
# The ideal denoiser's distances are all 0: it copies. The network does not: nine of its ten drawings are further than
# 3.0 from the training set. But is a distance of 5 large for a *new* picture?

# %% [markdown]
# ### Exercise 2: A score for novelty (7 minutes, ★★☆)
#
# A distance needs a unit. Ours is how far a **new real picture** lies from the training set. So divide each distance to
# the nearest training image by the *median* of that distance over real pictures that were held out of training.


# %%
def novelty_score(x, images, held_out):
    """x (B, C, H, W), images (N, C, H, W), held_out (K, C, H, W) -> novelty (B,); 0 is a copy, 1 is as new as real."""
    ...


check.novelty_score(novelty_score)

# %% [markdown]
# Stuck? `check.hint("novelty_score")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def novelty_score(x, images, held_out):
#     def nearest(pictures):
#         return torch.cdist(pictures.flatten(1), images.flatten(1)).min(dim=1).values
#
#     return nearest(x) / nearest(held_out).median()
# ```
# </details>

# %% [markdown] tags=["slide"]
# ## 4. How new is new? (5 minutes)
#
# The network was trained on the first 2,000 of the 10,000 pictures that come with the course. The 2,000 after them are
# our **held-out** pictures: the network has never seen them. A picture's **novelty** is the score of Exercise 2: in
# units of the held-out pictures' median, and 0 for a copy. We compare these with 100 stored drawings of the network.
#
# **Predict.** By definition, the median novelty of held-out pictures is 1. Where will the network's drawings be: near
# 0, near 1 (if it has learned what garments are, and draws fresh ones), or beyond?

# %%
held_out = lab.held_out().images
drawings = stored["network-150"].to(lab.device)
novelty = {
    "ideal denoiser": els.novelty(stored["is"].to(lab.device), lab.data.images, held_out),
    "held-out pictures": els.novelty(held_out, lab.data.images, held_out),
    "network": els.novelty(drawings, lab.data.images, held_out),
}

# %% tags=["slide", "hide-input"]
fig, axes = plt.subplots(3, 1, figsize=(6.5, 3.8), sharex=True)
for ax, (name, values) in zip(axes, novelty.items(), strict=True):
    ax.hist(values.cpu(), bins=25, range=(0, 3), color="0.75", weights=torch.full((len(values),), 1 / len(values)))
    ax.axvline(values.cpu().quantile(0.5), color=plotting.ORANGE)
    ax.set_title(name, loc="left", fontsize=10)
axes[1].set_ylabel("share (scales differ)")
axes[2].set_xlabel("novelty (the line is the median)")
show(fig, alt="Three histograms of novelty: the ideal denoiser all at 0, held-out pictures around 1 with a tail, the "
     "network's drawings mostly between 1 and 2.3, further out than real pictures.")  # fmt: skip

# %% tags=["hide-input"]
off = (drawings[:10] - network_drew).abs()
assert (off.max() if lab.profile == "laptop" else off.mean()) < 0.01  # GPUs round more

beyond = (novelty["network"] > novelty["held-out pictures"].quantile(0.95)).sum().item()
for name, values in novelty.items():
    print(f"{name:<18} median {values.quantile(0.5):.2f}, smallest {values.min():.2f}")
print(f"{beyond} of 100 drawings are further out than 95 % of all held-out pictures")
others = {"network, 20 steps": stored["network-20"], "linear denoiser, cut": stored["wiener"].clamp(-1, 1)}
others["linear denoiser with windows"] = stored["local-filter"].clamp(-1, 1)
others["all black"] = -torch.ones_like(stored["noise"][:1])
others = {n: els.novelty(x.to(held_out), lab.data.images, held_out).quantile(0.5).item() for n, x in others.items()}
print("median novelty of others:", ", ".join(f"{name} {v:.2f}" for name, v in others.items()))
if lab.profile == "laptop":
    assert novelty["ideal denoiser"].max() < 0.01
    assert abs(novelty["network"].quantile(0.5) - 1.67) < 0.02 and novelty["network"].min() > 0.8
    assert 50 <= beyond <= 54 and abs(novelty["network"].min() - 0.81) < 0.01
    assert all(abs(v / at - 1) < 0.01 for v, at in zip(others.values(), (1.55, 1.47, 1.68, 0.79), strict=True))

# %% [markdown] tags=["slide"]
# No drawing is a copy: the smallest novelty is 0.81. The median is 1.67, and 52 of the 100 drawings lie further from
# the training set than 95 % of all real new pictures. **So it is not that the network has learned what garments are and
# draws fresh ones**: in that case, about five of the hundred would lie that far out.
#
# The drawings are new, and even **too** new: many are shapeless, some are torn to pieces. Novelty is not quality: an
# all-black picture scores 0.79. **Nor does novelty set networks apart.** With 20 steps for all, the network's drawings
# reach a median of 1.55, those of the linear denoiser, cut at black and white, 1.47, and those of one with windows (the
# linear filter of lesson 00) 1.68.

# %% [markdown] tags=["slide"]
# ## 5. New pictures (7 minutes)
#
# On the training pictures, the network's loss is eleven times that of the ideal denoiser. Now let both remove noise
# from **new** pictures, which neither has seen.
#
# **Predict.** Which of the two has the lower loss on held-out pictures, and does the network do worse there than on the
# pictures it was trained on?

# %%
on_training = {"ideal denoiser": losses(ideal, lab.data.images), "network": losses(lab.network, lab.data.images)}
on_held_out = {"ideal denoiser": losses(ideal, held_out), "network": losses(lab.network, held_out)}

# %% tags=["slide", "hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
for ax, title, found in zip(axes, ("training", "held-out"), (on_training, on_held_out), strict=True):
    for name, style in (("ideal denoiser", "o-"), ("network", "s--")):
        ax.plot(times, found[name].mean(1), style, ms=3, label=name)
    ax.set(title=f"{title} pictures", xlabel="time t", yscale="log", ylim=(1e-4, 50))
axes[0].set_ylabel("loss (below 0.0001 not shown)")
axes[1].legend(loc="upper right")
show(
    fig,
    alt="Loss against time. On training pictures the ideal denoiser's curve falls steeply below t = 0.5 and leaves the "
    "scale at t = 0.2; above t = 0.8 it is close to the network's. On held-out pictures the two cross at t = 0.5: "
    "above, the ideal one is lower, by up to 40 %, below, far higher, up to more than 10. The network's curves in the "
    "two panels look alike.",
)

# %%
# for comparison: the linear denoiser, which cannot hold a picture
wiener = lab.machine("wiener")
on_training["linear denoiser"] = losses(wiener, lab.data.images)
on_held_out["linear denoiser"] = losses(wiener, held_out)


# %% tags=["slide", "hide-input"]
def excess(name):
    """How much higher the mean loss is on held-out pictures, and the standard error of this difference."""
    seen, new = on_training[name].mean(0), on_held_out[name].mean(0)  # one number for every four pictures
    error = ((seen.var() + new.var()) / len(seen)).sqrt() / seen.mean()
    return (new.mean() / seen.mean() - 1).item(), error.item()


print("mean loss        training   held out  higher by (± standard error)")
for name in on_training:
    more, error = excess(name)
    print(f"{name:<15} {on_training[name].mean():9.4f} {on_held_out[name].mean():10.4f}", end="")
    print(f"  {more:+.1%} ± {error:.1%}" if more < 1 else "")
ideal_new, network_new = (on_held_out[name].mean(1) for name in ("ideal denoiser", "network"))
less = 1 - ideal_new / network_new
if lab.profile == "laptop":
    assert 10.5 < on_training["network"].mean() / on_training["ideal denoiser"].mean() < 11.5
    assert 1.75 < ideal_new.mean() < 1.85 and ideal_new[:4].sum() > 0.95 * ideal_new.sum()
    assert (less > 0).tolist() == [False] * 10 + [True] * 10 and abs(less.max() - 0.40) < 0.01
    found = torch.tensor([excess(name) for name in ("network", "linear denoiser")])
    assert (found - torch.tensor([(0.028, 0.010), (0.052, 0.009)])).abs().max() < 0.002

# %% [markdown] tags=["slide"]
# On new pictures the network's loss is **far lower**: 0.078, against the ideal denoiser's 1.8. Nearly all of that 1.8
# comes from low noise, where the ideal denoiser turns **every new picture into an old one**.
#
# Above $t = 0.5$ the ideal denoiser answers, as a rule, with a blend of pictures, and there its loss is *below* the
# network's even on new ones. (Near $t = 1$ this is no merit of the blend, because the network is poor there: lesson
# 11.)
#
# The network's loss is 3 % higher on new pictures than on its own. (The *standard error*, how far off a mean typically
# is by chance, is 1 %.) Is that memory? The linear denoiser's loss **rises by 5 %**, although it cannot hold a picture,
# only means and covariances. Perhaps the new pictures are harder? Train a second linear denoiser on them, and test each
# of the two on its own set and on the other's: then hardness cancels.

# %%
both_sets = lab.data.images, held_out
# each[i][j]: the loss of denoiser i on set j
each = [[losses(linear, some).mean() for some in both_sets] for linear in (wiener, els.WienerFilter(held_out))]

# %% tags=["hide-input"]
less = (each[1][0] - each[0][0] + each[0][1] - each[1][1]) / 2 / each[0][0]
print(f"the loss of a linear denoiser is lower on its own pictures by {less:.1%}")
if lab.profile == "laptop":
    assert abs(less - 0.036) < 0.001

# %% [markdown] tags=["slide"]
# On average, the loss on a set is 3.6 % lower for the denoiser that was trained on it. So most of the 5 % does not come
# from harder pictures. **So a few percent do not take memory**: a denoiser that cannot keep a picture has them, too.
# The network's 3 % proves nothing.
#
# What keeps the network from remembering: the way it is built, or too little time to train (lesson 14)? We begin
# with the first.

# %% [markdown] tags=["slide"]
# ## 6. First clue: where a pixel looks (8 minutes)
#
# From here on we treat the network as a denoiser: its noise estimate is turned into a picture, $D(x_t, t)$. The
# **receptive field** of a pixel of $D$ is the area of $x_t$ that it can depend on. Automatic differentiation shows it:
# we take the derivative of the middle pixel with respect to every input pixel. A convolution does not mind a larger
# canvas, so ours is $48 \times 48$.
#
# **Predict.** Eight convolutions of $3 \times 3$, one after the other. How wide is the area?

# %% tags=["slide"]
canvas = torch.randn(1, *lab.shape[:1], 48, 48, generator=torch.Generator().manual_seed(1000)).to(lab.device)
canvas.requires_grad_()
middle = lab.network(canvas, 0.5)[0, 0, 24, 24]
(influence,) = torch.autograd.grad(middle, canvas)
rows_seen, columns_seen = influence[0, 0].nonzero().T
height, width = (int(v.max() - v.min()) + 1 for v in (rows_seen, columns_seen))
print(f"the output pixel depends on {len(rows_seen)} input pixels, in a square of {height} x {width}")

# %% [markdown] tags=["slide"]
# 17 pixels, and beyond them exactly nothing. So in our pictures of $16 \times 16$ the middle pixel can see everything.
#
# Does it use all of that? Here is the size of the derivative, averaged over 100 held-out pictures, at four noise
# levels.
#
# **Predict.** When the noise is low, does the network look further, or less far?

# %%
eps = els.seeded_noise(range(1000, 1100), lab.shape).to(lab.device)
row, column = lab.shape[1] // 2, lab.shape[2] // 2  # the middle
window = slice(row - 2, row + 3), slice(column - 2, column + 3)


def look_of(denoiser, t):
    """How strongly the middle pixel of D depends on each pixel of x_t: mean |derivative| of 100 pictures, (H, W)."""
    x_t = els.add_noise(held_out[:100], eps, t).requires_grad_()
    (gradient,) = torch.autograd.grad(denoiser(x_t, t)[:, 0, row, column].sum(), x_t)
    return gradient.abs().mean((0, 1)).cpu()


levels = (0.9, 0.5, 0.2, 0.05)
looks = {t: look_of(lab.network, t) for t in levels}

# %% tags=["slide", "hide-input"]
if lab.profile == "laptop":
    assert (height, width) == (17, 17) and lab.shape[-1] == 16

fig, axes = plt.subplots(1, 4, figsize=(9, 2.6))
for ax, (t, look) in zip(axes, looks.items(), strict=True):
    picture = ax.imshow((look / look.max()).clamp(min=1e-3), cmap="viridis", norm="log", vmin=1e-3, vmax=1)
    plotting.patch_outline(ax, row, column, 5)
    ax.set(title=f"t = {t}", xticks=[], yticks=[])
fig.colorbar(picture, ax=axes, label="share of the largest value")
show(
    fig,
    alt="Four maps of how strongly the network's middle pixel depends on each input pixel, each relative to its "
    "largest. The bright area is broad at t = 0.9; at t = 0.05 only a few pixels inside the outlined 5 by 5 window "
    "are bright.",
)

# %% [markdown] tags=["slide"]
# Less far. But a derivative shows only what a *small* change does. So make two large ones: (1) exchange everything
# outside the outlined $5 \times 5$ window for what *another* noisy picture has there; (2) exchange everything but the
# middle pixel (which at low noise is nearly its own answer). The **share from outside** is how far (1) moves the middle
# pixel of $D$, divided by how far (2) moves it: near 1 if what lies outside decides, near 0 if the window does.
#
# **Predict.** Network, linear denoiser, ideal denoiser: for which of them does that share fall as the noise falls?

# %%
outside = torch.ones(lab.shape[1:], dtype=torch.bool, device=lab.device)
all_but_middle = outside.clone()
outside[window] = False
all_but_middle[row, column] = False


@torch.no_grad()
def moved_from_outside(denoiser, t):
    """How far new pixels outside the window move the middle of D, as a share of what all but the middle do (RMS)."""
    x_t = els.add_noise(held_out[:100], eps, t)
    answer, moves = denoiser(x_t, t)[..., row, column], [0, 0]
    for k in range(1, 6):  # five other pictures, with other noise
        for i, exchanged in enumerate((outside, all_but_middle)):
            mixed = torch.where(exchanged, x_t.roll(k, 0), x_t)
            moves[i] += (denoiser(mixed, t)[..., row, column] - answer).square().sum()
    return (moves[0] / moves[1]).sqrt().item()


denoisers = {"ideal denoiser": ideal, "linear denoiser": wiener, "network": lab.network}
moved = {name: [moved_from_outside(denoiser, t) for t in levels] for name, denoiser in denoisers.items()}

# %% tags=["hide-input"]
print("moved from outside:  t =", "   ".join(f"{t:<4}" for t in levels))
for name, found in moved.items():
    print(f"{name:<15} {'':7}", "   ".join(f"{v:<4.0%}" for v in found))
if lab.profile == "laptop":
    stated = ((0.68, 0.70, 0.69, 0.64), (0.65, 0.34, 0.22, 0.16), (0.67, 0.41, 0.21, 0.18))
    assert (torch.tensor(list(moved.values())) - torch.tensor(stated)).abs().max() < 0.01

# %% [markdown] tags=["slide"]
# The network's share falls from 67 % to 21 % at $t = 0.2$, and then hardly any further: **the less noise, the less far
# it looks**. But the linear denoiser's share falls as much, from 65 % to 22 %, although it knows only the pictures'
# means and covariances. The odd one out is the ideal denoiser, which stays above 60 %: *which* picture wins is decided
# by **all 256 pixels together**.
#
# So the first clue does not set networks apart: ours **shares it with the linear denoiser**, which has no window.
# Lessons 09, 10 and 14 ask how much of it is the network's own.

# %% [markdown] tags=["slide"]
# ## 7. Second clue: what happens to a shifted picture (8 minutes)
#
# A convolution does the same thing at every place. Shift the input, and the output should shift with it. A function
# that keeps this promise is called **equivariant** under shifts:
#
# $$D(S x_t, t) = S\, D(x_t, t), \qquad S = \text{shift by some rows and columns}.$$
#
# To keep the size of the picture, each convolution **pads** its input: our network puts zeros around it.


# %% [markdown]
# ### Exercise 3: Test any denoiser (8 minutes, ★★☆)
#
# Write the test of this promise. Shift, then denoise; also denoise, then shift. For every pixel, return the root mean
# square, over batch and channels, of the difference between the two answers. `shift` is (rows, columns) and wraps
# around: the contents move down and to the right, as in `torch.roll(x_t, shift, (-2, -1))`. Both answers come out
# shifted, so shift nothing back.


# %%
def shift_error(denoiser, x_t, t, shift):
    """denoiser(x_t, t) -> x0_hat, x_t of shape (B, C, H, W), shift (rows, columns) -> error of every pixel (H, W)."""
    ...


check.shift_error(shift_error)

# %% [markdown]
# Stuck? `check.hint("shift_error")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def shift_error(denoiser, x_t, t, shift):
#     shifted_first = denoiser(torch.roll(x_t, shift, dims=(-2, -1)), t)
#     shifted_last = torch.roll(denoiser(x_t, t), shift, dims=(-2, -1))
#     return (shifted_first - shifted_last).square().mean(dim=(0, 1)).sqrt()
# ```
# </details>

# %% [markdown] tags=["slide"]
# **Predict.** We shift $x_t$ down by one row (the last row comes back at the top). Where in the picture will the
# network keep the promise?


# %%
x_t = els.add_noise(held_out[:100], eps, 0.5)
errors = {name: els.shift_error(denoiser, x_t, 0.5, (1, 0)).cpu() for name, denoiser in denoisers.items()}

# %% tags=["slide", "hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(8, 2.8))
for ax, (name, error) in zip(axes, errors.items(), strict=True):
    picture = ax.imshow(error, cmap="viridis", vmin=0, vmax=0.9)
    ax.set(title=name, xticks=[], yticks=[])
fig.colorbar(picture, ax=axes, label="error")
fig.suptitle("shift error at t = 0.5, shifted down by one row")
show(
    fig,
    alt="Three maps of the shift error. The ideal denoiser errs all over the garment, most at its top and bottom; the "
    "linear denoiser at the same places, but less in between; the network is dark in the middle and at the sides, and "
    "bright only at the bottom and near the top.",
)

# %% [markdown]
# How large are these errors? We divide each by the error of an answer that stays where it was: in the middle
# $4 \times 4$ pixels, and in the outermost ring.


# %%
def left_behind(denoiser, t, shift):
    """The error as a share of the error of an answer that stays put: in the middle 4 x 4, and in the outer ring."""
    x_t = els.add_noise(held_out[:100], eps, t)
    answer = denoiser(x_t, t)
    error = els.shift_error(denoiser, x_t, t, shift).cpu().square()
    stays = els.shift_error(lambda *_: answer, x_t, t, shift).cpu().square()  # the same answer, whatever it is shown
    ring = torch.ones(lab.shape[1:], dtype=torch.bool)
    ring[1:-1, 1:-1] = False
    middle = slice(row - 2, row + 2), slice(column - 2, column + 2)
    return [(error[part].mean() / stays[part].mean()).sqrt().item() for part in (middle, ring)]


cases = ((0.1, (1, 0)), (0.5, (1, 0)), (0.9, (1, 0)), (0.5, (3, -3)), (0.9, (3, -3)))
behind = {(name, *case): left_behind(denoiser, *case) for case in cases for name, denoiser in denoisers.items()}

# %% tags=["hide-input"]
for t, by in cases:
    print(f"t = {t}, shifted by {by}:")
    for name in denoisers:
        print("  {:<15} middle {:.2f}  border {:.2f}".format(name, *behind[name, t, by]))
if lab.profile == "laptop":
    stated = (1.11, 0.15, 0.01, 0.92, 0.56, 0.11, 1.05, 1.02, 0.24, 0.74, 0.42, 0.29, 0.90, 0.90, 0.68)
    assert all(abs(found[0] - v) < 0.006 for found, v in zip(behind.values(), stated, strict=True))
    assert min(behind[name, 0.5, (1, 0)][1] for name in denoisers) > 0.9
    assert all((lab.data.images[at] == -1).all() for k in (0, -1) for at in ((..., k, slice(None)), (..., k)))

# %% [markdown]
# In the table, 0 means that the answer moves along, 1 that it stays where it was; above 1 it turns into something else.
# In the middle, at $t = 0.5$, the network has 0.11, the linear denoiser 0.56, the ideal denoiser 0.92. For a shift by
# three rows and columns, the network leads by less: 0.29 against the linear denoiser's 0.42.
#
# At the upper and lower border, at $t = 0.5$, all three fail. In every training picture the outermost ring is black,
# and all three have learned that. They blacken the cloth that we moved into the last row, and draw cloth in the second
# row, to which we moved the black ring. A convolution can know where the border is only from the zeros around the
# picture. (A network that pads with the opposite side of the picture, called **circular** padding, has no border:
# lesson 06.)
#
# So be careful with the sentence "convolutional networks are equivariant". Ours is nearly equivariant in the middle at
# low noise (0.01 at $t = 0.1$), less so at high noise (0.24 at $t = 0.9$) and for larger shifts. In so small a picture
# it sees the border from everywhere (lesson 08), and it looks further with more noise (section 6).

# %% [markdown] tags=["slide"]
# ## 8. A network that sees everything (4 minutes)
#
# The course comes with another network: a **UNet**, trained on the same 2,000 pictures for the same 8,000 steps. It
# halves the sides of the picture twice, then doubles them twice, and each pixel of its answer sees the whole picture.
#
# **Predict.** Will it do better on its own pictures than on new ones? Will it copy?

# %%
unet_lab = els.lab("laptop", network="fashion-mnist-16-unet-zeros", verbose=False)  # small pictures on every computer
unet, its, fresh = unet_lab.network, unet_lab.data.images, unet_lab.held_out().images
on_training["UNet"], on_held_out["UNet"] = losses(unet, its), losses(unet, fresh)
unet_drew = els.load_results(unet.name)["network-150"].to(its)
new, real = els.novelty(unet_drew, its, fresh), els.novelty(fresh, its, fresh)

# %% tags=["hide-input"]
canvas = els.seeded_noise([0], unet_lab.shape).requires_grad_()
(influence,) = torch.autograd.grad(unet(canvas, 0.5)[0, 0, 0, 0], canvas)
print(f"UNet: the corner pixel depends on {influence.count_nonzero()} of {influence.numel()} pixels")
assert influence.count_nonzero() == influence.numel()

seen, unseen = on_training["UNet"], on_held_out["UNet"]
more, error = excess("UNet")
nearer = (real < new.min()).double().mean().item()
print(f"UNet: loss {seen.mean():.4f} on its pictures, {unseen.mean():.4f} on new ones, {more:+.0%} ± {error:.0%}")
print(f"its nearest drawing: novelty {new.min():.2f}; new pictures nearer than that: {nearer:.0%}")
assert all(abs(a - b) < 0.006 for a, b in zip((more, nearer, new.min()), (0.22, 0.03, 0.52), strict=True))
if lab.profile == "laptop":
    places, _ = left_behind(unet, 0.5, (1, 0))
    weights = [sum(p.numel() for p in n.module.parameters()) for n in (unet, lab.network)]
    print(f"UNet in the shift test, middle: {places:.2f}; weights {weights[0]:,}, the ResNet's {weights[1]:,}")
    assert abs(places - 0.47) < 0.006 and 2 < weights[0] / weights[1] < 2.2

# %% [markdown] tags=["slide"]
# The UNet does clearly better on its own pictures: on new ones its loss is **22 % higher**, against 5 % for the linear
# denoiser. But **it does not copy**: 3 % of the held-out pictures are nearer to the training set than even the UNet's
# nearest drawing. (Does it remember? Lessons 10 and 15.)
#
# Does the ResNet gain less on its own pictures because it looks nearby? Three things differ. The UNet sees
# everything; it has twice as many weights; and in the middle it treats places hardly more alike than the linear
# denoiser does. (At $t = 0.5$, for a shift by one row, its error is 0.47, the linear denoiser's 0.56, and the ResNet's
# 0.11.) So comparing ResNet and UNet decides nothing.

# %% [markdown]
# ### Exercise 4: A receptive field by hand (6 minutes, ★★☆)
#
# Even a few layers see far if the kernel moves by two pixels at a time, a **stride** of 2. That is how the UNet halves
# its pictures. Take layers one after the other, each with a kernel size and a stride. How many input pixels, along one
# direction, can one output pixel depend on? For our ResNet, with stride 1 everywhere, you know the answer: 17.


# %%
def receptive_field(kernels, strides):
    """Two lists of equal length, first layer first -> the side of the receptive field in input pixels."""
    ...


check.receptive_field(receptive_field)

# %% [markdown]
# Stuck? `check.hint("receptive_field")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def receptive_field(kernels, strides):
#     side, step = 1, 1
#     for kernel, stride in zip(kernels, strides):
#         side += (kernel - 1) * step
#         step *= stride
#     return side
# ```
#
# `step` is the distance, on the original picture, between two neighbouring inputs of the layer. Each stride of 2
# doubles what every later layer adds.
# </details>

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * After 8,000 steps, a network trained to be the ideal denoiser still has more than ten times the lowest possible
#   loss. But on new pictures it does nearly as well as on its own, whereas the ideal denoiser fails there at low noise.
# * From noise that the ideal denoiser turns into a copy, the network draws a new picture. But *new* is not *good*, nor
#   does being new set networks apart: the linear denoiser's drawings are about as new.
# * **The less noise, the less far the network looks**, unlike the ideal denoiser. But that is just as true of the best
#   linear denoiser.
# * **The network treats places alike** at little noise and in the middle, more so than the best linear denoiser, but
#   less so with much noise and at the border.
# * A UNet that sees everything does clearly better on its own pictures than on new ones, yet it copies none.

# %% [markdown] tags=["slide"]
# ## What is still unexplained
#
# Two clues are not yet an explanation, and the linear denoiser shares the first. **Is looking locally enough to turn a
# memory into something new?** We can find out without any network: take the ideal denoiser, forbid every pixel to look
# further than a small window, and find the best that is possible under this rule. That is lesson 04. The second clue
# waits for lesson 06.
#
# ## References
#
# * J. Ho, A. Jain and P. Abbeel, *Denoising diffusion probabilistic models*, NeurIPS 2020,
#   [arXiv:2006.11239](https://arxiv.org/abs/2006.11239): the loss of this lesson.
# * M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the two clues as a theory, and the architecture of our
#   networks.
# * Z. Kadkhodaie, F. Guth, E. P. Simoncelli and S. Mallat, *Generalization in diffusion models arises from
#   geometry-adaptive harmonic representations*, ICLR 2024, [arXiv:2310.02557](https://arxiv.org/abs/2310.02557): with
#   more pictures, networks stop remembering; two of them trained on different pictures then draw the same.
# * H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST*, 2017, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747): the
#   pictures.
