"""The dashboard; the only part that uses Textual."""

import os

# Textual reads this once, when it is first imported: at its default of 60 frames a second a
# key press waits up to a whole frame before it is drawn. No more is drawn by that: a frame is
# drawn where something has changed, which takes longer than this rate allows for.
os.environ.setdefault("TEXTUAL_FPS", "1000")
