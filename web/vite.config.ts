import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { fakeApi } from "./dev/fake-api.ts";

const page = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** `OFFHOOK_URL=http://127.0.0.1:3000 npm run dev` talks to a running Offhook; without it a small fake answers. */
const offhook = process.env.OFFHOOK_URL;

export default defineConfig({
  plugins: [react(), fakeApi({ api: offhook === undefined })],
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
