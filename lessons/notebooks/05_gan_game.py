# %% [markdown]
# # 05 · The GAN game, derived
#
# **After this lesson you can**
#
# - derive what a discriminator converges to, prove that it is the only optimum, and read a density ratio off a trained network;
# - show that the value of the game is a Jensen–Shannon divergence, and say what a discriminator trained on samples can and cannot tell you about it;
# - say which divergence the generator descends, for each of the published losses, and which well-known claim about it is wrong;
# - derive the f-GAN bound from the convex conjugate, and build a GAN from any f-divergence;
# - prove why plain GANs orbit, why R1 makes them converge, how large a step may be, and why momentum hurts;
# - write the training loop of a GAN by hand, in one and in two dimensions.
#
# **Time.** Reading 40 minutes. Running all cells: about 40 seconds on two CPU cores. On a GPU the same cells
# train longer; its time has not been measured yet.
#
# **Builds on** lesson 01 (divergences between densities). Every divergence used here is defined again where it appears.
#
# **Exercises:** `exercises/05_gan_game.ipynb`, 45 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("05")

# %%
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from keras import layers
from scipy.optimize import minimize, minimize_scalar

from course_lib import data, divergences, explore, gan, losses, metrics, planar, plots, runtime

SEED = 0
runtime.setup(SEED)

# %% [markdown]
# ## 1 · The game, and the perfect opponent
#
# A **generative adversarial network** (Goodfellow et al. 2014) is a game of two networks. The **generator** $G$ turns a random code $z\sim\mathcal N(0, I)$ into
# a sample $G(z)$. The **discriminator** $D$ looks at a sample and says how likely it thinks that it is *real*, a number $D(x)$ between 0 and 1.
#
# Write $p$ for the density of the data and $q$ for the density of what $G$ makes. $D$ maximises, and $G$ minimises, the **value**
#
# $$V(D, G) = \mathbb E_{x\sim p}[\log D(x)] + \mathbb E_{x\sim q}[\log(1 - D(x))].$$
#
# The network behind $D$ outputs any real number $a$, the **logit**, and $D = \sigma(a) = 1/(1 + e^{-a})$. Solved for $a$:
#
# $$D = \frac{1}{1+e^{-a}} \iff e^{-a} = \frac{1-D}{D} \iff a = \log\frac{D}{1-D}.$$
#
# With $\operatorname{softplus}(a) = \log(1+e^a)$ we have $\log D = -\operatorname{softplus}(-a)$ and $1 - D = \sigma(-a)$, so $\log(1-D) = -\operatorname{softplus}(a)$. The value in logits is
#
# $$V = -\int p(x)\operatorname{softplus}(-a(x)) + q(x)\operatorname{softplus}(a(x))\,dx.$$
#
# ### The best logit at one point
#
# Hold $G$ still. $D$ may choose its answer at each $x$ separately, so we may maximise under the integral, one $x$ at a time. Write $p, q$ for $p(x), q(x)$ and
#
# $$f(a) = -p\operatorname{softplus}(-a) - q\operatorname{softplus}(a).$$
#
# The derivative of softplus is $e^a/(1+e^a) = \sigma(a)$, hence, with $\sigma(-a) = 1 - \sigma(a)$,
#
# $$f'(a) = p\,\sigma(-a) - q\,\sigma(a) = p - (p+q)\,\sigma(a), \qquad f''(a) = -(p+q)\,\sigma(a)\,(1-\sigma(a)) < 0 .$$
#
# $f$ is strictly concave, so it has at most one maximum; $f'(a) = 0$ finds it where $p$ and $q$ are both positive:
#
# $$\boxed{\;D^*(x) = \sigma(a^*(x)) = \frac{p(x)}{p(x)+q(x)}\;}\qquad\boxed{\;a^*(x) = \log\frac{D^*}{1-D^*} = \log\frac{p(x)}{q(x)}\;}$$
#
# **A trained discriminator is an estimate of a density ratio.** It never computes $p$ or $q$, only learns to tell their samples apart.
#
# The edges matter later. Where $q = 0 < p$, $f'(a) = p(1-\sigma(a)) > 0$ everywhere: the best logit is $+\infty$ and no network reaches it. Where both are 0, $D$ is free to
# say anything, and the game never hears it.
#
# ### How much does another $D$ lose?
#
# Subtract the value of any $D$ from that of $D^*$, and use $p = (p+q)D^*$, $q = (p+q)(1-D^*)$:
#
# $$V(D^*) - V(D) = \int p\log\frac{D^*}{D} + q\log\frac{1-D^*}{1-D}\,dx
# = \int (p+q)\Big[D^*\log\frac{D^*}{D} + (1-D^*)\log\frac{1-D^*}{1-D}\Big]dx.$$
#
# The bracket is the Kullback–Leibler divergence between two coins, $\mathrm{KL}(\mathrm{Bernoulli}(D^*)\,\|\,\mathrm{Bernoulli}(D))$, which is never negative and 0 only for $D = D^*$. With
# the **mixture** $m = \tfrac12(p+q)$,
#
# $$\boxed{\;V(D^*) - V(D) = 2\,\mathbb E_{m}\big[\mathrm{KL}(\mathrm{Bernoulli}(D^*)\,\|\,\mathrm{Bernoulli}(D))\big] \ge 0\;}$$
#
# So $D^*$ is the only optimum *where $m$ has mass*, and errors count only in proportion to $m$.
#
# **Check.** The two densities of lesson 06: a data density with two humps and a generator with one. The best logit at each point by numerical maximisation; the loss
# of a wrong $D$ by quadrature.

# %%
x_line = np.linspace(-12, 12, 4801)
dx = x_line[1] - x_line[0]


def log_normal(x, mean, std):
    return -0.5 * ((x - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)


def log_data(x):
    """The data density log p(x): two humps."""
    return np.logaddexp(log_normal(x, -2, 0.6), log_normal(x, 1.5, 0.8)) - np.log(2)


def softplus(a):
    return np.logaddexp(0, a)


def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))


def optimal_logit(log_p, log_q):
    """The best discriminator's logit, log p/q."""
    return log_p - log_q


def value(logit, p, q):
    """V of a discriminator given by its logits on x_line, by quadrature."""
    return -np.sum(p * softplus(-logit) + q * softplus(logit)) * dx


def shortfall(logit, best, p, q):
    """What a discriminator loses against the best one: (p + q) times the KL between two coins."""
    right = sigmoid(best) * (softplus(-logit) - softplus(-best))
    wrong = sigmoid(-best) * (softplus(logit) - softplus(best))
    return np.sum((p + q) * (right + wrong)) * dx


log_p, log_q = log_data(x_line), log_normal(x_line, 0.5, 1.5)
p, q = np.exp(log_p), np.exp(log_q)
a_star = optimal_logit(log_p, log_q)

places = np.linspace(-4, 4.5, 35)
by_force = [
    minimize_scalar(lambda a, x=x: np.exp(log_data(x)) * softplus(-a) + np.exp(log_normal(x, 0.5, 1.5)) * softplus(a)).x
    for x in places
]
largest = np.abs(by_force - optimal_logit(log_data(places), log_normal(places, 0.5, 1.5))).max()
print(f"largest difference between the maximiser and log p/q at {len(places)} places: {largest:.1e}")
assert largest < 1e-4

timid = 0.5 * a_star + 0.3  # some other discriminator
gap = value(a_star, p, q) - value(timid, p, q)
print(f"V(D*) = {value(a_star, p, q):.6f}, V(another D) = {value(timid, p, q):.6f}")
print(f"difference {gap:.9f}; the coins' KL, integrated: {shortfall(timid, a_star, p, q):.9f}")
assert np.isclose(gap, shortfall(timid, a_star, p, q), atol=1e-10)
assert gap > 0

# %% [markdown]
# ### A network finds it
#
# Now forget that we know $p$ and $q$. A small network sees samples only, fresh ones at every step, and minimises the **discriminator's loss** $L_D = -V$, with averages in the place of expectations.
# This is the first half of a GAN's loop, by hand: record the loss on a tape, ask the tape for gradients, hand them to an optimizer.


# %%
def discriminator_loss(real_logits, fake_logits):
    """Logits (N, 1) of real and generated samples -> scalar, in nats; 2 ln 2 when D cannot tell."""
    return tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))


def perceptron(inputs, outputs, width=32, name=None):
    """(N, inputs) -> (N, outputs), two hidden layers."""
    x = point = keras.Input((inputs,))
    for _ in range(2):
        x = layers.Dense(width, activation=keras.activations.leaky_relu)(x)
    return keras.Model(point, layers.Dense(outputs)(x), name=name)


def train_discriminator(network, draw, steps, rate=3e-3, watch=None):
    """Train ``network`` on pairs (real, fake) from ``draw(step)``; return what ``watch()`` gave every 25 steps."""
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(real, fake):
        with tf.GradientTape() as tape:
            loss = discriminator_loss(network(real), network(fake))
        weights = network.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)

    seen = []
    for i in range(steps):
        step(*draw(i))
        if watch is not None and (i % 25 == 0 or i == steps - 1):
            seen.append((i + 1, *watch()))
    return np.array(seen)


rng = np.random.default_rng(SEED)


def draw_data(n):
    """n samples (n, 1) of the data density, drawn hump by hump."""
    left = rng.random(n) < 0.5
    return tf.constant(np.where(left, rng.normal(-2, 0.6, n), rng.normal(1.5, 0.8, n))[:, None], tf.float32)


def draw_fakes(n):
    """n samples (n, 1) of the fixed generator's density N(0.5, 1.5²)."""
    return tf.constant(rng.normal(0.5, 1.5, (n, 1)), tf.float32)


def logits_on_line(network):
    return np.asarray(network(tf.constant(x_line[:, None], tf.float32)), np.float64)[:, 0]


learned = perceptron(1, 1)
_ = train_discriminator(learned, lambda i: (draw_data(512), draw_fakes(512)), steps=1200)
a_learned = logits_on_line(learned)

# %%
m = (p + q) / 2
rms = np.sqrt(np.sum(m * (sigmoid(a_learned) - sigmoid(a_star)) ** 2) * dx)
lost = shortfall(a_learned, a_star, p, q)
print(f"root mean squared error of D, weighted by the samples that it meets: {rms:.3f}")
print(
    f"what it loses against the best discriminator: {lost:.4f} of {np.log(4) + value(a_star, p, q):.4f} nats to be won"
)
assert rms < 0.06
assert 0 <= lost < 0.03

seen = m > 0.03
figure, (left, right) = plots.canvas(10, 3.5, columns=2)
left.fill_between(x_line, p, color=plots.COLOURS[0], alpha=0.25, label="data $p$")
left.fill_between(x_line, q, color=plots.COLOURS[1], alpha=0.25, label="generator $q$")
left.plot(x_line, sigmoid(a_star), color=plots.COLOURS[6], linewidth=2, label="$D^* = p/(p+q)$")
left.plot(x_line, sigmoid(a_learned), "--", color=plots.COLOURS[2], linewidth=2, label="trained on samples")
left.set(
    xlim=(-7, 7), ylim=(-0.03, 1.25), xlabel="$x$", ylabel="density, or probability", title="Probability of “real”"
)
left.legend(frameon=False, fontsize=8.5, ncols=2, loc="upper left")
right.plot(x_line, a_star, color=plots.COLOURS[6], linewidth=2, label=r"$a^* = \log\, p/q$")
right.plot(x_line, a_learned, "--", color=plots.COLOURS[2], linewidth=2, label="trained on samples")
right.axvspan(x_line[seen][0], x_line[seen][-1], color=plots.COLOURS[4], alpha=0.15, label="where $m(x) > 0.03$")
right.set(xlim=(-7, 7), ylim=(-16, 6), xlabel="$x$", ylabel="logit", title="The same as a log density ratio")
right.legend(frameon=False, fontsize=8.5, loc="lower center")
figure.alt_text = (
    "Left: the data density with two humps, the generator's broad hump, the exact best discriminator and the trained "
    "one, which follow each other closely. Right: their logits; the two curves agree inside the shaded range "
    "where samples fall and part company in the tails, where the exact logit plunges and the network's is a straight line."
)
figure

# %% [markdown]
# Inside the shaded range the network has found $\log p/q$. Outside it has not, and could not: hardly a sample fell there, and the shortfall formula says that
# errors there cost next to nothing. It may even be on the wrong side, calling real what only the generator makes. **This matters for a generator that stands there.** A badly placed generator lives in $D$'s tail and is led by whatever slope the network happens to have.
#
# ## 2 · The value of the game is a divergence
#
# ### Against the best discriminator
#
# Put $D^*$ into $V$. With $p + q = 2m$ we have $D^* = \tfrac12\,p/m$ and $1 - D^* = \tfrac12\,q/m$. Each logarithm gives up a $\log\tfrac12 = -\ln 2$:
#
# $$V(D^*) = \mathbb E_p\Big[\log\frac{p}{m} - \ln 2\Big] + \mathbb E_q\Big[\log\frac{q}{m} - \ln 2\Big] = \mathrm{KL}(p\|m) + \mathrm{KL}(q\|m) - 2\ln 2 .$$
#
# Here $\mathrm{KL}(p\|q) = \mathbb E_p[\log p/q]$ is the **Kullback–Leibler divergence**, and half the sum of the two is the **Jensen–Shannon divergence**, $\mathrm{JSD}(p, q) = \tfrac12\mathrm{KL}(p\|m) + \tfrac12\mathrm{KL}(q\|m)$. So
#
# $$\boxed{\;V(D^*, G) = 2\,\mathrm{JSD}(p, q) - \ln 4\;}$$
#
# **Its range.** $\ln t \le t - 1$ for $t > 0$, with equality only at $t = 1$, so $-\mathrm{KL}(p\|m) = \mathbb E_p[\ln m/p] \le \int p\,(m/p - 1)\,dx \le 0$, with equality only for $p = m$, that is $p = q$. And $p/m = 2p/(p+q) \le 2$, so
# $\mathrm{KL}(p\|m) \le \ln 2$, reached when $p$ and $q$ never overlap. Together
#
# $$0 \le \mathrm{JSD} \le \ln 2, \qquad -\ln 4 \le V(D^*) \le 0 .$$
#
# Against a perfect opponent, $G$ does best by making $q = p$; then $D^* = \tfrac12$ everywhere and $L_D = -V = 2\ln 2 \approx 1.386$.
#
# ### The same number, seen as a classifier's
#
# Toss a fair coin $Y$. Heads ($Y = 1$): draw $x$ from $p$. Tails: from $q$. Then $x$ has density $m$, and by Bayes' rule $P(Y{=}1|x) = \tfrac12 p/m = D^*(x)$. How much does $x$ tell about the coin? The
# **mutual information** is the average of $\log P(y|x)/P(y)$ over both:
#
# $$I(x; Y) = \tfrac12\mathbb E_p\Big[\log\frac{D^*}{1/2}\Big] + \tfrac12\mathbb E_q\Big[\log\frac{1-D^*}{1/2}\Big] = \ln 2 + \tfrac12 V(D^*) = \boxed{\;\mathrm{JSD}(p, q)\;}$$
#
# So $\mathrm{JSD}$ is measured in the coin's own unit: 0 nats, the sample says nothing about its origin; $\ln 2$ nats, one whole bit, it says everything.
#
# **Check**, three ways that share no formula: the value by quadrature, the divergence by the library on a histogram with 4801 bins, the mutual information from the joint table of bin and coin.


# %%
def jensen_shannon(p, q):
    """JSD in nats by quadrature."""
    m = (p + q) / 2
    return 0.5 * np.sum(p * np.log(p / m) + q * np.log(q / m)) * dx


exact_value = value(a_star, p, q)
jsd = jensen_shannon(p, q)
bins = np.stack([p / p.sum(), q / q.sum()])
print(f"V(D*) = {exact_value:.8f}     2 JSD − ln 4 = {2 * jsd - np.log(4):.8f}")
print(
    f"JSD = {jsd:.8f}, library: {divergences.js_discrete(*bins):.8f}, mutual information with the coin: {divergences.mutual_information(bins / 2):.8f}"
)
assert np.isclose(exact_value, 2 * jsd - np.log(4), atol=1e-9)
assert np.isclose(jsd, divergences.js_discrete(*bins), atol=1e-9)
assert np.isclose(jsd, divergences.mutual_information(bins / 2), atol=1e-9)

# %% [markdown]
# ### From samples: a lower bound, and how to fake one
#
# Every discriminator obeys $V(D) \le V(D^*)$, so every trained one gives a lower bound of the divergence, $\tfrac12(V(D) + \ln 4) \le \mathrm{JSD}$. On samples, $V(D)$ is estimated by two averages,
#
# $$\hat V = -\frac1n\sum_i \operatorname{softplus}(-a(x_i)) - \frac1n\sum_j \operatorname{softplus}(a(\tilde x_j)),\qquad
# \text{standard error } \sqrt{\frac{s_p^2 + s_q^2}{n}},$$
#
# with $s_p, s_q$ the standard deviations of the terms. This is unbiased for $V(D)$ **if $D$ has not seen these samples**. If it was trained on them, the bound is void: a flexible network tells twenty-five pictures apart by heart.
#
# We train the same network twice: on fresh samples, and on 25 real and 25 generated points again and again.


# %%
def estimate_value(real_logits, fake_logits):
    """V from samples, and its standard error: logits (n, 1), (n, 1) -> two floats."""
    terms = -softplus(-np.asarray(real_logits, np.float64)), -softplus(np.asarray(fake_logits, np.float64))
    error = np.sqrt(sum(t.var(ddof=1) / t.size for t in terms))
    return sum(t.mean() for t in terms), error


held_out = draw_data(5000), draw_fakes(5000)
few = draw_data(25), draw_fakes(25)


def watch(network):
    """V on the few points, on held-out points, and exactly."""
    on_few, on_held_out = (estimate_value(network(r), network(f))[0] for r, f in (few, held_out))
    return on_few, on_held_out, value(logits_on_line(network), p, q)


overfitted = perceptron(1, 1, width=64)
course = train_discriminator(overfitted, lambda i: few, steps=1500, rate=5e-3, watch=lambda: watch(overfitted))

for name, network in (("fresh samples", learned), ("25 + 25 points", overfitted)):
    v, error = estimate_value(network(held_out[0]), network(held_out[1]))
    truth = value(logits_on_line(network), p, q)
    print(
        f"trained on {name:<15} held-out estimate {v:7.4f} ± {error:.4f},  V(D) by quadrature {truth:7.4f},  V(D*) {exact_value:.4f}"
    )
    assert abs(v - truth) < 5 * error, "unbiased on samples that D has not seen"
    assert truth <= exact_value + 1e-9, "a bound for every D"
print(
    f"on its own 25 + 25 points the second network claims {course[-1, 1]:.4f}: above the bound, which is impossible for an honest estimate"
)
assert course[-1, 1] > exact_value + 0.05

figure, axes = plots.canvas(7.5, 3.5)
for k, label in enumerate(("on its own 25 + 25 points", "on held-out points", "exact $V(D)$")):
    axes.plot(course[:, 0], course[:, k + 1], plots.STYLES[k], color=plots.COLOURS[k], linewidth=2, label=label)
axes.axhline(exact_value, color=plots.COLOURS[6], linewidth=1.5)
axes.annotate(
    "$V(D^*)$: no $D$ can do better",
    (0.99, exact_value),
    xycoords=("axes fraction", "data"),
    ha="right",
    va="bottom",
    fontsize=9,
)
axes.set(
    xlabel="training step",
    ylabel="value $V$ (nats)",
    ylim=(-2.4, -0.4),
    title="A discriminator that learns 50 points by heart",
)
axes.legend(frameon=False, fontsize=9, loc="lower left")
figure.alt_text = (
    "Value against training step for a network trained on 50 points. Its own points: the value climbs above the line of the "
    "best discriminator. Held-out points and the exact value: one curve, which stays below that line and sinks as training goes on."
)
figure

# %% [markdown]
# Remember this picture when you train on a small data set: **the training loss of $D$ is no divergence**. It can promise a distance that is not there. (What this does to
# generators, and what augmentation does about it, is a question for lesson 10.)

# %% [markdown]
# ## 3 · What the generator minimises
#
# ### Two losses, one direction
#
# $G$ influences $V$ only through $\mathbb E_q[\log(1-D)]$. As a loss in the logit $a = a(G(z))$ of a generated sample this is $-\operatorname{softplus}(a)$, with derivative $-\sigma(a) = -D$. Goodfellow et al. saw the trouble at once: early on, $D$ is sure of every fake, $D \approx 0$,
# and the derivative is 0 with it. The loss **saturates**. They let $G$ minimise $-\log D = \operatorname{softplus}(-a)$ instead, the **non-saturating** loss:
#
# $$\boxed{\;\frac{d}{da}\big[-\operatorname{softplus}(a)\big] = -\sigma(a) = -D,\qquad \frac{d}{da}\operatorname{softplus}(-a) = -\sigma(-a) = -(1-D)\;}$$
#
# At $D = 0.01$ they are $-0.01$ and $-0.99$: the second pushes 99 times as hard. By the chain rule, the gradient of either loss in $G$'s weights $\theta$ is
#
# $$\mathbb E_z\Big[\ell'(a)\;\nabla_x a(x)\big|_{x=G(z)}\;\frac{\partial G(z)}{\partial\theta}\Big],$$
#
# and $\ell'$ is negative in both cases: **for each single sample both losses point the same way**, up the slope of the logit. They differ in how the samples are weighted. Both vanish where $a$ is flat, and $a^* = \log p/q$ is flat
# when $q = p$: the same fixed point. The loss curves there read $L_D = 2\ln 2$, $L_G = \ln 2$ (non-saturating) or $-\ln 2$ (saturating).


# %%
def saturating_loss(fake_logits):
    """G's part of V: E[log(1 − D)]; −ln 2 when D cannot tell."""
    return -tf.reduce_mean(tf.nn.softplus(fake_logits))


def generator_loss(fake_logits):
    """The non-saturating loss −E[log D]; ln 2 when D cannot tell."""
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


def slope(loss, logits):
    """The derivative of a loss by each logit, times their number (the loss is a mean)."""
    a = tf.constant(logits, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(a)
        total = loss(a)
    return tape.gradient(total, a).numpy() * a.shape[0]


belief = np.linspace(0.001, 0.999, 999)[:, None]  # D
logits = np.log(belief / (1 - belief))
slopes = {"saturating": slope(saturating_loss, logits), "non-saturating": slope(generator_loss, logits)}
assert np.allclose(slopes["saturating"], -belief)
assert np.allclose(slopes["non-saturating"], -(1 - belief))
print(
    f"at D = {belief[9, 0]:.2f} the non-saturating loss pushes {slopes['non-saturating'][9, 0] / slopes['saturating'][9, 0]:.1f} times as hard"
)
equal = tf.zeros((8, 1))
print(
    f"a drawn game: L_D = {discriminator_loss(equal, equal):.4f}, L_G = {generator_loss(equal):.4f}, saturating L_G = {saturating_loss(equal):.4f}"
)
assert np.isclose(discriminator_loss(equal, equal), 2 * np.log(2))

figure, axes = plots.canvas(6.5, 3)
for k, (name, s) in enumerate(slopes.items()):
    axes.plot(belief, -s, plots.STYLES[k], color=plots.COLOURS[1 - k], linewidth=2, label=name)
axes.axvline(0.01, color=plots.GREY, linestyle=":", linewidth=1)
axes.annotate("$D = 0.01$: 0.99 against 0.01", (0.02, 0.52), fontsize=9)
axes.set(xlabel="$D(G(z))$", ylabel="push on the logit", title="Where the generator is bad, one loss is silent")
axes.legend(frameon=False, fontsize=9, loc="center right")
figure.alt_text = (
    "Size of the derivative by the logit against D of the generated sample. The saturating loss rises from 0 at D = 0 to 1; the "
    "non-saturating loss falls from 1 to 0. They cross at one half."
)
figure

# %% [markdown]
# ### What one generator step descends
#
# $D$ has caught up with the generator $q_0$ that stands there now; $G$ takes a step while $D$ is held still. Its loss is $\mathbb E_{q_\theta}[\ell(D^*(x))]$ with the function $\ell$ of the loss in use ($\ell(D) = \log(1-D)$ or $-\log D$). $D^*$ belongs to
# $q_0$ and does not move with $\theta$, so the gradient falls on $q_\theta$ alone:
#
# $$\nabla_\theta\,\mathbb E_{q_\theta}[\ell(D^*)] = \int \nabla_\theta q_\theta(x)\;\ell(D^*(x))\,dx \qquad\text{at } q_\theta = q_0. \tag{1}$$
#
# Is there a divergence with exactly this gradient? Try one of the form $\mathcal D_h = \int p\,h(u)\,dx$ with $u = q_\theta/p$. By the chain rule $\nabla_\theta \mathcal D_h = \int p\,h'(u)\,\nabla_\theta q_\theta/p\,dx = \int \nabla_\theta q_\theta\; h'(u)\,dx$.
# Compare with (1), and write the best discriminator as $D^* = p/(p+q) = 1/(1+u)$:
#
# $$\boxed{\;\text{a generator step against } D^* \text{ descends } \int p\,h\!\left(\frac qp\right)dx \quad\text{with}\quad h'(u) = \ell\!\left(\frac{1}{1+u}\right)\;}$$
#
# It is a divergence, smallest at $q = p$, if $h$ is convex, that is, if $h'$ never falls as $u$ grows: **more surplus of fakes must mean more loss.** (A constant added to $h'$ changes nothing, because $\int\nabla_\theta q_\theta\,dx = \nabla_\theta 1 = 0$.) Now put in the losses.
#
# **Saturating.** $\ell = \log(1-D)$ gives $h' = \log\frac{u}{1+u}$, the integral of which is $h = u\log u - (1+u)\log(1+u)$ (differentiate to see it), and up to a constant and a multiple of $u$
#
# $$\int p\,h = \int q\log\frac qp - (p+q)\log\frac{p+q}{p} = \int q\log\frac{q}{p+q} + p\log\frac{p}{p+q} = 2\,\mathrm{JSD}(p,q) - \ln 4 .$$
#
# This is $V(D^*)$ again. That holding $D$ still gives the gradient of the *optimised* value is no accident: in $\nabla_\theta V(D^*_\theta, \theta)$ the part through $D^*_\theta$ vanishes, because $D^*_\theta$ maximises $V$ (the **envelope theorem**).
#
# **Non-saturating.** $\ell = -\log D$ gives $h' = \log(1+u)$, and $h = (1+u)\log(1+u) - u$. In Arjovsky & Bottou's form, split
#
# $$-\log D^* = \log\frac{p+q_0}{p} = \log\frac{q_0}{p} - \log\frac{q_0}{p+q_0} = \log\frac{q_0}{p} - \log(1-D^*) .$$
#
# Under (1) the second term gives $-\nabla\,2\,\mathrm{JSD}$, as just found. The first gives $\int\nabla q_\theta\log\frac{q_0}{p}$, which is $\nabla\mathrm{KL}(q_\theta\|p)$: differentiating $\int q_\theta\log\frac{q_\theta}{p}$ yields $\int\nabla q_\theta\log\frac{q_\theta}{p} + \int q_\theta\frac{\nabla q_\theta}{q_\theta}$, and the last integral is $\nabla 1 = 0$. So
#
# $$\boxed{\;\nabla_\theta\,\mathbb E_{q_\theta}[-\log D^*] = \nabla_\theta\big[\mathrm{KL}(q_\theta\|p) - 2\,\mathrm{JSD}(p, q_\theta)\big] = \nabla_\theta\,2\,\mathrm{KL}\big(m_\theta\,\big\|\,p\big),\quad m_\theta = \tfrac12(p+q_\theta)\;}$$
#
# The first equality is Theorem 2.5 of Arjovsky & Bottou (2017). They call the minus sign a fault, since it seems to push $q$ away from $p$. The second equality settles it; put all logarithms together:
#
# $$\mathrm{KL}(q\|p) - 2\mathrm{JSD} = \int q\log\frac qp - p\log\frac pm - q\log\frac qm = \int q\log\frac mp + p\log\frac mp = \int (p+q)\log\frac mp = 2\,\mathrm{KL}(m\|p) \ge 0,$$
#
# a perfectly good divergence, zero only at $q = p$ (Shannon et al. 2020 study it as a *softened reverse KL*). It resembles $\mathrm{KL}(q\|p)$: samples where the data has none are expensive ($h$ grows like $u\log u$), data where there are no samples is cheap ($h(0)$ is finite). **The generator is rewarded for realism more than for coverage.**
#
# **Check.** $q_\theta = \mathcal N(\mu, \sigma^2)$ with $\theta = (\mu, \log\sigma)$; its density's derivatives are known, so (1) is a quadrature. The right-hand sides are differentiated by central differences. The popular claim
# “the non-saturating GAN minimises the Jensen–Shannon divergence” goes through the same test.


# %%
def density_gradient(theta):
    """∇ of N(μ, σ²) on x_line by θ = (μ, log σ): (2, points)."""
    t = (x_line - theta[0]) / np.exp(theta[1])
    return np.exp(log_normal(x_line, theta[0], np.exp(theta[1]))) * np.stack([t / np.exp(theta[1]), t**2 - 1])


def step_gradient(loss_of_logit, theta):
    """Equation (1): the gradient of G's loss at θ against the best discriminator, which is held still."""
    best = optimal_logit(log_p, log_normal(x_line, theta[0], np.exp(theta[1])))
    return np.sum(density_gradient(theta) * loss_of_logit(best), axis=1) * dx


def numerical_gradient(function, theta, step=1e-5):
    shifts = step * np.eye(len(theta))
    return np.array([(function(theta + s) - function(theta - s)) / (2 * step) for s in shifts])


def kl(log_a, log_b):
    """KL(a ‖ b) by quadrature, from log densities on x_line."""
    return np.sum(np.exp(log_a) * (log_a - log_b)) * dx


def log_q_of(theta):
    return log_normal(x_line, theta[0], np.exp(theta[1]))


def log_mixture(theta):
    return np.logaddexp(log_p, log_q_of(theta)) - np.log(2)


def two_jsd(theta):
    return kl(log_p, log_mixture(theta)) + kl(log_q_of(theta), log_mixture(theta))


def arjovsky_bottou(theta):
    return kl(log_q_of(theta), log_p) - two_jsd(theta)


def softened_reverse_kl(theta):
    return 2 * kl(log_mixture(theta), log_p)


theta = np.array([0.5, np.log(1.5)])
gradients = {
    "G step, saturating": step_gradient(lambda a: -softplus(a), theta),
    "∇ 2 JSD": numerical_gradient(two_jsd, theta),
    "G step, non-saturating": step_gradient(lambda a: softplus(-a), theta),
    "∇ [KL(q‖p) − 2 JSD]": numerical_gradient(arjovsky_bottou, theta),
    "∇ 2 KL(m‖p)": numerical_gradient(softened_reverse_kl, theta),
    "∇ of −E_q log D*, D* moving with θ": numerical_gradient(
        lambda t: np.sum(np.exp(log_q_of(t)) * softplus(-optimal_logit(log_p, log_q_of(t)))) * dx, theta
    ),
}
for name, g in gradients.items():
    print(f"{name:<36} by μ {g[0]:+.6f}   by log σ {g[1]:+.6f}")
steps = list(gradients.values())
assert np.allclose(steps[0], steps[1], atol=1e-7)
assert np.allclose(steps[2], steps[3], atol=1e-7)
assert np.allclose(steps[2], steps[4], atol=1e-7)
assert np.isclose(arjovsky_bottou(theta), softened_reverse_kl(theta), atol=1e-10)
assert not np.allclose(steps[2], steps[1], atol=0.05), "the popular claim fails"
assert not np.allclose(steps[2], steps[5], atol=0.05), "and D must be held still"

# %% [markdown]
# The last row is a trap: differentiating *through* $D^*$ gives yet another gradient, because $-\log D$ is not what $D$ optimises, and the envelope theorem does not apply. In a program this is the question whether $D$'s weights are constants in the generator's step. They are.
#
# **Least squares, and a theorem to read with care.** Mao et al. (2016) replace logits and logarithms by a regression: $D$ outputs any real number and minimises $\tfrac12\mathbb E_p[(D-b)^2] + \tfrac12\mathbb E_q[(D-a)^2]$, $G$ minimises $\tfrac12\mathbb E_q[(D-c)^2]$. Pointwise, $p(D-b) + q(D-a) = 0$, so
# $D^* = \frac{bp + aq}{p+q}$, the mean label. For $b - a = 2$ and $c$ in the middle, $D^* - c = \frac{p-q}{p+q}$, and they show, adding a term in $p$ that $G$ cannot influence directly,
#
# $$\mathbb E_p[(D^*-c)^2] + \mathbb E_q[(D^*-c)^2] = \int\frac{(p-q)^2}{p+q}\,dx = \int \frac{(2q - (p+q))^2}{p+q}\,dx = \chi^2(p+q\,\|\,2q),$$
#
# a **Pearson χ²** divergence. True; but does the generator's *step* descend it? Our rule answers. For the middle $c$, $\ell = \tfrac12(D^*-c)^2 = \tfrac12\big(\tfrac{1-u}{1+u}\big)^2$, which *falls* in $u$ until $u = 1$ and rises afterwards: $h$ is **not convex**, and where the
# generator makes too little ($u<1$), the step makes even less. For the labels in practical use ($a = 0$, $b = c = 1$), $\ell = \tfrac12\big(\tfrac{u}{1+u}\big)^2$ rises for every $u$: a proper divergence. Use 0, 1, 1.


# %%
def pushes(u):
    """h'(u) of each generator loss against the best discriminator D* = 1/(1 + u)."""
    best = 1 / (1 + u)
    return {
        "saturating, log(1 − D)": np.log1p(-best),
        "non-saturating, −log D": -np.log(best),
        "least squares, labels 0, 1, 1": 0.5 * (best - 1) ** 2,
        "least squares, labels −1, 1, 0": 0.5 * (2 * best - 1) ** 2,
    }


ratios = np.geomspace(1e-3, 1e3, 2001)
rising = {name: bool(np.all(np.diff(push) >= 0)) for name, push in pushes(ratios).items()}
for name, holds in rising.items():
    print(f"{name:<32} h' rises everywhere: {holds}")
assert list(rising.values()) == [True, True, True, False]
mean_label = (p - q) / (p + q)  # labels −1 and 1
chi_square = np.sum((2 * q - (p + q)) ** 2 / (p + q)) * dx
assert np.isclose(np.sum((p + q) * mean_label**2) * dx, chi_square)

figure, axes = plots.canvas(7.5, 3.4)
for k, (name, push) in enumerate(pushes(ratios).items()):
    axes.plot(ratios, push - push[1000], plots.STYLES[k], color=plots.COLOURS[(1, 0, 2, 3)[k]], linewidth=2, label=name)
axes.axvline(1, color=plots.GREY, linestyle=":", linewidth=1)
axes.set(
    xscale="log", ylim=(-3.2, 4.2), xlabel="$u = q/p$: too few samples  ←  1  →  too many", ylabel="$h'(u) - h'(1)$"
)
axes.set_title("What a sample costs $G$, where the surplus of fakes is $u$")
axes.legend(frameon=False, fontsize=8.5, loc="upper left")
figure.alt_text = (
    "Cost of a generated sample against the ratio of generated to real density, log scale. Saturating: steep for small ratios, flat for large ones. "
    "Non-saturating: flat for small, steep for large ratios. Least squares with labels 0, 1, 1 rises gently; with labels minus 1, 1, 0 it "
    "falls until the ratio is 1 and rises after it."
)
figure

# %% [markdown]
# Read the picture from right to left. Where there are too many fakes, the non-saturating cost keeps growing: it clears them away quickly. Where data is missing ($u \to 0$), only the saturating loss gives a strong invitation, and it is the one that is silent when $G$ is bad. Every loss is a choice of which error to notice.
#
# ## 4 · f-GANs: choose your divergence
#
# ### A family
#
# Let $f$ be a convex function on $u > 0$ with $f(1) = 0$. The **f-divergence** is
#
# $$D_f(p\|q) = \int q(x)\, f\!\left(\frac{p(x)}{q(x)}\right)dx .$$
#
# By Jensen's inequality $D_f = \mathbb E_q[f(p/q)] \ge f(\mathbb E_q[p/q]) = f(1) = 0$. Now the ratio is $u = p/q$, data over fakes.
#
# ### The conjugate, and a bound that samples can compute
#
# We know neither $p$ nor $q$, so $f(p/q)$ cannot be averaged. The way out is to describe $f$ by its tangents. The **convex conjugate** of $f$ is
#
# $$f^*(t) = \sup_{u>0}\,\{\,ut - f(u)\,\}.$$
#
# By its definition $f^*(t) \ge ut - f(u)$ for every $u$, which is **Fenchel's inequality** $f(u) \ge ut - f^*(t)$: for each slope $t$ a straight line below $f$. When do they touch? The supremum is attained where the derivative of $ut - f(u)$ is 0, that is where $t = f'(u)$; so at that slope
#
# $$f(u) = u f'(u) - f^*(f'(u)).$$
#
# Choose a slope $T(x)$ for each $x$, set $u = p/q$, multiply by $q$ and integrate:
#
# $$\boxed{\;D_f(p\|q) \;\ge\; \mathbb E_p[T(x)] - \mathbb E_q[f^*(T(x))], \qquad\text{with equality at } T^*(x) = f'\!\left(\frac{p(x)}{q(x)}\right)\;}$$
#
# Two expectations, one under each density: samples can estimate both (Nguyen et al. 2010; Nowozin et al. 2016). $T$ is a network, trained to raise the bound; $G$ lowers it. That is a GAN for every $f$.
#
# ### The table
#
# Each row is one derivation of the same kind. Take $f = u\log u$, which gives $\int q\,\frac pq\log\frac pq = \mathrm{KL}(p\|q)$: $f' = \log u + 1 = t$ at $u = e^{t-1}$, and $f^* = ut - u\log u = e^{t-1}\big(t - (t-1)\big) = e^{t-1}$. For the GAN's row take
# $f = u\log u - (1+u)\log\frac{1+u}{2}$; then $f' = \log u + 1 - \log\frac{1+u}{2} - 1 = \log\frac{2u}{1+u} = t$, so $e^t(1+u) = 2u$, $u = \frac{e^t}{2-e^t}$ (hence $t < \ln 2$), and
# $f^* = ut - u\log u + (1+u)\log\frac{1+u}{2}$. With $t = \log u - \log\frac{1+u}2$ the $u$-terms leave $f^* = \log\frac{1+u}{2} = -\log(2 - e^t)$. Put $T = \log 2D$ into the bound: $\mathbb E_p[\log 2D] + \mathbb E_q[\log(2-2D)] = V(D) + \ln 4$, **the game of section 1**.
# For total variation $f$ has a corner, $f' = \pm\tfrac12$, and lines of slope $|t| \le \tfrac12$ touch at $u = 1$, where $f^* = t$.


# %%
class FDivergence(NamedTuple):
    """D_f(p‖q) = ∫ q f(p/q): the generator f, its derivative, its conjugate, and the open range of T."""

    text: tuple
    f: Any
    slope: Any
    conjugate: Any
    low: float
    high: float


F_DIVERGENCES = {
    "KL(p‖q)": FDivergence(
        (r"$u\log u$", r"$1+\log u$", r"$e^{t-1}$", r"$\mathbb R$"),
        lambda u: u * np.log(u),
        lambda u: 1 + np.log(u),
        lambda t: np.exp(t - 1),
        -np.inf,
        np.inf,
    ),
    "KL(q‖p)": FDivergence(
        (r"$-\log u$", r"$-1/u$", r"$-1-\log(-t)$", r"$t<0$"),
        lambda u: -np.log(u),
        lambda u: -1 / u,
        lambda t: -1 - np.log(-t),
        -np.inf,
        0.0,
    ),
    "GAN: 2 JSD": FDivergence(
        (r"$u\log u-(1+u)\log\frac{1+u}{2}$", r"$\log\frac{2u}{1+u}$", r"$-\log(2-e^t)$", r"$t<\ln 2$"),
        lambda u: u * np.log(u) - (1 + u) * np.log((1 + u) / 2),
        lambda u: np.log(2 * u / (1 + u)),
        lambda t: -np.log(2 - np.exp(t)),
        -np.inf,
        np.log(2),
    ),
    "Pearson χ²": FDivergence(
        (r"$(u-1)^2$", r"$2(u-1)$", r"$t+\frac14t^2$", r"$t>-2$"),
        lambda u: (u - 1) ** 2,
        lambda u: 2 * (u - 1),
        lambda t: t + t**2 / 4,
        -2.0,
        np.inf,
    ),
    "squared Hellinger": FDivergence(
        (r"$(\sqrt u-1)^2$", r"$1-1/\sqrt u$", r"$\frac{t}{1-t}$", r"$t<1$"),
        lambda u: (np.sqrt(u) - 1) ** 2,
        lambda u: 1 - 1 / np.sqrt(u),
        lambda t: t / (1 - t),
        -np.inf,
        1.0,
    ),
    "total variation": FDivergence(
        (r"$\frac12|u-1|$", r"$\frac12\operatorname{sign}(u-1)$", r"$t$", r"$|t|\leq\frac12$"),
        lambda u: 0.5 * np.abs(u - 1),
        lambda u: 0.5 * np.sign(u - 1),
        lambda t: 1 * t,
        -0.5,
        0.5,
    ),
}
rows = ["| divergence | $f(u)$, $u=p/q$ | $T^*=f'(u)$ | $f^*(t)$ | domain |", "|---|---|---|---|---|"]
rows += [f"| {name} | " + " | ".join(row.text) + " |" for name, row in F_DIVERGENCES.items()]
Markdown("\n".join(rows).replace("|t|", r"\lvert t\rvert").replace("|u-1|", r"\lvert u-1\rvert"))

# %% [markdown]
# **Check** of every row: $f$ is convex with $f(1) = 0$; the conjugate agrees with a maximisation by computer; the divergence agrees with its own formula by quadrature; the bound is tight at $T^*$, and below for 200 other functions $T$.


# %%
def f_divergence(row, p, q):
    """D_f(p‖q) by quadrature."""
    return np.sum(q * row.f(p / q)) * dx


def dual_bound(row, t, p, q):
    """E_p[T] − E_q[f*(T)] by quadrature."""
    return np.sum(p * t - q * row.conjugate(t)) * dx


DIRECT = {
    "KL(p‖q)": lambda p, q: np.sum(p * np.log(p / q)) * dx,
    "KL(q‖p)": lambda p, q: np.sum(q * np.log(q / p)) * dx,
    "GAN: 2 JSD": lambda p, q: 2 * jensen_shannon(p, q),
    "Pearson χ²": lambda p, q: np.sum((p - q) ** 2 / q) * dx,
    "squared Hellinger": lambda p, q: np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) * dx,
    "total variation": lambda p, q: 0.5 * np.sum(np.abs(p - q)) * dx,
}
u_grid = np.geomspace(1e-4, 1e4, 200_001)
wiggles = np.random.default_rng(SEED)
for name, row in F_DIVERGENCES.items():
    u = np.linspace(0.05, 5, 100)
    assert row.f(1.0) == 0
    assert np.all(row.f((u[:-2] + u[2:]) / 2) <= (row.f(u[:-2]) + row.f(u[2:])) / 2 + 1e-12), "convex"

    slopes_inside = np.clip(row.slope(np.array([0.2, 0.7, 1.5, 4.0])), row.low, row.high)
    largest_line = [(u_grid * t - row.f(u_grid)).max() for t in slopes_inside]
    assert np.allclose(largest_line, row.conjugate(slopes_inside), atol=1e-5), "the conjugate"

    exact, best_t = f_divergence(row, p, q), row.slope(p / q)
    tight = dual_bound(row, best_t, p, q)
    below = []
    for _ in range(200):  # other functions T: those of a logit bent by a random wave
        wave = sum(wiggles.normal(0, 0.5) * np.sin(k * x_line / 3 + wiggles.uniform(0, 6)) for k in range(1, 4))
        below.append(dual_bound(row, row.slope(p / q * np.exp(wave)), p, q))
    assert np.isclose(exact, DIRECT[name](p, q), atol=1e-8)
    assert np.isclose(tight, exact, atol=1e-8)
    assert max(below) < exact
    print(f"{name:<18} D_f = {exact:.6f}   bound at T* = {tight:.6f}   best of 200 other T = {max(below):.6f}")

# %%
figure, (left, right) = plots.canvas(10.5, 3.7, columns=2)
u = np.linspace(0.02, 4, 300)
left.plot(u, F_DIVERGENCES["KL(p‖q)"].f(u), color=plots.COLOURS[6], linewidth=2.5, label=r"$f(u) = u\log u$")
for k, t in enumerate((0.2, 1.0, 2.0)):
    line = u * t - F_DIVERGENCES["KL(p‖q)"].conjugate(t)
    left.plot(
        u,
        line,
        plots.STYLES[k + 1],
        color=plots.COLOURS[k],
        linewidth=1.6,
        label=f"slope $t = {t}$, intercept $-f^*(t) = {-np.exp(t - 1):.2f}$",
    )
    left.plot(np.exp(t - 1), np.exp(t - 1) * (t - 1), plots.MARKERS[k], color=plots.COLOURS[k], markersize=7)
left.set(xlabel="$u$", ylim=(-2.8, 5.5), title="A convex function is the roof over its tangents")
left.legend(frameon=False, fontsize=8.5, loc="upper left")
scales = np.linspace(0, 2.2, 111)
for k, (name, row) in enumerate(F_DIVERGENCES.items()):
    exact = f_divergence(row, p, q)
    bound = [dual_bound(row, row.slope((p / q) ** c), p, q) / exact for c in scales]
    right.plot(scales, bound, plots.STYLES[k % 4], color=plots.COLOURS[k], linewidth=1.8, label=name)
right.axhline(1, color=plots.GREY, linewidth=1)
right.set(
    ylim=(-0.6, 1.15),
    xlabel="$c$, where $T = f'((p/q)^c)$",
    ylabel="bound / exact divergence",
    title="Each bound touches at $c = 1$",
)
right.legend(frameon=False, fontsize=8, loc="lower center", ncols=2)
figure.alt_text = (
    "Left: the convex function u log u with three straight lines that touch it from below. Right: for six divergences, the bound divided by the exact value "
    "against a factor c on the log density ratio: all curves reach 1 at c = 1 and are lower elsewhere; total variation is 1 for every positive c."
)
figure

# %% [markdown]
# Total variation is a special case on the right: its $T^*$ only asks which density is larger, so every $c > 0$ is as good as 1.
#
# ### Does the choice matter?
#
# With a rich generator, no: every $D_f$ is 0 at $q = p$ alone. A real generator is never rich enough, and then $f$ decides *which* error it keeps. We give $G$ one hump for a distribution with two, farther apart than before, and find the best $\mathcal N(\mu, \sigma^2)$ for each
# row by numerical minimisation over both parameters (Nowozin et al. do the same experiment).

# %%
p_far = 0.4 * np.exp(log_normal(x_line, -2.5, 0.6)) + 0.6 * np.exp(log_normal(x_line, 2, 0.8))


def fit_one_hump(row):
    """The Gaussian N(μ, σ²) with the smallest D_f(p_far‖q), from several starts: (D_f, μ, σ)."""

    def distance(theta):
        q_theta = np.maximum(np.exp(log_q_of(theta)), 1e-300)  # the tails of narrow trial densities underflow
        with np.errstate(over="ignore", invalid="ignore"):
            total = f_divergence(row, p_far, q_theta)
        return total if np.isfinite(total) else 1e9

    starts = [(-2.5, -0.5), (0.0, 0.8), (2.0, -0.2)]
    runs = [minimize(distance, s, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-7}) for s in starts]
    best = min(runs, key=lambda run: run.fun)
    return best.fun, best.x[0], np.exp(best.x[1])


fits = {name: fit_one_hump(row) for name, row in F_DIVERGENCES.items()}
for name, (distance, mean, std) in fits.items():
    print(f"{name:<18} best q = N({mean:+.2f}, {std:.2f}²), D_f = {distance:.3f}")
far_mean = np.sum(p_far * x_line) * dx
far_std = np.sqrt(np.sum(p_far * x_line**2) * dx - far_mean**2)
assert np.allclose(fits["KL(p‖q)"][1:], [far_mean, far_std], atol=2e-3), "KL(p‖q) matches mean and standard deviation"
assert fits["KL(q‖p)"][2] < 1 < far_std, "reverse KL sits on one hump"

figure, axes = plots.canvas(8, 3.4)
axes.fill_between(x_line, p_far, color=plots.GREY, alpha=0.25, label="data $p$")
for k, (name, (_, mean, std)) in enumerate(fits.items()):
    axes.plot(
        x_line,
        np.exp(log_normal(x_line, mean, std)),
        plots.STYLES[k % 4],
        color=plots.COLOURS[k],
        linewidth=2,
        label=name,
    )
axes.set(xlim=(-8, 8), xlabel="$x$", ylabel="density", title="One hump for two: each divergence keeps another error")
axes.legend(frameon=False, fontsize=8.5)
figure.alt_text = (
    "A density with two humps and the best single Gaussian for each of six divergences: some are one broad curve over both humps, "
    "others sit on the right hump alone."
)
figure

# %% [markdown]
# $\mathrm{KL}(p\|q)$ and $\chi^2$ punish missing data and cover the empty middle; $\mathrm{KL}(q\|p)$ punishes invented samples and drops a hump. **Mode dropping can be what the objective asks for**, before any training goes wrong.
#
# What is *not* an f-divergence? All of them compare $p$ and $q$ at the same $x$ only. Two densities that never overlap are equally far apart for every $f$, however near they lie: $\mathrm{JSD} = \ln 2$. A distance that knows how far mass has to travel, the **Wasserstein distance**, is of another kind, and
# lesson 08 is about it.

# %% [markdown]
# ## 5 · The dynamics: a saddle, not a minimum
#
# So far one player stood still while the other was perfect. In training both move at once, a little each. Does that find the solution?
#
# ### The smallest game
#
# Let $G$ own one number $\theta$, $D$ one number $\psi$, and $V(\theta, \psi) = -\theta\psi$. $G$ descends, $D$ ascends:
#
# $$\dot\theta = -\frac{\partial V}{\partial\theta} = \psi, \qquad \dot\psi = +\frac{\partial V}{\partial\psi} = -\theta .$$
#
# The only point where both are content is $(0, 0)$. It is a **saddle** of $V$, not a valley, and we have to look at the motion:
#
# **Continuous time.** $\frac{d}{dt}(\theta^2 + \psi^2) = 2\theta\psi - 2\psi\theta = 0$. The distance to the solution never changes: the players **orbit**.
#
# **Simultaneous steps** of size $\eta$, both from the old position:
#
# $$\begin{pmatrix}\theta'\\\psi'\end{pmatrix} = \begin{pmatrix}1&\eta\\-\eta&1\end{pmatrix}\begin{pmatrix}\theta\\\psi\end{pmatrix},\qquad
# \theta'^2+\psi'^2 = (\theta+\eta\psi)^2 + (\psi-\eta\theta)^2 = (1+\eta^2)(\theta^2+\psi^2).$$
#
# $$\boxed{\;\text{simultaneous steps spiral outwards, by the factor } \sqrt{1+\eta^2}\text{ per step, for every }\eta>0\;}$$
#
# **Alternating steps**, $D$ first, then $G$ against the new $D$: $\psi' = \psi - \eta\theta$ and $\theta' = \theta + \eta\psi'$, with the matrix $\begin{pmatrix}1-\eta^2&\eta\\-\eta&1\end{pmatrix}$. Its determinant is $1 - \eta^2 + \eta^2 = 1$: areas are kept. More than that, $Q = \theta^2 - \eta\theta\psi + \psi^2$ is kept: since $\theta' - \eta\psi' = \theta$ and $\psi' + \eta\theta = \psi$,
#
# $$Q' = \theta'(\theta' - \eta\psi') + \psi'^2 = \theta'\theta + \psi'^2 = \theta^2 + \eta\psi'\theta + \psi'^2 = \theta^2 + \psi'(\psi' + \eta\theta) = \theta^2 + \psi'\psi = \theta^2 + \psi^2 - \eta\theta\psi = Q.$$
#
# $$\boxed{\;\text{alternating steps stay on the ellipse } \theta^2 - \eta\theta\psi + \psi^2 = \text{const} \quad (\eta<2)\;}$$
#
# Neither arrives. One function plays all discrete games of this section, with or without momentum; another follows the continuous flow.


# %%
def play(field, start, rate, steps, alternating=True, momentum=0.0):
    """Gradient steps of both players: the path (steps + 1, 2) of (θ, ψ). ``field`` gives the directions (dθ, dψ)."""
    (theta, psi), theta_speed, psi_speed = start, 0.0, 0.0
    path = [(theta, psi)]
    for _ in range(steps):
        theta_push, psi_push = field(theta, psi)
        psi_speed = momentum * psi_speed + psi_push
        new_psi = psi + rate * psi_speed
        if alternating:
            theta_push, _ = field(theta, new_psi)  # G answers the new D
        theta_speed = momentum * theta_speed + theta_push
        theta, psi = theta + rate * theta_speed, new_psi
        path.append((theta, psi))
    return np.array(path)


def flow(field, start, time, step=0.02):
    """The continuous path (n, 2) of θ̇, ψ̇ = field(θ, ψ), by the classical Runge-Kutta method."""
    at, path = np.array(start, float), [start]
    for _ in range(round(time / step)):
        k1 = np.array(field(*at))
        k2 = np.array(field(*(at + step / 2 * k1)))
        k3 = np.array(field(*(at + step / 2 * k2)))
        k4 = np.array(field(*(at + step * k3)))
        at = at + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(tuple(at))
    return np.array(path)


def bilinear(theta, psi):
    """The directions of V = −θψ."""
    return psi, -theta


def radius(path):
    return np.hypot(path[..., 0], path[..., 1])


rate, start = 0.2, (1.0, 0.0)
outward = play(bilinear, start, rate, 40, alternating=False)
ellipse = play(bilinear, start, rate, 4000)
orbit = flow(bilinear, start, 2 * np.pi)
assert np.allclose(radius(outward), (1 + rate**2) ** (np.arange(41) / 2)), "factor √(1+η²) in every step"
kept = ellipse[:, 0] ** 2 - rate * ellipse[:, 0] * ellipse[:, 1] + ellipse[:, 1] ** 2
assert np.allclose(kept, 1, atol=1e-10), "the ellipse, for 4000 steps"
assert np.allclose(radius(orbit), 1, atol=1e-7)
print(
    f"after 40 simultaneous steps of η = {rate}: radius {radius(outward)[-1]:.4f}, predicted {(1 + rate**2) ** 20:.4f}"
)
print(
    f"over 4000 alternating steps the quantity Q stays within {np.ptp(kept):.0e} of 1; radius between {radius(ellipse).min():.3f} and {radius(ellipse).max():.3f}"
)

figure, axes = plots.canvas(6.8, 4)
axes.plot(*orbit.T, color=plots.COLOURS[6], linewidth=1.5, label="continuous: a circle")
axes.plot(*ellipse[:60].T, "s", color=plots.COLOURS[0], markersize=3.5, label="alternating: an ellipse")
axes.plot(*outward.T, "-o", color=plots.COLOURS[1], markersize=3, linewidth=1, label="simultaneous: outwards")
axes.plot(0, 0, "*", color=plots.COLOURS[2], markersize=13)
axes.set(
    xlabel=r"$\theta$ (generator)",
    ylabel=r"$\psi$ (discriminator)",
    title=r"$V = -\theta\psi$: nobody arrives",
    aspect="equal",
)
axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.02, 0.5))
figure.alt_text = (
    "Paths of the bilinear game around the solution at the origin: the continuous path is a circle, alternating steps lie on an ellipse close "
    "to it, simultaneous steps spiral outwards."
)
figure

# %% [markdown]
# ### The Dirac-GAN
#
# Is that toy related to a GAN? Mescheder et al. (2018) asked for the smallest GAN that shows real behaviour. All data sits at the point 0. The generator puts everything at one point $\theta$. The discriminator is a line through 0, $a(x) = \psi x$. The right answer is $\theta = 0$; then $D$ can be content with $\psi = 0$. As in section 1,
#
# $$L_D = \operatorname{softplus}(-\psi\cdot 0) + \operatorname{softplus}(\psi\theta) = \ln 2 + \operatorname{softplus}(\psi\theta), \qquad
# L_G = -\operatorname{softplus}(\psi\theta)\ \text{ or }\ \operatorname{softplus}(-\psi\theta).$$
#
# Both players descend their own loss. With $\operatorname{softplus}' = \sigma$,
#
# $$\dot\psi = -\frac{\partial L_D}{\partial\psi} = -\theta\,\sigma(\psi\theta),\qquad
# \dot\theta = -\frac{\partial L_G}{\partial\theta} = \begin{cases}\psi\,\sigma(\psi\theta)&\text{saturating}\\ \psi\,\sigma(-\psi\theta)&\text{non-saturating}\end{cases}$$
#
# (With the Wasserstein losses of lesson 08, $L_D = a(\theta) - a(0)$ and $L_G = -a(\theta)$, the field is $(\psi, -\theta)$: the smallest game above *is* a GAN.)
#
# **Near the solution.** How a flow behaves next to a resting point is decided by its **Jacobian**, the matrix of derivatives of $(\dot\theta, \dot\psi)$ by $(\theta, \psi)$. At $(0,0)$ both fields are, to first order, $(\tfrac12\psi, -\tfrac12\theta)$, because $\sigma(0) = \tfrac12$:
#
# $$J = \begin{pmatrix}0&\tfrac12\\-\tfrac12&0\end{pmatrix},\qquad \lambda^2 + \tfrac14 = 0,\qquad \boxed{\;\lambda = \pm\tfrac i2\;}$$
#
# The real part is the rate of approach (negative) or escape (positive), the imaginary part the rate of turning. Here **nothing pulls inwards**: plain GANs turn, and whatever adds a little outward push, such as simultaneous steps, wins.
#
# **Far from it,** $\frac{d}{dt}\tfrac12(\theta^2+\psi^2) = \theta\dot\theta + \psi\dot\psi$. Write $s = \psi\theta$. Saturating: $s\,\sigma(s) - s\,\sigma(s) = 0$, a circle again, exactly. Non-saturating: $s\,(\sigma(-s) - \sigma(s)) = -s\tanh(s/2) \le 0$. It does come in, but how fast? Near the solution
# $s\tanh(s/2) \approx s^2/2$, and on a circle $s = r^2\cos\varphi\sin\varphi$ has the mean square $r^4/8$. So $\frac{d}{dt}r^2 \approx -r^4/8$, which integrates to
#
# $$\frac{1}{r(t)^2} \approx \frac{1}{r(0)^2} + \frac t8 :$$
#
# to halve a small radius takes four times as long at each halving. This is no convergence to rely on.
#
# ### R1: friction
#
# The penalty of lesson 06, $\tfrac\gamma2\,\mathbb E_p\|\nabla_x a\|^2$, is $\tfrac\gamma2\psi^2$ here, because $\nabla_x(\psi x) = \psi$. It adds $-\gamma\psi$ to $\dot\psi$ and $-\gamma$ to the Jacobian:
#
# $$J = \begin{pmatrix}0&\tfrac12\\-\tfrac12&-\gamma\end{pmatrix},\qquad \det(J-\lambda I) = \lambda(\lambda+\gamma)+\tfrac14 = 0,\qquad
# \boxed{\;\lambda = -\frac\gamma2 \pm\sqrt{\frac{\gamma^2}{4} - \frac14}\;}$$
#
# For every $\gamma>0$ both real parts are negative: **it converges**, as $e^{-\gamma t/2}$ while $\gamma < 1$. At $\gamma = 1$ the root vanishes and so does the turning; this is **critical** damping, with the best rate $\tfrac12$. Beyond it the slower root, $-\frac\gamma2+\sqrt{\cdot}$, moves back towards 0: too much penalty makes $D$ lazy.
# (For a loss with $\sigma(0)$ replaced by $c$, read $c^2$ for $\tfrac14$; Mescheder et al. write $f'(0)$ for it.)
#
# Not only near the solution: with the saturating loss $\frac{d}{dt}\tfrac12 r^2 = -\gamma\psi^2 \le 0$ everywhere, and $\psi$ cannot stay 0 while $\theta \ne 0$, so it comes in from every start.
#
# ### Instance noise, and WGAN-GP
#
# **Instance noise** adds $\varepsilon\sim\mathcal N(0, \sigma^2)$ to everything $D$ sees. Then $\dot\psi = \mathbb E[\varepsilon\,\sigma(-\psi\varepsilon)] - \mathbb E[(\theta+\varepsilon)\,\sigma(\psi(\theta+\varepsilon))]$. To first order $\sigma(s) \approx \tfrac12 + \tfrac s4$, so the first mean is $-\tfrac{\sigma^2}4\psi$ and the second $\tfrac12\theta + \tfrac{\sigma^2}4\psi$. Together
# $\dot\psi \approx -\tfrac12\theta - \tfrac{\sigma^2}2\psi$: **noise of variance $\sigma^2$ acts like R1 with $\gamma = \sigma^2/2$.**
#
# **WGAN-GP** penalises $\lambda(|\psi| - 1)^2$, a slope that differs from 1. Then $\dot\theta = \psi$ and $\dot\psi = -\theta - 2\lambda(|\psi|-1)\operatorname{sign}\psi$. Suppose it converged. A limit must have $\dot\theta = \psi = 0$. But where $0<\psi<\tfrac12$ and $|\theta| < \lambda$, $\dot\psi = -\theta + 2\lambda(1-\psi) > 0$: $\psi$ is pushed
# *away* from 0 (and likewise from below). So **WGAN-GP never converges here**: the slope 1 that it demands is wrong at the solution, where $D$ should be flat.


# %%
HERMITE = np.polynomial.hermite_e.hermegauss(41)
NODES = HERMITE[0]  # an expectation over N(0, 1) is a weighted sum over these places
WEIGHTS = HERMITE[1] / HERMITE[1].sum()


def dirac_field(theta, psi, loss="saturating", gamma=0.0, noise=0.0, slope_penalty=0.0):
    """The directions (dθ, dψ) of the Dirac-GAN: both players descend their own loss. Floats or arrays of one shape."""
    if noise:
        eps = noise * NODES
        real, fake = np.multiply.outer(psi, eps), np.expand_dims(psi, -1) * (np.expand_dims(theta, -1) + eps)  # logits
        d_theta = psi * (sigmoid(fake if loss == "saturating" else -fake) @ WEIGHTS)
        d_psi = (eps * sigmoid(-real)) @ WEIGHTS - ((np.expand_dims(theta, -1) + eps) * sigmoid(fake)) @ WEIGHTS
    elif loss == "wasserstein":
        d_theta, d_psi = psi, -theta
    else:
        d_theta = psi * sigmoid(psi * theta if loss == "saturating" else -psi * theta)
        d_psi = -theta * sigmoid(psi * theta)
    return d_theta, d_psi - gamma * psi - 2 * slope_penalty * (np.abs(psi) - 1) * np.sign(psi)


def dirac_eigenvalues(gamma):
    """The eigenvalues at the solution, for R1 with weight γ/2."""
    root = np.sqrt(complex(gamma**2 / 4 - 1 / 4))
    return np.array([-gamma / 2 + root, -gamma / 2 - root])


def dirac(**options):
    return lambda theta, psi: dirac_field(theta, psi, **options)


def jacobian(field, at=(0.0, 0.0), step=1e-5):
    """The matrix of derivatives of a field, by central differences."""
    at = np.array(at)
    columns = [(np.array(field(*(at + s))) - np.array(field(*(at - s)))) / (2 * step) for s in step * np.eye(2)]
    return np.array(columns).T


# %% [markdown]
# **Check** of every claim above: the field against automatic differentiation of the library's losses, the eigenvalues against the numerical Jacobian, the circle, the slow approach of the non-saturating loss, the exponential one of R1, the noise.


# %%
def field_by_tape(theta, psi, loss, gamma):
    """The same directions from the library's losses and its R1 penalty, by automatic differentiation."""
    theta, psi = tf.Variable([[theta]], dtype=tf.float64), tf.Variable(psi, dtype=tf.float64)
    data_point = tf.zeros((1, 1), tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        logits = psi * data_point, psi * theta
        loss_d = losses.GAN_LOSSES[loss].discriminator(*logits)
        loss_d += gamma / 2 * losses.r1_penalty(lambda x: psi * x, data_point)
        loss_g = losses.GAN_LOSSES[loss].generator(*logits)
    return -float(tape.gradient(loss_g, theta)[0, 0]), -float(tape.gradient(loss_d, psi))


for loss, name in (("saturating", "minimax"), ("non_saturating", "non_saturating"), ("wasserstein", "wasserstein")):
    for theta, psi, gamma in ((0.7, -1.3, 0.0), (-2.0, -0.4, 0.8)):
        assert np.allclose(dirac_field(theta, psi, loss, gamma), field_by_tape(theta, psi, name, gamma), atol=1e-9)

for gamma in (0.0, 0.3, 1.0, 2.5):
    found = np.linalg.eigvals(jacobian(dirac(gamma=gamma)))
    expected = dirac_eigenvalues(gamma)
    print(f"γ = {gamma:<4} eigenvalues {np.array2string(expected, precision=3, suppress_small=True)}")
    # At γ = 1 both coincide, and a difference of 1e-10 in the matrix moves them by its square root.
    assert np.allclose(np.sort_complex(found), np.sort_complex(expected), atol=1e-4)

assert np.allclose(radius(flow(dirac(), (1.5, 0.5), 60)), np.hypot(1.5, 0.5), atol=1e-6), "saturating: a circle"
inward = radius(flow(dirac(loss="non_saturating"), (0.5, 0.0), 800, step=0.1)) ** -2.0
rise = (inward[-1] - inward[4000]) / 400
print(f"non-saturating: 1/r² rises by {rise:.4f} per unit of time (predicted 1/8 = 0.1250)")
assert np.isclose(rise, 1 / 8, rtol=0.05)

damped = radius(flow(dirac(gamma=0.4), (0.05, 0.0), 8 * np.pi / np.sqrt(0.25 - 0.04)))
halves = len(damped) // 2
measured = np.log(damped[-1] / damped[halves]) / (0.02 * (len(damped) - 1 - halves))
print(f"R1 with γ = 0.4: decay rate {measured:.4f} (predicted −γ/2 = −0.2000)")
assert np.isclose(measured, -0.2, atol=2e-3)

noisy = jacobian(dirac(noise=0.8))
assert np.allclose(noisy, jacobian(dirac(gamma=0.8**2 / 2)), atol=1e-6), "noise σ acts like γ = σ²/2"
late = radius(flow(dirac(loss="wasserstein", slope_penalty=0.5), (1.0, 0.0), 200))[5000:]
print(f"WGAN-GP, λ = 0.5: after t = 100 the radius still moves between {late.min():.2f} and {late.max():.2f}")
assert late.max() > 0.5

# %% [markdown]
# **Phase portraits.** Arrows show where both players go from each point; the line is one continuous game, and the star the solution.

# %%
PORTRAITS = {
    "plain, saturating": dirac(),
    "plain, non-saturating": dirac(loss="non_saturating"),
    "R1, γ = 0.3": dirac(loss="non_saturating", gamma=0.3),
    "R1, γ = 1 (critical)": dirac(loss="non_saturating", gamma=1.0),
    "instance noise, σ = 1": dirac(loss="non_saturating", noise=1.0),
    "WGAN-GP, λ = 0.5": dirac(loss="wasserstein", slope_penalty=0.5),
}
side = np.linspace(-2, 2, 24)
grid_theta, grid_psi = np.meshgrid(side, side)
figure, panels = plots.canvas(10, 6.6, 2, 3, sharex=True, sharey=True)
for each, (name, field) in zip(panels.flat, PORTRAITS.items(), strict=True):
    each.streamplot(
        side, side, *field(grid_theta, grid_psi), color="#949494", linewidth=0.7, density=0.9, arrowsize=0.8
    )
    path = flow(field, (1.4, 0.0), 60, step=0.05)
    each.plot(*path.T, color=plots.COLOURS[1], linewidth=1.6)
    each.plot(*path[0], "o", color=plots.COLOURS[1], markersize=6)
    each.plot(0, 0, "*", color=plots.COLOURS[0], markersize=13)
    each.set(title=f"{name}: ends at {radius(path)[-1]:.2f}", xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
for each in panels[-1]:
    each.set_xlabel(r"$\theta$: the generator's point")
for each in panels[:, 0]:
    each.set_ylabel(r"$\psi$: slope of $D$")
figure.alt_text = (
    "Six phase portraits with one path each. Plain saturating: a closed circle. Plain non-saturating: a spiral that tightens slowly. R1 with 0.3: spirals into "
    "the origin; with 1: goes in without turning. Instance noise: spirals in. WGAN-GP: ends on a closed loop around the origin."
)
figure

# %% [markdown]
# ### Steps of finite size
#
# Real training takes steps. Simultaneous steps multiply the state, near the solution, by $I + \eta J$, with eigenvalues $1+\eta\lambda$; it converges when all of them lie inside the unit circle. For a complex pair,
#
# $$|1+\eta\lambda|^2 = 1 + 2\eta\operatorname{Re}\lambda + \eta^2|\lambda|^2 < 1 \iff \eta < \frac{-2\operatorname{Re}\lambda}{|\lambda|^2} = \frac{\gamma}{1/4} = 4\gamma \qquad (\gamma\le1),$$
#
# since $|\lambda|^2 = \det J = \tfrac14$. For $\gamma>1$ the eigenvalues are real and negative, and the larger one must obey $1 + \eta\lambda > -1$. With $\gamma = 0$ no step is small enough: the spiral again.
#
# Alternating steps, $\psi' = (1-\eta\gamma)\psi - \tfrac\eta2\theta$ and $\theta' = \theta + \tfrac\eta2\psi'$, have the matrix
#
# $$M = \begin{pmatrix}1-\frac{\eta^2}4&\frac\eta2(1-\eta\gamma)\\-\frac\eta2&1-\eta\gamma\end{pmatrix},\qquad \det M = 1-\eta\gamma,\qquad \operatorname{tr} M = 2 - \eta\gamma - \tfrac{\eta^2}4 .$$
#
# A 2 × 2 matrix has both eigenvalues inside the unit circle exactly when $|\det| < 1$ and $|\operatorname{tr}| < 1+\det$ (Jury's criterion). The second, on the side that matters, reads $\tfrac{\eta^2}4 + \eta\gamma - 2 < 2 - \eta\gamma$, that is $\eta^2 + 8\gamma\eta - 16 < 0$, and implies the first:
#
# $$\boxed{\;\eta_\text{sim} = \begin{cases}4\gamma & \gamma\le 1\\ 2\big/\big(\tfrac\gamma2+\sqrt{\tfrac{\gamma^2}4-\tfrac14}\big) & \gamma > 1\end{cases}\qquad\qquad \eta_\text{alt} = 4\big(\sqrt{1+\gamma^2}-\gamma\big)\;}$$
#
# With a little friction, alternating steps may be huge where simultaneous ones must be tiny.


# %%
def largest_step(gamma, alternating):
    """The step size η at which the Dirac-GAN with R1 stops converging."""
    if alternating:
        return 4 * (np.sqrt(1 + gamma**2) - gamma)
    if gamma <= 1:
        return 4 * gamma
    return 2 / (gamma / 2 + np.sqrt(gamma**2 / 4 - 1 / 4))


def step_matrix(rate, gamma, alternating):
    """One step near the solution, (θ, ψ) -> (θ', ψ')."""
    half, keep = rate / 2, 1 - rate * gamma
    if alternating:
        return np.array([[1 - half**2, half * keep], [-half, keep]])
    return np.array([[1, half], [-half, keep]])


def spectral_radius(matrix):
    return np.abs(np.linalg.eigvals(matrix)).max()


for gamma in (0.1, 0.5, 1.5):
    for alternating in (False, True):
        limit = largest_step(gamma, alternating)
        ends = [radius(play(dirac(gamma=gamma), (1e-4, 1e-4), f * limit, 400, alternating)) for f in (0.9, 1.1)]
        print(
            f"γ = {gamma:<4} {'alternating ' if alternating else 'simultaneous'} limit η = {limit:.3f}: radius × {ends[0][-1] / ends[0][0]:.0e} below it, × {ends[1][100] / ends[1][0]:.0e} above"
        )
        assert np.isclose(spectral_radius(step_matrix(limit, gamma, alternating)), 1, atol=1e-9)
        assert ends[0][-1] < ends[0][0] < ends[1][100]

rates, gammas = np.linspace(0.02, 4.5, 113), np.linspace(0.0, 2.0, 81)
figure, panels = plots.canvas(10, 3.7, 1, 2, sharey=True)
for each, alternating in zip(panels, (False, True), strict=True):
    speed = [[spectral_radius(step_matrix(r, g, alternating)) for g in gammas] for r in rates]
    picture = each.imshow(
        speed, origin="lower", aspect="auto", extent=(0, 2, 0, 4.5), cmap="cividis", vmin=0.5, vmax=1.5
    )
    each.plot(gammas, [largest_step(g, alternating) for g in gammas], color="white", linewidth=2.5)
    each.annotate("diverges", (1.5, 3.6), color="black", ha="center", fontsize=10)
    each.annotate("converges", (0.75, 0.5), color="white", ha="center", fontsize=10)
    each.set(
        xlabel=r"weight $\gamma$ of R1",
        title="alternating steps" if alternating else "simultaneous steps",
        ylim=(0, 4.5),
    )
    each.grid(False)
panels[0].set_ylabel(r"step size $\eta$")
figure.colorbar(picture, ax=list(panels), label="factor per step", extend="both")
figure.alt_text = (
    "Maps of the factor per step over the weight of R1 and the step size. Simultaneous: the stable region is a triangle that shrinks to nothing without "
    "penalty, with its largest step at a weight of 1. Alternating: stable below a curve that starts at 4 and falls. The derived limits, white lines, run along the border."
)
figure

# %% [markdown]
# ### Momentum
#
# **Momentum** $\beta$ carries on a share of the last step: $\text{speed}' = \beta\cdot\text{speed} + \text{gradient}$. It is a blessing in a valley. In a game? Take the field $(c\,\psi, -c\,\theta)$ near a solution, alternating steps of size $\eta$, and $h = \eta c$ (for the Dirac-GAN $c = \tfrac12$). Write the speed as the last step,
# $\eta\cdot\text{speed}_t = \psi_t - \psi_{t-1}$:
#
# $$\psi_{t+1} - \psi_t = \beta(\psi_t - \psi_{t-1}) - h\,\theta_t,\qquad \theta_{t+1} - \theta_t = \beta(\theta_t - \theta_{t-1}) + h\,\psi_{t+1}.$$
#
# Look for motions $\psi_t = \Psi\mu^t$, $\theta_t = \Theta\mu^t$, and multiply both lines by $\mu^{1-t}$. The left sides minus the momentum terms are $\mu^2 - \mu - \beta\mu + \beta = (\mu-1)(\mu-\beta)$ times $\Psi$ or $\Theta$:
#
# $$(\mu-1)(\mu-\beta)\Psi = -h\mu\,\Theta, \qquad (\mu-1)(\mu-\beta)\Theta = h\mu^2\,\Psi \quad\Longrightarrow\quad (\mu-1)^2(\mu-\beta)^2 = -h^2\mu^3 .$$
#
# For simultaneous steps the last exponent is 2, since $\theta$ meets the old $\psi$. For a small step, $\mu = 1 + \epsilon$: take the root, $\epsilon(1-\beta+\epsilon) = \pm ih(1+\epsilon)^{3/2}$. First order: $\epsilon_1 = \pm ih/(1-\beta)$. Second order:
# $(1-\beta)\epsilon_2 + \epsilon_1^2 = \pm ih\,\tfrac32\epsilon_1 = \tfrac32(1-\beta)\epsilon_1^2$, so $\epsilon_2 = \epsilon_1^2\big(\tfrac32 - \tfrac1{1-\beta}\big)$ with $\epsilon_1^2 = -\frac{h^2}{(1-\beta)^2}$. And $|\mu|^2 = (1+\epsilon_2)^2 + |\epsilon_1|^2 \approx 1 + 2\epsilon_2 + |\epsilon_1|^2$, which is $1 + \frac{h^2}{(1-\beta)^2}\big(\tfrac{2}{1-\beta} - 2\big)$, hence
#
# $$\boxed{\;|\mu| \approx 1 + \frac{h^2\,\beta}{(1-\beta)^3}\ \text{ (alternating)},\qquad |\mu| \approx 1 + \frac{h^2(1+\beta)}{2(1-\beta)^3}\ \text{ (simultaneous)}\;}$$
#
# (the second with 1 in the place of $\tfrac32$). Alternating, **the sign of the momentum decides**: positive pushes out, 900 $h^2$ per step at $\beta = 0.9$, negative pulls in. Gidel et al. (2018) found it and trained GANs with it.


# %%
def momentum_factor(beta, h, alternating=True):
    """The factor per step of the game with momentum: the largest |μ| of its characteristic polynomial."""
    left = np.polymul([1, -2, 1], [1, -2 * beta, beta**2])  # (μ − 1)² (μ − β)²
    return np.abs(np.roots(np.polyadd(left, h**2 * np.array([1, 0, 0, 0] if alternating else [1, 0, 0])))).max()


def momentum_law(beta, h, alternating=True):
    """The same for small h."""
    return 1 + h**2 * (beta if alternating else (1 + beta) / 2) / (1 - beta) ** 3


def growth(beta, h, alternating, steps=6000):
    """The factor per step, measured by playing the bilinear game; averaged over many turns."""
    r = radius(play(bilinear, (1e-3, 0.0), h, steps, alternating, beta))
    span = steps // 3
    return (r[-span:].mean() / r[-2 * span : -span].mean()) ** (1 / span)


for alternating in (True, False):
    for beta in (-0.5, -0.2, 0.0, 0.5):
        exact = momentum_factor(beta, 0.05, alternating)
        assert np.isclose(exact - 1, momentum_law(beta, 0.05, alternating) - 1, rtol=0.1, atol=2e-6)
        assert np.isclose(exact, growth(beta, 0.05, alternating), atol=2e-5)
        print(
            f"{'alternating ' if alternating else 'simultaneous'} β = {beta:+.1f}: factor per step {exact:.6f}, law {momentum_law(beta, 0.05, alternating):.6f}, played {growth(beta, 0.05, alternating):.6f}"
        )
assert np.isclose(momentum_factor(0.9, 1e-4) - 1, 900 * 1e-8, rtol=0.02), "β = 0.9: 900 h²"

# %% [markdown]
# **And Adam**, with which GANs are trained? It divides by the size of recent gradients, so no formula this short exists; we measure on the non-saturating Dirac-GAN. $\beta_1$ is Adam's momentum, 0.9 by default.


# %%
def play_adam(field, start, rate, steps, beta_1, beta_2=0.99):
    """Alternating Adam steps of both players: the path (steps + 1, 2)."""
    at = np.array(start, float)
    mean, square = np.zeros(2), np.zeros(2)
    path = [tuple(at)]
    for t in range(1, steps + 1):
        for player in (1, 0):  # ψ first, then θ against the new ψ
            push = field(*at)[player]
            mean[player] = beta_1 * mean[player] + (1 - beta_1) * push
            square[player] = beta_2 * square[player] + (1 - beta_2) * push**2
            at[player] += rate * (mean[player] / (1 - beta_1**t)) / (np.sqrt(square[player] / (1 - beta_2**t)) + 1e-7)
        path.append(tuple(at))
    return np.array(path)


ADAM = {
    (gamma, beta_1): radius(play_adam(dirac(loss="non_saturating", gamma=gamma), (1.0, 1.0), 0.01, 4000, beta_1))
    for gamma in (0.0, 0.3)
    for beta_1 in (0.0, 0.5, 0.9)
}
print("distance to the solution after 4000 Adam steps of 0.01 (it starts at 1.41; mean of the last 500 steps)")
for gamma in (0.0, 0.3):
    print(
        f"  γ = {gamma}: " + ", ".join(f"β₁ = {b}: {r[-500:].mean():.3f}" for (g, b), r in ADAM.items() if g == gamma)
    )
for gamma in (0.0, 0.3):
    ends = [ADAM[gamma, b][-500:].mean() for b in (0.0, 0.5, 0.9)]
    assert ends[0] < ends[1] < ends[2], "more momentum, farther from the solution"

figure, axes = plots.canvas(7.5, 3.3)
for k, ((gamma, beta_1), r) in enumerate(ADAM.items()):
    middle = r[1:].reshape(-1, 100).mean(axis=1)  # over 100 steps: Adam jitters around the solution
    axes.plot(
        np.arange(50, 4000, 100),
        middle,
        plots.STYLES[k % 3],
        color=plots.COLOURS[1 if gamma == 0 else 0],
        linewidth=1.8,
        label=rf"$\gamma = {gamma}$, $\beta_1 = {beta_1}$",
    )
axes.set(
    yscale="log",
    ylim=(1e-3, 3),
    xlabel="step",
    ylabel="distance to the solution",
    title="Adam on the Dirac-GAN: momentum keeps the players orbiting",
)
axes.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1, 0.5))
figure.alt_text = (
    "Distance to the solution against Adam steps, logarithmic, averaged over 100 steps. Without momentum it falls, with R1 much faster; with a first beta of 0.9 it stays near 0.9 "
    "without R1 and near 0.4 with it."
)
figure

# %% [markdown]
# This is why GANs are trained with $\beta_1 = 0$ or $0.5$, and why a GAN compiled with Keras's default 0.9 so often disappoints. The Dirac-GAN is only a model, but what it shows is general: where data and generator meet, the Jacobian of a plain GAN may have eigenvalues on the imaginary axis, and Mescheder et al. prove local convergence for R1
# under conditions that include data on lower-dimensional surfaces, such as images.

# %% [markdown]
# ## 6 · The loop, by hand
#
# Everything is on the table; now both networks train. One step of a GAN is
#
# 1. **D step.** Draw codes, make fakes *outside* the tape (constants for $D$, as section 3 demands), compute $L_D$ and the R1 penalty, and give the gradients of **$D$'s weights** to **$D$'s optimizer**.
# 2. **G step.** Draw new codes, compute $L_G$ *through* the new $D$ (alternating steps), and give the gradients of **$G$'s weights** to **$G$'s optimizer**. $D$ is used, not moved.


# %%
def r1(discriminator, x):
    """E‖∇a(x)‖² over a batch x (N, d)."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(discriminator(x))  # the rows do not interact: the gradient keeps them apart
    return tf.reduce_mean(tf.reduce_sum(tape.gradient(total, x) ** 2, axis=1))


def d_step(generator, discriminator, optimizer, real, z, gamma):
    """Move D once; return its loss without the penalty."""
    fake = generator(z)
    with tf.GradientTape() as tape:
        loss = discriminator_loss(discriminator(real), discriminator(fake))
        total = loss + gamma / 2 * r1(discriminator, real)
    weights = discriminator.trainable_variables
    optimizer.apply(tape.gradient(total, weights), weights)
    return loss


def g_step(generator, discriminator, optimizer, z):
    """Move G once; return its loss."""
    with tf.GradientTape() as tape:
        loss = generator_loss(discriminator(generator(z)))
    weights = generator.trainable_variables
    optimizer.apply(tape.gradient(loss, weights), weights)
    return loss


def train_gan(points, steps, gamma=0.2, beta_1=0.0, rate=2e-3, latent_dim=2, batch=128, seed=SEED, looks=(), look=None):
    """Train a GAN on points (N, d): (generator, discriminator, losses (steps, 2), what ``look`` gave at ``looks``)."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    generator = perceptron(latent_dim, points.shape[1], 64, "generator")
    discriminator = perceptron(points.shape[1], 1, 64, "discriminator")
    g_optimizer, d_optimizer = (keras.optimizers.Adam(rate, beta_1, beta_2=0.99) for _ in range(2))
    g_optimizer.build(generator.trainable_variables)
    d_optimizer.build(discriminator.trainable_variables)

    @tf.function
    def step(real, z):
        d_loss = d_step(generator, discriminator, d_optimizer, real, z[0], gamma)
        return d_loss, g_step(generator, discriminator, g_optimizer, z[1])

    points, history, seen = np.asarray(points, np.float32), [], {}
    for i in range(steps + 1):
        if i in looks:
            seen[i] = look(generator, discriminator)
        if i < steps:
            real = tf.constant(points[rng.integers(0, len(points), batch)])
            history.append(step(real, tf.constant(rng.standard_normal((2, batch, latent_dim)), tf.float32)))
    return generator, discriminator, np.array(history), seen


# %% [markdown]
# ### Is it the library's step?
#
# `course_lib.gan.GAN` is what the next lessons use. Same weights, same codes, one step of each:

# %%
ring, centres = data.gaussian_ring(4096, modes=8, radius=2.0, std=0.1, seed=SEED)
batch = tf.constant(ring[:128], tf.float32)
mine = perceptron(2, 2, 64), perceptron(2, 1, 64)
theirs = tuple(keras.models.clone_model(network) for network in mine)
for a, b in zip(mine, theirs, strict=True):
    b.set_weights(a.get_weights())
codes = keras.random.SeedGenerator(SEED)
adams = [keras.optimizers.Adam(2e-3, 0.0, beta_2=0.99) for _ in range(4)]
d_step(*mine, adams[0], batch, keras.random.normal((128, 2), seed=codes), gamma=0.2)
g_step(*mine, adams[1], keras.random.normal((128, 2), seed=codes))
library = gan.GAN(*theirs, loss="non_saturating", penalty="r1", penalty_weight=0.2 / 2, ema=None, seed=SEED)
library.compile(adams[2], adams[3])
library.train_step(batch)
difference = max(
    float(np.abs(a - b).max())
    for ours, other in zip(mine, theirs, strict=True)
    for a, b in zip(ours.get_weights(), other.get_weights(), strict=True)
)
print(f"largest difference in any weight after one step: {difference:.1e} (a step moves weights by up to 2e-3)")
assert difference < 1e-4

# %% [markdown]
# ### One dimension
#
# The data is the density of section 1, of which the networks see 4,096 points. $G$ folds a normal $z$ into two humps. Below the curves, each arrow starts at a generated point and shows where the generator's loss pulls it, along $-\partial L_G/\partial x = (1 - D)\,\partial a/\partial x$ (arrows have a scale of their own in each panel: they shrink as $D$ flattens).

# %%
line_points = np.asarray(draw_data(4096))
fixed_z = np.random.default_rng(1).standard_normal((3000, 2)).astype(np.float32)


def pulls(generator, discriminator, z):
    """Points G(z) (N, d) and where the generator's loss pulls each: minus its gradient by the point, (N, d)."""
    x = generator(z)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(tf.nn.softplus(-discriminator(x)))
    return x.numpy(), -tape.gradient(total, x).numpy()


def arrows(pull, length):
    """Scale arrows (N, d) so that nine of ten are at most ``length`` long, and cut the longest."""
    size = np.linalg.norm(pull, axis=1, keepdims=True)
    return pull * length / np.maximum(np.maximum(np.quantile(size, 0.9), size / 2), 1e-12)


def look_at_line(generator, discriminator):
    grid = tf.constant(np.linspace(-6, 6, 241)[:, None], tf.float32)
    return (
        generator(fixed_z).numpy()[:, 0],
        sigmoid(discriminator(grid).numpy()[:, 0]),
        pulls(generator, discriminator, fixed_z[:30]),
    )


LINE_STEPS = runtime.pick(cpu=2000, gpu=6000)
_, _, line_history, line_seen = train_gan(
    line_points, LINE_STEPS, gamma=0.02, rate=1e-3, batch=256, looks=(10, 100, LINE_STEPS), look=look_at_line
)
floor = divergences.wasserstein_1d(np.asarray(draw_data(3000))[:, 0], line_points[:, 0])
figure, panels = plots.canvas(10.5, 3.3, 1, 3, sharey=True)
for each, (step, (samples, d, (x, pull))) in zip(panels, line_seen.items(), strict=True):
    distance = divergences.wasserstein_1d(samples, line_points[:, 0])
    each.fill_between(x_line, p, color=plots.COLOURS[0], alpha=0.25, label="data $p$")
    each.hist(
        samples,
        np.linspace(-6, 6, 71),
        density=True,
        histtype="step",
        color=plots.COLOURS[1],
        linewidth=1.5,
        label="generated",
    )
    each.plot(np.linspace(-6, 6, 241), d, "--", color=plots.COLOURS[6], linewidth=1.5, label="$D(x)$")
    heights = np.linspace(-0.14, -0.04, len(x))  # one below the other, or they would hide each other
    each.quiver(
        x[:, 0],
        heights,
        arrows(pull, 1.0)[:, 0],
        0 * heights,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.006,
        color=plots.COLOURS[2],
    )
    each.set(xlim=(-6, 6), ylim=(-0.17, 1.0), xlabel="$x$", title=f"step {step}: $W_1$ = {distance:.2f}")
    print(f"step {step:>5}: W1 to the data {distance:.3f} (two samples of the data: {floor:.3f})")
panels[0].set_ylabel("density, or probability")
panels[2].legend(frameon=False, fontsize=8.5, loc="upper left")
figure.alt_text = (
    "Three moments of a one-dimensional GAN. At first the samples form one narrow hump between those of the data, D is higher on both sides of it, and arrows point outwards. "
    "Later the histogram of samples has two humps near those of the data, and D is a nearly flat line at one half."
)
assert distance < 0.7
tail = line_history[-300:].mean(axis=0)
print(
    f"last 300 steps: L_D = {tail[0]:.3f} (a draw: {2 * np.log(2):.3f}), L_G = {tail[1]:.3f} (a draw: {np.log(2):.3f})"
)
assert np.abs(tail - [2 * np.log(2), np.log(2)]).max() < 0.25
figure

# %% [markdown]
# Both losses say “a draw” to two digits. Change the seed of `train_gan`: they will say the same, while the distance to the data differs by a factor of several. $V(D^*)$ is flat near its minimum, where a small shift of $q$ changes the divergence only quadratically, so $D$ can hardly see
# a small difference in a batch of 256. **The losses of a GAN measure the game, not the picture.** With steps of constant size the players also keep wandering around the solution, which is why lesson 06 averages the generator's weights.
#
# ### Two dimensions: a ring of eight
#
# Four trainings on the same eight small Gaussians, with the same networks and number of steps; only the rules differ, and once the seed. Each sample within three standard deviations of a mode counts as good (98.9 % of the data do); a mode is kept if it gets a tenth of its fair share. Two seeds are an anecdote; lesson 07 repeats such trials.

# %%
RING_STEPS = runtime.pick(cpu=2000, gpu=8000)
RULES = {
    "R1 γ = 0.2, β₁ = 0": {"gamma": 0.2, "beta_1": 0.0},
    "plain, β₁ = 0": {"gamma": 0.0, "beta_1": 0.0},
    "plain, β₁ = 0.9": {"gamma": 0.0, "beta_1": 0.9},
    "plain, β₁ = 0.9, other seed": {"gamma": 0.0, "beta_1": 0.9, "seed": SEED + 1},
}
side = np.linspace(-3.2, 3.2, 65)
plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2).astype(np.float32)


def count_modes(generator, discriminator):
    return metrics.mode_coverage(generator(fixed_z).numpy(), centres, 0.1)


LOOKS = range(250, RING_STEPS + 1, 250)
RING_RUNS = {name: train_gan(ring, RING_STEPS, looks=LOOKS, look=count_modes, **rules) for name, rules in RULES.items()}


def draw_game(axes, generator, discriminator, title):
    """D's verdict as a heat map, data, samples, and where G's loss pulls them."""
    d = sigmoid(discriminator(plane).numpy()[:, 0]).reshape(65, 65)
    picture = axes.imshow(d, origin="lower", extent=(-3.2, 3.2, -3.2, 3.2), cmap="PuOr", vmin=0, vmax=1)
    axes.plot(*ring[:400].T, "o", color="black", markersize=1.5, alpha=0.5)
    x, pull = pulls(generator, discriminator, fixed_z[:250])
    axes.plot(*x.T, "o", color=plots.COLOURS[2], markersize=3)
    axes.quiver(*x.T, *arrows(pull, 0.6).T, color=plots.COLOURS[2], angles="xy", scale_units="xy", scale=1, width=0.004)
    axes.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), xlabel="$x_1$", title=title)
    axes.grid(False)
    return picture


figure, panels = plots.canvas(11, 3.9, 1, 3, sharey=True)
print(f"modes kept, every 250 steps up to step {RING_STEPS}")
early = {}
for name, (_, _, history, seen) in RING_RUNS.items():
    kept = [found["kept"] for found in seen.values()]
    early[name] = np.mean(kept[:4])  # over the first 1000 steps
    print(
        f"{name:<28} {' '.join(map(str, kept))}   good samples at the end {seen[RING_STEPS]['high_quality']:.0%}, L_D {history[-300:, 0].mean():.2f}"
    )
    assert np.isfinite(history).all()
assert max(early[name] for name in early if "0.9" in name) < min(early[name] for name in early if "0.9" not in name)

for each, (name, (generator, discriminator, _, seen)) in zip(panels, RING_RUNS.items(), strict=False):
    found = seen[RING_STEPS]
    picture = draw_game(
        each, generator, discriminator, f"{name}\n{found['kept']} of 8 modes, {found['high_quality']:.0%} good"
    )
panels[0].set_ylabel("$x_2$")
figure.colorbar(picture, ax=list(panels), label="$D(x)$")
figure.alt_text = (
    "Three trained GANs on a ring of eight Gaussians: D as a heat map, data in black, samples with arrows in green. Without momentum, with and without R1, the samples sit on "
    "the modes; with momentum 0.9 and this seed they have left most of them."
)
figure

# %% [markdown]
# The middle panel shows a discriminator without friction: steep, saturated, its arrows long. It still works here, because the steps are small and there is no momentum. With R1, $D$ stays near one half and flat where the data is, as the solution demands. The right panel plays with Keras's default momentum: the turning that
# section 5 computed has thrown the generator about. Read the printed rows as well as the pictures: with momentum most modes are missing for the first thousand steps, and whether and when the game finds them again by itself depends on the seed. Momentum costs steps and luck.
#
# ### Heal it in mid-game
#
# `planar.Game` is this training with a handle on it: stop at any step, look, change the rules, go on with the same weights. We let momentum do its work, then take it away and add R1.

# %%
patient = planar.Game(ring, momentum=0.9, generator_rate=2e-3, discriminator_rate=2e-3, seed=SEED)
course = []
for step in range(8):
    if step == 4:
        patient.change(momentum=0.0, penalty="r1", penalty_weight=0.1)
    patient.advance(500)
    found = metrics.mode_coverage(patient.samples(2000, seed=1), centres, 0.1)
    course.append((patient.steps, found["kept"], found["high_quality"]))
    rules = "β₁ = 0.9        " if step < 4 else "β₁ = 0, R1 γ = 0.2"
    print(f"step {patient.steps:>5}  {rules:<19} modes kept {found['kept']}, good samples {found['high_quality']:.0%}")
assert course[-1][1] >= max(course[3][1], 5), "the change should bring modes back"

# %% [markdown]
# Nothing was wrong with the networks, the loss or the data. The dynamics were. (GanLab, below, lets you do the two halves of the cure one at a time.)
#
# ## 7 · Play it yourself
#
# **GanLab** plays games like those above and keeps every frame, so that you can go back. Move *Frame*, or press play; frames that do not exist yet are trained while you watch. How to read it:
#
# - **Heat map**: $D(x)$. White means that $D$ cannot tell; a white map is a draw. Strong colours with hard edges are a steep, saturated $D$.
# - **Arrows**: $-\partial L_G/\partial x$ at some of the samples, where the generator's loss pulls them. They climb the slope of the logit. A bad sample without an arrow has nothing to learn from.
# - **Points**: data and samples. Do samples move *together*, all after the same hill (this is how collapse begins), or each to its nearest mode?
# - **Curves**: the losses against a draw, and what is known of the samples: modes kept in the plane, and on a line the exact JSD beside what $D$'s loss claims it to be, which is section 2's lower bound at work. On a line the picture also shows $p/(p+q)$ beside $D$.
# - **Rules of the game**: loss, penalty and momentum. They are valid from the frame given below them; *Rules from here* sets it to the present frame, with all weights kept.

# %%
lab = explore.GanLab(title="GanLab: the game, frame by frame")
lab.show()

# %% [markdown]
# ## 8 · Try this
#
# **In GanLab**
#
# - Play the ring with the rules it starts with. Go back with the slider: when did each mode get its samples, and what did $D$ look like just before?
# - Choose the loss *minimax* (saturating), valid from frame 0, and compare the first ten frames with those of *non-saturating*. Which arrows are shorter? And at frame 100?
# - Choose momentum 0.9, valid from frame 0. Compare frame 60 with the momentum you had before. Does the loss of $D$ tell you what happened?
# - Cure it in mid-game: build `explore.GanLab(start=("non_saturating", "none", 0.9))`, go to frame 60, press *Rules from here*, and choose R1; then, from the same frame, momentum 0; then both. What does each do within ten frames, and within forty?
# - On the scene with two bumps on a line, watch $D$ beside $p/(p+q)$. Where do they part, and how many samples are there?
#
# **In the notebook**
#
# - In `PORTRAITS`, add R1 with $\gamma = 3$. From which root of the boxed formula does its slow last part come?
# - Play the Dirac-GAN with *simultaneous* steps of size 0.1 and the non-saturating loss for 20,000 steps. It neither converges nor escapes. Balance the outward factor $1+\eta^2/4$ of $r^2$ per step against the inward $-\eta r^4/8$ of section 5, and predict the radius on which it ends before you look.
# - Give `train_gan` only 50 points of the ring, and read $L_D$ at the end with section 2 in mind.
#
# ## Summary
#
# - $D^* = p/(p+q)$, $a^* = \log p/q$: a discriminator estimates a density ratio, well only where samples fall. Any other $D$ loses twice the mean KL between two coins.
# - $V(D^*) = 2\,\mathrm{JSD} - \ln 4$, and JSD is the mutual information with the label. On samples that $D$ has not seen, $V(D)$ is a lower bound; on its training samples it is nothing.
# - A generator step against $D^*$ descends $\int p\,h(q/p)$ with $h'(u) = \ell(1/(1+u))$: saturating, $2\,\mathrm{JSD}$; non-saturating, $\mathrm{KL}(q\|p) - 2\,\mathrm{JSD} = 2\,\mathrm{KL}(m\|p)$, which is not the JSD; least squares with labels 0, 1, 1, a divergence; with −1, 1, 0, none.
# - $D_f(p\|q) \ge \mathbb E_p[T] - \mathbb E_q[f^*(T)]$, tight at $T^* = f'(p/q)$: a GAN for every convex $f$, and each keeps another error when the generator is too poor.
# - The solution is a saddle. Plain Dirac-GAN: $\lambda = \pm\tfrac i2$, it orbits. R1: $\lambda = -\tfrac\gamma2\pm\sqrt{\tfrac{\gamma^2}4-\tfrac14}$, it converges, up to $\eta = 4\gamma$ (simultaneous, $\gamma\le1$) or $4(\sqrt{1+\gamma^2}-\gamma)$ (alternating). Instance noise helps in the same way; WGAN-GP does not converge. Positive momentum pushes outwards.
#
# ## References
#
# - Goodfellow et al. 2014, *Generative Adversarial Nets*, [arXiv:1406.2661](https://arxiv.org/abs/1406.2661)
# - Arjovsky & Bottou 2017, *Towards Principled Methods for Training Generative Adversarial Networks*, [arXiv:1701.04862](https://arxiv.org/abs/1701.04862)
# - Shannon et al. 2020, *Non-saturating GAN training as divergence minimization*, [arXiv:2010.08029](https://arxiv.org/abs/2010.08029)
# - Mao et al. 2016, *Least Squares Generative Adversarial Networks*, [arXiv:1611.04076](https://arxiv.org/abs/1611.04076)
# - Nguyen, Wainwright & Jordan 2010, *Estimating divergence functionals and the likelihood ratio by convex risk minimization*, [arXiv:0809.0853](https://arxiv.org/abs/0809.0853)
# - Nowozin, Cseke & Tomioka 2016, *f-GAN*, [arXiv:1606.00709](https://arxiv.org/abs/1606.00709)
# - Mescheder, Geiger & Nowozin 2018, *Which Training Methods for GANs do actually Converge?*, [arXiv:1801.04406](https://arxiv.org/abs/1801.04406)
# - Gidel et al. 2018, *Negative Momentum for Improved Game Dynamics*, [arXiv:1807.04740](https://arxiv.org/abs/1807.04740)
# - Kahng et al. 2018, *GAN Lab: Understanding Complex Deep Generative Models using Interactive Visual Experimentation*, [arXiv:1809.01587](https://arxiv.org/abs/1809.01587): the model of this lesson's explorer
#
# **Next:** the exercises of this lesson; then lesson 06, *DCGAN: the classic, repaired*, which takes this loop to images.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0.*
