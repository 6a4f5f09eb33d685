"""Command line: the parser of each verb, the function that performs it, and its output."""
