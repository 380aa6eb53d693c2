import { closeSync, copyFileSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
/** Copies of a damaged WAL are overwritten by the next one. */
const KEPT_SUFFIX = '.set-aside-wal'

/**
 * Looks for commits behind a break of the write-ahead log. SQLite ignores everything from the first bad frame on, silently: right
 * for the unfinished end that a power cut leaves, which holds at most the one transaction that was being written; wrong for a
 * flipped bit in the middle, which hides commits that were acknowledged.
 *
 * @returns what is wrong, or null when nothing can be missing
 */
export function findWalDamage(walPath: string): string | null {
  if (!existsSync(walPath)) return null
  const file = openSync(walPath, 'r')
  try {
    return inspect((at, length) => {
      const bytes = Buffer.alloc(length)
      return readSync(file, bytes, 0, length, at) === length ? bytes : null
    }, fstatSync(file).size)
  } finally {
    closeSync(file)
  }
}

/** Keeps a copy of the damaged log beside the store before SQLite truncates it. */
export function keepWal(path: string): void {
  copyFileSync(`${path}-wal`, path + KEPT_SUFFIX)
}

type Read = (at: number, length: number) => Buffer | null

function inspect(read: Read, size: number): string | null {
  const header = read(0, HEADER_BYTES)
  if (header === null || header.every((byte) => byte === 0)) return null
  const magic = header.readUInt32BE(0)
  const isKnown = magic === 0x377f0682 || magic === 0x377f0683
  const pageBytes = header.readUInt32BE(8)
  const isSound = isKnown && pageBytes >= 512 && pageBytes <= 65536
  const sum: Sum = [0, 0]
  const isBig = magic === 0x377f0683
  if (isSound) addTo(sum, header.subarray(0, 24), isBig)
  if (!isSound || sum[0] !== header.readUInt32BE(24) || sum[1] !== header.readUInt32BE(28)) {
    return size > HEADER_BYTES + FRAME_HEADER_BYTES ? 'the header of the write-ahead log is damaged' : null
  }
  return walk(read, size, { header, sum, isBig, pageBytes })
}

function walk(read: Read, size: number, wal: { header: Buffer; sum: Sum; isBig: boolean; pageBytes: number }): string | null {
  const salts = wal.header.readBigUInt64BE(16)
  const frameBytes = FRAME_HEADER_BYTES + wal.pageBytes
  let isValid = true
  let hidden = 0
  for (let at = HEADER_BYTES; at + frameBytes <= size; at += frameBytes) {
    const frame = read(at, frameBytes)
    if (frame === null) break
    const isOurs = frame.readBigUInt64BE(8) === salts
    if (isValid) {
      addTo(wal.sum, frame.subarray(0, 8), wal.isBig)
      addTo(wal.sum, frame.subarray(FRAME_HEADER_BYTES), wal.isBig)
      isValid = isOurs && wal.sum[0] === frame.readUInt32BE(16) && wal.sum[1] === frame.readUInt32BE(20)
    }
    if (!isValid && isOurs && frame.readUInt32BE(4) !== 0) hidden += 1
  }
  return hidden > 1 ? `${hidden} commits stand behind a break of the write-ahead log` : null
}

type Sum = [number, number]

/** SQLite's running checksum over 32-bit words, in the byte order that the magic names. */
function addTo(sum: Sum, bytes: Buffer, isBig: boolean): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    sum[0] = (sum[0] + view.getUint32(at, !isBig) + sum[1]) >>> 0
    sum[1] = (sum[1] + view.getUint32(at + 4, !isBig) + sum[0]) >>> 0
  }
}
