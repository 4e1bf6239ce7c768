"""Make the bundled emoji: every emoji that is one character, 48x48 in colour on white (uint8), with its group.

    python data/make_emoji.py NotoColorEmoji.ttf emoji-test.txt

Debian has both files: `apt install fonts-noto-color-emoji unicode-data` puts them into /usr/share/fonts/truetype/noto
and /usr/share/unicode/emoji. Needs fonttools and pillow, which come with matplotlib. Same input, same bytes.
"""

import hashlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image

from elscourse.files import whole_file

SIDE = 48  # twice 24, three times 16: both are exact means
GROUPS = (  # Unicode's, in the order of elscourse.catalogue.EMOJI_CLASSES; flags are left out
    "Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink",
    "Travel & Places", "Activities", "Objects", "Symbols",
)  # fmt: skip
PRESENTATION = "FE0F"  # asks for a picture, and is none itself


def single_characters(path: Path) -> Iterator[tuple[int, int]]:
    """(character, group) of all emoji that are one character: no skin tones, families or flags."""
    group = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# group: "):
            group = line.removeprefix("# group: ")
        found = re.match(r"([0-9A-F ]+?) *; fully-qualified", line)
        codes = [code for code in found[1].split() if code != PRESENTATION] if found else []
        if len(codes) == 1 and group in GROUPS:
            yield int(codes[0], 16), GROUPS.index(group)


def picture(png: bytes) -> np.ndarray:
    """A glyph on a white square, each pixel the mean of what it covers."""
    glyph = Image.open(io.BytesIO(png)).convert("RGBA")
    side = max(glyph.size)
    square = Image.new("RGBA", (side, side), "white")
    square.alpha_composite(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
    return np.asarray(square.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))


if __name__ == "__main__":
    font, here = TTFont(sys.argv[1]), Path(__file__).parent
    glyphs, names = font["CBDT"].strikeData[0], font.getBestCmap()
    # an order that mixes the groups, so that the first n are of all kinds; and the same one everywhere
    rows = sorted(single_characters(Path(sys.argv[2])), key=lambda row: hashlib.sha256(chr(row[0]).encode()).digest())
    characters, labels = np.array(rows).T
    images = np.stack([picture(glyphs[names[character]].imageData) for character in characters])
    labels, characters = labels.astype(np.uint8), characters.astype(np.int32)
    with whole_file(here / "emoji.npz") as partial:
        np.savez_compressed(partial, images=images, labels=labels, characters=characters)
    print(f"{len(images)} emoji; by group: {np.bincount(labels).tolist()}")
