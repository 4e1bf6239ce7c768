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

# %% [markdown]
# # 00 · A formula predicts what a trained network will draw
#
# **You will** start a formula and a trained network from the same noise, guess what each will draw, and look.
# **You will learn** that the network's inventions are not free: they can be written down in advance.
# **You need** Python and a little curiosity; nothing about diffusion yet. About 15 minutes.

# %%
from matplotlib import pyplot as plt

import elscourse as els

lab = els.lab(network="fashion-mnist-16-resnet-zeros-conditional")

# %% [markdown]
# ## 1. Two artists, one canvas (4 minutes)
#
# Both get the same picture of pure noise, and the same word: which kind of garment to draw.
#
# * **The network** has 0.26 million weights. They were trained, for some minutes, to remove noise from 10,000 small
#   pictures of clothes. To draw, it removes noise again and again until a picture is left.
# * **The formula** has no weights and was never trained. It only ever *averages pixels of the training pictures*.
#
# Pick a seed: it decides the noise, and here also the class.

# %%
seed = 4
noise = els.seeded_noise([seed], lab.shape)
label = seed % 10
print(f"seed {seed}: draw a {lab.data.class_names[label]}")

# %% [markdown]
# **Before you run the next cell:** the formula sees 1,000 pictures of this class and can do nothing but average. Will
# it return one of them? A blurred mean? And the network: the same picture, a similar one, another one?

# %%
formula = lab.machine("els-zeros")
predicted = els.sample(formula, noise, steps=20, labels=label)
drawn = els.sample(lab.network, noise, steps=150, labels=label)


def show(pictures, titles):
    _, axes = plt.subplots(1, len(pictures), figsize=(2 * len(pictures), 2.3))
    for axis, picture, title in zip(axes, pictures, titles, strict=True):
        axis.imshow(picture[0], cmap="gray", vmin=-1, vmax=1)
        axis.set_title(title, fontsize=10)
        axis.axis("off")
    plt.show()


show([noise[0] / 3, predicted[0], drawn[0]], ["noise", "formula", "network"])

# %% [markdown]
# How alike are they? The squared correlation of their pixels, **r2**, is 1 for the same picture up to brightness and
# contrast, and near 0 for unrelated ones.

# %%
r2 = els.compare(predicted, drawn).r2.item()
print(f"r2 of formula and network: {r2:.2f}")

# %% [markdown]
# ## 2. Perhaps that was luck? (4 minutes)
#
# Ten seeds, one of each class. Also in the race: the **ideal machine**, which removes noise as well as it can possibly
# be done. **Before you look:** which of the two predicts the network better, the ideal one or ours, which we forbade to
# look further than a small window and to know where in the picture it is?

# %%
seeds = range(10)
noise, labels = els.seeded_noise(seeds, lab.shape), lab.labels_for(seeds)
predicted = els.sample(formula, noise, steps=20, labels=labels)
ideal = els.sample(lab.machine("is"), noise, steps=20, labels=labels)
drawn = els.sample(lab.network, noise, steps=150, labels=labels)

# %%
figure, axes = plt.subplots(3, 10, figsize=(11, 3.8))
rows = {"ideal": ideal, "formula": predicted, "network": drawn}
for line, (name, pictures) in zip(axes, rows.items(), strict=True):
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for axis, picture in zip(line, pictures, strict=True):
        axis.imshow(picture[0], cmap="gray", vmin=-1, vmax=1)
        axis.set(xticks=[], yticks=[])
plt.show()

# %%
ours, theirs = els.compare(predicted, drawn).r2, els.compare(ideal, drawn).r2
print("seed     formula   ideal machine")
for seed in seeds:
    print(f"{seed:4d} {ours[seed]:11.2f} {theirs[seed]:13.2f}")
print(f"median {ours.median():9.2f} {theirs.median():13.2f}")
assert ours.median() > 0.8 and (ours > theirs).sum() >= 8

# %% [markdown]
# ## 3. Is it in the training set? (3 minutes)
#
# The ideal machine has a strange talent. Look for the training picture nearest to each of its drawings, and to each of
# the network's.

# %%
_, distance_ideal = els.nearest_training_image(ideal, lab.data.images)
_, distance_network = els.nearest_training_image(drawn, lab.data.images)
print(f"largest distance of an ideal drawing to the training set: {distance_ideal.max():.4f}")
print(f"smallest distance of a network's drawing to it:            {distance_network.min():.2f}")
assert distance_ideal.max() < 0.01 < 1 < distance_network.min()

# %% [markdown]
# The ideal machine *only copies*. The network never does. So the network's creativity must come from what it does
# **less well** than the ideal: that is the idea of this course.

# %% [markdown]
# ## 4. Who painted this pixel? (4 minutes)
#
# Our formula averages, so every pixel can name its sources. Choose a pixel; halfway through the drawing, which training
# pictures voted most for it, and with which of their own pixels? **Before you look:** will these pixels lie in the same
# place of their pictures?

# %%
row, column = 8, 6
steps = list(els.trajectory(formula, noise[:1], steps=20, labels=labels[:1]))
t, x_t, _ = steps[11]
voters = formula.posterior(x_t, t, top=4, labels=labels[:1])
images = voters.image[0, row, column]
places = voters.location[0, row, column]
weights = voters.weight[0, row, column]

figure, axes = plt.subplots(1, 5, figsize=(11, 2.6))
sources = [predicted[0], *lab.data.images[images]]
marks = [(row, column), *places.tolist()]
names = ["drawn by the formula", *(f"{w:.0%} of the votes" for w in weights)]
for axis, picture, (y, x), name in zip(axes, sources, marks, names, strict=True):
    axis.imshow(picture[0], cmap="gray", vmin=-1, vmax=1)
    axis.plot(x, y, "s", mfc="none", mec="#d55e00", ms=11, mew=2)
    axis.set_title(name, fontsize=10)
    axis.axis("off")
plt.show()

# %% [markdown]
# Each new picture is a **mosaic**: patches of many training pictures, often from other places, fitted together.
#
# ## Your turn
#
# Change `seed` in section 1 and run again. Draw on paper what you expect *before* you run. Which seeds does the formula
# predict worst, and what happens there?
#
# ## What is still unexplained
#
# Why does the ideal machine copy? What exactly did we forbid it? How far does the network look, and how can one measure
# it? How good is good: what would a simple filter score? The course answers these in order.
#
# **Reference.** M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*,
# ICML 2025, [arXiv:2412.20292](https://arxiv.org/abs/2412.20292).
