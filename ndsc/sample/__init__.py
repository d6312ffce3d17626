"""Sample data without a download: listing photos of phones, make-up and clothes, rendered into NDSC's very layout.

A photo comes about in this order: `plan` (who posts what, how hard to recognize) → `photo` (ground, clutter, product,
overprint, camera) → `layout` (archives and tables) → `sample` (rendered once, found again). All in a photo is made of
`drawing.outlines`, filled by `drawing.painting`.
"""

from ndsc.sample.sample import render_sample

__all__ = ["render_sample"]
