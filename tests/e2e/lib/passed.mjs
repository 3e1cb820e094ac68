// A party whose sections Offhook passes on as they are: speech in G.729 and a picture in VP8, by its packets.
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { eventually } from "./eventually.mjs";
import { describe } from "./rtp.mjs";
import { Srtp } from "./srtp.mjs";

const HEADER_BYTES = 12;
const FRAME_MS = 20;

/** What is sent in each section, and how many ticks of its clock a packet takes. */
const KINDS = {
  audio: { payloadType: 18, rtpmap: "G729/8000", ticks: 160, bytes: 20 },
  video: { payloadType: 96, rtpmap: "VP8/90000", ticks: 1_800, bytes: 900 },
};

export class PassedParty {
  /** What came that should not have come. */
  faults = [];
  #sections = [];

  constructor(name, isEncrypted) {
    this.name = name;
    this.isEncrypted = isEncrypted;
  }

  static async open(name, { isEncrypted = false, kinds = Object.keys(KINDS) } = {}) {
    const party = new PassedParty(name, isEncrypted);
    for (const kind of kinds) party.#sections.push(await party.#section(kind));
    return party;
  }

  describe() {
    const profile = this.isEncrypted ? "RTP/SAVP" : "RTP/AVP";
    return describe(
      this.#sections.map(({ kind, socket, inline }) => {
        const { payloadType, rtpmap } = KINDS[kind];
        const { port } = socket.address();
        const media = `m=${kind} ${port} ${profile} ${payloadType}\r\n`;
        const crypto = this.isEncrypted ? Srtp.attribute(inline) : "";
        return `${media}a=rtpmap:${payloadType} ${rtpmap}\r\n${crypto}`;
      }),
    );
  }

  /** Begins to send to the sections of a description, in which `partner` is heard. */
  speak(sdp, partner) {
    const media = sdp.split(/^(?=m=)/m).slice(1);
    for (const [place, section] of this.#sections.entries()) {
      section.partner = partner.name;
      section.to = Number(/^m=\w+ (\d+)/.exec(media[place])[1]);
      if (this.isEncrypted) {
        section.sent = new Srtp(section.inline);
        section.received = new Srtp(Srtp.keyOf(media[place]));
      }
      section.clock = setInterval(() => this.#send(section), FRAME_MS);
    }
  }

  /** Waits until so many more packets have come in every section. */
  async hears(count, timeout) {
    const before = this.#sections.map(({ heard }) => heard);
    await eventually(
      () => this.#sections.map(({ heard }, place) => heard - before[place]),
      (heard) => heard.every((packets) => packets >= count),
      (heard) => `${this.name} has heard ${heard} packets of ${count}, ${this.faults}`,
      timeout,
    );
  }

  close() {
    for (const { clock, socket } of this.#sections) {
      clearInterval(clock);
      socket.close();
    }
  }

  async #section(kind) {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const section = { kind, socket, heard: 0, number: 65_400, inline: key(), source: source() };
    socket.on("message", (packet) => this.#hear(section, packet));
    return section;
  }

  #send(section) {
    const { payloadType, ticks, bytes } = KINDS[section.kind];
    const packet = Buffer.alloc(HEADER_BYTES + bytes);
    packet[0] = 0x80;
    packet[1] = payloadType;
    packet.writeUInt16BE(section.number & 0xffff, 2);
    packet.writeUInt32BE((section.number * ticks) % 2 ** 32, 4);
    packet.writeUInt32BE(section.source, 8);
    packet.write(content(this.name, section), HEADER_BYTES);
    section.number += 1;
    section.socket.send(section.sent?.protect(packet) ?? packet, section.to, "127.0.0.1");
  }

  /** RTCP is left out: with its second byte from 192 on it is no RTP of ours. */
  #hear(section, datagram) {
    const { payloadType, bytes } = KINDS[section.kind];
    if ((datagram[1] & 0x7f) !== payloadType) return;
    try {
      const packet = section.received?.unprotect(datagram) ?? datagram;
      const number = packet.readUInt16BE(2);
      const expected = content(section.partner, { kind: section.kind, number });
      const said = packet.toString("utf8", HEADER_BYTES, HEADER_BYTES + expected.length);
      if (said !== expected || packet.length !== HEADER_BYTES + bytes) {
        throw new Error(`${said} came in the place of ${expected}`);
      }
      section.heard += 1;
    } catch (error) {
      this.faults.push(error.message);
    }
  }
}

/** What is in a packet. */
const content = (name, { kind, number }) => `${name} ${kind} ${number & 0xffff};`;
const key = () => randomBytes(30).toString("base64");
const source = () => randomBytes(4).readUInt32BE();
