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
# pictures, and in what it draws. You will find two clues to the reason, and ask whether a linear denoiser has them,
# too.
#
# **You need** lessons 01 and 02, and what a convolution is.
#
# **Time** 80 minutes

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
# 1,000 steps with 64 pictures each, 16 channels: a minute or so on a laptop; read on meanwhile. Beside its loss we
# shall draw two others: the loss of the network that comes with the course (64 channels, 8,000 steps of 128
# pictures), and the **lowest that is possible** on these training pictures, which is the loss of the ideal denoiser.
#
# **Predict.** At the end of lesson 02 you said how far the big network stays above the ideal. And how far below
# yours will it be, with four times the channels and sixteen times as many pictures seen?

# %%
# ema: what we keep is a moving average of the weights, over the last hundred steps or so
plan = els.TrainingPlan(steps=1000, batch=64, learning_rate=3e-3, ema=0.99, precision="float32")
tiny_module, tiny_curve = els.train(network, lab.data, plan, device=lab.device, progress=False)
tiny = els.NetworkDenoiser(tiny_module.eval().requires_grad_(False))

# %%
ideal = lab.machine("is")
times = [(i + 0.5) / 20 for i in range(20)]


@torch.no_grad()
def losses(denoiser, images, count=500, seed=1000):
    """The mean of (eps - eps_hat)^2 over the pixels of each of `count` images, at each of the 20 times."""
    result = []
    for i, t in enumerate(times):
        eps = torch.randn(count, *images.shape[1:], generator=torch.Generator().manual_seed(seed + i)).to(images)
        x_t = els.add_noise(images[:count], eps, t)
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
ax.set_xticks((100, 1000, 8000), ("100", "1,000", "8,000"))
ax.set_yticks((0.007, 0.01, 0.03, 0.1, 0.3), ("0.007", "0.01", "0.03", "0.1", "0.3"))
ax.minorticks_off()
ax.legend(loc="center right", bbox_to_anchor=(1, 0.4))
show(
    fig,
    alt="Training loss against steps, both axes logarithmic: both networks fall ever more slowly to near 0.1, far "
    "above the dotted line of the ideal denoiser, at 0.007.",
)

# %%
print(f"loss at the end: yours {tiny_curve[-1]:.3f}, the course's {big_curve[-1]:.3f}, lowest possible {lowest:.4f}")
print(f"the course's from 4,000 to 8,000 steps: {big_curve[79] / big_curve[39] - 1:+.1%}")
if lab.profile == "laptop":  # the numbers in the text are those of the laptop lab
    assert 0.105 < tiny_curve[-1] < 0.125 and 0.6 < big_curve[-1] / tiny_curve[-1] < 0.73
    assert 0.075 < big_curve[-1] < 0.08 and 0.0065 < lowest < 0.0075
    assert big_curve[-1] > 10 * lowest and abs(big_curve[79] / big_curve[39] - 0.93) < 0.005

# %% [markdown] tags=["slide"]
# The big network's loss is a third lower, and more than ten times above what is possible. It still falls, but slowly:
# the last doubling of the steps took 7 % off. (Much longer? Lessons 14 and 18.)
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
stored = els.load_results(lab.network.name)  # drawn before, from the noise of 100 seeds
twins = els.compare(tiny_drew, network_drew).r2
print("r2 of the two networks, seed by seed:", [round(v, 2) for v in twins.tolist()])
strangers = torch.cat([els.compare(tiny_drew, network_drew.roll(k, 0)).r2 for k in range(1, 10)])  # of other seeds
print(f"median {twins.quantile(0.5):.2f}; if the noises differ, {strangers.quantile(0.5):.2f}")
mean_picture = lab.data.images.mean(0, keepdim=True).expand_as(network_drew)
rivals = {"linear denoiser": stored["wiener"][:10].to(lab.device), "mean training picture": mean_picture}
rivals = {name: els.compare(images, network_drew).r2.quantile(0.5).item() for name, images in rivals.items()}
print("with the course's network:", {name: round(v, 2) for name, v in rivals.items()})
if lab.profile == "laptop":
    assert 0.6 < twins.quantile(0.5) < 0.8 and twins.min() > 0.35 and twins.max() < 0.9
    assert 0.1 < strangers.quantile(0.5) < 0.3
    assert all(abs(v - stated) < 0.006 for v, stated in zip(rivals.values(), (0.76, 0.61), strict=True))

# %% [markdown]
# Not good, but not nothing either: from the same noise, the two draw similar shapes (r2, the squared correlation of
# their pixels, is 0.7 in the median, against 0.2 for different noise; lesson 01 took off the mean of the class first).
# So what a network draws is more than an accident of its training.
#
# But to draw alike takes no second network. The best **linear denoiser** (lesson 01; `wiener` in code; here without
# classes), whose answer is a weighted sum of all noisy pixels, with the same weights for every picture, has 0.76 with
# the course's network from the same noise. Even the mean training picture, one for all seeds, has 0.61.

# %% [markdown] tags=["slide"]
# ## 3. Same noise, same goal (5 minutes)
#
# From now on, "the network" is the course's. The ideal denoiser starts from the same ten pictures of noise.
#
# **Predict.** Below each of the network's drawings stands the training picture *nearest* to it, and their (Euclidean)
# distance. Two training pictures are 10.5 apart in the median, two copies 0. Where will the network's be?

# %% tags=["slide"]
ideal_drew = els.sample(ideal, noise, steps=20)
place, distance = els.nearest_training_image(network_drew, lab.data.images)
rows = {"ideal denoiser": ideal_drew, "network": network_drew, "nearest to it,\ndistance": lab.data.images[place]}
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
apart = torch.pdist(lab.data.images[:2000].flatten(1)).quantile(0.5)
print(f"of two training pictures, median: {apart:.1f}")
if lab.profile == "laptop":
    assert distance_ideal.max() < 0.01 and distance.min() > 2 and abs(apart - 10.5) < 0.05

# %% [markdown]
# The ideal denoiser's distances are all 0: it copies. The network draws another picture, one that is not in the
# training set. But is a distance of 5 much? Half of 10.5; but that is for two pictures taken at random, not for the
# *nearest* of 2,000.

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
# The score only asks how far away a picture is, not whether it is any good.
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
others = {"linear denoiser": stored["wiener"].to(lab.device), "all black": -torch.ones_like(noise[:1])}
others["pure noise"] = noise
others = {name: els.novelty(x, lab.data.images, held_out).quantile(0.5).item() for name, x in others.items()}
print("median of others:", {name: round(v, 2) for name, v in others.items()})
if lab.profile == "laptop":
    assert novelty["ideal denoiser"].max() < 0.01
    assert abs(novelty["network"].quantile(0.5) - 1.67) < 0.02 and novelty["network"].min() > 0.8
    assert 50 <= beyond <= 54 and abs(novelty["network"].min() - 0.81) < 0.01
    assert all(abs(v / at - 1) < 0.01 for v, at in zip(others.values(), (1.60, 0.79, 6.0), strict=True))

# %% [markdown]
# No drawing is a copy: the smallest novelty is 0.81. The median is 1.67, and 52 of the 100 drawings lie further from
# the training set than 95 % of all real new pictures.
#
# So they are new, and even **too** new. Look again: many are shapeless, and some are torn to pieces. Novelty is not
# quality: an all-black picture has 0.79, pure noise 6.0. Nor is it a mark of networks: the linear denoiser's drawings
# have 1.60.

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
    """By how much the mean loss is higher on held-out pictures, and the standard error of that."""
    seen, new = on_training[name].mean(0), on_held_out[name].mean(0)  # one number for each picture
    error = ((seen.var() + new.var()) / len(seen)).sqrt() / seen.mean()
    return (new.mean() / seen.mean() - 1).item(), error.item()


wiener = lab.machine("wiener")
for name, count in (("linear denoiser", 500), ("the same, all 2,000", 2000)):
    on_training[name], on_held_out[name] = (losses(wiener, x, count) for x in (lab.data.images, held_out))
print("mean loss            training   held out")
for name in on_training:
    more, error = excess(name)
    print(f"{name:<19} {on_training[name].mean():9.4f} {on_held_out[name].mean():10.4f}", end="")
    print(f"  {more:+.1%} ± {error:.1%}" if more < 1 else "")
ideal_new, network_new = (on_held_out[name].mean(1) for name in ("ideal denoiser", "network"))
less = 1 - ideal_new / network_new
if lab.profile == "laptop":
    assert 10.5 < on_training["network"].mean() / on_training["ideal denoiser"].mean() < 11.5
    assert 1.6 < ideal_new.mean() < 1.8 and ideal_new[:4].sum() > 0.95 * ideal_new.sum()
    assert (less > 0).tolist() == [False] * 10 + [True] * 10 and abs(less.max() - 0.41) < 0.01
    found = torch.tensor([excess(name) for name in list(on_training)[1:]])
    assert (found - torch.tensor([(-0.005, 0.019), (0.024, 0.018), (0.051, 0.008)])).abs().max() < 0.002

# %% [markdown]
# The ideal denoiser goes from 0.007 to 1.7, nearly all of it from low noise: there it turns every new picture into an
# old one. Above $t = 0.5$ it answers with a blend of many, and even on new pictures its loss is *below* the network's,
# by up to 41 %.
#
# The network has 0.077 on 500 training pictures and 0.076 on 500 new ones, 0.5 % less. The standard error is 1.9 %, so
# with other pictures the difference might be up to 4 % higher or lower. **To within 4 %, its mean loss does not show
# which pictures it was trained on.** That is a coarse test. With 500 pictures of each kind the linear denoiser has 2 %
# more on the new ones, with 2,000 it has 5 %: and it can hold no picture. So a few per cent would be no sign of memory
# yet. (Lesson 15 finds a faint trace, picture by picture.)
#
# What keeps the network from remembering: the way it is built, or that it has not had the time (lesson 14)? We begin
# with the first.

# %% [markdown] tags=["slide"]
# ## 6. First clue: where a pixel looks (8 minutes)
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
# corner sees a third, the middle all, a pixel on average 61 %.
#
# Is the permission used? Here is the size of the derivative, averaged over 100 held-out pictures, at four noise
# levels.
#
# **Predict.** When the noise is low, does the network look further, or less far? And before any training? And the
# linear denoiser, which has no layers, and sees everything?

# %%
eps = els.seeded_noise(range(1000, 1100), lab.shape).to(lab.device)
row, column = lab.shape[1] // 2, lab.shape[2] // 2  # the middle
window = slice(row - 2, row + 3), slice(column - 2, column + 3)


def look_of(denoiser, t):
    """How strongly the middle pixel of D depends on each pixel of x_t: mean |derivative| of 100 pictures, (H, W)."""
    x_t = els.add_noise(held_out[:100], eps, t).requires_grad_()
    (gradient,) = torch.autograd.grad(denoiser(x_t, t)[:, 0, row, column].sum(), x_t)
    return gradient.abs().mean((0, 1)).cpu()


def linear_look(t):
    """The same of the linear denoiser: what one bright pixel of x_t, wherever it is, does to the middle of D."""
    single = torch.eye(lab.data.images[0].numel()).view(-1, *lab.shape).to(lab.device)
    return (wiener(single, t) - wiener(0 * single, t))[:, 0, row, column].abs().view(lab.shape).mean(0).cpu()


def nearby(look):
    """The share of the outlined window in all influence, that of the middle pixel itself left out."""
    return float((look[window].sum() - look[row, column]) / (look.sum() - look[row, column]))


# %%
levels = (0.9, 0.5, 0.2, 0.05)
looks = {"network": [look_of(lab.network, t) for t in levels], "linear denoiser": [linear_look(t) for t in levels]}
before = []  # training: three networks with random weights
for seed in range(3):
    torch.manual_seed(seed)
    untrained = els.NetworkDenoiser(els.ResNet(width=big_width).eval().requires_grad_(False).to(lab.device))
    before += [nearby(look_of(untrained, t)) for t in levels]

# %% tags=["slide"]
fig, axes = plt.subplots(2, 4, figsize=(9, 4.5))
for line, (name, maps) in zip(axes, looks.items(), strict=True):
    line[0].set_ylabel(name)
    for ax, t, look in zip(line, levels, maps, strict=True):
        picture = ax.imshow((look / look.max()).clamp(min=1e-3), cmap="viridis", norm="log", vmin=1e-3, vmax=1)
        plotting.patch_outline(ax, row, column, 5)
        ax.set(title=f"t = {t}: {nearby(look):.0%} inside", xticks=[], yticks=[])
fig.colorbar(picture, ax=axes, label="influence (darkest: 1/1000 or less)")
show(
    fig,
    alt="Eight maps of how strongly the middle pixel depends on each input pixel, of the network and of the linear "
    "denoiser. In both rows the bright area is broad at t = 0.9; at t = 0.05 only a few pixels inside the outlined 5 "
    "by 5 window are bright, and the linear denoiser has dim specks all over.",
)
shares = {name: [nearby(look) for look in maps] for name, maps in looks.items()}
print("share of the outlined window, without the pixel itself:", {n: [f"{v:.0%}" for v in shares[n]] for n in shares})
print(f"before training, three networks at the four times: {min(before):.0%} to {max(before):.0%}")
if lab.profile == "laptop":
    stated = {"network": (0.29, 0.37, 0.53, 0.77), "linear denoiser": (0.30, 0.49, 0.45, 0.39)}
    assert all(abs(v - said) < 0.01 for n in stated for v, said in zip(shares[n], stated[n], strict=True))
    assert abs(min(before) - 0.68) < 0.01 and abs(max(before) - 0.76) < 0.01

# %% [markdown]
# Above each map stands the share of all influence that comes from inside the outlined $5 \times 5$ window, without the
# pixel itself, which at low noise is nearly its own answer. (If all others counted alike: 24 of 255, 9 %.) As the noise
# falls the network's share rises from 29 % to 77 %.
#
# Before training, with random weights, it is 68 to 76 % at every noise level: such a stack of convolutions looks nearby
# anyway. **Training has widened the look where there is much noise**, and left it narrow where there is little.
#
# The linear denoiser's share does not keep rising. But at low noise many weights outside the window are nearly 0, and
# the sum of their sizes says little about what they do together. So ask in another way: put *another* noisy picture
# outside the window. How far does the middle of $D$ move, as a share of how far a whole new picture moves it?
#
# **Predict.** Network, linear denoiser, ideal denoiser: for which of them does that share fall as the noise falls?

# %%
outside = torch.ones(lab.shape[1:], dtype=torch.bool, device=lab.device)
outside[window] = False


@torch.no_grad()
def moved_from_outside(denoiser, t):
    """How far new pixels outside the window move the middle of D, as a share of a whole new picture (RMS of both)."""
    x_t, part, whole = els.add_noise(held_out[:100], eps, t), 0, 0
    answer = denoiser(x_t, t)[..., row, column]
    for k in range(1, 6):  # five other pictures, with other noise
        mixed = torch.where(outside, x_t.roll(k, 0), x_t)
        part += (denoiser(mixed, t)[..., row, column] - answer).square().sum()
        whole += (answer.roll(k, 0) - answer).square().sum()
    return (part / whole).sqrt().item()


three = {"network": lab.network, "linear denoiser": wiener, "ideal denoiser": ideal}
moved = {name: [moved_from_outside(denoiser, t) for t in levels] for name, denoiser in three.items()}
print("moved from outside the window, t =", levels)
for name, found in moved.items():
    print(f"{name:<15}", [f"{v:.0%}" for v in found])
if lab.profile == "laptop":
    stated = ((0.66, 0.39, 0.15, 0.03), (0.66, 0.32, 0.15, 0.03), (0.69, 0.68, 0.67, 0.62))
    assert (torch.tensor(list(moved.values())) - torch.tensor(stated)).abs().max() < 0.01

# %% [markdown]
# The network's share falls from 66 % to 39, 15 and 3 %: **the less noise, the less far it looks**. But the linear
# denoiser's falls as much: 66, 32, 15 and 3 %. It has neither layers nor a window, only the pictures' means and
# covariances. The odd one is the ideal denoiser, which stays above 60 %: *which* picture wins is decided by all 256
# pixels together.
#
# So the first clue is no mark of networks. It is what ours shares with a linear filter, and not with the ideal
# denoiser. How much of it is the network's own, lessons 10 and 14 ask.

# %% [markdown] tags=["slide"]
# ## 7. Second clue: what happens to a shifted picture (8 minutes)
#
# A convolution does the same at every place. Shift the input, and the output should shift with it. A function that
# keeps this promise is called **equivariant** under shifts:
#
# $$D(S x_t, t) = S\, D(x_t, t), \qquad S = \text{shift by some rows and columns}.$$
#
# So that the picture keeps its size, each convolution **pads** its input: around it our network puts zeros.
#
# **Predict.** We shift $x_t$ down by one row (the last row comes back at the top). Where in the picture will the
# network keep the promise? And the linear and the ideal denoiser: better, or worse?


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
four = {"ideal denoiser": ideal, "linear denoiser": wiener, "network": lab.network, "circular network": circular}
errors = {name: broken_promise(denoiser, 0.5, (1, 0)) for name, denoiser in four.items()}

# %% tags=["slide"]
fig, axes = plt.subplots(1, 4, figsize=(10, 2.8))
for ax, (name, error) in zip(axes, errors.items(), strict=True):
    picture = ax.imshow(error, cmap="viridis", vmin=0, vmax=0.5)
    ax.set(title=name, xticks=[], yticks=[])
fig.colorbar(picture, ax=axes, label="error (yellow: 0.5 or more)")
fig.suptitle("shift error at t = 0.5, shifted down by one row")
show(
    fig,
    alt="Four maps of the shift error. The ideal denoiser errs all over the garment, most at its top and bottom; the "
    "linear denoiser at the same places, but less; the network is dark in the middle and at the sides, bright at the "
    "bottom and near the top; the circular network is dark everywhere.",
)


# %%
def middle_and_border(error):
    """Root mean square over the 4 x 4 pixels in the middle, and over the outermost ring."""
    square, ring = error.square(), torch.ones_like(error, dtype=torch.bool)
    ring[1:-1, 1:-1] = False
    middle = square[row - 2 : row + 2, column - 2 : column + 2]
    return middle.mean().sqrt().item(), square[ring].mean().sqrt().item()


found = {}
for t, shift in ((0.5, (1, 0)), (0.9, (3, -3)), (0.1, (3, -3))):
    print(f"t = {t}, shifted by {shift}:")
    for name, denoiser in four.items():
        found[name, t] = middle_and_border(broken_promise(denoiser, t, shift))
        print("  {:<17} middle {:.3f}  border {:.3f}".format(name, *found[name, t]))
if lab.profile == "laptop":
    stated = {"ideal denoiser": (0.228, 0.39, 0.56), "linear denoiser": (0.091, 0.39, 0.08)}
    stated |= {"network": (0.023, 0.33, 0.02), "circular network": (0, 0, 0)}
    off = [abs(found[n, t][0] - v) for n in stated for t, v in zip((0.5, 0.9, 0.1), stated[n], strict=True)]
    assert max(off) < 0.006 and 0.08 < found["network", 0.5][0] / found["network", 0.5][1] < 0.12
    assert errors["circular network"].max() < 1e-4

# %%
x_t = els.add_noise(held_out[:100], eps, 0.5)
signed = lab.network(x_t.roll(1, -2), 0.5) - lab.network(x_t, 0.5).roll(1, -2)
signed = signed[..., 4:-4].mean((0, 1, 3))  # of every row, without the sides
print(f"network, shifted first minus shifted last: second row {signed[1]:+.2f}, last row {signed[-1]:+.2f}")
if lab.profile == "laptop":
    assert abs(signed[1] - 0.21) < 0.01 and abs(signed[-1] + 0.47) < 0.01
    assert all((lab.data.images[at] == -1).all() for k in (0, -1) for at in ((..., k, slice(None)), (..., k)))

# %% [markdown]
# In the middle the network's error (0.023) is a tenth of the ideal denoiser's, a quarter of the linear one's, and a
# tenth of its own at the border. The fourth pads with the opposite side of the picture (**circular** padding): no
# border, no error.
#
# The network errs at the bottom and near the top. In every training picture the outermost ring is black. In the last
# row it blackens what we moved there (by 0.47 in the mean); in the second row, where we moved that black ring, it draws
# cloth (0.21 lighter). It can feel where the border is.
#
# So be careful with the sentence "convolutional networks are equivariant". If we shift by three rows and columns, its
# middle is off by 0.33 at $t = 0.9$, not much less than that of the linear and the ideal denoiser (both 0.39); at $t =
# 0.1$ by 0.02 (linear 0.08, ideal 0.56). On $16 \times 16$ pixels, at high noise, everything is near the border. Lesson
# 08 is about that.

# %% [markdown] tags=["slide"]
# ## 8. A network that sees everything (4 minutes)
#
# The course comes with another network: a **UNet**, trained on the same 2,000 pictures for the same 8,000 steps. It
# halves the picture twice on the way, and each of its pixels sees the whole picture.
#
# **Predict.** Will it do better on its own pictures than on new ones? Will it copy?

# %%
unet_lab = els.lab("laptop", network="fashion-mnist-16-unet-zeros", verbose=False)  # on every computer
unet, unet_noise = unet_lab.network, els.seeded_noise(seeds, unet_lab.shape)
canvas = unet_noise[:1].clone().requires_grad_()
(influence,) = torch.autograd.grad(unet(canvas, 0.5)[0, 0, 0, 0], canvas)
print(f"UNet: the corner pixel depends on {influence.count_nonzero()} of {influence.numel()} pixels")
assert influence.count_nonzero() == influence.numel()
if lab.profile == "laptop":
    weights = [sum(p.numel() for p in n.module.parameters()) for n in (unet, lab.network)]
    moved["UNet"] = [moved_from_outside(unet, t) for t in levels]
    print(f"weights: UNet {weights[0]:,}, ResNet {weights[1]:,}")
    print("moved from outside the window: UNet", [f"{v:.0%}" for v in moved["UNet"]])
    assert 2 < weights[0] / weights[1] < 2.2
    assert all(abs(a - b) < 0.01 for a, b in zip(moved["UNet"], (0.63, 0.45, 0.27, 0.06), strict=True))

# %% tags=["slide"]
drew, fresh = els.load_results(unet.name), unet_lab.held_out().images
unet_drew, stranger = drew["network-150"], els.IdealScoreMachine(fresh, unet_lab.schedule)
assert (els.sample(unet, unet_noise[:3], steps=150) - unet_drew[:3]).abs().max() < 0.01
of_new = els.sample(stranger, drew["noise"].to(unet_lab.device), steps=20).cpu()
rows = {"ideal denoiser": drew["is"][:10], "UNet": unet_drew[:10], "ideal of held-out": of_new[:10]}
rows["ResNet"] = els.load_results("fashion-mnist-16-resnet-zeros")["network-150"][:10]
fig = plotting.image_rows(rows, titles=[f"seed {s}" for s in seeds])
show(fig, alt="Ten columns, four rows: the UNet's drawings resemble the ideal denoiser's training pictures above them "
     "in most columns; so do the held-out pictures below, which their own ideal denoiser draws; the "
     "ResNet's drawings in the last row are looser and often torn.")  # fmt: skip

# %%
on_training["UNet"], on_held_out["UNet"] = losses(unet, unet_lab.data.images), losses(unet, fresh)
by_time = (on_held_out["UNet"].mean(1) / on_training["UNet"].mean(1) - 1).tolist()
more, error = excess("UNet")
new, real = (els.novelty(images, unet_lab.data.images, fresh) for images in (unet_drew.to(fresh), fresh))
nearer = (real < new.min()).double().mean().item()
by_unet, by_resnet = (on_held_out[name].mean(1) for name in ("UNet", "network"))
print(f"UNet: loss {on_training['UNet'].mean():.4f} on its pictures, {by_unet.mean():.4f} on new ones, ", end="")
print(f"{more:+.0%} ± {error:.0%}")
print(f"at t = 0.125 {by_time[2]:+.0%}, above t = 0.7 at most {max(by_time[14:]):+.0%}")
print(f"novelty {new.quantile(0.5):.2f}, smallest {new.min():.2f}; new pictures nearer than that: {nearer:.0%}")
found, stated = (more, by_time[2], nearer, new.quantile(0.5), new.min()), (0.18, 0.34, 0.03, 0.94, 0.52)
assert all(abs(a - b) < 0.006 for a, b in zip(found, stated, strict=True)) and max(by_time[14:]) < 0.01
if lab.profile == "laptop":
    assert abs(by_unet.mean() - 0.074) < 5e-4 and abs(by_resnet.mean() - 0.0762) < 5e-4
    assert by_unet.mean() < by_resnet.mean() - 0.001 and (by_unet > by_resnet)[:3].all()

# %%
sets = {"UNet": unet_drew, "ideal denoiser of held-out pictures": of_new, "linear denoiser": drew["wiener"]}
others = els.load_results("15_exchange")["network-150, unet-2000-other-pictures-seed-1"]
sets["UNet of other pictures"] = others.float() / 127.5 - 1  # stored in 8 bits
follows = {name: els.compare(images, drew["is"]).r2.quantile(0.5).item() for name, images in sets.items()}
print("median r2 with the ideal denoiser:", {name: round(v, 2) for name, v in follows.items()})
assert all(abs(a - b) < 0.006 for a, b in zip(follows.values(), (0.86, 0.81, 0.68, 0.85), strict=True))

# %% [markdown]
# The UNet knows its own pictures better: on new ones its loss is 18 % higher (34 % at $t = 0.125$, not at all above
# 0.7). That alone is not yet memory, but it is more than the linear denoiser has (2 % on the same 500, 5 % on 2,000).
# The UNet does not copy: of 100 real new pictures 3 are nearer to the training set than its nearest drawing. And on new
# pictures, too, its mean loss is *lower* than the ResNet's (0.074 against 0.076; not at the lowest noise). A network
# can begin to remember and still be the better one on new pictures.
#
# From the same noise it draws like the ideal denoiser: median r2 0.86. That looks like memory. But the linear denoiser
# has 0.68, the ideal denoiser of the held-out pictures 0.81, and a UNet trained on 2,000 *other* pictures 0.85: lesson
# 10 says why. Nor does novelty tell (0.94, almost as new as a real picture).
#
# Does looking nearby keep a network from remembering, then? At low noise the UNet looks further than the ResNet (at $t
# = 0.2$ the outside of the window moves it by 27 %, the ResNet by 15 %), but has twice as many weights, too. So this is
# a hint, not a proof.

# %% [markdown]
# ### Exercise 4: A receptive field by hand (6 minutes, ★★☆)
#
# The UNet halves the picture by a **stride** of 2: the kernel moves by two pixels at a time. For layers one after the
# other, each with a kernel size and a stride: how many input pixels, along one direction, can one output pixel depend
# on? With stride 1 everywhere you know the answer for our ResNet: 17.


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
# what every later layer adds (in the UNet only until the picture is doubled again).
# </details>

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * Trained to be the ideal denoiser, a network has, after 8,000 steps, still more than ten times the lowest possible
#   loss. On new pictures it does as well as on its own, to within 4 %; there the ideal denoiser fails at low noise.
# * From the same noise it draws a new picture. But *new* is not *good*, nor the mark of a network: its drawings have a
#   novelty of 1.7, the linear denoiser's 1.6.
# * **The less noise, the less far it looks**, unlike the ideal denoiser. But exchange what is outside a window, and the
#   best linear denoiser is moved as little.
# * **It treats places alike**, more so than the best linear denoiser, but not where it feels the border: at little
#   noise that is only near it, at much noise almost everywhere.
# * A UNet that sees everything does better on its own pictures than on new ones. It copies none.

# %% [markdown] tags=["slide"]
# ## What is still unexplained
#
# Two clues are not yet an explanation, and the linear denoiser shares the first. **Does looking locally suffice to turn
# a memory into something new?** We can find out without any network: take the ideal denoiser of lesson 02, forbid every
# pixel to look further than a small window, and do the best that is possible under this rule. That is lesson 04. The
# second clue waits for lesson 06.
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
