"""A figure drawn once by matplotlib, whose pixels an explorer copies and draws on at every move."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image, ImageDraw

from course_lib import plots

DPI = 100
CURSOR = plots.COLOURS[6]


class Sheet:
    """The pixels of a drawn figure, with the place of its axes, to be drawn on again and again."""

    def __init__(self, figure):
        figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        self.pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        self.height = len(self.pixels)

    def box(self, axes):
        """Return (left, top, right, bottom) of ``axes`` in pixels."""
        left, bottom, right, top = axes.bbox.extents
        return round(left), round(self.height - top), round(right), round(self.height - bottom)

    def with_cursor(self, axes, point, pasted=()):
        """Return a copy with a cross hair at ``point`` of ``axes`` and each (box, picture) of ``pasted`` in place."""
        sheet = Image.fromarray(self.pixels)
        pen = ImageDraw.Draw(sheet)
        x, y = axes.transData.transform(point)
        x, y = round(x), round(self.height - y)
        left, top, right, bottom = self.box(axes)
        pen.line([(left, y), (right, y)], fill=CURSOR)
        pen.line([(x, top), (x, bottom)], fill=CURSOR)
        pen.ellipse([x - 6, y - 6, x + 6, y + 6], outline="white", width=5)
        pen.ellipse([x - 6, y - 6, x + 6, y + 6], outline=CURSOR, width=2)
        for (left, top, right, bottom), picture in pasted:
            side = min(right - left, bottom - top)
            square = Image.fromarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
            square = square.resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(square, ((left + right - side) // 2, (top + bottom - side) // 2))
        return np.asarray(sheet)
