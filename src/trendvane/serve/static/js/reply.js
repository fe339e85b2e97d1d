// What others said of a tweet, shown once a person has answered.
import { html } from "./html.js";
import { percent } from "./format.js";
import { CLASSES } from "./parts.js";

/** "en" -> "English"; "und" and what no browser knows -> as it is. */
export function languageName(code) {
  if (!code || code === "und") return "unknown language";
  try {
    return new Intl.DisplayNames("en", { type: "language" }).of(code);
  } catch {
    return code;
  }
}

/** Null, from one who could not tell, in words. */
export const verdict = (label) => label ?? "cannot tell";

function Model({ said, label }) {
  if (!said) return html`<dt>Model</dt><dd>has not scored it yet</dd>`;
  return html`
    <dt>Model</dt>
    <dd><span class=${`swatch ${said.label}`}></span>${said.label}, ${percent(said.score)} sure${" "}
      ${label !== null && html`<span class="quiet">(${said.label === label ? "agrees" : "differs"})</span>`}
      <span class="odds" role="img" aria-label=${CLASSES.map(
        (name) => `${name} ${percent(said.probabilities[name])}`).join(", ")}>
        ${CLASSES.map((name) => html`<span key=${name} class=${`segment ${name}`}
          style=${{ width: `${(said.probabilities[name] * 100).toFixed(1)}%` }}></span>`)}
      </span></dd>`;
}

/** Labellers are named "llm:model" and "file:name". */
const called = ({ labeller, kind }) => {
  const name = labeller.replace(/^(llm|file):/, "");
  return kind === "llm" ? `LLM ${name}` : `file ${name}`;
};

export function LastAnswer({ entry }) {
  const { tweet, label, reply } = entry;
  return html`
    <h2>Your last answer: ${label && html`<span class=${`swatch ${label}`}></span>`}${verdict(label)}</h2>
    <p class="last-text"><bdi dir="auto">${tweet.text}</bdi></p>
    <dl>
      <${Model} said=${reply.model} label=${label} />
      ${reply.others.map((other) => html`
        <dt key=${other.labeller}><bdi>${called(other)}</bdi></dt>
        <dd>${other.label && html`<span class=${`swatch ${other.label}`}></span>`}${verdict(other.label)}</dd>`)}
      ${reply.others.length === 0 && html`<dt>LLM</dt><dd class="quiet">has not labelled it</dd>`}
    </dl>`;
}
