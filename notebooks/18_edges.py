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
# **Time** 71 minutes

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
# So far all chance is in the first noise; at most a class is told, and taken as it is; the network is made of
# convolutions. Systems that people use differ in all three.
#
# * **Noise in every step.** The models that made diffusion famous removed more noise than needed, and added some anew,
#   each time.
# * **Guidance.** What the words change is exaggerated, several times.
# * **Attention.** Each place asks all others.
#
# **Predict**, and write it down, for each of the three: will the formula say what the network draws (a) as well as
# before, and better than its rivals, (b) less well, but better than its rivals, (c) well or badly, but no better than
# one of them? The rivals are LS, which is told each pixel's place, and the local filter, linear, with the same windows.
# *Better* is: for 65 of 100 seeds or more, which hardly ever happens by chance.

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


# %% [markdown] tags=["slide"]
# A machine is a *denoiser*, and so is a network. If the one says nearly what the other says, at every $x_t$ that the
# sampler comes to, they go nearly the same way, as long as the sampler does not make small differences large. Which
# samplers do? Attention is something else: it breaks one of the two limits of which the formula is made, that a pixel
# may not ask all.

# %% [markdown]
# ## 2. Noise in every step (6 minutes)
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
# How much is fresh? With $\nu = 0$ it is our sampler. The models of 2020 (Ho and others) make a picture noisy bit by
# bit, and go the same way back, which gives
#
# $$\nu^2 = \frac{\sigma^2}{\sigma_t^2} \left( 1 - \frac{\alpha_t^2}{\alpha^2} \right) .$$
#
# Here $\alpha_t$ and $\sigma_t$ are those of the time before the step, and $\alpha_t / \alpha$ is what one step towards
# the noise leaves of the picture: the less, the more is fresh.
#
# We take 40 steps. For each seed there is one first noise, and a sequence of 39 fresh ones (the last step adds none);
# then the same first noise, and *another* sequence.
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
    "two drawings of a seed differ: a dark dress or a white one, a light shirt or a dark one. Mostly ELS draws "
    "what the network draws, with some crumbs; not seed 5's sandal in the first, nor all of two shirts.",
)


# %%
def part_foretold(change, predicted):
    """Lesson 16: 1 is all of the change, 0 what "nothing changes" gets, (B,)."""
    return 1 - (change - predicted).square().sum((1, 2, 3)) / change.square().sum((1, 2, 3))


def middle(scores):
    """The median over the seeds: half of them have more."""
    return scores.quantile(0.5).item()


def r2_with(truth, guesses):
    """Of each seed, for every machine."""
    return {name: els.compare(some, truth).r2 for name, some in guesses.items() if name != "network"}


def ahead(scores):
    """For how many of 100 seeds ELS is ahead of LS, and of the local filter: the fewer of the two counts."""
    return min(int((scores["ELS"] > scores[rival]).sum()) for rival in ("LS", "local filter"))


def agree(found, said):
    """Whether all that was found rounds to what is said."""
    return all(abs(value - number) < 0.0051 for value, number in zip(found, said, strict=True))


# %%
unguided = {name: drawings(f"guided, {key}, 1") for name, key in who.items()}  # no chance; the network took 150 steps
unguided["local filter"], calm = drawings("guided, 1", linear), drawings("no chance, network")  # it took 40
follow = {f"sequence {k + 1}": r2_with(noisy["network"][k], {n: some[k] for n, some in noisy.items()}) for k in (0, 1)}
follow["without chance"] = r2_with(calm, unguided)
changes = {name: some[1] - some[0] for name, some in noisy.items()}
follow["the difference of the two"] = {name: part_foretold(changes["network"], changes[name]) for name in guessers}
for name, scores in follow.items():
    print(f"{name:26s}", {k: round(middle(v), 2) for k, v in scores.items()}, "ELS ahead for", ahead(scores))
found = [[*(middle(scores[name]) for name in guessers[:3]), ahead(scores)] for scores in follow.values()]
said = ((0.93, 0.91, 0.92, 62), (0.92, 0.91, 0.93, 61), (0.94, 0.91, 0.91, 74), (0.71, 0.63, 0.66, 53))
assert all(agree(*pair) for pair in zip(found, said, strict=True))
assert middle(follow["the difference of the two"]["IS"]) < 0.03

# %%
of_a_class = [(i, j) for i, j in itertools.permutations(range(100), 2) if labels[i] == labels[j]]
i, j = (list(side) for side in zip(*of_a_class, strict=True))
first, second = noisy["network"]
twins, strangers = (middle(els.compare(*two).r2) for two in ((first, second), (first[i], second[j])))
print(f"r2 of the two drawings of a seed: {twins:.2f}; of two seeds of a class: {strangers:.2f}")
begin, after = lab.schedule.times(40)[:2]
replaced = (1 - (lab.schedule.alpha(begin) / lab.schedule.alpha(after)) ** 2) / lab.schedule.sigma(begin) ** 2
print(f"part of the noise's variance that is fresh after the first step: {replaced:.2f}")
assert agree((twins, strangers, replaced), (0.62, 0.62, 0.94))

# %% [markdown] tags=["slide"]
# The two drawings of a seed are **no more alike** (r2 0.62) than those of two *different* seeds of its class (0.62):
# the first step alone makes 0.94 of the noise's variance fresh.
#
# **The formula follows the network in both**: r2 0.93 and 0.92, without chance 0.94. Given the same fresh noises it
# ends nearly in the same place.
#
# **So does a linear filter**: r2 0.92 and 0.93. Without chance the formula is ahead for 74 of 100 seeds, now for 62
# and 61.
#
# Of the difference between the two drawings of a seed the formula foretells 0.71, the filter 0.66; the formula is ahead
# for 53. By our measure that is (c).

# %% [markdown] tags=["slide"]
# ## 3. Guidance (7 minutes)
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
# We have two networks, one that is told and one that is not (trained on 2,000 of the other's 10,000 pictures), and two
# formulas of the same 10,000 pictures, each with the windows measured on its own network. What is done to the networks
# is done to the formulas.
#
# **Predict.** With $w = 1$ the formula's r2 is 0.94. With $w = 3$? And the *ideal* machine, pushed beyond its own
# answer: does it still copy?


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
scores = {w: r2_with(pushed["network", w], {name: pushed[name, w] for name in guessers}) for w in strengths}
push = {name: [middle(scores[w][name]) for w in strengths] for name in guessers}
for name, guess in {"ELS, not guided": pushed["ELS", 1], "mean of the class": means}.items():
    push[name] = [middle(els.compare(guess, pushed["network", w]).r2) for w in strengths]
for name, values in push.items():
    print(f"{name:20s}", [f"{value:.2f}" for value in values])
won = [ahead(scores[w]) for w in strengths]
print("seeds for which ELS is ahead of LS and of the filter (the fewer):", won)
copies = [int((els.nearest_training_image(pushed["IS", w], images)[1] < 0.5).sum()) for w in strengths]
print("copies of a training picture, of the 100 of IS:", copies)
stated = {"ELS": (0.94, 0.92, 0.89, 0.82), "ELS, not guided": (0.94, 0.85, 0.78, 0.70)}
stated |= {"LS": (0.91, 0.90, 0.86, 0.81), "local filter": (0.91, 0.90, 0.80, 0.68)}
stated |= {"mean of the class": (0.73, 0.80, 0.80, 0.77)}
assert all(agree(push[name], stated[name]) for name in stated)
assert won[1:] == [85, 71, 67] and copies == [100, 100, 100, 100]

# %%
turned = {(name, w): pushed[name, w] - pushed[name, 1] for name in ("network", *guessers) for w in strengths[1:]}
class_mean = {key: torch.stack([some[labels == k].mean(0) for k in labels]) for key, some in turned.items()}
of_change, of_rest = {}, []
for w in strengths[1:]:
    of_change[w] = {name: part_foretold(turned["network", w], turned[name, w]) for name in guessers}
    own, guess = (turned[name, w] - class_mean[name, w] for name in ("network", "ELS"))
    of_rest.append(middle(part_foretold(own, guess)))
medians = {name: [middle(of_change[w][name]) for w in strengths[1:]] for name in guessers}
won = [ahead(some) for some in of_change.values()]
print("of what guidance changes, foretold:", {k: [round(v, 2) for v in some] for k, some in medians.items()}, won)
print("ELS, of what is not the class's mean change:", [round(v, 2) for v in of_rest])
few = {w: drawings(f"guided in 20 steps, network, {w}") for w in (1, 3)}
in_few = [middle(part_foretold(few[3] - few[1], turned[name, 3])) for name in ("ELS", "LS")]
print("the network, too, in 20 steps, w = 3, ELS and LS:", [round(v, 2) for v in in_few])
assert agree(medians["ELS"], (0.32, 0.31, 0.23)) and agree(medians["LS"], (0.27, 0.30, 0.19)) and won == [65, 61, 57]
assert agree(medians["local filter"], (0.09, -0.18, -0.42)) and max(medians["IS"]) < 0.02
assert agree(of_rest, (-0.09, 0.02, 0)) and agree(in_few, (0.07, 0.10))

# %%
some = labels[:10]
way = list(els.trajectory(guide(garments.network, plain.network, 3), noise[:10], steps=20, labels=some))
alike = []
for t, x_t, _ in (way[2], way[10], way[16]):
    theirs = (garments.network(x_t, t, labels=some), plain.network(x_t, t))
    ours = (garments.machine("els-zeros")(x_t, t, labels=some), plain.machine("els-zeros")(x_t, t))
    truth = theirs[0] - theirs[1]
    alike.append(middle(els.compare(ours[0] - ours[1], truth).r))
    sizes = [x.square().mean().sqrt().item() for x in (truth, ours[0] - theirs[0], ours[1] - theirs[1])]
    print(f"t = {t:.1f}: told minus untold {sizes[0]:.2f}, the formula is off by {sizes[1]:.2f} and", end=" ")
    print(f"{sizes[2]:.2f}; r of the formula's difference with the network's {alike[-1]:.2f}")
    assert round(t, 1) != 0.5 or agree(sizes, (0.11, 0.16, 0.15))
assert agree(alike, (0.31, 0.09, -0.09))

# %%
stirred = 0.95**0.5 * noise[:30] + 0.05**0.5 * els.seeded_noise(range(10_000, 10_030), garments.shape)
moved = {}
for w in (1, 3):
    network = guide(garments.network, plain.network, w)
    drawn = torch.stack([els.sample(network, some, steps=20, labels=labels[:30]) for some in (noise[:30], stirred)])
    reach = [drawn[0].min().item(), drawn[0].max().item()]
    moved[w] = drawn.clamp(-1, 1).diff(dim=0)[0].square().mean((1, 2, 3)).sqrt()
    print(f"w = {w}: the drawing moves by {middle(moved[w]):.3f}; it reaches from {reach[0]:.2f} to {reach[1]:.2f}")
assert agree([middle(moved[1]), middle(moved[3])], (0.08, 0.14))
assert agree(reach, (-1.51, 2.10))

# %% [markdown] tags=["slide"]
# **The formula follows, the less the further it goes**: r2 0.94, 0.92, 0.89, 0.82 for $w$ = 1, 2, 3, 4.
#
# But guided drawings are easier to guess. With $w = 3$ LS has 0.86 (ELS is ahead for 71 of 100 seeds), the mean of the
# class and the local filter 0.80, the formula's drawing *without* guidance 0.78.
#
# **Of what guidance changes the formula knows hardly more than LS.** With $w = 3$ it foretells 0.31, LS 0.30. And what
# it foretells is what a class shares: take the class's mean change away, and of the rest ELS foretells 0.02. If the
# network takes 20 steps, like the formula, 0.31 becomes 0.07 (LS 0.10).

# %% [markdown] tags=["slide"]
# **The way from untold to told is a small difference of two large answers.** At t = 0.5 the networks differ by 0.11
# (root mean square), and each formula is off from its network by more, 0.16 and 0.15. So the formulas' difference
# resembles the networks' little: r 0.31, 0.09, -0.09 at t = 0.9, 0.5, 0.2.
#
# **And guidance magnifies.** Make 5 % of the first noise's variance another noise, and the network's drawing moves by
# 0.08 (root mean square; 20 steps, 30 seeds), with $w = 3$ by 0.14.
#
# **The ideal denoiser goes on copying**: 100 of 100, whatever the strength. Why? See the next section.

# %% [markdown] tags=["slide"]
# ## 4. Votes against (8 minutes)
#
# The formula is a vote: each pixel is a mean of training pixels. What is a *guided* formula? If a patch has
# the share $a$ of the votes with the word, and $b$ without it, then of the guided vote it has
#
# $$b + w\,(a - b) = w\,a - (w - 1)\,b .$$
#
# All shares together are still 1. But a patch of another class has $a = 0$ and so, for $w > 1$, a share **below** 0:
# it votes against.
#
# Take a noise on its way to a shirt (seed 6), and one on its way to a bag (seed 8), at $t = 0.5$, where both formulas
# have windows of 9 x 9. Without the word, shirts have a fifth of the votes, with it all.
#
# **Predict.** With $w = 3$: what share have the shirts? Who votes against them most? And against the bag?

# %%
votes = {}
names, machine = plain.data.class_names, plain.machine("els-zeros")
for seed in (6, 8):
    label = int(labels[seed])
    way = els.trajectory(formula, noise[seed : seed + 1], steps=20, labels=label)
    t, x_t, _ = next(itertools.islice(way, 10, None))
    voters = machine.posterior(x_t, t, top=2048)  # the heaviest of each pixel
    heard = torch.zeros(10).index_add(0, plain.data.labels[voters.image].flatten(), voters.weight.flatten())
    votes[f"a {names[label]}, not told"] = heard / heard.sum()
    votes[f"a {names[label]}, w = 3"] = heard / heard.sum() + 3 * (torch.eye(10)[label] - heard / heard.sum())
    print(f"a {names[label]}, t = {t:.2f}")
windows = [dict(some.patch_sizes("els-zeros"))[0.5] for some in (garments, plain)]
assert windows == [9, 9]

# %% tags=["slide"]
fig, axes = plt.subplots(1, len(votes), figsize=(10, 3), sharey=True, layout="constrained")
for axis, (title, share) in zip(axes, votes.items(), strict=True):
    axis.barh(names, share, color=[plotting.BLUE if v >= 0 else plotting.ORANGE for v in share])
    axis.axvline(0, color="k", lw=0.8)
    axis.set(title=title, xlabel="share of the votes", xlim=(-1, 3) if "w = 3" in title else (0, 1))
axes[0].invert_yaxis()
show(
    fig,
    alt="Four bar charts of the votes by class. A shirt, not told: coat 0.3, pullover and shirt 0.2, others less; with "
    "w = 3: shirt 2.6, coat -0.6, pullover -0.4, others slightly below 0. A bag, not told: bag 0.7, ankle boot 0.1, "
    "others less; with w = 3: bag 1.6, ankle boot -0.2.",
)
shirt, bag = (votes[f"a {name}, w = 3"] for name in ("shirt", "bag"))
for share in (shirt, bag):
    print({name: round(v, 2) for name, v in zip(names, share.tolist(), strict=True)})
    assert abs(share.sum() - 1) < 1e-5
assert abs(shirt[6] - 2.6) < 0.05 and abs(shirt[4] + 0.56) < 0.02 and shirt.argsort()[:2].tolist() == [4, 2]
assert abs(bag[8] - 1.6) < 0.05 and agree([bag.min()], [-0.21]) and bag.argmin() == 9  # ankle boot

# %%
print(f"the darkest pixel of three guided drawings of ELS: {live.min().item():.2f} (black is -1)")
assert live.min() < -1.02

# %% [markdown] tags=["slide"]
# Of the shirt's noise, all pixels together, the shirts have 2.6 votes, and **coats and pullovers vote against, with
# more than half of a vote and nearly half**. The bags, who had most of the votes, now have 1.6. (Counted are the 2,048
# heaviest voters of each pixel.) A mean with negative weights may leave the range of the pictures: here it is darker
# than black (-1.04), and so is what the guided network drew in section 3 (-1.51).
#
# *Who votes against?* Whoever has patches that fit this noise, and is of another class: against the bag most of all
# ankle boots. That is the formula's account: the networks' difference resembles the formula's little (section 3).
#
# And the ideal denoiser? Follow its two answers, with the word and without: when do they become the same?

# %%
with_word = garments.machine("is")
without = els.IdealScoreMachine(images, lab.schedule)
way = els.trajectory(guide(with_word, without, 3), noise[:8], steps=20, labels=labels[:8])
same = {}
for t, x_t, _ in list(way)[:-1]:
    gap = (with_word(x_t, t, labels=labels[:8]) - without(x_t, t)).abs().amax((1, 2, 3))
    same[round(t, 2)] = int((gap < 0.01).sum())
print("of 8 seeds, the same answer with and without the word:", {t: same[t] for t in (0.9, 0.6, 0.5, 0.4)})
assert same[0.9] == 0 and same[0.4] == 8

# %% [markdown] tags=["slide"]
# At first the two disagree, and $x_t$ is pushed away from other classes towards a picture of its own. As it comes
# near, that picture is the nearest of *all*, and has all votes in both. Then $a = b = 1$, and $3a - 2b = 1$: **the
# votes against only take back what is too much, and it copies.**
#
# **Try it.** Which classes vote against when a sandal is drawn? (Add its seed, 5, to the other two.)

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
# It comes in the new order, and is otherwise the same. So attention respects one limit of the theory, more than a
# convolution does, which sees the border, and breaks the other: **it treats all places alike, and it is not local.**

# %% [markdown] tags=["slide"]
# Three networks, with the pictures and the plan of the earlier ResNet and UNet (`data/lessons/attending.py`):
#
# * the **UNet with attention**, where it is coarse, among its 8 x 8 places and among its 4 x 4: the usual network of
#   the field, and one of the paper's cases;
# * the **ResNet with attention**, one layer of it in the middle, between all 256 pixels;
# * a **transformer**, as in most models of today, in small: the picture is cut into 64 pieces of 2 x 2 pixels, each
#   is told its place, then six layers of attention. No convolution at all; neither local nor bound to treat places
#   alike.
#
# **Predict.** The formula's r2 with the ResNet was 0.91, with the UNet 0.93. What will it be with each of the three?

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

# %% [markdown] tags=["slide"]
# ## 6. Whom they draw like (11 minutes)
#
# The same ten noises, by the three networks, and by ELS with the windows that were measured on each of them.

# %% tags=["slide"]
rows = {}
for name in ("UNet, attention", "ResNet, attention", "transformer"):
    rows |= {name: drew[name, "network"][:10], f"ELS for {name}": drew[name, "els"][:10]}
rows |= {"its LS": drew["transformer", "ls"][:10]}
rows["its local filter"] = drew["transformer", "local"][:10]
show(
    plotting.image_rows(rows, titles=[f"seed {k}" for k in range(10)]),
    alt="Ten seeds by three networks, each above ELS with that network's windows; last LS and the filter with those of "
    "the transformer. The UNet with attention draws clean garments, its ELS much the same ones (a pullover for the bag "
    "of seed 1). The ResNet with attention and the transformer share outlines with theirs, the insides less; LS's "
    "are like ELS's, the filter's blurred and speckled.",
)

# %%
guesses = {"ELS": "els", "LS": "ls", "local filter": "local", "IS": "is"}
r2, part = {}, {}  # of each seed: of the drawing, and what is foretold of the exchange
for name in trained | again:
    truth, change = drew[name, "network"], redrew[name, "network"] - drew[name, "network"]
    sources = {machine: (name, key) for machine, key in guesses.items()}
    sources["transformer's windows"] = ("transformer", "els")
    r2[name] = r2_with(truth, {machine: drew[of] for machine, of in sources.items()})
    part[name] = {machine: part_foretold(change, redrew[of] - drew[of]) for machine, of in sources.items()}


def row(name, said):
    """ELS, LS, local filter, seeds of 100 with ELS ahead of the two others: of r2, then of an exchange."""
    found = []
    for scores in (r2[name], part[name]):
        found += [*(middle(scores[machine]) for machine in guessers[:3]), ahead(scores)]
    print(f"{name:26s}", [round(value, 2) for value in found])
    assert agree(found, said)


# %%
row("ResNet", (0.91, 0.85, 0.84, 88, 0.73, 0.47, 0.56, 83))
row("UNet", (0.93, 0.91, 0.78, 64, 0.52, 0.37, 0.32, 76))
row("UNet, attention", (0.94, 0.94, 0.77, 63, 0.52, 0.40, 0.29, 75))
row("ResNet, attention", (0.82, 0.78, 0.78, 59, 0.52, 0.38, 0.46, 65))
row("ResNet, attention, again", (0.84, 0.80, 0.79, 71, 0.51, 0.29, 0.42, 65))
row("transformer", (0.81, 0.79, 0.82, 57, 0.40, 0.25, 0.47, 45))
unets = ("UNet", "UNet, attention")
same = middle(els.compare(*(drew[name, "network"] for name in unets)).r2)
print(f"the UNet with attention and without: r2 {same:.2f}")
loss = {n: results[f"losses, {file}"].mean(1).tolist() for n, file in trained.items()}
print("loss on known and on new pictures:", {n: [round(v, 3) for v in pair] for n, pair in loss.items()})
deaf = results["losses, deaf, attention-unet"].mean().item()
print(f"UNet without what attention adds: {deaf:.2f}")
assert agree((same, deaf), (0.98, 0.52))
for name in loss:
    distance = torch.cdist(drew[name, "network"].flatten(1), lab.data.images.flatten(1)).topk(2, largest=False)[0]
    assert (distance[:, 0] / distance[:, 1] > 1 / 3).all()  # no copy (lesson 14)
new = {"ResNet": 0.073, "UNet": 0.070, "UNet, attention": 0.071, "ResNet, attention": 0.071, "transformer": 0.084}
new |= dict.fromkeys(longer, 0.066) | {"ResNet, 16,000": 0.068}
assert all(abs(loss[n][1] - v) < 6e-4 for n, v in new.items())

# %% [markdown] tags=["slide"]
# | 8,000 steps | r2: ELS, LS, filter | ahead | of an exchange: ELS, LS, filter | ahead |
# |---|---|---|---|---|
# | ResNet | **0.91**, 0.85, 0.84 | 88 | **0.73**, 0.47, 0.56 | 83 |
# | UNet | 0.93, 0.91, 0.78 | 64 | **0.52**, 0.37, 0.32 | 76 |
# | UNet with attention | 0.94, 0.94, 0.77 | 63 | **0.52**, 0.40, 0.29 | 75 |
# | ResNet with attention | 0.82, 0.78, 0.78 | 59 | **0.52**, 0.38, 0.46 | 65 |
# | ... trained again | **0.84**, 0.80, 0.79 | 71 | **0.51**, 0.29, 0.42 | 65 |
# | transformer | 0.81, 0.79, 0.82 | 57 | 0.40, 0.25, 0.47 | 45 |
#
# (Medians. *Ahead*: for how many of 100 seeds ELS is ahead of LS, or of the filter, whichever is fewer. Bold: 65 or
# more.)
#
# **The UNet draws nearly the same with attention and without**: r2 0.98. The formula foretells both; by r2 LS does,
# too. The network uses the layers: without what they add its loss on new pictures is 0.52 instead of 0.071.
#
# **With attention in the ResNet the formula foretells less, of the transformer no more than a linear filter.**

# %%
wide = {n: [middle(some[n]["transformer's windows"]) for some in (r2, part)] for n in ("ResNet, attention", *again)}
for name, values in wide.items():
    print(f"{name}, the transformer's windows: r2 {values[0]:.2f}, of an exchange {values[1]:.2f}")
assert agree(wide["ResNet, attention"], (0.88, 0.56)) and agree(wide["ResNet, attention, again"], (0.88, 0.52))

# %% [markdown] tags=["slide"]
# **Are the windows wrong? For the ResNet with attention, partly.** With the *transformer's* windows (we tried those of
# eight networks, and chose afterwards) the formula has r2 0.88 for both trainings: more than half of the fall from
# 0.91 came from our calibration.
#
# Of an exchange it then has 0.56 and 0.52, still far less than of the ResNet, 0.73. **By an exchange attention costs.**
#
# Does the theory end here, or has the transformer not learned enough? Its loss on new pictures is 0.084, the UNet's
# 0.070. So it was trained anew, for 16,000 steps instead of 8,000, and so was the ResNet, with attention and without.
# Now the losses are 0.066, 0.066 and 0.068.
#
# **Predict.** With windows measured anew: will what is foretold of the drawing and what is foretold of an exchange
# change in the same direction?

# %%
row("ResNet, attention, 16,000", (0.90, 0.86, 0.81, 73, 0.46, 0.24, 0.43, 59))
row("transformer, 16,000", (0.90, 0.90, 0.79, 59, 0.45, 0.30, 0.38, 67))
row("ResNet, 16,000", (0.89, 0.86, 0.83, 73, 0.61, 0.46, 0.52, 83))
with_it, without = "ResNet, attention, 16,000", "ResNet, 16,000"
count = int((part[without]["ELS"] > part[with_it]["ELS"]).sum())
print("of an exchange more is foretold without attention for", count)
more = int((r2[without]["ELS"] > r2["ResNet"]["ELS"]).sum())
print("of the ResNet more is foretold by r2 than after 8,000 steps for", more)
print("r2 of the ideal denoiser:", {n: round(middle(r2[n]["IS"]), 2) for n in trained})
assert count == 70 and more == 37 and max(middle(part[n]["IS"]) for n in trained) < 0.01

# %% [markdown] tags=["slide"]
# | 16,000 steps | r2: ELS, LS, filter | ahead | of an exchange: ELS, LS, filter | ahead |
# |---|---|---|---|---|
# | ResNet with attention | **0.90**, 0.86, 0.81 | 73 | 0.46, 0.24, 0.43 | 59 |
# | transformer | 0.90, 0.90, 0.79 | 59 | **0.45**, 0.30, 0.38 | 67 |
# | ResNet | **0.89**, 0.86, 0.83 | 73 | **0.61**, 0.46, 0.52 | 83 |
#
# The two need not change together: with more steps the ResNet with attention rises from 0.82 to 0.90 in r2, and of an
# exchange falls from 0.52 to 0.46.
#
# **By r2 attention costs the formula nothing in the end, of an exchange it costs some**: 0.46 is foretold with it, 0.61
# without (more for 70 of 100 seeds). The steps alone cost something, too: for the ResNet it was 0.73 before.
#
# **For the UNets and the transformer of 16,000 steps LS has nearly the same r2**: to foretell those drawings it is
# nearly enough to be local. Only of an exchange the formula foretells clearly more than LS. (One training of 16,000
# steps each.)

# %% [markdown] tags=["slide"]
# ## 7. How far they look (7 minutes)
#
# Two ways to ask. *Derivatives* (lesson 03): how much does the middle pixel of the answer change if a pixel of $x_t$
# changes a little? *What-ifs* (lesson 16): exchange a block of 6 x 6 pixels of the noise, anywhere, and see how far
# from it the drawing changes. The pictures have 16 x 16 pixels; the ResNet sees 17 x 17, the others see everything.
#
# **Predict.** Which of the two can tell the ResNet from the others? Which pixel is furthest from the middle one?

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
for network, (mark, colour) in zip(near, (*styles, ("o:", "k")), strict=True):
    name = network + ", 16,000" * (f"{network}, 16,000" in longer)
    axes[0].plot(results["times"], near[network], mark, color=colour)
    axes[1].semilogy(far[network], mark, color=colour, label=name)
axes[0].set(xlabel="t", ylabel="share of the middle 9 x 9", ylim=(0, 1), title="derivatives")
axes[1].set(xlabel="distance from the block, pixels", ylabel="part of the squared change", title="what-ifs")
axes[1].legend()
show(
    fig,
    alt="Left, share of the derivatives in the middle 9 x 9 against t: six curves close together at 0.62 to 0.7 for t "
    "= 0.9; at t = 0.1 the ResNets have 0.89 to 0.94, the others 0.75 to 0.85. Right, part of the squared change "
    "against distance, logarithmic: the ResNets without attention fall below 0.01 at 7 pixels, the others fall "
    "slowly from 0.1, have 0.06 at 6 and 0.015 at 8.",
)
print("middle 9 x 9 at t = 0.5:", {n: round(some[2].item(), 2) for n, some in near.items()}, "(of the pixels: 0.32)")
beyond = {n: 1 - some[:5].sum().item() for n, some in far.items()}
print("of the change, 5 pixels away and more:", {n: round(value, 2) for n, value in beyond.items()})
assert agree([near[n][2] for n in networks], (0.74, 0.68, 0.66, 0.73, 0.73))
assert agree(beyond.values(), (0.04, 0.20, 0.20, 0.19, 0.19, 0.08))

# %% [markdown] tags=["slide"]
# **Left, hardly**, at t = 0.5 and above: at 0.5 the middle 9 x 9 has 0.74 of the absolute derivatives in the ResNet,
# 0.73 to 0.66 in the others.
#
# **Right, at once.** Of all *squared* change together, what lies five pixels from the block and further is 4 % in the
# ResNet (8 % after 16,000 steps), 19 or 20 % in those that see everything.
#
# **The left question was put where all agree.** Nothing is further than 8 pixels from the middle one, and the ResNet
# sees 8 pixels far: from there it sees the whole picture, too. So ask again, and turn it round: how does each pixel of
# the answer depend on a *corner block* of $x_t$?

# %% tags=["slide"]
fig, axes = plt.subplots(1, 4, figsize=(10, 3.1), layout="constrained")
to_block, to_middle = (k - (SIDE - 1)).clamp(min=0), (k - 8).abs()
places = {"middle": (to_middle, "influence"), "corner": (to_block, "felt from a corner")}
share = {}
for axis, (where, name) in zip(axes, itertools.product(places, ("ResNet", "UNet")), strict=True):
    steps, key = places[where]
    distance, maps = torch.maximum(steps[:, None], steps[None, :]), results[f"{key}, {networks[name]}"]
    share[name, where] = (maps[2][distance >= 5].sum() / maps[2].sum()).item()  # at t = 0.5
    shown = axis.imshow((maps[2] / maps[2].max()).clamp(min=1e-3).log10(), vmin=-3, vmax=0, cmap="magma")
    axis.set(title=f"{name}: {where}\n5 pixels away or more: {share[name, where]:.2f}", xticks=[], yticks=[])
    if where == "corner":
        axis.plot([-0.5, 5.5, 5.5], [5.5, 5.5, -0.5], "w-")  # the block
        axis.plot([-0.5, 13.5, 13.5], [13.5, 13.5, -0.5], "w:")  # 8 pixels from it
fig.colorbar(shown, ax=axes, label="log10, largest = 0")
show(
    fig,
    alt="Derivatives at t = 0.5, from pale yellow, large, to black, a thousandth of the largest or less. How the "
    "middle pixel of the answer depends on each pixel: bright middles that fade, the ResNet's to black corners. "
    "How each pixel of the answer depends on the corner block: the ResNet's fade, and are black beyond a dotted "
    "line 8 pixels from it; the UNet's stay bright over nearly the whole picture.",
)

# %%
once = {n: results[f"exchanged once, {name}"][2].item() for n, name in (learned | plain_longer).items()}
once["ResNet, attention, 8,000"] = results["exchanged once, attention-resnet"][2].item()
print("that block exchanged and asked once, t = 0.5, 5 pixels away or more:", {n: round(v, 2) for n, v in once.items()})
assert agree(share.values(), (0.26, 0.32, 0.11, 0.40))
assert agree(once.values(), (0.04, 0.25, 0.26, 0.13, 0.28, 0.12, 0.07))

# %% [markdown] tags=["slide"]
# From a corner derivatives tell at once: in the ResNet 0.11 of them lie five pixels from the block or further, in the
# UNet 0.40. **Ask where the answers can differ.**
#
# Exchange that block, and ask the networks only once, at t = 0.5: of the squared change 4 % is five pixels away and
# more in the ResNet, 25 % in the UNet, 28 % in the transformer.
#
# **With time ResNets learn to look further, with attention or not**: from 7 to 13 % with it, from 4 to 12 % without.

# %% [markdown] tags=["slide"]
# ## 8. Three guesses (4 minutes)
#
# Take your sheet: (a) as well as before, (b) less well, but better than its rivals, (c) no better than one of them.
#
# | | the drawing: r2, ahead | | a change: foretold, ahead | |
# |---|---|---|---|---|
# | noise in every step | 0.92, 61 | (c) | 0.71, 53 | (c) |
# | guidance, $w = 3$ | 0.89, 71 | (b) | 0.31, 61 | (c) |
# | attention in the UNet | 0.94, 63 | (c) as before | 0.52, 75 | (a) |
# | ... in the ResNet, two trainings | 0.82, 59; 0.84, 71 | (c), (b) | 0.52, 65; 0.51, 65 | (b) |
# | ... after 16,000 steps | 0.90, 73 | (a) | 0.46, 59 | (c) |
# | transformer | 0.81, 57 | (c) | 0.40, 45 | (c) |
# | ... after 16,000 steps | 0.90, 59 | (c) | 0.45, 67 | (b) |
#
# Where it is (c) the formula may be right, and yet a simpler one as good.
#
# **Where a theory ends it seldom says itself. We had to measure it.**

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * With noise in every step the formula follows the network; a linear filter with its windows does so as well.
# * Guidance magnifies small differences. In the formula it is a vote with votes against. The formula foretells the
#   drawings, the less, the stronger the guidance; of what guidance changes, hardly more than LS.
# * Guided or not, the ideal denoiser copies: in the end one picture has all votes, with the word and without.
# * A UNet with attention draws nearly what the UNet draws. LS foretells its drawings as well as the formula does, but
#   not an exchange.
# * In a ResNet a layer of attention costs the formula some of an exchange, in the end nothing of the drawing. A small
#   transformer's drawings it foretells no better than a simpler rival.
# * A probe tells networks apart only where they can differ: ask from a corner.

# %% [markdown] tags=["slide"]
# ## What is still unexplained
#
# **What would the formula of attention be?** If every place may ask all, the best denoiser is ES where places are
# alike, and copies, shifted; where they know their place, as in our three, it is the ideal one, and copies. Our
# networks do not copy. For what holds them back nobody has a formula; Finn and others (2025) have one for a single
# layer of attention on top of a convolutional network. Why does attention change the ResNet and not the UNet?
#
# **And with ten times the steps, on more pictures?** We have not tried. Nor is any of our networks large.

# %% [markdown] tags=["slide"]
# ## The course in five sentences
#
# A perfect denoiser can only return its training pictures. Long before it could know its pictures by heart, a trained
# convolutional network answers for each pixel mostly from its surroundings, wide ones at first, a few pixels in the
# end, and alike everywhere, as far as it cannot see the border. Put these two limits on the perfect one, and you
# have a formula that **puts together pixels of all pictures, and says, picture by picture, nearly what the network will
# draw**, of garments and of emoji; of garments mostly better than a linear filter that sees as much, of emoji a little.
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
