// Options of the large charts. Tooltips are drawn on the canvas ("richText"): the usual ones are HTML strings,
// which the content policy forbids and strangers' names should never reach.
import { CLASSES } from "./parts.js";
import { clock, count, percent, percentRange, points, pointsRange } from "./format.js";

let library = null;
const load = () => (library ??= import("../vendor/echarts.js"));

/** Colours from the style sheet, so that charts follow light and dark. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    negative: read("--negative"), neutral: read("--neutral-line"), positive: read("--positive"),
    text: read("--quiet"), strong: read("--ink"), grid: read("--rule"), paper: read("--paper"), bar: read("--bar"),
    hole: read("--hole"), several: [1, 2, 3, 4].map((n) => read(`--several-${n}`)),
  };
}

const edge = (stamp, step) => [Date.parse(stamp), Date.parse(stamp) + step * 1000];
const middle = (stamp, step) => Date.parse(stamp) + step * 500;
const solid = (point) => point.shares && !point.too_few;

/** A line and its band. ECharts has no bands: an invisible line carries a filled one of the band's height. */
function lineWithBand(name, colour, points_, step, pick, extra = {}) {
  const value = (choose) => points_.map((point) => [
    middle(point.t, step), solid(point) ? choose(pick(point.shares)) : null,
  ]);
  const hidden = {
    type: "line", symbol: "none", silent: true, lineStyle: { opacity: 0 }, stack: `band-${name}`,
    stackStrategy: "all", tooltip: { show: false }, emphasis: { disabled: true }, z: 1,
  };
  return [
    { ...hidden, name: `${name} low`, data: value((interval) => interval.low) },
    { ...hidden, name: `${name} band`, data: value((interval) => interval.high - interval.low),
      areaStyle: { color: colour, opacity: 0.16 } },
    { type: "line", name, data: value((interval) => interval.value), color: colour, connectNulls: false,
      symbol: "circle", symbolSize: 4, showSymbol: points_.length < 70, lineStyle: { width: 2 }, z: 3,
      emphasis: { focus: "none" }, ...extra },
  ];
}

/** Stretches about which nothing is known, merged, as shaded areas. */
function holes(series, colours) {
  const areas = [];
  for (const point of series.points) {
    if (point.tweets !== null) continue;
    const [from, to] = edge(point.t, series.step_s);
    const last = areas[areas.length - 1];
    if (last && last[1].xAxis === from) last[1].xAxis = to;
    else areas.push([{ xAxis: from, name: "no data" }, { xAxis: to }]);
  }
  return {
    silent: true, data: areas, itemStyle: { color: colours.hole },
    label: { color: colours.text, position: "insideTop", fontSize: 11 },
  };
}

function axes(colours, from, to, grids) {
  const line = { lineStyle: { color: colours.grid } };
  return grids.map((_, index) => ({
    type: "time", gridIndex: index, min: from, max: to, axisLine: line, axisTick: { show: false },
    axisLabel: { show: index === grids.length - 1, color: colours.text, hideOverlap: true },
    splitLine: { show: false }, containShape: false, axisPointer: { label: { show: false } },
  }));
}

const tooltip = (colours, formatter) => ({
  trigger: "axis", renderMode: "richText", confine: true, backgroundColor: colours.paper,
  borderColor: colours.grid, textStyle: { color: colours.strong, fontSize: 12 }, formatter,
});

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function base(colours) {
  return { animation: !still(), animationDuration: 200, animationDurationUpdate: 200, textStyle: {
    fontFamily: getComputedStyle(document.body).fontFamily } };
}

/** Shares over time with bands, and volume beneath. */
export function topicOption(series, colours) {
  const { points: all, step_s: step } = series;
  const grids = [{ left: 46, right: 12, top: 16, bottom: 118 }, { left: 46, right: 12, height: 56, bottom: 28 }];
  const describe = (items) => {
    const point = all[items[0].dataIndex];
    if (point.tweets === null) return `${clock(point.t)}\nno data`;
    const lines = [`${clock(point.t)}${point.complete === false ? "  (still filling)" : ""}`];
    if (solid(point))
      for (const name of CLASSES)
        lines.push(`${name}: ${percent(point.shares[name].value)}  (${percentRange(point.shares[name])})`);
    else lines.push(`too few voices (${point.voices})`);
    lines.push(`${count(point.voices)} voices, ${count(point.tweets)} tweets`);
    return lines.join("\n");
  };
  const shares = CLASSES.flatMap((name) =>
    lineWithBand(name, colours[name], all, step, (shares_) => shares_[name]));
  shares[2].markArea = holes(series, colours);
  const volume = {
    type: "bar", name: "tweets", xAxisIndex: 1, yAxisIndex: 1, color: colours.bar, barMaxWidth: 18,
    barCategoryGap: "25%", data: all.map((point) => [middle(point.t, step), point.tweets]),
    markArea: { ...holes(series, colours), label: { show: false } },
  };
  const quiet = { axisLabel: { color: colours.text }, splitLine: { lineStyle: { color: colours.grid } } };
  return {
    ...base(colours),
    grid: grids,
    axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: colours.grid } },
    tooltip: tooltip(colours, describe),
    xAxis: axes(colours, Date.parse(all[0].t), edge(all[all.length - 1].t, step)[1], grids),
    yAxis: [
      { ...quiet, type: "value", min: 0, max: ceiling(all), axisLabel: { color: colours.text,
        formatter: (value) => `${Math.round(value * 100)} %` } },
      { ...quiet, type: "value", gridIndex: 1, splitNumber: 2, minInterval: 1, min: 0 },
    ],
    series: [...shares, volume],
  };
}

/** The top of the share axis: high enough for every band, in steps of 20 %. */
function ceiling(all) {
  let top = 0.4;
  for (const point of all)
    if (solid(point)) for (const name of CLASSES) top = Math.max(top, point.shares[name].high);
  return Math.min(Math.ceil(top * 5) / 5, 1);
}

// Shapes as well as colours tell the topics apart.
const SHAPES = ["circle", "rect", "triangle", "diamond"];

/** Net sentiment of several topics with bands. */
export function compareOption(topics, colours) {
  const longest = topics.reduce((a, b) => (a.series.points.length >= b.series.points.length ? a : b));
  const first = Date.parse(longest.series.points[0].t);
  const last = Math.max(...topics.map(({ series }) =>
    edge(series.points[series.points.length - 1].t, series.step_s)[1]));
  const grids = [{ left: 46, right: 12, top: 16, bottom: 28 }];
  const describe = (items) => {
    const moment = items[0].axisValue;
    const lines = [clock(moment)];
    for (const topic of topics) {
      const step = topic.series.step_s * 1000;
      const point = topic.series.points.find((p) => Math.abs(Date.parse(p.t) + step / 2 - moment) <= step / 2);
      const net = point && solid(point) ? point.shares.net : null;
      lines.push(`${topic.name.slice(0, 40)}: ${net ? `${points(net.value)}  (${pointsRange(net)})` : "–"}`);
    }
    return lines.join("\n");
  };
  return {
    ...base(colours),
    grid: grids,
    tooltip: tooltip(colours, describe),
    xAxis: axes(colours, first, last, grids),
    yAxis: [{ type: "value", min: -1, max: 1, interval: 0.5, splitLine: { lineStyle: { color: colours.grid } },
      axisLabel: { color: colours.text, formatter: points } }],
    series: topics.flatMap((topic, index) =>
      lineWithBand(topic.id, colours.several[index], topic.series.points, topic.series.step_s,
        (shares) => shares.net, { symbol: SHAPES[index], symbolSize: 6, showSymbol: true })),
  };
}

/** Put a chart into `node` and keep it as large as the node; returns {set, dispose}. */
export async function chartIn(node) {
  const echarts = await load();
  const chart = echarts.init(node, null, { renderer: "canvas" });
  const observer = new ResizeObserver(() => chart.resize());
  observer.observe(node);
  return {
    set: (option) => chart.setOption(option, { notMerge: true, lazyUpdate: true }),
    dispose: () => {
      observer.disconnect();
      chart.dispose();
    },
  };
}
