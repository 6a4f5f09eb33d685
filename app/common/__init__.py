"""Parts that several pages share: text, errors, heading, widgets, downloads, and the opening of runs."""
