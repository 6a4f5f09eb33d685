"""Parts of the Studies page: the form of a new study, and the results of one."""
