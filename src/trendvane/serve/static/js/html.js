// One place where the view library is bound, so that the other modules import a single thing.
// Templates make text nodes out of values: names and tweets, which strangers write, are never read as HTML.
import { h, render } from "../vendor/preact.js";
import { useEffect, useMemo, useRef, useState } from "../vendor/preact-hooks.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
export { render, useEffect, useMemo, useRef, useState };
