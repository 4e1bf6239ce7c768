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
# pictures, and in what it draws. And you will find two clues to the reason.
#
# **You need** lessons 01 and 02, and what a convolution is.
#
# **Time** 82 minutes

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown]
# ## 1. What the network is asked (6 minutes)
#
# Lesson 02 found the function that minimises the training loss. It is a formula, it needs no training, and it can
# only remember. In practice nobody draws with it. What people do is train a **network** on that same loss.
#
# Ours is plain: eight convolutions of $3 \times 3$, the middle six with a shortcut around each (its input is added to
# its output). Such a network is called a **ResNet**. No attention, no pooling; before every convolution but the first
# stands a nonlinear function, applied to each number by itself. It sees $x_t$ and $t$ (which adds a number of its own
# to every channel), and returns $\hat\epsilon$, its estimate of the noise inside $x_t$.

# %%
network = els.ResNet(width=16)
print(network.up, *network.convs[:1], "... (six of this kind in all) ...", network.down, sep="\n")
print(f"{sum(p.numel() for p in network.parameters()):,} parameters")
assert len(network.convs) == 6

# %% [markdown]
# The loss, for a picture $x_0$, noise $\epsilon$ and a time $t$, is the mean over all pixels of
#
# $$\big(\epsilon - \hat\epsilon(x_t, t)\big)^2, \qquad x_t = \alpha\, x_0 + \sigma\, \epsilon .$$
#
# As in lesson 01, $\alpha$ dims the picture and $\sigma$ scales the noise. In training, $x_0$, $\epsilon$ and $t$ are
# drawn anew at every step. In a few lines, and the package's version beside it:


# %%
def naive_loss(network, x_0, generator):
    """The mean of (eps - eps_hat)^2; the batch's times are spread evenly over (0, 1]."""
    t = 1 - (torch.arange(len(x_0)) + torch.rand(len(x_0), generator=generator)) / len(x_0)
    eps = torch.randn(x_0.shape, generator=generator)
    theta = (lab.schedule.theta(1.0) * t)[:, None, None, None]  # the angle of lesson 01
    x_t = theta.cos() * x_0 + theta.sin() * eps
    return (eps - network(x_t, t)).square().mean()


torch.manual_seed(0)
network = els.ResNet(width=16)
batch = lab.data.images[:64].cpu()
by_hand = naive_loss(network, batch, torch.Generator().manual_seed(1))
from_package = els.training.noise_prediction_loss(
    network, batch, None, lab.schedule, torch.Generator().manual_seed(1), "float32"
)
torch.testing.assert_close(by_hand, from_package)
print(f"loss before any training: {by_hand:.2f}")
assert 0.9 < by_hand < 1.2

# %% [markdown]
# About 1: the noise has variance 1, and an untrained network answers with something close to nothing.
#
# ### Exercise 1: The loss of a denoiser (8 minutes, ★☆☆)
#
# The ideal denoiser returns a clean picture, $D(x_t, t)$, not the noise. To put it on the same scale as a network,
# its guess has to be turned into a noise estimate first (lesson 01). Write the loss of *any* denoiser, at one $t$,
# for given pictures and noise. `alpha` and `sigma` are the two numbers at that $t$.


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
# The difference of the noises is $\alpha/\sigma$ times the difference of the pictures. So the loss of the noise
# forgives a bad picture where there is much noise, and is strict where there is little.
# </details>

# %% [markdown] tags=["slide"]
# ## 2. Train one (8 minutes)
#
# 1,000 steps with 64 pictures each, 16 channels: small enough for half a minute or so on a laptop. Beside its loss we
# shall draw two others: the loss of the network that comes with the course (64 channels, 8,000 steps of 128
# pictures), and the **lowest that is possible** on these training pictures, which is the loss of the ideal denoiser.
#
# **Predict.** Will the big network come close to the ideal's, reach it, or stay far above? Say a number for the ratio
# of the two.

# %%
# ema: what we keep is a moving average of the weights, over the last hundred steps or so
plan = els.TrainingPlan(steps=1000, batch=64, learning_rate=3e-3, ema=0.99, precision="float32")
tiny_module, tiny_curve = els.train(network, lab.data, plan, device=lab.device, progress=False)
tiny = els.NetworkDenoiser(tiny_module.eval().requires_grad_(False))

# %%
ideal = lab.machine("is")
times = [(i + 0.5) / 20 for i in range(20)]


@torch.no_grad()
def losses(denoiser, images, seed=1000):
    """The mean of (eps - eps_hat)^2 over the pixels of each of 500 images, at each of the 20 times: (20, 500)."""
    result = []
    for i, t in enumerate(times):
        eps = torch.randn(500, *images.shape[1:], generator=torch.Generator().manual_seed(seed + i)).to(images)
        x_t = els.add_noise(images[:500], eps, t)
        result.append((eps - els.noise_from_denoiser(denoiser(x_t, t), x_t, t)).square().mean((1, 2, 3)).cpu())
    return torch.stack(result)


lowest = losses(ideal, lab.data.images).mean().item()

# %% tags=["slide"]
big_curve = lab.network.card["loss_curve"]["values"]  # one point per 100 steps
big_width = lab.network.module.up.out_channels
fig, ax = plt.subplots(figsize=(7, 3.2))
ax.plot(range(100, 1100, 100), tiny_curve, label="yours: 16 channels")
ax.plot(range(100, 100 * len(big_curve) + 1, 100), big_curve, label=f"the course's: {big_width} channels")
ax.axhline(lowest, color=plotting.INK, ls=":", label="ideal denoiser")
ax.set(xscale="log", yscale="log", xlabel="training steps", ylabel="loss")
ax.legend(loc="center right", bbox_to_anchor=(1, 0.4))
show(
    fig,
    alt="Training loss against steps, both axes logarithmic: both networks fall and flatten near 0.1, more than ten "
    "times above the dotted line of the ideal denoiser.",
)

# %%
print(f"loss at the end: yours {tiny_curve[-1]:.3f}, the course's {big_curve[-1]:.3f}, lowest possible {lowest:.4f}")
print(f"the course's after 1,000 steps: {big_curve[9]:.3f}")
if lab.profile == "laptop":  # the numbers in the text are those of the laptop lab
    assert 0.105 < tiny_curve[-1] < 0.125 and 0.6 < big_curve[-1] / tiny_curve[-1] < 0.73
    assert 0.075 < big_curve[-1] < 0.08 and 0.0065 < lowest < 0.0075
    assert big_curve[-1] > 10 * lowest and 0.85 < big_curve[9] / tiny_curve[-1] < 0.95

# %% [markdown] tags=["slide"]
# The curves flatten out more than ten times above what is possible. Four times the channels and sixteen times as many
# pictures seen have lowered the loss by a third. (After 1,000 steps, as many as yours, by a tenth. Much longer? Lessons
# 14 and 18.)
#
# Is such a network any good? Let it draw. (Both networks get 150 steps, so that nobody can blame coarse ones.)
#
# **Predict.** The two differ in size and in training. From the same noise, will they draw similar pictures?

# %% tags=["slide"]
seeds = range(10)
noise = els.seeded_noise(seeds, lab.shape).to(lab.device)
network_drew = els.sample(lab.network, noise, steps=150)
tiny_drew = els.sample(tiny, noise, steps=150)
fig = plotting.image_rows({"yours": tiny_drew, "the course's": network_drew}, titles=[f"seed {s}" for s in seeds])
show(fig, alt="Two rows of ten drawings from the same noise. Most columns show the same rough shape twice; the tiny "
     "network's drawings are coarser and more contrasted.")  # fmt: skip

# %%
twins = els.compare(tiny_drew, network_drew).r2
print("r2 of the two networks, seed by seed:", [round(v, 2) for v in twins.tolist()])
strangers = torch.cat([els.compare(tiny_drew, network_drew.roll(k, 0)).r2 for k in range(1, 10)])  # of other seeds
print(f"median {twins.quantile(0.5):.2f}; if the noises differ, {strangers.quantile(0.5):.2f}")
if lab.profile == "laptop":
    assert 0.6 < twins.quantile(0.5) < 0.8 and twins.min() > 0.35 and twins.max() < 0.9
    assert 0.1 < strangers.quantile(0.5) < 0.3

# %% [markdown]
# Not good, but not nothing either: from the same noise, the two draw similar shapes (r2, the squared correlation of
# their pixels, is 0.7 in the median, against 0.2 for two drawings from different noise). They differ in size, and each
# was trained on its own sequence of pictures and noise. So what a network draws is more than an accident of its
# training.

# %% [markdown] tags=["slide"]
# ## 3. Same noise, same goal (5 minutes)
#
# From now on, "the network" is the course's. The ideal denoiser starts from the same ten pictures of noise.
#
# **Predict.** Both are meant to do the same. Below each of the network's drawings stands the training picture *nearest*
# to it. Will it be a match?

# %% tags=["slide"]
ideal_drew = els.sample(ideal, noise, steps=20)
place, distance = els.nearest_training_image(network_drew, lab.data.images)
rows = {"ideal denoiser": ideal_drew, "network": network_drew, "nearest to it": lab.data.images[place]}
fig = plotting.image_rows(rows, notes=[f"{d:.1f}" for d in distance])
show(
    fig,
    alt="Ten columns: the ideal denoiser draws clean garments, the network draws other and often torn shapes, and "
    "the training picture nearest to the network's drawing is different again.",
)

# %%
_, distance_ideal = els.nearest_training_image(ideal_drew, lab.data.images)
print("distance to the nearest training picture:")
print(f"ideal denoiser at most {distance_ideal.max():.4f}, network at least {distance.min():.1f}")
if lab.profile == "laptop":
    assert distance_ideal.max() < 0.01 and distance.min() > 2

# %% [markdown]
# Below the columns stand the Euclidean distances from the network's drawing to the training picture nearest to it. The
# ideal denoiser's are all 0: it copies. The network draws another picture, one that is not in the training set. But is
# a distance of 5 much?

# %% [markdown]
# ### Exercise 2: A score for novelty (7 minutes, ★★☆)
#
# A distance needs a unit. Ours: how far is a **new real picture** from the training set? Divide each distance to the
# nearest training image by the *median* of that distance over real pictures that were held out of training.


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
#
# The score only asks how far away a picture is. It does not ask whether the picture is any good: pure noise would get
# a splendid score.
# </details>

# %% [markdown] tags=["slide"]
# ## 4. How new is new? (5 minutes)
#
# The network was trained on the first 2,000 of the 10,000 pictures in the box. The 2,000 after them are our
# **held-out** pictures: it has never seen them. Of the network's drawings, 100 are stored; the first ten must be those
# that you just made.
#
# **Predict.** A held-out picture has novelty 1 in the median, by definition. Where will the network's drawings be:
# near 0, near 1, or beyond?

# %%
held_out = lab.held_out().images
stored = els.load_results(lab.network.name)
drawings = stored["network-150"].to(lab.device)
off = (drawings[:10] - network_drew).abs()
assert (off.max() if lab.profile == "laptop" else off.mean()) < 0.01  # GPUs round more

novelty = {
    "ideal denoiser": els.novelty(stored["is"].to(lab.device), lab.data.images, held_out),
    "held-out pictures": els.novelty(held_out, lab.data.images, held_out),
    "network": els.novelty(drawings, lab.data.images, held_out),
}

# %% tags=["slide"]
fig, axes = plt.subplots(3, 1, figsize=(6.5, 3.8), sharex=True)
for ax, (name, values) in zip(axes, novelty.items(), strict=True):
    ax.hist(
        values.cpu(), bins=25, range=(0, 3), color=plotting.BLUE, weights=torch.full((len(values),), 1 / len(values))
    )
    ax.axvline(values.cpu().quantile(0.5), color=plotting.ORANGE)
    ax.set_title(name, loc="left", fontsize=10)
axes[1].set_ylabel("share (scales differ)")
axes[2].set_xlabel("novelty (the line is the median)")
show(fig, alt="Three histograms of novelty: the ideal denoiser all at 0, held-out pictures around 1 with a tail, the "
     "network's drawings mostly between 1 and 2.3, further out than real pictures.")  # fmt: skip

# %%
beyond = (novelty["network"] > novelty["held-out pictures"].quantile(0.95)).sum().item()
for name, values in novelty.items():
    print(f"{name:<18} median {values.quantile(0.5):.2f}, smallest {values.min():.2f}")
print(f"{beyond} of 100 drawings are further out than 95 % of all held-out pictures")
linear = els.novelty(stored["wiener"].to(lab.device), lab.data.images, held_out).quantile(0.5)
moved = (lab.data.images.roll((y, x), (-2, -1)) for y in range(-3, 4) for x in range(-3, 4))
nearest = torch.stack([els.nearest_training_image(drawings, images)[1].min() for images in moved]).min()
nearest /= els.nearest_training_image(held_out, lab.data.images)[1].median()
print(f"linear denoiser median {linear:.2f}; network, from pictures moved by up to 3 pixels: smallest {nearest:.2f}")
if lab.profile == "laptop":
    assert novelty["ideal denoiser"].max() < 0.01
    assert abs(novelty["network"].quantile(0.5) - 1.67) < 0.02 and novelty["network"].min() > 0.8
    assert 50 <= beyond <= 54 and abs(linear - 1.60) < 0.01 and abs(nearest - 0.81) < 0.01

# %% [markdown]
# No drawing is a copy, nor a copy moved by up to three pixels: the smallest novelty is 0.81. The median is 1.67, and 52
# of the 100 drawings lie further from the training set than 95 % of all real new pictures.
#
# So they are new, and even **too** new. Look at the drawings again: many are shapeless, and some are torn to pieces. A
# new real garment is much nearer to the known ones. Novelty is not quality. Nor is it a mark of networks: the best
# *linear* denoiser (lesson 10), from the same noise, has 1.60. (And a network that is told what to draw? Lesson 12.)

# %% [markdown] tags=["slide"]
# ## 5. New pictures (7 minutes)
#
# On the training pictures, the network's loss is eleven times that of the ideal denoiser. Now let both remove noise
# from **new** pictures, which neither has seen.
#
# **Predict.** Which of the two has the lower loss on held-out pictures, and does the network do worse there than on
# pictures that it was trained on?

# %% tags=["slide"]
on_training = {"ideal denoiser": losses(ideal, lab.data.images), "network": losses(lab.network, lab.data.images)}
on_held_out = {"ideal denoiser": losses(ideal, held_out), "network": losses(lab.network, held_out)}

fig, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True)
for ax, name, colour in zip(axes, on_training, (plotting.INK, plotting.GREEN), strict=False):
    ax.plot(times, on_training[name].mean(1), "o-", ms=3, label="training pictures")
    ax.plot(times, on_held_out[name].mean(1), "s--", ms=3, label="held-out pictures")
    axes[2].plot(times, on_held_out[name].mean(1), "s--", ms=3, label=name, color=colour)
    ax.set(title=name, xlabel="time t", yscale="log", ylim=(1e-4, 50))
axes[1].set_title("network: the two coincide")
axes[2].set(title="both, held-out pictures", xlabel="time t")
axes[0].set_ylabel("loss (below 0.0001 not shown)")
axes[0].legend(loc="upper right")
axes[2].legend(loc="upper right")
show(
    fig,
    alt="Loss against time. Ideal denoiser: the two curves part below t = 0.7, training falling off the scale, "
    "held-out rising above 10. Network: the two curves lie on top of each other. Both on held-out pictures: they "
    "cross at t = 0.5; above, the ideal denoiser is lower, below, far higher.",
)


# %% tags=["slide"]
def excess(name):
    """By how much the mean loss is higher on held-out pictures, and what the choice of the pictures makes of that."""
    seen, new = on_training[name].mean(0), on_held_out[name].mean(0)  # one number for each picture
    return (new.mean() / seen.mean() - 1).item(), (((seen.var() + new.var()) / 500).sqrt() / seen.mean()).item()


print("mean loss         training   held out")
for name in on_training:
    print(f"{name:<16} {on_training[name].mean():9.4f} {on_held_out[name].mean():10.4f}")
more, by_choice = excess("network")
print(f"network: {more:+.1%} on held-out pictures, give or take {by_choice:.1%} by the choice of the pictures")
ideal_new, network_new = (on_held_out[name].mean(1) for name in on_training)
less = 1 - ideal_new / network_new
print("there the ideal denoiser's is lower by", {round(times[i], 3): f"{less[i]:.0%}" for i in (10, 14, 19)})
if lab.profile == "laptop":
    assert 10.5 < on_training["network"].mean() / on_training["ideal denoiser"].mean() < 11.5
    assert 1.6 < ideal_new.mean() < 1.8 and ideal_new[:4].sum() > 0.95 * ideal_new.sum()
    assert abs(more + 0.005) < 0.002 and abs(by_choice - 0.019) < 0.002
    assert (less > 0).tolist() == [False] * 10 + [True] * 10
    assert abs(less[10:19].min() - 0.09) < 0.01 and abs(less[10:19].max() - 0.3) < 0.01 and abs(less[19] - 0.41) < 0.01

# %% [markdown]
# The ideal denoiser goes from 0.007 to 1.7, nearly all of it from low noise: there it turns every new picture into an
# old one. Above $t = 0.5$ it answers with a blend of many, and even on new pictures its loss is *below* the network's,
# by 9 to 30 % (at the last of the 20 times by 41 %).
#
# The network has 0.077 on 500 training pictures and 0.076 on 500 new ones, 0.5 % less: with another 500 each it might
# be 2 % more or less, rarely 4. **To within 4 %, its mean loss does not show which pictures it was trained on.** (The
# difference to a network that was trained on others does, faintly: lesson 15.) What is it about the way it is built
# that might forbid it to remember?

# %% [markdown] tags=["slide"]
# ## 6. First clue: where a pixel looks (7 minutes)
#
# From here on we look at the network as a denoiser: its noise estimate turned into a picture, $D(x_t, t)$. The middle
# pixel of $D$ depends on some pixels of $x_t$ and not on others. Its **receptive field** is the area that it can depend
# on. Automatic differentiation shows it: the derivative of that output pixel with respect to every input pixel. A
# convolution does not mind a larger canvas, so we take one of $48 \times 48$.
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
side = lab.shape[-1]
seen = [(min(k + 8, side - 1) - max(k - 8, 0) + 1) / side for k in range(side)]  # of a row, by its k-th pixel
average = (sum(seen) / side) ** 2
print(f"of a picture of {side} x {side} pixels a corner sees {seen[0] ** 2:.0%}, a pixel on average {average:.0%}")
if lab.profile == "laptop":
    assert (height, width) == (17, 17) and max(seen) == 1
    assert abs(seen[0] ** 2 - 1 / 3) < 0.02 and abs(average - 0.61) < 0.005

# %% [markdown] tags=["slide"]
# 17 pixels, and beyond them exactly nothing. That is what the architecture allows. Of our pictures of $16 \times 16$ a
# corner sees a third, the middle all, a pixel on average 61 %. This alone forbids little.
#
# Is the permission used? Here is the size of the derivative, averaged over 100 held-out pictures, at four noise
# levels.
#
# **Predict.** When the noise is low, does the network look further, or less far? And before any training?

# %%
eps = els.seeded_noise(range(1000, 1100), lab.shape).to(lab.device)
row, column = lab.shape[1] // 2, lab.shape[2] // 2  # the middle
window = slice(row - 2, row + 3), slice(column - 2, column + 3)


def look_of(denoiser, t, pictures=held_out):
    """How strongly the middle pixel of D depends on each pixel of x_t: mean |derivative| of 100 pictures, (H, W)."""
    x_t = els.add_noise(pictures[:100], eps, t).requires_grad_()
    (gradient,) = torch.autograd.grad(denoiser(x_t, t)[:, 0, row, column].sum(), x_t)
    return gradient.abs().mean((0, 1)).cpu()


def nearby(look):
    """The share of the outlined window in all influence, that of the middle pixel itself left out."""
    return float((look[window].sum() - look[row, column]) / (look.sum() - look[row, column]))


looks = {t: look_of(lab.network, t) for t in (0.9, 0.5, 0.2, 0.05)}
share = {t: nearby(look) for t, look in looks.items()}
before = []  # training: three networks with random weights
for seed in range(3):
    torch.manual_seed(seed)
    untrained = els.NetworkDenoiser(els.ResNet(width=big_width).eval().requires_grad_(False).to(lab.device))
    before += [nearby(look_of(untrained, t)) for t in looks]

# %% tags=["slide"]
fig, axes = plt.subplots(1, 4, figsize=(9, 2.6))
for ax, (t, look) in zip(axes, looks.items(), strict=True):
    picture = ax.imshow((look / look.max()).clamp(min=1e-3), cmap="viridis", norm="log", vmin=1e-3, vmax=1)
    plotting.patch_outline(ax, row, column, 5)
    ax.set(title=f"t = {t}: {share[t]:.0%} inside", xticks=[], yticks=[])
fig.colorbar(picture, ax=axes, label="influence (darkest:\n1/1000 or less)")
show(
    fig,
    alt="Four maps of how strongly the middle pixel depends on each input pixel. At t = 0.9 and 0.5 the bright area "
    "is broad, at t = 0.05 it has shrunk to a few pixels inside the outlined 5 by 5 window.",
)
print("share of the outlined window, without the pixel itself:", {t: f"{s:.0%}" for t, s in share.items()})
print(f"before training, three networks at the four times: {min(before):.0%} to {max(before):.0%}")
if lab.profile == "laptop":
    assert all(abs(s - said) < 0.01 for s, said in zip(share.values(), (0.29, 0.37, 0.53, 0.77), strict=True))
    assert abs(min(before) - 0.68) < 0.01 and abs(max(before) - 0.76) < 0.01

# %% [markdown]
# Above each map stands the share of all influence that comes from inside the outlined $5 \times 5$ window. (The pixel
# itself is left out: at low noise it is nearly its own answer. If all others counted alike, it would be 9 %.) As the
# noise falls the share rises from 29 % to 77 %: in the end a handful of neighbours decide.
#
# Before training, with random weights, it is 68 to 76 % at every noise level: such a stack of convolutions looks nearby
# anyway. **Training has widened the look where there is much noise**, and left it narrow where there is little.
#
# **Predict.** And the ideal denoiser, whose weights compare whole pictures: less far, too, as the noise falls?

# %%
every_picture = lab.data.images.flatten(1).double()


def ideal_in_torch(x_t, t):
    """The ideal denoiser as lesson 02 wrote it: torch can differentiate it."""
    alpha, sigma = lab.schedule.alpha(t), lab.schedule.sigma(t)
    distances = torch.cdist(x_t.flatten(1).double(), alpha * every_picture)
    return (torch.softmax(-(distances**2) / (2 * sigma**2), 1) @ every_picture).view_as(x_t)


def linear_look(t):
    """The same of the best linear denoiser: what one bright pixel of x_t, wherever it is, does to the middle of D."""
    single, linear = torch.eye(every_picture.shape[1]).view(-1, *lab.shape).to(lab.device), lab.machine("wiener")
    return (linear(single, t) - linear(0 * single, t))[:, 0, row, column].abs().view(lab.shape).mean(0).cpu()


x_t = els.add_noise(held_out[:5], eps[:5], 0.5)
assert (ideal_in_torch(x_t, 0.5) - ideal(x_t, 0.5)).abs().max() < 1e-3
share_ideal = [nearby(look_of(ideal_in_torch, t)) for t in (0.9, 0.5, 0.2)]
share_linear = [nearby(linear_look(t)) for t in looks]
print("share of the window at t = 0.9, 0.5, 0.2: ideal denoiser", [f"{s:.0%}" for s in share_ideal])
print("the same and at 0.05: linear denoiser", [f"{s:.0%}" for s in share_linear])
if lab.profile == "laptop":
    stated = (0.29, 0.24, 0.19, 0.30, 0.49, 0.45, 0.39)
    assert all(abs(s - said) < 0.01 for s, said in zip(share_ideal + share_linear, stated, strict=True))

# %% [markdown]
# It begins where the network begins (29 % at $t = 0.9$), but does not come to look less far: 24 % at $t = 0.5$, 19 % at
# $t = 0.2$. *Which* picture wins is decided by all 256 pixels together; once one has won, there is nothing left to ask.
#
# Is the narrowing the network's own, then? Part of it lies in the pictures. The best *linear* denoiser (lesson 10),
# which has neither layers nor a window, goes from 30 % to 49 % at $t = 0.5$. Then it widens again: at $t = 0.05$ it has
# 39 %, the network 77 %.

# %% [markdown] tags=["slide"]
# ## 7. Second clue: what happens to a shifted picture (10 minutes)
#
# A convolution does the same at every place. Shift the input, and the output should shift with it. A function that
# keeps this promise is called **equivariant** under shifts:
#
# $$D(S x_t, t) = S\, D(x_t, t), \qquad S = \text{shift by some rows and columns}.$$
#
# **Predict.** We shift $x_t$ down by one row (the last row comes back at the top). Our network is made of convolutions:
# will it keep the promise? And the ideal denoiser: better, or worse?


# %% [markdown]
# ### Exercise 3: Test any denoiser (8 minutes, ★★☆)
#
# Write the test of this promise: shift first and denoise, denoise first and shift, and the root mean square of the
# difference over batch and channels, for every pixel. `shift` is (rows, columns), wrapping around: the contents move
# down and to the right, as in `torch.roll(x_t, shift, (-2, -1))`. Compare where the shifted picture lies.


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
#
# The same test works for any symmetry: replace the two `torch.roll` by another way to move pixels around, such as a
# mirror image.
# </details>


# %%
def broken_promise(denoiser, t, shift):
    """The shift error, over 100 noised held-out pictures."""
    return els.shift_error(denoiser, els.add_noise(held_out[:100], eps, t), t, shift).cpu()


# the laptop's on every computer: a convolution takes pictures of any size
circular = els.load_network("fashion-mnist-16-resnet-circular").to(lab.device)
three = {"ideal denoiser": ideal, "network": lab.network, "circular network": circular}
errors = {name: broken_promise(denoiser, 0.5, (1, 0)) for name, denoiser in three.items()}

# %% tags=["slide"]
fig, axes = plt.subplots(1, 3, figsize=(8, 2.9))
for ax, (name, error) in zip(axes, errors.items(), strict=True):
    picture = ax.imshow(error, cmap="viridis", vmin=0, vmax=0.5)
    ax.set(title=name, xticks=[], yticks=[])
fig.colorbar(picture, ax=axes, label="error (yellow: 0.5 or more)")
fig.suptitle("shift error at t = 0.5, shifted down by one row")
show(
    fig,
    alt="Three maps of the shift error. The ideal denoiser errs all over the garment, most at its top and bottom; the "
    "network is dark in the middle and at the sides, bright at the bottom and near the top; the circular network is "
    "dark everywhere.",
)


# %%
def middle_and_border(error):
    """Root mean square over the 4 x 4 pixels in the middle, and over the outermost ring."""
    square, ring = error.square(), torch.ones_like(error, dtype=torch.bool)
    ring[1:-1, 1:-1] = False
    middle = square[row - 2 : row + 2, column - 2 : column + 2]
    return middle.mean().sqrt().item(), square[ring].mean().sqrt().item()


for name, error in errors.items():
    print("{:<17} middle {:.3f}  border {:.3f}".format(name, *middle_and_border(error)))
x_t = els.add_noise(held_out[:100], eps, 0.5)
signed = lab.network(x_t.roll(1, -2), 0.5) - lab.network(x_t, 0.5).roll(1, -2)
signed = signed[..., 4:-4].mean((0, 1, 3))  # of every row, without the sides
print(f"network, shifted first minus shifted last: second row {signed[1]:+.2f}, last row {signed[-1]:+.2f}")
if lab.profile == "laptop":
    (ideal_middle, _), (middle, border) = (middle_and_border(errors[name]) for name in ("ideal denoiser", "network"))
    assert 0.08 < middle / ideal_middle < 0.12 and 0.08 < middle / border < 0.12
    assert errors["circular network"].max() < 1e-4
    assert abs(signed[1] - 0.21) < 0.01 and abs(signed[-1] + 0.47) < 0.01
    assert all((lab.data.images[at] == -1).all() for k in (0, -1) for at in ((..., k, slice(None)), (..., k)))

# %% [markdown]
# In the middle, the network's error is a tenth of the ideal denoiser's, and a tenth of its own at the border. It pads
# with zeros. The third network pads with the opposite side of the picture (**circular** padding): no border, no error.
#
# The network errs at the bottom and near the top. In every training picture the outermost ring is black. In the last
# row it blackens what we moved there (by 0.47 in the mean); in the second row, where we moved that black ring, it draws
# cloth (0.21 lighter). It can feel where the border is. A pixel of a large canvas that cannot see any border (section
# 6) keeps the promise exactly.

# %% [markdown]
# ### How far the border is felt
#
# At $t = 0.5$, shifted by one row, the middle of a picture is nearly safe.
#
# **Predict.** Is it safe at $t = 0.9$, and if we shift by three rows and columns?

# %%
print("error in the middle (in brackets: at the border)")
print("shift".ljust(24) + "".join(f"{f't = {t}':>16}" for t in (0.9, 0.5, 0.1)))
felt = {}
for shift in ((1, 0), (3, -3)):
    for name in ("network", "ideal denoiser"):
        found = [middle_and_border(broken_promise(three[name], t, shift)) for t in (0.9, 0.5, 0.1)]
        felt[name, shift] = found
        print(f"{shift!s:<9}{name:<15}" + "".join(f"{f'{m:.3f} ({b:.3f})':>16}" for m, b in found))
ratio = [m / b for m, b in felt["network", (3, -3)]]
print("network, (3, -3), middle : border", [round(q, 2) for q in ratio])
if lab.profile == "laptop":
    stated = {("network", (3, -3)): (0.33, 0.02), ("ideal denoiser", (3, -3)): (0.39, 0.56)}
    stated |= {("network", (1, 0)): (0.04, 0.00), ("ideal denoiser", (1, 0)): (0.10, 0.28)}  # at t = 0.9 and at 0.1
    assert all(abs(felt[k][i][0] - v) < 0.006 for k, pair in stated.items() for i, v in zip((0, 2), pair, strict=True))
    assert abs(ratio[0] - 2 / 3) < 0.03 and abs(ratio[2] - 1 / 7) < 0.01

# %% [markdown]
# It is not. How far the border is felt depends on how far the network looks, and so on the noise: the middle errs two
# thirds as much as the border at $t = 0.9$, a seventh as much at $t = 0.1$.
#
# Be careful with the sentence "convolutional networks are equivariant". At $t = 0.9$ the middle is off by 0.33, hardly
# less than with the ideal denoiser (0.39); at $t = 0.1$ by 0.02, against 0.56. On a picture of $16 \times 16$ pixels,
# at high noise, everything is near the border. Lesson 08 is about that.

# %% [markdown] tags=["slide"]
# ## 8. A network that sees everything (5 minutes)
#
# The course comes with another network: a **UNet**, trained on the same 2,000 pictures for the same 8,000 steps. It
# halves the picture twice on the way, and each of its pixels sees the whole picture.
#
# **Predict.** If looking locally is what keeps a network from remembering, what will this one do?

# %%
unet_lab = els.lab("laptop", network="fashion-mnist-16-unet-zeros", verbose=False)  # on every computer
unet, unet_noise = unet_lab.network, els.seeded_noise(seeds, unet_lab.shape)
canvas = unet_noise[:1].clone().requires_grad_()
(influence,) = torch.autograd.grad(unet(canvas, 0.5)[0, 0, 0, 0], canvas)
print(f"UNet: the corner pixel depends on {influence.count_nonzero()} of {influence.numel()} pixels")
layers = [m for m in unet.module.modules() if isinstance(m, torch.nn.Conv2d)]
strided = sum(m.stride == (2, 2) for m in layers)
print(f"{len(layers)} convolutions of {layers[0].kernel_size}, of which {strided} have a stride of 2")
assert (len(layers), strided) == (13, 2) and {m.kernel_size for m in layers} == {(3, 3)}
canvas, widths = torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(1)).to(unet_noise), set()
for k in range(64, 68):
    (gradient,) = torch.autograd.grad(unet(canvas.requires_grad_(), 0.5)[0, 0, k, k], canvas)
    columns_seen = gradient.nonzero()[:, -1]
    widths.add(int(columns_seen.max() - columns_seen.min()) + 1)
print("on a large canvas a pixel sees a width of", sorted(widths))
assert influence.count_nonzero() == influence.numel() and widths == {47, 51}
if lab.profile == "laptop":  # the window is that of section 6
    weights = [sum(p.numel() for p in n.module.parameters()) for n in (unet, lab.network)]
    share_unet = {t: nearby(look_of(unet, t)) for t in looks}
    print(
        f"weights: UNet {weights[0]:,}, ResNet {weights[1]:,}; window:", {t: f"{s:.0%}" for t, s in share_unet.items()}
    )
    assert 2 < weights[0] / weights[1] < 2.2 and abs(share_unet[0.05] - 0.51) < 0.01

# %% tags=["slide"]
drew, fresh = els.load_results(unet.name), unet_lab.held_out().images
unet_drew, stranger = drew["network-150"], els.IdealScoreMachine(fresh, unet_lab.schedule)
assert (els.sample(unet, unet_noise[:3], steps=150) - unet_drew[:3]).abs().max() < 0.01
of_new = els.sample(stranger, drew["noise"].to(unet_lab.device), steps=20).cpu()
rows = {"ideal denoiser": drew["is"][:10], "UNet": unet_drew[:10], "ideal, new pictures": of_new[:10]}
rows["ResNet"] = els.load_results("fashion-mnist-16-resnet-zeros")["network-150"][:10]
fig = plotting.image_rows(rows, titles=[f"seed {s}" for s in seeds])
show(fig, alt="Ten columns, four rows: the UNet's drawings resemble the ideal denoiser's training pictures above them "
     "in most columns; so do the new pictures below, which the ideal denoiser of the held-out pictures draws; the "
     "ResNet's drawings in the last row are looser and often torn.")  # fmt: skip

# %%
on_training["UNet"], on_held_out["UNet"] = losses(unet, unet_lab.data.images), losses(unet, fresh)
by_time = (on_held_out["UNet"].mean(1) / on_training["UNet"].mean(1) - 1).tolist()
more, by_choice = excess("UNet")
new, real = (els.novelty(images, unet_lab.data.images, fresh) for images in (unet_drew.to(fresh), fresh))
nearer = (real < new.min()).double().mean().item()
by_unet, by_resnet = (on_held_out[name].mean(1) for name in ("UNet", "network"))
print(f"UNet: loss {on_training['UNet'].mean():.4f} on its pictures, {by_unet.mean():.4f} on new ones, ", end="")
print(f"{more:+.0%}, give or take {by_choice:.0%}")
print(f"at t = 0.125 {by_time[2]:+.0%}, above t = 0.7 at most {max(by_time[14:]):+.0%}")
print(f"novelty {new.quantile(0.5):.2f}, smallest {new.min():.2f}; new pictures nearer than that: {nearer:.0%}")
found, stated = (more, by_time[2], nearer, new.quantile(0.5), new.min()), (0.18, 0.34, 0.03, 0.94, 0.52)
assert all(abs(a - b) < 0.006 for a, b in zip(found, stated, strict=True)) and max(by_time[14:]) < 0.01
if lab.profile == "laptop":
    assert abs(by_unet.mean() - 0.074) < 5e-4 and abs(by_resnet.mean() - 0.0762) < 5e-4
    assert by_unet.mean() < by_resnet.mean() - 0.001 and (by_unet > by_resnet)[:3].all()

# %%
sets = {"UNet": unet_drew, "ideal denoiser of new pictures": of_new}
for name, of in (("UNet, trained again", "pictures"), ("UNet of other pictures", "other-pictures")):
    sets[name] = els.load_results("15_exchange")[f"network-150, unet-2000-{of}-seed-1"].float() / 127.5 - 1  # 8 bits
sets["ResNet"] = els.load_results("fashion-mnist-16-resnet-zeros")["network-150"]
follows = {name: els.compare(images, drew["is"]).r2.quantile(0.5).item() for name, images in sets.items()}
print("median r2 with the ideal denoiser:", {name: round(v, 2) for name, v in follows.items()})
mean_picture = unet_lab.data.images.cpu().mean(0, keepdim=True).expand_as(of_new)
plain = els.compare(mean_picture, sets["ResNet"]).r2.quantile(0.5).item()
print(f"of the ResNet with the mean training picture: {plain:.2f}")
stated = (0.86, 0.81, 0.83, 0.85, 0.61, 0.54)
assert all(abs(a - b) < 0.006 for a, b in zip((*follows.values(), plain), stated, strict=True))

# %% [markdown]
# The UNet knows its own pictures better: on the new ones its loss is 18 % higher (34 % at $t = 0.125$, not at all above
# 0.7). It does not copy: of 100 real new pictures 3 are nearer to the training set than its nearest drawing. And on the
# new pictures, too, its mean loss is *lower* than the ResNet's (0.074 against 0.076; not at the lowest noise), and its
# drawings look more like clothes. A network can begin to remember and still be the better one on new pictures.
#
# From the same noise its drawings follow the ideal denoiser's: median r2 0.86, trained once more 0.83. (The ResNet has
# 0.61; the mean training picture has 0.54 with the ResNet.) That looks like memory. But a UNet that was trained on
# 2,000 *other* pictures follows it as closely (0.85), and so, nearly, does the ideal denoiser of the new pictures
# (0.81): lesson 10 says why. Nor does novelty tell: 0.94, almost as new as a real picture. What shows it is the loss,
# measured on pictures of both kinds.
#
# (At low noise it looks further than the ResNet: at $t = 0.05$ 51 % of the influence is nearby, against 77 %. It also
# has twice as many weights. So this is a hint, not a proof.)

# %% [markdown]
# ### Exercise 4: A receptive field by hand (6 minutes, ★★☆)
#
# Without strides the UNet's 13 convolutions would see 27 pixels, too few for a corner to see the whole picture. Two of
# them have a **stride** of 2: it moves the kernel by two pixels at a time, so that the output has half as many, in each
# direction. For layers one after the other, each with a kernel size and a stride: how many input pixels, along one
# direction, can one output pixel depend on? With stride 1 everywhere you know the answer for our ResNet: 17.


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
# `step` is the distance, on the original picture, of two neighbouring inputs of the layer. Each stride of 2 doubles
# what every later layer adds; in the UNet only until the picture is doubled again. So there a pixel sees less than your
# function says for its 13 layers: 47 to 51 pixels.
# </details>

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * A network trained on the loss of lesson 02 is, after 8,000 steps, more than ten times above the lowest possible loss
#   on its training pictures. On new ones it does as well, to within 4 %; there the ideal denoiser fails at low noise.
# * From the same noise it draws a picture that is not in its training set: its novelty is 1.7 times that of real new
#   pictures. New is not good: a linear filter's drawings have 1.6.
# * **The less noise, the less far it looks**: the share of the $5 \times 5$ window (without the pixel itself) rises
#   from 29 to 77 %. The ideal denoiser's never rises; a linear one's does, but not beyond 50 %.
# * **It treats places alike**, except where the border is felt: at little noise only near it, at much noise almost
#   everywhere.
# * A UNet that sees everything does better on its own pictures than on new ones. It copies none.

# %% [markdown] tags=["slide"]
# ## What is still unexplained
#
# Two clues are not yet an explanation. **Does looking locally suffice to turn a memory into something new?** We can
# find out without any network: take the ideal denoiser of lesson 02, forbid every pixel to look further than a small
# window, and do the best that is possible under this rule. That is lesson 04. The second clue waits for lesson 06.
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
# * N. Carlini and others, *Extracting training data from diffusion models*, USENIX Security 2023,
#   [arXiv:2301.13188](https://arxiv.org/abs/2301.13188): large models that do copy some of their training pictures.
# * W. Luo, Y. Li, R. Urtasun and R. Zemel, *Understanding the effective receptive field in deep convolutional neural
#   networks*, NIPS 2016, [arXiv:1701.04128](https://arxiv.org/abs/1701.04128): what a pixel can see, and what it
#   uses.
# * H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST*, 2017, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747):
#   the pictures.
