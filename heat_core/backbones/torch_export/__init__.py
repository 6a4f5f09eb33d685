"""Networks stored as files of `torch.export` (.pt2), read without unpickling."""
