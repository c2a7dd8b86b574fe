"""What an evaluation starts from. No numpy here: the help of the command line shows these values."""

COVERAGE = 0.95  # how often a conformal set contains the true class
LAC, CLASSWISE = "lac", "classwise"
# LAC: Sadinle, Lei and Wasserman 2019, "Least ambiguous set-valued classifiers with bounded error levels": the smallest sets.
# Classwise: the same with one threshold per class (Vovk 2012, "Conditional validity of inductive conformal predictors"),
# so that hard classes are covered as often as easy ones.
METHODS = {LAC: "smallest sets", CLASSWISE: "every class as often"}
SUPPORT = 20  # images that a slice needs to say anything
SAMPLE = 300  # images on which robustness is measured: some minutes on a laptop, and intervals of about three points
