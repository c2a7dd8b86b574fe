"""What a run says about an image: predictions, out-of-distribution detection, verdicts, explanations."""
