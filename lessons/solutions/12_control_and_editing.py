# %% [markdown]
# # Exercises 12 · Control: conditional generation and editing
#
# Six tasks, 60 to 90 minutes: from one formula to the plan of a search. They belong to `notebooks/12_control_and_editing.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
#
# Notation as in the lesson: $x$ a picture, $c$ a condition of one-hot blocks, $z$ a code, $\varphi$ features, $m$ a mask that is 1 (or `True`) where a pixel is known.

# %%
import numpy as np
from scipy.special import ndtr, ndtri

from course_lib import checks, conditions, data, images, latent, plots, runtime, zoo

runtime.setup(0)

# %% [markdown]
# ## Task 1 · The conditional ELBO
#
# $$\mathbb E_q[\log p(x\mid z,c)]-\mathrm{KL}\big(q(z\mid x,c)\,\|\,\mathcal N(0,I)\big),\qquad p(x\mid z,c)=\mathcal N\big(\text{decode}(z,c),\,\sigma^2I\big),$$
#
# with one draw $z=\mu+e^{\text{logvar}/2}\,\varepsilon$ for the expectation. `encode(x, c)` returns $(\mu,\text{logvar})$, each $(N,d)$; `decode(z, c)` returns the mean picture $(N,D)$.
#
# - `x` `(N, D)`: pictures as rows; `c` `(N, k)`; `noise` $\varepsilon$ `(N, d)`; `std` $\sigma$: a number. NumPy arrays
# - returns: `(N,)`, in nats, a bound (not a loss)
# - worked number: for one pixel $x=1$ decoded as 1, $\sigma=1$, $\mu=1$, logvar $=0$, $d=1$: $-\tfrac12\log2\pi-\tfrac12=-1.419$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson: the ELBO of lesson 02, with $c$ everywhere. Write the two terms apart.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The draw is $z=\mu+\sigma_z\varepsilon$ with $\sigma_z=e^{\text{logvar}/2}$, and both networks are told $c$. The log-likelihood has its constants, $-\frac12\log2\pi\sigma^2$ for each of the $D$ pixels; `std` is $\sigma$, not $\sigma^2$. A bound: likelihood *minus* KL.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# For each row $-\frac12\sum_i\big[\frac{(x_i-\hat x_i)^2}{\sigma^2}+\log2\pi\sigma^2\big]$ with $\hat x=\text{decode}(z,c)$, minus $\frac12\sum_j\big[\mu_j^2+e^{\text{logvar}_j}-\text{logvar}_j-1\big]$. On the worked number the error is 0, so $-0.919$, and the KL is $\frac12(1+1-0-1)=0.5$: together $-1.419$.
#
# </details>


# %%
def conditional_elbo(x, c, encode, decode, noise, std):
    """ELBO of log p(x | c) in nats, with one draw of z: (N, D), (N, k) -> (N,)."""
    ### BEGIN SOLUTION
    mean, logvar = encode(x, c)
    z = mean + np.exp(0.5 * logvar) * noise
    error = (x - decode(z, c)) / std
    log_px = -0.5 * np.sum(error**2 + np.log(2 * np.pi * std**2), axis=1)
    kl = 0.5 * np.sum(mean**2 + np.exp(logvar) - logvar - 1, axis=1)
    return log_px - kl
    ### END SOLUTION


# %%
checks.conditional_elbo(conditional_elbo)

# %% [markdown]
# ## Task 2 · Telling the discriminator
#
# **2a.** The logit of the projection discriminator, with the scaling of the lesson:
#
# $$\ell_i = \frac{c_i^\top V\varphi_i}{\sqrt f}+w^\top\varphi_i+b$$
#
# - `phi` `(N, f)`: features; `c` `(N, k)`: conditions, several one-hot blocks side by side; `V` `(k, f)`; `w` `(f,)`; `b`: a number
# - returns: `(N,)`, logits
# - worked number: `phi = [[1, 2, 0, 2]]`, `c = [[0, 1]]`, `V = [[9, 9, 9, 9], [1, 0, 0, 1]]`, `w = [0, 1, 0, 0]`, `b = 0.5` give $\tfrac{1+2}{2}+2+0.5=4$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 3 of the lesson, “How should a discriminator use $c$?”: the condition chooses rows of $V$, and the features are compared with them.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# $c_i^\top V$ is a vector with $f$ entries for each example. Multiply it with the features of *the same* example and sum: a full matrix product would mix every condition with every picture. Only the first term is divided by $\sqrt f$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $cV$ is `(N, f)`; times $\varphi$, entry by entry, summed over the features, over $\sqrt f$; plus $\varphi w$; plus $b$. On the worked number the second row of $V$ is chosen, its product with $\varphi$ is $1+2=3$, and $\frac3{\sqrt4}+2+0.5=4$. With several blocks, $c$ holds several ones, and their rows add up.
#
# </details>


# %%
def projection_logit(phi, c, V, w, b):
    """Logits (N,) of features (N, f) with conditions (N, k)."""
    ### BEGIN SOLUTION
    return np.sum((c @ V) * phi, axis=1) / np.sqrt(phi.shape[1]) + phi @ w + b
    ### END SOLUTION


# %%
checks.projection_logit(projection_logit)

# %% [markdown]
# **2b.** Five training loops of a conditional GAN, each with the two batches that the discriminator gets. `c` are the conditions of the real batch, `other` are as many drawn from the same distribution, independently of everything, and `shuffle` mixes a batch. Which of them teach the generator the *names* of the kinds, so that the only optimum draws every kind under its own name (`"told"`), and in which is a generator optimal, too, that draws good pictures without regard to their names (`"names lost"`)?
#
# ```text
#      real pairs                     fake pairs
# A    D(x, c)                        D(G(z, c), c)
# B    D(x)                           D(G(z, c))
# C    D(x, c)                        D(G(z, other), other)
# D    D(x, shuffle(c))               D(G(z, c), c)
# E    D(x, c)                        D(G(z, c), other)
# ```
#
# In E think of the *best* the generator can do. It cannot see `other`; the discriminator compares $p(x,c)$ with the density of $(G(z,c),\text{other})$.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 3 of the lesson, “The second fault to look for”. For each loop write down the two joint distributions that the discriminator compares.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The optimum makes the two distributions equal, as far as the generator can. Names are told only if this forces $q(x\mid c)=p(x\mid c)$ for each single $c$. In which loops does the discriminator see the $c$ for which a fake was made, and beside real pictures with their own?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# A compares $p(x,c)$ with $p(c)\,q(x\mid c)$; C does the same with other conditions of the same distribution, given to both networks. B compares the marginals only. D shows real pictures with the density $p(x)\,p(c)$: what does equality make of $q(x\mid c)$? In E a fake pair has the density $q(x)\,p(c)$: does anything in it depend on which $c$ the generator was given?
#
# </details>

# %%
### BEGIN SOLUTION
verdict = {"A": "told", "B": "names lost", "C": "told", "D": "names lost", "E": "names lost"}
### END SOLUTION
verdict

# %%
checks.blind_loops(verdict)

# %% [markdown] tags=["solution"]
# - **A** and **C** compare $p(x\mid c)p(c)$ with $q(x\mid c)p(c)$. Conditions of its own do no harm as long as they have the same distribution.
# - **B** compares only the marginals.
# - **D** shows the discriminator real pictures whose names mean nothing: $p(x)p(c)$ against $q(x\mid c)p(c)$. The optimum has $q(x\mid c)=p(x)$: the generator learns to *ignore* the name.
# - **E** compares $p(x,c)$ with $q(x)p(c)$, whatever the generator does with its $c$. The two can never be equal, and the discriminator sees nothing of which $c$ a fake was made for.

# %% [markdown]
# ## Task 3 · Luck in numbers
#
# **3a.** Independent wishes come true with the given probabilities. After how many draws is there with probability `sure` at least one picture that fulfils them all?
#
# - `probabilities` `(w,)`: NumPy array, each in $(0,1)$; `sure`: a number in $(0,1)$
# - returns: a whole number, the smallest that suffices
# - worked number: `[0.5, 0.5]` with `sure = 0.95` gives 11, because $0.75^{11}=0.042$ and $0.75^{10}=0.056$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “Asking a generator that cannot listen”. Begin with the opposite: no draw fits at all.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# One draw fulfils all independent wishes with the product $p$ of their probabilities; $n$ draws all miss with $(1-p)^n$. This has to be at most $1-\text{sure}$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $n\ge\frac{\log(1-\text{sure})}{\log(1-p)}$, rounded up to a whole number (both logarithms are negative, so that the inequality turns round when one divides). On the worked number $p=\frac14$ and $\frac{\log0.05}{\log0.75}=10.4$: 11.
#
# </details>


# %%
def draws_until(probabilities, sure):
    """Smallest number of draws among which one fits all wishes with probability `sure`: (w,), number -> int."""
    ### BEGIN SOLUTION
    fits = np.prod(probabilities)
    return int(np.ceil(np.log(1 - sure) / np.log(1 - fits)))
    ### END SOLUTION


# %%
checks.draws_until(draws_until)

# %% [markdown]
# **3b.** Redrawing until a number is inside $\pm\tau$ takes a loop. Do it at once: turn uniform numbers $u\in(0,1)$ into draws of the truncated normal distribution, increasing in $u$. (`ndtr` is $\Phi$, `ndtri` its inverse. Which interval of probabilities belongs to the numbers inside?)
#
# - `u` `(N, d)`: NumPy array; `threshold` $\tau>0$: a number
# - returns: `(N, d)`, all within $\pm\tau$
# - worked number: $u=0.5$ gives 0 for every $\tau$; $u=0.75$ with $\tau=1$ gives `ndtri(0.6707)` $=0.4418$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson: what redrawing leaves is a normal distribution between two walls. And $\Phi^{-1}$ of a uniform number is a normal one.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The numbers inside have probabilities between $\Phi(-\tau)$ and $\Phi(\tau)$. Spread the uniform number evenly over this interval before you invert. (Clipping would heap draws up at the walls.)
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# With $l=\Phi(-\tau)$ the interval has the length $1-2l$, by symmetry; the answer is $\Phi^{-1}\big(l+u\,(1-2l)\big)$. On the worked number $l=0.1587$ and $0.1587+0.75\cdot0.6827=0.6707$. $u=0.5$ lands in the middle, at 0; $u\to0$ and $u\to1$ land on the walls.
#
# </details>


# %%
def truncated_from_uniform(u, threshold):
    """Draws of N(0, 1) given |z| ≤ threshold, from uniform numbers u: (N, d), number -> (N, d)."""
    ### BEGIN SOLUTION
    lowest = ndtr(-threshold)
    return ndtri(lowest + u * (1 - 2 * lowest))
    ### END SOLUTION


# %%
checks.truncated_from_uniform(truncated_from_uniform)

# %% [markdown]
# Both kinds of truncation at the same variance, on one wish. Which would you choose, and what does the narrow one cost?

# %%
space = conditions.faces().only(*zoo.card("faces-cgan")["condition"])
generator = zoo.load("faces-cgan")
d = generator.inputs[0].shape[-1]
wish = {name: np.repeat(codes, 8) for name, codes in space.draw(1, seed=4).items()}
rng = np.random.default_rng(0)
z = rng.standard_normal((8, d))
redrawn = truncated_from_uniform(rng.uniform(size=(8, d)), 0.9)
rows = {"ψ = 1": z, "redrawn, τ = 0.9": redrawn, "scaled to the same": latent.truncate(z, redrawn.std())}
plots.side_by_side(
    {
        name: images.to_uint8(np.asarray(generator([each.astype(np.float32), space.encode(wish)], training=False)))
        for name, each in rows.items()
    },
    alt="Three rows of eight faces for one wish: without truncation, redrawn, and scaled to the same variance; the last two rows are more alike and look much like each other.",
)

# %% [markdown]
# ## Task 4 · The loss of a masked search
#
# $$\frac{\sum_i m_i(G_i-x_i)^2}{\sum_im_i}+\lambda\Big(\frac{\|z\|}{\sqrt d}-1\Big)^2$$
#
# for each picture of a batch. The sums run over pixels *and* channels.
#
# - `x`, `made` `(N, H, W, C)`: the given and the generated pictures; `known` `(N, H, W)`: booleans, `True` where known; `z` `(N, d)`; `weight` $\lambda\ge0$: a number. NumPy arrays
# - returns: `(N,)`
# - worked number: a picture of 2 × 1 pixels with one channel, `x` = 0, 0, `made` = 3, 5, only the first known, $z=(3,4)$ with $d=2$ and $\lambda=1$: $9+(5/\sqrt2-1)^2=15.43$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 8 of the lesson, and section 6 for the second term: each picture is judged where it is known, and each code by its length.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The mask is `(N, H, W)` and the error `(N, H, W, C)`: give the mask a channel axis, and let the denominator count known *values*, all channels of a pixel. Sums over all axes but the first; the norm over the code's axis, one for each picture.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Sum of the squared errors at known values over the number of known values; plus $\lambda\big(\frac{\lVert z\rVert}{\sqrt d}-1\big)^2$. On the worked number only the 3 counts, $9/1$; $\lVert z\rVert=5$, so $(3.536-1)^2=6.43$; together $15.43$. Do not divide by all pixels: the same search with a larger hole would then seem to succeed better.
#
# </details>


# %%
def masked_search_loss(x, made, known, z, weight):
    """Loss (N,) of the search for pictures x (N, H, W, C), known (N, H, W), codes z (N, d)."""
    ### BEGIN SOLUTION
    mask = np.repeat(known[..., None], x.shape[-1], axis=-1)
    error = np.sum(mask * (made - x) ** 2, axis=(1, 2, 3)) / np.sum(mask, axis=(1, 2, 3))
    off_sphere = (np.linalg.norm(z, axis=1) / np.sqrt(z.shape[1]) - 1) ** 2
    return error + weight * off_sphere
    ### END SOLUTION


# %%
checks.masked_search_loss(masked_search_loss)

# %% [markdown]
# ## Task 5 · Is it a good edit?
#
# **5a.** Score one edited face against the original and the true edit.
#
# - `inside`: PSNR (dB, peak 255) of `edited` to `truth`, over the pixels where `truth` differs from `original` in at least one channel
# - `outside`: mean absolute change from `original` to `edited`, in levels, over all other pixels and their channels
# - `gain`: PSNR of `edited` to `truth` over the whole picture, minus that of `original` to `truth`
# - `edited`, `original`, `truth` `(H, W, 3)`: **uint8**
# - returns: a dictionary of three numbers
# - worked number: two pixels; the truth turns the first from (0, 0, 0) into (100, 0, 0), the edit into (90, 0, 0), and changes the second by one level in each channel. `inside` $=10\log_{10}(255^2/33.3)=32.9$, `outside` $=1$, `gain` $=10\log_{10}(10000/103)=19.9$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 7 of the lesson defines all of them. Which pixels does each score look at, and which two pictures does it compare?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Turn the bytes into floating point first: `uint8` differences wrap round. A pixel is inside if truth and original differ in *any* channel; that is one Boolean `(H, W)`, and it selects pixels with all their channels.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# A helper for $10\log_{10}(255^2/\mathrm{MSE})$, used three times: edited against truth on the inside pixels; and, on the whole picture, edited against truth minus original against truth. Outside is a mean of absolute differences from *original* to edited. On the worked number the MSE inside is $100/3$, and the gain compares squares of $10{,}000$ with $100+3$.
#
# </details>


# %%
def edit_scores(edited, original, truth):
    """{"inside", "outside", "gain"} of one edit, all pictures (H, W, 3) uint8."""
    ### BEGIN SOLUTION
    edited, original, truth = (each.astype(float) for each in (edited, original, truth))

    def psnr(a, b):
        return 10 * np.log10(255**2 / np.mean((a - b) ** 2))

    inside = (truth != original).any(axis=-1)
    return {
        "inside": psnr(edited[inside], truth[inside]),
        "outside": np.abs(edited - original)[~inside].mean(),
        "gain": psnr(edited, truth) - psnr(original, truth),
    }
    ### END SOLUTION


# %%
checks.edit_scores(edit_scores)

# %% [markdown]
# **5b.** Five anonymous ways to give 120 held-out faces other glasses. One does `nothing`; one draws `another person` with everything that was asked for; one goes `half` the way, the mean of original and truth; one is right but `noisy`, with a standard deviation of 5 levels everywhere; and one is `leaking`: right, but the shirt takes another colour, too. Name each. (`inf` means: equal to the last bit.)

# %%
print(checks.mystery_edits())

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 7 of the lesson says what each score sees. Work out what `nothing` and `half` must show before you look.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `nothing`: not a single pixel changes. `half`: half the difference has a quarter of the square, so its gain is known exactly. `noisy`: something small happens everywhere. The other two are perfect inside; what do they lose outside, and how many of the other twelve attributes?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# `nothing` has gain 0, outside 0, and obeys never. `half` gains $10\log_{10}4=6.0$ dB with outside 0. Noise with a standard deviation of 5 has a mean size of about 4 levels, a little less where it is cut off at black and white. One changed attribute of the other twelve leaves about $\frac{11}{12}=0.92$ kept; a stranger keeps far fewer, however well he obeys.
#
# </details>

# %%
### BEGIN SOLUTION
ways = {"A": "leaking", "B": "nothing", "C": "noisy", "D": "another person", "E": "half"}
### END SOLUTION
ways

# %%
checks.edit_verdict(ways)

# %% [markdown] tags=["solution"]
# - **nothing** gains 0 and changes 0 outside, and obeys never.
# - **half** changes 0 outside, too, and gains $10\log_{10}4=6.0$ dB, because half the difference has a quarter of the square.
# - **noisy** has a high gain and a small change *everywhere*. The classifier does not mind.
# - **another person** obeys always: whoever reports obedience alone calls it perfect. Gain, outside and kept see the stranger.
# - **leaking** keeps about eleven of the twelve other attributes, and is perfect inside. Only what should have stayed gives it away.

# %% [markdown]
# ## Task 6 · Plan a search
#
# A search for a picture sometimes ends in the wrong valley. You have measured which share of single starts *fails* after a given number of steps. Starts are independent; the best of all restarts is kept, so a search fails only if all its starts do. **Choose the cheapest plan** whose probability of failing is at most `risk`; its cost is steps × restarts. Of two equally cheap plans take the one with fewer steps.
#
# - `failing`: a dictionary {steps: share of starts that fail, in $(0,1)$}; `risk`: a number in $(0,1)$
# - returns: a tuple (steps, restarts) of whole numbers
# - worked number: `{100: 0.5, 300: 0.1}` with `risk = 0.05`. 100 steps need 5 restarts ($0.5^5=0.031$), cost 500; 300 steps need 2, cost 600. So `(100, 5)`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 6 of the lesson, “How much of that was luck?”: the best of $k$ starts fails only if all of them do.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# For each number of steps find the least $k$ with $\text{share}^k\le\text{risk}$, at least 1, rounded up. Rounding can lift an exact quotient such as 2 a hair above 2: guard against it. Then compare the costs; what decides between equal ones?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $k=\lceil\log\text{risk}/\log\text{share}\rceil$, the cost is steps · $k$; take the least by (cost, steps). On the worked number $\log0.05/\log0.5=4.3$, so 5 starts and a cost of 500; $\log0.05/\log0.1=1.3$, so 2 starts and 600. The plan is `(100, 5)`.
#
# </details>


# %%
def restart_plan(failing, risk):
    """Cheapest (steps, restarts) that fails with probability at most `risk`."""
    ### BEGIN SOLUTION
    plans = []
    for steps, share in failing.items():
        restarts = max(1, int(np.ceil(np.log(risk) / np.log(share) - 1e-9)))
        plans.append((steps * restarts, steps, restarts))
    _, steps, restarts = min(plans)
    return steps, restarts
    ### END SOLUTION


# %%
checks.restart_plan(restart_plan)

# %% [markdown]
# Now measure instead of inventing: how often does a single start fail for one held-out face, if 3 dB below the best of all counts as a failure?

# %%
face = data.load_faces("test")
c = space.encode({name: face.attributes[name][[5]] for name in space.names})
x = images.to_float(face.images[[5]])
starts, failing = 12, {}
search = None
for steps in (25, 50, 100):
    search = latent.inversion(
        search.objective if search else generator,
        np.repeat(x, starts, axis=0),
        steps,
        1,
        0,
        condition=np.repeat(c, starts, axis=0),
    )
    decibel = 10 * np.log10(4 / search.advance(steps).best()[1])
    failing[steps] = decibel
best = max(values.max() for values in failing.values())
failing = {steps: (np.sum(values < best - 3) + 0.5) / (starts + 1) for steps, values in failing.items()}
print({steps: f"{share:.2f}" for steps, share in failing.items()}, "->", restart_plan(failing, 0.05))

# %% [markdown] tags=["solution"]
# The half that is added keeps a share of 0 or 1 out of the logarithm: with twelve starts nobody knows that a failure is impossible. And do not read too much into the plan: with $n=12$ a share of one half has a standard error of 0.14. How many starts would you measure before you rely on it?
