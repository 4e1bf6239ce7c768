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
# # 12 · Extra legs are not random
#
# **You will** count the legs of 400 pairs of trousers that a network drew, and of 400 that a formula drew from the same
# noise; measure sleeves that do not match; and give the formula wider windows to see whether its errors go away.
#
# **You will learn** that a network's anatomical errors can be predicted seed by seed, far better than by chance; how
# much of that agreement has a common cause; and what an edit that removes errors must be compared with.
#
# **You need** the machines IS (lesson 02: it copies), LS (04: tied to its place) and ELS (08: not tied, zeros at the
# border), calibrated windows (lesson 09), r2 (10), filters and the network's bad start (11).
#
# **Time** 57 minutes. On a first pass through the course this lesson can wait.

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown] tags=["slide"]
# ## 1. A strange crowd (4 minutes)
#
# Large image models are notorious for people with six fingers. Our small network makes its own kind of mistake. We take
# the class-conditional network, which is told *what* to draw, and ask for **trousers, 400 times**. (The machines look
# only at the training trousers.) The samples are stored; we redraw a few.

# %%
garments = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional")  # it drew the samples
stored = {name: images.float() / 127.5 - 1 for name, images in els.load_results("12_legs").items()}  # 8 bits -> -1 to 1
real = {c: garments.data.images[garments.data.labels == label].cpu() for c, label in
        (("trousers", 1), ("pullover", 2), ("shirt", 6))}  # fmt: skip
names = {"network": "network-150", "ELS": "els-zeros", "IS": "is"}
trousers = {name: stored[f"trousers.{column}"] for name, column in names.items()}
print("shapes:", {name: tuple(images.shape) for name, images in trousers.items()}, "real:", len(real["trousers"]))
some = [3, 10, 45, 78, 92, 93, 122, 155, 160, 161]  # seeds to look at first
again = [10, 122, 302]  # to draw again
noise = els.seeded_noise(again, garments.shape)
live = {  # do they draw what is stored?
    "network": els.sample(garments.network, noise, steps=150, labels=1),
    "ELS": els.sample(garments.machine("els-zeros"), noise, steps=20, labels=1),
}

# %% [markdown] tags=["slide"]
# **Predict.** Here are ten of the network's drawings. How many, would *you* say, have a leg too many? And on how many
# of the ten will the equivariant local machine (ELS), which has no weights, draw the extra leg too?

# %% tags=["slide", "hide-input", "question"]
show(
    plotting.image_rows({"network": trousers["network"][some]}, titles=[f"seed {s}" for s in some]),
    alt="Ten pairs of trousers drawn by the network. Several have a third leg, or a bright streak between or beside "
    "two legs.",
)

# %% tags=["slide", "hide-input"]
rows = {name: trousers[name][some] for name in ("network", "ELS", "IS")}
show(
    plotting.image_rows(rows, titles=[f"seed {s}" for s in some]),
    alt="The same ten, with what ELS and the ideal denoiser IS draw from the same noise. ELS draws nearly the same "
    "garment each time, on about half of the seeds with the odd leg; IS draws sound trousers, all of them training "
    "images.",
)

# %% [markdown] tags=["slide"]
# These seeds were chosen: they are the first ten three-legged ones among the *network's* 400, by section 2's counter.
# So this proves nothing yet. We need a **leg counter** that stays fixed from now on, for real, network and machine
# images alike.
#
# ## 2. A leg counter (5 minutes)
#
# In each row below the waist (rows 8 to 15), count the **runs** of bright pixels: stretches brighter than mid grey (0
# on our scale) between darker ones. The image's number of legs is the **largest count** in any of these rows.


# %%
def legs(images, threshold=0.0, top=8):
    """images (B, 1, H, W) -> (B,): the largest number of bright runs in any row from `top` down."""
    bright = torch.nn.functional.pad(images[:, 0, top:] > threshold, (1, 0)).int()
    return (bright.diff(dim=-1) == 1).sum(-1).max(-1).values  # a run begins where bright follows dark


assert (legs(trousers["network"]) >= 3).nonzero().flatten()[:10].tolist() == some

# %% [markdown] tags=["slide"]
# **Predict.** Of the 1,027 real trousers, how many have three "legs" by this count: none, 1 %, 5 %?

# %%
counts = legs(real["trousers"])
alarms = real["trousers"][counts >= 3]

# %% tags=["slide", "hide-input"]
print("legs:", {k: (counts == k).sum().item() for k in range(5)}, "of", len(counts), "real trousers")
show(
    plotting.image_rows({"real,\n3 or more": alarms[:13]}),
    alt="The thirteen real trousers that count as three-legged: some short, some dotted, others long with a fold or a "
    "light side, and one pinafore.",
)

# %% [markdown]
# 1.3 %, all of them **false alarms**: patterns and folds. A counter need not be perfect, but it must be the same for
# all. What matters is the *excess* over this rate.
#
# ### Exercise 1: A steadier counter (9 minutes, ★★★)
#
# Here a spot of one pixel counts as a leg; section 5 asks whether that matters. Write `steady_legs(images, threshold,
# height)`: for `images` of shape (B, 1, H, W), find the largest k such that some `height` *consecutive* rows each have
# k runs or more. (The runs need not be in the same columns.) Use all the rows you get. Return (B,). A run is a stretch
# of pixels brighter than `threshold`.


# %%
def steady_legs(images, threshold, height):
    """images (B, 1, H, W) -> (B,): the largest k with k runs or more in `height` consecutive rows."""
    ...


check.steady_legs(steady_legs)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("steady_legs")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def steady_legs(images, threshold, height):
#     bright = torch.nn.functional.pad(images[:, 0] > threshold, (1, 0)).int()
#     runs = (bright.diff(dim=-1) == 1).sum(-1)  # (B, H): runs in every row
#     windows = runs.unfold(1, height, 1)  # (B, H - height + 1, height)
#     return windows.min(-1).values.max(-1).values
# ```
#
# All rows of a window have k runs or more if their *smallest* count is at least k.
# </details>
#
# ## 3. Five crowds (5 minutes)
#
# Take the network in 150 steps, as above, and in 20; ELS with its calibrated windows and the ideal denoiser IS, both in
# 20; and the 1,027 real trousers. **Predict.** Order the five by their share of third legs.

# %%
crowds = {"real": legs(real["trousers"]) >= 3} | {name: legs(images) >= 3 for name, images in trousers.items()}
crowds["network, 20 steps"] = legs(stored["trousers.network-20"]) >= 3
share = {name: three.double().mean().item() for name, three in crowds.items()}
order = sorted(share, key=share.get)
error = [1.96 * (share[k] * (1 - share[k]) / len(crowds[k])) ** 0.5 for k in order]

# %% tags=["slide", "hide-input"]
for name, drawings in live.items():
    assert (drawings.clamp(-1, 1) - trousers[name][again]).abs().max() < 0.02, name
if lab.profile == "laptop":
    assert len(alarms) == 13 and (counts == 2).float().mean() > 0.9
fig, axis = plt.subplots(figsize=(6.5, 2.8))
bars = axis.barh(order, [100 * share[k] for k in order], xerr=[100 * e for e in error], color=plotting.BLUE, capsize=4)
axis.bar_label(bars, [f"{100 * share[k]:.1f}" for k in order], padding=4)
axis.set(xlabel="three legs or more, % of drawings (95 % interval)", xlim=(0, 11))
show(
    fig,
    alt="Share of drawings with three legs or more: real 1.3 %, network in 20 steps 1.5 %, IS 1.8 %, network in 150 "
    "steps 4.2 %, ELS 7.2 %. Only the intervals of the last two lie above that of the real ones, 0.6 to 1.9 %.",
)
print("three legs or more:", {name: f"{int(three.sum())} of {len(three)}" for name, three in crowds.items()})
if lab.profile == "laptop":
    assert [int(three.sum()) for three in crowds.values()] == [13, 17, 29, 7, 6]
    assert share["network"] > 3 * share["real"] and share["ELS"] > 5 * share["real"]

# %% [markdown] tags=["slide"]
# **4.2 %** of the network's trousers have three legs when it takes 150 steps, and **7.2 %** of the machine's, against
# 1.3 % of the real ones. In 20 steps the network has no visible excess. Nor has IS: it copies real trousers, false
# alarms included. So **how many third legs there are depends on how we sample.** From here on "the network" takes 150
# steps.

# %% [markdown] tags=["slide"]
# ## 4. The same seeds? (5 minutes)
#
# 17 of the network's drawings and 29 of the machine's are three-legged. Do the two err **on the same seeds**?
# **Predict.** If they had nothing to do with each other, how many seeds would be on both lists? How many are?

# %%
ours, theirs = crowds["ELS"], crowds["network"]
both, expected = (ours & theirs).sum().item(), ours.sum().item() * theirs.sum().item() / len(ours)
generator = torch.Generator().manual_seed(0)
shuffled = torch.stack([ours[torch.randperm(len(ours), generator=generator)] for _ in range(10_000)])
by_chance = (shuffled & theirs).sum(1)
p = (1 + (by_chance >= both).sum().item()) / (1 + len(by_chance))  # the order we found is one of them
print(f"on both lists: {both}; by chance {expected:.1f}")
print(f"at least as many in {p:.2%} of 10,000 shuffles")
of_ten = (ours & theirs)[some].sum().item()
print(f"on both lists, of the ten in section 1: {of_ten}; of the network's other {theirs.sum() - 10}: {both - of_ten}")


# %% tags=["slide", "hide-input"]
def runs_underlined(rows, titles):
    """Rows of drawings, with a line under each bright run of the row of pixels below the waist that has the most."""
    fig = plotting.image_rows(rows, titles=titles)
    for axis, image in zip(fig.axes, torch.cat(list(rows.values())), strict=True):
        edges = torch.nn.functional.pad(image[0, 8:] > 0, (1, 1)).int().diff(dim=-1)  # 1: a run begins, -1: it is over
        row = int((edges == 1).sum(-1).argmax())
        begins, ends = ((edges[row] == sign).nonzero().flatten().tolist() for sign in (1, -1))
        for first, after in zip(begins, ends, strict=True):
            for colour, width in (("white", 3.5), (plotting.ORANGE, 2)):  # white, for eyes to which orange is grey
                axis.plot([first - 0.4, after - 0.6], [8.5 + row] * 2, color=colour, lw=width, solid_capstyle="butt")
    return fig


rows = {name: trousers[name][ours & theirs] for name in ("network", "ELS")}
show(
    runs_underlined(rows, [f"seed {s}" for s in (ours & theirs).nonzero().flatten()]),
    alt="The seven seeds for which both network and ELS count as three-legged. In each drawing the runs of the row "
    "with the most runs are underlined: in both drawings of a seed they are in nearly the same columns; only with seed "
    "269 the network has four, ELS three.",
)
if lab.profile == "laptop":
    assert (both, of_ten) == (7, 5) and 1.1 < expected < 1.3 and p < 0.001
    assert 0.23 < both / ours.sum() < 0.25 and 0.04 < theirs.double().mean() < 0.045

# %% [markdown] tags=["slide"]
# Seven are, five of them among section 1's ten; chance would give 1.2. The underlined runs are in nearly the same
# columns. (Not all are legs: with seeds 10 and 269 the network drew stripes above the fork. From here on, a "third leg"
# is what the counter counts.)
#
# But two artists can agree because of a **common cause**. From one seed both draw nearly the same garment, and wide
# trousers have more room for a third leg. **Predict.** Among trousers of similar width, how many of the seven would
# chance give?
#
# ### Exercise 2: Chance among alike (6 minutes, ★★☆)
#
# Write `overlap(a, b, group)` for truth values `a`, `b` and whole numbers `group`, all of shape (n,). Return two
# numbers: how many are true in both, and how many would be on average, over all ways of shuffling `a` *within each
# group*. (Use a formula: draw nothing at random.)


# %%
def overlap(a, b, group):
    """a, b (n,) truth values, group (n,) whole numbers -> (both, expected if a is shuffled within each group)."""
    ...


check.overlap(overlap)

# %% [markdown]
# Stuck? `check.hint("overlap")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def overlap(a, b, group):
#     expected = 0.0
#     for k in group.unique():
#         here = group == k
#         expected += (a[here].sum() * b[here].sum() / here.sum()).item()
#     return (a & b).sum().item(), expected
# ```
#
# If all seeds are in one group, the expected number is $29 \cdot 17 / 400 = 1.2$.
# </details>


# %%
def width(rows):
    """Rows of pixels of some images (B, h, W) -> (B,): the share that is not background."""
    return (rows > -0.7).float().mean((1, 2))


below = width(trousers["ELS"][:, 0, 8:])  # below the waist


def within_fifths(a, b, width_of=below):
    """If a is shuffled among similar widths: the expected number true in both, and how often it is no less than now."""
    fifth = width_of.argsort(stable=True).argsort() * 5 // len(width_of)  # 0: the narrowest fifth, ..., 4: the widest
    number = 0.0
    for k in range(5):  # as in exercise 2
        here = fifth == k
        number += (a[here].sum() * b[here].sum() / here.sum()).item()
    # 10,000 orders of the seeds: fifth after fifth, at random within each
    shuffled = (fifth + torch.rand(10_000, len(a), generator=torch.Generator().manual_seed(0))).argsort(1)
    by_chance = (a[shuffled] & b[fifth.argsort(stable=True)]).sum(1)
    return number, (1 + (by_chance >= (a & b).sum()).sum().item()) / (1 + len(by_chance))


widths = {"ELS, below the waist": below, "ELS, above it": width(trousers["ELS"][:, 0, :8])}
widths["IS, below the waist"] = width(trousers["IS"][:, 0, 8:])
alike = {name: within_fifths(ours, theirs, measured) for name, measured in widths.items()}

# %% tags=["hide-input"]
rank = below.argsort(stable=True)  # from the narrowest to the widest
by_fifth = [[int(v[group].sum()) for group in rank.chunk(5)] for v in (theirs, ours)]
wide = int(theirs[rank[-29:]].sum())
print(f"third legs by fifths of the width: the network's {by_fifth[0]}, the machine's {by_fifth[1]}")
print(f"of the network's 17, found among the 29 widest of ELS: {wide}")
for name, (number, p) in alike.items():
    print(f"at similar width ({name}): {number:.2f} on both by chance, at least as many as we found in {p:.2%}")
if lab.profile == "laptop":
    assert by_fifth == [[0, 1, 1, 4, 11], [0, 0, 4, 5, 20]] and wide == 5
    for (number, p), at, most in zip(alike.values(), (3.05, 1.61, 2.39), (0.015, 0.001, 0.005), strict=True):
        assert abs(number - at) < 0.006 and p < most

# %% [markdown] tags=["slide"]
# **Part of it is width.** Sort the seeds into fifths by the width of the ELS drawing below the waist: most third legs
# of both are in the widest fifth. If we shuffle within the fifths, **chance gives three**; seven or more come up in 1 %
# of the shuffles (p). Simply naming the 29 *widest* finds five of the network's 17.
#
# Three may be too many, because a third leg itself widens a drawing there. By the width *above* the waist chance gives
# 1.6. **How much a common cause explains depends on where we measure it.** (By the width of the IS drawing, below the
# waist, it gives 2.4.) From here on we measure ELS below the waist, which leaves the least for the machine to explain.
#
# Seven is a small number. So both drew 400 more trousers, from noises that nothing had been chosen by (stored, lesson
# 11). The network draws 22 with three legs, ELS 30.
#
# **Predict.** By chance 1.65 would be on both lists, at similar width 3.3. How many are?

# %% tags=["slide", "hide-input"]
fresh = els.load_results("11_new_noises")
its = fresh["three legs, network-150"]
print(f"the network, 400 new noises: {int(its.sum())} with three legs")
three = fresh["three legs, els-zeros"]
counted, by_luck = (int(three.sum()), int((three & its).sum())), (three.sum() * its.sum() / len(its)).item()
number, p = within_fifths(three, its, fresh["width"])
print(f"ELS: {counted[0]}, on both lists {counted[1]}; by chance {by_luck:.2f}, at similar width {number:.1f} "
      f"(p = {p:.2%})")  # fmt: skip
assert counted == (30, 10) and number < 3.35 and p < 0.001
of_all = both + counted[1], int(theirs.sum() + its.sum()), int(ours.sum()) + counted[0]
expected_of_all = alike["ELS, below the waist"][0] + number
print("all 800: both {}, network {}, ELS {},".format(*of_all), f"at similar width {expected_of_all:.2f}")
assert lab.profile != "laptop" or of_all == (17, 39, 59)

# %% tags=["slide", "hide-input"]
on_both = 60_000 + (its & fresh["three legs, els-zeros"]).nonzero().flatten()  # the seeds
start = els.seeded_noise(on_both.tolist(), garments.shape)
rows = {  # drawn now
    "network": els.sample(garments.network, start, steps=150, labels=1).clamp(-1, 1).cpu(),
    "ELS": els.sample(garments.machine("els-zeros"), start, steps=20, labels=1).cpu(),
}
show(
    runs_underlined(rows, [f"{seed:,}" for seed in on_both.tolist()]),
    alt="The ten of the new noises from which both draw three legs or more, the network above, ELS below. In each pair "
    "the trousers are much alike. The underlined runs are in nearly the same columns, but for two pairs, in which only "
    "some of them are.",
)
assert sum(int((legs(images) >= 3).sum()) for images in rows.values()) >= 19  # a pixel may be about as bright as 0

# %% [markdown] tags=["slide"]
# **Ten** (drawn above): in fewer than one of a thousand shuffles within the fifths are there so many. So the overlap is
# no accident. Of all 800, ELS names 17 of the network's 39 third legs, with 59 guesses; chance at similar width would
# give 6.37.

# %% [markdown] tags=["slide"]
# ## 5. Do all good predictors draw them? (3 minutes)
#
# Two filters from lesson 11 have the windows of ELS but no votes. The **local filter** has its own weights and constant
# at each pixel. The **equivariant filter**, here bent, is the same at all pixels whose windows the border cuts alike.
# Their r2 with the network is 0.94 and 0.92 (ELS: 0.95).
#
# **Predict.** How many third legs does each filter draw (ELS: 29)?


# %%
# "alike": one filter for all pixels whose windows the border cuts alike (equivariant); else local
bent = {garment: els.load_results("12_bent")[f"{garment}, alike"].float() / 127.5 - 1 for garment in real}
straight = {name: images.float() / 127.5 - 1 for name, images in els.load_results("12_local_filter").items()}
bent_local = els.load_results("12_bent")["trousers"].float() / 127.5 - 1
predicted = {
    "ELS": trousers["ELS"],
    "equivariant filter": bent["trousers"],
    "... not bent": straight["trousers, alike"],
    "local filter": straight["trousers"],
    "... bent": bent_local,
}
third_leg = {name: legs(images) >= 3 for name, images in predicted.items()}
found = {name: (int(three.sum()), int((three & theirs).sum())) for name, three in third_leg.items()}


# %% tags=["slide", "hide-input"]
def steady(images):
    """Whether two consecutive rows below the waist have three runs or more each: the counter of exercise 1."""
    bright = torch.nn.functional.pad(images[:, 0, 8:] > 0, (1, 0)).int()
    return (bright.diff(dim=-1) == 1).sum(-1).unfold(1, 2, 1).min(-1).values.max(-1).values >= 3


for name, said in zip(predicted, (0.95, 0.92, 0.87, 0.94, 0.94), strict=True):
    fit = els.compare(predicted[name], trousers["network"]).r2.quantile(0.5).item()
    number, p = within_fifths(third_leg[name], theirs)
    print(f"{name:18s} r2 {fit:.2f}; three legs {found[name][0]:2d}, on the network's seeds {found[name][1]}, "
          f"chance at similar width {number:.1f} (p = {p:.1%})")  # fmt: skip
    assert abs(fit - said) < 0.006
more = fresh["three legs, bent"]
of_filter = found["equivariant filter"]
named = {"ELS": (of_all[2], of_all[0])}
named["equivariant filter"] = of_filter[0] + int(more.sum()), of_filter[1] + int((more & its).sum())
print("of all 800, three legs and on the network's 39 seeds:", named)
if lab.profile == "laptop":
    assert list(found.values()) == [(29, 7), (33, 7), (33, 7), (6, 1), (3, 0)]
    assert list(named.values()) == [(59, 17), (59, 18)]

# %% tags=["hide-input"]
two_rows = {"seeds 0 to 399": (steady(trousers["network"]), steady(trousers["ELS"]), below)}
two_rows["new noises"] = (*(fresh[f"in two rows, {who}"] for who in ("network-150", "els-zeros")), fresh["width"])
two_rows["all 800"] = tuple(map(torch.cat, zip(*two_rows.values(), strict=True)))
print("third legs in two rows on end:")
for name, (network_two, els_two, wide_as) in two_rows.items():
    number, p = within_fifths(els_two, network_two, wide_as)
    counts = [int(v.sum()) for v in (network_two, els_two, network_two & els_two)]
    print("{:15s} network {:2d}, ELS {:2d}, both {}, ".format(name, *counts), f"by chance {number:.1f} (p = {p:.2%})")
if lab.profile == "laptop":  # the last line's: of all 800
    assert counts == [22, 41, 9] and abs(number - 2.65) < 0.1 and p < 0.003

# %% [markdown] tags=["slide"]
# **A high r2 is not enough**: the local filter draws only 6. **Votes are not needed**: of all 800, the equivariant
# filter names 18 of the network's 39 (it has three legs on their seeds) with 59 guesses, ELS 17 with as many. Nor does
# the agreement of ELS and network come from spots in a single row: by exercise 1's counter, with two rows, 9 of all 800
# are on both lists, where chance at similar width gives 2.6.
#
# <details><summary>In detail</summary>
#
# The bend is not the cause: not bent, the equivariant filter draws 33 of the first 400 as well; bent, the local filter
# draws 3. Of the nine in two rows, 5 are of the first 400 and 4 of the new noises, which alone would be too few to tell
# (p = 6.4 %).
#
# </details>
#
# Is the network sure of its own list? Its first steps go astray, with 150 steps too, though less than with 20 (lesson
# 11, for the first ResNet). Let the exact denoiser take the steps above $t = 0.95$, eight of the 150. **Predict.** How
# many of its own 17 does the network then repeat: all, most, half?

# %%
exact = garments.machine("is")


def start_repaired(x_t, t, labels=None):
    """The exact denoiser above t = 0.95, from there on the network."""
    return (exact if t > 0.951 else garments.network)(x_t, t, labels)


redrawn = els.sample(start_repaired, noise, steps=150, labels=1)  # section 1's three seeds: as stored?
repaired = stored["trousers.network-150-repaired"]  # all 400
three = legs(repaired) >= 3

# %% tags=["slide", "hide-input"]
assert (redrawn.clamp(-1, 1) - repaired[again]).abs().max() < 0.02
counted = [int(v.sum()) for v in (three, three & theirs, three & ours, three & (legs(bent["trousers"]) >= 3))]
number, p = within_fifths(ours, three)
print(f"start repaired: {counted[0]} with three legs, {counted[1]} among the former 17; ELS names {counted[2]}, the "
      f"equivariant filter {counted[3]}; at similar width chance gives {number:.1f} (p = {p:.2%})")  # fmt: skip
if lab.profile == "laptop":
    assert counted == [24, 14, 11, 11] and 4.3 < number < 4.45 and p < 0.001
of_20 = [int((legs(stored[f"trousers.network-20{how}"]) >= 3).sum()) for how in ("", "-repaired")]
print("in 20 steps: {} with three legs; with the start repaired, {} of 400".format(*of_20))
assert lab.profile == "gpu" or of_20 == [6, 17]

# %% [markdown] tags=["slide"]
# It repeats 14, and now has 24. (And in 20 steps? 6 had three legs; with the first step repaired, 17 have.) ELS names
# **11** of these (chance at similar width: 4.4), the equivariant filter as many. That is firmer, but this network now
# starts where ELS starts.

# %% [markdown] tags=["slide"]
# ## 6. Sleeves that do not match (8 minutes)
#
# Third legs are rare. Is there an error that is common, and that comes in degrees? Tops should be nearly **symmetric**:
# both sleeves long or both short. Symmetry needs a long view, so a local artist should fail.
#
# **Predict.** Which row is real? And what will ELS have drawn from the noise of the other row?

# %% tags=["slide", "hide-input", "question"]
first = list(range(12))
rows = dict(zip("AB", (stored["pullover.network-150"][first], real["pullover"][first]), strict=True))
show(
    plotting.image_rows(rows),
    alt="Two rows of pullovers. In row A the fourth, fifth and twelfth have odd sleeves, others ragged hems; row B is "
    "symmetric.",
)

# %% tags=["slide", "hide-input"]
rows = {"network": stored["pullover.network-150"][first], "ELS": stored["pullover.els-zeros"][first]}
show(
    plotting.image_rows(rows | {"IS": stored["pullover.is"][first]}, titles=[f"seed {s}" for s in first]),
    alt="The network's pullovers, and those of ELS and IS from the same noise. ELS has the network's odd sleeves "
    "(seeds 3, 4 and 11) on the same side, and its ragged hems; IS is symmetric.",
)

# %% [markdown] tags=["slide"]
# **Row B is real.** From the noise of row A, ELS draws odd sleeves, too. We measure **mirror r2**, the r2 of an image
# with its own mirror image. A garment may hang two pixels off the middle; its mirror image is then four pixels away, so
# we take the best of nine shifts. An image is **lopsided** if it is less symmetric than 19 of 20 real garments of its
# kind.


# %%
def mirror(images):
    """images (B, 1, H, W) -> (B,): r2 of each image with its mirror image, best of shifts by -4 to 4."""
    flipped = images.flip(-1)
    return torch.stack([els.compare(flipped.roll(s, -1), images).r2 for s in range(-4, 5)]).max(0).values


limits = {garment: mirror(images).quantile(0.05).item() for garment, images in real.items()}  # 1 of 20 is below
lopsided = {(garment, name): mirror(stored[f"{garment}.{names[name]}"]) < limits[garment]
            for garment in limits for name in names}  # fmt: skip
for garment in limits:
    print(garment, {name: f"{int(lopsided[garment, name].sum())} of {len(lopsided[garment, name])}" for name in names})

# %% [markdown] tags=["slide"]
# **Predict.** Seed by seed, whose mirror r2 follows the network's most closely, and whose least: that of ELS, the
# equivariant filter, the local filter (windows, too, but it knows its place), the Wiener filter (it sees everything),
# or IS? (Only the second is bent.)

# %%
# (garment, predictor) -> drawings
by = {(garment, name): stored[f"{garment}.{names[name]}"] for garment in limits for name in ("IS", "ELS")}
by |= {(garment, "equivariant filter"): bent[garment] for garment in limits}
by |= {(garment, "local filter"): straight[garment] for garment in limits}
for garment, pictures in real.items():  # the linear filter of the whole image: it sees everything, and copies nothing
    start = els.seeded_noise(range(len(bent[garment])), garments.shape)
    by[garment, "Wiener filter"] = els.sample(els.WienerFilter(pictures), start, steps=20).clamp(-1, 1)

# %%
symmetry = {key: mirror(images) for key, images in by.items()}
target = {garment: mirror(stored[f"{garment}.network-150"]) for garment in limits}  # mirror r2 of the network
together = {}
for (garment, name), values in symmetry.items():
    together[garment, name] = torch.corrcoef(torch.stack([values, target[garment]]))[0, 1].item()

# %% tags=["slide", "hide-input"]
order = ("ELS", "equivariant filter", "local filter", "Wiener filter", "IS")
fig, axes = plt.subplots(1, 5, figsize=(8.6, 2.5), sharex=True, sharey=True)
for axis, name in zip(axes, order, strict=True):
    axis.plot(target["pullover"], symmetry["pullover", name], "o", ms=3, color=plotting.BLUE)
    axis.axline((0, 0), slope=1, color="0.8", lw=1, zorder=0)
    for line in (axis.axhline, axis.axvline):  # below the one, left of the other, a drawing is lopsided
        line(limits["pullover"], color=plotting.INK, ls="--", lw=1, zorder=0)
    axis.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 1), yticks=(0, 1), aspect="equal")
    axis.set_title(f"{name}\n{together['pullover', name]:.2f}", fontsize=10)
axes[0].set_ylabel("of the prediction")
fig.supxlabel("mirror r2 of the network's pullover", fontsize=11)
show(
    fig,
    alt="Mirror r2 of five predictions against the network's, for 100 pullovers. Those of ELS and the equivariant "
    "filter lie along the diagonal from 0.2 to 1, correlation 0.88 each; local filter 0.82, Wiener filter 0.62, IS "
    "0.46: its are mostly above 0.7. Left of a vertical dashed line the network's drawing is lopsided, below a "
    "horizontal one the predicted one.",
)
print("correlations for shirts:", {name: round(together["shirt", name], 2) for name in order})

# %%
ranked = {}
for (garment, name), values in symmetry.items():
    a, b = values < limits[garment], lopsided[garment, "network"]
    most = b[values.argsort(stable=True)[: b.sum()]]  # its most lopsided, as many as the network has lopsided ones
    ranked[garment, name] = [int(v.sum()) for v in (b, a, a & b, most)]

# %% tags=["hide-input"]
print("lopsided                 network  predicted  both (by chance)  found in its most lopsided (by chance)")
for (garment, name), counted in ranked.items():
    chance = [x * counted[0] / len(target[garment]) for x in (counted[1], counted[0])]
    print("{:9s} {:17s} {:4d} {:9d} {:10d} ({:.0f}) {:25d} ({:.0f})".format(
        garment, name, *counted[:3], chance[0], counted[3], chance[1]))  # fmt: skip
if lab.profile == "laptop":
    who = ("ELS", "equivariant filter", "local filter", "IS", "Wiener filter")
    stated = {"pullover": ([44, 33, 29], [49, 32, 29], [33, 26, 28], [2, 2, 22], [3, 3, 21]),
              "shirt": ([40, 36, 37], [42, 37, 38], [29, 27, 34], [5, 4, 23], [3, 3, 30]),
              "trousers": ([142, 74, 57], [219, 84, 54], [41, 25, 45], [16, 10, 32], [9, 5, 34])}  # fmt: skip
    for garment, rows in stated.items():
        assert [ranked[garment, name][1:] for name in who] == list(rows)
        assert ranked[garment, "ELS"][0] == {"pullover": 35, "shirt": 43, "trousers": 87}[garment]
    stated = {"pullover": (0.88, 0.88, 0.82, 0.46, 0.62), "shirt": (0.92, 0.89, 0.85, 0.45, 0.67)}
    for garment, values in stated.items():
        assert all(abs(together[garment, name] - r) < 0.006 for name, r in zip(who, values, strict=True))
filters, drawn_by_network = ("Wiener filter", "equivariant filter"), stored["trousers.network-150"]
fits = [els.compare(by["trousers", name], drawn_by_network).r2.quantile(0.5).item() for name in filters]
print("trousers, r2 with the network: Wiener filter {:.3f}, equivariant filter {:.3f}".format(*fits))
assert all(abs(fit - 0.92) < 0.005 for fit in fits)

# %% [markdown] tags=["slide"]
# By the correlations (above each panel), ELS and the equivariant filter follow the network most closely, and IS least.
#
# Of the network's pullovers, 35 of 100 are lopsided; of real ones, one in twenty. ELS is lopsided on **33** of the 35,
# where chance gives 15, and has 11 false alarms. This error is **predictable seed by seed**.
#
# How much of that is the machine's own merit? Let each predictor name its 35 most lopsided pullovers. ELS finds 29 of
# the network's, and the equivariant filter as many: **votes are not needed** here either. Even IS finds 22, where
# chance gives 12: part of the agreement comes with any drawing from the same noise. The Wiener filter, which sees
# everything but copies nothing, finds 21.

# %% [markdown] tags=["slide"]
# **Predict.** A hundred drawings of a kind are few to tell ELS and the equivariant filter apart. With 400 other
# pullovers and 400 other shirts, from section 4's new noises: will they be level again?

# %% tags=["slide", "hide-input"]
ids = {"ELS": "els-zeros", "equivariant filter": "bent-equivariant-filter", "local filter": "local-filter"}
ids |= {"Wiener filter": "wiener", "IS": "is"}
picks = torch.randint(400, (2000, 400), generator=torch.Generator().manual_seed(12))  # a bootstrap of the seeds


def correlation(a, b):
    """(..., n) and (..., n) -> (...)."""
    a, b = (some - some.mean(-1, keepdim=True) for some in (a, b))
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))


renewed = {}
for garment in ("pullover", "shirt"):
    truth = fresh[f"mirror, {garment}, network-150"]
    odd = truth < limits[garment]
    print(f"{garment}: of 400 by the network {int(odd.sum())} are lopsided; by chance {odd.sum() ** 2 / 400:.0f} found")
    for name, key in ids.items():
        values = fresh[f"mirror, {garment}, {key}"]
        found_again = int(odd[values.argsort(stable=True)[: odd.sum()]].sum())
        renewed[garment, name] = (found_again, round(correlation(values, truth).item(), 2))
        print("    {:18s} finds {:3d}, correlation {:.2f}".format(name, *renewed[garment, name]))
    ours, rival = (fresh[f"mirror, {garment}, {ids[name]}"] for name in ("ELS", "equivariant filter"))
    lead = correlation(ours[picks], truth[picks]) - correlation(rival[picks], truth[picks])
    low, high = lead.quantile(0.025).item(), lead.quantile(0.975).item()
    print(f"    correlation, ELS less equivariant filter: {low:.3f} to {high:.3f}")
    assert low > 0.01

# %% tags=["hide-input"]
assert [renewed["pullover", name][0] for name in ids] == [100, 90, 97, 76, 60]
assert [renewed["shirt", name][0] for name in ids] == [114, 112, 110, 97, 75]
of_two = [renewed[garment, name][1] for garment in ("pullover", "shirt") for name in ("ELS", "equivariant filter")]
assert of_two == [0.88, 0.84, 0.89, 0.84]

# %% [markdown] tags=["slide"]
# Not quite. Of the 121 lopsided pullovers ELS finds 100, the equivariant filter 90 (chance: 37). And ELS's mirror r2
# follows the network's more closely: correlation 0.88, the filter's 0.84; for shirts 0.89 and 0.84. **Most of it needs
# no votes; votes seem to add a little.** (The filter had to use windows that were measured for ELS.)

# %% [markdown]
# Is it the windows, or that both treat places alike? The local filter has windows, but knows its place. Of the 121 it
# finds 97; the two that see everything find 76 (Wiener) and 60 (IS). **The three with windows foretell these errors
# best**, and not because they are nearer: with the network's trousers the Wiener and the equivariant filter both have
# r2 0.92, but of the 87 lopsided ones they find 34 and 54. (The local filter finds 45, ELS 57: with trousers, treating
# places alike adds about as much as windows.)
#
# The *number* of lopsided drawings differs more: of 400 trousers the network has 87, ELS 142, the equivariant
# filter 219. Can such a number tell us what causes the errors?

# %% [markdown] tags=["slide"]
# ## 7. Would a longer view cure it? (6 minutes)
#
# The calibrated windows shrink: 13 pixels at t = 1, 9 at t = 0.4, 3 at the end. The paper's explanation of extra limbs
# is **too local too late** ("excess late-time locality", its section 5.3). If that is right, wider windows late, at
# small t, should let the machine notice its third leg. (Widening the windows is our test; the paper does not try it.)
# Four machines draw seeds 0 to 99:
#
# * one with calibrated windows: 37 lopsided, 10 with three legs (network: 20 and 6);
# * one with windows of at least 13 for t below 0.4, the earlier ones as calibrated;
# * one with at least 15 for t from 0.4 to below 0.6, all others as calibrated (the best of a few that were tried on
#   these seeds);
# * one with calibrated windows, but tied to their places (LS).
#
# **Predict.** Which leaves the fewest lopsided drawings? And which stays closest to the network's drawings?

# %%
edits = {"calibrated": "els-zeros", "13 below 0.4": "els-13-below-0.4"}
edits |= {"15 from 0.4 to 0.6": "els-15-0.4-to-0.6", "tied to places (LS)": "ls"}
drawn = {name: stored[f"trousers.{column}"][:100] for name, column in edits.items()}  # seeds 0 to 99
sizes, redone = garments.patch_sizes("els-zeros"), [10, 78, 93]
longer = garments.patch_machine("els-zeros", [(t, max(p, 15) if 0.4 <= t < 0.6 else p) for t, p in sizes])
# three of the stored drawings made again, as a check
redrawn = els.sample(longer, els.seeded_noise(redone, garments.shape), steps=20, labels=1)


# %%
def copies(images):
    """How many are less than a third as far from the nearest training picture as from the second (lesson 14)."""
    gap = torch.cdist(images.flatten(1), real["trousers"].flatten(1)).sort(1).values
    return int((gap[:, 0] / gap[:, 1] < 1 / 3).sum())


def judged(images, first=0):
    """Of seeds `first` to first + 99: lopsided, cured, new, lopsided like the network's, three-legged, copies; r2 with
    the network (median). Cured: lopsided as ELS drew it, but no longer."""
    seeds = slice(first, first + 100)
    of_els, of_network = (mirror(trousers[name][seeds]) < limits["trousers"] for name in ("ELS", "network"))
    now = mirror(images) < limits["trousers"]
    counts = [now, of_els & ~now, now & ~of_els, now & of_network, legs(images) >= 3]
    fit = els.compare(images, trousers["network"][seeds]).r2.quantile(0.5).item()
    return (*(int(v.sum()) for v in counts), copies(images), fit)


results = {name: judged(images) for name, images in drawn.items()}

# %% tags=["slide", "hide-input"]
HEAD = "of 100               lopsided  cured   new  network too  three legs  copies   r2 with network"
LINE = "{:20s} {:8d} {:6d} {:5d} {:12d} {:11d} {:7d}      {:.3f}"
print(HEAD)
for name, numbers in results.items():
    print(LINE.format(name, *numbers))
print("cured: no longer lopsided; new: lopsided only now; network too: so is the network's drawing")
flat = real["trousers"].flatten(1)
nearest_two = torch.cdist(flat, flat).sort(1).values[:, 1:3]  # of each real one, itself left out
real_copies = int((nearest_two[:, 0] / nearest_two[:, 1] < 1 / 3).sum())
windows_at = {round(t, 2): p for t, p in sizes}
assert [windows_at[t] for t in (1.0, 0.4, 0.05)] == [13, 9, 3] and garments.patch_sizes("ls") == sizes
assert (redrawn.clamp(-1, 1) - drawn["15 from 0.4 to 0.6"][redone]).abs().max() < 0.02
print(f"copies among the {len(flat):,} real trousers, each beside all others: {real_copies}")
if lab.profile == "laptop":
    assert [v[:6] for v in results.values()] == [(37, 0, 0, 20, 10, 0), (9, 28, 0, 7, 3, 17), (20, 18, 1, 16, 8, 0),
                                                 (15, 22, 0, 10, 1, 0)]  # fmt: skip
    assert all(abs(v[6] - r) < 0.006 for v, r in zip(results.values(), (0.95, 0.90, 0.96, 0.94), strict=True))
    assert (len(flat), real_copies) == (1027, 0)

# %% [markdown] tags=["slide"]
# Every edit lowers the count. With at least 13 below t = 0.4, the machine sees nearly the whole garment to the end. It
# leaves the fewest, 9 of 37, but begins to **copy**: 17 drawings are less than a third as far from the nearest training
# picture as from the second (lesson 14's sign of a copy; no real trousers are so close to others). It is also the
# worst prediction: r2 0.90 instead of 0.95. The one with 15 from 0.4 to 0.6 copies nothing and **stays closest**
# (0.96).
#
# So is the short view the cause, and does the network look further at t from 0.4 to 0.6? **A change must be compared
# with a rival that has nothing to do with the supposed cause.**
#
# ### Exercise 3: A rival that looks at nothing (3 minutes, ★☆☆)
#
# Write `toward_mean(drawn, pictures, share)`: return the finished drawings `drawn` (B, 1, H, W), each pixel moved by
# the fraction `share` of the way to the mean of `pictures` (N, 1, H, W).


# %%
def toward_mean(drawn, pictures, share):
    """drawn (B, 1, H, W), pictures (N, 1, H, W) -> drawn, moved by `share` of the way to the mean picture."""
    ...


check.toward_mean(toward_mean)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("toward_mean")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def toward_mean(drawn, pictures, share):
#     return (1 - share) * drawn + share * pictures.mean(0)
# ```
# </details>
#
# **Predict.** Move the drawings of ELS a fifth, or two fifths, of the way to the mean of all training trousers. How
# many of the 37 stay lopsided? And do the drawings become less like the network's?

# %%
mean = real["trousers"].mean(0)
results |= {f"mean {w}": judged((1 - w) * drawn["calibrated"] + w * mean) for w in (0.2, 0.4)}

# %% tags=["slide", "hide-input"]
fig, axis = plt.subplots(figsize=(7.5, 2.9))
bars = axis.barh(list(results), [v[0] for v in results.values()], color=plotting.BLUE)
axis.bar_label(bars, [f"{v[3]} of {v[0]};  r2 {v[6]:.2f}" for v in results.values()], padding=3)
axis.barh(list(results), [v[3] for v in results.values()], height=0.35, color=plotting.INK,
          label="on the network's seeds")  # fmt: skip
axis.set(xlabel="lopsided, of 100 (network: 20); r2 with the network", xlim=(0, 55))
axis.invert_yaxis()
axis.legend(loc="center right", fontsize=9)
show(
    fig,
    alt="Lopsided drawings, in dark those on the network's 20 seeds, and r2 with the network: calibrated 20 of 37, "
    "0.95; 13 below t = 0.4 7 of 9, 0.90; 15 from 0.4 to 0.6 16 of 20, 0.96; tied to places 10 of 15, 0.94; mean 0.2 "
    "16 of 22, 0.96; mean 0.4 7 of 9, 0.96.",
)
print(HEAD)
for name in ("mean 0.2", "mean 0.4"):
    print(LINE.format(name, *results[name]))
if lab.profile == "laptop":
    assert [results[f"mean {w}"][:6] for w in (0.2, 0.4)] == [(22, 15, 0, 16, 6, 0), (9, 28, 0, 7, 0, 0)]
    assert all(abs(results[f"mean {w}"][6] - 0.96) < 0.006 for w in (0.2, 0.4))
    assert abs(mirror(mean[None]).item() - 0.91) < 0.006

# %% tags=["hide-input"]
counted = []
for name in ("IS", "network"):
    hundred = trousers[name][:100]
    both = [judged(some) for some in (hundred, 0.6 * hundred + 0.4 * mean)]
    counted += [[v[5] for v in both]] if name == "IS" else [[v[0] for v in both], [v[4] for v in both]]
print("unchanged, and at mean 0.4: copies among IS's {}; the network's lopsided {}, three-legged {}".format(*counted))
assert lab.profile != "laptop" or counted == [[100, 0], [20, 4], [6, 2]]

later = {"ELS": trousers["ELS"][100:200], "15 from 0.4 to 0.6": stored["trousers.els-15-0.4-to-0.6"][100:]}
later |= {f"mean {w}": (1 - w) * later["ELS"] + w * mean for w in (0.2, 0.4)}  # the edit was chosen on seeds 0 to 99
afresh = {name: judged(images, 100) for name, images in later.items()}
print(HEAD.replace(f"{'of 100':16s}", "seeds 100 to 199"))
for name, numbers in afresh.items():
    print(LINE.format(name, *numbers))
if lab.profile == "laptop":
    assert [(v[0], v[3]) for v in afresh.values()] == [(38, 23), (22, 19), (26, 20), (10, 9)]
    assert all(abs(v[6] - r) < 0.006 for v, r in zip(afresh.values(), (0.94, 0.96, 0.96, 0.96), strict=True))

# %% [markdown] tags=["slide"]
# **The mean does as much.** At two fifths, nine lopsided drawings are left, as with wide late windows; no drawing has
# three legs, and r2 is 0.96.
#
# <details><summary>In detail</summary>
#
# Of a fresh hundred, two drawings have three legs at two fifths. At a fifth, 22 lopsided ones are left; windows of 15
# from 0.4 to 0.6 leave 20. But those windows had been chosen on the same hundred seeds. On a fresh hundred ELS has 38;
# the windows leave 22, the mean 26 at a fifth and 10 at two fifths.
#
# </details>
#
# No wonder: the mean is fairly symmetric (mirror r2 0.91), and every drawing moves closer to it. **A lower count shows
# no cause**, nor does a better r2. It remains open whether short windows made the errors, and whether the network looks
# further from 0.4 to 0.6.

# %% [markdown]
# (The mean acts on the counter, not on a cause: of the network's own 20 lopsided drawings, moved by two fifths, only 4
# are left.)

# %% [markdown] tags=["slide"]
# ## 8. From third legs to sixth fingers (3 minutes)
#
# Kamb and Ganguli point to a **mechanism**: parts that are each in order are put together by windows that never see the
# whole. One finding supports it: three predictors with such windows foretell lopsided drawings better than two that see
# the whole, IS and the Wiener filter. For third legs such windows are not enough: the local filter, too, has them, and
# draws few. And one finding **decides nothing**: a long view leaves fewer errors, but so does the mean.
#
# All this holds for one small ResNet and three kinds of garments. Large models have attention, which can see the whole
# image at each step; they work on compressed images; they follow text. So "six fingers come from locality" is a
# **hypothesis with a mechanism**, not a result. Testing it would take a counter fixed beforehand, the same seeds, a
# rate on real photographs, and a control for common causes.

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * Third legs are rare: 4 % of the network's trousers (in 20 steps hardly more than the 1 % of real ones; with the
#   start of these repaired, 4 % again), and 7 % of the machine's. They are on the same seeds more often than by chance,
#   even at similar width.
# * Lopsided tops are common. Of the network's 35 lopsided pullovers the machine foretells 33, where chance gives 15.
#   The equivariant filter, without votes, does nearly as well.
# * Long views lower the number of errors. So does mixing in the mean picture: a lower count shows no cause.
# * Fix the counter before you count. A rate needs real pictures beside it; an edit needs a rival that looks at nothing.
#
# ## What is still unexplained
#
# The training set contains sound trousers, and a machine that sees nearly everything to the end begins to copy them.
# **With more training, would the networks learn them by heart?** That is lesson 14. (Lesson 13, on what the machine
# costs, is a detour.)
#
# ## References
#
# * M. Kamb, S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the machines, and locality as the source of spatial
#   inconsistency.
# * E. Finn, T. A. Keller, M. Theodosis, D. E. Ba, *Origins of creativity in attention-based diffusion models*, 2025,
#   [arXiv:2506.17324](https://arxiv.org/abs/2506.17324): what one layer of attention adds.
# * H. Xiao, K. Rasul, R. Vollgraf, *Fashion-MNIST*, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747): the images.
