"""Robustness: predictions on images with corruptions of graded severity (Hendrycks and Dietterich 2019), and under augmentation."""
