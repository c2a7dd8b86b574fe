"""What the commands compute with, loaded before they are forked."""

import click
import onnx
import onnxruntime
import timm
import torch

import engine.data.demo
import engine.data.export
import engine.data.mean_images
import engine.data.thumbnails
import engine.embeddings.dataset_index
import engine.embeddings.extract
import engine.evaluation.comparison
import engine.evaluation.robustness.measurement
import engine.evaluation.scoring
import engine.export.importing
import engine.export.job
import engine.inference.batch.store
import engine.inference.corrections
import engine.inference.explain.cam
import engine.inference.ood
import engine.inference.predict
import engine.training.job
import engine.training.lr_finder
import engine.training.measure_speed
import engine.training.probe_job
import engine.training.worker
from engine.cli.commands import root

torch.set_num_threads(1)
for name in root.list_commands(click.Context(root)):
    root.get_command(click.Context(root), name)  # imports its module
