import { FaultError } from '../model/index.js'
import type { EventFact, Point, RetentionRule, Stamp, Stream, Tombstone } from '../model/index.js'
import { Cursors } from './cursors.js'
import { evict } from './eviction.js'
import { Extents } from './extents.js'
import { Facts, writeBatch } from './facts.js'
import { Names } from './names.js'
import type { NameKind } from './names.js'
import { PointStore, countValues, pointStreams } from './point-store.js'
import { RETRY_SPACE_MS, Space } from './space.js'
import type { SpaceLimits } from './space.js'
import { isDamage, isFull } from './sql.js'
import type { Sql } from './sql.js'

/** Values in the open group after which it commits; the other limit is time and belongs to the adapter. */
export const GROUP_VALUES_MAX = 400
/** A disk that stays full is told again no sooner than this. */
const TELL_FULL_MS = 3_600_000

export type Ends = readonly { readonly stream: Stream; readonly hi: number }[]

/** Nothing more could be written, not even from the reserve. */
export class DiskFullError extends FaultError {
  constructor(cause: unknown) {
    super('store-disk-full', 'the disk is full and the reserve is used up', { cause })
  }
}

/**
 * The transactional heart: holds the open group of points, commits facts together with it, keeps numbers, names and marks in step
 * with what is on the disk, and makes room when there is none.
 */
export class Engine {
  readonly sql: Sql
  readonly names: Names
  readonly points: PointStore
  readonly extents: Extents
  readonly cursors: Cursors
  readonly space: Space
  /** What may be evicted; set with the site's parameters. */
  retention: readonly RetentionRule[] = []
  refusedValues = 0
  #group: Point[] = []
  #groupValues = 0
  #onAppended: (ends: Ends) => void = () => undefined
  #toldFullAt = -Infinity
  #lookedAt = -Infinity
  #refusedBefore = 0
  #isPacking = false

  constructor(sql: Sql, path: string, limits: SpaceLimits) {
    this.sql = sql
    const stored = sql.all<{ id: bigint; kind: NameKind; text: string }>('SELECT id, kind, text FROM name ORDER BY id')
    this.names = new Names(stored.map((row) => ({ id: Number(row.id), kind: row.kind, text: row.text })))
    this.points = new PointStore(sql, this.names)
    this.extents = new Extents(sql, this.points)
    this.cursors = new Cursors(sql)
    this.space = new Space(sql, path, limits)
  }

  onAppended(handler: (ends: Ends) => void): void {
    this.#onAppended = handler
  }

  /** Points taken in and not yet on the disk. */
  get group(): readonly Point[] {
    return this.#group
  }

  get groupValues(): number {
    return this.#groupValues
  }

  /** Takes points into the open group. @returns false when only the reserve is left: they are counted and not kept */
  stage(points: readonly Point[], stamp: Stamp): boolean {
    this.#lookForSpace(stamp)
    const values = points.reduce((sum, point) => sum + countValues(point.values), 0)
    if (!this.space.takesPoints) {
      this.refusedValues += values
      return false
    }
    this.#group.push(...points)
    this.#groupValues += values
    return true
  }

  get isGroupFull(): boolean {
    return this.#groupValues >= GROUP_VALUES_MAX
  }

  /**
   * Makes facts lasting, and the open group with them; marks that only wait for a good moment as well when `withMarks` says so.
   *
   * @throws DiskFullError when not even the reserve holds them; nothing of the facts is stored then
   * @throws FaultError `store-damaged` or `store-write` when the file can no longer be trusted or written
   */
  commit(facts: Facts, options: { readonly withMarks: boolean } = { withMarks: false }): void {
    if (options.withMarks) this.cursors.makeDue()
    if (facts.isEmpty && this.#group.length === 0 && this.cursors.due(facts).length === 0) return
    try {
      this.#write(facts, this.#group)
    } catch (error) {
      if (!isFull(error)) throw fault(error)
      this.#commitWithoutRoom(facts)
    }
    this.#keepBudget(facts.stamp)
  }

  /** Moves the log of both point streams into chunks, at once. */
  pack(): void {
    const steps = this.packing()
    while (steps.next().done !== true);
  }

  /** The same in steps, between which other commands may run. @returns how many points were packed */
  *packing(): Generator<void, number> {
    if (this.#isPacking) return 0
    this.#isPacking = true
    let points = 0
    try {
      for (const stream of pointStreams) {
        const packing = this.points.startPacking(stream)
        if (packing === null) continue
        yield* packing.read()
        if (packing.points > 0) this.sql.transaction(() => packing.write())
        this.points.packed(stream, packing.last)
        points += packing.points
      }
      return points
    } finally {
      this.#isPacking = false
    }
  }

  /** Evicts what is past its days, and what the budget asks for. */
  evict(stamp: Stamp, options: { readonly byAge: boolean; readonly overBytes: number }): readonly Tombstone[] {
    const result = evict(this, { rules: this.retention, stamp, ...options })
    if (result.ends.length > 0) this.#onAppended(result.ends)
    return result.tombstones
  }

  #write(facts: Facts, points: readonly Point[]): void {
    const cursors = this.cursors.due(facts)
    let ends: Ends
    try {
      ends = this.sql.transaction(() => writeBatch(this, { facts, points, cursors }))
    } catch (error) {
      this.names.rolledBack()
      this.points.rolledBack()
      throw error
    }
    this.names.committed()
    this.points.committed()
    if (cursors.length > 0) this.cursors.committed(facts.stamp.monotonicMs)
    this.extents.appended(ends)
    this.#clearGroup()
    this.#onAppended(ends)
  }

  /** Gives up the reserve, evicts, and drops the open group if it still does not fit: money and orders go first. */
  #commitWithoutRoom(facts: Facts): void {
    this.space.enterReserve()
    this.#makeRoom(facts.stamp)
    if (this.space.takesPoints && this.#tried(facts, this.#group)) return
    this.refusedValues += this.#groupValues
    this.#clearGroup()
    this.#tellFull(facts)
    try {
      this.#write(facts, [])
    } catch (error) {
      throw isFull(error) ? new DiskFullError(error) : fault(error)
    }
  }

  #tried(facts: Facts, points: readonly Point[]): boolean {
    try {
      this.#write(facts, points)
      return true
    } catch (error) {
      if (!isFull(error)) throw fault(error)
      return false
    }
  }

  #makeRoom(stamp: Stamp): void {
    try {
      if (this.points.logBytes > this.space.logBytesMax) this.pack()
      this.evict(stamp, { byAge: false, overBytes: this.space.roomBytes })
    } catch (error) {
      if (!isFull(error)) throw fault(error)
    }
  }

  /**
   * The budget is kept by bytes, whatever the clock says: a log that is not closed in time is packed for its size, and what is
   * packed longest goes first.
   */
  #keepBudget(stamp: Stamp): void {
    const isLogLarge = this.points.logBytes > this.space.logBytesMax
    const over = this.space.overBytes(isLogLarge ? this.points.logBytes : 0)
    if (over === 0 && !isLogLarge) return
    try {
      if (over > 0) this.evict(stamp, { byAge: false, overBytes: over })
      if (isLogLarge) this.pack()
    } catch (error) {
      if (!isFull(error)) throw fault(error)
      this.space.enterReserve()
    }
  }

  #lookForSpace(stamp: Stamp): void {
    if (this.space.level === 'normal' || stamp.monotonicMs - this.#lookedAt < RETRY_SPACE_MS) return
    this.#lookedAt = stamp.monotonicMs
    this.#makeRoom(stamp)
    const facts = new Facts(stamp)
    if (this.space.leaveReserve()) {
      const refused = this.refusedValues - this.#refusedBefore
      this.#refusedBefore = this.refusedValues
      this.#toldFullAt = -Infinity
      facts.events.push(spaceEvent('store.space-recovered', 'info', { refusedValues: refused }))
    } else if (!this.space.takesPoints) {
      this.#tellFull(facts)
    }
    if (!facts.isEmpty) this.#tried(facts, [])
  }

  #tellFull(facts: Facts): void {
    if (facts.stamp.monotonicMs - this.#toldFullAt < TELL_FULL_MS) return
    this.#toldFullAt = facts.stamp.monotonicMs
    const refused = this.refusedValues - this.#refusedBefore
    facts.events.push(spaceEvent('store.disk-full', 'alarm', { refusedValues: refused, fileBytes: this.space.fileBytes }))
  }

  #clearGroup(): void {
    this.#group = []
    this.#groupValues = 0
  }
}

function spaceEvent(code: string, severity: EventFact['severity'], detail: EventFact['detail']): EventFact {
  return { code, severity, detail }
}

function fault(error: unknown): Error {
  if (error instanceof FaultError) return error
  if (isDamage(error)) return new FaultError('store-damaged', `the store's file is damaged: ${String(error)}`, { cause: error })
  if (error instanceof Error) return error
  return new FaultError('store-write', String(error))
}
