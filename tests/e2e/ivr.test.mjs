// Real clients in the menus of 9999: three levels down and back, wrong keys and silence. Every prompt is a
// tone of its own, so that what is heard says where the caller is.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Api } from "./lib/api.mjs";
import { dial, hearsTone, idle, launch, listenUntil, open, phase, signIn } from "./lib/browser.mjs";
import { start, stop } from "./lib/child.mjs";
import { Pjsua } from "./lib/pjsua.mjs";
import { RtpParty } from "./lib/rtp.mjs";
import { Server } from "./lib/server.mjs";
import { callAndPress } from "./lib/sipp-keys.mjs";
import { tone } from "./lib/tone.mjs";

const NUMBER = "sip:9999@offhook.local";
/** The prompts, in Hz. No two keys' tones and no microphone is near. */
const HZ = {
  main: 600,
  two: 740,
  three: 860,
  invalid: 420,
  silence: 1100,
  news: 1850,
  hook: 2100,
};
const LONG_MS = 3_000;
const SHORT_MS = 1_200;
/** Down through three levels and back, the key and what is heard after it. */
const WAY = [
  ["3", HZ.two],
  ["3", HZ.three],
  ["#", HZ.three],
  ["*", HZ.two],
  ["*", HZ.main],
  ["7", HZ.invalid],
];

const prompt = (hz, ms = LONG_MS) => `tone:${hz},${ms}`;
const goTo = (kind, to) => ({ action: "go_to", parameters: { kind, to } });
const back = { action: "back" };

function menu(id, options) {
  return {
    id,
    greeting: prompt(HZ[id]),
    invalid: prompt(HZ.invalid, SHORT_MS),
    timeout: prompt(HZ.silence, SHORT_MS),
    timeout_ms: 1_000,
    inter_digit_ms: 1_000,
    timeout_retries: 1,
    options,
  };
}

async function putMenus(server, webhook) {
  const api = await Api.signIn(server, "admin");
  const put = async (method, path, body) => {
    const answer = await api.ask(method, path, { body });
    assert.ok(answer.ok, `${method} ${path}: ${await answer.text()}`);
  };
  const collect = {
    ...{
      prompt: prompt(HZ.silence),
      variable: "customer",
      digits_min: 1,
      digits_max: 4,
    },
    ...{ webhook, otherwise: { kind: "menu", to: "two" } },
  };
  await put("POST", "ivr/menus", menu("three", { "*": back, "#": { action: "repeat" } }));
  await put("POST", "ivr/menus", menu("two", { 3: goTo("menu", "three"), "*": back }));
  await put(
    "PUT",
    "ivr/menus/main",
    menu("main", {
      ...{
        3: goTo("menu", "two"),
        4: { action: "dial_extension", parameters: { digits_max: 4 } },
      },
      ...{
        5: { action: "collect", parameters: collect },
        6: goTo("extension", "1009"),
      },
      ...{ 8: { action: "say", parameters: prompt(HZ.news) } },
    }),
  );
  return api;
}

/** Presses keys and listens, whatever the client is. */
async function walk(listen, press) {
  await listen(HZ.main);
  for (const [key, hz] of WAY) {
    await press(key);
    await listen(hz);
  }
  await listen(HZ.main);
}

/** A webhook that answers with a target; what it was asked is kept. */
async function webhook() {
  const asked = [];
  const hook = { asked, answer: { kind: "play", to: prompt(HZ.hook) } };
  const http = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    asked.push(JSON.parse(body));
    if (hook.answer) response.end(JSON.stringify(hook.answer));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  hook.url = `http://127.0.0.1:${http.address().port}/next`;
  hook.close = () => {
    http.closeAllConnections();
    http.close();
  };
  return hook;
}

describe("9999", () => {
  let server;
  let api;
  let hook;
  before(async () => {
    server = await Server.start({
      env: { OFFHOOK_MEDIA__INBAND_DTMF: "always" },
    });
    hook = await webhook();
    api = await putMenus(server, hook.url);
  });
  after(async () => {
    await server?.stop();
    hook?.close();
  });

  async function phone(options, body) {
    const number = options.number ?? "1003";
    const caller = await Pjsua.start({
      ...{
        number,
        password: `demo-${number}`,
        server: server.urls.sip_udp,
        address: "127.0.0.5",
      },
      ...{ codecs: ["PCMU"], microphone: 250, ...options },
    });
    const listen = (hz) => caller.listenUntil(hearsTone(hz), `${hz} Hz`);
    try {
      await body(caller, listen);
    } finally {
      await caller.stop();
    }
  }

  it("from the portal in Chromium, by its keypad", async () => {
    const chromium = await launch({ microphone: 250 });
    try {
      const { page } = await open(chromium.browser, `${server.portal}agent`);
      await signIn(page, "2001", "demo-2001");
      await dial(page, "9999");
      await phase(page, "active");
      await page.getByRole("button", { name: "Keypad" }).click();
      const keypad = page.getByLabel("Keypad for this call");
      const listen = (hz) => listenUntil(page, hearsTone(hz), `${hz} Hz`);
      const press = (key) => keypad.locator(`[data-key="${key}"]`).click({ delay: 50 });
      await walk(listen, press);
      // And silence until the menu gives up.
      await listen(HZ.silence);
      await idle(page, 30_000);
    } finally {
      await chromium.close();
    }
  });

  for (const [name, way] of [
    ["telephone-events", "press"],
    ["INFO", "pressByInfo"],
  ]) {
    it(`from PJSIP, by ${name}, until silence ends the call`, async () => {
      await phone({}, async (caller, listen) => {
        await caller.dial(NUMBER);
        await walk(listen, (key) => caller[way](key));
        await listen(HZ.silence);
        await caller.state("DISCONNECTED", 30_000);
      });
    });
  }

  it("from PJSIP, by tones in the audio", async () => {
    const rate = 16_000;
    // The key 3, once in five seconds.
    const key = tone([697, 1477], { seconds: 0.15, rate });
    const sound = new Float32Array(5 * rate);
    sound.set(key, 4 * rate);
    await phone({ microphone: sound }, async (caller, listen) => {
      await caller.dial(NUMBER);
      await listen(HZ.main);
      await listen(HZ.two);
      await listen(HZ.three);
      await caller.hangUp();
      await caller.state("DISCONNECTED");
    });
  });

  it("from sipp, by INFO", async () => {
    const party = await RtpParty.open("127.0.0.1");
    const folder = await mkdtemp(join(tmpdir(), "offhook-sipp-"));
    const file = join(folder, "menu.xml");
    await writeFile(file, callAndPress(party.socket.address().port, ["3", "3", "*", "7"], 2_000));
    const sipp = start(
      "sipp",
      [server.urls.sip_udp, "-sf", file, "-s", "9999", "-i", "127.0.0.2", "-m", "1", "-nostdin"],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    const ended = once(sipp, "exit");
    try {
      for (const hz of [HZ.main, HZ.two, HZ.three, HZ.two, HZ.invalid]) {
        await party.listenUntil(hearsTone(hz), `${hz} Hz`);
      }
      const [code] = await ended;
      assert.equal(code, 0, "sipp was answered as it expected");
    } finally {
      await stop(sipp);
      party.close();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("leads to an extension that is dialled, and back when nobody answers", async () => {
    await phone({}, async (caller, listen) => {
      await caller.dial(NUMBER);
      await listen(HZ.main);
      // 1009 has no device.
      await caller.press("6");
      await listen(HZ.main);
      await phone(
        {
          ...{ number: "1002", address: "127.0.0.4" },
          ...{ answer: "auto", microphone: 500 },
        },
        async (callee) => {
          await caller.press("4");
          await caller.press("1002");
          await callee.state("CONFIRMED");
          await listen(500);
          await caller.hangUp();
          await callee.state("DISCONNECTED");
        },
      );
    });
  });

  it("asks a webhook, and goes the default way when it says nothing", async () => {
    await phone({}, async (caller, listen) => {
      await caller.dial(NUMBER);
      await listen(HZ.main);
      await caller.press("5");
      await listen(HZ.silence);
      await caller.press("1234");
      await listen(HZ.hook);
      const [asked] = hook.asked;
      assert.deepEqual(
        [asked.caller, asked.dialled, asked.menu, asked.variables],
        ["1003", "9999", "main", { customer: "1234" }],
      );
      await caller.state("DISCONNECTED");
      hook.answer = null;
      await caller.dial(NUMBER);
      await listen(HZ.main);
      await caller.press("5");
      await caller.press("77#");
      await listen(HZ.two);
      await caller.hangUp();
    });
    const metrics = await (await fetch(new URL("metrics", server.portal))).text();
    assert.match(metrics, /offhook_ivr_webhook_failures_total\{why="timeout"\} 1/);
  });

  it("is changed on the API from the next call on", async () => {
    await phone({}, async (caller, listen) => {
      await caller.dial(NUMBER);
      await listen(HZ.main);
      const answer = await api.ask("PATCH", "ivr/menus/two", {
        body: { greeting: prompt(950) },
      });
      assert.equal(answer.status, 200);
      await caller.press("3");
      await listen(HZ.two);
      await caller.hangUp();
      await caller.state("DISCONNECTED");
      await caller.dial(NUMBER);
      await listen(HZ.main);
      await caller.press("3");
      await listen(950);
      await caller.hangUp();
    });
  });
});
