/** A binary min-heap by time; entries of one time leave in the order they came, so that two runs are identical. */
export class TimeHeap<T> {
  private readonly entries: Entry<T>[] = []
  private pushed = 0

  /** Time of the earliest entry; null when empty. */
  get nextAt(): number | null {
    return this.entries[0]?.at ?? null
  }

  get size(): number {
    return this.entries.length
  }

  push(at: number, item: T): void {
    const entries = this.entries
    const entry = { at, order: this.pushed++, item }
    let index = entries.length
    entries.push(entry)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = entries[parentIndex]
      if (parent === undefined || !isBefore(entry, parent)) break
      entries[index] = parent
      index = parentIndex
    }
    entries[index] = entry
  }

  /** Takes the earliest entry when its time is `until` or before; null otherwise. */
  popUntil(until: number): T | null {
    const first = this.entries[0]
    if (first === undefined || first.at > until) return null
    const last = this.entries.pop()
    if (last !== undefined && this.entries.length > 0) this.sink(last)
    return first.item
  }

  private sink(entry: Entry<T>): void {
    const entries = this.entries
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const child = earlierOf(entries, left)
      if (child === null || !isBefore(child.entry, entry)) break
      entries[index] = child.entry
      index = child.index
    }
    entries[index] = entry
  }
}

interface Entry<T> {
  readonly at: number
  readonly order: number
  readonly item: T
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function earlierOf<T>(entries: readonly Entry<T>[], left: number): { index: number; entry: Entry<T> } | null {
  const first = entries[left]
  if (first === undefined) return null
  const second = entries[left + 1]
  if (second !== undefined && isBefore(second, first)) return { index: left + 1, entry: second }
  return { index: left, entry: first }
}
