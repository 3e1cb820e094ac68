// The server's API as a program uses it: sign in once, then ask.
import assert from "node:assert/strict";

export class Api {
  /** Signs in with the demo's password of that user. */
  static async signIn(server, username) {
    const api = new Api();
    api.server = server;
    const credentials = { username, password: `demo-${username}` };
    const answer = await api.ask("POST", "auth/login", { body: credentials });
    assert.equal(answer.status, 200);
    api.token = (await answer.json()).token;
    return api;
  }

  /** The answer to a request under /api/; `body` is sent as JSON. */
  ask(method, path, { headers = {}, body } = {}) {
    return fetch(new URL(`api/${path}`, this.server.portal), {
      method,
      headers: {
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...(body ? { "content-type": "application/json" } : {}),
        ...headers,
      },
      body: body && JSON.stringify(body),
    });
  }

  /** What an answer of 200 holds. */
  async get(path) {
    const answer = await this.ask("GET", path);
    assert.equal(answer.status, 200, path);
    return answer.json();
  }
}
