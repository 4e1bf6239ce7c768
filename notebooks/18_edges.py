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
# # 18 · At the edges: chance, guidance, attention
#
# **You will** let chance into every step of the sampler; push a drawing towards its class, as most picture services
# do; and give networks what the theory does not allow for: attention, by which a pixel can ask all others.
#
# **You will learn** what a theory of denoisers says about samplers, what guidance is in terms of votes, and how one
# finds out where a theory ends.
#
# **You need** the sampler (lesson 01), the machines (02, 04, 08), calibration (09), r2 and the local filter (11),
# what-ifs (16); attention (13) is explained again.
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

# %% [markdown] tags=["slide"]
# ## 1. Three things that we never touched (4 minutes)
#
# Everything so far was drawn in one way: all chance is in the first noise; at most a class is told, and taken as it
# is; the network is made of convolutions. Systems that people use differ in all three.
#
# * **Noise in every step.** The models that made diffusion famous removed more noise than needed, and added some
#   anew, each time.
# * **Guidance.** What the words change is exaggerated, several times.
# * **Attention.** Each place asks all others.
#
# For the first two neither formula nor network is changed. For the third we train networks anew, and measure the
# windows on each.
#
# **Predict**, and write it down, for each of the three: will the formula still say what the network draws (a) as well
# as before, (b) less well, (c) no better than its strongest rival, the local filter (linear, with the same windows)?
# What does the theory say, if you take it by its word?

# %%
import itertools
from dataclasses import replace

garments = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional", verbose=False)
results, linear = els.load_results("18_edges"), els.load_results("18_local_filter")
noise, labels = els.seeded_noise(garments.seeds, garments.shape), garments.labels_for(garments.seeds)
images, kinds = garments.data.images, garments.data.labels
means = torch.stack([images[kinds == label].mean(0) for label in labels])


def drawings(key, among=results):
    """Stored drawings (data/lessons/make_18_edges.py), 8 bits per pixel, cut to [-1, 1]."""
    return among[key].float() / 127.5 - 1


def median_r2(guess, truth):
    """The middle of the r2 of all pairs."""
    return els.compare(guess, truth).r2.quantile(0.5).item()


as_before = {name: median_r2(drawings(f"guided, {name}, 1"), drawings("guided, network, 1")) for name in ("els", "is")}
print("median r2 with the network, as it was:", {name: round(value, 3) for name, value in as_before.items()})
assert abs(as_before["els"] - 0.945) < 0.003

# %% [markdown] tags=["slide"]
# By its word: a machine is a *denoiser*, and so is a network. If the one says what the other says, at every $x_t$
# that the sampler comes to, they go the same way. If it says *nearly* the same, they go nearly the same way, as long
# as the sampler does not make small differences large. Which samplers do? Attention is something else: a pixel may
# ask all, and that it may not is one of the two limits of which the formula is made.

# %% [markdown] tags=["slide"]
# ## 2. Noise in every step (7 minutes)
#
# The step of lesson 01 goes from $x_t$ to the next time with the same noise, $\alpha\, \hat x_0 + \sigma\,
# \hat\epsilon$ ($\alpha$ and $\sigma$ of the next time). Now a part of the noise is taken out, and fresh noise put in
# its place: noise of size $\nu$, drawn anew in every step. Altogether it must have the size $\sigma$ that the
# denoiser expects.
#
# ### Exercise 1: A step with fresh noise (5 minutes, ★☆☆)
#
# Write `noisy_step(x0_hat, eps_hat, fresh, alpha, sigma, new)`: the next $x$. `x0_hat`, `eps_hat` and `fresh` are (B,
# C, H, W), the noises all of variance 1 and independent; `new` is the size $\nu \le \sigma$ of what is fresh.


# %%
def noisy_step(x0_hat, eps_hat, fresh, alpha, sigma, new):
    """Picture, old noise, fresh noise, each (B, C, H, W) -> the next x, with noise of size sigma, new of it fresh."""
    ...


check.noisy_step(noisy_step)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("noisy_step")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def noisy_step(x0_hat, eps_hat, fresh, alpha, sigma, new):
#     return alpha * x0_hat + (sigma**2 - new**2) ** 0.5 * eps_hat + new * fresh
# ```
# </details>
#
# How much is fresh? With $\nu = 0$ it is our sampler. The models of 2020 (Ho and others) take as much as there would
# be if a picture had been made noisy bit by bit, and one goes the same way back:
#
# $$\nu^2 = \frac{\sigma^2}{\sigma_t^2} \left( 1 - \frac{\alpha_t^2}{\alpha^2} \right) .$$
#
# (That is the variance of the next $x$ if $x_t$ and the clean picture are known.)
#
# **Predict.** We take 40 steps. What *share* of the noise's variance becomes fresh in the first? At t = 0.5? At 0.1?

# %%
grid = lab.schedule.times(40)
part_fresh = {}
for t, t_next in itertools.pairwise(grid[:-1]):  # the last step ends without noise
    lost = 1 - (lab.schedule.alpha(t) / lab.schedule.alpha(t_next)) ** 2
    part_fresh[round(t, 3)] = lost / lab.schedule.sigma(t) ** 2
print("fresh part of the noise:", {t: round(part_fresh[t], 2) for t in (1.0, 0.75, 0.5, 0.25, 0.1, 0.05)})

# %% [markdown] tags=["slide"]
# In the first nearly all (0.94: there the picture weighs next to nothing), in the middle a seventh (0.14), then more
# and more, 0.44 at t = 0.1.
#
# For each seed there is one first noise, and a sequence of 39 fresh ones (the last step adds none); then the same
# first noise, and *another* sequence.
#
# **Predict.** How alike are the two drawings of one seed: more than those of two seeds of its class? And will the
# formula, if it is given the same fresh noises, follow the network in both?


# %%
def noisy_sample(denoiser, noise, sequence, seeds, labels, steps=40):
    """A sampler with noise in every step; sequence 0 or 1 says which, all (B, C, H, W)."""
    x_t = noise
    for step, (t, t_next) in enumerate(itertools.pairwise(lab.schedule.times(steps))):
        x0_hat = denoiser(x_t, t, labels=labels)
        eps_hat = els.noise_from_denoiser(x0_hat, x_t, t)
        alpha, sigma = lab.schedule.alpha(t_next), lab.schedule.sigma(t_next)
        new = sigma / lab.schedule.sigma(t) * (1 - (lab.schedule.alpha(t) / alpha) ** 2) ** 0.5
        fresh = els.seeded_noise([100_000 * (100 * sequence + step + 1) + seed for seed in seeds], noise.shape[1:])
        x_t = alpha * x0_hat + (sigma**2 - new**2) ** 0.5 * eps_hat + new * fresh
    return x_t


who = {"network": "network", "ELS": "els", "LS": "ls", "IS": "is"}
noisy = {name: drawings(f"noisy, {key}") for name, key in who.items()}  # (2, 100, 1, 16, 16)
noisy["local filter"] = drawings("noisy", linear)
guessers = ("ELS", "LS", "local filter", "IS")
with torch.no_grad():
    live = noisy_sample(garments.network, noise[:10], 0, range(10), labels[:10])
assert (live.clamp(-1, 1) - noisy["network"][0, :10]).abs().max() < 0.02

# %% tags=["slide"]
rows = {
    f"{name}, {which}": noisy[name][k, :10] for k, which in enumerate(("1st", "2nd")) for name in ("network", "ELS")
}
show(
    plotting.image_rows(rows, titles=[f"seed {k}" for k in range(10)]),
    alt="Ten seeds, each drawn twice from the same first noise with other fresh noise, by the network and by ELS. The "
    "two drawings of a seed differ: a dark dress or a white one, a light shirt or a dark one. Each time ELS draws what "
    "the network draws, with some crumbs around it.",
)


# %%
def part_foretold(change, predicted):
    """Lesson 16: 1 is all of the change, 0 what "nothing changes" gets, (B,)."""
    return 1 - (change - predicted).square().sum((1, 2, 3)) / change.square().sum((1, 2, 3))


follow = {name: [median_r2(some[k], noisy["network"][k]) for k in (0, 1)] for name, some in noisy.items()}
print("r2 with the network, first and second sequence:", {k: [round(v, 3) for v in some] for k, some in follow.items()})
before = median_r2(drawings("guided, els, 1"), drawings("no chance, network"))
print(f"without chance, the network in 40 steps: {before:.2f}")
changes = {name: some[1] - some[0] for name, some in noisy.items()}
foretold = {name: part_foretold(changes["network"], changes[name]) for name in guessers}
medians = {name: some.quantile(0.5).item() for name, some in foretold.items()}
won = [int((foretold["ELS"] > foretold["local filter"]).sum())]
for k in (0, 1):
    ours, theirs = (els.compare(noisy[name][k], noisy["network"][k]).r2 for name in ("ELS", "local filter"))
    won.append(int((ours > theirs).sum()))
print("of the difference of the two, foretold:", {k: round(v, 2) for k, v in medians.items()})
print("seeds for which ELS is ahead of the local filter, of the difference, and by r2:", won)
assert all(abs(value - said) < 0.006 for value, said in zip(follow["ELS"], (0.926, 0.920), strict=True))
stated = {"ELS": 0.71, "LS": 0.63, "local filter": 0.655, "IS": 0.02}
assert all(abs(medians[name] - value) < 0.006 for name, value in stated.items()) and won == [53, 62, 61]
assert all(abs(v - said) < 0.006 for v, said in zip(follow["local filter"], (0.915, 0.926), strict=True))
assert all(abs(v - 0.91) < 0.006 for v in follow["LS"]) and abs(before - 0.94) < 0.006

# %%
of_a_class = [(i, j) for i, j in itertools.permutations(range(100), 2) if labels[i] == labels[j]]
i, j = (list(side) for side in zip(*of_a_class, strict=True))
first, second = noisy["network"]
twins, strangers = median_r2(first, second), median_r2(first[i], second[j])
print(f"r2 of the two drawings of a seed: {twins:.2f}; of two seeds of a class: {strangers:.2f}")
calm, guess = drawings("guided, network, 1"), drawings("guided, els, 1")  # no chance
apart = part_foretold(calm[i] - calm[j], guess[i] - guess[j]).quantile(0.5).item()
print(f"foretold of the difference of two seeds of a class, without chance: {apart:.2f}")
assert abs(twins - 0.62) < 0.006 and abs(strangers - 0.62) < 0.006 and abs(apart - 0.83) < 0.006

# %% [markdown] tags=["slide"]
# The two drawings of a seed are **no more alike** (r2 0.62) than those of two *different* seeds of its class (0.62):
# the first step alone has replaced 94 % of the first noise.
#
# **The formula follows the network in both**: r2 0.93 and 0.92, without chance 0.94. Of the difference of the two it
# foretells **0.71**, LS 0.63, the ideal denoiser nothing (0.02); without chance, of that of two seeds of a class, 0.83.
# It knows nothing of chance; with the same dice it ends nearly in the same place.
#
# **So does its linear rival**: the local filter has 0.92 and 0.93, and 0.66 of the difference. The lead, small for this
# network (0.94 to 0.91), is nearly gone: ELS is ahead for 62 and 61 seeds, of the difference for 53.

# %% [markdown] tags=["slide"]
# ## 3. Guidance (8 minutes)
#
# Ask a service for "a sneaker", and you do not get what a network told "sneaker" would draw. It asks the network
# twice, with the word and without, and goes further in the direction in which the word points: **classifier-free
# guidance** (Ho and Salimans, 2021). The **strength** $w$ says how far. With $w = 0$ the word is not heard, with $w =
# 1$ it is taken as it is; services take 3 to 10.
#
# ### Exercise 2: Further in the same direction (4 minutes, ★☆☆)
#
# Write `guided(told, untold, strength)`: two estimates of the clean picture at the same $x_t$, with and without the
# class, (B, C, H, W). Return the guided one.


# %%
def guided(told, untold, strength):
    """Estimates with and without the class, (B, C, H, W) -> untold with strength 0, told with 1, beyond it above."""
    ...


check.guided(guided)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("guided")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def guided(told, untold, strength):
#     return untold + strength * (told - untold)
# ```
# </details>
#
# We have two networks, one that is told and one that is not (it was trained on 2,000 of the other's 10,000 pictures).
# And two formulas of the same 10,000 pictures, each with the windows measured on its own network. What is done to the
# networks is done to the formulas. (A service has *one* network, trained with the word left out at times. The
# difference of our two is also that of two trainings, and no formula knows of that.)
#
# **Predict.** With $w = 3$, does the formula still foretell what the network draws? And the *ideal* machine, pushed
# beyond its own answer: does it still copy?


# %%
def guide(told, untold, strength):
    """Two denoisers -> the guided one."""

    def denoiser(x_t, t, labels=None):
        without = untold(x_t, t)
        return without + strength * (told(x_t, t, labels=labels) - without)

    return denoiser


plain = els.lab("laptop", network="fashion-mnist-16-resnet-zeros", verbose=False)
plain = replace(plain, data=garments.data)
formula = guide(garments.machine("els-zeros"), plain.machine("els-zeros"), 3)
live = els.sample(formula, noise[:3], steps=20, labels=labels[:3])
strengths = (1, 2, 3, 4)
pushed = {(name, w): drawings(f"guided, {key}, {w}") for name, key in who.items() for w in strengths}
pushed |= {("local filter", w): drawings(f"guided, {w}", linear) for w in strengths}
assert (live.clamp(-1, 1) - pushed["ELS", 3][:3]).abs().max() < 0.02

# %% tags=["slide"]
rows = {f"{name}, w = {w}": pushed[name, w][:10] for name in ("network", "ELS") for w in (1, 3)}
rows["IS, w = 3"] = pushed["IS", 3][:10]
show(
    plotting.image_rows(rows, titles=[f"seed {k}" for k in range(10)]),
    alt="Ten seeds: the network with w = 1 and with w = 3, ELS with both, and IS with w = 3. With w = 3 the network's "
    "garments are brighter and more like their class, with hard spots. ELS draws most of them, too, smoother, but not "
    "the sandal of seed 5. IS draws whole garments from the training set.",
)

# %%
push = {name: [median_r2(pushed[name, w], pushed["network", w]) for w in strengths] for name in guessers}
push["ELS, not guided"] = [median_r2(pushed["ELS", 1], pushed["network", w]) for w in strengths]
push["mean of the class"] = [median_r2(means, pushed["network", w]) for w in strengths]
push["network, not guided"] = [median_r2(pushed["network", 1], pushed["network", w]) for w in strengths]
for name, values in push.items():
    print(f"{name:20s}", [f"{value:.2f}" for value in values])
score = {w: els.compare(pushed["ELS", w], pushed["network", w]).r2 for w in strengths}
other = {w: els.compare(pushed["network", 1], pushed["network", w]).r2 for w in strengths}
won = {w: int((score[w] > other[w]).sum()) for w in strengths[1:]}
print("seeds of 100 for which ELS is ahead of the network that is not guided:", won)
by_class = {n: score[3][labels == k].quantile(0.5).item() for k, n in enumerate(garments.data.class_names)}
print("ELS, w = 3, by class:", {name: round(value, 2) for name, value in by_class.items()})
copies = [int((els.nearest_training_image(pushed["IS", w], images)[1] < 0.5).sum()) for w in strengths]
print("copies of a training picture, of the 100 of IS:", copies)
stated = {"ELS": (0.945, 0.92, 0.89, 0.82), "ELS, not guided": (0.945, 0.85, 0.78, 0.70)}
stated |= {"LS": (0.91, 0.90, 0.86, 0.81), "IS": (0.74, 0.82, 0.82, 0.76), "local filter": (0.91, 0.90, 0.80, 0.68)}
stated |= {"mean of the class": (0.73, 0.80, 0.80, 0.77), "network, not guided": (1, 0.92, 0.82, 0.74)}
assert all(abs(v - said) < 0.006 for name in stated for v, said in zip(push[name], stated[name], strict=True))
assert won == {2: 39, 3: 57, 4: 56} and abs(by_class["sandal"] - 0.49) < 0.006 and copies == [100, 100, 100, 100]
assert sorted(by_class.values())[1] > 0.774

# %%
turned = {(name, w): pushed[name, w] - pushed[name, 1] for name in ("network", *guessers) for w in strengths[1:]}
of_change = {
    name: [part_foretold(turned["network", w], turned[name, w]).quantile(0.5).item() for w in strengths[1:]]
    for name in guessers
}
print("of what guidance changes, foretold:", {k: [round(v, 2) for v in some] for k, some in of_change.items()})
few = {w: drawings(f"guided in 20 steps, network, {w}") for w in (1, 3)}
in_few = part_foretold(few[3] - few[1], turned["ELS", 3]).quantile(0.5).item()
print(f"the network, too, in 20 steps, w = 3: {in_few:.2f}")
another = drawings("guided away from another, network, 3")
like = median_r2(another, pushed["network", 3])
of_it = part_foretold(turned["network", 3], another - pushed["network", 1]).quantile(0.5).item()
print(f"with another network that is not told: r2 {like:.2f}, of the change {of_it:.2f}")
assert all(abs(v - said) < 0.006 for v, said in zip(of_change["ELS"], (0.32, 0.31, 0.23), strict=True))
assert all(abs(v - said) < 0.006 for v, said in zip(of_change["LS"], (0.27, 0.30, 0.19), strict=True))
assert all(abs(v - said) < 0.006 for v, said in zip(of_change["local filter"], (0.09, -0.18, -0.42), strict=True))
assert max(of_change["IS"]) < 0.02 and abs(in_few - 0.07) < 0.006
assert abs(like - 0.96) < 0.006 and abs(of_it - 0.79) < 0.006

# %%
some = labels[:10]
t, x_t, _ = list(els.trajectory(guide(garments.network, plain.network, 3), noise[:10], steps=20, labels=some))[10]
theirs = (garments.network(x_t, t, labels=some), plain.network(x_t, t))
ours = (garments.machine("els-zeros")(x_t, t, labels=some), plain.machine("els-zeros")(x_t, t))
size = (theirs[0] - theirs[1]).square().mean().sqrt().item()
off = [(mine - its).square().mean().sqrt().item() for mine, its in zip(ours, theirs, strict=True)]
r = els.compare(ours[0] - ours[1], theirs[0] - theirs[1]).r.quantile(0.5).item()
print(f"t = {t:.1f}: told minus untold {size:.2f}, the formula is off by {off[0]:.2f} and {off[1]:.2f}; r {r:.2f}")
assert all(abs(v - s) < 0.006 for v, s in zip((size, *off, r), (0.11, 0.155, 0.15, 0.09), strict=True))

# %%
spread = {}
for name in ("network", "ELS"):
    by_class = [[pushed[name, w][labels == label].std(0).mean() for label in range(10)] for w in strengths]
    spread[name] = torch.tensor(by_class).mean(1).tolist()
print("how much the ten drawings of a class differ:", {k: [round(v, 2) for v in some] for k, some in spread.items()})
assert all(abs(spread["network"][k] - v) < 0.006 for k, v in enumerate((0.26, 0.22, 0.22, 0.25)))
assert all(abs(spread["ELS"][k] - v) < 0.006 for k, v in enumerate((0.25, 0.20, 0.18, 0.17)))

# %% [markdown] tags=["slide"]
# **The formula follows, the less the further it goes**: r2 0.945, 0.92, 0.89, 0.82 for $w$ = 1, 2, 3, 4 (not guided,
# it would have 0.85, 0.78, 0.70). But guided drawings are easier to guess. With $w = 3$ the mean of the class and the
# local filter have 0.80, the ideal denoiser 0.82, LS 0.86, and the network's own drawing without guidance 0.82: ELS is
# ahead of that for **57 seeds of 100** only, with $w = 2$ for 39. And its sandals have 0.49, every other class at
# least 0.78.
#
# Of what guidance **changes** it foretells 0.32, 0.31, 0.23; LS nearly as much, the local filter little and then less
# than nothing (0.09, -0.18, -0.42), the ideal denoiser nothing. (As always the network took 150 steps and the formula
# 20. In 20 steps each it is 0.07 for $w = 3$.)

# %% [markdown] tags=["slide"]
# **The way from untold to told is a small difference of two large answers.** At t = 0.5 the networks differ by 0.11
# (root mean square), and the formula is off by 0.16 and 0.15: its difference hardly resembles theirs (r 0.09). That
# our networks were trained apart is the smaller part: guided away from another network of 2,000 pictures, the same
# one draws nearly the same (r2 0.96, and 0.79 of the change).
#
# What guidance is used for, the formula does, too: the drawings of a class come nearer to one another. A pixel's
# spread falls from 0.26 to 0.22 with $w = 3$, the formula's from 0.25 to 0.18. (With $w = 4$ they part, 0.25 and
# 0.17.)
#
# **The ideal denoiser goes on copying**: 100 of 100, whatever the strength. Why? See the next section.

# %% [markdown] tags=["slide"]
# ## 4. Votes against (8 minutes)
#
# The formula is a vote: each pixel is a mean of training pixels. What is a *guided* formula? Put the two votes into
# the exercise. If a patch has the share $a$ of the votes with the word, and $b$ without it, then of the guided vote
# it has
#
# $$b + w\,(a - b) = w\,a - (w - 1)\,b .$$
#
# All shares together are still 1. But a patch of another class has $a = 0$ and so, for $w > 1$, a share **below** 0:
# it votes against. (So may a patch of the class, if the word makes it count less.)
#
# Take a noise on its way to a shirt (seed 6) at $t = 0.5$. Without the word, shirts have a fifth of the votes, with
# it all.
#
# **Predict.** With $w = 3$: what share have the shirts? And who has the rest, which is below 0: which class most?

# %%
seed = 6
label = int(labels[seed])
path = list(els.trajectory(formula, noise[seed : seed + 1], steps=20, labels=label))
t, x_t, _ = path[10]
voters = plain.machine("els-zeros").posterior(x_t, t, top=2048)
heard = torch.zeros(10).index_add(0, plain.data.labels[voters.image].flatten(), voters.weight.flatten())
covered = (heard.sum() / 256).item()  # the share of the 2048 heaviest patches per pixel, of all votes
untold_share = heard / heard.sum()
told_share = torch.eye(10)[label]
guided_share = untold_share + 3 * (told_share - untold_share)
print(f"t = {t:.2f}; the 2048 heaviest voters of each pixel have {covered:.0%} of the votes")

# %% tags=["slide"]
fig, axes = plt.subplots(1, 3, figsize=(9, 3), sharex=True, sharey=True, layout="constrained")
for axis, share, title in zip(
    axes, (untold_share, told_share, guided_share), ("not told", "told", "w = 3"), strict=True
):
    axis.barh(plain.data.class_names, share, color=[plotting.BLUE if v >= 0 else plotting.ORANGE for v in share])
    axis.axvline(0, color="k", lw=0.8)
    axis.set(title=title, xlabel="share of the votes")
axes[0].invert_yaxis()
show(
    fig,
    alt="Three bar charts of the votes by class. Not told: coat 0.3, pullover and shirt 0.2, others less. Told: shirt "
    "1. With w = 3: shirt 2.6, coat -0.6, pullover -0.4, others slightly below 0.",
)
print({name: round(v, 2) for name, v in zip(plain.data.class_names, guided_share.tolist(), strict=True)})
assert abs(guided_share.sum() - 1) < 1e-5
if seed == 6:
    assert abs(guided_share[6] - 2.6) < 0.06 and abs(guided_share[4] + 0.56) < 0.02 and 0.75 < covered < 0.95
    assert guided_share.argsort()[:2].tolist() == [4, 2]  # coat, pullover

# %%
low, high = live.min().item(), live.max().item()
print(f"the three guided drawings of ELS above reach from {low:.2f} to {high:.2f} (black is -1, white 1)")
assert low < -1.02

# %% [markdown] tags=["slide"]
# Of this noise, all pixels together, the shirts have 2.6 votes, and **coats and pullovers vote against, with more
# than half of a vote and nearly half**. (Counted are the 2048 heaviest voters of each pixel, who have 87 % of the
# votes.) Where the answer is the same with and without the word, nothing happens; what differs is changed three
# times. And a mean with negative weights may leave the range of the pictures: here it is darker than black (-1.04).
# Strongly guided networks do so on both sides, and more.
#
# *Who votes against?* Those who look like what was asked for, and are not. (That is the formula's account. What the
# word changes in the networks resembles it little, as we saw.)
#
# And the ideal denoiser? Follow the picture that has most votes, with the word and without.

# %%
with_word = garments.machine("is")
without = els.IdealScoreMachine(images, lab.schedule)
way = els.trajectory(guide(with_word, without, 3), noise[:8], steps=20, labels=labels[:8])
same = {}
for t, x_t, _ in list(way)[:-1]:
    gap = (with_word(x_t, t, labels=labels[:8]) - without(x_t, t)).abs().amax((1, 2, 3))
    same[round(t, 2)] = int((gap < 0.01).sum())
print(
    "of 8 seeds, the answer is the same with and without the word:",
    {t: same[t] for t in (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)},
)
assert same[0.9] == 0 and same[0.4] == 8

# %% [markdown] tags=["slide"]
# At first the two disagree, and $x_t$ is pushed away from other classes towards a picture of its own. As it comes
# near, that picture is the nearest of *all*, and has all votes in both. Then $a = b = 1$, and $3a - 2b = 1$: **the
# votes against cancel the rest, and it copies.**
#
# **Try it.** Which classes vote against when a bag is drawn (seed 8)? When a sandal (5)?

# %% [markdown] tags=["slide"]
# ## 5. Attention (9 minutes)
#
# A convolution lets a pixel ask its neighbours, and where they stand decides what they count. **Attention** lets each
# place ask all, itself included, and *what they hold* decides. From the numbers $h$ that it has, each place makes
# three things: a question $q$ (the *query*), a name $k$ by which it is found (the *key*), and an answer $v$ (the
# *value*). The weight of place $j$ for place $i$ is the softmax, over all $j$, of the logits $q_i \cdot k_j /
# \sqrt{d}$, where $d$ is how many numbers $q$ has; what $i$ hears is the mean of the values with these weights
# (Vaswani and others, 2017).
#
# (Lesson 13 has it between patches of *pictures*, here it is between places of one, and $q$, $k$, $v$ are learned.)
#
# ### Exercise 3: Attention between places (6 minutes, ★★☆)
#
# Write `attend(h, W_q, W_k, W_v)`: `h` is (places, width), the others are matrices that make $q$, $k$ (width, d) and
# $v$ (width, out) of it. Return (places, out).


# %%
def attend(h, W_q, W_k, W_v):
    """h (places, width), W_q and W_k (width, d), W_v (width, out) -> what each place hears, (places, out)."""
    ...


check.attend(attend)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("attend")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def attend(h, W_q, W_k, W_v):
#     Q, K, V = h @ W_q, h @ W_k, h @ W_v
#     return torch.softmax(Q @ K.T / W_q.shape[1] ** 0.5, dim=1) @ V
# ```
# </details>
#
# **Predict.** Put the places into another order before you attend. What happens to what they hear?

# %%
generator = torch.Generator().manual_seed(0)
h, W_q, W_k, W_v = (torch.randn(rows, 8, generator=generator) for rows in (256, 8, 8, 8))


def hears(h):
    """What each place hears, in torch's one call."""
    return torch.nn.functional.scaled_dot_product_attention(h @ W_q, h @ W_k, h @ W_v)


order = torch.randperm(256, generator=generator)
gap = (hears(h[order]) - hears(h)[order]).abs().max().item()
print(f"reordered before and after: the largest difference is {gap:.0e}")
assert gap < 1e-4

# %% [markdown] tags=["slide"]
# It comes in the new order, and is otherwise the same: everybody hears what he heard before, wherever he stands. So
# attention respects one limit of the theory, more than a convolution does, and breaks the other: **it treats all
# places alike, and it is not local.**

# %% [markdown] tags=["slide"]
# Three networks, with the same 2,000 pictures and the same plan as the ResNet and the UNet of the earlier lessons
# (`data/lessons/attending.py`):
#
# * the **UNet with attention**, where it is coarse, between 8 x 8 and 4 x 4 places: the usual network of the field,
#   and one of the paper's cases;
# * the **ResNet with attention**, one layer of it in the middle, between all 256 pixels;
# * a **transformer**, as in most models of today, in small: the picture is cut into 64 pieces of 2 x 2 pixels, each
#   is told its place, then six layers of attention. No convolution at all; neither local nor bound to treat places
#   alike.
#
# **Predict.** Whom will the drawings of each be like: ELS, LS, the ideal denoiser, the local filter?

# %%
networks = {"ResNet": "fashion-mnist-16-resnet-zeros", "UNet": "fashion-mnist-16-unet-zeros"}
networks |= {"UNet, attention": "attention-unet", "ResNet, attention": "attention-resnet", "transformer": "transformer"}
longer = {f"{name}, 16,000": f"{networks[name]}-16000-steps" for name in ("ResNet, attention", "transformer")}  # steps
plain_longer = {"ResNet, 16,000": "resnet-16000-steps"}
trained = networks | longer | plain_longer
again = {"ResNet, attention, again": "attention-resnet-seed-1"}
keys = {"network": "network-150", "els": "els-zeros", "ls": "ls", "is": "is"}
what_if, linear_16 = els.load_results("16_what_if"), els.load_results("16_local_filter")
drew, redrew = {}, {}  # before and after one block of the noise was exchanged (lesson 16)
for name, file in (trained | again).items():
    shipped = file.startswith("fashion")
    drew[name, "local"] = els.load_results(file)["local-filter"] if shipped else drawings(f"drawn, {file}", linear)
    redrew[name, "local"] = drawings(f"exchanged, {file}", linear_16 if shipped else linear)
    for key, long in keys.items():
        if shipped:
            drew[name, key] = els.load_results(file)[long].clamp(-1, 1)
            redrew[name, key] = drawings(f"exchanged, {file}, {long}", what_if)
        else:
            drew[name, key] = drawings(f"drawn, {file}, {key}")
            redrew[name, key] = drawings(f"exchanged, {file}, {key}")

# %% [markdown]
# ## 6. Whom they draw like (13 minutes)
#
# The same ten noises, by the three networks, and by ELS with the windows that were measured on each of them.

# %% tags=["slide"]
rows = {}
for name in ("UNet, attention", "ResNet, attention", "transformer"):
    rows |= {name: drew[name, "network"][:10], f"ELS for {name}": drew[name, "els"][:10]}
rows["its local filter"] = drew["transformer", "local"][:10]
show(
    plotting.image_rows(rows, titles=[f"seed {k}" for k in range(10)]),
    alt="Ten seeds by three networks, each above the ELS with that network's windows, and the local filter. The UNet "
    "with attention draws clean garments, and its ELS mostly the same ones with the same folds (a pullover for the bag "
    "of seed 1). The ResNet with attention and the transformer share outlines with theirs, the insides less; the "
    "filter's are blurred and speckled.",
)

# %%
guesses = {"ELS": "els", "LS": "ls", "local filter": "local", "IS": "is"}
r2, part = {}, {}  # of each seed: of the drawing, and what is foretold of the exchange
for name in trained | again:
    truth, change = drew[name, "network"], redrew[name, "network"] - drew[name, "network"]
    sources = {machine: (name, key) for machine, key in guesses.items()} | {"wide": ("UNet", "els")}  # its windows
    r2[name] = {machine: els.compare(drew[of], truth).r2 for machine, of in sources.items()}
    part[name] = {machine: part_foretold(change, redrew[of] - drew[of]) for machine, of in sources.items()}


def middle(name, machine):
    """Median over the seeds: r2, and what is foretold of an exchange."""
    return [scores[name][machine].quantile(0.5).item() for scores in (r2, part)]


def row(name, said):
    """ELS, LS, local filter, seeds of 100 with ELS ahead of the filter: of r2, then of an exchange."""
    columns = list(zip(*(middle(name, machine) for machine in guessers[:3]), strict=True))
    found = []
    for scores, values in zip((r2, part), columns, strict=True):
        found += [*values, int((scores[name]["ELS"] > scores[name]["local filter"]).sum())]
    print(f"{name:20s}", [round(value, 2) for value in found])
    assert all(abs(value - number) < 0.006 for value, number in zip(found, said, strict=True))


# %%
row("ResNet", (0.91, 0.85, 0.84, 95, 0.73, 0.47, 0.56, 83))
row("UNet", (0.93, 0.91, 0.78, 82, 0.52, 0.37, 0.32, 76))
row("UNet, attention", (0.94, 0.94, 0.77, 89, 0.52, 0.40, 0.295, 75))
row("ResNet, attention", (0.82, 0.78, 0.78, 59, 0.52, 0.38, 0.46, 65))
row("transformer", (0.81, 0.79, 0.82, 57, 0.40, 0.25, 0.47, 45))
unets = ("UNet", "UNet, attention")
same = median_r2(*(drew[name, "network"] for name in unets))
moved = [redrew[name, "network"] - drew[name, "network"] for name in unets]
of_it = part_foretold(*moved).quantile(0.5).item()
print(f"the UNet with and without: r2 {same:.2f}, and of the exchange {of_it:.2f}")
as_resnet = median_r2(drew["ResNet", "network"], drew["ResNet, attention", "network"])
print(f"the ResNet with and without: r2 {as_resnet:.2f}")
loss = {n: results[f"losses, {file}"].mean(1).tolist() for n, file in trained.items()}
print("loss on known and on new pictures:", {n: [round(v, 3) for v in pair] for n, pair in loss.items()})
deaf = results["losses, deaf, attention-unet"].mean().item()
print(f"the UNet without what attention adds: {deaf:.2f}")
assert abs(same - 0.98) < 0.006 and abs(of_it - 0.73) < 0.006 and abs(as_resnet - 0.89) < 0.006
parted = {n: known_new[1] / known_new[0] - 1 for n, known_new in loss.items()}
assert abs(parted["UNet"] - 0.16) < 0.006 and abs(parted["UNet, attention"] - 0.22) < 0.006
assert sorted(parted.values())[-3] < 0
for name in loss:
    distance = torch.cdist(drew[name, "network"].flatten(1), lab.data.images.flatten(1)).topk(2, largest=False)[0]
    assert (distance[:, 0] / distance[:, 1] > 1 / 3).all()  # no copy (lesson 14)
new = {"ResNet": 0.073, "UNet": 0.070, "UNet, attention": 0.071, "ResNet, attention": 0.071, "transformer": 0.084}
new |= dict.fromkeys(longer, 0.066) | {"ResNet, 16,000": 0.068}
assert all(abs(loss[n][1] - v) < 6e-4 for n, v in new.items()) and abs(deaf - 0.52) < 0.006

# %% [markdown] tags=["slide"]
# | | r2: ELS, LS, filter | ahead | of an exchange: ELS, LS, filter | ahead |
# |---|---|---|---|---|
# | ResNet | **0.91**, 0.85, 0.84 | 95 | **0.73**, 0.47, 0.56 | 83 |
# | UNet | **0.93**, 0.91, 0.78 | 82 | **0.52**, 0.37, 0.32 | 76 |
# | UNet with attention | **0.94**, 0.94, 0.77 | 89 | **0.52**, 0.40, 0.29 | 75 |
# | ResNet with attention | 0.82, 0.78, 0.78 | 59 | **0.52**, 0.38, 0.46 | 65 |
# | transformer | 0.81, 0.79, 0.82 | 57 | 0.40, 0.25, 0.47 | 45 |
#
# (Medians; for how many of 100 seeds ELS is ahead of the local filter.)
#
# **The UNet draws nearly the same with attention and without**: r2 0.98 (of an exchange the one foretells 0.73 of the
# other), and the formula foretells both. The network relies on the layers: without what they add its loss on new
# pictures is 0.52 instead of 0.071.
#
# **In the ResNet it takes most of the formula's lead**: what is left shows in the exchange (the filter 0.46). It
# draws more like the ResNet (r2 0.89) than like its formula. **For the transformer nothing is left of it.**

# %%
for name in ("ResNet, attention", "transformer", *again):
    of_drawings, of_exchange = middle(name, "wide")
    print(f"{name:25s} ELS with the UNet's windows: r2 {of_drawings:.2f}, of an exchange {of_exchange:.2f}")
row("ResNet, attention, again", (0.84, 0.80, 0.79, 71, 0.51, 0.29, 0.42, 65))
both = median_r2(drew["ResNet, attention, again", "network"], drew["ResNet, attention", "network"])
print(f"the drawings of its two trainings: r2 {both:.2f}")
stated = {"ResNet, attention": (0.84, 0.37), "transformer": (0.84, 0.27)}
assert all(abs(v - said) < 0.006 for n in stated for v, said in zip(middle(n, "wide"), stated[n], strict=True))
assert abs(both - 0.97) < 0.006

# %% [markdown] tags=["slide"]
# **Are the windows wrong? Hardly.** With the UNet's, which are wider, r2 is 0.84 for both, but of an exchange the
# formula then foretells 0.37 instead of 0.52, and 0.27 instead of 0.40. (A second training of the ResNet with
# attention: r2 0.97 with the first; 0.84 and 0.51 foretold.)
#
# Does the theory end here? On new pictures the transformer's loss is 0.084, that of the ResNet with attention 0.071,
# the UNet's 0.070. Both were trained anew, for 16,000 steps instead of 8,000, from the same start. Now both have 0.066,
# less than any. And so was the ResNet without attention, to know what the steps alone do (0.073, now 0.068).
#
# **Predict.** Does the formula, with windows measured anew, foretell them better than before, as well, or worse: of
# the drawings (0.82, 0.81; the ResNet 0.91), of an exchange (0.52, 0.40; 0.73)?

# %%
row("ResNet, attention, 16,000", (0.90, 0.86, 0.81, 73, 0.46, 0.24, 0.43, 59))
row("transformer, 16,000", (0.90, 0.90, 0.795, 75, 0.45, 0.30, 0.38, 67))
row("ResNet, 16,000", (0.89, 0.86, 0.83, 89, 0.61, 0.46, 0.52, 83))
like, more, ideal = {}, {}, {}
for late in longer | plain_longer:
    first = late.removesuffix(", 16,000")
    like[late] = [median_r2(drew[n, "network"], drew["UNet", "network"]) for n in (first, late)]
    more[late] = [int((some[late]["ELS"] > some[first]["ELS"]).sum()) for some in (r2, part)]
    ideal[late] = [middle(n, "IS")[0] for n in (first, late)]
    print(f"{late}: more is foretold than before (drawing, exchange) for {more[late]} of 100 seeds;", end=" ")
    print("r2 with the UNet {:.2f}, {:.2f}; of the ideal denoiser {:.2f}, {:.2f}".format(*like[late], *ideal[late]))
with_it, without = "ResNet, attention, 16,000", "ResNet, 16,000"
ahead = [int((some[without]["ELS"] > some[with_it]["ELS"]).sum()) for some in (r2, part)]
print(f"without attention more is foretold of the drawing for {ahead[0]}, of the exchange for {ahead[1]}")
assert ahead == [49, 70] and list(more.values()) == [[73, 50], [78, 61], [37, 37]]
said = ((0.81, 0.88, 0.70, 0.76), (0.83, 0.93, 0.70, 0.82), (0.73, 0.78, 0.61, 0.67))
found = [[*like[n], *ideal[n]] for n in like]
assert all(
    abs(v - w) < 0.006 for some, those in zip(found, said, strict=True) for v, w in zip(some, those, strict=True)
)
assert max(middle(n, "IS")[1] for n in trained) < 0.01  # of an exchange it foretells nothing
assert all(abs(middle(n, "IS")[0] - v) < 0.006 for n, v in (("UNet", 0.86), ("UNet, attention", 0.87)))
assert all(loss[n][0] > loss[n][1] for n in like)

# %% tags=["slide"]
rows = {"8,000 steps": drew["transformer", "network"], "16,000 steps": drew["transformer, 16,000", "network"]}
rows |= {"ELS for it": drew["transformer, 16,000", "els"], "UNet": drew["UNet", "network"]}
show(
    plotting.image_rows({name: some[:10] for name, some in rows.items()}, titles=[f"seed {k}" for k in range(10)]),
    alt="Ten seeds. After 8,000 steps the transformer's drawings are speckled and torn; after 16,000 six are clean, "
    "nearly the garments of the UNet in the last row. Seeds 3, 4 and 5 are torn still, seed 6 is a dress, the UNet's a "
    "shoe.",
)

# %% [markdown] tags=["slide"]
# | after 16,000 steps | r2: ELS, LS, filter | ahead | of an exchange: ELS, LS, filter | ahead |
# |---|---|---|---|---|
# | ResNet with attention | **0.90**, 0.86, 0.81 | 73 | 0.46, 0.24, 0.43 | 59 |
# | transformer | **0.90**, 0.90, 0.79 | 75 | **0.45**, 0.30, 0.38 | 67 |
# | ResNet | **0.89**, 0.86, 0.83 | 89 | **0.61**, 0.46, 0.52 | 83 |
#
# **By r2 the formula is well ahead again**, and attention costs it nothing: 0.90 with it, 0.89 without. **By an
# exchange it costs as it did**: 0.46 instead of 0.61 (more is foretold without it for 70 of 100 seeds; after 8,000
# steps 0.52 instead of 0.73).

# %% [markdown] tags=["slide"]
# **The steps alone cost the formula something, too.** Of the ResNet it foretells less than before: 0.89 (0.91), and
# 0.61 of an exchange (0.73); more for only 37 of 100 seeds.
#
# With time all three draw more like the *UNet* (r2 0.81, 0.83, 0.73, now 0.88, 0.93, 0.78), and like the ideal
# denoiser (0.70, 0.70, 0.61, now 0.76, 0.82, 0.67; the UNets 0.86, 0.87), which foretells nothing of **the
# exchange**. (Their losses on known and on new pictures have not parted. One training each.)

# %% [markdown] tags=["slide"]
# ## 7. How far they look (8 minutes)
#
# Two ways to ask. *Derivatives* (lesson 03): how much does the middle pixel of the answer change if a pixel of $x_t$
# changes a little? *What-ifs* (lesson 16): exchange a block of 6 x 6 pixels of the noise, and see how far from it the
# drawing changes.
#
# **Predict.** In which of the two will you tell the ResNet from the four that can see everything? (The ResNet with
# attention and the transformer are those that were trained for longer.)

# %%
learned = networks | {late.removesuffix(", 16,000"): file for late, file in longer.items()}
SIDE, k = 6, torch.arange(16)
away = []
for y, x in results["exchanged, corners"].tolist():
    rows, columns = (torch.maximum(start - k, k - (start + SIDE - 1)).clamp(min=0) for start in (y, x))
    away.append(torch.maximum(rows[:, None], columns[None, :]))
away = torch.stack(away)  # steps of each pixel from the block, (100, 16, 16)
near, far = {}, {}
for network, name in (learned | plain_longer).items():
    influence = results[f"influence, {name}"]
    near[network] = influence[:, 4:13, 4:13].sum((1, 2)) / influence.sum((1, 2))  # the middle 9 x 9
    drawer = f"{network}, 16,000" if f"{network}, 16,000" in longer else network
    squares = (redrew[drawer, "network"] - drew[drawer, "network"])[:, 0].square()
    far[network] = torch.stack([squares[away == d].sum() / squares.sum() for d in range(9)])

# %% tags=["slide"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
styles = (("o-", "k"), ("D--", plotting.GREY), ("v:", plotting.GREY), ("^-", plotting.BLUE), ("s-", plotting.ORANGE))
for network, (mark, colour) in zip(networks, styles, strict=True):
    axes[0].plot(results["times"], near[network], mark, color=colour, label=network)
    axes[1].semilogy(far[network], mark, color=colour, label=network)
axes[0].set(xlabel="t", ylabel="share of the middle 9 x 9", ylim=(0, 1), title="derivatives")
axes[1].set(xlabel="distance from the block, pixels", ylabel="part of the squared change", title="what-ifs")
axes[1].legend()
show(
    fig,
    alt="Left, share of the derivatives in the middle 9 x 9 against t: five curves close together at 0.62 to 0.7 for t "
    "= 0.9; at t = 0.1 the ResNets have 0.94 and 0.89, the others 0.75 to 0.85. Right, part of the squared change "
    "against distance, logarithmic: the ResNet falls below 0.01 at 7 pixels, the others stay near 0.06 up to 6, and "
    "fall to 0.015 at 8.",
)
print("middle 9 x 9 at t = 0.5:", {n: round(some[2].item(), 2) for n, some in near.items()}, "(of the pixels: 0.32)")
beyond = {n: 1 - some[:5].sum().item() for n, some in far.items()}
print("of the change, 5 pixels away and more:", {n: round(value, 2) for n, value in beyond.items()})
assert all(abs(near[n][2] - v) < 0.01 for n, v in zip(networks, (0.74, 0.68, 0.66, 0.73, 0.73), strict=True))
assert all(abs(beyond[n] - v) < 0.006 for n, v in zip(networks, (0.04, 0.20, 0.20, 0.19, 0.19), strict=True))
assert abs(beyond["ResNet, 16,000"] - 0.08) < 0.006

# %% [markdown] tags=["slide"]
# **Left, hardly.** At t = 0.5 the middle 9 x 9 has 0.74 of all influence in the ResNet, 0.73 with attention and in
# the transformer, 0.68 and 0.66 in the UNets.
#
# **Right, at once.** Of all squared change together, what lies five pixels from the block and further is 4 % in the
# ResNet (8 % in the one of 16,000 steps), 19 % with attention and in the transformer, 20 % in both UNets.
#
# **Predict.** Are derivatives blind to it? Think of *where* the left question was put: which pixel is furthest from
# the middle one, and does the ResNet, which sees 17 x 17, see it?

# %% tags=["slide"]
fig, axes = plt.subplots(1, 4, figsize=(10, 3.1), layout="constrained")
to_block, to_middle = (k - (SIDE - 1)).clamp(min=0), (k - 8).abs()
places = {"middle": (to_middle, "influence"), "corner": (to_block, "felt from a corner")}
share = {}
for axis, (where, name) in zip(axes, itertools.product(places, ("ResNet", "UNet")), strict=True):
    steps, key = places[where]
    distance = torch.maximum(steps[:, None], steps[None, :])
    some = results[f"{key}, {networks[name]}"][2]  # at t = 0.5
    share[name, where] = (some[distance >= 5].sum() / some.sum()).item()
    axis.imshow((some / some.max()).clamp(min=1e-3).log10(), vmin=-3, vmax=0, cmap="magma")
    axis.set(title=f"{name}, {where}\n5 pixels away or more: {share[name, where]:.2f}", xticks=[], yticks=[])
    if where == "corner":
        axis.plot([-0.5, 5.5, 5.5], [5.5, 5.5, -0.5], "w-")
show(
    fig,
    alt="Derivatives at t = 0.5, from white, large, to black, a thousandth of the largest and less. How the middle "
    "pixel of the answer depends on each pixel: ResNet and UNet have bright middles that fade alike. How each pixel of "
    "the answer depends on the corner block: the ResNet's fade, and are black in the last two rows and columns; the "
    "UNet's stay bright over nearly the whole picture.",
)

# %%
once = {n: results[f"exchanged once, {name}"].tolist() for n, name in (learned | plain_longer).items()}
print("that block exchanged and asked once, 5 pixels from it and more, at t =", results["times"].tolist())
for name, values in once.items():
    print(f"{name:18s}", [round(value, 2) for value in values])
stated = {("ResNet", "middle"): 0.26, ("UNet", "middle"): 0.32, ("ResNet", "corner"): 0.11, ("UNet", "corner"): 0.40}
assert all(abs(share[key] - value) < 0.006 for key, value in stated.items())
assert results[f"felt from a corner, {networks['UNet']}"].min() > 0  # it sees everything
assert all(abs(once[n][0] - v) < 0.006 for n, v in zip(networks, (0.04, 0.18, 0.18, 0.21, 0.35), strict=True))
assert all(abs(once[n][2] - v) < 0.006 for n, v in zip(networks, (0.04, 0.25, 0.27, 0.13, 0.28), strict=True))
late = once["ResNet, 16,000"]
assert abs(late[0] - 0.08) < 0.006 and abs(late[2] - 0.12) < 0.006
assert abs(results["exchanged once, attention-resnet"][2] - 0.07) < 0.006

# %% [markdown] tags=["slide"]
# **The probe stood where all agree.** Nothing is further than 8 pixels from the middle one, and the ResNet sees 8
# pixels far: from there it sees the whole picture, too. The what-ifs asked from blocks anywhere. Derivatives by
# the pixels of a corner block tell as well: five pixels from it and more lie 0.11 of them in the ResNet, 0.40 in the
# UNet. **Ask where the answers can differ.**
#
# Exchange that block, and ask the networks only once: at t = 0.9 what is far has 4 % of the change in the ResNet, 21
# % with attention, 18 % in both UNets, 35 % in the transformer; at t = 0.5 it is 4, 13, 25, 27 and 28 %. **With time
# ResNets learn to look further, with attention or not**: at t = 0.5 from 7 to 13 % with it, from 4 to 12 % without
# (at t = 0.9, 8 %). (A third way to ask are the attention maps: An and others, 2024.)
#
# Reach alone does not end the theory. The four reach far, and with their wide windows the formula has r2 0.90 to
# 0.94. But of an exchange it foretells 0.45 to 0.52, for the ResNets 0.73 and 0.61.

# %% [markdown] tags=["slide"]
# ## 8. Three guesses (4 minutes)
#
# Take your sheet: (a) as well as before, (b) less well, (c) no better than the local filter.
#
# | | r2: ELS (filter) | of a change: ELS (filter) | |
# |---|---|---|---|
# | noise in every step | 0.92 (0.92) | 0.71 (0.65) | (b), nearly (c) |
# | guidance, $w = 3$ | 0.89 (0.80) | 0.31 (-0.18) | (b) |
# | attention in the UNet | 0.94 (0.77) | 0.52 (0.29) | (a) |
# | attention in the ResNet, 8,000 steps | 0.82 (0.78) | 0.52 (0.46) | (b), nearly (c) |
# | ... 16,000 steps | 0.90 (0.81) | 0.46 (0.43) | (b) |
# | no attention, 16,000 steps | 0.89 (0.83) | 0.61 (0.52) | (b) |
# | transformer, 8,000 steps | 0.81 (0.82) | 0.40 (0.47) | (c) |
# | ... 16,000 steps | 0.90 (0.79) | 0.45 (0.38) | (b) |
#
# The first two rows change what is done with a denoiser, the others the denoiser itself. In the ResNet attention takes
# away locality, and more training some of it; the UNet had little to lose. The two columns do not rank the last six
# alike: look at both.
#
# **Where a theory ends it seldom says itself. We had to measure it.**

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * Two denoisers that nearly agree go nearly the same way with every sampler that does not magnify small differences.
#   With noise in every step the formula has r2 0.92, and so has a filter with its windows.
# * Guidance magnifies. In the formula it is a vote with votes against, cast by what looks alike and is something
#   else: r2 0.92, 0.89, 0.82 for $w$ = 2, 3, 4.
# * Guided or not, the ideal denoiser copies: in the end the votes against cancel.
# * A UNet with attention draws nearly what the UNet draws, and the formula foretells both. For a ResNet with one
#   layer of it and a small transformer it leads that filter clearly only after twice the steps, and by r2 (0.90).
# * With twice the steps a plain ResNet looks further, and the formula foretells less of it (0.89; 0.61, before 0.91;
#   0.73).
# * A probe tells networks apart only where they can differ: ask from a corner.

# %% [markdown] tags=["slide"]
# ## What is still unexplained
#
# **What would the formula of attention be?** If every place may ask all, the best denoiser is ES where places are
# alike, and copies, shifted; where they know their place, as in our three, it is the ideal one, and copies. Our
# networks do not copy. What holds them back, nobody has a line for (Finn and others, 2025, have one for a single
# layer on top of a convolutional network). Why does attention change the ResNet and not the UNet, and why do
# networks that could do anything come to draw as a UNet does? Whoever finds out writes lesson 19.
#
# **And with more time?** The UNets' losses have begun to part (on new pictures 16 and, with attention, 22 % higher
# than on known ones), the others' have not. With twice the steps the formula foretells less of the ResNet. Where does
# that lead, if it is trained ten times as long, on more pictures? We have not tried. Nor is any of ours large.

# %% [markdown] tags=["slide"]
# ## The course in three sentences
#
# A perfect denoiser can only return its training pictures. A trained convolutional network is not perfect: long
# before it could know its pictures by heart, it answers for each pixel mostly from its surroundings, wide ones at
# first, a few pixels in the end, and alike everywhere, as far as it cannot see the border. Do the same to the perfect
# one, and you have a formula that puts together pixels of all pictures, and says, picture by picture, nearly what
# the network will draw, of garments, of emoji and of small photographs.
#
# Imperfection, deterministic and predicted picture by picture, is where the new comes from. Why a network resembles a
# machine with such windows, for so long, is open.

# %% [markdown]
# ## References
#
# * J. Ho, A. Jain, P. Abbeel, *Denoising diffusion probabilistic models*, NeurIPS 2020,
#   [arXiv:2006.11239](https://arxiv.org/abs/2006.11239): noise in every step.
# * J. Song, C. Meng, S. Ermon, *Denoising diffusion implicit models*, ICLR 2021,
#   [arXiv:2010.02502](https://arxiv.org/abs/2010.02502): how much of it may be left out.
# * J. Ho, T. Salimans, *Classifier-free diffusion guidance*, 2022,
#   [arXiv:2207.12598](https://arxiv.org/abs/2207.12598).
# * A. Vaswani and others, *Attention is all you need*, NeurIPS 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762).
# * W. Peebles, S. Xie, *Scalable diffusion models with transformers*, ICCV 2023,
#   [arXiv:2212.09748](https://arxiv.org/abs/2212.09748): the transformer, large.
# * M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): a UNet with attention is among their tests.
# * E. Finn, T. A. Keller, M. Theodosis, D. E. Ba, *Origins of creativity in attention-based diffusion models*, 2025,
#   [arXiv:2506.17324](https://arxiv.org/abs/2506.17324): one layer of attention, in theory.
# * J. An and others, *On inductive biases that enable generalization of diffusion transformers*, 2024,
#   [arXiv:2410.21273](https://arxiv.org/abs/2410.21273): local attention goes with generalisation.
