"""What is done: an Experiment becomes a Run, a folder that is written stage by stage and opened without torch."""
