"""The thin ipywidgets view of an explorer: controls on the right, picture and its description on the left.

The picture travels as PNG bytes in one ``Image`` widget. No Output widget and no redrawn figure: those
cost tens of milliseconds per move and lose messages in Colab.
"""

import html
import itertools
from contextlib import contextmanager
from pathlib import Path

import ipywidgets as widgets

from course_lib._widget_names import BOX_CLASS, CARRIER

READ_OUT = 10  # characters
LABEL_WIDTH, CONTROL_WIDTH = "145px", "390px"


class View:
    """Widgets of one explorer: ``box`` holds all; ``image``, ``text``, ``inputs`` and ``buttons`` are its parts."""

    def __init__(self, explorer):
        self.explorer = explorer
        self._held = False
        self.image = widgets.Image(format="png", layout=widgets.Layout(margin="0 0 6px 0"))
        # A live region, so that a screen reader hears what each move changed.
        # As wide as the picture, at whatever length: no long sentence pushes the controls below the picture.
        self.text = widgets.HTML(layout=widgets.Layout(width="0", min_width="100%"))
        self.inputs = {control.name: self._input(control) for control in explorer.controls}
        self.buttons = {text: self._button(text, change) for text, change in explorer.actions.items()}
        self.buttons["Reset"] = self._button("Reset", lambda values: self.explorer.values())
        self.buttons["Save PNG"] = self._button("Save PNG", self._save)
        if hasattr(explorer, "gif"):
            self.buttons["Save GIF"] = self._button("Save GIF", self._save_walk)
        self.box = self._arrange()
        self.refresh()

    def values(self):
        """Return the present values of all inputs."""
        return {name: widget.value for name, widget in self.inputs.items()}

    def set(self, **values):
        """Set several inputs and draw once."""
        with self._hold():
            for name, value in values.items():
                self.inputs[name].value = value
        self.refresh()

    def refresh(self, note=""):
        """Draw the picture and write the text for the present values."""
        values = self.values()
        try:
            self.image.value = self.explorer.png(**values)
            text = " ".join([self.explorer.text(**values), note]).strip()
        except ValueError as error:  # a line of text that the explorer cannot read: say so, keep the picture
            if not any(control.kind for control in self.explorer.controls):
                raise
            text = str(error)
        text = html.escape(text)
        self.text.value = f'<div role="status" aria-live="polite" style="line-height:1.4">{text}</div>'

    @contextmanager
    def _hold(self):
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def _moved(self, change):
        if not self._held:
            moved = next(name for name, widget in self.inputs.items() if widget is change["owner"])
            self.set(**self.explorer.after(moved))

    def _save(self, values):
        path = _free_path("picture", "png")
        side = self.explorer.picture(values).shape[0]
        self.explorer.save(path, scale=max(1, 256 // side), **values)
        self.refresh(f"Saved as {path}.")
        return {}

    def _save_walk(self, values):
        path = _free_path("walk", "gif")
        self.explorer.gif(path, **values)
        self.refresh(f"Saved the walk between the seeds as {path}.")
        return {}

    def _button(self, text, change):
        button = widgets.Button(description=text)

        def pressed(_):
            changed = change(self.explorer.values(**self.values()))
            if changed:
                self.set(**changed)

        button.on_click(pressed)
        return button

    def _input(self, control):
        common = {
            "description": control.label,
            "value": control.value,
            "style": {"description_width": LABEL_WIDTH},
            "layout": widgets.Layout(width=CONTROL_WIDTH),
        }
        limits = {"min": control.minimum, "max": control.maximum, "step": control.step}
        if control.kind:
            # Text is read when it is complete: a half-written line would be refused at every key.
            widget = widgets.ColorPicker(**common) if control.kind == "colour" else _line_of_text(common)
        elif control.options:
            pairs = [(text, k) for k, text in enumerate(control.options)]
            # A slider's read-out has room for a number; longer texts are cut off there.
            kind = widgets.SelectionSlider if max(map(len, control.options)) <= READ_OUT else widgets.Dropdown
            widget = kind(options=pairs, **common)
        elif control.typed:
            widget = widgets.BoundedIntText(**limits, **common)
        elif isinstance(control.step, int):
            widget = widgets.IntSlider(**limits, **common)
        else:
            widget = widgets.FloatSlider(**limits, **common, readout_format=".2f")
        widget.observe(self._moved, names="value")
        return widget

    def _arrange(self):
        rows = []
        for group, controls in itertools.groupby(self.explorer.controls, key=lambda control: control.group):
            if group:
                rows.append(widgets.HTML(f"<b>{html.escape(group)}</b>"))
            rows.extend(self._row(control) for control in controls)
        rows.append(widgets.HBox(list(self.buttons.values()), layout=widgets.Layout(flex_flow="row wrap")))
        # Aligned to the start, or the picture would be stretched to the width of its box.
        shown = widgets.Layout(margin="0 16px 0 0", min_width="320px", max_width="100%", align_items="flex-start")
        left = widgets.VBox([self.image, self.text], layout=shown)
        right = widgets.VBox(rows, layout=widgets.Layout(max_width="410px"))
        parts = [widgets.HBox([left, right], layout=widgets.Layout(flex_flow="row wrap", align_items="flex-start"))]
        if self.explorer.title:
            parts.insert(0, widgets.HTML(f"<b>{html.escape(self.explorer.title)}</b>"))
        box = widgets.VBox([*parts, widgets.HTML(CARRIER)])
        box.add_class(BOX_CLASS)
        return box

    def _row(self, control):
        widget = self.inputs[control.name]
        if not control.play:
            return widget
        # Linked in the browser, and started only by its button.
        limits = {"min": control.minimum, "max": control.maximum, "step": control.step}
        under = widgets.Layout(margin=f"2px 2px 2px calc({LABEL_WIDTH} + 10px)")
        play = widgets.Play(**limits, value=control.value, interval=150, layout=under)
        widgets.jslink((play, "value"), (widget, "value"))
        return widgets.HBox([widget, play], layout=widgets.Layout(flex_flow="row wrap"))


def _line_of_text(common):
    return widgets.Text(**common, continuous_update=False)


def _free_path(stem, suffix):
    """Return the first of stem-001.suffix, stem-002.suffix, ... that does not exist."""
    return next(p for n in itertools.count(1) if not (p := Path(f"{stem}-{n:03}.{suffix}")).exists())
