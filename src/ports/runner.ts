import type { LinkId, MeterAddress, MonotonicMs } from '../model/index.js'
import type { Hindrance } from './bus.js'
import type { Session } from './protocol.js'

/** Priorities on a bus, most urgent first. A more urgent job waits for at most the exchange in flight (or a follow-up chain's next frame). */
export const priorities = [
  'relay',
  'live-call',
  'threshold-watch',
  'freeze',
  'curve',
  'backfill',
  'discovery',
  'clock-care',
] as const
export type Priority = (typeof priorities)[number]

export interface Job<T> {
  readonly meter: MeterAddress | 'all'
  readonly session: Session<T>
  readonly priority: Priority
  /** After this the job is given up; null: it waits for as long as it takes. */
  readonly expiresAt: MonotonicMs | null
  /** Told of each exchange of it that has left. */
  readonly onExchange?: (spent: ExchangeTime) => void
}

/** What an exchange cost. */
export interface ExchangeTime {
  /** Its share of the bus's time; of a bus that carries several at a time it takes a part, ms. */
  readonly busMs: number
  /** Of a reply: from its request's start on the medium to its end, ms; what it waited for its turn there is not in it. */
  readonly tookMs: number
}

export type JobResult<T> =
  /** `hindrance`: what it knows as the bus being down concerns its meter alone. */
  | { readonly kind: 'settled'; readonly outcome: T; readonly hindrance?: Hindrance }
  /** Its time was over before it finished. `sent`: a request of it may have left. */
  | { readonly kind: 'expired'; readonly sent: boolean }
  /** The meter has been silent and its next probe is not due: it was not asked. */
  | { readonly kind: 'held'; readonly nextProbe?: MonotonicMs }
  /** The queue is full or the runner is closing. */
  | { readonly kind: 'refused' }

/** Runs sessions on one bus: queues each exchange anew, keeps deadlines, back-off and fairness. */
export interface Runner {
  readonly link: LinkId
  /** Exchanges that the bus carries at a time; a module's is learned, so it may change. */
  readonly concurrency: number
  /** The longest reply that it carries, bytes; absent: any. A module's is learned as well. */
  readonly replyBytesMax?: number | undefined
  /** How long one exchange may take, ms; absent: no longer than on a wire. */
  readonly exchangeMsMax?: number | undefined
  run<T>(job: Job<T>): Promise<JobResult<T>>
  snapshot(): RunnerSnapshot
  /** Settles once the exchange in flight has ended, at once when there is none: proof that this bus still turns. */
  turned(): Promise<void>
  close(): Promise<void>
}

/** What a technician and the status stream see of a bus; counts since start. */
export interface RunnerSnapshot {
  readonly link: LinkId
  readonly up: boolean
  readonly queued: number
  readonly exchanges: number
  readonly replies: number
  readonly silent: number
  readonly garbled: number
  readonly busyMs: number
  readonly probeMs: number
  readonly silentMeters: readonly { readonly meter: MeterAddress; readonly since: MonotonicMs; readonly nextProbe: MonotonicMs }[]
}
