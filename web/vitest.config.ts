import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Milliseconds that a test has on a machine that is busy with builds; on an idle one it takes a tenth. */
const TEST_TIMEOUT_MS = 30_000;

export default defineConfig({
  plugins: [react()],
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["./src/test-setup.ts"],
    testTimeout: TEST_TIMEOUT_MS,
  },
});
