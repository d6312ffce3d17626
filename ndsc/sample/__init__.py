"""Sample data without a download: listing photos of phones, make-up and clothes, rendered in NDSC's layout.

A photo is made in this order: `plan` (who posts what, how hard to recognize) → `photo` (background, clutter, product,
overprint, camera) → `sample` (archives and tables, rendered once). `drawing` paints everything, made of `outlines`.
"""

from ndsc.sample.sample import render_sample

__all__ = ["render_sample"]
