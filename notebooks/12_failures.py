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
# **You need** the machines of lessons 02, 04 and 08, calibrated windows (lesson 09), and r2 (lesson 10).
#
# **Time** 83 minutes

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
# **Predict.** Here are ten of the network's drawings. How many have a leg too many? And what did the equivariant local
# machine (ELS), which has no weights, make of the same noise: sound trousers, other mistakes, or the same mistakes?

# %% tags=["slide"]
some = [10, 45, 78, 93, 122, 160, 161, 259, 269, 302]
show(
    plotting.image_rows({"network": trousers["network"][some]}, titles=[f"seed {s}" for s in some]),
    alt="Ten pairs of trousers drawn by the network. Several have a third leg, or a leg beside the others.",
)

# %% tags=["slide"]
rows = {name: trousers[name][some] for name in ("network", "ELS", "IS")}
show(
    plotting.image_rows(rows, titles=[f"seed {s}" for s in some]),
    alt="The same ten, with what ELS and the ideal machine IS draw from the same noise. ELS grows nearly the same "
    "odd legs as the network; IS draws sound trousers, all of them training images.",
)

# %% [markdown] tags=["slide"]
# The seeds were chosen to show something (the counter of section 2 will say: three legs or more on all ten of the
# network's), so this proves nothing yet. To prove it we need a number: a **leg counter** that knows nothing of our
# hopes, is fixed before we look, and is applied to real, network and machine images alike.
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
assert (legs(trousers["network"][some]) >= 3).all()

# %% [markdown] tags=["slide"]
# **Predict.** Of the 1,027 real trousers, how many have three "legs" by this count: none, 1 %, 5 %?

# %% tags=["slide"]
counts = legs(real["trousers"])
print("legs:", {k: (counts == k).sum().item() for k in range(5)}, "of", len(counts), "real trousers")
odd = real["trousers"][counts >= 3]
show(
    plotting.image_rows({"real,\n3 or more": odd[:13]}),
    alt="The real trousers that count as three-legged: mostly short trousers with a pattern of dots or checks.",
)
if lab.profile == "laptop":
    assert len(odd) == 13 and (counts == 2).float().mean() > 0.9

# %% [markdown]
# 1.3 %: no real third legs but **false alarms**, patterns and folds. A counter need not be perfect; it must be the same
# for all. What counts from now on is the *excess* over this rate.
#
# ### Exercise 1: A steadier counter (9 minutes, ★★★)
#
# A spot of one pixel counts as a leg here. Write `steady_legs(images, threshold, height)`: for `images` of shape (B, 1,
# H, W), the largest k such that some `height` *consecutive* rows have k runs or more each. Use all rows. Return (B,). A
# run is a stretch of pixels brighter than `threshold`.


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
# k runs or more in each of some rows means that their *smallest* count is at least k. With height 2, and below the
# waist, real trousers still count three in under 1 %.
# </details>
#
# ## 3. Four crowds (5 minutes)
#
# 400 seeds each: the network, ELS with its calibrated windows, and the ideal machine IS, which only copies; and the
# 1,027 real trousers. **Predict.** Order the four by their share of third legs.

# %% tags=["slide"]
crowds = {"real": legs(real["trousers"]) >= 3} | {name: legs(images) >= 3 for name, images in trousers.items()}
share = {name: odd.double().mean().item() for name, odd in crowds.items()}
order = sorted(share, key=share.get)
error = [1.96 * (share[k] * (1 - share[k]) / len(crowds[k])) ** 0.5 for k in order]
fig, axis = plt.subplots(figsize=(6.5, 2.6))
axis.barh(order, [100 * share[k] for k in order], xerr=[100 * e for e in error], color=plotting.BLUE, capsize=4)
axis.set(xlabel="three legs or more, % of drawings (95 % interval)", xlim=(0, None))
show(
    fig,
    alt="Share of drawings with three legs or more: real 1.3 %, IS 1.8 %, network 4.2 %, ELS 7.2 %.",
)
print({name: f"{int(odd.sum())} of {len(odd)}" for name, odd in crowds.items()})
if lab.profile == "laptop":
    assert {name: int(odd.sum()) for name, odd in crowds.items()} == {"real": 13, "network": 17, "ELS": 29, "IS": 7}
    assert share["network"] > 3 * share["real"] and share["ELS"] > 5 * share["real"]

# %% [markdown]
# Against 1.3 % of the real trousers, **4.2 %** of the network's have three legs, and **7.2 %** of the machine's. Both
# have an excess. IS has none that shows (1.8 %): it copies real trousers, their false alarms included. By this count
# the machine overdoes it: it makes the network's kind of error, and makes it more often. (Is that fair? See the end of
# section 4.)

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
print(f"ideal machine and network: {(crowds['IS'] & theirs).sum()}")
if lab.profile == "laptop":
    assert both == 7 and 1.1 < expected < 1.3 and p < 0.001
    assert 0.23 < both / ours.sum() < 0.25 and 0.04 < theirs.double().mean() < 0.045

# %% tags=["slide"]
show(
    plotting.image_rows(
        {name: trousers[name][ours & theirs] for name in ("network", "ELS", "IS")},
        titles=[f"seed {s}" for s in (ours & theirs).nonzero().flatten()],
    ),
    alt="The seven seeds for which both network and ELS count as three-legged: the odd leg is in the same place. IS "
    "draws sound trousers from the same noise.",
)

# %% [markdown] tags=["slide"]
# Seven, where chance would give one; the odd leg stands in the same place. But also: only seven of the network's 17,
# and of the machine's 29. That the machine grew a third leg raises the probability for the network from 4 % to 24 %, it
# does not make it certain. **Predict.** What are the others: real disagreements, or close calls of the counter?

# %% tags=["slide"]
for title, seeds in {"only the network": theirs & ~ours, "only ELS": ours & ~theirs}.items():
    chosen = seeds.nonzero().flatten()[:10]
    rows = {name: trousers[name][chosen] for name in ("network", "ELS")}
    agree = els.compare(trousers["ELS"][seeds], trousers["network"][seeds]).r2  # of all of them, ten are shown
    rows = {f"{name},\n{'3 legs' if title.endswith(name) else 'fewer'}": x for name, x in rows.items()}
    show(
        plotting.image_rows(rows, notes=[f"{v:.2f}" for v in agree], titles=[f"seed {s}" for s in chosen]),
        alt=f"Three legs in {title} by the count, with r2 below: mostly nearly the same drawing twice, with a "
        "spot or a gap more in one of them.",
    )
    if lab.profile == "laptop":
        assert 0.75 < agree.min() < agree.max() < 0.985


# %%
def three_at_some_threshold(images):
    """Whether three legs are counted at some threshold near mid grey."""
    return torch.stack([legs(images, threshold) >= 3 for threshold in (-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3)]).any(0)


alone, close = {"network": theirs & ~ours, "ELS": ours & ~theirs}, {}
for name, other in (("network", "ELS"), ("ELS", "network")):
    nearly = three_at_some_threshold(trousers[other])
    close[name] = nearly[alone[name]].sum().item()
    print(
        f"only {name}: {int(alone[name].sum())}; in {close[name]} of these {other} has three at another threshold",
        end="",
    )
    print(f" (of all its drawings, {nearly.double().mean():.0%} do)")
if lab.profile == "laptop":
    assert sum(close.values()) == 16
    assert sum(close.values()) > 2 * three_at_some_threshold(trousers["ELS"]).double().mean() * sum(
        int(v.sum()) for v in alone.values()
    )

# %% [markdown]
# About half are close calls: in 16 of these 32 the other artist has three legs at another threshold near mid grey (12 %
# of all drawings do). The rest disagree on a gap or a spot, in drawings that are otherwise alike (r2, below the
# pictures, 0.76 to 0.98). So the number depends on a threshold that we chose. Whoever chooses one should show that
# others tell the same story.

# %%
ratios = {}
for threshold in (-0.2, -0.1, 0.0, 0.1, 0.2):
    for top in (7, 8, 9):
        a, b = (legs(trousers[name], threshold, top) >= 3 for name in ("ELS", "network"))
        ratios[threshold, top] = ((a & b).sum() / (a.sum() * b.sum() / len(a))).item()
        if top == 8:
            alarms = (legs(real["trousers"], threshold) >= 3).double().mean()
            print(f"threshold {threshold:4.1f}: real {alarms:.1%}, network {b.double().mean():.1%}, ELS "
                  f"{a.double().mean():.1%}, both {(a & b).sum()} = {ratios[threshold, top]:.1f} x chance")  # fmt: skip
print(f"all fifteen settings (top 7, 8, 9): {min(ratios.values()):.1f} to {max(ratios.values()):.1f} x chance")
if lab.profile == "laptop":
    assert 4.5 < min(ratios.values()) < max(ratios.values()) < 9.1

# %% [markdown]
# They do: 4.6 to 9 times chance, at each of fifteen settings. That the machine errs *more often* is less firm: 7.2 %
# against 4.2 % at the threshold 0, but 5.0 % both at 0.2.

# %% [markdown] tags=["slide"]
# **Seven of 17: is that few?** The 17 are themselves those of one way to sample. The network took 150 steps, and the
# first ones go astray: at t = 1 its estimate is mostly amplified error (lesson 11). So let the *exact* denoiser make
# the steps above t = 0.95, and the network all others; and do the same with 20 steps (stored, 400 seeds).
#
# **Predict.** How many third legs with 20 steps, with 20 repaired ones, with 150 repaired ones? How many of the 17 does
# the network repeat if only its start is repaired?

# %% tags=["slide"]
ways = {"150 steps": "network-150", "150, start repaired": "network-150-repaired", "20 steps": "network-20"}
ways |= {"20, start repaired": "network-20-repaired", "ELS, 20 steps": "els-zeros"}
ways, sampled = {name: stored[f"trousers.{column}"] for name, column in ways.items()}, {}
first_exact = els.diffusion.with_first_step(garments.machine("is"), garments.network)
live = els.sample(first_exact, els.seeded_noise(again, garments.shape), steps=20, labels=1)
assert (live.clamp(-1, 1) - ways["20, start repaired"][again]).abs().max() < 0.02
print("400 trousers            three legs   as ELS   as 150 steps   r2 with these")
for name, images in ways.items():
    odd = legs(images) >= 3
    likeness = els.compare(images, ways["150 steps"]).r2.median().item()
    sampled[name] = [int(v.sum()) for v in (odd, odd & ours, odd & theirs)] + [round(likeness, 3)]
    print(f"{name:22s}" + "{:10d} {:9d} {:11d} {:17.3f}".format(*sampled[name]))
if lab.profile == "laptop":
    assert list(sampled.values())[:2] == [[17, 7, 17, 1.0], [24, 11, 14, 0.997]]
    assert list(sampled.values())[2:4] == [[6, 5, 5, 0.986], [17, 8, 13, 0.997]]
    spans = [(legs(ways[name], s) >= 3).sum().item() for name in ("150, start repaired", "ELS, 20 steps")
             for s in (-0.2, -0.1, 0.0, 0.1, 0.2)]  # fmt: skip
    assert spans == [28, 25, 24, 24, 20, 26, 27, 29, 25, 20] and round(24 * 29 / 400, 1) == 1.7

# %% [markdown]
# With 20 steps 6 are left, no more than real trousers would have (5). Not because 20 are coarse: with a repaired start
# they make 17 again. The bad start is what hides third legs. Without it the network has **24, ELS 29**, 11 of them on
# the same seeds (chance 1.7); over the five thresholds 20 to 28, and 20 to 29. So nothing shows that the machine errs
# more often: it only lacks the network's bad start.
#
# And the ceiling: a sampler that draws nearly the same pictures (r2 0.997) repeats only 13 or 14 of the 17. More cannot
# be asked of a formula; ELS foretells seven.
#
# ### Exercise 2: Agreement beyond chance (6 minutes, ★★☆)
#
# Write `overlap(a, b)` for two tensors of truth values of shape (n,): return three numbers, how many are true in both,
# how many would be by chance (if a were shuffled), and the **lift**: the probability of b where a holds, divided by
# the probability of b.


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
# ## 5. Sleeves that do not match (6 minutes)
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
# so take the best of three shifts.


# %%
def mirror(images):
    """images (B, 1, H, W) -> (B,): r2 of each image with its mirror image, best of shifts by -1, 0, 1."""
    flipped = images.flip(-1)
    return torch.stack([els.compare(flipped.roll(s, -1), images).r2 for s in (-1, 0, 1)]).max(0).values


lopsided = {}
for garment in ("pullover", "shirt"):
    limit = mirror(real[garment]).quantile(0.05).item()  # one real garment in twenty is below
    for name in names:
        lopsided[garment, name] = mirror(stored[f"{garment}.{names[name]}"]) < limit
    print(garment, {name: f"{int(lopsided[garment, name].sum())} of 100" for name in names})

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
    axis.set(title=garment, xlabel="mirror r2 of the network", xlim=(0, 1), ylim=(0, 1))
    axis.legend(loc="lower right", fontsize=9)
axes[0].set_ylabel("mirror r2 of the machine")
show(
    fig,
    alt="Mirror r2 of ELS against that of the network, for pullovers and shirts: both spread from 0.1 to 1 along "
    "the diagonal, correlation 0.90 and 0.93. IS is mostly above 0.7, whatever the network does.",
)

# %%
for garment in ("pullover", "shirt"):
    a, b = lopsided[garment, "ELS"], lopsided[garment, "network"]
    print(f"{garment}: both lopsided {(a & b).sum()}, by chance {a.sum() * b.sum() / 100:.0f}; "
          f"the network's that ELS has too: {(a & b).sum() / b.sum():.0%}")  # fmt: skip
    if lab.profile == "laptop":
        found = (int(b.sum()), int(a.sum()), int((a & b).sum()), int(lopsided[garment, "IS"].sum()))
        assert found == {"pullover": (37, 47, 36, 2), "shirt": (45, 44, 38, 5)}[garment]
        assert 0.89 < together[garment, "ELS"] < 0.94 and together[garment, "IS"] < 0.5
        four = [(legs(x) >= 4).double().mean() for x in (stored[f"{garment}.network-150"], real[garment])]
        assert four[0] < four[1]  # so many sleeves are no commoner than on real tops

# %% [markdown]
# Where one real garment in twenty is that lopsided, four in ten of the network's are, and the machine names most of
# them: 36 of 37 pullovers (chance: 17), 38 of 45 shirts (20), with 11 and 6 false alarms. Where an error is large,
# and measured as a degree rather than a count, it is **predictable seed by seed**, correlation 0.9.

# %% [markdown] tags=["slide"]
# ## 6. Through a keyhole (6 minutes)
#
# Look at a third leg through a keyhole: an edge, cloth, an edge. Nothing is wrong with it. Let us measure that. Take P
# x P windows at some places below the waist; find for each the nearest window, *anywhere in any pair of training
# trousers* (the machine of this class sees nothing else); note the distance per pixel. As yardstick the same for real
# trousers (their own image excluded).
#
# **Predict.** At which P will three-legged drawings stand out: 3, 5, 9, 15?

# %%
places = torch.tensor([16 * row + column for row in (9, 11, 13) for column in (4, 6, 8, 10, 12)])


def strangeness(images, patch_size, own=None):
    """Mean over images of the root mean square distance, per pixel in the image, to the nearest training window."""
    unfold = torch.nn.functional.unfold
    known = unfold(real["trousers"], patch_size, padding=patch_size // 2)  # (N, P*P, 256)
    known = known.permute(1, 0, 2).flatten(1)  # (P*P, N*256)
    inside = unfold(torch.ones(1, 1, 16, 16), patch_size, padding=patch_size // 2)[0, :, places].sum(0)
    total = 0.0
    for k, image in enumerate(images):
        seen = unfold(image[None], patch_size, padding=patch_size // 2)[0, :, places].T
        squared = seen.square().sum(1, keepdim=True) + known.square().sum(0) - 2 * seen @ known
        if own is not None:
            squared.view(len(places), -1, 256)[:, own[k]] = torch.inf  # not its own image
        total += (squared.min(1).values.clamp(min=0) / inside).mean().sqrt().item()
    return total / len(images)


# %% tags=["slide"]
two_legs = {k: (legs(x) == 2).nonzero().flatten() for k, x in {"real": real["trousers"], **trousers}.items()}
picks = two_legs["real"][::60][:15]
soft = torch.nn.functional.pad(real["trousers"][picks], (1, 1, 1, 1), mode="replicate")
groups = {
    "network, three legs": (trousers["network"][theirs][:15], None),
    "network, two legs": (trousers["network"][two_legs["network"][:15]], None),
    "real, two legs": (real["trousers"][picks], picks),
    "the same, blurred": (torch.nn.functional.avg_pool2d(soft, 3, stride=1), picks),
}
windows = (3, 5, 7, 9, 11, 15)
strange = {name: [strangeness(images, p, own) for p in windows] for name, (images, own) in groups.items()}
fig, axis = plt.subplots(figsize=(6, 3.2))
for (name, values), mark in zip(strange.items(), "o^sx", strict=True):
    axis.plot(windows, values, mark, ls="-", label=name)
axis.set(xlabel="window P", ylabel="distance to the nearest\ntraining window, per pixel", ylim=(0, None))
axis.legend()
show(
    fig,
    alt="Distance per pixel to the nearest training window against P. At P = 3 the four groups nearly agree, at "
    "0.05 to 0.07; three-legged drawings rise to 0.30 at P = 15, two-legged ones and blurred real trousers to 0.19 and "
    "0.20, real trousers only to 0.12.",
)

# %%
gap = {name: [round(v, 2) for v in values] for name, values in strange.items()}
print(gap)
a, b = strange["network, three legs"], strange["real, two legs"]
if lab.profile == "laptop":
    said = (a[0], 0.07), (b[0], 0.05), (a[1], 0.16), (b[1], 0.08), (a[-1], 0.30), (b[-1], 0.12)
    assert all(abs(value - number) < 0.006 for value, number in said)
    assert abs(strange["network, two legs"][-1] - 0.19) < 0.006
    assert abs(strange["the same, blurred"][-1] - 0.20) < 0.006 and abs(strange["the same, blurred"][0] - 0.06) < 0.006

# %% [markdown]
# Through a keyhole of 3 pixels hardly anything is wrong: 0.07 per pixel for the three-legged drawings, 0.05 for real
# trousers, on a scale from -1 to 1. At P = 5 it is 0.16 against 0.08 already, at P = 15 0.30 against 0.12. Two-legged
# drawings of the network lie between (0.19). That much is no sign of a mosaic: real trousers have 0.20 if they are
# only blurred a little (over 3 x 3 pixels). What is above that is the third leg's own. **In order close up, stranger
# the wider one looks**: that is what the word *local* in local score machine says.

# %% [markdown] tags=["slide"]
# ## 7. Would a longer view cure it? (7 minutes)
#
# The calibrated windows shrink from 13 at t = 1 to 9 at t = 0.4 and 3 at the end. The usual explanation of extra limbs
# is *too local too late*: with longer windows late in time the machine would notice its third leg. We can try it, the
# windows are ours to edit. **Predict.** Which edit cures most?
#
# * at least 5, 7, 9, or 13 for t below 0.4, the early ones as calibrated;
# * 15 for t from 0.4 up, or only from 0.4 to 0.8 or 0.6, the others as calibrated;
# * at least 13 throughout; or the calibrated windows, but tied to their places (LS), and LS with 15 from 0.4 to 0.6.

# %%
edits = {
    "calibrated": "els-zeros",
    "5 below 0.4": "els-5-below-0.4",
    "7 below 0.4": "els-7-below-0.4",
    "9 below 0.4": "els-9-below-0.4",
    "13 below 0.4": "els-13-below-0.4",
    "15 above 0.4": "els-15-above-0.4",
    "15 from 0.4 to 0.8": "els-15-0.4-to-0.8",
    "15 from 0.4 to 0.6": "els-15-0.4-to-0.6",
    "13 throughout": "els-13",
    "tied to places (LS)": "ls",
    "LS, 15 from 0.4 to 0.6": "ls-15-0.4-to-0.6",
}
drawn = {name: stored[f"trousers.{column}"][:100] for name, column in edits.items()}  # seeds 0 to 99
drawn["network"] = trousers["network"][:100]
windows_at = {round(t, 2): p for t, p in garments.patch_sizes("els-zeros")}
print("calibrated windows:", windows_at)
assert [windows_at[t] for t in (1.0, 0.4, 0.3, 0.05)] == [13, 9, 5, 3]
assert garments.patch_sizes("ls") == garments.patch_sizes("els-zeros")
limit = mirror(real["trousers"]).quantile(0.05).item()
third = {name: legs(images) >= 3 for name, images in drawn.items()}
crooked = {name: mirror(images) < limit for name, images in drawn.items()}
shared = {name: (v & crooked["network"]).sum().item() for name, v in crooked.items()}
likeness = {name: els.compare(drawn[name], drawn["network"]).r2.median().item() for name in edits}

# %% tags=["slide"]
fig, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True)
axes[0].barh(list(third), [int(v.sum()) for v in third.values()], color=plotting.BLUE)
axes[1].barh(list(crooked), [int(v.sum()) for v in crooked.values()], color=plotting.BLUE)
axes[1].barh(list(shared), list(shared.values()), height=0.3, color=plotting.INK, label="on the network's seeds")
axes[2].plot(list(likeness.values()), list(likeness), "o", color=plotting.BLUE)
axes[0].set(xlabel="three legs, of 100")
axes[1].set(xlabel="lopsided, of 100")
axes[2].set(xlabel="median r2 with the network", xlim=(0.8, 1))
axes[0].invert_yaxis()
for axis, rate in ((axes[0], 100 * share["real"]), (axes[1], 5)):
    axis.axvline(rate, color=plotting.ORANGE, ls="--", label="real trousers")
axes[1].legend(loc="center right", fontsize=8)
show(
    fig,
    alt="Three panels, one row per edit. Lopsided trousers: 39 of 100 as calibrated, 31 to 37 with 5 to 9 below t = "
    "0.4, 9 with 13 below, 12 with 15 above, 13 with 15 from 0.4 to 0.8 and 20 from 0.4 to 0.6, 3 with 13 "
    "throughout, 15 when tied to places, 9 when it looks further too; the network has 20. On the network's 20 "
    "seeds, as inner bars: 20 as calibrated, 16 with 15 from 0.4 to 0.6, 10 when tied to places. Third legs: 10, "
    "then 7, 7, 7, 3, 2, 3, 8, 0, 1, 0; network 6. r2 with the network: 0.95 as calibrated, 0.96 with 15 from 0.4 "
    "to 0.6, lowest, 0.90, with 13 late.",
)

# %%
changed = {}
for name in edits:
    cured = {k: (v["calibrated"] & ~v[name]).sum().item() for k, v in (("legs", third), ("sides", crooked))}
    new = {k: (~v["calibrated"] & v[name]).sum().item() for k, v in (("legs", third), ("sides", crooked))}
    changed[name] = cured["sides"], new["sides"]
    print(f"{name:22s} three legs {int(third[name].sum()):2d} (cured {cured['legs']:2d}, new {new['legs']})   "
          f"lopsided {int(crooked[name].sum()):2d} (cured {cured['sides']:2d}, new {new['sides']}), on seeds of the "
          f"network {shared[name]:2d}   r2 {likeness[name]:.2f}")  # fmt: skip
print(f"{'network':22s} three legs {int(third['network'].sum()):2d}   lopsided {int(crooked['network'].sum())}")
if lab.profile == "laptop":
    assert [int(v.sum()) for v in crooked.values()] == [39, 37, 31, 33, 9, 12, 13, 20, 3, 15, 9, 20]
    assert [int(v.sum()) for v in third.values()] == [10, 7, 7, 7, 3, 2, 3, 8, 0, 1, 0, 6]
    assert [shared[name] for name in ("calibrated", "15 from 0.4 to 0.6", "tied to places (LS)")] == [20, 16, 10]
    assert (third["calibrated"] & ~third["9 below 0.4"]).sum() == 6 and 4 * (15 // 2) ** 2 == 196
    assert changed["9 below 0.4"] == (9, 3) and changed["13 below 0.4"] == (30, 0)
    middle = ("15 from 0.4 to 0.8", "15 from 0.4 to 0.6")
    assert all((likeness[name] > likeness["calibrated"]) == (name in middle) for name in edits if name != "calibrated")
    for name, said in (("calibrated", 0.95), ("13 below 0.4", 0.90), ("15 above 0.4", 0.94), (middle[1], 0.96)):
        assert abs(likeness[name] - said) < 0.006

# %% [markdown]
# Read the middle panel, whose numbers are large enough (the network itself: 20).
#
# * **Somewhat longer late windows help little**: 39 become 37, 31, 33.
# * **A view of nearly everything helps, late or before**: 13 below t = 0.4 leaves 9; 15 between 0.4 and 0.8, with the
#   late windows as short as ever, leaves 13. With 15 above 0.8 too it is 12, hardly fewer: there the calibrated windows
#   are 13 wide anyway. 13 throughout leaves 3.
# * **So does knowing one's place**: LS, the very same windows tied to their places, leaves 15. A window of 15 does
#   both: by lesson 08, the $4 \cdot 7^2 = 196$ of the 256 pixels whose window, 7 pixels to each side, meets two
#   borders then know exactly where they are, as in LS. In LS, where all know it anyway, the longer view takes 15 to
#   9. Either limit lets the error in.
#
# So "too local too late" is half of the story: one stage below t = 0.8 at which a pixel sees nearly the whole garment,
# and with it its own place, removes most of the errors.

# %% [markdown]
# **Right number, wrong drawings.** ELS is lopsided on *all* 20 seeds of the network, with 19 false alarms. LS has
# nearly the network's number, but only half of its seeds. With 15 from 0.4 to 0.6 it is 16, with 4 false alarms.
#
# And the *network*, does it look as far? Ask the right panel. Long windows late make the formula a **worse
# prediction** (r2 0.90 instead of 0.95): late, the network does not look that far, and its faults come with that. But
# with 15 from 0.4 to 0.6 it is a *better* one (0.96), with as many lopsided drawings as the network, and mostly the
# same. **There the calibrated windows were too small**, and the excess of 39 over 20 was the machine's own.
#
# Careful: that edit was found by trying several on these very seeds. Judge it by others.

# %%
for name, seeds in {"the seeds above": slice(0, 100), "the next hundred": slice(100, 200)}.items():
    target = trousers["network"][seeds]
    before, after = (stored[f"trousers.{c}"][seeds] for c in ("els-zeros", "els-15-0.4-to-0.6"))
    r2_before, r2_after = (els.compare(x, target).r2 for x in (before, after))
    bad = [(mirror(x) < limit).sum().item() for x in (before, after, target)]
    won = (r2_after > r2_before).sum().item()
    print(f"{name}: r2 {r2_before.median():.2f} -> {r2_after.median():.2f}, better for {won} of 100 seeds; lopsided "
          f"{bad[0]} -> {bad[1]}, network {bad[2]}")  # fmt: skip
    if lab.profile == "laptop":
        assert (won, bad) == {0: (74, [39, 20, 20]), 100: (76, [46, 22, 28])}[seeds.start]

# %% [markdown]
# It holds: better for 76 of a hundred fresh seeds, though 22 lopsided drawings are fewer than the network's 28 there.
# It holds for trousers: over all classes, longer windows in the middle are a draw (lesson 09). The best match of
# *scores*, which is what was calibrated, need not be the best predictor of *samples*.
#
# One more trap is in the printed columns. Of the machine's three-legged seeds, "9 below 0.4" cured six of ten. A cure?
# It grew three new ones. Whoever looks only at the selected bad cases sees *any* change as an improvement, since they
# were selected for being extreme.

# %%
limits = {garment: mirror(real[garment]).quantile(0.05).item() for garment in ("pullover", "shirt")}
for garment, limit in limits.items():
    images = {name: stored[f"{garment}.{name}"] for name in ("els-zeros", "els-9-below-0.4", "network-150")}
    bad = {name: (mirror(x) < limit).sum().item() for name, x in images.items()}
    before, after = (els.compare(x, images["network-150"]).r2.median().item() for x in list(images.values())[:2])
    print(garment, bad, f"r2 of the machine with the network {before:.2f}, edited {after:.2f}")
    if lab.profile == "laptop":
        said = {"pullover": (47, 22, 0.89), "shirt": (44, 27, 0.88)}[garment]
        assert (bad["els-zeros"], bad["els-9-below-0.4"]) == said[:2] and abs(after - said[2]) < 0.006
        assert before > 0.94

# %% [markdown]
# Tops, for fairness: there 9 below 0.4 *does* help. Lopsided pullovers fall from 47 to 22, shirts from 44 to 27, which
# is still far above the 5 of real ones, and at the same price (r2 0.88 or 0.89). How far one must see depends on the
# garment.
#
# ### Exercise 3: Cured, or only different? (6 minutes, ★★☆)
#
# Write `net_cure(before, after)` for truth values of shape (n,), "has three legs" before and after an edit: how many
# were cured, how many are new, and the probability that, of all seeds that *changed*, at least as many would be cures
# if each change went either way with probability 1/2.


# %%
def net_cure(before, after):
    """before, after (n,) truth values -> (cured, new, probability of as many cures by chance)."""
    ...


check.net_cure(net_cure)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("net_cure")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# import math
#
#
# def net_cure(before, after):
#     cured = (before & ~after).sum().item()
#     new = (~before & after).sum().item()
#     n = cured + new
#     return cured, new, sum(math.comb(n, k) for k in range(cured, n + 1)) / 2**n
# ```
#
# It is the sign test of lesson 10 on the seeds that changed (McNemar's test, in its exact form, one-sided). Of the
# lopsided trousers of section 7, "9 below 0.4" cures 9 and makes 3 new ones: (220 + 66 + 12 + 1) / 4096 = 0.07. With
# "13 below 0.4" it is 30 and none: one in a billion.
# </details>
#
# ## 8. When is it decided? (7 minutes)
#
# **Predict.** At which t does the third leg of our seven seeds appear in the machine's estimate of the clean image:
# above 0.8, near 0.5, below 0.2? All at the same time? And in the network's estimate?

# %%
seeds = (crowds["ELS"] & crowds["network"]).nonzero().flatten().tolist()
noise = els.seeded_noise(seeds, garments.shape)
elsm = garments.machine("els-zeros")
path = list(els.trajectory(elsm, noise, steps=20, labels=1))
networks_path = list(els.trajectory(garments.network, noise, steps=160, labels=1))[::8]
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
    axis.set(xlabel="time t (noise on the left)", title=f"legs in the estimate of {'the ' * (name == 'network')}{name}")
axes[0].set_yticks(range(len(seeds)), [f"seed {s}" for s in seeds])
show(
    fig,
    alt="Number of legs in the estimated clean image against t, for seven seeds, ELS left, network right. In the "
    "estimate of ELS three legs come and go: they stay from t = 0.8 for one seed, from 0.45 to 0.25 for four, from "
    "0.15 and 0.05 for two. In the network's most seeds have them for good earlier.",
)

# %% [markdown]
# The counts waver. When is a third leg decided? Let us say: from the first t on after which it never goes away.
#
# ### Exercise 4: Decided for good (6 minutes, ★★☆)
#
# Write `decided_at(counts, times)`: `counts` of shape (T, B) holds the legs in the estimates of B seeds at the T
# `times`, from noise to clean. Return (B,): for each seed the first t from which *all* estimates to the end have
# three legs or more; 0 where the last one has fewer.


# %%
def decided_at(counts, times):
    """counts (T, B), times: T falling numbers -> (B,): the t from which three legs or more stay to the end."""
    ...


check.decided_at(decided_at)

# %% [markdown]
# Stuck? `check.hint("decided_at")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def decided_at(counts, times):
#     stays = (counts >= 3).int().flip(0).cumprod(0).sum(0)  # how many of the last estimates have three legs
#     return torch.tensor([times[len(times) - int(k)] if k else 0.0 for k in stays])
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
# network settles most of them earlier. (Its "legs" at t = 1 are specks: its first estimate is mostly noise, see lesson
# 11.) Before that the estimates waver between two and three: the question is open, and below t = 0.8 hardly a pixel
# sees the whole garment. That may be why a long view helps whether it comes before or after.
#
# Ask the machine itself: below, click a pixel of an odd leg. At t = 0.3 its window is 5 pixels wide. Who voted for it?

# %%
three = [k for k, s in enumerate(seeds) if s in (78, 93, 269)]
step = times.index(0.3)
widgets.MosaicExplorer.of(elsm, path[step][1][three], path[-1][1][three], t=0.3, top=4, labels=1)

# %% [markdown]
# Who voted below the waist? Sort the four heaviest voters of every pixel by how many legs their own image has; and do
# the same for seven seeds whose drawings have two legs.

# %%
two = (legs(trousers["ELS"]) == 2) & (legs(trousers["network"]) == 2)
plain = els.seeded_noise(two.nonzero().flatten()[:7].tolist(), garments.shape)
plain_path = list(els.trajectory(elsm, plain, steps=20, labels=1))
own_legs, by_legs = legs(garments.data.images.cpu()), {}
for title, x_t in {"three legs": path[step][1], "two legs": plain_path[step][1]}.items():
    votes = elsm.posterior(x_t, 0.3, top=4, labels=1)
    weight, voters = votes.weight[:, 8:], own_legs[votes.image[:, 8:]]  # (7, 8, 16, 4): legs of the voter's image
    by_legs[title] = {k: (weight[voters == k].sum() / weight.sum()).item() for k in range(5)}
    each = (weight * (voters >= 3)).flatten(1).sum(1) / weight.flatten(1).sum(1)
    print(f"{title}, seed by seed, by voters with three legs or four:", [f"{share:.0%}" for share in each.tolist()])
    odd = each if title == "three legs" else odd
    print(f"drawings with {title}, voters by legs:", {k: f"{v:.0%}" for k, v in by_legs[title].items()})
if lab.profile == "laptop":
    odd_share = {title: v[3] + v[4] for title, v in by_legs.items()}
    assert by_legs["three legs"][2] > 0.7 and 0.14 < odd_share["three legs"] < 0.2
    assert 0.02 < odd_share["two legs"] < 0.045
    assert sum(odd > 0.3) == 2 and odd.sort().values[-3] < 0.12

# %% [markdown]
# Most of these votes come from trousers with two legs: seen through its window, each of these patches was right at
# its own place. But look at the rest: the few patterned trousers that the counter had called three-legged, 1.3 % of
# the images, hold one vote in six, against one in thirty where the drawing has two legs. Mostly for two of the seven
# seeds (a third of the votes and more; the others 4 to 11 %): some odd drawings draw on odd examples.
#
# ### Exercise 5: Edit P(t) (5 minutes, ★☆☆)
#
# Write `edited_sizes(sizes, least, low, high)`: `sizes` is a list of pairs (t, P). Return a tensor of shape (T, 2) with
# the same times, where P is at least `least` for `low` <= t < `high` and unchanged elsewhere.


# %%
def edited_sizes(sizes, least, low, high):
    """sizes [(t, P), ...] -> tensor (T, 2): P at least `least` where low <= t < high."""
    ...


check.edited_sizes(edited_sizes)

# %% [markdown]
# Stuck? `check.hint("edited_sizes")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def edited_sizes(sizes, least, low, high):
#     return torch.tensor([(t, max(p, least) if low <= t < high else p) for t, p in sizes])
# ```
#
# All edits of section 7 are of this form, applied to `garments.patch_sizes("els-zeros")`; in the two rows with LS the
# sizes, as they are or edited, are given to that machine.
# </details>
#
# **An open task.** Repair one. Take seed 78 or 93, and look for the *shortest* interval of t in which longer windows
# remove the third leg: `garments.patch_machine("els-zeros", [(t, int(p)) for t, p in edited_sizes(...).tolist()])`,
# then `els.sample` with `labels=1`. Then try your interval on ten other seeds before you call it a cure.

# %% [markdown]
# ## 9. From third legs to sixth fingers (5 minutes)
#
# Kamb and Ganguli point to the mechanism that you have just measured: parts that are each in order, put together by
# windows that never see the whole. A finger looks the same whether it is the fifth or the sixth.
#
# How far does that carry? What we have *shown* holds for one small ResNet and one class of garments. Large models
# differ in every respect that matters here: their networks have attention, which can see the whole image at each step;
# they work on compressed images; they follow text. There is theory for one attention layer after a convolutional
# network (Finn and others): it ties the patches together. In the paper's test of a U-Net with attention, ELS still
# explains part of the samples (0.77 in its measure, against 0.48 for the ideal machine), and what it misses is
# coherence.
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
#   five that it names: correlation 0.9.
# * Through a keyhole of 3 pixels such a drawing is in order; a wider one shows it strange.
# * It is not simply "too local too late": a view of nearly the whole garment at one stage below t = 0.8 removes most
#   errors, and so does knowing one's place; a moderately longer late window helps trousers little and halves the
#   lopsided tops. Long windows late predict the network less well, in the middle a little better.
# * A counter is fixed before one looks, several thresholds are shown, and new failures are counted along with cures.
#
# ## What is still unexplained
#
# All this was done on 16 x 16 pixels and some hundred or thousand images. The machine compares every window of every
# image with every pixel: what does it take to run it on the full data set at full size, and what has that to do with
# attention? That is lesson 13.
#
# ## References
#
# * M. Kamb, S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the machines, and locality as the source of spatial
#   inconsistency.
# * E. Finn, T. A. Keller, M. Theodosis, D. E. Ba, *Origins of creativity in attention-based diffusion models*, 2025,
#   [arXiv:2506.17324](https://arxiv.org/abs/2506.17324): what one layer of attention adds.
# * H. Xiao, K. Rasul, R. Vollgraf, *Fashion-MNIST*, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747): the images.
