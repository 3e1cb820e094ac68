// SRTP with AES_CM_128_HMAC_SHA1_80 (RFC 3711), for parties of the tests.
import { createCipheriv, createHmac } from "node:crypto";

const SUITE = "AES_CM_128_HMAC_SHA1_80";
const KEY_BYTES = 16;
const SALT_BYTES = 14;
const TAG_BYTES = 10;
const HEADER_BYTES = 12;

/** One direction of media under one key, in base64 as `a=crypto` has it. */
export class Srtp {
  #cipherKey;
  #authKey;
  #salt;
  /** The highest index of each source, and every one that was seen. */
  #highest = new Map();
  #seen = new Set();

  constructor(inline) {
    const master = Buffer.from(inline, "base64");
    const key = master.subarray(0, KEY_BYTES);
    const salt = master.subarray(KEY_BYTES, KEY_BYTES + SALT_BYTES);
    const derive = (label, length) => {
      const iv = Buffer.concat([salt, Buffer.alloc(2)]);
      iv[7] ^= label;
      return createCipheriv("aes-128-ctr", key, iv).update(Buffer.alloc(length));
    };
    this.#cipherKey = derive(0, KEY_BYTES);
    this.#authKey = derive(1, 20);
    this.#salt = derive(2, SALT_BYTES);
  }

  /** The key that a description offers us, or that we offer. */
  static keyOf(sdp) {
    return new RegExp(`a=crypto:\\d+ ${SUITE} inline:([A-Za-z0-9+/=]+)`).exec(sdp)?.[1];
  }

  static attribute(inline) {
    return `a=crypto:1 ${SUITE} inline:${inline}\r\n`;
  }

  protect(packet) {
    const index = this.#index(packet);
    const sealed = Buffer.concat([packet.subarray(0, HEADER_BYTES), this.#crypt(packet, index)]);
    return Buffer.concat([sealed, this.#tag(sealed, index)]);
  }

  /**
   * The packet in the clear. One that is not authentic throws, and so does one whose number was there before:
   * it would be a key stream that is used twice.
   */
  unprotect(packet) {
    const index = this.#index(packet);
    const sealed = packet.subarray(0, packet.length - TAG_BYTES);
    if (!this.#tag(sealed, index).equals(packet.subarray(-TAG_BYTES))) {
      throw new Error(`packet ${index} is not authentic`);
    }
    const name = `${packet.readUInt32BE(8)} ${index}`;
    if (this.#seen.has(name)) throw new Error(`packet ${name} came twice`);
    this.#seen.add(name);
    return Buffer.concat([sealed.subarray(0, HEADER_BYTES), this.#crypt(sealed, index)]);
  }

  /** The index next to the highest one (RFC 3711 3.3.1). */
  #index(packet) {
    const [ssrc, number] = [packet.readUInt32BE(8), packet.readUInt16BE(2)];
    const highest = this.#highest.get(ssrc) ?? number;
    const rollovers = Math.floor(highest / 65_536);
    const near = [rollovers - 1, rollovers, rollovers + 1].map((n) => n * 65_536 + number);
    const distance = (index) => Math.abs(index - highest);
    const index = near
      .filter((candidate) => candidate >= 0)
      .reduce((best, candidate) => (distance(candidate) < distance(best) ? candidate : best));
    this.#highest.set(ssrc, Math.max(highest, index));
    return index;
  }

  #crypt(packet, index) {
    const iv = Buffer.concat([this.#salt, Buffer.alloc(2)]);
    const mask = Buffer.alloc(16);
    packet.copy(mask, 4, 8, 12);
    mask.writeUIntBE(index, 8, 6);
    for (let at = 0; at < iv.length; at += 1) iv[at] ^= mask[at];
    return createCipheriv("aes-128-ctr", this.#cipherKey, iv).update(packet.subarray(HEADER_BYTES));
  }

  #tag(sealed, index) {
    const rollovers = Buffer.alloc(4);
    rollovers.writeUInt32BE(Math.floor(index / 65_536));
    const hmac = createHmac("sha1", this.#authKey).update(sealed).update(rollovers);
    return hmac.digest().subarray(0, TAG_BYTES);
  }
}
