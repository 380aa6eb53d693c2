import type { MonotonicMs } from '../../src/model/index.js'
import type { Clock, Link, Log, ModemLines, Random, Timers } from '../../src/ports/index.js'
import { linkFailed, linkHeard, linkOpened, openTimeoutMs, type LinkHealth } from './link-health.js'
import { LinkLog } from './link-log.js'

export type WriteResult = ReturnType<Link['write']>

/** One open port or connection. When it is lost it is dropped, never used again. */
export interface Channel {
  write(bytes: Uint8Array): WriteResult
  /** Absent where there are none. */
  setLines?(lines: ModemLines): Promise<WriteResult>
  /** Calls `done` once the port is free again. */
  close(done: () => void): void
}

/** What an attempt to open tells; each attempt gets events of its own, and late ones of an abandoned attempt go nowhere. */
export interface ChannelEvents {
  opened(channel: Channel): void
  bytes(bytes: Uint8Array): void
  /** The attempt failed, or the open channel is gone. */
  lost(code: string, message: string): void
}

export interface LinkWorld {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
}

export interface ReopeningLinkOptions extends LinkWorld {
  /** How the link is called in logs. */
  readonly name: string
  readonly byteMs: number
  /**
   * Requests without any byte in return for so long: opened anew, and again after twice as long up to an hour; 0: never. Of a link
   * that is supervised only whether it is 0 counts: then `reopen` does nothing.
   */
  readonly staleMs: number
  /** Starts an attempt; what it returns gives the attempt up. */
  readonly open: (events: ChannelEvents) => () => void
}

/** A connection without any answer is made anew once in so long at least. */
const staleMsMax = 3_600_000

/** Keeps one channel open: opens, notices loss, opens again with a growing pause, until closed. */
export class ReopeningLink implements Link {
  readonly byteMs: number
  readonly #options: ReopeningLinkOptions
  readonly #log: LinkLog
  #health: LinkHealth = { name: 'stopped' }
  #channel: Channel | null = null
  #generation = 0
  #unansweredSince: MonotonicMs | null = null
  #staleTimes = 0
  #isSupervised = false
  #cancelTimer: () => void = () => {}
  #abandon: () => void = () => {}
  #toldCode = ''
  #onBytes: (bytes: Uint8Array) => void = () => {}
  #onState: (open: boolean, code: string) => void = () => {}

  constructor(options: ReopeningLinkOptions) {
    this.#options = options
    this.byteMs = options.byteMs
    this.#log = new LinkLog(options.log, options.clock, { link: options.name })
  }

  readonly isOpen = (): boolean => this.#channel !== null

  /** Where the link stands, for a technician. */
  health(): LinkHealth {
    return this.#health
  }

  write(bytes: Uint8Array): WriteResult {
    if (this.#channel === null) return { ok: false, code: this.#health.name === 'waiting' ? this.#health.code : 'not-open' }
    const now = this.#options.clock.monotonic()
    if (this.#isStale(now)) {
      this.#staleTimes++
      this.#lose('stale', 'requests left, but no byte arrived')
      return { ok: false, code: 'stale' }
    }
    const result = this.#channel.write(bytes)
    if (!result.ok) this.#lose(result.code, 'the write was refused')
    else this.#unansweredSince ??= now
    return result
  }

  async setLines(lines: ModemLines): Promise<WriteResult> {
    if (this.#channel === null) return { ok: false, code: 'not-open' }
    return (await this.#channel.setLines?.(lines)) ?? { ok: false, code: 'no-lines' }
  }

  onBytes(handler: (bytes: Uint8Array) => void): void {
    this.#onBytes = handler
  }

  onState(handler: (open: boolean, code: string) => void): void {
    this.#onState = handler
  }

  supervise(): { readonly reopen: (code: string) => void } {
    this.#isSupervised = true
    const reopen = (code: string): void => {
      if (this.#channel !== null && this.#options.staleMs > 0) this.#lose(code, 'whoever is asked over it does not answer')
    }
    return { reopen }
  }

  start(): void {
    if (this.#health.name === 'stopped') this.#open(0)
  }

  close(): Promise<void> {
    this.#cancelTimer()
    this.#generation++
    if (this.#health.name === 'opening') this.#abandon()
    this.#health = { name: 'stopped' }
    const channel = this.#channel
    this.#channel = null
    if (channel === null) return Promise.resolve()
    this.#onState(false, 'closed')
    return new Promise((resolve) => channel.close(resolve))
  }

  #open(attempt: number): void {
    const generation = ++this.#generation
    const isCurrent = (): boolean => generation === this.#generation
    this.#health = { name: 'opening', attempt }
    this.#cancelTimer = this.#options.timers.after(openTimeoutMs, () => {
      if (isCurrent()) this.#lose('open-timeout', `not open after ${openTimeoutMs} ms`)
    })
    this.#abandon = this.#options.open({
      opened: (channel) => (isCurrent() ? this.#opened(channel) : channel.close(() => {})),
      bytes: (bytes) => {
        if (isCurrent()) this.#heard(bytes)
      },
      lost: (code, message) => {
        if (isCurrent()) this.#lose(code, message)
      },
    })
  }

  #opened(channel: Channel): void {
    this.#cancelTimer()
    this.#channel = channel
    this.#health = linkOpened(this.#health, this.#options.clock.monotonic())
    this.#unansweredSince = null
    this.#toldCode = ''
    this.#log.info('link-open', {})
    this.#onState(true, 'open')
  }

  /** When calling again brought no byte either, the meters may simply be dead: then twice as long passes before the next call. */
  #isStale(now: MonotonicMs): boolean {
    const { staleMs } = this.#options
    if (staleMs === 0 || this.#isSupervised || this.#unansweredSince === null) return false
    return now - this.#unansweredSince >= Math.max(staleMs, Math.min(staleMsMax, staleMs * 2 ** this.#staleTimes))
  }

  #heard(bytes: Uint8Array): void {
    this.#unansweredSince = null
    this.#staleTimes = 0
    this.#health = linkHeard(this.#health)
    this.#onBytes(bytes)
  }

  /** Drops the channel, if there is one, and opens again after a pause. */
  #lose(code: string, message: string): void {
    const { clock, timers, random } = this.#options
    this.#cancelTimer()
    this.#generation++
    const channel = this.#channel
    this.#channel = null
    if (this.#health.name === 'opening') this.#abandon()
    const health = linkFailed(this.#health, code, clock.monotonic(), random.next())
    this.#health = health
    if (health.name !== 'waiting') return
    const reopen = (): void => {
      if (this.#health === health)
        this.#cancelTimer = timers.after(health.until - clock.monotonic(), () => this.#open(health.attempt))
    }
    // The old channel must be gone first: a locked port cannot be opened a second time.
    if (channel === null) reopen()
    else channel.close(reopen)
    if (channel === null && code === this.#toldCode) return
    this.#toldCode = code
    this.#log.warn(channel === null ? 'link-not-open' : 'link-lost', { code, message })
    this.#onState(false, code)
  }
}
