/** Whether bytes begin with `head`. */
export function startsWith(bytes: Uint8Array, head: readonly number[]): boolean {
  for (let index = 0; index < head.length; index += 1) if (bytes[index] !== head[index]) return false
  return true
}

/** The element at an index that must be inside. @throws RangeError when it is not: a bug of ours */
export function nth<T>(list: readonly (T | undefined)[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new RangeError(`there is no element ${index}`)
  return found
}
