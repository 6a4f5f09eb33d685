"""How a person looks at a run, kept by the session and written in the address."""
