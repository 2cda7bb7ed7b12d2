# %% [markdown]
# # Exercises 15 · Diffusion, speed, and your own gallery
#
# Six tasks, 60 to 90 minutes: from two lines of code to a page of your own. They belong to `notebooks/15_diffusion_and_gallery.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
#
# Notation as in the lesson: noise $x_0$ at $t=0$, data $x_1$ at $t=1$, $x_t=(1-t)x_0+t\,x_1$.

# %%
import tempfile
from pathlib import Path

import numpy as np

from course_lib import checks, explore, gallery, plots, runtime, zoo

runtime.setup(0)

# %% [markdown]
# ## Task 1 · What the network sees, and what it should say
#
# Return the input $x_t$ and the target of flow matching, the velocity of the straight line. Each picture has its own time.
#
# - `x_0` noise and `x_1` data, both `(N, H, W, C)`; `t` `(N,)` in $[0, 1]$; NumPy arrays
# - returns: a tuple `(x_t, target)`, both `(N, H, W, C)`
# - worked number: one pixel with $x_0=-1$, $x_1=3$, $t=0.25$ gives $x_t=0$ and the target 4

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson: a straight line from noise to data. Where is one at the time $t$, and how fast does one move?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The target is the derivative of $x_t$ with respect to $t$. Every picture has its own time: give `t` three more axes, so that it meets examples and not columns of pixels.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# With `t` of shape `(N, 1, 1, 1)`: $x_t=(1-t)x_0+t\,x_1$, and the target is $x_1-x_0$, the same all along the line. On the worked number $0.75\cdot(-1)+0.25\cdot3=0$ and $3-(-1)=4$. At $t=0$ the network has to see pure noise: check which end is which.
#
# </details>


# %%
def training_pair(x_0, x_1, t):
    """Input and target of flow matching: (N, H, W, C), (N, H, W, C), (N,) -> two (N, H, W, C)."""
    ### BEGIN SOLUTION
    t = t[:, None, None, None]
    return (1 - t) * x_0 + t * x_1, x_1 - x_0
    ### END SOLUTION


# %%
checks.training_pair(training_pair)

# %% [markdown]
# ## Task 2 · Heun's method
#
# Follow $dx/dt=v(x,t)$ from $t=0$ to $t=1$ in equal steps. Each step moves by the mean of two velocities: the one at its start, and the one at the place and time where Euler's step would have arrived.
#
# - `velocity`: a function `(x (N, d), t, a number) -> (N, d)`; `x` `(N, d)`; `steps` ≥ 1
# - returns: $x$ at $t=1$, `(N, d)`
# - worked number: $v(x,t)=2t$ from $x=0$ in one step: velocities 0 and 2, so it ends at 1, which is exact

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 3 of the lesson, “The order of a solver”: Euler looks once, at the start of the step. Where does Heun look the second time?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# At the place *and* the time where Euler's step arrives, $x+h\,v_1$ and $t+h$, with $h=1/\text{steps}$. Both looks start from the same $x$; only their mean moves it.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# For step number $k=0,1,\dots$: $v_1=v(x,kh)$; $v_2=v(x+hv_1,(k+1)h)$; then $x$ moves by $h\,\frac{v_1+v_2}2$. On the worked number $h=1$, $v_1=0$, $v_2=2$: the end is 1. A test: with a constant velocity every number of steps must travel that velocity exactly once.
#
# </details>


# %%
def heun_solver(velocity, x, steps):
    """Heun's method from t = 0 to t = 1: (N, d) -> (N, d)."""
    ### BEGIN SOLUTION
    h = 1 / steps
    for k in range(steps):
        first = velocity(x, k * h)
        second = velocity(x + h * first, (k + 1) * h)
        x = x + h * (first + second) / 2
    return x
    ### END SOLUTION


# %%
checks.heun_solver(heun_solver)

# %% [markdown]
# Use it on the shipped flow, with very few steps. Before you run the cell: which boxed result of the lesson do you expect to see in the first row?

# %%
flow = zoo.load("fashion-flow")
noise = np.random.default_rng(3).standard_normal((12, 28, 28, 1), dtype=np.float32)
rows = {f"{n} step{'s' * (n > 1)}": np.clip(heun_solver(flow.velocity, noise, n), -1, 1) for n in (1, 2, 4, 8)}
plots.side_by_side(rows, size=0.75, alt="Twelve pictures from one noise with 1, 2, 4 and 8 steps of Heun's method.")

# %% [markdown] tags=["solution"]
# One step of Heun's method returns the mean of the data *plus half of the noise*: all twelve show the mean garment under a veil of noise, each under its own. (The network is not exact, least of all at $t=1$ far away from any picture, so it is not precisely half.)

# %% [markdown]
# ## Task 3 · How low can the loss go?
#
# The data are Gaussian with covariance $C$. Return the least flow matching loss, as a mean over coordinates and over uniform times.
#
# - `cov` `(d, d)`: symmetric, with eigenvalues ≥ 0; some may be 0
# - returns: a number
# - worked number: `[[4, 0], [0, 1]]` gives $\frac\pi2\cdot\frac{2+1}2\approx2.356$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “The loss, and why it does not go to zero”, boxes the answer for one direction with variance $\lambda$.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Turn the axes to the eigenvectors: the coordinates are then independent, each with its own eigenvalue. The loss is a *mean* over coordinates. Mind the order of root and mean.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\frac\pi2\sqrt{\lambda_j}$ for each eigenvalue, then the mean. On the worked number $\frac\pi2\cdot\frac{2+1}2=2.356$. Roots of the diagonal entries would ignore the correlations; and an eigenvalue that ought to be 0 may come out as $-10^{-17}$, whose root is NaN: cut at 0 first.
#
# </details>


# %%
def least_loss(cov):
    """Least flow matching loss for Gaussian data: (d, d) -> number."""
    ### BEGIN SOLUTION
    return np.pi / 2 * np.sqrt(np.linalg.eigvalsh(cov).clip(0)).mean()
    ### END SOLUTION


# %%
checks.least_loss(least_loss)

# %% [markdown]
# ## Task 4 · One step back
#
# Mean and variance of DDPM's $x_{s-1}$, given $x_s$ and the clean data $x$.
#
# - `x_s`, `x` `(N, d)`; `s`: a step from 1 to $T$; `betas` `(T,)`: $\beta_1,\dots,\beta_T$
# - returns: a tuple (mean `(N, d)`, variance, a number)
# - worked number: $\beta=(0.5,\,0.5)$, $s=2$, $x_s=1$, $x=0$: $\bar\alpha_2=\frac14$, $\bar\alpha_1=\frac12$; the mean is $\sqrt{0.5}\cdot0.5/0.75\approx0.471$ and the variance $\frac{0.5}{0.75}\cdot0.5=\frac13$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson, “One step back, if $x$ were known”: two Gaussians that both speak about $x_{s-1}$ are multiplied.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# You need $\beta_s$, $\bar\alpha_s$ and $\bar\alpha_{s-1}$, with $\bar\alpha_0=1$. Steps count from 1 and arrays from 0. Which of the two pictures, $x$ or $x_s$, should the mean lean on when $s=1$?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The mean is $\frac{\sqrt{\bar\alpha_{s-1}}\,\beta_s\,x+\sqrt{1-\beta_s}\,(1-\bar\alpha_{s-1})\,x_s}{1-\bar\alpha_s}$ and the variance $\frac{1-\bar\alpha_{s-1}}{1-\bar\alpha_s}\,\beta_s$, where $\bar\alpha_s$ is the cumulative product of $1-\beta$. A 1 put in front of that product makes the indices agree. At $s=1$ this gives exactly $x$, with variance 0: there is nothing left to guess.
#
# </details>


# %%
def ddpm_reverse(x_s, x, s, betas):
    """Mean and variance of x_{s-1} given x_s and x: (N, d), (N, d), s, (T,) -> ((N, d), number)."""
    ### BEGIN SOLUTION
    bars = np.concatenate([[1.0], np.cumprod(1 - betas)])
    beta, bar, before = betas[s - 1], bars[s], bars[s - 1]
    mean = (np.sqrt(before) * beta * x + np.sqrt(1 - beta) * (1 - before) * x_s) / (1 - bar)
    return mean, (1 - before) / (1 - bar) * beta
    ### END SOLUTION


# %%
checks.ddpm_reverse(ddpm_reverse)

# %% [markdown]
# ## Task 5 · Judgement
#
# **5a. Choose a sampler.** You have measured some settings, each a network with a number of evaluations. A picture may cost at most `budget` milliseconds. Return the row of the setting with the smallest Fréchet distance that you can afford; of two with the same distance, the cheaper one.
#
# - `settings` `(k, 3)`: milliseconds for one evaluation, evaluations for a picture, Fréchet distance; at least one row is affordable
# - returns: the number of the row, from 0
# - worked number: `[[1, 8, 40], [1, 16, 20], [2, 16, 9]]` with a budget of 20 gives 1: the last row would cost 32 ms

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 6 of the lesson, “How do I generate faster?”: the budget is for a *picture*. What does one picture cost with each setting?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Milliseconds times evaluations. Leave out what costs more than the budget (exactly the budget is affordable); among the rest the smallest distance wins, and a tie goes to the cheaper. The number of the row must be that of the whole table.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Costs for all rows; the row numbers of the affordable ones (`np.flatnonzero`); among these the least by distance first and cost second. On the worked number the costs are 8, 16 and 32 against a budget of 20: rows 0 and 1 are left, and 20 is better than 40, so row 1.
#
# </details>


# %%
def choose_sampler(settings, budget):
    """Row of the best affordable setting: (k, 3), number -> integer."""
    ### BEGIN SOLUTION
    cost = settings[:, 0] * settings[:, 1]
    affordable = np.flatnonzero(cost <= budget)
    return int(min(affordable, key=lambda k: (settings[k, 2], cost[k])))
    ### END SOLUTION


# %%
checks.choose_sampler(choose_sampler)

# %% [markdown]
# **5b. What is missing?** Four claims, each without one thing. Give each letter its word.
#
# - **A** "Unit 62 is the glasses unit. Of 128 units it lowers the probability of glasses the most on our 16 codes, by 0.10."
# - **B** "The saliency map is bright round the glasses. So the classifier has learned to look there."
# - **C** "Our loss is 0.21 on Fashion-MNIST and theirs 0.30 on faces. So ours is trained better."
# - **D** "Our Fréchet distance is 9 with 50,000 pictures, theirs 14 with 1,000. So ours is better."
#
# The words: `"fresh"` (measure again on data that had no part in the choice), `"ignorant"` (the same for a network with random weights), `"minimum"` (what value would a perfect model have?), `"size"` (the same number of samples).

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Sections 2 and 7 of the lesson, and section 3 of lesson 09. For each claim imagine somebody who makes the same observation without the conclusion being true.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The best of 128 on the very codes of the choice: would it be the best on others? A bright map: would it be dark for a network that has learned nothing? A loss of 0.21: compared with which least possible value? And what does a Fréchet distance do with fewer samples?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Each word is used once, so begin where you are sure. Whoever picks the best of many has picked some luck with it, which a new measurement does not repeat. A map of edges needs no training. Losses whose minima differ with the data cannot be compared (task 3 computes such a minimum). And the distance carries a bias of about $c/n$.
#
# </details>

# %%
### BEGIN SOLUTION
lacking = {"A": "fresh", "B": "ignorant", "C": "minimum", "D": "size"}
### END SOLUTION
lacking

# %%
checks.missing_controls(lacking)

# %% [markdown]
# ## Task 6 · A work, and where it comes from
#
# **6a. Design a detector.** A site checks many pictures, none of them marked, against one key. It wants at most `alarms` false alarms among them *in expectation*. How many of the coefficients must agree with the key at least? Return the smallest number $k$ with $P(X\ge k)\le\text{alarms}/\text{pictures}$, where $X$ counts heads among `coefficients` fair coins.
#
# - `coefficients`, `pictures`: whole numbers ≥ 1; `alarms`: a number > 0 and at most `pictures`
# - returns: a whole number
# - worked number: 10 coefficients, 1 picture, 0.05 alarms: $P(X\ge8)=0.0547$ and $P(X\ge9)=0.0107$, so 9
#
# (`scipy.stats.binom.sf(k, n, 0.5)` is $P(X>k)$.)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 9 of the lesson, “A mark that survives saving”: how probable may a false alarm be for a *single* picture?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Expected alarms are pictures times the probability for one, so each may have at most alarms / pictures. `sf(k)` is $P(X>k)$, and you need $P(X\ge k)$: shift by one.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# For every $k$ from 0 to the number of coefficients compute $P(X\ge k)=P(X>k-1)$, which falls with $k$; return the first $k$ at which it is small enough. On the worked number $P(X\ge8)=0.0547$ is still too much and $P(X\ge9)=0.0107$ is not: 9. A normal approximation fails just here, in the far tail.
#
# </details>


# %%
def needed_agreement(coefficients, pictures, alarms):
    """Least number of agreeing signs that raises an alarm: three numbers -> integer."""
    ### BEGIN SOLUTION
    from scipy import stats

    k = np.arange(coefficients + 1)
    at_least = stats.binom.sf(k - 1, coefficients, 0.5)
    return int(k[at_least <= alarms / pictures][0])
    ### END SOLUTION


# %%
checks.needed_agreement(needed_agreement)

# %%
for side in (28, 64, 384):
    n = 7 * (side // 8) ** 2
    k = needed_agreement(n, 1_000_000, 1.0)
    print(
        f"{side} x {side} pixels: {n:6,} coefficients, one false alarm in a million pictures at {k / n:.1%} agreement"
    )

# %% [markdown] tags=["solution"]
# The larger the picture, the smaller the share that convinces. In a picture of 28 × 28 pixels four in five of its few coefficients have to agree, which little damage can undo; enlarged to 384 pixels the same picture needs hardly more than half. So mark the enlarged picture.

# %% [markdown]
# **6b. Your gallery.** Make at least three works, give each a title of your own, say who chose them, and export the page. Use the explorer of the lesson, or these lines:
#
# - `room = gallery.Gallery(folder, artist=...)`; `room.add(picture, title, model, z=z, seed=...)` keeps a picture uint8 `(H, W, C)`; `room.export_html(title=...)` returns the path of the page
# - `decode(z)` turns codes `(N, 100)` into pictures
# - give `page` the path

# %%
decode, _ = explore.base.compiled_decoder(zoo.load("faces-gan"), 100)
codes = np.random.default_rng(4).standard_normal((18, 100))
sheet = decode(codes)
plots.image_grid(sheet, columns=9, titles=range(18), alt="Eighteen generated faces, numbered from 0 to 17.")

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 10 of the lesson, “Your own gallery”. Look at the eighteen faces first: which three belong together, and what would you call them?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Three calls in this order: make the gallery with a folder and your name; add at least three pictures, each with its own title, the model's name (or card), and what is needed to draw it again; export. `export_html` returns what `page` needs.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The folder may be a temporary one. For each face that you choose: the picture is that row of `sheet`, its code that row of `codes`, the model is `"faces-gan"`, and the seed is that of the cell which drew the codes. A work without code or seed could not be made again, and one without a model could not say where it comes from; two works need two titles.
#
# </details>

# %%
### BEGIN SOLUTION
room = gallery.Gallery(Path(tempfile.mkdtemp()), artist="The authors", key="another secret")
for place, title in ((1, "Before the exam"), (7, "During"), (12, "Afterwards")):
    room.add(sheet[place], title, zoo.card("faces-gan"), z=codes[place], seed=4, picture=place)
page = room.export_html(title="An exam in three faces", statement="Chosen from eighteen faces that nobody has.")
### END SOLUTION
print(page.name)

# %%
checks.gallery_page(page)
