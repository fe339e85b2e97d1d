// How often the model is right: as a whole, week by week, topic by topic.
import { html } from "./html.js";
import { useJson } from "./fetching.js";
import { count, percent, percentRange } from "./format.js";
import { CLASSES, Name } from "./parts.js";

const MINUTE = 60000;
const TOPICS = 6; // shown at once; the rest unfolds
const at = (share) => `${(share * 100).toFixed(1)}%`;
const day = (stamp) => new Date(stamp).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" });

function Card({ title, interval, more }) {
  return html`
    <div class="card">
      <h3>${title}</h3>
      <p class="big">${interval ? percent(interval.value) : "–"}</p>
      <small>${interval ? percentRange(interval) : "not known yet"}</small>
      ${more && more.map((line) => html`<small key=${line}>${line}</small>`)}
    </div>`;
}

function Summary({ overall }) {
  const recall = overall.average_recall;
  return html`
    <div class="cards accuracy-cards">
      <${Card} title="right overall" interval=${overall.accuracy}
        more=${[`${count(overall.right)} of ${count(overall.labels)} labels`,
          ...(recall ? [`average recall ${percent(recall.value)}, ${percentRange(recall)}`] : [])]} />
      ${CLASSES.map((name) => html`<${Card} key=${name} interval=${overall.recalls[name]}
        title=${html`<span class=${`swatch ${name}`}></span>${name} found`} />`)}
    </div>`;
}

/** One week: a dot for the share, a whisker for its interval, on a scale from nothing to all. */
function Week({ week, level }) {
  const { accuracy } = week;
  const label = `Week of ${day(week.week)}: ${percent(accuracy.value)} right, ` +
    `${Math.round(level * 100)} % interval ${percentRange(accuracy)}, ${week.labels} labels`;
  return html`
    <li class=${`week ${week.too_few ? "week-few" : ""}`} title=${label}>
      <span class="week-plot" role="img" aria-label=${label}>
        <span class="week-range" style=${{ bottom: at(accuracy.low), height: at(accuracy.high - accuracy.low) }}></span>
        <span class="week-dot" style=${{ bottom: at(accuracy.value) }}></span>
      </span>
      <span class="week-value">${percent(accuracy.value)}</span>
      <small>${day(week.week)}</small>
      <small class="week-labels">${count(week.labels)} labels</small>
    </li>`;
}

function Weeks({ data }) {
  const few = data.weeks.some((week) => week.too_few);
  return html`
    <h3>By week of the tweets</h3>
    <div class="weeks-wrap">
      <div class="weeks-scale" aria-hidden="true"><span>100 %</span><span>50 %</span><span>0 %</span></div>
      <ol class="weeks">${data.weeks.map((week) => html`<${Week} key=${week.week} week=${week} level=${data.level} />`)}
      </ol>
    </div>
    <p class="quiet small">The bar is the ${Math.round(data.level * 100)} % interval; bars that overlap mean that the
      difference may be chance.${few && ` Pale: fewer than ${data.min_labels} labels.`}</p>`;
}

function TopicRows({ topics, data }) {
  return topics.map((topic) => html`
    <tr key=${topic.id}>
      <th scope="row"><a href=${`#/topic/${topic.id}`}><${Name} text=${topic.name || topic.id} /></a></th>
      <td data-label="Labels">${count(topic.labels)}</td>
      <td class="wide" data-label="Right">${topic.too_few
        ? html`<span class="quiet">too few labels (${topic.labels} of ${data.min_labels})</span>`
        : html`<strong>${percent(topic.accuracy.value)}</strong>${" "}<small>${percentRange(topic.accuracy)}</small>
          <span class="share-scale" aria-hidden="true"><span class="range" style=${{ left: at(topic.accuracy.low),
            width: at(topic.accuracy.high - topic.accuracy.low) }}></span><span class="dot"
            style=${{ left: at(topic.accuracy.value) }}></span></span>`}</td>
      <td data-label="Average recall">${topic.too_few || !topic.average_recall ? "–"
        : html`${percent(topic.average_recall.value)}${" "}<small>${percentRange(topic.average_recall)}</small>`}</td>
    </tr>`);
}

function Topics({ data }) {
  const table = (topics) => html`
    <div class="table-wrap"><table>
      <thead><tr><th scope="col">Topic</th><th scope="col">Labels</th><th scope="col">Right</th>
        <th scope="col">Average recall</th></tr></thead>
      <tbody><${TopicRows} topics=${topics} data=${data} /></tbody>
    </table></div>`;
  const rest = data.topics.slice(TOPICS);
  return html`
    <h3>By topic</h3>
    ${table(data.topics.slice(0, TOPICS))}
    ${rest.length > 0 && html`<details><summary>${rest.length} more topics</summary>${table(rest)}</details>`}`;
}

function Confusion({ overall }) {
  return html`
    <details class="confusion">
      <summary>What is taken for what</summary>
      <table>
        <thead><tr><th scope="col">Label</th>${CLASSES.map((name) => html`
          <th key=${name} scope="col">model: ${name}</th>`)}</tr></thead>
        <tbody>${CLASSES.map((name, row) => html`
          <tr key=${name}><th scope="row">${name}</th>${overall.confusion[row].map((n, column) => html`
            <td key=${column} class=${row === column ? "hit" : ""}>${count(n)}</td>`)}</tr>`)}</tbody>
      </table>
    </details>`;
}

function Figures({ data }) {
  return html`
    <${Summary} overall=${data.overall} />
    <${Weeks} data=${data} />
    <${Topics} data=${data} />
    <${Confusion} overall=${data.overall} />`;
}

function Few({ data }) {
  const { labels } = data.overall;
  return html`
    <p class="state few"><strong>Too few labels to tell.</strong> ${labels === 0
      ? "No tweet that chance picked is labelled yet"
      : `${labels} of the ${data.min_labels} labels needed are there`}. Label some on the page
      ${" "}<a href="review.html">Review tweets</a>, in the mode “At random”, or let an LLM do
      it: <code>trendvane label run</code>.</p>`;
}

export function AccuracyPanel({ now }) {
  const { data, error } = useJson("v1/model/accuracy", Math.floor(now / MINUTE));
  if (!data) return error ? html`<p class="quiet">How often the model is right: ${error.message}</p>` : null;
  return html`
    <section class="accuracy" aria-labelledby="accuracy-title">
      <div class="section-head">
        <h2 id="accuracy-title">How often the model is right</h2>
        ${data.model_version && html`<span class="quiet">model <bdi>${data.model_version}</bdi></span>`}
      </div>
      <p class="explain">Chance picks one tweet in ten, and people or an LLM say what its author feels, without knowing
        what the model said. This is how often the model said the same, over the last twelve weeks. People disagree
        with each other too, so nobody reaches 100 %.</p>
      ${!data.model_version ? html`<p class="state few"><strong>No model is in use.</strong></p>`
        : data.overall.too_few ? html`<${Few} data=${data} />` : html`<${Figures} data=${data} />`}
    </section>`;
}
