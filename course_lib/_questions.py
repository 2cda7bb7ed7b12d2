"""The questions of ``placement``: what one is, and the ten that say where to start."""

import html
from dataclasses import dataclass

UNSURE = "I am not sure"
# Free books, for what is no lesson's subject.
PROBABILITY = "Introduction to Probability (Blitzstein & Hwang, free online), chapter"
MATHS = "Mathematics for Machine Learning (Deisenroth, Faisal & Ong, free online), section"


@dataclass(frozen=True)
class Question:
    """A question with its ``options``, the right one first, and why it is right.

    In the quiz whoever knows ``lesson`` can answer it. Before a lesson it asks what ``lesson`` needs, and ``source``
    says where that is taught: (notebook without its ending, heading) in this course, or a free source in words.
    """

    lesson: str
    text: str
    options: tuple
    why: str
    source: tuple | str = ""

    @property
    def right(self):
        """The right option."""
        return self.options[0]

    @property
    def shown(self):
        """The options in the order they are shown, which does not give the right one away, and the way out last."""
        return (*sorted(self.options), UNSURE)

    @property
    def where(self):
        """The source as HTML: a link to the lesson with its heading, or the words."""
        if isinstance(self.source, str):
            return html.escape(self.source)
        notebook, heading = self.source
        text = f"lesson {notebook[:2]}, “{html.escape(heading)}”"
        # Underlined here, because the style of widgets hides links.
        return f'<a href="{notebook}.ipynb" target="_blank" rel="noopener" style="text-decoration:underline">{text}</a>'


PLACEMENT = (
    Question(
        "01",
        "Which model of data p does maximum likelihood prefer?",
        ("the one with the smallest KL(p‖q)", "the one with the smallest KL(q‖p)", "the one with the largest entropy"),
        "Mean log-likelihood is −H(p) − KL(p‖q), and H(p) does not depend on the model.",
    ),
    Question(
        "02",
        "By how much does the ELBO miss log p(x)?",
        ("by KL(q(z|x)‖p(z|x))", "by KL(q(z|x)‖p(z))", "by the reconstruction error"),
        "log p(x) = ELBO + KL(q(z|x)‖p(z|x)), so the bound is tight when q is the true posterior.",
    ),
    Question(
        "03",
        "A VAE's reconstruction loss is the mean over 784 pixels instead of their sum. What has happened?",
        ("the KL term counts 784 times as much", "only the learning rate changed", "the KL term counts 784 times less"),
        "Dividing one of two terms by 784 is the same as β = 784: an accident in many tutorials.",
    ),
    Question(
        "04",
        "You average two random codes of N(0, I) in 100 dimensions. What is unusual about the result?",
        ("its norm is too small", "its norm is too large", "nothing"),
        "Norms lie near 10; the mean of two independent codes has one near 7, where hardly any code lies.",
    ),
    Question(
        "05",
        "What does the best discriminator between densities p (real) and q give at x?",
        ("p/(p + q)", "p/q", "1 where p > q, else 0"),
        "It maximises p·log D + q·log(1 − D) at each x, and the derivative vanishes at D = p/(p + q).",
    ),
    Question(
        "06",
        "A generator ends in tanh; the pictures are in [0, 1]. What goes wrong?",
        ("real and generated pictures differ in range", "nothing", "the gradient of tanh explodes"),
        "The discriminator has a give-away that has nothing to do with the pictures: values below 0.",
    ),
    Question(
        "07",
        "Which of these shows that a GAN has lost modes?",
        ("counting which modes the samples hit", "the generator's loss rises", "the discriminator's loss is ln 4"),
        "Loss curves of a healthy and a collapsed game can look alike; only the samples tell.",
    ),
    Question(
        "08",
        "Two distributions do not overlap. Which distance still tells how far apart they are?",
        ("W1", "JS", "KL"),
        "KL is infinite and JS is ln 2 wherever they lie; W1 grows with the way between them.",
    ),
    Question(
        "09",
        "The Fréchet distance of 1,000 samples is lower than that of 500 from the same generator. Why?",
        ("its bias shrinks like 1/n", "the generator improved", "its variance grew"),
        "Estimated covariances scatter, which can only add; compare at equal numbers of samples.",
    ),
    Question(
        "10",
        "One run with Adam scored 31, one with RMSprop 34. What do you know?",
        ("little: the spread over seeds is missing", "Adam is better", "RMSprop was tuned badly"),
        "Without the spread between seeds a difference of two runs has no size to be compared with.",
    ),
)
