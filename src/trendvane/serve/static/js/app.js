// The page: header, routes, and what it knows about its own connection.
import { html, render, useEffect, useState } from "./html.js";
import { useTheme } from "./colours.js";
import { CompareView } from "./compare.js";
import { WINDOW_NAMES, age, clock } from "./format.js";
import { follow } from "./live.js";
import { Overview } from "./overview.js";
import { TopicView } from "./topic.js";

/** "#/topic/abc" -> {view: "topic", ids: ["abc"]} */
function readRoute() {
  const [, view = "", rest = ""] = location.hash.split("/");
  const ids = rest.split(",").filter((id) => /^[0-9a-f]{16}$/.test(id));
  if (view === "topic" && ids.length) return { view, ids };
  if (view === "compare" && ids.length > 1) return { view, ids: ids.slice(0, 4) };
  return { view: "overview", ids: [] };
}

function useRoute() {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const move = () => {
      setRoute(readRoute());
      scrollTo(0, 0);
    };
    addEventListener("hashchange", move);
    return () => removeEventListener("hashchange", move);
  }, []);
  return route;
}

/** The latest snapshot, when it came, and whether more will come. */
function useLive(window) {
  const [live, setLive] = useState({ snapshot: null, at: 0, down: null, trouble: null });
  useEffect(() => follow(window, {
    snapshot: (snapshot) => setLive({ snapshot, at: Date.now(), down: null, trouble: null }),
    trouble: (text) => setLive((old) => ({ ...old, trouble: { text, since: old.trouble?.since ?? Date.now() } })),
    down: ({ status }) => setLive((old) => ({ ...old, down: { status, since: old.down?.since ?? Date.now() } })),
  }), [window]);
  return live;
}

function useSeconds() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** One sentence about the worst thing that is wrong, or null. */
function warning({ snapshot, at, down, trouble }) {
  if (down && down.status === 401) return "This server asks for an API key. Reload the page to be asked for it.";
  if (down && down.status === 503) return "Too many people watch at once. Trying again every two seconds.";
  if (down) {
    const old = snapshot ? ` The numbers below are from ${clock(at, { seconds: true })}.` : "";
    return `No connection to the server since ${clock(down.since, { seconds: true })}.${old} Trying again.`;
  }
  if (trouble) return `${trouble.text} The numbers below may be old.`;
  if (snapshot && snapshot.source_state === "down")
    return `The source is down since ${clock(snapshot.polled_at, { seconds: true })}: ` +
      "nothing new has been read. Holes in a line mean no data, not zero.";
  if (snapshot && snapshot.truth === "unavailable") return "Truth unavailable: the emulator does not answer.";
  return null;
}

function stateOf({ snapshot, down, trouble }) {
  if (down) return ["off", "not connected"];
  if (!snapshot) return ["wait", "connecting"];
  if (trouble) return ["off", "server in trouble"];
  if (snapshot.source_state === "down") return ["off", "source down"];
  if (snapshot.source_state === "waiting") return ["wait", "waiting for data"];
  return ["on", "live"];
}

function Header({ live, now, window, setWindow, theme, toggle }) {
  const [tone, text] = stateOf(live);
  const { snapshot } = live;
  const source = { x: "X", emulator: "emulator", replay: "replay" }[snapshot?.source] ?? snapshot?.source;
  return html`
    <header class="top">
      <a class="brand" href="#/"><img src="favicon.svg" alt="" width="26" height="26" /> Trendvane</a>
      <span class=${`pill ${tone}`}><span class="lamp"></span>${text}${source ? ` · ${source}` : ""}</span>
      ${snapshot?.demo && html`<span class="pill demo-pill">demo data</span>`}
      <span class="updated">${snapshot && `last update ${age((now - live.at) / 1000)} ago`}</span>
      <span class="spacer"></span>
      <a class="nav" href="review.html">Review tweets</a>
      <select class="window" aria-label="Time range" value=${window} onChange=${(e) => setWindow(e.target.value)}>
        ${Object.entries(WINDOW_NAMES).map(([key, name]) => html`
          <option key=${key} value=${key} selected=${key === window}>last ${name}</option>`)}
      </select>
      <button type="button" class="theme" onClick=${toggle}
        aria-label=${theme === "dark" ? "Switch to light colours" : "Switch to dark colours"}>
        ${theme === "dark" ? "☀" : "☾"}</button>
    </header>`;
}

function App() {
  const route = useRoute();
  const now = useSeconds();
  const [theme, toggle] = useTheme();
  const [window, setWindow] = useState("1h");
  const [chosen, setChosen] = useState([]);
  const live = useLive(window);
  const { snapshot, down } = live;
  const trouble = warning(live);
  const demo = Boolean(snapshot?.demo);
  // Ages are measured on the server's clock; the viewer's may be wrong.
  const serverNow = snapshot ? Date.parse(snapshot.server_time) + (now - live.at) : now;

  useEffect(() => {
    document.body.classList.toggle("demo", demo);
  }, [demo]);

  let view;
  if (route.view === "topic")
    view = html`<${TopicView} key=${route.ids[0]} id=${route.ids[0]} ...${{ window, snapshot, theme }} now=${serverNow} />`;
  else if (route.view === "compare")
    view = html`<${CompareView} ids=${route.ids} ...${{ window, snapshot, theme }} />`;
  else if (snapshot)
    view = html`<${Overview} ...${{ snapshot, chosen, setChosen }} now=${serverNow} />`;
  else view = html`<p class="state">${down ? "The server does not answer." : "Loading…"}</p>`;

  return html`
    <${Header} ...${{ live, now, window, setWindow, theme, toggle }} />
    <div class="warning-slot" role="status" aria-live="polite">
      ${trouble && html`<p class="warning">${trouble}</p>`}
    </div>
    <main>${view}</main>
    <footer>${demo && html`<strong>Demo data.</strong>`} Shares are estimates with 90 % intervals, corrected for the
      model’s known errors. Numbers by <a href="https://github.com/trendvane/trendvane">Trendvane</a>;
      the same as <a href="v1/topics">JSON</a>. The model learns from people:
      ${" "}<a href="review.html">review some tweets</a>.</footer>`;
}

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
