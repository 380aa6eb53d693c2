import { closeSync, copyFileSync, openSync, writeSync } from 'node:fs'
import type { Random } from '../../src/ports/index.js'
import { dataOf } from './block-log.js'
import type { BlockWrite } from './block-log.js'
import { markOf, marksAt } from './recording.js'

/** What becomes of the writes that no flush had confirmed when the power went. */
export const fates = ['none', 'all', 'some', 'first', 'torn'] as const
export type Fate = (typeof fates)[number]

const SECTOR_BYTES = 512

/** A disk as it stands at one moment of the recording. Moments have to be asked for in order. */
export class CrashImages {
  readonly #writes: readonly BlockWrite[]
  readonly #log: number
  readonly #basePath: string
  readonly #base: number
  #flushed = 0

  /** @param basePath an empty disk image that this object fills as it goes */
  constructor(writes: readonly BlockWrite[], log: number, basePath: string) {
    this.#writes = writes
    this.#log = log
    this.#basePath = basePath
    this.#base = openSync(basePath, 'r+')
  }

  /**
   * Makes the image of a power cut right after write `point`: everything before the last flush, and of the rest what `fate` says.
   *
   * @returns how many writes were not confirmed yet
   */
  make(point: number, fate: Fate, into: { readonly path: string; readonly random: Random }): number {
    const from = this.#advance(point)
    copyFileSync(this.#basePath, into.path)
    const open = this.#writes.slice(from, point + 1).filter((write) => write.at < marksAt && !write.isDiscard)
    const image = openSync(into.path, 'r+')
    try {
      open.forEach((write, index) => this.#apply(image, write, { fate, index, count: open.length, random: into.random }))
    } finally {
      closeSync(image)
    }
    return open.filter((write) => !write.isFua).length
  }

  close(): void {
    closeSync(this.#base)
  }

  /** Brings the base up to the last flush at or before `point`. @returns the first write that is not confirmed */
  #advance(point: number): number {
    let last = this.#flushed
    for (let index = this.#flushed; index <= point; index += 1) if (this.#writes[index]?.isFlush === true) last = index
    for (const write of this.#writes.slice(this.#flushed, last)) {
      if (!write.isDiscard && write.at < marksAt) writeSync(this.#base, dataOf(this.#log, write), 0, write.bytes, write.at)
    }
    this.#flushed = last
    return last
  }

  #apply(image: number, write: BlockWrite, how: { fate: Fate; index: number; count: number; random: Random }): void {
    const isKept = write.isFua || keeps(how)
    if (!isKept) return
    const isTorn = how.fate === 'torn' && how.index === how.count - 1 && write.bytes > SECTOR_BYTES
    const sectors = Math.floor(write.bytes / SECTOR_BYTES)
    const bytes = isTorn ? SECTOR_BYTES * (1 + Math.floor(how.random.next() * (sectors - 1))) : write.bytes
    writeSync(image, dataOf(this.#log, write), 0, bytes, write.at)
  }
}

/** The last command that was acknowledged when write `point` was done; −1: none yet. */
export function acknowledgedAt(writes: readonly BlockWrite[], log: number, point: number): number {
  for (let index = point; index >= 0; index -= 1) {
    const write = writes[index]
    if (write === undefined || write.bytes === 0) continue
    const mark = markOf(write.at, () => dataOf(log, write))
    if (mark !== null) return mark
  }
  return -1
}

function keeps(how: { fate: Fate; index: number; count: number; random: Random }): boolean {
  switch (how.fate) {
    case 'none':
      return false
    case 'all':
    case 'torn':
      return true
    case 'some':
      return how.random.next() < 0.5
    case 'first':
      return how.index < how.count / 2
  }
}
