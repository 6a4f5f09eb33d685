"""What every page uses: text, faults, heading, widgets, downloads, opening and waiting for runs."""
