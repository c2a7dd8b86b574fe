"""What the commands compute with, loaded before they are forked."""

import onnx
import onnxruntime
import timm
import torch

import engine.batch.store
import engine.cli
import engine.collection
import engine.data.averages
import engine.data.export
import engine.demo
import engine.embeddings
import engine.evaluation.comparison
import engine.explain.cam
import engine.export.importing
import engine.export.making
import engine.mapping
import engine.novelty
import engine.predict
import engine.robustness.measuring
import engine.scoring
import engine.thumbnails
import engine.training.estimate
import engine.training.job
import engine.training.lr_finder
import engine.training.probe
import engine.training.worker

torch.set_num_threads(1)
