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
# # 16 · The formula knows what another noise would have drawn
#
# **You will** exchange a piece of the noise and foretell what that changes in a network's drawing; turn one noise into
# another and watch; choose noises for a network that you never ask; and take off a third leg.
#
# **You will learn** that to say what *would have been* is a harder test than to say what is, why the mean picture
# cannot pass it, and that a theory which passes it can be used to steer.
#
# **You need** the machines of lessons 02, 04 and 08, r2 and R2 (lesson 11), third legs (lesson 12), two trainings (15).
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

# %% [markdown] tags=["slide"]
# ## 1. A question that the mean picture cannot answer (6 minutes)
#
# We take the network that is told what to draw, and its hundred seeds, ten of each class. The formula predicts its
# drawings with a median r2 of 0.94. How much of that is the class alone?
#
# **Predict.** Somebody knows nothing of the noise. For every seed he names the mean of all training pictures of the
# class. What is his median r2: 0.3, 0.6, 0.8?

# %%
garments = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional", verbose=False)
stored, results = els.load_results(garments.network.name), els.load_results("16_what_if")
noise, labels = els.seeded_noise(garments.seeds, garments.shape), garments.labels_for(garments.seeds)
images, kinds = garments.data.images, garments.data.labels
means = torch.stack([images[kinds == label].mean(0) for label in labels])
before = stored["network-150"].clamp(-1, 1)
guesses = {"ELS": stored["els-zeros"], "mean of the class": means, "IS": stored["is"]}
agree = {name: els.compare(guess, before).r2.quantile(0.5).item() for name, guess in guesses.items()}
print("median r2 with the network:", {name: round(value, 2) for name, value in agree.items()})
stated = {"ELS": 0.94, "mean of the class": 0.73, "IS": 0.74}
assert all(abs(agree[name] - value) < 0.006 for name, value in stated.items())

# %% [markdown] tags=["slide"]
# **0.73.** And the ideal machine, which sees all of the noise, has 0.74. All sneakers look alike; whoever has the class
# has most of the picture, and r2 pays for it.
#
# So ask for something of which the mean picture knows nothing. A **what-if**: exchange a small part of the noise, and
# say *what changes* in the drawing. A mean picture says "nothing".
#
# A drawing *is*; a change *would have been*. Whoever foretells it must know what depends on what.

# %% [markdown]
# ### Exercise 1: Exchange a block of the noise (4 minutes, ★☆☆)
#
# Write `exchange(noise, other, y, x, side)`: the noise, both (B, C, H, W), with the `other` one's pixels in the square
# whose upper left pixel is in row `y` and column `x` and whose sides are `side` pixels long. (The noise that you are
# given stays as it is.)


# %%
def exchange(noise, other, y, x, side):
    """noise, other (B, C, H, W) -> the noise with a block of side x side pixels of the other, (B, C, H, W)."""
    ...


check.exchange(exchange)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("exchange")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def exchange(noise, other, y, x, side):
#     changed = noise.clone()
#     changed[..., y : y + side, x : x + side] = other[..., y : y + side, x : x + side]
#     return changed
# ```
# </details>
#
# For each of the hundred seeds one block of 6 x 6 pixels, 14 % of the picture, at a random place, gets other noise
# (outlined below). The drawings are stored; we make the first ten again.
#
# **Predict.** What will be different in the network's drawing: (a) only the block, (b) the block and what is around it,
# (c) the whole garment, another shirt in place of this one?

# %%
SIDE, corners = 6, results["exchanged, corners"].tolist()
others = els.seeded_noise([10_000 + seed for seed in garments.seeds], garments.shape)
changed = noise.clone()
for k, (y, x) in enumerate(corners):
    block = slice(y, y + SIDE), slice(x, x + SIDE)
    changed[k, :, *block] = others[k, :, *block]


def drawings(group, who, network=garments.network.name):
    """Stored drawings of the noises of a group (data/lessons/make_16_what_if.py, 8 bits per pixel)."""
    return results[f"{group}, {network}, {who}"].float() / 127.5 - 1


after = drawings("exchanged", "network-150")
live = els.sample(garments.network, changed[:10], steps=150, labels=labels[:10])
assert (live.clamp(-1, 1) - after[:10]).abs().max() < 0.02

# %% tags=["slide"]
ten = slice(0, 10)
rows = {"noise": noise / 2, "changed noise": changed / 2, "network": before, "after": after, "change": after - before}
fig = plotting.image_rows({name: some[ten] for name, some in rows.items()}, titles=[f"seed {k}" for k in range(10)])
for row in (1, 3, 4):
    for k, (y, x) in enumerate(corners[ten]):
        frame = {"fill": False, "ec": plotting.ORANGE, "lw": 1}
        fig.axes[10 * row + k].add_patch(plt.Rectangle((x - 0.5, y - 0.5), SIDE, SIDE, **frame))
show(
    fig,
    alt="Ten seeds: noise, the same with one block exchanged, what the network draws from both, and the difference. "
    "The garments stay; the difference lies in the outlined block and fades within a few pixels around it.",
)

# %% [markdown]
# Mostly **(b)**: the garment stays, and what changes lies in the block and near it. Not always only there: with seed 6
# a block in the middle makes the whole shirt dark, with seed 2 an arm far from the block is gone.
#
# ## 2. How far a piece of noise reaches (6 minutes)
#
# How far exactly? Count the steps from the block: a pixel of the block has distance 0, its neighbours outside, also
# diagonally, distance 1, and so on.
#
# ### Exercise 2: How far from the block (7 minutes, ★★☆)
#
# Write `by_distance(change, y, x, side)`: the change of one drawing, (H, W), and its block. Return the sum of the
# **squared** change over the pixels at each distance 0, 1, 2, ..., shape (max(H, W),). The distance of a pixel is the
# larger of its steps along rows and along columns.


# %%
def by_distance(change, y, x, side):
    """change (H, W), block of side x side from (y, x) -> sum of squares at distance 0, 1, ..., (max(H, W),)."""
    ...


check.by_distance(by_distance)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("by_distance")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def by_distance(change, y, x, side):
#     def steps(n, start):
#         k = torch.arange(n)
#         return torch.maximum(start - k, k - (start + side - 1)).clamp(min=0)
#
#     height, width = change.shape
#     distance = torch.maximum(steps(height, y)[:, None], steps(width, x)[None, :])
#     return torch.stack([change[distance == d].square().sum() for d in range(max(height, width))])
# ```
# </details>
#
# **Predict.** What part of the network's change lies in the block itself: a third, two thirds, nearly all? And of the
# machines' changes? Which machine hardly cares where the block was?

# %%
who = {"network": "network-150", "ELS": "els-zeros", "LS": "ls", "Wiener": "wiener", "IS": "is"}
change = {name: drawings("exchanged", key) - stored[key].clamp(-1, 1) for name, key in who.items()}
k = torch.arange(16)
away = []
for y, x in corners:
    rows, columns = (torch.maximum(start - k, k - (start + SIDE - 1)).clamp(min=0) for start in (y, x))
    away.append(torch.maximum(rows[:, None], columns[None, :]))
away = torch.stack(away)  # (100, 16, 16)
part = {}
for name, some in change.items():
    squares = some[:, 0].square()
    part[name] = torch.stack([squares[away == d].sum() / squares.sum() for d in range(11)])

# %% tags=["slide"]
colours = {"network": "k", "ELS": plotting.BLUE, "LS": plotting.GREY, "Wiener": plotting.GREEN, "IS": plotting.ORANGE}
marks = dict(zip(colours, "o^vDs", strict=True))
fig, axis = plt.subplots(figsize=(6.5, 3.4))
for name, values in part.items():
    axis.semilogy(values[:9], f"{marks[name]}-", color=colours[name], ms=5, label=name)
axis.set(xlabel="distance from the block, pixels", ylabel="part of the squared change", ylim=(0.001, 1))
axis.legend()
show(
    fig,
    alt="Part of the squared change against distance from the block, logarithmic. Network and ELS nearly coincide: "
    "0.68 in the block, 0.14 beside it, falling to 0.01 at six pixels. Wiener and LS fall more slowly. IS: 0.28 in the "
    "block, then flat near 0.1.",
)
print({name: [round(v, 2) for v in values[:4].tolist()] for name, values in part.items()})
stated = {"network": (0.68, 0.14), "ELS": (0.67, 0.15), "LS": (0.62, 0.15), "Wiener": (0.59, 0.11), "IS": (0.28, 0.12)}
assert all(abs(part[name][d] - values[d]) < 0.006 for name, values in stated.items() for d in (0, 1))
assert max(abs(part["network"][d] - part["ELS"][d]) for d in range(9)) < 0.02 < 0.05 < part["IS"][1:8].min()

# %% [markdown] tags=["slide"]
# Two thirds (0.68) of the network's change lie in the block, then 0.14, 0.08, 0.05. **The formula's change fades in the
# same way**, within 0.02 at every distance (0.67, 0.15, 0.08, 0.04), although its windows are 13 pixels wide at first:
# where there is much noise, a single pixel has little to say.
#
# The ideal machine hardly cares where the block was: only 0.28 of its change lie there. It weighs whole pictures. A
# block can change its choice, and then everything changes; or it does not, and nothing does.

# %%
unchanged = int((change["IS"].abs().amax((1, 2, 3)) < 0.02).sum())
print(f"IS draws the same picture as before for {unchanged} of 100 seeds")
assert unchanged == 18
size = {name: some.square().mean((1, 2, 3)).sqrt().quantile(0.5).item() for name, some in change.items()}
print("median size of the change, as the root of its mean square:", {name: round(v, 2) for name, v in size.items()})
assert abs(size["network"] - 0.21) < 0.006 and abs(size["ELS"] - 0.21) < 0.006 and abs(size["IS"] - 0.30) < 0.006

# %% [markdown]
# Click on the same pixel in both of seed 6's pictures, before and after. The block was exchanged in the middle of the
# shirt. Which training patches voted before, which vote now, far from the block and near it?

# %%
machine = garments.machine("els-zeros")
pair = torch.stack([noise[6], changed[6]])
path = list(els.trajectory(machine, pair, steps=20, labels=6))
widgets.MosaicExplorer.of(machine, path[14][1], path[-1][1], t=0.3, top=4, labels=6)

# %% [markdown] tags=["slide"]
# ## 3. Who can foretell it? (9 minutes)
#
# Now the test. Each machine draws from the noise and from the changed noise; the difference is what it foretells.
#
# r2 will not do: it forgives a change that is foretold ten times too large, and for a machine that foretells none it is
# not defined. We measure in squares what is *left* of the change:
#
# $$\text{foretold} = 1 - \frac{\sum_x (\Delta(x) - \hat\Delta(x))^2}{\sum_x \Delta(x)^2}$$
#
# where $\Delta$ is what changes in the network's drawing and $\hat\Delta$ what was foretold. 1 is all of it; **0 is
# what "nothing will change" gets**; below 0, it would have been better to say nothing.
#
# ### Exercise 3: How much of the change is foretold (6 minutes, ★★☆)
#
# Write `foretold(change, predicted)`, both (B, C, H, W): this number for every image, shape (B,).


# %%
def foretold(change, predicted):
    """change, predicted (B, C, H, W) -> 1 - what is left / what there was, in squares, (B,)."""
    ...


check.foretold(foretold)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("foretold")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def foretold(change, predicted):
#     left, whole = ((some**2).sum((1, 2, 3)) for some in (change - predicted, change))
#     return 1 - left / whole
# ```
#
# It is R2 with another baseline: in place of the mean of the pixels, no change at all.
# </details>
#
# **Predict.** As predictions of the *drawings* the machines are close together: ELS 0.94, LS 0.91, Wiener 0.86, IS
# 0.74, the mean of the class 0.73. How much of the *change* does each foretell?


# %%
def left_out(change, predicted):
    """What is left of each change when the prediction is taken off, as a part of it, (B,)."""
    return (change - predicted).square().sum((1, 2, 3)) / change.square().sum((1, 2, 3))


nets = {"ResNet, classes": garments.network.name, "ResNet": "fashion-mnist-16-resnet-zeros"}
nets |= {"UNet": "fashion-mnist-16-unet-zeros", "ResNet, circular": "fashion-mnist-16-resnet-circular"}
table, ahead = {}, {}
for label, network in nets.items():
    own, drew = f"els-{network.split('-')[4]}", els.load_results(network)
    moved = {name: drawings("exchanged", key, network) - drew[key].clamp(-1, 1)
             for name, key in (who | {"ELS": own}).items()}  # fmt: skip
    score = {name: 1 - left_out(moved["network"], some) for name, some in moved.items() if name != "network"}
    r2 = {name: els.compare(drew[key], drew["network-150"]).r2 for name, key in (who | {"ELS": own}).items()}
    table[label] = {
        name: (r2[name].quantile(0.5).item(), values.quantile(0.5).item()) for name, values in score.items()
    }
    ahead[label] = {name: int((score["ELS"] > values).sum()) for name, values in score.items() if name != "ELS"}

# %% tags=["slide"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for axis, column, title in zip(axes, (0, 1), ("the drawing, r2", "the change, part foretold"), strict=True):
    for name in ("IS", "Wiener", "LS", "ELS"):
        values = [row[name][column] for row in table.values()]
        axis.plot(values, range(len(nets)), marks[name], color=colours[name], ms=7, label=name)
    axis.axvline(0, color="k", lw=0.6)
    axis.set(title=title, xlim=(-0.85, 1))
axes[0].set_yticks(range(len(nets)), nets)
axes[1].legend(loc="center left")
show(
    fig,
    alt="For four networks, r2 of each machine's drawings on the left and the part of the change that it foretells on "
    "the right. On the right the machines are far apart: ELS 0.7 or 0.5, LS and Wiener between, IS at or below 0.",
)
for label, row in table.items():
    values = "   ".join(f"{name} {r2:.2f} {part:5.2f}" for name, (r2, part) in row.items())
    print(f"{label:17s} {values}   ELS ahead of: {ahead[label]}")

# %%
stated = {"ResNet, classes": (0.69, 0.50, 0.55, -0.52), "ResNet": (0.73, 0.47, 0.44, -0.75)}
stated |= {"UNet": (0.52, 0.37, 0.34, -0.01)}
for label, values in stated.items():
    for name, value in zip(("ELS", "LS", "Wiener", "IS"), values, strict=True):
        assert abs(table[label][name][1] - value) < 0.011, (label, name, table[label][name])
b1 = "2000-other-pictures-seed-1"  # a network that shares no picture with the ResNet, nor any other thing (lesson 15)
its_own = els.load_results("15_exchange")[f"network-150, {b1}"].float() / 127.5 - 1
plain = els.load_results(nets["ResNet"])["network-150"].clamp(-1, 1)
moved = {name: drawings("exchanged", key, nets["ResNet"]) - start
         for name, key, start in (("A", "network-150", plain), ("B", "other-2000-pictures", its_own))}  # fmt: skip
another_network = (1 - left_out(moved["A"], moved["B"])).quantile(0.5).item()
another_seed = (1 - left_out(change["network"], change["ELS"].roll(1, 0))).quantile(0.5).item()
print(f"another network, of other pictures: {another_network:.2f}; what ELS says of another seed: {another_seed:.2f}")
assert abs(another_network - 0.91) < 0.006 and another_seed < -0.9
stated = {"ELS": 0.55, "LS": -0.06, "Wiener": 0.11, "IS": -0.77}
assert all(abs(table["ResNet, circular"][name][1] - value) < 0.011 for name, value in stated.items())
assert min(min(others.values()) for others in ahead.values()) == 72

# %% [markdown] tags=["slide"]
# On the left four theories of the UNet look nearly alike. **On the right they come apart.** Of the change of the two
# ResNets with zero padding the formula foretells 0.69 and 0.73, LS and the best linear filter about half, and the ideal
# machine *less than nothing*: whoever trusts it is further off than who says "nothing will change" (-0.52 and -0.75).
#
# For the UNet the ideal machine has r2 0.86 with the drawings. Of what would have been it knows nothing (-0.01). The
# formula does (0.52; it is ahead of each other machine for at least 72 of 100 seeds, for every network).
#
# Two checks. Another network, trained on other pictures, foretells 0.91 of the ResNet's change: that much is possible.
# And what the formula says of *another* seed's exchange foretells nothing: it is not "some change of about this size".

# %% [markdown]
# So the ladder of lesson 11 looks different from here. By drawings the ideal machine is on a par with the mean of the
# class and not far below the linear filter. By changes it is not on the ladder at all. That is no surprise once said: a
# memory has all of its pictures, but it has no idea which pixel depends on which.
#
# But 0.7 is not 0.91, either, and the seeds differ much. **Predict.** Is the formula better at large changes, or at
# small ones?

# %%
score = 1 - left_out(change["network"], change["ELS"])
small = change["network"].square().mean((1, 2, 3)).sqrt().argsort()
halves = {"smaller half of the changes": small[:50], "larger half": small[50:]}
by_size = {name: score[some].quantile(0.5).item() for name, some in halves.items()}
print({name: round(value, 2) for name, value in by_size.items()}, "below 0:", int((score < 0).sum()), "of 100")
assert abs(by_size["smaller half of the changes"] - 0.48) < 0.011 and abs(by_size["larger half"] - 0.79) < 0.011
assert abs(int((score < 0).sum()) - 12) <= 1

# %% [markdown]
# At large ones: of the larger half of the changes it foretells 0.79, of the smaller 0.48, and for 12 of 100 seeds it
# would have been better to say nothing. That can be asked in a cleaner way.
#
# ## 4. Small questions and large ones (9 minutes)
#
# Turn one noise $\epsilon$ into another, $\epsilon'$, by an angle $\varphi$:
#
# $$\epsilon_\varphi = \cos\varphi\, \epsilon + \sin\varphi\, \epsilon'$$
#
# Each mixture is noise of variance 1 again, as in lesson 01. At 0 degrees we draw from the first, at 90 from the
# second.
#
# **Predict.** Two bags. What does the ideal machine draw on the way from one to the other? And the network: does it
# leap, like the ideal machine, or glide?

# %% tags=["slide"]
turned = {name: drawings("turned", key) for name, key in who.items()}  # (20 pairs, 21 angles, 1, 16, 16)
show(
    plotting.image_rows(
        {name: turned[name][8, ::2] for name in ("IS", "ELS", "network")},
        titles=[f"{degrees}°" for degrees in range(0, 91, 9)],
    ),
    alt="Eleven drawings on the way from one noise to another. IS leaps between five bags of its training set. In the "
    "rows of ELS and of the network one bag gradually becomes another, with nearly the same forms in between.",
)

# %%
import math

pair = [els.seeded_noise([seed], garments.shape) for seed in (2008, 3008)]
angles = [math.radians(4.5 * k) for k in (0, 10, 20)]
between = torch.cat([math.cos(angle) * pair[0] + math.sin(angle) * pair[1] for angle in angles])
again = els.sample(garments.network, between, steps=150, labels=8)
assert (again.clamp(-1, 1) - turned["network"][8, [0, 10, 20]]).abs().max() < 0.02
steps = {name: (some[:, 1:] - some[:, :-1]) for name, some in turned.items()}
still = (steps["IS"].abs().amax((2, 3, 4)) < 0.05).float().mean().item()
lengths = {name: some.square().sum((2, 3, 4)).sqrt() for name, some in steps.items()}
straight = {name: (some[:, -1] - some[:, 0]).square().sum((1, 2, 3)).sqrt() for name, some in turned.items()}
detour = {name: (lengths[name].sum(1) / straight[name]).quantile(0.5).item() for name in turned}
print(f"steps of 4.5 degrees at which IS draws the same picture: {still:.0%}")
print("length of the way over the distance of its ends:", {name: round(value, 2) for name, value in detour.items()})
assert abs(still - 0.785) < 0.01
stated = {"network": 1.36, "ELS": 1.96, "LS": 2.60, "Wiener": 1.14, "IS": 2.30}
assert all(abs(detour[name] - value) < 0.02 for name, value in stated.items())

# %% [markdown]
# The ideal machine stands still for 79 % of the steps, and leaps at the others. Network and formula glide, through
# nearly the same pictures.
#
# Not quite alike, though. The network's way is 1.36 times as long as the straight line between its ends; the formula's
# 1.96 times: it **trembles**. Where two patches of the training pictures are about as near, a little noise decides.
#
# **Predict.** So how much of the network's change does it foretell after a turn of 4.5 degrees, of 18, of 90? At which
# of them is the best linear filter better?

# %%
lags = (1, 2, 3, 4, 6, 8, 10, 14, 20)


def after_turn(predicted, lag):
    """The part of the network's change over `lag` steps that is foretold: median over all places of all ways."""
    true, said = (some[:, lag:] - some[:, :-lag] for some in (turned["network"], predicted))
    return (1 - left_out(true.flatten(0, 1), said.flatten(0, 1))).quantile(0.5).item()


# %% tags=["slide"]
by_turn = {name: [after_turn(some, lag) for lag in lags] for name, some in turned.items() if name != "network"}
fig, axis = plt.subplots(figsize=(6.5, 3.4))
for name, values in by_turn.items():
    axis.plot([4.5 * lag for lag in lags], values, f"{marks[name]}-", color=colours[name], ms=5, label=name)
axis.axhline(0, color="k", lw=0.6)
axis.set(xlabel="turn of the noise, degrees", ylabel="part of the change foretold", ylim=(-1.1, 1))
axis.legend(loc="lower right")
show(
    fig,
    alt="Part of the network's change that is foretold, against the turn of the noise. ELS rises from -0.5 at 4.5 "
    "degrees to 0.8 at 90; Wiener, from 0.4 to 0.7, is above it below 25 degrees. LS lies lower, IS near 0 or below.",
)
print(
    {
        name: dict(zip([4.5 * lag for lag in lags], [round(v, 2) for v in values], strict=True))
        for name, values in by_turn.items()
    }
)

# %%
stated = {"ELS": {1: -0.53, 2: 0.03, 4: 0.39, 6: 0.54, 20: 0.82}, "Wiener": {1: 0.44, 4: 0.48, 6: 0.50, 20: 0.69}}
for name, values in stated.items():
    assert all(abs(by_turn[name][lags.index(lag)] - value) < 0.011 for lag, value in values.items())
assert by_turn["ELS"][3] < by_turn["Wiener"][3] and by_turn["ELS"][4] > by_turn["Wiener"][4]  # 18 and 27 degrees
assert all(values[k] < by_turn["ELS"][k] for name, values in by_turn.items() if name == "LS" for k in range(len(lags)))

# %% [markdown] tags=["slide"]
# **A theory has a resolution.** After a turn of 90 degrees, another noise altogether, the formula foretells 0.82 of
# what changes. After 18 degrees 0.39, less than the best linear filter (0.48); after 9 nothing (0.03). After 4.5
# degrees it would have been better to say nothing (-0.53): it sees changes, but its own trembling is larger.
#
# This is no contradiction to the r2 of 0.94: small changes are small.
#
# ## 5. A calmer formula (7 minutes)
#
# So the network does something that the formula does not: it is *smoother*. Try the obvious cure. Turn the noise a
# little, by 18 degrees, towards eight other noises; let the formula draw eight times; take the mean.
#
# **Predict.** Is the mean nearer to what the network draws from the noise in the middle, or further off, since it draws
# from none of the eight? And does it foretell the exchanged blocks better?

# %% tags=["slide"]
calm = drawings("nearby", "els-zeros")  # (2, 100, 1, 16, 16): the mean of eight, before the exchange and after it
rows = {"ELS": stored["els-zeros"], "mean of eight": calm[0], "network": before}
show(
    plotting.image_rows({name: some[ten] for name, some in rows.items()}, titles=[f"seed {k}" for k in range(10)]),
    alt="Ten seeds drawn by ELS, as the mean of eight drawings of ELS from noises nearby, and by the network. The mean "
    "of eight has lost single bright and dark pixels that the network does not have either.",
)

# %%
calm_change = calm[1] - calm[0]
nearer = {name: els.compare(some, before).r2 for name, some in {"ELS": stored["els-zeros"], "calm": calm[0]}.items()}
said = {"ELS": change["ELS"], "calm": calm_change}
scores = {name: 1 - left_out(change["network"], some) for name, some in said.items()}
in_r2 = {name: els.compare(some, change["network"]).r2 for name, some in said.items()}
for what, some in {"r2 of the drawing": nearer, "change foretold": scores, "r2 of the change": in_r2}.items():
    medians = {name: round(values.quantile(0.5).item(), 3) for name, values in some.items()}
    print(f"{what:18s} {medians}, calm ahead for {(some['calm'] > some['ELS']).sum()} of 100")

stated = {"r2 of the drawing": (nearer, 0.945, 0.955, 73), "foretold": (scores, 0.691, 0.790, 86)}
for some, plain_one, calm_one, ahead_for in (stated | {"r2 of the change": (in_r2, 0.748, 0.801, 91)}).values():
    assert abs(some["ELS"].quantile(0.5) - plain_one) < 0.004 and abs(some["calm"].quantile(0.5) - calm_one) < 0.004
    assert abs(int((some["calm"] > some["ELS"]).sum()) - ahead_for) <= 2

# %% [markdown] tags=["slide"]
# **Nearer.** r2 with the network's drawings goes from 0.945 to 0.955 (ahead for 73 of 100 seeds), and of the exchanged
# blocks the calm formula foretells **0.79** in place of 0.69 (86 of 100). It is not only that it foretells less: r2 of
# the change, which forgives the size, goes from 0.75 to 0.80 (91 of 100).
#
# So a part of what the formula lacked (lesson 15 asked what that is) has a name now: **the network is smoother than the
# formula**. The formula decides between two patches as sharply as the noise allows. The network, with its finitely many
# weights, cannot follow every such decision, and draws what lies between.

# %% [markdown]
# It is the third kind of imperfection in this course, after looking at little and not knowing the place. It is not our
# idea: Scarvelis and others (2023) smoothed the *ideal* denoiser, by the mean over a few noisy copies of its input, and
# found that this alone makes it draw new pictures. Here it is one step on a way on which the windows came first. The
# angle (18 degrees) and the number (eight) were chosen once, and not tuned.

# %% [markdown] tags=["slide"]
# ## 6. Make a wish (8 minutes)
#
# Whoever can foretell a change can bring it about. Twenty seeds, two of each class, and for each the choice of 32
# exchanged blocks. The **formula** draws all 32, we look which drawing fulfils a wish best, and only that noise goes to
# the network. The network is asked once.
#
# Two wishes, as numbers: *one-sided*, the mean brightness of the left half minus that of the right one; *lively*, the
# mean absolute difference of neighbours in a row.
#
# **Predict.** To choose blindly gives, on average, the mean of the 32. How much of what the network could have given
# above that do we get, if the formula chooses: a tenth, half, nearly all? And if the ideal machine chooses?

# %% [markdown]
# ### Exercise 4: What the formula's choice is worth (6 minutes, ★★☆)
#
# Write `kept(by_formula, by_network)`, both (S, K): for S seeds and K noises how well the formula's drawing fulfils the
# wish, and the network's. For each seed the formula chooses the noise that *it* finds best. Return, shape (S,), what
# the network gives there above its mean over the K, as a part of the most that it could give above its mean: 1 if the
# choice was the best, 0 if it was as good as a blind one.


# %%
def kept(by_formula, by_network):
    """by_formula, by_network (S, K), how well the wish is fulfilled -> what the choice is worth, (S,)."""
    ...


check.kept(kept)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("kept")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def kept(by_formula, by_network):
#     given = by_network.gather(1, by_formula.argmax(1, keepdim=True)).squeeze(1)
#     mean, best = by_network.mean(1), by_network.max(1).values
#     return (given - mean) / (best - mean)
# ```
#
# The mean is what a blind choice gives; the best of 32 is what whoever asks the network 32 times can have.
# </details>

# %%
wished = {name: drawings("wished", key) for name, key in who.items()}  # (20 seeds, 1 + 32, 1, 16, 16); first: unchanged
wishes = {
    "one-sided": lambda some: (some[..., :8].mean(-1) - some[..., 8:].mean(-1)).mean((-1, -2)),
    "lively": lambda some: some.diff(dim=-1).abs().mean((-1, -2, -3)),
}
worth, chosen = {}, {}
for wish, measure in wishes.items():
    values = {name: measure(some)[:, 1:] for name, some in wished.items()}
    mean, best = values["network"].mean(1), values["network"].amax(1)
    for name in ("ELS", "LS", "Wiener", "IS"):
        chosen[wish, name] = values[name].argmax(1)
        given = values["network"].gather(1, chosen[wish, name][:, None])[:, 0]
        worth[wish, name] = (given - mean) / (best - mean)
for (wish, name), some in worth.items():
    print(
        f"{wish:10s} chosen by {name:7s} mean {some.mean():.2f}, the very best of 32 for {(some > 0.999).sum()} of 20"
    )

# %% tags=["slide"]
start, pick = wished["network"][:10, 0], chosen["one-sided", "ELS"][:10] + 1
rows = {
    "unchanged": start,
    "ELS, chosen": wished["ELS"][range(10), pick],
    "network": wished["network"][range(10), pick],
}
show(
    plotting.image_rows(rows, titles=list(garments.data.class_names)),
    alt="Ten garments, one of each class: as the network draws them unchanged, the drawing that ELS chose as the most "
    "one-sided of 32, and what the network draws from that noise: as one-sided, with the same bright left halves.",
)

# %%
stated = {"one-sided": (0.93, 0.90, 0.89, 0.33), "lively": (0.81, 0.68, 0.70, 0.50)}
for wish, values in stated.items():
    for name, value in zip(("ELS", "LS", "Wiener", "IS"), values, strict=True):
        assert abs(worth[wish, name].mean() - value) < 0.011, (wish, name)
best_of_all = {wish: int((worth[wish, "ELS"] > 0.999).sum()) for wish in wishes}
assert all(abs(best_of_all[wish] - count) <= 1 for wish, count in {"one-sided": 15, "lively": 10}.items())

# %% [markdown] tags=["slide"]
# **Nearly all.** For the one-sided garment the formula's choice keeps 0.93 of what 32 questions to the network could
# have given, and is the very best noise of the 32 for 15 of 20 seeds. The network followed the wish of somebody who had
# never asked it anything.
#
# Be fair to the others: the wish is a *linear* one, a sum of pixels with signs, and there the linear filter does nearly
# as well (0.89; LS 0.90). For the lively garment, which is not linear, the formula keeps 0.81, LS 0.68, the filter
# 0.70. The ideal machine is a bad adviser for both (0.33 and 0.50).

# %% [markdown] tags=["slide"]
# ## 7. A third leg, taken off (7 minutes)
#
# Lesson 12 tried to cure third legs by wider windows, and the cure cost more than it brought. Here is another one:
# leave all windows as they are, and change the *noise*. For each of the 17 trousers to which the network drew a third
# leg, 24 exchanged blocks in the lower half.
#
# **Predict.** Lesson 12 warned: what was selected for being extreme gets better by *any* change. After how many of all
# these exchanges will the network draw sound trousers, whoever chose them: a tenth, half? And how much better is the
# choice of the formula?

# %%
repaired = {name: drawings("repaired", key) for name, key in who.items()}  # (17 seeds, 1 + 24, 1, 16, 16)


def sound(some):
    """Whether no row below the waist has three bright runs (the counter of lesson 12), (...)."""
    bright = torch.nn.functional.pad(some[..., 0, 8:, :] > 0, (1, 0)).int()
    return (bright.diff(dim=-1) == 1).sum(-1).amax(-1) < 3


assert not sound(repaired["network"][:, 0]).any()  # so they were selected
cured, says = sound(repaired["network"][:, 1:]), sound(repaired["ELS"][:, 1:])
shares = {"all exchanges": cured.float().mean(), "ELS draws it sound": cured[says].float().mean()}
shares["ELS draws three legs"] = cured[~says].float().mean()
print(
    {name: f"{share:.0%}" for name, share in shares.items()}, "of", cured.numel(), int(says.sum()), int((~says).sum())
)
both = says.any(1) & ~says.all(1)
gain = torch.stack([cured[k][says[k]].float().mean() - cured[k][~says[k]].float().mean() for k in both.nonzero()[:, 0]])
print(f"seed by seed: ahead for {(gain > 0).sum()} of {len(gain)}, median {gain.quantile(0.5):.2f}")
assert [round(share.item(), 2) for share in shares.values()] == [0.61, 0.71, 0.28]
assert (gain > 0).all() and len(gain) == 16 and abs(gain.quantile(0.5) - 0.48) < 0.03

# %% tags=["slide"]
first = says.float().argmax(1) + 1  # of each seed the first exchange after which the formula draws sound trousers
seeds = range(len(first))
rows = {"network, before": repaired["network"][:, 0], "ELS, first sound": repaired["ELS"][seeds, first]}
rows["network, from it"] = repaired["network"][seeds, first]
show(
    plotting.image_rows({name: some[:12] for name, some in rows.items()}),
    alt="Twelve pairs of trousers to which the network drew a third leg, the first sound ones that ELS draws after an "
    "exchange, and what the network draws from the same changed noise. Of these, too, some have three legs.",
)
print(
    "sound of 17:",
    int(cured[seeds, first - 1].sum()),
    " by the first exchange, whatever ELS says:",
    int(cured[:, 0].sum()),
)
assert (int(cured[seeds, first - 1].sum()), int(cured[:, 0].sum())) == (10, 9)

# %% [markdown] tags=["slide"]
# **After 61 % of all exchanges**, whoever chose them. Third legs are rare, so most other noises draw none: lesson 12's
# warning in a number. If the formula draws sound trousers from the changed noise, the network does for 71 %; if the
# formula draws a third leg, for **28 %**. Seed by seed the first is larger than the second for all 16 seeds that had
# both.
#
# So the formula knows when a third leg will stay better than it knows that one will go. Whoever takes the first sound
# drawing that it offers cures 10 of 17, by the first exchange of all 9. As a medicine it is weak. As evidence it is
# not: the leg hangs on the same pieces of noise in both.

# %% [markdown] tags=["slide"]
# ## 8. Seeing and doing (5 minutes)
#
# To see that two things go together is one thing, to say what happens if somebody *interferes* another (Pearl, 2009).
# r2 of drawings is seeing: the mean of the class has 0.73 of it. A what-if is doing: exchange, and only who knows what
# depends on what can tell.
#
# It needs no new theory, only two drawings in place of one, and any theory of what networks draw can be asked. Here it
# put five theories further apart, showed at which size of a change ours ends, and led to a better one.
#
# Your turn: choose a garment, a seed and a block. The first cell asks the formula. Say what the network will do. The
# second asks the network.

# %%
label, seed, y, x = 8, 77, 2, 5  # yours: a class from 0 to 9, any seed, any place from 0 to 10
one, new = (els.seeded_noise([number], garments.shape) for number in (seed, seed + 10_000))
two = one.clone()
two[..., y : y + SIDE, x : x + SIDE] = new[..., y : y + SIDE, x : x + SIDE]
said = els.sample(machine, torch.cat([one, two]), steps=20, labels=label)
show(
    plotting.image_rows({"ELS": torch.cat([said, said[1:] - said[:1]])}, titles=["before", "after", "change"]),
    alt="A bag as the formula draws it before and after the exchange of a block, and the change: bright in the middle.",
)

# %%
did = els.sample(garments.network, torch.cat([one, two]), steps=150, labels=label)
show(
    plotting.image_rows({"network": torch.cat([did, did[1:] - did[:1]])}, titles=["before", "after", "change"]),
    alt="The bag as the network draws it before and after the exchange, and the change, bright in the same places.",
)
part_said = (1 - left_out(did[1:] - did[:1], said[1:] - said[:1])).item()
print(f"{garments.data.class_names[label]}, seed {seed}: of the network's change the formula foretold {part_said:.2f}")

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * r2 of drawings pays for what all drawings of a class share: the mean of the class has 0.73, the ideal machine 0.74.
# * Exchange a block of the noise, and the formula foretells 0.69 of what changes in the network's drawing; LS and the
#   best linear filter about half, the ideal machine less than nothing.
# * How a change fades with the distance is the same in network and formula, in the ideal machine it hardly fades.
# * The formula is a theory of large changes. After a small turn of the noise it trembles, and a linear filter is
#   better.
# * Smoothed, it predicts better: 0.79 of the change. The network is smoother than the formula.
# * A theory that foretells changes can choose noises for a network that is not asked.
#
# ## What is still unexplained
#
# **How smooth, and why?** Eight drawings at 18 degrees were a first try. A law would say how sharply a network with so
# many weights, trained so long, can decide, at each $t$; then windows and sharpness might follow from one cause (lesson
# 14 asks for the windows). And 0.79 is not 0.91, which another network foretells. That is where this course ends.
#
# ## References
#
# * M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the machines.
# * C. Scarvelis, H. Saez de Ocariz Borde and J. Solomon, *Closed-form diffusion models*,
#   [arXiv:2310.12395](https://arxiv.org/abs/2310.12395): the ideal denoiser, smoothed.
# * J. Pearl, *Causality: models, reasoning, and inference*, second edition, 2009,
#   [doi:10.1017/CBO9780511803161](https://doi.org/10.1017/CBO9780511803161): seeing and doing.
# * H. Xiao, K. Rasul, R. Vollgraf, *Fashion-MNIST*, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747): the images.
