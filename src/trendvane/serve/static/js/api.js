// Talking to the server. Everything stays on this origin; where the server wants a key, the browser asks for it.

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const request = (path, options = {}) =>
  fetch(path, { ...options, cache: "no-store", credentials: "same-origin" });

/** GET JSON, or throw an ApiError whose message can be shown. */
export const getJson = (path) => answered(path);

/** Have something done with a JSON body or none; -> JSON, null where the answer is empty. Throws as getJson. */
export const sendJson = (method, path, body) =>
  answered(path, body === undefined
    ? { method }
    : { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

async function answered(path, options) {
  let response;
  try {
    response = await request(path, options);
  } catch {
    throw new ApiError(0, "The server does not answer.");
  }
  if (response.status === 204) return null;
  if (response.ok) return response.json();
  let message = `The server answered ${response.status}.`;
  try {
    const problem = await response.json();
    if (typeof problem.detail === "string") message = problem.detail;
  } catch {
    // A body that is not JSON adds nothing to the status.
  }
  throw new ApiError(response.status, message);
}
