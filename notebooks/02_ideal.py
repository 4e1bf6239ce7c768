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
# # 02 · The ideal denoiser can only remember
#
# **You will** work out which denoiser the training of a diffusion model is really asking for, write it down in four
# lines, and let it generate.
#
# **You will learn** what the perfect student of this training draws, when in the process it chooses, and why the
# obvious code for it fails.
#
# **You need** lesson 01: noising, denoisers, the DDIM sampler. Bayes' rule.
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

# %%
images, labels, schedule = lab.data.images, lab.data.labels, lab.schedule
N, pixels = len(images), images[0].numel()
print(f"{N:,} training images v of {pixels} pixels each")

# %% [markdown] tags=["slide"]
# ## 1. What the training loss asks for (8 minutes)
#
# A diffusion model is trained like this. Take a training picture $x_0$, a time $t$ and noise $\epsilon$; make
# $x_t = \alpha x_0 + \sigma \epsilon$; show $x_t$ to the network; make it pay the squared error of its answer,
# $\|D(x_t) - x_0\|^2$. This price is the **loss**. Change the network a little towards lower prices. Repeat.
#
# Suppose we know that a noisy picture was made from one of three, $v_1, v_2, v_3$, which are about equally far apart:
# from the first with probability 0.5, from the second with 0.3, from the third with 0.2. We may give one answer, $a$.
# The price we must expect is
#
# $$L(a) = \sum_i w_i\, \|a - v_i\|^2, \qquad w = (0.5,\ 0.3,\ 0.2) .$$
#
# **Predict.** Lesson 01 has said which $a$ is cheapest: the mean. Does the best of the three cost a tenth more, two
# thirds more, or three times as much? And is it always the most probable one?

# %% tags=["slide"]
three = images[[0, 19, 24]]
w = torch.tensor([0.5, 0.3, 0.2], device=lab.device)


def expected_loss(answer):
    return (w * (answer - three).square().sum((-3, -2, -1))).sum()


mean = (w[:, None, None, None] * three).sum(0)
answers = torch.cat([three, mean[None]])
losses = torch.stack([expected_loss(a) for a in answers])
fig = plotting.image_rows(
    {"answer": answers}, titles=["w = 0.5", "w = 0.3", "w = 0.2", "their mean"], notes=[f"L = {x:.0f}" for x in losses]
)
show(
    fig,
    alt=("Three garments and their weighted mean, a blur, with the expected loss of each: the blur has the smallest."),
)
apart = torch.pdist(three.flatten(1)).square()
assert losses.argmin() == 3 and abs(losses[:3].min() / losses[3] - 5 / 3) < 0.02 and apart.max() < 1.2 * apart.min()

# %% [markdown] tags=["slide"]
# The best of the three costs two thirds more than the blur. For **every** answer $a$, with
# $m = \sum_i w_i v_i$ the weighted mean,
#
# $$L(a) = L(m) + \|a - m\|^2 .$$
#
# (Write $a - v_i = (a - m) + (m - v_i)$ and square. The mixed term is $2 (a-m) \cdot \sum_i w_i (m - v_i) = 0$.) The
# first term is a price nobody can avoid; the second vanishes at $a = m$, and only there. Of the three, the cheapest is
# the one *nearest to the mean*. It need not be the most probable: with $w = (0.4, 0.35, 0.25)$ and $v_3$ almost equal
# to $v_2$ it is $v_2$.
#
# The same holds for every $x_t$ and $t$: among the cases that lead to this $x_t$, each picture has some probability,
# and the cheapest answer is the mean with these probabilities as weights. A network that may choose its answer for
# every $x_t$ and $t$ *separately* can do no better. So the exact minimiser of the training loss is
#
# $$D(x_t, t) = \mathrm{E}[x_0 \mid x_t] .$$
#
# Most networks are trained on the noise instead: the price is $\|\hat\epsilon - \epsilon\|^2$. **Predict.** Does that
# ask for another denoiser?

# %% [markdown] tags=["slide"]
# No. An answer $D$ stands for the noise $\hat\epsilon = (x_t - \alpha D)/\sigma$, so
# $\hat\epsilon - \epsilon = \alpha (x_0 - D)/\sigma$: it is the same price times $(\alpha/\sigma)^2$. That factor says
# how much each *time* counts, but at each time the cheapest answer stays the same. One ideal, whatever the weighting.
#
# ## 2. The ideal denoiser, written down (9 minutes)
#
# Which pictures could $x_t$ have been made from? In training only the $N$ training pictures occur, each equally
# often. So the "data distribution" of the loss is a list of $N$ points, and $\mathrm{E}[x_0 \mid x_t]$ is a sum over
# that list.
#
# First in a world that we can draw: pictures of **two pixels**, a training set of six, here dimmed as they are at
# $t = 0.3$ ($\alpha = 0.89$, $\sigma = 0.45$).

# %% tags=["slide"]
six = torch.tensor([[-0.9, -0.7], [-0.7, 0.5], [-0.2, 0.9], [0.2, -0.4], [0.6, -0.8], [0.8, 0.5]])
t, here = 0.3, torch.tensor([0.1, 0.1])
alpha, sigma = schedule.alpha(t), schedule.sigma(t)
assert abs(alpha - 0.89) < 0.005 and abs(sigma - 0.45) < 0.005


def draw_six(notes):
    fig, ax = plt.subplots(figsize=(4.2, 3.8))
    ax.scatter(*(alpha * six).T, s=40, color=plotting.BLUE, label="dimmed pictures $\\alpha v$", zorder=2)
    ax.plot(*here, "x", ms=11, mew=3, color=plotting.ORANGE, label="the place (0.1, 0.1)")
    for point, note in zip(alpha * six, notes, strict=True):
        ax.annotate(note, point, (5, 5), textcoords="offset points", fontsize=10)
    ax.set(xlabel="pixel 1", ylabel="pixel 2", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
    return fig, ax


fig, ax = draw_six("012345")
ax.legend(loc="upper left", fontsize=8, frameon=True)
show(
    fig,
    alt="Six dimmed pictures of two pixels as numbered dots in a plane, and a cross between them, nearest to no. 3.",
)

# %% [markdown] tags=["slide"]
# We noise the six very many times, and keep the cases whose $x_t$ fell near one place, the cross (within 0.1 of it).
#
# **Predict.** Which picture will be behind more of these cases than any other, and will it be behind most of them?

# %% tags=["slide"]
generator = torch.Generator().manual_seed(0)
which = torch.randint(6, (1_000_000,), generator=generator)
x_t = alpha * six[which] + sigma * torch.randn(len(which), 2, generator=generator)
near = (x_t - here).norm(dim=1) < 0.1
counted = torch.bincount(which[near], minlength=6) / near.sum()

fig, ax = draw_six([f"{i}: {share:.0%}" for i, share in enumerate(counted)])
ax.scatter(*x_t[:3000].T, s=3, color="0.8", label="noised pictures $x_t$")
ax.add_patch(plt.Circle(here, 0.1, fill=False, color=plotting.ORANGE, zorder=3))
ax.legend(loc="upper left", fontsize=8, frameon=True).legend_handles[2].set_sizes([20])
show(
    fig,
    alt=(
        "A cloud of noised two-pixel pictures around six dimmed ones; the shares of the six behind a small circle "
        "around the cross fall with their distance from it."
    ),
)

# %% [markdown] tags=["slide"]
# All six are possible; the nearer the dimmed picture $\alpha v$, the more probable. **Bayes' rule** gives the shares.
# Before seeing $x_t$ every picture has the same probability, $1/N$. Given $v$, $x_t$ is normal around $\alpha v$ with
# variance $\sigma^2$ in each pixel. So the probability of $v$ afterwards is proportional to that normal density:
#
# $$w(v) = \frac{e^{-\|x_t - \alpha v\|^2 / 2\sigma^2}}{\sum_{v'} e^{-\|x_t - \alpha v'\|^2 / 2\sigma^2}}, \qquad
# D(x_t, t) = \sum_v w(v)\, v .$$
#
# This is the **ideal denoiser**, also called the ideal score machine (IS). Every training picture *votes* with its
# weight; the answer is the mean of the votes.

# %%
by_bayes = torch.softmax(-(here - alpha * six).square().sum(1) / (2 * sigma**2), dim=0)  # softmax: exp, over its sum
print("counted: ", " ".join(f"{x:.2f}" for x in counted))
print("formula: ", " ".join(f"{x:.2f}" for x in by_bayes))
assert (counted - by_bayes).abs().max() < 0.03

# %% [markdown]
# ### Exercise 1: Posterior weights (7 minutes, ★☆☆)
#
# Write the weights for real pictures: `x_t` has shape (B, C, H, W), `images` (N, C, H, W), and the result (B, N): one
# row of weights for each noisy picture. Use `torch.softmax`; section 7 shows what happens otherwise.


# %%
def posterior_weights(x_t, images, alpha, sigma):
    """x_t (B, C, H, W), images (N, C, H, W) -> weights (B, N) that sum to one over the images."""
    ...


check.posterior_weights(posterior_weights)

# %% [markdown]
# Stuck? `check.hint("posterior_weights")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def posterior_weights(x_t, images, alpha, sigma):
#     squared_distance = (x_t[:, None] - alpha * images[None]).square().sum((-3, -2, -1))
#     return torch.softmax(-squared_distance / (2 * sigma**2), dim=1)
# ```
#
# `x_t[:, None]` is (B, 1, C, H, W) and `images[None]` is (1, N, C, H, W): their difference pairs every noisy picture
# with every training picture.
# </details>

# %% [markdown]
# ### Exercise 2: The mean of the votes (5 minutes, ★☆☆)
#
# Given weights (B, N) and images (N, C, H, W), return the denoiser's answer (B, C, H, W).


# %%
def posterior_mean(weights, images):
    """weights (B, N) that sum to one over the images (N, C, H, W) -> their weighted means (B, C, H, W)."""
    ...


check.posterior_mean(posterior_mean)

# %% [markdown]
# Stuck? `check.hint("posterior_mean")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def posterior_mean(weights, images):
#     return torch.einsum("bn,nchw->bchw", weights, images)
# ```
#
# `einsum` multiplies along the shared letter n and sums over it. `(weights @ images.flatten(1)).view(-1,
# *images.shape[1:])` is the same.
# </details>

# %% [markdown]
# The package has both: `els.IdealScoreMachine(images)` is the ideal denoiser, and its `posterior` says who voted. It is
# fast, and never holds all $N$ differences in memory. Here it is against the formula, computed literally.


# %%
machine = els.IdealScoreMachine(images, schedule)


def ideal_weights(x_t, t):
    """(B, N): the package returns the heaviest first, and we put them back in the order of the images."""
    votes = machine.posterior(x_t, t, top=N)
    return torch.zeros_like(votes.weight).scatter(1, votes.image, votes.weight)


x_0, noise = images[:8], els.seeded_noise(range(600, 608), lab.shape).to(lab.device)
for t in (0.1, 0.4, 0.7, 1.0):
    x_t = els.add_noise(x_0, noise, t)
    literally = els.reference.ideal(x_t, images, schedule.alpha(t), schedule.sigma(t))
    assert (machine(x_t, t).cpu() - literally).abs().max() < 1e-4
print("machine and formula agree to 0.0001, at t = 0.1, 0.4, 0.7 and 1")

# %% [markdown] tags=["slide"]
# ## 3. Who votes? (5 minutes)
#
# Take a training picture, number 5, add noise, and ask the ideal denoiser who it might be.
#
# **Predict.** There are 2,000 voters. At $t = 0.9$, how much of the weight does the heaviest have: nearly nothing, a
# tenth, half? And at $t = 0.3$?

# %% tags=["slide"]
x_0, eps = images[5:6], els.seeded_noise([601], lab.shape).to(lab.device)
times = [0.9, 0.75, 0.6, 0.3]
weights = {t: ideal_weights(els.add_noise(x_0, eps, t), t)[0] for t in times}
noisy = torch.cat([els.add_noise(x_0, eps, t) for t in times])
answers = torch.cat([machine(els.add_noise(x_0, eps, t), t) for t in times])
voters = torch.cat([images[weights[t].argmax()][None] for t in times])
rows = {"$x_t$": noisy, "answer $D(x_t)$": answers, "heaviest voter": voters}
notes = [f"weight {weights[t].max():.3f}" for t in times]
show(
    plotting.image_rows(rows, titles=[f"t = {t:g}" for t in times], notes=notes),
    alt=(
        "The noisy picture, the denoiser's answer and the heaviest voter at four times: a blur of many at much "
        "noise, the right picture at little."
    ),
)
assert weights[0.3].argmax() == 5
if lab.profile == "laptop":
    assert weights[0.9].max() < 0.01 and abs(weights[0.75].max() - 0.034) < 0.001 and weights[0.3].max() > 0.999
    assert [lab.data.class_names[int(labels[weights[t].argmax()])] for t in times[:2]] == ["t-shirt", "dress"]

# %% [markdown]
# At much noise everybody has a say and the answer is a blur; picture 5 is a pullover, but the heaviest voter is a
# t-shirt at $t = 0.9$ and a dress at 0.75, with 0.034 of the weight. At little noise one voter holds everything, and
# the answer is a training picture, pixel by pixel. Drag the slider to the left: the crowd turns into one.

# %%
explorer = widgets.PosteriorExplorer.of(machine, x_0[0], eps[0], times=[i / 20 for i in range(1, 21)], top=5)
explorer.index = 17  # begin at t = 0.9
explorer

# %% [markdown]
# ### Exercise 3: How many voters? (5 minutes, ★★☆)
#
# "One voter" or "a crowd" can be a number. The **entropy** of the weights is $-\sum_v w(v) \ln w(v)$, and its
# exponential is the *effective number of voters*: $k$ equal weights give exactly $k$. Write it for weights (B, N).
# Beware of weights that are exactly 0: they count nothing.


# %%
def effective_voters(weights):
    """weights (B, N), each row summing to one, zeros allowed -> exp(entropy) of each row, shape (B,)."""
    ...


check.effective_voters(effective_voters)

# %% [markdown]
# Stuck? `check.hint("effective_voters")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def effective_voters(weights):
#     entropy = torch.special.entr(weights).sum(1)
#     return entropy.exp()
# ```
#
# `entr(w)` is $-w \ln w$, and 0 at $w = 0$, where `-w * w.log()` would be $0 \cdot \infty$, which is not a number.
# </details>

# %%
crowd = {t: torch.special.entr(weights[t]).sum().exp().item() for t in times}
print("effective number of voters of picture 5:", ", ".join(f"{k:.1f} at t = {t:g}" for t, k in crowd.items()))

# %% [markdown] tags=["slide"]
# ## 4. Let it generate (6 minutes)
#
# Now the experiment of this lesson. 64 seeds of pure noise; the DDIM sampler of lesson 01, in 40 steps; and the ideal
# denoiser, the perfect result of training.
#
# **Predict.** Lesson 00 has told the result: copies. All 64? And with 5 steps instead of 40?

# %% tags=["slide"]
seeds = range(600, 664)
noise = els.seeded_noise(seeds, lab.shape).to(lab.device)
drawn = els.sample(machine, noise, steps=40)
nearest, distance = els.nearest_training_image(drawn, images)

fig = plotting.image_rows(
    {"drawn": drawn[:12], "nearest\ntraining picture": images[nearest[:12]]},
    notes=[f"no. {int(i)}" for i in nearest[:12]],
)
show(fig, alt="Twelve drawings of the ideal denoiser, and below each the nearest training picture: they are identical.")

# %%
_, coarse = els.nearest_training_image(els.sample(machine, noise, steps=5), images)
next_one = torch.cdist(images[:2000].flatten(1), images.flatten(1)).topk(2, largest=False)[0][:, 1].quantile(0.5)
for steps, off in ((40, distance), (5, coarse)):
    print(f"{steps:2d} steps: {(off < 1e-4).sum()} of 64 are copies; the furthest is {off.max():.1g} away")
print(f"from a training picture to the nearest other one: {next_one:.1f} (median)")
assert (distance < 1e-4).all()  # 64 of 64
assert lab.profile == "gpu" or (abs((coarse < 1e-4).sum() - 49) <= 1 and abs(next_one - 3.0) < 0.05)

# %% [markdown]
# **64 of 64 are training pictures**, within the rounding of a float32 (from a training picture to the nearest other one
# it is 3.0). Not similar ones: *those*. The student who did everything right can only recite. In 5 steps 49 of 64 are
# copies: the last answer is given at $t = 0.2$, where for some more than one picture votes.
#
# Why it must be so: lesson 01 showed that the flow of an exact denoiser brings back the distribution it was made
# from. Here that is a list of $N$ points. As $\sigma \to 0$ the exponent $-\|x_t - \alpha v\|^2 / 2\sigma^2$ of the
# nearest picture leads all others by more and more, so the exponential beats theirs by any factor: its weight becomes
# 1, and the last step of DDIM lands on $D(x_t)$ itself.
#
# Are Exercises 1 and 2 correct? Then see what your own lines draw.


# %%
def my_denoiser(x_t, t):
    weights = posterior_weights(x_t, images, schedule.alpha(t), schedule.sigma(t))
    return weights if weights is None else posterior_mean(weights, images)


if my_denoiser(noise[:4], 1.0) is None:
    print("(This cell waits for Exercises 1 and 2. Write them, then run it again.)")
else:
    by_mine = els.sample(my_denoiser, noise[:4], steps=40)
    show(
        plotting.image_rows({"drawn by you": by_mine}),
        alt="Four drawings, made by your own lines: the first four again.",
    )
    same = els.nearest_training_image(by_mine, images)[0] == nearest[:4]
    print(f"the same training picture as above: {same.sum()} of 4")

# %% [markdown]
# In the world of two pixels we can see all paths at once.

# %% tags=["slide"]
plane = els.IdealScoreMachine(six.view(6, 1, 1, 2), schedule)
start = els.seeded_noise(range(600, 900), (1, 1, 2))
path = torch.stack([x_t for _, x_t, _ in els.trajectory(plane, start, steps=200)]).view(201, -1, 2)

ends, distance_to_six = els.nearest_training_image(path[-1].view(-1, 1, 1, 2), six.view(-1, 1, 1, 2))
per_point = torch.bincount(ends, minlength=6)
print("paths that end on each of the six points:", per_point.tolist())
assert distance_to_six.max() < 1e-4 and abs(per_point.min() - 44) <= 1 and abs(per_point.max() - 59) <= 1

fig, ax = plt.subplots(figsize=(4.8, 4.8))
for k in range(6):
    mine = path[:, ends == k]
    ax.plot(mine[..., 0], mine[..., 1], color=f"C{k}", ls="-", lw=0.6, alpha=0.6)
    ax.scatter(*mine[0].T, s=7, color=f"C{k}")
ax.scatter([], [], s=7, color=plotting.GREY, label="noise, coloured by where it ends")
ax.scatter(*six.T, s=70, color=plotting.INK, marker="s", label="training pictures", zorder=3)
ax.set(xlabel="pixel 1", ylabel="pixel 2", aspect="equal", xlim=(-3.4, 3.4), ylim=(-3.4, 3.4))
fig.legend(loc="outside upper center", fontsize=9, ncols=2)
show(
    fig,
    alt=(
        "Three hundred paths in the plane, from a cloud of noise into six points; none ends anywhere else. Paths of "
        "one colour start side by side: each point has an area from which it draws."
    ),
)

# %% [markdown]
# Every path ends on one of the six points, 44 to 59 of the 300 on each (50 would be fair). The plane is divided into
# six catchment areas, and your noise lies in one of them. The area in the middle is small, but gets as many: there the
# noise is densest.
#
# ### Exercise 4: Caught copying (4 minutes, ★☆☆)
#
# Optional: `els.nearest_training_image` has done it for you. Write this detector yourself: for each picture in `x`
# (B, C, H, W), the index of the nearest training picture and the (Euclidean) distance to it, each with shape (B,). Of a
# copy the distance is 0. Does your code say so, or does rounding get in the way?


# %%
def nearest_image(x, images):
    """x (B, C, H, W), images (N, C, H, W) -> (index (B,), Euclidean distance (B,)) of the nearest image."""
    ...


check.nearest_image(nearest_image)

# %% [markdown]
# Stuck? `check.hint("nearest_image")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def nearest_image(x, images):
#     distance = (x[:, None] - images[None]).square().sum((-3, -2, -1)).sqrt()
#     smallest, index = distance.min(dim=1)
#     return index, smallest
# ```
#
# Two shortcuts save memory: $\|x\|^2 + \|v\|^2 - 2\, x \cdot v$ for the square, and `torch.cdist`, which takes the same
# when there are many pictures. For a copy they subtract two large numbers that are equal. Rounding leaves less than 0,
# which has no root, or more, whose root is no longer tiny. Lesson 03 uses this distance to show that a trained
# network's drawings are *not* copies.
# </details>

# %% [markdown] tags=["slide"]
# ## 5. The moment of choice (12 minutes)
#
# The seed has decided from the start: the sampler has no dice. But the denoiser does not know it yet. At $t = 1$ its
# votes are spread over all 2,000 pictures, at the end one picture has them all. When can it tell?
#
# We follow the votes along the 64 paths. The denoiser has made its **choice** when one picture holds more than half of
# them. Each picture belongs to one of ten classes; a class is chosen when its pictures together hold more than half.
# Large groups reach a half sooner, even if they mean nothing: for comparison we also give the labels out at random.
#
# **Predict.** (a) At $t = 1$ the votes are nearly even, but not quite: $\alpha$ is 0.0125, and the denoiser looks for
# that much of a picture. Sort them: on which place will the picture stand that wins in the end, near 1,000, 100 or 10?
# (b) The class cannot be chosen later than the picture. Well before it, or together with it?

# %%
of_class = torch.nn.functional.one_hot(labels, 10).float()
shuffled = of_class[torch.randperm(N, generator=torch.Generator().manual_seed(0))]  # classes that mean nothing
groups = {"one class": of_class.to(lab.device), "one class, labels shuffled": shuffled.to(lab.device)}
share, leads = {name: [] for name in (*groups, "one picture")}, []  # of each time: a number for each of the 64 seeds
walk = list(els.trajectory(machine, noise, steps=40))[:-1]
for t, x_t, _ in walk:
    w = ideal_weights(x_t, t).float()  # (64, N)
    for name, members in groups.items():
        share[name].append((w @ members).max(1).values.cpu())
    share["one picture"].append(w.max(1).values.cpu())
    leads.append((w.argmax(1) == nearest).cpu())  # does the picture lead that will be drawn?
share, leads = {name: torch.stack(values) for name, values in share.items()}, torch.stack(leads)  # (40, 64) each
times = torch.tensor([t for t, _, _ in walk])


def half_passed(share):
    """The number of the step at which a share (steps, seeds) first exceeds one half, for each seed."""
    return (share > 0.5).float().argmax(0)


# %% tags=["slide"]
looks = {"one class": (plotting.ORANGE, "--"), "one class, labels shuffled": ("0.4", ":")}
looks["one picture"] = (plotting.BLUE, "-")
fig, ax = plt.subplots(figsize=(6, 3.5))
for name, (colour, dash) in looks.items():
    ax.plot(times, share[name].quantile(0.5, 1), color=colour, ls=dash, label=name)
    if name != "one class, labels shuffled":
        ax.plot(times, share[name].quantile(torch.tensor([0.1, 0.9]), 1).T, color=colour, ls=dash, lw=0.7)
ax.axhline(0.5, color=plotting.GREY, lw=1)
ax.set(xlim=(1, 0), ylim=(0, 1.02), xlabel="time t (noise on the left)")
ax.set_ylabel("largest share of the votes\n(median; thin: middle 80 %)")
ax.legend(loc="lower right")
show(
    fig,
    alt=(
        "The largest share of the votes against time: that of a class passes one half at about t = 0.74, that of a "
        "picture at 0.51, and that of a class with shuffled labels hardly before the picture's. Seeds differ widely."
    ),
)
passed = {name: half_passed(share[name]) for name in looks}
choice = {name: times[step].quantile(0.5).item() for name, step in passed.items()}
print("half of the votes lie with", ", ".join(f"{name} from t = {t:.3f}" for name, t in choice.items()), "(medians)")
always = leads.gather(0, passed["one picture"][None])
print(f"who first has half of the votes is drawn: {always.sum()} of 64")
assert always.all()
if lab.profile == "laptop":
    assert all(abs(t - said) < 0.03 for t, said in zip(choice.values(), (0.74, 0.525, 0.5), strict=True))

# %%
thousand = els.seeded_noise(range(3000, 4000), lab.shape).to(lab.device)
drawn_in = {40: els.nearest_training_image(els.sample(machine, thousand, steps=40), images)[0]}
from_mean = (images - images.mean(0)).flatten(1)
products = thousand.flatten(1) @ (from_mean / from_mean.norm(dim=1, keepdim=True)).T
said = {"by votes": (2, 7, 21), "by products": (1, 3, 7)}
for (name, stated), order in zip(said.items(), (ideal_weights(thousand, 1.0), products), strict=True):
    on = ((order > order.gather(1, drawn_in[40][:, None])).sum(1) + 1).float()
    low, middle, high = on.cpu().quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    print(f"{name}: the later winner is on place {middle:.0f} at t = 1 (half between {low:.0f} and {high:.0f})")
    assert lab.profile == "gpu" or all(abs(a - b) <= 1 for a, b in zip((low, middle, high), stated, strict=True))
assert abs(schedule.alpha(1.0) - 0.0125) < 5e-5

# %% [markdown] tags=["slide"]
# (a) On place **7** of 2,000 (the median of 1,000 seeds; half of them between 2 and 21), before the first step. And one
# needs no denoiser: subtract the mean picture from every picture, bring all to the same length, multiply each with the
# noise pixel by pixel, and add up. Sorted by these sums the winner is on place **3**. **The noise says where it goes.**
#
# (b) Well before: half of the votes lie with one class from $t = 0.74$ on, with one picture from 0.50. With shuffled
# labels the class comes hardly before the picture (0.525). So **what is alike is found first**, then which of the alike
# it is. And whichever picture first has half is the one that is drawn.

# %% [markdown] tags=["slide"]
# **Predict.** From 20 to 10,000 training pictures: will the choice come earlier (at a larger $t$), later, or at the
# same time? Will the copying stop? And with trousers and nothing else: before as many of all kinds, or after?

# %%
from itertools import pairwise

garments = els.load("fashion-mnist", size=lab.shape[-1], n=10_000)
everything = garments.images.to(lab.device)
trousers = everything[torch.as_tensor(garments.labels) == 1]
sets = {"of all kinds": (everything, (20, 200, 900, 2000, 10_000)), "trousers": (trousers, (20, 100, 300, 900))}
moments, spacing = {}, {}
for kind, (pictures, sizes) in sets.items():
    for n in sizes:
        some = pictures[:n]
        smaller = els.IdealScoreMachine(some, schedule)
        walk = list(els.trajectory(smaller, noise, steps=40))
        heaviest = torch.stack([smaller.posterior(x_t, t, top=1).weight[:, 0] for t, x_t, _ in walk[:-1]]).cpu()
        moments[kind, n] = times[half_passed(heaviest)].quantile(0.5).item()
        copies = els.nearest_training_image(walk[-1][1], some)[1] < 1e-4
        nearest_two = torch.cdist(some[:2000].flatten(1), some.flatten(1)).topk(2, largest=False)[0]
        spacing[kind, n] = nearest_two[:, 1].quantile(0.5).item()
        print(f"{n:6,d} {kind:12s}: choice at t = {moments[kind, n]:.3f}, {copies.sum()} of 64 are copies; ", end="")
        print(f"the nearest other picture is {spacing[kind, n]:.1f} away")
        assert copies.all()

# %% tags=["slide"]
fig, ax = plt.subplots(figsize=(4.6, 2.8))
for (kind, (_, sizes)), look in zip(sets.items(), ("o-", "D--"), strict=True):
    ax.semilogx(sizes, [moments[kind, n] for n in sizes], look, label=kind)
ax.legend()
ax.set(xlabel="training pictures N", ylabel="time of the choice", ylim=(0, 1))
show(
    fig,
    alt=(
        "The time of the choice against the size of the training set: two falling lines, that of trousers 0.1 to 0.2 "
        "below that of all kinds."
    ),
)
for kind, (_, sizes) in sets.items():
    assert all(moments[kind, few] > moments[kind, many] for few, many in pairwise(sizes))
if lab.profile == "laptop":
    stated = {("of all kinds", 20): 0.79, ("of all kinds", 900): 0.55, ("of all kinds", 2000): 0.5}
    stated |= {("of all kinds", 10_000): 0.45, ("trousers", 20): 0.675, ("trousers", 900): 0.4}
    assert all(abs(moments[of] - t) < 0.03 for of, t in stated.items())
    assert all(abs(spacing[of] - 3.0) < 0.05 for of in (("of all kinds", 2000), ("trousers", 20)))

# %% [markdown] tags=["slide"]
# More data *delays* the choice, from 0.79 to 0.45. Two things count. **How near the others are:** of 900 trousers one
# is chosen at 0.40, of 900 pictures of all kinds at 0.55. **How many they are:** of 20 trousers the nearest other one
# is as far away (3.0) as of 2,000 pictures of all kinds, and the choice comes much earlier, at 0.675 against 0.50.
#
# Do the lines reach $t = 0$ at last, with many millions? For no finite list: different pictures keep some distance, and
# once the noise is far below it, one of them has all the votes. So any list is recited, if the last step is small
# enough: here 64 times of 64. (Physicists call the choice of the picture the collapse, and the earlier one, of the
# *kind* of picture, the speciation.)

# %% [markdown] tags=["slide"]
# ## 6. Same seed, same memory (6 minutes)
#
# A seed is a picture. How firmly, and is every picture drawn alike?
#
# **Predict.** (a) We change the noise of 1,000 seeds by 3 %, that is, we mix in fresh noise with a weight of 0.03. How
# many draw the same picture? (b) Which half of the pictures is drawn more often, that nearer to the mean picture, or
# the other? And does it matter how many steps one takes?

# %% tags=["slide"]
fresh = els.seeded_noise(range(12_600, 13_600), lab.shape).to(lab.device)
disturbed = (1 - 0.03**2) ** 0.5 * thousand + 0.03 * fresh
after = els.nearest_training_image(els.sample(machine, disturbed, steps=40), images)[0]
print(f"noise changed by 3%: the same picture for {(after == drawn_in[40]).sum()} of 1,000")
assert lab.profile == "gpu" or abs((after == drawn_in[40]).sum() - 892) <= 5
far = from_mean.norm(dim=1)
inner = far < far.median()  # the half of the pictures nearer to the mean picture
for steps, stated in ((5, (737, 0.815)), (10, (998, 0.669)), (20, (1000, 0.566)), (100, (1000, 0.509))):
    drawn_in[steps], distance = els.nearest_training_image(els.sample(machine, thousand, steps=steps), images)
    copies, share_inner = (distance < 1e-4).sum(), inner[drawn_in[steps]].float().mean()
    print(f"{steps:3d} steps: {copies} copies; {share_inner:.0%} of the drawings are nearest to one of the inner half")
    assert lab.profile == "gpu" or (abs(copies - stated[0]) <= 4 and abs(share_inner - stated[1]) < 0.008)
kept = (drawn_in[100] == drawn_in[40]).sum()
print(f"100 steps instead of 40: the same picture for {kept} of 1,000")
assert lab.profile == "gpu" or abs(kept - 918) <= 5

# %% [markdown]
# (a) 892 of 1,000: most disturbances are forgotten, some land in another area. (100 steps instead of 40 move the
# borders as well: 918 stay.)
#
# (b) The inner half, and the more the coarser the steps: with 5, 10, 20 and 100 steps 81, 67, 57 and 51 of 100
# drawings. The exact flow gives each of the $N$ points the probability $1/N$. (With 5 steps 737 of 1,000 are copies,
# with 10 steps 998, from 20 on all.)
#
# So here is what perfect training achieves: **a roundabout way to draw a training picture at random.**

# %% [markdown] tags=["slide"]
# **Predict.** Training sets contain duplicates. Suppose that one of 100 training pictures is listed ten times. How many
# of 1,000 seeds will draw it: about 10, about 90, or almost all?

# %% tags=["slide"]
shares = []
for k in range(0, 100, 20):  # picture 0 ten times, then 20 in its place, ...
    with_copies = els.IdealScoreMachine(torch.cat([images[:100], images[k].expand(9, -1, -1, -1)]), schedule)
    many = els.sample(with_copies, thousand, steps=20)
    shares.append((els.nearest_training_image(many, images[:100])[0] == k).float().mean().item())
print("drawn:", ", ".join(f"{share:.1%}" for share in shares), f"of the time; 10 of 109 would be {10 / 109:.1%}")
assert abs(sum(shares) / 5 - 10 / 109) < 0.015 and all(0.05 < share < 0.13 for share in shares)

# %% [markdown]
# Ten entries in the list, about ten tickets in the hat. Duplicates are what a perfect model recites most.
#
# ### Exercise 5: Twins (8 minutes, ★★☆)
#
# Suppose picture $v_i$ occurs `counts[i]` times. Instead of listing it that often,
# compute the total weight of its copies directly: return weights (B, N) over the *distinct* images.


# %%
def weights_with_counts(x_t, images, counts, alpha, sigma):
    """x_t (B, C, H, W), distinct images (N, C, H, W), counts (N,) -> total weight of each image's copies, (B, N)."""
    ...


check.weights_with_counts(weights_with_counts)

# %% [markdown]
# Stuck? `check.hint("weights_with_counts")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def weights_with_counts(x_t, images, counts, alpha, sigma):
#     squared_distance = (x_t[:, None] - alpha * images[None]).square().sum((-3, -2, -1))
#     return torch.softmax(counts.log() - squared_distance / (2 * sigma**2), dim=1)
# ```
#
# A factor before the exponential is a logarithm in the exponent. Bayes calls it the prior.
# </details>

# %% [markdown] tags=["slide"]
# ## 7. The obvious code fails (5 minutes)
#
# (This section is about code. The story goes on at *What is still unexplained*.) Exercise 1 used `softmax`. The
# formula itself says: take exponentials, divide by their sum.
#
# **Predict.** Where does this literal version fail in float32: only near $t = 0$, where one divides by a tiny
# $\sigma^2$, only near $t = 1$, or everywhere?


# %%
def exponents(x_t, images, t):
    squared_distance = (x_t[:, None] - schedule.alpha(t) * images[None]).square().sum((-3, -2, -1))
    return -squared_distance / (2 * schedule.sigma(t) ** 2)


def literal_weights(x_t, images, t):
    e = torch.exp(exponents(x_t, images, t))
    return e / e.sum(1, keepdim=True)


broken, right, lead = {}, [], 0.0
for t in (1.0, 0.8, 0.6, 0.4, 0.2, 0.05):
    x_t = els.add_noise(images[:64], noise, t)
    broken[t] = int(literal_weights(x_t, images[:2000], t).isnan().any(1).sum())
    ell = exponents(x_t, images[:2000], t)
    right.append(ell.diagonal().mean().item())  # of the picture from which x_t was made
    lead = max(lead, float((ell.max(1).values - ell.diagonal()).max()))  # of the best voter over the right picture
    print(f"t = {t:<4g}  not a number for {broken[t]} of 64; exponent of the right picture {right[-1]:.0f} on average")
print(f"no exponent exceeds that of the right picture by more than {lead:.1f}")
assert all(count >= 62 for count in broken.values()) and lead < 8 and all(abs(x + pixels / 2) < 3 for x in right)
for dtype, limit in {torch.float32: -103.3, torch.float64: -744.4}.items():
    just_above, just_below = torch.tensor([limit + 1, limit - 1], dtype=dtype).exp()
    assert just_above > 0 and just_below == 0

# %% [markdown]
# **Everywhere**, even at $t = 1$, for all but one or two of the 64. Not the small $\sigma$ is to blame but the number
# of pixels. Look at the exponent of the *right* picture, $v = x_0$: there $x_t - \alpha v = \sigma\epsilon$, so it is
# $-\|\epsilon\|^2/2$ at every $t$. Each pixel adds about $-1/2$; 256 pixels make $-128$.
#
# A float32 has no number between 0 and about $10^{-45} = e^{-103}$. So even the best voter's exponential is rounded
# to 0 (another picture may be nearer than the right one, but its exponent leads by 7.4 at most here), the sum is 0, and
# $0/0$ is not a number. Better arithmetic only moves the wall: float64, with $e^{-744}$, copes with 16x16 but not with
# 32x32 in colour (3,072 numbers, $-1536$).
#
# The cure is algebra. A common factor cancels in a quotient, so we may subtract any number $c$ from all exponents
# $\ell(v) = -\|x_t - \alpha v\|^2 / 2\sigma^2$:
#
# $$w(v) = \frac{e^{\ell(v) - c}}{\sum_{v'} e^{\ell(v') - c}}, \qquad c = \max_v \ell(v) .$$
#
# Now the best voter has $e^0 = 1$. The sum is at least 1; whoever still underflows deserves a weight of 0.


# %%
def safe_weights(x_t, images, t):
    ell = exponents(x_t, images, t)
    e = torch.exp(ell - ell.max(1, keepdim=True).values)
    return e / e.sum(1, keepdim=True)


few = images[:200]
for t in broken:
    x_t = els.add_noise(images[:4], noise[:4], t)
    exact = els.reference.ideal_weights(x_t, few, schedule.alpha(t), schedule.sigma(t))  # in float64
    assert (safe_weights(x_t, few, t).cpu() - exact).abs().max() < 1e-3
    assert (safe_weights(x_t, images, t) - ideal_weights(x_t, t)).abs().max() < 1e-4

# %% [markdown] tags=["slide"]
# This is what `torch.softmax` does inside, and every machine of this course with it.
#
# And the price of perfect memory? In every step it looks at every training picture: $2N$ multiplications a pixel. The
# machines of lessons 04 to 08 ask the same of every *patch* of every picture, and lesson 13 makes that fast.
#
# ## What you can now say
#
# - The training loss of a diffusion model asks for $\mathrm{E}[x_0 \mid x_t]$, at every noise level, however the
#   levels are weighted.
# - For a finite training set this is a formula: a mean of the training pictures, weighted by
#   $e^{-\|x_t - \alpha v\|^2/2\sigma^2}$.
# - Let it generate, and it returns training pictures and nothing else, with enough steps all with the same
#   probability. More data does not change that.
# - The seed decides; the denoiser finds out on the way, first what is alike, then which picture; the later, the more
#   pictures there are and the nearer they lie.
# - Exponentials of hundreds of pixels underflow at every noise level; subtracting the largest exponent cures it.

# %% [markdown] tags=["slide"]
# ## What is still unexplained
#
# Real diffusion models are trained with exactly this loss, and people train them *well*. So the better the training,
# the more they should copy. Yet they draw pictures that nobody has seen. **Predict:** noise the training pictures, let
# both guess, and make both pay: the shipped network and the ideal denoiser. Is the network's loss hardly larger, twice,
# or ten times as large? Lesson 03 measures it, and looks at what the network draws.
#
# ## References
#
# - M. Kamb, S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the ideal score machine as the starting point.
# - J. Ho, A. Jain, P. Abbeel, *Denoising diffusion probabilistic models*, NeurIPS 2020,
#   [arXiv:2006.11239](https://arxiv.org/abs/2006.11239): training on the noise.
# - G. Biroli, T. Bonnaire, V. de Bortoli, M. Mézard, *Dynamical regimes of diffusion models*, Nature Communications
#   15, 2024, [arXiv:2402.18491](https://arxiv.org/abs/2402.18491): classes first (speciation), then the collapse onto
#   one training point, and how it depends on $N$.
# - G. Raya, L. Ambrogioni, *Spontaneous symmetry breaking in generative diffusion models*, NeurIPS 2023,
#   [arXiv:2305.19693](https://arxiv.org/abs/2305.19693): such choices as the breaking of a symmetry.
# - C. Scarvelis, H. Sáez de Ocáriz Borde, J. Solomon, *Closed-form diffusion models*, 2023,
#   [arXiv:2310.12395](https://arxiv.org/abs/2310.12395): the closed form, and smoothing it.
