// Draws the picture and steps through it. The data are columns of numbers (see page.rs); only
// what is in view is ever made into elements, so that 200,000 events are as quick as 200.
// Every text that came from a friend goes into the page as text, by textContent, and never as HTML.
"use strict";
(() => {
const began = performance.now();
const data = JSON.parse(document.getElementById("data").textContent);
const { peers, lanes, strings, details } = data;
const byId = (id) => document.getElementById(id);
const svg = byId("lanes");
const SVG = svg.namespaceURI;

// ---- The data as typed arrays ----------------------------------------------------------------

const summed = (differences) => {
  const sums = new Float64Array(differences.length);
  let sum = 0;
  for (let i = 0; i < sums.length; i++) sums[i] = sum += differences[i];
  return sums;
};

const span = {
  count: data.spans.end.length,
  end: summed(data.spans.end),
  start: null,
  lane: Int32Array.from(data.spans.lane),
  call: Int32Array.from(data.spans.call),
  details: Int32Array.from(data.spans.details),
};
span.start = span.end.map((end, i) => end - data.spans.took[i]);
const note = { count: data.notes.at.length, at: summed(data.notes.at), lane: data.notes.lane, text: data.notes.text };
const arrow = {
  count: data.arrows.at.length,
  from: Int32Array.from(data.arrows.from),
  to: Int32Array.from(data.arrows.to),
  wire: Uint8Array.from(data.arrows.wire),
  details: Int32Array.from(data.arrows.details),
  begin: summed(data.arrows.at),
  end: null,
};
arrow.end = arrow.begin.map((begin, i) => begin + data.arrows.took[i]);

const NOTHING = {};
const detailsOf = (of, i) => (of.details[i] < 0 ? NOTHING : details[of.details[i]]);
const string = (number) => (number === undefined ? undefined : strings[number]);
const CHANNELS = new Set(["inbox", "outbox", "buffer", "permit"]);
const callOf = (i) => (span.call[i] < 0 ? null : strings[span.call[i]]);

// Where each lane's spans, notes and arrows are, in order of time.
const spansOf = lanes.map(() => []);
for (let i = 0; i < span.count; i++) spansOf[span.lane[i]].push(i);
const notesOf = lanes.map(() => []);
for (let i = 0; i < note.count; i++) notesOf[note.lane[i]].push(i);
const leaving = lanes.map(() => []);
const arriving = lanes.map(() => []);
for (let i = 0; i < arrow.count; i++) {
  if (arrow.from[i] >= 0) leaving[arrow.from[i]].push(i);
  if (arrow.to[i] >= 0) arriving[arrow.to[i]].push(i);
}
for (const list of arriving) list.sort((a, b) => arrow.end[a] - arrow.end[b]);
// Of the arrows up to this one, the latest end: it tells where to begin to look for those in view.
const latestEnd = new Float64Array(arrow.count);
for (let i = 0, latest = -Infinity; i < arrow.count; i++) latestEnd[i] = latest = Math.max(latest, arrow.end[i]);
const lastTime = Math.max(1, span.count ? span.end[span.count - 1] : 0, note.count ? note.at[note.count - 1] : 0,
  arrow.count ? latestEnd[arrow.count - 1] : 0);

/// The first index of 0..count for which `at` gives `value` or more.
const firstFrom = (count, value, at) => {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(middle) < value) low = middle + 1; else high = middle;
  }
  return low;
};

/// A label for each lane, as it stands in sentences.
const peerOf = (lane) => peers[lanes[lane].peer];
const fullName = (lane) => (peers.length > 1 ? `${peerOf(lane).label}, ${lanes[lane].name}` : lanes[lane].name);

// ---- The steps: every return from a call, and every note ------------------------------------

// A step is the index of a span, or -1 - the index of a note.
let steps, stepTime, stepOfSpan, stepOfNote;
let allThreads = !lanes.some((lane) => !lane.minor);
let shown = [];

const collectSteps = () => {
  shown = lanes.map((lane, i) => i).filter((i) => allThreads || !lanes[i].minor);
  const isShown = lanes.map((lane) => allThreads || !lane.minor);
  const list = [];
  stepOfSpan = new Int32Array(span.count).fill(-1);
  stepOfNote = new Int32Array(note.count).fill(-1);
  let i = 0, n = 0;
  while (i < span.count || n < note.count) {
    if (n < note.count && (i >= span.count || note.at[n] <= span.end[i])) {
      if (isShown[note.lane[n]]) { stepOfNote[n] = list.length; list.push(-1 - n); }
      n++;
    } else {
      if (isShown[span.lane[i]] && span.call[i] >= 0) { stepOfSpan[i] = list.length; list.push(i); }
      i++;
    }
  }
  steps = Int32Array.from(list);
  stepTime = Float64Array.from(list, (step) => (step < 0 ? note.at[-1 - step] : span.end[step]));
};
const laneOfStep = (step) => (steps[step] < 0 ? note.lane[-1 - steps[step]] : span.lane[steps[step]]);

// ---- The axis: from time to units, which are time itself, or even steps ---------------------

// With even steps, knots are the moments at which something begins or ends. Between two of them
// there is one unit of room where the later one is a step, half a unit where it is a beginning, and
// more where people were thinking, so that the axis has room to say for how long.
const LONG = 20e6;
let even = true;
let knots, knotUnits;

const setKnots = () => {
  const isShown = lanes.map((lane) => allThreads || !lane.minor);
  const times = [];
  for (let i = 0; i < span.count; i++) if (isShown[span.lane[i]]) times.push(span.start[i], span.end[i]);
  for (let i = 0; i < note.count; i++) if (isShown[note.lane[i]]) times.push(note.at[i]);
  const sorted = Float64Array.from(times).sort();
  knots = new Float64Array(sorted.length);
  knotUnits = new Float64Array(sorted.length);
  let count = 0, units = 0, step = 0;
  for (let i = 0; i < sorted.length; i++) {
    const time = sorted[i];
    if (count > 0 && time === knots[count - 1]) continue;
    while (step < stepTime.length && stepTime[step] < time) step++;
    const isStep = step < stepTime.length && stepTime[step] === time;
    if (count > 0) units += time - knots[count - 1] >= LONG ? 3 : isStep ? 1 : 0.5;
    knots[count] = time;
    knotUnits[count++] = units;
  }
  knots = knots.subarray(0, count);
  knotUnits = knotUnits.subarray(0, count);
};

const evenUnits = (time) => {
  const last = knots.length - 1;
  if (last < 0) return 0;
  if (time <= knots[0]) return knotUnits[0];
  if (time >= knots[last]) return knotUnits[last];
  const k = firstFrom(knots.length, time, (i) => knots[i]);
  if (knots[k] === time) return knotUnits[k];
  const part = (time - knots[k - 1]) / (knots[k] - knots[k - 1]);
  return knotUnits[k - 1] + part * (knotUnits[k] - knotUnits[k - 1]);
};
const evenTime = (units) => {
  const last = knots.length - 1;
  if (last < 0) return 0;
  if (units <= 0) return knots[0];
  if (units >= knotUnits[last]) return knots[last];
  const k = Math.max(1, firstFrom(knots.length, units, (i) => knotUnits[i]));
  const part = (units - knotUnits[k - 1]) / (knotUnits[k] - knotUnits[k - 1]);
  return knots[k - 1] + part * (knots[k] - knots[k - 1]);
};
const toUnits = (time) => (even ? evenUnits(time) : time);
const toTime = (units) => (even ? evenTime(units) : units);

// Spans and arrows in units, so that drawing needs no search for each of them.
const cached = { start: span.start, end: span.end, begin: arrow.begin, finish: arrow.end };
const setAxis = () => {
  if (even) {
    setKnots();
    cached.start = span.start.map(evenUnits);
    cached.end = span.end.map(evenUnits);
    cached.begin = arrow.begin.map(evenUnits);
    cached.finish = arrow.end.map(evenUnits);
  } else {
    Object.assign(cached, { start: span.start, end: span.end, begin: arrow.begin, finish: arrow.end });
  }
};
const fullRange = () => (even ? [0, Math.max(1, knotUnits[knots.length - 1] || 1)] : [0, lastTime]);

// ---- Words ----------------------------------------------------------------------------------

const number = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many || one + "s"}`;
const clipped = (text, length) => {
  const characters = [...text];
  return characters.length > length ? characters.slice(0, length - 1).join("") + "…" : text;
};
const quoted = (text) => `“${text}”`;
const seconds = (time) => (time / 1e9).toFixed(6) + " s";
const duration = (time) => {
  const sign = time < 0 ? "−" : "";
  const t = Math.abs(time);
  if (t >= 3600e9) return `${sign}${Math.floor(t / 3600e9)} h ${Math.floor(t / 60e9) % 60} min`;
  if (t >= 60e9) return `${sign}${Math.floor(t / 60e9)} min ${Math.floor(t / 1e9) % 60} s`;
  for (const [unit, name] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) {
    if (t >= unit) return `${sign}${+(t / unit).toPrecision(t / unit >= 100 ? 3 : 2 + (t / unit >= 10))} ${name}`;
  }
  return `${sign}${Math.round(t)} ns`;
};
const listed = (words) => {
  if (words.length < 2) return words.join("");
  if (words.length > 4) return `${words.slice(0, 3).join(", ")} and ${words.length - 3} more`;
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
};
const theThread = (name) => (name === "coordinator" ? "the coordinator" : name);

/// What of a message there is to say: “hello”, or how many bytes.
const messageWords = (d) => {
  const text = string(d.text);
  const many = d.messages > 1 ? ` (${number(d.messages, "message")})` : "";
  return text ? quoted(text) + many : many.trim();
};

/// The position of a span among its lane's, and the neighbours that matter to it.
const placeOf = (i) => {
  const own = spansOf[span.lane[i]];
  return firstFrom(own.length, i, (k) => own[k]);
};
const nextBlocked = (i) => {
  const own = spansOf[span.lane[i]];
  for (let k = placeOf(i) + 1; k < own.length; k++) if (span.call[own[k]] >= 0) return own[k];
  return -1;
};

/// The arrows that belong to a call: those that it ends, and those that leave in the work after it.
const arrowsOf = (i) => {
  const lane = span.lane[i], next = nextBlocked(i);
  const until = next < 0 ? Infinity : span.start[next];
  const given = [], taken = [];
  const out = leaving[lane], into = arriving[lane];
  for (let k = firstFrom(out.length, span.start[i], (k) => arrow.begin[out[k]]); k < out.length; k++) {
    const a = out[k];
    if (arrow.begin[a] > until) break;
    const belongs = arrow.wire[a] ? arrow.begin[a] < Math.max(span.end[i], span.start[i] + 1) : arrow.begin[a] > span.start[i];
    if (belongs) given.push(a);
  }
  for (let k = firstFrom(into.length, span.start[i], (k) => arrow.end[into[k]]); k < into.length; k++) {
    const a = into[k];
    if (arrow.end[a] > until) break;
    if (arrow.end[a] > span.start[i]) taken.push(a);
  }
  return { given, taken, next };
};

/// The blocked span that a lane is in at this time, or -1.
const blockedAt = (lane, time) => {
  const own = spansOf[lane];
  const k = firstFrom(own.length, time, (k) => span.end[own[k]]);
  const i = own[k];
  return i !== undefined && span.call[i] >= 0 && span.start[i] <= time && span.end[i] >= time ? i : -1;
};

const givenBytes = (d) => {
  if (d.bytes === undefined) return "something";
  if (d.bytes === 0) return "0 bytes: the stream has ended";
  const text = messageWords(d);
  return number(d.bytes, "byte") + (text ? ", " + text : "");
};

/// What a call's end means, in words: "recv gave 6 bytes, “hello”".
const returned = (i) => {
  const call = callOf(i), d = detailsOf(span, i);
  const text = messageWords(d);
  const news = string(d.news);
  if (d.open) return `still blocked in ${call} when the trace ended`;
  if (d.failed !== undefined) return `${call} failed: ${string(d.failed)}`;
  switch (call) {
    case "read": case "recv":
      return `${call} gave ${givenBytes(d)}`;
    case "send": case "write":
      return d.bytes === undefined ? `${call} is done` : `${call} took ${number(d.bytes, "byte")}${text ? ", " + text : ""}`;
    case "accept":
      return `accept gave ${news || "a friend"}`;
    case "connect":
      return news ? `connect gave ${news}` : "connect has reached the friend";
    case "inbox": case "outbox": {
      const by = string(d.by);
      const what = news || (d.bytes !== undefined ? number(d.bytes, "byte") : "");
      return `woken${by ? " by " + theThread(by) : ""}${what ? ": " + what : ""}${text ? ", " + text : ""}`;
    }
    case "buffer":
      return `has an empty buffer again${d.out ? ` (${d.out} were out)` : ""}`;
    case "permit":
      return lanes[span.lane[i]].name.startsWith("stdin") ? "may read now" : "may begin now";
    default:
      return `${call} is done`;
  }
};

/// What the thread does with it: "; passes them to the coordinator and wakes it".
const passedOn = (i, given) => {
  const handed = given.filter((a) => !arrow.wire[a] && arrow.to[a] !== arrow.from[a]);
  if (!handed.length) return "";
  const targets = [...new Set(handed.map((a) => arrow.to[a]))];
  const known = targets.filter((lane) => lane >= 0);
  const names = listed(known.map((lane) => theThread(lanes[lane].name)));
  const bytes = handed.filter((a) => arrow.to[a] === targets[0]).reduce((sum, a) => sum + (detailsOf(arrow, a).bytes || 0), 0);
  const call = callOf(i), own = detailsOf(span, i);
  if (!names) return "; hands something over that nobody takes any more";
  const wakes = known.length === 1 && handed.some((a) => blockedAt(arrow.to[a], arrow.begin[a]) >= 0);
  const wakingWords = wakes ? " and wakes it" : "";
  if (!bytes) return `; tells ${names}${wakingWords}`;
  const same = (call === "read" || call === "recv" || call === "inbox") &&
    (own.bytes === bytes || string(own.news) === number(bytes, "byte"));
  return `; passes ${same ? (bytes === 1 ? "it" : "them") : number(bytes, "byte")} to ${names}${wakingWords}`;
};

/// The sentence of a step, without its thread.
const sentence = (step) => {
  const i = steps[step];
  if (i < 0) return strings[note.text[-1 - i]];
  const cut = string(detailsOf(span, i).cut);
  return returned(i) + (cut ? ` (${cut})` : "") + passedOn(i, arrowsOf(i).given);
};

/// Why it matters that there are two threads: what the peer's other reader sleeps in meanwhile.
const meanwhile = (i) => {
  const lane = span.lane[i], call = callOf(i), d = detailsOf(span, i);
  if (!d.bytes || (call !== "recv" && call !== "read")) return "";
  const other = call === "recv" ? ["stdin-reader", "read"] : ["socket-reader", "recv"];
  for (let l = 0; l < lanes.length; l++) {
    if (lanes[l].peer !== lanes[lane].peer || !lanes[l].name.startsWith(other[0])) continue;
    const blocked = blockedAt(l, span.end[i]);
    if (blocked >= 0 && callOf(blocked) === other[1]) {
      const since = span.end[i] - span.start[blocked];
      const lost = call === "recv" ? "heard this" : "taken this line";
      return `All the while ${lanes[l].name} is blocked in ${other[1]} (for ${duration(since)} so far): ` +
        `if it were one thread for both, it could not have ${lost}.`;
    }
  }
  return "";
};

/// More about a step: how long it was blocked, and what else went on. Gives [plain, important].
const more = (step) => {
  const i = steps[step];
  if (i < 0) return ["", ""];
  const { given, taken, next } = arrowsOf(i);
  const call = callOf(i), d = detailsOf(span, i), words = [];
  words.push(`${d.open ? "It has been" : "It was"} blocked in ${call} for ${duration(span.end[i] - span.start[i])}.`);
  const wire = taken.filter((a) => arrow.wire[a] && arrow.from[a] >= 0);
  if (wire.length) {
    const a = wire[wire.length - 1];
    words.push(`${peerOf(arrow.from[a]).label} had sent it ${duration(arrow.end[a] - arrow.begin[a])} before.`);
  }
  const sent = given.filter((a) => arrow.wire[a] && arrow.to[a] >= 0);
  if (sent.length) {
    const a = sent[0];
    words.push(`Its message arrives at ${peerOf(arrow.to[a]).label} ${duration(arrow.end[a] - arrow.begin[a])} after the call began.`);
  }
  if (next >= 0 && !d.open) {
    const worked = span.start[next] - span.end[i];
    words.push(`Then it works for ${duration(worked)} and blocks in ${callOf(next)}${callOf(next) === call ? " again" : ""}.`);
  }
  return [words.join(" "), meanwhile(i)];
};

/// What a lane does at a time, for the margin. Gives [words, whether it works].
const stateAt = (lane, time) => {
  const own = spansOf[lane];
  if (!own.length) return ["", false];
  if (time < span.start[own[0]]) return ["not begun yet", false];
  const k = firstFrom(own.length, time, (k) => span.end[own[k]]);
  if (k === own.length) return ["has ended", false];
  // A call that returns at this very moment is over.
  let i = own[k];
  if (span.end[i] === time && k + 1 < own.length) i = own[k + 1];
  if (span.end[i] === time && span.call[i] < 0 && k + 1 >= own.length) return ["has ended", false];
  if (span.start[i] > time) return ["", false];
  if (span.call[i] < 0) return ["works", true];
  return [`in ${callOf(i)} for ${duration(time - span.start[i])}`, false];
};

// ---- Drawing --------------------------------------------------------------------------------

const element = (name, attributes, text) => {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  return made;
};
const html = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

let step = 0;
let view = [0, 1];
let width = 1000, gutter = 180, pitch = 36, laneY = [], height = 100;
// Where arrows to a program that was not recorded end, for each program that was.
let outside = [];
let printing = false;
const BAR = 20;
const hasCutWires = arrow.wire.some((wire, i) => wire && (arrow.from[i] < 0 || arrow.to[i] < 0));

const measure = () => {
  // On paper everything is as wide as the paper, by way of the viewBox.
  width = printing ? 1400 : Math.max(500, svg.clientWidth || 1000);
  gutter = width < 1100 ? 150 : 178;
  const roomy = printing ? 500 : window.innerHeight - 330;
  pitch = Math.max(33, Math.min(44, Math.floor(roomy / Math.max(1, shown.length + 1.5 * peers.length))));
  laneY = lanes.map(() => -1);
  outside = peers.map(() => 0);
  let y = 4, peer = -1;
  for (const lane of shown) {
    if (lanes[lane].peer !== peer) {
      if (peer === 0) outside[0] = y + 24;
      y += peer >= 0 ? 22 : 0;
      peer = lanes[lane].peer;
      if (peer > 0) outside[peer] = y - 4;
      y += 24;
    }
    laneY[lane] = y + pitch / 2;
    y += pitch;
  }
  if (peer === 0) outside[0] = y + 24;
  height = y + (hasCutWires && peers.length === 1 ? 38 : 8);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  byId("axis").setAttribute("viewBox", `0 0 ${width} 44`);
  const area = byId("plot-area");
  area.setAttribute("x", gutter);
  area.setAttribute("width", width - gutter);
  area.setAttribute("height", height);
};
const scale = () => (width - gutter - 12) / (view[1] - view[0]);
const xOf = (units) => gutter + 6 + (units - view[0]) * scale();

const drawLane = (lane, into, names) => {
  const y = laneY[lane], own = spansOf[lane], k = scale();
  const left = gutter - 20, right = width + 20;
  const current = steps.length && steps[step] >= 0 ? steps[step] : -1;
  const rect = (className, x0, x1, half, i) => into.append(element("rect", {
    class: `span ${className}`, x: x0.toFixed(2), width: Math.max(0.5, x1 - x0).toFixed(2),
    y: y - half, height: 2 * half, rx: className.startsWith("working") ? 1 : 3, "data-span": i,
  }));
  const notes = notesOf[lane];
  const noteX = [];
  for (let n = firstFrom(notes.length, toTime(view[0]) - 1, (n) => note.at[notes[n]]); n < notes.length; n++) {
    const x = xOf(toUnits(note.at[notes[n]]));
    if (x > right) break;
    if (noteX.length && x - noteX[noteX.length - 1][1] < 3 && steps[step] !== -1 - notes[n]) continue;
    noteX.push([notes[n], x]);
  }
  // Spans too narrow to be seen wait here until one comes that is not.
  let from = 0, to = 0, count = 0, only = -1;
  const flush = () => {
    if (count === 1 && span.call[only] < 0) rect("working", from, Math.max(to, from + 3), BAR / 2 + 2, only);
    else if (count === 1) drawBlocked(only, from, Math.max(to, from + 1));
    else if (count > 1 && to - from < 3) rect("working", from, from + 3, BAR / 2 + 2, only);
    else if (count > 1) rect("merged", from, to, BAR / 2, only);
    count = 0;
  };
  const drawBlocked = (i, x0, x1) => {
    const call = callOf(i), channel = CHANNELS.has(call), d = detailsOf(span, i);
    const className = `blocked ${channel ? "channel" : "call"}${i === current ? " current" : ""}${d.open ? " open" : ""}`;
    const a = Math.max(x0, left), b = Math.min(x1, right);
    rect(className, a, b, BAR / 2 - 2, i);
    const behindNote = noteX.some(([, x]) => Math.abs(x - x0) < 8);
    const begin = Math.max(x0, gutter + 2) + (behindNote ? 11 : 5);
    if (Math.min(x1, width) - begin > call.length * 6.6 + 3) {
      names.append(element("text", { class: `name${channel ? " channel" : ""}`, x: begin.toFixed(1), y: y + 4 }, call));
    }
  };
  const first = firstFrom(own.length, view[0] - 8 / k, (n) => cached.end[own[n]]);
  for (let n = first; n < own.length; n++) {
    const i = own[n], x0 = xOf(cached.start[i]), x1 = xOf(cached.end[i]);
    if (x0 > right) break;
    // The current one is always drawn by itself.
    if (i !== current && x1 - x0 < 1.5) {
      if (count && x0 - to > 1) flush();
      if (!count) { from = x0; only = i; }
      to = x1;
      count++;
      continue;
    }
    flush();
    if (span.call[i] >= 0) drawBlocked(i, x0, Math.max(x1, x0 + 1));
    else rect("working", Math.max(x0, left), Math.min(Math.max(x1, x0 + 3), right), BAR / 2 + 2, i);
  }
  flush();
  for (const [i, x] of noteX) {
    const isCurrent = steps[step] === -1 - i;
    into.append(element("path", {
      class: `note${isCurrent ? " current" : ""}`, d: `M${x.toFixed(1)} ${y - 9} l7 9 l-7 9 l-7 -9 z`, "data-note": i,
    }));
  }
};

/// The part of a line that is near the window: a browser loses its way far outside.
const nearby = (x0, y0, x1, y1) => {
  const low = -3000, high = width + 3000;
  const at = (x) => y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
  const [a, b] = [x0, x1].map((x) => Math.max(low, Math.min(x, high)));
  return [a, a === x0 ? y0 : at(a), b, b === x1 ? y1 : at(b)].map((n) => n.toFixed(1));
};

/// Arrows in view; where there are too many for the eye, one stands for those at its place.
const drawArrows = (into, labels, now) => {
  const fromTime = toTime(view[0]), toEnd = toTime(view[1]);
  const first = firstFrom(arrow.count, fromTime, (i) => latestEnd[i]);
  const seen = new Map(), found = [];
  const isNow = new Set(now);
  const others = {};
  for (let i = first; i < arrow.count && arrow.begin[i] <= toEnd; i++) {
    if (arrow.end[i] < fromTime) continue;
    const a = arrow.from[i], b = arrow.to[i];
    const ya = a >= 0 ? laneY[a] : -1, yb = b >= 0 ? laneY[b] : -1;
    // Hidden threads have no place; a reader that gives to itself has nothing to show.
    if ((a >= 0 && ya < 0) || (b >= 0 && yb < 0) || a === b) continue;
    const x0 = xOf(cached.begin[i]), x1 = xOf(cached.finish[i]);
    const key = ((a + 1) * (lanes.length + 1) + b + 1) * 1e6 + Math.round(x0 / 3) * 1e3 + Math.round(Math.min(x1 - x0, 2000) / 3);
    if (seen.has(key) && !isNow.has(i)) { others[seen.get(key)] = (others[seen.get(key)] || 0) + 1; continue; }
    seen.set(key, i);
    found.push(i);
  }
  // The important ones are drawn last, on top, but have the first choice of a place for their text.
  const weight = (i) => (isNow.has(i) ? 2 : arrow.wire[i]);
  found.sort((a, b) => weight(a) - weight(b) || a - b);
  const placed = [];
  const dense = found.length > 500;
  const strokes = [[], []];
  const draw = (i) => {
    const a = arrow.from[i], b = arrow.to[i], wire = arrow.wire[i];
    const cut = a < 0 || b < 0;
    const known = a >= 0 ? a : b;
    // A cut arrow points to where the other side would be.
    const away = wire ? outside[lanes[known].peer] : laneY[known] + pitch * 0.9;
    const ya = a >= 0 ? laneY[a] : away, yb = b >= 0 ? laneY[b] : away;
    const x0 = xOf(cached.begin[i]), x1 = xOf(cached.finish[i]);
    const down = yb > ya ? 1 : -1;
    const y0 = ya + (a >= 0 ? down * (BAR / 2 + 1) : 0), y1 = yb - (b >= 0 ? down * (BAR / 2 - 1) : 0);
    const line = nearby(x0, y0, x1, y1);
    const d = `M${line[0]} ${line[1]} L${line[2]} ${line[3]}`;
    if (dense && !isNow.has(i)) {
      strokes[wire].push(d);
      return;
    }
    const classes = `${wire ? "wire" : "hand-over"}${cut ? " cut" : ""}${isNow.has(i) ? " current" : ""}`;
    into.append(element("path", {
      class: `arrow ${classes}`, d, "data-arrow": i,
    }));
    if (a >= 0) into.append(element("circle", { class: `arrow-begin ${classes}`, cx: x0.toFixed(1), cy: y0, r: wire ? 3 : 2.2 }));
    placed.push([i, x0, y0, x1, y1, down, classes]);
  };
  found.forEach(draw);
  // Where they would cover everything they are faint, without heads and words: zoom in.
  strokes.forEach((lines, wire) => {
    if (lines.length) into.prepend(element("path", { class: `arrow dense ${wire ? "wire" : "hand-over"}`, d: lines.join("") }));
  });
  const rows = new Map();
  for (const [i, x0, y0, x1, y1, down, classes] of placed.reverse()) {
    const text = string(detailsOf(arrow, i).text);
    if (!text) continue;
    const words = quoted(clipped(text, arrow.wire[i] ? 36 : 22)) + (others[i] ? ` +${others[i]}` : "");
    const length = [...words].length * (arrow.wire[i] ? 7.8 : 7.2) + 6;
    // In the gap behind the lane that it leaves, or before the one that it reaches; to the right of
    // an arrow, but to the left of one that would run through the words.
    const own = Math.min(Math.abs(y1 - y0) - 2, (pitch - BAR) / 2 + (arrow.wire[i] ? 10 : 0));
    const shallow = Math.abs(x1 - x0) > 1.1 * Math.abs(y1 - y0);
    for (const [y, near, far] of [[y0 + down * own, x0, x1], [y1 - down * own, x1, x0]]) {
      const part = Math.min(1, own / Math.max(1, Math.abs(y1 - y0)));
      const x = !shallow ? near + part * (far - near) + 7 : near < far ? near - length + 2 : near + 6;
      if (x < gutter || x > width) continue;
      const row = Math.round(y / 7);
      const clash = [row - 1, row, row + 1].some((r) => (rows.get(r) || []).some(([from, to]) => x < to && x + length > from));
      if (clash) continue;
      if (!rows.has(row)) rows.set(row, []);
      rows.get(row).push([x, x + length]);
      labels.append(element("text", { class: `message ${classes}`, x: x.toFixed(1), y: (y + 4).toFixed(1) }, words));
      break;
    }
  }
};

const drawAxis = (cursor, scene) => {
  const axis = byId("axis"), made = document.createDocumentFragment();
  const tick = (x, words) => {
    made.append(element("line", { class: "tick", x1: x, x2: x, y1: 36, y2: 44 }));
    if (words) made.append(element("text", { x: x + 3, y: 40 }, words));
  };
  if (even) {
    const first = firstFrom(knots.length, view[0], (i) => knotUnits[i]);
    let free = gutter - 8, pillFree = gutter;
    for (let i = Math.max(0, first - 1); i < knots.length && knotUnits[i] <= view[1] + 3; i++) {
      const x = xOf(knotUnits[i]);
      if (i > 0 && knots[i] - knots[i - 1] >= LONG) {
        const before = xOf(knotUnits[i - 1]), middle = (before + x) / 2, words = duration(knots[i] - knots[i - 1]);
        const wide = words.length * 7 + 12;
        const from = Math.max(before, gutter);
        if (x > from) scene.append(element("rect", { class: "idle", x: from, width: x - from, y: 0, height }));
        if (middle - wide / 2 > pillFree && middle + wide / 2 < width) {
          made.append(element("rect", { class: "pill-ground", x: middle - wide / 2, y: 3, width: wide, height: 18, rx: 9 }));
          made.append(element("text", { class: "pill-text", x: middle, y: 16 }, words));
          pillFree = middle + wide / 2 + 4;
        }
      }
      if (x < gutter || x > width - 70) continue;
      const isFree = x >= free;
      if (isFree) free = x + 92;
      if (isFree || scale() > 5) tick(x.toFixed(1) * 1, isFree ? seconds(knots[i]) : "");
    }
  } else {
    const visible = view[1] - view[0], about = visible / Math.max(2, (width - gutter) / 120);
    const power = 10 ** Math.floor(Math.log10(about));
    const size = [1, 2, 5, 10].map((n) => n * power).find((size) => size >= about);
    const decimals = Math.max(0, Math.min(9, -Math.floor(Math.log10(size / 1e9) + 1e-9)));
    const first = Math.ceil(view[0] / size);
    // A limit, since a number that is great enough does not grow when 1 is added to it.
    for (let n = 0; n < 100 && (first + n) * size <= view[1]; n++) {
      const x = xOf((first + n) * size);
      if (x < width - 50) tick(x, `${(((first + n) * size) / 1e9).toFixed(decimals)} s`);
      scene.append(element("line", { x1: x, x2: x, y1: 0, y2: height, stroke: "#edf0f4" }));
    }
  }
  made.append(element("text", { x: 0, y: 40 }, even ? "even steps" : "true time"));
  if (cursor >= gutter && cursor <= width) {
    made.append(element("path", { class: "cursor-head", d: `M${cursor} 44 l-6 -9 h12 z` }));
  }
  axis.replaceChildren(made);
};

const draw = () => {
  measure();
  const scene = element("g", {});
  const time = steps.length ? stepTime[step] : 0;
  const cursor = steps.length ? xOf(toUnits(time)) : -1;
  const top = -svg.getBoundingClientRect().top - 200;
  const inSight = (y) => printing || (y > top && y < top + window.innerHeight + 400);

  // The ground of each program, behind everything.
  peers.forEach((peer, p) => {
    const own = shown.filter((lane) => lanes[lane].peer === p);
    if (!own.length) return;
    const y0 = laneY[own[0]] - pitch / 2, y1 = laneY[own[own.length - 1]] + pitch / 2;
    scene.append(element("rect", { class: `ground of-${p % 4}`, x: 0, y: y0 - 24, width, height: y1 - y0 + 28, rx: 6 }));
  });
  const plot = element("g", { "clip-path": "url(#plot)" });
  scene.append(plot);
  drawAxis(cursor, plot);
  const now = steps.length && steps[step] >= 0 ? arrowsOf(steps[step]) : { given: [], taken: [] };
  const names = element("g", {}), labels = element("g", {}), arrows = element("g", {});
  const margin = element("g", {});
  for (const lane of shown) {
    const y = laneY[lane];
    if (!inSight(y)) continue;
    const isNow = steps.length && laneOfStep(step) === lane;
    const colour = `of-${lanes[lane].peer % 4}`;
    const group = element("g", { class: `lane ${colour}`, "data-lane": lane });
    group.append(element("line", { class: "middle", x1: gutter, x2: width, y1: y, y2: y }));
    drawLane(lane, group, names);
    plot.append(group);
    const label = element("g", { class: `lane-label lane ${colour}${isNow ? " now" : ""}` });
    const [words, busy] = stateAt(lane, time);
    label.append(element("text", { class: "thread", x: 10, y: y - 1 }, clipped(lanes[lane].name, 20)));
    label.append(element("text", { class: `state${busy ? " busy" : ""}`, x: 10, y: y + 13 }, words));
    if (isNow) label.append(element("path", { class: "cursor-head", d: `M0 ${y - 9} v14 l7 -7 z` }));
    margin.append(label);
  }
  peers.forEach((peer, p) => {
    const first = shown.find((lane) => lanes[lane].peer === p);
    if (first === undefined) return;
    margin.append(element("text", { class: `peer-name of-${p % 4}`, x: 2, y: laneY[first] - pitch / 2 - 7 },
      clipped(`${peer.label}: ${peer.command}`, 34)));
  });
  drawArrows(arrows, labels, now.given.concat(now.taken));
  if (hasCutWires && peers.length === 1) {
    margin.append(element("text", { class: "state", x: 10, y: outside[0] + 4 }, "the friend: not recorded"));
  }
  if (cursor >= gutter) plot.append(element("line", { class: "cursor", x1: cursor, x2: cursor, y1: 0, y2: height }));
  plot.append(names, arrows, labels);
  scene.append(margin);
  scene.id = "scene";
  byId("scene").replaceWith(scene);
  tell();
};

/// Sentence, list, buttons, and what tests and teachers may ask for.
const tell = () => {
  const [from, to] = fullRange();
  const body = document.body.dataset;
  body.events = steps.length;
  body.step = steps.length ? step + 1 : 0;
  body.axis = even ? "even" : "true";
  body.from = toTime(view[0]).toFixed(0);
  body.to = toTime(view[1]).toFixed(0);
  byId("even").setAttribute("aria-pressed", even);
  byId("true-time").setAttribute("aria-pressed", !even);
  byId("first").disabled = byId("previous").disabled = step === 0;
  byId("last").disabled = byId("next").disabled = step >= steps.length - 1;
  if (!steps.length) {
    byId("what").textContent = "Nothing has been recorded yet.";
    return;
  }
  byId("where").textContent = `${(step + 1).toLocaleString("en")} of ${steps.length.toLocaleString("en")} · ${seconds(stepTime[step])}`;
  byId("what").replaceChildren(html("span", "who", fullName(laneOfStep(step)) + ": "), sentence(step));
  const [plain, important] = more(step);
  byId("more").replaceChildren(plain ? plain + " " : "", important ? html("b", "", important) : "");

  const first = firstFrom(steps.length, toTime(view[0]), (i) => stepTime[i]);
  const end = firstFrom(steps.length, toTime(view[1]) + 0.5, (i) => stepTime[i]);
  const list = document.createDocumentFragment();
  const few = end - first <= 60;
  byId("too-many").textContent = few ? "" : `${(end - first).toLocaleString("en")} events are in view; up to 60 are listed here: zoom in.`;
  for (let i = first; few && i < end; i++) {
    const item = html("li", i === step ? "current" : "");
    const who = html("span", `who of-${lanes[laneOfStep(i)].peer % 4}`, fullName(laneOfStep(i)) + ": ");
    item.append(html("span", "time", seconds(stepTime[i])), who, sentence(i));
    item.addEventListener("click", () => goTo(i));
    list.append(item);
  }
  byId("list").replaceChildren(list);
};

let asked = false;
const redraw = () => {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; draw(); });
};

// ---- Moving about ---------------------------------------------------------------------------

const setView = (from, to) => {
  const [low, high] = fullRange();
  const least = even ? 4 : Math.max(500, high * 1e-13);
  let size = Math.max(least, Math.min(to - from, (high - low) * 1.06));
  const middle = (from + to) / 2;
  from = middle - size / 2;
  from = Math.max(low - size * 0.03, Math.min(from, high + size * 0.03 - size));
  if (size >= high - low) from = (low + high - size) / 2;
  view = [from, from + size];
  redraw();
};
const showAll = () => { const [low, high] = fullRange(); setView(low - (high - low) * 0.02, high + (high - low) * 0.02); };
const zoom = (factor, around) => {
  const size = (view[1] - view[0]) / factor;
  const part = (around - view[0]) / (view[1] - view[0]);
  setView(around - part * size, around - part * size + size);
};
const zoomButton = (factor) => {
  // Around the current step where it is in view.
  const at = steps.length ? toUnits(stepTime[step]) : 0;
  zoom(factor, at >= view[0] && at <= view[1] ? at : (view[0] + view[1]) / 2);
};
const pan = (part) => { const by = part * (view[1] - view[0]); setView(view[0] + by, view[1] + by); };
const goTo = (wanted) => {
  if (!steps.length) return;
  step = Math.max(0, Math.min(steps.length - 1, wanted));
  const at = toUnits(stepTime[step]), size = view[1] - view[0];
  if (at < view[0] + size * 0.08) setView(at - size * 0.25, at + size * 0.75);
  else if (at > view[1] - size * 0.12) setView(at - size * 0.7, at + size * 0.3);
  else redraw();
};
/// The view that a person begins with: so near that names can be read.
const start = () => {
  const [low, high] = fullRange();
  const size = even ? Math.min(high - low, (svg.clientWidth - gutter) / 26) : high - low;
  setView(low - size * 0.02, low + size * 1.02);
};
const chooseAxis = (wanted) => {
  if (wanted === even) return;
  const [from, to] = view.map(toTime);
  even = wanted;
  setAxis();
  const at = steps.length ? toUnits(stepTime[step]) : 0;
  if (even) {
    const size = Math.max(20, (svg.clientWidth - gutter) / 26);
    setView(at - size * 0.4, at + size * 0.6);
  } else setView(toUnits(from), toUnits(to));
};
const chooseThreads = (wanted) => {
  const old = steps.length ? steps[step] : 0, time = steps.length ? stepTime[step] : 0;
  const [from, to] = view.map(toTime);
  allThreads = wanted;
  collectSteps();
  setAxis();
  const same = old < 0 ? stepOfNote[-1 - old] : stepOfSpan[old];
  step = same !== undefined && same >= 0 ? same : Math.max(0, Math.min(steps.length - 1, firstFrom(steps.length, time, (i) => stepTime[i])));
  setView(toUnits(from), toUnits(to));
};

const click = (id, act) => byId(id).addEventListener("click", act);
click("first", () => goTo(0));
click("previous", () => goTo(step - 1));
click("next", () => goTo(step + 1));
click("last", () => goTo(steps.length - 1));
click("zoom-in", () => zoomButton(1.5));
click("zoom-out", () => zoomButton(1 / 1.5));
click("all", showAll);
click("pan-left", () => pan(-0.3));
click("pan-right", () => pan(0.3));
click("even", () => chooseAxis(true));
click("true-time", () => chooseAxis(false));
byId("threads").addEventListener("change", (event) => chooseThreads(event.target.checked));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const acts = {
    ArrowLeft: () => (event.shiftKey ? pan(-0.3) : goTo(step - 1)),
    ArrowRight: () => (event.shiftKey ? pan(0.3) : goTo(step + 1)),
    Home: () => goTo(0), End: () => goTo(steps.length - 1),
    "+": () => zoomButton(1.5), "=": () => zoomButton(1.5),
    "-": () => zoomButton(1 / 1.5), "−": () => zoomButton(1 / 1.5), "0": showAll,
    a: () => pan(-0.3), A: () => pan(-0.3), d: () => pan(0.3), D: () => pan(0.3),
    e: () => chooseAxis(!even), E: () => chooseAxis(!even),
  };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

const unitsAt = (clientX) => {
  const box = svg.getBoundingClientRect();
  return view[0] + ((clientX - box.left) * (width / box.width) - gutter - 6) / scale();
};
const turn = (event) => {
  // A room's picture is taller than the window; there the wheel alone has to move the page.
  const moves = height > window.innerHeight && event.currentTarget === svg;
  if (moves && !event.ctrlKey && !event.shiftKey) return;
  event.preventDefault();
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    pan((event.deltaX || event.deltaY) / 900);
  } else zoom(1.0016 ** -event.deltaY, unitsAt(event.clientX));
};
for (const place of [svg, byId("axis")]) place.addEventListener("wheel", turn, { passive: false });

let held = null;
svg.addEventListener("pointerdown", (event) => {
  if (event.button === 0) held = { x: event.clientX, view: [...view], moved: false, target: event.target };
});
window.addEventListener("pointermove", (event) => {
  if (!held) return;
  const by = event.clientX - held.x;
  if (Math.abs(by) > 4) held.moved = true;
  if (!held.moved) return;
  svg.classList.add("dragged");
  const units = by / scale();
  setView(held.view[0] - units, held.view[1] - units);
});
window.addEventListener("pointerup", (event) => {
  svg.classList.remove("dragged");
  if (held && !held.moved) choose(held.target, event.clientX);
  held = null;
});
/// A click: on a span its end, on work the call before it, on many the next step in that lane.
const choose = (target, clientX) => {
  if (target.dataset.note !== undefined) return goTo(stepOfNote[+target.dataset.note]);
  if (target.dataset.arrow !== undefined) {
    const lane = arrow.from[+target.dataset.arrow];
    const time = arrow.begin[+target.dataset.arrow];
    if (lane >= 0) stepBefore(lane, time);
    return;
  }
  if (target.dataset.span === undefined) return;
  const i = +target.dataset.span;
  if (target.classList.contains("merged")) return stepBefore(span.lane[i], toTime(unitsAt(clientX)));
  if (stepOfSpan[i] >= 0) return goTo(stepOfSpan[i]);
  stepBefore(span.lane[i], span.start[i]);
};
const stepBefore = (lane, time) => {
  const own = spansOf[lane];
  for (let k = Math.min(own.length - 1, firstFrom(own.length, time + 0.5, (k) => span.end[own[k]])); k >= 0; k--) {
    if (span.end[own[k]] <= time && stepOfSpan[own[k]] >= 0) return goTo(stepOfSpan[own[k]]);
  }
};
window.addEventListener("resize", redraw);
window.addEventListener("scroll", () => { if (height > window.innerHeight * 2) redraw(); });
window.addEventListener("beforeprint", () => { printing = true; draw(); });
window.addEventListener("afterprint", () => { printing = false; redraw(); });

// ---- The beginning --------------------------------------------------------------------------

peers.forEach((peer, p) => {
  const item = html("span", `peer of-${p % 4}`);
  const key = html("span", "key");
  key.style.background = "var(--solid)";
  const events = `${number(peer.events, "event")} from ${peer.file}${peer.whole ? "" : ", which has no end: its program was killed, or runs still"}`;
  item.append(key, html("code", "", `threadchat ${peer.command}`), ` · ${events}`);
  byId("peers").append(item);
});
for (const peer of peers) if (peer.clock) byId("clocks").append(html("p", "", peer.clock));
const backwards = arrow.wire.reduce((count, wire, i) => count + (wire && arrow.end[i] < arrow.begin[i] ? 1 : 0), 0);
if (backwards) byId("clocks").append(html("p", "", `${number(backwards, "message")} still seem${backwards === 1 ? "s" : ""} to arrive before being sent.`));
if (!lanes.some((lane) => lane.minor)) byId("all-threads").hidden = true;

collectSteps();
even = steps.length <= 3000;
setAxis();
measure();
start();
draw();
document.body.dataset.ready = "true";
document.body.dataset.loadMs = (performance.now() - began).toFixed(0);
})();
