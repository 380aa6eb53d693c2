/** `1 meter`, `4 meters`: a count with its noun; `many` where the plural is not made by an s. */
export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
