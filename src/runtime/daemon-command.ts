/** How the daemon's process is started wherever it is started: the unit of systemd, the demo and the benches use the same. */
export interface DaemonCommand {
  /** Options of Node, in front of the program. */
  readonly flags: readonly string[]
  /** Further environment. */
  readonly env: Readonly<Record<string, string>>
}

/**
 * Keeps the process small rather than quick, and lets the unit forbid memory that is written and run: the interpreter alone does not
 * need it. A small young generation, a heap that grows in small steps, one arena of malloc and two threads for files and names do
 * the rest; disk work has the store's thread. docs/decisions/0010 has the figures; `systemd/wattkeep.service` says the same words.
 */
export const daemonCommand: DaemonCommand = {
  flags: ['--jitless', '--optimize-for-size', '--max-semi-space-size=1', '--heap-growing-percent=20', '--max-old-space-size=192'],
  env: { MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '2' },
}
