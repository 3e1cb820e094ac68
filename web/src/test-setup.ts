import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

/** What a page does by and by is waited for this long, also on a machine that is busy. */
const WAIT_MS = 5_000;

configure({ asyncUtilTimeout: WAIT_MS });
afterEach(cleanup);
