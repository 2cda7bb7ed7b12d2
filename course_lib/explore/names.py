"""Names for what ipywidgets leaves nameless, so that a screen reader says what has the focus, and its value.

A slider's handle and read-out, a colour field, the buttons of ``Play`` and the picture have no accessible name in
the browser, and no widget trait would set one. A script of a few lines, carried by an HTML widget, takes the names from
the labels beside them. Where scripts are not allowed, everything else works as before.
"""

import html

BOX_CLASS = "course-explorer"

# Parts appear in any order, and texts change with each move: the observer sees both.
_SCRIPT = """
const box = this.closest('.%s');
const name = () => {
  for (const row of box.querySelectorAll('.widget-inline-hbox')) {
    const label = row.querySelector('.widget-label')?.textContent;
    const readout = row.querySelector('.widget-readout');
    if (!label) continue;
    for (const part of row.querySelectorAll('[role=slider], input[type=color]')) {
      part.ariaLabel = label;
      if (readout) part.ariaValueText = readout.textContent;
    }
    if (readout) Object.assign(readout, {role: 'textbox', ariaLabel: label});
  }
  for (const play of box.querySelectorAll('.widget-play')) {
    const label = play.parentElement.querySelector('.widget-label')?.textContent;
    const says = ['Play or pause', 'Stop', 'Repeat'];
    play.querySelectorAll('button').forEach((part, k) => { part.ariaLabel = `${says[k]}: ${label}`; });
  }
  for (const picture of box.querySelectorAll('img.widget-image')) picture.alt = 'The picture described below';
  for (const part of box.querySelectorAll('[title=null]')) part.removeAttribute('title');
};
new MutationObserver(name).observe(box, {childList: true, subtree: true});
name();
"""
CARRIER = f'<style onload="{html.escape(" ".join((_SCRIPT % BOX_CLASS).split()))}"></style>'
