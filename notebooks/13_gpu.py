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
# # 13 · The machine is attention over training patches
#
# **You will** rewrite the equivariant local score machine as attention, run it in one call to torch, cut it into pieces
# that fit any computer, find where 32-bit numbers become too coarse, and work out what ImageNet would cost.
#
# **You will learn** why the formula is attention, and what it costs.
#
# **You need** lesson 07 (the ELS machine); you do not need a GPU.
#
# **Time** 63 minutes. This is a detour: lesson 14 takes up lesson 12's last question, and does not need this one.
# Section 4 can wait.

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown] tags=["slide"]
# ## 1. Query, key, value, bias (8 minutes)
#
# The ELS machine compares a window $q = x_t[\Omega_x]$ with every training patch $p$, and takes a weighted average of
# their centres $p(0)$:
#
# $$ D(x_t)(x) = \sum_p w_p\, p(0), \qquad w_p \propto e^{-\|q - \alpha p\|^2 / 2\sigma^2} . $$
#
# Expand the square:
#
# $$ -\frac{\|q - \alpha p\|^2}{2\sigma^2} = \underbrace{-\frac{\|q\|^2}{2\sigma^2}}_{\text{the same for every } p}
#    + \underbrace{\frac{\alpha}{\sigma^2}\, q \cdot p}_{\text{dot product}}
#    \; \underbrace{- \frac{\alpha^2}{2\sigma^2} \|p\|^2}_{\text{a bias of } p} . $$
#
# The first term gives all weights a common factor, which cancels. What is left is a softmax of dot products with a
# bias: **attention**, without a single learned weight.

# %% [markdown] tags=["slide"]
# Attention is what transformers are made of. Three learned matrices turn each **token** (a word or a piece of a
# picture) into a query, a key and a value. Each query $q$ is compared with all keys $k$; the answer is $\sum_k w_k
# v_k$, where $w$ is the softmax of $q \cdot k / \sqrt{d}$. (A key has $d$ numbers.)
#
# | part | in a transformer | in the machine |
# |---|---|---|
# | query | a matrix times a token | a patch $q$ of the noisy image |
# | key | a matrix times a token | a patch $p$ of a training image |
# | value | a matrix times a token | its centre pixel $p(0)$ |
# | logit | $q \cdot k / \sqrt{d}$ | a dot product and a bias: exercise 1 |
# | context | all tokens | the whole training set |
#
# **Predict.** With one noisy image and 200 training images of 16 x 16 pixels on the torus, how many queries, keys and
# logits are there?

# %% tags=["slide"]
from torch.nn import functional as F


def cut(images, P):
    """Every P x P window, wrapped around; `unfold` lists the windows: (N, C, H, W) -> (N H W, C P P)."""
    return F.unfold(F.pad(images, [P // 2] * 4, mode="circular"), P).mT.flatten(0, 1)


C, H, W = lab.shape
images = lab.data.images[: 200 * 16**2 // (H * W)]  # 200 of 16 x 16 pixels, fewer if they are larger
schedule, t, P = lab.schedule, 0.5, 7
alpha, sigma = schedule.alpha(t), schedule.sigma(t)
dozen = els.load("fashion-mnist", size=W, n=2019).images[2007:].to(lab.device)  # twelve pictures, not in the dictionary
dozen_noise = els.seeded_noise(range(1000, 1012), lab.shape).to(lab.device)
clean, noise = dozen[:1], dozen_noise[:1]
x_t = els.add_noise(clean, noise, t)

queries, keys = cut(x_t, P), cut(images, P)
centre = torch.arange(C) * P**2 + P**2 // 2  # where the middle pixel of each channel stands in a window
values = keys[:, centre]  # p(0): copies of numbers that the keys already hold
print(f"{len(queries)} queries, {len(keys):,} keys: {len(queries) * len(keys):,} logits")

# %% [markdown]
# ### Exercise 1: The logits of the machine (6 minutes, ★☆☆)
#
# Turn `queries` (M, D) and `keys` (L, D), M queries and L keys of D numbers each, into logits (M, L). Use dot products
# only: no M x L x D tensor of differences. Leave out the term that cancels.


# %%
def attention_logits(queries, keys, alpha, sigma):
    """queries (M, D), keys (L, D) -> (M, L): alpha q.k / sigma^2 plus the bias of each key."""
    ...


check.attention_logits(attention_logits)

# %% [markdown]
# Stuck? `check.hint("attention_logits")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def attention_logits(queries, keys, alpha, sigma):
#     bias = -(alpha**2) * keys.square().sum(1) / (2 * sigma**2)
#     return alpha * queries @ keys.T / sigma**2 + bias
# ```
#
# The bias has one number per key, so it broadcasts over the queries. Without it, patches that are long as vectors,
# those of black and white pixels (-1 and 1), would be preferred to grey ones (we try it below).
# </details>
#
# **Predict.** Will the attention of the middle pixel be spread over many of the 200 images, or held by a few? And which
# places in them get it?


# %%
def attention(queries, t):
    """All weights, computed from distances, as in the first formula."""
    a, s = schedule.alpha(t), schedule.sigma(t)
    return torch.softmax(-torch.cdist(queries, a * keys).square() / (2 * s**2), dim=1)


weights = attention(queries, t)
middle_pixel = (H // 2) * W + W // 2
middle = weights[middle_pixel].view(-1, 1, H, W)  # its attention: (N, 1, H, W)
share = middle.sum((1, 2, 3))
best = share.argsort(descending=True)[:6]

# %% tags=["slide", "hide-input"]
glow = middle[best] / middle[best].amax((1, 2, 3), keepdim=True) * 2 - 1  # each map has its own scale
fig = plotting.image_rows(
    {"noisy image": x_t / x_t.abs().max(), "training image": images[best], "attention\n(own scale)": glow},
    notes=[f"{s:.0%} of all" for s in share[best]],
)
plotting.patch_outline(fig.axes[0], H // 2, W // 2, P)
for axis in fig.axes[6:]:
    plotting.patch_outline(axis, H // 2, W // 2, 1)
show(
    fig,
    alt="The noisy image with the window of its middle pixel, the six training images with most of this pixel's "
    "attention, and below each a map of where in it the attention goes (white: the most): to a few places near "
    "the middle, which is marked.",
)

# %% [markdown]
# Now twelve noisy pictures, with the bias and without: how large is $\|p\|^2$ in the patches that are asked, and how
# far is the answer from the clean picture? Within four pixels of the middle are 81 of 256 places.


# %%
def near(weights):
    """The part of the middle pixel's attention that goes to places within four pixels of the middle."""
    return weights.view(-1, H, W)[:, H // 2 - 4 : H // 2 + 5, W // 2 - 4 : W // 2 + 5].sum().item()


length = keys.square().sum(1)
each_asked, each_error, others = [], [], []  # one entry for each picture
for picture, x in zip(dozen.split(1), els.add_noise(dozen, dozen_noise, t).split(1), strict=True):
    q, truth = cut(x, P), picture.flatten(2)[0].T  # truth: (H W, C), as the answers are
    both = attention(q, t), torch.softmax(alpha * q @ keys.T / sigma**2, dim=1)  # with the bias, and without
    each_asked.append([(w @ length).mean().item() for w in both])
    each_error.append([(w @ values - truth).square().mean().sqrt().item() for w in both])
    others.append(near(both[0][middle_pixel]))
worse = sum(without > with_bias for with_bias, without in each_error)
asked, error = (torch.tensor(pairs).mean(0).tolist() for pairs in (each_asked, each_error))
print(f"mean |p|^2 of patches asked: {asked[0]:.0f}, without a bias {asked[1]:.0f}; of all patches {length.mean():.0f}")
print(f"RMS error against the clean image: {error[0]:.2f}, without a bias {error[1]:.2f}; larger in {worse} pictures")
even = 81 / (H * W)  # of a pixel that asks all places alike
print(f"within four pixels: {near(middle):.2%} of this pixel's attention (spread evenly: {even:.0%}); in "
      f"twelve pictures {min(others):.0%} or more, in {sum(part > 0.865 for part in others)} of them 87% or more, "
      f"in {sum(part < even for part in others)} less than if spread evenly")  # fmt: skip

# %% tags=["hide-input"]
held = {}
for s in (0.9, 0.5, 0.2):
    asking = torch.cat([cut(x, P)[::5] for x in els.add_noise(dozen, dozen_noise, s).split(1)])  # every fifth pixel
    six = torch.cat([attention(q, s).view(len(q), -1, H * W).sum(2).topk(6).values.sum(1) for q in asking.split(52)])
    held[s] = six.quantile(0.5).item()
    print(f"t = {s}: six of the 200 images (3%) hold {held[s]:3.0%} of the attention (median pixel of twelve pictures)")
if lab.profile == "laptop":
    assert 0.3 < share[best].sum() < 0.37 and near(middle) > 0.999 and 0.17 < min(others) < 0.22
    assert sum(part > 0.865 for part in others) == 8 and sum(part < even for part in others) == 3
    assert [round(part, 2) for part in held.values()] == [0.04, 0.19, 0.96]
    assert [round(x) for x in asked] == [35, 43] and [round(x, 2) for x in error] == [0.26, 0.37] and worse == 12

# %% [markdown] tags=["slide"]
# Without the bias, the machine asks patches with a larger $\|p\|^2$ (43 on average, not 35). In all twelve pictures its
# answer is then further from the clean image: 0.37, not 0.26 (root mean square, averaged over the twelve).
#
# **Six images, 3 % of the 200, hold a third of the middle pixel's attention**: it is neither held by a few alone nor
# spread evenly. How much six images hold depends on the noise. For the median pixel it is 4 % of the attention at $t =
# 0.9$, nearly as if all images were alike, 19 % at 0.5 and 96 % at 0.2.
#
# The machine *asks* every place. Yet **this pixel's attention stays within four pixels**, where an even spread would
# put 32 %, and that is the images' doing: in the training images, too, such patches are in the middle. It is not always
# so: of twelve pictures, the middle pixel's attention stays there to 87 % or more in eight, and in three less than an
# even spread. Shift each training image around the torus as you like: the patches stay the same, and so do the answers.

# %% [markdown] tags=["slide"]
# ## 2. One call (5 minutes)
#
# torch has one function for attention: `scaled_dot_product_attention(Q, K, V)`. The dot product can carry the bias:
# append a 1 to every query and the bias to every key. The function divides the dot products by $\sqrt{d}$, unless
# `scale` gives another factor to multiply them by. **Predict:** what takes the place of $\sqrt{d}$ in the machine? And
# what must `scale` be if we divide the queries by that number ourselves?


# %%
def operands(queries, keys, alpha, sigma):
    """Q (M, D + 1) and K (L, D + 1), so that Q K^T are the logits of the machine."""
    bias = -(alpha**2) / (2 * sigma**2) * keys.square().sum(1, keepdim=True)
    one = torch.ones_like(queries[:, :1])
    return torch.cat([queries * (alpha / sigma**2), one], dim=1), torch.cat([keys, bias], dim=1)


def one_call(queries, keys, values):
    Q, K = operands(queries, keys, alpha, sigma)
    return F.scaled_dot_product_attention(Q, K, values, scale=1.0)  # (H W, C)


machine = els.EquivariantLocalScoreMachine(images, schedule, patch_size=P, padding="circular")
answer = one_call(queries, keys, values).T.reshape(x_t.shape)
gap = (answer - machine(x_t, t)).abs().max().item()
print(f"one call of attention and the package's machine differ by at most {gap:.0e}")
scale = [schedule.sigma(s) ** 2 / schedule.alpha(s) for s in (1.0, 0.05)]
print(f"sigma^2 / alpha: {scale[0]:.0f} at t = 1, {scale[1]:.3f} at t = 0.05")
assert gap < 1e-3 and 80 < scale[0] < 80.5 and round(scale[1], 3) == 0.006

# %% [markdown] tags=["slide"]
# $\sigma^2 / \alpha$ takes the place of $\sqrt{d}$. The queries already hold its inverse, so `scale` is 1. But whereas
# $\sqrt{d}$ is fixed, $\sigma^2 / \alpha$ falls from 80 to 0.006, so with little noise the nearest patches win.
#
# This is the machine on the torus. With zeros at the border, as in the lab, every boundary class of pixels has its own
# attention, with its own keys (lesson 08).

# %% [markdown] tags=["slide"]
# ## 3. Streaming, and merging what was streamed (7 minutes)
#
# Section 1 stored the whole table of weights: 13 million numbers for 200 images. With a large data set no ordinary
# computer could hold it (section 6). But the table need not exist. For each query, keep three numbers about the keys
# seen so far, which have logits $l_k$ and values $v_k$:
#
# * $m = \max_k l_k$, the largest logit,
# * $z = \sum_k e^{l_k - m}$, the sum,
# * $s = \sum_k e^{l_k - m}\, v_k$, the weighted sum. The answer so far is $s / z$.
#
# **Predict.** Two people each have $(m, z, s)$ for one half of the keys. How do they combine them? Why not average
# their two answers?

# %%
from elscourse.posterior import Partial  # keeps (m, z, s) of every query


def logits_of(queries, keys, t):
    """As in exercise 1, at time t."""
    a, s = schedule.alpha(t), schedule.sigma(t)
    return (a * queries @ keys.T - a**2 / 2 * keys.square().sum(1)) / s**2


def stream(queries, keys, values, t, block):
    """The three numbers of every query, from blocks of keys: only the logits of one block exist at a time."""
    total = None
    for k, v in zip(keys.split(block), values.split(block), strict=True):
        # [None]: a Partial can hold several dictionaries; here it is one
        part = Partial.of(logits_of(queries, k, t)[None], v[None])
        total = part if total is None else total.merge(part)
    return total  # .largest, .total, .weighted; .mean() is the answer


# %% [markdown]
# In exercise 2 you will write `Partial.merge`, four lines of `elscourse/posterior.py`. First: does it keep its promise?

# %%
asking = cut(els.add_noise(clean, noise, 0.2), P)
whole = stream(asking, keys, values, 0.2, block=len(keys)).mean()[0]
gap = (stream(asking, keys, values, 0.2, block=512).mean()[0] - whole).abs().max().item()
print(f"the answer from blocks of 512 keys differs from that of all keys at once by {gap:.0e}")

half = len(keys) // 2
parts = [stream(asking, k, v, 0.2, 512) for k, v in zip(keys.split(half), values.split(half), strict=True)]
averaged = (sum(part.mean()[0] for part in parts) / 2 - whole).abs().max().item()
says = [part.largest + part.total.log() for part in parts]  # log of each half's weight
silent = ((says[0] - says[1]).abs() > torch.tensor(99.0).log()).double().mean().item()  # one has less than 1/100

# %% tags=["hide-input"]
print(f"the answers of two halves, averaged: off by {averaged:.2f}; {silent:.0%} of the pixels hardly ask one half")
sent = sum(x.numel() * x.element_size() for x in (parts[0].largest, parts[0].total, parts[0].weighted))
print(f"the three numbers of all pixels: {sent / 1e3:.0f} kB")
assert gap < 1e-4
if lab.profile == "laptop":
    assert (round(averaged, 2), round(silent, 2), round(sent / 1e3)) == (0.5, 0.22, 6) and gap < 3e-5

# %% [markdown] tags=["slide"]
# Streaming gives the same answer, up to rounding (less than 0.00003). But the average of the two halves' answers is off
# by up to 0.50: in 22 % of the pixels **one half has less than a hundredth of the weight, yet in the average it counts
# as much as the other**.
#
# This is **streaming softmax** (Milakov and Gimelshein, 2018), and the heart of **FlashAttention** (Dao et al., 2022):
# read queries and keys in **tiles**, so small that their logits fit into the *cache*, a processor's small and fast
# memory; keep $(m, z, s)$, and never write out the table. So memory need not grow with the dictionary.
#
# ### Exercise 2: Merge two partial softmaxes (9 minutes, ★★☆)
#
# `a` and `b` are triples $(m, z, s)$ of shapes (M, 1), (M, 1), (M, V), where a value has V numbers (here 1). Return the
# triple for both dictionaries together. No intermediate result may overflow. Which part has the larger $m$ may differ
# from query to query.


# %%
def merge_partials(a, b):
    """a, b: (largest (M, 1), total (M, 1), weighted (M, V)) -> the same three for both dictionaries together."""
    ...


check.merge_partials(merge_partials)

# %% [markdown]
# Stuck? `check.hint("merge_partials")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def merge_partials(a, b):
#     largest = torch.maximum(a[0], b[0])
#     scale_a, scale_b = torch.exp(a[0] - largest), torch.exp(b[0] - largest)
#     return largest, scale_a * a[1] + scale_b * b[1], scale_a * a[2] + scale_b * b[2]
# ```
#
# Say B has the smaller maximum. Its sums are counted in a smaller unit, $e^{m_B}$ instead of $e^{m_A}$; multiplying
# them by $e^{m_B - m_A} \leq 1$ converts them. Nothing overflows, and the other scale is exactly 1.
# </details>
#
# Up to rounding, the order of merging does not change the result. So computers can share a dictionary: each sends three
# numbers per pixel, 6 kB a picture in float64, however many images it has read.

# %% [markdown] tags=["slide"]
# ## 4. When are 32 bits not enough? (6 minutes)
#
# A `float32` keeps 24 binary digits, about 7 decimals. At low noise, the dot product and the bias are divided by a
# small $\sigma^2$, and the logits become huge. Only the differences between them count, and in these the rounding
# errors do not cancel.
#
# ### Exercise 3: Where float32 grows coarse (4 minutes, ★☆☆)
#
# No dot product is larger than $|q|\,|k|$ for the longest query and the longest key. One rounding changes it by about
# $2^{-24}$ of itself, and so changes a logit by $2^{-24}\,\alpha\, |q|\,|k| / \sigma^2$. Return the $\sigma$ at which
# this change equals `tolerance`: an estimate of the order of magnitude, not a bound.


# %%
def smallest_sigma(queries, keys, alpha, tolerance):
    """queries (M, D), keys (L, D) -> the sigma at which 2^-24 alpha |q| |k| / sigma^2 equals the tolerance."""
    ...


check.smallest_sigma(smallest_sigma)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("smallest_sigma")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def smallest_sigma(queries, keys, alpha, tolerance):
#     longest = queries.norm(dim=1).max() * keys.norm(dim=1).max()
#     return (2.0**-24 * alpha * longest / tolerance).sqrt().item()
# ```
# </details>
#
# A logit off by 0.1 changes a weight by 10 %. One rounding changes a logit by about $2^{-24} \alpha\, |q|\,|k| /
# \sigma^2$, so that happens at $\sigma = 0.005$, for the lengths and the `alpha` of section 1. Now we measure it in
# twelve pictures, with 40 training images. **Predict.** Does it happen at a larger or at a smaller $\sigma$? And how
# far off is a pixel then, on a range of 2?


# %%
import numpy as np


def float32_errors(x, t, leaders=8):
    """Largest errors of the best keys' logits relative to the very best one's, in two ways; and of a pixel."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    q, k = cut(x, P), keys[: 40 * H * W]  # 40 images
    exact, dots = logits_of(q.double(), k.double(), t), logits_of(q, k, t)
    top, index = exact.topk(leaders, dim=1)
    direct = -(q[:, None] - alpha * k[index]).square().sum(2) / (2 * sigma**2)
    pixel = (torch.softmax(dots.double(), 1) - torch.softmax(exact, 1)) @ k[:, centre].double()
    found = (dots.gather(1, index), direct)
    wrong = [(logits - logits[:, :1]) - (top - top[:, :1]) for logits in found]
    return [error.abs().max().item() for error in (*wrong, pixel)]


times = [0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002]
noise_levels = [schedule.sigma(s) for s in times]
rows = []
for s in times:
    noisy = els.add_noise(dozen, dozen_noise, s).split(1)
    rows.append(np.max([float32_errors(x, s) for x in noisy], axis=0))  # the worst of twelve
names = ("logit, dot product", "logit, direct differences", "pixel (range 2)")
errors = dict(zip(names, np.transpose(rows), strict=True))

# %% tags=["slide", "hide-input"]
fig, axis = plt.subplots(figsize=(6.4, 3.6))
for form, style in zip(names, ("o-", "s-", "^-"), strict=True):
    axis.loglog(noise_levels, errors[form], style, label=form)
axis.axhline(0.1, color=plotting.GREY, lw=1, ls=":", label="a logit off by 0.1: a weight off by 10 %")
axis.set(xlabel="sigma (noise on the left)", ylabel="largest error in twelve pictures", xlim=(1.2, 0.0024))
axis.set_ylim(1e-6, 10)
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(fig, alt="Errors against sigma, both logarithmic. The errors of logits rise as the noise falls; with direct "
     "differences they are lower. A pixel's error stays below 0.01; a dotted line marks 0.1.")  # fmt: skip

# %% tags=["slide", "hide-input"]
print(f"{'sigma':25s}" + "".join(f"{level:7.3f}" for level in noise_levels))
for form, found in errors.items():
    print(f"{form:25s}" + "".join(f"{e:7.0e}" for e in found))
dots, direct, pixel = errors.values()
crossing = np.exp(np.interp(np.log(0.1), np.log(dots), np.log(noise_levels)))
estimate = (2.0**-24 * alpha * (queries.norm(dim=1).max() * keys.norm(dim=1).max()).item() / 0.1) ** 0.5
print(f"a logit is off by 0.1 or more below sigma = {crossing:.3f}; estimate of exercise 3: {estimate:.3f}")
assert pixel.max() < 0.01
if lab.profile == "laptop":
    assert dots[-2] / 25 < direct[-2] < dots[-2] / 15 and 3 < dots[-2] / dots[-3] < 5
    assert (round(crossing, 3), round(estimate, 3)) == (0.015, 0.005)

# %% [markdown] tags=["slide"]
# At a larger one, about $0.015$: the estimate counts one rounding, but a dot product of 49 numbers is rounded at each
# addition. Direct differences, which subtract *before* squaring, are twenty times better at $\sigma = 0.008$.
#
# And the pixels? At $\sigma = 0.015$ by about 0.001, at no $\sigma$ by 0.01 in any of the twelve pictures. A wrong
# logit moves a pixel only where patches share the weight *and* have different centres. We cannot know that beforehand.
# So the package estimates how far a logit can be off. If that is too far, it subtracts before it squares, or switches
# to float64, which takes longer.

# %% [markdown] tags=["slide"]
# ## 5. The other exact form: slide, square, blur (8 minutes)
#
# Lesson 07 had the same machine without a single patch: slide every training image by a displacement, square its
# difference from $x_t$, blur the square with the window, and exponentiate. The blur is a sum over $P \times P$ pixels.
# With running sums along rows and columns it costs four additions, **whatever $P$ is**.


# %%
import functools


def box_sum(f, P):
    """Sums over the P x P window at every pixel, wrapped around: differences of running sums, whatever odd P."""
    for axis in (-1, -2):
        g, r = f.movedim(axis, -1), P // 2
        g = torch.cat([g[..., g.shape[-1] - r :], g, g[..., :r]], dim=-1).cumsum(-1)
        g = F.pad(g, (1, 0))
        f = (g[..., P:] - g[..., :-P]).movedim(-1, axis)
    return f


def displaced(x_t, images, dy, dx, P):
    """(m, z, s) of every pixel, over all images at one displacement."""
    slid = images.roll((-dy, -dx), (-2, -1))
    logits = -box_sum((x_t - alpha * slid).square().sum(1), P) / (2 * sigma**2)  # (N, H, W)
    return Partial.of(logits.flatten(1).T[:, None], slid.flatten(2).permute(2, 0, 1))  # a dictionary per pixel


def slide_and_blur(x_t, images, P):
    """D(x_t) for one x_t (1, C, H, W), displacement by displacement."""
    parts = (displaced(x_t, images, dy, dx, P) for dy in range(H) for dx in range(W))
    return functools.reduce(Partial.merge, parts).mean()[:, 0].T.reshape(x_t.shape)


# %% [markdown] tags=["slide"]
# Count the work for one query and one key (one colour channel). The vote is the same in both forms, so compare what **a
# logit** costs. Attention multiplies $P^2$ numbers, adds them up, and adds the bias: $2P^2$ operations. The blur needs
# **eight**: three for a squared difference (times $\alpha$, subtract, square), four for the sums, one to scale it.
#
# The package has tiles (section 3), and a **fused blur**: slide, square, blur and vote are compiled into one loop, so
# that few numbers leave the processor's caches.
#
# Five forms run against the clock: the *table* of section 1, section 2's *one call*, the package's *tiles*, *our blur*
# (above), and the *fused blur*.
#
# **Predict:** from which $P$ on does the blur need fewer operations than attention? Then ask the clock.


# %%
def table_form(P):
    k = cut(images, P)
    return torch.softmax(logits_of(cut(x_t, P), k, t), dim=1) @ k[:, [P * P // 2]]


def one_call_form(P):
    k = cut(images, P)
    wide = *operands(cut(x_t, P), k, alpha, sigma), k[:, [P * P // 2]]
    width = 4 * (P * P // 4 + 1)  # torch is faster if all are equally wide and have two more axes: batch, heads
    wide = (F.pad(x, (0, width - x.shape[1]))[None, None] for x in wide)
    return F.scaled_dot_product_attention(*wide, scale=1.0)[0, 0, :, :1]


# %% tags=["volatile", "hide-input"]
import time
from unittest import mock


def seconds(run, repeat=5):
    """The shortest of a few runs."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        run().cpu()  # which waits for a GPU
        best = min(best, time.perf_counter() - start)
    return best


def package(form, P):
    """The package's machine, made to compute in this form: "tiles" or "fused blur" (which only a CPU has)."""
    device = "cpu" if form == "fused blur" else lab.device
    machine = els.EquivariantLocalScoreMachine(images.to(device), schedule, patch_size=P, padding="circular")
    x, worth = els.add_noise(clean, noise, t).to(device), float("inf") if form == "tiles" else 0

    def run():
        with mock.patch("elscourse.shifts.WORTH", worth):  # a constant: from which size on it blurs
            return machine(x, t)

    return run


# %% tags=["slide", "volatile", "hide-input"]
part = functools.partial
forms = {"table": part(part, table_form), "one call": part(part, one_call_form), "tiles": part(package, "tiles")}
forms |= {"our blur": lambda p: part(slide_and_blur, x_t, images, p), "fused blur": part(package, "fused blur")}
took = {}
print(f"{'':22}" + "".join(f"{f'P = {p}':>8}" for p in (3, 7, 15)))
print(f"{'operations: attention':22}" + "".join(f"{2 * p * p:8}" for p in (3, 7, 15)) + "; the blur 8")
for form, make in forms.items():
    for p in (3, 7, 15):
        run = make(p)
        gap = (run().cpu().flatten() - slide_and_blur(x_t, images, p).cpu().flatten()).abs().max()
        assert gap < 1e-3, "the same answer"
        took[form, p] = seconds(run) / (H * W * len(images) * H * W) * 1e9
    print(f"{'ns: ' + form:22}" + "".join(f"{took[form, p]:8.2f}" for p in (3, 7, 15)))

# %% tags=["slide", "volatile", "hide-input"]
fig, axis = plt.subplots(figsize=(5.5, 3))
marks = dict(zip(forms, "s^ovD", strict=True))
for form, mark in marks.items():
    colour, line = (plotting.ORANGE, "--") if "blur" in form else (plotting.BLUE, "-")
    axis.plot((3, 7, 15), [took[form, p] for p in (3, 7, 15)], line, marker=mark, color=colour, label=form)
axis.set(yscale="log", xlabel="patch size P", xticks=(3, 7, 15), ylabel="ns for a query and a key")
axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(
    fig,
    alt="Time for a query and a key against the patch size. The three forms of attention, solid, rise with it. The two "
    "blurs, dashed, rise less: ours takes many times as long as the fused one, at the bottom.",
)

# %% tags=["volatile", "hide-input"]
orders = {
    "our blur is slower than one call at P = 3": took["our blur", 3] > took["one call", 3],
    "our blur is slower than tiles at P = 7": took["our blur", 7] > took["tiles", 7],
    "the fused blur takes less than a third of our blur": all(
        took["our blur", p] > 3 * took["fused blur", p] for p in (3, 7, 15)
    ),
}
if lab.device.type == "cpu":
    orders["at P = 15 the fused blur takes less than a third of any attention"] = all(
        took[form, 15] > 3 * took["fused blur", 15] for form in ("table", "one call", "tiles")
    )
print("what follows is so on this computer:")
for order, holds in orders.items():
    print(f"{'yes' if holds else 'no '}  {order}")

# %% [markdown] tags=["slide"]
# On paper the blur wins from $P = 3$ on: its logit takes 8 operations, attention's 18, then 98 and 450. **By the clock
# our own blur loses**: to one call at $P = 3$, to tiles at $P = 7$. The count leaves out starting many small operations
# and moving their numbers. So compare like with like. Table and our blur are plain lines of torch; which of them is
# slower at $P = 3$ and 7 depends on the computer and its load. One call and the fused blur are compiled code
# throughout. Of these, **the blur is many times faster on a CPU with wide windows**, and there it is faster than
# attention in any form.

# %% [markdown]
# How fast is the package on your computer? `elscourse bench`, typed in a terminal, times it against a textbook
# implementation, which takes one image at a time, with training patches as the filters of a convolution. One run gave:

# %% tags=["hide-input"]
import json

from elscourse.data import data_dir

bench = json.loads((data_dir() / "lessons" / "13_bench.json").read_text(encoding="utf-8"))  # at t = 0.5
ratios = {kind: [row[kind] for row in bench["speed"]["rows"]] for kind in ("ratio", "tuned_ratio")}
for kind, name in (("ratio", "the plain textbook"), ("tuned_ratio", "one tuned to the caches")):
    print(f"faster than {name}: {min(ratios[kind]):.0f} to {max(ratios[kind]):.0f} times")
assert [round(end(ratios[kind])) for kind in ratios for end in (min, max)] == [25, 62, 10, 14]

# %% [markdown]
# In a single call at $t = 0.5$, the package was 25 to 62 times faster than the plain textbook version (over several
# window sizes and both kinds of border), and 10 to 14 times faster than one tuned to the processor's caches. The
# website's page *Status* has more (`book/status.md` in the repository).

# %% [markdown] tags=["slide"]
# ## 6. What is it good for? (4 minutes)
#
# **Predict.** Take ImageNet (1,281,167 pictures) at 64 x 64 pixels in colour, $P = 9$, and a large GPU that does 67
# million million operations a second. Every pixel's patch meets every patch of every image, at every step. Does one
# picture, in 20 steps, take seconds, minutes or hours?
#
# ### Exercise 4: What would ImageNet cost? (6 minutes, ★☆☆)
#
# One generated picture takes `steps` evaluations, each comparing every pixel's patch with every patch of every image
# (one for each pixel, as on the torus), at $2\,C P^2$ operations per pair. Return the total number of operations, and
# the bytes that one step's table of weights (float32) would fill if it were stored.


# %%
def machine_cost(n_images, side, channels, patch_size, steps):
    """-> (operations for one picture of side x side pixels, bytes of one step's table of weights), two numbers."""
    ...


check.machine_cost(machine_cost)

# %% [markdown]
# Stuck? `check.hint("machine_cost")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def machine_cost(n_images, side, channels, patch_size, steps):
#     pairs = side**2 * n_images * side**2
#     return steps * pairs * 2 * channels * patch_size**2, 4 * pairs
# ```
#
# With the same number of images and the same $P$, the cost grows as the fourth power of the side: 64 pixels cost 256
# times as much as 16.
# </details>

# %%
# ImageNet: 1,281,167 training images, at 64 x 64 in colour, P = 9, 20 steps
pairs = 64**2 * 1_281_167 * 64**2
operations = 20 * pairs * 2 * 3 * 9**2
minutes, table = operations / 67e12 / 60, 4 * pairs / 1e12
print(f"{operations:.1e} operations: {minutes:.0f} minutes at an H100's 67 million million a second (float32)")
print(f"the table of one step: {table:.0f} TB")
assert (round(minutes), round(table)) == (52, 86)

# %% [markdown] tags=["slide"]
# Computed as attention, one small picture takes 52 minutes on such a GPU, an H100, at the full speed of its data sheet,
# which no program reaches. (The blur needs fewer operations.) The table of one step would fill 86 TB. **Nobody would
# use the machine to make pictures.** It is there to *predict* which pictures the network, which is fast, will make.
#
# There is a cheaper way to predict. A linear filter bent by a curve (lesson 04) compares no patches. The best we found
# is worse with garments, by 0.03 to 0.07 of r2. With emoji it is level or a little better: it was ahead on a hundred
# noises, and on another hundred so little that it may be chance (lessons 07 and 11).

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * The machine is attention: noisy patches ask, training patches answer with their centres, and $\|p\|^2$ is a bias.
# * Three numbers per query carry a softmax across blocks and computers. Averaging the answers of the parts does not.
# * At low noise float32 loses digits of the logits, but in our test pictures, with windows of 7 x 7, no pixel was off
#   by 0.01.
# * Working memory need not grow with the dictionary. Time does grow with it, and with the fourth power of the side.
# * Slide-and-blur is the same machine, but its number of operations does not grow with $P$. Compiled into one loop, it
#   wins on a CPU with wide windows.
# * A bent filter costs less. It predicts garments worse and emoji as well or a little better, but cannot say whose
#   patches make a pixel.

# %% [markdown]
# ## What is still unexplained
#
# Attention *inside* networks, between the places of one picture, lets distant pixels agree, which no local machine can
# do. Lesson 18 measures how well the formula predicts such networks. And one question has been waiting since lesson 03:
# a network is trained to become the ideal denoiser. Given the chance, does it become one? That is lesson 14.

# %% [markdown]
# ## References
#
# * M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292)
# * A. Vaswani et al., *Attention is all you need*, NeurIPS 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)
# * The same formula in statistics, a Gaussian kernel's regression, and with stored patterns for keys (without a bias):
#   E. A. Nadaraya, *On estimating regression*, 1964, [doi:10.1137/1109020](https://doi.org/10.1137/1109020); H.
#   Ramsauer et al., *Hopfield networks is all you need*, 2021, [arXiv:2008.02217](https://arxiv.org/abs/2008.02217)
# * M. Milakov and N. Gimelshein, *Online normalizer calculation for softmax*, 2018,
#   [arXiv:1805.02867](https://arxiv.org/abs/1805.02867)
# * T. Dao et al., *FlashAttention: fast and memory-efficient exact attention with IO-awareness*, NeurIPS 2022,
#   [arXiv:2205.14135](https://arxiv.org/abs/2205.14135)
# * NVIDIA, *H100 GPU*, data sheet (SXM version), [nvidia.com](https://www.nvidia.com/en-us/data-center/h100/)
# * O. Russakovsky et al., *ImageNet large scale visual recognition challenge*, IJCV 2015,
#   [arXiv:1409.0575](https://arxiv.org/abs/1409.0575): the number of images
