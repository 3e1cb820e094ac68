import type { Plugin } from "vite";

/** Maps the portals' paths to their pages in development, as the gateway does in production. */
const PAGES: Record<string, string> = { "/agent": "/agent.html", "/admin": "/admin.html" };

/**
 * Development only. Serves the portals under their production paths and, when `api` is set,
 * answers `POST /api/session/guest` so that the page can be worked on without a server.
 * The WebSocket stays unanswered, which shows the reconnecting state.
 */
export function fakeApi({ api }: { api: boolean }): Plugin {
  return {
    name: "offhook-fake-api",
    apply: "serve",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = request.url?.split("?")[0] ?? "/";
        const page = PAGES[path];
        if (page) request.url = page;
        if (!api || !path.startsWith("/api/")) return next();
        const found = path === "/api/session/guest" && request.method === "POST";
        response.statusCode = found ? 200 : 404;
        response.setHeader("content-type", found ? "application/json" : "application/problem+json");
        response.end(JSON.stringify(found ? guest() : NOT_FOUND));
      });
    },
  };
}

const NOT_FOUND = {
  type: "about:blank",
  title: "Not found",
  status: 404,
  detail: "The development fake only answers guest sessions.",
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
