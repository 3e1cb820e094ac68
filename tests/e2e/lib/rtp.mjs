import { createSocket } from "node:dgram";
import { once } from "node:events";
import { eventually } from "./eventually.mjs";

const RATE = 8_000;
const FRAME_MS = 20;
const FRAME = (RATE * FRAME_MS) / 1_000;
const HEADER_BYTES = 12;
const AMPLITUDE = 8_000;
const PATIENCE_MS = 15_000;
/** Half a second is listened to. */
const HEARD = RATE / 2;

/** A party of plain RTP with PCMU on a socket of its own: it says one tone and hears. */
export class RtpParty {
  #heard = [];
  #sequence = 1;
  #at = 0;

  constructor(socket) {
    this.socket = socket;
    this.packets = 0;
    socket.on("message", (packet) => this.#hear(packet));
  }

  /** On a port of loopback that the kernel chooses. */
  static async open(address = "127.0.0.1") {
    const socket = createSocket("udp4");
    socket.bind(0, address);
    await once(socket, "listening");
    return new RtpParty(socket);
  }

  /** The media section of the party's description. */
  section(direction = "sendrecv") {
    const { port } = this.socket.address();
    return `m=audio ${port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=${direction}\r\n`;
  }

  /** The party's description. */
  describe(direction) {
    return describe([this.section(direction)], this.socket.address().address);
  }

  /** Begins to say a tone to the audio section of a description that is at this place. */
  speak(hz, sdp, place = 0) {
    const ports = [...sdp.matchAll(/^m=audio (\d+)/gm)].map((match) => Number(match[1]));
    const send = () => this.socket.send(this.#packet(hz), ports[place], "127.0.0.1");
    this.clock = setInterval(send, FRAME_MS);
  }

  /** The sound of the last half second that came. */
  sound() {
    return {
      samples: Float64Array.from(this.#heard.slice(-HEARD)),
      rate: RATE,
    };
  }

  /** Forgets what was heard, and waits until half a second of something else was. */
  async listenUntil(accept, what) {
    this.#heard = [];
    await eventually(
      () => this.sound(),
      (sound) => sound.samples.length === HEARD && accept(sound),
      ({ samples }) => `no ${what} in ${samples.length} samples of ${this.packets} packets`,
      PATIENCE_MS,
    );
  }

  close() {
    clearInterval(this.clock);
    this.socket.close();
  }

  #packet(hz) {
    const packet = Buffer.alloc(HEADER_BYTES + FRAME);
    packet[0] = 0x80;
    packet.writeUInt16BE(this.#sequence & 0xffff, 2);
    packet.writeUInt32BE(this.#at, 4);
    packet.writeUInt32BE(this.socket.address().port, 8);
    for (let n = 0; n < FRAME; n += 1) {
      const phase = (2 * Math.PI * hz * (this.#at + n)) / RATE;
      packet[HEADER_BYTES + n] = muLaw(Math.round(AMPLITUDE * Math.sin(phase)));
    }
    this.#sequence += 1;
    this.#at += FRAME;
    return packet;
  }

  /** RTCP is left out: with its second byte from 192 on it is no RTP of ours. */
  #hear(packet) {
    if (packet.length <= HEADER_BYTES || (packet[1] & 0x7f) !== 0) return;
    this.packets += 1;
    const samples = Array.from(packet.subarray(HEADER_BYTES), linear);
    this.onPacket?.(Float64Array.from(samples));
    this.#heard.push(...samples);
    if (this.#heard.length > 2 * RATE) this.#heard = this.#heard.slice(-RATE);
  }
}

/** A description of these sections. */
export function describe(sections, address = "127.0.0.1") {
  const session = `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\n`;
  return session + sections.join("");
}

/** A sample of 16 bits by the mu-law of G.711. */
function muLaw(sample) {
  const BIAS = 132;
  const magnitude = Math.min(Math.abs(sample), 32_635) + BIAS;
  const exponent = Math.max(0, Math.floor(Math.log2(magnitude)) - 7);
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  const sign = sample < 0 ? 0x80 : 0;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}

/** The sample of a byte by the mu-law, from -1 to 1. */
function linear(byte) {
  const bits = ~byte & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + 132) << ((bits >> 4) & 0x07)) - 132;
  return ((bits & 0x80 ? -1 : 1) * magnitude) / 32_768;
}
