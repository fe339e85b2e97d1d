// Server-Sent Events over fetch. EventSource would be shorter, but it hides the status of a refusal (401, 503)
// and gives up for good after one.
import { request } from "./api.js";

const RETRY_MS = 2000;
// The server says something at least every 15 s; a line quiet for longer is dead even if no error was raised.
const SILENCE_MS = 25000;

/** Split a stream of text into events {event, data}; returns the unfinished rest. */
export function readEvents(buffer, handle) {
  const blocks = buffer.split("\n\n");
  const rest = blocks.pop();
  for (const block of blocks) {
    let event = "message";
    const data = [];
    for (const line of block.split("\n")) {
      if (line.startsWith("event:")) event = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
    }
    if (data.length) handle(event, data.join("\n"));
  }
  return rest;
}

/**
 * Follow the live snapshots of a window until the returned function is called.
 * on.snapshot(object), on.trouble(text), on.down({status}) are called as things happen.
 */
export function follow(window, on) {
  let stopped = false;
  let abort = new AbortController();
  let watchdog = 0;
  let retry = 0;

  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
  };

  async function session() {
    abort = new AbortController();
    alive();
    const response = await request(`v1/live?window=${encodeURIComponent(window)}`, {
      signal: abort.signal,
      headers: { Accept: "text/event-stream" },
    });
    if (!response.ok) return response.status;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 0;
      alive();
      rest = readEvents(rest + value, (event, data) => {
        if (stopped) return;
        if (event === "snapshot") on.snapshot(JSON.parse(data));
        else if (event === "trouble") on.trouble(JSON.parse(data).detail);
      });
    }
  }

  async function loop() {
    while (!stopped) {
      let status = 0;
      try {
        status = await session();
      } catch {
        // The network failed or the watchdog fired; both mean: not connected.
      }
      clearTimeout(watchdog);
      if (stopped) return;
      on.down({ status });
      await new Promise((resolve) => {
        retry = setTimeout(resolve, RETRY_MS);
      });
    }
  }

  loop();
  return () => {
    stopped = true;
    clearTimeout(watchdog);
    clearTimeout(retry);
    abort.abort();
  };
}
