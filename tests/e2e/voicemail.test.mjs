// Messages that real phones leave and hear: what was said is what is heard.
import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe } from "node:test";
import { Api } from "./lib/api.mjs";
import { hearsTone } from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { BARESIP_HZ, baresip, phoneTest, pjsip, server, uri } from "./lib/phones.mjs";
import { readWav, share } from "./lib/tone.mjs";

const BEEP_HZ = 1_000;
const PATIENCE_MS = 60_000;
/** Three seconds of 16-bit PCM at 8 kHz. */
const SPOKEN_BYTES = 3 * 8_000 * 2;

const hears = (hz) => (heard) => share(heard.samples, heard.rate, hz) > 0.8;

/** The files of messages. */
async function files() {
  const folder = join(server.dataDir, "recordings");
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.filter((name) => /-v\d+\.wav$/.test(name)).map((name) => join(folder, name));
}

/** Waits until the phone was asked to speak and has been recorded for a while; then it hangs up. */
async function leaveMessage(phone) {
  await phone.listenUntil(hearsTone(BEEP_HZ), "the tone", PATIENCE_MS);
  const length = async () => {
    const sizes = (await files()).map(async (file) => (await stat(file)).size);
    return Math.max(0, ...(await Promise.all(sizes)));
  };
  const missing = (bytes) => `only ${bytes} bytes were recorded\n${server.log}`;
  await eventually(length, (bytes) => bytes > SPOKEN_BYTES, missing, PATIENCE_MS);
  await phone.hangUp();
}

/** The only message of a mailbox, once it is there. */
async function message(api, mailbox) {
  const { items } = await eventually(
    () => api.get(`voicemails?mailbox=${mailbox}`),
    ({ items }) => items.length > 0,
    () => `there is no message\n${server.log}`,
    PATIENCE_MS,
  );
  assert.equal(items.length, 1);
  return items[0];
}

describe("voicemail", () => {
  phoneTest("6000 takes a message when nobody is there, and the API plays it", async () => {
    const caller = await baresip("1001", { codecs: ["PCMU"] });
    await caller.dial(uri("6000"));
    await caller.event("CALL_ESTABLISHED");
    await leaveMessage(caller);
    const agent = await Api.signIn(server, "2001");
    const left = await message(agent, "reception");
    assert.deepEqual([left.number, left.heard], ["1001", false]);
    assert.ok(left.duration_s > 2 && left.duration_s < 60, `${left.duration_s} s`);
    const answer = await agent.ask("GET", `voicemails/${left.id}/audio`);
    assert.equal(answer.status, 200);
    const { samples, rate } = readWav(Buffer.from(await answer.arrayBuffer()));
    const second = samples.subarray(rate, 2 * rate);
    assert.ok(hears(BARESIP_HZ)({ samples: second, rate }), "the message holds what was said");
    const deleted = await agent.ask("DELETE", `voicemails/${left.id}`);
    assert.equal(deleted.status, 204);
    assert.deepEqual(await files(), []);
  });

  phoneTest("a phone shows that a message waits, and that it was heard", async () => {
    const admin = await Api.signIn(server, "admin");
    const owner = await pjsip("1002", { mwi: true });
    await owner.shows("Messages-Waiting: no");
    const forward = { always: { kind: "voicemail", to: "1002" } };
    const changed = await admin.ask("PATCH", "extensions/1002", { body: { forward } });
    assert.equal(changed.status, 200, await changed.text());
    const caller = await baresip("1001", { codecs: ["PCMU"] });
    await caller.dial(uri("1002"));
    await caller.event("CALL_ESTABLISHED");
    await leaveMessage(caller);
    await owner.shows("Messages-Waiting: yes");
    const { id } = await message(admin, "1002");
    const heard = await admin.ask("PATCH", `voicemails/${id}`, { body: { heard: true } });
    assert.equal(heard.status, 200, await heard.text());
    await owner.shows("Voice-Message: 0/1");
  });

  phoneTest("an extension's message is heard by *98 and deleted by a key", async () => {
    const admin = await Api.signIn(server, "admin");
    const forward = { no_answer: { kind: "voicemail", to: "1002" } };
    const changed = await admin.ask("PATCH", "extensions/1002", { body: { forward } });
    assert.equal(changed.status, 200, await changed.text());
    const caller = await baresip("1001", { codecs: ["PCMU"] });
    await caller.dial(uri("1002"));
    await caller.event("CALL_ESTABLISHED");
    await leaveMessage(caller);
    const left = await message(admin, "1002");

    const owner = await pjsip("1002", { mwi: true });
    await owner.shows("Voice-Message: 1/0");
    await owner.dial(uri("*98"));
    await owner.state("CONFIRMED");
    await owner.listenUntil(hearsTone(BARESIP_HZ), "the message", PATIENCE_MS);
    await owner.press("7");
    await eventually(
      () => admin.ask("GET", `voicemails/${left.id}`),
      ({ status }) => status === 404,
      () => `the message is still there\n${server.log}`,
      PATIENCE_MS,
    );
    await owner.state("DISCONNECTED", PATIENCE_MS);
    await owner.shows("Voice-Message: 0/0");
    await eventually(
      files,
      (left) => left.length === 0,
      () => "its file stays",
      PATIENCE_MS,
    );
  });
});
