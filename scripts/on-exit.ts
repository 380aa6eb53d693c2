const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Undoes something (a mount, a process) however this program ends: by itself, by an error, by a signal or a closed pipe.
 *
 * @param undo synchronous; called once at most
 * @returns does it now, and not again at the end
 */
export function onExit(undo: () => void): () => void {
  const end = (): void => process.exit(1)
  const once = (): void => {
    process.removeListener('exit', once)
    for (const signal of signals) process.removeListener(signal, end)
    undo()
  }
  // What was set up last is undone first.
  process.prependOnceListener('exit', once)
  for (const signal of signals) process.once(signal, end)
  return once
}
