"""What is measured of pictures, boxes and networks."""
