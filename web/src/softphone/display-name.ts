/** A name as it stands between the quotes of a SIP header (RFC 3261 25.1, quoted-string). */
export function quotedName(name: string): string {
  return name
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim()
    .replace(/["\\]/g, "\\$&");
}

/** The name that a quoted string stands for. */
export function unquotedName(text: string): string {
  return text.replace(/\\(.)/g, "$1");
}
