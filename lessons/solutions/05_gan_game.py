# %% [markdown]
# # Exercises 05 · The GAN game
#
# Six tasks, 60 to 90 minutes: from one line to an experiment of your own. They belong to `notebooks/05_gan_game.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes. Later tasks use your functions of
# earlier ones.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
#
# Notation as in the lesson: $p$ density of the data, $q$ of the generator's samples, $D = \sigma(a)$ with the logit $a$;
# natural logarithms, so that all divergences are in nats.

# %%
import numpy as np

from course_lib import checks, data, metrics, planar, plots, runtime

runtime.setup(0)

# %% [markdown]
# ## Task 1 · The best discriminator
#
# Given both densities, what does the best discriminator answer? Where *both* densities are 0 the game never asks; let it
# answer ½ there, without a division by zero.
#
# - `p`, `q`: NumPy arrays `(n,)`, densities at the same $n$ places, 0 or more
# - returns: an array `(n,)`, values in $[0, 1]$
# - worked number: $p = 0.1$ and $q = 0.3$ give `0.25`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “The best logit at one point”, boxes the answer. What is left is the place where nobody ever asks.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# It is $p/(p+q)$, which NumPy turns into $0/0$ where both are 0. `np.where` computes *both* its branches, so the division itself has to be made safe.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Let $s=p+q$. Divide by $s$ where it is positive and by any other number, say 1, where it is not; then put ½ into the places with $s=0$. On the worked number $0.1/0.4=0.25$.
#
# </details>


# %%
def best_discriminator(p, q):
    """D* at places with densities p and q: two arrays (n,) -> (n,) in [0, 1]."""
    ### BEGIN SOLUTION
    total = p + q
    return np.where(total > 0, p / np.where(total > 0, total, 1), 0.5)
    ### END SOLUTION


# %%
checks.best_discriminator(best_discriminator)

# %% [markdown]
# ## Task 2 · A divergence from a discriminator's logits
#
# A discriminator was trained on one set of samples and is now asked about samples that it has *not* seen. Section 2 turns
# its answers into a lower bound of the Jensen–Shannon divergence: solve $V \le 2\,\mathrm{JSD} - \ln 4$ for the JSD, and
# estimate $V$ by means. It must stay exact for logits such as ±900.
#
# - `real_logits` `(n, 1)`, `fake_logits` `(m, 1)`: NumPy arrays, any real numbers
# - returns: a number in nats, at most $\ln 2$ (it may be negative: a bad discriminator proves nothing)
# - worked number: if all logits are 0, the answer is `0.0`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “From samples: a lower bound, and how to fake one”.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# $V$ is the mean of $\log\sigma(a)$ over real plus the mean of $\log(1-\sigma(a))$ over fake logits. Do not form $\sigma$ first: at $a=900$ it is exactly 1. Which function of the logit is $-\log\sigma(a)$, and how does `np.logaddexp` compute it?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $-\log\sigma(a)=\log(1+e^{-a})$ and $-\log(1-\sigma(a))=\log(1+e^a)$, and `logaddexp` of 0 and $\pm a$ is safe for both. So $V=-\text{mean}\log(1+e^{-a_{\text{real}}})-\text{mean}\log(1+e^{a_{\text{fake}}})$, and the bound is $\frac12(V+\ln4)$. With all logits 0, $V=-2\ln2$ and the bound is 0; for a confident and right $D$, $V\to0$ and it is $\ln2$.
#
# </details>


# %%
def divergence_bound(real_logits, fake_logits):
    """A lower bound of the JSD in nats: held-out logits (n, 1) and (m, 1) -> number."""
    ### BEGIN SOLUTION
    # log σ(a) = −log(1 + e^(−a)) and log(1 − σ(a)) = −log(1 + e^a), and logaddexp(0, a) is log(1 + e^a), safely.
    value = -np.logaddexp(0, -real_logits).mean() - np.logaddexp(0, fake_logits).mean()
    return 0.5 * (value + np.log(4))
    ### END SOLUTION


# %%
checks.divergence_bound(divergence_bound)

# %% [markdown]
# Two Gaussians, $p = \mathcal N(0, 1)$ and $q = \mathcal N(2, 1)$, have $a^*(x) = \log p/q = 2 - 2x$. The best discriminator gives the whole
# divergence, a timid one (half the logit) and an overconfident one (four times the logit) give less.

# %%
rng = np.random.default_rng(0)
real, fake = rng.normal(0, 1, (100_000, 1)), rng.normal(2, 1, (100_000, 1))
x = np.linspace(-8, 10, 4001)
p, q = (np.exp(-0.5 * (x - mean) ** 2) / np.sqrt(2 * np.pi) for mean in (0, 2))
d = best_discriminator(p, q)
jsd = 0.5 * np.trapezoid(p * np.log(2 * d) + q * np.log(2 - 2 * d), x)
print(f"JSD by quadrature: {jsd:.4f} nats")
for factor, name in ((1, "the best"), (0.5, "a timid"), (4, "an overconfident")):
    print(f"bound from {name} discriminator: {divergence_bound(factor * (2 - 2 * real), factor * (2 - 2 * fake)):.4f}")

# %% [markdown]
# ## Task 3 · Who is pulled?
#
# **3a.** As functions of the logit $a$ of a generated sample, the generator's two losses are $\log(1 - \sigma(a))$ (saturating) and $-\log\sigma(a)$
# (non-saturating). Return the derivative of each with respect to $a$.
#
# - `a`: a NumPy array `(n,)` of logits
# - returns: a tuple of two arrays `(n,)`, saturating first
# - worked number: at $a = 0$ both are `-0.5`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 3 of the lesson, “Two losses, one direction”. Differentiate with the chain rule.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# $\sigma'=\sigma(1-\sigma)$: in each of the two losses one of these factors cancels. For large logits compute $\sigma$ in a form that does not overflow.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\frac d{da}\log(1-\sigma)=-\sigma$ and $\frac d{da}(-\log\sigma)=-(1-\sigma)$; a safe form is $\sigma(a)=\frac12(1+\tanh\frac a2)$. At $a=0$ both are $-\frac12$. Both are negative everywhere: the losses agree on the direction and differ in where they pull.
#
# </details>


# %%
def generator_slopes(a):
    """Derivatives by the logit: array (n,) -> (saturating (n,), non-saturating (n,))."""
    ### BEGIN SOLUTION
    d = 0.5 * (1 + np.tanh(a / 2))  # the sigmoid, safe for large logits
    return -d, -(1 - d)
    ### END SOLUTION


# %%
checks.generator_slopes(generator_slopes)

# %% [markdown]
# **3b.** Here is the logit of a discriminator on a line, as a curve and as a heat strip of $D(x) = \sigma(a(x))$, with four generated samples. A sample is pulled by
# $-\ell'(a)\,\frac{da}{dx}$: the slope that you have derived, times the slope of the curve.
#
# Read the picture: which sample is pulled hardest by the saturating loss? Which by the non-saturating one? And which is moved by neither?
#
# - answer: a dictionary with one letter, `"a"` to `"d"`, for each of the keys `"saturating"`, `"non-saturating"` and `"neither"`


# %%
def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))


def logit(x):
    """Two steep steps up, at −3 and 2.5, with a gentle slope between them, and a fall after the summit."""
    up = 4.5 * sigmoid(3 * (x + 3)) + 5 * sigmoid(0.9 * x) + 5 * sigmoid(3 * (x - 2.5))
    return -7.2 + up - 7 * sigmoid(2.5 * (x - 4.4))


samples = {"a": -3.0, "b": 2.5, "c": 0.2, "d": 3.371}
line = np.linspace(-5, 5, 801)
figure, (upper, lower) = plots.canvas(8, 4.2, 2, 1, height_ratios=[5, 1], sharex=True)
upper.plot(line, logit(line), color=plots.COLOURS[6], linewidth=2)
upper.axhline(0, color=plots.GREY, linewidth=1, linestyle=":")
for letter, place in samples.items():
    upper.plot(place, logit(place), "o", color=plots.COLOURS[1], markersize=9)
    upper.annotate(letter, (place, logit(place)), (0, 12), textcoords="offset points", ha="center", fontsize=12)
upper.set(
    ylabel="logit $a(x)$ of $D$", title="Four generated samples on the logit of a discriminator", ylim=(-8.5, 8.5)
)
picture = lower.imshow(sigmoid(logit(line))[None], aspect="auto", extent=(-5, 5, 0, 1), cmap="PuOr", vmin=0, vmax=1)
lower.set(xlabel="$x$", yticks=[], ylabel="$D(x)$")
lower.grid(False)
figure.colorbar(picture, ax=[upper, lower], label="$D(x)$: 0 fake, 1 real")
figure.alt_text = (
    "The logit of a discriminator over x. Sample a lies in the middle of a steep rise, at a logit of about minus 5; c on a gentle "
    "slope at 0; b on a second steep rise, at plus 4; d on the summit, at plus 6. The strip below shows the same as a probability."
)
figure

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A pull is a product of two factors: the slope from 3a at this logit, and the steepness of the curve at this place. Read both off the picture for each sample.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The saturating loss weighs with $\sigma(a)$, large where $D$ believes the sample; the non-saturating one with $1-\sigma(a)$, large where $D$ is sure of a fake. And where is the curve level?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Make a table of four rows: the logit (about −5, 4, 0 and 6), the steepness (steep, steep, gentle, none), and the two products. $\sigma(-5)\approx0.007$, $\sigma(0)=0.5$, $\sigma(4)\approx0.98$. The largest entry of each column answers the first two questions, the row of zeros the third.
#
# </details>

# %%
### BEGIN SOLUTION
pulled = {"saturating": "b", "non-saturating": "a", "neither": "d"}
### END SOLUTION
pulled

# %%
checks.strongest_pull(pulled)

# %% [markdown] tags=["solution"]
# Both a and b stand on steep places. At a, $D$ is sure of a fake: the saturating slope is $-D \approx -0.01$. At b, $D$ is sure of real, and
# $-(1-D)$ is as small. d is on the summit, where $da/dx = 0$: it stays, whatever the loss. Nothing in the colours alone tells the summit from a slope;
# arrows, as in GanLab, do.

# %% tags=["solution"]
for letter, place in samples.items():
    a, rise = logit(place), (logit(place + 1e-4) - logit(place - 1e-4)) / 2e-4
    saturating, non_saturating = (-slope * rise for slope in generator_slopes(np.array([a])))
    print(f"{letter}: logit {a:5.2f}, slope {rise:5.2f}, pulls {saturating[0]:6.3f} and {non_saturating[0]:6.3f}")

# %% [markdown]
# ## Task 4 · A GAN for another divergence
#
# **Neyman's χ²** is $\int \frac{(p-q)^2}{p}\,dx$, an f-divergence with $f(u) = \frac{(u-1)^2}{u} = u - 2 + \frac1u$ and $u = p/q$. It is not in the lesson's table. Derive its row.
#
# **4a.** The best critic $T^* = f'(u)$.
#
# - `u`: an array `(n,)` of ratios $p/q$, greater than 0
# - returns: an array `(n,)`, values below 1
# - worked number: at $u = 2$ it is `0.75`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson, “The conjugate, and a bound that samples can compute”: the bound is tight at $T^*=f'(u)$.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Use the second form of the statement, $f(u)=u-2+\frac1u$, and differentiate term by term.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The derivative of $\frac1u$ is $-\frac1{u^2}$, so $T^*=1-\frac1{u^2}$. At $u=2$: $1-\frac14=0.75$. For every $u>0$ it is below 1, as the statement says.
#
# </details>


# %%
def neyman_critic(u):
    """T* at ratios u = p/q: (n,) -> (n,)."""
    ### BEGIN SOLUTION
    return 1 - 1 / u**2
    ### END SOLUTION


# %%
checks.neyman_critic(neyman_critic)

# %% [markdown]
# **4b.** The convex conjugate $f^*(t) = \sup_{u>0}\{ut - f(u)\}$. Solve $f'(u) = t$ for $u$ on paper, and put it in.
#
# - `t`: an array `(n,)`, values below 1
# - returns: an array `(n,)`
# - worked number: at $t = 0.75$ it is `1.0`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson, “The table”, derives one row in full. Do the same steps with this $f$.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The supremum is where the derivative of $ut-f(u)$ vanishes, $f'(u)=t$. Solve $1-\frac1{u^2}=t$ for the positive $u$, and put it into $ut-f(u)$; do not forget the constant in $f$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $u=1/\sqrt{1-t}$. Then $ut-u+2-\frac1u=2-(1-t)u-\frac1u$, and with $s=\sqrt{1-t}$ each of the last two terms is $s$: what is left is $2-2s$. At $t=0.75$, $s=0.5$ and the result is 1.
#
# </details>


# %%
def neyman_conjugate(t):
    """f* at slopes t < 1: (n,) -> (n,)."""
    ### BEGIN SOLUTION
    # f'(u) = 1 − 1/u² = t at u = 1/√(1 − t), and ut − u + 2 − 1/u = 2 − (1 − t)u − 1/u there.
    return 2 - 2 * np.sqrt(1 - t)
    ### END SOLUTION


# %%
checks.neyman_conjugate(neyman_conjugate)

# %% [markdown]
# **4c.** The bound $\mathbb E_p[T] - \mathbb E_q[f^*(T)]$, estimated from the critic's outputs.
#
# - `t_real` `(n,)`, `t_fake` `(m,)`: arrays, the critic on data and on generated samples, all below 1
# - returns: a number
# - worked number: if all outputs are 0, the answer is `0.0`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The formula is in the statement (and in section 4 of the lesson): two expectations under two distributions.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The conjugate belongs to the generated samples only. The two sets may differ in size, so each gets its own mean, and the conjugate comes before the mean.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The mean of $T$ over data, minus the mean of $f^*(T)$ over samples, with your function from 4b. With all outputs 0, $f^*(0)=2-2=0$, so the bound is 0: a critic without an opinion proves nothing.
#
# </details>


# %%
def neyman_bound(t_real, t_fake):
    """The lower bound of Neyman's χ² from a critic's outputs: (n,), (m,) -> number."""
    ### BEGIN SOLUTION
    return t_real.mean() - neyman_conjugate(t_fake).mean()
    ### END SOLUTION


# %%
checks.neyman_bound(neyman_bound)

# %% [markdown]
# On samples of $p = \mathcal N(0, 1)$ and $q = \mathcal N(m, 1)$, where the divergence is $e^{m^2} - 1$: the best critic reaches it, half of it does not.

# %%
m = 0.7
real, fake = rng.normal(0, 1, 400_000), rng.normal(m, 1, 400_000)


def ratio(x):
    return np.exp(0.5 * (x - m) ** 2 - 0.5 * x**2)


best_bound = neyman_bound(neyman_critic(ratio(real)), neyman_critic(ratio(fake)))
half_bound = neyman_bound(0.5 * neyman_critic(ratio(real)), 0.5 * neyman_critic(ratio(fake)))
print(f"Neyman's χ² = {np.exp(m**2) - 1:.4f};  bound from T*: {best_bound:.4f},  from T*/2: {half_bound:.4f}")

# %% [markdown]
# ## Task 5 · The Dirac-GAN
#
# **5a.** Near its solution, the Dirac-GAN moves by $\dot\theta = c\,\psi$ and $\dot\psi = -c\,\theta$, with $c = \tfrac12$ for the losses of a classifier and $c = 1$ for Wasserstein's. Now $D$'s loss gets the R1 penalty
# $\tfrac\gamma2\psi^2$. Return the Jacobian of the motion at the solution.
#
# - `c`, `gamma`: numbers, 0 or more
# - returns: an array `(2, 2)`: the derivatives of $(\dot\theta, \dot\psi)$, one row each, by $\theta$ and $\psi$, one column each
# - worked number: for $c = \tfrac12$ and $\gamma = 1$ both eigenvalues are `-0.5`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “The Dirac-GAN” and “R1: friction”. Write down both motions first, with the penalty in the right one.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The penalty belongs to the loss of $D$, so only $\dot\psi$ changes; $D$ goes *down* its loss, along minus the derivative of $\frac\gamma2\psi^2$. Rows are motions, columns are what one differentiates by.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\dot\theta=c\,\psi$ has the derivatives $(0,c)$, and $\dot\psi=-c\,\theta-\gamma\psi$ has $(-c,-\gamma)$. Check the worked number without a computer: the trace is $-\gamma=-1$, the determinant $c^2=\frac14$, so $\lambda^2+\lambda+\frac14=(\lambda+\frac12)^2$.
#
# </details>


# %%
def dirac_jacobian(c, gamma):
    """The Jacobian at the solution in the order (θ, ψ): two numbers -> (2, 2)."""
    ### BEGIN SOLUTION
    return np.array([[0.0, c], [-c, -gamma]])
    ### END SOLUTION


# %%
checks.dirac_jacobian(dirac_jacobian)

# %% [markdown]
# **5b.** Simultaneous steps of size $\eta$ multiply the state by $I + \eta J$. They converge if $|1 + \eta\lambda| < 1$ for *every* eigenvalue $\lambda$ of $J$. Up to which $\eta$ is that so? Write it for any Jacobian.
#
# - `jacobian`: an array `(n, n)`
# - returns: a number, 0 or more; 0 if no step converges
# - worked number: with $c = \tfrac12$ and $\gamma = 0.3$ it is `1.2`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “Steps of finite size”. The eigenvalues are complex in general: where in the plane must $1+\eta\lambda$ lie?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# $|1+\eta\lambda|^2=1+2\eta\operatorname{Re}\lambda+\eta^2|\lambda|^2$. For which $\eta>0$ is it 1 again? Every eigenvalue has its own limit, and all have to be kept.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The limit of one eigenvalue is $\eta=-2\operatorname{Re}\lambda/|\lambda|^2$; take the smallest, and 0 if it is negative (a real part that is not negative spoils every step). On the worked number $|\lambda|^2=c^2=0.25$ and $\operatorname{Re}\lambda=-\frac\gamma2=-0.15$: $0.3/0.25=1.2$.
#
# </details>


# %%
def largest_stable_step(jacobian):
    """The step size at which simultaneous steps stop converging: (n, n) -> number, 0 if none converges."""
    ### BEGIN SOLUTION
    eigenvalues = np.linalg.eigvals(jacobian)
    # |1 + ηλ|² = 1 + 2η Re λ + η²|λ|² is 1 again at η = −2 Re λ / |λ|².
    limits = -2 * eigenvalues.real / np.abs(eigenvalues) ** 2
    return max(limits.min(), 0.0)
    ### END SOLUTION


# %%
checks.largest_stable_step(largest_stable_step)

# %% [markdown]
# **5c.** Predict before you run. Four Dirac-GANs with Wasserstein's losses ($c = 1$), all with steps of $\eta = 0.3$:
#
# | game | steps | R1 |
# |---|---|---|
# | 1 | simultaneous | none |
# | 2 | alternating | none |
# | 3 | simultaneous | $\gamma = 0.5$ |
# | 4 | simultaneous | $\gamma = 0.2$ |
#
# - answer: a dictionary from `"1"`, `"2"`, `"3"`, `"4"` to `"arrives"`, `"orbits"` or `"escapes"`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson: “The smallest game” for games 1 and 2; for 3 and 4 you have just written a function.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Without friction $\lambda=\pm i$: how long is $1+i\eta$? The matrix of alternating steps has the determinant 1: what can its eigenvalues then be, for a small step? With R1, find the largest stable step and compare it with 0.3.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Game 1: $|1+0.3i|>1$, at every step. Game 2: both eigenvalues lie on the unit circle, so the length neither grows nor shrinks in the long run. Games 3 and 4: for $c=1$ and small $\gamma$, $|\lambda|^2=1$ and $\operatorname{Re}\lambda=-\frac\gamma2$, so steps below $\eta=\gamma$ converge and longer ones do not.
#
# </details>

# %%
### BEGIN SOLUTION
fates = {"1": "escapes", "2": "orbits", "3": "arrives", "4": "escapes"}
### END SOLUTION
fates

# %%
checks.fates(fates)


# %%
def play(rate, gamma, alternating, steps=150):
    """The path (steps + 1, 2) of (θ, ψ) from (1, 0)."""
    theta, psi = 1.0, 0.0
    path = [(theta, psi)]
    for _ in range(steps):
        new_psi = psi - rate * (theta + gamma * psi)
        theta += rate * (new_psi if alternating else psi)
        psi = new_psi
        path.append((theta, psi))
    return np.array(path)


games = {"1": (0.3, 0.0, False), "2": (0.3, 0.0, True), "3": (0.3, 0.5, False), "4": (0.3, 0.2, False)}
figure, axes = plots.canvas(11, 3, 1, 4)
for each, (name, game) in zip(axes, games.items(), strict=True):
    path = play(*game)
    each.plot(*path.T, "-", color=plots.COLOURS[1], linewidth=0.8)
    each.plot(*path[:60].T, ".", color=plots.COLOURS[1], markersize=5)
    each.plot(0, 0, "*", color=plots.COLOURS[0], markersize=13)
    each.set(title=f"game {name}", xlabel=r"$\theta$", xlim=(-2.4, 2.4), ylim=(-2.4, 2.4), aspect="equal")
axes[0].set_ylabel(r"$\psi$")
ends = ", ".join(f"game {name} {np.hypot(*play(*game)[-1]):.3g}" for name, game in games.items())
figure.alt_text = f"Paths of four games in the plane of θ and ψ. Distance from the solution after 150 steps: {ends}."
print(figure.alt_text)
figure

# %% [markdown]
# ## Task 6 · Calm a restless game
#
# Real networks now: the ring of eight, played with momentum 0.9 and a learning rate of 0.002. The samples never come to rest. The losses will not tell you that, so measure it.
#
# **6a.** `clouds` holds $n$ samples at $k$ successive looks, always from the same codes $z$. Return how far a sample moves from one look to the next, on average over samples and looks.
#
# - `clouds`: an array `(k, n, d)`
# - returns: a number in the units of $x$, 0 or more
# - worked number: if every sample moves by $(3, 4)$ from each look to the next, it is `5.0`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Three axes, three different jobs: looks, samples, coordinates. Which of them makes a *distance*?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# First the differences of neighbouring looks (there are $k-1$), then the Euclidean length over the coordinates, then a mean over all that is left. In another order it is another number.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# `np.diff` along the axis of the looks, a norm along the last axis, a mean over the rest. On the worked number every difference is $(3,4)$ and every length 5. A mean of the absolute coordinates would say 3.5, and the way from first to last look would forget the wandering between.
#
# </details>


# %%
def restlessness(clouds):
    """Mean distance that a sample moves between two looks: (k, n, d) -> number."""
    ### BEGIN SOLUTION
    return np.linalg.norm(np.diff(clouds, axis=0), axis=-1).mean()
    ### END SOLUTION


# %%
checks.restlessness(restlessness)

# %% [markdown]
# **6b.** The same game is played four more times from the same start, each time with *one* thing changed:
#
# - **a** R1 with $\gamma = 10$: much friction on $D$
# - **b** the hinge loss
# - **c** three steps of $D$ for each one of $G$
# - **d** momentum 0.5
#
# Which change calms it most? Write your prediction and a reason first, then the letter.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “Momentum”, and section 6, “Heal it in mid-game”. Which of the four acts on the *cause* of the restlessness?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# With momentum $\beta$ a step is a sum over about $1/(1-\beta)$ gradients. How old are they at 0.9, and what has the opponent done since? Then ask of each change whether it makes a step fresher.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# **b** changes the form of the loss; **c** lets $D$ run faster; **a** brakes the slope that $D$ has *now*. At 0.9 a step consists mostly of gradients aimed at where the samples were up to ten steps ago, and none of the three changes that. Which letter does?
#
# </details>

# %%
### BEGIN SOLUTION
calming = "d"
### END SOLUTION
calming

# %%
checks.calming_change(calming)

# %% [markdown]
# The experiment: 1,000 steps, then twelve looks at the samples, 25 steps apart.

# %%
CHANGES = {
    "untreated": {},
    "a: R1": {"penalty": "r1", "penalty_weight": 5.0},  # γ/2
    "b: hinge": {"loss": "hinge"},
    "c: three D steps": {"discriminator_steps": 3},
    "d: momentum 0.5": {"momentum": 0.5},
}
PATIENT = {"momentum": 0.9, "generator_rate": 2e-3, "discriminator_rate": 2e-3, "seed": 0}
ring, centres = data.gaussian_ring(5000, modes=8, radius=2.0, std=0.05, seed=0)
results = {}
for name, change in CHANGES.items():
    game = planar.Game(ring, **PATIENT | change)
    game.advance(1000)
    clouds = []
    for _ in range(12):
        game.advance(25)
        clouds.append(game.samples(400, seed=1))
    results[name] = restlessness(np.array(clouds)), clouds[-1]
    found = metrics.mode_coverage(game.samples(2000, seed=2), centres, 0.05)
    print(f"{name:<16} a sample moves {results[name][0]:.2f} between looks; {found['kept']} of 8 modes kept at the end")

figure, axes = plots.canvas(12, 3, 1, 5, sharex=True, sharey=True)
for each, (name, (moved, points)) in zip(axes, results.items(), strict=True):
    each.scatter(*points.T, s=6, color=plots.COLOURS[1], linewidths=0)
    each.scatter(*centres.T, s=60, facecolors="none", edgecolors=plots.COLOURS[0], linewidths=1.5)
    each.set(title=f"{name}\nmoves {moved:.2f}", xlabel="$x_1$", xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), aspect="equal")
axes[0].set_ylabel("$x_2$")
figure.alt_text = "Samples (orange dots) and the modes of the data (blue circles) in five games. " + "; ".join(
    f"{name}: a sample moves {moved:.2f} between looks" for name, (moved, _) in results.items()
)
figure

# %% [markdown] tags=["solution"]
# Only the momentum was wrong. R1 is friction against $D$'s *present* slope, but with $\beta_1 = 0.9$ a step is made mostly of older gradients, aimed at samples that have moved on since.
# One seed proves little: change `seed` in `PATIENT` and run the cell again.
#
# **Is calm the same as good?** Let the patient play 600 steps, then give it R1 in mid-game: `game.change(penalty="r1", penalty_weight=5.0)`. After 800 more steps its samples hardly move any more.
# Look where they have come to rest before you call it healed.

# %% tags=["solution"]
game = planar.Game(ring, **PATIENT)
game.advance(600)
game.change(penalty="r1", penalty_weight=5.0)
game.advance(800)
clouds = []
for _ in range(12):
    game.advance(25)
    clouds.append(game.samples(400, seed=1))
found = metrics.mode_coverage(game.samples(2000, seed=2), centres, 0.05)
print(
    f"R1 in mid-game: a sample moves {restlessness(np.array(clouds)):.2f} between looks; {found['kept']} of 8 modes kept"
)
