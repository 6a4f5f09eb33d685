"""The workbench, which runs in the browser and shows the samples of a run, and the messages that it exchanges."""
