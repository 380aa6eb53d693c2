import { closeSync, fsyncSync, openSync, rmSync, statSync, statfsSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Sql } from './sql.js'
import { PAGE_BYTES, WAL_PAGES, memoryPath } from './open.js'

/** The least budget that leaves room for the WAL beside the file. */
export const BUDGET_BYTES_MIN = 16 * 1024 * 1024
/** Above this part of the budget the oldest records are evicted, down to the second part. */
const EVICT_ABOVE = 0.94
const EVICT_DOWN_TO = 0.88
/** A WAL frame is a page and its header. */
const WAL_BYTES = WAL_PAGES * (PAGE_BYTES + 24)
/** Two and a half days of 2,000 meters, 10 items each, every 15 minutes. */
const LOG_BYTES_MAX = 32 * 1024 * 1024
/** Free pages inside the file that let points in again although the disk is full. */
const FREE_PAGES_FOR_POINTS = 256
/** How often a full disk is looked at again. */
export const RETRY_SPACE_MS = 30_000

export interface SpaceLimits {
  /** File and WAL together never grow beyond this. */
  readonly budgetBytes: number
  /** Kept for money, orders and events when nothing else fits: a file beside the store, and as many pages beyond its limit. */
  readonly reserveBytes: number
}

/**
 * Who may still write. `normal`: everybody. `reserve`: the disk or the budget is full; the reserve was given up, and only
 * money, orders and events write.
 */
export class Space {
  readonly #sql: Sql
  readonly #path: string
  readonly #limits: SpaceLimits
  #level: 'normal' | 'reserve' = 'normal'

  constructor(sql: Sql, path: string, limits: SpaceLimits) {
    if (limits.budgetBytes < BUDGET_BYTES_MIN) {
      throw new RangeError(`the store's budget must be at least ${BUDGET_BYTES_MIN} bytes, got ${limits.budgetBytes}`)
    }
    this.#sql = sql
    this.#path = path
    this.#limits = limits
    this.#level = this.#takeReserve() ? 'normal' : 'reserve'
    this.#limitPages()
  }

  get level(): 'normal' | 'reserve' {
    return this.#level
  }

  /** Points are refused only when the disk is full and eviction left no free pages either. */
  get takesPoints(): boolean {
    return this.#level === 'normal' || this.#freePages() >= FREE_PAGES_FOR_POINTS
  }

  /** Bytes of the file that hold something. */
  get usedBytes(): number {
    return (this.#pages() - this.#freePages()) * PAGE_BYTES
  }

  get fileBytes(): number {
    return this.#pages() * PAGE_BYTES
  }

  /** A log larger than this is packed before its day closes: packing takes memory and room in the file. */
  get logBytesMax(): number {
    return Math.min(LOG_BYTES_MAX, Math.floor(this.#limits.budgetBytes / 8))
  }

  /** Bytes to evict so that the budget holds with `moreBytes` that are about to be written; 0: it does. */
  overBytes(moreBytes = 0): number {
    const limit = this.#limits.budgetBytes - WAL_BYTES
    const used = this.usedBytes + moreBytes
    return used > limit * EVICT_ABOVE ? Math.ceil(used - limit * EVICT_DOWN_TO) : 0
  }

  /** The bytes one eviction tries to free when a commit found the disk full. */
  get roomBytes(): number {
    return Math.max(this.overBytes(), FREE_PAGES_FOR_POINTS * 2 * PAGE_BYTES)
  }

  /** A commit found no room: the reserve is given up. */
  enterReserve(): void {
    this.#level = 'reserve'
    rmSync(this.#reservePath, { force: true })
    this.#limitPages()
  }

  /** @returns true when there is room again for everybody, with the reserve kept anew */
  leaveReserve(): boolean {
    if (this.overBytes() > 0 || this.#diskFree() < this.#limits.reserveBytes + WAL_BYTES) return false
    if (!this.#takeReserve()) return false
    this.#level = 'normal'
    this.#limitPages()
    return true
  }

  get #reservePath(): string {
    return `${this.#path}.reserve`
  }

  #pages(): number {
    return Number(this.#sql.pragma('page_count'))
  }

  #freePages(): number {
    return Number(this.#sql.pragma('freelist_count'))
  }

  #limitPages(): void {
    const { budgetBytes, reserveBytes } = this.#limits
    const bytes = budgetBytes - WAL_BYTES + (this.#level === 'reserve' ? reserveBytes : 0)
    this.#sql.pragma(`max_page_count = ${Math.floor(bytes / PAGE_BYTES)}`)
  }

  #diskFree(): number {
    if (this.#path === memoryPath) return Number.MAX_SAFE_INTEGER
    const { bavail, bsize } = statfsSync(dirname(this.#path))
    return bavail * bsize
  }

  /** Fills the reserve with zeros, so that its blocks are really taken. @returns false when the disk has no room for it */
  #takeReserve(): boolean {
    if (this.#path === memoryPath) return true
    if (sizeOf(this.#reservePath) === this.#limits.reserveBytes) return true
    try {
      const file = openSync(this.#reservePath, 'w', 0o600)
      try {
        const block = Buffer.alloc(64 * 1024)
        for (let at = 0; at < this.#limits.reserveBytes; at += block.length) {
          writeSync(file, block, 0, Math.min(block.length, this.#limits.reserveBytes - at))
        }
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      return true
    } catch (error) {
      if (!isNoSpace(error)) throw error
      rmSync(this.#reservePath, { force: true })
      return false
    }
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? -1
}

function isNoSpace(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}
