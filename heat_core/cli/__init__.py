"""What each verb of the command line does, its options and its output."""
