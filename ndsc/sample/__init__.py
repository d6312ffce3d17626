"""Sample data without a download: listing photos of phones, make-up and clothes, rendered in NDSC's layout.

The order of the steps: `plan` (listings, shops, and the difficulty of each photo) → `photo` (background, clutter,
product, overprint, camera) → `sample` (archives and tables, rendered once). `drawing` paints drawings, which consist of
`outlines`.
"""

from ndsc.sample.sample import render_sample

__all__ = ["render_sample"]
