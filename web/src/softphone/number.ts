/** The longest number that is dialled. */
export const NUMBER_LENGTH_MAX = 32;

/**
 * Reads what people type or paste into a number field: "555-1234", "+49 (30) 12 34 56",
 * "tel:+1-555-0100;phone-context=x", "sip:6000@example.org". Returns null when it is not a number.
 */
export function readNumber(input: string): string | null {
  const text = input.normalize("NFKC").trim();
  const uri = /^(?:tel|sips?):(?:\/\/)?([^@;?]*)/i.exec(text);
  const candidate = uri ? decode(uri[1] ?? "") : text;
  const number = candidate.replace(/[\s\u200B-\u200F\u202A-\u202E().\-\u2010-\u2015/]/g, "");
  const valid = /^\+?[0-9*#]+$/.test(number) && number.length <= NUMBER_LENGTH_MAX;
  return valid ? number : null;
}

/** Drops the characters that cannot be part of a number while it is typed. */
export function typedNumber(input: string): string {
  if (/^(tel|sips?):/i.test(input.trim())) return readNumber(input) ?? input;
  return input
    .normalize("NFKC")
    .replace(/[^0-9*#+()\s./\-\u2010-\u2015]/g, "")
    .slice(0, 2 * NUMBER_LENGTH_MAX);
}

/** The keys of a telephone that can be sent as DTMF. */
export const DTMF_KEYS = "0123456789*#";

export function isDtmfKey(key: string): boolean {
  return key.length === 1 && DTMF_KEYS.includes(key);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
