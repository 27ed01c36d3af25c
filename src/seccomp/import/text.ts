import { SeccoError } from '../../lib/errors.js'

function invalidText(where: string, message: string, hint: string): SeccoError {
  return new SeccoError('INVALID_DOCUMENT', `${where}: ${message}`, { field: '', hint })
}

const starts = (bytes: Uint8Array, ...first: number[]) =>
  first.every((byte, index) => bytes[index] === byte)

/**
 * Decodes bytes as UTF-8 with or without a byte order mark; every other encoding is rejected by name, because a
 * guessed encoding would turn the same bytes into other names. INVALID_DOCUMENT, TOO_LARGE.
 */
export function decodeText(bytes: Uint8Array, where: string, most: number): string {
  if (bytes.length > most) {
    throw new SeccoError(
      'TOO_LARGE',
      `${where}: has more than ${most} bytes; at most ${most} are accepted`
    )
  }
  const hint = 'save it as UTF-8, for example with `iconv -t UTF-8`'
  if (starts(bytes, 0xff, 0xfe, 0, 0) || starts(bytes, 0, 0, 0xfe, 0xff)) {
    throw invalidText(where, 'is UTF-32, and UTF-8 is accepted', hint)
  }
  if (starts(bytes, 0xff, 0xfe) || starts(bytes, 0xfe, 0xff)) {
    throw invalidText(where, 'is UTF-16, and UTF-8 is accepted', hint)
  }
  const nul = bytes.indexOf(0)
  if (nul >= 0) {
    const wide = nul < 2 && bytes.length > 3
    const what = wide ? 'looks like UTF-16 or a binary file' : 'is not text'
    throw invalidText(where, `holds a NUL byte at offset ${nul}: it ${what}`, hint)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new SeccoError('INVALID_DOCUMENT', `${where}: is not UTF-8`, { field: '', hint, cause })
  }
}
