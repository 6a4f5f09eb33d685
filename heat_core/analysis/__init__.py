"""What is asked of finished runs. Nothing here imports torch."""
