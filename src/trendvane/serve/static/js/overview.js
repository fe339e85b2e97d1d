// What is trending now: one dense row per topic.
import { html, useMemo, useState } from "./html.js";
import { AccuracyPanel } from "./accuracy.js";
import { Freshness, Legend, Name, NetScale, Sparkline, StackedBar, Volume, sparkScale, whyNot } from "./parts.js";

const byVolume = (a, b) => b.tweets - a.tweets || a.name.localeCompare(b.name);
const netOf = (topic, minVoices, missing) => (whyNot(topic, minVoices) ? missing : topic.shares.net.value);

const SORTS = {
  volume: ["Volume", () => byVolume],
  negative: ["Most negative", (min) => (a, b) => netOf(a, min, 2) - netOf(b, min, 2) || byVolume(a, b)],
  positive: ["Most positive", (min) => (a, b) => netOf(b, min, -2) - netOf(a, min, -2) || byVolume(a, b)],
  newest: ["Newest tweet", () => (a, b) =>
    (Date.parse(b.newest_at) || 0) - (Date.parse(a.newest_at) || 0) || byVolume(a, b)],
  name: ["Name", () => (a, b) => a.name.localeCompare(b.name)],
};

function Row({ topic, snapshot, now, loudest, scale, chosen, choose, full }) {
  const picked = chosen.includes(topic.id);
  return html`
    <li class=${`row ${picked ? "picked" : ""}`} data-topic=${topic.id}>
      <div class="cell title">
        <a href=${`#/topic/${topic.id}`}><${Name} text=${topic.name} /></a>
        <label class="pick"><input type="checkbox" checked=${picked} disabled=${!picked && full}
          onChange=${() => choose(topic.id)} /> compare<span class="hidden"> ${topic.name}</span></label>
      </div>
      <div class="cell"><${Volume} topic=${topic} loudest=${loudest} /></div>
      <div class="cell shares"><${StackedBar} topic=${topic} minVoices=${snapshot.min_voices} /></div>
      <div class="cell"><${NetScale} topic=${topic} minVoices=${snapshot.min_voices} /></div>
      <div class="cell line"><${Sparkline} spark=${topic.spark} scale=${scale} /></div>
      <div class="cell age"><${Freshness} topic=${topic} now=${now} /></div>
    </li>`;
}

function Tools({ search, setSearch, sort, setSort, chosen, clear }) {
  return html`
    <div class="tools">
      <input type="search" placeholder="Filter topics" aria-label="Filter topics" value=${search}
        onInput=${(event) => setSearch(event.target.value)} />
      <select aria-label="Sort by" value=${sort} onChange=${(event) => setSort(event.target.value)}>
        ${Object.entries(SORTS).map(([key, [label]]) => html`
          <option key=${key} value=${key} selected=${key === sort}>${label}</option>`)}
      </select>
      ${chosen.length > 0 && html`
        <span class="chosen">
          ${chosen.length > 1
            ? html`<a class="button" href=${`#/compare/${chosen.join(",")}`}>Compare ${chosen.length}</a>`
            : html`<small>choose one to three more</small>`}
          <button type="button" class="plain" onClick=${clear}>clear</button>
        </span>`}
    </div>`;
}

function Empty({ snapshot, search }) {
  if (search) return html`<p class="state">No topic matches “<bdi>${search}</bdi>”.</p>`;
  if (snapshot.source_state === "waiting")
    return html`<p class="state"><strong>No tweets yet.</strong> The collector has not asked the source so far.
      It runs with the other steps (<code>trendvane up</code>); the first topics appear within a minute.</p>`;
  return html`<p class="state"><strong>No topic was seen in this window.</strong> Choose a longer one above.</p>`;
}

export function Overview({ snapshot, now, chosen, setChosen }) {
  const [search, setSearch] = useState("");
  const [sort, setSort] = useState("volume");
  const topics = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return snapshot.topics
      .filter((topic) => topic.name.toLowerCase().includes(wanted))
      .sort(SORTS[sort][1](snapshot.min_voices));
  }, [snapshot, search, sort]);
  const scale = useMemo(() => sparkScale(snapshot.topics), [snapshot]);
  const loudest = Math.max(...snapshot.topics.map((topic) => topic.tweets), 1);
  const choose = (id) =>
    setChosen(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id]);
  return html`
    <section aria-labelledby="overview-title">
      <div class="section-head">
        <h1 id="overview-title">Trending now</h1>
        <${Legend} truth=${snapshot.truth === "available"} />
      </div>
      <${Tools} ...${{ search, setSearch, sort, setSort, chosen, clear: () => setChosen([]) }} />
      ${topics.length === 0
        ? html`<${Empty} snapshot=${snapshot} search=${search.trim()} />`
        : html`
          <div class="columns" aria-hidden="true">
            <span>Topic</span><span>Volume</span><span>Opinion</span><span>Net sentiment</span>
            <span>Net over time</span><span>Newest</span>
          </div>
          <ul class="rows">
            ${topics.map((topic) => html`
              <${Row} key=${topic.id} ...${{ topic, snapshot, now, loudest, scale, chosen, choose }}
                full=${chosen.length >= 4} />`)}
          </ul>`}
    </section>
    <${AccuracyPanel} now=${now} />`;
}
