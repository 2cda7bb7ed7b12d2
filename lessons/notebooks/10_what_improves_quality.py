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

# %%
import itertools

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy import stats

from course_lib import nets, plots, runtime

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
effects = np.linspace(0, 1, 60)
for number, seeds in enumerate((3, 5, 10, 30)):
    style = {"color": plots.COLOURS[number], "linestyle": plots.STYLES[number], "linewidth": 2}
    left.plot(effects, [100 * power(e, 0.15, seeds) for e in effects], label=f"{seeds} seeds", **style)
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
right.legend(frameon=False, fontsize=9, loc="center right")
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
for name, taps, kind in (("nearest", [1, 1], "nearest"), ("bilinear", [0.5, 1, 0.5], "bilinear")):
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
left.imshow(np.hstack([boards[0] / 4, np.full((8, 1), np.nan), boards[1] / 4]), cmap="gray", vmin=0, vmax=1)
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
