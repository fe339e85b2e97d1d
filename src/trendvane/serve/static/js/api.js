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
export async function getJson(path) {
  let response;
  try {
    response = await request(path);
  } catch {
    throw new ApiError(0, "The server does not answer.");
  }
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
