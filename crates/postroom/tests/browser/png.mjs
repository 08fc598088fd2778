// Pictures as small as they can be without anybody seeing it: 256 colours of what Chromium drew (PNG, RFC 2083).

import { deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOURS_MAX = 256;
/// Colours so far apart at least are taken before any between them: the square of a distance.
const APART = 48;

/// A truecolour picture as one with a palette.
export function smaller(png) {
  const { width, height, pixels } = read(png);
  const times = new Map();
  for (let at = 0; at < pixels.length; at += 3) {
    const colour = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
    times.set(colour, (times.get(colour) ?? 0) + 1);
  }
  const byUse = [...times.keys()].sort((a, b) => times.get(b) - times.get(a) || a - b);
  const palette = [];
  for (const apart of [APART, 0]) {
    for (const colour of byUse) {
      if (palette.length < COLOURS_MAX && palette.every((taken) => distance(taken, colour) > apart)) palette.push(colour);
    }
  }
  const place = new Map(byUse.map((colour) => [colour, nearest(palette, colour)]));
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      rows[y * (width + 1) + 1 + x] = place.get((pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2]);
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const colours = Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  const chunks = [["IHDR", head], ["PLTE", colours], ["IDAT", deflateSync(rows, { level: 9 })], ["IEND", Buffer.alloc(0)]];
  return Buffer.concat([SIGNATURE, ...chunks.map(([kind, data]) => chunk(kind, data))]);
}

function distance(a, b) {
  const [red, green, blue] = [(a >> 16) - (b >> 16), ((a >> 8) & 255) - ((b >> 8) & 255), (a & 255) - (b & 255)];
  return red * red + green * green + blue * blue;
}

function nearest(palette, colour) {
  let best = 0;
  for (let at = 1; at < palette.length; at++) {
    if (distance(palette[at], colour) < distance(palette[best], colour)) best = at;
  }
  return best;
}

/// The pixels of a picture with eight bits for each of red, green and blue, and perhaps for how opaque it is.
function read(png) {
  let [width, height, depth] = [0, 0, 3];
  const data = [];
  for (let at = SIGNATURE.length; at < png.length; ) {
    const [length, kind] = [png.readUInt32BE(at), png.toString("latin1", at + 4, at + 8)];
    const body = png.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") {
      [width, height, depth] = [body.readUInt32BE(0), body.readUInt32BE(4), body[9] === 6 ? 4 : 3];
    } else if (kind === "IDAT") data.push(body);
    at += 12 + length;
  }
  const rows = inflateSync(Buffer.concat(data));
  const line = width * depth;
  let above = Buffer.alloc(line);
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (line + 1)];
    const here = rows.subarray(y * (line + 1) + 1, (y + 1) * (line + 1));
    for (let x = 0; x < line; x++) {
      const [left, corner] = x < depth ? [0, 0] : [here[x - depth], above[x - depth]];
      here[x] = (here[x] + predicted(filter, left, above[x], corner)) & 255;
    }
    for (let x = 0; x < width; x++) pixels.set(here.subarray(x * depth, x * depth + 3), (y * width + x) * 3);
    above = here;
  }
  return { width, height, pixels };
}

/// What a filter takes a value to be, from its neighbours (RFC 2083 section 6).
function predicted(filter, left, above, corner) {
  const guess = left + above - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  const paeth = a <= b && a <= c ? left : b <= c ? above : corner;
  return [0, left, above, (left + above) >> 1, paeth][filter];
}

const TABLE = Array.from({ length: 256 }, (_, at) => {
  let value = at;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function chunk(kind, data) {
  const named = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  let sum = 0xffffffff;
  for (const octet of named) sum = TABLE[(sum ^ octet) & 255] ^ (sum >>> 8);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE((sum ^ 0xffffffff) >>> 0);
  return Buffer.concat([length, named, check]);
}
