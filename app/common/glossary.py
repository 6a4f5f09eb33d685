"""The words that every page uses, for people who have not read the paper."""

import streamlit as st

WORDS = {
    "ID, known": "in-distribution: images of the classes that the model was trained on.",
    "OOD, unknown": "out-of-distribution: images of anything else. A detector should tell them from the known ones.",
    "Score": "how unusual an image looks to a detector; right of the threshold it is called unknown.",
    "95 % of ID": "the usual threshold: 95 % of the known test images stay below it.",
    "α, p": "α: the share of known images that may be called unknown, a false-alarm rate that draws the line; p: the "
    "share of known images that would look at least as unusual as this one. Both hold where new known images are like "
    "the ID test set, on which nothing was fitted.",
    "Caught, missed; kept, flagged": "an unknown image that a detector calls unknown, or takes for known; a known one "
    "that it keeps, or calls unknown by mistake.",
    "Baseline, +31 −18": "the detector that HEAT is held against, the best single prior unless you choose another: how "
    "many unknown images HEAT catches that it misses, and how many it loses.",
    "FPR95 ↓": "share of unknown images that pass for known at that threshold; lower is better.",
    "AUROC ↑": "the chance that an unknown image scores higher than a known one; 50 % is guessing, 100 % perfect.",
    "GMM, GMM-std, EL": "priors: how unlikely the image's features are under a Gaussian per class (of their averages, "
    "or of their spread over the image), or how weak the classifier's logits are.",
    "Residual": "a small network that is trained to correct a prior where it is wrong; HEAT-GMM is GMM with its "
    "residual.",
    "HEAT, β": "the corrected priors composed into one score: β = 0 takes their mean, towards −∞ the smallest (all "
    "must find an image unusual), towards +∞ the largest (one is enough).",
}


def glossary() -> None:
    """A button that opens the list."""
    with st.popover("Words", icon=":material/help:", type="tertiary", help="What the words of these pages mean."):
        st.markdown("\n\n".join(f"**{word}** · {meaning}" for word, meaning in WORDS.items()))
