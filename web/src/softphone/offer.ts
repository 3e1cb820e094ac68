import type { QueueOffer } from "./line.ts";

/** The longest name of a queue that is shown. */
const QUEUE_NAME_LENGTH_MAX = 80;

interface Headers {
  getHeader(name: string): string | undefined;
}

/** The server's name for the call that a message belongs to. */
export function callRefOf(message: Headers): string | null {
  return message.getHeader("X-Offhook-Call")?.trim() || null;
}

/** The queue that offers a call, as the INVITE tells of it. */
export function queueOf(message: Headers): QueueOffer | null {
  const id = message.getHeader("X-Offhook-Queue")?.trim();
  if (!id) return null;
  const name = unquoted(message.getHeader("X-Offhook-Queue-Name")?.trim() ?? "");
  const waited = Number(message.getHeader("X-Offhook-Waited") ?? 0);
  return {
    id,
    name: name.slice(0, QUEUE_NAME_LENGTH_MAX) || id,
    waitedSeconds: Number.isFinite(waited) && waited > 0 ? Math.floor(waited) : 0,
    callback: message.getHeader("X-Offhook-Callback")?.trim() || null,
  };
}

/** Whether an INVITE orders the telephone to answer by itself. */
export function isAutoAnswer(message: Headers): boolean {
  return /;\s*info\s*=\s*"?alert-autoanswer/i.test(message.getHeader("Alert-Info") ?? "");
}

function unquoted(text: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(text)?.[1];
  return quoted === undefined ? text : quoted.replace(/\\(.)/g, "$1");
}
