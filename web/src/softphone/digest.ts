import { md5 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** The challenge of a 401 or 407 as SIP.js has parsed it. */
export interface Challenge {
  algorithm?: string;
  realm?: string;
  nonce?: string;
  opaque?: string;
  qop?: string | string[];
  stale?: boolean;
}

type Hash = (text: string) => string;

const HASHES: Record<string, Hash> = {
  MD5: (text) => bytesToHex(md5(utf8ToBytes(text))),
  "SHA-256": (text) => bytesToHex(sha256(utf8ToBytes(text))),
};

/**
 * Digest client of RFC 7616 with MD5 and SHA-256 (RFC 8760). SIP.js itself knows MD5 only and
 * gives up on a challenge that names another algorithm. Of several challenges in one response it
 * hands over the last.
 */
export class DigestClient {
  #header: string | null = null;
  #nonce: string | null = null;
  #nonceCount = 0;

  constructor(
    private readonly username: string,
    private readonly password: string,
    private readonly newCnonce: () => string,
  ) {}

  /** Computes the answer to a challenge; false when it cannot be answered. */
  authenticate(request: { method: string; ruri: { toString(): string } }, challenge: Challenge) {
    const algorithm = (challenge.algorithm ?? "MD5").toUpperCase();
    const hash = HASHES[algorithm];
    const { realm, nonce } = challenge;
    const qop = challenge.qop === undefined ? null : [challenge.qop].flat();
    if (!hash || !realm || !nonce || (qop && !qop.includes("auth"))) return false;

    this.#nonceCount = nonce === this.#nonce ? this.#nonceCount + 1 : 1;
    this.#nonce = nonce;
    const nc = this.#nonceCount.toString(16).padStart(8, "0");
    const cnonce = this.newCnonce();
    const uri = request.ruri.toString();
    const ha1 = hash(`${this.username}:${realm}:${this.password}`);
    const ha2 = hash(`${request.method}:${uri}`);
    const response = qop
      ? hash(`${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`)
      : hash(`${ha1}:${nonce}:${ha2}`);
    this.#header = [
      `Digest username=${quoted(this.username)}`,
      `realm=${quoted(realm)}`,
      `nonce=${quoted(nonce)}`,
      `uri=${quoted(uri)}`,
      `response="${response}"`,
      `algorithm=${algorithm}`,
      ...(qop ? [`qop=auth`, `nc=${nc}`, `cnonce="${cnonce}"`] : []),
      ...(challenge.opaque ? [`opaque=${quoted(challenge.opaque)}`] : []),
    ].join(", ");
    return true;
  }

  /** The value of the Authorization or Proxy-Authorization header. */
  toString(): string {
    if (this.#header === null) throw new Error("There is no answered challenge.");
    return this.#header;
  }
}

function quoted(text: string): string {
  return `"${text.replace(/(["\\])/g, "\\$1")}"`;
}
