"""Conversion of images with a colour profile to sRGB, for display. Networks see the pixels as they are stored."""

import io
from functools import lru_cache

from PIL import Image, ImageCms

_SPACES = {"RGB": "RGB", "CMYK": "CMYK"}  # Pillow's mode -> the profile's name for it


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An RGB or CMYK image as sRGB; unchanged where the profile is absent, damaged, sRGB or for another colour space."""
    transform = _transform(profile, image.mode) if profile else None
    if transform is None:
        return image
    return ImageCms.applyTransform(image, transform) or image  # None only where it changes the image in place


@lru_cache(maxsize=16)  # a camera writes the same profile into every photo
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        described = source.profile.profile_description or ""
        if source.profile.xcolor_space.strip() != _SPACES[mode] or "srgb" in described.lower():
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, KeyError):
        return None
