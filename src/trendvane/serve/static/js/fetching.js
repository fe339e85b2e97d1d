// JSON that is fetched again whenever something it depends on changes, at most every second and a half.
import { useEffect, useRef, useState } from "./html.js";
import { getJson } from "./api.js";

const PACE_MS = 1500;

/**
 * -> {data, error}. A new `path` starts from nothing; on a new `tick` the old data stay until newer ones come.
 * A request under way is not aborted by a tick: aborting again and again would starve a slow line.
 */
export function useJson(path, tick) {
  const [state, setState] = useState({ path: null, data: null, error: null });
  const wanted = useRef(path);
  const last = useRef({ path: null, at: 0 });
  wanted.current = path;

  useEffect(() => {
    const wait = last.current.path === path ? Math.max(0, last.current.at + PACE_MS - Date.now()) : 0;
    const timer = setTimeout(async () => {
      last.current = { path, at: Date.now() };
      let outcome;
      try {
        outcome = { data: await getJson(path), error: null };
      } catch (error) {
        outcome = { error };
      }
      if (wanted.current !== path) return; // the viewer has moved on
      setState((old) => ({ path, data: old.path === path ? old.data : null, ...outcome }));
    }, wait);
    return () => clearTimeout(timer);
  }, [path, tick]);

  return state.path === path ? state : { path, data: null, error: null };
}
