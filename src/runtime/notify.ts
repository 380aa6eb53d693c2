import { execFile } from 'node:child_process'
import type { Log } from '../ports/index.js'

/** What the service manager is told. Without one (`NOTIFY_SOCKET` not set) nothing is. */
export interface Notifier {
  /** Start-up has ended: money is safe and the buses run. */
  ready(status: string): void
  /** One line for `systemctl status`. */
  status(text: string): void
  feedWatchdog(): void
  stopping(): void
  /** systemd's limit between two feeds, ms; null: no watchdog is set. */
  readonly watchdogMs: number | null
  /** Ends when everything told so far has been handed over or given up. */
  flushed(): Promise<void>
}

/** Messages waiting for the one on its way; when there are more, the oldest status or feed is dropped, never what is told once. */
export const waitingMax = 8
/** A message that takes longer is given up: its process is ended. */
const handOverMsMax = 5_000

/**
 * Tells systemd through the `systemd-notify` program, because Node has no datagram sockets of the Unix kind. The unit needs
 * `NotifyAccess=all`: the message comes from a child. One child at a time, so messages arrive in order.
 *
 * @param environment the process's own; `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are looked at
 */
export function createNotifier(environment: Readonly<Record<string, string | undefined>>, log: Log, pid: number): Notifier {
  const watchdogUs = Number(environment['WATCHDOG_USEC'] ?? 0)
  const isOurs = environment['WATCHDOG_PID'] === undefined || Number(environment['WATCHDOG_PID']) === pid
  const hasManager = (environment['NOTIFY_SOCKET'] ?? '') !== ''
  const waiting: Message[] = []
  let underWay: Promise<void> | null = null
  let failureTold = false

  const handOver = (assignments: readonly string[]) =>
    new Promise<void>((resolve) => {
      execFile('systemd-notify', [...assignments], { timeout: handOverMsMax, env: { ...environment } }, (error) => {
        if (error !== null && !failureTold) log.warn('notify-failed', { message: error.message.split('\n')[0] ?? '' })
        failureTold = error !== null
        resolve()
      })
    })

  const drain = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await handOver(next.assignments)
    underWay = null
  }

  const tell = (mayDrop: boolean, ...assignments: readonly string[]): void => {
    if (!hasManager) return
    const oldest = waiting.findIndex((message) => message.mayDrop)
    if (waiting.length >= waitingMax && oldest >= 0) waiting.splice(oldest, 1)
    waiting.push({ assignments, mayDrop })
    underWay ??= drain()
  }

  return {
    ready: (status) => tell(false, 'READY=1', `STATUS=${oneLine(status)}`),
    status: (text) => tell(true, `STATUS=${oneLine(text)}`),
    feedWatchdog: () => tell(true, 'WATCHDOG=1'),
    stopping: () => tell(false, 'STOPPING=1'),
    watchdogMs: hasManager && isOurs && watchdogUs > 0 ? watchdogUs / 1000 : null,
    flushed: () => underWay ?? Promise.resolve(),
  }
}

interface Message {
  readonly assignments: readonly string[]
  readonly mayDrop: boolean
}

const statusCharsMax = 200

/** A line break would begin another assignment. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').slice(0, statusCharsMax)
}
