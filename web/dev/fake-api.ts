import type { Plugin } from "vite";
import { answerDesk } from "./fake-desk.ts";

/** Maps the portals' paths to their pages in development, as the gateway does in production. */
const PAGES: Record<string, string> = { "/agent": "/agent.html", "/admin": "/admin.html" };

/**
 * Development only. Serves the portals under their production paths and, when `api` is set,
 * answers guest sessions and the sign-in as agent 2001 so that the pages can be worked on without a server.
 * The WebSocket stays unanswered, which shows the reconnecting state. `desk` answers what the agent portal
 * asks of a call centre, beside a server or without one.
 */
export function fakeApi({ api, desk }: { api: boolean; desk: boolean }): Plugin {
  return {
    name: "offhook-fake-api",
    apply: "serve",
    configureServer(server) {
      server.middlewares.use(async (request, response, next) => {
        const path = request.url?.split("?")[0] ?? "/";
        const page = PAGES[path];
        if (page) request.url = page;
        if (!path.startsWith("/api/")) return next();
        if (desk && (await answerDesk(request, response))) return;
        if (!api) return next();
        const answer = ANSWERS[`${request.method} ${path}`]?.();
        response.statusCode = answer ? 200 : 404;
        response.setHeader(
          "content-type",
          answer ? "application/json" : "application/problem+json",
        );
        response.end(JSON.stringify(answer ?? NOT_FOUND));
      });
    },
  };
}

const ANSWERS: Record<string, () => object> = {
  "POST /api/session/guest": guest,
  "GET /api/session/sip": () => ({ ...guest(), username: "2001", allowed: null }),
  "POST /api/auth/login": () => ({ role: "supervisor", expires_at: guest().expires_at }),
  "POST /api/auth/logout": () => ({}),
  "GET /api/auth/me": () => ({ username: "2001", role: "supervisor", extension: "2001" }),
};

const NOT_FOUND = {
  type: "about:blank",
  title: "Not found",
  status: 404,
  detail: "The development fake does not answer this.",
};

function guest() {
  return {
    username: "guest-dev",
    password: "dev",
    domain: "offhook.local",
    ws_url: "/ws",
    expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    allowed: ["6000", "9999", "555XXXX", "9195", "9196", "9197", "9664", "1XXX"],
  };
}
