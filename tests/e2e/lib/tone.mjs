// Tones made and measured: audio is judged by its content.

/** 0 dBm0 is 3.14 dB below a full-scale sine (ITU-T G.711). */
const DBM0_OFFSET_DB = 3.14;

/** The peak amplitude, relative to full scale, of a sine of `dbm0`. */
export function amplitudeOf(dbm0) {
  return 10 ** ((dbm0 - DBM0_OFFSET_DB) / 20);
}

/** Samples of a sum of sines, `amplitude` each. */
export function tone(frequencies, { seconds, rate, amplitude = 0.25 }) {
  const samples = new Float32Array(Math.round(seconds * rate));
  for (const hz of [frequencies].flat()) {
    for (let n = 0; n < samples.length; n += 1) {
      samples[n] += amplitude * Math.sin((2 * Math.PI * hz * n) / rate);
    }
  }
  return samples;
}

/** A mono 16-bit WAV file. */
export function wav(samples, rate) {
  const bytes = Buffer.alloc(44 + 2 * samples.length);
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(36 + 2 * samples.length, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(2 * rate, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(2 * samples.length, 40);
  samples.forEach((sample, n) => {
    const clipped = Math.max(-1, Math.min(1, sample));
    bytes.writeInt16LE(Math.round(clipped * 32767), 44 + 2 * n);
  });
  return bytes;
}

/**
 * Reads one channel of a 16-bit PCM WAV. Of a file that is `growing` the size in the header is not
 * believed.
 */
export function readWav(bytes, { growing = false, channel = 0 } = {}) {
  let offset = 12;
  let format = { channels: 1, rate: 8000, bits: 16 };
  while (offset + 8 <= bytes.length) {
    const id = bytes.toString("latin1", offset, offset + 4);
    const size = bytes.readUInt32LE(offset + 4);
    const body = offset + 8;
    if (id === "fmt ") {
      format = {
        channels: bytes.readUInt16LE(body + 2),
        rate: bytes.readUInt32LE(body + 4),
        bits: bytes.readUInt16LE(body + 14),
      };
    }
    if (id === "data")
      return {
        rate: format.rate,
        samples: pcm(bytes, body, growing ? 0 : size, { ...format, channel }),
      };
    offset = body + size + (size % 2);
  }
  if (growing) return { rate: format.rate, samples: new Float32Array(0) };
  throw new Error("the WAV file has no data chunk");
}

function pcm(bytes, start, size, { channels, bits, channel }) {
  if (bits !== 16) throw new Error(`${bits} bits per sample are not supported`);
  const end = size > 0 ? Math.min(bytes.length, start + size) : bytes.length;
  const frame = 2 * channels;
  const samples = new Float32Array(Math.floor((end - start) / frame));
  for (let n = 0; n < samples.length; n += 1) {
    samples[n] = bytes.readInt16LE(start + n * frame + 2 * channel) / 32768;
  }
  return samples;
}

/** Mean power of the samples, relative to a full-scale square wave. */
export function power(samples) {
  return samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
}

/** The amplitude of one frequency (Goertzel, with a Hann window against leakage). */
export function amplitudeAt(samples, rate, hz) {
  const omega = (2 * Math.PI * hz) / rate;
  const coefficient = 2 * Math.cos(omega);
  let s1 = 0;
  let s2 = 0;
  for (let n = 0; n < samples.length; n += 1) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / samples.length);
    const s0 = samples[n] * window + coefficient * s1 - s2;
    s2 = s1;
    s1 = s0;
  }
  const squared = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
  // The window halves the amplitude.
  return (4 * Math.sqrt(Math.max(0, squared))) / samples.length;
}

/** The share of all power that one frequency holds, 0 to 1. */
export function share(samples, rate, hz) {
  const total = power(samples);
  return total === 0 ? 0 : Math.min(1, amplitudeAt(samples, rate, hz) ** 2 / 2 / total);
}

/** The level of one frequency in dBm0. */
export function levelDbm0(samples, rate, hz) {
  return 20 * Math.log10(amplitudeAt(samples, rate, hz) + 1e-9) + DBM0_OFFSET_DB;
}

/** The level of everything in dBm0, as that of a sine of the same power. */
export function totalDbm0(samples) {
  return 10 * Math.log10(2 * power(samples) + 1e-12) + DBM0_OFFSET_DB;
}
