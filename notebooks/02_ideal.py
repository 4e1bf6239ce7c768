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
# **You will** work out which denoiser the training of a diffusion model really asks for, write it down in a few lines,
# and let it generate.
#
# **You will learn** what the perfect student of this training draws, when it chooses, and why the obvious code fails.
#
# **You need** lesson 01 (noising, denoisers, the DDIM sampler) and Bayes' rule.
#
# **Time** 65 minutes. If time is short: sections 1, 2 and 4.

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
# $x_t = \alpha x_0 + \sigma \epsilon$, and show it to the network. The network pays the squared error of its answer,
# $\|D(x_t) - x_0\|^2$. This price is the **loss**. Change the network a little to lower the price. Repeat.
#
# Suppose we know that a noisy picture was made from one of three pictures, $v_1, v_2, v_3$ (about equally far apart),
# with probabilities 0.5, 0.3 and 0.2. We may give one answer, $a$. Its expected price is
#
# $$L(a) = \sum_i w_i\, \|a - v_i\|^2, \qquad w = (0.5,\ 0.3,\ 0.2) .$$
#
# **Predict.** Lesson 01 said which $a$ is cheapest: the mean. Does the best of the three cost a tenth more, two thirds
# more, or three times as much?

# %%
three = images[[0, 19, 24]]
w = torch.tensor([0.5, 0.3, 0.2], device=lab.device)


def expected_loss(answer):
    return (w * (answer - three).square().sum((-3, -2, -1))).sum()


mean = (w[:, None, None, None] * three).sum(0)
answers = torch.cat([three, mean[None]])
losses = torch.stack([expected_loss(a) for a in answers])

# %% tags=["slide", "hide-input"]
fig = plotting.image_rows(
    {"answer": answers}, titles=["w = 0.5", "w = 0.3", "w = 0.2", "their mean"], notes=[f"L = {x:.0f}" for x in losses]
)
show(
    fig,
    alt=("Three garments and their weighted mean, a blur, with the expected loss of each: the blur has the smallest."),
)
apart = torch.pdist(three.flatten(1)).square()
assert losses.argmin() == 3 and abs(losses[:3].min() / losses[3] - 5 / 3) < 0.02 and apart.max() < 1.3 * apart.min()
assert abs(0.5 * (1 - w.square().sum()) - 0.31) < 1e-6

# %% [markdown] tags=["slide"]
# The best of the three costs two thirds more than the mean. (If each were at distance $d$ from the others, the best
# would cost $0.5\,d^2$ and the mean $0.31\,d^2$.) For **every** answer $a$, with $m = \sum_i w_i v_i$ the weighted
# mean,
#
# $$L(a) = L(m) + \|a - m\|^2 .$$
#
# (Write $a - v_i = (a - m) + (m - v_i)$ and square. The mixed term is $2 (a-m) \cdot \sum_i w_i (m - v_i) = 0$.) The
# first term is a price nobody can avoid; the second vanishes only at $a = m$.
#
# The same holds for every $x_t$ and $t$: among the cases that lead to this $x_t$, each picture has some probability,
# and the cheapest answer is the mean with these probabilities as weights. Even a network that could answer every $x_t$
# and $t$ *separately* could do no better. So the exact minimiser of the training loss is
#
# $$D(x_t, t) = \mathrm{E}[x_0 \mid x_t] .$$
#
# Most networks are trained on the noise instead: the price is $\|\hat\epsilon - \epsilon\|^2$. **Predict.** Does this
# ask for a different denoiser?

# %% [markdown] tags=["slide"]
# <details><summary>Answer</summary>
#
# No. An answer $D$ amounts to the noise $\hat\epsilon = (x_t - \alpha D)/\sigma$, so $\hat\epsilon - \epsilon = \alpha
# (x_0 - D)/\sigma$: the price is the same as before, times $(\alpha/\sigma)^2$. This factor says how much each *time*
# counts; at each time the cheapest answer stays the same.
#
# </details>
#
# ## 2. The ideal denoiser, written down (9 minutes)
#
# Which pictures could $x_t$ have been made from? In training only the $N$ training pictures occur, each equally often.
# So the data distribution in the loss is a list of $N$ points, and $\mathrm{E}[x_0 \mid x_t]$ is a sum over that list.
#
# First, a world that we can draw: pictures of **two pixels** and a training set of six, here dimmed as they are at $t =
# 0.3$ ($\alpha = 0.89$, $\sigma = 0.45$).

# %%
six = torch.tensor([[-0.9, -0.7], [-0.7, 0.5], [-0.2, 0.9], [0.2, -0.4], [0.6, -0.8], [0.8, 0.5]])
t, here = 0.3, torch.tensor([0.1, 0.1])  # here: a place in this plane, the cross
alpha, sigma = schedule.alpha(t), schedule.sigma(t)
assert abs(alpha - 0.89) < 0.005 and abs(sigma - 0.45) < 0.005


# %% tags=["slide", "hide-input"]
def draw_six(notes):
    fig, ax = plt.subplots(figsize=(4.2, 3.8))
    ax.scatter(*(alpha * six).T, s=40, color=plotting.BLUE, label="dimmed pictures $\\alpha v$", zorder=2)
    ax.plot(*here, "x", ms=7, mew=2, color=plotting.ORANGE, label="the place (0.1, 0.1)")
    for point, note in zip(alpha * six, notes, strict=True):
        ax.annotate(note, point, (5, 5), textcoords="offset points", fontsize=10)
    ax.set(xlabel="pixel 1", ylabel="pixel 2", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
    return fig, ax


fig, ax = draw_six("012345")
ax.legend(loc="upper left", fontsize=8, frameon=True)
away = (alpha * six - here).norm(dim=1)
show(
    fig,
    alt="Six dimmed pictures of two pixels as numbered dots in a plane, and a cross between them. Their distances from "
    "the cross: " + ", ".join(f"no. {i} {away[i]:.1f}" for i in away.argsort().tolist()) + ".",
)

# %% [markdown] tags=["slide"]
# We noise the six pictures very many times, and keep the cases whose $x_t$ fell within 0.1 of one place, the cross.
#
# **Predict.** Which picture will be behind more of these cases than any other, and will it be behind most of them?

# %%
generator = torch.Generator().manual_seed(0)
which = torch.randint(6, (1_000_000,), generator=generator)
cloud = alpha * six[which] + sigma * torch.randn(len(which), 2, generator=generator)  # a million x_t
near = (cloud - here).norm(dim=1) < 0.1
counted = torch.bincount(which[near], minlength=6) / near.sum()

# %% tags=["slide", "hide-input"]
fig, ax = draw_six([f"{i}: {share:.0%}" for i, share in enumerate(counted)])
ax.scatter(*cloud[:3000].T, s=3, color="0.8", label="noised pictures $x_t$")
ax.add_patch(plt.Circle(here, 0.1, fill=False, color=plotting.ORANGE, zorder=3))
ax.legend(loc="upper left", fontsize=8, frameon=True).legend_handles[2].set_sizes([20])
show(
    fig,
    alt=(
        "A cloud of noised pictures around six dimmed ones; the shares of the six behind a small circle around the "
        "cross fall with their distance from it."
    ),
)

# %% [markdown] tags=["slide"]
# All six are possible; the nearer the dimmed picture $\alpha v$, the more probable it is. No. 3 leads, though with 39 %
# it is not behind most of the cases. **Bayes' rule** gives the shares. Before we see $x_t$, every picture has the
# probability $1/N$. Given $v$, $x_t$ is normal around $\alpha v$ with variance $\sigma^2$ in each pixel. Given $x_t$,
# the probability of $v$ is proportional to that density:
#
# $$w(v) = \frac{e^{-\|x_t - \alpha v\|^2 / 2\sigma^2}}{\sum_{v'} e^{-\|x_t - \alpha v'\|^2 / 2\sigma^2}}, \qquad
# D(x_t, t) = \sum_v w(v)\, v .$$
#
# This is the **ideal denoiser**, also called the ideal score machine (IS). Every training picture *votes* with its
# weight; the answer is the mean picture, weighted by the votes.

# %%
by_bayes = torch.softmax(-(here - alpha * six).square().sum(1) / (2 * sigma**2), dim=0)  # softmax: exp, over its sum
print("counted: ", " ".join(f"{x:.2f}" for x in counted))
print("formula: ", " ".join(f"{x:.2f}" for x in by_bayes))
assert (counted - by_bayes).abs().max() < 0.03 and counted.argmax() == 3 and abs(counted[3] - 0.39) < 0.005

# %% [markdown]
# ### Exercise 1: Posterior weights (7 minutes, ★☆☆)
#
# Write the weights for real pictures: `x_t` has shape (B, C, H, W), `images` (N, C, H, W), and the result (B, N): one
# row of weights for each noisy picture. Use `torch.softmax`.


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
# ### Exercise 2: The mean, by votes (5 minutes, ★☆☆)
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
# `einsum` multiplies along the shared letter n and sums over it.
# </details>

# %% [markdown]
# The package has both: `els.IdealScoreMachine(images)` is the ideal denoiser, and its `posterior` says who voted. We
# shall need the weights of all pictures, in the order of the list: `ideal_weights`. (A folded check compares the
# machine's answers with the formula, summed term by term: they agree to 0.0001.)


# %%
machine = els.IdealScoreMachine(images, schedule)


def ideal_weights(x_t, t):
    """(B, N): the package returns the heaviest first, and we put them back in the order of the images."""
    votes = machine.posterior(x_t, t, top=N)
    return torch.zeros_like(votes.weight).scatter(1, votes.image, votes.weight)


# %% tags=["hide-input"]
for t in (0.1, 0.4, 0.7, 1.0):
    noised = els.add_noise(images[:8], els.seeded_noise(range(600, 608), lab.shape).to(lab.device), t)
    literally = els.reference.ideal(noised, images, schedule.alpha(t), schedule.sigma(t))
    assert (machine(noised, t).cpu() - literally).abs().max() < 1e-4

# %% [markdown] tags=["slide"]
# ## 3. Who votes? (5 minutes)
#
# Take training picture number 5, add noise, and ask the ideal denoiser which picture it might be.
#
# **Predict.** There are 2,000 voters. At $t = 0.9$, how much of the weight does the heaviest voter have: nearly
# nothing, a tenth, half? And at $t = 0.3$?

# %%
x_0, eps = images[5:6], els.seeded_noise([625], lab.shape).to(lab.device)
noisy = {t: els.add_noise(x_0, eps, t) for t in (0.9, 0.75, 0.65, 0.3)}
weights = {t: ideal_weights(x_t, t)[0] for t, x_t in noisy.items()}
leading = [int(weights[t].argmax()) for t in noisy]
called = [lab.data.class_names[int(labels[i])] for i in leading]
rows = {"$x_t$": torch.cat([*noisy.values()])}
rows["answer $D(x_t)$"] = torch.cat([machine(x_t, t) for t, x_t in noisy.items()])
rows["heaviest voter"] = images[leading]

# %% tags=["slide", "hide-input"]
notes = [f"{name}, {weights[t].max():.3f}" for t, name in zip(noisy, called, strict=True)]
show(
    plotting.image_rows(rows, titles=[f"t = {t:g}" for t in noisy], notes=notes),
    alt=(
        "The noisy picture, the denoiser's answer and the heaviest voter with its weight at four times: a blur of many "
        "with much noise, the right picture with little."
    ),
)
assert leading[-1] == 5
if lab.profile == "laptop":
    assert called == ["shirt", "pullover", "pullover", "pullover"] and abs(weights[0.9].max() - 0.006) < 0.0006
    assert weights[0.3].max() > 0.999
    counted = [torch.special.entr(w).sum().exp().item() for w in weights.values()]  # as in Exercise 3
    assert all(abs(k / said - 1) < 0.01 for k, said in zip(counted, (1145, 99, 22.4, 1), strict=True))

# %% [markdown]
# Nearly nothing: everybody has a say, and the answer is a blur. Picture 5 is a pullover, but at $t = 0.9$ the heaviest
# voter is a shirt, with 0.006 of the weight. At $t = 0.3$ one voter holds everything. Drag the slider below to the
# left, and watch the crowd shrink to one.

# %%
explorer = widgets.PosteriorExplorer.of(machine, x_0[0], eps[0], times=[i / 20 for i in range(1, 21)], top=5)
explorer.index = 17  # begin at t = 0.9
explorer

# %% [markdown]
# ### Exercise 3: How many voters? (5 minutes, ★★☆)
#
# How large is the crowd at $t = 0.9$? Guess, then count. The **entropy** of the weights is $-\sum_v w(v) \ln w(v)$, and
# its exponential is the *effective number of voters*: $k$ equal weights give exactly $k$. Write it for weights (B, N).
# Weights that are exactly 0 count for nothing.


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
#
# For picture 5 this makes 1,145 voters of 2,000 at $t = 0.9$, 99 at 0.75, 22 at 0.65, and 1 at 0.3.
# </details>

# %%
if check.effective_voters(effective_voters).state != "correct":
    print("(This cell waits for Exercise 3. Solve it, then run this cell again.)")
else:
    crowd = effective_voters(torch.stack([*weights.values()]))
    print("voters of picture 5:", ", ".join(f"{k:.0f} at t = {t:g}" for t, k in zip(weights, crowd, strict=True)))

# %% [markdown] tags=["slide"]
# ## 4. Let it generate (7 minutes)
#
# Now the experiment: 64 seeds of pure noise, the DDIM sampler of lesson 01 with 40 steps, and the ideal denoiser.
#
# **Predict.** (a) In lesson 00 this denoiser copied. Which of the 40 steps makes a drawing *exactly* a training
# picture: the first, one in the middle, the last? (b) Show it the same pure noise, but say that $t = 0.025$ (the last
# of the 40 times), and ask only once. Will the answer be noise, a blur, or a picture?

# %%
noise = els.seeded_noise(range(600, 664), lab.shape).to(lab.device)
drawn = els.sample(machine, noise, steps=40)
nearest, distance = els.nearest_training_image(drawn, images)
at_once = els.nearest_training_image(machine(noise, 0.025), images)[1]  # (b)

# %% tags=["slide", "hide-input"]
fig = plotting.image_rows({"drawn": drawn[:12], "nearest\ntraining picture": images[nearest[:12]]})
show(fig, alt="Twelve drawings of the ideal denoiser, and below each the nearest training picture: they are identical.")

next_one = torch.cdist(images[:2000].flatten(1), images.flatten(1)).topk(2, largest=False)[0][:, 1].quantile(0.5)
print(f"copies: {(distance < 1e-4).sum()} of 64 in 40 steps, {(at_once < 1e-4).sum()} if asked once, at t = 0.025")
guess = next(guess for t, _, guess in els.trajectory(machine, noise, steps=40) if t < 0.251)  # at t = 0.25
early = els.nearest_training_image(guess, images)[1]
print(f"copies among the guesses at t = 0.25: {(early < 1e-4).sum()} of 64")
print(f"from a training picture to the nearest other one: {next_one:.1f} (median)")
assert (distance < 1e-4).all()
assert lab.profile == "gpu" or (abs((at_once < 1e-4).sum() - 62) <= 1 and abs(next_one - 3.0) < 0.05)
assert lab.profile == "gpu" or abs((early < 1e-4).sum() - 45) <= 1

# %% [markdown] tags=["slide"]
# (a) The last. After it **64 of 64 are training pictures**, up to rounding. (The *guess* is one earlier, at $t = 0.25$
# for 45 of 64, but some noise is still on the canvas.) The student who did everything right can only recite. **So
# chance is not where new pictures come from**: the noise could choose only *which* picture.
#
# Why must it be so? As $\sigma \to 0$, the exponent $-\|x_t - \alpha v\|^2 / 2\sigma^2$ of the nearest picture leads
# all others by more and more, and its weight becomes 1. The last step of DDIM lands on $D(x_t)$ itself, and for small
# enough $\sigma$ that is a training picture, ***whatever came before***.
#
# (b) Again a picture: even about pure noise, the answer at $t = 0.025$ is a training picture in 62 of 64 cases. The
# steps before decide *which*. The flow of an exact denoiser brings back the distribution it was made from (lesson 01,
# for one pixel). Here that is a list of $N$ points, each with the same probability. (Nearly. Most pictures are dark,
# and our noise lacks the trace that $\alpha = 0.0125$ leaves of them at $t = 1$. So bright ones are drawn a little too
# often.)
#
# Are Exercises 1 and 2 correct? Then see what your own lines draw.


# %%
def my_denoiser(x_t, t):
    weights = posterior_weights(x_t, images, schedule.alpha(t), schedule.sigma(t))
    return posterior_mean(weights.to(images), images)  # yours may be float64


mine = check.posterior_weights(posterior_weights), check.posterior_mean(posterior_mean)
if any(verdict.state != "correct" for verdict in mine):
    print("(This cell waits for Exercises 1 and 2. Solve them, then run this cell again.)")
else:
    by_mine = els.sample(my_denoiser, noise[:4], steps=40)
    show(plotting.image_rows({"yours": by_mine}), alt="Four drawings, made by your own lines: the first four again.")

# %% [markdown]
# In the world of two pixels we see all paths at once.

# %%
plane = els.IdealScoreMachine(six.view(6, 1, 1, 2), schedule)
start = els.seeded_noise(range(600, 900), (1, 1, 2))
path = torch.stack([x_t for _, x_t, _ in els.trajectory(plane, start, steps=200)]).view(201, -1, 2)

# %% tags=["slide", "hide-input"]
ends, distance_to_six = els.nearest_training_image(path[-1].view(-1, 1, 1, 2), six.view(-1, 1, 1, 2))
per_point = torch.bincount(ends, minlength=6)
print("paths that end on each of the six points:", *per_point.tolist())
assert distance_to_six.max() < 1e-4 and abs(per_point.min() - 44) <= 1 and abs(per_point.max() - 59) <= 1

fig, ax = plt.subplots(figsize=(4.8, 4.8))
for k in range(6):
    mine = path[:, ends == k]
    ax.plot(mine[..., 0], mine[..., 1], color=f"C{k}", ls="-", lw=0.6, alpha=0.6)
    ax.scatter(*mine[0].T, s=12, color=f"C{k}", marker="o^vDP*"[k])
ax.scatter([], [], s=12, color=plotting.GREY, label="noise, marked by where it ends")
ax.scatter(*six.T, s=70, color=plotting.INK, marker="s", label="training pictures", zorder=3)
ax.set(xlabel="pixel 1", ylabel="pixel 2", aspect="equal", xlim=(-3.4, 3.4), ylim=(-3.4, 3.4))
fig.legend(loc="outside upper center", fontsize=9, ncols=2)
show(
    fig,
    alt=(
        "Three hundred paths in the plane, from a cloud of noise into six points; none ends anywhere else. Paths of "
        "one colour start side by side: each point has its own catchment area."
    ),
)

# %% [markdown]
# Every path ends on one of the six points, 44 to 59 of the 300 on each (50 would be fair). The plane is divided into
# six catchment areas, and your noise lies in one of them.

# %% [markdown] tags=["slide"]
# ## 5. The moment of choice (7 minutes)
#
# The noise decides the picture, but the denoiser cannot tell at once. At $t = 1$ its votes are spread over all 2,000
# pictures; at the end one picture has them all.
#
# We follow the votes along the paths of 256 seeds. The denoiser has made its **choice** at the first step at which one
# picture holds more than half of the votes. And when do the pictures of one of the ten classes together hold more than
# half? Large groups get there sooner, even if they mean nothing, so for comparison we also give out the labels at
# random.
#
# **Predict.** (a) Once a picture has more than half, so has its class. Will a class get there well before, or only
# then? (b) At $t = 1$ the votes are nearly even, but not quite: $\alpha$ is 0.0125, not 0. Sort the pictures by votes:
# in which place will the final winner stand, near 1,000, 100 or 10?

# %%
of_class = torch.nn.functional.one_hot(labels, 10).float()  # (N, 10)
shuffled = of_class[torch.randperm(N, generator=torch.Generator().manual_seed(0))]  # classes that mean nothing
groups = {"one class": of_class.to(lab.device), "one class, labels shuffled": shuffled.to(lab.device)}
thousand = els.seeded_noise(range(3000, 4000), lab.shape).to(lab.device)  # of which the first 256 here
share = {name: [] for name in (*groups, "one picture")}  # the largest share of the votes, step by step
leader = []  # and the picture with the most votes
for t, x_t, _ in list(els.trajectory(machine, thousand[:256], steps=40))[:-1]:
    votes = ideal_weights(x_t, t).float()  # (256, N)
    for name, members in groups.items():
        share[name].append((votes @ members).amax(1).cpu())
    share["one picture"].append(votes.amax(1).cpu())
    leader.append(votes.argmax(1).cpu())
share = {name: torch.stack(steps) for name, steps in share.items()}  # each (40, 256)
leader = torch.stack(leader)
grid = torch.arange(40, 0, -1) / 40  # the times of the 40 questions


def half_passed(share):
    """The number of the step at which a share (steps, seeds) first exceeds one half, for each seed."""
    return (share > 0.5).float().argmax(0)


passed = {name: half_passed(largest) for name, largest in share.items()}
choice = {name: grid[step].quantile(0.5).item() for name, step in passed.items()}  # medians

# %% tags=["slide", "hide-input"]
looks = {"one class": (plotting.ORANGE, "--"), "one class, labels shuffled": ("0.4", ":")}
looks["one picture"] = (plotting.BLUE, "-")
fig, ax = plt.subplots(figsize=(6, 3.5))
for name, (colour, dash) in looks.items():
    ax.plot(grid, share[name].quantile(0.5, 1), color=colour, ls=dash, label=name)
    if "shuffled" not in name:
        ax.plot(grid, share[name].quantile(torch.tensor([0.1, 0.9]), 1).T, color=colour, ls=dash, lw=0.5)
ax.axhline(0.5, color=plotting.GREY, lw=1, label="one half")
ax.set(xlim=(1, 0), ylim=(0, 1.02), xlabel="time t (noise on the left)")
ax.set_ylabel("largest share of the votes\n(median; thin: middle 80 %)")
ax.legend(loc="lower right")
show(
    fig,
    alt=(
        "The largest share of the votes against time: that of a class passes one half at about t = 0.75, that of a "
        "picture at about 0.55, and that of a class with shuffled labels hardly before it. Seeds differ widely."
    ),
)
print("more than half of the votes:", ", ".join(f"{name} from t = {t:.3f}" for name, t in choice.items()), "(medians)")
together = (passed["one class, labels shuffled"] == passed["one picture"]).sum()
print(f"with shuffled labels, no class has half before a picture does: for {together} of 256 seeds")
if lab.profile == "laptop":
    assert all(abs(t - said) < 0.02 for t, said in zip(choice.values(), (0.75, 0.55, 0.54), strict=True))
    assert abs(together - 142) <= 5

# %% [markdown]
# That was for (a). Now (b): which place has the final winner at $t = 1$? For comparison, we also sort the pictures by
# their inner product with the noise.


# %%
def place_of(picture, numbers):
    """In which place each seed's picture (seeds,) stands if all are sorted by these numbers (seeds, N); 1: first."""
    return ((numbers > numbers.gather(1, picture[:, None])).sum(1) + 1).float()


winner = els.nearest_training_image(els.sample(machine, thousand, steps=40), images)[0]
votes = ideal_weights(thousand, 1.0)  # (1000, N)
product = thousand.flatten(1) @ images.flatten(1).T  # the inner product of each noise with each picture
place = place_of(winner, votes)

# %% tags=["hide-input"]
assert (leader.gather(0, passed["one picture"][None])[0] == winner[:256].cpu()).all()  # the first to have half wins
for name, on, stated in (
    ("the seed's own winner, by votes", place, (7, 192)),
    ("the seed's own winner, by inner product", place_of(winner, product), (7, 193)),
    ("another seed's winner, by votes", place_of(winner.roll(1), votes), (1095, 0)),
):
    half, first = on.quantile(0.5).item(), (on == 1).sum().item()
    print(f"{name}: place {half:.0f} (median), first for {first} of 1,000")
    assert lab.profile == "gpu" or (abs(half - stated[0]) <= 1 + half / 30 and abs(first - stated[1]) <= 5)
alpha, sigma = schedule.alpha(1.0), schedule.sigma(1.0)
assert abs(alpha - 0.0125) < 5e-5

# section 4: seeds weighted as if their noise had the trace of the pictures draw darker ones
lengths = (images.flatten(1).square().sum(1), thousand.flatten(1).square().sum(1))  # squared
trace = ((alpha * product - alpha**2 * lengths[0] / 2) / sigma**2).logsumexp(1) - alpha**2 * lengths[1] / 2 / sigma**2
bright = images.mean((1, 2, 3))[winner]
assert lab.profile == "gpu" or 0.004 < bright.mean() - (torch.softmax(trace, 0) * bright).sum() < 0.009

# %% [markdown] tags=["slide"]
# (a) Well before: one class holds half of the votes from $t = 0.75$ on, one picture from 0.54 (medians of the seeds'
# own times). With shuffled labels, for 142 of the 256 seeds no class has half before a picture does. So **the denoiser
# first finds pictures that are alike**, and then which of them it is. For all 256 seeds, the first picture to hold half
# is the one drawn.
#
# (b) In place **7** of 2,000 (the median of 1,000 seeds), whereas the winner of *another* seed stands in the middle.
# **The noise leans towards one picture from the start**, though not firmly: only for 192 of the 1,000 seeds is the
# winner already first. The denoiser deserves no credit: sorting the pictures by their inner product with the noise puts
# the winner in place 7, too. (Multiply out the exponent of a vote: $\alpha$ is so small here that the votes differ by
# the factor $e^{\alpha v \cdot x_t/\sigma^2}$, and by hardly anything else.)

# %% [markdown] tags=["slide"]
# ## 6. What delays the choice? (4 minutes)
#
# **Predict.** From 20 to 10,000 training pictures of all kinds: will the choice come earlier (at a larger $t$), later,
# or at the same time? Will the copying stop?


# %%
def choice_of(denoiser, noised):
    """The median time at which one picture first holds more than half of the denoiser's votes; noised: t -> x_t."""
    heaviest = [denoiser.posterior(x_t, t, top=1).weight[:, 0] for t, x_t in noised.items()]
    return grid[half_passed(torch.stack(heaviest).cpu())].quantile(0.5).item()


garments = els.load("fashion-mnist", size=lab.shape[-1], n=10_000)
everything = garments.images.to(lab.device)
while_drawing, ended = {}, {}  # for each n: the time of the choice, the drawings
for n in (20, 200, 900, 2000, 10_000):
    smaller = els.IdealScoreMachine(everything[:n], schedule)
    way = list(els.trajectory(smaller, thousand[:256], steps=40))
    while_drawing[n] = choice_of(smaller, {t: x_t for t, x_t, _ in way[:-1]})
    ended[n] = way[-1][1]

# %% tags=["hide-input"]
for (n, at), stated in zip(while_drawing.items(), (0.775, 0.65, 0.575, 0.54, 0.475), strict=True):
    copies = els.nearest_training_image(ended[n], everything[:n])[1] < 1e-4
    print(f"{n:6,d} of all kinds: choice at t = {at:.3f}, {copies.sum()} of 256 are copies")
    assert copies.all() and (lab.profile == "gpu" or abs(at - stated) < 0.013)

# %% [markdown] tags=["slide"]
# Later, and the copying does not stop. Is it the number of pictures that delays the choice? We add noise to 20
# trousers, and ask denoisers that know these 20 and others. **Predict.** What delays the choice: 880 more trousers in
# the list, 880 shoes and bags, or both?

# %% tags=["hide-input"]
moments, kind = {"while drawing, all kinds": while_drawing}, torch.as_tensor(garments.labels)
twenty, more = everything[kind == 1][:20], {"20 noised trousers, the rest trousers": everything[kind == 1][20:]}
more["20 noised trousers, the rest shoes and bags"] = everything[torch.isin(kind, torch.tensor([5, 7, 8, 9]))]
clean, dust = twenty.repeat(13, 1, 1, 1), els.seeded_noise(range(600, 860), lab.shape).to(lab.device)
for (name, pictures), stated in zip(more.items(), ((0.65, 0.475, 0.41), (0.65, 0.65, 0.65)), strict=True):
    moments[name] = {}
    for n, said in zip((20, 200, 900), stated, strict=True):
        among = els.IdealScoreMachine(torch.cat([twenty, pictures[: n - 20]]), schedule)
        at = moments[name][n] = choice_of(among, {t: els.add_noise(clean, dust, t) for t in grid.tolist()})
        print(f"{name}, N = {n}: choice at {at:.2f}")
        assert lab.profile == "gpu" or abs(at - said) < 0.013

# %% tags=["slide", "hide-input"]
fig, ax = plt.subplots(figsize=(5, 3))
for (name, at), look in zip(moments.items(), ("o-", "D--", "s:"), strict=True):
    ax.semilogx([*at], [*at.values()], look, label=name)
ax.set_xticks((20, 200, 900, 2000, 10_000), ("20", "200", "900", "2,000", "10,000"))
ax.minorticks_off()
ax.legend(loc="lower left", fontsize=8)
ax.set(xlabel="training pictures N", ylabel="time of the choice", ylim=(0, 1))
show(
    fig,
    alt=(
        "The time of the choice against the size of the training set: of all kinds it falls from 0.78 at 20 to 0.48 at "
        "10,000. That of 20 trousers falls from 0.65 to about 0.4 with 880 more trousers, and stays at 0.65 with "
        "880 shoes and bags."
    ),
)

# %% [markdown] tags=["slide"]
# On the way to a drawing, more pictures delay the choice from 0.78 to 0.48. But 880 shoes and bags do not delay the
# choice among 20 trousers at all: it stays at 0.65. With 880 more trousers it falls to 0.41. **What delays the choice
# is how many pictures lie nearby.**
#
# With many millions, will the choice come only at $t = 0$? Not with a finite list: one picture (dimmed) is nearer to
# $x_t$ than all others, and once $\sigma^2$ is small beside the lead that it has in squared distance, it has all the
# votes. So **any finite list is recited**, if the last question is asked at a small enough $t$.

# %% [markdown] tags=["slide"]
# ## 7. One seed, one picture? (4 minutes)
#
# **Predict.** (a) We keep the noise of 1,000 seeds, and take 100 steps instead of 20. How many draw the same picture as
# before? (b) How many different pictures do the 1,000 seeds draw in 100 steps, and how many if we ask only once, at $t
# = 0.025$?

# %%
# steps -> the picture that each seed draws
winners = {n: els.nearest_training_image(els.sample(machine, thousand, steps=n), images)[0] for n in (20, 100)}
once = els.nearest_training_image(machine(thousand, 0.025), images)[0]

# %% tags=["slide", "hide-input"]
same, most = (winners[20] == winners[100]).sum(), once.bincount().max()
print(f"the same picture in 20 and in 100 steps: {same} of 1,000")
different = len(winners[100].unique()), len(once.unique())
print(f"different pictures: {different[0]} in 100 steps, {different[1]} if asked once, one {most} times")
far = (images - images.mean(0)).flatten(1).norm(dim=1)
inner = [(far < far.quantile(0.5))[picture].sum() for picture in winners.values()]
print(f"drawn from the half of the list nearer to the mean picture: {inner[0]} in 20 steps, {inner[1]} in 100")
found, stated = [same, *different, most, *inner], (810, 787, 61, 260, 566, 509)
assert lab.profile == "gpu" or all(abs(a - b) <= 5 for a, b in zip(found, stated, strict=True))
missed = 2000 * 0.9995**1000  # pictures that 1,000 fair draws leave out
spread = (missed + 2000 * 1999 * 0.999**1000 - missed**2) ** 0.5
assert abs(2000 - missed - 787) < 0.5 and abs(spread - 10) < 0.6 and abs(1000**0.5 / 2 - 16) < 0.5

# %% [markdown] tags=["slide"]
# (a) 810. A seed is a picture only for a ***fixed*** sampler: with 20 steps the catchment areas are not yet those of
# the flow.
#
# (b) 787 in 100 steps (fair draws: 787 ± 10), but only 61 if we ask once, one of them 260 times. The last question
# makes the copy; the steps before it **spread** the drawings over the list. Too few steps favour pictures near the mean
# picture: in 20 steps the nearer half of the list gets 57 % of the drawings, in 100 steps 51 %.
#
# So this is what perfect training achieves: **a roundabout way to draw a training picture at random.**

# %% [markdown] tags=["slide"]
# **Predict.** Training sets contain duplicates. Suppose that one of 100 training pictures is listed ten times. How many
# of 1,000 seeds will draw it: about 10, about 90, or almost all?

# %%
shares = []
for k in range(0, 100, 20):  # list picture 0 ten times, then picture 20 instead, ...
    with_copies = els.IdealScoreMachine(torch.cat([images[:100], images[k].expand(9, -1, -1, -1)]), schedule)
    many = els.sample(with_copies, thousand, steps=20)
    shares.append((els.nearest_training_image(many, images[:100])[0] == k).float().mean().item())

# %% tags=["slide", "hide-input"]
print("five pictures, each listed ten times: drawn by", ", ".join(f"{share:.1%}" for share in shares), end=" ")
print(f"of the 1,000 seeds; 10 of 109 would be {10 / 109:.1%}")
assert abs(sum(shares) / 5 - 10 / 109) < 0.015 and all(0.05 < share < 0.13 for share in shares)

# %% [markdown] tags=["slide"]
# About 90: from 8.4 to 10.6 % of the 1,000 seeds, for five pictures tried in turn. Ten entries in the list are about as
# good as ten tickets in the hat.

# %% [markdown] tags=["slide"]
# ## 8. The obvious code fails (4 minutes)
#
# Exercise 1 used `softmax`. The formula itself says: take exponentials, divide by their sum.
#
# **Predict.** Where does this literal version fail in float32: only near $t = 0$, where we divide by a tiny $\sigma^2$,
# only near $t = 1$, or everywhere?

# %%
exponents, failed = {}, {}
for t in (1.0, 0.8, 0.6, 0.4, 0.2, 0.05):
    x_t = els.add_noise(images[:64], noise, t)
    squared_distance = (x_t[:, None] - schedule.alpha(t) * images[None, :2000]).square().sum((-3, -2, -1))
    ell = -squared_distance / (2 * schedule.sigma(t) ** 2)  # the exponents, (64, 2000); the right ones: the diagonal
    literal = ell.exp() / ell.exp().sum(1, keepdim=True)
    exponents[t], failed[t] = ell, literal.isnan().any(1).sum()  # failed: rows with something that is not a number

# %% tags=["hide-input"]
for t, ell in exponents.items():
    broken, right, best = failed[t], ell.diagonal().mean(), ell.amax(1).mean()
    print(f"t = {t:<4g}  not a number for {broken} of 64; mean exponents: right picture {right:.0f}, best {best:.0f}")
    assert broken >= 62 and abs(right + pixels / 2) < 3 and best - right < 8
assert torch.tensor(-103.0).exp() > 0 and torch.tensor(-104.0).exp() == 0

# %% [markdown] tags=["slide"]
# **Everywhere**, even at $t = 1$, for 62 or 63 of the 64. The culprit is not a small $\sigma$ but the number of pixels.
# For the *right* picture, $v = x_0$, we have $x_t - \alpha v = \sigma\epsilon$, so its exponent is $-\|\epsilon\|^2/2$
# at every $t$. Each pixel adds about $-1/2$; 256 pixels make $-128$. The best voter's exponent is hardly larger. And
# float32 has no number between 0 and about $10^{-45} = e^{-103}$. So all exponentials are **rounded to 0**, and $0/0$
# is not a number.
#
# The cure: a common factor, here $e^{-c}$, cancels in a quotient. So `softmax` first **subtracts the largest
# exponent**, $c$, from all exponents $\ell(v)$. Then the best voter has $e^0 = 1$.

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# - The training loss asks for $\mathrm{E}[x_0 \mid x_t]$ at every noise level, however the levels are weighted.
# - For a finite list this is a mean of the training pictures, weighted by $e^{-\|x_t - \alpha v\|^2/2\sigma^2}$.
# - Let the ideal denoiser generate, and with enough steps it returns training pictures, each with nearly the same
#   probability, however long the list.
# - With a fixed sampler the seed decides. The denoiser finds out on the way: first pictures that are alike, then which
#   of them it is. The more pictures lie nearby, the later it knows.
# - Exponentials of hundreds of pixels underflow at every noise level; subtracting the largest exponent cures it.

# %% [markdown] tags=["slide"]
# ## What is still unexplained
#
# Real diffusion models are trained with exactly this loss, and the better the training, the more they should copy. Yet
# they draw pictures that nobody has seen. **Predict:** noise the training pictures, let the shipped network and the
# ideal denoiser guess, and make both pay. Is the network's loss hardly larger, twice as large, or ten times as large?
# Lesson 03 measures it, and looks at what the network draws.
#
# ## References
#
# - M. Kamb, S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the ideal score machine as the starting point.
# - J. Ho, A. Jain, P. Abbeel, *Denoising diffusion probabilistic models*, NeurIPS 2020,
#   [arXiv:2006.11239](https://arxiv.org/abs/2006.11239): training on the noise.
# - G. Biroli, T. Bonnaire, V. de Bortoli, M. Mézard, *Dynamical regimes of diffusion models*, Nature Communications 15,
#   2024, [arXiv:2402.18491](https://arxiv.org/abs/2402.18491): classes first (speciation), then the collapse onto one
#   training point (our choice), and how it depends on $N$.
