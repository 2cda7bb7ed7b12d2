"""What ipywidgets lacks for the keyboard and for screen readers: names, and keys that reach a menu.

A slider's handle and read-out, a colour field, the buttons of ``Play`` and the picture have no accessible name in
the browser, and no widget trait would set one. And JupyterLab takes the arrow keys of a menu for its own, to move to
another cell, unless an attribute forbids it. A script of a few lines, carried by an HTML widget, takes the names from
the labels beside them and sets the attribute. Where scripts are not allowed, everything else works as before.
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
  for (const menu of box.querySelectorAll('select')) menu.dataset.lmSuppressShortcuts = 'true';
  for (const picture of box.querySelectorAll('img.widget-image')) picture.alt = 'The picture described below';
  for (const part of box.querySelectorAll('[title=null]')) part.removeAttribute('title');
};
new MutationObserver(name).observe(box, {childList: true, subtree: true});
name();
"""
CARRIER = f'<style onload="{html.escape(" ".join((_SCRIPT % BOX_CLASS).split()))}"></style>'
