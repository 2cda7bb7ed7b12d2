# %% [markdown]
# # 13 · Super-resolution and colour
#
# **After this lesson you can**
#
# - make a small picture without aliasing, and say what its making has destroyed;
# - measure a restored picture so that another person's number means the same (PSNR, SSIM, channel, border, interval over photographs);
# - write a sub-pixel super-resolver, show that it is a transposed convolution in other clothes, and beat bicubic interpolation with it;
# - derive why the most accurate picture is blurred, and what sharpness costs at least and at most;
# - convert sRGB to CIE Lab and back by hand;
# - say why a colorizer trained with L2 paints brown, and what classification, rebalancing, an adversary or one dab of colour change;
# - undo a fading with the same few lines, by another target.
#
# **Time.** Reading 40 minutes. Running all cells: about 75 seconds on two CPU cores. On a GPU its time has not been measured yet.
#
# **Builds on** lesson 06 (transposed convolutions, `train_step`), lesson 09 (kernel distance) and lesson 08 (Wasserstein distances).
#
# **Exercises:** `exercises/13_super_resolution_and_colour.ipynb`, 60 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("13")

# %%
import importlib.resources
import json
import time

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from keras import layers
from scipy import optimize, stats

from course_lib import colour, data, explore, images, metrics, nets, plots, restoration, runtime, translation, zoo

SEED = 0
runtime.setup(SEED)
rng = np.random.default_rng(SEED)

# %%
SR_STEPS = runtime.pick(cpu=500, gpu=5_000)  # of the live super-resolver
COLOUR_STEPS = runtime.pick(cpu=374, gpu=2_000)  # of the live colorizer


def as_markdown(rows, corner, form="{:.2f}"):
    """A Markdown table of rows: name -> column -> number or text."""
    columns = list(next(iter(rows.values())))
    lines = [f"| {corner} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        cells = (form.format(v) if isinstance(v, (int, float)) else str(v) for v in row.values())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


# %% [markdown]
# ## 1 · Pairs
#
# All models so far invented pictures from noise. Here a picture comes in and a picture goes out: a small one becomes large, a grey one coloured, a faded one fresh. What is needed for training are **pairs** $(y, x)$ of a source $y$ and a target $x$. They cost nothing, because we make them ourselves: take a good picture $x$ and *damage* it, $y=\text{damage}(x)$. The network learns the way back.
#
# Two warnings come with that trick. The network learns to undo **our** damage: what we do not simulate it cannot repair. And the damage must be done right, which for "make it smaller" is already a trap.
#
# ### Aliasing
#
# Make a picture $s$ times smaller by keeping every $s$-th pixel. What happens to a stripe pattern $\cos(2\pi f n)$ with the frequency $f$, in periods per pixel $n$? At the pixels $n=sm$ that are kept, with whole $m$, for every whole number $k$
#
# $$\cos\!\Big(2\pi\big(f-\tfrac ks\big)sm\Big)=\cos(2\pi f sm-2\pi km)=\cos(2\pi f sm),$$
#
# because the cosine repeats after $2\pi$. So
#
# $$\boxed{\;\text{after keeping every $s$-th pixel, the frequencies } f \text{ and } f-\tfrac ks \text{ are the same picture.}\;}$$
#
# Choose $k$ so that $|f-k/s|\le\frac1{2s}$: this is the stripe that one sees, and for $f>\frac1{2s}$ (the new **Nyquist limit**) it is a stripe that was never there. Nothing can undo that afterwards: the false stripes look like true ones. The cure is to remove the frequencies above the limit *before* pixels are dropped, by averaging each new pixel over its neighbourhood: **antialiasing**.


# %%
def alias(f, s):
    """The frequency in [0, 1/(2s)] that a stripe of frequency f shows when every s-th pixel is kept."""
    return abs(f - np.round(f * s) / s)


n = np.arange(240)
for f, s in ((0.30, 2), (0.45, 2), (0.30, 4), (0.10, 4)):
    kept = np.cos(2 * np.pi * f * n)[::s]
    assert np.allclose(kept, np.cos(2 * np.pi * alias(f, s) * n)[::s])
    print(f"a stripe of {f:.2f} periods a pixel, one pixel in {s} kept: looks like {alias(f, s):.2f}")

f = 0.45
stripes = np.rint(128 + 100 * np.cos(2 * np.pi * f * np.arange(64)))
stripes = np.broadcast_to(stripes[:, None], (64, 64, 3)).astype(np.uint8)[None]
china = next(work.image for work in data.load_photos("test") if work.title == "China")
roof = china[None, 60:188, 240:368]
shown = {"stripes": stripes, "a roof": roof}
swing = {}
for name, x in shown.items():
    both = {"kept": images.downscale(x, 2, antialias=False), "averaged": images.downscale(x, 2)}
    swing[name] = {way: float(small[:, 4:-4, 4:-4].std()) for way, small in both.items()}
    print(f"{name:8}" + "".join(f"   {way}: contrast {value:5.1f} grey levels" for way, value in swing[name].items()))
assert swing["stripes"]["kept"] > 60 and swing["stripes"]["averaged"] < 15, "a stripe above the limit has to vanish"

rows = {}
for name, x in {"stripes": np.tile(stripes, (1, 2, 2, 1)), "a roof": roof}.items():
    kept, averaged = (images.downscale(x, 4, antialias=a) for a in (False, True))
    rows[name] = np.concatenate([x, *(np.kron(y, np.ones((1, 4, 4, 1), np.uint8)) for y in (kept, averaged))])
plots.side_by_side(
    rows,
    ["original", "every 4th pixel kept", "antialiased"],
    size=1.9,
    alt="Two rows of three pictures. Fine stripes become broad false stripes where every fourth pixel is kept, and plain grey where they are averaged first. A tiled roof becomes jagged and speckled, or soft.",
)

# %% [markdown]
# The course uses what published benchmarks use: bicubic averaging with a support that grows with the factor, rounded to whole grey levels (`images.downscale`). One more reason not to take `x[::2, ::2]`: it keeps the *corner* of each block and so moves the picture by half a pixel, which a network then learns to undo, along with nothing useful.
#
# ### Split by photograph
#
# The data are patches of 64 × 64 pixels of the course's photographs. Which are for training, which for testing? Patches of one photograph share its light, camera, grain and motif, and neighbours even overlap. Whoever shuffles *patches* tests on what was trained on. So we split by **photograph**: six are held out as a whole.
#
# What does it do to the error bar? Say each of $G$ photographs gives $m$ patches with a score $s_{gi}=\mu+b_g+e_{gi}$: a part $b_g$ of the photograph with variance $\sigma_b^2$ and an independent rest with variance $\sigma_e^2$. With $\sigma^2=\sigma_b^2+\sigma_e^2$ and the correlation $\rho=\sigma_b^2/\sigma^2$ of two patches of one photograph, the mean over all $N=Gm$ patches has the variance
#
# $$\operatorname{Var}\bar s=\frac{\sigma_b^2}G+\frac{\sigma_e^2}{Gm}=\frac{\sigma^2}{Gm}\big(m\rho+1-\rho\big),\qquad\boxed{\;\operatorname{Var}\bar s=\frac{\sigma^2}{N}\,\big(1+(m-1)\rho\big)\;}$$
#
# With $m=100$ and $\rho=0.2$ it is 21 times what one would think from $\sigma^2/N$. The **bootstrap** gets it right without a formula if it draws whole photographs: draw six of the six with replacement, average *their* patches, do it 2,000 times, and read off the middle 95 % (`restoration.bootstrap`).


# %%
def variance_of_mean(variance, rho, groups, size):
    """Variance of the mean of groups · size scores, where two of one group have the correlation rho."""
    return variance / (groups * size) * (1 + (size - 1) * rho)


def grouped_scores(rho, groups, size, rng, repeats=4_000):
    """Scores (repeats, groups, size) of variance 1 with correlation rho within a group."""
    common = rng.normal(size=(repeats, groups, 1))
    return np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.normal(size=(repeats, groups, size))


simulated = grouped_scores(0.2, 6, 50, rng).mean(axis=(1, 2)).var()
print(
    f"variance of the mean: simulated {simulated:.4f}, formula {variance_of_mean(1, 0.2, 6, 50):.4f}, naive {1 / 300:.4f}"
)
assert np.isclose(simulated, variance_of_mean(1, 0.2, 6, 50), rtol=0.1)

train, test = data.photo_patches("train"), data.photo_patches("test")
places = len(train.images) + len(test.images)
print(
    f"{len(train.images)} patches of {len(train.titles)} photographs to train on, {len(test.images)} of {len(test.titles)} held out"
)
assert not set(train.titles) & set(test.titles)
mix = np.random.default_rng(1).permutation(len(train.images))  # the wrong way: shuffle patches, hold a fifth out
wrong_test, wrong_train = train.images[mix[:400]], train.images[mix[400:]]
edges = {patch[:, :16].tobytes() for patch in wrong_train} | {patch[:16].tobytes() for patch in wrong_train}
leaked = np.mean([patch[:, -16:].tobytes() in edges or patch[-16:].tobytes() in edges for patch in wrong_test])
print(
    f"split by patch: {leaked:.0%} of the held-out patches share a strip of 16 pixels, bit by bit, with a training patch"
)
assert leaked > 0.5

# %% [markdown]
# ## 2 · How good is a restored picture?
#
# ### PSNR
#
# The **peak signal-to-noise ratio** is the mean squared error on a logarithmic scale, for grey levels from 0 to 255:
#
# $$\mathrm{MSE}=\frac1{HWC}\sum(\hat x-x)^2,\qquad\mathrm{PSNR}=10\log_{10}\frac{255^2}{\mathrm{MSE}}\ \text{dB}.$$
#
# Ten dB are a factor of ten in the squared error; 1 dB is a fifth of it; an error of one grey level everywhere is 48 dB. The definition looks complete, and is not. Three conventions change the number for the *same two pictures*:
#
# 1. **The channel.** Papers on super-resolution measure the *luma* $Y=16+(65.481R+128.553G+24.966B)/255$ alone. It spans only 16 to 235, 219 levels, but the peak stays at 255. An equal error $e$ in all channels becomes an error of $\frac{219}{255}e$ in $Y$, so that PSNR rises by
#    $$\boxed{\;20\log_{10}\tfrac{255}{219}=1.32\ \text{dB}\;}$$
#    for nothing; errors that differ between channels average out on top of it.
# 2. **The border.** As many pixels as the factor are cut off at each side, where the method has nothing to go on.
# 3. **The order of mean and logarithm.** Papers average the *dB of pictures*. The logarithm is concave, $-\log$ convex, so by Jensen's inequality $\frac1N\sum_i-10\log_{10}\mathrm{MSE}_i\ \ge\ -10\log_{10}\frac1N\sum_i\mathrm{MSE}_i$: the mean of the dB is never below the dB of the mean error.


# %%
def psnr(restored, truth, peak=255):
    """PSNR in dB of two pictures of one shape."""
    return 10 * np.log10(peak**2 / np.mean((np.asarray(restored, float) - truth) ** 2))


def luma(rgb):
    """Luma in [16, 235] of sRGB uint8 (..., 3)."""
    return 16 + rgb @ np.array([65.481, 128.553, 24.966]) / 255


grey = rng.integers(40, 200, (32, 32, 3)).astype(np.uint8)
brighter = grey + np.uint8(7)  # the same error in all channels
for_nothing = psnr(luma(brighter), luma(grey)) - psnr(brighter, grey)
print(f"luma instead of RGB, same pictures: {for_nothing:+.3f} dB")
assert np.isclose(for_nothing, 20 * np.log10(255 / 219), atol=1e-6)
assert np.isclose(psnr(grey + np.uint8(1), grey), 48.13, atol=0.01)

factor = 2
small = images.downscale(test.images, factor)
bicubic = images.enlarge(small, factor, "bicubic")
readings = {}
for channel in ("y", "rgb"):
    for crop in (factor, 0):
        readings[channel, crop] = restoration.psnr_of_each(bicubic, test.images, channel, crop)
        print(f"bicubic ×2, {channel:3}, border of {crop} cut off: {readings[channel, crop].mean():.2f} dB")
one = psnr(luma(bicubic[0])[2:-2, 2:-2], luma(test.images[0])[2:-2, 2:-2])
assert np.isclose(one, readings["y", 2][0]), "the notebook's and the library's"
of_the_mean = -10 * np.log10(np.mean(10 ** (-readings["y", 2] / 10)))
print(f"the dB of the mean error instead of the mean of the dB: {of_the_mean:.2f} dB")
assert of_the_mean < readings["y", 2].mean(), "Jensen"
assert readings["y", 2].mean() > readings["rgb", 0].mean() + 1, "more than 1 dB apart by convention alone"

# %% [markdown]
# So **a number in dB without its damage, channel and border says nothing**, and the largest of them is the most popular. From here on: antialiased bicubic reduction, luma, border of the factor cut off.
#
# ### SSIM
#
# A picture that is a little too bright has the same MSE as one with noise, and nobody minds. The **structural similarity** compares local statistics instead: in a small window, the means $\mu_x,\mu_y$, variances $\sigma_x^2,\sigma_y^2$ and the covariance $\sigma_{xy}$ give three factors, each at most 1,
#
# $$\underbrace{\frac{2\mu_x\mu_y+c_1}{\mu_x^2+\mu_y^2+c_1}}_{\text{brightness}}\cdot\underbrace{\frac{2\sigma_x\sigma_y+c_2}{\sigma_x^2+\sigma_y^2+c_2}}_{\text{contrast}}\cdot\underbrace{\frac{\sigma_{xy}+c_2/2}{\sigma_x\sigma_y+c_2/2}}_{\text{structure}}
# \qquad\boxed{\;\mathrm{SSIM}=\frac{(2\mu_x\mu_y+c_1)(2\sigma_{xy}+c_2)}{(\mu_x^2+\mu_y^2+c_1)(\sigma_x^2+\sigma_y^2+c_2)}\;}$$
#
# The box follows because the numerator of the contrast, $2(\sigma_x\sigma_y+c_2/2)$, cancels against the denominator of the structure. The constants $c_1=(0.01\cdot255)^2$, $c_2=(0.03\cdot255)^2$ keep flat windows from dividing by zero. Windows are Gaussian, with $\sigma=1.5$ pixels, and the mean over all of them is the score.


# %%
def ssim_window(x, y, weights, peak=255):
    """SSIM of one window: grey values x, y (h, w) with weights (h, w) that sum to 1."""
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    var_x, var_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
    cov = (weights * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    brightness = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return brightness * (2 * cov + c2) / (var_x + var_y + c2)


bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
bell = np.outer(bell, bell) / bell.sum() ** 2
blur = images.enlarge(images.downscale(test.images, 4), 4)
pick = np.argmin(abs(restoration.psnr_of_each(blur, test.images, "y") - 29))  # an error like that of the others
x = luma(test.images[pick])
spoiled = {
    "brighter": x + 9.0,
    "noisy": x + rng.normal(0, 9, x.shape),
    "blurred": luma(blur[pick]),
}
scores = {}
for name, y in spoiled.items():
    windows = [
        ssim_window(x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11], bell) for i in range(54) for j in range(54)
    ]
    scores[name] = {"PSNR (dB)": psnr(y, x), "SSIM": np.mean(windows)}
    assert np.isclose(scores[name]["SSIM"], metrics.ssim(x[None, ..., None], y[None, ..., None], 255), atol=1e-6)
assert scores["brighter"]["SSIM"] > scores["noisy"]["SSIM"] + 0.1, "one squared error, two verdicts"
Markdown(as_markdown(scores, "the same patch", "{:.3f}"))

# %% [markdown]
# Both compare a picture with *its own* truth; both are measures of **distortion**. Whether the result *looks like a photograph* is another question, which section 6 asks.
#
# ### What must be beaten
#
# Interpolation computes each new pixel as a weighted mean of old ones. Nearest uses 1 of them, bilinear 2 × 2, bicubic 4 × 4. Bicubic's weight for an old pixel at the distance $u$ along each axis is [Keys'](https://doi.org/10.1109/TASSP.1981.1163711) cubic
#
# $$K(u)=\begin{cases}\tfrac32|u|^3-\tfrac52|u|^2+1&|u|\le1\\-\tfrac12|u|^3+\tfrac52|u|^2-4|u|+2&1<|u|<2\\0&\text{else,}\end{cases}$$
#
# the only cubic of this support that passes through the old pixels, $K(0)=1$ and $K(\pm1)=0$, and reproduces every parabola. Its negative lobes sharpen edges and overshoot beside them.


# %%
def keys(u):
    """Keys' cubic kernel, a = −1/2."""
    u = np.abs(u)
    near, far = 1.5 * u**3 - 2.5 * u**2 + 1, -0.5 * u**3 + 2.5 * u**2 - 4 * u + 2
    return np.where(u <= 1, near, np.where(u < 2, far, 0.0))


def interpolate(values, place):
    """The value at ``place`` (any real number well inside) of a line of pixels (n,), by Keys' cubic."""
    return values @ keys(place - np.arange(len(values)))


line = np.arange(12.0)
for parabola in (lambda u: np.ones_like(u), lambda u: 2 * u - 3, lambda u: 0.5 * u**2 - u + 4):
    assert np.isclose(interpolate(parabola(line), 5.3), parabola(np.array(5.3)))
edge_line = np.repeat([0.0, 100.0], 6)
print(
    f"beside an edge from 0 to 100 bicubic gives {interpolate(edge_line, 6.5):.1f} and {interpolate(edge_line, 4.5):.1f}"
)
assert interpolate(edge_line, 6.5) > 100 and interpolate(edge_line, 4.5) < 0, "overshoot"

# The three of them on the held-out patches:
# %%
baselines = {}
for f in (2, 4):
    low = images.downscale(test.images, f)
    for method in ("nearest", "bilinear", "bicubic"):
        made = images.enlarge(low, f, method)
        score = restoration.psnr_of_each(made, test.images, "y", f)
        baselines.setdefault(method, {})[f"×{f}, dB"] = float(score.mean())
        baselines[method][f"×{f}, SSIM"] = float(restoration.ssim_of_each(made, test.images, "y", f).mean())
assert baselines["nearest"]["×2, dB"] < baselines["bilinear"]["×2, dB"] < baselines["bicubic"]["×2, dB"]
Markdown(as_markdown(baselines, "interpolation", "{:.3f}"))

# %% [markdown]
# (Means over the held-out patches. Patches that are flat are left out of the data set: any method restores a cloudless sky, and would look good by it.)
#
# ## 3 · Sub-pixel convolution
#
# A network that enlarges could first enlarge by interpolation and then improve, at $f^2$ times the cost in every layer. Or it works at the low resolution and enlarges at the end. One way to do that is the **transposed convolution** of lesson 06; the other is the **sub-pixel convolution** (also *pixel shuffle*): an ordinary convolution at low resolution makes $f^2$ values for each pixel, and these are laid out as an $f\times f$ block,
#
# $$\text{shuffle}(t)[f i+a,\ f j+b,\ c]=t[i,\,j,\,(af+b)\,C+c],\qquad 0\le a,b<f.$$
#
# Are these two different layers? A transposed convolution with stride $f$ and kernel $W$ of $fk$ entries (one axis suffices, the other works alike) adds a copy of the kernel for every input pixel $i$, $f$ places apart:
#
# $$y[p]=\sum_i x[i]\,W[p-fi+\pi],$$
#
# where $\pi$ is how much the padding cuts off at the start, and entries of $W$ outside $0,\dots,fk-1$ count as 0. Write $p=fi'+a$ with $0\le a<f$, and put $m=i-i'$:
#
# $$\boxed{\;y[fi'+a]=\sum_m x[i'+m]\;W_a[m],\qquad W_a[m]=W[a-fm+\pi]\;}$$
#
# For each fixed $a$ this is an ordinary convolution of $x$, with $k$ taps. **A transposed convolution is $f^2$ ordinary ones whose outputs are interleaved, and its kernel is theirs, interleaved.** The weights correspond one to one, so the two layers can compute exactly the same functions, with the same number of multiplications. For odd $k$, Keras's `"same"` padding cuts $\pi=f(k-1)/2$.
#
# A popular slip is to use `reshape` for the shuffle. The shape is right; the picture is not.


# %%
def shuffle(t, f):
    """Sub-pixel rearrangement (N, H, W, f²C) -> (N, fH, fW, C): t[i, j, (a f + b) C + c] goes to [f i + a, f j + b, c]."""
    n, height, width, channels = t.shape
    t = tf.reshape(t, (n, height, width, f, f, channels // f**2))  # axes n, i, j, a, b, c
    return tf.reshape(tf.transpose(t, (0, 1, 3, 2, 4, 5)), (n, f * height, f * width, channels // f**2))


def subpixel_kernel(W, f):
    """Kernel (k, k, D, f²C) of the sub-pixel convolution that equals the transposed one W (f k, f k, C, D), k odd."""
    k = len(W) // f
    taps = [[f * (k - 1 - u) + a for u in range(k)] for a in range(f)]  # W[a − f m + π] with m = u − (k − 1)/2
    kernels = [W[np.ix_(taps[a], taps[b])] for a in range(f) for b in range(f)]  # f² of (k, k, C, D)
    return np.stack(kernels, axis=2).reshape(k, k, f * f * W.shape[2], W.shape[3]).swapaxes(2, 3)


for f, k in ((2, 3), (3, 3), (4, 1), (2, 5)):
    x = rng.normal(size=(2, 7, 6, 5)).astype(np.float32)  # 5 channels in, 3 out
    W = rng.normal(size=(f * k, f * k, 3, 5)).astype(np.float32)
    transposed = tf.nn.conv2d_transpose(x, W, (2, f * 7, f * 6, 3), f, "SAME")
    subpixel = shuffle(tf.nn.conv2d(x, subpixel_kernel(W, f), 1, "SAME"), f)
    np.testing.assert_allclose(transposed, subpixel, atol=2e-5)
    np.testing.assert_allclose(shuffle(x[..., :4], 2), tf.nn.depth_to_space(x[..., :4], 2))
    print(f"factor {f}, kernel {f * k} × {f * k}: largest difference {np.abs(transposed - subpixel).max():.1e}")

blocks = china[None, 60:188, 240:368].reshape(1, 64, 2, 64, 2, 3).swapaxes(2, 3).reshape(1, 64, 64, 12)
right, wrong = np.asarray(shuffle(blocks, 2)), blocks.reshape(1, 128, 128, 3)
assert np.array_equal(right[0], china[60:188, 240:368]) and not np.array_equal(right, wrong)
plots.image_grid(
    np.concatenate([right, wrong]),
    titles=["shuffled", "reshaped: the popular slip"],
    size=2.0,
    alt="The same roof twice: whole after the shuffle, and torn into a repeated, squeezed pattern after a reshape.",
)

# %% [markdown]
# If the layers are equal, why choose one? Because of what people *do* with them. A transposed kernel of 3 with stride 2 is not a multiple of $f$: its four ordinary kernels have 4, 2, 2 and 1 taps, so that neighbouring pixels are made with different strength: the checkerboard of lesson 06. Sub-pixel layers cannot be built that way. But their $f^2$ kernels are *initialised independently*, and so they begin with a checkerboard, too. The cure here: begin the last layer at **zero**, and add its result to a bicubic enlargement. Then the untrained network is bicubic interpolation, and training can only be about what interpolation misses.
#
# ## 4 · A super-resolver
#
# The network, whole: a few residual blocks at low resolution, without batch normalisation, as batch statistics would change a picture's contrast ([EDSR](https://arxiv.org/abs/1707.02921)); then the sub-pixel layer; plus bicubic.


# %%
def upscaler(factor, width, blocks):
    """A super-resolver (N, H, W, 3) -> (N, fH, fW, 3) for any size that begins as bicubic interpolation."""
    image = keras.Input((None, None, 3))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(width, 3, padding="same")(image))
    for _ in range(blocks):
        y = layers.LeakyReLU(0.2)(layers.Conv2D(width, 3, padding="same")(x))
        x = layers.Add()([x, layers.Conv2D(width, 3, padding="same")(y)])  # the block learns a correction
    detail = layers.Conv2D(3 * factor**2, 3, padding="same", kernel_initializer="zeros")(x)
    detail = nets.DepthToSpace(factor)(detail)
    return keras.Model(image, layers.Add()([nets.BicubicUpsampling(factor)(image), detail]))


class PixelTranslator(keras.Model):
    """A network trained on pairs (source, target) by the mean absolute error of its pixels."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def train_step(self, pair):
        source, target = pair
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(target - self.network(source, training=True)))
        weights = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"l1": loss}


untrained = translation.translate(upscaler(2, 8, 1), small[:50])
off = np.abs(untrained[:, 4:-4, 4:-4].astype(int) - bicubic[:50, 4:-4, 4:-4])
print(f"untrained network against bicubic interpolation: differs by at most {off.max()} grey level")
assert off.max() <= 1

# %% [markdown]
# Train it for some seconds on patches of the *training* photographs. Each pair is turned and mirrored at random, both pictures alike: all eight symmetries of the square give photographs.

# %%
train_small = images.downscale(train.images, 2)
pairs = translation.Batches(translation.augmented_pairs(train_small, train.images), len(train.images), 16, SEED)
keras.utils.set_random_seed(SEED)
live = PixelTranslator(upscaler(2, width=16, blocks=2))
rate = keras.optimizers.schedules.CosineDecay(2e-3, SR_STEPS)
live.compile(keras.optimizers.Adam(rate))
start = time.perf_counter()
history = live.fit(pairs, epochs=SR_STEPS // len(pairs), verbose=0).history["l1"]
print(
    f"{SR_STEPS // len(pairs) * len(pairs)} steps in {time.perf_counter() - start:.0f} s, {live.network.count_params():,} weights"
)
print(f"L1 of the first and the last epoch: {history[0]:.4f}, {history[-1]:.4f}")
assert history[-1] < history[0]

# %% [markdown]
# Now the held-out photographs: the live network, and the **shipped** one (`photos-sr-x2`; larger, and trained for longer on the same training photographs), against bicubic. What counts is the **gain on the same patches**: the difference of two methods scatters far less than either. And the interval is over photographs.


# %%
def gain_over_bicubic(made, bicubic, truth, crop, photo=None):
    """Mean gain in dB of luma PSNR over bicubic with its 95 % interval over photographs, or over pictures."""
    mine, other = (restoration.psnr_of_each(x, truth, "y", crop) for x in (made, bicubic))
    return restoration.bootstrap(mine - other, photo)


restored = {"×2": {"bicubic": bicubic, "live network": translation.translate(live.network, small)}}
restored["×2"]["shipped network"] = translation.translate(zoo.load("photos-sr-x2"), small)
small_4 = images.downscale(test.images, 4)
restored["×4"] = {"bicubic": images.enlarge(small_4, 4)}
shipped_4 = zoo.load("photos-sr-x4")
restored["×4"]["shipped network"] = translation.translate(shipped_4, small_4)
table, gains = {}, {}
for f, versions in restored.items():
    crop = int(f[1:])
    for name, made in versions.items():
        gain = gain_over_bicubic(made, versions["bicubic"], test.images, crop, test.photo)
        gains[f, name] = gain
        table[f"{f} {name}"] = {
            "PSNR (dB)": float(restoration.psnr_of_each(made, test.images, "y", crop).mean()),
            "SSIM": float(restoration.ssim_of_each(made, test.images, "y", crop).mean()),
            "gain (dB)": gain.mean,
            "95 % over photographs": f"{gain.low:+.2f} to {gain.high:+.2f}",
        }
naive = gain_over_bicubic(restored["×2"]["shipped network"], bicubic, test.images, 2)
print(f"the shipped ×2 gain as if patches were independent: {naive.low:+.2f} to {naive.high:+.2f}: too narrow")
best = gains["×2", "shipped network"]
assert best.high - best.low > naive.high - naive.low
assert gains["×2", "live network"].low > 0, "a few seconds of training beat bicubic on unseen photographs"
assert best.mean > gains["×2", "live network"].mean and best.low > 0.5
Markdown(as_markdown(table, "held-out photographs", "{:.3f}"))

# %% [markdown]
# The gain is not the same everywhere. Whole photographs, as the cards of the models record them:

# %%
cards = {f: zoo.card(f"photos-sr-{f}")["metrics"]["whole_photographs"] for f in ("x2", "x4")}
whole = {
    title: {f"×{f[1]}, gain in dB": cards[f]["gain_y_db"][title] for f in cards} for title in cards["x2"]["gain_y_db"]
}
whole["**mean, 95 %**"] = {
    f"×{f[1]}, gain in dB": "{:.2f} ({:.2f} to {:.2f})".format(*cards[f]["mean_95"]) for f in cards
}
assert cards["x2"]["mean_95"][1] > 0.5, "half a decibel and more, better on photographs at large, not only on these six"
Markdown(as_markdown(whole, "whole photograph"))

# %% [markdown]
# And what is it that the network sees and bicubic does not? From each photograph, the patch in which the squared error falls most. (At the other end stand patches that are out of focus: both errors are fractions of a grey level there, and a gain or a loss of a decibel means nothing to the eye. Mean decibels count them like all others.)

# %%
scores = {name: restoration.psnr_of_each(made, test.images, "y", 2) for name, made in restored["×2"].items()}
each = scores["shipped network"] - scores["bicubic"]
saved = 10 ** (-scores["bicubic"] / 10) - 10 ** (-scores["shipped network"] / 10)
chosen = [np.flatnonzero(test.photo == k)[np.argmax(saved[test.photo == k])] for k in range(len(test.titles))]
easy = scores["bicubic"] > 45
print(
    f"{easy.sum()} patches with more than 45 dB by bicubic already: gains from {each[easy].min():.1f} to {each[easy].max():.1f} dB"
)
print(f"the other {np.sum(~easy)}: mean gain {each[~easy].mean():.2f} dB, {np.mean(each[~easy] > 0):.0%} of them gain")
assert np.mean(each[~easy] > 0) > 0.9
plots.side_by_side(
    {
        "bicubic ×2": bicubic[chosen],
        "shipped ×2": restored["×2"]["shipped network"][chosen],
        "truth": test.images[chosen],
    },
    [f"{g:+.1f} dB" for g in each[chosen]],
    size=1.4,
    alt="Six patches with strong edges, one from each photograph, in three rows: bicubic, network, truth. The network draws edges and lines sharper than bicubic, and close to the truth.",
)

# %% [markdown]
# ### Compare by hand
#
# Choose what stands left and right of the divider and drag it. The window is enlarged beside the picture.

# %%
crops = {"Chelsea the cat": (40, 110), "China": (60, 120), "Coffee cup": (100, 200)}
by_hand = {}
for title, (top, start) in crops.items():
    whole_photo = next(work.image for work in data.load_photos("test") if work.title == title)
    original = whole_photo[None, top : top + 192, start : start + 256]
    tiny_photo = images.downscale(original, 4)
    by_hand[title] = {"bicubic ×4": images.enlarge(tiny_photo, 4)[0]}
    by_hand[title]["shipped ×4"] = translation.translate(shipped_4, tiny_photo)[0]
    by_hand[title] |= {"nearest ×4": images.enlarge(tiny_photo, 4, "nearest")[0], "original": original[0]}
divider = explore.Comparer(by_hand, crop=4, title="Super-resolution ×4")
divider.show()

# %% [markdown]
# ### Faces, with exact truth
#
# For photographs the "small picture" is one that we computed. For the course's faces there is a second kind of truth: the *same face drawn* at 64 and at 128 pixels. No averaging formula connects them, so here the damage is not known, as in life. How far do the networks for photographs get, and what do a few more steps on such pairs change? We go on training the shipped network (**fine-tuning**): what it knows of edges is worth keeping.

# %%
FEW, MORE = 200, runtime.pick(cpu=50, gpu=1_000)  # held-out faces, steps
drawings = data.random_attributes(FEW + 400, seed=77)
faces_small, faces_large = (data.compose_faces(drawings, size=size) for size in (64, 128))
fine = PixelTranslator(zoo.load("photos-sr-x2"))
fine.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, MORE)))
new = images.to_float(faces_small[FEW:]), images.to_float(faces_large[FEW:])
fine.fit(*new, batch_size=8, epochs=MORE // 50, verbose=0)
held_small, held_large = faces_small[:FEW], faces_large[:FEW]

large = {"bicubic": images.enlarge(held_small, 2)}
large["live network: photographs"] = translation.translate(live.network, held_small)
large["shipped network: photographs"] = translation.translate(zoo.load("photos-sr-x2"), held_small)
large["shipped, fine-tuned on faces"] = translation.translate(fine.network, held_small)
drawn = {}
for name, made in large.items():
    gain = gain_over_bicubic(made, large["bicubic"], held_large, 2)
    drawn[name] = {
        "PSNR (dB)": float(restoration.psnr_of_each(made, held_large, "y", 2).mean()),
        "SSIM": float(restoration.ssim_of_each(made, held_large, "y", 2).mean()),
        "gain (dB)": gain.mean,
        "95 % over faces": f"{gain.low:+.2f} to {gain.high:+.2f}",
    }
mismatch = restoration.psnr_of_each(images.downscale(held_large, 2), held_small, "y", 2).mean()
print(f"the large drawing, reduced, against the small drawing: {mismatch:.1f} dB: the damage is another one")
tuned, *others = (drawn[name]["gain (dB)"] for name in reversed(large))
assert tuned > max(others), "a little training on the right pairs beats much on others"
Markdown(as_markdown(drawn, f"{FEW} faces, 64 → 128 pixels"))

# %%
shown_as = ["64 pixels", "bicubic", "shipped:\nphotographs", "shipped, fine-\ntuned on faces", "drawn at 128"]
versions = [np.kron(held_small[:5], np.ones((1, 2, 2, 1), np.uint8))]
versions += [large[name][:5] for name in ("bicubic", "shipped network: photographs", "shipped, fine-tuned on faces")]
plots.side_by_side(
    dict(zip(shown_as, [*versions, held_large[:5]], strict=True)),
    size=1.15,
    alt="Five faces in five rows: small, bicubic, by the shipped network of photographs, by the same network fine-tuned on faces, and the true drawing. The fine-tuned network's lines come closest to the drawing.",
)

# %% [markdown]
# In a small closed world much of what is missing can be inferred. Photographs are not such a world. That is why a super-resolver must not be believed where it matters: what it adds is what such pictures *usually* show.
#
# ## 5 · The best guess is a mean
#
# Many sharp pictures $x$ have the same small picture $y$. Which $\hat x(y)$ should be returned? A loss answers. For **squared error**, fix $y$ and write $m=\mathbb E[x\,|\,y]$. Then for any answer $\hat x$
#
# $$\mathbb E\big[(x-\hat x)^2\,\big|\,y\big]=\mathbb E\big[(x-m)^2\,\big|\,y\big]+(m-\hat x)^2+2(m-\hat x)\underbrace{\mathbb E[x-m\,|\,y]}_{=0},$$
#
# smallest at $\hat x=m$. For **absolute error**, move $\hat x$ up by a tiny $\epsilon$: the error grows by $\epsilon$ for all $x$ below and falls by $\epsilon$ for all above, so at the minimum both have the same probability, ½: the median.
#
# $$\boxed{\;\text{L2 learns the conditional mean, L1 the conditional median, of each number on its own.}\;}$$
#
# Both are "averages" over all pictures that could have been. The mean of many sharp edges in slightly different places is a soft edge. Nothing is wrong with the network: **the blur is the right answer to the question that the loss asks.**


# %%
def best_answer(values, probabilities, loss):
    """The number that minimises the expected loss(value − answer) over a discrete distribution, by search."""
    grid = np.linspace(values.min(), values.max(), 20_001)
    return grid[np.argmin(probabilities @ loss(values[:, None] - grid))]


values, probabilities = np.array([-2.0, 0.5, 1.0, 4.0]), np.array([0.1, 0.3, 0.25, 0.35])
mean, median = probabilities @ values, values[np.searchsorted(np.cumsum(probabilities), 0.5)]
answers = best_answer(values, probabilities, np.square), best_answer(values, probabilities, np.abs)
print(f"squared error: {answers[0]:.3f} (mean {mean:.3f}); absolute error: {answers[1]:.3f} (median {median:.3f})")
assert np.allclose(answers, (mean, median), atol=1e-3)

edge = (np.arange(64)[None] > 32 + rng.normal(0, 3, 4_000)[:, None]).astype(float)  # sharp edges, place uncertain
soft = edge.mean(axis=0)
assert np.allclose(soft, stats.norm.cdf((np.arange(64) - 32) / 3), atol=0.03), "the mean of sharp edges is a soft edge"

# %% [markdown]
# ### What sharpness costs
#
# Let $x^*=\mathbb E[x|y]$, with the smallest possible error $D^*=\mathbb E\|x-x^*\|^2$. Its pictures are too smooth: their *distribution* differs from that of real ones. Measure this by the Wasserstein distance of lesson 08, $P^*=W_2(p_x,p_{x^*})$. We want answers $\hat x$, any function of $y$ and of dice, whose distribution is closer: $W_2(p_x,p_{\hat x})\le P$. How much error must be paid?
#
# 1. **Pythagoras.** As above, the mixed term is zero, $\mathbb E\|x-\hat x\|^2=D^*+\mathbb E\|x^*-\hat x\|^2$, because given $y$ the dice of $\hat x$ are independent of $x$.
# 2. **Transport.** $x^*$ and $\hat x$ together are a plan between $p_{x^*}$ and $p_{\hat x}$, so $\mathbb E\|x^*-\hat x\|^2\ge W_2^2(p_{x^*},p_{\hat x})$.
# 3. **Triangle.** $P^*=W_2(p_x,p_{x^*})\le W_2(p_x,p_{\hat x})+W_2(p_{\hat x},p_{x^*})\le P+W_2(p_{\hat x},p_{x^*})$.
#
# Together, the error is at least
#
# $$\boxed{\;D(P)=D^*+\max(0,\,P^*-P)^2\;}\qquad(\text{the perception–distortion function for } W_2).$$
#
# **And it is reached.** Carry $x^*$ by the best plan to a real-looking $x_0$ with distribution $p_x$ at cost $\mathbb E\|x^*-x_0\|^2=P^{*2}$, and go part of the way, $\hat x=x^*+t\,(x_0-x^*)$. Then $\mathbb E\|x^*-\hat x\|^2=t^2P^{*2}$, and the plan $(x_0,\hat x)$ shows $W_2(p_x,p_{\hat x})\le(1-t)P^*$. With $t=1-P/P^*$ this is the bound. So one can *slide* between accurate and natural by mixing two pictures; and no cleverness gets below the curve.
#
# How dear is perfection, $P=0$? $P^{*2}=W_2^2(p_x,p_{x^*})\le\mathbb E\|x-x^*\|^2=D^*$, because $(x,x^*)$ is a plan as well. So $D(0)\le 2D^*$. And drawing from the posterior $p(x|y)$, as a perfect conditional generator does, costs **exactly** twice: there $\hat x$ and $x$ are independent given $y$ with one distribution, so $\mathbb E\|x^*-\hat x\|^2=D^*$ in step 1:
#
# $$\boxed{\;\mathbb E\|x-\hat x_{\text{posterior}}\|^2=2D^*:\ \text{perfectly natural pictures cost at most } 10\log_{10}2=3.01\ \text{dB of PSNR.}\;}$$
#
# The check: $x\sim\mathcal N(0,1)$ and $y=x+\text{noise}$ with correlation $r$. Then $x^*\sim\mathcal N(0,r^2)$, so $D^*=1-r^2$ and, by lesson 09's formula on a line, $P^*=1-r$.


# %%
def gaussian_tradeoff(r, t):
    """Distance to p_x and squared error of x* + t (x0 − x*) for x ~ N(0, 1) seen with correlation r."""
    best, gap = 1 - r**2, 1 - r  # D*, P*
    return (1 - t) * gap, best + (t * gap) ** 2


r, N = 0.8, 400_000
x = rng.normal(size=N)
y = r * x + np.sqrt(1 - r**2) * rng.normal(size=N)  # seen with correlation r; E[x | y] = r y
guess = r * y
print("   t   distance: closed, simulated   error: closed, simulated")
for t in (0.0, 0.5, 1.0):
    mixed = guess + t * (guess / r - guess)  # the best plan stretches x* ~ N(0, r²) to N(0, 1)
    distance, error = gaussian_tradeoff(r, t)
    found = abs(1 - mixed.std()), np.mean((x - mixed) ** 2)
    print(f"{t:4.1f}             {distance:.4f}  {found[0]:.4f}          {error:.4f}  {found[1]:.4f}")
    assert np.allclose((distance, error), found, atol=0.01)
posterior = r * y + np.sqrt(1 - r**2) * rng.normal(size=N)
print(f"posterior sampling: error {np.mean((x - posterior) ** 2):.4f}, twice the least {2 * (1 - r**2):.4f}")
assert np.isclose(np.mean((x - posterior) ** 2), 2 * (1 - r**2), atol=0.01)
assert gaussian_tradeoff(r, 1.0)[1] < 2 * (1 - r**2), "stretching is cheaper than dice, and as natural"

# %% [markdown]
# ## 6 · Losses on the plane
#
# Three ways are in use to ask for something else than a mean:
#
# - **feature loss** (“perceptual”): compare features of a pretrained network instead of pixels, $\|\phi(x)-\phi(\hat x)\|^2$ ([Johnson et al. 2016](https://arxiv.org/abs/1603.08155)). It is L2 in another space, and so still learns a mean, of *features*;
# - **adversarial loss**: a discriminator sees real and restored pictures, and the network is paid for being taken for real ([Ledig et al. 2016](https://arxiv.org/abs/1609.04802)). It asks about distributions: the only one that moves towards $P=0$ by design;
# - **both**, with L1 to keep the colours where they belong.
#
# The experiment takes minutes, so it is **recorded** (`tools/record_lesson_13.py`): a small ×4 network was trained with L1, and then on, from the same weights, with each loss. “L1 + 0.1 adversarial” means: the weight 1 for the absolute error, 0.1 for the generator's non-saturating loss. Each point is a seed (one was recorded, so that small differences between neighbours mean nothing). The vertical axis is the kernel distance of lesson 09, here on Lite0's features, between the restored and the true patches: how far is the *set* from a set of photographs?
#
# A detail that is easily missed: lesson 09's estimate is unbiased for two *independent* sets. Here row $i$ of both sets is one and the same place, and the $N$ terms $k(x_i,\hat x_i)$ of nearly equal pictures would pull it below zero. So they are left out, as the terms $k(x_i,x_i)$ are (`restoration.paired_kernel_distance`).
#
# The chart on the right needs no network: the energy of the restored patches in rings of spatial frequency, against that of the true ones.

# %%
ASSETS = importlib.resources.files("course_lib") / "assets" / "lessons"
RECORD = json.loads((ASSETS / "13_translation.json").read_text(encoding="utf-8"))
with np.load(str(ASSETS / "13_translation.npz")) as file:
    KEPT = {name: file[name] for name in file.files}


def runs_of(study):
    """Method -> the recorded runs of one study, in the order of the record."""
    found = {}
    for run in RECORD["runs"]:
        if run["study"] == study:
            found.setdefault(run["method"], []).append(run)
    return found


plane = runs_of("plane")
seeds = sorted({run["seed"] for run in RECORD["runs"]})
print(
    f"seeds {seeds}; {RECORD['hardware']}; {RECORD['minutes']:.0f} minutes in all; measured on {RECORD['measured_on']}"
)


def energy_db(pictures):
    """Mean energy of pictures uint8 (N, H, H, 3) in 8 rings of spatial frequency (8,), in dB."""
    grey = luma(pictures)
    power = np.abs(np.fft.fft2(grey - grey.mean(axis=(1, 2), keepdims=True))) ** 2
    line = np.fft.fftfreq(grey.shape[1])
    ring = np.minimum((16 * np.hypot(line[:, None], line)).astype(int), 7)  # the last holds the corners as well
    return 10 * np.log10([1 + power[:, ring == k].mean() for k in range(8)])


every = test.images[::2]
few_bicubic = images.enlarge(images.downscale(every, 4), 4)
lite0 = metrics.FeatureExtractor("lite0")
point = restoration.plane_point(few_bicubic, every, lite0, crop=4)
true_features = lite0(every)
biased = metrics.kernel_distance(true_features, true_features)
paired = restoration.paired_kernel_distance(true_features, true_features)
print(f"the truth against itself: {biased:+.3f} as if independent, {paired:+.3f} without the pairs")
assert biased < -0.01 and abs(paired) < 1e-6
print(f"bicubic: {point['psnr']:.2f} dB, kernel distance {point['kernel_distance']:.3f}")

figure, (left, right) = plots.canvas(11, 4.2, columns=2)
left.plot(point["psnr"], point["kernel_distance"], "x", color="black", markersize=9, label="bicubic")
for k, (method, runs) in enumerate(plane.items()):
    left.plot(
        [run["psnr"] for run in runs],
        [run["kernel_distance"] for run in runs],
        plots.MARKERS[k],
        color=plots.COLOURS[k],
        markersize=8,
        label=method,
    )
left.axhline(0, color=plots.GREY, linestyle=":", label="the truth itself")
left.set(xlabel="PSNR of luma (dB): further right is truer", ylabel="kernel distance: lower is more natural")
left.set_title("RECORDED: one network, several losses (×4)")
left.legend(frameon=False, fontsize=8)
rings = (np.arange(8) + 0.5) / 16
for k, runs in enumerate(plane.values()):
    lost = np.mean([run["energy_db"] for run in runs], axis=0)
    right.plot(rings, lost, plots.STYLES[k % 4], marker=plots.MARKERS[k], color=plots.COLOURS[k], markersize=5)
right.plot(rings, energy_db(few_bicubic) - energy_db(every), ":", marker="x", color="black", markersize=6)
right.axhline(0, color="black", linewidth=1)
right.axvline(1 / 8, color=plots.GREY, linestyle=":")
right.annotate(
    "limit of\nthe small picture", (0.13, 0.02), xycoords=("data", "axes fraction"), fontsize=8, color=plots.GREY
)
right.set(xlabel="spatial frequency (periods a pixel)", ylabel="energy against the truth (dB)")
right.set_title("What is missing, by frequency")
figure.alt_text = "Left: recorded methods on the plane of PSNR and kernel distance, with bicubic. Right: energy that is missing at each spatial frequency; pixel losses lose more and more above the limit of the small picture, adversarial ones give much of it back."
figure

# %%
PIXELS, ADVERSARIAL = "L1", "L1 + 0.3 adversarial"
summary = {
    method: {
        "PSNR (dB)": f"{np.mean([run['psnr'] for run in runs]):.2f}",
        "SSIM": f"{np.mean([run['ssim'] for run in runs]):.3f}",
        "kernel distance": f"{np.mean([run['kernel_distance'] for run in runs]):.3f}",
        "energy at 0.28 periods (dB)": f"{np.mean([run['energy_db'][4] for run in runs]):+.1f}",
    }
    for method, runs in plane.items()
}
for run in plane[ADVERSARIAL]:
    print(
        f"seed {run['seed']}: the discriminator ended at a loss of {run['last_epoch']['d_loss']:.3f}; 2 ln 2 = {2 * np.log(2):.3f}"
    )
    assert run["last_epoch"]["d_loss"] < 2 * np.log(2) - 0.005, "it says more than 'I do not know'"
for pixel, sharp in zip(plane[PIXELS], plane[ADVERSARIAL], strict=True):
    assert pixel["psnr"] > sharp["psnr"] and pixel["energy_db"][4] < sharp["energy_db"][4]
    assert pixel["kernel_distance"] < sharp["kernel_distance"], "the adversary costs naturalness too, in this record"
Markdown(as_markdown(summary, "trained with"))

# %% [markdown]
# Read the right-hand chart first. Up to the dotted line lie the frequencies that the small picture still has, and there every method has the right energy. Beyond it only knowledge of photographs helps. The pixel losses leave the energy out: a mean of many possibilities has less energy than each of them (for every $x^*$, $\mathbb E\|x\|^2=\mathbb E\|x^*\|^2+D^*$, the Pythagoras of section 5). The adversary demands it, gets it, and it is in the wrong *places*, as it has to be: PSNR falls. This measure knows nothing of networks, and no loss was trained on it, whereas the feature loss was trained on early layers of the very network whose last layer gives the kernel distance. One must know such kinship before believing a chart.
#
# Now the left-hand chart, which is **not** what papers promise: with the adversary the kernel distance does not fall, it *rises*. The grain that gives back the energy does not look like a photograph to Lite0 either. These networks are small, the adversary was added for 600 steps, and its discriminator has seen a few hundred patches; the results in the literature come from networks a hundred times larger and days of training. So this record shows the price of an adversarial loss, in dB, and the energy it brings; that pictures become more natural by it has to be shown by a longer training than ours.

# %%
methods = {
    name.removeprefix("plane_").removesuffix("_pictures"): x for name, x in KEPT.items() if name.startswith("plane_")
}
step = len(every) // 8
truth_shown = every[::step][:8]
versions = {"original": truth_shown, "bicubic": few_bicubic[::step][:8]} | methods
plots.side_by_side(
    {name: x[:7] for name, x in versions.items()},
    size=1.05,
    alt="Seven held-out patches, original, bicubic and by each recorded method: pixel losses are smooth, adversarial ones have grain and crisper edges, some of them false.",
)

# %% [markdown]
# ### Compare the losses by hand
#
# The same divider, with the recorded losses; the two methods that you choose are ringed on the plane. Which would you rather look at? Which would you rather have as evidence?

# %%
order = [PIXELS, ADVERSARIAL, *(name for name in versions if name not in (PIXELS, ADVERSARIAL))]
compare = explore.Comparer(
    {f"patch {i + 1}": {name: versions[name][i] for name in order} for i in (1, 3, 5, 2)},
    crop=4,
    plane={
        method: (np.mean([run["psnr"] for run in runs]), np.mean([run["kernel_distance"] for run in runs]))
        for method, runs in plane.items()
    },
    title="Super-resolution ×4 by several losses",
)
compare.show()

# %% [markdown]
# ## 7 · A space for colour
#
# For colorization we want to split a picture into *lightness*, which is given, and *colour*, which is asked for. RGB mixes both. **CIE Lab** separates them, and its distances are roughly those that people see. From sRGB in $[0,1]$ it takes three steps.
#
# 1. **Undo the gamma.** The bytes of a picture are not amounts of light; sRGB spends more of them on the dark. The light is $c_{\text{lin}}=c/12.92$ for $c\le0.04045$, else $\big((c+0.055)/1.055\big)^{2.4}$.
# 2. **Mix the cones' responses.** A fixed $3\times3$ matrix takes linear RGB to $X, Y, Z$; $Y$ is luminance. Divide by the values $X_n,Y_n,Z_n$ of white.
# 3. **Compress as the eye does.** $g(t)=t^{1/3}$, with a straight line below $t=(6/29)^3$, where the root would be too steep: $g(t)=\frac{t}{3(6/29)^2}+\frac4{29}$. Then
#
# $$\boxed{\;L=116\,g(Y/Y_n)-16,\qquad a=500\,\big(g(X/X_n)-g(Y/Y_n)\big),\qquad b=200\,\big(g(Y/Y_n)-g(Z/Z_n)\big)\;}$$
#
# $L$ runs from 0 to 100; $a$ from green (−) to red (+), $b$ from blue (−) to yellow (+); $a=b=0$ is grey. The distance from there, $\sqrt{a^2+b^2}$, is called **chroma**. A popular slip is to skip step 1.

# %%
MATRIX = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def to_lab(rgb):
    """CIE Lab (..., 3) of sRGB (..., 3) in [0, 1], white point D65."""
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    t = light @ MATRIX.T / MATRIX.sum(axis=1)  # the sum of each row is what white gives
    g = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * g[..., 1] - 16, 500 * (g[..., 0] - g[..., 1]), 200 * (g[..., 1] - g[..., 2])], axis=-1)


some = rng.random((1_000, 3))
assert np.allclose(to_lab(some), images.rgb_to_lab(some))
assert np.allclose(to_lab(np.array([1.0, 0, 0])), [53.24, 80.09, 67.20], atol=0.02), "published value of sRGB red"
assert np.allclose(to_lab(np.full(3, 0.5)), [53.39, 0, 0], atol=0.01), "grey has no colour"
assert np.abs(images.lab_to_rgb(to_lab(some)) - some).max() < 1e-6, "and back"
joint = 6 / 29
assert np.isclose(joint, joint**3 / (3 * joint**2) + 4 / 29) and np.isclose(1 / (3 * joint**2), joint**-2 / 3)
too_dark = to_lab(np.where(some <= 0.04045, some * 12.92, 1.055 * some ** (1 / 2.4) - 0.055))  # step 1 left out
print(f"without step 1 the lightness is off by {np.abs(too_dark - to_lab(some))[:, 0].mean():.0f} of 100 on average")
assert np.abs(too_dark - to_lab(some))[:, 0].mean() > 10

a, b = np.meshgrid(np.linspace(-110, 110, 221), np.linspace(-110, 110, 221))
figure, axes = plots.canvas(9.5, 3.4, columns=3)
for each, lightness in zip(axes, (30, 60, 90), strict=True):
    lab = np.stack([np.full_like(a, lightness), a, b], axis=-1)
    rgb = images.lab_to_rgb(lab)
    outside = np.abs(images.rgb_to_lab(rgb) - lab).max(axis=-1) > 0.5  # clipped: no such colour in sRGB
    rgb[outside] = 1
    each.imshow(rgb, origin="lower", extent=(-110, 110, -110, 110))
    each.grid(False)
    each.set(xlabel="a: green to red", title=f"L = {lightness}")
axes[0].set_ylabel("b: blue to yellow")
figure.alt_text = "Three slices of CIE Lab at lightness 30, 60 and 90: coloured patches of different outline around grey in the middle; what no screen can show is white."
figure

# %% [markdown]
# ## 8 · Why L2 paints brown
#
# A colorizer sees lightness and answers $(a,b)$ for each pixel. The trouble is section 5 once more: many colours have the same lightness. What the L2 loss learns is their *mean*, and **means of colours are greyish, often brownish**: the mean of points around the origin lies near the origin.
#
# Let us make a case where the best answer is known exactly. The backgrounds of the course's faces have five colours, equally frequent and independent of all else. We show the network only 8 levels of lightness (as in a poor scan). Four of the five backgrounds then fall on the *same* level, so that nothing in the picture tells them apart.

# %%
LEVELS = 8
palette = {name: np.array(rgb, np.uint8) for name, rgb in data.face_palettes()["background"].items()}
groups = colour.shared_lightness(palette, LEVELS)
crowd = max(groups, key=len)
ab_of = {name: images.rgb_to_lab(rgb)[1:] for name, rgb in palette.items()}
expected = np.mean([ab_of[name] for name in crowd], axis=0)
mean_chroma = np.mean([np.linalg.norm(ab_of[name]) for name in crowd])
print(f"levels of lightness shared: {groups}")
print(f"the mean of {', '.join(crowd)}: a = {expected[0]:+.1f}, b = {expected[1]:+.1f}")
print(f"chroma of the mean {np.linalg.norm(expected):.1f}; mean of their chromas {mean_chroma:.1f}")
assert np.linalg.norm(expected) < 0.5 * mean_chroma, (
    "a norm is convex: a mean never has more chroma than the mean chroma"
)


# %% [markdown]
# Now train a small U-Net with L2, live, on faces of 32 pixels, and read what it paints where the background is. Does it find the number above? It was told only pictures.


# %%
def colour_pairs(split, n):
    """Posterised lightness (n, 32, 32, 1), colour (n, 32, 32, 2), both in [-1, 1], and the faces themselves."""
    faces = images.downscale(data.load_faces(split).images[:n], 2)
    lightness, ab = colour.split_lab(faces)
    return colour.posterise(lightness, LEVELS), ab, faces


seen, ab, _ = colour_pairs("train", 3_000)
keras.utils.set_random_seed(SEED)
tiny = translation.Translator(nets.free_unet(1, 2, width=8, depth=3), "l2")
tiny.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, COLOUR_STEPS)))
batches = translation.Batches(lambda rows, rng: (seen[rows], ab[rows]), len(seen), 16, SEED)
start = time.perf_counter()
tiny.fit(batches, epochs=-(-COLOUR_STEPS // len(batches)), verbose=0)
print(f"{-(-COLOUR_STEPS // len(batches)) * len(batches)} steps in {time.perf_counter() - start:.0f} s")

test_seen, test_ab, test_faces = colour_pairs("test", 200)
answer = colour.AB * np.asarray(tiny.network(test_seen))
names = list(palette)
codes = data.load_faces("test").attributes["background"][:200]
painted = {}
for code, name in enumerate(names):
    flat = (test_faces == palette[name]).all(axis=-1) & (codes == code)[:, None, None]
    painted[name] = answer[flat].mean(axis=0)
    print(f"{name:6} true {np.round(ab_of[name], 1)}, painted {np.round(painted[name], 1)}")
alike = np.array([painted[name] for name in crowd])
assert np.ptp(alike, axis=0).max() < 2, "the same answer, whatever the true colour is"
assert np.linalg.norm(alike - expected, axis=1).max() < 3, "and it is the conditional mean"

# %% [markdown]
# ### Classification: learn the distribution, then choose
#
# [Zhang, Isola & Efros 2016](https://arxiv.org/abs/1603.08511) do not ask for *the* colour. They cut the ab plane into $Q$ bins and let the network predict a **distribution** $q$ over the bins with cross-entropy. For a source $y$ with true bin probabilities $p_k$ and a weight $w_k$ for each true bin, the expected loss is $-\sum_k p_kw_k\log q_k$. Minimise it under $\sum_kq_k=1$ with a Lagrange multiplier $\lambda$: $-p_kw_k/q_k+\lambda=0$, so
#
# $$\boxed{\;q_k=\frac{w_kp_k}{\sum_jw_jp_j}\;}$$
#
# - With $w=1$ it is the true distribution: *nothing is averaged away*. Two equally likely colours stay two.
# - With $w_k=1/\pi_k$, one over how frequent colour $k$ is anywhere (**rebalancing**), Bayes' rule gives $q_k\propto p(k|y)/\pi_k\propto p(y|k)$: the likelihood instead of the posterior. Without it, greyish colours win nearly everywhere because most pixels of photographs are greyish. (In practice the weights are softened: $w\propto1/\big(\frac12\pi_k+\frac1{2Q}\big)$.)
#
# A picture needs one colour, so choose with a temperature $T$: $f_T(q)_k\propto q_k^{1/T}$, then the mean over bins. $T=1$ is the mean again, and as brown as L2; $T\to0$ is the most frequent colour, which may flip from pixel to pixel. The paper's compromise is $T=0.38$.


# %%
def annealed(q, T):
    """The distribution (Q,) sharpened to temperature T: proportional to q^(1/T)."""
    sharp = np.exp(np.log(q) / T - np.max(np.log(q) / T))
    return sharp / sharp.sum()


def best_bins(p, w):
    """The prediction (Q,) with the smallest weighted cross-entropy −Σ p w log q."""
    return p * w / np.sum(p * w)


p, frequent = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5))
for w in (np.ones(5), 1 / frequent):

    def weighted_loss(logits, w=w):
        return -np.sum(p * w * (logits - np.log(np.sum(np.exp(logits)))))

    by_search = optimize.minimize(weighted_loss, np.zeros(5), tol=1e-10).x
    by_search = np.exp(by_search) / np.exp(by_search).sum()
    print("by formula", np.round(best_bins(p, w), 4), "by search", np.round(by_search, 4))
    assert np.allclose(by_search, best_bins(p, w), atol=1e-4)

bins = colour.gamut_bins(10)
posterior = np.mean([bins.encode(ab_of[name] / colour.AB) for name in crowd], axis=0)  # what is best to predict here
uneven = 0.4 * bins.encode(ab_of["peach"] / colour.AB) + 0.2 * sum(
    bins.encode(ab_of[n] / colour.AB) for n in crowd if n != "peach"
)
for T in (1.0, 0.38, 0.1):
    mine = annealed(uneven + 1e-12, T) @ bins.centres * colour.AB
    library = bins.decode(np.log(uneven + 1e-12), T) * colour.AB
    assert np.allclose(mine, library, atol=0.05)
    print(f"peach twice as likely as the others, T = {T:4}: a = {mine[0]:+5.1f}, b = {mine[1]:+5.1f}")
assert np.allclose(posterior @ bins.centres * colour.AB, expected, atol=1.5), "the mean of the bins is the mean again"
assert np.linalg.norm(annealed(uneven + 1e-12, 0.1) @ bins.centres * colour.AB - ab_of["peach"]) < 6

# %% [markdown]
# ### Five losses, recorded
#
# The same U-Net, the same faces, the same steps, five losses. An adversary that sees *pairs* (lightness and colour) cannot be pleased with a brown that it never saw; what it cannot demand either is the right one of four colours that nothing tells apart. Each dot is the background of one held-out face whose true colour is one of the four (first seed).

# %%
study = runs_of("colour")
codes = data.load_faces("test").attributes["background"]
figure, axes = plots.canvas(11, 2.9, columns=len(study), sharex=True, sharey=True)
spread = {}
for each, method in zip(axes, study, strict=True):
    dots = KEPT[f"colour_{method}_background"]
    dots = dots[np.isin(codes[: len(dots)], [names.index(name) for name in crowd])]
    each.plot(*dots.T, ".", color=plots.COLOURS[0], markersize=4, alpha=0.5)
    for name in crowd:
        each.plot(*ab_of[name], "s", color=palette[name] / 255, markeredgecolor="black", markersize=9)
    each.plot(*expected, "x", color="black", markersize=9, markeredgewidth=2)
    each.set(title=method.replace(" + ", "\n+ ").replace(", ", ",\n"), xlabel="a", xlim=(-32, 32), ylim=(-28, 32))
    each.title.set_fontsize(10)
    nearest = min(np.linalg.norm(dots - ab_of[name], axis=1).mean() for name in crowd)
    spread[method] = float(np.linalg.norm(dots - expected, axis=1).mean()), nearest
axes[0].set_ylabel("b")
figure.alt_text = "Five charts of the ab plane, one for each loss, with the four true background colours as squares and their mean as a cross. L2's dots lie near the cross, L1's beside them, those of the rebalanced and the adversarial loss further off, as the lines above say."
for method, (from_mean, _) in spread.items():
    print(f"{method:22} mean distance of a background from the conditional mean: {from_mean:5.1f}")
assert spread["L2"][0] < 0.25 * mean_chroma, (
    "L2 paints near the conditional mean, though the true colours are far from it"
)
assert all(spread[method][0] > spread["L2"][0] for method in ("bins, rebalanced", "L1 + 0.3 adversarial"))
figure

# %% [markdown]
# No loss can do what the picture does not allow: each paints the four backgrounds *alike*. What differs is where. L2 paints the mean. L1 is free to choose, because four equally frequent numbers have no single median: any value between the second and the third has the same absolute error, and it happens to stay near the mean. Rebalancing and the adversary move away from it, towards colours that occur. (These networks had 400 steps; the adversary's place is the one it was passing when they ended.)
#
# ### Judged by the classifier
#
# Are the colours *right*? The course's classifier of faces reads background, skin, hair and shirt from a picture. Its reading of the true pictures is the ceiling, of grey ones the floor. There is a limit, too, that no method passes on flat colours without a hint: where $n$ equally frequent colours share a level of lightness, one in $n$ guesses is right, so the share is at most (number of levels that occur)/(number of colours).

# %%
read = zoo.load("faces-classifier")
HEADS = ("background", "skin", "hair_colour", "shirt_colour")
faces = data.load_faces("test")
N_READ = 400


def reads(pictures):
    """Share of faces whose colours the classifier reads right, for each head."""
    logits = read.predict(images.to_float(pictures), batch_size=200, verbose=0)
    return {h: float(np.mean(logits[h].argmax(-1) == faces.attributes[h][: len(pictures)])) for h in HEADS}


true_faces = faces.images[:N_READ]
full_lightness, full_ab = colour.split_lab(true_faces)
grey_faces = colour.join_lab(full_lightness, np.zeros_like(full_ab))
palettes = data.face_palettes()
judged = {"true picture": reads(true_faces), "grey": reads(grey_faces)}
judged["limit from lightness"] = {
    h: len(colour.shared_lightness(palettes[h], LEVELS)) / len(palettes[h]) for h in HEADS
}
for method, runs in study.items():
    judged[method] = {h: float(np.mean([run["reads"][h] for run in runs])) for h in HEADS}
    judged[method]["chroma"] = float(np.mean([run["chroma"] for run in runs]))
    judged[method]["rmse of ab"] = float(np.mean([run["ab_rmse"] for run in runs]))
true_chroma = float(colour.mean_chroma(full_ab).mean())
for name, value in {
    "true picture": (true_chroma, 0.0),
    "grey": (0.0, float(colour.AB * np.sqrt(np.mean(full_ab**2)))),
}.items():
    judged[name] |= dict(zip(("chroma", "rmse of ab"), value, strict=True))
judged["limit from lightness"] |= {"chroma": "", "rmse of ab": ""}
errors = {method: judged[method]["rmse of ab"] for method in study}
assert errors["L2"] == min(errors.values()) < judged["grey"]["rmse of ab"], "it was trained for that"
assert judged["L2"]["chroma"] < judged["true picture"]["chroma"], "L2 is paler than the truth"
Markdown(as_markdown(judged, "recorded, without hints"))

# %%
shown = {"grey": grey_faces[:8], "true": true_faces[:8]}
for method in study:
    shown[method] = KEPT[f"colour_{method}_pictures"][:8]
plots.side_by_side(
    shown,
    size=0.95,
    alt="Eight faces: grey, true, and coloured by five losses. Backgrounds that lightness does not tell apart come out in one pale tone, another one for each loss.",
)

# %% [markdown]
# Look at the last columns: L2 has the smallest error in colour, as it must, and it is paler than the truth. A method that *commits itself* is wrong more dearly when it is wrong. Neither is to blame; the picture does not contain the answer. (The limit counts flat colours. A network may pass it where the drawing gives a clue, such as the shade of an eyebrow or the rim of a line; and the classifier may read a colour from its lightness alone, which is why grey is not at chance.)
#
# ## 9 · A hint is worth more than a loss
#
# What the picture does not say, a person can. The shipped colorizer (`faces-colorizer`: bins, rebalanced) was trained with **hints**: three further input planes, with the true $(a,b)$ at a few random places and a mask that says where ([Zhang et al. 2017](https://arxiv.org/abs/1705.02999)). How much does each hint buy?

# %%
colorizer, card = zoo.load("faces-colorizer"), zoo.card("faces-colorizer")["metrics"]
hint_size, N_HINTED = card["hint_size"], 96
bins = colour.gamut_bins(card["bins"]["spacing"])
hint_rng = np.random.default_rng(SEED)


def hinted(count):
    """The first faces coloured with ``count`` true colours as hints at random places."""
    planes = np.zeros((N_HINTED, 64, 64, 3), np.float32)
    for k in range(N_HINTED):
        places = hint_rng.integers(64, size=(count, 2))
        planes[k] = colour.hint_planes(64, 64, [(p, full_ab[k, p[0], p[1]]) for p in places], hint_size)
    parts = [slice(k, k + 32) for k in range(0, N_HINTED, 32)]
    settings = {"levels": card["lightness_levels"], "bins": bins}
    return np.concatenate([colour.colorize(colorizer, full_lightness[p], planes[p], **settings) for p in parts])


COUNTS = (0, 1, 4, 16)
coloured = {count: hinted(count) for count in COUNTS}
by_hints = {f"{count} hints": reads(made) for count, made in coloured.items()}
by_hints = {"grey": reads(grey_faces[:N_HINTED])} | by_hints | {"true picture": reads(true_faces[:N_HINTED])}
assert by_hints["16 hints"]["background"] > by_hints["0 hints"]["background"]
on_average = {name: np.mean(list(row.values())) for name, row in by_hints.items()}
assert on_average["16 hints"] > max(on_average["0 hints"], on_average["grey"])
figure, axes = plots.canvas(6.4, 3.4)
for k, head in enumerate(HEADS):
    axes.plot(
        range(len(COUNTS)),
        [by_hints[f"{count} hints"][head] for count in COUNTS],
        plots.STYLES[k % 4],
        marker=plots.MARKERS[k],
        color=plots.COLOURS[k],
        label=head.replace("_", " "),
    )
axes.set_xticks(range(len(COUNTS)), COUNTS)
axes.set(xlabel="hints at random places", ylabel="read right by the classifier", ylim=(0, 1.03))
axes.set_title(f"shipped colorizer, {N_HINTED} held-out faces")
axes.legend(frameon=False, fontsize=9)
figure.alt_text = "Share of colours that the classifier reads right against the number of hints, for background, skin, hair and shirt: rising with the number of hints, most of all for the large background."
figure

# %%
card_table = {name: row | {"chroma": card["mean_chroma"][name]} for name, row in card["classifier_reads"].items()}
Markdown(f"The card's figures, on {card['faces']} held-out faces:\n\n" + as_markdown(card_table, "version"))

# %% [markdown]
# Give a hint yourself and watch it spread: it stops at lines, as it has learned to. Only the hint's colour counts, not its lightness. “Keep this hint” adds it to the list.

# %%
painter = explore.HintPainter(
    colorizer, true_faces[:6], bins=bins, levels=card["lightness_levels"], hint_size=hint_size
)
painter.show()

# %% [markdown]
# ## 10 · Enhancement: another target, the same machinery
#
# Old prints fade: contrast and saturation go, a cast comes, and a veil of light. Damage photographs in that way at random (`colour.random_fade`), and train the *same* `Translator` with the *same* L1 to undo it. What must be beaten is not the faded picture alone but what every photo editor does with one click: stretch each channel so that its darkest and brightest per cent become black and white.


# %%
def auto_levels(pictures, share=1.0):
    """Each channel of each picture uint8 (N, H, W, 3) stretched between its percentiles ``share`` and 100 − ``share``."""
    x = pictures.astype(np.float32)
    low, high = np.percentile(x, [share, 100 - share], axis=(1, 2), keepdims=True)
    return np.rint(255 * (x - low) / np.maximum(high - low, 1)).clip(0, 255).astype(np.uint8)


faded = colour.random_fade(test.images, np.random.default_rng(13))  # the same as in the record
scores = {
    name: restoration.psnr_of_each(x, test.images, "rgb")
    for name, x in (("faded", faded), ("auto", auto_levels(faded)))
}
click = restoration.bootstrap(scores["auto"] - scores["faded"], test.photo)
enhanced = {
    "faded": {"PSNR, RGB (dB)": float(scores["faded"].mean()), "gain": 0.0, "95 % over photographs": ""},
    "automatic levels": {
        "PSNR, RGB (dB)": float(scores["auto"].mean()),
        "gain": click.mean,
        "95 % over photographs": f"{click.low:+.2f} to {click.high:+.2f}",
    },
}
for run in runs_of("enhance")["L1"]:
    assert np.isclose(run["psnr_before"], scores["faded"].mean(), atol=0.01), "the same faded patches"
    gain, low, high = run["gain_95"]
    enhanced[f"network, seed {run['seed']}, recorded"] = {
        "PSNR, RGB (dB)": run["psnr_after"],
        "gain": gain,
        "95 % over photographs": f"{low:+.2f} to {high:+.2f}",
    }
    assert low > 0 and gain > click.mean, "better than the picture as it is, and than one click"
Markdown(as_markdown(enhanced, "held-out patches"))

# %%
before, after, truth = np.split(KEPT["enhance_L1_pictures"], 3)
plots.side_by_side(
    {"faded": before[:7], "automatic levels": auto_levels(before[:7]), "network": after[:7], "truth": truth[:7]},
    size=1.1,
    alt="Seven patches: faded, by automatic levels, by the network, and true. Automatic levels often overdo contrast and shift colours of patches; the network comes closer, and is a little dull.",
)

# %% [markdown]
# A little dull, again: of how red a faded wall once was, the network can only know the mean. And the comparison is hard on the editor's button, which was made for whole photographs, not for patches of 64 pixels, where “the brightest per cent should be white” is often false.
#
# ## 11 · How to read it
#
# | you see | it is | do |
# |---|---|---|
# | a gain in dB that no one can repeat | another channel, border, or damage | state all three; compare on the same patches |
# | wonderful test scores, poor new pictures | patches of one photograph on both sides | split by photograph |
# | a narrow interval that the next data set leaves | patches counted as independent | bootstrap photographs |
# | fine on reduced pictures, poor on camera pictures | the damage of training is not that of life | model the damage (noise, JPEG, blur), or train on it |
# | soft texture, best PSNR | the conditional mean: the loss is doing its job | accept, or pay up to 3 dB for an adversary |
# | crisp texture that is wrong | an adversary's invention | never as evidence |
# | an adversary without effect, its loss at $2\ln2=1.386$ | the discriminator says “I do not know” of everything; here, R1 with lesson 08's weight on a *map* of logits over a whole picture, whose gradient is a large sum | a far smaller weight; look at the logits, not only at pictures |
# | grain in a checkerboard | independent sub-pixel kernels, or a kernel that is no multiple of the stride | begin the last layer at zero; $k$ a multiple of $f$ |
# | brown faces, pale shirts | the mean of colours | bins, rebalancing, temperature, hints |
# | colours that flip inside one shirt | temperature too low | raise $T$ |
# | a hint that does not spread | too few hints in training | more of them |
#
# ### Try this
#
# - Train the live network on pairs made with `antialias=False`. How many dB does it lose on properly reduced pictures?
# - Replace L1 by `[L1(1.0), L2(1.0)]` in a `translation.Translator`. Does the place on the plane move by more than a seed's spread?
# - Set `LEVELS` to 32. Which backgrounds still share a level, and what does the L2 network paint then?
# - In the explorer, give the hair a hint of the shirt's colour. Where does the colour stop?
# - Take a photograph of your own (`data.load_folder`), reduce it, and enlarge it with the shipped network. Then enlarge it *without* reducing it first. Why is the second less impressive?
#
# ## Summary
#
# - Keeping every $s$-th pixel makes $f$ and $f-k/s$ the same picture; average first.
# - PSNR needs damage, channel and border; $\operatorname{Var}\bar s=\frac{\sigma^2}N(1+(m-1)\rho)$: photographs, not patches, are the sample.
# - A transposed convolution of kernel $fk$ is a sub-pixel convolution, $W_a[m]=W[a-fm+\pi]$.
# - L2 learns the conditional mean, L1 the median. Real-looking pictures cost $D(P)=D^*+\max(0,P^*-P)^2$, at most 3.01 dB.
# - Lab splits lightness from colour. Means of colours are brown; bins learn the distribution $q\propto wp$, the temperature chooses, an adversary commits, a hint decides.
# - Super-resolution, colour and enhancement are one `Translator` with different pairs.
#
# ## References
#
# - Shi et al. 2016, *Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN*, [arXiv:1609.05158](https://arxiv.org/abs/1609.05158); *Is the deconvolution layer the same as a convolutional layer?*, [arXiv:1609.07009](https://arxiv.org/abs/1609.07009)
# - Lim et al. 2017, *Enhanced Deep Residual Networks for Single Image Super-Resolution* (EDSR), [arXiv:1707.02921](https://arxiv.org/abs/1707.02921)
# - Wang et al. 2004, *Image Quality Assessment: From Error Visibility to Structural Similarity*, [doi:10.1109/TIP.2003.819861](https://doi.org/10.1109/TIP.2003.819861)
# - Ledig et al. 2016, *Photo-Realistic Single Image Super-Resolution Using a GAN* (SRGAN), [arXiv:1609.04802](https://arxiv.org/abs/1609.04802); Johnson, Alahi & Fei-Fei 2016, *Perceptual Losses*, [arXiv:1603.08155](https://arxiv.org/abs/1603.08155)
# - Blau & Michaeli 2018, *The Perception-Distortion Tradeoff*, [arXiv:1711.06077](https://arxiv.org/abs/1711.06077); Freirich, Michaeli & Meir 2021, *A Theory of the Distortion-Perception Tradeoff in Wasserstein Space*, [arXiv:2107.02555](https://arxiv.org/abs/2107.02555)
# - Isola et al. 2017, *Image-to-Image Translation with Conditional Adversarial Networks* (pix2pix), [arXiv:1611.07004](https://arxiv.org/abs/1611.07004)
# - Zhang, Isola & Efros 2016, *Colorful Image Colorization*, [arXiv:1603.08511](https://arxiv.org/abs/1603.08511); Zhang et al. 2017, *Real-Time User-Guided Image Colorization with Learned Deep Priors*, [arXiv:1705.02999](https://arxiv.org/abs/1705.02999)
# - Keys 1981, *Cubic convolution interpolation for digital image processing*, [doi:10.1109/TASSP.1981.1163711](https://doi.org/10.1109/TASSP.1981.1163711)
#
# **Next:** the exercises of this lesson; then lesson 14, *Style transfer*.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0.*
