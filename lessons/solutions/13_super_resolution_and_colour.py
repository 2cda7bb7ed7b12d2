# %% [markdown]
# # Exercises 13 · Super-resolution and colour
#
# Six tasks, 60 to 90 minutes: from one formula to the size of a test set and the faults of whole studies. They belong to `notebooks/13_super_resolution_and_colour.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Notation as in the lesson: $f$ is a frequency in periods per pixel where stripes are meant, and the factor of enlargement where networks are.

# %%
import numpy as np

from course_lib import checks, colour, data, images, plots, runtime

runtime.setup(0)

# %% [markdown]
# ## Task 1 · What a stripe turns into
#
# A stripe pattern $\cos(2\pi fn)$ is reduced by keeping every $s$-th pixel, without averaging. Which frequency does one *see*? Of all $|f-k/s|$ with whole $k$, it is the one in $[0,\frac1{2s}]$. (A frequency here is always per pixel of the *original*.)
#
# - `f`: a number in $[0, \frac12]$; `s`: a whole number, 2 or more
# - returns: a number in $[0, \frac1{2s}]$
# - worked number: `f = 0.45`, `s = 2`: $|0.45-\frac12|=0.05$


# %%
def alias_frequency(f, s):
    """Frequency in [0, 1/(2s)] that is seen when every s-th pixel of a stripe f is kept -> number."""
    ### BEGIN SOLUTION
    return abs(f - np.round(f * s) / s)
    ### END SOLUTION


# %%
checks.alias_frequency(alias_frequency)

# %%
f = np.linspace(0, 0.5, 201)
plots.curves(
    {f"every {s}th pixel": (f, [alias_frequency(v, s) for v in f]) for s in (2, 4)},
    xlabel="true frequency (periods a pixel)",
    ylabel="frequency seen",
    title="Above the limit, frequencies fold back",
)

# %% [markdown]
# ## Task 2 · PSNR, as papers state it
#
# Luma is $Y=16+(65.481R+128.553G+24.966B)/255$, not rounded, for bytes $R, G, B$. Cut `crop` pixels off at each of the four sides, compute $10\log_{10}(255^2/\mathrm{MSE})$ of each picture, then the mean over pictures.
#
# - `restored`, `truth`: `(N, H, W, 3)` uint8, NumPy arrays; `crop`: a whole number, 0 or more
# - returns: a number of dB
# - worked number: one picture, all bytes 100 against all bytes 110: luma differs by $10\cdot219/255=8.588$, so $20\log_{10}(255/8.588)=29.45$ dB


# %%
def luma_psnr(restored, truth, crop):
    """Mean over pictures of the PSNR of luma without the border: uint8 (N, H, W, 3) twice -> dB."""
    ### BEGIN SOLUTION
    weights = np.array([65.481, 128.553, 24.966]) / 255
    error = (restored.astype(float) - truth.astype(float)) @ weights  # the 16 cancels
    height, width = error.shape[1:]
    error = error[:, crop : height - crop, crop : width - crop]
    return np.mean(10 * np.log10(255**2 / np.mean(error**2, axis=(1, 2))))
    ### END SOLUTION


# %%
checks.luma_psnr(luma_psnr)

# %% [markdown]
# What do six photographs lose when they are halved and enlarged again by bicubic interpolation?

# %%
for work in data.load_photos("test"):
    truth = images.crop_to_multiple(work.image[None], 2)
    bicubic = images.enlarge(images.downscale(truth, 2), 2)
    print(f"{work.title:18} {luma_psnr(bicubic, truth, 2):.2f} dB")

# %% [markdown]
# ## Task 3 · The sub-pixel shuffle
#
# Lay the channels of each pixel out as a block of $f\times f$ pixels: the value `t[n, i, j, (a f + b) C + c]` goes to `[n, f i + a, f j + b, c]`. No loops are needed: `reshape`, `transpose`, `reshape`.
#
# - `t`: `(N, H, W, f² C)`, a NumPy array; `f`: a whole number
# - returns: `(N, f H, f W, C)`
# - worked number: one pixel with the channels `[1, 2, 3, 4]` and `f = 2` gives the picture `[[1, 2], [3, 4]]` of one channel


# %%
def pixel_shuffle(t, f):
    """Sub-pixel rearrangement: (N, H, W, f²C) -> (N, fH, fW, C)."""
    ### BEGIN SOLUTION
    n, height, width, channels = t.shape
    t = t.reshape(n, height, width, f, f, channels // f**2)  # axes n, i, j, a, b, c
    return t.transpose(0, 1, 3, 2, 4, 5).reshape(n, f * height, f * width, channels // f**2)
    ### END SOLUTION


# %%
checks.pixel_shuffle(pixel_shuffle)

# %% [markdown]
# ## Task 4 · Colour: the mean, the bins, the weights
#
# **4a.** Predict before you compute. Pixels of one lightness have one of three colours $(a, b)$: $(-10, 10)$ with probability 0.5, $(10, 20)$ with probability 0.2, and $(40, 25)$ with probability 0.3. Which colour does a network learn for them with the L2 loss?
#
# - an array of shape `(2,)`, in Lab units
# - worked number: two equally likely colours $(0, 10)$ and $(20, 30)$ give $(10, 20)$

# %%
### BEGIN SOLUTION
colours, probabilities = np.array([[-10, 10], [10, 20], [40, 25]]), np.array([0.5, 0.2, 0.3])
learned = probabilities @ colours
### END SOLUTION
learned

# %%
checks.l2_colour(learned)

# %% [markdown]
# **4b.** From the logits of $Q$ bins to one colour: $f_T(q)_k\propto q_k^{1/T}$ with $q=\operatorname{softmax}(\text{logits})$, then the mean of the bins' centres under $f_T(q)$. The check also sends logits near 5,000.
#
# - `logits` `(N, Q)`, `centres` `(Q, 2)`: NumPy arrays; `T` > 0
# - returns: `(N, 2)`
# - worked number: logits `[[0, log 2]]`, centres `[[0, 0], [3, 0]]`, `T = 0.5`: $q=(\frac13,\frac23)$, squared and normalised $(0.2, 0.8)$, so `[[2.4, 0]]`


# %%
def annealed_colour(logits, centres, T):
    """Annealed mean of the bins: (N, Q), (Q, 2), number -> (N, 2)."""
    ### BEGIN SOLUTION
    sharp = np.exp((logits - logits.max(axis=1, keepdims=True)) / T)
    return sharp / sharp.sum(axis=1, keepdims=True) @ centres
    ### END SOLUTION


# %%
checks.annealed_colour(annealed_colour)

# %% [markdown]
# **4c.** Rebalancing. From the frequencies $p$ of the bins, weights $w_k\propto\frac1{(1-\lambda)p_k+\lambda/Q}$, scaled so that they are 1 *on average over the data*, $\sum_kp_kw_k=1$.
#
# - `p` `(Q,)`: frequencies, which sum to 1; `share` $\lambda$ in $(0, 1]$
# - returns: `(Q,)`
# - worked number: `p = [0.75, 0.25]`, `share = 0.5`: the denominators are $0.625$ and $0.375$, their inverses $1.6$ and $2.667$, the average over the data $1.867$; so `[0.857, 1.429]`


# %%
def class_weights(p, share):
    """Weights that let rare bins count more: (Q,), number in (0, 1] -> (Q,) with Σ p w = 1."""
    ### BEGIN SOLUTION
    w = 1 / ((1 - share) * p + share / len(p))
    return w / (p @ w)
    ### END SOLUTION


# %%
checks.class_weights(class_weights)

# %%
bins = colour.gamut_bins(10)
_, ab = colour.split_lab(data.load_faces("test").images[:200])
frequencies = bins.frequencies(ab[:, ::4, ::4])
for share in (1.0, 0.5, 0.1):
    w = class_weights(frequencies, share)
    print(
        f"share {share}: the most frequent bin counts {w[frequencies.argmax()]:.2f}, a bin that never occurs {w.max():.1f}"
    )

# %% [markdown]
# ## Task 5 · Price and proof
#
# **5a.** The price of sharpness. The best guess has the squared error `least` $=D^*$ and lies at the distance `gap` $=P^*>0$ from the distribution of real pictures. You want a distance of at most `distance` $=P$. How far along the way from the best guess ($t=0$) to a real-looking picture ($t=1$) must you go *at least*, and what is the smallest error you must pay?
#
# - `least`, `gap`, `distance`: numbers
# - returns: a tuple $(t, D)$ of numbers
# - worked number: `least = 2`, `gap = 1`, `distance = 0.25`: $t=0.75$ and $D=2+0.75^2=2.5625$


# %%
def sharpness_price(least, gap, distance):
    """Share of the way and smallest squared error for a wanted distance -> (t, D)."""
    ### BEGIN SOLUTION
    missing = max(0.0, gap - distance)
    return missing / gap, least + missing**2
    ### END SOLUTION


# %%
checks.sharpness_price(sharpness_price)

# %% [markdown]
# **5b.** Design an experiment. You want to prove a gain in dB on *photographs at large*. Gains of whole photographs scatter with the standard deviation `between` $=\sigma_b$; the patches of one photograph scatter around its own mean with `within` $=\sigma_e$; each photograph gives `patches` $=m$ of them. The mean over $G$ photographs has the variance $\sigma_b^2/G+\sigma_e^2/(Gm)$. How many photographs make $\pm1.96$ standard errors reach at most $\pm h$, `half_width`? With fewer than two there would be no spread to report.
#
# - `between`, `within`, `half_width`: numbers of dB; `patches`: a whole number
# - returns: a whole number, at least 2
# - worked number: $\sigma_b=0.3$, $\sigma_e=0.6$, $m=100$, $h=0.1$: $(0.09+0.0036)\cdot(1.96/0.1)^2=35.96$, so `36`. With ten thousand patches from each it would still be 35


# %%
def photographs_needed(between, within, patches, half_width):
    """Number of photographs for an interval of ± half_width -> whole number, at least 2."""
    ### BEGIN SOLUTION
    variance = between**2 + within**2 / patches
    return max(2, int(np.ceil(variance * (1.96 / half_width) ** 2)))
    ### END SOLUTION


# %%
checks.photographs_needed(photographs_needed)

# %%
for patches in (1, 10, 100, 1_000):
    print(f"{patches:5} patches of each: {photographs_needed(0.3, 0.6, patches, 0.1)} photographs")

# %% [markdown] tags=["solution"]
# Patches are cheap and stop helping soon. The course's six held-out photographs cannot give a narrow interval, however many patches are cut from them; that is why the lesson's interval is wide, and why it is nevertheless the one to print.

# %% [markdown]
# ## Task 6 · What went wrong?
#
# Five studies, each with one fault (or one thing that only looks like a fault). Causes: `"leak"` (test data known from training), `"channel"` (two numbers of different measures compared), `"damage"` (the damage in use is not the damage in training), `"mean"` (the loss does what it asks for), `"metric"` (the number that was optimised is not what the user wants).
#
# - **A.** All patches of 30 photographs are cut with overlap, shuffled, and every tenth goes into the test set. The gain over bicubic is 2.1 dB. On new photographs it is 0.6 dB.
# - **B.** “Our ×2 network reaches 36.1 dB”, against 34.4 dB for bicubic in a table of another paper. The authors measured $Y$; the table was measured in RGB.
# - **C.** A network, trained on bicubically reduced pictures and 1 dB better than bicubic on such pictures, makes pictures of a mobile phone *worse*: it sharpens their noise and the blocks of their JPEG.
# - **D.** A colorizer of cars, trained with L2 for a long time on a million pictures, paints all cars in a greyish brown. The loss is at its minimum, and longer training does not help.
# - **E.** Among ten super-resolvers a photographer's shop picks the one with the highest PSNR. Customers prefer the prints of the shop next door, whose PSNR is 2 dB lower.

# %%
### BEGIN SOLUTION
faults = {"A": "leak", "B": "channel", "C": "damage", "D": "mean", "E": "metric"}
### END SOLUTION
faults

# %%
checks.restoration_faults(faults)
