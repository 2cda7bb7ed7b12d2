# %% [markdown]
# # 00 · Start here
#
# **In the next ten minutes you will** see what your machine can do, read a picture as an array of numbers, let a
# trained network draw faces that nobody has drawn before, save the first one, and steer it with sliders. At the end stands the
# map of the whole course.
#
# | reading | running, 2 CPU cores | builds on |
# |---|---|---|
# | 10 minutes | about 20 seconds | nothing; Python and school mathematics |
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.
#
# A notebook is text and code in turn. Click into a cell and press **Shift + Enter** to run it; the next one is then selected.
# *Run → Run All Cells* runs the whole lesson. You cannot break anything: every file here can be restored, and nothing is
# downloaded or sent anywhere.

# %%
from course_lib import runtime

runtime.setup(seed=0)

# %% [markdown]
# ## 1 · What the report says
#
# Each line is marked **✓ ok** or **▲ note**. A note is advice, not an error.
#
# - *Training runs on* names what TensorFlow found: the processor (CPU) or a graphics card (GPU). Every lesson runs on both. On a CPU
#   the lessons train small networks for seconds and show you, beside them, models that were trained for longer and come with the course.
# - *Tier* is how lessons choose their step counts: `runtime.pick(cpu=200, gpu=5000)` is 200 on a CPU. To choose yourself, set the
#   environment variable `COURSE_TIER` to `cpu` or `gpu` before you start; `COURSE_PRECISION` (`auto`, or a Keras policy such as
#   `mixed_bfloat16`), `COURSE_DEVICES` (how many GPUs) and `COURSE_MEMORY_GROWTH` (`1` or `0`) do the same for the rest of the report.
# - *Seed* makes chance repeatable: with the same seed, this machine draws the same pictures again.

# %% [markdown]
# ## 2 · A picture is an array
#
# The course brings its own data. One set is **Faces**: cartoon people composed from drawn parts (by Micah Lanier, CC BY 4.0), so
# that each label is exact and we can draw as many as we like.

# %%
import numpy as np

from course_lib import data, images, plots

faces = data.load_faces("test", size=64)
print("shape:", faces.images.shape, "  dtype:", faces.images.dtype)
plots.image_grid(
    faces.images[:24],
    columns=12,
    size=0.75,
    alt="Twenty-four cartoon faces with different hair, glasses, shirts and skin.",
)

# %% [markdown]
# Four numbers make the shape $(N, H, W, C)$: **N** pictures, each **H** pixels high and **W** wide, with **C** channels — red,
# green and blue here, one channel for a grey picture. Each entry is a `uint8`, a whole number from 0 (none of that colour) to 255 (all of it).
#
# Networks compute with real numbers around zero, so for training we map a byte $u$ to
#
# $$x = \frac{u}{127.5} - 1 \in [-1, 1], \qquad\text{and back:}\qquad u = \operatorname{round}\bigl(127.5\,(x + 1)\bigr).$$
#
# Is the way back exact? There are only 256 bytes, so we try them all. And a real number that is not one of these
# 256 levels is moved by at most half a level, which is $\tfrac12 \cdot \tfrac{1}{127.5} = \tfrac{1}{255}$:

# %%
every_byte = np.arange(256, dtype=np.uint8)
assert np.array_equal(images.to_uint8(images.to_float(every_byte)), every_byte)

x = np.random.default_rng(0).uniform(-1, 1, 100_000).astype(np.float32)
error = np.abs(images.to_float(images.to_uint8(x)) - x).max()
print(f"largest rounding error {error:.6f}, bound 1/255 = {1 / 255:.6f}")
assert error <= 1 / 255 + 1e-6

# %% [markdown]
# The range is the first thing to check when pictures look wrong. Here is one face read correctly and in two wrong ways:

# %%
face = images.to_float(faces.images[:1])
as_unit_range = np.clip(face, 0, 1) * 2 - 1  # treated as if it were in [0, 1]: everything below 0 turns black
squeezed = (face + 1) / 2  # in [0, 1], shown as if it were in [-1, 1]: nothing is darker than grey
plots.image_grid(
    np.concatenate([face, as_unit_range, squeezed]),
    columns=3,
    size=1.6,
    titles=["[-1, 1] as intended", "[-1, 1] read as [0, 1]", "[0, 1] read as [-1, 1]"],
    alt="One face three times: correct, with dark parts lost in black, and washed out without any dark tone.",
)

# %% [markdown]
# The library refuses such mistakes with a message that names the remedy, instead of training for an hour on wrong data:

# %%
try:
    images.to_uint8(faces.images[:1])  # these are bytes already
except ValueError as refusal:
    print(refusal)

# %% [markdown]
# ## 3 · Why drawing a face is hard
#
# How many pictures of this size are there, and how many of them are faces of our kind?

# %%
height, width, channels = faces.images.shape[1:]
numbers_per_picture = height * width * channels
digits = int(numbers_per_picture * np.log10(256)) + 1
distinct_faces = int(np.prod([len(names) for names in faces.names.values()], dtype=np.int64))
print(f"A picture is {numbers_per_picture:,} numbers of 256 levels: a count of pictures with {digits:,} digits.")
print(f"Different faces that the drawn parts allow: {distinct_faces:,}.")

noise = np.random.default_rng(1).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
plots.image_grid(
    noise,
    columns=8,
    size=0.9,
    alt="Eight pictures of random pixels: coloured noise without any shape, all looking alike.",
)

# %% [markdown]
# Drawing each pixel by chance gives noise, and would for longer than the universe lasts. The faces are a tiny and
# intricate part of the space of pictures. **A generative model is a machine that has learned where that part lies**, from examples
# alone, so that it can draw new members of it. Every lesson of this course is about how that is done, why it works, and how
# one can tell whether it did.
#
# ## 4 · A generator is a function
#
# The network below was trained for this course on 10,000 faces (lesson 06 teaches how). It takes a list of random numbers, the **latent code** $z$,
# and returns a picture: $G(z) = x$. Its card says how it was made and how good it is.

# %%
from course_lib import zoo

generator = zoo.load("faces-gan")
card = zoo.card("faces-gan")
d = generator.input_shape[-1]
print(f"{card['what']}.")
print(
    f"z has {d} numbers; the network has {card['parameters']:,}. Trained {card['minutes']} minutes on {card['hardware']}."
)

z = np.random.default_rng(7).standard_normal((24, d)).astype(np.float32)
drawn = images.to_uint8(np.asarray(generator(z, training=False)))
plots.image_grid(
    drawn, columns=12, size=0.75, alt="Twenty-four faces drawn by the network, in the style of the training faces."
)

# %% [markdown]
# Look closely: most are convincing, some have a smudged line or a half-drawn pair of glasses. We will measure how good they are rather than
# choose the best; these are simply the first twenty-four.
#
# Two facts about this function, checked. The same code gives the same picture; and a small step of the code gives a small change
# of the picture, which is what makes sliders possible.

# %%
again = images.to_uint8(np.asarray(generator(z, training=False)))
assert np.array_equal(drawn, again)

step = np.random.default_rng(8).standard_normal(z.shape).astype(np.float32)
change = {}
for size in (0.01, 0.1, 1.0):
    moved = np.asarray(generator(z + size * step, training=False))
    change[size] = float(np.abs(moved - images.to_float(drawn)).mean())
    print(f"step of size {size:<4}: pixels change by {change[size]:.4f} on average")
assert change[0.01] < change[0.1] < change[1.0]

# %% [markdown]
# Is the network only replaying its examples? For each of six drawings we search all 10,000 training faces for the
# most similar one (by the distance between pixels, at a quarter of the size).

# %%
train = data.load_faces("train", size=64)


def thumbnails(pictures):
    """Return pictures as rows of numbers at 16 x 16 pixels."""
    return images.to_float(images.resize(pictures, 16)).reshape(len(pictures), -1)


library, queries = thumbnails(train.images), thumbnails(drawn[:6])
squared = (queries**2).sum(1)[:, None] - 2 * queries @ library.T + (library**2).sum(1)
nearest = squared.argmin(axis=1)
plots.side_by_side(
    {"drawn": drawn[:6], "nearest in training set": train.images[nearest]},
    alt="Six drawn faces above their most similar training faces: alike in style, different in several parts.",
)

# %% [markdown]
# ## 5 · Save your first picture
#
# Change the seed, run the cell until you like what you see, and keep it. The file lies beside this notebook.

# %%
from pathlib import Path

seed = 2026
z_mine = np.random.default_rng(seed).standard_normal((1, d)).astype(np.float32)
mine = images.to_uint8(np.asarray(generator(z_mine, training=False)))[0]
file = Path("my_first_picture.png")
file.write_bytes(images.png_bytes(mine, scale=4))
print(f"saved {file.name}, {file.stat().st_size / 1000:.1f} kB")
plots.show(images.png_bytes(mine, scale=4), alt=f"The face drawn for seed {seed}, enlarged four times.")

# %% [markdown]
# ## 6 · Explore
#
# The hundred numbers of $z$ have no labels. But we can ask a second network, which recognises attributes, to look at two thousand
# drawings, and take the average code of the faces *with* glasses minus the average code of those *without*. The difference is a
# **direction**: walking along it should put glasses on. Lesson 04 derives this; here we use it.

# %%
from course_lib import latent
from course_lib.explore import LatentExplorer

recognise = zoo.load("faces-classifier")
codes = np.random.default_rng(3).standard_normal((2000, d)).astype(np.float32)


def draw(codes):
    """Return the pictures of many codes, in batches."""
    return np.concatenate([np.asarray(generator(part, training=False)) for part in np.array_split(codes, 20)])


seen = recognise.predict(draw(codes), batch_size=250, verbose=0)


def shows(attribute, values, logits):
    """Return for each picture whether the classifier sees one of these values of the attribute."""
    return np.isin(logits[attribute].argmax(axis=1), [faces.names[attribute].index(value) for value in values])


wanted = {
    "glasses": ("glasses", ["round", "square"]),
    "beard": ("facial_hair", ["beard"]),
    "dark skin": ("skin", ["dark"]),
}
directions = np.stack([latent.attribute_direction(codes, shows(*what, seen)) for what in wanted.values()])
for name, direction in zip(wanted, directions, strict=True):
    before = shows(*wanted[name], seen)[:200].mean()
    after = shows(*wanted[name], recognise.predict(draw(codes[:200] + 3 * direction), verbose=0)).mean()
    print(f"{name}: {before:.0%} of 200 faces before, {after:.0%} after three steps along the direction")
    assert after > before + 0.3

# %% [markdown]
# **Your turn.** Press *Another picture*, drag *Blend* from one face to another, and walk along the directions. Does *glasses*
# change only the glasses? (Not quite: lesson 04 says why and lesson 12 does better.) The pictures to the right are neighbours of the
# large one. *Save PNG* writes the present picture to a file.

# %%
explorer = LatentExplorer(
    generator, directions=directions, names=list(wanted), coordinates=0, seed=7, title="Explore faces"
)
explorer.show()

# %% [markdown]
# ## 7 · The map
#
# Each lesson runs alone, from top to bottom, without a network.
#
# | | lesson | you will be able to |
# |---|---|---|
# | **00** | Start here | *you are here* |
# | **01** | [What is a distribution of images?](01_distributions.ipynb) | sample from simple models and say why each fails; know the tasks of the field |
# | **02** | [Variational inference, derived](02_variational_inference.ipynb) | derive and verify the ELBO, the Gaussian KL and the reparameterisation |
# | **03** | [Building a VAE, and the units of its loss](03_building_a_vae.ipynb) | train a convolutional VAE; choose likelihood and β knowingly |
# | **04** | [Inside latent space](04_latent_space.ipynb) | interpolate, find directions, score disentanglement |
# | **05** | [The GAN game, derived](05_gan_game.ipynb) | derive the optimal discriminator and both generator losses |
# | **06** | [DCGAN: the classic, repaired](06_dcgan.ipynb) | write a `train_step` with two optimizers; find the faults of a famous tutorial |
# | **07** | [When GANs go wrong](07_when_gans_go_wrong.ipynb) | diagnose and repair collapse, a winning discriminator, oscillation |
# | **08** | [Wasserstein, penalties, spectral norm](08_wasserstein.ipynb) | solve small transport problems exactly; choose a loss and a regulariser |
# | **09** | [Measuring generators](09_measuring_generators.ipynb) | measure quality and diversity, and know how each metric is fooled |
# | **10** | [What improves quality? A controlled study](10_what_improves_quality.ipynb) | plan and read an ablation |
# | **11** | [Training on a GPU](11_training_on_a_gpu.ipynb) | move the same code to a GPU and make it fast |
# | **12** | [Control: conditional generation and editing](12_control_and_editing.ipynb) | ask for attributes, invert and edit a picture |
# | **13** | [Super-resolution and colour](13_super_resolution_and_colour.ipynb) | enlarge and colour pictures, and know what is invented |
# | **14** | [Style transfer](14_style_transfer.ipynb) | paint a photograph in another's manner |
# | **15** | [Diffusion, speed, and your own gallery](15_diffusion_and_gallery.ipynb) | sample in few steps; document a work |
#
# **Exercises** stand in the folder `exercises`. Each task ends in a check that tells you at once whether your answer holds and, for typical
# mistakes, which one it looks like. `solutions` has the worked answers. The terms of the field, in English and Chinese, stand in
# the [glossary](../docs/glossary.md).
#
# Every check that passes is noted in one small file in your home folder (`progress.path()` says where, and the environment variable
# `COURSE_PROGRESS=off` switches it off). Nothing leaves your machine. This is your map:

# %%
from course_lib import progress

progress.overview()

# %% [markdown]
# In the cloud that file is lost with the machine: `progress.export("mine.json")` before you leave and `progress.merge("mine.json")` when
# you come back.
#
# **Where to start?** If this is not your first meeting with generative models, answer what you can; the button names the first lesson
# with something new for you. An honest *I am not sure* gives the best advice.

# %%
from course_lib import placement

placement.show()

# %% [markdown]
# **Next:** [lesson 01](01_distributions.ipynb), which asks what it means to draw *one more* picture of a kind. In a hurry?
# [Lesson 03](03_building_a_vae.ipynb) builds the model that compresses and imagines, [lesson 06](06_dcgan.ipynb) the one that drew
# the faces above. Each says at its top what it builds on.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0. Data and weights: see `DATA.md`.*
