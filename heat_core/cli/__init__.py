"""The command line: the parser of each verb, what the verb does, and its output."""
