"""The scripts of the pages; each page is assembled from the packages beside this one."""
