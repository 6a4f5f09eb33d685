"""What Pillow leaves out when it reads an image file: more than 8 bits per channel, and PNG files with long texts."""
