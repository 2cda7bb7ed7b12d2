// Draw the parts of the DiceBear style "micah" (by Micah Lanier, CC BY 4.0), one transparent layer each.
//
// Usage, in a folder with node_modules:  node face_layers.mjs PIXELS PARTS.json OUTPUT
// PARTS.json is [{slot, name}, ...]. OUTPUT receives for each part two RGBA layers of PIXELS x PIXELS bytes,
// inked in pure red and in pure blue: their difference is the share of ink, so any colour can be put in later.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [pixels, parts, output] = process.argv.slice(2);
const require = createRequire(path.join(process.cwd(), 'package.json'));
const { Resvg } = require('@resvg/resvg-js');
const library = path.dirname(require.resolve('@dicebear/micah'));

// Where the style's index.js places each slot; glasses, earrings and facial hair stand inside another slot.
const PLACES = {
  base: 'translate(80 23)',
  mouth: 'translate(170 183)',
  eyebrows: 'translate(110 102)',
  hair: 'translate(49 11)',
  eyes: 'translate(142 119)',
  nose: 'rotate(-8 1149.44 -1186.92)',
  ears: 'translate(84 154)',
  shirt: 'translate(53 272)',
};
const HOSTS = { facialHair: ['base', 'standard'], glasses: ['eyes', 'eyes'], earrings: ['ears', 'attached'] };

async function component(slot, name) {
  const file = path.join(library, 'components', `${slot}.js`);
  return (await import(pathToFileURL(file)))[slot][name];
}

async function drawPart(slot, name, ink) {
  const colours = new Proxy({}, { get: () => ink });
  const svg = (await component(slot, name))({}, colours);
  if (!(slot in HOSTS)) return `<g transform="${PLACES[slot]}">${svg}</g>`;
  const opened = await groupsAround(slot);
  const inner = opened.map((attributes) => `<g${attributes}>`).join('') + svg + '</g>'.repeat(opened.length);
  return `<g transform="${PLACES[HOSTS[slot][0]]}">${slot === 'glasses' ? tintLenses(inner) : inner}</g>`;
}

// The attributes of the groups that are open where the host inserts its nested part.
async function groupsAround(slot) {
  const marker = '@part@';
  const nested = { [slot]: { name: 'part', value: () => marker } };
  const host = (await component(...HOSTS[slot]))(nested, new Proxy({}, { get: () => '#000' }));
  const opened = [];
  for (const [, closes, attributes] of host.split(marker)[0].matchAll(/<(\/?)g([^>]*)>/g)) {
    if (closes) opened.pop();
    else opened.push(attributes);
  }
  return opened;
}

// A dark frame alone disappears on dark skin, a light one on light skin: pale lenses and a stronger frame show on both.
function tintLenses(svg) {
  const lens = 'fill="#fff" fill-opacity="0.45"';
  return svg
    .replaceAll('stroke-width="4"', 'stroke-width="6"')
    .replaceAll('<circle ', `<circle ${lens} `)
    .replaceAll(/<path (d="[^"]*Z[^"]*")/g, `<path ${lens} $1`);
}

function rasterise(inner) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 360" fill="none">${inner}</svg>`;
  return Buffer.from(new Resvg(svg, { fitTo: { mode: 'width', value: Number(pixels) } }).render().pixels);
}

const layers = [];
for (const { slot, name } of JSON.parse(fs.readFileSync(parts, 'utf8'))) {
  for (const ink of ['#ff0000', '#0000ff']) layers.push(rasterise(await drawPart(slot, name, ink)));
}
fs.writeFileSync(output, Buffer.concat(layers));
