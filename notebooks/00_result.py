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
# # 00 · A formula predicts what a trained network will draw
#
# **You will** start a formula and a trained network from the same noise, guess what each will draw, and look. Then you
# will click on a pixel and see which training pictures voted for it.
#
# **You will learn** whether what a network invents is arbitrary.
#
# **You need** Python, arrays as in numpy (a torch tensor is much the same), and some curiosity. Nothing about diffusion
# yet: a later lesson explains what stays unexplained here.
#
# **Time** 30 minutes (20 if somebody shows it to you)

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")

# %% [markdown]
# A **lab** is a set of training pictures and a network trained on such pictures. The network in today's lab can be told
# *what* to draw:

# %%
garments = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional")

# %% [markdown] tags=["slide"]
# ## 1. Two artists, one canvas (6 minutes)
#
# Both artists get the same picture of pure noise, and the same word: the kind of garment to draw.
#
# * **The network** has 0.26 million weights. They were trained to remove noise from 10,000 small pictures of clothes.
#   To draw, it removes noise again and again, 150 times, until a picture is left.
# * **The formula** has no weights and was never trained. It can only *average pixels of the training pictures*, and the
#   noise decides which ones. It removes noise 20 times, to save time. (Why 150 for the network? Its very first guess is
#   far off, and in 20 long steps this would carry over into the picture: lesson 11.)
#
# The seed decides the noise, and its last digit decides the garment. You may change the seed later. (Code that only
# draws, measures or checks what the text says is folded away. It runs like any other cell; click on it to read it.)

# %%
seed = 4
one_noise = els.seeded_noise([seed], garments.shape).to(garments.device)
label = seed % 10
weights = sum(p.numel() for p in garments.network.module.parameters())
count = (garments.data.labels == label).sum()
print(f"seed {seed}, garment to draw: {garments.data.class_names[label]} (the network has {weights:,} weights)")
print(f"training pictures of that class: {count}")
# an assert stops with an error if a number in the text differs from the one on your screen: you can skip it
assert round(weights / 1e6, 2) == 0.26 and len(garments.data.images) == 10_000

# %% [markdown] tags=["slide"]
# How alike are two pictures? We use the squared correlation of their pixels, called **r2**. It is 1 if the pictures
# differ only in brightness and contrast, and near 0 if one says nothing about the other.
#
# **Predict.** The formula sees the training pictures of that class and can do nothing but average. What will it return:
# one of those pictures, a blurred mean, or something else? Sketch it, and guess its r2 with the network's drawing.

# %%
formula = garments.machine("els-zeros")  # lessons 04 to 08 build it, and call it a machine
by_formula = els.sample(formula, one_noise, steps=20, labels=label)
by_network = els.sample(garments.network, one_noise, steps=150, labels=label)
alike = els.compare(by_formula, by_network).r2.item()

# %% tags=["slide", "hide-input"]
three = torch.cat([one_noise / 3, by_formula, by_network])  # noise / 3: otherwise it exceeds the range of greys
fig = plotting.image_rows({f"seed {seed}": three}, titles=["noise", "formula", "network"])
fig.set_size_inches(2 * fig.get_size_inches())
show(
    fig,
    alt="Three pictures: noise, the formula's drawing, the network's. With seed 4 both draw a coat, much the same one; "
    "left of the formula's coat there are dark grey specks.",
)
print(f"r2 of formula and network: {alike:.2f}")
assert seed != 4 or abs(alike - 0.95) < 0.01

# %% [markdown] tags=["slide"]
# The r2 is 0.95. An average sounds like a blur, but this is not one. (Is it a copy? Section 3.) There is no *one*
# average: each pixel has its own, computed afresh at each of 20 steps. The more a training pixel's surroundings
# resemble those of our pixel on the noisy canvas, the more it counts. The less noise is left, the stricter this
# comparison gets. **An average of what agrees is not a blur.**
#
# For each pixel the formula sees only a window around it. The sizes of these windows, one for each of the 20 steps, are
# **all that was measured on the network**. Each step has the size that makes the formula's guesses most like the
# network's, on other seeds (lesson 09).
#
# ### Exercise 1: How alike? (3 minutes, ★☆☆)
#
# Write r2 yourself. Two pictures of shape (C, H, W) go in, one number comes out: the correlation of their pixels,
# squared. First subtract from each picture its own mean. Then try `picture_r2(by_formula[0], by_network[0])`: it must
# return the number above.


# %%
def picture_r2(prediction, target):
    """Two pictures (C, H, W) -> the square of the correlation of their pixels, one number."""
    ...


check.picture_r2(picture_r2)

# %% [markdown]
# Stuck? `check.hint("picture_r2")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def picture_r2(prediction, target):
#     p, y = prediction - prediction.mean(), target - target.mean()
#     r = (p * y).sum() / (p.square().sum() * y.square().sum()).sqrt()
#     return r**2
# ```
#
# Because the mean is gone and the lengths are divided out, r2 does not notice when one picture is paler or darker than
# the other or, because of the square, when one is the negative of the other. Lesson 11 asks whether that is too kind.
# </details>

# %% [markdown] tags=["slide"]
# ## 2. Perhaps that was luck? (4 minutes)
#
# Now ten seeds, one for each class, and two rivals from the same noise:
#
# * At each step the **ideal denoiser** makes the best possible guess of the clean picture *if* that picture is one of
#   the class's training pictures: no other guess has a smaller squared error on average. This guess is exactly what the
#   network was trained to make.
# * The **linear filter** guesses each pixel as a weighted sum of the noisy pixels in the formula's window, with the
#   weights that are best on average. (The window covers 13 x 13 of the picture's 16 x 16 pixels at first, and 3 x 3 at
#   the end.)
#
# **Predict.** In how many of the ten columns will the formula's drawing be the most like the network's? And what r2
# will the ideal denoiser reach?

# %%
seeds = range(10)
noise, labels = els.seeded_noise(seeds, garments.shape).to(garments.device), garments.labels_for(seeds)
ideal_drew = els.sample(garments.machine("is"), noise, steps=20, labels=labels)  # "is": the ideal denoiser
network_drew = els.sample(garments.network, noise, steps=150, labels=labels)

way = list(els.trajectory(formula, noise, steps=20, labels=labels))  # all steps, for section 4: (time, canvas, guess)
formula_drew = way[-1][1]  # the last canvas

stored = els.load_results("fashion-mnist-16-resnet-zeros-conditional")  # drawings for 100 seeds
rows = {"ideal denoiser": ideal_drew, "linear filter": stored["local-filter"][:10].to(garments.device)}
rows |= {"formula": formula_drew, "network": network_drew}
r2 = torch.stack([els.compare(drawings, network_drew).r2 for drawings in rows.values()])

# %% tags=["slide", "hide-input"]
assert (formula.size_at(way[0][0]), formula.size_at(way[-1][0])) == (13, 3)
assert (stored["els-zeros"][:10] - formula_drew.cpu()).abs().max() < 0.01
assert (stored["network-150"][:10] - network_drew.cpu()).abs().max() < 0.01

fig = plotting.image_rows(rows, titles=garments.data.class_names)
fig.set_figheight(fig.get_figheight() + 0.6)  # room for three rows of numbers
for axis, value in zip(fig.axes[:30], r2.flatten(), strict=False):
    axis.set_xlabel(f"{value:.2f}", fontsize=10)
show(
    fig,
    alt="Ten columns, one per class; below each drawing its r2 with the network's: "
    + ", ".join(f"{name} {at.min():.2f} to {at.max():.2f}" for name, at in zip(rows, r2[:3], strict=False))
    + ". The rows of formula and network look alike in every column, many oddities included; the linear filter's "
    "drawings have much the same outlines and more grain; the ideal denoiser draws clean garments, most of them "
    "clearly different.",
)
assert r2[2].min() > 0.8 and (r2[2] > r2[:2]).all() and abs(r2[1, 4] - 0.95) < 0.005

# %% [markdown]
# Below each drawing stands its r2 with the network's. The formula is ahead in all ten columns. Its lead over the filter
# is smaller than over the ideal denoiser: for our coat, formula and filter both round to 0.95. Both even draw the stump
# of a sleeve that the network gives the shirt, low on the right. But the formula does not predict everything: it adds a
# bump to the trousers and misses the hole in the dress.
#
# Ten seeds are few, so here are the stored drawings for 100, and the mean picture of the class. The last column is a
# test. Swap an artist's drawing for one that it made of the same kind of garment from another noise. There are nine of
# them. For how many of the 100 seeds are all nine less like the network's drawing? (The mean of the class is the same
# for all noises, so it scores 0.)

# %%
pictures, kinds = garments.data.images, garments.labels_for(range(100)).cpu()
means = torch.stack([pictures[garments.data.labels == k].mean(0).cpu() for k in range(10)])
drawn = {"formula": stored["els-zeros"], "linear filter": stored["local-filter"], "ideal denoiser": stored["is"]}
drawn |= {"mean of the class": means[kinds]}
fits = {name: els.compare(some, stored["network-150"]).r2 for name, some in drawn.items()}

# %% tags=["hide-input"]
stated = ((0.945, 0, 99), (0.911, 78, 100), (0.744, 100, 64), (0.726, 99, 0))
print("                    median r2   formula ahead for   own drawing beats all nine swaps")
for (name, some), numbers in zip(drawn.items(), stated, strict=True):
    others = torch.stack([els.compare(some.roll(10 * k, 0), stored["network-150"]).r2 for k in range(1, 10)]).amax(0)
    found = fits[name].quantile(0.5), (fits["formula"] > fits[name]).sum(), (fits[name] > others + 1e-6).sum()
    print(f"{name:<19} {found[0]:9.3f} {found[1]:19} {found[2]:34}")
    assert all(abs(a - b) < 0.001 for a, b in zip(found, numbers, strict=True))

both = [fits[name][49] for name in ("formula", "linear filter")]
print(f"seed 49, the formula's worst: {both[0]:.2f} (filter {both[1]:.2f})")
assert fits["formula"].argmin() == 49 and abs(both[0] - 0.54) < 0.005 and both[1] < 0.54

# %% [markdown] tags=["slide"]
# The median r2 is **0.945** for the formula and 0.744 for the ideal denoiser, which the formula beats for every one of
# the 100 seeds.
#
# **Does the formula predict only the kind of garment?** No, though the kind alone goes far: its mean picture reaches
# 0.726. But swap the formula's drawing for one of the same kind from another noise: for **99 of 100 seeds** all nine
# swaps are less like the network's drawing. So it predicts *this* coat, not just a coat.
#
# **The strongest of these rivals is the linear filter.** It follows the noise just as closely and reaches 0.91; the
# formula is ahead for 78 seeds. **Bent**, that is, with each answer replaced by the mean of the clean pixels
# for which it gives this answer (lesson 04), the filter reaches 0.92. And if the network, too, takes only 20 steps,
# formula and bent filter are **level**: 0.924 and 0.917, with the formula ahead for 48 seeds. (More rivals: lessons 10
# and 16.)
#
# The formula does worst for seed 49, with 0.54, and the filter fails there, too. Set `seed = 49` in section 1 and look.

# %% tags=["hide-input"]
hundred = els.seeded_noise(range(100), garments.shape).to(garments.device)
bent_drew = els.sample(garments.machine("bent-local-filter"), hundred, steps=20, labels=garments.labels_for(range(100)))
for steps, stated in ((150, (0.945, 0.919, 77)), (20, (0.924, 0.917, 48))):
    both = [els.compare(x, stored[f"network-{steps}"]).r2 for x in (stored["els-zeros"], bent_drew.cpu())]
    found = *(values.quantile(0.5) for values in both), (both[0] > both[1]).sum()
    print("network with {} steps: formula {:.3f}, bent filter {:.3f}, formula ahead for {}".format(steps, *found))
    assert all(abs(a - b) < 0.001 for a, b in zip(found[:2], stated, strict=False)) and abs(found[2] - stated[2]) <= 1

# %% [markdown] tags=["slide"]
# ## 3. Is it in the training set? (3 minutes)
#
# For each drawing except the filter's, let us find the training picture nearest to it. The distance is Euclidean: the
# root of the sum of the squared differences of all 256 pixels.
#
# **Predict.** Which artist copies: the ideal denoiser, the formula, the network, all of them, or none?

# %%
artists = ("ideal denoiser", "formula", "network")
nearest = {name: els.nearest_training_image(rows[name], pictures) for name in artists}

# %% tags=["slide", "hide-input"]
pairs = {}
for name, whose in zip(artists, ("ideal's", "formula's", "network's"), strict=True):
    pairs |= {name: rows[name], f"{whose} nearest": pictures[nearest[name][0]]}
fig = plotting.image_rows(pairs, titles=garments.data.class_names)
fig.set_figheight(fig.get_figheight() + 0.6)
for row, (_, distances) in zip((1, 3, 5), nearest.values(), strict=True):
    for axis, distance in zip(fig.axes[10 * row :], distances, strict=False):
        axis.set_xlabel(f"{distance:.2f}", fontsize=10)
show(fig, alt="The ideal denoiser's ten drawings equal the training pictures below them. The formula's and the "
     "network's do not: in most columns the nearest training picture has another shape or pattern.")  # fmt: skip

# %% tags=["hide-input"]
for name, (_, distance) in nearest.items():
    print(f"{name:<15} nearest training picture at distance {distance.min():.2f} to {distance.max():.2f}")
flat = [pictures[garments.data.labels == k].flatten(1) for k in range(10)]
usual = torch.stack([torch.cdist(some, some).fill_diagonal_(torch.inf).amin(1).quantile(0.5) for some in flat])
print("from a real garment to the nearest other of its class (median):")
print("   ", ", ".join(f"{name} {far:.2f}" for name, far in zip(garments.data.class_names, usual, strict=True)))
usual = usual[kinds]
wide = torch.nn.functional.pad(pictures, [3] * 4, value=-1)  # to shift the training pictures by up to 3 pixels
for who, name, further in (("formula", "els-zeros", 96), ("network", "network-150", 95)):
    away = torch.full((100,), torch.inf, device=wide.device)
    for down, right in torch.cartesian_prod(torch.arange(7), torch.arange(7)):
        shifted = wide[..., down : down + 16, right : right + 16].flatten(1)
        away = away.minimum(torch.cdist(stored[name].to(wide.device).flatten(1), shifted).amin(1))
    print(f"{who:<15} {(away > usual).sum()} of 100 further from every shifted picture than real garments usually are")
    assert (away > usual).sum() == further
assert els.nearest_training_image(stored["is"].to(wide.device), pictures)[1].max() < 1e-4

# %% [markdown] tags=["slide"]
# The ideal denoiser **only copies**, for all 100 seeds. Formula and network **do not**. Our yardstick is the median
# distance from a real garment to the nearest other of its class, from 1.76 for trousers to 3.55 for bags. For the
# formula 96 and for the network 95 of the 100 drawings are further than that from every training picture, even if that
# picture is shifted by up to three pixels.
#
# That is strange. The network was trained to be the ideal denoiser, and had it succeeded, it could only copy. Its
# creativity must come from missing that goal. But missing it is not enough: a picture of noise is no copy either. The
# network must miss it **in a particular way**, which the formula shares.

# %% [markdown] tags=["slide"]
# ## 4. Who painted this pixel? (10 minutes)
#
# The formula averages training pixels, so **every pixel it draws can name its sources**. At each step it guesses the
# clean picture, and replaces a little of the noise by that guess. Here is **one guess in full**, about halfway, for one
# pixel of the coat of seed 4.
#
# The window of the noisy picture around our pixel is compared with **every** window of **every** training picture of
# the class. (Near the border, where a window does not fit into the picture, only with those that stick out in the same
# way: lesson 08.) The more alike, the more votes. Each training window is a **voter**: it proposes the pixel at its
# centre. The guess is the **mean of all proposals**, weighted by the votes.

# %% [markdown]
# ### Exercise 2: A pixel by vote (2 minutes, ★☆☆)
#
# The last sentence is a formula. Given the votes of K windows (positive numbers that need not sum to one) and the K
# pixels at their centres, return the guessed pixel.


# %%
def pixel_by_vote(votes, pixels):
    """votes (K,), positive, and pixels (K,) -> the average of the pixels, weighted by the votes: one number."""
    ...


check.pixel_by_vote(pixel_by_vote)

# %% [markdown]
# Stuck? `check.hint("pixel_by_vote")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def pixel_by_vote(votes, pixels):
#     return (votes * pixels).sum() / votes.sum()
# ```
#
# Nothing else happens in a guess. An average can never leave the range of the training pixels, and the last guess is
# the drawing. Still, the pictures are new. Only the *combination* is invented.
# </details>

# %% [markdown] tags=["slide"]
# Now the votes. At time `t` (1 is almost pure noise, 0 is done), the formula takes the canvas to be `alpha` times a
# picture plus `sigma` times noise. **So the training windows are dimmed by `alpha` before they are compared.** A window
# at distance $d$ gets $e^{-d^2 / 2\sigma^2}$ votes. (Why this number? Lesson 02.)

# %%
t, noisy, _ = way[11]  # the time after 11 of 20 steps, its canvas, its guess
alpha, sigma = garments.schedule.alpha(t), garments.schedule.sigma(t)  # how much picture, how much noise
side = formula.size_at(t)  # the window has side x side pixels at this t
row, column, half = 7, 9, side // 2

coats = pictures[garments.data.labels == 4]
assert len(coats) == 974
windows = coats[:, 0].unfold(1, side, 1).unfold(2, side, 1).reshape(-1, side, side)  # all windows of all coats
seen = noisy[4, 0, row - half : row + half + 1, column - half : column + half + 1]  # the window around our pixel
votes = torch.exp(-(seen - alpha * windows).square().sum((1, 2)) / (2 * sigma**2))
centres = windows[:, half, half]
value = (votes * centres).sum() / votes.sum()  # your pixel_by_vote(votes, centres) must give the same
from_package = formula(noisy[4:5], t, labels=4)[0, 0, row, column]
print(f"t = {t:.2f}, alpha = {alpha:.2f}, sigma = {sigma:.2f}")
print(f"{len(windows):,} windows of {side} x {side} pixels vote for pixel ({row}, {column})")
print(f"by hand {value:.4f}, from the package {from_package:.4f}")
assert abs(value - from_package) < 1e-3

# %% [markdown] tags=["slide"]
# That is the whole formula for a pixel away from the border, at one moment. The package computes the same for all
# pixels at once.
#
# **Predict.** Nobody tells the formula where in the picture our pixel is. Where in their own pictures do the windows
# with the most votes sit: anywhere, near the place of our pixel, or exactly there?
#
# The explorer begins with our coat and its pixel. Pick other drawings, and click on other pixels. You see the finished
# drawings, but the votes are those of this moment ($t = 0.45$). Stay in the middle 8 x 8 pixels: nearer to the border
# the window does not fit into the picture.

# %%
explorer = widgets.MosaicExplorer.of(formula, noisy, formula_drew, t, top=4, labels=labels)
explorer.picked, explorer.pixel = 4, (row, column)  # our coat and its pixel
explorer

# %% [markdown]
# One pixel proves little. For every pixel in the middle of the ten drawings: how many pixels off is its heaviest voter,
# the one with the most votes?

# %%
# (row, column) of each pixel
places = torch.stack(torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij"), dim=-1)
middle = places[4:12, 4:12]
heaviest = formula.posterior(noisy, t, top=1, labels=labels)  # who has the most votes for each pixel
# the larger of the two distances, in rows and in columns
off = (heaviest.location[:, 4:12, 4:12, 0].cpu() - middle).abs().amax(-1)


# %% tags=["hide-input"]
def too_far_if_even(half):
    """Of the windows of this half width, all places alike: the share more than 2 pixels off, over the middle pixels."""
    inside = places[half : 16 - half, half : 16 - half].reshape(-1, 2)
    return ((inside - middle[:, :, None]).abs().amax(-1) > 2).float().mean()


exact, far, by_chance = (off == 0).float().mean(), (off > 2).float().mean(), too_far_if_even(half)
print(f"heaviest voters: {exact:.0%} exactly there, {far:.0%} more than 2 pixels off (picked evenly {by_chance:.0%})")
last = formula.posterior(way[19][1], way[19][0], top=1, labels=labels)
alone = [(some.weight[:, 4:12, 4:12, 0] > 0.5).float().mean() for some in (heaviest, last)]
print(f"one voter has over half of the votes for {alone[0]:.0%} of the pixels, in the last step for {alone[1]:.0%}")
far_last = ((last.location[:, 4:12, 4:12, 0].cpu() - middle).abs().amax(-1) > 2).float().mean()
print(f"in the last step {far_last:.0%} of the heaviest voters are so far off (picked evenly {too_far_if_even(1):.0%})")
assert exact < 0.2 and abs(far - 0.19) < 0.01 and abs(by_chance - 0.72) < 0.01
assert abs(alone[0] - 0.02) < 0.01 and abs(alone[1] - 0.29) < 0.01 and abs(far_last - 0.64) < 0.01
assert abs(too_far_if_even(1) - 0.87) < 0.01

# %% [markdown] tags=["slide"]
# **Near the place of our pixel.** In the middle of these ten drawings, a pixel's heaviest voter seldom sits exactly at
# that pixel's place. But **only 19 %** are more than two pixels off; picked evenly from all places, 72 % of the windows
# would be. A window of 9 x 9 **gives its place away by what it shows**: sleeves are at the sides.

# %% [markdown]
# At this moment hardly any voter rules alone: for only 2 % of these pixels one has more than half of the votes. In the
# last step, with windows of 3 x 3, it is 29 %. Windows so small give their place away less: 64 % of the heaviest voters
# are more than two pixels off (picked evenly, 87 % would be). Lessons 05 and 07 show in what sense the finished picture
# is a **mosaic**.
#
# **Does the network look up training pictures, then?** It has no list of them, only weights (and weights can hold a
# few: lesson 14). The voters are the sources of the *formula's* pixel. They prove nothing about the network's, however
# alike the two drawings are.
#
# **Predict**, for lesson 15: exchange every training picture of the formula for another one of the same kind. How much
# of its drawing will change?

# %% [markdown] tags=["slide"]
# ## 5. The question of the course, and the map (2 minutes)
#
# What the network invents is not arbitrary: a formula foretells most of it. **How can a formula that only averages
# training pixels invent anything?** And why does it know what the network will draw?

# %% [markdown]
# * **The paradox** ([01](01_noise.ipynb) to [03](03_network.ipynb)): if you can remove noise, you can generate. Yet the
#   ideal denoiser can only remember, whereas a trained network draws something new.
# * **Locality** ([04](04_local.ipynb), [05](05_mosaics.ipynb)): forbid a pixel to look far, and the memory breaks into
#   pieces.
# * **Equivariance** ([06](06_equivariance.ipynb) to [08](08_borders.ipynb)): treat all places alike, as far as the
#   border allows, and the pieces recombine.
# * **The machine meets the network** ([09](09_time.ipynb) to [18](18_edges.ipynb)): how good the formula is, what a
#   linear filter does better, and where the theory ends.

# %% [markdown] tags=["slide"]
# **Before you go on.** Change `seed` in section 1, draw on paper what you expect, and run again. Then try another
# number of steps for the formula there. (With seed 4 an assert may stop you: 0.95 is for 20 steps.)
#
# ## What is still unexplained
#
# Everything. Why is drawing the same as removing noise (lesson 01)? **Why does the ideal denoiser copy, and why does
# the network fail to become ideal** (02, 03)?
#
# ## References
#
# * M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): the theory that this course teaches.
# * H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking machine learning
#   algorithms*, 2017, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747): the pictures.
