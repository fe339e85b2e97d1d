// Labelling tweets, one after another, by keys or buttons.
import { html, render, useEffect, useRef, useState } from "./html.js";
import { useTheme } from "./colours.js";
import { clock, count } from "./format.js";
import { recall, remember } from "./memory.js";
import { CLASSES, Name } from "./parts.js";
import { LastAnswer, languageName } from "./reply.js";
import { useSitting } from "./sitting.js";

const MODES = {
  uncertain: ["Most uncertain first", "To teach the model",
    "The tweets the model doubts most, from the training sample. They are hard on purpose, so your answers train " +
    "the model and never count as a measurement of it."],
  random: ["At random", "To measure the model",
    "Chance picks, from the validation sample. Your answers count towards the accuracy on the front page and " +
    "check the LLM that labels. Take what comes: picking would spoil the measurement."],
};
const KEYS = { 1: "negative", n: "negative", 2: "neutral", 0: "neutral", 3: "positive", p: "positive", s: null };
const NAME = /^(?! )[\p{L}\p{N}_ .@-]{1,40}(?<! )$/u;

function Header({ demo, name, rename }) {
  const [theme, toggle] = useTheme();
  return html`
    <header class="top">
      <a class="brand" href="./"><img src="favicon.svg" alt="" width="26" height="26" /> Trendvane</a>
      ${demo && html`<span class="pill demo-pill">demo data</span>`}
      <span class="spacer"></span>
      <a class="nav" href="./">All topics</a>
      ${name && html`<span class="who">You are <strong><bdi>${name}</bdi></strong>
        <button type="button" class="plain" onClick=${rename}>change</button></span>`}
      <button type="button" class="theme" onClick=${toggle}
        aria-label=${theme === "dark" ? "Switch to light colours" : "Switch to dark colours"}>
        ${theme === "dark" ? "☀" : "☾"}</button>
    </header>`;
}

function AskName({ give }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const field = useRef(null);
  useEffect(() => field.current.focus(), []);
  const submit = (event) => {
    event.preventDefault();
    const tidy = text.normalize("NFC").trim().replace(/ +/g, " ");
    if (NAME.test(tidy)) give(tidy);
    else setWrong(true);
  };
  return html`
    <form class="ask" onSubmit=${submit}>
      <h2><label for="labeller">Who is labelling?</label></h2>
      <p>Your name or initials are stored with each label, so that labels of different people can be compared. This
        browser remembers them.</p>
      <div class="ask-row">
        <input id="labeller" ref=${field} value=${text} maxlength="40" autocomplete="nickname" spellcheck="false"
          aria-describedby="labeller-help" aria-invalid=${wrong ? "true" : null}
          onInput=${(event) => setText(event.target.value)} />
        <button type="submit" class="button">Start</button>
      </div>
      <small id="labeller-help" role=${wrong ? "alert" : null} class=${wrong ? "wrong" : ""}>
        1 to 40 letters, digits, spaces, and . @ _ - between them.</small>
    </form>`;
}

function Modes({ mode, setMode }) {
  return html`
    <div class="modes" role="toolbar" aria-label="Which tweets">
      ${Object.entries(MODES).map(([key, [title, purpose, text]]) => html`
        <button key=${key} type="button" class="mode" data-mode=${key} aria-pressed=${String(key === mode)}
          onClick=${() => setMode(key)}>
          <span class="mode-head"><strong>${title}</strong> <span class="purpose">${purpose}</span></span>
          <span class="mode-text">${text}</span>
        </button>`)}
    </div>`;
}

function Tweet({ tweet }) {
  const card = useRef(null);
  // Whoever comes with a screen reader starts at the tweet, and afterwards stays at their button.
  useEffect(() => {
    if (document.activeElement === document.body) card.current.focus();
  }, []);
  return html`
    <article class="tweet" tabindex="-1" ref=${card} aria-label="Tweet to label" aria-live="polite" aria-atomic="true"
      data-tweet=${tweet.id}>
      <p class="tweet-text"><bdi dir="auto">${tweet.text}</bdi></p>
      <p class="tweet-facts">${tweet.topic && html`<span>On <strong><${Name} text=${tweet.topic} /></strong></span>`}
        <span>${languageName(tweet.lang)}</span><span>${clock(tweet.created_at)}</span></p>
    </article>`;
}

function Buttons({ sitting }) {
  const off = String(sitting.busy);
  return html`
    <div class="answers" role="toolbar" aria-label="How does its author feel?">
      ${CLASSES.map((name, place) => html`
        <button key=${name} type="button" class=${`answer ${name}`} aria-disabled=${off}
          onClick=${() => sitting.answer(name)}><kbd aria-hidden="true">${place + 1}</kbd> ${name}</button>`)}
    </div>
    <div class="answers-more">
      <button type="button" class="plain" aria-disabled=${off} onClick=${() => sitting.answer(null)}>
        <kbd aria-hidden="true">S</kbd> cannot tell, skip</button>
      <${Undo} sitting=${sitting} />
    </div>`;
}

const Undo = ({ sitting }) => html`
  <button type="button" class="plain" aria-disabled=${String(sitting.busy || !sitting.said.length)}
    onClick=${sitting.undo}><kbd aria-hidden="true">U</kbd> undo</button>`;

function Nothing({ mode, sitting }) {
  const heading = useRef(null);
  useEffect(() => heading.current.focus(), []);
  const sample = mode === "random" ? "validation" : "training";
  return html`
    <div class="state">
      <strong tabindex="-1" ref=${heading}>Nothing to label here.</strong> Every scored tweet of the last four weeks
      in the ${sample} sample is labelled, or none has been collected yet. The sample grows as tweets come in.
      <div class="state-actions">
        <button type="button" class="button" onClick=${sitting.again}>Look again</button>
        ${sitting.said.length > 0 && html`<${Undo} sitting=${sitting} />`}
      </div>
    </div>`;
}

function Progress({ said }) {
  const of = (label) => said.filter((entry) => entry.label === label).length;
  const labelled = said.length - of(null);
  return html`
    <p class="progress"><strong>${count(labelled)}</strong> labelled in this sitting${labelled > 0 && html`:
      ${CLASSES.map((name) => html`${" "}<span key=${name} class="tally"><span class=${`swatch ${name}`}></span>
        ${of(name)} ${name}</span>`)}`}${of(null) > 0 && ` · ${of(null)} skipped`}</p>`;
}

function Help({ keys, setKeys }) {
  return html`
    <section class="help" aria-labelledby="help-title">
      <h2 id="help-title">How to judge</h2>
      <ul>
        <li>Say how the <strong>author</strong> feels about the matter, as far as the words show it; not whether you
          agree, and not whether the news is good or bad.</li>
        <li><strong>Neutral</strong>: no feeling to be seen, such as news, questions and adverts; or good and bad in
          balance.</li>
        <li>Sarcasm counts as what is meant. If you cannot tell, skip: a guess teaches the wrong thing.</li>
      </ul>
      <p>What the model and the LLM said is shown <strong>after</strong> your answer. Seen before, it would pull your
        answer towards it, and the agreement that is measured would be worth little.</p>
      <p class="keys"><kbd>1</kbd> <kbd>N</kbd> negative · <kbd>2</kbd> <kbd>0</kbd> neutral · <kbd>3</kbd>
        ${" "}<kbd>P</kbd> positive · <kbd>S</kbd> skip · <kbd>U</kbd> undo · <kbd>M</kbd> other mode</p>
      <label class="keys-switch"><input type="checkbox" role="switch" checked=${keys}
        onChange=${(event) => setKeys(event.target.checked)} /> Answer with single keys</label>
    </section>`;
}

/** Calls the newest `act` for each key that is no typing, no shortcut of the browser and no key held down. */
function useKeys(on, act) {
  const latest = useRef(null);
  latest.current = on ? act : () => false;
  useEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (event.target instanceof Element && event.target.closest("input:not([type=checkbox]), textarea, select"))
        return;
      if (latest.current(event.key.toLowerCase())) event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

function Desk({ name, setDemo }) {
  const [mode, choose] = useState(() => (recall("trendvane-review-mode") === "random" ? "random" : "uncertain"));
  const [keys, switchKeys] = useState(() => recall("trendvane-review-keys") !== "off");
  const setMode = (next) => {
    remember("trendvane-review-mode", next);
    choose(next);
  };
  const setKeys = (next) => {
    remember("trendvane-review-keys", next ? null : "off");
    switchKeys(next);
  };
  const sitting = useSitting(name, mode, setMode);
  const { tweet, over, said, error } = sitting;
  useEffect(() => {
    if (tweet) setDemo(tweet.source !== "x");
  }, [tweet]);
  useKeys(keys, (key) => {
    if (Object.hasOwn(KEYS, key)) sitting.answer(KEYS[key]);
    else if (key === "u") sitting.undo();
    else if (key === "m") setMode(mode === "random" ? "uncertain" : "random");
    else return false;
    return true;
  });
  const last = said[said.length - 1];
  return html`
    <${Modes} mode=${mode} setMode=${setMode} />
    <div role="alert">${error && html`<p class="warning">${error}
      ${!tweet && html` <button type="button" class="plain" onClick=${sitting.again}>Try again</button>`}</p>`}</div>
    ${tweet ? html`<${Tweet} key="tweet" tweet=${tweet} /><${Buttons} sitting=${sitting} />`
      : over ? html`<${Nothing} key=${mode} mode=${mode} sitting=${sitting} />`
        : !error && html`<p class="state">Loading…</p>`}
    <div class="last" role="status" aria-live="polite">${last && html`<${LastAnswer} entry=${last} />`}</div>
    <${Progress} said=${said} />
    <${Help} keys=${keys} setKeys=${setKeys} />`;
}

function App() {
  const [name, setName] = useState(() => {
    const known = recall("trendvane-labeller");
    return known && NAME.test(known) ? known : null;
  });
  const [demo, setDemo] = useState(false);
  useEffect(() => {
    document.body.classList.toggle("demo", demo);
  }, [demo]);
  const give = (given) => {
    remember("trendvane-labeller", given);
    setName(given);
  };
  return html`
    <${Header} demo=${demo} name=${name} rename=${() => give(null)} />
    <main class="review">
      <h1>Review tweets</h1>
      <p class="quiet">Read a tweet and say how its author feels. Your answers teach the model, or measure it.</p>
      ${name ? html`<${Desk} key=${name} name=${name} setDemo=${setDemo} />` : html`<${AskName} give=${give} />`}
    </main>
    <footer>Labels are stored with your name in this server’s warehouse, and in the data sets that models are trained on.</footer>`;
}

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
