// Up to four topics side by side.
import { html } from "./html.js";
import { Chart } from "./chart.js";
import { compareOption } from "./charts.js";
import { useJson } from "./fetching.js";
import { WINDOW_NAMES, count, percent } from "./format.js";
import { Name, NetScale, StackedBar } from "./parts.js";

export function CompareView({ ids, window, snapshot, theme }) {
  const tick = snapshot && snapshot.server_time;
  const { data, error } = useJson(`v1/topics/compare?ids=${ids.join(",")}&window=${window}`, tick);
  if (error && !data) return html`<p class="state"><strong>These topics cannot be compared.</strong>
    ${" "}${error.message} <a href="#/">All topics</a></p>`;
  if (!data) return html`<p class="state">Loading…</p>`;
  return html`
    <article class="compare">
      <p class="crumbs"><a href="#/">All topics</a></p>
      <h1>Side by side</h1>
      <div class="table-wrap">
        <table>
          <thead><tr><th scope="col">Topic</th><th scope="col">Opinion</th><th scope="col">Net sentiment</th>
            <th scope="col">Voices</th><th scope="col">Share of voice</th></tr></thead>
          <tbody>
            ${data.topics.map((topic, index) => html`
              <tr key=${topic.id}>
                <th scope="row"><span class=${`swatch several-${index + 1}`}></span>
                  <a href=${`#/topic/${topic.id}`}><${Name} text=${topic.name} /></a></th>
                <td class="wide" data-label="Opinion"><${StackedBar} topic=${topic} minVoices=${data.min_voices} /></td>
                <td data-label="Net sentiment"><${NetScale} topic=${topic} minVoices=${data.min_voices} /></td>
                <td data-label="Voices">${count(topic.voices)}</td>
                <td data-label="Share of voice">${topic.share_of_voice === null ? "–" : percent(topic.share_of_voice)}</td>
              </tr>`)}
          </tbody>
        </table>
      </div>
      <section aria-labelledby="compare-title">
        <h2 id="compare-title">Net sentiment over the last ${WINDOW_NAMES[data.window]}</h2>
        <${Chart} option=${compareOption} data=${data.topics} theme=${theme} tall
          label="Net sentiment of each topic over time with 90 % intervals" />
        <p class="quiet">Bands that overlap mean that the difference may be chance.</p>
      </section>
    </article>`;
}
