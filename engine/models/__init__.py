"""Networks: the registry of backbones, pretrained weights, devices, augmentation, fused kernels."""
