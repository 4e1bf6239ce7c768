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
# # 01 · Whoever can remove noise can generate
#
# **You will** drown pictures in noise, find the best possible guess of what was there, and turn that guess into a flow
# that carries pure noise back to data: first with a single pixel, then with real pictures.
#
# **You will learn** what a denoiser, a score and a noise estimate are (one thing with three names), and why knowing any
# of them is enough to generate.
#
# **You need** basic probability, derivatives, and Python with tensors. Nothing about diffusion.
#
# **Time** 78 minutes; a good place for a break is after section 4. If time is short: sections 1, 2, 3, 5, 6 and 8.
# (From section 4 you then need $\hat\epsilon = (x_t - \alpha D)/\sigma$, the noise that a guess leaves over.) Lines of
# code that begin with `assert` check that the numbers in the text are true on your computer. You may skip them. If you
# change a seed, a size or a number of steps, an assert may stop you with an `AssertionError`. That is no mistake of
# yours.

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown] tags=["slide"]
# ## 1. A picture with one pixel (4 minutes)
#
# Pixel values in this course run from $-1$ (black) to $1$ (white). We begin with data that we know exactly: pictures of
# **one pixel**, called $x_0$ (the zero is a time: no noise so far). It is dark (near $-0.6$) with probability 0.3 and
# bright (near $0.6$) with probability 0.7. Its values form **two heaps**, each a normal distribution of standard
# deviation 0.1 (its *width*). We draw 100,000 such pixels.

# %%
means = torch.tensor([-0.6, 0.6], dtype=torch.float64)  # m_k: where the two heaps are
share = torch.tensor([0.3, 0.7], dtype=torch.float64)  # how much of the data is in each
width = 0.1  # tau: the standard deviation of each

generator = torch.Generator().manual_seed(1)
heap = torch.multinomial(share, 100_000, replacement=True, generator=generator)
x_0 = means[heap] + width * torch.randn(len(heap), generator=generator, dtype=torch.float64)
eps = torch.randn(len(x_0), generator=generator, dtype=torch.float64)  # as many standard normal numbers, for later

# %% [markdown] tags=["slide"]
# ### Adding noise
#
# Noise $\epsilon$ is a draw from the standard normal distribution, independent of the picture. A **noised pixel** is a
# mixture of both:
#
# $$x_t = \alpha\, x_0 + \sigma\, \epsilon .$$
#
# Here $\alpha$ dims the picture and $\sigma$ turns the noise up, as $t$ goes from 0 (clean) to 1 (noise). The density
# of $x_t$ is called $p_t$.
#
# **Predict.** At $t = 0.5$ both $\alpha$ and $\sigma$ are close to 0.7. Will the histogram of $x_t$ still show two
# humps?

# %%
schedule = els.CosineSchedule()  # alpha(t) and sigma(t)


def density(x, t):
    """p_t(x): each heap is dimmed by alpha and widened by the noise."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    heaps = torch.distributions.Normal(alpha * means, (alpha**2 * width**2 + sigma**2) ** 0.5)
    return (share * heaps.log_prob(x[..., None]).exp()).sum(-1)


line = torch.linspace(-3, 3, 601, dtype=torch.float64)
noised = {t: schedule.alpha(t) * x_0 + schedule.sigma(t) * eps for t in (0.0, 0.2, 0.5, 0.75, 1.0)}  # x_t at each t

# %% tags=["slide", "hide-input"]
fig, axes = plt.subplots(1, 5, figsize=(10, 2.6), sharex=True)
for ax, (time, values) in zip(axes, noised.items(), strict=True):
    ax.hist(values, bins=60, range=(-3, 3), density=True, color="0.8", label="100,000 noised pixels")
    ax.plot(line, density(line, time), label="formula $p_t$")
    ax.set(title=f"t = {time:g}", xlabel="$x_t$", yticks=[])
axes[0].set_ylabel("density (scales differ)")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
show(
    fig,
    alt=(
        "Histograms of the noised pixel with the formula on top: two humps at t = 0 and 0.2, one "
        "from t = 0.5 on, a standard normal at t = 1."
    ),
)

# %% tags=["hide-input"]
normal = torch.distributions.Normal(0.0, 1.0).log_prob(line).exp()
assert (density(line, 1) - normal).abs().max() < 0.003

# %% [markdown] tags=["slide"]
# The heaps move together (dimming), get wider (noise), and merge: at $t = 0.5$ there is one hump. At $t = 1$ a standard
# normal is left: **all data ends in the same noise.** So generation can start there: you can draw noise without knowing
# the data.
#
# ## 2. The schedule is an angle (4 minutes)
#
# If $x_0$ had variance 1, then $x_t$ would have variance $\alpha^2 + \sigma^2$. We want this sum to stay 1, so that
# nothing explodes. (Our pixel has less variance.) Two numbers whose squares sum to one are a cosine and a sine:
#
# $$\alpha = \cos\theta, \qquad \sigma = \sin\theta, \qquad \theta = \frac{\pi}{2}\, \frac{t}{1.008} .$$
#
# Time is an **angle** that turns from the picture to the noise. The $1.008$ stops it just before the right angle: at $t
# = 1$ **a trace of the picture is left**, $\alpha = 0.0125$, so we can still divide by $\alpha$.

# %% tags=["slide", "hide-input"]
grid = schedule.times(20)
arc = torch.tensor([[schedule.alpha(t), schedule.sigma(t)] for t in grid])
assert (arc.square().sum(1) - 1).abs().max() < 1e-6
assert abs(schedule.alpha(1) - 0.0125) < 5e-5

fig, ax = plt.subplots(figsize=(3.6, 3.3))
ax.plot(*arc.T, "o-", ms=5)
ax.plot([0, arc[10, 0]], [0, arc[10, 1]], color=plotting.GREY, ls="--", lw=1.2)
for words, place, shift in (("t = 0, picture", arc[-1], (-88, 5)), ("t = 1, noise", arc[0], (2, 8))):
    ax.annotate(words, place, shift, textcoords="offset points")
ax.annotate("θ", (0.16, 0.05), color=plotting.ORANGE)
ax.set(xlabel="α, amount of picture", ylabel="σ, amount of noise", xlim=(0, 1.15), ylim=(0, 1.15), aspect="equal")
ax.set_title("dots: 20 equal steps of t")
show(
    fig,
    alt=(
        "A quarter circle with 21 dots at equal angles, from all picture to all noise; theta is the angle between the "
        "axis of the picture and the line to a dot."
    ),
)

# %% [markdown] tags=["slide"]
# **Predict, then move the slider below from right to left.** At which $t$ will you be able to name the first garment?
# And where will one hump become two?

# %% tags=["slide"]
noises = els.seeded_noise(range(500, 504), lab.shape)
some = x_0.quantile((torch.arange(40, dtype=torch.float64) + 0.5) / 40)  # of the pixels of section 1
slider = widgets.NoiseExplorer.of(lab.data.images[:4], noises, points=some)
slider.index = len(slider.times) - 1  # begin at t = 1
slider

# %% tags=["hide-input"]
humps = {k / 100: int((density(line, k / 100).diff().sign().diff() < 0).sum()) for k in range(100, 0, -1)}
split = max(t for t, count in humps.items() if count == 2)
print(f"the density has two humps from t = {split:.2f} down")
assert split == 0.26 and set(humps.values()) == {1, 2}

# %% [markdown] tags=["slide"]
# From $t = 0.26$ down there are two humps. Only you know when you named the garment. Was it earlier? One pixel tells
# little; a garment has 256, and together they reveal more.
#
# ### Exercise 1: Noising (5 minutes, ★☆☆)
#
# In training, every picture of a batch gets its own time. Write the noising for that: `x_0` and `eps` have shape (B, C,
# H, W), `t` has shape (B,). `schedule.alpha` takes one number only, so write the formulas with torch.


# %%
def noising(x_0, eps, t):
    """x_0, eps (B, C, H, W), t (B,) -> x_t (B, C, H, W), each image noised to its own time."""
    ...


check.noising(noising)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("noising")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def noising(x_0, eps, t):
#     theta = (torch.pi / 2 * t / 1.008)[:, None, None, None]
#     return theta.cos() * x_0 + theta.sin() * eps
# ```
#
# The three `None` give `t` the shape (B, 1, 1, 1): one angle per picture, the same for all of its pixels.
# </details>
#
# ## 3. The best guess (10 minutes)
#
# You are shown a noised pixel, $x_t = -0.2$ at $t = 0.5$. What was $x_0$? Nobody can know. But we can look at all
# pixels among our 100,000 whose $x_t$ came out close to $-0.2$.
#
# **Predict.** The value is on the dark side. Were most of these pixels dark? If you must name *one* number for $x_0$,
# and pay its squared error, which one: $-0.28$ ($= -0.2/\alpha$), $0.6$, or another?

# %%
t, seen = 0.5, -0.2
alpha, sigma = schedule.alpha(t), schedule.sigma(t)
x_t = alpha * x_0 + sigma * eps
possible = x_0[(x_t - seen).abs() < 0.02]

# %% tags=["slide", "hide-input"]
fig, ax = plt.subplots(figsize=(5, 2.6))
ax.hist(possible, bins=60, range=(-1, 1), color="0.8")
ax.axvline(possible.mean(), color=plotting.ORANGE, ls="--", label=f"their mean, {possible.mean():.2f}")
ax.set(xlabel=f"$x_0$ of the pixels with $x_t$ ≈ {seen}", ylabel="pixels")
ax.legend(loc="upper left")
show(
    fig,
    alt=(
        "Histogram of the clean pixels behind a noised value of -0.2: a smaller heap at -0.6, a larger one at "
        "0.6, their mean between the two, where there is no data."
    ),
)

# %% tags=["slide"]
print(f"{len(possible):,} pixels, {(possible > 0).double().mean():.0%} of them bright, mean {possible.mean():.2f}")
guesses = (seen / alpha, 0.6, possible.mean().item())
cost = [(possible - guess).square().mean().item() for guess in guesses]
print("mean squared error:", "; ".join(f"{c:.2f} for {guess:.2f}" for guess, c in zip(guesses, cost, strict=True)))

# %% [markdown] tags=["slide"]
# 61 % were bright. Saying $-0.28$ costs 0.52, $0.6$ costs 0.57, and the mean of these pixels 0.35. No number $a$ does
# better than the **mean** of what is possible: there $\frac{d}{da}\, \mathrm{E}[(x_0 - a)^2 \mid x_t] = 2\, (a -
# \mathrm{E}[x_0 \mid x_t])$ is zero. This mean is called the posterior mean (*posterior*: after $x_t$ has been seen),
# and the function that returns it is the **ideal denoiser**:
#
# $$D(x_t, t) = \mathrm{E}[x_0 \mid x_t] .$$
#
# You saw a dark value, yet the best guess is slightly bright, because bright pixels are more common. And the value you
# guess (almost) *never occurs in the data*. **A good guess is not a good sample.**

# %% [markdown] tags=["slide"]
# ### The same by hand
#
# Suppose we knew that $x_0$ came from heap $k$. Then the best guess would be close to the heap's centre, $m_k$, and
# rise a little with $x_t$. Within the heap, $x_0$ and $\epsilon$ are independent and normal, so the guess rises along a
# straight line. Its slope, $\alpha\tau^2/V$, is the covariance of $x_0$ and $x_t$ over the variance of $x_t$. Here
# $\tau$ is the heap's width, and $V = \alpha^2\tau^2 + \sigma^2$ is that variance **within the heap**.


# %% [markdown] tags=["slide"]
# But we do not know the heap. **Bayes' rule** says that it is $k$ with a probability $w_k$ proportional to the share of
# heap $k$, times how probable this heap makes our $x_t$. The best guess is the mean over the heaps, with these weights:
#
# $$D(x_t, t) = \sum_k w_k \Big( m_k + \frac{\alpha \tau^2}{V} (x_t - \alpha m_k) \Big), \qquad
# w_k \propto \mathrm{share}_k\; e^{-(x_t - \alpha m_k)^2 / 2V} .$$
#
# Remember this shape: *a weighted mean of what is possible*. All the machines of this course have it.
#
# **Predict.** As a function of $x_t$, is $D$ a straight line, a step, or something in between? What changes with $t$?


# %%
def denoiser(x, t):
    """The ideal denoiser E[x_0 | x_t] of the one-pixel data."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    V = alpha**2 * width**2 + sigma**2
    distance = x[..., None] - alpha * means
    w = torch.softmax(share.log() - distance**2 / (2 * V), dim=-1)  # exp, divided by the sum over the heaps
    return (w * (means + alpha * width**2 / V * distance)).sum(-1)


by_formula = denoiser(torch.tensor(seen, dtype=torch.float64), 0.5)
print(f"D at x_t = {seen}, t = 0.5: {by_formula:.2f} by the formula, {possible.mean():.2f} by the simulation")
assert abs(by_formula - possible.mean()) < 0.03

# %% tags=["slide", "hide-input"]
assert all(abs(c - said) < 0.02 for c, said in zip(cost, (0.52, 0.57, 0.35), strict=True))
assert 0.58 < (possible > 0).double().mean() < 0.67 and 0.10 < possible.mean() < 0.20
assert ((possible - possible.mean()).abs() < 0.1).double().mean() < 0.03  # hardly any data near the best guess

fig, ax = plt.subplots(figsize=(5, 2.8))
for time, style in ((0.25, "-"), (0.5, "--"), (0.9, ":")):
    ax.plot(line, denoiser(line, time), ls=style, label=f"t = {time:g}")
ax.set(xlabel="$x_t$", ylabel="D, best guess of $x_0$", xlim=(-2, 2))
ax.legend()
show(fig, alt="The denoiser at three noise levels: a steep step at t = 0.25, a soft S at 0.5, almost flat at 0.9.")
assert abs((share * means).sum() - 0.24) < 1e-9

# %% [markdown]
# With little noise $D$ decides: dark or bright. With much noise it shrugs, and stays near the mean of all data, 0.24.
# Between the two lies a soft step that *hesitates*.
#
# ### Exercise 2: The denoiser of a coin (8 minutes, ★★☆)
#
# The simplest data there is: $x_0 = 1$ or $x_0 = -1$, each with probability one half. Work out its ideal denoiser on
# paper, then write it down in one line. `x_t` has any shape; `alpha` and `sigma` are numbers. Your line must also
# survive little noise, such as $\sigma = 0.03$.


# %%
def coin_denoiser(x_t, alpha, sigma):
    """x_t (any shape) -> E[x_0 | x_t] for x_0 = +1 or -1 with equal probability, same shape."""
    ...


check.coin_denoiser(coin_denoiser)

# %% [markdown]
# Stuck? `check.hint("coin_denoiser")`
#
# <details><summary>Solution</summary>
#
# ```python
# def coin_denoiser(x_t, alpha, sigma):
#     return torch.tanh(alpha * x_t / sigma**2)
# ```
#
# The weights of the two sides are proportional to $e^{\pm \alpha x_t / \sigma^2}$, since all other terms of $(x_t \mp
# \alpha)^2$ are the same for both and cancel. The guess is their difference over their sum: a hyperbolic tangent.
# </details>

# %% [markdown] tags=["slide"]
# ## 4. One thing with three names (7 minutes)
#
# The **score** is the slope of the log-density: $s(x, t) = \partial_x \log p_t(x)$. It says in which direction $p_t$
# rises.
#
# **Predict.** Draw $s$ at $t = 0.2$ on paper: where is it zero? On which side of a heap is it positive?

# %%
t = 0.2
x = line.clone().requires_grad_()
(score,) = torch.autograd.grad(density(x, t).log().sum(), x)  # each term of the sum depends on its own x alone

# %% tags=["slide", "hide-input"]
fig, (above, below) = plt.subplots(2, 1, figsize=(5.6, 4.2), sharex=True)
above.plot(line, density(line, t))
above.set(ylabel="density $p_t$", title=f"t = {t:g}")
below.axhline(0, color=plotting.GREY, lw=1)
below.plot(line, score)
below.set(xlabel="$x$", ylabel="score $s$", xlim=(-1.6, 1.6), ylim=(-12, 12))
show(
    fig,
    alt="Above, a density with two humps. Below, its score: it falls through zero at each hump, and rises through "
    "zero in the valley.",
)
assert (score.sign().diff() != 0).sum() == 3  # at two humps and in a valley

# %% [markdown] tags=["slide"]
# The score is zero at the two humps and in the valley, positive to the left of a hump and negative to the right: it
# points uphill. Write $p_t$ as a mixture over all clean values, $p_t(x) = \int p_0(x_0)\, \mathcal{N}(x;\, \alpha x_0,
# \sigma^2)\, dx_0$, where $\mathcal{N}(x;\, m, V)$ is the normal density with mean $m$ and variance $V$, and
# differentiate under the integral:
#
# $$\partial_x p_t(x) = \int p_0(x_0)\, \mathcal{N}(x;\, \alpha x_0, \sigma^2)\, \frac{\alpha x_0 - x}{\sigma^2}\, dx_0
# = p_t(x)\, \frac{\alpha\, \mathrm{E}[x_0 \mid x_t = x] - x}{\sigma^2} .$$
#
# (By Bayes' rule, $p_0\, \mathcal{N} / p_t$ is the density of $x_0$ given $x_t = x$.) Divide by $p_t(x)$: the slope of
# the log-density is the best guess in disguise. This is **Tweedie's formula**:
#
# $$s = \frac{\alpha D - x_t}{\sigma^2} .$$
#
# Is it true? We compare torch's derivative with this formula (`assert_close` stops with an error if they differ):

# %%
tweedie = (schedule.alpha(t) * denoiser(line, t) - line) / schedule.sigma(t) ** 2
torch.testing.assert_close(score, tweedie)

# %% [markdown] tags=["slide"]
# The third name, the noise estimate, stands for the best guess of the noise, $\hat\epsilon = \mathrm{E}[\epsilon \mid
# x_t]$. Given $x_t$, take the mean of both sides of $x_t = \alpha x_0 + \sigma\epsilon$. You get $x_t = \alpha D +
# \sigma\hat\epsilon$. So this estimate is what is left over,
#
# $$\hat\epsilon = \frac{x_t - \alpha D}{\sigma} = -\sigma s .$$
#
# Neural networks are usually trained to return $\hat\epsilon$. Denoiser, score, noise estimate: if you have one, you
# have all. From the score, for example, you get $D = (x_t + \sigma^2 s)/\alpha$.

# %%
# the package turns D into the noise estimate
torch.testing.assert_close(els.noise_from_denoiser(denoiser(line, t), line, t), -schedule.sigma(t) * score)

# %% [markdown] tags=["slide"]
# ## 5. Can the film run backwards? (12 minutes)
#
# Noising a pixel moves it along an arc: with $x_0$ and $\epsilon$ fixed, let the angle $\theta$ run from 0 to a right
# angle. Here are 14 such arcs. (They begin at the right, dashed ones in the dark heap.)
#
# **Predict.** Put your finger on a crossing in the middle of the figure. You know only this point. Can you tell in
# which heap the pixel began?

# %%
angles = torch.linspace(0, schedule.theta(1), 200, dtype=torch.float64)
arcs = angles.cos()[:, None] * x_0[:14] + angles.sin()[:, None] * eps[:14]

# %% tags=["slide", "hide-input"]
fig, ax = plt.subplots(figsize=(6, 3.2))
for of_heap, color, style in ((x_0[:14] < 0, plotting.INK, "--"), (x_0[:14] > 0, plotting.ORANGE, "-")):
    ax.plot(torch.linspace(0, 1, 200), arcs[:, of_heap], color=color, ls=style, lw=1.2)
ax.set(xlabel="time t (noise on the left, data on the right)", ylabel="$x_t$", xlim=(1, 0), ylim=(-2.2, 2.2))
show(
    fig,
    alt="Fourteen arcs start at the right, dashed ones in the dark heap, the others in the bright one, and cross each "
    "other many times on their way to noise.",
)

# %% [markdown] tags=["slide"]
# You cannot. At a crossing one pixel came from above and another from below, and nothing tells them apart. But we do
# not want *these pixels* back. We want pixels with the same **density**. So let us look for a **flow**: a velocity
# $u(x, \theta)$ that depends on place and angle only, and carries the crowd as a whole.
#
# Let $F(x, \theta)$ be the share of the crowd to the left of $x$; its slope is the density, $\partial_x F = p_t$.
# Pixels neither appear nor vanish, so $F$ changes only by what crosses $x$. Which pixels are that, while the angle
# grows by $d\theta$?

# %% tags=["slide", "hide-input"]
places = torch.linspace(-2, 2, 401)
crowd = torch.exp(-2 * (places + 0.7) ** 2) + 0.7 * torch.exp(-2.5 * (places - 0.8) ** 2)  # any: this is a sketch
fig, ax = plt.subplots(figsize=(5.5, 2.3))
ax.plot(places, crowd, color=plotting.INK)
left, strip = places < -0.195, (places > -0.205) & (places < 0.205)
ax.fill_between(places[left], crowd[left], color="0.85", lw=0)
ax.fill_between(places[strip], crowd[strip], color=plotting.ORANGE, lw=0)
ax.annotate("", (0.6, 0.2), (0, 0.2), arrowprops={"arrowstyle": "->", "lw": 2})
ax.text(-0.8, 0.2, "$F$", ha="center", fontsize=14)
ax.set(xticks=[-0.2, 0.2], yticks=[], ylabel="density $p_t$", ylim=(0, None))
ax.set_xticklabels([r"$x - u\,d\theta$", "$x$"])
show(
    fig,
    alt="A density with two humps. What lies to the left of x is shaded: F. Its last strip, as wide as u times "
    "d-theta, is orange, and an arrow leads from it across x, to the right.",
)

# %% [markdown] tags=["slide"]
# Those in the strip: it is $u\,d\theta$ wide and $p_t$ high, and $F$ loses it. (If $u < 0$, the strip lies to the right
# of $x$, and $F$ gains it.) Divide by $d\theta$:
#
# $$\partial_\theta F = -\,u\, p_t . \qquad (1)$$

# %% [markdown] tags=["slide"]
# Now take the true arcs, which cross. Two that meet at $x$ may have different velocities. So sort the pixels at $x$ by
# velocity: group $j$ has the velocity $u_j$ and the density $p_j$, with $\sum_j p_j = p_t$. Equation (1) holds for each
# group. In sum,
#
# $$\partial_\theta F = -\sum_j u_j\, p_j = -\,p_t \sum_j \frac{p_j}{p_t}\, u_j .$$
#
# The fraction is the share of group $j$ among the pixels at $x$, so the last sum is their **mean** velocity. An arc,
# $x_t = \cos\theta\, x_0 + \sin\theta\, \epsilon$, has the velocity $dx_t/d\theta = -\sin\theta\, x_0 + \cos\theta\,
# \epsilon$. So
#
# $$\partial_\theta F = -\,p_t\, \mathrm{E}[-\sin\theta\, x_0 + \cos\theta\, \epsilon \mid x_t = x] . \qquad (2)$$
#
# Compare (1) and (2). The mean of $x_0$ given $x_t$ is $D$; the mean of $\epsilon$ is $\hat\epsilon$. Therefore
#
# $$\boxed{\;u = -\sigma D + \alpha\, \hat\epsilon\;}$$

# %% [markdown] tags=["slide"]
# If everyone moves with the mean velocity of the place where they are, the density evolves exactly as if everyone ran
# along their own arc. And **this motion can be run backwards**, because at each angle the velocity depends only on the
# place. So follow the flow from noise back to data, in small steps against the velocity.
#
# **Predict.** Will these paths cross? About what share of them must end in the dark heap? (The blue behind the paths is
# the density.)

# %%
from itertools import pairwise


def velocity(x, t):
    D = denoiser(x, t)
    return -schedule.sigma(t) * D + schedule.alpha(t) * els.noise_from_denoiser(D, x, t)


ranks = (torch.arange(20, dtype=torch.float64) + 0.5) / 20
x = torch.distributions.Normal(0.0, 1.0).icdf(ranks)  # 20 values of noise, evenly spaced in rank
fine = schedule.times(1000)
paths = [x]
for now, then in pairwise(fine):
    x = x + (schedule.theta(then) - schedule.theta(now)) * velocity(x, now)
    paths.append(x)
paths = torch.stack(paths)

# %% tags=["slide", "hide-input"]
height = torch.stack([density(line, t) for t in fine[::5]], dim=1)
fig, ax = plt.subplots(figsize=(6.4, 3.6))
ax.imshow(height.clamp(max=1.8), origin="lower", aspect="auto", cmap="Blues", extent=(1, 0, -3, 3))
ax.plot(fine, paths, color=plotting.INK, ls="-", lw=0.8)
ax.set(xlabel="time t (noise on the left, data on the right)", ylabel="$x_t$", xlim=(1, 0), ylim=(-2.2, 2.2))
show(
    fig,
    alt=(
        "Twenty paths run from noise on the left to data on the right without crossing; six end in the dark heap "
        "and fourteen in the bright one. Behind them the density splits into two bands."
    ),
)

dark = (paths[-1] < 0).double().mean().item()
print(f"{dark:.0%} of the paths end in the dark heap, which holds 30% of the data")
assert (paths.diff(dim=1) > 0).all()  # nobody overtakes anybody
assert abs(dark - 0.3) < 0.01

# %% [markdown] tags=["slide"]
# Nobody overtakes anybody: as the velocity changes smoothly with place, only one path runs through each point, so two
# paths that meet are one. So **all keep the rank of their start**: the lowest 30 % of the noise *must* become the dark
# 30 % of the data.
#
# With more pixels there are no ranks, and $u$ is one of many velocities that carry the density (not shown here).

# %% [markdown] tags=["slide"]
# ## 6. How to take a step (7 minutes)
#
# A computer takes steps (straight ones in section 5). Here is another kind: hold the two guesses $D$ and $\hat\epsilon$
# fixed, and **turn** to the next angle, as if they were the true picture and noise:
#
# $$x_{t'} = \alpha' D + \sigma'\, \hat\epsilon \qquad (\alpha' = \cos\theta',\; \sigma' = \sin\theta') .$$
#
# At $\theta' = \theta$ this is $x_t$ itself, and its velocity there is $-\sigma D + \alpha\hat\epsilon = u$, so for
# small turns it *is* the flow. The last turn ($\sigma' = 0$) ends exactly on a guess $D$. The step is called **DDIM**
# (from *denoising diffusion implicit models*; Song, Meng and Ermon 2021).

# %% [markdown]
# ### Exercise 3: One DDIM step (6 minutes, ★★☆)
#
# Write one step from the angle of (`alpha`, `sigma`) to the angle of (`alpha_next`, `sigma_next`), given the denoiser's
# answer `x0_hat` at `x_t`.


# %%
def ddim_step(x_t, x0_hat, alpha, sigma, alpha_next, sigma_next):
    """x_t, x0_hat (B, C, H, W), four numbers -> x at the next time, (B, C, H, W)."""
    ...


check.ddim_step(ddim_step)

# %% [markdown]
# Stuck? `check.hint("ddim_step")`
#
# <details><summary>Solution</summary>
#
# ```python
# def ddim_step(x_t, x0_hat, alpha, sigma, alpha_next, sigma_next):
#     eps_hat = (x_t - alpha * x0_hat) / sigma
#     return alpha_next * x0_hat + sigma_next * eps_hat
# ```
#
# Split $x_t$ into a guessed picture and a guessed noise, then mix them again in the next proportion.
# </details>
#
# ### Exercise 4: The sampler (8 minutes, ★★☆)
#
# Write the whole loop: `denoiser(x_t, t)` returns the guess of the clean images (`t` is one number), and the times are
# $1 = t_0 > t_1 > \dots > t_n = 0$ in `steps` equal steps. You may use your `ddim_step` and `els.CosineSchedule()`.


# %%
def sampler_loop(denoiser, noise, steps):
    """denoiser: (x_t, t) -> x0_hat; noise (B, C, H, W) at t = 1 -> the samples at t = 0, (B, C, H, W)."""
    ...


check.sampler_loop(sampler_loop)

# %% [markdown]
# Stuck? `check.hint("sampler_loop")`
#
# <details><summary>Solution</summary>
#
# ```python
# def sampler_loop(denoiser, noise, steps):
#     schedule, x_t = els.CosineSchedule(), noise
#     for i in range(steps):
#         t, t_next = 1 - i / steps, 1 - (i + 1) / steps
#         now, then = (schedule.alpha(t), schedule.sigma(t)), (schedule.alpha(t_next), schedule.sigma(t_next))
#         x_t = ddim_step(x_t, denoiser(x_t, t), *now, *then)
#     return x_t
# ```
# </details>
#
# The package's `els.sample` is the same loop. Is yours correct? Then let it draw the rest of this section:

# %%
generate = els.sample  # or your sampler_loop
noise = torch.randn(20_000, 1, 1, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
samples = {steps: generate(denoiser, noise, steps).flatten() for steps in (1, 5, 20, 500)}

# %% [markdown] tags=["slide"]
# **Predict.** The same 20,000 noise values go through 1, 5, 20 and 500 steps. What will the *single* step make of them?
# And which of the four histograms will match the density?

# %% tags=["slide", "hide-input"]
clean = density(line, 0)
fig, axes = plt.subplots(1, 4, figsize=(10, 2.5), sharex=True)
for ax, (n, x) in zip(axes, samples.items(), strict=True):
    ax.hist(x, bins=120, range=(-1.2, 1.2), density=True, color="0.75", label="samples")
    ax.plot(line, clean, lw=1.5, label="density of the data")
    title = f"{n} step{'s' * (n > 1)}{' (cut off)' * (n < 20)}"
    ax.set(title=title, xlabel="$x$", xlim=(-1.2, 1.2), ylim=(0, 4.2), yticks=[])
axes[0].set_ylabel("density")
axes[-1].legend(loc="upper left", fontsize=8)
show(fig, alt="Histograms of samples after 1, 5, 20 and 500 steps: one spike between the heaps, too high for the "
     "frame; two peaks, too narrow and too high, with samples all over the gap; two heaps that are a little too "
     "narrow; two heaps that match the density of the data.")  # fmt: skip

bright = {n: x[x > 0].std().item() for n, x in samples.items()}
print(f"standard deviation of the bright heap: {bright[20]:.3f} with 20 steps, {bright[500]:.3f} with 500")
assert abs(samples[1].mean() - 0.24) < 0.01 and samples[1].std() < 0.01
assert abs(bright[20] - 0.083) < 0.002 and abs(bright[500] - 0.1) < 0.002
middles, off = torch.linspace(-1.19, 1.19, 120, dtype=torch.float64), {}
for n, x in samples.items():  # half of the area between histogram and density
    found = torch.histc(x, 120, -1.2, 1.2) / (0.02 * len(x))
    off[n] = ((found - density(middles, 0)).abs().sum() * 0.01).item()
print("samples out of place (outside the curve):", ", ".join(f"{part:.0%} ({n} steps)" for n, part in off.items()))
assert abs(off[20] - 0.118) < 0.005 and off[500] < 0.025 and abs((samples[500] < 0).double().mean() - 0.3) < 0.01

# %% [markdown] tags=["slide"]
# Only the last. The single step ends on the guess at $t = 1$, when next to nothing can be known: for every noise it is
# 0.24, the mean of the data. With 20 steps the bright heap is too narrow (standard deviation 0.083 instead of 0.1);
# with 500 it is right. (To save time, later lessons mostly take 20 or 40. Lesson 02, section 7, shows what that
# changes.) **We generated, using nothing but a denoiser.** Guess, turn a little, look again.
#
# Note what is *not* random: once the noise is drawn and the steps are chosen, the sample is determined. The noise is
# drawn from a number, its seed. So **a seed is an image**, and we can compare denoisers image by image.
#
# **Predict.** What if the denoiser is not ideal? At each $t$, take the best *straight line* through the pairs $(x_t,
# x_0)$. What will its samples look like?


# %%
m, v = x_0.mean(), x_0.var()  # all that the line knows about the data


def straight_line(x, t):
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    return m + alpha * v / (alpha**2 * v + sigma**2) * (x - alpha * m)


of_line = generate(straight_line, noise, 500).flatten()

# %% tags=["slide", "hide-input"]
fig, ax = plt.subplots(figsize=(5.6, 2.7))
ax.hist(of_line, bins=120, range=(-2, 2), density=True, color="0.75", label="samples of the line")
ax.plot(line, clean, lw=1.5, label="density of the data")
ax.plot(line, torch.distributions.Normal(m, v.sqrt()).log_prob(line).exp(), label="one normal distribution")
ax.set(xlabel="$x$", ylabel="density", xlim=(-2, 2), yticks=[])
ax.legend(loc="upper left", fontsize=8)
show(fig, alt="The samples of the line fill one broad normal distribution, over both heaps and the gap between them.")
gap = [(x.abs() < 0.3).double().mean().item() for x in (of_line, samples[500], x_0)]
print("in the gap, |x| < 0.3: line {:.1%}, ideal denoiser {:.1%}, data {:.1%}".format(*gap))
assert abs(gap[0] - 0.38) < 0.015 and max(gap[1:]) < 0.003
assert abs(of_line.mean() - m) < 0.02 and abs(of_line.std() - v.sqrt()) < 0.02

# %% [markdown] tags=["slide"]
# The samples have the mean and standard deviation of the data, but 38 % of them lie in the gap, where the data has next
# to nothing. The line is the ideal denoiser of *other* data, a single normal distribution, and it draws such data.
# **What we draw depends on which data our denoiser is ideal for.**
#
# With more pixels the line becomes the best **linear denoiser** (also called linear filter, or Wiener filter): each
# pixel of its answer is a constant plus a weighted sum of all noisy pixels.

# %% [markdown] tags=["slide"]
# ## 7. With more pixels the formulas stay the same (3 minutes)
#
# A picture of 16 by 16 pixels is a point in a space of 256 dimensions. Take twelve pictures $v_1, \dots, v_{12}$ as the
# data. Their noised density is a mixture of twelve round humps, centred on the dimmed pictures, with the variance
# $\sigma^2$ in every direction:
#
# $$p_t(x) = \frac{1}{12} \sum_{i} \mathcal{N}(x;\, \alpha v_i, \sigma^2 I), \qquad
# \log p_t(x) = \log \sum_i e^{-\|x - \alpha v_i\|^2 / 2\sigma^2} + \mathrm{constant} .$$
#
# Torch differentiates this log-density with respect to each pixel (autograd). The result is the score, and Tweedie's
# formula turns it into a denoiser.
#
# **Predict.** We noise six of the twelve to $t = 0.75$ ($\sigma/\alpha = 2.4$). As in section 3, $D$ is a weighted
# mean, here of the twelve. For how many of the six will the right picture have the largest weight, that is, the most
# **votes**?


# %%
def log_density(x_t, images, t):
    """log p_t at each x_t, up to a constant: x_t (B, C, H, W), images (N, C, H, W)."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    squared_distance = (x_t[:, None] - alpha * images[None]).square().sum((-3, -2, -1))  # (B, N)
    return torch.logsumexp(-squared_distance / (2 * sigma**2), dim=1)


def denoiser_by_autograd(x_t, t, images):
    x = x_t.clone().requires_grad_()
    (score,) = torch.autograd.grad(log_density(x, images, t).sum(), x)
    return els.denoiser_from_score(score, x_t, t)


# %%
twelve = lab.data.images[:12]
t = 0.75
x_t = els.add_noise(twelve[:6], els.seeded_noise(range(510, 516), lab.shape).to(lab.device), t)
guess = denoiser_by_autograd(x_t, t, twelve)
machine = els.IdealScoreMachine(twelve)  # the package's ideal denoiser: the same answer, and it says who voted
exact, votes = machine(x_t, t), machine.posterior(x_t, t, top=1)

# %% tags=["slide", "hide-input"]
kinds = [lab.data.class_names[lab.data.labels[i]] for i in votes.image[:, 0].tolist()]
found = [int(image) == i for i, image in enumerate(votes.image[:, 0])]
names = ["right" if right else f"wrong: {kind}" for right, kind in zip(found, kinds, strict=True)]
most = [f"{name}, {weight:.2f}" for name, weight in zip(names, votes.weight[:, 0], strict=True)]

rows = {"clean $x_0$": twelve[:6], f"noised, t = {t}": x_t, "$D(x_t)$ by autograd;\nbelow: most votes": guess}
show(
    plotting.image_rows(rows, notes=most),
    alt=(
        "Six clean garments, the same hidden in noise, and the denoiser's answers: the first five look like the clean "
        "ones, the second and fourth mixed with another; the sixth is a sandal. Below each, whether the right "
        "garment has the most votes, and the largest share."
    ),
)

assert (guess - exact).abs().max() < 1e-3 and abs(schedule.sigma(t) / schedule.alpha(t) - 2.4) < 0.05
if lab.profile == "laptop":
    assert found == [True] * 5 + [False] and kinds[5] == "sandal"
    assert (votes.weight[[1, 3], 0].cpu() - torch.tensor([0.59, 0.50])).abs().max() < 0.006
    second = machine.posterior(x_t, t, top=2)  # in the fourth column: the third picture
    assert second.image[3, 1] == 2 and abs(second.weight[3, 1] - 0.49) < 0.006

# %% [markdown] tags=["slide"]
# Five of the six, in this one draw; a blind choice is right once in twelve. In the second and the fourth answer the
# right picture has 0.59 and 0.50 of the votes: $D$ hesitates, and blends it with another. (Look at the fourth: it has
# got a light collar. That of the third picture, which has 0.49 of the votes, is white.) The sixth, a pullover, is taken
# for a sandal. Even the best possible denoiser may be wrong about a picture: it is best *on average*.

# %% [markdown] tags=["slide"]
# ## 8. From noise to a garment (4 minutes)
#
# Nobody knows the density of real pictures; we only have examples. But a denoiser can be *trained* on examples: show a
# network noised pictures, and correct its guesses (lesson 03 trains one). The network that we use here was also told
# the class: coat, bag, ...
#
# **Predict.** The upper row of each pair will show $x_t$, the lower one the network's guess. (From here on $D(x_t)$ is
# any denoiser's guess, ideal or not.) What should it be at $t = 1$, if you are told that it is a bag? And on the way?

# %%
garments = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional")
seeds = range(540, 640)
start, labels = els.seeded_noise(seeds, garments.shape).to(garments.device), garments.labels_for(seeds)
path = list(els.trajectory(garments.network, start, steps=20, labels=labels))  # (t, x_t, x0_hat)

# %% tags=["slide", "hide-input"]
stops = [0, 1, 4, 10, 14, 17, 20]
rows = {}
for i in (8, 2):
    name = garments.data.class_names[labels[i]]
    rows[f"{name}: $x_t$"] = torch.stack([path[k][1][i] for k in stops])
    rows[f"{name}: $D(x_t)$"] = torch.stack([path[k][2][i] for k in stops])
fig = plotting.image_rows(rows, titles=[f"t = {path[k][0]:g}" for k in stops])
show(
    fig,
    alt=(
        "A bag and a pullover on their way from noise: the guess is a harsh silhouette at t = 1, a grainy blur at t = "
        "0.95, and gets clearer from there, while x_t looks like noise until t = 0.5 or even 0.3; at t = 0 both are "
        "the finished picture."
    ),
)

# %% tags=["hide-input"]
assert abs(schedule.sigma(1) / schedule.alpha(1) - 80) < 1
if lab.profile == "laptop":
    assert path[0][2].abs().amax((1, 2, 3)).min() > 3  # every guess at t = 1 leaves the range

# %% [markdown] tags=["slide"]
# At $t = 1$ the guess for the bag should be nearly the mean of all bags. The network misses this by far: its guesses
# leave the range from $-1$ to $1$ (cut off here). It estimates the noise, and turning this estimate into a guess
# multiplies its error by $\sigma/\alpha = 80$. Soon the guess is a blurred garment, which gets clearer while $x_t$
# still looks like noise.

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# - Noising turns a picture into noise along an angle: $x_t = \cos\theta\, x_0 + \sin\theta\, \epsilon$.
# - The ideal denoiser $D = \mathrm{E}[x_0 \mid x_t]$ is a weighted mean of what is possible: it hesitates.
# - Denoiser, score and noise estimate are one thing: $s = (\alpha D - x_t)/\sigma^2 = -\hat\epsilon/\sigma$.
# - Followed backwards, the velocity $u = -\sigma D + \alpha\hat\epsilon$ carries the density of the noise to that of
#   the data. DDIM does so, turn by turn.
# - If you have the ideal denoiser of some data, you can draw such data; another denoiser may draw something else. The
#   same denoiser, noise and steps give the same sample.
#
# ## What is still unexplained
#
# **Predict:** if we let the ideal denoiser of our 2,000 training pictures generate, what will it draw, and why must it?
# And does a network draw the same? Lessons 02 and 03 find out.

# %% [markdown]
# ## References
#
# - J. Song, C. Meng, S. Ermon, *Denoising diffusion implicit models*, ICLR 2021,
#   [arXiv:2010.02502](https://arxiv.org/abs/2010.02502).
# - Y. Song, J. Sohl-Dickstein, D. P. Kingma, A. Kumar, S. Ermon, B. Poole, *Score-based generative modeling through
#   stochastic differential equations*, ICLR 2021, [arXiv:2011.13456](https://arxiv.org/abs/2011.13456): our flow, their
#   *probability flow ODE*.
# - B. Efron, *Tweedie's formula and selection bias*, Journal of the American Statistical Association 106, 2011,
#   [doi:10.1198/jasa.2011.tm11181](https://doi.org/10.1198/jasa.2011.tm11181).
# - M. Kamb, S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the theory that this course teaches.
