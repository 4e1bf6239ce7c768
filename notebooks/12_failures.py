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
# **You will** count the legs of 400 pairs of trousers that a network drew, and of the 400 that a formula drew from the
# same noise; measure sleeves that do not match; and try to cure both by letting the formula look further.
#
# **You will learn** that a network's anatomical errors can be predicted seed by seed, that such a drawing is in order
# through a keyhole and stranger the wider you look, and which windows are to blame: not quite those one would guess.
#
# **You need** the machines IS (lesson 02: it copies), LS (04: tied to its place) and ELS (08: not tied, zeros at the
# border), calibrated windows (lesson 09), r2 and the sign test (10), and the network's bad start (11).
#
# **Time** 90 minutes

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
# Large image models are known for people with six fingers and tables with five legs. Our small network makes its own
# kind of mistake. To see it we take the class-conditional network, which is told *what* to draw, and ask for
# **trousers, 400 times**. The samples are stored with 8 bits per pixel (made by `data/lessons/make_12_legs.py` on one
# CPU core); the next cell reads them and draws a few again.

# %%
garments = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional")  # the samples are its own
stored = {name: images.float() / 127.5 - 1 for name, images in els.load_results("12_legs").items()}
real = {c: garments.data.images[garments.data.labels == label].cpu() for c, label in
        (("trousers", 1), ("pullover", 2), ("shirt", 6))}  # fmt: skip
names = {"network": "network-150", "ELS": "els-zeros", "IS": "is"}
trousers = {name: stored[f"trousers.{column}"] for name, column in names.items()}
print({name: tuple(images.shape) for name, images in trousers.items()}, "real:", len(real["trousers"]))
again = [10, 122, 302]
noise = els.seeded_noise(again, garments.shape)
live = {
    "network": els.sample(garments.network, noise, steps=150, labels=1),
    "ELS": els.sample(garments.machine("els-zeros"), noise, steps=20, labels=1),
}
for name, images in live.items():
    assert (images.clamp(-1, 1) - trousers[name][again]).abs().max() < 0.02, name

# %% [markdown] tags=["slide"]
# **Predict.** Here are ten of the network's drawings. How many would *you* say have a leg too many? Write it down: the
# counter of section 2 will say something else. And on how many of the ten will the equivariant local machine (ELS),
# which has no weights, draw the extra leg too?

# %% tags=["slide"]
some = [3, 10, 45, 78, 92, 93, 122, 155, 160, 161]  # the network's first ten with three legs, by section 2
show(
    plotting.image_rows({"network": trousers["network"][some]}, titles=[f"seed {s}" for s in some]),
    alt="Ten pairs of trousers drawn by the network. Several have a third leg, or a leg beside the others.",
)

# %% tags=["slide"]
rows = {name: trousers[name][some] for name in ("network", "ELS", "IS")}
show(
    plotting.image_rows(rows, titles=[f"seed {s}" for s in some]),
    alt="The same ten, with what ELS and the ideal denoiser IS draw from the same noise. ELS draws nearly the same "
    "garment each time, on about half of the seeds with the odd leg; IS draws sound trousers, all of them training "
    "images.",
)

# %% [markdown] tags=["slide"]
# The seeds were chosen: the first ten of the 400 on which the *network* has three legs or more by the counter of
# section 2. (ELS was not asked; by the same counter it has them on five of the ten.) So this proves nothing yet. To
# prove it we need a number: a **leg counter** that knows nothing of our hopes, stays as it is from now on, and is
# applied to real, network and machine images alike.
#
# ## 2. A leg counter (5 minutes)
#
# Below the waist (the lower half, rows 8 to 15), go through each row from left to right and count the **runs** of
# bright pixels: stretches brighter than mid grey (0 on our scale) between darker ones. The image's number of legs is
# the **largest count** of any of these rows. First in plain loops, then in one line.


# %%
def legs_slowly(image, threshold=0.0, top=8):
    """image (H, W) -> the largest number of bright runs in a row from `top` down."""
    most = 0
    for row in image[top:]:
        runs, inside = 0, False
        for pixel in row.tolist():
            runs += pixel > threshold and not inside  # a run begins
            inside = pixel > threshold
        most = max(most, runs)
    return most


def legs(images, threshold=0.0, top=8):
    """images (B, 1, H, W) -> (B,): the same for a batch. A run begins where bright follows dark."""
    bright = torch.nn.functional.pad(images[:, 0, top:] > threshold, (1, 0)).int()
    return (bright.diff(dim=-1) == 1).sum(-1).max(-1).values


assert legs(trousers["network"][:50]).tolist() == [legs_slowly(image) for image in trousers["network"][:50, 0]]
assert (legs(trousers["network"]) >= 3).nonzero().flatten()[:10].tolist() == some
assert (legs(trousers["ELS"][some]) >= 3).sum() == 5

# %% [markdown] tags=["slide"]
# **Predict.** Of the 1,027 real trousers, how many have three "legs" by this count: none, 1 %, 5 %?

# %% tags=["slide"]
counts = legs(real["trousers"])
print("legs:", {k: (counts == k).sum().item() for k in range(5)}, "of", len(counts), "real trousers")
alarms = real["trousers"][counts >= 3]
show(
    plotting.image_rows({"real,\n3 or more": alarms[:13]}),
    alt="The thirteen real trousers that count as three-legged: some short, some dotted, others long with a fold or a "
    "light side, and one pinafore.",
)
if lab.profile == "laptop":
    assert len(alarms) == 13 and (counts == 2).float().mean() > 0.9

# %% [markdown]
# 1.3 %: no real third legs but **false alarms**, patterns and folds. A counter need not be perfect; it must be the same
# for all. What counts from now on is the *excess* over this rate.
#
# ### Exercise 1: A steadier counter (9 minutes, ★★★)
#
# A spot of one pixel counts as a leg here. Write `steady_legs(images, threshold, height)`: for `images` of shape (B, 1,
# H, W), the largest k such that some `height` *consecutive* rows have k runs or more each. (The runs need not stand in
# the same columns.) Use all rows. Return (B,). A run is a stretch of pixels brighter than `threshold`.


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
# k runs or more in each of some rows means that their *smallest* count is at least k. It will be used in section 4.
# </details>
#
# ## 3. Four crowds (5 minutes)
#
# 400 seeds each: the network, ELS with its calibrated windows, and the ideal denoiser IS, which only copies; and the
# 1,027 real trousers. **Predict.** Order the four by their share of third legs.

# %% tags=["slide"]
crowds = {"real": legs(real["trousers"]) >= 3} | {name: legs(images) >= 3 for name, images in trousers.items()}
share = {name: three.double().mean().item() for name, three in crowds.items()}
order = sorted(share, key=share.get)
error = [1.96 * (share[k] * (1 - share[k]) / len(crowds[k])) ** 0.5 for k in order]
fig, axis = plt.subplots(figsize=(6.5, 2.6))
axis.barh(order, [100 * share[k] for k in order], xerr=[100 * e for e in error], color=plotting.BLUE, capsize=4)
axis.set(xlabel="three legs or more, % of drawings (95 % interval)", xlim=(0, None))
show(
    fig,
    alt="Share of drawings with three legs or more: real 1.3 %, IS 1.8 %, network 4.2 %, ELS 7.2 %.",
)
print({name: f"{int(three.sum())} of {len(three)}" for name, three in crowds.items()})
if lab.profile == "laptop":
    assert {name: int(three.sum()) for name, three in crowds.items()} == {"real": 13, "network": 17, "ELS": 29, "IS": 7}
    assert share["network"] > 3 * share["real"] and share["ELS"] > 5 * share["real"]

# %% [markdown]
# Against 1.3 % of the real trousers, **4.2 %** of the network's have three legs, and **7.2 %** of the machine's. Both
# have an excess. IS has none that shows (1.8 %): it copies real trousers, their false alarms included. The machine has
# more than the network, but the two intervals overlap: whether it errs more often is left to section 5.

# %% [markdown] tags=["slide"]
# ## 4. The same seeds? (6 minutes)
#
# An excess on both sides could be a coincidence of two bad artists. The claim of this lesson is stronger: they err **on
# the same seeds**. 17 of the network's drawings and 29 of the machine's are three-legged. **Predict.** If the two had
# nothing to do with each other, how many seeds would be on both lists? How many are?

# %%
ours, theirs = crowds["ELS"], crowds["network"]
both, expected = (ours & theirs).sum().item(), ours.sum().item() * theirs.sum().item() / len(ours)
generator = torch.Generator().manual_seed(0)
shuffled = torch.stack([ours[torch.randperm(len(ours), generator=generator)] for _ in range(10_000)])
by_chance = (shuffled & theirs).sum(1)
p = (by_chance >= both).double().mean().item()
print(f"on both lists: {both}; by chance {expected:.1f}; as many in {p:.2%} of 10,000 shuffles")
copies = crowds["IS"] & theirs
print(f"ideal denoiser and network: {copies.sum()}; by chance {crowds['IS'].sum() * theirs.sum() / len(theirs):.1f}")
if lab.profile == "laptop":
    assert both == 7 and 1.1 < expected < 1.3 and p < 0.001 and copies.sum() == 1
    assert 0.23 < both / ours.sum() < 0.25 and 0.04 < theirs.double().mean() < 0.045


# %% tags=["slide"]
def underline_runs(axis, image):
    """Draws a line under each bright run of the row below the waist that has most of them."""
    edges = torch.nn.functional.pad(image[0, 8:] > 0, (1, 1)).int().diff(dim=-1)  # 1 where a run begins, -1 after it
    row = int((edges == 1).sum(-1).argmax())
    begins, ends = ((edges[row] == sign).nonzero().flatten().tolist() for sign in (1, -1))
    for first, after in zip(begins, ends, strict=True):
        axis.plot([first - 0.3, after - 0.7], [8.5 + row] * 2, color=plotting.ORANGE, lw=2)


rows = {name: trousers[name][ours & theirs] for name in ("network", "ELS", "IS")}
fig = plotting.image_rows(rows, titles=[f"seed {s}" for s in (ours & theirs).nonzero().flatten()])
for axis, image in zip(fig.axes, torch.cat(list(rows.values())), strict=True):
    underline_runs(axis, image)
show(
    fig,
    alt="The seven seeds for which both network and ELS count as three-legged, the runs of one row underlined: the odd "
    "leg is in the same place. IS draws sound trousers from the same noise.",
)

# %% [markdown] tags=["slide"]
# Seven, where chance would give one; the odd leg stands in the same place (underlined: the runs of the row that has
# most of them). IS and network share one, by chance 0.3. But also: only seven of the network's 17, and of the
# machine's 29. That the machine grew a third leg raises the probability for the network from 4 % to 24 %, it
# does not make it certain. **Predict.** What are the others: real disagreements, or close calls of the counter?

# %% tags=["slide"]
for title, where in {"only the network": theirs & ~ours, "only ELS": ours & ~theirs}.items():
    chosen = where.nonzero().flatten()[:10]
    rows = {name: trousers[name][chosen] for name in ("network", "ELS")}
    agree = els.compare(trousers["ELS"][where], trousers["network"][where]).r2  # of all of them, ten are shown
    rows = {f"{name},\n{'3 legs' if title.endswith(name) else 'fewer'}": x for name, x in rows.items()}
    show(
        plotting.image_rows(rows, notes=[f"{v:.2f}" for v in agree], titles=[f"seed {s}" for s in chosen]),
        alt=f"Three legs in {title} by the count, with r2 below: nearly the same drawing twice, mostly with a spot "
        "or a gap more in one of them, in a few with a leg that the other has not.",
    )
    if lab.profile == "laptop":
        assert 0.75 < agree.min() < agree.max() < 0.985


# %%
def three_at_some_threshold(images):
    """Whether three legs are counted at some threshold near mid grey."""
    return torch.stack([legs(images, threshold) >= 3 for threshold in (-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3)]).any(0)


alone, close, usual = {"network": theirs & ~ours, "ELS": ours & ~theirs}, {}, {}
for name, other in (("network", "ELS"), ("ELS", "network")):
    nearly = three_at_some_threshold(trousers[other])
    close[name] = nearly[alone[name]].sum().item()
    usual[other] = nearly[~crowds[other]].double().mean().item()
    print(f"only {name}: {int(alone[name].sum())}; in {close[name]} of these {other} has three at another threshold "
          f"(of all its drawings with fewer, {usual[other]:.0%} do)")  # fmt: skip
if lab.profile == "laptop":
    assert sum(close.values()) == 16 and sum(int(v.sum()) for v in alone.values()) == 32
    assert [round(100 * usual[name]) for name in ("ELS", "network")] == [5, 8]

# %% [markdown]
# About half are close calls: in 16 of these 32 the other artist has three legs at another threshold near mid grey. (Of
# all drawings with fewer, 5 and 8 % do: one would expect two of the 32.) The rest are mostly a gap or a spot; in a few
# (seeds 36, 79, 344) one of the two has a leg that the other has not, in drawings that are otherwise alike (r2, below
# the pictures, 0.76 to 0.98). So the number depends on a threshold that we chose. Whoever chooses one should show that
# others tell the same story.

# %%
ratios = {}
for threshold in (-0.2, -0.1, 0.0, 0.1, 0.2):
    for top in (7, 8, 9):
        a, b = (legs(trousers[name], threshold, top) >= 3 for name in ("ELS", "network"))
        ratios[threshold, top] = ((a & b).sum() / (a.sum() * b.sum() / len(a))).item()
        if top == 8:
            rate = (legs(real["trousers"], threshold) >= 3).double().mean()
            print(f"threshold {threshold:4.1f}: real {rate:.1%}, network {b.double().mean():.1%}, ELS "
                  f"{a.double().mean():.1%}, both {(a & b).sum()} = {ratios[threshold, top]:.1f} x chance")  # fmt: skip
print(f"all fifteen settings (top 7, 8, 9): {min(ratios.values()):.1f} to {max(ratios.values()):.1f} x chance")
if lab.profile == "laptop":
    assert 4.5 < min(ratios.values()) < max(ratios.values()) < 9.1
steady = {}  # by the counter of Exercise 1: three runs or more in two consecutive rows
for name, images in {"real": real["trousers"], **trousers}.items():
    runs = (torch.nn.functional.pad(images[:, 0, 8:] > 0, (1, 0)).int().diff(dim=-1) == 1).sum(-1)
    steady[name] = torch.minimum(runs[:, 1:], runs[:, :-1]).max(-1).values >= 3
held, many = (steady["ELS"] & steady["network"]).sum().item(), {name: int(v.sum()) for name, v in steady.items()}
print(f"in two rows: {many}, ELS and network both {held}, by chance {many['ELS'] * many['network'] / 400:.1f}")
if lab.profile == "laptop":
    assert many == {"real": 6, "network": 8, "ELS": 18, "IS": 3} and held == 5

# %% [markdown]
# They do: 4.6 to 9 times chance, at each of fifteen settings. And by the steadier counter of Exercise 1, with two rows,
# the network has 8 three-legged drawings and ELS 18 (real: 6 of 1,027); five of the eight are on both lists, where
# chance would give 0.4. That the machine errs *more often* is less firm: 7.2 % against 4.2 % at the threshold 0, but
# 5.0 % both at 0.2.

# %% [markdown] tags=["slide"]
# ## 5. Seven of 17: is that few? (4 minutes)
#
# The 17 are themselves those of one way to sample. The network took 150 steps, and the first ones go astray: at t = 1
# its estimate is mostly amplified error (lesson 11). So let the *exact* denoiser make the steps above t = 0.95 (eight
# of 150), and the network all others; and do the same with 20 steps (one of 20). All 400 seeds are stored.
#
# **Predict.** How many third legs with 20 steps, with 20 repaired ones, with 150 repaired ones? How many of the 17 does
# the network repeat if only its start is repaired?

# %% tags=["slide"]
ways = {"150 steps": "network-150", "150, start repaired": "network-150-repaired", "20 steps": "network-20"}
ways |= {"20, start repaired": "network-20-repaired", "ELS, 20 steps": "els-zeros"}
ways, sampled = {name: stored[f"trousers.{column}"] for name, column in ways.items()}, {}
first_exact = els.diffusion.with_first_step(garments.machine("is"), garments.network)
redrawn = els.sample(first_exact, els.seeded_noise(again, garments.shape), steps=20, labels=1)
assert (redrawn.clamp(-1, 1) - ways["20, start repaired"][again]).abs().max() < 0.02
print("400 trousers          three legs, of these ELS too, 150 steps too   r2 with 150 steps")
for name, images in ways.items():
    three = legs(images) >= 3
    likeness = els.compare(images, ways["150 steps"]).r2.median().item()
    sampled[name] = [int(v.sum()) for v in (three, three & ours, three & theirs)] + [round(likeness, 3)]
    print(f"{name:22s}" + "{:10d} {:18d} {:14d} {:19.3f}".format(*sampled[name]))
repaired, machine = ("150, start repaired", "ELS, 20 steps")
for name in (repaired, machine):
    print(f"{name}, thresholds -0.2 to 0.2:", [(legs(ways[name], s / 10) >= 3).sum().item() for s in range(-2, 3)])
print(f"both by chance: {sampled[repaired][0] * sampled[machine][0] / 400:.1f}; of 400 real: {400 * share['real']:.0f}")
if lab.profile == "laptop":
    assert list(sampled.values())[:2] == [[17, 7, 17, 1.0], [24, 11, 14, 0.997]]
    assert list(sampled.values())[2:4] == [[6, 5, 5, 0.986], [17, 8, 13, 0.997]]
    spans = [(legs(ways[name], s / 10) >= 3).sum().item() for name in (repaired, machine) for s in range(-2, 3)]
    assert spans == [28, 25, 24, 24, 20, 26, 27, 29, 25, 20] and round(24 * 29 / 400, 1) == 1.7

# %% [markdown]
# With 20 steps 6 are left, no more than real trousers would have (5). Not because 20 are coarse: with a repaired start
# they make 17 again. The bad start is what hides third legs. Without it the network has **24, ELS 29**, 11 of them on
# the same seeds (chance 1.7); over the five thresholds 20 to 28, and 20 to 29. So nothing shows that the machine grows
# third legs more often: for legs it mostly lacks the network's bad start. (Lopsidedness is another matter: section 9.)
#
# And the ceiling: another way to sample *the same weights*, with nearly the same pictures (r2 0.997), repeats only 13
# or 14 of the 17. ELS, which has no weights, foretells seven. (What a second training would repeat we did not count;
# lesson 15 asks that of whole drawings.)
#
# ### Exercise 2: Agreement beyond chance (6 minutes, ★★☆)
#
# Write `overlap(a, b)` for two tensors of truth values of shape (n,): return three numbers, how many are true in both,
# how many would be on average over all ways to shuffle a (a formula: draw nothing), and the **lift**: the probability
# of b where a holds, divided by the probability of b.


# %%
def overlap(a, b):
    """a, b (n,) truth values -> (both, expected by chance, P(b given a) / P(b))."""
    ...


check.overlap(overlap)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("overlap")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def overlap(a, b):
#     both = (a & b).sum().item()
#     expected = a.sum().item() * b.sum().item() / len(a)
#     lift = (both / a.sum().item()) / (b.sum().item() / len(b))
#     return both, expected, lift
# ```
#
# The lift is both / expected: the same number, read in two ways. It is symmetric in a and b.
# </details>
#
# ## 6. Sleeves that do not match (6 minutes)
#
# Third legs are rare. Is there an error that is common, and can be measured as a degree? Tops should be nearly
# **symmetric**: both sleeves long or both short. Keeping a promise between left and right needs a long view, so a local
# artist should fail. (Counting sleeves shows nothing: four runs or more are no commoner than on real tops. We tried
# that first.)
#
# **Predict.** Look at these. Which row is real? And what will ELS have drawn from the noise of the other row?

# %% tags=["slide"]
first = list(range(12))
rows = {"A": stored["pullover.network-150"][first], "B": real["pullover"][first]}
show(
    plotting.image_rows(rows),
    alt="Two rows of pullovers. In row A sleeves differ from left to right, or one is missing; row B is symmetric.",
)

# %% tags=["slide"]
rows = {"network": stored["pullover.network-150"][first], "ELS": stored["pullover.els-zeros"][first]}
show(
    plotting.image_rows(rows | {"IS": stored["pullover.is"][first]}, titles=[f"seed {s}" for s in first]),
    alt="The network's pullovers, and those of ELS and IS from the same noise. ELS has the network's odd sleeves, "
    "on the same side; IS is symmetric.",
)

# %% [markdown]
# The measure: **mirror r2**, the r2 of an image with its own mirror image. A garment may hang one pixel off the middle,
# so take the best of three shifts. **Lopsided** is what lies below all but one in twenty of the real garments.


# %%
def mirror(images):
    """images (B, 1, H, W) -> (B,): r2 of each image with its mirror image, best of shifts by -1, 0, 1."""
    flipped = images.flip(-1)
    return torch.stack([els.compare(flipped.roll(s, -1), images).r2 for s in (-1, 0, 1)]).max(0).values


limits = {garment: mirror(images).quantile(0.05).item() for garment, images in real.items()}  # 1 of 20 is below
lopsided = {(garment, name): mirror(stored[f"{garment}.{names[name]}"]) < limits[garment]
            for garment in limits for name in names}  # fmt: skip
for garment in limits:
    print(garment, {name: f"{int(lopsided[garment, name].sum())} of {len(lopsided[garment, name])}" for name in names})

# %% [markdown] tags=["slide"]
# **Predict.** How strongly do the mirror r2 of network and machine go together, seed by seed? And of network and IS?

# %% tags=["slide"]
fig, axes = plt.subplots(1, 2, figsize=(8.6, 3.9), sharex=True, sharey=True)
together = {}
for axis, garment in zip(axes, ("pullover", "shirt"), strict=True):
    target = mirror(stored[f"{garment}.network-150"])
    for name, mark, colour in (("IS", "x", plotting.GREY), ("ELS", "o", plotting.BLUE)):
        values = mirror(stored[f"{garment}.{names[name]}"])
        together[garment, name] = torch.corrcoef(torch.stack([values, target]))[0, 1].item()
        axis.plot(target, values, mark, ms=4, color=colour, label=f"{name}, correlation {together[garment, name]:.2f}")
    axis.axline((0, 0), slope=1, color="0.8", lw=1, zorder=0)
    axis.axhline(limits[garment], color=plotting.ORANGE, ls="--", lw=1, zorder=0)
    axis.axvline(limits[garment], color=plotting.ORANGE, ls="--", lw=1, zorder=0)
    axis.set(title=garment, xlabel="mirror r2 of the network", xlim=(0, 1), ylim=(0, 1))
    axis.legend(loc="lower right", fontsize=9)
axes[0].set_ylabel("mirror r2 of the machine")
show(
    fig,
    alt="Mirror r2 of ELS against that of the network, for pullovers and shirts: both spread from 0.1 to 1 along "
    "the diagonal, correlation 0.90 and 0.93. IS is mostly above 0.7, whatever the network does. Dashed lines in both "
    "directions: what is below and left of them is lopsided.",
)

# %%
for garment in limits:
    a, b = lopsided[garment, "ELS"], lopsided[garment, "network"]
    hits = (a & b).sum()
    print(f"{garment}: both lopsided {hits}, by chance {a.sum() * b.sum() / len(a):.0f}; "
          f"ELS names {hits / b.sum():.0%} of the network's; of its own {hits / a.sum():.0%} are right")  # fmt: skip
    if lab.profile == "laptop" and garment != "trousers":
        found = (int(b.sum()), int(a.sum()), int(hits), int(lopsided[garment, "IS"].sum()))
        assert found == {"pullover": (37, 47, 36, 2), "shirt": (45, 44, 38, 5)}[garment]
        assert 0.89 < together[garment, "ELS"] < 0.94 and together[garment, "IS"] < 0.5
        four = [(legs(x) >= 4).double().mean() for x in (stored[f"{garment}.network-150"], real[garment])]
        assert four[0] < four[1]  # so many sleeves are no commoner than on real tops
r = torch.corrcoef(torch.stack([mirror(trousers["ELS"]), mirror(trousers["network"])]))[0, 1].item()
print(f"trousers, correlation of the mirror r2 of ELS and network: {r:.2f}")
if lab.profile == "laptop":
    a, b = lopsided["trousers", "ELS"], lopsided["trousers", "network"]
    assert (int(a.sum()), int(b.sum()), int((a & b).sum())) == (166, 95, 85) and 0.745 < r < 0.755

# %% [markdown]
# Where one real garment in twenty is that lopsided, four in ten of the network's are, and the machine names most of
# them: 36 of 37 pullovers (chance: 17), 38 of 45 shirts (20), with 11 and 6 false alarms. Where an error is large,
# and measured as a degree rather than a count, it is **predictable seed by seed**, correlation 0.9.
#
# IS has 0.46 and 0.42: from one noise both draw similar garments, and some garments are less symmetric. But it is below
# the limit 2 and 5 times, where the network is 37 and 45 times. And trousers? The machine names nine in ten there as
# well (85 of 95), but is right about one in two that it names (85 of 166), correlation 0.75: see section 9.

# %% [markdown] tags=["slide"]
# ## 7. Through a keyhole (6 minutes)
#
# Look at a third leg through a keyhole: an edge, cloth, an edge. Nothing is wrong with it. Let us measure that. Take P
# x P windows at some places below the waist; find for each the nearest window, *anywhere in any pair of training
# trousers* (the machine of this class sees nothing else); note the distance per pixel. Beyond the border stand zeros,
# as for the network, so wide windows find their match near their own place. As yardstick the same for real trousers
# (their own image excluded). And as ten of the 17 are lopsided as well, we keep straight and lopsided drawings apart.
#
# **Predict.** At which P will the distance of three-legged drawings be twice that of real trousers: 3, 5, 9, 15?

# %%
places = torch.tensor([16 * row + column for row in (9, 11, 13) for column in (4, 6, 8, 10, 12)])


def strangeness(images, patch_size, own=None):
    """Mean over images of the root mean square distance, per pixel in the image, to the nearest training window."""
    unfold = torch.nn.functional.unfold
    known = unfold(real["trousers"], patch_size, padding=patch_size // 2)  # (N, P*P, 256)
    known = known.permute(1, 0, 2).flatten(1)  # (P*P, N*256)
    inside = unfold(torch.ones(1, 1, 16, 16), patch_size, padding=patch_size // 2)[0, :, places].sum(0)
    lengths, total = known.square().sum(0), 0.0
    for k, image in enumerate(images):
        seen = unfold(image[None], patch_size, padding=patch_size // 2)[0, :, places].T
        squared = seen.square().sum(1, keepdim=True) + lengths - 2 * seen @ known  # (15, N*256): |a|^2 + |b|^2 - 2ab
        if own is not None:
            squared.view(len(places), -1, 256)[:, own[k]] = torch.inf  # not its own image
        total += (squared.min(1).values.clamp(min=0) / inside).mean().sqrt().item()
    return total / len(images)


# %% tags=["slide"]
crooked, two = lopsided["trousers", "network"], legs(trousers["network"]) == 2
picks = (legs(real["trousers"]) == 2).nonzero().flatten()[::60][:15]
soft = torch.nn.functional.pad(real["trousers"][picks], (1, 1, 1, 1), mode="replicate")
kinds = {"three legs, lopsided": theirs & crooked, "two legs, lopsided": two & crooked,
         "three legs, straight": theirs & ~crooked, "two legs, straight": two & ~crooked}  # fmt: skip
groups = {name: (trousers["network"][kind][:10], None) for name, kind in kinds.items()}
groups["real, blurred"] = torch.nn.functional.avg_pool2d(soft, 3, stride=1), picks
groups["real"] = real["trousers"][picks], picks
windows = (3, 5, 9, 15)
strange = {name: [strangeness(images, p, own) for p in windows] for name, (images, own) in groups.items()}
fig, axis = plt.subplots(figsize=(7.5, 3.4))
colours = [plotting.ORANGE, plotting.BLUE] * 2 + [plotting.GREY, plotting.INK]
for (name, values), colour, mark in zip(strange.items(), colours, "o^o^xs", strict=True):
    axis.plot(windows, values, mark, ls="--" if "lopsided" in name else "-", color=colour, label=name)
axis.set(xlabel="window P", ylabel="distance to the nearest\ntraining window, per pixel", ylim=(0, None))
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(
    fig,
    alt="Distance per pixel to the nearest training window against P, network's drawings in four groups. At P = 3 all "
    "agree, at 0.05 to 0.08. At P = 15 lopsided drawings with three legs have 0.37, with two 0.29; straight ones with "
    "three 0.25, with two 0.17; real trousers 0.12, blurred ones 0.20.",
)

# %%
for name, values in strange.items():
    print(f"{name:22s}", [round(v, 2) for v in values], f"({len(groups[name][0])} drawings)")
of_three = [(10 * a + 7 * b) / 17 for a, b in zip(*(strange[name] for name in list(kinds)[::2]), strict=True)]
print("three legs, all 17    ", [round(v, 2) for v in of_three])
if lab.profile == "laptop":
    assert [int(kind.sum()) for kind in kinds.values()] == [10, 72, 7, 248]
    assert [round(values[-1], 2) for values in strange.values()] == [0.37, 0.29, 0.25, 0.17, 0.20, 0.12]
    assert all(0.045 < values[0] < 0.085 for values in strange.values())
    assert [round(v, 2) for v in of_three[1:]] == [0.16, 0.26, 0.32]
    assert [round(v, 2) for v in strange["real"]] == [0.05, 0.08, 0.12, 0.12]

# %% [markdown]
# Through a keyhole of 3 pixels hardly anything is wrong: 0.05 to 0.08 per pixel for all, on a scale from -1 to 1. The
# wider the window, the further apart they are: at P = 5 three-legged drawings have 0.16 against 0.08 of real trousers,
# nearly twice as much; at P = 9 0.26 against 0.12, at P = 15 0.32 against 0.12.
#
# What is strange about them has two causes. A lopsided drawing with two legs stands out (0.29) further than a straight
# one with three (0.25). Among straight ones a third leg takes 0.17 to 0.25, among lopsided ones 0.29 to 0.37. (Groups
# of 7 and 10.) The 0.17 themselves are no sign of a mosaic: real trousers have 0.20 if they are only blurred a little
# (over 3 x 3 pixels). **In order close up, stranger the wider one looks**: that is what the word *local* in local score
# machine says.

# %% [markdown] tags=["slide"]
# ## 8. Would a longer view cure it? (6 minutes)
#
# The calibrated windows shrink from 13 at t = 1 to 9 at t = 0.4 and 3 at the end. The paper explains extra limbs by
# **too local too late** ("excess late-time locality", its section 5.3): with longer windows late in time the machine
# would notice its third leg. We can try it, the windows are ours to edit.
#
# ### Exercise 3: Edit P(t) (4 minutes, ★☆☆)
#
# Write `edited_sizes(sizes, least, low, high)`: `sizes` is a list of pairs (t, P). Return a tensor of shape (T, 2) with
# the same times, where P is at least `least` for `low` <= t < `high` and unchanged elsewhere.


# %%
def edited_sizes(sizes, least, low, high):
    """sizes [(t, P), ...] -> tensor (T, 2): P at least `least` where low <= t < high."""
    ...


check.edited_sizes(edited_sizes)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("edited_sizes")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def edited_sizes(sizes, least, low, high):
#     return torch.tensor([(t, max(p, least) if low <= t < high else p) for t, p in sizes])
# ```
#
# All edits below are of this form, applied to `garments.patch_sizes("els-zeros")`; LS is given the same sizes.
# </details>
#
# A hundred seeds (stored, one machine is run again on three of them), by five machines:
#
# * the calibrated windows;
# * at least 9, or at least 13, for t below 0.4, the early ones as calibrated;
# * at least 15 for t from 0.4 to 0.8, the late ones as short as ever;
# * the calibrated windows, but tied to their places (LS).
#
# **Predict.** As calibrated, 39 are lopsided and 10 have three legs. Which of the others leaves fewest of each?

# %%
edits = {"calibrated": "els-zeros"} | {f"{p} below 0.4": f"els-{p}-below-0.4" for p in (5, 7, 9, 13)}
edits |= {"15 above 0.4": "els-15-above-0.4"} | {f"15 from 0.4 to {t}": f"els-15-0.4-to-{t}" for t in (0.8, 0.6)}
edits |= {"13 throughout": "els-13", "tied to places (LS)": "ls", "LS, 15 from 0.4 to 0.6": "ls-15-0.4-to-0.6"}
drawn = {name: stored[f"trousers.{column}"][:100] for name, column in edits.items()}  # seeds 0 to 99
drawn["network"] = trousers["network"][:100]
sizes = garments.patch_sizes("els-zeros")
longer = garments.patch_machine("els-zeros", [(t, max(p, 15) if 0.4 <= t < 0.8 else p) for t, p in sizes])
redrawn = els.sample(longer, els.seeded_noise([10, 78, 93], garments.shape), steps=20, labels=1)
assert (redrawn.clamp(-1, 1) - drawn["15 from 0.4 to 0.8"][[10, 78, 93]]).abs().max() < 0.02
windows_at = {round(t, 2): p for t, p in sizes}
print("calibrated windows:", windows_at)
assert [windows_at[t] for t in (1.0, 0.8, 0.75, 0.4, 0.3, 0.05)] == [13, 13, 11, 9, 5, 3]
assert garments.patch_sizes("ls") == sizes
tall = (real["trousers"][:, 0] > -0.7).any(-1).sum(-1)  # how many rows a pair of trousers takes
print(f"trousers that are 14 rows high: {(tall == 14).double().mean():.1%}")
third = {name: legs(images) >= 3 for name, images in drawn.items()}
skewed = {name: mirror(images) < limits["trousers"] for name, images in drawn.items()}
shared = {name: (v & skewed["network"]).sum().item() for name, v in skewed.items()}
likeness = {name: els.compare(drawn[name], drawn["network"]).r2.median().item() for name in edits}

# %% tags=["slide"]
five = ["calibrated", "9 below 0.4", "13 below 0.4", "15 from 0.4 to 0.8", "tied to places (LS)", "network"]
fig, axes = plt.subplots(1, 2, figsize=(9.5, 2.9), sharey=True)
for axis, found, rate in ((axes[0], skewed, 5), (axes[1], third, 100 * share["real"])):
    bars = axis.barh(five, [int(found[name].sum()) for name in five], color=plotting.BLUE)
    axis.bar_label(bars, padding=8)
    axis.axvline(rate, color=plotting.ORANGE, ls="--", label="real trousers")
axes[0].set(xlabel="lopsided, of 100", xlim=(0, 44))
axes[1].set(xlabel="three legs, of 100", xlim=(0, 11.5))
axes[0].invert_yaxis()
axes[1].legend(loc="lower right", fontsize=9)
show(
    fig,
    alt="Two panels, one row per machine. Lopsided trousers: 39 of 100 as calibrated, 33 with 9 below t = 0.4, 9 with "
    "13 below, 13 with 15 from 0.4 to 0.8, 15 when tied to places; the network has 20, real trousers 5. Third legs: "
    "10, then 7, 3, 3, 1; network 6.",
)

# %%
changed = {}
for name in edits:
    cured = {k: (v["calibrated"] & ~v[name]).sum().item() for k, v in (("legs", third), ("sides", skewed))}
    new = {k: (~v["calibrated"] & v[name]).sum().item() for k, v in (("legs", third), ("sides", skewed))}
    changed[name] = cured["sides"], new["sides"]
    print(f"{name:22s} lopsided {int(skewed[name].sum()):2d} (cured {cured['sides']:2d}, new {new['sides']})   "
          f"three legs {int(third[name].sum()):2d} (cured {cured['legs']:2d}, new {new['legs']})")  # fmt: skip
a, b = skewed["tied to places (LS)"], skewed["LS, 15 from 0.4 to 0.6"]
print(f"longer windows in LS: of the lopsided {(a & ~b).sum()} cured, {(~a & b).sum()} new")
if lab.profile == "laptop":
    assert [int(v.sum()) for v in skewed.values()] == [39, 37, 31, 33, 9, 12, 13, 20, 3, 15, 9, 20]
    assert [int(v.sum()) for v in third.values()] == [10, 7, 7, 7, 3, 2, 3, 8, 0, 1, 0, 6]
    assert (third["calibrated"] & ~third["9 below 0.4"]).sum() == 6 and 4 * (15 // 2) ** 2 == 196
    assert (~third["calibrated"] & third["9 below 0.4"]).sum() == 3 and (tall == 14).double().mean() > 0.99
    assert changed["9 below 0.4"] == (9, 3) and changed["13 below 0.4"] == (30, 0)
    assert ((a & ~b).sum(), (~a & b).sum()) == (6, 0) and round(1 / 2**6, 3) == 0.016

# %% [markdown]
# Read the left panel, whose numbers are large enough (the network itself: 20).
#
# * **Somewhat longer late windows help little**: 39 become 37, 31, 33 (5, 7, 9 below 0.4).
# * **A view of nearly everything helps, late or before**: 13 below t = 0.4 leaves 9; 15 between 0.4 and 0.8 leaves 13.
#   Trousers are 14 rows high: a window of 13, as calibrated from t = 0.8 up, nearly holds a pair, one of 11 does not.
#   Above 0.8 a longer one changes little (12); 13 throughout leaves 3.
# * **So does knowing one's place**: LS, the same windows tied to their places, leaves 15. A window of 15 does both: by
#   lesson 08, the $4 \cdot 7^2 = 196$ of the 256 pixels whose window meets two borders know where they are. In LS,
#   where all know it, 15 from 0.4 to 0.6 still takes 15 to 9 (six cured, none new: 0.016 by the sign test). So both
#   seem to count.
#
# So "too local too late" is half of the story: one *long* stage with a long view, late or from 0.8 to 0.4, removes most
# errors. From 0.6 to 0.4 alone it removes half of the lopsided (39 to 20) and hardly a third leg (10 to 8).

# %% [markdown] tags=["slide"]
# ## 9. Is it the network's cure? (5 minutes)
#
# Fewer errors are one thing, **the network's errors** another: ELS is lopsided on *all* 20 seeds of the network, with
# 19 false alarms. A good edit would lose the false alarms, keep the 20, and bring the drawings nearer to the network's.
#
# **Predict.** Which edit stays closest to the network: long windows late, from 0.4 to 0.8, or from 0.4 to 0.6? Or LS?

# %% tags=["slide"]
five = ["calibrated", "13 below 0.4", "15 from 0.4 to 0.8", "15 from 0.4 to 0.6", "tied to places (LS)"]
fig, axes = plt.subplots(1, 2, figsize=(9.5, 2.8), sharey=True)
bars = axes[0].barh(five, [int(skewed[name].sum()) for name in five], color=plotting.BLUE)
axes[0].bar_label(bars, [f"{shared[name]} of {int(skewed[name].sum())}" for name in five], padding=3)
axes[0].barh(five, [shared[name] for name in five], height=0.35, color=plotting.INK, label="on the network's seeds")
axes[1].plot([likeness[name] for name in five], five, "o", color=plotting.BLUE)
axes[0].set(xlabel="lopsided, of 100 (network: 20)", xlim=(0, 48))
axes[1].set(xlabel="median r2 with the network", xlim=(0.88, 1))
axes[0].invert_yaxis()
axes[0].legend(loc="center right", fontsize=9)
show(
    fig,
    alt="Two panels, one row per machine. Lopsided drawings, in dark those on the network's 20 seeds: calibrated 20 of "
    "39, 13 below t = 0.4 7 of 9, 15 from 0.4 to 0.8 11 of 13, 15 from 0.4 to 0.6 16 of 20, tied to places 10 of 15. "
    "r2 with the network: 0.95, 0.90, 0.96, 0.96, 0.94.",
)
ways = {"network": "network-150", "network, start repaired": "network-150-repaired", "ELS": "els-zeros"}
tilted = {name: mirror(stored[f"trousers.{column}"]) < limits["trousers"] for name, column in ways.items()}
print("lopsided of 400:", {name: int(v.sum()) for name, v in tilted.items()})
if lab.profile == "laptop":
    assert [int(v.sum()) for v in tilted.values()] == [95, 108, 166]
    assert tilted["network, start repaired"][:100].sum() == 21
    assert [shared[name] for name in five] == [20, 7, 11, 16, 10]

# %% [markdown]
# **Right number, wrong drawings.** LS has nearly the network's number, but only half of its seeds. With 15 from 0.4 to
# 0.6 it is 16, with 4 false alarms.
#
# And the *network*, does it look as far? Long windows late make the formula a **worse prediction** (r2 0.90 instead of
# 0.95): late, the network does not act as if it looked that far, and its faults come with that. But with 15 from 0.4
# to 0.6 it is a *better* one (0.96), with as many lopsided drawings as the network, and mostly the same. **There the
# calibrated windows were too small**, and the excess of 39 over 20 was the machine's own. (The network's bad start
# does not explain it: repaired, it has 21, and on all 400 seeds 108 where the machine has 166.)
#
# Careful: that edit was found by trying several on these very seeds. Judge it by others. And look at tops, too.

# %%
middle, late = "els-15-0.4-to-0.6", "els-9-below-0.4"
for name, part in {"the seeds above": slice(0, 100), "the next hundred": slice(100, 200)}.items():
    target = trousers["network"][part]
    before, after = (stored[f"trousers.{c}"][part] for c in ("els-zeros", middle))
    r2_before, r2_after = (els.compare(x, target).r2 for x in (before, after))
    bad = [(mirror(x) < limits["trousers"]).sum().item() for x in (before, after, target)]
    won = (r2_after > r2_before).sum().item()
    print(f"{name}: r2 {r2_before.median():.2f} -> {r2_after.median():.2f}, better for {won} of 100 seeds; lopsided "
          f"{bad[0]} -> {bad[1]}, network {bad[2]}")  # fmt: skip
    if lab.profile == "laptop":
        assert (won, bad) == {0: (74, [39, 20, 20]), 100: (76, [46, 22, 28])}[part.start]
for garment, said in {"pullover": (47, 22, 0.89), "shirt": (44, 27, 0.88)}.items():
    before, after, target = (stored[f"{garment}.{c}"] for c in ("els-zeros", late, "network-150"))
    bad = [(mirror(x) < limits[garment]).sum().item() for x in (before, after)]
    r2_before, r2_after = (els.compare(x, target).r2.median().item() for x in (before, after))
    print(f"{garment}, 9 below 0.4: r2 {r2_before:.2f} -> {r2_after:.2f}; lopsided {bad[0]} -> {bad[1]}")
    if lab.profile == "laptop":
        assert tuple(bad) == said[:2] and abs(r2_after - said[2]) < 0.006 and r2_before > 0.94
if lab.profile == "laptop":
    assert all((likeness[k] > likeness["calibrated"]) == (k.startswith("15 from")) for k in edits if k != "calibrated")
    assert [round(likeness[k], 2) for k in five] == [0.95, 0.9, 0.96, 0.96, 0.94]

# %% [markdown]
# It holds: better for 76 of a hundred fresh seeds, though 22 lopsided drawings are fewer than the network's 28 there.
# Other classes we did not try; lesson 09's milder edit, one size more from 0.35 to 0.7, was a draw over all classes for
# networks like this one. (Lesson 09: scores are not samples.)
#
# Tops: there 9 below 0.4 *does* help. Lopsided pullovers fall from 47 to 22, shirts from 44 to 27, which is still far
# above the 5 of real ones, and at the same price (r2 0.88 or 0.89). How far one must see depends on the garment.
#
# ### Exercise 4: Cured, or only different? (6 minutes, ★★☆)
#
# Of the machine's ten three-legged seeds "9 below 0.4" cured six. A cure? It grew three new ones. Whoever looks only at
# selected bad cases sees *any* change as an improvement, since they were selected for being extreme.
#
# Write `cure_test(before, after)` for truth values of shape (n,), "has three legs" before and after an edit: how many
# were cured, how many are new, and the probability that, of all seeds that *changed*, at least as many would be cures
# if each change went either way with probability 1/2. (If nothing changed: 0, 0 and 1.)


# %%
def cure_test(before, after):
    """before, after (n,) truth values -> (cured, new, probability of as many cures by chance)."""
    ...


check.cure_test(cure_test)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("cure_test")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# import math
#
#
# def cure_test(before, after):
#     cured = (before & ~after).sum().item()
#     new = (~before & after).sum().item()
#     n = cured + new
#     return cured, new, sum(math.comb(n, k) for k in range(cured, n + 1)) / 2**n
# ```
#
# It is the sign test of lesson 10 on the seeds that changed (McNemar's test, in its exact form, one-sided). Of the
# lopsided trousers of section 8, "9 below 0.4" cures 9 and makes 3 new ones: (220 + 66 + 12 + 1) / 4096 = 0.07. With
# "13 below 0.4" it is 30 and none: one in a billion.
# </details>
#
# ## 10. When does it show? (7 minutes)
#
# **Predict.** At which t does the third leg of our seven seeds appear in the machine's estimate of the clean image:
# above 0.8, near 0.5, below 0.2? All at the same time? And in the network's estimate?

# %%
seeds = (ours & theirs).nonzero().flatten().tolist()
start, elsm = els.seeded_noise(seeds, garments.shape), garments.machine("els-zeros")
path = list(els.trajectory(elsm, start, steps=20, labels=1))
networks_path = list(els.trajectory(garments.network, start, steps=160, labels=1))[::8]  # 160 = 8 x 20: the same times
times = [round(t, 2) for t, _, _ in path]
grown = {
    "ELS": torch.stack([legs(x0_hat) for _, _, x0_hat in path]),
    "network": torch.stack([legs(x0_hat) for _, _, x0_hat in networks_path]),
}  # (21, 7) each

# %% tags=["slide"]
fig, axes = plt.subplots(1, 2, figsize=(10, 2.8), sharey=True)
for axis, (name, count) in zip(axes, grown.items(), strict=True):
    axis.imshow((count.T >= 3).int(), cmap="Blues", vmin=0, vmax=2, aspect="auto")
    for (t, s), k in zip(
        torch.cartesian_prod(torch.arange(21), torch.arange(len(seeds))), count.flatten(), strict=True
    ):
        axis.text(t, s, int(k), ha="center", va="center", fontsize=8)
    axis.set_xticks(range(0, 21, 4), [f"{times[k]:.1f}" for k in range(0, 21, 4)])
    axis.set(xlabel="time t (noise on the left)", title=f"{name}: legs in its estimate (blue: three or more)")
axes[0].set_yticks(range(len(seeds)), [f"seed {s}" for s in seeds])
show(
    fig,
    alt="Number of legs in the estimated clean image against t, for seven seeds, ELS left, network right. In the "
    "estimate of ELS three legs come and go: they stay from t = 0.8 for one seed, from 0.45 to 0.25 for four, from "
    "0.15 and 0.05 for two. In the network's most seeds have them for good earlier.",
)

# %% [markdown]
# The counts waver. From when on does a third leg show? Let us say: from the first t on after which it never goes away.
#
# ### Exercise 5: It shows for good (6 minutes, ★★☆)
#
# Write `shown_from(counts, times)`: `counts` of shape (T, B) holds the legs in the estimates of B seeds at the T
# `times`, from noise to clean. Return (B,): for each seed the first t from which *all* estimates to the end have
# three legs or more; `torch.nan` where the last one has fewer.


# %%
def shown_from(counts, times):
    """counts (T, B), times: T falling numbers -> (B,): the t from which three legs or more stay to the end, or nan."""
    ...


check.shown_from(shown_from)

# %% [markdown]
# Stuck? `check.hint("shown_from")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def shown_from(counts, times):
#     stays = (counts >= 3).int().flip(0).cumprod(0).sum(0)  # how many of the last estimates have three legs
#     return torch.tensor([times[len(times) - int(k)] if k else torch.nan for k in stays])
# ```
#
# Read from the end, the product of truth values is 1 until the first estimate with fewer legs, and 0 from there on.
# </details>

# %%
settled = {}
for name, count in grown.items():
    run = (count >= 3).long().flip(0).cumprod(0).sum(0)  # how many of the last estimates all have three legs
    settled[name] = [times[len(times) - int(k)] for k in run]
    print(f"{name:8s} three legs for good from t =", settled[name])
if lab.profile == "laptop":
    assert max(settled["ELS"]) > 0.7 and min(settled["ELS"]) < 0.1
    assert sum(0.25 <= t <= 0.45 for t in settled["ELS"]) >= 4
    assert sum(n > e for n, e in zip(settled["network"], settled["ELS"], strict=True)) >= 4

# %% [markdown]
# There is no one moment. In the machine's estimate the third leg is there for good from t = 0.8 for one seed and only
# in the last step for another; four of the seven settle between 0.45 and 0.25, when windows are 9 to 5 pixels wide. The
# network shows most of them earlier. (Its "legs" at t = 1 are specks: its first estimate is mostly noise, see lesson
# 11.) Before that the machine's estimates waver for five of the seven, the network's for one.
#
# This is when it *shows*. Chance enters only with the noise, so the seed has decided before the first step. How firmly,
# one would have to test by disturbing x_t on its way (lesson 10 let the machine finish what the network had begun).
#
# Ask the machine itself: below, click a pixel of an odd leg. At t = 0.3 its window is 5 pixels wide. Who voted for it?
# Then we count, at t = 0.3, where five of the seven show their third leg: of every pixel below the waist, background
# included, the four heaviest voters, sorted by how many legs their own image has. And the same for seven seeds whose
# drawings have two legs.

# %%
shown = [k for k, s in enumerate(seeds) if s in (78, 93, 269)]
step = times.index(0.3)
widgets.MosaicExplorer.of(elsm, path[step][1][shown], path[-1][1][shown], t=0.3, top=4, labels=1)

# %%
straight = (legs(trousers["ELS"]) == 2) & (legs(trousers["network"]) == 2)
plain = els.seeded_noise(straight.nonzero().flatten()[:7].tolist(), garments.shape)
plain_path = list(els.trajectory(elsm, plain, steps=20, labels=1))
own_legs, by_legs, odd_votes = legs(garments.data.images.cpu()), {}, {}
for title, x_t in {"three legs": path[step][1], "two legs": plain_path[step][1]}.items():
    votes = elsm.posterior(x_t, 0.3, top=4, labels=1)
    weight, voters = votes.weight[:, 8:], own_legs[votes.image[:, 8:]]  # (7, 8, 16, 4): legs of the voter's image
    by_legs[title] = {k: (weight[voters == k].sum() / weight.sum()).item() for k in range(5)}
    odd_votes[title] = (weight * (voters >= 3)).flatten(1).sum(1) / weight.flatten(1).sum(1)
    each = [f"{part:.0%}" for part in odd_votes[title].tolist()]
    print(f"{title}, seed by seed, by voters with three legs or four:", each)
    print(f"drawings with {title}, voters by legs:", {k: f"{v:.0%}" for k, v in by_legs[title].items()})
pair = torch.tensor([s in (259, 269) for s in seeds])
others, usual = odd_votes["three legs"][~pair].mean().item(), odd_votes["two legs"].mean().item()
print(
    f"voters with three legs or four, without seeds 259 and 269: {others:.0%}; for drawings with two legs {usual:.0%}"
)
if lab.profile == "laptop":
    assert by_legs["three legs"][2] > 0.7 and (grown["ELS"][step] >= 3).sum() == 5
    assert (odd_votes["three legs"][pair] > 0.3).all() and odd_votes["three legs"][~pair].max() < 0.12
    assert 0.06 < others < 0.075 and 0.02 < usual < 0.035

# %% [markdown]
# Most of these votes come from trousers with two legs: seen through its window, each of these patches was right at
# its own place. Two of the seven, seeds 259 and 269, draw on odd examples: 40 and 31 % of their votes are held by the
# few real trousers that the counter had called three-legged, 1.3 % of the images. With the other five it is 7 % (4 to
# 11), not clearly more than the 3 % (0 to 10) of drawings with two legs.
#
# **An open task.** Repair one. Take seed 78 or 93, and look for the shortest stage of t in which longer windows remove
# the third leg: begin with 0.8 to 0.6, 0.6 to 0.4, 0.4 to 0.2. The machine is `longer` of section 8 with other numbers,
# and a run takes seconds. Then try your stage on ten other seeds before you call it a cure.

# %% [markdown]
# ## 11. From third legs to sixth fingers (5 minutes)
#
# Kamb and Ganguli point to the mechanism that you have just measured: parts that are each in order, put together by
# windows that never see the whole. A finger looks the same whether it is the fifth or the sixth.
#
# How far does that carry? What we have *shown* holds for one small ResNet and three kinds of garments. Large models
# differ in every respect that matters here: their networks have attention, which can see the whole image at each
# step; they work on compressed images; they follow text. There is theory for one attention layer after a
# convolutional network (Finn and others): it ties the patches together. In the paper's test of a U-Net with
# attention, ELS still explains part of the samples (CIFAR-10: 0.77 in its measure, against 0.48 for the ideal
# denoiser; but LS has 0.77 as well), and what it misses is coherence.
#
# So "six fingers come from locality" is a **hypothesis with a mechanism**, not a result. You now know what it would
# take to test it: a counter fixed beforehand, the same seeds, a rate on real photographs, and an edit that should cure
# it.

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * Third legs are rare (4 % of the network's trousers, 6 % with its start repaired, 7 % of the machine's) but in excess
#   of real ones, and on the same seeds six times as often as by chance.
# * Lopsided sleeves are common, four in ten, and there the machine foretells nine in ten, and is right about four in
#   five that it names (for trousers about one in two).
# * Through a keyhole of 3 pixels such a drawing is in order; a wider one shows it strange, for being lopsided even more
#   than for its third leg.
# * It is not simply "too local too late": a view of nearly the whole garment, late or from t = 0.8 to 0.4, removes most
#   errors, and so does knowing one's place. Late it predicts the network less well, in the middle a little better.
# * A counter is fixed before one counts, several thresholds are shown, and new failures are counted along with cures.
#
# ## What is still unexplained
#
# All this was done on 16 x 16 pixels and some hundred or thousand images. The machine compares every window of every
# image with every pixel: what does it take to run it on the full data set at full size, and what has that to do with
# attention? That is lesson 13, an aside for whoever wants to know.
#
# The story goes on in lesson 14. All these networks were trained for a while. Sound trousers stood in their training
# set: **with more time, would they learn them by heart?**
#
# ## References
#
# * M. Kamb, S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the machines, and locality as the source of spatial
#   inconsistency.
# * E. Finn, T. A. Keller, M. Theodosis, D. E. Ba, *Origins of creativity in attention-based diffusion models*, 2025,
#   [arXiv:2506.17324](https://arxiv.org/abs/2506.17324): what one layer of attention adds.
# * H. Xiao, K. Rasul, R. Vollgraf, *Fashion-MNIST*, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747): the images.
