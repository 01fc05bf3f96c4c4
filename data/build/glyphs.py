"""Build data/glyphs.npz: the digits and capital letters, drawn with the fonts inside matplotlib.

    python data/build/glyphs.py

Each picture draws one character with a font, size, stroke, slant, rotation, shift and blur of
its own. Valid and test use font families that train does not have.
"""

import string
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from shipping import write
from tqdm import tqdm

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
CHARACTERS = string.digits + string.ascii_uppercase
SIDE, LARGE = 28, 4  # drawn LARGE times as large, then made smaller: smooth edges
# split -> (pictures of each character, fonts)
SPLITS = {
    "train": (
        240,
        [
            "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf",
            "DejaVuSans-BoldOblique.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf",
            "DejaVuSerif-Italic.ttf", "DejaVuSerif-BoldItalic.ttf", "STIXGeneral.ttf",
            "STIXGeneralBol.ttf", "STIXGeneralItalic.ttf", "STIXGeneralBolIta.ttf",
        ],
    ),
    "valid": (60, ["cmr10.ttf", "cmb10.ttf", "cmti10.ttf"]),
    "test": (
        100,
        [
            "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSansMono-Oblique.ttf",
            "DejaVuSansMono-BoldOblique.ttf", "cmss10.ttf", "cmtt10.ttf",
        ],
    ),
}  # fmt: skip


def draw(character, font_file, random):
    """Return one picture of a character as uint8 1×28×28, white on black."""
    side = SIDE * LARGE
    # Height and width of the character itself, not of the font's body, set the size: every font
    # then fills the picture alike, and a wide M is not cut.
    tall, wide = random.uniform(16, 21) * LARGE, 19 * LARGE
    left, top, right, bottom = ImageFont.truetype(FONTS / font_file, 100).getbbox(character)
    size = 100 * min(tall / (bottom - top), wide / (right - left))
    font = ImageFont.truetype(FONTS / font_file, size)
    left, top, right, bottom = font.getbbox(character)
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).text(
        (side / 2 - (left + right) / 2, side / 2 - (top + bottom) / 2),
        character,
        fill=255,
        font=font,
        stroke_width=int(random.randint(0, 4)),
    )
    angle, slant = np.deg2rad(random.uniform(-12, 12)), random.uniform(-0.2, 0.2)
    across, down = random.uniform(-1.5, 1.5, 2) * LARGE
    # PIL wants the map from the new picture to the old one, about the centre.
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turn = turn @ np.array([[1, slant], [0, 1]])
    centre = np.array([side / 2, side / 2])
    origin = centre - turn @ (centre + [across, down])
    coefficients = (*turn[0], origin[0], *turn[1], origin[1])
    image = image.transform((side, side), Image.Transform.AFFINE, coefficients, Image.BILINEAR)
    image = image.filter(ImageFilter.GaussianBlur(random.uniform(0, 0.7) * LARGE))
    image = np.asarray(image.resize((SIDE, SIDE), Image.BOX), dtype=np.float32)
    image = image * random.uniform(0.75, 1.0)
    # Noise on the ink only: the background of the digits is black too, and a file with a noisy
    # background would be three times as large.
    image = image + random.normal(0, 12, image.shape) * (image > 8)
    return image.clip(0, 255).round().astype(np.uint8)[None]


def main():
    arrays = {"class_names": np.array(list(CHARACTERS))}
    random = np.random.RandomState(0)
    for word, (count, fonts) in SPLITS.items():
        inputs = [
            draw(character, fonts[i % len(fonts)], random)
            for character in tqdm(CHARACTERS, desc=word)
            for i in range(count)
        ]
        arrays[f"{word}_inputs"] = np.stack(inputs)
        arrays[f"{word}_labels"] = np.repeat(np.arange(len(CHARACTERS), dtype=np.uint8), count)
    write(
        "glyphs.npz",
        arrays,
        "free fonts: Bitstream Vera, STIX, BaKoMa",
        "python data/build/glyphs.py",
    )


if __name__ == "__main__":
    main()
