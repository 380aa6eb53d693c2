import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import type { Desk } from './desk.js'
import { earliest } from './effects.js'
import type { Command, CommandResult, Procedure } from './procedure.js'

/** Several commands that belong together. */
export interface Task {
  /** One of a name at a time. */
  readonly name: string
  /** The lower first. */
  readonly rank: number
  /** Nothing is read meanwhile, and no other task asks anything. */
  readonly isExclusive: boolean
  readonly run: () => Procedure
}

interface Running {
  readonly task: Task
  procedure: Procedure | null
  wish:
    | { readonly name: 'queued' | 'asked' }
    | { readonly name: 'asking'; readonly command: Command }
    | { readonly name: 'waiting'; readonly until: MonotonicMs; readonly isOver: () => boolean }
}

/** What the conductor asks before it lets a task on. */
export interface Gate {
  /** No read is under way. */
  readonly isDrained: () => boolean
  /** A command may leave now. */
  readonly mayAsk: (isExclusive: boolean) => boolean
}

/** Lets procedures take turns at the one place where commands leave. */
export class Conductor {
  readonly #desk: Desk
  readonly #gate: Gate
  #running: Running[] = []
  #asked: Running | null = null

  constructor(desk: Desk, gate: Gate) {
    this.#desk = desk
    this.#gate = gate
  }

  /** @returns false: one of this name is there already */
  add(task: Task): boolean {
    if (this.has(task.name)) return false
    this.#running.push({ task, procedure: null, wish: { name: 'queued' } })
    this.#running.sort((a, b) => a.task.rank - b.task.rank)
    return true
  }

  has(name: string): boolean {
    return this.#running.some(({ task }) => task.name === name)
  }

  /** Somebody wants the line, or has it, for himself. */
  get holdsReads(): boolean {
    return this.#running.some(({ task }) => task.isExclusive)
  }

  /** Who has it. */
  get exclusive(): string | null {
    return this.#exclusive()?.task.name ?? null
  }

  /** Whether a command waits to leave. */
  get wantsToAsk(): boolean {
    return this.#nextToAsk() !== null
  }

  get due(): MonotonicMs | null {
    return earliest(...this.#running.map(({ wish }) => (wish.name === 'waiting' ? wish.until : null)))
  }

  /** Whoever asked the command is given its result. */
  answer(result: CommandResult, now: MonotonicMs): void {
    const asked = this.#asked
    this.#asked = null
    if (asked !== null) this.#advance(asked, result, now)
  }

  /** Lets everybody go on as far as possible now. */
  pump(now: MonotonicMs): void {
    while (this.#begin(now) || this.#endWaits(now));
    if (this.#desk.isBusy) return
    const next = this.#nextToAsk()
    if (next === null || next.wish.name !== 'asking' || !this.#gate.mayAsk(next.task.isExclusive)) return
    const { command } = next.wish
    next.wish = { name: 'asked' }
    this.#asked = next
    this.#desk.start(command, now)
  }

  /** All tasks are forgotten, half done or not. */
  clear(now: MonotonicMs): void {
    const running = this.#running
    this.#running = []
    this.#asked = null
    this.#desk.clear(now)
    for (const { procedure } of running) procedure?.return()
  }

  #begin(now: MonotonicMs): boolean {
    const exclusive = this.#exclusive()
    if (exclusive !== null) return false
    const next = this.#running.find(
      ({ procedure, task }) => procedure === null && (!task.isExclusive || (this.#asked === null && this.#gate.isDrained())),
    )
    if (next === undefined) return false
    next.procedure = next.task.run()
    this.#advance(next, null, now)
    return true
  }

  #endWaits(now: MonotonicMs): boolean {
    const over = this.#running.find(({ wish }) => wish.name === 'waiting' && (now >= wish.until || wish.isOver()))
    if (over === undefined) return false
    this.#advance(over, null, now)
    return true
  }

  #advance(running: Running, result: CommandResult | null, now: MonotonicMs): void {
    const next = running.procedure?.next(result)
    if (next === undefined || next.done === true) {
      this.#running = this.#running.filter((other) => other !== running)
      return
    }
    const wish = next.value
    running.wish =
      wish.kind === 'ask'
        ? { name: 'asking', command: wish.command }
        : { name: 'waiting', until: monotonicMs(now + wish.ms), isOver: wish.isOver ?? never }
  }

  #exclusive(): Running | null {
    return this.#running.find(({ task, procedure }) => task.isExclusive && procedure !== null) ?? null
  }

  #nextToAsk(): Running | null {
    const exclusive = this.#exclusive()
    const candidates = exclusive === null ? this.#running : [exclusive]
    return candidates.find(({ wish }) => wish.name === 'asking') ?? null
  }
}

const never = (): boolean => false
