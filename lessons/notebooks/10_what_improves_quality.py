# %% [markdown]
# # 10 · What improves quality? A controlled study
#
# **After this lesson you can**
#
# - plan an ablation: one baseline, one change at a time, one budget, several seeds, and a number decided on beforehand;
# - say how large an effect is, how sure you are of it with three seeds, and how many of forty effects are bound to be luck;
# - find an interaction of two settings, which changing one thing at a time cannot show;
# - count what a network costs (parameters, operations) and what it sees (receptive field), and find a checkerboard before training;
# - say what learning rate, batch size, momentum, Adam and weight averaging do to the noise of training, each with its formula;
# - choose an architecture, and say which measurement the choice rests on.
#
# **Time.** Reading 40 minutes. Running all cells: about 40 seconds on two CPU cores. On a GPU its time has not been measured yet.
#
# **Builds on** lesson 06 (the training step of a GAN), lesson 08 (R1) and lesson 09 (the Fréchet distance). What is needed of them is repeated in a line.
#
# **Exercises:** `exercises/10_what_improves_quality.ipynb`, 45 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("10")

# %%
import importlib.resources
import itertools
import json
import time

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from keras import layers
from scipy import stats

from course_lib import data, gan, images, metrics, nets, plots, runtime

SEED = 0
runtime.setup(SEED)
rng = np.random.default_rng(SEED)

# %% [markdown]
# ## 1 · Is it better, or was it luck?
#
# You change one line of a training script, train again, and the Fréchet distance falls from 250 to 220. Was that the line? Train the *old* script again with another seed, and it may give 220 as well. A **study** answers the question; it consists of
#
# - a **baseline** and, for each question, a **variant** that differs from it in *one* thing (otherwise the things are **confounded**: nobody can tell which of them did it);
# - the same **budget** for all, named: images seen, or seconds, and these are two different studies;
# - several **seeds** of everything, the baseline included;
# - one **measure**, chosen before looking, on samples and features that are the same for all.
#
# ### The size of an effect
#
# A distance is a positive number whose natural changes are proportions: from 20 to 10 is as much as from 200 to 100. We therefore measure the effect of a variant with distance $b$ against a baseline with distance $a$ by the **log-ratio**
#
# $$\boxed{\;e = \ln\frac{b}{a}\;}$$
#
# Negative is better. It is antisymmetric (swap the two and the sign flips), and it adds up along a chain, $\ln\frac ca = \ln\frac ba+\ln\frac cb$. A change in per cent does neither: "50 % lower" and then "50 % higher" does not lead back. For small effects $e$ is about the relative change, because $\ln(1+x)\approx x$; halving is $-0.69$.


# %%
def log_ratio(variant, baseline):
    """Effect of a variant on a positive measure: negative where the variant's is smaller."""
    return np.log(np.asarray(variant) / np.asarray(baseline))


assert np.isclose(log_ratio(10, 20), -log_ratio(20, 10)), "antisymmetric"
assert np.isclose(log_ratio(12, 40), log_ratio(20, 40) + log_ratio(12, 20)), "adds up along a chain"
print(
    f"50 % lower, then 50 % higher: 100 → 50 → {100 * 0.5 * 1.5:.0f};  in log-ratios {log_ratio(50, 100):+.2f} back is {log_ratio(100, 50):+.2f}"
)

# %% [markdown]
# ### Three seeds and Student's t
#
# Let $e_1,\dots,e_n$ be the effects of $n$ seeds, with mean $\bar e$ and standard deviation $s=\sqrt{\frac1{n-1}\sum(e_i-\bar e)^2}$. If they are independent draws from a normal distribution with mean $\mu$, then $T=(\bar e-\mu)/(s/\sqrt n)$ follows Student's $t$ distribution with $n-1$ degrees of freedom, whatever the unknown spread is. So, with $t^*$ the value that $|T|$ exceeds with probability 5 %,
#
# $$\boxed{\;\mu\in\bar e\pm t^*_{n-1}\,\frac{s}{\sqrt n}\quad\text{with confidence 95 \%}\;}$$
#
# For $n=3$, $t^*=4.30$ and not the familiar 1.96: with three seeds, an interval of "two standard errors" is less than half as long as it must be. **Check:** how often does the interval contain the truth?


# %%
def t_interval(effects, level=0.95):
    """Confidence interval (low, high) of the mean effect of n seeds, from Student's t distribution."""
    n = len(effects)
    half = stats.t.ppf(0.5 + level / 2, n - 1) * np.std(effects, ddof=1) / np.sqrt(n)
    return np.mean(effects) - half, np.mean(effects) + half


trials = rng.normal(0.3, 0.2, (20_000, 3))
centre, spread = trials.mean(axis=1), trials.std(axis=1, ddof=1) / np.sqrt(3)
covered = {
    name: np.mean(abs(centre - 0.3) < k * spread) for name, k in (("t* = 4.30", stats.t.ppf(0.975, 2)), ("1.96", 1.96))
}
error = np.sqrt(0.95 * 0.05 / len(trials))
for name, share in covered.items():
    print(f"mean ± {name:9} standard errors: holds the truth in {share:.1%} of studies with 3 seeds")
low, high = t_interval(trials[0])
assert np.isclose(high - low, 2 * stats.t.ppf(0.975, 2) * spread[0])
assert abs(covered["t* = 4.30"] - 0.95) < 4 * error and covered["1.96"] < 0.85

# %% [markdown]
# ### No assumption at all: permutations
#
# Suppose the change does *nothing*. Then the labels "baseline" and "variant" of our $2n$ runs are arbitrary, and all $\binom{2n}{n}$ ways to deal them are equally likely. The **permutation test** counts the share of dealings whose difference of means is at least as large, in size, as the one we saw:
#
# $$p=\frac{\#\{\text{dealings with }|\text{difference}|\ge|\text{observed}|\}}{\binom{2n}{n}} .$$
#
# The dealing that we observed and its mirror image always count, so
#
# $$\boxed{\;p\ge\frac{2}{\binom{2n}{n}}\;}\qquad\text{which is }\tfrac2{20}=0.1\text{ for three seeds against three.}$$
#
# However clear the result, three against three seeds *cannot* reach 5 % without an assumption about the shape of the distribution. Four against four can ($2/70=0.029$). If the runs come in **pairs** (the same seed), only the sign of each pair's effect is arbitrary: $2^n$ sign patterns, and $p\ge2/2^n$, a quarter for three.


# %%
def permutation_p(baseline, variant):
    """Exact two-sided p-value of the difference of means, over all ways to deal the labels."""
    pooled, n = np.r_[baseline, variant], len(baseline)
    observed = abs(np.mean(variant) - np.mean(baseline))
    dealt = [list(chosen) for chosen in itertools.combinations(range(len(pooled)), n)]
    differences = [np.delete(pooled, chosen).mean() - pooled[chosen].mean() for chosen in dealt]
    return np.mean(np.abs(differences) >= observed - 1e-12)


def sign_flip_p(effects):
    """Exact two-sided p-value of the mean of paired effects, over all signs."""
    flipped = [np.mean(np.multiply(signs, effects)) for signs in itertools.product((1, -1), repeat=len(effects))]
    return np.mean(np.abs(flipped) >= abs(np.mean(effects)) - 1e-12)


for n in (2, 3, 4, 5, 6):
    apart, pairs = permutation_p(np.arange(n), 100 + np.arange(n)), sign_flip_p(1 + np.arange(n))
    print(f"{n} against {n} seeds, as clear as can be: p = {apart:.4f};  {n} pairs: p = {pairs:.4f}")
    assert np.isclose(apart, 2 / len(list(itertools.combinations(range(2 * n), n)))) and np.isclose(pairs, 2 / 2**n)
null = np.array([permutation_p(*x) for x in rng.normal(size=(300, 2, 4))])  # no effect: 4 against 4
assert np.mean(null <= 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 300), "at most 5 % false alarms"

# %% [markdown]
# ### Pairing by seed
#
# If the variant keeps the network's shapes, the same seed gives both runs the same initial weights and the same images in the same order. Whatever luck they share then cancels in the difference. With standard deviations $\sigma_a,\sigma_b$ and correlation $\rho$ of the two results of one seed,
#
# $$\operatorname{Var}(b-a)=\sigma_a^2+\sigma_b^2-2\rho\,\sigma_a\sigma_b
# \qquad\Rightarrow\qquad\boxed{\;\operatorname{Var}(\bar b-\bar a)=\frac{\sigma_a^2+\sigma_b^2-2\rho\,\sigma_a\sigma_b}{n}\;}$$
#
# (multiply out $\mathbb E[((b-\mathbb Eb)-(a-\mathbb Ea))^2]$). At $\rho=0$ pairing gains nothing (and costs: fewer degrees of freedom). At $\rho=0.75$ and equal spreads the variance is a quarter, worth four times the seeds. GANs are chaotic, so $\rho$ is often small; section 5 measures it.


# %%
def difference_variance(std_a, std_b, correlation, seeds):
    """Variance of the mean difference of paired results, over ``seeds`` pairs."""
    return (std_a**2 + std_b**2 - 2 * correlation * std_a * std_b) / seeds


for correlation in (0.0, 0.75, -0.5):
    covariance = np.array([[0.04, correlation * 0.06], [correlation * 0.06, 0.09]])
    exact = np.array([-1, 1]) @ covariance @ np.array([-1, 1]) / 3  # the quadratic form
    pairs = rng.multivariate_normal([0, 0], covariance, (20_000, 3))
    simulated = np.var((pairs[..., 1] - pairs[..., 0]).mean(axis=1))
    formula = difference_variance(0.2, 0.3, correlation, 3)
    print(f"ρ = {correlation:+.2f}: formula {formula:.5f}, quadratic form {exact:.5f}, simulated {simulated:.5f}")
    assert np.isclose(formula, exact) and abs(simulated / exact - 1) < 4 * np.sqrt(2 / 20_000)

# %% [markdown]
# ### How many seeds detect an effect?
#
# Turn the question around *before* spending the time. An effect of true size $\delta$ and spread $\sigma$ over seeds shifts $T$: it follows the *noncentral* $t$ distribution with shift $\delta\sqrt n/\sigma$. The **power** is the probability that $|T|$ passes $t^*$:
#
# $$\boxed{\;\text{power}=P\big(|T_{n-1}(\delta\sqrt n/\sigma)|>t^*_{n-1}\big)\;}$$


# %%
def power(effect, spread, seeds, alpha=0.05):
    """Probability that a two-sided t test of ``seeds`` paired effects notices a true effect."""
    shift, critical = effect * np.sqrt(seeds) / spread, stats.t.ppf(1 - alpha / 2, seeds - 1)
    return stats.nct.sf(critical, seeds - 1, shift) + stats.nct.cdf(-critical, seeds - 1, shift)


for seeds in (3, 6):
    studies = rng.normal(0.25, 0.15, (20_000, seeds))
    t_values = studies.mean(axis=1) / studies.std(axis=1, ddof=1) * np.sqrt(seeds)
    simulated = np.mean(abs(t_values) > stats.t.ppf(0.975, seeds - 1))
    print(f"effect 0.25, spread 0.15, {seeds} seeds: power {power(0.25, 0.15, seeds):.3f}, simulated {simulated:.3f}")
    assert abs(simulated - power(0.25, 0.15, seeds)) < 4 * np.sqrt(0.25 / 20_000)

figure, (left, right) = plots.canvas(9.5, 3.2, columns=2)
effects = np.linspace(0, 0.65, 50)
for number, seeds in enumerate((3, 5, 10, 30)):
    style = {"color": plots.COLOURS[number], "linestyle": plots.STYLES[number], "linewidth": 2}
    # SciPy's noncentral t is NaN at large shifts, where the power is 1 to three digits.
    noticed = np.nan_to_num([power(e, 0.15, seeds) for e in effects], nan=1.0)
    left.plot(effects, 100 * noticed, label=f"{seeds} seeds", **style)
left.axhline(80, color=plots.GREY, linewidth=1, linestyle=":")
left.set(xlabel="true effect (log-ratio), spread 0.15", ylabel="noticed at 5 % (%)", ylim=(0, 102))
left.set_title("Three seeds notice large effects only")
left.legend(frameon=False, fontsize=9, loc="lower right")
at = np.arange(1, 61)
for number, (alpha, text) in enumerate(((0.05, "each at 5 %"), (0.01, "each at 1 %"))):
    right.plot(
        at, 100 * (1 - (1 - alpha) ** at), plots.STYLES[number], color=plots.COLOURS[number], linewidth=2, label=text
    )
right.set(xlabel="settings compared, none of which matters", ylabel="at least one seems to (%)", ylim=(0, 102))
right.set_title("Many comparisons find something")
right.legend(frameon=False, fontsize=9, loc="upper left")
figure.alt_text = (
    "Left: power of a t test against the true effect for 3, 5, 10 and 30 seeds; with 3 seeds it reaches 80 percent only at about half "
    "a log unit. Right: the probability of at least one false alarm, rising to 87 percent at forty comparisons at the 5 percent level."
)
figure

# %% [markdown]
# ### Forty comparisons
#
# A test at level $\alpha$ raises a false alarm with probability $\alpha$. Among $m$ settings that all do nothing we expect
#
# $$\boxed{\;m\alpha\text{ false alarms,}\qquad P(\text{at least one})=1-(1-\alpha)^m\text{ if they are independent.}\;}$$
#
# For 40 settings at 5 % that is two "discoveries", and at least one with probability 0.87. **Bonferroni's** remedy is to test each at $\alpha/m$: the probabilities of the $m$ alarms add up to at most $\alpha$, independent or not. Its price is power. A study of forty settings with three seeds is therefore a *screening*: it ranks, and what matters is then repeated with more seeds.


# %%
def family_error(comparisons, alpha=0.05):
    """Expected number of false alarms among independent comparisons, and the probability of at least one."""
    return comparisons * alpha, 1 - (1 - alpha) ** comparisons


alarms = (rng.uniform(size=(20_000, 40)) < 0.05).sum(axis=1)  # a p-value is uniform where nothing matters
expected, at_least_one = family_error(40)
print(
    f"40 settings that do nothing: expected {expected:.1f} false alarms (simulated {alarms.mean():.2f}), at least one {at_least_one:.3f} ({np.mean(alarms > 0):.3f})"
)
print(f"with Bonferroni's level 0.05/40: at least one {family_error(40, 0.05 / 40)[1]:.3f}")
assert abs(alarms.mean() - expected) < 4 * np.sqrt(40 * 0.05 * 0.95 / 20_000)
assert abs(np.mean(alarms > 0) - at_least_one) < 4 * np.sqrt(0.25 / 20_000)

# %% [markdown]
# ### What one at a time misses: interaction
#
# Let two settings have two levels each, and $y_{ij}$ be the mean log-distance in the four cells. Changing one thing at a time measures $y_{00}$, $y_{10}$ and $y_{01}$, and predicts for both changes together $y_{10}+y_{01}-y_{00}$. The error of that prediction is
#
# $$\boxed{\;I=y_{11}-y_{10}-y_{01}+y_{00}\;}$$
#
# the **interaction**: the effect of the first setting when the second is on, $y_{11}-y_{01}$, minus its effect when it is off, $y_{10}-y_{00}$. The **main effect** of the first setting is its effect averaged over both levels of the second, $\tfrac12[(y_{10}-y_{00})+(y_{11}-y_{01})]$. On a log scale "no interaction" means that the *factors* multiply. In the table
#
# | | small rate | large rate |
# |---|---|---|
# | **little momentum** | 100 | 90 |
# | **much momentum** | 95 | 300 |
#
# each change alone is a small improvement; both together are a disaster which neither of the three runs foretells.


# %%
def effects_2x2(table):
    """Main effects of rows and columns, and the interaction, of a 2 × 2 table of (log) results y[i, j]."""
    y = np.asarray(table, float)
    rows = 0.5 * ((y[1, 0] - y[0, 0]) + (y[1, 1] - y[0, 1]))
    columns = 0.5 * ((y[0, 1] - y[0, 0]) + (y[1, 1] - y[1, 0]))
    return rows, columns, y[1, 1] - y[1, 0] - y[0, 1] + y[0, 0]


y = np.log([[100, 90], [95, 300]])
design = np.array([[1, i - 0.5, j - 0.5, (i - 0.5) * (j - 0.5)] for i in (0, 1) for j in (0, 1)])
by_least_squares = np.linalg.solve(design, y.ravel())[1:]
assert np.allclose(effects_2x2(y), by_least_squares), "the same as a regression with centred columns"
predicted = y[1, 0] + y[0, 1] - y[0, 0]
print(f"main effects {effects_2x2(y)[0]:+.2f} and {effects_2x2(y)[1]:+.2f}, interaction {effects_2x2(y)[2]:+.2f}")
print(f"predicted from one at a time: {np.exp(predicted):.0f}; measured: {np.exp(y[1, 1]):.0f}")
assert np.isclose(y[1, 1] - predicted, effects_2x2(y)[2])

# %% [markdown]
# ## 2 · What a network costs and what it sees
#
# ### Parameters and operations
#
# Count one multiplication and one addition as two floating point operations. A dense layer from $c$ to $c'$ numbers has a weight for each pair: $cc'+c'$ parameters (with biases), $2cc'$ operations. A convolution with a $k\times k$ kernel has $k^2cc'+c'$ parameters, and each of the $H'W'$ pixels of its *output* sums $k^2c$ products for each of $c'$ channels. A *transposed* convolution turns this around: each of the $HW$ pixels of its *input* is multiplied with the whole kernel and added to $k^2$ places of the output. So
#
# $$\boxed{\;\text{Dense }2cc',\qquad\text{Conv }2k^2cc'\,H'W',\qquad\text{transposed Conv }2k^2cc'\,HW\;}$$
#
# (biases, BatchNorm and activations are left out: a few per cent). The parameters do not depend on the resolution and the operations do: a layer can be cheap to store and expensive to run. Twice the width is four times both, except in the first and last layer. **Check** against a convolution written as loops which counts its multiplications, and against Keras's count of parameters.


# %%
def flops(model):
    """Operations of one example's forward pass through the dense and convolution layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Dense):
            total += 2 * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, layers.Conv2DTranspose):
            total += 2 * int(np.prod(layer.kernel.shape)) * layer.input.shape[1] * layer.input.shape[2]
        elif isinstance(layer, layers.Conv2D):
            total += 2 * int(np.prod(layer.kernel.shape)) * layer.output.shape[1] * layer.output.shape[2]
    return total


def parameters(kind, c_in, c_out, kernel=1):
    """Parameters of a dense or (transposed) convolution layer with biases."""
    return (c_in if kind == "dense" else kernel**2 * c_in) * c_out + c_out


def counted_transposed(x, kernel, stride):
    """A transposed convolution without cropping, as loops: input (H, W, c), kernel (k, k, c', c) -> output, operations."""
    k, (height, width, _) = len(kernel), x.shape
    out, operations = np.zeros((stride * (height - 1) + k, stride * (width - 1) + k, kernel.shape[2])), 0
    for i, j, a, b in itertools.product(range(height), range(width), range(k), range(k)):
        out[stride * i + a, stride * j + b] += kernel[a, b] @ x[i, j]
        operations += 2 * kernel[a, b].size
    return out, operations


x, kernel = rng.normal(size=(5, 5, 3)), rng.normal(size=(4, 4, 2, 3))
looped, operations = counted_transposed(x, kernel, 2)
by_tensorflow = tf.nn.conv2d_transpose(x[None], kernel, (1, 12, 12, 2), 2, "VALID")[0]
one_layer = keras.Sequential([keras.Input((5, 5, 3)), layers.Conv2DTranspose(2, 4, strides=2, padding="same")])
print(f"transposed 4/2 on 5 × 5 × 3: {operations} operations counted, {flops(one_layer)} by the formula")
assert np.allclose(looped, by_tensorflow) and operations == flops(one_layer)

WIDTH, LATENT_DIM, SHAPE = 16, 64, (28, 28, 1)
generator = nets.dcgan_generator(SHAPE, LATENT_DIM, WIDTH)
for layer in generator.layers:
    if isinstance(layer, (layers.Dense, layers.Conv2D, layers.Conv2DTranspose)):
        kind = "dense" if isinstance(layer, layers.Dense) else "convolution"
        c_in, c_out = layer.input.shape[-1], layer.output.shape[-1]
        k = 1 if kind == "dense" else layer.kernel.shape[0]
        cost = flops(keras.Model(layer.input, layer.output)) / 1e6
        assert layer.count_params() == parameters(kind, c_in, c_out, k) - (0 if layer.use_bias else c_out)
        print(
            f"{type(layer).__name__:16} {c_in:3} → {c_out:4}: {layer.count_params():7,} parameters, {cost:5.2f} MFLOPs"
        )
print(f"generator: {generator.count_params():,} parameters, {flops(generator) / 1e6:.2f} MFLOPs")

# %% [markdown]
# The dense layer holds most of the parameters and does almost none of the work. That is typical, and the reason why "number of parameters" alone says little about time.
#
# ### The receptive field
#
# How large a part of the image does one unit see? A convolution with kernel $k$ sees $k$ neighbours in its input, and two neighbours of that input are $j$ image pixels apart, where $j$ (the **jump**) is the product of all strides before it. Each layer therefore adds $(k-1)\,j$ pixels:
#
# $$\boxed{\;r=1+\sum_{l}(k_l-1)\prod_{i<l}s_i\;}$$
#
# **Check** by the gradient of one unit with respect to the image: the pixels with a derivative that is not zero are the receptive field.


# %%
def receptive_field(convolutions):
    """Side in pixels of what one output unit sees, for (kernel, stride) of the convolutions from the image on."""
    field, jump = 1, 1
    for kernel, stride in convolutions:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def seen_side(convolutions, side=64):
    """The same by a gradient: the extent of the pixels that reach the middle unit of a network of ones."""
    x = image = keras.Input((side, side, 1))
    for kernel, stride in convolutions:
        x = layers.Conv2D(1, kernel, strides=stride, padding="same", kernel_initializer="ones")(x)
    pixels = tf.ones((1, side, side, 1))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        unit = keras.Model(image, x)(pixels)[0, x.shape[1] // 2, x.shape[2] // 2, 0]
    return int(np.any(tape.gradient(unit, pixels).numpy()[0, :, :, 0], axis=1).sum())


FIELDS = {
    "the course's discriminator": [(4, 2), (4, 2), (3, 1)],
    "a convolution more at each resolution": [(4, 2), (3, 1), (4, 2), (3, 1), (3, 1)],
    "a stage less": [(4, 2), (3, 1)],
    "three 3 × 3 without stride": [(3, 1)] * 3,
}
for name, convolutions in FIELDS.items():
    print(
        f"{name:38}: {receptive_field(convolutions)} pixels by the formula, {seen_side(convolutions)} by the gradient"
    )
    assert receptive_field(convolutions) == seen_side(convolutions)

# %% [markdown]
# Depth buys receptive field in proportion to the jump: late layers and strides are what widens the view. A convolution at full resolution adds two pixels and costs most.
#
# ### The checkerboard, before training
#
# A transposed convolution with kernel $k$ and stride $s$ adds a stamp of width $k$ at each multiple of $s$. How many stamps cover the output pixel $x$? Those at $sj$ with $0\le x-sj<k$. Write $x=sq+r$ with $0\le r<s$: the offsets $x-sj$ are $r,r+s,r+2s,\dots$ below $k$, so
#
# $$\boxed{\;n(x)=\Big\lceil\frac{k-r}{s}\Big\rceil,\qquad r=x\bmod s\;}$$
#
# It is the same for every $r$ exactly if $s$ divides $k$. For $k=3$, $s=2$ the count alternates 2, 1, 2, 1, and in the plane 4, 2, 2, 1: a constant input gives a chequered output unless training evens it out ([Odena et al. 2016](https://distill.pub/2016/deconv-checkerboard/)).


# %%
def overlap(kernel, stride, position):
    """Number of stamps of a transposed convolution that cover an output position far from the border."""
    return -(-(kernel - position % stride) // stride)


for kernel, stride in ((4, 2), (3, 2), (5, 2), (6, 3), (5, 3), (2, 2)):
    layer = layers.Conv2DTranspose(1, (kernel, 1), strides=(stride, 1), kernel_initializer="ones")
    stamped = layer(tf.ones((1, 24, 1, 1))).numpy()[0, :, 0, 0]
    inside = range(2 * kernel, len(stamped) - 2 * kernel)
    assert [overlap(kernel, stride, i) for i in inside] == [round(float(stamped[i])) for i in inside]
    print(
        f"kernel {kernel}, stride {stride}: {[overlap(kernel, stride, i) for i in range(2 * stride)]}",
        "even" if kernel % stride == 0 else "UNEVEN",
    )

# %% [markdown]
# ### Up-sampling as a filter
#
# Every kind of up-sampling by two can be read as: put a zero between neighbours, then filter with some $h$. Zeros create a mirror image of the spectrum around $\pi$ (the fastest alternation $+,-,+,-$), and a smooth filter has to remove it. Its response at frequency $\omega$ is $H(\omega)=\sum_nh_ne^{-i\omega n}$. For *nearest* $h=(1,1)$, and for *bilinear* $h=(\tfrac12,1,\tfrac12)$. Take out the phase of the middle:
#
# $$\boxed{\;|H_\text{nearest}|=\big|1+e^{-i\omega}\big|=2\Big|\cos\frac\omega2\Big|,\qquad|H_\text{bilinear}|=1+\cos\omega=2\cos^2\frac\omega2\;}$$
#
# Both vanish at $\pi$, so neither makes a checkerboard out of a flat surface, and bilinear has a *double* zero there: it removes more of the mirror image and blurs more. A transposed convolution with a kernel of three ones has $H(\pi)=1-1+1=1$, a third of $H(0)=3$. In general $H(\pi)=\sum_{n\text{ even}}h_n-\sum_{n\text{ odd}}h_n$: it is zero where the two interleaved sets of taps weigh the same, which a *learned* kernel of size 4 may do, and one of size 3 must be taught to do.


# %%
def response(taps, omega):
    """|H(ω)| of a filter."""
    taps = np.asarray(taps)
    return np.abs(np.exp(-1j * np.multiply.outer(omega, np.arange(len(taps)))) @ taps)


omega = np.linspace(0, np.pi, 181)
assert np.allclose(response([1, 1], omega), 2 * np.cos(omega / 2))
assert np.allclose(response([0.5, 1, 0.5], omega), 2 * np.cos(omega / 2) ** 2)
line = rng.normal(size=32)
for kind, taps in (("nearest", [1, 1]), ("bilinear", [0.5, 1, 0.5])):
    zeros = np.zeros(64)
    zeros[::2] = line
    filtered = np.convolve(zeros, taps)
    layer = layers.UpSampling2D((2, 1), interpolation=kind)
    by_keras = layer(tf.constant(line.reshape(1, 32, 1, 1), tf.float32)).numpy()[0, :, 0, 0]
    if kind == "nearest":
        assert np.allclose(filtered[:64], by_keras, atol=1e-6)
    else:  # Keras samples between the old pixels: the mean of two neighbours of the same filter
        assert np.allclose(0.5 * (filtered[1:62] + filtered[2:63]), by_keras[1:62], atol=1e-6)

figure, (left, right) = plots.canvas(9.5, 3.1, columns=2)
kernel_3, kernel_4 = (layers.Conv2DTranspose(1, k, strides=2, kernel_initializer="ones") for k in (3, 4))
boards = [np.asarray(layer(tf.ones((1, 6, 6, 1))))[0, 3:11, 3:11, 0] for layer in (kernel_3, kernel_4)]
left.imshow(np.hstack([boards[0], np.full((8, 1), np.nan), boards[1]]), cmap="gray", vmin=0, vmax=6)
left.set_xticks([3.5, 12.5], ["kernel 3, stride 2", "kernel 4, stride 2"])
left.set(yticks=[], title="A constant, through stamps of ones")
left.grid(False)
for number, (name, taps) in enumerate(
    {"nearest": [1, 1], "bilinear": [0.5, 1, 0.5], "kernel 3 of ones": [2 / 3] * 3}.items()
):
    right.plot(
        omega / np.pi,
        response(taps, omega) / 2,
        plots.STYLES[number],
        color=plots.COLOURS[number],
        linewidth=2,
        label=name,
    )
right.set(xlabel="frequency ω / π  (1: the checkerboard)", ylabel="|H| / H(0)", title="What is left of each frequency")
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: a constant image after a transposed convolution with kernel 3 and stride 2 is a checkerboard, with kernel 4 it is flat. "
    "Right: frequency responses; nearest and bilinear fall to zero at the highest frequency, a kernel of three ones keeps a third."
)
figure

# %% [markdown]
# ## 3 · What the hyper-parameters do to the noise
#
# ### Batch size and learning rate
#
# The gradient of a batch is the mean of $B$ independent examples' gradients, each with variance $\sigma^2$, so its variance is $\sigma^2/B$. What does that do to the weights? Take the simplest loss, $\tfrac12hw^2$ with curvature $h$, and SGD with rate $\eta$ (noise $\xi_t$ of variance 1):
#
# $$w_{t+1}=w_t-\eta\Big(hw_t+\frac{\sigma}{\sqrt B}\xi_t\Big)=(1-\eta h)\,w_t-\frac{\eta\sigma}{\sqrt B}\,\xi_t .$$
#
# The noise is independent of $w_t$, so the variances add: $V_{t+1}=(1-\eta h)^2V_t+\eta^2\sigma^2/B$. At rest $V_{t+1}=V_t=V$, and $1-(1-\eta h)^2=\eta h(2-\eta h)$, hence
#
# $$\boxed{\;V=\frac{\eta\,\sigma^2}{B\,h\,(2-\eta h)}\;}\qquad\text{for }0<\eta h<2 .$$
#
# As long as $\eta h\ll1$ only the ratio $\eta/B$ counts: four times the batch allows four times the rate (**linear scaling**, [Goyal et al. 2017](https://arxiv.org/abs/1706.02677)), and the same number of *images* gives the same result with a quarter of the steps. It ends where $\eta h$ approaches 2: beyond, $|1-\eta h|>1$ and the iteration explodes, whatever the batch. A large batch then wastes images. (Adam divides by the size of the gradients, which changes with the noise; there $\eta\propto\sqrt B$ is the better rule, [Malladi et al. 2022](https://arxiv.org/abs/2205.10287).)


# %%
def stationary_variance(rate, curvature, noise, batch):
    """Variance of a weight that SGD holds at the minimum of ½ h w², with gradient noise of std ``noise`` per example."""
    return rate * noise**2 / (batch * curvature * (2 - rate * curvature))


def simulate_sgd(rate, curvature, noise, batch, steps=300, copies=20_000):
    """Variance over many independent copies of the iteration."""
    w = np.zeros(copies)
    for _ in range(steps):
        w -= rate * (curvature * w + noise / np.sqrt(batch) * rng.standard_normal(copies))
    return np.var(w)


for rate, batch in ((0.05, 16), (0.2, 64), (0.8, 64), (1.8, 64)):
    formula, simulated = stationary_variance(rate, 1.0, 3.0, batch), simulate_sgd(rate, 1.0, 3.0, batch)
    print(f"rate {rate:4}, batch {batch:2}: variance {formula:.4f}, simulated {simulated:.4f}")
    assert abs(simulated / formula - 1) < 5 * np.sqrt(2 / 20_000)
same_ratio = stationary_variance(0.05, 1.0, 3.0, 16), stationary_variance(0.2, 1.0, 3.0, 64)
assert abs(same_ratio[1] / same_ratio[0] - 1) < 0.1, "linear scaling while ηh is small"

# %% [markdown]
# ### An average of the weights
#
# The averaged generator keeps $a_t=\beta a_{t-1}+(1-\beta)w_t$. Unrolled, $a_t=(1-\beta)\sum_{k\ge0}\beta^kw_{t-k}$: weights that fall off geometrically and sum to one. Their mean age is $(1-\beta)\sum_kk\beta^k=\beta/(1-\beta)$, about $1/(1-\beta)$ steps. If the $w$ were independent with variance $v$,
#
# $$\operatorname{Var}(a)=(1-\beta)^2\sum_{k\ge0}\beta^{2k}\,v=\frac{(1-\beta)^2}{1-\beta^2}\,v=\frac{1-\beta}{1+\beta}\,v .$$
#
# Successive weights are not independent: the iteration above has correlation $\rho^k$ at distance $k$ with $\rho=1-\eta h$. Then $\operatorname{Var}(a)=(1-\beta)^2v\sum_{k,l}\beta^{k+l}\rho^{|k-l|}$. Split into $k=l$ and twice $l=k+m$: $\sum_k\beta^{2k}\big(1+2\sum_{m\ge1}(\beta\rho)^m\big)=\frac1{1-\beta^2}\cdot\frac{1+\beta\rho}{1-\beta\rho}$, so
#
# $$\boxed{\;\operatorname{Var}(a)=\frac{1-\beta}{1+\beta}\cdot\frac{1+\beta\rho}{1-\beta\rho}\;v\;}$$
#
# The average removes fast noise (small $\rho$) by a factor $\frac{1-\beta}{1+\beta}$, 1/199 for $\beta=0.99$, and slow drift hardly at all. Its price is **lag**: it shows the generator of $\beta/(1-\beta)$ steps ago. With $\beta=0.999$ and a run of 1,000 steps it still remembers the beginning. So the decay belongs to the length of the run.
#
# The course's `GAN` lets the decay grow with the step, $\beta_t=\min\big(\beta,\frac{1+t}{10+t}\big)$. While the second term is the smaller one, the value of step $s$ has at step $t$ the weight $(1-\beta_s)\prod_{k=s+1}^t\frac{1+k}{10+k}\approx\frac9t\big(\frac st\big)^8$ (a product of ratios in which most factors cancel), whose mean is $s=0.9\,t$: the average is
# a **tenth of the run old**, whatever $\beta$ was asked for. After 1,000 steps $\frac{1+t}{10+t}=0.991$, so $\beta=0.998$ and $\beta=0.99$ must come out nearly alike. Remember this when you read section 5.


# %%
def average_variance(decay, correlation=0.0):
    """Variance of the exponential average over that of a weight whose values are correlated by ρ^k at distance k."""
    return (1 - decay) / (1 + decay) * (1 + decay * correlation) / (1 - decay * correlation)


def average_age(decay):
    """Mean age in steps of what the average holds."""
    return decay / (1 - decay)


for decay, correlation in ((0.9, 0.0), (0.9, 0.5), (0.95, 0.9)):
    w = (1 - decay) * decay ** np.arange(400)
    covariance = correlation ** np.abs(np.subtract.outer(np.arange(400), np.arange(400)))
    print(
        f"β = {decay}, ρ = {correlation}: variance factor {average_variance(decay, correlation):.4f}, exact sum {w @ covariance @ w:.4f}"
    )
    assert np.isclose(average_variance(decay, correlation), w @ covariance @ w)
    assert np.isclose(average_age(decay), w @ np.arange(400))


def grown_age(decay, steps):
    """Mean age of what an average holds whose decay grows as min(decay, (1 + t) / (10 + t))."""
    age = 0.0
    for t in range(1, steps + 1):
        age = min(decay, (1 + t) / (10 + t)) * (age + 1)  # everything held grows older; the newest has age 0
    return age


for decay in (0.9, 0.99, 0.998):
    print(
        f"decay {decay}: after 1,000 steps {average_age(decay):5.0f} steps old if fixed, {grown_age(decay, 1000):5.1f} with the growing decay"
    )
assert abs(grown_age(0.9999, 1000) / 100 - 1) < 0.02, "a tenth of the run"
assert abs(grown_age(0.998, 1000) / grown_age(0.99, 1000) - 1) < 0.1

# %% [markdown]
# ### Momentum, and Adam's steps
#
# SGD with momentum keeps a velocity $u_t=\beta_1u_{t-1}-\eta g_t$ and adds it to the weight. A gradient $g$ that stays the same gives $-\eta g(1+\beta_1+\beta_1^2+\dots)$ per step, so
#
# $$\boxed{\;\text{the effective rate of SGD with momentum is }\frac{\eta}{1-\beta_1}\;}$$
#
# ten times $\eta$ for $\beta_1=0.9$. Compare SGD with and without momentum at the same $\eta$ and you compare rates: a confounder. Adam's moment is an *average*, $m_t=\beta_1m_{t-1}+(1-\beta_1)g_t$, so its $\beta_1$ changes the memory and not the size of the step:
#
# $$w_{t+1}=w_t-\eta\,\frac{\hat m_t}{\sqrt{\hat v_t}+\epsilon},\qquad v_t=\beta_2v_{t-1}+(1-\beta_2)g_t^2,\qquad\hat m_t=\frac{m_t}{1-\beta_1^t},\quad\hat v_t=\frac{v_t}{1-\beta_2^t} .$$
#
# Multiply the loss by $c>0$: $g\to cg$, $m\to cm$, $\sqrt v\to c\sqrt v$, and the ratio is unchanged. **Adam's step does not depend on the scale of the loss** (up to $\epsilon$), and one step is about $\eta$ long in each weight. For SGD the scale of the loss *is* the rate. Rates of different optimizers are not comparable numbers.


# %%
def adam_steps(gradients, rate=1e-3, beta_1=0.9, beta_2=0.99, epsilon=0.0):
    """The steps that Adam takes for a sequence of gradients (T,) of one weight."""
    m = v = 0.0
    steps = []
    for t, g in enumerate(gradients, 1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        steps.append(-rate * (m / (1 - beta_1**t)) / (np.sqrt(v / (1 - beta_2**t)) + epsilon))
    return np.array(steps)


def momentum_steps(gradients, rate, beta_1):
    """The steps of SGD with momentum for a sequence of gradients (T,) of one weight."""
    velocity, steps = 0.0, []
    for g in gradients:
        velocity = beta_1 * velocity - rate * g
        steps.append(velocity)
    return np.array(steps)


def steps_of(optimizer, gradients):
    """The steps that a Keras optimizer takes."""
    w, places = tf.Variable(0.0), [0.0]
    for g in gradients:
        optimizer.apply([tf.constant(g, tf.float32)], [w])
        places.append(float(w))
    return np.diff(places)


gradients = rng.normal(0.5, 1.0, 40)
assert np.allclose(steps_of(keras.optimizers.Adam(1e-3, 0.9, 0.99), gradients), adam_steps(gradients), atol=2e-7)
assert np.allclose(
    steps_of(keras.optimizers.SGD(1e-3, 0.9), gradients), momentum_steps(gradients, 1e-3, 0.9), atol=2e-7
)
assert np.allclose(adam_steps(1000 * gradients), adam_steps(gradients)), "the scale of the loss has no effect on Adam"
constant = np.full(200, 2.0)
print(
    f"constant gradient 2, rate 0.001: SGD {0.001 * 2:.4f} a step, with momentum 0.9 {-momentum_steps(constant, 1e-3, 0.9)[-1]:.4f}"
)
for beta_1 in (0.0, 0.5, 0.9):
    print(f"                                 Adam, β₁ = {beta_1}: {-adam_steps(constant, 1e-3, beta_1)[-1]:.4f}")
    assert np.isclose(-adam_steps(constant, 1e-3, beta_1)[-1], 1e-3)
assert np.isclose(-momentum_steps(constant, 1e-3, 0.9)[-1], 1e-3 * 2 / (1 - 0.9))

# %% [markdown]
# ### Augmentation that leaks, and augmentation that does not
#
# With little data $D$ learns the images by heart. Augmentation (shifts, holes, flips) makes more of them. If only the *real* images are augmented by a random operation $T$, then $D$ compares $q$ with the distribution $Tp$ of augmented images, and by lesson 05 the best generator is $q=Tp$: it draws holes. [Zhao et al. (2020)](https://arxiv.org/abs/2006.10738) augment *everything that $D$ sees*, in both players' steps, by a $T$ that gradients pass through. The game then compares $Tq$ with $Tp$, and its optimum satisfies
#
# $$\boxed{\;\text{real only: }q=Tp,\qquad\text{both: }Tq=Tp,\text{ that is }q=p\text{ if }T\text{ is invertible.}\;}$$
#
# "Invertible" is about distributions, not about single images. Take the smallest example, a coin $p=(p_0,p_1)$ and a $T$ that turns the coin over with probability $f$: $T=\begin{pmatrix}1-f&f\\f&1-f\end{pmatrix}$ with determinant $1-2f$. For $f=0.3$ it can be undone and only $q=p$ fits. For $f=\tfrac12$ the determinant is 0: every coin becomes fair, $D$ cannot see which way the data lay, and the generator is free to choose ([Karras et al. 2020](https://arxiv.org/abs/2006.06676) keep augmentation probabilities below 0.8 for this reason). A second example with the real line: data $N(0,1)$, and $T$ adds noise of variance $\tau^2$. Real only gives $N(0,1+\tau^2)$; both gives $q*N(0,\tau^2)=N(0,1+\tau^2)$, whose only solution is $N(0,1)$.


# %%
def generator_optimum(p, augmentation, both):
    """The distribution (n,) a perfect generator reaches for data p under an augmentation matrix T[i, j] = P(j becomes i)."""
    seen = augmentation @ p
    return np.linalg.solve(augmentation, seen) if both else seen


def turned(probability):
    """T of a coin that is turned over with this probability."""
    return np.array([[1 - probability, probability], [probability, 1 - probability]])


p = np.array([0.9, 0.1])
print(
    f"data {p};  real only: {generator_optimum(p, turned(0.3), both=False)};  both: {generator_optimum(p, turned(0.3), both=True)}"
)
assert np.allclose(generator_optimum(p, turned(0.3), both=True), p)
assert np.isclose(np.linalg.det(turned(0.3)), 1 - 2 * 0.3) and np.isclose(np.linalg.det(turned(0.5)), 0)
assert np.allclose(turned(0.5) @ p, turned(0.5) @ p[::-1]), (
    "turned over half of the time, a coin and its mirror image look alike"
)


# %% [markdown]
# By playing the game on the line: $q=N(0,s^2)$, and the generator moves $s$ down the Jensen–Shannon divergence of what $D$ sees, computed by quadrature.


# %%
def seen_divergence(s, tau, both):
    """JS between what D sees of data N(0, 1), augmented by noise of std τ, and of samples N(0, s²)."""
    x = np.linspace(-12, 12, 4001)
    real = stats.norm.pdf(x, 0, np.sqrt(1 + tau**2))
    fake = stats.norm.pdf(x, 0, np.sqrt(s**2 + (tau**2 if both else 0)))
    middle = 0.5 * (real + fake)
    tiny = 1e-300  # both densities may underflow far out
    return 0.5 * (x[1] - x[0]) * sum(np.sum(d * np.log((d + tiny) / (middle + tiny))) for d in (real, fake))


candidates = np.linspace(0.5, 2.5, 401)
for both in (False, True):
    best = candidates[np.argmin([seen_divergence(s, 1.0, both) for s in candidates])]
    print(f"augmented with τ = 1: {'both' if both else 'real only':9} → best s = {best:.3f}")
    assert abs(best - (1 if both else np.sqrt(2))) < 0.01

# %% [markdown]
# ## 4 · A small study, live
#
# Before the recorded study, one that runs here: two learning rates, three seeds, one budget of images. The averaged and the last weights of *the same* run are compared as well: an average of the weights does not touch the training, so this comparison is paired perfectly. The function below is all there is to a study: fix the seed, build everything
# anew, train for the budget, measure with samples from the same codes.


# %%
BATCH, STEPS = 16, runtime.pick(cpu=120, gpu=1000)
LIVE_SEEDS = (0, 1, 2)
MEASURED = 1000

train_images = images.to_float(data.load_fashion("train").images)
extract = metrics.FeatureExtractor("fashion")
real_features = extract(data.load_fashion("test").images[:MEASURED])
held = tf.constant(train_images)


def networks():
    """The baseline's two networks."""
    return nets.dcgan_generator(SHAPE, LATENT_DIM, WIDTH), nets.dcgan_discriminator(SHAPE, WIDTH)


model = gan.GAN(*networks(), penalty="r1", penalty_weight=0.05, penalty_every=8, ema=0.99)
model.compile(*(keras.optimizers.Adam(1e-3, beta_1=0.5, beta_2=0.99) for _ in range(2)))


@tf.function
def train(rows):
    """One step for each row of image numbers (steps, batch)."""
    for k in tf.range(tf.shape(rows)[0]):
        model.train_step(tf.gather(held, rows[k]))


def start_anew(seed, rate):
    """New weights, empty optimizers, and the noise of this seed: the graph is kept, which saves the time of tracing it."""
    keras.utils.set_random_seed(seed)
    for network, fresh in zip((model.generator, model.discriminator), networks(), strict=True):
        network.set_weights(fresh.get_weights())
    model.generator_ema.set_weights(model.generator.get_weights())
    model.step_count.assign(0)
    model.noise.state.assign(keras.random.SeedGenerator(seed).state)
    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        for variable in optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        optimizer.learning_rate = rate


def one_run(seed, rate):
    """Train from the start; return the Fréchet distances of the averaged and of the last generator, and the seconds."""
    start_anew(seed, rate)
    rows = np.random.default_rng(seed).permutation(len(train_images))[: STEPS * BATCH].reshape(STEPS, BATCH)
    begin = time.process_time()
    train(tf.constant(rows, tf.int32))
    seconds = time.process_time() - begin
    drawn = [
        np.concatenate([model.sample(500, seed=k, ema=ema) for k in range(MEASURED // 500)]) for ema in (True, False)
    ]
    return *(metrics.frechet_distance(real_features, extract(x)) for x in drawn), seconds


live = {rate: np.array([one_run(seed, rate) for seed in LIVE_SEEDS]) for rate in (1e-3, 1e-4)}
repeated = one_run(0, 1e-3)
for rate, results in live.items():
    print(
        f"rate {rate:g}: Fréchet distance of seeds {', '.join(f'{d:.0f}' for d in results[:, 0])}; last weights {', '.join(f'{d:.0f}' for d in results[:, 1])}"
    )
effect = log_ratio(live[1e-4][:, 0], live[1e-3][:, 0])
low, high = t_interval(effect)
print(
    f"live effect of a tenth of the rate: {effect.mean():+.2f}, 95 % interval {low:+.2f} to {high:+.2f}, permutation p = {permutation_p(live[1e-3][:, 0], live[1e-4][:, 0]):.2f}"
)
print(f"the same seed once more: {repeated[0]:.1f} after {live[1e-3][0, 0]:.1f}")
assert np.isclose(repeated[0], live[1e-3][0, 0], rtol=0.05), "start_anew leaves nothing of the run before"

# %%
figure, axes = plots.canvas(7, 2.6)
for row, results in enumerate(live.values()):
    for column, (name, colour, marker) in enumerate(
        (("averaged", plots.COLOURS[0], "o"), ("last weights", plots.COLOURS[1], "D"))
    ):
        axes.plot(
            results[:, column],
            np.full(len(results), row + 0.12 - 0.24 * column),
            marker,
            color=colour,
            markersize=8,
            alpha=0.8,
            label=name if row == 0 else None,
        )
axes.set(
    yticks=range(len(live)),
    ylim=(-0.6, len(live) - 0.4),
    xlabel=f"Fréchet distance after {STEPS} steps ({MEASURED:,} samples)",
)
axes.set_yticklabels([f"rate {rate:g}" for rate in live])
axes.legend(frameon=False, fontsize=9)
axes.set_title("LIVE: two rates, three seeds each")
figure.alt_text = (
    "Fréchet distances of the live runs: three dots for each of two learning rates, for averaged and for last weights."
)
figure

# %% [markdown]
# These runs are short, and a short run answers another question than a long one: at the beginning a large step is good because everything is far away, and what averages is behind. **A study holds for its budget.** Keep that in mind for the next section.
#
# ## 5 · The recorded study
#
# `tools/record_lesson_10.py` has run the same procedure with a larger budget and many settings: one baseline, and settings that change one thing about it. Everything below is read from its results file.

# %%
ASSETS = importlib.resources.files("course_lib") / "assets" / "lessons"
STUDY = json.loads((ASSETS / "10_study.json").read_text(encoding="utf-8"))
with np.load(ASSETS / "10_study.npz") as file:
    PICTURES = dict(zip(STUDY["changed"], (file[name] for name in sorted(file.files)), strict=True))
RUNS = {name: [run for run in STUDY["runs"] if run["setting"] == name] for name in STUDY["changed"]}
FACTOR = {name: runs[0]["factor"] for name, runs in RUNS.items()}
Markdown(
    f"**What was run.** {len(RUNS)} settings, {len(STUDY['runs'])} runs of {STUDY['images']:,} images each ({STUDY['images'] // STUDY['baseline']['batch']:,} steps of the baseline), "
    f"{STUDY['minutes']} minutes of processor time in all. Baseline: width {STUDY['baseline']['width']}, latent dimension {STUDY['baseline']['latent_dim']}, batch {STUDY['baseline']['batch']}, "
    f"Adam with rate {STUDY['baseline']['g_rate']:g} and β₁ = {STUDY['baseline']['momentum']}, averaged weights with decay {STUDY['baseline']['ema']}; {STUDY['loss']}. "
    f"Measured: {STUDY['metric']}. Other test images: {STUDY['floor']:.2f}; noise: {STUDY['noise']:.0f}. "
    f"Seeds {sorted({run['seed'] for run in STUDY['runs']})}; {STUDY['hardware']}; TensorFlow {STUDY['versions']['tensorflow']}; {STUDY['date']}."
)

# %% [markdown]
# ### A common yardstick
#
# Three seeds estimate a spread badly: the interval of section 1 pays for it with $t^*_2=4.30$. If the spread *on the log scale* is about the same for all settings, it can be **pooled**: with $m$ settings of $n_j$ runs each and results $y_{ji}=\ln d_{ji}$,
#
# $$\boxed{\;s_p^2=\frac{\sum_{j}\sum_i(y_{ji}-\bar y_j)^2}{\sum_j(n_j-1)}\;}$$
#
# Each inner sum has expectation $(n_j-1)\sigma^2$ (one degree of freedom goes into $\bar y_j$), so the ratio is unbiased, now with $\nu=\sum(n_j-1)$ degrees of freedom instead of 2. A setting with $n_j$ runs then differs from the baseline with $n_0$ by $\bar y_j-\bar y_0\pm t^*_\nu\,s_p\sqrt{1/n_j+1/n_0}$. The price is the assumption, which the cell prints: the spread of the most and of the least restless settings. Settings that have hardly learned (more than half of the distance of pure noise is left) are shown but not pooled, because their spread tells of
# something else.


# %%
def pooled_spread(groups):
    """Standard deviation within groups of results, and its degrees of freedom."""
    squares = sum(np.sum((np.asarray(group) - np.mean(group)) ** 2) for group in groups)
    freedom = sum(len(group) - 1 for group in groups)
    return np.sqrt(squares / freedom), freedom


groups = [rng.normal(mean, 0.2, n) for mean, n in zip(rng.normal(size=30), rng.integers(2, 7, 30), strict=True)]
columns = np.repeat(np.eye(30), [len(g) for g in groups], axis=0)
residuals = np.concatenate(groups) - columns @ np.linalg.lstsq(columns, np.concatenate(groups), rcond=None)[0]
assert np.isclose(pooled_spread(groups)[0] ** 2, residuals @ residuals / (len(residuals) - 30)), (
    "the residual variance of a regression"
)

LOGS = {
    name: np.log([run["frechet"] for run in runs]) for name, runs in RUNS.items() if all(run["frechet"] for run in runs)
}
DIVERGED = [name for name in RUNS if name not in LOGS]  # a seed whose weights became infinite has no distance
LEARNED = {name: y for name, y in LOGS.items() if y.mean() < np.log(STUDY["noise"] / 2)}
spread, freedom = pooled_spread(list(LEARNED.values()))
base = LOGS["baseline"]
EFFECT = {name: y.mean() - base.mean() for name, y in LOGS.items() if name != "baseline"}


def half_width(name, level=0.95):
    """Half of the confidence interval of a setting's effect."""
    return stats.t.ppf(0.5 + level / 2, freedom) * spread * np.sqrt(1 / len(LOGS[name]) + 1 / len(base))


# Do the results of one seed share their luck? Correlation of the residuals with the baseline's, over the first three seeds.
first = {name: y[:3] - y[:3].mean() for name, y in LOGS.items() if name != "baseline"}
shared = np.concatenate([r * (base[:3] - base[:3].mean()) for r in first.values()]).sum()
correlation = shared / np.sqrt(
    sum(r @ r for r in first.values()) * len(first) * np.sum((base[:3] - base[:3].mean()) ** 2)
)
spreads = sorted((y.std(ddof=1), name) for name, y in LEARNED.items())
print(
    f"pooled spread of ln(distance) over seeds: {spread:.3f} with {freedom} degrees of freedom; the baseline's own: {base.std(ddof=1):.3f} over {len(base)} seeds"
)
print(f"least restless: {spreads[0][1]} ({spreads[0][0]:.3f}), most: {spreads[-1][1]} ({spreads[-1][0]:.3f})")
print(f"correlation of a setting's luck with the baseline's at the same seed: {correlation:+.2f}")
print(
    f"a difference that this study notices with power 80 %: about {(stats.t.ppf(0.975, freedom) + stats.norm.ppf(0.8)) * spread * np.sqrt(1 / 3 + 1 / len(base)):.2f} in log-ratio"
)

# %%
ranked = sorted(EFFECT, key=EFFECT.get)
palette = dict(
    zip(
        dict.fromkeys(FACTOR[n] for n in RUNS if n != "baseline"),
        itertools.cycle(zip(itertools.cycle(plots.COLOURS[:7]), plots.MARKERS)),
        strict=False,
    )
)
figure, axes = plots.canvas(9.5, 0.235 * len(ranked) + 1.4)
axes.axvspan(
    -half_width(ranked[0]),
    half_width(ranked[0]),
    color="#DDDDDD",
    alpha=0.6,
    label="cannot be told from the baseline (95 %)",
)
axes.plot(base - base.mean(), np.full(len(base), -1), "k|", markersize=11, label="the baseline's seeds")
for row, name in enumerate(ranked):
    colour = (
        plots.COLOURS[2]
        if EFFECT[name] < -half_width(name)
        else plots.COLOURS[1]
        if EFFECT[name] > half_width(name)
        else plots.GREY
    )
    axes.barh(row, EFFECT[name], height=0.6, color=colour, alpha=0.45)
    axes.plot(LOGS[name] - base.mean(), np.full(len(LOGS[name]), row), "o", color=colour, markersize=4.5)
axes.set_yticks(range(-1, len(ranked)), ["baseline", *(f"{name}  [{FACTOR[name]}]" for name in ranked)], fontsize=8)
axes.set(
    ylim=(-1.7, len(ranked) - 0.3),
    xlabel="effect on the Fréchet distance, ln(setting / baseline):  ← better    worse →",
    title="RECORDED: every change, ranked; each dot is a seed",
)
axes.invert_yaxis()
axes.legend(fontsize=9, loc="upper right")
figure.alt_text = f"Bars of the effect of {len(ranked)} settings with a dot for each seed and a grey band of what cannot be told from the baseline. Best: {', '.join(ranked[:3])}. Worst: {', '.join(ranked[-3:])}."
figure

# %%
better = [name for name in ranked if EFFECT[name] < -half_width(name)]
worse = [name for name in ranked if EFFECT[name] > half_width(name)]
strict = [name for name in ranked if abs(EFFECT[name]) > half_width(name, 1 - 0.05 / len(ranked))]
expected, _ = family_error(len(ranked))
Markdown(
    f"Of {len(ranked)} settings {len(better)} are better than the baseline at 95 %, {len(worse)} are worse, and {len(ranked) - len(better) - len(worse)} cannot be told from it"
    + (f"; {len(DIVERGED)} diverged for some seed and have no distance ({', '.join(DIVERGED)}). " if DIVERGED else ". ")
    + f"If nothing mattered, about {expected:.1f} would seem to. At Bonferroni's level {len(strict)} remain, and only about these is one safe to talk: "
    + (
        "better: " + ", ".join(f"**{n}** ({EFFECT[n]:+.2f})" for n in strict if EFFECT[n] < 0) + "; "
        if any(EFFECT[n] < 0 for n in strict)
        else ""
    )
    + "worse: "
    + ", ".join(f"{n} ({EFFECT[n]:+.2f})" for n in strict if EFFECT[n] > 0)
    + "."
)

# %% [markdown]
# Numbers rank; eyes judge whether the rank means anything. Samples of seed 0, from the same codes where the latent dimension is the same:

# %%
chosen = [ranked[0], ranked[1], "baseline", ranked[len(ranked) // 2], ranked[-3], ranked[-1]]
figure = plots.side_by_side(
    {f"{name}\n{np.exp(LOGS[name].mean()):.0f}": PICTURES[name] for name in chosen},
    title="RECORDED: from the best to the worst, with the mean Fréchet distance",
    size=0.75,
)
figure

# %% [markdown]
# ### Equal images is not equal time
#
# All runs above saw the same number of images. But a network of twice the width takes longer for them, and a large batch takes less time. Who has seconds to spend and not images asks: how far does each get in *the same processor time*? The recorder has measured the distance at every quarter of each run, so the question can be read off by interpolating the logarithm of the distance between
# the quarters, at the time of the shorter of the two runs.


# %%
def at_seconds(curve, seconds):
    """Distance of a run at a given processor time, from its (seconds, distance) checkpoints, on logarithmic axes."""
    times, distances = np.transpose(curve)
    return np.exp(np.interp(np.log(seconds), np.log(times), np.log(distances)))


halving = [(s, 100 / s) for s in (1.0, 2.0, 4.0, 8.0)]
assert np.isclose(at_seconds(halving, 3.0), 100 / 3), "exact for a power law"
COSTS = [
    name
    for name in (
        "baseline",
        "width 8",
        "width 32",
        "a stage less",
        "a convolution more",
        "batch 8",
        "batch 64",
        "nearest + 3×3",
        "bilinear + 3×3",
        "sub-pixel",
        "transposed 3/2",
    )
    if name in LOGS
]
mean_curve = {  # of the same three seeds for all
    name: np.exp(np.mean([np.log(run["curve"]) for run in RUNS[name] if run["seed"] in STUDY["seeds"]], axis=0))
    for name in COSTS
}
measured_seconds = [run["seconds"] for run in RUNS["baseline"]]
lines = [
    "| setting | parameters (G + D) | MFLOPs (G + D) | CPU s | effect, equal images | effect, equal seconds |",
    "|---|---|---|---|---|---|",
]
EQUAL_TIME = {}
for name in COSTS:
    run, curve, reference = RUNS[name][0], mean_curve[name], mean_curve["baseline"]
    seconds = min(curve[-1, 0], reference[-1, 0])
    EQUAL_TIME[name] = log_ratio(at_seconds(curve, seconds), at_seconds(reference, seconds))
    cost = [run[f"generator_{unit}"] + run[f"discriminator_{unit}"] for unit in ("parameters", "mflops")]
    lines.append(
        f"| {name} | {cost[0]:,} | {cost[1]:.1f} | {curve[-1, 0]:.1f} | {EFFECT.get(name, 0):+.2f} | {EQUAL_TIME[name]:+.2f} |"
    )
lines.append("")
lines.append(
    f"The machine was shared: the same work of the baseline took {min(measured_seconds):.0f} to {max(measured_seconds):.0f} processor seconds, "
    f"so that an effect at equal seconds below about {half_width(ranked[0]) + 0.1:.1f} says nothing."
)
Markdown("\n".join(lines))

# %%
figure, (left, right) = plots.canvas(9.5, 3.7, columns=2)
for number, name in enumerate(
    [
        n
        for n in ("baseline", "width 8", "width 32", "a convolution more", "a stage less", "batch 64", "batch 8")
        if n in COSTS
    ]
):
    style = {
        "color": plots.COLOURS[number],
        "marker": plots.MARKERS[number],
        "linestyle": plots.STYLES[number % 4],
        "linewidth": 1.8,
        "markersize": 5,
    }
    left.plot(*mean_curve[name].T, label=name, **style)
left.set(
    xscale="log",
    yscale="log",
    xlabel="processor seconds of training",
    ylabel="Fréchet distance (1,500 samples)",
    title="Equal seconds: read upwards",
)
for name in COSTS:
    run = RUNS[name][0]
    mflops = run["generator_mflops"] + run["discriminator_mflops"]
    right.plot(mflops, mean_curve[name][-1, 0], "o", color=plots.COLOURS[0])
    if name in ("baseline", "width 8", "width 32", "a stage less", "a convolution more", "batch 64", "batch 8"):
        below = name in ("a stage less", "batch 64")
        right.annotate(
            name, (mflops, mean_curve[name][-1, 0]), (5, -12 if below else 4), textcoords="offset points", fontsize=8
        )
right.set(
    xscale="log",
    yscale="log",
    xlabel="MFLOPs of one forward pass, G + D",
    ylabel="processor seconds",
    title="Operations predict time, roughly",
)
for each in (left, right):
    each.minorticks_off()
left.set_yticks([150, 200, 300, 400, 600, 1000], ["150", "200", "300", "400", "600", "1000"])
left.set_xticks([2, 5, 10, 20, 40], ["2", "5", "10", "20", "40"])
right.set_xticks([3, 10, 30], ["3", "10", "30"])
right.set_yticks([5, 10, 20, 40], ["5", "10", "20", "40"])
left.legend(frameon=False, fontsize=8)
figure.alt_text = "Left: Fréchet distance against processor seconds for networks of several sizes and batches. Right: processor seconds of a run against the operations of the two networks."
figure

# %% [markdown]
# ### An interaction
#
# The study crosses three factors fully: the learning rate (1e-3, 4e-3), Adam's $\beta_1$ (0.5, 0.9) and the average of the weights (last weights, averaged), $2\times2\times2$ with all seeds. What would one at a time have said of "a larger rate *and* more momentum"?

# %%
CELLS = [["baseline", "rate 4e-3"], ["Adam β₁ 0.9", "rate 4e-3, β₁ 0.9"]]  # rows: β₁; columns: rate
seeds = STUDY["seeds"]


def cube(measure):
    """ln of a measure: (β₁, rate, seed)."""
    return np.log([[[run[measure] for run in RUNS[name] if run["seed"] in seeds] for name in row] for row in CELLS])


results = {"averaged": cube("frechet"), "last weights": cube("frechet_last")}
for name, y in results.items():
    rows, columns, interaction = zip(*(effects_2x2(y[:, :, k]) for k in range(len(seeds))), strict=True)
    predicted = np.exp((y[1, 0] + y[0, 1] - y[0, 0]).mean())
    print(
        f"{name:12}: main effect of β₁ {np.mean(rows):+.2f}, of the rate {np.mean(columns):+.2f}; interaction {np.mean(interaction):+.2f} (95 %: {t_interval(interaction)[0]:+.2f} to {t_interval(interaction)[1]:+.2f}); "
        f"both changed: predicted {predicted:.0f}, measured {np.exp(y[1, 1].mean()):.0f}"
    )
by_pooling = stats.t.ppf(0.975, freedom) * spread * np.sqrt(4 / len(seeds))  # four cell means, each with s²/n
print(f"with the pooled spread the interaction of the averaged generators is known to ± {by_pooling:.2f}")
three_way = [
    effects_2x2(results["averaged"][:, :, k])[2] - effects_2x2(results["last weights"][:, :, k])[2]
    for k in range(len(seeds))
]
print(
    f"three-way: the average changes the interaction by {np.mean(three_way):+.2f} (95 %: {t_interval(three_way)[0]:+.2f} to {t_interval(three_way)[1]:+.2f})"
)

figure, axes = plots.canvas(9, 3.3, columns=2, sharey=True)
for each, (title, y) in zip(axes, results.items(), strict=True):
    for row, (label, colour, marker) in enumerate(
        (("β₁ = 0.5", plots.COLOURS[0], "o"), ("β₁ = 0.9", plots.COLOURS[1], "D"))
    ):
        each.plot(
            [0, 1], np.exp(y[row].mean(axis=1)), color=colour, linewidth=2, linestyle=plots.STYLES[row], label=label
        )
        for column in (0, 1):
            each.plot(
                np.full(len(seeds), column), np.exp(y[row, column]), marker, color=colour, markersize=6, alpha=0.7
            )
    each.plot(
        [1],
        np.exp([(y[1, 0] + y[0, 1] - y[0, 0]).mean()]),
        "x",
        color="black",
        markersize=9,
        markeredgewidth=2,
        label="predicted, one at a time",
    )
    each.set(yscale="log", xlim=(-0.25, 1.25), xlabel="learning rate", title=f"RECORDED: {title}")
    each.set_xticks([0, 1], ["1e-3", "4e-3"])
    each.minorticks_off()
axes[0].set_yticks([200, 300, 400, 600, 800], ["200", "300", "400", "600", "800"])
axes[0].set_ylabel("Fréchet distance")
axes[0].legend(frameon=False, fontsize=9)
figure.alt_text = "Fréchet distance against the learning rate for two values of Adam's first decay, for averaged and last weights; the lines are not parallel, and a cross shows what one-at-a-time changes predict."
figure

# %% [markdown]
# Parallel lines would mean no interaction. The average of the weights belongs to *every* run, so its effect can be read in all settings without another training:

# %%
average_effect = {
    name: np.mean([log_ratio(run["frechet"], run["frechet_last"]) for run in runs])
    for name, runs in RUNS.items()
    if name in LOGS and all(run["frechet_last"] for run in runs)
}
order = sorted(average_effect, key=average_effect.get)
print("the average helps most in:", ", ".join(f"{n} ({average_effect[n]:+.2f})" for n in order[:4]))
print("and least, or harms, in:  ", ", ".join(f"{n} ({average_effect[n]:+.2f})" for n in order[-4:]))
print(f"mean over all settings: {np.mean(list(average_effect.values())):+.2f}")

# %% [markdown]
# ### Good and varied are two things
#
# One number hides what kind of error remains (lesson 09). Precision says how many samples look like data, recall and coverage how much of the data is reached:

# %%
shown = [
    name
    for name in (
        "baseline",
        ranked[0],
        "250 images",
        "250, both augmented",
        "250, only real augmented",
        "blurred",
        "10 % inverted",
        "latent 2",
        "Adam β₁ 0.9",
        ranked[-1],
    )
    if name in LOGS
]
table = ["| setting | Fréchet | precision | recall | coverage |", "|---|---|---|---|---|"]
for name in dict.fromkeys(shown):
    means = {key: np.mean([run[key] for run in RUNS[name]]) for key in ("precision", "recall", "coverage")}
    table.append(
        f"| {name} | {np.exp(LOGS[name].mean()):.0f} | " + " | ".join(f"{value:.2f}" for value in means.values()) + " |"
    )
Markdown("\n".join(table))

# %% [markdown]
# ### Reading it
#
# What the record says, each sentence with the cell's assertion behind it:
#
# - **Larger networks win at equal images; at equal seconds the advantage is gone**, and the widest is clearly behind, in a run as short as this. Each image teaches them more, but they see fewer of them. The curves of the cost figure say how long one has to train before this turns round.
# - **The average of the weights hardly matters in most settings**, and helps most where the weights are most restless, at the large rate with much momentum.
# - **A large batch at the same rate loses**: it takes a quarter of the steps. Section 3 told us to raise its rate.
# - **Augmenting the real images alone is worse than not augmenting**, at the same 250 images: the generator learns the holes.
# - **Two latent variables** move the distance a little and the recall to almost nothing. One number would have hidden it. More is not better without end: 16 beat the baseline's 64.
# - **The two averages agree**, as the growing decay of section 3 made us expect. An ablation of a setting that cannot act measures nothing.
# - **SGD** learned almost nothing at the small rate, and at larger rates the weights became infinite. That is a statement about rates which nobody tuned, as section 3 warned, and the reason why GANs are trained with optimizers that divide by the size of the gradient.

# %%
mean_of = {(name, key): np.mean([run[key] for run in RUNS[name]]) for name in LOGS for key in ("recall", "frechet")}
CLAIMS = {
    "larger wins at equal images": max(EFFECT["width 32"], EFFECT["a convolution more"]) < 0,
    "the advantage is gone at equal seconds": min(EQUAL_TIME["width 32"], EQUAL_TIME["a convolution more"]) > -0.1,
    "the widest is behind": EQUAL_TIME["width 32"] > half_width("width 32"),
    "the average hardly matters in most settings": np.median(np.abs(list(average_effect.values()))) < 0.1,
    "and helps where weights are restless": order[0] == "rate 4e-3, β₁ 0.9" and average_effect[order[0]] < -0.2,
    "a large batch at the same rate loses": EFFECT["batch 64"] > half_width("batch 64"),
    "real only is worse than nothing": EFFECT["250, only real augmented"] > EFFECT["250 images"],
    "16 latent variables beat 64": EFFECT["latent 16"] < 0,
    "two latent variables lose recall": mean_of["latent 2", "recall"] < 0.05 < mean_of["baseline", "recall"],
    "the two averages agree": abs(np.subtract(LOGS["average 0.998"], base[:3])).max() < 0.05,
    "SGD diverged at the larger rates": "SGD, momentum 0.9, rate 0.03" in DIVERGED,
}
for claim, holds in CLAIMS.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
assert all(CLAIMS.values())

# %% [markdown]
# ## 6 · Choosing
#
# A chart to follow, from what you see to what you try. Each arrow carries what it did *here*; grey numbers cannot be told from nothing.

# %%
ADVICE = [  # what you see, what to try, the settings that measured it
    (
        "It has hardly learned\nanything",
        "the size of the steps first:\nrate and momentum together",
        ["rate 1e-4", "Adam β₁ 0.9", "rate 4e-3"],
    ),
    (
        "Few steps were taken:\nlarge batch, short run",
        "smaller batch, more steps,\nor train longer",
        ["batch 64", "batch 8", "four times longer"],
    ),
    (
        "Another optimizer is\nsaid to be better",
        "give each its own rate\nbefore comparing",
        ["SGD, momentum 0.9", "SGD, momentum 0.9, rate 0.03", "RMSprop"],
    ),
    ("Chequers, ragged edges", "resize, then convolve", ["nearest + 3×3", "bilinear + 3×3", "transposed 3/2"]),
    (
        "Time to spare",
        "a deeper or wider network,\nif it wins at equal seconds",
        ["a convolution more", "width 32", "width 8"],
    ),
    (
        "Few kinds of pictures",
        "another latent dimension,\nneither 2 nor 128; look at recall",
        ["latent 2", "latent 16", "latent 128"],
    ),
    (
        "Few training images",
        "more images; augment\nreal and fake alike",
        ["250 images", "250, both augmented", "250, only real augmented"],
    ),
    ("Bad images in the data", "clean them", ["10 % inverted", "blurred", "10 % copies"]),
]
figure, axes = plots.canvas(9.8, 1.02 * len(ADVICE) + 0.9)
box = {"boxstyle": "round,pad=0.45", "linewidth": 1.4}
for row, (seen, tried, measured) in enumerate(ADVICE):
    axes.text(
        0,
        -row,
        seen,
        ha="center",
        va="center",
        fontsize=10,
        bbox=box | {"facecolor": "#E8F1F8", "edgecolor": plots.COLOURS[0]},
    )
    axes.text(
        10,
        -row,
        tried,
        ha="center",
        va="center",
        fontsize=10,
        bbox=box | {"facecolor": "#E6F5F0", "edgecolor": plots.COLOURS[2]},
    )
    axes.annotate(
        "", (8.35, -row), (1.5, -row), arrowprops={"arrowstyle": "-|>", "linewidth": 1.6, "color": plots.GREY}
    )
    for line, name in enumerate(n for n in measured if n in RUNS):
        sure = name in DIVERGED or abs(EFFECT[name]) > half_width(name)
        colour = plots.GREY if not sure else plots.COLOURS[2] if EFFECT.get(name, 1) < 0 else plots.COLOURS[1]
        text = "diverged" if name in DIVERGED else f"{EFFECT[name]:+.2f} ± {half_width(name):.2f}"
        white = {"facecolor": "white", "edgecolor": "none", "pad": 2.0}
        style = {"ha": "center", "va": "center", "fontsize": 9, "color": colour, "bbox": white}
        axes.text(4.85, -row + 0.27 - 0.27 * line, f"{name}: {text}", weight="bold" if sure else "normal", **style)
    if row + 1 < len(ADVICE):
        axes.annotate(
            "", (0, -row - 0.68), (0, -row - 0.32), arrowprops={"arrowstyle": "-|>", "color": plots.COLOURS[0]}
        )
for x, text in (
    (0, "WHAT YOU SEE"),
    (4.85, "MEASURED HERE: ln(setting / baseline), below 0 is better"),
    (10, "WHAT TO TRY"),
):
    axes.text(x, 0.62, text, ha="center", fontsize=9, weight="bold", color=plots.GREY)
axes.set(xlim=(-1.9, 12), ylim=(-len(ADVICE) + 0.5, 0.85))
axes.axis("off")
figure.alt_text = (
    "Decision chart from symptoms to choices, top to bottom; each arrow shows the measured effects: "
    + "; ".join(
        f"{seen}: {', '.join(f'{n} {EFFECT[n]:+.2f}' for n in measured if n in EFFECT)}" for seen, _, measured in ADVICE
    ).replace("\n", " ")
    + "."
)
figure

# %% [markdown]
# Read the chart from the top, because an effect further down is invisible while one further up is wrong: nobody sees the quality of the data in a network that has not learned. And mind the size of the numbers. What costs nothing, a number in a script, comes before what costs time.


# %%
def said(*names):
    """Measured effects in words."""
    found = [
        f"{name} diverged" if name in DIVERGED else f"{name} {EFFECT[name]:+.2f}" for name in names if name in RUNS
    ]
    return ", ".join(found) or "not in this record"


def in_time(*names):
    """Measured effects at equal seconds, in words."""
    return ", ".join(f"{name} {EQUAL_TIME[name]:+.2f}" for name in names if name in EQUAL_TIME) or "not in this record"


Markdown(
    f"""
**How do I choose an architecture?** Start from a published one that fits your image size, and change one thing at a time. (1) Make the *receptive field* of the discriminator reach the size of the things it must judge, and let the generator up-sample without a checkerboard: both can be computed before training
(section 2); here: {said("nearest + 3×3", "bilinear + 3×3", "sub-pixel", "transposed 3/2")}. (2) Compare sizes at equal *seconds*, because that is what you pay: at equal images {said("a convolution more", "a stage less", "width 32", "width 8")}; at equal seconds {in_time("a convolution more", "a stage less", "width 32", "width 8")}.
(3) The latent dimension only has to be large enough: {said("latent 2", "latent 16", "latent 128")}; look at recall, not at the distance alone.

**How do I improve quality?** Each answer with its effect; ± {half_width(ranked[0]):.2f} is what the seeds allow to say.

| idea | effect here | remark |
|---|---|---|
| more layers, wider layers | {said("a convolution more", "width 32")} | at equal seconds {in_time("a convolution more", "width 32")} |
| more data | {said("250 images", "1,000 images", "5,000 images")} against 60,000 | at this budget a run sees {STUDY["images"]:,} images in all |
| better data | {said("10 % inverted", "10 % noise", "10 % copies", "blurred")} | the sign of cleaning is the opposite |
| augmentation | {said("250, both augmented", "250, only real augmented", "both augmented", "flips")} | against 60,000 images; with 250 and none: {said("250 images")} |
| other hyper-parameters | {said("rate 1e-4", "rate 4e-4", "rate 4e-3", "D four times faster", "batch 8", "batch 64")} | the largest effects that cost nothing |
| other optimizers | {said("Adam β₁ 0", "Adam β₁ 0.9", "RMSprop", "SGD, momentum 0.9", "SGD, momentum 0.9, rate 0.03", "SGD, momentum 0.9, rate 0.1")} | compare only with a rate of its own for each |
| average of the weights | {average_effect["baseline"]:+.2f} in the baseline, {min(average_effect.values()):+.2f} at best | costs no training |
| train longer | {said("four times longer")} | four times the time |
"""
)

# %% [markdown]
# ### What a study of this size cannot say
#
# - **It holds for its budget.** Every run saw a quarter of the training set once. What shows after hours (overfitting of $D$, few data, wrong data, collapse) is hardly visible yet, and what makes the first minutes fast (large steps) may harm later. An effect near zero here is no proof that the factor does not matter.
# - **It holds for its baseline.** One at a time maps the neighbourhood of one point. Section 5 has shown for one pair of settings that effects need not add up.
# - **Optimizers were not tuned equally.** The baseline's rate was chosen for Adam; each other optimizer had one or few rates. "Adam beats SGD" does not follow, only "these rates of SGD are worse".
# - **One measure, one data set.** The features are those of a small classifier of clothes; a factor that it does not see has no effect.
# - **Seconds are this machine's.** A GPU runs a wide network in nearly the time of a narrow one (lesson 11), which changes the answer at equal seconds.
#
# So the ranking is a screening, and its top is a list of candidates for a study with more seeds and a longer budget.
#
# ## Try this
#
# - Predict the sign of `live` with `rate = 1e-2` before you run it. Where does linear scaling end for this network?
# - Give the live study a budget in seconds instead of steps. Which of the two rates profits?
# - Give `generator_optimum` a $3\times3$ matrix: a picture that is turned by 0, 120 or 240 degrees with equal probability. Is it invertible? And with probabilities ½, ¼, ¼?
# - How many seeds would the smallest effect in the grey band need, if it were real? Use `power` with the pooled spread.
#
# ## Summary
#
# - The effect on a distance is a log-ratio. Three seeds give $t^*=4.30$, and no permutation test of 3 against 3 can go below $p=0.1$.
# - Pool the spread over settings, say how many comparisons were made, and treat a large study as a screening.
# - One at a time cannot see an interaction; a $2\times2$ table can.
# - Parameters, operations, receptive field and checkerboard are known before training. Compare networks at equal seconds as well as at equal images.
# - SGD's noise is $\eta\sigma^2/(Bh(2-\eta h))$: rate over batch, until $\eta h$ nears 2. An average of the weights divides fast noise by $(1+\beta)/(1-\beta)$ and lags $\beta/(1-\beta)$ steps. SGD's momentum multiplies the rate; Adam's does not, and Adam does not see the scale of the loss.
# - Augment real *and* generated images, by an operation that can be undone in distribution; real only teaches the generator the augmentation.
#
# ## References
#
# - Lucic et al. 2018, *Are GANs created equal? A large-scale study*, [arXiv:1711.10337](https://arxiv.org/abs/1711.10337): with enough tuning and seeds most losses come out alike.
# - Kurach et al. 2019, *A large-scale study on regularization and normalization in GANs*, [arXiv:1807.04720](https://arxiv.org/abs/1807.04720).
# - Bouthillier et al. 2021, *Accounting for variance in machine learning benchmarks*, [arXiv:2103.03098](https://arxiv.org/abs/2103.03098).
# - Odena et al. 2016, *Deconvolution and checkerboard artifacts*, [distill.pub](https://distill.pub/2016/deconv-checkerboard/).
# - Goyal et al. 2017, linear scaling, [arXiv:1706.02677](https://arxiv.org/abs/1706.02677); Malladi et al. 2022, the square-root rule for Adam, [arXiv:2205.10287](https://arxiv.org/abs/2205.10287).
# - Yazıcı et al. 2019, averaged weights in GANs, [arXiv:1806.04498](https://arxiv.org/abs/1806.04498).
# - Heusel et al. 2017, two time scales and the Fréchet distance, [arXiv:1706.08500](https://arxiv.org/abs/1706.08500).
# - Zhao et al. 2020, differentiable augmentation, [arXiv:2006.10738](https://arxiv.org/abs/2006.10738); Karras et al. 2020, adaptive augmentation, [arXiv:2006.06676](https://arxiv.org/abs/2006.06676).
#
# **Next:** lesson 11 buys speed: the same code on a GPU, and what each change brings.
