/** What the peer connection measures of the sound, both ways. Null means not measured (yet). */
export interface Quality {
  codec: string | null;
  packetsSent: number | null;
  packetsReceived: number | null;
  packetsLost: number | null;
  /** Share of the packets of the last interval that were lost on the way here, in percent. */
  lossPercent: number | null;
  /** The same for what the other side receives, from its reports. */
  remoteLossPercent: number | null;
  jitterMs: number | null;
  roundTripMs: number | null;
  jitterBufferMs: number | null;
  kbitPerSecondIn: number | null;
  kbitPerSecondOut: number | null;
  security: string | null;
  path: string | null;
  sample: QualitySample;
}

/** Counters kept from one reading to the next. */
export interface QualitySample {
  atMs: number;
  received: number;
  lost: number;
  bytesIn: number;
  bytesOut: number;
  bufferDelay: number;
  bufferCount: number;
}

type Report = Record<string, unknown> & { type: string };

export async function readQuality(
  connection: RTCPeerConnection,
  previous: QualitySample | null,
): Promise<Quality> {
  const stats = await connection.getStats();
  const reports = new Map<string, Report>();
  stats.forEach((value: Report, id: string) => {
    reports.set(id, value);
  });
  return qualityFrom(reports, previous);
}

export function qualityFrom(reports: Map<string, Report>, previous: QualitySample | null): Quality {
  const find = (type: string) =>
    [...reports.values()].find((report) => report.type === type && report.kind === "audio");
  const inbound = find("inbound-rtp");
  const outbound = find("outbound-rtp");
  const remoteInbound = find("remote-inbound-rtp");
  const transport = [...reports.values()].find((report) => report.type === "transport");
  const pair = reports.get(String(transport?.selectedCandidatePairId));
  const sample = sampleOf(inbound, outbound);
  const interval = previous ?? { ...sample, received: 0, lost: 0 };
  const seconds = (sample.atMs - interval.atMs) / 1000;
  const arrived = sample.received - interval.received;
  const lost = Math.max(0, sample.lost - interval.lost);
  const buffered = sample.bufferCount - interval.bufferCount;
  return {
    codec: codecName(reports.get(String((inbound ?? outbound)?.codecId))),
    packetsSent: number(outbound?.packetsSent),
    packetsReceived: number(inbound?.packetsReceived),
    packetsLost: number(inbound?.packetsLost),
    lossPercent: arrived + lost > 0 ? (100 * lost) / (arrived + lost) : null,
    remoteLossPercent: scaled(remoteInbound?.fractionLost, 100),
    jitterMs: scaled(inbound?.jitter, 1000),
    roundTripMs: scaled(remoteInbound?.roundTripTime ?? pair?.currentRoundTripTime, 1000),
    jitterBufferMs:
      buffered > 0 ? (1000 * (sample.bufferDelay - interval.bufferDelay)) / buffered : null,
    kbitPerSecondIn: rate(sample.bytesIn - interval.bytesIn, seconds),
    kbitPerSecondOut: rate(sample.bytesOut - interval.bytesOut, seconds),
    security: securityName(transport),
    path: pathName(pair, reports),
    sample,
  };
}

function sampleOf(inbound: Report | undefined, outbound: Report | undefined): QualitySample {
  return {
    atMs: number(inbound?.timestamp) ?? number(outbound?.timestamp) ?? 0,
    received: number(inbound?.packetsReceived) ?? 0,
    lost: number(inbound?.packetsLost) ?? 0,
    bytesIn: number(inbound?.bytesReceived) ?? 0,
    bytesOut: number(outbound?.bytesSent) ?? 0,
    bufferDelay: number(inbound?.jitterBufferDelay) ?? 0,
    bufferCount: number(inbound?.jitterBufferEmittedCount) ?? 0,
  };
}

function codecName(codec: Report | undefined): string | null {
  if (typeof codec?.mimeType !== "string") return null;
  const clock = number(codec.clockRate);
  const name = codec.mimeType.replace(/^audio\//i, "");
  return clock ? `${name}, ${clock / 1000} kHz` : name;
}

function securityName(transport: Report | undefined): string | null {
  if (transport?.dtlsState !== "connected") return null;
  const cipher = typeof transport.srtpCipher === "string" ? transport.srtpCipher : "";
  // RFC 5764 names such as SRTP_AES128_CM_HMAC_SHA1_80 are long; the first words say enough.
  const short = /AEAD_AES_\d+_GCM|AES_?\d+_CM|AES_CM_\d+/.exec(cipher)?.[0] ?? cipher;
  return `DTLS-SRTP ${short.replace("AEAD_", "").replaceAll("_", "-")}`.trim();
}

function pathName(pair: Report | undefined, reports: Map<string, Report>): string | null {
  const local = reports.get(String(pair?.localCandidateId));
  const remote = reports.get(String(pair?.remoteCandidateId));
  if (!local || !remote) return null;
  return `${String(local.protocol).toUpperCase()}, ${local.candidateType} to ${remote.candidateType}`;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function scaled(value: unknown, factor: number): number | null {
  const plain = number(value);
  return plain === null ? null : plain * factor;
}

function rate(bytes: number, seconds: number): number | null {
  return seconds > 0 && bytes >= 0 ? (8 * bytes) / 1000 / seconds : null;
}
