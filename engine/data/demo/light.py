"""What the light does: the hour and the weather, the sky, the haze, and the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from engine.data.demo.brush import (
    COLUMNS,
    ROWS,
    SIZE,
    Array,
    Rng,
    Values,
    colour,
    interpolate,
    jitter,
    mix,
    smoothstep,
    tile,
    uniform,
)

SIDE = 150


@dataclass(frozen=True)
class Light:
    """The light of one scene: colours in 0..1, `sun_x` and `sun_y` in canvas sides, `clouds` as the share of the sky that they cover."""

    mood: str
    zenith: Array
    horizon: Array
    sun: Array
    ambient: Array
    sun_x: float
    sun_y: float
    clouds: float

    def shine(self, lit: Array) -> Array:
        """The colour of white under this light: `lit` is 0 in full shade and 1 in full sun."""
        return self.ambient + self.sun * lit


MOODS = {  # zenith, horizon, sunlight, skylight
    "noon": (colour(42, 96, 178), colour(176, 206, 232), colour(190, 180, 165), colour(84, 96, 116)),
    "clear": (colour(24, 76, 158), colour(138, 182, 222), colour(200, 188, 168), colour(66, 80, 104)),
    "hazy": (colour(126, 158, 190), colour(214, 218, 218), colour(150, 142, 128), colour(104, 110, 118)),
    "golden": (colour(92, 124, 168), colour(246, 208, 152), colour(230, 164, 96), colour(74, 74, 92)),
    "sunset": (colour(66, 68, 118), colour(250, 142, 70), colour(220, 116, 60), colour(62, 54, 78)),
    "overcast": (colour(148, 156, 166), colour(206, 210, 212), colour(76, 76, 74), colour(150, 156, 162)),
    "storm": (colour(70, 80, 94), colour(156, 164, 170), colour(80, 80, 74), colour(106, 112, 120)),
    "dusk": (colour(30, 48, 92), colour(164, 140, 138), colour(58, 52, 58), colour(72, 80, 106)),
}
DAYTIME = {"noon": 5, "clear": 4, "hazy": 3, "golden": 3, "sunset": 1, "overcast": 3, "storm": 1.5, "dusk": 1}


def draw_light(rng: Rng, chances: dict[str, float] = DAYTIME) -> Light:
    """A random light. `chances`: the weight of each mood, by name."""
    weights = np.array(list(chances.values()), float)
    mood = str(rng.choice(list(chances), p=weights / weights.sum()))
    zenith, horizon, sun, ambient = (jitter(rng, part, 0.035) for part in MOODS[mood])
    low = mood in ("golden", "sunset", "dusk")
    clouds = {"overcast": 0.9, "storm": 0.8}.get(mood, float(rng.choice([0.0, 0.25, 0.45, 0.6])))
    return Light(
        mood=mood, zenith=zenith, horizon=horizon, sun=sun, ambient=ambient,
        sun_x=uniform(rng, 0.1, 0.9), sun_y=uniform(rng, 0.02, 0.12) if low else uniform(rng, 0.3, 0.9), clouds=clouds,
    )  # fmt: skip


def paint_sky(rng: Rng, light: Light, horizon: float) -> Array:
    """A whole canvas of sky above a horizon at row `horizon`: gradient, glow around the sun, clouds in perspective."""
    above = (horizon - ROWS) / SIZE
    up = np.clip(above, 0, 2)
    blue = mix(light.horizon, light.zenith, (1 - np.exp(-up * uniform(rng, 1.8, 3.6))))
    away = np.hypot(COLUMNS / SIZE - light.sun_x, (above - light.sun_y) * 1.15)
    glow = np.exp(-away * uniform(rng, 4, 8)) * (0.9 if light.sun_y < 0.2 else 0.35) * (1.15 - light.clouds)
    lit = blue + light.sun * glow * 0.8
    if light.sun_y < 0.2 and light.mood != "dusk" and light.clouds < 0.7:
        lit = mix(lit, np.maximum(lit, colour(255, 245, 210)), smoothstep(-away, -0.045, -0.03))
    return _paint_clouds(rng, light, lit, up) if light.clouds else lit


def _paint_clouds(rng: Rng, light: Light, blue: Array, up: Array) -> Array:
    depth = 0.22 / (up + uniform(rng, 0.08, 0.3))
    scale, shift_u, shift_v = uniform(rng, 0.35, 0.8), uniform(rng, 0, 1), uniform(rng, 0, 1)
    u = (COLUMNS / SIZE - 0.5) * depth * scale + shift_u
    v = depth * scale * uniform(rng, 0.5, 1.1) + shift_v + np.zeros_like(u)
    field = tile("cloud")
    body = interpolate(field, u, v)
    # Thinner toward the sun means lit from there.
    toward_sun = interpolate(field, u + (light.sun_x - 0.5) * 0.04, v + 0.02)
    cut = 0.78 - light.clouds * 0.62
    cover = (
        smoothstep(body, cut, cut + uniform(rng, 0.16, 0.34)) * smoothstep(up, 0, 0.07) * (0.95 if light.clouds > 0.7 else 0.88)
    )
    shade = np.clip(0.62 + (body - toward_sun) * 2.2 - (body - 0.5) * 0.7, 0, 1)
    bright = np.clip(light.ambient * 1.15 + light.sun * 0.95 + 0.12, 0, 1)
    grey = mix(light.ambient, light.horizon, 0.45)
    return mix(blue, mix(grey, bright, shade), cover)


def add_haze(canvas: Array, depth: Values, light: Light, strength: float) -> Array:
    """`canvas` seen through air: it fades to the colour of the horizon with `depth`, at `strength` per unit of it."""
    veil = mix(light.horizon, light.zenith, 0.22)
    return mix(canvas, veil, 1 - np.exp(-depth * strength))


def develop(rng: Rng, canvas: Array) -> Image.Image:
    """The finished SIDE x SIDE photograph of a canvas: exposure, tone, colour cast, vignette, focus and grain."""
    photo = canvas * (2 ** float(rng.normal(0.06, 0.18)))
    photo = photo * (1 + rng.normal(0, 0.014, (3, 1, 1))).astype(np.float32)
    photo = _apply_tone(rng, photo)
    grey = 0.3 * photo[0] + 0.59 * photo[1] + 0.11 * photo[2]
    faded = rng.random() < 0.02
    photo = mix(grey, photo, 0.05 if faded else uniform(rng, 0.72, 1.15))
    corners = (COLUMNS / SIZE - 0.5) ** 2 + (ROWS / SIZE - 0.5) ** 2
    photo = photo * (1 - corners * uniform(rng, 0, 0.4))
    return _expose(rng, photo)


def _apply_tone(rng: Rng, photo: Array) -> Array:
    gamma, contrast = uniform(rng, 0.85, 1.12), uniform(rng, 0.05, 0.55)
    photo = np.clip(photo, 0, 1.6)
    photo = np.minimum(photo * (1.1 - 0.22 * photo), 1.2) ** gamma  # a soft shoulder keeps snow and sand from burning out
    return mix(photo, photo * photo * (3 - 2 * photo), contrast)


def _expose(rng: Rng, photo: Array) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray((np.clip(photo, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)))
    if rng.random() < 0.15:
        image = image.filter(ImageFilter.GaussianBlur(uniform(rng, 0.5, 1.2)))
    side = SIZE * uniform(rng, 0.84, 1)
    left, top = rng.random(2) * (SIZE - side)
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX, box=(left, top, left + side, top + side))
    if rng.random() < 0.5:
        small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    grain = rng.standard_normal((SIDE, SIDE, 1), np.float32) * uniform(rng, 0.5, 3.5)
    return Image.fromarray(np.clip(np.asarray(small, np.float32) + grain, 0, 255).astype(np.uint8))
