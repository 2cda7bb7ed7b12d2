# %% [markdown]
# # 14 · Style transfer
#
# **After this lesson you can**
#
# - say what *style* and *content* mean to a network, as two statements about the same feature maps;
# - derive what a Gram matrix sees and what it cannot see, and prove that its loss is a distance of distributions, an exact MMD;
# - paint a photograph in the manner of a painting by gradient descent on its pixels, in forty lines of your own;
# - recognise the four faults that spoil such pictures in published code;
# - derive AdaIN as the smallest change that matches two moments, train its decoder, and paint in one pass;
# - compare feature networks (random, trained on photographs of everything, trained by this course) by judges that painted nothing.
#
# **Time.** Reading 35 minutes. Running all cells: about 60 seconds on two CPU cores. On a GPU its time has not been measured yet.
#
# **Builds on** lesson 09 (the kernel distance, transport between Gaussians on a line) and lesson 10 (checkerboards). What is needed of them is repeated.
#
# **Exercises:** `exercises/14_style_transfer.ipynb`, 60 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("14")

# %%
import importlib.resources
import json
import time

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from scipy import fft, linalg

from course_lib import data, explore, images, losses, nets, plots, runtime, style, zoo

SEED = 0
runtime.setup(SEED)
rng = np.random.default_rng(SEED)
SIZE = 96  # longer side, in pixels, of the pictures that are taken apart
LARGER = runtime.pick(cpu=128, gpu=384)  # of those that are painted through each network

# %% [markdown]
# ## 1 · One picture, two questions
#
# Hokusai made *The Great Wave off Kanagawa* around 1831 from a few colours, dark outlines, and claws of foam. How would he have printed the Summer Palace in Beijing, or a cat? In 2015 Gatys, Ecker and Bethge found an answer that needs no dataset of pairs and no training: take a network that was trained to recognise things, and ask its feature maps two questions.
#
# A convolutional network turns a picture into maps: at each of $N=H\cdot W$ **positions** $i$ a vector $x_i\in\mathbb R^C$ of $C$ numbers, one for each **channel**. A channel answers to something: an edge in one direction, a colour against another, a texture.
#
# - **What is there, and where?** The list $x_1,\dots,x_N$ *with its places*. Two pictures with the same list show the same thing. This is **content**.
# - **What kinds of marks is it made of?** The same vectors *without their places*: which vectors occur, how often, which channels answer together. This is **style**.
#
# So style is a **distribution**: that of $x_i$, where $i$ is a position drawn at random. Everything that lessons 01 to 09 have said about comparing distributions is now about pictures and their manner. To transfer a style means: *keep the vectors near where they were, and change their distribution into that of another picture.*
#
# Here are the photographs that we shall paint (none of them was used to train a network of this course) and some of the manners.


# %%
def fitted(picture, size):
    """A picture uint8 (H, W, 3) with ``size`` pixels on its longer side."""
    factor = size / max(picture.shape[:2])
    return images.resize(picture[None], tuple(round(side * factor) for side in picture.shape[:2]))[0]


def shown(pictures, columns=4, width=2.4, alt=""):
    """A figure of pictures, title -> (H, W, 3), each with its own size."""
    rows = -(-len(pictures) // columns)
    height = width * max(x.shape[0] / x.shape[1] for x in pictures.values()) + 0.3
    figure, axes = plots.canvas(columns * width, rows * height, rows, columns, alt, squeeze=False)
    for each in axes.flat:
        each.set_axis_off()
    for each, (name, picture) in zip(axes.flat, pictures.items(), strict=False):
        each.imshow(picture, interpolation="nearest", cmap="gray")
        each.set_title(name, fontsize=9)
    return figure


photos = {work.title: work.image for work in data.load_photos("test")}
paintings = {work.title: work.image for work in data.load_paintings()}
WAVE, SNOW = "The Great Wave off Kanagawa", "The Benzaiten Shrine at Inokashira in Snow"
PAIRS = {
    "China": WAVE,
    "Chelsea the cat": "Summertime",
    "Coffee cup": "Bal du moulin de la Galette",
    "Flower": SNOW,
}
content, manner = fitted(photos["China"], SIZE), fitted(paintings[WAVE], SIZE)
SHORT = {WAVE: "The Great Wave", SNOW: "Shrine in Snow", "Bal du moulin de la Galette": "Moulin de la Galette"}
both = {name: fitted(photos[name], 96) for name in PAIRS}
both |= {SHORT.get(name, name): fitted(paintings[name], 96) for name in PAIRS.values()}
shown(
    both,
    alt="Above, four photographs: a pagoda above a lake, a cat, a cup of coffee, an orange dahlia. Below, four paintings: a great blue wave with foam like claws; two women in a boat among ducks, in loose strokes; a crowd in dappled light; a print of a shrine in snow.",
)

# %% [markdown]
# Let us look through a network. **EfficientNet-Lite0** learned to name a thousand kinds of thing in photographs; the course ships it. We take its maps after the first four stages, at ½, ¼, ⅛ and ¹⁄₁₆ of the picture's size. Three channels of the second stage, those that vary most in the painting, for both pictures:

# %%
lite0 = style.feature_network("lite0")


def maps_of(picture, network=lite0):
    """Feature maps of a picture uint8 (H, W, 3), by layer: each (1, h, w, C)."""
    return network.model(images.to_float(picture)[None], training=False)


def positions(maps):
    """The features of all positions, without their places: (1, h, w, C) -> (N, C)."""
    return np.asarray(maps, np.float64).reshape(-1, maps.shape[-1])


seen = {"photograph": maps_of(content)["stage_1"][0].numpy(), "painting": maps_of(manner)["stage_1"][0].numpy()}
strongest = np.argsort(-seen["painting"].var(axis=(0, 1)))[:3]
looks = {"photograph": content} | {f"channel {c} of the photograph": seen["photograph"][..., c] for c in strongest}
looks |= {"painting": manner} | {f"channel {c} of the painting": seen["painting"][..., c] for c in strongest}
for name, maps in maps_of(manner).items():
    print(f"{name}: {maps.shape[1]} × {maps.shape[2]} positions, {maps.shape[3]} channels")
shown(
    looks, alt="The pagoda and the wave, each beside three grey maps: one channel follows light areas, others outlines."
)

# %% [markdown]
# ## 2 · The Gram matrix
#
# The simplest thing to say about a distribution of vectors is its mean. The next is which components are large *together*. Put the features into a matrix $X$ with one row for each position, and let
#
# $$G=\frac1N\sum_{i=1}^Nx_ix_i^\top=\frac1NX^\top X\in\mathbb R^{C\times C}.$$
#
# The entry $G_{cd}$ is the average product of channels $c$ and $d$: the **Gram matrix** of the channels. Four facts follow at once.
#
# 1. **Places do not count.** A sum does not know the order of its terms: permute the rows of $X$, and $G$ stays.
# 2. **Size does not count.** Show the picture twice side by side, and sum and $N$ both double. Without the factor $1/N$ this would not hold (section 5).
# 3. **Mean and covariance are in it.** With $\mu=\frac1N\sum x_i$ and the covariance $\Sigma=\frac1N\sum(x_i-\mu)(x_i-\mu)^\top$, multiply out: $\Sigma=\frac1N\sum x_ix_i^\top-\mu\mu^\top-\mu\mu^\top+\mu\mu^\top$, that is, $G=\Sigma+\mu\mu^\top$.
# 4. **Much more than order gets lost.** Let $Q$ be *any* orthogonal $N\times N$ matrix, $Q^\top Q=I$. Then $(QX)^\top QX=X^\top Q^\top QX=X^\top X$. Permutations are only the plainest orthogonal matrices; a general $Q$ *mixes* all positions.
#
# Fact 4 is the whole story:
#
# $$\boxed{\;X'^\top X'=X^\top X\quad\Longleftrightarrow\quad X'=QX\text{ with an orthogonal }Q\;}\qquad(X, X'\text{ both }N\times C).$$
#
# The direction $\Leftarrow$ was just shown. For $\Rightarrow$, take the singular value decompositions. $X^\top X$ fixes its eigenvectors $V$ and eigenvalues $s_c^2$, so both matrices can be written $X=USV^\top$ and $X'=U'SV^\top$ with the same $S$ and $V$. $U$ and $U'$ each have orthonormal columns ($N$ entries each). Complete both to orthonormal bases of $\mathbb R^N$, which gives orthogonal matrices $\bar U=[U\ \cdots]$ and $\bar U'$. Then $Q=\bar U'\bar U^\top$ is orthogonal and
# takes the columns of $U$ to those of $U'$, so $QX=U'SV^\top=X'$. (If some $s_c$ is 0 its column drops out of the product and may be chosen freely.)


# %%
def gram(x):
    """Gram matrix (C, C) of the features x (N, C) of N positions."""
    return x.T @ x / len(x)


def relative_gram_error(x, y):
    """Squared relative difference of two Gram matrices: 0 for equal ones, 1 against nothing."""
    return np.sum((gram(x) - gram(y)) ** 2) / np.sum(gram(y) ** 2)


x = positions(maps_of(content)["stage_2"])
mean = x.mean(axis=0)
assert np.allclose(gram(x[rng.permutation(len(x))]), gram(x)), "1: the order of positions"
assert np.allclose(gram(np.concatenate([x, x])), gram(x)), "2: twice the picture"
assert np.allclose(gram(x), np.cov(x.T, bias=True) + np.outer(mean, mean)), "3: covariance and mean"
assert np.allclose(gram(x), losses.gram(maps_of(content)["stage_2"])[0], rtol=1e-4, atol=1e-3), "the library's"

some = x[:, :12]  # 4: another matrix with the same Gram matrix, and the Q that leads to it
values, vectors = np.linalg.eigh(gram(some))
U, _ = np.linalg.qr(rng.normal(size=(len(some), 12)))
other = np.sqrt(len(some)) * U @ (vectors * np.sqrt(values.clip(0))).T
Q = linalg.orthogonal_procrustes(some.T, other.T)[0].T  # the orthogonal Q that brings Q @ some nearest to other
print(
    f"Gram matrices differ by {abs(gram(other) - gram(some)).max():.1e}, Q X from X' by {abs(Q @ some - other).max():.1e}"
)
assert np.allclose(gram(other), gram(some)) and np.allclose(Q @ Q.T, np.eye(len(Q)))
assert np.allclose(Q @ some, other), "an orthogonal mixing of positions"

# %% [markdown]
# ### What this looks like
#
# Take the pixels themselves as features ($C=3$). Two pictures with *exactly* the Gram matrix of the wave: its pixels shuffled; and its pixels mixed by an orthogonal matrix. For the second we take waves: the two-dimensional cosine transform is orthogonal; flip the sign of half of its coefficients at random (also orthogonal) and transform back. (The constant wave keeps its sign, so that the mean stays.)


# %%
def mixed(x, rng):
    """Features (H, W, C) after an orthogonal mixing of their positions that keeps the mean."""
    signs = rng.choice([-1.0, 1.0], (*x.shape[:2], 1))
    signs[0, 0] = 1
    return fft.idctn(signs * fft.dctn(x, axes=(0, 1), norm="ortho"), axes=(0, 1), norm="ortho")


pixels = images.to_float(manner).astype(np.float64)
same_gram = {
    "the wave": pixels,
    "its pixels shuffled": rng.permutation(pixels.reshape(-1, 3)).reshape(pixels.shape),
    "its pixels mixed": mixed(pixels, rng),
}
seen_as = {name: images.to_uint8(x.clip(-1, 1)) for name, x in same_gram.items()} | {
    "its mirror image": manner[:, ::-1]
}
for name, x in same_gram.items():
    assert np.allclose(gram(x.reshape(-1, 3)), gram(pixels.reshape(-1, 3))), name
print("relative Gram error against the wave, through Lite0")
deep = {}
for name in list(seen_as)[1:]:
    pairs = [(positions(maps_of(seen_as[name])[k]), positions(maps_of(manner)[k])) for k in lite0.style]
    deep[name] = [relative_gram_error(*pair) for pair in pairs]
    print(f"{name:20}", *(f"{k} {error:6.3f}" for k, error in zip(lite0.style, deep[name], strict=True)))
for name in ("its pixels shuffled", "its pixels mixed"):
    assert all(far > 3 * near for far, near in zip(deep[name], deep["its mirror image"], strict=True))
shown(seen_as, alt="The wave; coloured noise; a cloudy texture in the wave's colours; the wave mirrored.")

# %% [markdown]
# All of the first three have the same Gram matrix of *pixels*, and nobody would call the middle two prints by Hokusai. (A few mixed values lie outside the range of grey levels and are clipped for showing.) The remedy is in the last lines: through Lite0, the Gram matrices of shuffled and mixed pixels are far away, while those of the mirror image, which *is* in the wave's manner, stay near. A map deep in a network has already put neighbouring pixels together into each $x_i$. **Second moments are enough if the features are rich.** That is why networks come in, and why it will matter which one.
#
# ## 3 · The style loss is a distance of distributions
#
# The style loss of one layer is the squared difference of two Gram matrices, $\lVert G_a-G_b\rVert_F^2=\sum_{cd}(G_{a,cd}-G_{b,cd})^2$. Why squares of *these* numbers? Recall the **MMD** of lesson 09: choose statistics $\varphi(x)$, and compare their means. With the kernel $k(x,y)=\varphi(x)^\top\varphi(y)$,
#
# $$\mathrm{MMD}^2=\Big\lVert\frac1N\sum_i\varphi(x_i)-\frac1M\sum_j\varphi(y_j)\Big\rVert^2=\frac1{N^2}\sum_{i,i'}k(x_i,x_{i'})+\frac1{M^2}\sum_{j,j'}k(y_j,y_{j'})-\frac2{NM}\sum_{i,j}k(x_i,y_j).$$
#
# Let the statistics be **all products of two channels**, $\varphi(x)=(x_cx_d)_{c,d=1..C}$, so $C^2$ numbers. Their mean over positions is the Gram matrix, entry by entry. And the kernel needs no products of channels at all:
#
# $$k(x,y)=\sum_{c,d}x_cx_d\,y_cy_d=\Big(\sum_cx_cy_c\Big)\Big(\sum_dx_dy_d\Big)=(x^\top y)^2.$$
#
# Hence, exactly and for any numbers of positions $N$ and $M$ ([Li et al. 2017](https://arxiv.org/abs/1701.01036)),
#
# $$\boxed{\;\lVert G_a-G_b\rVert_F^2=\mathrm{MMD}^2\text{ of the two sets of positions with the kernel }(x^\top y)^2\;}$$
#
# All pairs count here, $i=i'$ too: the two pictures are not samples from something larger, they *are* the distributions. (So there is no bias to remove, unlike in lesson 09.) The left side costs $N C^2$ operations, the right side $N^2C$: with thousands of positions and some dozens of channels, the Gram matrix is the bargain.


# %%
def squared_mmd(x, y):
    """Squared MMD of positions x (N, C) and y (M, C) with the kernel (x·y)², over all pairs."""
    return np.mean((x @ x.T) ** 2) + np.mean((y @ y.T) ** 2) - 2 * np.mean((x @ y.T) ** 2)


seconds = {"Gram": 0.0, "kernel": 0.0}
for layer in lite0.style:
    x, y = positions(maps_of(content)[layer]), positions(maps_of(fitted(paintings[WAVE], 112))[layer])
    start = time.perf_counter()
    by_gram = np.sum((gram(x) - gram(y)) ** 2)
    middle = time.perf_counter()
    by_kernel = squared_mmd(x, y)
    seconds["Gram"] += middle - start
    seconds["kernel"] += time.perf_counter() - middle
    print(f"{layer}: N = {len(x):5}, M = {len(y):5}, C = {x.shape[1]:3}:  Gram {by_gram:.10g}, kernel {by_kernel:.10g}")
    assert np.isclose(by_gram, by_kernel, rtol=1e-8)
print(", ".join(f"{name} {value:.3f} s" for name, value in seconds.items()))

# %% [markdown]
# ### Another kernel, another idea of style
#
# Now the loss has a dial. The linear kernel $x^\top y$ compares means only. The kernel $(x^\top y+c)^2=(x^\top y)^2+2c\,x^\top y+c^2$ is a sum of kernels, and a sum of kernels adds up the MMDs (the constant cancels, since $1+1-2=0$):
#
# $$\boxed{\;\mathrm{MMD}^2_{(x^\top y+c)^2}=\lVert G_a-G_b\rVert_F^2+2c\,\lVert\mu_a-\mu_b\rVert^2\;}$$
#
# Without the second term, the Gram matrix has a blind spot that is easy to name: $x\mapsto-x$ changes no product of two. It sees *which channels are active together*, not their sign. And as lesson 09 has shown for means and covariances, any two distributions with the same second moments are one and the same to it.


# %%
def mmd_with_constant(x, y, c):
    """Squared MMD with the kernel (x·y + c)², over all pairs."""
    return np.mean((x @ x.T + c) ** 2) + np.mean((y @ y.T + c) ** 2) - 2 * np.mean((x @ y.T + c) ** 2)


x, y = positions(maps_of(content)["stage_2"]), positions(maps_of(manner)["stage_2"])
for c in (0.0, 1.0, 30.0):
    split = np.sum((gram(x) - gram(y)) ** 2) + 2 * c * np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2)
    print(f"c = {c:4}: kernel {mmd_with_constant(x, y, c):.8g}, Gram and means {split:.8g}")
    assert np.isclose(mmd_with_constant(x, y, c), split)
assert squared_mmd(x, -x) < 1e-9 * np.sum(gram(x) ** 2) < mmd_with_constant(x, -x, 1.0), "the sign: c sees it"
two_points, gaussian = np.array([[-1.0], [1.0]]), rng.normal(size=(20_000, 1))
print(f"coin against Gaussian, both with variance 1: {squared_mmd(two_points, gaussian[:4_000]):.4f}")
assert squared_mmd(two_points, gaussian[:4_000] / gaussian[:4_000].std()) < 1e-2

# %% [markdown]
# ### Which way is downhill?
#
# Move one feature vector a little, $x_i\to x_i+dx_i$. With $D=G-A$ for a target $A$ (both symmetric, so $D$ is), the loss $L=\lVert D\rVert_F^2$ changes by
#
# $$dL=2\langle D,dG\rangle=\frac2N\big\langle D,\ dX^\top X+X^\top dX\big\rangle=\frac4N\langle D,X^\top dX\rangle=\frac4N\langle XD,\,dX\rangle,$$
#
# where $\langle A,B\rangle=\sum_{cd}A_{cd}B_{cd}=\operatorname{tr}A^\top B$; the two terms are equal because $D$ is symmetric. So
#
# $$\boxed{\;\frac{\partial}{\partial X}\lVert G-A\rVert_F^2=\frac4N\,X(G-A)\;}$$
#
# Read it row by row: every position is moved by **the same matrix** $G-A$. If features could be moved freely, a step of gradient descent would be $X\leftarrow X(I-\eta(G-A))$, and after any number of steps $X=X_0M$: style transfer, in feature space, is *one linear map for all positions*. Keep this in mind for section 7, where somebody will choose that map at once instead of descending to it.


# %%
def gram_loss_gradient(x, target):
    """Gradient (N, C) of ‖G − target‖² with respect to the features x (N, C)."""
    return 4 / len(x) * x @ (gram(x) - target)


target = gram(y)
with tf.GradientTape() as tape:
    moving = tf.constant(x)
    tape.watch(moving)
    loss = tf.reduce_sum((tf.transpose(moving) @ moving / len(x) - target) ** 2)
assert np.allclose(tape.gradient(loss, moving), gram_loss_gradient(x, target), rtol=1e-8, atol=1e-8)

free, size = x.copy(), 0.2 / max(np.linalg.eigvalsh(gram(x))[-1], np.linalg.eigvalsh(target)[-1])
for _ in range(3_000):
    free -= size * len(x) / 4 * gram_loss_gradient(free, target)
M = np.linalg.lstsq(x, free, rcond=None)[0]
print(f"relative Gram error {relative_gram_error(x, y):.3f} before, {relative_gram_error(free, y):.1e} after")
print(f"largest deviation from one linear map: {abs(x @ M - free).max():.1e}")
assert relative_gram_error(free, y) < 0.01 * relative_gram_error(x, y)
assert np.allclose(x @ M, free, atol=1e-6 * abs(free).max())

# %% [markdown]
# ## 4 · Painting by descent
#
# Features cannot be moved freely: they belong to a picture. So the *picture* is what we optimise. Its pixels are the parameters, the network stays as it is, and three terms are weighed against each other:
#
# $$L=\underbrace{\frac{\operatorname{mean}(F-P)^2}{\operatorname{mean}_c\operatorname{Var}P_c}}_{\text{content}}+\lambda\;\underbrace{\frac1K\sum_{k=1}^K\frac{\lVert G_k-A_k\rVert_F^2}{\lVert A_k\rVert_F^2}}_{\text{style}}+\nu\,\underbrace{\mathrm{TV}}_{\text{grain}}.$$
#
# - **Content:** the picture's map $F$ in one middle layer against the photograph's, $P$, at each position. Divided by the variance of $P$ over positions, it is 1 for a map that has lost everything but its mean.
# - **Style:** Gram matrices in $K$ layers, from fine to coarse, against those of the painting, $A_k$. Divided by their own size, each layer counts alike, and 1 means as far as nothing at all.
# - **Grain:** the *total variation*, the mean absolute difference of neighbouring pixels. It restrains noise that the network does not notice.
#
# $\lambda$ is the **strength**. Because the terms are relative, it means roughly the same for different layers and sizes; how far that is true for different *networks* we shall see.
#
# Two choices remain. **Where to start?** At the photograph: then a short descent suffices. **Which coordinates?** Adam divides each gradient by its own size, so that all coordinates move about equally fast. In red, green and blue this makes grain in all colours. In *lightness and two opponent colours* it makes less, since lightness is where drawing happens; `style.OPPONENT` holds these three directions as steps in R, G, B. Finally, convolutions pad with zeros, which is a black frame to the network; so we mirror a few pixels around the picture.
#
# Here is all of it.


# %%
def errors(picture, network, photograph, targets):
    """Relative content and style error of a picture (1, H, W, 3), given the maps and Gram matrices to reach."""
    maps = network.model(picture, training=False)
    variance = tf.reduce_mean(tf.math.reduce_variance(photograph, axis=(1, 2)))
    content_error = tf.reduce_mean((maps[network.content] - photograph) ** 2) / variance
    layers = [tf.reduce_sum((losses.gram(maps[k]) - A) ** 2) / tf.reduce_sum(A**2) for k, A in targets.items()]
    return content_error, tf.add_n(layers) / len(layers)


def grain(picture):
    """Mean absolute difference of neighbouring pixels of (1, H, W, 3): the total variation."""
    down, right = picture[:, 1:] - picture[:, :-1], picture[:, :, 1:] - picture[:, :, :-1]
    return tf.reduce_mean(tf.abs(down)) + tf.reduce_mean(tf.abs(right))


def mirrored(picture):
    """The picture (1, H, W, 3) with four mirrored pixels on every side."""
    return tf.pad(picture, [(0, 0), (4, 4), (4, 4), (0, 0)], "SYMMETRIC")


def paint(content, manner, network, steps=60, strength=10.0, variation=0.5, rate=0.03):
    """Paint ``content`` in ``manner``, both uint8 (h, w, 3) -> pictures uint8 (steps + 1, h, w, 3), errors (steps, 2)."""
    start = images.to_float(content)[None]
    photograph = network.model(mirrored(start), training=False)[network.content]
    read = network.model(images.to_float(manner)[None], training=False)
    targets = {name: losses.gram(read[name]) for name in network.style}
    to_colours = np.linalg.inv(style.OPPONENT)
    colours = tf.Variable(start @ to_colours)  # lightness and two opponent colours of each pixel
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))

    @tf.function
    def errors_and_gradient():
        with tf.GradientTape() as tape:
            picture = colours @ style.OPPONENT
            content_error, style_error = errors(mirrored(picture), network, photograph, targets)
            loss = content_error + strength * style_error + variation * grain(picture)
        return content_error, style_error, tape.gradient(loss, colours)

    pictures, log = [content], []
    for _ in range(steps):
        content_error, style_error, gradient = errors_and_gradient()
        optimizer.apply_gradients([(gradient, colours)])
        in_range = tf.clip_by_value(colours @ style.OPPONENT, -1, 1)
        colours.assign(in_range @ to_colours)
        pictures.append(images.to_uint8(in_range[0].numpy()))
        log.append((float(content_error), float(style_error)))
    return np.stack(pictures), np.array(log)


start = time.process_time()
pictures, log = paint(content, manner, lite0)
print(f"{time.process_time() - start:.1f} processor seconds")
print(f"content error {log[0, 0]:.3f} -> {log[-1, 0]:.3f}, style error {log[0, 1]:.3f} -> {log[-1, 1]:.3f}")
assert log[-1, 1] < 0.4 * log[0, 1], "most of the style error has gone"
assert 0 == round(log[0, 0], 6) < log[-1, 0] < 1, "paid for with content, but not with all of it"
moments_shown = (0, 5, 20, 60)
shown(
    {f"step {k}": pictures[k] for k in moments_shown},
    alt="The pagoda at four steps: the photograph; the sky turning sandy; blue-black outlines; rounded dark shapes and curved strokes in the wave's colours.",
)

# %%
figure, axes = plots.canvas(7, 3)
for k, name in enumerate(("content error", "style error")):
    axes.plot(np.maximum(log[:, k], 1e-3), plots.STYLES[k], color=plots.COLOURS[k], linewidth=2, label=name)
axes.set(xlabel="step", ylabel="relative error", yscale="log", title="Style is bought with content")
axes.legend(frameon=False)
figure.alt_text = f"Log chart over 60 steps: the style error falls from {log[0, 1]:.2f} to {log[-1, 1]:.2f} while the content error rises from 0 to {log[-1, 0]:.2f}."
figure

# %% [markdown]
# **How to read it.** The two errors go in opposite directions, always: at the start the content error is 0, and nothing can improve it. Descent does not find "the" painting; it finds a point on an exchange rate, and $\lambda$ chooses which.
#
# The library's `style.StyleTransfer` does the same and three things more: it paints at a small size first and then at the full one (large strokes first), it moves the picture by a few pixels over the network's grid from step to step, and it compiles once for all sizes. With these turned off it must give the same picture, pixel by pixel:

# %%
through_lite0 = style.StyleTransfer(lite0)
theirs = through_lite0.run(content, manner, size=None, steps=60, scales=1, jitter=False)
difference = np.abs(theirs.astype(int) - pictures[-1]).mean()
print(f"mean difference from the library's picture: {difference:.2f} grey levels")
assert difference < 2

# %% [markdown]
# ## 5 · Four faults of published code
#
# Style transfer code is copied more often than it is checked: a wrong constant gives a picture too, only a worse one.
#
# **Fault 1: the Gram matrix is not divided by the number of positions.** Then the same painting read at twice the size has a Gram matrix four times as large, and a picture of another size than the painting can only match it by being *brighter in feature space*.
#
# **Fault 2: one size for all layers.** Gatys et al. weigh layer $l$ with $C_l$ channels and $N_l$ positions by $1/(4C_l^2N_l^2)$ (their $G$ is not divided by $N$). A widely copied [Keras example](https://keras.io/examples/generative/neural_style_transfer/) divides every layer by $4\cdot3^2\cdot N_1^2$: the *picture's* three channels and its number of pixels. The table shows by how much each layer of VGG-19 is then overweighted.

# %%
manner_sizes = [fitted(paintings[WAVE], size) for size in (SIZE, 2 * SIZE)]
x_small, x_large = (positions(maps_of(picture)["stage_1"]) for picture in manner_sizes)
raw = np.linalg.norm(x_large.T @ x_large) / np.linalg.norm(x_small.T @ x_small)
divided = np.linalg.norm(gram(x_large)) / np.linalg.norm(gram(x_small))
print(f"fault 1: read at twice the size, the Gram matrix grows {raw:.2f} times; divided by N, {divided:.2f} times")
assert raw > 3 and 0.7 < divided < 1.4

VGG = {"block1_conv1": (64, 1), "block2_conv1": (128, 2), "block3_conv1": (256, 4), "block4_conv1": (512, 8)}
VGG |= {"block5_conv1": (512, 16)}  # layer: channels, and by how much its sides are smaller than the picture's


def overweight(channels, smaller):
    """Weight of a layer in the copied code over its weight in the paper: 1/(4·3²·N₁²) over 1/(4·C²·N²)."""
    return channels**2 * (1 / smaller**2) ** 2 / 3**2


print("fault 2:", ", ".join(f"{name} {overweight(*layer):.3g}" for name, layer in VGG.items()))
tilt = overweight(*VGG["block1_conv1"]) / overweight(*VGG["block5_conv1"])
print(f"the first layer counts {tilt:,.0f} times more against the last than in the paper")
assert np.isclose(tilt, 1024)

# %% [markdown]
# **Fault 3: strides draw a grid.** A convolution with stride $s$ and a kernel of $k$ pixels on a line computes outputs at every $s$-th place. The pixel at place $p$ is read by kernel entry $j$ whenever $p-j$ is a multiple of $s$. So the number of times it is read is the number of
#
# $$j\in\{0,\dots,k-1\}\quad\text{with}\quad j\equiv p\ (\text{mod } s),\qquad\text{which is the same for all }p\text{ if and only if } s\text{ divides }k.$$
#
# (Among $k$ consecutive numbers, each remainder occurs $\lfloor k/s\rfloor$ times, and $k\bmod s$ of the remainders once more.) For the usual $k=3$, $s=2$: twice, once, twice, once. In two dimensions 4 : 2 : 2 : 1. The **gradient** with respect to the picture repeats with this period, and a picture that is made of gradients shows it as a checkerboard. It is lesson 10's checkerboard of the transposed convolution, and no accident: the gradient of a convolution *is* a transposed convolution. Maximum pooling is no better, for its gradient goes
# to one pixel in four.
#
# The cure, for any trained network, without training: compute the convolution at *every* pixel (stride 1) and average over blocks. Every pixel is then read equally often. The library's networks are all treated so.


# %%
def times_read(kernel, stride, n=24):
    """How often each of n pixels on a line is read by a strided convolution, away from the borders."""
    line = tf.ones((1, n, 1))
    with tf.GradientTape() as tape:
        tape.watch(line)
        total = tf.reduce_sum(tf.nn.conv1d(line, tf.ones((kernel, 1, 1)), stride, "VALID"))
    return tape.gradient(total, line)[0, kernel:-kernel, 0].numpy()


for kernel, stride in ((3, 2), (5, 2), (4, 2), (3, 3), (3, 1)):
    reads = times_read(kernel, stride)
    print(f"kernel {kernel}, stride {stride}: a pixel is read", *(f"{r:.0f}" for r in reads[:6]), "… times")
    counts = sorted(sum(j % stride == p for j in range(kernel)) for p in range(stride))
    assert sorted(set(reads)) == sorted(set(map(float, counts)))
    assert (np.ptp(reads) == 0) == (kernel % stride == 0)

strided = zoo.load("lite0")
rough = lite0._replace(model=keras.Model(strided.input, {k: strided.get_layer(k).output for k in lite0.style}))
targets = {name: losses.gram(maps_of(manner, rough)[name]) for name in rough.style}
strides = {"strides as trained": rough, "strides smoothed": lite0}
drawn, in_gradient, grains = {}, {}, {}
for name, network in strides.items():
    picture = tf.constant(images.to_float(content)[None])
    with tf.GradientTape() as tape:
        tape.watch(picture)
        maps = network.model(picture, training=False)
        loss = tf.add_n(
            [tf.reduce_sum((losses.gram(maps[k]) - A) ** 2) / tf.reduce_sum(A**2) for k, A in targets.items()]
        )
    gradient = np.abs(tape.gradient(loss, picture)[0, 8:-8, 8:-8].numpy())
    in_gradient[name] = style.checkerboard(gradient, 2)
    painter = style.StyleTransfer(network) if network is rough else through_lite0
    drawn[name] = painter.run(content, manner, size=None, steps=60, scales=1, jitter=False, variation=0.0)
    grains[name] = float(grain(images.to_float(drawn[name])[None]))
    print(
        f"fault 3, {name}: {100 * in_gradient[name]:.2f} % of the gradient's size is a grid; grain {grains[name]:.3f}"
    )
assert in_gradient["strides as trained"] > 5 * in_gradient["strides smoothed"]
assert grains["strides as trained"] > 1.1 * grains["strides smoothed"]
shown(
    drawn,
    columns=2,
    width=4,
    alt="The pagoda painted twice: with strides, sky and trees are full of a fine grid of dots; without, of clean strokes.",
)

# %% [markdown]
# **Fault 4: activations after the ReLU.** A ReLU makes every feature non-negative, and then its mean is large. In $G=\Sigma+\mu\mu^\top$ the second term drowns the first: the loss looks at the average activation of each channel, and hardly at what goes together. With our two small networks we therefore read style *before* the ReLU.


# %%
def share_of_means(x):
    """Share of a squared Gram matrix that the product of the means accounts for."""
    mean = x.mean(axis=0)
    return np.sum(np.outer(mean, mean) ** 2) / np.sum(gram(x) ** 2)


random_network = style.feature_network("random")
by_layer = maps_of(manner, random_network)
for layer in ("block2_conv2", "block2_relu2", "block3_conv2", "block3_relu2"):
    print(f"fault 4, random network, {layer}: {100 * share_of_means(positions(by_layer[layer])):5.1f} % is μμᵀ")
assert share_of_means(positions(by_layer["block3_relu2"])) > 2 * share_of_means(positions(by_layer["block3_conv2"]))

# %% [markdown]
# ## 6 · Whose eyes?
#
# Four networks are on offer as `style.feature_network(name)`:
#
# | name | what it learned | maps |
# |---|---|---|
# | `"random"` | nothing. Normal random weights, scaled so that every channel has mean 0 and variance 1 on some pictures | five layers, to ⅛ of the size |
# | `"lite0"` | to name 1,000 kinds of things in over a million photographs | four stages, to ¹⁄₁₆ |
# | `"course"` | the same small network as `"random"`, trained by this course to tell from which of 30 pictures a patch was cut | as `"random"` |
# | `"vgg"` | as Lite0, but with twenty million parameters in its convolutions: the choice of Gatys et al. Fetched by `keras.applications` (80 MB) | five layers |
#
# The third was trained for exactly this purpose (and has seen all these paintings, though not these photographs): to tell pictures apart, wherever the patch lies, from the means of its channels. That is a statement about style. What its card says:

# %%
card = zoo.card("style-features")
told = card["metrics"]
print(f"{card['data']}; {card['training']['steps']:,} steps, {card['minutes']} minutes on {card['hardware']}")
print(
    f"unseen patches whose nearest mean of channel means is their own picture's: {told['nearest_mean_accuracy']:.1%}; "
    f"with random weights {told['untrained']:.1%}, by guessing {told['chance']:.1%}"
)
assert told["nearest_mean_accuracy"] > told["untrained"] > 2 * told["chance"], (
    "random features know much, training adds"
)

USE_VGG = False  # set to True if you are connected: fetches 80 MB once
try:
    vgg = style.feature_network("vgg") if USE_VGG else None
except RuntimeError as error:  # says what to do
    print(error)

# %% [markdown]
# Now the same photograph and the same print through three pairs of eyes. Each network gets the same optimiser, steps, sizes and strength.

# %%
NETWORKS = {"random": random_network, "lite0": lite0, "course": style.feature_network("course")}
painters = {name: style.StyleTransfer(network) for name, network in NETWORKS.items()} | {"lite0": through_lite0}
painted, seconds = {}, {}
for name, painter in painters.items():
    start = time.process_time()
    painted[name] = painter.run(photos["China"], paintings[WAVE], size=LARGER, steps=80)
    seconds[name] = time.process_time() - start
    high, wide = painted[name].shape[:2]
    print(f"{name:7} {seconds[name]:5.1f} processor seconds for {wide} × {high} pixels")
assert max(seconds.values()) < 60, "no more than a minute, even on one core"
shown(
    {"photograph": fitted(photos["China"], LARGER)} | painted,
    alt="The pagoda photographed, and painted through random features, Lite0 and the course's features.",
)

# %% [markdown]
# **Look before you read numbers.** Look at the sky, which was empty. Random features fill it with coloured grain: they see local contrast and colour, and match these by whatever pixels will do. Lite0 answers with broad, curved strokes, and bends the roofs into waves. The course's features draw: dark contours with light seams beside them, as in relief, and bands of colour in the sky.
#
# But *equal strength* is not a fair comparison. The errors are each network's own, and what is 10 to one may be 1 to another. Nor may a network judge its own picture: it has been optimised to please exactly this judge (lesson 09, rule 5). So two judges that look through no network:
#
# - **patches:** cut all 5 × 5 patches from both pictures and compare the two distributions of patches by the sliced Wasserstein distance: along many random directions, the transport distance of sorted values (lessons 08 and 09), squared and averaged, at three sizes, in units in which 1 is the distance of the painting from a flat colour. Small is *in the painter's manner*.
# - **lightness:** the correlation of lightness with the photograph. Near 1: *the drawing is still there*.
#
# The patches are no neutral judge either. They are a kind of shallow features, and may favour whoever looks at shallow things. So there is a third opinion: how each *other* network sees the picture.
#
# ### The recorded comparison
#
# `tools/record_lesson_14.py` painted four photographs in four manners, through each network, with four strengths from 0.1 to 100, and through random weights with two seeds. Here are the first pair's pictures at the first three strengths (the last looks much like the third), in rows of one network.

# %%
ASSETS = importlib.resources.files("course_lib") / "assets/lessons"
RECORD = json.loads((ASSETS / "14_painted.json").read_text(encoding="utf-8"))
with np.load(ASSETS / "14_painted.npz") as file:
    recorded = {name: file[name] for name in file.files}
runs = [run for run in RECORD["runs"] if run["pair"] != "large"]
untouched = [run for run in runs if run["network"] == "photograph"]
strengths = sorted({run["strength"] for run in runs if "strength" in run})
print(
    f"{len(runs) - len(untouched)} pictures, {RECORD['plan']['size']} pixels, {RECORD['plan']['steps']} steps at 2 sizes"
)
print(f"{RECORD['minutes']} processor minutes, {RECORD['hardware']}, {RECORD['date']}; seeds: {RECORD['seeds']}")
ROWS = {"random": "random 0", "lite0": "lite0", "course": "course"}
plots.side_by_side(
    {row: np.stack([recorded[f"{name}_0_{strength:g}"] for strength in strengths[:3]]) for row, name in ROWS.items()},
    columns=[f"strength {strength:g}" for strength in strengths[:3]],
    size=1.2,
    alt="The pagoda in three rows of three pictures, one row for each network; from left to right the photograph turns into strokes.",
)

# %% [markdown]
# On the plane of the two judges each network draws a curve: from the photograph (upper right: all of the drawing, nothing of the manner) to strong style. **Curves are compared, not points:** a network is better where its curve lies lower at the same remaining drawing.


# %%
def curve(network, pair):
    """Lightness and patch distance (strengths, 2) of one network and pair, the mean over seeds."""
    found = [
        [r for r in runs if r["network"].split()[0] == network and r["pair"] == pair and r["strength"] == s]
        for s in strengths
    ]
    return np.array([[np.mean([r[key] for r in rows]) for key in ("lightness", "patches")] for rows in found])


figure, axes = plots.canvas(9, 2.9, 1, 4, sharey=True)
for k, (photo, each) in enumerate(zip(PAIRS, axes, strict=True)):
    for number, name in enumerate(ROWS):
        line = np.vstack([[untouched[k]["lightness"], untouched[k]["patches"]], curve(name, k)])
        each.plot(
            *line.T,
            plots.STYLES[number],
            marker=plots.MARKERS[number],
            markersize=4,
            color=plots.COLOURS[number],
            label=name,
        )
    each.plot(untouched[k]["lightness"], untouched[k]["patches"], "*", color="black", markersize=11, zorder=3)
    each.set(title=photo, yscale="log", xlabel="lightness kept")
axes[0].set_ylabel("patch distance")
axes[0].legend(frameon=False, fontsize=8)
figure.alt_text = "Four charts, one for each photograph: patch distance against lightness kept; from a star for the photograph three curves of the networks fall to the left."
figure


# %%
KEPT = 0.95  # lightness left at which the networks are compared


def at_equal_drawing(line, kept=KEPT):
    """Patch distance where a curve (n, 2), the photograph first, has this lightness left; nan if it never gets there."""
    lightness, patches = line.T
    if lightness.min() > kept:
        return np.nan
    k = np.argmax(lightness <= kept)  # the first point at or below; the one before it lies above
    share = (lightness[k - 1] - kept) / (lightness[k - 1] - lightness[k])
    return np.exp((1 - share) * np.log(patches[k - 1]) + share * np.log(patches[k]))


def as_markdown(table, head):
    """A Markdown table of rows name -> {column: number}."""
    columns = list(next(iter(table.values())))
    lines = [f"| {head} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join(
        lines + [f"| {name} | " + " | ".join(f"{v:.3g}" for v in row.values()) + " |" for name, row in table.items()]
    )


table = {"the photograph itself": {photo: untouched[k]["patches"] for k, photo in enumerate(PAIRS)}}
for name in ROWS:
    starts = [[run["lightness"], run["patches"]] for run in untouched]
    table[name] = {photo: at_equal_drawing(np.vstack([starts[k], curve(name, k)])) for k, photo in enumerate(PAIRS)}
for photo in PAIRS:
    order = sorted(ROWS, key=lambda name: np.nan_to_num(table[name][photo], nan=np.inf))
    print(f"{photo}: nearest to the painter's patches is {order[0]}, then {order[1]}, then {order[2]}")
Markdown(
    "**Patch distance where the lightness kept is 0.95** (log-linear between recorded strengths)\n\n"
    + as_markdown(table, "network")
)

# %% [markdown]
# And the opinion of the networks on each other. Each row is a painter, at the strength whose lightness is nearest to 0.95 on average; each column a judge's relative style error, averaged over the four pairs (geometric mean). The random judge has other weights than all random painters.

# %%
JUDGES = {"random 9": "by random features", "lite0": "by Lite0", "course": "by the course's"}


def typical(values):
    """Geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


opinions = {"the photograph itself": {JUDGES[j]: typical([r[f"style by {j}"] for r in untouched]) for j in JUDGES}}
for name in ROWS:
    kept = np.mean([curve(name, k)[:, 0] for k in range(4)], axis=0)
    chosen = strengths[int(np.argmin(abs(kept - KEPT)))]
    rows = [r for r in runs if r["network"].split()[0] == name and r["strength"] == chosen]
    opinions[f"{name}, strength {chosen:g}"] = {JUDGES[j]: typical([r[f"style by {j}"] for r in rows]) for j in JUDGES}
for judge, painter in zip(JUDGES.values(), ROWS, strict=True):
    best = min(list(opinions)[1:], key=lambda name: opinions[name][judge])
    print(f"{judge}: best is {best}")
    assert best.startswith(painter), "everybody likes their own"
    assert max(row[judge] for row in opinions.values()) == opinions["the photograph itself"][judge], (
        "all transfer something"
    )
for photo in PAIRS:
    assert table["lite0"][photo] == min(row[photo] for row in table.values()), "the patches like Lite0, each time"
assert sum(table["random"][photo] > 0.9 * table["the photograph itself"][photo] for photo in PAIRS) == 3
Markdown(as_markdown(opinions, "painted through"))

# %% [markdown]
# **The verdict.** Look at the last table first: *each judge likes its own painter best.* Three papers could be written from it, each with a table in bold. This is why a network must not judge itself.
#
# Each painter also improves, in the eyes of every other network, on the photograph: all three transfer *something* that the others recognise. Random features carry a good deal: the colours, the contrast, the size of the marks. That is remarkable for a network that has learned nothing, and it is what He, Wang and Hopcroft found in 2016 with a larger one. But they fill quiet areas with grain, and so, in three of the four pairs, the patches of their pictures are hardly nearer to the painter's than those of the photograph, or even farther away. Lite0, which has seen a million photographs, wins by the patches in all four pairs, and by the eye of the author of these lines. The course's
# features lie in between for some pairs and behind for others: some minutes of training on thirty pictures do not replace ImageNet.
#
# And one pair fails for everyone: the dahlia on its dark teal ground stays far from the snow print's patches. When photograph and painting share neither colours nor tones, keeping the drawing and matching the patches contradict each other; $\lambda$ cannot settle that.

# %% [markdown]
# ## 7 · AdaIN: the same idea in one step
#
# Painting by descent takes seconds to minutes for each picture. Section 3 has shown that in feature space it is one linear map for all positions. Huang and Belongie ([2017](https://arxiv.org/abs/1703.06868)) choose a map that can be written down at once, channel by channel, and leave the way back from features to pixels to a trained **decoder**.
#
# ### The smallest change that matches two moments
#
# Look at one channel: numbers $x_1,\dots,x_N$ with mean $m$ and standard deviation $s>0$. Replace them by $y_1,\dots,y_N$ with the painting's mean $m'$ and standard deviation $s'$, and *change them as little as possible*, so that the content stays: minimise $\frac1N\sum(y_i-x_i)^2$. Split off the means, $y_i-x_i=(m'-m)+(\tilde y_i-\tilde x_i)$; the mixed term vanishes because $\tilde x$ and $\tilde y$ have mean 0:
#
# $$\frac1N\sum_i(y_i-x_i)^2=(m'-m)^2+s'^2+s^2-\frac2N\sum_i\tilde x_i\tilde y_i\ \ge\ (m'-m)^2+s'^2+s^2-2ss',$$
#
# by Cauchy–Schwarz, $\frac1N\sum\tilde x_i\tilde y_i\le s\,s'$, with equality exactly if $\tilde y$ is a non-negative multiple of $\tilde x$. The standard deviation fixes the multiple, $s'/s$. So the best choice is unique,
#
# $$\boxed{\;y_i=m'+\frac{s'}{s}(x_i-m),\qquad\text{at a cost of }(m'-m)^2+(s'-s)^2\;}$$
#
# **adaptive instance normalisation**: normalise each channel of the photograph's map, then give it the painting's moments. The cost is the Fréchet distance on a line of lesson 09, and it had to be: there, too, the question was the cheapest way between two pairs of moments.


# %%
def adain(content, style):
    """Features (N, C) with mean and standard deviation of the style's (M, C) in every channel."""
    normalised = (content - content.mean(axis=0)) / content.std(axis=0)
    return normalised * style.std(axis=0) + style.mean(axis=0)


x, y = positions(maps_of(content)["stage_2"]), positions(maps_of(manner)["stage_2"])
matched = adain(x, y)
assert np.allclose(matched.mean(axis=0), y.mean(axis=0)) and np.allclose(matched.std(axis=0), y.std(axis=0))
assert np.allclose(adain(matched, y), matched), "twice is once"
assert np.allclose(matched, style.adain(x[None, :, None], y[None, :, None])[0, :, 0]), "the library's"

least = np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2 + (x.std(axis=0) - y.std(axis=0)) ** 2)
cost = np.mean(np.sum((matched - x) ** 2, axis=1))
print(f"AdaIN changes a feature vector by {cost:.4f} on average, the bound says {least:.4f}")
assert np.isclose(cost, least)
others = [adain(x + level * x.std(axis=0) * rng.normal(size=x.shape), y) for level in np.geomspace(0.01, 10, 200)]
others += [adain(np.sign(x - x.mean(axis=0)) * abs(x - x.mean(axis=0)) ** power, y) for power in (0.5, 0.9, 1.1, 2.0)]
costs = [np.mean(np.sum((z - x) ** 2, axis=1)) for z in others]
print(f"of {len(others)} other changes to the same moments the cheapest costs {min(costs):.4f}")
assert min(costs) > least

# %% [markdown]
# ### What AdaIN leaves
#
# The Gram matrix is $\Sigma+\mu\mu^\top$. AdaIN sets $\mu$ and the *diagonal* of $\Sigma$. Off the diagonal it only rescales: with $D=\operatorname{diag}(s'_c/s_c)$, the new covariance is $D\Sigma D$, and
#
# $$\boxed{\;\operatorname{corr}_{cd}=\frac{\Sigma_{cd}}{\sqrt{\Sigma_{cc}\Sigma_{dd}}}\ \text{ remains the photograph's}\;}$$
#
# because the factors $s'_c/s_c$ cancel. Which channels answer *together* is not transferred, though Gram matrices are all about that. How much is this? It can be counted, layer by layer.

# %%
correlations = [np.corrcoef(z.T) for z in (x, matched, y)]
assert np.allclose(correlations[0], correlations[1])
left = {}
for layer in lite0.style:
    x, y = positions(maps_of(content)[layer]), positions(maps_of(manner)[layer])
    stages = {"photograph": x, "means matched": x - x.mean(axis=0) + y.mean(axis=0), "AdaIN": adain(x, y)}
    left[layer] = {name: relative_gram_error(z, y) for name, z in stages.items()}
print("relative Gram error")
for layer, row in left.items():
    print(f"{layer}: " + ", ".join(f"{name} {value:.3f}" for name, value in row.items()))
    assert 0.25 < 1 - row["AdaIN"] / row["photograph"] < 0.75, "about half of it, more or less"

# %% [markdown]
# Two numbers for each channel remove about half of an error of $C^2$ numbers; what is left is the correlations. Exercise 5 takes the next step, a full matrix in place of $C$ factors.
#
# ### The decoder, and its loss
#
# $$\text{picture}=d\big(\mathrm{AdaIN}(e(\text{photograph}),\,e(\text{painting}))\big)$$
#
# The encoder $e$ is our feature network up to a middle layer, at a quarter of the size, and stays as it is. Only the decoder $d$ is trained, on pairs of patches, with two demands on the decoded picture (equations 12 and 13 of the paper): **content:** looked at again by $e$, it must show the very map that AdaIN had made; **style:** in three layers, means and standard deviations must be those of the painting.
#
# The paper stops here. Our encoder is small and was trained on contours, and a decoder that pleases only this encoder drew every contour as a thick black line: the features did not mind. So there is a third demand, **pixels**: decoded from its *own* maps, a photograph must come back as it was, in mean squared error.
#
# Written out in full, and tried for a few steps:


# %%
DECODED = "block3_relu1"
MATCHED = ("block1_relu1", "block2_relu1", "block3_relu1")
encoder = NETWORKS["course"].model


def adain_losses(encoder, decoded, target, painting):
    """Content and style loss of decoded pictures (n, h, w, 3), given AdaIN's maps and the paintings."""
    got, wanted = encoder(decoded), encoder(painting)
    content_loss = tf.reduce_mean((got[DECODED] - target) ** 2)
    style_loss = 0.0
    for name in MATCHED:
        for a, b in zip(style.channel_moments(got[name]), style.channel_moments(wanted[name]), strict=True):
            style_loss += tf.reduce_mean((a - b) ** 2)
    return content_loss, style_loss


def train_decoder(decoder, encoder, batches, style_weight=10.0, pixel_weight=100.0, rate=1e-3):
    """Train a decoder on batches (photographs, paintings) of float patches; losses content, style, pixels (steps, 3)."""
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=1.0)
    optimizer.build(decoder.trainable_variables)

    @tf.function
    def train_step(photograph, painting):
        maps = encoder(photograph)[DECODED]
        target = style.adain(maps, encoder(painting)[DECODED])
        with tf.GradientTape() as tape:
            content_loss, style_loss = adain_losses(encoder, decoder(target, training=True), target, painting)
            pixels = tf.reduce_mean((decoder(maps, training=True) - photograph) ** 2)
            loss = content_loss + style_weight * style_loss + pixel_weight * pixels
        gradients = tape.gradient(loss, decoder.trainable_variables)  # the encoder's weights are left alone
        optimizer.apply_gradients(zip(gradients, decoder.trainable_variables, strict=True))
        return content_loss, style_loss, pixels

    return np.array([[float(value) for value in train_step(*batch)] for batch in batches])


def patches(pictures, n, size=48):
    """n random patches, float (n, size, size, 3), of pictures read at 160 pixels."""
    small = [fitted(picture, 160) for picture in pictures]
    cut = []
    for k in rng.integers(len(small), size=n):
        top, left = (rng.integers(side - size + 1) for side in small[k].shape[:2])
        cut.append(small[k][top : top + size, left : left + size])
    return images.to_float(np.stack(cut))


known = [work.image for work in data.load_photos("train")]
batches = [(patches(known, 8), patches(list(paintings.values()), 8)) for _ in range(runtime.pick(cpu=50, gpu=500))]
start = time.process_time()
short = train_decoder(nets.style_decoder(width=32), encoder, batches)
first, last = short[:5].mean(axis=0), short[-5:].mean(axis=0)
print(f"{len(short)} steps, {time.process_time() - start:.0f} processor seconds")
for name, before, after in zip(("content", "style", "pixels"), first, last, strict=True):
    print(f"{name:8} {before:.3f} -> {after:.3f}")
assert last @ [1, 10, 100] < 0.8 * first @ [1, 10, 100]

# %% [markdown]
# Fifty steps show that it learns; pictures need thousands. The shipped decoder had them:

# %%
card = zoo.card("style-decoder")
scores = card["metrics"]
print(f"{card['training']['steps']:,} steps, {card['minutes']} minutes on {card['hardware']}")
print(
    f"{scores['test_pairs']} held-out pairs: style loss {scores['style_loss']:.3f}; of the photographs as they are {scores['style_loss_unchanged']:.3f}"
)
print(f"reconstruction of pictures that keep their own style: {scores['reconstruction_psnr']:.1f} dB")
assert scores["style_loss"] < 0.5 * scores["style_loss_unchanged"]

decoder = zoo.load("style-decoder")
fast = style.AdaIN(encoder, decoder)
photograph, painting = patches(known, 4), patches(list(paintings.values()), 4)
decoded, target = fast({"content": photograph, "style": painting})
mine = adain_losses(encoder, decoded, target, painting)
theirs = fast.errors(decoded, target, painting)
assert np.allclose(mine, theirs, rtol=1e-4), "the notebook's losses are the library's"

# %%
LOOKED_AT = ("China", "Chelsea the cat", "Coffee cup")
start = time.process_time()
sheet = {"as it is": np.stack([fitted(photos[name], 144)[:80, 24:128] for name in LOOKED_AT])}
for row, title, strength in (
    ("decoded, strength 0", WAVE, 0.0),
    (SHORT[WAVE], WAVE, 1.0),
    ("Moulin de la Galette", "Bal du moulin de la Galette", 1.0),
):
    made = [fast.stylise(photos[name], paintings[title], strength=strength, size=144) for name in LOOKED_AT]
    sheet[row] = np.stack([picture[:80, 24:128] for picture in made])
print(f"{(time.process_time() - start) / 9:.2f} processor seconds for a picture of 144 pixels")
plots.side_by_side(
    sheet,
    size=1.2,
    alt="Details of three photographs; below them the same decoded without any style, softer; then in two manners by AdaIN: colours, contrast and grain change.",
)

# %% [markdown]
# ### Fast and slow beside each other
#
# The same pair, by AdaIN and by descent, before the two judges that use no network:

# %%
wave_at_size = fitted(paintings[WAVE], LARGER)
start = time.process_time()
by_adain = fast.stylise(photos["China"], paintings[WAVE], size=LARGER)
seconds["AdaIN"] = time.process_time() - start
verdict = {}
for name, picture in {"photograph": fitted(photos["China"], LARGER), "AdaIN": by_adain, **painted}.items():
    verdict[name] = {
        "patch distance": style.patch_distance(picture, wave_at_size),
        "style error by Lite0": through_lite0.measure(picture, photos["China"], paintings[WAVE])[1],
        "lightness kept": style.lightness_correlation(picture, photos["China"]),
        "processor seconds": seconds.get(name, 0.0),
    }
faster = min(seconds[name] for name in painted) / seconds["AdaIN"]
print(f"AdaIN is {faster:.0f} times as fast as the fastest descent")
assert faster > 10
by_lite0 = {name: row["style error by Lite0"] for name, row in verdict.items()}
assert max(by_lite0[name] for name in painted) < by_lite0["AdaIN"] < by_lite0["photograph"]
assert verdict["AdaIN"]["patch distance"] > verdict["photograph"]["patch distance"]
Markdown(as_markdown(verdict, "by"))

# %% [markdown]
# **How to read it.** AdaIN is made for browsing: any photograph, any painting, at once. It moves colours and contrast, and lends areas a grain. By Lite0's opinion, which had no part in it, that is some of the style, though less than any of the descents brought; by the patches the result is even farther from the print than the photograph was. Why? Look at the second row of the sheet, where *no* style was asked for: fine detail is gone, and edges have soft halos. That is not the painter's hand but the **decoder's**. Its maps have a quarter of the picture's resolution, and its training was short (its card says how short, and how many dB its reconstructions reach). Whatever AdaIN paints here, it paints with this blunt pen. Larger decoders behind VGG, trained for days, have a finer one.
#
# Descent has no pen. It looks at the result and corrects it, again and again, in the coordinates of pixels, and can invent strokes that neither the photograph nor a decoder has. A good workflow uses both: browse with AdaIN, then descend. That is the mixer of the next section.
#
# ## 8 · Three dials
#
# **Mix.** AdaIN's map is linear in the painting's means and standard deviations. So for two paintings $a$ and $b$ with shares $1-w$ and $w$, to blend the *statistics* is to blend the *maps*:
#
# $$(1-w)\,\mathrm{AdaIN}(x,a)+w\,\mathrm{AdaIN}(x,b)=\frac{x-m}{s}\big((1-w)s_a+w\,s_b\big)+(1-w)m_a+w\,m_b.$$
#
# For descent, blend the Gram matrices: to approach their mean is the same as to lower the weighted sum of both losses, because $(1-w)\lVert G-A\rVert^2+w\lVert G-B\rVert^2=\lVert G-(1-w)A-wB\rVert^2+w(1-w)\lVert A-B\rVert^2$, and the last term does not depend on $G$ (multiply out both sides).
#
# **Strength.** For AdaIN a number $\alpha$ between 0 and 1: decode $\alpha\,\mathrm{AdaIN}(x,y)+(1-\alpha)\,x$. For descent it is $\lambda$.
#
# **Scale.** A network has a fixed field of view. Read the painting at half the size, and its strokes become half as wide in pixels; at double the size, the network sees only parts of a stroke. The dial costs nothing and is often the one that matters most.

# %%
x, a, b = (positions(maps_of(fitted(p, 64))["stage_1"]) for p in (photos["China"], paintings[WAVE], paintings[SNOW]))
w = 0.3
moments = [(1 - w) * f(a, axis=0) + w * f(b, axis=0) for f in (np.mean, np.std)]
assert np.allclose((1 - w) * adain(x, a) + w * adain(x, b), (x - x.mean(0)) / x.std(0) * moments[1] + moments[0])
G, A, B = gram(x), gram(a), gram(b)
two_losses = (1 - w) * np.sum((G - A) ** 2) + w * np.sum((G - B) ** 2)
assert np.isclose(two_losses, np.sum((G - (1 - w) * A - w * B) ** 2) + w * (1 - w) * np.sum((A - B) ** 2))

WORDS = ("little", "half", "all")
dials = {
    f"strength: {n}": fast.stylise(photos["China"], paintings[WAVE], strength=v, size=96)
    for n, v in zip(WORDS, (0.2, 0.5, 1.0), strict=True)
}
dials |= {
    f"painting read at {v}": fast.stylise(photos["China"], paintings[WAVE], size=96, style_size=v)
    for v in (32, 96, 384)
}
shown(
    dials,
    columns=3,
    width=3,
    alt="Above, the pagoda by AdaIN at growing strength. Below, at full strength with the print read small, as large as the photograph, and four times as large.",
)

# %% [markdown]
# ### The style mixer
#
# `StyleMixer` has all three. Any move shows a preview by AdaIN at once. Then press play under *Refinement*: descent goes on from there, a few steps a tick, through the features that you give it as `painter`. To use pictures of your own, put them into `contents` or `styles` as arrays (`images.to_uint8`, or `data.load_folder`).

# %%
mixer = explore.StyleMixer(
    {name: photos[name] for name in (*PAIRS, "Seeding")},
    {name: paintings[name] for name in (WAVE, SNOW, "Summertime", "Bal du moulin de la Galette", "Poppies", "Spring")},
    fast,
    through_lite0,
    size=128,
)
mixer.show()

# %% [markdown]
# (Without a kernel you see the first photograph on its way from the first style to the second.) Three challenges:
#
# 1. Find a mixture of two manners in which you can still name both. Which dial helps more, the share or the scale?
# 2. Make a picture whose style error is *below* 0.05 and that you would not hang up. What is wrong with it, and why does the error not see it? (Section 2, fact 4.)
# 3. Set the strength to 0 and look closely. What you see is the decoder's own handwriting: everything that is not the photograph comes from it.
#
# ## 9 · A photograph in the manner of the Great Wave
#
# And now larger: 256 pixels, at three sizes one after the other (64, 128, 256), through each network; painted by the recorder with the seconds that it took. The picture is the one that is best by both judges without a network. (The record holds the other two: `recorded["course_large_10"]`.)

# %%
large = [run for run in RECORD["runs"] if run["pair"] == "large"]
for run in large:
    print(
        f"{run['network']:9} strength {run['strength']:g}: {run['seconds']:.0f} processor seconds; "
        f"patch distance {run['patches']:.2f}, lightness kept {run['lightness']:.2f}"
    )
nearest = min(large, key=lambda run: run["patches"])
assert nearest["network"] == "lite0" and nearest["lightness"] == max(run["lightness"] for run in large)
plots.show(
    recorded[f"lite0_large_{nearest['strength']:g}"],
    alt="The Summer Palace in Beijing in the manner of the Great Wave: blue-black roofs bent like waves, a sandy sky with curved strokes, hills like foam.",
    width=768,
)

# %% [markdown]
# ### What this is not
#
# It is not what Hokusai would have done. He would have chosen a moment, moved the lake, left out the trees; the network keeps the photographer's composition and exchanges its marks. “Style” here means *second moments of feature maps*, and that is a surface, though a surprisingly large part of what we recognise a painter by.
#
# And it is a question of manners in another sense. The paintings here are old enough to be in the public domain, and the photographs carry licences that allow changes (`DATA.md`). A living artist's manner is seldom protected by law, yet it is somebody's life's work: ask, and say whose it is. Lesson 15 shows how to write a picture's origin into its file.
#
# ### When it goes wrong
#
# | you see | look for | section |
# |---|---|---|
# | coloured grain in flat areas | $\nu$ too small; features that see only local contrast | 4, 6 |
# | a fine regular grid | strides, maximum pooling | 5 |
# | a dark or glowing frame | zeros at the border: mirror the picture | 4 |
# | colours change, strokes do not | the first layers outweigh the others; after-ReLU features | 5 |
# | one grey soup | strength far too large; Adam's rate too large | 4 |
# | the picture hardly changes | strength too small *for this network*; painting read too large | 6, 8 |
# | the painting's objects appear (a claw of foam in the sky) | Gram matrices of deep layers describe objects, too | 2 |
#
# ### Try this
#
# - Paint through one layer only, the finest, then the coarsest: `lite0._replace(style=("stage_0",))`. What does each contribute?
# - Start at noise (`start="noise"`) with strength 100. What is left of the photograph is what the content layer knows.
# - Take *Mona Lisa* as the photograph and the cat as the painting.
# - Add the means, $c>0$ in section 3, as a second style term to `paint`. Does any picture change?
# - If you are connected, set `USE_VGG = True` and paint through it. Is it better than Lite0, by which judge?
#
# ## Summary
#
# - Content: feature vectors with their places. Style: their distribution without places.
# - $G=\frac1NX^\top X$ is blind to every orthogonal mixing of positions, and to nothing else. Rich features make up for it.
# - $\lVert G_a-G_b\rVert_F^2$ **is** the MMD with the kernel $(x^\top y)^2$. Its gradient moves all positions by one matrix, $\frac4NX(G-A)$.
# - AdaIN is the smallest change that matches mean and standard deviation of each channel. It costs $(m'-m)^2+(s'-s)^2$ and leaves the correlations.
# - Divide by positions, weigh layers by their own sizes, smooth strides, read before the ReLU.
# - Random features carry colour and contrast, trained ones strokes. Judge a painter by eyes that did not paint, at equal remaining content.
#
# ## References
#
# - Gatys, Ecker & Bethge 2015, *A Neural Algorithm of Artistic Style*, [arXiv:1508.06576](https://arxiv.org/abs/1508.06576)
# - Li, Wang, Liu & Hou 2017, *Demystifying Neural Style Transfer* (the MMD), [arXiv:1701.01036](https://arxiv.org/abs/1701.01036)
# - Huang & Belongie 2017, *Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization*, [arXiv:1703.06868](https://arxiv.org/abs/1703.06868)
# - Li, Fang, Yang, Wang, Lu & Yang 2017, *Universal Style Transfer via Feature Transforms* (whitening and colouring), [arXiv:1705.08086](https://arxiv.org/abs/1705.08086)
# - He, Wang & Hopcroft 2016, *A Powerful Generative Model Using Random Weights for the Deep Image Representation*, [arXiv:1606.04801](https://arxiv.org/abs/1606.04801)
# - Johnson, Alahi & Fei-Fei 2016, *Perceptual Losses for Real-Time Style Transfer and Super-Resolution*, [arXiv:1603.08155](https://arxiv.org/abs/1603.08155)
# - Gatys, Bethge, Hertzmann & Shechtman 2016, *Preserving Color in Neural Artistic Style Transfer*, [arXiv:1606.05897](https://arxiv.org/abs/1606.05897)
# - Rabin, Peyré, Delon & Bernot 2011, *Wasserstein Barycenter and its Application to Texture Mixing* (sliced transport), [doi:10.1007/978-3-642-24785-9_37](https://doi.org/10.1007/978-3-642-24785-9_37)
# - Odena, Dumoulin & Olah 2016, *Deconvolution and Checkerboard Artifacts*, [distill.pub](https://distill.pub/2016/deconv-checkerboard/)
#
# **Next:** the exercises of this lesson; then lesson 15, *Faster, clearer, further*.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0.*
