/** How the daemon's process is started wherever it is started: the unit of systemd, the demo and the benches use the same. */
export interface DaemonCommand {
  /** Options of Node, in front of the program. */
  readonly flags: readonly string[]
  /** Further environment. */
  readonly env: Readonly<Record<string, string>>
}

/**
 * Keeps the process small rather than quick: a field box may have 256 MiB for everything. The interpreter alone takes 1.6 times the
 * processor time of compiled code for the same exchanges, and 14 MiB less; a field box spends its time waiting for wires. A small
 * young generation, a heap that grows in small steps, one arena of malloc and two threads for files and names do the rest; disk
 * work has the store's thread. `systemd/wattkeep.service` says the same words.
 */
export const daemonCommand: DaemonCommand = {
  flags: [
    '--jitless',
    '--no-expose-wasm',
    '--optimize-for-size',
    '--max-semi-space-size=1',
    '--heap-growing-percent=20',
    '--max-old-space-size=192',
  ],
  env: { MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '2' },
}
