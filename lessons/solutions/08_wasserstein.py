# %% [markdown]
# # Exercises 08 · Wasserstein, penalties, spectral norm
#
# Six tasks, 60 to 90 minutes: from one number to a small study. They belong to `notebooks/08_wasserstein.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
#
# Notation as in the lesson: $f$ the critic, $W_1$ the Wasserstein distance with Euclidean cost, $\lambda$ the weight
# of the gradient penalty, $\sigma$ the largest singular value of a matrix.

# %%
import keras
import numpy as np
import tensorflow as tf

from course_lib import checks, planar, plots, runtime, transport

runtime.setup(0)

# %% [markdown]
# ## Task 1 · A bound from any critic
#
# Kantorovich and Rubinstein: $W_1$ is the largest value of $\frac1n\sum_i f(x_i) - \frac1m\sum_j f(y_j)$ over critics
# that obey $f(x_i) - f(y_j) \le \lVert x_i - y_j\rVert$ for every pair. You are given the values of *some* critic,
# which may be too steep. Divide it by the largest slope $\frac{f(x_i) - f(y_j)}{\lVert x_i - y_j\rVert}$ of all pairs
# of one $x$ and one $y$, and return the lower bound of $W_1$ that it then gives. (On the data of the check that slope is
# positive.)
#
# - `critic_x` `(n,)`, `critic_y` `(m,)`: the critic's values; `x` `(n, d)`, `y` `(m, d)`: the points, NumPy arrays
# - returns: a number
# - worked number: `x = [[3.0]]`, `y = [[0.0]]` with values `6` and `0` give slope 2 and the bound `3.0`, which is $W_1$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “From two price lists to one function”: what happens to the slopes of a critic, and to its difference of means, if it is divided by a number?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A table `(n, m)` of slopes: differences of values over Euclidean distances, by broadcasting, with the norm over the coordinates. The *largest* slope is what the critic has to be divided by, with its sign.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# After the division no pair is steeper than 1, so the critic is allowed, and the difference of its means is a lower bound: (mean over $x$ − mean over $y$) / largest slope. On the worked number the slope is $6/3=2$ and the bound $6/2=3$. A mean or a typical slope would leave some pairs too steep, and then nothing is proved.
#
# </details>


# %%
def transport_bound(critic_x, critic_y, x, y):
    """A lower bound of W1 from a critic's values: (n,), (m,), (n, d), (m, d) -> number."""
    ### BEGIN SOLUTION
    distance = np.linalg.norm(x[:, None] - y[None], axis=-1)  # (n, m)
    slope = (critic_x[:, None] - critic_y[None]) / distance
    return (critic_x.mean() - critic_y.mean()) / slope.max()
    ### END SOLUTION


# %%
checks.transport_bound(transport_bound)

# %% [markdown]
# ## Task 2 · What a soft penalty costs
#
# Predict before you run. A linear critic $f(x) = s\,\langle e, x\rangle$, where the unit vector $e$ points from the mean of the
# generated points to the mean of the real ones and $\Delta = 4$ is the distance of these means, is trained with the
# gradient penalty of weight $\lambda = 10$. Its objective is
#
# $$J(s) = \Delta\, s - \lambda\,(s - 1)^2.$$
#
# Which slope $s$ does it reach? (A hard Lipschitz constraint would stop it at 1.)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “What the penalty costs”, has this spring. Where does a parabola that opens downwards have its top?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Differentiate $J(s)$. At $s=1$ the penalty has no slope yet, but the first term has: so the critic goes further.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $J'(s)=\Delta-2\lambda(s-1)=0$, hence $s=1+\frac\Delta{2\lambda}$. Put in $\Delta=4$ and $\lambda=10$. A larger $\lambda$ brings $s$ nearer to 1, as a stiffer spring should.
#
# </details>

# %%
### BEGIN SOLUTION
slope = 1 + 4 / (2 * 10)  # J'(s) = Δ − 2 λ (s − 1) = 0
### END SOLUTION
slope

# %%
checks.penalised_slope(slope)

# %% [markdown] tags=["solution"]
# The critic's estimate of $W_1$ is then $\Delta s = 4.8$, a fifth too large: the penalty is a spring, and the data pull at it. The bias
# $\Delta^2/(2\lambda)$ grows with the distance, so a good generator feels it least.

# %% [markdown]
# ## Task 3 · The gradient penalty
#
# **3a. Where?** Return one point on the straight line from each real example to the fake one of the same index:
# $\hat x_i = x_i + \alpha_i\,(\tilde x_i - x_i)$ with one $\alpha_i$, uniform on $[0, 1]$, for each *example*.
#
# - `real`, `fake`: tensors `(N, H, W, C)`; use `tf.shape(real)[0]` for N, and TensorFlow's random numbers
# - returns: a tensor `(N, H, W, C)`
# - worked number: for `real = 0` and `fake = 1` everywhere, all pixels of one example are equal, for instance to 0.37

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, in the boxed loss: where between a real and a generated picture is the slope measured?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# One $\alpha$ for each example, the same for all its pixels: give it a shape that broadcasts, with ones in place of height, width and channels. And it is uniform on $[0,1]$, not normal.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Draw $\alpha$ of shape $(N,1,1,1)$ and return $x+\alpha(\tilde x-x)$: $\alpha=0$ is the real picture, $\alpha=1$ the fake one, and everything between lies on their straight line. On the worked number each example is one grey, another one for each example.
#
# </details>


# %%
def mixed_points(real, fake):
    """One uniformly chosen point between each real and fake example: (N, H, W, C), (N, H, W, C) -> (N, H, W, C)."""
    ### BEGIN SOLUTION
    alpha = tf.random.uniform((tf.shape(real)[0], 1, 1, 1))
    return real + alpha * (fake - real)
    ### END SOLUTION


# %%
checks.mixed_points(mixed_points)

# %% [markdown]
# **3b. What?** Write $\mathbb E\big[(\lVert\nabla_x f(x)\rVert_2 - 1)^2\big]$ at the given points. Two things to mind: the norm runs over all
# pixels of one example and not over the batch; and the penalty is differentiated once more, so that its gradient for the critic's weights has to
# be finite even where the critic is flat.
#
# - `critic`: a function, tensor `(N, H, W, C)` -> tensor `(N, 1)`; `points`: a tensor `(N, H, W, C)`
# - returns: a scalar tensor, not negative
# - worked number: a linear critic whose gradient has the norm 3 everywhere gives `4.0`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson has the formula in its box and four cases to test it on. The gradient here is with respect to the *points*.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The points are no variable, so the tape has to be told to watch them. Examples do not interact: the gradient of the *sum* of all scores holds each example's own gradient. Norm over axes 1, 2 and 3. What is the derivative of a root at 0?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Gradient `(N, H, W, C)`; squares summed over all but the first axis, `(N,)`; a tiny floor (such as $10^{-12}$) under the sum before the root is taken, so that its derivative stays finite; then the mean of $(\text{norm}-1)^2$ over the examples. On the worked number $(3-1)^2=4$. A floor added after the root would come too late.
#
# </details>


# %%
def penalty_of_slopes(critic, points):
    """E[(‖∇critic‖₂ − 1)²] at points (N, H, W, C) -> scalar tensor."""
    ### BEGIN SOLUTION
    with tf.GradientTape() as tape:
        tape.watch(points)
        total = tf.reduce_sum(critic(points))
    gradient = tape.gradient(total, points)
    squares = tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3])
    norm = tf.sqrt(tf.maximum(squares, 1e-12))
    return tf.reduce_mean(tf.square(norm - 1))
    ### END SOLUTION


# %%
checks.penalty_of_slopes(penalty_of_slopes)

# %% [markdown]
# ## Task 4 · The spectral norm by power iteration
#
# Read a convolution's kernel as the matrix $W$ with $h\cdot w\cdot c$ rows and $k$ columns, and repeat `rounds` times
# $v = Wu / \lVert Wu\rVert$, $u = W^\top v / \lVert W^\top v\rVert$. Return the estimate $\sigma = v^\top W u$ and the last $u$, which a layer keeps
# for its next call.
#
# - `kernel`: NumPy array `(h, w, c, k)`; `u`: `(k,)`; `rounds`: a positive integer
# - returns: a tuple (number, array `(k,)` of length 1)
# - worked number: a `(1, 1, 2, 2)` kernel with the matrix `[[3, 0], [0, 1]]` and many rounds give $\sigma = 3$ and $u = \pm(1, 0)$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 7 of the lesson, “Power iteration”. First make a matrix of the kernel.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The last axis holds the $k$ columns, the three others together the rows. In each round both vectors are brought to length 1, first $v$, then $u$ from the new $v$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Reshape to `(h·w·c, k)`. Each round: multiply by $W$, normalise, multiply by $W^\top$, normalise. At the end $\sigma=v^\top Wu$ with the last two vectors; return it with $u$, which has $k$ entries. On the worked number each round makes the first entry of $u$ nine times larger beside the second, so that soon only it is left.
#
# </details>


# %%
def power_iteration(kernel, u, rounds):
    """Estimate the largest singular value of a kernel (h, w, c, k): u (k,) -> (σ, new u)."""
    ### BEGIN SOLUTION
    w = kernel.reshape(-1, kernel.shape[-1])
    for _ in range(rounds):
        v = w @ u
        v = v / np.linalg.norm(v)
        u = w.T @ v
        u = u / np.linalg.norm(u)
    return v @ w @ u, u
    ### END SOLUTION


# %%
checks.power_iteration(power_iteration)

# %% [markdown]
# ## Task 5 · Read what others publish
#
# **5a.** This penalty is put together from lines that stand in published tutorials. The critic has neither BatchNorm nor
# dropout. One line draws the mixing weight from the wrong law; one lets the loss become NaN as soon as the critic is flat at a point. Which?
#
# ```python
# 1  alpha = tf.random.normal((batch_size, 1, 1, 1))
# 2  mixed = real + alpha * (fake - real)
# 3  with tf.GradientTape() as tape:
# 4      tape.watch(mixed)
# 5      score = critic(mixed, training=True)
# 6  gradient = tape.gradient(score, mixed)
# 7  norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3]))
# 8  penalty = tf.reduce_mean((norm - 1.0) ** 2)
# ```

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson: compare line by line with the boxed loss, and remember its case 3.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# From which law is $\alpha$ drawn in the box? And for NaN: which function has an infinite derivative at 0, so that infinity times 0 appears in the second differentiation?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# A weight outside of $[0,1]$ leaves the line between the two pictures: find the line that draws it. Where the critic is flat the squares sum to 0; the derivative of $\sqrt s$ is $\frac1{2\sqrt s}$: find the line that takes a root without a floor. Lines 4, 5 and 6 look suspicious and are right.
#
# </details>

# %%
### BEGIN SOLUTION
faults = {"mixing weight": 1, "NaN": 7}
### END SOLUTION
faults

# %%
checks.wgan_gp_faults(faults)

# %% [markdown]
# **5b.** A paper compares two losses over three seeds each, and all three distances of the new loss are below all
# three of the old one. Suppose the losses were equally good, so that every order of the six values is equally likely. How
# probable is it that the new one still wins so clearly?

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 9 of the lesson, “How to read it”: what can three seeds prove?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# If all orders of the six values are equally likely, only one thing matters: *which three* of the six places belong to the new loss. Count the choices.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# There are $\binom63$ choices of three places among six, all equally likely. The event is that the new loss has the three lowest places: how many of the choices is that? (The order among the three does not matter, and only the new loss counts as the winner.)
#
# </details>

# %%
### BEGIN SOLUTION
chance = 1 / 20  # of the 6! / (3! 3!) = 20 ways to place three values among six, one
### END SOLUTION
chance

# %%
checks.chance_of_separation(chance)

# %% [markdown] tags=["solution"]
# One in twenty, and the lesson's loss zoo compares many pairs: a few of them will look clear by luck. Three seeds can support a large
# difference and never a small one.

# %% [markdown]
# ## Task 6 · A study: how good is the estimate?
#
# Two clouds in the plane, two units apart. Train a new critic with each $\lambda\in\{0.5, 2, 10\}$ and compare its
# estimate of $W_1$ with the exact value. **Predict first**, with task 2 in mind: which $\lambda$ overestimates most?
#
# Complete the loss of the critic. Your functions of task 3 take `(N, H, W, C)`, so the points are stored as "images" of
# $1\times1$ pixel with two channels.
#
# - `real_scores`, `fake_scores`: the critic's values `(N, 1)`; `penalty`: your penalty; `weight`: $\lambda$
# - returns: a scalar that the critic's optimizer makes small

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, the boxed loss. The critic wants high scores for data and low ones for samples; its optimizer makes a number *small*.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Two means with opposite signs, and the penalty with its weight. Which mean has to go down when the critic improves?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# (Mean of the fake scores) − (mean of the real scores) + $\lambda$ · penalty. The better the critic separates, the lower it is: minus the estimate of $W_1$, plus the penalty. For the prediction: by task 2 the slope ends at about $1+\frac\Delta{2\lambda}$, so for which $\lambda$ is it steepest?
#
# </details>

# %%
rng = np.random.default_rng(0)
x = rng.normal(scale=0.3, size=(128, 2)) + [2.0, 0.0]
y = rng.normal(scale=0.3, size=(128, 2))
results = {"exact": transport.solve(x, y, p=1).cost}
real, fake = (tf.constant(points[:, None, None, :], tf.float32) for points in (x, y))


def critic_loss(real_scores, fake_scores, penalty, weight):
    """The Wasserstein critic's loss with a gradient penalty: (N, 1), (N, 1), scalar, number -> scalar."""
    ### BEGIN SOLUTION
    return tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores) + weight * penalty
    ### END SOLUTION


def estimate(weight, steps=600):
    """Train a critic with one λ; return the mean of its scores on x minus the mean on y."""
    keras.utils.set_random_seed(1)
    network = planar.discriminator(dim=2, width=32)
    optimizer = keras.optimizers.Adam(3e-3, beta_1=0.0, beta_2=0.9)
    optimizer.build(network.trainable_variables)

    def critic(points):
        return network(tf.reshape(points, (-1, 2)))

    @tf.function
    def train():
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                penalty = penalty_of_slopes(critic, mixed_points(real, fake))
                loss = critic_loss(critic(real), critic(fake), penalty, weight)
            weights = network.trainable_variables
            optimizer.apply(tape.gradient(loss, weights), weights)

    train()
    return float(tf.reduce_mean(critic(real)) - tf.reduce_mean(critic(fake)))


# %%
weights = [0.5, 2, 10]
for weight in weights:
    results[weight] = estimate(weight)
    print(f"λ = {weight:4}: estimate {results[weight]:.2f}, exact {results['exact']:.2f}")
plots.curves(
    {"critic's estimate": [results[w] for w in weights], "exact W1": [results["exact"]] * 3},
    x=weights,
    xlabel="weight λ of the gradient penalty",
    ylabel="W1 of the two clouds",
    alt="The critic's estimate falls towards the exact W1 as the weight of the penalty grows.",
)

# %%
checks.critic_study(results)

# %% [markdown] tags=["solution"]
# The weak penalty gives the steepest critic, and an estimate far above the exact value; at λ = 10 it is close. A critic with a
# gradient penalty tells distances up to this bias, which is why its loss is a curve to follow and not a number to publish.
