# %% [markdown]
# # 15 · Faster, clearer, further: diffusion, speed, and your own gallery
#
# **After this lesson you can**
#
# - derive flow matching, train it in twenty lines, and say what its loss is when it cannot fall further;
# - say how it is the diffusion of DDPM in other coordinates, with the variance of each reverse step;
# - predict what a sampler does in one, two or eight steps, and choose steps, solver, batch and size by measurement (**how do I generate faster?**);
# - compare GAN, VAE and diffusion on lesson 09's metrics and on seconds for each picture;
# - look inside a generator by ablation, saliency and directions, each against a truth that is known (**what did the model learn?**);
# - audit for memorisation, mark a picture with a known false-positive rate, write down where it comes from, and export a gallery of your own.
#
# **Time.** Reading 40 minutes. Running all cells: about 80 seconds on two CPU cores. On a GPU its time has not been measured yet.
#
# **Builds on** lesson 09 (the metrics), lesson 06 (the generator), lesson 04 (directions). The derivations need the tower property $\mathbb E[\mathbb E[a\mid b]]=\mathbb E[a]$ and the regression of one Gaussian on another; both are recalled where they are used.
#
# **Exercises:** `exercises/15_diffusion_and_gallery.ipynb`, 60 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("15")

# %%
import html.parser
import io
import math
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from keras import layers
from PIL import Image

from course_lib import (
    data,
    diffusion,
    explore,
    gallery,
    images,
    interpret,
    metrics,
    nets,
    plots,
    provenance,
    runtime,
    zoo,
)

SEED = 0
runtime.setup(SEED)
rng = np.random.default_rng(SEED)

# %% [markdown]
# ## 1 · A path from noise to data
#
# A GAN learns one jump from noise to a picture, and the jump is hard to learn (lessons 05 to 08). A VAE learns a jump too, and pays with blur (lesson 03). The third family walks: many small steps, each of which is an easy regression.
#
# Let $x_1$ be a data point and $x_0\sim\mathcal N(0,I)$ noise of the same shape, drawn independently. Join them by a straight line, with a time $t$ from 0 to 1:
#
# $$x_t=(1-t)\,x_0+t\,x_1 .$$
#
# At $t=0$ this is pure noise, at $t=1$ a data point, and $x_t$ moves with the constant velocity $x_1-x_0$. Write $p_t$ for the density of $x_t$: it goes from the Gaussian $p_0$ to the data's $p_1$. That does not help yet, because the velocity asks for $x_1$, which is what we want to make. Many lines pass through the same point $x$ at the same time, on their way to different data. So take their **average**:
#
# $$u(x,t)=\mathbb E\,[\,x_1-x_0\mid x_t=x\,].$$
#
# This depends on $x$ and $t$ only. Follow it: start particles $y_0$ at noise and let $\frac{dy}{dt}=u(y,t)$. The claim of flow matching is that the particles then have the density $p_t$ at **every** time, so that they end as data.
#
# **Proof.** A density is known when the mean $\mathbb E\,\varphi(x_t)$ of every smooth test function $\varphi$ is known. By the chain rule, then by the tower property (given $x_t$, the factor $\nabla\varphi(x_t)$ is fixed),
#
# $$\frac{d}{dt}\mathbb E\,\varphi(x_t)=\mathbb E\big[\nabla\varphi(x_t)\cdot(x_1-x_0)\big]=\mathbb E\big[\nabla\varphi(x_t)\cdot\mathbb E[x_1-x_0\mid x_t]\big]=\mathbb E\big[\nabla\varphi(x_t)\cdot u(x_t,t)\big].$$
#
# For the particles, the chain rule alone gives $\frac{d}{dt}\mathbb E\,\varphi(y_t)=\mathbb E[\nabla\varphi(y_t)\cdot u(y_t,t)]$. The densities of $x_t$ and of $y_t$ obey the same equation and start from the same $p_0$; where $u$ is smooth the equation has one solution. Therefore
#
# $$\boxed{\;\frac{dy}{dt}=u(y,t),\quad y_0\sim\mathcal N(0,I)\quad\Longrightarrow\quad y_t\ \text{has the density}\ p_t\ \text{for every}\ t\;}$$
#
# Nothing here used that $x_0$ and $x_1$ are independent. We shall come back to that. ([Lipman et al. 2022](https://arxiv.org/abs/2210.02747), [Liu et al. 2022](https://arxiv.org/abs/2209.03003), [Albergo & Vanden-Eijnden 2022](https://arxiv.org/abs/2209.15571).)
#
# ### A case where $u$ is known
#
# Let the data be a mixture of $K$ round Gaussians with means $m_k$, one standard deviation $\sigma$ and equal weights. Given the component $k$, the velocity $x_1-x_0$ and the place $x_t$ are jointly Gaussian, coordinate by coordinate, with
#
# $$\operatorname{Cov}(x_1-x_0,\,x_t)=t\sigma^2-(1-t),\qquad \operatorname{Var}(x_t)=(1-t)^2+t^2\sigma^2=:s_t .$$
#
# The mean of one Gaussian variable given another is a straight line, $\mathbb E[a\mid b]=\mathbb E a+\frac{\operatorname{Cov}(a,b)}{\operatorname{Var}(b)}(b-\mathbb Eb)$. So given $k$ the mean velocity is $m_k+c_t\,(x-t\,m_k)$ with $c_t=\frac{t\sigma^2-(1-t)}{s_t}$. Bayes' rule gives the probability $w_k(x,t)$ of each component, since $x_t$ given $k$ is $\mathcal N(t\,m_k,s_tI)$:
#
# $$\boxed{\;u(x,t)=\sum_kw_k(x,t)\,\big(m_k+c_t(x-t\,m_k)\big),\qquad w_k\propto\exp\Big(-\frac{\|x-t\,m_k\|^2}{2s_t}\Big)\;}$$


# %%
def exact_velocity(x, t, means, std):
    """E[x_1 - x_0 | x_t = x] (N, d) for an equal mixture of N(means[k], std² I); means (K, d), t a number."""
    spread = (1 - t) ** 2 + t**2 * std**2
    logits = -np.sum((x[:, None] - t * means) ** 2, axis=-1) / (2 * spread)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    slope = (t * std**2 - (1 - t)) / spread
    return slope * x + (1 - slope * t) * weights @ means


angles = np.deg2rad([90, 210, 330])
MEANS, STD = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + [0.5, 0.0], 0.25


def toy(n):
    """Draw n points (n, 2) of three Gaussians."""
    return MEANS[rng.integers(0, 3, n)] + STD * rng.standard_normal((n, 2))


def toy_velocity(x, t):
    return exact_velocity(x, t, MEANS, STD)


def sliced_distance(a, b, directions=64):
    """Mean over directions of the transport cost on a line (lesson 08) between two sets of n points (n, 2)."""
    angle = np.pi * np.arange(directions) / directions
    axes = np.stack([np.cos(angle), np.sin(angle)])
    return np.mean(np.abs(np.sort(a @ axes, axis=0) - np.sort(b @ axes, axis=0)))


n, at = 4_000, (0.25, 0.5, 0.75, 1.0)
start = rng.standard_normal((n, 2))
path = [start]
for k in range(400):
    path.append(path[-1] + toy_velocity(path[-1], k / 400) / 400)
for t in at:
    drawn, again = ((1 - t) * rng.standard_normal((n, 2)) + t * toy(n) for _ in range(2))
    flowed, chance = sliced_distance(path[round(400 * t)], drawn), sliced_distance(again, drawn)
    print(f"t = {t:.2f}: particles against direct draws {flowed:.3f}, draws against draws {chance:.3f}")
    assert flowed < 0.06, "the same density, up to the luck of 4,000 draws"

x_0, x_1 = rng.standard_normal((60, 2)), toy(60)
flow_path = diffusion.integrate(toy_velocity, x_0, 100, "heun", keep=True)
figure, axes = plots.canvas(9, 4.2, columns=2, sharex=True, sharey=True)
for each, title, lines in (
    (axes[0], "straight lines to random data: they cross", np.stack([x_0, x_1])),
    (axes[1], "the average velocity: no two paths cross", np.stack(flow_path)),
):
    each.plot(lines[:, :, 0], lines[:, :, 1], color=plots.COLOURS[0], linewidth=0.8, alpha=0.6)
    each.plot(*lines[0].T, "o", color=plots.GREY, markersize=3, label="noise, t = 0")
    each.plot(*lines[-1].T, "s", color=plots.COLOURS[1], markersize=3, label="t = 1")
    each.plot(*MEANS.mean(axis=0), "X", color="black", markersize=9, label="mean of the data")
    each.set(title=title, aspect="equal")
axes[1].legend(loc="upper right", fontsize=8)
figure.alt_text = "Two charts from sixty points of noise to three clusters. Left: straight lines to random clusters, which cross. Right: the paths of the flow, which bend towards the nearest cluster and never cross."
figure

# %% [markdown]
# Two paths of the flow cannot cross, because at a crossing one place and time would have two velocities. So the flow must undo the crossings of the lines, and its paths **bend**. Bent paths are what makes sampling slow, as section 3 shows.
#
# ## 2 · The loss, and why it does not go to zero
#
# For pictures nobody knows $u$. But a conditional mean is what least squares finds. Train a network $v$ to predict the velocity of random lines at random times:
#
# $$L(v)=\mathbb E\,\big\|v(x_t,t)-(x_1-x_0)\big\|^2,\qquad t\sim\mathcal U(0,1).$$
#
# Insert $u$ and expand. The mixed term is $2\,\mathbb E\big[(v-u)\cdot(u-(x_1-x_0))\big]$; given $(x_t,t)$ its first factor is fixed and the second has mean 0, so by the tower property it vanishes:
#
# $$L(v)=\mathbb E\,\|v-u\|^2+\underbrace{\mathbb E\,\big\|(x_1-x_0)-u\big\|^2}_{\text{the same for every }v}.$$
#
# So the minimiser is $u$, and **the loss at the minimum is not 0**: it is the part of $x_1-x_0$ that $x_t$ does not tell. How large is that? Take one coordinate of Gaussian data with variance $\lambda$. The residual variance of a regression is $\operatorname{Var}a-\operatorname{Cov}(a,b)^2/\operatorname{Var}b$, here with $a=x_1-x_0$, $b=x_t$:
#
# $$(1+\lambda)-\frac{\big(t\lambda-(1-t)\big)^2}{s_t}=\frac{(1+\lambda)\big((1-t)^2+t^2\lambda\big)-\big(t\lambda-(1-t)\big)^2}{s_t}=\frac{\lambda\,\big((1-t)+t\big)^2}{s_t}=\frac{\lambda}{(1-t)^2+t^2\lambda}.$$
#
# (In the numerator $t^2\lambda^2$ and $(1-t)^2$ cancel; what is left is $\lambda(1-t)^2+\lambda t^2+2\lambda t(1-t)$.) To average over $t$, substitute $\tau=t/(1-t)$, so that $dt=d\tau/(1+\tau)^2$ and $(1-t)^2=1/(1+\tau)^2$:
#
# $$\int_0^1\frac{\lambda\,dt}{(1-t)^2+t^2\lambda}=\int_0^\infty\frac{\lambda\,d\tau}{1+\lambda\tau^2}=\sqrt\lambda\,\Big[\arctan(\sqrt\lambda\,\tau)\Big]_0^\infty,\qquad\boxed{\;\min L=\frac\pi2\sqrt\lambda\;}$$
#
# in each coordinate, along the principal axes. For standardised Gaussian data the best possible loss is $\pi/2\approx1.57$. For data that are *not* Gaussian, the same number with the eigenvalues of their covariance is the smallest loss of a velocity that is affine in $x$, because an affine regression knows only means and covariances. A network must come out **below** it, or it has learned nothing but a Gaussian.


# %%
def gaussian_loss(variances, t=None):
    """Least loss for Gaussian data with these variances (d,), a mean over the axes: at time t, or over all times."""
    variances = np.asarray(variances, float)
    if t is None:
        return np.mean(np.pi / 2 * np.sqrt(variances))
    return np.mean(variances / ((1 - t) ** 2 + t**2 * variances))


variances = np.array([4.0, 0.3])
times = (np.arange(20_000) + 0.5) / 20_000
by_quadrature = np.mean([gaussian_loss(variances, t) for t in times])
print(f"over all times: closed form {gaussian_loss(variances):.6f}, quadrature {by_quadrature:.6f}")
assert np.isclose(gaussian_loss(variances), by_quadrature, atol=1e-6)
x_0 = rng.standard_normal((200_000, 2))
x_1 = rng.standard_normal((200_000, 2)) * np.sqrt(variances)
for t in (0.2, 0.5, 0.9):
    x_t = (1 - t) * x_0 + t * x_1
    residual = (x_1 - x_0) - x_t * np.mean((x_1 - x_0) * x_t, axis=0) / np.mean(x_t**2, axis=0)
    print(f"at t = {t}: closed form {gaussian_loss(variances, t):.4f}, regression on draws {np.mean(residual**2):.4f}")
    assert np.isclose(gaussian_loss(variances, t), np.mean(residual**2), rtol=0.02)

# %% [markdown]
# ### Written out
#
# This is the whole method: a loss, a step of the optimiser, and a sampler. It works for points and for pictures; only the network differs. It takes $x_t$ and $t$, and returns something of $x_t$'s shape.


# %%
def flow_loss(network, x, x_0, t):
    """Mean squared error of the velocity for data x and noise x_0 (N, ...) at times t (N,)."""
    moment = tf.reshape(t, (-1, *[1] * (len(x.shape) - 1)))  # (N, 1, ...): one time for all pixels of a picture
    x_t = (1 - moment) * x_0 + moment * x
    return tf.reduce_mean((network([x_t, t]) - (x - x_0)) ** 2)


def trainer(network, optimizer):
    """Return a function (x, x_0) -> loss that trains the network by one step on pairs of data and noise."""

    @tf.function
    def step(x, x_0):
        t = tf.random.uniform(tf.shape(x)[:1])
        with tf.GradientTape() as tape:
            loss = flow_loss(network, x, x_0, t)
        weights = network.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    return step


def euler(velocity, x, steps):
    """Follow velocity(x, t) from noise x at t = 0 to t = 1 in equal steps; one evaluation for each."""
    for k in range(steps):
        x = x + velocity(x, k / steps) / steps
    return x


def heun(velocity, x, steps):
    """The same with the mean of the velocities at both ends of each step; two evaluations for each."""
    for k in range(steps):
        first = velocity(x, k / steps)
        second = velocity(x + first / steps, (k + 1) / steps)
        x = x + (first + second) / (2 * steps)
    return x


def point_network():
    """Return a network [x (N, 2), t (N,)] -> velocity (N, 2)."""
    x, t = keras.Input((2,)), keras.Input(())
    h = layers.Concatenate()([x, layers.Reshape((1,))(t)])
    for _ in range(3):
        h = layers.Dense(128, activation="silu")(h)
    return keras.Model([x, t], layers.Dense(2)(h))


def as_velocity(network):
    """Return the network as a function (x (N, ...), t, a number) -> NumPy array."""
    call = tf.function(lambda x, t: network([x, tf.fill([tf.shape(x)[0]], t)], training=False))
    return lambda x, t: np.asarray(call(tf.constant(x, tf.float32), tf.constant(t, tf.float32)))


POINT_STEPS = runtime.pick(cpu=2_000, gpu=4_000)


def train_points(pairs, steps=POINT_STEPS, batch=512):
    """Train a network on pairs(n) -> (data, noise), both (n, 2); return its velocity and the losses."""
    network = point_network()
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    step = trainer(network, keras.optimizers.Adam(rate))
    losses = [step(*(tf.constant(p, tf.float32) for p in pairs(batch))) for _ in range(steps)]
    return as_velocity(network), np.array(losses)


learned, losses = train_points(lambda n: (toy(n), rng.standard_normal((n, 2))))

x_0, x_1, squares, errors = rng.standard_normal((20_000, 2)), toy(20_000), [], []
for t in np.linspace(0.01, 0.99, 50):
    x_t = (1 - t) * x_0 + t * x_1
    u = toy_velocity(x_t, t)
    squares.append(np.mean((x_1 - x_0 - u) ** 2))
    errors.append(np.mean((learned(x_t, t) - u) ** 2))
least, excess = np.mean(squares), np.mean(errors)
affine = gaussian_loss(np.linalg.eigvalsh(np.cov(toy(100_000).T)))
print(
    f"loss of the last 300 steps {losses[-300:].mean():.3f} = least loss {least:.3f} + error of the velocity {excess:.3f}"
)
print(f"the best affine velocity would reach {affine:.3f}; an untrained guess of 0 is {np.mean((x_1 - x_0) ** 2):.3f}")
assert np.isclose(losses[-300:].mean(), least + excess, rtol=0.04), "the decomposition of the loss"
assert excess < 0.1 * least < least < affine

smooth = np.convolve(losses, np.ones(50) / 50, "valid")
figure, axes = plots.canvas(7, 3)
axes.plot(np.arange(50, len(losses) + 1), smooth, color=plots.COLOURS[0], label="training loss, mean of 50 steps")
axes.axhline(affine, color=plots.COLOURS[4], linestyle="-.", label="best affine velocity")
axes.axhline(least, color=plots.COLOURS[1], linestyle="--", label="least loss of any velocity")
axes.set(xlabel="step", ylabel="loss", ylim=(0, 3), title="The loss ends at its exact minimum, far above 0")
axes.legend(frameon=False, fontsize=9)
figure.alt_text = f"The training loss of the toy falls below the best affine velocity at {affine:.2f} and levels off at the exact minimum of {least:.2f}."
figure

# %% [markdown]
# Read the loss of a diffusion model with this in mind. That it stops falling at some number says nothing; that number is mostly the data's own. What is left to learn is the small gap, and a gap of a few per cent decides between good and bad pictures.
#
# ### A fault that the loss cannot see
#
# Swap the two ends in the target, $x_0-x_1$ for $x_1-x_0$, and keep the sampler. The loss has the same minimum to the last digit, since only a sign has changed. A check that does see it is the first exact fact about sampling.
#
# ## 3 · Steps
#
# The sampler replaces the smooth path by straight pieces. **Euler's method** takes the velocity at the start of each step and keeps it: $x\leftarrow x+h\,u(x,t)$ with $h=1/n$. **Heun's method** looks at the velocity at the end too, and takes the mean of both. What do they do when $n$ is small? Some answers are exact, for *any* data.
#
# **One Euler step.** At $t=0$, $x_t=x_0$, which tells nothing about $x_1$. So $u(x,0)=\mathbb E[x_1]-x$, and
#
# $$\boxed{\;x+u(x,0)=\mathbb E[x_1]\;}\qquad\text{one step of Euler returns the mean of the data, whatever the noise.}$$
#
# **One Heun step.** Its second evaluation is at $t=1$, where $x_t=x_1$ tells nothing about $x_0$: $u(x,1)=x-\mathbb E[x_0]=x$. It is made at the end of the Euler step, at $\mu=\mathbb E[x_1]$, and is $\mu$ there. Half the sum of $\mu-x_0$ and $\mu$ leads to
#
# $$\boxed{\;x_0+\tfrac12\big((\mu-x_0)+\mu\big)=\mu+\tfrac12x_0\;}\qquad\text{the mean under half of the noise.}$$

# %%
start = rng.standard_normal((5, 2))
mean = MEANS.mean(axis=0)
print("one step of Euler:", euler(toy_velocity, start, 1).round(6).tolist())
print("one step of Heun, less half of the noise:", (heun(toy_velocity, start, 1) - start / 2).round(6).tolist())
assert np.allclose(euler(toy_velocity, start, 1), mean) and np.allclose(heun(toy_velocity, start, 1), mean + start / 2)

many = rng.standard_normal((2_000, 2))
end = euler(learned, many, 1)
print(
    f"the trained network: mean {end.mean(axis=0).round(2)}, scatter {end.std(axis=0).round(2)}; exact {mean.round(2)}, 0"
)
assert np.allclose(end.mean(axis=0), mean, atol=0.15) and end.std() < 0.3
flipped = euler(lambda x, t: -learned(x, t), many, 1)  # what a network trained on x_0 - x_1 would do
print(f"with the ends swapped: scatter {flipped.std(axis=0).round(2)}, twice that of the noise: the check fails")
assert flipped.std() > 1.5

# %% [markdown]
# **More steps, for Gaussian data.** With $K=1$ the velocity is $\mu+c_t\,(x-t\mu)$, so that a step of Euler multiplies the deviation $x-t\mu$ by $1+h\,c_t$ (insert and compare: the new deviation is $x+hu-(t+h)\mu=(x-t\mu)(1+hc_t)$). After $n$ steps, from a standard deviation of 1,
#
# $$\boxed{\;\text{std}_n=\prod_{k=0}^{n-1}\Big|1+\frac1n\,c_{k/n}\Big|,\qquad c_t=\frac{t\sigma^2-(1-t)}{(1-t)^2+t^2\sigma^2}\;}\qquad\text{instead of }\sigma .$$
#
# For $n=1$ this is $1+c_0=0$, the result above. **Few steps lose variety**: samples huddle round the mean. In a picture that is blur.


# %%
def euler_std(n, std):
    """Standard deviation after n steps of Euler's method for data with standard deviation std."""
    t = np.arange(n) / n
    slope = (t * std**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * std**2)
    return np.prod(np.abs(1 + slope / n))


def line_velocity(x, t):
    return exact_velocity(x, t, np.array([[1.5]]), 0.5)


x = rng.standard_normal((20_000, 1))
rows = {}
for n in (1, 2, 4, 8, 16, 32):
    rows[n] = euler(line_velocity, x, n).std() / x.std(), heun(line_velocity, x, n).std() / x.std()
    print(f"{n:2} steps: Euler {rows[n][0]:.4f} (formula {euler_std(n, 0.5):.4f}), Heun {rows[n][1]:.4f}; data 0.5")
    assert np.isclose(rows[n][0], euler_std(n, 0.5))
assert euler_std(32, 0.5) < 0.5 and abs(euler_std(64, 0.5) - 0.5) / abs(euler_std(32, 0.5) - 0.5) < 0.55, "error ~ 1/n"

# %% [markdown]
# ### The order of a solver
#
# Over one step the exact path is $x+hu+\frac{h^2}2\dot u+\dots$, where $\dot u$ is how the velocity changes along the path. Euler drops the $h^2$ term: an error of order $h^2$ in each of $1/h$ steps, so of order $h$ in all. Heun's mean of two velocities, $u+\frac h2\dot u+\dots$, gets that term right and leaves $h^3$ in each step, $h^2$ in all. Heun pays two evaluations a step, so compare at equal **evaluations** of the network: that is where the time goes. The next figure has exact velocities on the left, so that the only error is the solver's.

# %%
noise = rng.standard_normal((3_000, 2))
target = heun(toy_velocity, noise, 500)
fresh = toy(3_000)
floor = np.mean([sliced_distance(toy(3_000), toy(3_000)) for _ in range(5)])
SOLVERS = {"Euler": (euler, 1), "Heun": (heun, 2)}
evaluations = np.array([2, 4, 8, 16, 32, 64, 128])
gap = {
    name: [np.sqrt(np.mean((solve(toy_velocity, noise, n // cost) - target) ** 2)) for n in evaluations]
    for name, (solve, cost) in SOLVERS.items()
}
quality = {
    name: [sliced_distance(solve(learned, noise, n // cost), fresh) for n in evaluations]
    for name, (solve, cost) in SOLVERS.items()
}
figure, axes = plots.canvas(9, 3.4, columns=2)
for each, title, values in (
    (axes[0], "exact velocity: distance to the exact end", gap),
    (axes[1], "trained network: distance to the data", quality),
):
    for number, (name, row) in enumerate(values.items()):
        style = plots.STYLES[number] + plots.MARKERS[number]
        each.plot(evaluations, row, style, color=plots.COLOURS[number], label=name)
    each.set(xlabel="evaluations of the velocity", title=title, xscale="log", yscale="log")
    each.set_xticks(evaluations, evaluations)
    each.minorticks_off()
axes[1].set_yticks([0.03, 0.1, 0.3], [0.03, 0.1, 0.3])
axes[1].axhline(floor, color=plots.GREY, linestyle=":", label="data against data")
axes[1].legend(frameon=False, fontsize=9)
axes[0].set_ylabel("root mean square")
axes[1].set_ylabel("sliced distance")
figure.alt_text = f"Two charts against evaluations on logarithmic axes. Left: Euler's error falls like a line of slope one, Heun's starts higher and falls more steeply. Right: with the trained network both level off, at {quality['Euler'][-1]:.2f} and {quality['Heun'][-1]:.2f}, where data against data are {floor:.2f}."
slopes = {name: np.log2(row[-2] / row[-1]) for name, row in gap.items()}
print({name: f"doubling the evaluations divides the error by 2^{slope:.2f}" for name, slope in slopes.items()})
assert abs(slopes["Euler"] - 1) < 0.25 and slopes["Heun"] > 1.5
assert gap["Heun"][0] > gap["Euler"][0] and gap["Heun"][-1] < gap["Euler"][-1], "Heun wins only with enough steps"
figure

# %% [markdown]
# (Where clusters part, the velocity turns sharply, so that Heun comes near its order 2 only with many steps.) On the right the curves flatten where the *network* is the limit and not the solver. More steps cannot repair what training left undone. That is the first rule of fast sampling: **find the number of steps at which your curve is flat, and stop there.**
#
# ### Straight paths: train once more, sample in one step
#
# The proof of section 1 never used that $x_0$ and $x_1$ are independent. So couple them better: let $x_1$ be the end of the *flow* that starts at $x_0$ (a "rectified flow" or *reflow*, [Liu et al. 2022](https://arxiv.org/abs/2209.03003)), and train a second network on these pairs. Now $x_0$ **does** tell its $x_1$: $\mathbb E[x_1\mid x_0]$ is the flow's own end, and one Euler step of the minimiser goes exactly there. The lines also get shorter: writing the end as $x_0+\int_0^1u\,dt$ along the path,
#
# $$\mathbb E\Big\|\int_0^1u\,dt\Big\|^2\le\int_0^1\mathbb E\,\|u(x_t,t)\|^2dt=\int_0^1\mathbb E\,\big\|\mathbb E[x_1-x_0\mid x_t]\big\|^2dt\le\mathbb E\,\|x_1-x_0\|^2,$$
#
# by Jensen's inequality twice: the square of a mean is at most the mean of the square, first over $t$, then over the data. (In the middle, particles and lines have the same density at each time, by section 1.)

# %%
noise_bank = rng.standard_normal((20_000, 2))
end_bank = heun(learned, noise_bank, 16)


def reflow_pairs(n):
    chosen = rng.integers(0, len(noise_bank), n)
    return end_bank[chosen], noise_bank[chosen]


straight, straight_losses = train_points(reflow_pairs)
lengths = {
    "random pairs": np.mean((toy(20_000) - noise_bank) ** 2),
    "pairs of the flow": np.mean((end_bank - noise_bank) ** 2),
}
print({name: f"mean squared length {value:.3f}" for name, value in lengths.items()})
ends = {
    "first network, 1 step": euler(learned, noise, 1),
    "second network, 1 step": euler(straight, noise, 1),
    "first network, 64 steps": euler(learned, noise, 64),
}
for name, points in ends.items():
    print(f"{name}: sliced distance to the data {sliced_distance(points, fresh):.3f} (data against data {floor:.3f})")
print(f"loss of the second training {straight_losses[-300:].mean():.3f}, of the first {losses[-300:].mean():.3f}")
assert lengths["pairs of the flow"] < lengths["random pairs"], "the lines got shorter"
assert straight_losses[-300:].mean() < 0.2 * losses[-300:].mean(), "little is left that x_t does not tell"
one, one_straight, many_steps = (sliced_distance(points, fresh) for points in ends.values())
assert one_straight < 0.25 * one

figure, axes = plots.canvas(9, 3.3, columns=3, sharex=True, sharey=True)
for each, (name, points) in zip(axes, ends.items(), strict=True):
    each.plot(*fresh[:800].T, "o", color="#949494", markersize=2, label="data")
    each.plot(*points[:800].T, "^", color=plots.COLOURS[0], markersize=2, label="samples")
    each.set(title=name, aspect="equal")
axes[2].legend(loc="upper right", fontsize=8, markerscale=3)
figure.alt_text = "Three scatter charts. One step of the first network puts all samples near the mean, where no data are. One step of the second network reaches the three clusters. So do 64 steps of the first."
figure

# %% [markdown]
# The bridges between the clusters are the second network's own error: the true map tears the noise apart where two clusters part, and a smooth network cannot tear. Apart from that it needs a single evaluation, because the *map* from noise to data has been distilled into its velocity at $t=0$. It inherits the faults of the first network and adds its own. (For pictures this costs a data set of generated pairs and a second training; we leave it at the toy.)
#
# ## 4 · The same thing as DDPM
#
# Most texts begin with *denoising diffusion* ([Ho et al. 2020](https://arxiv.org/abs/2006.11239)) instead. It is the same family in other coordinates, and its vocabulary is everywhere.
#
# **Forward.** A chain adds noise in $T$ steps, $x_s=\sqrt{1-\beta_s}\,x_{s-1}+\sqrt{\beta_s}\,\varepsilon_s$, from a data point $x$ at $s=0$. With $\alpha_s=1-\beta_s$ and $\bar\alpha_s=\alpha_1\cdots\alpha_s$,
#
# $$x_s=\sqrt{\bar\alpha_s}\,x+\sqrt{1-\bar\alpha_s}\,\varepsilon,\qquad\varepsilon\sim\mathcal N(0,I).$$
#
# By induction: the factor of $x$ is $\sqrt{\alpha_s\bar\alpha_{s-1}}$, and the variances of the two independent noises add up to $\alpha_s(1-\bar\alpha_{s-1})+\beta_s=\alpha_s-\bar\alpha_s+1-\alpha_s=1-\bar\alpha_s$.
#
# **One step back, if $x$ were known.** Before seeing $x_s$, we know $x_{s-1}\sim\mathcal N(\sqrt{\bar\alpha_{s-1}}\,x,\,1-\bar\alpha_{s-1})$. We then see $x_s=\sqrt{\alpha_s}\,x_{s-1}+\sqrt{\beta_s}\,\varepsilon_s$. For Gaussians precisions (one over variance) add up:
#
# $$\frac1{\tilde\beta_s}=\frac1{1-\bar\alpha_{s-1}}+\frac{\alpha_s}{\beta_s}=\frac{\beta_s+\alpha_s-\bar\alpha_s}{\beta_s(1-\bar\alpha_{s-1})}=\frac{1-\bar\alpha_s}{\beta_s(1-\bar\alpha_{s-1})},$$
#
# and the mean is the precision-weighted mean of both sources, $\tilde\beta_s\big(\frac{\sqrt{\bar\alpha_{s-1}}\,x}{1-\bar\alpha_{s-1}}+\frac{\sqrt{\alpha_s}\,x_s}{\beta_s}\big)$. So
#
# $$\boxed{\;\tilde\beta_s=\frac{1-\bar\alpha_{s-1}}{1-\bar\alpha_s}\,\beta_s,\qquad\tilde\mu_s=\frac{\sqrt{\bar\alpha_{s-1}}\,\beta_s\,x+\sqrt{\alpha_s}\,(1-\bar\alpha_{s-1})\,x_s}{1-\bar\alpha_s}\;}$$
#
# **One step back, with $x$ unknown.** A sampler has to guess $x$. For data $\mathcal N(0,\lambda)$ the same addition of precisions, with the prior variance $P=1-\bar\alpha_{s-1}+\bar\alpha_{s-1}\lambda$ of $x_{s-1}$, gives the true variance of $x_{s-1}$ given $x_s$:
#
# $$\boxed{\;\operatorname{Var}(x_{s-1}\mid x_s)=\frac{\beta_sP}{\beta_s+\alpha_sP}\;}\qquad\text{between }\tilde\beta_s\ (\lambda=0)\ \text{and}\ \beta_s\ (\lambda=1).$$
#
# Ho et al. (section 3.2) tried both ends as variance of the sampler, with similar results. They are the right answers for two kinds of data: a single point, and noise. Pictures are in between.


# %%
def ddpm_posterior(x_s, x, beta, bar, before):
    """Mean and variance of x_{s-1} given x_s and x; bar and before are the ᾱ of s and s - 1."""
    mean = (np.sqrt(before) * beta * x + np.sqrt(1 - beta) * (1 - before) * x_s) / (1 - bar)
    return mean, (1 - before) / (1 - bar) * beta


def reverse_variance(variance, beta, before):
    """Variance of x_{s-1} given x_s alone, for Gaussian data of this variance."""
    prior = 1 - before + before * variance
    return beta * prior / (beta + (1 - beta) * prior)


def residual(a, b):
    """Variance of a (N,) that is left after the best straight line in b (N,)."""
    return np.var(a - np.cov(a, b)[0, 1] / np.var(b, ddof=1) * b)


betas = np.linspace(1e-4, 0.02, 1_000)  # Ho et al. 2020, section 4
bars = np.concatenate([[1.0], np.cumprod(1 - betas)])
n, x = 400_000, 0.8
for s in (2, 50, 400):
    beta, bar, before = betas[s - 1], bars[s], bars[s - 1]
    x_before = np.sqrt(before) * x + np.sqrt(1 - before) * rng.standard_normal(n)
    x_s = np.sqrt(1 - beta) * x_before + np.sqrt(beta) * rng.standard_normal(n)
    mean, variance = ddpm_posterior(x_s, x, beta, bar, before)
    assert np.isclose(np.mean(x_before - mean), 0, atol=1e-3) and np.isclose(
        np.var(x_before - mean), variance, rtol=0.01
    )
    assert abs(np.corrcoef(x_before - mean, x_s)[0, 1]) < 0.01, "nothing is left to predict"
    print(f"s = {s:3}: posterior variance {variance:.6f}, by simulation {np.var(x_before - mean):.6f}, β = {beta:.6f}")
    for spread in (0.3, 1.0):
        x_before = rng.standard_normal(n) * np.sqrt(1 - before + before * spread)
        x_s = np.sqrt(1 - beta) * x_before + np.sqrt(beta) * rng.standard_normal(n)
        assert np.isclose(residual(x_before, x_s), reverse_variance(spread, beta, before), rtol=0.01)
    assert np.isclose(reverse_variance(0.0, beta, before), variance) and np.isclose(
        reverse_variance(1.0, beta, before), beta
    )

# %% [markdown]
# **What the network predicts.** DDPM's network predicts the noise $\varepsilon$; others predict the image. Since $x_s=\sqrt{\bar\alpha}\,x+\sqrt{1-\bar\alpha}\,\varepsilon$, each of the two gives the other, and both give the velocity $x-\varepsilon$. As losses they differ by a weight that depends on time only: at $x_t=tx+(1-t)\varepsilon$ an error $\delta$ of the predicted noise is an error $-\delta/t$ of the velocity, and an error $\delta$ of the image is $\delta/(1-t)$.
#
# **The change of coordinates.** Divide DDPM's $x_s$ by $\sqrt{\bar\alpha_s}+\sqrt{1-\bar\alpha_s}$. The two weights then add up to 1:
#
# $$y=\frac{x_s}{\sqrt{\bar\alpha_s}+\sqrt{1-\bar\alpha_s}}=t\,x+(1-t)\,\varepsilon,\qquad t=\frac{\sqrt{\bar\alpha_s}}{\sqrt{\bar\alpha_s}+\sqrt{1-\bar\alpha_s}}.$$
#
# That is flow matching's $x_t$. So a network trained one way can be used the other way. The deterministic sampler of DDPM's networks, **DDIM** ([Song et al. 2020](https://arxiv.org/abs/2010.02502)), takes the predicted image $\hat x$ and noise $\hat\varepsilon$ and mixes them anew for a later step $r<s$: $x_r=\sqrt{\bar\alpha_r}\,\hat x+\sqrt{1-\bar\alpha_r}\,\hat\varepsilon$. In our coordinates that reads $y_r=t_r\hat x+(1-t_r)\hat\varepsilon$, and also $y_s=t_s\hat x+(1-t_s)\hat\varepsilon$. Subtract:
#
# $$\boxed{\;y_r=y_s+(t_r-t_s)\,(\hat x-\hat\varepsilon)\;}\qquad\text{DDIM is Euler's method.}$$


# %%
def ddim_step(x_s, epsilon, bar_s, bar_r, std=0.0, fresh=0.0):
    """From ᾱ_s to ᾱ_r with predicted noise epsilon; std > 0 replaces part of it by fresh noise (DDPM's way)."""
    x = (x_s - np.sqrt(1 - bar_s) * epsilon) / np.sqrt(bar_s)
    return np.sqrt(bar_r) * x + np.sqrt(1 - bar_r - std**2) * epsilon + std * fresh


def flow_coordinates(x_s, bar):
    """DDPM's x_s as flow matching's x_t, and its time t."""
    total = np.sqrt(bar) + np.sqrt(1 - bar)
    return x_s / total, np.sqrt(bar) / total


x_s, epsilon = rng.standard_normal((2, 7, 3))
for s, r in ((1_000, 900), (500, 100), (60, 0)):
    (y_s, t_s), (y_r, t_r) = (
        flow_coordinates(x, bars[k]) for x, k in ((x_s, s), (ddim_step(x_s, epsilon, bars[s], bars[r]), r))
    )
    velocity = (y_s - epsilon) / t_s  # x - ε, from y = t x + (1 - t) ε
    assert np.allclose(y_r, y_s + (t_r - t_s) * velocity)
guess = (x_s - np.sqrt(1 - bars[50]) * epsilon) / np.sqrt(bars[50])  # the image that this noise implies
mean, variance = ddpm_posterior(x_s, guess, betas[49], bars[50], bars[49])
x_r = ddim_step(x_s, epsilon, bars[50], bars[49], np.sqrt(variance))
assert np.allclose(x_r, mean), "with the posterior's standard deviation it is DDPM's step"
_, t = flow_coordinates(0.0, bars[1:])
print(f"of DDPM's 1,000 steps {np.mean(t < 0.1):.0%} are at t < 0.1, {np.mean(t > 0.5):.0%} at t > 0.5")
assert np.mean(t < 0.1) > 0.3

# %% [markdown]
# So "flow matching or diffusion?" is a question about the schedule of times and weights, not about two kinds of model. (DDPM's linear schedule spends a large part of its steps where almost all is noise. In 2021 that was found by experiment and repaired with other schedules, [Nichol & Dhariwal](https://arxiv.org/abs/2102.09772); in the coordinates of this lesson you see it at a glance.)
#
# ## 5 · Pictures
#
# The functions of section 2 now get a network for pictures: a U-Net (lesson 13 uses one too) that is told the time inside each block. First **a short run of your own**: a narrow network and a few hundred steps. It is the same method as the shipped model, with a small part of its training.

# %%
train, test = data.load_fashion("train"), data.load_fashion("test")
pictures = images.to_float(train.images)
STEPS = runtime.pick(cpu=600, gpu=12_000)
mine = nets.time_unet((28, 28, 1), width=16, blocks=1)
step = trainer(mine, keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, STEPS), beta_2=0.99))
my_losses, started = [], time.perf_counter()
for _ in range(STEPS):
    x = pictures[rng.integers(0, len(pictures), 32)]
    my_losses.append(float(step(x, rng.standard_normal(x.shape, dtype=np.float32))))
print(f"{STEPS} steps in {time.perf_counter() - started:.0f} s")

flow, card = zoo.load("fashion-flow"), zoo.card("fashion-flow")
held_out = images.to_float(test.images[:500])
x_0 = rng.standard_normal(held_out.shape, dtype=np.float32)
t = ((np.arange(500) + 0.5) / 500).astype(np.float32)
shipped_loss = float(flow_loss(flow.network, tf.constant(held_out), tf.constant(x_0), tf.constant(t)))
flat = pictures[:20_000].reshape(20_000, -1)
affine = gaussian_loss(np.linalg.eigvalsh(np.cov(flat, rowvar=False)).clip(0))
print(f"loss: best affine velocity {affine:.4f}; your run {np.mean(my_losses[-50:]):.4f}; shipped {shipped_loss:.4f}")
print(
    f"shipped: {card['parameters']:,} weights, {card['training']['steps']:,} steps; yours: {mine.count_params():,}, {STEPS}"
)
assert shipped_loss < affine and shipped_loss < np.mean(my_losses[-50:])

noise = np.random.default_rng(7).standard_normal((14, 28, 28, 1), dtype=np.float32)
my_velocity = as_velocity(mine)
plots.side_by_side(
    {
        "data": test.images[:14],
        "one Euler step, shipped": euler(flow.velocity, noise, 1),
        f"your run, {STEPS} steps": np.clip(heun(my_velocity, noise, 8), -1, 1),
        "shipped weights": np.clip(heun(flow.velocity, noise, 8), -1, 1),
    },
    size=0.62,
    alt="Four rows of fourteen pictures. Real garments; fourteen times nearly the same grey mean garment, after one step of Euler's method; rough shapes from the short run; garments from the shipped weights.",
)

# %% [markdown]
# The second row is the boxed result of section 3, on pictures: one step, and the mean of 60,000 garments appears fourteen times. The last two rows start from the same noise.
#
# ### Scrub through the noise
#
# `DenoisingStrip` holds the whole way. Drag *Time* (or press play), change the number of steps and the solver, and watch the middle panel: it is what the network *expects* at the end, $x_t+(1-t)\,v$. At $t=0$ that is the mean picture; then it commits itself, coarse shape first.

# %%
strip = explore.DenoisingStrip(flow.velocity, noise[[1, 4, 9]], steps=(1, 2, 4, 8, 16))
strip.show()

# %%
kept = flow.flow(noise[:3], 8, keep=True)
expected = [diffusion.predicted_image(x, flow.velocity(x, k / 8), k / 8) for k, x in enumerate(kept[:-1])] + [kept[-1]]
rows = {}
for k in range(3):
    rows[f"picture {k + 1}: x at time t"] = np.stack([x[k] for x in kept])
    rows[f"picture {k + 1}: expected end"] = np.stack([x[k] for x in expected])
plots.side_by_side(
    {name: np.clip(x, -1, 1) for name, x in rows.items()},
    columns=[f"t = {k / 8:g}" for k in range(9)],
    size=0.72,
    alt="The way of three pictures in nine times: noise that clears into a garment, and below each the picture the network expects, which begins as the blurred mean of all garments and sharpens.",
)

# %% [markdown]
# ## 6 · How do I generate faster?
#
# The time for a picture is
#
# $$\text{evaluations}\times\text{time of one evaluation},$$
#
# and the second factor depends on the size of the network, on how many pictures share a batch, and on the machine. Lesson 11 is about the machine. Here are the others, each measured.
#
# ### Steps and solver
#
# When the shipped flow was trained, its pictures were measured at several numbers of steps, always from the same noise, with lesson 09's Fréchet distance in the features of the Fashion classifier. The numbers come from its card. GAN and VAE are measured now, on as many samples against the same held-out pictures.

# %%
few = card["few_steps"]
extract = metrics.FeatureExtractor("fashion", batch_size=250)
reference = extract(test.images)
gan, vae = zoo.load("fashion-gan"), zoo.load("fashion-vae")
DECODERS = {"GAN": (lambda z: gan(z, training=False), gan.input_shape[-1]), "VAE": (vae.decode, vae.latent_dim)}
compiled = {name: tf.function(decode, reduce_retracing=True) for name, (decode, _) in DECODERS.items()}


def timed(call):
    """Seconds of the fastest of seven calls, after one that compiles."""
    call()
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


distance, milliseconds = {}, {}
for name, (_, size) in DECODERS.items():
    z = np.random.default_rng(SEED).standard_normal((few["samples"], size), dtype=np.float32)
    drawn = [np.asarray(compiled[name](z[k : k + 250])) for k in range(0, len(z), 250)]
    distance[name] = metrics.frechet_distance(reference, extract(images.to_uint8(np.concatenate(drawn).clip(-1, 1))))
    milliseconds[name] = 4 * timed(lambda name=name, z=z: compiled[name](z[:250]))
x_0 = np.random.default_rng(SEED).standard_normal((250, 28, 28, 1), dtype=np.float32)
evaluation = 4 * timed(lambda: flow.velocity(x_0, 0.5))
print("milliseconds for a picture, in batches of 250, on this machine:")
print({name: round(value, 2) for name, value in milliseconds.items()} | {"flow, each evaluation": round(evaluation, 2)})
lines = ["| evaluations | Euler: distance | Heun: distance | ms a picture here |", "|---|---|---|---|"]
for n in few["euler"]:
    heuns = few["heun"].get(n, {}).get("frechet_distance", "–")
    lines.append(f"| {n} | {few['euler'][n]['frechet_distance']} | {heuns} | {int(n) * evaluation:.2f} |")
for name in DECODERS:
    lines.append(f"| {name}: 1 | {distance[name]:.1f} | | {milliseconds[name]:.2f} |")
lines.append(f"| real pictures | {few['frechet_floor_real_vs_real']} | | |")
curves = {name: {int(n): row["frechet_distance"] for n, row in few[name.lower()].items()} for name in ("Euler", "Heun")}
assert curves["Euler"][1] > 3 * min(curves["Euler"].values()), "one step is the mean picture"
Markdown("\n".join(lines))

# %%
figure, axes = plots.canvas(8, 4)
for number, (name, row) in enumerate(curves.items()):
    n, values = np.array(list(row)), np.array(list(row.values()))
    style = plots.STYLES[number] + plots.MARKERS[number]
    axes.plot(n * evaluation, values, style, color=plots.COLOURS[number], label=f"flow, {name}")
    if name == "Euler":
        for steps, value in row.items():
            axes.annotate(str(steps), (steps * evaluation, value), (4, 5), textcoords="offset points", fontsize=8)
for number, name in enumerate(DECODERS, 2):
    axes.plot(
        milliseconds[name],
        distance[name],
        plots.MARKERS[number + 1],
        color=plots.COLOURS[number],
        markersize=11,
        label=name,
    )
axes.axhline(few["frechet_floor_real_vs_real"], color=plots.GREY, linestyle=":", label="real against real")
axes.set(
    xscale="log",
    yscale="log",
    xlabel="milliseconds for a picture, on this machine",
    ylabel="Fréchet distance",
    title="Speed and quality: down and left is better",
)
for limits, mark in ((axes.get_xlim(), axes.set_xticks), (axes.get_ylim(), axes.set_yticks)):
    shown = [v for v in (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000) if limits[0] < v < limits[1]]
    mark(shown, shown)
axes.minorticks_off()
axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
lowest = {name: min(row.values()) for name, row in curves.items()}
figure.alt_text = (
    f"Fréchet distance against milliseconds on logarithmic axes. GAN: {distance['GAN']:.1f} at {milliseconds['GAN']:.2f} ms. "
    f"VAE: {distance['VAE']:.1f} at {milliseconds['VAE']:.2f} ms. The flow falls from {curves['Euler'][1]:.0f} at one evaluation "
    f"to {lowest['Euler']:.1f} with Euler and {lowest['Heun']:.1f} with Heun at up to 32 evaluations; the numbers at Euler's points are its steps."
)
figure

# %% [markdown]
# ### Batch and network
#
# A network called for one picture spends most of its time on being called. And the cost of an evaluation grows with the network's width; the weights do not matter for that, so untrained networks will do.

# %%
batches, widths = (1, 4, 16, 64, 256), (16, 32, 64)
per_batch = {name: [] for name in ("GAN", "flow, one evaluation")}
for n in batches:
    z = tf.random.normal((n, gan.input_shape[-1]))
    x = tf.random.normal((n, 28, 28, 1))
    per_batch["GAN"].append(timed(lambda z=z: compiled["GAN"](z)) / n * 1_000)
    per_batch["flow, one evaluation"].append(timed(lambda x=x: flow.velocity(x, 0.5)) / n * 1_000)
per_width = {}
for width in widths:
    untrained = nets.time_unet((28, 28, 1), width=width, blocks=1)
    call = as_velocity(untrained)
    per_width[width] = timed(lambda call=call: call(x_0[:64], 0.5)) / 64 * 1_000, untrained.count_params()
    print(f"width {width}: {per_width[width][1]:9,} weights, {per_width[width][0]:.2f} ms for a picture and evaluation")
figure, axes = plots.canvas(6.5, 3.2)
for number, (name, values) in enumerate(per_batch.items()):
    style = plots.STYLES[number] + plots.MARKERS[number]
    axes.plot(batches, values, style, color=plots.COLOURS[number], label=name)
axes.set(
    xscale="log", yscale="log", xlabel="pictures in a batch", ylabel="ms for a picture", title="Calling costs, too"
)
axes.set_xticks(batches, batches)
shown = [v for v in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if axes.get_ylim()[0] < v < axes.get_ylim()[1]]
axes.set_yticks(shown, shown)
axes.minorticks_off()
axes.legend(frameon=False, fontsize=9)
figure.alt_text = "Milliseconds for a picture against the batch size: " + "; ".join(
    f"{name} from {values[0]:.2f} alone to {min(values):.2f}" for name, values in per_batch.items()
)
assert all(min(values) < 0.7 * values[0] for values in per_batch.values()), "a batch is cheaper than single pictures"
assert per_width[64][0] > per_width[16][0]
figure

# %%
best = min(min(row.values()) for row in curves.values())
enough, solver = min((n, name) for name, row in curves.items() for n, value in row.items() if value < 1.2 * best)
answer = f"""
**How do I generate faster?** Measured on this machine; quality is the Fréchet distance of the table above.

| change | gain | price |
|---|---|---|
| fewer evaluations | {max(curves["Euler"]) / enough:.0f} times faster at {enough} evaluations ({solver}) than at {max(curves["Euler"])} | distance {curves[solver][enough]:.1f} instead of {best:.1f} at best |
| the other solver | at 8 evaluations Euler {curves["Euler"][8]:.1f}, Heun {curves["Heun"][8]:.1f}; at 32 {curves["Euler"][32]:.1f} and {curves["Heun"][32]:.1f} | none: try both |
| a batch instead of single pictures | {per_batch["flow, one evaluation"][0] / min(per_batch["flow, one evaluation"]):.1f} times (flow), {per_batch["GAN"][0] / min(per_batch["GAN"]):.1f} times (GAN) | memory; the first picture comes as late as the last |
| a narrower network | width 16 is {per_width[64][0] / per_width[16][0]:.1f} times faster than 64 | it has to be trained anew, and learns less |
| another family | GAN {enough * evaluation / milliseconds["GAN"]:.0f} times faster than the flow at {enough} evaluations | distance {distance["GAN"]:.1f}, and lesson 07 |
| one step by distillation | as many times as evaluations are saved | a second training (section 3) |
| compiled calls, precision, a GPU | lesson 11 | |
"""
Markdown(answer)

# %% [markdown]
# ### GAN, VAE, diffusion: the whole table
#
# Lesson 09 compared two families. Here is the third beside them, from the models' cards: all trained on the same 60,000 pictures and measured in the same features on the same number of samples. The flow is measured at its default of 8 steps of Heun's method. Mind the training times: each was trained once, with its own budget.

# %%
cards = {"GAN": zoo.card("fashion-gan"), "VAE": zoo.card("fashion-vae"), "flow": card}
assert len({(each["metrics"]["features"], each["metrics"]["samples"]) for each in cards.values()}) == 1, "comparable"
COLUMNS = {
    "frechet_distance": "Fréchet",
    "kernel_distance": "kernel",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
}
head = ["model", *COLUMNS.values(), "closer", "copies", "ms a picture here", "weights", "minutes of training"]
milliseconds["flow"] = 2 * flow.steps * evaluation
lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
for name, each in cards.items():
    values = [f"{each['metrics'][key]:.3g}" for key in COLUMNS]
    values += [f"{each['audit']['closer']:.2f}", f"{each['audit']['copies']:.3f}", f"{milliseconds[name]:.2f}"]
    lines.append(f"| {name} | " + " | ".join([*values, f"{each['parameters']:,}", f"{each['minutes']}"]) + " |")
best_of = {
    title: (max if key in ("precision", "recall", "density", "coverage") else min)(
        cards, key=lambda name, key=key: cards[name]["metrics"][key]
    )
    for key, title in COLUMNS.items()
}
lines.append("\nBest in each column: " + ", ".join(f"{title}: {name}" for title, name in best_of.items()) + ".")
seen = {name: each["training"]["steps"] * each["training"]["batch_size"] for name, each in cards.items()}
lines.append("\nPictures seen in training: " + ", ".join(f"{name} {count:,}" for name, count in seen.items()) + ".")
assert milliseconds["flow"] > 3 * milliseconds["GAN"], "the price of walking"
Markdown("\n".join(lines))

# %% [markdown]
# Read the row of the flow with its budget. A flow has to be right at *every* time, and what it gets wrong stays in the picture as leftover noise, which a classifier's features see at once; a GAN's single jump is trained against a judge of exactly that. Published diffusion models did overtake GANs ([Dhariwal & Nichol 2021](https://arxiv.org/abs/2105.05233)), with networks and trainings many thousand times larger than these. On a laptop, for pictures to look at, the table above is the answer, and not the fashion. What the flow has even here is a training that cannot collapse, and a dial. (Compare Euler and Heun, too: what held for the exact velocity of section 3 need not hold for a network. The order of a solver counts on a velocity that is smooth and right, and Heun spends half of its evaluations at points that lie off the path, where the network is less sure. "Try this" has an experiment.)
#
# | | GAN | VAE | diffusion, flow matching |
# |---|---|---|---|
# | evaluations for a picture | one | one | several to many |
# | training | a game: can collapse or oscillate (07) | one loss that falls | one loss that falls: a regression |
# | what the loss says | little | a bound on the likelihood | the gap to a minimum that is not 0 |
# | variety | not demanded by the loss | every picture must be encoded | every picture is a target of the regression |
# | code of a given picture | by search (12) | the encoder | the flow run backwards |
# | a dial between speed and quality | none | none | the number of steps |

# %% [markdown]
# ## 7 · What did the model learn?
#
# Three ways to look inside a generator or a classifier, and one that only diffusion has. Each can deceive, so each is held against something known: a control, or the drawn faces, whose parts we can change one at a time (`DATA.md`). Lesson 04 has found directions for *attributes*; here we ask what is in the network before anybody asks for attributes.
#
# ### Units: switch one off
#
# Cut the generator behind a layer. A **unit** is one of its channels. Set it to zero and look at what disappears ([Bau et al. 2018](https://arxiv.org/abs/1811.10597)). A classifier reads how the log-odds of glasses, $\ln p/(1-p)$, change: a probability near 1 hardly moves, whatever is switched off. Suppose we pick the unit with the largest effect out of 128. Then beware: the largest of many noisy numbers is too large. So its effect is measured again on **fresh** codes, beside that of random units.

# %%
faces_gan, judge = zoo.load("faces-gan"), zoo.load("faces-classifier")
names = data.face_names()
# The last layer at 8 × 8 pixels: 128 channels behind the activation.
LAYER = [layer.name for layer in faces_gan.layers if layer.output.shape[1:] == (8, 8, 128)][-1]
ask = tf.function(lambda x: judge(x, training=False), reduce_retracing=True)


def glasses(x):
    """Log-odds of glasses, of any kind, for each picture (N, 1)."""
    logits = ask(tf.constant(x))["glasses"]
    return {"glasses": tf.reduce_logsumexp(logits[:, 1:], axis=1, keepdims=True) - logits[:, :1]}


codes = rng.standard_normal((32, faces_gan.input_shape[-1]), dtype=np.float32)
effects = interpret.unit_effects(faces_gan, LAYER, codes, score=glasses)
effect = effects.scores["glasses"][:, 0]
chosen = int(np.argmin(effect))
rivals = [int(unit) for unit in rng.permutation([unit for unit in range(len(effect)) if unit != chosen])[:8]]
fresh_codes = rng.standard_normal((96, faces_gan.input_shape[-1]), dtype=np.float32)
again = interpret.unit_effects(faces_gan, LAYER, fresh_codes, score=glasses, units=[chosen, *rivals])
again = again.scores["glasses"][:, 0]
print(f"unit {chosen}, the best of {len(effect)} on {len(codes)} codes: log-odds of glasses {effect[chosen]:+.2f}")
print(
    f"the same unit on 96 fresh codes: {again[0]:+.2f}; eight random units: {again[1:].mean():+.2f} ± {again[1:].std():.2f}"
)

head, tail = interpret.split(faces_gan, LAYER)
wearing = fresh_codes[np.argsort(-glasses(faces_gan(fresh_codes, training=False))["glasses"][:, 0])[:10]]
activations = np.array(head(wearing))
views = {"as drawn": np.asarray(tail(activations))}
left, ranked, at_random = {}, np.argsort(effect), rng.permutation(len(effect))
for name, off in {
    "without the best unit": ranked[:1],
    "without the best 4": ranked[:4],
    "without the best 24": ranked[:24],
    "without 24 at random": at_random[:24],
}.items():
    ablated = activations.copy()
    ablated[..., off] = 0
    views[name] = np.asarray(tail(ablated))
    left[name] = float(np.mean(tf.sigmoid(glasses(views[name])["glasses"])))
print("probability of glasses on ten faces that wear them:", {name: round(value, 2) for name, value in left.items()})
assert again[0] < again[1:].min(), "on fresh codes it still does more than random units"
assert left["without the best 24"] < left["without 24 at random"] - 0.1 and left["without the best unit"] > 0.7
plots.side_by_side(
    {name: x[:5] for name, x in views.items() if name != "without the best 4"},
    size=0.72,
    alt="Five generated faces with glasses in four rows: as drawn; without the one and the twenty-four units that matter most for glasses, where some glasses fade; and without twenty-four random units.",
)

# %% [markdown]
# The number that was *selected*, the largest of 128 noisy ones, is on average too large; the one on fresh codes is the one to report. It is well outside the random units', so the effect is real. It is also **small**: without this unit the faces keep their glasses. Only two dozen of such units together take them off some faces, where two dozen random ones do little. What a network knows is *distributed*; "the glasses unit" would be a nice story and a false one.
#
# ### Saliency: what does the classifier look at?
#
# The gradient of a logit with respect to the pixels says which pixels would change it most ([Simonyan et al. 2013](https://arxiv.org/abs/1312.6034)). Averaged over noisy copies it is less ragged ([SmoothGrad](https://arxiv.org/abs/1706.03825)). Such maps look convincing, which is the danger. With drawn faces there is a truth: compose the same face with and without glasses, and the pixels that differ **are** the glasses. Score a map by the share of its strongest pixels that lie there, as many as the glasses have. And apply it to a network with random weights, which has learned nothing ([Adebayo et al. 2018](https://arxiv.org/abs/1810.03292)).

# %%
attributes = data.random_attributes(24, seed=5) | {"glasses": names["glasses"].index("square")}
with_glasses = images.to_float(data.compose_faces(attributes))
without = images.to_float(data.compose_faces(attributes | {"glasses": names["glasses"].index("none")}))
truth = np.abs(with_glasses - without).max(axis=-1) > 0.02


def hits(saliency):
    """Share of the strongest pixels that lie on the glasses, as many as the glasses have; mean over pictures."""
    shares = []
    for each, mask in zip(saliency, truth, strict=True):
        strongest = np.argsort(-each, axis=None)[: mask.sum()]
        shares.append(mask.ravel()[strongest].mean())
    return np.mean(shares)


def logit_of(network):
    """Return x -> how much more the network sees square glasses than none."""
    return lambda x: network(x, training=False)["glasses"][:, 2] - network(x, training=False)["glasses"][:, 0]


ignorant = nets.classifier((64, 64, 3), {"glasses": 3}, width=16, feature_dim=64)
maps = {
    "gradient": interpret.saliency_map(interpret.gradient(logit_of(judge), with_glasses)),
    "smoothed": interpret.saliency_map(interpret.smooth_gradient(logit_of(judge), with_glasses, samples=12)),
    "random network": interpret.saliency_map(interpret.gradient(logit_of(ignorant), with_glasses)),
}
scores = {name: hits(each) for name, each in maps.items()}
chance = truth.mean()
print({name: f"{value:.2f}" for name, value in scores.items()} | {"chance": f"{chance:.2f}"})
assert scores["gradient"] > 2 * chance and scores["gradient"] > scores["random network"]
grey = {name: np.rint(255 * each[:5, ..., None]).astype(np.uint8) for name, each in maps.items()}
plots.side_by_side(
    {"face": with_glasses[:5], "truth": np.where(truth[:5, ..., None], 255, 0).astype(np.uint8).repeat(3, -1)}
    | {name: each.repeat(3, -1) for name, each in grey.items()},
    size=0.72,
    alt="Five faces with square glasses; below, the pixels of the glasses in white; the gradient, its smoothed version, both brighter round the glasses; and the map of an untrained network.",
)

# %% [markdown]
# The map finds the glasses better than chance and better than a network that knows nothing; it is also far from a mask. It says where a small change *would matter* to this classifier, not what makes glasses.
#
# ### Directions: what varies together
#
# Take the activations of a layer for many codes, find their principal components, and carry these back to $z$ by least squares ([GANSpace](https://arxiv.org/abs/2004.02546); lesson 04 derives principal components). That gives the directions along which the *network* moves most, without any label. Name them afterwards, by asking the classifier what changes. Do they mean one thing each?

# %%
many_codes = rng.standard_normal((400, faces_gan.input_shape[-1])).astype(np.float32)
directions, shares = interpret.activation_directions(faces_gan, LAYER, many_codes, 3)
others = rng.standard_normal((6, directions.shape[1]))
others /= np.linalg.norm(others, axis=1, keepdims=True)
draw_faces = tf.function(lambda z: faces_gan(z, training=False), reduce_retracing=True)


def what_changes(direction, z=many_codes[:40]):
    """Mean change of the pixels, and of the reading of each attribute, from one unit before z to one behind."""
    before, behind = (draw_faces((z + side * direction).astype(np.float32)) for side in (-1, 1))
    seen = [{key: tf.nn.softmax(logits) for key, logits in ask(x).items()} for x in (before, behind)]
    readings = {key: np.abs(seen[1][key] - seen[0][key]).sum(axis=1).mean() / 2 for key in names}
    return np.mean(np.abs(behind - before)), readings


found, chance_found = [what_changes(each) for each in directions], [what_changes(each) for each in others]
for k, (pixels, readings) in enumerate(found):
    first = sorted(readings, key=readings.get, reverse=True)[:4]
    told = ", ".join(f"{key} {readings[key]:.0%}" for key in first)
    print(f"direction {k + 1}, {shares[k]:.0%} of the variance: pixels {pixels:.2f}; changed readings: {told}")
random_pixels = np.mean([pixels for pixels, _ in chance_found])
random_top = np.mean([max(readings.values()) for _, readings in chance_found])
print(
    f"random directions, mean of {len(others)}: pixels {random_pixels:.2f}; the most changed reading {random_top:.0%}"
)
leaders = [max(readings, key=readings.get) for _, readings in found]
assert min(pixels for pixels, _ in found) > 1.3 * random_pixels and len(set(leaders)) == 3
assert min(max(readings.values()) for _, readings in found) > random_top
steps = np.linspace(-2, 2, 5)
plots.side_by_side(
    {
        f"{name}": np.asarray(draw_faces((many_codes[7] + steps[:, None] * direction).astype(np.float32)))
        for name, direction in zip(
            [f"direction {k}" for k in (1, 2, 3)] + ["random"], [*directions, others[0]], strict=True
        )
    },
    columns=[f"{step:+.1f}" for step in steps],
    size=0.72,
    alt=f"One generated face moved along three principal directions, whose most changed attributes are {', '.join(leaders)}, and along a random one, five steps from -2 to +2.",
)

# %% [markdown]
# Without a single label the first directions find attributes that a person would name: read in each line which one leads. But the second and third readings change as well, though nothing links them in the data, where all attributes are drawn independently. A principal direction is what varies **most**, not what means **one thing**; lesson 04 has the theorem behind it.
#
# ### When is what decided? (diffusion only)
#
# Take a held-out picture $x$, put it at time $t$ with *fresh* noise, $x_t=(1-t)x_0+tx$, and let the flow finish it. What survives was already decided at time $t$; the rest is drawn anew ([Meng et al. 2021](https://arxiv.org/abs/2108.01073) use this to edit pictures).

# %%
classify = zoo.load("fashion-classifier")
subject = images.to_float(test.images[:48])
own = classify(subject, training=False)["label"].numpy().argmax(axis=1)
moments, kept_class, rows = (0.1, 0.3, 0.5, 0.7, 0.9), [], {"held-out picture": subject[:12]}
for t in moments:
    x = ((1 - t) * rng.standard_normal(subject.shape) + t * subject).astype(np.float32)
    x = np.clip(flow.flow(x, 5, start=t), -1, 1)
    kept_class.append(np.mean(classify(x, training=False)["label"].numpy().argmax(axis=1) == own))
    rows[f"from t = {t}"] = x[:12]
print("class kept:", {t: f"{share:.0%}" for t, share in zip(moments, kept_class, strict=True)})
assert kept_class[-1] > 0.8 > 0.5 > kept_class[0], "coarse first: late noise does not change what it is"
plots.side_by_side(
    rows,
    size=0.7,
    alt="Twelve held-out garments, and below each what the flow makes of it from five times: from early times another garment altogether, from the middle the same kind with other details, from late times nearly the same picture.",
)

# %%
Markdown(
    f"""
**What did the model learn?** In one place, with what each method cannot say:

| method | found here | how it deceives | the check |
|---|---|---|---|
| units, by ablation | the best of {len(effect)} units changes glasses by {effect[chosen]:+.2f}, on fresh codes by {again[0]:+.2f}; random units {again[1:].mean():+.2f} | the winner of many may look better than it is; one unit is not one thing | fresh codes, random units |
| saliency | {scores["gradient"]:.0%} of the strongest pixels lie on the glasses, chance {chance:.0%} | a plausible picture even of a network that knows nothing ({scores["random network"]:.0%}) | a true mask, random weights |
| principal directions | the first three lead with {", ".join(leaders)} | they mix attributes | readings of all attributes, random directions |
| attribute directions | lesson 04 | correlated attributes come along | composed faces (lesson 12) |
| what is decided when | the class survives from t = 0.5 in {kept_class[2]:.0%} of cases | it is a property of the noise schedule, too | held-out pictures |
"""
)

# %% [markdown]
# ## 8 · Has it memorised?
#
# Flow matching has a strange secret. Training never sees the true distribution, only $K$ training pictures. For *these* data, the exact minimiser of the loss is the velocity of section 1 with $\sigma=0$ and the training pictures as means. Near $t=1$ its posterior $w_k$ puts all weight on the nearest picture, and the flow ends there:
#
# $$\boxed{\;\text{the perfect minimiser of the training loss can only copy the training set.}\;}$$
#
# That a network makes *new* pictures is because it **cannot** reach its minimum: too small, too smooth, too few passes. Where those limits weaken, on pictures seen hundreds of times by a large network, diffusion models do give training pictures back ([Carlini et al. 2023](https://arxiv.org/abs/2301.13188)). So measure it.


# %%
def copying_flow(x, means, steps):
    """Follow the exact velocity for data that are the points means (K, d); its last step is the predicted end."""
    for k in range(steps):
        x = x + exact_velocity(x, k / steps, means, 0.0) / steps
    return x


K = 300
bank, unseen = (images.to_float(x.images[:K]).reshape(K, -1) for x in (train, test))
copies = copying_flow(rng.standard_normal((28, 784)), bank, 50)
gaps = [np.sqrt(np.mean((bank - each) ** 2, axis=1)) for each in copies]
nearest = np.array([gap.argmin() for gap in gaps])
distances = np.array([gap.min() for gap in gaps])
audit = metrics.memorisation(bank, unseen, copies)
print(
    f"the exact minimiser for {K} pictures: {np.mean(distances < 0.02):.0%} of its samples are copies, of {len(set(nearest))} pictures"
)
print(
    f"lesson 09's audit: closer {audit['closer']:.2f}, copies {audit['copies']:.2f}; fresh data would have 0.50 and 0.01"
)
print(
    f"the shipped flow, of 60,000, from its card: closer {card['audit']['closer']:.2f}, copies {card['audit']['copies']:.3f}"
)
assert np.mean(distances < 0.02) > 0.9 and audit["closer"] > 0.95, "a copier, and the audit sees it"
assert card["audit"]["copies"] < 0.05, "no more than a few are nearer than fresh data nearly ever are"

mine_drawn = np.clip(flow.flow(noise, 8), -1, 1)
flat = pictures.reshape(len(pictures), -1)
squares = np.sum(flat**2, axis=1) - 2 * mine_drawn.reshape(len(noise), -1) @ flat.T
rows = {
    "exact minimiser": copies[:14].reshape(-1, 28, 28, 1).clip(-1, 1),
    f"its nearest of {K}": bank[nearest[:14]].reshape(-1, 28, 28, 1),
    "shipped flow": mine_drawn,
    "its nearest of 60,000": pictures[squares.argmin(axis=1)],
}
plots.side_by_side(
    rows,
    size=0.62,
    alt="Fourteen samples of the exact minimiser and the nearest training pictures, which are identical; fourteen samples of the shipped flow and the nearest training pictures, which are alike in kind and differ in detail.",
)

# %% [markdown]
# Look at the last two rows with your own eyes. Similar in kind is what generation means; the same in detail would be a copy. And an audit can only find copies that are near *in its features*: it lowers a risk and does not prove an absence.
#
# ## 9 · Where does a picture come from?
#
# Whoever publishes generated pictures owes the viewer three answers: was it made by a machine, by which one, and from whose work did that learn?
#
# ### A mark that survives saving
#
# An invisible **watermark** ([Cox et al. 1997](https://doi.org/10.1109/83.650120)) for a secret key: cut the picture into blocks of $8\times8$ pixels, as JPEG does, transform each with the discrete cosine transform, and move seven low frequencies by $\pm5$ grey levels, with signs drawn from the key. To detect it, count how many of the $n$ coefficients have the key's sign.
#
# **False positives, exactly.** Take any picture made without the key. Its coefficients have whatever signs they have. The key's signs are fair coins thrown independently of it, so each agrees with probability ½ and the number of agreements $X$ is binomial. If $k$ agree,
#
# $$\boxed{\;p=P(X\ge k)=2^{-n}\sum_{j=k}^n\binom nj,\qquad P(p\le\alpha)\le\alpha\;}$$
#
# The second statement holds because $p$ is the tail of $X$'s own distribution: $p\le\alpha$ means $X\ge k_\alpha$ for the smallest $k_\alpha$ whose tail is at most $\alpha$. Nothing is assumed about pictures; the chance is in the key. **A rule such as "60 % agree" has no such rate**: it depends on $n$.


# %%
def binomial_tail(k, n):
    """P(X ≥ k) for n fair coins, by exact whole numbers."""
    return sum(math.comb(n, j) for j in range(k, n + 1)) / 2**n


def said(p):
    """A probability in words; the smallest are 0 in floating point."""
    return f"= {p:.2g}" if p > 0 else "< 1e-300"


face = images.to_uint8(np.asarray(faces_gan(fresh_codes[:1], training=False)))[0]
large = face.repeat(6, axis=0).repeat(6, axis=1)  # 384 x 384, the size of an exported picture
KEY = "a long secret that is not in the repository"
marked = provenance.watermark(large, KEY)
change = marked.astype(float) - large
psnr = 10 * np.log10(255**2 / np.mean(change**2))
found, innocent = provenance.detect(marked, KEY), provenance.detect(large, KEY)
print(f"the mark changes the picture by {np.sqrt(np.mean(change**2)):.2f} grey levels, PSNR {psnr:.1f} dB")
print(f"marked: {found['agreeing']:,} of {found['coefficients']:,} agree, p {said(found['p_value'])}")
print(f"not marked: {innocent['agreeing']:,} of {innocent['coefficients']:,} agree, p {said(innocent['p_value'])}")
assert found["p_value"] < 1e-20 and psnr > 40
assert np.isclose(binomial_tail(60, 90), provenance.binomial_tail(60, 90))

small = large[:64, :64]
p_values = np.array([provenance.detect(small, f"key {k}")["p_value"] for k in range(2_000)])
for alpha in (0.05, 0.01):
    print(f"2,000 other keys: p ≤ {alpha} for {np.mean(p_values <= alpha):.4f} of them")
    assert np.mean(p_values <= alpha) < alpha + 4 * np.sqrt(alpha / 2_000), "the stated rate, up to luck"
for n in (10, 100, 1_000):
    print(f"'60 % agree' on {n:5,} coefficients: false positive rate {binomial_tail(math.ceil(0.6 * n), n):.1e}")
assert binomial_tail(6, 10) > 0.3 > 1e-6 > binomial_tail(600, 1_000)

# %% [markdown]
# ### What it survives


# %%
def saved(x, kind, **options):
    """The picture after saving and opening it again."""
    buffer = io.BytesIO()
    Image.fromarray(x).save(buffer, kind, **options)
    return np.asarray(Image.open(io.BytesIO(buffer.getvalue())))


def resized(x, factor):
    """The picture made smaller and enlarged again."""
    side = round(len(x) * factor)
    return np.asarray(Image.fromarray(x).resize((side, side)).resize((len(x), len(x))))


attacks = {
    "saved as PNG": saved(marked, "PNG"),
    **{f"saved as JPEG, quality {q}": saved(marked, "JPEG", quality=q) for q in (90, 75, 50, 20)},
    "10 % brighter": (marked * 1.1).clip(0, 255).astype(np.uint8),
    "noise of 8 grey levels": np.rint(marked + 8 * rng.standard_normal(marked.shape)).clip(0, 255).astype(np.uint8),
    "a quarter painted white": np.where(np.arange(384)[:, None, None] < 96, 255, marked).astype(np.uint8),
    "half the size and back": resized(marked, 0.5),
    "half the size": np.asarray(Image.fromarray(marked).resize((192, 192))),
    "cropped by 8 pixels": marked[8:, 8:],
    "cropped by 3 pixels": marked[3:, 3:],
    "mirrored": marked[:, ::-1],
}
lines, survived = ["| what was done | p | found at p < 10⁻⁶ |", "|---|---|---|"], {}
for name, x in attacks.items():
    p = provenance.detect(np.ascontiguousarray(x), KEY)["p_value"]
    survived[name] = p < 1e-6
    lines.append(f"| {name} | {said(p)} | {'yes' if survived[name] else '**no**'} |")
assert survived["saved as PNG"] and survived["saved as JPEG, quality 75"] and survived["10 % brighter"]
assert not any(survived[name] for name in ("mirrored", "cropped by 3 pixels", "half the size"))
Markdown("\n".join(lines))

# %% [markdown]
# So: robust to saving, useless against a pair of scissors or an enemy. The positions count, so a crop, a mirror or another size loses it (enlarge it back, and it is there again), and whoever has the key can remove it or put it into any picture. A found mark is good evidence for a mark; **a mark not found says nothing**.
#
# ### Facts in the file, and a model card
#
# The other way is to *write it down* inside the file: title, model and the SHA-256 of its weights, seed, date. Everybody can read that, and anybody can strip or forge it; signed standards such as [C2PA](https://c2pa.org/) add a signature. Use both: facts for the honest, a mark for copies that have lost their facts. And a **model card** ([Mitchell et al. 2018](https://arxiv.org/abs/1810.03993)) says for the model what the facts say for a picture.

# %%
record = provenance.facts("A face that nobody has", zoo.card("faces-gan"), seed=SEED)
file = provenance.png_bytes(face, record, scale=6, key=KEY)
print("read back:", provenance.read(file))
resaved = saved(np.asarray(Image.open(io.BytesIO(file))), "PNG")
buffer = io.BytesIO()
Image.fromarray(resaved).save(buffer, "PNG")
assert provenance.read(file) == record
assert provenance.read(buffer.getvalue()) is None, "the facts are gone after one more save ..."
assert provenance.detect(resaved, KEY)["p_value"] < 1e-6, "... and the mark is still there"
short = {key: card[key] for key in ("name", "what", "data", "licence", "parameters", "sha256", "training", "metrics")}
lines = provenance.model_card(short).splitlines()
Markdown("\n".join("###" + line if line.startswith("#") else line for line in lines))

# %% [markdown]
# ### Whose work, whose face?
#
# A metric does not answer this, and a licence alone does not either. Before you train or publish, go through:
#
# | question | in this course |
# |---|---|
# | **May I use the data?** A licence says what is allowed; "found on the web" is none | Fashion-MNIST: MIT. Face parts: Micah Lanier, CC BY 4.0; the name travels with the pictures. All in `DATA.md` |
# | **Did the people shown agree?** To be pictured is not to agree to be training data | nobody is shown: the faces are composed from drawings |
# | **Who is missing, who is a caricature?** A generator repeats and sharpens what its data have | the drawn attributes are few and say nothing about real people; the audit counts how often each appears |
# | **Could a picture be taken for a real person or event?** Then do not make it without consent, and never unmarked | drawn faces cannot |
# | **Do I say that it is generated?** Many platforms and laws ask for it, among them Article 50 of the [EU AI Act](https://eur-lex.europa.eu/eli/reg/2024/1689/oj) | the page of section 10 does |
# | **In the style of a living artist?** What is legal differs by country; what is decent begins with asking | lesson 14 uses works whose authors died long ago |
#
# ## 10 · Your own gallery
#
# Now make something, choose, and answer for it. A `Gallery` keeps the works that you choose under the titles that you give, walks between two of them, and exports PNG, GIF and one HTML page that needs no other file. Each export holds its facts, and with a key also the mark. First the course's own, written to a temporary folder:

# %%
room = gallery.Gallery(Path(tempfile.mkdtemp()), artist="Course example", key=KEY)
faces_card, DIM = zoo.card("faces-gan"), faces_gan.input_shape[-1]
decode_faces, _ = explore.base.compiled_decoder(faces_gan, DIM)
candidates = np.random.default_rng(11).standard_normal((12, DIM))
sheet = decode_faces(candidates)
for place, title in ((0, "The neighbour"), (5, "Waiting for the tram"), (8, "Second cup")):
    room.add(sheet[place], title, faces_card, z=candidates[place], seed=11, picture=place)
garment = images.to_uint8(mine_drawn[4:5])[0]
room.add(garment, "Never worn", card, seed=7, picture=4, steps=8)
room.move(3, 0)
way = room.between(1, 3, decode_faces, n=7)
plots.side_by_side(
    {"candidates": sheet[:7], f"{room[1]['title']} to\n{room[3]['title']}": way},
    size=0.72,
    alt="Above, seven of twelve candidate faces. Below, seven faces on the way from the first chosen work to the third.",
)

# %%
written = [
    room.export_png(1),
    room.export_gif(1, 3, decode_faces, n=10, fps=8),
    room.export_html(
        title="Four works", cards=[faces_card, card], statement="Chosen from a dozen, and titled by hand."
    ),
]


class References(html.parser.HTMLParser):
    """Collect everything in a page that could load something, and the pictures inside it."""

    def __init__(self):
        super().__init__()
        self.outside, self.pictures = [], []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data", "poster") and value:
                (self.pictures if value.startswith("data:") else self.outside).append(value)
        if tag in ("script", "link", "iframe", "object", "embed"):
            self.outside.append(tag)


page = References()
text = written[-1].read_text("utf-8")
page.feed(text)
assert not page.outside and "url(" not in text and "@import" not in text, "one file, nothing loaded, nothing run"
assert len(page.pictures) == len(room)
for path in written:
    facts = provenance.read(path)
    print(
        f"{path.name}: {path.stat().st_size / 1_000:.0f} kB; says: {facts.get('title')!r}, by {facts.get('artist')!r}"
    )
    assert facts["artist"] == "Course example"
assert provenance.detect(np.asarray(Image.open(written[0])), KEY)["p_value"] < 1e-6
small = images.gif_bytes(np.concatenate([way, way[-2:0:-1]]), 8)  # as exported, but small and without the mark
plots.show(small, alt=f"Animation: {room[1]['title']} becomes {room[3]['title']} and turns back.", width=192)

# %% [markdown]
# The page carries a policy that forbids it to load or run anything, and descriptions for readers who do not see the pictures. Read the facts of your own files with `provenance.read(path)`.
#
# **Now yours.** Look through sheets, type a title, press *Keep it*; walk between two works; press *Export page* and open the file in a browser. Your works stay in the folder `gallery` when you close the notebook. Choose a secret of your own as `key`. To show garments of the flow instead of faces, give `flow.decode` and `latent_dim=784`.

# %%
my_room = gallery.Gallery("gallery", artist="", key=None)
studio = explore.Gallery(faces_gan, my_room, model=faces_card, cards=[faces_card], seed=21)
studio.show()

# %% [markdown]
# ## When something goes wrong
#
# | what you see | likely cause | look at |
# |---|---|---|
# | the loss stops falling at 0.3 or 1.5 | nothing is wrong: the minimum is not 0 | section 2; the samples |
# | samples are all the same grey mean | one step, or $t$ does not reach the network | the boxed result of section 3 |
# | samples explode | target with swapped ends; time running the other way | the check of section 3 |
# | blurred, little variety | too few Euler steps | section 3; the curve of section 6 |
# | noise left in the samples | Heun with very few steps; training too short | one Heun step leaves half of the noise |
# | more steps do not help | the network is the limit | section 6 |
# | fine shapes, wrong contrast | pictures not in $[-1,1]$; not clipped before saving | lesson 00 |
#
# ### Try this
#
# - In section 1 make $\sigma$ smaller. Do the paths bend more or less? Predict how many Euler steps you need, then measure.
# - Run `heun(flow.velocity, noise, 1)` and look at the pictures. Which boxed result do you see?
# - Take Heun's steps but make the last one Euler's, so that the network is never asked at $t=1$. How much of the difference in section 6 goes away?
# - Use `flow.flow(x, 8, start=1.0, end=0.0)` on a test picture and look at its noise. Is it white?
# - Draw $t$ from a distribution with more of the middle (`diffusion.TIMES["logit_normal"]`). Does the loss fall or rise? Is that an improvement?
# - In section 8 use only 20 training pictures. Then train your short run on these 20 for 2,000 steps. Does it copy?
# - Mark a picture twice with two keys. Are both found?
#
# ## Summary
#
# - Follow the mean velocity $u(x,t)=\mathbb E[x_1-x_0\mid x_t=x]$ from noise, and you arrive at the data. Least squares learns $u$; its least loss is $\frac\pi2\sqrt\lambda$ for each axis of Gaussian data, and not 0.
# - One Euler step gives the mean, one Heun step the mean under half of the noise; few steps lose variety.
# - DDPM is the same in other coordinates, DDIM is Euler's method, and the variance of a reverse step lies between $\tilde\beta_s$ and $\beta_s$.
# - Faster: the fewest steps at which the curve is flat, the right solver, batches, a smaller network, distillation; each measured in section 6.
# - Look inside with a control: fresh codes and random units for ablation, a true mask and random weights for saliency, all attributes for directions.
# - The perfect minimiser copies its training set. Audit.
# - A watermark has a false-positive rate that is known exactly, and limits that are known, too. Facts in the file, a model card, consent.
#
# ## References
#
# - Lipman et al. 2022, *Flow Matching for Generative Modeling*, [arXiv:2210.02747](https://arxiv.org/abs/2210.02747); Liu, Gong & Liu 2022, *Flow Straight and Fast*, [arXiv:2209.03003](https://arxiv.org/abs/2209.03003); Albergo & Vanden-Eijnden 2022, [arXiv:2209.15571](https://arxiv.org/abs/2209.15571)
# - Ho, Jain & Abbeel 2020, *Denoising Diffusion Probabilistic Models*, [arXiv:2006.11239](https://arxiv.org/abs/2006.11239); Song, Meng & Ermon 2020, *DDIM*, [arXiv:2010.02502](https://arxiv.org/abs/2010.02502); Nichol & Dhariwal 2021, [arXiv:2102.09772](https://arxiv.org/abs/2102.09772)
# - Song et al. 2020, *Score-Based Generative Modeling through SDEs*, [arXiv:2011.13456](https://arxiv.org/abs/2011.13456); Karras et al. 2022, *Elucidating the Design Space*, [arXiv:2206.00364](https://arxiv.org/abs/2206.00364)
# - Bau et al. 2018, *GAN Dissection*, [arXiv:1811.10597](https://arxiv.org/abs/1811.10597); Härkönen et al. 2020, *GANSpace*, [arXiv:2004.02546](https://arxiv.org/abs/2004.02546); Adebayo et al. 2018, *Sanity Checks for Saliency Maps*, [arXiv:1810.03292](https://arxiv.org/abs/1810.03292)
# - Carlini et al. 2023, *Extracting Training Data from Diffusion Models*, [arXiv:2301.13188](https://arxiv.org/abs/2301.13188)
# - Cox et al. 1997, *Secure Spread Spectrum Watermarking*, [doi:10.1109/83.650120](https://doi.org/10.1109/83.650120); Mitchell et al. 2018, *Model Cards*, [arXiv:1810.03993](https://arxiv.org/abs/1810.03993)
#
# **Next:** the exercises of this lesson. Then there is no next lesson: there is your gallery. Send somebody the page.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0.*
