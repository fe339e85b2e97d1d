// One person's sitting: which tweets come next, what was said, and how it is taken back.
import { useEffect, useRef, useState } from "./html.js";
import { getJson, sendJson } from "./api.js";

const FEW = 3; // ask for more when no more than this many are left
const START = {
  queues: { uncertain: [], random: [] },
  over: { uncertain: false, random: false },
  said: [],
  error: null,
  busy: false,
};

/**
 * -> {tweet, waiting, over, said, error, busy, answer(label), undo(), again()}
 * `said` holds {tweet, label, mode, reply}, oldest first. A label of null means: cannot tell.
 */
export function useSitting(name, mode, setMode) {
  const [state, setState] = useState(START);
  const busy = useRef(false); // what a second key press sees before the first one is drawn
  const asked = useRef({});
  const change = (more) => setState((old) => ({ ...old, ...(typeof more === "function" ? more(old) : more) }));
  const queue = state.queues[mode];
  const over = state.over[mode];

  useEffect(() => {
    if (!name || over || queue.length > FEW || asked.current[mode] || state.error) return;
    asked.current[mode] = true;
    getJson(`v1/review/next?mode=${mode}&labeller=${encodeURIComponent(name)}`)
      .then(({ tweets }) => change((old) => {
        const seen = new Set([...old.queues[mode], ...old.said.map((entry) => entry.tweet)].map(({ id }) => id));
        const fresh = tweets.filter(({ id }) => !seen.has(id));
        return {
          queues: { ...old.queues, [mode]: [...old.queues[mode], ...fresh] },
          over: { ...old.over, [mode]: fresh.length === 0 },
        };
      }))
      .catch((error) => change({ error: explained(error) }))
      .finally(() => {
        asked.current[mode] = false;
      });
  }, [name, mode, queue.length, over, state.error]);

  async function alone(work) {
    if (busy.current) return;
    busy.current = true;
    change({ busy: true, error: null });
    try {
      await work();
    } catch (error) {
      change({ error: explained(error) });
    } finally {
      busy.current = false;
      change({ busy: false });
    }
  }

  const answer = (label) => queue.length && alone(async () => {
    const [tweet] = queue;
    let reply;
    try {
      reply = await sendJson("PUT", `v1/review/${tweet.id}`, { label, labeller: name, mode });
    } catch (error) {
      // Deleted by its author meanwhile, or moved out of the sample: the next one, please.
      if (error.status === 404 || error.status === 409) change((old) => without(old, mode, tweet));
      throw error;
    }
    change((old) => ({ ...without(old, mode, tweet), said: [...old.said, { tweet, label, mode, reply }] }));
  });

  const undo = () => state.said.length && alone(async () => {
    const entry = state.said[state.said.length - 1];
    try {
      await sendJson("DELETE", `v1/review/${entry.tweet.id}?labeller=${encodeURIComponent(name)}`);
    } catch (error) {
      if (error.status !== 404) throw error; // taken back already
    }
    change((old) => ({
      said: old.said.slice(0, -1),
      queues: { ...old.queues, [entry.mode]: [entry.tweet, ...old.queues[entry.mode]] },
    }));
    setMode(entry.mode);
  });

  const again = () => change((old) => ({ error: null, over: { ...old.over, [mode]: false } }));
  const { said, error } = state;
  return { tweet: queue[0] ?? null, over, said, error, busy: state.busy, answer, undo, again };
}

const without = (old, mode, tweet) => ({
  queues: { ...old.queues, [mode]: old.queues[mode].filter(({ id }) => id !== tweet.id) },
});

function explained(error) {
  if (error.status === 401) return "This server asks for an API key. Reload the page to be asked for it.";
  return error.message;
}
