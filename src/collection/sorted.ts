/** How many of the items, which are sorted by an instant, stand at `until` or before. */
export function countUntil<T>(items: readonly T[], until: number, instantOf: (item: T) => number): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    const item = items[middle]
    if (item !== undefined && instantOf(item) <= until) low = middle + 1
    else high = middle
  }
  return low
}
