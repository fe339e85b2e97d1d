// Small pictures made of HTML and SVG: they appear in every row, so they must be light.
import { html } from "./html.js";
import { age, compact, count, percent, percentRange, points, pointsRange } from "./format.js";

export const CLASSES = ["negative", "neutral", "positive"];
const at = (share) => `${(share * 100).toFixed(2)}%`;

/** A stranger's text: isolated, so that its direction marks cannot reorder what stands around it. */
export const Name = ({ text }) => html`<bdi class="name" dir="auto">${text}</bdi>`;

export function describeShares(topic) {
  if (!topic.shares) return "No voices yet.";
  return CLASSES.map(
    (name) => `${name} ${percent(topic.shares[name].value)} (${percentRange(topic.shares[name])})`,
  ).join(", ");
}

/** Why there is no share, or null when there is one to show. */
export function whyNot(topic, minVoices) {
  if (topic.voices === 0) return topic.tweets === 0 ? "no tweets in this window" : "no voices the model reads";
  if (topic.too_few) return `too few voices (${topic.voices} of ${minVoices})`;
  if (!topic.shares) return "no estimate: no model in use";
  return null;
}

function Whisker({ name, low, high }) {
  const style = { left: at(low), width: at(Math.max(high - low, 0)) };
  return html`<span class=${`whisker ${name}`} style=${style}></span>`;
}

/** Negative, neutral, positive as one bar. Below it, a lane each: how far the negative end may reach from the
    left, and how far the positive end may reach from the right. Apart, because wide intervals overlap. */
export function StackedBar({ topic, minVoices }) {
  const reason = whyNot(topic, minVoices);
  if (reason) return html`<div class="bar bar-empty"><span>${reason}</span></div>`;
  const { shares, truth } = topic;
  const label = describeShares(topic) +
    (truth ? `; true (demo): negative ${percent(truth.negative)}, positive ${percent(truth.positive)}` : "");
  return html`
    <div class="bar" role="img" aria-label=${label} title=${label}>
      ${CLASSES.map((name) => html`
        <span key=${name} class=${`segment ${name}`} style=${{ width: at(shares[name].value) }}>
          ${shares[name].value >= 0.11 ? percent(shares[name].value) : ""}
        </span>`)}
      <${Whisker} name="negative" low=${shares.negative.low} high=${shares.negative.high} />
      <${Whisker} name="positive" low=${1 - shares.positive.high} high=${1 - shares.positive.low} />
      ${truth && html`
        <span class="truth negative" style=${{ left: at(truth.negative) }}></span>
        <span class="truth positive" style=${{ left: at(1 - truth.positive) }}></span>`}
    </div>`;
}

/** Net sentiment on a scale from -100 to +100 with its interval. */
export function NetScale({ topic, minVoices }) {
  if (whyNot(topic, minVoices)) return html`<div class="net net-empty" aria-label="no net sentiment">–</div>`;
  const { net } = topic.shares;
  const place = (value) => at((value + 1) / 2);
  const truth = topic.truth ? topic.truth.positive - topic.truth.negative : null;
  const tone = net.low > 0 ? "up" : net.high < 0 ? "down" : "even";
  return html`
    <div class="net">
      <div class="net-text"><strong class=${tone}>${points(net.value)}</strong>
        <small>${pointsRange(net)}</small></div>
      <div class="scale" role="img" aria-label=${`net sentiment ${points(net.value)}, ${pointsRange(net)}`}>
        <span class="zero"></span>
        <span class=${`range ${tone}`}
          style=${{ left: place(net.low), width: at((net.high - net.low) / 2) }}></span>
        <span class=${`dot ${tone}`} style=${{ left: place(net.value) }}></span>
        ${truth !== null && html`<span class="truth" style=${{ left: place(truth) }}></span>`}
      </div>
    </div>`;
}

const WIDTH = 120;
const HEIGHT = 34;

/** Runs of neighbouring points without a hole: a hole in what we know stays a hole in the line. */
function runs(series) {
  const found = [];
  let run = null;
  series.forEach((point, index) => {
    if (!point) run = null;
    else if (run) run.push([index, point]);
    else found.push((run = [[index, point]]));
  });
  return found;
}

/** Net sentiment over the window, with its band; `scale` is shared by all rows so that they compare. */
export function Sparkline({ spark, scale }) {
  const x = (index) => (index / Math.max(spark.net.length - 1, 1)) * (WIDTH - 4) + 2;
  const y = (value) => HEIGHT / 2 - (value / scale) * (HEIGHT / 2 - 2);
  const point = (index, value) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`;
  const parts = runs(spark.net);
  if (!parts.length) return html`<div class="spark spark-empty">no line yet</div>`;
  return html`
    <svg class="spark" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img"
      aria-label="net sentiment over the window">
      <line x1="0" x2=${WIDTH} y1=${HEIGHT / 2} y2=${HEIGHT / 2} class="axis" />
      ${parts.map((run) => run.length === 1
        ? html`<line class="line lone" x1=${x(run[0][0])} x2=${x(run[0][0])}
            y1=${y(run[0][1][1])} y2=${y(run[0][1][2])} />`
        : html`
          <polygon class="band" points=${[
            ...run.map(([i, p]) => point(i, p[1])),
            ...[...run].reverse().map(([i, p]) => point(i, p[2])),
          ].join(" ")} />
          <polyline class="line" points=${run.map(([i, p]) => point(i, p[0])).join(" ")} />`)}
    </svg>`;
}

/** The widest net interval among all rows, rounded up: the common scale of the sparklines. */
export function sparkScale(topics) {
  let widest = 0.3;
  for (const topic of topics)
    for (const point of topic.spark.net)
      if (point) widest = Math.max(widest, Math.abs(point[1]), Math.abs(point[2]));
  return Math.min(Math.ceil(widest * 10) / 10, 1);
}

/** Volume in words: voices carry the share, tweets the noise. */
export function Volume({ topic, loudest }) {
  return html`
    <div class="volume">
      <div><strong>${count(topic.voices)}</strong> voices</div>
      <div class="meter"><span style=${{ width: at(loudest ? topic.tweets / loudest : 0) }}></span></div>
      <small title="Copies (retweets, near-duplicates) and tweets in languages the model does not read are counted
as tweets, not as voices.">${compact(topic.tweets)} tweets, ${compact(topic.folded)} folded</small>
    </div>`;
}

/** How old the newest counted tweet is, on the server's clock. */
export function Freshness({ topic, now }) {
  if (!topic.newest_at) return html`<small class="fresh">no tweet yet</small>`;
  const seconds = (now - Date.parse(topic.newest_at)) / 1000;
  return html`<small class=${`fresh ${seconds < 90 ? "new" : ""}`}>${age(seconds)} ago</small>`;
}

export function Legend({ truth }) {
  return html`
    <ul class="legend" aria-label="Legend">
      ${CLASSES.map((name) => html`<li key=${name}><span class=${`swatch ${name}`}></span>${name}</li>`)}
      <li><span class="swatch whisker-swatch"></span>90 % interval</li>
      ${truth && html`<li><span class="swatch truth-swatch"></span>true (demo)</li>`}
    </ul>`;
}
