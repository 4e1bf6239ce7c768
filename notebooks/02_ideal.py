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
# **You will** work out which denoiser the training of a diffusion model is really asking for, write it down in a few
# lines, and let it generate.
#
# **You will learn** what the perfect student of this training draws, when in the process it chooses, and why the
# obvious code for it fails.
#
# **You need** lesson 01: noising, denoisers, the DDIM sampler. Bayes' rule.
#
# **Time** 76 minutes

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
# thirds more, or three times as much?

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
# the one *nearest to the mean*.
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
    ax.plot(*here, "x", ms=7, mew=2, color=plotting.ORANGE, label="the place (0.1, 0.1)")
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
# All six are possible; the nearer the dimmed picture $\alpha v$, the more probable: no. 3 leads, though with 39 % it is
# not behind most of the cases. **Bayes' rule** gives the shares. Before seeing $x_t$ every picture has the same
# probability, $1/N$. Given $v$, $x_t$ is normal around $\alpha v$ with
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
assert (counted - by_bayes).abs().max() < 0.03 and counted.argmax() == 3 and abs(counted[3] - 0.39) < 0.005

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
# fast, and never holds all $N$ differences in memory. Here it stands against the formula as written, in float64.


# %%
machine = els.IdealScoreMachine(images, schedule)


def ideal_weights(x_t, t):
    """(B, N): the package returns the heaviest first, and we put them back in the order of the images."""
    votes = machine.posterior(x_t, t, top=N)
    return torch.zeros_like(votes.weight).scatter(1, votes.image, votes.weight)


eps = els.seeded_noise(range(600, 608), lab.shape).to(lab.device)
for t in (0.1, 0.4, 0.7, 1.0):
    x_t = els.add_noise(images[:8], eps, t)
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
x_0, eps = images[5:6], els.seeded_noise([625], lab.shape).to(lab.device)
noisy = {t: els.add_noise(x_0, eps, t) for t in (0.9, 0.75, 0.65, 0.3)}
weights = {t: ideal_weights(x_t, t)[0] for t, x_t in noisy.items()}
leading = [int(weights[t].argmax()) for t in noisy]
called = [lab.data.class_names[int(labels[i])] for i in leading]
rows = {"$x_t$": torch.cat([*noisy.values()])}
rows["answer $D(x_t)$"] = torch.cat([machine(x_t, t) for t, x_t in noisy.items()])
rows["heaviest voter"] = images[leading]
notes = [f"{name}, {weights[t].max():.3f}" for t, name in zip(noisy, called, strict=True)]
show(
    plotting.image_rows(rows, titles=[f"t = {t:g}" for t in noisy], notes=notes),
    alt=(
        "The noisy picture, the denoiser's answer and the heaviest voter with its weight at four times: a blur of many "
        "at much noise, the right picture at little."
    ),
)
assert leading[-1] == 5
if lab.profile == "laptop":
    assert called == ["shirt", "pullover", "pullover", "pullover"] and abs(weights[0.9].max() - 0.006) < 0.0006
    assert weights[0.3].max() > 0.999

# %% [markdown]
# Nearly nothing: at much noise everybody has a say, and the answer is a blur. Picture 5 is a pullover, but at $t = 0.9$
# the heaviest voter is a shirt, with 0.006 of the weight. At $t = 0.3$ one voter holds everything, and the answer is a
# training picture, pixel by pixel. Drag the slider to the left: the crowd turns into one.

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
crowd = {t: torch.special.entr(w_t).sum().exp().item() for t, w_t in weights.items()}
print("effective number of voters of picture 5:", ", ".join(f"{k:.0f} at t = {t:g}" for t, k in crowd.items()))

# %% [markdown] tags=["slide"]
# ## 4. Let it generate (6 minutes)
#
# Now the experiment of this lesson. 64 seeds of pure noise; the DDIM sampler of lesson 01, in 40 steps; and the ideal
# denoiser, the perfect result of training.
#
# **Predict.** How many of the 64 will be copies? And if we leave out the way and ask only once, at $t = 0.025$ (the
# last question of the 40), about pure noise: what will the answer be?

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
_, at_once = els.nearest_training_image(machine(noise, 0.025), images)
next_one = torch.cdist(images[:2000].flatten(1), images.flatten(1)).topk(2, largest=False)[0][:, 1].quantile(0.5)
for name, off in (("40 steps", distance), ("one question, at t = 0.025", at_once)):
    print(f"{name}: {(off < 1e-4).sum()} of 64 are copies")
print(f"from a training picture to the nearest other one: {next_one:.1f} (median)")
assert (distance < 1e-4).all()  # 64 of 64
assert lab.profile == "gpu" or (abs((at_once < 1e-4).sum() - 62) <= 1 and abs(next_one - 3.0) < 0.05)

# %% [markdown]
# **64 of 64 are training pictures**, within the rounding of a float32 (from a training picture to the nearest other one
# it is 3.0 in the median). Not similar ones: *those*. The student who did everything right can only recite.
#
# Why it must be so: as $\sigma \to 0$ the exponent $-\|x_t - \alpha v\|^2 / 2\sigma^2$ of the nearest picture leads all
# others by more and more, so its exponential beats theirs by any factor: its weight becomes 1. The last step of DDIM
# lands on $D(x_t)$ itself, and for small enough $\sigma$ that is a training picture, *whatever came before*: even about
# pure noise the answer at $t = 0.025$ is one, in 62 of 64 cases. The steps before decide *which*. Lesson 01 showed that
# the flow of an exact denoiser brings back the distribution it was made from: here a list of $N$ points, each with the
# same probability.
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

# %% [markdown] tags=["slide"]
# ## 5. The moment of choice (12 minutes)
#
# The seed has decided from the start: the sampler has no dice. But the denoiser does not know it yet. At $t = 1$ its
# votes are spread over all 2,000 pictures, at the end one picture has them all. When can it tell?
#
# We follow the votes along the 64 paths. The denoiser has made its **choice** at the first step at which one picture
# holds more than half of them. Each picture belongs to one of ten classes: when do the pictures of one class together
# hold more than half? Large groups get there sooner, even if they mean nothing: for comparison we also give the labels
# out at random.
#
# **Predict.** (a) At $t = 1$ the votes are nearly even, but not quite: $\alpha$ is 0.0125, and the denoiser looks for
# that much of a picture. Sort them: on which place will the picture stand that wins in the end, near 1,000, 100 or 10?
# (b) A class cannot get its half later than a picture. Well before it, or together with it?

# %%
of_class = torch.nn.functional.one_hot(labels, 10).float()
shuffled = of_class[torch.randperm(N, generator=torch.Generator().manual_seed(0))]  # classes that mean nothing
groups = {"one class": of_class.to(lab.device), "one class, labels shuffled": shuffled.to(lab.device)}
groups["one picture"] = None
share, leader = {name: [] for name in groups}, {name: [] for name in groups}  # of each time: one for each of 64 seeds
walk = list(els.trajectory(machine, noise, steps=40))[:-1]
for t, x_t, _ in walk:
    votes = ideal_weights(x_t, t).float()  # (64, N)
    for name, members in groups.items():
        most = (votes if members is None else votes @ members).max(1)
        share[name].append(most.values.cpu())
        leader[name].append(most.indices.cpu())
share, leader = ({name: torch.stack(of) for name, of in both.items()} for both in (share, leader))  # (40, 64) each
grid = torch.tensor([t for t, _, _ in walk])


def half_passed(share):
    """The number of the step at which a share (steps, seeds) first exceeds one half, for each seed."""
    return (share > 0.5).float().argmax(0)


# %% tags=["slide"]
looks = {"one class": (plotting.ORANGE, "--"), "one class, labels shuffled": ("0.4", ":")}
looks["one picture"] = (plotting.BLUE, "-")
fig, ax = plt.subplots(figsize=(6, 3.5))
for name, (colour, dash) in looks.items():
    ax.plot(grid, share[name].quantile(0.5, 1), color=colour, ls=dash, label=name)
    if name != "one class, labels shuffled":
        ax.plot(grid, share[name].quantile(torch.tensor([0.1, 0.9]), 1).T, color=colour, ls=dash, lw=0.7)
ax.axhline(0.5, color=plotting.GREY, lw=1, label="one half")
ax.set(xlim=(1, 0), ylim=(0, 1.02), xlabel="time t (noise on the left)")
ax.set_ylabel("largest share of the votes\n(median; thin: middle 80 %)")
ax.legend(loc="lower right")
show(
    fig,
    alt=(
        "The largest share of the votes against time: that of a class passes one half at about t = 0.74, that of a "
        "picture at about 0.5, and that of a class with shuffled labels hardly before it. Seeds differ widely."
    ),
)
passed = {name: half_passed(share[name]) for name in looks}
choice = {name: grid[step].quantile(0.5).item() for name, step in passed.items()}
print("half of the votes lie with", ", ".join(f"{name} from t = {t:.3f}" for name, t in choice.items()), "(medians)")
if lab.profile == "laptop":
    assert all(abs(t - said) < 0.03 for t, said in zip(choice.values(), (0.74, 0.525, 0.5), strict=True))
    assert choice["one class, labels shuffled"] - choice["one picture"] < 0.026

# %%
right = {"one class": labels[nearest.cpu()], "one picture": nearest.cpu()}
for name, drawn_one in right.items():
    right[name] = int((leader[name].gather(0, passed[name][None])[0] == drawn_one).sum())
print("the first to hold half is drawn in the end:", right, "of 64")
assert right["one picture"] == 64 and (lab.profile == "gpu" or abs(right["one class"] - 57) <= 1)

thousand = els.seeded_noise(range(3000, 4000), lab.shape).to(lab.device)
drawn_in = {40: els.nearest_training_image(els.sample(machine, thousand, steps=40), images)[0]}
at_start = ideal_weights(thousand, 1.0)
for whose, other, stated in (("its own seed", 0, (2, 7, 21)), ("another seed", 1, (609, 1095, 1545))):
    winner = drawn_in[40].roll(other)[:, None]
    on = ((at_start > at_start.gather(1, winner)).sum(1) + 1).float().cpu()
    low, middle, high = on.quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    print(f"the winner of {whose}: place {middle:.0f} (half between {low:.0f} and {high:.0f}), ", end="")
    print(f"first for {(on == 1).sum()} of 1,000")
    if lab.profile == "laptop":
        assert all(abs(a - b) <= 1 + b / 30 for a, b in zip((low, middle, high), stated, strict=True))
        assert abs((on == 1).sum() - (0 if other else 192)) <= 5
assert abs(schedule.alpha(1.0) - 0.0125) < 5e-5

# %% [markdown] tags=["slide"]
# (a) On place **7** of 2,000 (the median of 1,000 seeds), before the first step. The winner of *another* seed stands in
# the middle, near 1,100. **The noise leans towards one picture from the start**, though not firmly: only for 192 of the
# 1,000 is the winner already first.
#
# (b) Well before: half of the votes lie with one class from $t = 0.74$ on, with one picture from 0.50 (each seed's
# first step above one half; the median of these). A class of shuffled labels gets its half at most one step (0.025)
# before the picture. So **what is alike is found first**, then which of the alike it is. The first picture to hold
# half is drawn for all 64 seeds. The first class to do so is that of the drawing for 57 of them: a class may still
# lose.

# %% [markdown] tags=["slide"]
# **Predict.** From 20 to 10,000 training pictures: will the choice come earlier (at a larger $t$), later, or at the
# same time? Will the copying stop? Then we noise 20 trousers and ask a denoiser whose list is longer than these 20.
# What delays its choice: 880 more trousers in the list, 880 shoes and bags, or both?

# %%
garments = els.load("fashion-mnist", size=lab.shape[-1], n=10_000)
everything, kind = garments.images.to(lab.device), torch.as_tensor(garments.labels)
moments = {"all kinds": {}}
for n in (20, 200, 900, 2000, 10_000):
    some = everything[:n]
    smaller = els.IdealScoreMachine(some, schedule)
    path = list(els.trajectory(smaller, noise, steps=40))
    heaviest = torch.stack([smaller.posterior(x_t, t, top=1).weight[:, 0] for t, x_t, _ in path[:-1]]).cpu()
    moments["all kinds"][n] = grid[half_passed(heaviest)].quantile(0.5).item()
    copies = els.nearest_training_image(path[-1][1], some)[1] < 1e-4
    print(f"{n:6,d} of all kinds: choice at t = {moments['all kinds'][n]:.2f}, {copies.sum()} of 64 are copies")
    assert copies.all()

# %%
twenty, more = everything[kind == 1][:20], {"20 noised trousers, the rest trousers": everything[kind == 1][20:]}
more["20 noised trousers, the rest shoes and bags"] = everything[torch.isin(kind, torch.tensor([5, 7, 8, 9]))]
clean, dust = twenty.repeat(13, 1, 1, 1), els.seeded_noise(range(600, 860), lab.shape).to(lab.device)
for name, pictures in more.items():
    moments[name] = {}
    for n in (20, 200, 900):
        among = els.IdealScoreMachine(torch.cat([twenty, pictures[: n - 20]]), schedule)
        noised = [els.add_noise(clean, dust, t.item()) for t in grid]  # what a flow to the 20 passes through
        each = [among.posterior(x_t, t.item(), top=1).weight[:, 0] for t, x_t in zip(grid, noised, strict=True)]
        moments[name][n] = grid[half_passed(torch.stack(each).cpu())].quantile(0.5).item()
    away = torch.cdist(twenty.flatten(1), pictures[:880].flatten(1)).min(1).values.quantile(0.5)
    print(f"{name}: choice at", ", ".join(f"{t:.2f} (N = {n})" for n, t in moments[name].items()), end="; ")
    print(f"the nearest of the rest is {away:.1f} away")

# %% tags=["slide"]
fig, ax = plt.subplots(figsize=(5, 3))
for (name, at), look in zip(moments.items(), ("o-", "D--", "s:"), strict=True):
    ax.semilogx([*at], [*at.values()], look, label=name)
ax.legend(loc="lower left", fontsize=8)
ax.set(xlabel="training pictures N", ylabel="time of the choice", ylim=(0, 1))
show(
    fig,
    alt=(
        "The time of the choice against the size of the training set: of all kinds it falls from 0.79 at 20 to 0.45 at "
        "10,000. That of 20 trousers falls from 0.65 to about 0.4 with 880 more trousers, and stays with 880 shoes "
        "and bags."
    ),
)
if lab.profile == "laptop":
    stated = {"all kinds": {20: 0.79, 200: 0.65, 900: 0.55, 2000: 0.5, 10_000: 0.45}}
    stated["20 noised trousers, the rest trousers"] = {20: 0.65, 200: 0.475, 900: 0.41}
    stated["20 noised trousers, the rest shoes and bags"] = {20: 0.65, 200: 0.65, 900: 0.65}
    assert all(abs(moments[name][n] - t) < 0.013 for name, line in stated.items() for n, t in line.items())

# %% [markdown] tags=["slide"]
# More data *delays* the choice, from 0.79 to 0.45, and the copying does not stop. But it is not the number as such:
# when we noise 20 trousers, 880 shoes and bags in the list do not delay the choice at all (0.65); 880 more trousers do
# (to 0.41). **What delays it is how many lie near.**
#
# With many millions, does the choice come at $t = 0$ at last? Not with a finite list: different pictures keep some
# distance, and once the noise is far below it, one of them has all the votes. So any list is recited, if the last step
# is small enough: here for 64 of 64 seeds, with each of the five lists of all kinds.

# %% [markdown] tags=["slide"]
# ## 6. Same seed, same memory (6 minutes)
#
# A seed is a picture. How firmly? And is every picture drawn equally often?
#
# **Predict.** (a) We change the noise of 1,000 seeds by 3 %, that is, we mix in fresh noise with a weight of 0.03.
# How many draw the same picture? And after 30 %? (b) Which half of the pictures is drawn more often, that nearer to
# the mean picture, or the other? And does it matter how many steps one takes?

# %% tags=["slide"]
far = (images - images.mean(0)).flatten(1).norm(dim=1)
inner = far < far.quantile(0.5)  # the half of the pictures nearer to the mean picture
for steps, stated in ((5, (737, 0.815)), (20, (1000, 0.566)), (100, (1000, 0.509))):
    drawn_in[steps], off = els.nearest_training_image(els.sample(machine, thousand, steps=steps), images)
    copies, share_inner = (off < 1e-4).sum(), inner[drawn_in[steps]].float().mean()
    print(f"{steps:3d} steps: {copies} copies; {share_inner:.0%} of the drawings are nearest to one of the inner half")
    assert lab.profile == "gpu" or (abs(copies - stated[0]) <= 4 and abs(share_inner - stated[1]) < 0.008)
different, fair = len(drawn_in[100].unique()), N * (1 - (1 - 1 / N) ** 1000)
print(f"{different} different pictures in 100 steps; equal chances would give {fair:.0f}")
assert lab.profile == "gpu" or (abs(different - 787) <= 3 and abs(fair - 787) < 0.5)
fresh = els.seeded_noise(range(12_600, 13_600), lab.shape).to(lab.device)
for part, stated in ((0.03, 880), (0.3, 344)):
    disturbed = (1 - part**2) ** 0.5 * thousand + part * fresh
    after = els.nearest_training_image(els.sample(machine, disturbed, steps=20), images)[0]
    print(f"noise changed by {part:.0%}: the same picture for {(after == drawn_in[20]).sum()} of 1,000")
    assert lab.profile == "gpu" or abs((after == drawn_in[20]).sum() - stated) <= 5

# %% [markdown]
# (a) 880 of 1,000 after 3 %, in 20 steps; after 30 % still 344. Small disturbances are mostly forgotten; some lead
# into another catchment area.
#
# (b) The inner half, and the more the coarser the steps: with 20 steps it gets 57 % of the drawings, with 100 steps
# 51 %. The exact flow gives each of the $N$ points the probability $1/N$; 100 steps come near to it: their 1,000
# drawings are 787 different pictures, as many as equal chances would give. With 5 steps only 737 are copies: the last
# question is then asked at $t = 0.2$, where more than one picture may still vote.
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
# ### Exercise 4: Twins (8 minutes, ★★☆)
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
# A factor before the exponential is a logarithm in the exponent. Divided by the sum of all counts, this factor is what
# Bayes' rule calls the prior.
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


smallest = noise.square().sum((-3, -2, -1)).argsort()[:2]  # the two seeds with the smallest noise
for t in (1.0, 0.8, 0.6, 0.4, 0.2, 0.05):
    x_t = els.add_noise(images[:64], noise, t)
    broken = literal_weights(x_t, images[:2000], t).isnan().any(1)
    ell = exponents(x_t, images[:2000], t)
    right, best = ell.diagonal().mean().item(), ell.max(1).values.mean().item()
    print(f"t = {t:<4g}  not a number for {broken.sum()} of 64; exponents on average: ", end="")
    print(f"of the right picture {right:.0f}, of the best voter {best:.0f}")
    assert broken.sum() == 64 - (~broken[smallest]).sum() >= 62
    assert abs(right + pixels / 2) < 3 and best - right < 8
assert torch.tensor(-103.0).exp() > 0 and torch.tensor(-104.0).exp() == 0

# %% [markdown]
# **Everywhere**, even at $t = 1$, for all but one or two of the 64, those with the smallest noise. Not the small
# $\sigma$ is to blame but the number of pixels. Look at the exponent of the *right* picture, $v = x_0$: there
# $x_t - \alpha v = \sigma\epsilon$, so it is $-\|\epsilon\|^2/2$ at every $t$. Each pixel adds about $-1/2$; 256 pixels
# make $-128$. The best voter's is hardly larger.
#
# A float32 has no number between 0 and about $10^{-45} = e^{-103}$. So even the best voter's exponential is rounded
# to 0, the sum is 0, and $0/0$ is not a number.
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
for t in (1.0, 0.6, 0.2, 0.05):
    x_t = els.add_noise(images[:4], noise[:4], t)
    exact = els.reference.ideal_weights(x_t, few, schedule.alpha(t), schedule.sigma(t))  # in float64
    assert (safe_weights(x_t, few, t).cpu() - exact).abs().max() < 1e-3
    assert (safe_weights(x_t, images, t) - ideal_weights(x_t, t)).abs().max() < 1e-4

# %% [markdown] tags=["slide"]
# This is what `torch.softmax` does inside, and every machine of this course with it.
#
# ## What you can now say
#
# - The training loss of a diffusion model asks for $\mathrm{E}[x_0 \mid x_t]$, at every noise level, however the
#   levels are weighted.
# - For a finite training set this is a formula: a mean of the training pictures, weighted by
#   $e^{-\|x_t - \alpha v\|^2/2\sigma^2}$.
# - Let it generate, and with enough steps it returns training pictures and nothing else, all with the same probability.
#   More data does not change that.
# - The seed decides. The denoiser finds out on the way: first what is alike, then which picture, and this the later,
#   the more pictures lie near.
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
#   one training point (our choice), and how it depends on $N$.
# - G. Raya, L. Ambrogioni, *Spontaneous symmetry breaking in generative diffusion models*, NeurIPS 2023,
#   [arXiv:2305.19693](https://arxiv.org/abs/2305.19693): such choices as the breaking of a symmetry.
# - C. Scarvelis, H. Sáez de Ocáriz Borde, J. Solomon, *Closed-form diffusion models*, 2023,
#   [arXiv:2310.12395](https://arxiv.org/abs/2310.12395): the closed form, and smoothing it.
