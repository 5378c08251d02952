"""What is measured of pictures, boxes and networks."""

from coordlib.lab.measures.accuracy import iou, pixel_accuracy, pixel_distance
from coordlib.lab.measures.shifts import consistency
from coordlib.lab.measures.similarity import (
    decibels,
    distance_from_start,
    frechet_distance,
    psnr,
)

__all__ = [
    "consistency",
    "decibels",
    "distance_from_start",
    "frechet_distance",
    "iou",
    "pixel_accuracy",
    "pixel_distance",
    "psnr",
]
