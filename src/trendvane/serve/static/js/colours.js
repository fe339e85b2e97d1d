// Light or dark, as the viewer or the system wants it. What was chosen before is applied by theme.js.
import { useEffect, useState } from "./html.js";
import { remember } from "./memory.js";

const darkPreferred = matchMedia("(prefers-color-scheme: dark)");
const currentTheme = () => document.documentElement.dataset.theme || (darkPreferred.matches ? "dark" : "light");

/** -> [theme, toggle] */
export function useTheme() {
  const [theme, setTheme] = useState(currentTheme);
  useEffect(() => {
    const system = () => setTheme(currentTheme());
    darkPreferred.addEventListener("change", system);
    return () => darkPreferred.removeEventListener("change", system);
  }, []);
  const toggle = () => {
    const next = currentTheme() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    remember("trendvane-theme", next);
    setTheme(next);
  };
  return [theme, toggle];
}
