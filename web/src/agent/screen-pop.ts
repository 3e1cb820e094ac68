/** What an address may name of a call. */
export interface PopValues {
  number: string;
  call: string;
  queue: string;
}

/**
 * The address for a call: `{number}`, `{call}` and `{queue}` stand for what is known of it. Null when it is
 * not an address of the web, which alone may be opened.
 */
export function screenPopUrl(template: string, values: PopValues): string | null {
  const filled = template.replace(/\{(number|call|queue)\}/g, (_, name: keyof PopValues) =>
    encodeURIComponent(values[name]),
  );
  const url = URL.parse(filled);
  return url && /^https?:$/.test(url.protocol) ? url.href : null;
}
