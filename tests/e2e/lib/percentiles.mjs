// What a figure is told by.

/** `p50 1.0 ms, p99 2.0 ms, max 3.0 ms` of durations in milliseconds. */
export function percentiles(durations) {
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (part) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))].toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}
