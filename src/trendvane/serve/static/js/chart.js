// A chart as a component; drawn anew when the data or the colours change.
import { html, useEffect, useRef } from "./html.js";
import { chartIn, palette } from "./charts.js";

export function Chart({ option, data, theme, label, tall }) {
  const node = useRef(null);
  const chart = useRef(null);
  const latest = useRef(null);
  latest.current = () => option(data, palette());

  useEffect(() => {
    let gone = false;
    chartIn(node.current).then((made) => {
      if (gone) return made.dispose();
      chart.current = made;
      made.set(latest.current());
      node.current.dataset.drawn = "yes";
    });
    return () => {
      gone = true;
      if (chart.current) chart.current.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    if (chart.current) chart.current.set(latest.current());
  }, [data, theme]);

  return html`<div ref=${node} class=${`chart ${tall ? "tall" : ""}`} role="img" aria-label=${label}></div>`;
}
