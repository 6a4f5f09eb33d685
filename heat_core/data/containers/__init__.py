"""Images inside zip and tar archives and Parquet files, which are read without unpacking them."""
