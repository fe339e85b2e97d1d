// One topic in full.
import { html, useState } from "./html.js";
import { Chart } from "./chart.js";
import { topicOption } from "./charts.js";
import { useJson } from "./fetching.js";
import { WINDOW_NAMES, age, clock, count, percent, percentRange, points, pointsRange, span } from "./format.js";
import { CLASSES, Legend, Name, StackedBar, whyNot } from "./parts.js";

function ClassCard({ name, topic, minVoices }) {
  const reason = whyNot(topic, minVoices);
  const interval = topic.shares && topic.shares[name];
  return html`
    <div class=${`card ${name}`}>
      <h2><span class=${`swatch ${name}`}></span>${name}</h2>
      ${reason ? html`<p class="big">–</p><small>${reason}</small>` : html`
        <p class="big">${percent(interval.value)}</p><small>${percentRange(interval)}</small>`}
      ${topic.truth && html`<small class="true-text">true (demo): ${percent(topic.truth[name])}</small>`}
    </div>`;
}

function Headline({ topic }) {
  const net = topic.shares && topic.shares.net;
  const reason = whyNot(topic, topic.min_voices);
  return html`
    <div class="headline">
      <div class="cards">
        ${CLASSES.map((name) => html`
          <${ClassCard} key=${name} name=${name} topic=${topic} minVoices=${topic.min_voices} />`)}
        <div class="card">
          <h2>net</h2>
          ${reason ? html`<p class="big">–</p><small>${reason}</small>` : html`
            <p class="big">${points(net.value)}</p><small>${pointsRange(net)}</small>`}
          ${topic.truth && html`<small class="true-text">true (demo):
            ${" "}${points(topic.truth.positive - topic.truth.negative)}</small>`}
        </div>
      </div>
      <${StackedBar} topic=${topic} minVoices=${topic.min_voices} />
    </div>`;
}

function Example({ example }) {
  return html`
    <li class="example">
      <p><bdi dir="auto">${example.text}</bdi></p>
      <small>${clock(example.created_at)} · model ${Math.round(example.score * 100)} % sure${example.url && html` ·
        ${" "}<a href=${example.url} target="_blank" rel="noopener noreferrer">View on X</a>`}</small>
    </li>`;
}

function Examples({ topic, order, setOrder }) {
  return html`
    <section aria-labelledby="examples-title">
      <div class="section-head">
        <h2 id="examples-title">What people say</h2>
        <select aria-label="Which examples" value=${order} onChange=${(event) => setOrder(event.target.value)}>
          <option value="newest" selected=${order === "newest"}>Newest</option>
          <option value="confident" selected=${order === "confident"}>Model most sure</option>
        </select>
      </div>
      <div class="examples">
        ${CLASSES.map((name) => html`
          <div key=${name} class=${`example-class ${name}`}>
            <h3><span class=${`swatch ${name}`}></span>${name}</h3>
            ${topic.examples[name].length === 0
              ? html`<p class="quiet">None in this window.</p>`
              : html`<ul>${topic.examples[name].map((example) => html`
                  <${Example} key=${example.id} example=${example} />`)}</ul>`}
          </div>`)}
      </div>
    </section>`;
}

function Provenance({ topic }) {
  const p = topic.provenance;
  const models = p.models.map(({ version, voices }) => `${version} (${count(voices)} voices)`).join(", ");
  return html`
    <section class="provenance" aria-labelledby="provenance-title">
      <h2 id="provenance-title">Where these numbers come from</h2>
      <p>In the ${WINDOW_NAMES[p.window]} up to ${clock(p.until, { seconds: true })} we saw
        ${" "}<strong>${count(p.tweets)}</strong> tweets on this topic${p.source !== "x" &&
        html` (source: <strong>${p.source}</strong>, demo data)`}. Of these <strong>${count(p.folded)}</strong> were
        folded away: retweets, near-identical copies, and languages the model does not
        read${p.languages.length > 0 && ` (it reads ${p.languages.join(", ")})`}. That
        leaves <strong>${count(p.voices)}</strong> independent voices${p.labelled > 0 && html`; labels of <strong>${count(p.labelled)}</strong> of them,
        chosen by chance, make the shares surer`}.</p>
      <p>The model called ${count(p.predicted.negative)} of them negative, ${count(p.predicted.neutral)} neutral and
        ${" "}${count(p.predicted.positive)} positive. It makes mistakes, and we know how often it takes one class for
        another; the shares above are corrected for that, so they differ from these raw counts.</p>
      <dl>
        <dt>Model</dt><dd>${models || "none yet"}</dd>
        <dt>Intervals</dt><dd>${p.interval_method}</dd>
        <dt>Bins of the chart</dt><dd>${span(topic.series.step_s)} each; a bin with fewer than
          ${" "}${topic.min_voices} voices shows no share. A hole in the line means that we do not know.</dd>
        ${topic.gaps.length > 0 && html`<dt>Known gaps</dt><dd>${topic.gaps.map((gap) => html`
          <div key=${gap.from}>${clock(gap.from)} to ${clock(gap.to)}: <bdi>${gap.reason}</bdi></div>`)}</dd>`}
      </dl>
    </section>`;
}

function Exports({ topic }) {
  const path = `v1/topics/${topic.id}/export`;
  return html`
    <span class="exports">
      <a class="button quiet" href=${`${path}.csv?window=${topic.window}`} download>CSV</a>
      <a class="button quiet" href=${`${path}.parquet?window=${topic.window}`} download>Parquet</a>
    </span>`;
}

export function TopicView({ id, window, snapshot, theme, now }) {
  const [order, setOrder] = useState("newest");
  const live = snapshot && snapshot.topics.find((topic) => topic.id === id);
  const tick = live ? `${live.updated_at} ${live.tweets}` : snapshot && snapshot.server_time;
  const { data: topic, error } = useJson(`v1/topics/${id}?window=${window}&examples=${order}`, tick);
  if (error && !topic) return html`<p class="state"><strong>This topic cannot be shown.</strong> ${error.message}
    ${" "}<a href="#/">All topics</a></p>`;
  if (!topic) return html`<p class="state">Loading…</p>`;
  const fresh = topic.newest_at ? `newest tweet ${age((now - Date.parse(topic.newest_at)) / 1000)} ago` : "no tweet yet";
  return html`
    <article class="topic">
      <p class="crumbs"><a href="#/">All topics</a></p>
      <div class="section-head">
        <h1><${Name} text=${topic.name} /></h1>
        <span class="quiet">${count(topic.voices)} voices · ${count(topic.tweets)} tweets · ${fresh}</span>
        <${Exports} topic=${topic} />
      </div>
      <${Headline} topic=${topic} />
      <section aria-labelledby="chart-title">
        <div class="section-head">
          <h2 id="chart-title">Opinion over the last ${WINDOW_NAMES[topic.window]}</h2>
          <${Legend} truth=${Boolean(topic.truth)} />
        </div>
        <${Chart} option=${topicOption} data=${topic.series} theme=${theme} tall
          label="Shares over time with 90 % intervals, and tweets per bin beneath. The same numbers are in the export." />
      </section>
      <${Examples} topic=${topic} order=${order} setOrder=${setOrder} />
      <${Provenance} topic=${topic} />
    </article>`;
}
