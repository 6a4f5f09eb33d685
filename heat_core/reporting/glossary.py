"""The terms of HEAT Explorer, each in a sentence: docs/glossary.md and the app's Glossary are made from them.

`python -m heat_core.reporting.glossary > docs/glossary.md` writes the page; a test compares it with these terms.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A term with its meaning.

    Attributes:
        name: the term, with its synonyms.
        meaning: one sentence in plain English.
        equation: its formula in LaTeX, or "".
        source: equation, section or publication that defines it, or "".
        on_pages: whether the app's pages use the term.
    """

    name: str
    meaning: str
    equation: str = ""
    source: str = ""
    on_pages: bool = True


TERMS = (
    Term(
        "In-distribution (ID), known",
        "An image of one of the classes that the classifier was trained on.",
    ),
    Term(
        "Out-of-distribution (OOD), unknown",
        "An image of anything else, which a detector should separate from the known ones; near-OOD sets resemble the "
        "known classes, far-OOD sets do not.",
    ),
    Term(
        "OOD score",
        "How unusual an image looks to a detector; a larger score is more out-of-distribution for every detector here.",
    ),
    Term(
        "Threshold",
        "The score above which an image is called unknown: the 95th percentile of the ID test scores, unless another "
        "threshold or a false-positive rate α is chosen.",
        r"\hat y(z) = \text{OOD} \iff s(z) > Q_{0.95}\{s(z_i) : z_i \in \text{ID test}\}",
        "Sec. 4.4",
    ),
    Term(
        "Detected, missed; kept, flagged",
        "An unknown image is detected when its score exceeds the threshold and missed otherwise; a known image is kept "
        "when its score does not, and flagged by mistake otherwise.",
    ),
    Term(
        "FPR95 ↓",
        "The share of unknown images that pass for known at the threshold that keeps 95 % of the known ones (ID is the "
        "positive class); lower is better.",
        r"\mathrm{FPR95} = P(s(z_{\text{OOD}}) \le Q_{0.95})",
        "Sec. 4",
    ),
    Term(
        "AUROC ↑",
        "The probability that an unknown image has a larger score than a known one: 50 % is guessing, 100 % perfect.",
        r"P(s_{\text{OOD}} > s_{\text{ID}}) + \tfrac12 P(s_{\text{OOD}} = s_{\text{ID}})",
        "Sec. 4",
    ),
    Term(
        "Covariate shift, shifted set",
        "Images of the known classes under other conditions, such as another camera, weather or corruption, are "
        "covariate-shifted: they are known, and a set of them is a shifted set, whose accuracy and share of flagged "
        "images are shown; it is neither a set of ID test images nor an OOD set.",
        source="Zhang et al., OpenOOD v1.5, 2023",
    ),
    Term(
        "Full-spectrum",
        "FPR95, AUROC and AUPR with the ID test images and the images of all shifted sets together as the known ones; "
        "the threshold of this FPR95 keeps 95 % of all of them.",
        r"\mathrm{FPR95} = P(s(z_{\text{OOD}}) \le Q_{0.95}\{s(z_i) : z_i \in \text{ID test} \cup \text{shifted}\})",
        "Zhang et al., OpenOOD v1.5, 2023",
    ),
    Term(
        "Features, avg and std",
        "The vectors that a frozen network makes of an image: avg is what its linear head reads, std is the standard "
        "deviation of its last feature volume over positions (std-pooling).",
        r"\mathrm{std}(v)_c = \sqrt{\tfrac1P \textstyle\sum_p (v_{cp} - \bar v_c)^2}",
        "Sec. 3.2",
        on_pages=False,
    ),
    Term(
        "Prior",
        "An energy with a closed form that is fitted on ID features: GMM is a Gaussian per class with one covariance "
        "on avg, GMM-std the same on std, EL the energy of the classifier's logits.",
        r"E_{\text{GMM}}(z) = -\log\sum_c e^{-\frac12 (z-\mu_c)^\top\Sigma^{-1}(z-\mu_c)},\quad "
        r"E_{\text{EL}}(z) = -\log\sum_c e^{f_c(z)}",
        "Sec. 3.2",
    ),
    Term(
        "Residual",
        "A small network that is trained on ID features alone to correct a prior where the prior is wrong; its "
        "negatives are samples of the hybrid energy, drawn by Langevin dynamics.",
        r"\mathcal L = \mathbb E_{z\sim\text{ID}}[E_\theta(z)] - \mathbb E_{z'\sim p^h_\theta}[E_\theta(z')] "
        r"+ \lambda\,\mathbb E[E_\theta^2]",
        "Eqs. 3 to 6, Algorithm 1",
    ),
    Term(
        "Temperature (T)",
        "A constant by which the energy of the prior is divided, so that the residual, whose size the loss bounds, can "
        "correct it.",
        r"E_q(z)\,/\,T",
        "App. B",
        on_pages=False,
    ),
    Term(
        "λ (lambda)",
        "The weight of the loss term that keeps the residual small: a large λ leaves the prior as it is, a small λ "
        "lets the residual replace it.",
        r"\mathcal L_{\text{Tot}} = \mathcal L_{\text{MLE}} + \lambda\,\mathcal L_C",
        "Eq. 6, Fig. 3a",
        on_pages=False,
    ),
    Term(
        "Hybrid energy, corrected prior",
        "The energy of a prior plus that of its residual; HEAT-GMM, HEAT-GMM-std and HEAT-EL are the corrected forms "
        "of GMM, GMM-std and EL.",
        r"E^h_{\theta_k}(z) = E_{q_k}(z)/T + E_{\theta_k}(z)",
        "Eq. 2",
    ),
    Term(
        "Residual scale (ρ), rescaling",
        "The spread of a residual divided by that of its prior over ID features; `rescale` (beyond the paper) "
        "multiplies the residual so that ρ follows from how much it has learned (η) and from what the prior does not "
        "read (w).",
        r"\rho = \mathrm{std}(E_\theta) / \mathrm{std}(E_q/T) = \eta\,w",
        "heat_core.energies.residual_scale",
        on_pages=False,
    ),
    Term(
        "Standardisation scale",
        "Mean and standard deviation of each hybrid energy over the ID training features, by which the energies are "
        "made comparable before they are composed.",
        r"\tilde E_k(z) = (E^h_k(z) - m_k)\,/\,\sigma_k",
        "App. A.2",
        on_pages=False,
    ),
    Term(
        "Composition (β), HEAT",
        "The corrected priors combined into one score by one parameter: β = 0 takes their mean, β → −∞ the smallest "
        "(all must find an image unusual), β → +∞ the largest (one is enough).",
        r"E^\beta_{\text{HEAT}}(z) = \tfrac1\beta \log \tfrac1K \sum_k e^{\beta \tilde E_k(z)}",
        "Eq. 7",
    ),
    Term(
        "Lens",
        "How a finished run is looked at: β, which priors take part and with which weights, and where the threshold "
        "is; changing it computes no feature and trains nothing again.",
        on_pages=False,
    ),
    Term(
        "Score contribution",
        "The part of an image's score that each prior, each residual and β account for; the parts add up to the score.",
        r"\partial E^\beta/\partial \tilde E_k = \mathrm{softmax}_k(\beta \tilde E_k)",
        "heat_core.analysis.explanation",
    ),
    Term(
        "Calibration, p-value (p), false-positive rate (α)",
        "p is the share of held-out known images that look at least as unusual as this one (a conformal p-value); α, "
        "also called false-alarm rate, is the share of known images that may be called unknown. Both are valid where "
        "new known images are like the ID test set, on which nothing was fitted.",
        r"p(z) = \frac{1 + \#\{i : s_i \ge s(z)\}}{n + 1}",
        "Vovk et al., 2005; Bates et al., 2023",
    ),
    Term(
        "Discoveries",
        "The images of a batch that are called unknown so that at most a chosen share of them is expected to be known "
        "(Benjamini–Hochberg).",
        r"\max\{k : p_{(k)} \le \alpha k / N\}",
        "Benjamini & Hochberg, 1995",
    ),
    Term(
        "Baseline, +31 / −18",
        "The detector that HEAT is compared with, the best single prior unless you choose another: HEAT detects 31 "
        "unknown images that the baseline misses, and misses 18 that the baseline detects.",
    ),
    Term(
        "Slice, lift",
        "A slice is the part of the images that have a value in common, such as a folder, a predicted class or a "
        "brightness; its lift is its share of missed (or flagged, or wrong) images divided by that of all images, "
        "which the pages write as “2.2 × overall”.",
    ),
    Term(
        "q-value (q)",
        "The p-value of a slice after a correction for the number of slices that were looked at: of the slices with q "
        "at most 5 %, at most 5 % are expected to be there by chance (Benjamini–Hochberg).",
        source="Benjamini & Hochberg, 1995",
    ),
    Term(
        "Likely mislabelled",
        "A labelled image whose label the classifier's held-out probabilities contradict (confident learning).",
        source="Northcutt et al., JAIR 2021",
    ),
    Term(
        "Unknown that looks known",
        "An OOD image with an ordinary score, a confident prediction, and nearest training images of that class: it may"
        " show a known class.",
    ),
    Term(
        "Decision",
        "What you want to change about chosen images: make them a new class, add them to a class, remove them from "
        "their set, or ignore them; a new run can follow the decisions.",
    ),
    Term(
        "Detector",
        "A method that gives every image an OOD score: HEAT, its priors, and the methods that it is compared with; its "
        "evidence says whether it reads logits, features, both, or gradients.",
        on_pages=False,
    ),
    Term(
        "Run, study",
        "A run is a folder with everything that one experiment made: features, priors, residuals, energies, metrics; a "
        "study is a set of runs that differ in one setting, with a table or figure over them.",
        on_pages=False,
    ),
    Term(
        "Guard",
        "One file that scores images without the run: the corrected priors, the composition, and the calibration.",
        on_pages=False,
    ),
)


def to_markdown() -> str:
    """Write docs/glossary.md: every term with its meaning, equation and source."""
    return "\n".join([_HEAD, *map(_entry, TERMS)])


def _entry(term: Term) -> str:
    equation = f"\n$$ {term.equation} $$\n" if term.equation else ""
    source = f"\n*{term.source}*\n" if term.source else ""
    return f"## {term.name}\n\n{term.meaning}\n{equation}{source}"


_HEAD = """\
# Glossary

The terms of HEAT Explorer that a reader may not know, each in a sentence. Equations, sections and tables are those of
the paper (Lafon et al., ICML 2023) unless another source is named. The app's Glossary shows the same text. This page is
written by `python -m heat_core.reporting.glossary > docs/glossary.md`.
"""

if __name__ == "__main__":
    print(to_markdown(), end="")
