"""What the dashboard computes once for all sessions: every function is `@cached` (see `dashboard.cache.cached`)."""
# ruff: noqa: F401 - these are the package's names

from dashboard.cache.augmentation import augment_by_step, augment_images, augmentation_robustness, mix_images
from dashboard.cache.batches import batch_heatmap, batch_predictions, images_seen_in_training, judge, nearest_training_images
from dashboard.cache.cached import clear
from dashboard.cache.catalogs import classes, colours, count_classes, split_drift, unused_files
from dashboard.cache.class_pairs import MAX_AVERAGED, average_heatmaps, class_differences, positions_between
from dashboard.cache.cross_confusion import confusion_between, matrix_view, similarity_order
from dashboard.cache.evaluation import compare_runs, evidence, near_copies, roc_areas, scored_catalog, worst_slices
from dashboard.cache.explanations import (
    corruption_predictions,
    dynamics,
    dynamics_summary,
    examples,
    has_heatmaps,
    has_occlusion,
    heatmaps,
    occlusion,
    robustness_document,
)
from dashboard.cache.images import square, upload_squares
from dashboard.cache.late_imports import IMPORT_LOCK, warm_up
from dashboard.cache.maps import count_unindexed, embedding_index, find_neighbours, map_points, selected_ids
from dashboard.cache.models import model, predict_images, warm_up_model
from dashboard.cache.retraining_effect import measure_retraining_effect
from dashboard.cache.runs import estimate_time, history, per_class_scores, predictions, ranking, scores
