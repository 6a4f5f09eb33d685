"""View state: how a run is looked at, kept in the session and in the address."""
