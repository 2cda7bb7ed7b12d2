# %% [markdown]
# # 06 · DCGAN: the classic, repaired
#
# **After this lesson you can**
#
# - derive what the discriminator of a GAN converges to, and write both losses from logits;
# - read a published GAN as a physician reads a patient: state what must hold, write the check, let it fail, and say why;
# - write a `train_step` with two optimizers, and prove which network moves in which half of it;
# - count the overlap of a transposed convolution, and choose kernels that leave no checkerboard;
# - train a convolutional GAN on faces, and read its curves.
#
# **Time.** Reading 35 minutes. Running all cells: about 60 seconds on two CPU cores. On a GPU the same cells
# train longer; its time has not been measured yet.
#
# **Builds on** lesson 00. What is needed of the theory (lesson 05) is derived here in short.
#
# **Exercises:** `exercises/06_dcgan.ipynb`, 45 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("06")

# %%
import hashlib

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from keras import layers

from course_lib import callbacks, data, gan, images, plots, runtime, zoo
from course_lib.explore import LatentExplorer

SEED = 0
runtime.setup(SEED)

# %% [markdown]
# ## 1 · The game
#
# A **generative adversarial network** (Goodfellow et al. 2014) is a game of two networks. The **generator** $G$ turns a random
# code $z \sim \mathcal N(0, I)$ into an image $G(z)$. The **discriminator** $D$ looks at an image and says how likely it
# thinks that it is *real*, a number $D(x)$ between 0 and 1. $D$ is trained to be right, $G$ to make $D$ wrong. Write $p$ for the
# density of real images and $q$ for that of generated ones. The value that $D$ maximises and $G$ minimises is
#
# $$V(D, G) = \mathbb E_{x\sim p}[\log D(x)] + \mathbb E_{x\sim q}[\log(1 - D(x))].$$
#
# ### What a perfect discriminator says
#
# Hold $G$ still. Written as one integral, $V = \int p(x)\log D(x) + q(x)\log(1 - D(x))\,dx$, and $D$ may choose its answer at each $x$ separately. So
# at one point, with $a = p(x)$ and $b = q(x)$, it maximises $f(y) = a\log y + b\log(1-y)$ over $y \in (0, 1)$:
#
# $$f'(y) = \frac{a}{y} - \frac{b}{1-y} = 0 \iff a(1-y) = by \iff y = \frac{a}{a+b},
# \qquad f''(y) = -\frac{a}{y^2} - \frac{b}{(1-y)^2} < 0,$$
#
# so this is the only maximum:
#
# $$\boxed{\;D^*(x) = \frac{p(x)}{p(x) + q(x)}\;}$$
#
# Where does that leave $V$? Let $m = \tfrac12(p + q)$, so that $D^* = \tfrac12\,p/m$ and $1 - D^* = \tfrac12\,q/m$. Each logarithm gives up a
# $\log\tfrac12 = -\ln 2$, and what remains are two Kullback–Leibler divergences:
#
# $$V(D^*) = \mathbb E_p\Big[\log\frac pm\Big] - \ln 2 + \mathbb E_q\Big[\log\frac qm\Big] - \ln 2
# = \boxed{\;2\,\mathrm{JSD}(p, q) - \ln 4\;}$$
#
# with the **Jensen–Shannon divergence** $\mathrm{JSD} = \tfrac12\mathrm{KL}(p\|m) + \tfrac12\mathrm{KL}(q\|m)$. It is 0 exactly when $p = q$: the generator wins
# by drawing from the distribution of the data, and the discriminator's loss $-V$ is then $\ln 4 = 2\ln 2 \approx 1.386$.
#
# **Check.** Two densities on a line; the best answer at each point by brute force over 9,999 values of $y$; the integrals by quadrature.

# %%
x_line = np.linspace(-9, 9, 1801)
dx = x_line[1] - x_line[0]


def normal(x, mean, std):
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


p = 0.5 * normal(x_line, -2, 0.6) + 0.5 * normal(x_line, 1.5, 0.8)
q = normal(x_line, 0.5, 1.5)
m = (p + q) / 2

answers = np.linspace(0.0001, 0.9999, 9999)
objective = p[:, None] * np.log(answers) + q[:, None] * np.log1p(-answers)  # (points, answers)
by_force = answers[objective.argmax(axis=1)]
d_star = p / (p + q)
inside = (d_star > 1e-3) & (d_star < 1 - 1e-3)
print(
    f"largest difference between brute force and p/(p+q): {np.abs(by_force - d_star)[inside].max():.1e} (grid step 1e-4)"
)
assert np.abs(by_force - d_star)[inside].max() < 1.1e-4

value = np.sum(p * np.log(d_star) + q * np.log1p(-d_star)) * dx
jsd = 0.5 * np.sum(p * np.log(p / m) + q * np.log(q / m)) * dx
print(f"V(D*) = {value:.6f}   2 JSD − ln 4 = {2 * jsd - np.log(4):.6f}")
assert np.isclose(value, 2 * jsd - np.log(4), atol=1e-9)

figure, axes = plots.canvas(7.5, 3)
axes.plot(x_line, p, color=plots.COLOURS[0], linewidth=2, label="data $p$")
axes.plot(x_line, q, "--", color=plots.COLOURS[1], linewidth=2, label="generator $q$")
axes.plot(x_line, d_star, ":", color=plots.COLOURS[6], linewidth=2, label="$D^* = p/(p+q)$")
axes.set(
    xlim=(-5, 5), xlabel="$x$", ylabel="density, or probability", title="The best discriminator weighs two densities"
)
axes.legend(frameon=False, fontsize=9, loc="upper right")
figure.alt_text = (
    "A data density with two humps, a generator density with one broad hump, and the best discriminator: near 1 where "
    "only the data has mass, near 0 where only the generator has, one half where the densities cross."
)
figure

# %% [markdown]
# ### Losses from logits
#
# A network's last layer gives a real number $a$, the **logit**, and $D = \sigma(a) = 1/(1 + e^{-a})$. Both logarithms simplify:
#
# $$-\log\sigma(a) = \log(1 + e^{-a}) = \operatorname{softplus}(-a), \qquad
# -\log(1-\sigma(a)) = -\log\frac{e^{-a}}{1+e^{-a}} = \log(1+e^{a}) = \operatorname{softplus}(a),$$
#
# so the discriminator minimises
#
# $$\boxed{\;L_D = \mathbb E_p[\operatorname{softplus}(-a)] + \mathbb E_q[\operatorname{softplus}(a)]\;}$$
#
# The generator could minimise $V$, of which it only influences $\mathbb E_q[\log(1-\sigma(a))] = -\mathbb E_q[\operatorname{softplus}(a)]$. Its derivative by the logit is
# $-\sigma(a)$. Early in training $D$ is sure of every fake, $\sigma(a) \approx 0$, and there is nothing to learn from: the loss **saturates**. Goodfellow et al. therefore let $G$
# minimise $-\log D$ instead, the **non-saturating** loss
#
# $$\boxed{\;L_G = \mathbb E_q[\operatorname{softplus}(-a)]\;}\qquad\text{with derivative } -(1 - \sigma(a)),$$
#
# which is largest where $G$ is worst. At $D = 0.01$ it pushes $0.99 / 0.01 = 99$ times as hard.


# %%
def discriminator_loss(real_logits, fake_logits):
    """Logits (N, 1) of real and generated images -> scalar; 2 ln 2 when D cannot tell."""
    return tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))


def generator_loss(fake_logits):
    """Logits (N, 1) of generated images -> scalar; ln 2 when D cannot tell."""
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


a = tf.Variable([[float(np.log(0.01 / 0.99))]])  # D(fake) = 0.01
with tf.GradientTape(persistent=True) as tape:
    saturating, non_saturating = -tf.reduce_mean(tf.nn.softplus(a)), generator_loss(a)
slopes = [float(tape.gradient(loss, a)[0, 0]) for loss in (saturating, non_saturating)]
print(
    f"derivatives at D = 0.01: saturating {slopes[0]:.4f}, non-saturating {slopes[1]:.4f}, ratio {slopes[1] / slopes[0]:.1f}"
)
assert np.allclose(slopes, [-0.01, -0.99], atol=1e-6)
assert np.isclose(discriminator_loss(tf.zeros((4, 1)), tf.zeros((4, 1))), 2 * np.log(2))

# %% [markdown]
# ## 2 · The patient
#
# Here is a network that has been copied into many blog posts and course works. The architecture follows **DCGAN** (Radford et al. 2015): it is the one that
# first made GANs work on photographs. We reproduce it as it is passed on. Two adaptations only: the layers are written with today's
# Keras (version 3), and where copies differ in the kernel size of the transposed convolutions we take 5 with stride 2, as in TensorFlow's own tutorial.
#
# The text that travels with it says:
#
# > 1. *The generator's last layer is a sigmoid, which produces pixel values.*
# > 2. *The transposed convolutions learn the global features of the image.*
# > 3. *The discriminator is not trained inside the combined model, so we set* `trainable = False`.
# > 4. *The combined model compares the generated image with a real image and gives the GAN output.*


# %%
def tutorial_generator(input_shape=(64, 64, 3)):
    model = keras.Sequential(name="generator")
    model.add(keras.Input((100,)))
    model.add(layers.Dense(4 * 4 * 512))
    model.add(layers.Reshape((4, 4, 512)))
    for filters in (256, 128, 64):
        model.add(layers.Conv2DTranspose(filters, 5, strides=2, padding="same"))
        model.add(layers.BatchNormalization())
        model.add(layers.LeakyReLU())
    model.add(layers.Conv2DTranspose(3, 5, strides=2, padding="same", activation="tanh"))
    return model


def tutorial_discriminator(input_shape=(64, 64, 3)):
    model = keras.Sequential(name="discriminator")
    model.add(keras.Input((64, 64, 3)))
    for filters in (64, 128):
        model.add(layers.Conv2D(filters, 5, strides=2, padding="same"))
        model.add(layers.LeakyReLU())
        model.add(layers.Dropout(0.3))
    model.add(layers.Flatten())
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


def tutorial_combined(generator, discriminator):
    discriminator.trainable = False
    noise, real_image = keras.Input((100,)), keras.Input((64, 64, 3))
    merged = layers.Concatenate()([generator(noise), real_image])
    return keras.Model([noise, real_image], layers.Dense(1, activation="sigmoid", name="gan_output")(merged))


keras.utils.set_random_seed(SEED)
patient_g, patient_d = tutorial_generator(), tutorial_discriminator()
d_weights_before = len(patient_d.trainable_variables)
patient = tutorial_combined(patient_g, patient_d)
print(
    f"generator {patient_g.count_params():,} weights, discriminator {patient_d.count_params():,}; it builds without an error."
)

# %% [markdown]
# It builds, so it must be right? Everything below is wrong with it. We state each requirement as a check, run it, and keep the
# result. The same checks will judge the repaired network at the end. A check returns whether the requirement holds, and the evidence.

# %%
FINDINGS = {}  # requirement -> {"patient": (holds, evidence), "repaired": ...}


def examine(requirement, subject, result):
    """Print and keep one finding."""
    holds, evidence = result
    FINDINGS.setdefault(requirement, {})[subject] = (bool(holds), evidence)
    print(f"{'✓ holds' if holds else '✗ FAILS'} · {subject} · {requirement}\n    {evidence}")


faces = data.load_faces("train", size=64)
real_64 = images.to_float(faces.images[:256])
rng = np.random.default_rng(SEED)
z_100 = rng.standard_normal((64, 100)).astype(np.float32)

# %% [markdown]
# ### Fault 1 · The text says sigmoid, the code says tanh
#
# A sigmoid gives values in $[0, 1]$, a tanh in $[-1, 1]$. Which one is right depends on the data, and **the two must agree**. A reader who believes the text scales the
# images to $[0, 1]$.


# %%
def check_range(generator, real):
    """The generator can make what the data shows, and nothing that the data never shows."""
    fake = np.asarray(generator(1e4 * z_100, training=False))  # huge codes drive the last layer to its limits
    low, high = (f(fake) for f in (np.min, np.max))
    holds = abs(low - real.min()) < 0.1 and abs(high - real.max()) < 0.1
    return holds, f"data in [{real.min():.2f}, {real.max():.2f}], generator reaches [{low:.2f}, {high:.2f}]"


real_unit = (real_64 + 1) / 2  # what the tutorial's text asks for
examine("data and generator share one range", "patient", check_range(patient_g, real_unit))

# %% [markdown]
# What does it cost? A discriminator needs no understanding of faces any more: one look for a negative pixel is enough. Here is that rule, three lines of code instead of a network:

# %%
fake = np.asarray(patient_g(z_100, training=True))
says_real = [(x.min(axis=(1, 2, 3)) >= 0) for x in (real_unit[:64], fake)]
accuracy = (says_real[0].mean() + (1 - says_real[1]).mean()) / 2
print(f"accuracy of the rule “real if no pixel is negative”: {accuracy:.0%}")
assert accuracy == 1.0

# %% [markdown]
# Such a discriminator is right at once and teaches the generator only to avoid negative pixels. The library refuses it before the first step, for every model:

# %%
try:
    tiny_g = keras.Sequential([keras.Input((4,)), layers.Dense(12, activation="tanh"), layers.Reshape((2, 2, 3))])
    tiny_d = keras.Sequential([keras.Input((2, 2, 3)), layers.Flatten(), layers.Dense(1)])
    tiny = gan.GAN(tiny_g, tiny_d)
    tiny.compile(keras.optimizers.Adam(), keras.optimizers.Adam())
    tiny.fit(real_unit[:8, :2, :2], verbose=0)
except ValueError as refusal:
    print("refused:", refusal)

# %% [markdown]
# ### Fault 2 · Probabilities where logits belong
#
# The discriminator ends in a sigmoid, and the usual loss for that is the cross-entropy of a probability. A `float32` just below 1 comes in steps of $6\cdot10^{-8}$, so a confident $D(x)$ becomes
# exactly 1 and $\log(1 - D(x))$ infinite. Keras therefore clips probabilities to $[10^{-7}, 1 - 10^{-7}]$. Beyond that the loss stands still at $-\ln 10^{-7} = 16.118$ and **its gradient is exactly zero**:
# the more wrong the network, the less it learns. From the logit the same loss is softplus, which has no such limit.

# %%
grid = tf.Variable(np.linspace(-30, 30, 121).astype(np.float32)[:, None])
ones = tf.ones_like(grid)  # the images are real; the network gives them these logits
with tf.GradientTape(persistent=True) as tape:
    clipped = keras.losses.binary_crossentropy(ones, tf.sigmoid(grid))
    exact = tf.nn.softplus(-grid)[:, 0]
gradients = {name: tape.gradient(loss, grid)[:, 0].numpy() for name, loss in (("clipped", clipped), ("exact", exact))}
at = int(np.argmin(np.abs(grid.numpy()[:, 0] + 20)))
print(
    f"a real image with logit −20: from the probability, loss {clipped[at]:.3f} and gradient {gradients['clipped'][at]:.3f};"
)
print(
    f"                             from the logit,       loss {exact[at]:.3f} and gradient {gradients['exact'][at]:.3f}"
)
assert gradients["clipped"][at] == 0
assert np.isclose(gradients["exact"][at], -1)
assert np.isclose(np.max(clipped), -np.log(1e-7), atol=0.01)

figure, axes = plots.canvas(7, 3)
axes.plot(
    grid.numpy()[:, 0], clipped.numpy(), color=plots.COLOURS[1], linewidth=2, label="cross-entropy of the probability"
)
axes.plot(grid.numpy()[:, 0], exact.numpy(), "--", color=plots.COLOURS[0], linewidth=2, label="softplus of the logit")
axes.set(xlabel="logit of a real image", ylabel="loss (nats)", title="Beyond −16 the clipped loss is flat")
axes.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Loss of a real image against its logit. Both curves fall together from a logit of minus 16 upwards; to the left of it the "
    "clipped loss is flat at 16.1 while the loss computed from the logit goes on growing in a straight line."
)
figure


# %% [markdown]
# Does this happen to the patient? Keras 3 carries a safety net: if the tensor given to its cross-entropy comes *straight* from a sigmoid activation, it quietly goes back to the logit behind it. Any operation in between,
# such as joining two batches or multiplying by 1, removes the net without a word, and a logarithm written by hand never had one:

# %%
probe = keras.Sequential([keras.Input((1,)), layers.Dense(1, activation="sigmoid", kernel_initializer="ones")])
very_wrong, real_label = tf.constant([[-20.0]]), tf.ones((1, 1))
bias = probe.trainable_variables[1]
routes = {
    "straight from the sigmoid": lambda: keras.losses.binary_crossentropy(real_label, probe(very_wrong)),
    "after multiplying by 1": lambda: keras.losses.binary_crossentropy(real_label, 1.0 * probe(very_wrong)),
    "a fake, −log(1 − D) by hand": lambda: -tf.math.log(1 - probe(-very_wrong)),
}
learned = {}
for name, loss_of in routes.items():
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(loss_of())
    learned[name] = float(tape.gradient(loss, bias)[0])
    print(f"{name:<28} loss {float(loss):7.3f}   gradient {learned[name]:6.3f}")
assert np.isclose(learned["straight from the sigmoid"], -1)
assert learned["after multiplying by 1"] == 0
assert not np.isfinite(learned["a fake, −log(1 − D) by hand"])

# %% [markdown]
# A loss that is right only as long as nobody touches the line above it is a fault waiting. A discriminator that returns logits needs no net.


# %%
def check_logits(discriminator):
    """The last layer has no activation."""
    activation = discriminator.layers[-1].activation.__name__
    return activation == "linear", f"the last layer's activation is {activation!r}"


examine("the discriminator returns logits", "patient", check_logits(patient_d))

# %% [markdown]
# ### Faults 3 and 4 · The combined model does not ask the discriminator
#
# Follow the data through `tutorial_combined`: the generated image is stacked onto a real one, six channels in all, and a Dense layer turns them into the “GAN output”. The discriminator
# appears in one line only, the one that freezes it. Two requirements follow from section 1: there must be **one verdict for each image**, and it must **come from the
# discriminator**, so another discriminator must give another verdict.


# %%
def check_one_verdict(shape):
    return tuple(shape[1:]) == (1,), f"verdicts have the shape {tuple(shape)}"


examine("one verdict for each image", "patient", check_one_verdict(patient.output_shape))


def check_discriminator_is_asked(verdict, discriminator):
    """Change D; the generator's verdict must change with it."""
    before = np.asarray(verdict())
    saved = discriminator.get_weights()
    discriminator.set_weights([1.1 * w for w in saved])
    change = np.abs(np.asarray(verdict()) - before).max()
    discriminator.set_weights(saved)
    return change > 0, f"making every weight of D a tenth larger changes the verdict on G by {change:.3g}"


examine(
    "the generator is judged by the discriminator",
    "patient",
    check_discriminator_is_asked(lambda: patient([z_100[:8], real_64[:8]], training=False), patient_d),
)

# %% [markdown]
# A Dense layer acts on the last axis, the channels. So the “GAN output” is a map of $64 \times 64$ numbers, each a weighted sum of six colour values at one
# pixel: it cannot see a shape at all. Its seven weights would be trained along with the generator, and nobody would be trained to find fakes.
#
# ### Fault 5 · Who moves?
#
# In a GAN step exactly one network moves at a time. `trainable = False` is meant to ensure it for the generator's half. But the flag belongs to the layer, not to the combined
# model, and it stays. After the combined model is built:


# %%
def fingerprint(network):
    """A hash that changes when any weight changes, be it in the last digit."""
    return hashlib.sha256(b"".join(w.numpy().tobytes() for w in network.weights)).hexdigest()


def check_discriminator_can_move(discriminator):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(discriminator(real_64[:8], training=True))
    weights = discriminator.trainable_variables
    before = fingerprint(discriminator)
    if weights:
        keras.optimizers.SGD(0.01).apply(tape.gradient(loss, weights), weights)
    return fingerprint(
        discriminator
    ) != before, f"{len(weights)} trainable arrays; a step changes weights: {fingerprint(discriminator) != before}"


examine("the discriminator can be trained", "patient", check_discriminator_can_move(patient_d))
print(f"(before the combined model was built it had {d_weights_before} trainable arrays)")

# %% [markdown]
# Old Keras remembered the flag at the moment of `compile`, and recipes with carefully ordered `compile` calls grew around it. There is a second trap in the flag: **a frozen BatchNorm layer runs in inference
# mode, even when it is called with `training=True`.** With BatchNorm in the discriminator, the generator would be judged by another function than the one that was trained:

# %%
norm = layers.BatchNormalization()
batch = tf.constant(rng.normal(3.0, 2.0, (256, 4)), tf.float32)
free = norm(batch, training=True)
norm.trainable = False
frozen = norm(batch, training=True)
print(f"mean of the output with training=True: free {np.mean(free):+.3f}, frozen {np.mean(frozen):+.3f}")
assert abs(np.mean(free)) < 0.01
assert abs(np.mean(frozen)) > 1

# %% [markdown]
# The cure for both is to drop the flag. A gradient tape is asked for the gradients of *one* network's weights, and an optimizer is given those weights and no others. Section 4 writes it down.
#
# ### Fault 6 · An argument that does nothing
#
# Both functions take an `input_shape`. Ask for another one:


# %%
def check_shape_argument(build_generator):
    shape = build_generator((32, 32, 1)).output_shape[1:]
    return shape == (32, 32, 1), f"asked for (32, 32, 1), got {shape}"


examine("the shape argument is used", "patient", check_shape_argument(tutorial_generator))

# %% [markdown]
# An unused argument is worse than a missing one: the caller believes that it was heard.
#
# ### Fault 7 · A default that is not the paper's
#
# LeakyReLU passes negative values on with a slope. The DCGAN paper says 0.2; the Keras layer's default is 0.3. This does not break training, but a text that says “as in DCGAN” should be true, and defaults are
# where copies drift. The same holds for BatchNorm: its running averages keep 0.99 of the old value each step by default, so after a short training they still contain the initial guess. After $n$ steps
# with momentum $\mu$ the share of the start is $\mu^n$.

# %%
STEPS_PER_EPOCH = len(faces.images) // 64


def check_slope(*networks):
    slopes = {layer.negative_slope for n in networks for layer in n.layers if isinstance(layer, layers.LeakyReLU)}
    return slopes <= {0.2}, f"negative slopes in use: {sorted(round(float(s), 3) for s in slopes)}"


def check_batchnorm_memory(generator):
    momenta = [layer.momentum for layer in generator.layers if isinstance(layer, layers.BatchNormalization)]
    left = max(momenta, default=0.0) ** STEPS_PER_EPOCH
    return (
        left < 0.01,
        f"after one epoch of {STEPS_PER_EPOCH} steps, {left:.1%} of the running statistics is still the initial guess",
    )


examine("LeakyReLU has the paper's slope, 0.2", "patient", check_slope(patient_g, patient_d))
examine("BatchNorm's statistics are learned within an epoch", "patient", check_batchnorm_memory(patient_g))

# %% [markdown]
# ### Fault 8 · A kernel that overlaps unevenly
#
# A transposed convolution with stride $s$ and kernel size $K$ spreads each input value over $K$ output positions, and puts neighbouring inputs $s$ positions apart. In one dimension, output position $o$ hears
# input $i$ through the tap $k = o - s\,i$, provided $0 \le k < K$. As $i$ runs over the integers, $k$ runs over all taps with the same remainder as $o$ modulo $s$. So the number of inputs that meet at $o$ is
#
# $$c(o) = \#\{\,k \in \{0, \dots, K-1\} : k \equiv o \ (\mathrm{mod}\ s)\,\} = \Big\lceil \frac{K - (o \bmod s)}{s} \Big\rceil ,$$
#
# and it is the same for every $o$ exactly when $s$ divides $K$. For $K = 5$, $s = 2$ it alternates between 3 and 2; in two dimensions the counts multiply, 9, 6, 6 and 4. A layer with equal weights would draw a **checkerboard** on a plain wall, and a trained one has to
# spend its weights on undoing it (Odena et al. 2016).


# %%
def overlap_counts(kernel, stride):
    """Inputs that meet at each of ``stride`` neighbouring outputs."""
    return [int(np.ceil((kernel - o) / stride)) for o in range(stride)]


def overlap_measured(kernel, stride, n=12):
    """The same by experiment: a transposed convolution of ones, applied to ones (interior of the result)."""
    layer = layers.Conv2DTranspose(
        1, kernel, strides=stride, padding="valid", use_bias=False, kernel_initializer="ones"
    )
    out = np.asarray(layer(np.ones((1, n, n, 1), np.float32)))[0, ..., 0]
    start = stride * (kernel // stride + 1)
    return out[start : start + 6 * stride, start : start + 6 * stride]


settings = [(5, 2), (3, 2), (4, 2)]
figure, axes = plots.canvas(9, 3.2, columns=3)
for each, (kernel, stride) in zip(axes, settings, strict=True):
    measured, counts = overlap_measured(kernel, stride), overlap_counts(kernel, stride)
    expected = np.multiply.outer(np.resize(counts, 12), np.resize(counts, 12))
    assert sorted(np.unique(measured)) == sorted(np.unique(expected)), "formula and experiment disagree"
    each.imshow(measured, cmap="gray", vmin=0, vmax=9)
    each.set(
        title=f"kernel {kernel}, stride {stride}: {sorted({int(v) for v in measured.ravel()})}", xticks=[], yticks=[]
    )
    each.grid(False)
    print(f"kernel {kernel}, stride {stride}: {counts} in one dimension, {sorted(np.unique(expected).tolist())} in two")
figure.suptitle("Number of inputs that meet at each output pixel", fontsize=11)
figure.alt_text = (
    "Three grey maps. Kernel 5 with stride 2: a checkerboard of 4, 6 and 9. Kernel 3 with stride 2: a checkerboard of 1, 2 and 4. "
    "Kernel 4 with stride 2: evenly 4 everywhere."
)
figure


# %%
def check_overlap(generator):
    pairs = {
        (layer.kernel_size[0], layer.strides[0])
        for layer in generator.layers
        if isinstance(layer, layers.Conv2DTranspose)
    }
    even = all(len(set(overlap_counts(*pair))) == 1 for pair in pairs)
    return even, ", ".join(f"kernel {k}, stride {s}: {overlap_counts(k, s)} inputs meet" for k, s in sorted(pairs))


examine("transposed convolutions overlap evenly", "patient", check_overlap(patient_g))

# %% [markdown]
# ### Fault 9 · “Transposed convolutions learn global features”
#
# Every layer can be asked what it sees: change one input position, and look how far the output changes. A transposed convolution is as local as a convolution: one input position reaches $K$ output positions. A patch of $w$ changed
# positions is spread by the next layer to places $s$ apart, so the first and the last lie $(w - 1)\,s$ apart, and the last reaches $K$ positions: from width $w$ to $(w - 1)\,s + K$. With $K = 5$, $s = 2$ that is
# $1 \to 5 \to 13 \to 29 \to 61$. So one cell of the 4 × 4 map has a say in most of the picture after *four* layers, while the last layer, which draws the edges, works on patches of 5 pixels. What is global from the start is
# the **Dense layer**, through which every number of $z$ reaches every cell.


# %%
def footprint(network, shape, layer_count):
    """Width in pixels over which the output changes when one position of the input changes, after each stage."""
    layers_used, widths = network, []
    base = tf.constant(np.random.default_rng(1).normal(size=(1, *shape)), tf.float32)
    moved = tf.tensor_scatter_nd_add(base, [[0, shape[0] // 2, shape[1] // 2, 0]], [1.0])
    for layer in layers_used:
        base, moved = layer(base), layer(moved)
        if isinstance(layer, layers.Conv2DTranspose):
            changed = np.abs(np.asarray(moved - base)).max(axis=(0, 1, 3)) > 0
            widths.append(int(np.ptp(np.flatnonzero(changed)) + 1))
    assert len(widths) == layer_count
    return widths


# A wide input, so that the edges of a 4 × 4 map do not cut the footprint off.
stack = [layers.Conv2DTranspose(4, 5, strides=2, padding="same") for _ in range(4)]
widths = footprint(stack, (9, 9, 4), 4)
expected, w = [], 1
for _ in range(4):
    w = (w - 1) * 2 + 5
    expected.append(w)
print("footprint of one position after each transposed convolution:", widths, " formula:", expected)
assert widths == expected
claim = widths[0] >= 9 * 2  # global would mean: the whole width of that layer's output
examine(
    "claim: a transposed convolution sees the whole image",
    "patient",
    (claim, f"one position reaches {widths[0]} of {9 * 2} columns; z reaches everything through the Dense layer"),
)

# %% [markdown]
# ### Fault 10 · Nothing is trained
#
# The tutorial stops here. There is no loss, no optimizer, no loop; the pictures shown beside it cannot have come from this code.

# %%
examine(
    "there is a training step",
    "patient",
    (getattr(patient, "optimizer", None) is not None, "no optimizer, no loss and no loop in the whole tutorial"),
)
untrained = np.asarray(patient_g(z_100[:8], training=True))
plots.image_grid(
    untrained,
    columns=8,
    size=0.9,
    alt="Eight outputs of the untrained tutorial generator: grey texture with a fine regular grain.",
)

# %% [markdown]
# ## 3 · The repair: two networks
#
# The same layout with each fault mended. The number of halvings follows from the shape, so the argument is used; the width is an argument too, because two CPU cores like narrow networks.
#
# - Kernels are 4 with stride 2; a last convolution with kernel 3 and stride 1 mixes colours.
# - BatchNorm has momentum 0.9, and stands everywhere but before the tanh: there it would fix the mean colour of every batch (the paper leaves it out too).
# - The discriminator goes down to 4 × 4 instead of 16 × 16, so that its last convolutions see a whole face; it has no sigmoid, no dropout, and **no BatchNorm**. BatchNorm would let one image's verdict depend on the others in its batch: a batch of only real and a
#   batch of only fake images are each normalised to the same statistics, which erases exactly the differences that the discriminator should find.

# %%
norm = layers.BatchNormalization()
draws = np.random.default_rng(SEED)
bright, dark = (tf.constant(draws.normal(mean, 1.0, (256, 4)), tf.float32) for mean in (3, -3))
apart = [float(tf.reduce_mean(norm(images_seen, training=True))) for images_seen in (bright, dark)]
joined = norm(tf.concat([bright, dark], axis=0), training=True)
together = [float(tf.reduce_mean(half)) for half in (joined[:256], joined[256:])]
print("“real” features around +3, “fake” ones around −3; means after BatchNorm:")
print(f"  in two batches: {apart[0]:+.2f} and {apart[1]:+.2f}: the difference is gone")
print(
    f"  in one batch:   {together[0]:+.2f} and {together[1]:+.2f}: the same images, other values, because of their company"
)
assert np.abs(apart).max() < 0.01
assert together[0] - together[1] > 1.5


# %%
def repaired_generator(image_shape=(64, 64, 3), latent_dim=100, width=24):
    """z (N, latent_dim) -> images (N, *image_shape) in [-1, 1]."""
    halvings = int(np.log2(image_shape[0] // 4))
    widths = [width * 2**k for k in range(halvings)][::-1]  # from coarse to fine
    z = keras.Input((latent_dim,))
    x = layers.Dense(4 * 4 * widths[0], use_bias=False)(z)
    x = layers.Reshape((4, 4, widths[0]))(x)
    x = layers.LeakyReLU(0.2)(layers.BatchNormalization(momentum=0.9)(x))
    for filters in widths:
        x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False)(x)
        x = layers.LeakyReLU(0.2)(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(z, layers.Conv2D(image_shape[-1], 3, padding="same", activation="tanh")(x), name="generator")


def repaired_discriminator(image_shape=(64, 64, 3), width=24):
    """Images (N, *image_shape) in [-1, 1] -> logits (N, 1)."""
    halvings = int(np.log2(image_shape[0] // 4))
    x = image = keras.Input(image_shape)
    for k in range(halvings):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(width * 2**k, 4, strides=2, padding="same")(x))
    return keras.Model(image, layers.Dense(1)(layers.Flatten()(x)), name="discriminator")


# %% [markdown]
# ## 4 · The repair: a training step
#
# One step has four named phases.
#
# 1. **D step.** Draw codes, make fakes *outside* the tape (they are constants for $D$), compute $L_D$, ask the tape for the gradients of **$D$'s weights**, give them to **$D$'s optimizer**.
# 2. **D's penalty.** Add $\tfrac\gamma2\,\mathbb E_p\|\nabla_x D\|^2$, the **R1 penalty** (Mescheder et al. 2018): where data and fakes do not overlap, a discriminator can become ever steeper, and the two networks then chase each other in circles. Punishing its slope
#    at real images damps the chase. Lesson 05 proves it on a model with two numbers, lesson 08 compares the alternatives.
# 3. **G step.** Draw new codes, compute $L_G$ *through* $D$, and ask for the gradients of **$G$'s weights** alone. $D$ is used, not moved; no flag is needed.
# 4. **Average.** Keep a slowly moving copy of the generator, $\bar\theta \leftarrow \beta\bar\theta + (1-\beta)\theta$ (Yazıcı et al. 2019). The players orbit around a good solution; the average sits near the centre of the orbit, and is what we sample from. A fixed $\beta$ would remember the random
#    start for long, so it grows into its value: $\beta_t = \min(\beta, \tfrac{1+t}{10+t})$.


# %%
class DCGAN(keras.Model):
    """A GAN with two optimizers, written out."""

    def __init__(self, generator, discriminator, gamma=10.0, ema=0.995):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.generator_ema = keras.models.clone_model(generator)
        self.generator_ema.set_weights(generator.get_weights())
        self.gamma, self.ema = gamma, ema
        self.latent_dim = generator.input_shape[-1]
        self.noise = keras.random.SeedGenerator(SEED)
        self.step_count = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False)
        self.built = True  # both networks exist; Keras need not trace a call

    def compile(self, g_optimizer, d_optimizer):
        super().compile(optimizer=None, jit_compile=False)  # no argument would create a hidden third optimizer
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        g_optimizer.build(self.generator.trainable_variables)
        d_optimizer.build(self.discriminator.trainable_variables)

    def codes(self, real):
        return keras.random.normal((tf.shape(real)[0], self.latent_dim), seed=self.noise)

    def d_step(self, real):
        fake = self.generator(self.codes(real), training=True)
        with tf.GradientTape() as tape:
            real_logits, fake_logits = self.discriminator(real, training=True), self.discriminator(fake, training=True)
            loss = discriminator_loss(real_logits, fake_logits)
            total = loss + 0.5 * self.gamma * self.r1(real)
        weights = self.discriminator.trainable_variables
        self.d_optimizer.apply(tape.gradient(total, weights), weights)
        return {"d_loss": loss, "real_logit": tf.reduce_mean(real_logits), "fake_logit": tf.reduce_mean(fake_logits)}

    def r1(self, real):
        with tf.GradientTape() as tape:
            tape.watch(real)
            total = tf.reduce_sum(self.discriminator(real, training=True))
        return tf.reduce_mean(tf.reduce_sum(tape.gradient(total, real) ** 2, axis=[1, 2, 3]))

    def g_step(self, real):
        with tf.GradientTape() as tape:
            loss = generator_loss(self.discriminator(self.generator(self.codes(real), training=True), training=True))
        weights = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(loss, weights), weights)
        return {"g_loss": loss}

    def average_step(self):
        t = tf.cast(self.step_count, tf.float32)
        beta = tf.minimum(self.ema, (1 + t) / (10 + t))
        # All variables: BatchNorm's running statistics belong to the averaged weights.
        for mean, value in zip(self.generator_ema.variables, self.generator.variables, strict=True):
            mean.assign(beta * mean + (1 - beta) * value)

    def train_step(self, real):
        logs = self.d_step(real) | self.g_step(real)
        self.step_count.assign_add(1)
        self.average_step()
        return logs

    def sample(self, n, seed=None):
        return self.generator_ema(keras.random.normal((n, self.latent_dim), seed=seed), training=False)


def new_dcgan(shape, width):
    keras.utils.set_random_seed(SEED)
    model = DCGAN(repaired_generator(shape, width=width), repaired_discriminator(shape, width))
    # Without momentum (β₁ = 0): with the default 0.9 the players overshoot and orbit.
    model.compile(*(keras.optimizers.Adam(5e-4, beta_1=0.0, beta_2=0.99) for _ in range(2)))
    return model


# %% [markdown]
# ### Prove who moves
#
# After each phase we compare every weight with what it was. Not “the loss goes down”: exactly the right network must have moved.

# %%
model = new_dcgan((32, 32, 3), width=8)
small_faces = images.to_float(images.resize(faces.images[:64], 32))


def copies(network):
    return [w.numpy() for w in network.trainable_variables]


def who_moves(step):
    """Run ``step`` and return which of the networks changed, in which share of their weight arrays."""
    networks = {"G": model.generator, "D": model.discriminator, "average of G": model.generator_ema}
    before = {name: copies(network) for name, network in networks.items()}
    step()
    return {
        name: float(np.mean([not np.array_equal(a, b) for a, b in zip(before[name], copies(network), strict=True)]))
        for name, network in networks.items()
    }


batch = tf.constant(small_faces)
moves = {
    "D step": who_moves(lambda: model.d_step(batch)),
    "G step": who_moves(lambda: model.g_step(batch)),
    "average": who_moves(lambda: (model.step_count.assign_add(1), model.average_step())),
}
for phase, moved in moves.items():
    print(f"{phase:<8} moved: " + ", ".join(f"{name} {share:.0%}" for name, share in moved.items()))
assert moves["D step"] == {"G": 0, "D": 1, "average of G": 0}
assert moves["G step"] == {"G": 1, "D": 0, "average of G": 0}
assert moves["average"] == {"G": 0, "D": 0, "average of G": 1}

# %% [markdown]
# ### The library's version is the same step
#
# From here on the course uses `course_lib.gan.GAN`, in which loss, penalty and averaging are parts to plug in. With the same weights and the same random codes, three steps of both must give the same networks:

# %%
mine = new_dcgan((32, 32, 3), width=8)
keras.utils.set_random_seed(SEED)
library = gan.GAN(
    repaired_generator((32, 32, 3), width=8),
    repaired_discriminator((32, 32, 3), width=8),
    loss="non_saturating",
    penalty="r1",
    penalty_weight=10.0 / 2,
    ema=0.995,
    seed=SEED,
)
library.compile(*(keras.optimizers.Adam(5e-4, beta_1=0.0, beta_2=0.99) for _ in range(2)))
for _ in range(3):
    mine.train_step(batch)
    library.train_step(batch)
difference = max(
    float(np.abs(a - b).max())
    for ours, theirs in ((mine.generator_ema, library.generator_ema), (mine.discriminator, library.discriminator))
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True)
)
print(f"largest difference in any weight after three steps: {difference:.1e}")
assert difference < 1e-4

# %% [markdown]
# ### The same checks, again

# %%
repaired_g, repaired_d = repaired_generator(), repaired_discriminator()


def verdict():
    return repaired_d(repaired_g(z_100[:8], training=False), training=False)


examine("data and generator share one range", "repaired", check_range(repaired_g, real_64))
examine("the discriminator returns logits", "repaired", check_logits(repaired_d))
examine("one verdict for each image", "repaired", check_one_verdict(repaired_d.output_shape))
examine("the generator is judged by the discriminator", "repaired", check_discriminator_is_asked(verdict, repaired_d))
examine("the discriminator can be trained", "repaired", check_discriminator_can_move(repaired_d))
examine("the shape argument is used", "repaired", check_shape_argument(repaired_generator))
examine("LeakyReLU has the paper's slope, 0.2", "repaired", check_slope(repaired_g, repaired_d))
examine("BatchNorm's statistics are learned within an epoch", "repaired", check_batchnorm_memory(repaired_g))
examine("transposed convolutions overlap evenly", "repaired", check_overlap(repaired_g))
examine(
    "there is a training step",
    "repaired",
    (moves["D step"]["D"] == 1 and moves["G step"]["G"] == 1, "both networks move, each in its own half"),
)

both = {name: row for name, row in FINDINGS.items() if "repaired" in row}
assert not any(row["patient"][0] for row in FINDINGS.values()), "each requirement must fail on the patient"
assert all(row["repaired"][0] for row in both.values()), "each requirement must hold after the repair"

# %% [markdown]
# ## 5 · Training on faces
#
# On a CPU we train at 32 × 32 pixels with a narrow network, so that half a minute shows something; a GPU takes the full size and more steps. The discriminator sees real faces in batches; a fixed grid of codes is drawn again and again,
# so that each picture of the grid can be followed from noise to face.

# %%
SIZE = runtime.pick(cpu=32, gpu=64)
WIDTH = runtime.pick(cpu=16, gpu=48)
EPOCHS = runtime.pick(cpu=5, gpu=30)
BATCH = 32

pixels = faces.images if SIZE == 64 else images.resize(faces.images, SIZE)
dataset = data.pipeline(pixels[: runtime.pick(cpu=6_400, gpu=10_000)], BATCH, seed=SEED)
model = new_dcgan((SIZE, SIZE, 3), WIDTH)
steps = len(dataset)
film = callbacks.SampleGrid(n=24, columns=8, every=max(1, steps * EPOCHS // 10), unit="step", seed=1)

record = keras.callbacks.LambdaCallback(
    on_train_batch_end=lambda batch, logs: history.append({k: float(v) for k, v in logs.items()})
)
history = []
_ = model.fit(dataset, epochs=EPOCHS, shuffle=False, callbacks=[film, record], verbose=2)  # the dataset shuffles

# %% [markdown]
# **Time-lapse.** The same 24 codes through the training, from *your* run:

# %%
plots.show(
    film.gif(fps=3, scale=1),
    alt="Animation of 24 pictures from fixed codes: grey texture, then head-like blobs, then coloured cartoon faces with rough outlines.",
    width=560,  # enlarged by the browser: four times the pixels would be four times the file
)

# %%
frames = [film.frames[i] for i in (0, len(film.frames) // 3, -1)]
titles = [film.labels[i] for i in (0, len(film.frames) // 3, -1)]
plots.image_grid(
    np.stack(frames),
    columns=3,
    size=2.2,
    titles=titles,
    alt="The grid at the start, after a third of the training and at the end.",
)

# %% [markdown]
# These faces are small and rough: the network saw each training face only once per epoch, and there were few epochs. What matters is that nothing is stuck. Now read the curves.

# %%
window = max(1, len(history) // 60)


def smooth(name):
    values = np.array([row[name] for row in history])
    values = values[: len(values) // window * window].reshape(-1, window).mean(axis=1)
    return (np.arange(len(values)) + 0.5) * window, values


figure, (left, right) = plots.canvas(10, 3.2, columns=2)
for k, (name, label) in enumerate((("d_loss", "$L_D$"), ("g_loss", "$L_G$"))):
    left.plot(*smooth(name), ["-", "--"][k], color=plots.COLOURS[k], linewidth=1.8, label=label)
for level, text in ((2 * np.log(2), "2 ln 2"), (np.log(2), "ln 2")):
    left.axhline(level, color=plots.GREY, linestyle=":", linewidth=1)
    left.annotate(text, (0.99, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=9)
left.set(xlabel="training step", ylabel="loss (nats)", title="Losses, with their values at a draw")
left.legend(frameon=False, fontsize=9)
for k, (name, label) in enumerate((("real_logit", "real images"), ("fake_logit", "generated images"))):
    right.plot(*smooth(name), ["-", "--"][k], color=plots.COLOURS[k], linewidth=1.8, label=label)
right.axhline(0, color=plots.GREY, linestyle=":", linewidth=1)
right.set(xlabel="training step", ylabel="mean logit", title="What D says")
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: discriminator and generator loss against the training step, near the dotted lines of a drawn game. "
    "Right: mean logits of real and generated images, real above zero, generated below, with a small gap."
)
figure

# %% [markdown]
# **How to read them.**
#
# - $L_D$ near $2\ln 2 \approx 1.386$ and $L_G$ near $\ln 2 \approx 0.693$: $D$ cannot tell. At the very beginning this means that $D$ has learned nothing yet; later, that $G$ keeps up. A loss that falls to 0 is **not** good news: $D$ has won, and $G$ receives little that is useful.
# - The losses of a GAN do not measure quality. They measure a draw between two players who both improve; the pictures may get better while both curves stay flat. Lesson 09 measures quality.
# - The **logit gap** on the right is easier to read: real above, generated below, and a gap that stays bounded. A gap that keeps growing is a discriminator that runs away.

# %%
gap = float(np.mean([row["real_logit"] - row["fake_logit"] for row in history[-steps:]]))
last = float(np.mean([row["d_loss"] for row in history[-steps:]]))
print(f"last epoch: L_D = {last:.3f} (a draw: {2 * np.log(2):.3f}), logit gap {gap:.2f}")
assert np.isfinite(list(history[-1].values())).all()
assert 0.2 < last < 2 * np.log(2) + 0.2, "D should neither have won nor be worse than a coin"
diversity = float(np.asarray(model.sample(64, seed=2)).std(axis=0).mean())
data_diversity = float(np.asarray(images.to_float(pixels[:64])).std(axis=0).mean())
print(f"spread of pixels over 64 samples: generated {diversity:.3f}, data {data_diversity:.3f}")
assert diversity > 0.4 * data_diversity, "the samples should not be all alike"

# %% [markdown]
# ### The same recipe, given time
#
# The generator that ships with the course was trained by `tools/train_zoo.py`, on the full 64 × 64 pixels, with this step and one more task for its discriminator (below the pictures). This is **not** your run.
# It also ends in something that yours lacks. These drawings are made of flat areas, and a convolution must learn, pixel by pixel, that a thousand
# pixels of background are equal. `nets.region_generator` divides a first picture into sixteen soft regions, with a softmax $m_k(p)$ at every pixel $p$, and
# paints each with its mean colour $c_k=\sum_p m_k(p)\,x(p)\,/\sum_p m_k(p)$: what one region holds alone is flat by construction. An architecture that
# knows something true about the data need not learn it; on photographs the same layer would be a mistake.

# %%
card = zoo.card("faces-gan")
generator = zoo.load("faces-gan")
facts = {
    "trained": f"{card['minutes']} minutes on {card['hardware']}, {card['training']['steps']:,} steps, seed {card['seed']}",
    "Fréchet distance": f"{card['metrics']['frechet_distance']:.3g} ({card['metrics']['features']}, {card['metrics']['samples']:,} images)",
    "the same between two sets of real faces": f"{card['metrics']['frechet_floor_real_vs_real']:.3g}",
    "the same for noise": f"{card['metrics']['frechet_ceiling_noise']:,.0f}",
    "by features of ImageNet": f"{card['independent']['frechet_distance']:.3g}; two sets of real faces {card['independent']['frechet_floor_real_vs_real']:.3g}",
    "precision / recall": f"{card['metrics']['precision']:.2f} / {card['metrics']['recall']:.2f}",
    "attributes within a factor of 1.5 of the data's frequency": card["audit"]["values_within_factor_1.5"],
    "furthest from it": f"{card['audit']['worst_value']}, by a factor of {card['audit']['worst_frequency_ratio']:.1f}",
}
for name, fact in facts.items():
    print(f"{name}: {fact}")
z = np.random.default_rng(11).standard_normal((24, generator.input_shape[-1])).astype(np.float32)
shipped = images.to_uint8(np.asarray(generator(z, training=False)))
plots.side_by_side(
    {
        "your run": images.resize(images.to_uint8(np.asarray(model.sample(12, seed=3))), 64),
        "shipped": shipped[:12],
        "real": faces.images[:12],
    },
    alt="Three rows of faces: the reader's short run, rough; the shipped generator's; and real training faces.",
)

# %% [markdown]
# Two of the numbers deserve a warning. *Precision* asks how many generated faces lie among the real ones, *recall* how many real faces lie among the generated ones (lesson 09 derives both); a recall well below the precision,
# and a Fréchet distance far above the one between two sets of real faces, say that this generator draws convincing faces from a somewhat narrower world than the data's. The pictures alone would not have told you.
#
# Compare the second row with the third before you call it good. Which parts does the generator draw well, and where does it hesitate? Thin lines (glasses, mouths) and what takes few pixels (earrings, stubble) are
# hardest. A missing ring leaves a face that nobody would doubt: the discriminator need not look at ears, and what it does not look at, the generator loses. Left to the game alone, this one lost nearly all hoop earrings, which one real
# face in seven wears. So the shipped generator's discriminator was given a second task: to name the thirteen attributes of every *real* face, from the same features by which it judges (Salimans et al. 2016, section 5). What it must name, it
# sees. The generator is still told nothing; only its judge has learned to look. And because the network behind the Fréchet distance has learned from the same labels, the card also gives the distance by features of ImageNet. They know none
# of the labels, and are strict with the faint mesh that some shirts and some hair still have: look for it.
#
# ## 6 · Find the bug, in one table

# %%
SOURCES = {
    "data and generator share one range": "Radford et al. 2015",
    "the discriminator returns logits": "section 1",
    "one verdict for each image": "Goodfellow et al. 2014",
    "the generator is judged by the discriminator": "Goodfellow et al. 2014",
    "the discriminator can be trained": "Keras guide on `train_step`",
    "the shape argument is used": "read the code",
    "LeakyReLU has the paper's slope, 0.2": "Radford et al. 2015",
    "BatchNorm's statistics are learned within an epoch": "Ioffe & Szegedy 2015",
    "transposed convolutions overlap evenly": "Odena et al. 2016",
    "claim: a transposed convolution sees the whole image": "measured above",
    "there is a training step": "read to the end",
}
assert set(SOURCES) == set(FINDINGS)
rows = ["| what must hold | the patient | repaired | see |", "|---|---|---|---|"]
for name, row in FINDINGS.items():
    after = row.get("repaired", (None, "the claim is wrong for any kernel"))
    mark = {True: "✓", False: "✗", None: "–"}
    rows.append(f"| {name} | ✗ {row['patient'][1]} | {mark[after[0]]} {after[1]} | {SOURCES[name]} |")
Markdown("\n".join(rows))

# %% [markdown]
# ## 7 · Explore
#
# The shipped generator, in your hands. Drag *Blend* slowly: does a face pass through other faces, or through mush? Set *Spread* to 0.5 and to 1.5: the first gives safe, similar faces, the second bold and broken ones. Lesson 12 makes use of it.

# %%
explorer = LatentExplorer(generator, coordinates=3, seed=11, title="Faces drawn by the GAN")
explorer.show()

# %% [markdown]
# ## 8 · Try this
#
# - In `new_dcgan`, put `gamma=0` and train again. Watch the logit gap, and the backgrounds: do all faces share one, which changes from moment to moment?
# - Give the optimizers Keras's default `beta_1=0.9`. Same seed, same data: what happens to the curves?
# - Sample from `model.generator` instead of `model.generator_ema`. Which looks cleaner, and why more so early than late?
# - Put the kernel back to 5 and look at the untrained generator's pictures at high enlargement.
#
# ## Summary
#
# - $D^* = p/(p+q)$, $V(D^*) = 2\,\mathrm{JSD} - \ln 4$; a drawn game has $L_D = 2\ln 2$, $L_G = \ln 2$.
# - $L_D = \mathbb E[\operatorname{softplus}(-a_\text{real})] + \mathbb E[\operatorname{softplus}(a_\text{fake})]$, $L_G = \mathbb E[\operatorname{softplus}(-a_\text{fake})]$: always from logits.
# - One tape, one network's weights, one optimizer per half step. No flags. Prove who moves by comparing weights.
# - The data's range is the generator's range. The kernel is a multiple of the stride. The average of the generator is what you sample from.
# - A model that builds is not yet a model that is right: write down what must hold, and check it.
#
# ## References
#
# - Goodfellow et al. 2014, *Generative Adversarial Nets*, [arXiv:1406.2661](https://arxiv.org/abs/1406.2661)
# - Radford, Metz & Chintala 2015, *Unsupervised Representation Learning with Deep Convolutional GANs*, [arXiv:1511.06434](https://arxiv.org/abs/1511.06434)
# - Ioffe & Szegedy 2015, *Batch Normalization*, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)
# - Salimans et al. 2016, *Improved Techniques for Training GANs*, [arXiv:1606.03498](https://arxiv.org/abs/1606.03498)
# - Odena, Dumoulin & Olah 2016, *Deconvolution and Checkerboard Artifacts*, [distill.pub](https://distill.pub/2016/deconv-checkerboard/)
# - Mescheder, Geiger & Nowozin 2018, *Which Training Methods for GANs do actually Converge?*, [arXiv:1801.04406](https://arxiv.org/abs/1801.04406)
# - Yazıcı et al. 2019, *The Unusual Effectiveness of Averaging in GAN Training*, [arXiv:1806.04498](https://arxiv.org/abs/1806.04498)
#
# **Next:** the exercises of this lesson; then lesson 07, *When GANs go wrong*, which makes this network ill on purpose.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0.*
