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
# # 10 · A formula predicts a network's drawings, image by image
#
# **You will** bet on a hundred drawings of a trained network before you see them, with five predictors: three machines,
# a linear filter, and the plainest guess there is. Then you will look for the bets that were lost.
#
# **You will learn** how well the equivariant local machine does, how sure we may be of that number, what it has to be
# compared with, which networks the ideal denoiser predicts nearly as well, and what a low r2 does not say.
#
# **You need** the machines of lessons 02, 04, 06 and 08, and the calibrated window sizes of lesson 09.
#
# **Time** 81 minutes

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown] tags=["slide"]
# ## 1. The wager (4 minutes)
#
# Diffusion with the deterministic sampler is a map: one noise image in, one picture out. Nothing else is random. So a
# theory of the network can be tested in the hardest way: not "do the pictures have the same statistics?" but
#
# > give both the same noise; is it **the same picture**?
#
# The rules of this lesson. Seeds 0 to 99. The network takes 150 steps, every machine 20 (a choice that matters: see the
# end of the lesson). The window sizes were measured in lesson 09 on ten other seeds and are now frozen; those of one
# network we changed after we had looked (section 7). A bet is judged by **r2**: the squared correlation of the pixels
# of two pictures, 1 if they are equal up to brightness and contrast. (A negative, too, would have 1. Here all
# correlations are positive.)
#
# A hundred samples of every machine take some minutes, so they are stored. Do not believe files: the next cell draws
# four of the hundred again, and compares.

# %%
results = els.load_results(lab.network.name)
print(f"made by: elscourse reproduce --network {lab.network.name}")
again = [3, 28, 61, 90]
noise = els.seeded_noise(again, lab.shape)
assert torch.equal(noise, results["noise"][again])
noise, within = noise.to(lab.device), 0.01 if lab.profile == "laptop" else 0.1  # GPUs round more
for name in ("is", "ls", "els-zeros", "wiener"):
    live = els.sample(lab.machine(name), noise, steps=20).cpu()
    assert (live - results[name][again]).abs().max() < within, name
live = els.sample(lab.network, noise, steps=150).cpu()
assert (live - results["network-150"][again]).abs().max() < within
print(f"the stored drawings of seeds {again}, of network, machines and filter, are drawn again to within {within}")

# %% [markdown] tags=["slide"]
# ## 2. One seed, by hand (5 minutes)
#
# Choose a number from 0 to 99, put it in place of 66, and run the cell: it shows what the equivariant local machine
# (ELS) draws from that seed's noise. **Predict.** Take a pencil and draw what the network will make of it. Which parts
# do you trust?
#
# The cell after it lets the network draw it, live. Then try two or three more seeds.

# %% tags=["slide"]
seed = 66
show(
    plotting.image_rows({"noise": results["noise"][[seed]] / 3, "ELS": results["els-zeros"][[seed]]}),
    alt=f"The noise of seed {seed}, and the drawing that the ELS machine makes of it.",
)

# %% tags=["slide"]
drawn = els.sample(lab.network, els.seeded_noise([seed], lab.shape).to(lab.device), steps=150).cpu()
alike = els.compare(results["els-zeros"][[seed]], drawn).r2.item()
show(
    plotting.image_rows({"ELS": results["els-zeros"][[seed]], "network": drawn}, notes=[f"r2 {alike:.2f}"]),
    alt=f"The ELS machine's drawing of seed {seed} above, the network's below: r2 {alike:.2f}.",
)

# %% [markdown] tags=["slide"]
# ## 3. Five bets on ten drawings (5 minutes)
#
# | name | what it is | what it may use |
# |---|---|---|
# | IS | ideal denoiser, lesson 02 | whole training images, where they are |
# | LS | local machine, lesson 04, with ELS's window sizes | windows, where they are |
# | ELS | equivariant local machine with zero borders, lesson 08 | windows, wherever the borders look alike |
# | Wiener | the best *linear* denoiser | mean and covariance of the training images |
# | mean | no denoiser at all: the mean training image | nothing of the noise |
#
# The Wiener filter is what the ideal denoiser would be if images were gaussian (its formula is in lesson 11). All five
# are made of the training images. LS and ELS also have **twenty window sizes that were measured on the network**.
#
# **Predict.** Below come ten seeds. The title has told which of the five rows is most like the network's. Which is
# second?

# %% tags=["slide"]
target = results["network-150"]
predictions = {"IS": results["is"], "LS": results["ls"], "ELS": results["els-zeros"], "Wiener": results["wiener"]}
predictions["mean"] = lab.data.images.cpu().mean(0, keepdim=True).expand_as(target)
r2 = {name: els.compare(images, target).r2 for name, images in predictions.items()}
assert lab.profile != "laptop" or all((els.compare(images, target).r > 0).all() for images in predictions.values())

rows = {name: images[:10] for name, images in predictions.items()} | {"network": target[:10]}
show(
    plotting.image_rows(rows, notes=[f"r2 {v:.2f}" for v in r2["ELS"][:10]], titles=[f"seed {i}" for i in range(10)]),
    alt="Rows IS, LS, ELS, Wiener, mean and network for seeds 0 to 9; below, the r2 of ELS and network. The ELS row "
    "looks like the network row, odd shapes included; IS shows real garments, Wiener is speckled.",
)
if lab.profile == "laptop":  # the block at the upper left of seed 4
    block = {name: images[4, 0, 2:6, 1:5].mean() for name, images in rows.items() if name != "mean"}
    assert min(block["ELS"], block["network"]) > -0.2 > -0.7 > max(block[name] for name in ("IS", "LS", "Wiener"))

# %% [markdown] tags=["slide"]
# The ideal denoiser draws proper garments: they are in the training set. Many of the network's **odd blobs** are in
# the ELS row. The bright block at the upper left of seed 4 is in no other. Not all: the network's second leg of seed 4
# is missing there. By r2 LS is second and the Wiener filter, though it looks worst, third (section 6).
#
# ## 4. A hundred drawings (6 minutes)
#
# **Predict.** One point for every seed: to the right, how well the ideal denoiser predicts it, upwards, how well ELS
# does. How many of the hundred lie below the diagonal: 0, 2, 10, or 30?

# %% tags=["slide"]
show(
    plotting.agreement_scatter(r2["ELS"], r2["IS"], ("ELS", "IS"), "the network"),
    alt="r2 of ELS with the network against r2 of IS with the network, one point per seed. All but two points lie "
    "above the diagonal, most of them near the top; the medians are 0.61 for IS and 0.91 for ELS.",
)
wins = (r2["ELS"] > r2["IS"]).sum().item()
print(f"ELS is the better prediction for {wins} of 100 seeds")
for name in ("ELS", "IS"):
    v = r2[name]
    print(f"{name:3s} r2: median {v.quantile(0.5):.2f}, lowest {v.min():.2f}, highest {v.max():.2f}")
if lab.profile == "laptop":
    assert abs(r2["ELS"].quantile(0.5) - 0.91) < 0.005 and abs(r2["IS"].quantile(0.5) - 0.61) < 0.005
    assert wins == 98 and r2["ELS"].min() > 0.67
    assert abs(r2["IS"].min() - 0.06) < 0.005 and abs(r2["IS"].max() - 0.94) < 0.005
    lost = (r2["IS"] > r2["ELS"]).nonzero().flatten().tolist()
    assert lost == [35, 47] and set(lost) <= set(r2["ELS"].argsort()[:3].tolist())

# %% [markdown]
# **98 of 100**, and a median r2 of **0.91** against 0.61. The points of IS spread from 0.06 to 0.94; those of ELS do
# not go below 0.67. The two exceptions are seeds 35 and 47, two of ELS's three worst. They are among the pictures of
# section 10.

# %% [markdown]
# ### Exercise 1: Could it be luck? (8 minutes, ★★☆)
#
# Suppose ELS were no better than IS, so that each seed were a fair coin. Write `sign_test(wins, n)`: the probability
# that `n` fair coins show heads at least `wins` times. Whole numbers in, a number out. It is a sum of
# $\binom{n}{k}/2^n$, where $\binom{n}{k}$ is `math.comb(n, k)` (write `import math` first).


# %%
def sign_test(wins, n):
    """wins, n whole numbers -> P(at least `wins` heads in n tosses of a fair coin)."""
    ...


check.sign_test(sign_test)

# %% [markdown]
# Stuck? `check.hint("sign_test")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# import math
#
#
# def sign_test(wins, n):
#     return sum(math.comb(n, k) for k in range(wins, n + 1)) / 2**n
# ```
#
# For 98 of 100 it is $4 \cdot 10^{-27}$. (One minus all the other cases would give 0.0: 16 digits do not hold so small
# a difference. Add the small ones.) Nothing was assumed about the distribution of r2, only that the seeds are
# independent. It says that ELS is better, not by how much: that is the next section.
# </details>

# %% [markdown] tags=["slide"]
# ## 5. A median, and how far to trust it (6 minutes)
#
# The r2 of a hundred seeds have a spread: the **quartiles** say where the middle half lies. That spread is real, it
# does not shrink with more seeds. Something else is how exactly we know the **median**; that does get better. The
# **bootstrap** (lesson 09) asks: had we drawn other seeds, how would the median have moved? We have no others. So we
# draw a hundred *with replacement* from those we have, again and again, and watch the median of each such resample.

# %%
from elscourse.metrics import bootstrap_interval

luck = (4950 + 100 + 1) / 2**100  # Exercise 1
print(f"98 of 100 fair coins or more: {luck:.0e}")
assert 3.9e-27 < luck < 4.1e-27
values = r2["ELS"]
generator = torch.Generator().manual_seed(0)
index = torch.randint(100, (2000, 100), generator=generator)  # 2,000 resamples of 100 seeds
medians = values[index].quantile(0.5, dim=1)
low, high = medians.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
fast_low, fast_high = bootstrap_interval(values, torch.Generator().manual_seed(0))
assert abs(low - fast_low) < 1e-6 and abs(high - fast_high) < 1e-6
print(f"median {values.quantile(0.5):.3f}, 95 % of the resampled medians between {low:.3f} and {high:.3f}")

# %% tags=["slide"]
fig, axes = plt.subplots(1, 2, figsize=(8.5, 2.6), sharex=True)
axes[0].hist(values, bins=30, color=plotting.BLUE)
axes[0].set(title="r2 of 100 seeds", xlabel="r2 of ELS and network", ylabel="seeds")
axes[1].hist(medians, bins=15, color=plotting.ORANGE)
axes[1].set(title="median of 2,000 resamples", xlabel="median r2", ylabel="resamples")
show(
    fig,
    alt="Left, the r2 of the hundred seeds, spread from 0.67 to 0.98. Right, the medians of 2,000 resamples of "
    "them, between 0.89 and 0.93.",
)
quartiles = values.quantile(torch.tensor([0.25, 0.75], dtype=torch.float64))
print(f"quartiles of the seeds: {quartiles[0]:.2f} to {quartiles[1]:.2f}")
if lab.profile == "laptop":
    assert quartiles[1] - quartiles[0] > 2 * (high - low)
    assert abs(quartiles[0] - 0.88) < 0.006 and abs(quartiles[1] - 0.95) < 0.006
    assert 0.895 < low < high < 0.925

# %% [markdown]
# So: half of the drawings have an r2 between 0.88 and 0.95, and the median is 0.91, give or take 0.01. When someone
# reports one number, ask which of the two widths stands behind it. Both are about seeds. What another training of the
# network would change, neither says (lesson 15).
#
# ### Exercise 2: An interval for the mean advantage (8 minutes, ★★☆)
#
# Two methods on the *same* seeds must be resampled *together*. Write `paired_interval(ours, theirs, index)`: the lower
# and upper end of the central 95 % of the resampled **means** of `ours - theirs`. `ours`, `theirs` have shape (n,) and
# hold float64, `index` (R, n) holds the R resamples. Return two numbers (low, high), not one tensor: the quantiles
# 0.025 and 0.975 as `torch.quantile` takes them. Ask for them one at a time, or give it both with `dtype=ours.dtype`.


# %%
def paired_interval(ours, theirs, index):
    """ours, theirs (n,), index (R, n) -> (low, high): the central 95 % of the resampled means of the differences."""
    ...


check.paired_interval(paired_interval)

# %% [markdown]
# Stuck? `check.hint("paired_interval")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def paired_interval(ours, theirs, index):
#     means = (ours - theirs)[index].mean(1)
#     low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype))
#     return low.item(), high.item()
# ```
#
# Easy seeds are easy for both. The difference takes that out, so a paired interval is the narrower one: in the next
# cell by a fifth for IS, by a third for LS.
# </details>

# %%
others = torch.randint(100, (2000, 100), generator=generator)  # resamples of its own for the second method
ends, widths, advantage = torch.tensor([0.025, 0.975], dtype=torch.float64), {}, {}
for name in ("IS", "Wiener", "LS"):
    paired = (r2["ELS"] - r2[name])[index].mean(1).quantile(ends)
    apart = (r2["ELS"][index].mean(1) - r2[name][others].mean(1)).quantile(ends)
    widths[name], advantage[name] = (paired.diff() / apart.diff()).item(), (r2["ELS"] - r2[name]).mean().item()
    print(f"ELS - {name:6s}: mean {advantage[name]:.3f}, paired {paired[0]:.3f} to {paired[1]:.3f}, "
          f"resampled apart {apart[0]:.3f} to {apart[1]:.3f}")  # fmt: skip
if lab.profile == "laptop":
    assert all(abs(widths[name] - v) < 0.04 for name, v in {"IS": 0.82, "Wiener": 0.71, "LS": 0.67}.items())

# %% [markdown] tags=["slide"]
# ## 6. Compared with what? (5 minutes)
#
# An r2 of 0.91 sounds high, but r2 does not start from zero here: every garment is a bright thing in the middle of a
# dark square. **Predict.** What is the median r2 of the network's drawing with (a) the *mean training image*, the same
# for all seeds, (b) the drawing that ELS makes of *another* seed? Guess 0.0, 0.2, 0.5 or 0.8 for each.

# %% tags=["slide"]
other_seed = torch.stack([els.compare(results["els-zeros"].roll(k, 0), target).r2 for k in range(1, 100)])
local_filter = els.compare(results["local-filter"], target).r2  # the best linear filter with ELS's windows: lesson 11
shown = r2 | {"ELS, other seed": other_seed, "local filter": local_filter}
medians = {name: values.quantile(0.5).item() for name, values in shown.items()}
order = sorted(medians, key=medians.get)
fig, axis = plt.subplots(figsize=(7, 2.6))
axis.barh(order, [medians[k] for k in order], color=[plotting.BLUE if "ELS" in k else plotting.GREY for k in order])
for place, name in enumerate(order):
    axis.text(medians[name] + 0.01, place, f"{medians[name]:.2f}", va="center", fontsize=10)
axis.set(xlim=(0, 1), xlabel="median r2 with the network")
show(
    fig,
    alt="Median r2 with the network: 0.25 for ELS of another seed, 0.54 for the mean image, 0.61 for IS, 0.77 for "
    "Wiener, 0.84 for the local filter, 0.85 for LS, 0.91 for ELS.",
)

# %%
over = {name: int((r2["ELS"] > shown[name]).sum()) for name in ("Wiener", "local filter", "LS") if name in shown}
print("ELS is the better prediction, of 100 seeds:", over)
same_images = els.load_results("fashion-mnist-16-resnet-zeros")  # the laptop's first network, in the gpu lab, too
exchange = els.load_results("15_exchange")  # other trainings, 8 bits
trained_again = exchange["network-150, 2000-pictures-seed-1"].float() / 127.5 - 1
in_20 = els.compare(same_images["els-zeros"], same_images["network-20"]).r2.quantile(0.5).item()
ceiling = els.compare(trained_again, same_images["network-150"]).r.quantile(0.5).item()
print(f"two networks of one recipe: correlation (not squared) {ceiling:.2f}")
print(f"ELS and the network with 20 steps, too: r2 {in_20:.2f}")
assert abs(ceiling - 0.99) < 0.006 and abs(in_20 - 0.85) < 0.006
if lab.profile == "laptop":
    stated = {"ELS, other seed": 0.25, "mean": 0.54, "IS": 0.61, "Wiener": 0.77, "LS": 0.85, "ELS": 0.91}
    assert all(abs(medians[name] - v) < 0.006 for name, v in (stated | {"local filter": 0.84}).items())
    assert over == {"Wiener": 99, "local filter": 95, "LS": 88}

# %% [markdown]
# The mean image, which knows nothing about the seed, reaches **0.54**, and the ideal denoiser hardly more. The right
# style for the wrong seed has 0.25: a definite guess that is wrong costs more than a vague one. So "better than the
# ideal denoiser" is a low bar. Higher are the linear filter (0.77; ELS is ahead on 99 seeds), the linear filter that
# gets ELS's windows (the **local filter** of lesson 11: 0.84, 95 seeds) and the local machine without equivariance
# (0.85, 88 seeds). **And from above?** The scale ends not at 1 but at 0.99, the correlation of the drawings of two
# networks of this recipe. (Why it is not squared: lesson 15.)

# %% [markdown]
# ### Exercise 3: What the baseline left over (6 minutes, ★☆☆)
#
# $1 - \mathrm{r2}$ is the share of the drawing's variance that a prediction does not explain, after the best change
# of its brightness and contrast. Write `skill(r2, baseline)`: the share of what the *baseline* leaves unexplained
# that the prediction explains. It is 0 if the prediction is no better than the baseline, 1 if it is perfect, negative
# if it is worse. Both arguments have shape (B,), and so has the answer.


# %%
def skill(r2, baseline):
    """r2 (B,), baseline (B,) -> (B,): the part of what the baseline leaves unexplained that is explained now."""
    ...


check.skill(skill)

# %% [markdown]
# Stuck? `check.hint("skill")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def skill(r2, baseline):
#     return 1 - (1 - r2) / (1 - baseline)
# ```
#
# The next cell has the medians of `skill` over the seeds for ELS: 0.81 over the mean image, 0.48 over the local
# filter, 0.39 over LS. The last is what equivariance adds at the same window sizes. (With sizes of its own LS is not
# better: 0.852 instead of 0.854, lesson 11; for the UNet 0.915 with either.) Three honest numbers, all smaller than 0.91.
# </details>

# %%
rest = {name: 1 - (1 - r2["ELS"]) / (1 - shown[name]) for name in ("mean", "local filter", "LS") if name in shown}
rest = {name: values.quantile(0.5).item() for name, values in rest.items()}
print("median share of the rest that ELS explains:", {name: round(v, 2) for name, v in rest.items()})
if lab.profile == "laptop":
    assert all(abs(rest[name] - v) < 0.006 for name, v in {"mean": 0.81, "local filter": 0.48, "LS": 0.39}.items())
own = els.load_results("10_own_windows")
own = {kind: own[f"r2, {kind}-zeros"].quantile(0.5).item() for kind in ("resnet", "unet")}
print("LS with sizes of its own, for the shipped networks:", {kind: round(value, 3) for kind, value in own.items()})
assert all(abs(own[kind] - value) < 6e-4 for kind, value in {"resnet": 0.852, "unet": 0.915}.items())

# %% [markdown] tags=["slide"]
# ## 7. Four networks of one size (9 minutes)
#
# Four networks draw pictures of 16 x 16 (section 9 has larger ones). Three have only convolutions that look at
# neighbours (ResNets): one pads with zeros, one wraps around, one is told the class. The fourth, a UNet, also works on
# shrunken copies of the image, so that every pixel sees all of it. All were trained for as many steps, the one that is
# told the class on 10,000 images, the others on the same 2,000. (In the gpu lab the first is that lab's own.)
#
# **Predict.** For which network will ELS be worst? For which will the ideal denoiser come near, and for which be no use
# at all? (Think of lesson 06.)

# %%
networks = {
    "ResNet, zeros": (lab.network.name, "els-zeros"),
    "ResNet, circular": ("fashion-mnist-16-resnet-circular", "els-circular"),
    "ResNet, zeros,\nclass known": ("fashion-mnist-16-resnet-zeros-conditional", "els-zeros"),
    "UNet, zeros": ("fashion-mnist-16-unet-zeros", "els-zeros"),
}
unet = els.lab("laptop", network="fashion-mnist-16-unet-zeros", verbose=False)
its = els.load_results(unet.network.name)


def bets(file, own):
    """r2 with the network of that name, one per seed: of the best constant picture, the machines and both filters."""
    one = lab if file == lab.network.name else els.lab("laptop", network=file, verbose=False)
    samples, pictures = els.load_results(file), one.data.images.cpu()
    constant = pictures.mean(0, keepdim=True).expand(100, -1, -1, -1)
    if one.network.conditional:
        means = torch.stack([pictures[one.data.labels.cpu() == k].mean(0) for k in range(10)])
        constant = means[one.labels_for(range(100)).cpu()]
    names = {"IS": "is", "Wiener": "wiener", "local filter": "local-filter", "LS": "ls", "ELS": own}
    drawn = {"mean": constant} | {name: samples[key] for name, key in names.items()}
    r2 = {name: els.compare(images, samples["network-150"]).r2 for name, images in drawn.items()}
    alike = els.compare(samples["equivariant-filter"], samples["network-150"]).r2
    return r2 | {"local filter": max(r2["local filter"], alike, key=torch.median)}  # of the two kinds the better one


# %%
agreed = {name: bets(*of) for name, of in networks.items()}
es = els.compare(els.load_results("07_els")["es"], els.load_results(networks["ResNet, circular"][0])["network-150"]).r2

# %% tags=["slide"]
colours = {"mean": "0.2", "IS": plotting.GREY, "Wiener": plotting.GREEN, "local filter": "#cc79a7"}
colours |= {"LS": plotting.ORANGE, "ELS": plotting.BLUE}


def ladder(axis, groups):
    """Median r2 with its 95 % bootstrap interval: a group of marks for every network."""
    for group, bet in enumerate(groups.values()):
        for shift, (name, values) in enumerate(bet.items()):
            middle = values.quantile(0.5).item()
            low, high = bootstrap_interval(values, torch.Generator().manual_seed(0))
            style = {"color": colours[name], "fmt": "vs^<Do"[list(colours).index(name)], "capsize": 3}
            style["label"] = None if name in axis.get_legend_handles_labels()[1] else name
            axis.errorbar(middle, 0.3 - 0.12 * shift - group, xerr=[[middle - low], [high - middle]], **style)
    axis.set_yticks([-group for group in range(len(groups))], list(groups))
    axis.set(xlim=(0, 1), xlabel="median r2 with the network, 95 % bootstrap interval")
    axis.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=6, columnspacing=1, handletextpad=0.2)


fig, axis = plt.subplots(figsize=(8.5, 4))
ladder(axis, agreed)
show(
    fig,
    alt="Median r2 of six predictors for four networks. ELS is highest for all: 0.91 with zeros, 0.83 circular, 0.94 "
    "with class, 0.93 for the UNet. IS is below 0.75, but for the UNet: 0.86. For the circular network mean, IS, "
    "Wiener and LS are below 0.1, the local filter is at 0.62.",
)

# %%
from math import comb

print(f"{'network':28s} {'predictor':12s} median  quartiles    ELS ahead   skill of ELS over it")
skills, ahead, middles = {}, {}, {}
for name, bet in agreed.items():
    for rival, values in bet.items():
        q1, q2, q3 = values.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)).tolist()
        skills[name, rival] = (1 - (1 - bet["ELS"]) / (1 - values)).quantile(0.5).item()
        ahead[name, rival], middles[name, rival] = int((bet["ELS"] > values).sum()), q2
        numbers = f"{q2:5.2f}  {q1:.2f} - {q3:.2f}  {ahead[name, rival]:7d}     {skills[name, rival]:12.2f}"
        print(f"{name.replace(chr(10), ' '):28s} {rival:12s} {numbers}")
ahead_of_es = int((agreed["ResNet, circular"]["ELS"] > es).sum())
luck = sum(comb(100, k) for k in range(64, 101)) / 2**100
print(f"circular: ES {es.quantile(0.5):.2f}, ELS ahead for {ahead_of_es}; 64 fair coins of 100 or more: {luck:.3f}")

# %%
stated = {  # median of ELS, of the best constant, skill over that, median of the local filter, skill over that, ahead
    "ResNet, zeros": (0.91, 0.54, 0.81, 0.84, 0.48, 95),
    "ResNet, circular": (0.83, 0.09, 0.78, 0.62, 0.55, 93),
    "ResNet, zeros,\nclass known": (0.94, 0.73, 0.79, 0.91, 0.39, 78),
    "UNet, zeros": (0.93, 0.50, 0.81, 0.78, 0.63, 81),
}
for name in list(stated)[lab.profile != "laptop" :]:
    of = [(middles, "ELS"), (middles, "mean"), (skills, "mean"), (middles, "local filter"), (skills, "local filter")]
    values = [table[name, rival] for table, rival in of]
    assert all(abs(a - b) < 0.006 for a, b in zip(values, stated[name], strict=False)), (name, values)
    assert ahead[name, "local filter"] == stated[name][-1]
    assert middles[name, "ELS"] == max(middles[name, rival] for rival in colours)
assert max(middles["ResNet, circular", rival] for rival in ("mean", "IS", "Wiener", "LS")) < 0.1
assert abs(es.quantile(0.5) - 0.57) < 0.006 and ahead_of_es == 92 and round(luck, 3) == 0.003
assert abs(middles["UNet, zeros", "IS"] - 0.86) < 0.006
assert [ahead["UNet, zeros", rival] for rival in ("IS", "LS")] == [91, 64]

# %% [markdown] tags=["slide"]
# For the circular ResNet the mean, IS, Wiener and LS are below 0.1: they know a place that this network cannot know.
# The fair rivals know as little: the ideal denoiser of all shifted images (ES, lesson 06) has 0.57, the local filter
# 0.62. (Of its two kinds, one filter for every pixel or one for all that share a dictionary of ELS, the table has the
# better one: here the latter, for the three others the former.) ELS has **0.83**, its lowest, ahead of them on 92 and
# 93 seeds; the filter that sees all, of all shifted images, has 0.65 (lesson 06).
#
# ELS is the best of these predictors for each network. Is it worst for the circular one? The best *constant* picture
# (the mean, of the class where it is told) has 0.54, 0.09, 0.73 and 0.50. Of what that leaves ELS explains
# **0.81, 0.78, 0.79 and 0.81**, nearly the same for all four. So most of what r2 tells of their order is how alike
# their drawings are. Of what the local filter leaves ELS explains 0.48, 0.55, 0.39 and 0.63.

# %% [markdown] tags=["slide"]
# For the UNet ELS has 0.93, ahead of the ideal denoiser on 91 seeds; but that one follows closely, with 0.86, and LS is
# behind on 64 seeds only. (`sign_test` says 0.003: hardly luck.) So equivariance adds little here. From 17 pixels on it
# cannot add anything: such a window shows every pixel where it is, and ELS *is* LS. That is so in the first 9 of the 20
# steps. In the other 11 it could.
#
# **Predict.** For the first ResNet let LS take 9 steps and ELS the last 11. Will that be nearer to LS or to ELS alone?

# %%
start, grid, elsm = results["noise"][:30].to(lab.device), lab.schedule.times(20), lab.machine("els-zeros")
handed_over = list(els.trajectory(lab.machine("ls"), start, times=grid[:11]))[9][1]
mixed = els.compare(els.sample(elsm, handed_over, times=grid[9:]).cpu(), target[:30]).r2
means = [v.mean().item() for v in (r2["LS"][:30], mixed, r2["ELS"][:30])]
print("mean r2 of 30 seeds: LS {:.3f}, LS then ELS {:.3f}, ELS {:.3f}".format(*means))
print(f"LS then ELS is better than LS for {(mixed > r2['LS'][:30]).sum()} of 30")
assert sum(P >= 17 for _, P in unet.patch_sizes("els-zeros")) == 9
if lab.profile == "laptop":
    assert all(abs(a - b) < 6e-4 for a, b in zip(means, (0.819, 0.886, 0.894), strict=True))
    assert (mixed > r2["LS"][:30]).all()

# %% [markdown]
# To ELS: mean r2 0.886 (LS 0.819, ELS 0.894), better than LS for all 30 seeds. So the steps in which equivariance could
# help the UNet bring the ResNet most of its gain, and the UNet hardly any. Why, we do not know.

# %% [markdown] tags=["slide"]
# **How the theory was nearly refuted.** While this course was written, the UNet was its exception: ELS no better than
# the ideal denoiser. The reason was ours. When its windows were calibrated, the largest on offer was 15 pixels, and
# 15 is what came out, nine times of twenty. *A fit that ends at the edge of what was offered is not a fit.*
#
# **Predict.** Let us offer less again, or a little more, on 30 seeds (somewhat harder ones: the ideal denoiser has 0.82
# there). With windows up to 15, ELS has 0.81. What will it have with windows up to 11, 19, 23?

# %% tags=["slide"]
widest, some = (11, 15, 19, 23), els.seeded_noise(range(30), unet.shape)
allowed = {None: its["els-zeros"][:30]}
for most in widest:
    curve = [(t, min(P, most)) for t, P in unet.patch_sizes("els-zeros")]
    allowed[most] = els.sample(unet.patch_machine("els-zeros", curve), some, steps=20)
reached = {most: els.compare(images, its["network-150"][:30]).r2.median().item() for most, images in allowed.items()}
ideal = els.compare(its["is"][:30], its["network-150"][:30]).r2.median().item()
fig, axis = plt.subplots(figsize=(6, 2.8))
axis.plot([*widest, 27], [reached[most] for most in (*widest, None)], "o-", color=plotting.BLUE, label="ELS")
axis.axhline(ideal, color=plotting.GREY, ls="--", label="ideal denoiser")
axis.set(xlabel="largest window allowed (27: as calibrated)", ylabel="median r2 with the UNet", xticks=[*widest, 27])
axis.legend()
show(
    fig,
    alt="The UNet's median r2 with ELS rises with the largest window allowed, from 0.71 at 11 through 0.81 at 15 to "
    "0.90 at 23 and 27. A dashed line for the ideal denoiser lies at 0.82, just above the value at 15.",
)
assert max(P for _, P in unet.patch_sizes("els-zeros")) == 27
assert all(abs(reached[k] - v) < 0.006 for k, v in {11: 0.71, 15: 0.81, 19: 0.88, 23: 0.90, None: 0.90}.items())
assert abs(ideal - 0.825) < 0.006 and reached[15] < ideal < reached[19]
assert unet.machine("els-zeros").largest_patch_size == 31
for file in ("fashion-mnist-16-resnet-zeros", "fashion-mnist-16-resnet-zeros-conditional"):
    assert max(P for _, P in els.lab("laptop", network=file, verbose=False).patch_sizes("els-zeros")) <= 15

# %% [markdown] tags=["slide"]
# With all the windows it asks for, the formula has **0.90** on these seeds. That was a change after we had looked. But
# scores on other seeds decide the sizes, not r2; up to 31 is on offer now, and 27 is the largest that comes out; and
# the other two networks with zeros ask for no more than 15.

# %% [markdown] tags=["slide"]
# ## 8. Does the UNet remember? (4 minutes)
#
# The ideal denoiser only copies. Why does it come so near to the UNet?
#
# **Predict.** (a) The UNet has begun to memorise. (b) Its windows are wide while there is much noise, and whoever sees
# everything lays out the same picture. What would you measure?
#
# Take the distance to the nearest training image; as a yardstick, that of a thousand *new* real images; and a network
# with an **alibi**: a UNet of the same recipe that was trained on 2,000 *other* pictures and has never seen these (its
# drawings are from lesson 15).

# %% tags=["slide"]
training, held_out = unet.data.images, unet.held_out(1000).images
second, alibi = (
    exchange[f"network-150, unet-2000-{of}-seed-1"].float() / 127.5 - 1 for of in ("pictures", "other-pictures")
)
sets = {"ideal denoiser": its["is"], "UNet": its["network-150"], "UNet with an alibi": alibi}
sets |= {"ELS for the UNet": its["els-zeros"], "new real images": held_out}
sets["ResNet, zeros"] = same_images["network-150"]  # trained on the same images
distance = {name: els.nearest_training_image(images, training)[1] for name, images in sets.items()}
fig, axis = plt.subplots(figsize=(7.5, 3.1))
axis.boxplot([d.numpy() for d in distance.values()], orientation="horizontal", whis=(5, 95), showfliers=False)
axis.set_yticks(range(1, 7), [f"{name}  {d.median():.1f}" for name, d in distance.items()])
axis.invert_yaxis()
axis.set(xlabel="distance to the nearest of the 2,000 training images")
show(
    fig,
    alt="Boxes of the distance to the nearest training image, medians beside the names: 0 for the ideal "
    "denoiser, 2.9 for the UNet, "
    "3.0 for the UNet that was trained on others, 3.4 for ELS with its windows, 3.0 for new real images, 5.1 for the "
    "ResNet.",
)

# %%
middle = {name: d.median().item() for name, d in distance.items()}
print({name: round(m, 2) for name, m in middle.items()})
print(f"the nearest of the UNet's drawings: {distance['UNet'].min():.2f}")
remembered = els.nearest_training_image(its["is"], training)[0]
sets["UNet, trained again"], same_memory, follows = second, {}, {}
for name in ("UNet", "UNet, trained again", "UNet with an alibi", "ELS for the UNet", "ResNet, zeros"):
    same_memory[name] = (els.nearest_training_image(sets[name], training)[0] == remembered).sum().item()
    follows[name] = els.compare(sets[name], its["is"]).r2.quantile(0.5).item()
    print(f"{name:19s} nearest to the very image that the ideal denoiser returns: {same_memory[name]} of 100 seeds; "
          f"r2 with the ideal denoiser {follows[name]:.2f}")  # fmt: skip
assert middle["ideal denoiser"] < 0.01 and abs(middle["ResNet, zeros"] - 5.1) < 0.05
assert abs(middle["UNet"] - 2.9) < 0.05 and abs(middle["new real images"] - 3.0) < 0.05
assert abs(middle["UNet with an alibi"] - 3.0) < 0.05
assert abs(middle["ELS for the UNet"] - 3.4) < 0.05 and distance["UNet"].min() > 1.55
assert list(same_memory.values()) == [20, 20, 21, 35, 4]
stated = {"UNet": 0.86, "UNet, trained again": 0.83, "UNet with an alibi": 0.85}
assert all(abs(follows[name] - v) < 0.006 for name, v in stated.items())

# %% [markdown]
# Not copies: the closest of the UNet's drawings is 1.6 away, and they lie as near to the training set as new
# garments do (2.9, 3.0). Yet for 20 of 100 seeds the training image nearest to its drawing is the very one,
# among 2,000, that the ideal denoiser returns from the same noise; for the ResNet, 4 of 100. That looks like memory.
# But the UNet that **has never seen these pictures** does it for 21 seeds, and its r2 with the ideal denoiser of these
# pictures is 0.85 (ours 0.86, trained again 0.83). So hardly anything is left for (a) to explain: whoever sees
# everything lays out the same picture, whichever 2,000 it has learned from.
#
# What a network *knows* is another question: the UNet's loss is 18 % higher on new pictures than on its own (lesson
# 03).

# %% [markdown] tags=["slide"]
# ## 9. Is it because the pictures are small? (4 minutes)
#
# A window of 17 x 17, the most that a ResNet sees, is larger than a picture of 16 x 16; Fashion-MNIST comes at 28 x 28.
# So the recipe of the network that is told the class was followed at 28 x 28, once with the pictures as they are, once
# with those of 16 x 16, enlarged. The windows were calibrated on each (stored; `data/lessons/make_10_variants.py`).
#
# **Predict.** Larger pictures: does ELS lose, or the ideal denoiser?

# %% tags=["slide"]
large, variants = "fashion-mnist-28-resnet-zeros-conditional", els.load_results("10_variants")
smooth = {"IS": "is", "Wiener": "wiener", "LS": "ls", "ELS": "els-zeros"}
sizes = {"16 x 16": agreed["ResNet, zeros,\nclass known"]}
sizes["28 x 28,\nenlarged"] = {name: variants[f"{machine}, side 28, smooth"] for name, machine in smooth.items()}
sizes["28 x 28"] = bets(large, "els-zeros")
fig, axis = plt.subplots(figsize=(8.5, 3.2))
ladder(axis, sizes)
show(
    fig,
    alt="Median r2 with three networks. From 16 x 16 to 28 x 28 the mean of the class falls from 0.73 to 0.36, IS from "
    "0.74 to 0.36, Wiener from 0.86 to 0.57, the local filter and LS from 0.91 to 0.79 and 0.63, ELS only from 0.94 to "
    "0.88. Enlarged, IS has 0.58 and ELS 0.95.",
)

# %%
middle = {size: {name: v.quantile(0.5).item() for name, v in bet.items()} for size, bet in sizes.items()}
for size, found in middle.items():
    print(size.replace("\n", " "), {name: round(value, 2) for name, value in found.items()})
told = {"16 x 16": (0.73, 0.74, 0.86, 0.91, 0.91, 0.94), "28 x 28,\nenlarged": (0.58, 0.69, 0.78, 0.95)}
told["28 x 28"] = (0.36, 0.36, 0.57, 0.79, 0.63, 0.88)
for size, values in told.items():
    assert all(abs(a - b) < 0.006 for a, b in zip(middle[size].values(), values, strict=True)), size
last = sizes["28 x 28"]
gain = {name: (1 - (1 - last["ELS"]) / (1 - last[name])).quantile(0.5).item() for name in ("mean", "local filter")}
print("28 x 28: skill of ELS over", {name: round(value, 2) for name, value in gain.items()})
assert abs(gain["mean"] - 0.78) < 0.006 and abs(gain["local filter"] - 0.44) < 0.006
assert (last["ELS"] > last["IS"]).all() and int((last["ELS"] > last["local filter"]).sum()) == 97

# %% tags=["slide"]
large = els.load_results(large)
rows = {"IS": large["is"], "LS": large["ls"], "ELS": large["els-zeros"], "network": large["network-150"]}
show(
    plotting.image_rows(
        {name: images[:10] for name, images in rows.items()},
        notes=[f"r2 {v:.2f}" for v in els.compare(rows["ELS"][:10], rows["network"][:10]).r2],
        titles=unet.data.class_names,
    ),
    alt="Ten drawings of 28 x 28 pixels by IS, LS, ELS and the network; below, the r2 of ELS and network. IS draws "
    "whole garments. The network's drawings are ragged, in pieces, some hardly garments; ELS has the same pieces in "
    "the same places in most columns; not in that of the ankle boot.",
)

# %% [markdown]
# At 28 x 28 the ideal denoiser falls to **0.36**: it still draws whole garments, and the network no longer does. The
# formula goes along with it, **0.88**, ahead for every seed, down to the third leg of the trousers (but not with the
# ankle boot). Of the linear rivals the local filter does best, 0.79 (one for all pixels of a dictionary; ELS is ahead
# for 97 seeds); of what it leaves ELS explains 0.44.
#
# But the mean of the class falls like the ideal denoiser, from 0.73 to 0.36. Knowing the class is worth less here, and
# to that the ideal denoiser never added much. ELS's skill over that mean is 0.79 on the small pictures, **0.78** on
# the large.
#
# Not all of it is size. The small pictures are averages of the large ones, and smoother. On the enlarged ones the ideal
# denoiser has 0.58 and the formula 0.95. So size alone takes from the one less than half of its fall, and nothing from
# the other; the rest came with the finer texture.

# %% [markdown] tags=["slide"]
# ## 10. The bets that were lost (6 minutes)
#
# Back to the first network, to the seeds with the lowest r2.
#
# **Predict.** What are they: the strangest drawings, the faintest, or those that are furthest off?

# %% tags=["slide"]
contrast = target.flatten(1).std(1).double()  # of a drawing: the standard deviation of its pixels
error = (predictions["ELS"] - target).square().mean((1, 2, 3)).sqrt().double()  # root mean square (rms)
by_r2, furthest = r2["ELS"].argsort().tolist(), error.argsort(descending=True).tolist()
seeds = [*by_r2[:4], *(k for k in furthest[:4] if k not in by_r2[:4]), by_r2[-4]]
rows = {"ELS": predictions["ELS"][seeds], "network": target[seeds]}
notes = [f"r2 {r2['ELS'][k]:.2f}\nrms {error[k]:.2f}" for k in seeds]
show(
    plotting.image_rows(rows, notes=notes, titles=[f"seed {k}" for k in seeds]),
    alt="ELS and network for eight seeds, with r2 and rms error below. The four of lowest r2, 77, 35, 47 and 54, near "
    "0.7: 77 and 54 are faint and ragged, with errors of 0.12 and 0.13. The three of the largest errors but 35, 59, "
    "18 and 2, near 0.27, are bright. Last seed 32, full and bright, with an r2 of 0.98 and an error of 0.15.",
)
correlation = {name: torch.corrcoef(torch.stack([contrast, values]))[0, 1].item() for name, values in r2.items()}
of_error = torch.corrcoef(torch.stack([contrast, error]))[0, 1].item()
print(f"ELS: correlation of contrast and r2 {correlation['ELS']:.2f}, of contrast and rms {of_error:.2f}")
print(f"seeds with a smaller error than seed 77: {(error < error[77]).sum()}; furthest off: {furthest[:4]}")
if lab.profile == "laptop":
    assert seeds == [77, 35, 47, 54, 59, 18, 2, 32] and furthest[:4] == [35, 59, 18, 2]
    assert (error < error[77]).sum() == 5
    assert all(abs(error[k] - v) < 6e-4 for k, v in {77: 0.118, 32: 0.155, 35: 0.322}.items()) and r2["ELS"][32] > 0.97
    assert abs(correlation["ELS"] - 0.63) < 0.006 and abs(of_error - 0.31) < 0.006

# %% [markdown]
# Two of the four are faint, 77 and 54, and they are not far off. Seed 77 is missed by 0.118 (rms, in grey levels; black
# to white is 2), and only five seeds by less; seed 32, with an r2 of 0.98, by 0.155. But r2 divides by the drawing's
# own variance, and that of seed 77 is small. Furthest off are 35 (0.32), 59, 18 and 2: none is faint.
#
# Call **contrast** the standard deviation of a drawing's pixels. Over all seeds it correlates with r2: 0.63. How much
# of that would chance give?
#
# ### Exercise 4: The errors, dealt out (5 minutes, ★☆☆)
#
# A drawing with contrast $c$ has the variance $c^2$. Of that a prediction, its brightness and contrast put right,
# leaves $(1 - \mathrm{r2})\,c^2$: its **left-over**. (The rms above is taken without putting right.) Deal the
# left-overs out to the drawings anew: drawing `k` gets that of drawing `order[k]`, and keeps its own contrast. Write
# `dealt_out(r2, contrast, order)`: the r2 that each drawing then has. All have shape (B,); `order` holds whole numbers.
# (It may be negative: leave it so.)


# %%
def dealt_out(r2, contrast, order):
    """r2, contrast, order (B,) -> (B,): r2 of drawing k if it had the left-over of drawing order[k]."""
    ...


check.dealt_out(dealt_out)

# %% [markdown]
# Stuck? `check.hint("dealt_out")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def dealt_out(r2, contrast, order):
#     left = (1 - r2) * contrast**2
#     return 1 - left[order] / contrast**2
# ```
#
# The next cell deals five hundred times. If left-overs know nothing of contrast, it and r2 correlate with 0.64
# (median). If errors grew as contrast does, r2 itself would be dealt out: 0.00, and in 90 % of the deals between -0.17
# and 0.16. Measured: 0.63. So a faint drawing has a low r2 **because errors do not shrink as contrast does**. (They do
# a little: contrast and rms correlate with 0.31.) The network trained again, r2 0.98, shows it, too: 0.47.
# </details>

# %%
generator, left = torch.Generator().manual_seed(0), (1 - r2["ELS"]) * contrast**2
orders = [torch.randperm(100, generator=generator) for _ in range(500)]
cases = {"left-overs": [1 - left[k] / contrast**2 for k in orders], "r2": [r2["ELS"][k] for k in orders]}
dealt, ends = {}, torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)
for name, cards in cases.items():
    found = torch.stack([torch.stack([contrast, one]).corrcoef()[0, 1] for one in cards])
    dealt[name] = found.quantile(ends).tolist()
    low, middle_one, high = dealt[name]
    print(f"{name} dealt out: contrast and r2 correlate with {middle_one:.2f}, 90 % in {low:.2f} to {high:.2f}")
again = els.compare(trained_again, same_images["network-150"]).r2
its_contrast = same_images["network-150"].flatten(1).std(1).double()
of_again = torch.stack([its_contrast, again]).corrcoef()[0, 1].item()
print(f"the network trained again: r2 {again.quantile(0.5):.2f}, correlation with contrast {of_again:.2f}")
assert abs(again.quantile(0.5) - 0.98) < 0.006 and abs(of_again - 0.47) < 0.006
if lab.profile == "laptop":
    assert abs(dealt["left-overs"][1] - 0.64) < 0.006 and dealt["left-overs"][0] < correlation["ELS"]
    assert all(abs(a - b) < 0.006 for a, b in zip(dealt["r2"], (-0.17, 0.0, 0.16), strict=True))

# %% [markdown] tags=["slide"]
# **When?** ELS begins, and at time $t$ the network takes over and finishes (of 20 steps in all; seeds 0 to 39). What it
# does not put right had been lost before.
#
# **Predict.** How much of ELS's squared error is left if the network takes over at $t$ = 0.9, 0.7, 0.5, 0.3?

# %% tags=["slide"]
begun = list(els.trajectory(elsm, results["noise"][:40].to(lab.device), times=grid[:16]))
alone, share = (predictions["ELS"][:40] - target[:40]).square().sum(), {}
for k in (2, 6, 10, 14):
    finished = els.sample(lab.network, begun[k][1], times=grid[k:]).cpu()
    share[round(begun[k][0], 2)] = ((finished - target[:40]).square().sum() / alone).item()
print("ELS until t, then the network: share of the squared error", {t: round(value, 2) for t, value in share.items()})
if lab.profile == "laptop":
    stated = {0.9: 0.18, 0.7: 0.35, 0.5: 0.53, 0.3: 0.69}
    assert all(abs(share[t] - value) < 0.006 for t, value in stated.items())

# %% [markdown]
# 0.18, 0.35, 0.53, 0.69. There is no one moment at which a bet is lost: every stretch of the way adds its part.
#
# **An open bet.** Seeds 100, 101, ... are in no file of this network. The next cell draws ten with ELS. Rank them: for
# which will the error (rms) be smallest, for which largest? Then draw them with the network. With ten, luck has a say:
# take more.

# %%
bet = els.seeded_noise(range(100, 110), lab.shape).to(lab.device)
ours = els.sample(elsm, bet, steps=20).cpu()
# yours: drawn = els.sample(lab.network, bet, steps=150).cpu(); (ours - drawn).square().mean((1, 2, 3)).sqrt()
show(
    plotting.image_rows({"ELS": ours}, titles=[f"seed {k}" for k in range(100, 110)]),
    alt="What ELS draws from seeds 100 to 109.",
)

# %% [markdown] tags=["slide"]
# ## If you want more: windows told by the pictures
#
# How far to look, say Lukoianov and others, is told by the *correlations of the pictures*. The Wiener filter gives each
# pixel a weighted sum of all the noisy pixels, and a weight is large where two pixels vary together. In a simple form:
# a pixel looks at those pixels whose weight in its sum is more than a share $\tau$ of the largest. So every pixel has a
# window of a shape of its own, at its own place, and with these LS is run. ELS has twenty sizes that were measured on
# the network. This rival has one number, $\tau$, the best of five on forty other seeds (stored;
# `data/lessons/make_10_correlations.py`).
#
# **Predict.** Who is ahead, ELS or the rival, for the ResNet with zeros? For the UNet?

# %%
rival, flat = els.load_results("10_correlations"), unet.data.images.flatten(1)
covariance = torch.cov(flat.double().T, correction=0)


def correlated(x_t, t, tau=0.05):
    """The local machine with windows told by the rows of the Wiener filter."""
    alpha, sigma = unet.schedule.alpha(t), unet.schedule.sigma(t)
    noisy = alpha**2 * covariance + sigma**2 * torch.eye(256, dtype=torch.float64)
    row = torch.linalg.solve(noisy, alpha * covariance).T.abs()
    window = (row > tau * row.amax(1, keepdim=True)).float()
    misfit = [(x - alpha * flat).square() @ window.T / (2 * sigma**2) for x in x_t.flatten(1)]
    return torch.stack([((-one).softmax(0) * flat).sum(0) for one in misfit]).view_as(x_t)


live, duel, taus = els.sample(correlated, els.seeded_noise([3], unet.shape), steps=20), {}, rival["taus"].tolist()
assert (live - rival["drawings"][[3]]).abs().max() < 0.01  # the file tells the truth
for name, samples in {"fashion-mnist-16-resnet-zeros": same_images, "fashion-mnist-16-unet-zeros": its}.items():
    ours = els.compare(samples["els-zeros"], samples["network-150"]).r2
    theirs, chosen = rival[f"r2 seeds 0 to 99, {name}"], rival[f"chosen, {name}"].item()
    duel[name] = [(tau, *(round(v.quantile(0.5).item(), 3) for v in (r2_rival, ours)), int((r2_rival > ours).sum()))
                  for tau, r2_rival in zip(taus, theirs, strict=True)]  # fmt: skip
    print(f"{name}, chosen tau {chosen}")
    for tau, its_r2, our_r2, won in duel[name]:
        print(f"    tau {tau:4.2f}: r2 of the rival {its_r2:.3f}, of ELS {our_r2:.3f}; the rival ahead on {won} of 100")
    duel[name] = duel[name][taus.index(chosen)]
assert list(duel.values()) == [(0.2, 0.822, 0.91, 11), (0.05, 0.945, 0.925, 71)]

# %%
# LS for the UNet once more, with squares that hold as many pixels (within the picture) as the rival's windows
seen = {P: (sum(min(15, i + P // 2) - max(0, i - P // 2) + 1 for i in range(16)) / 16) ** 2 for P in range(1, 32, 2)}
pixels = rival["pixels in a window"][taus.index(0.05)].tolist()
squares = [(t, min(seen, key=lambda P: abs(seen[P] - n)))
           for (t, _), n in zip(unet.patch_sizes("els-zeros"), pixels, strict=True)]  # fmt: skip
squared = els.sample(unet.machine("ls").with_patch_size(squares), its["noise"], steps=20)
squared = els.compare(squared, its["network-150"]).r2.quantile(0.5).item()
print(f"squares of as many pixels: r2 {squared:.2f}")
assert abs(squared - 0.77) < 0.006

# %% [markdown]
# For the ResNet it is far behind: 0.82 where ELS has 0.91, ahead on 11 seeds. For the **UNet it is ahead**: 0.945 where
# ELS has 0.925, on 71 seeds of 100. So ELS is not the best known predictor of every network, and one number told by the
# network can do in place of twenty. (That number was chosen by what is scored here, r2 of drawings; ELS's sizes were
# not. With $\tau$ twice as large the rival is ahead on 63, with any other of the five behind.) Is it how many pixels it
# sees? No: LS with squares of as many has 0.77. So it is their shape, or that every pixel has a window of its own.

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * Started from the same noise, a formula without weights, but with twenty window sizes measured on the network, draws
#   what a trained ResNet draws: median r2 0.91, better than the ideal denoiser for 98 of 100 seeds.
# * Such a number needs its company. Of what the best constant picture leaves, ELS explains about 0.8, for five
#   networks, also at 28 x 28 pixels, where the ideal denoiser falls to 0.36, as the mean of the class does. Of what a
#   linear filter with the same windows leaves (lesson 11), 0.39 to 0.63. The scale ends at 0.99.
# * To a UNet, which sees the whole picture, the ideal denoiser comes near (0.86), ELS nearer (0.93). That is no sign of
#   memory: a UNet that never saw these pictures follows their ideal denoiser as closely (0.85).
# * A low r2 need not be a large error: the drawing with the lowest is missed by less than nearly all others.
#
# ## What is still unexplained
#
# We compared the machine's 20 steps with the network's *150*. With 20 steps each, at first sight the fairer comparison,
# the median falls from 0.91 to 0.85. Why should more steps of the *network* help a machine of 20? Lesson 11 finds out,
# and asks whether r2 was the right number to report.
#
# ## References
#
# * M. Kamb, S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the experiment, and the published agreements.
# * A. Lukoianov, C. Yuan, J. Solomon, V. Sitzmann, *Locality in image diffusion models emerges from data statistics*,
#   [arXiv:2509.09672](https://arxiv.org/abs/2509.09672): the Wiener filter as the baseline to beat, and windows told by
#   correlations (their code scales the weights otherwise than we do).
# * H. Xiao, K. Rasul, R. Vollgraf, *Fashion-MNIST*, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747): the images.
# * J. Song, C. Meng, S. Ermon, *Denoising diffusion implicit models*, ICLR 2021,
#   [arXiv:2010.02502](https://arxiv.org/abs/2010.02502): the deterministic sampler.
# * B. Efron, R. Tibshirani, *An Introduction to the Bootstrap*, Chapman & Hall, 1993.
