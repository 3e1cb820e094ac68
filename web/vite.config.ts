import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { fakeApi } from "./dev/fake-api.ts";

const page = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/**
 * `OFFHOOK_URL=http://127.0.0.1:3000 npm run dev` talks to a running Offhook; without it a small fake answers.
 * `OFFHOOK_FAKE_DESK=1` beside it fakes the call centre alone, and calls are real.
 */
const offhook = process.env.OFFHOOK_URL;
const desk = offhook === undefined || process.env.OFFHOOK_FAKE_DESK !== undefined;

export default defineConfig({
  plugins: [react(), fakeApi({ api: offhook === undefined, desk })],
  build: {
    target: "es2022",
    rolldownOptions: {
      input: {
        customer: page("index.html"),
        agent: page("agent.html"),
        admin: page("admin.html"),
      },
    },
  },
  server: offhook
    ? { proxy: { "/api": offhook, "/ws": { target: offhook.replace(/^http/, "ws"), ws: true } } }
    : {},
});
