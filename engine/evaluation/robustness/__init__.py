"""What breaks a model: its answers to pictures that are damaged in graded ways (Hendrycks and Dietterich 2019)."""
