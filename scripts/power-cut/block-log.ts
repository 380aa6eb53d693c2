import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const SECTOR_BYTES = 512
const MAGIC = 0x6a736677736872n
const flushFlag = 1n
const fuaFlag = 2n
const discardFlag = 4n

/** One write (or flush, or discard) as it reached the disk, in order. */
export interface BlockWrite {
  /** Where on the disk, bytes. */
  readonly at: number
  readonly bytes: number
  /** Where its data stand in the log file. */
  readonly dataAt: number
  /** Everything before it is on the disk. */
  readonly isFlush: boolean
  /** It is itself on the disk when it is done. */
  readonly isFua: boolean
  readonly isDiscard: boolean
}

/** Reads the log of a `blklogwrites` block device (the format of dm-log-writes). @throws Error when it is no such log */
export function readBlockLog(path: string): readonly BlockWrite[] {
  const file = openSync(path, 'r')
  try {
    const size = fstatSync(file).size
    const read = (at: number): Buffer => {
      const header = Buffer.alloc(SECTOR_BYTES)
      readSync(file, header, 0, SECTOR_BYTES, at)
      return header
    }
    const head = read(0)
    if (head.readBigUInt64LE(0) !== MAGIC) throw new Error(`${path} is no log of block writes`)
    const count = Number(head.readBigUInt64LE(16))
    const unit = head.readUInt32LE(24)
    const writes: BlockWrite[] = []
    let at = unit
    for (let index = 0; index < count && at + SECTOR_BYTES <= size; index += 1) {
      const header = read(at)
      const flags = header.readBigUInt64LE(16)
      const bytes = Number(header.readBigUInt64LE(8)) * unit
      const isDiscard = (flags & discardFlag) !== 0n
      const write = {
        ...{ at: Number(header.readBigUInt64LE(0)) * unit, bytes, dataAt: at + unit, isDiscard },
        ...{ isFlush: (flags & flushFlag) !== 0n, isFua: (flags & fuaFlag) !== 0n },
      }
      writes.push(write)
      at = write.dataAt + (isDiscard ? 0 : bytes)
    }
    return writes
  } finally {
    closeSync(file)
  }
}

/** The data of one write. */
export function dataOf(log: number, write: BlockWrite): Buffer {
  const data = Buffer.alloc(write.bytes)
  readSync(log, data, 0, write.bytes, write.dataAt)
  return data
}
