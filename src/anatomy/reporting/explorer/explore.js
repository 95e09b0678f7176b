"use strict";
const {experiments, labels} = JSON.parse(document.getElementById("data").textContent);
const element = id => document.getElementById(id);
const WITHOUT_EPOCH = "none";
const BINS = 20;
const config = {axis: {labelFontSize: 11, titleFontSize: 12}, view: {stroke: null}};
const options = {actions: false, renderer: "canvas", config};
let drawn = {};
let cell = null;
let marked = new Set();

const experiment = () => experiments[element("experiment").value];
const measure = name => experiment().measures[name];
const epochName = epoch => epoch === null ? WITHOUT_EPOCH : String(epoch);

function fill(id, names, text = name => name, chosen = null) {
  const select = element(id);
  const before = chosen ?? select.value;
  select.replaceChildren(...names.map(name => new Option(text(name), name)));
  if (names.includes(before)) select.value = before;
}

// Mean over the seeds that have a value; null if none has.
function mean(values) {
  const known = values.filter(value => value !== null && value !== undefined);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
}

function cells(own) {
  return own.epochs.flatMap((epoch, e) => own.layers.map((layer, l) => ({
    epoch: epochName(epoch), order: epoch === null ? Infinity : epoch, layer, position: own.positions[l],
    value: mean(own.values.map(plane => plane[e][l])),
  })));
}

async function draw(id, spec) {
  drawn[id]?.finalize();
  const result = await vegaEmbed(`#${id}`, {$schema: "https://vega.github.io/schema/vega-lite/v6.json", ...spec}, options);
  drawn[id] = result;
  return result.view;
}

function nothing(id, words) {
  drawn[id]?.finalize();
  delete drawn[id];
  const note = document.createElement("div");
  note.className = "none";
  note.textContent = words;
  element(id).replaceChildren(note);
}

// A fraction of one half is the neutral colour of n_l; other measures begin at their smallest value.
function colours(name, rows) {
  if (name === "n_l") return {scheme: "blueorange", domain: [0, 1], domainMid: 0.5};
  const values = rows.map(row => row.value).filter(value => value !== null);
  const low = Math.min(...values), high = Math.max(...values);
  return low < 0 && high > 0 ? {scheme: "blueorange", domainMid: 0} : {scheme: "goldorange"};
}

async function drawMap() {
  const name = element("measure").value;
  if (!name) return nothing("map", "This experiment has no measures of layers.");
  const own = measure(name), rows = cells(own);
  const many = own.epochs.length > 25;
  const view = await draw("map", {
    data: {values: rows}, width: 480, height: Math.min(360, Math.max(90, 22 * own.layers.length)),
    mark: {type: "rect", cursor: "pointer"},
    encoding: {
      x: {field: "epoch", type: "ordinal", sort: own.epochs.map(epochName), title: "epoch",
        axis: {labelAngle: 0, labelOverlap: "greedy", ticks: !many}},
      y: {field: "layer", type: "ordinal", sort: own.layers, title: null, axis: {labelOverlap: "greedy"}},
      color: {field: "value", type: "quantitative", title: name, scale: colours(name, rows)},
      tooltip: [{field: "layer"}, {field: "epoch"}, {field: "value", format: ".4f", title: `${name}, mean`}],
    },
  });
  view.addEventListener("click", (event, item) => {
    if (item?.datum?.layer !== undefined) { cell = {layer: item.datum.layer, epoch: item.datum.epoch}; drawSeeds(); }
  });
}

async function drawSeeds() {
  const name = element("measure").value, own = name && measure(name);
  if (!own) return nothing("seeds", "");
  if (!cell || !own.layers.includes(cell.layer)) cell = {layer: own.layers[0], epoch: epochName(own.epochs.at(-1))};
  const l = own.layers.indexOf(cell.layer);
  const rows = own.values.flatMap((plane, s) => own.epochs.map((epoch, e) => ({
    seed: String(own.seeds[s]), epoch: epochName(epoch), value: plane[e][l],
  }))).filter(row => row.value !== null);
  element("seeds-title").textContent = `${cell.layer}: ${name} of every seed`;
  const x = {field: "epoch", type: "ordinal", sort: own.epochs.map(epochName), title: "epoch",
    axis: {labelAngle: 0, labelOverlap: "greedy"}};
  const y = {field: "value", type: "quantitative", title: name, scale: {zero: false}};
  await draw("seeds", {
    data: {values: rows}, width: 480, height: 240,
    layer: [
      {mark: {type: "area", opacity: 0.15}, encoding: {x,
        y: {...y, aggregate: "min"}, y2: {field: "value", aggregate: "max"}}},
      {mark: {type: "line", strokeWidth: 1, point: own.epochs.length < 40}, encoding: {x, y, color: {field: "seed", type: "nominal"}}},
      {mark: {type: "line", strokeWidth: 3, color: "#222"}, encoding: {x, y: {...y, aggregate: "mean"}}},
      {data: {values: [{epoch: cell.epoch}]}, mark: {type: "rule", strokeDash: [4, 4]}, encoding: {x: {...x}}},
    ],
  });
}

function histogram() {
  const own = experiment().histograms[element("quantity").value];
  const layer = own?.layers.find(each => each.layer === element("layer").value);
  return {own, layer};
}

function bars() {
  const {own, layer} = histogram(), e = Number(element("epoch").value);
  element("epoch-value").textContent = own.epochs[e];
  const [low, high] = layer.limits, step = (high - low) / BINS;
  return layer.counts[e].map((count, bin) => ({from: low + bin * step, to: low + (bin + 1) * step, count}));
}

async function drawHistogram() {
  const {own, layer} = histogram();
  element("histogram-section").hidden = !own;
  if (!own || !layer) return;
  element("epoch").max = own.epochs.length - 1;
  const most = Math.max(...layer.counts.flat());
  await draw("histogram", {
    width: 480, height: 220,
    layer: [
      {data: {name: "bars", values: bars()}, mark: {type: "bar", color: "#0072b2", stroke: "white"}, encoding: {
        x: {field: "from", type: "quantitative", title: element("quantity").value, scale: {domain: layer.limits}},
        x2: {field: "to"},
        y: {field: "count", type: "quantitative", title: "filters, all seeds", scale: {domain: [0, most]}},
        y2: {datum: 0}}},
      {data: {values: [{zero: 0}]}, mark: {type: "rule", color: "red"}, encoding: {x: {field: "zero", type: "quantitative"}}},
    ],
  });
}

function slide() {
  const view = drawn.histogram?.view;
  if (view) view.data("bars", bars()).run();
}

// The value of a layer in the scatter: n_l at the last epoch, a drop when it is reset to its initialisation.
function summary(name) {
  const own = measure(name), numbered = own.epochs.filter(epoch => epoch !== null);
  const epoch = name === "drop" ? numbered[0] : numbered.at(-1);
  const e = own.epochs.indexOf(epoch ?? null);
  const at = new Map(own.layers.map((layer, l) => [layer, mean(own.values.map(plane => plane[e][l]))]));
  return {at, title: epoch === undefined ? name : `${name}, epoch ${epoch}`};
}

function layerRows() {
  const [across, up] = [summary(element("across").value), summary(element("up").value)];
  const own = measure(element("across").value);
  const rows = own.layers.map((layer, l) => ({
    position: own.positions[l], layer, across: across.at.get(layer) ?? null, up: up.at.get(layer) ?? null,
  }));
  return {rows, titles: [across.title, up.title]};
}

async function drawScatter() {
  if (!Object.keys(experiment().measures).length) return nothing("scatter", "No measures of layers.");
  const {rows, titles} = layerRows();
  marked = new Set();
  const view = await draw("scatter", {
    data: {values: rows.filter(row => row.across !== null && row.up !== null)}, width: 480, height: 300,
    params: [{name: "brush", select: "interval"}],
    mark: {type: "point", filled: true, size: 90},
    encoding: {
      x: {field: "across", type: "quantitative", title: titles[0], scale: {zero: false}},
      y: {field: "up", type: "quantitative", title: titles[1], scale: {zero: false}},
      color: {condition: {param: "brush", field: "position", type: "quantitative", scale: {scheme: "viridis"}, title: "layer"}, value: "#ccc"},
      tooltip: [{field: "layer"}, {field: "across", format: ".4f"}, {field: "up", format: ".4f"}],
    },
  });
  view.addSignalListener("brush", (name, range) => {
    const [xs, ys] = [range.across, range.up];
    const inside = (value, ends) => value !== null && value >= Math.min(...ends) && value <= Math.max(...ends);
    marked = new Set(xs && ys ? rows.filter(row => inside(row.across, xs) && inside(row.up, ys)).map(row => row.layer) : []);
    drawTable();
  });
  drawTable();
}

const digits = value => value === null ? "" : value.toPrecision(4);

function drawTable() {
  const {rows, titles} = layerRows();
  const row = (tag, texts, chosen) => {
    const line = document.createElement("tr");
    if (chosen) line.className = "chosen";
    for (const text of texts) {
      const one = document.createElement(tag);
      one.textContent = text;
      line.append(one);
    }
    return line;
  };
  const sorted = [...rows].sort((a, b) => marked.has(b.layer) - marked.has(a.layer) || a.position - b.position);
  element("layers").replaceChildren(
    row("th", ["position", "layer", ...titles]),
    ...sorted.map(own => row("td", [own.position, own.layer, digits(own.across), digits(own.up)], marked.has(own.layer))),
  );
}

function save(name, rows) {
  const quoted = value => value === null ? "" : /[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value;
  const text = rows.map(row => row.map(quoted).join(",")).join("\n") + "\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function exportMap() {
  const name = element("measure").value, own = measure(name), rows = [["experiment", "quantity", "seed", "epoch", "position", "layer", "value"]];
  own.values.forEach((plane, s) => plane.forEach((line, e) => line.forEach((value, l) =>
    rows.push([element("experiment").value, name, own.seeds[s], own.epochs[e], own.positions[l], own.layers[l], value]))));
  save(`${element("experiment").value}-${name}.csv`, rows);
}

function exportLayers() {
  const {rows, titles} = layerRows();
  const kept = marked.size ? rows.filter(row => marked.has(row.layer)) : rows;
  save(`${element("experiment").value}-layers.csv`, [["position", "layer", ...titles],
    ...kept.map(row => [row.position, row.layer, row.across, row.up])]);
}

async function showHistogram() {
  const own = experiment().histograms[element("quantity").value];
  fill("layer", own ? own.layers.map(each => each.layer) : []);
  if (own) element("epoch").value = own.epochs.length - 1;
  await drawHistogram();
}

async function show() {
  const names = Object.keys(experiment().measures);
  fill("measure", names);
  fill("across", names, undefined, names[0]);
  fill("up", names, undefined, names[1] ?? names[0]);
  fill("quantity", Object.keys(experiment().histograms));
  cell = null;
  await Promise.all([drawMap(), drawSeeds(), showHistogram(), drawScatter()]);
  document.body.dataset.shown = element("experiment").value;
}

fill("experiment", Object.keys(experiments), name => labels[name] === name ? name : `${labels[name]} (${name})`);
element("experiment").onchange = show;
element("measure").onchange = () => { drawMap(); drawSeeds(); };
element("quantity").onchange = showHistogram;
element("layer").onchange = drawHistogram;
element("epoch").oninput = slide;
element("across").onchange = element("up").onchange = drawScatter;
element("export-map").onclick = exportMap;
element("export-layers").onclick = exportLayers;
element("clear").onclick = drawScatter;
show();
