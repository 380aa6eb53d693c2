/** Whose work the processor does while virtual time passes. */
export const accounts = ['runtime', 'store', 'far end'] as const
export type Account = (typeof accounts)[number]
export type CpuSeconds = Readonly<Record<Account, number>>

/**
 * Tells apart what the parts of one thread cost. Whatever is not charged to another account, promise chains and the machinery of virtual
 * time included, is the runtime's. The clock divides and the system's count of processor time is what is divided, so that time lost to other
 * processes counts for nobody.
 */
export class CpuAccounts {
  readonly #spentMs: Record<Account, number> = { runtime: 0, store: 0, 'far end': 0 }
  #current: Account = 'runtime'
  #since = performance.now()
  #cpu = process.cpuUsage()

  /** Charges `work`, and only what it does before it returns, to an account. */
  run<T>(account: Account, work: () => T): T {
    const before = this.#current
    this.#switch(account)
    try {
      return work()
    } finally {
      this.#switch(before)
    }
  }

  /** What each has used since the last call. */
  take(): CpuSeconds {
    this.#switch(this.#current)
    const cpu = process.cpuUsage(this.#cpu)
    this.#cpu = process.cpuUsage()
    const wholeMs = accounts.reduce((sum, account) => sum + this.#spentMs[account], 0)
    const secondsOf = (account: Account): number => {
      const share = wholeMs === 0 ? 0 : this.#spentMs[account] / wholeMs
      this.#spentMs[account] = 0
      return (share * (cpu.user + cpu.system)) / 1e6
    }
    return { runtime: secondsOf('runtime'), store: secondsOf('store'), 'far end': secondsOf('far end') }
  }

  #switch(account: Account): void {
    const now = performance.now()
    this.#spentMs[this.#current] += now - this.#since
    this.#since = now
    this.#current = account
  }
}
