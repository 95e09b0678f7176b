"""How much the units of a network change when its input is rotated, and how much from image to image."""
