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
# **You will** rewrite the equivariant local score machine as attention, run it in one call of torch, cut it into pieces
# that fit any computer, find where 32-bit numbers grow too coarse, and reckon what ImageNet would cost.
#
# **You will learn** why the formula is attention, and what limits its speed.
#
# **You need** lesson 07 (the ELS machine); you do not need a GPU.
#
# **Time** 73 minutes. Sections 1 to 3, 7 and 8 are the heart; the others can wait (but run their cells). The part at
# the end, "If you want more", has no minutes of its own.

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown] tags=["slide"]
# ## 1. Query, key, value, bias (7 minutes)
#
# The ELS machine compares a window $q = x_t[\Omega_x]$ with every training patch $p$, and averages their centres
# $p(0)$:
#
# $$ D(x_t)(x) = \sum_p w_p\, p(0), \qquad w_p \propto e^{-\|q - \alpha p\|^2 / 2\sigma^2} . $$
#
# Expand the square:
#
# $$ -\frac{\|q - \alpha p\|^2}{2\sigma^2} = \underbrace{-\frac{\|q\|^2}{2\sigma^2}}_{\text{the same for every } p}
#    + \underbrace{\frac{\alpha}{\sigma^2}\, q \cdot p}_{\text{dot product}}
#    \; \underbrace{- \frac{\alpha^2}{2\sigma^2} \|p\|^2}_{\text{a bias of } p} . $$
#
# The first term is a common factor of all weights and cancels. What is left is a softmax of dot products with a bias:
# **attention**, without one learned weight.

# %% [markdown] tags=["slide"]
# Attention is what transformers are made of. Three learned matrices make of each **token**, a word or a piece of a
# picture, a query, a key and a value. Each query $q$ is compared with all keys $k$; the answer is $\sum_k w_k v_k$,
# with $w$ the softmax of $q \cdot k / \sqrt{d}$, and $d$ numbers in a key.
#
# | | in a transformer | in the machine |
# |---|---|---|
# | query | a matrix times a token | a patch $q$ of the noisy image |
# | key | a matrix times a token | a patch $p$ of a training image |
# | value | a matrix times a token | its centre pixel $p(0)$ |
# | logit | $q \cdot k / \sqrt{d}$ | a dot product and a bias: exercise 1 |
# | context | all tokens | the whole training set |
#
# **Predict.** With 200 training images of 16 x 16 pixels on the torus, how many queries, keys and logits are there?

# %%
from torch.nn import functional as F


def cut(images, P):
    """Every P x P window, wrapped around, by `unfold`, which lists windows: (N, C, H, W) -> (N H W, C P P)."""
    return F.unfold(F.pad(images, [P // 2] * 4, mode="circular"), P).mT.flatten(0, 1)


C, H, W = lab.shape
images, schedule, t, P = lab.data.images[: 51_200 // (H * W)], lab.schedule, 0.5, 7  # 51,200 windows
alpha, sigma = schedule.alpha(t), schedule.sigma(t)
noise = els.seeded_noise([1000], lab.shape).to(lab.device)
clean = els.load("fashion-mnist", size=W, n=2008).images[2007:].to(lab.device)  # not in the dictionary
x_t = els.add_noise(clean, noise, t)

queries, keys = cut(x_t, P), cut(images, P)
centre = torch.arange(C) * P**2 + P**2 // 2
values = keys[:, centre]  # p(0): numbers that the keys hold already, copied
print(f"{len(queries)} queries, {len(keys):,} keys: {len(queries) * len(keys):,} logits")

# %% [markdown]
# ### Exercise 1: The logits of the machine (6 minutes, ★☆☆)
#
# `queries` (M, D) and `keys` (L, D) to logits (M, L), by dot products only: no M x L x D tensor of differences (the
# check cannot see how you got there; your memory can). Leave out the term that cancels.


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
#     bias = -(alpha**2) / 2 * keys.square().sum(1)
#     return (alpha * queries @ keys.T + bias) / sigma**2
# ```
#
# The bias has one number per key, so it broadcasts over the queries. Without it long patches would be preferred to
# right ones: here those of black and white (-1 and 1) to grey ones.
# </details>
#
# Now the weights themselves, from distances as in the first formula. **Predict.** Will the attention of the middle
# pixel be spread over many of the 200 images, or held by a few? And at which places in them?


# %% tags=["slide"]
def attention(keys):
    return torch.softmax(-torch.cdist(queries, alpha * keys).square() / (2 * sigma**2), dim=1)


weights = attention(keys)
middle = weights[(H // 2) * W + W // 2].view(-1, 1, H, W)  # attention of the middle pixel: (N, 1, H, W)
share = middle.sum((1, 2, 3))
best = share.argsort(descending=True)[:6]
glow = middle[best] / middle.max() * 2 - 1
fig = plotting.image_rows(
    {"noisy image": x_t / x_t.abs().max(), "training image": images[best], "attention": glow},
    notes=[f"{s:.0%}" for s in share[best]],
)
plotting.patch_outline(fig.axes[0], H // 2, W // 2, P)
for axis in fig.axes[6:]:
    plotting.patch_outline(axis, H // 2, W // 2, 1)
show(
    fig,
    alt="The noisy image with the window of its middle pixel, the six training images with most of this pixel's "
    "attention, and below each where in it the attention goes: to a few places near the middle, which is marked.",
)


# %%
def near(middle):
    """The part of the attention within four pixels of the middle, and at the middle itself."""
    within = middle[..., H // 2 - 4 : H // 2 + 5, W // 2 - 4 : W // 2 + 5]
    return within.sum().item(), middle[..., H // 2, W // 2].sum().item()


moves = torch.randint(0, W, (len(images), 2), generator=torch.Generator().manual_seed(0)).tolist()
moved = cut(torch.stack([image.roll(by, (-2, -1)) for image, by in zip(images, moves, strict=True)]), P)
elsewhere = attention(moved)
gap = (elsewhere @ moved[:, centre] - weights @ values).abs().max().item()
close, here = near(middle)
far = near(elsewhere[(H // 2) * W + W // 2].view(-1, 1, H, W))[0]
print(f"within four pixels: {close:.2%} of the attention, at the pixel's own place {here:.1%}")
print(f"by chance {81 / (H * W):.0%} and {1 / (H * W):.1%}")
print(f"all training images moved at random: {far:.0%} so near; the answers of all pixels differ by at most {gap:.0e}")
assert gap < 1e-4
if lab.profile == "laptop":
    assert 0.3 < share[best].sum() < 0.37  # a third of all attention on 6 of 200 images
    assert close > 0.999 and round(here, 3) == 0.011 and round(far, 2) == 0.45 and round(81 / (H * W), 2) == 0.32

# %% [markdown] tags=["slide"]
# Six of the 200 images hold a third of this pixel's attention. The machine *asks* every place: the pixel's own place
# has only 1.1 % (by chance it would be 0.4 %). That all but a thousandth comes from within four pixels is the images'
# doing: the pixel lies on a garment, and theirs lie in the middle, too. Move every training image at random: the
# answers stay the same, and 45 % comes from so near, where chance gives 32 %.
#
# ## 2. One call (5 minutes)
#
# torch has one function for attention: `scaled_dot_product_attention(Q, K, V)`. The bias of a key can be handed over
# as a mask that is added to the logits. The dot product can carry it as well: append a 1 to every query and the bias to
# every key. The function divides the dot products by $\sqrt{d}$, unless `scale` says by what to multiply them.
# **Predict:** what takes the place of $\sqrt{d}$ in the machine? And what must `scale` be, if we multiply the
# queries ourselves?


# %%
def operands(queries, keys, alpha, sigma):
    """Q (M, D + 1) and K (L, D + 1), so that Q K^T are the logits of the machine."""
    bias = -(alpha**2) / (2 * sigma**2) * keys.square().sum(1, keepdim=True)
    one = torch.ones_like(queries[:, :1])
    return torch.cat([queries * (alpha / sigma**2), one], dim=1), torch.cat([keys, bias], dim=1)


Q, K = operands(queries, keys, alpha, sigma)
width = 4 * ((K.shape[1] + 3) // 4)  # all equally wide, a multiple of 4: see below
padded = (F.pad(x, (0, width - x.shape[1]))[None, None] for x in (Q, K, values))
one_call = F.scaled_dot_product_attention(*padded, scale=1.0)[0, 0, :, : values.shape[1]]  # (H W, C)

machine = els.EquivariantLocalScoreMachine(images, schedule, patch_size=P, padding="circular")
answer = machine(x_t, t)
gap = (one_call.T.reshape(x_t.shape) - answer).abs().max().item()
print(f"one call of attention and the machine of the package differ by at most {gap:.0e}")
scale = [schedule.sigma(s) ** 2 / schedule.alpha(s) for s in (1.0, 0.05)]
print(f"sigma^2 / alpha: {scale[0]:.0f} at t = 1, {scale[1]:.3f} at t = 0.05")
assert gap < 1e-3 and 80 < scale[0] < 80.5 and round(scale[1], 3) == 0.006

# %% tags=["slide"]
fig = plotting.image_rows(
    {"": torch.cat([x_t / x_t.abs().max(), one_call.T.reshape(x_t.shape), answer, clean])},
    titles=["$x_t$", "attention", "machine", "clean image"],
)
show(
    fig,
    alt="The noisy image, what one call of attention makes of it, what the machine makes of it (the same), and the "
    "clean image.",
)

# %% [markdown] tags=["slide"]
# $\sigma^2 / \alpha$ takes the place of $\sqrt{d}$; the queries hold its inverse already, so `scale` is 1. But
# $\sqrt{d}$ is fixed, and $\sigma^2 / \alpha$ falls from 80 to 0.006: the smaller it is, the more the nearest patches
# win.
#
# (For speed the function wants two more axes, called batch and heads, and values as wide as the keys; on a GPU also a
# width that is a multiple of 4, which $P^2 + 1$ never is: hence the zeros. Else it may make the whole table.) What
# happens inside?
#
# ## 3. Streaming, and merging what was streamed (7 minutes)
#
# With all 2,000 images the table of weights has 131 million entries; with the full set at 32 x 32, 63 billion. It need
# not exist. Keep three numbers per query, of the keys seen so far, with logits $l_k$ and values $v_k$:
#
# * $m = \max_k l_k$, the largest logit,
# * $z = \sum_k e^{l_k - m}$, the sum,
# * $s = \sum_k e^{l_k - m}\, v_k$, the weighted sum. The answer so far is $s / z$.
#
# **Predict.** Two people each have $(m, z, s)$ of one half of the keys. How do they combine them? Why not average their
# two answers?

# %%
from elscourse.posterior import Partial


def logits_of(queries, keys, t):
    a, s = schedule.alpha(t), schedule.sigma(t)
    return (a * queries @ keys.T - a**2 / 2 * keys.square().sum(1)) / s**2


def stream(queries, keys, values, t, block):
    """The three numbers of every query, from blocks of keys of which only one is in memory at a time."""
    total = None
    for k, v in zip(keys.split(block), values.split(block), strict=True):
        part = Partial.of(logits_of(queries, k, t)[None], v[None])  # None: several dictionaries at once are possible
        total = part if total is None else total.merge(part)
    return total  # .largest, .total, .weighted; .mean() is the answer


# %% [markdown]
# `Partial.merge` is four lines of `elscourse/posterior.py`, and you will write them in exercise 2. First: does it keep
# what it promises?

# %%
whole = stream(queries, keys, values, t, block=len(keys)).mean()[0]
for block in (100, 512, 10_000):
    gap = (stream(queries, keys, values, t, block).mean()[0] - whole).abs().max().item()
    print(f"blocks of {block:6,}: differs from all at once by {gap:.0e}")
    assert gap < 1e-4

wrong = []
for first in (40_000, len(keys) // 2):
    parts = [stream(queries, k, v, t, 512) for k, v in zip(keys.split(first), values.split(first), strict=True)]
    wrong.append((sum(part.mean()[0] for part in parts) / 2 - whole).abs().max().item())
    print(f"the answers of {first:,} and of {len(keys) - first:,} keys, averaged: off by {wrong[-1]:.2f}")
sent = sum(x.numel() * x.element_size() for x in (parts[0].largest, parts[0].total, parts[0].weighted))
print(f"the three numbers of all pixels: {sent / 1e3:.0f} kB")
if lab.profile == "laptop":
    assert [round(off, 2) for off in wrong] == [0.11, 0.07] and gap < 3e-5 and round(sent / 1e3) == 6

# %% [markdown]
# The same for every way to cut, up to rounding. Averaging is off by $0.11$, merging by less than $0.00003$. It is not
# that the parts differ in size: averages of equal halves are off by $0.07$. A half that has nothing to say would count
# as much as one that has.
#
# This is **streaming softmax** (Milakov and Gimelshein, 2018), and the heart of **FlashAttention** (Dao et al., 2022):
# read queries and keys in **tiles**, so small that their logits fit into the *cache*, a processor's small and fast
# memory beside the large main memory; keep $(m, z, s)$, never write the table.
#
# ### Exercise 2: Merge two partial softmaxes (9 minutes, ★★☆)
#
# `a` and `b` are triples $(m, z, s)$ of shapes (M, 1), (M, 1), (M, V). Return the triple of both dictionaries together.
# No intermediate result may overflow, and either part may be the larger one, query by query.


# %%
def merge_partials(a, b):
    """a, b: (largest (M, 1), total (M, 1), weighted (M, V)) -> the same three for both dictionaries together."""
    ...


check.merge_partials(merge_partials)

# %% [markdown] tags=["slide"]
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
# Say B has the smaller maximum. Its sums are counted in a smaller unit, $e^{m_B}$ instead of $e^{m_A}$: multiplied by
# $e^{m_B - m_A} \leq 1$ they fit. Nothing overflows, and the other scale is exactly 1.
# </details>
#
# Up to rounding, any tree of merges gives the same result. So computers can share a dictionary: each sends three
# numbers per pixel, 6 kB a picture in float64, however many images it has read. (`torchrun --nproc-per-node 2 -m
# elscourse reproduce` does so for the whole experiment of lesson 10.)
#
# ## 4. When are 32 bits not enough? (7 minutes)
#
# A `float32` keeps 24 binary digits: about 7 decimals. Two things wear them out.
#
# **Long sums.** Add 512,000 weights, the largest of them 1, in turn as a plain loop does. **Predict:** in which decimal
# is the sum wrong: the seventh, the fifth, the third? And a sum of as many random numbers?

# %%
import numpy as np

half_a_million = lab.data.images[: 512_000 // (H * W)]  # the images with so many windows
k_3 = cut(half_a_million, 3)
black = (k_3 == -1).all(1).cpu()  # patches of background only


def terms_at(t, step):
    """The weights of all patches of 3 x 3 for every so many-th pixel, relative to the largest."""
    logits = logits_of(cut(els.add_noise(clean, noise, t), 3)[::step], k_3, t)
    return torch.exp(logits - logits.amax(1, keepdim=True)).cpu()


def added_in_turn(x):
    """Sums over the last axis in float32, one term after another, as a plain loop would."""
    return torch.from_numpy(np.cumsum(x.numpy(), axis=-1, dtype=np.float32)[..., -1]).double()


def errors_of_sums(x, pieces=1):
    """The relative errors of the sums of rows, each cut into pieces that are then added in float64."""
    return added_in_turn(x.view(len(x), pieces, -1)).sum(1) / x.double().sum(1) - 1


# %% tags=["slide"]
terms = terms_at(t, 40)
random = torch.rand(terms.shape, generator=torch.Generator().manual_seed(0))
varied = torch.where(black, terms * (0.95 + 0.1 * random), terms)
errors = {"in turn": errors_of_sums(terms), "black ones varied": errors_of_sums(varied)}
errors |= {"random numbers": errors_of_sums(random), "in pieces of 512": errors_of_sums(terms, terms.shape[1] // 512)}
for name, error in errors.items():
    print(f"{name:18s}" + "".join(f"{e:8.0e}" for e in error.tolist()))
off = {name: error.abs().max().item() for name, error in errors.items()}

many, shades = terms_at(0.9, 16), k_3[:, 4].cpu()
pixel = added_in_turn(many * shades) / added_in_turn(many) - many.double() @ shades.double() / many.double().sum(1)
print(f"at t = 0.9 a pixel, s / z in turn, is off by {pixel.abs().max():.0e}")
assert off["in pieces of 512"] < 1e-5 and off["in turn"] > 20 * off["in pieces of 512"]
if lab.profile == "laptop":
    assert round(off["in turn"], 3) == round(pixel.abs().max().item(), 3) == 0.002
    assert 5e-6 < off["random numbers"] < 5e-5 and 0.3 < black.double().mean() < 0.36
    bad = [(e < -9e-4).nonzero().flatten().tolist() for e in (errors["in turn"], errors["black ones varied"])]
    assert len(bad[0]) == 3 and len(bad[1]) == 1 and bad[1][0] in bad[0] and terms[bad[1][0], black][0] < 1e-3

# %% [markdown] tags=["slide"]
# The third decimal ($0.002$); for random numbers, whose roundings cancel, the fifth. A third of the patches are the
# same black background, and equal terms are rounded the same way. Let them vary by a few per cent, and two of the three
# bad sums are good. In the third the black ones are so small that they *vanish*: a term below half the last digit of
# the sum changes nothing. A pixel made of two such sums is off by $0.002$ at $t = 0.9$. Short sums in float32, added up
# in float64, cure both: that is what `Partial` does.
#
# **Small differences of large numbers.** At low noise everything is divided by $\sigma^2$. The dot product and the bias
# become huge and nearly cancel. Below which $\sigma$ is a logit off by 0.1, and a weight by 10 %?
#
# ### Exercise 3: Where float32 grows coarse (8 minutes, ★★☆)
#
# No dot product is larger than $|q|\,|k|$, with the longest query and the longest key. One rounding changes it by about
# $2^{-24}$ of itself, so a logit by $2^{-24}\,\alpha\, |q|\,|k| / \sigma^2$. Return the $\sigma$ at which this equals
# `tolerance`: an estimate of the order, no bound.


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
#
# The package makes such an estimate with a typical rounding in place of the worst, and is not content with more than
# $10^{-5}$.
# </details>
#
# For `queries`, `keys`, `alpha` and a tolerance of 0.1 it gives 0.005. **Predict.** Do the logits of twelve pictures
# reach 0.1 at a larger or at a smaller $\sigma$? And how far off is then a pixel?


# %%
def float32_errors(x, t, leaders=8):
    """Of the best keys' logits against the very best one's: from dot products, direct differences; and of a pixel."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    q, k = cut(x, P), keys[: 40 * H * W]
    exact, dots = logits_of(q.double(), k.double(), t), logits_of(q, k, t)
    top, index = exact.topk(leaders, dim=1)
    direct = -(q[:, None] - alpha * k[index]).square().sum(2) / (2 * sigma**2)
    pixel = (torch.softmax(dots.double(), 1) - torch.softmax(exact, 1)) @ k[:, centre].double()
    wrong = [(found - found[:, :1]) - (top - top[:, :1]) for found in (dots.gather(1, index), direct)]
    return [error.abs().max().item() for error in (*wrong, pixel)]


times = [0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005]
dozen = els.load("fashion-mnist", size=W, n=2019).images[2007:].to(lab.device)  # twelve pictures, not in the dictionary
dozen_noise = els.seeded_noise(range(1000, 1012), lab.shape).to(lab.device)
rows = [np.max([float32_errors(x, s) for x in els.add_noise(dozen, dozen_noise, s).split(1)], axis=0) for s in times]
names = ("logit, dot products", "logit, direct differences", "pixel, dot products")
errors = dict(zip(names, np.transpose(rows), strict=True))

# %% tags=["slide"]
fig, axis = plt.subplots(figsize=(6.4, 3.6))
noise_levels = [schedule.sigma(t) for t in times]
for (form, found), style in zip(errors.items(), ("o-", "s-", "^-"), strict=True):
    axis.loglog(noise_levels, found, style, label=form)
axis.axhline(0.1, color=plotting.GREY, lw=1, ls=":")
axis.set(xlabel="sigma (noise on the left)", ylabel="largest error in twelve pictures", xlim=(1.2, 0.006))
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(
    fig,
    alt="Errors against sigma, both logarithmic. Those of logits from dot products rise like one over sigma squared; "
    "direct differences end lower. The error of a pixel stays below 0.01.",
)

print(f"{'t':27s}" + "".join(f"{t:>7}" for t in times))
for form, found in errors.items():
    print(f"{form:27s}" + "".join(f"{e:7.0e}" for e in found))
dots, direct, pixel = errors.values()
crossing = np.exp(np.interp(np.log(0.1), np.log(dots), np.log(noise_levels)))
estimate = (2.0**-24 * alpha * (queries.norm(dim=1).max() * keys.norm(dim=1).max()).item() / 0.1) ** 0.5
print(f"a logit is off by 0.1 below sigma = {crossing:.3f}; exercise 3: {estimate:.3f}")
assert dots[-1] > 0.02 and dots[-1] / 25 < direct[-1] < dots[-1] / 15 and pixel.max() < 0.01
assert lab.profile != "laptop" or (round(crossing, 3) == 0.015 and round(estimate, 3) == 0.005)

# %% [markdown] tags=["slide"]
# Larger, about $0.015$: other roundings come on top, those of the 49 additions, of the bias, and of the logit that one
# compares with. The error of the dot products grows about fourfold for every halving of $\sigma$. Direct differences,
# which subtract *before* they square, end twenty times lower.
#
# And the pictures? No pixel of the twelve is off by $0.01$, at any $\sigma$. Where logits are coarse, one patch has
# nearly always all the weight, or those that share it have nearly the same centre. So 32 bits are enough for our
# pictures, but one cannot *know* that beforehand: the package estimates, once a call, how far a logit can be off. Too
# far, and it subtracts before it squares, or goes to float64, which takes longer.
#
# ## 5. Eleven digits, eight digits (3 minutes)
#
# A GPU's matrix units gain much of their speed from shorter numbers, such as **TF32** (11 binary digits) and
# **bfloat16** (8). We try here, by rounding what enters the product. **Predict:** at which $t$ does a pixel become
# visibly wrong, by 0.1 of a range of 2? And which rounding does most harm: that of the queries, the keys, or the bias?


# %%
def rounded(x, digits):
    """x with only so many binary digits kept: 24 is float32, 11 TF32, 8 bfloat16."""
    unit = 1 << (24 - digits)
    return ((x.contiguous().view(torch.int32) + unit // 2) // unit * unit).view(torch.float32)


def worst_pixels(what, digits, t):
    """Of each of the dozen pictures the largest error of a pixel, if `what` is rounded."""
    found = []
    for x in els.add_noise(dozen, dozen_noise, t).split(1):
        Q, K = operands(cut(x, P), keys, schedule.alpha(t), schedule.sigma(t))
        q, k, bias = Q[:, :-1], K[:, :-1], K[:, -1]
        q = rounded(q, digits) if "queries" in what else q
        k = rounded(k, digits) if "keys" in what else k
        short = rounded(bias, digits)
        bias = short + rounded(bias - short, digits) if "split" in what else short if "bias" in what else bias
        answer = torch.softmax(q @ k.T + bias, dim=1) @ values
        found.append((answer.T.reshape(x.shape) - machine(x, t)).abs().max().item())
    return found


# %%
high = {}
for name, digits in (("TF32", 11), ("bfloat16", 8)):
    for what in ("queries, keys, bias", "queries", "keys", "bias", "queries, keys, bias split in two"):
        for t_low in (0.5, 0.2, 0.1, 0.05) if what == "queries, keys, bias" else (0.05,):
            found = worst_pixels(what, digits, t_low)
            high[name, what, t_low] = max(found), np.median(found)
            print(f"{name:9s}{what:33s} t = {t_low:4}: worst {max(found):.3f}, median {np.median(found):.3f}")
if lab.profile == "laptop":
    everything, split = "queries, keys, bias", "queries, keys, bias split in two"
    rough = [[round(x, 1) for x in high["bfloat16", everything, t_low]] for t_low in (0.2, 0.05)]
    assert rough == [[0.1, 0.1], [0.8, 0.3]] and high["bfloat16", everything, 0.1][0] > 0.1
    assert [round(x, 2) for x in high["TF32", everything, 0.05]] == [0.1, 0.04]
    assert round(high["bfloat16", split, 0.05][0], 2) == 0.13
    for name in ("TF32", "bfloat16"):
        alone = [high[name, what, 0.05][1] for what in ("queries", "keys", "bias", everything)]
        assert alone[2] > 3 * max(alone[:2]) and abs(alone[2] / alone[3] - 1) < 0.1

# %% [markdown]
# With bfloat16 at $t = 0.2$; at $t = 0.05$ a pixel is off by up to 0.8 (in the median picture by 0.3), with TF32 by up
# to 0.1 (0.04). It is the bias: alone it does as much as all together, since it is one large number, and rounding it
# shifts a whole logit. Split into two columns, its rounded value and the rest, it leaves 0.13 with bfloat16: section
# 2's keys have two columns of zeros to spare.
#
# ## 6. Memory against N and P (3 minutes)
#
# The package has two ways to compute a patch machine, and takes the faster one: tiles, and the *fused blur* of section
# 7. Here we tell it to take tiles. torch lets us intercept every operation; the class below weighs what each reads and
# makes.

# %%
import weakref
from unittest import mock

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Weigh(TorchDispatchMode):
    """In the `with` block: `peak`, the most bytes alive at once of what is made there; `moved`, all read or made."""

    def __init__(self):
        super().__init__()
        self.alive, self.peak, self.moved, self.calls = weakref.WeakKeyDictionary(), 0, 0, 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        read, made = ([x for x in tree_leaves(y) if isinstance(x, torch.Tensor)] for y in ((args, kwargs), result))
        if any(x.untyped_storage()._cdata == y.untyped_storage()._cdata for x in made for y in read):
            return result  # only another view
        self.alive.update({x.untyped_storage(): x.untyped_storage().nbytes() for x in made})
        self.peak, self.calls = max(self.peak, sum(self.alive.values())), self.calls + 1
        self.moved += sum(x.numel() * x.element_size() for x in read + made)
        return result


# %% [markdown] tags=["slide"]
# **Predict.** The table form (all logits, then a softmax), against tiles: which grows with the number of images $N$,
# which with $P$?


# %%
def table_form(x_t, images, P):
    k = cut(images, P)
    return torch.softmax(logits_of(cut(x_t, P), k, t), dim=1) @ k[:, P * P // 2]


def package(form, images, P):
    """The package's machine, made to take this form: "tiles" or "fused blur"."""
    machine = els.EquivariantLocalScoreMachine(images, schedule, patch_size=P, padding="circular")

    def run(x_t, t):
        with mock.patch(
            "elscourse.shifts.WORTH", float("inf") if form == "tiles" else 0
        ):  # from which size on it blurs
            return machine(x_t, t)

    return run


def weighed(run):
    with Weigh() as scale:
        run()
    return scale


# %% tags=["slide"]
more = els.load("fashion-mnist", size=W, n=8000).images.to(lab.device)
counts, used = (50, 200, 2000, 8000), {}
for n in counts:
    for size in (3, 11):
        tiles = package("tiles", more[:n], size)
        used["tiles", n, size] = weighed(lambda m=tiles: m(x_t, t)).peak / 1e6
        if n <= 200:  # the table of 2,000 images would take more than a gigabyte
            used["table", n, size] = weighed(lambda n=n, p=size: table_form(x_t, more[:n], p)).peak / 1e6

print("N         " + "".join(f"{n:>8}" for n in counts for p in (3, 11)))
print("P         " + "".join(f"{p:>8}" for n in counts for p in (3, 11)))
for form in ("table", "tiles"):
    cells = [used.get((form, n, p)) for n in counts for p in (3, 11)]
    print(f"{form:6s} MB " + "".join(f"{'-' if cell is None else round(cell):>8}" for cell in cells))
most = max(used["tiles", n, p] for n in (2000, 8000) for p in (3, 11))
assert 3.5 < used["table", 200, 3] / used["table", 50, 3] < 4.5 and most < (30 if lab.profile == "laptop" else 300)
assert all(used["tiles", 8000, p] < 1.2 * used["tiles", 2000, p] for p in (3, 11))
if lab.profile == "laptop":
    assert round(used["table", 200, 3]) == 107 and 1.15 < used["table", 200, 11] / used["table", 200, 3] < 1.25

# %% [markdown]
# The table takes what it must: 13 million logits and as many weights at $N = 200$, 107 MB with the patches, and with
# $P = 11$ a fifth more. Tiles grow with both until there are as many images as the package cuts into patches at a time,
# then with neither: less than 30 MB for 2,000 images and no more for 8,000.
#
# ## 7. The other exact form: slide, square, blur (6 minutes)
#
# Lesson 07 had the same machine without a single patch: slide every training image by a displacement, square its
# difference to $x_t$, blur it with the window, exponentiate. The blur is a sum over $P \times P$ pixels, and with
# running sums along rows and columns it costs four additions, **whatever $P$ is**.


# %%
import functools


def box_sum(f, P):
    """Sums over the P x P window at every pixel, wrapped around: differences of running sums, whatever P."""
    for axis in (-1, -2):
        g = f.movedim(axis, -1)
        g = torch.cat([g[..., -(P // 2) :], g, g[..., : P // 2]], dim=-1).cumsum(-1)
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


# %% [markdown]
# Count the work for one query and one key (one colour channel): attention multiplies and adds $P^2$ numbers and a
# value, and needs four operations for the softmax: $2(P^2 + 1) + 4$. The blur needs about sixteen operations in all:
# three for a squared difference, four for the sums (along rows and columns a running sum and a difference each), one to
# scale it, and eight for the vote: compare with the largest so far, subtract it, exponential, add, weigh the value, add
# it, rescale both sums. **Predict:** from which $P$ on should the blur be faster? And is it, by the clock?

# %% tags=["volatile"]
import time


def operations(form, P):
    return 16 if "blur" in form else 2 * (P**2 + 1) + 4  # for a pair


def seconds(run, repeat=9):
    """The shortest of a few runs."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # a GPU works on while Python goes ahead
        best = min(best, time.perf_counter() - start)
    return best


for size in (3, 15):
    tiles = package("tiles", images, size)
    a, b = seconds(lambda m=tiles: m(x_t, t)), seconds(lambda p=size: slide_and_blur(x_t, images, p))
    gap = (slide_and_blur(x_t, images, size) - tiles(x_t, t)).abs().max().item()
    print(f"P = {size:2}: tiles {operations('tiles', size):3} operations a pair, {a:.3f} s; our blur 16, {b:.3f} s")
    assert gap < 1e-3 and operations("tiles", size) > 16  # from the smallest window on

# %% [markdown]
# On paper the blur wins at every $P$. By the clock its time depends far less on $P$ than that of tiles, but it is no
# winner: a riddle for section 8.
#
# Our lines make a whole picture of differences, then one of squares, one of sums. The package's **fused blur** is one
# compiled loop: 32 or 64 training images go through all steps together, a few rows or columns at a time, so that few
# numbers leave the processor's caches. **Predict:** the same answer? And by the clock?

# %% tags=["volatile"]
print("milliseconds" + "".join(f"{f'P = {size}, t = {s}':>17}" for size in (3, 7, 15) for s in (0.5, 0.05)))
for form in ("tiles", "fused blur"):
    row = []
    for size in (3, 7, 15):
        run = package(form, images.cpu(), size)
        assert (slide_and_blur(x_t, images, size) - run(x_t.cpu(), t).to(x_t)).abs().max() < 1e-3
        for s in (0.5, 0.05):
            x = els.add_noise(clean, noise, s).cpu()
            row.append(seconds(lambda m=run, x=x, s=s: m(x, s)))
    print(f"{form:12s}" + "".join(f"{1000 * took:17.1f}" for took in row))

# %% [markdown]
# The same answer, many times faster than ours, and at $t = 0.5$ more than twice as fast as tiles. The formula is the
# same, only the order of the loops is not. At little noise and with wide windows the package finds float32 wanting, as
# section 4 told, and does all again in float64: that takes longer.
#
# ## 8. What limits the speed? The roofline (6 minutes)
#
# A processor computes at most so many operations per second, and main memory delivers at most so many bytes per second.
# Which of the two limits a program depends on its **intensity**: its operations per byte moved. The highest possible
# speed, drawn against intensity, is a **roof**: a slope, where memory decides; then, from the *ridge* on, a flat part,
# where arithmetic decides (Williams et al., 2009).
#
# As bytes we take all that torch's operations read or make, weighed as in section 6; as operations those counted in
# section 7. **Predict.** Order these by intensity, at $P = 7$: attention with a table; attention in tiles; slide and
# blur as we wrote it.

# %% tags=["slide"]
intensity, calls, pairs = {}, {}, H * W * len(images) * H * W
forms = {
    "table": lambda p: lambda: table_form(x_t, images, p),
    "tiles": lambda p: functools.partial(package("tiles", images, p), x_t, t),
    "our blur": lambda p: lambda: slide_and_blur(x_t, images, p),
}
for form, make in forms.items():
    for size in (3, 7, 15):
        scale = weighed(make(size))
        intensity[form, size], calls[form, size] = operations(form, size) * pairs / scale.moved, scale.calls
        print(f"{form:8} P = {size:2}: {scale.moved / pairs:4.0f} bytes a pair, intensity {intensity[form, size]:.2f}")
print(f"our blur: {calls['our blur', P] / (H * W):.0f} operations of torch for each displacement")
most = 16 * H * W / 4  # main memory must deliver a pixel of a training image, 4 bytes, for the queries of one picture
print(f"fused blur: at most {most:.0f} operations a byte")
if lab.profile == "laptop":
    assert [round(intensity[form, 7], 2) for form in forms] == [2.77, 3.40, 0.09] and most == 1024
    assert round(16 / intensity["our blur", 7]) == 181 and round(calls["our blur", P] / (H * W)) == 41

# %% [markdown]
# Table and tiles move nearly as much, $2.8$ and $3.4$ operations a byte; our blur, with 181 bytes a pair, has $0.09$.
# Inside the fused blur torch sees nothing: we only know that it has at most 1,024.
#
# Now this computer. Its two limits are measured: one large matrix product, one large copy. (A FLOP/s is one operation
# on floating-point numbers in a second; a GFLOP/s is a thousand million of them.)

# %% tags=["volatile"]
big = torch.randn(1024, 1024, generator=torch.Generator().manual_seed(0)).to(lab.device)
long, target = torch.zeros(2**25, device=lab.device), torch.ones(2**25, device=lab.device)
peak = 2 * 1024**3 / seconds(lambda: big @ big, 50)
bandwidth = 2 * 4 * len(long) / seconds(lambda: target.copy_(long), 50)
if x_t.device.type == "cpu":  # on a GPU there is no fused form
    forms["fused blur"] = lambda p: functools.partial(package("fused blur", images, p), x_t, t)
    intensity |= {("fused blur", size): most for size in (3, 7, 15)}
took = {(form, size): seconds(make(size)) for form, make in forms.items() for size in (3, 7, 15)}
speed = {at: pairs * operations(*at) / 1e9 / took[at] for at in took}
print(f"this computer, {torch.get_num_threads()} thread(s): {peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.0f} GB/s, "
      f"ridge at {peak / bandwidth:.0f}")  # fmt: skip
print(f"{'':10}" + "".join(f"{f'P = {size}: GFLOP/s, ns a pair':>32}" for size in (3, 7, 15)))
for form in forms:
    print(f"{form:10}" + "".join(f"{speed[form, p]:21.1f}{took[form, p] / pairs * 1e9:11.2f}" for p in (3, 7, 15)))

# %% tags=["volatile"]
fig, axis = plt.subplots(figsize=(6.6, 3.8))
x = np.logspace(-1.5, 3.3, 100)
axis.loglog(x, np.minimum(peak, bandwidth * x) / 1e9, color=plotting.INK, label="this computer")
colours = (plotting.ORANGE, plotting.BLUE, plotting.GREEN, plotting.BLUE)
for form, marker, colour in zip(forms, "so^D", colours, strict=False):
    points = [(intensity[form, p], speed[form, p]) for p in (3, 7, 15)]
    fill = "none" if form == "fused blur" else colour
    axis.loglog(*zip(*points, strict=True), marker, color=colour, mfc=fill, label=form)
    for point, size in zip(points, (3, 7, 15), strict=True):
        if form in ("table", "tiles"):  # the blurs hardly mind P
            at, side = ((0, 6), "center") if form == "tiles" else ((6, -9), "left")
            axis.annotate(f"P = {size}", point, at, textcoords="offset points", ha=side, fontsize=8)
if "fused blur" in forms:
    at = (most, speed["fused blur", 15])
    axis.annotate("or further left", at, (-14, -10), textcoords="offset points", ha="right", fontsize=8)
axis.set(xlabel="operations per byte", ylabel="billion operations per second")
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(fig, alt="Roofline: the roof of this computer and the measured speed of the forms of the machine at P = 3, 7 and "
     "15, all below it. Our blur lies far left; tiles stand above the table and a little to its right; the fused blur "
     "is drawn as far right as it can be.")  # fmt: skip

# %% [markdown]
# Nothing reaches the roof, for several small reasons, which we do not take apart. And a roofline compares a program
# with its processor, not two programs with each other: with wide windows the fused blur does fewer operations a second
# than tiles, and is done long before them, as it has fewer to do.
#
# **Two riddles.** Tiles do the table's operations, move nearly its bytes, and are faster. Our blur takes longer than
# even main memory would need for its 181 bytes a pair. **Predict.** What does a pair cost the table, if there are 8
# images and not 200? What does a displacement cost our blur with 10 images in place of 200? With one?

# %% tags=["volatile"]
for n in (8, 200):
    took_one = seconds(lambda n=n: table_form(x_t, images[:n], 3))
    print(f"table, {n:3} images: {4 * n * (H * W) ** 2 / 1e6:3.0f} MB of logits; a pair takes "
          f"{took_one / n / (H * W) ** 2 * 1e9:5.2f} ns")  # fmt: skip
for n in (1, 10, 200):
    part = displaced(x_t, images[:n], 5, 3, P)
    took_one = seconds(lambda n=n, p=part: p.merge(displaced(x_t, images[:n], 5, 3, P)), 50)
    print(f"our blur, {n:3} images: {4 * n * H * W / 1e3:3.0f} kB in a picture of differences; a displacement takes "
          f"{took_one * 1e6:5,.0f} microseconds")  # fmt: skip

# %% [markdown] tags=["slide"]
# A pair of the small table costs less: the same work, but 2 MB of logits stay near the processor, where 52 MB do
# not. Tiles are such small tables. The blur's pictures are small anyway; but a twentieth of the images takes more than
# a fifth of the time, and a single one more than half of that: the *starting* of 41 small operations. One fused loop
# starts once. (The roofline knows arithmetic and main memory: not a start, and not a cache.)
#
# ### Exercise 4: What would ImageNet cost? (6 minutes, ★☆☆)
#
# For one generated picture: `steps` evaluations, each comparing every pixel's patch with every patch of every image, at
# $2\,C P^2$ operations per pair. Return the operations in all, and the bytes of the table of weights (float32) that one
# step would need if it were stored.


# %%
def machine_cost(n_images, side, channels, patch_size, steps):
    """-> (operations for one picture of side x side pixels, bytes of the table of weights of one step), two numbers."""
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
# With as many images and the same $P$, the side enters with its fourth power: 64 pixels cost 256 times as much as 16.
# </details>

# %%
import json

from elscourse.data import data_dir

bench = json.loads((data_dir() / "lessons" / "13_bench.json").read_text(encoding="utf-8"))  # see the end
ns = [row["ns_per_true_pair"] for row in bench["speed"]["rows"]]  # the fused blur, a pair, grey

# ImageNet: 1,281,167 training images, at 64 x 64 in colour, P = 9, 20 steps
pairs_in_all = 20 * 64**2 * 1_281_167 * 64**2
patches, blur = 2 * 3 * 9**2, 3 * 3 + 2 + 4 + 1 + 4 + 2 * 3 + 1 + 3  # a pair: exercise 4; section 7, in colour
minutes = pairs_in_all * patches / 67e12 / 60
print(f"{pairs_in_all * patches:.1e} operations: {minutes:.0f} minutes at an H100's 67 TFLOP/s in float32;")
days = pairs_in_all * patches / 50e9 / 86400
print(f"{days:.0f} days in tiles at 50 GFLOP/s; the table of one step: {pairs_in_all / 5 / 1e12:.0f} TB")
fused = [pairs_in_all * end(ns) * 1e-9 * blur / 16 / 86400 for end in (min, max)]
print(f"the fused blur, as fast as in the benchmark at the end: {fused[0]:.0f} to {fused[1]:.0f} days")
assert round(minutes) == 52 and round(days) == 48 and [round(d) for d in fused] == [2, 3]

# %% [markdown] tags=["slide"]
# Nearly an hour for one small picture, on an H100 (its data sheet: 67 TFLOP/s, a thousand GFLOP/s each) at its full
# speed, which no program reaches; on a processor 48 days in tiles at 50 GFLOP/s, 2 to 3 with the fused blur. Nobody
# would use the machine to make pictures. It is there to *predict* which ones the fast one, the network, will make.
#
# ## If you want more: who need not be asked, a GPU, a benchmark
#
# Nothing later needs this part. **Who need not be asked?** In section 1 six images of 200 held a third of a pixel's
# attention. To leave a patch out one must *prove* beforehand that it has no say: sort patches into boxes of near ones;
# a box whose nearest point is far from the query weighs no more than its number of patches times the weight of a patch
# at that point. With `tolerance=0.001` the package leaves out boxes that together cannot move a pixel by more than a
# thousandth. `certified` says what it visited, and a bound of the error. **Predict.** Does it leave out ever more as
# the noise falls?

# %%
half = half_a_million.cpu()
search = {"patch_size": 3, "padding": "circular", "tolerance": 1e-3}
pruned = els.EquivariantLocalScoreMachine(half, schedule, **search)
exact = els.EquivariantLocalScoreMachine(half.double(), schedule, patch_size=3, padding="circular")
visited = {}
print("    t       pairs    error    bound")
for t_low in (0.9, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02):
    x = els.add_noise(clean, noise, t_low).cpu()
    answer = pruned.certified(x, t_low)
    error = (answer.mean - exact(x.double(), t_low)).abs().max().item()
    bound, visited[t_low] = answer.bound.max().item(), answer.visited
    print(f"{t_low:5}{answer.visited:12.0%}{error:9.0e}{bound:9.0e}")
    assert error <= bound <= 1e-3
wide = els.EquivariantLocalScoreMachine(half, schedule, **search | {"patch_size": 5})
wide_visited = wide.certified(els.add_noise(clean, noise, 0.1).cpu(), 0.1).visited
print(f"  0.1{wide_visited:12.0%} with P = 5")
sizes = [size for _, size in lab.patch_sizes("els-zeros")]
print(f"the lab's own machine has P = 3 in {sizes.count(3)} of {len(sizes)} steps")
if lab.profile == "laptop":
    part = list(visited.values())
    assert part[:2] == [1, 1] and part[2] < 0.3 and part[2:-1] == sorted(part[2:-1], reverse=True)
    assert part[-2] < 0.03 and part[-1] == wide_visited == 1 and round(bound, 5) == 4e-5
    assert (sizes.count(3), len(sizes)) == (4, 20)

# %% [markdown]
# With much noise everybody matters, and the package does not even try. With less it visits ever fewer, within a bound
# of two parts: what was left out, proven up to rounding, and the rounding of float32, 0.00004, an estimate. At $t =
# 0.02$ float32 proves nothing more, and with $P = 5$ the boxes need more than the half gigabyte that is the default:
# there it gives up, and asks everybody. It saves little in all: the laptop's machine has $P = 3$ in only 4 of its 20
# steps, and the patches must be sorted first. The benchmark below ends with that.
#
# **A GPU.** There the machine runs in tiles: it computes where its images are. If there is one, the next cell takes the
# gpu lab's full set, 60,000 images at 32 x 32 pixels: 63 billion pairs of patches for one $D(x_t)$. (In the laptop's
# lab, the 10,000 images that come with the course.) If not, the laptop's 2,000 at 16 x 16. First, a part small enough
# for it is compared with a CPU.

# %% tags=["volatile"]
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
if device.type == "cuda":
    print(f"running on {torch.cuda.get_device_name()}")
else:
    print("no CUDA device here: the same code runs on the CPU, with the laptop's images")

bundled = device.type == "cuda" and lab.profile == "laptop"
data = (els.load("fashion-mnist", size=32, n=10_000) if bundled else lab.data).images.to(device)
count, size = len(data), data.shape[-1]
x_dev = els.add_noise(data[7:8], els.seeded_noise([1000], data.shape[1:]).to(device), 0.5)
part = els.EquivariantLocalScoreMachine(data[:20], schedule, patch_size=9, padding="circular")
on_cpu = els.EquivariantLocalScoreMachine(data[:20].cpu(), schedule, patch_size=9, padding="circular")
assert (part(x_dev, 0.5).cpu() - on_cpu(x_dev.cpu(), 0.5)).abs().max() < 1e-3  # and a first call starts the GPU

fast = els.EquivariantLocalScoreMachine(data, schedule, patch_size=9, padding="circular")
lasted = seconds(lambda: fast(x_dev, 0.5).cpu(), repeat=1)
print(
    f"{count:,} images, {size} x {size}, P = 9: {lasted:.2f} s for {size**4 * count / 1e9:.1f} billion pairs of patches"
)

# %% [markdown]
# **A benchmark.** `elscourse bench` times the package on any computer beside a textbook implementation: one image at a
# time, training patches as the filters of a convolution, a running maximum. The tuned textbook knows the processor's
# caches, and avoids numbers so small that processors are slow with them. **Predict:** how many times faster is the
# package? Here is what one run gave; all of it is on the site's page [Status](../book/status.md).

# %% tags=["volatile"]
where, speed, whole = bench["machine"], bench["speed"], bench["laptop"]
print(
    f"elscourse bench{' --full' * ('full_lab' in bench)} on {where['gpu'] or where['cpu']}, {where['threads']} threads"
)
print(f"{speed['rows'][0]['batch']} x_t, {speed['shape'][0]} images of {speed['shape'][2]} x {speed['shape'][3]}:")
print(f"{'ELS':>10} {'P':>3} {'seconds':>8} {'ns a pair':>10} {'textbook':>15} {'tuned':>15}")
for r in speed["rows"]:
    print(
        f"{r['padding']:>10} {r['patch_size']:3} {r['seconds']:8.2f} {r['ns_per_true_pair']:10.2f}"
        f"{r['textbook_seconds']:8.2f} = {r['ratio']:3.0f} x{r['tuned_seconds']:8.2f} = {r['tuned_ratio']:3.0f} x"
    )
    assert r["tuned_ratio"] > 1 and r["difference"] < 1e-3
for ratio, stated in (("ratio", (14, 46)), ("tuned_ratio", (6, 19))):
    assert stated == tuple(round(end([r[ratio] for r in speed["rows"]])) for end in (min, max))
print(
    f"{whole['seeds']} pictures of the laptop lab, {whole['steps']} steps: {whole['exact']['seconds']:.1f} s, "
    f"with a tolerance {whole['pruned']['seconds']:.1f} s (the first time {whole['pruned']['first_seconds']:.1f} s), "
    f"the textbook {whole['textbook_seconds']:.0f} s (the time of one picture, times eight)"
)

# %% [markdown] tags=["slide"]
# In one call 14 to 46 times faster than the plain textbook, 6 to 19 times faster than the tuned one: the more, the
# larger the window, as slide and blur hardly minds $P$. (ns a pair: billionths of a second for one query and one key.)
#
# ## What you can now say
#
# * The machine is attention: noisy patches ask, training patches answer with their centres, $\|p\|^2$ is a bias.
# * Three numbers per query carry a softmax across blocks, processes and computers. Averages of parts do not.
# * float32 loses digits twice, in long sums and at low noise; in our pictures a pixel was off by less than 0.01. With
#   bfloat16 it is by up to 0.8: above all by the rounded bias.
# * Memory need not depend on the dictionary; time does, and grows with the fourth power of the side.
# * Slide-and-blur is the same machine with work that hardly depends on $P$; fused in one loop, it wins.
#
# ## What is still unexplained
#
# At much noise everybody votes and nobody can be left out: is there a short cut there, too? Attention *inside*
# networks, between the places of one picture, does what no local machine can: it lets distant pixels agree; there the
# theory of Finn and others (lesson 12) begins (what is left of ours with a transformer, lesson 18 measures). And one
# question has waited since lesson 03: a network is trained to become the ideal denoiser. If one lets it, does it? That
# is lesson 14.
#
# ## References
#
# * M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292)
# * A. Vaswani et al., *Attention is all you need*, NeurIPS 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)
# * The same formula in statistics, a Gaussian kernel's regression, and with stored patterns for keys (without a bias):
#   E. A. Nadaraya, *On estimating regression*, 1964, [doi:10.1137/1109020](https://doi.org/10.1137/1109020);
#   H. Ramsauer et al., *Hopfield networks is all you need*, 2021, [arXiv:2008.02217](https://arxiv.org/abs/2008.02217)
# * M. Milakov and N. Gimelshein, *Online normalizer calculation for softmax*, 2018,
#   [arXiv:1805.02867](https://arxiv.org/abs/1805.02867)
# * T. Dao et al., *FlashAttention: fast and memory-efficient exact attention with IO-awareness*, NeurIPS 2022,
#   [arXiv:2205.14135](https://arxiv.org/abs/2205.14135)
# * S. Williams, A. Waterman and D. Patterson, *Roofline: an insightful visual performance model for multicore
#   architectures*, Communications of the ACM 52(4), 2009,
#   [doi:10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785)
# * NVIDIA, *H100 GPU*, data sheet (SXM version), [nvidia.com](https://www.nvidia.com/en-us/data-center/h100/)
# * O. Russakovsky et al., *ImageNet large scale visual recognition challenge*, IJCV 2015,
#   [arXiv:1409.0575](https://arxiv.org/abs/1409.0575): the number of images
