"""Every cache of the dashboard: each key holds what the answer depends on, so that nothing stale is shown."""

from dashboard.cache.augmentation import drawn, each_alone, mixed, square, withstood
from dashboard.cache.batches import alike, attention, judge, learnt_from, made
from dashboard.cache.catalogs import class_counts, classes, colours, drift, unused
from dashboard.cache.class_pairs import AVERAGED, along, average_look, differences
from dashboard.cache.cross_confusion import crossed, matrix_view, similarity_order
from dashboard.cache.evaluation import answered, areas, compared, evidence, near_copies, worst_slices
from dashboard.cache.explanations import (
    damage_document,
    damaged,
    dynamics,
    examples,
    has_heatmaps,
    has_occlusion,
    heatmaps,
    learnt,
    occlusion,
)
from dashboard.cache.late_imports import heavy, warm_up
from dashboard.cache.maps import index, map_points, neighbours, newer, picked
from dashboard.cache.models import answers, model, warm
from dashboard.cache.retraining_effect import proof
from dashboard.cache.runs import estimate, history, per_class, predictions, ranking, scores

__all__ = [
    "AVERAGED",
    "alike",
    "along",
    "answered",
    "answers",
    "areas",
    "attention",
    "average_look",
    "class_counts",
    "classes",
    "colours",
    "compared",
    "crossed",
    "damage_document",
    "damaged",
    "differences",
    "drawn",
    "drift",
    "dynamics",
    "each_alone",
    "estimate",
    "evidence",
    "examples",
    "has_heatmaps",
    "has_occlusion",
    "heatmaps",
    "heavy",
    "history",
    "index",
    "judge",
    "learnt",
    "learnt_from",
    "made",
    "map_points",
    "matrix_view",
    "mixed",
    "model",
    "near_copies",
    "neighbours",
    "newer",
    "occlusion",
    "per_class",
    "picked",
    "predictions",
    "proof",
    "ranking",
    "scores",
    "similarity_order",
    "square",
    "unused",
    "warm",
    "warm_up",
    "withstood",
    "worst_slices",
]
