// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en");
const compactly = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (n) => (n == null ? "–" : whole.format(n));
export const compact = (n) => (n == null ? "–" : n < 10000 ? whole.format(n) : compactly.format(n));

/** 0.4751 -> "48 %" */
export const percent = (share) => `${Math.round(share * 100)} %`;

/** Interval of a share: "46–49 %". */
export const percentRange = (interval) =>
  `${Math.round(interval.low * 100)}–${Math.round(interval.high * 100)} %`;

/** Net sentiment in points from -100 to +100, with a real minus sign. */
export function points(value) {
  const rounded = Math.round(value * 100);
  if (rounded === 0) return "0";
  return rounded > 0 ? `+${rounded}` : `−${-rounded}`;
}

export const pointsRange = (interval) => `${points(interval.low)} to ${points(interval.high)}`;

/** Seconds as an age: "3 s", "4 min", "2 h", "3 d". */
export function age(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

const pad = (n) => String(n).padStart(2, "0");

/** Clock time of the viewer; with the date when it is not today. */
export function clock(stamp, { seconds = false } = {}) {
  const at = new Date(stamp);
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}${seconds ? `:${pad(at.getSeconds())}` : ""}`;
  if (at.toDateString() === new Date().toDateString()) return time;
  return `${at.toLocaleDateString("en", { day: "numeric", month: "short" })}, ${time}`;
}

/** Width of a chart's bin: "2 min", "3 h". */
export function span(seconds) {
  if (seconds < 3600) return `${seconds / 60} min`;
  if (seconds < 86400) return `${seconds / 3600} h`;
  return `${seconds / 86400} d`;
}

export const WINDOW_NAMES = {
  "15m": "15 minutes", "1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days",
};
