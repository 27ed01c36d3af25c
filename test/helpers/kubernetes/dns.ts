/** Type A and class IN (RFC 1035, 3.2.2 and 3.2.4). */
const typeA = 1
const classIn = 1
const headerBytes = 12
/** Pointer to the name of the question, which starts right after the header (RFC 1035, 4.1.4). */
const pointer = 0xc000 | headerBytes
const nameError = 3

/** The question's name in lower case and where its type begins; undefined when it is no plain question. */
function readQuestion(message: Buffer): { name: string; at: number } | undefined {
  if (message.length < headerBytes || message.readUInt16BE(4) !== 1) return undefined
  const labels: string[] = []
  let at = headerBytes
  for (;;) {
    const length = message[at]
    if (length === undefined || length > 63) return undefined
    at += 1
    if (length === 0) break
    labels.push(message.toString('latin1', at, at + length))
    at += length
  }
  return at + 4 > message.length ? undefined : { name: labels.join('.').toLowerCase(), at }
}

/**
 * Answers one DNS question from a table of addresses: A records with a time to live of 0, nothing for other
 * types of a known name, NXDOMAIN for unknown ones. @returns undefined for what is no question.
 */
export function answerDns(
  message: Buffer,
  addressesOf: (name: string) => readonly string[] | undefined
): Buffer | undefined {
  const question = readQuestion(message)
  if (question === undefined) return undefined
  const addresses = addressesOf(question.name)
  const type = message.readUInt16BE(question.at)
  const answers = type === typeA ? (addresses ?? []) : []
  const header = Buffer.alloc(headerBytes)
  message.copy(header, 0, 0, 2)
  // Response, authoritative; whether recursion was asked for is given back.
  header.writeUInt16BE(
    0x8400 | (message.readUInt16BE(2) & 0x0100) | (addresses === undefined ? nameError : 0),
    2
  )
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(answers.length, 6)
  const records = answers.map((address) => {
    const record = Buffer.alloc(16)
    record.writeUInt16BE(pointer, 0)
    record.writeUInt16BE(typeA, 2)
    record.writeUInt16BE(classIn, 4)
    record.writeUInt16BE(4, 10)
    address.split('.').forEach((part, at) => record.writeUInt8(Number(part), 12 + at))
    return record
  })
  return Buffer.concat([header, message.subarray(headerBytes, question.at + 4), ...records])
}
