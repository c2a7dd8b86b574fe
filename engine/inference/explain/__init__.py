"""Why a model answers as it does: class activation maps, occlusion, the nearest training images."""
